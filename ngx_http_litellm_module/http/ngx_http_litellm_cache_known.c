
/*
 * Bodies that were hits before, of this worker (format/
 * ngx_litellm_cache_known.h): asked by the step that opens a request and by the
 * cache step for its key, told by the latter of a hit.  Only hits are told:
 * requests that are all different leave it as it is.
 *
 * Embeddings are named by their inputs and don't come here.
 */

#include "ngx_http_litellm_cache.h"
#include "ngx_litellm_cache_known.h"


/* of one worker */
#define NGX_HTTP_LITELLM_KNOWN_SIZE  (2 * 1024 * 1024)


static ngx_int_t ngx_http_litellm_known_able(ngx_http_litellm_ctx_t *ctx);


/* made by the first hit; NULL: there was none */
static ngx_litellm_cache_known_t  *ngx_http_litellm_known;


ngx_int_t
ngx_http_litellm_known_open(ngx_http_litellm_ctx_t *ctx)
{
    if (ngx_http_litellm_known == NULL || !ngx_http_litellm_known_able(ctx)) {
        return NGX_OK;
    }

    ctx->known.hash = ngx_litellm_cache_known_hash(ngx_http_litellm_known,
                                                   &ctx->call.body);

    return (ngx_litellm_cache_known_read(ngx_http_litellm_known, &ctx->known,
                                         &ctx->call)
            == NGX_ERROR)
           ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ngx_http_litellm_known_key(ngx_http_litellm_ctx_t *ctx, ngx_uint_t flags)
{
    ngx_http_litellm_caching_t  *caching;

    caching = ctx->cache;

    if (!ctx->call.known
        || ngx_litellm_cache_known_key(ngx_http_litellm_known, &ctx->known,
                                       &ctx->call, caching->group,
                                       &caching->control.namespace,
                                       &caching->scope, flags, caching->key)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    caching->known = 1;

    return NGX_OK;
}


void
ngx_http_litellm_known_hit(ngx_http_litellm_ctx_t *ctx, ngx_uint_t flags)
{
    ngx_http_litellm_caching_t  *caching;

    caching = ctx->cache;

    if (caching->known || !ngx_http_litellm_known_able(ctx)) {
        return;
    }

    if (ngx_http_litellm_known == NULL) {
        ngx_http_litellm_known = ngx_litellm_cache_known_create(
                                     NGX_HTTP_LITELLM_KNOWN_SIZE,
                                     (uint64_t) ngx_random() << 32
                                     ^ ngx_random(), ngx_cycle->log);

        if (ngx_http_litellm_known == NULL) {
            return;
        }
    }

    ctx->known.hash = ngx_litellm_cache_known_hash(ngx_http_litellm_known,
                                                   &ctx->call.body);

    ngx_litellm_cache_known_add(ngx_http_litellm_known, &ctx->known,
                                &ctx->call, caching->group, &caching->control.namespace,
                                &caching->scope, flags, caching->key);
}


static ngx_int_t
ngx_http_litellm_known_able(ngx_http_litellm_ctx_t *ctx)
{
    return ctx->call.op != NGX_LITELLM_OP_EMBEDDINGS
           && ctx->call.body.len != 0
           && ctx->call.body.len <= NGX_LITELLM_CACHE_KNOWN_BODY;
}
