
/*
 * Keys, teams and users of a configuration: the lists of the file, files of
 * keys as YAML and as JSON, every sentence with its line, and the settings
 * that hold for everybody.
 */

#include "config_env.h"


#define HASH  "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"

#define VK  X "virtual_keys:\n"


static const say_t says[] = {

    /* sentences */

    { VK "- key: sk-SECRET-key-1\n", NGX_OK, { "!W ", "!E " } },
    { VK "- {key: sk-SECRET-key-1, models: [x], max_budget: 5}\n"
      "- {token: " HASH ", key_alias: a}\nteams: [{team_id: t}]\n"
      "users:\n- user_id: 1\nend_users: [{user_id: e}]\n"
      "customers: [{user_id: f}]\n", NGX_OK, { "!W ", "!E " } },
    { VK "- key: SECRET\n", NGX_ERROR,
      { "E c.yaml:6: a virtual key: \"key\" must begin with sk-" } },
    { VK "- key: sk-SECRET-key-1\n  rpm_limit: -1\n", NGX_ERROR,
      { "E c.yaml:6: a virtual key: \"rpm_limit\" must be a whole number of "
        "0 or more" } },
    { VK "- key: sk-SECRET-key-1\n- key: sk-SECRET-key-1\n", NGX_ERROR,
      { "E c.yaml:7: a virtual key: it is there already" } },
    { VK "- key: sk-SECRET-123456\n", NGX_ERROR,
      { "the master key is one of the virtual keys, too" } },
    { VK "- models: [x]\n", NGX_OK,
      { "W c.yaml:6: this entry has no key: it is left out" } },
    { VK "- key: os.environ/NOT_SET\n", NGX_OK,
      { "W c.yaml:6: the variable \"NOT_SET\" is not set: this virtual key is "
        "left out" } },
    { VK "- 5\n", NGX_ERROR,
      { "E c.yaml:6: a virtual key: a record must be an object" } },
    { X "virtual_keys: {enabled: true}\n", NGX_OK,
      { "W c.yaml:5: \"virtual_keys\" must be a list: nothing in it" } },
    { X "virtual_keys:\n", NGX_OK, { "!W " } },
    { X "teams: [{team_id: a, max_budget: many}]\n", NGX_ERROR,
      { "E c.yaml:5: a team: \"max_budget\" must be a number of 0 or" } },
    { X "users: [{user_id: a, budget_duration: 1y}]\n", NGX_ERROR,
      { "E c.yaml:5: a user: \"budget_duration\" must have a duration" } },
    { X "end_users: [{alias: a}]\n", NGX_OK,
      { "W c.yaml:5: this entry has no user_id: it is left out" } },

    { VK "- {key: sk-SECRET-key-1, rpm: 5}\n", NGX_OK,
      { "W c.yaml:6: \"rpm\" is not read: no limit is enforced by this" } },
    { VK "- {key: sk-SECRET-key-1, rpm_limt: 5}\n", NGX_OK,
      { "W c.yaml:6: \"rpm_limt\" is not read in virtual_keys; did you mean "
        "\"rpm_limit\"?" } },
    { VK "- {key: sk-SECRET-key-1, config: {}, guardrails: null}\n", NGX_OK,
      { "!W " } },
    { VK "- {key: sk-SECRET-key-1, budget_fallbacks: {a: [b]}}\n", NGX_OK,
      { "W c.yaml:6: \"budget_fallbacks\" is not served by this module" } },
    { VK "- {key: sk-SECRET-key-1, models: [y, y]}\n"
      "- {key: sk-SECRET-key-2, models: [y, 'a*', all-proxy-models]}\n",
      NGX_OK, { "W c.yaml:6: keys are allowed", "!c.yaml:7" } },
    { M("x", "model: openai/x, api_key: SECRET") "  model_info:\n"
      "    access_groups: [beta]\n" K "virtual_keys:\n"
      "- {key: sk-SECRET-key-1, models: [beta]}\n", NGX_OK, { "!W " } },
    { VK "- {key: sk-SECRET-key-1, team_id: t}\n"
      "- {key: sk-SECRET-key-2, team_id: t}\n", NGX_OK,
      { "W c.yaml:6: there is no team \"t\"", "!c.yaml:7" } },
    { VK "- {key: sk-SECRET-key-1, user_id: u}\nusers: [{user_id: v}]\n",
      NGX_OK, { "W c.yaml:6: there is no user \"u\"" } },
    { VK "- {key: sk-SECRET-key-1, models: [all-team-models]}\n", NGX_OK,
      { "W c.yaml:6: \"all-team-models\" of a key without a team_id" } },

    /* a gateway with keys is not open */

    { M("x", "model: openai/x, api_key: SECRET"), NGX_OK,
      { "everybody who reaches" } },
    { M("x", "model: openai/x, api_key: SECRET")
      "virtual_keys: [{key: sk-SECRET-key-1}]\n", NGX_OK,
      { "!everybody who reaches" } },

    /* settings */

    { X "litellm_settings: {max_budget: -1}\n", NGX_ERROR,
      { "\"max_budget\" must be" } },
    { X "litellm_settings: {max_budget: 5, budget_duration: daily}\n",
      NGX_ERROR, { "\"budget_duration\" must be a duration like" } },
    { X "router_settings: {rpm: -1}\n", NGX_ERROR,
      { "\"rpm\" must be a whole number" } },
    { X "router_settings: {tpm: 1.5}\n", NGX_ERROR,
      { "\"tpm\" must be a whole number" } },
    { "general_settings: {master_key: sk-SECRET-123456, "
      "litellm_key_header_name: 'a b'}\n", NGX_ERROR,
      { "\"litellm_key_header_name\" must be the name of a header" } },
    { "general_settings: {master_key: sk-SECRET-123456, "
      "user_header_mappings: [{header_name: X-A, litellm_user_role: c}]}\n",
      NGX_ERROR, { "\"litellm_user_role\" must be customer or" } },

    { NULL, 0, { NULL } }
};


static ngx_litellm_principal_t *
find(ngx_litellm_principal_e kind, const char *id)
{
    ngx_str_t  s;

    s = unit_str(id);

    return ngx_litellm_principals_find(&conf->principals[kind], &s);
}


static ngx_litellm_principal_t *
find_key(const char *key)
{
    u_char     hash[NGX_LITELLM_KEY_HASH];
    ngx_str_t  s;

    s = unit_str(key);
    ngx_litellm_key_hash(&s, hash);
    s = unit_mem(hash, sizeof(hash));

    return ngx_litellm_principals_find(&conf->principals[NGX_LITELLM_KEY],
                                       &s);
}


static void
test_lists(void)
{
    ngx_str_t                *s;
    ngx_litellm_group_t     **group;
    ngx_litellm_principal_t  *p;

    unit_case("lists of the file");

    vars[0] = "VK=sk-SECRET-env";
    vars[1] = "RPM=7";
    vars[2] = NULL;

    CHECK_INT(load(
        M("x", "model: openai/x, api_key: SECRET") "  model_info:\n"
        "    access_groups: [a, b, a]\n"
        "- model_name: x\n  litellm_params: {model: openai/z, api_key: k}\n"
        "  model_info: {access_groups: [b, c]}\n" K
        "virtual_keys:\n"
        "- key: os.environ/VK\n  rpm_limit: os.environ/RPM\n"
        "  tpm_limit: '9'\n  key_alias: \"\\u00e9\"\n  team_id: 007\n"
        "- &k {key: sk-SECRET-2, models: [x], expires: 2027-01-31}\n"
        "- <<: *k\n  key: sk-SECRET-3\n  models: [a]\n"
        "teams:\n- {team_id: red, blocked: yes}\n"
        "end_users:\n- {user_id: e}\ncustomers:\n- {customer_id: f}\n"),
        NGX_OK);

    p = find_key("sk-SECRET-env");

    if (CHECK(p != NULL)) {
        CHECK_INT(p->limits.rpm, 7);
        CHECK_INT(p->limits.tpm, 9);
        CHECK_STR(&p->alias, "\xc3\xa9");
        CHECK_STR(&p->name, "sk-...-env");
    }

    p = find_key("sk-SECRET-3");

    if (CHECK(p != NULL && p->models && p->models->nelts == 1)) {
        s = p->models->elts;
        CHECK_STR(&s[0], "a");
        CHECK_INT(p->expires, 1801353600);
    }

    CHECK(find_key("sk-SECRET-2") != NULL);
    CHECK(find_key("os.environ/VK") == NULL);

    p = find(NGX_LITELLM_TEAM, "red");
    CHECK(p != NULL && p->blocked);

    CHECK(find(NGX_LITELLM_END_USER, "e") != NULL);
    CHECK(find(NGX_LITELLM_END_USER, "f") != NULL);
    CHECK(find(NGX_LITELLM_USER, "e") == NULL);

    group = conf->groups.elts;

    if (CHECK(group[0]->access && group[0]->access->nelts == 3)) {
        s = group[0]->access->elts;
        CHECK_STR(&s[0], "a");
        CHECK_STR(&s[2], "c");
    }

    vars[0] = NULL;
}


/* of one file of keys */

static ngx_int_t
load_keys(const char *text)
{
    ngx_int_t   rc;
    ngx_str_t  *path;

    files[0].path = "c.yaml";
    files[0].text = X;
    files[1].path = "keys";
    files[1].text = text;
    files[2].path = NULL;

    keys = ngx_array_create(unit_pool, 1, sizeof(ngx_str_t));
    path = ngx_array_push(keys);
    ngx_str_set(path, "keys");

    rc = load(NULL);

    keys = NULL;

    return rc;
}


static const say_t  file_says[] = {
    { "[{\"key\":\"sk-SECRET-1\"}]", NGX_OK, { "!W ", "!E " } },
    { "- key: sk-SECRET-1\n", NGX_OK, { "!W ", "!E " } },
    { "virtual_keys:\n- key: sk-SECRET-1\nteams: []\nusers:\n", NGX_OK,
      { "!W " } },
    { "{\"keys\":[{\"token\":\"" HASH "\",\"spend\":0.5,\"config\":{},"
      "\"org_id\":null}],\"teams\":null}", NGX_OK, { "!W " } },
    { "{\n\"virtual_keys\": [\n{\"key\":\"sk-SECRET-1\"},\n"
      "{\"key\":\"sk-SECRET-2\",\n\"rpm_limit\":-1}]}", NGX_ERROR,
      { "E keys:4: a virtual key: \"rpm_limit\" must be" } },
    { "- key: sk-SECRET-1\n- key: sk-SECRET-2\n  rpm_limit: -1\n", NGX_ERROR,
      { "E keys:2: a virtual key: \"rpm_limit\" must be" } },
    { "[\n{\"key\":\"sk-SECRET\n", NGX_ERROR, { "E keys:" } },
    { "a: [sk-SECRET", NGX_ERROR, { "E keys:" } },
    { "[{\"models\":[]}]", NGX_ERROR,
      { "E keys:1: a virtual key: \"key\" is missing" } },
    { "{\"virtual_keys\":{}}", NGX_ERROR,
      { "E keys:1: \"virtual_keys\" must be a list" } },
    { "virtual_keys: {}\n", NGX_ERROR,
      { "E keys:1: \"virtual_keys\" must be a list" } },
    { "{\"total\":5,\n\"a\":[]}", NGX_OK,
      { "W keys:1: \"total\" is not read in a file of keys",
        "W keys:2: \"a\" is not read" } },
    { "just text", NGX_ERROR, { "E keys:1: the file must be a list of" } },
    { " \n", NGX_OK, { "W keys:1: the file is empty" } },
    { "[]", NGX_OK, { "!W " } },
    { "{}", NGX_OK, { "!W " } },
    { "[{\"key\":\"os.environ/NOT_SET\"}]", NGX_OK,
      { "W keys:1: the variable \"NOT_SET\" is not set" } },
    { "[{\"key\":\"sk-SECRET-1\",\"rpm_limt\":1}]", NGX_OK,
      { "W keys:1: \"rpm_limt\" is not read in virtual_keys; did you mean" } },
    { "[{\"key\":\"sk-SECRET-1\"},5]", NGX_ERROR,
      { "E keys:1: a virtual key: a record must be an object" } },
    { "[{\"key\":\"sk-SECRET-123456\"}]", NGX_ERROR,
      { "the master key is one of the virtual keys" } },
    { NULL, 0, { NULL } }
};


static void
test_files(void)
{
    size_t       i, n;
    const char  *part;

    for (i = 0; file_says[i].yaml; i++) {
        unit_case("keys %d: %.60s", (int) i, file_says[i].yaml);

        CHECK_INT(load_keys(file_says[i].yaml), file_says[i].rc);

        for (n = 0; n < 4 && file_says[i].say[n]; n++) {
            part = file_says[i].say[n];

            if (*part == '!') {
                CHECKF(!has(part + 1), "\"%s\" in: %s", part + 1, said);

            } else {
                CHECKF(has(part), "no \"%s\" in: %s", part, said);
            }
        }
    }

    unit_case("a file of keys that is not there");

    CHECK_INT(load_keys(NULL), NGX_ERROR);
    CHECKF(has("E keys:1: cannot be read: no such file"), "%s", said);

    unit_case("all kinds, as JSON and as YAML");

    vars[0] = "VK=sk-SECRET-env";
    vars[1] = NULL;

    for (i = 0; i < 2; i++) {

        CHECK_INT(load_keys(i ? "virtual_keys:\n- key: os.environ/VK\n"
                            "  rpm_limit: 5\nteams:\n- team_id: t\nusers:\n"
                            "- user_id: u\nend_users:\n- user_id: e\n"
                            : "{\"virtual_keys\":[{\"a\":{\"b\":[1]},\"key\":"
                            "\"os.environ/VK\",\"rpm_limit\":5}],\"teams\":"
                            "[{\"team_id\":\"t\"}],\"users\":[{\"user_id\":"
                            "\"u\"}],\"end_users\":[{\"user_id\":\"e\"}]}"),
                  NGX_OK);

        if (CHECK(find_key("sk-SECRET-env") != NULL)) {
            CHECK_INT(find_key("sk-SECRET-env")->limits.rpm, 5);
        }

        CHECK(find(NGX_LITELLM_TEAM, "t") != NULL);
        CHECK(find(NGX_LITELLM_USER, "u") != NULL);
        CHECK(find(NGX_LITELLM_END_USER, "e") != NULL);
    }

    vars[0] = NULL;
}


static void
test_settings(void)
{
    ngx_str_t  *s;

    unit_case("settings");

    CHECK_INT(load("litellm_settings:\n  max_budget: 12.5\n"
                   "  budget_duration: 30d\n  max_end_user_budget: 0.1\n"
                   "  max_internal_user_budget: 3\n"
                   "  internal_user_budget_duration: 1d\n"
                   "router_settings: {rpm: 1000, tpm: '100000'}\n"
                   "general_settings:\n  master_key: sk-SECRET-123456\n"
                   "  max_parallel_requests: 4\n"
                   "  global_max_parallel_requests: 100\n"
                   "  enforce_user_param: true\n"
                   "  litellm_key_header_name: X-My-Key\n"
                   "  user_header_name: X-Last\n"
                   "  user_header_mappings:\n"
                   "  - {header_name: X-User, litellm_user_role: customer}\n"
                   "  - {header_name: X-Staff, "
                   "litellm_user_role: internal_user}\n"),
              NGX_OK);

    CHECK(!has("W "));
    CHECK_INT(conf->gateway.budget.max, NGX_LITELLM_DOLLAR * 25 / 2);
    CHECK_STR(&conf->gateway.budget.duration, "30d");
    CHECK_INT(conf->gateway.rpm, 1000);
    CHECK_INT(conf->gateway.tpm, 100000);
    CHECK_INT(conf->gateway.parallel, 100);
    CHECK_INT(conf->key_parallel, 4);
    CHECK_INT(conf->end_user_default.budget.max, NGX_LITELLM_DOLLAR / 10);
    CHECK_INT(conf->user_default.budget.max, 3 * NGX_LITELLM_DOLLAR);
    CHECK_STR(&conf->user_default.budget.duration, "1d");
    CHECK_INT(conf->enforce_user, 1);
    CHECK_STR(&conf->key_header, "x-my-key");

    if (CHECK(conf->user_headers.nelts == 2)) {
        s = conf->user_headers.elts;
        CHECK_STR(&s[0], "x-user");
        CHECK_STR(&s[1], "x-last");
    }

    if (CHECK(conf->internal_headers.nelts == 1)) {
        s = conf->internal_headers.elts;
        CHECK_STR(&s[0], "x-staff");
    }

    unit_case("settings: nothing said, and too much");

    CHECK_INT(load(X), NGX_OK);
    CHECK(conf->gateway.budget.max == -1 && conf->gateway.rpm == -1
          && conf->gateway.tpm == -1 && conf->gateway.parallel == -1
          && conf->key_parallel == -1 && conf->user_default.budget.max == -1
          && conf->end_user_default.budget.max == -1
          && conf->key_header.len == 0);

    CHECK_INT(load(X "litellm_settings: {max_budget: 0}\n"), NGX_OK);
    CHECK_INT(conf->gateway.budget.max, -1);

    CHECK_INT(load(X "litellm_settings: {max_budget: 100000000}\n"), NGX_OK);
    CHECK_INT(conf->gateway.budget.max, NGX_LITELLM_MONEY_MAX);
}


void
unit_main(void)
{
    test_says(says);
    test_lists();
    test_files();
    test_settings();
}
