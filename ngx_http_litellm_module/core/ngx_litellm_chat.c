
/*
 * The few functions of the neutral form: what an empty usage and an empty
 * answer are, and the names of finish reasons.  Everything else of it is plain
 * data that formats and providers fill and read.
 */

#include "ngx_litellm_chat.h"


static ngx_str_t  ngx_litellm_finish_names[] = {
    ngx_null_string,
    ngx_string("stop"),
    ngx_string("length"),
    ngx_string("tool_calls"),
    ngx_string("content_filter"),
    ngx_string("function_call")
};


void
ngx_litellm_usage_init(ngx_litellm_usage_t *u)
{
    ngx_memzero(u, sizeof(ngx_litellm_usage_t));

    u->prompt = -1;
    u->completion = -1;
    u->total = -1;
    u->cached = -1;
    u->cache_write = -1;
    u->cache_write_1h = -1;
    u->reasoning = -1;
    u->audio_in = -1;
    u->audio_out = -1;
    u->image_out = -1;
    u->searches = -1;
}


/*
 * OpenAI's and Anthropic's service_tier, Gemini's trafficType ("ON_DEMAND" and
 * "PROVISIONED_THROUGHPUT" are its standard).  "fast" is priced as "priority".
 */

ngx_litellm_tier_e
ngx_litellm_tier(const u_char *name, size_t len)
{
    ngx_uint_t  i;

    static const struct {
        ngx_str_t           name;
        ngx_litellm_tier_e  tier;
    } tiers[] = {
        { ngx_string("flex"), NGX_LITELLM_TIER_FLEX },
        { ngx_string("balanced"), NGX_LITELLM_TIER_BALANCED },
        { ngx_string("priority"), NGX_LITELLM_TIER_PRIORITY },
        { ngx_string("fast"), NGX_LITELLM_TIER_PRIORITY },
        { ngx_string("ultrafast"), NGX_LITELLM_TIER_ULTRAFAST },
        { ngx_string("decisions"), NGX_LITELLM_TIER_DECISIONS },
        { ngx_string("batch"), NGX_LITELLM_TIER_BATCHES },
        { ngx_string("default"), NGX_LITELLM_TIER_STANDARD },
        { ngx_string("standard"), NGX_LITELLM_TIER_STANDARD },
        { ngx_string("standard_only"), NGX_LITELLM_TIER_STANDARD },
        { ngx_string("ON_DEMAND"), NGX_LITELLM_TIER_STANDARD },
        { ngx_string("ON_DEMAND_FLEX"), NGX_LITELLM_TIER_FLEX },
        { ngx_string("ON_DEMAND_PRIORITY"), NGX_LITELLM_TIER_PRIORITY },
        { ngx_string("PROVISIONED_THROUGHPUT"), NGX_LITELLM_TIER_STANDARD },
    };

    for (i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++) {

        if (len == tiers[i].name.len
            && ngx_strncasecmp((u_char *) name, tiers[i].name.data, len) == 0)
        {
            return tiers[i].tier;
        }
    }

    return NGX_LITELLM_TIER_UNKNOWN;
}


ngx_str_t *
ngx_litellm_finish_name(ngx_litellm_finish_e finish)
{
    if ((ngx_uint_t) finish > NGX_LITELLM_FINISH_FUNCTION_CALL) {
        finish = NGX_LITELLM_FINISH_NONE;
    }

    return &ngx_litellm_finish_names[finish];
}


ngx_litellm_finish_e
ngx_litellm_finish_find(ngx_litellm_json_t *reason,
    const ngx_litellm_reason_t *reasons, ngx_uint_t n)
{
    ngx_uint_t  i;

    if (!ngx_litellm_json_is(reason, STRING)) {
        return NGX_LITELLM_FINISH_STOP;
    }

    for (i = 0; i < n; i++) {
        if (ngx_litellm_json_equal(reason, (char *) reasons[i].name.data,
                                   reasons[i].name.len))
        {
            return reasons[i].finish;
        }
    }

    return NGX_LITELLM_FINISH_STOP;
}


/*
 * Answers have one text, mostly no thinking and few calls, hence the small
 * arrays.  NGX_ERROR: no memory.
 */

ngx_int_t
ngx_litellm_answer_init(ngx_litellm_answer_t *a, ngx_pool_t *pool)
{
    ngx_memzero(a, sizeof(ngx_litellm_answer_t));

    ngx_litellm_usage_init(&a->usage);

    if (ngx_array_init(&a->text, pool, 2, sizeof(ngx_str_t)) != NGX_OK
        || ngx_array_init(&a->reasoning, pool, 1, sizeof(ngx_str_t))
           != NGX_OK
        || ngx_array_init(&a->thinking, pool, 1, sizeof(ngx_litellm_part_t))
           != NGX_OK
        || ngx_array_init(&a->calls, pool, 2, sizeof(ngx_litellm_tool_call_t))
           != NGX_OK
        || ngx_array_init(&a->annotations, pool, 1, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_litellm_answer_t *
ngx_litellm_answer_choice(ngx_litellm_answer_t *answer, ngx_pool_t *pool)
{
    ngx_uint_t             n;
    ngx_litellm_answer_t  *a;

    a = ngx_palloc(pool, sizeof(ngx_litellm_answer_t));

    if (a == NULL || ngx_litellm_answer_init(a, pool) != NGX_OK) {
        return NULL;
    }

    for (n = 1; answer->next; n++) {
        answer = answer->next;
    }

    a->index = n;
    answer->next = a;

    return a;
}
