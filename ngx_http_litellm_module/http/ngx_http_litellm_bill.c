
/*
 * The bill of a request: what its attempts took is added up here as each of
 * them ends, and given to the accounts when the last one has ended.  Called by
 * the handler, and by the request's cleanup for requests that ended otherwise,
 * so that nothing stays reserved.
 *
 * Budgets of deployments and providers are reserved for each attempt by
 * itself: an attempt that failed must not charge the deployment that failed
 * for what another one delivered.
 */

#include "ngx_http_litellm_bill.h"
#include "ngx_http_litellm_cost.h"


static ngx_uint_t ngx_http_litellm_bill_has_budget(
    ngx_litellm_deployment_t *d, ngx_litellm_named_budget_t **provider,
    ngx_litellm_config_t *config);
static void ngx_http_litellm_bill_add(ngx_litellm_cost_t *sum,
    ngx_litellm_cost_t *cost);
static ngx_int_t ngx_http_litellm_bill_claim_headers(ngx_http_request_t *r,
    ngx_pool_t *pool, ngx_http_litellm_claim_t *c);
static ngx_int_t ngx_http_litellm_bill_left_header(ngx_http_request_t *r,
    ngx_str_t *group, const char *unit, int64_t n);


#define ngx_http_litellm_bill_header(r, name, n)                              \
    ngx_http_litellm_add_number(r, name, sizeof(name) - 1, n)


/* true if it, or its provider, has a budget */

static ngx_uint_t
ngx_http_litellm_bill_has_budget(ngx_litellm_deployment_t *d,
    ngx_litellm_named_budget_t **provider, ngx_litellm_config_t *config)
{
    ngx_uint_t                   i;
    const ngx_str_t             *name;
    ngx_litellm_named_budget_t  *b;

    *provider = NULL;

    if (config->limiting.providers != NULL && d->provider != NULL) {

        name = &d->provider->name;
        b = config->limiting.providers->elts;

        for (i = 0; i < config->limiting.providers->nelts; i++) {
            if (b[i].name.len == name->len
                && ngx_memcmp(b[i].name.data, name->data, name->len) == 0)
            {
                *provider = &b[i];
                break;
            }
        }
    }

    return *provider != NULL || d->budget.max >= 0;
}


ngx_uint_t
ngx_http_litellm_bill_affordable(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_deployment_t *d)
{
    ngx_litellm_named_budget_t    *provider;
    ngx_http_litellm_account_t     account;
    ngx_http_litellm_main_conf_t  *mcf;

    if (!ngx_http_litellm_bill_has_budget(d, &provider, ctx->call.config)) {
        return 1;
    }

    mcf = ngx_http_get_module_main_conf(ctx->request, ngx_http_litellm_module);

    if (d->budget.max >= 0
        && ngx_http_litellm_ledger_read(mcf->zone,
                                        NGX_HTTP_LITELLM_OF_DEPLOYMENT,
                                        &d->id, &account)
           == NGX_OK
        && account.spend + account.reserved >= d->budget.max)
    {
        return 0;
    }

    if (provider != NULL
        && ngx_http_litellm_ledger_read(mcf->zone,
                                        NGX_HTTP_LITELLM_OF_PROVIDER,
                                        &provider->name, &account)
           == NGX_OK
        && account.spend + account.reserved >= provider->budget.max)
    {
        return 0;
    }

    return 1;
}


ngx_int_t
ngx_http_litellm_bill_take(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_deployment_t *d)
{
    int64_t                        prompt, completion;
    ngx_int_t                      rc;
    ngx_array_t                    one;
    ngx_http_litellm_claim_t      *c;
    ngx_litellm_named_budget_t    *provider;
    ngx_http_litellm_deposit_t    *deposit;
    ngx_http_litellm_main_conf_t  *mcf;

    if (!ngx_http_litellm_bill_has_budget(d, &provider, ctx->call.config)) {
        return NGX_OK;
    }

    /* two claims at most */

    deposit = ngx_pcalloc(ctx->pool,
                          offsetof(ngx_http_litellm_deposit_t, rv.claims)
                          + 2 * sizeof(ngx_http_litellm_claim_t));
    if (deposit == NULL) {
        return NGX_ERROR;
    }

    c = deposit->rv.claims;

    if (d->budget.max >= 0) {
        c->scope = NGX_HTTP_LITELLM_OF_DEPLOYMENT;
        c->name = d->id;
        c->budget = d->budget.max;
        c->period = d->budget.period;
        c++;
    }

    if (provider != NULL) {
        c->scope = NGX_HTTP_LITELLM_OF_PROVIDER;
        c->name = provider->name;
        c->budget = provider->budget.max;
        c->period = provider->budget.period;
        c++;
    }

    deposit->rv.n = c - deposit->rv.claims;

    while (c-- != deposit->rv.claims) {
        c->shown = c->name;
        c->rpm = -1;
        c->tpm = -1;
        c->parallel = -1;
    }

    ngx_http_litellm_admit_estimate(ctx, &prompt, &completion);

    one.elts = &d;
    one.nelts = 1;

    if (ngx_http_litellm_cost_bound(ctx, &one, prompt, completion,
                                    &deposit->rv.cost)
        == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    mcf = ngx_http_get_module_main_conf(ctx->request, ngx_http_litellm_module);

    rc = ngx_http_litellm_ledger_reserve(mcf->zone, &deposit->rv, 0);

    if (rc != NGX_OK) {
        return NGX_DECLINED;
    }

    deposit->deployment = d;
    ctx->deposit = deposit;

    return NGX_OK;
}


void
ngx_http_litellm_bill_attempt(ngx_http_litellm_attempt_t *a)
{
    int64_t                        tokens;
    ngx_litellm_cost_t            *cost;
    ngx_litellm_usage_t            usage;
    ngx_http_litellm_ctx_t        *ctx;
    ngx_http_litellm_spent_t      *spent;
    ngx_http_litellm_main_conf_t  *mcf;

    ctx = a->ctx;
    spent = &ctx->spent;
    cost = &a->cost;

    ngx_http_litellm_cost_charge(a, &usage);

    if (!a->priced) {
        spent->unpriced = 1;
    }

    spent->known |= usage.known;
    spent->estimated |= usage.estimated;

    spent->prompt += ngx_max(usage.prompt, 0);
    spent->completion += ngx_max(usage.completion, 0);
    spent->cached += ngx_max(usage.cached, 0);
    spent->reasoning += ngx_max(usage.reasoning, 0);

    if (cost->total) {
        ngx_http_litellm_bill_add(&spent->cost, cost);
    }

    if (a->deposit != NULL) {
        mcf = ngx_http_get_module_main_conf(ctx->request,
                                            ngx_http_litellm_module);

        tokens = ngx_max(usage.prompt, 0) + ngx_max(usage.completion, 0);

        ngx_http_litellm_ledger_settle(mcf->zone, &a->deposit->rv, tokens,
                                       cost->total, 1);
    }
}


static void
ngx_http_litellm_bill_add(ngx_litellm_cost_t *sum, ngx_litellm_cost_t *cost)
{
    sum->total = ngx_litellm_money_add(sum->total, cost->total);
    sum->input = ngx_litellm_money_add(sum->input, cost->input);
    sum->output = ngx_litellm_money_add(sum->output, cost->output);
    sum->cache_read = ngx_litellm_money_add(sum->cache_read,
                                            cost->cache_read);
    sum->cache_write = ngx_litellm_money_add(sum->cache_write,
                                             cost->cache_write);
    sum->reasoning = ngx_litellm_money_add(sum->reasoning, cost->reasoning);
    sum->tools = ngx_litellm_money_add(sum->tools, cost->tools);
    sum->original = ngx_litellm_money_add(sum->original, cost->original);
    sum->discount = ngx_litellm_money_add(sum->discount, cost->discount);
    sum->margin = ngx_litellm_money_add(sum->margin, cost->margin);
}


void
ngx_http_litellm_bill_settle(ngx_http_litellm_ctx_t *ctx)
{
    ngx_http_litellm_bill_t       *bill;
    ngx_http_litellm_main_conf_t  *mcf;

    if (ctx->deposit == NULL && (ctx->bill == NULL || ctx->bill->settled)) {
        return;
    }

    mcf = ngx_http_get_module_main_conf(ctx->request, ngx_http_litellm_module);

    if (ctx->deposit != NULL) {

        /* taken for an attempt that never was */

        ngx_http_litellm_ledger_settle(mcf->zone, &ctx->deposit->rv, 0, 0, 0);
        ctx->deposit = NULL;
    }

    bill = ctx->bill;

    if (bill == NULL || bill->settled) {
        return;
    }

    bill->settled = 1;

    ngx_http_litellm_ledger_settle(mcf->zone, &bill->rv,
                                   ctx->spent.prompt + ctx->spent.completion,
                                   ctx->spent.cost.total, !bill->asking);
}


/*
 * Of the key, in LiteLLM's names; of each account that has limits, what is
 * left of them.  A stream's come before its end, so its own cost is not in.
 */

ngx_int_t
ngx_http_litellm_bill_headers(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_uint_t                 i;
    ngx_http_litellm_bill_t   *bill;
    ngx_http_litellm_claim_t  *c;

    bill = ctx->bill;

    if (bill == NULL || bill->rv.refused != NULL) {
        return NGX_OK;
    }

    c = bill->key;

    if (c != NULL) {
        if ((c->rpm >= 0
             && ngx_http_litellm_bill_header(r, "x-litellm-key-rpm-limit",
                                             c->rpm)
                != NGX_OK)
            || (c->tpm >= 0
                && ngx_http_litellm_bill_header(r, "x-litellm-key-tpm-limit",
                                                c->tpm)
                   != NGX_OK)
            || (c->budget >= 0
                && ngx_http_litellm_add_money(r,
                                     "x-litellm-key-max-budget",
                                     sizeof("x-litellm-key-max-budget") - 1,
                                     c->budget)
                   != NGX_OK)
            || ngx_http_litellm_add_money(r, "x-litellm-key-spend",
                                           sizeof("x-litellm-key-spend") - 1,
                                           c->spend)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    c = bill->model;

    if (c != NULL
        && ((c->rpm >= 0
             && ngx_http_litellm_bill_left_header(r, &ctx->group, "requests",
                                                  c->requests_left)
                != NGX_OK)
            || (c->tpm >= 0
                && ngx_http_litellm_bill_left_header(r, &ctx->group, "tokens",
                                                     c->tokens_left)
                   != NGX_OK)))
    {
        return NGX_ERROR;
    }

    for (i = 0; i < bill->rv.n; i++) {
        if (ngx_http_litellm_bill_claim_headers(r, ctx->pool,
                                                &bill->rv.claims[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* x-ratelimit-api_key-remaining-requests ... */

static ngx_int_t
ngx_http_litellm_bill_claim_headers(ngx_http_request_t *r, ngx_pool_t *pool,
    ngx_http_litellm_claim_t *c)
{
    u_char      *p;
    int64_t      n[6];
    ngx_str_t    value, *keys;
    ngx_uint_t   i;

    n[0] = c->rpm;
    n[1] = c->requests_left;
    n[2] = c->tpm;
    n[3] = c->tokens_left;
    n[4] = c->parallel;
    n[5] = c->parallel_left;

    if (n[0] < 0 && n[2] < 0 && n[4] < 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(pool, 6 * NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    keys = ngx_http_litellm_scope_headers(c->scope);

    for (i = 0; i < 6; i++) {

        if (n[i & ~(ngx_uint_t) 1] < 0) {
            continue;
        }

        value.data = p;
        p = ngx_litellm_out_digits(p, ngx_max(n[i], 0));
        value.len = p - value.data;

        if (ngx_http_litellm_add_header(r, (char *) keys[i].data, keys[i].len,
                                        &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* x-litellm-key-remaining-requests-gpt-4o */

static ngx_int_t
ngx_http_litellm_bill_left_header(ngx_http_request_t *r, ngx_str_t *group,
    const char *unit, int64_t n)
{
    u_char     *p;
    ngx_str_t   key;
    ngx_uint_t  i;

    p = ngx_pnalloc(r->pool, sizeof("x-litellm-key-remaining--")
                             + ngx_strlen(unit) + group->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    key.data = p;

    p = ngx_sprintf(p, "x-litellm-key-remaining-%s-", unit);

    /* what can't be in a header's name is a dash */

    for (i = 0; i < group->len; i++) {
        *p++ = ((group->data[i] >= '0' && group->data[i] <= '9')
                || ((group->data[i] | 0x20) >= 'a'
                    && (group->data[i] | 0x20) <= 'z')
                || group->data[i] == '.' || group->data[i] == '_')
               ? group->data[i] : '-';
    }

    key.len = p - key.data;

    return ngx_http_litellm_add_number(r, (char *) key.data, key.len, n);
}
