
/*
 * Configurations: health checks in the background.
 */

#include "core/config_env.h"


/* which deployments are checked, as letters of their groups */

static void
checked(const char *settings, const char *expected)
{
    char                       got[16], text[1024];
    ngx_uint_t                 i, n;
    ngx_litellm_deployment_t  *d;

    snprintf(text, sizeof(text),
             M("a", "model: openai/x, api_key: k")
             "- model_name: b\n  litellm_params: {model: openai/x, "
             "api_key: k}\n  model_info: {health_check_timeout: 2.5, "
             "health_check_max_tokens: 7}\n"
             "- model_name: b\n  litellm_params: {model: openai/y, "
             "api_key: k}\n  model_info: {disable_background_health_check: "
             "true}\n"
             "- model_name: c/*\n  litellm_params: {model: openai/*, "
             "api_key: k}\n%s", settings);

    n = 0;

    if (CHECK_INT(load(text), NGX_OK)) {

        for (i = 0; i < conf->deployments.nelts && n < sizeof(got) - 1; i++) {
            d = dep(i);

            if (d->checked) {
                got[n++] = d->group.data[0];
            }
        }
    }

    got[n] = '\0';

    CHECKF(strcmp(got, expected) == 0, "%s: \"%s\", not \"%s\"", settings,
           got, expected);
}


#define G  "general_settings: {master_key: sk-SECRET-123456, "
#define B  G "background_health_checks: true"

static void
test_health(void)
{
    ngx_uint_t             i;
    ngx_litellm_health_t  *h;

    static const char *const  wrong[][2] = {
        { "health_check_interval: 0",
          "\"health_check_interval\" must be more than 0" },
        { "health_check_interval: -1",
          "\"health_check_interval\" must be a number of seconds" },
        { "health_check_concurrency: 0", "\"health_check_concurrency\"" },
        { "health_check_details: perhaps", "\"health_check_details\"" },
        { "allow_public_health_readiness_details: 7",
          "\"allow_public_health_readiness_details\"" },
        { "health_check_staleness_threshold: old",
          "\"health_check_staleness_threshold\"" },
        { "background_health_check_model_groups: a", "must be a list" },
        { "background_health_check_model_groups: 42", "must be a list" },
        { "background_health_check_model_groups: {a: b}", "must be a list" }
    };

    unit_case("health checks in the background");

    checked(G "}\n", "");
    h = &conf->health;
    CHECK_INT(h->background, 0);
    CHECK_INT(h->details, 1);
    CHECK_INT(h->ready_details, 0);
    CHECK_INT(h->interval, 300000);
    CHECK_INT(h->stale, 600000);
    CHECK_INT(h->parallel, 0);
    CHECK_INT(h->routing, 0);
    CHECK_INT(dep(0)->health_timeout, 0);
    CHECK_INT(dep(0)->health_tokens, 0);
    CHECK_INT(dep(1)->health_timeout, 2500);
    CHECK_INT(dep(1)->health_tokens, 7);
    CHECK_INT(dep(2)->unchecked, 1);

    checked(B "}\n", "abc");
    checked(B ", background_health_check_model_groups: [b, c/*]}\n", "bc");
    checked(B ", background_health_check_model_groups: []}\n", "");
    checked(B ", background_health_check_model_groups: null}\n", "abc");
    checked(B ", background_health_check_model_groups: [a]}\n"
            "router_settings: {background_health_check_model_groups: [b]}\n",
            "b");
    checked(B ", background_health_check_model_groups: [b, d]}\n", "b");
    CHECK(has("has \"d\", which is no model_name"));

    checked(B ", health_check_interval: 0.25, health_check_concurrency: 3, "
            "health_check_details: false, enable_health_check_routing: true, "
            "allow_public_health_readiness_details: true, "
            "health_check_ignore_transient_errors: true, "
            "health_check_skip_disabled_background_models: true}\n", "abc");
    h = &conf->health;
    CHECK_INT(h->interval, 250);
    CHECK_INT(h->stale, 500);
    CHECK_INT(h->parallel, 3);
    CHECK_INT(h->details, 0);
    CHECK_INT(h->ready_details, 1);
    CHECK_INT(h->routing, 1);
    CHECK_INT(h->ignore_transient, 1);
    CHECK_INT(h->skip_disabled, 1);
    CHECK(!has("c.yaml"));

    checked(B ", enable_health_check_routing: true, "
            "health_check_staleness_threshold: 9}\nrouter_settings: "
            "{enable_health_check_routing: false, "
            "health_check_staleness_threshold: 7}\n", "abc");
    CHECK_INT(conf->health.routing, 0);
    CHECK_INT(conf->health.stale, 7000);

    checked(G "health_check_interval: 99999999999, "
            "enable_health_check_routing: true}\n", "");
    CHECK(conf->health.interval <= 0x7fffffff
          && conf->health.stale <= 0x7fffffff);
    CHECK(has("\"enable_health_check_routing\" has no effect without "
              "general_settings.background_health_checks"));

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char  text[512];

        snprintf(text, sizeof(text), M("a", "model: openai/x, api_key: k")
                 B ", %s}\n", wrong[i][0]);

        CHECKF(load(text) == NGX_ERROR && has(wrong[i][1]), "%s: %s",
               wrong[i][0], said);
    }
}


void
unit_main(void)
{
    test_health();
}
