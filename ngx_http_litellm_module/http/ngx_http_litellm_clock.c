
/*
 * Time zones for the configuration: the C library knows their rules, and is
 * asked for one zone at a time while the file is read, day by day.  TZ is as it
 * was afterwards, and nobody asks at run time.
 */

#include "ngx_http_litellm.h"


#define NGX_HTTP_LITELLM_ZONES        "/usr/share/zoneinfo/"

/* days that are asked for: a configuration that is older is read anew */
#define NGX_HTTP_LITELLM_CLOCK_DAYS   (20 * 366)
#define NGX_HTTP_LITELLM_DAY          86400


static ngx_int_t ngx_http_litellm_clock_offsets(ngx_array_t *offsets);
static int32_t ngx_http_litellm_clock_offset(time_t t);


ngx_int_t
ngx_http_litellm_clock(void *data, ngx_str_t *name, ngx_array_t *offsets)
{
    ngx_conf_t *cf = data;

    char             *tz;
    u_char           *path, *old;
    ngx_int_t         rc;
    ngx_file_info_t   fi;

    path = ngx_pnalloc(cf->temp_pool,
                       sizeof(NGX_HTTP_LITELLM_ZONES) + name->len);
    if (path == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(path, NGX_HTTP_LITELLM_ZONES "%V%Z", name);

    /* without it the library takes any name for UTC */

    if (ngx_file_info(path, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)) {
        return NGX_DECLINED;
    }

    tz = getenv("TZ");
    old = NULL;

    if (tz != NULL) {
        old = ngx_pnalloc(cf->temp_pool, ngx_strlen(tz) + 1);
        if (old == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_cpystrn(old, (u_char *) tz, ngx_strlen(tz) + 1);
    }

    if (setenv("TZ", (char *) path + sizeof(NGX_HTTP_LITELLM_ZONES) - 1, 1)
        != 0)
    {
        return NGX_ERROR;
    }

    tzset();

    rc = ngx_http_litellm_clock_offsets(offsets);

    if (old != NULL) {
        (void) setenv("TZ", (char *) old, 1);

    } else {
        (void) unsetenv("TZ");
    }

    tzset();

    return rc;
}


static ngx_int_t
ngx_http_litellm_clock_offsets(ngx_array_t *offsets)
{
    time_t                 t, low, high, mid, last;
    int32_t                now;
    ngx_litellm_offset_t  *o;

    t = ngx_time() - NGX_HTTP_LITELLM_DAY;
    last = t + (time_t) NGX_HTTP_LITELLM_CLOCK_DAYS * NGX_HTTP_LITELLM_DAY;

    o = ngx_array_push(offsets);
    if (o == NULL) {
        return NGX_ERROR;
    }

    o->from = t;
    o->seconds = ngx_http_litellm_clock_offset(t);

    for ( /* void */ ; t < last; t += NGX_HTTP_LITELLM_DAY) {

        now = ngx_http_litellm_clock_offset(t);

        if (now == o->seconds) {
            continue;
        }

        /* the second in which the clocks are changed */

        low = t - NGX_HTTP_LITELLM_DAY;
        high = t;

        while (high - low > 1) {
            mid = low + (high - low) / 2;

            if (ngx_http_litellm_clock_offset(mid) == o->seconds) {
                low = mid;
            } else {
                high = mid;
            }
        }

        o = ngx_array_push(offsets);
        if (o == NULL) {
            return NGX_ERROR;
        }

        o->from = high;
        o->seconds = now;
    }

    return NGX_OK;
}


/* seconds east of UTC */

static int32_t
ngx_http_litellm_clock_offset(time_t t)
{
    ngx_tm_t    local, utc;
    int32_t     days;

    ngx_libc_localtime(t, &local);
    ngx_libc_gmtime(t, &utc);

    /* the same day, or the one before or behind it */

    days = local.ngx_tm_mday - utc.ngx_tm_mday;

    if (local.ngx_tm_year != utc.ngx_tm_year) {
        days = local.ngx_tm_year - utc.ngx_tm_year;

    } else if (local.ngx_tm_mon != utc.ngx_tm_mon) {
        days = local.ngx_tm_mon - utc.ngx_tm_mon;
    }

    return days * NGX_HTTP_LITELLM_DAY
           + (local.ngx_tm_hour - utc.ngx_tm_hour) * 3600
           + (local.ngx_tm_min - utc.ngx_tm_min) * 60
           + (local.ngx_tm_sec - utc.ngx_tm_sec);
}
