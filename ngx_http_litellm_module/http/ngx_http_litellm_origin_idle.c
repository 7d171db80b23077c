
/*
 * Kept-alive connections of origins, in this worker.
 *
 * A connection is either a request's (its peer's) or idle here; called by
 * ngx_http_litellm_origin_peer.c, and by ngx_http_litellm_origin.c when
 * addresses change.  What must hold:
 *
 * - an idle connection leads to one of the name's present addresses;
 * - it is given only to requests with the TLS settings that it was made with;
 * - an origin keeps conf.keepalive of them, the worker a quarter of its
 *   worker_connections, the longest idle go first;
 * - whatever happens on it while it is idle closes it: a provider that leaves,
 *   bytes that nobody asked for, time, nginx's ngx_close_idle_connections().
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ngx_http_litellm_origin_state.h"


typedef struct {
    ngx_queue_t                    queue;      /* of the origin; or free */
    ngx_queue_t                    worker;     /* of the worker */
    ngx_http_litellm_state_t      *state;
    ngx_connection_t              *connection;
    ngx_msec_t                     since;
    ngx_http_litellm_sockaddr_t    sockaddr;
    socklen_t                      socklen;
#if (NGX_HTTP_SSL)
    ngx_ssl_t                     *ssl;        /* NULL: plain */
    ngx_uint_t                     verify;
#endif
} ngx_http_litellm_idle_t;


static ngx_http_litellm_idle_t *ngx_http_litellm_idle_alloc(
    ngx_http_litellm_state_t *state);
static void ngx_http_litellm_idle_unlink(ngx_http_litellm_idle_t *item);
static void ngx_http_litellm_idle_drop(ngx_http_litellm_idle_t *item);
static ngx_uint_t ngx_http_litellm_idle_usable(ngx_connection_t *c);
static ngx_uint_t ngx_http_litellm_idle_silent(ngx_connection_t *c);
static void ngx_http_litellm_idle_read_handler(ngx_event_t *ev);
static void ngx_http_litellm_idle_write_handler(ngx_event_t *ev);
static void ngx_http_litellm_idle_close(ngx_connection_t *c);


/* this worker's idle connections, most recent first, and unused items */

static ngx_queue_t  ngx_http_litellm_idle_worker = {
    &ngx_http_litellm_idle_worker, &ngx_http_litellm_idle_worker
};

static ngx_queue_t  ngx_http_litellm_idle_free = {
    &ngx_http_litellm_idle_free, &ngx_http_litellm_idle_free
};

static ngx_uint_t   ngx_http_litellm_idle_n;


ngx_int_t
ngx_http_litellm_idle_take(ngx_http_litellm_state_t *state,
    ngx_http_upstream_t *u, ngx_http_litellm_addrs_t *addrs,
    ngx_http_litellm_addr_t *only, ngx_http_litellm_taken_t *taken)
{
    ngx_queue_t              *q;
    ngx_connection_t         *c;
    ngx_http_litellm_addr_t  *addr;
    ngx_http_litellm_idle_t  *item;

    for (q = ngx_queue_head(&state->idle);
         q != ngx_queue_sentinel(&state->idle);
         q = ngx_queue_next(q))
    {
        item = ngx_queue_data(q, ngx_http_litellm_idle_t, queue);

#if (NGX_HTTP_SSL)

        if (item->ssl != (u->ssl ? u->conf->ssl : NULL)
            || item->verify != (ngx_uint_t) (u->ssl && u->conf->ssl_verify))
        {
            continue;
        }

#endif

        /* a request that waits for its retry may hold an older set */

        addr = ngx_http_litellm_addrs_find(addrs, &item->sockaddr.sockaddr,
                                           item->socklen);
        if (addr == NULL || (only != NULL && addr != only)) {
            continue;
        }

        c = item->connection;

        taken->connection = c;
        taken->addr = addr;
        taken->since = item->since;

        ngx_http_litellm_idle_unlink(item);

        c->idle = 0;
        c->sent = 0;
        c->data = NULL;
        c->read->cancelable = 0;

        if (c->read->timer_set) {
            ngx_del_timer(c->read);
        }

        return NGX_OK;
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_litellm_idle_keep(ngx_http_litellm_state_t *state,
    ngx_http_upstream_t *u, ngx_connection_t *c, ngx_http_litellm_addr_t *addr)
{
    ngx_http_litellm_idle_t         *item;
    ngx_http_litellm_origin_conf_t  *conf;

    conf = &state->origin->conf;

    if (!u->keepalive
        || !u->request_body_sent
        || conf->keepalive == 0
        || c->requests >= conf->keepalive_requests
        || ngx_terminate
        || ngx_exiting
        || !ngx_http_litellm_idle_usable(c))
    {
        return NGX_DECLINED;
    }

    if (ngx_http_litellm_addrs_find(state->addrs, &addr->sockaddr.sockaddr,
                                    addr->socklen)
        == NULL)
    {
        return NGX_DECLINED;
    }

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        return NGX_DECLINED;
    }

    item = ngx_http_litellm_idle_alloc(state);
    if (item == NULL) {
        return NGX_DECLINED;
    }

    item->state = state;
    item->connection = c;
    item->since = ngx_current_msec;
    item->sockaddr = addr->sockaddr;
    item->socklen = addr->socklen;

#if (NGX_HTTP_SSL)
    item->ssl = c->ssl ? u->conf->ssl : NULL;
    item->verify = c->ssl && u->conf->ssl_verify;
#endif

    ngx_queue_insert_head(&state->idle, &item->queue);
    ngx_queue_insert_head(&ngx_http_litellm_idle_worker, &item->worker);

    state->nidle++;
    ngx_http_litellm_idle_n++;

    c->read->delayed = 0;
    c->read->cancelable = 1;
    ngx_add_timer(c->read, conf->keepalive_timeout);

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    c->write->handler = ngx_http_litellm_idle_write_handler;
    c->read->handler = ngx_http_litellm_idle_read_handler;

    c->data = item;
    c->idle = 1;
    c->log = ngx_cycle->log;
    c->read->log = ngx_cycle->log;
    c->write->log = ngx_cycle->log;
    c->pool->log = ngx_cycle->log;

    if (c->read->ready) {
        ngx_http_litellm_idle_read_handler(c->read);
    }

    return NGX_OK;
}


/* room for one more: of what is too much, the longest idle is closed */

static ngx_http_litellm_idle_t *
ngx_http_litellm_idle_alloc(ngx_http_litellm_state_t *state)
{
    ngx_uint_t                max;
    ngx_queue_t              *q;
    ngx_http_litellm_idle_t  *item;

    max = ngx_max(ngx_cycle->connection_n / 4, 1);

    if (state->nidle >= state->origin->conf.keepalive) {
        q = ngx_queue_last(&state->idle);
        ngx_http_litellm_idle_drop(ngx_queue_data(q, ngx_http_litellm_idle_t,
                                                  queue));

    } else if (ngx_http_litellm_idle_n >= max) {
        q = ngx_queue_last(&ngx_http_litellm_idle_worker);
        ngx_http_litellm_idle_drop(ngx_queue_data(q, ngx_http_litellm_idle_t,
                                                  worker));
    }

    if (ngx_queue_empty(&ngx_http_litellm_idle_free)) {
        return ngx_alloc(sizeof(ngx_http_litellm_idle_t), ngx_cycle->log);
    }

    q = ngx_queue_head(&ngx_http_litellm_idle_free);
    ngx_queue_remove(q);

    item = ngx_queue_data(q, ngx_http_litellm_idle_t, queue);

    return item;
}


static void
ngx_http_litellm_idle_unlink(ngx_http_litellm_idle_t *item)
{
    ngx_queue_remove(&item->queue);
    ngx_queue_remove(&item->worker);

    item->state->nidle--;
    ngx_http_litellm_idle_n--;

    ngx_queue_insert_head(&ngx_http_litellm_idle_free, &item->queue);
}


static void
ngx_http_litellm_idle_drop(ngx_http_litellm_idle_t *item)
{
    ngx_connection_t  *c;

    c = item->connection;

    ngx_http_litellm_idle_unlink(item);
    ngx_http_litellm_idle_close(c);
}


void
ngx_http_litellm_idle_suspect(ngx_http_litellm_state_t *state,
    ngx_http_litellm_addr_t *addr, ngx_msec_t since)
{
    ngx_queue_t              *q, *next;
    ngx_http_litellm_idle_t  *item;

    for (q = ngx_queue_head(&state->idle);
         q != ngx_queue_sentinel(&state->idle);
         q = next)
    {
        next = ngx_queue_next(q);
        item = ngx_queue_data(q, ngx_http_litellm_idle_t, queue);

        if ((ngx_msec_int_t) (item->since - since) <= 0
            && ngx_cmp_sockaddr(&item->sockaddr.sockaddr, item->socklen,
                                &addr->sockaddr.sockaddr, addr->socklen, 1)
               == NGX_OK)
        {
            ngx_http_litellm_idle_drop(item);
            continue;
        }

        if (!ngx_http_litellm_idle_silent(item->connection)) {
            ngx_http_litellm_idle_drop(item);
        }
    }
}


void
ngx_http_litellm_idle_retain(ngx_http_litellm_state_t *state,
    ngx_http_litellm_addrs_t *addrs)
{
    ngx_queue_t              *q, *next;
    ngx_http_litellm_idle_t  *item;

    for (q = ngx_queue_head(&state->idle);
         q != ngx_queue_sentinel(&state->idle);
         q = next)
    {
        next = ngx_queue_next(q);
        item = ngx_queue_data(q, ngx_http_litellm_idle_t, queue);

        if (addrs == NULL
            || ngx_http_litellm_addrs_find(addrs, &item->sockaddr.sockaddr,
                                           item->socklen)
               == NULL)
        {
            ngx_http_litellm_idle_drop(item);
        }
    }
}


/* may another request follow on it? */

static ngx_uint_t
ngx_http_litellm_idle_usable(ngx_connection_t *c)
{
    if (c->read->eof
        || c->read->error
        || c->read->timedout
        || c->write->error
        || c->write->timedout
        || c->pool == NULL)
    {
        return 0;
    }

#if (NGX_HTTP_SSL)

    /* bytes behind the answer that the socket no longer shows */

    if (c->ssl && SSL_pending(c->ssl->connection) > 0) {
        return 0;
    }

#endif

    return 1;
}


static ngx_uint_t
ngx_http_litellm_idle_silent(ngx_connection_t *c)
{
    char     buf[1];
    ssize_t  n;

    n = recv(c->fd, buf, 1, MSG_PEEK);

    return n == -1 && ngx_socket_errno == NGX_EAGAIN;
}


static void
ngx_http_litellm_idle_read_handler(ngx_event_t *ev)
{
    ngx_connection_t  *c;

    c = ev->data;

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, ev->log, 0,
                   "litellm idle connection: %d, timed out: %d",
                   c->fd, ev->timedout);

    if (!c->close && !ev->timedout && ngx_http_litellm_idle_silent(c)) {

        ev->ready = 0;

        if (ngx_handle_read_event(ev, 0) == NGX_OK) {
            return;
        }
    }

    ngx_http_litellm_idle_drop(c->data);
}


static void
ngx_http_litellm_idle_write_handler(ngx_event_t *ev)
{
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, ev->log, 0,
                   "litellm idle connection is writable");
}


static void
ngx_http_litellm_idle_close(ngx_connection_t *c)
{

#if (NGX_HTTP_SSL)

    if (c->ssl) {
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;

        if (ngx_ssl_shutdown(c) == NGX_AGAIN) {
            c->ssl->handler = ngx_http_litellm_idle_close;
            return;
        }
    }

#endif

    ngx_destroy_pool(c->pool);
    ngx_close_connection(c);
}
