
/*
 * Azure OpenAI: OpenAI's bodies below a resource's address.  A deployment is
 * named in the path, the version of the API in the query, and the key goes in
 * a header of its own (REST API reference, "API specs" and "v1").  Forms:
 *
 *   {base}/openai/deployments/{deployment}/chat/completions?api-version=...
 *   {base}/openai/v1/chat/completions      api_version v1, latest or preview
 *
 * ngx_litellm_azure_setup() runs once for each deployment of the
 * configuration and leaves an ngx_litellm_azure_t in d->own; the rest for each
 * attempt.  d->own and the deployment are never changed afterwards.
 */

#include "ngx_litellm_openai_dialect.h"
#include "ngx_litellm_azure.h"


#define NGX_LITELLM_AZURE_VERSION     "2025-02-01-preview"

/* from these versions on */
#define NGX_LITELLM_AZURE_TOOL_CHOICE      20231201
#define NGX_LITELLM_AZURE_TOOL_REQUIRED    20240601
#define NGX_LITELLM_AZURE_SCHEMA           20240801


static void ngx_litellm_azure_family(ngx_litellm_deployment_t *d,
    ngx_litellm_azure_t *az);
static const ngx_litellm_model_t *ngx_litellm_azure_row(ngx_str_t *name);
static ngx_uint_t ngx_litellm_azure_ends(ngx_str_t *path, const char *end,
    size_t len);
static ngx_uint_t ngx_litellm_azure_contains(ngx_str_t *text,
    const char *word);
static uint64_t ngx_litellm_azure_supported(ngx_litellm_call_t *call);
static ngx_uint_t ngx_litellm_azure_wants(ngx_litellm_call_t *call);
static ngx_int_t ngx_litellm_azure_edit(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp, ngx_array_t *adds,
    uint64_t *present, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_azure_answer(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp,
    ngx_litellm_facts_t *facts, ngx_uint_t stream, ngx_uint_t *changed);
static void ngx_litellm_azure_arguments(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *root);
static ngx_uint_t ngx_litellm_azure_no_schema(ngx_litellm_call_t *call);


const ngx_litellm_variant_t  ngx_litellm_azure_variant = {
    ngx_litellm_azure_supported,
    ngx_litellm_azure_path,
    ngx_litellm_azure_headers,
    ngx_litellm_azure_edit,
    ngx_litellm_azure_wants,
    ngx_litellm_azure_answer,
    ngx_litellm_error_azure,
    ngx_string(NGX_LITELLM_SCHEMA_MARKS " ~prompt_filter_results"
               " \"embedding\"")
};


ngx_int_t
ngx_litellm_azure_setup(ngx_litellm_config_env_t *env, ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, ngx_str_t *why)
{
    ngx_int_t             rc;
    ngx_litellm_azure_t  *az;

    static ngx_str_t  text = ngx_string("azure_text");

    az = ngx_pcalloc(pool, sizeof(ngx_litellm_azure_t));
    if (az == NULL) {
        return NGX_ERROR;
    }

    d->own = az;

    if (d->mode == NGX_LITELLM_MODE_UNKNOWN
        && ((d->custom_provider.len == text.len
             && ngx_memcmp(d->custom_provider.data, text.data, text.len) == 0)
            || (d->full_model.len > text.len
                && d->full_model.data[text.len] == '/'
                && ngx_memcmp(d->full_model.data, text.data, text.len) == 0)))
    {
        d->mode = NGX_LITELLM_MODE_COMPLETION;
    }

    az->base_v1 = ngx_litellm_azure_contains(&d->api_base, "/openai/v1");

    ngx_litellm_azure_family(d, az);

    rc = ngx_litellm_azure_version(env, pool, d, az, "AZURE_API_VERSION",
                                   NGX_LITELLM_AZURE_VERSION);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_litellm_azure_access(env, pool, d, az, why);
}


/*
 * A deployment's name says nothing about its model, so names in the table,
 * names that begin like one ("gpt-5-mini-eu") and LiteLLM's marks before them
 * (o_series/, gpt5_series/) are all that there is without a base_model.
 */

static void
ngx_litellm_azure_family(ngx_litellm_deployment_t *d, ngx_litellm_azure_t *az)
{
    ngx_uint_t  i;
    ngx_str_t   name;

    static struct {
        ngx_str_t   mark;
        ngx_str_t   model;
    } families[] = {
        { ngx_string("o_series/"), ngx_string("o3") },
        { ngx_string("gpt5_series/"), ngx_string("gpt-5") }
    };

    az->rules = d->info;

    for (i = 0; i < 2; i++) {

        if (d->model.len <= families[i].mark.len
            || ngx_memcmp(d->model.data, families[i].mark.data,
                          families[i].mark.len)
               != 0)
        {
            continue;
        }

        d->model.data += families[i].mark.len;
        d->model.len -= families[i].mark.len;

        if (az->rules == NULL) {
            az->rules = ngx_litellm_azure_row(&d->model);
            d->info = az->rules;
        }

        if (az->rules == NULL) {
            az->rules = ngx_litellm_azure_row(&families[i].model);
        }

        return;
    }

    if (az->rules != NULL
        || ngx_strlchr(d->model.data, d->model.data + d->model.len, '*')
           != NULL)
    {
        return;
    }

    name = d->model;

    while (name.len && az->rules == NULL) {
        az->rules = ngx_litellm_azure_row(&name);

        while (name.len && name.data[--name.len] != '-') { /* void */ }
    }

    /* a guess: good enough for what only reasoning models refuse */

    if (az->rules != NULL && !ngx_litellm_openai_reasons(az->rules)) {
        az->rules = NULL;
    }
}


static const ngx_litellm_model_t *
ngx_litellm_azure_row(ngx_str_t *name)
{
    static ngx_str_t  azure = ngx_string("azure");

    return ngx_litellm_model_find(&azure, name);
}


const ngx_litellm_model_t *
ngx_litellm_azure_model(ngx_litellm_call_t *call)
{
    ngx_litellm_azure_t       *az;
    ngx_litellm_deployment_t  *d;

    d = call->deployment;
    az = d->own;

    if (az == NULL || az->rules != NULL) {
        return az ? az->rules : NULL;
    }

    /* of a wildcard: only the request has the name */

    if (ngx_strlchr(d->model.data, d->model.data + d->model.len, '*') != NULL)
    {
        return ngx_litellm_azure_row(&call->provider_model);
    }

    return NULL;
}


/* service_tier came with the v1 form, tool_choice with 2023-12-01-preview */

static uint64_t
ngx_litellm_azure_supported(ngx_litellm_call_t *call)
{
    uint64_t              supported;
    ngx_litellm_azure_t  *az;

    az = call->deployment->own;

    supported = ~(uint64_t) 0;

    if (!az->v1 && !az->base_v1) {
        supported &= ~ngx_litellm_param_bit(SERVICE_TIER);
    }

    if (az->date && az->date < NGX_LITELLM_AZURE_TOOL_CHOICE) {
        supported &= ~ngx_litellm_param_bit(TOOL_CHOICE);
    }

    return supported;
}


ngx_int_t
ngx_litellm_azure_path(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire)
{
    u_char                    *p;
    size_t                     len, escape;
    ngx_str_t                  base, end, model;
    ngx_uint_t                 v1, named;
    const char                *between;
    ngx_litellm_url_t         *url;
    ngx_litellm_azure_t       *az;

    az = call->deployment->own;
    url = &call->deployment->url;
    base = url->path;
    model = call->provider_model;

    ngx_litellm_openai_endpoint(call, &end);

    between = "";
    named = 0;
    v1 = 0;

    if (ngx_litellm_azure_ends(&base, (char *) end.data, end.len)) {

        /* the whole address, as Azure's portal shows it */

        end.len = 0;
        v1 = ngx_litellm_azure_contains(&base, "/openai/v1/");

    } else if (ngx_litellm_azure_ends(&base, "/openai/v1",
                                      sizeof("/openai/v1") - 1))
    {
        v1 = 1;

    } else if (ngx_litellm_azure_contains(&base, "/openai/deployments/")) {
        /* void */

    } else if (az->v1) {
        between = ngx_litellm_azure_ends(&base, "/openai",
                                         sizeof("/openai") - 1)
                  ? "/v1" : "/openai/v1";
        v1 = 1;

    } else {
        named = 1;

        if (ngx_litellm_azure_ends(&base, "/openai", sizeof("/openai") - 1)) {
            between = "/deployments/";

        } else if (ngx_litellm_azure_contains(&url->host,
                                              "gateway.ai.cloudflare.com"))
        {
            between = "/";

        } else {
            between = "/openai/deployments/";
        }
    }

    escape = 0;

    if (named) {
        escape = 2 * ngx_escape_uri(NULL, model.data, model.len,
                                    NGX_ESCAPE_URI_COMPONENT);
    }

    len = base.len + ngx_strlen(between) + model.len + escape + end.len
          + sizeof("?&api-version=") - 1 + url->args.len + az->version.len;

    p = ngx_pnalloc(call->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    wire->path.data = p;

    p = ngx_cpymem(p, base.data, base.len);
    p = ngx_cpymem(p, between, ngx_strlen(between));

    if (named && escape) {
        p = (u_char *) ngx_escape_uri(p, model.data, model.len,
                                      NGX_ESCAPE_URI_COMPONENT);
    } else if (named) {
        p = ngx_cpymem(p, model.data, model.len);
    }

    p = ngx_cpymem(p, end.data, end.len);

    if (url->args.len) {
        *p++ = '?';
        p = ngx_cpymem(p, url->args.data, url->args.len);
    }

    /* of v1 there is one version, and its preview */

    if (az->version.len && (!v1 || az->v1)
        && !ngx_litellm_azure_contains(&url->args, "api-version="))
    {
        *p++ = url->args.len ? '&' : '?';
        p = ngx_cpymem(p, "api-version=", sizeof("api-version=") - 1);
        p = ngx_cpymem(p, az->version.data, az->version.len);
    }

    wire->path.len = p - wire->path.data;

    return NGX_OK;
}


static ngx_uint_t
ngx_litellm_azure_ends(ngx_str_t *path, const char *end, size_t len)
{
    return path->len >= len
           && ngx_memcmp(path->data + path->len - len, end, len) == 0;
}


static ngx_uint_t
ngx_litellm_azure_contains(ngx_str_t *text, const char *word)
{
    return ngx_litellm_find(text->data, text->data + text->len, word,
                            ngx_strlen(word))
           != NULL;
}


/* arguments that are null, and what older versions do not take */

static ngx_uint_t
ngx_litellm_azure_wants(ngx_litellm_call_t *call)
{
    u_char               *p, *last;
    ngx_litellm_azure_t  *az;

    if (call->op != NGX_LITELLM_OP_CHAT) {
        return 0;
    }

    az = call->deployment->own;

    if (az->date && az->date < NGX_LITELLM_AZURE_TOOL_REQUIRED
        && ngx_litellm_openai_value(call, NGX_LITELLM_P_TOOL_CHOICE) != NULL)
    {
        return 1;
    }

    if (ngx_litellm_openai_value(call, NGX_LITELLM_P_RESPONSE_FORMAT) != NULL
        && ngx_litellm_azure_no_schema(call))
    {
        return 1;
    }

    if (ngx_litellm_openai_mentions(call, "\"developer\"")) {
        return 1;
    }

    p = call->body.data;
    last = p + call->body.len;

    for ( ;; ) {
        p = ngx_litellm_find(p, last, "\"arguments\"",
                             sizeof("\"arguments\"") - 1);

        if (p == NULL) {
            return 0;
        }

        p += sizeof("\"arguments\"") - 1;

        while (p < last && (*p == ' ' || *p == ':' || *p == '\t' || *p == LF
                            || *p == CR))
        {
            p++;
        }

        if (p < last && *p == 'n') {
            return 1;
        }
    }
}


static ngx_uint_t
ngx_litellm_azure_no_schema(ngx_litellm_call_t *call)
{
    ngx_litellm_azure_t        *az;
    const ngx_litellm_model_t  *model;

    az = call->deployment->own;

    if (az->date && az->date < NGX_LITELLM_AZURE_SCHEMA) {
        return 1;
    }

    if (ngx_litellm_azure_contains(&call->provider_model, "gpt-35")
        || ngx_litellm_azure_contains(&call->provider_model, "gpt-3.5"))
    {
        return 1;
    }

    model = ngx_litellm_azure_model(call);

    return model != NULL && (ngx_strstr(model->name, "gpt-35") != NULL
                             || ngx_strstr(model->name, "gpt-3.5") != NULL);
}


static ngx_int_t
ngx_litellm_azure_edit(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
    ngx_litellm_splice_t *sp, ngx_array_t *adds, uint64_t *present,
    ngx_litellm_error_t *e)
{
    ngx_litellm_json_t         *v;
    ngx_litellm_azure_t        *az;
    const ngx_litellm_model_t  *model;

    if (call->op != NGX_LITELLM_OP_CHAT) {
        return NGX_OK;
    }

    az = call->deployment->own;
    model = ngx_litellm_azure_model(call);

    ngx_litellm_azure_arguments(sp, root);

    if (model == NULL || !ngx_litellm_openai_reasons(model)) {
        ngx_litellm_openai_roles(sp, root);
    }

    v = ngx_litellm_json_member(root, "tool_choice");

    if (az->date && az->date < NGX_LITELLM_AZURE_TOOL_REQUIRED
        && ngx_litellm_json_is(v, STRING)
        && ngx_litellm_json_eq(v, "required"))
    {
        if (!call->drop_params) {
            return ngx_litellm_call_bad(call, e, "this api_version does not "
                                        "take tool_choice \"required\"");
        }

        v->flags |= NGX_LITELLM_JSON_DROPPED;
    }

    if (ngx_litellm_azure_no_schema(call)) {
        return ngx_litellm_schema_edit(call, root, sp, adds);
    }

    return NGX_OK;
}


/* of an assistant's calls, as some clients keep them: Azure wants a text */

static void
ngx_litellm_azure_arguments(ngx_litellm_splice_t *sp, ngx_litellm_json_t *root)
{
    ngx_uint_t           i, j;
    ngx_litellm_json_t  *messages, *m, *calls, *c, *v;

    messages = ngx_litellm_json_member(root, "messages");

    if (!ngx_litellm_json_is(messages, ARRAY)) {
        return;
    }

    m = messages + 1;

    for (i = 0; i < messages->count; i++, m = ngx_litellm_json_next(m)) {

        v = ngx_litellm_json_member(ngx_litellm_json_member(m,
                                                            "function_call"),
                                    "arguments");

        if (ngx_litellm_json_is(v, NULL)) {
            ngx_litellm_splice_lit(sp, v->start, v->start + v->len, "\"\"");
        }

        calls = ngx_litellm_json_member(m, "tool_calls");

        if (!ngx_litellm_json_is(calls, ARRAY)) {
            continue;
        }

        c = calls + 1;

        for (j = 0; j < calls->count; j++, c = ngx_litellm_json_next(c)) {
            v = ngx_litellm_json_member(ngx_litellm_json_member(c,
                                                                "function"),
                                        "arguments");

            if (ngx_litellm_json_is(v, NULL)) {
                ngx_litellm_splice_lit(sp, v->start, v->start + v->len,
                                       "\"\"");
            }
        }
    }
}


static ngx_int_t
ngx_litellm_azure_answer(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
    ngx_litellm_splice_t *sp, ngx_litellm_facts_t *facts, ngx_uint_t stream,
    ngx_uint_t *changed)
{
    if (call->op == NGX_LITELLM_OP_EMBEDDINGS) {
        *changed = ngx_litellm_openai_embed_usage(root, sp);
        return NGX_OK;
    }

    if (stream && ngx_litellm_azure_is_filter(root)) {
        return NGX_DECLINED;
    }

    return ngx_litellm_schema_answer(call, root, sp, facts, stream, changed);
}
