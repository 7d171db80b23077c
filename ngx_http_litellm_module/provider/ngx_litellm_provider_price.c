
/*
 * The price of a deployment's model: its name as the price map has it.  Used
 * while the configuration is read (ngx_litellm_config_env_t.price) and for
 * names that a wildcard let through.  LiteLLM: cost_calculator.py,
 * _select_model_name_for_cost_calc().
 */

#include "ngx_litellm_provider.h"


#define NGX_LITELLM_PRICE_NAME  256


static const ngx_litellm_price_t *ngx_litellm_price_region(
    ngx_litellm_prices_t *prices, ngx_litellm_deployment_t *d,
    ngx_str_t *model);


const ngx_litellm_price_t *
ngx_litellm_provider_price(ngx_litellm_prices_t *prices,
    ngx_litellm_deployment_t *d, ngx_str_t *model, ngx_uint_t base)
{
    u_char                     *p, *last;
    ngx_str_t                   name, provider;
    const char                 *known;
    const ngx_litellm_price_t  *price;

    if (d->provider == NULL) {
        return NULL;
    }

    provider = d->provider->name;

    price = ngx_litellm_price_region(prices, d, model);

    if (price != NULL) {
        return price;
    }

    price = ngx_litellm_price_find(prices, &provider, model);

    if (price != NULL || !base) {
        return price;
    }

    /* a base_model: with any provider's prefix, or a name everybody knows */

    last = model->data + model->len;
    p = ngx_strlchr(model->data, last, '/');

    if (p != NULL) {
        provider.data = model->data;
        provider.len = p - model->data;
        name.data = p + 1;
        name.len = last - name.data;

        return ngx_litellm_price_find(prices, &provider, &name);
    }

    known = ngx_litellm_model_provider(model);

    if (known == NULL) {
        return NULL;
    }

    provider.data = (u_char *) known;
    provider.len = ngx_strlen(known);

    return ngx_litellm_price_find(prices, &provider, model);
}


/* Bedrock has prices of its own in some regions */

static const ngx_litellm_price_t *
ngx_litellm_price_region(ngx_litellm_prices_t *prices,
    ngx_litellm_deployment_t *d, ngx_str_t *model)
{
    u_char      buf[NGX_LITELLM_PRICE_NAME], *p;
    ngx_str_t   name, provider, *region;

    region = ngx_litellm_setting(d, "aws_region_name");

    if (region == NULL || region->len + model->len + 1 > sizeof(buf)) {
        return NULL;
    }

    p = ngx_cpymem(buf, region->data, region->len);
    *p++ = '/';
    p = ngx_cpymem(p, model->data, model->len);

    name.data = buf;
    name.len = p - buf;

    provider = d->provider->name;

    return ngx_litellm_price_find(prices, &provider, &name);
}
