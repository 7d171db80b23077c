
/*
 * Models that no file lists: which name leads where, with which keys in the
 * environment, and what a file has to say about it.
 */

#include "unit.h"

#include "ngx_litellm_provider.h"


static ngx_litellm_config_t  *conf;
static const char            *yaml;
static const char            *vars[16];      /* NAME=value */
static ngx_uint_t             errors;


static ngx_int_t
test_read(void *data, ngx_str_t *path, ngx_str_t *text, ngx_str_t *why)
{
    *text = unit_str(yaml);
    return NGX_OK;
}


static ngx_int_t
test_env(void *data, ngx_str_t *name, ngx_str_t *value)
{
    return unit_env(vars, 16, name, value);
}


static void
test_diag(void *data, ngx_litellm_diag_e level, ngx_str_t *line)
{
    errors += (level == NGX_LITELLM_DIAG_ERROR);
}


/* text: NULL: no file */

static void
load(const char *text, ngx_litellm_direct_e mode)
{
    ngx_str_t                 path;
    ngx_litellm_config_env_t  env;

    ngx_memzero(&env, sizeof(ngx_litellm_config_env_t));

    env.read = test_read;
    env.env = test_env;
    env.provider = ngx_litellm_provider_detect;
    env.direct = ngx_litellm_provider_direct;
    env.direct_mode = mode;
    env.diag = test_diag;

    yaml = text;
    path = unit_str(text ? "/c.yaml" : "");
    errors = 0;

    CHECK_INT(ngx_litellm_config_read(unit_pool, &path, &env, &conf), NGX_OK);
    CHECK_INT(errors, 0);
}


/* "provider model" that a request for this name would get */

static void
leads(const char *asked, const char *want)
{
    u_char                    *p;
    ngx_str_t                  name, model, got, captured[4];
    ngx_uint_t                 n;
    ngx_litellm_group_t       *group;
    ngx_litellm_deployment_t  *d, **dp;

    name = unit_str(asked);
    group = ngx_litellm_config_group(conf, &name);

    if (group != NULL) {
        n = 0;

    } else {
        group = ngx_litellm_config_pattern(conf, &name, captured, &n);
    }

    if (group == NULL) {
        CHECKF(want == NULL, "\"%s\" leads nowhere", asked);
        return;
    }

    dp = group->deployments.elts;
    d = dp[0];

    CHECK_INT(ngx_litellm_config_model(unit_pool, d, &name, captured, n,
                                       &model), NGX_OK);

    p = ngx_pnalloc(unit_pool, 300);
    got.data = p;
    got.len = ngx_snprintf(p, 300, "%V %V", &d->provider->name, &model) - p;

    if (want == NULL) {
        CHECKF(0, "\"%s\" leads to \"%.*s\"", asked, (int) got.len, got.data);
        return;
    }

    CHECK_STR(&got, want);
}


static void
env(const char *first, ...)
{
    va_list      args;
    ngx_uint_t   i;
    const char  *s;

    va_start(args, first);

    for (s = first, i = 0; s && i < 15; s = va_arg(args, const char *)) {
        vars[i++] = s;
    }

    vars[i] = NULL;

    va_end(args);
}


static void
test_names(void)
{
    size_t  i;

    static const struct {
        const char  *name;
        const char  *want;
    } cases[] = {
        { "gpt-4", "openai gpt-4" },
        { "gpt-3.5-turbo", "openai gpt-3.5-turbo" },
        { "chatgpt-4o-latest", "openai chatgpt-4o-latest" },
        { "o1", "openai o1" },
        { "o3-mini", "openai o3-mini" },
        { "o4-mini", "openai o4-mini" },
        { "ft:gpt-4o-mini:org::id", "openai ft:gpt-4o-mini:org::id" },
        { "text-embedding-3-small", "openai text-embedding-3-small" },
        { "claude-3-opus", "anthropic claude-3-opus" },
        { "gemini-pro", "gemini gemini-pro" },
        { "gemini/gemini-pro", "gemini gemini-pro" },
        { "text-embedding-004", "gemini text-embedding-004" },
        { "grok-4", "xai grok-4" },
        { "deepseek-chat", "deepseek deepseek-chat" },
        { "mistral-large-latest", "mistral mistral-large-latest" },
        { "command-r", "cohere command-r" },
        { "embed-english-v3.0", "cohere embed-english-v3.0" },
        { "rerank-v3.5", "cohere rerank-v3.5" },
        { "llama-2-70b", "together_ai meta-llama/Llama-2-70b-chat-hf" },
        { "mixtral-8x7b", "together_ai mistralai/Mixtral-8x7B-Instruct-v0.1" },
        { "mistral-7b", "together_ai mistralai/Mistral-7B-Instruct-v0.2" },
        { "together_ai/llama-2-70b",
          "together_ai meta-llama/Llama-2-70b-chat-hf" },
        { "together_ai/meta-llama/X", "together_ai meta-llama/X" },

        { "openai/gpt-4o", "openai gpt-4o" },
        { "openai/some/thing", "openai some/thing" },
        { "anthropic/claude-3-opus", "anthropic claude-3-opus" },
        { "openrouter/openai/gpt-4o", "openrouter openai/gpt-4o" },
        { "openrouter/auto", "openrouter auto" },

        /* no key, no address, no such thing */
        { "perplexity/sonar", NULL },
        { "sonar-pro", NULL },
        { "ollama/llama3", NULL },
        { "hosted_vllm/x", NULL },
        { "azure/gpt-4", NULL },
        { "nobody/gpt-4", NULL },
        { "o", NULL },
        { "gpt", NULL },
        { "my-model", NULL },
        { "", NULL },
        { "*", NULL },
        { "/", NULL },
        { NULL, NULL }
    };

    env("OPENAI_API_KEY=k", "ANTHROPIC_API_KEY=k", "COHERE_API_KEY=k",
        "TOGETHER_API_KEY=k", "OPENROUTER_API_KEY=k", "XAI_API_KEY=k",
        "DEEPSEEK_API_KEY=k", "MISTRAL_API_KEY=k", "GOOGLE_API_KEY=k", NULL);

    unit_case("no file");
    load(NULL, NGX_LITELLM_DIRECT_AUTO);
    CHECK(conf->direct);

    for (i = 0; cases[i].name; i++) {
        leads(cases[i].name, cases[i].want);
    }

    unit_case("other kinds of credentials");
    env("AZURE_API_KEY=k", "AZURE_API_BASE=https://r.openai.azure.com",
        "AWS_BEARER_TOKEN_BEDROCK=k", "AWS_REGION=us-east-1",
        "REPLICATE_API_KEY=k", "HUGGINGFACE_API_KEY=k", NULL);
    load(NULL, NGX_LITELLM_DIRECT_ON);
    leads("azure/gpt-4", "azure gpt-4");
    leads("bedrock/anthropic.claude-v2", "bedrock anthropic.claude-v2");
    leads("replicate/mistral-7b",
          "replicate mistralai/mistral-7b-instruct-v0.2");
    leads("replicate/a/b", "replicate a/b");
    leads("huggingface/meta-llama/Llama-2-70b",
          "huggingface meta-llama/Llama-2-70b");
    leads("vertex_ai/gemini-pro", NULL);
    leads("gemini-pro", NULL);

    unit_case("no key, no names");
    env(NULL);
    load(NULL, NGX_LITELLM_DIRECT_ON);
    CHECK_INT(conf->directs.nelts, 0);
    CHECK_INT(conf->deployments.nelts, 0);
    leads("gpt-4", NULL);

    unit_case("an address makes a server without a key usable");
    env("HOSTED_VLLM_API_BASE=http://127.0.0.1:8000/v1", NULL);
    load(NULL, NGX_LITELLM_DIRECT_ON);
    leads("hosted_vllm/x", "hosted_vllm x");
    leads("gpt-4", NULL);

    unit_case("an address that is none");
    env("HOSTED_VLLM_API_BASE=nonsense", "OPENAI_API_KEY=k", NULL);
    load(NULL, NGX_LITELLM_DIRECT_ON);
    leads("hosted_vllm/x", NULL);
    leads("gpt-4", "openai gpt-4");
}


static void
test_files(void)
{
    ngx_str_t  name;

    static const char  list[] =
        "model_list:\n"
        "  - {model_name: gpt-4, litellm_params: {model: anthropic/x}}\n"
        "  - {model_name: \"openai/*\", litellm_params: "
            "{model: openai/*, api_base: \"http://own/v1\"}}\n";

    env("OPENAI_API_KEY=k", "ANTHROPIC_API_KEY=k", "LITELLM_MASTER_KEY=sk-1",
        NULL);

    unit_case("a model_list says what there is");
    load(list, NGX_LITELLM_DIRECT_AUTO);
    CHECK(!conf->direct);
    leads("claude-3-opus", NULL);
    leads("gpt-4", "anthropic x");

    unit_case("a list whose models are left out says so too");
    load("model_list:\n  - {model_name: a, litellm_params: {model: "
         "nobody/x}}\n", NGX_LITELLM_DIRECT_AUTO);
    CHECK(!conf->direct);

    unit_case("on: the file comes first");
    load(list, NGX_LITELLM_DIRECT_ON);
    CHECK(conf->direct);
    leads("claude-3-opus", "anthropic claude-3-opus");
    leads("gpt-4", "anthropic x");

    /* known to be OpenAI's, and "openai/..." is in the file */

    name = unit_str("gpt-4o");
    CHECK(ngx_litellm_config_pattern(conf, &name, (ngx_str_t [4]) { { 0 } },
                                     &(ngx_uint_t) { 0 })
          == *(ngx_litellm_group_t **) conf->patterns.elts);

    unit_case("off");
    load("general_settings: {}\n", NGX_LITELLM_DIRECT_OFF);
    CHECK(!conf->direct);
    leads("gpt-4", NULL);

    unit_case("auto: a file without models");
    load("litellm_settings: {num_retries: 1}\nmodel_list: []\n",
         NGX_LITELLM_DIRECT_AUTO);
    CHECK(conf->direct);
    leads("gpt-4", "openai gpt-4");

    unit_case("auto: a master key in the file");
    load("general_settings: {master_key: sk-2}\n", NGX_LITELLM_DIRECT_AUTO);
    CHECK(!conf->direct);

    unit_case("fallbacks may lead to them");
    load("litellm_settings: {fallbacks: [{gpt-4: [claude-3-opus]}]}\n",
         NGX_LITELLM_DIRECT_AUTO);
    CHECK_INT(conf->fallbacks.nelts, 1);

    unit_case("keys of the file's environment_variables");
    env(NULL);
    load("environment_variables: {OPENAI_API_KEY: k}\n",
         NGX_LITELLM_DIRECT_AUTO);
    leads("gpt-4", "openai gpt-4");
}


void
unit_main(void)
{
    test_names();
    test_files();
}
