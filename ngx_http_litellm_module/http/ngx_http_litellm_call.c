
/*
 * What the call of one deployment takes from the client's request and the
 * settings: the provider's model, parameters that are left out, limits of
 * time.  For the attempt of the handler's steps and for one that is begun
 * beside it (ngx_http_litellm_hedge.c), which has a call of its own.
 */

#include "ngx_http_litellm.h"


/* an attempt that has no other limit: LiteLLM's default */
#define NGX_HTTP_LITELLM_TIMEOUT  (6000 * 1000)


static ngx_uint_t ngx_http_litellm_call_ask_usage(
    ngx_litellm_config_t *config, ngx_litellm_deployment_t *d);


ngx_int_t
ngx_http_litellm_call_prepare(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_call_t *call, ngx_litellm_deployment_t *d)
{
    ngx_litellm_config_t  *config;

    config = call->config;

    if (ngx_litellm_config_model(call->pool, d, &ctx->group, ctx->captured,
                                 ctx->ncaptured, &call->provider_model)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->drop_params != NGX_CONF_UNSET) {
        call->drop_params = ctx->drop_params;

    } else if (d->drop_params != NGX_CONF_UNSET) {
        call->drop_params = d->drop_params;

    } else {
        call->drop_params = (config->drop_params == 1);
    }

    call->ask_usage = ngx_http_litellm_call_ask_usage(config, d);

    return NGX_OK;
}


/*
 * May a stream be asked for its usage on our own account?  Where the provider
 * is known to understand it; "openai/" with another api_base is anybody's
 * server, and gets nothing that its clients did not send.
 */

static ngx_uint_t
ngx_http_litellm_call_ask_usage(ngx_litellm_config_t *config,
    ngx_litellm_deployment_t *d)
{
    if (config->always_include_stream_usage != NGX_CONF_UNSET) {
        return config->always_include_stream_usage;
    }

    if (d->provider == NULL
        || !(d->provider->quirks & NGX_LITELLM_Q_STREAM_USAGE))
    {
        return 0;
    }

    return d->provider->name.len != sizeof("openai") - 1
           || ngx_memcmp(d->provider->name.data, "openai",
                         sizeof("openai") - 1)
              != 0
           || (d->api_base.len == d->provider->base.len
               && ngx_memcmp(d->api_base.data, d->provider->base.data,
                             d->api_base.len)
                  == 0);
}


/*
 * Silence is the engine's to notice; here are the total time of an attempt
 * and, for a stream, the time to its first content.  LiteLLM's order of
 * settings (router.py).
 */

ngx_msec_t
ngx_http_litellm_call_limit(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_attempt_t *a)
{
    ngx_msec_t                 total, first;
    ngx_msec_int_t             left;
    ngx_litellm_config_t      *config;
    ngx_litellm_deployment_t  *d;

    d = a->deployment;
    config = a->call->config;

    total = ctx->timeout ? ctx->timeout
            : d->timeout ? d->timeout
            : config->request_timeout;

    a->deadline = a->start + (total ? total : NGX_HTTP_LITELLM_TIMEOUT);

    first = 0;

    if (a->call->stream && !a->committed) {
        first = ctx->stream_timeout ? ctx->stream_timeout
                : d->stream_timeout ? d->stream_timeout
                : config->stream_timeout;
    }

    if (first && (total == 0 || first < total)) {
        total = first;
    }

    if (total == 0) {
        return 0;
    }

    left = (ngx_msec_int_t) (a->start + total - ngx_current_msec);

    return (ngx_msec_t) ngx_max(left, 1);
}
