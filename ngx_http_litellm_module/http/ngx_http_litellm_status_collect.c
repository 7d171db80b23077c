
/*
 * How deployments and groups are, as their records tell: the steps of a status
 * request that look at all of them, a part in each turn.  Of the deployments
 * the worst and the busiest are kept in two heaps of a fixed size, all others
 * are only counted.
 */

#include "ngx_http_litellm_status.h"


/* deployments of one turn */
#define NGX_HTTP_LITELLM_STATUS_TURN  256

/* calls of a minute that say something */
#define NGX_HTTP_LITELLM_STATUS_FEW   5


static ngx_http_litellm_state_e ngx_http_litellm_status_state(
    ngx_http_litellm_status_t *st, ngx_litellm_config_t *config,
    ngx_litellm_deployment_t *d);
static ngx_uint_t ngx_http_litellm_status_spent(ngx_http_litellm_status_t *st,
    ngx_litellm_config_t *config, ngx_litellm_deployment_t *d);
static ngx_uint_t ngx_http_litellm_status_found(ngx_http_litellm_status_t *st,
    ngx_litellm_deployment_t *d);
static ngx_uint_t ngx_http_litellm_status_has(ngx_str_t *s, ngx_str_t *part);
static uint64_t ngx_http_litellm_status_score(ngx_litellm_deployment_t *d,
    ngx_http_litellm_state_e state);
static void ngx_http_litellm_status_add(ngx_http_litellm_status_top_t *top,
    ngx_http_litellm_status_item_t *item);
static void ngx_http_litellm_status_sink(
    ngx_http_litellm_status_item_t *items, ngx_uint_t i, ngx_uint_t n);
static void ngx_http_litellm_status_member(ngx_http_litellm_status_t *st,
    ngx_http_litellm_status_group_t *g, ngx_litellm_deployment_t *d);
static ngx_int_t ngx_http_litellm_status_group(ngx_http_litellm_status_t *st,
    ngx_http_litellm_status_group_t *g);


ngx_int_t
ngx_http_litellm_status_deployments(ngx_http_litellm_status_t *st)
{
    ngx_uint_t                       n;
    ngx_litellm_config_t            *config;
    ngx_litellm_deployment_t       **d;
    ngx_http_litellm_state_t        *s;
    ngx_http_litellm_status_item_t   item;

    for (n = 0; n < NGX_HTTP_LITELLM_STATUS_TURN; n++) {

        config = ngx_http_litellm_status_config(st);

        if (config == NULL) {
            ngx_http_litellm_status_sort(&st->bad);
            ngx_http_litellm_status_sort(&st->top);

            return NGX_OK;
        }

        if (st->index == config->deployments.nelts) {
            st->file++;
            st->index = 0;
            continue;
        }

        d = config->deployments.elts;

        item.deployment = d[st->index++];
        item.config = config;
        item.state = ngx_http_litellm_status_state(st, config,
                                                   item.deployment);

        s = item.deployment->state;

        st->total++;
        st->states[item.state]++;
        st->inflight += (s != NULL) ? s->inflight : 0;

        if (!ngx_http_litellm_status_unable(config, item.state)) {
            st->able++;
        }

        if (st->search.len
            && !ngx_http_litellm_status_found(st, item.deployment))
        {
            continue;
        }

        st->found++;

        item.score = ngx_http_litellm_status_score(item.deployment,
                                                   item.state);

        ngx_http_litellm_status_add((item.state == NGX_HTTP_LITELLM_WELL)
                                    ? &st->top : &st->bad, &item);
    }

    return NGX_AGAIN;
}


ngx_uint_t
ngx_http_litellm_status_unable(ngx_litellm_config_t *config,
    ngx_http_litellm_state_e state)
{
    switch (state) {

    case NGX_HTTP_LITELLM_UNUSABLE:
    case NGX_HTTP_LITELLM_LIMITED:
    case NGX_HTTP_LITELLM_SPENT:
    case NGX_HTTP_LITELLM_COOLDOWN:
        return 1;

    case NGX_HTTP_LITELLM_UNHEALTHY:
        return config->health.routing;

    default:
        return 0;
    }
}


/* what is worst of it */

static ngx_http_litellm_state_e
ngx_http_litellm_status_state(ngx_http_litellm_status_t *st,
    ngx_litellm_config_t *config, ngx_litellm_deployment_t *d)
{
    uint64_t                   requests;
    ngx_http_litellm_state_t  *s;

    s = d->state;

    if (ngx_http_litellm_cooldown_left(d)) {
        return NGX_HTTP_LITELLM_COOLDOWN;
    }

    if (s != NULL && s->unhealthy) {
        return NGX_HTTP_LITELLM_UNHEALTHY;
    }

    if (ngx_http_litellm_status_spent(st, config, d)) {
        return NGX_HTTP_LITELLM_SPENT;
    }

    if (ngx_http_litellm_state_check(d, 1, 1) != NGX_OK) {
        return NGX_HTTP_LITELLM_LIMITED;
    }

    if (d->no_credentials || d->blocked || d->provider == NULL) {
        return NGX_HTTP_LITELLM_UNUSABLE;
    }

    if (s == NULL) {
        return NGX_HTTP_LITELLM_WELL;
    }

    if (s->until) {
        return NGX_HTTP_LITELLM_HALF_OPEN;
    }

    requests = ngx_http_litellm_state_count(&s->requests);

    if (requests >= NGX_HTTP_LITELLM_STATUS_FEW
        && 2 * ngx_http_litellm_state_count(&s->failures) > requests)
    {
        return NGX_HTTP_LITELLM_ERRING;
    }

    return NGX_HTTP_LITELLM_WELL;
}


static ngx_uint_t
ngx_http_litellm_status_spent(ngx_http_litellm_status_t *st,
    ngx_litellm_config_t *config, ngx_litellm_deployment_t *d)
{
    ngx_litellm_named_budget_t  *b;
    ngx_http_litellm_account_t   account;

    if (st->mcf->zone == NULL) {
        return 0;
    }

    if (d->budget.max >= 0
        && ngx_http_litellm_ledger_read(st->mcf->zone,
                                        NGX_HTTP_LITELLM_OF_DEPLOYMENT,
                                        &d->id, &account)
           == NGX_OK
        && account.spend + account.reserved >= d->budget.max)
    {
        return 1;
    }

    if (config->limiting.providers == NULL || d->provider == NULL) {
        return 0;
    }

    b = ngx_http_litellm_status_named(config->limiting.providers,
                                      d->provider->name.data,
                                      d->provider->name.len);

    return b != NULL
           && ngx_http_litellm_ledger_read(st->mcf->zone,
                                           NGX_HTTP_LITELLM_OF_PROVIDER,
                                           &b->name, &account)
              == NGX_OK
           && account.spend + account.reserved >= b->budget.max;
}


static ngx_uint_t
ngx_http_litellm_status_found(ngx_http_litellm_status_t *st,
    ngx_litellm_deployment_t *d)
{
    return ngx_http_litellm_status_has(&d->group, &st->search)
           || ngx_http_litellm_status_has(&d->id, &st->search)
           || ngx_http_litellm_status_has(&d->full_model, &st->search)
           || ngx_http_litellm_status_has(&d->url.authority, &st->search);
}


/* part is in lower case */

static ngx_uint_t
ngx_http_litellm_status_has(ngx_str_t *s, ngx_str_t *part)
{
    size_t  i;

    for (i = 0; i + part->len <= s->len; i++) {
        if (ngx_strncasecmp(s->data + i, part->data, part->len) == 0) {
            return 1;
        }
    }

    return 0;
}


/* the worst state first, in it and of those that are well the busiest */

static uint64_t
ngx_http_litellm_status_score(ngx_litellm_deployment_t *d,
    ngx_http_litellm_state_e state)
{
    uint64_t                   n;
    ngx_http_litellm_state_t  *s;

    s = d->state;
    n = 0;

    if (s != NULL) {
        n = ngx_http_litellm_state_count(&s->requests) + s->inflight;
        n = ngx_min(n, ((uint64_t) 1 << 56) - 1);
    }

    return (uint64_t) state << 56 | n;
}


static void
ngx_http_litellm_status_add(ngx_http_litellm_status_top_t *top,
    ngx_http_litellm_status_item_t *item)
{
    ngx_uint_t                       i, parent;
    ngx_http_litellm_status_item_t  *items;

    items = top->items;

    if (top->n == top->max) {

        if (item->score > items[0].score) {
            items[0] = *item;
            ngx_http_litellm_status_sink(items, 0, top->n);
        }

        return;
    }

    for (i = top->n++; i > 0; i = parent) {
        parent = (i - 1) / 2;

        if (items[parent].score <= item->score) {
            break;
        }

        items[i] = items[parent];
    }

    items[i] = *item;
}


static void
ngx_http_litellm_status_sink(ngx_http_litellm_status_item_t *items,
    ngx_uint_t i, ngx_uint_t n)
{
    ngx_uint_t                      child;
    ngx_http_litellm_status_item_t  item;

    item = items[i];

    for ( ;; ) {
        child = 2 * i + 1;

        if (child >= n) {
            break;
        }

        if (child + 1 < n && items[child + 1].score < items[child].score) {
            child++;
        }

        if (item.score <= items[child].score) {
            break;
        }

        items[i] = items[child];
        i = child;
    }

    items[i] = item;
}


void
ngx_http_litellm_status_sort(ngx_http_litellm_status_top_t *top)
{
    ngx_uint_t                      i;
    ngx_http_litellm_status_item_t  item;

    for (i = top->n; i-- > 1; /* void */) {
        item = top->items[0];
        top->items[0] = top->items[i];
        top->items[i] = item;

        ngx_http_litellm_status_sink(top->items, 0, i);
    }
}


/*
 * Groups as they are configured.  One of them may be larger than a turn: it
 * goes on with the next member.
 */

ngx_int_t
ngx_http_litellm_status_groups(ngx_http_litellm_status_t *st)
{
    ngx_uint_t                        n;
    ngx_litellm_group_t             **groups;
    ngx_litellm_config_t             *config;
    ngx_litellm_deployment_t        **d;
    ngx_http_litellm_status_group_t  *g;

    g = &st->group;

    for (n = 0; n < NGX_HTTP_LITELLM_STATUS_TURN; n++) {

        config = ngx_http_litellm_status_config(st);

        if (config == NULL) {
            return NGX_OK;
        }

        groups = config->groups.elts;

        if (st->index == config->groups.nelts) {
            st->file++;
            st->index = 0;
            continue;
        }

        if (st->member == 0) {
            ngx_memzero(g, sizeof(ngx_http_litellm_status_group_t));

            g->group = groups[st->index];
            g->config = config;
        }

        if (st->member < g->group->deployments.nelts) {
            d = g->group->deployments.elts;
            ngx_http_litellm_status_member(st, g, d[st->member++]);
            continue;
        }

        st->member = 0;
        st->index++;

        if (ngx_http_litellm_status_group(st, g) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_AGAIN;
}


static void
ngx_http_litellm_status_member(ngx_http_litellm_status_t *st,
    ngx_http_litellm_status_group_t *g, ngx_litellm_deployment_t *d)
{
    ngx_msec_t                 left;
    ngx_http_litellm_state_e   state;
    ngx_http_litellm_state_t  *s;

    state = ngx_http_litellm_status_state(st, g->config, d);

    g->total++;
    g->states[state]++;

    if (!ngx_http_litellm_status_unable(g->config, state)) {
        g->able++;
    }

    /* half open: nobody has asked it since */

    if (state <= NGX_HTTP_LITELLM_HALF_OPEN
        && state != NGX_HTTP_LITELLM_ERRING)
    {
        g->good++;
    }

    if (state == NGX_HTTP_LITELLM_COOLDOWN) {
        s = d->state;
        left = ngx_http_litellm_cooldown_left(d);

        if (g->left == 0 || left < g->left) {
            g->left = left;
            g->cause = s->cause;
        }
    }
}


/* all its members were looked at */

static ngx_int_t
ngx_http_litellm_status_group(ngx_http_litellm_status_t *st,
    ngx_http_litellm_status_group_t *g)
{
    ngx_array_t                      *list;
    ngx_http_litellm_status_group_t  *p;

    if (g->total == 0) {
        return NGX_OK;
    }

    st->ngroups++;

    if (g->good == 0 && g->states[NGX_HTTP_LITELLM_UNUSABLE] < g->total) {

        /* one that never was served is no news */

        st->down++;
        list = &st->groups;

    } else if (g->good < g->total) {
        st->degraded++;
        list = &st->partly;

    } else {
        return NGX_OK;
    }

    if (list->nelts == NGX_HTTP_LITELLM_STATUS_GROUPS) {
        return NGX_OK;
    }

    p = ngx_array_push(list);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *p = *g;

    return NGX_OK;
}
