
/*
 * What is decided about a request to Bedrock before its body is written: which
 * family of models it is for, what that model can do, which of the client's
 * parameters are sent, refused or dropped, whether it thinks, how a JSON answer
 * is asked for, and whether tools are sent at all.
 *
 * Parameters of Claude are decided by the Anthropic dialect's code.  A model
 * that is not in the table (an application's inference profile, what was
 * imported) may be any: nothing is refused for it, and model_info.base_model
 * says better what it is.
 */

#include "ngx_litellm_bedrock.h"


#define NGX_LITELLM_BEDROCK_PARAMS                                            \
    (ngx_litellm_param_bit(STREAM)                                            \
     | ngx_litellm_param_bit(STREAM_OPTIONS)                                  \
     | ngx_litellm_param_bit(MAX_TOKENS)                                      \
     | ngx_litellm_param_bit(MAX_COMPLETION_TOKENS)                           \
     | ngx_litellm_param_bit(STOP)                                            \
     | ngx_litellm_param_bit(USER)                                            \
     | ngx_litellm_param_bit(METADATA)                                        \
     | ngx_litellm_param_bit(TOOLS)                                           \
     | ngx_litellm_param_bit(FUNCTIONS)                                       \
     | ngx_litellm_param_bit(RESPONSE_FORMAT)                                 \
     | ngx_litellm_param_bit(SERVICE_TIER))

#define NGX_LITELLM_BEDROCK_SAMPLING_PARAMS                                   \
    (ngx_litellm_param_bit(TEMPERATURE)                                       \
     | ngx_litellm_param_bit(TOP_P)                                           \
     | ngx_litellm_param_bit(TOP_K))

#define NGX_LITELLM_BEDROCK_CHOICE_PARAMS                                     \
    (ngx_litellm_param_bit(TOOL_CHOICE)                                       \
     | ngx_litellm_param_bit(FUNCTION_CALL))


static void ngx_litellm_bedrock_flags(ngx_litellm_bedrock_t *b);
static ngx_uint_t ngx_litellm_bedrock_named(ngx_str_t *name,
    const char *text);
static ngx_int_t ngx_litellm_bedrock_check(ngx_litellm_bedrock_t *b);
static ngx_int_t ngx_litellm_bedrock_effort(ngx_litellm_bedrock_t *b);
static ngx_int_t ngx_litellm_bedrock_history(ngx_litellm_bedrock_t *b);


ngx_int_t
ngx_litellm_bedrock_params(ngx_litellm_bedrock_t *b)
{
    ngx_int_t  rc;

    ngx_litellm_bedrock_flags(b);

    rc = ngx_litellm_bedrock_check(b);
    if (rc != NGX_OK) {
        return rc;
    }

    if (b->family == NGX_LITELLM_BEDROCK_CLAUDE) {
        rc = ngx_litellm_anthropic_think(&b->a);

    } else {
        rc = ngx_litellm_bedrock_effort(b);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_anthropic_format(&b->a);

    return ngx_litellm_bedrock_history(b);
}


static void
ngx_litellm_bedrock_flags(ngx_litellm_bedrock_t *b)
{
    ngx_str_t                   name;
    const ngx_litellm_model_t  *info;

    info = b->a.call->deployment->info;

    if (info == NULL) {
        info = ngx_litellm_bedrock_info(&b->model);
    }

    /* base_model of a profile without a name of its own says what it is */

    name = b->model;

    if (info != NULL && !ngx_litellm_bedrock_named(&name, "claude")) {
        name.data = (u_char *) info->name;
        name.len = ngx_strlen(info->name);
    }

    if (ngx_litellm_bedrock_named(&name, "claude")) {
        b->family = NGX_LITELLM_BEDROCK_CLAUDE;

    } else if (ngx_litellm_bedrock_named(&name, "amazon.nova-2")) {
        b->family = NGX_LITELLM_BEDROCK_NOVA_2;

    } else if (ngx_litellm_bedrock_named(&name, "amazon.nova")) {
        b->family = NGX_LITELLM_BEDROCK_NOVA;

    } else if (ngx_litellm_bedrock_named(&name, "gpt-oss")) {
        b->family = NGX_LITELLM_BEDROCK_GPT_OSS;
    }

    if (info != NULL && (info->flags & NGX_LITELLM_M_KNOWN)) {
        b->a.flags = info->flags;
        b->a.max_output = info->max_output;
        b->cache = (info->flags & NGX_LITELLM_M_PROMPT_CACHING) ? 1 : 0;
        return;
    }

    b->cache = 1;
    b->a.flags = NGX_LITELLM_M_TOOL_CHOICE;

    if (b->family == NGX_LITELLM_BEDROCK_CLAUDE) {
        b->a.flags |= ngx_litellm_anthropic_guess(&name);
        return;
    }

    if (b->family != NGX_LITELLM_BEDROCK_NOVA) {
        b->a.flags |= NGX_LITELLM_M_REASONING;
    }

    /* a profile that says nothing of its model: most are Claude's */

    if (b->family == NGX_LITELLM_BEDROCK_OTHER && name.len > 4
        && ngx_memcmp(name.data, "arn:", 4) == 0)
    {
        b->family = NGX_LITELLM_BEDROCK_CLAUDE;
    }
}


static ngx_uint_t
ngx_litellm_bedrock_named(ngx_str_t *name, const char *text)
{
    return ngx_litellm_find(name->data, name->data + name->len, text,
                            ngx_strlen(text))
           != NULL;
}


static ngx_int_t
ngx_litellm_bedrock_check(ngx_litellm_bedrock_t *b)
{
    int64_t               n;
    uint64_t              supported;
    ngx_int_t             rc;
    ngx_uint_t            i;
    ngx_litellm_json_t  **param;

    param = b->a.chat.param;

    for (i = 0; i < NGX_LITELLM_P_MAX; i++) {
        if (param[i]) {
            b->a.present |= (uint64_t) 1 << i;
        }
    }

    supported = NGX_LITELLM_BEDROCK_PARAMS
                | NGX_LITELLM_BEDROCK_SAMPLING_PARAMS;

    if (b->a.flags & NGX_LITELLM_M_TOOL_CHOICE) {
        supported |= NGX_LITELLM_BEDROCK_CHOICE_PARAMS;
    }

    if (b->family == NGX_LITELLM_BEDROCK_CLAUDE
        || ngx_litellm_json_is(param[NGX_LITELLM_P_PARALLEL_TOOL_CALLS],
                               TRUE))
    {
        supported |= ngx_litellm_param_bit(PARALLEL_TOOL_CALLS);
    }

    if (b->a.flags & NGX_LITELLM_M_REASONING) {
        supported |= NGX_LITELLM_ANTHROPIC_REASONING_PARAMS;
    }

    /* what says nothing is no reason to refuse */

    if (b->a.flags & NGX_LITELLM_M_NO_SAMPLING) {
        supported &= ~NGX_LITELLM_BEDROCK_SAMPLING_PARAMS;

        if (param[NGX_LITELLM_P_TEMPERATURE]
            && ngx_litellm_json_int(param[NGX_LITELLM_P_TEMPERATURE], &n)
               == NGX_OK
            && n == 1)
        {
            b->a.present &= ~ngx_litellm_param_bit(TEMPERATURE);
        }
    }

    if (param[NGX_LITELLM_P_N]
        && ngx_litellm_json_int(param[NGX_LITELLM_P_N], &n) == NGX_OK
        && n == 1)
    {
        b->a.present &= ~ngx_litellm_param_bit(N);
    }

    rc = ngx_litellm_params_check(b->a.call, &b->a.present, supported,
                                  b->a.e);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!ngx_litellm_bedrock_has(b, TOOLS)
        && !ngx_litellm_bedrock_has(b, FUNCTIONS))
    {
        b->a.chat.ntools = 0;
    }

    if (!ngx_litellm_bedrock_has(b, TOOL_CHOICE)
        && !ngx_litellm_bedrock_has(b, FUNCTION_CALL))
    {
        b->a.chat.tool_choice = NGX_LITELLM_CHOICE_UNSET;
    }

    return NGX_OK;
}


/* gpt-oss and Nova 2 know three efforts; others have their own words */

static ngx_int_t
ngx_litellm_bedrock_effort(ngx_litellm_bedrock_t *b)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *v, *m;

    static const struct {
        ngx_str_t    name;
        const char  *effort;
    } efforts[] = {
        { ngx_string("none"), NULL },
        { ngx_string("minimal"), "low" },
        { ngx_string("low"), "low" },
        { ngx_string("medium"), "medium" },
        { ngx_string("high"), "high" },
        { ngx_string("xhigh"), "high" },
        { ngx_string("max"), "high" }
    };

    v = ngx_litellm_bedrock_param(b, REASONING_EFFORT);

    if (v == NULL) {
        return NGX_OK;
    }

    /* the Responses API's {"effort":...,"summary":...} */

    m = ngx_litellm_json_member(v, "effort");
    if (m) {
        v = m;
    }

    if (ngx_litellm_json_is(v, STRING)) {

        for (i = 0; i < sizeof(efforts) / sizeof(efforts[0]); i++) {
            if (ngx_litellm_json_equal(v, (char *) efforts[i].name.data,
                                       efforts[i].name.len))
            {
                b->effort = efforts[i].effort;
                return NGX_OK;
            }
        }
    }

    return ngx_litellm_bedrock_bad(b, "'reasoning_effort' must be \"none\", "
                                   "\"minimal\", \"low\", \"medium\", "
                                   "\"high\", \"xhigh\" or \"max\"");
}


/*
 * Converse refuses calls in the history without a toolConfig, and has no
 * choice of "none".  Without tools the history is told as text, so that no
 * tool can be called and the conversation goes on.
 */

static ngx_int_t
ngx_litellm_bedrock_history(ngx_litellm_bedrock_t *b)
{
    ngx_str_t               text;
    ngx_uint_t              i, calls, modify;
    ngx_litellm_message_t  *msg;

    b->no_tools = (b->a.chat.ntools == 0
                   || b->a.chat.tool_choice == NGX_LITELLM_CHOICE_NONE);

    if (b->a.json_tool) {
        b->no_tools = 0;
    }

    if (!b->no_tools || b->a.chat.ntools
        || (b->a.call->present & ngx_litellm_param_bit(TOOLS)))
    {
        return NGX_OK;
    }

    calls = 0;
    msg = b->a.chat.messages;

    for (i = 0; i < b->a.chat.nmessages; i++) {
        calls |= msg[i].ncalls;
    }

    if (!calls) {
        return NGX_OK;
    }

    modify = b->a.call->config && b->a.call->config->modify_params == 1;

    if (modify) {
        b->a.dummy_tool = 1;
        b->no_tools = 0;
        return NGX_OK;
    }

    ngx_str_set(&text, "there are tool calls in 'messages' but no 'tools': "
                "the provider needs them (with litellm_settings "
                "modify_params: true one is added)");

    ngx_memzero(b->a.e, sizeof(ngx_litellm_error_t));

    return ngx_litellm_error_set(b->a.call, b->a.e,
                                 NGX_LITELLM_UNSUPPORTED_PARAMS, 400, &text)
           == NGX_OK ? NGX_DECLINED : NGX_ERROR;
}
