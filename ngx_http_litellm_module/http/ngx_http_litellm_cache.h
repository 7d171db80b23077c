
/*
 * Answers that are kept, and given to those who ask for the same once more.
 *
 *   ngx_http_litellm_cache.c          the step, what a request is called, hits,
 *                                     what is stored
 *   ngx_http_litellm_cache_known.c    bodies that were hits before
 *   ngx_http_litellm_cache_items.c    embeddings by input
 *   ngx_http_litellm_cache_capture.c  a stream on its way as a whole answer
 *   ngx_http_litellm_cache_api.c      /cache/...
 *   ngx_http_litellm_cache_redis.h    the second place
 *   ngx_http_litellm_cache_flight.h   requests that share a call
 *
 * An entry is the whole answer as a client gets it that asks for no stream, so
 * that one entry serves both.  A request has a ngx_http_litellm_caching_t only
 * where the cache is asked for; an attempt has a capture only if its answer is
 * a stream that may be stored.
 */

#ifndef _NGX_HTTP_LITELLM_CACHE_H_INCLUDED_
#define _NGX_HTTP_LITELLM_CACHE_H_INCLUDED_


#include "ngx_http_litellm.h"
#include "ngx_http_litellm_cache_zone.h"
#include "ngx_litellm_cache_key.h"


/* as nginx's $upstream_cache_status */
typedef enum {
    NGX_HTTP_LITELLM_CACHE_NONE = 0,     /* no cache is configured */
    NGX_HTTP_LITELLM_CACHE_BYPASS,       /* it was not looked for */
    NGX_HTTP_LITELLM_CACHE_MISS,
    NGX_HTTP_LITELLM_CACHE_EXPIRED,      /* older than the client takes it */
    NGX_HTTP_LITELLM_CACHE_PARTIAL,      /* some of a list of inputs */
    NGX_HTTP_LITELLM_CACHE_HIT,
    NGX_HTTP_LITELLM_CACHE_COALESCED     /* by what another request, in flight
                                            at that time, has asked for */
} ngx_http_litellm_cache_status_e;


/* kind of an entry: its ngx_litellm_op_e, or one input's of embeddings */
#define NGX_HTTP_LITELLM_CACHE_ITEM  0x100


typedef struct ngx_http_litellm_cache_items_s  ngx_http_litellm_cache_items_t;
typedef struct ngx_http_litellm_cache_asked_s  ngx_http_litellm_cache_asked_t;


struct ngx_http_litellm_caching_s {
    ngx_http_litellm_cache_status_e  status;
    ngx_litellm_cache_control_t      control;
    u_char                           key[NGX_LITELLM_CACHE_KEY];
    ngx_http_litellm_cache_items_t  *items;    /* NULL: it is kept whole */
    ngx_shm_zone_t                  *zone;     /* where it is stored; may be
                                                  NULL */
    time_t                           ttl;
    time_t                           stored;   /* of a hit: when; 0: not one
                                                  entry, or none */
    ngx_int_t                        redis_ttl;   /* 0: it is not, there */
    ngx_http_litellm_cache_asked_t  *asked;    /* NULL: Redis was not */
    size_t                           max;      /* bytes of an entry */
    int64_t                          saved;    /* of a hit: what the answer has
                                                  cost when it was made */
    ngx_str_t                        scope;    /* part of the key */
    ngx_str_t                       *group;    /* the same */
    ngx_http_litellm_asker_t        *asker;    /* NULL: it is not locked */
    unsigned                         look:1;   /* it may be answered from what
                                                  is there */
    unsigned                         store:1;
    unsigned                         known:1;  /* its key was not reckoned */
};


/*
 * A step.  NGX_OK: go on; NGX_AGAIN: the request will be woken and looks again;
 * NGX_DONE: answered; NGX_DECLINED with ctx->error.
 */
ngx_int_t ngx_http_litellm_cache(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);

/* the answer is this entry: as the step, or NGX_DECLINED: it can't be told */
ngx_int_t ngx_http_litellm_cache_hit(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_str_t *body);

/* the attempt's whole answer, as it is about to be sent */
void ngx_http_litellm_cache_answer(ngx_http_litellm_attempt_t *a,
    ngx_litellm_out_t *out);
/* the attempt's stream has ended well, all was sent */
void ngx_http_litellm_cache_stream(ngx_http_litellm_attempt_t *a);

/* an entry that is older than the request takes it */
#define ngx_http_litellm_cache_aged(caching, meta)                            \
    ((caching)->control.max_age >= 0                                          \
     && ngx_time() - (meta)->stored > (time_t) (caching)->control.max_age)

/*
 * The whole value, in the request's memory; small: where .._fetch() has put it,
 * if it has.  NGX_DECLINED: it is none
 */
ngx_int_t ngx_http_litellm_cache_load(ngx_http_request_t *r,
    ngx_shm_zone_t *zone, ngx_http_litellm_cache_handle_t *h, u_char *small,
    ngx_str_t *body);
/* a hit: out goes to the client; NGX_DONE */
ngx_int_t ngx_http_litellm_cache_serve(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_out_t *out);
/* may this answer be kept? */
ngx_uint_t ngx_http_litellm_cache_storable(ngx_http_litellm_attempt_t *a);

/* x-litellm-cache-key and the like: of a hit, before the header goes out */
ngx_int_t ngx_http_litellm_cache_headers(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);


/*
 * ngx_http_litellm_cache_known.c.  open: before format->open(), where answers
 * are kept; NGX_ERROR: no memory.  key: NGX_DECLINED: it must be reckoned.  hit:
 * the key, of a hit, is worth keeping.
 */
ngx_int_t ngx_http_litellm_known_open(ngx_http_litellm_ctx_t *ctx);
ngx_int_t ngx_http_litellm_known_key(ngx_http_litellm_ctx_t *ctx,
    ngx_uint_t flags);
void ngx_http_litellm_known_hit(ngx_http_litellm_ctx_t *ctx, ngx_uint_t flags);


/*
 * ngx_http_litellm_cache_items.c: all but open and whole are for a request with
 * caching->items.  open: makes them, and the request's name; NGX_DECLINED: it
 * is no list of inputs.
 */
ngx_int_t ngx_http_litellm_cache_items_open(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_str_t *scope, ngx_uint_t flags);
/* in the zone; as the step */
ngx_int_t ngx_http_litellm_cache_items_find(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
/* nowhere else is looked: the call becomes one of those that are missing */
ngx_int_t ngx_http_litellm_cache_items_cut(ngx_http_litellm_ctx_t *ctx);
/* the call is the client's again, and nothing is stored; if it was cut */
ngx_int_t ngx_http_litellm_cache_items_whole(ngx_http_litellm_ctx_t *ctx);
/* a good answer.  NGX_DECLINED: not to each input of a call that was cut, which
   is whole again: another attempt is due */
ngx_int_t ngx_http_litellm_cache_items_judge(ngx_http_litellm_attempt_t *a);
/* stores them; out becomes the answer to all */
void ngx_http_litellm_cache_items_answer(ngx_http_litellm_attempt_t *a,
    ngx_litellm_out_t *out);
/* their keys, or the first ones, with commas between */
ngx_int_t ngx_http_litellm_cache_items_names(ngx_http_request_t *r,
    ngx_http_litellm_cache_items_t *items, ngx_str_t *names);


/*
 * A stream that is being gathered.  open: before an attempt's first event;
 * a->capture stays NULL if nothing of it will be stored.  Neither call fails:
 * what can't be gathered (too much, no memory, something that a whole answer
 * has no place for) is not stored.
 */
void ngx_http_litellm_capture_open(ngx_http_litellm_attempt_t *a);
/* an event for the client */
void ngx_http_litellm_capture_event(ngx_http_litellm_attempt_t *a,
    ngx_litellm_event_t *ev);
/* an event that passes */
void ngx_http_litellm_capture_data(ngx_http_litellm_attempt_t *a,
    ngx_litellm_sse_event_t *ev);
/*
 * The whole answer as format->answer() writes it.  NGX_OK; NGX_DECLINED: it is
 * not whole, or none to be stored.
 */
ngx_int_t ngx_http_litellm_capture_answer(ngx_http_litellm_attempt_t *a,
    ngx_litellm_out_t *out);


/* ngx_http_litellm_cache_api.c */
/* answers of the location, which has a cache, are kept in a Redis */
ngx_uint_t ngx_http_litellm_cache_shared(ngx_http_request_t *r);
/* handlers of the api table */
ngx_int_t ngx_http_litellm_cache_ping(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
ngx_int_t ngx_http_litellm_cache_delete_keys(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
ngx_int_t ngx_http_litellm_cache_flushall(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
ngx_int_t ngx_http_litellm_cache_redis_info(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);


#endif /* _NGX_HTTP_LITELLM_CACHE_H_INCLUDED_ */
