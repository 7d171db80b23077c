
/*
 * The step between "admit" and "attempt": a request whose answer is kept is
 * answered from there, and what the others are answered with is stored.  An
 * entry is the whole answer as a client gets it that asks for no stream.
 *
 * A hit counts as a request for those who have limits, and takes no tokens and
 * no money.  What is stored was answered well and whole: no errors, no streams
 * that were cut, continued or left, nothing that a filter kept back, and no
 * answer of another group than the one that was asked for.
 */

#include "ngx_http_litellm_cache_flight.h"
#include "ngx_http_litellm_bill.h"
#include "ngx_http_litellm_cost.h"
#include "ngx_http_litellm_cache_redis.h"
#include "ngx_litellm_replay.h"


/* a value that is read under one hold of the zone's lock */
#define NGX_HTTP_LITELLM_CACHE_SMALL  2048

#define ngx_http_litellm_cache_flags(cc)                                      \
    ((cc)->settings.user ? NGX_LITELLM_CACHE_USER : 0)


static ngx_int_t ngx_http_litellm_cache_begin(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_cache_conf_t *cc);
static ngx_int_t ngx_http_litellm_cache_name(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_cache_conf_t *cc);
static ngx_uint_t ngx_http_litellm_cache_streams(ngx_litellm_call_t *call);
static ngx_int_t ngx_http_litellm_cache_look(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_cache_conf_t *cc);
static ngx_int_t ngx_http_litellm_cache_find(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_cache_conf_t *cc);
static void ngx_http_litellm_cache_put(ngx_http_litellm_attempt_t *a,
    ngx_litellm_out_t *out);
static ngx_int_t ngx_http_litellm_cache_keep(
    ngx_http_litellm_caching_t *caching, ngx_http_litellm_cache_handle_t *h,
    ngx_litellm_out_t *out);


ngx_int_t
ngx_http_litellm_cache(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t                       rc;
    ngx_http_litellm_loc_conf_t    *lcf;
    ngx_http_litellm_cache_conf_t  *cc;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);

    cc = lcf->cache;

    if (cc == NULL) {
        return NGX_OK;
    }

    if (ctx->cache == NULL) {
        rc = ngx_http_litellm_cache_begin(r, ctx, cc);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (!ctx->cache->look) {
        return NGX_OK;
    }

    rc = ngx_http_litellm_cache_look(r, ctx, cc);

    if (rc == NGX_OK && ctx->cache->items) {
        return ngx_http_litellm_cache_items_cut(ctx);
    }

    return rc;
}


/* once for a request: what it is called, what may be done with its answer */

static ngx_int_t
ngx_http_litellm_cache_begin(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_cache_conf_t *cc)
{
    ngx_int_t                     rc, ttl;
    ngx_http_litellm_caching_t   *caching;
    ngx_litellm_cache_control_t  *control;

    caching = ngx_pcalloc(r->pool, sizeof(ngx_http_litellm_caching_t));
    if (caching == NULL) {
        return NGX_ERROR;
    }

    caching->status = NGX_HTTP_LITELLM_CACHE_BYPASS;
    caching->zone = cc->zone;
    control = &caching->control;

    rc = ngx_litellm_cache_control(&ctx->call, ctx->who.key, control,
                                   &ctx->error);
    if (rc != NGX_OK) {
        return rc;
    }

    ctx->cache = caching;

    if (ctx->mock_error != NGX_LITELLM_NO_ERROR
        || !ngx_litellm_cache_able(&cc->settings, &ctx->call, control)
        || (ctx->call.stream && !ngx_http_litellm_cache_streams(&ctx->call)))
    {
        return NGX_OK;
    }

    ttl = (control->ttl >= 0) ? control->ttl : cc->settings.ttl;

    if (cc->settings.by_model
        && !ngx_litellm_config_cached(&cc->settings, ctx->candidates, &ttl))
    {
        return NGX_OK;
    }

    rc = ngx_http_litellm_cache_name(r, ctx, cc);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : NGX_ERROR;
    }

    if (!control->no_cache) {
        rc = cc->bypass ? ngx_http_test_predicates(r, cc->bypass) : NGX_OK;

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        caching->look = (rc == NGX_OK);
    }

    if (control->no_store || ttl <= 0) {
        return NGX_OK;
    }

    rc = cc->no_store ? ngx_http_test_predicates(r, cc->no_store) : NGX_OK;

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    caching->store = (rc == NGX_OK);
    caching->ttl = ttl;
    caching->max = cc->settings.max_size;

    if (cc->redis) {
        caching->redis_ttl = (control->ttl > 0) ? control->ttl
                                                : cc->settings.redis_ttl;

        (void) ngx_litellm_config_cached(&cc->settings, ctx->candidates,
                                         &caching->redis_ttl);
    }

    return NGX_OK;
}


/* NGX_DECLINED: it has no name that could be found again */

static ngx_int_t
ngx_http_litellm_cache_name(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_cache_conf_t *cc)
{
    ngx_int_t                    rc;
    ngx_uint_t                   flags;
    ngx_http_litellm_caching_t  *caching;

    caching = ctx->cache;

    rc = ngx_http_litellm_cache_scope(r, ctx, cc, &caching->scope);

    if (rc != NGX_OK) {
        return rc;
    }

    caching->group = ngx_litellm_config_caching_group(&cc->settings,
                                                      &ctx->group);
    flags = ngx_http_litellm_cache_flags(cc);

    rc = ngx_http_litellm_cache_items_open(r, ctx, &caching->scope, flags);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ngx_http_litellm_known_key(ctx, flags) == NGX_OK) {
        return NGX_OK;
    }

    return ngx_litellm_cache_key(&ctx->call, caching->group,
                                 &caching->control.namespace, &caching->scope,
                                 flags, caching->key);
}


/* each place in turn, the nearest first; as the step */

static ngx_int_t
ngx_http_litellm_cache_look(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_cache_conf_t *cc)
{
    ngx_int_t  rc;

    do {
        if (!ngx_http_litellm_cache_redis_asking(ctx)) {
            rc = ngx_http_litellm_flight_turn(r, ctx);

            if (rc == NGX_OK) {
                rc = ngx_http_litellm_cache_find(r, ctx, cc);
            }

            if (rc != NGX_OK) {
                return rc;
            }
        }

        rc = ngx_http_litellm_cache_redis_look(r, ctx, cc);

        if (rc == NGX_OK) {
            rc = ngx_http_litellm_flight(r, ctx, cc);
        }

    } while (rc == NGX_BUSY);

    return rc;
}


/*
 * Not every whole answer can be told in events: log probabilities and speech
 * have none.
 */

static ngx_uint_t
ngx_http_litellm_cache_streams(ngx_litellm_call_t *call)
{
    ngx_litellm_json_t  *v;

    if (call->present & (ngx_litellm_param_bit(AUDIO)
                         |ngx_litellm_param_bit(TOP_LOGPROBS)))
    {
        return 0;
    }

    v = call->param[NGX_LITELLM_P_LOGPROBS];

    return !(call->present & ngx_litellm_param_bit(LOGPROBS))
           || ngx_litellm_json_is(v, FALSE);
}


/* in the zone, as the step */

static ngx_int_t
ngx_http_litellm_cache_find(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_cache_conf_t *cc)
{
    u_char                           small[NGX_HTTP_LITELLM_CACHE_SMALL];
    ngx_int_t                        rc;
    ngx_str_t                        body;
    ngx_http_litellm_caching_t      *caching;
    ngx_http_litellm_cache_handle_t  h;

    caching = ctx->cache;
    caching->status = NGX_HTTP_LITELLM_CACHE_MISS;

    if (caching->items) {
        return ngx_http_litellm_cache_items_find(r, ctx);
    }

    if (ngx_http_litellm_cache_fetch(cc->zone, caching->key, &h, small,
                                     sizeof(small))
        != NGX_OK)
    {
        return NGX_OK;
    }

    if (ngx_http_litellm_cache_aged(caching, &h.meta)) {
        caching->status = NGX_HTTP_LITELLM_CACHE_EXPIRED;
        ngx_http_litellm_cache_close(cc->zone, &h);
        return NGX_OK;
    }

    rc = NGX_DECLINED;

    if (h.meta.kind == (uint32_t) ctx->call.op) {
        rc = ngx_http_litellm_cache_load(r, cc->zone, &h, small, &body);
    }

    ngx_http_litellm_cache_close(cc->zone, &h);

    if (rc == NGX_OK) {
        ngx_http_litellm_known_hit(ctx, ngx_http_litellm_cache_flags(cc));

        caching->stored = h.meta.stored;
        caching->saved = h.meta.cost;

        rc = ngx_http_litellm_cache_hit(r, ctx, &body);
    }

    return (rc == NGX_DECLINED) ? NGX_OK : rc;
}


ngx_int_t
ngx_http_litellm_cache_load(ngx_http_request_t *r, ngx_shm_zone_t *zone,
    ngx_http_litellm_cache_handle_t *h, u_char *small, ngx_str_t *body)
{
    size_t  n, len;

    len = h->meta.len;

    body->data = ngx_pnalloc(r->pool, len);
    if (body->data == NULL) {
        return NGX_ERROR;
    }

    if (h->entry == 0) {
        ngx_memcpy(body->data, small, len);
        body->len = len;

        return len ? NGX_OK : NGX_DECLINED;
    }

    for (body->len = 0; body->len < len; body->len += n) {
        n = ngx_http_litellm_cache_read(zone, h, body->data + body->len,
                                        len - body->len);
        if (n == 0) {
            return NGX_DECLINED;
        }
    }

    return len ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_http_litellm_cache_hit(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_str_t *body)
{
    ngx_int_t          rc;
    ngx_litellm_out_t  out;

    ngx_litellm_out_init(&out, r->pool);

    if (ctx->call.stream) {
        rc = ngx_litellm_replay(&ctx->call, body, &out);

        if (rc != NGX_OK) {
            return rc;
        }

    } else {
        out.ref_min = 1;
        ngx_litellm_out_ref(&out, body->data, body->len);
    }

    ngx_http_litellm_content_kept(ctx, body);

    return ngx_http_litellm_cache_serve(r, ctx, &out);
}


ngx_int_t
ngx_http_litellm_cache_serve(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_out_t *out)
{
    ngx_int_t  rc;

    ctx->cache->status = NGX_HTTP_LITELLM_CACHE_HIT;

    ngx_http_litellm_flight_hit(ctx);

    /* nothing was taken but the request itself */

    ngx_http_litellm_bill_settle(ctx);

    if (ctx->call.stream) {
        rc = ngx_http_litellm_send_header(r, ctx, NULL, NGX_HTTP_OK, -1);

        if (rc == NGX_OK && !r->header_only) {
            rc = ngx_http_output_filter(r, out->first);

            if (rc != NGX_ERROR) {
                rc = ngx_http_send_special(r, NGX_HTTP_LAST);
            }
        }

    } else {
        rc = ngx_http_litellm_send_body(r, ctx, NULL, NGX_HTTP_OK, out);
    }

    ctx->ended = 1;

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}


ngx_int_t
ngx_http_litellm_cache_headers(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    u_char                      *p;
    ngx_str_t                    value;
    ngx_http_litellm_caching_t  *caching;

    caching = ctx->cache;

    if (caching == NULL || caching->status < NGX_HTTP_LITELLM_CACHE_HIT) {
        return NGX_OK;
    }

    if (caching->items) {

        if (ngx_http_litellm_cache_items_names(r, caching->items, &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

    } else {
        p = ngx_pnalloc(r->pool, 2 * NGX_LITELLM_CACHE_KEY);
        if (p == NULL) {
            return NGX_ERROR;
        }

        value.data = p;
        value.len = ngx_litellm_out_hex(p, caching->key,
                                        NGX_LITELLM_CACHE_KEY)
                    - p;
    }

    if (ngx_http_litellm_add_header(r, "x-litellm-cache-key",
                                    sizeof("x-litellm-cache-key") - 1, &value)
        != NGX_OK
        || ngx_http_litellm_add_header(r, "x-litellm-model-group",
                                       sizeof("x-litellm-model-group") - 1,
                                       &ctx->group)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->call.stream) {
        return NGX_OK;
    }

    ngx_str_set(&value, "0");

    return ngx_http_litellm_add_header(r, "x-litellm-response-cost",
                                       sizeof("x-litellm-response-cost") - 1,
                                       &value);
}


void
ngx_http_litellm_cache_answer(ngx_http_litellm_attempt_t *a,
    ngx_litellm_out_t *out)
{
    if (a->ctx->cache->items) {
        ngx_http_litellm_cache_items_answer(a, out);

        if (ngx_http_litellm_cache_storable(a)) {
            ngx_http_litellm_flight_end(a->ctx,
                                        NGX_HTTP_LITELLM_FLIGHT_STORED);
        }

    } else if (ngx_http_litellm_cache_storable(a)) {
        ngx_http_litellm_cache_put(a, out);
    }

    ngx_http_litellm_flight_end(a->ctx, NGX_HTTP_LITELLM_FLIGHT_OPEN);
}


void
ngx_http_litellm_cache_stream(ngx_http_litellm_attempt_t *a)
{
    ngx_litellm_out_t            out;
    ngx_http_litellm_caching_t  *caching;

    caching = a->ctx->cache;

    if (ngx_http_litellm_cache_storable(a)) {

        ngx_litellm_out_init(&out, a->parent->pool);

        if (a->capture != NULL) {

            if (a->complete
                && ngx_http_litellm_capture_answer(a, &out) == NGX_OK)
            {
                ngx_http_litellm_cache_put(a, &out);
            }

            caching->store = 0;

        } else if (a->deployment->mock && a->answer != NULL) {
            a->call->format->answer(a->call, &out, a->answer);
            ngx_http_litellm_cache_put(a, &out);
        }
    }

    if (a->error.class != NGX_LITELLM_NO_ERROR) {
        ngx_http_litellm_flight_failed(a->ctx, &a->error);

    } else {
        ngx_http_litellm_flight_end(a->ctx, NGX_HTTP_LITELLM_FLIGHT_OPEN);
    }
}


ngx_uint_t
ngx_http_litellm_cache_storable(ngx_http_litellm_attempt_t *a)
{
    ngx_litellm_answer_t        *choice;
    ngx_http_litellm_caching_t  *caching;

    caching = a->ctx->cache;

    if (caching == NULL || !caching->store
        || a->error.class != NGX_LITELLM_NO_ERROR
        || a->facts.finish == NGX_LITELLM_FINISH_CONTENT_FILTER
        || a->ctx->fallbacks != 0)
    {
        return 0;
    }

    for (choice = a->answer; choice; choice = choice->next) {
        if (choice->finish == NGX_LITELLM_FINISH_CONTENT_FILTER) {
            return 0;
        }
    }

    return 1;
}


/* once for a request, whatever comes of it */

static void
ngx_http_litellm_cache_put(ngx_http_litellm_attempt_t *a,
    ngx_litellm_out_t *out)
{
    int64_t                           cost;
    ngx_http_litellm_caching_t       *caching;
    ngx_http_litellm_cache_handle_t   h;

    caching = a->ctx->cache;
    caching->store = 0;

    if (out->failed || out->size <= 0 || out->size > (off_t) caching->max) {
        return;
    }

    ngx_memzero(&h, sizeof(ngx_http_litellm_cache_handle_t));

    (void) ngx_http_litellm_cost_sum(a->ctx, &cost);

    h.meta.stored = ngx_time();
    h.meta.expires = h.meta.stored + caching->ttl;
    h.meta.len = (size_t) out->size;
    h.meta.kind = a->ctx->call.op;
    h.meta.cost = cost;

    if (ngx_http_litellm_cache_keep(caching, &h, out) == NGX_OK) {
        ngx_http_litellm_flight_end(a->ctx, NGX_HTTP_LITELLM_FLIGHT_STORED);
    }

    ngx_http_litellm_cache_redis_put(a->ctx, &h.meta, out);
}


/* NGX_DECLINED: there is no room */

static ngx_int_t
ngx_http_litellm_cache_keep(ngx_http_litellm_caching_t *caching,
    ngx_http_litellm_cache_handle_t *h, ngx_litellm_out_t *out)
{
    ngx_chain_t  *cl;

    if (ngx_http_litellm_cache_create(caching->zone, h) != NGX_OK) {
        return NGX_DECLINED;
    }

    for (cl = out->first; cl; cl = cl->next) {
        ngx_http_litellm_cache_write(caching->zone, h, cl->buf->pos,
                                     cl->buf->last - cl->buf->pos);
    }

    ngx_http_litellm_cache_commit(caching->zone, caching->key, h);
    ngx_http_litellm_cache_close(caching->zone, h);

    return NGX_OK;
}
