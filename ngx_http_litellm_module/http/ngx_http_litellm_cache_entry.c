
/*
 * Entries of the cache zone: by key in a hash table, and in the order of their
 * use, from which the last one is evicted when blocks are wanted.  What the
 * cache step and the API call is here, but for the copying of bytes.
 *
 * An entry that is pinned is in no order: it can't be evicted, and so the last
 * one always can.  One that is deleted, flushed, expired or replaced while it
 * is pinned is unlinked, and its blocks go with its last pin.
 *
 * The hash is keyed: keys are digests of what clients send, and one who looks
 * for many of the same beginning must not make a bucket long.
 */

#include "ngx_http_litellm_cache_block.h"
#include "ngx_litellm_siphash.h"


static ngx_int_t ngx_http_litellm_cache_fetch_locked(
    ngx_http_litellm_cache_t *c, const u_char *key,
    ngx_http_litellm_cache_handle_t *h, u_char *buf, size_t size);
static ngx_int_t ngx_http_litellm_cache_extend(ngx_http_litellm_cache_t *c,
    ngx_http_litellm_cache_handle_t *h, ngx_uint_t n);
static ngx_int_t ngx_http_litellm_cache_begin_locked(
    ngx_http_litellm_cache_t *c, ngx_http_litellm_cache_handle_t *h,
    uint32_t first, uint32_t last, ngx_uint_t n);
static uint32_t *ngx_http_litellm_cache_bucket(ngx_http_litellm_cache_sh_t *sh,
    const u_char *key);
static uint32_t ngx_http_litellm_cache_find_locked(
    ngx_http_litellm_cache_sh_t *sh, const u_char *key);
static void ngx_http_litellm_cache_remove_locked(
    ngx_http_litellm_cache_sh_t *sh, uint32_t entry);
static void ngx_http_litellm_cache_used_locked(ngx_http_litellm_cache_sh_t *sh,
    uint32_t entry);
static void ngx_http_litellm_cache_unused_locked(
    ngx_http_litellm_cache_sh_t *sh, uint32_t entry);


/* nobody can have it any more */
#define ngx_http_litellm_cache_over(sh, e, now)                               \
    ((e)->epoch != (sh)->epoch || (e)->meta.expires <= (now))


ngx_int_t
ngx_http_litellm_cache_open(ngx_shm_zone_t *zone,
    const u_char key[NGX_HTTP_LITELLM_CACHE_KEY],
    ngx_http_litellm_cache_handle_t *h)
{
    return ngx_http_litellm_cache_fetch(zone, key, h, NULL, 0);
}


ngx_int_t
ngx_http_litellm_cache_fetch(ngx_shm_zone_t *zone,
    const u_char key[NGX_HTTP_LITELLM_CACHE_KEY],
    ngx_http_litellm_cache_handle_t *h, u_char *buf, size_t size)
{
    ngx_int_t                     rc;
    ngx_http_litellm_cache_t     *c;
    ngx_http_litellm_cache_sh_t  *sh;

    ngx_memzero(h, sizeof(ngx_http_litellm_cache_handle_t));

    if (zone == NULL) {
        return NGX_DECLINED;
    }

    c = zone->data;
    sh = c->sh;

    ngx_http_litellm_cache_lock(c);

    rc = ngx_http_litellm_cache_fetch_locked(c, key, h, buf, size);

    if (rc == NGX_OK) {
        sh->hits++;

    } else {
        sh->misses++;
    }

    ngx_http_litellm_cache_unlock(c);

    return rc;
}


static ngx_int_t
ngx_http_litellm_cache_fetch_locked(ngx_http_litellm_cache_t *c,
    const u_char *key, ngx_http_litellm_cache_handle_t *h, u_char *buf,
    size_t size)
{
    uint32_t                         entry;
    ngx_http_litellm_cache_sh_t     *sh;
    ngx_http_litellm_cache_entry_t  *e;

    sh = c->sh;

    entry = ngx_http_litellm_cache_find_locked(sh, key);

    if (entry == 0) {
        return NGX_DECLINED;
    }

    e = ngx_http_litellm_cache_entry(sh, entry);

    if (ngx_http_litellm_cache_over(sh, e, ngx_time())) {
        ngx_http_litellm_cache_remove_locked(sh, entry);
        return NGX_DECLINED;
    }

    if (e->meta.len <= size && e->blocks == 1) {

        if (e->pins == 0 && sh->head != entry) {
            ngx_http_litellm_cache_unused_locked(sh, entry);
            ngx_http_litellm_cache_used_locked(sh, entry);
        }

        h->meta = e->meta;
        h->done = e->meta.len;

        ngx_memcpy(buf, (u_char *) e + NGX_HTTP_LITELLM_CACHE_HEAD,
                   e->meta.len);

        return NGX_OK;
    }

    h->pin = ngx_http_litellm_cache_pin_locked(c, entry);

    if (h->pin == 0) {
        return NGX_DECLINED;
    }

    if (e->pins == 0) {
        ngx_http_litellm_cache_unused_locked(sh, entry);
    }

    ngx_http_litellm_cache_set(sh, &e->pins, e->pins + 1);

    h->meta = e->meta;
    h->entry = entry;
    h->block = entry;
    h->offset = NGX_HTTP_LITELLM_CACHE_HEAD;

    return NGX_OK;
}


void
ngx_http_litellm_cache_close(ngx_shm_zone_t *zone,
    ngx_http_litellm_cache_handle_t *h)
{
    ngx_http_litellm_cache_t  *c;

    if (h->entry == 0) {
        return;
    }

    c = zone->data;

    ngx_http_litellm_cache_lock(c);

    if (ngx_http_litellm_cache_unpin_locked(c, h->pin, h->entry) != 0) {
        ngx_http_litellm_cache_release_locked(c->sh, h->entry);
    }

    ngx_http_litellm_cache_unlock(c);

    h->entry = 0;
}


void
ngx_http_litellm_cache_release_locked(ngx_http_litellm_cache_sh_t *sh,
    uint32_t entry)
{
    ngx_http_litellm_cache_entry_t  *e;

    e = ngx_http_litellm_cache_entry(sh, entry);

    ngx_http_litellm_cache_set(sh, &e->pins, e->pins - 1);

    if (e->pins != 0) {
        return;
    }

    if (e->state != NGX_HTTP_LITELLM_CACHE_LINKED) {
        ngx_http_litellm_cache_give_locked(sh, entry);
        return;
    }

    ngx_http_litellm_cache_used_locked(sh, entry);

    if (e->epoch != sh->epoch) {
        ngx_http_litellm_cache_remove_locked(sh, entry);
    }
}


ngx_int_t
ngx_http_litellm_cache_create(ngx_shm_zone_t *zone,
    ngx_http_litellm_cache_handle_t *h)
{
    size_t                     n, done;
    ngx_int_t                  rc;
    ngx_http_litellm_cache_t  *c;

    h->entry = 0;
    h->pin = 0;
    h->done = 0;

    if (zone == NULL) {
        return NGX_DECLINED;
    }

    c = zone->data;

    n = ngx_http_litellm_cache_blocks(h->meta.len);

    if (n > c->sh->nblocks / NGX_HTTP_LITELLM_CACHE_PART) {
        return NGX_DECLINED;
    }

    /* others have their turn between two holds of the lock */

    for (done = 0; done < n; done += rc) {

        rc = ngx_http_litellm_cache_extend(c, h, n - done);

        if (rc == NGX_DECLINED) {
            ngx_http_litellm_cache_close(zone, h);
            return NGX_DECLINED;
        }
    }

    h->block = h->entry;
    h->offset = NGX_HTTP_LITELLM_CACHE_HEAD;

    return NGX_OK;
}


/* up to n more blocks; returns how many, or NGX_DECLINED */

static ngx_int_t
ngx_http_litellm_cache_extend(ngx_http_litellm_cache_t *c,
    ngx_http_litellm_cache_handle_t *h, ngx_uint_t n)
{
    time_t                           now;
    uint32_t                         first, last;
    ngx_uint_t                       i;
    ngx_http_litellm_cache_sh_t     *sh;
    ngx_http_litellm_cache_entry_t  *e;

    sh = c->sh;
    now = ngx_time();
    n = ngx_min(n, NGX_HTTP_LITELLM_CACHE_TAKE);

    ngx_http_litellm_cache_lock(c);

    for (i = 0; i < NGX_HTTP_LITELLM_CACHE_EVICT; i++) {

        if (sh->tail == 0) {
            break;
        }

        e = ngx_http_litellm_cache_entry(sh, sh->tail);

        if (!ngx_http_litellm_cache_over(sh, e, now)) {

            if (sh->nfree >= n) {
                break;
            }

            sh->evicted++;
        }

        ngx_http_litellm_cache_remove_locked(sh, sh->tail);
        ngx_http_litellm_cache_end(sh);
    }

    n = ngx_http_litellm_cache_take_locked(sh, n, &first, &last);

    if (n == 0) {
        ngx_http_litellm_cache_unlock(c);
        return NGX_DECLINED;
    }

    if (h->entry == 0) {

        if (ngx_http_litellm_cache_begin_locked(c, h, first, last, n)
            != NGX_OK)
        {
            /* the blocks go back with the change that is not ended */

            ngx_http_litellm_cache_undo(sh);
            ngx_http_litellm_cache_unlock(c);
            return NGX_DECLINED;
        }

    } else {
        e = ngx_http_litellm_cache_entry(sh, h->entry);

        ngx_http_litellm_cache_set(sh, &sh->links[e->last], first);
        ngx_http_litellm_cache_set(sh, &e->last, last);
        ngx_http_litellm_cache_set(sh, &e->blocks, e->blocks + n);
    }

    ngx_http_litellm_cache_unlock(c);

    return n;
}


static ngx_int_t
ngx_http_litellm_cache_begin_locked(ngx_http_litellm_cache_t *c,
    ngx_http_litellm_cache_handle_t *h, uint32_t first, uint32_t last,
    ngx_uint_t n)
{
    ngx_http_litellm_cache_entry_t  *e;

    h->pin = ngx_http_litellm_cache_pin_locked(c, first);

    if (h->pin == 0) {
        return NGX_DECLINED;
    }

    h->entry = first;

    e = ngx_http_litellm_cache_entry(c->sh, first);

    ngx_memzero(e, sizeof(ngx_http_litellm_cache_entry_t));

    e->meta = h->meta;
    e->state = NGX_HTTP_LITELLM_CACHE_WRITTEN;
    e->last = last;
    e->blocks = n;
    e->pins = 1;

    return NGX_OK;
}


void
ngx_http_litellm_cache_commit(ngx_shm_zone_t *zone,
    const u_char key[NGX_HTTP_LITELLM_CACHE_KEY],
    ngx_http_litellm_cache_handle_t *h)
{
    uint32_t                         older, *bucket;
    ngx_http_litellm_cache_t        *c;
    ngx_http_litellm_cache_sh_t     *sh;
    ngx_http_litellm_cache_entry_t  *e;

    c = zone->data;
    sh = c->sh;

    if (h->entry == 0 || h->done != h->meta.len) {
        return;
    }

    e = ngx_http_litellm_cache_entry(sh, h->entry);

    if (e->state != NGX_HTTP_LITELLM_CACHE_WRITTEN) {
        return;
    }

    ngx_http_litellm_cache_lock(c);

    /* a worker that has left has nothing any more */

    if (c->left) {
        ngx_http_litellm_cache_unlock(c);
        return;
    }

    older = ngx_http_litellm_cache_find_locked(sh, key);

    if (older != 0) {
        ngx_http_litellm_cache_remove_locked(sh, older);
    }

    bucket = ngx_http_litellm_cache_bucket(sh, key);

    ngx_memcpy(e->key, key, NGX_HTTP_LITELLM_CACHE_KEY);

    e->meta = h->meta;
    e->epoch = sh->epoch;

    ngx_http_litellm_cache_set(sh, &e->chain, *bucket);
    ngx_http_litellm_cache_set(sh, &e->state, NGX_HTTP_LITELLM_CACHE_LINKED);
    ngx_http_litellm_cache_set(sh, bucket, h->entry);
    ngx_http_litellm_cache_set(sh, &sh->entries, sh->entries + 1);

    sh->stored++;

    ngx_http_litellm_cache_unlock(c);
}


ngx_int_t
ngx_http_litellm_cache_delete(ngx_shm_zone_t *zone,
    const u_char key[NGX_HTTP_LITELLM_CACHE_KEY])
{
    uint32_t                         entry;
    ngx_int_t                        rc;
    ngx_http_litellm_cache_t        *c;
    ngx_http_litellm_cache_sh_t     *sh;
    ngx_http_litellm_cache_entry_t  *e;

    if (zone == NULL) {
        return NGX_DECLINED;
    }

    c = zone->data;
    sh = c->sh;
    rc = NGX_DECLINED;

    ngx_http_litellm_cache_lock(c);

    entry = ngx_http_litellm_cache_find_locked(sh, key);

    if (entry != 0) {
        e = ngx_http_litellm_cache_entry(sh, entry);

        if (!ngx_http_litellm_cache_over(sh, e, ngx_time())) {
            rc = NGX_OK;
        }

        ngx_http_litellm_cache_remove_locked(sh, entry);
    }

    ngx_http_litellm_cache_unlock(c);

    return rc;
}


ngx_uint_t
ngx_http_litellm_cache_flush(ngx_shm_zone_t *zone)
{
    ngx_http_litellm_cache_t     *c;
    ngx_http_litellm_cache_sh_t  *sh;

    c = zone->data;
    sh = c->sh;

    ngx_http_litellm_cache_lock(c);
    ngx_http_litellm_cache_set(sh, &sh->epoch, sh->epoch + 1);
    ngx_http_litellm_cache_unlock(c);

    return ngx_http_litellm_cache_drop(c, 64);
}


ngx_uint_t
ngx_http_litellm_cache_drop(ngx_http_litellm_cache_t *c, ngx_uint_t n)
{
    time_t                           now;
    ngx_uint_t                       i, left;
    ngx_http_litellm_cache_sh_t     *sh;
    ngx_http_litellm_cache_entry_t  *e;

    sh = c->sh;
    now = ngx_time();
    left = 1;

    while (n-- && left) {

        ngx_http_litellm_cache_lock(c);

        for (i = 0; i < NGX_HTTP_LITELLM_CACHE_DROP && sh->tail != 0; i++) {

            e = ngx_http_litellm_cache_entry(sh, sh->tail);

            if (!ngx_http_litellm_cache_over(sh, e, now)) {
                break;
            }

            ngx_http_litellm_cache_remove_locked(sh, sh->tail);
            ngx_http_litellm_cache_end(sh);
        }

        left = (i == NGX_HTTP_LITELLM_CACHE_DROP) ? sh->entries : 0;

        ngx_http_litellm_cache_unlock(c);
    }

    return left;
}


void
ngx_http_litellm_cache_stat(ngx_shm_zone_t *zone,
    ngx_http_litellm_cache_stat_t *stat)
{
    ngx_http_litellm_cache_t     *c;
    ngx_http_litellm_cache_sh_t  *sh;

    c = zone->data;
    sh = c->sh;

    ngx_http_litellm_cache_lock(c);

    stat->entries = sh->entries;
    stat->blocks = sh->nblocks;
    stat->free = sh->nfree;
    stat->block_size = NGX_HTTP_LITELLM_CACHE_BLOCK;
    stat->hits = sh->hits;
    stat->misses = sh->misses;
    stat->stored = sh->stored;
    stat->evicted = sh->evicted;
    stat->coalesced = sh->coalesced;
    stat->lock_timeouts = sh->lock_timeouts;

    ngx_http_litellm_cache_unlock(c);
}


static uint32_t *
ngx_http_litellm_cache_bucket(ngx_http_litellm_cache_sh_t *sh,
    const u_char *key)
{
    uint64_t  hash;

    hash = ngx_litellm_siphash(sh->secret, 0, key, NGX_HTTP_LITELLM_CACHE_KEY);

    return &sh->buckets[hash & sh->mask];
}


static uint32_t
ngx_http_litellm_cache_find_locked(ngx_http_litellm_cache_sh_t *sh,
    const u_char *key)
{
    uint32_t                         entry;
    ngx_http_litellm_cache_entry_t  *e;

    entry = *ngx_http_litellm_cache_bucket(sh, key);

    while (entry != 0) {
        e = ngx_http_litellm_cache_entry(sh, entry);

        if (ngx_memcmp(e->key, key, NGX_HTTP_LITELLM_CACHE_KEY) == 0) {
            break;
        }

        entry = e->chain;
    }

    return entry;
}


uint32_t
ngx_http_litellm_cache_valid_locked(ngx_http_litellm_cache_sh_t *sh,
    const u_char *key)
{
    uint32_t                         entry;
    ngx_http_litellm_cache_entry_t  *e;

    entry = ngx_http_litellm_cache_find_locked(sh, key);

    if (entry == 0) {
        return 0;
    }

    e = ngx_http_litellm_cache_entry(sh, entry);

    return ngx_http_litellm_cache_over(sh, e, ngx_time()) ? 0 : entry;
}


/* one that is linked; its blocks are free now, or with its last pin */

static void
ngx_http_litellm_cache_remove_locked(ngx_http_litellm_cache_sh_t *sh,
    uint32_t entry)
{
    uint32_t                        *place;
    ngx_http_litellm_cache_entry_t  *e;

    e = ngx_http_litellm_cache_entry(sh, entry);

    place = ngx_http_litellm_cache_bucket(sh, e->key);

    while (*place != entry) {
        place = &ngx_http_litellm_cache_entry(sh, *place)->chain;
    }

    ngx_http_litellm_cache_set(sh, place, e->chain);
    ngx_http_litellm_cache_set(sh, &sh->entries, sh->entries - 1);
    ngx_http_litellm_cache_set(sh, &e->state, NGX_HTTP_LITELLM_CACHE_UNLINKED);

    if (e->pins == 0) {
        ngx_http_litellm_cache_unused_locked(sh, entry);
        ngx_http_litellm_cache_give_locked(sh, entry);
    }
}


/* to the head of the order of use */

static void
ngx_http_litellm_cache_used_locked(ngx_http_litellm_cache_sh_t *sh,
    uint32_t entry)
{
    ngx_http_litellm_cache_entry_t  *e;

    e = ngx_http_litellm_cache_entry(sh, entry);

    ngx_http_litellm_cache_set(sh, &e->prev, 0);
    ngx_http_litellm_cache_set(sh, &e->next, sh->head);

    if (sh->head != 0) {
        ngx_http_litellm_cache_set(sh,
                     &ngx_http_litellm_cache_entry(sh, sh->head)->prev, entry);

    } else {
        ngx_http_litellm_cache_set(sh, &sh->tail, entry);
    }

    ngx_http_litellm_cache_set(sh, &sh->head, entry);
}


/* out of it */

static void
ngx_http_litellm_cache_unused_locked(ngx_http_litellm_cache_sh_t *sh,
    uint32_t entry)
{
    uint32_t                        *prev, *next;
    ngx_http_litellm_cache_entry_t  *e;

    e = ngx_http_litellm_cache_entry(sh, entry);

    next = e->prev ? &ngx_http_litellm_cache_entry(sh, e->prev)->next
                   : &sh->head;
    prev = e->next ? &ngx_http_litellm_cache_entry(sh, e->next)->prev
                   : &sh->tail;

    ngx_http_litellm_cache_set(sh, next, e->next);
    ngx_http_litellm_cache_set(sh, prev, e->prev);
}
