
/*
 * Names that requests may use without a model_list (ngx_litellm_config_env_t.
 * direct): "provider/model" for each row of the table, and well-known names
 * without a prefix, first match first.  Each only where its provider's key is
 * in the environment.
 *
 * Short names of open models mean the full ids of the hosts that serve them:
 * Together AI's and Replicate's catalogues know no others.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_provider.h"


typedef struct {
    ngx_str_t    name;       /* as asked for; "*" is any text */
    ngx_str_t    model;      /* "provider/model" */
} ngx_litellm_direct_t;


#define NGX_LITELLM_DIRECT(name, model)                                       \
    { ngx_string(name), ngx_string(model) }

/* with Together AI's prefix and without */
#define NGX_LITELLM_TOGETHER(name, model)                                     \
    NGX_LITELLM_DIRECT(name, "together_ai/" model),                           \
    NGX_LITELLM_DIRECT("together_ai/" name, "together_ai/" model)


static const ngx_litellm_direct_t  ngx_litellm_directs[] = {

    NGX_LITELLM_TOGETHER("llama-2-7b", "meta-llama/Llama-2-7b-chat-hf"),
    NGX_LITELLM_TOGETHER("llama-2-13b", "meta-llama/Llama-2-13b-chat-hf"),
    NGX_LITELLM_TOGETHER("llama-2-70b", "meta-llama/Llama-2-70b-chat-hf"),
    NGX_LITELLM_TOGETHER("llama-3-8b", "meta-llama/Llama-3-8b-chat-hf"),
    NGX_LITELLM_TOGETHER("llama-3-70b", "meta-llama/Llama-3-70b-chat-hf"),
    NGX_LITELLM_TOGETHER("llama-3.1-8b",
                         "meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo"),
    NGX_LITELLM_TOGETHER("llama-3.1-70b",
                         "meta-llama/Meta-Llama-3.1-70B-Instruct-Turbo"),
    NGX_LITELLM_TOGETHER("llama-3.1-405b",
                         "meta-llama/Meta-Llama-3.1-405B-Instruct-Turbo"),
    NGX_LITELLM_TOGETHER("llama-3.3-70b",
                         "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
    NGX_LITELLM_TOGETHER("mixtral-8x7b",
                         "mistralai/Mixtral-8x7B-Instruct-v0.1"),
    NGX_LITELLM_TOGETHER("mixtral-8x22b",
                         "mistralai/Mixtral-8x22B-Instruct-v0.1"),
    NGX_LITELLM_TOGETHER("mistral-7b", "mistralai/Mistral-7B-Instruct-v0.2"),

    NGX_LITELLM_DIRECT("replicate/llama-2-70b",
                       "replicate/meta/llama-2-70b-chat"),
    NGX_LITELLM_DIRECT("replicate/mistral-7b",
                       "replicate/mistralai/mistral-7b-instruct-v0.2"),
    NGX_LITELLM_DIRECT("replicate/mixtral-8x7b",
                       "replicate/mistralai/mixtral-8x7b-instruct-v0.1"),

    /* Google's, before OpenAI's */
    NGX_LITELLM_DIRECT("text-embedding-004", "gemini/text-embedding-004"),
    NGX_LITELLM_DIRECT("gemini-*", "gemini/gemini-*"),
    NGX_LITELLM_DIRECT("gemma-*", "gemini/gemma-*"),
    NGX_LITELLM_DIRECT("learnlm-*", "gemini/learnlm-*"),

    NGX_LITELLM_DIRECT("gpt-*", "openai/gpt-*"),
    NGX_LITELLM_DIRECT("chatgpt-*", "openai/chatgpt-*"),
    NGX_LITELLM_DIRECT("codex-*", "openai/codex-*"),
    NGX_LITELLM_DIRECT("ft:gpt-*", "openai/ft:gpt-*"),
    NGX_LITELLM_DIRECT("o1", "openai/o1"),
    NGX_LITELLM_DIRECT("o1-*", "openai/o1-*"),
    NGX_LITELLM_DIRECT("o3", "openai/o3"),
    NGX_LITELLM_DIRECT("o3-*", "openai/o3-*"),
    NGX_LITELLM_DIRECT("o4-*", "openai/o4-*"),
    NGX_LITELLM_DIRECT("text-embedding-*", "openai/text-embedding-*"),
    NGX_LITELLM_DIRECT("davinci-*", "openai/davinci-*"),
    NGX_LITELLM_DIRECT("babbage-*", "openai/babbage-*"),

    NGX_LITELLM_DIRECT("claude-*", "anthropic/claude-*"),

    NGX_LITELLM_DIRECT("command*", "cohere/command*"),
    NGX_LITELLM_DIRECT("c4ai-*", "cohere/c4ai-*"),
    NGX_LITELLM_DIRECT("embed-*", "cohere/embed-*"),
    NGX_LITELLM_DIRECT("rerank-*", "cohere/rerank-*"),

    NGX_LITELLM_DIRECT("mistral-*", "mistral/mistral-*"),
    NGX_LITELLM_DIRECT("ministral-*", "mistral/ministral-*"),
    NGX_LITELLM_DIRECT("magistral-*", "mistral/magistral-*"),
    NGX_LITELLM_DIRECT("codestral-*", "mistral/codestral-*"),
    NGX_LITELLM_DIRECT("devstral-*", "mistral/devstral-*"),
    NGX_LITELLM_DIRECT("pixtral-*", "mistral/pixtral-*"),
    NGX_LITELLM_DIRECT("open-mistral-*", "mistral/open-mistral-*"),
    NGX_LITELLM_DIRECT("open-mixtral-*", "mistral/open-mixtral-*"),

    NGX_LITELLM_DIRECT("deepseek-*", "deepseek/deepseek-*"),
    NGX_LITELLM_DIRECT("grok-*", "xai/grok-*"),
    NGX_LITELLM_DIRECT("sonar*", "perplexity/sonar*"),

    NGX_LITELLM_DIRECT("llama-*", "together_ai/llama-*"),
    NGX_LITELLM_DIRECT("mixtral-*", "together_ai/mixtral-*"),

    { ngx_null_string, ngx_null_string }
};


static ngx_uint_t ngx_litellm_direct_usable(ngx_litellm_deployment_t *d);


ngx_int_t
ngx_litellm_provider_direct(ngx_litellm_config_env_t *env, ngx_pool_t *pool,
    ngx_uint_t n, ngx_litellm_deployment_t *d)
{
    ngx_int_t                      rc;
    ngx_str_t                      hint;
    const ngx_litellm_direct_t    *direct;
    const ngx_litellm_provider_t  *row;

    for (direct = ngx_litellm_directs; direct->name.len && n; direct++) {
        n--;
    }

    if (direct->name.len) {
        d->group = direct->name;
        d->full_model = direct->model;

    } else {
        for (row = ngx_litellm_providers; row->name.len && n; row++) {
            n--;
        }

        if (row->name.len == 0) {
            return NGX_DONE;
        }

        d->group.len = row->name.len + 2;
        d->group.data = ngx_pnalloc(pool, d->group.len + 1);
        if (d->group.data == NULL) {
            return NGX_ERROR;
        }

        ngx_sprintf(d->group.data, "%V/*%Z", &row->name);

        d->full_model = d->group;
    }

    rc = ngx_litellm_provider_detect(env, pool, d, &hint);

    if (rc == NGX_OK && !ngx_litellm_direct_usable(d)) {
        return NGX_DECLINED;
    }

    return (rc == NGX_OK || rc == NGX_ERROR) ? rc : NGX_DECLINED;
}


/* a server without a key is there if its address is in the environment */

static ngx_uint_t
ngx_litellm_direct_usable(ngx_litellm_deployment_t *d)
{
    const ngx_litellm_provider_t  *row;

    row = d->provider;

    if (d->no_credentials || d->api_base.len == 0) {
        return 0;
    }

    if (d->api_key.len || d->credential != NULL
        || !(row->quirks & NGX_LITELLM_Q_NO_KEY))
    {
        return 1;
    }

    return d->api_base.len != row->base.len
           || ngx_memcmp(d->api_base.data, row->base.data, row->base.len) != 0;
}
