
/*
 * One lookup of an origin's name, and the sets of addresses it gives.
 *
 * A lookup tries the names that the C library would, in its order: the name
 * itself and the name with each domain of the search list.  nginx's resolver
 * fails a name as a whole when the answer for one address family is an error,
 * and gateways that refuse AAAA queries are common: so names that failed are
 * asked again with a resolver that wants IPv4 addresses only.  All of it takes
 * resolve_timeout at most.
 *
 * Called by ngx_http_litellm_origin.c, which is told the end by
 * ngx_http_litellm_origin_resolved(); at most one lookup of an origin is in
 * flight.  Nothing here blocks.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ngx_http_litellm_origin_state.h"


#define NGX_HTTP_LITELLM_RESOLVE_TIMEOUT  30000
#define NGX_HTTP_LITELLM_BOTH_TIMEOUT     5000   /* then IPv4 only */
#define NGX_HTTP_LITELLM_LABEL_LEN        63

/* an answer is kept for that long, whatever its TTL says */
#define NGX_HTTP_LITELLM_VALID_MIN        1
#define NGX_HTTP_LITELLM_VALID_MAX        3600


struct ngx_http_litellm_lookup_s {
    ngx_http_litellm_state_t   *state;
    ngx_resolver_ctx_t         *ctx;         /* NULL: none in flight */
    ngx_http_litellm_addrs_t   *addrs;
    ngx_msec_t                  valid;
    ngx_msec_t                  start;
    ngx_msec_t                  timeout;
    ngx_uint_t                  candidate;
    ngx_int_t                   code;        /* of the failure to tell */
    unsigned                    background:1;
    unsigned                    ipv4:1;      /* second round */
    unsigned                    calling:1;   /* ngx_resolve_name() */
    u_char                      name[NGX_HTTP_LITELLM_NAME_LEN];
};


static void ngx_http_litellm_lookup_run(ngx_http_litellm_lookup_t *lk);
static ngx_int_t ngx_http_litellm_lookup_ask(ngx_http_litellm_lookup_t *lk,
    ngx_str_t *name);
static void ngx_http_litellm_lookup_handler(ngx_resolver_ctx_t *ctx);
static void ngx_http_litellm_lookup_failed(ngx_http_litellm_lookup_t *lk,
    ngx_int_t code);
static void ngx_http_litellm_lookup_done(ngx_http_litellm_lookup_t *lk);
static ngx_int_t ngx_http_litellm_lookup_name(ngx_http_litellm_lookup_t *lk,
    ngx_str_t *name);
static ngx_uint_t ngx_http_litellm_name_valid(ngx_str_t *name);


void
ngx_http_litellm_lookup_start(ngx_http_litellm_state_t *state,
    ngx_uint_t background)
{
    ngx_http_litellm_lookup_t  *lk;
    ngx_http_litellm_origin_t  *origin;

    if (state->lookup) {
        return;
    }

    origin = state->origin;

    if (origin->resolver == NULL) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "litellm: no nameserver to resolve \"%V\"",
                      &origin->host);
        ngx_http_litellm_origin_resolved(state, NULL, 0);
        return;
    }

    lk = ngx_calloc(sizeof(ngx_http_litellm_lookup_t), ngx_cycle->log);
    if (lk == NULL) {
        ngx_http_litellm_origin_resolved(state, NULL, 0);
        return;
    }

    lk->state = state;
    lk->background = background;
    lk->start = ngx_current_msec;
    lk->timeout = origin->conf.resolve_timeout
                  ? origin->conf.resolve_timeout
                  : NGX_HTTP_LITELLM_RESOLVE_TIMEOUT;

    state->lookup = lk;

    ngx_http_litellm_lookup_run(lk);
}


void
ngx_http_litellm_lookup_background(ngx_http_litellm_lookup_t *lk,
    ngx_uint_t background)
{
    lk->background = background;

    if (lk->ctx && lk->ctx->event) {
        lk->ctx->event->cancelable = background;
    }
}


void
ngx_http_litellm_lookup_abort(ngx_http_litellm_lookup_t *lk)
{
    if (lk->ctx) {
        ngx_resolve_name_done(lk->ctx);
    }

    lk->state->lookup = NULL;

    ngx_free(lk);
}


/* asks for one name after the other until one waits or has answered */

static void
ngx_http_litellm_lookup_run(ngx_http_litellm_lookup_t *lk)
{
    ngx_int_t  rc;
    ngx_str_t  name;

    while (lk->addrs == NULL) {

        rc = ngx_http_litellm_lookup_name(lk, &name);

        if (rc == NGX_OK) {
            lk->candidate++;

            if (ngx_http_litellm_lookup_ask(lk, &name) == NGX_AGAIN) {
                return;
            }

            continue;
        }

        if (rc == NGX_DECLINED) {
            lk->candidate++;
            continue;
        }

        /* NGX_DONE */

        if (lk->ipv4 || lk->state->origin->resolver4 == NULL) {
            break;
        }

        lk->ipv4 = 1;
        lk->candidate = 0;
    }

    ngx_http_litellm_lookup_done(lk);
}


static ngx_int_t
ngx_http_litellm_lookup_ask(ngx_http_litellm_lookup_t *lk, ngx_str_t *name)
{
    ngx_int_t                   rc;
    ngx_msec_t                  passed, left, both;
    ngx_resolver_t             *resolver;
    ngx_resolver_ctx_t         *ctx;
    ngx_http_litellm_origin_t  *origin;

    origin = lk->state->origin;
    resolver = lk->ipv4 ? origin->resolver4 : origin->resolver;

    passed = ngx_current_msec - lk->start;
    left = (passed < lk->timeout) ? lk->timeout - passed : 0;

    if (left && !lk->ipv4 && origin->resolver4) {

        /* AAAA queries may be what is not answered: leave time to tell */

        both = ngx_min(lk->timeout / 2, NGX_HTTP_LITELLM_BOTH_TIMEOUT);
        left = (passed < both) ? both - passed : 1;
    }

    if (left == 0) {
        ngx_http_litellm_lookup_failed(lk, NGX_RESOLVE_TIMEDOUT);
        return NGX_OK;
    }

    ctx = ngx_resolve_start(resolver, NULL);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        ngx_http_litellm_lookup_failed(lk, NGX_ERROR);
        return NGX_OK;
    }

    ctx->name = *name;
    ctx->handler = ngx_http_litellm_lookup_handler;
    ctx->data = lk;
    ctx->timeout = left;
    ctx->cancelable = lk->background;

    lk->ctx = ctx;
    lk->calling = 1;

    rc = ngx_resolve_name(ctx);

    lk->calling = 0;

    if (rc != NGX_OK) {
        lk->ctx = NULL;
        ngx_http_litellm_lookup_failed(lk, NGX_ERROR);
        return NGX_OK;
    }

    return lk->ctx ? NGX_AGAIN : NGX_OK;
}


/* the resolver's answer; called in ngx_resolve_name() too */

static void
ngx_http_litellm_lookup_handler(ngx_resolver_ctx_t *ctx)
{
    time_t                      valid;
    ngx_uint_t                  i;
    ngx_http_litellm_addrs_t   *addrs;
    ngx_http_litellm_lookup_t  *lk;
    ngx_http_litellm_origin_t  *origin;

    lk = ctx->data;
    origin = lk->state->origin;

    if (ctx->state == NGX_OK && ctx->naddrs) {

        addrs = ngx_http_litellm_addrs_create(ctx->naddrs, ngx_cycle->log);

        if (addrs) {
            for (i = 0; i < ctx->naddrs; i++) {
                ngx_http_litellm_addrs_push(addrs, ctx->addrs[i].sockaddr,
                                            ctx->addrs[i].socklen,
                                            origin->port);
            }

            valid = ctx->valid - ngx_time();
            valid = ngx_max(valid, NGX_HTTP_LITELLM_VALID_MIN);
            valid = ngx_min(valid, NGX_HTTP_LITELLM_VALID_MAX);

            lk->valid = (ngx_msec_t) valid * 1000;
            lk->addrs = addrs;
        }

    } else {
        ngx_http_litellm_lookup_failed(lk, ctx->state ? ctx->state
                                                      : NGX_RESOLVE_NXDOMAIN);
    }

    ngx_resolve_name_done(ctx);
    lk->ctx = NULL;

    if (!lk->calling) {
        ngx_http_litellm_lookup_run(lk);
    }
}


static void
ngx_http_litellm_lookup_failed(ngx_http_litellm_lookup_t *lk, ngx_int_t code)
{
    /* that a name is not known says least */

    if (lk->code == 0 || code != NGX_RESOLVE_NXDOMAIN) {
        lk->code = code;
    }

    if (code != NGX_RESOLVE_TIMEDOUT) {
        return;
    }

    /* no time for further names: the same one again, or the end */

    if (lk->ipv4 || lk->state->origin->resolver4 == NULL) {
        lk->candidate = (ngx_uint_t) -1;
        return;
    }

    lk->ipv4 = 1;
    lk->candidate--;
}


static void
ngx_http_litellm_lookup_done(ngx_http_litellm_lookup_t *lk)
{
    ngx_str_t                  *host;
    ngx_uint_t                  level;
    ngx_msec_t                  valid;
    ngx_http_litellm_addrs_t   *addrs;
    ngx_http_litellm_state_t   *state;

    state = lk->state;
    addrs = lk->addrs;
    valid = lk->valid;
    host = &state->origin->host;

    if (addrs == NULL && !ngx_http_litellm_name_valid(host)) {

        level = state->origin->guest ? NGX_LOG_INFO : NGX_LOG_ERR;

        ngx_log_error(level, ngx_cycle->log, 0,
                      "litellm: \"%V\" is not a name that can be resolved",
                      host);

    } else if (addrs == NULL) {

        /* said once while the old addresses go on serving */

        level = state->origin->guest ? NGX_LOG_INFO
                : (state->addrs == NULL) ? NGX_LOG_ERR
                : (state->failed ? NGX_LOG_INFO : NGX_LOG_WARN);

        ngx_log_error(level, ngx_cycle->log, 0,
                      "litellm: \"%V\" could not be resolved (%i: %s)%s",
                      host, lk->code, ngx_resolver_strerror(lk->code),
                      state->addrs ? ", its last addresses stay in use" : "");
    }

    state->lookup = NULL;

    ngx_free(lk);

    ngx_http_litellm_origin_resolved(state, addrs, valid);
}


/*
 * The name to ask for now, in lk->name.  NGX_DECLINED: not this one;
 * NGX_DONE: there are no more.
 */

static ngx_int_t
ngx_http_litellm_lookup_name(ngx_http_litellm_lookup_t *lk, ngx_str_t *name)
{
    u_char                     *p;
    ngx_str_t                  *host, *domain;
    ngx_uint_t                  i, n, dots, first;
    ngx_http_litellm_origin_t  *origin;
    ngx_http_litellm_system_t  *system;

    origin = lk->state->origin;
    system = origin->set->system;
    host = &origin->host;

    dots = 0;

    for (i = 0; i < host->len; i++) {
        if (host->data[i] == '.') {
            dots++;
        }
    }

    n = system->search.nelts;

    if (host->len && host->data[host->len - 1] == '.') {
        n = 0;
    }

    /*
     * The position of the name as it is: RES_DNSRCH of resolver(3).  Who gave
     * nginx a resolver of its own wrote names for it, whole ones.
     */

    first = (dots >= system->ndots || origin->conf.resolver) ? 0 : n;

    i = lk->candidate;

    if (i > n) {
        return NGX_DONE;
    }

    if (host->len > NGX_HTTP_LITELLM_NAME_LEN) {
        return NGX_DECLINED;
    }

    p = ngx_cpymem(lk->name, host->data, host->len);

    if (i != first) {
        domain = system->search.elts;
        domain += (first == 0) ? i - 1 : i;

        if (host->len + 1 + domain->len > NGX_HTTP_LITELLM_NAME_LEN) {
            return NGX_DECLINED;
        }

        *p++ = '.';
        p = ngx_cpymem(p, domain->data, domain->len);
    }

    name->data = lk->name;
    name->len = p - lk->name;

    return ngx_http_litellm_name_valid(name) ? NGX_OK : NGX_DECLINED;
}


/*
 * nginx's resolver sends longer labels as they are, which reads as something
 * else on the other side, and gets no answer that it could use.
 */

static ngx_uint_t
ngx_http_litellm_name_valid(ngx_str_t *name)
{
    size_t      len;
    ngx_uint_t  i, n;

    n = name->len;

    if (n && name->data[n - 1] == '.') {
        n--;
    }

    if (n == 0 || n > NGX_HTTP_LITELLM_NAME_LEN) {
        return 0;
    }

    len = 0;

    for (i = 0; i < n; i++) {

        if (name->data[i] != '.') {
            len++;
            continue;
        }

        if (len == 0 || len > NGX_HTTP_LITELLM_LABEL_LEN) {
            return 0;
        }

        len = 0;
    }

    return len != 0 && len <= NGX_HTTP_LITELLM_LABEL_LEN;
}


ngx_http_litellm_addrs_t *
ngx_http_litellm_addrs_create(ngx_uint_t n, ngx_log_t *log)
{
    ngx_http_litellm_addrs_t  *addrs;

    n = ngx_min(n, NGX_HTTP_LITELLM_ADDRS);

    addrs = ngx_calloc(offsetof(ngx_http_litellm_addrs_t, addr)
                       + n * sizeof(ngx_http_litellm_addr_t), log);
    if (addrs == NULL) {
        return NULL;
    }

    addrs->refs = 1;

    return addrs;
}


void
ngx_http_litellm_addrs_push(ngx_http_litellm_addrs_t *addrs,
    struct sockaddr *sockaddr, socklen_t socklen, in_port_t port)
{
    ngx_http_litellm_addr_t      *addr;
    ngx_http_litellm_sockaddr_t   sa;

    if (addrs->naddrs == NGX_HTTP_LITELLM_ADDRS || socklen > sizeof(sa)) {
        return;
    }

    ngx_memzero(&sa, sizeof(sa));
    ngx_memcpy(&sa, sockaddr, socklen);
    ngx_inet_set_port(&sa.sockaddr, port);

    if (ngx_http_litellm_addrs_find(addrs, &sa.sockaddr, socklen)) {
        return;
    }

    addr = &addrs->addr[addrs->naddrs++];

    addr->sockaddr = sa;
    addr->socklen = socklen;
    addr->name.data = addr->text;
    addr->name.len = ngx_sock_ntop(&addr->sockaddr.sockaddr, socklen,
                                   addr->text, sizeof(addr->text), 1);
}


ngx_http_litellm_addr_t *
ngx_http_litellm_addrs_find(ngx_http_litellm_addrs_t *addrs,
    struct sockaddr *sockaddr, socklen_t socklen)
{
    ngx_uint_t                i;
    ngx_http_litellm_addr_t  *addr;

    for (i = 0; i < addrs->naddrs; i++) {
        addr = &addrs->addr[i];

        if (ngx_cmp_sockaddr(&addr->sockaddr.sockaddr, addr->socklen,
                             sockaddr, socklen, 1)
            == NGX_OK)
        {
            return addr;
        }
    }

    return NULL;
}


void
ngx_http_litellm_addrs_release(ngx_http_litellm_addrs_t *addrs)
{
    if (--addrs->refs == 0) {
        ngx_free(addrs);
    }
}
