
/*
 * What the client gets: status, headers, a whole body or an error.  Streams
 * only send their header here, their events go by ngx_http_litellm_stream.c.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_cost.h"
#include "ngx_http_litellm_bill.h"
#include "ngx_http_litellm_cache_follow.h"
#include "ngx_http_litellm_outcome.h"
#include "ngx_litellm_openai.h"
#include "ngx_litellm_replay.h"


static ngx_int_t ngx_http_litellm_respond_stream(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
static ngx_int_t ngx_http_litellm_own_headers(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_attempt_t *a);
static ngx_int_t ngx_http_litellm_provider_headers(ngx_http_request_t *r,
    ngx_http_litellm_attempt_t *a, ngx_uint_t status);
static ngx_uint_t ngx_http_litellm_hop_by_hop(ngx_http_litellm_header_t *h);


/*
 * Not passed on: hop by hop (RFC 9110), the provider's cookies, nginx's own.
 * ngx_http_litellm_hop_by_hop() knows their first letters.
 */

static ngx_str_t  ngx_http_litellm_hidden[] = {
    ngx_string("connection"),
    ngx_string("keep-alive"),
    ngx_string("proxy-authenticate"),
    ngx_string("proxy-authorization"),
    ngx_string("proxy-connection"),
    ngx_string("te"),
    ngx_string("trailer"),
    ngx_string("transfer-encoding"),
    ngx_string("upgrade"),
    ngx_string("set-cookie"),
    ngx_string("set-cookie2"),
    ngx_string("content-length"),
    ngx_null_string
};


ngx_int_t
ngx_http_litellm_respond(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t                    rc;
    ngx_litellm_out_t            out;
    ngx_http_litellm_attempt_t  *a;

    a = ctx->attempt;

    if (ctx->call.stream) {
        rc = ngx_http_litellm_respond_stream(r, ctx);

    } else {

        ngx_litellm_out_init(&out, ctx->pool);

        if (a->wire.pass) {
            out.ref_min = 1;

            if (a->facts.data.data != NULL) {
                ngx_litellm_out_ref(&out, a->facts.data.data,
                                    a->facts.data.len);

            } else {
                ngx_litellm_out_ref(&out, a->body, a->size);
            }

        } else {
            ctx->call.format->answer(&ctx->call, &out, a->answer);
        }

        if (ctx->cache != NULL) {
            ngx_http_litellm_cache_answer(a, &out);
        }

        ngx_http_litellm_content_answer(ctx, &out);

        rc = ngx_http_litellm_send_body(r, ctx, a, NGX_HTTP_OK, &out);
    }

    ctx->ended = 1;

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}


/* what is left to say when the stream's attempt has ended */

static ngx_int_t
ngx_http_litellm_respond_stream(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t                    rc;
    ngx_http_litellm_attempt_t  *a;

    a = ctx->attempt;

    if (a->deployment->mock) {

        if (ngx_http_litellm_stream_create(a) == NULL) {
            return NGX_ERROR;
        }

        a->stream->writer.call = &ctx->call;
        a->stream->writer.id = ctx->call.id;
        ngx_litellm_usage_init(&a->stream->writer.usage);

        ngx_litellm_replay_events(&a->stream->writer, &a->stream->out,
                                  a->answer, 0);
    }

    if (!ctx->header_sent) {

        rc = ngx_http_litellm_send_header(r, ctx, a, NGX_HTTP_OK, -1);

        if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
            return rc;
        }
    }

    if (a->error.class != NGX_LITELLM_NO_ERROR) {

        /* the answer was cut: an error event, and no [DONE] */

        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "litellm: stream of deployment \"%V\" of \"%V\" was cut: "
                      "%V, status %ui", &a->deployment->id, &ctx->group,
                      ngx_litellm_error_class(a->error.class),
                      a->error.status);

        ngx_http_litellm_outcome_log(r, ctx, &a->error);

        if (ngx_http_litellm_stream_rest(a) != NGX_OK) {
            return NGX_ERROR;
        }

        ctx->call.format->error(&a->stream->out, &a->error, 1);
    }

    if (a->stream->out.failed) {
        return NGX_ERROR;
    }

    ngx_http_litellm_feed_chain(ctx, a->stream->out.first);

    if (ctx->cache != NULL) {
        ngx_http_litellm_cache_stream(a);
    }

    ngx_http_litellm_content_stream(a);
    ngx_http_litellm_feed_end(ctx);

    if (ngx_http_litellm_feed_orphan(ctx)) {
        return NGX_HTTP_CLIENT_CLOSED_REQUEST;
    }

    if (a->stream->out.first) {
        rc = ngx_http_output_filter(r, a->stream->out.first);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    return ngx_http_send_special(r, NGX_HTTP_LAST);
}


ngx_int_t
ngx_http_litellm_send_header(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_attempt_t *a,
    ngx_uint_t status, off_t length)
{
    ngx_str_t  value;

    ctx->responded = 1;
    ctx->header_sent = 1;

    r->headers_out.status = status;
    r->headers_out.content_length_n = length;

    if (length == -1) {
        ngx_str_set(&r->headers_out.content_type,
                    "text/event-stream; charset=utf-8");
        r->headers_out.content_type_len = sizeof("text/event-stream") - 1;

        ngx_str_set(&value, "no-cache");

        if (ngx_http_litellm_add_header(r, "Cache-Control",
                                        sizeof("Cache-Control") - 1, &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_str_set(&value, "no");

        if (ngx_http_litellm_add_header(r, "X-Accel-Buffering",
                                        sizeof("X-Accel-Buffering") - 1,
                                        &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

    } else if (status != NGX_HTTP_NO_CONTENT) {
        ngx_str_set(&r->headers_out.content_type, "application/json");
        r->headers_out.content_type_len = r->headers_out.content_type.len;
    }

    r->headers_out.content_type_lowcase = NULL;

    if (ngx_http_litellm_own_headers(r, ctx, a) != NGX_OK) {
        return NGX_ERROR;
    }

    if (a != NULL
        && ngx_http_litellm_provider_headers(r, a, status) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_send_header(r);
}


ngx_int_t
ngx_http_litellm_send_body(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_attempt_t *a,
    ngx_uint_t status, ngx_litellm_out_t *out)
{
    ngx_int_t     rc;
    ngx_chain_t  *cl;

    if (out->failed) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_litellm_send_header(r, ctx, a, status, out->size);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    if (out->first == NULL) {
        return ngx_http_send_special(r, NGX_HTTP_LAST);
    }

    for (cl = out->first; cl->next; cl = cl->next) { /* void */ }

    cl->buf->last_buf = (r == r->main) ? 1 : 0;
    cl->buf->last_in_chain = 1;

    return ngx_http_output_filter(r, out->first);
}


ngx_int_t
ngx_http_litellm_send_error(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *e)
{
    ngx_litellm_out_t             out;
    const ngx_litellm_format_t   *format;

    if (ctx->header_sent && !ctx->call.stream) {
        return NGX_ERROR;
    }

    ngx_litellm_out_init(&out, ctx->pool);

    format = ctx->call.format;

    if (ctx->header_sent) {

        /* comments went out, or a stream was cut that nobody goes on with */

        format->error(&out, e, 1);

        if (out.failed
            || ngx_http_output_filter(r, out.first) == NGX_ERROR)
        {
            return NGX_ERROR;
        }

        return ngx_http_send_special(r, NGX_HTTP_LAST);
    }

    if (format != NULL) {
        format->error(&out, e, 0);

    } else {
        ngx_litellm_openai_error(&out, e, 0);
    }

    if (e->status == 0) {
        e->status = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (e->retry_after
        && ngx_http_litellm_add_number(r, "Retry-After",
                                       sizeof("Retry-After") - 1,
                                       (e->retry_after + 999) / 1000)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_litellm_send_body(r, ctx, ctx->attempt, e->status, &out);
}


ngx_int_t
ngx_http_litellm_refuse(ngx_litellm_error_t *e, ngx_litellm_class_e class,
    ngx_uint_t status, const char *type, const char *message)
{
    ngx_memzero(e, sizeof(ngx_litellm_error_t));

    e->class = class;
    e->status = status;

    if (type != NULL) {
        e->type.data = (u_char *) type;
        e->type.len = ngx_strlen(type);
    }

    e->message.data = (u_char *) message;
    e->message.len = ngx_strlen(message);

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_litellm_push_header(ngx_http_request_t *r, const char *key,
    size_t len, ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_http_litellm_set_header(h, key, len, value);

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_add_number(ngx_http_request_t *r, const char *key,
    size_t len, int64_t n)
{
    u_char                  *p;
    ngx_str_t                value;
    ngx_http_litellm_ctx_t  *ctx;

    if (n <= 0) {
        ngx_str_set(&value, "0");
        return ngx_http_litellm_add_header(r, key, len, &value);
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_litellm_module);

    p = ngx_pnalloc(ctx->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    value.len = ngx_litellm_out_digits(p, (uint64_t) n) - p;

    return ngx_http_litellm_add_header(r, key, len, &value);
}


ngx_int_t
ngx_http_litellm_add_money(ngx_http_request_t *r, const char *key, size_t len,
    int64_t money)
{
    u_char                  *p;
    ngx_str_t                value;
    ngx_http_litellm_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_litellm_module);

    p = ngx_pnalloc(ctx->pool, NGX_LITELLM_MONEY_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    value.len = ngx_litellm_money_print(p, money) - p;

    return ngx_http_litellm_add_header(r, key, len, &value);
}


#define ngx_http_litellm_header(r, name, value)                               \
    ngx_http_litellm_add_header(r, name, sizeof(name) - 1, value)


/* x-litellm-*: as LiteLLM's common_request_processing.py names them */

static ngx_int_t
ngx_http_litellm_own_headers(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_attempt_t *a)
{
    u_char                    *p;
    ngx_str_t                  value;
    ngx_litellm_deployment_t  *d;

    if (ctx->api == NULL || ctx->api->format == NULL) {
        return NGX_OK;
    }

    if (ctx->call_id.len
        && ngx_http_litellm_header(r, "x-litellm-call-id", &ctx->call_id)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&value, NGX_HTTP_LITELLM_VERSION);

    if (ngx_http_litellm_header(r, "x-litellm-version", &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_litellm_bill_headers(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (a == NULL) {
        return ngx_http_litellm_cache_headers(r, ctx);
    }

    d = a->deployment;

    if (ngx_http_litellm_header(r, "x-litellm-model-id", &d->id) != NGX_OK
        || ngx_http_litellm_header(r, "x-litellm-model-group", &ctx->group)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (a->endpoint != NULL) {

        value = d->api_base;

        p = value.len ? memchr(value.data, '?', value.len) : NULL;

        if (p != NULL) {
            value.len = p - value.data;
        }

        if (ngx_http_litellm_header(r, "x-litellm-model-api-base", &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_http_litellm_cost_headers(r, a) != NGX_OK) {
        return NGX_ERROR;
    }

    if (r->headers_out.status >= 300) {
        return NGX_OK;
    }

    if (ngx_http_litellm_add_number(r, "x-litellm-attempted-retries",
                                    sizeof("x-litellm-attempted-retries") - 1,
                                    ctx->retries)
        != NGX_OK
        || ngx_http_litellm_add_number(r, "x-litellm-attempted-fallbacks",
                                  sizeof("x-litellm-attempted-fallbacks") - 1,
                                  ctx->fallbacks)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * Each of the provider's as llm_provider-NAME; its rate limits, request id and,
 * for errors, Azure's finer Retry-After under their own names too: clients act
 * on them.
 */

static ngx_int_t
ngx_http_litellm_provider_headers(ngx_http_request_t *r,
    ngx_http_litellm_attempt_t *a, ngx_uint_t status)
{
    size_t                      shortest;
    ngx_uint_t                  i, own;
    ngx_http_litellm_header_t  *h;

    a->call->deployment = a->deployment;
    h = a->headers.elts;

    shortest = ngx_litellm_error_shortest(a->call);

    for (i = 0; i < a->headers.nelts; i++) {

        if (ngx_http_litellm_hop_by_hop(&h[i])) {
            continue;
        }

        if (h[i].value.len >= shortest
            && ngx_litellm_error_tells(a->call, &h[i].value))
        {

            /* a provider that echoes what it was sent: a secret is in there */

            continue;
        }

        if (ngx_http_litellm_add_header(r, (char *) h[i].lowcase
                                           - NGX_HTTP_LITELLM_NAMED_LEN,
                                        NGX_HTTP_LITELLM_NAMED_LEN
                                        + h[i].key.len,
                                        &h[i].value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        switch (h[i].lowcase[0]) {

        case 'x':
            own = (h[i].key.len > sizeof("x-ratelimit-") - 1
                   && ngx_memcmp(h[i].lowcase, "x-ratelimit-",
                                 sizeof("x-ratelimit-") - 1)
                      == 0);
            break;

        case 'r':
            own = (h[i].key.len == sizeof("request-id") - 1
                   && ngx_strncmp(h[i].lowcase, "request-id",
                                  sizeof("request-id") - 1)
                      == 0)
                  || (status >= 400
                      && h[i].key.len == sizeof("retry-after-ms") - 1
                      && ngx_strncmp(h[i].lowcase, "retry-after-ms",
                                     sizeof("retry-after-ms") - 1)
                         == 0);
            break;

        default:
            own = 0;
        }

        if (own
            && ngx_http_litellm_add_header(r, (char *) h[i].key.data,
                                           h[i].key.len, &h[i].value)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_litellm_hop_by_hop(ngx_http_litellm_header_t *h)
{
    ngx_str_t  *name;

    switch (h->lowcase[0]) {

    case 'c': case 'k': case 'p': case 's': case 't': case 'u':
        break;

    default:
        return 0;
    }

    for (name = ngx_http_litellm_hidden; name->len; name++) {
        if (h->key.len == name->len
            && ngx_memcmp(h->lowcase, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}
