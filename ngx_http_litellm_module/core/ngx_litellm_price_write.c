
/*
 * A price as LiteLLM's map has it, for lists of models: the plain rates, which
 * hold for each tier and any number of tokens.  Called while a list is written,
 * a rate at a time.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_price_rates.h"


static const ngx_str_t  ngx_litellm_price_names[] = {
#define RATE(id, key)  ngx_string(key),
#define NAME(id, key)
#define TIER(id, key)
#include "ngx_litellm_price_keys.h"
#undef RATE
#undef NAME
#undef TIER
    ngx_null_string
};


ngx_int_t
ngx_litellm_price_plain(const ngx_litellm_price_t *price, ngx_uint_t what,
    const ngx_str_t **key, int64_t *money)
{
    ngx_int_t           rc;
    ngx_uint_t          i;
    ngx_litellm_rate_t  rate;

    /* what follows is in another object, a factor, or hours */

    if (price == NULL || what >= NGX_LITELLM_RATE_SEARCH_MEDIUM) {
        return NGX_DONE;
    }

    *key = &ngx_litellm_price_names[what];
    rc = NGX_DECLINED;

    for (i = 0; i < price->n; i++) {

        ngx_litellm_price_rate(price, i, &rate);

        if (rate.what == what && rate.kind == NGX_LITELLM_PRICE_BASE
            && rate.tier == NGX_LITELLM_TIER_UNKNOWN && rate.above == 0)
        {
            *money = rate.value;
            rc = NGX_OK;
        }
    }

    return rc;
}
