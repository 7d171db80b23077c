
/*
 * What the files of the store share; nobody else includes it.
 *
 *   ngx_http_litellm_store.c        records by id and alias: found, written
 *   ngx_http_litellm_store_share.c  what has changed, and what others have
 *   ngx_http_litellm_store_list.c   records in order of id
 *   ngx_http_litellm_store_name.c   the index of aliases
 *   ngx_http_litellm_store_cache.c  records as structs, of a worker
 *
 * A node is in one of two lists of its kind: of records that are there, and of
 * those that were deleted (json is NULL).
 *
 * A process may be killed at any instruction.  A record is changed by a draft
 * in the journal and a commit; whoever takes the lock next does what was
 * committed, so that it was done as a whole or not at all.  What remains is the
 * slab pool, which is nginx's and can't be repaired, and the text that it gave
 * or took back in the moment of death, which is lost.
 */

#ifndef _NGX_HTTP_LITELLM_STORE_NODE_H_INCLUDED_
#define _NGX_HTTP_LITELLM_STORE_NODE_H_INCLUDED_


#include "ngx_http_litellm_store.h"
#include "ngx_http_litellm_store_list.h"
#include "ngx_http_litellm_store_name.h"


/* where a node is */
typedef enum {
    NGX_HTTP_LITELLM_STORE_NOWHERE = 0,
    NGX_HTTP_LITELLM_STORE_THERE,
    NGX_HTTP_LITELLM_STORE_GONE
} ngx_http_litellm_store_where_e;


struct ngx_http_litellm_store_node_s {
    u_char                        *id;         /* behind the links */
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
    u_char                         where;      /* ..._where_e */
    u_char                         chained;
    u_char                         changed;    /* nobody was told yet */
    u_char                         synced;     /* it is, or was, in Redis */
    u_char                         height;     /* links of it */
    ngx_http_litellm_store_node_t *links[1];
};


typedef struct {
    ngx_http_litellm_store_node_t *node;       /* NULL: nothing to be done */

    /* what it is to become */
    u_char                        *json;
    u_char                        *old;        /* its text, if another takes
                                                  its place */
    uint32_t                       len;
    uint32_t                       pass;
    ngx_uint_t                     version;
    uint64_t                       name;
    uint64_t                       born;
    uint64_t                       stamp;
    ngx_uint_t                     changed;
    ngx_uint_t                     synced;
    ngx_uint_t                     where;
    ngx_uint_t                     n;          /* of the store */
    ngx_uint_t                     ngone;

    /* memory of the slab pool that nobody uses: a text and a node */
    void                          *loose[2];

    /* on its way out of the chain */
    ngx_http_litellm_store_node_t  *out;
    ngx_http_litellm_store_node_t  *out_next;
    ngx_http_litellm_store_node_t **out_link;
} ngx_http_litellm_store_journal_t;


struct ngx_http_litellm_store_s {
    ngx_http_litellm_store_list_t  there[NGX_LITELLM_PRINCIPALS];
    ngx_http_litellm_store_list_t  gone[NGX_LITELLM_PRINCIPALS];
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
/* it is there, or was */
ngx_http_litellm_store_node_t *ngx_http_litellm_store_any_locked(
    ngx_http_litellm_store_t *store, ngx_litellm_principal_e kind,
    ngx_str_t *id);
/* mark NULL: changed here.  NGX_OK, NGX_BUSY: no room */
ngx_int_t ngx_http_litellm_store_write_locked(ngx_http_litellm_store_t *store,
    ngx_slab_pool_t *shpool, ngx_litellm_principal_e kind, ngx_str_t *id,
    ngx_str_t *json, uint64_t name, ngx_http_litellm_store_mark_t *mark);
/* one that is nowhere yet: loose memory until it is committed */
ngx_http_litellm_store_node_t *ngx_http_litellm_store_node_locked(
    ngx_http_litellm_store_t *store, ngx_slab_pool_t *shpool,
    ngx_litellm_principal_e kind, ngx_str_t *id);

/* the journal with the record as it is, and the record as the journal says */
ngx_http_litellm_store_journal_t *ngx_http_litellm_store_draft_locked(
    ngx_http_litellm_store_t *store, ngx_http_litellm_store_node_t *n);
void ngx_http_litellm_store_commit_locked(ngx_http_litellm_store_t *store,
    ngx_slab_pool_t *shpool, ngx_http_litellm_store_node_t *n);

/* ngx_http_litellm_store_share.c */

/* of a change that is made now: later than all that were seen */
uint64_t ngx_http_litellm_store_tick_locked(ngx_http_litellm_store_t *store);
/* others are to be told of it */
void ngx_http_litellm_store_change_locked(ngx_http_litellm_store_t *store,
    ngx_http_litellm_store_node_t *n);
/* the chain, behind one who was killed */
void ngx_http_litellm_store_chain_locked(ngx_http_litellm_store_t *store);
/* drafts: from what is there to what is gone (its mark and flags are the
   caller's), and of one that is, nobody needs to know any more */
ngx_http_litellm_store_journal_t *ngx_http_litellm_store_bury_locked(
    ngx_http_litellm_store_t *store, ngx_http_litellm_store_node_t *n);
void ngx_http_litellm_store_forget_locked(
    ngx_http_litellm_store_journal_t *j, ngx_http_litellm_store_node_t *n);


#endif /* _NGX_HTTP_LITELLM_STORE_NODE_H_INCLUDED_ */
