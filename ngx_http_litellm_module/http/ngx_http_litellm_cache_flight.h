
/*
 * Answers in flight (litellm_cache_lock): requests for the same wait for the
 * one that asks a provider.
 *
 *   ngx_http_litellm_cache_lead.c    who makes what, in the zone: all workers
 *   ngx_http_litellm_cache_flight.c  those who wait in this worker
 *   ngx_http_litellm_cache_follow.c  streams of this worker that others follow
 *   ngx_http_litellm_cache_guard.c   those whose own clients have left
 *
 * A request has an asker only where the cache is locked and had no answer.
 */

#ifndef _NGX_HTTP_LITELLM_CACHE_FLIGHT_H_INCLUDED_
#define _NGX_HTTP_LITELLM_CACHE_FLIGHT_H_INCLUDED_


#include "ngx_http_litellm_cache.h"


typedef struct ngx_http_litellm_flight_s     ngx_http_litellm_flight_t;
typedef struct ngx_http_litellm_feed_s       ngx_http_litellm_feed_t;
typedef struct ngx_http_litellm_feed_page_s  ngx_http_litellm_feed_page_t;


/* what became of a leader's answer */
typedef enum {
    NGX_HTTP_LITELLM_FLIGHT_STORED = 0,
    NGX_HTTP_LITELLM_FLIGHT_FAILED,      /* somebody else may try */
    NGX_HTTP_LITELLM_FLIGHT_OPEN         /* it can't be stored, so that others
                                            would wait for nothing */
} ngx_http_litellm_flight_end_e;


/* a request that leads, waits or follows; none of it: on its own */
struct ngx_http_litellm_asker_s {
    ngx_queue_t                       queue;     /* waits, follows */
    ngx_http_request_t               *request;
    ngx_http_litellm_ctx_t           *ctx;
    ngx_http_litellm_flight_t        *flight;    /* leads, waits */
    ngx_http_litellm_cache_lead_t     lead;
    ngx_event_t                       event;     /* woken, or its time is over;
                                                    there is more to send */
    ngx_msec_t                        deadline;
    ngx_http_litellm_feed_t          *feed;      /* its own, or the one that it
                                                    follows */

    /* follows: pages up to there are sent, and are on their way */
    ngx_http_litellm_feed_page_t     *page;
    ngx_http_litellm_feed_page_t     *last;
    u_char                           *pos;       /* in last */
    ngx_chain_t                      *free;
    ngx_chain_t                      *busy;

    /* leads a stream that is followed: the engine's own */
    ngx_http_event_handler_pt         read;
    ngx_http_event_handler_pt         write;
    ngx_http_request_t               *guarded;   /* the clone they are of */

    unsigned                          leading:1;
    unsigned                          waiting:1;
    unsigned                          woken:1;
    unsigned                          waited:1;  /* ever */
    unsigned                          again:1;   /* was sent back to look */
    unsigned                          alone:1;
    unsigned                          following:1;
    unsigned                          slow:1;    /* ... no more */
    unsigned                          orphan:1;  /* leads, but its client has
                                                    left */
};


/* of this worker; one that nobody leads, waits for or follows is freed */
struct ngx_http_litellm_flight_s {
    ngx_rbtree_node_t                 node;
    u_char                            key[NGX_LITELLM_CACHE_KEY];
    ngx_shm_zone_t                   *zone;
    ngx_http_litellm_asker_t         *leader;    /* the last one; NULL: in
                                                    another worker, or none */
    ngx_msec_t                        since;     /* it leads */
    ngx_uint_t                        leaders;   /* that have not ended */
    ngx_queue_t                       waiting;   /* ..._asker_t */
    ngx_event_t                       poll;
    ngx_msec_t                        interval;
};


/*
 * Before the places are looked at: NGX_OK: look; NGX_AGAIN: it is being waited
 * for; NGX_DONE: it is being answered.
 */
ngx_int_t ngx_http_litellm_flight_turn(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
/*
 * Behind them, when nothing was there.  NGX_OK: it goes to a provider, as the
 * leader or on its own; NGX_BUSY: look once more; NGX_AGAIN: it waits;
 * NGX_DONE: it is being answered; NGX_ERROR.
 */
ngx_int_t ngx_http_litellm_flight(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_cache_conf_t *cc);
/* it was answered from a place after all: so are those that wait with it */
void ngx_http_litellm_flight_hit(ngx_http_litellm_ctx_t *ctx);
/* of a leader, once; others are left alone */
void ngx_http_litellm_flight_end(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_flight_end_e end);
/* its request goes on with an error, or with another group */
void ngx_http_litellm_flight_failed(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_error_t *e);
/* those who wait for a stream look at it */
void ngx_http_litellm_flight_streams(ngx_http_litellm_asker_t *leader);


#endif /* _NGX_HTTP_LITELLM_CACHE_FLIGHT_H_INCLUDED_ */
