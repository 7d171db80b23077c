
/*
 * Versions, credentials, headers and errors of Azure, for Azure OpenAI and for
 * the models of its catalogue (Azure OpenAI REST API reference: an api-key
 * header or a token of Entra ID; content filtering guide: innererror of a
 * refused prompt).
 *
 * ngx_litellm_azure_version() and _access() are called by their setup(), the
 * rest for each attempt.  Which credential counts is settled while the
 * configuration is read: what the deployment says, then what the environment
 * has.
 */

#include "ngx_litellm_openai_dialect.h"
#include "ngx_litellm_azure.h"
#include "ngx_litellm_credential.h"


/* of an innererror: results of the filters, nothing long */
#define NGX_LITELLM_AZURE_INNER  4096

#define NGX_LITELLM_AZURE_SCOPE                                               \
    "https://cognitiveservices.azure.com/.default"


static ngx_int_t ngx_litellm_azure_entra(ngx_litellm_config_env_t *env,
    ngx_pool_t *pool, ngx_litellm_deployment_t *d, ngx_str_t *why);
static ngx_int_t ngx_litellm_azure_secret(ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, ngx_str_t *token);
static ngx_int_t ngx_litellm_azure_static(ngx_litellm_azure_t *az,
    ngx_str_t *token, ngx_str_t *why);
static ngx_uint_t ngx_litellm_azure_policy(ngx_litellm_json_t *error,
    ngx_str_t *message);
static ngx_litellm_json_t *ngx_litellm_azure_inner(ngx_litellm_json_t *error);
static void ngx_litellm_azure_specific(ngx_litellm_call_t *call,
    ngx_litellm_json_t *inner, ngx_litellm_error_t *e);
static ngx_uint_t ngx_litellm_azure_has(ngx_str_t *text, const char *word);


ngx_int_t
ngx_litellm_azure_version(ngx_litellm_config_env_t *env, ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, ngx_litellm_azure_t *az,
    const char *variable, const char *newest)
{
    u_char     *p;
    size_t      i, n;
    ngx_int_t   rc;
    ngx_str_t   names, version;

    version = d->api_version;

    if (version.len == 0) {
        names.data = (u_char *) variable;
        names.len = ngx_strlen(variable);

        rc = ngx_litellm_provider_variable(env, pool, &names, &version);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED) {
            version.data = (u_char *) newest;
            version.len = ngx_strlen(newest);
        }
    }

#define ngx_litellm_azure_is(s)                                               \
    (version.len == sizeof(s) - 1                                             \
     && ngx_memcmp(version.data, s, sizeof(s) - 1) == 0)

    az->v1 = ngx_litellm_azure_is("v1") || ngx_litellm_azure_is("latest")
             || ngx_litellm_azure_is("preview");

    if (ngx_litellm_azure_is("v1") || ngx_litellm_azure_is("latest")) {

        /* what is meant when nothing is said */

        version.len = 0;
    }

    /* 2024-10-21-preview: the order of dates is that of their digits */

    if (!az->v1) {
        for (i = 0, n = 0; i < version.len && n < 8; i++) {
            if (version.data[i] >= '0' && version.data[i] <= '9') {
                az->date = az->date * 10 + (version.data[i] - '0');
                n++;
            }
        }
    }

    n = 2 * ngx_escape_uri(NULL, version.data, version.len,
                           NGX_ESCAPE_URI_COMPONENT);

    p = ngx_pnalloc(pool, version.len + n + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    az->version.data = p;
    az->version.len = version.len + n;

    if (version.len) {
        (void) ngx_escape_uri(p, version.data, version.len,
                              NGX_ESCAPE_URI_COMPONENT);
    }

    return NGX_OK;
}


ngx_int_t
ngx_litellm_azure_access(ngx_litellm_config_env_t *env, ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, ngx_litellm_azure_t *az, ngx_str_t *why)
{
    u_char     *p;
    ngx_int_t   rc;
    ngx_str_t   key, token, *setting;

    static ngx_str_t  variable = ngx_string("AZURE_AD_TOKEN");

    if (d->mock) {
        return NGX_OK;
    }

    setting = ngx_litellm_setting(d, "azure_ad_token");

    if (setting != NULL) {
        return ngx_litellm_azure_static(az, setting, why);
    }

    /* a key that the file has comes before credentials that it has */

    if (d->api_key.len) {
        rc = ngx_litellm_provider_variable(env, pool, &d->provider->keys,
                                           &key);
        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED || key.len != d->api_key.len
            || ngx_memcmp(key.data, d->api_key.data, key.len) != 0)
        {
            return NGX_OK;
        }
    }

    if (ngx_litellm_setting(d, "tenant_id") != NULL
        || ngx_litellm_setting(d, "client_id") != NULL
        || ngx_litellm_setting(d, "client_secret") != NULL)
    {
        rc = ngx_litellm_azure_entra(env, pool, d, why);

        if (rc != NGX_AGAIN) {
            return rc;
        }
    }

    if (d->api_key.len) {
        return NGX_OK;
    }

    rc = ngx_litellm_provider_variable(env, pool, &variable, &token);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK) {
        return ngx_litellm_azure_secret(pool, d, &token) == NGX_OK
               ? ngx_litellm_azure_static(az, &token, why) : NGX_ERROR;
    }

    rc = ngx_litellm_azure_entra(env, pool, d, why);

    if (rc == NGX_AGAIN) {
        d->no_credentials = 1;
        d->missing_env = d->provider->keys;

        p = ngx_strlchr(d->missing_env.data,
                        d->missing_env.data + d->missing_env.len, ' ');

        if (p != NULL) {
            d->missing_env.len = p - d->missing_env.data;
        }

        rc = NGX_OK;
    }

    return rc;
}


static ngx_int_t
ngx_litellm_azure_static(ngx_litellm_azure_t *az, ngx_str_t *token,
    ngx_str_t *why)
{
    if (token->len > sizeof("oidc/") - 1
        && ngx_memcmp(token->data, "oidc/", sizeof("oidc/") - 1) == 0)
    {
        ngx_str_set(why, "azure_ad_token: a reference to an identity provider "
                    "(oidc/...) is not exchanged here");
        return NGX_DECLINED;
    }

    az->ad_token = *token;

    return NGX_OK;
}


/* among the settings, which are taken out of what a provider says */

static ngx_int_t
ngx_litellm_azure_secret(ngx_pool_t *pool, ngx_litellm_deployment_t *d,
    ngx_str_t *token)
{
    ngx_keyval_t  *setting;

    if (d->settings == NULL) {
        d->settings = ngx_array_create(pool, 1, sizeof(ngx_keyval_t));
        if (d->settings == NULL) {
            return NGX_ERROR;
        }
    }

    setting = ngx_array_push(d->settings);
    if (setting == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&setting->key, "azure_ad_token");
    setting->value = *token;

    return NGX_OK;
}


/* NGX_AGAIN: one of the three is missing */

static ngx_int_t
ngx_litellm_azure_entra(ngx_litellm_config_env_t *env, ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, ngx_str_t *why)
{
    ngx_int_t   rc;
    ngx_str_t   value[5];
    ngx_uint_t  i;

    static const struct {
        const char   *setting;
        const char   *variables;
    } names[] = {
        { "tenant_id", "AZURE_TENANT_ID" },
        { "client_id", "AZURE_CLIENT_ID" },
        { "client_secret", "AZURE_CLIENT_SECRET" },
        { "azure_scope", "AZURE_SCOPE" },
        { "azure_authority_host", "AZURE_AUTHORITY_HOST" }
    };

    for (i = 0; i < 5; i++) {
        ngx_str_null(&value[i]);

        rc = ngx_litellm_provider_setting(env, pool, d, names[i].setting,
                                          names[i].variables, &value[i]);
        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED && i < 3) {
            return NGX_AGAIN;
        }
    }

    if (value[3].len == 0) {
        ngx_str_set(&value[3], NGX_LITELLM_AZURE_SCOPE);
    }

    return ngx_litellm_credential_entra(pool, &value[4], &value[0], &value[1],
                                        &value[2], &value[3], &d->credential,
                                        why);
}


ngx_int_t
ngx_litellm_azure_headers(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire)
{
    ngx_litellm_azure_t  *az;

    az = call->deployment->own;

    if (call->token.len) {
        return ngx_litellm_wire_bearer(call, wire, &call->token);
    }

    if (az->ad_token.len) {
        return ngx_litellm_wire_bearer(call, wire, &az->ad_token);
    }

    if (call->deployment->api_key.len == 0) {
        return NGX_OK;
    }

    if (az->bearer) {
        return ngx_litellm_wire_bearer(call, wire,
                                       &call->deployment->api_key);
    }

    return ngx_litellm_wire_header(wire, "api-key", sizeof("api-key") - 1,
                                   &call->deployment->api_key);
}


/*
 * OpenAI's rules, and before them what Azure says otherwise: refusals of its
 * content filter, whose innererror clients read, and deployments that do not
 * exist.
 */

void
ngx_litellm_error_azure(ngx_litellm_call_t *call, ngx_uint_t status,
    ngx_str_t *body, ngx_litellm_error_t *e)
{
    ngx_str_t                text, code;
    ngx_litellm_json_t      *error, *v, *inner;
    ngx_litellm_class_e      class;
    ngx_litellm_json_doc_t   doc;

    ngx_litellm_error_openai(call, status, body, e);

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = call->pool;
    doc.max_nodes = NGX_LITELLM_AZURE_INNER;

    if (ngx_litellm_json_parse(&doc, body->data, body->len) != NGX_OK) {
        return;
    }

    error = ngx_litellm_json_member(doc.root, "error");

    if (!ngx_litellm_json_is(error, OBJECT)) {
        error = doc.root;
    }

    v = ngx_litellm_json_member(error, "message");
    ngx_str_null(&text);

    if (ngx_litellm_json_is(v, STRING)) {
        text = ngx_litellm_json_text(v);
    }

    v = ngx_litellm_json_member(error, "code");
    ngx_str_null(&code);

    if (ngx_litellm_json_is(v, STRING)) {
        code = ngx_litellm_json_text(v);
    }

    class = e->class;
    inner = ngx_litellm_azure_inner(error);

    if (status == 429 || e->class == NGX_LITELLM_CONTEXT_WINDOW) {
        return;
    }

    if (ngx_litellm_azure_policy(error, &text)) {
        class = NGX_LITELLM_CONTENT_POLICY;
        status = 400;

    } else if (ngx_litellm_azure_has(&code, "DeploymentNotFound")
               || ngx_litellm_azure_has(&text, "DeploymentNotFound"))
    {
        class = NGX_LITELLM_NOT_FOUND;
        status = 404;

    } else {
        status = e->status;
    }

    if (class != e->class) {

        v = ngx_litellm_json_member(error, "message");

        if (ngx_litellm_json_is(v, STRING)) {
            text = ngx_litellm_json_text(v);

            if (ngx_litellm_json_unescape(call->pool, &text, &text)
                != NGX_OK)
            {
                return;
            }
        }

        (void) ngx_litellm_error_set(call, e, class, status, &text);
    }

    if (inner != NULL) {
        ngx_litellm_azure_specific(call, inner, e);
    }
}


/* spelled in two ways */

static ngx_litellm_json_t *
ngx_litellm_azure_inner(ngx_litellm_json_t *error)
{
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(error, "innererror");

    if (v == NULL) {
        v = ngx_litellm_json_member(error, "inner_error");
    }

    return ngx_litellm_json_is(v, OBJECT) ? v : NULL;
}


static ngx_uint_t
ngx_litellm_azure_policy(ngx_litellm_json_t *error, ngx_str_t *message)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *code, *v;

    static const char  *texts[] = {
        "content_policy_violation",
        "responsibleaipolicyviolation",
        "the response was filtered due to the prompt triggering azure "
            "openai's content management",
        "your task failed as a result of our safety system",
        "the model produced invalid content",
        "content_filter_policy",
        "your request was rejected as a result of our safety system",
        NULL
    };

    code = ngx_litellm_json_member(error, "code");

    if (ngx_litellm_json_is(code, STRING)
        && (ngx_litellm_json_eq(code, "content_policy_violation")
            || ngx_litellm_json_eq(code, "content_filter")))
    {
        return 1;
    }

    v = ngx_litellm_json_member(ngx_litellm_azure_inner(error), "code");

    if (ngx_litellm_json_is(v, STRING)
        && ngx_litellm_json_eq(v, "ResponsibleAIPolicyViolation"))
    {
        return 1;
    }

    for (i = 0; texts[i]; i++) {
        if (ngx_litellm_azure_has(message, texts[i])) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_litellm_azure_has(ngx_str_t *text, const char *word)
{
    size_t  len;

    len = ngx_strlen(word);

    return text->len >= len
           && ngx_strlcasestrn(text->data, text->data + text->len,
                               (u_char *) word, len - 1)
              != NULL;
}


/* {"innererror": ...}; one that holds a secret is not told at all */

static void
ngx_litellm_azure_specific(ngx_litellm_call_t *call, ngx_litellm_json_t *inner,
    ngx_litellm_error_t *e)
{
    u_char               *p;
    ngx_str_t             text, raw;
    ngx_litellm_error_t   seen;

    if (inner->len > NGX_LITELLM_AZURE_INNER) {
        return;
    }

    raw.data = inner->start;
    raw.len = inner->len;

    if (ngx_litellm_json_unescape(call->pool, &text, &raw) != NGX_OK) {
        return;
    }

    ngx_memzero(&seen, sizeof(ngx_litellm_error_t));

    seen.message = text;
    ngx_litellm_error_scrub(call, &seen);

    if (seen.message.data != text.data) {
        return;
    }

    p = ngx_pnalloc(call->pool, sizeof("{\"innererror\":}") - 1 + raw.len);
    if (p == NULL) {
        return;
    }

    e->specific.data = p;

    p = ngx_cpymem(p, "{\"innererror\":", sizeof("{\"innererror\":") - 1);
    p = ngx_cpymem(p, raw.data, raw.len);
    *p++ = '}';

    e->specific.len = p - e->specific.data;
}


ngx_uint_t
ngx_litellm_azure_is_filter(ngx_litellm_json_t *root)
{
    ngx_litellm_json_t  *choices;

    choices = ngx_litellm_json_member(root, "choices");

    return ngx_litellm_json_is(choices, ARRAY) && choices->count == 0
           && ngx_litellm_json_member(root, "prompt_filter_results") != NULL
           && !ngx_litellm_json_is(ngx_litellm_json_member(root, "usage"),
                                   OBJECT);
}
