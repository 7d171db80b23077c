
/*
 * Configurations: how one of a group's deployments is chosen.
 */

#include "core/config_env.h"


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
      "    routing_strategy: priority\n", NGX_ERROR,
      { "E c.yaml:8: unknown routing_strategy \"priority\"; valid are" } },
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
    { M("x", "model: openai/x, api_key: SECRET, input_cost_per_token: dear")
      K, NGX_ERROR,
      { "E c.yaml:3: \"input_cost_per_token\" must be a number of 0" } },

    { NULL, 0, { NULL } }
};


void
unit_main(void)
{
    test_says(says);
}
