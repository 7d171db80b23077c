
/*
 * litellm_settings.cost_discount_config and cost_margin_config: one list by
 * provider.
 *
 * A provider that has no margin of its own has the one that is called "global";
 * there is no discount of all.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"


#define NGX_LITELLM_CF_TERMS  1000


static ngx_litellm_yaml_t *ngx_litellm_cf_terms_map(ngx_litellm_cf_t *cf,
    const char *name);
static void ngx_litellm_cf_discounts(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *map);
static void ngx_litellm_cf_margins(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *map);
static ngx_int_t ngx_litellm_cf_margin(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v, ngx_litellm_terms_t *terms);
static ngx_int_t ngx_litellm_cf_share(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v, const char *name, int64_t max, int64_t *share);
static ngx_litellm_terms_t *ngx_litellm_cf_terms_add(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *provider);


void
ngx_litellm_cf_terms(ngx_litellm_cf_t *cf)
{
    ngx_litellm_yaml_t  *discounts, *margins;

    discounts = ngx_litellm_cf_terms_map(cf, "cost_discount_config");
    margins = ngx_litellm_cf_terms_map(cf, "cost_margin_config");

    if (discounts == NULL && margins == NULL) {
        return;
    }

    cf->conf->terms = ngx_array_create(cf->pool, 4,
                                       sizeof(ngx_litellm_terms_t));
    if (cf->conf->terms == NULL) {
        cf->failed = 1;
        return;
    }

    ngx_litellm_cf_discounts(cf, discounts);
    ngx_litellm_cf_margins(cf, margins);
}


static ngx_litellm_yaml_t *
ngx_litellm_cf_terms_map(ngx_litellm_cf_t *cf, const char *name)
{
    ngx_litellm_yaml_t  *map;

    map = ngx_litellm_yaml_get(ngx_litellm_cf_section(cf, "litellm_settings"),
                               name, ngx_strlen(name));

    if (map == NULL || (map->type == NGX_LITELLM_YAML_SCALAR
                        && map->kind == NGX_LITELLM_YAML_NULL))
    {
        return NULL;
    }

    if (map->type != NGX_LITELLM_YAML_MAP) {
        ngx_litellm_cf_error(cf, map, "\"%s\" must be a map of providers",
                             name);
        return NULL;
    }

    if (map->count > NGX_LITELLM_CF_TERMS) {
        ngx_litellm_cf_error(cf, map, "\"%s\" has more than %d members", name,
                             NGX_LITELLM_CF_TERMS);
        return NULL;
    }

    return map;
}


static void
ngx_litellm_cf_discounts(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *map)
{
    int64_t                   discount;
    ngx_litellm_terms_t      *terms;
    ngx_litellm_yaml_pair_t  *pair;

    for (pair = map ? map->first : NULL; pair; pair = pair->next) {

        if (ngx_litellm_cf_is(&pair->key->text, "global")) {
            ngx_litellm_cf_warn(cf, pair->key, "\"cost_discount_config\" has "
                                "no \"global\": discounts are of single "
                                "providers; it has no effect");
            continue;
        }

        if (ngx_litellm_cf_share(cf, pair->value, "cost_discount_config",
                                 NGX_LITELLM_SHARE, &discount)
            != NGX_OK)
        {
            continue;
        }

        terms = ngx_litellm_cf_terms_add(cf, pair->key);
        if (terms == NULL) {
            return;
        }

        terms->discount = discount;
    }
}


static void
ngx_litellm_cf_margins(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *map)
{
    ngx_uint_t                i, n;
    ngx_litellm_terms_t      *t, *terms, all, margin;
    ngx_litellm_yaml_pair_t  *pair;

    ngx_memzero(&all, sizeof(ngx_litellm_terms_t));

    n = cf->conf->terms->nelts;

    for (pair = map ? map->first : NULL; pair; pair = pair->next) {

        if (ngx_litellm_cf_is(&pair->key->text, "global")) {
            (void) ngx_litellm_cf_margin(cf, pair->value, &all);
        }
    }

    /* those with a discount only */

    t = cf->conf->terms->elts;

    for (i = 0; i < n; i++) {
        t[i].margin = all.margin;
        t[i].fixed = all.fixed;
    }

    for (pair = map ? map->first : NULL; pair; pair = pair->next) {

        if (ngx_litellm_cf_is(&pair->key->text, "global")
            || ngx_litellm_cf_margin(cf, pair->value, &margin) != NGX_OK)
        {
            continue;
        }

        t = cf->conf->terms->elts;
        terms = NULL;

        for (i = 0; i < n; i++) {

            if (t[i].provider.len == pair->key->text.len
                && ngx_memcmp(t[i].provider.data, pair->key->text.data,
                              t[i].provider.len)
                   == 0)
            {
                terms = &t[i];
            }
        }

        if (terms == NULL) {
            terms = ngx_litellm_cf_terms_add(cf, pair->key);
            if (terms == NULL) {
                return;
            }
        }

        terms->margin = margin.margin;
        terms->fixed = margin.fixed;
    }

    if (all.margin == 0 && all.fixed == 0) {
        return;
    }

    terms = ngx_array_push(cf->conf->terms);
    if (terms == NULL) {
        cf->failed = 1;
        return;
    }

    *terms = all;
}


/* 0.1, or {percentage: 0.1, fixed_amount: 0.0005} */

static ngx_int_t
ngx_litellm_cf_margin(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    ngx_litellm_terms_t *terms)
{
    ngx_litellm_yaml_t       *share, *fixed;
    ngx_litellm_yaml_pair_t  *pair;

    ngx_memzero(terms, sizeof(ngx_litellm_terms_t));

    share = v;
    fixed = NULL;

    if (v->type == NGX_LITELLM_YAML_MAP) {

        share = ngx_litellm_yaml_member(v, "percentage");
        fixed = ngx_litellm_yaml_member(v, "fixed_amount");

        for (pair = v->first; pair; pair = pair->next) {

            if (!ngx_litellm_cf_is(&pair->key->text, "percentage")
                && !ngx_litellm_cf_is(&pair->key->text, "fixed_amount"))
            {
                ngx_litellm_cf_error(cf, pair->key, "\"cost_margin_config\" "
                                     "has \"percentage\" and \"fixed_amount\", "
                                     "not \"%V\"",
                                     ngx_litellm_cf_shown(pair->key,
                                                          &pair->key->text));
                return NGX_ERROR;
            }
        }
    }

    if (ngx_litellm_cf_share(cf, share, "cost_margin_config",
                             NGX_LITELLM_MARGIN_MAX, &terms->margin)
        == NGX_ERROR
        || ngx_litellm_cf_fixed(cf, fixed, "fixed_amount", 12,
                                NGX_LITELLM_MONEY_MAX, &terms->fixed)
           == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* as ngx_litellm_cf_fixed() */

static ngx_int_t
ngx_litellm_cf_share(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    const char *name, int64_t max, int64_t *share)
{
    int64_t    n;
    ngx_int_t  rc;

    rc = ngx_litellm_cf_fixed(cf, v, name, NGX_LITELLM_SHARE_SCALE,
                              NGX_LITELLM_MONEY_MAX, &n);

    if (rc != NGX_OK) {
        return rc;
    }

    if (n > max) {
        ngx_litellm_cf_error(cf, v, "\"%s\" must be a share, 0.05 for 5 "
                             "percent, and %L at most", name,
                             max / NGX_LITELLM_SHARE);
        return NGX_ERROR;
    }

    *share = n;

    return NGX_OK;
}


static ngx_litellm_terms_t *
ngx_litellm_cf_terms_add(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *provider)
{
    ngx_litellm_terms_t  *terms;

    if (provider->text.len == 0) {
        ngx_litellm_cf_error(cf, provider, "a provider has no name");
        return NULL;
    }

    terms = ngx_array_push(cf->conf->terms);

    if (terms == NULL) {
        cf->failed = 1;
        return NULL;
    }

    ngx_memzero(terms, sizeof(ngx_litellm_terms_t));

    terms->provider.len = provider->text.len;
    terms->provider.data = ngx_pstrdup(cf->pool, &provider->text);

    if (terms->provider.data == NULL) {
        cf->failed = 1;
        return NULL;
    }

    return terms;
}
