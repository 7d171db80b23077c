
/*
 * What an entry of the shared zone begins with that is looked up by a digest:
 * a node of an rbtree that is made with ngx_http_litellm_zone_node_insert().
 * Callers hold the slab mutex.
 */

#ifndef _NGX_HTTP_LITELLM_ZONE_NODE_H_INCLUDED_
#define _NGX_HTTP_LITELLM_ZONE_NODE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* a name in the zone: SHA-1 of what it stands for */
typedef struct {
    u_char                       sha1[20];
} ngx_http_litellm_zone_key_t;


/* the first member of the entry */
typedef struct {
    ngx_rbtree_node_t            node;      /* key: the digest's beginning */
    ngx_http_litellm_zone_key_t  key;
} ngx_http_litellm_zone_node_t;


void ngx_http_litellm_zone_node_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);

/* the key must not be in the tree */
void ngx_http_litellm_zone_node_add(ngx_rbtree_t *tree,
    ngx_http_litellm_zone_node_t *zn, ngx_http_litellm_zone_key_t *key);

/* NULL: it is not there */
void *ngx_http_litellm_zone_node_find(ngx_rbtree_t *tree,
    ngx_http_litellm_zone_key_t *key);


#endif /* _NGX_HTTP_LITELLM_ZONE_NODE_H_INCLUDED_ */
