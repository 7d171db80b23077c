
/*
 * The HTTP surface: which path and method means what.  Paths are LiteLLM's;
 * nearly each exists with and without /v1.  Under "location /llm/" they follow
 * that prefix; a path that is whole an API path of its own counts as it is, so
 * "location /v1/" serves /v1/chat/completions too.
 */

#include "ngx_http_litellm_cache.h"
#include "ngx_http_litellm_admin.h"
#include "ngx_http_litellm_metrics.h"


static const ngx_http_litellm_api_t *ngx_http_litellm_api_path(
    ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx);
static ngx_int_t ngx_http_litellm_api_rest(ngx_http_request_t *r,
    ngx_str_t *rest);
static const ngx_http_litellm_api_t *ngx_http_litellm_api_find(
    ngx_str_t *path, ngx_str_t *model);
static uint64_t ngx_http_litellm_api_lengths(void);
static ngx_uint_t ngx_http_litellm_api_prefix(ngx_str_t *path,
    const char *prefix, size_t len);


#define NGX_HTTP_LITELLM_READ  (NGX_HTTP_GET|NGX_HTTP_HEAD)


static ngx_http_litellm_api_t  ngx_http_litellm_apis[] = {

    { ngx_string("/chat/completions"), NGX_HTTP_POST, ngx_http_litellm_post,
      &ngx_litellm_openai_chat, NGX_LITELLM_OP_CHAT, 0 },

    { ngx_string("/completions"), NGX_HTTP_POST, ngx_http_litellm_post,
      &ngx_litellm_openai_completions, NGX_LITELLM_OP_COMPLETIONS, 0 },

    { ngx_string("/embeddings"), NGX_HTTP_POST, ngx_http_litellm_post,
      &ngx_litellm_openai_embeddings, NGX_LITELLM_OP_EMBEDDINGS, 0 },

    { ngx_string("/rerank"), NGX_HTTP_POST, ngx_http_litellm_post,
      &ngx_litellm_rerank_format, NGX_LITELLM_OP_RERANK, 0 },

    { ngx_string("/models"), NGX_HTTP_LITELLM_READ, ngx_http_litellm_models,
      NULL, 0, 0 },

    { ngx_string("/health"), NGX_HTTP_LITELLM_READ, ngx_http_litellm_health,
      NULL, 0, 0 },

    { ngx_string("/health/liveliness"), NGX_HTTP_LITELLM_READ,
      ngx_http_litellm_liveness, NULL, 0, 1 },

    { ngx_string("/health/liveness"), NGX_HTTP_LITELLM_READ,
      ngx_http_litellm_liveness, NULL, 0, 1 },

    { ngx_string("/health/readiness"), NGX_HTTP_LITELLM_READ,
      ngx_http_litellm_readiness, NULL, 0, 1 },

    { ngx_string("/health/readiness/details"), NGX_HTTP_LITELLM_READ,
      ngx_http_litellm_readiness_details, NULL, 0, 0 },

    { ngx_string("/model/info"), NGX_HTTP_LITELLM_READ,
      ngx_http_litellm_model_info, NULL, 0, 0 },

    { ngx_string("/v2/model/info"), NGX_HTTP_LITELLM_READ,
      ngx_http_litellm_model_info_v2, NULL, 0, 0 },

    { ngx_string("/model_group/info"), NGX_HTTP_LITELLM_READ,
      ngx_http_litellm_group_info, NULL, 0, 0 },

    { ngx_string("/metrics"), NGX_HTTP_LITELLM_READ,
      ngx_http_litellm_metrics_api, NULL, 0, 0 },

    { ngx_string("/routes"), NGX_HTTP_LITELLM_READ,
      ngx_http_litellm_routes, NULL, 0, 0 },

    { ngx_string("/cache/ping"), NGX_HTTP_LITELLM_READ,
      ngx_http_litellm_cache_ping, NULL, 0, 0 },

    { ngx_string("/cache/delete"), NGX_HTTP_POST,
      ngx_http_litellm_cache_delete_keys, NULL, 0, 0 },

    { ngx_string("/cache/flushall"), NGX_HTTP_POST,
      ngx_http_litellm_cache_flushall, NULL, 0, 0 },

    { ngx_string("/cache/redis/info"), NGX_HTTP_LITELLM_READ,
      ngx_http_litellm_cache_redis_info, NULL, 0, 0 },

    { ngx_null_string, 0, NULL, NULL, 0, 0 }
};


/* GET /models/{id} */

static ngx_http_litellm_api_t  ngx_http_litellm_api_model = {
    ngx_string("/models/"), NGX_HTTP_LITELLM_READ, ngx_http_litellm_model,
    NULL, 0, 0
};


/* what may stand behind /engines/{model} and /openai/deployments/{model} */

#define NGX_HTTP_LITELLM_MODEL_APIS  4


const ngx_http_litellm_api_t *
ngx_http_litellm_api(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    const ngx_http_litellm_api_t  *api;

    if (ctx->api != NULL && ctx->uri == r->uri.data
        && ctx->path.data + ctx->path.len == r->uri.data + r->uri.len)
    {
        /* the access phase has asked, and nobody has put another path there */

        return ctx->api;
    }

    ctx->uri = r->uri.data;

    api = ngx_http_litellm_api_path(r, ctx);

    if (api != NULL && ngx_http_litellm_admin_is(api)
        && ngx_http_litellm_admin_hide(r, &ctx->path) != NGX_OK)
    {
        return NULL;
    }

    return api;
}


/*
 * The path is the whole one, or what is behind the location's prefix.  The many
 * paths of the management come last: requests of models are more frequent.
 */

static const ngx_http_litellm_api_t *
ngx_http_litellm_api_path(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_str_t                      rest;
    const ngx_http_litellm_api_t  *api;

    ctx->path = r->uri;

    api = ngx_http_litellm_api_find(&ctx->path, &ctx->path_model);

    if (api != NULL) {
        return api;
    }

    if (ngx_http_litellm_api_rest(r, &rest) != NGX_OK) {
        return ngx_http_litellm_admin_api(&ctx->path);
    }

    api = ngx_http_litellm_api_find(&rest, &ctx->path_model);

    if (api != NULL) {

        /*
         * Not a copy of the structure, here and elsewhere where a request
         * passes: what two stores have just written can't be had by one wider
         * load before all stores in front of them are done.
         */

        ctx->path.data = rest.data;
        ctx->path.len = rest.len;

        return api;
    }

    api = ngx_http_litellm_admin_api(&ctx->path);

    if (api != NULL) {
        return api;
    }

    ctx->path = rest;

    return ngx_http_litellm_admin_api(&ctx->path);
}


static ngx_int_t
ngx_http_litellm_api_rest(ngx_http_request_t *r, ngx_str_t *rest)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    /*
     * "if" and limit_except blocks have their location's name.  That of a
     * regex location is the regex: it is no prefix of the URI.
     */

    if (clcf->exact_match || clcf->named
        || clcf->name.len <= 1 || clcf->name.len > r->uri.len
        || ngx_memcmp(clcf->name.data, r->uri.data, clcf->name.len) != 0)
    {
        return NGX_DECLINED;
    }

    rest->data = r->uri.data + clcf->name.len;
    rest->len = r->uri.len - clcf->name.len;

    if (clcf->name.data[clcf->name.len - 1] == '/') {
        rest->data--;
        rest->len++;
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_litellm_api_open(ngx_http_request_t *r,
    const ngx_http_litellm_api_t *api)
{
    ngx_http_litellm_loc_conf_t  *lcf;

    if (api->open || api->handler != ngx_http_litellm_metrics_api) {
        return api->open;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);

    return !lcf->config->metrics.auth;
}


const ngx_http_litellm_api_t *
ngx_http_litellm_api_list(void)
{
    return ngx_http_litellm_apis;
}


static const ngx_http_litellm_api_t *
ngx_http_litellm_api_find(ngx_str_t *path, ngx_str_t *model)
{
    ngx_str_t                      p;
    ngx_uint_t                     i, prefix;
    const ngx_http_litellm_api_t  *api;

    p = *path;

    if (p.len > sizeof("/v1/") - 1
        && ngx_memcmp(p.data, "/v1/", sizeof("/v1/") - 1) == 0)
    {
        p.data += sizeof("/v1") - 1;
        p.len -= sizeof("/v1") - 1;
    }

    /* Cohere's clients ask for the second version of this one */

    if (path->len == sizeof("/v2/rerank") - 1
        && ngx_memcmp(path->data, "/v2/rerank", path->len) == 0)
    {
        p.data = path->data + sizeof("/v2") - 1;
        p.len = path->len - (sizeof("/v2") - 1);
    }

    /* most paths that are not there, as of a location's prefix, are longer */

    if (p.len < 64
        && (ngx_http_litellm_api_lengths() & ((uint64_t) 1 << p.len)))
    {
        for (api = ngx_http_litellm_apis; api->path.len; api++) {
            if (p.len == api->path.len
                && ngx_memcmp(p.data, api->path.data, p.len) == 0)
            {
                return api;
            }
        }
    }

    if (ngx_http_litellm_api_prefix(&p, "/models/", sizeof("/models/") - 1)) {
        *model = p;
        return &ngx_http_litellm_api_model;
    }

    p = *path;

    prefix = ngx_http_litellm_api_prefix(&p, "/openai/deployments/",
                                         sizeof("/openai/deployments/") - 1)
             || ngx_http_litellm_api_prefix(&p, "/v1/engines/",
                                            sizeof("/v1/engines/") - 1)
             || ngx_http_litellm_api_prefix(&p, "/engines/",
                                            sizeof("/engines/") - 1);

    if (!prefix) {
        return NULL;
    }

    /* the model may hold slashes: what counts is the end */

    for (i = 0; i < NGX_HTTP_LITELLM_MODEL_APIS; i++) {

        api = &ngx_http_litellm_apis[i];

        if (p.len > api->path.len
            && ngx_memcmp(p.data + p.len - api->path.len, api->path.data,
                          api->path.len)
               == 0)
        {
            model->data = p.data;
            model->len = p.len - api->path.len;
            return api;
        }
    }

    return NULL;
}


/* a bit for each length of a path in the table: all are shorter than 64 */

static uint64_t
ngx_http_litellm_api_lengths(void)
{
    const ngx_http_litellm_api_t  *api;

    static uint64_t  lengths;

    if (lengths == 0) {
        for (api = ngx_http_litellm_apis; api->path.len; api++) {
            lengths |= (uint64_t) 1 << (api->path.len & 63);
        }
    }

    return lengths;
}


/* takes a prefix off that something stands behind */

static ngx_uint_t
ngx_http_litellm_api_prefix(ngx_str_t *path, const char *prefix, size_t len)
{
    if (path->len <= len || ngx_memcmp(path->data, prefix, len) != 0) {
        return 0;
    }

    path->data += len;
    path->len -= len;

    return 1;
}
