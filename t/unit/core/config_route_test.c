
/*
 * Configurations: groups, fallbacks, aliases, wildcards.
 */

#include "core/config_env.h"


static const say_t  says[] = {
    { X "router_settings:\n  fallbacks:\n  - {model: x, fallback_model: y}\n",
      NGX_ERROR, { "E c.yaml:7: an element of \"fallbacks\" must be a map "
                   "with one key, the model; write - \"model\": "
                   "[\"fallback\", ...]" } },
    { X "router_settings:\n  fallbacks:\n  - x\n", NGX_ERROR,
      { "E c.yaml:7: an element of \"fallbacks\"" } },
    { X "litellm_settings:\n  context_window_fallbacks: [{a: b}]\n",
      NGX_ERROR, { "E c.yaml:6: \"context_window_fallbacks\": the fallbacks "
                   "of \"a\" must be a list" } },
    { X "fallbacks:\n  x: y\n", NGX_ERROR,
      { "E c.yaml:6: \"fallbacks\": the fallbacks of \"x\"" } },
    { X "router_settings: {fallbacks: x}\n", NGX_ERROR,
      { "E c.yaml:5: \"fallbacks\" must be a list" } },
    { X "router_settings:\n  fallbacks:\n  - x: [y]\n  - abcdef: [x]\n",
      NGX_OK, { "W c.yaml:7: a fallback is \"y\", which no model_name "
                "answers; did you mean \"x\"?",
                "W c.yaml:8: fallbacks are given for \"abcdef\", which no "
                "model_name answers" } },
    { M("gpt-4o", "model: openai/gpt-4o, api_key: SECRET") K
      "fallbacks: {gpt-4o: [gtp-4o]}\n", NGX_OK,
      { "W c.yaml:5: a fallback is \"gtp-4o\", which no model_name answers; "
        "did you mean \"gpt-4o\"?" } },
    { "model_list:\n"
      "- {model_name: \"openai/*\", litellm_params: {model: \"openai/*\", "
      "api_key: SECRET}}\n" K
      "fallbacks: {openai/a: [openai/b, gpt-4o]}\n", NGX_OK, { "!c.yaml" } },
    { X "router_settings: {fallbacks: [{x: [x]}]}\n"
      "litellm_settings: {fallbacks: [{x: [x]}]}\n", NGX_OK,
      { "W c.yaml:6: \"fallbacks\" here is not read: the one of c.yaml:5 "
        "counts" } },
    { X "router_settings: {model_group_alias: {a: 5, b: {}, c: }}\n", NGX_OK,
      { "W c.yaml:5: the alias \"b\" names no model",
        "W c.yaml:5: the alias \"c\" names no model",
        "W c.yaml:5: an alias is for \"5\", which no model_name answers" } },

    { NULL, 0, { NULL } }
};


#define GROUPS                                                                \
    "model_list:\n"                                                           \
    "- {model_name: gpt-4, litellm_params: {model: openai/a, api_key: k}}\n"  \
    "- {model_name: b, litellm_params: {model: openai/b, api_key: k}}\n"      \
    "- {model_name: gpt-4, litellm_params: {model: openai/c, api_key: k}}\n"  \
    "- {model_name: p/c, litellm_params: {model: openai/d, api_key: k}}\n"


#define W(name, model)                                                        \
    "- {model_name: \"" name "\", litellm_params: {model: \"" model "\", "    \
    "api_key: k}}\n"


static void
test_targets(const char *yaml, const char *source, const char *first)
{
    ngx_str_t                 name;
    ngx_litellm_fallback_t   *f;

    unit_case("fallbacks: %.50s for %s", yaml, source);

    if (!CHECK_INT(load(yaml), NGX_OK)) {
        printf("%s\n", said);
        return;
    }

    name = unit_str(source);
    f = ngx_litellm_config_fallback(&conf->fallbacks, &name);

    if (first == NULL) {
        CHECK(f == NULL);
        return;
    }

    if (CHECK(f != NULL && f->targets.nelts > 0)) {
        CHECK_STR((ngx_str_t *) f->targets.elts, first);
    }
}


static void
test_routes(void)
{
    ngx_str_t                   name, *s;
    ngx_uint_t                  n;
    ngx_litellm_alias_t        *a;
    ngx_litellm_group_t        *g, **groups;
    ngx_litellm_deployment_t  **found;

    static const char  list[] = GROUPS K
                       "router_settings:\n  fallbacks:\n"
                       "  - gpt-4: [b, p/c]\n  - p/c: [gpt-4]\n"
                       "  - gpt-4: [never]\n  default_fallbacks: [b]\n";
    static const char  map[] = GROUPS K
                       "fallbacks:\n  gpt-4: [\"b\", \"p/c\"]\n"
                       "  b: [gpt-4]\n";
    static const char  litellm[] = GROUPS K
                       "litellm_settings: {fallbacks: [{gpt-4: [b]}], "
                       "default_fallbacks: [p/c]}\n";
    static const char  objects[] = GROUPS K
                       "router_settings: {fallbacks: [{gpt-4: [{model: b, "
                       "messages: []}]}]}\n";

    unit_case("groups");
    CHECK_INT(load(GROUPS K), NGX_OK);
    CHECK_INT(conf->groups.nelts, 3);
    groups = conf->groups.elts;
    CHECK_STR(&groups[0]->name, "gpt-4");
    CHECK_INT(groups[0]->deployments.nelts, 2);
    CHECK_STR(&groups[1]->name, "b");
    CHECK_STR(&groups[2]->name, "p/c");

    name = unit_str("gpt-4");
    g = ngx_litellm_config_group(conf, &name);
    CHECK(g == groups[0]);

    name = unit_str("GPT-4");
    CHECK(ngx_litellm_config_group(conf, &name) == NULL);

    name = unit_str("");
    CHECK(ngx_litellm_config_group(conf, &name) == NULL);

    unit_case("deployments by other names");
    CHECK_INT(load(GROUPS W("w/*", "openai/*") W("again", "openai/a") K),
              NGX_OK);
    name = dep(1)->id;
    found = ngx_litellm_config_by_id(conf, &name, &n);
    CHECK(found != NULL && n == 1 && found[0] == dep(1));
    name = unit_str("openai/a");
    found = ngx_litellm_config_by_model(conf, &name, &n);
    CHECK(found != NULL && n == 2 && found[0] == dep(0)
          && found[1] == dep(5));
    name = unit_str("openai/*");
    CHECK(ngx_litellm_config_by_model(conf, &name, &n) == NULL && n == 0);
    name = dep(4)->id;
    CHECK(ngx_litellm_config_by_id(conf, &name, &n) == NULL);
    name = unit_str("");
    CHECK(ngx_litellm_config_by_id(conf, &name, &n) == NULL);

    unit_case("an empty file has none");
    CHECK_INT(load(K), NGX_OK);
    CHECK(ngx_litellm_config_by_model(conf, &name, &n) == NULL);

    test_targets(list, "gpt-4", "b");
    test_targets(list, "p/c", "gpt-4");
    test_targets(list, "c", "gpt-4");          /* LiteLLM: prefix put before */
    test_targets(list, "q/gpt-4", "b");        /* ... and taken off */
    test_targets(list, "other", "b");
    test_targets(map, "gpt-4", "b");
    test_targets(map, "b", "gpt-4");
    test_targets(map, "other", NULL);
    test_targets(litellm, "gpt-4", "b");
    test_targets(litellm, "x", "p/c");
    test_targets(objects, "gpt-4", "b");
    CHECK(has("of a fallback only \"model\" is read"));

    unit_case("aliases");
    CHECK_INT(load(GROUPS K "router_settings:\n  model_group_alias:\n"
                   "    one: b\n"
                   "    two: {model: gpt-4, hidden: true}\n"
                   "    gpt-4: [\"gpt-4\", \"b\", \"p/c\"]\n"), NGX_OK);
    CHECK_INT(conf->aliases.nelts, 3);
    CHECK_INT(nsaid[NGX_LITELLM_DIAG_WARN], 0);

    name = unit_str("one");
    a = ngx_litellm_config_alias(conf, &name);

    if (CHECK(a != NULL)) {
        CHECK_INT(a->targets.nelts, 1);
        CHECK_STR((ngx_str_t *) a->targets.elts, "b");
        CHECK_INT(a->hidden, 0);
    }

    name = unit_str("two");
    a = ngx_litellm_config_alias(conf, &name);
    CHECK(a != NULL && a->hidden);

    name = unit_str("gpt-4");
    a = ngx_litellm_config_alias(conf, &name);

    if (CHECK(a != NULL && a->targets.nelts == 3)) {
        s = a->targets.elts;
        CHECK_STR(&s[1], "b");
    }

    name = unit_str("three");
    CHECK(ngx_litellm_config_alias(conf, &name) == NULL);
}


#define WILD                                                                  \
    "model_list:\n" W("*", "openai/*") W("openai/*", "openai/*")              \
    W("anthropic/*", "anthropic/*") W("openai/gpt-4*", "openai/g4*")          \
    W("*/mini", "openai/small") W("a*b*c", "openai/x-*-*")                    \
    W("claude-*", "anthropic/claude-*") W("q/*/*", "openai/*")                \
    W("lit.ral*", "openai/*")


static void
test_wildcards(void)
{
    size_t                     i;
    ngx_str_t                  name, captured[4], model;
    ngx_uint_t                 n;
    ngx_litellm_group_t       *g;
    ngx_litellm_deployment_t  *d;

    static const struct {
        const char  *name;
        const char  *group;
        const char  *model;
    } cases[] = {
        { "openai/gpt-3", "openai/*", "gpt-3" },
        { "openai/gpt-4o", "openai/gpt-4*", "g4o" },
        { "openai/", "openai/*", "" },
        { "anthropic/claude-x", "anthropic/*", "claude-x" },
        { "gpt-4o", "*", "gpt-4o" },
        { "claude-9", "claude-*", "claude-9" },
        { "x/mini", "*/mini", "small" },
        { "x/minix", "*", "x/minix" },          /* anchored at the end */
        { "abc", "a*b*c", "x--" },
        { "aXbYc", "a*b*c", "x-X-Y" },
        { "aXbYbZc", "a*b*c", "x-XbY-Z" },      /* the first star is greedy */
        { "abcabc", "a*b*c", "x-bca-" },
        { "ac", "*", "ac" },
        { "q/r/s", "q/*/*", "q/r/s" },          /* more captures than stars */
        { "lit.ral9", "lit.ral*", "9" },
        { "litXral9", "*", "litXral9" },        /* a dot is a dot */
        { "", "*", "" },
    };

    unit_case("patterns");
    CHECK_INT(load(WILD K), NGX_OK);
    CHECK_INT(conf->patterns.nelts, 9);

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("wildcard %s", cases[i].name);

        CHECK_INT(load(WILD K), NGX_OK);

        name = unit_str(cases[i].name);
        g = ngx_litellm_config_pattern(conf, &name, captured, &n);

        if (!CHECK(g != NULL)) {
            continue;
        }

        CHECK_STR(&g->name, cases[i].group);
        CHECK_INT(g->wildcard, 1);

        d = *(ngx_litellm_deployment_t **) g->deployments.elts;

        CHECK_INT(ngx_litellm_config_model(unit_pool, d, &name, captured, n,
                                           &model), NGX_OK);
        CHECK_STR(&model, cases[i].model);
    }

    unit_case("a bare name finds its provider's wildcard");
    CHECK_INT(load("model_list:\n" W("openai/*", "openai/*")
                   W("anthropic/claude-*", "anthropic/claude-*") K), NGX_OK);

    name = unit_str("gpt-4o");
    g = ngx_litellm_config_pattern(conf, &name, captured, &n);

    if (CHECK(g != NULL && n == 1)) {
        CHECK_STR(&g->name, "openai/*");
        CHECK_STR(&captured[0], "gpt-4o");
    }

    name = unit_str("claude-sonnet-4-5");
    g = ngx_litellm_config_pattern(conf, &name, captured, &n);

    if (CHECK(g != NULL && n == 1)) {
        CHECK_STR(&captured[0], "sonnet-4-5");
    }

    name = unit_str("llama-nobody-knows");
    CHECK(ngx_litellm_config_pattern(conf, &name, captured, &n) == NULL);

    unit_case("a provider's own prefix is not doubled");
    CHECK_INT(load("model_list:\n" W("*/*", "openai/*") K), NGX_OK);

    name = unit_str("openai/gpt-4o");
    g = ngx_litellm_config_pattern(conf, &name, captured, &n);

    if (CHECK(g != NULL && n == 2)) {
        CHECK_INT(ngx_litellm_config_model(unit_pool, dep(0), &name, captured,
                                           n, &model), NGX_OK);
        CHECK_STR(&model, "gpt-4o");
    }

    unit_case("an endless name");
    name.len = 1024 * 1024;
    name.data = ngx_alloc(name.len, &unit_log);
    ngx_memset(name.data, 'a', name.len);
    CHECK(ngx_litellm_config_pattern(conf, &name, captured, &n) == NULL);
    ngx_free(name.data);
}


void
unit_main(void)
{
    test_says(says);
    test_routes();
    test_wildcards();
}
