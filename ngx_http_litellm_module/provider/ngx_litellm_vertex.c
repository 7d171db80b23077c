
/*
 * Vertex AI: which project, location and credential a deployment has, where
 * its models are, and which dialect speaks to them.  Google's models take
 * Gemini's dialect, Anthropic's their own with Vertex AI's wrapping, other
 * publishers' ("meta/...") OpenAI's at Vertex AI's compatible endpoint.
 *
 * ngx_litellm_vertex_setup() is called while the configuration is read; files
 * and variables are the caller's business (env).  A model's name may be the
 * client's word: it is escaped in the path.
 */

#include "ngx_litellm_vertex.h"
#include "ngx_litellm_anthropic.h"
#include "ngx_litellm_gemini.h"
#include "ngx_litellm_credential.h"


#define NGX_LITELLM_VERTEX_LOCATION  "us-central1"


static ngx_int_t ngx_litellm_vertex_name(ngx_litellm_config_env_t *env,
    ngx_pool_t *pool, ngx_litellm_deployment_t *d, const char *name,
    const char *other, const char *variables, ngx_str_t *value,
    ngx_str_t *why);
static ngx_int_t ngx_litellm_vertex_credential(ngx_litellm_config_env_t *env,
    ngx_pool_t *pool, ngx_litellm_deployment_t *d, ngx_str_t *why);
static ngx_int_t ngx_litellm_vertex_variable(ngx_litellm_config_env_t *env,
    ngx_str_t *text);
static ngx_int_t ngx_litellm_vertex_base(ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, ngx_litellm_vertex_t *v);
static ngx_uint_t ngx_litellm_vertex_partner(ngx_str_t *model);
static ngx_uint_t ngx_litellm_vertex_own_path(ngx_str_t *path);
static ngx_uint_t ngx_litellm_vertex_tuned(ngx_str_t *model);
static ngx_uint_t ngx_litellm_vertex_begins(ngx_str_t *s, const char *start,
    size_t len);


#define ngx_litellm_vertex_begins_with(s, start)                              \
    ngx_litellm_vertex_begins(s, start, sizeof(start) - 1)


ngx_int_t
ngx_litellm_vertex_setup(ngx_litellm_config_env_t *env, ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, ngx_str_t *why)
{
    ngx_int_t              rc;
    ngx_litellm_vertex_t  *v;

    static ngx_str_t  provider = ngx_string("vertex_ai");

    v = ngx_pcalloc(pool, sizeof(ngx_litellm_vertex_t));
    if (v == NULL) {
        return NGX_ERROR;
    }

    d->own = v;

    /* "vertex_ai_beta" is an older name of the same */

    if (d->info == NULL) {
        d->info = ngx_litellm_model_find(&provider, &d->model);
    }

    rc = ngx_litellm_vertex_name(env, pool, d, "vertex_project",
                                 "vertex_ai_project",
                                 "VERTEXAI_PROJECT VERTEX_PROJECT "
                                 "DEFAULT_VERTEXAI_PROJECT "
                                 "GOOGLE_CLOUD_PROJECT",
                                 &v->project, why);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_vertex_name(env, pool, d, "vertex_location",
                                 "vertex_ai_location",
                                 "VERTEXAI_LOCATION VERTEX_LOCATION "
                                 "DEFAULT_VERTEXAI_LOCATION "
                                 "GOOGLE_CLOUD_LOCATION",
                                 &v->location, why);
    if (rc != NGX_OK) {
        return rc;
    }

    if (v->location.len == 0) {
        ngx_str_set(&v->location, NGX_LITELLM_VERTEX_LOCATION);
    }

    rc = ngx_litellm_vertex_credential(env, pool, d, why);
    if (rc != NGX_OK) {
        return rc;
    }

    if (v->project.len == 0 && d->credential) {
        v->project = d->credential->project;
    }

    if (d->api_base.len) {
        return NGX_OK;
    }

    if (v->project.len == 0 && !d->no_credentials && d->api_key.len == 0) {
        ngx_str_set(why, "vertex_project is not set, nor is the variable "
                    "VERTEXAI_PROJECT");
        return NGX_DECLINED;
    }

    return ngx_litellm_vertex_base(pool, d, v);
}


/* what becomes a part of the URL: nothing but letters, digits and "-_.:" */

static ngx_int_t
ngx_litellm_vertex_name(ngx_litellm_config_env_t *env, ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, const char *name, const char *other,
    const char *variables, ngx_str_t *value, ngx_str_t *why)
{
    u_char      c;
    ngx_int_t   rc;
    ngx_str_t  *text;
    ngx_uint_t  i;

    ngx_str_null(value);

    text = ngx_litellm_config_setting(d, other, ngx_strlen(other));

    if (text != NULL
        && ngx_litellm_config_setting(d, name, ngx_strlen(name)) == NULL)
    {
        *value = *text;

    } else {
        rc = ngx_litellm_provider_setting(env, pool, d, name, variables,
                                          value);
        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED) {
            ngx_str_null(value);
        }
    }

    for (i = 0; i < value->len; i++) {
        c = value->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9')
              || c == '-' || c == '_' || c == '.' || c == ':'))
        {
            ngx_str_set(why, "vertex_project or vertex_location is not a "
                        "name");
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


/* a path, the JSON text itself, or a map that was made such a text */

static ngx_int_t
ngx_litellm_vertex_credential(ngx_litellm_config_env_t *env, ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, ngx_str_t *why)
{
    ngx_str_t  *setting, text, json;

    setting = ngx_litellm_setting(d, "vertex_credentials");

    if (setting == NULL) {
        setting = ngx_litellm_setting(d, "vertex_ai_credentials");
    }

    if (setting != NULL) {
        text = *setting;

    } else if (d->no_credentials) {
        return NGX_OK;

    } else if (ngx_litellm_vertex_variable(env, &text) != NGX_OK) {

        /* express mode has a key, somebody else's gateway neither */

        if (d->api_key.len == 0 && d->api_base.len == 0) {
            d->no_credentials = 1;
            ngx_str_set(&d->missing_env, "GOOGLE_APPLICATION_CREDENTIALS");
        }

        return NGX_OK;
    }

    while (text.len && (text.data[0] == ' ' || text.data[0] == '\n'
                        || text.data[0] == '\r' || text.data[0] == '\t'))
    {
        text.data++;
        text.len--;
    }

    if (text.len && text.data[0] == '{') {
        return ngx_litellm_credential_google(pool, &text, &d->credential,
                                             why);
    }

    if (text.len == 0 || env->read(env->data, &text, &json, why) != NGX_OK) {

        /* what the file is called may be a secret that was put there */

        ngx_str_set(why, "the file of vertex_credentials, or of "
                    "GOOGLE_APPLICATION_CREDENTIALS, can't be read");
        return NGX_DECLINED;
    }

    return ngx_litellm_credential_google(pool, &json, &d->credential, why);
}


/* unlike other variables this one may have lines */

static ngx_int_t
ngx_litellm_vertex_variable(ngx_litellm_config_env_t *env, ngx_str_t *text)
{
    ngx_str_t   name;
    ngx_uint_t  i;

    static const ngx_str_t  names[] = {
        ngx_string("VERTEXAI_CREDENTIALS"),
        ngx_string("GOOGLE_APPLICATION_CREDENTIALS"),
        ngx_string("DEFAULT_GOOGLE_APPLICATION_CREDENTIALS")
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {

        name = names[i];

        if (env->env(env->data, &name, text) == NGX_OK && text->len) {
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


/*
 * Vertex AI docs, "Locations": a region's host has its name before it, the
 * multi-regions have theirs within, "global" has none.
 */

static ngx_int_t
ngx_litellm_vertex_base(ngx_pool_t *pool, ngx_litellm_deployment_t *d,
    ngx_litellm_vertex_t *v)
{
    u_char     *p;
    size_t      len;
    ngx_str_t   before, after;

    ngx_str_set(&before, "https://");
    ngx_str_set(&after, "aiplatform.googleapis.com");

    len = before.len + 2 * v->location.len + v->project.len
          + sizeof("-aiplatform.googleapis.com"
                   "/v1/projects//locations//endpoints/openapi");

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    d->api_base.data = p;

    if (v->location.len == 6
        && ngx_strncmp(v->location.data, "global", 6) == 0)
    {
        p = ngx_cpymem(p, before.data, before.len);
        p = ngx_cpymem(p, after.data, after.len);

    } else if (v->location.len == 2) {
        p = ngx_sprintf(p, "https://aiplatform.%V.rep.googleapis.com",
                        &v->location);

    } else {
        p = ngx_sprintf(p, "%V%V-%V", &before, &v->location, &after);
    }

    if (ngx_litellm_vertex_partner(&d->model)) {
        v->openapi = 1;
        p = ngx_sprintf(p, "/v1/projects/%V/locations/%V/endpoints/openapi",
                        &v->project, &v->location);
    }

    d->api_base.len = p - d->api_base.data;

    return NGX_OK;
}


const ngx_litellm_dialect_t *
ngx_litellm_vertex_select(ngx_litellm_call_t *call)
{
    ngx_str_t             *model;
    ngx_litellm_vertex_t  *v;

    if (call->op == NGX_LITELLM_OP_EMBEDDINGS) {
        return &ngx_litellm_vertex_embed_dialect;
    }

    if (call->op != NGX_LITELLM_OP_CHAT
        && call->op != NGX_LITELLM_OP_COMPLETIONS)
    {
        return NULL;
    }

    model = &call->provider_model;
    v = call->deployment->own;

    if (ngx_litellm_vertex_begins_with(model, "claude")) {
        return &ngx_litellm_vertex_anthropic_dialect;
    }

    if (ngx_litellm_vertex_partner(model)) {

        /* a wildcard's address is not that of the compatible endpoint */

        return ((v != NULL && v->openapi)
                || ngx_litellm_vertex_own_path(&call->deployment->url.path))
               ? &ngx_litellm_openai_dialect : NULL;
    }

    /* publishers with methods of their own */

    if (ngx_litellm_vertex_begins_with(model, "mistral")
        || ngx_litellm_vertex_begins_with(model, "codestral")
        || ngx_litellm_vertex_begins_with(model, "jamba"))
    {
        return NULL;
    }

    return &ngx_litellm_gemini_dialect;
}


ngx_uint_t
ngx_litellm_vertex_is(ngx_litellm_call_t *call)
{
    ngx_str_t  name;

    name = call->deployment->provider->name;

    return ngx_litellm_vertex_begins_with(&name, "vertex_ai");
}


ngx_int_t
ngx_litellm_vertex_path(ngx_litellm_call_t *call, const char *publisher,
    const char *verb, const char *args, ngx_str_t *path)
{
    u_char                *p, *colon, *slash;
    size_t                 len;
    ngx_str_t              base, model, version;
    ngx_litellm_url_t     *url;
    ngx_litellm_vertex_t  *v, none;

    url = &call->deployment->url;
    base = url->path;
    model = call->provider_model;
    v = call->deployment->own;

    if (v == NULL) {
        ngx_memzero(&none, sizeof(ngx_litellm_vertex_t));
        v = &none;
    }

    if (ngx_litellm_vertex_begins_with(&model, "gemini/")) {
        model.data += 7;
        model.len -= 7;
    }

    len = base.len + sizeof("/v1beta1/projects//locations//publishers//models/"
                            ":?&")
          + v->project.len + v->location.len + ngx_strlen(publisher)
          + 3 * model.len + ngx_strlen(verb) + ngx_strlen(args)
          + url->args.len;

    p = ngx_pnalloc(call->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    path->data = p;

    if (ngx_litellm_vertex_own_path(&base)) {

        /* one that names a method already */

        slash = base.data + base.len;

        while (slash > base.data && slash[-1] != '/') {
            slash--;
        }

        colon = ngx_strlchr(slash, base.data + base.len, ':');

        if (colon != NULL) {
            base.len = colon - base.data;
        }

        p = ngx_cpymem(p, base.data, base.len);

    } else {
        version = base;

        if (version.len == 0) {
            ngx_str_set(&version, "/v1");
        }

        p = ngx_sprintf(p, "%V/projects/%V/locations/%V/", &version,
                        &v->project, &v->location);

        if (ngx_litellm_vertex_tuned(&model)) {
            p = ngx_cpymem(p, "endpoints/", sizeof("endpoints/") - 1);

        } else {
            p = ngx_sprintf(p, "publishers/%s/models/", publisher);
        }

        p = (u_char *) ngx_escape_uri(p, model.data, model.len,
                                      NGX_ESCAPE_URI_COMPONENT);
    }

    *p++ = ':';
    p = ngx_cpymem(p, verb, ngx_strlen(verb));

    if (*args) {
        *p++ = '?';
        p = ngx_cpymem(p, args, ngx_strlen(args));
    }

    if (url->args.len) {
        *p++ = *args ? '&' : '?';
        p = ngx_cpymem(p, url->args.data, url->args.len);
    }

    path->len = p - path->data;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_vertex_headers(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire)
{
    ngx_str_t  *key;

    if (call->token.len) {
        return ngx_litellm_wire_bearer(call, wire, &call->token);
    }

    key = &call->deployment->api_key;

    if (key->len == 0) {
        return NGX_OK;
    }

    return ngx_litellm_wire_header(wire, "x-goog-api-key",
                                   sizeof("x-goog-api-key") - 1, key);
}


/* Google's have a status in words or a number for a code */

void
ngx_litellm_vertex_error(ngx_litellm_call_t *call, ngx_uint_t status,
    ngx_str_t *body, ngx_litellm_error_t *e)
{
    ngx_litellm_json_t      *v, *code;
    ngx_litellm_json_doc_t   doc;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = call->pool;
    doc.keep = 4;

    if (ngx_litellm_json_parse(&doc, body->data, body->len) == NGX_OK) {

        v = ngx_litellm_gemini_failed(doc.root);
        code = ngx_litellm_json_member(v, "code");

        if (ngx_litellm_json_is(code, NUMBER)
            || ngx_litellm_json_member(v, "status"))
        {
            ngx_litellm_gemini_error(call, status, body, e);
            return;
        }
    }

    ngx_litellm_anthropic_error(call, status, body, e);
}


/* "meta/llama-..."; "gemini/4965075652664360960" is a tuned one of Google's */

static ngx_uint_t
ngx_litellm_vertex_partner(ngx_str_t *model)
{
    return ngx_strlchr(model->data, model->data + model->len, '/') != NULL
           && !ngx_litellm_vertex_begins_with(model, "gemini/")
           && !ngx_litellm_vertex_begins_with(model, "claude");
}


/* an api_base that says more than host and version */

static ngx_uint_t
ngx_litellm_vertex_own_path(ngx_str_t *path)
{
    return path->len
           && !(path->len == 3 && ngx_strncmp(path->data, "/v1", 3) == 0)
           && !(path->len == 8
                && ngx_strncmp(path->data, "/v1beta1", 8) == 0);
}


/* a tuned model has a number for a name */

static ngx_uint_t
ngx_litellm_vertex_tuned(ngx_str_t *model)
{
    ngx_uint_t  i;

    for (i = 0; i < model->len; i++) {
        if (model->data[i] < '0' || model->data[i] > '9') {
            return 0;
        }
    }

    return model->len != 0;
}


static ngx_uint_t
ngx_litellm_vertex_begins(ngx_str_t *s, const char *start, size_t len)
{
    return s->len >= len && ngx_strncmp(s->data, start, len) == 0;
}
