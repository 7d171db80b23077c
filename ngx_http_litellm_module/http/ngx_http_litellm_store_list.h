
/*
 * Records of the store in order of id: a list with shortcuts (a skip list), in
 * the shared zone.
 *
 * Level 0 has all nodes, each level above it about a quarter of those below.  A
 * node is put into a level, and taken out, by one store, into the lowest first
 * and out of it last: a process may be killed at any instruction, and what is
 * found is right.  Both may be done again: then what is missing is done.  All
 * of it is under the store's lock.
 */

#ifndef _NGX_HTTP_LITELLM_STORE_LIST_H_INCLUDED_
#define _NGX_HTTP_LITELLM_STORE_LIST_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_HTTP_LITELLM_STORE_LEVELS  10


typedef struct ngx_http_litellm_store_node_s  ngx_http_litellm_store_node_t;


typedef struct {
    ngx_http_litellm_store_node_t  *first[NGX_HTTP_LITELLM_STORE_LEVELS];
} ngx_http_litellm_store_list_t;


ngx_int_t ngx_http_litellm_store_compare(const u_char *a, size_t alen,
    const u_char *b, size_t blen);

/* levels that a node is in: of a hash that nobody outside can know */
ngx_uint_t ngx_http_litellm_store_list_height(uint64_t hash);

/* NULL: it is not there */
ngx_http_litellm_store_node_t *ngx_http_litellm_store_list_find(
    ngx_http_litellm_store_list_t *list, ngx_str_t *id);
/* the first one whose id is greater */
ngx_http_litellm_store_node_t *ngx_http_litellm_store_list_behind(
    ngx_http_litellm_store_list_t *list, ngx_str_t *id);

/* no other one of its id is in the list */
void ngx_http_litellm_store_list_insert(ngx_http_litellm_store_list_t *list,
    ngx_http_litellm_store_node_t *n);
void ngx_http_litellm_store_list_remove(ngx_http_litellm_store_list_t *list,
    ngx_http_litellm_store_node_t *n);


#endif /* _NGX_HTTP_LITELLM_STORE_LIST_H_INCLUDED_ */
