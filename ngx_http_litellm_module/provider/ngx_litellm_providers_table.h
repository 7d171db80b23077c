
/*
 * The long part of the table of providers (ngx_litellm_providers.c): services
 * and servers that speak OpenAI's dialect, one row each.
 *
 *     R(name, base, keys, bases, exception, quirks)
 *     V(name, base, keys, bases, exception, quirks, variant, setup)
 *     S(name, base, keys, bases, exception, quirks)    has rerank, too
 *
 * What the columns are is told in ngx_litellm_provider.h.  Names, addresses
 * and names of variables are those of LiteLLM's tables, with a variable of the
 * provider's own documents behind them where it has another name.  Two quirks
 * are as each API's reference has it: AS_CHAT where it has no /completions,
 * NO_EMBEDDINGS where it has no /embeddings.
 */

/* servers of one's own */

S("hosted_vllm", "", "HOSTED_VLLM_API_KEY", "HOSTED_VLLM_API_BASE",
  "Hosted_vllmException", Q(STREAM_USAGE) | Q(NO_KEY) | Q(BASE_REQUIRED)),

S("vllm", "", "VLLM_API_KEY HOSTED_VLLM_API_KEY",
  "VLLM_API_BASE HOSTED_VLLM_API_BASE", "VllmException",
  Q(STREAM_USAGE) | Q(NO_KEY) | Q(BASE_REQUIRED) | Q(ALIAS)),

R("lm_studio", "", "LM_STUDIO_API_KEY", "LM_STUDIO_API_BASE",
  "Lm_studioException", Q(STREAM_USAGE) | Q(NO_KEY) | Q(BASE_REQUIRED)),

R("llamafile", "http://127.0.0.1:8080/v1", "LLAMAFILE_API_KEY",
  "LLAMAFILE_API_BASE", "LlamafileException", Q(NO_KEY)),

S("xinference", "http://127.0.0.1:9997/v1", "XINFERENCE_API_KEY",
  "XINFERENCE_API_BASE", "XinferenceException", Q(NO_KEY)),

V("docker_model_runner", "http://localhost:22088/engines/llama.cpp",
  "DOCKER_MODEL_RUNNER_API_KEY", "DOCKER_MODEL_RUNNER_API_BASE",
  "Docker_model_runnerException", Q(NO_KEY), &ngx_litellm_v1_variant, NULL),

R("lemonade", "http://localhost:8000/api/v1", "LEMONADE_API_KEY",
  "LEMONADE_API_BASE", "LemonadeException", Q(NO_KEY)),

V("oobabooga", "", "OOBABOOGA_API_KEY", "OOBABOOGA_API_BASE",
  "OobaboogaException", Q(NO_KEY) | Q(BASE_REQUIRED), &ngx_litellm_v1_variant,
  NULL),

S("infinity", "", "INFINITY_API_KEY", "INFINITY_API_BASE",
  "InfinityException", Q(NO_KEY) | Q(BASE_REQUIRED) | Q(NO_CHAT)),

S("litellm_proxy", "", "LITELLM_PROXY_API_KEY", "LITELLM_PROXY_API_BASE",
  "Litellm_proxyException", Q(STREAM_USAGE) | Q(NO_KEY) | Q(BASE_REQUIRED)),

S("openai_like", "", "OPENAI_LIKE_API_KEY", "OPENAI_LIKE_API_BASE",
  "Openai_likeException", Q(NO_KEY) | Q(BASE_REQUIRED)),

S("custom_openai", "", "OPENAI_API_KEY", "OPENAI_BASE_URL OPENAI_API_BASE",
  "Custom_openaiException", Q(NO_KEY) | Q(BASE_REQUIRED)),

V("ragflow", "", "RAGFLOW_API_KEY", "RAGFLOW_API_BASE", "RagflowException",
  Q(BASE_REQUIRED) | Q(AS_CHAT) | Q(NO_EMBEDDINGS),
  &ngx_litellm_ragflow_variant, NULL),

/* services */

R("abliteration", "https://api.abliteration.ai/v1", "ABLITERATION_API_KEY",
  "ABLITERATION_API_BASE", "AbliterationException",
  Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("ai21_chat", "https://api.ai21.com/studio/v1", "AI21_API_KEY",
  "AI21_API_BASE", "Ai21_chatException", Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("ai21", "https://api.ai21.com/studio/v1", "AI21_API_KEY", "AI21_API_BASE",
  "Ai21Exception", Q(AS_CHAT) | Q(NO_EMBEDDINGS) | Q(ALIAS)),

R("aihubmix", "https://aihubmix.com/v1", "AIHUBMIX_API_KEY",
  "AIHUBMIX_API_BASE", "AihubmixException", Q(AS_CHAT)),

R("aiml", "https://api.aimlapi.com/v1", "AIML_API_KEY", "AIML_API_BASE",
  "AimlException", Q(AS_CHAT)),

R("amazon_nova", "https://api.nova.amazon.com/v1", "AMAZON_NOVA_API_KEY",
  "AMAZON_NOVA_API_BASE", "Amazon_novaException",
  Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("anyscale", "https://api.endpoints.anyscale.com/v1", "ANYSCALE_API_KEY",
  "ANYSCALE_API_BASE", "AnyscaleException", Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("apertis", "https://api.stima.tech/v1", "STIMA_API_KEY", "APERTIS_API_BASE",
  "ApertisException", Q(MAX_TOKENS) | Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("assemblyai", "https://llm-gateway.assemblyai.com/v1", "ASSEMBLYAI_API_KEY",
  "ASSEMBLYAI_API_BASE", "AssemblyaiException", Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("baseten", "https://inference.baseten.co/v1", "BASETEN_API_KEY",
  "BASETEN_API_BASE", "BasetenException", Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY",
  "CEREBRAS_API_BASE", "CerebrasException",
  Q(STREAM_USAGE) | Q(MAX_TOKENS) | Q(NO_EMBEDDINGS)),

R("charity_engine",
  "https://api.charityengine.services/remotejobs/v2/inference",
  "CHARITY_ENGINE_API_KEY", "CHARITY_ENGINE_API_BASE",
  "Charity_engineException", Q(MAX_TOKENS) | Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("chutes", "https://llm.chutes.ai/v1", "CHUTES_API_KEY", "CHUTES_API_BASE",
  "ChutesException", Q(MAX_TOKENS) | Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("clarifai", "https://api.clarifai.com/v2/ext/openai/v1",
  "CLARIFAI_PAT CLARIFAI_API_KEY", "CLARIFAI_API_BASE", "ClarifaiException",
  Q(AS_CHAT)),

V("cloudflare", "", "CLOUDFLARE_API_KEY CLOUDFLARE_API_TOKEN",
  "CLOUDFLARE_API_BASE", "CloudflareException", Q(AS_CHAT) | Q(BASE_REQUIRED),
  NULL, ngx_litellm_cloudflare_setup),

V("codestral", "https://codestral.mistral.ai/v1", "CODESTRAL_API_KEY",
  "CODESTRAL_API_BASE", "CodestralException",
  Q(MAX_TOKENS) | Q(AS_CHAT) | Q(NO_EMBEDDINGS), &ngx_litellm_mistral_variant,
  NULL),

R("cognition", "https://api.cognition.ai/v1", "COGNITION_API_KEY",
  "COGNITION_API_BASE", "CognitionException", Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("cometapi", "https://api.cometapi.com/v1", "COMETAPI_KEY COMETAPI_API_KEY",
  "COMETAPI_API_BASE", "CometapiException", Q(AS_CHAT)),

R("compactifai", "https://api.compactif.ai/v1", "COMPACTIFAI_API_KEY",
  "COMPACTIFAI_API_BASE", "CompactifaiException",
  Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("cortecs", "https://api.cortecs.ai/v1", "CORTECS_API_KEY",
  "CORTECS_API_BASE", "CortecsException", Q(AS_CHAT)),

R("crusoe", "https://managed-inference-api-proxy.crusoecloud.com/v1",
  "CRUSOE_API_KEY", "CRUSOE_API_BASE", "CrusoeException",
  Q(MAX_TOKENS) | Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("darkbloom", "https://api.darkbloom.dev/v1", "DARKBLOOM_API_KEY",
  "DARKBLOOM_API_BASE", "DarkbloomException",
  Q(MAX_TOKENS) | Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("dashscope", "https://dashscope.aliyuncs.com/compatible-mode/v1",
  "DASHSCOPE_API_KEY", "DASHSCOPE_API_BASE", "DashscopeException",
  Q(STREAM_USAGE) | Q(TEXT_CONTENT)),

V("databricks", "", "DATABRICKS_API_KEY DATABRICKS_TOKEN",
  "DATABRICKS_API_BASE", "DatabricksException",
  Q(BASE_REQUIRED) | Q(MAX_TOKENS), NULL, ngx_litellm_databricks_setup),

V("datarobot", "https://app.datarobot.com/api/v2/genai/llmgw",
  "DATAROBOT_API_TOKEN", "DATAROBOT_ENDPOINT", "DatarobotException",
  Q(AS_CHAT) | Q(NO_EMBEDDINGS), NULL, ngx_litellm_datarobot_setup),

R("deepinfra", "https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY",
  "DEEPINFRA_API_BASE", "DeepinfraException", Q(STREAM_USAGE) | Q(MAX_TOKENS)),

R("edenai", "https://api.edenai.run/v3", "EDENAI_API_KEY", "EDENAI_API_BASE",
  "EdenaiException", Q(AS_CHAT)),

R("empiriolabs", "https://api.empiriolabs.ai/v1", "EMPIRIOLABS_API_KEY",
  "EMPIRIOLABS_API_BASE", "EmpiriolabsException",
  Q(MAX_TOKENS) | Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("empower", "https://app.empower.dev/api/v1", "EMPOWER_API_KEY",
  "EMPOWER_API_BASE", "EmpowerException", Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("featherless_ai", "https://api.featherless.ai/v1",
  "FEATHERLESS_AI_API_KEY FEATHERLESS_API_KEY",
  "FEATHERLESS_API_BASE FEATHERLESS_AI_API_BASE", "Featherless_aiException",
  Q(NO_EMBEDDINGS)),

V("fireworks_ai", "https://api.fireworks.ai/inference/v1",
  "FIREWORKS_API_KEY FIREWORKS_AI_API_KEY "
  "FIREWORKSAI_API_KEY FIREWORKS_AI_TOKEN",
  "FIREWORKS_API_BASE FIREWORKS_AI_API_BASE", "Fireworks_aiException",
  Q(STREAM_USAGE) | Q(MAX_TOKENS), &ngx_litellm_fireworks_variant, NULL),

R("friendliai", "https://api.friendli.ai/serverless/v1",
  "FRIENDLIAI_API_KEY FRIENDLI_TOKEN", "FRIENDLI_API_BASE",
  "FriendliaiException", Q(STREAM_USAGE) | Q(NO_EMBEDDINGS)),

R("galadriel", "https://api.galadriel.com/v1", "GALADRIEL_API_KEY",
  "GALADRIEL_API_BASE", "GaladrielException", Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("github", "https://models.github.ai/inference",
  "GITHUB_API_KEY GITHUB_TOKEN", "GITHUB_API_BASE", "GithubException",
  Q(STREAM_USAGE) | Q(AS_CHAT)),

R("gmi", "https://api.gmi-serving.com/v1", "GMI_API_KEY", "GMI_API_BASE",
  "GmiException", Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

V("gradient_ai", "https://inference.do-ai.run",
  "GRADIENT_AI_API_KEY GRADIENT_MODEL_ACCESS_KEY",
  "GRADIENT_AI_AGENT_ENDPOINT", "Gradient_aiException",
  Q(AS_CHAT) | Q(NO_EMBEDDINGS), &ngx_litellm_v1_variant, NULL),

R("helicone", "https://ai-gateway.helicone.ai", "HELICONE_API_KEY",
  "HELICONE_API_BASE", "HeliconeException", Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

V("heroku", "", "HEROKU_API_KEY", "HEROKU_API_BASE", "HerokuException",
  Q(BASE_REQUIRED) | Q(AS_CHAT) | Q(NO_EMBEDDINGS), &ngx_litellm_v1_variant,
  NULL),

R("hyperbolic", "https://api.hyperbolic.xyz/v1", "HYPERBOLIC_API_KEY",
  "HYPERBOLIC_API_BASE", "HyperbolicException", Q(NO_EMBEDDINGS)),

R("inception", "https://api.inceptionlabs.ai/v1", "INCEPTION_API_KEY",
  "INCEPTION_API_BASE", "InceptionException", Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

S("jina_ai", "https://api.jina.ai/v1", "JINA_AI_API_KEY JINA_API_KEY",
  "JINA_AI_API_BASE", "Jina_aiException", Q(NO_CHAT)),

R("lambda_ai", "https://api.lambda.ai/v1", "LAMBDA_API_KEY", "LAMBDA_API_BASE",
  "Lambda_aiException", Q(NO_EMBEDDINGS)),

R("libertai", "https://api.libertai.io/v1", "LIBERTAI_API_KEY",
  "LIBERTAI_API_BASE", "LibertaiException", Q(MAX_TOKENS) | Q(AS_CHAT)),

R("llamagate", "https://api.llamagate.dev/v1", "LLAMAGATE_API_KEY",
  "LLAMAGATE_API_BASE", "LlamagateException", Q(MAX_TOKENS) | Q(AS_CHAT)),

R("maritalk", "https://chat.maritaca.ai/api",
  "MARITALK_API_KEY MARITACA_API_KEY", "MARITALK_API_BASE",
  "MaritalkException", Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("meta", "https://api.meta.ai/v1", "META_API_KEY", "META_API_BASE",
  "MetaException", Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("meta_llama", "https://api.llama.com/compat/v1",
  "LLAMA_API_KEY META_LLAMA_API_KEY", "LLAMA_API_BASE", "Meta_llamaException",
  Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("minimax", "https://api.minimax.io/v1", "MINIMAX_API_KEY",
  "MINIMAX_API_BASE", "MinimaxException", Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("modelscope", "https://api-inference.modelscope.cn/v1",
  "MODELSCOPE_API_KEY MODELSCOPE_SDK_TOKEN", "MODELSCOPE_API_BASE",
  "ModelscopeException", Q(AS_CHAT)),

R("moonshot", "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY",
  "MOONSHOT_API_BASE", "MoonshotException",
  Q(STREAM_USAGE) | Q(MAX_TOKENS) | Q(TEXT_CONTENT)
  | Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("morph", "https://api.morphllm.com/v1", "MORPH_API_KEY", "MORPH_API_BASE",
  "MorphException", Q(AS_CHAT)),

R("nadir", "https://api.getnadir.com/v1", "NADIR_API_KEY", "NADIR_API_BASE",
  "NadirException", Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("nano-gpt", "https://nano-gpt.com/api/v1", "NANOGPT_API_KEY",
  "NANOGPT_API_BASE", "Nano-gptException", Q(MAX_TOKENS) | Q(AS_CHAT)),

R("nebius", "https://api.studio.nebius.ai/v1", "NEBIUS_API_KEY",
  "NEBIUS_API_BASE", "NebiusException", Q(STREAM_USAGE)),

R("neosantara", "https://api.neosantara.xyz/v1", "NEOSANTARA_API_KEY",
  "NEOSANTARA_API_BASE", "NeosantaraException", Q(MAX_TOKENS) | Q(AS_CHAT)),

R("novita", "https://api.novita.ai/v3/openai", "NOVITA_API_KEY",
  "NOVITA_API_BASE", "NovitaException", Q(STREAM_USAGE)),

R("nscale", "https://inference.api.nscale.com/v1", "NSCALE_API_KEY",
  "NSCALE_API_BASE", "NscaleException", Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("nvidia_nim", "https://integrate.api.nvidia.com/v1", "NVIDIA_NIM_API_KEY",
  "NVIDIA_NIM_API_BASE", "Nvidia_nimException",
  Q(STREAM_USAGE) | Q(MAX_TOKENS)),

R("ovhcloud", "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1",
  "OVHCLOUD_API_KEY", "OVHCLOUD_API_BASE", "OvhcloudException", Q(AS_CHAT)),

V("parasail", "https://api.parasail.io/v1", "PARASAIL_API_KEY",
  "PARASAIL_API_BASE", "ParasailException", Q(AS_CHAT),
  &ngx_litellm_parasail_variant, NULL),

R("perplexity", "https://api.perplexity.ai",
  "PERPLEXITYAI_API_KEY PERPLEXITY_API_KEY", "PERPLEXITY_API_BASE",
  "PerplexityException", Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("pinstripes", "https://pinstripes.io/v1", "PINSTRIPES_API_KEY",
  "PINSTRIPES_API_BASE", "PinstripesException",
  Q(MAX_TOKENS) | Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("poe", "https://api.poe.com/v1", "POE_API_KEY", "POE_API_BASE",
  "PoeException", Q(MAX_TOKENS) | Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("prism", "https://api.prisminference.com/v1", "PRISM_API_KEY",
  "PRISM_API_BASE", "PrismException", Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("publicai", "https://api.publicai.co/v1", "PUBLICAI_API_KEY",
  "PUBLICAI_API_BASE", "PublicaiException",
  Q(MAX_TOKENS) | Q(TEXT_CONTENT) | Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("qwen_ai_platform", "https://dashscope.aliyuncs.com/compatible-mode/v1",
  "QWEN_AI_PLATFORM_API_KEY DASHSCOPE_API_KEY", "QWEN_AI_PLATFORM_API_BASE",
  "Qwen_ai_platformException", Q(STREAM_USAGE) | Q(TEXT_CONTENT)),

R("qwencloud", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
  "QWENCLOUD_API_KEY DASHSCOPE_API_KEY", "QWENCLOUD_API_BASE",
  "QwencloudException", Q(STREAM_USAGE) | Q(TEXT_CONTENT)),

R("reka", "https://api.reka.ai/v1", "REKA_API_KEY", "REKA_API_BASE",
  "RekaException", Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("sail", "https://api.sailresearch.com/v1", "SAIL_API_KEY", "SAIL_API_BASE",
  "SailException", Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("sambanova", "https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY",
  "SAMBANOVA_API_BASE", "SambanovaException", Q(STREAM_USAGE) | Q(MAX_TOKENS)),

V("sarvam", "https://api.sarvam.ai/v1", "SARVAM_API_KEY", "SARVAM_API_BASE",
  "SarvamException", Q(MAX_TOKENS) | Q(AS_CHAT) | Q(NO_EMBEDDINGS),
  &ngx_litellm_sarvam_variant, NULL),

R("scaleway", "https://api.scaleway.ai/v1", "SCW_SECRET_KEY",
  "SCALEWAY_API_BASE", "ScalewayException", Q(STREAM_USAGE) | Q(AS_CHAT)),

V("scx-ai", "https://api.scx.ai/v1", "SCX_API_KEY", "SCX_API_BASE",
  "Scx-aiException", Q(MAX_TOKENS) | Q(AS_CHAT) | Q(NO_EMBEDDINGS),
  &ngx_litellm_scx_variant, NULL),

R("synthetic", "https://api.synthetic.new/openai/v1", "SYNTHETIC_API_KEY",
  "SYNTHETIC_API_BASE", "SyntheticException", Q(MAX_TOKENS) | Q(AS_CHAT)),

R("tencent", "https://tokenhub-intl.tencentcloudmaas.com/v1",
  "TENCENT_API_KEY", "TENCENT_API_BASE", "TencentException",
  Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("tensormesh", "https://serverless.tensormesh.ai/v1",
  "TENSORMESH_INFERENCE_API_KEY", "TENSORMESH_API_BASE", "TensormeshException",
  Q(MAX_TOKENS) | Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("v0", "https://api.v0.dev/v1", "V0_API_KEY", "V0_API_BASE", "V0Exception",
  Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("veniceai", "https://api.venice.ai/api/v1", "VENICE_AI_API_KEY",
  "VENICE_AI_API_BASE", "VeniceaiException", Q(STREAM_USAGE) | Q(AS_CHAT)),

R("vercel_ai_gateway", "https://ai-gateway.vercel.sh/v1",
  "VERCEL_AI_GATEWAY_API_KEY VERCEL_OIDC_TOKEN", "VERCEL_AI_GATEWAY_API_BASE",
  "Vercel_ai_gatewayException", Q(STREAM_USAGE) | Q(AS_CHAT)),

R("volcengine", "https://ark.cn-beijing.volces.com/api/v3",
  "VOLCENGINE_API_KEY ARK_API_KEY", "VOLCENGINE_API_BASE",
  "VolcengineException", Q(STREAM_USAGE) | Q(AS_CHAT)),

R("wandb", "https://api.inference.wandb.ai/v1", "WANDB_API_KEY",
  "WANDB_API_BASE", "WandbException", Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("xai", "https://api.x.ai/v1", "XAI_API_KEY", "XAI_API_BASE", "XaiException",
  Q(STREAM_USAGE) | Q(NO_EMBEDDINGS)),

R("xiaomi_mimo", "https://api.xiaomimimo.com/v1", "XIAOMI_MIMO_API_KEY",
  "XIAOMI_MIMO_API_BASE", "Xiaomi_mimoException",
  Q(MAX_TOKENS) | Q(AS_CHAT) | Q(NO_EMBEDDINGS)),

R("zai", "https://api.z.ai/api/paas/v4", "ZAI_API_KEY", "ZAI_API_BASE",
  "ZaiException", Q(STREAM_USAGE) | Q(AS_CHAT) | Q(NO_EMBEDDINGS)),
