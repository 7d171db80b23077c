
/*
 * The ledger: what a request may take of its accounts, and what it did take.
 *
 * reserve() looks at all accounts before it changes one, and changes all of them
 * in one section; settle() is the reverse of it.  A section takes as many steps
 * as the request has claims, 24 at most, whatever the zone holds.  Names are
 * hashed before the lock is taken, but for those that are remembered.
 *
 * Tokens and money are bounded before they are reserved, so that sums of what
 * is in flight are exact; what was spent saturates.
 */

#include "ngx_http_litellm_ledger_zone.h"


/* who can't know when, asks again after a second */
#define NGX_HTTP_LITELLM_LEDGER_AGAIN   1000


typedef struct {
    ngx_http_litellm_ledger_t          *l;
    ngx_http_litellm_reservation_t     *rv;
    ngx_msec_t                          now;
    time_t                              sec;
    ngx_http_litellm_ledger_entry_t    *found[NGX_HTTP_LITELLM_CLAIMS];
    ngx_http_litellm_ledger_slot_t     *slot;
} ngx_http_litellm_ledger_take_t;


static ngx_int_t ngx_http_litellm_ledger_take_locked(
    ngx_http_litellm_ledger_take_t *t, ngx_http_litellm_ledger_name_t *names,
    ngx_uint_t dry);
static ngx_int_t ngx_http_litellm_ledger_check(
    ngx_http_litellm_ledger_take_t *t);
static ngx_uint_t ngx_http_litellm_ledger_check_budget(
    ngx_http_litellm_ledger_take_t *t, ngx_uint_t i);
static ngx_uint_t ngx_http_litellm_ledger_check_limits(
    ngx_http_litellm_ledger_take_t *t, ngx_uint_t i);
static ngx_uint_t ngx_http_litellm_ledger_refuse(
    ngx_http_litellm_ledger_take_t *t, ngx_uint_t i,
    ngx_http_litellm_limit_e limit, int64_t max, int64_t current,
    int64_t resets);
static void ngx_http_litellm_ledger_apply(ngx_http_litellm_ledger_take_t *t);
static void ngx_http_litellm_ledger_show(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_claim_t *claim, ngx_http_litellm_ledger_entry_t *e,
    ngx_msec_t now);
static void ngx_http_litellm_ledger_count(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_counts_t *c, uint32_t serial, int64_t requests,
    int64_t tokens);
static void ngx_http_litellm_ledger_spend(ngx_http_litellm_ledger_counts_t *c,
    int64_t cost);


#define ngx_http_litellm_ledger_bound(n, max)  ngx_max(ngx_min(n, max), 0)


ngx_int_t
ngx_http_litellm_ledger_reserve(ngx_shm_zone_t *zone,
    ngx_http_litellm_reservation_t *rv, ngx_uint_t dry)
{
    ngx_int_t                       rc;
    ngx_uint_t                      i;
    ngx_http_litellm_claim_t       *claim;
    ngx_http_litellm_ledger_t      *l;
    ngx_http_litellm_ledger_name_t  names[NGX_HTTP_LITELLM_CLAIMS];
    ngx_http_litellm_ledger_take_t  t;

    if (rv->slot != NULL) {
        return NGX_OK;
    }

    rv->refused = NULL;
    rv->limit = NGX_HTTP_LITELLM_NO_LIMIT;
    rv->max = 0;
    rv->current = 0;
    rv->resets = 0;

    if (rv->n > NGX_HTTP_LITELLM_CLAIMS) {
        return NGX_BUSY;
    }

    rv->tokens = ngx_http_litellm_ledger_bound(rv->tokens,
                                              NGX_HTTP_LITELLM_LEDGER_TOKENS);
    rv->cost = ngx_http_litellm_ledger_bound(rv->cost,
                                             NGX_HTTP_LITELLM_LEDGER_COST);

    l = ngx_http_litellm_zone_ledger(zone);

    for (i = 0; i < rv->n; i++) {
        claim = &rv->claims[i];

        ngx_http_litellm_ledger_name(l, claim->scope, &claim->name, &names[i]);

        claim->requests_left = -1;
        claim->tokens_left = -1;
        claim->parallel_left = -1;
        claim->spend = 0;
        claim->account = 0;
    }

    t.l = l;
    t.rv = rv;
    t.now = ngx_current_msec;
    t.sec = ngx_time();

    ngx_http_litellm_ledger_lock(l);

    rc = ngx_http_litellm_ledger_take_locked(&t, names, dry);

    ngx_http_litellm_ledger_unlock(l);

    return rc;
}


static ngx_int_t
ngx_http_litellm_ledger_take_locked(ngx_http_litellm_ledger_take_t *t,
    ngx_http_litellm_ledger_name_t *names, ngx_uint_t dry)
{
    ngx_int_t                         rc;
    ngx_uint_t                        i;
    ngx_http_litellm_ledger_t        *l;
    ngx_http_litellm_ledger_entry_t  *e;
    ngx_http_litellm_reservation_t   *rv;

    l = t->l;
    rv = t->rv;

    for (i = 0; i < rv->n; i++) {
        e = ngx_http_litellm_ledger_get_locked(l, &names[i]);

        if (e == NULL) {
            rv->refused = &rv->claims[i];
            return NGX_BUSY;
        }

        t->found[i] = e;
        rv->claims[i].account = ngx_http_litellm_ledger_place(l, e);
    }

    t->slot = ngx_http_litellm_ledger_slot_locked(l);
    if (t->slot == NULL) {
        return NGX_BUSY;
    }

    /* keep is no part of what may be undone: it says the same the next time */

    for (i = 0; i < rv->n; i++) {

        if (rv->claims[i].keep && !t->found[i]->c.keep) {
            t->found[i]->c.keep = 1;
            l->version++;
        }
    }

    ngx_http_litellm_ledger_begin(l, t->found, rv->n, t->slot);

    for (i = 0; i < rv->n; i++) {
        ngx_http_litellm_ledger_roll(l, &t->found[i]->c, t->now, t->sec);
        ngx_http_litellm_ledger_period(&t->found[i]->c, &rv->claims[i].period,
                                       t->sec);
    }

    rc = ngx_http_litellm_ledger_check(t);

    if (rc == NGX_OK || dry) {
        rc = NGX_OK;
        ngx_http_litellm_ledger_apply(t);
    }

    ngx_http_litellm_ledger_end(l);

    for (i = 0; i < rv->n; i++) {
        ngx_http_litellm_ledger_show(l, &rv->claims[i], t->found[i], t->now);
        ngx_http_litellm_ledger_touch_locked(l, t->found[i]);
    }

    if (rc == NGX_OK) {
        rv->slot = t->slot;

    } else {
        ngx_http_litellm_ledger_slot_free(t->slot);
    }

    return rc;
}


static ngx_int_t
ngx_http_litellm_ledger_check(ngx_http_litellm_ledger_take_t *t)
{
    ngx_uint_t  i;

    for (i = 0; i < t->rv->n; i++) {
        if (ngx_http_litellm_ledger_check_budget(t, i)) {
            return NGX_DECLINED;
        }
    }

    for (i = 0; i < t->rv->n; i++) {
        if (ngx_http_litellm_ledger_check_limits(t, i)) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_litellm_ledger_check_budget(ngx_http_litellm_ledger_take_t *t,
    ngx_uint_t i)
{
    int64_t                            used, cost, left;
    ngx_http_litellm_claim_t          *claim;
    ngx_http_litellm_ledger_counts_t  *c;

    claim = &t->rv->claims[i];
    c = &t->found[i]->c;

    if (claim->budget < 0 || claim->soft) {
        return 0;
    }

    cost = t->rv->cost;
    used = ngx_litellm_money_add(c->spend, ngx_http_litellm_ledger_owed(c));

    if (c->spend < claim->budget && used <= claim->budget
        && cost <= claim->budget - used)
    {
        return 0;
    }

    if (c->spend < claim->budget && cost <= claim->budget - c->spend) {
        left = NGX_HTTP_LITELLM_LEDGER_AGAIN;

    } else if (c->period == NGX_LITELLM_NEVER) {
        left = 0;

    } else {
        left = (c->ends - t->sec) * 1000;
    }

    return ngx_http_litellm_ledger_refuse(t, i, NGX_HTTP_LITELLM_BUDGET,
                                          claim->budget, used, left);
}


static ngx_uint_t
ngx_http_litellm_ledger_check_limits(ngx_http_litellm_ledger_take_t *t,
    ngx_uint_t i)
{
    int64_t                            used, want;
    ngx_http_litellm_claim_t          *claim;
    ngx_http_litellm_ledger_counts_t  *c;

    claim = &t->rv->claims[i];
    c = &t->found[i]->c;

    if (claim->soft) {
        return 0;
    }

    if (claim->rpm >= 0) {
        used = ngx_http_litellm_ledger_weigh(t->l, c, c->requests,
                                             c->past_requests, t->now);

        if (used >= claim->rpm) {
            return ngx_http_litellm_ledger_refuse(t, i,
                           NGX_HTTP_LITELLM_REQUESTS, claim->rpm, used,
                           ngx_http_litellm_ledger_wait(t->l, c, c->requests,
                                                        c->past_requests, 1,
                                                        claim->rpm, t->now));
        }
    }

    if (claim->tpm >= 0) {
        want = ngx_max(t->rv->tokens, 1);
        used = ngx_http_litellm_ledger_weigh(t->l, c, c->tokens,
                                             c->past_tokens, t->now);

        if (used > claim->tpm || want > claim->tpm - used) {
            return ngx_http_litellm_ledger_refuse(t, i,
                           NGX_HTTP_LITELLM_TOKENS, claim->tpm, used,
                           ngx_http_litellm_ledger_wait(t->l, c, c->tokens,
                                                        c->past_tokens, want,
                                                        claim->tpm, t->now));
        }
    }

    if (claim->parallel >= 0 && (int64_t) c->inflight >= claim->parallel) {
        return ngx_http_litellm_ledger_refuse(t, i, NGX_HTTP_LITELLM_PARALLEL,
                                              claim->parallel, c->inflight,
                                              NGX_HTTP_LITELLM_LEDGER_AGAIN);
    }

    return 0;
}


static ngx_uint_t
ngx_http_litellm_ledger_refuse(ngx_http_litellm_ledger_take_t *t,
    ngx_uint_t i, ngx_http_litellm_limit_e limit, int64_t max, int64_t current,
    int64_t resets)
{
    t->rv->refused = &t->rv->claims[i];
    t->rv->limit = limit;
    t->rv->max = max;
    t->rv->current = current;
    t->rv->resets = resets;

    return 1;
}


/* an account that two claims name is counted once */

static void
ngx_http_litellm_ledger_apply(ngx_http_litellm_ledger_take_t *t)
{
    ngx_uint_t                           i, j, n;
    ngx_http_litellm_ledger_slot_t      *slot;
    ngx_http_litellm_ledger_counts_t    *c;
    ngx_http_litellm_ledger_item_ref_t  *item;

    slot = t->slot;
    slot->h.tokens = t->rv->tokens;
    slot->h.cost = t->rv->cost;

    n = 0;

    for (i = 0; i < t->rv->n; i++) {

        for (j = 0; j < i && t->found[j] != t->found[i]; j++) { /* void */ }

        if (j < i) {
            continue;
        }

        c = &t->found[i]->c;

        if (!c->begun) {
            c->begun = 1;
            c->window = t->now;
        }

        c->gone = 0;
        c->requests += (c->requests != 0xffffffff);
        c->tokens = ngx_litellm_money_add(c->tokens, t->rv->tokens);
        c->inflight++;
        c->reserved += (uint64_t) t->rv->cost;

        item = &slot->items[n++];
        item->entry = ngx_http_litellm_ledger_place(t->l, t->found[i]);
        item->serial = c->serial;
    }

    slot->h.n = n;
}


/* what a claim has left, behind the section */

static void
ngx_http_litellm_ledger_show(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_claim_t *claim, ngx_http_litellm_ledger_entry_t *e,
    ngx_msec_t now)
{
    int64_t                            used;
    ngx_http_litellm_ledger_counts_t  *c;

    c = &e->c;

    claim->spend = ngx_http_litellm_ledger_add(c->spend, -c->others_reserved);

    if (claim->rpm >= 0) {
        used = ngx_http_litellm_ledger_weigh(l, c, c->requests,
                                             c->past_requests, now);
        claim->requests_left = ngx_max(claim->rpm - used, 0);
    }

    if (claim->tpm >= 0) {
        used = ngx_http_litellm_ledger_weigh(l, c, c->tokens, c->past_tokens,
                                             now);
        claim->tokens_left = ngx_max(claim->tpm - used, 0);
    }

    if (claim->parallel >= 0) {
        claim->parallel_left = ngx_max(claim->parallel - (int64_t) c->inflight,
                                       0);
    }
}


void
ngx_http_litellm_ledger_settle(ngx_shm_zone_t *zone,
    ngx_http_litellm_reservation_t *rv, int64_t tokens, int64_t cost,
    ngx_uint_t counted)
{
    ngx_uint_t                        i;
    ngx_http_litellm_ledger_t        *l;
    ngx_http_litellm_ledger_slot_t   *slot;
    ngx_http_litellm_ledger_entry_t  *e;

    slot = rv->slot;
    rv->slot = NULL;

    if (slot == NULL) {
        return;
    }

    l = ngx_http_litellm_zone_ledger(zone);

    if (!ngx_http_litellm_ledger_owns(l)) {

        /* this worker has left, and given back all that it had */

        return;
    }

    ngx_http_litellm_ledger_lock(l);

    ngx_http_litellm_ledger_settle_locked(l, slot, tokens, cost, counted);

    for (i = 0; i < rv->n; i++) {

        if (rv->claims[i].account) {
            e = ngx_http_litellm_ledger_at(l, rv->claims[i].account);
            rv->claims[i].spend = ngx_http_litellm_ledger_add(e->c.spend,
                                                       -e->c.others_reserved);
        }
    }

    ngx_http_litellm_ledger_unlock(l);

    ngx_http_litellm_ledger_slot_free(slot);
}


void
ngx_http_litellm_ledger_settle_locked(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_slot_t *slot, int64_t tokens, int64_t cost,
    ngx_uint_t counted)
{
    time_t                            sec;
    int64_t                           requests;
    ngx_uint_t                        i, n;
    ngx_msec_t                        now;
    ngx_http_litellm_ledger_entry_t  *e;
    ngx_http_litellm_ledger_entry_t  *entries[NGX_HTTP_LITELLM_CLAIMS];

    now = ngx_current_msec;
    sec = ngx_time();

    n = slot->h.n;

    for (i = 0; i < n; i++) {
        entries[i] = ngx_http_litellm_ledger_at(l, slot->items[i].entry);
    }

    ngx_http_litellm_ledger_begin(l, entries, n, slot);

    if (tokens < 0) {
        tokens = slot->h.tokens;
    }

    if (cost < 0) {
        cost = slot->h.cost;
    }

    tokens = ngx_min(tokens, NGX_HTTP_LITELLM_LEDGER_TOKENS);
    requests = counted ? 0 : -1;

    for (i = 0; i < n; i++) {
        e = entries[i];

        ngx_http_litellm_ledger_roll(l, &e->c, now, sec);

        e->c.inflight--;
        e->c.reserved -= (uint64_t) slot->h.cost;

        ngx_http_litellm_ledger_count(l, &e->c, slot->items[i].serial,
                                      requests, tokens - slot->h.tokens);
        ngx_http_litellm_ledger_spend(&e->c, cost);
    }

    slot->h.n = 0;

    if (cost) {
        l->version++;
    }

    ngx_http_litellm_ledger_end(l);

    for (i = 0; i < n; i++) {
        ngx_http_litellm_ledger_touch_locked(l, entries[i]);
    }
}


/* tokens may be less than 0: what was reserved and not taken */

static void
ngx_http_litellm_ledger_count(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_counts_t *c, uint32_t serial, int64_t requests,
    int64_t tokens)
{
    int64_t   *t;
    uint32_t  *r;

    if (serial == c->serial) {
        r = &c->requests;
        t = &c->tokens;

    } else if (l->sliding && serial + 1 == c->serial) {
        r = &c->past_requests;
        t = &c->past_tokens;

    } else {
        return;
    }

    if (requests < 0 && *r > 0) {
        (*r)--;
    }

    *t = (tokens < 0) ? ngx_max(*t + tokens, 0)
                      : ngx_litellm_money_add(*t, tokens);
}


static void
ngx_http_litellm_ledger_spend(ngx_http_litellm_ledger_counts_t *c,
    int64_t cost)
{
    if (c->gone) {
        return;
    }

    c->spend = ngx_litellm_money_add(c->spend, cost);
    c->total = ngx_litellm_money_add(c->total, cost);
}
