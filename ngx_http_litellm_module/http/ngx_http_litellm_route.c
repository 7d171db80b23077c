
/*
 * Which deployment is called next: from the model's name to a group, from the
 * group to a deployment, and after a failure to a retry, the next order level,
 * a fallback group or the final error.  The rules are those of LiteLLM's
 * router.py; where we differ is in docs/differences.md.
 */

#include "ngx_http_litellm.h"


static ngx_int_t ngx_http_litellm_route_alias(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_alias_t *alias);
static ngx_litellm_deployment_t *ngx_http_litellm_route_choose(
    ngx_http_litellm_ctx_t *ctx, ngx_uint_t refused);
static ngx_uint_t ngx_http_litellm_route_usable(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_deployment_t *d, ngx_uint_t refused);
static ngx_uint_t ngx_http_litellm_route_retryable(
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_attempt_t *a);
static ngx_msec_t ngx_http_litellm_route_delay(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_error_t *e, ngx_int_t retries);
static ngx_uint_t ngx_http_litellm_route_next_order(
    ngx_http_litellm_ctx_t *ctx);


ngx_int_t
ngx_http_litellm_route_open(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ngx_array_init(&ctx->refused, r->pool, 4,
                       sizeof(ngx_litellm_deployment_t *))
        != NGX_OK
        || ngx_array_init(&ctx->tried, r->pool, 4, sizeof(ngx_str_t))
           != NGX_OK
        || ngx_array_init(&ctx->frames, r->pool, 2,
                          sizeof(ngx_http_litellm_frame_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_litellm_route_headers(r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_litellm_route_control(r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_litellm_route_group(r, ctx, &ctx->call.model);

    if (rc == NGX_DECLINED) {
        ctx->group = ctx->call.model;
        return ngx_http_litellm_route_fallback(r, ctx, &ctx->error);
    }

    return rc;
}


/* alias, group, wildcard; NGX_DECLINED: nobody answers to that name */

ngx_int_t
ngx_http_litellm_route_group(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_str_t *name)
{
    u_char                *p;
    ngx_str_t             *tried, text;
    ngx_litellm_alias_t   *alias;
    ngx_litellm_group_t   *group;

    tried = ngx_array_push(&ctx->tried);
    if (tried == NULL) {
        return NGX_ERROR;
    }

    *tried = *name;

    ctx->group = *name;
    ctx->candidates = NULL;
    ctx->ncaptured = 0;
    ctx->retries = 0;
    ngx_memzero(ctx->again, sizeof(ctx->again));
    ctx->order_set = 0;
    ctx->refused.nelts = 0;

    alias = ngx_litellm_config_alias(ctx->call.config, name);

    if (alias != NULL) {

        if (alias->targets.nelts > 1) {
            return ngx_http_litellm_route_alias(r, ctx, alias);
        }

        if (alias->targets.nelts == 1) {
            name = alias->targets.elts;
            ctx->group = *name;
        }
    }

    group = ngx_litellm_config_group(ctx->call.config, name);

    if (group == NULL) {
        group = ngx_litellm_config_pattern(ctx->call.config, name,
                                           ctx->captured, &ctx->ncaptured);
    }

    if (group != NULL) {
        ctx->candidates = &group->deployments;
        ctx->by_health = ngx_http_litellm_health_choice(ctx->candidates);
        (void) ngx_http_litellm_route_next_order(ctx);
        return NGX_OK;
    }

    text.len = sizeof("litellm.BadRequestError: You passed in model=. There "
                      "are no healthy deployments for this model") - 1
               + name->len;

    text.data = ngx_pnalloc(r->pool, text.len);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(text.data, "litellm.BadRequestError: You passed in "
                    "model=%V. There are no healthy deployments for this "
                    "model", name);
    text.len = p - text.data;

    (void) ngx_http_litellm_refuse(&ctx->error, NGX_LITELLM_BAD_REQUEST, 400,
                                   "invalid_request_error", "");

    ctx->error.message = text;

    return NGX_DECLINED;
}


/* an alias over several groups: all their deployments */

static ngx_int_t
ngx_http_litellm_route_alias(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_alias_t *alias)
{
    ngx_str_t                  *name;
    ngx_uint_t                  i, j;
    ngx_litellm_group_t        *group;
    ngx_litellm_deployment_t  **from, **to;

    ctx->candidates = ngx_array_create(r->pool, 4,
                                       sizeof(ngx_litellm_deployment_t *));
    if (ctx->candidates == NULL) {
        return NGX_ERROR;
    }

    name = alias->targets.elts;

    for (i = 0; i < alias->targets.nelts; i++) {

        group = ngx_litellm_config_group(ctx->call.config, &name[i]);

        if (group == NULL) {
            continue;
        }

        from = group->deployments.elts;

        for (j = 0; j < group->deployments.nelts; j++) {

            to = ngx_array_push(ctx->candidates);
            if (to == NULL) {
                return NGX_ERROR;
            }

            *to = from[j];
        }
    }

    ctx->by_health = ngx_http_litellm_health_choice(ctx->candidates);

    (void) ngx_http_litellm_route_next_order(ctx);

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_route_pick(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_deployment_t **d)
{
    ngx_int_t                   rc;
    ngx_str_t                   text;
    ngx_msec_t                  left;
    ngx_uint_t                  i, lost;
    ngx_litellm_error_t         e, *cut;
    ngx_litellm_deployment_t  **all;

    lost = 0;

    for ( ;; ) {

        *d = ngx_http_litellm_route_choose(ctx, 0);

        if (*d == NULL) {

            /* each has refused already: better again than not at all */

            *d = ngx_http_litellm_route_choose(ctx, 1);
        }

        if (*d == NULL && ctx->by_health) {

            /* meanwhile the checks of all have failed */

            ctx->by_health = 0;
            *d = ngx_http_litellm_route_choose(ctx, 1);
        }

        if (*d != NULL) {

            if (ngx_http_litellm_state_begin(*d, ctx->tokens, &ctx->lease)
                == NGX_OK)
            {
                return NGX_OK;
            }

            if (lost++ < 10) {
                continue;
            }
        }

        cut = ngx_http_litellm_continue_error(ctx);

        if (cut != NULL) {

            /* nobody here goes on with what others began */

            if (ngx_http_litellm_route_next_order(ctx)) {
                continue;
            }

            rc = ngx_http_litellm_route_fallback(r, ctx, cut);

            if (rc != NGX_OK) {
                return rc;
            }

            continue;
        }

        /* nothing in this group can be called: why? */

        ngx_memzero(&e, sizeof(ngx_litellm_error_t));

        e.class = NGX_LITELLM_AUTHENTICATION;
        e.status = 401;
        ngx_str_set(&e.type, "authentication_error");
        ngx_str_set(&e.message, "litellm.AuthenticationError: the model has "
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
            e.message = text;

            break;
        }

        if (ngx_http_litellm_route_width(ctx)) {
            e.class = NGX_LITELLM_RATE_LIMIT;
            e.status = 429;
            e.retry_after = (60 - ngx_time() % 60) * 1000;
            ngx_str_set(&e.type, "rate_limit_error");
            ngx_str_set(&e.message, "No deployments available for selected "
                                    "model");

            for (i = 0; i < ctx->candidates->nelts; i++) {
                left = ngx_http_litellm_cooldown_left(all[i]);

                if (left) {
                    e.retry_after = left;
                }
            }
        }

        rc = ngx_http_litellm_route_fallback(r, ctx, &e);

        if (rc != NGX_OK) {
            return rc;
        }

        lost = 0;
    }
}


/* simple-shuffle: weighted by the first of weight, rpm, tpm that is given */

static ngx_litellm_deployment_t *
ngx_http_litellm_route_choose(ngx_http_litellm_ctx_t *ctx, ngx_uint_t refused)
{
    int64_t                     w, sum[3], max[3];
    uint64_t                    at;
    ngx_uint_t                  i, k, n;
    ngx_litellm_deployment_t  **d, *last;

#define ngx_http_litellm_weight(d, k)                                         \
    ((k) == 0 ? (d)->weight : (k) == 1 ? (d)->rpm : (d)->tpm)

    d = ctx->candidates->elts;

    if (ctx->candidates->nelts == 1) {
        return ngx_http_litellm_route_usable(ctx, d[0], refused) ? d[0]
                                                                 : NULL;
    }

    ngx_memzero(sum, sizeof(sum));
    ngx_memzero(max, sizeof(max));
    n = 0;

    for (i = 0; i < ctx->candidates->nelts; i++) {

        if (!ngx_http_litellm_route_usable(ctx, d[i], refused)) {
            continue;
        }

        n++;

        for (k = 0; k < 3; k++) {
            w = ngx_http_litellm_weight(d[i], k);

            if (w > 0) {
                sum[k] += w;
                max[k] = ngx_max(max[k], w);
            }
        }
    }

    if (n == 0) {
        return NULL;
    }

    for (k = 0; k < 3 && max[k] <= 0; k++) { /* void */ }

    at = ((uint64_t) ngx_random() << 31) ^ (uint64_t) ngx_random();
    at %= (uint64_t) (k < 3 ? sum[k] : (int64_t) n);

    last = NULL;

    for (i = 0; i < ctx->candidates->nelts; i++) {

        if (!ngx_http_litellm_route_usable(ctx, d[i], refused)) {
            continue;
        }

        w = (k < 3) ? ngx_http_litellm_weight(d[i], k) : 1;

        if (w <= 0) {
            continue;
        }

        last = d[i];

        if (at < (uint64_t) w) {
            break;
        }

        at -= w;
    }

#undef ngx_http_litellm_weight

    return last;
}


static ngx_uint_t
ngx_http_litellm_route_usable(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_deployment_t *d, ngx_uint_t refused)
{
    ngx_uint_t                  i;
    ngx_litellm_deployment_t  **r;

    if (d->no_credentials || (!d->mock && (d->provider == NULL
                                           || d->http == NULL))
        || d->order != ctx->order || !ngx_http_litellm_continue_able(ctx, d)
        || (ctx->by_health && !ngx_http_litellm_health_usable(d)))
    {
        return 0;
    }

    if (ngx_http_litellm_state_check(d, ctx->tokens) != NGX_OK) {
        return 0;
    }

    if (refused) {
        return 1;
    }

    r = ctx->refused.elts;

    for (i = 0; i < ctx->refused.nelts; i++) {
        if (r[i] == d) {
            return 0;
        }
    }

    return 1;
}


/*
 * The lowest level of order, or the next one above the current: true if there
 * is one.  Deployments without "order" come last.
 */

static ngx_uint_t
ngx_http_litellm_route_next_order(ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t                   now, best;
    ngx_uint_t                  i, found;
    ngx_litellm_deployment_t  **d;

    now = ctx->order;
    best = NGX_MAX_INT_T_VALUE;
    found = 0;

    d = ctx->candidates->elts;

    for (i = 0; i < ctx->candidates->nelts; i++) {

        if (d[i]->no_credentials || (!d[i]->mock && d[i]->http == NULL)
            || (ctx->order_set && d[i]->order <= now)
            || (ctx->by_health && !ngx_http_litellm_health_usable(d[i])))
        {
            continue;
        }

        best = ngx_min(best, d[i]->order);
        found = 1;
    }

    if (found) {
        ctx->order = best;
        ctx->order_set = 1;
    }

    return found;
}


ngx_uint_t
ngx_http_litellm_route_width(ngx_http_litellm_ctx_t *ctx)
{
    ngx_uint_t                  i, n;
    ngx_litellm_deployment_t  **d;

    if (ctx->candidates == NULL) {
        return 0;
    }

    n = 0;
    d = ctx->candidates->elts;

    for (i = 0; i < ctx->candidates->nelts && n < 2; i++) {
        if (!d[i]->no_credentials && (d[i]->mock || d[i]->http != NULL)) {
            n++;
        }
    }

    return n;
}


ngx_int_t
ngx_http_litellm_route_failed(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_attempt_t *a,
    ngx_msec_t *delay)
{
    ngx_litellm_error_t        *e;
    ngx_litellm_config_t       *config;
    ngx_litellm_deployment_t  **d;

    *delay = 0;
    e = &a->error;
    config = ctx->call.config;

    if (e->status < 500 && e->status != 408 && e->status != 409
        && e->status != 429)
    {
        d = ngx_array_push(&ctx->refused);
        if (d == NULL) {
            return NGX_ERROR;
        }

        *d = a->deployment;
    }

    if (config->max_retries >= 0
        && ctx->attempts > (ngx_uint_t) config->max_retries)
    {
        /* num_retries_per_request: of all groups together */

        ctx->no_fallbacks = 1;
        ctx->frames.nelts = 0;

        return ngx_http_litellm_route_fallback(r, ctx, e);
    }

    if (ngx_http_litellm_route_retryable(ctx, a)) {
        *delay = ngx_http_litellm_route_delay(ctx, e, ctx->retries);
        ctx->retries++;
        ctx->again[e->class]++;
        return NGX_OK;
    }

    if (e->class != NGX_LITELLM_CONTEXT_WINDOW
        && e->class != NGX_LITELLM_CONTENT_POLICY
        && ctx->candidates->nelts > 1
        && ngx_http_litellm_route_next_order(ctx))
    {
        ctx->retries = 0;
        ngx_memzero(ctx->again, sizeof(ctx->again));
        return NGX_OK;
    }

    return ngx_http_litellm_route_fallback(r, ctx, e);
}


/*
 * A policy that knows the class decides alone, unless the client wants no
 * retries; but nothing is tried again where nothing can be called.
 */

static ngx_uint_t
ngx_http_litellm_route_retryable(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_attempt_t *a)
{
    ngx_int_t              max;
    ngx_litellm_error_t   *e;
    ngx_litellm_config_t  *config;
    ngx_litellm_policy_t  *policy;

    e = &a->error;
    config = ctx->call.config;

    policy = ngx_litellm_config_retry_policy(config, &ctx->group);

    if (policy != NULL && ctx->num_retries != 0 && policy->n[e->class] >= 0) {
        return ctx->again[e->class] < policy->n[e->class]
               && ngx_http_litellm_route_choose(ctx, 1) != NULL;
    }

    max = (ctx->num_retries >= 0) ? ctx->num_retries
          : (a->deployment->num_retries >= 0) ? a->deployment->num_retries
          : config->num_retries;

    if (ctx->retries >= max) {
        return 0;
    }

    switch (e->class) {

    case NGX_LITELLM_CONTEXT_WINDOW:
    case NGX_LITELLM_CONTENT_POLICY:
    case NGX_LITELLM_UNSUPPORTED_PARAMS:
    case NGX_LITELLM_NOT_FOUND:
        return 0;

    default:
        break;
    }

    switch (e->status) {

    case 401:
    case 403:
        return ngx_http_litellm_route_choose(ctx, 0) != NULL;

    case 408:
    case 409:
    case 429:
        break;

    default:
        if (e->status < 500) {
            return 0;
        }
    }

    return ngx_http_litellm_route_choose(ctx, 1) != NULL;
}


/*
 * No wait where another deployment can take over; else the provider's
 * Retry-After, else 0.5 s doubled with each retry up to 8 s; with jitter.
 */

static ngx_msec_t
ngx_http_litellm_route_delay(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_error_t *e, ngx_int_t retries)
{
    ngx_msec_t  delay;

    if (ctx->candidates->nelts > 1) {
        return 0;
    }

    if (e->retry_after > 0 && e->retry_after <= 60000) {
        return e->retry_after + ngx_random() % 250;
    }

    delay = 500;

    while (retries-- > 0 && delay < 8000) {
        delay *= 2;
    }

    delay = ngx_max(delay, ctx->call.config->retry_after);

    return ngx_min(delay, 8000) + ngx_random() % 750;
}
