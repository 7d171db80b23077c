
/*
 * The records of the store as structs.  A worker parses a record once and keeps
 * the struct as long as the store has not changed; after a change it asks for
 * the record's version.  Structs that requests hold live on until the last of
 * them is gone.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_zone.h"
#include "ngx_http_litellm_store.h"


#define NGX_HTTP_LITELLM_STORE_CACHE  1024     /* structs that a worker keeps */
#define NGX_HTTP_LITELLM_STORE_POOL   1024


/* what a worker has parsed */
typedef struct {
    ngx_queue_t                    queue;      /* last: unused for longest */
    ngx_str_node_t                 sn;         /* the kind's digit and the id */
    ngx_pool_t                    *pool;       /* all of it */
    ngx_http_litellm_store_t      *store;
    ngx_uint_t                     version;    /* the record's */
    ngx_uint_t                     seen;       /* the store's, when it was */
    ngx_uint_t                     refs;
    unsigned                       dropped:1;
    ngx_litellm_principal_t        principal;
} ngx_http_litellm_store_entry_t;


typedef struct {
    ngx_rbtree_t                   tree;
    ngx_rbtree_node_t              sentinel;
    ngx_queue_t                    queue;
    ngx_uint_t                     n;
} ngx_http_litellm_store_cache_t;


static ngx_http_litellm_store_entry_t *ngx_http_litellm_store_cached(
    ngx_str_t *name, uint32_t hash);
static ngx_http_litellm_store_entry_t *ngx_http_litellm_store_parse(
    ngx_shm_zone_t *zone, ngx_litellm_principal_e kind, ngx_str_t *id,
    ngx_str_t *name, uint32_t hash);
static void ngx_http_litellm_store_drop(ngx_http_litellm_store_entry_t *e);
static void ngx_http_litellm_store_release(void *data);


static ngx_http_litellm_store_cache_t  *ngx_http_litellm_store_cache;


ngx_litellm_principal_t *
ngx_http_litellm_store_find(ngx_shm_zone_t *zone, ngx_litellm_principal_e kind,
    ngx_str_t *id)
{
    u_char                          buf[1 + NGX_HTTP_LITELLM_STORE_ID];
    uint32_t                        hash;
    ngx_str_t                       name;
    ngx_uint_t                      version, record;
    ngx_http_litellm_store_t       *store;
    ngx_http_litellm_store_entry_t *e;

    if (id->len > NGX_HTTP_LITELLM_STORE_ID) {
        return NULL;
    }

    if (ngx_http_litellm_store_count(zone, kind) == 0) {
        return NULL;
    }

    store = ngx_http_litellm_zone_store(zone);

    buf[0] = (u_char) ('0' + kind);
    ngx_memcpy(buf + 1, id->data, id->len);

    name.data = buf;
    name.len = 1 + id->len;

    hash = ngx_crc32_short(name.data, name.len);

    e = ngx_http_litellm_store_cached(&name, hash);

    if (e != NULL && e->store == store
        && e->seen == ngx_http_litellm_store_version(zone))
    {
        return &e->principal;
    }

    record = ngx_http_litellm_store_record(zone, kind, id, &version);

    if (e != NULL) {

        if (e->store == store && e->version == record) {
            e->seen = version;
            return &e->principal;
        }

        ngx_http_litellm_store_drop(e);
    }

    if (record == 0) {
        return NULL;
    }

    e = ngx_http_litellm_store_parse(zone, kind, id, &name, hash);

    return e ? &e->principal : NULL;
}


/* the kept struct of that name, if there is one */

static ngx_http_litellm_store_entry_t *
ngx_http_litellm_store_cached(ngx_str_t *name, uint32_t hash)
{
    ngx_str_node_t                  *sn;
    ngx_http_litellm_store_cache_t  *cache;
    ngx_http_litellm_store_entry_t  *e;

    cache = ngx_http_litellm_store_cache;

    if (cache == NULL) {
        return NULL;
    }

    sn = ngx_str_rbtree_lookup(&cache->tree, name, hash);

    if (sn == NULL) {
        return NULL;
    }

    e = (ngx_http_litellm_store_entry_t *)
            ((u_char *) sn - offsetof(ngx_http_litellm_store_entry_t, sn));

    ngx_queue_remove(&e->queue);
    ngx_queue_insert_head(&cache->queue, &e->queue);

    return e;
}


static ngx_http_litellm_store_entry_t *
ngx_http_litellm_store_parse(ngx_shm_zone_t *zone,
    ngx_litellm_principal_e kind, ngx_str_t *id, ngx_str_t *name,
    uint32_t hash)
{
    ngx_int_t                        rc;
    ngx_str_t                        json, why;
    ngx_uint_t                       version;
    ngx_pool_t                      *pool;
    ngx_queue_t                     *q;
    ngx_http_litellm_store_cache_t  *cache;
    ngx_http_litellm_store_entry_t  *e;

    cache = ngx_http_litellm_store_cache;

    if (cache == NULL) {
        cache = ngx_alloc(sizeof(ngx_http_litellm_store_cache_t),
                          ngx_cycle->log);
        if (cache == NULL) {
            return NULL;
        }

        cache->n = 0;
        ngx_queue_init(&cache->queue);
        ngx_rbtree_init(&cache->tree, &cache->sentinel,
                        ngx_str_rbtree_insert_value);

        ngx_http_litellm_store_cache = cache;
    }

    pool = ngx_create_pool(NGX_HTTP_LITELLM_STORE_POOL, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    e = ngx_pcalloc(pool, sizeof(ngx_http_litellm_store_entry_t));
    if (e == NULL) {
        goto failed;
    }

    e->sn.str.len = name->len;
    e->sn.str.data = ngx_pstrdup(pool, name);
    if (e->sn.str.data == NULL) {
        goto failed;
    }

    rc = ngx_http_litellm_store_get(zone, pool, kind, id, &json, &version);

    if (rc != NGX_OK) {
        goto failed;
    }

    rc = ngx_litellm_principal_read(pool, kind, &json, &e->principal, &why);

    if (rc != NGX_OK) {
        if (rc == NGX_DECLINED) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "litellm: a record of the zone is not used: %V",
                          &why);
        }

        goto failed;
    }

    e->principal.stored = 1;
    e->pool = pool;
    e->store = ngx_http_litellm_zone_store(zone);
    e->version = version;
    e->sn.node.key = hash;

    if (cache->n >= NGX_HTTP_LITELLM_STORE_CACHE) {
        q = ngx_queue_last(&cache->queue);

        ngx_http_litellm_store_drop(ngx_queue_data(q,
                                    ngx_http_litellm_store_entry_t, queue));
    }

    ngx_rbtree_insert(&cache->tree, &e->sn.node);
    ngx_queue_insert_head(&cache->queue, &e->queue);
    cache->n++;

    return e;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


/* nobody finds it any more */

static void
ngx_http_litellm_store_drop(ngx_http_litellm_store_entry_t *e)
{
    ngx_rbtree_delete(&ngx_http_litellm_store_cache->tree, &e->sn.node);
    ngx_queue_remove(&e->queue);
    ngx_http_litellm_store_cache->n--;

    e->dropped = 1;

    if (e->refs == 0) {
        ngx_destroy_pool(e->pool);
    }
}


ngx_int_t
ngx_http_litellm_principal_hold(ngx_pool_t *pool, ngx_litellm_principal_t *p)
{
    ngx_pool_cleanup_t              *cln;
    ngx_http_litellm_store_entry_t  *e;

    if (!p->stored) {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    e = (ngx_http_litellm_store_entry_t *)
          ((u_char *) p - offsetof(ngx_http_litellm_store_entry_t, principal));

    e->refs++;

    cln->handler = ngx_http_litellm_store_release;
    cln->data = e;

    return NGX_OK;
}


static void
ngx_http_litellm_store_release(void *data)
{
    ngx_http_litellm_store_entry_t *e = data;

    e->refs--;

    if (e->refs == 0 && e->dropped) {
        ngx_destroy_pool(e->pool);
    }
}
