
/*
 * What the top level members of a request mean: parameters of the OpenAI API,
 * members that the gateway itself acts on, members that a client may not send
 * (credentials, addresses and regions of providers), and those that are
 * dropped without a word (LiteLLM: types/litellm_params.py and the proxy's
 * request checks; reference 3.8).  Everything else is the provider's.
 *
 * ngx_litellm_param_find() runs for each member of each request.  The table is
 * ordered by length, and what most requests have comes first in each;
 * ngx_litellm_param_first[n] is the first name of n or more bytes
 * (params_test.c holds both together).
 */

#include "ngx_litellm_provider.h"


#define ngx_litellm_openai_param(name, id)                                    \
    { name, sizeof(name) - 1, NGX_LITELLM_PARAM_OPENAI, NGX_LITELLM_P_##id }
#define ngx_litellm_body_param(name, id)                                      \
    { name, sizeof(name) - 1, NGX_LITELLM_PARAM_BODY, NGX_LITELLM_BODY_##id }
#define ngx_litellm_control_param(name, id)                                   \
    { name, sizeof(name) - 1, NGX_LITELLM_PARAM_CONTROL,                      \
      NGX_LITELLM_CONTROL_##id }
#define ngx_litellm_silent_param(name)                                        \
    { name, sizeof(name) - 1, NGX_LITELLM_PARAM_SILENT, 0 }
#define ngx_litellm_refused_param(name)                                       \
    { name, sizeof(name) - 1, NGX_LITELLM_PARAM_REFUSED, 0 }


static void ngx_litellm_params_named(ngx_litellm_call_t *call,
    ngx_array_t *names, ngx_litellm_json_t *list, uint64_t *bits);
static uint64_t ngx_litellm_params_zero(ngx_litellm_call_t *call,
    ngx_uint_t id);
static ngx_int_t ngx_litellm_params_unsupported(ngx_litellm_call_t *call,
    uint64_t params, ngx_litellm_error_t *e);


static const ngx_litellm_param_t  ngx_litellm_params[] = {

    /* 1 */
    ngx_litellm_openai_param("n", N),

    /* 3 */
    ngx_litellm_control_param("ttl", SERVING),
    ngx_litellm_silent_param("rpm"),
    ngx_litellm_silent_param("tpm"),

    /* 4 */
    ngx_litellm_openai_param("stop", STOP),
    ngx_litellm_openai_param("user", USER),
    ngx_litellm_openai_param("echo", ECHO),
    ngx_litellm_openai_param("seed", SEED),
    ngx_litellm_control_param("tags", SERVING),
    ngx_litellm_refused_param("rust"),

    /* 5 */
    ngx_litellm_body_param("model", MODEL),
    ngx_litellm_openai_param("tools", TOOLS),
    ngx_litellm_openai_param("top_p", TOP_P),
    ngx_litellm_body_param("input", INPUT),
    ngx_litellm_openai_param("audio", AUDIO),
    ngx_litellm_openai_param("store", STORE),
    ngx_litellm_openai_param("top_k", TOP_K),
    ngx_litellm_control_param("cache", SERVING),

    /* 6 */
    ngx_litellm_openai_param("stream", STREAM),
    ngx_litellm_body_param("prompt", PROMPT),
    ngx_litellm_openai_param("suffix", SUFFIX),
    ngx_litellm_control_param("no-log", SERVING),
    ngx_litellm_silent_param("weight"),

    /* 7 */
    ngx_litellm_openai_param("best_of", BEST_OF),
    ngx_litellm_control_param("caching", SERVING),
    ngx_litellm_control_param("headers", PLAIN),
    ngx_litellm_control_param("timeout", SERVING),
    ngx_litellm_silent_param("weights"),
    ngx_litellm_refused_param("api_key"),

    /* 8 */
    ngx_litellm_body_param("messages", MESSAGES),
    ngx_litellm_openai_param("logprobs", LOGPROBS),
    ngx_litellm_openai_param("metadata", METADATA),
    ngx_litellm_openai_param("thinking", THINKING),
    ngx_litellm_control_param("policies", PLAIN),
    ngx_litellm_control_param("priority", SERVING),
    ngx_litellm_refused_param("api_base"),
    ngx_litellm_refused_param("base_url"),

    /* 9 */
    ngx_litellm_openai_param("functions", FUNCTIONS),
    ngx_litellm_openai_param("verbosity", VERBOSITY),
    ngx_litellm_control_param("fallbacks", PLAIN),
    ngx_litellm_control_param("prompt_id", PLAIN),
    ngx_litellm_silent_param("callbacks"),
    ngx_litellm_silent_param("logger_fn"),
    ngx_litellm_refused_param("client_id"),
    ngx_litellm_refused_param("tenant_id"),

    /* 10 */
    ngx_litellm_openai_param("max_tokens", MAX_TOKENS),
    ngx_litellm_openai_param("dimensions", DIMENSIONS),
    ngx_litellm_openai_param("logit_bias", LOGIT_BIAS),
    ngx_litellm_openai_param("modalities", MODALITIES),
    ngx_litellm_openai_param("prediction", PREDICTION),
    ngx_litellm_control_param("extra_body", PLAIN),
    ngx_litellm_control_param("guardrails", PLAIN),
    ngx_litellm_control_param("mock_delay", MOCK),
    ngx_litellm_silent_param("base_model"),
    ngx_litellm_silent_param("max_budget"),
    ngx_litellm_silent_param("model_info"),
    ngx_litellm_refused_param("model_list"),
    ngx_litellm_refused_param("ssl_verify"),

    /* 11 */
    ngx_litellm_openai_param("temperature", TEMPERATURE),
    ngx_litellm_openai_param("tool_choice", TOOL_CHOICE),
    ngx_litellm_control_param("api_version", PLAIN),
    ngx_litellm_control_param("drop_params", PLAIN),
    ngx_litellm_control_param("max_retries", SERVING),
    ngx_litellm_control_param("num_retries", SERVING),
    ngx_litellm_refused_param("azure_scope"),
    ngx_litellm_refused_param("region_name"),
    ngx_litellm_refused_param("user_config"),

    /* 12 */
    ngx_litellm_openai_param("service_tier", SERVICE_TIER),
    ngx_litellm_openai_param("top_logprobs", TOP_LOGPROBS),
    ngx_litellm_control_param("mock_timeout", MOCK),
    ngx_litellm_control_param("organization", PLAIN),

    /* 13 */
    ngx_litellm_openai_param("function_call", FUNCTION_CALL),
    ngx_litellm_control_param("extra_headers", PLAIN),
    ngx_litellm_control_param("max_fallbacks", SERVING),
    ngx_litellm_silent_param("cooldown_time"),
    ngx_litellm_silent_param("mock_response"),
    ngx_litellm_silent_param("secret_fields"),
    ngx_litellm_refused_param("arize_api_key"),
    ngx_litellm_refused_param("aws_role_name"),
    ngx_litellm_refused_param("client_secret"),
    ngx_litellm_refused_param("langfuse_host"),

    /* 14 */
    ngx_litellm_openai_param("stream_options", STREAM_OPTIONS),
    ngx_litellm_control_param("prompt_version", PLAIN),
    ngx_litellm_control_param("stream_timeout", SERVING),
    ngx_litellm_refused_param("arize_space_id"),
    ngx_litellm_refused_param("azure_ad_token"),
    ngx_litellm_refused_param("azure_password"),
    ngx_litellm_refused_param("azure_username"),
    ngx_litellm_refused_param("s3_bucket_name"),
    ngx_litellm_refused_param("s3_region_name"),
    ngx_litellm_refused_param("vertex_project"),

    /* 15 */
    ngx_litellm_openai_param("encoding_format", ENCODING_FORMAT),
    ngx_litellm_openai_param("response_format", RESPONSE_FORMAT),
    ngx_litellm_control_param("litellm_call_id", SERVING),
    ngx_litellm_control_param("request_timeout", SERVING),
    ngx_litellm_silent_param("budget_duration"),
    ngx_litellm_silent_param("mock_tool_calls"),
    ngx_litellm_refused_param("arize_space_key"),
    ngx_litellm_refused_param("aws_external_id"),
    ngx_litellm_refused_param("aws_region_name"),
    ngx_litellm_refused_param("gcs_bucket_name"),
    ngx_litellm_refused_param("langfuse_secret"),
    ngx_litellm_refused_param("posthog_api_key"),
    ngx_litellm_refused_param("posthog_api_url"),
    ngx_litellm_refused_param("router_settings"),
    ngx_litellm_refused_param("s3_endpoint_url"),
    ngx_litellm_refused_param("vertex_location"),

    /* 16 */
    ngx_litellm_openai_param("presence_penalty", PRESENCE_PENALTY),
    ngx_litellm_openai_param("prompt_cache_key", PROMPT_CACHE_KEY),
    ngx_litellm_openai_param("reasoning_effort", REASONING_EFFORT),
    ngx_litellm_control_param("fastest_response", SERVING),
    ngx_litellm_control_param("litellm_metadata", SERVING),
    ngx_litellm_control_param("litellm_trace_id", SERVING),
    ngx_litellm_control_param("prompt_variables", PLAIN),
    ngx_litellm_silent_param("failure_callback"),
    ngx_litellm_silent_param("preset_cache_key"),
    ngx_litellm_silent_param("success_callback"),
    ngx_litellm_refused_param("aws_profile_name"),
    ngx_litellm_refused_param("aws_session_name"),
    ngx_litellm_refused_param("aws_session_tags"),
    ngx_litellm_refused_param("aws_sts_endpoint"),

    /* 17 */
    ngx_litellm_openai_param("frequency_penalty", FREQUENCY_PENALTY),
    ngx_litellm_openai_param("safety_identifier", SAFETY_IDENTIFIER),
    ngx_litellm_control_param("disable_fallbacks", PLAIN),
    ngx_litellm_control_param("keepalive_seconds", SERVING),
    ngx_litellm_silent_param("max_agentic_loops"),
    ngx_litellm_silent_param("user_api_key_dict"),
    ngx_litellm_refused_param("aws_access_key_id"),
    ngx_litellm_refused_param("aws_session_token"),
    ngx_litellm_refused_param("humanloop_api_key"),
    ngx_litellm_refused_param("langsmith_api_key"),
    ngx_litellm_refused_param("langsmith_project"),
    ngx_litellm_refused_param("lunary_public_key"),
    ngx_litellm_refused_param("vertex_ai_project"),

    /* 18 */
    ngx_litellm_openai_param("web_search_options", WEB_SEARCH_OPTIONS),
    ngx_litellm_control_param("litellm_session_id", SERVING),
    ngx_litellm_refused_param("braintrust_api_key"),
    ngx_litellm_refused_param("langsmith_base_url"),
    ngx_litellm_refused_param("vertex_ai_location"),
    ngx_litellm_refused_param("vertex_credentials"),

    /* 19 */
    ngx_litellm_openai_param("parallel_tool_calls", PARALLEL_TOOL_CALLS),
    ngx_litellm_control_param("custom_llm_provider", PLAIN),
    ngx_litellm_silent_param("litellm_logging_obj"),
    ngx_litellm_refused_param("braintrust_api_base"),
    ngx_litellm_refused_param("langfuse_public_key"),
    ngx_litellm_refused_param("langfuse_secret_key"),

    /* 20 */
    ngx_litellm_silent_param("input_cost_per_image"),
    ngx_litellm_silent_param("input_cost_per_pixel"),
    ngx_litellm_silent_param("input_cost_per_query"),
    ngx_litellm_silent_param("input_cost_per_token"),
    ngx_litellm_silent_param("proxy_server_request"),
    ngx_litellm_refused_param("allowed_model_region"),
    ngx_litellm_refused_param("s3_aws_access_key_id"),

    /* 21 */
    ngx_litellm_openai_param("max_completion_tokens", MAX_COMPLETION_TOKENS),
    ngx_litellm_control_param("allowed_openai_params", PLAIN),
    ngx_litellm_silent_param("enable_prompt_caching"),
    ngx_litellm_silent_param("input_cost_per_second"),
    ngx_litellm_silent_param("max_parallel_requests"),
    ngx_litellm_silent_param("output_cost_per_image"),
    ngx_litellm_silent_param("output_cost_per_pixel"),
    ngx_litellm_silent_param("output_cost_per_token"),
    ngx_litellm_refused_param("aws_secret_access_key"),
    ngx_litellm_refused_param("vertex_ai_credentials"),

    /* 22 */
    ngx_litellm_openai_param("prompt_cache_retention", PROMPT_CACHE_RETENTION),
    ngx_litellm_control_param("additional_drop_params", PLAIN),
    ngx_litellm_silent_param("input_cost_per_request"),
    ngx_litellm_silent_param("output_cost_per_second"),
    ngx_litellm_refused_param("aws_bedrock_project_id"),
    ngx_litellm_refused_param("aws_web_identity_token"),

    /* 23 */
    ngx_litellm_control_param("include_fallback_errors", SERVING),
    ngx_litellm_control_param("num_retries_per_request", SERVING),
    ngx_litellm_refused_param("azure_ad_token_provider"),
    ngx_litellm_refused_param("litellm_credential_name"),

    /* 24 */
    ngx_litellm_control_param("content_policy_fallbacks", PLAIN),
    ngx_litellm_control_param("context_window_fallbacks", PLAIN),
    ngx_litellm_silent_param("input_cost_per_character"),
    ngx_litellm_refused_param("gcs_path_service_account"),
    ngx_litellm_refused_param("s3_aws_secret_access_key"),

    /* 25 */
    ngx_litellm_silent_param("output_cost_per_character"),
    ngx_litellm_refused_param("anthropic_organization_id"),
    ngx_litellm_refused_param("openai_service_account_id"),

    /* 26 */
    ngx_litellm_silent_param("input_cost_per_audio_token"),
    ngx_litellm_refused_param("openai_identity_token_file"),

    /* 27 */
    ngx_litellm_silent_param("cache_read_input_token_cost"),
    ngx_litellm_silent_param("output_cost_per_audio_token"),
    ngx_litellm_refused_param("openai_identity_provider_id"),

    /* 28 */
    ngx_litellm_silent_param("input_cost_per_token_batches"),
    ngx_litellm_refused_param("anthropic_federation_rule_id"),
    ngx_litellm_refused_param("anthropic_service_account_id"),
    ngx_litellm_refused_param("aws_bedrock_runtime_endpoint"),

    /* 29 */
    ngx_litellm_silent_param("output_cost_per_token_batches"),
    ngx_litellm_refused_param("anthropic_identity_token_file"),

    /* 31 */
    ngx_litellm_silent_param("cache_creation_input_token_cost"),
    ngx_litellm_silent_param("output_cost_per_reasoning_token"),

    { "", 0, NGX_LITELLM_PARAM_SILENT, 0 }
};

static const uint8_t  ngx_litellm_param_first[] = {
    0, 0, 1, 1, 4, 10, 18, 23, 29, 37, 45, 58, 67, 71, 81, 91, 107, 121,
    134, 140, 146, 153, 163, 169, 173, 178, 181, 183, 186, 190, 192, 192,
    194
};


/* mock_testing_fallbacks and its like: LiteLLM has some more each year */
static const ngx_litellm_param_t  ngx_litellm_param_testing =
    ngx_litellm_control_param("mock_testing_", MOCK);


const ngx_litellm_param_t *
ngx_litellm_param_find(const u_char *name, size_t len)
{
    const ngx_litellm_param_t  *p, *last;

    if (len == 0 || len > NGX_LITELLM_PARAM_LONGEST) {
        p = last = NULL;

    } else {
        p = &ngx_litellm_params[ngx_litellm_param_first[len]];
        last = &ngx_litellm_params[ngx_litellm_param_first[len + 1]];
    }

    for ( /* void */ ; p < last; p++) {
        if (p->name[0] == name[0]
            && p->name[len - 1] == name[len - 1]
            && ngx_memcmp(p->name, name, len) == 0)
        {
            return p;
        }
    }

    if (len > sizeof("mock_testing_") - 1
        && ngx_memcmp(name, "mock_testing_", sizeof("mock_testing_") - 1) == 0)
    {
        return &ngx_litellm_param_testing;
    }

    return NULL;
}


ngx_str_t *
ngx_litellm_param_name(ngx_uint_t id)
{
    static ngx_str_t  names[NGX_LITELLM_P_MAX] = {
        ngx_string("temperature"),
        ngx_string("top_p"),
        ngx_string("top_k"),
        ngx_string("n"),
        ngx_string("stop"),
        ngx_string("max_tokens"),
        ngx_string("max_completion_tokens"),
        ngx_string("presence_penalty"),
        ngx_string("frequency_penalty"),
        ngx_string("logit_bias"),
        ngx_string("logprobs"),
        ngx_string("top_logprobs"),
        ngx_string("seed"),
        ngx_string("user"),
        ngx_string("tools"),
        ngx_string("tool_choice"),
        ngx_string("parallel_tool_calls"),
        ngx_string("functions"),
        ngx_string("function_call"),
        ngx_string("response_format"),
        ngx_string("reasoning_effort"),
        ngx_string("thinking"),
        ngx_string("verbosity"),
        ngx_string("modalities"),
        ngx_string("audio"),
        ngx_string("prediction"),
        ngx_string("store"),
        ngx_string("metadata"),
        ngx_string("service_tier"),
        ngx_string("web_search_options"),
        ngx_string("stream"),
        ngx_string("stream_options"),
        ngx_string("safety_identifier"),
        ngx_string("prompt_cache_key"),
        ngx_string("prompt_cache_retention"),
        ngx_string("suffix"),
        ngx_string("echo"),
        ngx_string("best_of"),
        ngx_string("dimensions"),
        ngx_string("encoding_format")
    };

    static ngx_str_t  unknown = ngx_string("unknown");

    return id < NGX_LITELLM_P_MAX ? &names[id] : &unknown;
}


void
ngx_litellm_stop_begin(ngx_litellm_stop_t *stop, ngx_litellm_json_t *v,
    ngx_uint_t max)
{
    stop->value = v;
    stop->left = (v != NULL);

    if (ngx_litellm_json_is(v, ARRAY)) {
        stop->value = v + 1;
        stop->left = ngx_min(v->count, max);
    }
}


ngx_int_t
ngx_litellm_stop_next(ngx_litellm_call_t *call, ngx_litellm_stop_t *stop,
    ngx_litellm_json_t **v, ngx_litellm_error_t *e)
{
    if (stop->left == 0) {
        return NGX_DONE;
    }

    if (stop->value->type != NGX_LITELLM_JSON_STRING) {
        return ngx_litellm_call_bad(call, e, "'stop' must be a string or an "
                                    "array of strings");
    }

    *v = stop->value;

    stop->value = ngx_litellm_json_next(*v);
    stop->left--;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_response_format(ngx_litellm_json_t *v,
    ngx_litellm_json_t **schema)
{
    ngx_litellm_json_t  *type;

    *schema = NULL;

    type = ngx_litellm_json_member(v, "type");

    if (!ngx_litellm_json_is(type, STRING)) {
        return NGX_DECLINED;
    }

    if (ngx_litellm_json_eq(type, "json_schema")) {
        v = ngx_litellm_json_member(v, "json_schema");
        *schema = ngx_litellm_json_member(v, "schema");

        return NGX_OK;
    }

    if (!ngx_litellm_json_eq(type, "json_object")) {
        return NGX_DONE;
    }

    /* LiteLLM's name of it, and that of some providers */

    *schema = ngx_litellm_json_member(v, "response_schema");

    if (*schema == NULL) {
        *schema = ngx_litellm_json_member(v, "schema");
    }

    return NGX_OK;
}


ngx_int_t
ngx_litellm_effort(ngx_litellm_call_t *call, ngx_litellm_json_t *v,
    ngx_uint_t disable, ngx_litellm_effort_e *effort, ngx_litellm_error_t *e)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *m;

    static ngx_str_t  words[NGX_LITELLM_EFFORTS] = {
        ngx_string("none"),
        ngx_string("minimal"),
        ngx_string("low"),
        ngx_string("medium"),
        ngx_string("high"),
        ngx_string("xhigh"),
        ngx_string("max")
    };

    /* the Responses API's {"effort":...,"summary":...} */

    m = ngx_litellm_json_member(v, "effort");
    if (m) {
        v = m;
    }

    if (!ngx_litellm_json_is(v, STRING)) {
        return ngx_litellm_call_bad(call, e, "'reasoning_effort' must be a "
                                    "string");
    }

    for (i = 0; i < NGX_LITELLM_EFFORTS; i++) {
        if (ngx_litellm_json_equal(v, (char *) words[i].data, words[i].len)) {
            *effort = (ngx_litellm_effort_e) i;
            return NGX_OK;
        }
    }

    if (disable && ngx_litellm_json_eq(v, "disable")) {
        *effort = NGX_LITELLM_EFFORT_NONE;
        return NGX_OK;
    }

    return ngx_litellm_call_bad(call, e, "'reasoning_effort' must be "
                                "\"none\", \"minimal\", \"low\", "
                                "\"medium\", \"high\", \"xhigh\" or "
                                "\"max\"");
}


ngx_int_t
ngx_litellm_params_check(ngx_litellm_call_t *call, uint64_t *present,
    uint64_t supported, ngx_litellm_error_t *e)
{
    int64_t              n;
    uint64_t             bad, bits;
    ngx_litellm_json_t  *list;

    bits = 0;

    if (ngx_litellm_params_list(call, "additional_drop_params",
                                sizeof("additional_drop_params") - 1, &list)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_litellm_params_named(call, call->deployment->drop, list, &bits);

    *present &= ~bits;

    /* never a reason to refuse, as in LiteLLM */

    supported |= ngx_litellm_param_bit(USER) | ngx_litellm_param_bit(STREAM)
                 | ngx_litellm_param_bit(STREAM_OPTIONS)
                 | ngx_litellm_param_bit(METADATA);

    if (call->param[NGX_LITELLM_P_N] != NULL
        && ngx_litellm_json_int(call->param[NGX_LITELLM_P_N], &n) == NGX_OK
        && n == 1)
    {
        supported |= ngx_litellm_param_bit(N);
    }

    bad = *present & ~supported;

    if (bad == 0) {
        return NGX_OK;
    }

    bits = 0;

    if (ngx_litellm_params_list(call, "allowed_openai_params",
                                sizeof("allowed_openai_params") - 1, &list)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_litellm_params_named(call, call->deployment->allow, list, &bits);

    bad &= ~bits;

    /* a penalty of 0 is what providers without penalties do anyway */

    bits = ngx_litellm_params_zero(call, NGX_LITELLM_P_PRESENCE_PENALTY)
           | ngx_litellm_params_zero(call, NGX_LITELLM_P_FREQUENCY_PENALTY);

    *present &= ~(bad & bits);
    bad &= ~bits;

    if (bad == 0) {
        return NGX_OK;
    }

    if (call->drop_params) {
        *present &= ~bad;
        return NGX_OK;
    }

    return ngx_litellm_params_unsupported(call, bad, e);
}


ngx_int_t
ngx_litellm_params_list(ngx_litellm_call_t *call, const char *name,
    size_t len, ngx_litellm_json_t **list)
{
    ngx_int_t                rc;
    ngx_uint_t               i;
    ngx_litellm_member_t    *m;
    ngx_litellm_json_doc_t   doc;

    *list = NULL;

    m = call->control.elts;

    for (i = 0; i < call->control.nelts; i++) {

        if (m[i].key.len != len || ngx_memcmp(m[i].key.data, name, len) != 0
            || m[i].value->type != NGX_LITELLM_JSON_ARRAY)
        {
            continue;
        }

        ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

        doc.pool = call->pool;
        doc.keep = 2;
        doc.max_nodes = 256;

        rc = ngx_litellm_json_parse(&doc, m[i].value->start, m[i].value->len);

        if (rc == NGX_OK) {
            *list = doc.root;
        }

        return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
    }

    return NGX_OK;
}


/* bits of the parameters in names and in the client's list */

static void
ngx_litellm_params_named(ngx_litellm_call_t *call, ngx_array_t *names,
    ngx_litellm_json_t *list, uint64_t *bits)
{
    ngx_str_t                   s, *name;
    ngx_uint_t                  i;
    ngx_litellm_json_t         *v;
    const ngx_litellm_param_t  *p;

    if (names != NULL) {
        name = names->elts;

        for (i = 0; i < names->nelts; i++) {
            p = ngx_litellm_param_find(name[i].data, name[i].len);

            if (p != NULL && p->kind == NGX_LITELLM_PARAM_OPENAI) {
                *bits |= (uint64_t) 1 << p->id;
            }
        }
    }

    if (list == NULL) {
        return;
    }

    v = list + 1;

    for (i = 0; i < list->count; i++, v = ngx_litellm_json_next(v)) {

        if (v->type != NGX_LITELLM_JSON_STRING) {
            continue;
        }

        s = ngx_litellm_json_text(v);
        p = ngx_litellm_param_find(s.data, s.len);

        if (p != NULL && p->kind == NGX_LITELLM_PARAM_OPENAI) {
            *bits |= (uint64_t) 1 << p->id;
        }
    }
}


/* the bit of a parameter whose value is the number 0 */

static uint64_t
ngx_litellm_params_zero(ngx_litellm_call_t *call, ngx_uint_t id)
{
    int64_t  n;

    if (call->param[id] == NULL
        || ngx_litellm_json_int(call->param[id], &n) != NGX_OK || n != 0)
    {
        return 0;
    }

    return (uint64_t) 1 << id;
}


static ngx_int_t
ngx_litellm_params_unsupported(ngx_litellm_call_t *call, uint64_t params,
    ngx_litellm_error_t *e)
{
    u_char                        *p, *list;
    size_t                         len;
    ngx_str_t                     *name;
    ngx_uint_t                     i;
    const ngx_litellm_provider_t  *provider;

    static const char  head[] = "litellm.UnsupportedParamsError: ";
    static const char  middle[] = " does not support parameters: [";
    static const char  model[] = "], for model=";
    static const char  advice[] = ". To drop these, set `litellm_settings: "
                                  "drop_params: true`. To send them as they "
                                  "are, name them in allowed_openai_params=[";

    provider = call->deployment->provider;

    len = sizeof(head) + provider->name.len + sizeof(middle) + sizeof(model)
          + call->provider_model.len + sizeof(advice) + sizeof("].");

    for (i = 0; i < NGX_LITELLM_P_MAX; i++) {
        if (params & ((uint64_t) 1 << i)) {
            len += 2 * (ngx_litellm_param_name(i)->len + sizeof("'', ") - 1);
        }
    }

    p = ngx_pnalloc(call->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    e->class = NGX_LITELLM_UNSUPPORTED_PARAMS;
    e->status = 400;
    e->message.data = p;

    p = ngx_cpymem(p, head, sizeof(head) - 1);
    p = ngx_cpymem(p, provider->name.data, provider->name.len);
    p = ngx_cpymem(p, middle, sizeof(middle) - 1);

    list = p;

    for (i = 0; i < NGX_LITELLM_P_MAX; i++) {
        if (!(params & ((uint64_t) 1 << i))) {
            continue;
        }

        if (p != list) {
            *p++ = ',';
            *p++ = ' ';
        }

        name = ngx_litellm_param_name(i);

        *p++ = '\'';
        p = ngx_cpymem(p, name->data, name->len);
        *p++ = '\'';
    }

    len = p - list;

    p = ngx_cpymem(p, model, sizeof(model) - 1);
    p = ngx_cpymem(p, call->provider_model.data, call->provider_model.len);
    p = ngx_cpymem(p, advice, sizeof(advice) - 1);
    p = ngx_cpymem(p, list, len);
    p = ngx_cpymem(p, "].", sizeof("].") - 1);

    e->message.len = p - e->message.data;

    ngx_str_set(&e->type, "invalid_request_error");
    ngx_str_null(&e->param);
    ngx_str_null(&e->code);

    return NGX_DECLINED;
}
