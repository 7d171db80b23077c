
/*
 * The store in one process: records by id and in order, whatever was put and
 * deleted before, and aliases that only one key may have, also when two make a
 * key of the same alias at once.
 */

#include "unit.h"
#include "store_zone.h"
#include "shm_step.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>


#define NOW      1700000000
#define IDS      97
#define CHANGES  4000
#define MAKERS   4
#define ROUNDS   400


static ngx_shm_zone_t  *zone;


static void
start(const char *what, size_t size)
{
    unit_case("%s", what);

    if (zone != NULL) {
        store_zone_free(zone);
    }

    ngx_pid = getpid();
    shm_clock(5000000, NOW);
    zone = store_zone(size);
}


static ngx_int_t
put_from(const char *id, const char *alias, const char *from)
{
    u_char     buf[256];
    ngx_str_t  text, json, old;

    text.data = (u_char *) id;
    text.len = ngx_strlen(id);
    old.data = (u_char *) from;
    old.len = ngx_strlen(from);
    json = store_json(buf, alias, 1);

    return ngx_http_litellm_store_put_unique(zone, NGX_LITELLM_KEY, &text,
                                             &json, 0, &old);
}


static void
aliases(void)
{
    char  buf[256];

    start("an alias is one key's", 1 << 20);

    CHECK_INT(store_put(zone, "k1", "x", 1, NGX_HTTP_LITELLM_STORE_NEW),
              NGX_OK);
    CHECK_INT(store_put(zone, "k2", "x", 2, NGX_HTTP_LITELLM_STORE_NEW),
              NGX_ABORT);
    CHECK_INT(store_get(zone, "k2"), 0);
    CHECK(ngx_strcmp(store_alias(zone, "x", buf), "k1") == 0);

    unit_case("its own it may keep, and another's it may not get");

    CHECK_INT(store_put(zone, "k1", "x", 3, 0), NGX_OK);
    CHECK_INT(store_get(zone, "k1"), 3);
    CHECK_INT(store_put(zone, "k2", "y", 2, 0), NGX_OK);
    CHECK_INT(store_put(zone, "k2", "x", 4, 0), NGX_ABORT);
    CHECK_INT(store_get(zone, "k2"), 2);
    CHECK(ngx_strcmp(store_alias(zone, "y", buf), "k2") == 0);

    unit_case("one that takes the place of another has its alias");

    CHECK_INT(put_from("k3", "y", "k1"), NGX_ABORT);
    CHECK_INT(put_from("k3", "x", "k1"), NGX_OK);
    CHECK_INT(store_delete(zone, "k1"), NGX_OK);
    CHECK(ngx_strcmp(store_alias(zone, "x", buf), "k3") == 0);

    unit_case("it is free when its key is gone, or has another one");

    CHECK_INT(store_put(zone, "k4", "y", 1, 0), NGX_ABORT);
    CHECK_INT(store_put(zone, "k2", "z", 5, 0), NGX_OK);
    CHECK_INT(store_put(zone, "k4", "y", 1, 0), NGX_OK);
    CHECK_INT(store_put(zone, "k5", "z", 1, 0), NGX_ABORT);
    CHECK_INT(store_delete(zone, "k2"), NGX_OK);
    CHECK_INT(store_put(zone, "k5", "z", 1, 0), NGX_OK);

    unit_case("no alias is nobody's");

    CHECK_INT(store_put(zone, "k6", NULL, 1, 0), NGX_OK);
    CHECK_INT(store_put(zone, "k7", NULL, 1, 0), NGX_OK);
    CHECK_INT(store_put(zone, "k8", "", 1, 0), NGX_OK);
    CHECK_INT(store_put(zone, "k9", "", 1, 0), NGX_OK);

    unit_case("versions");

    CHECK_INT(store_put(zone, "k6", NULL, 2, NGX_HTTP_LITELLM_STORE_NEW),
              NGX_DECLINED);
    CHECK_INT(store_put(zone, "k6", NULL, 2, 1), NGX_DECLINED);
    CHECK_INT(store_put(zone, "none", NULL, 2, 1), NGX_DECLINED);
    CHECK_INT(store_get(zone, "k6"), 1);
    CHECK_INT(store_delete(zone, "none"), NGX_DECLINED);
    CHECK(store_wrong(zone) == NULL);
}


static ngx_int_t  *result;


static void
nothing(void)
{
    ngx_pid = getpid();
}


static void
first_maker(void)
{
    *result = store_put(zone, "first", "same", 1, NGX_HTTP_LITELLM_STORE_NEW);
}


/*
 * Another one makes its key while the first one is at it, wherever the first
 * does not have the lock: before it had it, and each time it gave it back.
 */

static void
between(void)
{
    pid_t       pid;
    ngx_int_t   rc;
    ngx_uint_t  n, none;
    shm_step_t  step;

    unit_case("one makes a key of an alias while another one is at it");

    result = mmap(NULL, sizeof(ngx_int_t), PROT_READ|PROT_WRITE,
                  MAP_ANON|MAP_SHARED, -1, 0);

    if (!CHECK(result != MAP_FAILED)) {
        return;
    }

    ngx_memzero(&step, sizeof(shm_step_t));
    step.prepare = nothing;
    step.traced = first_maker;

    for (n = 0; /* void */ ; n++) {
        start("one makes a key of an alias while another one is at it",
              128 * 1024);

        step.zone = zone;
        *result = NGX_ERROR;

        pid = shm_step_to(&step, n, &none);

        if (pid == -1) {

            if (!none) {
                printf("# no process can be traced here\n");
            }

            break;
        }

        rc = store_put(zone, "second", "same", 2, NGX_HTTP_LITELLM_STORE_NEW);

        CHECK(shm_step_rest(pid));
        CHECKF((rc == NGX_OK && *result == NGX_ABORT)
               || (rc == NGX_ABORT && *result == NGX_OK),
               "the first one's was %d, the second one's %d, at %d",
               (int) *result, (int) rc, (int) n);
        CHECK_INT((store_get(zone, "first") != 0)
                  + (store_get(zone, "second") != 0), 1);
    }

    CHECK(n >= 2 || !none);
}


/* several make a key of the same alias at once, again and again: one may */

static void
race(void)
{
    int            status;
    char           id[32], alias[32];
    pid_t          pids[MAKERS];
    ngx_int_t      rc;
    ngx_uint_t     i, n;
    ngx_atomic_t  *made, *ready;

    start("two that make a key of the same alias", 4 << 20);

    made = mmap(NULL, (2 * ROUNDS + 1) * sizeof(ngx_atomic_t),
                PROT_READ|PROT_WRITE, MAP_ANON|MAP_SHARED, -1, 0);

    if (!CHECK(made != MAP_FAILED)) {
        return;
    }

    ready = made + ROUNDS;

    for (i = 0; i < MAKERS; i++) {
        pids[i] = fork();

        if (pids[i] != 0) {
            continue;
        }

        ngx_pid = getpid();

        for (n = 0; n < ROUNDS; n++) {
            (void) ngx_sprintf((u_char *) id, "key-%ui-%ui%Z", i, n);
            (void) ngx_sprintf((u_char *) alias, "alias-%ui%Z", n);

            /* all of them at once */

            (void) ngx_atomic_fetch_add(&ready[n], 1);

            while (ready[n] < MAKERS) {
                ngx_sched_yield();
            }

            rc = store_put(zone, id, alias, 1, NGX_HTTP_LITELLM_STORE_NEW);

            if (rc == NGX_OK) {
                (void) ngx_atomic_fetch_add(&made[n], 1);

            } else if (rc != NGX_ABORT) {
                (void) ngx_atomic_fetch_add(&made[n], 100);
            }
        }

        _exit(0);
    }

    for (i = 0; i < MAKERS; i++) {
        CHECK_INT(waitpid(pids[i], &status, 0), pids[i]);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }

    for (n = 0; n < ROUNDS; n++) {

        if (made[n] != 1) {
            CHECKF(0, "alias %d: %d", (int) n, (int) made[n]);
            break;
        }
    }

    CHECK_INT(((ngx_http_litellm_store_t *) zone->data)->n[NGX_LITELLM_KEY],
              ROUNDS);
    CHECK(store_wrong(zone) == NULL);

    munmap((void *) made, (2 * ROUNDS + 1) * sizeof(ngx_atomic_t));
}


static int
by_id(const void *a, const void *b)
{
    return strcmp(*(char **) a, *(char **) b);
}


/* as it should be: what was put last, in order of id */

static void
order(void)
{
    char        ids[IDS][16], *sorted[IDS];
    uint64_t    x;
    ngx_int_t   rc;
    ngx_str_t   id, json;
    ngx_uint_t  i, k, n, live, is[IDS];
    ngx_pool_t *pool;

    start("records in order, with deletions that are kept", 1 << 20);

    ngx_http_litellm_store_share(zone, 1);

    x = 88172645463325252ULL;
    live = 0;

    for (i = 0; i < IDS; i++) {

        /* of one length and not, one the beginning of another */

        (void) ngx_sprintf((u_char *) ids[i], "%s%ui%Z", i % 3 ? "k" : "",
                           i * 7);
        sorted[i] = ids[i];
        is[i] = 0;
    }

    for (n = 1; n <= CHANGES; n++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;

        i = x % IDS;

        if ((x >> 20) % 3 == 0) {
            rc = store_delete(zone, ids[i]);

            CHECK_INT(rc, is[i] ? NGX_OK : NGX_DECLINED);
            live -= (is[i] != 0);
            is[i] = 0;

        } else {
            CHECK_INT(store_put(zone, ids[i], NULL, n, 0), NGX_OK);
            live += (is[i] == 0);
            is[i] = n;
        }

        if (n == CHANGES / 2) {
            ngx_http_litellm_store_share(zone, 0);
        }
    }

    CHECK(store_wrong(zone) == NULL);

    for (i = 0; i < IDS; i++) {
        CHECK_INT(store_get(zone, ids[i]), is[i]);
    }

    qsort(sorted, IDS, sizeof(char *), by_id);

    pool = ngx_create_pool(4096, ngx_cycle->log);
    ngx_str_null(&id);

    for (i = 0, k = 0; pool != NULL; i++) {

        rc = ngx_http_litellm_store_next(zone, pool, NGX_LITELLM_KEY, &id,
                                         &json);
        if (rc != NGX_OK) {
            break;
        }

        while (k < IDS && store_get(zone, sorted[k]) == 0) {
            k++;
        }

        if (!CHECK(k < IDS && id.len == ngx_strlen(sorted[k])
                   && ngx_memcmp(id.data, sorted[k], id.len) == 0))
        {
            break;
        }

        k++;
    }

    CHECK_INT(i, live);
    ngx_destroy_pool(pool);
}


void
unit_main(void)
{
    aliases();
    between();
    race();
    order();

    store_zone_free(zone);
}
