
/*
 * A stream that is silent: how long it may be, and comments that tell the
 * client's side and what lies between that it is alive.  One timer for each
 * such request, which is set anew when it runs out and not with each event:
 * an event costs a store.
 *
 * A comment goes out between events only, and only where the client has taken
 * all that came before: then the link and the buffer, which are used again and
 * again, are free too.  Before the commit there is no header to put comments
 * behind; where the operator wants them all the same ("early") the header goes
 * out with the first one, and a failure is an error event from then on.
 */

#include "ngx_http_litellm_cache_follow.h"


static void ngx_http_litellm_pulse_timer(ngx_event_t *ev);
static void ngx_http_litellm_pulse_run(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
static void ngx_http_litellm_pulse_set(ngx_http_litellm_ctx_t *ctx);
static ngx_uint_t ngx_http_litellm_pulse_blocked(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
static ngx_int_t ngx_http_litellm_pulse_comment(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);


static u_char  ngx_http_litellm_ping[] = ": ping\n\n";


/* a client that may say how often says from a second to five minutes, or 0 */
#define NGX_HTTP_LITELLM_PULSE_MIN  1000
#define NGX_HTTP_LITELLM_PULSE_MAX  300000


/* an attempt is under way; its deployment may have an interval of its own */

ngx_int_t
ngx_http_litellm_pulse_start(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_msec_t                    interval, idle;
    ngx_litellm_deployment_t     *d;
    ngx_http_litellm_pulse_t     *p;
    ngx_http_litellm_loc_conf_t  *lcf;

    if (!ctx->call.stream) {
        return NGX_OK;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);
    d = ctx->attempt->deployment;

    idle = (lcf->stream_idle_timeout != NGX_CONF_UNSET_MSEC)
           ? lcf->stream_idle_timeout
           : ctx->call.config->stream_idle_timeout;

    interval = d->stream_keepalive ? d->stream_keepalive
               : (lcf->stream_keepalive != NGX_CONF_UNSET_MSEC)
                 ? lcf->stream_keepalive
                 : ctx->call.config->stream_keepalive;

    if (d->keepalive_off) {
        interval = 0;

    } else if (d->keepalive_override
               && ctx->keepalive != NGX_CONF_UNSET_MSEC)
    {
        interval = ctx->keepalive;

        if (interval) {
            interval = ngx_max(interval, NGX_HTTP_LITELLM_PULSE_MIN);
            interval = ngx_min(interval, NGX_HTTP_LITELLM_PULSE_MAX);
        }
    }

    p = ctx->pulse;

    if (p == NULL) {

        if (idle == 0 && interval == 0) {
            return NGX_OK;
        }

        p = ngx_pcalloc(r->pool, sizeof(ngx_http_litellm_pulse_t));
        if (p == NULL) {
            return NGX_ERROR;
        }

        p->request = r;
        p->sent = ngx_current_msec;

        p->event.handler = ngx_http_litellm_pulse_timer;
        p->event.data = p;
        p->event.log = r->connection->log;

        p->buf.memory = 1;
        p->buf.flush = 1;
        p->link.buf = &p->buf;

        ctx->pulse = p;
    }

    p->interval = interval;
    p->idle = idle;
    p->heard = ngx_current_msec;

    ngx_http_litellm_pulse_set(ctx);

    return NGX_OK;
}


void
ngx_http_litellm_pulse_commit(ngx_http_litellm_ctx_t *ctx)
{
    if (ctx->pulse != NULL) {
        ctx->pulse->heard = ngx_current_msec;
        ctx->pulse->sent = ngx_current_msec;

        ngx_http_litellm_pulse_set(ctx);
    }
}


void
ngx_http_litellm_pulse_stop(ngx_http_litellm_ctx_t *ctx)
{
    if (ctx->pulse != NULL && ctx->pulse->event.timer_set) {
        ngx_del_timer(&ctx->pulse->event);
    }
}


static void
ngx_http_litellm_pulse_timer(ngx_event_t *ev)
{
    ngx_connection_t          *c;
    ngx_http_request_t        *r;
    ngx_http_litellm_ctx_t    *ctx;
    ngx_http_litellm_pulse_t  *p;

    p = ev->data;
    r = p->request;
    c = r->connection;

    ctx = ngx_http_get_module_ctx(r, ngx_http_litellm_module);

    ngx_http_set_log_request(c->log, r);

    if (!ctx->ended) {
        ngx_http_litellm_pulse_run(r, ctx);
    }

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_litellm_pulse_run(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_http_litellm_pulse_t    *p;
    ngx_http_litellm_attempt_t  *a;

    p = ctx->pulse;
    a = ctx->attempt;

    if (a->complete) {

        /* the end mark is the last that a client gets */

        return;
    }

    if (ngx_http_litellm_pulse_blocked(r, ctx)) {

        /* the provider is not listened to while the client takes nothing */

        p->heard = ngx_current_msec;
        p->sent = ngx_current_msec;
    }

    if (p->idle && a->committed && !a->done
        && ngx_current_msec - p->heard >= p->idle)
    {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "litellm: stream of deployment \"%V\" was silent for "
                      "%M ms", &a->deployment->id,
                      ngx_current_msec - p->heard);

        /* the request may be gone when the attempt is */

        p->heard = ngx_current_msec;
        ngx_http_litellm_pulse_set(ctx);

        ngx_http_litellm_attempt_cancel(a, NGX_LITELLM_TIMEOUT,
                                        "Request timed out.");

        if (a->request == NULL) {
            ngx_http_litellm_wake(r);
        }

        return;
    }

    if (p->interval && ngx_current_msec - p->sent >= p->interval
        && ngx_http_litellm_pulse_comment(r, ctx) != NGX_OK)
    {
        return;
    }

    ngx_http_litellm_pulse_set(ctx);
}


/* to the earliest time at which there may be something to do */

static void
ngx_http_litellm_pulse_set(ngx_http_litellm_ctx_t *ctx)
{
    ngx_uint_t                    on;
    ngx_msec_int_t                left, n;
    ngx_http_litellm_pulse_t     *p;
    ngx_http_litellm_loc_conf_t  *lcf;

    p = ctx->pulse;

    lcf = ngx_http_get_module_loc_conf(p->request, ngx_http_litellm_module);

    on = 0;
    left = 0;

    if (p->interval && (ctx->header_sent || lcf->stream_keepalive_early)) {
        left = (ngx_msec_int_t) (p->sent + p->interval - ngx_current_msec);
        on = 1;
    }

    if (p->idle && ctx->attempt->committed && !ctx->attempt->done) {
        n = (ngx_msec_int_t) (p->heard + p->idle - ngx_current_msec);
        left = on ? ngx_min(left, n) : n;
        on = 1;
    }

    if (p->event.timer_set) {
        ngx_del_timer(&p->event);
    }

    if (on) {
        ngx_add_timer(&p->event, (ngx_msec_t) ngx_max(left, 1));
    }
}


static ngx_uint_t
ngx_http_litellm_pulse_blocked(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_http_litellm_attempt_t  *a;

    a = ctx->attempt;

    if (r->connection->buffered || ctx->pulse->buf.pos != ctx->pulse->buf.last)
    {
        return 1;
    }

    return !a->done && a->request != NULL && a->request->upstream != NULL
           && a->request->upstream->busy_bufs != NULL;
}


/* NGX_OK, or NGX_ERROR: the request was finalized */

static ngx_int_t
ngx_http_litellm_pulse_comment(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t                    rc;
    ngx_event_t                 *wev;
    ngx_connection_t            *c;
    ngx_http_request_t          *active;
    ngx_http_core_loc_conf_t    *clcf;
    ngx_http_litellm_pulse_t    *p;
    ngx_http_litellm_attempt_t  *a;

    p = ctx->pulse;
    a = ctx->attempt;
    c = r->connection;

    p->sent = ngx_current_msec;

    /* any other one's output would be held back behind the active one's */

    active = c->data;

    if (ngx_http_litellm_feed_orphan(ctx)
        || (active != r && (a->done || active != a->request)))
    {
        return NGX_OK;
    }

    if (!ctx->header_sent) {

        /* nobody knows yet which deployment will answer */

        ngx_http_litellm_no_rate(r);

        rc = ngx_http_litellm_send_header(r, ctx, NULL, NGX_HTTP_OK, -1);

        if (rc == NGX_ERROR || rc > NGX_OK) {
            ngx_http_finalize_request(r, NGX_ERROR);
            return NGX_ERROR;
        }
    }

    p->buf.start = ngx_http_litellm_ping;
    p->buf.pos = ngx_http_litellm_ping;
    p->buf.last = ngx_http_litellm_ping + sizeof(ngx_http_litellm_ping) - 1;
    p->buf.end = p->buf.last;

    if (ngx_http_output_filter(active, &p->link) == NGX_ERROR) {
        ngx_http_finalize_request(active, NGX_ERROR);
        return NGX_ERROR;
    }

    wev = c->write;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        ngx_http_finalize_request(active, NGX_ERROR);
        return NGX_ERROR;
    }

    if (active != r && !wev->timer_set && wev->active && !wev->ready) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    return NGX_OK;
}
