
/*
 * u->peer for origins: which connection or address a request goes to.
 *
 * The next address, those that failed lately last, IPv6 behind IPv4 (a machine
 * without a way to the IPv6 internet is still told IPv6 addresses by its
 * nameserver), and an idle connection to it if there is one.  But an origin
 * that is asked so seldom that connections would time out between two turns
 * of an address gives any idle connection first: a handshake for each request
 * is no price for spreading a few.  Called by ngx_http_upstream.c only.
 *
 * peer.tries is what ngx_http_upstream_next() goes by, and is kept so that
 *
 * - a connect or handshake that failed leads to the next address;
 * - a kept connection that the provider had closed leads to a fresh one:
 *   nginx adds the try, since peer.cached is set, and idle ones are not asked
 *   again;
 * - a request that went out on a fresh connection and was not answered is
 *   never sent again: only the orchestrator knows whether it may be.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ngx_http_litellm_origin_state.h"


#define NGX_HTTP_LITELLM_TRIES  5         /* addresses for one request */
#define NGX_HTTP_LITELLM_DOWN   10000     /* a failed address is tried last */


typedef struct {
    ngx_http_litellm_state_t   *state;
    ngx_http_litellm_addrs_t   *addrs;
    ngx_http_litellm_addr_t    *current;
    ngx_http_upstream_t        *upstream;
    uint32_t                    tried;
    ngx_msec_t                  since;    /* the connection was idle */
    unsigned                    fresh:1;  /* idle ones are not asked */
    unsigned                    spread:1; /* only those of the next address */
} ngx_http_litellm_peer_t;


static void ngx_http_litellm_peer_cleanup(void *data);
static ngx_uint_t ngx_http_litellm_peer_busy(ngx_http_litellm_state_t *state);
static ngx_int_t ngx_http_litellm_peer_get(ngx_peer_connection_t *pc,
    void *data);
static ngx_http_litellm_addr_t *ngx_http_litellm_peer_choose(
    ngx_http_litellm_peer_t *pd);
static void ngx_http_litellm_peer_turn(ngx_http_litellm_peer_t *pd,
    ngx_http_litellm_addr_t *addr);
static void ngx_http_litellm_peer_free(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state);
static void ngx_http_litellm_peer_failed(ngx_peer_connection_t *pc,
    ngx_http_litellm_peer_t *pd);
#if (NGX_HTTP_SSL)
static ngx_int_t ngx_http_litellm_peer_set_session(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_litellm_peer_save_session(ngx_peer_connection_t *pc,
    void *data);
#endif


ngx_int_t
ngx_http_litellm_peer_init(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us)
{
    ngx_pool_cleanup_t         *cln;
    ngx_http_upstream_t        *u;
    ngx_http_litellm_peer_t    *pd;
    ngx_http_litellm_state_t   *state;
    ngx_http_litellm_origin_t  *origin;

    origin = (ngx_http_litellm_origin_t *) us;
    state = origin->state;

    if (state == NULL || state->addrs == NULL) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "litellm: \"%V\" was not resolved", &origin->host);
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_litellm_peer_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    pd = cln->data;

    ngx_memzero(pd, sizeof(ngx_http_litellm_peer_t));

    pd->state = state;
    pd->addrs = state->addrs;
    pd->addrs->refs++;
    pd->spread = ngx_http_litellm_peer_busy(state);

    cln->handler = ngx_http_litellm_peer_cleanup;

    u = r->upstream;

    pd->upstream = u;

    u->peer.data = pd;
    u->peer.get = ngx_http_litellm_peer_get;
    u->peer.free = ngx_http_litellm_peer_free;
    u->peer.tries = ngx_min(pd->addrs->naddrs, NGX_HTTP_LITELLM_TRIES);

#if (NGX_HTTP_SSL)
    u->peer.set_session = ngx_http_litellm_peer_set_session;
    u->peer.save_session = ngx_http_litellm_peer_save_session;
#endif

    return NGX_OK;
}


static void
ngx_http_litellm_peer_cleanup(void *data)
{
    ngx_http_litellm_peer_t  *pd = data;

    ngx_http_litellm_addrs_release(pd->addrs);
}


/*
 * Do requests come so often that each address has its turn long before its
 * connections time out?
 */

static ngx_uint_t
ngx_http_litellm_peer_busy(ngx_http_litellm_state_t *state)
{
    ngx_uint_t                       n;
    ngx_msec_t                       gap;
    ngx_http_litellm_origin_conf_t  *conf;

    conf = &state->origin->conf;
    n = state->addrs->naddrs;

    gap = ngx_current_msec - state->last;
    state->last = ngx_current_msec;

    return n > 1 && n <= conf->keepalive
           && gap < conf->keepalive_timeout / (2 * n);
}


static ngx_int_t
ngx_http_litellm_peer_get(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_litellm_peer_t  *pd = data;

    ngx_connection_t          *c;
    ngx_http_litellm_addr_t   *addr, *only;
    ngx_http_litellm_taken_t   taken;

    pc->cached = 0;
    pc->connection = NULL;

    addr = ngx_http_litellm_peer_choose(pd);
    only = (addr != NULL && pd->spread && !addr->down) ? addr : NULL;

    if (!pd->fresh
        && ngx_http_litellm_idle_take(pd->state, pd->upstream, pd->addrs,
                                      only, &taken)
           == NGX_OK)
    {
        c = taken.connection;

        ngx_log_debug2(NGX_LOG_DEBUG_HTTP, pc->log, 0,
                       "litellm peer: idle connection %d to %V",
                       c->fd, &taken.addr->name);

        c->log = pc->log;
        c->read->log = pc->log;
        c->write->log = pc->log;
        c->pool->log = pc->log;

        pd->current = taken.addr;
        pd->since = taken.since;

        if (only != NULL) {

            /* not tried: a fresh connection may lead there too */

            ngx_http_litellm_peer_turn(pd, only);
        }

        pc->sockaddr = &taken.addr->sockaddr.sockaddr;
        pc->socklen = taken.addr->socklen;
        pc->name = &taken.addr->name;
        pc->connection = c;
        pc->cached = 1;

        return NGX_DONE;
    }

    if (addr == NULL) {
        pc->name = &pd->state->origin->host;
        return NGX_BUSY;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, pc->log, 0,
                   "litellm peer: %V, tries: %ui", &addr->name, pc->tries);

    pd->tried |= (uint32_t) 1 << (addr - pd->addrs->addr);
    ngx_http_litellm_peer_turn(pd, addr);

    pd->current = addr;

    pc->sockaddr = &addr->sockaddr.sockaddr;
    pc->socklen = addr->socklen;
    pc->name = &addr->name;

    return NGX_OK;
}


static ngx_http_litellm_addr_t *
ngx_http_litellm_peer_choose(ngx_http_litellm_peer_t *pd)
{
    ngx_uint_t                 i, n, index, rank, best, chosen;
    ngx_http_litellm_addr_t   *addr;
    ngx_http_litellm_addrs_t  *addrs;

    addrs = pd->addrs;
    n = addrs->naddrs;

    best = 4;
    chosen = 0;

    for (i = 0; i < n; i++) {
        index = (pd->state->next + i) % n;

        if (pd->tried & ((uint32_t) 1 << index)) {
            continue;
        }

        addr = &addrs->addr[index];

        if (addr->down
            && ngx_current_msec - addr->failed >= NGX_HTTP_LITELLM_DOWN)
        {
            addr->down = 0;
        }

        rank = addr->down ? 2 : 0;

#if (NGX_HAVE_INET6)
        if (addr->sockaddr.sockaddr.sa_family == AF_INET6) {
            rank++;
        }
#endif

        if (rank < best) {
            best = rank;
            chosen = index;
        }
    }

    if (best == 4) {
        return NULL;
    }

    return &addrs->addr[chosen];
}


/* it had its turn */

static void
ngx_http_litellm_peer_turn(ngx_http_litellm_peer_t *pd,
    ngx_http_litellm_addr_t *addr)
{
    pd->state->next = (addr - pd->addrs->addr + 1) % pd->addrs->naddrs;
}


static void
ngx_http_litellm_peer_free(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state)
{
    ngx_http_litellm_peer_t  *pd = data;

    ngx_connection_t  *c;

    if (pc->tries) {
        pc->tries--;
    }

    if (state & NGX_PEER_FAILED) {
        ngx_http_litellm_peer_failed(pc, pd);
        return;
    }

    if (pd->upstream->headers_in.status_n) {
        pd->current->down = 0;
    }

    c = pc->connection;

    if (c == NULL) {
        return;
    }

    if (ngx_http_litellm_idle_keep(pd->state, pd->upstream, c, pd->current)
        == NGX_OK)
    {
        ngx_log_debug2(NGX_LOG_DEBUG_HTTP, pc->log, 0,
                       "litellm peer: connection to %V is kept, idle: %ui",
                       &pd->current->name, pd->state->nidle);

        pc->connection = NULL;
    }
}


static void
ngx_http_litellm_peer_failed(ngx_peer_connection_t *pc,
    ngx_http_litellm_peer_t *pd)
{
    ngx_uint_t                stale;
    ngx_connection_t         *c;
    ngx_http_upstream_t      *u;
    ngx_http_litellm_addr_t  *addr, *known;

    u = pd->upstream;
    c = pc->connection;
    addr = pd->current;

    /* an answer, even one that nobody wants, says that the address is well */

    if (u->headers_in.status_n) {
        return;
    }

    /* pc->cached goes with the first byte of an answer */

    stale = pc->cached && !(c && (c->read->timedout || c->write->timedout));

    if (stale) {
        pd->fresh = 1;
        ngx_http_litellm_idle_suspect(pd->state, addr, pd->since);
        return;
    }

    if (u->request_sent) {
        pc->tries = 0;
    }

    addr->failed = ngx_current_msec;
    addr->down = 1;

    ngx_http_litellm_idle_suspect(pd->state, addr, ngx_current_msec);

    if (pd->addrs == pd->state->addrs) {
        return;
    }

    known = ngx_http_litellm_addrs_find(pd->state->addrs,
                                        &addr->sockaddr.sockaddr,
                                        addr->socklen);
    if (known) {
        known->failed = ngx_current_msec;
        known->down = 1;
    }
}


#if (NGX_HTTP_SSL)

static ngx_int_t
ngx_http_litellm_peer_set_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_litellm_peer_t  *pd = data;

    ngx_http_upstream_t       *u;
    ngx_http_litellm_state_t  *state;

    u = pd->upstream;
    state = pd->state;

    /* a session remembers how its certificate was verified */

    if (state->session == NULL
        || state->session_ssl != u->conf->ssl
        || state->session_verify != (ngx_uint_t) (u->conf->ssl_verify != 0))
    {
        return NGX_OK;
    }

    return ngx_ssl_set_session(pc->connection, state->session);
}


static void
ngx_http_litellm_peer_save_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_litellm_peer_t  *pd = data;

    ngx_ssl_session_t         *session;
    ngx_http_upstream_t       *u;
    ngx_http_litellm_state_t  *state;

    session = ngx_ssl_get_session(pc->connection);

    if (session == NULL) {
        return;
    }

    u = pd->upstream;
    state = pd->state;

    if (state->session) {
        ngx_ssl_free_session(state->session);
    }

    state->session = session;
    state->session_ssl = u->conf->ssl;
    state->session_verify = (u->conf->ssl_verify != 0);
}

#endif
