
/*
 * The one table of providers.
 *
 * A row that names the dialect "openai" is a whole OpenAI-compatible provider:
 * address, names of the key's variables, quirks.  Rows and addresses are the
 * providers' own, as LiteLLM's tables have them too
 * (litellm_core_utils/get_llm_provider_logic.py, llms/openai_like).  The first
 * row is OpenAI; those that need no code of their own are in
 * ngx_litellm_providers_table.h.  Which row a deployment means is found in
 * ngx_litellm_detect.c.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_provider.h"


/* rows of the long part */

#define R(name, base, keys, bases, exception, quirks)                         \
    V(name, base, keys, bases, exception, quirks, NULL, NULL)

#define V(name, base, keys, bases, exception, quirks, variant, setup)         \
    { ngx_string(name), &ngx_litellm_openai_dialect, ngx_string(base),        \
      ngx_string(keys), ngx_string(bases), ngx_string(exception), quirks,     \
      variant, setup, NULL }

/* the same, and rerank in Cohere's form */

#define S(name, base, keys, bases, exception, quirks)                         \
    { ngx_string(name), &ngx_litellm_openai_dialect, ngx_string(base),        \
      ngx_string(keys), ngx_string(bases), ngx_string(exception), quirks,     \
      NULL, NULL, ngx_litellm_openai_select }

#define Q(quirk)  NGX_LITELLM_Q_##quirk


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

    { ngx_string("replicate"), &ngx_litellm_replicate_dialect,
      ngx_string("https://api.replicate.com/v1"),
      ngx_string("REPLICATE_API_KEY REPLICATE_API_TOKEN"),
      ngx_string("REPLICATE_API_BASE"),
      ngx_string("ReplicateException"), NGX_LITELLM_Q_NO_EMBEDDINGS,
      NULL, ngx_litellm_replicate_setup, NULL },

    { ngx_string("ollama"), &ngx_litellm_ollama_dialect,
      ngx_string("http://localhost:11434"),
      ngx_string("OLLAMA_API_KEY"),
      ngx_string("OLLAMA_API_BASE"),
      ngx_string("OllamaException"),
      NGX_LITELLM_Q_NO_KEY | NGX_LITELLM_Q_STREAM_USAGE,
      NULL, NULL, ngx_litellm_ollama_select },

    { ngx_string("ollama_chat"), &ngx_litellm_ollama_dialect,
      ngx_string("http://localhost:11434"),
      ngx_string("OLLAMA_API_KEY"),
      ngx_string("OLLAMA_API_BASE"),
      ngx_string("Ollama_chatException"),
      NGX_LITELLM_Q_NO_KEY | NGX_LITELLM_Q_STREAM_USAGE | NGX_LITELLM_Q_ALIAS,
      NULL, NULL, ngx_litellm_ollama_select },

    { ngx_string("cohere"), &ngx_litellm_cohere_dialect,
      ngx_string("https://api.cohere.com"),
      ngx_string("COHERE_API_KEY CO_API_KEY"),
      ngx_string("COHERE_API_BASE"),
      ngx_string("CohereException"), NGX_LITELLM_Q_STREAM_USAGE,
      NULL, NULL, ngx_litellm_cohere_select },

    { ngx_string("cohere_chat"), &ngx_litellm_cohere_dialect,
      ngx_string("https://api.cohere.com"),
      ngx_string("COHERE_API_KEY CO_API_KEY"),
      ngx_string("COHERE_API_BASE"),
      ngx_string("CohereException"),
      NGX_LITELLM_Q_STREAM_USAGE | NGX_LITELLM_Q_ALIAS,
      NULL, NULL, ngx_litellm_cohere_select },

    { ngx_string("azure"), &ngx_litellm_openai_dialect,
      ngx_string(""),
      ngx_string("AZURE_API_KEY AZURE_OPENAI_API_KEY"),
      ngx_string("AZURE_API_BASE AZURE_OPENAI_ENDPOINT"),
      ngx_string("AzureException"),
      NGX_LITELLM_Q_STREAM_USAGE | NGX_LITELLM_Q_BASE_REQUIRED,
      &ngx_litellm_azure_variant, ngx_litellm_azure_setup, NULL },

    { ngx_string("azure_text"), &ngx_litellm_openai_dialect,
      ngx_string(""),
      ngx_string("AZURE_API_KEY AZURE_OPENAI_API_KEY"),
      ngx_string("AZURE_API_BASE AZURE_OPENAI_ENDPOINT"),
      ngx_string("AzureException"),
      NGX_LITELLM_Q_STREAM_USAGE | NGX_LITELLM_Q_BASE_REQUIRED
      | NGX_LITELLM_Q_ALIAS,
      &ngx_litellm_azure_variant, ngx_litellm_azure_setup, NULL },

    { ngx_string("azure_ai"), &ngx_litellm_openai_dialect,
      ngx_string(""),
      ngx_string("AZURE_AI_API_KEY"),
      ngx_string("AZURE_AI_API_BASE"),
      ngx_string("Azure_aiException"),
      NGX_LITELLM_Q_BASE_REQUIRED | NGX_LITELLM_Q_AS_CHAT
      | NGX_LITELLM_Q_TEXT_CONTENT,
      &ngx_litellm_azure_ai_variant, ngx_litellm_azure_ai_setup,
      ngx_litellm_azure_ai_select },

    { ngx_string("mistral"), &ngx_litellm_openai_dialect,
      ngx_string("https://api.mistral.ai/v1"),
      ngx_string("MISTRAL_API_KEY MISTRAL_AZURE_API_KEY"),
      ngx_string("MISTRAL_API_BASE MISTRAL_AZURE_API_BASE"),
      ngx_string("MistralException"),
      NGX_LITELLM_Q_MAX_TOKENS | NGX_LITELLM_Q_AS_CHAT,
      &ngx_litellm_mistral_variant, NULL, NULL },

    { ngx_string("groq"), &ngx_litellm_openai_dialect,
      ngx_string("https://api.groq.com/openai/v1"),
      ngx_string("GROQ_API_KEY"), ngx_string("GROQ_API_BASE"),
      ngx_string("GroqException"),
      NGX_LITELLM_Q_STREAM_USAGE | NGX_LITELLM_Q_AS_CHAT
      | NGX_LITELLM_Q_NO_EMBEDDINGS,
      &ngx_litellm_groq_variant, NULL, NULL },

    { ngx_string("deepseek"), &ngx_litellm_openai_dialect,
      ngx_string("https://api.deepseek.com/beta"),
      ngx_string("DEEPSEEK_API_KEY"), ngx_string("DEEPSEEK_API_BASE"),
      ngx_string("DeepseekException"),
      NGX_LITELLM_Q_STREAM_USAGE | NGX_LITELLM_Q_TEXT_CONTENT
      | NGX_LITELLM_Q_NO_EMBEDDINGS,
      &ngx_litellm_deepseek_variant, NULL, NULL },

    { ngx_string("together_ai"), &ngx_litellm_openai_dialect,
      ngx_string("https://api.together.ai/v1"),
      ngx_string("TOGETHER_API_KEY TOGETHER_AI_API_KEY TOGETHERAI_API_KEY "
                 "TOGETHER_AI_TOKEN"),
      ngx_string("TOGETHER_AI_API_BASE"),
      ngx_string("Together_aiException"), NGX_LITELLM_Q_STREAM_USAGE,
      &ngx_litellm_together_variant, NULL, ngx_litellm_openai_select },

    { ngx_string("openrouter"), &ngx_litellm_openai_dialect,
      ngx_string("https://openrouter.ai/api/v1"),
      ngx_string("OPENROUTER_API_KEY OR_API_KEY"),
      ngx_string("OPENROUTER_API_BASE"),
      ngx_string("OpenrouterException"),
      NGX_LITELLM_Q_STREAM_USAGE | NGX_LITELLM_Q_AS_CHAT
      | NGX_LITELLM_Q_CACHE_CONTROL | NGX_LITELLM_Q_DETAILS,
      &ngx_litellm_openrouter_variant, ngx_litellm_openrouter_setup, NULL },

    { ngx_string("huggingface"), &ngx_litellm_openai_dialect,
      ngx_string("https://router.huggingface.co/v1"),
      ngx_string("HF_TOKEN HUGGINGFACE_API_KEY"),
      ngx_string("HF_API_BASE HUGGINGFACE_API_BASE"),
      ngx_string("HuggingfaceException"),
      NGX_LITELLM_Q_STREAM_USAGE | NGX_LITELLM_Q_AS_CHAT,
      &ngx_litellm_huggingface_variant, NULL,
      ngx_litellm_huggingface_select },

    { ngx_string("voyage"), &ngx_litellm_openai_dialect,
      ngx_string("https://api.voyageai.com/v1"),
      ngx_string("VOYAGE_API_KEY VOYAGE_AI_API_KEY VOYAGE_AI_TOKEN"),
      ngx_string("VOYAGE_API_BASE"),
      ngx_string("VoyageException"), NGX_LITELLM_Q_NO_CHAT,
      &ngx_litellm_voyage_variant, NULL, ngx_litellm_openai_select },

    { ngx_string("bedrock"), &ngx_litellm_bedrock_dialect,
      ngx_string("https://bedrock-runtime.us-west-2.amazonaws.com"),
      ngx_string("AWS_BEARER_TOKEN_BEDROCK"),
      ngx_string(""),
      ngx_string("BedrockException"),
      NGX_LITELLM_Q_STREAM_USAGE,
      NULL, ngx_litellm_bedrock_setup, ngx_litellm_bedrock_select },

    { ngx_string("bedrock_converse"), &ngx_litellm_bedrock_dialect,
      ngx_string("https://bedrock-runtime.us-west-2.amazonaws.com"),
      ngx_string("AWS_BEARER_TOKEN_BEDROCK"),
      ngx_string(""),
      ngx_string("BedrockException"),
      NGX_LITELLM_Q_STREAM_USAGE | NGX_LITELLM_Q_ALIAS,
      NULL, ngx_litellm_bedrock_setup, ngx_litellm_bedrock_select },

    { ngx_string("bedrock_mantle"), &ngx_litellm_openai_dialect,
      ngx_string("https://bedrock-mantle.us-west-2.api.aws/v1"),
      ngx_string("AWS_BEARER_TOKEN_BEDROCK"),
      ngx_string(""),
      ngx_string("Bedrock_mantleException"),
      NGX_LITELLM_Q_STREAM_USAGE | NGX_LITELLM_Q_NO_EMBEDDINGS,
      NULL, ngx_litellm_bedrock_mantle_setup, NULL },

    { ngx_string("gemini"), &ngx_litellm_gemini_dialect,
      ngx_string("https://generativelanguage.googleapis.com/v1beta"),
      ngx_string("GEMINI_API_KEY GOOGLE_API_KEY"),
      ngx_string("GEMINI_API_BASE"),
      ngx_string("GeminiException"), NGX_LITELLM_Q_STREAM_USAGE,
      NULL, NULL, ngx_litellm_gemini_select },

    /* tokens of an account, not keys; the address is made of the location */

    { ngx_string("vertex_ai"), &ngx_litellm_gemini_dialect,
      ngx_string(""), ngx_string("VERTEXAI_API_KEY"),
      ngx_string("VERTEXAI_API_BASE"),
      ngx_string("Vertex_aiException"),
      NGX_LITELLM_Q_NO_KEY | NGX_LITELLM_Q_STREAM_USAGE,
      NULL, ngx_litellm_vertex_setup, ngx_litellm_vertex_select },

    { ngx_string("vertex_ai_beta"), &ngx_litellm_gemini_dialect,
      ngx_string(""), ngx_string("VERTEXAI_API_KEY"),
      ngx_string("VERTEXAI_API_BASE"),
      ngx_string("Vertex_ai_betaException"),
      NGX_LITELLM_Q_NO_KEY | NGX_LITELLM_Q_STREAM_USAGE
      | NGX_LITELLM_Q_ALIAS,
      NULL, ngx_litellm_vertex_setup, ngx_litellm_vertex_select },

#include "ngx_litellm_providers_table.h"

    { ngx_null_string, NULL, ngx_null_string, ngx_null_string,
      ngx_null_string, ngx_null_string, 0, NULL, NULL, NULL }
};
