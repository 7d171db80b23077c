
/*
 * Models of Azure's catalogue (Azure AI Foundry), a variant of the OpenAI
 * dialect (Azure AI Model Inference API; Foundry's guides to endpoints and to
 * Claude).  api_base tells what is there:
 *
 *   https://NAME.services.ai.azure.com        the resource: its models are
 *                                             below /models
 *   .../models, .../openai/v1                 as written
 *   https://NAME.REGION.models.ai.azure.com   one model, a key as Bearer
 *   .../anthropic                             Claude in Anthropic's dialect
 *   https://NAME.openai.azure.com             Azure OpenAI's addresses
 */

#include "ngx_litellm_openai_dialect.h"
#include "ngx_litellm_azure.h"


#define NGX_LITELLM_AZURE_AI_VERSION  "2024-05-01-preview"


static ngx_uint_t ngx_litellm_azure_ai_below(ngx_str_t *host,
    const char *domain);
static ngx_uint_t ngx_litellm_azure_ai_has(ngx_str_t *text, const char *word);
static ngx_uint_t ngx_litellm_azure_ai_claude(ngx_litellm_url_t *url,
    ngx_str_t *model);
static ngx_int_t ngx_litellm_azure_ai_path(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire);
static ngx_uint_t ngx_litellm_azure_ai_wants(ngx_litellm_call_t *call);
static ngx_int_t ngx_litellm_azure_ai_edit(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp, ngx_array_t *adds,
    uint64_t *present, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_azure_ai_answer(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp,
    ngx_litellm_facts_t *facts, ngx_uint_t stream, ngx_uint_t *changed);


const ngx_litellm_variant_t  ngx_litellm_azure_ai_variant = {
    NULL,
    ngx_litellm_azure_ai_path,
    ngx_litellm_azure_headers,
    ngx_litellm_azure_ai_edit,
    ngx_litellm_azure_ai_wants,
    ngx_litellm_azure_ai_answer,
    ngx_litellm_error_azure,
    ngx_string("~prompt_filter_results")
};


ngx_int_t
ngx_litellm_azure_ai_setup(ngx_litellm_config_env_t *env, ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, ngx_str_t *why)
{
    ngx_int_t             rc;
    ngx_str_t             base;
    const char           *error;
    ngx_litellm_url_t     url;
    ngx_litellm_azure_t  *az;

    az = ngx_pcalloc(pool, sizeof(ngx_litellm_azure_t));
    if (az == NULL) {
        return NGX_ERROR;
    }

    d->own = az;

    rc = ngx_litellm_url_parse(pool, &d->api_base, &url, &error);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc != NGX_OK) {

        /* its reader says so */

        return NGX_OK;
    }

    az->openai = ngx_litellm_azure_ai_below(&url.host, ".openai.azure.com");
    az->resource = ngx_litellm_azure_ai_below(&url.host,
                                              ".services.ai.azure.com");
    az->base_v1 = ngx_litellm_azure_ai_has(&url.path, "/openai/v1");

    /* a model that has an address of its own has a token for a key */

    az->bearer = !az->openai && !az->resource
                 && !ngx_litellm_azure_ai_below(&url.host,
                                               ".cognitiveservices.azure.com");

    if (ngx_litellm_azure_version(env, pool, d, az,
                                  az->openai ? "AZURE_API_VERSION" : "",
                                  NGX_LITELLM_AZURE_AI_VERSION)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (az->resource && url.path.len == 0 && url.args.len == 0
        && ngx_litellm_azure_ai_has(&d->model, "claude"))
    {
        base.len = d->api_base.len;

        while (base.len && d->api_base.data[base.len - 1] == '/') {
            base.len--;
        }

        base.data = ngx_pnalloc(pool, base.len + sizeof("/anthropic"));
        if (base.data == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(base.data, d->api_base.data, base.len);
        ngx_memcpy(base.data + base.len, "/anthropic", sizeof("/anthropic"));

        d->api_base.data = base.data;
        d->api_base.len = base.len + sizeof("/anthropic") - 1;
    }

    rc = ngx_litellm_azure_access(env, pool, d, az, why);

    if (rc == NGX_OK && az->ad_token.len
        && ngx_litellm_azure_ai_has(&d->api_base, "/anthropic"))
    {
        ngx_str_set(why, "azure_ad_token: models in Anthropic's dialect take "
                    "a key, or tenant_id, client_id and client_secret");
        return NGX_DECLINED;
    }

    return rc;
}


static ngx_uint_t
ngx_litellm_azure_ai_below(ngx_str_t *host, const char *domain)
{
    size_t  len;

    len = ngx_strlen(domain);

    return host->len > len
           && ngx_memcmp(host->data + host->len - len, domain, len) == 0;
}


static ngx_uint_t
ngx_litellm_azure_ai_has(ngx_str_t *text, const char *word)
{
    return ngx_litellm_find(text->data, text->data + text->len, word,
                            ngx_strlen(word))
           != NULL;
}


static ngx_uint_t
ngx_litellm_azure_ai_claude(ngx_litellm_url_t *url, ngx_str_t *model)
{
    return ngx_litellm_azure_ai_has(model, "claude")
           && ngx_litellm_azure_ai_has(&url->path, "/anthropic");
}


const ngx_litellm_dialect_t *
ngx_litellm_azure_ai_select(ngx_litellm_call_t *call)
{
    if (ngx_litellm_azure_ai_claude(&call->deployment->url,
                                    &call->provider_model))
    {
        return (call->op == NGX_LITELLM_OP_CHAT)
               ? &ngx_litellm_anthropic_dialect : NULL;
    }

    if (call->op == NGX_LITELLM_OP_RERANK) {
        return &ngx_litellm_rerank_dialect;
    }

    return &ngx_litellm_openai_dialect;
}


static ngx_int_t
ngx_litellm_azure_ai_path(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire)
{
    u_char               *p;
    ngx_str_t             path, end;
    ngx_litellm_url_t    *url;
    ngx_litellm_azure_t  *az;

    az = call->deployment->own;
    url = &call->deployment->url;

    if (az->openai || ngx_litellm_azure_ai_has(&url->path,
                                               "/openai/deployments/"))
    {
        return ngx_litellm_azure_path(call, wire);
    }

    ngx_litellm_openai_endpoint(call, &end);

    path = end;

    if (az->resource && url->path.len == 0) {

        path.len = sizeof("/models") - 1 + end.len;

        p = ngx_pnalloc(call->pool, path.len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        path.data = p;

        p = ngx_cpymem(p, "/models", sizeof("/models") - 1);
        ngx_memcpy(p, end.data, end.len);
    }

    if (ngx_litellm_openai_below(call, wire, &path) != NGX_OK) {
        return NGX_ERROR;
    }

    if (az->version.len == 0 || az->base_v1 || !az->resource
        || ngx_litellm_azure_ai_has(&url->args, "api-version="))
    {
        return NGX_OK;
    }

    p = ngx_pnalloc(call->pool, wire->path.len
                    + sizeof("?api-version=") - 1 + az->version.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    path.data = p;

    p = ngx_cpymem(p, wire->path.data, wire->path.len);
    *p++ = url->args.len ? '&' : '?';
    p = ngx_cpymem(p, "api-version=", sizeof("api-version=") - 1);
    p = ngx_cpymem(p, az->version.data, az->version.len);

    path.len = p - path.data;
    wire->path = path;

    return NGX_OK;
}


static ngx_uint_t
ngx_litellm_azure_ai_wants(ngx_litellm_call_t *call)
{
    return call->op == NGX_LITELLM_OP_CHAT
           && ngx_litellm_openai_mentions(call, "\"developer\"");
}


static ngx_int_t
ngx_litellm_azure_ai_edit(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
    ngx_litellm_splice_t *sp, ngx_array_t *adds, uint64_t *present,
    ngx_litellm_error_t *e)
{
    if (call->op == NGX_LITELLM_OP_CHAT) {
        ngx_litellm_openai_roles(sp, root);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_azure_ai_answer(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
    ngx_litellm_splice_t *sp, ngx_litellm_facts_t *facts, ngx_uint_t stream,
    ngx_uint_t *changed)
{
    return (stream && ngx_litellm_azure_is_filter(root)) ? NGX_DECLINED
                                                         : NGX_OK;
}
