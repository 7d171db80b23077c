
/*
 * What is left of limits and budgets, looked up when somebody asks: of those
 * who have asked for something since the zone was made, of providers, and what
 * all accounts together have reserved.  Limits are of rows that requests keep
 * up to date, what was used of them is the ledger's.
 */

#include "ngx_http_litellm_metrics_text.h"
#include "ngx_http_litellm_zone.h"


/* accounts that are copied under one hold of the lock */
#define NGX_HTTP_LITELLM_METRICS_ITEMS  32

/* limits are looked up in the ledger one by one */
#define NGX_HTTP_LITELLM_METRICS_DEAR   4


typedef enum {
    NGX_HTTP_LITELLM_B_LEFT = 0,
    NGX_HTTP_LITELLM_B_MAX,
    NGX_HTTP_LITELLM_B_HOURS,
    NGX_HTTP_LITELLM_B_ALLOWED,
    NGX_HTTP_LITELLM_B_USED,
    NGX_HTTP_LITELLM_B_REQUESTS,
    NGX_HTTP_LITELLM_B_TOKENS
} ngx_http_litellm_gauge_limit_e;

typedef enum {
    NGX_HTTP_LITELLM_A_ACCOUNTS = 0,
    NGX_HTTP_LITELLM_A_RESERVED,
    NGX_HTTP_LITELLM_A_INFLIGHT
} ngx_http_litellm_gauge_account_e;


static ngx_int_t ngx_http_litellm_gauge_limit(ngx_http_litellm_page_t *p);
static void ngx_http_litellm_gauge_budget(ngx_http_litellm_page_t *p,
    ngx_http_litellm_row_limit_t *l, ngx_http_litellm_account_t *account,
    ngx_str_t *labels);
static void ngx_http_litellm_gauge_rate(ngx_http_litellm_page_t *p,
    const char *type, ngx_str_t *labels, int64_t allowed, int64_t used);
static ngx_int_t ngx_http_litellm_gauge_provider(ngx_http_litellm_page_t *p);
static ngx_int_t ngx_http_litellm_gauge_accounts(ngx_http_litellm_page_t *p);


#define ngx_http_litellm_g_limit(name, help, scope, id)                       \
    { ngx_string(name), help, NGX_HTTP_LITELLM_GAUGE,                         \
      ngx_http_litellm_gauge_limit, NGX_HTTP_LITELLM_UNIT,                    \
      NGX_HTTP_LITELLM_##scope, NGX_HTTP_LITELLM_B_##id,                      \
      (NGX_HTTP_LITELLM_B_##id == NGX_HTTP_LITELLM_B_HOURS)                   \
      ? NGX_HTTP_LITELLM_LARGEST : 0 }

#define ngx_http_litellm_g_budget(who, what, scope)                           \
    ngx_http_litellm_g_limit("litellm_remaining_" who "_budget_metric",       \
        "What is left of the budget of " what ", in dollars.", scope, LEFT),  \
    ngx_http_litellm_g_limit("litellm_" who "_max_budget_metric",             \
        "The budget of " what ", in dollars.", scope, MAX),                   \
    ngx_http_litellm_g_limit("litellm_" who "_budget_remaining_hours_metric", \
        "Hours until the budget of " what " begins anew.", scope, HOURS)

#define ngx_http_litellm_g_rate(who, what, scope)                             \
    ngx_http_litellm_g_limit("litellm_" who "_rate_limit_allowed_metric",     \
        "Limits of " what ", of a window.", scope, ALLOWED),                  \
    ngx_http_litellm_g_limit("litellm_" who "_rate_limit_used_metric",        \
        "What is used up of the limits of " what ".", scope, USED)


const ngx_http_litellm_family_t  ngx_http_litellm_limit_gauges[] = {

    ngx_http_litellm_g_budget("api_key", "a key", OF_KEY),
    ngx_http_litellm_g_budget("team", "a team", OF_TEAM),
    ngx_http_litellm_g_budget("user", "a user", OF_USER),
    ngx_http_litellm_g_budget("customer", "an end user", OF_END_USER),
    ngx_http_litellm_g_rate("api_key", "a key", OF_KEY),
    ngx_http_litellm_g_rate("team", "a team", OF_TEAM),

    ngx_http_litellm_g_limit("litellm_remaining_api_key_requests_for_model",
        "Requests that are left to a key with a limit for the model.",
        OF_KEY_MODEL, REQUESTS),
    ngx_http_litellm_g_limit("litellm_remaining_api_key_tokens_for_model",
        "Tokens that are left to a key with a limit for the model.",
        OF_KEY_MODEL, TOKENS),
    ngx_http_litellm_g("litellm_provider_remaining_budget_metric",
        "What is left of the budget of a provider, in dollars.", GAUGE,
        provider, 0),

    ngx_http_litellm_g("litellm_ngx_accounts",
        "Accounts of those whose requests and money are counted.", GAUGE,
        accounts, NGX_HTTP_LITELLM_A_ACCOUNTS),
    ngx_http_litellm_g("litellm_ngx_reserved_dollars",
        "Money that requests under way may take.", GAUGE, accounts,
        NGX_HTTP_LITELLM_A_RESERVED),
    ngx_http_litellm_g("litellm_ngx_reserved_requests",
        "Requests under way, by whose accounts they are in.", GAUGE,
        accounts, NGX_HTTP_LITELLM_A_INFLIGHT),

    { ngx_null_string, NULL, 0, NULL, 0, 0, 0, 0 }
};


/*
 * Those who have asked for something since the zone was made; what they have
 * used is the ledger's.
 */

static ngx_int_t
ngx_http_litellm_gauge_limit(ngx_http_litellm_page_t *p)
{
    u_char                         buf[NGX_HTTP_LITELLM_METRICS_LINE];
    ngx_str_t                      labels, name;
    ngx_uint_t                     only;
    ngx_http_litellm_row_t        *row;
    ngx_http_litellm_account_t     account;
    ngx_http_litellm_row_limit_t  *l;

#define ngx_http_litellm_gauge_bit(label)                                     \
    ((ngx_uint_t) 1 << NGX_HTTP_LITELLM_L_##label)

    switch (p->family->row) {

    case NGX_HTTP_LITELLM_OF_TEAM:
        only = ngx_http_litellm_gauge_bit(TEAM)
               | ngx_http_litellm_gauge_bit(TEAM_ALIAS);
        break;

    case NGX_HTTP_LITELLM_OF_USER:
        only = ngx_http_litellm_gauge_bit(USER);
        break;

    case NGX_HTTP_LITELLM_OF_END_USER:
        only = ngx_http_litellm_gauge_bit(END_USER);
        break;

    default:
        only = ngx_http_litellm_gauge_bit(KEY)
               | ngx_http_litellm_gauge_bit(KEY_ALIAS);

        if (p->family->row == NGX_HTTP_LITELLM_OF_KEY_MODEL) {
            only |= ngx_http_litellm_gauge_bit(MODEL);
        }
    }

    /* one of them left out: who it is can't be told from others */

    if (p->mc->no_labels & only
        & (ngx_http_litellm_gauge_bit(KEY) | ngx_http_litellm_gauge_bit(TEAM)
           | ngx_http_litellm_gauge_bit(USER)
           | ngx_http_litellm_gauge_bit(END_USER)
           | ngx_http_litellm_gauge_bit(MODEL)))
    {
        return NGX_OK;
    }

#undef ngx_http_litellm_gauge_bit

    while (!ngx_http_litellm_metrics_full(p)) {

        row = ngx_http_litellm_metrics_next(&p->mc->m,
                                            NGX_HTTP_LITELLM_ROW_LIMIT,
                                            &p->at, &p->looks);
        if (row == NULL) {
            return p->looks ? NGX_OK : NGX_AGAIN;
        }

        l = ngx_http_litellm_row_counters(row);

        if (row->other || l->len == 0 || l->scope != (int64_t) p->family->row) {
            continue;
        }

        p->looks -= ngx_min(p->looks, NGX_HTTP_LITELLM_METRICS_DEAR);

        name.data = l->name;
        name.len = ngx_min(l->len, sizeof(l->name));

        if (ngx_http_litellm_metrics_row_labels(p, row, only, buf, &labels)
            == NGX_OK
            && ngx_http_litellm_ledger_read(p->mcf->zone,
                                            (ngx_uint_t) l->scope, &name,
                                            &account)
               == NGX_OK)
        {
            ngx_http_litellm_gauge_budget(p, l, &account, &labels);
        }
    }

    return NGX_AGAIN;
}


static void
ngx_http_litellm_gauge_budget(ngx_http_litellm_page_t *p,
    ngx_http_litellm_row_limit_t *l, ngx_http_litellm_account_t *account,
    ngx_str_t *labels)
{
    int64_t  left;

    switch (p->family->offset) {

    case NGX_HTTP_LITELLM_B_LEFT:
        if (l->budget >= 0) {
            ngx_http_litellm_metrics_money(p, labels,
                                           l->budget - account->spend);
        }

        break;

    case NGX_HTTP_LITELLM_B_MAX:
        if (l->budget >= 0) {
            ngx_http_litellm_metrics_money(p, labels, l->budget);
        }

        break;

    case NGX_HTTP_LITELLM_B_HOURS:
        if (l->budget >= 0 && account->period_ends) {
            left = ngx_max(account->period_ends - (int64_t) ngx_time(), 0);

            ngx_http_litellm_metrics_decimal(p, "", labels, left * 10 / 36, 3);
        }

        break;

    case NGX_HTTP_LITELLM_B_REQUESTS:
        if (l->rpm >= 0) {
            ngx_http_litellm_metrics_line(p, "", labels,
                                    ngx_max(l->rpm - account->requests, 0));
        }

        break;

    case NGX_HTTP_LITELLM_B_TOKENS:
        if (l->tpm >= 0) {
            ngx_http_litellm_metrics_line(p, "", labels,
                                    ngx_max(l->tpm - account->tokens, 0));
        }

        break;

    default: /* NGX_HTTP_LITELLM_B_ALLOWED, NGX_HTTP_LITELLM_B_USED */
        ngx_http_litellm_gauge_rate(p, "requests", labels, l->rpm,
                                    account->requests);
        ngx_http_litellm_gauge_rate(p, "tokens", labels, l->tpm,
                                    account->tokens);
        ngx_http_litellm_gauge_rate(p, "max_parallel_requests", labels,
                                    l->parallel, account->inflight);
    }
}


static void
ngx_http_litellm_gauge_rate(ngx_http_litellm_page_t *p, const char *type,
    ngx_str_t *labels, int64_t allowed, int64_t used)
{
    u_char     *end;
    ngx_str_t   all, value;

    static ngx_str_t  name = ngx_string("rate_limit_type");

    if (allowed < 0) {
        return;
    }

    value.data = (u_char *) type;
    value.len = ngx_strlen(type);

    end = ngx_http_litellm_metrics_pair(p, labels->data,
                                        labels->data
                                        + NGX_HTTP_LITELLM_METRICS_LINE - 1,
                                        labels->data + labels->len - 1, &name,
                                        &value);
    *end++ = '}';

    all.data = labels->data;
    all.len = end - all.data;

    ngx_http_litellm_metrics_line(p, "", &all,
                         (p->family->offset == NGX_HTTP_LITELLM_B_ALLOWED)
                         ? allowed : ngx_max(used, 0));
}


static ngx_int_t
ngx_http_litellm_gauge_provider(ngx_http_litellm_page_t *p)
{
    u_char                       buf[NGX_HTTP_LITELLM_METRICS_LINE];
    ngx_str_t                    labels;
    ngx_uint_t                   i, j;
    ngx_array_t                 *list;
    ngx_http_litellm_file_t     *file;
    ngx_http_litellm_account_t   account;
    ngx_litellm_named_budget_t  *b;

    file = p->mcf->files.elts;

    for (i = 0; i < p->mcf->files.nelts; i++) {

        list = file[i].config ? file[i].config->limiting.providers : NULL;

        if (list == NULL) {
            continue;
        }

        b = list->elts;

        for (j = 0; j < list->nelts; j++) {

            (void) ngx_http_litellm_ledger_read(p->mcf->zone,
                                                NGX_HTTP_LITELLM_OF_PROVIDER,
                                                &b[j].name, &account);

            ngx_http_litellm_gauge_label(p, buf, &labels, "api_provider",
                                         &b[j].name);
            ngx_http_litellm_metrics_money(p, &labels,
                                           b[j].budget.max - account.spend);
        }

        /* another file's provider may have the same name */

        return NGX_OK;
    }

    return NGX_OK;
}


/* sums by scope: all accounts are walked over once for all families */

static ngx_int_t
ngx_http_litellm_gauge_accounts(ngx_http_litellm_page_t *p)
{
    u_char                           buf[NGX_HTTP_LITELLM_METRICS_LINE];
    ngx_str_t                        labels;
    ngx_uint_t                       i, n;
    ngx_http_litellm_ledger_item_t  *item;
    ngx_http_litellm_ledger_item_t   items[NGX_HTTP_LITELLM_METRICS_ITEMS];

    while (!p->walked) {

        if (ngx_http_litellm_metrics_full(p)) {
            return NGX_AGAIN;
        }

        n = ngx_http_litellm_ledger_walk(p->mcf->zone, &p->cursor, items,
                                         NGX_HTTP_LITELLM_METRICS_ITEMS);
        if (n == 0) {
            p->walked = 1;
            break;
        }

        p->looks -= ngx_min(p->looks, n);

        for (i = 0; i < n; i++) {
            item = &items[i];

            p->accounts[item->scope]++;
            p->reserved[item->scope] += ngx_min(item->account.reserved,
                                                NGX_LITELLM_MONEY_MAX / 4096);
            p->inflight[item->scope] += item->account.inflight;
        }
    }

    for (i = 0; i < NGX_HTTP_LITELLM_SCOPES; i++) {

        if (p->accounts[i] == 0) {
            continue;
        }

        ngx_http_litellm_gauge_label(p, buf, &labels, "scope",
                                     ngx_http_litellm_scope_name(i));

        switch (p->family->offset) {

        case NGX_HTTP_LITELLM_A_ACCOUNTS:
            ngx_http_litellm_metrics_line(p, "", &labels, p->accounts[i]);
            break;

        case NGX_HTTP_LITELLM_A_RESERVED:
            ngx_http_litellm_metrics_money(p, &labels, p->reserved[i]);
            break;

        default: /* NGX_HTTP_LITELLM_A_INFLIGHT */
            ngx_http_litellm_metrics_line(p, "", &labels,
                                          ngx_max(p->inflight[i], 0));
        }
    }

    return NGX_OK;
}
