
/*
 * Hosts that clients name: an origin for one request, with the lookup and the
 * peers that all origins have, and none of what is shared between requests.
 *
 * Called by ngx_http_litellm_fetch.c.  What must hold: a guest's addresses are
 * looked up once, restricted once, and only then connected to; there is no
 * second lookup that could say something else.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ngx_http_litellm_origin_state.h"


static ngx_int_t ngx_http_litellm_guest_fill(ngx_http_litellm_origin_t *guest,
    ngx_pool_t *pool, ngx_litellm_url_t *url);
static ngx_uint_t ngx_http_litellm_guest_local(ngx_str_t *host);
static void ngx_http_litellm_guest_cleanup(void *data);


ngx_http_litellm_origin_t *
ngx_http_litellm_origin_host(ngx_conf_t *cf, ngx_array_t *origins,
    ngx_http_litellm_origin_conf_t *conf)
{
    ngx_http_litellm_origin_t  *host;

    host = ngx_pcalloc(cf->pool, sizeof(ngx_http_litellm_origin_t));
    if (host == NULL) {
        return NULL;
    }

    host->conf = *conf;
    host->conf.keepalive = 0;

    host->set = ngx_http_litellm_origins(cf, origins);
    if (host->set == NULL) {
        return NULL;
    }

    if (conf->resolver != NULL) {
        host->resolver = conf->resolver;
        return host;
    }

    if (ngx_http_litellm_system_resolvers(cf, host->set->system, 0,
                                          &host->resolver, &host->resolver4)
        != NGX_OK)
    {
        return NULL;
    }

    return host;
}


ngx_http_litellm_origin_t *
ngx_http_litellm_origin_guest(ngx_http_litellm_origin_t *host,
    ngx_pool_t *pool, ngx_litellm_url_t *url)
{
    ngx_pool_cleanup_t         *cln;
    ngx_http_litellm_origin_t  *guest;

    cln = ngx_pool_cleanup_add(pool, sizeof(ngx_http_litellm_origin_t));
    if (cln == NULL) {
        return NULL;
    }

    guest = cln->data;

    ngx_memzero(guest, sizeof(ngx_http_litellm_origin_t));

    cln->handler = ngx_http_litellm_guest_cleanup;

    guest->guest = 1;
    guest->set = host->set;
    guest->conf = host->conf;
    guest->resolver = host->resolver;
    guest->resolver4 = host->resolver4;
    guest->port = url->port;

    if (ngx_http_litellm_guest_fill(guest, pool, url) != NGX_OK) {
        return NULL;
    }

    return guest;
}


static ngx_int_t
ngx_http_litellm_guest_fill(ngx_http_litellm_origin_t *guest,
    ngx_pool_t *pool, ngx_litellm_url_t *url)
{
    u_char                        *p;
    ngx_str_t                      host;
    ngx_http_upstream_srv_conf_t  *us;
    ngx_http_litellm_sockaddr_t    sockaddr;

    host = url->host;

    if (ngx_http_litellm_guest_local(&host)) {
        ngx_str_set(&host, "127.0.0.1");
    }

    if (ngx_http_litellm_sockaddr_parse(&host, &sockaddr)) {

        guest->fixed = ngx_palloc(pool, sizeof(ngx_http_litellm_sockaddr_t));
        if (guest->fixed == NULL) {
            return NGX_ERROR;
        }

        *guest->fixed = sockaddr;
        guest->nfixed = 1;
    }

    /* the last dot keeps the search list off; brackets are for the engine */

    p = ngx_pnalloc(pool, url->host.len + sizeof("[]"));
    if (p == NULL) {
        return NGX_ERROR;
    }

    us = &guest->upstream;

    us->host.data = p;

    if (ngx_strlchr(url->host.data, url->host.data + url->host.len, ':')) {
        us->host.len = ngx_sprintf(p, "[%V]", &url->host) - p;
        guest->host = us->host;

    } else {
        us->host.len = url->host.len;
        guest->host.data = p;
        guest->host.len = ngx_sprintf(p, "%V.", &url->host) - p;
    }

    us->peer.init = ngx_http_litellm_peer_init;
    us->port = url->port;
    us->file_name = (u_char *) "litellm_fetch";

    return NGX_OK;
}


/* RFC 6761, 6.3 */

static ngx_uint_t
ngx_http_litellm_guest_local(ngx_str_t *host)
{
    size_t  len;

    len = sizeof("localhost") - 1;

    return host->len >= len
           && ngx_strncmp(host->data + host->len - len, "localhost", len) == 0
           && (host->len == len || host->data[host->len - len - 1] == '.');
}


ngx_int_t
ngx_http_litellm_origin_restrict(ngx_http_litellm_origin_t *guest,
    ngx_http_litellm_allowed_pt allowed, void *data)
{
    ngx_uint_t                 i;
    ngx_http_litellm_addr_t   *addr;
    ngx_http_litellm_addrs_t  *addrs, *old;

    old = guest->state->addrs;

    addrs = ngx_http_litellm_addrs_create(old->naddrs, ngx_cycle->log);
    if (addrs == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < old->naddrs; i++) {

        addr = &old->addr[i];

        if (allowed(data, &addr->sockaddr.sockaddr) == NGX_OK) {
            ngx_http_litellm_addrs_push(addrs, &addr->sockaddr.sockaddr,
                                        addr->socklen, guest->port);
        }
    }

    if (addrs->naddrs == 0) {
        ngx_http_litellm_addrs_release(addrs);
        return NGX_DECLINED;
    }

    guest->state->addrs = addrs;
    guest->state->next = 0;
    guest->state->fixed = 1;

    ngx_http_litellm_addrs_release(old);

    return NGX_OK;
}


static void
ngx_http_litellm_guest_cleanup(void *data)
{
    ngx_http_litellm_origin_t  *guest = data;

    ngx_queue_t                 *q;
    ngx_http_litellm_resolve_t  *rs;

    if (guest->state == NULL) {
        return;
    }

    /* who waits is of the same pool, and is cleaned up behind this */

    while (!ngx_queue_empty(&guest->state->waiters)) {
        q = ngx_queue_head(&guest->state->waiters);
        ngx_queue_remove(q);

        rs = ngx_queue_data(q, ngx_http_litellm_resolve_t, queue);
        rs->waiting = 0;
    }

    if (guest->state->lookup != NULL) {
        ngx_http_litellm_lookup_abort(guest->state->lookup);
    }

    ngx_http_litellm_state_free(guest->state);
}
