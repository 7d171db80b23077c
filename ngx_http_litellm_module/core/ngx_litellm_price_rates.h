
/*
 * What a price is made of; shared by ngx_litellm_price*.c only.
 *
 *   ngx_litellm_price.c       what was done, in money
 *   ngx_litellm_price_find.c  the table, and names
 *   ngx_litellm_price_read.c  rates of a JSON object; a deployment's keys
 *   ngx_litellm_price_map.c   a map of models that was read
 *
 * A price is a list of rates in the order in which they replace each other:
 * plain ones, those of tiers, those above so many tokens, those of a step, off
 * peak ones.  Prices of the table are packed: their rates are read with
 * ngx_litellm_price_rate(); others have them behind the struct.
 */

#ifndef _NGX_LITELLM_PRICE_RATES_H_INCLUDED_
#define _NGX_LITELLM_PRICE_RATES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_json.h"
#include "ngx_litellm_price.h"


typedef enum {
#define RATE(id, key)  NGX_LITELLM_RATE_##id,
#define NAME(id, key)
#define TIER(id, key)
#include "ngx_litellm_price_keys.h"
#undef RATE
#undef NAME
#undef TIER
    NGX_LITELLM_RATES
} ngx_litellm_rate_e;


typedef enum {
    NGX_LITELLM_PRICE_BASE = 0,
    NGX_LITELLM_PRICE_STEP,          /* tiered_pricing: above so many tokens,
                                        for all of them */
    NGX_LITELLM_PRICE_OFF_PEAK
} ngx_litellm_price_kind_e;


typedef struct {
    int64_t              value;
    uint32_t             above;      /* tokens of the prompt */
    uint8_t              what;       /* ngx_litellm_rate_e */
    uint8_t              tier;       /* UNKNOWN: of all */
    uint8_t              kind;
} ngx_litellm_rate_t;


/* the table's form of it: indices */
typedef struct {
    uint8_t              what;
    uint8_t              mod;
    uint16_t             value;
} ngx_litellm_price_packed_t;

typedef struct {
    uint32_t             above;
    uint8_t              tier;
    uint8_t              kind;
} ngx_litellm_price_mod_t;

typedef struct {
    uint32_t             name;       /* offset */
    uint16_t             set;
    uint8_t              provider;
} ngx_litellm_price_model_t;


struct ngx_litellm_price_s {
    uint32_t             first;      /* of a packed one */
    uint16_t             n;          /* of rates */
    uint8_t              own;        /* they follow */
    uint8_t              reserved;
};

#define NGX_LITELLM_PRICE_RATES  256     /* of one model */

#define ngx_litellm_price_own(price)                                          \
    ((ngx_litellm_rate_t *) ((price) + 1))


/* of WINDOW: hours east of UTC that weekdays are told by, days from Monday on
   as bits, minutes of the day in UTC */
#define ngx_litellm_window(zone, days, from, to)                              \
    ((int64_t) (zone) << 32 | (int64_t) (days) << 24 | (from) << 12 | (to))
#define ngx_litellm_window_zone(w)  ((ngx_uint_t) ((w) >> 32) & 0xff)
#define ngx_litellm_window_days(w)  ((ngx_uint_t) ((w) >> 24) & 0x7f)
#define ngx_litellm_window_from(w)  ((ngx_uint_t) ((w) >> 12) & 0xfff)
#define ngx_litellm_window_to(w)    ((ngx_uint_t) (w) & 0xfff)


/* the rates of one model while they are read */
typedef struct {
    ngx_litellm_rate_t           rates[NGX_LITELLM_PRICE_RATES];
    ngx_uint_t                   n;
    ngx_uint_t                   reached;    /* thresholds are, not passed */
    ngx_litellm_json_t          *bad;        /* the key of a value that is no
                                                price */
    unsigned                     full:1;
} ngx_litellm_price_list_t;


/* the i-th of a price's rates */
void ngx_litellm_price_rate(const ngx_litellm_price_t *price, ngx_uint_t i,
    ngx_litellm_rate_t *rate);

/* of a map that was read; NULL: it has no such row */
const ngx_litellm_price_t *ngx_litellm_prices_row(ngx_litellm_prices_t *prices,
    ngx_str_t *provider, ngx_str_t *name);

/* the provider without the family or form of its models */
void ngx_litellm_price_provider(ngx_str_t *provider);

/* adds the price keys of an object, whatever else is in it */
void ngx_litellm_price_model(ngx_litellm_price_list_t *list,
    ngx_litellm_json_t *object);

/* NULL: no memory */
ngx_litellm_price_t *ngx_litellm_price_make(ngx_pool_t *pool,
    ngx_litellm_price_list_t *list);

/* NGX_DECLINED with the text in pool; NGX_ERROR: no memory */
ngx_int_t ngx_litellm_price_why(ngx_pool_t *pool, ngx_str_t *why,
    const char *fmt, ...);


#endif /* _NGX_LITELLM_PRICE_RATES_H_INCLUDED_ */
