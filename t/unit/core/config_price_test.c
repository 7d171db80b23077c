
/*
 * What deployments of a configuration cost, and /spend/calculate's sums of
 * them.
 */

#include "config_env.h"


static const struct {
    const char  *params;
    const char  *info;
    int64_t      rank;        /* in and out; -1: unknown */
    ngx_uint_t   own;
} prices[] = {
    { "model: openai/gpt-4o", NULL, 12500000, 0 },
    { "model: gpt-4o", NULL, 12500000, 0 },
    { "model: openai/nobody-knows", NULL, -1, 0 },
    { "model: 'openai/*'", NULL, -1, 0 },
    { "model: ollama/mine", NULL, 0, 0 },
    { "model: openai/nobody-knows, input_cost_per_token: 1e-6", NULL,
      1000000, 1 },
    { "model: openai/nobody-knows, input_cost_per_token: '0.000001'",
      "output_cost_per_token: 2e-06", 3000000, 1 },
    { "model: openai/nobody-knows, input_cost_per_token: 1e-6",
      "input_cost_per_token: 9", 1000000, 1 },
    { "model: openai/gpt-4o, input_cost_per_token: os.environ/PRICE", NULL,
      10000005, 1 },
    { "model: openai/gpt-4o, input_cost_per_token: os.environ/NO_PRICE", NULL,
      12500000, 0 },
    { "model: openai/gpt-4o, input_cost_per_token: null", NULL, 12500000, 0 },
    { "model: openai/gpt-4o, input_cost_per_token: 0", NULL, 0, 1 },

    /* names of other models */
    { "model: azure/mine, api_base: 'http://h'", "base_model: azure/gpt-4o",
      12500000, 0 },
    { "model: azure/mine, api_base: 'http://h'", "base_model: gpt-4o",
      12500000, 0 },
    { "model: hosted_vllm/x, api_base: 'http://h', base_model: openai/gpt-4o",
      NULL, 12500000, 0 },
    { "model: hosted_vllm/gpt-4o, api_base: 'http://h'", NULL, -1, 0 },
    { "model: openai/gpt-4o", "base_model: nobody-knows", 12500000, 0 },
};


static const struct {
    const char  *body;
    int64_t      total;       /* -1: refused */
} sums[] = {
    { "{\"model\":\"mine\",\"messages\":[{\"role\":\"user\",\"content\":"
      "\"12345678901\"}]}", 10 },
    { "{\"model\":\"openai/gpt-4o\",\"messages\":[]}", 0 },
    { "{\"completion_response\":{\"model\":\"gpt-4o\",\"usage\":"
      "{\"prompt_tokens\":7,\"completion_tokens\":3}}}", 47500000 },
    { "{\"model\":\"mine\",\"completion_response\":{\"model\":\"gpt-4o\","
      "\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}}", 13 },
    { "{\"completion_response\":{\"model\":\"gpt-4o\"}}", 0 },
    { "{\"model\":\"mine\"}", -1 },
    { "{\"messages\":[]}", -1 },
    { "{\"model\":\"nobody-knows\",\"messages\":[]}", -1 },
    { "{\"model\":1,\"messages\":[]}", -1 },
    { "[]", -1 },
    { "{", -1 },
};


static void
test_prices(void)
{
    char                       text[1024];
    ngx_uint_t                 i;
    ngx_litellm_deployment_t  *d;

    vars[0] = "PRICE=0.000000000005";
    vars[1] = NULL;

    for (i = 0; i < sizeof(prices) / sizeof(prices[0]); i++) {
        unit_case("%s; %s", prices[i].params,
                  prices[i].info ? prices[i].info : "-");

        snprintf(text, sizeof(text), "model_list:\n- model_name: x\n"
                 "  litellm_params: {%s, api_key: SECRET}\n"
                 "  model_info: {%s}\n" K, prices[i].params,
                 prices[i].info ? prices[i].info : "");

        if (!CHECK_INT(load(text), NGX_OK)
            || !CHECK_INT(conf->deployments.nelts, 1))
        {
            continue;
        }

        d = *(ngx_litellm_deployment_t **) conf->deployments.elts;

        CHECK_INT(ngx_litellm_price_rank(d->price), prices[i].rank);
        CHECK_INT(d->own_price, prices[i].own);
        CHECK(strstr(said, "cost") == NULL);
    }
}


static void
test_area(void)
{
    ngx_litellm_deployment_t  *d;

    unit_case("hosts that are dearer");

    if (CHECK_INT(load(M("x", "model: openai/gpt-4o, api_key: SECRET, "
                         "api_base: 'https://eu.api.openai.com/v1'") K),
                  NGX_OK))
    {
        d = *(ngx_litellm_deployment_t **) conf->deployments.elts;
        CHECK(d->price_eu && !d->price_us && !d->price_regional);
    }
}


static void
test_sums(void)
{
    ngx_int_t            rc;
    ngx_str_t            body;
    ngx_uint_t           i;
    ngx_litellm_cost_t   cost;
    ngx_litellm_error_t  e;

    for (i = 0; i < sizeof(sums) / sizeof(sums[0]); i++) {
        unit_case("%s", sums[i].body);

        if (!CHECK_INT(load(M("mine", "model: openai/y, api_key: SECRET, "
                              "input_cost_per_token: 1e-12, "
                              "output_cost_per_token: 2e-12") K),
                       NGX_OK))
        {
            continue;
        }

        body = unit_str(sums[i].body);

        rc = ngx_litellm_price_calculate(unit_pool, conf, &body, 0, &cost,
                                         &e);
        if (sums[i].total == -1) {
            CHECK_INT(rc, NGX_DECLINED);
            CHECK_INT(e.status, 400);
            CHECK(e.message.len != 0);
            continue;
        }

        CHECK_INT(rc, NGX_OK);
        CHECK_INT(cost.total, sums[i].total);
    }
}


void
unit_main(void)
{
    test_prices();
    test_area();
    test_sums();
}
