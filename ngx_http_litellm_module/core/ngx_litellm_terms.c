
/*
 * The arithmetic of discounts and margins: ngx_litellm_terms.h says what they
 * are.  Called for each attempt that is charged and for what one may cost at
 * most, so that budgets are held to what is charged.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_terms.h"


ngx_litellm_terms_t *
ngx_litellm_terms_of(ngx_array_t *list, const ngx_str_t *provider)
{
    ngx_uint_t            i;
    ngx_litellm_terms_t  *t;

    if (list == NULL) {
        return NULL;
    }

    t = list->elts;

    for (i = 0; i < list->nelts; i++) {

        if (t[i].provider.len == 0
            || (t[i].provider.len == provider->len
                && ngx_memcmp(t[i].provider.data, provider->data,
                              provider->len)
                   == 0))
        {
            return &t[i];
        }
    }

    return NULL;
}


int64_t
ngx_litellm_terms_share(int64_t money, int64_t share)
{
    int64_t  rest;

    rest = money % NGX_LITELLM_SHARE * share;

    return ngx_litellm_money_add(
                     ngx_litellm_money_times(money / NGX_LITELLM_SHARE, share),
                     (rest + NGX_LITELLM_SHARE / 2) / NGX_LITELLM_SHARE);
}


void
ngx_litellm_terms_apply(const ngx_litellm_terms_t *terms,
    ngx_litellm_cost_t *cost)
{
    int64_t  rest;

    cost->original = cost->total;
    cost->discount = 0;
    cost->margin = 0;

    if (terms == NULL) {
        return;
    }

    cost->discount = ngx_litellm_terms_share(cost->original, terms->discount);

    rest = cost->original - cost->discount;

    cost->margin = ngx_litellm_money_add(
                               ngx_litellm_terms_share(rest, terms->margin),
                               terms->fixed);

    cost->total = ngx_litellm_money_add(rest, cost->margin);
}
