
/*
 * Any text as a price map, and as the price keys of a deployment.  It is
 * refused with a reason, or what it makes has costs: none is below 0, the
 * parts are not more than the sum, and the same twice.
 */

#include "fuzz.h"

#include "ngx_litellm_price.h"


static void
fuzz_cost(const ngx_litellm_price_t *price, int64_t prompt, time_t now,
    ngx_litellm_tier_e tier)
{
    ngx_int_t            rc;
    ngx_litellm_cost_t   cost, again;
    ngx_litellm_done_t   done;
    ngx_litellm_usage_t  u;

    ngx_litellm_usage_init(&u);
    ngx_memzero(&done, sizeof(ngx_litellm_done_t));

    u.prompt = prompt;
    u.completion = prompt / 3;
    u.cached = prompt / 5;
    u.cache_write = prompt / 7;
    u.cache_write_1h = prompt / 9;
    u.reasoning = prompt / 6;
    u.tier = tier;

    done.usage = &u;
    done.now = now;
    done.duration = 1234;
    done.searches = 2;
    done.images = 1;
    done.regional = 1;
    done.fast = 1;

    rc = ngx_litellm_price_cost(price, &done, &cost);

    FUZZ_ASSERT(rc == NGX_OK || rc == NGX_DECLINED);
    FUZZ_ASSERT(cost.total >= 0 && cost.input >= 0 && cost.output >= 0
                && cost.tools >= 0);
    FUZZ_ASSERT(cost.cache_read <= cost.input && cost.cache_write <= cost.input
                && cost.reasoning <= cost.output);
    FUZZ_ASSERT(cost.total >= cost.input && cost.total >= cost.output);
    FUZZ_ASSERT(rc == NGX_OK || cost.total == 0);

    FUZZ_ASSERT(ngx_litellm_price_cost(price, &done, &again) == rc);
    FUZZ_ASSERT(ngx_memcmp(&cost, &again, sizeof(ngx_litellm_cost_t)) == 0);
}


static void
fuzz_price(const ngx_litellm_price_t *price)
{
    ngx_uint_t          i;
    ngx_litellm_done_t  done;

    if (price == NULL) {
        return;
    }

    for (i = 0; i < NGX_LITELLM_TIERS; i++) {
        fuzz_cost(price, (int64_t) 1 << (i * 8), (time_t) (i * 50000), i);
    }

    fuzz_cost(price, NGX_LITELLM_MONEY_MAX, 0, 0);

    ngx_memzero(&done, sizeof(ngx_litellm_done_t));

    for (i = 0; i <= NGX_LITELLM_TIERS; i++) {
        done.asked = i;
        FUZZ_ASSERT(ngx_litellm_price_bound(price, &done, 1000, 1000) >= 0);
    }

    FUZZ_ASSERT(ngx_litellm_price_rank(price) >= -1);
    (void) ngx_litellm_price_free(price);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_int_t                   rc;
    ngx_str_t                   text, why, provider, model;
    ngx_pool_t                 *pool;
    ngx_uint_t                  skipped;
    ngx_litellm_prices_t       *prices;
    const ngx_litellm_price_t  *price, *other;

    pool = fuzz_pool();

    text = fuzz_copy(pool, data, size);

    ngx_str_set(&provider, "xai");
    ngx_str_set(&model, "m");
    ngx_str_null(&why);

    rc = ngx_litellm_prices_read(pool, &text, &prices, &skipped, &why);

    FUZZ_ASSERT(rc == NGX_OK || (rc == NGX_DECLINED && why.len));

    if (rc == NGX_OK) {
        fuzz_price(ngx_litellm_price_find(prices, &provider, &model));

        /* the text as a name of it */

        ngx_str_set(&provider, "bedrock");
        fuzz_price(ngx_litellm_price_find(prices, &provider, &text));
    }

    price = NULL;
    ngx_str_null(&why);

    rc = ngx_litellm_price_override(pool, NULL, &text, &price, &why);

    FUZZ_ASSERT(rc == NGX_OK || (rc == NGX_DECLINED && why.len));

    if (rc == NGX_OK) {
        fuzz_price(price);

        ngx_str_set(&provider, "openai");
        ngx_str_set(&model, "gpt-4o");

        other = ngx_litellm_price_find(NULL, &provider, &model);
        FUZZ_ASSERT(other != NULL);

        if (ngx_litellm_price_override(pool, other, &text, &price, &why)
            == NGX_OK)
        {
            fuzz_price(price);
        }
    }

    ngx_destroy_pool(pool);

    return 0;
}
