
/*
 * Which deployment of a group is called: by the group's strategy among those
 * that fit the request (tags, context window), have not refused it, and have
 * a place left (ngx_http_litellm_state.h).  A session, or where that is asked
 * for a key or the beginning of a prompt, has its own deployment as long as
 * that can be called: caches of prompts pay for it.
 *
 * The lowest level of order that has anything to offer is taken.  A place is
 * taken in the same step, so that what workers do at once never goes over a
 * limit: whoever comes too late looks for another one.
 *
 * Tokens are not counted but estimated: four bytes of the request are one.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_pick.h"
#include "ngx_http_litellm_bill.h"
#include "ngx_http_litellm_state.h"


/* places lost to others before this group counts as full */
#define NGX_HTTP_LITELLM_LOST     8

/* from here on a prompt is worth a cache (1024 tokens) */
#define NGX_HTTP_LITELLM_PREFIX   4096


typedef struct {
    ngx_http_litellm_ctx_t      *ctx;
    ngx_litellm_deployment_t    *avoid;      /* the one that failed just now,
                                                or is under way */
    ngx_litellm_deployment_t    *lost[NGX_HTTP_LITELLM_LOST];
    ngx_uint_t                   nlost;
    unsigned                     refused:1;  /* take those, too */
    unsigned                     untried:1;  /* none that has failed */
    unsigned                     cooled:1;   /* take those cooled down, too */
} ngx_http_litellm_pick_t;


static ngx_litellm_deployment_t *ngx_http_litellm_pick_levels(
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_pick_t *p,
    ngx_uint_t strict);
static ngx_litellm_deployment_t *ngx_http_litellm_pick_begin(
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_pick_t *p,
    ngx_litellm_level_t *level, ngx_uint_t strict);
static ngx_litellm_deployment_t *ngx_http_litellm_pick_one(
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_pick_t *p,
    ngx_litellm_level_t *level, ngx_uint_t strict);
static ngx_uint_t ngx_http_litellm_pick_usable(void *data,
    ngx_litellm_deployment_t *d);
static ngx_uint_t ngx_http_litellm_pick_among(ngx_array_t *list,
    ngx_litellm_deployment_t *d);
static uint64_t ngx_http_litellm_pick_busy(void *data,
    ngx_litellm_deployment_t *d);
static uint64_t ngx_http_litellm_pick_used(void *data,
    ngx_litellm_deployment_t *d);
static uint64_t ngx_http_litellm_pick_latency(void *data,
    ngx_litellm_deployment_t *d);
static uint64_t ngx_http_litellm_pick_tokens(ngx_litellm_call_t *call);
static ngx_int_t ngx_http_litellm_pick_affinity(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
static ngx_int_t ngx_http_litellm_pick_prefix(ngx_http_litellm_ctx_t *ctx,
    ngx_str_t *prefix);


ngx_int_t
ngx_http_litellm_pick_open(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t  rc;

    ctx->tokens = ngx_http_litellm_pick_tokens(&ctx->call);

    rc = ngx_http_litellm_pick_tags(r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_litellm_pick_agent(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_litellm_pick_affinity(r, ctx);
}


void
ngx_http_litellm_pick_group(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_group_t *group)
{
    ctx->plan = group->plan;
    ctx->candidates = &group->deployments;
    ctx->by_health = ngx_http_litellm_health_choice(ctx->candidates);
    ctx->level = 0;

    ngx_http_litellm_pick_rule(ctx);
}


ngx_uint_t
ngx_http_litellm_route_next_order(ngx_http_litellm_ctx_t *ctx)
{
    if (ctx->level + 1 >= ctx->plan->levels.nelts) {
        return 0;
    }

    ctx->level++;

    return 1;
}


/*
 * First without the one that has just failed and without those that refused
 * the request, then with the former, then with all: better again than not at
 * all.
 */

ngx_litellm_deployment_t *
ngx_http_litellm_pick(ngx_http_litellm_ctx_t *ctx)
{
    ngx_litellm_deployment_t  *d;
    ngx_http_litellm_pick_t    p;

    ngx_memzero(&p, sizeof(ngx_http_litellm_pick_t));

    p.ctx = ctx;

    if (ctx->trail != NULL && ctx->trail->failed.nelts) {
        p.untried = 1;
        d = ngx_http_litellm_pick_levels(ctx, &p, !ctx->failover);

        if (d != NULL) {
            return d;
        }

        /* meanwhile it is busy */

        p.untried = 0;
    }

    if (ctx->attempt != NULL && ctx->retries > 0
        && ctx->attempt->error.class != NGX_LITELLM_NO_ERROR)
    {
        p.avoid = ctx->attempt->deployment;

        /* a weight of 0 is kept for when nothing else is left */

        d = ngx_http_litellm_pick_levels(ctx, &p, 1);

        if (d != NULL) {
            return d;
        }

        p.avoid = NULL;
    }

    d = ngx_http_litellm_pick_levels(ctx, &p, 0);

    if (d == NULL && ctx->trail != NULL && ctx->trail->refused.nelts) {
        p.refused = 1;
        d = ngx_http_litellm_pick_levels(ctx, &p, 0);
    }

    if (d == NULL && ctx->by_health) {

        /* meanwhile the checks of all have failed, or others are busy */

        ctx->by_health = 0;
        p.refused = 1;
        d = ngx_http_litellm_pick_levels(ctx, &p, 0);
    }

    if (d == NULL && ctx->call.config->health.routing
        && ctx->call.config->allowed_fails_policy != NULL)
    {
        /* LiteLLM: checks may have cooled down all of a group */

        p.refused = 1;
        p.cooled = 1;
        d = ngx_http_litellm_pick_levels(ctx, &p, 0);
    }

    return d;
}


/* the level stays: the one under way is still the one of its own */

ngx_litellm_deployment_t *
ngx_http_litellm_pick_other(ngx_http_litellm_ctx_t *ctx)
{
    ngx_uint_t                 level;
    ngx_litellm_deployment_t  *d;
    ngx_http_litellm_pick_t    p;

    ngx_memzero(&p, sizeof(ngx_http_litellm_pick_t));

    p.ctx = ctx;
    p.untried = 1;
    p.avoid = ctx->attempt->deployment;

    level = ctx->level;

    d = ngx_http_litellm_pick_levels(ctx, &p, 0);

    ctx->level = level;

    return d;
}


static ngx_litellm_deployment_t *
ngx_http_litellm_pick_levels(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_pick_t *p, ngx_uint_t strict)
{
    ngx_uint_t                 i;
    ngx_litellm_level_t       *level;
    ngx_litellm_deployment_t  *d;

    level = ctx->plan->levels.elts;

    for (i = ctx->level; i < ctx->plan->levels.nelts; i++) {

        d = ngx_http_litellm_pick_begin(ctx, p, &level[i], strict);

        if (d != NULL) {
            ctx->level = i;
            return d;
        }

        if (strict) {

            /* the one that failed comes before the next level */

            break;
        }
    }

    return NULL;
}


static ngx_litellm_deployment_t *
ngx_http_litellm_pick_begin(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_pick_t *p, ngx_litellm_level_t *level, ngx_uint_t strict)
{
    ngx_litellm_error_t        none;
    ngx_litellm_deployment_t  *d;

    p->nlost = 0;

    for ( ;; ) {
        d = ngx_http_litellm_pick_one(ctx, p, level, strict);

        if (d == NULL) {
            return NULL;
        }

        if (ngx_http_litellm_state_begin(d, ctx->tokens, p->cooled,
                                         &ctx->lease)
            == NGX_OK)
        {
            if (ngx_http_litellm_bill_take(ctx, d) == NGX_OK) {
                return d;
            }

            ngx_memzero(&none, sizeof(ngx_litellm_error_t));
            ngx_http_litellm_state_end(d, &ctx->lease, &none, 0, 0, 0);
        }

        if (p->nlost == NGX_HTTP_LITELLM_LOST) {
            return NULL;
        }

        p->lost[p->nlost++] = d;
    }
}


static ngx_litellm_deployment_t *
ngx_http_litellm_pick_one(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_pick_t *p, ngx_litellm_level_t *level, ngx_uint_t strict)
{
    ngx_litellm_choice_t          c;
    const ngx_litellm_routing_t  *routing;

    c.data = p;
    c.usable = ngx_http_litellm_pick_usable;
    c.random = ngx_http_litellm_random();

    if (ctx->has_affinity) {
        return ngx_litellm_plan_hashed(level, &c, ctx->affinity);
    }

    routing = ctx->plan->routing;

    switch (routing->strategy) {

    case NGX_LITELLM_LEAST_BUSY:
        c.rank = ngx_http_litellm_pick_busy;
        return ngx_litellm_plan_lowest(level, &c, 0);

    case NGX_LITELLM_LEAST_USED:
        c.rank = ngx_http_litellm_pick_used;
        return ngx_litellm_plan_lowest(level, &c, 0);

    case NGX_LITELLM_LOWEST_LATENCY:
        c.rank = ngx_http_litellm_pick_latency;
        return ngx_litellm_plan_lowest(level, &c, routing->latency_buffer);

    case NGX_LITELLM_LOWEST_COST:
        return ngx_litellm_plan_cheapest(level, &c);

    default: /* NGX_LITELLM_SHUFFLE */
        return ngx_litellm_plan_weighted(level, &c, strict);
    }
}


ngx_litellm_deployment_t *
ngx_http_litellm_route_choose(ngx_http_litellm_ctx_t *ctx, ngx_uint_t refused)
{
    ngx_litellm_level_t      *level;
    ngx_litellm_choice_t      c;
    ngx_http_litellm_pick_t   p;

    if (ctx->level >= ctx->plan->levels.nelts) {
        return NULL;
    }

    ngx_memzero(&p, sizeof(ngx_http_litellm_pick_t));

    p.ctx = ctx;
    p.refused = (refused != 0);

    c.data = &p;
    c.usable = ngx_http_litellm_pick_usable;
    c.random = ngx_http_litellm_random();

    level = ctx->plan->levels.elts;

    return ngx_litellm_plan_weighted(&level[ctx->level], &c, 0);
}


ngx_uint_t
ngx_http_litellm_route_untried(ngx_http_litellm_ctx_t *ctx)
{
    ngx_uint_t                i;
    ngx_litellm_level_t      *level;
    ngx_litellm_choice_t      c;
    ngx_http_litellm_pick_t   p;

    ngx_memzero(&p, sizeof(ngx_http_litellm_pick_t));

    p.ctx = ctx;
    p.untried = 1;

    c.data = &p;
    c.usable = ngx_http_litellm_pick_usable;
    c.random = (uint64_t) ngx_random();

    level = ctx->plan->levels.elts;

    for (i = ctx->level; i < ctx->plan->levels.nelts; i++) {
        if (ngx_litellm_plan_weighted(&level[i], &c, 0) != NULL) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_litellm_pick_usable(void *data, ngx_litellm_deployment_t *d)
{
    ngx_http_litellm_pick_t *p = data;

    ngx_uint_t               i;
    ngx_http_litellm_ctx_t  *ctx;

    ctx = p->ctx;

    if (d == p->avoid
        || ngx_http_litellm_pick_fit(ctx, d) != NGX_HTTP_LITELLM_FITS
        || !ngx_http_litellm_continue_able(ctx, d)
        || (ctx->by_health && !ngx_http_litellm_health_usable(d)))
    {
        return 0;
    }

    for (i = 0; i < p->nlost; i++) {
        if (p->lost[i] == d) {
            return 0;
        }
    }

    if (ctx->trail != NULL
        && ((!p->refused
             && ngx_http_litellm_pick_among(&ctx->trail->refused, d))
            || (p->untried
                && ngx_http_litellm_pick_among(&ctx->trail->failed, d))))
    {
        return 0;
    }

    return ngx_http_litellm_state_check(d, ctx->tokens, p->cooled) == NGX_OK
           && ngx_http_litellm_bill_affordable(ctx, d);
}


static ngx_uint_t
ngx_http_litellm_pick_among(ngx_array_t *list, ngx_litellm_deployment_t *d)
{
    ngx_uint_t                  i;
    ngx_litellm_deployment_t  **item;

    item = list->elts;

    for (i = 0; i < list->nelts; i++) {
        if (item[i] == d) {
            return 1;
        }
    }

    return 0;
}


ngx_http_litellm_fit_e
ngx_http_litellm_pick_fit(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_deployment_t *d)
{
    if (d->windows != NULL
        && ngx_litellm_window_shut(d, &ctx->who.team_id, ngx_time()) != NULL)
    {
        return NGX_HTTP_LITELLM_RESERVED;
    }

    if (!ngx_http_litellm_pick_tagged(ctx, d)) {
        return NGX_HTTP_LITELLM_OTHER_TAGS;
    }

    if (ctx->call.config->pre_call_checks == 1
        && d->info != NULL && d->info->max_input != 0
        && ctx->tokens > d->info->max_input)
    {
        return NGX_HTTP_LITELLM_TOO_SMALL;
    }

    return NGX_HTTP_LITELLM_FITS;
}


static uint64_t
ngx_http_litellm_pick_busy(void *data, ngx_litellm_deployment_t *d)
{
    ngx_http_litellm_state_t  *s;

    s = d->state;

    return s ? s->inflight : 0;
}


static uint64_t
ngx_http_litellm_pick_used(void *data, ngx_litellm_deployment_t *d)
{
    ngx_http_litellm_state_t  *s;

    s = d->state;

    return s ? ngx_http_litellm_state_count(&s->tokens) : 0;
}


/* 0 for one that was never called: it is tried first, as in LiteLLM */

static uint64_t
ngx_http_litellm_pick_latency(void *data, ngx_litellm_deployment_t *d)
{
    ngx_http_litellm_pick_t *p = data;

    uint64_t                    sum;
    ngx_uint_t                  i, n;
    ngx_http_litellm_state_t   *s;
    ngx_http_litellm_sample_t  *sample;

    s = d->state;

    if (s == NULL) {
        return 0;
    }

    n = s->nlatency;
    sample = s->latency;

    if (p->ctx->call.stream && s->nfirst) {
        n = s->nfirst;
        sample = s->first;

        if (p->ctx->plan->routing->ttft_percentile >= 0) {
            return ngx_http_litellm_state_percentile(sample, n,
                                    p->ctx->plan->routing->ttft_percentile);
        }
    }

    n = ngx_min(n, NGX_HTTP_LITELLM_SAMPLES);

    if (n == 0) {
        return 0;
    }

    sum = 0;

    for (i = 0; i < n; i++) {
        sum += sample[i];
    }

    return sum / n;
}


/*
 * Four bytes are a token.  What is base64 (data: URLs, "data" and "file_data"
 * of parts) is left out: it is not text for the model.
 */

static uint64_t
ngx_http_litellm_pick_tokens(ngx_litellm_call_t *call)
{
    u_char  *p, *last, *end;
    size_t   len;

    len = call->body.len;

    if (!call->parts) {
        return len / 4;
    }

    p = call->body.data;
    last = p + len;

    while (p < last) {
        p = ngx_litellm_find(p, last, "data", sizeof("data") - 1);

        if (p == NULL) {
            break;
        }

        p += sizeof("data") - 1;

        if (p < last && *p == '"') {

            /* a name: the value's quote is behind the colon */

            end = p + 1;

            while (end < last && (*end == ' ' || *end == ':')) {
                end++;
            }

            if (end == last || *end != '"' || end == p + 1) {
                continue;
            }

            p = end + 1;

        } else if (p == last || *p != ':') {
            continue;
        }

        end = ngx_strlchr(p, last, '"');

        if (end == NULL) {
            break;
        }

        len -= end - p;
        p = end;
    }

    return len / 4;
}


/*
 * The key that stands for the session (or for what else has a deployment of
 * its own): of different clients' keys the same session is another one.
 */

static ngx_int_t
ngx_http_litellm_pick_affinity(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t              rc;
    ngx_str_t              key, prefix;
    ngx_litellm_config_t  *config;

    config = ctx->call.config;

    prefix = ctx->session;

    if (prefix.len == 0 && config->prompt_affinity) {

        rc = ngx_http_litellm_pick_prefix(ctx, &prefix);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    if (prefix.len == 0 && !config->key_affinity) {
        return NGX_OK;
    }

    if (ngx_http_litellm_auth_key(r, &key) != NGX_OK) {
        ngx_str_null(&key);
    }

    if (prefix.len == 0 && key.len == 0) {
        return NGX_OK;
    }

    ctx->affinity = ngx_litellm_plan_hash(ngx_litellm_plan_hash(0, &key),
                                          &prefix);
    ctx->has_affinity = 1;

    return NGX_OK;
}


/*
 * The messages up to and with the first of the user's: what all turns of a
 * conversation begin with.  Short ones are not cached by providers.
 */

static ngx_int_t
ngx_http_litellm_pick_prefix(ngx_http_litellm_ctx_t *ctx, ngx_str_t *prefix)
{
    ngx_uint_t               i;
    ngx_litellm_json_t      *list, *message, *role;
    ngx_litellm_json_doc_t   doc;

    list = ngx_litellm_json_member(ctx->call.top.root, "messages");

    if (ctx->call.body.len < NGX_HTTP_LITELLM_PREFIX
        || !ngx_litellm_json_is(list, ARRAY))
    {
        return NGX_DECLINED;
    }

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = ctx->call.pool;
    doc.keep = 3;

    switch (ngx_litellm_json_parse(&doc, list->start, list->len)) {

    case NGX_OK:
        break;

    case NGX_ERROR:
        return NGX_ERROR;

    default:
        return NGX_DECLINED;
    }

    message = doc.root + 1;

    for (i = 0; i < doc.root->count; i++) {

        role = ngx_litellm_json_member(message, "role");

        prefix->data = list->start;
        prefix->len = message->start + message->len - list->start;

        if (ngx_litellm_json_is(role, STRING)
            && ngx_litellm_json_eq(role, "user"))
        {
            break;
        }

        message = ngx_litellm_json_next(message);
    }

    return NGX_OK;
}
