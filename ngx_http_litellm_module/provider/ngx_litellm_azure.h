
/*
 * What Azure OpenAI (ngx_litellm_azure.c) and the model catalogue of Azure
 * (ngx_litellm_azure_ai.c) share: versions, credentials, headers and errors
 * (ngx_litellm_azure_access.c).
 */

#ifndef _NGX_LITELLM_AZURE_H_INCLUDED_
#define _NGX_LITELLM_AZURE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_provider.h"


/* d->own of both, made by their setup() */
typedef struct {
    ngx_str_t                    version;    /* escaped; empty: none is sent */
    ngx_uint_t                   date;       /* of it: 20241021; 0: newest */
    const ngx_litellm_model_t   *rules;      /* the row whose parameters it
                                                takes; NULL: not known */
    ngx_str_t                    ad_token;   /* azure_ad_token */
    unsigned                     v1:1;       /* api_version asks for v1 */
    unsigned                     base_v1:1;  /* api_base is of v1's form */
    unsigned                     bearer:1;   /* the key goes as Bearer */
    unsigned                     openai:1;   /* azure_ai: an address of Azure
                                                OpenAI */
    unsigned                     resource:1; /* azure_ai: services.ai.azure.com
                                                */
} ngx_litellm_azure_t;


/*
 * api_version as a query's value and as a number, from the deployment, the
 * variable (may be empty) or what is the newest.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_litellm_azure_version(ngx_litellm_config_env_t *env,
    ngx_pool_t *pool, ngx_litellm_deployment_t *d, ngx_litellm_azure_t *az,
    const char *variable, const char *newest);

/*
 * Key, azure_ad_token or the client's credentials at Entra ID, from the
 * settings, then from the environment.  NGX_OK (d->no_credentials is set if
 * there is none of them), NGX_DECLINED with *why, NGX_ERROR.
 */
ngx_int_t ngx_litellm_azure_access(ngx_litellm_config_env_t *env,
    ngx_pool_t *pool, ngx_litellm_deployment_t *d, ngx_litellm_azure_t *az,
    ngx_str_t *why);

/* variant->path of Azure OpenAI */
ngx_int_t ngx_litellm_azure_path(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire);

/* variant->headers: a token as Bearer, else the key */
ngx_int_t ngx_litellm_azure_headers(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire);

/* variant->error */
void ngx_litellm_error_azure(ngx_litellm_call_t *call, ngx_uint_t status,
    ngx_str_t *body, ngx_litellm_error_t *e);

/*
 * A stream begins with an event that has results of the content filter for the
 * prompt and nothing that makes it a chunk: no id, no model, no choice.
 */
ngx_uint_t ngx_litellm_azure_is_filter(ngx_litellm_json_t *root);


#endif /* _NGX_LITELLM_AZURE_H_INCLUDED_ */
