
/*
 * Attempts that take several exchanges: created, then polled; or one call for
 * each of several inputs.  The dialect's follow() looks at each whole answer
 * and says what is to be sent next, here it is sent: by another clone, after
 * a wait.  For everybody else it stays one attempt with one end, one total
 * time and one entry for each exchange in $upstream_addr and the like.
 *
 * What a streamed call has for its client goes out between two exchanges, on
 * the parent: then no clone is active.  The next one starts when the client
 * has taken it all, so a slow client slows the polling down and pages are
 * reused.  An exchange that is answered by events streams by itself, as any
 * other does (ngx_http_litellm_stream.c).
 *
 * Memory of an exchange is the request's; its large parts are given back when
 * it is over, some kilobytes are not.  That is why waits get longer with time:
 * an hour of polling is about 200 exchanges, not thousands.
 */

#include "ngx_http_litellm.h"


/* a wait is at least that part of the attempt's time so far */
#define NGX_HTTP_LITELLM_WAIT_PART  32


static void ngx_http_litellm_exchange_pages(ngx_http_litellm_attempt_t *a);
static ngx_int_t ngx_http_litellm_exchange_between(
    ngx_http_litellm_attempt_t *a);
static ngx_int_t ngx_http_litellm_exchange_flush(
    ngx_http_litellm_attempt_t *a);
static ngx_int_t ngx_http_litellm_exchange_block(
    ngx_http_litellm_attempt_t *a);
static void ngx_http_litellm_exchange_writer(ngx_http_request_t *r);
static ngx_int_t ngx_http_litellm_exchange_wait(ngx_http_litellm_attempt_t *a);
static ngx_int_t ngx_http_litellm_exchange_next(ngx_http_litellm_attempt_t *a);
static void ngx_http_litellm_exchange_reset(ngx_http_litellm_attempt_t *a);


/* in the clone's post_subrequest handler */

ngx_int_t
ngx_http_litellm_exchange_follow(ngx_http_litellm_attempt_t *a,
    ngx_str_t *body)
{
    ngx_int_t              rc;
    ngx_litellm_stream_t  *st;

    st = NULL;

    if (a->call->stream) {

        if (a->stream == NULL && ngx_http_litellm_stream_init(a) != NGX_OK) {
            return NGX_ERROR;
        }

        ngx_http_litellm_exchange_pages(a);

        st = &a->stream->decoder;
    }

    ngx_http_litellm_exchange_wire(a);

    a->call->sent = ngx_time();

    rc = a->dialect->follow(a->call, &a->wire, body, st, &a->error);

    if (rc == NGX_ERROR || a->wire.body.failed
        || (a->stream != NULL && a->stream->out.failed))
    {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED || a->error.class != NGX_LITELLM_NO_ERROR) {

        /* of follow() itself, or an error event that it emitted */

        return NGX_OK;
    }

    if (rc == NGX_AGAIN) {
        ngx_http_litellm_attempt_later(a, ngx_http_litellm_exchange_between,
                                       0);
        return NGX_AGAIN;
    }

    if (a->call->stream && !a->complete) {
        ngx_http_litellm_attempt_fail(a, NGX_LITELLM_API_CONNECTION, 500,
                                      "the provider's stream ended early");
    }

    return NGX_OK;
}


/* the provider did not take the token, which may be a newer one now */

ngx_int_t
ngx_http_litellm_exchange_renew(ngx_http_litellm_attempt_t *a)
{
    ngx_http_litellm_exchange_wire(a);

    ngx_str_null(&a->wire.type);

    a->wire.pass = 0;
    a->wire.hide_usage = 0;
    a->wire.state = NULL;

    ngx_http_litellm_exchange_reset(a);

    return ngx_http_litellm_attempt_token(a);
}


/* the engine of the exchange that is over has sent all of its pages */

static void
ngx_http_litellm_exchange_pages(ngx_http_litellm_attempt_t *a)
{
    ngx_chain_t          *cl, **ll;
    ngx_http_upstream_t  *u;

    u = a->request->upstream;

    for (ll = &u->free_bufs; *ll; /* void */ ) {

        cl = *ll;

        if (cl->buf->memory) {
            ll = &cl->next;
            continue;
        }

        *ll = cl->next;

        cl->next = a->stream->free;
        a->stream->free = cl;
    }
}


/* what request() or follow() fills; what was sent before is not needed */

void
ngx_http_litellm_exchange_wire(ngx_http_litellm_attempt_t *a)
{
    ngx_litellm_wire_t  *w;

    w = &a->wire;

    ngx_litellm_out_init(&w->body, a->ctx->pool);

    w->headers.nelts = 0;

    ngx_str_null(&w->method);
    ngx_str_null(&w->path);
    ngx_str_null(&w->type);

    w->delay = 0;
    w->alt = 0;
    w->whole = 0;
}


/* the clone is gone: the client gets what there is for it */

static ngx_int_t
ngx_http_litellm_exchange_between(ngx_http_litellm_attempt_t *a)
{
    ngx_int_t  rc;

    a->taken = 1;

    ngx_http_litellm_exchange_reset(a);

    rc = ngx_http_litellm_exchange_flush(a);

    if (rc == NGX_AGAIN) {
        return ngx_http_litellm_exchange_block(a);
    }

    return (rc == NGX_OK) ? ngx_http_litellm_exchange_wait(a) : NGX_ERROR;
}


/* NGX_AGAIN: the client has not taken all of it yet */

static ngx_int_t
ngx_http_litellm_exchange_flush(ngx_http_litellm_attempt_t *a)
{
    ngx_chain_t                *out, *cl;
    ngx_http_request_t         *r;
    ngx_http_litellm_stream_t  *s;

    s = a->stream;

    if (s == NULL || !a->committed) {
        return NGX_OK;
    }

    r = a->parent;

    out = ngx_litellm_out_take(&s->out);

    if (out == NULL && s->busy == NULL) {
        return NGX_OK;
    }

    for (cl = out; cl; cl = cl->next) {
        cl->buf->flush = 1;
    }

    if (ngx_http_output_filter(r, out) == NGX_ERROR) {
        return NGX_ERROR;
    }

    ngx_chain_update_chains(r->pool, &s->free, &s->busy, &out,
                            (ngx_buf_tag_t) &ngx_http_litellm_module);

    return s->busy ? NGX_AGAIN : NGX_OK;
}


static ngx_int_t
ngx_http_litellm_exchange_block(ngx_http_litellm_attempt_t *a)
{
    ngx_event_t               *wev;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = a->parent;
    wev = r->connection->write;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    r->write_event_handler = ngx_http_litellm_exchange_writer;

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


static void
ngx_http_litellm_exchange_writer(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_event_t                 *wev;
    ngx_connection_t            *c;
    ngx_http_litellm_ctx_t      *ctx;
    ngx_http_litellm_attempt_t  *a;

    c = r->connection;
    wev = c->write;

    ctx = ngx_http_get_module_ctx(r, ngx_http_litellm_module);
    a = ctx->attempt;

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");
        c->timedout = 1;

        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (a->done) {

        /* cancelled meanwhile */

        r->write_event_handler = ngx_http_litellm_wake;
        ngx_http_litellm_wake(r);
        return;
    }

    rc = wev->delayed ? NGX_AGAIN : ngx_http_litellm_exchange_flush(a);

    if (rc == NGX_AGAIN) {
        rc = ngx_http_litellm_exchange_block(a);

    } else if (rc == NGX_OK) {

        if (wev->timer_set) {
            ngx_del_timer(wev);
        }

        r->write_event_handler = ngx_http_litellm_wake;

        rc = ngx_http_litellm_exchange_wait(a);
    }

    ngx_http_litellm_attempt_resume(a, rc);
}


static ngx_int_t
ngx_http_litellm_exchange_wait(ngx_http_litellm_attempt_t *a)
{
    ngx_msec_t  delay;

    delay = a->wire.delay;

    if (delay == 0) {
        return ngx_http_litellm_exchange_next(a);
    }

    delay = ngx_max(delay, (ngx_current_msec - a->start)
                           / NGX_HTTP_LITELLM_WAIT_PART);

    ngx_http_litellm_attempt_later(a, ngx_http_litellm_exchange_next, delay);

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_litellm_exchange_next(ngx_http_litellm_attempt_t *a)
{
    ngx_litellm_deployment_t     *d;
    ngx_http_litellm_loc_conf_t  *lcf;

    d = a->deployment;

    if (a->deadline && (ngx_msec_int_t) (a->deadline - ngx_current_msec) < 0) {
        ngx_http_litellm_attempt_fail(a, NGX_LITELLM_TIMEOUT, 408,
                                      "Request timed out.");
        a->done = 1;
        return NGX_DECLINED;
    }

    a->endpoint = a->wire.alt ? d->http_alt : d->http;
    a->url = a->wire.alt ? &d->alt : &d->url;

    if (a->endpoint == NULL) {
        ngx_http_litellm_attempt_fail(a, NGX_LITELLM_API_CONNECTION, 500,
                                      "the deployment has no second address");
        a->done = 1;
        return NGX_DECLINED;
    }

    lcf = ngx_http_get_module_loc_conf(a->parent, ngx_http_litellm_module);

    a->conf = &lcf->upstreams[a->endpoint->index];

    return ngx_http_litellm_attempt_connect(a);
}


/* of the answer before: nobody looks at its bytes any more */

static void
ngx_http_litellm_exchange_reset(ngx_http_litellm_attempt_t *a)
{
    ngx_http_upstream_t  *u;

    if (a->alloc) {
        (void) ngx_pfree(a->ctx->pool, a->body);
    }

    u = a->spent->upstream;

    if (u != NULL && u->buffer.start != NULL) {
        (void) ngx_pfree(a->ctx->pool, u->buffer.start);
        ngx_memzero(&u->buffer, sizeof(ngx_buf_t));
    }

    a->spent = NULL;

    a->body = NULL;
    a->size = 0;
    a->alloc = 0;

    ngx_memzero(&a->status_line, sizeof(ngx_http_status_t));
    ngx_memzero(&a->chunked, sizeof(ngx_http_chunked_t));
    ngx_str_null(&a->content_type);

    a->headers.nelts = 0;
    a->status = 0;
    a->said = 0;
    a->mode = NGX_HTTP_LITELLM_COLLECT;
    a->rc = NGX_OK;
    a->is_chunked = 0;
    a->body_done = 0;
}
