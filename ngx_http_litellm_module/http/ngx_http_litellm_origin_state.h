
/*
 * What the files of the origin share and nobody else needs.
 *
 *     ngx_http_litellm_system.c       resolv.conf and hosts, read once
 *     ngx_http_litellm_origin.c       the origin, its state, its waiters
 *     ngx_http_litellm_resolve.c      one lookup, sets of addresses
 *     ngx_http_litellm_origin_idle.c  kept-alive connections
 *     ngx_http_litellm_origin_peer.c  u->peer
 *     ngx_http_litellm_origin_guest.c  hosts that clients name
 *
 * An origin is made at configuration time and shared by fork.  Its state is
 * one worker's: made at the first request, on the heap, freed when the worker
 * or the configuration goes.
 */

#ifndef _NGX_HTTP_LITELLM_ORIGIN_STATE_H_INCLUDED_
#define _NGX_HTTP_LITELLM_ORIGIN_STATE_H_INCLUDED_


#include "ngx_http_litellm_origin.h"


#define NGX_HTTP_LITELLM_ADDRS     32     /* of a name; bits of pd->tried */
#define NGX_HTTP_LITELLM_NAME_LEN  253    /* RFC 1035, 2.3.4, as text */


typedef struct ngx_http_litellm_origins_s  ngx_http_litellm_origins_t;
typedef struct ngx_http_litellm_state_s    ngx_http_litellm_state_t;
typedef struct ngx_http_litellm_lookup_s   ngx_http_litellm_lookup_t;


typedef union {
    struct sockaddr                sockaddr;
    struct sockaddr_in             sockaddr_in;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6            sockaddr_in6;
#endif
} ngx_http_litellm_sockaddr_t;


typedef struct {
    ngx_http_litellm_sockaddr_t    sockaddr;
    socklen_t                      socklen;
    ngx_str_t                      name;          /* "192.0.2.1:443" */
    ngx_msec_t                     failed;        /* when it did */
    ngx_uint_t                     down;          /* tried last for a while */
    u_char                         text[64];
} ngx_http_litellm_addr_t;


/*
 * The addresses of a name.  Requests hold a reference until their pool goes:
 * $upstream_addr is logged after the peer was freed.
 */
typedef struct {
    ngx_uint_t                     refs;
    ngx_uint_t                     naddrs;
    ngx_http_litellm_addr_t        addr[1];
} ngx_http_litellm_addrs_t;


/* all origins of a configuration */
struct ngx_http_litellm_origins_s {
    ngx_rbtree_t                   tree;          /* by "https://host:port" */
    ngx_rbtree_node_t              sentinel;
    struct ngx_http_litellm_system_s  *system;
};


struct ngx_http_litellm_origin_s {
    ngx_http_upstream_srv_conf_t   upstream;      /* first: peer.init */
    ngx_str_node_t                 node;
    ngx_http_litellm_origins_t    *set;
    ngx_http_litellm_origin_conf_t conf;
    ngx_str_t                      host;
    in_port_t                      port;

    /* known at configuration time: ..._sockaddr_t; elts NULL: ask DNS */
    ngx_http_litellm_sockaddr_t   *fixed;
    ngx_uint_t                     nfixed;

    ngx_resolver_t                *resolver;      /* NULL: no nameserver */
    ngx_resolver_t                *resolver4;     /* A only; may be NULL */

    ngx_http_litellm_state_t      *state;         /* this worker's */
    unsigned                       guest:1;       /* made for a request */
};


struct ngx_http_litellm_state_s {
    ngx_queue_t                    queue;         /* all of this process */
    ngx_http_litellm_origin_t     *origin;

    ngx_http_litellm_addrs_t      *addrs;         /* NULL: none yet */
    ngx_msec_t                     expire;        /* refreshed from then on;
                                                     without addresses: not
                                                     asked again until then */
    ngx_http_litellm_lookup_t     *lookup;        /* the one in flight */
    ngx_queue_t                    waiters;       /* ..._resolve_t */
    ngx_uint_t                     next;          /* round robin */
    ngx_msec_t                     last;          /* a request came */

    ngx_queue_t                    idle;          /* most recent first */
    ngx_uint_t                     nidle;

#if (NGX_HTTP_SSL)
    ngx_ssl_session_t             *session;
    ngx_ssl_t                     *session_ssl;   /* whose it is */
    ngx_uint_t                     session_verify;
#endif

    unsigned                       failed:1;      /* the last lookup did */
    unsigned                       fixed:1;
};


/*
 * ngx_http_litellm_system.c: nameservers, search list and ndots of
 * /etc/resolv.conf and the names of /etc/hosts.
 */

typedef struct ngx_http_litellm_resolvers_s  ngx_http_litellm_resolvers_t;

typedef struct ngx_http_litellm_system_s {
    ngx_array_t                    servers;       /* ngx_str_t */
    ngx_array_t                    search;        /* ngx_str_t */
    ngx_uint_t                     ndots;
    ngx_rbtree_t                   hosts;         /* temporary memory: at */
    ngx_rbtree_node_t              sentinel;      /* configuration only */
    ngx_http_litellm_resolvers_t  *resolvers;
} ngx_http_litellm_system_t;

/* NULL: no memory.  Files that can't be read are as if they were empty. */
ngx_http_litellm_system_t *ngx_http_litellm_system_read(ngx_conf_t *cf);

/*
 * The addresses of a host of /etc/hosts, of localhost and what ends with
 * .localhost: an array of ngx_http_litellm_sockaddr_t, or NULL.
 */
ngx_array_t *ngx_http_litellm_system_host(ngx_conf_t *cf,
    ngx_http_litellm_system_t *system, ngx_str_t *name);

/*
 * Resolvers of the system's nameservers that keep answers for valid ms (0:
 * their TTL), made once.  *both is NULL without nameservers; *ipv4 asks for
 * IPv4 addresses only and is NULL where the other does too.
 */
ngx_int_t ngx_http_litellm_system_resolvers(ngx_conf_t *cf,
    ngx_http_litellm_system_t *system, ngx_msec_t valid,
    ngx_resolver_t **both, ngx_resolver_t **ipv4);

/* an address as text; 0: it is none */
socklen_t ngx_http_litellm_sockaddr_parse(ngx_str_t *text,
    ngx_http_litellm_sockaddr_t *sockaddr);


/* ngx_http_litellm_resolve.c */

/* room for n; the port is put into each, duplicates are dropped */
ngx_http_litellm_addrs_t *ngx_http_litellm_addrs_create(ngx_uint_t n,
    ngx_log_t *log);
void ngx_http_litellm_addrs_push(ngx_http_litellm_addrs_t *addrs,
    struct sockaddr *sockaddr, socklen_t socklen, in_port_t port);
ngx_http_litellm_addr_t *ngx_http_litellm_addrs_find(
    ngx_http_litellm_addrs_t *addrs, struct sockaddr *sockaddr,
    socklen_t socklen);
void ngx_http_litellm_addrs_release(ngx_http_litellm_addrs_t *addrs);

/*
 * Starts a lookup if none is in flight.  It may be over on return: see
 * state->lookup.  Background: nobody waits, so a leaving worker need not.
 */
void ngx_http_litellm_lookup_start(ngx_http_litellm_state_t *state,
    ngx_uint_t background);
/* whether somebody waits has changed */
void ngx_http_litellm_lookup_background(ngx_http_litellm_lookup_t *lk,
    ngx_uint_t background);
void ngx_http_litellm_lookup_abort(ngx_http_litellm_lookup_t *lk);


/* ngx_http_litellm_origin.c: the set that origins belong to, or NULL */
ngx_http_litellm_origins_t *ngx_http_litellm_origins(ngx_conf_t *cf,
    ngx_array_t *origins);
void ngx_http_litellm_state_free(ngx_http_litellm_state_t *state);
/* a lookup's end; addrs NULL: it failed */
void ngx_http_litellm_origin_resolved(ngx_http_litellm_state_t *state,
    ngx_http_litellm_addrs_t *addrs, ngx_msec_t valid);


/* ngx_http_litellm_origin_idle.c */

typedef struct {
    ngx_connection_t              *connection;
    ngx_http_litellm_addr_t       *addr;          /* in the caller's set */
    ngx_msec_t                     since;         /* it was idle */
} ngx_http_litellm_taken_t;

/*
 * NGX_OK: a connection to one of addrs, or to only, if that is not NULL;
 * NGX_DECLINED: none
 */
ngx_int_t ngx_http_litellm_idle_take(ngx_http_litellm_state_t *state,
    ngx_http_upstream_t *u, ngx_http_litellm_addrs_t *addrs,
    ngx_http_litellm_addr_t *only, ngx_http_litellm_taken_t *taken);
/* NGX_OK: it is the origin's now; NGX_DECLINED: close it */
ngx_int_t ngx_http_litellm_idle_keep(ngx_http_litellm_state_t *state,
    ngx_http_upstream_t *u, ngx_connection_t *c,
    ngx_http_litellm_addr_t *addr);
/* those to addr that were idle at since already; and those whose peer left */
void ngx_http_litellm_idle_suspect(ngx_http_litellm_state_t *state,
    ngx_http_litellm_addr_t *addr, ngx_msec_t since);
/* those to addresses that are no longer the name's; all with NULL */
void ngx_http_litellm_idle_retain(ngx_http_litellm_state_t *state,
    ngx_http_litellm_addrs_t *addrs);


/* ngx_http_litellm_origin_peer.c */
ngx_int_t ngx_http_litellm_peer_init(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us);


#endif /* _NGX_HTTP_LITELLM_ORIGIN_STATE_H_INCLUDED_ */
