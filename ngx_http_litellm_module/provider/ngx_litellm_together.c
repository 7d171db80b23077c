
/*
 * Together AI, a variant of the OpenAI dialect (Together's API reference, chat
 * completions).  Models differ in what they can do: where the table knows the
 * model, what it has not is not sent.  "eos" is a finish reason, reasoning of
 * some models stands between <think> tags, and usage comes with the last
 * choice of a stream.
 */

#include "ngx_litellm_openai_dialect.h"


static uint64_t ngx_litellm_together_supported(ngx_litellm_call_t *call);
static const ngx_litellm_model_t *ngx_litellm_together_model(
    ngx_litellm_call_t *call);
static ngx_uint_t ngx_litellm_together_wants(ngx_litellm_call_t *call);
static ngx_int_t ngx_litellm_together_edit(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp, ngx_array_t *adds,
    uint64_t *present, ngx_litellm_error_t *e);


const ngx_litellm_variant_t  ngx_litellm_together_variant = {
    ngx_litellm_together_supported,
    NULL,
    NULL,
    ngx_litellm_together_edit,
    ngx_litellm_together_wants,
    ngx_litellm_openai_mended,
    NULL,
    ngx_string(NGX_LITELLM_MEND_MARKS)
};


static uint64_t
ngx_litellm_together_supported(ngx_litellm_call_t *call)
{
    uint64_t                    supported;
    const ngx_litellm_model_t  *model;

    supported = ~ngx_litellm_param_bit(THINKING);

    if (call->op != NGX_LITELLM_OP_CHAT) {
        return supported;
    }

    model = ngx_litellm_together_model(call);

    if (model == NULL) {
        return supported;
    }

    if (!(model->flags & NGX_LITELLM_M_REASONING)) {
        supported &= ~ngx_litellm_param_bit(REASONING_EFFORT);
    }

    if (!(model->flags & NGX_LITELLM_M_TOOLS)) {
        supported &= ~(ngx_litellm_param_bit(TOOLS)
                       | ngx_litellm_param_bit(TOOL_CHOICE)
                       | ngx_litellm_param_bit(PARALLEL_TOOL_CALLS)
                       | ngx_litellm_param_bit(FUNCTIONS)
                       | ngx_litellm_param_bit(FUNCTION_CALL));
    }

    return supported;
}


/* NULL: the table does not know it, which says nothing of a newer model */

static const ngx_litellm_model_t *
ngx_litellm_together_model(ngx_litellm_call_t *call)
{
    ngx_litellm_deployment_t  *d;

    d = call->deployment;

    if (d->info != NULL
        || ngx_strlchr(d->model.data, d->model.data + d->model.len, '*')
           == NULL)
    {
        return d->info;
    }

    /* of a wildcard: only the request has the name */

    return ngx_litellm_model_find((ngx_str_t *) &d->provider->name,
                                  &call->provider_model);
}


static ngx_uint_t
ngx_litellm_together_wants(ngx_litellm_call_t *call)
{
    return ngx_litellm_openai_value(call, NGX_LITELLM_P_USER) != NULL
           || (call->op == NGX_LITELLM_OP_CHAT
               && ngx_litellm_openai_mentions(call, "\"developer\""));
}


static ngx_int_t
ngx_litellm_together_edit(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
    ngx_litellm_splice_t *sp, ngx_array_t *adds, uint64_t *present,
    ngx_litellm_error_t *e)
{
    ngx_litellm_openai_leave(root, adds, "user");

    if (call->op == NGX_LITELLM_OP_CHAT) {
        ngx_litellm_openai_roles(sp, root);
    }

    return NGX_OK;
}
