
/*
 * Records of keys, teams and users: what is read of them, every refusal with
 * its sentence, who may use what, sets of many.  The key itself ("SECRET" is
 * in each of them) is in nothing that stays and in no message.
 */

#include "unit.h"
#include <openssl/sha.h>

#include "ngx_litellm_date.h"
#include "ngx_litellm_principal.h"


#define HASH  "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"


static ngx_litellm_principal_t  p;
static ngx_str_t                why;


static ngx_int_t
record(ngx_litellm_principal_e kind, const char *json)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    text = unit_str(json);

    rc = ngx_litellm_principal_read(unit_pool, kind, &text, &p, &why);

    if (rc == NGX_DECLINED) {
        CHECKF(ngx_strnstr(why.data, "SECRET", why.len) == NULL,
               "a secret in \"%.*s\"", (int) why.len, why.data);

    } else {
        CHECKF(rc == NGX_OK, "%.*s", (int) why.len, why.data);
        CHECK(p.json.len > 0);
        CHECKF(ngx_strnstr(p.json.data, "SECRET", p.json.len) == NULL,
               "a secret in \"%.*s\"", (int) p.json.len, p.json.data);
    }

    return rc;
}


static void
test_hash(void)
{
    u_char     hash[NGX_LITELLM_KEY_HASH];
    ngx_str_t  key, name;

    unit_case("hash and name");

    key = unit_str("secret");
    ngx_litellm_key_hash(&key, hash);
    CHECK(ngx_memcmp(hash, HASH, 64) == 0);

    key = unit_str("sk-1234567890abcd");
    CHECK(ngx_litellm_key_name(unit_pool, &key, &name) == NGX_OK);
    CHECK_STR(&name, "sk-...abcd");

    key = unit_str("sk-12345678");
    CHECK(ngx_litellm_key_name(unit_pool, &key, &name) == NGX_OK);
    CHECK_STR(&name, "...");

    key = unit_str("sk-123456789");
    CHECK(ngx_litellm_key_name(unit_pool, &key, &name) == NGX_OK);
    CHECK_STR(&name, "sk-...6789");
}


static void
test_key(void)
{
    ngx_str_t                   *s;
    ngx_keyval_t                *kv;
    ngx_litellm_budget_t        *b;
    ngx_litellm_model_limit_t   *m;

    unit_case("a key with everything");

    if (record(NGX_LITELLM_KEY,
        " {\"key\": \"sk-SECRET-0123456789\", \"key_alias\": \"app \\u0031\","
        "\"token\": \"ignored\", \"key_name\": \"sk-SECRET\","
        "\"models\": [\"gpt-4o\", \"anthropic/*\", \"all-team-models\"],"
        "\"aliases\": {\"fast\": \"gpt-4o-mini\"},"
        "\"expires\": \"2027-01-31T12:00:00+02:00\", \"blocked\": null,"
        "\"created_at\": \"2026-01-01\","
        "\"rpm_limit\": 10, \"tpm_limit\": \"1000\","
        "\"max_parallel_requests\": 3, \"max_budget\": 0.5,"
        "\"budget_duration\": \"30d\", \"soft_budget\": 1e-3,"
        "\"budget_limits\": [{\"budget_duration\": \"1h\", \"max_budget\": 1},"
        "{\"budget_duration\": \"1d\", \"max_budget\": \"2\"}],"
        "\"model_rpm_limit\": {\"gpt-4o\": 5, \"claude*\": 6},"
        "\"model_max_budget\": {\"gpt-4o\": {\"budget_limit\": \"0.0001\","
        "\"time_period\": \"1d\"}, \"x\": 3,"
        "\"y\": {\"max_budget\": 4, \"budget_duration\": \"1mo\"}},"
        "\"metadata\": {\"tags\": [\"a\", \"b\"],"
        "\"model_tpm_limit\": {\"gpt-4o\": 7}},"
        "\"user_id\": \"u1\", \"team_id\": 42,"
        "\"allowed_routes\": [\"/chat/completions\"], \"other\": [{}]} ")
        != NGX_OK)
    {
        return;
    }

    CHECK_INT(p.id.len, 64);
    CHECK_STR(&p.name, "sk-...6789");
    CHECK_STR(&p.alias, "app 1");
    CHECK_STR(&p.user_id, "u1");
    CHECK_STR(&p.team_id, "42");
    CHECK_INT(p.expires, 1801389600);
    CHECK_INT(p.created, 1767225600);
    CHECK(!p.blocked && p.team_models && !p.is_admin);

    CHECK_INT(p.limits.rpm, 10);
    CHECK_INT(p.limits.tpm, 1000);
    CHECK_INT(p.limits.parallel, 3);
    CHECK_INT(p.limits.budget.max, NGX_LITELLM_DOLLAR / 2);
    CHECK_STR(&p.limits.budget.duration, "30d");
    CHECK(p.limits.budget.period.type != NGX_LITELLM_NEVER);
    CHECK_INT(p.limits.soft, NGX_LITELLM_DOLLAR / 1000);

    if (CHECK(p.models && p.models->nelts == 3)) {
        s = p.models->elts;
        CHECK_STR(&s[1], "anthropic/*");
    }

    if (CHECK(p.aliases && p.aliases->nelts == 1)) {
        kv = p.aliases->elts;
        CHECK_STR(&kv->key, "fast");
        CHECK_STR(&kv->value, "gpt-4o-mini");
    }

    if (CHECK(p.tags && p.tags->nelts == 2)) {
        s = p.tags->elts;
        CHECK_STR(&s[1], "b");
    }

    if (CHECK(p.limits.budgets && p.limits.budgets->nelts == 2)) {
        b = p.limits.budgets->elts;
        CHECK_INT(b[0].max, NGX_LITELLM_DOLLAR);
        CHECK_STR(&b[1].duration, "1d");
        CHECK_INT(b[1].max, 2 * NGX_LITELLM_DOLLAR);
    }

    if (CHECK(p.limits.models && p.limits.models->nelts == 4)) {
        m = p.limits.models->elts;
        CHECK_STR(&m[0].model, "gpt-4o");
        CHECK_INT(m[0].rpm, 5);
        CHECK_INT(m[0].tpm, 7);
        CHECK_INT(m[0].budget.max, NGX_LITELLM_DOLLAR / 10000);
        CHECK_STR(&m[0].budget.duration, "1d");
        CHECK_INT(m[1].rpm, 6);
        CHECK_INT(m[1].tpm, -1);
        CHECK_INT(m[1].budget.max, -1);
        CHECK_INT(m[2].budget.max, 3 * NGX_LITELLM_DOLLAR);
        CHECK_INT(m[3].budget.max, 4 * NGX_LITELLM_DOLLAR);
    }

    CHECK_STR(&p.metadata, "{\"tags\": [\"a\", \"b\"],"
              "\"model_tpm_limit\": {\"gpt-4o\": 7}}");
    CHECK(ngx_strnstr(p.json.data, "\"other\":[{}]", p.json.len) != NULL);
    CHECK(ngx_strnstr(p.json.data, "ignored", p.json.len) == NULL);

    unit_case("what is kept is the same record");

    {
        ngx_str_t                text, one;
        ngx_litellm_principal_t  again;

        CHECK(record(NGX_LITELLM_KEY, "{\"key\":\"sk-SECRET\",\"a\":1}")
              == NGX_OK);
        one = p.json;
        text = unit_mem(one.data, one.len);
        CHECK(ngx_litellm_principal_read(unit_pool, NGX_LITELLM_KEY, &text,
                                         &again, &why)
              == NGX_OK);
        CHECK_MEM(&again.json, one.data, one.len);
        CHECK_MEM(&again.id, p.id.data, p.id.len);
    }

    unit_case("nothing but a token");

    if (record(NGX_LITELLM_KEY, "{\"token\":\"2BB80D537b1da3e38bd30361aa855686"
               "bde0eacd7162fef6a25fe97bf527a25b\",\"models\":[],\"tags\":null"
               ",\"metadata\":{},\"expires\":null,\"rpm_limit\":null}")
        == NGX_OK)
    {
        CHECK_STR(&p.id, HASH);
        CHECK(p.models == NULL && p.tags == NULL && p.routes == NULL
              && p.aliases == NULL && p.limits.models == NULL
              && p.limits.budgets == NULL && p.members == NULL);
        CHECK(p.expires == 0 && p.limits.rpm == -1 && p.limits.tpm == -1
              && p.limits.parallel == -1 && p.limits.budget.max == -1
              && p.limits.soft == -1);
    }

    CHECK(record(NGX_LITELLM_KEY, "{\"key_hash\":\"" HASH "\"}") == NGX_OK);
    CHECK_STR(&p.id, HASH);
}


static void
test_others(void)
{
    unit_case("a team");

    if (record(NGX_LITELLM_TEAM, "{\"team_id\":\"t\",\"team_alias\":\"T\","
               "\"model_aliases\":{\"a\":\"b\"},\"blocked\":true,"
               "\"team_member_rpm_limit\":2,\"team_member_budget\":3,"
               "\"team_member_budget_duration\":\"1d\","
               "\"litellm_budget_table\":{\"max_budget\":5,\"tpm_limit\":6,"
               "\"rpm_limit\":7},\"rpm_limit\":8}")
        == NGX_OK)
    {
        CHECK_STR(&p.id, "t");
        CHECK_STR(&p.alias, "T");
        CHECK(p.blocked);
        CHECK(p.aliases && p.aliases->nelts == 1);
        CHECK_INT(p.limits.rpm, 8);
        CHECK_INT(p.limits.tpm, 6);
        CHECK_INT(p.limits.budget.max, 5 * NGX_LITELLM_DOLLAR);

        if (CHECK(p.members != NULL)) {
            CHECK_INT(p.members->rpm, 2);
            CHECK_INT(p.members->tpm, -1);
            CHECK_INT(p.members->budget.max, 3 * NGX_LITELLM_DOLLAR);
            CHECK_STR(&p.members->budget.duration, "1d");
        }
    }

    unit_case("users");

    CHECK(record(NGX_LITELLM_USER, "{\"user_id\":\"u\",\"user_email\":\"m\","
                 "\"user_role\":\"proxy_admin\"}") == NGX_OK);
    CHECK(p.is_admin);
    CHECK_STR(&p.alias, "m");

    CHECK(record(NGX_LITELLM_USER, "{\"user_id\":\"u\","
                 "\"user_role\":\"proxy_admin_viewer\"}") == NGX_OK);
    CHECK(!p.is_admin);

    CHECK(record(NGX_LITELLM_END_USER, "{\"customer_id\":\"c\"}") == NGX_OK);
    CHECK_STR(&p.id, "c");

    unit_case("a key in another record is no key");

    CHECK(record(NGX_LITELLM_USER, "{\"user_id\":\"u\",\"key\":\"x\"}")
          == NGX_OK);
    CHECK_STR(&p.json, "{\"user_id\":\"u\",\"key\":\"x\"}");
}


static const struct {
    ngx_litellm_principal_e  kind;
    const char              *json;
    const char              *say;
} faults[] = {
    { NGX_LITELLM_KEY, "", "" },
    { NGX_LITELLM_KEY, "{", "" },
    { NGX_LITELLM_KEY, "[]", "a record must be an object" },
    { NGX_LITELLM_KEY, "{}", "\"key\" is missing" },
    { NGX_LITELLM_KEY, "{\"key\":null}", "\"key\" is missing" },
    { NGX_LITELLM_KEY, "{\"key\":5}", "\"key\" must be a text" },
    { NGX_LITELLM_KEY, "{\"key\":\"SECRET\"}", "\"key\" must begin with sk-" },
    { NGX_LITELLM_KEY, "{\"key\":\"sk-\"}", "\"key\" must begin with sk-" },
    { NGX_LITELLM_KEY, "{\"key\":\"sk-SECRET 1\"}", "printable" },
    { NGX_LITELLM_KEY, "{\"key\":\"sk-SECRET\\n\"}", "printable" },
    { NGX_LITELLM_KEY, "{\"key\":\"sk-SECRET\\u00e9\"}", "printable" },
    { NGX_LITELLM_KEY, "{\"key\":\"sk-SECRET\\\\aaaaaa\\\"\"}", "printable" },
    { NGX_LITELLM_KEY, "{\"token\":\"SECRET\"}", "64 hex digits" },
    { NGX_LITELLM_KEY, "{\"token\":\"" HASH "0\"}", "64 hex digits" },
    { NGX_LITELLM_KEY, "{\"token\":\"g" HASH "\"}", "64 hex digits" },
    { NGX_LITELLM_KEY, "{\"token\":{}}", "\"token\" must be a text" },
    { NGX_LITELLM_TEAM, "{\"team_id\":\"\"}", "\"team_id\" is missing" },
    { NGX_LITELLM_TEAM, "{\"team_id\":\"a\\u0000b\"}", "control characters" },
    { NGX_LITELLM_USER, "{\"user_id\":[]}", "\"user_id\" must be a text" },
    { NGX_LITELLM_END_USER, "{}", "\"user_id\" is missing" },

#define K  "{\"token\":\"" HASH "\","
    { NGX_LITELLM_KEY, K "\"rpm_limit\":-1}",
      "\"rpm_limit\" must be a whole number of 0 or more, below 2^63" },
    { NGX_LITELLM_KEY, K "\"tpm_limit\":-0.5}", "\"tpm_limit\" must be" },
    { NGX_LITELLM_KEY, K "\"tpm_limit\":1.5}", "\"tpm_limit\" must be" },
    { NGX_LITELLM_KEY, K "\"tpm_limit\":1e-400}", "\"tpm_limit\" must be" },
    { NGX_LITELLM_KEY, K "\"rpm_limit\":9223372036854775808}",
      "\"rpm_limit\" must be" },
    { NGX_LITELLM_KEY, K "\"rpm_limit\":1e400}", "\"rpm_limit\" must be" },
    { NGX_LITELLM_KEY, K "\"rpm_limit\":\"\"}", "\"rpm_limit\" must be" },
    { NGX_LITELLM_KEY, K "\"rpm_limit\":\"many\"}", "\"rpm_limit\" must be" },
    { NGX_LITELLM_KEY, K "\"rpm_limit\":true}", "\"rpm_limit\" must be" },
    { NGX_LITELLM_KEY, K "\"max_parallel_requests\":{}}",
      "\"max_parallel_requests\" must be" },
    { NGX_LITELLM_KEY, K "\"max_budget\":-0.001}",
      "\"max_budget\" must be a number of 0 or more" },
    { NGX_LITELLM_KEY, K "\"max_budget\":-1e-30}",
      "\"max_budget\" must be a number of 0 or more" },
    { NGX_LITELLM_KEY, K "\"max_budget\":\"ten\"}", "\"max_budget\" must be" },
    { NGX_LITELLM_KEY, K "\"budget_duration\":\"monthly\"}",
      "\"budget_duration\" must have a duration" },
    { NGX_LITELLM_KEY, K "\"budget_duration\":\"0d\"}", "budget_duration" },
    { NGX_LITELLM_KEY, K "\"expires\":\"tomorrow\"}", "\"expires\" must be" },
    { NGX_LITELLM_KEY, K "\"expires\":1801389600}", "\"expires\" must be" },
    { NGX_LITELLM_KEY, K "\"duration\":\"30d\"}", "created_at" },
    { NGX_LITELLM_KEY, K "\"duration\":\"30x\"}", "\"duration\" must be" },
    { NGX_LITELLM_KEY, K "\"blocked\":\"yes\"}", "\"blocked\" must be true" },
    { NGX_LITELLM_KEY, K "\"models\":\"gpt-4o\"}", "\"models\" must be a" },
    { NGX_LITELLM_KEY, K "\"models\":[5]}", "\"models\" must be a list" },
    { NGX_LITELLM_KEY, K "\"models\":{}}", "\"models\" must be a list" },
    { NGX_LITELLM_KEY, K "\"tags\":[[]]}", "\"tags\" must be a list" },
    { NGX_LITELLM_KEY, K "\"allowed_routes\":7}", "\"allowed_routes\" must" },
    { NGX_LITELLM_KEY, K "\"aliases\":[]}", "\"aliases\" must be an object" },
    { NGX_LITELLM_KEY, K "\"aliases\":{\"a\":1}}", "\"aliases\" must be" },
    { NGX_LITELLM_KEY, K "\"aliases\":{\"a\":\"\"}}", "\"aliases\" must be" },
    { NGX_LITELLM_KEY, K "\"metadata\":[]}", "\"metadata\" must be" },
    { NGX_LITELLM_KEY, K "\"metadata\":{\"tags\":\"a\"}}", "\"tags\" must" },
    { NGX_LITELLM_KEY, K "\"model_rpm_limit\":[]}", "\"model_rpm_limit\"" },
    { NGX_LITELLM_KEY, K "\"model_rpm_limit\":{\"a\":-1}}",
      "\"model_rpm_limit\" must be a whole number" },
    { NGX_LITELLM_KEY, K "\"model_max_budget\":{\"a\":{}}}",
      "\"model_max_budget\" must have a budget_limit" },
    { NGX_LITELLM_KEY, K "\"model_max_budget\":{\"a\":{\"budget_limit\":1,"
      "\"time_period\":\"x\"}}}", "\"model_max_budget\" must have a duration" },
    { NGX_LITELLM_KEY, K "\"budget_limits\":{}}", "\"budget_limits\" must" },
    { NGX_LITELLM_KEY, K "\"budget_limits\":[{}]}", "\"budget_limits\" must" },
    { NGX_LITELLM_KEY, K "\"budget_limits\":[1,2,3,4,5,6,7,8,9]}",
      "8 at most" },
    { NGX_LITELLM_TEAM, "{\"team_id\":\"a\",\"team_member_rpm_limit\":-3}",
      "\"team_member_rpm_limit\" must be" }
};


static void
test_faults(void)
{
    size_t      i;
    ngx_str_t   text;

    for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {

        unit_case("refused: %s", faults[i].json);

        if (CHECK(record(faults[i].kind, faults[i].json) == NGX_DECLINED)) {
            CHECKF(faults[i].say[0] == '\0'
                   || ngx_strnstr(why.data, (char *) faults[i].say, why.len)
                      != NULL,
                   "\"%.*s\"", (int) why.len, why.data);
        }
    }

    unit_case("too long");

    text.len = NGX_LITELLM_RECORD_MAX + 1;
    text.data = ngx_pnalloc(unit_pool, text.len);
    ngx_memset(text.data, ' ', text.len);
    CHECK(ngx_litellm_principal_read(unit_pool, NGX_LITELLM_KEY, &text, &p,
                                     &why)
          == NGX_DECLINED);
    CHECK_STR(&why, "the record is longer than 64k");
}


static void
test_numbers(void)
{
    unit_case("limits at the edge");

    CHECK(record(NGX_LITELLM_KEY, K "\"rpm_limit\":0,\"tpm_limit\":1e3,"
                 "\"max_parallel_requests\":-0,"
                 "\"max_budget\":0}") == NGX_OK);
    CHECK_INT(p.limits.rpm, 0);
    CHECK_INT(p.limits.tpm, 1000);
    CHECK_INT(p.limits.parallel, 0);
    CHECK_INT(p.limits.budget.max, 0);

    CHECK(record(NGX_LITELLM_KEY, K "\"rpm_limit\":9223372036854775807,"
                 "\"tpm_limit\":10.0,\"max_budget\":1e300}") == NGX_OK);
    CHECK_INT(p.limits.rpm, 9223372036854775807LL);
    CHECK_INT(p.limits.tpm, 10);
    CHECK_INT(p.limits.budget.max, NGX_LITELLM_MONEY_MAX);

    CHECK(record(NGX_LITELLM_KEY, K "\"max_budget\":0.000000000001}")
          == NGX_OK);
    CHECK_INT(p.limits.budget.max, 1);

    CHECK(record(NGX_LITELLM_KEY, K "\"duration\":\"30d\","
                 "\"created_at\":\"2026-01-01\"}") == NGX_OK);
    CHECK_INT(p.expires, 1767225600 + 30 * 86400);

    CHECK(record(NGX_LITELLM_KEY, K "\"duration\":\"30d\","
                 "\"expires\":\"2026-01-01\"}") == NGX_OK);
    CHECK_INT(p.expires, 1767225600);
}


static ngx_uint_t
allows(const char *asked, const char *group, const char *access)
{
    ngx_str_t     a, g, *item;
    ngx_array_t  *list;

    a = unit_str(asked);
    g = unit_str(group);
    list = NULL;

    if (access != NULL) {
        list = ngx_array_create(unit_pool, 1, sizeof(ngx_str_t));
        item = ngx_array_push(list);
        *item = unit_str(access);
    }

    return ngx_litellm_principal_allows(&p, &a, &g, list);
}


static void
test_allows(void)
{
    unit_case("models");

    CHECK(record(NGX_LITELLM_KEY, K "\"models\":[]}") == NGX_OK);
    CHECK(allows("anything", "anything", NULL));

    CHECK(record(NGX_LITELLM_KEY, K "\"models\":[\"gpt\",\"openai/*\","
                 "\"*-mini\",\"beta\"]}") == NGX_OK);
    CHECK(allows("gpt", "gpt", NULL));
    CHECK(allows("alias", "gpt", NULL));
    CHECK(allows("gpt", "other", NULL));
    CHECK(!allows("gp", "gp", NULL));
    CHECK(!allows("gpt2", "gpt2", NULL));
    CHECK(!allows("GPT", "GPT", NULL));
    CHECK(!allows("", "", NULL));
    CHECK(allows("openai/x", "openai/x", NULL));
    CHECK(allows("gpt-4o", "gpt-4o", NULL));
    CHECK(!allows("claude-3-5-sonnet-20241022", "claude", NULL));
    CHECK(allows("a-mini", "a-mini", NULL));
    CHECK(!allows("a-mini-b", "a-mini-b", NULL));
    CHECK(allows("model", "model", "beta"));
    CHECK(!allows("model", "model", "alpha"));

    CHECK(record(NGX_LITELLM_KEY, K "\"models\":[\"*\"]}") == NGX_OK);
    CHECK(allows("anything/at:all", "x", NULL));

    CHECK(record(NGX_LITELLM_KEY, K "\"models\":[\"all-proxy-models\"]}")
          == NGX_OK);
    CHECK(allows("a", "a", NULL));

    CHECK(record(NGX_LITELLM_KEY, K "\"models\":[\"no-default-models\"]}")
          == NGX_OK);
    CHECK(!allows("a", "a", NULL));

    CHECK(record(NGX_LITELLM_KEY, K "\"models\":[\"all-team-models\"]}")
          == NGX_OK);
    CHECK(!allows("a", "a", NULL));
    CHECK(p.team_models);

    CHECK(record(NGX_LITELLM_KEY, K "\"models\":[\"\"]}") == NGX_OK);
    CHECK(!allows("a", "a", NULL));
}


static ngx_uint_t
route(const char *path, const char *canonical, ngx_uint_t llm)
{
    ngx_str_t  a, b;

    a = unit_str(path);
    b = unit_str(canonical);

    return ngx_litellm_principal_route(&p, &a, &b, llm);
}


static void
test_routes(void)
{
    unit_case("routes");

    CHECK(record(NGX_LITELLM_KEY, K "\"allowed_routes\":[]}") == NGX_OK);
    CHECK(route("/x", "/x", 0));

    CHECK(record(NGX_LITELLM_KEY, K "\"allowed_routes\":["
                 "\"/v1/chat/completions\",\"/embeddings\",\"/key/*\"]}")
          == NGX_OK);
    CHECK(route("/v1/chat/completions", "/chat/completions", 1));
    CHECK(route("/chat/completions", "/chat/completions", 1));
    CHECK(route("/engines/m/chat/completions", "/chat/completions", 1));
    CHECK(route("/v1/embeddings", "/embeddings", 1));
    CHECK(!route("/v1/completions", "/completions", 1));
    CHECK(!route("/models", "/models", 1));
    CHECK(route("/key/info", "/key/info", 0));
    CHECK(!route("/keys", "/keys", 0));

    CHECK(record(NGX_LITELLM_KEY, K "\"allowed_routes\":["
                 "\"llm_api_routes\"]}") == NGX_OK);
    CHECK(route("/v1/models", "/models", 1));
    CHECK(!route("/health", "/health", 0));

    CHECK(record(NGX_LITELLM_KEY, K "\"allowed_routes\":[\"\"]}") == NGX_OK);
    CHECK(!route("/health", "/health", 0));
}


static void
test_lookups(void)
{
    ngx_str_t                   a, b;
    ngx_litellm_model_limit_t  *m;

    unit_case("aliases and limits of models");

    CHECK(record(NGX_LITELLM_KEY, K "\"aliases\":{\"a\":\"b\",\"b\":\"c\"},"
                 "\"model_rpm_limit\":{\"g*\":1,\"group\":2,\"asked\":3}}")
          == NGX_OK);

    a = unit_str("a");
    CHECK_STR(ngx_litellm_principal_alias(&p, &a), "b");
    a = unit_str("c");
    CHECK_STR(ngx_litellm_principal_alias(&p, &a), "c");

    a = unit_str("asked");
    b = unit_str("group");
    m = ngx_litellm_principal_model(&p, &a, &b);
    CHECK(m != NULL && m->rpm == 3);

    a = unit_str("another");
    m = ngx_litellm_principal_model(&p, &a, &b);
    CHECK(m != NULL && m->rpm == 2);

    b = unit_str("green");
    m = ngx_litellm_principal_model(&p, &a, &b);
    CHECK(m != NULL && m->rpm == 1);

    b = unit_str("red");
    CHECK(ngx_litellm_principal_model(&p, &a, &b) == NULL);
}


static void
test_set(void)
{
    u_char                     buf[64];
    ngx_str_t                  id;
    ngx_uint_t                 i, n, bad;
    ngx_litellm_principal_t   *list;
    ngx_litellm_principals_t   set;

    unit_case("a set of many");

    n = 20000;
    bad = 0;

    CHECK(ngx_litellm_principals_init(&set, unit_pool) == NGX_OK);

    id = unit_str("nobody");
    CHECK(ngx_litellm_principals_find(&set, &id) == NULL);

    list = ngx_pcalloc(unit_pool, n * sizeof(ngx_litellm_principal_t));

    for (i = 0; i < n; i++) {

        if (i % 2) {
            id.data = ngx_pnalloc(unit_pool, 64);
            list[i].id.data = id.data;
            id.len = ngx_sprintf(buf, "key %ui", i) - buf;
            id.data = buf;
            ngx_litellm_key_hash(&id, list[i].id.data);
            list[i].id.len = 64;

        } else {
            list[i].id.data = ngx_pnalloc(unit_pool, 32);
            list[i].id.len = ngx_sprintf(list[i].id.data, "user %ui", i)
                             - list[i].id.data;
        }

        /* of three neighbours the second one has the first one's alias */

        list[i].kind = NGX_LITELLM_KEY;

        if (i % 3 != 2) {
            list[i].alias.data = ngx_pnalloc(unit_pool, 32);
            list[i].alias.len = ngx_sprintf(list[i].alias.data, "alias %ui",
                                            i - i % 3)
                                - list[i].alias.data;
        }

        bad += (ngx_litellm_principals_add(&set, &list[i]) != NGX_OK);
    }

    CHECK_INT(bad, 0);
    CHECK_INT(set.list.nelts, n);

    for (i = 0; i < n; i++) {
        id.data = buf;
        id.len = ngx_sprintf(buf, "alias %ui", i) - buf;

        bad += (ngx_litellm_principals_alias(&set, &id)
                != (i % 3 ? NULL : &list[i]));
    }

    CHECK_INT(bad, 0);
    CHECK_INT(set.aliases.n, (n + 2) / 3);
    id.len = 0;
    CHECK(ngx_litellm_principals_alias(&set, &id) == NULL);

    for (i = 0; i < n; i++) {
        bad += (ngx_litellm_principals_find(&set, &list[i].id) != &list[i]);
        bad += (ngx_litellm_principals_add(&set, &list[i]) != NGX_DECLINED);
    }

    CHECK_INT(bad, 0);
    CHECK_INT(set.list.nelts, n);
    CHECK(set.ids.mask + 1 >= 2 * n && set.ids.mask + 1 <= 8 * n);

    id = unit_str("user 1");
    CHECK(ngx_litellm_principals_find(&set, &id) == NULL);
    id.len = 0;
    CHECK(ngx_litellm_principals_find(&set, &id) == NULL);

    /* 64 characters that are no hash */

    id = unit_str("gggggggggggggggggggggggggggggggggggggggggggggggggggggggggggg"
                  "gggg");
    CHECK(ngx_litellm_principals_find(&set, &id) == NULL);
}


static const struct {
    const char  *text;
    int64_t      t;           /* -1: refused */
} dates[] = {
    { "1970-01-01", 0 },
    { "1970-01-01T00:00:01Z", 1 },
    { "2027-01-31", 1801353600 },
    { "2027-01-31T00:00:00", 1801353600 },
    { "2027-01-31 00:00", 1801353600 },
    { "2027-01-31T00:00:00.123456+00:00", 1801353600 },
    { "2027-01-31T00:00:00.000Z", 1801353600 },
    { "2027-01-31 02:00:00 +02:00", 1801353600 },
    { "2027-01-30T19:00:00-0500", 1801353600 },
    { "2027-01-31T05:30:00+05:30", 1801353600 },
    { "2027-01-31T02+02", -1 },
    { "2024-02-29", 1709164800 },
    { "2000-02-29", 951782400 },
    { "1970-01-01T00:00:00+10:00", 0 },
    { "9999-12-31T23:59:60Z", 253402300800 },
    { "2023-02-29", -1 },
    { "2100-02-29", -1 },
    { "2027-00-01", -1 },
    { "2027-13-01", -1 },
    { "2027-04-31", -1 },
    { "1969-12-31", -1 },
    { "27-01-31", -1 },
    { "2027-1-31", -1 },
    { "2027-01-31T24:00:00", -1 },
    { "2027-01-31T00:60", -1 },
    { "2027-01-31T00:00:61", -1 },
    { "2027-01-31T00:00:00.Z", -1 },
    { "2027-01-31T00:00:00ZZ", -1 },
    { "2027-01-31T00:00:00+", -1 },
    { "2027-01-31T00:00:00+1", -1 },
    { "2027-01-31T00:00:00+24:00", -1 },
    { "2027-01-31T00:00:00 ", 1801353600 },
    { "2027-01-31T", -1 },
    { "2027-01-31x", -1 },
    { "", -1 },
    { "2027", -1 }
};


static void
test_dates(void)
{
    u_char      buf[64];
    time_t      t;
    size_t      i;
    ngx_str_t   text;
    ngx_int_t   rc;

    for (i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {

        unit_case("date %s", dates[i].text);

        t = -1;
        text = unit_str(dates[i].text);
        rc = ngx_litellm_date_parse(&text, &t);

        CHECK_INT(rc, dates[i].t < 0 ? NGX_DECLINED : NGX_OK);

        if (rc == NGX_OK) {
            CHECK_INT(t, dates[i].t);
        }
    }

    unit_case("dates printed");

    for (t = 0; t < 253402300800; t += 86400 * 13 + 3607) {
        struct tm  tm;
        char       want[64];
        time_t     again;

        gmtime_r(&t, &tm);
        strftime(want, sizeof(want), "%Y-%m-%d %H:%M:%S+00:00", &tm);

        text.data = buf;
        text.len = ngx_litellm_date_print(buf, t) - buf;

        if (text.len != strlen(want) || memcmp(want, buf, text.len) != 0
            || ngx_litellm_date_parse(&text, &again) != NGX_OK || again != t)
        {
            CHECKF(0, "%s: %.*s", want, (int) text.len, buf);
            break;
        }
    }

    CHECK(t >= 253402300800);
}


static void
test_lifetime(void)
{
    int64_t     n;
    ngx_str_t   text;
    ngx_uint_t  i;

    static const struct {
        const char  *text;
        int64_t      seconds;
    } list[] = {
        { "30s", 30 }, { "30m", 1800 }, { "12h", 43200 },
        { "30d", 2592000 }, { "1w", 604800 }, { "1mo", 2592000 },
        { "36500d", 36500LL * 86400 },
        { "36501d", -1 }, { "0d", -1 }, { "d", -1 }, { "", -1 }, { "30", -1 },
        { "-1d", -1 }, { "1.5d", -1 }, { "1 d", -1 }, { "1dd", -1 },
        { "99999999999999999999999d", -1 }
    };

    unit_case("lifetimes");

    for (i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        n = -1;
        text = unit_str(list[i].text);

        if (ngx_litellm_key_lifetime(&text, &n) != NGX_OK) {
            n = -1;
        }

        CHECKF(n == list[i].seconds, "%s: %lld", list[i].text, (long long) n);
    }
}


/* more keys than are remembered, again and again; a long one; one in a row */

static void
test_key_hashes(void)
{
    char        text[400];
    u_char      hash[NGX_LITELLM_KEY_HASH], want[NGX_LITELLM_KEY_HASH];
    u_char      md[SHA256_DIGEST_LENGTH];
    ngx_str_t   key;
    ngx_uint_t  i, turn;

    unit_case("hashes of keys");

    key.data = (u_char *) text;

    for (turn = 0; turn < 3; turn++) {
        for (i = 0; i < 1000; i++) {

            /* each one twice, the second time as it is remembered */

            key.len = sprintf(text, "sk-%d", (int) (i / 2));

            if (i > 990) {
                memset(text + key.len, 'x', 250 + i - 990);
                key.len += 250 + i - 990;
            }

            SHA256(key.data, key.len, md);
            (void) ngx_hex_dump(want, md, sizeof(md));

            ngx_litellm_key_hash(&key, hash);

            CHECK(ngx_memcmp(hash, want, sizeof(hash)) == 0);
        }
    }
}


void
unit_main(void)
{
    test_key_hashes();
    test_hash();
    test_key();
    test_others();
    test_faults();
    test_numbers();
    test_allows();
    test_routes();
    test_lookups();
    test_set();
    test_dates();
    test_lifetime();
}
