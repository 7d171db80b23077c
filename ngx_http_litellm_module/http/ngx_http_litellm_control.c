
/*
 * What a client may say about how its request is served: num_retries,
 * time-outs, fallbacks and so on, as members of the body and as x-litellm-*
 * headers, by the names that LiteLLM gives them.  A header wins, as there:
 * clients that can't change their bodies set it.
 */

#include "ngx_http_litellm.h"


#define NGX_HTTP_LITELLM_MAX_TARGETS  32


static ngx_int_t ngx_http_litellm_route_bad(ngx_http_litellm_ctx_t *ctx,
    const char *message, ngx_str_t *param);
static ngx_int_t ngx_http_litellm_route_number(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_member_t *m);
static void ngx_http_litellm_route_testing(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_member_t *m);
static ngx_int_t ngx_http_litellm_route_fallbacks(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_member_t *m,
    ngx_http_litellm_table_e kind);
static ngx_int_t ngx_http_litellm_route_target(ngx_http_litellm_ctx_t *ctx,
    ngx_array_t *targets, ngx_litellm_json_t *v, ngx_uint_t *total);


#define ngx_http_litellm_key(m, s)                                            \
    ((m)->key.len == sizeof(s) - 1                                            \
     && ngx_memcmp((m)->key.data, s, sizeof(s) - 1) == 0)


static ngx_int_t
ngx_http_litellm_route_bad(ngx_http_litellm_ctx_t *ctx, const char *message,
    ngx_str_t *param)
{
    (void) ngx_http_litellm_refuse(&ctx->error, NGX_LITELLM_BAD_REQUEST, 400,
                                   "invalid_request_error", message);

    ctx->error.param = *param;

    return NGX_DECLINED;
}


/* members of the body that steer the gateway */

ngx_int_t
ngx_http_litellm_route_control(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
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

        if (ngx_http_litellm_key(&m[i], "drop_params")) {
            ctx->drop_params = (v->type == NGX_LITELLM_JSON_TRUE);

        } else if (ngx_http_litellm_key(&m[i], "disable_fallbacks")) {
            ctx->no_fallbacks = (v->type == NGX_LITELLM_JSON_TRUE);

        } else if (ngx_http_litellm_key(&m[i], "fallbacks")) {
            rc = ngx_http_litellm_route_fallbacks(r, ctx, &m[i],
                                                  NGX_HTTP_LITELLM_GENERAL);
            if (rc != NGX_OK) {
                return rc;
            }

        } else if (ngx_http_litellm_key(&m[i], "context_window_fallbacks")) {
            rc = ngx_http_litellm_route_fallbacks(r, ctx, &m[i],
                                                  NGX_HTTP_LITELLM_WINDOW);
            if (rc != NGX_OK) {
                return rc;
            }

        } else if (ngx_http_litellm_key(&m[i], "content_policy_fallbacks")) {
            rc = ngx_http_litellm_route_fallbacks(r, ctx, &m[i],
                                                  NGX_HTTP_LITELLM_POLICY);
            if (rc != NGX_OK) {
                return rc;
            }

        } else if (m[i].key.len > sizeof("mock_testing_") - 1
                   && ngx_memcmp(m[i].key.data, "mock_testing_",
                                 sizeof("mock_testing_") - 1)
                      == 0)
        {
            ngx_http_litellm_route_testing(ctx, &m[i]);

        } else {
            rc = ngx_http_litellm_route_number(ctx, &m[i]);

            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    return NGX_OK;
}


/* num_retries and the like; NGX_OK for a member that is none of them */

static ngx_int_t
ngx_http_litellm_route_number(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_member_t *m)
{
    int64_t              n;
    ngx_litellm_json_t  *v;

    v = m->value;

    if (ngx_http_litellm_key(m, "num_retries")
        || ngx_http_litellm_key(m, "max_fallbacks"))
    {
        if (ngx_litellm_json_int(v, &n) != NGX_OK || n < 0 || n > 100) {
            return ngx_http_litellm_route_bad(ctx,
                 (m->key.data[0] == 'n')
                 ? "num_retries must be an integer from 0 to 100"
                 : "max_fallbacks must be an integer from 0 to 100", &m->key);
        }

        if (m->key.data[0] == 'n') {
            ctx->num_retries = (ngx_int_t) n;

        } else {
            ctx->max_fallbacks = (ngx_int_t) n;
        }

    } else if (ngx_http_litellm_key(m, "timeout")
               || ngx_http_litellm_key(m, "request_timeout")
               || ngx_http_litellm_key(m, "stream_timeout")
               || ngx_http_litellm_key(m, "keepalive_seconds"))
    {
        if (ngx_litellm_json_fixed(v, 3, &n) != NGX_OK || n < 0
            || n > 86400 * 1000)
        {
            return ngx_http_litellm_route_bad(ctx,
                                (m->key.data[0] == 'k')
                                ? "keepalive_seconds must be a number"
                                : "a timeout must be a number of seconds",
                                &m->key);
        }

        switch (m->key.data[0]) {

        case 's':
            ctx->stream_timeout = (ngx_msec_t) n;
            break;

        case 'k':
            ctx->keepalive = (ngx_msec_t) n;
            break;

        case 'r':
            if (ctx->timeout == 0) {
                ctx->timeout = (ngx_msec_t) n;
            }
            break;

        default:
            ctx->timeout = (ngx_msec_t) n;
        }
    }

    return NGX_OK;
}


/* they are here only where the configuration allows them */

static void
ngx_http_litellm_route_testing(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_member_t *m)
{
    if (m->value->type != NGX_LITELLM_JSON_TRUE) {
        return;
    }

    if (ngx_http_litellm_key(m, "mock_testing_fallbacks")) {
        ctx->mock_error = NGX_LITELLM_INTERNAL_SERVER;

    } else if (ngx_http_litellm_key(m, "mock_testing_context_fallbacks")) {
        ctx->mock_error = NGX_LITELLM_CONTEXT_WINDOW;

    } else if (ngx_http_litellm_key(m,
                                    "mock_testing_content_policy_fallbacks"))
    {
        ctx->mock_error = NGX_LITELLM_CONTENT_POLICY;

    } else if (ngx_http_litellm_key(m, "mock_testing_rate_limit_error")) {
        ctx->mock_error = NGX_LITELLM_RATE_LIMIT;
    }
}


/*
 * Most requests have none of ours: those that look for one of them by its name
 * need not look at each header.
 */

ngx_uint_t
ngx_http_litellm_route_steered(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    if (ctx->steered_set) {
        return ctx->steered;
    }

    ctx->steered_set = 1;

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len > sizeof("x-litellm-") - 1
                && h[i].lowcase_key[0] == 'x'
                && ngx_memcmp(h[i].lowcase_key, "x-litellm-",
                              sizeof("x-litellm-") - 1)
                   == 0)
            {
                ctx->steered = 1;
                return 1;
            }
        }
    }

    return 0;
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

    if (!ngx_http_litellm_route_steered(r, ctx)) {
        return NGX_OK;
    }

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
                   || ngx_http_litellm_named("x-litellm-stream-timeout")
                   || ngx_http_litellm_named("x-litellm-keepalive-seconds"))
        {
            n = ngx_atofp(h[i].value.data, h[i].value.len, 3);

            if (n == NGX_ERROR || n > 86400 * 1000) {
                return ngx_http_litellm_route_bad(ctx,
                    "a timeout must be a number of seconds", &param);
            }

            if (ngx_http_litellm_named("x-litellm-timeout")) {
                ctx->timeout = (ngx_msec_t) n;

            } else if (ngx_http_litellm_named("x-litellm-stream-timeout")) {
                ctx->stream_timeout = (ngx_msec_t) n;

            } else {
                ctx->keepalive = (ngx_msec_t) n;
            }
        }

#undef ngx_http_litellm_named
    }

    return NGX_OK;
}


/*
 * The client's own: a list of names or {"model": name}, which is walked
 * whatever the error is, or LiteLLM's standard form [{"group": [names]}], for
 * its kind of error.
 */

static ngx_int_t
ngx_http_litellm_route_fallbacks(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_member_t *m,
    ngx_http_litellm_table_e kind)
{
    ngx_int_t                rc;
    ngx_str_t                source, s;
    ngx_uint_t               i, j, n, total;
    ngx_array_t             *targets, *table, **names;
    ngx_litellm_json_t      *item, *key, *v;
    ngx_litellm_json_doc_t   doc;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = r->pool;

    if (ngx_litellm_json_parse(&doc, m->value->start, m->value->len) != NGX_OK
        || doc.root->type != NGX_LITELLM_JSON_ARRAY)
    {
        return ngx_http_litellm_route_bad(ctx,
                     "fallbacks must be a list of model names", &m->key);
    }

    table = ngx_array_create(r->pool, 4, sizeof(ngx_litellm_fallback_t));
    if (table == NULL) {
        return NGX_ERROR;
    }

    names = &ctx->own_fallbacks;
    total = 0;
    item = doc.root + 1;

    for (i = 0; i < doc.root->count; i++, item = ngx_litellm_json_next(item)) {

        v = item;

        if (item->type == NGX_LITELLM_JSON_OBJECT && item->count == 1) {
            key = item + 1;
            v = ngx_litellm_json_next(key);

            if (v->type == NGX_LITELLM_JSON_ARRAY) {

                s = ngx_litellm_json_text(key);

                if (ngx_litellm_json_unescape(r->pool, &source, &s)
                    != NGX_OK)
                {
                    return NGX_ERROR;
                }

                targets = ngx_litellm_config_fallback_add(r->pool, table,
                                                          &source);
                if (targets == NULL) {
                    return NGX_ERROR;
                }

                n = v->count;
                v++;

                for (j = 0; j < n; j++) {
                    rc = ngx_http_litellm_route_target(ctx, targets, v,
                                                       &total);
                    if (rc != NGX_OK) {
                        return rc;
                    }

                    v = ngx_litellm_json_next(v);
                }

                if (table->nelts > NGX_HTTP_LITELLM_MAX_TARGETS) {
                    return ngx_http_litellm_route_bad(ctx,
                               "fallbacks are for at most 32 models", &m->key);
                }

                continue;
            }

            if (!ngx_litellm_json_eq(key, "model")) {
                v = NULL;
            }
        }

        if (kind != NGX_HTTP_LITELLM_GENERAL) {
            return ngx_http_litellm_route_bad(ctx,
                     "fallbacks for a kind of error must be a list of "
                     "{model: [model names]}", &m->key);
        }

        if (*names == NULL) {
            *names = ngx_array_create(r->pool, 4, sizeof(ngx_str_t));
            if (*names == NULL) {
                return NGX_ERROR;
            }
        }

        rc = ngx_http_litellm_route_target(ctx, *names, v, &total);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    ctx->own_tables[kind] = table;

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_route_target(ngx_http_litellm_ctx_t *ctx,
    ngx_array_t *targets, ngx_litellm_json_t *v, ngx_uint_t *total)
{
    ngx_str_t  *name, s, param;

    if (!ngx_litellm_json_is(v, STRING)
        || (*total)++ == NGX_HTTP_LITELLM_MAX_TARGETS)
    {
        ngx_str_set(&param, "fallbacks");

        return ngx_http_litellm_route_bad(ctx,
                 "fallbacks must be a list of at most 32 model names", &param);
    }

    name = ngx_array_push(targets);
    if (name == NULL) {
        return NGX_ERROR;
    }

    s = ngx_litellm_json_text(v);

    return ngx_litellm_json_unescape(ctx->call.pool, name, &s);
}
