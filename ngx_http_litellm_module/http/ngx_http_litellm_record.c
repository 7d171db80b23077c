
/*
 * Where the state of deployments lives: records in the shared zone, by the
 * deployment's name in the zone, and the workers that use them.
 *
 * A record never moves and is never freed: the pointers to it are in every
 * worker.  It is given to another deployment only when no cycle can have it
 * any more: each cycle has a generation, a record knows the last one that has
 * wanted it, and each worker says in the zone which one it runs.  Workers that
 * were killed are told by their pid; what they had in flight is taken back
 * then.
 *
 * Everything here is under the slab mutex, which nginx's master unlocks if its
 * holder dies, except for a worker's own table of what it has in flight.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_state.h"
#include "ngx_http_litellm_zone.h"


typedef struct {
    ngx_http_litellm_zone_node_t  zn;
    ngx_queue_t                   queue;     /* of all, or of the free ones */
    ngx_uint_t                    wanted;    /* by the generation that tried to
                                                start last */
    ngx_uint_t                    last;      /* of those that did start */
    ngx_http_litellm_state_t      state;
} ngx_http_litellm_record_t;


typedef struct {
    ngx_queue_t                   queue;
    ngx_pid_t                     pid;
    ngx_uint_t                    generation;
    ngx_uint_t                    n;
    uint32_t                      inflight[1];   /* by index of the record */
} ngx_http_litellm_worker_t;


struct ngx_http_litellm_records_s {
    ngx_rbtree_t                  rbtree;
    ngx_rbtree_node_t             sentinel;
    ngx_queue_t                   all;
    ngx_queue_t                   free;
    ngx_queue_t                   workers;
    ngx_uint_t                    n;             /* records ever made */
    ngx_uint_t                    generation;
    ngx_uint_t                    blind;         /* some worker is not in
                                                    the list: nothing may be
                                                    given away */
};


static ngx_http_litellm_record_t *ngx_http_litellm_record_make_locked(
    ngx_http_litellm_records_t *records, ngx_slab_pool_t *shpool,
    ngx_http_litellm_zone_key_t *key);
static void ngx_http_litellm_record_sweep_locked(
    ngx_http_litellm_records_t *records, ngx_uint_t running);
static void ngx_http_litellm_record_bury_locked(
    ngx_http_litellm_records_t *records, ngx_slab_pool_t *shpool);
static void ngx_http_litellm_record_take_back_locked(
    ngx_http_litellm_records_t *records, ngx_http_litellm_worker_t *w);

/* of this worker */
static ngx_http_litellm_worker_t   *ngx_http_litellm_worker;
static ngx_http_litellm_records_t  *ngx_http_litellm_worker_records;
static ngx_slab_pool_t             *ngx_http_litellm_worker_pool;


ngx_http_litellm_records_t *
ngx_http_litellm_records_create(ngx_slab_pool_t *shpool)
{
    ngx_http_litellm_records_t  *records;

    records = ngx_slab_calloc(shpool, sizeof(ngx_http_litellm_records_t));
    if (records == NULL) {
        return NULL;
    }

    ngx_rbtree_init(&records->rbtree, &records->sentinel,
                    ngx_http_litellm_zone_node_insert);

    ngx_queue_init(&records->all);
    ngx_queue_init(&records->free);
    ngx_queue_init(&records->workers);

    return records;
}


ngx_int_t
ngx_http_litellm_records_open(ngx_http_litellm_records_t *records,
    ngx_slab_pool_t *shpool, ngx_array_t *configs, ngx_uint_t running,
    ngx_uint_t *own, ngx_uint_t *missing)
{
    ngx_uint_t                    i, j, pass;
    ngx_queue_t                  *q;
    ngx_litellm_config_t        **config;
    ngx_litellm_deployment_t    **d;
    ngx_http_litellm_record_t    *record;
    ngx_http_litellm_zone_key_t   key;

    *missing = 0;

    if (ngx_http_litellm_worker_records != records) {

        /* one process without a master, and another zone */

        ngx_http_litellm_worker = NULL;
    }

    ngx_shmtx_lock(&shpool->mutex);

    *own = ++records->generation;

    /* a generation that wanted them and then did not start has no say */

    for (q = ngx_queue_head(&records->all);
         q != ngx_queue_sentinel(&records->all);
         q = ngx_queue_next(q))
    {
        record = ngx_queue_data(q, ngx_http_litellm_record_t, queue);

        if (record->wanted == running) {
            record->last = running;
        }
    }

    ngx_http_litellm_record_bury_locked(records, shpool);

    config = configs->elts;

    /* first those that are there, so that the others can be given away */

    for (pass = 0; pass < 2; pass++) {

        for (i = 0; i < configs->nelts; i++) {

            d = config[i]->deployments.elts;

            for (j = 0; j < config[i]->deployments.nelts; j++) {

                if (d[j]->state != NULL) {
                    continue;
                }

                ngx_http_litellm_zone_key(d[j], &key);

                record = ngx_http_litellm_zone_node_find(&records->rbtree,
                                                         &key);

                if (record == NULL && pass == 1) {
                    record = ngx_http_litellm_record_make_locked(records,
                                                                 shpool,
                                                                 &key);
                    if (record == NULL) {
                        (*missing)++;
                    }
                }

                if (record != NULL) {
                    record->wanted = *own;
                    d[j]->state = &record->state;
                }
            }
        }

        if (pass == 0) {
            ngx_http_litellm_record_sweep_locked(records, running);
        }
    }

    ngx_shmtx_unlock(&shpool->mutex);

    return *missing ? NGX_DECLINED : NGX_OK;
}


static ngx_http_litellm_record_t *
ngx_http_litellm_record_make_locked(ngx_http_litellm_records_t *records,
    ngx_slab_pool_t *shpool, ngx_http_litellm_zone_key_t *key)
{
    ngx_uint_t                  index;
    ngx_queue_t                *q;
    ngx_http_litellm_record_t  *record;

    if (!ngx_queue_empty(&records->free)) {
        q = ngx_queue_head(&records->free);
        ngx_queue_remove(q);

        record = ngx_queue_data(q, ngx_http_litellm_record_t, queue);
        index = record->state.index;

        ngx_memzero(record, sizeof(ngx_http_litellm_record_t));

    } else {
        record = ngx_slab_calloc_locked(shpool,
                                        sizeof(ngx_http_litellm_record_t));
        if (record == NULL) {
            return NULL;
        }

        index = records->n++;
    }

    record->state.index = index;

    ngx_http_litellm_zone_node_add(&records->rbtree, &record->zn, key);
    ngx_queue_insert_tail(&records->all, &record->queue);

    return record;
}


/* what neither a living worker nor the cycle that runs nor the new one has */

static void
ngx_http_litellm_record_sweep_locked(ngx_http_litellm_records_t *records,
    ngx_uint_t running)
{
    ngx_uint_t                  oldest;
    ngx_queue_t                *q, *next;
    ngx_http_litellm_record_t  *record;
    ngx_http_litellm_worker_t  *w;

    if (records->blind) {
        return;
    }

    oldest = running;

    for (q = ngx_queue_head(&records->workers);
         q != ngx_queue_sentinel(&records->workers);
         q = ngx_queue_next(q))
    {
        w = ngx_queue_data(q, ngx_http_litellm_worker_t, queue);
        oldest = ngx_min(oldest, w->generation);
    }

    for (q = ngx_queue_head(&records->all);
         q != ngx_queue_sentinel(&records->all);
         q = next)
    {
        next = ngx_queue_next(q);

        record = ngx_queue_data(q, ngx_http_litellm_record_t, queue);

        if (record->wanted == records->generation || record->last >= oldest) {
            continue;
        }

        ngx_rbtree_delete(&records->rbtree, &record->zn.node);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&records->free, q);
    }
}


void
ngx_http_litellm_records_enter(ngx_http_litellm_records_t *records,
    ngx_slab_pool_t *shpool, ngx_uint_t generation, ngx_log_t *log)
{
    size_t                      size;
    ngx_http_litellm_worker_t  *w;

    ngx_shmtx_lock(&shpool->mutex);

    ngx_http_litellm_record_bury_locked(records, shpool);

    size = offsetof(ngx_http_litellm_worker_t, inflight)
           + ngx_max(records->n, 1) * sizeof(uint32_t);

    w = ngx_slab_calloc_locked(shpool, size);

    if (w != NULL) {
        w->pid = ngx_pid;
        w->generation = generation;
        w->n = records->n;

        ngx_queue_insert_tail(&records->workers, &w->queue);

    } else {
        records->blind = 1;
    }

    ngx_shmtx_unlock(&shpool->mutex);

    if (w == NULL) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "litellm_zone is full: what this worker has in flight "
                      "stays counted if it is killed; make the zone larger");
    }

    ngx_http_litellm_worker = w;
    ngx_http_litellm_worker_records = records;
    ngx_http_litellm_worker_pool = shpool;
}


void
ngx_http_litellm_records_leave(void)
{
    ngx_slab_pool_t            *shpool;
    ngx_http_litellm_worker_t  *w;

    w = ngx_http_litellm_worker;

    if (w == NULL) {
        return;
    }

    ngx_http_litellm_worker = NULL;
    shpool = ngx_http_litellm_worker_pool;

    ngx_shmtx_lock(&shpool->mutex);

    /* a worker that is told to stop at once leaves its requests as they are */

    ngx_http_litellm_record_take_back_locked(ngx_http_litellm_worker_records,
                                             w);
    ngx_queue_remove(&w->queue);
    ngx_slab_free_locked(shpool, w);

    ngx_shmtx_unlock(&shpool->mutex);
}


/* workers that are gone without a word */

static void
ngx_http_litellm_record_bury_locked(ngx_http_litellm_records_t *records,
    ngx_slab_pool_t *shpool)
{
    ngx_queue_t                *q, *next;
    ngx_http_litellm_worker_t  *w;

    for (q = ngx_queue_head(&records->workers);
         q != ngx_queue_sentinel(&records->workers);
         q = next)
    {
        next = ngx_queue_next(q);

        w = ngx_queue_data(q, ngx_http_litellm_worker_t, queue);

        /* one process is its own worker */

        if (w == ngx_http_litellm_worker
            || !ngx_http_litellm_zone_gone(w->pid))
        {
            continue;
        }

        ngx_http_litellm_record_take_back_locked(records, w);

        ngx_queue_remove(q);
        ngx_slab_free_locked(shpool, w);
    }
}


static void
ngx_http_litellm_record_take_back_locked(ngx_http_litellm_records_t *records,
    ngx_http_litellm_worker_t *w)
{
    ngx_uint_t                  index;
    ngx_queue_t                *q;
    ngx_http_litellm_record_t  *record;

    for (q = ngx_queue_head(&records->all);
         q != ngx_queue_sentinel(&records->all);
         q = ngx_queue_next(q))
    {
        record = ngx_queue_data(q, ngx_http_litellm_record_t, queue);
        index = record->state.index;

        if (index < w->n && w->inflight[index]) {
            ngx_http_litellm_state_leave(&record->state, w->inflight[index]);
            w->inflight[index] = 0;
        }
    }
}


void
ngx_http_litellm_records_hold(ngx_http_litellm_state_t *state)
{
    ngx_http_litellm_worker_t  *w;

    w = ngx_http_litellm_worker;

    if (w != NULL && state->index < w->n) {
        w->inflight[state->index]++;
    }
}


void
ngx_http_litellm_records_drop(ngx_http_litellm_state_t *state)
{
    ngx_http_litellm_worker_t  *w;

    w = ngx_http_litellm_worker;

    if (w != NULL && state->index < w->n && w->inflight[state->index]) {
        w->inflight[state->index]--;
    }
}
