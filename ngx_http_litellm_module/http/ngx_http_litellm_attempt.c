
/*
 * An attempt: one deployment called once.  It is a clone subrequest that holds
 * a real nginx upstream, or several of them one after the other
 * (ngx_http_litellm_exchange.c); the parent waits for its end, which is told
 * exactly once.  Whatever happens (no address, connect, TLS, time-out, bad
 * header, error status, cut stream, cancelled) arrives here as a->error with a
 * class; class NGX_LITELLM_NO_ERROR means that the answer is good.
 *
 * A clone that is cancelled or fails never reaches nginx's special responses:
 * the post_subrequest handler takes the code.  Only what means that the client
 * is gone (499, 408, a dead connection) goes on and ends the whole request.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_cost.h"
#include "ngx_http_litellm_bill.h"
#include "ngx_http_litellm_metrics.h"


static void ngx_http_litellm_attempt_cleanup(void *data);
static ngx_uint_t ngx_http_litellm_attempt_hurried(
    ngx_http_litellm_attempt_t *a);
static void ngx_http_litellm_attempt_stop_waiting(
    ngx_http_litellm_attempt_t *a);
static ngx_int_t ngx_http_litellm_attempt_new_answer(
    ngx_http_litellm_attempt_t *a);
static void ngx_http_litellm_attempt_token_handler(
    ngx_http_litellm_token_wait_t *w);
static void ngx_http_litellm_attempt_event(ngx_event_t *ev);
static void ngx_http_litellm_attempt_resolved(
    ngx_http_litellm_resolve_t *rs, ngx_int_t rc);
static ngx_int_t ngx_http_litellm_attempt_post(ngx_http_request_t *r,
    void *data, ngx_int_t rc);
static ngx_int_t ngx_http_litellm_attempt_judge(
    ngx_http_litellm_attempt_t *a, ngx_int_t rc);
static void ngx_http_litellm_attempt_timeout(ngx_http_litellm_attempt_t *a);
static ngx_int_t ngx_http_litellm_attempt_answer(
    ngx_http_litellm_attempt_t *a);
static void ngx_http_litellm_attempt_silent(ngx_http_upstream_t *u);


ngx_http_litellm_attempt_t *
ngx_http_litellm_attempt_create(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_call_t *call,
    ngx_litellm_deployment_t *d)
{
    ngx_pool_cleanup_t           *cln;
    ngx_http_litellm_attempt_t   *a;
    ngx_http_litellm_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);

    a = ngx_pcalloc(ctx->pool, sizeof(ngx_http_litellm_attempt_t));
    if (a == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_litellm_attempt_cleanup;
    cln->data = a;

    a->parent = r;
    a->ctx = ctx;
    a->call = call;
    a->deployment = d;
    a->start = ngx_current_msec;

    ngx_http_litellm_cost_open(a);

    if (d->http != NULL) {
        a->endpoint = d->http;
        a->url = &d->url;
        a->extra = d->headers;
        a->conf = &lcf->upstreams[a->endpoint->index];
    }

    ngx_litellm_out_init(&a->wire.body, ctx->pool);
    ngx_litellm_usage_init(&a->facts.usage);

    if (ngx_array_init(&a->wire.headers, ctx->pool, 2, sizeof(ngx_keyval_t))
        != NGX_OK
        || ngx_array_init(&a->headers, ctx->pool, 8,
                          sizeof(ngx_http_litellm_header_t))
           != NGX_OK)
    {
        return NULL;
    }

    return a;
}


/* the request is being freed: nobody will be told any more */

static void
ngx_http_litellm_attempt_cleanup(void *data)
{
    ngx_http_litellm_attempt_t *a = data;

    ngx_http_litellm_attempt_stop_waiting(a);
    ngx_http_litellm_attempt_settle(a, 1);
}


void
ngx_http_litellm_attempt_log(ngx_http_litellm_attempt_t *a)
{
    ngx_log_error(NGX_LOG_INFO, a->parent->connection->log, 0,
                  "litellm: attempt %ui at deployment \"%V\" of \"%V\" "
                  "failed: %V, status %ui, %M ms",
                  a->number, &a->deployment->id, &a->ctx->group,
                  ngx_litellm_error_class(a->error.class), a->error.status,
                  ngx_current_msec - a->start);
}


/*
 * The one place where the deployment's place is given back: from the handler
 * as soon as the attempt is done, else from the cleanup.  What does not come
 * from the deployment says nothing about it: a client that left, a time-out of
 * the client's own, a request that was refused before it was sent.
 */

void
ngx_http_litellm_attempt_settle(ngx_http_litellm_attempt_t *a,
    ngx_uint_t given_up)
{
    ngx_litellm_error_t      none, *e;
    ngx_litellm_usage_t     *u;

    if (!a->charged) {
        a->end = ngx_current_msec;
        a->left = given_up ? 1 : 0;
        ngx_http_litellm_bill_attempt(a);
        ngx_http_litellm_metrics_attempt(a, given_up);
    }

    if (a->lease.state == NULL) {
        return;
    }

    u = &a->facts.usage;
    e = (a->error.class != NGX_LITELLM_NO_ERROR) ? &a->error : NULL;

    if (given_up
        || (e != NULL && e->class == NGX_LITELLM_TIMEOUT
            && ngx_http_litellm_attempt_hurried(a))
        || (e != NULL && a->request == NULL && a->spent == NULL
            && !ngx_http_litellm_cooldown_counts(e)))
    {
        ngx_memzero(&none, sizeof(ngx_litellm_error_t));
        e = &none;
    }

    ngx_http_litellm_state_end(a->deployment, &a->lease, e, a->first,
                               ngx_max(u->prompt, 0),
                               ngx_max(u->completion, 0));

    if (e != NULL && e != &none) {
        ngx_http_litellm_cooldown(a->call->config, a->deployment, e,
                                  ngx_http_litellm_route_width(a->ctx));
    }
}


/* the time that was over was the client's own */

static ngx_uint_t
ngx_http_litellm_attempt_hurried(ngx_http_litellm_attempt_t *a)
{
    return a->ctx->timeout || (a->call->stream && a->ctx->stream_timeout);
}


static void
ngx_http_litellm_attempt_stop_waiting(ngx_http_litellm_attempt_t *a)
{
    if (a->resolving) {
        a->resolving = 0;
        ngx_http_litellm_origin_cancel(&a->resolve);
    }

    ngx_http_litellm_token_cancel(&a->token);

    if (a->event.timer_set) {
        ngx_del_timer(&a->event);
    }

    if (a->event.posted) {
        ngx_delete_posted_event(&a->event);
    }

    ngx_http_litellm_fetch_forget(a);
}


ngx_int_t
ngx_http_litellm_attempt_start(ngx_http_litellm_attempt_t *a)
{
    ngx_int_t                  rc;
    ngx_litellm_call_t        *call;
    ngx_litellm_deployment_t  *d;

    call = a->call;
    d = a->deployment;

    call->deployment = d;

    if (d->mock) {

        if (ngx_http_litellm_attempt_new_answer(a) != NGX_OK) {
            return NGX_ERROR;
        }

        rc = ngx_litellm_mock_answer(call, a->answer, &a->error);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        a->facts.usage = a->answer->usage;
        a->done = 1;

        return NGX_DECLINED;
    }

    if (a->endpoint == NULL) {
        ngx_http_litellm_attempt_fail(a, NGX_LITELLM_API_CONNECTION, 500,
                                      "the deployment has no address");
        a->done = 1;
        return NGX_DECLINED;
    }

    a->dialect = ngx_litellm_provider_dialect(call);

    if (a->dialect == NULL) {
        a->done = 1;
        return ngx_litellm_call_bad(call, &a->error, "this provider does not "
                                    "serve such requests");
    }

    return ngx_http_litellm_attempt_token(a);
}


ngx_int_t
ngx_http_litellm_attempt_token(ngx_http_litellm_attempt_t *a)
{
    ngx_int_t                  rc;
    ngx_str_t                  text;
    ngx_litellm_call_t        *call;
    ngx_litellm_credential_t  *c;

    call = a->call;
    c = a->deployment->credential;

    ngx_str_null(&call->token);

    if (c == NULL) {
        return ngx_http_litellm_attempt_request(a);
    }

    a->token.handler = ngx_http_litellm_attempt_token_handler;
    a->token.data = a;

    rc = ngx_http_litellm_token_get(c, &a->token, &text);

    if (rc == NGX_AGAIN || rc == NGX_ERROR) {
        return rc;
    }

    if (rc == NGX_DECLINED) {
        ngx_http_litellm_attempt_fail(a, a->token.class,
                                      (a->token.class
                                       == NGX_LITELLM_AUTHENTICATION)
                                      ? 401 : 500,
                                      a->token.why);
        a->done = 1;
        return NGX_DECLINED;
    }

    /* a refresh may come while this request is under way */

    call->token.data = ngx_pstrdup(a->ctx->pool, &text);
    if (call->token.data == NULL) {
        return NGX_ERROR;
    }

    call->token.len = text.len;

    return ngx_http_litellm_attempt_request(a);
}


static void
ngx_http_litellm_attempt_token_handler(ngx_http_litellm_token_wait_t *w)
{
    ngx_connection_t            *c;
    ngx_http_litellm_attempt_t  *a;

    a = w->data;
    c = a->parent->connection;

    ngx_http_set_log_request(c->log, a->parent);

    ngx_http_litellm_attempt_resume(a, ngx_http_litellm_attempt_token(a));

    ngx_http_run_posted_requests(c);
}


/* what has to be there before the request can be written is waited for */

ngx_int_t
ngx_http_litellm_attempt_request(ngx_http_litellm_attempt_t *a)
{
    ngx_int_t                     rc;
    ngx_http_litellm_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(a->parent, ngx_http_litellm_module);

    a->call->deployment = a->deployment;
    a->call->may_fetch = lcf->fetch;
    a->call->sent = ngx_time();

    rc = a->dialect->request(a->call, &a->wire, &a->error);

    if (rc == NGX_ERROR || a->wire.body.failed) {
        return NGX_ERROR;
    }

    if (rc == NGX_AGAIN) {

        /* what it has written so far is written anew */

        ngx_http_litellm_exchange_wire(a);

        a->wire.pass = 0;
        a->wire.hide_usage = 0;
        a->wire.state = NULL;

        return ngx_http_litellm_fetch(a);
    }

    if (rc == NGX_DECLINED) {
        a->done = 1;
        return NGX_DECLINED;
    }

    if (ngx_http_litellm_continued(a->ctx)) {

        /* one id, one role: bytes of another provider's stream can't pass */

        a->wire.pass = 0;
    }

    return ngx_http_litellm_attempt_connect(a);
}


void
ngx_http_litellm_attempt_later(ngx_http_litellm_attempt_t *a,
    ngx_http_litellm_step_pt next, ngx_msec_t delay)
{
    a->next = next;

    a->event.handler = ngx_http_litellm_attempt_event;
    a->event.data = a;
    a->event.log = a->parent->connection->log;

    if (delay) {
        ngx_add_timer(&a->event, delay);

    } else {
        ngx_post_event(&a->event, &ngx_posted_events);
    }
}


static void
ngx_http_litellm_attempt_event(ngx_event_t *ev)
{
    ngx_connection_t            *c;
    ngx_http_litellm_attempt_t  *a;

    a = ev->data;
    c = a->parent->connection;

    ngx_http_set_log_request(c->log, a->parent);

    ngx_http_litellm_attempt_resume(a, a->next(a));

    ngx_http_run_posted_requests(c);
}


void
ngx_http_litellm_attempt_resume(ngx_http_litellm_attempt_t *a, ngx_int_t rc)
{
    if (rc == NGX_ERROR) {

        if (a->ctx->detached == NULL) {
            ngx_http_finalize_request(a->parent, NGX_ERROR);
            return;
        }

        /* there is no connection to be closed */

        ngx_http_litellm_attempt_fail(a, NGX_LITELLM_API_CONNECTION, 500,
                                      "internal error");
        a->done = 1;
        rc = NGX_DECLINED;
    }

    if (rc == NGX_AGAIN) {
        return;
    }

    /* it is done without an answer */

    if (a->handler) {
        a->handler(a);
    }

    a->parent->write_event_handler(a->parent);
}


static ngx_int_t
ngx_http_litellm_attempt_new_answer(ngx_http_litellm_attempt_t *a)
{
    a->answer = ngx_pcalloc(a->ctx->pool, sizeof(ngx_litellm_answer_t));
    if (a->answer == NULL) {
        return NGX_ERROR;
    }

    return ngx_litellm_answer_init(a->answer, a->ctx->pool);
}


/* an address first: without one there is no upstream to start */

ngx_int_t
ngx_http_litellm_attempt_connect(ngx_http_litellm_attempt_t *a)
{
    ngx_int_t  rc;

    if (a->endpoint->origin == NULL) {
        return ngx_http_litellm_attempt_send(a);
    }

    a->resolve.handler = ngx_http_litellm_attempt_resolved;
    a->resolve.data = a;

    rc = ngx_http_litellm_origin_resolve(a->endpoint->origin, &a->resolve,
                                         a->parent->connection->log);

    if (rc == NGX_OK) {
        return ngx_http_litellm_attempt_send(a);
    }

    if (rc == NGX_AGAIN) {
        a->resolving = 1;
        return NGX_AGAIN;
    }

    ngx_http_litellm_attempt_fail(a, NGX_LITELLM_API_CONNECTION, 500,
                                  "the provider's name does not resolve");
    a->done = 1;

    return NGX_DECLINED;
}


static void
ngx_http_litellm_attempt_resolved(ngx_http_litellm_resolve_t *rs,
    ngx_int_t rc)
{
    ngx_connection_t            *c;
    ngx_http_litellm_attempt_t  *a;

    a = rs->data;
    c = a->parent->connection;

    a->resolving = 0;

    ngx_http_set_log_request(c->log, a->parent);

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_attempt_send(a);

    } else {
        ngx_http_litellm_attempt_fail(a, NGX_LITELLM_API_CONNECTION, 500,
                                      "the provider's name does not resolve");
        a->done = 1;
        rc = NGX_DECLINED;
    }

    ngx_http_litellm_attempt_resume(a, rc);

    ngx_http_run_posted_requests(c);
}


ngx_int_t
ngx_http_litellm_attempt_send(ngx_http_litellm_attempt_t *a)
{
    ngx_int_t            rc;
    ngx_uint_t           flags;
    ngx_pool_t          *pool;
    ngx_http_request_t  *r, *sr;

    r = a->parent;
    flags = NGX_HTTP_SUBREQUEST_CLONE;

    if (a->raw || ngx_http_litellm_hedging(a)) {

        /*
         * Several run at a time, and their end is told by an event: in the
         * background they leave nothing in the list of the active requests
         * that would hold back what is streamed later.
         */

        flags |= NGX_HTTP_SUBREQUEST_BACKGROUND;
    }

    a->role.attempt = a;

    a->post.handler = ngx_http_litellm_attempt_post;
    a->post.data = a;

    /* the clone, and what the engine makes for it, is made of our memory */

    pool = r->pool;
    r->pool = a->ctx->pool;

    rc = ngx_http_subrequest(r, &r->uri, &r->args, &sr, &a->post, flags);

    r->pool = pool;

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    a->request = sr;

    ngx_http_set_ctx(sr, a, ngx_http_litellm_module);

    /*
     * $upstream_addr and the like list all attempts, as after redirects.  Two
     * engines at a time can't have one list, which moves when it grows.
     */

    if (!ngx_http_litellm_hedging(a)) {
        sr->upstream_states = r->upstream_states;
    }

    return NGX_AGAIN;
}


/*
 * The clone has ended.  An inactive one calls this twice: the first call
 * counts, the second may come when another exchange is under way.
 */

static ngx_int_t
ngx_http_litellm_attempt_post(ngx_http_request_t *r, void *data, ngx_int_t rc)
{
    ngx_http_litellm_attempt_t *a = data;

    if (rc == NGX_HTTP_CLIENT_CLOSED_REQUEST
        || rc == NGX_HTTP_REQUEST_TIME_OUT
        || r->connection->error)
    {
        a->done = 1;
        return (rc == NGX_OK) ? NGX_ERROR : rc;
    }

    if (a->done || r != a->request) {
        return NGX_OK;
    }

    if (a->parent->upstream_states == NULL) {
        a->parent->upstream_states = r->upstream_states;

    } else if (!a->raw
               && ngx_http_litellm_hedge_states(a->ctx, r) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (a->raw) {
        rc = NGX_OK;

    } else if (ngx_http_litellm_attempt_judge(a, rc) == NGX_AGAIN) {

        /* another exchange follows */

        a->spent = a->request;
        a->request = NULL;

        rc = NGX_AGAIN;

    } else {
        rc = NGX_OK;
    }

    if (r->background) {

        /*
         * The engine's flush behind the header: the postpone filter keeps it
         * for a request that will never be the active one.
         */

        r->postponed = NULL;
    }

    if (rc == NGX_AGAIN) {
        return NGX_OK;
    }

    a->done = 1;

    if (a->handler) {
        a->handler(a);
    }

    if (ngx_http_litellm_hedging(a)) {

        /* of a clone in the background nginx tells nobody */

        return ngx_http_post_request(a->parent, NULL);
    }

    return NGX_OK;
}


/* NGX_OK, or NGX_AGAIN: it goes on */

static ngx_int_t
ngx_http_litellm_attempt_judge(ngx_http_litellm_attempt_t *a, ngx_int_t rc)
{
    ngx_str_t   body;
    ngx_msec_t  delay;

    if (a->error.class != NGX_LITELLM_NO_ERROR) {
        return NGX_OK;
    }

    if (a->status == 0) {

        /* no header: rc is what nginx would have answered */

        if (a->said) {
            ngx_str_null(&body);

            a->call->deployment = a->deployment;
            a->dialect->error(a->call, a->said, &body, &a->error);
            a->error.retry_after = a->said_after;

        } else if (rc == NGX_HTTP_GATEWAY_TIME_OUT) {
            ngx_http_litellm_attempt_timeout(a);

        } else if (rc == NGX_HTTP_BAD_GATEWAY) {
            ngx_http_litellm_attempt_fail(a, NGX_LITELLM_API_CONNECTION, 500,
                                          "Connection error.");

        } else {
            ngx_http_litellm_attempt_fail(a, NGX_LITELLM_API_CONNECTION, 500,
                                          "internal error");
        }

        return NGX_OK;
    }

    if (a->mode != NGX_HTTP_LITELLM_COLLECT) {

        if (a->rc == NGX_HTTP_GATEWAY_TIME_OUT && !a->complete) {
            ngx_http_litellm_attempt_timeout(a);
            return NGX_OK;
        }

        if (ngx_http_litellm_stream_end(a) != NGX_OK) {
            ngx_http_litellm_attempt_fail(a, NGX_LITELLM_API_CONNECTION, 500,
                                          "internal error");
        }

        return NGX_OK;
    }

    if (!a->body_done
        && (rc != NGX_OK || a->is_chunked
            || a->request->upstream->headers_in.content_length_n != -1))
    {
        if (a->rc == NGX_HTTP_GATEWAY_TIME_OUT) {
            ngx_http_litellm_attempt_timeout(a);
            return NGX_OK;
        }

        if (a->status < 300) {
            ngx_http_litellm_attempt_fail(a, NGX_LITELLM_API_CONNECTION, 500,
                          "the provider closed the connection in the middle "
                          "of its answer");
            return NGX_OK;
        }
    }

    if (a->status == NGX_HTTP_UNAUTHORIZED && a->call->token.len
        && !a->renewed && a->dialect->follow == NULL
        && ngx_http_litellm_token_reject(&a->token))
    {
        a->renewed = 1;

        ngx_http_litellm_attempt_later(a, ngx_http_litellm_exchange_renew, 0);

        return NGX_AGAIN;
    }

    if (a->status < 200 || a->status >= 300) {

        body.data = a->body;
        body.len = a->size;

        a->call->deployment = a->deployment;
        a->dialect->error(a->call, a->status, &body, &a->error);

        /* some providers say it in the body only */

        delay = ngx_http_litellm_attempt_retry_after(a);

        if (delay) {
            a->error.retry_after = delay;
        }

        return NGX_OK;
    }

    return ngx_http_litellm_attempt_answer(a);
}


static void
ngx_http_litellm_attempt_timeout(ngx_http_litellm_attempt_t *a)
{
    ngx_http_litellm_attempt_fail(a, NGX_LITELLM_TIMEOUT, 408,
                                  "Request timed out.");
}


/* a whole 2xx body */

static ngx_int_t
ngx_http_litellm_attempt_answer(ngx_http_litellm_attempt_t *a)
{
    ngx_int_t  rc;
    ngx_str_t  body;

    body.data = a->body;
    body.len = a->size;

    a->call->deployment = a->deployment;

    if (a->dialect->follow && (!a->call->stream || a->wire.whole)) {

        rc = ngx_http_litellm_exchange_follow(a, &body);

        if (rc == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        if (rc == NGX_ERROR) {
            ngx_http_litellm_attempt_fail(a, NGX_LITELLM_API_CONNECTION, 500,
                                          "internal error");
        }

        if (a->call->stream || a->error.class != NGX_LITELLM_NO_ERROR) {
            return NGX_OK;
        }

    } else if (a->call->stream) {

        /* JSON in place of events: an error, or a server without streams */

        rc = a->wire.pass ? a->dialect->tap(a->call, &body, &a->facts)
                          : NGX_OK;

        if (rc == NGX_DECLINED) {
            a->error = a->facts.error;

        } else {
            ngx_http_litellm_attempt_fail(a, NGX_LITELLM_BAD_GATEWAY, 502,
                                    "the provider answered without a stream");
        }

        return NGX_OK;
    }

    if (a->wire.pass) {
        rc = a->dialect->tap(a->call, &body, &a->facts);

        if (rc == NGX_DECLINED) {
            a->error = a->facts.error;
        }

    } else {

        if (ngx_http_litellm_attempt_new_answer(a) != NGX_OK) {
            rc = NGX_ERROR;

        } else {
            rc = a->dialect->response(a->call, &body, a->answer, &a->error);
        }

        if (rc == NGX_OK) {
            a->facts.usage = a->answer->usage;
            a->facts.finish = a->answer->finish;
        }
    }

    if (rc == NGX_OK) {
        (void) ngx_http_litellm_route_filtered(a);
    }

    if (rc == NGX_ERROR) {
        ngx_http_litellm_attempt_fail(a, NGX_LITELLM_API_CONNECTION, 500,
                                      "internal error");
    }

    return NGX_OK;
}


/* seconds or an HTTP date */

ngx_msec_t
ngx_http_litellm_attempt_retry_after(ngx_http_litellm_attempt_t *a)
{
    time_t                      t;
    ngx_int_t                   n;
    ngx_uint_t                  i;
    ngx_http_litellm_header_t  *h;

    h = a->headers.elts;

    for (i = 0; i < a->headers.nelts; i++) {

        if (h[i].key.len != sizeof("retry-after") - 1
            || ngx_strncmp(h[i].lowcase, "retry-after",
                           sizeof("retry-after") - 1)
               != 0)
        {
            continue;
        }

        n = ngx_atofp(h[i].value.data, h[i].value.len, 3);

        if (n == NGX_ERROR) {
            t = ngx_parse_http_time(h[i].value.data, h[i].value.len);

            if (t == (time_t) NGX_ERROR || t <= ngx_time()) {
                return 0;
            }

            n = (ngx_int_t) (ngx_min(t - ngx_time(), 86400) * 1000);
        }

        return (ngx_msec_t) ngx_min(n, 86400 * 1000);
    }

    return 0;
}


/*
 * As ngx_http_upstream_create() takes an older upstream away: the engine's
 * cleanup finalizes with NGX_DONE, which tells nobody; the code that follows
 * does.
 */

void
ngx_http_litellm_attempt_cancel(ngx_http_litellm_attempt_t *a,
    ngx_litellm_class_e class, const char *text)
{
    ngx_http_request_t   *sr;
    ngx_http_upstream_t  *u;

    if (a->done) {
        return;
    }

    a->given_up = 1;

    if (!a->complete) {
        ngx_http_litellm_attempt_fail(a, class,
                                      (class == NGX_LITELLM_TIMEOUT) ? 408
                                                                     : 500,
                                      text);
    }

    ngx_http_litellm_attempt_stop_waiting(a);
    ngx_http_litellm_fetch_cancel(a);

    sr = a->request;

    if (sr == NULL) {
        a->done = 1;
        return;
    }

    u = sr->upstream;

    if (u != NULL && u->cleanup != NULL) {

        if (class == NGX_LITELLM_TIMEOUT
            && !ngx_http_litellm_attempt_hurried(a))
        {
            ngx_http_litellm_attempt_silent(u);
        }

        sr->main->count++;
        (*u->cleanup)(sr);
    }

    ngx_http_finalize_request(sr, NGX_OK);
}


/*
 * A server that did not answer in time: as for time-outs of its own the engine
 * would, its balancer is told.  A header says that the server is well.
 */

static void
ngx_http_litellm_attempt_silent(ngx_http_upstream_t *u)
{
    if (u->peer.free == NULL || u->peer.sockaddr == NULL
        || u->headers_in.status_n)
    {
        return;
    }

    if (u->peer.connection) {
        u->peer.connection->read->timedout = 1;
    }

    u->peer.free(&u->peer, u->peer.data, NGX_PEER_FAILED);
    u->peer.sockaddr = NULL;
}


void
ngx_http_litellm_attempt_fail(ngx_http_litellm_attempt_t *a,
    ngx_litellm_class_e class, ngx_uint_t status, const char *text)
{
    ngx_str_t  s;

    if (a->error.class != NGX_LITELLM_NO_ERROR) {
        return;
    }

    s.data = (u_char *) text;
    s.len = ngx_strlen(text);

    a->call->deployment = a->deployment;

    if (ngx_litellm_error_set(a->call, &a->error, class, status, &s)
        != NGX_OK)
    {
        a->error.class = class;
        a->error.status = status;
        a->error.message = s;
    }
}
