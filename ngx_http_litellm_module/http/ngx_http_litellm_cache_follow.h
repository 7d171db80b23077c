
/*
 * Streams that others follow: ngx_http_litellm_cache_follow.c, and leaders
 * whose clients leave: ngx_http_litellm_cache_guard.c.  The functions
 * for the leader's side do nothing for a request that leads no stream.
 */

#ifndef _NGX_HTTP_LITELLM_CACHE_FOLLOW_H_INCLUDED_
#define _NGX_HTTP_LITELLM_CACHE_FOLLOW_H_INCLUDED_


#include "ngx_http_litellm_cache_flight.h"


/* of stream_options: nobody shares longer ones */
#define NGX_HTTP_LITELLM_FEED_OPTIONS  64


struct ngx_http_litellm_feed_s {
    ngx_queue_t                     followers;
    ngx_uint_t                      nfollowers;
    ngx_http_litellm_asker_t       *leader;    /* NULL: its request is gone */
    ngx_http_litellm_feed_page_t   *first;
    ngx_http_litellm_feed_page_t   *last;
    size_t                          kept;      /* bytes of pages */
    size_t                          max;
    ngx_uint_t                      refs;
    size_t                          noptions;
    u_char                          options[NGX_HTTP_LITELLM_FEED_OPTIONS];
    unsigned                        full:1;    /* nobody can begin any more */
    unsigned                        ended:1;
    unsigned                        cut:1;     /* ended before its end */
};


/* by the flight, of the asker */

/* a leader begins: NGX_OK, or NGX_ERROR */
ngx_int_t ngx_http_litellm_feed_open(ngx_http_litellm_asker_t *leader);
/* may it have the leader's events as they are? */
ngx_uint_t ngx_http_litellm_follow_able(ngx_http_litellm_asker_t *asker,
    ngx_http_litellm_asker_t *leader);
/* NGX_DONE: it is being answered; NGX_DECLINED: there is nothing to follow;
   leader may be NULL */
ngx_int_t ngx_http_litellm_follow(ngx_http_litellm_asker_t *asker,
    ngx_http_litellm_asker_t *leader);
/* there is more, or a leader without a client has nobody left */
void ngx_http_litellm_follow_event(ngx_http_litellm_asker_t *asker);
/* its request is being freed */
void ngx_http_litellm_follow_cleanup(ngx_http_litellm_asker_t *asker);


/* by the leader's stream */

/* .._guard.c: in the engine's filter, before what it has read is looked at */
void ngx_http_litellm_feed_guard(ngx_http_litellm_attempt_t *a);
/* bytes for the client */
void ngx_http_litellm_feed_data(ngx_http_litellm_ctx_t *ctx, u_char *p,
    size_t len);
void ngx_http_litellm_feed_chain(ngx_http_litellm_ctx_t *ctx,
    ngx_chain_t *cl);
/* no more follow */
void ngx_http_litellm_feed_end(ngx_http_litellm_ctx_t *ctx);

/* .._guard.c: others follow, whether the client is there or not */
ngx_uint_t ngx_http_litellm_feed_needed(ngx_http_litellm_ctx_t *ctx);
/* the client has left, others follow: nothing is sent any more */
#define ngx_http_litellm_feed_orphan(ctx)                                     \
    ((ctx)->cache != NULL && (ctx)->cache->asker != NULL                      \
     && (ctx)->cache->asker->orphan)


#endif /* _NGX_HTTP_LITELLM_CACHE_FOLLOW_H_INCLUDED_ */
