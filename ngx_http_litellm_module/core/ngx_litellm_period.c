
/*
 * When budgets begin anew: "30s", "12h", "1d", "7d", "30d", "1mo" ... and the
 * end of the period that a moment is in.  LiteLLM's durations, and its
 * alignment: a day ends at midnight, seven days on Monday, thirty days and a
 * month on the first, all in UTC.  Other durations go on from where the one
 * before ended, so that they don't drift while nobody asks.
 *
 * Days and months are counted from 1970 by arithmetic of the Gregorian
 * calendar: nothing of libc's timezones, no clock.  Any time is taken, a
 * negative one too; the answer is always later than now.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_principal.h"


#define NGX_LITELLM_DAY           86400
#define NGX_LITELLM_PERIOD_DAYS   36500      /* the longest, and in months */
#define NGX_LITELLM_PERIOD_MONTHS 1200

/* 1970-01-01 in days since 0000-03-01, from where leap days are last days */
#define NGX_LITELLM_EPOCH_DAYS    719468
#define NGX_LITELLM_ERA_DAYS      146097     /* 400 years */

/* beyond these no calendar is kept: year 292,000,000 and so on */
#define NGX_LITELLM_TIME_MAX      ((int64_t) 1 << 46)


typedef struct {
    uint32_t    n;
    time_t      now;
    time_t      end;
    ngx_uint_t  known;
} ngx_litellm_period_last_t;


static time_t ngx_litellm_period_next(ngx_litellm_period_t *p, time_t now,
    time_t since);
static int64_t ngx_litellm_period_months(int64_t days);
static int64_t ngx_litellm_period_month_starts(int64_t month);
static int64_t ngx_litellm_period_floor(int64_t a, int64_t b);


ngx_int_t
ngx_litellm_period_parse(ngx_str_t *text, ngx_litellm_period_t *p)
{
    u_char    *c, *last;
    uint64_t   n, unit;

    c = text->data;
    last = c + text->len;

    for (n = 0; c < last && *c >= '0' && *c <= '9'; c++) {

        n = n * 10 + (*c - '0');

        if (n > (uint64_t) NGX_LITELLM_PERIOD_DAYS * NGX_LITELLM_DAY) {
            return NGX_DECLINED;
        }
    }

    if (n == 0 || c == text->data) {
        return NGX_DECLINED;
    }

    if (last - c == 2 && c[0] == 'm' && c[1] == 'o') {

        if (n > NGX_LITELLM_PERIOD_MONTHS) {
            return NGX_DECLINED;
        }

        p->type = NGX_LITELLM_MONTHLY;
        p->n = (uint32_t) n;

        return NGX_OK;
    }

    if (last - c != 1) {
        return NGX_DECLINED;
    }

    switch (*c) {

    case 's':
        unit = 1;
        break;

    case 'm':
        unit = 60;
        break;

    case 'h':
        unit = 3600;
        break;

    case 'd':
        unit = NGX_LITELLM_DAY;
        break;

    case 'w':
        unit = 7 * NGX_LITELLM_DAY;
        break;

    default:
        return NGX_DECLINED;
    }

    if (n * unit > (uint64_t) NGX_LITELLM_PERIOD_DAYS * NGX_LITELLM_DAY) {
        return NGX_DECLINED;
    }

    p->n = (uint32_t) (n * unit);

    if (unit < NGX_LITELLM_DAY) {

        /* "24h" is a day in LiteLLM's guide */

        p->type = (p->n == NGX_LITELLM_DAY) ? NGX_LITELLM_DAILY
                                            : NGX_LITELLM_EVERY;
        return NGX_OK;
    }

    if (p->n == 7 * NGX_LITELLM_DAY) {
        p->type = NGX_LITELLM_WEEKLY;

    } else if (p->n == 30 * NGX_LITELLM_DAY) {
        p->type = NGX_LITELLM_MONTHLY;
        p->n = 1;

    } else {
        p->type = NGX_LITELLM_DAILY;
    }

    return NGX_OK;
}


/* all requests of a second ask the same of the few periods there are */

time_t
ngx_litellm_period_end(ngx_litellm_period_t *p, time_t now, time_t since)
{
    ngx_litellm_period_last_t         *l;

    static ngx_litellm_period_last_t   last[NGX_LITELLM_MONTHLY + 1];

    if (since != 0 || p->type > NGX_LITELLM_MONTHLY) {
        return ngx_litellm_period_next(p, now, since);
    }

    l = &last[p->type];

    if (!l->known || l->n != p->n || l->now != now) {
        l->n = p->n;
        l->now = now;
        l->end = ngx_litellm_period_next(p, now, 0);
        l->known = 1;
    }

    return l->end;
}


/*
 * since of an account that was last touched long ago is used only for where
 * periods of many units begin: what is between is skipped in one division.  A
 * since that is not in the past (the clock was set back) says nothing.
 */

static time_t
ngx_litellm_period_next(ngx_litellm_period_t *p, time_t now, time_t since)
{
    int64_t  t, n, base, day, month, end;

    t = ngx_max(ngx_min((int64_t) now, NGX_LITELLM_TIME_MAX),
                -NGX_LITELLM_TIME_MAX);
    n = p->n ? p->n : 1;
    day = ngx_litellm_period_floor(t, NGX_LITELLM_DAY);

    base = (since != 0 && (int64_t) since <= t
            && (int64_t) since > -NGX_LITELLM_TIME_MAX) ? (int64_t) since : t;

    switch (p->type) {

    case NGX_LITELLM_EVERY:
        end = base + ((t - base) / n + 1) * n;
        break;

    case NGX_LITELLM_DAILY:
        base = ngx_litellm_period_floor(base, NGX_LITELLM_DAY)
               * NGX_LITELLM_DAY;
        n = ngx_max(n / NGX_LITELLM_DAY, 1) * NGX_LITELLM_DAY;
        end = base + ((t - base) / n + 1) * n;
        break;

    case NGX_LITELLM_WEEKLY:

        /* 1970-01-01 was a Thursday, four days before a Monday */

        end = (ngx_litellm_period_floor(day + 3, 7) + 1) * 7 - 3;
        end *= NGX_LITELLM_DAY;
        break;

    case NGX_LITELLM_MONTHLY:
        month = ngx_litellm_period_months(day);
        base = ngx_litellm_period_months(
                            ngx_litellm_period_floor(base, NGX_LITELLM_DAY));

        base += ((month - base) / n + 1) * n;
        end = ngx_litellm_period_month_starts(base) * NGX_LITELLM_DAY;
        break;

    default: /* NGX_LITELLM_NEVER */
        return 0;
    }

    if (sizeof(time_t) < sizeof(int64_t) && end > 0x7fffffff) {
        return (time_t) 0x7fffffff;
    }

    return (time_t) end;
}


/* months since January 1970 of a day since 1970-01-01 */

static int64_t
ngx_litellm_period_months(int64_t days)
{
    int64_t  era, day, year, m;

    days += NGX_LITELLM_EPOCH_DAYS;
    era = ngx_litellm_period_floor(days, NGX_LITELLM_ERA_DAYS);

    /* of the era; its last day is a 29th of February */

    day = days - era * NGX_LITELLM_ERA_DAYS;
    year = (day - day / 1460 + day / 36524 - day / (NGX_LITELLM_ERA_DAYS - 1))
           / 365;

    /* of the year that begins in March: 31, 30, 31, 30, 31 and again */

    day -= year * 365 + year / 4 - year / 100;
    m = (5 * day + 2) / 153;

    return (era * 400 + year - 1970) * 12 + m + 2;
}


/* the day since 1970-01-01 that a month since January 1970 begins with */

static int64_t
ngx_litellm_period_month_starts(int64_t month)
{
    int64_t  year, m, era;

    month += 1970 * 12 - 2;
    year = ngx_litellm_period_floor(month, 12);
    m = month - year * 12;

    era = ngx_litellm_period_floor(year, 400);
    year -= era * 400;

    return era * NGX_LITELLM_ERA_DAYS + year * 365 + year / 4 - year / 100
           + (153 * m + 2) / 5 - NGX_LITELLM_EPOCH_DAYS;
}


static int64_t
ngx_litellm_period_floor(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}
