
/*
 * The way of a request (architecture 2), read from top to bottom.
 *
 * The content handler tells the clone of an attempt from a client's request,
 * finds the API function, and for those that call a model reads the body and
 * runs the steps.  A step returns NGX_OK (the next one), NGX_AGAIN (it will be
 * woken), NGX_DONE (the request was finalized) or NGX_DECLINED: ctx->error goes
 * to the client.  No step knows the step after it.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_bill.h"
#include "ngx_http_litellm_outcome.h"
#include "ngx_http_litellm_cache_follow.h"
#include "ngx_http_litellm_metrics.h"
#include "ngx_litellm_plan.h"


typedef struct {
    const char    *name;
    ngx_int_t    (*handler)(ngx_http_request_t *r,
                            ngx_http_litellm_ctx_t *ctx);
} ngx_http_litellm_step_t;


/* for the end of a body behind the end of its stream */
#define NGX_HTTP_LITELLM_LINGER  1000


static ngx_int_t ngx_http_litellm_method(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_int_t *rc);
static ngx_int_t ngx_http_litellm_preflight(ngx_http_request_t *r);
static void ngx_http_litellm_body_handler(ngx_http_request_t *r);
static void ngx_http_litellm_run(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
static ngx_int_t ngx_http_litellm_body(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
static ngx_int_t ngx_http_litellm_join_in_place(ngx_http_request_t *r,
    ngx_str_t *body);
static ngx_int_t ngx_http_litellm_open(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
static ngx_int_t ngx_http_litellm_attempts(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
static ngx_int_t ngx_http_litellm_try(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
static ngx_int_t ngx_http_litellm_judge(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
static ngx_int_t ngx_http_litellm_watch(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
static ngx_int_t ngx_http_litellm_timer_start(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_msec_t delay);
static void ngx_http_litellm_timer_stop(ngx_http_litellm_ctx_t *ctx);
static void ngx_http_litellm_timer(ngx_event_t *ev);
static void ngx_http_litellm_cleanup(void *data);
static void ngx_http_litellm_make_id(ngx_http_litellm_ctx_t *ctx);
static void ngx_http_litellm_hex(u_char *p, uint32_t n);


static ngx_http_litellm_step_t  ngx_http_litellm_steps[] = {
    { "body", ngx_http_litellm_body },
    { "open", ngx_http_litellm_open },
    { "who", ngx_http_litellm_who_check },
    { "route", ngx_http_litellm_route_open },
    { "admit", ngx_http_litellm_admit },
    { "cache", ngx_http_litellm_cache },
    { "attempt", ngx_http_litellm_attempts },
    { "respond", ngx_http_litellm_respond },
    { NULL, NULL }
};


ngx_int_t
ngx_http_litellm_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_http_litellm_ctx_t  *ctx;

    ctx = ngx_http_litellm_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->role.attempt) {
        return ngx_http_litellm_upstream_handler(r, ctx->role.attempt);
    }

    ctx->api = ngx_http_litellm_api(r, ctx);

    if (ngx_http_litellm_method(r, ctx, &rc) != NGX_OK) {
        return rc;
    }

    if (!ngx_http_litellm_api_open(r, ctx->api)
        && ngx_http_litellm_auth(r, ctx, 1) != NGX_OK)
    {
        ngx_http_litellm_outcome_refused(r, ctx);

        if (ngx_http_discard_request_body(r) != NGX_OK) {
            r->keepalive = 0;
        }

        return ngx_http_litellm_send_error(r, ctx, &ctx->error);
    }

    return ctx->api->handler(r, ctx);
}


ngx_http_litellm_ctx_t *
ngx_http_litellm_ctx(ngx_http_request_t *r)
{
    ngx_http_litellm_ctx_t     *ctx;
    ngx_http_litellm_memory_t  *m;

    ctx = ngx_http_get_module_ctx(r, ngx_http_litellm_module);

    if (ctx != NULL) {
        return ctx;
    }

    m = ngx_http_litellm_memory(r);
    if (m == NULL) {
        return NULL;
    }

    ctx = ngx_pcalloc(m->pool, sizeof(ngx_http_litellm_ctx_t));
    if (ctx == NULL) {
        return NULL;
    }

    ctx->request = r;
    ctx->pool = m->pool;
    ctx->memory = m;
    ctx->num_retries = -1;
    ctx->max_fallbacks = -1;
    ctx->keepalive = NGX_CONF_UNSET_MSEC;
    ctx->drop_params = NGX_CONF_UNSET;

    ngx_http_set_ctx(r, ctx, ngx_http_litellm_module);

    return ctx;
}


/* NGX_OK: the API function may be called; else it was answered with *rc */

static ngx_int_t
ngx_http_litellm_method(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx,
    ngx_int_t *rc)
{
    ngx_str_t  allow;

    if (ctx->api != NULL && (r->method & ctx->api->methods)) {
        return NGX_OK;
    }

    if (ngx_http_discard_request_body(r) != NGX_OK) {
        r->keepalive = 0;
    }

    if (ctx->api == NULL) {
        (void) ngx_http_litellm_refuse(&ctx->error, NGX_LITELLM_NOT_FOUND,
                                       404, "invalid_request_error",
                                       "Not Found");

        *rc = ngx_http_litellm_send_error(r, ctx, &ctx->error);
        return NGX_DECLINED;
    }

    if (ctx->api->methods & NGX_HTTP_POST) {
        ngx_str_set(&allow, "POST, OPTIONS");

    } else {
        ngx_str_set(&allow, "GET, HEAD, OPTIONS");
    }

    if (ngx_http_litellm_add_header(r, "Allow", sizeof("Allow") - 1, &allow)
        != NGX_OK)
    {
        *rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
        return NGX_DECLINED;
    }

    if (r->method == NGX_HTTP_OPTIONS) {
        *rc = ngx_http_litellm_preflight(r);
        return NGX_DECLINED;
    }

    (void) ngx_http_litellm_refuse(&ctx->error, NGX_LITELLM_BAD_REQUEST, 405,
                                   "invalid_request_error",
                                   "Method Not Allowed");

    *rc = ngx_http_litellm_send_error(r, ctx, &ctx->error);
    return NGX_DECLINED;
}


/*
 * A CORS preflight: 204 without a key.  Which origins may come is nginx's
 * business: "add_header Access-Control-Allow-Origin ... always".
 */

static ngx_int_t
ngx_http_litellm_preflight(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    r->headers_out.status = NGX_HTTP_NO_CONTENT;
    r->header_only = 1;

    ngx_http_clear_content_length(r);

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return rc;
    }

    return ngx_http_send_special(r, NGX_HTTP_LAST);
}


/* POST to a model: the api table's handler */

ngx_int_t
ngx_http_litellm_post(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_litellm_cleanup;
    cln->data = ctx;

    ctx->call.pool = ctx->pool;
    ctx->call.log = r->connection->log;
    ctx->call.op = ctx->api->op;
    ctx->call.format = ctx->api->format;
    ctx->call.now = ngx_time();

    ngx_http_litellm_make_id(ctx);

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_litellm_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


static void
ngx_http_litellm_body_handler(ngx_http_request_t *r)
{
    ngx_http_litellm_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_litellm_module);

    r->read_event_handler = ngx_http_test_reading;

    ngx_http_litellm_run(r, ctx);
}


static void
ngx_http_litellm_run(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->ended) {
        return;
    }

    while (ngx_http_litellm_steps[ctx->step].handler) {

        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                       "litellm step: %s",
                       ngx_http_litellm_steps[ctx->step].name);

        rc = ngx_http_litellm_steps[ctx->step].handler(r, ctx);

        if (rc == NGX_OK) {
            ctx->step++;
            continue;
        }

        if (rc == NGX_AGAIN || rc == NGX_DONE) {
            return;
        }

        ctx->ended = 1;

        if (rc == NGX_DECLINED) {
            ngx_http_litellm_flight_failed(ctx, &ctx->error);
            ngx_http_litellm_outcome_log(r, ctx, &ctx->error);

            rc = ngx_http_litellm_send_error(r, ctx, &ctx->error);

        } else {
            rc = ctx->header_sent ? NGX_ERROR
                                  : NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_http_finalize_request(r, rc);

        return;
    }
}


/* an attempt has ended, or the client's connection has news */

void
ngx_http_litellm_wake(ngx_http_request_t *r)
{
    ngx_http_litellm_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_litellm_module);

    if (ctx->ended || ctx->backoff) {
        return;
    }

    if (ngx_http_litellm_hedge_turn(r, ctx) == NGX_AGAIN
        && ngx_http_litellm_watch(r, ctx) != NGX_OK)
    {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    if (ctx->attempt && !ctx->attempt->done) {
        return;
    }

    ngx_http_litellm_run(r, ctx);
}


static ngx_int_t
ngx_http_litellm_body(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ctx->start = ngx_current_msec;

    if (ngx_http_litellm_join(r, &ctx->call.body) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * request_body_in_single_buf makes the buffer of the body large enough for the
 * bytes that came with the header, but they stay where they are: put them in
 * front.  A second copy of a large body would cost more than all the rest: the
 * memory of both goes back to the system after each request.
 */

static ngx_int_t
ngx_http_litellm_join_in_place(ngx_http_request_t *r, ngx_str_t *body)
{
    size_t        first, second;
    ngx_buf_t    *head, *b;
    ngx_chain_t  *cl;

    cl = r->request_body->bufs;

    if (cl->next == NULL || cl->next->next != NULL) {
        return NGX_DECLINED;
    }

    head = cl->buf;
    b = cl->next->buf;

    if (!ngx_buf_in_memory_only(head) || !ngx_buf_in_memory_only(b)
        || !b->temporary || b->pos != b->start)
    {
        return NGX_DECLINED;
    }

    first = head->last - head->pos;
    second = b->last - b->pos;

    if ((size_t) (b->end - b->last) < first) {
        return NGX_DECLINED;
    }

    ngx_memmove(b->start + first, b->pos, second);
    ngx_memcpy(b->start, head->pos, first);

    b->last += first;

    /* the request body is that one buffer from now on */

    r->request_body->bufs = cl->next;

    body->data = b->start;
    body->len = first + second;

    return NGX_OK;
}


/*
 * The body as one range: parsers want it so (a string fed in pieces costs
 * quadratic time).  What came with the header is a buffer of its own; a body
 * over client_body_buffer_size is in nginx's temporary file.
 */

ngx_int_t
ngx_http_litellm_join(ngx_http_request_t *r, ngx_str_t *body)
{
    u_char       *p;
    size_t        len, n;
    ssize_t       rc;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    ngx_str_null(body);

    if (r->request_body == NULL || r->request_body->bufs == NULL) {
        return NGX_OK;
    }

    cl = r->request_body->bufs;

    if (cl->next == NULL && ngx_buf_in_memory(cl->buf)) {
        body->data = cl->buf->pos;
        body->len = cl->buf->last - cl->buf->pos;
        return NGX_OK;
    }

    if (ngx_http_litellm_join_in_place(r, body) == NGX_OK) {
        return NGX_OK;
    }

    len = 0;

    for ( /* void */ ; cl; cl = cl->next) {
        len += (size_t) ngx_buf_size(cl->buf);
    }

    p = ngx_pnalloc(r->pool, len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    body->data = p;
    body->len = len;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {

        b = cl->buf;

        if (ngx_buf_in_memory(b)) {
            p = ngx_cpymem(p, b->pos, b->last - b->pos);
            continue;
        }

        if (!b->in_file) {

            /* nothing but the end of a chunked body */

            continue;
        }

        n = (size_t) (b->file_last - b->file_pos);
        rc = ngx_read_file(b->file, p, n, b->file_pos);

        if (rc == NGX_ERROR || (size_t) rc != n) {
            ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                          "litellm: request body file was not read whole");
            return NGX_ERROR;
        }

        p += n;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_open(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_http_litellm_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);

    ctx->call.config = lcf->config;

    /* {model} of the path wins over the body's, which may then be missing */

    ctx->call.model = ctx->path_model;

    if (lcf->cache != NULL && ngx_http_litellm_known_open(ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->call.format->open(&ctx->call, &ctx->error) != NGX_OK) {
        return (ctx->error.class != NGX_LITELLM_NO_ERROR) ? NGX_DECLINED
                                                          : NGX_ERROR;
    }

    if (ctx->path_model.len) {
        ctx->call.model = ctx->path_model;
    }

    if (!ngx_http_litellm_route_name(&ctx->call.model)) {
        return ngx_http_litellm_refuse(&ctx->error, NGX_LITELLM_BAD_REQUEST,
                                       400, "invalid_request_error",
                                       "the name of the model has a control "
                                       "character");
    }

    return NGX_OK;
}


/*
 * One deployment after the other until one answers, or until there is nothing
 * left to try.  Entered anew each time an attempt has ended or a wait is over.
 */

static ngx_int_t
ngx_http_litellm_attempts(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t  rc;

    for ( ;; ) {

        if (ctx->attempt == NULL || !ctx->attempt->done || ctx->backoff) {

            ctx->backoff = 0;

            rc = ngx_http_litellm_try(r, ctx);

            if (rc != NGX_OK) {
                return rc;
            }
        }

        /* an attempt is done */

        ngx_http_litellm_timer_stop(ctx);
        ngx_http_litellm_hedge_stop(ctx);
        ngx_http_litellm_attempt_settle(ctx->attempt, 0);

        rc = ngx_http_litellm_judge(r, ctx);

        if (rc == NGX_BUSY) {
            continue;
        }

        if (rc != NGX_AGAIN) {
            ngx_http_litellm_bill_settle(ctx);
        }

        return rc;
    }
}


/* NGX_OK: the attempt ended at once; NGX_AGAIN: it is on its way */

static ngx_int_t
ngx_http_litellm_try(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t                    rc;
    ngx_litellm_deployment_t    *d;
    ngx_http_litellm_attempt_t  *a;

    rc = ngx_http_litellm_route_pick(r, ctx, &d);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ctx->fallbacks && ctx->cache
        && ngx_http_litellm_cache_items_whole(ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_litellm_call_prepare(ctx, &ctx->call, d) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_litellm_continued(ctx)
        && ngx_http_litellm_continue_request(r, ctx, d) != NGX_OK)
    {
        return NGX_ERROR;
    }

    a = ngx_http_litellm_attempt_create(r, ctx, &ctx->call, d);
    if (a == NULL) {
        return NGX_ERROR;
    }

    a->lease = ctx->lease;
    ctx->lease.state = NULL;

    a->deposit = ctx->deposit;
    ctx->deposit = NULL;

    ctx->attempt = a;
    a->number = ++ctx->attempts;

    r->write_event_handler = ngx_http_litellm_wake;
    r->read_event_handler = ngx_http_litellm_feed_needed(ctx)
                            ? ngx_http_block_reading : ngx_http_test_reading;

    rc = ngx_http_litellm_attempt_start(a);

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    if (rc == NGX_AGAIN
        && (ngx_http_litellm_watch(r, ctx) != NGX_OK
            || ngx_http_litellm_hedge_start(r, ctx) != NGX_OK))
    {
        return NGX_ERROR;
    }

    return rc;
}


/*
 * NGX_OK: there is something to answer; NGX_BUSY: try the next deployment now;
 * NGX_AGAIN: after a while; NGX_DECLINED: ctx->error is final.
 */

static ngx_int_t
ngx_http_litellm_judge(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t                    rc;
    ngx_msec_t                   delay;
    ngx_http_litellm_attempt_t  *a;

    a = ctx->attempt;

    if (a->error.class == NGX_LITELLM_NO_ERROR) {

        rc = ctx->cache ? ngx_http_litellm_cache_items_judge(a) : NGX_OK;

        if (rc == NGX_DECLINED) {
            ctx->backoff = 1;        /* a new attempt is due */
            return NGX_BUSY;
        }

        return rc;
    }

    if (a->committed) {
        rc = ngx_http_litellm_continue_cut(r, ctx, a);

        if (rc != NGX_OK) {
            return (rc == NGX_DECLINED) ? NGX_OK : rc;
        }
    }

    ngx_http_litellm_attempt_log(a);

    rc = ngx_http_litellm_route_failed(r, ctx, a, &delay);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ctx->fallbacks) {

        /* another group's answer is not stored: nobody waits for it */

        ngx_http_litellm_flight_end(ctx, NGX_HTTP_LITELLM_FLIGHT_OPEN);
    }

    if (delay == 0 || !ngx_http_litellm_continue_any(ctx)) {
        ctx->backoff = 1;        /* a new attempt is due */
        return NGX_BUSY;
    }

    ctx->backoff = 1;

    return (ngx_http_litellm_timer_start(r, ctx, delay) == NGX_OK)
           ? NGX_AGAIN : NGX_ERROR;
}


/* ctx->attempt is under way: its limits of time, and what its silence is */

static ngx_int_t
ngx_http_litellm_watch(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_msec_t  left;

    ngx_http_litellm_timer_stop(ctx);

    left = ngx_http_litellm_call_limit(ctx, ctx->attempt);

    /* nobody asked for a limit: the deadline is looked at with each read */

    if (left && ngx_http_litellm_timer_start(r, ctx, left) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_litellm_pulse_start(r, ctx);
}


/*
 * The end mark has come, the end of the body has not: it is on its way, and
 * the connection can be kept if it is read.  Nobody waits for it long; without
 * memory for a timer as long as for any other byte of the provider's.
 */

void
ngx_http_litellm_linger(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ctx->attempt->deadline = ngx_current_msec + NGX_HTTP_LITELLM_LINGER;

    (void) ngx_http_litellm_timer_start(r, ctx, NGX_HTTP_LITELLM_LINGER);
}


/* most requests need none: nobody asked for a limit of time */

static ngx_int_t
ngx_http_litellm_timer_start(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_msec_t delay)
{
    if (ctx->timer == NULL) {

        ctx->timer = ngx_pcalloc(ctx->pool, sizeof(ngx_event_t));
        if (ctx->timer == NULL) {
            return NGX_ERROR;
        }

        ctx->timer->handler = ngx_http_litellm_timer;
        ctx->timer->data = r;
        ctx->timer->log = r->connection->log;
    }

    ngx_add_timer(ctx->timer, delay);

    return NGX_OK;
}


static void
ngx_http_litellm_timer_stop(ngx_http_litellm_ctx_t *ctx)
{
    if (ctx->timer != NULL && ctx->timer->timer_set) {
        ngx_del_timer(ctx->timer);
    }
}


/* the end of a wait between attempts, or an attempt that took too long */

static void
ngx_http_litellm_timer(ngx_event_t *ev)
{
    ngx_msec_int_t               left;
    ngx_connection_t            *c;
    ngx_http_request_t          *r;
    ngx_http_litellm_ctx_t      *ctx;
    ngx_http_litellm_attempt_t  *a;

    r = ev->data;
    c = r->connection;

    ctx = ngx_http_get_module_ctx(r, ngx_http_litellm_module);

    ngx_http_set_log_request(c->log, r);

    a = ctx->attempt;

    if (ctx->backoff) {
        ngx_http_litellm_run(r, ctx);

    } else if (a != NULL && !a->done) {

        left = (ngx_msec_int_t) (a->deadline - ngx_current_msec);

        if (a->committed && left > 0) {

            /* the first content came in time */

            ngx_add_timer(ev, (ngx_msec_t) left);

        } else {
            ngx_http_litellm_attempt_cancel(a, NGX_LITELLM_TIMEOUT,
                                            "Request timed out.");

            if (a->request == NULL) {
                ngx_http_litellm_wake(r);
            }
        }
    }

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_litellm_cleanup(void *data)
{
    ngx_http_litellm_ctx_t *ctx = data;

    ngx_litellm_error_t  none;

    ngx_http_litellm_timer_stop(ctx);

    if (ctx->lease.state != NULL) {

        /* picked, and then there was no memory for the attempt */

        ngx_memzero(&none, sizeof(ngx_litellm_error_t));
        ngx_http_litellm_state_end(NULL, &ctx->lease, &none, 0, 0, 0);
    }

    ngx_http_litellm_bill_settle(ctx);
    ngx_http_litellm_pulse_stop(ctx);
    ngx_http_litellm_hedge_stop(ctx);
    ngx_http_litellm_metrics_request(ctx);
    ngx_http_litellm_outcome_left(ctx);
}


/* a random UUID (RFC 9562, version 4), and "chatcmpl-" of the same */

static void
ngx_http_litellm_make_id(ngx_http_litellm_ctx_t *ctx)
{
    u_char    *p, hex[32];
    uint64_t   n;

    n = ngx_http_litellm_random();

    ngx_http_litellm_hex(hex, (uint32_t) n);
    ngx_http_litellm_hex(hex + 8, (uint32_t) (n >> 32));

    n = ngx_http_litellm_random();

    ngx_http_litellm_hex(hex + 16, (uint32_t) n);
    ngx_http_litellm_hex(hex + 24, (uint32_t) (n >> 32));

    /* the version, and the variant in the two top bits of its digit: the two
       below are those of the digit that was there */

    hex[12] = '4';
    hex[16] = (u_char) "89ab"[((hex[16] >> 6) * 9 + hex[16]) & 3];

    p = ngx_cpymem(ctx->id, "chatcmpl-", sizeof("chatcmpl-") - 1);
    p = ngx_cpymem(p, hex, 8);
    *p++ = '-';
    p = ngx_cpymem(p, hex + 8, 4);
    *p++ = '-';
    p = ngx_cpymem(p, hex + 12, 4);
    *p++ = '-';
    p = ngx_cpymem(p, hex + 16, 4);
    *p++ = '-';
    (void) ngx_cpymem(p, hex + 20, 12);

    ctx->call_id.data = ctx->id + sizeof("chatcmpl-") - 1;
    ctx->call_id.len = 36;

    ctx->call.id.data = ctx->id;
    ctx->call.id.len = sizeof("chatcmpl-") - 1 + 36;
}


/*
 * Eight digits at once; which one stands for which bits does not matter.  A
 * digit over 9 has a carry into bit 4 when 6 is added.
 */

static void
ngx_http_litellm_hex(u_char *p, uint32_t n)
{
    uint64_t  v, letters;

    v = n;
    v = (v | v << 16) & 0x0000ffff0000ffffULL;
    v = (v | v << 8) & 0x00ff00ff00ff00ffULL;
    v = (v | v << 4) & 0x0f0f0f0f0f0f0f0fULL;

    letters = ((v + 0x0606060606060606ULL) >> 4) & 0x0101010101010101ULL;

    v += 0x3030303030303030ULL + letters * ('a' - '0' - 10);

    ngx_memcpy(p, &v, sizeof(uint64_t));
}


/*
 * SplitMix64: random() takes a lock, and gives 31 bits for it.  Nothing that
 * must not be guessed is made of this.  A process that was forked begins anew.
 */

uint64_t
ngx_http_litellm_random(void)
{
    static uint64_t   state;
    static ngx_pid_t  pid;

    if (pid != ngx_pid) {
        pid = ngx_pid;
        state = ((uint64_t) ngx_random() << 33)
                ^ ((uint64_t) ngx_random() << 16) ^ (uint64_t) ngx_random();
    }

    state += 0x9e3779b97f4a7c15ULL;

    return ngx_litellm_plan_mix(state);
}
