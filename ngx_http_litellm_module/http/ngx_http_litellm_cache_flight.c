
/*
 * Requests of this worker that wait for the answer of another one, which may
 * be in any worker: litellm_cache_lock.
 *
 * The first one that finds nothing leads: it asks a provider as if it was
 * alone.  Others for the same wait until the answer is stored and take it from
 * there, or follow a stream (ngx_http_litellm_cache_follow.c).  What must hold:
 *
 * - nobody waits longer than its own litellm_cache_lock_timeout, whatever
 *   becomes of leaders, records in the zone, events and timers;
 * - a request that waits is in the list of its flight, and has a timer; one
 *   that is woken is in no list and has a posted event, and if it can't run any
 *   more then another one is woken in its place;
 * - a flight that has somebody waiting polls the zone: a leader of this worker
 *   tells at once, one of another worker is seen by that, and so is a dead one.
 *
 * A leader that fails is followed by one of those who wait; when that one fails
 * too, or when the answer can't be stored, each goes on its own.
 */

#include "ngx_http_litellm_cache_flight.h"
#include "ngx_http_litellm_cache_follow.h"


/* of polls, in ms */
#define NGX_HTTP_LITELLM_FLIGHT_FIRST  50
#define NGX_HTTP_LITELLM_FLIGHT_LAST   500


static ngx_http_litellm_asker_t *ngx_http_litellm_flight_asker(
    ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx);
static void ngx_http_litellm_flight_cleanup(void *data);
static ngx_int_t ngx_http_litellm_flight_lead(ngx_http_litellm_asker_t *asker,
    ngx_http_litellm_flight_t *f);
static ngx_int_t ngx_http_litellm_flight_wait(ngx_http_litellm_asker_t *asker,
    ngx_http_litellm_flight_t *f, ngx_http_litellm_cache_conf_t *cc);
static void ngx_http_litellm_flight_late(ngx_http_litellm_asker_t *asker);
static void ngx_http_litellm_flight_event(ngx_event_t *ev);
static void ngx_http_litellm_flight_leave(ngx_http_litellm_asker_t *asker);
static void ngx_http_litellm_flight_wake(ngx_http_litellm_asker_t *asker);
static void ngx_http_litellm_flight_wake_one(ngx_http_litellm_flight_t *f);
static void ngx_http_litellm_flight_wake_all(ngx_http_litellm_flight_t *f,
    ngx_uint_t alone);
static void ngx_http_litellm_flight_poll(ngx_event_t *ev);
static ngx_msec_t ngx_http_litellm_flight_age(
    ngx_http_litellm_asker_t *asker);
static ngx_uint_t ngx_http_litellm_flight_led(ngx_http_litellm_flight_t *f,
    ngx_msec_t age);
static ngx_http_litellm_flight_t *ngx_http_litellm_flight_find(
    ngx_shm_zone_t *zone, u_char *key);
static ngx_http_litellm_flight_t *ngx_http_litellm_flight_create(
    ngx_shm_zone_t *zone, u_char *key);
static void ngx_http_litellm_flight_check(ngx_http_litellm_flight_t *f);
static void ngx_http_litellm_flight_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);
static ngx_int_t ngx_http_litellm_flight_compare(ngx_http_litellm_flight_t *f,
    ngx_rbtree_key_t hash, ngx_shm_zone_t *zone, u_char *key);


/* of this worker, by the beginning of their keys */
static ngx_rbtree_t       ngx_http_litellm_flights;
static ngx_rbtree_node_t  ngx_http_litellm_flights_sentinel;


ngx_int_t
ngx_http_litellm_flight_turn(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_http_litellm_asker_t  *asker;

    asker = ctx->cache->asker;

    if (asker == NULL || asker->alone || asker->leading) {
        return NGX_OK;
    }

    if (asker->waiting || asker->woken) {
        return NGX_AGAIN;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_flight(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_cache_conf_t *cc)
{
    time_t                       stored;
    ngx_http_litellm_lead_e      state;
    ngx_http_litellm_asker_t    *asker;
    ngx_http_litellm_flight_t   *f;
    ngx_http_litellm_caching_t  *caching;

    caching = ctx->cache;

    if (!cc->lock || cc->zone == NULL || !caching->store) {
        return NGX_OK;
    }

    asker = ngx_http_litellm_flight_asker(r, ctx);
    if (asker == NULL) {
        return NGX_ERROR;
    }

    if (asker->alone || asker->leading) {
        return NGX_OK;
    }

    f = ngx_http_litellm_flight_find(cc->zone, caching->key);

    if (f != NULL && ngx_http_litellm_flight_led(f, cc->lock_age)) {
        return ngx_http_litellm_flight_wait(asker, f, cc);
    }

    stored = asker->again ? -1
             : (caching->control.max_age < 0) ? 0
               : ngx_time() - (time_t) caching->control.max_age;

    state = ngx_http_litellm_cache_lead(cc->zone, caching->key,
                                        ctx->call.stream, cc->lock_age, stored,
                                        &asker->lead);

    if (state == NGX_HTTP_LITELLM_LEAD_STORED) {
        asker->again = 1;
        return NGX_BUSY;
    }

    if (state == NGX_HTTP_LITELLM_LEAD_OPEN
        || state == NGX_HTTP_LITELLM_LEAD_FULL)
    {
        asker->alone = 1;
        return NGX_OK;
    }

    if (f == NULL) {
        f = ngx_http_litellm_flight_create(cc->zone, caching->key);

        if (f == NULL) {
            ngx_http_litellm_cache_lead_end(cc->zone, &asker->lead, 0);
            return NGX_ERROR;
        }
    }

    if (state == NGX_HTTP_LITELLM_LEAD_TAKEN
        || (state == NGX_HTTP_LITELLM_LEAD_STREAMED && ctx->call.stream))
    {
        /* events of another worker's stream can't be had: one in each */

        if (ngx_http_litellm_flight_lead(asker, f) != NGX_OK) {
            return NGX_ERROR;
        }

        /* inputs of a list have no common entry that would have been seen */

        return (caching->items && !asker->again) ? NGX_BUSY : NGX_OK;
    }

    return ngx_http_litellm_flight_wait(asker, f, cc);
}


static ngx_http_litellm_asker_t *
ngx_http_litellm_flight_asker(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_pool_cleanup_t        *cln;
    ngx_http_litellm_asker_t  *asker;

    if (ctx->cache->asker != NULL) {
        return ctx->cache->asker;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_litellm_asker_t));
    if (cln == NULL) {
        return NULL;
    }

    asker = cln->data;
    cln->handler = ngx_http_litellm_flight_cleanup;

    ngx_memzero(asker, sizeof(ngx_http_litellm_asker_t));

    asker->request = r;
    asker->ctx = ctx;

    asker->event.handler = ngx_http_litellm_flight_event;
    asker->event.data = asker;
    asker->event.log = r->connection->log;

    ctx->cache->asker = asker;

    return asker;
}


static void
ngx_http_litellm_flight_cleanup(void *data)
{
    ngx_http_litellm_asker_t *asker = data;

    ngx_http_litellm_flight_t   *f;
    ngx_http_litellm_caching_t  *caching;

    caching = asker->ctx->cache;

    if (asker->event.timer_set) {
        ngx_del_timer(&asker->event);
    }

    if (asker->event.posted) {
        ngx_delete_posted_event(&asker->event);
    }

    if (asker->waiting) {
        f = asker->flight;
        ngx_http_litellm_flight_leave(asker);
        ngx_http_litellm_flight_check(f);
    }

    if (asker->woken) {

        /* it was its turn */

        f = ngx_http_litellm_flight_find(caching->zone, caching->key);

        if (f != NULL) {
            ngx_http_litellm_flight_wake_one(f);
            ngx_http_litellm_flight_check(f);
        }
    }

    ngx_http_litellm_flight_end(asker->ctx, NGX_HTTP_LITELLM_FLIGHT_FAILED);
    ngx_http_litellm_follow_cleanup(asker);
}


static ngx_int_t
ngx_http_litellm_flight_lead(ngx_http_litellm_asker_t *asker,
    ngx_http_litellm_flight_t *f)
{
    asker->leading = 1;
    asker->flight = f;

    f->leader = asker;
    f->since = ngx_current_msec;
    f->leaders++;

    if (ngx_http_litellm_feed_open(asker) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_flight_wait(ngx_http_litellm_asker_t *asker,
    ngx_http_litellm_flight_t *f, ngx_http_litellm_cache_conf_t *cc)
{
    ngx_int_t       rc;
    ngx_msec_int_t  left;

    rc = ngx_http_litellm_follow(asker, f->leader);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (!asker->waited) {
        asker->waited = 1;
        asker->deadline = ngx_current_msec + cc->lock_timeout;
    }

    left = (ngx_msec_int_t) (asker->deadline - ngx_current_msec);

    if (left <= 0) {
        ngx_http_litellm_flight_late(asker);
        ngx_http_litellm_flight_check(f);
        return NGX_OK;
    }

    asker->waiting = 1;
    asker->again = 0;
    asker->flight = f;

    ngx_queue_insert_tail(&f->waiting, &asker->queue);
    ngx_add_timer(&asker->event, (ngx_msec_t) left);

    if (!f->poll.timer_set) {
        f->interval = NGX_HTTP_LITELLM_FLIGHT_FIRST;
        ngx_add_timer(&f->poll, f->interval);
    }

    return NGX_AGAIN;
}


/* as with proxy_cache_lock_timeout: its answer is not stored */

static void
ngx_http_litellm_flight_late(ngx_http_litellm_asker_t *asker)
{
    ngx_http_litellm_caching_t  *caching;

    caching = asker->ctx->cache;

    asker->alone = 1;
    caching->store = 0;

    ngx_http_litellm_cache_lock_timeout(caching->zone);
}


static void
ngx_http_litellm_flight_event(ngx_event_t *ev)
{
    ngx_connection_t           *c;
    ngx_http_request_t         *r;
    ngx_http_litellm_asker_t   *asker;
    ngx_http_litellm_flight_t  *f;

    asker = ev->data;
    r = asker->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    if (asker->following || asker->orphan) {
        ngx_http_litellm_follow_event(asker);
        ngx_http_run_posted_requests(c);
        return;
    }

    if (ev->timedout) {
        ev->timedout = 0;

        f = asker->flight;

        ngx_http_litellm_flight_leave(asker);
        ngx_http_litellm_flight_check(f);
        ngx_http_litellm_flight_late(asker);
    }

    asker->woken = 0;

    ngx_http_litellm_wake(r);
    ngx_http_run_posted_requests(c);
}


/* its flight has to be checked then */

static void
ngx_http_litellm_flight_leave(ngx_http_litellm_asker_t *asker)
{
    ngx_queue_remove(&asker->queue);

    asker->waiting = 0;
    asker->flight = NULL;

    if (asker->event.timer_set) {
        ngx_del_timer(&asker->event);
    }
}


/* not before what runs now has returned: it may be the end of a request */

static void
ngx_http_litellm_flight_wake(ngx_http_litellm_asker_t *asker)
{
    ngx_http_litellm_flight_leave(asker);

    asker->woken = 1;

    ngx_post_event(&asker->event, &ngx_posted_events);
}


static void
ngx_http_litellm_flight_wake_one(ngx_http_litellm_flight_t *f)
{
    ngx_queue_t  *q;

    if (!ngx_queue_empty(&f->waiting)) {
        q = ngx_queue_head(&f->waiting);

        ngx_http_litellm_flight_wake(ngx_queue_data(q,
                                          ngx_http_litellm_asker_t, queue));
    }
}


static void
ngx_http_litellm_flight_wake_all(ngx_http_litellm_flight_t *f,
    ngx_uint_t alone)
{
    ngx_queue_t               *q;
    ngx_http_litellm_asker_t  *asker;

    while (!ngx_queue_empty(&f->waiting)) {
        q = ngx_queue_head(&f->waiting);
        asker = ngx_queue_data(q, ngx_http_litellm_asker_t, queue);

        asker->alone = alone;

        ngx_http_litellm_flight_wake(asker);
    }
}


void
ngx_http_litellm_flight_streams(ngx_http_litellm_asker_t *leader)
{
    ngx_queue_t                *q, *next;
    ngx_http_litellm_asker_t   *asker;
    ngx_http_litellm_flight_t  *f;

    f = leader->flight;

    if (f == NULL || f->leader != leader) {
        return;
    }

    for (q = ngx_queue_head(&f->waiting);
         q != ngx_queue_sentinel(&f->waiting);
         q = next)
    {
        next = ngx_queue_next(q);
        asker = ngx_queue_data(q, ngx_http_litellm_asker_t, queue);

        if (ngx_http_litellm_follow_able(asker, leader)) {
            ngx_http_litellm_flight_wake(asker);
        }
    }
}


void
ngx_http_litellm_flight_hit(ngx_http_litellm_ctx_t *ctx)
{
    ngx_http_litellm_asker_t    *asker;
    ngx_http_litellm_flight_t   *f;
    ngx_http_litellm_caching_t  *caching;

    caching = ctx->cache;
    asker = caching->asker;

    if (asker == NULL) {
        return;
    }

    if (asker->waited) {
        caching->status = NGX_HTTP_LITELLM_CACHE_COALESCED;
        ngx_http_litellm_cache_coalesced(caching->zone);
    }

    asker->alone = 1;

    ngx_http_litellm_flight_end(ctx, NGX_HTTP_LITELLM_FLIGHT_STORED);

    f = ngx_http_litellm_flight_find(caching->zone, caching->key);

    if (f != NULL) {
        ngx_http_litellm_flight_wake_all(f, 0);
        ngx_http_litellm_flight_check(f);
    }
}


void
ngx_http_litellm_flight_end(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_flight_end_e end)
{
    ngx_uint_t                   led;
    ngx_http_litellm_asker_t    *asker;
    ngx_http_litellm_flight_t   *f;

    asker = ctx->cache ? ctx->cache->asker : NULL;

    if (asker == NULL || !asker->leading) {
        return;
    }

    f = asker->flight;

    asker->leading = 0;
    asker->alone = 1;
    asker->flight = NULL;

    ngx_http_litellm_cache_lead_end(f->zone, &asker->lead,
                                    end == NGX_HTTP_LITELLM_FLIGHT_OPEN);

    led = (f->leader == asker);

    if (led) {
        f->leader = NULL;
    }

    f->leaders--;

    if (end == NGX_HTTP_LITELLM_FLIGHT_STORED) {
        ngx_http_litellm_flight_wake_all(f, 0);

    } else if (!led) {

        /* another one leads by now */

    } else if (end == NGX_HTTP_LITELLM_FLIGHT_OPEN) {
        ngx_http_litellm_flight_wake_all(f, 1);

    } else {
        ngx_http_litellm_flight_wake_one(f);
    }

    ngx_http_litellm_flight_check(f);
}


void
ngx_http_litellm_flight_failed(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_error_t *e)
{
    ngx_uint_t                 open;
    ngx_http_litellm_asker_t  *asker;

    asker = ctx->cache ? ctx->cache->asker : NULL;

    if (asker == NULL || !asker->leading) {
        return;
    }

    /* a fault of the request is theirs too; a second failure in turn is the
       last that is waited for */

    open = asker->waited
           || (e != NULL && e->status >= 400 && e->status < 500
               && e->status != NGX_HTTP_REQUEST_TIME_OUT
               && e->status != NGX_HTTP_CONFLICT
               && e->status != NGX_HTTP_TOO_MANY_REQUESTS);

    ngx_http_litellm_flight_end(ctx, open ? NGX_HTTP_LITELLM_FLIGHT_OPEN
                                          : NGX_HTTP_LITELLM_FLIGHT_FAILED);
}


/* somebody waits: is there still a leader in some worker? */

static void
ngx_http_litellm_flight_poll(ngx_event_t *ev)
{
    ngx_msec_t                  age;
    ngx_queue_t                *q;
    ngx_http_litellm_asker_t   *asker;
    ngx_http_litellm_flight_t  *f;

    f = ev->data;

    if (ngx_queue_empty(&f->waiting)) {
        return;
    }

    q = ngx_queue_head(&f->waiting);
    asker = ngx_queue_data(q, ngx_http_litellm_asker_t, queue);

    age = ngx_http_litellm_flight_age(asker);

    if (!ngx_http_litellm_flight_led(f, age)) {

        switch (ngx_http_litellm_cache_led(f->zone, f->key, age)) {

        case NGX_HTTP_LITELLM_LEAD_HELD:
            break;

        case NGX_HTTP_LITELLM_LEAD_STREAMED:

            if (asker->ctx->call.stream) {
                ngx_http_litellm_flight_wake(asker);
            }

            break;

        case NGX_HTTP_LITELLM_LEAD_OPEN:
            ngx_http_litellm_flight_wake_all(f, 1);
            break;

        default:
            ngx_http_litellm_flight_wake(asker);
        }
    }

    if (!ngx_queue_empty(&f->waiting)) {
        f->interval = ngx_min(f->interval * 2, NGX_HTTP_LITELLM_FLIGHT_LAST);
        ngx_add_timer(&f->poll, f->interval);
    }

    ngx_http_litellm_flight_check(f);
}


static ngx_msec_t
ngx_http_litellm_flight_age(ngx_http_litellm_asker_t *asker)
{
    ngx_http_litellm_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(asker->request,
                                       ngx_http_litellm_module);

    return lcf->cache->lock_age;
}


/* in this worker, and not for too long */

static ngx_uint_t
ngx_http_litellm_flight_led(ngx_http_litellm_flight_t *f, ngx_msec_t age)
{
    return f->leader != NULL && ngx_current_msec - f->since < age;
}


static ngx_http_litellm_flight_t *
ngx_http_litellm_flight_find(ngx_shm_zone_t *zone, u_char *key)
{
    ngx_int_t                   rc;
    ngx_rbtree_key_t            hash;
    ngx_rbtree_node_t          *node;
    ngx_http_litellm_flight_t  *f;

    if (ngx_http_litellm_flights.root == NULL) {
        ngx_rbtree_init(&ngx_http_litellm_flights,
                        &ngx_http_litellm_flights_sentinel,
                        ngx_http_litellm_flight_insert);
    }

    ngx_memcpy(&hash, key, sizeof(ngx_rbtree_key_t));

    node = ngx_http_litellm_flights.root;

    while (node != &ngx_http_litellm_flights_sentinel) {

        f = (ngx_http_litellm_flight_t *) node;
        rc = ngx_http_litellm_flight_compare(f, hash, zone, key);

        if (rc == 0) {
            return f;
        }

        node = (rc < 0) ? node->left : node->right;
    }

    return NULL;
}


static ngx_http_litellm_flight_t *
ngx_http_litellm_flight_create(ngx_shm_zone_t *zone, u_char *key)
{
    ngx_http_litellm_flight_t  *f;

    f = ngx_calloc(sizeof(ngx_http_litellm_flight_t), ngx_cycle->log);
    if (f == NULL) {
        return NULL;
    }

    ngx_memcpy(&f->node.key, key, sizeof(ngx_rbtree_key_t));
    ngx_memcpy(f->key, key, NGX_LITELLM_CACHE_KEY);

    f->zone = zone;

    ngx_queue_init(&f->waiting);

    f->poll.handler = ngx_http_litellm_flight_poll;
    f->poll.data = f;
    f->poll.log = ngx_cycle->log;

    ngx_rbtree_insert(&ngx_http_litellm_flights, &f->node);

    return f;
}


static void
ngx_http_litellm_flight_check(ngx_http_litellm_flight_t *f)
{
    if (f->leaders != 0 || !ngx_queue_empty(&f->waiting)) {
        return;
    }

    if (f->poll.timer_set) {
        ngx_del_timer(&f->poll);
    }

    ngx_rbtree_delete(&ngx_http_litellm_flights, &f->node);

    ngx_free(f);
}


static void
ngx_http_litellm_flight_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t          **p;
    ngx_http_litellm_flight_t   *f;

    f = (ngx_http_litellm_flight_t *) node;

    for ( ;; ) {

        p = (ngx_http_litellm_flight_compare(
                                         (ngx_http_litellm_flight_t *) temp,
                                         node->key, f->zone, f->key)
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


/* of the one that is looked for, against f */

static ngx_int_t
ngx_http_litellm_flight_compare(ngx_http_litellm_flight_t *f,
    ngx_rbtree_key_t hash, ngx_shm_zone_t *zone, u_char *key)
{
    if (hash != f->node.key) {
        return (hash < f->node.key) ? -1 : 1;
    }

    if (zone != f->zone) {
        return ((uintptr_t) zone < (uintptr_t) f->zone) ? -1 : 1;
    }

    return ngx_memcmp(key, f->key, NGX_LITELLM_CACHE_KEY);
}
