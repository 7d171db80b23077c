
/*
 * Records of keys, teams, users and end users that were made at run time: by
 * the management API, or by another gateway through Redis.  They are JSON texts
 * in the shared zone, so that a change is seen by all workers at once, and in
 * its state file.  A worker keeps what it has read of them, by version.
 *
 * Those of the configuration are looked up before these and can't be changed
 * here.  Never evicted: a zone that is full refuses a new one.
 */

#ifndef _NGX_HTTP_LITELLM_STORE_H_INCLUDED_
#define _NGX_HTTP_LITELLM_STORE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_principal.h"


#define NGX_HTTP_LITELLM_STORE_ID   256     /* bytes of an id, at most */

/* for ngx_http_litellm_store_put_unique(): the version of what is not there */
#define NGX_HTTP_LITELLM_STORE_NEW  ((ngx_uint_t) -1)


typedef struct ngx_http_litellm_store_s  ngx_http_litellm_store_t;


/*
 * The principal of that id: of the configuration, else of the store.  It is
 * good until the event loop is entered again; what is kept longer is copied
 * (ngx_http_litellm_principal_hold).  NULL: unknown.
 */
ngx_litellm_principal_t *ngx_http_litellm_principal_find(
    ngx_shm_zone_t *zone, ngx_litellm_principals_t *configured,
    ngx_litellm_principal_e kind, ngx_str_t *id);

/* the same of the store only */
ngx_litellm_principal_t *ngx_http_litellm_store_find(ngx_shm_zone_t *zone,
    ngx_litellm_principal_e kind, ngx_str_t *id);

/* keeps it for a request: freed with pool.  NGX_ERROR: no memory */
ngx_int_t ngx_http_litellm_principal_hold(ngx_pool_t *pool,
    ngx_litellm_principal_t *p);


/*
 * Of what the management API writes; json is a checked record.  NGX_OK;
 * NGX_DECLINED: version is not 0 and another one is there by now; NGX_BUSY: no
 * room; NGX_ABORT: another key has the record's alias, which is not the one
 * that this key has already, or that of from, whose place it takes (may be
 * NULL).
 */
ngx_int_t ngx_http_litellm_store_put_unique(ngx_shm_zone_t *zone,
    ngx_litellm_principal_e kind, ngx_str_t *id, ngx_str_t *json,
    ngx_uint_t version, ngx_str_t *from);
/* the text, copied to pool; NGX_DECLINED: it is not there */
ngx_int_t ngx_http_litellm_store_get(ngx_shm_zone_t *zone, ngx_pool_t *pool,
    ngx_litellm_principal_e kind, ngx_str_t *id, ngx_str_t *json,
    ngx_uint_t *version);
/* NGX_DECLINED: it was not there */
ngx_int_t ngx_http_litellm_store_delete(ngx_shm_zone_t *zone,
    ngx_litellm_principal_e kind, ngx_str_t *id);

/*
 * All of a kind in order of id, one at a time behind *id (empty: the first):
 * NGX_OK with the next one's id and text in pool, NGX_DONE.
 */
ngx_int_t ngx_http_litellm_store_next(ngx_shm_zone_t *zone, ngx_pool_t *pool,
    ngx_litellm_principal_e kind, ngx_str_t *id, ngx_str_t *json);

/*
 * The keys of an alias (not empty) in order of id, one at a time behind *id:
 * NGX_OK with the next one's id in buf (of NGX_HTTP_LITELLM_STORE_ID bytes),
 * NGX_DONE.
 */
ngx_int_t ngx_http_litellm_store_alias(ngx_shm_zone_t *zone, ngx_str_t *alias,
    ngx_str_t *id, u_char *buf);

/* grows with each change: the state file is written when it has moved */
ngx_uint_t ngx_http_litellm_store_version(ngx_shm_zone_t *zone);
/* records of a kind */
ngx_uint_t ngx_http_litellm_store_count(ngx_shm_zone_t *zone,
    ngx_litellm_principal_e kind);
/* a record's version, 0: it is not there; *version: the store's */
ngx_uint_t ngx_http_litellm_store_record(ngx_shm_zone_t *zone,
    ngx_litellm_principal_e kind, ngx_str_t *id, ngx_uint_t *version);


/*
 * ngx_http_litellm_store_share.c: records that several gateways share.  A
 * record's mark says which of two of the same id is the later one: the one that
 * was made later, else the one that was changed later.  Of one that was deleted
 * both are the time of that.
 */
typedef struct {
    uint64_t                     born;       /* microseconds, about */
    uint64_t                     stamp;
    unsigned                     changed:1;  /* others are to be told */
    unsigned                     synced:1;   /* they were, of this or before */
} ngx_http_litellm_store_mark_t;

typedef struct {
    ngx_litellm_principal_e        kind;
    ngx_str_t                      id;
    ngx_str_t                      json;     /* empty: it was deleted */
    ngx_http_litellm_store_mark_t  mark;
} ngx_http_litellm_store_item_t;

/* where a walk over all is; zeroed at first */
typedef struct {
    ngx_uint_t                     kind;
    ngx_uint_t                     gone;
    ngx_str_t                      id;
    u_char                         buf[NGX_HTTP_LITELLM_STORE_ID];
} ngx_http_litellm_store_walk_t;

/* from now on changes are kept in mind, or not */
void ngx_http_litellm_store_share(ngx_shm_zone_t *zone, ngx_uint_t on);
/* the wall clock, or the highest mark if that is ahead of it */
uint64_t ngx_http_litellm_store_clock(ngx_shm_zone_t *zone);

/*
 * The n-th record of those that have changed, n from 0 on and small, copied to
 * pool: NGX_OK; NGX_DONE: there is none; NGX_AGAIN: not found yet, to be asked
 * for later; NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_litellm_store_changed(ngx_shm_zone_t *zone,
    ngx_pool_t *pool, ngx_uint_t n, ngx_http_litellm_store_item_t *item);
/* others know it as the item is; pass: of store_look() */
void ngx_http_litellm_store_told(ngx_shm_zone_t *zone,
    ngx_http_litellm_store_item_t *item, ngx_uint_t pass);
/* others are to be told of it, if it is there or was; of a change, later than
   mark (may be NULL) */
void ngx_http_litellm_store_retell(ngx_shm_zone_t *zone,
    ngx_litellm_principal_e kind, ngx_str_t *id,
    ngx_http_litellm_store_mark_t *mark);

/*
 * What others have: NGX_AGAIN: it is later than what is here, and to be taken;
 * NGX_OK: it is not; if ours is the later one, others will be told.  pass is
 * kept in mind: ours was seen there.
 */
ngx_int_t ngx_http_litellm_store_look(ngx_shm_zone_t *zone,
    ngx_http_litellm_store_item_t *item, ngx_uint_t pass);
/*
 * Takes it over; json is a checked record.  NGX_DECLINED: ours is later by now;
 * NGX_BUSY: no room, and what was here in its place is gone as well.
 */
ngx_int_t ngx_http_litellm_store_take(ngx_shm_zone_t *zone,
    ngx_http_litellm_store_item_t *item, ngx_uint_t pass);
/* it can't be kept here; nobody is told */
void ngx_http_litellm_store_remove(ngx_shm_zone_t *zone,
    ngx_litellm_principal_e kind, ngx_str_t *id);

/*
 * The end of a pass: others are told of what it has not seen, a few records at
 * a time.  missed: of what they knew once they are not told; NGX_OK: the one
 * that *w is at is such a one and still here, *mark is that of its deletion.
 * NGX_AGAIN: there are more; NGX_DONE.
 */
ngx_int_t ngx_http_litellm_store_unseen(ngx_shm_zone_t *zone,
    ngx_http_litellm_store_walk_t *w, ngx_uint_t pass, ngx_uint_t missed,
    ngx_http_litellm_store_mark_t *mark);
/* all, and what was deleted, one at a time, copied to pool: NGX_OK, NGX_DONE,
   NGX_ERROR */
ngx_int_t ngx_http_litellm_store_each(ngx_shm_zone_t *zone, ngx_pool_t *pool,
    ngx_http_litellm_store_walk_t *w, ngx_http_litellm_store_item_t *item);
/* of the state file, in a new zone; NGX_BUSY: no room */
ngx_int_t ngx_http_litellm_store_restore(ngx_shm_zone_t *zone,
    ngx_http_litellm_store_item_t *item);
/* forgets some deletions that others know and that are from before that, s */
void ngx_http_litellm_store_sweep(ngx_shm_zone_t *zone,
    ngx_http_litellm_store_walk_t *w, time_t before);


/* called by ngx_http_litellm_zone.c: in a new zone; NULL: no room */
ngx_http_litellm_store_t *ngx_http_litellm_store_create(
    ngx_slab_pool_t *shpool);


#endif /* _NGX_HTTP_LITELLM_STORE_H_INCLUDED_ */
