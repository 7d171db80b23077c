
/*
 * Which parameters a model of OpenAI's takes (LiteLLM's OpenAI configurations;
 * OpenAI's reasoning guide).  Called for each request to a provider of this
 * dialect.
 *
 * The rules hold for models of OpenAI's own that the model table knows.  What
 * a compatible server, or a model newer than the table, takes is not known
 * here: there nothing is dropped or refused but what the deployment says.
 */

#include "ngx_litellm_openai_dialect.h"


#define NGX_LITELLM_OPENAI_SAMPLING                                           \
    (ngx_litellm_param_bit(TOP_P) | ngx_litellm_param_bit(LOGPROBS)           \
     | ngx_litellm_param_bit(TOP_LOGPROBS))

#define NGX_LITELLM_OPENAI_PENALTIES                                          \
    (ngx_litellm_param_bit(PRESENCE_PENALTY)                                  \
     | ngx_litellm_param_bit(FREQUENCY_PENALTY))

#define NGX_LITELLM_OPENAI_TOOLS                                              \
    (ngx_litellm_param_bit(TOOLS) | ngx_litellm_param_bit(TOOL_CHOICE)        \
     | ngx_litellm_param_bit(FUNCTIONS)                                       \
     | ngx_litellm_param_bit(FUNCTION_CALL)                                   \
     | ngx_litellm_param_bit(PARALLEL_TOOL_CALLS))


typedef enum {
    NGX_LITELLM_OPENAI_PLAIN = 0,
    NGX_LITELLM_OPENAI_O,               /* o1, o3, o4 ... */
    NGX_LITELLM_OPENAI_GPT_5            /* and later */
} ngx_litellm_openai_family_e;


static const ngx_litellm_model_t *ngx_litellm_openai_model(
    ngx_litellm_call_t *call);
static ngx_litellm_openai_family_e ngx_litellm_openai_family(
    const ngx_litellm_model_t *model);
static uint64_t ngx_litellm_openai_plain(const ngx_litellm_model_t *model);
static uint64_t ngx_litellm_openai_o(ngx_litellm_call_t *call,
    const ngx_litellm_model_t *model);
static uint64_t ngx_litellm_openai_gpt_5(ngx_litellm_call_t *call,
    const ngx_litellm_model_t *model);
static ngx_uint_t ngx_litellm_openai_warm(ngx_litellm_call_t *call);


ngx_int_t
ngx_litellm_openai_rules(ngx_litellm_call_t *call,
    ngx_litellm_openai_rules_t *rules, ngx_litellm_error_t *e)
{
    uint64_t                      supported;
    const ngx_litellm_model_t    *model;
    const ngx_litellm_variant_t  *variant;

    supported = ~(uint64_t) 0;
    rules->completion_tokens = 0;

    model = ngx_litellm_openai_model(call);

    if (model == NULL) {
        goto check;
    }

    switch (call->op) {

    case NGX_LITELLM_OP_COMPLETIONS:
        break;

    case NGX_LITELLM_OP_EMBEDDINGS:

        if (ngx_strncmp(model->name, "text-embedding-ada",
                        sizeof("text-embedding-ada") - 1)
            == 0)
        {
            supported &= ~ngx_litellm_param_bit(DIMENSIONS);
        }

        break;

    default: /* NGX_LITELLM_OP_CHAT */

        switch (ngx_litellm_openai_family(model)) {

        case NGX_LITELLM_OPENAI_O:
            supported = ngx_litellm_openai_o(call, model);
            rules->completion_tokens = 1;
            break;

        case NGX_LITELLM_OPENAI_GPT_5:
            supported = ngx_litellm_openai_gpt_5(call, model);
            rules->completion_tokens = 1;
            break;

        default:
            supported = ngx_litellm_openai_plain(model);
        }
    }

check:

    variant = call->deployment->provider->variant;

    if (variant != NULL && variant->supported != NULL) {
        supported &= variant->supported(call);
    }

    return ngx_litellm_params_check(call, &rules->present, supported, e);
}


/* the model's row, if it is OpenAI's; NULL: nothing is known */

static const ngx_litellm_model_t *
ngx_litellm_openai_model(ngx_litellm_call_t *call)
{
    ngx_str_t                  *name;
    ngx_litellm_deployment_t   *d;
    const ngx_litellm_model_t  *model;

    static ngx_str_t  openai = ngx_string("openai");

    d = call->deployment;

    if (d->provider->variant == &ngx_litellm_azure_variant) {
        return ngx_litellm_azure_model(call);
    }

    name = (ngx_str_t *) &d->provider->name;

    if ((name->len != sizeof("openai") - 1
         || ngx_memcmp(name->data, "openai", name->len) != 0)
        && (name->len != sizeof("text-completion-openai") - 1
            || ngx_memcmp(name->data, "text-completion-openai", name->len)
               != 0))
    {
        return NULL;
    }

    model = d->info;

    if (model == NULL) {

        /* of a wildcard: only the request has the name */

        if (ngx_strlchr(d->model.data, d->model.data + d->model.len, '*')
            == NULL)
        {
            return NULL;
        }

        model = ngx_litellm_model_find(&openai, &call->provider_model);
    }

    if (model == NULL || ngx_strcmp(model->provider, "openai") != 0) {
        return NULL;
    }

    return model;
}


ngx_uint_t
ngx_litellm_openai_reasons(const ngx_litellm_model_t *model)
{
    return ngx_litellm_openai_family(model) != NGX_LITELLM_OPENAI_PLAIN;
}


static ngx_litellm_openai_family_e
ngx_litellm_openai_family(const ngx_litellm_model_t *model)
{
    const char  *name, *p;

    name = model->name;

    /* Azure's have the name of a region before them */

    p = ngx_strchr(name, '/');

    if (p != NULL) {
        name = p + 1;
    }

    if (name[0] == 'o' && name[1] >= '0' && name[1] <= '9') {
        return NGX_LITELLM_OPENAI_O;
    }

    if (ngx_strncmp(name, "gpt-", 4) == 0 && name[4] >= '5' && name[4] <= '9'
        && ngx_strncmp(name, "gpt-5-chat", sizeof("gpt-5-chat") - 1) != 0
        && ngx_strstr(name, "-search") == NULL)
    {
        return NGX_LITELLM_OPENAI_GPT_5;
    }

    return NGX_LITELLM_OPENAI_PLAIN;
}


static uint64_t
ngx_litellm_openai_plain(const ngx_litellm_model_t *model)
{
    uint64_t  supported;

    supported = ~(ngx_litellm_param_bit(REASONING_EFFORT)
                  | ngx_litellm_param_bit(THINKING)
                  | ngx_litellm_param_bit(VERBOSITY));

    if (model->flags & NGX_LITELLM_M_REASONING) {
        supported |= ngx_litellm_param_bit(REASONING_EFFORT)
                     | ngx_litellm_param_bit(VERBOSITY);
    }

    if (ngx_strcmp(model->name, "gpt-4") == 0
        || ngx_strcmp(model->name, "gpt-3.5-turbo-16k") == 0)
    {
        supported &= ~ngx_litellm_param_bit(RESPONSE_FORMAT);
    }

    return supported;
}


static uint64_t
ngx_litellm_openai_o(ngx_litellm_call_t *call,
    const ngx_litellm_model_t *model)
{
    uint64_t  supported;

    supported = ~(NGX_LITELLM_OPENAI_SAMPLING | NGX_LITELLM_OPENAI_PENALTIES
                  | ngx_litellm_param_bit(THINKING)
                  | ngx_litellm_param_bit(VERBOSITY));

    if (ngx_litellm_openai_warm(call)) {
        supported &= ~ngx_litellm_param_bit(TEMPERATURE);
    }

    if (!(model->flags & NGX_LITELLM_M_TOOLS)) {
        supported &= ~NGX_LITELLM_OPENAI_TOOLS;

    } else if (!(model->flags & NGX_LITELLM_M_PARALLEL_TOOLS)) {
        supported &= ~ngx_litellm_param_bit(PARALLEL_TOOL_CALLS);
    }

    if (!(model->flags & NGX_LITELLM_M_RESPONSE_SCHEMA)) {
        supported &= ~ngx_litellm_param_bit(RESPONSE_FORMAT);
    }

    return supported;
}


/*
 * Sampling parameters are taken only while the model does not reason; levels
 * of effort that not all models have are in the table.
 */

static uint64_t
ngx_litellm_openai_gpt_5(ngx_litellm_call_t *call,
    const ngx_litellm_model_t *model)
{
    uint64_t             supported;
    ngx_uint_t           known, thinks;
    ngx_litellm_json_t  *effort;

    supported = ~(NGX_LITELLM_OPENAI_PENALTIES
                  | ngx_litellm_param_bit(THINKING)
                  | ngx_litellm_param_bit(STOP)
                  | ngx_litellm_param_bit(LOGIT_BIAS));

    effort = ngx_litellm_openai_value(call, NGX_LITELLM_P_REASONING_EFFORT);

    if (effort == NULL) {
        thinks = !(model->flags & NGX_LITELLM_M_EFFORT_OFF);
        known = 1;

    } else if (effort->type != NGX_LITELLM_JSON_STRING) {
        thinks = 1;
        known = 1;

    } else if (ngx_litellm_json_eq(effort, "none")) {
        known = !!(model->flags & NGX_LITELLM_M_EFFORT_NONE);
        thinks = !known;

    } else if (ngx_litellm_json_eq(effort, "minimal")) {
        known = !!(model->flags & NGX_LITELLM_M_EFFORT_MINIMAL);
        thinks = 1;

    } else if (ngx_litellm_json_eq(effort, "low")) {
        known = !(model->flags & NGX_LITELLM_M_EFFORT_NO_LOW);
        thinks = 1;

    } else if (ngx_litellm_json_eq(effort, "xhigh")) {
        known = !!(model->flags & NGX_LITELLM_M_EFFORT_XHIGH);
        thinks = 1;

    } else if (ngx_litellm_json_eq(effort, "max")) {
        known = !!(model->flags & NGX_LITELLM_M_EFFORT_MAX);
        thinks = 1;

    } else {
        known = 1;
        thinks = 1;
    }

    if (!known) {
        supported &= ~ngx_litellm_param_bit(REASONING_EFFORT);
    }

    if (thinks) {
        supported &= ~NGX_LITELLM_OPENAI_SAMPLING;

        if (ngx_litellm_openai_warm(call)) {
            supported &= ~ngx_litellm_param_bit(TEMPERATURE);
        }
    }

    return supported;
}


/* a temperature other than 1, the only one that reasoning models take */

static ngx_uint_t
ngx_litellm_openai_warm(ngx_litellm_call_t *call)
{
    int64_t              n;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_openai_value(call, NGX_LITELLM_P_TEMPERATURE);

    return v != NULL
           && (ngx_litellm_json_fixed(v, 6, &n) != NGX_OK || n != 1000000);
}


ngx_litellm_json_t *
ngx_litellm_openai_value(ngx_litellm_call_t *call, ngx_uint_t id)
{
    ngx_uint_t              i;
    ngx_litellm_json_t     *v;
    ngx_litellm_default_t  *d;

    v = call->param[id];

    if (v != NULL) {
        return v->type == NGX_LITELLM_JSON_NULL ? NULL : v;
    }

    if (call->deployment->defaults == NULL) {
        return NULL;
    }

    d = call->deployment->defaults->elts;

    for (i = 0; i < call->deployment->defaults->nelts; i++) {
        if (d[i].param == (ngx_int_t) id
            && d[i].value->type != NGX_LITELLM_JSON_NULL)
        {
            return d[i].value;
        }
    }

    return NULL;
}
