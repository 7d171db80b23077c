
/*
 * What an operator takes off the price of a provider, and puts on it, for those
 * who pay: LiteLLM's cost_discount_config and cost_margin_config
 * (litellm/cost_calculator.py).  Frozen with the configuration.
 *
 * First the discount, then the margin of what is left, then the margin's fixed
 * amount, for each call that was answered.  Each of them is rounded to 10^-12
 * dollar.
 */

#ifndef _NGX_LITELLM_TERMS_H_INCLUDED_
#define _NGX_LITELLM_TERMS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_price.h"


/* the whole of a share: what is 0.1 in a file is a tenth of it */
#define NGX_LITELLM_SHARE        100000000LL
#define NGX_LITELLM_SHARE_SCALE  8
#define NGX_LITELLM_MARGIN_MAX   (100 * NGX_LITELLM_SHARE)


typedef struct {
    ngx_str_t   provider;        /* empty: of all others */
    int64_t     discount;        /* share, the whole at most */
    int64_t     margin;          /* share, NGX_LITELLM_MARGIN_MAX at most */
    int64_t     fixed;           /* money */
} ngx_litellm_terms_t;


/* ngx_litellm_terms_t with that of all others behind them, or NULL; NULL: the
   price is what it is */
ngx_litellm_terms_t *ngx_litellm_terms_of(ngx_array_t *list,
    const ngx_str_t *provider);

/* a part of money, rounded half up; it saturates */
int64_t ngx_litellm_terms_share(int64_t money, int64_t share);

/* cost->total is the price: original, discount, margin and total are set.
   terms may be NULL */
void ngx_litellm_terms_apply(const ngx_litellm_terms_t *terms,
    ngx_litellm_cost_t *cost);


#endif /* _NGX_LITELLM_TERMS_H_INCLUDED_ */
