
/*
 * A background exchange is an attempt of raw bytes whose parent is a request
 * of our own making (ngx_http_litellm_detached.c).
 *
 * Used by ngx_http_litellm_token.c.  Handlers are called from the event loop,
 * once, and never after cancel.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_background.h"


static ngx_int_t ngx_http_litellm_background_attempt(
    ngx_http_litellm_background_t *bg, ngx_http_litellm_loc_conf_t *lcf,
    ngx_http_litellm_endpoint_t *endpoint);
static void ngx_http_litellm_background_event(ngx_event_t *ev);
static void ngx_http_litellm_background_resolved(
    ngx_http_litellm_resolve_t *rs, ngx_int_t rc);
static void ngx_http_litellm_background_send(
    ngx_http_litellm_background_t *bg);
static void ngx_http_litellm_background_run(ngx_http_request_t *r);
static ngx_int_t ngx_http_litellm_background_post(ngx_http_request_t *r,
    void *data, ngx_int_t rc);
static void ngx_http_litellm_background_wake(
    ngx_http_litellm_detached_t *dt);
static void ngx_http_litellm_background_timer(ngx_event_t *ev);
static void ngx_http_litellm_background_close(
    ngx_http_litellm_detached_t *dt);
static void ngx_http_litellm_background_abort(
    ngx_http_litellm_background_t *bg, const char *why);
static void ngx_http_litellm_background_done(
    ngx_http_litellm_background_t *bg);
static void ngx_http_litellm_background_free(
    ngx_http_litellm_background_t *bg);


/* those of this process */
static ngx_queue_t  ngx_http_litellm_backgrounds = {
    &ngx_http_litellm_backgrounds, &ngx_http_litellm_backgrounds
};


/* who "answers" in messages; nobody sees them */
static const ngx_litellm_provider_t  ngx_http_litellm_background_provider = {
    .name = ngx_string("background")
};


ngx_http_litellm_background_t *
ngx_http_litellm_background_create(ngx_http_litellm_loc_conf_t *lcf,
    ngx_http_litellm_endpoint_t *endpoint)
{
    ngx_http_litellm_detached_t    *dt;
    ngx_http_litellm_background_t  *bg;

    dt = ngx_http_litellm_detached_create(lcf);
    if (dt == NULL) {
        return NULL;
    }

    bg = ngx_pcalloc(dt->pool, sizeof(ngx_http_litellm_background_t));
    if (bg == NULL) {
        ngx_http_litellm_detached_free(dt);
        return NULL;
    }

    dt->wake = ngx_http_litellm_background_wake;
    dt->close = ngx_http_litellm_background_close;
    dt->data = bg;
    dt->upstream = &endpoint->sn.str;

    bg->detached = dt;
    bg->pool = dt->pool;
    bg->timeout = 30000;
    bg->max = 65536;
    bg->why = "no answer";

    ngx_str_set(&bg->name, "background request");

    ngx_queue_insert_tail(&ngx_http_litellm_backgrounds, &bg->queue);

    if (ngx_http_litellm_background_attempt(bg, lcf, endpoint) != NGX_OK) {
        ngx_http_litellm_background_free(bg);
        return NULL;
    }

    return bg;
}


static ngx_int_t
ngx_http_litellm_background_attempt(ngx_http_litellm_background_t *bg,
    ngx_http_litellm_loc_conf_t *lcf, ngx_http_litellm_endpoint_t *endpoint)
{
    ngx_http_request_t          *r;
    ngx_http_litellm_attempt_t  *a;

    r = bg->detached->request;

    bg->call.pool = r->pool;
    bg->call.log = r->connection->log;
    bg->call.config = lcf->config;

    bg->deployment.provider = &ngx_http_litellm_background_provider;
    bg->deployment.url = endpoint->url;

    a = &bg->attempt;

    a->role.attempt = a;
    a->parent = r;
    a->ctx = &bg->detached->ctx;
    a->call = &bg->call;
    a->deployment = &bg->deployment;
    a->endpoint = endpoint;
    a->url = &endpoint->url;
    a->conf = &lcf->upstreams[endpoint->index];
    a->data = bg;
    a->start = ngx_current_msec;
    a->post.handler = ngx_http_litellm_background_post;
    a->post.data = a;

    bg->wire = &a->wire;

    ngx_litellm_out_init(&a->wire.body, r->pool);

    if (ngx_array_init(&a->wire.headers, r->pool, 2, sizeof(ngx_keyval_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_array_init(&a->headers, r->pool, 8,
                          sizeof(ngx_http_litellm_header_t));
}


void
ngx_http_litellm_background_start(ngx_http_litellm_background_t *bg)
{
    bg->event.handler = ngx_http_litellm_background_event;
    bg->event.data = bg;
    bg->event.log = bg->detached->connection->log;

    bg->timer.handler = ngx_http_litellm_background_timer;
    bg->timer.data = bg;
    bg->timer.log = bg->detached->connection->log;

    bg->detached->name = bg->name;
    bg->detached->connection->idle = !bg->needed;

    bg->attempt.max = bg->max;

    ngx_add_timer(&bg->timer, bg->timeout);
    ngx_post_event(&bg->event, &ngx_posted_events);
}


void
ngx_http_litellm_background_need(ngx_http_litellm_background_t *bg,
    ngx_uint_t needed)
{
    bg->needed = needed;
    bg->detached->connection->idle = !needed;
}


static void
ngx_http_litellm_background_event(ngx_event_t *ev)
{
    ngx_int_t                       rc;
    ngx_http_litellm_attempt_t     *a;
    ngx_http_litellm_background_t  *bg;

    bg = ev->data;
    a = &bg->attempt;

    if (a->endpoint->origin != NULL) {

        a->resolve.handler = ngx_http_litellm_background_resolved;
        a->resolve.data = bg;

        rc = ngx_http_litellm_origin_resolve(a->endpoint->origin, &a->resolve,
                                             bg->detached->connection->log);

        if (rc == NGX_AGAIN) {
            a->resolving = 1;
            return;
        }

        if (rc != NGX_OK) {
            bg->why = "its name does not resolve";
            ngx_http_litellm_background_done(bg);
            return;
        }
    }

    ngx_http_litellm_background_send(bg);
}


static void
ngx_http_litellm_background_resolved(ngx_http_litellm_resolve_t *rs,
    ngx_int_t rc)
{
    ngx_http_litellm_background_t  *bg;

    bg = rs->data;

    bg->attempt.resolving = 0;

    if (rc != NGX_OK) {
        bg->why = "its name does not resolve";
        ngx_http_litellm_background_done(bg);
        return;
    }

    ngx_http_litellm_background_send(bg);
}


static void
ngx_http_litellm_background_send(ngx_http_litellm_background_t *bg)
{
    ngx_connection_t            *c;
    ngx_http_request_t          *r, *sr;
    ngx_http_litellm_attempt_t  *a;

    r = bg->detached->request;
    c = r->connection;
    a = &bg->attempt;

    if (a->wire.body.failed
        || ngx_http_subrequest(r, &r->uri, NULL, &sr, &a->post,
                               NGX_HTTP_SUBREQUEST_CLONE)
           != NGX_OK)
    {
        bg->why = "no memory";
        ngx_http_litellm_background_done(bg);
        return;
    }

    a->request = sr;

    sr->write_event_handler = ngx_http_litellm_background_run;

    ngx_http_set_ctx(sr, a, ngx_http_litellm_module);

    ngx_http_run_posted_requests(c);
}


/* the phases are for requests of others */

static void
ngx_http_litellm_background_run(ngx_http_request_t *r)
{
    ngx_http_litellm_attempt_t  *a;

    a = ngx_http_get_module_ctx(r, ngx_http_litellm_module);

    r->write_event_handler = ngx_http_request_empty_handler;

    ngx_http_finalize_request(r, ngx_http_litellm_upstream_handler(r, a));
}


static ngx_int_t
ngx_http_litellm_background_post(ngx_http_request_t *r, void *data,
    ngx_int_t rc)
{
    ngx_http_litellm_attempt_t *a = data;

    ngx_http_litellm_background_t  *bg;

    if (a->done) {
        return NGX_OK;
    }

    a->done = 1;
    bg = a->data;

    if (a->error.class != NGX_LITELLM_NO_ERROR) {

        /* cancelled by us, or the body was over its bound or no HTTP */

        if (a->error.class != NGX_LITELLM_TIMEOUT) {
            bg->why = "its answer can't be read";
        }

    } else if (a->status == 0) {
        bg->why = (rc == NGX_HTTP_GATEWAY_TIME_OUT) ? "no answer in time"
                                                    : "connection error";

    } else if (!a->body_done
               && (rc != NGX_OK || a->is_chunked
                   || r->upstream->headers_in.content_length_n != -1))
    {
        bg->why = "its answer was cut";

    } else {
        bg->status = a->status;
        bg->body.data = a->body;
        bg->body.len = a->size;
        bg->why = NULL;
    }

    return NGX_OK;
}


static void
ngx_http_litellm_background_wake(ngx_http_litellm_detached_t *dt)
{
    ngx_http_litellm_background_t  *bg;

    bg = dt->data;

    if (bg->attempt.done) {
        ngx_http_litellm_background_done(bg);
    }
}


static void
ngx_http_litellm_background_timer(ngx_event_t *ev)
{
    ngx_http_litellm_background_abort(ev->data, "no answer in time");
}


static void
ngx_http_litellm_background_close(ngx_http_litellm_detached_t *dt)
{
    ngx_http_litellm_background_abort(dt->data, "the worker is leaving");
}


static void
ngx_http_litellm_background_abort(ngx_http_litellm_background_t *bg,
    const char *why)
{
    ngx_connection_t            *c;
    ngx_http_litellm_attempt_t  *a;

    a = &bg->attempt;
    c = bg->detached->connection;

    if (a->done) {

        /* the request is posted already, and will tell */

        return;
    }

    bg->why = why;

    if (a->request == NULL) {
        ngx_http_litellm_background_done(bg);
        return;
    }

    ngx_http_litellm_attempt_cancel(a, NGX_LITELLM_TIMEOUT, why);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_litellm_background_done(ngx_http_litellm_background_t *bg)
{
    /* who cancels all from inside of a handler does not mean this one */

    ngx_queue_remove(&bg->queue);
    ngx_queue_init(&bg->queue);

    bg->handler(bg);

    ngx_http_litellm_background_free(bg);
}


void
ngx_http_litellm_background_cancel(ngx_http_litellm_background_t *bg)
{
    ngx_http_litellm_background_free(bg);
}


static void
ngx_http_litellm_background_free(ngx_http_litellm_background_t *bg)
{
    ngx_queue_remove(&bg->queue);

    if (bg->timer.timer_set) {
        ngx_del_timer(&bg->timer);
    }

    if (bg->event.posted) {
        ngx_delete_posted_event(&bg->event);
    }

    if (bg->attempt.resolving) {
        bg->attempt.resolving = 0;
        ngx_http_litellm_origin_cancel(&bg->attempt.resolve);
    }

    bg->attempt.done = 1;

    ngx_http_litellm_detached_free(bg->detached);
}


void
ngx_http_litellm_background_exit(void)
{
    ngx_queue_t                    *q;
    ngx_http_litellm_background_t  *bg;

    while (!ngx_queue_empty(&ngx_http_litellm_backgrounds)) {
        q = ngx_queue_head(&ngx_http_litellm_backgrounds);
        bg = ngx_queue_data(q, ngx_http_litellm_background_t, queue);

        ngx_http_litellm_background_free(bg);
    }
}
