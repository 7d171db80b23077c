
/*
 * The cache zone in one process: values of all sizes, what is evicted and in
 * which order, time, deletion and flush, pins, a zone that has no room.
 */

#include "unit.h"
#include "cache_zone.h"


static ngx_shm_zone_t  *zone;


#define NOW    1700000000
#define LATER  (NOW + 600)
#define SIZE   (1 << 20)
#define FIRST  (NGX_HTTP_LITELLM_CACHE_BLOCK - NGX_HTTP_LITELLM_CACHE_HEAD)


static void
start(const char *what)
{
    unit_case("%s", what);

    if (zone != NULL) {
        cache_zone_free(zone);
    }

    shm_clock(5000000, NOW);
    zone = cache_zone(SIZE);
}


static void
whole(void)
{
    const char  *wrong;

    wrong = cache_wrong(zone, 0);

    CHECKF(wrong == NULL, "%s", wrong);
}


static void
open_one(uint64_t n, ngx_http_litellm_cache_handle_t *h)
{
    u_char  key[NGX_HTTP_LITELLM_CACHE_KEY];

    cache_key(key, n);

    CHECK_INT(ngx_http_litellm_cache_open(zone, key, h), NGX_OK);
}


static void
sizes(void)
{
    size_t                           max;
    u_char                           c, small[2048];
    u_char                           key[NGX_HTTP_LITELLM_CACHE_KEY];
    ngx_uint_t                       i;
    ngx_http_litellm_cache_stat_t    stat;
    ngx_http_litellm_cache_handle_t  h, again;

    static const size_t  lens[] = {
        0, 1, 7, 701, FIRST - 1, FIRST, FIRST + 1, 2048, 4096,
        FIRST + 2047, FIRST + 2048, FIRST + 2049, 10000, 65536, 100000
    };

    start("values of all sizes");

    stat = cache_stat(zone);

    CHECKF(stat.blocks > SIZE / 2048 * 95 / 100 && stat.free == stat.blocks,
           "%d blocks, %d free", (int) stat.blocks, (int) stat.free);
    CHECK_INT(stat.block_size, 2048);

    for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        CHECK_INT(cache_put(zone, i, i * 1000, lens[i], LATER), NGX_OK);

        open_one(i, &h);

        CHECK_INT(h.meta.len, lens[i]);
        CHECK_INT(h.meta.stored, NOW);
        CHECK_INT(h.meta.expires, LATER);
        CHECK_INT(h.meta.kind, 7);
        CHECK_INT(h.meta.cost, i * 1000);
        CHECK(cache_same(zone, &h));
        CHECK_INT(ngx_http_litellm_cache_read(zone, &h, &c, 1), 0);

        ngx_http_litellm_cache_close(zone, &h);
        ngx_http_litellm_cache_close(zone, &h);

        CHECK_INT(ngx_http_litellm_cache_read(zone, &h, &c, 1), 0);
    }

    for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        CHECK_INT(cache_get(zone, i), NGX_OK);
    }

    CHECK_INT(cache_get(zone, 99), NGX_DECLINED);

    stat = cache_stat(zone);

    CHECK_INT(stat.entries, i);
    CHECK_INT(stat.stored, i);
    CHECK_INT(stat.hits, 2 * i);
    CHECK_INT(stat.misses, 1);
    CHECK_INT(stat.evicted, 0);
    whole();

    unit_case("the largest value");

    max = FIRST + (stat.blocks / 8 - 1) * 2048;

    CHECK_INT(cache_put(zone, 50, 1, max, LATER), NGX_OK);
    CHECK_INT(cache_get(zone, 50), NGX_OK);
    CHECK_INT(cache_put(zone, 51, 1, max + 1, LATER), NGX_DECLINED);
    CHECK_INT(cache_put(zone, 51, 1, (size_t) -1, LATER), NGX_DECLINED);
    whole();

    unit_case("a value that is copied at once");

    cache_key(key, 60);
    CHECK_INT(cache_put(zone, 60, 7, FIRST, LATER), NGX_OK);

    CHECK_INT(ngx_http_litellm_cache_fetch(zone, key, &h, small, FIRST),
              NGX_OK);
    CHECK(h.entry == 0 && h.pin == 0);
    CHECK(cache_same_small(&h, small));
    CHECK_INT(ngx_http_litellm_cache_read(zone, &h, small, sizeof(small)), 0);
    ngx_http_litellm_cache_close(zone, &h);
    whole();

    /* too large for where it is to go, or more than a block */

    CHECK_INT(ngx_http_litellm_cache_fetch(zone, key, &h, small, FIRST - 1),
              NGX_OK);
    CHECK(h.entry != 0);
    CHECK(cache_same(zone, &h));
    ngx_http_litellm_cache_close(zone, &h);

    CHECK_INT(cache_put(zone, 60, 7, FIRST + 1, LATER), NGX_OK);
    CHECK_INT(ngx_http_litellm_cache_fetch(zone, key, &h, small, FIRST + 1),
              NGX_OK);
    CHECK(h.entry != 0);
    CHECK(cache_same(zone, &h));

    /* while somebody else has it pinned, and it is none of the order */

    CHECK_INT(cache_put(zone, 61, 7, 10, LATER), NGX_OK);
    cache_key(key, 61);
    ngx_http_litellm_cache_close(zone, &h);
    CHECK_INT(ngx_http_litellm_cache_open(zone, key, &h), NGX_OK);
    CHECK_INT(ngx_http_litellm_cache_fetch(zone, key, &again, small,
                                           sizeof(small)),
              NGX_OK);
    CHECK(cache_same_small(&again, small));
    ngx_http_litellm_cache_close(zone, &h);
    whole();

    unit_case("one that is not written to its end, or not committed");

    ngx_memzero(&h, sizeof(h));
    h.meta.len = 5000;
    h.meta.expires = LATER;

    CHECK_INT(ngx_http_litellm_cache_create(zone, &h), NGX_OK);
    ngx_http_litellm_cache_write(zone, &h, (u_char *) "abc", 3);
    ngx_http_litellm_cache_commit(zone, (u_char *)
                             "0123456789abcdef0123456789abcdef", &h);
    ngx_http_litellm_cache_close(zone, &h);

    CHECK_INT(ngx_http_litellm_cache_open(zone, (u_char *)
                             "0123456789abcdef0123456789abcdef", &h),
              NGX_DECLINED);
    whole();

    unit_case("more bytes than were meant");

    ngx_memzero(&h, sizeof(h));
    h.meta.len = 2;
    h.meta.expires = LATER;

    CHECK_INT(ngx_http_litellm_cache_create(zone, &h), NGX_OK);
    ngx_http_litellm_cache_write(zone, &h, (u_char *) "abcdef", 6);
    CHECK_INT(h.done, 2);
    ngx_http_litellm_cache_close(zone, &h);
    whole();
}


static void
order(void)
{
    ngx_uint_t                     i, n, there;
    ngx_http_litellm_cache_stat_t  stat;

    start("what was used longest ago goes first");

    n = cache_stat(zone).blocks;

    for (i = 0; i < n; i++) {
        CHECK_INT(cache_put(zone, i, i, 100, LATER), NGX_OK);
    }

    CHECK_INT(cache_stat(zone).evicted, 0);
    CHECK_INT(cache_stat(zone).free, 0);

    /* the first ten are used */

    for (i = 0; i < 10; i++) {
        CHECK_INT(cache_get(zone, i), NGX_OK);
    }

    CHECK_INT(cache_put(zone, n, n, FIRST + 19 * 2048, LATER), NGX_OK);

    for (i = 0; i < 10; i++) {
        CHECK_INT(cache_get(zone, i), NGX_OK);
    }

    for (i = 10; i < 30; i++) {
        CHECK_INT(cache_get(zone, i), NGX_DECLINED);
    }

    for (i = 30; i <= n; i++) {
        CHECK_INT(cache_get(zone, i), NGX_OK);
    }

    CHECK_INT(cache_stat(zone).evicted, 20);
    CHECK_INT(cache_stat(zone).entries, n - 20 + 1);
    whole();

    unit_case("a flood of distinct large values stays in its bound");

    for (i = 0; i < 400; i++) {
        CHECK_INT(cache_put(zone, 10000 + i, i, 100000, LATER), NGX_OK);
        CHECK_INT(cache_get(zone, 10000 + i), NGX_OK);
    }

    stat = cache_stat(zone);
    there = 0;

    for (i = 0; i < 400; i++) {
        there += (cache_get(zone, 10000 + i) == NGX_OK);
    }

    CHECK_INT(there, stat.blocks / 49);
    whole();

    unit_case("one of the same key takes the place");

    CHECK_INT(cache_put(zone, 1, 77, 3000, LATER), NGX_OK);
    CHECK_INT(cache_put(zone, 1, 78, 20, LATER), NGX_OK);
    CHECK_INT(cache_get(zone, 1), NGX_OK);
    whole();
}


static void
times(void)
{
    ngx_uint_t                       i, n;
    ngx_http_litellm_cache_handle_t  h;

    start("an entry lives until its time, not longer");

    CHECK_INT(cache_put(zone, 1, 1, 5000, NOW + 10), NGX_OK);
    CHECK_INT(cache_put(zone, 2, 2, 5000, NOW + 20), NGX_OK);

    shm_clock(5000000, NOW + 9);
    CHECK_INT(cache_get(zone, 1), NGX_OK);

    open_one(1, &h);

    shm_clock(5000000, NOW + 10);
    CHECK_INT(cache_get(zone, 1), NGX_DECLINED);
    CHECK_INT(cache_get(zone, 2), NGX_OK);
    CHECK_INT(cache_stat(zone).entries, 1);
    CHECK_INT(cache_stat(zone).evicted, 0);

    /* who reads it goes on */

    CHECK(cache_same(zone, &h));
    ngx_http_litellm_cache_close(zone, &h);
    whole();

    unit_case("what is over goes before it is asked for");

    n = cache_stat(zone).blocks;

    CHECK_INT(cache_put(zone, 3, 3, 100, NOW + 30), NGX_OK);
    shm_clock(5000000, NOW + 20);
    CHECK_INT(cache_put(zone, 4, 4, 100, NOW + 40), NGX_OK);
    CHECK_INT(cache_stat(zone).entries, 2);

    shm_clock(5000000, NOW + 40);
    CHECK_INT(ngx_http_litellm_cache_drop(zone->data, 1), 0);
    CHECK_INT(cache_stat(zone).entries, 0);
    CHECK_INT(cache_stat(zone).free, n);
    whole();

    unit_case("deleted");

    CHECK_INT(cache_put(zone, 1, 1, 5000, LATER), NGX_OK);
    open_one(1, &h);

    {
        u_char  key[NGX_HTTP_LITELLM_CACHE_KEY];

        cache_key(key, 1);
        CHECK_INT(ngx_http_litellm_cache_delete(zone, key), NGX_OK);
        CHECK_INT(ngx_http_litellm_cache_delete(zone, key), NGX_DECLINED);
    }

    CHECK_INT(cache_get(zone, 1), NGX_DECLINED);
    CHECK(cache_same(zone, &h));
    CHECK(cache_stat(zone).free < n);
    ngx_http_litellm_cache_close(zone, &h);
    CHECK_INT(cache_stat(zone).free, n);
    whole();

    unit_case("flushed");

    for (i = 0; i < n; i++) {
        CHECK_INT(cache_put(zone, i, i, 100, LATER), NGX_OK);
    }

    open_one(5, &h);

    i = ngx_http_litellm_cache_flush(zone);
    CHECK_INT(i, 0);
    CHECK_INT(cache_get(zone, 5), NGX_DECLINED);
    CHECK_INT(cache_get(zone, 6), NGX_DECLINED);
    CHECK(cache_same(zone, &h));
    ngx_http_litellm_cache_close(zone, &h);

    CHECK_INT(cache_stat(zone).free, n);
    CHECK_INT(cache_put(zone, 5, 5, 100, LATER), NGX_OK);
    CHECK_INT(cache_get(zone, 5), NGX_OK);
    whole();

    unit_case("flushed while it is read, and found by nobody");

    open_one(5, &h);
    (void) ngx_http_litellm_cache_flush(zone);
    ngx_http_litellm_cache_close(zone, &h);
    CHECK_INT(cache_stat(zone).free, n);
    whole();
}


static void
flush_large(void)
{
    ngx_uint_t                     i, n, left;

    unit_case("a flush goes on in slices");

    cache_zone_free(zone);
    zone = cache_zone(8 << 20);

    n = cache_stat(zone).blocks;

    for (i = 0; i < n; i++) {
        CHECK_INT(cache_put(zone, i, i, 10, LATER), NGX_OK);
    }

    left = ngx_http_litellm_cache_flush(zone);
    CHECK_INT(left, n - 1024);
    CHECK_INT(cache_get(zone, n - 1), NGX_DECLINED);

    for (i = 0; i < 10 && left; i++) {
        left = ngx_http_litellm_cache_flush(zone);
    }

    CHECK_INT(left, 0);
    CHECK_INT(cache_stat(zone).free, n);
    whole();
}


static void
pins(void)
{
    ngx_uint_t                       i, n, npins;
    ngx_http_litellm_cache_t        *c;
    ngx_http_litellm_cache_handle_t  h[200], w;

    start("what is pinned is never evicted");

    c = zone->data;
    n = cache_stat(zone).blocks;

    CHECK_INT(cache_put(zone, 0, 0, 100000, LATER), NGX_OK);
    open_one(0, &h[0]);
    open_one(0, &h[1]);

    for (i = 1; i < 2 * n; i++) {
        CHECK_INT(cache_put(zone, i, i, 100, LATER), NGX_OK);
    }

    CHECK_INT(cache_get(zone, 0), NGX_OK);
    CHECK(cache_same(zone, &h[0]));
    ngx_http_litellm_cache_close(zone, &h[0]);

    for (i = 1; i < 2 * n; i++) {
        CHECK_INT(cache_put(zone, i, i, 100, LATER), NGX_OK);
    }

    CHECK(cache_same(zone, &h[1]));
    ngx_http_litellm_cache_close(zone, &h[1]);
    whole();

    unit_case("all blocks are pinned");

    for (i = 0; i < 8; i++) {
        ngx_memzero(&h[i], sizeof(h[i]));
        h[i].meta.len = FIRST + (n / 8 - 1) * 2048;
        CHECK_INT(ngx_http_litellm_cache_create(zone, &h[i]), NGX_OK);
    }

    CHECK_INT(cache_put(zone, 1, 1, 50000, LATER), NGX_DECLINED);

    while (i--) {
        ngx_http_litellm_cache_close(zone, &h[i]);
    }

    CHECK_INT(cache_stat(zone).free, n);
    CHECK_INT(cache_put(zone, 1, 1, 50000, LATER), NGX_OK);
    whole();

    unit_case("no pin is left");

    npins = c->sh->npins;

    if (!CHECK(npins <= 200)) {
        return;
    }

    for (i = 0; i < npins; i++) {
        open_one(1, &h[i]);
    }

    CHECK(cache_wrong(zone, npins) == NULL);
    CHECK_INT(cache_get(zone, 1), NGX_DECLINED);

    i = cache_stat(zone).free;
    ngx_memzero(&w, sizeof(w));
    w.meta.len = 10000;
    CHECK_INT(ngx_http_litellm_cache_create(zone, &w), NGX_DECLINED);
    CHECK_INT(cache_stat(zone).free, i);
    ngx_http_litellm_cache_close(zone, &w);

    unit_case("a worker leaves with pins, and its requests end then");

    ngx_http_litellm_cache_part(c);
    whole();

    for (i = 0; i < npins; i++) {
        ngx_http_litellm_cache_close(zone, &h[i]);
    }

    CHECK_INT(cache_get(zone, 1), NGX_DECLINED);
    CHECK_INT(cache_put(zone, 2, 2, 50, LATER), NGX_DECLINED);
    whole();

    cache_worker(zone, 0);
    CHECK_INT(cache_get(zone, 1), NGX_OK);
}


static void
reload(void)
{
    ngx_http_litellm_cache_t  *c, again;

    start("a reload finds what was there");

    c = zone->data;

    CHECK_INT(cache_put(zone, 1, 1, 5000, LATER), NGX_OK);

    again = *c;
    zone->data = &again;

    CHECK_INT(ngx_http_litellm_cache_adopt(&again), NGX_OK);
    CHECK(again.generation != c->generation);
    CHECK_INT(cache_get(zone, 1), NGX_OK);

    c->sh->layout++;
    CHECK_INT(ngx_http_litellm_cache_adopt(&again), NGX_DECLINED);

    zone->data = c;
}


void
unit_main(void)
{
    sizes();
    order();
    times();
    flush_large();
    pins();
    reload();

    cache_zone_free(zone);
}
