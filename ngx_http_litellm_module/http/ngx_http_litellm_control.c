
/*
 * What a client may say about how its request is served: num_retries,
 * time-outs, fallbacks and so on, as members of the body and as x-litellm-*
 * headers, by the names that LiteLLM gives them.  The body wins.
 */

#include "ngx_http_litellm.h"


#define NGX_HTTP_LITELLM_MAX_TARGETS  32


static ngx_int_t ngx_http_litellm_route_bad(ngx_http_litellm_ctx_t *ctx,
    const char *message, ngx_str_t *param);
static ngx_int_t ngx_http_litellm_route_fallbacks(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_json_t *value);


static ngx_int_t
ngx_http_litellm_route_bad(ngx_http_litellm_ctx_t *ctx, const char *message,
    ngx_str_t *param)
{
    (void) ngx_http_litellm_refuse(&ctx->error, NGX_LITELLM_BAD_REQUEST, 400,
                                   "invalid_request_error", message);

    ctx->error.param = *param;

    return NGX_DECLINED;
}


/* members of the body that steer the gateway: the body wins over headers */

ngx_int_t
ngx_http_litellm_route_control(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    int64_t                n;
    ngx_int_t              rc;
    ngx_uint_t             i;
    ngx_litellm_json_t    *v;
    ngx_litellm_member_t  *m;

    m = ctx->call.control.elts;

    for (i = 0; i < ctx->call.control.nelts; i++) {

        v = m[i].value;

        if (v->type == NGX_LITELLM_JSON_NULL) {
            continue;
        }

#define ngx_http_litellm_key(s)                                               \
    (m[i].key.len == sizeof(s) - 1                                            \
     && ngx_memcmp(m[i].key.data, s, sizeof(s) - 1) == 0)

        if (ngx_http_litellm_key("num_retries")) {

            if (ngx_litellm_json_int(v, &n) != NGX_OK || n < 0 || n > 100) {
                return ngx_http_litellm_route_bad(ctx,
                    "num_retries must be an integer from 0 to 100",
                    &m[i].key);
            }

            ctx->num_retries = (ngx_int_t) n;

        } else if (ngx_http_litellm_key("timeout")
                   || ngx_http_litellm_key("request_timeout")
                   || ngx_http_litellm_key("stream_timeout"))
        {
            if (ngx_litellm_json_fixed(v, 3, &n) != NGX_OK || n < 0
                || n > 86400 * 1000)
            {
                return ngx_http_litellm_route_bad(ctx,
                    "a timeout must be a number of seconds", &m[i].key);
            }

            if (m[i].key.data[0] == 's') {
                ctx->stream_timeout = (ngx_msec_t) n;

            } else {
                ctx->timeout = (ngx_msec_t) n;
            }

        } else if (ngx_http_litellm_key("drop_params")) {
            ctx->drop_params = (v->type == NGX_LITELLM_JSON_TRUE);

        } else if (ngx_http_litellm_key("disable_fallbacks")) {
            ctx->no_fallbacks = (v->type == NGX_LITELLM_JSON_TRUE);

        } else if (ngx_http_litellm_key("fallbacks")) {

            rc = ngx_http_litellm_route_fallbacks(r, ctx, v);

            if (rc != NGX_OK) {
                return rc;
            }
        }

#undef ngx_http_litellm_key
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_route_headers(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t         n;
    ngx_uint_t        i;
    ngx_str_t         param;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len <= sizeof("x-litellm-") - 1
            || ngx_strncmp(h[i].lowcase_key, "x-litellm-",
                           sizeof("x-litellm-") - 1)
               != 0)
        {
            continue;
        }

        param = h[i].key;

#define ngx_http_litellm_named(s)                                             \
    (h[i].key.len == sizeof(s) - 1                                            \
     && ngx_memcmp(h[i].lowcase_key, s, sizeof(s) - 1) == 0)

        if (ngx_http_litellm_named("x-litellm-num-retries")) {

            n = ngx_atoi(h[i].value.data, h[i].value.len);

            if (n == NGX_ERROR || n > 100) {
                return ngx_http_litellm_route_bad(ctx,
                    "x-litellm-num-retries must be an integer from 0 to 100",
                    &param);
            }

            ctx->num_retries = n;

        } else if (ngx_http_litellm_named("x-litellm-timeout")
                   || ngx_http_litellm_named("x-litellm-stream-timeout"))
        {
            n = ngx_atofp(h[i].value.data, h[i].value.len, 3);

            if (n == NGX_ERROR || n > 86400 * 1000) {
                return ngx_http_litellm_route_bad(ctx,
                    "a timeout must be a number of seconds", &param);
            }

            if (ngx_http_litellm_named("x-litellm-timeout")) {
                ctx->timeout = (ngx_msec_t) n;

            } else {
                ctx->stream_timeout = (ngx_msec_t) n;
            }
        }

#undef ngx_http_litellm_named
    }

    return NGX_OK;
}


/*
 * The client's own list: names, {"model": name}, or LiteLLM's standard form
 * [{"group": [names]}].
 */

static ngx_int_t
ngx_http_litellm_route_fallbacks(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_json_t *value)
{
    ngx_str_t                *name, s, param;
    ngx_uint_t                i, j;
    ngx_litellm_json_t       *item, *key, *list, *v;
    ngx_litellm_json_doc_t    doc;

    ngx_str_set(&param, "fallbacks");

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = r->pool;

    if (ngx_litellm_json_parse(&doc, value->start, value->len) != NGX_OK
        || doc.root->type != NGX_LITELLM_JSON_ARRAY)
    {
        return ngx_http_litellm_route_bad(ctx,
                     "fallbacks must be a list of model names", &param);
    }

    ctx->own_fallbacks = ngx_array_create(r->pool, 4, sizeof(ngx_str_t));
    if (ctx->own_fallbacks == NULL) {
        return NGX_ERROR;
    }

    item = doc.root + 1;

    for (i = 0; i < doc.root->count; i++, item = ngx_litellm_json_next(item)) {

        list = NULL;
        v = item;

        if (item->type == NGX_LITELLM_JSON_OBJECT && item->count == 1) {
            key = item + 1;
            v = ngx_litellm_json_next(key);

            if (v->type == NGX_LITELLM_JSON_ARRAY) {
                list = v;

                s = ngx_litellm_json_text(key);

                if (!(s.len == 1 && s.data[0] == '*')
                    && !ngx_litellm_json_equal(key,
                                               (char *) ctx->call.model.data,
                                               ctx->call.model.len))
                {
                    continue;
                }

            } else if (!ngx_litellm_json_eq(key, "model")) {
                v = NULL;
            }
        }

        for (j = 0; j < (list ? list->count : 1); j++) {

            if (list) {
                v = j ? ngx_litellm_json_next(v) : list + 1;
            }

            if (!ngx_litellm_json_is(v, STRING)
                || ctx->own_fallbacks->nelts == NGX_HTTP_LITELLM_MAX_TARGETS)
            {
                return ngx_http_litellm_route_bad(ctx,
                     "fallbacks must be a list of at most 32 model names",
                     &param);
            }

            name = ngx_array_push(ctx->own_fallbacks);
            if (name == NULL) {
                return NGX_ERROR;
            }

            s = ngx_litellm_json_text(v);

            if (ngx_litellm_json_unescape(r->pool, name, &s) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}
