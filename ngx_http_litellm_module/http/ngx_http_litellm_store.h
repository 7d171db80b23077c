
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

/* for ngx_http_litellm_store_put(): the version of what is not there yet */
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
 * NGX_OK; NGX_DECLINED: version is not 0 and another one is there by now;
 * NGX_BUSY: no room.  json is a checked record.
 */
ngx_int_t ngx_http_litellm_store_put(ngx_shm_zone_t *zone,
    ngx_litellm_principal_e kind, ngx_str_t *id, ngx_str_t *json,
    ngx_uint_t version);
/*
 * The same of what the management API writes.  NGX_ABORT: another key has the
 * record's alias, which is not the one that this key has already, or that of
 * from, whose place it takes (may be NULL).
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


/* called by ngx_http_litellm_zone.c: in a new zone; NULL: no room */
ngx_http_litellm_store_t *ngx_http_litellm_store_create(
    ngx_slab_pool_t *shpool);


#endif /* _NGX_HTTP_LITELLM_STORE_H_INCLUDED_ */
