
/*
 * LiteLLM's /cache/...: is there a cache, what is to be forgotten.  Entries
 * are named by the x-litellm-cache-key of a hit.  Who may not manage may ask
 * whether there is a cache, and no more: without a master key that is nobody,
 * as for the management API.
 *
 * An emptied cache gives nobody anything from then on, however large it was:
 * its memory comes free as it is needed.
 */

#include "ngx_http_litellm_cache.h"
#include "ngx_http_litellm_cache_redis.h"


/* one entry costs one lock; a name is longer than 64 bytes with its quotes */
#define NGX_HTTP_LITELLM_CACHE_BODY   (1024 * 1024)


static ngx_int_t ngx_http_litellm_cache_managed(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_uint_t admin, ngx_shm_zone_t **zone);
static ngx_int_t ngx_http_litellm_cache_forbid(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_uint_t status,
    ngx_litellm_class_e class, const char *text);
static ngx_int_t ngx_http_litellm_cache_done(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
static void ngx_http_litellm_cache_delete_body(ngx_http_request_t *r);
static ngx_int_t ngx_http_litellm_cache_delete_list(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, u_char **keys, ngx_uint_t *n);
static ngx_int_t ngx_http_litellm_cache_body(ngx_http_request_t *r,
    ngx_str_t *body);
static ngx_int_t ngx_http_litellm_cache_name(ngx_litellm_json_t *v,
    u_char key[NGX_LITELLM_CACHE_KEY]);


/* NGX_OK: go on; else what the handler returns */

static ngx_int_t
ngx_http_litellm_cache_managed(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_uint_t admin, ngx_shm_zone_t **zone)
{
    ngx_http_litellm_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);

    *zone = NULL;

    if (admin && !ctx->who.admin) {
        return ngx_http_litellm_cache_forbid(r, ctx, NGX_HTTP_FORBIDDEN,
                              NGX_LITELLM_PERMISSION_DENIED,
                              "Only proxy admins can manage the cache");
    }

    if (lcf->cache == NULL) {
        return ngx_http_litellm_cache_forbid(r, ctx,
                              NGX_HTTP_SERVICE_UNAVAILABLE,
                              NGX_LITELLM_SERVICE_UNAVAILABLE,
                              "Cache not initialized: no cache is configured "
                              "here");
    }

    *zone = lcf->cache->zone;

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_cache_forbid(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_uint_t status,
    ngx_litellm_class_e class, const char *text)
{
    if (ngx_http_discard_request_body(r) != NGX_OK) {
        r->keepalive = 0;
    }

    (void) ngx_http_litellm_refuse(&ctx->error, class, status, NULL, text);

    return ngx_http_litellm_send_error(r, ctx, &ctx->error);
}


static ngx_int_t
ngx_http_litellm_cache_done(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_litellm_out_t  out;

    ngx_litellm_out_init(&out, r->pool);
    ngx_litellm_out_lit(&out, "{\"status\":\"success\"}");

    return ngx_http_litellm_send_body(r, ctx, NULL, NGX_HTTP_OK, &out);
}


ngx_int_t
ngx_http_litellm_cache_ping(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t           rc;
    ngx_shm_zone_t     *zone;
    ngx_litellm_out_t   out;

    rc = ngx_http_litellm_cache_managed(r, ctx, 0, &zone);

    if (rc != NGX_OK || ctx->responded) {
        return rc;
    }

    if (ngx_http_discard_request_body(r) != NGX_OK) {
        r->keepalive = 0;
    }

    if (ngx_http_litellm_cache_shared(r)) {
        return ngx_http_litellm_cache_redis_ping(r, ctx);
    }

    ngx_litellm_out_init(&out, r->pool);
    ngx_http_litellm_cache_state(&out, zone, 0);

    return ngx_http_litellm_send_body(r, ctx, NULL, NGX_HTTP_OK, &out);
}


void
ngx_http_litellm_cache_state(ngx_litellm_out_t *out, ngx_shm_zone_t *zone,
    ngx_uint_t redis)
{
    ngx_http_litellm_cache_stat_t   stat;

    ngx_memzero(&stat, sizeof(ngx_http_litellm_cache_stat_t));

    if (zone != NULL) {
        ngx_http_litellm_cache_stat(zone, &stat);
    }

    if (redis) {
        ngx_litellm_out_lit(out, "{\"status\":\"healthy\",\"cache_type\":"
                            "\"redis\"");
    } else {
        ngx_litellm_out_lit(out, "{\"status\":\"healthy\",\"cache_type\":"
                            "\"local\"");
    }

    ngx_litellm_out_lit(out, ",\"ping_response\":true,"
                        "\"set_cache_response\":null,"
                        "\"litellm_cache_params\":null,"
                        "\"health_check_cache_params\":null,\"entries\":");
    ngx_litellm_out_int(out, stat.entries);
    ngx_litellm_out_lit(out, ",\"bytes\":");
    ngx_litellm_out_int(out, (int64_t) (stat.blocks - stat.free)
                             * stat.block_size);
    ngx_litellm_out_lit(out, ",\"max_bytes\":");
    ngx_litellm_out_int(out, (int64_t) stat.blocks * stat.block_size);
    ngx_litellm_out_lit(out, ",\"hits\":");
    ngx_litellm_out_int(out, stat.hits);
    ngx_litellm_out_lit(out, ",\"misses\":");
    ngx_litellm_out_int(out, stat.misses);
    ngx_litellm_out_lit(out, "}");
}


ngx_uint_t
ngx_http_litellm_cache_shared(ngx_http_request_t *r)
{
    ngx_http_litellm_loc_conf_t   *lcf;
    ngx_http_litellm_main_conf_t  *mcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);
    mcf = ngx_http_get_module_main_conf(r, ngx_http_litellm_module);

    return lcf->cache->redis && mcf->cache_redis != NULL;
}


ngx_int_t
ngx_http_litellm_cache_redis_info(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t        rc;
    ngx_shm_zone_t  *zone;

    rc = ngx_http_litellm_cache_managed(r, ctx, 1, &zone);

    if (rc != NGX_OK || ctx->responded) {
        return rc;
    }

    if (ngx_http_litellm_cache_shared(r)) {

        if (ngx_http_discard_request_body(r) != NGX_OK) {
            r->keepalive = 0;
        }

        return ngx_http_litellm_cache_redis_tell(r, ctx);
    }

    return ngx_http_litellm_cache_forbid(r, ctx, NGX_HTTP_SERVICE_UNAVAILABLE,
                              NGX_LITELLM_SERVICE_UNAVAILABLE,
                              "The cache is in shared memory: there is no "
                              "Redis to tell of");
}


ngx_int_t
ngx_http_litellm_cache_delete_keys(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t        rc;
    ngx_shm_zone_t  *zone;

    rc = ngx_http_litellm_cache_managed(r, ctx, 1, &zone);

    if (rc != NGX_OK || ctx->responded) {
        return rc;
    }

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r,
                                        ngx_http_litellm_cache_delete_body);

    return (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? rc : NGX_DONE;
}


static void
ngx_http_litellm_cache_delete_body(ngx_http_request_t *r)
{
    u_char                  *keys;
    ngx_int_t                rc;
    ngx_uint_t               n;
    ngx_http_litellm_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_litellm_module);

    rc = ngx_http_litellm_cache_delete_list(r, ctx, &keys, &n);

    if (rc == NGX_OK && ngx_http_litellm_cache_shared(r)) {
        rc = ngx_http_litellm_cache_redis_delete(r, ctx, keys, n);

        if (rc == NGX_OK) {
            return;
        }

        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

    } else if (rc == NGX_OK) {
        rc = ngx_http_litellm_cache_done(r, ctx);

    } else if (rc == NGX_DECLINED) {
        (void) ngx_http_litellm_refuse(&ctx->error, NGX_LITELLM_BAD_REQUEST,
                                  400, NULL, "the body must be {\"keys\": "
                                  "[...]} with values of x-litellm-cache-key");

        rc = ngx_http_litellm_send_error(r, ctx, &ctx->error);

    } else {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_finalize_request(r, rc);
}


static ngx_int_t
ngx_http_litellm_cache_delete_list(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, u_char **keys, ngx_uint_t *n)
{
    u_char                       *key;
    ngx_int_t                     rc;
    ngx_str_t                     body;
    ngx_uint_t                    i;
    ngx_litellm_json_t           *list, *v;
    ngx_litellm_json_doc_t        doc;
    ngx_http_litellm_loc_conf_t  *lcf;

    rc = ngx_http_litellm_cache_body(r, &body);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = r->pool;
    doc.max_depth = 4;

    rc = ngx_litellm_json_parse(&doc, body.data, body.len);

    if (rc != NGX_OK) {
        return rc;
    }

    list = ngx_litellm_json_member(doc.root, "keys");

    if (!ngx_litellm_json_is(list, ARRAY)) {
        return NGX_DECLINED;
    }

    key = ngx_pnalloc(r->pool, list->count * NGX_LITELLM_CACHE_KEY + 1);
    if (key == NULL) {
        return NGX_ERROR;
    }

    *keys = key;
    *n = list->count;

    v = list + 1;

    for (i = 0; i < list->count; i++, v = ngx_litellm_json_next(v)) {

        if (ngx_http_litellm_cache_name(v, key) != NGX_OK) {
            return NGX_DECLINED;
        }

        key += NGX_LITELLM_CACHE_KEY;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);

    for (key = *keys, i = 0; i < *n; i++, key += NGX_LITELLM_CACHE_KEY) {
        (void) ngx_http_litellm_cache_delete(lcf->cache->zone, key);
    }

    return NGX_OK;
}


/* in one piece; NGX_DECLINED: none, or too much */

static ngx_int_t
ngx_http_litellm_cache_body(ngx_http_request_t *r, ngx_str_t *body)
{
    u_char       *p;
    off_t         len;
    ssize_t       n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (r->request_body == NULL || r->request_body->bufs == NULL) {
        return NGX_DECLINED;
    }

    len = 0;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        len += ngx_buf_size(cl->buf);
    }

    if (len == 0 || len > NGX_HTTP_LITELLM_CACHE_BODY) {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(r->pool, (size_t) len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    body->data = p;
    body->len = (size_t) len;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {

        b = cl->buf;

        if (ngx_buf_in_memory(b)) {
            p = ngx_cpymem(p, b->pos, b->last - b->pos);
            continue;
        }

        n = ngx_read_file(b->file, p, (size_t) ngx_buf_size(b), b->file_pos);

        if (n != (ssize_t) ngx_buf_size(b)) {
            return NGX_ERROR;
        }

        p += n;
    }

    return NGX_OK;
}


/* 64 hex digits; LiteLLM puts "NAMESPACE:" before its own */

static ngx_int_t
ngx_http_litellm_cache_name(ngx_litellm_json_t *v,
    u_char key[NGX_LITELLM_CACHE_KEY])
{
    u_char      *p;
    ngx_int_t    n;
    ngx_str_t    text;
    ngx_uint_t   i;

    if (!ngx_litellm_json_is(v, STRING)) {
        return NGX_DECLINED;
    }

    text = ngx_litellm_json_text(v);

    if (text.len < 2 * NGX_LITELLM_CACHE_KEY) {
        return NGX_DECLINED;
    }

    p = text.data + text.len - 2 * NGX_LITELLM_CACHE_KEY;

    if (p != text.data && p[-1] != ':') {
        return NGX_DECLINED;
    }

    for (i = 0; i < NGX_LITELLM_CACHE_KEY; i++, p += 2) {

        n = ngx_hextoi(p, 2);

        if (n == NGX_ERROR) {
            return NGX_DECLINED;
        }

        key[i] = (u_char) n;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_cache_flushall(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t        rc;
    ngx_shm_zone_t  *zone;

    rc = ngx_http_litellm_cache_managed(r, ctx, 1, &zone);

    if (rc != NGX_OK || ctx->responded) {
        return rc;
    }

    if (ngx_http_discard_request_body(r) != NGX_OK) {
        r->keepalive = 0;
    }

    if (zone != NULL) {
        (void) ngx_http_litellm_cache_flush(zone);

        ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                      "litellm: the cache \"%V\" was emptied",
                      &zone->shm.name);
    }

    if (ngx_http_litellm_cache_shared(r)) {
        return ngx_http_litellm_cache_redis_flushall(r, ctx);
    }

    return ngx_http_litellm_cache_done(r, ctx);
}
