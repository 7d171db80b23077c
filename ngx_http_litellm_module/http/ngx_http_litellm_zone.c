
/*
 * The shared zone of deployments: its start and reload, and the result of
 * health probes in it.  ngx_http_litellm_health.c calls the probe functions
 * from any worker.  Its directives are in ngx_http_litellm_zone_conf.c; the
 * state of deployments, records and accounts are in the same zone, and other
 * files': .._record.c, .._store.c, .._ledger.c.
 *
 * Of probes: an rbtree by key and an LRU queue under the slab mutex, which
 * nginx's master unlocks if a worker dies with it; sections are short and never
 * walk more than a few entries.  An entry may be evicted only when nothing in
 * it is needed (its keep time has passed): a full zone refuses instead of
 * forgetting that a deployment was just probed.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_state.h"
#include "ngx_http_litellm_zone.h"
#include "ngx_http_litellm_redis.h"
#include "ngx_http_litellm_cache_redis.h"
#include "ngx_http_litellm_state_file.h"
#include <ngx_sha1.h>


/* changes with the layout of what is in the zone */
#define NGX_HTTP_LITELLM_ZONE_LAYOUT   11

/* dead workers are looked for that often */
#define NGX_HTTP_LITELLM_ZONE_BURY     1000


typedef struct {
    ngx_http_litellm_zone_node_t zn;
    ngx_queue_t                  queue;
    ngx_msec_t                   keep;      /* not evicted before */

    /* a probe: pid 0: none under way */
    ngx_pid_t                    pid;
    ngx_msec_t                   since;
    ngx_msec_t                   hold;      /* none before, if held */
    ngx_msec_t                   time;
    uint32_t                     latency;
    uint16_t                     status;

    u_char                       len;
    unsigned                     known:1;
    unsigned                     ok:1;
    unsigned                     held:1;
    u_char                       text[NGX_HTTP_LITELLM_ZONE_TEXT];
} ngx_http_litellm_zone_entry_t;


typedef struct {
    ngx_uint_t                   layout;
    size_t                       entry;
    ngx_rbtree_t                 rbtree;
    ngx_rbtree_node_t            sentinel;
    ngx_queue_t                  queue;     /* last: unused for longest */
    ngx_http_litellm_records_t  *records;
    ngx_http_litellm_store_t    *store;
    ngx_http_litellm_ledger_t   *ledger;
    ngx_http_litellm_state_saved_t  saved;
    ngx_http_litellm_hedges_t    hedges;
    ngx_http_litellm_redis_sh_t  redis;
    ngx_http_litellm_cache_redis_sh_t  cache_redis;
} ngx_http_litellm_zone_sh_t;


struct ngx_http_litellm_zone_s {
    ngx_http_litellm_zone_sh_t    *sh;
    ngx_slab_pool_t               *shpool;
    ngx_http_litellm_main_conf_t  *mcf;
    ngx_uint_t                     generation;   /* of this cycle */
};


static ngx_http_litellm_zone_entry_t *ngx_http_litellm_zone_lookup_locked(
    ngx_http_litellm_zone_t *z, ngx_http_litellm_zone_key_t *key);
static ngx_http_litellm_zone_entry_t *ngx_http_litellm_zone_get_locked(
    ngx_http_litellm_zone_t *z, ngx_http_litellm_zone_key_t *key,
    ngx_msec_t now);
static ngx_uint_t ngx_http_litellm_zone_evict_locked(
    ngx_http_litellm_zone_t *z, ngx_msec_t now);
static void ngx_http_litellm_zone_keep_locked(
    ngx_http_litellm_zone_entry_t *e, ngx_msec_t time);
static void ngx_http_litellm_zone_result_locked(
    ngx_http_litellm_zone_entry_t *e, ngx_http_litellm_probe_t *probe);
static ngx_int_t ngx_http_litellm_zone_init(ngx_shm_zone_t *shm_zone,
    void *data);
static ngx_int_t ngx_http_litellm_zone_records(ngx_shm_zone_t *shm_zone,
    ngx_http_litellm_zone_t *old);
static void ngx_http_litellm_zone_timer(ngx_event_t *ev);


/* of this worker: what dead ones have left is looked for */
static ngx_event_t  ngx_http_litellm_zone_event;


#define ngx_http_litellm_zone_before(a, b)  ((ngx_msec_int_t) ((a) - (b)) < 0)


ngx_slab_pool_t *
ngx_http_litellm_zone_pool(ngx_shm_zone_t *zone)
{
    ngx_http_litellm_zone_t *z = zone->data;

    return z->shpool;
}


ngx_http_litellm_store_t *
ngx_http_litellm_zone_store(ngx_shm_zone_t *zone)
{
    ngx_http_litellm_zone_t *z = zone->data;

    return z->sh->store;
}


ngx_http_litellm_ledger_t *
ngx_http_litellm_zone_ledger(ngx_shm_zone_t *zone)
{
    ngx_http_litellm_zone_t *z = zone->data;

    return z->sh->ledger;
}


ngx_http_litellm_state_saved_t *
ngx_http_litellm_zone_saved(ngx_shm_zone_t *zone)
{
    ngx_http_litellm_zone_t *z = zone->data;

    return &z->sh->saved;
}


/* ids are unique within a configuration only, so the file is part of it */

void
ngx_http_litellm_zone_key(ngx_litellm_deployment_t *d,
    ngx_http_litellm_zone_key_t *key)
{
    ngx_sha1_t  sha1;

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, d->file.data, d->file.len);
    ngx_sha1_update(&sha1, "\0", 1);
    ngx_sha1_update(&sha1, d->id.data, d->id.len);
    ngx_sha1_final(key->sha1, &sha1);
}


ngx_int_t
ngx_http_litellm_zone_probe_begin(ngx_shm_zone_t *zone,
    ngx_http_litellm_zone_key_t *key, ngx_msec_t now, ngx_msec_t valid,
    ngx_msec_t timeout, ngx_http_litellm_probe_t *probe)
{
    ngx_int_t                       rc;
    ngx_http_litellm_zone_t        *z;
    ngx_http_litellm_zone_entry_t  *e;

    ngx_memzero(probe, sizeof(ngx_http_litellm_probe_t));

    z = zone->data;

    ngx_shmtx_lock(&z->shpool->mutex);

    e = ngx_http_litellm_zone_get_locked(z, key, now);

    if (e == NULL) {
        ngx_shmtx_unlock(&z->shpool->mutex);
        return NGX_ERROR;
    }

    ngx_http_litellm_zone_result_locked(e, probe);

    if (e->known && ngx_http_litellm_zone_before(now, e->time + valid)) {
        rc = NGX_DECLINED;

    } else if (e->pid != 0
               && ngx_http_litellm_zone_before(now, e->since + timeout))
    {
        rc = NGX_BUSY;

    } else if (e->held && ngx_http_litellm_zone_before(now, e->hold)) {
        rc = NGX_BUSY;

    } else {
        e->pid = ngx_pid;
        e->since = now;
        e->held = 0;

        ngx_http_litellm_zone_keep_locked(e, now + timeout);

        rc = NGX_OK;
    }

    ngx_shmtx_unlock(&z->shpool->mutex);

    return rc;
}


void
ngx_http_litellm_zone_probe_end(ngx_shm_zone_t *zone,
    ngx_http_litellm_zone_key_t *key, ngx_msec_t since, ngx_msec_t valid,
    ngx_http_litellm_probe_t *probe)
{
    ngx_http_litellm_zone_t        *z;
    ngx_http_litellm_zone_entry_t  *e;

    z = zone->data;

    ngx_shmtx_lock(&z->shpool->mutex);

    e = ngx_http_litellm_zone_get_locked(z, key, probe->time);

    if (e != NULL) {

        if (e->pid == ngx_pid && e->since == since) {
            e->pid = 0;
        }

        e->time = probe->time;
        e->latency = (uint32_t) ngx_min(probe->latency, 0xffffffff);
        e->status = (uint16_t) probe->status;
        e->known = 1;
        e->ok = probe->ok;
        e->len = (u_char) ngx_min(probe->len, NGX_HTTP_LITELLM_ZONE_TEXT);
        ngx_memcpy(e->text, probe->text, e->len);

        ngx_http_litellm_zone_keep_locked(e, probe->time + valid);
    }

    ngx_shmtx_unlock(&z->shpool->mutex);
}


void
ngx_http_litellm_zone_probe_last(ngx_shm_zone_t *zone,
    ngx_http_litellm_zone_key_t *key, ngx_http_litellm_probe_t *probe)
{
    ngx_http_litellm_zone_t        *z;
    ngx_http_litellm_zone_entry_t  *e;

    ngx_memzero(probe, sizeof(ngx_http_litellm_probe_t));

    z = zone->data;

    ngx_shmtx_lock(&z->shpool->mutex);

    e = ngx_http_litellm_zone_lookup_locked(z, key);

    if (e != NULL) {
        ngx_http_litellm_zone_result_locked(e, probe);
    }

    ngx_shmtx_unlock(&z->shpool->mutex);
}


void
ngx_http_litellm_zone_probe_abort(ngx_shm_zone_t *zone,
    ngx_http_litellm_zone_key_t *key, ngx_msec_t since, ngx_msec_t now,
    ngx_msec_t valid)
{
    ngx_http_litellm_zone_t        *z;
    ngx_http_litellm_zone_entry_t  *e;

    z = zone->data;

    ngx_shmtx_lock(&z->shpool->mutex);

    e = ngx_http_litellm_zone_lookup_locked(z, key);

    if (e != NULL && e->pid == ngx_pid && e->since == since) {
        e->pid = 0;
        e->hold = now + valid;
        e->held = 1;

        ngx_http_litellm_zone_keep_locked(e, e->hold);
    }

    ngx_shmtx_unlock(&z->shpool->mutex);
}


static ngx_http_litellm_zone_entry_t *
ngx_http_litellm_zone_lookup_locked(ngx_http_litellm_zone_t *z,
    ngx_http_litellm_zone_key_t *key)
{
    ngx_http_litellm_zone_entry_t  *e;

    e = ngx_http_litellm_zone_node_find(&z->sh->rbtree, key);

    if (e != NULL) {
        ngx_queue_remove(&e->queue);
        ngx_queue_insert_head(&z->sh->queue, &e->queue);
    }

    return e;
}


static ngx_http_litellm_zone_entry_t *
ngx_http_litellm_zone_get_locked(ngx_http_litellm_zone_t *z,
    ngx_http_litellm_zone_key_t *key, ngx_msec_t now)
{
    ngx_http_litellm_zone_entry_t  *e;

    e = ngx_http_litellm_zone_lookup_locked(z, key);

    if (e != NULL) {
        return e;
    }

    e = ngx_slab_calloc_locked(z->shpool,
                               sizeof(ngx_http_litellm_zone_entry_t));

    if (e == NULL) {

        if (!ngx_http_litellm_zone_evict_locked(z, now)) {
            return NULL;
        }

        e = ngx_slab_calloc_locked(z->shpool,
                                   sizeof(ngx_http_litellm_zone_entry_t));
        if (e == NULL) {
            return NULL;
        }
    }

    e->keep = now;

    ngx_http_litellm_zone_node_add(&z->sh->rbtree, &e->zn, key);
    ngx_queue_insert_head(&z->sh->queue, &e->queue);

    return e;
}


/*
 * One or two of the oldest entries.  Locations may have different times, so
 * one that is still needed does not end the search at once.
 */

static ngx_uint_t
ngx_http_litellm_zone_evict_locked(ngx_http_litellm_zone_t *z, ngx_msec_t now)
{
    ngx_uint_t                      i, n;
    ngx_queue_t                    *q, *prev;
    ngx_http_litellm_zone_entry_t  *e;

    n = 0;
    q = ngx_queue_last(&z->sh->queue);

    for (i = 0; i < 4 && n < 2; i++) {

        if (q == ngx_queue_sentinel(&z->sh->queue)) {
            break;
        }

        prev = ngx_queue_prev(q);

        e = ngx_queue_data(q, ngx_http_litellm_zone_entry_t, queue);

        if (!ngx_http_litellm_zone_before(now, e->keep)) {
            ngx_queue_remove(q);
            ngx_rbtree_delete(&z->sh->rbtree, &e->zn.node);
            ngx_slab_free_locked(z->shpool, e);
            n++;
        }

        q = prev;
    }

    return n;
}


static void
ngx_http_litellm_zone_keep_locked(ngx_http_litellm_zone_entry_t *e,
    ngx_msec_t time)
{
    if (ngx_http_litellm_zone_before(e->keep, time)) {
        e->keep = time;
    }
}


static void
ngx_http_litellm_zone_result_locked(ngx_http_litellm_zone_entry_t *e,
    ngx_http_litellm_probe_t *probe)
{
    probe->known = e->known;
    probe->ok = e->ok;
    probe->time = e->time;
    probe->latency = e->latency;
    probe->status = e->status;
    probe->len = e->len;
    ngx_memcpy(probe->text, e->text, e->len);
}


static ngx_int_t
ngx_http_litellm_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_litellm_zone_t  *oz = data;

    size_t                    len;
    ngx_http_litellm_zone_t  *z;

    z = shm_zone->data;

    if (oz) {

        /* nginx keeps the memory of a zone of the same name, size and tag */

        z->sh = oz->sh;
        z->shpool = oz->shpool;

        goto found;
    }

    z->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (shm_zone->shm.exists) {
        z->sh = z->shpool->data;

        goto found;
    }

    z->sh = ngx_slab_calloc(z->shpool, sizeof(ngx_http_litellm_zone_sh_t));
    if (z->sh == NULL) {
        return NGX_ERROR;
    }

    z->shpool->data = z->sh;

    z->sh->layout = NGX_HTTP_LITELLM_ZONE_LAYOUT;
    z->sh->entry = sizeof(ngx_http_litellm_zone_entry_t);

    ngx_rbtree_init(&z->sh->rbtree, &z->sh->sentinel,
                    ngx_http_litellm_zone_node_insert);

    ngx_queue_init(&z->sh->queue);

    len = sizeof(" in litellm_zone \"\"") + shm_zone->shm.name.len;

    z->shpool->log_ctx = ngx_slab_alloc(z->shpool, len);
    if (z->shpool->log_ctx == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(z->shpool->log_ctx, " in litellm_zone \"%V\"%Z",
                &shm_zone->shm.name);

    /* a zone that is full is no fault: entries are evicted then */

    z->shpool->log_nomem = 0;

    z->sh->records = ngx_http_litellm_records_create(z->shpool);
    if (z->sh->records == NULL) {
        return NGX_ERROR;
    }

    z->sh->store = ngx_http_litellm_store_create(z->shpool);
    z->sh->ledger = ngx_http_litellm_ledger_create(z->shpool);

    if (z->sh->store == NULL || z->sh->ledger == NULL) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "litellm_zone \"%V\" is too small; make it larger",
                      &shm_zone->shm.name);
        return NGX_ERROR;
    }

    /* "nginx -t" must leave the file alone */

    if (z->mcf->state != NULL && !ngx_test_config) {
        ngx_http_litellm_state_load(z->mcf->state, shm_zone->shm.log);
    }

    return ngx_http_litellm_zone_records(shm_zone, NULL);

found:

    if (z->sh->layout != NGX_HTTP_LITELLM_ZONE_LAYOUT
        || z->sh->entry != sizeof(ngx_http_litellm_zone_entry_t))
    {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "litellm_zone \"%V\" was made by another version of "
                      "the module: give it another name, or restart nginx",
                      &shm_zone->shm.name);
        return NGX_ERROR;
    }

    return ngx_http_litellm_zone_records(shm_zone, oz);
}


/* a deployment without a record would have no limits: that is an error */

static ngx_int_t
ngx_http_litellm_zone_records(ngx_shm_zone_t *shm_zone,
    ngx_http_litellm_zone_t *old)
{
    ngx_int_t                  rc;
    ngx_uint_t                 i, missing;
    ngx_array_t                configs;
    ngx_litellm_config_t     **config;
    ngx_http_litellm_file_t   *file;
    ngx_http_litellm_zone_t   *z;

    z = shm_zone->data;

    if (ngx_array_init(&configs, z->mcf->files.pool,
                       ngx_max(z->mcf->files.nelts, 1),
                       sizeof(ngx_litellm_config_t *))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    file = z->mcf->files.elts;

    for (i = 0; i < z->mcf->files.nelts; i++) {

        if (file[i].config == NULL) {
            continue;
        }

        config = ngx_array_push(&configs);
        if (config == NULL) {
            return NGX_ERROR;
        }

        *config = file[i].config;
    }

    rc = ngx_http_litellm_records_open(z->sh->records, z->shpool, &configs,
                                       old ? old->generation : 0,
                                       &z->generation, &missing);

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "litellm_zone \"%V\" is too small: %ui deployments "
                      "have no place in it; make it larger",
                      &shm_zone->shm.name, missing);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_zone_enter(ngx_cycle_t *cycle)
{
    ngx_event_t                   *ev;
    ngx_http_litellm_zone_t       *z;
    ngx_http_litellm_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_litellm_module);

    if (mcf == NULL || mcf->zone == NULL) {
        return NGX_OK;
    }

    z = mcf->zone->data;

    ngx_http_litellm_records_enter(z->sh->records, z->shpool, z->generation,
                                   cycle->log);

    ngx_http_litellm_ledger_window(mcf->zone, mcf->limit_window,
                                   mcf->limit_sliding);
    ngx_http_litellm_ledger_enter(mcf->zone, z->generation, ngx_worker);

    ev = &ngx_http_litellm_zone_event;

    ev->handler = ngx_http_litellm_zone_timer;
    ev->data = mcf->zone;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_HTTP_LITELLM_ZONE_BURY);

    return NGX_OK;
}


ngx_http_litellm_hedges_t *
ngx_http_litellm_zone_hedges(ngx_shm_zone_t *zone)
{
    ngx_http_litellm_zone_t  *z;

    z = zone->data;

    return &z->sh->hedges;
}


ngx_http_litellm_redis_sh_t *
ngx_http_litellm_zone_redis(ngx_shm_zone_t *zone)
{
    ngx_http_litellm_zone_t  *z;

    z = zone->data;

    return &z->sh->redis;
}


ngx_http_litellm_cache_redis_sh_t *
ngx_http_litellm_zone_cache_redis(ngx_shm_zone_t *zone)
{
    ngx_http_litellm_zone_t  *z;

    z = zone->data;

    return &z->sh->cache_redis;
}


static void
ngx_http_litellm_zone_timer(ngx_event_t *ev)
{
    ngx_shm_zone_t  *zone = ev->data;

    ngx_http_litellm_ledger_bury(zone);

    ngx_add_timer(ev, NGX_HTTP_LITELLM_ZONE_BURY);
}


void
ngx_http_litellm_zone_leave(ngx_cycle_t *cycle)
{
    ngx_http_litellm_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_litellm_module);

    if (mcf == NULL || mcf->zone == NULL) {
        return;
    }

    if (ngx_http_litellm_zone_event.timer_set) {
        ngx_del_timer(&ngx_http_litellm_zone_event);
    }

    ngx_http_litellm_ledger_leave(mcf->zone);
    ngx_http_litellm_records_leave();
}


ngx_int_t
ngx_http_litellm_zone_add(ngx_conf_t *cf, ngx_http_litellm_main_conf_t *mcf,
    ngx_str_t *name, size_t size)
{
    ngx_shm_zone_t           *zone;
    ngx_http_litellm_zone_t  *z;

    z = ngx_pcalloc(cf->pool, sizeof(ngx_http_litellm_zone_t));
    if (z == NULL) {
        return NGX_ERROR;
    }

    zone = ngx_shared_memory_add(cf, name, size, &ngx_http_litellm_module);
    if (zone == NULL) {
        return NGX_ERROR;
    }

    z->mcf = mcf;

    zone->init = ngx_http_litellm_zone_init;
    zone->data = z;

    mcf->zone = zone;

    return NGX_OK;
}
