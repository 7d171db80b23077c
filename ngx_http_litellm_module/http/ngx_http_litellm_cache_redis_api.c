
/*
 * /cache/... where answers are kept in Redis: the request waits for the
 * replies to one command after the other, each bounded by the connection's
 * time-out, and is told if there was none.  Called by
 * ngx_http_litellm_cache_api.c, which knows who may ask.
 */

#include "ngx_http_litellm_cache_redis.h"


#if (NGX_LITELLM_HAVE_HIREDIS)


/* names of one DEL; clients and lines of INFO that are shown */
#define NGX_HTTP_LITELLM_CACHE_DELETE   500
#define NGX_HTTP_LITELLM_CACHE_CLIENTS  1000
#define NGX_HTTP_LITELLM_CACHE_LINES    1000


typedef struct ngx_http_litellm_cache_call_s  ngx_http_litellm_cache_call_t;

/* NGX_OK: it is answered; NGX_AGAIN: call->cmd is the next one; NGX_DECLINED:
   Redis did not do it; NGX_ERROR */
typedef ngx_int_t (*ngx_http_litellm_cache_call_pt)(
    ngx_http_litellm_cache_call_t *call, ngx_litellm_resp_t *reply);

struct ngx_http_litellm_cache_call_s {
    ngx_http_request_t                *request;
    ngx_http_litellm_ctx_t            *ctx;
    ngx_http_litellm_redis_command_t  *cmd;
    ngx_http_litellm_cache_call_pt     handler;
    ngx_litellm_out_t                  out;
    u_char                            *keys;     /* to be deleted */
    ngx_uint_t                         n;
};


static ngx_http_litellm_cache_call_t *ngx_http_litellm_cache_call(
    ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_cache_call_pt handler);
static void ngx_http_litellm_cache_call_cleanup(void *data);
static ngx_int_t ngx_http_litellm_cache_call_begin(
    ngx_http_litellm_cache_call_t *call);
static ngx_int_t ngx_http_litellm_cache_call_say(
    ngx_http_litellm_cache_call_t *call, ngx_str_t *argv, ngx_uint_t argc);
static void ngx_http_litellm_cache_called(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply);
static ngx_int_t ngx_http_litellm_cache_call_end(
    ngx_http_litellm_cache_call_t *call, ngx_int_t rc);
static ngx_int_t ngx_http_litellm_cache_pinged(
    ngx_http_litellm_cache_call_t *call, ngx_litellm_resp_t *reply);
static ngx_int_t ngx_http_litellm_cache_emptied(
    ngx_http_litellm_cache_call_t *call, ngx_litellm_resp_t *reply);
static ngx_int_t ngx_http_litellm_cache_deleted(
    ngx_http_litellm_cache_call_t *call, ngx_litellm_resp_t *reply);
static ngx_int_t ngx_http_litellm_cache_delete_next(
    ngx_http_litellm_cache_call_t *call);
static ngx_int_t ngx_http_litellm_cache_listed(
    ngx_http_litellm_cache_call_t *call, ngx_litellm_resp_t *reply);
static void ngx_http_litellm_cache_client(ngx_litellm_out_t *out,
    ngx_str_t *line);
static ngx_int_t ngx_http_litellm_cache_told(
    ngx_http_litellm_cache_call_t *call, ngx_litellm_resp_t *reply);
static ngx_uint_t ngx_http_litellm_cache_line(u_char **pos, u_char *last,
    ngx_str_t *line);
static ngx_uint_t ngx_http_litellm_cache_digits(ngx_str_t *s);


static ngx_http_litellm_cache_call_t *
ngx_http_litellm_cache_call(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_cache_call_pt handler)
{
    ngx_pool_cleanup_t             *cln;
    ngx_http_litellm_cache_call_t  *call;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_litellm_cache_call_t));
    if (cln == NULL) {
        return NULL;
    }

    call = cln->data;

    ngx_memzero(call, sizeof(ngx_http_litellm_cache_call_t));

    call->request = r;
    call->ctx = ctx;
    call->handler = handler;

    ngx_litellm_out_init(&call->out, r->pool);

    cln->handler = ngx_http_litellm_cache_call_cleanup;

    return call;
}


static void
ngx_http_litellm_cache_call_cleanup(void *data)
{
    ngx_http_litellm_cache_call_t *call = data;

    if (call->cmd != NULL) {
        ngx_http_litellm_redis_cancel(call->cmd);
        call->cmd = NULL;
    }
}


/* from a content handler: what that returns */

static ngx_int_t
ngx_http_litellm_cache_call_begin(ngx_http_litellm_cache_call_t *call)
{
    ngx_http_request_t  *r;

    if (call->cmd == NULL) {
        return ngx_http_litellm_cache_call_end(call, NGX_DECLINED);
    }

    r = call->request;

    if (!r->discard_body) {
        r->read_event_handler = ngx_http_test_reading;
    }

    r->main->count++;

    return NGX_DONE;
}


static ngx_int_t
ngx_http_litellm_cache_call_say(ngx_http_litellm_cache_call_t *call,
    ngx_str_t *argv, ngx_uint_t argc)
{
    ngx_http_litellm_redis_t  *redis;

    redis = ngx_http_litellm_cache_there.redis;

    if (redis == NULL) {
        return NGX_DECLINED;
    }

    call->cmd = ngx_http_litellm_redis_command(redis, argv, argc,
                                               ngx_http_litellm_cache_called,
                                               call, redis->timeout);

    return (call->cmd != NULL) ? NGX_AGAIN : NGX_DECLINED;
}


static void
ngx_http_litellm_cache_called(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply)
{
    ngx_http_litellm_cache_call_t *call = data;

    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = call->request;
    c = r->connection;

    call->cmd = NULL;

    ngx_http_set_log_request(c->log, r);

    rc = (rc == NGX_OK) ? call->handler(call, reply) : NGX_DECLINED;

    if (rc == NGX_AGAIN) {
        return;
    }

    ngx_http_finalize_request(r, ngx_http_litellm_cache_call_end(call, rc));
    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_http_litellm_cache_call_end(ngx_http_litellm_cache_call_t *call,
    ngx_int_t rc)
{
    ngx_http_request_t      *r;
    ngx_http_litellm_ctx_t  *ctx;

    r = call->request;
    ctx = call->ctx;

    if (rc == NGX_OK) {
        return ngx_http_litellm_send_body(r, ctx, NULL, NGX_HTTP_OK,
                                          &call->out);
    }

    if (rc != NGX_DECLINED) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    (void) ngx_http_litellm_refuse(&ctx->error,
                                   NGX_LITELLM_SERVICE_UNAVAILABLE,
                                   NGX_HTTP_SERVICE_UNAVAILABLE, NULL,
                                   "Service Unhealthy: the Redis of the cache "
                                   "does not answer, or refuses");

    return ngx_http_litellm_send_error(r, ctx, &ctx->error);
}


ngx_int_t
ngx_http_litellm_cache_redis_ping(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_str_t                       argv[1];
    ngx_http_litellm_cache_call_t  *call;

    call = ngx_http_litellm_cache_call(r, ctx, ngx_http_litellm_cache_pinged);
    if (call == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_set(&argv[0], "PING");

    (void) ngx_http_litellm_cache_call_say(call, argv, 1);

    return ngx_http_litellm_cache_call_begin(call);
}


static ngx_int_t
ngx_http_litellm_cache_pinged(ngx_http_litellm_cache_call_t *call,
    ngx_litellm_resp_t *reply)
{
    ngx_http_litellm_loc_conf_t  *lcf;

    if (reply->type != NGX_LITELLM_RESP_STATUS) {
        return NGX_DECLINED;
    }

    lcf = ngx_http_get_module_loc_conf(call->request, ngx_http_litellm_module);

    ngx_http_litellm_cache_state(&call->out, lcf->cache->zone, 1);

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_cache_redis_flushall(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_http_litellm_cache_call_t  *call;

    call = ngx_http_litellm_cache_call(r, ctx, ngx_http_litellm_cache_emptied);
    if (call == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    call->cmd = ngx_http_litellm_cache_redis_flush(
                                          ngx_http_litellm_cache_called, call);

    return ngx_http_litellm_cache_call_begin(call);
}


static ngx_int_t
ngx_http_litellm_cache_emptied(ngx_http_litellm_cache_call_t *call,
    ngx_litellm_resp_t *reply)
{
    if (ngx_http_litellm_cache_redis_flushed(reply) != NGX_OK) {
        return NGX_DECLINED;
    }

    ngx_litellm_out_lit(&call->out, "{\"status\":\"success\"}");

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_cache_redis_delete(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, u_char *keys, ngx_uint_t n)
{
    ngx_int_t                       rc;
    ngx_http_litellm_cache_call_t  *call;

    call = ngx_http_litellm_cache_call(r, ctx, ngx_http_litellm_cache_deleted);
    if (call == NULL) {
        return NGX_ERROR;
    }

    call->keys = keys;
    call->n = n;

    rc = ngx_http_litellm_cache_delete_next(call);

    if (rc != NGX_AGAIN) {
        ngx_http_finalize_request(r,
                                  ngx_http_litellm_cache_call_end(call, rc));
        return NGX_OK;
    }

    r->read_event_handler = ngx_http_test_reading;

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_cache_deleted(ngx_http_litellm_cache_call_t *call,
    ngx_litellm_resp_t *reply)
{
    return (reply->type == NGX_LITELLM_RESP_INTEGER)
           ? ngx_http_litellm_cache_delete_next(call) : NGX_DECLINED;
}


static ngx_int_t
ngx_http_litellm_cache_delete_next(ngx_http_litellm_cache_call_t *call)
{
    ngx_int_t           rc;
    ngx_str_t          *argv;
    ngx_uint_t          i, n;
    ngx_pool_t         *pool;
    ngx_atomic_uint_t   generation;

    if (call->n == 0) {
        ngx_litellm_out_lit(&call->out, "{\"status\":\"success\"}");
        return NGX_OK;
    }

    if (ngx_http_litellm_cache_there.redis == NULL
        || !ngx_http_litellm_cache_there.sh->known)
    {
        return NGX_DECLINED;
    }

    generation = ngx_http_litellm_cache_there.sh->generation;
    n = ngx_min(call->n, NGX_HTTP_LITELLM_CACHE_DELETE);

    pool = ngx_create_pool(16384, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    argv = ngx_palloc(pool, (n + 1) * sizeof(ngx_str_t));
    if (argv == NULL) {
        goto done;
    }

    ngx_str_set(&argv[0], "DEL");

    for (i = 0; i < n; i++) {
        if (ngx_http_litellm_cache_redis_name(pool, generation, call->keys,
                                              &argv[i + 1])
            != NGX_OK)
        {
            goto done;
        }

        call->keys += NGX_LITELLM_CACHE_KEY;
    }

    call->n -= n;

    rc = ngx_http_litellm_cache_call_say(call, argv, n + 1);

done:

    ngx_destroy_pool(pool);

    return rc;
}


/* LiteLLM's {num_clients, clients, info}: CLIENT LIST first, then INFO */

ngx_int_t
ngx_http_litellm_cache_redis_tell(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_str_t                       argv[2];
    ngx_http_litellm_cache_call_t  *call;

    call = ngx_http_litellm_cache_call(r, ctx, ngx_http_litellm_cache_listed);
    if (call == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_set(&argv[0], "CLIENT");
    ngx_str_set(&argv[1], "LIST");

    (void) ngx_http_litellm_cache_call_say(call, argv, 2);

    return ngx_http_litellm_cache_call_begin(call);
}


static ngx_int_t
ngx_http_litellm_cache_listed(ngx_http_litellm_cache_call_t *call,
    ngx_litellm_resp_t *reply)
{
    u_char      *p, *last;
    ngx_str_t    line, argv[1];
    ngx_uint_t   n;

    if (reply->type == NGX_LITELLM_RESP_STRING) {
        p = reply->text.data;
        last = p + reply->text.len;

        for (n = 0; ngx_http_litellm_cache_line(&p, last, &line); n++) {
            /* void */
        }

        ngx_litellm_out_lit(&call->out, "{\"num_clients\":");
        ngx_litellm_out_int(&call->out, n);
        ngx_litellm_out_lit(&call->out, ",\"clients\":[");

        p = reply->text.data;

        for (n = 0; n < NGX_HTTP_LITELLM_CACHE_CLIENTS
             && ngx_http_litellm_cache_line(&p, last, &line); n++)
        {
            if (n) {
                ngx_litellm_out_lit(&call->out, ",");
            }

            ngx_http_litellm_cache_client(&call->out, &line);
        }

        ngx_litellm_out_lit(&call->out, "],\"info\":{");

    } else {

        /* users of a hosted one often may not ask */

        ngx_litellm_out_lit(&call->out, "{\"num_clients\":null,"
                            "\"clients\":[],\"info\":{");
    }

    call->handler = ngx_http_litellm_cache_told;

    ngx_str_set(&argv[0], "INFO");

    return ngx_http_litellm_cache_call_say(call, argv, 1);
}


/* words of the form name=value */

static void
ngx_http_litellm_cache_client(ngx_litellm_out_t *out, ngx_str_t *line)
{
    u_char      *p, *last, *end, *equals;
    ngx_str_t    s;
    ngx_uint_t   n;

    ngx_litellm_out_lit(out, "{");

    p = line->data;
    last = p + line->len;

    for (n = 0; p < last && n < 64; p = end + 1) {

        end = ngx_strlchr(p, last, ' ');

        if (end == NULL) {
            end = last;
        }

        equals = ngx_strlchr(p, end, '=');

        if (equals == NULL) {
            continue;
        }

        if (n++) {
            ngx_litellm_out_lit(out, ",");
        }

        s.data = p;
        s.len = equals - p;

        ngx_litellm_out_json(out, &s);
        ngx_litellm_out_lit(out, ":");

        s.data = equals + 1;
        s.len = end - s.data;

        ngx_litellm_out_json(out, &s);
    }

    ngx_litellm_out_lit(out, "}");
}


static ngx_int_t
ngx_http_litellm_cache_told(ngx_http_litellm_cache_call_t *call,
    ngx_litellm_resp_t *reply)
{
    u_char      *p, *last, *colon;
    ngx_str_t    line, s;
    ngx_uint_t   n, lines;

    if (reply->type != NGX_LITELLM_RESP_STRING) {
        return NGX_DECLINED;
    }

    p = reply->text.data;
    last = p + reply->text.len;
    n = 0;

    for (lines = 0; lines < NGX_HTTP_LITELLM_CACHE_LINES; lines++) {

        if (!ngx_http_litellm_cache_line(&p, last, &line)) {
            break;
        }

        colon = ngx_strlchr(line.data, line.data + line.len, ':');

        if (line.data[0] == '#' || colon == NULL) {
            continue;
        }

        if (n++) {
            ngx_litellm_out_lit(&call->out, ",");
        }

        s.data = line.data;
        s.len = colon - line.data;

        ngx_litellm_out_json(&call->out, &s);
        ngx_litellm_out_lit(&call->out, ":");

        s.data = colon + 1;
        s.len = line.data + line.len - s.data;

        if (ngx_http_litellm_cache_digits(&s)) {
            ngx_litellm_out_str(&call->out, &s);

        } else {
            ngx_litellm_out_json(&call->out, &s);
        }
    }

    ngx_litellm_out_lit(&call->out, "}}");

    return NGX_OK;
}


/* one that is not empty, without its end */

static ngx_uint_t
ngx_http_litellm_cache_line(u_char **pos, u_char *last, ngx_str_t *line)
{
    u_char  *p, *end;

    for (p = *pos; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, '\n');

        if (end == NULL) {
            end = last;
        }

        line->data = p;
        line->len = end - p;

        if (line->len && end[-1] == '\r') {
            line->len--;
        }

        if (line->len) {
            *pos = ngx_min(end + 1, last);
            return 1;
        }
    }

    *pos = last;

    return 0;
}


/* a whole number as JSON has it */

static ngx_uint_t
ngx_http_litellm_cache_digits(ngx_str_t *s)
{
    size_t  i;

    if (s->len == 0 || s->len > 18 || (s->len > 1 && s->data[0] == '0')) {
        return 0;
    }

    for (i = 0; i < s->len; i++) {
        if (s->data[i] < '0' || s->data[i] > '9') {
            return 0;
        }
    }

    return 1;
}


#else


ngx_int_t
ngx_http_litellm_cache_redis_ping(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    return NGX_HTTP_INTERNAL_SERVER_ERROR;
}


ngx_int_t
ngx_http_litellm_cache_redis_flushall(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    return NGX_HTTP_INTERNAL_SERVER_ERROR;
}


ngx_int_t
ngx_http_litellm_cache_redis_tell(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    return NGX_HTTP_INTERNAL_SERVER_ERROR;
}


ngx_int_t
ngx_http_litellm_cache_redis_delete(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, u_char *keys, ngx_uint_t n)
{
    return NGX_ERROR;
}

#endif
