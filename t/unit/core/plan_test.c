
/*
 * Choices from a group: shares by weight, the lowest, the cheapest, the one
 * of a session, whoever is usable at the moment; and what a choice costs among
 * one and among 10,000.
 */

#include "unit.h"

#include <time.h>
#include "ngx_litellm_plan.h"


#define MAX  10000


typedef struct {
    ngx_uint_t  asked;
} asker_t;


static ngx_litellm_config_t       conf;
static ngx_litellm_deployment_t   all[MAX];
static u_char                     down[MAX];
static uint64_t                   rank[MAX];
static ngx_uint_t                 count[MAX];
static ngx_array_t                list;
static asker_t                    asker;
static ngx_litellm_choice_t       choice;


static ngx_uint_t
usable(void *data, ngx_litellm_deployment_t *d)
{
    ((asker_t *) data)->asked++;

    return !down[d->index];
}


static uint64_t
ranked(void *data, ngx_litellm_deployment_t *d)
{
    return rank[d->index];
}


/* so many of the smallest unit for a token of the prompt */

static const ngx_litellm_price_t *
price(ngx_uint_t n)
{
    u_char                      buf[64];
    ngx_str_t                   json, why;
    const ngx_litellm_price_t  *made;

    json.data = buf;
    json.len = ngx_sprintf(buf, "{\"input_cost_per_token\":%uie-12}", n) - buf;

    made = NULL;

    CHECK_INT(ngx_litellm_price_override(unit_pool, NULL, &json, &made, &why),
              NGX_OK);

    return made;
}



/* n deployments without anything said of them */

static void
set(ngx_uint_t n)
{
    u_char                     *id;
    ngx_uint_t                  i;
    ngx_litellm_deployment_t  **d;

    ngx_memzero(all, sizeof(all));
    ngx_memzero(down, sizeof(down));
    ngx_memzero(rank, sizeof(rank));

    ngx_memzero(&conf, sizeof(conf));

    ngx_array_init(&list, unit_keep, n, sizeof(void *));

    for (i = 0; i < n; i++) {
        id = ngx_pnalloc(unit_keep, 16);

        all[i].index = i;
        all[i].mock = 1;
        all[i].order = NGX_MAX_INT_T_VALUE;
        all[i].weight = -1;
        all[i].rpm = -1;
        all[i].tpm = -1;
        all[i].tag_filtering = NGX_CONF_UNSET;
        all[i].id.data = id;
        all[i].id.len = ngx_sprintf(id, "d%ui", i) - id;

        d = ngx_array_push(&list);
        *d = &all[i];
    }

    choice.data = &asker;
    choice.usable = usable;
    choice.rank = ranked;
    choice.random = 20;
}


static ngx_litellm_level_t *
level(ngx_uint_t i)
{
    ngx_litellm_plan_t  *plan;

    plan = ngx_litellm_plan_create(unit_keep, unit_keep, &conf, &list,
                                   NULL);

    if (!CHECK(plan != NULL) || !CHECK(i < plan->levels.nelts)) {
        exit(1);
    }

    return (ngx_litellm_level_t *) plan->levels.elts + i;
}


/* of n draws, deviations from the shares: sum of squares over expectation */

static double
chi_square(ngx_uint_t n, ngx_uint_t draws, double *share)
{
    double      x, e, sum;
    ngx_uint_t  i;

    sum = 0;
    x = 0;

    for (i = 0; i < n; i++) {
        sum += share[i];
    }

    for (i = 0; i < n; i++) {
        e = draws * share[i] / sum;

        if (e == 0) {
            CHECK_INT(count[i], 0);
            continue;
        }

        x += (count[i] - e) * (count[i] - e) / e;
    }

    return x;
}


static void
draw(ngx_litellm_level_t *l, ngx_uint_t n, ngx_uint_t strict)
{
    ngx_uint_t                 i;
    ngx_litellm_deployment_t  *d;

    ngx_memzero(count, sizeof(count));

    for (i = 0; i < n; i++) {
        d = ngx_litellm_plan_weighted(l, &choice, strict);

        if (!CHECK(d != NULL)) {
            return;
        }

        count[d->index]++;
    }
}


/* bounds of chi-square at p = 1e-6: 27.6 (2 degrees), 30.7 (3), 37.1 (5) */

static void
test_weights(void)
{
    ngx_uint_t            i;
    ngx_litellm_level_t  *l;

    unit_case("equal shares");
    set(4);
    l = level(0);
    draw(l, 20000, 0);
    CHECK(chi_square(4, 20000, (double []) { 1, 1, 1, 1 }) < 30.7);

    unit_case("the harness: shares that are none");
    CHECK(chi_square(4, 20000, (double []) { 1, 1, 1, 1.2 }) > 30.7);

    unit_case("weights before rpm, without one none");
    set(4);
    all[0].weight = 1000000;
    all[1].weight = 2500000;
    all[2].weight = 0;
    all[3].rpm = 100;
    l = level(0);
    draw(l, 20000, 0);
    CHECK(chi_square(4, 20000, (double []) { 1, 2.5, 0, 0 }) < 27.6);

    unit_case("those that are down leave the others' shares as they are");
    set(6);
    for (i = 0; i < 6; i++) {
        all[i].rpm = i + 1;
    }
    down[5] = down[4] = 1;
    l = level(0);
    draw(l, 20000, 0);
    CHECK(chi_square(6, 20000, (double []) { 1, 2, 3, 4, 0, 0 }) < 30.7);

    unit_case("no weight left: the next kind, in the end equal shares");
    set(4);
    all[0].weight = 5;
    all[1].rpm = 1;
    all[2].rpm = 3;
    down[0] = 1;
    l = level(0);
    draw(l, 20000, 0);
    CHECK(chi_square(4, 20000, (double []) { 0, 1, 3, 0 }) < 27.6);
    down[1] = down[2] = 1;
    draw(l, 100, 0);
    CHECK_INT(count[3], 100);
    CHECK(ngx_litellm_plan_weighted(l, &choice, 1) == NULL);
    down[3] = 1;
    CHECK(ngx_litellm_plan_weighted(l, &choice, 0) == NULL);

    unit_case("sums of the largest weights do not overflow");
    set(MAX);
    for (i = 0; i < MAX; i++) {
        all[i].weight = (int64_t) 1000000 * 1000000000;
    }
    all[3].weight = 1;
    l = level(0);
    CHECK(l->shift > 0);
    for (i = 1; i < MAX; i++) {
        if (l->sum[i] <= l->sum[i - 1]) {
            CHECK(0);
            break;
        }
    }

    unit_case("one of 10,000 that is up is found");
    memset(down, 1, sizeof(down));
    down[7777] = 0;
    for (i = 0; i < 20; i++) {
        CHECK(ngx_litellm_plan_weighted(l, &choice, 0) == &all[7777]);
        CHECK(ngx_litellm_plan_lowest(l, &choice, 0) == &all[7777]);
        CHECK(ngx_litellm_plan_cheapest(l, &choice) == &all[7777]);
        CHECK(ngx_litellm_plan_hashed(l, &choice, i) == &all[7777]);
    }
    down[7777] = 1;
    CHECK(ngx_litellm_plan_weighted(l, &choice, 0) == NULL);
    CHECK(ngx_litellm_plan_lowest(l, &choice, 0) == NULL);
    CHECK(ngx_litellm_plan_cheapest(l, &choice) == NULL);
    CHECK(ngx_litellm_plan_hashed(l, &choice, 1) == NULL);
}


static void
test_levels(void)
{
    ngx_litellm_plan_t   *plan;
    ngx_litellm_level_t  *l;

    unit_case("levels in their order, without what can't be called");
    set(6);
    all[0].order = 2;
    all[1].order = -1;
    all[3].order = 2;
    all[4].order = 1;
    all[4].no_credentials = 1;
    all[5].mock = 0;

    plan = ngx_litellm_plan_create(unit_keep, unit_keep, &conf, &list,
                                   NULL);
    CHECK_INT(plan->levels.nelts, 3);

    l = plan->levels.elts;
    CHECK_INT(l[0].order, -1);
    CHECK_INT(l[0].n, 1);
    CHECK(l[0].list[0] == &all[1]);
    CHECK_INT(l[1].n, 2);
    CHECK(l[1].list[0] == &all[0] && l[1].list[1] == &all[3]);
    CHECK_INT(l[2].n, 1);
    CHECK(l[2].list[0] == &all[2]);

    unit_case("none that can be called");
    set(1);
    all[0].no_credentials = 1;
    plan = ngx_litellm_plan_create(unit_keep, unit_keep, &conf, &list,
                                   NULL);
    CHECK_INT(plan->levels.nelts, 0);
}


static void
test_lowest(void)
{
    ngx_uint_t            i;
    ngx_litellm_level_t  *l;

    unit_case("the lowest; among equal ones each");
    set(5);
    rank[0] = 100;
    rank[1] = 50;
    rank[2] = 60;
    rank[3] = 50;
    rank[4] = 76;
    l = level(0);
    ngx_memzero(count, sizeof(count));
    for (i = 0; i < 1000; i++) {
        count[ngx_litellm_plan_lowest(l, &choice, 0)->index]++;
    }
    CHECK_INT(count[0] + count[2] + count[4], 0);
    CHECK(count[1] > 400 && count[3] > 400);

    unit_case("the buffer");
    ngx_memzero(count, sizeof(count));
    for (i = 0; i < 1000; i++) {
        count[ngx_litellm_plan_lowest(l, &choice, 500000)->index]++;
    }
    CHECK(count[1] && count[2] && count[3]);
    CHECK_INT(count[0] + count[4], 0);

    unit_case("of many a sample: never the worst");
    set(1000);
    for (i = 0; i < 1000; i++) {
        rank[i] = i;
    }
    l = level(0);
    for (i = 0; i < 200; i++) {
        CHECK(ngx_litellm_plan_lowest(l, &choice, 0)->index < 800);
    }
}


static void
test_cheapest(void)
{
    ngx_uint_t                 i;
    ngx_litellm_level_t       *l;
    ngx_litellm_deployment_t  *d;

    unit_case("the cheapest, unknown prices last");
    set(5);
    all[1].price = price(40);
    all[2].price = price(30);
    all[3].price = price(30);
    l = level(0);
    for (i = 0; i < 50; i++) {
        d = ngx_litellm_plan_cheapest(l, &choice);
        CHECK(d == &all[2] || d == &all[3]);
    }
    down[2] = down[3] = 1;
    CHECK(ngx_litellm_plan_cheapest(l, &choice) == &all[1]);
    down[1] = 1;
    d = ngx_litellm_plan_cheapest(l, &choice);
    CHECK(d == &all[0] || d == &all[4]);
}


static void
test_hashed(void)
{
    ngx_uint_t                  i, moved;
    ngx_litellm_level_t        *l;
    ngx_litellm_deployment_t   *before[3000], *d, **dp;

    unit_case("shares of sessions by weight");
    set(3);
    all[0].weight = 1000000;
    all[1].weight = 3000000;
    all[2].weight = 0;
    l = level(0);
    ngx_memzero(count, sizeof(count));
    for (i = 0; i < 20000; i++) {
        count[ngx_litellm_plan_hashed(l, &choice, i)->index]++;
    }
    CHECK(chi_square(3, 20000, (double []) { 1, 3, 0 }) < 24);

    unit_case("only what is kept for the worst is left");
    down[0] = down[1] = 1;
    CHECK(ngx_litellm_plan_hashed(l, &choice, 5) == &all[2]);

    unit_case("one goes: only its own move, and come back");
    set(10);
    l = level(0);
    for (i = 0; i < 3000; i++) {
        before[i] = ngx_litellm_plan_hashed(l, &choice, i);
    }
    down[4] = 1;
    for (i = 0; i < 3000; i++) {
        d = ngx_litellm_plan_hashed(l, &choice, i);
        if (before[i] != &all[4]) {
            CHECK(d == before[i]);
        } else {
            CHECK(d != &all[4]);
        }
    }
    down[4] = 0;
    for (i = 0; i < 3000; i++) {
        CHECK(ngx_litellm_plan_hashed(l, &choice, i) == before[i]);
    }

    unit_case("one is taken out of the file: only its own move");
    dp = list.elts;
    dp[4] = dp[9];
    list.nelts = 9;
    l = level(0);
    for (i = 0, moved = 0; i < 3000; i++) {
        d = ngx_litellm_plan_hashed(l, &choice, i);
        if (before[i] != &all[4]) {
            CHECK(d == before[i]);
        }
        moved += (d != before[i]);
    }
    CHECK(moved > 200 && moved < 400);

    unit_case("of many: the same as long as it is up");
    set(1000);
    l = level(0);
    for (i = 0; i < 300; i++) {
        d = ngx_litellm_plan_hashed(l, &choice, i);
        CHECK(d == ngx_litellm_plan_hashed(l, &choice, i));
        down[d->index] = 1;
        CHECK(d != ngx_litellm_plan_hashed(l, &choice, i));
        down[d->index] = 0;
        CHECK(d == ngx_litellm_plan_hashed(l, &choice, i));
    }
}


/* counted, since time on a machine that others use is not: how many are asked
   whether they are usable */

static void
test_cost(void)
{
    double                ns;
    ngx_uint_t            i, j, k, n;
    struct timespec       from, to;
    ngx_litellm_level_t  *l;

    static const char  *name[] = { "by weight", "lowest", "cheapest",
                                   "session" };
    static const ngx_uint_t  sizes[] = { 1, 10, 64, 1000, MAX };

    for (j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
        n = sizes[j];
        set(n);

        for (i = 0; i < n; i++) {
            all[i].weight = 1000000 + i;
            all[i].price = price(i % 100);
            rank[i] = i * 7 % 1000;
            down[i] = (i % 10 == 3);
        }

        l = level(0);

        for (i = 0; i < 4; i++) {
            unit_case("%s of %u", name[i], (unsigned) n);

            asker.asked = 0;
            clock_gettime(CLOCK_MONOTONIC, &from);

            for (k = 0; k < 2000; k++) {
                (void) (i == 0 ? ngx_litellm_plan_weighted(l, &choice, 0)
                        : i == 1 ? ngx_litellm_plan_lowest(l, &choice, 0)
                        : i == 2 ? ngx_litellm_plan_cheapest(l, &choice)
                        : ngx_litellm_plan_hashed(l, &choice, k));
            }

            clock_gettime(CLOCK_MONOTONIC, &to);

            ns = ((to.tv_sec - from.tv_sec) * 1e9
                  + (to.tv_nsec - from.tv_nsec)) / 2000;

            if (getenv("UNIT_BENCH")) {
                printf("%s of %u: %.0f ns, %.1f asked\n", name[i],
                       (unsigned) n, ns, asker.asked / 2000.0);
            }

            CHECK(asker.asked / 2000 <= NGX_LITELLM_PLAN_EXACT);
        }
    }
}


void
unit_main(void)
{
    test_weights();
    test_levels();
    test_lowest();
    test_cheapest();
    test_hashed();
    test_cost();
}
