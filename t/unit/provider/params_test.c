
/*
 * The table of top level members: every name is found as itself, near misses
 * are not, and the check of supported parameters.
 */

#include "openai_call.h"


static void
test_names(void)
{
    ngx_str_t                  *name, other;
    ngx_uint_t                  i, j;
    const ngx_litellm_param_t  *p;

    for (i = 0; i < NGX_LITELLM_P_MAX; i++) {
        name = ngx_litellm_param_name(i);

        unit_case("parameter %.*s", (int) name->len, name->data);

        p = ngx_litellm_param_find(name->data, name->len);

        if (!CHECK(p != NULL)) {
            continue;
        }

        CHECK_INT(p->kind, NGX_LITELLM_PARAM_OPENAI);
        CHECK_INT(p->id, i);
        CHECK_INT(p->len, name->len);
        CHECK(ngx_memcmp(p->name, name->data, name->len) == 0);

        /* one byte off, longer, shorter */

        for (j = 0; j < name->len; j++) {
            other = unit_mem(name->data, name->len);
            other.data[j] ^= 0x80;
            CHECK(ngx_litellm_param_find(other.data, other.len) == NULL);
        }

        other = unit_mem(name->data, name->len - 1);
        p = ngx_litellm_param_find(other.data, other.len);
        CHECK(p == NULL || p->len == other.len);
    }

    CHECK_STR(ngx_litellm_param_name(NGX_LITELLM_P_MAX), "unknown");
}


static void
test_kinds(void)
{
    ngx_str_t                   s;
    ngx_uint_t                  i;
    const ngx_litellm_param_t  *p;

    static const struct {
        const char                *name;
        ngx_int_t                  kind;       /* -1: nobody's */
        ngx_int_t                  id;
    } cases[] = {
        { "model", NGX_LITELLM_PARAM_BODY, NGX_LITELLM_BODY_MODEL },
        { "messages", NGX_LITELLM_PARAM_BODY, NGX_LITELLM_BODY_MESSAGES },
        { "prompt", NGX_LITELLM_PARAM_BODY, NGX_LITELLM_BODY_PROMPT },
        { "input", NGX_LITELLM_PARAM_BODY, NGX_LITELLM_BODY_INPUT },
        { "fallbacks", NGX_LITELLM_PARAM_CONTROL, 0 },
        { "num_retries", NGX_LITELLM_PARAM_CONTROL,
          NGX_LITELLM_CONTROL_SERVING },
        { "no-log", NGX_LITELLM_PARAM_CONTROL,
          NGX_LITELLM_CONTROL_SERVING },
        { "ttl", NGX_LITELLM_PARAM_CONTROL,
          NGX_LITELLM_CONTROL_SERVING },
        { "mock_timeout", NGX_LITELLM_PARAM_CONTROL,
          NGX_LITELLM_CONTROL_MOCK },
        { "mock_delay", NGX_LITELLM_PARAM_CONTROL, NGX_LITELLM_CONTROL_MOCK },
        { "mock_testing_fallbacks", NGX_LITELLM_PARAM_CONTROL,
          NGX_LITELLM_CONTROL_MOCK },
        { "mock_testing_of_something_with_a_long_name",
          NGX_LITELLM_PARAM_CONTROL, NGX_LITELLM_CONTROL_MOCK },
        { "mock_testing_", -1, 0 },
        { "mock_response", NGX_LITELLM_PARAM_SILENT, 0 },
        { "input_cost_per_token", NGX_LITELLM_PARAM_SILENT, 0 },
        { "api_key", NGX_LITELLM_PARAM_REFUSED, 0 },
        { "api_base", NGX_LITELLM_PARAM_REFUSED, 0 },
        { "base_url", NGX_LITELLM_PARAM_REFUSED, 0 },
        { "user_config", NGX_LITELLM_PARAM_REFUSED, 0 },
        { "model_list", NGX_LITELLM_PARAM_REFUSED, 0 },
        { "rust", NGX_LITELLM_PARAM_REFUSED, 0 },
        { "aws_secret_access_key", NGX_LITELLM_PARAM_REFUSED, 0 },
        { "vertex_credentials", NGX_LITELLM_PARAM_REFUSED, 0 },
        { "langfuse_host", NGX_LITELLM_PARAM_REFUSED, 0 },
        { "", -1, 0 },
        { "n ", -1, 0 },
        { "m", -1, 0 },
        { "Model", -1, 0 },
        { "cache_control", -1, 0 },
        { "a_name_that_is_longer_than_all_of_them", -1, 0 },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("%s", cases[i].name);

        s = unit_str(cases[i].name);
        p = ngx_litellm_param_find(s.data, s.len);

        if (cases[i].kind < 0) {
            CHECK(p == NULL);
            continue;
        }

        if (CHECK(p != NULL)) {
            CHECK_INT(p->kind, cases[i].kind);
            CHECK_INT(p->id, cases[i].id);
        }
    }
}


static void
push(ngx_array_t **a, const char *name)
{
    if (*a == NULL) {
        *a = ngx_array_create(unit_pool, 2, sizeof(ngx_str_t));
    }

    *(ngx_str_t *) ngx_array_push(*a) = openai_str(name);
}


static void
test_check(void)
{
    uint64_t       present, supported;
    openai_call_t  c;

#define BIT(p)  ngx_litellm_param_bit(p)

    supported = BIT(TEMPERATURE) | BIT(MAX_TOKENS);

    unit_case("supported, unsupported, dropped");

    openai_call(&c, NGX_LITELLM_OP_CHAT, "m",
                unit_str("{\"model\":\"m\",\"messages\":[],\"n\":2}"));
    CHECK_INT(openai_open(&c), NGX_OK);

    present = BIT(TEMPERATURE) | BIT(USER) | BIT(STREAM) | BIT(METADATA);
    CHECK_INT(ngx_litellm_params_check(&c.call, &present, supported,
                                       &c.error), NGX_OK);
    CHECK(present == (BIT(TEMPERATURE) | BIT(USER) | BIT(STREAM)
                      | BIT(METADATA)));

    /* two unsupported */

    present = BIT(SEED) | BIT(TEMPERATURE) | BIT(N);
    CHECK_INT(ngx_litellm_params_check(&c.call, &present, supported,
                                       &c.error), NGX_DECLINED);
    CHECK_INT(c.error.class, NGX_LITELLM_UNSUPPORTED_PARAMS);
    CHECK_INT(c.error.status, 400);
    CHECK(ngx_strnstr(c.error.message.data,
                      "openai does not support parameters: ['n', 'seed'], "
                      "for model=m", c.error.message.len) != NULL);

    c.call.drop_params = 1;
    CHECK_INT(ngx_litellm_params_check(&c.call, &present, supported,
                                       &c.error), NGX_OK);
    CHECK(present == BIT(TEMPERATURE));

    unit_case("allowed by the deployment, dropped by it");

    openai_call(&c, NGX_LITELLM_OP_CHAT, "m",
                unit_str("{\"model\":\"m\",\"messages\":[],\"n\":1}"));
    CHECK_INT(openai_open(&c), NGX_OK);

    push(&c.deployment.allow, "seed");
    push(&c.deployment.drop, "top_p");
    push(&c.deployment.drop, "tools[*].function.strict");

    present = BIT(SEED) | BIT(TOP_P) | BIT(N);
    CHECK_INT(ngx_litellm_params_check(&c.call, &present, supported,
                                       &c.error), NGX_OK);
    CHECK(present == (BIT(SEED) | BIT(N)));

    unit_case("penalties of 0");

    openai_call(&c, NGX_LITELLM_OP_CHAT, "m",
                unit_str("{\"model\":\"m\",\"messages\":[],"
                         "\"presence_penalty\":0.0,"
                         "\"frequency_penalty\":1}"));
    CHECK_INT(openai_open(&c), NGX_OK);

    present = BIT(PRESENCE_PENALTY) | BIT(SEED);
    CHECK_INT(ngx_litellm_params_check(&c.call, &present, supported
                                       | BIT(SEED), &c.error), NGX_OK);
    CHECK(present == BIT(SEED));

    present = BIT(FREQUENCY_PENALTY);
    CHECK_INT(ngx_litellm_params_check(&c.call, &present, supported,
                                       &c.error), NGX_DECLINED);

    unit_case("allowed and dropped by the client");

    openai_call(&c, NGX_LITELLM_OP_CHAT, "m",
                unit_str("{\"model\":\"m\",\"messages\":[],"
                         "\"allowed_openai_params\":[1,\"seed\",null],"
                         "\"additional_drop_params\":[\"top_p\",{}]}"));
    CHECK_INT(openai_open(&c), NGX_OK);

    present = BIT(SEED) | BIT(TOP_P);
    CHECK_INT(ngx_litellm_params_check(&c.call, &present, supported,
                                       &c.error), NGX_OK);
    CHECK(present == BIT(SEED));
}


void
unit_main(void)
{
    test_names();
    test_kinds();
    test_check();
}
