
/*
 * The ledger's accounts to those who don't reserve: read, set, forgotten,
 * walked over, kept over a restart; and how a new zone's ledger is made.
 */

#include "ngx_http_litellm_ledger_zone.h"
#include <openssl/rand.h>


/* of the zone's pages: for accounts at most, and for slots at least */
#define NGX_HTTP_LITELLM_LEDGER_SHARE   3 / 4
#define NGX_HTTP_LITELLM_LEDGER_SPARE   32

/* pieces that a walk looks at under one hold of the lock */
#define NGX_HTTP_LITELLM_LEDGER_STEP    16
#define NGX_HTTP_LITELLM_LEDGER_DONE    ((uint64_t) 1 << 63)


static void ngx_http_litellm_ledger_copy(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_entry_t *e, ngx_http_litellm_account_t *account);


ngx_http_litellm_ledger_t *
ngx_http_litellm_ledger_create(ngx_slab_pool_t *shpool)
{
    size_t                            size;
    ngx_uint_t                        n, pieces;
    ngx_http_litellm_ledger_t        *l;
    ngx_http_litellm_ledger_piece_t  *piece;

    l = ngx_slab_calloc(shpool, sizeof(ngx_http_litellm_ledger_t));
    if (l == NULL) {
        return NULL;
    }

    if (RAND_bytes((u_char *) l->key, sizeof(l->key)) != 1
        || RAND_bytes((u_char *) &l->boot, sizeof(l->boot)) != 1
        || RAND_bytes((u_char *) &l->serial, sizeof(l->serial)) != 1)
    {
        return NULL;
    }

    size = shpool->end - shpool->start;
    pieces = ngx_max(size / NGX_HTTP_LITELLM_LEDGER_PIECE, 2);

    l->shpool = shpool;
    l->max = pieces * NGX_HTTP_LITELLM_LEDGER_SHARE;
    l->window = 60000;
    l->version = 1;

    n = l->max
        * ngx_http_litellm_ledger_per_piece(ngx_http_litellm_ledger_entry_t);

    l->mask = 1;

    while (l->mask < n) {
        l->mask *= 2;
    }

    l->chains = ngx_slab_calloc(shpool, l->mask * sizeof(void *));
    if (l->chains == NULL) {
        return NULL;
    }

    l->mask--;

    /* accounts may fill the zone, but those there are can still be used */

    for (n = 0; n < ngx_max(pieces / NGX_HTTP_LITELLM_LEDGER_SPARE, 1); n++) {

        piece = ngx_slab_alloc(shpool, NGX_HTTP_LITELLM_LEDGER_PIECE);
        if (piece == NULL) {
            return NULL;
        }

        piece->next = l->spare;
        l->spare = piece;
    }

    return l;
}


ngx_uint_t
ngx_http_litellm_ledger_holds(size_t size, size_t *each)
{
    ngx_uint_t  n, per;

    per = ngx_http_litellm_ledger_per_piece(ngx_http_litellm_ledger_entry_t);
    n = size / NGX_HTTP_LITELLM_LEDGER_PIECE * NGX_HTTP_LITELLM_LEDGER_SHARE;

    *each = NGX_HTTP_LITELLM_LEDGER_PIECE / per;

    return n * per;
}


void
ngx_http_litellm_ledger_window(ngx_shm_zone_t *zone, ngx_msec_t window,
    ngx_uint_t sliding)
{
    ngx_http_litellm_ledger_t  *l;

    l = ngx_http_litellm_zone_ledger(zone);

    ngx_http_litellm_ledger_lock(l);

    l->window = window;
    l->sliding = sliding;

    ngx_http_litellm_ledger_unlock(l);
}


ngx_int_t
ngx_http_litellm_ledger_read(ngx_shm_zone_t *zone,
    ngx_http_litellm_scope_e scope, ngx_str_t *name,
    ngx_http_litellm_account_t *account)
{
    ngx_http_litellm_ledger_t        *l;
    ngx_http_litellm_ledger_name_t    key;
    ngx_http_litellm_ledger_entry_t  *e;

    ngx_memzero(account, sizeof(ngx_http_litellm_account_t));

    l = ngx_http_litellm_zone_ledger(zone);

    ngx_http_litellm_ledger_name(l, scope, name, &key);

    ngx_http_litellm_ledger_lock(l);

    e = ngx_http_litellm_ledger_find_locked(l, &key);

    if (e != NULL) {
        ngx_http_litellm_ledger_copy(l, e, account);

        /* who asks again knows what others have had meanwhile */

        ngx_http_litellm_ledger_touch_locked(l, e);
    }

    ngx_http_litellm_ledger_unlock(l);

    return (e != NULL) ? NGX_OK : NGX_DECLINED;
}


/* as it is now; the entry itself is left alone */

static void
ngx_http_litellm_ledger_copy(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_entry_t *e, ngx_http_litellm_account_t *account)
{
    ngx_msec_t                        now;
    ngx_http_litellm_ledger_counts_t  c;

    now = ngx_current_msec;
    c = e->c;

    ngx_http_litellm_ledger_roll(l, &c, now, ngx_time());

    account->spend = ngx_http_litellm_ledger_add(c.spend,
                                                 -c.others_reserved);
    account->total = c.total;
    account->reserved = ngx_http_litellm_ledger_add(
                                        ngx_http_litellm_ledger_owed(&c),
                                        c.others_reserved);
    account->inflight = c.inflight;
    account->requests = ngx_http_litellm_ledger_weigh(l, &c, c.requests,
                                                      c.past_requests, now);
    account->tokens = ngx_http_litellm_ledger_weigh(l, &c, c.tokens,
                                                    c.past_tokens, now);
    account->window_ends = c.begun
                    ? (ngx_msec_int_t) (c.window + l->window - now) : 0;
    account->period_ends = c.ends;
    account->keep = c.keep;
    account->others = ngx_http_litellm_ledger_add(c.others_spend,
                                                  -c.others_reserved);
}


ngx_int_t
ngx_http_litellm_ledger_write(ngx_shm_zone_t *zone,
    ngx_http_litellm_scope_e scope, ngx_str_t *name, int64_t spend,
    ngx_litellm_period_t *period, ngx_uint_t keep)
{
    time_t                            sec;
    ngx_http_litellm_ledger_t        *l;
    ngx_http_litellm_ledger_name_t    key;
    ngx_http_litellm_ledger_entry_t  *e;

    l = ngx_http_litellm_zone_ledger(zone);
    sec = ngx_time();

    ngx_http_litellm_ledger_name(l, scope, name, &key);

    ngx_http_litellm_ledger_lock(l);

    e = ngx_http_litellm_ledger_get_locked(l, &key);

    if (e != NULL) {
        ngx_http_litellm_ledger_begin(l, &e, 1, NULL);

        ngx_http_litellm_ledger_roll(l, &e->c, ngx_current_msec, sec);
        ngx_http_litellm_ledger_period(&e->c, period, sec);

        e->c.gone = 0;
        e->c.keep = (keep != 0);

        if (spend != NGX_LITELLM_MONEY_UNKNOWN) {
            e->c.spend = ngx_http_litellm_ledger_add(ngx_max(spend, 0),
                                                     e->c.others_reserved);
            e->c.set = (l->ring != NULL);
        }

        e->c.total = ngx_max(e->c.total, e->c.spend);

        l->version++;

        ngx_http_litellm_ledger_end(l);
        ngx_http_litellm_ledger_touch_locked(l, e);
    }

    ngx_http_litellm_ledger_unlock(l);

    return (e != NULL) ? NGX_OK : NGX_BUSY;
}


ngx_int_t
ngx_http_litellm_ledger_restore(ngx_shm_zone_t *zone,
    ngx_http_litellm_ledger_item_t *item)
{
    ngx_str_t                         text;
    ngx_http_litellm_ledger_t        *l;
    ngx_http_litellm_ledger_name_t    key;
    ngx_http_litellm_ledger_entry_t  *e;

    l = ngx_http_litellm_zone_ledger(zone);

    text.data = item->name;
    text.len = item->len;

    ngx_http_litellm_ledger_name(l, item->scope, &text, &key);

    ngx_http_litellm_ledger_lock(l);

    e = ngx_http_litellm_ledger_get_locked(l, &key);

    if (e != NULL) {
        ngx_http_litellm_ledger_begin(l, &e, 1, NULL);

        if (!e->c.told) {
            e->c.merged = (uint64_t) item->account.spend;
        }

        e->c.spend = item->account.spend;
        e->c.total = ngx_max(item->account.total, item->account.spend);
        e->c.keep = (item->account.keep != 0);
        e->c.period = (u_char) item->period.type;
        e->c.n = item->period.n;
        e->c.ends = item->account.period_ends;

        ngx_http_litellm_ledger_roll(l, &e->c, ngx_current_msec, ngx_time());

        ngx_http_litellm_ledger_end(l);
    }

    ngx_http_litellm_ledger_unlock(l);

    return (e != NULL) ? NGX_OK : NGX_BUSY;
}


void
ngx_http_litellm_ledger_forget(ngx_shm_zone_t *zone,
    ngx_http_litellm_scope_e scope, ngx_str_t *name)
{
    ngx_http_litellm_ledger_t        *l;
    ngx_http_litellm_ledger_name_t    key;
    ngx_http_litellm_ledger_entry_t  *e;

    l = ngx_http_litellm_zone_ledger(zone);

    ngx_http_litellm_ledger_name(l, scope, name, &key);

    ngx_http_litellm_ledger_lock(l);

    e = ngx_http_litellm_ledger_find_locked(l, &key);

    if (e != NULL) {

        if (e->c.inflight != e->c.others_inflight) {
            ngx_http_litellm_ledger_begin(l, &e, 1, NULL);

            e->c.inflight -= e->c.others_inflight;
            e->c.others_inflight = 0;
            e->c.others_spend = 0;
            e->c.others_reserved = 0;
            e->c.gone = 1;
            e->c.keep = 0;
            e->c.spend = 0;
            e->c.total = 0;

            ngx_http_litellm_ledger_end(l);

        } else {
            ngx_http_litellm_ledger_free_locked(l, e);
        }

        l->version++;
    }

    ngx_http_litellm_ledger_unlock(l);
}


uint64_t
ngx_http_litellm_ledger_version(ngx_shm_zone_t *zone)
{
    return ngx_http_litellm_zone_ledger(zone)->version;
}


/* the cursor: the place of a piece, and how many of its entries were seen */

ngx_uint_t
ngx_http_litellm_ledger_walk(ngx_shm_zone_t *zone, uint64_t *cursor,
    ngx_http_litellm_ledger_item_t *items, ngx_uint_t n)
{
    ngx_uint_t                         got, step;
    ngx_http_litellm_ledger_t         *l;
    ngx_http_litellm_ledger_entry_t   *e;
    ngx_http_litellm_ledger_cursor_t   c;

    l = ngx_http_litellm_zone_ledger(zone);
    got = 0;

    if (*cursor == NGX_HTTP_LITELLM_LEDGER_DONE) {
        return 0;
    }

    /* pieces are never given back: the place stays good without the lock */

    if (*cursor == 0) {
        c.piece = l->pieces;
        c.n = 0;

    } else {
        c.piece = ngx_http_litellm_ledger_at(l, *cursor >> 8);
        c.n = *cursor & 0xff;
    }

    while (got == 0 && c.piece != NULL) {

        ngx_http_litellm_ledger_lock(l);

        step = 0;

        while (step < NGX_HTTP_LITELLM_LEDGER_STEP && got < n
               && c.piece != NULL)
        {
            e = ngx_http_litellm_ledger_next_locked(&c);

            step += (c.n == 0);

            if (!e->used || e->c.gone) {
                continue;
            }

            items[got].scope = e->scope;
            items[got].len = e->len;
            ngx_memcpy(items[got].name, e->name, e->len);
            items[got].period.type = e->c.period;
            items[got].period.n = e->c.n;

            ngx_http_litellm_ledger_copy(l, e, &items[got].account);

            got++;
        }

        ngx_http_litellm_ledger_unlock(l);
    }

    if (c.piece == NULL) {
        *cursor = NGX_HTTP_LITELLM_LEDGER_DONE;

    } else {
        *cursor = (uint64_t) ngx_http_litellm_ledger_place(l, c.piece) << 8
                  | c.n;
    }

    return got;
}
