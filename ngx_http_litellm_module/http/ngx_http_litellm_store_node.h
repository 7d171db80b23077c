
/*
 * What the files of the store share; nobody else includes it.
 *
 *   ngx_http_litellm_store.c        records by id and alias: found, written
 *   ngx_http_litellm_store_share.c  what has changed, and what others have
 *   ngx_http_litellm_store_name.c   the index of aliases
 *   ngx_http_litellm_store_cache.c  records as structs, of a worker
 *
 * A node is in one of two trees of its kind: of records that are there, and of
 * those that were deleted (json is NULL).
 */

#ifndef _NGX_HTTP_LITELLM_STORE_NODE_H_INCLUDED_
#define _NGX_HTTP_LITELLM_STORE_NODE_H_INCLUDED_


#include "ngx_http_litellm_store.h"
#include "ngx_http_litellm_store_name.h"


typedef struct ngx_http_litellm_store_node_s  ngx_http_litellm_store_node_t;

struct ngx_http_litellm_store_node_s {
    ngx_rbtree_node_t              node;
    ngx_http_litellm_store_name_t  name;       /* a key's alias */
    ngx_uint_t                     version;
    uint64_t                       born;       /* its mark */
    uint64_t                       stamp;
    ngx_http_litellm_store_node_t *next;       /* of the chain of changes */
    u_char                        *json;
    uint32_t                       len;
    uint32_t                       pass;       /* that last saw it in Redis */
    uint16_t                       id_len;
    u_char                         kind;
    u_char                         chained;
    u_char                         changed;    /* nobody was told yet */
    u_char                         synced;     /* it is, or was, in Redis */
    u_char                         id[1];
};


/* what a record is to become */
typedef struct {
    ngx_http_litellm_store_node_t *node;       /* NULL: it is */
    u_char                        *json;
    uint32_t                       len;
    ngx_uint_t                     version;
    uint64_t                       name;
    uint64_t                       born;
    uint64_t                       stamp;
    ngx_uint_t                     changed;
    ngx_uint_t                     synced;
} ngx_http_litellm_store_journal_t;


struct ngx_http_litellm_store_s {
    ngx_rbtree_t                   trees[NGX_LITELLM_PRINCIPALS];
    ngx_rbtree_t                   gone[NGX_LITELLM_PRINCIPALS];
    ngx_rbtree_node_t              sentinel;
    ngx_atomic_t                   n[NGX_LITELLM_PRINCIPALS];
    ngx_atomic_t                   version;
    ngx_http_litellm_store_names_t    names;
    ngx_http_litellm_store_journal_t  journal;
    ngx_uint_t                     shared;     /* changes are told to others */
    uint64_t                       clock;      /* the highest mark */
    ngx_http_litellm_store_node_t *changed;    /* the chain */
    ngx_uint_t                     ngone;
};


/* ngx_http_litellm_store.c */

ngx_http_litellm_store_t *ngx_http_litellm_store_lock(ngx_shm_zone_t *zone);
void ngx_http_litellm_store_unlock(ngx_shm_zone_t *zone);
ngx_http_litellm_store_node_t *ngx_http_litellm_store_lookup_locked(
    ngx_http_litellm_store_t *store, ngx_rbtree_t *tree, ngx_str_t *id);
/* the first one whose id is greater */
ngx_http_litellm_store_node_t *ngx_http_litellm_store_behind_locked(
    ngx_http_litellm_store_t *store, ngx_rbtree_t *tree, ngx_str_t *id);
/* mark NULL: changed here.  NGX_OK, NGX_BUSY: no room */
ngx_int_t ngx_http_litellm_store_write_locked(ngx_http_litellm_store_t *store,
    ngx_slab_pool_t *shpool, ngx_litellm_principal_e kind, ngx_str_t *id,
    ngx_str_t *json, uint64_t name, ngx_http_litellm_store_mark_t *mark);
/* a new one, or what is left of one that was deleted; in no tree */
ngx_http_litellm_store_node_t *ngx_http_litellm_store_node_locked(
    ngx_http_litellm_store_t *store, ngx_slab_pool_t *shpool,
    ngx_litellm_principal_e kind, ngx_str_t *id);

/* ngx_http_litellm_store_share.c */

/* of a change that is made now: later than all that were seen */
uint64_t ngx_http_litellm_store_tick_locked(ngx_http_litellm_store_t *store);
/* others are to be told of it */
void ngx_http_litellm_store_change_locked(ngx_http_litellm_store_t *store,
    ngx_http_litellm_store_node_t *n);
/* from what is there to what is gone; its mark and flags are the caller's */
void ngx_http_litellm_store_bury_locked(ngx_http_litellm_store_t *store,
    ngx_slab_pool_t *shpool, ngx_http_litellm_store_node_t *n);
/* nobody needs to know of it any more */
void ngx_http_litellm_store_free_locked(ngx_http_litellm_store_t *store,
    ngx_slab_pool_t *shpool, ngx_http_litellm_store_node_t *n);


#endif /* _NGX_HTTP_LITELLM_STORE_NODE_H_INCLUDED_ */
