
/*
 * Amounts of money: integers of 10^-12 US dollar ("pico"), so that sums don't
 * drift.  63 bits hold 9.2 million dollars; sums saturate there.
 */

#ifndef _NGX_LITELLM_MONEY_H_INCLUDED_
#define _NGX_LITELLM_MONEY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_LITELLM_DOLLAR         1000000000000LL
#define NGX_LITELLM_MONEY_MAX      0x7fffffffffffffffLL
#define NGX_LITELLM_MONEY_UNKNOWN  ((int64_t) -1)

/* bytes that ngx_litellm_money_print() may write */
#define NGX_LITELLM_MONEY_LEN      24


/*
 * Dollars as JSON or YAML write a number ("1.5e-06", "0.000002", "10"): digits
 * behind 10^-12 are rounded half up.  NGX_DECLINED: no number, negative, or
 * more than fits.
 */
ngx_int_t ngx_litellm_money_parse(ngx_str_t *text, int64_t *money);

/* as a JSON number of dollars, no trailing zeros: "0", "0.0000015", "12.5" */
u_char *ngx_litellm_money_print(u_char *p, int64_t money);

/* both not below 0; they saturate.  A request has some forty of these. */

static ngx_inline int64_t
ngx_litellm_money_add(int64_t a, int64_t b)
{
    return (a > NGX_LITELLM_MONEY_MAX - b) ? NGX_LITELLM_MONEY_MAX : a + b;
}


static ngx_inline int64_t
ngx_litellm_money_times(int64_t price, int64_t n)
{
    if (price <= 0 || n <= 0) {
        return 0;
    }

    /* of two such numbers the product fits, and need not be divided */

    if (((price | n) >> 31) == 0) {
        return price * n;
    }

    return (price > NGX_LITELLM_MONEY_MAX / n) ? NGX_LITELLM_MONEY_MAX
                                               : price * n;
}


#endif /* _NGX_LITELLM_MONEY_H_INCLUDED_ */
