
/*
 * What a deployment costs: the price of its model, or of its base_model, under
 * the price keys of its litellm_params and model_info.  Called when the
 * deployment's provider is known (ngx_litellm_config_model.c).
 *
 * The price is frozen; that of a wildcard's models is looked up by the
 * requests, and under price keys of its own it has no other.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"
#include "ngx_litellm_out.h"


static void ngx_litellm_cf_price_area(ngx_litellm_deployment_t *d);
static ngx_int_t ngx_litellm_cf_price_keys(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *map, ngx_litellm_out_t *out);
static ngx_uint_t ngx_litellm_cf_price_good(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v, ngx_str_t *member);


void
ngx_litellm_cf_prices(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_cf_entry_t *e)
{
    ngx_int_t            rc;
    ngx_str_t            name, json, why;
    ngx_uint_t           i;
    ngx_litellm_yaml_t  *v;
    ngx_litellm_out_t    out;

    ngx_litellm_cf_price_area(d);

    v = ngx_litellm_yaml_member(e->info, "base_model");

    if (v == NULL) {
        v = ngx_litellm_cf_param(e, "base_model");
    }

    name = d->model;

    if (v != NULL
        && ngx_litellm_cf_str(cf, v, "base_model", &name) == NGX_ERROR)
    {
        return;
    }

    if (cf->caller->price != NULL) {
        d->price = cf->caller->price(cf->caller->prices, d, &name, v != NULL);

        if (d->price == NULL && v != NULL) {
            d->price = cf->caller->price(cf->caller->prices, d, &d->model, 0);
        }
    }

    ngx_litellm_out_init(&out, cf->temp);

    /* the last one of a key counts: litellm_params before model_info */

    if (ngx_litellm_cf_price_keys(cf, e->info, &out) != NGX_OK) {
        return;
    }

    for (i = NGX_LITELLM_CF_MAPS; i > 0; i--) {
        if (ngx_litellm_cf_price_keys(cf, e->maps[i - 1], &out) != NGX_OK) {
            return;
        }
    }

    if (out.size == 0) {
        return;
    }

    ngx_litellm_out_lit(&out, "}");

    if (ngx_litellm_out_join(&out, &json) != NGX_OK) {
        cf->failed = 1;
        return;
    }

    d->own_price = 1;

    rc = ngx_litellm_price_override(cf->pool, d->price, &json, &d->price,
                                    &why);

    if (rc == NGX_ERROR) {
        cf->failed = 1;

    } else if (rc == NGX_DECLINED) {
        ngx_litellm_cf_error(cf, e->entry, "%V", &why);
    }
}


/* hosts that OpenAI and Google have a price of their own for */

static void
ngx_litellm_cf_price_area(ngx_litellm_deployment_t *d)
{
    ngx_str_t  *host;

    static const ngx_str_t  vertex =
        ngx_string("-aiplatform.googleapis.com");

    host = &d->url.host;

    d->price_eu = ngx_litellm_cf_is(host, "eu.api.openai.com");
    d->price_us = ngx_litellm_cf_is(host, "us.api.openai.com");

    d->price_regional = (host->len > vertex.len
                         && ngx_memcmp(host->data + host->len - vertex.len,
                                       vertex.data, vertex.len)
                            == 0);
}


/* the price keys of one map as members of the object in out */

static ngx_int_t
ngx_litellm_cf_price_keys(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *map,
    ngx_litellm_out_t *out)
{
    ngx_int_t                 rc;
    ngx_str_t                 json, member;
    ngx_litellm_out_t         one;
    ngx_litellm_yaml_pair_t  *pair;

    if (map == NULL || map->type != NGX_LITELLM_YAML_MAP) {
        return NGX_OK;
    }

    for (pair = map->first; pair; pair = pair->next) {

        if (!ngx_litellm_price_key(&pair->key->text)) {
            continue;
        }

        rc = ngx_litellm_cf_json(cf, pair->value, NGX_LITELLM_CF_NUMBERS,
                                 &json);
        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED
            || (json.len == 4 && ngx_memcmp(json.data, "null", 4) == 0))
        {
            continue;
        }

        ngx_litellm_out_init(&one, cf->temp);
        ngx_litellm_out_lit(&one, "\"");
        ngx_litellm_out_str(&one, &pair->key->text);
        ngx_litellm_out_lit(&one, "\":");
        ngx_litellm_out_str(&one, &json);

        if (ngx_litellm_out_join(&one, &member) != NGX_OK) {
            cf->failed = 1;
            return NGX_ERROR;
        }

        if (!ngx_litellm_cf_price_good(cf, pair->value, &member)) {
            return NGX_ERROR;
        }

        if (out->size == 0) {
            ngx_litellm_out_lit(out, "{");

        } else {
            ngx_litellm_out_lit(out, ",");
        }

        ngx_litellm_out_str(out, &member);
    }

    return NGX_OK;
}


/* tried alone, so that the message has its line */

static ngx_uint_t
ngx_litellm_cf_price_good(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    ngx_str_t *member)
{
    ngx_int_t                   rc;
    ngx_str_t                   json, why;
    ngx_litellm_out_t           out;
    const ngx_litellm_price_t  *price;

    ngx_litellm_out_init(&out, cf->temp);
    ngx_litellm_out_lit(&out, "{");
    ngx_litellm_out_str(&out, member);
    ngx_litellm_out_lit(&out, "}");

    if (ngx_litellm_out_join(&out, &json) != NGX_OK) {
        cf->failed = 1;
        return 0;
    }

    rc = ngx_litellm_price_override(cf->temp, NULL, &json, &price, &why);

    if (rc == NGX_ERROR) {
        cf->failed = 1;

    } else if (rc == NGX_DECLINED) {
        ngx_litellm_cf_error(cf, v, "%V: it is dollars, 0 or more", &why);
    }

    return rc == NGX_OK;
}
