
/*
 * What models cost: a compact table made by ngx_litellm_prices.pl from
 * LiteLLM's price map, a map of that form read at configuration time, and what
 * a deployment says of itself.  Money is in 10^-12 dollar (ngx_litellm_money.h)
 * and integer throughout.
 */

#ifndef _NGX_LITELLM_PRICE_H_INCLUDED_
#define _NGX_LITELLM_PRICE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_chat.h"
#include "ngx_litellm_money.h"


/* all rates of a model: ngx_litellm_price.c */
typedef struct ngx_litellm_price_s   ngx_litellm_price_t;

/* models by name, of a price map that was read */
typedef struct ngx_litellm_prices_s  ngx_litellm_prices_t;


/* what was done, in units that have a price */
typedef struct {
    ngx_litellm_usage_t      *usage;     /* tokens; -1 counts as 0 */
    ngx_str_t                 served;    /* service tier that the answer tells;
                                            may be empty */
    ngx_str_t                 asked;     /* ... that the request asks for */
    ngx_msec_t                duration;  /* ms of the call */
    int64_t                   queries;   /* rerank: search units; web searches
                                            are in searches */
    int64_t                   searches;
    int64_t                   images;
    int64_t                   characters;
    int64_t                   seconds;   /* of sound, in ms */
    time_t                    now;       /* for off-peak prices */
    int64_t                   cache_write_1h;   /* of usage->cache_write */
    unsigned                  reported:1;/* usage->cost may be believed */
} ngx_litellm_done_t;


/* parts of a cost, of the x-litellm-response-cost-* headers */
typedef struct {
    int64_t                   total;
    int64_t                   input;     /* all of it */
    int64_t                   output;
    int64_t                   cache_read;
    int64_t                   cache_write;
    int64_t                   reasoning;
    int64_t                   tools;
} ngx_litellm_cost_t;


/*
 * The price of a provider's model: first of the map that was read (may be
 * NULL), then of the table; names are tried as LiteLLM does.  NULL: unknown.
 */
const ngx_litellm_price_t *ngx_litellm_price_find(
    ngx_litellm_prices_t *prices, ngx_str_t *provider, ngx_str_t *model);

/*
 * NGX_OK; NGX_DECLINED: the price has nothing for what was done (*cost is
 * zeroed), which is not the same as free.
 */
ngx_int_t ngx_litellm_price_cost(const ngx_litellm_price_t *price,
    ngx_litellm_done_t *done, ngx_litellm_cost_t *cost);

/* the most that so many tokens can cost, whatever tier and threshold */
int64_t ngx_litellm_price_bound(const ngx_litellm_price_t *price,
    int64_t prompt, int64_t completion);

/* of routing by cost: 10^-12 for a token in and one out, -1: unknown */
int64_t ngx_litellm_price_rank(const ngx_litellm_price_t *price);

/* a model that costs nothing */
ngx_uint_t ngx_litellm_price_free(const ngx_litellm_price_t *price);


/*
 * A LiteLLM price map (a JSON object by model), already read from its file.
 * NGX_DECLINED with *why; entries of unknown form are passed over and counted.
 */
ngx_int_t ngx_litellm_prices_read(ngx_pool_t *pool, ngx_str_t *text,
    ngx_litellm_prices_t **prices, ngx_uint_t *skipped, ngx_str_t *why);

/*
 * A deployment's own price keys (a JSON object of litellm_params and
 * model_info members) over the price it would have (may be NULL).  NGX_OK with
 * *price, which is base if no key is there; NGX_DECLINED with *why.
 */
ngx_int_t ngx_litellm_price_override(ngx_pool_t *pool,
    const ngx_litellm_price_t *base, ngx_str_t *json,
    const ngx_litellm_price_t **price, ngx_str_t *why);


#endif /* _NGX_LITELLM_PRICE_H_INCLUDED_ */
