
/*
 * Variables: what is known of a request for access logs, maps and headers.
 * Added before the configuration is read; a getter looks at the request's
 * context and finds nothing ("-" in a log) in a request that calls no model.
 *
 * They are asked for at any time: what has not ended yet is told as it stands,
 * so a log line of a client that left has what its request cost.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_cost.h"


static ngx_http_litellm_ctx_t *ngx_http_litellm_variable_ctx(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_litellm_variable_cost(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


static ngx_http_variable_t  ngx_http_litellm_vars[] = {

    { ngx_string("litellm_cost"), NULL, ngx_http_litellm_variable_cost, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_litellm_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_litellm_vars; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


/* of a client's request for a model; NULL: it is none */

static ngx_http_litellm_ctx_t *
ngx_http_litellm_variable_ctx(ngx_http_request_t *r)
{
    ngx_http_litellm_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_litellm_module);

    if (ctx == NULL) {
        return NULL;
    }

    if (ctx->role.attempt) {
        ctx = ctx->role.attempt->ctx;
    }

    if (ctx->api == NULL || ctx->api->format == NULL) {
        return NULL;
    }

    return ctx;
}


/* dollars of all attempts so far; without a price for any of it: nothing */

static ngx_int_t
ngx_http_litellm_variable_cost(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    int64_t                  sum;
    ngx_http_litellm_ctx_t  *ctx;

    ctx = ngx_http_litellm_variable_ctx(r);

    if (ctx == NULL
        || (ngx_http_litellm_cost_sum(ctx, &sum) != NGX_OK && sum == 0))
    {
        v->not_found = 1;
        return NGX_OK;
    }

    v->data = ngx_pnalloc(r->pool, NGX_LITELLM_MONEY_LEN);
    if (v->data == NULL) {
        return NGX_ERROR;
    }

    v->len = ngx_litellm_money_print(v->data, sum) - v->data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}
