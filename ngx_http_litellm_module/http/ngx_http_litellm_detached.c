
/*
 * A request on a connection that is none: no socket, no events, nothing is
 * ever written to it.  nginx's upstream engine needs a request, its log, its
 * pool and its configuration, and these are real: the location's that the
 * configuration gave.
 *
 * Used by ngx_http_litellm_background.c and .._health_check.c.  What must hold:
 *
 * - the events of the fake connection look as if they were added already, so
 *   that the engine adds none;
 * - its descriptor is 0, not -1: an exiting worker closes idle connections and,
 *   after worker_shutdown_timeout, all of them by calling their read handler,
 *   and passes over those without a descriptor;
 * - the request stands at the content phase, where clones go on: the phases
 *   before are for requests of others.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_detached.h"


static ngx_int_t ngx_http_litellm_detached_connection(
    ngx_http_litellm_detached_t *dt, ngx_http_litellm_loc_conf_t *lcf);
static ngx_int_t ngx_http_litellm_detached_request(
    ngx_http_litellm_detached_t *dt);
static ngx_uint_t ngx_http_litellm_detached_phase(ngx_http_request_t *r);
static u_char *ngx_http_litellm_detached_log(ngx_log_t *log, u_char *buf,
    size_t len);
static void ngx_http_litellm_detached_wake(ngx_http_request_t *r);
static void ngx_http_litellm_detached_close(ngx_event_t *rev);
static void ngx_http_litellm_detached_empty(ngx_event_t *ev);


/* of no socket: variables with the client's address find "unix:" */
static struct sockaddr  ngx_http_litellm_detached_sockaddr = {
    .sa_family = AF_UNIX
};


ngx_http_litellm_detached_t *
ngx_http_litellm_detached_create(ngx_http_litellm_loc_conf_t *lcf)
{
    ngx_pool_t                   *pool;
    ngx_http_litellm_detached_t  *dt;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    dt = ngx_pcalloc(pool, sizeof(ngx_http_litellm_detached_t));
    if (dt == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    dt->pool = pool;

    ngx_str_set(&dt->name, "background request");

    if (ngx_http_litellm_detached_connection(dt, lcf) != NGX_OK) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    if (ngx_http_litellm_detached_request(dt) != NGX_OK) {
        ngx_http_litellm_detached_free(dt);
        return NULL;
    }

    return dt;
}


static ngx_int_t
ngx_http_litellm_detached_connection(ngx_http_litellm_detached_t *dt,
    ngx_http_litellm_loc_conf_t *lcf)
{
    ngx_connection_t  *c;

    c = ngx_get_connection(0, ngx_cycle->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    dt->connection = c;

    dt->log = *ngx_cycle->log;
    dt->log.connection = c->number;
    dt->log.handler = ngx_http_litellm_detached_log;
    dt->log.data = &dt->log_ctx;
    dt->log.action = NULL;

    dt->log_ctx.connection = c;

    dt->http.conf_ctx = &lcf->conf_ctx;

    c->data = &dt->http;
    c->log = &dt->log;
    c->pool = dt->pool;
    c->log_error = NGX_ERROR_INFO;

    c->sockaddr = &ngx_http_litellm_detached_sockaddr;
    c->socklen = sizeof(struct sockaddr);
    c->local_sockaddr = &ngx_http_litellm_detached_sockaddr;
    c->local_socklen = sizeof(struct sockaddr);
    ngx_str_set(&c->addr_text, "unix:");

    c->tcp_nodelay = NGX_TCP_NODELAY_DISABLED;
    c->tcp_nopush = NGX_TCP_NOPUSH_DISABLED;

    c->read->log = c->log;
    c->read->handler = ngx_http_litellm_detached_close;
    c->read->active = 1;

    c->write->log = c->log;
    c->write->handler = ngx_http_litellm_detached_empty;
    c->write->active = (ngx_event_flags & NGX_USE_CLEAR_EVENT) ? 1 : 0;
    c->write->ready = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_detached_request(ngx_http_litellm_detached_t *dt)
{
    ngx_http_request_t  *r;

    r = ngx_http_create_request(dt->connection);
    if (r == NULL) {
        return NGX_ERROR;
    }

#if (NGX_STAT_STUB)
    (void) ngx_atomic_fetch_add(ngx_stat_reading, -1);
    r->stat_reading = 0;
    (void) ngx_atomic_fetch_add(ngx_stat_requests, -1);
#endif

    dt->request = r;
    dt->connection->data = r;

    r->logged = 1;
    r->method = NGX_HTTP_POST;
    r->method_name = ngx_http_core_get_method;
    r->http_version = NGX_HTTP_VERSION_11;
    r->http_state = NGX_HTTP_PROCESS_REQUEST_STATE;
    ngx_str_set(&r->http_protocol, "HTTP/1.1");
    ngx_str_set(&r->uri, "/");
    ngx_str_set(&r->unparsed_uri, "/");
    r->valid_location = 1;
    r->write_event_handler = ngx_http_litellm_detached_wake;
    r->content_handler = ngx_http_litellm_handler;
    r->phase_handler = ngx_http_litellm_detached_phase(r);

    dt->ctx.request = r;
    dt->ctx.pool = r->pool;
    dt->ctx.num_retries = -1;
    dt->ctx.max_fallbacks = -1;
    dt->ctx.keepalive = NGX_CONF_UNSET_MSEC;
    dt->ctx.drop_params = NGX_CONF_UNSET;
    dt->ctx.detached = dt;

    ngx_http_set_ctx(r, &dt->ctx, ngx_http_litellm_module);

    return NGX_OK;
}


static ngx_uint_t
ngx_http_litellm_detached_phase(ngx_http_request_t *r)
{
    ngx_uint_t                  i;
    ngx_http_phase_handler_t   *ph;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);
    ph = cmcf->phase_engine.handlers;

    /* there is one: the static module is always compiled in */

    for (i = 0; ph[i].checker != NULL; i++) {
        if (ph[i].checker == ngx_http_core_content_phase) {
            break;
        }
    }

    return i;
}


static u_char *
ngx_http_litellm_detached_log(ngx_log_t *log, u_char *buf, size_t len)
{
    u_char                       *p;
    ngx_http_litellm_detached_t  *dt;

    dt = log->data;

    if (log->action) {
        p = ngx_snprintf(buf, len, " while %s", log->action);
        len -= p - buf;
        buf = p;
    }

    p = ngx_snprintf(buf, len, ", litellm: \"%V\"", &dt->name);

    if (dt->upstream != NULL) {
        len -= p - buf;
        p = ngx_snprintf(p, len, ", upstream: \"%V\"", dt->upstream);
    }

    return p;
}


static void
ngx_http_litellm_detached_wake(ngx_http_request_t *r)
{
    ngx_http_litellm_ctx_t       *ctx;
    ngx_http_litellm_detached_t  *dt;

    ctx = ngx_http_get_module_ctx(r, ngx_http_litellm_module);
    dt = ctx->detached;

    dt->wake(dt);
}


/* the worker leaves: with idle connections, or its time is over */

static void
ngx_http_litellm_detached_close(ngx_event_t *rev)
{
    ngx_connection_t             *c;
    ngx_http_request_t           *r;
    ngx_http_litellm_ctx_t       *ctx;
    ngx_http_litellm_detached_t  *dt;

    c = rev->data;

    if (!c->close) {
        return;
    }

    /* an error of this connection would end more than the exchange */

    c->error = 0;

    r = c->data;
    ctx = ngx_http_get_module_ctx(r->main, ngx_http_litellm_module);
    dt = ctx->detached;

    dt->close(dt);
}


void
ngx_http_litellm_detached_free(ngx_http_litellm_detached_t *dt)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    c = dt->connection;
    r = dt->request;

    if (r != NULL) {

        /*
         * A running upstream is closed by its cleanup, which counts down and
         * must not find itself the last.
         */

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

    ngx_destroy_pool(dt->pool);
}


static void
ngx_http_litellm_detached_empty(ngx_event_t *ev)
{
    return;
}
