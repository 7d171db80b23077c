
/*
 * The records that were made at run time, in the shared zone: a tree for each
 * kind, in order of id.  Under the slab mutex there are lookups and copies of
 * one record (64 KB at most), never a walk.  What workers make of them is
 * another file's: ngx_http_litellm_store_cache.c.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_zone.h"
#include "ngx_http_litellm_store.h"


typedef struct {
    ngx_rbtree_node_t              node;
    ngx_uint_t                     version;
    uint32_t                       id_len;
    uint32_t                       len;
    u_char                        *json;
    u_char                         id[1];
} ngx_http_litellm_store_node_t;


struct ngx_http_litellm_store_s {
    ngx_rbtree_t                   trees[NGX_LITELLM_PRINCIPALS];
    ngx_rbtree_node_t              sentinel;
    ngx_atomic_t                   n[NGX_LITELLM_PRINCIPALS];
    ngx_atomic_t                   version;
};


static void ngx_http_litellm_store_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);
static ngx_int_t ngx_http_litellm_store_compare(const u_char *a, size_t alen,
    const u_char *b, size_t blen);
static ngx_http_litellm_store_node_t *ngx_http_litellm_store_lookup_locked(
    ngx_http_litellm_store_t *store, ngx_litellm_principal_e kind,
    ngx_str_t *id);
static ngx_http_litellm_store_node_t *ngx_http_litellm_store_behind_locked(
    ngx_http_litellm_store_t *store, ngx_litellm_principal_e kind,
    ngx_str_t *id);


ngx_http_litellm_store_t *
ngx_http_litellm_store_create(ngx_slab_pool_t *shpool)
{
    ngx_uint_t                 i;
    ngx_http_litellm_store_t  *store;

    store = ngx_slab_calloc(shpool, sizeof(ngx_http_litellm_store_t));
    if (store == NULL) {
        return NULL;
    }

    for (i = 0; i < NGX_LITELLM_PRINCIPALS; i++) {
        ngx_rbtree_init(&store->trees[i], &store->sentinel,
                        ngx_http_litellm_store_insert);
    }

    store->version = 1;

    return store;
}


static ngx_int_t
ngx_http_litellm_store_compare(const u_char *a, size_t alen, const u_char *b,
    size_t blen)
{
    ngx_int_t  rc;

    rc = ngx_memcmp(a, b, ngx_min(alen, blen));

    if (rc != 0) {
        return rc;
    }

    return (alen < blen) ? -1 : (alen > blen);
}


static void
ngx_http_litellm_store_insert(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t              **p;
    ngx_http_litellm_store_node_t   *n, *t;

    n = (ngx_http_litellm_store_node_t *) node;

    for ( ;; ) {
        t = (ngx_http_litellm_store_node_t *) temp;

        p = (ngx_http_litellm_store_compare(n->id, n->id_len, t->id,
                                            t->id_len)
             < 0)
            ? &temp->left : &temp->right;

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


static ngx_http_litellm_store_node_t *
ngx_http_litellm_store_lookup_locked(ngx_http_litellm_store_t *store,
    ngx_litellm_principal_e kind, ngx_str_t *id)
{
    ngx_int_t                       rc;
    ngx_rbtree_node_t              *node;
    ngx_http_litellm_store_node_t  *n;

    node = store->trees[kind].root;

    while (node != &store->sentinel) {
        n = (ngx_http_litellm_store_node_t *) node;

        rc = ngx_http_litellm_store_compare(id->data, id->len, n->id,
                                            n->id_len);
        if (rc == 0) {
            return n;
        }

        node = (rc < 0) ? node->left : node->right;
    }

    return NULL;
}


/* the first one whose id is greater */

static ngx_http_litellm_store_node_t *
ngx_http_litellm_store_behind_locked(ngx_http_litellm_store_t *store,
    ngx_litellm_principal_e kind, ngx_str_t *id)
{
    ngx_rbtree_node_t              *node;
    ngx_http_litellm_store_node_t  *n, *found;

    found = NULL;
    node = store->trees[kind].root;

    while (node != &store->sentinel) {
        n = (ngx_http_litellm_store_node_t *) node;

        if (ngx_http_litellm_store_compare(id->data, id->len, n->id,
                                           n->id_len)
            < 0)
        {
            found = n;
            node = node->left;

        } else {
            node = node->right;
        }
    }

    return found;
}


ngx_int_t
ngx_http_litellm_store_put(ngx_shm_zone_t *zone, ngx_litellm_principal_e kind,
    ngx_str_t *id, ngx_str_t *json, ngx_uint_t version)
{
    u_char                         *text;
    ngx_slab_pool_t                *shpool;
    ngx_http_litellm_store_t       *store;
    ngx_http_litellm_store_node_t  *n;

    if (json->len > NGX_LITELLM_RECORD_MAX) {
        return NGX_BUSY;
    }

    shpool = ngx_http_litellm_zone_pool(zone);
    store = ngx_http_litellm_zone_store(zone);

    ngx_shmtx_lock(&shpool->mutex);

    n = ngx_http_litellm_store_lookup_locked(store, kind, id);

    if (version == NGX_HTTP_LITELLM_STORE_NEW) {

        if (n != NULL) {
            ngx_shmtx_unlock(&shpool->mutex);
            return NGX_DECLINED;
        }

    } else if (version != 0 && (n == NULL || n->version != version)) {
        ngx_shmtx_unlock(&shpool->mutex);
        return NGX_DECLINED;
    }

    text = ngx_slab_alloc_locked(shpool, ngx_max(json->len, 1));

    if (text == NULL) {
        ngx_shmtx_unlock(&shpool->mutex);
        return NGX_BUSY;
    }

    ngx_memcpy(text, json->data, json->len);

    if (n == NULL) {
        n = ngx_slab_alloc_locked(shpool,
                                  offsetof(ngx_http_litellm_store_node_t, id)
                                  + id->len);
        if (n == NULL) {
            ngx_slab_free_locked(shpool, text);
            ngx_shmtx_unlock(&shpool->mutex);
            return NGX_BUSY;
        }

        n->node.key = 0;
        n->id_len = (uint32_t) id->len;
        n->json = NULL;
        ngx_memcpy(n->id, id->data, id->len);

        ngx_rbtree_insert(&store->trees[kind], &n->node);
        store->n[kind]++;
    }

    if (n->json != NULL) {
        ngx_slab_free_locked(shpool, n->json);
    }

    n->json = text;
    n->len = (uint32_t) json->len;
    n->version = ++store->version;

    ngx_shmtx_unlock(&shpool->mutex);

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_store_get(ngx_shm_zone_t *zone, ngx_pool_t *pool,
    ngx_litellm_principal_e kind, ngx_str_t *id, ngx_str_t *json,
    ngx_uint_t *version)
{
    size_t                          size;
    ngx_slab_pool_t                *shpool;
    ngx_http_litellm_store_t       *store;
    ngx_http_litellm_store_node_t  *n;

    shpool = ngx_http_litellm_zone_pool(zone);
    store = ngx_http_litellm_zone_store(zone);

    json->data = NULL;

    for ( ;; ) {

        ngx_shmtx_lock(&shpool->mutex);

        n = ngx_http_litellm_store_lookup_locked(store, kind, id);

        if (n == NULL) {
            ngx_shmtx_unlock(&shpool->mutex);
            return NGX_DECLINED;
        }

        size = n->len;

        if (json->data != NULL && size <= json->len) {
            json->len = size;
            ngx_memcpy(json->data, n->json, size);
            *version = n->version;

            ngx_shmtx_unlock(&shpool->mutex);

            return NGX_OK;
        }

        ngx_shmtx_unlock(&shpool->mutex);

        /* memory is not asked for with the lock held */

        json->len = size;
        json->data = ngx_pnalloc(pool, ngx_max(size, 1));
        if (json->data == NULL) {
            return NGX_ERROR;
        }
    }
}


ngx_int_t
ngx_http_litellm_store_delete(ngx_shm_zone_t *zone,
    ngx_litellm_principal_e kind, ngx_str_t *id)
{
    ngx_slab_pool_t                *shpool;
    ngx_http_litellm_store_t       *store;
    ngx_http_litellm_store_node_t  *n;

    shpool = ngx_http_litellm_zone_pool(zone);
    store = ngx_http_litellm_zone_store(zone);

    ngx_shmtx_lock(&shpool->mutex);

    n = ngx_http_litellm_store_lookup_locked(store, kind, id);

    if (n == NULL) {
        ngx_shmtx_unlock(&shpool->mutex);
        return NGX_DECLINED;
    }

    ngx_rbtree_delete(&store->trees[kind], &n->node);
    ngx_slab_free_locked(shpool, n->json);
    ngx_slab_free_locked(shpool, n);

    store->n[kind]--;
    store->version++;

    ngx_shmtx_unlock(&shpool->mutex);

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_store_next(ngx_shm_zone_t *zone, ngx_pool_t *pool,
    ngx_litellm_principal_e kind, ngx_str_t *id, ngx_str_t *json)
{
    size_t                          size;
    u_char                         *p;
    ngx_slab_pool_t                *shpool;
    ngx_http_litellm_store_t       *store;
    ngx_http_litellm_store_node_t  *n;

    shpool = ngx_http_litellm_zone_pool(zone);
    store = ngx_http_litellm_zone_store(zone);

    p = NULL;
    size = 0;

    for ( ;; ) {

        ngx_shmtx_lock(&shpool->mutex);

        n = ngx_http_litellm_store_behind_locked(store, kind, id);

        if (n == NULL) {
            ngx_shmtx_unlock(&shpool->mutex);
            return NGX_DONE;
        }

        if (p != NULL && n->id_len + n->len <= size) {

            id->data = p;
            id->len = n->id_len;
            json->data = ngx_cpymem(p, n->id, n->id_len);
            json->len = n->len;
            ngx_memcpy(json->data, n->json, n->len);

            ngx_shmtx_unlock(&shpool->mutex);

            return NGX_OK;
        }

        size = n->id_len + n->len;

        ngx_shmtx_unlock(&shpool->mutex);

        p = ngx_pnalloc(pool, ngx_max(size, 1));
        if (p == NULL) {
            return NGX_ERROR;
        }
    }
}


ngx_uint_t
ngx_http_litellm_store_version(ngx_shm_zone_t *zone)
{
    return ngx_http_litellm_zone_store(zone)->version;
}


ngx_uint_t
ngx_http_litellm_store_count(ngx_shm_zone_t *zone,
    ngx_litellm_principal_e kind)
{
    return ngx_http_litellm_zone_store(zone)->n[kind];
}


ngx_uint_t
ngx_http_litellm_store_record(ngx_shm_zone_t *zone,
    ngx_litellm_principal_e kind, ngx_str_t *id, ngx_uint_t *version)
{
    ngx_uint_t                      record;
    ngx_slab_pool_t                *shpool;
    ngx_http_litellm_store_t       *store;
    ngx_http_litellm_store_node_t  *n;

    shpool = ngx_http_litellm_zone_pool(zone);
    store = ngx_http_litellm_zone_store(zone);

    ngx_shmtx_lock(&shpool->mutex);

    n = ngx_http_litellm_store_lookup_locked(store, kind, id);
    record = n ? n->version : 0;
    *version = store->version;

    ngx_shmtx_unlock(&shpool->mutex);

    return record;
}
