
/*
 * Configurations: how one of a group's deployments is chosen.
 */

#include "core/config_env.h"

#include "ngx_litellm_plan.h"


static const say_t  says[] = {
    { X "router_settings:\n  routing_strategy: fastest\n", NGX_ERROR,
      { "E c.yaml:6: unknown routing_strategy \"fastest\"; valid are "
        "simple-shuffle, least-busy, usage-based-routing, "
        "usage-based-routing-v2, latency-based-routing, cost-based-routing, "
        "latency-based, usage-based, cost-based, least-cost" } },
    { X "router_settings: {routing_strategy: least-cost}\n", NGX_OK,
      { "!not served",
        "N c.yaml:5: routing_strategy has nothing to choose from" } },
    { X "router_settings:\n  routing_groups:\n  - models: [x]\n"
      "    routing_strategy: fastest\n", NGX_ERROR,
      { "E c.yaml:8: unknown routing_strategy \"fastest\"; valid are" } },
    { X "router_settings:\n  routing_groups:\n  - models: [x]\n"
      "    routing_strategy: priority\n", NGX_ERROR,
      { "E c.yaml:7: an element of routing_groups with the strategy "
        "\"priority\" needs a group_name" } },
    { X "router_settings:\n  routing_groups:\n  - models: [x]\n"
      "    routing_strategy: priority\n    group_name: g\n"
      "    model_priorities: [1]\n", NGX_ERROR,
      { "E c.yaml:10: the strategy \"priority\" needs "
        "\"model_priorities\"" } },
    { X "router_settings:\n  routing_groups:\n  - models: [x]\n"
      "    routing_strategy: priority\n    group_name: g\n"
      "    model_priorities: {x: 1.5}\n", NGX_ERROR,
      { "E c.yaml:10: \"model_priorities\" must be a whole number" } },
    { X "router_settings:\n  routing_groups:\n  - models: [y]\n", NGX_OK,
      { "W c.yaml:7: a routing group has \"y\", which no model_name "
        "answers; did you mean \"x\"?" } },
    { X "router_settings:\n  default_max_parallel_requests: many\n",
      NGX_ERROR,
      { "E c.yaml:6: \"default_max_parallel_requests\" must be a whole" } },
    { X "router_settings: {enable_weighted_failover: true, "
      "default_max_parallel_requests: 5}\n", NGX_OK, { "!c.yaml" } },
    { M("x", "model: openai/x, api_key: SECRET, max_parallel_requests: 5") K,
      NGX_OK, { "!c.yaml" } },
    { X "router_settings: {routing_groups: {x: y}}\n", NGX_ERROR,
      { "E c.yaml:5: \"routing_groups\" must be a list of maps" } },
    { X "router_settings:\n  routing_groups:\n  - x\n", NGX_ERROR,
      { "E c.yaml:7: an element of routing_groups must be a map" } },
    { X "router_settings:\n  routing_groups:\n  - {group_name: y}\n",
      NGX_ERROR,
      { "E c.yaml:7: an element of routing_groups has no models" } },
    { X "router_settings:\n  routing_strategy_args: fast\n", NGX_ERROR,
      { "E c.yaml:6: \"routing_strategy_args\" must be a map" } },
    { X "router_settings:\n  routing_strategy_args:\n"
      "    lowest_latency_buffer: -1\n", NGX_ERROR,
      { "E c.yaml:7: \"lowest_latency_buffer\" must be a number of 0 or" } },
    { X "router_settings:\n  routing_strategy_args:\n"
      "    ttft_percentile: 95\n", NGX_ERROR,
      { "E c.yaml:7: \"ttft_percentile\" must be a number from 0 to 1" } },
    { X "router_settings:\n  enable_tag_filtering: perhaps\n", NGX_ERROR,
      { "E c.yaml:6: \"enable_tag_filtering\"" } },
    { X "router_settings:\n  enable_pre_call_checks: 7\n", NGX_ERROR,
      { "E c.yaml:6: \"enable_pre_call_checks\"" } },
    { X "router_settings:\n  optional_pre_call_checks: [prompt_caching, "
      "session_affinity, deployment_affinity, crystal_ball]\n", NGX_OK,
      { "W c.yaml:6: \"crystal_ball\" of optional_pre_call_checks is not",
        "!prompt_caching" } },
    { M("x", "model: openai/x, api_key: SECRET, tags: {a: b}") K, NGX_ERROR,
      { "E c.yaml:3: \"tags\" must be a list of texts" } },
    { M("x", "model: openai/x, api_key: SECRET, tag_regex: {a: b}") K,
      NGX_ERROR, { "E c.yaml:3: \"tag_regex\" must be a list of texts" } },
    { X "router_settings:\n  tag_routing_prefix: [a]\n", NGX_ERROR,
      { "E c.yaml:6: \"tag_routing_prefix\" must be a text" } },
    { M("x", "model: openai/x, api_key: SECRET, input_cost_per_token: dear")
      K, NGX_ERROR,
      { "E c.yaml:3: \"input_cost_per_token\" is not a price: it is "
        "dollars, 0 or more" } },

    { NULL, 0, { NULL } }
};


static void
test_priorities(void)
{
    ngx_str_t             name;
    ngx_litellm_alias_t  *a;
    ngx_litellm_level_t  *level;

    unit_case("a routing group by its name");
    CHECK_INT(load("model_list:\n"
                   "- {model_name: a, litellm_params: {model: openai/x, "
                   "api_key: k, weight: 5, order: 9}}\n"
                   "- {model_name: b, litellm_params: {model: openai/y, "
                   "api_key: k, rpm: 3}}\n"
                   "- {model_name: c, litellm_params: {model: openai/z, "
                   "api_key: k, max_parallel_requests: 4}}\n"
                   "- {model_name: b, litellm_params: {model: openai/w, "
                   "api_key: k}}\n" K
                   "router_settings: {default_max_parallel_requests: 7, "
                   "routing_groups: [{group_name: g, models: [a, b, c], "
                   "routing_strategy: priority, model_priorities: {b: 2, "
                   "a: 2}}]}\n"), NGX_OK);
    CHECK_INT(nsaid[NGX_LITELLM_DIAG_WARN], 0);

    name = unit_str("g");
    a = ngx_litellm_config_alias(conf, &name);

    if (CHECK(a != NULL && a->group != NULL)
        && CHECK_INT(a->group->plan->levels.nelts, 2))
    {
        level = a->group->plan->levels.elts;

        CHECK_INT(level[0].order, 2);
        CHECK_INT(level[0].n, 3);
        CHECK_INT(level[0].kind, NGX_LITELLM_BY_NOTHING);
        CHECK(level[0].sum == NULL);
        CHECK(level[1].n == 1 && level[1].list[0] == dep(2));
        CHECK_INT(a->group->plan->routing->strategy, NGX_LITELLM_SHUFFLE);
    }

    /* where there is no limit of another kind */

    CHECK_INT(dep(0)->max_parallel, 7);
    CHECK_INT(dep(1)->max_parallel, -1);
    CHECK_INT(dep(2)->max_parallel, 4);
    CHECK_INT(dep(3)->max_parallel, 7);
}


static void
test_tags(void)
{
    ngx_uint_t                n;
    ngx_str_t                 name;
    ngx_litellm_plan_t       *plan;
    ngx_litellm_group_t      *g;
    ngx_litellm_tag_regex_t  *re;

    unit_case("tag_regex: each pattern once");
    CHECK_INT(load("model_list:\n"
                   "- {model_name: a, litellm_params: {model: openai/x, "
                   "api_key: k, tag_regex: [one, two]}}\n"
                   "- {model_name: a, litellm_params: {model: openai/y, "
                   "api_key: k, tag_regex: two, tags: [t, s]}}\n"
                   "- {model_name: a, litellm_params: {model: openai/z, "
                   "api_key: k, tags: [t]}}\n" K
                   "router_settings: {tag_routing_prefix: \"r:\"}\n"),
              NGX_OK);
    CHECK_INT(nsaid[NGX_LITELLM_DIAG_WARN], 0);
    CHECK_INT(dep(0)->tag_regex, 3);
    CHECK_INT(dep(1)->tag_regex, 2);
    CHECK_INT(dep(2)->tag_regex, 0);
    CHECK_STR(&conf->tag_prefix, "r:");

    if (CHECK(conf->tag_regex != NULL && conf->tag_regex->nelts == 2)) {
        re = conf->tag_regex->elts;
        CHECK_STR(&re[0].pattern, "one");
        CHECK_INT(re[0].line, 2);
        CHECK_STR(&re[1].pattern, "two");
        CHECK_STR(&re[1].file, "c.yaml");
    }

    name = unit_str("a");
    g = ngx_litellm_config_group(conf, &name);
    plan = g->plan;

    CHECK_INT(plan->tag_regex, 3);

    for (n = 0; n < 2; n++) {
        CHECK_INT(ngx_litellm_plan_has_tag(plan, (u_char *) "st" + n, 1), 1);
    }

    CHECK_INT(ngx_litellm_plan_has_tag(plan, (u_char *) "a", 1), 0);
    CHECK_INT(ngx_litellm_plan_has_tag(plan, (u_char *) "z", 1), 0);
    CHECK_INT(ngx_litellm_plan_has_tag(plan, (u_char *) "st", 2), 0);
}


void
unit_main(void)
{
    test_says(says);
    test_priorities();
    test_tags();
}
