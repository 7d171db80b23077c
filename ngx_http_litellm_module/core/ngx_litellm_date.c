
/*
 * ISO 8601 dates of LiteLLM's records ("expires", "created_at"), read and
 * printed without libc's time zone.  Years are 1970 to 9999.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_date.h"


static ngx_int_t ngx_litellm_date_number(u_char **pos, u_char *last,
    ngx_uint_t digits, ngx_int_t min, ngx_int_t max, ngx_int_t *n);
static ngx_int_t ngx_litellm_date_clock(u_char **pos, u_char *last,
    ngx_int_t *seconds);
static ngx_int_t ngx_litellm_date_zone(u_char **pos, u_char *last,
    ngx_int_t *offset);
static int64_t ngx_litellm_date_days(ngx_int_t year, ngx_int_t month,
    ngx_int_t day);
static ngx_int_t ngx_litellm_date_month(ngx_int_t year, ngx_int_t month);


ngx_int_t
ngx_litellm_date_parse(ngx_str_t *text, time_t *t)
{
    u_char     *p, *last;
    int64_t     n;
    ngx_int_t   year, month, day, seconds, offset;

    p = text->data;
    last = p + text->len;

    seconds = 0;
    offset = 0;

    if (ngx_litellm_date_number(&p, last, 4, 1970, 9999, &year) != NGX_OK
        || p == last || *p++ != '-'
        || ngx_litellm_date_number(&p, last, 2, 1, 12, &month) != NGX_OK
        || p == last || *p++ != '-'
        || ngx_litellm_date_number(&p, last, 2, 1,
                                   ngx_litellm_date_month(year, month), &day)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (p < last && (*p == 'T' || *p == 't' || *p == ' ')) {
        p++;

        if (ngx_litellm_date_clock(&p, last, &seconds) != NGX_OK
            || ngx_litellm_date_zone(&p, last, &offset) != NGX_OK)
        {
            return NGX_DECLINED;
        }
    }

    if (p != last) {
        return NGX_DECLINED;
    }

    n = ngx_litellm_date_days(year, month, day) * 86400 + seconds - offset;

    *t = (time_t) ngx_max(n, 0);

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_date_number(u_char **pos, u_char *last, ngx_uint_t digits,
    ngx_int_t min, ngx_int_t max, ngx_int_t *n)
{
    u_char      *p;
    ngx_uint_t   i;

    p = *pos;
    *n = 0;

    if ((size_t) (last - p) < digits) {
        return NGX_DECLINED;
    }

    for (i = 0; i < digits; i++, p++) {

        if (*p < '0' || *p > '9') {
            return NGX_DECLINED;
        }

        *n = *n * 10 + (*p - '0');
    }

    *pos = p;

    return (*n < min || *n > max) ? NGX_DECLINED : NGX_OK;
}


/* HH:MM[:SS[.digits]] */

static ngx_int_t
ngx_litellm_date_clock(u_char **pos, u_char *last, ngx_int_t *seconds)
{
    u_char     *p;
    ngx_int_t   hour, minute, second;

    second = 0;

    if (ngx_litellm_date_number(pos, last, 2, 0, 23, &hour) != NGX_OK
        || *pos == last || *(*pos)++ != ':'
        || ngx_litellm_date_number(pos, last, 2, 0, 59, &minute) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (*pos < last && **pos == ':') {
        (*pos)++;

        if (ngx_litellm_date_number(pos, last, 2, 0, 60, &second) != NGX_OK) {
            return NGX_DECLINED;
        }

        if (*pos < last && (**pos == '.' || **pos == ',')) {

            for (p = ++(*pos); p < last && *p >= '0' && *p <= '9'; p++) {
                /* void */
            }

            if (p == *pos) {
                return NGX_DECLINED;
            }

            *pos = p;
        }
    }

    *seconds = hour * 3600 + minute * 60 + second;

    return NGX_OK;
}


/* Z, +HH:MM, +HHMM, +HH, with a blank before, or nothing */

static ngx_int_t
ngx_litellm_date_zone(u_char **pos, u_char *last, ngx_int_t *offset)
{
    u_char      sign;
    ngx_int_t   hour, minute;

    if (*pos < last && **pos == ' ') {
        (*pos)++;
    }

    if (*pos == last) {
        return NGX_OK;
    }

    sign = *(*pos)++;

    if (sign == 'Z' || sign == 'z') {
        return NGX_OK;
    }

    minute = 0;

    if ((sign != '+' && sign != '-')
        || ngx_litellm_date_number(pos, last, 2, 0, 23, &hour) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (*pos < last) {

        if (**pos == ':') {
            (*pos)++;
        }

        if (ngx_litellm_date_number(pos, last, 2, 0, 59, &minute) != NGX_OK) {
            return NGX_DECLINED;
        }
    }

    *offset = hour * 3600 + minute * 60;

    if (sign == '-') {
        *offset = -*offset;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_date_month(ngx_int_t year, ngx_int_t month)
{
    if (month == 2) {
        return (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)) ? 29
                                                                       : 28;
    }

    return (month == 4 || month == 6 || month == 9 || month == 11) ? 30 : 31;
}


/* since 1970; a year is counted from March, so that February is its end */

static int64_t
ngx_litellm_date_days(ngx_int_t year, ngx_int_t month, ngx_int_t day)
{
    if (month <= 2) {
        year--;
        month += 12;
    }

    return (int64_t) 365 * year + year / 4 - year / 100 + year / 400
           + (153 * (month - 3) + 2) / 5 + day - 1
           - 719468;
}


u_char *
ngx_litellm_date_print(u_char *p, time_t t)
{
    ngx_int_t  year, month, day, seconds;

    if (t < 0) {
        t = 0;
    }

    day = (ngx_int_t) (t / 86400);
    seconds = (ngx_int_t) (t % 86400);

    year = 1970 + day / 366;

    if (year > 9998) {
        year = 9998;
    }

    while (year < 9999 && ngx_litellm_date_days(year + 1, 1, 1) <= day) {
        year++;
    }

    day -= (ngx_int_t) ngx_litellm_date_days(year, 1, 1);

    for (month = 1;
         month < 12 && day >= ngx_litellm_date_month(year, month);
         month++)
    {
        day -= ngx_litellm_date_month(year, month);
    }

    return ngx_sprintf(p, "%04i-%02i-%02i %02i:%02i:%02i+00:00", year, month,
                       ngx_min(day, 30) + 1, seconds / 3600,
                       seconds / 60 % 60, seconds % 60);
}
