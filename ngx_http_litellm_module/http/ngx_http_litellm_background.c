
/*
 * A background exchange is an attempt whose parent is a request of our own
 * making, on a connection that is none: no socket, no events, nothing is ever
 * written to it.  nginx's upstream engine needs a request, its log, its pool
 * and its configuration, and these are real: the location's that the
 * configuration gave.
 *
 * Used by ngx_http_litellm_token.c.  What must hold:
 *
 * - handlers are called from the event loop, once, and never after cancel;
 * - the events of the fake connection look as if they were added already, so
 *   that the engine adds none;
 * - its descriptor is 0, not -1: an exiting worker closes idle connections and,
 *   after worker_shutdown_timeout, all of them by calling their read handler,
 *   and passes over those without a descriptor.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_background.h"


static ngx_int_t ngx_http_litellm_background_connection(
    ngx_http_litellm_background_t *bg, ngx_http_litellm_loc_conf_t *lcf);
static ngx_int_t ngx_http_litellm_background_request(
    ngx_http_litellm_background_t *bg, ngx_http_litellm_loc_conf_t *lcf,
    ngx_http_litellm_endpoint_t *endpoint);
static u_char *ngx_http_litellm_background_log(ngx_log_t *log, u_char *buf,
    size_t len);
static void ngx_http_litellm_background_event(ngx_event_t *ev);
static void ngx_http_litellm_background_resolved(
    ngx_http_litellm_resolve_t *rs, ngx_int_t rc);
static void ngx_http_litellm_background_send(
    ngx_http_litellm_background_t *bg);
static void ngx_http_litellm_background_run(ngx_http_request_t *r);
static ngx_int_t ngx_http_litellm_background_post(ngx_http_request_t *r,
    void *data, ngx_int_t rc);
static void ngx_http_litellm_background_wake(ngx_http_request_t *r);
static void ngx_http_litellm_background_timer(ngx_event_t *ev);
static void ngx_http_litellm_background_close(ngx_event_t *rev);
static void ngx_http_litellm_background_abort(
    ngx_http_litellm_background_t *bg, const char *why);
static void ngx_http_litellm_background_done(
    ngx_http_litellm_background_t *bg);
static void ngx_http_litellm_background_free(
    ngx_http_litellm_background_t *bg);
static void ngx_http_litellm_background_empty(ngx_event_t *ev);


/* those of this process */
static ngx_queue_t  ngx_http_litellm_backgrounds = {
    &ngx_http_litellm_backgrounds, &ngx_http_litellm_backgrounds
};


/* of no socket: variables with the client's address find "unix:" */
static struct sockaddr  ngx_http_litellm_background_sockaddr = {
    .sa_family = AF_UNIX
};


/* who "answers" in messages; nobody sees them */
static const ngx_litellm_provider_t  ngx_http_litellm_background_provider = {
    .name = ngx_string("background")
};


ngx_http_litellm_background_t *
ngx_http_litellm_background_create(ngx_http_litellm_loc_conf_t *lcf,
    ngx_http_litellm_endpoint_t *endpoint)
{
    ngx_pool_t                     *pool;
    ngx_http_litellm_background_t  *bg;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    bg = ngx_pcalloc(pool, sizeof(ngx_http_litellm_background_t));
    if (bg == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    bg->pool = pool;
    bg->timeout = 30000;
    bg->max = 65536;
    bg->why = "no answer";

    ngx_str_set(&bg->name, "background request");

    if (ngx_http_litellm_background_connection(bg, lcf) != NGX_OK) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    ngx_queue_insert_tail(&ngx_http_litellm_backgrounds, &bg->queue);

    if (ngx_http_litellm_background_request(bg, lcf, endpoint) != NGX_OK) {
        ngx_http_litellm_background_free(bg);
        return NULL;
    }

    return bg;
}


static ngx_int_t
ngx_http_litellm_background_connection(ngx_http_litellm_background_t *bg,
    ngx_http_litellm_loc_conf_t *lcf)
{
    ngx_connection_t  *c;

    c = ngx_get_connection(0, ngx_cycle->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    bg->connection = c;

    bg->log = *ngx_cycle->log;
    bg->log.connection = c->number;
    bg->log.handler = ngx_http_litellm_background_log;
    bg->log.data = &bg->log_ctx;
    bg->log.action = NULL;

    bg->log_ctx.connection = c;

    bg->http.conf_ctx = &lcf->conf_ctx;

    c->data = &bg->http;
    c->log = &bg->log;
    c->pool = bg->pool;
    c->log_error = NGX_ERROR_INFO;

    c->sockaddr = &ngx_http_litellm_background_sockaddr;
    c->socklen = sizeof(struct sockaddr);
    c->local_sockaddr = &ngx_http_litellm_background_sockaddr;
    c->local_socklen = sizeof(struct sockaddr);
    ngx_str_set(&c->addr_text, "unix:");

    c->tcp_nodelay = NGX_TCP_NODELAY_DISABLED;
    c->tcp_nopush = NGX_TCP_NOPUSH_DISABLED;

    c->read->log = c->log;
    c->read->handler = ngx_http_litellm_background_close;
    c->read->active = 1;

    c->write->log = c->log;
    c->write->handler = ngx_http_litellm_background_empty;
    c->write->active = (ngx_event_flags & NGX_USE_CLEAR_EVENT) ? 1 : 0;
    c->write->ready = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_background_request(ngx_http_litellm_background_t *bg,
    ngx_http_litellm_loc_conf_t *lcf, ngx_http_litellm_endpoint_t *endpoint)
{
    ngx_http_request_t          *r;
    ngx_http_litellm_attempt_t  *a;

    r = ngx_http_create_request(bg->connection);
    if (r == NULL) {
        return NGX_ERROR;
    }

#if (NGX_STAT_STUB)
    (void) ngx_atomic_fetch_add(ngx_stat_reading, -1);
    r->stat_reading = 0;
    (void) ngx_atomic_fetch_add(ngx_stat_requests, -1);
#endif

    bg->request = r;
    bg->connection->data = r;

    r->logged = 1;
    r->method = NGX_HTTP_POST;
    r->method_name = ngx_http_core_get_method;
    r->http_version = NGX_HTTP_VERSION_11;
    r->http_state = NGX_HTTP_PROCESS_REQUEST_STATE;
    ngx_str_set(&r->http_protocol, "HTTP/1.1");
    ngx_str_set(&r->uri, "/");
    ngx_str_set(&r->unparsed_uri, "/");
    r->valid_location = 1;
    r->write_event_handler = ngx_http_litellm_background_wake;

    bg->call.pool = r->pool;
    bg->call.log = bg->connection->log;
    bg->call.config = lcf->config;

    bg->deployment.provider = &ngx_http_litellm_background_provider;
    bg->deployment.url = endpoint->url;

    a = &bg->attempt;

    a->role.attempt = a;
    a->parent = r;
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

    ngx_http_set_ctx(r, a, ngx_http_litellm_module);

    ngx_litellm_out_init(&a->wire.body, r->pool);

    if (ngx_array_init(&a->wire.headers, r->pool, 2, sizeof(ngx_keyval_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_array_init(&a->headers, r->pool, 8,
                          sizeof(ngx_http_litellm_header_t));
}


static u_char *
ngx_http_litellm_background_log(ngx_log_t *log, u_char *buf, size_t len)
{
    u_char                         *p;
    ngx_http_litellm_background_t  *bg;

    bg = log->data;

    if (log->action) {
        p = ngx_snprintf(buf, len, " while %s", log->action);
        len -= p - buf;
        buf = p;
    }

    return ngx_snprintf(buf, len, ", litellm: \"%V\", upstream: \"%V\"",
                        &bg->name, &bg->attempt.endpoint->sn.str);
}


void
ngx_http_litellm_background_start(ngx_http_litellm_background_t *bg)
{
    bg->event.handler = ngx_http_litellm_background_event;
    bg->event.data = bg;
    bg->event.log = &bg->log;

    bg->timer.handler = ngx_http_litellm_background_timer;
    bg->timer.data = bg;
    bg->timer.log = &bg->log;

    bg->connection->idle = !bg->needed;
    bg->attempt.max = bg->max;

    ngx_add_timer(&bg->timer, bg->timeout);
    ngx_post_event(&bg->event, &ngx_posted_events);
}


void
ngx_http_litellm_background_need(ngx_http_litellm_background_t *bg,
    ngx_uint_t needed)
{
    bg->needed = needed;
    bg->connection->idle = !needed;
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
                                             &bg->log);

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

    r = bg->request;
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
ngx_http_litellm_background_wake(ngx_http_request_t *r)
{
    ngx_http_litellm_attempt_t  *a;

    a = ngx_http_get_module_ctx(r, ngx_http_litellm_module);

    if (a->done) {
        ngx_http_litellm_background_done(a->data);
    }
}


static void
ngx_http_litellm_background_timer(ngx_event_t *ev)
{
    ngx_http_litellm_background_abort(ev->data, "no answer in time");
}


/* the worker leaves: with idle connections, or its time is over */

static void
ngx_http_litellm_background_close(ngx_event_t *rev)
{
    ngx_connection_t            *c;
    ngx_http_request_t          *r;
    ngx_http_litellm_attempt_t  *a;

    c = rev->data;

    if (!c->close) {
        return;
    }

    /* an error of this connection would end more than the exchange */

    c->error = 0;

    r = c->data;
    a = ngx_http_get_module_ctx(r->main, ngx_http_litellm_module);

    ngx_http_litellm_background_abort(a->data, "the worker is leaving");
}


static void
ngx_http_litellm_background_abort(ngx_http_litellm_background_t *bg,
    const char *why)
{
    ngx_connection_t            *c;
    ngx_http_litellm_attempt_t  *a;

    a = &bg->attempt;
    c = bg->connection;

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
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

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

    c = bg->connection;
    r = bg->request;

    if (r != NULL) {

        /*
         * A running upstream is closed by its cleanup, which counts down and
         * must not find itself the last.
         */

        bg->attempt.done = 1;
        r->count++;

        ngx_http_free_request(r, 0);
    }

    c->read->active = 0;
    c->write->active = 0;
    c->write->ready = 0;
    c->idle = 0;
    c->pool = NULL;
    c->destroyed = 1;
    c->log = ngx_cycle->log;
    c->read->log = ngx_cycle->log;
    c->write->log = ngx_cycle->log;

    ngx_free_connection(c);

    c->fd = (ngx_socket_t) -1;

    ngx_destroy_pool(bg->pool);
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


static void
ngx_http_litellm_background_empty(ngx_event_t *ev)
{
    return;
}
