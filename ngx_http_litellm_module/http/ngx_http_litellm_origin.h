
/*
 * Origins: where providers live.  One for each scheme, host and port that
 * deployments name; it holds the addresses found at run time and the
 * kept-alive connections of this worker.  A name that does not resolve never
 * stops nginx: the attempt fails as a connection error.
 *
 * How an attempt uses one: ngx_http_litellm_origin_resolve(), then
 * ngx_http_upstream_init() with ngx_http_litellm_origin_upstream() as
 * u->conf->upstream.  What the upstream's conf must say:
 *
 * - next_upstream: error and non_idempotent; with timeout, addresses that do
 *   not answer a connect are walked over too.  A request that was sent on a
 *   fresh connection and got no answer is never repeated here, whatever is
 *   set: that is the orchestrator's to decide.  One that went out on a kept
 *   connection that the provider had closed is repeated on a fresh one.
 * - ssl: one ngx_ssl_t for each distinct TLS setting (trust, certificate of
 *   ours, verification); connections and sessions are shared by those with
 *   the same ngx_ssl_t and ssl_verify only.  ngx_ssl_client_session_cache()
 *   must have been called on it, or no session is ever reused.
 * - the verified name is the origin's: ssl_name is the upstream's host (an
 *   IPv6 address is in brackets there, or nginx cuts it) or NULL.
 */

#ifndef _NGX_HTTP_LITELLM_ORIGIN_H_INCLUDED_
#define _NGX_HTTP_LITELLM_ORIGIN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ngx_litellm_config.h"


typedef struct ngx_http_litellm_origin_s  ngx_http_litellm_origin_t;
typedef struct ngx_http_litellm_resolve_s  ngx_http_litellm_resolve_t;

/*
 * Told once, from the event loop: NGX_OK, or NGX_ERROR (the name does not
 * resolve).  Runs posted requests itself if it made any.
 */
typedef void (*ngx_http_litellm_resolve_pt)(ngx_http_litellm_resolve_t *rs,
    ngx_int_t rc);

struct ngx_http_litellm_resolve_s {
    ngx_queue_t                    queue;     /* the origin's waiters */
    ngx_http_litellm_origin_t     *origin;
    ngx_http_litellm_resolve_pt    handler;
    void                          *data;
    unsigned                       waiting:1;
};


typedef struct {
    ngx_uint_t                     keepalive;          /* idle connections per
                                                          origin and worker */
    ngx_msec_t                     keepalive_timeout;
    ngx_uint_t                     keepalive_requests;
    ngx_msec_t                     resolve_valid;      /* 0: the TTL */
    ngx_msec_t                     resolve_timeout;    /* all of a lookup; 0:
                                                          30 seconds */
    ngx_resolver_t                *resolver;           /* "resolver", or NULL:
                                                          the system's */
} ngx_http_litellm_origin_conf_t;


/*
 * At configuration time: the origin of url, made once for each scheme, host
 * and port in origins (an array of ngx_http_litellm_origin_t *, of one cycle).
 * The conf is copied at the first use.  NULL: no memory.
 */
ngx_http_litellm_origin_t *ngx_http_litellm_origin_add(ngx_conf_t *cf,
    ngx_array_t *origins, ngx_litellm_url_t *url,
    ngx_http_litellm_origin_conf_t *conf);

/* for u->conf->upstream: an upstream of our own, known to nobody else */
ngx_http_upstream_srv_conf_t *ngx_http_litellm_origin_upstream(
    ngx_http_litellm_origin_t *origin);

/*
 * Before u is initialised: NGX_OK: there are addresses (a refresh may have
 * been started in the background); NGX_AGAIN: rs waits, its handler will be
 * called from the event loop; NGX_ERROR: known not to resolve (kept for a
 * second), or no memory.  The caller has set rs->handler and rs->data.
 */
ngx_int_t ngx_http_litellm_origin_resolve(ngx_http_litellm_origin_t *origin,
    ngx_http_litellm_resolve_t *rs, ngx_log_t *log);

/* a waiter that no longer wants to be told; nothing if it does not wait */
void ngx_http_litellm_origin_cancel(ngx_http_litellm_resolve_t *rs);

/*
 * ngx_http_litellm_origin_guest.c: a host that a client names, for one request.
 * At configuration time a host makes what guests take their nameservers from.
 * A guest keeps no connections, is looked up by DNS alone (a whole name; but
 * localhost is what it is everywhere) and goes with the pool.  NULL: no memory.
 */
ngx_http_litellm_origin_t *ngx_http_litellm_origin_host(ngx_conf_t *cf,
    ngx_array_t *origins, ngx_http_litellm_origin_conf_t *conf);
ngx_http_litellm_origin_t *ngx_http_litellm_origin_guest(
    ngx_http_litellm_origin_t *host, ngx_pool_t *pool, ngx_litellm_url_t *url);

/*
 * When a guest's name was resolved: leaves the addresses that are allowed, and
 * connections go to no other ones.  NGX_DECLINED: there is none; NGX_ERROR: no
 * memory.
 */
typedef ngx_int_t (*ngx_http_litellm_allowed_pt)(void *data,
    struct sockaddr *sa);

ngx_int_t ngx_http_litellm_origin_restrict(ngx_http_litellm_origin_t *guest,
    ngx_http_litellm_allowed_pt allowed, void *data);

/*
 * The address of that turn, for a connection that is not an upstream's; after
 * resolve() has said NGX_OK.  NGX_DECLINED: there is none.
 */
ngx_int_t ngx_http_litellm_origin_address(ngx_http_litellm_origin_t *origin,
    ngx_uint_t turn, ngx_sockaddr_t *sockaddr, socklen_t *socklen);

/* closes idle connections, ends lookups: a worker that leaves */
void ngx_http_litellm_origins_exit(ngx_cycle_t *cycle);


#endif /* _NGX_HTTP_LITELLM_ORIGIN_H_INCLUDED_ */
