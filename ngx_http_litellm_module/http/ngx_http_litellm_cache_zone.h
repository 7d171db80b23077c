
/*
 * The cache's own zone: values by key, bounded in bytes, the least recently
 * used one goes first.  The zone is cut into blocks of one size and a value is
 * a chain of them, so that no mix of sizes can starve a large one.  The lock
 * (the slab mutex of the zone, which nginx's master unlocks if its holder dies)
 * is held for lookups and links only: bytes are copied in and out of blocks
 * that are pinned, without it.  What a dead worker had pinned or was writing is
 * given back.
 *
 * Times are of the wall clock in seconds, so that an entry outlives a reload.
 */

#ifndef _NGX_HTTP_LITELLM_CACHE_ZONE_H_INCLUDED_
#define _NGX_HTTP_LITELLM_CACHE_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_HTTP_LITELLM_CACHE_KEY   32          /* SHA-256 */


/* what an entry is, beside its bytes */
typedef struct {
    time_t                         stored;
    time_t                         expires;
    size_t                         len;          /* of the value */
    uint32_t                       kind;         /* the caller's own */
    int64_t                        cost;         /* what it cost to make */
} ngx_http_litellm_cache_meta_t;


/* an entry that is being read, or a value that is being written */
typedef struct {
    ngx_http_litellm_cache_meta_t  meta;
    uint32_t                       entry;        /* the zone's own; 0: none */
    uint32_t                       block;        /* where it stands */
    size_t                         offset;
    size_t                         done;         /* bytes read or written */
    uint32_t                       pin;
} ngx_http_litellm_cache_handle_t;


/*
 * "litellm_cache_zone zone=NAME:SIZE": at least 1m.  Size 0: one that is
 * declared, before or behind this; nginx refuses to start if it never is.
 */
ngx_shm_zone_t *ngx_http_litellm_cache_zone_add(ngx_conf_t *cf,
    ngx_str_t *name, size_t size);

/*
 * To .._open(), .._create() and .._delete() zone may be NULL: nothing is there,
 * there is no room.
 *
 * NGX_OK: pinned, to be read and closed; NGX_DECLINED: not there, or expired.
 */
ngx_int_t ngx_http_litellm_cache_open(ngx_shm_zone_t *zone,
    const u_char key[NGX_HTTP_LITELLM_CACHE_KEY],
    ngx_http_litellm_cache_handle_t *h);
/*
 * The same, but a value that fits into buf, and into one block, is copied there
 * at once: h->entry is 0 then, nothing is pinned, there is nothing to read or
 * to close.
 */
ngx_int_t ngx_http_litellm_cache_fetch(ngx_shm_zone_t *zone,
    const u_char key[NGX_HTTP_LITELLM_CACHE_KEY],
    ngx_http_litellm_cache_handle_t *h, u_char *buf, size_t size);
/* up to len bytes from where it stands; 0 at the end */
size_t ngx_http_litellm_cache_read(ngx_shm_zone_t *zone,
    ngx_http_litellm_cache_handle_t *h, u_char *buf, size_t len);
/* of both; a value that was not committed is thrown away */
void ngx_http_litellm_cache_close(ngx_shm_zone_t *zone,
    ngx_http_litellm_cache_handle_t *h);

/*
 * Room for meta.len bytes.  NGX_OK: to be written whole, then committed;
 * NGX_DECLINED: larger than the zone lets one value be (an eighth), or all
 * blocks are pinned.
 */
ngx_int_t ngx_http_litellm_cache_create(ngx_shm_zone_t *zone,
    ngx_http_litellm_cache_handle_t *h);
void ngx_http_litellm_cache_write(ngx_shm_zone_t *zone,
    ngx_http_litellm_cache_handle_t *h, const u_char *buf, size_t len);
/* seen by everybody from now on; takes the place of an older one */
void ngx_http_litellm_cache_commit(ngx_shm_zone_t *zone,
    const u_char key[NGX_HTTP_LITELLM_CACHE_KEY],
    ngx_http_litellm_cache_handle_t *h);

ngx_int_t ngx_http_litellm_cache_delete(ngx_shm_zone_t *zone,
    const u_char key[NGX_HTTP_LITELLM_CACHE_KEY]);
/*
 * All of them: nobody finds them from now on.  Their blocks are free as they
 * are wanted; some already are, a few under each hold of the lock.  Returns how
 * many entries are left to do: call again from the event loop until 0, or leave
 * it to the timers of the workers.
 */
ngx_uint_t ngx_http_litellm_cache_flush(ngx_shm_zone_t *zone);


/*
 * Who makes the answer of a key: others may wait for it.  A leader is one
 * request of one worker; what a dead worker was making is anybody's again.
 */
typedef struct {
    uint32_t                       record;       /* the zone's own; 0: none */
    uint32_t                       serial;
} ngx_http_litellm_cache_lead_t;

typedef enum {
    NGX_HTTP_LITELLM_LEAD_TAKEN = 0,     /* it is the caller's; nobody's, if it
                                            is only looked at */
    NGX_HTTP_LITELLM_LEAD_HELD,
    NGX_HTTP_LITELLM_LEAD_STREAMED,      /* held, by a stream */
    NGX_HTTP_LITELLM_LEAD_OPEN,          /* it can't be stored, as was seen a
                                            moment ago: each for itself */
    NGX_HTTP_LITELLM_LEAD_STORED,        /* it is there by now */
    NGX_HTTP_LITELLM_LEAD_FULL           /* no more can be led */
} ngx_http_litellm_lead_e;

/*
 * age: ms after which one more may lead.  An entry that was stored at that time
 * or later is an answer; -1: none is.
 */
ngx_http_litellm_lead_e ngx_http_litellm_cache_lead(ngx_shm_zone_t *zone,
    const u_char key[NGX_HTTP_LITELLM_CACHE_KEY], ngx_uint_t stream,
    ngx_msec_t age, time_t stored, ngx_http_litellm_cache_lead_t *lead);
/* the same, only looked at */
ngx_http_litellm_lead_e ngx_http_litellm_cache_led(ngx_shm_zone_t *zone,
    const u_char key[NGX_HTTP_LITELLM_CACHE_KEY], ngx_msec_t age);
/* of one that was taken; open: those who wait need not try one by one */
void ngx_http_litellm_cache_lead_end(ngx_shm_zone_t *zone,
    ngx_http_litellm_cache_lead_t *lead, ngx_uint_t open);
/* one more was answered by another request's call; or has waited too long */
void ngx_http_litellm_cache_coalesced(ngx_shm_zone_t *zone);
void ngx_http_litellm_cache_lock_timeout(ngx_shm_zone_t *zone);


typedef struct {
    ngx_uint_t                     entries;
    ngx_uint_t                     blocks;
    ngx_uint_t                     free;
    size_t                         block_size;
    ngx_uint_t                     hits;
    ngx_uint_t                     misses;
    ngx_uint_t                     stored;
    ngx_uint_t                     evicted;
    ngx_uint_t                     coalesced;    /* of those that led nothing */
    ngx_uint_t                     lock_timeouts;
} ngx_http_litellm_cache_stat_t;

void ngx_http_litellm_cache_stat(ngx_shm_zone_t *zone,
    ngx_http_litellm_cache_stat_t *stat);

/* all zones of the cycle: *part is NULL first; NULL: no more */
ngx_shm_zone_t *ngx_http_litellm_cache_next(ngx_cycle_t *cycle,
    ngx_list_part_t **part, ngx_uint_t *i);

/* a worker begins, and leaves: with all zones of the cycle */
void ngx_http_litellm_cache_enter(ngx_cycle_t *cycle);
void ngx_http_litellm_cache_leave(ngx_cycle_t *cycle);


#endif /* _NGX_HTTP_LITELLM_CACHE_ZONE_H_INCLUDED_ */
