
/*
 * Accounts that several gateways share (ngx_http_litellm_redis_share.c).
 *
 * Each gateway tells the others what it has counted itself in the window and
 * the period that are now: absolute figures with a version, not what was added
 * since the last time.  To tell them again does no harm, so that a lost reply,
 * a dead worker or a server that forgot all needs no care.  What the others
 * have counted is part of an account's figures, so that limits and budgets are
 * held to the sum, and is kept beside them, too (c.others_...): the rest is
 * our own.
 *
 * Accounts that were asked for or changed are put into a ring; if it is full,
 * or all is to be told, a walk finds them, a few pieces under each hold of the
 * lock.
 */

#include "ngx_http_litellm_ledger_zone.h"


/* pieces that one call looks at */
#define NGX_HTTP_LITELLM_LEDGER_PIECES  64

/* how far clocks may differ, ms, and a part of the window */
#define NGX_HTTP_LITELLM_LEDGER_SKEW    2000
#define NGX_HTTP_LITELLM_LEDGER_PART    8

/* of what others say; more is no figure that can be meant */
#define NGX_HTTP_LITELLM_LEDGER_MANY    ((int64_t) 1000000000)


static void ngx_http_litellm_ledger_share_copy(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_entry_t *e, ngx_http_litellm_ledger_share_t *s);
static void ngx_http_litellm_ledger_share_walk_locked(
    ngx_http_litellm_ledger_t *l);
static void ngx_http_litellm_ledger_share_part(
    ngx_http_litellm_ledger_counts_t *c, ngx_http_litellm_ledger_share_t *s,
    ngx_http_litellm_ledger_others_t *o);
static void ngx_http_litellm_ledger_share_own(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_counts_t *c, ngx_http_litellm_ledger_share_t *s,
    ngx_http_litellm_ledger_others_t *o);
static void ngx_http_litellm_ledger_share_window(
    ngx_http_litellm_ledger_t *l, ngx_http_litellm_ledger_counts_t *c,
    ngx_http_litellm_ledger_share_t *s, ngx_http_litellm_ledger_others_t *o,
    ngx_msec_t now);
static void ngx_http_litellm_ledger_share_over(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_counts_t *c, ngx_http_litellm_ledger_share_t *s,
    ngx_http_litellm_ledger_others_t *o, ngx_msec_t now);
static ngx_uint_t ngx_http_litellm_ledger_share_early(
    ngx_http_litellm_ledger_t *l, ngx_http_litellm_ledger_counts_t *c,
    ngx_msec_t now);
static void ngx_http_litellm_ledger_share_period(
    ngx_http_litellm_ledger_counts_t *c, ngx_http_litellm_ledger_share_t *s,
    ngx_http_litellm_ledger_others_t *o, time_t sec);


ngx_int_t
ngx_http_litellm_ledger_share_on(ngx_shm_zone_t *zone)
{
    ngx_http_litellm_ledger_t  *l;

    l = ngx_http_litellm_zone_ledger(zone);

    ngx_http_litellm_ledger_lock(l);

    if (l->ring == NULL) {
        l->ring = ngx_slab_alloc_locked(l->shpool,
                                        NGX_HTTP_LITELLM_LEDGER_RING
                                        * sizeof(uint32_t));
    }

    ngx_http_litellm_ledger_unlock(l);

    return (l->ring != NULL) ? NGX_OK : NGX_ERROR;
}


/* in the ring first: a process that is killed here leaves it there twice */

void
ngx_http_litellm_ledger_touch_locked(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_entry_t *e)
{
    if (l->ring == NULL || e->c.touched) {
        return;
    }

    if (l->ring_last - l->ring_first < NGX_HTTP_LITELLM_LEDGER_RING) {
        l->ring[l->ring_last % NGX_HTTP_LITELLM_LEDGER_RING]
                                        = ngx_http_litellm_ledger_place(l, e);
        ngx_http_litellm_ledger_order();
        l->ring_last++;

    } else {
        l->walk_again = 1;
    }

    ngx_http_litellm_ledger_order();
    e->c.touched = 1;
}


void
ngx_http_litellm_ledger_share_all(ngx_shm_zone_t *zone)
{
    ngx_http_litellm_ledger_t  *l;

    l = ngx_http_litellm_zone_ledger(zone);

    ngx_http_litellm_ledger_lock(l);

    l->walk = l->pieces;
    l->walk_all = 1;
    l->walk_again = 0;

    ngx_http_litellm_ledger_unlock(l);
}


void
ngx_http_litellm_ledger_share_live(ngx_shm_zone_t *zone)
{
    ngx_http_litellm_ledger_t  *l;

    l = ngx_http_litellm_zone_ledger(zone);

    ngx_http_litellm_ledger_lock(l);

    if (l->walk == NULL) {
        l->walk = l->pieces;
        l->walk_all = 0;
    }

    ngx_http_litellm_ledger_unlock(l);
}


ngx_uint_t
ngx_http_litellm_ledger_share_next(ngx_shm_zone_t *zone,
    ngx_http_litellm_ledger_share_t *shares, ngx_uint_t n)
{
    ngx_uint_t                        got;
    ngx_http_litellm_ledger_t        *l;
    ngx_http_litellm_ledger_entry_t  *e;

    l = ngx_http_litellm_zone_ledger(zone);

    if (l->ring == NULL) {
        return 0;
    }

    got = 0;

    ngx_http_litellm_ledger_lock(l);

    if (l->walk == NULL && l->walk_again) {
        l->walk_again = 0;
        l->walk = l->pieces;
        l->walk_all = 1;
    }

    if (l->walk != NULL) {
        ngx_http_litellm_ledger_share_walk_locked(l);
    }

    while (got < n && l->ring_first != l->ring_last) {

        e = ngx_http_litellm_ledger_at(l,
                    l->ring[l->ring_first % NGX_HTTP_LITELLM_LEDGER_RING]);

        l->ring_first++;

        if (!e->used || !e->c.touched) {
            continue;
        }

        e->c.touched = 0;

        if (e->c.gone) {
            continue;
        }

        ngx_http_litellm_ledger_share_copy(l, e, &shares[got++]);
    }

    ngx_http_litellm_ledger_unlock(l);

    return got;
}


ngx_uint_t
ngx_http_litellm_ledger_share_more(ngx_shm_zone_t *zone)
{
    return ngx_http_litellm_zone_ledger(zone)->walk != NULL;
}


/* touches what a walk is for, as long as the ring has room */

static void
ngx_http_litellm_ledger_share_walk_locked(ngx_http_litellm_ledger_t *l)
{
    ngx_uint_t                         k, per, room;
    ngx_http_litellm_ledger_entry_t   *e;
    ngx_http_litellm_ledger_cursor_t   cursor;

    per = ngx_http_litellm_ledger_per_piece(ngx_http_litellm_ledger_entry_t);

    for (k = 0; k < NGX_HTTP_LITELLM_LEDGER_PIECES && l->walk != NULL; k++) {

        room = NGX_HTTP_LITELLM_LEDGER_RING
               - (l->ring_last - l->ring_first);

        if (room < per) {
            return;
        }

        cursor.piece = l->walk;
        cursor.n = 0;

        do {
            e = ngx_http_litellm_ledger_next_locked(&cursor);

            if (!e->used) {
                continue;
            }

            if (l->walk_all && e->c.touched) {

                /* it may have missed its place in the ring */

                e->c.touched = 0;
                ngx_http_litellm_ledger_touch_locked(l, e);
                continue;
            }

            if (e->c.inflight
                || (l->walk_all && (e->c.begun || e->c.spend != 0)))
            {
                ngx_http_litellm_ledger_touch_locked(l, e);
            }

        } while (cursor.n != 0);

        l->walk = cursor.piece;
    }
}


ngx_uint_t
ngx_http_litellm_ledger_share_claims(ngx_shm_zone_t *zone,
    ngx_http_litellm_reservation_t *rv,
    ngx_http_litellm_ledger_share_t *shares)
{
    ngx_uint_t                  i, k;
    ngx_http_litellm_ledger_t  *l;

    l = ngx_http_litellm_zone_ledger(zone);

    ngx_http_litellm_ledger_lock(l);

    for (i = 0; i < rv->n; i++) {

        /* two claims of one account are one */

        for (k = 0; k < i; k++) {
            if (rv->claims[k].account == rv->claims[i].account) {
                break;
            }
        }

        if (k < i) {
            shares[i] = shares[k];
            shares[i].same = 1;
            continue;
        }

        ngx_http_litellm_ledger_share_copy(l,
                  ngx_http_litellm_ledger_at(l, rv->claims[i].account),
                  &shares[i]);
    }

    ngx_http_litellm_ledger_unlock(l);

    return rv->n;
}


static void
ngx_http_litellm_ledger_share_copy(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_entry_t *e, ngx_http_litellm_ledger_share_t *s)
{
    uint64_t                           now;
    ngx_time_t                        *tp;
    ngx_http_litellm_ledger_counts_t  *c;

    c = &e->c;

    ngx_http_litellm_ledger_begin(l, &e, 1, NULL);
    ngx_http_litellm_ledger_roll(l, c, ngx_current_msec, ngx_time());
    ngx_http_litellm_ledger_end(l);

    /* higher than that of a process before this one, if clocks go forward */

    tp = ngx_timeofday();
    now = ((uint64_t) tp->sec * 1000 + tp->msec) * 1000;

    l->share_version = ngx_max(l->share_version + 1, now);

    s->place = ngx_http_litellm_ledger_place(l, e);
    s->hash = e->hash;
    s->same = 0;
    s->scope = e->scope;
    s->len = e->len;
    ngx_memcpy(s->name, e->name, e->len);

    s->version = l->share_version;
    s->boot = l->boot;
    s->serial = c->serial;
    s->told = c->told;
    s->set = c->set;
    s->window = c->begun ? c->shared : 0;
    s->requests = (int64_t) c->requests - c->others_requests;
    s->tokens = c->tokens - c->others_tokens;
    s->inflight = (int64_t) c->inflight - c->others_inflight;
    s->reserved = ngx_http_litellm_ledger_owed(c);
    s->spend = c->spend - c->others_spend;
    s->ends = (c->period == NGX_LITELLM_NEVER) ? 0 : c->ends;
}


void
ngx_http_litellm_ledger_share_merge(ngx_shm_zone_t *zone,
    ngx_http_litellm_ledger_share_t *s, ngx_http_litellm_ledger_others_t *o,
    ngx_uint_t n, ngx_uint_t part)
{
    time_t                             sec;
    ngx_uint_t                         i;
    ngx_msec_t                         now;
    ngx_http_litellm_ledger_t         *l;
    ngx_http_litellm_ledger_entry_t   *e;
    ngx_http_litellm_ledger_counts_t  *c;

    l = ngx_http_litellm_zone_ledger(zone);
    now = ngx_current_msec;
    sec = ngx_time();

    ngx_http_litellm_ledger_lock(l);

    for (i = 0; i < n; i++) {

        e = ngx_http_litellm_ledger_at(l, s[i].place);
        c = &e->c;

        if (s[i].same || !e->used || e->hash != s[i].hash || c->gone
            || (c->told && s[i].version < c->merged))
        {
            continue;
        }

        ngx_http_litellm_ledger_begin(l, &e, 1, NULL);

        ngx_http_litellm_ledger_roll(l, c, now, sec);

        if (part) {
            ngx_http_litellm_ledger_share_part(c, &s[i], &o[i]);
        }

        ngx_http_litellm_ledger_share_own(l, c, &s[i], &o[i]);

        c->merged = s[i].version;
        ngx_http_litellm_ledger_share_window(l, c, &s[i], &o[i], now);
        ngx_http_litellm_ledger_share_period(c, &s[i], &o[i], sec);

        o[i].inflight = ngx_max(ngx_min(o[i].inflight,
                                        NGX_HTTP_LITELLM_LEDGER_MANY), 0);

        c->inflight += (uint32_t) o[i].inflight - c->others_inflight;
        c->others_inflight = (uint32_t) o[i].inflight;

        ngx_http_litellm_ledger_end(l);

        if (o[i].own || s[i].set
            || (s[i].window != 0 && o[i].window != s[i].window
                && c->shared == o[i].window))
        {
            ngx_http_litellm_ledger_touch_locked(l, e);
        }
    }

    ngx_http_litellm_ledger_unlock(l);
}


/* others may have more than they have told: what is known of them counts on */

static void
ngx_http_litellm_ledger_share_part(ngx_http_litellm_ledger_counts_t *c,
    ngx_http_litellm_ledger_share_t *s, ngx_http_litellm_ledger_others_t *o)
{
    int64_t  told, known;

    if (o->window != 0 && c->begun && c->serial == s->serial
        && c->shared == s->window)
    {
        o->requests = ngx_max(o->requests, (int64_t) c->others_requests);
        o->tokens = ngx_max(o->tokens, c->others_tokens);
    }

    o->inflight = ngx_max(o->inflight, (int64_t) c->others_inflight);

    /* what was spent of it is no less, either */

    told = ngx_http_litellm_ledger_add(o->spend, -o->reserved);
    known = ngx_http_litellm_ledger_add(c->others_spend, -c->others_reserved);

    o->spend = ngx_max(o->spend, c->others_spend);
    o->reserved = ngx_http_litellm_ledger_add(o->spend,
                                              -ngx_max(told, known));
}


/*
 * What we had told ourselves and do not know any more: of a process before
 * this one, that had no time to write it into its file, or of a window that
 * goes on for the others and has ended here.
 */

static void
ngx_http_litellm_ledger_share_own(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_counts_t *c, ngx_http_litellm_ledger_share_t *s,
    ngx_http_litellm_ledger_others_t *o)
{
    int64_t  ends, n;

    ends = (c->period == NGX_LITELLM_NEVER) ? 0 : c->ends;

    if (o->own && !c->told && o->own_boot != s->boot && ends == s->ends
        && o->own_ends == o->ends && (ends == 0) == (o->ends == 0))
    {
        n = ngx_max(ngx_min(o->own_spend, NGX_LITELLM_MONEY_MAX),
                    -NGX_LITELLM_MONEY_MAX);

        /* what this process has spent meanwhile is in neither */

        n = ngx_http_litellm_ledger_add(n, -(int64_t) c->merged);

        if (n > 0) {
            c->spend = ngx_http_litellm_ledger_add(c->spend, n);
            c->total = ngx_max(c->total, c->spend);
        }
    }

    n = ngx_min(o->own_requests, NGX_HTTP_LITELLM_LEDGER_MANY);

    /* told of the same window, each of several workers is told of it */

    if (o->own && c->serial == s->serial && o->own_serial != s->serial
        && o->window != 0 && o->own_window == o->window
        && c->shared != o->window)
    {
        c->requests = (uint32_t) ngx_min((int64_t) c->requests + n,
                                         NGX_HTTP_LITELLM_LEDGER_MANY);
        c->tokens = ngx_http_litellm_ledger_add(c->tokens, o->own_tokens);

        if (l->sliding && o->own_serial + 1 == c->serial) {

            /* it is not past yet */

            n = ngx_http_litellm_ledger_add(n, o->requests);
            c->past_requests = (uint32_t) ngx_max((int64_t) c->past_requests
                                                  - n, 0);

            n = ngx_http_litellm_ledger_add(o->own_tokens, o->tokens);
            n = ngx_http_litellm_ledger_add(c->past_tokens, -n);
            c->past_tokens = ngx_max(n, 0);
        }

    } else if (o->own && !c->told && l->sliding
               && o->own_window != 0 && o->own_window < o->window
               && o->window - o->own_window < 2 * (uint64_t) l->window)
    {
        c->past_requests = (uint32_t) ngx_min((int64_t) c->past_requests + n,
                                              NGX_HTTP_LITELLM_LEDGER_MANY);
        c->past_tokens = ngx_http_litellm_ledger_add(c->past_tokens,
                                                     o->own_tokens);
    }

    c->told = 1;
}


/* requests and tokens; the window ends when that of the others does */

static void
ngx_http_litellm_ledger_share_window(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_counts_t *c, ngx_http_litellm_ledger_share_t *s,
    ngx_http_litellm_ledger_others_t *o, ngx_msec_t now)
{
    int64_t  requests;

    if (c->serial != s->serial
        || (c->shared != s->window && s->window != 0))
    {
        /* another window than the one that was told of */

        return;
    }

    if (s->window != 0 && o->window != s->window
        && (o->window == 0 || o->window > s->window))
    {
        if (!ngx_http_litellm_ledger_share_early(l, c, now)) {
            ngx_http_litellm_ledger_share_over(l, c, s, o, now);
            return;
        }

        c->shared = o->window;
    }

    if (o->window == 0) {
        return;
    }

    /* one that began before ours: what was counted here is of it, too */

    requests = ngx_max(ngx_min(o->requests, NGX_HTTP_LITELLM_LEDGER_MANY), 0);

    c->requests = (uint32_t) ngx_max((int64_t) c->requests
                                     - c->others_requests + requests, 0);
    c->others_requests = (uint32_t) requests;

    o->tokens = ngx_max(ngx_min(o->tokens, NGX_LITELLM_MONEY_MAX), 0);
    c->tokens = ngx_http_litellm_ledger_add(c->tokens - c->others_tokens,
                                      o->tokens);
    c->others_tokens = o->tokens;

    if (!c->begun || c->shared != o->window) {
        c->begun = 1;
        c->shared = o->window;
        c->window = now - (ngx_msec_t) ngx_max(ngx_min(o->age,
                                               (int64_t) l->window), 0);
    }
}


/*
 * The window of the others has ended, and so has ours: what is counted from now
 * on is of the next.
 */

static void
ngx_http_litellm_ledger_share_over(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_counts_t *c, ngx_http_litellm_ledger_share_t *s,
    ngx_http_litellm_ledger_others_t *o, ngx_msec_t now)
{
    if (l->sliding && (o->window == 0
                       || o->window - s->window < 2 * (uint64_t) l->window))
    {
        /* as if its time had come here */

        c->window = now - l->window;
        ngx_http_litellm_ledger_roll(l, c, now, ngx_time());
        return;
    }

    ngx_http_litellm_ledger_over(c);
}


/*
 * A server whose clock was set, that has lost its data, or that lies must not
 * make us forget what we have counted ourselves in a window that goes on: it is
 * told as of the window that is said to be now.
 */

static ngx_uint_t
ngx_http_litellm_ledger_share_early(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_counts_t *c, ngx_msec_t now)
{
    ngx_msec_t  skew;

    skew = ngx_max(l->window / NGX_HTTP_LITELLM_LEDGER_PART,
                   NGX_HTTP_LITELLM_LEDGER_SKEW);

    return c->begun
           && (ngx_msec_int_t) (now - c->window + skew)
              < (ngx_msec_int_t) l->window;
}


static void
ngx_http_litellm_ledger_share_period(ngx_http_litellm_ledger_counts_t *c,
    ngx_http_litellm_ledger_share_t *s, ngx_http_litellm_ledger_others_t *o,
    time_t sec)
{
    int64_t  ends, more;

    ends = (c->period == NGX_LITELLM_NEVER) ? 0 : c->ends;

    if (ends != s->ends || (ends == 0) != (o->ends == 0)) {
        return;
    }

    o->spend = ngx_max(ngx_min(o->spend, NGX_LITELLM_MONEY_MAX),
                       -NGX_LITELLM_MONEY_MAX);

    o->reserved = ngx_max(ngx_min(o->reserved, NGX_LITELLM_MONEY_MAX), 0);

    more = ngx_http_litellm_ledger_add(o->spend, -c->others_spend);

    if (c->set) {
        more = o->reserved - c->others_reserved;
        c->set = !s->set;
    }

    c->spend = ngx_http_litellm_ledger_add(c->spend, more);
    c->others_spend = o->spend;
    c->others_reserved = o->reserved;

    if (o->ends > (int64_t) sec) {
        c->ends = o->ends;
    }
}
