
/*
 * Prices: what was done in money, by sums made by hand; names; the table; maps
 * and keys that are read.
 */

#include "unit.h"

#include "ngx_litellm_price.h"


/* 2026-11-23 is a Monday */
#define MONDAY  1795392000

#define UNKNOWN  (-1)
#define NOTHING  (-2)


/* "p" prompt, "c" completion and so on, with a number behind */
typedef struct {
    const char  *json;        /* keys of a deployment; NULL: as before */
    const char  *done;
    int64_t      total;       /* NOTHING: it has no price for that */
    int64_t      input;
    int64_t      output;
} case_t;


static const case_t  cases[] = {

    /* plain: pico dollars a token */
    { "{\"input_cost_per_token\":3e-12,\"output_cost_per_token\":\"7e-12\"}",
      "p100 c10", 370, 300, 70 },
    { NULL, "", 0, 0, 0 },
    { NULL, "p-1 c10", 70, 0, 70 },

    /* no rate of the cache, of sound, of thoughts: that of the side */
    { NULL, "p100 h50 w20 W5", 300, 300, 0 },
    { NULL, "p100 c10 a40 A4 i2 t3", 370, 300, 70 },

    /* an explicit 0 is free */
    { "{\"input_cost_per_token\":3e-12,\"output_cost_per_token\":7e-12,"
      "\"cache_read_input_token_cost\":0}",
      "p100 h60", 120, 120, 0 },

    /* the cache: 100 = 50 new + 30 read + 20 written, 8 of them for longer */
    { "{\"input_cost_per_token\":10e-12,\"output_cost_per_token\":50e-12,"
      "\"cache_read_input_token_cost\":1e-12,"
      "\"cache_creation_input_token_cost\":12e-12,"
      "\"cache_creation_input_token_cost_above_1hr\":20e-12}",
      "p100 h30 w20 W8", 500 + 30 + 144 + 160, 834, 0 },
    { NULL, "p100 h30 w20", 500 + 30 + 240, 770, 0 },
    { NULL, "p100 w20 W50", 800 + 400, 1200, 0 },
    { "{\"input_cost_per_token\":10e-12,"
      "\"cache_creation_input_token_cost\":12e-12}",
      "p100 w20 W8", 800 + 240, 1040, 0 },
    { NULL, "p100 h30", 1000, 1000, 0 },
    { "{\"input_cost_per_token\":10e-12,"
      "\"input_cost_per_token_cache_hit\":2e-12}",
      "p100 h30", 760, 760, 0 },

    /* parts that are more than the whole */
    { NULL, "p10 h30", 60, 60, 0 },

    /* thoughts, sound, images: what is left is text */
    { "{\"input_cost_per_token\":1e-12,\"output_cost_per_token\":10e-12,"
      "\"output_cost_per_reasoning_token\":20e-12,"
      "\"input_cost_per_audio_token\":5e-12,"
      "\"output_cost_per_audio_token\":40e-12,"
      "\"output_cost_per_image_token\":100e-12}",
      "p100 a30 c100 t60 A10 i5", 70 + 150 + 250 + 1200 + 400 + 500,
      220, 2350 },
    { NULL, "c100 t100", 2000, 0, 2000 },
    { NULL, "c100", 1000, 0, 1000 },
    { NULL, "c100 t200", 4000, 0, 4000 },

    /* thresholds: passed, not reached; all of the prompt */
    { "{\"input_cost_per_token\":1e-12,\"output_cost_per_token\":2e-12,"
      "\"cache_read_input_token_cost\":0.5e-12,"
      "\"input_cost_per_token_above_128k_tokens\":3e-12,"
      "\"input_cost_per_token_above_200k_tokens\":5e-12,"
      "\"output_cost_per_token_above_200k_tokens\":9e-12}",
      "p128000 c1", 128002, 128000, 2 },
    { NULL, "p128001 c1", 384005, 384003, 2 },
    { NULL, "p200000 c1", 600002, 600000, 2 },
    { NULL, "p200001 c1", 1000014, 1000005, 9 },
    { "{\"input_cost_per_token\":1e-12,"
      "\"input_cost_per_token_above_500_tokens\":4e-12}",
      "p501", 2004, 2004, 0 },

    /* tiers: the served one, else the one asked for; plain keys for others */
    { "{\"input_cost_per_token\":10e-12,\"output_cost_per_token\":20e-12,"
      "\"cache_read_input_token_cost\":2e-12,"
      "\"input_cost_per_token_priority\":30e-12,"
      "\"output_cost_per_token_priority\":60e-12,"
      "\"input_cost_per_token_flex\":5e-12}",
      "p10 c1", 120, 100, 20 },
    { NULL, "p10 c1 S3", 360, 300, 60 },
    { NULL, "p10 c1 T3", 360, 300, 60 },
    { NULL, "p10 c1 T3 S7", 120, 100, 20 },
    { NULL, "p10 c1 T3 S1", 70, 50, 20 },
    { NULL, "p10 c1 T3 S4", 360, 300, 60 },
    { NULL, "p10 c1 T4", 120, 100, 20 },
    { NULL, "p10 h5 S3", 150 + 10, 160, 0 },

    /* above a threshold without a price of the tier: not below the tier's */
    { "{\"input_cost_per_token\":10e-12,"
      "\"input_cost_per_token_priority\":30e-12,"
      "\"input_cost_per_token_flex\":5e-12,"
      "\"input_cost_per_token_above_1k_tokens\":20e-12}",
      "p1001", 20020, 20020, 0 },
    { NULL, "p1001 S3", 30030, 30030, 0 },
    { NULL, "p1001 S1", 20020, 20020, 0 },
    { "{\"input_cost_per_token\":10e-12,"
      "\"input_cost_per_token_priority\":30e-12,"
      "\"input_cost_per_token_above_1k_tokens\":20e-12,"
      "\"input_cost_per_token_above_1k_tokens_priority\":40e-12}",
      "p1001 S3", 40040, 40040, 0 },

    /* steps: one of them, for all; the last one has no end */
    { "{\"tiered_pricing\":["
      "{\"range\":[0,32000.0],\"input_cost_per_token\":1e-12,"
      "\"output_cost_per_token\":2e-12,\"cache_read_input_token_cost\":0},"
      "{\"range\":[32000.0,128000],\"input_cost_per_token\":3e-12,"
      "\"output_cost_per_token\":6e-12}]}",
      "p32000 c1", 32002, 32000, 2 },
    { NULL, "p0 c1", 2, 0, 2 },
    { NULL, "p32001 c1", 96009, 96003, 6 },
    { NULL, "p500000", 1500000, 1500000, 0 },
    { NULL, "p100 h40", 60, 60, 0 },
    { NULL, "p40000 h10000", 120000, 120000, 0 },

    /* off peak: Monday before 1:00 and from 10:00, Sunday all day */
    { "{\"input_cost_per_token\":10e-12,\"output_cost_per_token\":20e-12,"
      "\"off_peak_pricing\":{\"input_cost_per_token\":4e-12,\"windows\":["
      "{\"hours_utc\":[\"00:00-01:00\",\"10:00-00:00\"],"
      "\"weekdays\":[1,2,3,4,5]},"
      "{\"hours_utc\":\"00:00-00:00\",\"weekdays\":[7]}]}}",
      "p10 c1 n0", 60, 40, 20 },
    { NULL, "p10 c1 n3599", 60, 40, 20 },
    { NULL, "p10 c1 n3600", 120, 100, 20 },
    { NULL, "p10 c1 n35999", 120, 100, 20 },
    { NULL, "p10 c1 n36000", 60, 40, 20 },
    { NULL, "p10 c1 n86399", 60, 40, 20 },
    { NULL, "p10 c1 n-7200", 60, 40, 20 },
    { NULL, "p10 c1 n-93600", 120, 100, 20 },
    { "{\"input_cost_per_token\":10e-12,"
      "\"off_peak_pricing\":{\"input_cost_per_token\":4e-12,"
      "\"weekday_timezone\":\"Asia/Shanghai\",\"windows\":["
      "{\"hours_utc\":\"22:00-02:00\",\"weekdays\":[1]}]}}",
      "p10 n3600", 40, 40, 0 },
    { NULL, "p10 n7200", 100, 100, 0 },
    { NULL, "p10 n-3600", 40, 40, 0 },
    { NULL, "p10 n79200", 100, 100, 0 },
    { "{\"input_cost_per_token\":10e-12,"
      "\"off_peak_pricing\":{\"input_cost_per_token\":4e-12,"
      "\"weekday_timezone\":\"Mars/Olympus\",\"windows\":["
      "{\"hours_utc\":\"00:00-00:00\"}]}}",
      "p10", 100, 100, 0 },

    /* time: of the call, unless tokens are paid */
    { "{\"input_cost_per_second\":1e-9}", "p10 c10 d1500", 1500, 0, 1500 },
    { "{\"output_cost_per_second\":1e-9}", "d1", 1, 0, 1 },
    { "{\"cost_per_second\":1e-12}", "d1499", 1, 0, 1 },
    { NULL, "d1500", 2, 0, 2 },
    { "{\"input_cost_per_second\":1e-9,\"output_cost_per_second\":1e-9}",
      "s60000", 60000, 0, 60000 },
    { "{\"input_cost_per_token\":1e-12,\"output_cost_per_second\":1e-9}",
      "p10 d1000", 10, 10, 0 },
    { "{\"input_cost_per_token\":0,\"output_cost_per_second\":1e-9}",
      "p10 d1000", 1000, 0, 1000 },

    /* other units */
    { "{\"input_cost_per_request\":5e-12}", "", 5, 5, 0 },
    { "{\"input_cost_per_query\":2e-12}", "q3", 6, 6, 0 },
    { NULL, "", NOTHING, 0, 0 },
    { "{\"input_cost_per_character\":2e-12}", "k7", 14, 14, 0 },
    { "{\"output_cost_per_image\":9e-12}", "m2", 18, 0, 18 },
    { "{\"output_cost_per_image\":9e-12,\"output_cost_per_image_0.5K\":1e-12,"
      "\"output_cost_per_image_1024\":3e-12,"
      "\"output_cost_per_image_4K\":7e-12}",
      "m1 z512", 1, 0, 1 },
    { NULL, "m1 z1024", 3, 0, 3 },
    { NULL, "m1 z1536", 7, 0, 7 },
    { NULL, "m1", 9, 0, 9 },
    { "{\"input_cost_per_pixel\":2e-12}", "m2 x100", 400, 0, 400 },
    { "{\"input_cost_per_image\":4e-12}", "m2", 8, 0, 8 },
    { "{\"output_cost_per_image\":9e-12,\"output_cost_per_image_token\":1e-12,"
      "\"output_cost_per_token\":5e-12}",
      "m1 c30 i20", 70, 0, 70 },

    /* searches: beside input and output, without factors */
    { "{\"input_cost_per_token\":1e-12,\"search_context_cost_per_query\":"
      "{\"search_context_size_low\":10e-12,\"search_context_size_medium\":"
      "20e-12,\"search_context_size_high\":30e-12},"
      "\"regional_endpoint_uplift_multiplier\":1.1}",
      "p100 e2", 140, 100, 0 },
    { NULL, "p100 e2 E1", 120, 100, 0 },
    { NULL, "p100 e2 E2 R1", 170, 110, 0 },

    /* factors */
    { "{\"input_cost_per_token\":1e-12,\"output_cost_per_token\":1e-12,"
      "\"regional_processing_uplift_multiplier_eu\":1.1,"
      "\"provider_specific_entry\":{\"us\":1.1,\"fast\":2}}",
      "p100 c10", 110, 100, 10 },
    { NULL, "p100 c10 U1", 121, 110, 11 },
    { NULL, "p100 c10 G1", 121, 110, 11 },
    { NULL, "p100 c10 G1 F1", 242, 220, 22 },
    { NULL, "p4", 4, 4, 0 },
    { NULL, "p4 G1", 4, 4, 0 },
    { NULL, "p5 G1", 6, 6, 0 },

    /* sums that don't fit */
    { "{\"input_cost_per_token\":9000000,\"output_cost_per_token\":9000000}",
      "p100 c100", NGX_LITELLM_MONEY_MAX, NGX_LITELLM_MONEY_MAX,
      NGX_LITELLM_MONEY_MAX },
};


static const struct {
    const char  *json;
    const char  *why;
} refused[] = {
    { "{\"input_cost_per_token\":-1}", "\"input_cost_per_token\" is not a "
      "price" },
    { "{\"input_cost_per_token\":\"free\"}", "\"input_cost_per_token\" is not "
      "a price" },
    { "{\"input_cost_per_token\":true}", "\"input_cost_per_token\" is not a "
      "price" },
    { "{\"input_cost_per_token\":1e9}", "\"input_cost_per_token\" is not a "
      "price" },
    { "{\"output_cost_per_token_above_200k_tokens_priority\":[]}",
      "\"output_cost_per_token_above_200k_tokens_priority\" is not a price" },
    { "{\"tiered_pricing\":[{\"range\":[-1,2]}]}", "\"range\" is not a price" },
    { "{\"off_peak_pricing\":{\"windows\":[{\"hours_utc\":\"25:00-26:00\"}]}}",
      "\"hours_utc\" is not a price" },
    { "{\"provider_specific_entry\":{\"us\":{}}}", "\"us\" is not a price" },
    { "[]", "the prices are not an object" },
    { "{", "the prices are not an object" },
};


static const struct {
    const char  *provider;
    const char  *model;
    int64_t      rank;        /* in and out; UNKNOWN */
} names[] = {
    { "openai", "gpt-4o", 12500000 },
    { "openai", "gpt-3.5-turbo-instruct", 3500000 },
    { "openai", "no-such-model", UNKNOWN },
    { "anthropic", "gpt-4o", UNKNOWN },
    { "", "gpt-4o", UNKNOWN },
    { "openai", "", UNKNOWN },
    { "azure", "gpt-4o", 12500000 },
    { "azure", "eu/gpt-4o-2024-08-06", 13750000 },
    { "openai", "ft:gpt-4o-2024-08-06:org::id", 18750000 },
    { "openai", "ft:no-such:org::id", UNKNOWN },
    { "ollama", "some-model:7b", 0 },
    { "ollama_chat", "some-model:7b", 0 },
    { "hosted_vllm", "some-model", UNKNOWN },
};


static void
read_done(const char *text, ngx_litellm_done_t *done, ngx_litellm_usage_t *u)
{
    char        *end;
    long long    n;
    const char  *p;

    ngx_memzero(done, sizeof(ngx_litellm_done_t));
    ngx_litellm_usage_init(u);

    done->usage = u;
    done->now = MONDAY;

    for (p = text; *p; p = (*end == ' ') ? end + 1 : end) {

        n = strtoll(p + 1, &end, 10);

        switch (*p) {
        case 'p': u->prompt = n; break;
        case 'c': u->completion = n; break;
        case 'h': u->cached = n; break;
        case 'w': u->cache_write = n; break;
        case 'W': u->cache_write_1h = n; break;
        case 't': u->reasoning = n; break;
        case 'a': u->audio_in = n; break;
        case 'A': u->audio_out = n; break;
        case 'i': u->image_out = n; break;
        case 'S': u->tier = n; break;
        case 'T': done->asked = n; break;
        case 'd': done->duration = n; break;
        case 's': done->seconds = n; break;
        case 'q': done->queries = n; break;
        case 'k': done->characters = n; break;
        case 'm': done->images = n; break;
        case 'x': done->pixels = n; break;
        case 'z': done->side = n; break;
        case 'e': done->searches = n; break;
        case 'E': done->search_size = n; break;
        case 'R': done->regional = n; break;
        case 'U': done->eu = n; break;
        case 'G': done->geo_us = n; break;
        case 'F': done->fast = n; break;
        case 'n': done->now += n; break;
        default: CHECKF(0, "what is \"%s\"?", p);
        }
    }
}


static const ngx_litellm_price_t *
override(const ngx_litellm_price_t *base, const char *text)
{
    ngx_str_t                   json, why;
    const ngx_litellm_price_t  *price;

    json = unit_str(text);
    price = NULL;

    CHECK_INT(ngx_litellm_price_override(unit_keep, base, &json, &price, &why),
              NGX_OK);

    return price;
}


static int64_t
cost_of(const ngx_litellm_price_t *price, const char *what)
{
    ngx_litellm_cost_t   cost;
    ngx_litellm_done_t   done;
    ngx_litellm_usage_t  u;

    read_done(what, &done, &u);

    if (ngx_litellm_price_cost(price, &done, &cost) != NGX_OK) {
        return NOTHING;
    }

    return cost.total;
}


static void
test_cases(void)
{
    ngx_int_t                   rc;
    ngx_uint_t                  i;
    const char                 *json;
    ngx_litellm_done_t          done;
    ngx_litellm_cost_t          cost;
    ngx_litellm_usage_t         u;
    const ngx_litellm_price_t  *price;

    price = NULL;
    json = NULL;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        if (cases[i].json != NULL) {
            json = cases[i].json;
            price = override(NULL, json);
        }

        unit_case("%s: %s", cases[i].done, json);

        if (!CHECK(price != NULL)) {
            continue;
        }

        read_done(cases[i].done, &done, &u);

        rc = ngx_litellm_price_cost(price, &done, &cost);

        if (cases[i].total == NOTHING) {
            CHECK_INT(rc, NGX_DECLINED);
            CHECK_INT(cost.total, 0);
            continue;
        }

        CHECK_INT(rc, NGX_OK);
        CHECK_INT(cost.total, cases[i].total);
        CHECK_INT(cost.input, cases[i].input);
        CHECK_INT(cost.output, cases[i].output);
    }

    unit_case("parts");

    price = override(NULL, "{\"input_cost_per_token\":3e-12,"
                     "\"cache_read_input_token_cost\":0}");
    read_done("p100 h60", &done, &u);
    CHECK_INT(ngx_litellm_price_cost(price, &done, &cost), NGX_OK);
    CHECK_INT(cost.cache_read, 0);

    price = override(NULL, "{\"input_cost_per_token\":10e-12,"
                     "\"output_cost_per_token\":50e-12}");
    read_done("p100 h30 w20 c10 t4", &done, &u);
    CHECK_INT(ngx_litellm_price_cost(price, &done, &cost), NGX_OK);
    CHECK_INT(cost.cache_read, 300);
    CHECK_INT(cost.cache_write, 200);
    CHECK_INT(cost.reasoning, 200);
    CHECK_INT(cost.tools, 0);

    unit_case("what the provider reports");

    read_done("p100 c10", &done, &u);
    u.cost = unit_str("0.00012");
    CHECK_INT(ngx_litellm_price_cost(price, &done, &cost), NGX_OK);
    CHECK_INT(cost.total, 1500);

    done.reported = 1;
    CHECK_INT(ngx_litellm_price_cost(price, &done, &cost), NGX_OK);
    CHECK_INT(cost.total, 120000000);
    CHECK_INT(ngx_litellm_price_cost(NULL, &done, &cost), NGX_OK);
    CHECK_INT(cost.total, 120000000);

    u.cost = unit_str("-1");
    CHECK_INT(ngx_litellm_price_cost(price, &done, &cost), NGX_OK);
    CHECK_INT(cost.total, 1500);
    CHECK_INT(ngx_litellm_price_cost(NULL, &done, &cost), NGX_DECLINED);

    unit_case("without a usage");

    done.usage = NULL;
    CHECK_INT(ngx_litellm_price_cost(price, &done, &cost), NGX_OK);
    CHECK_INT(cost.total, 0);
}


static void
test_refused(void)
{
    ngx_str_t                   json, why;
    ngx_uint_t                  i;
    const ngx_litellm_price_t  *price;

    for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        unit_case("%s", refused[i].json);

        json = unit_str(refused[i].json);

        if (CHECK_INT(ngx_litellm_price_override(unit_pool, NULL, &json,
                                                 &price, &why),
                      NGX_DECLINED))
        {
            CHECK_STR(&why, refused[i].why);
        }
    }
}


static void
test_inherit(void)
{
    ngx_litellm_done_t          done;
    const ngx_litellm_price_t  *base, *price;

    unit_case("a deployment's keys over its model's");

    base = override(NULL, "{\"input_cost_per_token\":10e-12,"
                    "\"output_cost_per_token\":20e-12,"
                    "\"cache_read_input_token_cost\":1e-12,"
                    "\"output_cost_per_reasoning_token\":30e-12,"
                    "\"input_cost_per_token_priority\":15e-12,"
                    "\"input_cost_per_token_above_1k_tokens\":11e-12}");

    /* none of them: the same price */

    CHECK(override(base, "{\"mode\":\"chat\",\"input_cost_per_token\":null}")
          == base);
    CHECK(override(NULL, "{}") == NULL);

    price = override(base, "{\"input_cost_per_token\":2e-12}");
    CHECK_INT(cost_of(price, "p100 c1 h50"), 100 + 50 + 20);
    CHECK_INT(cost_of(price, "p100 S3"), 1500);
    CHECK_INT(cost_of(price, "p2000"), 4000);
    CHECK_INT(cost_of(price, "c10 t10"), 300);
    CHECK_INT(cost_of(base, "p2000"), 22000);

    price = override(base, "{\"output_cost_per_token\":2e-12}");
    CHECK_INT(cost_of(price, "c10 t10"), 20);

    price = override(base, "{\"cache_read_input_token_cost\":0}");
    CHECK_INT(cost_of(price, "p100 h50"), 500);
    CHECK_INT(cost_of(price, "p2000"), 22000);

    price = override(base, "{\"input_cost_per_token\":0}");
    CHECK_INT(cost_of(price, "p100 c10 h50 S3"), 0);
    CHECK(ngx_litellm_price_free(price));
    CHECK_INT(ngx_litellm_price_rank(price), 0);

    price = override(base, "{\"input_cost_per_token\":0,"
                     "\"output_cost_per_token\":5e-12}");
    CHECK_INT(cost_of(price, "p100 c10"), 50);
    CHECK(!ngx_litellm_price_free(price));

    price = override(base, "{\"input_cost_per_second\":1e-9}");
    CHECK_INT(cost_of(price, "p5000 c10 d2000"), 2000);
    CHECK_INT(ngx_litellm_price_rank(price), UNKNOWN);

    CHECK(!ngx_litellm_price_free(NULL));
    CHECK(!ngx_litellm_price_free(base));

    unit_case("the most it can be");

    ngx_memzero(&done, sizeof(ngx_litellm_done_t));

    CHECK_INT(ngx_litellm_price_bound(NULL, &done, 100, 100), 0);
    CHECK_INT(ngx_litellm_price_bound(base, &done, 100, 10), 1000 + 300);
    CHECK_INT(ngx_litellm_price_bound(base, &done, 2000, 0), 22000);

    done.asked = NGX_LITELLM_TIERS;
    CHECK_INT(ngx_litellm_price_bound(base, &done, 100, 10), 1500 + 300);
    CHECK_INT(ngx_litellm_price_bound(base, &done, 2000, 0), 30000);
    done.asked = NGX_LITELLM_TIER_UNKNOWN;

    price = override(NULL, "{\"input_cost_per_token\":1e-12,"
                     "\"input_cost_per_token_batches\":100e-12,"
                     "\"input_cost_per_token_above_1k_tokens\":3e-12,"
                     "\"input_cost_per_request\":7e-12,"
                     "\"regional_endpoint_uplift_multiplier\":1.1}");
    CHECK_INT(ngx_litellm_price_bound(price, &done, 1000, 0), 1007);

    done.regional = 1;
    CHECK_INT(ngx_litellm_price_bound(price, &done, 1000, 0), 1108);
    CHECK_INT(ngx_litellm_price_bound(price, &done, 1001, 0), 3311);
    CHECK_INT(ngx_litellm_price_bound(price, &done, NGX_LITELLM_MONEY_MAX,
                                      NGX_LITELLM_MONEY_MAX),
              NGX_LITELLM_MONEY_MAX);

    price = override(NULL, "{\"input_cost_per_token\":10e-12,"
                     "\"output_cost_per_token\":20e-12,"
                     "\"input_cost_per_token_flex\":5e-12,"
                     "\"input_cost_per_token_priority\":18e-12,"
                     "\"output_cost_per_token_priority\":40e-12,"
                     "\"input_cost_per_token_batches\":1000e-12}");
    done.regional = 0;
    CHECK_INT(ngx_litellm_price_bound(price, &done, 100, 10), 1200);
    done.asked = NGX_LITELLM_TIER_STANDARD;
    CHECK_INT(ngx_litellm_price_bound(price, &done, 100, 10), 1200);
    done.asked = NGX_LITELLM_TIER_FLEX;
    CHECK_INT(ngx_litellm_price_bound(price, &done, 100, 10), 700);
    done.asked = NGX_LITELLM_TIER_PRIORITY;
    CHECK_INT(ngx_litellm_price_bound(price, &done, 100, 10), 2200);
    done.asked = NGX_LITELLM_TIER_ULTRAFAST;
    CHECK_INT(ngx_litellm_price_bound(price, &done, 100, 10), 1200);
    done.asked = NGX_LITELLM_TIERS;
    CHECK_INT(ngx_litellm_price_bound(price, &done, 100, 10), 2200);
    done.asked = NGX_LITELLM_TIER_BATCHES;
    CHECK_INT(ngx_litellm_price_bound(price, &done, 100, 10), 2200);

    price = override(NULL, "{\"input_cost_per_token\":10e-12,"
                     "\"search_context_cost_per_query\":"
                     "{\"search_context_size_medium\":7e-12},"
                     "\"provider_specific_entry\":{\"us\":1.1,\"fast\":6}}");
    done.asked = NGX_LITELLM_TIER_UNKNOWN;
    CHECK_INT(ngx_litellm_price_bound(price, &done, 100, 10), 1000);
    done.searches = 2;
    CHECK_INT(ngx_litellm_price_bound(price, &done, 100, 10), 1014);
    done.fast = 1;
    CHECK_INT(ngx_litellm_price_bound(price, &done, 100, 10), 6014);
    done.geo_us = 1;
    CHECK_INT(ngx_litellm_price_bound(price, &done, 100, 10), 6614);
}


/*
 * Rates of the table are remembered, those of a deployment's own price are not:
 * with a rate that nothing is counted by, one is a copy of the other.
 */

static void
test_remembered(void)
{
    char                        what[64];
    ngx_str_t                   provider, model;
    ngx_uint_t                  i, k, tier, prompt;
    ngx_litellm_done_t          done;
    ngx_litellm_usage_t         u;
    const ngx_litellm_price_t  *price[9], *copy[9];

    static const struct {
        const char  *provider;
        const char  *model;
    } models[9] = {
        { "openai", "gpt-4o-mini" },
        { "openai", "gpt-5" },
        { "openai", "gpt-5.4" },
        { "gemini", "gemini-2.5-pro" },
        { "vertex_ai", "gemini-2.5-pro" },
        { "anthropic", "claude-sonnet-4-5" },
        { "openai", "gpt-4.1" },
        { "dashscope", "qwen-plus" },
        { "deepseek", "deepseek-chat" },
    };

    static const ngx_uint_t  prompts[] = {
        1, 32000, 32001, 128000, 128001, 200000, 200001, 256001, 272000,
        272001, 1000001, 5
    };

    for (i = 0; i < 9; i++) {
        unit_case("%s/%s is known", models[i].provider, models[i].model);

        provider = unit_str(models[i].provider);
        model = unit_str(models[i].model);

        price[i] = ngx_litellm_price_find(NULL, &provider, &model);
        CHECK(price[i] != NULL);

        copy[i] = override(price[i], "{\"input_cost_per_query\":0}");
        CHECK(copy[i] != price[i]);
    }

    /* no order: each model comes behind each other, below and above */

    for (k = 0; k < 20000; k++) {

        i = k * 2654435761u / 64 % 9;
        tier = k * 40503u / 16 % NGX_LITELLM_TIERS;
        prompt = prompts[k % 12];

        (void) sprintf(what, "p%u h%u c7 t3 T%u", (unsigned) prompt,
                       (unsigned) (prompt / 2), (unsigned) tier);

        unit_case("%s: %s", models[i].model, what);

        CHECK_INT(cost_of(price[i], what), cost_of(copy[i], what));

        read_done(what, &done, &u);
        CHECK_INT(ngx_litellm_price_bound(price[i], &done, prompt, 10),
                  ngx_litellm_price_bound(copy[i], &done, prompt, 10));
    }
}


static void
test_names(void)
{
    ngx_str_t                   provider, model;
    ngx_uint_t                  i;
    const ngx_litellm_price_t  *price;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        unit_case("%s/%s", names[i].provider, names[i].model);

        provider = unit_str(names[i].provider);
        model = unit_str(names[i].model);

        price = ngx_litellm_price_find(NULL, &provider, &model);

        CHECK((price == NULL) == (names[i].rank == UNKNOWN));
        CHECK_INT(ngx_litellm_price_rank(price), names[i].rank);
    }

    unit_case("names of one model");

#define same(p1, m1, p2, m2)                                                  \
    provider = unit_str(p1);                                                  \
    model = unit_str(m1);                                                     \
    price = ngx_litellm_price_find(NULL, &provider, &model);                  \
    provider = unit_str(p2);                                                  \
    model = unit_str(m2);                                                     \
    CHECK(price != NULL);                                                     \
    CHECK(ngx_litellm_price_find(NULL, &provider, &model) == price)

    same("bedrock", "anthropic.claude-opus-4-20250514-v1:0",
         "bedrock_converse", "converse/sa.anthropic.claude-opus-4-20250514-"
         "v1:0");
    same("bedrock", "anthropic.claude-opus-4-20250514-v1:0",
         "bedrock", "moon-1/anthropic.claude-opus-4-20250514-v1:0");
    same("vertex_ai", "gemini-2.5-flash", "vertex_ai_beta",
         "gemini-2.5-flash-001");
    same("gemini", "gemini-2.5-flash", "gemini", "gemini-2.5-flash-099");

    unit_case("a long name");

    model.len = 100000;
    model.data = ngx_pnalloc(unit_pool, model.len);
    ngx_memset(model.data, '/', model.len);
    provider = unit_str("bedrock");
    CHECK(ngx_litellm_price_find(NULL, &provider, &model) == NULL);
}


static void
test_map(void)
{
    ngx_str_t                   text, why, provider, model;
    ngx_uint_t                  i, skipped;
    ngx_litellm_prices_t       *prices;

    static const struct {
        const char  *provider;
        const char  *model;
        int64_t      rank;
    } found[] = {
        { "openai", "gpt-4o", 3 },
        { "openai", "text-davinci", 7 },
        { "acme", "rocket", 30 },
        { "vertex_ai", "m", 5 },
        { "acme", "twice", 11 },
        { "acme", "again", 13 },
        { "acme", "bad", UNKNOWN },
        { "acme", "", UNKNOWN },
        { "anthropic", "gpt-4o", UNKNOWN },
        { "openai", "gpt-3.5-turbo-instruct", 3500000 },
        { "xai", "edge", 2 },
    };

    unit_case("a map");

    text = unit_str("{\"sample_spec\":{\"litellm_provider\":\"one of a, b\"},"
        "\"gpt-4o\":{\"litellm_provider\":\"openai\","
        "\"input_cost_per_token\":1e-12,\"output_cost_per_token\":2e-12},"
        "\"text-davinci\":{\"litellm_provider\":\"text-completion-openai\","
        "\"input_cost_per_token\":7e-12},"
        "\"acme/rocket\":{\"litellm_provider\":\"acme\","
        "\"input_cost_per_token\":\"1e-11\","
        "\"output_cost_per_token\":2e-11},"
        "\"vertex_ai/m\":{\"litellm_provider\":\"vertex_ai-some_models\","
        "\"input_cost_per_token\":5e-12},"
        "\"acme/twice\":{\"litellm_provider\":\"acme\","
        "\"input_cost_per_token\":11e-12},"
        "\"twice\":{\"litellm_provider\":\"acme\","
        "\"input_cost_per_token\":12e-12},"
        "\"again\":{\"litellm_provider\":\"acme\","
        "\"input_cost_per_token\":12e-12},"
        "\"again\":{\"litellm_provider\":\"acme\","
        "\"input_cost_per_token\":13e-12},"
        "\"bad\":{\"litellm_provider\":\"acme\","
        "\"input_cost_per_token\":-1},"
        "\"none\":{\"litellm_provider\":\"acme\",\"mode\":\"chat\"},"
        "\"xai/edge\":{\"litellm_provider\":\"xai\","
        "\"input_cost_per_token\":2e-12,"
        "\"input_cost_per_token_above_1k_tokens\":3e-12},"
        "\"no\":1,\"nobody\":{}}");

    if (!CHECK_INT(ngx_litellm_prices_read(unit_pool, &text, &prices,
                                           &skipped, &why),
                   NGX_OK))
    {
        return;
    }

    CHECK_INT(skipped, 3);

    for (i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
        provider = unit_str(found[i].provider);
        model = unit_str(found[i].model);

        CHECK_INT(ngx_litellm_price_rank(
                         ngx_litellm_price_find(prices, &provider, &model)),
                  found[i].rank);
    }

    /* the last one is xAI's: 1000 tokens are above its threshold */

    CHECK_INT(cost_of(ngx_litellm_price_find(prices, &provider, &model),
                      "p999"), 1998);
    CHECK_INT(cost_of(ngx_litellm_price_find(prices, &provider, &model),
                      "p1000"), 3000);

#define bad_map(s, because)                                                   \
    unit_case("%s", s);                                                       \
    text = unit_str(s);                                                       \
    CHECK_INT(ngx_litellm_prices_read(unit_pool, &text, &prices, &skipped,    \
                                      &why),                                  \
              NGX_DECLINED);                                                  \
    CHECK_STR(&why, because)

    bad_map("[]", "the price map is not a JSON object");
    bad_map("{}", "there is no model with a price in it");
    bad_map("{\"a\":{\"litellm_provider\":\"b\"}}",
            "there is no model with a price in it");

    unit_case("a map that is no JSON");
    text = unit_str("{\n\"a\":\n}");
    CHECK_INT(ngx_litellm_prices_read(unit_pool, &text, &prices, &skipped,
                                      &why),
              NGX_DECLINED);
    CHECKF(ngx_strncmp(why.data, "line 3: ", 8) == 0, "%.*s", (int) why.len,
           why.data);
}


static void
test_keys(void)
{
    ngx_str_t   key;
    ngx_uint_t  i;

    static const struct {
        const char  *key;
        ngx_uint_t   is;
    } keys[] = {
        { "input_cost_per_token", 1 },
        { "cache_creation_input_token_cost_above_1hr_above_200k_tokens", 1 },
        { "output_cost_per_token_above_272k_tokens_priority", 1 },
        { "tiered_pricing", 1 },
        { "input_cost_per_token_above_k_tokens", 0 },
        { "input_cost_per_token_above_0k_tokens", 0 },
        { "input_cost_per_token_above_99999999999999999999999_tokens", 0 },
        { "input_cost_per_token_cheap", 0 },
        { "_priority", 0 },
        { "_tokens", 0 },
        { "us", 0 },
        { "fast", 0 },
        { "windows", 0 },
        { "search_context_size_low", 0 },
        { "", 0 },
    };

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        unit_case("key %s", keys[i].key);

        key = unit_str(keys[i].key);
        CHECK_INT(ngx_litellm_price_key(&key), keys[i].is);
    }
}


void
unit_main(void)
{
    test_cases();
    test_refused();
    test_inherit();
    test_names();
    test_remembered();
    test_map();
    test_keys();
}
