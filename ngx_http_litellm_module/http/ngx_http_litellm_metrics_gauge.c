
/*
 * What is looked up when somebody asks: deployments as they are now, what is
 * left of limits and budgets, the zones, the cache, Redis, hedging, workers.
 * Nothing here is counted by this file.  Each is one family of the page, and
 * is written in slices where it may be long (deployments, limits, accounts).
 */

#include "ngx_http_litellm_metrics_text.h"
#include "ngx_http_litellm_cache_zone.h"
#include "ngx_http_litellm_redis.h"
#include "ngx_http_litellm_zone.h"
#include <nginx.h>


/* accounts that are copied under one hold of the lock */
#define NGX_HTTP_LITELLM_METRICS_ITEMS  32

/* limits are looked up in the ledger one by one */
#define NGX_HTTP_LITELLM_METRICS_DEAR   4


typedef enum {
    NGX_HTTP_LITELLM_D_STATE = 0,
    NGX_HTTP_LITELLM_D_RPM,
    NGX_HTTP_LITELLM_D_TPM,
    NGX_HTTP_LITELLM_D_INFLIGHT,
    NGX_HTTP_LITELLM_D_COOLDOWN
} ngx_http_litellm_gauge_deployment_e;

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

typedef enum {
    NGX_HTTP_LITELLM_Z_SIZE = 0,
    NGX_HTTP_LITELLM_Z_FREE
} ngx_http_litellm_gauge_zone_e;

typedef enum {
    NGX_HTTP_LITELLM_R_UP = 0,
    NGX_HTTP_LITELLM_R_COMMANDS,
    NGX_HTTP_LITELLM_R_ERRORS,
    NGX_HTTP_LITELLM_R_TIMEOUTS,
    NGX_HTTP_LITELLM_R_LOST,
    NGX_HTTP_LITELLM_R_WAITED
} ngx_http_litellm_gauge_redis_e;

typedef enum {
    NGX_HTTP_LITELLM_W_COUNT = 0,
    NGX_HTTP_LITELLM_W_LAG,
    NGX_HTTP_LITELLM_W_BEAT
} ngx_http_litellm_gauge_worker_e;


static ngx_int_t ngx_http_litellm_gauge_build(ngx_http_litellm_page_t *p);
static ngx_int_t ngx_http_litellm_gauge_deployment(
    ngx_http_litellm_page_t *p);
static void ngx_http_litellm_gauge_state(ngx_http_litellm_page_t *p,
    ngx_litellm_deployment_t *d, ngx_str_t *labels);
static ngx_int_t ngx_http_litellm_gauge_inflight(ngx_http_litellm_page_t *p);
static ngx_litellm_deployment_t *ngx_http_litellm_gauge_next(
    ngx_http_litellm_page_t *p);
static ngx_int_t ngx_http_litellm_gauge_limit(ngx_http_litellm_page_t *p);
static void ngx_http_litellm_gauge_budget(ngx_http_litellm_page_t *p,
    ngx_http_litellm_row_limit_t *l, ngx_http_litellm_account_t *account,
    ngx_str_t *labels);
static void ngx_http_litellm_gauge_rate(ngx_http_litellm_page_t *p,
    const char *type, ngx_str_t *labels, int64_t allowed, int64_t used);
static ngx_int_t ngx_http_litellm_gauge_provider(ngx_http_litellm_page_t *p);
static ngx_int_t ngx_http_litellm_gauge_accounts(ngx_http_litellm_page_t *p);
static ngx_int_t ngx_http_litellm_gauge_zone(ngx_http_litellm_page_t *p);
static ngx_int_t ngx_http_litellm_gauge_cache(ngx_http_litellm_page_t *p);
static ngx_int_t ngx_http_litellm_gauge_redis(ngx_http_litellm_page_t *p);
static ngx_int_t ngx_http_litellm_gauge_hedge(ngx_http_litellm_page_t *p);
static ngx_int_t ngx_http_litellm_gauge_worker(ngx_http_litellm_page_t *p);
static ngx_int_t ngx_http_litellm_gauge_left(ngx_http_litellm_page_t *p);
static ngx_int_t ngx_http_litellm_gauge_rows(ngx_http_litellm_page_t *p);
static void ngx_http_litellm_gauge_label(u_char *buf, ngx_str_t *labels,
    const char *name, ngx_str_t *value);


#define ngx_http_litellm_g(name, help, type, write, id)                       \
    { ngx_string(name), help, NGX_HTTP_LITELLM_##type,                        \
      ngx_http_litellm_gauge_##write, NGX_HTTP_LITELLM_UNIT, 0,               \
      id, 0 }

#define ngx_http_litellm_g_limit(name, help, scope, id)                       \
    { ngx_string(name), help, NGX_HTTP_LITELLM_GAUGE,                         \
      ngx_http_litellm_gauge_limit, NGX_HTTP_LITELLM_UNIT,                    \
      NGX_HTTP_LITELLM_##scope, NGX_HTTP_LITELLM_B_##id, 0 }

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


const ngx_http_litellm_family_t  ngx_http_litellm_gauges[] = {

    ngx_http_litellm_g("litellm_ngx_build_info",
        "Versions; always 1.", GAUGE, build, 0),

    ngx_http_litellm_g("litellm_deployment_state",
        "0: healthy, 1: some attempts of this minute have failed, 2: cooled "
        "down, or its health checks fail.", GAUGE, deployment,
        NGX_HTTP_LITELLM_D_STATE),
    ngx_http_litellm_g("litellm_deployment_rpm_limit",
        "Requests that the deployment may have in a minute.", GAUGE,
        deployment, NGX_HTTP_LITELLM_D_RPM),
    ngx_http_litellm_g("litellm_deployment_tpm_limit",
        "Tokens that the deployment may have in a minute.", GAUGE,
        deployment, NGX_HTTP_LITELLM_D_TPM),
    ngx_http_litellm_g("litellm_ngx_deployment_in_flight_requests",
        "Attempts under way.", GAUGE, deployment,
        NGX_HTTP_LITELLM_D_INFLIGHT),
    ngx_http_litellm_g("litellm_ngx_deployment_cooldown_seconds",
        "Time until a deployment that is cooled down may be called again.",
        GAUGE, deployment, NGX_HTTP_LITELLM_D_COOLDOWN),
    ngx_http_litellm_g("litellm_in_flight_requests",
        "Attempts under way at all deployments.", GAUGE, inflight, 0),

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

    ngx_http_litellm_g("litellm_ngx_zone_size_bytes",
        "Size of a shared zone.", GAUGE, zone, NGX_HTTP_LITELLM_Z_SIZE),
    ngx_http_litellm_g("litellm_ngx_zone_free_bytes",
        "What is free in a shared zone, in whole pages.", GAUGE, zone,
        NGX_HTTP_LITELLM_Z_FREE),

    ngx_http_litellm_g("litellm_ngx_cache_entries",
        "Answers in the cache.", GAUGE, cache,
        offsetof(ngx_http_litellm_cache_stat_t, entries)),
    ngx_http_litellm_g("litellm_ngx_cache_hits_total",
        "Answers that were found in the cache.", COUNTER, cache,
        offsetof(ngx_http_litellm_cache_stat_t, hits)),
    ngx_http_litellm_g("litellm_ngx_cache_misses_total",
        "Answers that were looked for in the cache and not found.", COUNTER,
        cache, offsetof(ngx_http_litellm_cache_stat_t, misses)),
    ngx_http_litellm_g("litellm_ngx_cache_stored_total",
        "Answers that were put into the cache.", COUNTER, cache,
        offsetof(ngx_http_litellm_cache_stat_t, stored)),
    ngx_http_litellm_g("litellm_ngx_cache_evicted_total",
        "Answers that had to leave the cache for others.", COUNTER, cache,
        offsetof(ngx_http_litellm_cache_stat_t, evicted)),

    ngx_http_litellm_g("litellm_ngx_redis_up",
        "1: connected to Redis.", GAUGE, redis, NGX_HTTP_LITELLM_R_UP),
    ngx_http_litellm_g("litellm_ngx_redis_commands_total",
        "Commands that were sent to Redis.", COUNTER, redis,
        NGX_HTTP_LITELLM_R_COMMANDS),
    ngx_http_litellm_g("litellm_ngx_redis_errors_total",
        "Replies of Redis that were errors.", COUNTER, redis,
        NGX_HTTP_LITELLM_R_ERRORS),
    ngx_http_litellm_g("litellm_ngx_redis_timeouts_total",
        "Commands that Redis did not reply to in time.", COUNTER, redis,
        NGX_HTTP_LITELLM_R_TIMEOUTS),
    ngx_http_litellm_g("litellm_ngx_redis_lost_total",
        "Connections to Redis that broke, or could not be made.", COUNTER,
        redis, NGX_HTTP_LITELLM_R_LOST),
    ngx_http_litellm_g("litellm_ngx_redis_wait_seconds_total",
        "Time waited for replies of Redis, of all commands.", COUNTER, redis,
        NGX_HTTP_LITELLM_R_WAITED),

    ngx_http_litellm_g("litellm_ngx_hedged_requests_total",
        "Second deployments that were asked beside a slow one.", COUNTER,
        hedge, offsetof(ngx_http_litellm_hedges_t, hedged)),
    ngx_http_litellm_g("litellm_ngx_hedges_won_total",
        "Second deployments that answered first.", COUNTER, hedge,
        offsetof(ngx_http_litellm_hedges_t, won)),
    ngx_http_litellm_g("litellm_ngx_hedges_refused_total",
        "Second deployments that the budget of hedging did not allow.",
        COUNTER, hedge, offsetof(ngx_http_litellm_hedges_t, refused)),

    ngx_http_litellm_g("litellm_ngx_workers",
        "Workers that are alive.", GAUGE, worker, NGX_HTTP_LITELLM_W_COUNT),
    ngx_http_litellm_g("litellm_ngx_event_loop_lag_seconds",
        "How late a timer of the worker's was.", HISTOGRAM, worker,
        NGX_HTTP_LITELLM_W_LAG),
    ngx_http_litellm_g("litellm_ngx_worker_heartbeat_age_seconds",
        "Time since the worker was last heard of; it is every half a second.",
        GAUGE, worker, NGX_HTTP_LITELLM_W_BEAT),
    ngx_http_litellm_g("litellm_ngx_client_disconnects_total",
        "Clients that left before the end of their answers.", COUNTER, left,
        0),

    ngx_http_litellm_g("litellm_ngx_metrics_rows",
        "Combinations of labels that are counted apart.", GAUGE, rows, 0),
    ngx_http_litellm_g("litellm_ngx_metrics_overflow_total",
        "Times that something was counted with labels \"other\", for want of "
        "room.", COUNTER, rows, 1),

    { ngx_null_string, NULL, 0, NULL, 0, 0, 1, 0 }
};


static ngx_str_t  ngx_http_litellm_gauge_none = ngx_string("{}");


/* {name="value"}; buf: of a line's labels */

static void
ngx_http_litellm_gauge_label(u_char *buf, ngx_str_t *labels, const char *name,
    ngx_str_t *value)
{
    u_char     *end;
    ngx_str_t   s, v;

    s.data = (u_char *) name;
    s.len = ngx_strlen(name);

    v = *value;
    v.len = ngx_min(v.len, NGX_HTTP_LITELLM_METRICS_VALUE);

    end = ngx_http_litellm_metrics_pair(buf,
                                      buf + NGX_HTTP_LITELLM_METRICS_LINE - 1,
                                      buf, &s, &v);
    *end++ = '}';

    labels->data = buf;
    labels->len = end - buf;
}


static ngx_int_t
ngx_http_litellm_gauge_build(ngx_http_litellm_page_t *p)
{
    ngx_str_t  labels;

    ngx_str_set(&labels, "{version=\"" NGX_HTTP_LITELLM_VERSION
                         "\",nginx_version=\"" NGINX_VERSION "\"}");

    ngx_http_litellm_metrics_line(p, "", &labels, 1);

    return NGX_OK;
}


/* of all files, by p->i and p->j; NULL: no more */

static ngx_litellm_deployment_t *
ngx_http_litellm_gauge_next(ngx_http_litellm_page_t *p)
{
    ngx_litellm_config_t      *config;
    ngx_http_litellm_file_t   *file;
    ngx_litellm_deployment_t  *d;

    file = p->mcf->files.elts;

    for ( /* void */ ; p->i < p->mcf->files.nelts; p->i++, p->j = 0) {

        config = file[p->i].config;

        if (config == NULL || p->j >= config->deployments.nelts) {
            continue;
        }

        d = ((ngx_litellm_deployment_t **) config->deployments.elts)[p->j++];

        p->looks -= ngx_min(p->looks, 1);

        return d;
    }

    return NULL;
}


static ngx_int_t
ngx_http_litellm_gauge_deployment(ngx_http_litellm_page_t *p)
{
    u_char                     buf[NGX_HTTP_LITELLM_METRICS_LINE];
    ngx_str_t                  labels;
    ngx_http_litellm_row_t    *row;
    ngx_litellm_deployment_t  *d;

    while (!ngx_http_litellm_metrics_full(p)) {

        d = ngx_http_litellm_gauge_next(p);
        if (d == NULL) {
            return NGX_OK;
        }

        if (d->state == NULL || d->twin) {
            continue;
        }

        row = ngx_http_litellm_metrics_row_of(p->mc, d, 1);

        if (!row->other
            && ngx_http_litellm_metrics_row_labels(p, row, (ngx_uint_t) -1,
                                                   buf, &labels)
               == NGX_OK)
        {
            ngx_http_litellm_gauge_state(p, d, &labels);
        }
    }

    return NGX_AGAIN;
}


static void
ngx_http_litellm_gauge_state(ngx_http_litellm_page_t *p,
    ngx_litellm_deployment_t *d, ngx_str_t *labels)
{
    ngx_msec_t                 left;
    ngx_uint_t                 state;
    ngx_http_litellm_state_t  *s;

    s = d->state;
    left = ngx_http_litellm_cooldown_left(d);

    switch (p->family->offset) {

    case NGX_HTTP_LITELLM_D_STATE:
        state = (left || s->unhealthy) ? 2
                : (ngx_http_litellm_state_count(&s->failures) != 0);

        ngx_http_litellm_metrics_line(p, "", labels, state);
        break;

    case NGX_HTTP_LITELLM_D_RPM:
        if (d->rpm >= 0) {
            ngx_http_litellm_metrics_line(p, "", labels, d->rpm);
        }

        break;

    case NGX_HTTP_LITELLM_D_TPM:
        if (d->tpm >= 0) {
            ngx_http_litellm_metrics_line(p, "", labels, d->tpm);
        }

        break;

    case NGX_HTTP_LITELLM_D_INFLIGHT:
        ngx_http_litellm_metrics_line(p, "", labels, s->inflight);
        break;

    default: /* NGX_HTTP_LITELLM_D_COOLDOWN */
        ngx_http_litellm_metrics_decimal(p, "", labels, left, 3);
    }
}


static ngx_int_t
ngx_http_litellm_gauge_inflight(ngx_http_litellm_page_t *p)
{
    ngx_litellm_deployment_t  *d;
    ngx_http_litellm_state_t  *s;

    while (!ngx_http_litellm_metrics_full(p)) {

        d = ngx_http_litellm_gauge_next(p);

        if (d == NULL) {
            ngx_http_litellm_metrics_line(p, "", &ngx_http_litellm_gauge_none,
                                          p->sum);
            return NGX_OK;
        }

        s = d->state;

        if (s != NULL) {
            p->sum += s->inflight;
        }
    }

    return NGX_AGAIN;
}


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

    end = ngx_http_litellm_metrics_pair(labels->data,
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

            ngx_http_litellm_gauge_label(buf, &labels, "api_provider",
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

        ngx_http_litellm_gauge_label(buf, &labels, "scope",
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


/* the metrics' own is an arena, and so is the cache's */

static ngx_int_t
ngx_http_litellm_gauge_zone(ngx_http_litellm_page_t *p)
{
    u_char                          buf[NGX_HTTP_LITELLM_METRICS_LINE];
    uint64_t                        n;
    ngx_str_t                       labels;
    ngx_uint_t                      i, size;
    ngx_shm_zone_t                 *zones[3];
    ngx_slab_pool_t                *shpool;
    ngx_http_litellm_cache_stat_t   stat;

    zones[0] = p->mcf->zone;
    zones[1] = p->mcf->cache_zone;
    zones[2] = p->mc->zone;

    size = (p->family->offset == NGX_HTTP_LITELLM_Z_SIZE);

    for (i = 0; i < 3; i++) {

        if (zones[i] == NULL) {
            continue;
        }

        if (size) {
            n = zones[i]->shm.size;

        } else if (i == 0) {
            shpool = ngx_http_litellm_zone_pool(zones[i]);
            n = (uint64_t) shpool->pfree * ngx_pagesize;

        } else if (i == 1) {
            ngx_http_litellm_cache_stat(zones[i], &stat);
            n = (uint64_t) stat.free * stat.block_size;

        } else {
            n = p->mc->m.sh->size - p->mc->m.sh->used;
        }

        ngx_http_litellm_gauge_label(buf, &labels, "zone",
                                     &zones[i]->shm.name);
        ngx_http_litellm_metrics_line(p, "", &labels, n);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_gauge_cache(ngx_http_litellm_page_t *p)
{
    u_char                          buf[NGX_HTTP_LITELLM_METRICS_LINE];
    ngx_str_t                       labels;
    ngx_http_litellm_cache_stat_t   stat;

    if (p->mcf->cache_zone == NULL) {
        return NGX_OK;
    }

    ngx_http_litellm_cache_stat(p->mcf->cache_zone, &stat);

    ngx_http_litellm_gauge_label(buf, &labels, "zone",
                                 &p->mcf->cache_zone->shm.name);
    ngx_http_litellm_metrics_line(p, "", &labels,
                     *(ngx_uint_t *) ((u_char *) &stat + p->family->offset));

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_gauge_redis(ngx_http_litellm_page_t *p)
{
    uint64_t                      n;
    ngx_http_litellm_redis_sh_t  *sh;

    if (p->mcf->redis == NULL || p->mcf->redis->sh == NULL) {
        return NGX_OK;
    }

    sh = p->mcf->redis->sh;

    switch (p->family->offset) {

    case NGX_HTTP_LITELLM_R_UP:
        n = (sh->state == 1);
        break;

    case NGX_HTTP_LITELLM_R_COMMANDS:
        n = sh->commands;
        break;

    case NGX_HTTP_LITELLM_R_ERRORS:
        n = sh->errors;
        break;

    case NGX_HTTP_LITELLM_R_TIMEOUTS:
        n = sh->timeouts;
        break;

    case NGX_HTTP_LITELLM_R_LOST:
        n = sh->lost;
        break;

    default: /* NGX_HTTP_LITELLM_R_WAITED */
        ngx_http_litellm_metrics_decimal(p, "", &ngx_http_litellm_gauge_none,
                                         sh->micros, 6);
        return NGX_OK;
    }

    ngx_http_litellm_metrics_line(p, "", &ngx_http_litellm_gauge_none, n);

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_gauge_hedge(ngx_http_litellm_page_t *p)
{
    ngx_http_litellm_hedges_t  *hedges;

    hedges = ngx_http_litellm_zone_hedges(p->mcf->zone);

    ngx_http_litellm_metrics_line(p, "", &ngx_http_litellm_gauge_none,
                   *(ngx_atomic_t *) ((u_char *) hedges + p->family->offset));

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_gauge_worker(ngx_http_litellm_page_t *p)
{
    u_char                          buf[NGX_HTTP_LITELLM_METRICS_LINE];
    u_char                          text[NGX_INT_T_LEN];
    ngx_str_t                       labels, name;
    ngx_uint_t                      i, n;
    ngx_msec_int_t                  age;
    ngx_http_litellm_metrics_sum_t  w;

    n = 0;

    for (i = 0; i < NGX_HTTP_LITELLM_METRICS_WORKERS; i++) {

        if (ngx_http_litellm_metrics_worker(p->mcf, i, &w) != NGX_OK) {
            continue;
        }

        n++;

        name.data = text;
        name.len = ngx_sprintf(text, "%ui", i) - text;

        ngx_http_litellm_gauge_label(buf, &labels, "worker", &name);

        if (p->family->offset == NGX_HTTP_LITELLM_W_LAG) {
            ngx_http_litellm_metrics_histogram(p, &labels, &w.lag,
                                               NGX_HTTP_LITELLM_FINE);

        } else if (p->family->offset == NGX_HTTP_LITELLM_W_BEAT) {
            age = (ngx_msec_int_t) (ngx_current_msec - (ngx_msec_t) w.beat);

            ngx_http_litellm_metrics_decimal(p, "", &labels, ngx_max(age, 0),
                                             3);
        }
    }

    if (p->family->offset == NGX_HTTP_LITELLM_W_COUNT) {
        ngx_http_litellm_metrics_line(p, "", &ngx_http_litellm_gauge_none, n);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_gauge_left(ngx_http_litellm_page_t *p)
{
    ngx_http_litellm_metrics_sum_t  sum;

    (void) ngx_http_litellm_metrics_sum(p->mcf, &sum);

    ngx_http_litellm_metrics_line(p, "", &ngx_http_litellm_gauge_none,
                                  sum.cancelled);

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_gauge_rows(ngx_http_litellm_page_t *p)
{
    u_char                          buf[NGX_HTTP_LITELLM_METRICS_LINE];
    ngx_str_t                       labels;
    ngx_uint_t                      i;
    ngx_http_litellm_metrics_sh_t  *sh;

    static ngx_str_t  kinds[] = {
        ngx_string("request"),
        ngx_string("usage"),
        ngx_string("deployment"),
        ngx_string("fallback"),
        ngx_string("limit")
    };

    sh = p->mc->m.sh;

    for (i = 0; i < NGX_HTTP_LITELLM_ROW_KINDS; i++) {
        ngx_http_litellm_gauge_label(buf, &labels, "kind", &kinds[i]);
        ngx_http_litellm_metrics_line(p, "", &labels,
                                      p->family->offset ? sh->lost[i]
                                                        : sh->nrows[i]);
    }

    return NGX_OK;
}
