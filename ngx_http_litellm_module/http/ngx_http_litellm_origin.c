
/*
 * The origin: made at configuration time, one for each scheme, host and port;
 * and its state in this worker: addresses and who waits for them.
 *
 * Called by the configuration (add), by attempts (resolve, cancel) and by the
 * module's exit_process (exit).  What must hold:
 *
 * - with addresses nobody ever waits: a refresh goes on in the background and
 *   the old ones serve until it succeeds;
 * - waiters are told from the event loop only, each once, and may add or
 *   cancel others while they are told;
 * - nothing of the state lives in the configuration's pool, which the
 *   processes share until they write to it.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ngx_http_litellm_origin_state.h"


#define NGX_HTTP_LITELLM_NEGATIVE  1000   /* a failure is kept that long, */
#define NGX_HTTP_LITELLM_RETRY     5000   /* or this with old addresses */


static ngx_http_litellm_origins_t *ngx_http_litellm_origins_create(
    ngx_conf_t *cf);
static ngx_int_t ngx_http_litellm_origin_fill(ngx_conf_t *cf,
    ngx_http_litellm_origin_t *origin, ngx_litellm_url_t *url);
static ngx_int_t ngx_http_litellm_origin_locate(ngx_conf_t *cf,
    ngx_http_litellm_origin_t *origin);
static ngx_int_t ngx_http_litellm_origin_fix(ngx_conf_t *cf,
    ngx_http_litellm_origin_t *origin, ngx_http_litellm_sockaddr_t *sockaddr,
    ngx_uint_t n);
static ngx_http_litellm_state_t *ngx_http_litellm_state_create(
    ngx_http_litellm_origin_t *origin);
static ngx_int_t ngx_http_litellm_state_fix(ngx_http_litellm_state_t *state);
static void ngx_http_litellm_origins_cleanup(void *data);
static void ngx_http_litellm_origin_install(ngx_http_litellm_state_t *state,
    ngx_http_litellm_addrs_t *addrs);
static void ngx_http_litellm_origin_tell(ngx_http_litellm_state_t *state);


/* the states of this process */
static ngx_queue_t  ngx_http_litellm_states = {
    &ngx_http_litellm_states, &ngx_http_litellm_states
};


ngx_http_litellm_origin_t *
ngx_http_litellm_origin_add(ngx_conf_t *cf, ngx_array_t *origins,
    ngx_litellm_url_t *url, ngx_http_litellm_origin_conf_t *conf)
{
    u_char                       *p;
    uint32_t                      hash;
    ngx_str_t                     key;
    ngx_str_node_t               *sn;
    ngx_http_litellm_origin_t    *origin, **op;
    ngx_http_litellm_origins_t   *set;

    set = ngx_http_litellm_origins(cf, origins);
    if (set == NULL) {
        return NULL;
    }

    key.len = sizeof("https://[]:65535") - 1 + url->host.len;
    key.data = ngx_pnalloc(cf->temp_pool, key.len);
    if (key.data == NULL) {
        return NULL;
    }

    p = ngx_sprintf(key.data, "%s://%V:%ui", url->tls ? "https" : "http",
                    &url->host, (ngx_uint_t) url->port);
    key.len = p - key.data;

    hash = ngx_crc32_short(key.data, key.len);

    sn = ngx_str_rbtree_lookup(&set->tree, &key, hash);

    if (sn) {
        return (ngx_http_litellm_origin_t *)
                 ((u_char *) sn - offsetof(ngx_http_litellm_origin_t, node));
    }

    origin = ngx_pcalloc(cf->pool, sizeof(ngx_http_litellm_origin_t));
    if (origin == NULL) {
        return NULL;
    }

    origin->set = set;
    origin->conf = *conf;

    origin->node.node.key = hash;
    origin->node.str.len = key.len;
    origin->node.str.data = ngx_pstrdup(cf->pool, &key);
    if (origin->node.str.data == NULL) {
        return NULL;
    }

    if (ngx_http_litellm_origin_fill(cf, origin, url) != NGX_OK
        || ngx_http_litellm_origin_locate(cf, origin) != NGX_OK)
    {
        return NULL;
    }

    op = ngx_array_push(origins);
    if (op == NULL) {
        return NULL;
    }

    *op = origin;

    ngx_rbtree_insert(&set->tree, &origin->node.node);

    return origin;
}


ngx_http_litellm_origins_t *
ngx_http_litellm_origins(ngx_conf_t *cf, ngx_array_t *origins)
{
    ngx_http_litellm_origin_t  **op;

    if (origins->nelts == 0) {
        return ngx_http_litellm_origins_create(cf);
    }

    op = origins->elts;

    return op[0]->set;
}


static ngx_http_litellm_origins_t *
ngx_http_litellm_origins_create(ngx_conf_t *cf)
{
    ngx_pool_cleanup_t          *cln;
    ngx_http_litellm_origins_t  *set;

    set = ngx_pcalloc(cf->pool, sizeof(ngx_http_litellm_origins_t));
    if (set == NULL) {
        return NULL;
    }

    ngx_rbtree_init(&set->tree, &set->sentinel, ngx_str_rbtree_insert_value);

    set->system = ngx_http_litellm_system_read(cf);
    if (set->system == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_litellm_origins_cleanup;
    cln->data = set;

    return set;
}


/* the upstream that nginx sees, and the host's name */

static ngx_int_t
ngx_http_litellm_origin_fill(ngx_conf_t *cf, ngx_http_litellm_origin_t *origin,
    ngx_litellm_url_t *url)
{
    u_char                        *p;
    ngx_str_t                     *key;
    ngx_http_upstream_srv_conf_t  *us;

    key = &origin->node.str;

    /* the key holds the name, and lives as long as the origin */

    p = key->data + (url->tls ? sizeof("https://") : sizeof("http://")) - 1;

    origin->host.data = p;
    origin->host.len = url->host.len;
    origin->port = url->port;

    us = &origin->upstream;

    us->peer.init = ngx_http_litellm_peer_init;
    us->host = origin->host;
    us->port = url->port;
    us->file_name = cf->conf_file->file.name.data;
    us->line = cf->conf_file->line;

    if (ngx_strlchr(p, p + url->host.len, ':') == NULL) {
        return NGX_OK;
    }

    /* nginx takes what follows a colon of a TLS name for a port */

    us->host.len = url->host.len + 2;
    us->host.data = ngx_pnalloc(cf->pool, us->host.len);
    if (us->host.data == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(us->host.data, "[%V]", &url->host);

    return NGX_OK;
}


/* where its addresses will come from */

static ngx_int_t
ngx_http_litellm_origin_locate(ngx_conf_t *cf,
    ngx_http_litellm_origin_t *origin)
{
    ngx_array_t                  *addrs;
    ngx_http_litellm_system_t    *system;
    ngx_http_litellm_sockaddr_t   sockaddr;

    if (ngx_http_litellm_sockaddr_parse(&origin->host, &sockaddr)) {
        return ngx_http_litellm_origin_fix(cf, origin, &sockaddr, 1);
    }

    system = origin->set->system;

    addrs = ngx_http_litellm_system_host(cf, system, &origin->host);

    if (addrs) {
        return ngx_http_litellm_origin_fix(cf, origin, addrs->elts,
                                           addrs->nelts);
    }

    /* "resolver off;" is a resolver without nameservers */

    if (origin->conf.resolver
        && origin->conf.resolver->connections.nelts == 0)
    {
        origin->conf.resolver = NULL;
    }

    if (origin->conf.resolver) {
        origin->resolver = origin->conf.resolver;
        return NGX_OK;
    }

    return ngx_http_litellm_system_resolvers(cf, system,
                                             origin->conf.resolve_valid,
                                             &origin->resolver,
                                             &origin->resolver4);
}


static ngx_int_t
ngx_http_litellm_origin_fix(ngx_conf_t *cf, ngx_http_litellm_origin_t *origin,
    ngx_http_litellm_sockaddr_t *sockaddr, ngx_uint_t n)
{
    size_t  size;

    size = n * sizeof(ngx_http_litellm_sockaddr_t);

    origin->fixed = ngx_palloc(cf->pool, size);
    if (origin->fixed == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(origin->fixed, sockaddr, size);

    origin->nfixed = n;

    return NGX_OK;
}


ngx_http_upstream_srv_conf_t *
ngx_http_litellm_origin_upstream(ngx_http_litellm_origin_t *origin)
{
    return &origin->upstream;
}


ngx_int_t
ngx_http_litellm_origin_address(ngx_http_litellm_origin_t *origin,
    ngx_uint_t turn, ngx_sockaddr_t *sockaddr, socklen_t *socklen)
{
    ngx_http_litellm_addr_t   *addr;
    ngx_http_litellm_addrs_t  *addrs;

    addrs = origin->state ? origin->state->addrs : NULL;

    if (addrs == NULL || addrs->naddrs == 0) {
        return NGX_DECLINED;
    }

    addr = &addrs->addr[turn % addrs->naddrs];

    *socklen = addr->socklen;
    ngx_memcpy(sockaddr, &addr->sockaddr, addr->socklen);

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_origin_resolve(ngx_http_litellm_origin_t *origin,
    ngx_http_litellm_resolve_t *rs, ngx_log_t *log)
{
    ngx_uint_t                 due;
    ngx_http_litellm_state_t  *state;

    rs->origin = origin;
    rs->waiting = 0;

    state = origin->state;

    if (state == NULL) {
        state = ngx_http_litellm_state_create(origin);
        if (state == NULL) {
            return NGX_ERROR;
        }
    }

    if (state->fixed) {
        return NGX_OK;
    }

    due = (ngx_msec_int_t) (state->expire - ngx_current_msec) <= 0;

    if (state->addrs) {

        if (due && state->lookup == NULL && !ngx_exiting) {
            ngx_log_debug1(NGX_LOG_DEBUG_HTTP, log, 0,
                           "litellm refresh \"%V\"", &origin->host);
            ngx_http_litellm_lookup_start(state, 1);
        }

        return NGX_OK;
    }

    if (state->lookup == NULL) {

        if (state->failed && !due) {
            ngx_log_debug1(NGX_LOG_DEBUG_HTTP, log, 0,
                           "litellm \"%V\" did not resolve", &origin->host);
            return NGX_ERROR;
        }

        ngx_http_litellm_lookup_start(state, 0);

        if (state->addrs) {
            return NGX_OK;
        }

        if (state->lookup == NULL) {
            return NGX_ERROR;
        }
    }

    ngx_http_litellm_lookup_background(state->lookup, 0);

    rs->waiting = 1;
    ngx_queue_insert_tail(&state->waiters, &rs->queue);

    return NGX_AGAIN;
}


void
ngx_http_litellm_origin_cancel(ngx_http_litellm_resolve_t *rs)
{
    ngx_http_litellm_state_t  *state;

    if (!rs->waiting) {
        return;
    }

    rs->waiting = 0;
    ngx_queue_remove(&rs->queue);

    state = rs->origin->state;

    if (state->lookup && ngx_queue_empty(&state->waiters)) {

        /* its answer is of use to the next one, but not to a leaving worker */

        ngx_http_litellm_lookup_background(state->lookup, 1);
    }
}


void
ngx_http_litellm_origin_resolved(ngx_http_litellm_state_t *state,
    ngx_http_litellm_addrs_t *addrs, ngx_msec_t valid)
{
    ngx_msec_t  conf;

    if (addrs) {
        conf = state->origin->conf.resolve_valid;

        state->expire = ngx_current_msec + (conf ? conf : valid);
        state->failed = 0;

        ngx_http_litellm_origin_install(state, addrs);

    } else {
        state->expire = ngx_current_msec
                        + (state->addrs ? NGX_HTTP_LITELLM_RETRY
                                        : NGX_HTTP_LITELLM_NEGATIVE);
        state->failed = 1;
    }

    ngx_http_litellm_origin_tell(state);
}


static void
ngx_http_litellm_origin_install(ngx_http_litellm_state_t *state,
    ngx_http_litellm_addrs_t *addrs)
{
    ngx_uint_t                 i, same;
    ngx_http_litellm_addr_t   *addr, *known;
    ngx_http_litellm_addrs_t  *old;

    old = state->addrs;

    if (old == NULL) {
        state->addrs = addrs;
        state->next = ngx_random() % addrs->naddrs;
        return;
    }

    same = (addrs->naddrs == old->naddrs);

    for (i = 0; i < addrs->naddrs; i++) {
        addr = &addrs->addr[i];

        known = ngx_http_litellm_addrs_find(old, &addr->sockaddr.sockaddr,
                                            addr->socklen);
        if (known == NULL) {
            same = 0;
            continue;
        }

        addr->failed = known->failed;
        addr->down = known->down;
    }

    if (same) {
        ngx_http_litellm_addrs_release(addrs);
        return;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                   "litellm \"%V\" has %ui addresses now",
                   &state->origin->host, addrs->naddrs);

    state->addrs = addrs;

    ngx_http_litellm_addrs_release(old);

    ngx_http_litellm_idle_retain(state, addrs);
}


static void
ngx_http_litellm_origin_tell(ngx_http_litellm_state_t *state)
{
    ngx_int_t                    rc;
    ngx_queue_t                  waiters, *q;
    ngx_http_litellm_resolve_t  *rs;

    if (ngx_queue_empty(&state->waiters)) {
        return;
    }

    rc = state->addrs ? NGX_OK : NGX_ERROR;

    /* who asks again in his handler waits for the next lookup */

    ngx_queue_init(&waiters);
    ngx_queue_add(&waiters, &state->waiters);
    ngx_queue_init(&state->waiters);

    while (!ngx_queue_empty(&waiters)) {
        q = ngx_queue_head(&waiters);
        ngx_queue_remove(q);

        rs = ngx_queue_data(q, ngx_http_litellm_resolve_t, queue);
        rs->waiting = 0;

        rs->handler(rs, rc);
    }
}


static ngx_http_litellm_state_t *
ngx_http_litellm_state_create(ngx_http_litellm_origin_t *origin)
{
    ngx_http_litellm_state_t  *state;

    state = ngx_calloc(sizeof(ngx_http_litellm_state_t), ngx_cycle->log);
    if (state == NULL) {
        return NULL;
    }

    state->origin = origin;

    ngx_queue_init(&state->waiters);
    ngx_queue_init(&state->idle);

    if (origin->nfixed && ngx_http_litellm_state_fix(state) != NGX_OK) {
        ngx_free(state);
        return NULL;
    }

    ngx_queue_insert_tail(&ngx_http_litellm_states, &state->queue);

    origin->state = state;

    return state;
}


static ngx_int_t
ngx_http_litellm_state_fix(ngx_http_litellm_state_t *state)
{
    socklen_t                     socklen;
    ngx_uint_t                    i;
    ngx_http_litellm_addrs_t     *addrs;
    ngx_http_litellm_origin_t    *origin;
    ngx_http_litellm_sockaddr_t  *sa;

    origin = state->origin;

    addrs = ngx_http_litellm_addrs_create(origin->nfixed, ngx_cycle->log);
    if (addrs == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < origin->nfixed; i++) {
        sa = &origin->fixed[i];

        socklen = sizeof(struct sockaddr_in);

#if (NGX_HAVE_INET6)
        if (sa->sockaddr.sa_family == AF_INET6) {
            socklen = sizeof(struct sockaddr_in6);
        }
#endif

        ngx_http_litellm_addrs_push(addrs, &sa->sockaddr, socklen,
                                    origin->port);
    }

    state->fixed = 1;

    ngx_http_litellm_origin_install(state, addrs);

    return NGX_OK;
}


void
ngx_http_litellm_state_free(ngx_http_litellm_state_t *state)
{
    ngx_http_litellm_idle_retain(state, NULL);

#if (NGX_HTTP_SSL)

    if (state->session) {
        ngx_ssl_free_session(state->session);
    }

#endif

    if (state->addrs) {
        ngx_http_litellm_addrs_release(state->addrs);
    }

    ngx_queue_remove(&state->queue);

    state->origin->state = NULL;

    ngx_free(state);
}


/*
 * The configuration goes, in a process that lives on (master_process off).
 * The contexts of lookups belong to resolvers that may be gone by now, and
 * free them in their own cleanup.
 */

static void
ngx_http_litellm_origins_cleanup(void *data)
{
    ngx_http_litellm_origins_t  *set = data;

    ngx_queue_t               *q, *next;
    ngx_http_litellm_state_t  *state;

    for (q = ngx_queue_head(&ngx_http_litellm_states);
         q != ngx_queue_sentinel(&ngx_http_litellm_states);
         q = next)
    {
        next = ngx_queue_next(q);
        state = ngx_queue_data(q, ngx_http_litellm_state_t, queue);

        if (state->origin->set != set) {
            continue;
        }

        if (state->lookup) {
            ngx_free(state->lookup);
        }

        ngx_http_litellm_state_free(state);
    }
}


void
ngx_http_litellm_origins_exit(ngx_cycle_t *cycle)
{
    ngx_queue_t               *q;
    ngx_http_litellm_state_t  *state;

    while (!ngx_queue_empty(&ngx_http_litellm_states)) {
        q = ngx_queue_head(&ngx_http_litellm_states);
        state = ngx_queue_data(q, ngx_http_litellm_state_t, queue);

        if (state->lookup) {
            ngx_http_litellm_lookup_abort(state->lookup);
        }

        ngx_http_litellm_state_free(state);
    }
}
