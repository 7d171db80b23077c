
/*
 * model_info.access_windows: at some time of each day a deployment is some
 * teams' only.  Times are of a time zone's clocks; what those are is asked for
 * when the configuration is read (ngx_litellm_config_env_t.zone) and kept as
 * offsets from UTC, so that nobody needs a time zone for a request.
 *
 * As LiteLLM has it: the end is not in the window, one that ends before it
 * begins goes over midnight, and a wrong one is an error.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"


#define NGX_LITELLM_CF_WINDOWS  16       /* of a deployment */
#define NGX_LITELLM_CF_ZONE     64       /* bytes of a zone's name */


static ngx_int_t ngx_litellm_cf_window(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v, ngx_litellm_window_t *w);
static ngx_int_t ngx_litellm_cf_clock(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *map, const char *name, ngx_str_t *text,
    ngx_uint_t *minutes);
static ngx_array_t *ngx_litellm_cf_zone(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *at, ngx_str_t *name);
static ngx_uint_t ngx_litellm_window_open(ngx_litellm_window_t *w, time_t now);


void
ngx_litellm_cf_windows(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_cf_entry_t *e)
{
    ngx_litellm_yaml_t       *v;
    ngx_litellm_window_t     *w, window;
    ngx_litellm_yaml_pair_t  *pair;

    v = ngx_litellm_yaml_member(e->info, "access_windows");

    if (v == NULL || (v->type == NGX_LITELLM_YAML_SCALAR
                      && v->kind == NGX_LITELLM_YAML_NULL))
    {
        return;
    }

    if (v->type != NGX_LITELLM_YAML_LIST || v->count > NGX_LITELLM_CF_WINDOWS)
    {
        ngx_litellm_cf_error(cf, v, "\"access_windows\" must be a list of at "
                             "most %d times {start, end, timezone, team_ids}",
                             NGX_LITELLM_CF_WINDOWS);
        return;
    }

    for (pair = v->first; pair; pair = pair->next) {

        if (ngx_litellm_cf_window(cf, pair->value, &window) != NGX_OK) {
            continue;
        }

        if (d->windows == NULL) {
            d->windows = ngx_array_create(cf->pool, 1,
                                          sizeof(ngx_litellm_window_t));
            if (d->windows == NULL) {
                cf->failed = 1;
                return;
            }
        }

        w = ngx_array_push(d->windows);
        if (w == NULL) {
            cf->failed = 1;
            return;
        }

        *w = window;
    }
}


static ngx_int_t
ngx_litellm_cf_window(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    ngx_litellm_window_t *w)
{
    ngx_int_t            rc;
    ngx_str_t            start, end, zone;
    ngx_litellm_yaml_t  *z;

    ngx_memzero(w, sizeof(ngx_litellm_window_t));

    if (v->type != NGX_LITELLM_YAML_MAP) {
        ngx_litellm_cf_error(cf, v, "a time of \"access_windows\" must be "
                             "{start, end, timezone, team_ids}");
        return NGX_ERROR;
    }

    if (ngx_litellm_cf_clock(cf, v, "start", &start, &w->start) != NGX_OK
        || ngx_litellm_cf_clock(cf, v, "end", &end, &w->end) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (w->start == w->end) {
        ngx_litellm_cf_error(cf, v, "\"start\" and \"end\" of "
                             "\"access_windows\" are the same");
        return NGX_ERROR;
    }

    rc = ngx_litellm_cf_strings(cf, ngx_litellm_yaml_member(v, "team_ids"),
                                "team_ids", &w->teams);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (w->teams == NULL || w->teams->nelts == 0) {
        ngx_litellm_cf_error(cf, v, "\"team_ids\" of \"access_windows\" names "
                             "no team");
        return NGX_ERROR;
    }

    z = ngx_litellm_yaml_member(v, "timezone");
    ngx_str_set(&zone, "UTC");

    if (ngx_litellm_cf_str(cf, z, "timezone", &zone) == NGX_ERROR) {
        return NGX_ERROR;
    }

    w->zone = ngx_litellm_cf_zone(cf, z ? z : v, &zone);

    if (w->zone == NULL) {
        return NGX_ERROR;
    }

    w->until.data = ngx_pnalloc(cf->pool, end.len + zone.len + 1);
    if (w->until.data == NULL) {
        cf->failed = 1;
        return NGX_ERROR;
    }

    w->until.len = ngx_sprintf(w->until.data, "%V %V", &end, &zone)
                   - w->until.data;

    return NGX_OK;
}


/* "22:00"; YAML takes one without quotes for a number of base 60 */

static ngx_int_t
ngx_litellm_cf_clock(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *map,
    const char *name, ngx_str_t *text, ngx_uint_t *minutes)
{
    u_char                   *p;
    ngx_int_t                 h, m;
    ngx_litellm_yaml_t       *v;
    ngx_litellm_yaml_kind_e   kind;

    v = ngx_litellm_yaml_get(map, name, ngx_strlen(name));

    if (v != NULL && v->type == NGX_LITELLM_YAML_SCALAR
        && ngx_litellm_cf_text(cf, v, text, &kind) == NGX_OK)
    {
        p = ngx_strlchr(text->data, text->data + text->len, ':');

        if (p != NULL && text->len <= 5
            && text->data + text->len - p == 3)
        {
            h = ngx_atoi(text->data, p - text->data);
            m = ngx_atoi(p + 1, 2);

            if (h >= 0 && h < 24 && m >= 0 && m < 60) {
                *minutes = h * 60 + m;
                return NGX_OK;
            }
        }
    }

    ngx_litellm_cf_error(cf, v ? v : map, "\"%s\" of \"access_windows\" must "
                         "be a time of the day like \"22:00\"", name);

    return NGX_ERROR;
}


/* NULL: the operator was told */

static ngx_array_t *
ngx_litellm_cf_zone(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *at,
    ngx_str_t *name)
{
    u_char                 c;
    size_t                 i;
    ngx_int_t              rc;
    ngx_array_t           *zone;
    ngx_litellm_offset_t  *o;

    zone = ngx_array_create(cf->pool, 1, sizeof(ngx_litellm_offset_t));
    if (zone == NULL) {
        cf->failed = 1;
        return NULL;
    }

    if (ngx_litellm_cf_is(name, "UTC")) {

        o = ngx_array_push(zone);
        if (o == NULL) {
            cf->failed = 1;
            return NULL;
        }

        o->from = 0;
        o->seconds = 0;

        return zone;
    }

    /* it is a part of a file's path */

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '_' || c == '+' || c == '-'
              || (c == '/' && i)))
        {
            break;
        }
    }

    rc = NGX_DECLINED;

    if (i == name->len && i != 0 && i < NGX_LITELLM_CF_ZONE
        && cf->caller->zone != NULL)
    {
        rc = cf->caller->zone(cf->caller->data, name, zone);
    }

    if (rc == NGX_ERROR) {
        cf->failed = 1;
        return NULL;
    }

    if (rc != NGX_OK || zone->nelts == 0) {
        ngx_litellm_cf_error(cf, at, "\"timezone\" is no time zone that this "
                             "system knows; one is like \"Europe/Berlin\"");
        return NULL;
    }

    return zone;
}


ngx_litellm_window_t *
ngx_litellm_window_shut(ngx_litellm_deployment_t *d, ngx_str_t *team,
    time_t now)
{
    ngx_str_t             *name;
    ngx_uint_t             i, j;
    ngx_litellm_window_t  *w, *shut;

    shut = NULL;
    w = d->windows->elts;

    for (i = 0; i < d->windows->nelts; i++) {

        if (!ngx_litellm_window_open(&w[i], now)) {
            continue;
        }

        name = w[i].teams->elts;

        for (j = 0; j < w[i].teams->nelts; j++) {

            if (name[j].len == team->len
                && ngx_memcmp(name[j].data, team->data, team->len) == 0)
            {
                return NULL;
            }
        }

        if (shut == NULL) {
            shut = &w[i];
        }
    }

    return shut;
}


static ngx_uint_t
ngx_litellm_window_open(ngx_litellm_window_t *w, time_t now)
{
    ngx_uint_t             low, high, mid, minute;
    ngx_litellm_offset_t  *o;

    o = w->zone->elts;

    /* the last one that has begun; the first one has always */

    low = 0;
    high = w->zone->nelts;

    while (high - low > 1) {
        mid = (low + high) / 2;

        if (o[mid].from <= now) {
            low = mid;
        } else {
            high = mid;
        }
    }

    minute = (ngx_uint_t) ((now + o[low].seconds) % 86400) / 60;

    if (w->start < w->end) {
        return minute >= w->start && minute < w->end;
    }

    return minute >= w->start || minute < w->end;
}
