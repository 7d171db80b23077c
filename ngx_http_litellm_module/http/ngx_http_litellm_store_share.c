
/*
 * The store's records as several gateways share them, by marks: which of two is
 * the later one, which have changed here and nobody was told yet, and which
 * were deleted.  ngx_http_litellm_redis_records.c is who tells and asks.
 *
 * Marks are of a clock that never goes back and is never behind a mark that was
 * seen: who changes what he knows comes later than that, whatever his wall
 * clock says.  A deletion is later than all changes of what was there before
 * it, and what is made anew under the same id is later than the deletion.
 *
 * A record that was deleted stays in a list of its own until it may be
 * forgotten.  What has changed is in a chain: put into it at its head, and taken
 * out by who goes over it.  One who was killed meanwhile has left a head that
 * does not know that it is in the chain, or a note in the journal of what was on
 * its way out; the next who takes the lock puts it right.  All of it is under
 * the store's lock, a few records at a time.
 */

#include "ngx_http_litellm_zone.h"
#include "ngx_http_litellm_store_node.h"


/* deletions that others know and are kept all the same: 256 KB */
#define NGX_HTTP_LITELLM_STORE_KEPT   1024

/* records under one hold of the lock */
#define NGX_HTTP_LITELLM_STORE_STEP   32
#define NGX_HTTP_LITELLM_STORE_SKIP   256


static ngx_int_t ngx_http_litellm_store_order(
    ngx_http_litellm_store_node_t *n, ngx_http_litellm_store_item_t *item);
static ngx_int_t ngx_http_litellm_store_nth_locked(
    ngx_http_litellm_store_t *store, ngx_uint_t nth,
    ngx_http_litellm_store_node_t **found);
static ngx_http_litellm_store_node_t *ngx_http_litellm_store_walk_locked(
    ngx_http_litellm_store_t *store, ngx_http_litellm_store_walk_t *w);


void
ngx_http_litellm_store_share(ngx_shm_zone_t *zone, ngx_uint_t on)
{
    ngx_http_litellm_store_t  *store;

    store = ngx_http_litellm_store_lock(zone);
    store->shared = on;
    ngx_http_litellm_store_unlock(zone);
}


uint64_t
ngx_http_litellm_store_clock(ngx_shm_zone_t *zone)
{
    uint64_t     now;
    ngx_time_t  *tp;

    tp = ngx_timeofday();
    now = ((uint64_t) ngx_max(tp->sec, 0) * 1000 + tp->msec) * 1000;

    return ngx_max(now, ngx_http_litellm_zone_store(zone)->clock);
}


uint64_t
ngx_http_litellm_store_tick_locked(ngx_http_litellm_store_t *store)
{
    uint64_t     now;
    ngx_time_t  *tp;

    tp = ngx_timeofday();
    now = ((uint64_t) ngx_max(tp->sec, 0) * 1000 + tp->msec) * 1000;

    store->clock = ngx_max(now, store->clock + 1);

    return store->clock;
}


/* -1: the item is later; 0: they are the same; 1: ours is */

static ngx_int_t
ngx_http_litellm_store_order(ngx_http_litellm_store_node_t *n,
    ngx_http_litellm_store_item_t *item)
{
    if (n->born != item->mark.born) {
        return (n->born < item->mark.born) ? -1 : 1;
    }

    if (n->stamp != item->mark.stamp) {
        return (n->stamp < item->mark.stamp) ? -1 : 1;
    }

    /* two changes in the same moment: what the others have */

    if (n->len != item->json.len
        || (n->len && ngx_memcmp(n->json, item->json.data, n->len) != 0))
    {
        return -1;
    }

    return 0;
}


/* of the journal, too: it may have been done in part */

void
ngx_http_litellm_store_change_locked(ngx_http_litellm_store_t *store,
    ngx_http_litellm_store_node_t *n)
{
    if (!n->chained) {

        if (store->changed != n) {
            n->next = store->changed;
            ngx_memory_barrier();
            store->changed = n;
            ngx_memory_barrier();
        }

        n->chained = 1;
        ngx_memory_barrier();
    }

    n->changed = 1;
}


void
ngx_http_litellm_store_chain_locked(ngx_http_litellm_store_t *store)
{
    ngx_http_litellm_store_journal_t  *j;

    j = &store->journal;

    if (j->out != NULL) {
        *j->out_link = j->out_next;
        ngx_memory_barrier();
        j->out->chained = 0;
        ngx_memory_barrier();
        j->out = NULL;
        ngx_memory_barrier();
    }

    if (store->changed != NULL) {
        store->changed->chained = 1;
    }
}


ngx_http_litellm_store_journal_t *
ngx_http_litellm_store_bury_locked(ngx_http_litellm_store_t *store,
    ngx_http_litellm_store_node_t *n)
{
    ngx_http_litellm_store_journal_t  *j;

    j = ngx_http_litellm_store_draft_locked(store, n);

    j->json = NULL;
    j->len = 0;
    j->old = n->json;
    j->name = 0;
    j->version = ++store->version;
    j->where = NGX_HTTP_LITELLM_STORE_GONE;

    return j;
}


/* who goes over the chain takes it out of that, and it goes the next time */

void
ngx_http_litellm_store_forget_locked(ngx_http_litellm_store_journal_t *j,
    ngx_http_litellm_store_node_t *n)
{
    if (!n->chained) {
        j->where = NGX_HTTP_LITELLM_STORE_NOWHERE;
    }

    j->born = 0;
    j->stamp = 0;
    j->changed = 0;
    j->synced = 1;
}


ngx_int_t
ngx_http_litellm_store_changed(ngx_shm_zone_t *zone, ngx_pool_t *pool,
    ngx_uint_t nth, ngx_http_litellm_store_item_t *item)
{
    size_t                          size;
    u_char                         *p;
    ngx_int_t                       rc;
    ngx_http_litellm_store_t       *store;
    ngx_http_litellm_store_node_t  *n;

    p = NULL;
    size = 0;

    for ( ;; ) {

        store = ngx_http_litellm_store_lock(zone);

        rc = ngx_http_litellm_store_nth_locked(store, nth, &n);

        if (rc != NGX_OK) {
            ngx_http_litellm_store_unlock(zone);
            return rc;
        }

        if (p != NULL && n->id_len + n->len <= size) {

            item->kind = n->kind;
            item->mark.born = n->born;
            item->mark.stamp = n->stamp;
            item->id.data = p;
            item->id.len = n->id_len;
            p = ngx_cpymem(p, n->id, n->id_len);
            item->json.data = p;
            item->json.len = n->len;

            if (n->len) {
                ngx_memcpy(p, n->json, n->len);
            }

            ngx_http_litellm_store_unlock(zone);

            return NGX_OK;
        }

        size = n->id_len + n->len;

        ngx_http_litellm_store_unlock(zone);

        p = ngx_pnalloc(pool, size);
        if (p == NULL) {
            return NGX_ERROR;
        }
    }
}


/* takes out those that were told meanwhile */

static ngx_int_t
ngx_http_litellm_store_nth_locked(ngx_http_litellm_store_t *store,
    ngx_uint_t nth, ngx_http_litellm_store_node_t **found)
{
    ngx_uint_t                         skipped;
    ngx_http_litellm_store_node_t     *n, **link;
    ngx_http_litellm_store_journal_t  *j;

    j = &store->journal;
    link = &store->changed;
    skipped = 0;

    for (n = *link; n != NULL; n = *link) {

        if (!n->changed) {

            if (++skipped > NGX_HTTP_LITELLM_STORE_SKIP) {
                return NGX_AGAIN;
            }

            j->out_link = link;
            j->out_next = n->next;
            ngx_memory_barrier();
            j->out = n;
            ngx_memory_barrier();

            ngx_http_litellm_store_chain_locked(store);

            continue;
        }

        if (nth-- == 0) {
            *found = n;
            return NGX_OK;
        }

        link = &n->next;
    }

    return NGX_DONE;
}


void
ngx_http_litellm_store_told(ngx_shm_zone_t *zone,
    ngx_http_litellm_store_item_t *item, ngx_uint_t pass)
{
    ngx_http_litellm_store_t       *store;
    ngx_http_litellm_store_node_t  *n;

    store = ngx_http_litellm_store_lock(zone);

    n = ngx_http_litellm_store_any_locked(store, item->kind, &item->id);

    if (n != NULL) {
        n->pass = (uint32_t) pass;
        n->synced = 1;

        if (n->born == item->mark.born && n->stamp == item->mark.stamp) {
            n->changed = 0;
        }
    }

    ngx_http_litellm_store_unlock(zone);
}


void
ngx_http_litellm_store_retell(ngx_shm_zone_t *zone,
    ngx_litellm_principal_e kind, ngx_str_t *id,
    ngx_http_litellm_store_mark_t *mark)
{
    ngx_http_litellm_store_t          *store;
    ngx_http_litellm_store_node_t     *n;
    ngx_http_litellm_store_journal_t  *j;

    store = ngx_http_litellm_store_lock(zone);

    n = ngx_http_litellm_store_any_locked(store, kind, id);

    if (n != NULL && n->born != 0) {

        j = ngx_http_litellm_store_draft_locked(store, n);

        if (mark != NULL) {
            store->clock = ngx_max(store->clock, mark->stamp);
            j->stamp = ngx_http_litellm_store_tick_locked(store);
            j->born = (n->json == NULL) ? j->stamp
                                        : ngx_max(n->born, mark->born);
        }

        j->changed = 1;

        ngx_http_litellm_store_commit_locked(store,
                                             ngx_http_litellm_zone_pool(zone),
                                             n);
    }

    ngx_http_litellm_store_unlock(zone);
}


ngx_int_t
ngx_http_litellm_store_look(ngx_shm_zone_t *zone,
    ngx_http_litellm_store_item_t *item, ngx_uint_t pass)
{
    ngx_int_t                       order;
    ngx_http_litellm_store_t       *store;
    ngx_http_litellm_store_node_t  *n;

    store = ngx_http_litellm_store_lock(zone);

    store->clock = ngx_max(store->clock,
                           ngx_max(item->mark.born, item->mark.stamp));

    n = ngx_http_litellm_store_any_locked(store, item->kind, &item->id);

    if (n == NULL) {

        /* what was never here need not be deleted */

        ngx_http_litellm_store_unlock(zone);

        return item->json.len ? NGX_AGAIN : NGX_OK;
    }

    order = ngx_http_litellm_store_order(n, item);

    n->pass = (uint32_t) pass;
    n->synced = 1;

    if (order == 0) {
        n->changed = 0;

    } else if (order > 0) {
        ngx_http_litellm_store_change_locked(store, n);
    }

    ngx_http_litellm_store_unlock(zone);

    return (order < 0) ? NGX_AGAIN : NGX_OK;
}


ngx_int_t
ngx_http_litellm_store_take(ngx_shm_zone_t *zone,
    ngx_http_litellm_store_item_t *item, ngx_uint_t pass)
{
    uint64_t                           name;
    ngx_int_t                          rc;
    ngx_slab_pool_t                   *shpool;
    ngx_http_litellm_store_t          *store;
    ngx_http_litellm_store_node_t     *n;
    ngx_http_litellm_store_journal_t  *j;

    shpool = ngx_http_litellm_zone_pool(zone);
    store = ngx_http_litellm_zone_store(zone);
    name = 0;

    if (item->kind == NGX_LITELLM_KEY && item->json.len
        && ngx_http_litellm_store_name_of(&store->names, &item->json, &name)
           != NGX_OK)
    {
        return NGX_BUSY;
    }

    store = ngx_http_litellm_store_lock(zone);

    n = ngx_http_litellm_store_any_locked(store, item->kind, &item->id);

    if (n != NULL && ngx_http_litellm_store_order(n, item) > 0) {
        ngx_http_litellm_store_unlock(zone);
        return NGX_DECLINED;
    }

    rc = NGX_OK;
    item->mark.changed = 0;
    item->mark.synced = 1;

    if (item->json.len) {
        rc = ngx_http_litellm_store_write_locked(store, shpool, item->kind,
                                                 &item->id, &item->json, name,
                                                 &item->mark);
        if (rc == NGX_OK) {
            n = ngx_http_litellm_store_any_locked(store, item->kind,
                                                  &item->id);

        } else {

            /* it must not go on as it was: it may be blocked by now */

            item->mark.born = 0;
            item->mark.stamp = 0;
        }
    }

    if (n != NULL) {
        j = ((rc != NGX_OK || item->json.len == 0) && n->json != NULL)
            ? ngx_http_litellm_store_bury_locked(store, n)
            : ngx_http_litellm_store_draft_locked(store, n);

        j->born = item->mark.born;
        j->stamp = item->mark.stamp;
        j->changed = 0;
        j->synced = 1;
        j->pass = (uint32_t) pass;

        ngx_http_litellm_store_commit_locked(store, shpool, n);
    }

    ngx_http_litellm_store_unlock(zone);

    return rc;
}


void
ngx_http_litellm_store_remove(ngx_shm_zone_t *zone,
    ngx_litellm_principal_e kind, ngx_str_t *id)
{
    ngx_slab_pool_t                   *shpool;
    ngx_http_litellm_store_t          *store;
    ngx_http_litellm_store_node_t     *n;
    ngx_http_litellm_store_journal_t  *j;

    shpool = ngx_http_litellm_zone_pool(zone);
    store = ngx_http_litellm_store_lock(zone);

    n = ngx_http_litellm_store_list_find(&store->there[kind], id);

    if (n != NULL) {
        j = ngx_http_litellm_store_bury_locked(store, n);

        ngx_http_litellm_store_forget_locked(j, n);
        ngx_http_litellm_store_commit_locked(store, shpool, n);
    }

    ngx_http_litellm_store_unlock(zone);
}


/* the next one of all lists, one kind behind the other; NULL: no more */

static ngx_http_litellm_store_node_t *
ngx_http_litellm_store_walk_locked(ngx_http_litellm_store_t *store,
    ngx_http_litellm_store_walk_t *w)
{
    ngx_http_litellm_store_node_t  *n;

    for ( ;; ) {

        n = ngx_http_litellm_store_list_behind(
                                         w->gone ? &store->gone[w->kind]
                                                 : &store->there[w->kind],
                                         &w->id);
        if (n != NULL) {
            w->id.data = w->buf;
            w->id.len = ngx_min(n->id_len, NGX_HTTP_LITELLM_STORE_ID);
            ngx_memcpy(w->buf, n->id, w->id.len);

            return n;
        }

        if (w->kind == NGX_LITELLM_PRINCIPALS - 1 && w->gone) {
            return NULL;
        }

        w->id.len = 0;
        w->kind = (w->kind + 1) % NGX_LITELLM_PRINCIPALS;
        w->gone |= (w->kind == 0);
    }
}


ngx_int_t
ngx_http_litellm_store_unseen(ngx_shm_zone_t *zone,
    ngx_http_litellm_store_walk_t *w, ngx_uint_t pass, ngx_uint_t missed,
    ngx_http_litellm_store_mark_t *mark)
{
    ngx_int_t                       rc;
    ngx_uint_t                      i;
    ngx_http_litellm_store_t       *store;
    ngx_http_litellm_store_node_t  *n;

    store = ngx_http_litellm_store_lock(zone);

    rc = NGX_AGAIN;

    for (i = 0; i < NGX_HTTP_LITELLM_STORE_STEP; i++) {

        n = ngx_http_litellm_store_walk_locked(store, w);

        if (n == NULL) {
            rc = NGX_DONE;
            break;
        }

        if (n->pass == (uint32_t) pass || n->changed || n->born == 0) {
            continue;
        }

        if (!missed || !n->synced) {
            ngx_http_litellm_store_change_locked(store, n);
            continue;
        }

        if (n->json != NULL) {
            mark->born = n->stamp;
            mark->stamp = n->stamp;
            rc = NGX_OK;
            break;
        }
    }

    ngx_http_litellm_store_unlock(zone);

    return rc;
}


ngx_int_t
ngx_http_litellm_store_each(ngx_shm_zone_t *zone, ngx_pool_t *pool,
    ngx_http_litellm_store_walk_t *w, ngx_http_litellm_store_item_t *item)
{
    size_t                          len;
    u_char                          last[NGX_HTTP_LITELLM_STORE_ID];
    ngx_str_t                       id;
    ngx_uint_t                      kind, gone;
    ngx_http_litellm_store_t       *store;
    ngx_http_litellm_store_node_t  *n;

    ngx_str_null(&item->json);
    len = 0;

    for ( ;; ) {

        kind = w->kind;
        gone = w->gone;
        id = w->id;
        ngx_memcpy(last, w->buf, id.len);

        store = ngx_http_litellm_store_lock(zone);

        do {
            n = ngx_http_litellm_store_walk_locked(store, w);
        } while (n != NULL && n->born == 0);

        if (n == NULL) {
            ngx_http_litellm_store_unlock(zone);
            return NGX_DONE;
        }

        if (n->len <= len) {
            item->kind = n->kind;
            item->id = w->id;
            item->mark.born = n->born;
            item->mark.stamp = n->stamp;
            item->json.len = n->len;

            if (n->len) {
                ngx_memcpy(item->json.data, n->json, n->len);
            }

            ngx_http_litellm_store_unlock(zone);

            return NGX_OK;
        }

        len = n->len;

        ngx_http_litellm_store_unlock(zone);

        /* the same one again, if it is still there */

        w->kind = kind;
        w->gone = gone;
        w->id = id;
        ngx_memcpy(w->buf, last, id.len);

        item->json.data = ngx_pnalloc(pool, len);
        if (item->json.data == NULL) {
            return NGX_ERROR;
        }
    }
}


ngx_int_t
ngx_http_litellm_store_restore(ngx_shm_zone_t *zone,
    ngx_http_litellm_store_item_t *item)
{
    uint64_t                           name;
    ngx_int_t                          rc;
    ngx_slab_pool_t                   *shpool;
    ngx_http_litellm_store_t          *store;
    ngx_http_litellm_store_node_t     *n;
    ngx_http_litellm_store_journal_t  *j;

    shpool = ngx_http_litellm_zone_pool(zone);
    store = ngx_http_litellm_zone_store(zone);
    name = 0;

    if (item->kind == NGX_LITELLM_KEY && item->json.len
        && ngx_http_litellm_store_name_of(&store->names, &item->json, &name)
           != NGX_OK)
    {
        return NGX_BUSY;
    }

    store = ngx_http_litellm_store_lock(zone);

    rc = NGX_OK;
    item->mark.changed = 0;
    item->mark.synced = 0;

    if (item->json.len) {
        rc = ngx_http_litellm_store_write_locked(store, shpool, item->kind,
                                                 &item->id, &item->json, name,
                                                 &item->mark);

    } else if (ngx_http_litellm_store_any_locked(store, item->kind, &item->id)
               == NULL)
    {
        n = ngx_http_litellm_store_node_locked(store, shpool, item->kind,
                                               &item->id);
        if (n != NULL) {
            j = ngx_http_litellm_store_draft_locked(store, n);

            j->born = item->mark.born;
            j->stamp = item->mark.stamp;
            j->where = NGX_HTTP_LITELLM_STORE_GONE;

            store->clock = ngx_max(store->clock, j->stamp);

            ngx_http_litellm_store_commit_locked(store, shpool, n);

        } else {
            rc = NGX_BUSY;
        }
    }

    ngx_http_litellm_store_unlock(zone);

    return rc;
}


void
ngx_http_litellm_store_sweep(ngx_shm_zone_t *zone,
    ngx_http_litellm_store_walk_t *w, time_t before)
{
    ngx_uint_t                         i;
    ngx_slab_pool_t                   *shpool;
    ngx_http_litellm_store_t          *store;
    ngx_http_litellm_store_node_t     *n;
    ngx_http_litellm_store_journal_t  *j;

    shpool = ngx_http_litellm_zone_pool(zone);
    store = ngx_http_litellm_store_lock(zone);

    for (i = 0; store->ngone && i < NGX_HTTP_LITELLM_STORE_STEP; i++) {

        w->gone = 1;

        n = ngx_http_litellm_store_walk_locked(store, w);

        if (n == NULL) {
            ngx_memzero(w, sizeof(ngx_http_litellm_store_walk_t));
            break;
        }

        if (!n->changed && n->synced && !n->chained
            && (store->ngone > NGX_HTTP_LITELLM_STORE_KEPT
                || (time_t) (n->stamp / 1000000) < before))
        {
            j = ngx_http_litellm_store_draft_locked(store, n);

            ngx_http_litellm_store_forget_locked(j, n);
            ngx_http_litellm_store_commit_locked(store, shpool, n);
        }
    }

    ngx_http_litellm_store_unlock(zone);
}
