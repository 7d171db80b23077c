
/*
 * Amounts of money read, printed and added: integers of 10^-12 dollar.  Used
 * by the price table, budgets, headers and the management API.  No floating
 * point anywhere; a text costs its length, whatever its exponent says.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_money.h"
#include "ngx_litellm_out.h"


/* digits that are kept of a number: all that 63 bits can hold */
#define NGX_LITELLM_MONEY_DIGITS    19
#define NGX_LITELLM_MONEY_DECIMALS  12

/* above what any text can move a point by */
#define NGX_LITELLM_MONEY_EXPONENT  ((int64_t) 1 << 40)


typedef struct {
    uint64_t      digits;      /* the first of them, without leading zeros */
    int64_t       shift;       /* the value is digits * 10^shift, about */
    ngx_uint_t    n;           /* of digits */
    ngx_uint_t    next;        /* the first digit that was left out */
    unsigned      more:1;      /* digits were left out */
    unsigned      any:1;       /* there was a digit at all */
} ngx_litellm_money_text_t;


static u_char *ngx_litellm_money_digits(ngx_litellm_money_text_t *t,
    u_char *p, u_char *last, ngx_uint_t fraction);
static u_char *ngx_litellm_money_exponent(ngx_litellm_money_text_t *t,
    u_char *p, u_char *last);
static ngx_int_t ngx_litellm_money_value(ngx_litellm_money_text_t *t,
    int64_t *money);


ngx_int_t
ngx_litellm_money_parse(ngx_str_t *text, int64_t *money)
{
    u_char                    *p, *last;
    ngx_litellm_money_text_t   t;

    ngx_memzero(&t, sizeof(ngx_litellm_money_text_t));

    p = text->data;
    last = p + text->len;

    if (p < last && *p == '+') {
        p++;
    }

    p = ngx_litellm_money_digits(&t, p, last, 0);

    if (p < last && *p == '.') {
        p = ngx_litellm_money_digits(&t, p + 1, last, 1);
    }

    if (!t.any) {
        return NGX_DECLINED;
    }

    if (p < last && (*p == 'e' || *p == 'E')) {
        p = ngx_litellm_money_exponent(&t, p + 1, last);
    }

    if (p != last) {
        return NGX_DECLINED;
    }

    return ngx_litellm_money_value(&t, money);
}


static u_char *
ngx_litellm_money_digits(ngx_litellm_money_text_t *t, u_char *p, u_char *last,
    ngx_uint_t fraction)
{
    for ( /* void */ ; p < last && *p >= '0' && *p <= '9'; p++) {

        t->any = 1;

        if (t->n == NGX_LITELLM_MONEY_DIGITS) {

            if (!t->more) {
                t->more = 1;
                t->next = *p - '0';
            }

            t->shift += fraction ? 0 : 1;
            continue;
        }

        if (*p != '0' || t->n) {
            t->digits = t->digits * 10 + (*p - '0');
            t->n++;
        }

        t->shift -= fraction ? 1 : 0;
    }

    return p;
}


/* NULL: there is none behind the letter */

static u_char *
ngx_litellm_money_exponent(ngx_litellm_money_text_t *t, u_char *p,
    u_char *last)
{
    int64_t     n;
    u_char     *first;
    ngx_uint_t  minus;

    minus = 0;

    if (p < last && (*p == '+' || *p == '-')) {
        minus = (*p == '-');
        p++;
    }

    n = 0;
    first = p;

    for ( /* void */ ; p < last && *p >= '0' && *p <= '9'; p++) {
        if (n < NGX_LITELLM_MONEY_EXPONENT) {
            n = n * 10 + (*p - '0');
        }
    }

    t->shift += minus ? -n : n;

    return (p == first) ? NULL : p;
}


static ngx_int_t
ngx_litellm_money_value(ngx_litellm_money_text_t *t, int64_t *money)
{
    int64_t   shift;
    uint64_t  n;

    n = t->digits;

    if (n == 0) {
        *money = 0;
        return NGX_OK;
    }

    shift = t->shift + NGX_LITELLM_MONEY_DECIMALS;

    if (shift > 0) {

        if (t->more || shift >= NGX_LITELLM_MONEY_DIGITS) {
            return NGX_DECLINED;
        }

        for ( /* void */ ; shift; shift--) {

            if (n > NGX_LITELLM_MONEY_MAX / 10) {
                return NGX_DECLINED;
            }

            n *= 10;
        }

    } else if (shift == 0) {

        if (t->next >= 5) {
            n++;
        }

    } else if (shift < -NGX_LITELLM_MONEY_DIGITS) {
        n = 0;

    } else {

        /* half up looks at one digit only */

        for (shift++; shift; shift++) {
            n /= 10;
        }

        n = n / 10 + (n % 10 >= 5);
    }

    if (n > NGX_LITELLM_MONEY_MAX) {
        return NGX_DECLINED;
    }

    *money = (int64_t) n;

    return NGX_OK;
}


u_char *
ngx_litellm_money_print(u_char *p, int64_t money)
{
    uint64_t  rest;

    money = ngx_max(money, 0);

    p = ngx_litellm_out_digits(p, money / NGX_LITELLM_DOLLAR);

    rest = money % NGX_LITELLM_DOLLAR;

    if (rest == 0) {
        return p;
    }

    *p++ = '.';

    return ngx_litellm_out_fraction(p, rest);
}
