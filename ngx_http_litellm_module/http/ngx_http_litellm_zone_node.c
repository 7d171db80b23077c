
/*
 * rbtrees of the shared zone whose keys are SHA-1 digests: the beginning of
 * the digest is nginx's key of a node, the whole of it decides among those of
 * the same beginning, so that an entry has one place only.  Used by all that
 * is in the zone by name; entries begin with ngx_http_litellm_zone_node_t.
 */

#include "ngx_http_litellm_zone_node.h"


static ngx_rbtree_key_t ngx_http_litellm_zone_node_hash(
    ngx_http_litellm_zone_key_t *key);


static ngx_rbtree_key_t
ngx_http_litellm_zone_node_hash(ngx_http_litellm_zone_key_t *key)
{
    return ((ngx_rbtree_key_t) key->sha1[0] << 24) | (key->sha1[1] << 16)
           | (key->sha1[2] << 8) | key->sha1[3];
}


void
ngx_http_litellm_zone_node_add(ngx_rbtree_t *tree,
    ngx_http_litellm_zone_node_t *zn, ngx_http_litellm_zone_key_t *key)
{
    zn->key = *key;
    zn->node.key = ngx_http_litellm_zone_node_hash(key);

    ngx_rbtree_insert(tree, &zn->node);
}


void *
ngx_http_litellm_zone_node_find(ngx_rbtree_t *tree,
    ngx_http_litellm_zone_key_t *key)
{
    ngx_int_t                      rc;
    ngx_rbtree_key_t               hash;
    ngx_rbtree_node_t             *node;
    ngx_http_litellm_zone_node_t  *zn;

    hash = ngx_http_litellm_zone_node_hash(key);
    node = tree->root;

    while (node != tree->sentinel) {

        if (hash != node->key) {
            node = (hash < node->key) ? node->left : node->right;
            continue;
        }

        zn = (ngx_http_litellm_zone_node_t *) node;

        rc = ngx_memcmp(key->sha1, zn->key.sha1, sizeof(key->sha1));

        if (rc == 0) {
            return zn;
        }

        node = (rc < 0) ? node->left : node->right;
    }

    return NULL;
}


void
ngx_http_litellm_zone_node_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t             **p;
    ngx_http_litellm_zone_node_t   *zn, *other;

    for ( ;; ) {

        if (node->key != temp->key) {
            p = (node->key < temp->key) ? &temp->left : &temp->right;

        } else {
            zn = (ngx_http_litellm_zone_node_t *) node;
            other = (ngx_http_litellm_zone_node_t *) temp;

            p = (ngx_memcmp(zn->key.sha1, other->key.sha1,
                            sizeof(zn->key.sha1))
                 < 0)
                ? &temp->left : &temp->right;
        }

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}
