
/*
 * Groq, a variant of the OpenAI dialect (Groq API reference, chat; its
 * reasoning and structured output guides): schemas for the models that have
 * them only, for others by a tool that must be called; reasoning under a name
 * of its own; no role "developer"; usage of a stream in "x_groq" too.
 */

#include "ngx_litellm_openai_dialect.h"


static uint64_t ngx_litellm_groq_supported(ngx_litellm_call_t *call);
static const ngx_litellm_model_t *ngx_litellm_groq_model(
    ngx_litellm_call_t *call);
static ngx_uint_t ngx_litellm_groq_no_schema(ngx_litellm_call_t *call);
static ngx_uint_t ngx_litellm_groq_wants(ngx_litellm_call_t *call);
static ngx_int_t ngx_litellm_groq_edit(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp, ngx_array_t *adds,
    uint64_t *present, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_groq_answer(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp,
    ngx_litellm_facts_t *facts, ngx_uint_t stream, ngx_uint_t *changed);


const ngx_litellm_variant_t  ngx_litellm_groq_variant = {
    ngx_litellm_groq_supported,
    NULL,
    NULL,
    ngx_litellm_groq_edit,
    ngx_litellm_groq_wants,
    ngx_litellm_groq_answer,
    NULL,
    ngx_string(NGX_LITELLM_SCHEMA_MARKS
               " ~\"reasoning\" ~\"x_groq\" ~\"usage\"")
};


static uint64_t
ngx_litellm_groq_supported(ngx_litellm_call_t *call)
{
    uint64_t                    supported;
    const ngx_litellm_model_t  *model;

    supported = ~(ngx_litellm_param_bit(WEB_SEARCH_OPTIONS)
                  | ngx_litellm_param_bit(THINKING));

    model = ngx_litellm_groq_model(call);

    if (model == NULL || !(model->flags & NGX_LITELLM_M_REASONING)) {
        supported &= ~ngx_litellm_param_bit(REASONING_EFFORT);
    }

    return supported;
}


static const ngx_litellm_model_t *
ngx_litellm_groq_model(ngx_litellm_call_t *call)
{
    static ngx_str_t  groq = ngx_string("groq");

    if (call->deployment->info != NULL) {
        return call->deployment->info;
    }

    return ngx_litellm_model_find(&groq, &call->provider_model);
}


static ngx_uint_t
ngx_litellm_groq_no_schema(ngx_litellm_call_t *call)
{
    const ngx_litellm_model_t  *model;

    model = ngx_litellm_groq_model(call);

    return model == NULL || !(model->flags & NGX_LITELLM_M_RESPONSE_SCHEMA);
}


static ngx_uint_t
ngx_litellm_groq_wants(ngx_litellm_call_t *call)
{
    if (call->op != NGX_LITELLM_OP_CHAT) {
        return 0;
    }

    return (ngx_litellm_openai_value(call, NGX_LITELLM_P_RESPONSE_FORMAT)
            != NULL
            && ngx_litellm_groq_no_schema(call))
           || ngx_litellm_openai_mentions(call, "\"developer\"");
}


static ngx_int_t
ngx_litellm_groq_edit(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
    ngx_litellm_splice_t *sp, ngx_array_t *adds, uint64_t *present,
    ngx_litellm_error_t *e)
{
    if (call->op != NGX_LITELLM_OP_CHAT) {
        return NGX_OK;
    }

    ngx_litellm_openai_roles(sp, root);

    if (ngx_litellm_groq_no_schema(call)) {
        return ngx_litellm_schema_edit(call, root, sp, adds);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_groq_answer(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
    ngx_litellm_splice_t *sp, ngx_litellm_facts_t *facts, ngx_uint_t stream,
    ngx_uint_t *changed)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *choices, *c, *usage;

    if (!facts->usage.known) {
        usage = ngx_litellm_json_member(ngx_litellm_json_member(root,
                                                                "x_groq"),
                                        "usage");

        if (ngx_litellm_json_is(usage, OBJECT)) {
            ngx_litellm_openai_usage_facts(usage, &facts->usage);
        }
    }

    choices = ngx_litellm_json_member(root, "choices");

    /* in a whole answer it stays under Groq's name, as LiteLLM has it */

    if (stream && ngx_litellm_json_is(choices, ARRAY)) {
        c = choices + 1;

        for (i = 0; i < choices->count; i++, c = ngx_litellm_json_next(c)) {
            if (ngx_litellm_openai_reasoning_key(sp, c, "reasoning",
                                                 sizeof("reasoning") - 1))
            {
                *changed = 1;
            }
        }
    }

    if (stream && ngx_litellm_openai_stream_usage(call, root, sp)) {
        *changed = 1;
    }

    if (!ngx_litellm_groq_no_schema(call)) {
        return NGX_OK;
    }

    return ngx_litellm_schema_answer(call, root, sp, facts, stream, changed);
}
