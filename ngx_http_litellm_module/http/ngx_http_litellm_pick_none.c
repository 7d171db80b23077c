
/*
 * Why no deployment of a group can be called, when ngx_http_litellm_pick() has
 * found none: the error that the client is told.  The first reason that holds
 * for all of them is it: paused, without credentials, other teams', of other
 * tags, too small; at last, cooled down or over their limits.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_pick.h"
#include "ngx_http_litellm_bill.h"
#include "ngx_http_litellm_state.h"


#define NGX_HTTP_LITELLM_LISTED   10


static ngx_int_t ngx_http_litellm_pick_reserved(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *e);
static ngx_int_t ngx_http_litellm_pick_paused(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *e);
static ngx_int_t ngx_http_litellm_pick_no_key(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *e);
static ngx_int_t ngx_http_litellm_pick_too_long(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *e);
static ngx_int_t ngx_http_litellm_pick_busy_all(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *e);


ngx_int_t
ngx_http_litellm_pick_none(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_error_t *e)
{
    ngx_uint_t                  i, callable, blocked, open, tagged, fits;
    ngx_http_litellm_fit_e      fit;
    ngx_litellm_deployment_t  **d;

    ngx_memzero(e, sizeof(ngx_litellm_error_t));

    callable = 0;
    blocked = 0;
    open = 0;
    tagged = 0;
    fits = 0;

    d = ctx->candidates->elts;

    for (i = 0; i < ctx->candidates->nelts; i++) {

        if (!ngx_litellm_plan_callable(d[i])) {
            blocked |= d[i]->blocked;
            continue;
        }

        fit = ngx_http_litellm_pick_fit(ctx, d[i]);

        callable = 1;
        open |= (fit != NGX_HTTP_LITELLM_RESERVED);
        tagged |= (fit != NGX_HTTP_LITELLM_OTHER_TAGS
                   && fit != NGX_HTTP_LITELLM_RESERVED);
        fits |= (fit == NGX_HTTP_LITELLM_FITS);
    }

    if (!callable && blocked) {
        return ngx_http_litellm_pick_paused(r, ctx, e);
    }

    if (!callable) {
        return ngx_http_litellm_pick_no_key(r, ctx, e);
    }

    if (!open) {
        return ngx_http_litellm_pick_reserved(r, ctx, e);
    }

    if (!tagged) {
        (void) ngx_http_litellm_refuse(e, NGX_LITELLM_AUTHENTICATION, 401,
                                       NULL, "Not allowed to access model "
                                       "due to tags configuration");
        return NGX_OK;
    }

    if (!fits) {
        return ngx_http_litellm_pick_too_long(r, ctx, e);
    }

    return ngx_http_litellm_pick_busy_all(r, ctx, e);
}


/* all that could be called are other teams' at this time */

static ngx_int_t
ngx_http_litellm_pick_reserved(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *e)
{
    ngx_str_t                   text;
    ngx_uint_t                  i;
    ngx_litellm_window_t       *w;
    ngx_litellm_deployment_t  **d;

    w = NULL;
    d = ctx->candidates->elts;

    for (i = 0; i < ctx->candidates->nelts && w == NULL; i++) {
        if (d[i]->windows != NULL) {
            w = ngx_litellm_window_shut(d[i], &ctx->who.team_id, ngx_time());
        }
    }

    if (w == NULL) {
        return NGX_ERROR;
    }

    text.len = sizeof("litellm.BadRequestError: Deployment  is reserved for "
                      "another team until ") - 1
               + ctx->group.len + w->until.len;

    text.data = ngx_pnalloc(r->pool, text.len);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(text.data, "litellm.BadRequestError: Deployment %V is "
                       "reserved for another team until %V", &ctx->group,
                       &w->until);

    (void) ngx_http_litellm_refuse(e, NGX_LITELLM_BAD_REQUEST, 400,
                                   "invalid_request_error", "");
    e->message = text;

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_pick_paused(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *e)
{
    ngx_str_t  text;

    text.len = sizeof("litellm.ServiceUnavailableError: Model '' is currently "
                      "paused and cannot accept requests.") - 1
               + ctx->group.len;

    text.data = ngx_pnalloc(r->pool, text.len);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(text.data, "litellm.ServiceUnavailableError: Model "
                       "'%V' is currently paused and cannot accept requests.",
                       &ctx->group);

    (void) ngx_http_litellm_refuse(e, NGX_LITELLM_SERVICE_UNAVAILABLE, 503,
                                   NULL, "");
    e->message = text;

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_pick_no_key(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *e)
{
    ngx_str_t                   text;
    ngx_uint_t                  i;
    ngx_litellm_deployment_t  **all;

    e->class = NGX_LITELLM_AUTHENTICATION;
    e->status = 401;
    ngx_str_set(&e->type, "authentication_error");
    ngx_str_set(&e->message, "litellm.AuthenticationError: the model has "
                             "no deployment that can be called");

    all = ctx->candidates->elts;

    for (i = 0; i < ctx->candidates->nelts; i++) {

        if (!all[i]->no_credentials || all[i]->missing_env.len == 0) {
            continue;
        }

        text.len = sizeof("litellm.AuthenticationError: no credentials: "
                          "the environment variable  is not set") - 1
                   + all[i]->missing_env.len;

        text.data = ngx_pnalloc(r->pool, text.len);
        if (text.data == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_sprintf(text.data, "litellm.AuthenticationError: no "
                           "credentials: the environment variable %V is "
                           "not set", &all[i]->missing_env);
        e->message = text;

        break;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_pick_too_long(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *e)
{
    u_char                     *p;
    uint64_t                    max;
    ngx_uint_t                  i;
    ngx_litellm_deployment_t  **d;

    max = 0;
    d = ctx->candidates->elts;

    for (i = 0; i < ctx->candidates->nelts; i++) {

        if (ngx_litellm_plan_callable(d[i])
            && ngx_http_litellm_pick_fit(ctx, d[i])
               == NGX_HTTP_LITELLM_TOO_SMALL)
        {
            max = ngx_max(max, d[i]->info->max_input);
        }
    }

    e->class = NGX_LITELLM_CONTEXT_WINDOW;
    e->status = 400;
    ngx_str_set(&e->type, "invalid_request_error");
    ngx_str_set(&e->code, "context_length_exceeded");

    p = ngx_pnalloc(r->pool, 256 + 2 * NGX_INT64_LEN + ctx->group.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    e->message.data = p;

    p = ngx_sprintf(p, "litellm.ContextWindowExceededError: Context Window "
                    "exceeded for given call. No models have context window "
                    "large enough for this call. Model=%V, Max Input "
                    "Tokens=%uL, Got=%uL (estimated)", &ctx->group, max,
                    ctx->tokens);

    e->message.len = p - e->message.data;

    return NGX_OK;
}


/* cooled down or over their limits: LiteLLM's RouterRateLimitError */

static ngx_int_t
ngx_http_litellm_pick_busy_all(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *e)
{
    u_char                     *p;
    size_t                      len;
    ngx_msec_t                  left, wait;
    ngx_uint_t                  i, n, all, budget;
    ngx_litellm_deployment_t  **d, *listed[NGX_HTTP_LITELLM_LISTED];

    n = 0;
    all = 1;
    budget = 1;
    len = 0;
    wait = (60 - ngx_time() % 60) * 1000;

    d = ctx->candidates->elts;

    for (i = 0; i < ctx->candidates->nelts; i++) {

        if (!ngx_litellm_plan_callable(d[i])
            || ngx_http_litellm_pick_fit(ctx, d[i]) != NGX_HTTP_LITELLM_FITS)
        {
            continue;
        }

        left = ngx_http_litellm_cooldown_left(d[i]);

        if (left == 0) {
            all = 0;

            if (ngx_http_litellm_bill_affordable(ctx, d[i])) {
                budget = 0;
            }

            continue;
        }

        wait = ngx_min(wait, left);

        if (n < NGX_HTTP_LITELLM_LISTED) {
            listed[n++] = d[i];
            len += d[i]->id.len + sizeof("'', ") - 1;
        }
    }

    e->class = NGX_LITELLM_RATE_LIMIT;
    e->status = 429;
    e->retry_after = wait;

    if (!all && budget) {
        ngx_str_set(&e->type, "rate_limit_error");
        ngx_str_set(&e->message, "No deployments available - crossed budget");

        return NGX_OK;
    }

    if (all) {
        ngx_str_set(&e->type, "all_deployments_in_cooldown");

    } else {
        ngx_str_set(&e->type, "rate_limit_error");
    }

    p = ngx_pnalloc(r->pool, 320 + NGX_INT64_LEN + ctx->group.len + len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    e->message.data = p;

    p = ngx_sprintf(p, "No deployments available for selected model, Try "
                    "again in %M seconds. %sPassed model=%V. "
                    "pre-call-checks=%s, cooldown_list=[",
                    (wait + 999) / 1000,
                    all ? "All deployments for selected model are in "
                          "cooldown. " : "",
                    &ctx->group,
                    (ctx->call.config->pre_call_checks == 1) ? "True"
                                                             : "False");

    for (i = 0; i < n; i++) {
        p = ngx_sprintf(p, "%s'%V'", i ? ", " : "", &listed[i]->id);
    }

    *p++ = ']';

    e->message.len = p - e->message.data;

    return NGX_OK;
}
