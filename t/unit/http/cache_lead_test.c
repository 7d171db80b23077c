
/*
 * Who makes the answer of a key: taken, held, given back, opened, taken over
 * when its age is over, and from a worker that is dead; the bound, and that
 * records are found whatever was before them in their bucket.
 */

#include "unit.h"
#include "cache_zone.h"

#include <stdlib.h>
#include <sys/wait.h>


#define NOW    1700000000
#define LATER  (NOW + 600)
#define AGE    5000
#define OPEN   1500


static ngx_shm_zone_t  *zone;
static ngx_msec_t       ms;


static void
start(const char *what)
{
    unit_case("%s", what);

    if (zone != NULL) {
        cache_zone_free(zone);
    }

    ms = 5000000;
    shm_clock(ms, NOW);
    zone = cache_zone(1 << 20);
}


static void
pass(ngx_msec_t n)
{
    ms += n;
    shm_clock(ms, NOW);
}


static ngx_http_litellm_lead_e
lead(uint64_t n, ngx_uint_t stream, time_t stored,
    ngx_http_litellm_cache_lead_t *l)
{
    u_char  key[NGX_HTTP_LITELLM_CACHE_KEY];

    cache_key(key, n);
    ngx_memzero(l, sizeof(ngx_http_litellm_cache_lead_t));

    return ngx_http_litellm_cache_lead(zone, key, stream, AGE, stored, l);
}


static ngx_http_litellm_lead_e
led(uint64_t n)
{
    u_char  key[NGX_HTTP_LITELLM_CACHE_KEY];

    cache_key(key, n);

    return ngx_http_litellm_cache_led(zone, key, AGE);
}


static void
turns(void)
{
    ngx_http_litellm_cache_lead_t  a, b;

    start("one leads at a time");

    CHECK_INT(led(1), NGX_HTTP_LITELLM_LEAD_TAKEN);
    CHECK_INT(lead(1, 0, 0, &a), NGX_HTTP_LITELLM_LEAD_TAKEN);
    CHECK_INT(lead(1, 0, 0, &b), NGX_HTTP_LITELLM_LEAD_HELD);
    CHECK_INT(b.record, 0);
    CHECK_INT(led(1), NGX_HTTP_LITELLM_LEAD_HELD);
    CHECK_INT(led(2), NGX_HTTP_LITELLM_LEAD_TAKEN);

    ngx_http_litellm_cache_lead_end(zone, &a, 0);

    CHECK_INT(a.record, 0);
    CHECK_INT(lead(1, 1, 0, &b), NGX_HTTP_LITELLM_LEAD_TAKEN);
    CHECK_INT(led(1), NGX_HTTP_LITELLM_LEAD_STREAMED);

    start("opened for a moment");

    CHECK_INT(lead(1, 0, 0, &a), NGX_HTTP_LITELLM_LEAD_TAKEN);
    ngx_http_litellm_cache_lead_end(zone, &a, 1);

    pass(OPEN - 1);
    CHECK_INT(led(1), NGX_HTTP_LITELLM_LEAD_OPEN);
    CHECK_INT(lead(1, 0, 0, &a), NGX_HTTP_LITELLM_LEAD_OPEN);
    pass(1);
    CHECK_INT(lead(1, 0, 0, &a), NGX_HTTP_LITELLM_LEAD_TAKEN);

    start("taken over when its age is over");

    CHECK_INT(lead(1, 0, 0, &a), NGX_HTTP_LITELLM_LEAD_TAKEN);
    pass(AGE - 1);
    CHECK_INT(lead(1, 0, 0, &b), NGX_HTTP_LITELLM_LEAD_HELD);
    pass(1);
    CHECK_INT(lead(1, 0, 0, &b), NGX_HTTP_LITELLM_LEAD_TAKEN);

    ngx_http_litellm_cache_lead_end(zone, &a, 0);
    CHECK_INT(led(1), NGX_HTTP_LITELLM_LEAD_HELD);

    ngx_http_litellm_cache_lead_end(zone, &b, 0);
    CHECK_INT(led(1), NGX_HTTP_LITELLM_LEAD_TAKEN);

    start("what is stored is seen");

    CHECK_INT(cache_put(zone, 1, 1, 100, LATER), NGX_OK);
    CHECK_INT(lead(1, 0, 0, &a), NGX_HTTP_LITELLM_LEAD_STORED);
    CHECK_INT(lead(1, 0, NOW + 10, &a), NGX_HTTP_LITELLM_LEAD_TAKEN);
    ngx_http_litellm_cache_lead_end(zone, &a, 0);
    CHECK_INT(lead(1, 0, -1, &a), NGX_HTTP_LITELLM_LEAD_TAKEN);
}


static void
bound(void)
{
    uint32_t                        i, n;
    ngx_http_litellm_cache_t       *c;
    ngx_http_litellm_cache_lead_t  *l, one;

    start("as many as there is room for");

    c = zone->data;
    n = c->sh->nmakings;

    l = calloc(n, sizeof(ngx_http_litellm_cache_lead_t));
    CHECK(l != NULL && n >= 64);

    for (i = 0; i < n; i++) {
        CHECK_INT(lead(i, 0, 0, &l[i]), NGX_HTTP_LITELLM_LEAD_TAKEN);
    }

    CHECK_INT(lead(n, 0, 0, &one), NGX_HTTP_LITELLM_LEAD_FULL);

    for (i = 0; i < n; i += 2) {
        ngx_http_litellm_cache_lead_end(zone, &l[i], 0);
    }

    for (i = 0; i < n; i++) {
        CHECK_INT(led(i), (i % 2) ? NGX_HTTP_LITELLM_LEAD_HELD
                                  : NGX_HTTP_LITELLM_LEAD_TAKEN);
    }

    CHECK_INT(lead(n, 0, 0, &one), NGX_HTTP_LITELLM_LEAD_TAKEN);

    for (i = 1; i < n; i += 2) {
        ngx_http_litellm_cache_lead_end(zone, &l[i], 1);
    }

    pass(OPEN);
    ngx_http_litellm_cache_bury(c);

    for (i = 0; i + 1 < n; i++) {
        CHECK_INT(lead(n + 1 + i, 0, 0, &l[i]), NGX_HTTP_LITELLM_LEAD_TAKEN);
    }

    CHECK_INT(lead(3 * n, 0, 0, &one), NGX_HTTP_LITELLM_LEAD_FULL);

    ngx_http_litellm_cache_part(c);
    CHECK_INT(led(n + 1), NGX_HTTP_LITELLM_LEAD_TAKEN);
    CHECK_INT(lead(1, 0, 0, &one), NGX_HTTP_LITELLM_LEAD_FULL);

    free(l);
}


/* a process that leads and is gone */

static void
dead(uint64_t n, ngx_uint_t index)
{
    int                            status;
    pid_t                          pid;
    ngx_http_litellm_cache_lead_t  l;

    pid = fork();

    if (pid == 0) {
        cache_worker(zone, index);
        (void) lead(n, 0, 0, &l);
        _exit(0);
    }

    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
}


static void
killed(void)
{
    ngx_http_litellm_cache_t       *c;
    ngx_http_litellm_cache_lead_t   l;

    start("of a dead worker: seen by who looks");

    dead(1, 3);
    CHECK_INT(lead(1, 0, 0, &l), NGX_HTTP_LITELLM_LEAD_HELD);
    CHECK_INT(led(1), NGX_HTTP_LITELLM_LEAD_TAKEN);
    CHECK_INT(lead(1, 0, 0, &l), NGX_HTTP_LITELLM_LEAD_TAKEN);

    start("of a dead worker: by the others' timer");

    c = zone->data;

    dead(1, 3);
    ngx_http_litellm_cache_bury(c);
    CHECK_INT(lead(1, 0, 0, &l), NGX_HTTP_LITELLM_LEAD_TAKEN);
}


void
unit_main(void)
{
    turns();
    bound();
    killed();

    cache_zone_free(zone);
}
