
/*
 * access_windows: whose a deployment is at a time, with clocks that are changed.
 */

#include "unit.h"

#include "ngx_litellm_config.h"


static ngx_litellm_deployment_t   d;
static ngx_litellm_window_t       w[2];
static ngx_array_t                windows, zone, night, day;
static ngx_str_t                  names[2];
static ngx_litellm_offset_t       offsets[3];


static int
shut(const char *team, time_t now)
{
    ngx_str_t  name;

    name = unit_str(team);

    return ngx_litellm_window_shut(&d, &name, now) != NULL;
}


static void
put(ngx_array_t *a, void *elts, ngx_uint_t n)
{
    ngx_memzero(a, sizeof(ngx_array_t));

    a->elts = elts;
    a->nelts = n;
}


void
unit_main(void)
{
    time_t  noon;

    ngx_str_set(&names[0], "night");
    ngx_str_set(&names[1], "day");

    put(&night, &names[0], 1);
    put(&day, &names[1], 1);
    put(&zone, offsets, 1);
    put(&windows, w, 1);

    d.windows = &windows;
    w[0].zone = &zone;
    w[0].teams = &night;
    w[1].zone = &zone;
    w[1].teams = &day;

    /* a day that begins at midnight UTC */

    noon = (time_t) 20000 * 86400 + 12 * 3600;

    unit_case("a window");

    w[0].start = 11 * 60;
    w[0].end = 13 * 60;

    CHECK(shut("day", noon));
    CHECK(shut("", noon));
    CHECK(!shut("night", noon));
    CHECK(shut("nigh", noon));
    CHECK(shut("day", noon - 3600));
    CHECK(!shut("day", noon - 3601));
    CHECK(shut("day", noon + 3599));
    CHECK(!shut("day", noon + 3600));

    unit_case("over midnight");

    w[0].start = 22 * 60;
    w[0].end = 6 * 60;

    CHECK(!shut("day", noon));
    CHECK(!shut("day", noon + 10 * 3600 - 1));
    CHECK(shut("day", noon + 10 * 3600));
    CHECK(shut("day", noon + 12 * 3600));
    CHECK(shut("day", noon + 18 * 3600 - 1));
    CHECK(!shut("day", noon + 18 * 3600));

    unit_case("two windows");

    windows.nelts = 2;
    w[0].start = 11 * 60;
    w[0].end = 13 * 60;
    w[1].start = 12 * 60;
    w[1].end = 14 * 60;

    CHECK(!shut("night", noon));
    CHECK(!shut("day", noon));
    CHECK(shut("", noon));
    CHECK(shut("day", noon - 1));
    CHECK(shut("night", noon + 3600));
    CHECK(!shut("", noon + 2 * 3600));

    unit_case("clocks that are changed");

    windows.nelts = 1;
    zone.nelts = 3;
    offsets[0].from = noon - 86400;
    offsets[0].seconds = -5 * 3600;
    offsets[1].from = noon;
    offsets[1].seconds = -4 * 3600;
    offsets[2].from = noon + 10 * 86400;
    offsets[2].seconds = -5 * 3600;

    w[0].start = 7 * 60;
    w[0].end = 8 * 60;

    CHECK(!shut("day", noon - 1));
    CHECK(!shut("day", noon));
    CHECK(shut("day", noon + 86400 - 1));
    CHECK(!shut("day", noon + 86400));
    CHECK(shut("day", noon + 10 * 86400));
    CHECK(shut("day", noon + 10 * 86400 - 1));
    CHECK(shut("day", noon + 10 * 86400 + 3599));
    CHECK(!shut("day", noon + 10 * 86400 + 3600));
    CHECK(shut("day", noon - 2 * 86400));
}
