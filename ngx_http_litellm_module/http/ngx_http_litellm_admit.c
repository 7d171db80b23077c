
/*
 * The step that lets a request in or refuses it, when its group is known: who
 * asks, what of their limits and budgets it may take, and what there is to take
 * it from.  Everything is reserved at once or not at all.
 *
 * Tokens of the prompt are estimated (ctx->tokens); those of the answer are
 * bounded by max_tokens, or else by what the operator expects
 * (default_estimated_output_tokens), or LiteLLM's guess.  The cost is what so
 * many tokens cost at the dearest deployment of the group, at the service tier
 * that is asked for.
 */

#include "ngx_http_litellm_bill.h"
#include "ngx_http_litellm_cost.h"
#include "ngx_http_litellm_pick.h"
#include "ngx_http_litellm_redis.h"


/* what an answer without a bound is taken to need, as LiteLLM guesses */
#define NGX_HTTP_LITELLM_OUTPUT       1024

#define NGX_HTTP_LITELLM_OUTPUT_MAX   100000000


static ngx_http_litellm_bill_t *ngx_http_litellm_admit_bill(
    ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx);
static ngx_int_t ngx_http_litellm_admit_shared(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_bill_t *bill);
static ngx_int_t ngx_http_litellm_admit_claims(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_bill_t *bill);
static ngx_http_litellm_claim_t *ngx_http_litellm_admit_claim(
    ngx_http_litellm_bill_t *bill, ngx_http_litellm_scope_e scope,
    ngx_str_t *name, ngx_str_t *shown, ngx_litellm_limits_t *limits);
static ngx_int_t ngx_http_litellm_admit_periods(ngx_http_request_t *r,
    ngx_http_litellm_bill_t *bill, ngx_http_litellm_claim_t *of,
    ngx_litellm_limits_t *limits);
static ngx_int_t ngx_http_litellm_admit_model(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_bill_t *bill,
    ngx_litellm_principal_t *p, ngx_http_litellm_scope_e scope,
    ngx_http_litellm_claim_t **claim);
static ngx_int_t ngx_http_litellm_admit_member(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_bill_t *bill);
static ngx_int_t ngx_http_litellm_admit_named(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_bill_t *bill);
static int64_t ngx_http_litellm_admit_output(ngx_http_litellm_ctx_t *ctx);
static int64_t ngx_http_litellm_admit_guess(ngx_http_litellm_bill_t *bill);
static ngx_int_t ngx_http_litellm_admit_prices(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_bill_t *bill,
    int64_t prompt, int64_t completion);
static ngx_int_t ngx_http_litellm_admit_refuse(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_bill_t *bill);
static ngx_int_t ngx_http_litellm_admit_over_limit(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_reservation_t *rv);
static ngx_int_t ngx_http_litellm_admit_over_budget(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_reservation_t *rv);
static u_char *ngx_http_litellm_admit_when(u_char *p, int64_t after);


ngx_int_t
ngx_http_litellm_admit(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    int64_t                        prompt, output;
    ngx_int_t                      rc;
    ngx_http_litellm_bill_t       *bill;
    ngx_http_litellm_loc_conf_t   *lcf;
    ngx_http_litellm_main_conf_t  *mcf;

    if (!ctx->call.config->counted && ctx->who.key == NULL) {
        return NGX_OK;
    }

    if (ctx->bill != NULL) {

        /* Redis was asked */

        return ngx_http_litellm_admit_shared(r, ctx, ctx->bill);
    }

    bill = ngx_http_litellm_admit_bill(r, ctx);
    if (bill == NULL) {
        return NGX_ERROR;
    }

    prompt = ngx_max((int64_t) ctx->tokens, 1);
    output = ngx_http_litellm_admit_output(ctx);

    bill->rv.tokens = prompt;

    if (output >= 0) {
        bill->rv.tokens += output;

    } else {
        bill->rv.tokens += ngx_max(prompt, ngx_http_litellm_admit_guess(bill));
        output = ngx_max(prompt, NGX_HTTP_LITELLM_OUTPUT);
    }

    rc = ngx_http_litellm_admit_prices(r, ctx, bill, prompt, output);

    if (rc != NGX_OK) {
        return rc;
    }

    if (bill->rv.n == 0) {
        return NGX_OK;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);
    mcf = ngx_http_get_module_main_conf(r, ngx_http_litellm_module);

    rc = ngx_http_litellm_ledger_reserve(mcf->zone, &bill->rv,
                                         lcf->limit_dry_run);

    if (rc == NGX_BUSY) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "litellm: the zone has no room for the accounts of a "
                      "request; make \"litellm_zone\" larger");

        return ngx_http_litellm_refuse(&ctx->error,
                              NGX_LITELLM_SERVICE_UNAVAILABLE, 503, NULL,
                              "Rate limit enforcement unavailable: the "
                              "gateway has no memory left to count in");
    }

    if (rc == NGX_DECLINED) {
        ctx->decided = NGX_HTTP_LITELLM_DECIDED_LOCAL;
        return ngx_http_litellm_admit_refuse(r, ctx, bill);
    }

    ctx->bill = bill;

    if (bill->rv.refused != NULL) {

        /* a dry run */

        rc = ngx_http_litellm_admit_refuse(r, ctx, bill);

        if (rc != NGX_DECLINED) {
            return rc;
        }

        ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                      "litellm: dry run, would be refused with %ui: %V",
                      ctx->error.status, &ctx->error.message);

        ngx_memzero(&ctx->error, sizeof(ngx_litellm_error_t));
        bill->rv.refused = NULL;

        return NGX_OK;
    }

    return lcf->limit_dry_run ? NGX_OK
                              : ngx_http_litellm_admit_shared(r, ctx, bill);
}


/*
 * Most requests have a few accounts, all could have 24: they are written down
 * in memory that each request uses, and what there is of them is copied.
 */

static ngx_http_litellm_bill_t *
ngx_http_litellm_admit_bill(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    size_t                          size;
    ngx_http_litellm_bill_t        *bill;

    static ngx_http_litellm_bill_t  all;

    ngx_memzero(&all, offsetof(ngx_http_litellm_bill_t, rv.claims));

    if (ngx_http_litellm_admit_claims(r, ctx, &all) != NGX_OK) {
        return NULL;
    }

    size = offsetof(ngx_http_litellm_bill_t, rv.claims)
           + all.rv.n * sizeof(ngx_http_litellm_claim_t);

    bill = ngx_palloc(ctx->pool, size);
    if (bill == NULL) {
        return NULL;
    }

    ngx_memcpy(bill, &all, size);

    if (all.key != NULL) {
        bill->key = &bill->rv.claims[all.key - all.rv.claims];
    }

    if (all.model != NULL) {
        bill->model = &bill->rv.claims[all.model - all.rv.claims];
    }

    return bill;
}


/* what is reserved here is asked for where all gateways count */

static ngx_int_t
ngx_http_litellm_admit_shared(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_bill_t *bill)
{
    ngx_int_t  rc;

    rc = ngx_http_litellm_redis_admit(r, ctx, bill);

    if (rc != NGX_BUSY && rc != NGX_DECLINED) {
        return rc;
    }

    ctx->bill = NULL;

    if (rc == NGX_BUSY) {
        return ngx_http_litellm_refuse(&ctx->error,
                              NGX_LITELLM_SERVICE_UNAVAILABLE, 503, NULL,
                              "Rate limit enforcement unavailable: the Redis "
                              "that limits are shared through does not "
                              "answer");
    }

    return ngx_http_litellm_admit_refuse(r, ctx, bill);
}


/* the accounts of everybody who is asked for something */

static ngx_int_t
ngx_http_litellm_admit_claims(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_bill_t *bill)
{
    ngx_litellm_config_t      *config;
    ngx_http_litellm_who_t    *who;
    ngx_http_litellm_claim_t  *c, *model;

    static ngx_str_t  gateway = ngx_string("gateway");

    config = ctx->call.config;
    who = &ctx->who;

    c = ngx_http_litellm_admit_claim(bill, NGX_HTTP_LITELLM_GATEWAY,
                                     &config->file, &gateway,
                                     &config->gateway);

    if (ngx_http_litellm_admit_periods(r, bill, c, &config->gateway)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    model = NULL;

    if (who->key != NULL) {
        c = ngx_http_litellm_admit_claim(bill, NGX_HTTP_LITELLM_OF_KEY,
                                         &who->key->id, &who->key->id,
                                         &who->key->limits);
        bill->key = c;

        if (ngx_http_litellm_admit_periods(r, bill, c, &who->key->limits)
            != NGX_OK
            || ngx_http_litellm_admit_model(r, ctx, bill, who->key,
                                            NGX_HTTP_LITELLM_OF_KEY_MODEL,
                                            &bill->model)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        model = bill->model;
    }

    if (who->team != NULL) {
        c = ngx_http_litellm_admit_claim(bill, NGX_HTTP_LITELLM_OF_TEAM,
                                         &who->team->id, &who->team->id,
                                         &who->team->limits);

        if (ngx_http_litellm_admit_periods(r, bill, c, &who->team->limits)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (who->team->members != NULL && who->user_id.len
            && ngx_http_litellm_admit_member(r, ctx, bill) != NGX_OK)
        {
            return NGX_ERROR;
        }

        /* the team's limits of a group apply where the key has none */

        if (model == NULL
            && ngx_http_litellm_admit_model(r, ctx, bill, who->team,
                                            NGX_HTTP_LITELLM_OF_TEAM_MODEL,
                                            &model)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (who->user != NULL) {
        c = ngx_http_litellm_admit_claim(bill, NGX_HTTP_LITELLM_OF_USER,
                                         &who->user->id, &who->user->id,
                                         &who->user->limits);

        if (who->team != NULL && !config->limiting.user_of_team_keys) {
            c->budget = -1;

        } else if (ngx_http_litellm_admit_periods(r, bill, c,
                                                  &who->user->limits)
                   != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (ngx_http_litellm_admit_model(r, ctx, bill, who->user,
                                         NGX_HTTP_LITELLM_OF_USER_MODEL,
                                         &model)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (who->end_user != NULL) {
        c = ngx_http_litellm_admit_claim(bill, NGX_HTTP_LITELLM_OF_END_USER,
                                         &who->end_user_id,
                                         &who->end_user_id,
                                         &who->end_user->limits);

        if (ngx_http_litellm_admit_periods(r, bill, c,
                                           &who->end_user->limits)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_http_litellm_admit_named(r, ctx, bill);
}


static ngx_http_litellm_claim_t *
ngx_http_litellm_admit_claim(ngx_http_litellm_bill_t *bill,
    ngx_http_litellm_scope_e scope, ngx_str_t *name, ngx_str_t *shown,
    ngx_litellm_limits_t *limits)
{
    ngx_http_litellm_claim_t  *c;

    /* the last place is given again: there are never so many */

    c = &bill->rv.claims[ngx_min(bill->rv.n, NGX_HTTP_LITELLM_CLAIMS - 1)];

    ngx_memzero(c, sizeof(ngx_http_litellm_claim_t));

    c->scope = scope;
    c->name = *name;
    c->shown = *shown;
    c->rpm = -1;
    c->tpm = -1;
    c->parallel = -1;
    c->budget = -1;

    if (limits != NULL) {
        c->rpm = limits->rpm;
        c->tpm = limits->tpm;
        c->parallel = limits->parallel;
        c->budget = limits->budget.max;
        c->period = limits->budget.period;
    }

    bill->rv.n = (c - bill->rv.claims) + 1;

    return c;
}


/* budget_limits: each window is an account of its own */

static ngx_int_t
ngx_http_litellm_admit_periods(ngx_http_request_t *r,
    ngx_http_litellm_bill_t *bill, ngx_http_litellm_claim_t *of,
    ngx_litellm_limits_t *limits)
{
    u_char                    *p;
    ngx_str_t                  name, shown, *scope;
    ngx_uint_t                 i;
    const char                *whose;
    ngx_litellm_budget_t      *b;
    ngx_http_litellm_claim_t  *c;

    if (limits->budgets == NULL) {
        return NGX_OK;
    }

    b = limits->budgets->elts;
    scope = ngx_http_litellm_scope_name(of->scope);

    switch (of->scope) {

    case NGX_HTTP_LITELLM_GATEWAY:
        whose = "Proxy";
        break;

    case NGX_HTTP_LITELLM_OF_TEAM:
        whose = "Team";
        break;

    case NGX_HTTP_LITELLM_OF_USER:
        whose = "User";
        break;

    case NGX_HTTP_LITELLM_OF_END_USER:
        whose = "End User";
        break;

    default: /* NGX_HTTP_LITELLM_OF_KEY */
        whose = "Key";
    }

    for (i = 0; i < limits->budgets->nelts; i++) {

        if (bill->rv.n == NGX_HTTP_LITELLM_CLAIMS) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "litellm: more than %d limits for one request, "
                          "\"%V\" of %V \"%V\" is not looked at",
                          NGX_HTTP_LITELLM_CLAIMS, &b[i].duration, scope,
                          &of->shown);
            return NGX_OK;
        }

        p = ngx_pnalloc(r->pool, scope->len + of->name.len
                                 + b[i].duration.len + 2);
        if (p == NULL) {
            return NGX_ERROR;
        }

        name.data = p;
        name.len = ngx_sprintf(p, "%V:%V:%V", scope, &of->name,
                               &b[i].duration)
                   - p;

        p = ngx_pnalloc(r->pool, sizeof("End User over ") - 1
                                 + b[i].duration.len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        shown.data = p;
        shown.len = ngx_sprintf(p, "%s over %V", whose, &b[i].duration) - p;

        c = ngx_http_litellm_admit_claim(bill, NGX_HTTP_LITELLM_OF_PERIOD,
                                         &name, &shown, NULL);
        c->budget = b[i].max;
        c->period = b[i].period;
    }

    return NGX_OK;
}


/* its own limits of this group: *claim is that account, or left alone */

static ngx_int_t
ngx_http_litellm_admit_model(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_bill_t *bill,
    ngx_litellm_principal_t *p, ngx_http_litellm_scope_e scope,
    ngx_http_litellm_claim_t **claim)
{
    u_char                     *name;
    ngx_str_t                   full, shown;
    ngx_litellm_model_limit_t  *m;

    m = ngx_litellm_principal_model(p, &ctx->call.model, &ctx->group);

    if (m == NULL) {
        return NGX_OK;
    }

    name = ngx_pnalloc(r->pool, p->id.len + 1 + m->model.len);
    if (name == NULL) {
        return NGX_ERROR;
    }

    full.data = name;
    full.len = ngx_sprintf(name, "%V:%V", &p->id, &m->model) - name;
    shown = full;

    *claim = ngx_http_litellm_admit_claim(bill, scope, &full, &shown, NULL);

    (*claim)->rpm = m->rpm;
    (*claim)->tpm = m->tpm;
    (*claim)->budget = m->budget.max;
    (*claim)->period = m->budget.period;

    return NGX_OK;
}


/* what a team gives each of its users */

static ngx_int_t
ngx_http_litellm_admit_member(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_bill_t *bill)
{
    ngx_str_t                name;
    ngx_http_litellm_who_t  *who;

    who = &ctx->who;

    name.data = ngx_pnalloc(r->pool, who->team->id.len + 1
                                     + who->user_id.len);
    if (name.data == NULL) {
        return NGX_ERROR;
    }

    name.len = ngx_sprintf(name.data, "%V:%V", &who->team->id, &who->user_id)
               - name.data;

    (void) ngx_http_litellm_admit_claim(bill, NGX_HTTP_LITELLM_OF_MEMBER,
                                        &name, &name, who->team->members);
    return NGX_OK;
}


/* budgets of the group and of the request's tags */

static ngx_int_t
ngx_http_litellm_admit_named(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_bill_t *bill)
{
    ngx_uint_t                   i, j;
    ngx_litellm_limiting_t      *l;
    ngx_http_litellm_tag_t      *tag;
    ngx_http_litellm_claim_t    *c;
    ngx_litellm_named_budget_t  *b;

    l = &ctx->call.config->limiting;

    if (l->models != NULL) {
        b = l->models->elts;

        for (i = 0; i < l->models->nelts; i++) {

            if (b[i].name.len != ctx->group.len
                || ngx_memcmp(b[i].name.data, ctx->group.data, ctx->group.len)
                   != 0)
            {
                continue;
            }

            c = ngx_http_litellm_admit_claim(bill, NGX_HTTP_LITELLM_OF_MODEL,
                                             &b[i].name, &b[i].name, NULL);
            c->budget = b[i].budget.max;
            c->period = b[i].budget.period;
        }
    }

    if (l->tags == NULL || ctx->tags == NULL) {
        return NGX_OK;
    }

    b = l->tags->elts;
    tag = ctx->tags->elts;

    for (i = 0; i < l->tags->nelts; i++) {

        for (j = 0; j < ctx->tags->nelts; j++) {

            if (b[i].name.len != tag[j].name.len
                || ngx_memcmp(b[i].name.data, tag[j].name.data,
                              b[i].name.len)
                   != 0)
            {
                continue;
            }

            if (bill->rv.n == NGX_HTTP_LITELLM_CLAIMS) {
                ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                              "litellm: more than %d limits for one request, "
                              "the budget of tag \"%V\" is not looked at",
                              NGX_HTTP_LITELLM_CLAIMS, &b[i].name);
                return NGX_OK;
            }

            c = ngx_http_litellm_admit_claim(bill, NGX_HTTP_LITELLM_OF_TAG,
                                             &b[i].name, &b[i].name, NULL);
            c->budget = b[i].budget.max;
            c->period = b[i].budget.period;

            break;
        }
    }

    return NGX_OK;
}


void
ngx_http_litellm_admit_estimate(ngx_http_litellm_ctx_t *ctx,
    int64_t *prompt, int64_t *completion)
{
    *prompt = ngx_max((int64_t) ctx->tokens, 1);
    *completion = ngx_http_litellm_admit_output(ctx);

    if (*completion < 0) {
        *completion = ngx_max(*prompt, NGX_HTTP_LITELLM_OUTPUT);
    }
}


/* under a small limit an answer is taken to be small, as LiteLLM takes it */

static int64_t
ngx_http_litellm_admit_guess(ngx_http_litellm_bill_t *bill)
{
    int64_t     guess;
    ngx_uint_t  i;

    guess = NGX_HTTP_LITELLM_OUTPUT;

    for (i = 0; i < bill->rv.n; i++) {
        if (bill->rv.claims[i].tpm >= 0) {
            guess = ngx_min(guess, bill->rv.claims[i].tpm / 4);
        }
    }

    return guess;
}


/* tokens of the answer; -1: nobody says how many */

static int64_t
ngx_http_litellm_admit_output(ngx_http_litellm_ctx_t *ctx)
{
    int64_t                     n, max;
    ngx_uint_t                  i;
    ngx_litellm_json_t         *v;
    ngx_litellm_config_t       *config;
    ngx_litellm_deployment_t  **d;

    if (ctx->call.op == NGX_LITELLM_OP_EMBEDDINGS
        || ctx->call.op == NGX_LITELLM_OP_RERANK)
    {
        return 0;
    }

    v = ctx->call.param[NGX_LITELLM_P_MAX_COMPLETION_TOKENS];

    if (v == NULL) {
        v = ctx->call.param[NGX_LITELLM_P_MAX_TOKENS];
    }

    if (v != NULL && ngx_litellm_json_int(v, &max) == NGX_OK && max > 0) {
        max = ngx_min(max, NGX_HTTP_LITELLM_OUTPUT_MAX);

        v = ctx->call.param[NGX_LITELLM_P_N];

        if (v != NULL && ngx_litellm_json_int(v, &n) == NGX_OK && n > 1) {
            max *= ngx_min(n, NGX_LITELLM_CHOICES);
        }

        return max;
    }

    config = ctx->call.config;

    if (config->limiting.worst_case && ctx->candidates != NULL) {

        max = 0;
        d = ctx->candidates->elts;

        for (i = 0; i < ctx->candidates->nelts; i++) {
            if (d[i]->info != NULL) {
                max = ngx_max(max, (int64_t) d[i]->info->max_output);
            }
        }

        if (max != 0) {
            return max;
        }
    }

    return (config->limiting.output >= 0) ? config->limiting.output : -1;
}


/* what it may cost: only asked for where a budget is kept */

static ngx_int_t
ngx_http_litellm_admit_prices(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_bill_t *bill,
    int64_t prompt, int64_t completion)
{
    int64_t                  bound;
    ngx_int_t                rc;
    ngx_uint_t               i, budgets;
    ngx_litellm_limiting_t  *l;

    l = &ctx->call.config->limiting;
    budgets = 0;

    for (i = 0; i < bill->rv.n; i++) {
        budgets |= (bill->rv.claims[i].budget >= 0);
    }

    if ((!budgets && !l->block_unpriced) || ctx->candidates == NULL) {
        return NGX_OK;
    }

    rc = ngx_http_litellm_cost_bound(ctx, ctx->candidates, prompt, completion,
                                     &bound);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED && l->block_unpriced) {
        return ngx_http_litellm_refuse(&ctx->error,
                              NGX_LITELLM_PERMISSION_DENIED, 403,
                              "model_cost_map_missing",
                              "The requested model has no price, and models "
                              "without a price are not served here "
                              "(block_requests_for_models_without_pricing)");
    }

    if (rc == NGX_OK && bound == 0) {

        /* it is free: budgets that are used up do not matter */

        for (i = 0; i < bill->rv.n; i++) {
            bill->rv.claims[i].budget = -1;
        }

        return NGX_OK;
    }

    bill->rv.cost = l->reserve_budgets ? bound : 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_admit_refuse(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_bill_t *bill)
{
    if (bill->rv.limit == NGX_HTTP_LITELLM_BUDGET) {
        return ngx_http_litellm_admit_over_budget(r, ctx, &bill->rv);
    }

    return ngx_http_litellm_admit_over_limit(r, ctx, &bill->rv);
}


/* LiteLLM's text and headers, with the window's true end */

static ngx_int_t
ngx_http_litellm_admit_over_limit(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_reservation_t *rv)
{
    u_char     *p;
    ngx_str_t   value, unit, *scope;

    switch (rv->limit) {

    case NGX_HTTP_LITELLM_TOKENS:
        ngx_str_set(&unit, "tokens");
        break;

    case NGX_HTTP_LITELLM_PARALLEL:
        ngx_str_set(&unit, "max_parallel_requests");
        break;

    default: /* NGX_HTTP_LITELLM_REQUESTS */
        ngx_str_set(&unit, "requests");
    }

    (void) ngx_http_litellm_refuse(&ctx->error, NGX_LITELLM_RATE_LIMIT, 429,
                                   "throttling_error", "");

    scope = ngx_http_litellm_scope_name(rv->refused->scope);

    p = ngx_pnalloc(r->pool, 256 + scope->len + rv->refused->shown.len
                             + 2 * NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->error.message.data = p;

    p = ngx_sprintf(p, "Rate limit exceeded for %V: %V. Limit type: %V. "
                    "Current limit: %L, Remaining: %L. Limit resets at: ",
                    scope, &rv->refused->shown, &unit, rv->max,
                    ngx_max(rv->max - rv->current, 0));

    value.data = p;
    p = ngx_http_litellm_admit_when(p, rv->resets);
    value.len = p - value.data;

    ctx->error.message.len = p - ctx->error.message.data;
    ctx->error.retry_after = (ngx_msec_t) ngx_max(rv->resets, 1);

    if (ngx_http_litellm_add_header(r, "rate_limit_type",
                                    sizeof("rate_limit_type") - 1, &unit)
        != NGX_OK
        || ngx_http_litellm_add_header(r, "reset_at", sizeof("reset_at") - 1,
                                       &value)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_litellm_admit_over_budget(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_reservation_t *rv)
{
    u_char                    *p, *last;
    size_t                     len;
    ngx_str_t                  current, max;
    ngx_http_litellm_who_t    *who;
    ngx_http_litellm_claim_t  *c;
    u_char                     text[2 * NGX_LITELLM_MONEY_LEN];

    c = rv->refused;
    who = &ctx->who;

    current.data = text;
    p = ngx_litellm_money_print(text, ngx_max(rv->current, 0));
    current.len = p - text;

    max.data = p;
    max.len = ngx_litellm_money_print(p, rv->max) - p;

    (void) ngx_http_litellm_refuse(&ctx->error, NGX_LITELLM_BAD_REQUEST,
                                   ctx->call.config->limiting.budget_status,
                                   "budget_exceeded", "");

    len = 256 + sizeof(text) + c->shown.len;

    if (who->key != NULL) {
        len += who->key->alias.len + who->key->name.len;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    last = p + len;
    ctx->error.message.data = p;

    switch (c->scope) {

    case NGX_HTTP_LITELLM_OF_KEY:
        p = ngx_slprintf(p, last, "Budget has been exceeded! Key=%V (%V) "
                         "Current cost: %V, Max budget: %V",
                         &who->key->alias, &who->key->name, &current, &max);
        break;

    case NGX_HTTP_LITELLM_OF_USER:
        p = ngx_slprintf(p, last, "ExceededBudget: User=%V over budget. "
                         "Spend=%V, Budget=%V", &c->shown, &current, &max);
        break;

    case NGX_HTTP_LITELLM_OF_END_USER:
        p = ngx_slprintf(p, last, "ExceededBudget: End User=%V over budget. "
                         "Spend=%V, Budget=%V", &c->shown, &current, &max);
        break;

    case NGX_HTTP_LITELLM_OF_PERIOD:
        p = ngx_slprintf(p, last, "ExceededBudget: %V budget. "
                         "Spend=%V, Budget=%V", &c->shown, &current, &max);
        break;

    case NGX_HTTP_LITELLM_OF_TEAM:
        p = ngx_slprintf(p, last, "Budget has been exceeded! Team=%V "
                         "Current cost: %V, Max budget: %V",
                         &c->shown, &current, &max);
        break;

    case NGX_HTTP_LITELLM_OF_MEMBER:
        p = ngx_slprintf(p, last, "Budget has been exceeded! TeamMember=%V "
                         "Current cost: %V, Max budget: %V",
                         &c->shown, &current, &max);
        break;

    case NGX_HTTP_LITELLM_OF_TAG:
        p = ngx_slprintf(p, last, "Budget has been exceeded! Tag=%V "
                         "Current cost: %V, Max budget: %V",
                         &c->shown, &current, &max);
        break;

    case NGX_HTTP_LITELLM_GATEWAY:
        p = ngx_slprintf(p, last, "Budget has been exceeded! Proxy "
                         "Current cost: %V, Max budget: %V",
                         &current, &max);
        break;

    default:
        p = ngx_slprintf(p, last, "Budget has been exceeded! Model=%V "
                         "Current cost: %V, Max budget: %V",
                         &c->shown, &current, &max);
    }

    ctx->error.message.len = p - ctx->error.message.data;

    return NGX_DECLINED;
}


/* "2026-11-23 06:30:00 UTC", so many ms from now */

static u_char *
ngx_http_litellm_admit_when(u_char *p, int64_t after)
{
    ngx_tm_t  tm;

    ngx_gmtime(ngx_time() + (time_t) ((after + 999) / 1000), &tm);

    return ngx_sprintf(p, "%4d-%02d-%02d %02d:%02d:%02d UTC", tm.ngx_tm_year,
                       tm.ngx_tm_mon, tm.ngx_tm_mday, tm.ngx_tm_hour,
                       tm.ngx_tm_min, tm.ngx_tm_sec);
}
