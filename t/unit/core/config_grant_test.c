
/*
 * Configurations: what records made at run time are given, and may have at
 * most.
 */

#include "core/config_env.h"


#define L  "litellm_settings:\n"

static const say_t  says[] = {
    { X L "  default_key_generate_params: 5\n", NGX_ERROR,
      { "E c.yaml:6: \"default_key_generate_params\" must be a map" } },
    { X L "  default_key_generate_params: [a]\n", NGX_ERROR,
      { "E c.yaml:6: \"default_key_generate_params\" must be a map" } },
    { X L "  default_key_generate_params:\n    max_budget: much\n", NGX_ERROR,
      { "E c.yaml:7: \"max_budget\" must be" } },
    { X L "  default_key_generate_params:\n    models: gpt\n", NGX_ERROR,
      { "E c.yaml:7: \"models\" must be" } },
    { X L "  default_key_generate_params:\n    metadata: [1]\n", NGX_ERROR,
      { "E c.yaml:7: \"metadata\" must be an object" } },
    { X L "  default_key_generate_params:\n    duration: 30\n", NGX_ERROR,
      { "E c.yaml:7: \"duration\" must be like" } },
    { X L "  default_key_generate_params:\n    budget_duration: soon\n",
      NGX_ERROR, { "E c.yaml:7: \"budget_duration\" must have" } },
    { X L "  default_key_generate_params:\n    rpm_limit: 1.5\n", NGX_ERROR,
      { "E c.yaml:7: \"rpm_limit\" must be a whole number" } },
    { X L "  default_key_generate_params:\n    rpm_limit: os.environ/NONE\n",
      NGX_ERROR, { "E c.yaml:7: the variable \"NONE\" is not set" } },
    { X L "  upperbound_key_generate_params:\n    tpm_limit: -1\n", NGX_ERROR,
      { "E c.yaml:7: \"tpm_limit\" must be" } },
    { X L "  upperbound_key_generate_params: {duration: 1h}\n"
      "  default_key_generate_params:\n    duration: 61m\n", NGX_ERROR,
      { "E c.yaml:8: \"duration\" of \"default_key_generate_params\" is "
        "above" } },
    { X L "  upperbound_key_generate_params: {duration: 1h}\n"
      "  default_key_generate_params: {duration: 60m}\n", NGX_OK,
      { "!c.yaml" } },
    { X L "  default_key_generate_params:\n    aliases: {a: b}\n", NGX_OK,
      { "W c.yaml:7: \"aliases\" is not read in "
        "\"default_key_generate_params\"" } },
    { X L "  default_team_params:\n    team_member_permissions: [a]\n", NGX_OK,
      { "W c.yaml:7: \"team_member_permissions\" is not read" } },
    { X L "  default_internal_user_params:\n    user_role: [a]\n", NGX_ERROR,
      { "E c.yaml:7: \"user_role\" must be" } },
    { X L "  default_internal_user_params:\n    available_teams: [a]\n",
      NGX_OK, { "W c.yaml:7: \"available_teams\" is not read" } },
    { X L "  default_key_generate_params:\n"
      "  default_team_params: null\n"
      "  upperbound_key_generate_params: {max_budget: }\n", NGX_OK,
      { "!c.yaml" } },
    { NULL, 0, { NULL } }
};


static void
check_value(ngx_array_t *list, ngx_uint_t n, const char *name,
    const char *json)
{
    ngx_keyval_t  *kv;

    CHECK(list != NULL && n < list->nelts);

    if (list == NULL || n >= list->nelts) {
        return;
    }

    kv = (ngx_keyval_t *) list->elts + n;

    CHECK_STR(&kv->key, name);
    CHECK_STR(&kv->value, json);
}


static void
values(void)
{
    unit_case("values");

    CHECK_INT(load(X), NGX_OK);
    CHECK(conf->grants.keys == NULL);
    CHECK(conf->grants.most == NULL);
    CHECK_INT(conf->grants.lifetime, -1);

    CHECK_INT(load(X L "  default_key_generate_params: {max_budget: \"1.5\", "
                   "user_id: 7, models: [a, b], duration: }\n"
                   "  upperbound_key_generate_params: {duration: 2d, "
                   "rpm_limit: 5}\n"
                   "  default_team_params: {rpm_limit: 9}\n"
                   "  default_internal_user_params: {user_role: "
                   "internal_user}\n"),
              NGX_OK);

    check_value(conf->grants.keys, 0, "max_budget", "1.5");
    check_value(conf->grants.keys, 1, "user_id", "7");
    check_value(conf->grants.keys, 2, "models", "[\"a\",\"b\"]");
    CHECK_INT(conf->grants.keys->nelts, 3);
    check_value(conf->grants.teams, 0, "rpm_limit", "9");
    check_value(conf->grants.users, 0, "user_role", "\"internal_user\"");
    check_value(conf->grants.most, 0, "duration", "\"2d\"");
    CHECK_INT(conf->grants.lifetime, 2 * 86400);
    CHECK_INT(conf->grants.limits.rpm, 5);
    CHECK_INT(conf->grants.limits.tpm, -1);
}


static void
bounds(void)
{
    ngx_keyval_t             *over;
    ngx_litellm_principal_t   p;

    unit_case("bounds");

    CHECK_INT(load(X L "  upperbound_key_generate_params: {duration: 2d, "
                   "rpm_limit: 5, max_budget: 0, budget_duration: 1w}\n"),
              NGX_OK);

    ngx_memzero(&p, sizeof(ngx_litellm_principal_t));
    p.limits.rpm = 5;
    p.limits.tpm = 1000000;
    p.limits.parallel = -1;
    p.limits.budget.max = -1;

    CHECK(ngx_litellm_grants_over(&conf->grants, &p, -1) == NULL);
    CHECK(ngx_litellm_grants_over(&conf->grants, &p, 2 * 86400) == NULL);

    over = ngx_litellm_grants_over(&conf->grants, &p, 2 * 86400 + 1);
    CHECK(over != NULL);
    if (over != NULL) {
        CHECK_STR(&over->key, "duration");
    }

    p.limits.rpm = 6;

    over = ngx_litellm_grants_over(&conf->grants, &p, -1);
    CHECK(over != NULL);
    if (over != NULL) {
        CHECK_STR(&over->key, "rpm_limit");
    }

    p.limits.rpm = 0;
    p.limits.budget.max = 1;

    over = ngx_litellm_grants_over(&conf->grants, &p, -1);
    CHECK(over != NULL);
    if (over != NULL) {
        CHECK_STR(&over->key, "max_budget");
    }

    p.limits.budget.max = 0;
    ngx_str_set(&p.limits.budget.duration, "168h");

    CHECK(ngx_litellm_grants_over(&conf->grants, &p, -1) == NULL);

    ngx_str_set(&p.limits.budget.duration, "1mo");

    CHECK(ngx_litellm_grants_over(&conf->grants, &p, -1) != NULL);
}


void
unit_main(void)
{
    test_says(says);
    values();
    bounds();
}
