
/*
 * "hedge" of router_settings and litellm_settings: when a second deployment is
 * tried beside one that is slow, and for how many requests at most.  LiteLLM
 * has no such thing; the directive litellm_hedge says the same, and what is
 * wrong with either is told by one function.
 *
 * A whole map replaces another one: what router_settings does not say is not
 * looked for in litellm_settings.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"


/* where hedging is asked for and nothing else is said */
#define NGX_LITELLM_CF_HEDGE_MIN     50        /* ms */
#define NGX_LITELLM_CF_HEDGE_BUDGET  500       /* 5% */
#define NGX_LITELLM_CF_HEDGE_BURST   10


static void ngx_litellm_cf_hedge_map(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v);
static void ngx_litellm_cf_hedge_unknown(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v);


void
ngx_litellm_config_hedge_init(ngx_litellm_hedge_t *h)
{
    ngx_memzero(h, sizeof(ngx_litellm_hedge_t));

    h->enable = 1;
    h->min = NGX_LITELLM_CF_HEDGE_MIN;
    h->budget = NGX_LITELLM_CF_HEDGE_BUDGET;
    h->burst = NGX_LITELLM_CF_HEDGE_BURST;
}


const char *
ngx_litellm_config_hedge_wrong(ngx_litellm_hedge_t *h)
{
    if (!h->enable) {
        return NULL;
    }

    if (h->delay == 0 && h->percentile == 0) {
        return "needs a \"delay\" or a \"percentile\"";
    }

    if (h->percentile >= 1000000) {
        return "must have a \"percentile\" below 100";
    }

    if (h->budget > 10000) {
        return "must have a \"budget\" of at most 100 percent";
    }

    if (h->burst == 0 || h->burst > NGX_LITELLM_HEDGE_BURST) {
        return "must have a \"burst\" of 1 to 10000";
    }

    return NULL;
}


void
ngx_litellm_cf_hedge(ngx_litellm_cf_t *cf)
{
    ngx_flag_t           on;
    ngx_uint_t           i;
    ngx_litellm_yaml_t  *v;

    for (i = 0; i < 2; i++) {
        v = ngx_litellm_yaml_member(
                        ngx_litellm_cf_section(cf, i ? "router_settings"
                                                     : "litellm_settings"),
                        "hedge");

        if (v == NULL) {
            continue;
        }

        if (v->type == NGX_LITELLM_YAML_MAP) {
            ngx_litellm_cf_hedge_map(cf, v);
            continue;
        }

        on = 0;

        if (ngx_litellm_cf_flag(cf, v, "hedge", &on) != NGX_OK) {
            continue;
        }

        if (on) {
            ngx_litellm_cf_error(cf, v, "\"hedge\" must be false or a map "
                                 "with a \"delay\" or a \"percentile\"");
        }

        cf->conf->hedge = NULL;
    }
}


static void
ngx_litellm_cf_hedge_map(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v)
{
    int64_t               n;
    const char           *wrong;
    ngx_litellm_hedge_t  *h;

    h = ngx_palloc(cf->pool, sizeof(ngx_litellm_hedge_t));
    if (h == NULL) {
        cf->failed = 1;
        return;
    }

    ngx_litellm_config_hedge_init(h);

    ngx_litellm_cf_hedge_unknown(cf, v);

    (void) ngx_litellm_cf_msec(cf, ngx_litellm_yaml_member(v, "delay"),
                               "delay", &h->delay);
    (void) ngx_litellm_cf_msec(cf, ngx_litellm_yaml_member(v, "min"),
                               "min", &h->min);

    if (ngx_litellm_cf_fixed(cf, ngx_litellm_yaml_member(v, "percentile"),
                             "percentile", 4, 100000000, &n)
        == NGX_OK)
    {
        h->percentile = (ngx_uint_t) n;
    }

    if (ngx_litellm_cf_fixed(cf, ngx_litellm_yaml_member(v, "budget"),
                             "budget", 2, 1000000, &n)
        == NGX_OK)
    {
        h->budget = (ngx_uint_t) n;
    }

    if (ngx_litellm_cf_int(cf, ngx_litellm_yaml_member(v, "burst"),
                           "burst", 0, 1000000, &n)
        == NGX_OK)
    {
        h->burst = (ngx_uint_t) n;
    }

    wrong = ngx_litellm_config_hedge_wrong(h);

    if (wrong != NULL) {
        ngx_litellm_cf_error(cf, v, "\"hedge\" %s", wrong);
    }

    cf->conf->hedge = h;
}


static void
ngx_litellm_cf_hedge_unknown(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v)
{
    ngx_str_t                *key;
    ngx_litellm_yaml_pair_t  *pair;

    for (pair = v->first; pair; pair = pair->next) {

        key = &pair->key->text;

        if (!ngx_litellm_cf_is(key, "delay")
            && !ngx_litellm_cf_is(key, "percentile")
            && !ngx_litellm_cf_is(key, "min")
            && !ngx_litellm_cf_is(key, "budget")
            && !ngx_litellm_cf_is(key, "burst"))
        {
            ngx_litellm_cf_error(cf, pair->key, "\"hedge\" has \"%V\", "
                                 "expected delay, percentile, min, budget or "
                                 "burst", key);
        }
    }
}
