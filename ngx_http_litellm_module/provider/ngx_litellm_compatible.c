
/*
 * Small differences of OpenAI-compatible providers, too small for files of
 * their own: the place of "/v1" in an address, names of models, one header,
 * one parameter.  Variants of the OpenAI dialect and setup()s of rows in
 * ngx_litellm_providers_table.h.
 *
 * Rules are of the providers' own documents; those of a model's name are made
 * for each attempt, as a wildcard deployment learns it from the request, and
 * leave a name alone that was made already.
 */

#include "ngx_litellm_openai_dialect.h"


static ngx_int_t ngx_litellm_fireworks_path(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire);
static ngx_int_t ngx_litellm_ragflow_path(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire);
static ngx_int_t ngx_litellm_sarvam_headers(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire);
static ngx_int_t ngx_litellm_parasail_edit(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp, ngx_array_t *adds,
    uint64_t *present, ngx_litellm_error_t *e);
static ngx_uint_t ngx_litellm_parasail_wants(ngx_litellm_call_t *call);
static ngx_int_t ngx_litellm_scx_edit(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp, ngx_array_t *adds,
    uint64_t *present, ngx_litellm_error_t *e);
static ngx_uint_t ngx_litellm_scx_wants(ngx_litellm_call_t *call);
static ngx_uint_t ngx_litellm_compatible_ends(ngx_str_t *s, const char *end,
    size_t len);
static size_t ngx_litellm_compatible_host(ngx_str_t *base);
static ngx_int_t ngx_litellm_compatible_base(ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, size_t keep, const char *below);


/* "/v1" is not part of the address as users write it */

const ngx_litellm_variant_t  ngx_litellm_v1_variant = {
    NULL, ngx_litellm_openai_v1_path, NULL, NULL, NULL, NULL, NULL,
    ngx_null_string
};

const ngx_litellm_variant_t  ngx_litellm_fireworks_variant = {
    NULL, ngx_litellm_fireworks_path, NULL, NULL, NULL, NULL, NULL,
    ngx_null_string
};

const ngx_litellm_variant_t  ngx_litellm_ragflow_variant = {
    NULL, ngx_litellm_ragflow_path, NULL, NULL, NULL, NULL, NULL,
    ngx_null_string
};

const ngx_litellm_variant_t  ngx_litellm_sarvam_variant = {
    NULL, NULL, ngx_litellm_sarvam_headers, NULL, NULL, NULL, NULL,
    ngx_null_string
};

const ngx_litellm_variant_t  ngx_litellm_parasail_variant = {
    NULL, NULL, NULL, ngx_litellm_parasail_edit, ngx_litellm_parasail_wants,
    NULL, NULL, ngx_null_string
};

const ngx_litellm_variant_t  ngx_litellm_scx_variant = {
    NULL, NULL, NULL, ngx_litellm_scx_edit, ngx_litellm_scx_wants,
    NULL, NULL, ngx_null_string
};


ngx_int_t
ngx_litellm_openai_v1_path(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire)
{
    u_char     *p;
    ngx_str_t   endpoint, path, below;

    ngx_litellm_openai_endpoint(call, &endpoint);
    path = call->deployment->url.path;

    if (ngx_litellm_compatible_ends(&path, (char *) endpoint.data,
                                    endpoint.len)
        || ngx_litellm_compatible_ends(&path, "/v1", sizeof("/v1") - 1))
    {
        return ngx_litellm_openai_below(call, wire, &endpoint);
    }

    below.len = sizeof("/v1") - 1 + endpoint.len;

    below.data = ngx_pnalloc(call->pool, below.len);
    if (below.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(below.data, "/v1", sizeof("/v1") - 1);
    ngx_memcpy(p, endpoint.data, endpoint.len);

    return ngx_litellm_openai_below(call, wire, &below);
}


/*
 * Fireworks AI: a model's full name is "accounts/ACCOUNT/models/NAME", of
 * Fireworks' own account unless it is written out; "NAME#DEPLOYMENT" names a
 * deployment.
 */

static ngx_int_t
ngx_litellm_fireworks_path(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire)
{
    u_char     *p;
    ngx_str_t   name;

    name = call->provider_model;

#define ngx_litellm_fireworks_own  "accounts/fireworks/models/"

    if (call->op != NGX_LITELLM_OP_EMBEDDINGS
        && ngx_strlchr(name.data, name.data + name.len, '#') == NULL
        && (name.len < sizeof("accounts/") - 1
            || ngx_memcmp(name.data, "accounts/", sizeof("accounts/") - 1)
               != 0))
    {
        name.len += sizeof(ngx_litellm_fireworks_own) - 1;

        name.data = ngx_pnalloc(call->pool, name.len);
        if (name.data == NULL) {
            return NGX_ERROR;
        }

        p = ngx_cpymem(name.data, ngx_litellm_fireworks_own,
                       sizeof(ngx_litellm_fireworks_own) - 1);
        ngx_memcpy(p, call->provider_model.data, call->provider_model.len);

        call->provider_model = name;
    }

    return ngx_litellm_openai_path(call, wire);
}


/*
 * RAGFlow (HTTP API, "OpenAI-Compatible API"): the model is
 * chat/CHAT_ID/MODEL or agent/AGENT_ID/MODEL, the path has the id:
 * /api/v1/chats_openai/CHAT_ID/chat/completions.  An id holds no more than may
 * stand in a path.
 */

static ngx_int_t
ngx_litellm_ragflow_path(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire)
{
    u_char     *p, *id, *end, *last;
    ngx_str_t   kind, below, *model;

    model = &call->provider_model;

    last = model->data + model->len;
    id = last;

    ngx_str_null(&kind);

    if (model->len > sizeof("chat/") - 1
        && ngx_memcmp(model->data, "chat/", sizeof("chat/") - 1) == 0)
    {
        ngx_str_set(&kind, "/api/v1/chats_openai/");
        id = model->data + sizeof("chat/") - 1;

    } else if (model->len > sizeof("agent/") - 1
               && ngx_memcmp(model->data, "agent/", sizeof("agent/") - 1)
                  == 0)
    {
        ngx_str_set(&kind, "/api/v1/agents_openai/");
        id = model->data + sizeof("agent/") - 1;
    }

    for (end = id; end < last; end++) {
        if (!((*end >= '0' && *end <= '9') || *end == '-' || *end == '_'
              || ((*end | 0x20) >= 'a' && (*end | 0x20) <= 'z')))
        {
            break;
        }
    }

    if (end == id || last - end < 2 || *end != '/') {

        /* no such name: the api_base may say which chat is meant */

        return ngx_litellm_openai_path(call, wire);
    }

    below.len = kind.len + (end - id) + sizeof("/chat/completions") - 1;

    below.data = ngx_pnalloc(call->pool, below.len);
    if (below.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(below.data, kind.data, kind.len);
    p = ngx_cpymem(p, id, end - id);
    ngx_memcpy(p, "/chat/completions", sizeof("/chat/completions") - 1);

    model->data = end + 1;
    model->len = last - model->data;

    return ngx_litellm_openai_below(call, wire, &below);
}


/* Sarvam AI: its own header for the key */

static ngx_int_t
ngx_litellm_sarvam_headers(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire)
{
    ngx_str_t  *key;

    key = ngx_litellm_call_key(call);

    if (key->len == 0) {
        return NGX_OK;
    }

    return ngx_litellm_wire_header(wire, "api-subscription-key",
                                   sizeof("api-subscription-key") - 1, key);
}


/* Parasail keeps nothing: "store" is false, which is what absent means */

static ngx_int_t
ngx_litellm_parasail_edit(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
    ngx_litellm_splice_t *sp, ngx_array_t *adds, uint64_t *present,
    ngx_litellm_error_t *e)
{
    ngx_litellm_add_t   *add;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(root, "store");

    if (v != NULL) {
        v->flags |= NGX_LITELLM_JSON_DROPPED;
    }

    add = ngx_litellm_openai_added(adds, "store", sizeof("store") - 1);

    if (add != NULL) {
        ngx_str_set(&add->value, "false");
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_litellm_parasail_wants(ngx_litellm_call_t *call)
{
    return ngx_litellm_openai_value(call, NGX_LITELLM_P_STORE) != NULL;
}


/* SCX: temperatures end below 2 */

#define NGX_LITELLM_SCX_WARMEST  1990000

static ngx_int_t
ngx_litellm_scx_edit(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
    ngx_litellm_splice_t *sp, ngx_array_t *adds, uint64_t *present,
    ngx_litellm_error_t *e)
{
    ngx_litellm_add_t   *add;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(root, "temperature");

    if (v != NULL) {
        ngx_litellm_splice_lit(sp, v->start, v->start + v->len, "1.99");
        return NGX_OK;
    }

    add = ngx_litellm_openai_added(adds, "temperature",
                                   sizeof("temperature") - 1);

    if (add != NULL) {
        ngx_str_set(&add->value, "1.99");
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_litellm_scx_wants(ngx_litellm_call_t *call)
{
    int64_t              n;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_openai_value(call, NGX_LITELLM_P_TEMPERATURE);

    return ngx_litellm_json_is(v, NUMBER)
           && ngx_litellm_json_fixed(v, 6, &n) == NGX_OK
           && n > NGX_LITELLM_SCX_WARMEST;
}


/*
 * Cloudflare Workers AI has its account in the path; its OpenAI-compatible
 * endpoints are below .../ai/v1, its own (LiteLLM's address) below .../ai/run.
 */

ngx_int_t
ngx_litellm_cloudflare_setup(ngx_litellm_config_env_t *env, ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, ngx_str_t *why)
{
    u_char     *p;
    size_t      len;
    ngx_int_t   rc;
    ngx_str_t   account;

#define ngx_litellm_cloudflare_accounts                                       \
    "https://api.cloudflare.com/client/v4/accounts/"

    len = d->api_base.len;

    while (len && d->api_base.data[len - 1] == '/') {
        len--;
    }

    if (len) {
        if (len > sizeof("/ai/run") - 1
            && ngx_memcmp(d->api_base.data + len - (sizeof("/ai/run") - 1),
                          "/ai/run", sizeof("/ai/run") - 1)
               == 0)
        {
            return ngx_litellm_compatible_base(pool, d,
                                               len - (sizeof("run") - 1),
                                               "v1");
        }

        return NGX_OK;
    }

    rc = ngx_litellm_provider_setting(env, pool, d, "account_id",
                                      "CLOUDFLARE_ACCOUNT_ID", &account);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        ngx_str_set(why, "Cloudflare needs CLOUDFLARE_ACCOUNT_ID in the "
                    "environment, or an api_base");
        return NGX_DECLINED;
    }

    for (len = 0; len < account.len; len++) {
        if (!((account.data[len] >= '0' && account.data[len] <= '9')
              || ((account.data[len] | 0x20) >= 'a'
                  && (account.data[len] | 0x20) <= 'z')))
        {
            ngx_str_set(why, "CLOUDFLARE_ACCOUNT_ID is no account's id");
            return NGX_DECLINED;
        }
    }

    len = sizeof(ngx_litellm_cloudflare_accounts) - 1 + account.len
          + sizeof("/ai/v1") - 1;

    p = ngx_pnalloc(pool, len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    d->api_base.data = p;
    d->api_base.len = len;

    p = ngx_cpymem(p, ngx_litellm_cloudflare_accounts,
                   sizeof(ngx_litellm_cloudflare_accounts) - 1);
    p = ngx_cpymem(p, account.data, account.len);
    ngx_memcpy(p, "/ai/v1", sizeof("/ai/v1"));

    return NGX_OK;
}


/* Databricks: a bare workspace address lacks the serving endpoints' path */

ngx_int_t
ngx_litellm_databricks_setup(ngx_litellm_config_env_t *env, ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, ngx_str_t *why)
{
    size_t  len;

    len = ngx_litellm_compatible_host(&d->api_base);

    return len ? ngx_litellm_compatible_base(pool, d, len,
                                             "/serving-endpoints")
               : NGX_OK;
}


/* DataRobot's LLM gateway lies below the address that its own tools want */

ngx_int_t
ngx_litellm_datarobot_setup(ngx_litellm_config_env_t *env, ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, ngx_str_t *why)
{
    size_t     len;
    ngx_str_t  base;

    len = ngx_litellm_compatible_host(&d->api_base);

    if (len) {
        return ngx_litellm_compatible_base(pool, d, len,
                                           "/api/v2/genai/llmgw");
    }

    base = d->api_base;

    while (base.len && base.data[base.len - 1] == '/') {
        base.len--;
    }

    if (ngx_litellm_compatible_ends(&base, "/api/v2", sizeof("/api/v2") - 1)) {
        return ngx_litellm_compatible_base(pool, d, base.len, "/genai/llmgw");
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_litellm_compatible_ends(ngx_str_t *s, const char *end, size_t len)
{
    return s->len >= len
           && ngx_memcmp(s->data + s->len - len, end, len) == 0;
}


/* length of an address without a path, but for slashes; 0: it has one */

static size_t
ngx_litellm_compatible_host(ngx_str_t *base)
{
    size_t   len;
    u_char  *p, *last;

    p = base->data;
    last = p + base->len;

    p = ngx_litellm_find(p, last, "://", sizeof("://") - 1);

    if (p == NULL) {
        return 0;
    }

    for (p += 3; p < last && *p != '/' && *p != '?'; p++) { /* void */ }

    len = p - base->data;

    while (p < last && *p == '/') {
        p++;
    }

    return (p == last) ? len : 0;
}


/* the first bytes of the address and what comes below it */

static ngx_int_t
ngx_litellm_compatible_base(ngx_pool_t *pool, ngx_litellm_deployment_t *d,
    size_t keep, const char *below)
{
    u_char  *p;
    size_t   len;

    len = ngx_strlen(below);

    p = ngx_pnalloc(pool, keep + len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, d->api_base.data, keep);
    ngx_memcpy(p + keep, below, len + 1);

    d->api_base.data = p;
    d->api_base.len = keep + len;

    return NGX_OK;
}
