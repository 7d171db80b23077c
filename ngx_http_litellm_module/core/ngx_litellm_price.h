
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


/* what was done, in units that have a price; all zero is nothing */
typedef struct {
    ngx_litellm_usage_t      *usage;     /* tokens; -1 counts as 0; NULL: none;
                                            its tier is the one that was
                                            served */
    ngx_litellm_tier_e        asked;     /* tier that the request asks for */
    ngx_msec_t                duration;  /* ms of the call */
    int64_t                   queries;   /* rerank: search units */
    int64_t                   searches;  /* of the web */
    ngx_uint_t                search_size;   /* 0: medium, 1: low, 2: high */
    int64_t                   images;
    int64_t                   pixels;    /* of each */
    ngx_uint_t                side;      /* of each, the longer one; 0: not
                                            told */
    int64_t                   characters;
    int64_t                   seconds;   /* of sound, in ms */
    time_t                    now;       /* for off-peak prices */
    unsigned                  regional:1;/* Vertex: not the global endpoint */
    unsigned                  eu:1;      /* OpenAI's regional hosts */
    unsigned                  us:1;
    unsigned                  geo_us:1;  /* Anthropic's inference_geo */
    unsigned                  fast:1;    /* ... and speed */
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
    int64_t                   tools;     /* of neither input nor output */

    /* ngx_litellm_terms_apply(): total is original - discount + margin, the
       parts above are of the original */
    int64_t                   original;
    int64_t                   discount;
    int64_t                   margin;
} ngx_litellm_cost_t;


/*
 * The price of a provider's model: first of the map that was read (may be
 * NULL), then of the table; names are tried as LiteLLM does.  NULL: unknown.
 */
const ngx_litellm_price_t *ngx_litellm_price_find(
    ngx_litellm_prices_t *prices, ngx_str_t *provider, ngx_str_t *model);

/*
 * NGX_OK; NGX_DECLINED: the price (which may be NULL) has nothing for what was
 * done (*cost is zeroed), which is not the same as free.
 */
ngx_int_t ngx_litellm_price_cost(const ngx_litellm_price_t *price,
    ngx_litellm_done_t *done, ngx_litellm_cost_t *cost);

/*
 * The most that so many tokens can cost, whatever kind they are of, at the
 * thresholds that such a prompt crosses, with what done says of the request:
 * the tier that it asks for (NGX_LITELLM_TIERS: a word that nobody knows, so
 * the dearest), searches, where it goes.  Prices of batches are not served.
 * NULL: 0; so are seconds, which nobody knows before.
 */
int64_t ngx_litellm_price_bound(const ngx_litellm_price_t *price,
    ngx_litellm_done_t *done, int64_t prompt, int64_t completion);

/* of routing by cost: 10^-12 for a token in and one out; UNKNOWN: it has
   neither, or is NULL */
int64_t ngx_litellm_price_rank(const ngx_litellm_price_t *price);

/*
 * A plain rate by its number from 0 on: LiteLLM's key and money.  NGX_DECLINED:
 * the price has none of that number; NGX_DONE: there are no more.  0 and 1 are
 * tokens in and out.
 */
ngx_int_t ngx_litellm_price_plain(const ngx_litellm_price_t *price,
    ngx_uint_t what, const ngx_str_t **key, int64_t *money);

/* a model that costs nothing; not one without a price */
ngx_uint_t ngx_litellm_price_free(const ngx_litellm_price_t *price);


/*
 * A LiteLLM price map (a JSON object by model), already read from its file.
 * NGX_DECLINED with *why; entries of unknown form are passed over and counted.
 * The text may be freed afterwards.
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

/* is that a key which the two above read? */
ngx_uint_t ngx_litellm_price_key(ngx_str_t *key);


#endif /* _NGX_LITELLM_PRICE_H_INCLUDED_ */
