
/*
 * Configurations: budgets of deployments, providers, tags and groups, and how
 * limits are kept.
 */

#include "core/config_env.h"


static const say_t  says[] = {
    { X "router_settings: {provider_budget_config: [openai]}\n", NGX_ERROR,
      { "E c.yaml:5: \"provider_budget_config\" must be a map of names" } },
    { X "router_settings:\n  provider_budget_config:\n    openai: 5\n",
      NGX_ERROR,
      { "E c.yaml:7: \"provider_budget_config\" must be a map of names" } },
    { X "router_settings:\n  provider_budget_config:\n"
      "    openai: {time_period: 1d}\n", NGX_ERROR,
      { "E c.yaml:7: \"provider_budget_config\" has no \"budget_limit\"" } },
    { X "router_settings:\n  model_budget_config:\n"
      "    x: {budget_limit: 5, time_period: soon}\n", NGX_ERROR,
      { "E c.yaml:7: \"budget_duration\" must be like" } },
    { X "litellm_settings:\n  tag_budget_config:\n"
      "    t: {max_budget: -1}\n", NGX_ERROR,
      { "E c.yaml:7: \"max_budget\" must be" } },
    { X "litellm_settings: {budget_exceeded_status_code: 200}\n", NGX_ERROR,
      { "E c.yaml:5: \"budget_exceeded_status_code\" must be" } },
    { X "litellm_settings: {block_requests_for_models_without_pricing: x}\n",
      NGX_ERROR,
      { "E c.yaml:5: \"block_requests_for_models_without_pricing\"" } },
    { M("x", "model: openai/x, api_key: SECRET, max_budget: much") K,
      NGX_ERROR, { "E c.yaml:3: \"max_budget\" must be" } },
    { M("x", "model: openai/x, api_key: SECRET, max_budget: 1.5, "
        "budget_duration: 12 parsecs") K,
      NGX_ERROR, { "E c.yaml:3: \"budget_duration\" must be like" } },
    { X "router_settings: {provider_budget_config: null, "
      "model_budget_config: {}}\n", NGX_OK, { "!c.yaml" } },
    { NULL, 0, { NULL } }
};


static ngx_litellm_named_budget_t *
named(ngx_array_t *list, ngx_uint_t n)
{
    return (list != NULL && n < list->nelts)
           ? (ngx_litellm_named_budget_t *) list->elts + n : NULL;
}


static void
defaults(void)
{
    unit_case("nothing is said");

    CHECK_INT(load(X), NGX_OK);
    CHECK(conf->limiting.providers == NULL);
    CHECK(conf->limiting.models == NULL);
    CHECK(conf->limiting.tags == NULL);
    CHECK_INT(conf->limiting.output, -1);
    CHECK_INT(conf->limiting.budget_status, 422);
    CHECK_INT(conf->limiting.block_unpriced, 0);
    CHECK_INT(conf->limiting.worst_case, 0);
    CHECK_INT(conf->limiting.reserve_budgets, 1);
    CHECK_INT(conf->limiting.user_of_team_keys, 0);
    CHECK_INT(dep(0)->budget.max, -1);
}


static void
budgets(void)
{
    ngx_litellm_named_budget_t  *b;

    unit_case("budgets");

    CHECK_INT(load(M("x", "model: openai/x, api_key: SECRET, max_budget: "
                     "0.000000000001, budget_duration: 1mo") K
                   "router_settings:\n"
                   "  provider_budget_config:\n"
                   "    openai: {budget_limit: 12.5, time_period: 1d}\n"
                   "    azure: {max_budget: 3e-7, budget_duration: 30s}\n"
                   "  model_budget_config: {x: {budget_limit: 1}}\n"
                   "litellm_settings:\n"
                   "  tag_budget_config: {t: {max_budget: '2'}}\n"),
              NGX_OK);
    CHECK(!has("c.yaml"));

    CHECK_INT(dep(0)->budget.max, 1);
    CHECK_INT(dep(0)->budget.period.type, NGX_LITELLM_MONTHLY);

    b = named(conf->limiting.providers, 0);
    CHECK(b != NULL && b->name.len == 6
          && memcmp(b->name.data, "openai", 6) == 0);
    CHECK_INT(b->budget.max, 12500000000000LL);
    CHECK_INT(b->budget.period.type, NGX_LITELLM_DAILY);

    b = named(conf->limiting.providers, 1);
    CHECK_INT(b->budget.max, 300000);
    CHECK_INT(b->budget.period.type, NGX_LITELLM_EVERY);
    CHECK_INT(b->budget.period.n, 30);

    b = named(conf->limiting.models, 0);
    CHECK_INT(b->budget.max, NGX_LITELLM_DOLLAR);
    CHECK_INT(b->budget.period.type, NGX_LITELLM_NEVER);

    b = named(conf->limiting.tags, 0);
    CHECK_INT(b->budget.max, 2 * NGX_LITELLM_DOLLAR);
}


static void
settings(void)
{
    unit_case("settings, of either section");

    CHECK_INT(load(M("x", "model: openai/x, api_key: SECRET")
                   "general_settings:\n"
                   "  master_key: sk-SECRET-123456\n"
                   "  fail_closed_budget_enforcement: true\n"
                   "  disable_budget_reservation: true\n"
                   "  apply_user_budget_to_team_keys: true\n"
                   "  default_estimated_output_tokens: 77\n"
                   "  budget_exceeded_status_code: 402\n"
                   "litellm_settings:\n"
                   "  budget_exceeded_status_code: 429\n"
                   "  block_requests_for_models_without_pricing: true\n"),
              NGX_OK);
    CHECK(!has("c.yaml"));

    CHECK_INT(conf->limiting.worst_case, 1);
    CHECK_INT(conf->limiting.reserve_budgets, 0);
    CHECK_INT(conf->limiting.user_of_team_keys, 1);
    CHECK_INT(conf->limiting.output, 77);
    CHECK_INT(conf->limiting.budget_status, 402);
    CHECK_INT(conf->limiting.block_unpriced, 1);
    CHECK_INT(conf->counted, 1);
}


void
unit_main(void)
{
    test_says(says);
    defaults();
    budgets();
    settings();
}
