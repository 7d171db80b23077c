
/*
 * Which accounts are near a limit: a step of a status request that walks over
 * all of the ledger, a few under each hold of its lock, and looks up for each
 * that is in use what may be used of it.  The nearest are kept.
 *
 * With many accounts that is much work for a page that is asked for every two
 * seconds: a worker keeps what it has found for 5 seconds, or so long that the
 * walks take no more than a twentieth of its time.
 */

#include "ngx_http_litellm_status.h"
#include "ngx_http_litellm_zone.h"


#define NGX_HTTP_LITELLM_STATUS_NEAR    800     /* permille */
#define NGX_HTTP_LITELLM_STATUS_VALID   5000
#define NGX_HTTP_LITELLM_STATUS_LONGEST 600000

/* accounts of a turn, and under one hold of the lock */
#define NGX_HTTP_LITELLM_STATUS_WALK    128
#define NGX_HTTP_LITELLM_STATUS_HOLD    32

/* more records than a worker should keep for this */
#define NGX_HTTP_LITELLM_STATUS_PARSED  512


/* what may be used of an account, and how it is called */
typedef struct {
    int64_t                   rpm;
    int64_t                   tpm;
    int64_t                   parallel;
    int64_t                   budget;
    ngx_str_t                 name;
    ngx_str_t                 alias;
    ngx_str_t                 model;
    u_char                    masked[16];
    ngx_pool_t               *pool;      /* of a record; NULL: none */
} ngx_http_litellm_status_known_t;


static ngx_int_t ngx_http_litellm_status_begin(ngx_http_litellm_status_t *st);
static void ngx_http_litellm_status_done(ngx_http_litellm_status_t *st);
static uint64_t ngx_http_litellm_status_us(void);
static ngx_int_t ngx_http_litellm_status_account(ngx_http_litellm_status_t *st,
    ngx_http_litellm_ledger_item_t *item);
static ngx_int_t ngx_http_litellm_status_known(ngx_http_litellm_status_t *st,
    ngx_http_litellm_scope_e scope, ngx_str_t *name,
    ngx_http_litellm_status_known_t *k);
static ngx_int_t ngx_http_litellm_status_of_config(
    ngx_http_litellm_status_t *st, ngx_litellm_config_t *config,
    ngx_http_litellm_scope_e scope, ngx_str_t *name,
    ngx_http_litellm_status_known_t *k);
static ngx_int_t ngx_http_litellm_status_named_account(ngx_array_t *list,
    ngx_str_t *name, ngx_http_litellm_status_known_t *k);
static ngx_int_t ngx_http_litellm_status_principal(
    ngx_http_litellm_status_t *st, ngx_litellm_config_t *config,
    ngx_litellm_principal_e kind, ngx_str_t *id,
    ngx_http_litellm_status_known_t *k, ngx_litellm_principal_t **p);
static ngx_int_t ngx_http_litellm_status_of_record(
    ngx_http_litellm_status_t *st, ngx_litellm_config_t *config,
    ngx_litellm_principal_e kind, ngx_str_t *id,
    ngx_http_litellm_status_known_t *k);
static ngx_int_t ngx_http_litellm_status_of_pair(
    ngx_http_litellm_status_t *st, ngx_litellm_config_t *config,
    ngx_http_litellm_scope_e scope, ngx_str_t *name,
    ngx_http_litellm_status_known_t *k);
static ngx_int_t ngx_http_litellm_status_of_period(
    ngx_http_litellm_status_t *st, ngx_litellm_config_t *config,
    ngx_str_t *name, ngx_http_litellm_status_known_t *k);
static void ngx_http_litellm_status_limits_of(ngx_litellm_limits_t *l,
    ngx_http_litellm_status_known_t *k);
static void ngx_http_litellm_status_call(ngx_litellm_principal_t *p,
    ngx_http_litellm_status_known_t *k);
static void ngx_http_litellm_status_check(ngx_http_litellm_status_t *st,
    ngx_http_litellm_ledger_item_t *item, ngx_http_litellm_status_known_t *k,
    ngx_http_litellm_limit_e limit, int64_t used, int64_t max);
static size_t ngx_http_litellm_status_copy(u_char *dst, ngx_str_t *src);


/* of this worker */
static ngx_http_litellm_status_limits_t  *ngx_http_litellm_status_kept;


static const ngx_litellm_principal_e  ngx_http_litellm_status_kinds[] = {
    NGX_LITELLM_PRINCIPALS,              /* the gateway */
    NGX_LITELLM_KEY,
    NGX_LITELLM_USER,
    NGX_LITELLM_TEAM,
    NGX_LITELLM_TEAM,                    /* team:user */
    NGX_LITELLM_END_USER,
    NGX_LITELLM_KEY,                     /* key:group ... */
    NGX_LITELLM_TEAM,
    NGX_LITELLM_USER
};


ngx_int_t
ngx_http_litellm_status_walk(ngx_http_litellm_status_t *st)
{
    uint64_t                         start;
    ngx_uint_t                       i, n, seen;
    ngx_http_litellm_ledger_item_t   items[NGX_HTTP_LITELLM_STATUS_HOLD];

    if (st->limits == NULL) {

        if (st->mcf->zone == NULL) {
            return NGX_OK;
        }

        if (ngx_http_litellm_status_near(st) != NULL) {
            return NGX_OK;
        }

        if (ngx_http_litellm_status_begin(st) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    start = ngx_http_litellm_status_us();

    for (seen = 0; seen < NGX_HTTP_LITELLM_STATUS_WALK; seen += n) {

        n = ngx_http_litellm_ledger_walk(st->mcf->zone, &st->cursor, items,
                                         NGX_HTTP_LITELLM_STATUS_HOLD);

        if (n == 0) {
            st->took += ngx_http_litellm_status_us() - start;
            ngx_http_litellm_status_done(st);

            return NGX_OK;
        }

        for (i = 0; i < n; i++) {
            if (ngx_http_litellm_status_account(st, &items[i]) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    st->took += ngx_http_litellm_status_us() - start;

    return NGX_AGAIN;
}


/* what may still be shown; NULL: nothing */

ngx_http_litellm_status_limits_t *
ngx_http_litellm_status_near(ngx_http_litellm_status_t *st)
{
    ngx_http_litellm_status_limits_t  *l;

    if (st->limits != NULL) {
        return st->limits;
    }

    l = ngx_http_litellm_status_kept;

    return (l != NULL && l->cycle == (ngx_cycle_t *) ngx_cycle
            && l->config == st->config
            && ngx_current_msec - l->time < l->valid)
           ? l : NULL;
}


static ngx_int_t
ngx_http_litellm_status_begin(ngx_http_litellm_status_t *st)
{
    st->limits = ngx_palloc(st->pool,
                            sizeof(ngx_http_litellm_status_limits_t));
    if (st->limits == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(st->limits, offsetof(ngx_http_litellm_status_limits_t, items));

    st->limits->cycle = (ngx_cycle_t *) ngx_cycle;
    st->limits->config = st->config;

    return NGX_OK;
}


static void
ngx_http_litellm_status_done(ngx_http_litellm_status_t *st)
{
    uint64_t                           valid;
    ngx_http_litellm_status_limits_t  *l;

    l = st->limits;

    valid = ngx_max(st->took * 20 / 1000, NGX_HTTP_LITELLM_STATUS_VALID);

    l->time = ngx_current_msec;
    l->valid = (ngx_msec_t) ngx_min(valid, NGX_HTTP_LITELLM_STATUS_LONGEST);

    if (ngx_http_litellm_status_kept == NULL) {
        ngx_http_litellm_status_kept = ngx_alloc(
                                    sizeof(ngx_http_litellm_status_limits_t),
                                    ngx_cycle->log);
    }

    if (ngx_http_litellm_status_kept != NULL) {
        ngx_memcpy(ngx_http_litellm_status_kept, l,
                   offsetof(ngx_http_litellm_status_limits_t, items)
                   + l->n * sizeof(ngx_http_litellm_status_limit_t));
    }
}


static uint64_t
ngx_http_litellm_status_us(void)
{
    struct timespec  ts;

    if (clock_gettime(CLOCK_MONOTONIC, &ts) != 0) {
        return 0;
    }

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


static ngx_int_t
ngx_http_litellm_status_account(ngx_http_litellm_status_t *st,
    ngx_http_litellm_ledger_item_t *item)
{
    ngx_int_t                        rc;
    ngx_str_t                        name;
    ngx_http_litellm_account_t      *a;
    ngx_http_litellm_status_known_t  k;

    a = &item->account;
    st->limits->accounts++;

    if (a->spend <= 0 && a->reserved == 0 && a->inflight == 0
        && a->requests == 0 && a->tokens == 0)
    {
        return NGX_OK;
    }

    name.data = item->name;
    name.len = item->len;

    k.pool = NULL;

    rc = ngx_http_litellm_status_known(st, item->scope, &name, &k);

    if (rc == NGX_OK) {
        ngx_http_litellm_status_check(st, item, &k, NGX_HTTP_LITELLM_REQUESTS,
                                      a->requests, k.rpm);
        ngx_http_litellm_status_check(st, item, &k, NGX_HTTP_LITELLM_TOKENS,
                                      a->tokens, k.tpm);
        ngx_http_litellm_status_check(st, item, &k, NGX_HTTP_LITELLM_PARALLEL,
                                      a->inflight, k.parallel);
        ngx_http_litellm_status_check(st, item, &k, NGX_HTTP_LITELLM_BUDGET,
                                      ngx_http_litellm_ledger_add(
                                                  ngx_max(a->spend, 0),
                                                  a->reserved),
                                      k.budget);
    }

    if (k.pool != NULL) {
        ngx_destroy_pool(k.pool);
    }

    return (rc == NGX_ERROR) ? NGX_ERROR : NGX_OK;
}


/* NGX_DECLINED: no configuration says anything about it */

static ngx_int_t
ngx_http_litellm_status_known(ngx_http_litellm_status_t *st,
    ngx_http_litellm_scope_e scope, ngx_str_t *name,
    ngx_http_litellm_status_known_t *k)
{
    ngx_int_t              rc;
    ngx_litellm_config_t  *config;

    for (st->file = 0; ; st->file++) {

        config = ngx_http_litellm_status_config(st);

        if (config == NULL) {
            return NGX_DECLINED;
        }

        k->rpm = -1;
        k->tpm = -1;
        k->parallel = -1;
        k->budget = -1;
        k->name = *name;
        ngx_str_null(&k->alias);
        ngx_str_null(&k->model);

        rc = ngx_http_litellm_status_of_config(st, config, scope, name, k);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }
}


static ngx_int_t
ngx_http_litellm_status_of_config(ngx_http_litellm_status_t *st,
    ngx_litellm_config_t *config, ngx_http_litellm_scope_e scope,
    ngx_str_t *name, ngx_http_litellm_status_known_t *k)
{
    ngx_uint_t                  n;
    ngx_litellm_deployment_t  **d;

    switch (scope) {

    case NGX_HTTP_LITELLM_GATEWAY:

        if (name->len != config->file.len
            || ngx_memcmp(name->data, config->file.data, name->len) != 0)
        {
            return NGX_DECLINED;
        }

        ngx_http_litellm_status_limits_of(&config->gateway, k);

        return NGX_OK;

    case NGX_HTTP_LITELLM_OF_KEY:
    case NGX_HTTP_LITELLM_OF_USER:
    case NGX_HTTP_LITELLM_OF_TEAM:
    case NGX_HTTP_LITELLM_OF_END_USER:
        return ngx_http_litellm_status_of_record(st, config,
                                         ngx_http_litellm_status_kinds[scope],
                                         name, k);

    case NGX_HTTP_LITELLM_OF_MEMBER:
    case NGX_HTTP_LITELLM_OF_KEY_MODEL:
    case NGX_HTTP_LITELLM_OF_TEAM_MODEL:
    case NGX_HTTP_LITELLM_OF_USER_MODEL:
        return ngx_http_litellm_status_of_pair(st, config, scope, name, k);

    case NGX_HTTP_LITELLM_OF_TAG:
        return ngx_http_litellm_status_named_account(config->limiting.tags,
                                                     name, k);

    case NGX_HTTP_LITELLM_OF_MODEL:
        return ngx_http_litellm_status_named_account(config->limiting.models,
                                                     name, k);

    case NGX_HTTP_LITELLM_OF_PROVIDER:
        return ngx_http_litellm_status_named_account(
                                     config->limiting.providers, name, k);

    case NGX_HTTP_LITELLM_OF_DEPLOYMENT:
        d = ngx_litellm_config_by_id(config, name, &n);

        if (d == NULL) {
            return NGX_DECLINED;
        }

        k->budget = d[0]->budget.max;
        k->model = d[0]->group;

        return NGX_OK;

    default: /* NGX_HTTP_LITELLM_OF_PERIOD */
        return ngx_http_litellm_status_of_period(st, config, name, k);
    }
}


ngx_litellm_named_budget_t *
ngx_http_litellm_status_named(ngx_array_t *list, const u_char *name,
    size_t len)
{
    ngx_uint_t                   i;
    ngx_litellm_named_budget_t  *b;

    if (list == NULL) {
        return NULL;
    }

    b = list->elts;

    for (i = 0; i < list->nelts; i++) {
        if (b[i].name.len == len && ngx_memcmp(b[i].name.data, name, len) == 0)
        {
            return &b[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_litellm_status_named_account(ngx_array_t *list, ngx_str_t *name,
    ngx_http_litellm_status_known_t *k)
{
    ngx_litellm_named_budget_t  *b;

    b = ngx_http_litellm_status_named(list, name->data, name->len);

    if (b == NULL) {
        return NGX_DECLINED;
    }

    k->budget = b->budget.max;

    return NGX_OK;
}


/*
 * *p is good until k->pool is destroyed or the event loop is entered again.
 * Where the zone has many records they are read here and forgotten: what the
 * worker has kept of those who ask is not driven out.
 */

static ngx_int_t
ngx_http_litellm_status_principal(ngx_http_litellm_status_t *st,
    ngx_litellm_config_t *config, ngx_litellm_principal_e kind, ngx_str_t *id,
    ngx_http_litellm_status_known_t *k, ngx_litellm_principal_t **p)
{
    ngx_int_t   rc;
    ngx_str_t   json, why;
    ngx_uint_t  version;

    *p = ngx_litellm_principals_find(&config->principals[kind], id);

    if (*p != NULL) {
        return NGX_OK;
    }

    if (ngx_http_litellm_store_count(st->mcf->zone, kind)
        <= NGX_HTTP_LITELLM_STATUS_PARSED)
    {
        *p = ngx_http_litellm_store_find(st->mcf->zone, kind, id);

        return (*p != NULL) ? NGX_OK : NGX_DECLINED;
    }

    if (k->pool != NULL) {

        /* of a try before this one */

        ngx_destroy_pool(k->pool);
    }

    k->pool = ngx_create_pool(4096, ngx_cycle->log);
    if (k->pool == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_litellm_store_get(st->mcf->zone, k->pool, kind, id, &json,
                                    &version);
    if (rc != NGX_OK) {
        return rc;
    }

    *p = ngx_palloc(k->pool, sizeof(ngx_litellm_principal_t));
    if (*p == NULL) {
        return NGX_ERROR;
    }

    return ngx_litellm_principal_read(k->pool, kind, &json, *p, &why);
}


/* a key, a team, a user, an end user: with what holds for everybody */

static ngx_int_t
ngx_http_litellm_status_of_record(ngx_http_litellm_status_t *st,
    ngx_litellm_config_t *config, ngx_litellm_principal_e kind, ngx_str_t *id,
    ngx_http_litellm_status_known_t *k)
{
    ngx_int_t                 rc;
    ngx_litellm_limits_t     *all;
    ngx_litellm_principal_t  *p;

    rc = ngx_http_litellm_status_principal(st, config, kind, id, k, &p);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    all = (kind == NGX_LITELLM_USER) ? &config->user_default
          : (kind == NGX_LITELLM_END_USER) ? &config->end_user_default
          : NULL;

    if (rc == NGX_OK) {
        ngx_http_litellm_status_limits_of(&p->limits, k);
        ngx_http_litellm_status_call(p, k);

    } else if (all == NULL || all->budget.max < 0) {
        return NGX_DECLINED;

    } else {
        ngx_http_litellm_status_limits_of(all, k);
    }

    if (all != NULL && k->budget < 0) {
        k->budget = all->budget.max;
    }

    if (kind == NGX_LITELLM_KEY && k->parallel < 0) {
        k->parallel = config->key_parallel;
    }

    return NGX_OK;
}


/* "team:user", "key:group": either may hold a colon itself */

static ngx_int_t
ngx_http_litellm_status_of_pair(ngx_http_litellm_status_t *st,
    ngx_litellm_config_t *config, ngx_http_litellm_scope_e scope,
    ngx_str_t *name, ngx_http_litellm_status_known_t *k)
{
    u_char                     *colon, *last;
    ngx_int_t                   rc;
    ngx_str_t                   id, rest;
    ngx_litellm_principal_t    *p;
    ngx_litellm_model_limit_t  *m;

    last = name->data + name->len;

    for (colon = ngx_strlchr(name->data, last, ':');
         colon != NULL;
         colon = ngx_strlchr(colon + 1, last, ':'))
    {
        id.data = name->data;
        id.len = colon - name->data;

        rest.data = colon + 1;
        rest.len = last - rest.data;

        rc = ngx_http_litellm_status_principal(st, config,
                                         ngx_http_litellm_status_kinds[scope],
                                         &id, k, &p);
        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc != NGX_OK) {
            continue;
        }

        if (scope == NGX_HTTP_LITELLM_OF_MEMBER) {

            if (p->members == NULL) {
                continue;
            }

            ngx_http_litellm_status_limits_of(p->members, k);

            return NGX_OK;
        }

        m = ngx_litellm_principal_model(p, &rest, &rest);

        if (m == NULL) {
            continue;
        }

        k->rpm = m->rpm;
        k->tpm = m->tpm;
        k->budget = m->budget.max;

        k->name = id;
        ngx_http_litellm_status_call(p, k);
        k->model = rest;

        return NGX_OK;
    }

    return NGX_DECLINED;
}


/* "scope:name:duration" of budget_limits */

static ngx_int_t
ngx_http_litellm_status_of_period(ngx_http_litellm_status_t *st,
    ngx_litellm_config_t *config, ngx_str_t *name,
    ngx_http_litellm_status_known_t *k)
{
    u_char                    *colon, *last;
    ngx_int_t                  rc;
    ngx_str_t                  id, duration, *word;
    ngx_uint_t                 i;
    ngx_litellm_limits_t      *limits;
    ngx_litellm_budget_t      *b;
    ngx_litellm_principal_t   *p;
    ngx_http_litellm_scope_e   scope;

    last = name->data + name->len;
    colon = ngx_strlchr(name->data, last, ':');

    if (colon == NULL) {
        return NGX_DECLINED;
    }

    for (scope = NGX_HTTP_LITELLM_GATEWAY;
         scope <= NGX_HTTP_LITELLM_OF_END_USER;
         scope++)
    {
        word = ngx_http_litellm_scope_name(scope);

        if (word->len == (size_t) (colon - name->data)
            && ngx_memcmp(word->data, name->data, word->len) == 0)
        {
            break;
        }
    }

    id.data = colon + 1;

    for (duration.data = last;
         duration.data > id.data && duration.data[-1] != ':';
         duration.data--)
    {
        /* void */
    }

    if (scope > NGX_HTTP_LITELLM_OF_END_USER
        || scope == NGX_HTTP_LITELLM_OF_MEMBER || duration.data == id.data)
    {
        return NGX_DECLINED;
    }

    id.len = duration.data - 1 - id.data;
    duration.len = last - duration.data;

    k->name = id;
    limits = &config->gateway;

    if (scope != NGX_HTTP_LITELLM_GATEWAY) {
        rc = ngx_http_litellm_status_principal(st, config,
                                         ngx_http_litellm_status_kinds[scope],
                                         &id, k, &p);
        if (rc != NGX_OK) {
            return rc;
        }

        ngx_http_litellm_status_call(p, k);
        limits = &p->limits;

    } else if (id.len != config->file.len
               || ngx_memcmp(id.data, config->file.data, id.len) != 0)
    {
        return NGX_DECLINED;
    }

    for (i = 0; limits->budgets != NULL && i < limits->budgets->nelts; i++) {

        b = (ngx_litellm_budget_t *) limits->budgets->elts + i;

        if (b->duration.len == duration.len
            && ngx_memcmp(b->duration.data, duration.data, duration.len) == 0)
        {
            k->budget = b->max;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


static void
ngx_http_litellm_status_limits_of(ngx_litellm_limits_t *l,
    ngx_http_litellm_status_known_t *k)
{
    k->rpm = l->rpm;
    k->tpm = l->tpm;
    k->parallel = l->parallel;
    k->budget = l->budget.max;
}


/* a key: not the whole of its hash either */

static void
ngx_http_litellm_status_call(ngx_litellm_principal_t *p,
    ngx_http_litellm_status_known_t *k)
{
    u_char  *s;

    k->alias = p->alias;

    if (p->kind != NGX_LITELLM_KEY) {
        return;
    }

    if (p->name.len > sizeof("sk-...") - 1
        && p->name.len <= sizeof("sk-...") - 1 + 8
        && ngx_memcmp(p->name.data, "sk-...", sizeof("sk-...") - 1) == 0)
    {
        k->name = p->name;
        return;
    }

    s = ngx_cpymem(k->masked, p->id.data, ngx_min(p->id.len, 8));
    s = ngx_cpymem(s, "...", 3);

    k->name.data = k->masked;
    k->name.len = s - k->masked;
}


/* in order, the nearest first; a limit of 0 is no news */

static void
ngx_http_litellm_status_check(ngx_http_litellm_status_t *st,
    ngx_http_litellm_ledger_item_t *item, ngx_http_litellm_status_known_t *k,
    ngx_http_litellm_limit_e limit, int64_t used, int64_t max)
{
    double                             share;
    ngx_uint_t                         i, permille;
    ngx_http_litellm_status_limit_t   *row;
    ngx_http_litellm_status_limits_t  *l;

    if (max <= 0 || used <= 0) {
        return;
    }

    l = st->limits;

    share = (double) used * 1000 / (double) max;
    permille = (share < 1000000) ? (ngx_uint_t) share : 1000000;

    if (permille < NGX_HTTP_LITELLM_STATUS_NEAR) {
        return;
    }

    l->near++;

    if (permille >= 1000) {
        l->over++;
    }

    if (l->n == NGX_HTTP_LITELLM_STATUS_LIMITS) {

        if (permille <= l->items[l->n - 1].permille) {
            return;
        }

        l->n--;
    }

    for (i = l->n; i > 0 && l->items[i - 1].permille < permille; i--) {
        /* void */
    }

    row = &l->items[i];

    ngx_memmove(row + 1, row,
                (l->n - i) * sizeof(ngx_http_litellm_status_limit_t));
    l->n++;

    row->scope = item->scope;
    row->limit = limit;
    row->permille = permille;
    row->used = used;
    row->max = max;
    row->resets = item->account.window_ends;
    row->ends = item->account.period_ends;
    row->len = ngx_http_litellm_status_copy(row->name, &k->name);
    row->alias_len = ngx_http_litellm_status_copy(row->alias, &k->alias);
    row->model_len = ngx_http_litellm_status_copy(row->model, &k->model);
}


static size_t
ngx_http_litellm_status_copy(u_char *dst, ngx_str_t *src)
{
    size_t  len;

    len = ngx_min(src->len, NGX_HTTP_LITELLM_STATUS_NAME);

    if (len) {
        ngx_memcpy(dst, src->data, len);
    }

    return len;
}
