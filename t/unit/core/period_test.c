
/*
 * Periods of budgets: what is a duration, and where calendar periods end.  The
 * calendar is held against libc's over two thousand years.
 */

#include "unit.h"

#include <time.h>

#include "ngx_litellm_principal.h"


static time_t
at(int year, int month, int day, int hour, int min, int sec)
{
    struct tm  tm;

    ngx_memzero(&tm, sizeof(struct tm));

    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    tm.tm_mday = day;
    tm.tm_hour = hour;
    tm.tm_min = min;
    tm.tm_sec = sec;

    return timegm(&tm);
}


static time_t
end_of(const char *text, time_t now, time_t since)
{
    ngx_str_t             s;
    ngx_litellm_period_t  p;

    s = unit_str(text);

    if (ngx_litellm_period_parse(&s, &p) != NGX_OK) {
        return -1;
    }

    return ngx_litellm_period_end(&p, now, since);
}


static void
durations(void)
{
    ngx_str_t             s;
    ngx_uint_t            i;
    ngx_litellm_period_t  p;

    static const struct {
        const char            *text;
        ngx_litellm_period_e   type;
        uint32_t               n;
    } good[] = {
        { "1s", NGX_LITELLM_EVERY, 1 },
        { "30s", NGX_LITELLM_EVERY, 30 },
        { "30m", NGX_LITELLM_EVERY, 1800 },
        { "30h", NGX_LITELLM_EVERY, 108000 },
        { "24h", NGX_LITELLM_DAILY, 86400 },
        { "1d", NGX_LITELLM_DAILY, 86400 },
        { "2d", NGX_LITELLM_DAILY, 172800 },
        { "7d", NGX_LITELLM_WEEKLY, 604800 },
        { "1w", NGX_LITELLM_WEEKLY, 604800 },
        { "2w", NGX_LITELLM_DAILY, 1209600 },
        { "30d", NGX_LITELLM_MONTHLY, 1 },
        { "1mo", NGX_LITELLM_MONTHLY, 1 },
        { "3mo", NGX_LITELLM_MONTHLY, 3 },
        { "36500d", NGX_LITELLM_DAILY, 3153600000U },
        { "0001d", NGX_LITELLM_DAILY, 86400 },
    };

    static const char *const bad[] = {
        "", "d", "mo", "0s", "0mo", "1", "30", "-1d", "+1d", "1.5h", " 1d",
        "1d ", "1D", "1y", "1mon", "1dd", "1 d", "1201mo", "36501d",
        "99999999999999999999999999s", "18446744073709551617d", "0x10s",
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        unit_case("duration %s", good[i].text);

        s = unit_str(good[i].text);

        if (CHECK_INT(ngx_litellm_period_parse(&s, &p), NGX_OK)) {
            CHECK_INT(p.type, good[i].type);
            CHECK_INT(p.n, good[i].n);
        }
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        unit_case("no duration \"%s\"", bad[i]);

        s = unit_str(bad[i]);
        CHECK_INT(ngx_litellm_period_parse(&s, &p), NGX_DECLINED);
    }
}


static void
ends(void)
{
    time_t                now;
    ngx_litellm_period_t  p;

    unit_case("never");

    p.type = NGX_LITELLM_NEVER;
    p.n = 0;
    CHECK_INT(ngx_litellm_period_end(&p, 1000, 0), 0);

    unit_case("every n seconds since it began");

    CHECK_INT(end_of("30s", 1000, 0), 1030);
    CHECK_INT(end_of("30s", 1000, 1000), 1030);
    CHECK_INT(end_of("30s", 1000, 990), 1020);
    CHECK_INT(end_of("30s", 1000, 970), 1030);
    CHECK_INT(end_of("30s", 1000, 971), 1001);
    CHECK_INT(end_of("30s", 1000000015, 10), 1000000030);

    unit_case("set back: the end before is in the future");

    CHECK_INT(end_of("30s", 1000, 2000), 1030);
    CHECK_INT(end_of("3d", 1000, 86400 * 400), 86400 * 3);

    unit_case("days");

    now = at(2024, 2, 28, 13, 5, 9);
    CHECK_INT(end_of("1d", now, 0), at(2024, 2, 29, 0, 0, 0));
    CHECK_INT(end_of("24h", now, 0), at(2024, 2, 29, 0, 0, 0));
    CHECK_INT(end_of("1d", at(2024, 2, 29, 0, 0, 0), 0),
              at(2024, 3, 1, 0, 0, 0));
    CHECK_INT(end_of("1d", at(2024, 2, 29, 23, 59, 59), 0),
              at(2024, 3, 1, 0, 0, 0));
    CHECK_INT(end_of("1d", at(2023, 2, 28, 23, 59, 59), 0),
              at(2023, 3, 1, 0, 0, 0));
    CHECK_INT(end_of("1d", now, at(2020, 1, 1, 0, 0, 0)),
              at(2024, 2, 29, 0, 0, 0));

    unit_case("some days go on from where the last ones ended");

    CHECK_INT(end_of("3d", now, 0), at(2024, 3, 2, 0, 0, 0));
    CHECK_INT(end_of("3d", now, at(2024, 2, 28, 0, 0, 0)),
              at(2024, 3, 2, 0, 0, 0));
    CHECK_INT(end_of("3d", now, at(2024, 2, 26, 0, 0, 0)),
              at(2024, 2, 29, 0, 0, 0));

    unit_case("weeks end on Monday");

    CHECK_INT(end_of("7d", now, 0), at(2024, 3, 4, 0, 0, 0));
    CHECK_INT(end_of("7d", at(2024, 3, 3, 23, 59, 59), 0),
              at(2024, 3, 4, 0, 0, 0));
    CHECK_INT(end_of("7d", at(2024, 3, 4, 0, 0, 0), 0),
              at(2024, 3, 11, 0, 0, 0));
    CHECK_INT(end_of("1w", 0, 0), at(1970, 1, 5, 0, 0, 0));

    unit_case("months end on the first");

    CHECK_INT(end_of("30d", now, 0), at(2024, 3, 1, 0, 0, 0));
    CHECK_INT(end_of("1mo", at(2023, 1, 31, 12, 0, 0), 0),
              at(2023, 2, 1, 0, 0, 0));
    CHECK_INT(end_of("1mo", at(2023, 12, 31, 23, 59, 59), 0),
              at(2024, 1, 1, 0, 0, 0));
    CHECK_INT(end_of("1mo", at(2024, 1, 1, 0, 0, 0), 0),
              at(2024, 2, 1, 0, 0, 0));
    CHECK_INT(end_of("1mo", at(2100, 2, 28, 12, 0, 0), 0),
              at(2100, 3, 1, 0, 0, 0));
    CHECK_INT(end_of("3mo", at(2024, 11, 30, 1, 0, 0), 0),
              at(2025, 2, 1, 0, 0, 0));
    CHECK_INT(end_of("3mo", at(2025, 2, 1, 0, 0, 0), at(2025, 2, 1, 0, 0, 0)),
              at(2025, 5, 1, 0, 0, 0));
    CHECK_INT(end_of("3mo", at(2026, 1, 31, 0, 0, 0), at(2025, 2, 1, 0, 0, 0)),
              at(2026, 2, 1, 0, 0, 0));
}


/* every month of two thousand years, at its first and its last second */

static void
calendar(void)
{
    int     year, month;
    time_t  start, next;

    unit_case("every month from 1000 to 3000");

    for (year = 1000; year < 3000; year++) {

        for (month = 1; month <= 12; month++) {

            start = at(year, month, 1, 0, 0, 0);
            next = at(year + month / 12, month % 12 + 1, 1, 0, 0, 0);

            if (end_of("1mo", start, 0) != next
                || end_of("1mo", next - 1, 0) != next
                || end_of("1mo", start - 1, 0) != start)
            {
                CHECKF(0, "%d-%02d", year, month);
                return;
            }
        }
    }

    CHECK(year == 3000);
}


/* any clock: the end is later than now, and never later than one period */

static void
extremes(void)
{
    time_t      now, end;
    ngx_uint_t  i, j;

    static const char *const texts[] = {
        "1s", "30s", "36500d", "1d", "7d", "1mo", "1200mo", "24h", "5d",
    };

    static const int64_t times[] = {
        0, 1, -1, 86399, -86400, 1700000000, 4102444800LL, -62135596800LL,
        253402300799LL, (int64_t) 1 << 45, -((int64_t) 1 << 45),
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {

        for (j = 0; j < sizeof(times) / sizeof(times[0]); j++) {
            unit_case("%s at %lld", texts[i], (long long) times[j]);

            now = (time_t) times[j];
            end = end_of(texts[i], now, 0);

            CHECK(end > now);
            CHECK(end - now <= (time_t) 36600 * 86400);

            /* and whatever an account says of the one before */

            end = end_of(texts[i], now, (time_t) NGX_MAX_INT_T_VALUE);
            CHECK(end > now);
            CHECK(end - now <= (time_t) 36600 * 86400);

            end = end_of(texts[i], now, (time_t) -NGX_MAX_INT_T_VALUE);
            CHECK(end > now);
            CHECK(end - now <= (time_t) 36600 * 86400);
        }
    }

    unit_case("times beyond any calendar");

    CHECK(end_of("1mo", (time_t) NGX_MAX_INT_T_VALUE, 0) != 0);
    CHECK(end_of("1mo", (time_t) -NGX_MAX_INT_T_VALUE, 0) != 0);
}


void
unit_main(void)
{
    durations();
    ends();
    calendar();
    extremes();
}
