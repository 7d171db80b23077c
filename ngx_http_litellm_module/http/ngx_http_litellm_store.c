
/*
 * The records that were made at run time, in the shared zone: a tree for each
 * kind, in order of id, and keys by their aliases.  Under the slab mutex there
 * are lookups and copies of one record (64 KB at most), never a walk.  What
 * workers make of them is another file's: ngx_http_litellm_store_cache.c.
 *
 * A change of a record that is there is written to the journal before; if its
 * process is killed, the next one to take the lock does it.  Each has a mark of
 * when it was made, so that gateways that share records agree on the last one:
 * ngx_http_litellm_store_share.c.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_zone.h"
#include "ngx_http_litellm_store_node.h"


static void ngx_http_litellm_store_finish_locked(
    ngx_http_litellm_store_t *store);
static ngx_uint_t ngx_http_litellm_store_taken_locked(
    ngx_http_litellm_store_t *store, ngx_str_t *id, ngx_str_t *from,
    uint64_t name);
static void ngx_http_litellm_store_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);
static ngx_int_t ngx_http_litellm_store_compare(const u_char *a, size_t alen,
    const u_char *b, size_t blen);


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
        ngx_rbtree_init(&store->gone[i], &store->sentinel,
                        ngx_http_litellm_store_insert);
    }

    store->version = 1;

    if (ngx_http_litellm_store_names_init(&store->names, shpool) != NGX_OK) {
        return NULL;
    }

    return store;
}


ngx_http_litellm_store_t *
ngx_http_litellm_store_lock(ngx_shm_zone_t *zone)
{
    ngx_http_litellm_store_t  *store;

    store = ngx_http_litellm_zone_store(zone);

    ngx_shmtx_lock(&ngx_http_litellm_zone_pool(zone)->mutex);

    if (store->journal.node != NULL) {
        ngx_http_litellm_store_finish_locked(store);
    }

    return store;
}


void
ngx_http_litellm_store_unlock(ngx_shm_zone_t *zone)
{
    ngx_shmtx_unlock(&ngx_http_litellm_zone_pool(zone)->mutex);
}


/* what the journal says; it may have been done in part */

static void
ngx_http_litellm_store_finish_locked(ngx_http_litellm_store_t *store)
{
    ngx_http_litellm_store_node_t     *n;
    ngx_http_litellm_store_journal_t  *j;

    j = &store->journal;
    n = j->node;

    ngx_http_litellm_store_name_unlink(&store->names, &n->name);

    n->json = j->json;
    n->len = j->len;
    n->version = j->version;
    n->born = j->born;
    n->stamp = j->stamp;
    n->synced = (u_char) j->synced;

    if (j->name) {
        ngx_http_litellm_store_name_link(&store->names, &n->name, j->name);
    }

    if (j->changed) {
        ngx_http_litellm_store_change_locked(store, n);

    } else {
        n->changed = 0;
    }

    ngx_memory_barrier();
    j->node = NULL;
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


ngx_http_litellm_store_node_t *
ngx_http_litellm_store_lookup_locked(ngx_http_litellm_store_t *store,
    ngx_rbtree_t *tree, ngx_str_t *id)
{
    ngx_int_t                       rc;
    ngx_rbtree_node_t              *node;
    ngx_http_litellm_store_node_t  *n;

    node = tree->root;

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


ngx_http_litellm_store_node_t *
ngx_http_litellm_store_behind_locked(ngx_http_litellm_store_t *store,
    ngx_rbtree_t *tree, ngx_str_t *id)
{
    ngx_rbtree_node_t              *node;
    ngx_http_litellm_store_node_t  *n, *found;

    found = NULL;
    node = tree->root;

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
ngx_http_litellm_store_put_unique(ngx_shm_zone_t *zone,
    ngx_litellm_principal_e kind, ngx_str_t *id, ngx_str_t *json,
    ngx_uint_t version, ngx_str_t *from)
{
    uint64_t                        name;
    ngx_int_t                       rc;
    ngx_http_litellm_store_t       *store;
    ngx_http_litellm_store_node_t  *n;

    if (json->len > NGX_LITELLM_RECORD_MAX) {
        return NGX_BUSY;
    }

    name = 0;
    store = ngx_http_litellm_zone_store(zone);

    if (kind == NGX_LITELLM_KEY
        && ngx_http_litellm_store_name_of(&store->names, json, &name)
           != NGX_OK)
    {
        return NGX_BUSY;
    }

    store = ngx_http_litellm_store_lock(zone);

    n = ngx_http_litellm_store_lookup_locked(store, &store->trees[kind], id);

    if ((version == NGX_HTTP_LITELLM_STORE_NEW)
        ? (n != NULL)
        : (version != 0 && (n == NULL || n->version != version)))
    {
        rc = NGX_DECLINED;

    } else if (name
               && ngx_http_litellm_store_taken_locked(store, id, from, name))
    {
        rc = NGX_ABORT;

    } else {
        rc = ngx_http_litellm_store_write_locked(store,
                                           ngx_http_litellm_zone_pool(zone),
                                           kind, id, json, name, NULL);
    }

    ngx_http_litellm_store_unlock(zone);

    return rc;
}


ngx_int_t
ngx_http_litellm_store_write_locked(ngx_http_litellm_store_t *store,
    ngx_slab_pool_t *shpool, ngx_litellm_principal_e kind, ngx_str_t *id,
    ngx_str_t *json, uint64_t name, ngx_http_litellm_store_mark_t *mark)
{
    u_char                            *text, *old;
    ngx_uint_t                         made;
    ngx_http_litellm_store_node_t     *n;
    ngx_http_litellm_store_journal_t  *j;

    n = ngx_http_litellm_store_lookup_locked(store, &store->trees[kind], id);
    made = (n == NULL);

    text = ngx_slab_alloc_locked(shpool, ngx_max(json->len, 1));

    if (text == NULL) {
        return NGX_BUSY;
    }

    ngx_memcpy(text, json->data, json->len);

    if (made) {
        n = ngx_http_litellm_store_node_locked(store, shpool, kind, id);
        if (n == NULL) {
            ngx_slab_free_locked(shpool, text);
            return NGX_BUSY;
        }

        n->json = text;
        n->len = (uint32_t) json->len;

        ngx_rbtree_insert(&store->trees[kind], &n->node);
        store->n[kind]++;
    }

    old = n->json;
    j = &store->journal;

    j->json = text;
    j->len = (uint32_t) json->len;
    j->version = ++store->version;
    j->name = name;

    if (mark != NULL) {
        j->born = mark->born;
        j->stamp = mark->stamp;
        j->changed = mark->changed;
        j->synced = mark->synced;

        store->clock = ngx_max(store->clock, ngx_max(j->born, j->stamp));

    } else {
        j->stamp = ngx_http_litellm_store_tick_locked(store);
        j->born = made ? j->stamp : n->born;
        j->changed = store->shared;
        j->synced = made ? 0 : n->synced;
    }

    ngx_memory_barrier();
    j->node = n;
    ngx_memory_barrier();

    ngx_http_litellm_store_finish_locked(store);

    if (old != text) {
        ngx_slab_free_locked(shpool, old);
    }

    return NGX_OK;
}


ngx_http_litellm_store_node_t *
ngx_http_litellm_store_node_locked(ngx_http_litellm_store_t *store,
    ngx_slab_pool_t *shpool, ngx_litellm_principal_e kind, ngx_str_t *id)
{
    ngx_http_litellm_store_node_t  *n;

    n = ngx_http_litellm_store_lookup_locked(store, &store->gone[kind], id);

    if (n != NULL) {
        ngx_rbtree_delete(&store->gone[kind], &n->node);
        store->ngone--;

        return n;
    }

    n = ngx_slab_calloc_locked(shpool,
                               offsetof(ngx_http_litellm_store_node_t, id)
                               + id->len);
    if (n == NULL) {
        return NULL;
    }

    n->version = store->version;
    n->kind = (u_char) kind;
    n->id_len = (uint16_t) id->len;
    ngx_memcpy(n->id, id->data, id->len);

    return n;
}


/* does another key have this alias, if it is not the one it has already? */

static ngx_uint_t
ngx_http_litellm_store_taken_locked(ngx_http_litellm_store_t *store,
    ngx_str_t *id, ngx_str_t *from, uint64_t name)
{
    ngx_http_litellm_store_node_t  *n;

    n = ngx_http_litellm_store_lookup_locked(store,
                                             &store->trees[NGX_LITELLM_KEY],
                                             from ? from : id);

    if (n != NULL && n->name.hash == name) {
        return 0;
    }

    return ngx_http_litellm_store_name_next(&store->names, NULL, name) != NULL;
}


ngx_int_t
ngx_http_litellm_store_alias(ngx_shm_zone_t *zone, ngx_str_t *alias,
    ngx_str_t *id, u_char *buf)
{
    uint64_t                        hash;
    ngx_http_litellm_store_t       *store;
    ngx_http_litellm_store_node_t  *n, *found;
    ngx_http_litellm_store_name_t  *name;

    store = ngx_http_litellm_zone_store(zone);
    hash = ngx_http_litellm_store_name_hash(&store->names, alias);

    (void) ngx_http_litellm_store_lock(zone);

    found = NULL;
    name = NULL;

    for ( ;; ) {
        name = ngx_http_litellm_store_name_next(&store->names, name, hash);

        if (name == NULL) {
            break;
        }

        n = (ngx_http_litellm_store_node_t *)
              ((u_char *) name - offsetof(ngx_http_litellm_store_node_t, name));

        if (ngx_http_litellm_store_compare(id->data, id->len, n->id, n->id_len)
            < 0
            && (found == NULL
                || ngx_http_litellm_store_compare(n->id, n->id_len, found->id,
                                                  found->id_len)
                   < 0))
        {
            found = n;
        }
    }

    if (found != NULL) {
        id->data = buf;
        id->len = ngx_min(found->id_len, NGX_HTTP_LITELLM_STORE_ID);
        ngx_memcpy(buf, found->id, id->len);
    }

    ngx_http_litellm_store_unlock(zone);

    return found ? NGX_OK : NGX_DONE;
}


ngx_int_t
ngx_http_litellm_store_get(ngx_shm_zone_t *zone, ngx_pool_t *pool,
    ngx_litellm_principal_e kind, ngx_str_t *id, ngx_str_t *json,
    ngx_uint_t *version)
{
    size_t                          size;
    ngx_http_litellm_store_t       *store;
    ngx_http_litellm_store_node_t  *n;

    json->data = NULL;

    for ( ;; ) {

        store = ngx_http_litellm_store_lock(zone);

        n = ngx_http_litellm_store_lookup_locked(store, &store->trees[kind],
                                                 id);

        if (n == NULL) {
            ngx_http_litellm_store_unlock(zone);
            return NGX_DECLINED;
        }

        size = n->len;

        if (json->data != NULL && size <= json->len) {
            json->len = size;
            ngx_memcpy(json->data, n->json, size);
            *version = n->version;

            ngx_http_litellm_store_unlock(zone);

            return NGX_OK;
        }

        ngx_http_litellm_store_unlock(zone);

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
    store = ngx_http_litellm_store_lock(zone);

    n = ngx_http_litellm_store_lookup_locked(store, &store->trees[kind], id);

    if (n == NULL) {
        ngx_http_litellm_store_unlock(zone);
        return NGX_DECLINED;
    }

    ngx_http_litellm_store_bury_locked(store, shpool, n);

    if (store->shared) {
        n->stamp = ngx_http_litellm_store_tick_locked(store);
        n->born = n->stamp;
        n->synced = 0;

        ngx_http_litellm_store_change_locked(store, n);

    } else {
        ngx_http_litellm_store_free_locked(store, shpool, n);
    }

    ngx_http_litellm_store_unlock(zone);

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_store_next(ngx_shm_zone_t *zone, ngx_pool_t *pool,
    ngx_litellm_principal_e kind, ngx_str_t *id, ngx_str_t *json)
{
    size_t                          size;
    u_char                         *p;
    ngx_http_litellm_store_t       *store;
    ngx_http_litellm_store_node_t  *n;

    p = NULL;
    size = 0;

    for ( ;; ) {

        store = ngx_http_litellm_store_lock(zone);

        n = ngx_http_litellm_store_behind_locked(store, &store->trees[kind],
                                                 id);

        if (n == NULL) {
            ngx_http_litellm_store_unlock(zone);
            return NGX_DONE;
        }

        if (p != NULL && n->id_len + n->len <= size) {

            id->data = p;
            id->len = n->id_len;
            json->data = ngx_cpymem(p, n->id, n->id_len);
            json->len = n->len;
            ngx_memcpy(json->data, n->json, n->len);

            ngx_http_litellm_store_unlock(zone);

            return NGX_OK;
        }

        size = n->id_len + n->len;

        ngx_http_litellm_store_unlock(zone);

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
    ngx_http_litellm_store_t       *store;
    ngx_http_litellm_store_node_t  *n;

    store = ngx_http_litellm_store_lock(zone);

    n = ngx_http_litellm_store_lookup_locked(store, &store->trees[kind], id);
    record = n ? n->version : 0;
    *version = store->version;

    ngx_http_litellm_store_unlock(zone);

    return record;
}
