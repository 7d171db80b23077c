
/*
 * The records that were made at run time, in the shared zone: a list for each
 * kind, in order of id, and keys by their aliases.  Under the slab mutex there
 * are lookups and copies of one record (64 KB at most), never a walk.  What
 * workers make of them is another file's: ngx_http_litellm_store_cache.c.
 *
 * A change is written to the journal before; if its process is killed, the next
 * one to take the lock does it.  Each has a mark of when it was made, so that
 * gateways that share records agree on the last one:
 * ngx_http_litellm_store_share.c.
 */

#include "ngx_http_litellm_zone.h"
#include "ngx_http_litellm_store_node.h"
#include "ngx_litellm_siphash.h"


static void ngx_http_litellm_store_recover_locked(
    ngx_http_litellm_store_t *store, ngx_slab_pool_t *shpool);
static void ngx_http_litellm_store_finish_locked(
    ngx_http_litellm_store_t *store);
static void ngx_http_litellm_store_release_locked(
    ngx_http_litellm_store_t *store, ngx_slab_pool_t *shpool);
static ngx_uint_t ngx_http_litellm_store_taken_locked(
    ngx_http_litellm_store_t *store, ngx_str_t *id, ngx_str_t *from,
    uint64_t name);


ngx_http_litellm_store_t *
ngx_http_litellm_store_create(ngx_slab_pool_t *shpool)
{
    ngx_http_litellm_store_t  *store;

    store = ngx_slab_calloc(shpool, sizeof(ngx_http_litellm_store_t));
    if (store == NULL) {
        return NULL;
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
    ngx_slab_pool_t                   *shpool;
    ngx_http_litellm_store_t          *store;
    ngx_http_litellm_store_journal_t  *j;

    store = ngx_http_litellm_zone_store(zone);
    shpool = ngx_http_litellm_zone_pool(zone);

    ngx_shmtx_lock(&shpool->mutex);

    j = &store->journal;

    if (j->node != NULL || j->loose[0] != NULL || j->loose[1] != NULL
        || j->out != NULL
        || (store->changed != NULL && !store->changed->chained))
    {
        ngx_http_litellm_store_recover_locked(store, shpool);
    }

    return store;
}


void
ngx_http_litellm_store_unlock(ngx_shm_zone_t *zone)
{
    ngx_shmtx_unlock(&ngx_http_litellm_zone_pool(zone)->mutex);
}


/* what one who was killed has not come to */

static void
ngx_http_litellm_store_recover_locked(ngx_http_litellm_store_t *store,
    ngx_slab_pool_t *shpool)
{
    ngx_http_litellm_store_chain_locked(store);

    if (store->journal.node != NULL) {
        ngx_http_litellm_store_finish_locked(store);
    }

    ngx_http_litellm_store_release_locked(store, shpool);
}


ngx_http_litellm_store_journal_t *
ngx_http_litellm_store_draft_locked(ngx_http_litellm_store_t *store,
    ngx_http_litellm_store_node_t *n)
{
    ngx_http_litellm_store_journal_t  *j;

    j = &store->journal;

    j->json = n->json;
    j->old = NULL;
    j->len = n->len;
    j->pass = n->pass;
    j->version = n->version;
    j->name = n->name.hash;
    j->born = n->born;
    j->stamp = n->stamp;
    j->changed = n->changed;
    j->synced = n->synced;
    j->where = n->where;

    return j;
}


void
ngx_http_litellm_store_commit_locked(ngx_http_litellm_store_t *store,
    ngx_slab_pool_t *shpool, ngx_http_litellm_store_node_t *n)
{
    ngx_http_litellm_store_journal_t  *j;

    j = &store->journal;

    j->n = store->n[n->kind]
           + (j->where == NGX_HTTP_LITELLM_STORE_THERE)
           - (n->where == NGX_HTTP_LITELLM_STORE_THERE);

    j->ngone = store->ngone
               + (j->where == NGX_HTTP_LITELLM_STORE_GONE)
               - (n->where == NGX_HTTP_LITELLM_STORE_GONE);

    ngx_memory_barrier();
    j->node = n;
    ngx_memory_barrier();

    ngx_http_litellm_store_finish_locked(store);
    ngx_http_litellm_store_release_locked(store, shpool);
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
    n->pass = j->pass;
    n->version = j->version;
    n->born = j->born;
    n->stamp = j->stamp;
    n->synced = (u_char) j->synced;

    if (n->where != j->where) {

        if (n->where == NGX_HTTP_LITELLM_STORE_THERE) {
            ngx_http_litellm_store_list_remove(&store->there[n->kind], n);

        } else if (n->where == NGX_HTTP_LITELLM_STORE_GONE) {
            ngx_http_litellm_store_list_remove(&store->gone[n->kind], n);
        }

        if (j->where == NGX_HTTP_LITELLM_STORE_THERE) {
            ngx_http_litellm_store_list_insert(&store->there[n->kind], n);

        } else if (j->where == NGX_HTTP_LITELLM_STORE_GONE) {
            ngx_http_litellm_store_list_insert(&store->gone[n->kind], n);
        }

        ngx_memory_barrier();
        n->where = (u_char) j->where;
    }

    store->n[n->kind] = j->n;
    store->ngone = j->ngone;

    if (j->name) {
        ngx_http_litellm_store_name_link(&store->names, &n->name, j->name);
    }

    if (j->changed) {
        ngx_http_litellm_store_change_locked(store, n);

    } else {
        n->changed = 0;
    }

    j->loose[0] = j->old;
    j->loose[1] = (j->where == NGX_HTTP_LITELLM_STORE_NOWHERE) ? n : NULL;

    ngx_memory_barrier();
    j->node = NULL;
    ngx_memory_barrier();
}


/* lost rather than freed twice */

static void
ngx_http_litellm_store_release_locked(ngx_http_litellm_store_t *store,
    ngx_slab_pool_t *shpool)
{
    void        *p;
    ngx_uint_t   i;

    for (i = 0; i < 2; i++) {
        p = store->journal.loose[i];

        if (p != NULL) {
            store->journal.loose[i] = NULL;
            ngx_memory_barrier();
            ngx_slab_free_locked(shpool, p);
        }
    }
}


ngx_http_litellm_store_node_t *
ngx_http_litellm_store_any_locked(ngx_http_litellm_store_t *store,
    ngx_litellm_principal_e kind, ngx_str_t *id)
{
    ngx_http_litellm_store_node_t  *n;

    n = ngx_http_litellm_store_list_find(&store->there[kind], id);

    return n ? n : ngx_http_litellm_store_list_find(&store->gone[kind], id);
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

    n = ngx_http_litellm_store_list_find(&store->there[kind], id);

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
    u_char                            *text;
    ngx_uint_t                         made;
    ngx_http_litellm_store_node_t     *n;
    ngx_http_litellm_store_journal_t  *j;

    text = ngx_slab_alloc_locked(shpool, ngx_max(json->len, 1));

    if (text == NULL) {
        return NGX_BUSY;
    }

    store->journal.loose[0] = text;
    ngx_memory_barrier();

    ngx_memcpy(text, json->data, json->len);

    n = ngx_http_litellm_store_any_locked(store, kind, id);

    if (n == NULL) {
        n = ngx_http_litellm_store_node_locked(store, shpool, kind, id);

        if (n == NULL) {
            ngx_http_litellm_store_release_locked(store, shpool);
            return NGX_BUSY;
        }
    }

    made = (n->where != NGX_HTTP_LITELLM_STORE_THERE);

    j = ngx_http_litellm_store_draft_locked(store, n);

    j->json = text;
    j->len = (uint32_t) json->len;
    j->old = n->json;
    j->version = ++store->version;
    j->name = name;
    j->where = NGX_HTTP_LITELLM_STORE_THERE;

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

    ngx_http_litellm_store_commit_locked(store, shpool, n);

    return NGX_OK;
}


ngx_http_litellm_store_node_t *
ngx_http_litellm_store_node_locked(ngx_http_litellm_store_t *store,
    ngx_slab_pool_t *shpool, ngx_litellm_principal_e kind, ngx_str_t *id)
{
    size_t                          size;
    ngx_uint_t                      height;
    ngx_http_litellm_store_node_t  *n;

    height = ngx_http_litellm_store_list_height(
                 ngx_litellm_siphash(store->names.key, kind, id->data,
                                     id->len));

    size = offsetof(ngx_http_litellm_store_node_t, links)
           + height * sizeof(ngx_http_litellm_store_node_t *);

    n = ngx_slab_calloc_locked(shpool, size + id->len);
    if (n == NULL) {
        return NULL;
    }

    store->journal.loose[1] = n;
    ngx_memory_barrier();

    n->version = store->version;
    n->kind = (u_char) kind;
    n->height = (u_char) height;
    n->id = (u_char *) n + size;
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

    n = ngx_http_litellm_store_list_find(&store->there[NGX_LITELLM_KEY],
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

        n = ngx_http_litellm_store_list_find(&store->there[kind], id);

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
    ngx_slab_pool_t                   *shpool;
    ngx_http_litellm_store_t          *store;
    ngx_http_litellm_store_node_t     *n;
    ngx_http_litellm_store_journal_t  *j;

    shpool = ngx_http_litellm_zone_pool(zone);
    store = ngx_http_litellm_store_lock(zone);

    n = ngx_http_litellm_store_list_find(&store->there[kind], id);

    if (n == NULL) {
        ngx_http_litellm_store_unlock(zone);
        return NGX_DECLINED;
    }

    j = ngx_http_litellm_store_bury_locked(store, n);

    if (store->shared) {
        j->stamp = ngx_http_litellm_store_tick_locked(store);
        j->born = j->stamp;
        j->synced = 0;
        j->changed = 1;

    } else {
        ngx_http_litellm_store_forget_locked(j, n);
    }

    ngx_http_litellm_store_commit_locked(store, shpool, n);

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

        n = ngx_http_litellm_store_list_behind(&store->there[kind], id);

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

    n = ngx_http_litellm_store_list_find(&store->there[kind], id);
    record = n ? n->version : 0;
    *version = store->version;

    ngx_http_litellm_store_unlock(zone);

    return record;
}
