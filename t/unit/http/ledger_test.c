
/*
 * The ledger in one process: limits and what they say, windows, periods, what
 * is forgotten and when, a full zone, names, the journal.
 */

#include "unit.h"
#include "ledger_zone.h"
#include "ngx_litellm_siphash.h"


static ngx_shm_zone_t                  *zone;
static ngx_http_litellm_reservation_t   rv, other;


#define NOW  1700000000      /* a Tuesday, 2023-11-14 22:13:20 UTC */


static void
start(const char *what, size_t size)
{
    unit_case("%s", what);

    if (zone != NULL) {
        ledger_zone_free(zone);
    }

    ledger_clock(5000000, NOW);
    zone = ledger_zone(size);
}


static ngx_http_litellm_claim_t *
fresh(ngx_http_litellm_reservation_t *r, const char *key)
{
    ngx_memzero(r, sizeof(ngx_http_litellm_reservation_t));

    return ledger_claim(r, NGX_HTTP_LITELLM_OF_KEY, key);
}


static ngx_http_litellm_account_t
key_account(const char *name)
{
    return ledger_account(zone, NGX_HTTP_LITELLM_OF_KEY, name);
}


static void
requests(void)
{
    ngx_uint_t                 i;
    ngx_http_litellm_claim_t  *claim;

    start("requests", 1 << 20);

    for (i = 0; i < 3; i++) {
        claim = fresh(&rv, "k");
        claim->rpm = 3;

        CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);
        CHECK_INT(claim->requests_left, 2 - i);
        CHECK_INT(claim->tokens_left, -1);
        CHECK_INT(claim->parallel_left, -1);
        CHECK_INT(claim->spend, 100 * i);
        CHECK(rv.refused == NULL);

        ngx_http_litellm_ledger_settle(zone, &rv, 10, 100, 1);
        CHECK_INT(claim->spend, 100 * (i + 1));
        CHECK(rv.slot == NULL);

        /* twice is once */

        ngx_http_litellm_ledger_settle(zone, &rv, 10, 100, 1);
        ledger_clock(5000000 + (i + 1) * 1000, NOW);
    }

    claim = fresh(&rv, "k");
    claim->rpm = 3;

    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_DECLINED);
    CHECK(rv.refused == claim);
    CHECK_INT(rv.limit, NGX_HTTP_LITELLM_REQUESTS);
    CHECK_INT(rv.max, 3);
    CHECK_INT(rv.current, 3);
    CHECK_INT(rv.resets, 57000);
    CHECK_INT(claim->requests_left, 0);
    CHECK(rv.slot == NULL);
    CHECK_INT(key_account("k").requests, 3);
    CHECK_INT(key_account("k").tokens, 30);
    CHECK_INT(key_account("k").spend, 300);
    CHECK_INT(key_account("k").inflight, 0);
    CHECK_INT(key_account("k").window_ends, 57000);

    unit_case("a window is over after its time, not before");

    ledger_clock(5000000 + 59999, NOW);
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_DECLINED);
    CHECK_INT(rv.resets, 1);

    ledger_clock(5000000 + 60000, NOW);
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);
    CHECK_INT(claim->requests_left, 2);
    ngx_http_litellm_ledger_settle(zone, &rv, 0, 0, 1);

    unit_case("a request that never was is not counted");

    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);
    ngx_http_litellm_ledger_settle(zone, &rv, 0, 0, 0);
    CHECK_INT(key_account("k").requests, 1);

    unit_case("limits of 0, and huge ones");

    claim->rpm = 0;
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_DECLINED);
    CHECK(rv.resets > 0 && rv.resets <= 60000);

    claim->rpm = NGX_LITELLM_MONEY_MAX;
    claim->tpm = NGX_LITELLM_MONEY_MAX;
    claim->parallel = NGX_LITELLM_MONEY_MAX;
    claim->budget = NGX_LITELLM_MONEY_MAX;
    rv.tokens = NGX_LITELLM_MONEY_MAX;
    rv.cost = NGX_LITELLM_MONEY_MAX;
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);
    CHECK(claim->requests_left > 0 && claim->tokens_left > 0);
    ngx_http_litellm_ledger_settle(zone, &rv, NGX_LITELLM_MONEY_MAX,
                                   NGX_LITELLM_MONEY_MAX, 1);
    CHECK(key_account("k").spend == NGX_LITELLM_MONEY_MAX);
    CHECK(key_account("k").total == NGX_LITELLM_MONEY_MAX);
    CHECK_INT(key_account("k").reserved, 0);
}


static void
tokens(void)
{
    ngx_http_litellm_claim_t  *claim;

    start("tokens are reserved and settled", 1 << 20);

    claim = fresh(&rv, "k");
    claim->tpm = 100;
    rv.tokens = 60;

    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);
    CHECK_INT(claim->tokens_left, 40);

    claim = fresh(&other, "k");
    claim->tpm = 100;
    other.tokens = 41;

    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &other, 0), NGX_DECLINED);
    CHECK_INT(other.limit, NGX_HTTP_LITELLM_TOKENS);
    CHECK_INT(other.max, 100);
    CHECK_INT(other.current, 60);
    CHECK_INT(claim->tokens_left, 40);

    other.tokens = 40;
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &other, 0), NGX_OK);

    ngx_http_litellm_ledger_settle(zone, &rv, 20, 0, 1);
    CHECK_INT(key_account("k").tokens, 60);

    ngx_http_litellm_ledger_settle(zone, &other, -1, 0, 1);
    CHECK_INT(key_account("k").tokens, 60);

    unit_case("one that takes more than it reserved");

    fresh(&rv, "k");
    rv.tokens = 1;
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);
    ngx_http_litellm_ledger_settle(zone, &rv, 1000, 0, 1);
    CHECK_INT(key_account("k").tokens, 1060);

    claim = fresh(&rv, "k");
    claim->tpm = 1060;
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_DECLINED);
    claim->tpm = 1061;
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);

    unit_case("another window gets nothing of what was reserved before");

    ledger_clock(5000000 + 60000, NOW);
    fresh(&other, "k");
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &other, 0), NGX_OK);
    ngx_http_litellm_ledger_settle(zone, &rv, 9000, 11, 1);
    CHECK_INT(key_account("k").tokens, 0);
    CHECK_INT(key_account("k").requests, 1);
    CHECK_INT(key_account("k").spend, 11);
    CHECK_INT(key_account("k").reserved, 0);
    CHECK_INT(key_account("k").inflight, 1);
    ngx_http_litellm_ledger_settle(zone, &other, 0, 0, 1);
}


static void
together(void)
{
    ngx_int_t                  i;
    ngx_http_litellm_claim_t  *claim;

    start("all or none", 1 << 20);

    fresh(&rv, "k");
    ledger_claim(&rv, NGX_HTTP_LITELLM_OF_TEAM, "t")->rpm = 1;
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);

    fresh(&other, "k");
    claim = ledger_claim(&other, NGX_HTTP_LITELLM_OF_TEAM, "t");
    claim->rpm = 1;
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &other, 0), NGX_DECLINED);
    CHECK(other.refused == claim);
    CHECK_INT(key_account("k").requests, 1);
    CHECK_INT(key_account("k").inflight, 1);

    unit_case("counted all the same: dry");

    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &other, 1), NGX_OK);
    CHECK(other.refused == claim);
    CHECK_INT(other.limit, NGX_HTTP_LITELLM_REQUESTS);
    CHECK_INT(key_account("k").requests, 2);
    ngx_http_litellm_ledger_settle(zone, &other, 0, 0, 1);

    unit_case("counted all the same: soft");

    claim->soft = 1;
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &other, 0), NGX_OK);
    CHECK(other.refused == NULL);
    ngx_http_litellm_ledger_settle(zone, &other, 0, 0, 1);
    ngx_http_litellm_ledger_settle(zone, &rv, 0, 0, 1);

    unit_case("parallel requests");

    claim = fresh(&rv, "p");
    claim->parallel = 1;
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);
    CHECK_INT(claim->parallel_left, 0);
    claim = fresh(&other, "p");
    claim->parallel = 1;
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &other, 0), NGX_DECLINED);
    CHECK_INT(other.limit, NGX_HTTP_LITELLM_PARALLEL);
    CHECK_INT(other.current, 1);
    CHECK_INT(other.resets, 1000);
    ngx_http_litellm_ledger_settle(zone, &rv, 0, 0, 1);
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &other, 0), NGX_OK);
    ngx_http_litellm_ledger_settle(zone, &other, 0, 0, 1);

    unit_case("an account that is named twice counts once");

    fresh(&rv, "twice")->parallel = 1;
    ledger_claim(&rv, NGX_HTTP_LITELLM_OF_KEY, "twice")->parallel = 1;
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);
    CHECK_INT(key_account("twice").requests, 1);
    CHECK_INT(key_account("twice").inflight, 1);

    ngx_http_litellm_ledger_settle(zone, &rv, 5, 6, 1);
    CHECK_INT(rv.claims[1].spend, 6);
    CHECK_INT(key_account("twice").spend, 6);
    CHECK_INT(key_account("twice").inflight, 0);

    unit_case("as many accounts as a request may have");

    ngx_memzero(&rv, sizeof(rv));

    for (i = 0; i < NGX_HTTP_LITELLM_CLAIMS; i++) {
        ledger_claim(&rv, NGX_HTTP_LITELLM_OF_TAG,
                     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" + i);
    }

    rv.tokens = 3;
    rv.cost = 4;
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);

    for (i = 0; i < NGX_HTTP_LITELLM_CLAIMS; i++) {
        CHECK_INT(ledger_account(zone, NGX_HTTP_LITELLM_OF_TAG,
                            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" + i).reserved, 4);
    }

    ngx_http_litellm_ledger_settle(zone, &rv, -1, -1, 1);

    for (i = 0; i < NGX_HTTP_LITELLM_CLAIMS; i++) {
        ngx_http_litellm_account_t  a;

        a = ledger_account(zone, NGX_HTTP_LITELLM_OF_TAG,
                           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" + i);
        CHECK_INT(a.reserved, 0);
        CHECK_INT(a.inflight, 0);
        CHECK_INT(a.tokens, 3);
        CHECK_INT(a.spend, 4);
    }

    unit_case("and more than that");

    rv.n++;
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_BUSY);
    CHECK(rv.refused == NULL);
    CHECK(rv.slot == NULL);

    start("what is refused leaves nothing behind", 128 * 1024);

    fresh(&rv, "k")->rpm = 0;

    for (i = 0; i < 20000; i++) {

        if (ngx_http_litellm_ledger_reserve(zone, &rv, 0) != NGX_DECLINED) {
            break;
        }
    }

    CHECK_INT(i, 20000);

    unit_case("a reservation of nothing");

    ngx_memzero(&rv, sizeof(rv));
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);
    ngx_http_litellm_ledger_settle(zone, &rv, 1, 1, 1);
    CHECK(rv.slot == NULL);
}


static void
sliding(void)
{
    ngx_uint_t                 i;
    ngx_http_litellm_claim_t  *claim;

    start("a sliding window", 1 << 20);

    ngx_http_litellm_ledger_window(zone, 60000, 1);

    for (i = 0; i < 10; i++) {
        fresh(&rv, "k")->rpm = 10;
        rv.tokens = 10;
        CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);

        if (i < 9) {
            ngx_http_litellm_ledger_settle(zone, &rv, 10, 0, 1);
        }
    }

    claim = fresh(&other, "k");
    claim->rpm = 10;
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &other, 0), NGX_DECLINED);
    CHECK_INT(other.resets, 60000 + 6000);

    unit_case("the window before counts by what of it is left");

    ledger_clock(5000000 + 60000, NOW);
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &other, 0), NGX_DECLINED);
    CHECK_INT(other.current, 10);
    CHECK_INT(other.resets, 6000);

    ledger_clock(5000000 + 65999, NOW);
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &other, 0), NGX_DECLINED);
    ledger_clock(5000000 + 66000, NOW);
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &other, 0), NGX_OK);
    CHECK_INT(claim->requests_left, 0);

    unit_case("what was reserved in it is settled in it");

    CHECK_INT(key_account("k").tokens, 90);
    ngx_http_litellm_ledger_settle(zone, &rv, 110, 0, 1);
    CHECK_INT(key_account("k").tokens, 180);
    ngx_http_litellm_ledger_settle(zone, &other, 0, 0, 0);

    ledger_clock(5000000 + 90000, NOW);
    CHECK_INT(key_account("k").requests, 5);
    ledger_clock(5000000 + 120000, NOW);
    CHECK_INT(key_account("k").requests, 0);
    ledger_clock(5000000 + 180000, NOW);
    CHECK_INT(key_account("k").window_ends, 0);
}


static void
budgets(void)
{
    ngx_str_t                    name;
    ngx_litellm_period_t         day, never;
    ngx_http_litellm_claim_t    *claim;

    start("a budget", 1 << 20);

    day.type = NGX_LITELLM_DAILY;
    day.n = 86400;
    never.type = NGX_LITELLM_NEVER;
    never.n = 0;

    claim = fresh(&rv, "k");
    claim->budget = 100;
    claim->period = day;
    claim->rpm = 0;
    rv.cost = 60;

    /* what is over both is told of its budget only if it is */

    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_DECLINED);
    CHECK_INT(rv.limit, NGX_HTTP_LITELLM_REQUESTS);

    claim->rpm = -1;
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);

    unit_case("concurrency does not overspend");

    claim = fresh(&other, "k");
    claim->budget = 100;
    claim->period = day;
    claim->rpm = 0;
    other.cost = 41;
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &other, 0), NGX_DECLINED);
    CHECK_INT(other.limit, NGX_HTTP_LITELLM_BUDGET);
    CHECK_INT(other.max, 100);
    CHECK_INT(other.current, 60);
    CHECK_INT(other.resets, 1000);
    CHECK_INT(claim->spend, 0);

    ngx_http_litellm_ledger_settle(zone, &rv, 0, 100, 1);
    other.cost = 0;
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &other, 0), NGX_DECLINED);
    CHECK_INT(other.limit, NGX_HTTP_LITELLM_BUDGET);
    CHECK_INT(other.current, 100);
    CHECK_INT(claim->spend, 100);
    CHECK_INT(other.resets, (86400 - NOW % 86400) * 1000LL);

    unit_case("the next period");

    ledger_clock(5000000, NOW + 86400 - NOW % 86400 - 1);
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &other, 0), NGX_DECLINED);
    CHECK_INT(other.resets, 1000);

    ledger_clock(5000000, NOW + 86400 - NOW % 86400);
    claim->rpm = -1;
    other.cost = 100;
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &other, 0), NGX_OK);
    CHECK_INT(claim->spend, 0);
    ngx_http_litellm_ledger_settle(zone, &other, 0, 1, 1);
    CHECK_INT(key_account("k").spend, 1);
    CHECK_INT(key_account("k").total, 101);

    unit_case("the clock is set forth and back");

    ledger_clock(5000000, NOW + 86400 * 5000);
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &other, 0), NGX_OK);
    ngx_http_litellm_ledger_settle(zone, &other, 0, 100, 1);
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &other, 0), NGX_DECLINED);

    ledger_clock(5000000, NOW);
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &other, 0), NGX_DECLINED);
    CHECK_INT(other.resets, (86400 - NOW % 86400) * 1000LL);
    CHECK_INT(key_account("k").period_ends, NOW + 86400 - NOW % 86400);

    unit_case("another period than before");

    claim->period = never;
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &other, 0), NGX_DECLINED);
    CHECK_INT(other.resets, 0);
    CHECK_INT(key_account("k").period_ends, 0);
    claim->budget = -1;
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &other, 0), NGX_OK);
    ngx_http_litellm_ledger_settle(zone, &other, 0, 0, 1);

    unit_case("a budget of nothing");

    claim = fresh(&rv, "zero");
    claim->budget = 0;
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_DECLINED);
    CHECK_INT(rv.limit, NGX_HTTP_LITELLM_BUDGET);

    unit_case("set from outside, and forgotten");

    ngx_str_set(&name, "k");
    CHECK_INT(ngx_http_litellm_ledger_write(zone, NGX_HTTP_LITELLM_OF_KEY,
                                            &name, 7, &day, 1), NGX_OK);
    CHECK_INT(key_account("k").spend, 7);
    CHECK_INT(key_account("k").keep, 1);
    CHECK(key_account("k").period_ends > NOW);

    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &other, 0), NGX_OK);
    ngx_http_litellm_ledger_forget(zone, NGX_HTTP_LITELLM_OF_KEY, &name);
    CHECK_INT(key_account("k").inflight, 1);
    ngx_http_litellm_ledger_settle(zone, &other, 0, 50, 1);
    CHECK_INT(key_account("k").spend, 0);
    ngx_http_litellm_ledger_forget(zone, NGX_HTTP_LITELLM_OF_KEY, &name);
    CHECK_INT(key_account("k").inflight, 0);
    CHECK_INT(key_account("k").requests, 0);
}


/* windows when the clock that nobody sets is set all the same */

static void
steps(void)
{
    ngx_http_litellm_claim_t  *claim;

    start("a clock behind that of another worker", 1 << 20);

    claim = fresh(&rv, "k");
    claim->rpm = 1;
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);
    ngx_http_litellm_ledger_settle(zone, &rv, 0, 0, 1);

    ledger_clock(5000000 - 900, NOW);
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_DECLINED);
    CHECK_INT(rv.resets, 60000);

    unit_case("a clock far behind: nobody is locked out");

    ledger_clock(1000, NOW);
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);
    ngx_http_litellm_ledger_settle(zone, &rv, 0, 0, 1);

    unit_case("a clock that begins at 0 again");

    ledger_clock((ngx_msec_t) -100, NOW);
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);
    ngx_http_litellm_ledger_settle(zone, &rv, 0, 0, 1);
    ledger_clock(59899, NOW);
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_DECLINED);
    CHECK_INT(rv.resets, 1);
    ledger_clock(59900, NOW);
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);
    ngx_http_litellm_ledger_settle(zone, &rv, 0, 0, 1);
}


static void
full(void)
{
    u_char                           name[32];
    ngx_int_t                        rc;
    ngx_str_t                        text;
    ngx_uint_t                       i, n, seen, busy;
    uint64_t                         cursor;
    ngx_litellm_period_t             never;
    ngx_http_litellm_claim_t        *claim;
    ngx_http_litellm_ledger_item_t   items[7];

    start("a full zone", 256 * 1024);

    never.type = NGX_LITELLM_NEVER;
    never.n = 0;
    text.data = name;

    /* one with money spent, one that is kept, one in flight */

    fresh(&rv, "spent");
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);
    ngx_http_litellm_ledger_settle(zone, &rv, 0, 1, 1);

    ngx_str_set(&text, "kept");
    CHECK_INT(ngx_http_litellm_ledger_write(zone, NGX_HTTP_LITELLM_OF_KEY,
                                            &text, 0, &never, 1), NGX_OK);
    fresh(&other, "flying");
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &other, 0), NGX_OK);

    rc = NGX_OK;
    text.data = name;

    for (n = 0; rc == NGX_OK && n < 100000; n++) {
        ngx_sprintf(name, "user-%ui%Z", n);
        claim = fresh(&rv, (char *) name);

        rc = ngx_http_litellm_ledger_reserve(zone, &rv, 0);
        ngx_http_litellm_ledger_settle(zone, &rv, 0, 0, 1);
    }

    CHECK_INT(rc, NGX_BUSY);
    CHECKF(n > 500 && n < 1200, "%d accounts", (int) n);
    CHECK(rv.refused == claim);
    CHECK_INT(rv.limit, NGX_HTTP_LITELLM_NO_LIMIT);
    CHECK(rv.slot == NULL);

    unit_case("who is there goes on in a full zone");

    for (i = 0; i < n - 1; i++) {
        ngx_sprintf(name, "user-%ui%Z", i);
        fresh(&rv, (char *) name);

        if (ngx_http_litellm_ledger_reserve(zone, &rv, 0) != NGX_OK) {
            CHECKF(0, "user %d", (int) i);
            break;
        }

        ngx_http_litellm_ledger_settle(zone, &rv, 0, 0, 1);
    }

    CHECK_INT(i, n - 1);

    unit_case("a walk sees each once");

    cursor = 0;
    seen = 0;

    while ((i = ngx_http_litellm_ledger_walk(zone, &cursor, items, 7)) != 0) {
        seen += i;
    }

    CHECK_INT(seen, n - 1 + 3);
    CHECK_INT(ngx_http_litellm_ledger_walk(zone, &cursor, items, 7), 0);

    unit_case("what may be forgotten makes room, and nothing else does");

    ledger_clock(5000000 + 60000, NOW);
    busy = 0;

    for (i = 0; i < 3 * n; i++) {
        ngx_sprintf(name, "another-%ui%Z", i);
        fresh(&rv, (char *) name);

        if (ngx_http_litellm_ledger_reserve(zone, &rv, 0) != NGX_OK) {
            busy++;
        }

        ngx_http_litellm_ledger_settle(zone, &rv, 0, 0, 1);

        if (i % 500 == 499) {
            ledger_clock(5000000 + 60000 * (2 + i / 500), NOW);
        }
    }

    CHECK_INT(busy, 0);
    CHECK_INT(key_account("spent").spend, 1);
    CHECK_INT(key_account("kept").keep, 1);
    CHECK_INT(key_account("flying").inflight, 1);
    ngx_http_litellm_ledger_settle(zone, &other, 0, 0, 1);
}


/* room for one: the second of a request does not push out the first */

static void
pairs(void)
{
    u_char      name[32];
    ngx_int_t   rc;
    ngx_str_t   text;
    ngx_uint_t  i, both;

    start("two of one request", 256 * 1024);

    rc = NGX_OK;

    for (i = 0; rc == NGX_OK; i++) {
        ngx_sprintf(name, "spent-%ui%Z", i);
        fresh(&rv, (char *) name);

        rc = ngx_http_litellm_ledger_reserve(zone, &rv, 0);
        ngx_http_litellm_ledger_settle(zone, &rv, 0, 1, 1);
    }

    CHECK_INT(rc, NGX_BUSY);

    ngx_str_set(&text, "spent-7");
    ngx_http_litellm_ledger_forget(zone, NGX_HTTP_LITELLM_OF_KEY, &text);

    for (i = 0, both = 0; i < 200; i++) {
        ngx_memzero(&rv, sizeof(rv));

        ledger_claim(&rv, NGX_HTTP_LITELLM_OF_KEY, "first");
        ngx_sprintf(name, "second-%ui%Z", i);
        ledger_claim(&rv, NGX_HTTP_LITELLM_OF_KEY, (char *) name);

        both += (ngx_http_litellm_ledger_reserve(zone, &rv, 0) == NGX_OK);
        ngx_http_litellm_ledger_settle(zone, &rv, 0, 0, 1);
    }

    CHECK_INT(both, 0);
}


static void
names(void)
{
    char                       a[300], b[300];
    uint64_t                   key[2], hash[2];
    ngx_uint_t                 i;
    u_char                     text[16];
    ngx_http_litellm_claim_t  *claim;

    start("long names", 1 << 20);

    ngx_memset(a, 'x', 299);
    ngx_memset(b, 'x', 299);
    a[299] = b[299] = '\0';
    b[298] = 'y';

    fresh(&rv, a);
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);
    ngx_http_litellm_ledger_settle(zone, &rv, 0, 3, 1);
    CHECK_INT(key_account(a).spend, 3);
    CHECK_INT(key_account(b).spend, 0);
    CHECK_INT(ledger_account(zone, NGX_HTTP_LITELLM_OF_USER, a).spend, 0);

    a[NGX_HTTP_LITELLM_LEDGER_NAME] = '\0';
    CHECK_INT(key_account(a).spend, 0);

    unit_case("no name at all");

    fresh(&rv, "");
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);
    ngx_http_litellm_ledger_settle(zone, &rv, 0, 3, 1);
    CHECK_INT(key_account("").spend, 3);

    unit_case("names that look like each other");

    for (i = 0; i < 30; i++) {
        a[0] = "xyz"[i % 3];
        ngx_memcpy(a + 1, "-12345678", sizeof("-12345678"));
        claim = fresh(&rv, a);
        CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);
        ngx_http_litellm_ledger_settle(zone, &rv, 0, 1 + i % 3, 1);
        CHECK_INT(claim->spend, (1 + i % 3) * (1 + i / 3));
    }

    claim = fresh(&rv, "x-12345678");
    claim[1] = claim[0];
    ngx_str_set(&claim[1].name, "y-12345678");
    rv.n = 2;
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);
    CHECK(claim[0].account != claim[1].account);
    ngx_http_litellm_ledger_settle(zone, &rv, 0, 100, 1);
    CHECK_INT(key_account("x-12345678").spend, 110);
    CHECK_INT(key_account("y-12345678").spend, 120);

    unit_case("the place of an account that was forgotten");
    {
        ngx_http_litellm_ledger_t        *l;
        ngx_http_litellm_ledger_entry_t  *e;

        l = ngx_http_litellm_zone_ledger(zone);
        fresh(&rv, "x-12345678");
        CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);
        ngx_http_litellm_ledger_settle(zone, &rv, 0, 0, 1);

        ngx_http_litellm_ledger_lock(l);
        e = ngx_http_litellm_ledger_at(l, rv.claims[0].account);
        ngx_http_litellm_ledger_free_locked(l, e);
        ngx_http_litellm_ledger_unlock(l);

        CHECK_INT(key_account("x-12345678").spend, 0);
        CHECK_INT(key_account("y-12345678").spend, 120);

        /* another one has it now */

        claim = fresh(&rv, "w-12345678");
        CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);
        ngx_http_litellm_ledger_settle(zone, &rv, 0, 7, 1);
        CHECK(ngx_http_litellm_ledger_at(l, claim->account) == (void *) e);
        CHECK_INT(key_account("w-12345678").spend, 7);
        CHECK_INT(key_account("x-12345678").spend, 0);
    }

    unit_case("the hash, by its authors' example");

    key[0] = 0x0706050403020100ULL;
    key[1] = 0x0f0e0d0c0b0a0908ULL;

    for (i = 0; i < 16; i++) {
        text[i] = (u_char) i;
    }

    CHECK(ngx_litellm_siphash(key, key[0], text + 8, 7)
          == 0xa129ca6149be45e5ULL);
    CHECK(ngx_litellm_siphash(key, key[0], text + 8, 8)
          == 0x3f2acc7f57c29bdbULL);

    ngx_litellm_siphash_128(key, text, 0, hash);
    CHECK(hash[0] == 0xe6a825ba047f81a3ULL && hash[1] == 0x930255c71472f66dULL);
    ngx_litellm_siphash_128(key, text, 1, hash);
    CHECK(hash[0] == 0x44af996bd8c187daULL && hash[1] == 0x45fc229b11597634ULL);
    ngx_litellm_siphash_128(key, text, 15, hash);
    CHECK(hash[0] == 0x11a8b03399e99354ULL && hash[1] == 0xd9c3cf970fec087eULL);

    unit_case("names of scopes");

    CHECK_STR(ngx_http_litellm_scope_name(NGX_HTTP_LITELLM_OF_KEY), "api_key");
    CHECK_STR(ngx_http_litellm_scope_name(NGX_HTTP_LITELLM_OF_PERIOD),
              "period");
    CHECK_INT(ngx_http_litellm_scope_name(999)->len, 0);

    unit_case("how much a zone holds");
    {
        size_t  each;

        CHECK(ngx_http_litellm_ledger_holds(8 << 20, &each) > 20000);
        CHECK_INT(each, 292);
    }
}


/* a section that is cut after its first half: the next one who comes undoes */

static void
journal(void)
{
    ngx_str_t                         text;
    ngx_http_litellm_ledger_t        *l;
    ngx_http_litellm_ledger_name_t    name;
    ngx_http_litellm_ledger_slot_t   *slot;
    ngx_http_litellm_ledger_entry_t  *e, *loose;

    start("a section that was cut", 1 << 20);

    l = ngx_http_litellm_zone_ledger(zone);

    fresh(&rv, "k");
    rv.cost = 10;
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);

    ngx_str_set(&text, "k");
    ngx_http_litellm_ledger_name(l, NGX_HTTP_LITELLM_OF_KEY, &text, &name);

    ngx_http_litellm_ledger_lock(l);
    e = ngx_http_litellm_ledger_find_locked(l, &name);
    slot = rv.slot;
    ngx_http_litellm_ledger_begin(l, &e, 1, slot);
    e->c.spend = 999;
    e->c.inflight = 0;
    slot->h.n = 0;
    ngx_http_litellm_ledger_unlock(l);

    CHECK_INT(key_account("k").spend, 0);
    CHECK_INT(key_account("k").inflight, 1);
    CHECK_INT(slot->h.n, 1);
    ngx_http_litellm_ledger_settle(zone, &rv, 0, 10, 1);
    CHECK_INT(key_account("k").spend, 10);

    unit_case("an entry that was on its way");

    ngx_http_litellm_ledger_lock(l);
    loose = l->free;
    l->journal.loose = loose;
    l->free = loose->next;
    ngx_http_litellm_ledger_unlock(l);

    CHECK(l->free != loose);
    CHECK_INT(key_account("k").spend, 10);
    CHECK(l->free == loose);
    CHECK(l->journal.loose == NULL);
}


void
unit_main(void)
{
    requests();
    tokens();
    together();
    sliding();
    budgets();
    steps();
    full();
    pairs();
    names();
    journal();

    ledger_zone_free(zone);
}
