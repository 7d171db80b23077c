
/* See cache_zone.h. */

#include "cache_zone.h"
#include "ngx_litellm_siphash.h"

#include <stdlib.h>


#define PIECE  701


static u_char cache_byte(uint64_t seed, size_t at);
static const char *cache_wrong_makings(ngx_http_litellm_cache_sh_t *sh);


ngx_shm_zone_t *
cache_zone(size_t size)
{
    ngx_shm_zone_t            *zone;
    ngx_http_litellm_cache_t  *c;

    zone = shm_pool(size);
    c = calloc(1, sizeof(ngx_http_litellm_cache_t));

    if (c == NULL) {
        abort();
    }

    c->shpool = (ngx_slab_pool_t *) zone->shm.addr;
    zone->data = c;

    if (ngx_http_litellm_cache_make(c) != NGX_OK) {
        abort();
    }

    cache_worker(zone, 0);

    return zone;
}


void
cache_zone_free(ngx_shm_zone_t *zone)
{
    free(zone->data);
    shm_pool_free(zone);
}


void
cache_worker(ngx_shm_zone_t *zone, ngx_uint_t index)
{
    ngx_http_litellm_cache_t  *c;

    c = zone->data;

    ngx_pid = getpid();
    c->entered = 0;

    ngx_http_litellm_cache_begin(c, index);
}


void
cache_key(u_char key[NGX_HTTP_LITELLM_CACHE_KEY], uint64_t n)
{
    ngx_memset(key, 0x5a, NGX_HTTP_LITELLM_CACHE_KEY);
    ngx_memcpy(&key[20], &n, sizeof(n));
}


/* cheap, and another one at another place or of another value */

static u_char
cache_byte(uint64_t seed, size_t at)
{
    uint64_t  x;

    x = (seed + at / 8) * 0x9e3779b97f4a7c15ULL;

    return x >> (8 * (at % 8));
}


ngx_int_t
cache_put(ngx_shm_zone_t *zone, uint64_t number, uint64_t seed, size_t len,
    time_t expires)
{
    size_t                           i, n;
    u_char                           buf[PIECE];
    u_char                           key[NGX_HTTP_LITELLM_CACHE_KEY];
    ngx_http_litellm_cache_handle_t  h;

    ngx_memzero(&h, sizeof(h));

    h.meta.stored = ngx_time();
    h.meta.expires = expires;
    h.meta.len = len;
    h.meta.kind = 7;
    h.meta.cost = seed;

    if (ngx_http_litellm_cache_create(zone, &h) != NGX_OK) {
        return NGX_DECLINED;
    }

    while (h.done < len) {
        n = ngx_min(PIECE, len - h.done);

        for (i = 0; i < n; i++) {
            buf[i] = cache_byte(seed, h.done + i);
        }

        ngx_http_litellm_cache_write(zone, &h, buf, n);
    }

    cache_key(key, number);

    ngx_http_litellm_cache_commit(zone, key, &h);
    ngx_http_litellm_cache_close(zone, &h);

    return NGX_OK;
}


ngx_uint_t
cache_same_small(ngx_http_litellm_cache_handle_t *h, const u_char *buf)
{
    size_t  i;

    for (i = 0; i < h->meta.len; i++) {
        if (buf[i] != cache_byte(h->meta.cost, i)) {
            return 0;
        }
    }

    return h->done == h->meta.len;
}


ngx_uint_t
cache_same(ngx_shm_zone_t *zone, ngx_http_litellm_cache_handle_t *h)
{
    size_t      i, n, at;
    u_char      buf[PIECE * 2];
    ngx_uint_t  same;

    at = h->done;
    same = 1;

    while ((n = ngx_http_litellm_cache_read(zone, h, buf, sizeof(buf))) != 0) {

        for (i = 0; i < n; i++) {
            if (buf[i] != cache_byte(h->meta.cost, at + i)) {
                same = 0;
            }
        }

        at += n;
    }

    return same && at == h->meta.len;
}


ngx_int_t
cache_get(ngx_shm_zone_t *zone, uint64_t number)
{
    u_char                           key[NGX_HTTP_LITELLM_CACHE_KEY];
    u_char                           small[2048];
    ngx_uint_t                       same;
    ngx_http_litellm_cache_handle_t  h;

    cache_key(key, number);

    if (ngx_http_litellm_cache_fetch(zone, key, &h, small,
                                     (number & 1) ? sizeof(small) : 0)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    same = (h.entry == 0) ? cache_same_small(&h, small)
                          : cache_same(zone, &h);

    ngx_http_litellm_cache_close(zone, &h);

    return same ? NGX_OK : NGX_ERROR;
}


ngx_http_litellm_cache_stat_t
cache_stat(ngx_shm_zone_t *zone)
{
    ngx_http_litellm_cache_stat_t  stat;

    ngx_http_litellm_cache_stat(zone, &stat);

    return stat;
}


const char *
cache_wrong(ngx_shm_zone_t *zone, ngx_uint_t pins)
{
    u_char                          *seen;
    uint32_t                         i, n, block, prev, entries, used, ordered;
    uint32_t                         pinned;
    const char                      *wrong;
    ngx_http_litellm_cache_t        *c;
    ngx_http_litellm_cache_sh_t     *sh;
    ngx_http_litellm_cache_entry_t  *e;

    c = zone->data;
    sh = c->sh;
    wrong = NULL;

    /* with what a dead one has left to undo */

    ngx_http_litellm_cache_lock(c);

    seen = calloc(1, sh->nblocks + 1);
    if (seen == NULL) {
        abort();
    }

#define WRONG(cond, text)                                                     \
    if (cond) {                                                               \
        wrong = text;                                                         \
        goto done;                                                            \
    }

    for (n = 0, block = sh->free; block != 0; block = sh->links[block]) {
        WRONG(block > sh->nblocks || seen[block]++, "the free chain");
        n++;
    }

    WRONG(n != sh->nfree, "the count of free blocks");

    for (used = 0, pinned = 0, i = 1; i <= sh->made; i++) {
        if (sh->pins[i].entry != 0) {
            used++;
        }
    }

    for (n = 0, i = sh->pin; i != 0; i = sh->pins[i].next) {
        WRONG(sh->pins[i].entry != 0 || ++n > sh->made, "the free pins");
    }

    WRONG(n + used != sh->made, "a lost pin");
    WRONG(used != pins, "pins that are used");

    wrong = cache_wrong_makings(sh);

    if (wrong != NULL) {
        goto done;
    }

    entries = 0;

    for (i = 0; i <= sh->mask; i++) {

        for (n = sh->buckets[i]; n != 0; n = e->chain) {
            e = ngx_http_litellm_cache_entry(sh, n);

            WRONG(e->state != NGX_HTTP_LITELLM_CACHE_LINKED
                  || ++entries > sh->entries, "a bucket");
            pinned += e->pins;

            for (block = n, used = 0, prev = 0; block != 0;
                 block = sh->links[block])
            {
                WRONG(block > sh->nblocks || seen[block]++,
                      "the chain of a value");
                prev = block;
                used++;
            }

            WRONG(used != e->blocks || prev != e->last,
                  "the blocks of a value");
            WRONG(used != ngx_http_litellm_cache_blocks(e->meta.len),
                  "the size of a value");
        }
    }

    WRONG(entries != sh->entries, "the count of entries");

    for (ordered = 0, prev = 0, n = sh->head; n != 0; n = e->next) {
        e = ngx_http_litellm_cache_entry(sh, n);

        WRONG(e->prev != prev || e->pins != 0 || ++ordered > entries,
              "the order of use");
        prev = n;
    }

    WRONG(prev != sh->tail, "the end of the order of use");

    if (pins == 0) {
        WRONG(pinned != 0 || ordered != entries, "an entry out of order");

        for (block = 1; block <= sh->nblocks; block++) {
            WRONG(!seen[block], "a lost block");
        }
    }

    WRONG(sh->journal[NGX_HTTP_LITELLM_CACHE_UNDO / 2 + 8].place != NULL,
          "a change that is too large");

done:

    free(seen);

    ngx_http_litellm_cache_unlock(c);

    return wrong;
}


/* each record is free, or is in the one bucket of its key */

static const char *
cache_wrong_makings(ngx_http_litellm_cache_sh_t *sh)
{
    uint32_t                          i, n, free, used;
    uint64_t                          hash;
    ngx_http_litellm_cache_making_t  *m;

    for (free = 0, n = sh->making; n != 0; n = m->chain) {

        if (n > sh->begun || ++free > sh->begun) {
            return "the free records of who makes what";
        }

        m = &sh->makings[n];

        if (m->state != NGX_HTTP_LITELLM_CACHE_NOBODY) {
            return "a free record with a leader";
        }
    }

    for (used = 0, i = 0; i <= sh->making_mask; i++) {

        for (n = sh->making_buckets[i]; n != 0; n = m->chain) {

            if (n > sh->begun || ++used > sh->begun) {
                return "a bucket of who makes what";
            }

            m = &sh->makings[n];

            if (m->state == NGX_HTTP_LITELLM_CACHE_NOBODY) {
                return "a record that nobody has, in a bucket";
            }

            hash = ngx_litellm_siphash(sh->secret, 0, m->key,
                                       NGX_HTTP_LITELLM_CACHE_KEY);

            if ((hash & sh->making_mask) != i) {
                return "a record in another one's bucket";
            }
        }
    }

    return (free + used == sh->begun) ? NULL : "a lost record of who makes what";
}
