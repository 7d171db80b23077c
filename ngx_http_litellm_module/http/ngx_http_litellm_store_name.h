
/*
 * Keys of the store by their aliases: ngx_http_litellm_store.c links them here.
 *
 * A hash table whose key nobody outside knows, made for as many keys as the
 * zone holds.  A name is put into its chain, and taken out, by one store: a
 * process may be killed at any instruction, and the chain is whole.  All of it
 * but the hashes is under the store's lock.
 */

#ifndef _NGX_HTTP_LITELLM_STORE_NAME_H_INCLUDED_
#define _NGX_HTTP_LITELLM_STORE_NAME_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct ngx_http_litellm_store_name_s  ngx_http_litellm_store_name_t;

/* a part of the record's node */
struct ngx_http_litellm_store_name_s {
    ngx_http_litellm_store_name_t   *next;
    uint64_t                         hash;      /* 0: not in a chain */
};


typedef struct {
    uint64_t                         key[2];
    ngx_http_litellm_store_name_t  **chains;
    ngx_uint_t                       mask;
} ngx_http_litellm_store_names_t;


/* in a new zone; NGX_ERROR: no room */
ngx_int_t ngx_http_litellm_store_names_init(
    ngx_http_litellm_store_names_t *names, ngx_slab_pool_t *shpool);

/* of an alias that is not empty; never 0 */
uint64_t ngx_http_litellm_store_name_hash(
    ngx_http_litellm_store_names_t *names, ngx_str_t *alias);
/* of the alias of a key's record, 0 without one; NGX_OK or NGX_ERROR */
ngx_int_t ngx_http_litellm_store_name_of(
    ngx_http_litellm_store_names_t *names, ngx_str_t *json, uint64_t *hash);

/* not linked before; a name that too many have already stays outside */
void ngx_http_litellm_store_name_link(ngx_http_litellm_store_names_t *names,
    ngx_http_litellm_store_name_t *name, uint64_t hash);
/* one that is not linked may be given */
void ngx_http_litellm_store_name_unlink(ngx_http_litellm_store_names_t *names,
    ngx_http_litellm_store_name_t *name);
/* the next one of that hash behind name (NULL: the first); NULL: no more */
ngx_http_litellm_store_name_t *ngx_http_litellm_store_name_next(
    ngx_http_litellm_store_names_t *names, ngx_http_litellm_store_name_t *name,
    uint64_t hash);


#endif /* _NGX_HTTP_LITELLM_STORE_NAME_H_INCLUDED_ */
