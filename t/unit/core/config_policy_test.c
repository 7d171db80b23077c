
/*
 * Configurations: how often a failure is tried again, and what takes a
 * deployment away.
 */

#include "core/config_env.h"


static const say_t  says[] = {
    { X "litellm_settings:\n  num_retries_per_request: x\n", NGX_ERROR,
      { "E c.yaml:6: \"num_retries_per_request\" must be a whole number" } },
    { X "router_settings:\n  allowed_fails: -1\n", NGX_ERROR,
      { "E c.yaml:6: \"allowed_fails\" must be a whole number from 0" } },
    { X "router_settings:\n  cooldown_time: soon\n", NGX_ERROR,
      { "E c.yaml:6: \"cooldown_time\" must be a number of seconds" } },
    { X "router_settings:\n  disable_cooldowns: 7\n", NGX_ERROR,
      { "E c.yaml:6: \"disable_cooldowns\" must be true or false" } },
    { X "router_settings:\n  retry_policy: 3\n", NGX_ERROR,
      { "E c.yaml:6: \"retry_policy\" must be a map: "
        "RateLimitErrorRetries: number" } },
    { X "router_settings:\n  retry_policy:\n    DefaultRetries: 1001\n",
      NGX_ERROR, { "E c.yaml:7: \"retry_policy\" must be a whole number "
                   "from 0 to 1000" } },
    { X "router_settings:\n  allowed_fails_policy:\n    DefaultRetries: 1\n",
      NGX_OK, { "W c.yaml:7: \"DefaultRetries\" in \"allowed_fails_policy\" "
                "is not read; known are "
                "ContentPolicyViolationErrorAllowedFails, "
                "BadRequestErrorAllowedFails, AuthenticationError" } },
    { X "router_settings:\n  model_group_retry_policy: [a]\n", NGX_ERROR,
      { "E c.yaml:6: \"model_group_retry_policy\" must be a map" } },
    { X "router_settings:\n  model_group_retry_policy:\n    nobody: "
      "{DefaultRetries: 1}\n", NGX_OK,
      { "W c.yaml:7: a retry policy is for \"nobody\", which no model_name "
        "answers" } },
    { M("x", "model: openai/x, max_parallel_requests: -2") K, NGX_ERROR,
      { "\"max_parallel_requests\" must be a whole number from 0" } },
    { "model_list:\n"
      "- {model_name: a, litellm_params: {model: openai/x}, "
      "model_info: {allowed_fails: many}}\n" K, NGX_ERROR,
      { "E c.yaml:2: \"allowed_fails\" must be a whole number" } },

    { NULL, 0, { NULL } }
};


static void
test_policies(void)
{
    ngx_litellm_policy_t  *policy;

    unit_case("retries and cooldowns: defaults");
    CHECK_INT(load(M("x", "model: openai/x") K), NGX_OK);
    CHECK_INT(conf->max_retries, -1);
    CHECK_INT(conf->allowed_fails, -1);
    CHECK_INT(conf->cooldown_time, 5000);
    CHECK_INT(conf->disable_cooldowns, 0);
    CHECK(conf->allowed_fails_policy == NULL);
    CHECK(ngx_litellm_config_retry_policy(conf, &dep(0)->group) == NULL);
    CHECK_INT(dep(0)->max_parallel, -1);
    CHECK_INT(dep(0)->cooldown_time, -1);
    CHECK_INT(dep(0)->allowed_fails, -1);
    CHECK(dep(0)->allowed_fails_policy == NULL);

    unit_case("retries and cooldowns");
    CHECK_INT(load("model_list:\n"
                   "- {model_name: a, litellm_params: {model: openai/x, "
                   "cooldown_time: 7, max_parallel_requests: 3}, model_info: "
                   "{allowed_fails: 2, cooldown_time: 1.5, "
                   "allowed_fails_policy: {TimeoutErrorAllowedFails: 4}}}\n"
                   "- {model_name: b, litellm_params: {model: openai/y, "
                   "cooldown_time: 0}}\n"
                   "litellm_settings: {num_retries_per_request: 4, "
                   "allowed_fails: 8}\n"
                   "router_settings: {allowed_fails: 9, cooldown_time: 30, "
                   "disable_cooldowns: true, retry_policy: "
                   "{ContentPolicyViolationErrorRetries: 1, "
                   "BadRequestErrorRetries: 2, TimeoutErrorRetries: null, "
                   "DefaultRetries: 3}, model_group_retry_policy: "
                   "{b: {BadRequestErrorRetries: 5}}, "
                   "allowed_fails_policy: {RateLimitErrorAllowedFails: 6}}\n"
                   K),
              NGX_OK);
    CHECK_INT(conf->max_retries, 4);
    CHECK_INT(conf->allowed_fails, 9);
    CHECK_INT(conf->cooldown_time, 30000);
    CHECK_INT(conf->disable_cooldowns, 1);
    CHECK_INT(conf->allowed_fails_policy->n[NGX_LITELLM_RATE_LIMIT], 6);
    CHECK_INT(conf->allowed_fails_policy->n[NGX_LITELLM_TIMEOUT], -1);
    CHECK_INT(dep(0)->max_parallel, 3);
    CHECK_INT(dep(0)->cooldown_time, 1500);
    CHECK_INT(dep(0)->allowed_fails, 2);
    CHECK_INT(dep(0)->allowed_fails_policy->n[NGX_LITELLM_TIMEOUT], 4);
    CHECK_INT(dep(1)->cooldown_time, 0);

    policy = ngx_litellm_config_retry_policy(conf, &dep(0)->group);
    CHECK_INT(policy->n[NGX_LITELLM_CONTENT_POLICY], 1);
    CHECK_INT(policy->n[NGX_LITELLM_BAD_REQUEST], 2);
    CHECK_INT(policy->n[NGX_LITELLM_CONTEXT_WINDOW], 2);
    CHECK_INT(policy->n[NGX_LITELLM_TIMEOUT], 3);

    policy = ngx_litellm_config_retry_policy(conf, &dep(1)->group);
    CHECK_INT(policy->n[NGX_LITELLM_CONTENT_POLICY], 5);
    CHECK_INT(policy->n[NGX_LITELLM_RATE_LIMIT], -1);

    unit_case("of a class's names the more specific one counts");
    CHECK_INT(load("router_settings: {retry_policy: "
                   "{BadRequestErrorRetries: 2, "
                   "ContentPolicyViolationErrorRetries: 1}}\n" K), NGX_OK);
    CHECK_INT(conf->retry_policy->n[NGX_LITELLM_CONTENT_POLICY], 1);
    CHECK_INT(conf->retry_policy->n[NGX_LITELLM_BAD_REQUEST], 2);
}


void
unit_main(void)
{
    test_says(says);
    test_policies();
}
