
/*
 * The one table of providers.
 *
 * A row that names the dialect "openai" is a whole OpenAI-compatible provider:
 * address, names of the key's variables, quirks.  Rows and addresses are the
 * providers' own, as LiteLLM's tables have them too
 * (litellm_core_utils/get_llm_provider_logic.py, llms/openai_like).  Which row
 * a deployment means is found in ngx_litellm_detect.c.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_provider.h"


#define NGX_LITELLM_COMPATIBLE(name, base, keys, bases, exception, quirks)    \
    { ngx_string(name), &ngx_litellm_openai_dialect, ngx_string(base),        \
      ngx_string(keys), ngx_string(bases), ngx_string(exception), quirks,     \
      NULL, NULL, NULL }


const ngx_litellm_provider_t  ngx_litellm_providers[] = {

    { ngx_string("openai"), &ngx_litellm_openai_dialect,
      ngx_string("https://api.openai.com/v1"),
      ngx_string("OPENAI_API_KEY"),
      ngx_string("OPENAI_BASE_URL OPENAI_API_BASE"),
      ngx_string("OpenAIException"), NGX_LITELLM_Q_STREAM_USAGE,
      NULL, NULL, NULL },

    { ngx_string("anthropic"), &ngx_litellm_anthropic_dialect,
      ngx_string("https://api.anthropic.com"),
      ngx_string("ANTHROPIC_API_KEY"),
      ngx_string("ANTHROPIC_API_BASE ANTHROPIC_BASE_URL"),
      ngx_string("AnthropicException"), NGX_LITELLM_Q_STREAM_USAGE,
      NULL, NULL, NULL },

    /* servers of one's own */

    NGX_LITELLM_COMPATIBLE("hosted_vllm", "", "HOSTED_VLLM_API_KEY",
        "HOSTED_VLLM_API_BASE", "Hosted_vllmException",
        NGX_LITELLM_Q_NO_KEY | NGX_LITELLM_Q_BASE_REQUIRED),

    NGX_LITELLM_COMPATIBLE("lm_studio", "", "LM_STUDIO_API_KEY",
        "LM_STUDIO_API_BASE", "Lm_studioException",
        NGX_LITELLM_Q_NO_KEY | NGX_LITELLM_Q_BASE_REQUIRED),

    NGX_LITELLM_COMPATIBLE("llamafile", "http://127.0.0.1:8080/v1",
        "LLAMAFILE_API_KEY", "LLAMAFILE_API_BASE", "LlamafileException",
        NGX_LITELLM_Q_NO_KEY),

    NGX_LITELLM_COMPATIBLE("xinference", "http://127.0.0.1:9997/v1",
        "XINFERENCE_API_KEY", "XINFERENCE_API_BASE", "XinferenceException",
        NGX_LITELLM_Q_NO_KEY),

    NGX_LITELLM_COMPATIBLE("litellm_proxy", "", "LITELLM_PROXY_API_KEY",
        "LITELLM_PROXY_API_BASE", "Litellm_proxyException",
        NGX_LITELLM_Q_NO_KEY | NGX_LITELLM_Q_BASE_REQUIRED),

    NGX_LITELLM_COMPATIBLE("openai_like", "", "OPENAI_LIKE_API_KEY",
        "OPENAI_LIKE_API_BASE", "Openai_likeException",
        NGX_LITELLM_Q_NO_KEY | NGX_LITELLM_Q_BASE_REQUIRED),

    NGX_LITELLM_COMPATIBLE("custom_openai", "", "OPENAI_API_KEY",
        "OPENAI_BASE_URL OPENAI_API_BASE", "Custom_openaiException",
        NGX_LITELLM_Q_NO_KEY | NGX_LITELLM_Q_BASE_REQUIRED),

    /* services that take OpenAI's bodies as they are */

    NGX_LITELLM_COMPATIBLE("xai", "https://api.x.ai/v1", "XAI_API_KEY",
        "XAI_API_BASE", "XaiException", NGX_LITELLM_Q_STREAM_USAGE),

    NGX_LITELLM_COMPATIBLE("cerebras", "https://api.cerebras.ai/v1",
        "CEREBRAS_API_KEY", "CEREBRAS_API_BASE", "CerebrasException", 0),

    NGX_LITELLM_COMPATIBLE("nvidia_nim",
        "https://integrate.api.nvidia.com/v1", "NVIDIA_NIM_API_KEY",
        "NVIDIA_NIM_API_BASE", "Nvidia_nimException", 0),

    NGX_LITELLM_COMPATIBLE("deepinfra",
        "https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY",
        "DEEPINFRA_API_BASE", "DeepinfraException", 0),

    NGX_LITELLM_COMPATIBLE("sambanova", "https://api.sambanova.ai/v1",
        "SAMBANOVA_API_KEY", "SAMBANOVA_API_BASE", "SambanovaException", 0),

    NGX_LITELLM_COMPATIBLE("moonshot", "https://api.moonshot.ai/v1",
        "MOONSHOT_API_KEY", "MOONSHOT_API_BASE", "MoonshotException", 0),

    NGX_LITELLM_COMPATIBLE("hyperbolic", "https://api.hyperbolic.xyz/v1",
        "HYPERBOLIC_API_KEY", "HYPERBOLIC_API_BASE", "HyperbolicException",
        0),

    NGX_LITELLM_COMPATIBLE("nebius", "https://api.studio.nebius.ai/v1",
        "NEBIUS_API_KEY", "NEBIUS_API_BASE", "NebiusException", 0),

    NGX_LITELLM_COMPATIBLE("lambda_ai", "https://api.lambda.ai/v1",
        "LAMBDA_API_KEY", "LAMBDA_API_BASE", "Lambda_aiException", 0),

    { ngx_null_string, NULL, ngx_null_string, ngx_null_string,
      ngx_null_string, ngx_null_string, 0, NULL, NULL, NULL }
};
