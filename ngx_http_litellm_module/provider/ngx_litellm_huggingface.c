
/*
 * Hugging Face's chat models, a variant of the OpenAI dialect: the router of
 * Inference Providers, and endpoints of one's own that run Text Generation
 * Inference (Inference Providers documentation, chat completion; TGI's
 * Messages API).
 *
 * The router takes "ORG/NAME" or "ORG/NAME:PROVIDER"; LiteLLM's
 * "PROVIDER/ORG/NAME" becomes the latter, so that the Hub need not be asked
 * for the provider's own name of the model.  Embeddings and rerank are
 * another dialect.
 */

#include "ngx_litellm_openai_dialect.h"


static uint64_t ngx_litellm_huggingface_supported(ngx_litellm_call_t *call);
static ngx_int_t ngx_litellm_huggingface_path(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire);
static ngx_int_t ngx_litellm_huggingface_model(ngx_litellm_call_t *call);
static ngx_uint_t ngx_litellm_huggingface_wants(ngx_litellm_call_t *call);
static ngx_int_t ngx_litellm_huggingface_edit(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp, ngx_array_t *adds,
    uint64_t *present, ngx_litellm_error_t *e);
static void ngx_litellm_huggingface_error(ngx_litellm_call_t *call,
    ngx_uint_t status, ngx_str_t *body, ngx_litellm_error_t *e);


const ngx_litellm_variant_t  ngx_litellm_huggingface_variant = {
    ngx_litellm_huggingface_supported,
    ngx_litellm_huggingface_path,
    NULL,
    ngx_litellm_huggingface_edit,
    ngx_litellm_huggingface_wants,
    ngx_litellm_openai_mended,
    ngx_litellm_huggingface_error,
    ngx_string(NGX_LITELLM_MEND_MARKS)
};


static uint64_t
ngx_litellm_huggingface_supported(ngx_litellm_call_t *call)
{
    return ~ngx_litellm_param_bit(THINKING);
}


static ngx_int_t
ngx_litellm_huggingface_path(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire)
{
    if (ngx_litellm_huggingface_model(call) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_litellm_openai_v1_path(call, wire);
}


static ngx_int_t
ngx_litellm_huggingface_model(ngx_litellm_call_t *call)
{
    u_char     *p, *last, *name;
    ngx_str_t  *model, *host;

    model = &call->provider_model;
    host = &call->deployment->url.host;

#define ngx_litellm_huggingface_router  "router.huggingface.co"

    if (host->len != sizeof(ngx_litellm_huggingface_router) - 1
        || ngx_memcmp(host->data, ngx_litellm_huggingface_router, host->len)
           != 0)
    {
        return NGX_OK;
    }

    last = model->data + model->len;

    name = ngx_strlchr(model->data, last, '/');

    if (name == NULL || name == model->data
        || ngx_strlchr(name + 1, last, '/') == NULL
        || ngx_strlchr(name, last, ':') != NULL)
    {
        return NGX_OK;
    }

    p = ngx_pnalloc(call->pool, model->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    name++;

    last = ngx_cpymem(p, name, model->data + model->len - name);
    *last++ = ':';
    ngx_memcpy(last, model->data, name - 1 - model->data);

    model->data = p;

    return NGX_OK;
}


static ngx_uint_t
ngx_litellm_huggingface_wants(ngx_litellm_call_t *call)
{
    return ngx_litellm_openai_value(call, NGX_LITELLM_P_USER) != NULL
           || ngx_litellm_openai_mentions(call, "\"developer\"");
}


static ngx_int_t
ngx_litellm_huggingface_edit(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp, ngx_array_t *adds,
    uint64_t *present, ngx_litellm_error_t *e)
{
    ngx_litellm_openai_leave(root, adds, "user");
    ngx_litellm_openai_roles(sp, root);

    return NGX_OK;
}


/* a prompt that is too long is 422 here, whatever its class */

static void
ngx_litellm_huggingface_error(ngx_litellm_call_t *call, ngx_uint_t status,
    ngx_str_t *body, ngx_litellm_error_t *e)
{
    ngx_litellm_error_openai(call, status, body, e);

    if (e->class == NGX_LITELLM_CONTEXT_WINDOW && status == 422) {
        e->status = status;
    }
}
