
/*
 * The table of providers and the choice of one: prefix, custom provider,
 * known host, bare name; keys and addresses from the environment; hints.
 *
 * README's list of providers is made of the table here: with UNIT_PROVIDERS
 * set the program prints it (./build.sh providers), else it holds README equal
 * to it.
 */

#include "unit.h"
#include "fake_env.h"

#include "ngx_litellm_provider.h"

#include <stdio.h>
#include <stdlib.h>


static ngx_int_t
detect(ngx_litellm_deployment_t *d, const char *model, const char *custom,
    const char *base, ngx_str_t *hint)
{
    ngx_litellm_config_env_t  env;

    ngx_memzero(d, sizeof(*d));
    ngx_memzero(&env, sizeof(env));

    env.env = test_env;

    d->full_model = unit_str(model);

    if (custom) {
        d->custom_provider = unit_str(custom);
    }

    if (base) {
        d->api_base = unit_str(base);
    }

    return ngx_litellm_provider_detect(&env, unit_pool, d, hint);
}


static const struct {
    const char  *model;
    const char  *custom;
    const char  *base;
    ngx_int_t    rc;
    const char  *provider;      /* or the hint */
    const char  *rest;
} cases[] = {
    /* by prefix; split at the first slash only */
    { "openai/gpt-4o", NULL, NULL, NGX_OK, "openai", "gpt-4o" },
    { "openai/meta-llama/Llama-3:free", NULL, "http://h/v1", NGX_OK,
      "openai", "meta-llama/Llama-3:free" },
    { "openai/*", NULL, NULL, NGX_OK, "openai", "*" },
    { "anthropic/claude-x", NULL, NULL, NGX_OK, "anthropic", "claude-x" },
    { "text-completion-openai/x", NULL, NULL, NGX_OK, "openai", "x" },
    { "hosted_vllm/org/m", NULL, "http://h:8000/v1", NGX_OK, "hosted_vllm",
      "org/m" },
    { "xai/grok-4", NULL, NULL, NGX_OK, "xai", "grok-4" },
    { "fireworks_ai/deepseek-v3", NULL, NULL, NGX_OK, "fireworks_ai",
      "deepseek-v3" },
    { "nano-gpt/a/b", NULL, NULL, NGX_OK, "nano-gpt", "a/b" },
    { "vllm/org/m", NULL, "http://h/v1", NGX_OK, "vllm", "org/m" },

    /* custom_llm_provider stands above the prefix */
    { "gpt-4o", "openai", NULL, NGX_OK, "openai", "gpt-4o" },
    { "openai/gpt-4o", "openai", NULL, NGX_OK, "openai", "gpt-4o" },
    { "org/m", "openai", "http://h/v1", NGX_OK, "openai", "org/m" },
    { "anthropic/m", "openai", NULL, NGX_OK, "openai", "anthropic/m" },
    { "gpt-4o", "nobody", NULL, NGX_DECLINED, "", NULL },
    { "gpt-4o", "gemini", NULL, NGX_OK, "gemini", "gpt-4o" },

    /* by host */
    { "any-name", NULL, "https://api.openai.com/v1", NGX_OK, "openai",
      "any-name" },
    { "org/any", NULL, "https://API.x.ai/v1/", NGX_OK, "xai", "org/any" },
    { "any-name", NULL, "https://api.openai.com.evil.org/v1", NGX_DECLINED,
      "", NULL },
    { "any-name", NULL, "https://api.openai.co", NGX_DECLINED, "", NULL },
    { "any-name", NULL, "http://api.openai.com/v1", NGX_DECLINED, "",
      NULL },

    /* a mark of LiteLLM's before a deployment's name */
    { "azure/gpt-4o", NULL, NULL, NGX_OK, "azure", "gpt-4o" },
    { "azure/o_series/mine", NULL, NULL, NGX_OK, "azure", "mine" },
    { "azure/gpt5_series/mine", NULL, NULL, NGX_OK, "azure", "mine" },
    { "azure_text/mine", NULL, NULL, NGX_OK, "azure_text", "mine" },

    /* bare names */
    { "gpt-4o", NULL, NULL, NGX_OK, "openai", "gpt-4o" },
    { "o3", NULL, NULL, NGX_OK, "openai", "o3" },
    { "claude-sonnet-4-5", NULL, NULL, NGX_OK, "anthropic",
      "claude-sonnet-4-5" },
    { "claude-3-opus", NULL, NULL, NGX_OK, "anthropic", "claude-3-opus" },
    { "*", NULL, NULL, NGX_OK, "openai", "*" },
    { "gemini-2.5-pro", NULL, NULL, NGX_OK, "vertex_ai",
      "gemini-2.5-pro" },
    { "llama-of-mine", NULL, NULL, NGX_DECLINED, "", NULL },
    { "llama-of-mine", NULL, "http://h/v1", NGX_DECLINED, "", NULL },

    /* not served yet */
    { "sagemaker/x", NULL, NULL, NGX_ABORT, "sagemaker", NULL },
    { "watsonx/x", NULL, NULL, NGX_ABORT, "watsonx", NULL },

    /* nearest names */
    { "google/gemini-pro", NULL, NULL, NGX_DECLINED, "gemini", NULL },
    { "Google/gemini-pro", NULL, NULL, NGX_DECLINED, "gemini", NULL },
    { "together/x", NULL, NULL, NGX_DECLINED, "together_ai", NULL },
    { "nvidia/x", NULL, NULL, NGX_DECLINED, "nvidia_nim", NULL },
    { "zhipu/x", NULL, NULL, NGX_DECLINED, "zai", NULL },
    { "sglang/x", NULL, NULL, NGX_DECLINED, "openai", NULL },
    { "meta-llama/x", NULL, NULL, NGX_DECLINED, "meta_llama", NULL },
    { "OpenAI/x", NULL, NULL, NGX_DECLINED, "openai", NULL },
    { "opneai/x", NULL, NULL, NGX_DECLINED, "openai", NULL },
    { "opena/x", NULL, NULL, NGX_DECLINED, "openai", NULL },
    { "antropic/x", NULL, NULL, NGX_DECLINED, "anthropic", NULL },
    { "lm-studio/x", NULL, NULL, NGX_DECLINED, "lm_studio", NULL },
    { "casperhansen/x", NULL, NULL, NGX_DECLINED, "", NULL },
    { "/x", NULL, NULL, NGX_DECLINED, "", NULL },
};


static void
test_choice(void)
{
    size_t                    i;
    ngx_int_t                 rc;
    ngx_str_t                 hint;
    ngx_litellm_deployment_t  d;

    vars[0] = NULL;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("choice %s", cases[i].model);

        rc = detect(&d, cases[i].model, cases[i].custom, cases[i].base,
                    &hint);

        if (!CHECK_INT(rc, cases[i].rc)) {
            continue;
        }

        if (rc != NGX_OK) {
            CHECK_STR(&hint, cases[i].provider);
            continue;
        }

        CHECK_STR((ngx_str_t *) &d.provider->name, cases[i].provider);
        CHECK_STR(&d.model, cases[i].rest);
    }
}


static void
test_access(void)
{
    ngx_str_t                 hint;
    ngx_litellm_deployment_t  d;

    unit_case("no key anywhere");
    vars[0] = NULL;
    CHECK_INT(detect(&d, "openai/x", NULL, NULL, &hint), NGX_OK);
    CHECK_INT(d.no_credentials, 1);
    CHECK_STR(&d.missing_env, "OPENAI_API_KEY");
    CHECK_STR(&d.api_base, "https://api.openai.com/v1");

    unit_case("a server of one's own needs none");
    CHECK_INT(detect(&d, "openai/x", NULL, "http://h/v1", &hint), NGX_OK);
    CHECK_INT(d.no_credentials, 0);
    CHECK_INT(d.api_key.len, 0);

    unit_case("the provider's own address written out needs one");
    CHECK_INT(detect(&d, "openai/x", NULL, "https://api.openai.com/v1/",
                     &hint), NGX_OK);
    CHECK_INT(d.no_credentials, 1);

    unit_case("the environment");
    vars[0] = "OPENAI_API_KEY=sk-1\n";
    vars[1] = "OPENAI_API_BASE=http://second/v1";
    vars[2] = "OPENAI_BASE_URL=http://first/v1";
    vars[3] = "OPENAI_ORGANIZATION=org";
    vars[4] = "ANTHROPIC_API_KEY=sk\r\nX: y";
    vars[5] = NULL;
    CHECK_INT(detect(&d, "openai/x", NULL, NULL, &hint), NGX_OK);
    CHECK_INT(d.no_credentials, 0);
    CHECK_STR(&d.api_key, "sk-1");
    CHECK_STR(&d.api_base, "http://first/v1");
    CHECK_STR(&d.organization, "org");

    unit_case("a key with a line break is none");
    CHECK_INT(detect(&d, "anthropic/x", NULL, NULL, &hint), NGX_OK);
    CHECK_INT(d.no_credentials, 1);
    CHECK_INT(d.organization.len, 0);

    unit_case("several variables for a key");
    vars[0] = "FRIENDLI_TOKEN=second";
    vars[1] = NULL;
    CHECK_INT(detect(&d, "friendliai/x", NULL, NULL, &hint), NGX_OK);
    CHECK_INT(d.no_credentials, 0);
    CHECK_STR(&d.api_key, "second");
    vars[0] = NULL;
    CHECK_INT(detect(&d, "friendliai/x", NULL, NULL, &hint), NGX_OK);
    CHECK_STR(&d.missing_env, "FRIENDLIAI_API_KEY");

    unit_case("modes and rows");
    CHECK_INT(detect(&d, "openai/text-embedding-3-small", NULL, NULL, &hint),
              NGX_OK);
    CHECK_INT(d.mode, NGX_LITELLM_MODE_EMBEDDING);
    CHECK(d.info != NULL);
    CHECK_INT(detect(&d, "text-completion-openai/none", NULL, NULL, &hint),
              NGX_OK);
    CHECK_INT(d.mode, NGX_LITELLM_MODE_COMPLETION);
    CHECK(d.info == NULL);

    unit_case("a mock imitates whom it likes");
    ngx_memzero(&d, sizeof(d));
    d.mock = 1;
    d.full_model = unit_str("gemini/gemini-pro");
    {
        ngx_litellm_config_env_t  env;

        ngx_memzero(&env, sizeof(env));
        env.env = test_env;
        CHECK_INT(ngx_litellm_provider_detect(&env, unit_pool, &d, &hint),
                  NGX_OK);
    }
    CHECK(d.provider != NULL);
    CHECK_INT(d.no_credentials, 0);
    CHECK_STR(&d.model, "gemini-pro");
}


/* addresses that are made of something else */

static const struct {
    const char  *model;
    const char  *base;
    const char  *var;
    ngx_int_t    rc;
    const char  *want;          /* or why not */
} bases[] = {
    { "cloudflare/@cf/m", NULL, "CLOUDFLARE_ACCOUNT_ID=a1B2", NGX_OK,
      "https://api.cloudflare.com/client/v4/accounts/a1B2/ai/v1" },
    { "cloudflare/@cf/m", "https://h/accounts/a/ai/run/", NULL, NGX_OK,
      "https://h/accounts/a/ai/v1" },
    { "cloudflare/@cf/m", "https://h/ai/v1", NULL, NGX_OK,
      "https://h/ai/v1" },
    { "cloudflare/@cf/m", NULL, NULL, NGX_BUSY,
      "Cloudflare needs CLOUDFLARE_ACCOUNT_ID in the environment, or an "
      "api_base" },
    { "cloudflare/@cf/m", NULL, "CLOUDFLARE_ACCOUNT_ID=a/../b", NGX_BUSY,
      "CLOUDFLARE_ACCOUNT_ID is no account's id" },
    { "databricks/m", "https://w.cloud.databricks.com", NULL, NGX_OK,
      "https://w.cloud.databricks.com/serving-endpoints" },
    { "databricks/m", "https://w.cloud.databricks.com/", NULL, NGX_OK,
      "https://w.cloud.databricks.com/serving-endpoints" },
    { "databricks/m", "https://w/serving-endpoints", NULL, NGX_OK,
      "https://w/serving-endpoints" },
    { "datarobot/m", NULL, NULL, NGX_OK,
      "https://app.datarobot.com/api/v2/genai/llmgw" },
    { "datarobot/m", NULL, "DATAROBOT_ENDPOINT=https://d.example/api/v2/",
      NGX_OK, "https://d.example/api/v2/genai/llmgw" },
    { "datarobot/m", "https://d.example", NULL, NGX_OK,
      "https://d.example/api/v2/genai/llmgw" },
    { "datarobot/m", "https://d/api/v2/deployments/1", NULL, NGX_OK,
      "https://d/api/v2/deployments/1" },
};


static void
test_bases(void)
{
    size_t                    i;
    ngx_str_t                 hint;
    ngx_litellm_deployment_t  d;

    for (i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
        unit_case("base %s %s", bases[i].model,
                  bases[i].base ? bases[i].base : "-");

        vars[0] = bases[i].var;
        vars[1] = NULL;

        if (!CHECK_INT(detect(&d, bases[i].model, NULL, bases[i].base, &hint),
                       bases[i].rc))
        {
            continue;
        }

        CHECK_STR(bases[i].rc == NGX_OK ? &d.api_base : &hint, bases[i].want);
    }

    vars[0] = NULL;
}


static void
test_table(void)
{
    ngx_str_t                      name;
    const ngx_litellm_provider_t  *p, *q;

    for (p = ngx_litellm_providers; p->name.len; p++) {
        unit_case("row %s", p->name.data);

        name = p->name;
        CHECK(ngx_litellm_provider_find(&name) == p);
        CHECK(p->dialect != NULL);
        CHECK(p->keys.len != 0);
        CHECK(p->exception.len > 9);
        CHECK((p->base.len == 0)
              == ((p->quirks & NGX_LITELLM_Q_BASE_REQUIRED) != 0)
              || p->setup != NULL);
        CHECK(p->base.len == 0 || p->base.data[p->base.len - 1] != '/');

        for (q = p + 1; q->name.len; q++) {
            CHECK(q->name.len != p->name.len
                  || ngx_memcmp(q->name.data, p->name.data, p->name.len));
        }
    }

    unit_case("find");
    name = unit_str("text-completion-openai");
    CHECK(ngx_litellm_provider_find(&name) == &ngx_litellm_providers[0]);
    name = unit_str("OPENAI");
    CHECK(ngx_litellm_provider_find(&name) == NULL);
    name = unit_str("");
    CHECK(ngx_litellm_provider_find(&name) == NULL);
}


/* what the row's provider is asked for by its own dialect */

static ngx_uint_t
serves(const ngx_litellm_provider_t *row, ngx_litellm_op_e op)
{
    ngx_litellm_call_t             call;
    ngx_litellm_deployment_t       d;
    const ngx_litellm_dialect_t   *dialect;

    if (op == NGX_LITELLM_OP_EMBEDDINGS
        && (row->quirks & NGX_LITELLM_Q_NO_EMBEDDINGS))
    {
        return 0;
    }

    if (op == NGX_LITELLM_OP_COMPLETIONS
        && (row->quirks & NGX_LITELLM_Q_AS_CHAT))
    {
        return 0;
    }

    ngx_memzero(&call, sizeof(call));
    ngx_memzero(&d, sizeof(d));

    d.provider = row;
    d.model = unit_str("model");

    call.pool = unit_pool;
    call.op = op;
    call.deployment = &d;
    call.provider_model = d.model;

    dialect = ngx_litellm_provider_dialect(&call);

    if (dialect == NULL) {
        return 0;
    }

    if (row->select != NULL || dialect == &ngx_litellm_openai_dialect) {
        return op != NGX_LITELLM_OP_RERANK
               || dialect != &ngx_litellm_openai_dialect;
    }

    /* a dialect without a choice is one of chat */

    return op == NGX_LITELLM_OP_CHAT;
}


static void
list_words(ngx_litellm_out_t *out, const ngx_str_t *words)
{
    u_char  *p, *last;

    last = words->data + words->len;

    for (p = words->data; p < last; p++) {

        if (p == words->data) {
            ngx_litellm_out_lit(out, "`");
        }

        if (*p == ' ') {
            ngx_litellm_out_lit(out, "` `");

        } else {
            ngx_litellm_out_copy(out, p, 1);
        }

        if (p + 1 == last) {
            ngx_litellm_out_lit(out, "`");
        }
    }
}


static ngx_str_t
list(void)
{
    ngx_str_t                      text;
    ngx_uint_t                     i, n;
    ngx_litellm_out_t              out;
    const ngx_litellm_provider_t  *row;

    static const char  *names[] = { "chat", "completions", "embeddings",
                                    "rerank" };

    ngx_litellm_out_init(&out, unit_pool);

    ngx_litellm_out_lit(&out, "| prefix | key | address | serves |\n"
                        "|---|---|---|---|\n");

    for (row = ngx_litellm_providers; row->name.len; row++) {

        if (row->quirks & NGX_LITELLM_Q_ALIAS) {
            continue;
        }

        ngx_litellm_out_lit(&out, "| `");
        ngx_litellm_out_str(&out, &row->name);
        ngx_litellm_out_lit(&out, "/` | ");
        list_words(&out, &row->keys);

        if (row->quirks & NGX_LITELLM_Q_NO_KEY) {
            ngx_litellm_out_lit(&out, " or none");
        }

        ngx_litellm_out_lit(&out, " | ");

        if (row->base.len) {
            ngx_litellm_out_str(&out, &row->base);

        } else {
            ngx_litellm_out_lit(&out, "`api_base`");
        }

        ngx_litellm_out_lit(&out, " | ");

        for (i = 0, n = 0; i <= NGX_LITELLM_OP_RERANK; i++) {
            if (serves(row, i)) {
                if (n++) {
                    ngx_litellm_out_lit(&out, ", ");
                }

                ngx_litellm_out_copy(&out, names[i], ngx_strlen(names[i]));
            }
        }

        ngx_litellm_out_lit(&out, " |\n");
    }

    if (ngx_litellm_out_join(&out, &text) != NGX_OK) {
        ngx_str_null(&text);
    }

    return text;
}


#define LIST_BEGIN  "<!-- providers: made by ./build.sh providers -->\n"
#define LIST_END    "<!-- end of providers -->\n"

static void
test_readme(void)
{
    char        path[4096];
    u_char     *p, *begin, *end, *last;
    ngx_str_t   readme, want, got;
    const char *data;

    unit_case("README's list");

    data = getenv("UNIT_DATA");

    if (!CHECK(data != NULL)) {
        return;
    }

    snprintf(path, sizeof(path), "%s/../../README.md", data);

    if (!CHECK_INT(unit_file(path, &readme), NGX_OK)) {
        return;
    }

    last = readme.data + readme.len;

    begin = ngx_litellm_find(readme.data, last, LIST_BEGIN,
                             sizeof(LIST_BEGIN) - 1);
    end = ngx_litellm_find(readme.data, last, LIST_END, sizeof(LIST_END) - 1);

    if (!CHECKF(begin != NULL && end != NULL && begin < end,
                "README has no list between its two comments"))
    {
        return;
    }

    got.data = begin + sizeof(LIST_BEGIN) - 1;
    got.len = end - got.data;

    want = list();

    for (p = want.data; p < want.data + want.len && p - want.data
                        < (ssize_t) got.len; p++)
    {
        if (*p != got.data[p - want.data]) {
            break;
        }
    }

    CHECKF(got.len == want.len && ngx_memcmp(got.data, want.data, got.len) == 0,
           "README's list of providers is not the table's from byte %d on: "
           "run ./build.sh providers", (int) (p - want.data));
}


void
unit_main(void)
{
    ngx_str_t  text;

    if (getenv("UNIT_PROVIDERS")) {
        unit_case("list");
        text = list();
        fwrite(text.data, 1, text.len, stdout);
        exit(0);
    }

    test_readme();
    test_choice();
    test_access();
    test_bases();
    test_table();
}
