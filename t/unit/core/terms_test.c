
/*
 * Discounts and margins: the arithmetic, to 10^-12 dollar and at its bounds.
 */

#include "unit.h"
#include "ngx_litellm_terms.h"


#define S  NGX_LITELLM_SHARE
#define MAX  NGX_LITELLM_MONEY_MAX


static const struct {
    int64_t  money;
    int64_t  discount;
    int64_t  margin;
    int64_t  fixed;
    int64_t  off;
    int64_t  on;
    int64_t  total;
} cases[] = {
    { 1000, 0, 0, 0, 0, 0, 1000 },
    { 1000, S / 20, 0, 0, 50, 0, 950 },
    { 1000, S / 2, S / 10, 0, 500, 50, 550 },
    { 1000, 0, S / 4, 7, 0, 257, 1257 },
    { 0, S / 2, S, 7, 0, 7, 7 },
    { 1000, S, S, 0, 1000, 0, 0 },
    { 1, S / 2, 0, 0, 1, 0, 0 },
    { 1, S / 2 - 1, 0, 0, 0, 0, 1 },
    { 3, S / 2, S / 2, 0, 2, 1, 2 },
    { MAX, S, 0, 0, MAX, 0, 0 },
    { MAX, 0, 0, 1, 0, 1, MAX },
    { MAX, 0, 100 * S, MAX, 0, MAX, MAX },
    { MAX, S - 1, 0, 0, 9223371944621055438LL, 0, 92233720369LL },
    { 99999999, 0, 100 * S, 0, 0, 9999999900LL, 10099999899LL },
};


static void
test_apply(void)
{
    ngx_uint_t           i;
    ngx_litellm_cost_t   cost;
    ngx_litellm_terms_t  t;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("case %d", (int) i);

        ngx_memzero(&t, sizeof(t));
        ngx_memzero(&cost, sizeof(cost));

        t.discount = cases[i].discount;
        t.margin = cases[i].margin;
        t.fixed = cases[i].fixed;
        cost.total = cases[i].money;

        ngx_litellm_terms_apply(&t, &cost);

        CHECK_INT(cost.original, cases[i].money);
        CHECK_INT(cost.discount, cases[i].off);
        CHECK_INT(cost.margin, cases[i].on);
        CHECK_INT(cost.total, cases[i].total);
    }

    cost.total = 5;
    ngx_litellm_terms_apply(NULL, &cost);
    CHECK_INT(cost.total, 5);
    CHECK_INT(cost.original, 5);
    CHECK_INT(cost.margin, 0);
}


void
unit_main(void)
{
    test_apply();
}
