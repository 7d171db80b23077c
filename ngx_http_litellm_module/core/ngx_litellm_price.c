
/*
 * What was done, in money.  The rules are LiteLLM's (litellm_core_utils/
 * llm_cost_calc/utils.py, generic_cost_per_token), but that nothing is free
 * for want of a rate: a kind of token without one is an ordinary token.
 *
 * Called for each attempt that ends, and before a request for its bound.
 * Integers only: sums are exact to 10^-12 dollar and saturate.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_price_rates.h"


/* factors are in millionths here, and bounded for products to fit */
#define NGX_LITELLM_PRICE_ONE         1000000
#define NGX_LITELLM_PRICE_FACTOR_MAX  1000000000

#define NGX_LITELLM_PRICE_THURSDAY    3      /* day 0 of Unix, from Monday */


/* prices of the table whose rates are remembered; a power of two */
#define NGX_LITELLM_PRICE_SEEN        16


/* the rates that hold for one call; those that are not set may be others' */
typedef struct {
    int64_t      rate[NGX_LITELLM_RATES];
    uint64_t     set;                        /* bits: which of them there are */
    ngx_uint_t   cheaper;                    /* it has rates for off-peak */
} ngx_litellm_price_now_t;

typedef struct {
    const ngx_litellm_price_t  *price;       /* NULL: none */
    ngx_uint_t                  tier;
    int64_t                     most;        /* tokens of a prompt */
    ngx_litellm_price_now_t     now;
} ngx_litellm_price_seen_t;

#define ngx_litellm_price_bit(id)  ((uint64_t) 1 << NGX_LITELLM_RATE_##id)
#define ngx_litellm_price_has(now, id)                                        \
    ((now)->set & ngx_litellm_price_bit(id))
#define ngx_litellm_price_get(now, id)  ((now)->rate[NGX_LITELLM_RATE_##id])

/* those that a step has of its own, or goes without */
#define NGX_LITELLM_PRICE_STEPPED                                             \
    (ngx_litellm_price_bit(CACHE_READ) | ngx_litellm_price_bit(CACHE_WRITE)   \
     | ngx_litellm_price_bit(CACHE_WRITE_1H)                                  \
     | ngx_litellm_price_bit(CACHE_HIT) | ngx_litellm_price_bit(REASONING))


static ngx_uint_t ngx_litellm_price_tier(const ngx_litellm_price_t *price,
    ngx_litellm_done_t *done);
static ngx_uint_t ngx_litellm_price_has_tier(const ngx_litellm_price_t *price,
    ngx_uint_t tier);
static ngx_uint_t ngx_litellm_price_off_peak(const ngx_litellm_price_t *price,
    time_t t);
static const ngx_litellm_price_now_t *ngx_litellm_price_rates(
    const ngx_litellm_price_t *price, int64_t prompt, ngx_uint_t tier,
    ngx_uint_t off_peak, ngx_litellm_price_now_t *now);
static int64_t ngx_litellm_price_resolve(const ngx_litellm_price_t *price,
    int64_t prompt, ngx_uint_t tier, ngx_uint_t off_peak,
    ngx_litellm_price_now_t *now);
static void ngx_litellm_price_defaults(ngx_litellm_price_now_t *now);
static ngx_uint_t ngx_litellm_price_input(const ngx_litellm_price_now_t *now,
    ngx_litellm_usage_t *u, ngx_litellm_cost_t *cost);
static ngx_uint_t ngx_litellm_price_output(const ngx_litellm_price_now_t *now,
    ngx_litellm_usage_t *u, ngx_litellm_cost_t *cost);
static ngx_uint_t ngx_litellm_price_units(const ngx_litellm_price_now_t *now,
    ngx_litellm_done_t *done, ngx_litellm_cost_t *cost);
static ngx_uint_t ngx_litellm_price_time(const ngx_litellm_price_now_t *now,
    ngx_litellm_done_t *done, ngx_litellm_cost_t *cost);
static ngx_uint_t ngx_litellm_price_images(const ngx_litellm_price_now_t *now,
    ngx_litellm_done_t *done, ngx_litellm_cost_t *cost);
static int64_t ngx_litellm_price_image(const ngx_litellm_price_now_t *now,
    ngx_uint_t side);
static void ngx_litellm_price_searches(const ngx_litellm_price_now_t *now,
    ngx_litellm_done_t *done, ngx_litellm_cost_t *cost);
static void ngx_litellm_price_factors(const ngx_litellm_price_now_t *now,
    ngx_litellm_done_t *done, ngx_litellm_cost_t *cost);
static int64_t ngx_litellm_price_most(const ngx_litellm_price_now_t *now,
    ngx_litellm_done_t *done, int64_t prompt, int64_t completion);
static void ngx_litellm_price_scale(ngx_litellm_cost_t *cost, int64_t factor);
static int64_t ngx_litellm_price_scaled(int64_t money, int64_t factor);


ngx_int_t
ngx_litellm_price_cost(const ngx_litellm_price_t *price,
    ngx_litellm_done_t *done, ngx_litellm_cost_t *cost)
{
    int64_t                   prompt;
    ngx_uint_t                tier, priced;
    ngx_litellm_usage_t      *u, none;
    ngx_litellm_price_now_t   buf;

    const ngx_litellm_price_now_t  *now;

    ngx_memzero(cost, sizeof(ngx_litellm_cost_t));

    u = done->usage;

    if (u == NULL) {
        ngx_litellm_usage_init(&none);
        u = &none;
    }

    if (done->reported && u->cost.len
        && ngx_litellm_money_parse(&u->cost, &cost->total) == NGX_OK)
    {
        return NGX_OK;
    }

    if (price == NULL) {
        return NGX_DECLINED;
    }

    prompt = ngx_max(u->prompt, 0);

    tier = ngx_litellm_price_tier(price, done);

    now = ngx_litellm_price_rates(price, prompt, tier, 0, &buf);

    if (now->cheaper && ngx_litellm_price_off_peak(price, done->now)) {
        now = ngx_litellm_price_rates(price, prompt, tier, 1, &buf);
    }

    priced = ngx_litellm_price_units(now, done, cost);
    priced |= ngx_litellm_price_input(now, u, cost);
    priced |= ngx_litellm_price_output(now, u, cost);

    if (!priced) {
        ngx_memzero(cost, sizeof(ngx_litellm_cost_t));
        return NGX_DECLINED;
    }

    ngx_litellm_price_factors(now, done, cost);
    ngx_litellm_price_searches(now, done, cost);

    cost->total = ngx_litellm_money_add(
                              ngx_litellm_money_add(cost->input, cost->output),
                              cost->tools);

    return NGX_OK;
}


/* the served one, if it has a price; else the one that was asked for */

static ngx_uint_t
ngx_litellm_price_tier(const ngx_litellm_price_t *price,
    ngx_litellm_done_t *done)
{
    ngx_uint_t  served;

    served = done->usage ? done->usage->tier : NGX_LITELLM_TIER_UNKNOWN;

    if (served == NGX_LITELLM_TIER_STANDARD) {
        return NGX_LITELLM_TIER_UNKNOWN;
    }

    if (ngx_litellm_price_has_tier(price, served)) {
        return served;
    }

    return ngx_litellm_price_has_tier(price, done->asked)
           ? done->asked : NGX_LITELLM_TIER_UNKNOWN;
}


static ngx_uint_t
ngx_litellm_price_has_tier(const ngx_litellm_price_t *price, ngx_uint_t tier)
{
    ngx_uint_t          i;
    ngx_litellm_rate_t  rate;

    if (tier == NGX_LITELLM_TIER_UNKNOWN) {
        return 0;
    }

    for (i = 0; i < price->n; i++) {
        ngx_litellm_price_rate(price, i, &rate);

        if (rate.tier == tier) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_litellm_price_off_peak(const ngx_litellm_price_t *price, time_t t)
{
    time_t              local;
    ngx_uint_t          i, day, minute;
    ngx_litellm_rate_t  rate;

    minute = (ngx_uint_t) (t % 86400) / 60;

    for (i = 0; i < price->n; i++) {
        ngx_litellm_price_rate(price, i, &rate);

        if (rate.what != NGX_LITELLM_RATE_WINDOW) {
            continue;
        }

        local = t + (time_t) ngx_litellm_window_zone(rate.value) * 3600;
        day = (ngx_uint_t) (local / 86400 + NGX_LITELLM_PRICE_THURSDAY) % 7;

        if ((ngx_litellm_window_days(rate.value) & (1 << day))
            && minute >= ngx_litellm_window_from(rate.value)
            && minute < ngx_litellm_window_to(rate.value))
        {
            return 1;
        }
    }

    return 0;
}


/*
 * A request asks twice, for its bound and its cost, and the next one mostly the
 * same.  The table never changes, so that what is remembered of it can't be
 * out of date; a price of a configuration has few rates, and may be gone.
 * Returns: now, or what is remembered, until the next call.
 */

static const ngx_litellm_price_now_t *
ngx_litellm_price_rates(const ngx_litellm_price_t *price, int64_t prompt,
    ngx_uint_t tier, ngx_uint_t off_peak, ngx_litellm_price_now_t *now)
{
    ngx_litellm_price_seen_t         *s;

    static ngx_litellm_price_seen_t   seen[NGX_LITELLM_PRICE_SEEN];

    if (price->own || off_peak) {
        (void) ngx_litellm_price_resolve(price, prompt, tier, off_peak, now);
        return now;
    }

    s = &seen[(price->first + tier) & (NGX_LITELLM_PRICE_SEEN - 1)];

    if (s->price == price && s->tier == tier && prompt <= s->most) {
        return &s->now;
    }

    s->most = ngx_litellm_price_resolve(price, prompt, tier, 0, &s->now);
    s->tier = tier;
    s->price = (prompt <= s->most) ? price : NULL;

    return &s->now;
}


/*
 * Rates come in the order in which they replace each other.  Where a threshold
 * has a rate for all tiers only, a tier is not cheaper above it than below.
 * Returns: the lowest threshold; prompts that are not above it have the same
 * rates.
 */

static int64_t
ngx_litellm_price_resolve(const ngx_litellm_price_t *price, int64_t prompt,
    ngx_uint_t tier, ngx_uint_t off_peak, ngx_litellm_price_now_t *now)
{
    int64_t             step, first, most;
    uint64_t            bit;
    ngx_uint_t          i;
    ngx_litellm_rate_t  rate;

    ngx_memzero(now, sizeof(ngx_litellm_price_now_t));

    first = -1;
    step = -1;
    most = NGX_LITELLM_MONEY_MAX;

    for (i = 0; i < price->n; i++) {
        ngx_litellm_price_rate(price, i, &rate);

        if (rate.what >= NGX_LITELLM_RATE_WINDOW
            || (rate.tier != NGX_LITELLM_TIER_UNKNOWN && rate.tier != tier))
        {
            continue;
        }

        bit = (uint64_t) 1 << rate.what;

        switch (rate.kind) {

        case NGX_LITELLM_PRICE_BASE:

            if (rate.above == 0) {
                break;
            }

            most = ngx_min(most, (int64_t) rate.above);

            if (prompt <= (int64_t) rate.above) {
                continue;
            }

            if (rate.tier == NGX_LITELLM_TIER_UNKNOWN
                && tier != NGX_LITELLM_TIER_UNKNOWN
                && (now->set & bit))
            {
                rate.value = ngx_max(rate.value, now->rate[rate.what]);
            }

            break;

        case NGX_LITELLM_PRICE_STEP:

            if (first == -1) {
                first = rate.above;
            }

            if (rate.above != first) {
                most = ngx_min(most, (int64_t) rate.above);
            }

            if (prompt <= (int64_t) rate.above && rate.above != first) {
                continue;
            }

            if (step != (int64_t) rate.above) {
                step = rate.above;
                now->set &= ~NGX_LITELLM_PRICE_STEPPED;
            }

            break;

        default:

            now->cheaper = 1;

            if (!off_peak) {
                continue;
            }
        }

        now->rate[rate.what] = rate.value;
        now->set |= bit;
    }

    ngx_litellm_price_defaults(now);

    return most;
}


/* what a rate that is not there is taken from; an explicit 0 is free */

static void
ngx_litellm_price_defaults(ngx_litellm_price_now_t *now)
{
#define ngx_litellm_price_default(id, from)                                   \
    if (!ngx_litellm_price_has(now, id)) {                                    \
        ngx_litellm_price_get(now, id) = ngx_litellm_price_get(now, from);    \
    }

    ngx_litellm_price_default(CACHE_HIT, IN);
    ngx_litellm_price_default(CACHE_READ, CACHE_HIT);
    ngx_litellm_price_default(CACHE_WRITE, IN);
    ngx_litellm_price_default(CACHE_WRITE_1H, CACHE_WRITE);
    ngx_litellm_price_default(IN_AUDIO, IN);
    ngx_litellm_price_default(IN_IMAGE, IN);
    ngx_litellm_price_default(OUT_AUDIO, OUT);
    ngx_litellm_price_default(OUT_IMAGE, OUT);
    ngx_litellm_price_default(REASONING, OUT);
}


#define ngx_litellm_price_of(now, id, n)                                      \
    ngx_litellm_money_times(ngx_litellm_price_get(now, id), n)

#define ngx_litellm_price_add(to, money)                                      \
    (to) = ngx_litellm_money_add(to, money)


/* of the prompt, what has no rate of its own is text */

static ngx_uint_t
ngx_litellm_price_input(const ngx_litellm_price_now_t *now,
    ngx_litellm_usage_t *u, ngx_litellm_cost_t *cost)
{
    int64_t  text, cached, written, longer, audio;

    cached = ngx_max(u->cached, 0);
    written = ngx_max(u->cache_write, 0);
    longer = ngx_max(ngx_min(u->cache_write_1h, written), 0);
    audio = ngx_max(u->audio_in, 0);

    /* a part may be as large as it likes, the rest is not below 0 */

    text = ngx_max(u->prompt, 0);
    text -= ngx_min(text, cached);
    text -= ngx_min(text, written);
    text -= ngx_min(text, audio);

    cost->cache_read = ngx_litellm_price_of(now, CACHE_READ, cached);
    cost->cache_write = ngx_litellm_money_add(
                  ngx_litellm_price_of(now, CACHE_WRITE, written - longer),
                  ngx_litellm_price_of(now, CACHE_WRITE_1H, longer));

    ngx_litellm_price_add(cost->input, ngx_litellm_price_of(now, IN, text));
    ngx_litellm_price_add(cost->input,
                          ngx_litellm_price_of(now, IN_AUDIO, audio));
    ngx_litellm_price_add(cost->input, cost->cache_read);
    ngx_litellm_price_add(cost->input, cost->cache_write);

    return ngx_litellm_price_has(now, IN) ? 1 : 0;
}


static ngx_uint_t
ngx_litellm_price_output(const ngx_litellm_price_now_t *now,
    ngx_litellm_usage_t *u, ngx_litellm_cost_t *cost)
{
    int64_t  text, reasoning, audio, image;

    reasoning = ngx_max(u->reasoning, 0);
    audio = ngx_max(u->audio_out, 0);
    image = ngx_max(u->image_out, 0);

    text = ngx_max(u->completion, 0);
    text -= ngx_min(text, reasoning);
    text -= ngx_min(text, audio);
    text -= ngx_min(text, image);

    cost->reasoning = ngx_litellm_price_of(now, REASONING, reasoning);

    ngx_litellm_price_add(cost->output, ngx_litellm_price_of(now, OUT, text));
    ngx_litellm_price_add(cost->output,
                          ngx_litellm_price_of(now, OUT_AUDIO, audio));
    ngx_litellm_price_add(cost->output,
                          ngx_litellm_price_of(now, OUT_IMAGE, image));
    ngx_litellm_price_add(cost->output, cost->reasoning);

    return ngx_litellm_price_has(now, OUT) ? 1 : 0;
}


/* all that is not tokens: no rate stands for another one */

static ngx_uint_t
ngx_litellm_price_units(const ngx_litellm_price_now_t *now,
    ngx_litellm_done_t *done, ngx_litellm_cost_t *cost)
{
    ngx_uint_t  priced;

    priced = ngx_litellm_price_time(now, done, cost);
    priced |= ngx_litellm_price_images(now, done, cost);

    if (ngx_litellm_price_has(now, REQUEST)) {
        ngx_litellm_price_add(cost->input,
                              ngx_litellm_price_get(now, REQUEST));
        priced = 1;
    }

    if (ngx_litellm_price_has(now, QUERY) && done->queries > 0) {
        ngx_litellm_price_add(cost->input,
                       ngx_litellm_price_of(now, QUERY, done->queries));
        priced = 1;
    }

    if (ngx_litellm_price_has(now, IN_CHARACTER) && done->characters > 0) {
        ngx_litellm_price_add(cost->input,
                 ngx_litellm_price_of(now, IN_CHARACTER, done->characters));
        priced = 1;
    }

    return priced;
}


/*
 * Seconds of sound; else those of the call, of a model that is not paid by
 * tokens.
 */

static ngx_uint_t
ngx_litellm_price_time(const ngx_litellm_price_now_t *now,
    ngx_litellm_done_t *done, ngx_litellm_cost_t *cost)
{
    int64_t  ms, rate;

    if (done->seconds > 0) {
        ms = done->seconds;

    } else {
        ms = (int64_t) ngx_min(done->duration,
                               (ngx_msec_t) NGX_MAX_INT32_VALUE);

        if (ngx_litellm_price_get(now, IN) > 0
            || ngx_litellm_price_get(now, OUT) > 0)
        {
            return 0;
        }
    }

    if (ngx_litellm_price_has(now, SECOND)) {
        rate = ngx_litellm_price_get(now, SECOND);

    } else if (ngx_litellm_price_has(now, IN_SECOND)) {
        rate = ngx_litellm_price_get(now, IN_SECOND);

    } else if (done->seconds > 0
               && ngx_litellm_price_has(now, AUDIO_SECOND))
    {
        rate = ngx_litellm_price_get(now, AUDIO_SECOND);

    } else if (ngx_litellm_price_has(now, OUT_SECOND)) {
        rate = ngx_litellm_price_get(now, OUT_SECOND);

    } else {
        return 0;
    }

    rate = ngx_litellm_money_times(rate, ms);

    ngx_litellm_price_add(cost->output, rate / 1000 + (rate % 1000 >= 500));

    return 1;
}


static ngx_uint_t
ngx_litellm_price_images(const ngx_litellm_price_now_t *now,
    ngx_litellm_done_t *done, ngx_litellm_cost_t *cost)
{
    int64_t  rate;

    if (done->images <= 0) {
        return 0;
    }

    if (done->usage != NULL && done->usage->image_out > 0
        && ngx_litellm_price_has(now, OUT_IMAGE))
    {
        return 0;
    }

    rate = ngx_litellm_price_image(now, done->side);

    if (rate == NGX_LITELLM_MONEY_UNKNOWN) {

        if (ngx_litellm_price_has(now, OUT_PIXEL)) {
            rate = ngx_litellm_price_of(now, OUT_PIXEL, done->pixels);

        } else if (ngx_litellm_price_has(now, IN_PIXEL)) {
            rate = ngx_litellm_price_of(now, IN_PIXEL, done->pixels);

        } else {
            return 0;
        }
    }

    ngx_litellm_price_add(cost->output,
                          ngx_litellm_money_times(rate, done->images));

    return 1;
}


static int64_t
ngx_litellm_price_image(const ngx_litellm_price_now_t *now, ngx_uint_t side)
{
#define ngx_litellm_price_size(max, id)                                       \
    if (side && side <= (max) && ngx_litellm_price_has(now, id)) {            \
        return ngx_litellm_price_get(now, id);                                \
    }

    ngx_litellm_price_size(512, IMAGE_512);
    ngx_litellm_price_size(1024, IMAGE_1024);
    ngx_litellm_price_size(1536, IMAGE_1536);
    ngx_litellm_price_size(2048, IMAGE_2048);
    ngx_litellm_price_size((ngx_uint_t) -1, IMAGE_4096);

    if (ngx_litellm_price_has(now, IMAGE)) {
        return ngx_litellm_price_get(now, IMAGE);
    }

    if (ngx_litellm_price_has(now, PER_IMAGE)) {
        return ngx_litellm_price_get(now, PER_IMAGE);
    }

    return NGX_LITELLM_MONEY_UNKNOWN;
}


static void
ngx_litellm_price_searches(const ngx_litellm_price_now_t *now,
    ngx_litellm_done_t *done, ngx_litellm_cost_t *cost)
{
    static const uint8_t  sizes[] = {
        NGX_LITELLM_RATE_SEARCH_MEDIUM,
        NGX_LITELLM_RATE_SEARCH_LOW,
        NGX_LITELLM_RATE_SEARCH_HIGH
    };

    cost->tools = ngx_litellm_money_times(
                            now->rate[sizes[ngx_min(done->search_size, 2)]],
                            done->searches);
}


static void
ngx_litellm_price_factors(const ngx_litellm_price_now_t *now,
    ngx_litellm_done_t *done, ngx_litellm_cost_t *cost)
{
#define ngx_litellm_price_factor(flag, id)                                    \
    if (done->flag && ngx_litellm_price_has(now, id)) {                       \
        ngx_litellm_price_scale(cost, ngx_litellm_price_get(now, id));        \
    }

    ngx_litellm_price_factor(regional, UPLIFT);
    ngx_litellm_price_factor(eu, UPLIFT_EU);
    ngx_litellm_price_factor(us, UPLIFT_US);
    ngx_litellm_price_factor(geo_us, GEO_US);
    ngx_litellm_price_factor(fast, FAST);
}


static void
ngx_litellm_price_scale(ngx_litellm_cost_t *cost, int64_t factor)
{
    factor /= NGX_LITELLM_DOLLAR / NGX_LITELLM_PRICE_ONE;
    factor = ngx_min(factor, NGX_LITELLM_PRICE_FACTOR_MAX);

    cost->input = ngx_litellm_price_scaled(cost->input, factor);
    cost->output = ngx_litellm_price_scaled(cost->output, factor);
    cost->cache_read = ngx_litellm_price_scaled(cost->cache_read, factor);
    cost->cache_write = ngx_litellm_price_scaled(cost->cache_write, factor);
    cost->reasoning = ngx_litellm_price_scaled(cost->reasoning, factor);
}


static int64_t
ngx_litellm_price_scaled(int64_t money, int64_t factor)
{
    int64_t  rest;

    rest = money % NGX_LITELLM_PRICE_ONE * factor;

    return ngx_litellm_money_add(
                 ngx_litellm_money_times(money / NGX_LITELLM_PRICE_ONE, factor),
                 (rest + NGX_LITELLM_PRICE_ONE / 2) / NGX_LITELLM_PRICE_ONE);
}


int64_t
ngx_litellm_price_bound(const ngx_litellm_price_t *price,
    ngx_litellm_done_t *done, int64_t prompt, int64_t completion)
{
    int64_t                  bound, most;
    ngx_uint_t               tier, last;
    ngx_litellm_price_now_t  buf;

    const ngx_litellm_price_now_t  *now;

    if (price == NULL) {
        return 0;
    }

    if (done->asked == NGX_LITELLM_TIERS
        || done->asked == NGX_LITELLM_TIER_BATCHES)
    {
        tier = NGX_LITELLM_TIER_UNKNOWN;
        last = NGX_LITELLM_TIER_BATCHES;

    } else {
        tier = ngx_litellm_price_tier(price, done);
        last = tier + 1;
    }

    bound = 0;

    for ( /* void */ ; tier < last; tier++) {

        now = ngx_litellm_price_rates(price, prompt, tier, 0, &buf);

        most = ngx_litellm_price_most(now, done, prompt, completion);
        bound = ngx_max(bound, most);

        if (now->cheaper) {

            /* nobody knows when it will be answered */

            now = ngx_litellm_price_rates(price, prompt, tier, 1, &buf);

            most = ngx_litellm_price_most(now, done, prompt, completion);
            bound = ngx_max(bound, most);
        }
    }

    return bound;
}


static int64_t
ngx_litellm_price_most(const ngx_litellm_price_now_t *now,
    ngx_litellm_done_t *done, int64_t prompt, int64_t completion)
{
    int64_t             in, out;
    ngx_litellm_cost_t  cost;

#define ngx_litellm_price_top(to, id)                                         \
    (to) = ngx_max(to, ngx_litellm_price_get(now, id))

    in = ngx_litellm_price_get(now, IN);

    ngx_litellm_price_top(in, CACHE_READ);
    ngx_litellm_price_top(in, CACHE_WRITE);
    ngx_litellm_price_top(in, CACHE_WRITE_1H);
    ngx_litellm_price_top(in, CACHE_HIT);
    ngx_litellm_price_top(in, IN_AUDIO);
    ngx_litellm_price_top(in, IN_IMAGE);

    out = ngx_litellm_price_get(now, OUT);

    ngx_litellm_price_top(out, OUT_AUDIO);
    ngx_litellm_price_top(out, OUT_IMAGE);
    ngx_litellm_price_top(out, REASONING);

    ngx_memzero(&cost, sizeof(ngx_litellm_cost_t));

    cost.input = ngx_litellm_money_add(ngx_litellm_price_get(now, REQUEST),
                                       ngx_litellm_price_get(now, QUERY));
    ngx_litellm_price_add(cost.input, ngx_litellm_money_times(in, prompt));

    cost.output = ngx_litellm_money_times(out, completion);

    ngx_litellm_price_factors(now, done, &cost);
    ngx_litellm_price_searches(now, done, &cost);

    return ngx_litellm_money_add(ngx_litellm_money_add(cost.input,
                                                       cost.output),
                                 cost.tools);
}


int64_t
ngx_litellm_price_rank(const ngx_litellm_price_t *price)
{
    ngx_litellm_price_now_t  buf;

    const ngx_litellm_price_now_t  *now;

    if (price == NULL) {
        return NGX_LITELLM_MONEY_UNKNOWN;
    }

    now = ngx_litellm_price_rates(price, 0, NGX_LITELLM_TIER_UNKNOWN, 0, &buf);

    if (!ngx_litellm_price_has(now, IN) && !ngx_litellm_price_has(now, OUT)) {
        return NGX_LITELLM_MONEY_UNKNOWN;
    }

    return ngx_litellm_money_add(ngx_litellm_price_get(now, IN),
                                 ngx_litellm_price_get(now, OUT));
}


ngx_uint_t
ngx_litellm_price_free(const ngx_litellm_price_t *price)
{
    ngx_uint_t          i;
    ngx_litellm_rate_t  rate;

    if (price == NULL || price->n == 0) {
        return 0;
    }

    for (i = 0; i < price->n; i++) {
        ngx_litellm_price_rate(price, i, &rate);

        if (rate.what < NGX_LITELLM_RATE_UPLIFT && rate.value != 0) {
            return 0;
        }
    }

    return 1;
}
