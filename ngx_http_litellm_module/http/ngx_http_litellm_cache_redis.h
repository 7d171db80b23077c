
/*
 * The cache's second place: a Redis that several gateways share, by a
 * connection of its own beside that of limits.
 *
 *   ngx_http_litellm_cache_redis.c       a request that asks there, answers
 *                                        that are written there
 *   ngx_http_litellm_cache_redis_items.c the same for embeddings by input
 *   ngx_http_litellm_cache_generation.c  what is emptied, at all gateways
 *   ngx_http_litellm_cache_redis_api.c   /cache/...
 *   ngx_http_litellm_cache_redis_conf.c  the directive, which Redis it is
 *
 * Names there: {NAMESPACE:litellm}:cache:GENERATION:KEY, where KEY is 64 hex
 * digits and GENERATION a number that is raised when the cache is emptied, and
 * that is kept in ...:cache:generation.
 */

#ifndef _NGX_HTTP_LITELLM_CACHE_REDIS_H_INCLUDED_
#define _NGX_HTTP_LITELLM_CACHE_REDIS_H_INCLUDED_


#include "ngx_http_litellm.h"
#include "ngx_http_litellm_cache.h"
#include "ngx_http_litellm_redis.h"
#include "ngx_litellm_cache_items.h"
#include "ngx_litellm_cache_value.h"


/* answers that wait to be written: bytes of one worker */
#define NGX_HTTP_LITELLM_CACHE_REDIS_BYTES    (16 * 1024 * 1024)
/* and their number: the rest of the queue is for those who ask */
#define NGX_HTTP_LITELLM_CACHE_REDIS_WRITES   (NGX_HTTP_LITELLM_REDIS_QUEUE / 2)
/* a longer answer is neither written there nor read */
#define NGX_HTTP_LITELLM_CACHE_REDIS_VALUE    (8 * 1024 * 1024)
/* the same for one input's embedding */
#define NGX_HTTP_LITELLM_CACHE_REDIS_ITEM     (256 * 1024)


/* of all workers, in the zone */
typedef struct {
    ngx_http_litellm_redis_sh_t    redis;        /* of the connections */

    ngx_atomic_t                   known;        /* the next one is */
    ngx_atomic_t                   generation;   /* that entries are of */

    ngx_atomic_t                   hits;
    ngx_atomic_t                   misses;
    ngx_atomic_t                   bad;          /* what is there is no answer
                                                    of ours */
    ngx_atomic_t                   late;         /* no reply in time */
    ngx_atomic_t                   skipped;      /* not asked: it is down, or
                                                    silent */
    ngx_atomic_t                   errors;       /* error replies, lost ones */
    ngx_atomic_t                   stored;
    ngx_atomic_t                   dropped;      /* not written */
} ngx_http_litellm_cache_redis_sh_t;


/* of this worker */
typedef struct {
    ngx_http_litellm_redis_t           *redis;   /* NULL: there is none */
    ngx_http_litellm_cache_redis_sh_t  *sh;
    ngx_http_litellm_main_conf_t       *mcf;
    ngx_str_t                           prefix;  /* of all names, with its
                                                    colon */
} ngx_http_litellm_cache_there_t;

extern ngx_http_litellm_cache_there_t  ngx_http_litellm_cache_there;

#define ngx_http_litellm_cache_count(counter)                                 \
    (void) ngx_atomic_fetch_add(&ngx_http_litellm_cache_there.sh->counter, 1)


typedef struct ngx_http_litellm_cache_asks_s  ngx_http_litellm_cache_asks_t;


/* a request that asks; in its pool */
struct ngx_http_litellm_cache_asked_s {
    ngx_http_request_t                *request;
    ngx_http_litellm_redis_command_t  *cmd;      /* NULL: there is a reply, or
                                                    it was not asked */
    ngx_atomic_uint_t                  generation;
    ngx_litellm_cache_value_t          value;    /* body.len 0: none */
    ngx_http_litellm_cache_asks_t     *items;    /* of embeddings by input */
    unsigned                           asking:1; /* until the request has seen
                                                    the reply */
};


/* an answer on its way to be written; one block of memory with its bytes */
typedef struct {
    ngx_event_t                        event;
    ngx_str_t                          data;     /* with room for the head */
    ngx_litellm_cache_value_t          value;
    ngx_atomic_uint_t                  generation;
    u_char                             key[NGX_LITELLM_CACHE_KEY];
} ngx_http_litellm_cache_write_t;


/* for metrics */
typedef struct {
    ngx_uint_t                     state;        /* 0: not tried, 1: up,
                                                    2: down */
    ngx_uint_t                     hits;
    ngx_uint_t                     misses;
    ngx_uint_t                     bad;
    ngx_uint_t                     late;
    ngx_uint_t                     skipped;
    ngx_uint_t                     errors;
    ngx_uint_t                     stored;
    ngx_uint_t                     dropped;
} ngx_http_litellm_cache_redis_stat_t;


/* NGX_DECLINED: no answers are kept in a Redis */
ngx_int_t ngx_http_litellm_cache_redis_stat(ngx_http_litellm_main_conf_t *mcf,
    ngx_http_litellm_cache_redis_stat_t *stat);


/* ngx_http_litellm_cache_redis.c */

/*
 * A part of the step, for requests that may be answered from what is there.
 * NGX_OK: it has none, or did not say so in time; NGX_AGAIN: the request will
 * be woken and calls again; NGX_DONE: answered; NGX_ERROR.
 */
ngx_int_t ngx_http_litellm_cache_redis_look(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_cache_conf_t *cc);
/* a reply is awaited, or was not seen by the request: memory need not be looked
   at once more */
ngx_uint_t ngx_http_litellm_cache_redis_asking(ngx_http_litellm_ctx_t *ctx);

/* writes an answer behind what is being done; nobody waits for it */
void ngx_http_litellm_cache_redis_put(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_cache_meta_t *meta, ngx_litellm_out_t *out);

/* to ask for: NGX_OK, caching->asked is there and has nothing to wait for yet;
   NGX_DECLINED: Redis is not asked; NGX_ERROR */
ngx_int_t ngx_http_litellm_cache_redis_begin(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_cache_conf_t *cc,
    ngx_pool_cleanup_pt cleanup);
/* the first max bytes of an entry; NULL: it can't be asked for */
ngx_http_litellm_redis_command_t *ngx_http_litellm_cache_redis_get(
    ngx_http_litellm_cache_asked_t *asked, ngx_pool_t *temp, const u_char *key,
    size_t max, ngx_msec_t timeout, ngx_http_litellm_redis_pt handler,
    void *data);
/* what is there.  NGX_OK: *v is read, its body in the reply; NGX_DECLINED */
ngx_int_t ngx_http_litellm_cache_redis_value(ngx_pool_t *temp,
    ngx_litellm_resp_t *reply, const u_char *key, ngx_uint_t kind,
    ngx_litellm_cache_value_t *v);
/* there is nothing more to wait for; the request may be gone then */
void ngx_http_litellm_cache_redis_wake(ngx_http_litellm_cache_asked_t *asked);

/* a value of len bytes to be written to w->value.body.data, or NULL; .._post:
   it is */
ngx_http_litellm_cache_write_t *ngx_http_litellm_cache_redis_make(
    ngx_http_litellm_ctx_t *ctx, const u_char *key, size_t len);
void ngx_http_litellm_cache_redis_post(ngx_http_litellm_cache_write_t *w);

/* at most once a minute: an error reply, told in the log */
void ngx_http_litellm_cache_redis_refused(ngx_litellm_resp_t *reply);

/* the name of an entry, from the pool; NGX_OK or NGX_ERROR */
ngx_int_t ngx_http_litellm_cache_redis_name(ngx_pool_t *pool,
    ngx_atomic_uint_t generation, const u_char key[NGX_LITELLM_CACHE_KEY],
    ngx_str_t *name);


/* ngx_http_litellm_cache_redis_items.c: as the two above, for a request with
   caching->items */
ngx_int_t ngx_http_litellm_cache_redis_items(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_cache_conf_t *cc);
void ngx_http_litellm_cache_redis_put_item(ngx_http_litellm_ctx_t *ctx,
    ngx_str_t *model, ngx_litellm_cache_item_t *item, int64_t cost);


/* ngx_http_litellm_cache_items.c: for that file */

ngx_litellm_cache_items_t *ngx_http_litellm_cache_items_list(
    ngx_http_litellm_cache_items_t *items);
/* all places were looked at: as the step */
ngx_int_t ngx_http_litellm_cache_items_found(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
/* what is there of one.  NGX_OK: it is taken; NGX_ABORT: too old, or too much;
   NGX_DECLINED: it is none; NGX_ERROR */
ngx_int_t ngx_http_litellm_cache_item_found(ngx_http_litellm_ctx_t *ctx,
    ngx_pool_t *temp, ngx_litellm_cache_item_t *item,
    ngx_litellm_cache_value_t *value);


/* ngx_http_litellm_cache_generation.c */

/* a worker begins, and leaves */
ngx_int_t ngx_http_litellm_cache_redis_enter(ngx_http_litellm_main_conf_t *mcf,
    ngx_cycle_t *cycle);
void ngx_http_litellm_cache_redis_leave(void);

/*
 * All answers that are kept there are forgotten, at all gateways.  As
 * ngx_http_litellm_redis_command(); the reply is for .._flushed().
 */
ngx_http_litellm_redis_command_t *ngx_http_litellm_cache_redis_flush(
    ngx_http_litellm_redis_pt handler, void *data);
/* NGX_OK, here as well; NGX_ERROR: that is no reply to it */
ngx_int_t ngx_http_litellm_cache_redis_flushed(ngx_litellm_resp_t *reply);


/* ngx_http_litellm_cache_redis_api.c: as handlers of the api table, for a
   location whose answers are kept in Redis */
ngx_int_t ngx_http_litellm_cache_redis_ping(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
ngx_int_t ngx_http_litellm_cache_redis_flushall(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
ngx_int_t ngx_http_litellm_cache_redis_tell(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
/* keys: n times NGX_LITELLM_CACHE_KEY bytes.  NGX_OK: the request is, or will
   be, finalized; NGX_ERROR */
ngx_int_t ngx_http_litellm_cache_redis_delete(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, u_char *keys, ngx_uint_t n);


/* ngx_http_litellm_cache_api.c: what /cache/ping tells; redis: it answered */
void ngx_http_litellm_cache_state(ngx_litellm_out_t *out,
    ngx_shm_zone_t *zone, ngx_uint_t redis);


/* ngx_http_litellm_cache_redis_conf.c */
char *ngx_http_litellm_cache_redis_switch(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
/* when all is read, before ngx_http_litellm_redis_init(): mcf->cache_redis */
ngx_int_t ngx_http_litellm_cache_redis_init(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf);

/* ngx_http_litellm_zone.c */
ngx_http_litellm_cache_redis_sh_t *ngx_http_litellm_zone_cache_redis(
    ngx_shm_zone_t *zone);


#endif /* _NGX_HTTP_LITELLM_CACHE_REDIS_H_INCLUDED_ */
