
/*
 * /spend/..., /global/spend and /provider/budgets: what accounts have.  The
 * lists are of those who have spent most: a walk keeps the greatest in a heap
 * of a fixed size, and only those are looked up and shown.
 */

#include "ngx_http_litellm_admin.h"


#define NGX_HTTP_LITELLM_SPEND_TURN  50


typedef struct {
    int64_t                         spend;
    size_t                          len;
    u_char                          id[NGX_HTTP_LITELLM_STORE_ID];
} ngx_http_litellm_spender_t;


typedef struct {
    ngx_uint_t                      top;     /* LiteLLM's short form */
    ngx_uint_t                      max;
    ngx_uint_t                      n;
    ngx_uint_t                      next;
    ngx_uint_t                      shown;
    ngx_http_litellm_spender_t    **heap;    /* the least first; sorted at the
                                                end, the greatest first */
} ngx_http_litellm_spenders_t;


static ngx_int_t ngx_http_litellm_admin_spenders(ngx_http_litellm_admin_t *a,
    ngx_uint_t top, ngx_int_t limit);
static ngx_int_t ngx_http_litellm_admin_spender(ngx_http_litellm_admin_t *a,
    ngx_str_t *id, ngx_str_t *json);
static void ngx_http_litellm_admin_sink(ngx_http_litellm_spenders_t *s,
    ngx_uint_t i, ngx_uint_t n);
static ngx_int_t ngx_http_litellm_admin_spend_sort(
    ngx_http_litellm_admin_t *a);
static ngx_int_t ngx_http_litellm_admin_spend_show(
    ngx_http_litellm_admin_t *a);
static ngx_int_t ngx_http_litellm_admin_spend_short(
    ngx_http_litellm_admin_t *a, ngx_http_litellm_spender_t *spender,
    ngx_str_t *json);


/* /spend/keys, /spend/users: whole records */

ngx_int_t
ngx_http_litellm_admin_spend_list(ngx_http_litellm_admin_t *a)
{
    ngx_int_t  rc;
    ngx_str_t  id, json, none;

    rc = NGX_DECLINED;

    if (a->kind == NGX_LITELLM_USER) {
        rc = ngx_http_litellm_admin_text(a, "user_id", &id);
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc != NGX_OK) {
        return ngx_http_litellm_admin_spenders(a, 0,
                                               NGX_HTTP_LITELLM_ADMIN_LIST);
    }

    rc = ngx_http_litellm_admin_find(a, a->kind, &id, &json);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_str_null(&none);
    ngx_litellm_out_lit(&a->out, "[");

    rc = ngx_http_litellm_admin_show(a, a->kind, &id, &json, &none);

    ngx_litellm_out_lit(&a->out, "]");

    return rc;
}


/* /global/spend/keys */

ngx_int_t
ngx_http_litellm_admin_spend_top(ngx_http_litellm_admin_t *a)
{
    return ngx_http_litellm_admin_spenders(a, 1, 10);
}


static ngx_int_t
ngx_http_litellm_admin_spenders(ngx_http_litellm_admin_t *a, ngx_uint_t top,
    ngx_int_t limit)
{
    ngx_int_t                     rc;
    ngx_uint_t                    n;
    ngx_http_litellm_spenders_t  *s;

    rc = ngx_http_litellm_admin_number(a, "limit", 1,
                                       NGX_HTTP_LITELLM_ADMIN_LIST, limit,
                                       &limit);
    if (rc != NGX_OK) {
        return rc;
    }

    s = ngx_pcalloc(a->pool, sizeof(ngx_http_litellm_spenders_t));
    if (s == NULL) {
        return NGX_ERROR;
    }

    n = a->config->principals[a->kind].list.nelts
        + ngx_http_litellm_store_count(a->zone, a->kind);

    s->top = top;
    s->max = ngx_min((ngx_uint_t) limit, n);

    s->heap = ngx_palloc(a->pool,
                         ngx_max(s->max, 1)
                         * sizeof(ngx_http_litellm_spender_t *));
    if (s->heap == NULL) {
        return NGX_ERROR;
    }

    a->data = s;

    return ngx_http_litellm_admin_walk(a, a->kind,
                                       ngx_http_litellm_admin_spender,
                                       ngx_http_litellm_admin_spend_sort);
}


static ngx_int_t
ngx_http_litellm_admin_spender(ngx_http_litellm_admin_t *a, ngx_str_t *id,
    ngx_str_t *json)
{
    int64_t                       spend;
    ngx_uint_t                    i;
    ngx_http_litellm_account_t    account;
    ngx_http_litellm_spender_t   *p;
    ngx_http_litellm_spenders_t  *s;

    s = a->data;

    if (id->len > NGX_HTTP_LITELLM_STORE_ID) {
        return NGX_OK;
    }

    (void) ngx_http_litellm_ledger_read(a->zone,
                               ngx_http_litellm_records_kinds[a->kind].scope,
                               id, &account);

    spend = s->top ? account.total : account.spend;

    if (s->n < s->max) {
        p = ngx_palloc(a->pool, sizeof(ngx_http_litellm_spender_t));
        if (p == NULL) {
            return NGX_ERROR;
        }

        s->heap[s->n++] = p;

    } else if (s->max && spend > s->heap[0]->spend) {
        p = s->heap[0];

    } else {
        return NGX_OK;
    }

    p->spend = spend;
    p->len = id->len;
    ngx_memcpy(p->id, id->data, id->len);

    if (s->n < s->max) {
        return NGX_OK;
    }

    /* full for the first time, or the least one was replaced */

    if (p == s->heap[0] && s->n > 1) {
        ngx_http_litellm_admin_sink(s, 0, s->n);

    } else {
        for (i = s->n / 2; i-- > 0; /* void */) {
            ngx_http_litellm_admin_sink(s, i, s->n);
        }
    }

    return NGX_OK;
}


static void
ngx_http_litellm_admin_sink(ngx_http_litellm_spenders_t *s, ngx_uint_t i,
    ngx_uint_t n)
{
    ngx_uint_t                   child;
    ngx_http_litellm_spender_t  *p;

    p = s->heap[i];

    for ( ;; ) {
        child = 2 * i + 1;

        if (child >= n) {
            break;
        }

        if (child + 1 < n
            && s->heap[child + 1]->spend < s->heap[child]->spend)
        {
            child++;
        }

        if (p->spend <= s->heap[child]->spend) {
            break;
        }

        s->heap[i] = s->heap[child];
        i = child;
    }

    s->heap[i] = p;
}


static ngx_int_t
ngx_http_litellm_admin_spend_sort(ngx_http_litellm_admin_t *a)
{
    ngx_uint_t                    i;
    ngx_http_litellm_spender_t   *p;
    ngx_http_litellm_spenders_t  *s;

    s = a->data;

    for (i = s->n / 2; i-- > 0; /* void */) {
        ngx_http_litellm_admin_sink(s, i, s->n);
    }

    for (i = s->n; i-- > 1; /* void */) {
        p = s->heap[0];
        s->heap[0] = s->heap[i];
        s->heap[i] = p;

        ngx_http_litellm_admin_sink(s, 0, i);
    }

    ngx_litellm_out_lit(&a->out, "[");

    return ngx_http_litellm_admin_steps(a, ngx_http_litellm_admin_spend_show);
}


static ngx_int_t
ngx_http_litellm_admin_spend_show(ngx_http_litellm_admin_t *a)
{
    ngx_int_t                     rc;
    ngx_str_t                     id, json, none;
    ngx_uint_t                    i;
    ngx_http_litellm_spender_t   *p;
    ngx_http_litellm_spenders_t  *s;

    s = a->data;

    ngx_str_null(&none);

    for (i = 0; i < NGX_HTTP_LITELLM_SPEND_TURN; i++) {

        if (s->next == s->n) {
            ngx_litellm_out_lit(&a->out, "]");
            return NGX_DONE;
        }

        p = s->heap[s->next++];

        id.data = p->id;
        id.len = p->len;

        rc = ngx_http_litellm_admin_find(a, a->kind, &id, &json);

        if (rc == NGX_DECLINED) {

            /* deleted meanwhile */

            continue;
        }

        if (rc != NGX_OK) {
            return rc;
        }

        if (s->shown++) {
            ngx_litellm_out_lit(&a->out, ",");
        }

        rc = s->top ? ngx_http_litellm_admin_spend_short(a, p, &json)
                    : ngx_http_litellm_admin_show(a, a->kind, &id, &json,
                                                  &none);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_admin_spend_short(ngx_http_litellm_admin_t *a,
    ngx_http_litellm_spender_t *spender, ngx_str_t *json)
{
    ngx_str_t                token, why;
    ngx_pool_t              *pool;
    ngx_litellm_principal_t  p;

    pool = ngx_create_pool(4096, a->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    if (ngx_litellm_principal_read(pool, a->kind, json, &p, &why) != NGX_OK) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    token.data = spender->id;
    token.len = spender->len;

    ngx_litellm_out_lit(&a->out, "{\"api_key\":");
    ngx_litellm_out_json(&a->out, &token);
    ngx_litellm_out_lit(&a->out, ",\"key_alias\":");

    if (p.alias.len) {
        ngx_litellm_out_json(&a->out, &p.alias);

    } else {
        ngx_litellm_out_lit(&a->out, "null");
    }

    ngx_litellm_out_lit(&a->out, ",\"key_name\":");

    if (p.name.len) {
        ngx_litellm_out_json(&a->out, &p.name);

    } else {
        ngx_litellm_out_lit(&a->out, "null");
    }

    ngx_litellm_out_lit(&a->out, ",\"total_spend\":");
    ngx_http_litellm_admin_money(&a->out, spender->spend);
    ngx_litellm_out_lit(&a->out, "}");

    ngx_destroy_pool(pool);

    return NGX_OK;
}


/* the account of all requests of this configuration */

ngx_int_t
ngx_http_litellm_admin_spend_global(ngx_http_litellm_admin_t *a)
{
    ngx_http_litellm_account_t  account;

    (void) ngx_http_litellm_ledger_read(a->zone, NGX_HTTP_LITELLM_GATEWAY,
                                        &a->config->file, &account);

    ngx_litellm_out_lit(&a->out, "{\"spend\":");
    ngx_http_litellm_admin_money(&a->out, account.spend);
    ngx_litellm_out_lit(&a->out, ",\"total_spend\":");
    ngx_http_litellm_admin_money(&a->out, account.total);
    ngx_litellm_out_lit(&a->out, ",\"max_budget\":");

    if (a->config->gateway.budget.max >= 0) {
        ngx_http_litellm_admin_money(&a->out, a->config->gateway.budget.max);

    } else {
        ngx_litellm_out_lit(&a->out, "null");
    }

    ngx_litellm_out_lit(&a->out, "}");

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_admin_spend_calculate(ngx_http_litellm_admin_t *a)
{
    ngx_int_t           rc;
    ngx_litellm_cost_t  cost;

    rc = ngx_litellm_price_calculate(a->pool, a->config, &a->text, ngx_time(),
                                     &cost, &a->ctx->error);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_out_lit(&a->out, "{\"cost\":");
    ngx_http_litellm_admin_money(&a->out, cost.total);
    ngx_litellm_out_lit(&a->out, "}");

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_admin_spend_providers(ngx_http_litellm_admin_t *a)
{
    u_char                       date[NGX_LITELLM_DATE_LEN];
    ngx_uint_t                   i;
    ngx_array_t                 *list;
    ngx_litellm_out_t           *out;
    ngx_litellm_named_budget_t  *b;
    ngx_http_litellm_account_t   account;

    list = a->config->limiting.providers;
    out = &a->out;

    ngx_litellm_out_lit(out, "{\"providers\":{");

    for (i = 0; list != NULL && i < list->nelts; i++) {

        b = (ngx_litellm_named_budget_t *) list->elts + i;

        (void) ngx_http_litellm_ledger_read(a->zone,
                                            NGX_HTTP_LITELLM_OF_PROVIDER,
                                            &b->name, &account);
        if (i) {
            ngx_litellm_out_lit(out, ",");
        }

        ngx_litellm_out_json(out, &b->name);
        ngx_litellm_out_lit(out, ":{\"budget_limit\":");
        ngx_http_litellm_admin_money(out, b->budget.max);
        ngx_litellm_out_lit(out, ",\"time_period\":");
        ngx_litellm_out_json(out, &b->budget.duration);
        ngx_litellm_out_lit(out, ",\"spend\":");
        ngx_http_litellm_admin_money(out, account.spend);
        ngx_litellm_out_lit(out, ",\"budget_reset_at\":");

        if (account.period_ends) {
            ngx_litellm_out_lit(out, "\"");
            ngx_litellm_out_copy(out, date,
                             ngx_litellm_date_print(date, account.period_ends)
                             - date);
            ngx_litellm_out_lit(out, "\"}");

        } else {
            ngx_litellm_out_lit(out, "null}");
        }
    }

    ngx_litellm_out_lit(out, "}}");

    return NGX_OK;
}
