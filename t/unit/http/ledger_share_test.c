
/*
 * What a gateway makes of what Redis says: figures of others, its own that it
 * does not know any more, windows that are other ones, a server that has lost
 * its data.
 */

#include "unit.h"
#include "ledger_zone.h"


#define NOW    1700000000
#define BEGAN  ((uint64_t) 1700000000000)     /* a window's name */
#define WHOLE  60000


static ngx_shm_zone_t                    *zone;
static ngx_http_litellm_reservation_t     rv;
static ngx_http_litellm_ledger_share_t    told;
static ngx_http_litellm_ledger_others_t   o;
static ngx_litellm_period_t               period;


static void
start(const char *what, ngx_uint_t sliding)
{
    unit_case("%s", what);

    if (zone != NULL) {
        ledger_zone_free(zone);
    }

    ngx_memzero(&period, sizeof(ngx_litellm_period_t));

    ledger_clock(5000000, NOW);
    zone = ledger_zone(1 << 20);

    ngx_http_litellm_ledger_window(zone, WHOLE, sliding);
    CHECK_INT(ngx_http_litellm_ledger_share_on(zone), NGX_OK);
}


/* n requests of 10 tokens and 100 each, that are over */

static void
count(ngx_uint_t n)
{
    while (n--) {
        ngx_memzero(&rv, sizeof(ngx_http_litellm_reservation_t));
        ledger_claim(&rv, NGX_HTTP_LITELLM_OF_KEY, "k")->period = period;

        CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);
        ngx_http_litellm_ledger_settle(zone, &rv, 10, 100, 1);
    }
}


/* a file has said that this was spent */

static void
restore(int64_t spend, int64_t ends)
{
    ngx_http_litellm_ledger_item_t  item;

    ngx_memzero(&item, sizeof(ngx_http_litellm_ledger_item_t));

    item.scope = NGX_HTTP_LITELLM_OF_KEY;
    item.name[0] = 'k';
    item.len = 1;
    item.account.spend = spend;
    item.account.total = spend;
    item.account.period_ends = ends;
    item.period = period;

    CHECK_INT(ngx_http_litellm_ledger_restore(zone, &item), NGX_OK);
}


static ngx_http_litellm_account_t
account(void)
{
    return ledger_account(zone, NGX_HTTP_LITELLM_OF_KEY, "k");
}


/* it is told: what there is to tell, once */

static ngx_uint_t
tell(void)
{
    return ngx_http_litellm_ledger_share_next(zone, &told, 1);
}


/* the answer: others have so much in that window */

static void
others(uint64_t window, int64_t requests, int64_t spend)
{
    ngx_memzero(&o, sizeof(ngx_http_litellm_ledger_others_t));

    o.window = window;
    o.age = 1000;
    o.requests = requests;
    o.tokens = requests * 10;
    o.spend = spend;
}


static void
own(uint64_t window, int64_t requests, int64_t spend)
{
    o.own = 1;
    o.own_boot = told.boot + 1;
    o.own_serial = told.serial + 100;
    o.own_window = window;
    o.own_requests = requests;
    o.own_tokens = requests * 10;
    o.own_spend = spend;
}


static void
merge(ngx_uint_t part)
{
    ngx_http_litellm_ledger_share_merge(zone, &told, &o, 1, part);
}


static void
have(int64_t requests, int64_t spend)
{
    CHECK_INT(account().requests, requests);
    CHECK_INT(account().tokens, requests * 10);
    CHECK_INT(account().spend, spend);
}


static void
taken_back(void)
{
    ngx_http_litellm_ledger_share_t  again;

    start("what it had told itself is taken back once", 0);

    count(2);
    CHECK_INT(tell(), 1);
    CHECK_INT(told.told, 0);
    again = told;

    others(BEGAN, 5, 500);
    own(BEGAN, 7, 700);
    merge(0);
    have(2 + 7 + 5, 200 + 700 + 500);

    /* to be told again, and that nothing is missing */

    CHECK_INT(tell(), 1);
    CHECK_INT(told.told, 1);
    CHECK_INT(told.requests, 9);
    CHECK_INT(told.spend, 900);
    CHECK(told.window == BEGAN);

    unit_case("another worker is told of the same");

    told = again;
    told.version++;
    others(BEGAN, 5, 500);
    own(BEGAN, 7, 700);
    merge(0);
    have(14, 1400);

    start("a file is older than what was told", 0);
    restore(300, 0);
    count(2);
    CHECK_INT(tell(), 1);
    CHECK_INT(told.spend, 500);
    others(BEGAN, 0, 50);
    own(0, 0, 700);
    merge(0);
    have(2, 700 + 200 + 50);

    start("a file is newer than what was told", 0);
    restore(700, 0);
    count(2);
    CHECK_INT(tell(), 1);
    others(BEGAN, 0, 0);
    own(0, 0, 300);
    merge(0);
    have(2, 900);

    start("a file says that it is below 0", 0);
    restore(-700, 0);
    count(2);
    CHECK_INT(tell(), 1);
    others(BEGAN, 0, 50);
    own(0, 0, -400);
    merge(0);
    have(2, -400 + 200 + 50);

    start("a file of a period that has ended meanwhile", 0);
    period.type = NGX_LITELLM_EVERY;
    period.n = 100;
    restore(700, NOW + 50);
    ledger_clock(5000000 + 50000, NOW + 50);
    count(1);
    CHECK_INT(tell(), 1);
    others(BEGAN, 0, 0);
    own(0, 0, 300);
    o.ends = o.own_ends = told.ends;
    merge(0);
    have(1, 400);

    start("a period that is over, a window that is over", 0);
    count(1);
    CHECK_INT(tell(), 1);
    others(BEGAN, 0, 0);
    own(BEGAN - WHOLE, 7, 700);
    o.own_ends = NOW - 1;
    merge(0);
    have(1, 100);

    start("what no gateway can mean", 0);
    count(1);
    CHECK_INT(tell(), 1);
    others(BEGAN, 0, 0);
    own(BEGAN, 0, NGX_LITELLM_MONEY_MAX);
    o.own_requests = NGX_LITELLM_MONEY_MAX;
    o.own_tokens = NGX_LITELLM_MONEY_MAX;
    o.requests = NGX_LITELLM_MONEY_MAX;
    o.tokens = NGX_LITELLM_MONEY_MAX;
    merge(0);
    CHECK(account().requests > 1000000000);
    CHECK(account().tokens == NGX_LITELLM_MONEY_MAX);
    CHECK(account().spend == NGX_LITELLM_MONEY_MAX);
}


static void
windows(void)
{
    start("a window that goes on for the others", 0);

    count(3);
    CHECK_INT(tell(), 1);
    others(BEGAN, 4, 0);
    merge(0);
    have(7, 300);

    ledger_clock(5000000 + WHOLE, NOW + 60);
    count(1);
    CHECK_INT(tell(), 1);
    CHECK(told.window == 0);
    others(BEGAN, 4, 0);
    own(BEGAN, 3, 300);
    o.own_boot = told.boot;
    o.own_serial = told.serial - 2;
    merge(0);
    have(1 + 3 + 4, 400);

    unit_case("another one before its time: what was counted here stays");

    CHECK_INT(tell(), 1);
    others(BEGAN + WHOLE, 2, 0);
    merge(0);
    have(4 + 2, 400);
    CHECK_INT(tell(), 1);
    CHECK(told.window == BEGAN + WHOLE);

    unit_case("it is over");

    ledger_clock(5000000 + 2 * WHOLE - 1000, NOW + 119);
    others(BEGAN + 2 * WHOLE, 2, 0);
    merge(0);
    have(0, 400);

    start("one that began before ours: after a loss of data", 0);

    count(3);
    CHECK_INT(tell(), 1);
    others(BEGAN, 0, 0);
    merge(0);
    CHECK_INT(tell(), 0);
    count(1);
    CHECK_INT(tell(), 1);
    CHECK(told.window == BEGAN);
    others(BEGAN - 9000, 5, 0);
    o.age = 10000;
    merge(0);
    have(4 + 5, 400);
    CHECK_INT(account().window_ends, WHOLE - 10000);
    CHECK_INT(tell(), 1);
    CHECK(told.window == BEGAN - 9000);
    CHECK_INT(told.requests, 4);
}


static void
slides(void)
{
    start("sliding: the window of all is over, what was in it is past", 1);

    count(3);
    CHECK_INT(tell(), 1);
    others(BEGAN, 4, 0);
    merge(0);
    count(1);
    ledger_clock(5000000 + WHOLE - 2000, NOW + 58);
    CHECK_INT(tell(), 1);
    others(BEGAN + WHOLE, 1, 0);
    merge(0);
    CHECK_INT(account().requests, 8);

    ledger_clock(5000000 + WHOLE - 2000 + WHOLE / 2, NOW + 88);
    CHECK_INT(account().requests, 4);

    start("sliding: it is over here only", 1);

    count(3);
    CHECK_INT(tell(), 1);
    others(BEGAN, 4, 0);
    merge(0);
    ledger_clock(5000000 + WHOLE, NOW + 60);
    count(1);
    CHECK_INT(tell(), 1);
    CHECK(told.window == 0);
    others(BEGAN, 4, 0);
    own(BEGAN, 3, 300);
    o.own_boot = told.boot;
    o.own_serial = told.serial - 1;
    o.age = WHOLE - 100;
    merge(0);
    have(1 + 3 + 4, 400);

    start("sliding: what it had told of the window before", 1);

    count(1);
    CHECK_INT(tell(), 1);
    others(BEGAN, 0, 0);
    own(BEGAN - WHOLE, 6, 0);
    o.age = WHOLE / 2;
    merge(0);
    CHECK_INT(account().requests, 1 + 3);
}


static void
lost(void)
{
    start("data that was lost: what is known of others counts", 0);

    count(3);
    CHECK_INT(tell(), 1);
    others(BEGAN, 4, 440);
    o.reserved = 40;
    o.inflight = 2;
    merge(0);
    have(7, 700);
    CHECK_INT(account().reserved, 40);

    count(1);
    CHECK_INT(tell(), 1);
    others(BEGAN, 1, 150);
    o.reserved = 50;
    merge(1);
    have(8, 800);
    CHECK_INT(o.requests, 4);
    CHECK_INT(o.spend, 440);
    CHECK_INT(account().reserved, 40);
    CHECK_INT(account().inflight, 2);

    unit_case("they have told more");

    count(1);
    CHECK_INT(tell(), 1);
    others(BEGAN, 6, 600);
    merge(1);
    have(5 + 6, 500 + 600);

    unit_case("all have told");

    count(1);
    CHECK_INT(tell(), 1);
    others(BEGAN, 2, 200);
    merge(0);
    have(6 + 2, 600 + 200);
    CHECK_INT(account().reserved, 0);
    CHECK_INT(account().inflight, 0);
}


void
unit_main(void)
{
    taken_back();
    windows();
    slides();
    lost();

    ledger_zone_free(zone);
}
