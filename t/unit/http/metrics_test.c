
/*
 * Rows of metrics in shared memory: labels as they are kept, one row for one
 * combination whoever comes first, exact sums of many processes at once, a full
 * zone, processes that are killed at any moment.
 */

#include "unit.h"
#include "shm_pool.h"
#include "ngx_http_litellm_metrics_zone.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>


#define PROCESSES  4
#define TURNS      20000
#define KILLS      60


static ngx_http_litellm_metrics_t  metrics;


static ngx_shm_zone_t *zone_make(size_t size);
static ngx_http_litellm_row_t *row(ngx_http_litellm_row_e kind, ngx_uint_t max,
    const char *one, const char *two);
static ngx_http_litellm_row_t *row_for(ngx_http_litellm_row_e kind,
    ngx_uint_t max, const char *one, const char *two,
    ngx_http_litellm_known_t **known);
static void label_is(const char *value, size_t len, const char *want);
static ngx_uint_t walk(ngx_http_litellm_row_e kind, uint64_t *sum);
static void test_labels(void);
static void test_rows(void);
static void test_known(void);
static void test_known_other(void);
static void test_full(void);
static void test_histogram(void);
static void test_bounds(void);
static void *thread(void *data);
static void test_threads(void);
static void test_processes(void);
static void count(ngx_http_litellm_row_worker_t *w, ngx_uint_t n);
static void test_claim(void);
static void test_claims(void);
static void test_killed(void);


void
unit_main(void)
{
    test_labels();
    test_rows();
    test_known();
    test_known_other();
    test_full();
    test_histogram();
    test_bounds();
    test_threads();
    test_processes();
    test_claim();
    test_claims();
    test_killed();
}


static ngx_shm_zone_t *
zone_make(size_t size)
{
    ngx_shm_zone_t  *zone;

    zone = shm_pool(size);

    metrics.shpool = (ngx_slab_pool_t *) zone->shm.addr;

    CHECK(ngx_http_litellm_metrics_make(&metrics) == NGX_OK);

    return zone;
}


static ngx_http_litellm_row_t *
row(ngx_http_litellm_row_e kind, ngx_uint_t max, const char *one,
    const char *two)
{
    ngx_str_t                  s;
    ngx_http_litellm_labels_t  l;

    ngx_http_litellm_labels_init(&l);

    s.data = (u_char *) one;
    s.len = ngx_strlen(one);
    ngx_http_litellm_labels_add(&l, &s);

    s.data = (u_char *) two;
    s.len = ngx_strlen(two);
    ngx_http_litellm_labels_add(&l, &s);

    return ngx_http_litellm_metrics_row(&metrics, kind, &l, max);
}


/* the same by values */

static ngx_http_litellm_row_t *
row_for(ngx_http_litellm_row_e kind, ngx_uint_t max, const char *one,
    const char *two, ngx_http_litellm_known_t **known)
{
    ngx_str_t                  s[2];
    ngx_http_litellm_values_t  v;

    s[0].data = (u_char *) one;
    s[0].len = ngx_strlen(one);
    s[1].data = (u_char *) two;
    s[1].len = ngx_strlen(two);

    ngx_http_litellm_values_init(&v);
    ngx_http_litellm_values_add(&v, &s[0]);
    ngx_http_litellm_values_add(&v, s[1].len ? &s[1] : NULL);

    return ngx_http_litellm_metrics_row_for(&metrics, kind, &v, max, known);
}


static void
label_is(const char *value, size_t len, const char *want)
{
    ngx_str_t                  s, got;
    ngx_http_litellm_labels_t  l;

    ngx_http_litellm_labels_init(&l);

    s.data = (u_char *) value;
    s.len = len;
    ngx_http_litellm_labels_add(&l, &s);

    got.data = l.buf + 1;
    got.len = l.buf[0];

    CHECK_STR(&got, want);
    CHECK_INT(l.len, 1 + got.len);
}


static void
test_labels(void)
{
    char    text[512];
    size_t  n;

    unit_case("labels");

    label_is("", 0, "");
    label_is("None", 4, "");
    label_is("gpt-4o", 6, "gpt-4o");
    label_is("a longer one than a word", 24, "a longer one than a word");
    label_is("quote\"\\", 7, "quote\"\\");
    label_is("line\nbreak\r\t\0end", 16, "line break   end");
    label_is("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9,
             "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    label_is("\xff\xc0\xaf\xed\xa0\x80\xe2\x82", 8, "????????");

    memset(text, 'x', sizeof(text));
    label_is(text, sizeof(text), (memset(text + 128, 0, 1), text));

    /* cut in the middle of a character, at each place */

    for (n = 120; n < 128; n++) {
        memset(text, 'x', sizeof(text));
        ngx_memcpy(text + n, "\xf0\x9f\x98\x80", 4);
    
        {
            ngx_str_t                  s;
            ngx_http_litellm_labels_t  l;

            ngx_http_litellm_labels_init(&l);
            s.data = (u_char *) text;
            s.len = sizeof(text);
            ngx_http_litellm_labels_add(&l, &s);

            CHECK_INT(l.buf[0], 128);
            CHECK_INT(l.buf[128], (n < 124) ? 'x'
                                  : (n == 124) ? 0x80 : '?');
        }
    }
}


static void
test_rows(void)
{
    size_t                   at;
    uint64_t                 sum;
    ngx_str_t                value;
    ngx_uint_t               n;
    ngx_shm_zone_t          *zone;
    ngx_http_litellm_row_t  *a, *b;

    unit_case("rows");

    zone = zone_make(512 * 1024);

    a = row(NGX_HTTP_LITELLM_ROW_REQUEST, 10, "one", "two");
    b = row(NGX_HTTP_LITELLM_ROW_REQUEST, 10, "onet", "wo");

    CHECK(a != b);
    CHECK(a == row(NGX_HTTP_LITELLM_ROW_REQUEST, 10, "one", "two"));
    CHECK(a != row(NGX_HTTP_LITELLM_ROW_USAGE, 10, "one", "two"));
    CHECK_INT((size_t) ngx_http_litellm_row_counters(a) % 64, 0);

    ngx_http_litellm_row_label(a, 1, &value);
    CHECK_STR(&value, "two");
    ngx_http_litellm_row_label(a, 2, &value);
    CHECK_INT(value.len, 0);

    /* with "other" */

    CHECK_INT(walk(NGX_HTTP_LITELLM_ROW_REQUEST, &sum), 3);
    CHECK_INT(walk(NGX_HTTP_LITELLM_ROW_USAGE, &sum), 2);

    at = 0;
    n = 2;
    CHECK(ngx_http_litellm_metrics_next(&metrics,
                                        NGX_HTTP_LITELLM_ROW_USAGE, &at, &n)
          != NULL);
    CHECK(ngx_http_litellm_metrics_next(&metrics,
                                        NGX_HTTP_LITELLM_ROW_USAGE, &at, &n)
          == NULL);
    CHECK_INT(n, 0);

    shm_pool_free(zone);
}


/*
 * Whatever is remembered, the row is that of the labels: more rows than there
 * are places, values that need cleaning, values that share what is hashed, and
 * the memory of another one's.
 */

static void
test_known(void)
{
    char                       one[256], two[256], *data;
    size_t                     len;
    ngx_uint_t                 i, turn;
    ngx_shm_zone_t            *zone;
    ngx_http_litellm_row_t    *r, *same;
    ngx_http_litellm_known_t  *k, *at;
    ngx_http_litellm_values_t  v;

    unit_case("rows that are remembered");

    zone = zone_make(8 * 1024 * 1024);
    metrics.known = calloc(NGX_HTTP_LITELLM_METRICS_KNOWN, sizeof(*k));

    for (turn = 0; turn < 3; turn++) {
        for (i = 0; i < 3 * NGX_HTTP_LITELLM_METRICS_KNOWN; i++) {

            /* the ends of these are the same, which is what is hashed */

            *ngx_sprintf((u_char *) one, "%ui-and-the-same-end", i) = '\0';
            *ngx_sprintf((u_char *) two, "x%uiy", i % 7) = '\0';

            r = row_for(NGX_HTTP_LITELLM_ROW_REQUEST, 100000, one, two, NULL);
            same = row(NGX_HTTP_LITELLM_ROW_REQUEST, 100000, one, two);
            CHECK(r == same);

            *ngx_sprintf((u_char *) one, "%ui", i) = '\0';

            r = row_for(NGX_HTTP_LITELLM_ROW_USAGE, 100000, one, "", &k);
            same = row(NGX_HTTP_LITELLM_ROW_USAGE, 100000, one, "");
            CHECK(r == same && k != NULL && k->row == r);
        }
    }

    /* one is found where the other one is remembered, with what is beside it */

    r = row_for(NGX_HTTP_LITELLM_ROW_USAGE, 100000, "a--------", "c", &k);
    k->beside[1] = r;
    CHECK(row_for(NGX_HTTP_LITELLM_ROW_USAGE, 100000, "a--------", "c", &at)
          == r);
    CHECK(at == k && k->beside[1] == r);

    same = row_for(NGX_HTTP_LITELLM_ROW_USAGE, 100000, "b--------", "c", &at);
    CHECK(at == k && same != r && k->row == same && k->beside[1] == NULL);

    /* a label that ends earlier, and goes on in the next one */

    CHECK(row_for(NGX_HTTP_LITELLM_ROW_USAGE, 100000, "b--------", "", NULL)
          == row(NGX_HTTP_LITELLM_ROW_USAGE, 100000, "b--------", ""));

    /* cleaned, cut, and LiteLLM's word for nothing */

    memset(one, 'x', 200);
    one[200] = '\0';

    for (turn = 0; turn < 2; turn++) {
        CHECK(row_for(NGX_HTTP_LITELLM_ROW_USAGE, 100000, one, "a\nb", NULL)
              == row(NGX_HTTP_LITELLM_ROW_USAGE, 100000, one, "a b"));
        CHECK(row_for(NGX_HTTP_LITELLM_ROW_USAGE, 100000, "None", "", NULL)
              == row(NGX_HTTP_LITELLM_ROW_USAGE, 100000, "", "None"));
    }

    /* the beginning of one row in another one: the bytes are compared */

    r = row_for(NGX_HTTP_LITELLM_ROW_USAGE, 100000, "whose", "first", NULL);

    data = "second";

    for (turn = 0; turn < 2; turn++) {
        ngx_http_litellm_values_init(&v);
        ngx_http_litellm_values_run(&v, r->labels, 1 + r->labels[0]);
        ngx_http_litellm_values_add(&v, &(ngx_str_t) { 6, (u_char *) data });

        CHECK(ngx_http_litellm_metrics_row_for(&metrics,
                                               NGX_HTTP_LITELLM_ROW_USAGE, &v,
                                               100000, NULL)
              == row(NGX_HTTP_LITELLM_ROW_USAGE, 100000, "whose", "second"));
        CHECK(ngx_http_litellm_values_same(&v, row(NGX_HTTP_LITELLM_ROW_USAGE,
                                                   100000, "whose",
                                                   "second"), 0));
        CHECK(!ngx_http_litellm_values_same(&v, r, 0));
    }

    /* the end of a row alone, and not with another beginning of it */

    CHECK_INT(ngx_http_litellm_row_offset(r, 0), 0);
    CHECK_INT(ngx_http_litellm_row_offset(r, 1), 1 + 5);
    CHECK_INT(ngx_http_litellm_row_offset(r, 2), 1 + 5 + 1 + 5);
    CHECK_INT(ngx_http_litellm_row_offset(r, 9), 1 + 5 + 1 + 5);

    ngx_http_litellm_values_init(&v);
    ngx_http_litellm_values_add(&v, &(ngx_str_t) { 5, (u_char *) "first" });

    CHECK(ngx_http_litellm_values_same(&v, r, 1 + 5));
    CHECK(!ngx_http_litellm_values_same(&v, r, 0));
    CHECK(!ngx_http_litellm_values_same(&v, r, 1 + 5 + 1 + 5));

    /* values of each length, other in one byte */

    for (len = 1; len < NGX_HTTP_LITELLM_METRICS_VALUE; len++) {
        u_char    bytes[NGX_HTTP_LITELLM_METRICS_VALUE];
        uint64_t  buf[32];

        r = (ngx_http_litellm_row_t *) buf;
        r->len = (uint16_t) (1 + len);
        r->labels[0] = (u_char) len;

        for (i = 0; i < len; i++) {
            bytes[i] = (u_char) (i * 7 + 1);
            (r->labels + 1)[i] = bytes[i];
        }

        ngx_http_litellm_values_init(&v);
        ngx_http_litellm_values_add(&v, &(ngx_str_t) { len, bytes });

        CHECK(ngx_http_litellm_values_same(&v, r, 0));

        for (i = 0; i < len; i++) {
            bytes[i] ^= 0x40;
            CHECK(!ngx_http_litellm_values_same(&v, r, 0));
            bytes[i] ^= 0x40;
        }
    }

    ngx_http_litellm_values_init(&v);
    ngx_http_litellm_values_add(&v, &(ngx_str_t) { 5, (u_char *) "other" });

    CHECK(ngx_http_litellm_metrics_row_known(&metrics,
                                             NGX_HTTP_LITELLM_ROW_FALLBACK,
                                             &v)
          == NULL);

    free(metrics.known);
    metrics.known = NULL;

    shm_pool_free(zone);
}


/* what is counted as "other" is itself counted, each time */

static void
test_known_other(void)
{
    ngx_uint_t                 i;
    ngx_shm_zone_t            *zone;
    ngx_http_litellm_row_t    *r;
    ngx_http_litellm_known_t  *k;

    unit_case("other is not remembered");

    zone = zone_make(1024 * 1024);
    metrics.known = calloc(NGX_HTTP_LITELLM_METRICS_KNOWN, sizeof(*k));

    r = row_for(NGX_HTTP_LITELLM_ROW_USAGE, 1, "first", "x", &k);
    CHECK(!r->other && k != NULL);

    for (i = 0; i < 5; i++) {
        r = row_for(NGX_HTTP_LITELLM_ROW_USAGE, 1, "second", "x", &k);
        CHECK(r->other && k == NULL);
    }

    CHECK_INT(metrics.sh->lost[NGX_HTTP_LITELLM_ROW_USAGE], 5);

    free(metrics.known);
    metrics.known = NULL;

    shm_pool_free(zone);
}


static void
test_full(void)
{
    char                     name[32];
    ngx_uint_t               i, n;
    ngx_shm_zone_t          *zone;
    ngx_http_litellm_row_t  *r;

    unit_case("full");

    zone = zone_make(256 * 1024);

    for (i = 0, n = 0; i < 5000; i++) {
        *ngx_sprintf((u_char *) name, "name %ui", i) = '\0';

        r = row(NGX_HTTP_LITELLM_ROW_USAGE, 100, name, "x");

        if (r->other) {
            n++;
            CHECK(r == metrics.sh->other[NGX_HTTP_LITELLM_ROW_USAGE]);
        }
    }

    CHECK_INT(metrics.sh->nrows[NGX_HTTP_LITELLM_ROW_USAGE], 100);
    CHECK_INT(metrics.sh->lost[NGX_HTTP_LITELLM_ROW_USAGE], n);
    CHECK_INT(n, 4900);

    for (i = 0; i < 5000; i++) {
        *ngx_sprintf((u_char *) name, "name %ui", i) = '\0';
        (void) row(NGX_HTTP_LITELLM_ROW_DEPLOYMENT, 100000, name, "x");
    }

    CHECK(metrics.sh->lost[NGX_HTTP_LITELLM_ROW_DEPLOYMENT] > 4000);
    CHECK(metrics.sh->used <= metrics.sh->size);
    CHECK(!row(NGX_HTTP_LITELLM_ROW_USAGE, 100, "name 99", "x")->other);

    shm_pool_free(zone);
}


static void
test_histogram(void)
{
    ngx_uint_t                    i;
    ngx_http_litellm_histogram_t  h;

    unit_case("histogram");

    ngx_memzero(&h, sizeof(h));

    for (i = 0; i < NGX_HTTP_LITELLM_METRICS_BOUNDS; i++) {
        ngx_http_litellm_histogram_observe(&h, ngx_http_litellm_bounds_fine,
                                           ngx_http_litellm_bounds_fine[i]);
        CHECK_INT(h.n[i], 1);
    }

    ngx_http_litellm_histogram_observe(&h, ngx_http_litellm_bounds_fine,
                                       100000000);
    CHECK_INT(h.n[NGX_HTTP_LITELLM_METRICS_BOUNDS], 1);

    for (i = 1; i < NGX_HTTP_LITELLM_METRICS_BOUNDS; i++) {
        CHECK(ngx_http_litellm_bounds_fine[i]
              > ngx_http_litellm_bounds_fine[i - 1]);
        CHECK(ngx_http_litellm_bounds_coarse[i]
              > ngx_http_litellm_bounds_coarse[i - 1]);
    }
}


/* how many there are, and what they have counted; each combination once */

static ngx_uint_t
walk(ngx_http_litellm_row_e kind, uint64_t *sum)
{
    size_t                           at;
    ngx_uint_t                       n, rows;
    ngx_http_litellm_row_t          *r;
    ngx_http_litellm_labels_t        l;
    ngx_http_litellm_row_request_t  *c;

    at = 0;
    rows = 0;
    *sum = 0;

    do {
        n = 7;

        while ((r = ngx_http_litellm_metrics_next(&metrics, kind, &at, &n))
               != NULL)
        {
            rows++;
            c = ngx_http_litellm_row_counters(r);
            *sum += c->requests;

            if (!r->other) {
                l.len = r->len;
                ngx_memcpy(l.buf, r->labels, r->len);

                CHECK(ngx_http_litellm_metrics_find(&metrics, kind, &l) == r);
            }
        }

    } while (n == 0);

    return rows;
}


/* histograms begin anew with other bounds, all else and the fine ones stay */

static void
test_bounds(void)
{
    ngx_shm_zone_t                     *zone;
    ngx_http_litellm_row_usage_t       *u;
    ngx_http_litellm_row_deployment_t  *d;

    static const uint32_t  bounds[] = { 1000, 2000000 };

    unit_case("bounds");

    zone = zone_make(1024 * 1024);

    u = ngx_http_litellm_row_counters(row(NGX_HTTP_LITELLM_ROW_USAGE, 9, "a",
                                          "b"));
    d = ngx_http_litellm_row_counters(row(NGX_HTTP_LITELLM_ROW_DEPLOYMENT, 9,
                                          "a", "b"));

    CHECK_INT(ngx_http_litellm_bounds_count(ngx_http_litellm_bounds_coarse),
              NGX_HTTP_LITELLM_METRICS_BOUNDS);

    u->requests = 7;
    u->total.n[3] = u->upstream.n[3] = u->ttft.n[3] = u->overhead.n[3] = 7;
    u->total.sum = 7;
    d->successes = 7;
    d->latency.n[3] = d->ttft.n[3] = d->gap.n[3] = d->per_token.n[3] = 7;
    metrics.sh->workers[63].total.n[0] = metrics.sh->workers[63].ttft.n[0] = 7;
    metrics.sh->workers[63].lag.n[0] = metrics.sh->workers[63].requests = 7;

    ngx_http_litellm_bounds_set(&metrics, NULL, 0);

    CHECK_INT(u->total.n[3], 7);

    ngx_http_litellm_bounds_set(&metrics, bounds, 2);

    CHECK_INT(ngx_http_litellm_bounds_count(ngx_http_litellm_bounds_coarse),
              2);
    CHECK(u->requests == 7 && u->overhead.n[3] == 7);
    CHECK(u->total.n[3] == 0 && u->total.sum == 0 && u->upstream.n[3] == 0
          && u->ttft.n[3] == 0);
    CHECK(d->successes == 7 && d->gap.n[3] == 7 && d->per_token.n[3] == 7);
    CHECK(d->latency.n[3] == 0 && d->ttft.n[3] == 0);
    CHECK(metrics.sh->workers[63].total.n[0] == 0
          && metrics.sh->workers[63].ttft.n[0] == 0);
    CHECK(metrics.sh->workers[63].lag.n[0] == 7
          && metrics.sh->workers[63].requests == 7);

    ngx_http_litellm_histogram_observe(&u->total,
                                       ngx_http_litellm_bounds_coarse, 1000);
    ngx_http_litellm_histogram_observe(&u->total,
                                       ngx_http_litellm_bounds_coarse, 1001);
    ngx_http_litellm_histogram_observe(&u->total,
                                       ngx_http_litellm_bounds_coarse,
                                       2000001);
    CHECK(u->total.n[0] == 1 && u->total.n[1] == 1 && u->total.n[2] == 1);

    /* the next worker has the same ones */

    ngx_http_litellm_bounds_set(&metrics, bounds, 2);
    CHECK(u->total.n[0] == 1);

    ngx_http_litellm_bounds_set(&metrics, NULL, 0);
    CHECK(u->total.n[0] == 0);

    shm_pool_free(zone);
}


static void *
thread(void *data)
{
    char                             name[32];
    ngx_uint_t                       i;
    ngx_http_litellm_row_t          *r;
    ngx_http_litellm_row_request_t  *c;

    for (i = 0; i < TURNS; i++) {
        *ngx_sprintf((u_char *) name, "name %ui", i % 500) = '\0';

        r = row(NGX_HTTP_LITELLM_ROW_REQUEST, 400, name, "x");
        c = ngx_http_litellm_row_counters(r);

        ngx_http_litellm_counter_add(&c->requests, 1);
    }

    return data;
}


/* as test_processes(), where a sanitizer sees all of them at once */

static void
test_threads(void)
{
    uint64_t         sum;
    pthread_t        threads[PROCESSES];
    ngx_uint_t       i;
    ngx_shm_zone_t  *zone;

    unit_case("threads");

    zone = zone_make(1024 * 1024);
    ngx_pid = getpid();

    for (i = 0; i < PROCESSES; i++) {
        CHECK(pthread_create(&threads[i], NULL, thread, NULL) == 0);
    }

    for (i = 0; i < PROCESSES; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }

    CHECK_INT(walk(NGX_HTTP_LITELLM_ROW_REQUEST, &sum), 401);
    CHECK_INT(sum, PROCESSES * TURNS);
    CHECK_INT(metrics.sh->lost[NGX_HTTP_LITELLM_ROW_REQUEST],
              PROCESSES * TURNS / 5);

    shm_pool_free(zone);
}


static void
test_processes(void)
{
    char                             name[32];
    pid_t                            pids[PROCESSES];
    uint64_t                         sum;
    ngx_uint_t                       i, j;
    ngx_shm_zone_t                  *zone;
    ngx_http_litellm_row_request_t  *c;

    unit_case("processes");

    zone = zone_make(1024 * 1024);

    for (i = 0; i < PROCESSES; i++) {

        pids[i] = fork();

        if (pids[i] == 0) {
            ngx_pid = getpid();

            for (j = 0; j < TURNS; j++) {
                *ngx_sprintf((u_char *) name, "name %ui", j % 500) = '\0';

                c = ngx_http_litellm_row_counters(
                           row(NGX_HTTP_LITELLM_ROW_REQUEST, 400, name, "x"));

                ngx_http_litellm_counter_add(&c->requests, 1);
            }

            _exit(0);
        }
    }

    for (i = 0; i < PROCESSES; i++) {
        (void) waitpid(pids[i], NULL, 0);
    }

    CHECK_INT(walk(NGX_HTTP_LITELLM_ROW_REQUEST, &sum), 401);
    CHECK_INT(sum, PROCESSES * TURNS);

    shm_pool_free(zone);
}


static void
count(ngx_http_litellm_row_worker_t *w, ngx_uint_t n)
{
    while (n--) {
        ngx_http_litellm_total_add(&w->requests, 1);
    }
}


/* whose totals are whose */

static void
test_claim(void)
{
    ngx_pid_t                       pid, own;
    ngx_uint_t                      i;
    ngx_shm_zone_t                 *zone;
    ngx_http_litellm_row_worker_t  *w, *last;

    unit_case("claim");

    zone = zone_make(4 * 1024 * 1024);

    w = metrics.sh->workers;
    last = &w[NGX_HTTP_LITELLM_METRICS_WORKERS];
    own = ngx_pid = getpid();

    CHECK(ngx_http_litellm_metrics_claim(&metrics, 3) == &w[3]);
    CHECK(ngx_http_litellm_metrics_alone);

    /* once more after a reload in one process */

    CHECK(ngx_http_litellm_metrics_claim(&metrics, 3) == &w[3]);

    /* to another one they are not free as long as this one lives */

    ngx_pid = 1;

    CHECK(ngx_http_litellm_metrics_claim(&metrics, 3) == &w[4]);
    CHECK_INT(w[3].owner, own);
    CHECK_INT(w[4].owner, 1);

    ngx_pid = own;

    CHECK(ngx_http_litellm_metrics_unclaim(&metrics, &w[4]) == last);
    CHECK_INT(w[4].owner, 1);
    CHECK(ngx_http_litellm_metrics_unclaim(&metrics, &w[3]) == last);
    CHECK_INT(w[3].owner, 0);
    CHECK(!ngx_http_litellm_metrics_alone);

    /* one that was killed: what it has counted stays */

    pid = fork();

    if (pid == 0) {
        ngx_pid = getpid();
        count(ngx_http_litellm_metrics_claim(&metrics, 63), 7);
        raise(SIGKILL);
    }

    (void) waitpid(pid, NULL, 0);

    CHECK_INT(w[63].owner, pid);
    CHECK(ngx_http_litellm_metrics_claim(&metrics, 63) == &w[63]);
    CHECK_INT(w[63].requests, 7);

    /* all are somebody's */

    for (i = 0; i < NGX_HTTP_LITELLM_METRICS_WORKERS; i++) {
        w[i].owner = 1;
    }

    CHECK(ngx_http_litellm_metrics_claim(&metrics, 63) == last);
    CHECK(!ngx_http_litellm_metrics_alone);

    ngx_http_litellm_total_add(&last->requests, 1);
    CHECK_INT(last->requests, 1);

    shm_pool_free(zone);
}


/* workers of one place, as of a reload, and more than there are places */

static void
test_claims(void)
{
    pid_t                           pids[PROCESSES * 20];
    uint64_t                        sum;
    ngx_uint_t                      i, n;
    ngx_shm_zone_t                 *zone;
    ngx_http_litellm_row_worker_t  *w;

    unit_case("claims");

    for (n = PROCESSES; n <= PROCESSES * 20; n += PROCESSES * 19) {

        zone = zone_make(4 * 1024 * 1024);

        for (i = 0; i < n; i++) {

            pids[i] = fork();

            if (pids[i] == 0) {
                ngx_pid = getpid();
                w = ngx_http_litellm_metrics_claim(&metrics, 5);

                count(w, TURNS);

                if (i % 2) {
                    w = ngx_http_litellm_metrics_unclaim(&metrics, w);
                }

                count(w, TURNS);
                _exit(0);
            }
        }

        for (i = 0; i < n; i++) {
            (void) waitpid(pids[i], NULL, 0);
        }

        sum = 0;

        for (i = 0; i <= NGX_HTTP_LITELLM_METRICS_WORKERS; i++) {
            sum += metrics.sh->workers[i].requests;
        }

        CHECK_INT(sum, n * 2 * TURNS);

        shm_pool_free(zone);
    }
}


/* each makes rows as fast as it can, and is killed in the middle of it */

static void
test_killed(void)
{
    char             name[32];
    pid_t            pid;
    uint64_t         sum;
    ngx_uint_t       i, j, rows, before;
    ngx_shm_zone_t  *zone;

    unit_case("killed");

    zone = zone_make(8 * 1024 * 1024);
    before = 0;

    for (i = 0; i < KILLS; i++) {

        pid = fork();

        if (pid == 0) {
            ngx_pid = getpid();

            for (j = 0; /* void */ ; j++) {
                *ngx_sprintf((u_char *) name, "%ui name %ui", i, j % 200)
                    = '\0';
                (void) row(NGX_HTTP_LITELLM_ROW_REQUEST, 100000, name, "x");
            }
        }

        usleep(100 + random() % 500);

        kill(pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);
        shm_unlock(zone, pid);

        rows = walk(NGX_HTTP_LITELLM_ROW_REQUEST, &sum);

        CHECK(rows >= before && rows <= (i + 1) * 200 + 1);
        before = rows;

        ngx_pid = getpid();
        (void) row(NGX_HTTP_LITELLM_ROW_FALLBACK, 100000, "still", "works");
    }

    CHECK_INT(walk(NGX_HTTP_LITELLM_ROW_FALLBACK, &sum), 2);

    shm_pool_free(zone);
}
