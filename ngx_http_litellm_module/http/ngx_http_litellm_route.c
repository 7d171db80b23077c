
/*
 * Which deployment is called next: from the model's name to a group, from the
 * group to a deployment (ngx_http_litellm_pick.c), and after a failure to a
 * retry, the next order level, a fallback group or the final error.  The rules
 * are those of LiteLLM's router.py; where we differ is in docs/differences.md.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_pick.h"


static ngx_int_t ngx_http_litellm_route_mock(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
static void ngx_http_litellm_route_note(ngx_http_litellm_ctx_t *ctx,
    ngx_array_t *list, ngx_litellm_deployment_t *d);
static ngx_uint_t ngx_http_litellm_route_failover(
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *e);
static ngx_litellm_group_t *ngx_http_litellm_route_named(
    ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_deployment_t **d, ngx_uint_t n);
static ngx_uint_t ngx_http_litellm_route_retryable(
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_attempt_t *a);
static ngx_msec_t ngx_http_litellm_route_delay(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_error_t *e, ngx_int_t retries);


ngx_int_t
ngx_http_litellm_route_open(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_litellm_route_control(r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_litellm_route_headers(r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_litellm_pick_open(r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_litellm_route_group(r, ctx, &ctx->call.model);

    if (rc == NGX_DECLINED) {
        ctx->group = ctx->call.model;
        return ngx_http_litellm_route_fallback(r, ctx, &ctx->error);
    }

    if (rc == NGX_OK && ctx->mock_error != NGX_LITELLM_NO_ERROR) {
        return ngx_http_litellm_route_mock(r, ctx);
    }

    return rc;
}


/*
 * mock_testing_...: the group has failed without having been called.  LiteLLM
 * retries a mocked rate limit, and the retry is a real call.
 */

static ngx_int_t
ngx_http_litellm_route_mock(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    u_char               *p;
    ngx_int_t             max;
    ngx_litellm_error_t   e;

    ngx_memzero(&e, sizeof(ngx_litellm_error_t));

    e.class = ctx->mock_error;

    switch (e.class) {

    case NGX_LITELLM_RATE_LIMIT:

        max = (ctx->num_retries >= 0) ? ctx->num_retries
                                      : ctx->call.config->num_retries;
        if (max > 0) {
            ctx->retries = 1;
            return NGX_OK;
        }

        e.status = 429;
        break;

    case NGX_LITELLM_INTERNAL_SERVER:
        e.status = 500;
        break;

    default:
        e.status = 400;
    }

    p = ngx_pnalloc(r->pool, 128 + ctx->group.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    e.message.data = p;
    e.message.len = ngx_sprintf(p, "litellm.%V: This is a mock exception for "
                                "model=%V, to trigger a fallback.",
                                ngx_litellm_error_class(e.class),
                                &ctx->group)
                    - p;

    return ngx_http_litellm_route_fallback(r, ctx, &e);
}


ngx_uint_t
ngx_http_litellm_route_name(ngx_str_t *name)
{
    size_t  i;

    for (i = 0; i < name->len; i++) {
        if (name->data[i] < 0x20 || name->data[i] == 0x7f) {
            return 0;
        }
    }

    return 1;
}


/* alias, group, wildcard; NGX_DECLINED: nobody answers to that name */

ngx_int_t
ngx_http_litellm_route_group(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_str_t *name)
{
    u_char                     *p;
    ngx_str_t                  *tried, text;
    ngx_uint_t                  n;
    ngx_litellm_alias_t        *alias;
    ngx_litellm_group_t        *group;
    ngx_litellm_deployment_t  **d;
    ngx_http_litellm_trail_t   *trail;

    trail = ctx->trail;

    if (trail != NULL) {

        tried = ngx_array_push(&trail->tried);
        if (tried == NULL) {
            return NGX_ERROR;
        }

        *tried = *name;

        ngx_memzero(trail->again, sizeof(trail->again));
        trail->refused.nelts = 0;
        trail->failed.nelts = 0;
    }

    ctx->group = *name;
    ctx->ncaptured = 0;
    ctx->retries = 0;
    ctx->failover = 0;

    alias = ngx_litellm_config_alias(ctx->call.config, name);

    if (alias != NULL) {

        if (alias->group != NULL) {
            ngx_http_litellm_pick_group(ctx, alias->group);
            return NGX_OK;
        }

        if (alias->targets.nelts == 1) {
            name = alias->targets.elts;
            ctx->group = *name;
        }
    }

    group = ngx_litellm_config_group(ctx->call.config, name);

    if (group == NULL) {
        d = ngx_litellm_config_by_id(ctx->call.config, name, &n);

        if (d != NULL) {
            group = ngx_http_litellm_route_named(r, ctx, d, n);
            if (group == NULL) {
                return NGX_ERROR;
            }
        }
    }

    if (group == NULL) {
        group = ngx_litellm_config_pattern(ctx->call.config, name,
                                           ctx->captured, &ctx->ncaptured);
    }

    if (group == NULL) {
        d = ngx_litellm_config_by_model(ctx->call.config, name, &n);

        if (d != NULL) {
            group = ngx_http_litellm_route_named(r, ctx, d, n);
            if (group == NULL) {
                return NGX_ERROR;
            }
        }
    }

    if (group != NULL) {
        ngx_http_litellm_pick_group(ctx, group);
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


/* a group that the configuration has no name for, as long as the request */

static ngx_litellm_group_t *
ngx_http_litellm_route_named(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_deployment_t **d, ngx_uint_t n)
{
    ngx_litellm_group_t  *group;

    group = ngx_pcalloc(r->pool, sizeof(ngx_litellm_group_t));
    if (group == NULL) {
        return NULL;
    }

    group->name = ctx->group;
    group->deployments.elts = d;
    group->deployments.nelts = n;
    group->deployments.nalloc = n;
    group->deployments.size = sizeof(void *);
    group->deployments.pool = r->pool;

    group->plan = ngx_litellm_plan_create(r->pool, r->pool, ctx->call.config,
                                          &group->deployments, NULL);

    return group->plan ? group : NULL;
}


ngx_int_t
ngx_http_litellm_route_pick(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_deployment_t **d)
{
    ngx_int_t            rc;
    ngx_litellm_error_t  e, *cut;

    for ( ;; ) {

        *d = ngx_http_litellm_pick(ctx);

        if (*d != NULL) {
            return NGX_OK;
        }

        cut = ngx_http_litellm_continue_error(ctx);

        if (cut != NULL) {

            /* nobody here goes on with what others began */

            rc = ngx_http_litellm_route_fallback(r, ctx, cut);

            if (rc != NGX_OK) {
                return rc;
            }

            continue;
        }

        /* nothing in this group can be called: why? */

        if (ngx_http_litellm_pick_none(r, ctx, &e) != NGX_OK) {
            return NGX_ERROR;
        }

        rc = ngx_http_litellm_route_fallback(r, ctx, &e);

        if (rc != NGX_OK) {
            return rc;
        }
    }
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
        if (!d[i]->no_credentials && !d[i]->blocked
            && (d[i]->mock || d[i]->http != NULL))
        {
            n++;
        }
    }

    return n;
}


ngx_http_litellm_trail_t *
ngx_http_litellm_route_trail(ngx_http_litellm_ctx_t *ctx)
{
    ngx_str_t                 *tried;
    ngx_pool_t                *pool;
    ngx_http_litellm_trail_t  *trail;

    if (ctx->trail != NULL) {
        return ctx->trail;
    }

    pool = ctx->request->pool;

    trail = ngx_pcalloc(pool, sizeof(ngx_http_litellm_trail_t));
    if (trail == NULL) {
        return NULL;
    }

    if (ngx_array_init(&trail->tried, pool, 2, sizeof(ngx_str_t)) != NGX_OK) {
        return NULL;
    }

    tried = ngx_array_push(&trail->tried);
    if (tried == NULL) {
        return NULL;
    }

    /* the first group is that of the name that was asked for */

    *tried = ctx->call.model;

    ctx->trail = trail;

    return trail;
}


/* without memory for it the deployment may be asked again */

void
ngx_http_litellm_route_refused(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_attempt_t *a)
{
    ngx_uint_t                 status;
    ngx_http_litellm_trail_t  *trail;

    trail = ngx_http_litellm_route_trail(ctx);
    if (trail == NULL) {
        return;
    }

    if (ctx->call.config->weighted_failover == 1
        && ctx->plan->routing->strategy == NGX_LITELLM_SHUFFLE)
    {
        ngx_http_litellm_route_note(ctx, &trail->failed, a->deployment);
    }

    status = a->error.status;

    if (status < 500 && status != 408 && status != 409 && status != 429) {
        ngx_http_litellm_route_note(ctx, &trail->refused, a->deployment);
    }
}


static void
ngx_http_litellm_route_note(ngx_http_litellm_ctx_t *ctx, ngx_array_t *list,
    ngx_litellm_deployment_t *d)
{
    ngx_litellm_deployment_t  **item;

    if (list->elts == NULL
        && ngx_array_init(list, ctx->request->pool, 4,
                          sizeof(ngx_litellm_deployment_t *))
           != NGX_OK)
    {
        return;
    }

    item = ngx_array_push(list);

    if (item != NULL) {
        *item = d;
    }
}


ngx_int_t
ngx_http_litellm_route_failed(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_attempt_t *a,
    ngx_msec_t *delay)
{
    ngx_litellm_error_t       *e;
    ngx_litellm_config_t      *config;
    ngx_http_litellm_trail_t  *trail;

    *delay = 0;
    e = &a->error;
    config = ctx->call.config;

    trail = ngx_http_litellm_route_trail(ctx);
    if (trail == NULL) {
        return NGX_ERROR;
    }

    ngx_http_litellm_route_refused(ctx, a);

    if (config->max_retries >= 0
        && ctx->attempts > (ngx_uint_t) config->max_retries)
    {
        /* num_retries_per_request: of all groups together */

        ctx->no_fallbacks = 1;
        trail->frames.nelts = 0;

        return ngx_http_litellm_route_fallback(r, ctx, e);
    }

    if (ngx_http_litellm_route_retryable(ctx, a)) {
        *delay = ngx_http_litellm_route_delay(ctx, e, ctx->retries);
        ctx->retries++;
        trail->again[e->class]++;
        return NGX_OK;
    }

    if (e->class != NGX_LITELLM_CONTEXT_WINDOW
        && e->class != NGX_LITELLM_CONTENT_POLICY
        && ctx->candidates->nelts > 1
        && ngx_http_litellm_route_next_order(ctx))
    {
        ctx->retries = 0;
        ngx_memzero(trail->again, sizeof(trail->again));
        return NGX_OK;
    }

    if (ngx_http_litellm_route_failover(ctx, e)) {
        return NGX_OK;
    }

    return ngx_http_litellm_route_fallback(r, ctx, e);
}


/*
 * enable_weighted_failover: those of the group that were not called yet, by
 * their weights, before other groups.  Each is a step of a fallback.
 */

static ngx_uint_t
ngx_http_litellm_route_failover(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_error_t *e)
{
    ngx_int_t              max;
    ngx_litellm_config_t  *config;

    config = ctx->call.config;

    max = (ctx->max_fallbacks >= 0) ? ctx->max_fallbacks
                                    : config->max_fallbacks;

    if (config->weighted_failover != 1 || ctx->no_fallbacks
        || ctx->plan->routing->strategy != NGX_LITELLM_SHUFFLE
        || e->class == NGX_LITELLM_CONTEXT_WINDOW
        || e->class == NGX_LITELLM_CONTENT_POLICY
        || (ngx_int_t) ctx->trail->failovers >= max
        || !ngx_http_litellm_route_untried(ctx))
    {
        return 0;
    }

    ctx->failover = 1;
    ctx->trail->failovers++;

    return 1;
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
        return ctx->trail->again[e->class] < policy->n[e->class]
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
