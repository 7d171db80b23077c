
/*
 * Accounts of the ledger: where they are in the zone, how their names are
 * kept, when their windows and periods are over, and which may be forgotten.
 *
 * A hash table whose key nobody outside knows, so that names from clients don't
 * meet in one chain.  It is never resized: it was made for as many accounts as
 * the zone holds.  An entry is put into its chain, and taken out, by one store.
 * Everything here but names is under the lock of ngx_http_litellm_ledger_lock().
 */

#include "ngx_http_litellm_ledger_zone.h"
#include "ngx_litellm_siphash.h"
#include <ngx_sha1.h>


/* what one call looks at, and forgets, when there is no room */
#define NGX_HTTP_LITELLM_LEDGER_LOOK    64
#define NGX_HTTP_LITELLM_LEDGER_FORGET  2

/* clocks of workers differ by as much as one is late for its events */
#define NGX_HTTP_LITELLM_LEDGER_LATE    1000


/* accounts whose places a worker remembers; a power of two */
#define NGX_HTTP_LITELLM_LEDGER_HINTS  256


static void ngx_http_litellm_ledger_long(ngx_str_t *text,
    ngx_http_litellm_ledger_name_t *name);
static void ngx_http_litellm_ledger_hash(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_name_t *name);
static ngx_uint_t ngx_http_litellm_ledger_named(
    ngx_http_litellm_ledger_entry_t *e, ngx_http_litellm_ledger_name_t *name);
static ngx_http_litellm_ledger_entry_t *ngx_http_litellm_ledger_room_locked(
    ngx_http_litellm_ledger_t *l);
static void ngx_http_litellm_ledger_evict_locked(ngx_http_litellm_ledger_t *l);
static ngx_uint_t ngx_http_litellm_ledger_idle(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_entry_t *e);
static ngx_http_litellm_ledger_entry_t **ngx_http_litellm_ledger_link(
    ngx_http_litellm_ledger_t *l, ngx_http_litellm_ledger_entry_t *e);


#define ngx_http_litellm_ledger_chain(l, hash)                                \
    &(l)->chains[(ngx_uint_t) (hash) & (l)->mask]


/*
 * The accounts of a key, its team and the gateway come again and again: where
 * one was found is tried first, and its name compared there, under the lock.
 * Only what is not remembered is hashed, before; names that were made to look
 * like others cost their hash under it, of 124 bytes at most.
 */

void
ngx_http_litellm_ledger_name(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_scope_e scope, ngx_str_t *text,
    ngx_http_litellm_ledger_name_t *name)
{
    uint64_t                               tag;
    ngx_http_litellm_ledger_hint_t        *hint;

    static ngx_http_litellm_ledger_hint_t  hints[NGX_HTTP_LITELLM_LEDGER_HINTS];

    name->scope = scope;
    name->name = text->data;
    name->len = text->len;

    if (text->len > NGX_HTTP_LITELLM_LEDGER_NAME) {
        ngx_http_litellm_ledger_long(text, name);
    }

    tag = 0;

    if (name->len < sizeof(tag)) {
        ngx_memcpy(&tag, name->name, name->len);

    } else {
        ngx_memcpy(&tag, name->name + name->len - sizeof(tag), sizeof(tag));
    }

    tag ^= (uint64_t) (scope << 8 | name->len) * 0xff51afd7ed558ccdULL;
    tag *= 0x9e3779b97f4a7c15ULL;

    hint = &hints[tag >> 40 & (NGX_HTTP_LITELLM_LEDGER_HINTS - 1)];

    name->hint = hint;
    name->tag = tag;
    name->hashed = 0;

    if (hint->place == 0 || hint->tag != tag || hint->key != l->key[0]) {
        ngx_http_litellm_ledger_hash(l, name);
    }
}


/* as much of it as fits, "~", and SHA-1 of all in hex */

static void
ngx_http_litellm_ledger_long(ngx_str_t *text,
    ngx_http_litellm_ledger_name_t *name)
{
    u_char      *p, digest[20];
    ngx_sha1_t   sha1;

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, text->data, text->len);
    ngx_sha1_final(digest, &sha1);

    p = ngx_cpymem(name->buf, text->data, NGX_HTTP_LITELLM_LEDGER_NAME - 41);
    *p++ = '~';
    (void) ngx_hex_dump(p, digest, sizeof(digest));

    name->name = name->buf;
    name->len = NGX_HTTP_LITELLM_LEDGER_NAME;
}


static void
ngx_http_litellm_ledger_hash(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_name_t *name)
{
    name->hash = ngx_litellm_siphash(l->key, name->scope, name->name,
                                     name->len);
    name->hashed = 1;
}


static ngx_uint_t
ngx_http_litellm_ledger_named(ngx_http_litellm_ledger_entry_t *e,
    ngx_http_litellm_ledger_name_t *name)
{
    return e->scope == name->scope && e->len == name->len
           && ngx_memcmp(e->name, name->name, name->len) == 0;
}


ngx_http_litellm_ledger_entry_t *
ngx_http_litellm_ledger_find_locked(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_name_t *name)
{
    ngx_http_litellm_ledger_hint_t   *hint;
    ngx_http_litellm_ledger_entry_t  *e;

    hint = name->hint;

    if (!name->hashed) {

        /* pieces of entries stay that: used or not, one is there */

        e = ngx_http_litellm_ledger_at(l, hint->place);

        if (e->used && ngx_http_litellm_ledger_named(e, name)) {
            e->section = (u_char) l->section;
            return e;
        }

        ngx_http_litellm_ledger_hash(l, name);
    }

    for (e = *ngx_http_litellm_ledger_chain(l, name->hash); e; e = e->next) {

        if (e->hash == name->hash && ngx_http_litellm_ledger_named(e, name)) {
            e->section = (u_char) l->section;

            hint->key = l->key[0];
            hint->tag = name->tag;
            hint->place = ngx_http_litellm_ledger_place(l, e);

            return e;
        }
    }

    return NULL;
}


/* whoever was looked for and not found has a hash */

ngx_http_litellm_ledger_entry_t *
ngx_http_litellm_ledger_make_locked(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_name_t *name)
{
    ngx_http_litellm_ledger_entry_t  *e, **chain;

    e = ngx_http_litellm_ledger_room_locked(l);
    if (e == NULL) {
        return NULL;
    }

    l->journal.loose = e;
    ngx_http_litellm_ledger_order();
    l->free = e->next;

    ngx_memzero(&e->c, sizeof(ngx_http_litellm_ledger_counts_t));

    e->c.serial = l->serial;
    l->serial += 0x10001;

    e->hash = name->hash;
    e->scope = (u_char) name->scope;
    e->len = (u_char) name->len;
    e->section = (u_char) l->section;
    ngx_memcpy(e->name, name->name, name->len);
    e->used = 1;

    chain = ngx_http_litellm_ledger_chain(l, e->hash);
    e->next = *chain;

    ngx_http_litellm_ledger_order();
    *chain = e;
    ngx_http_litellm_ledger_order();
    l->journal.loose = NULL;

    return e;
}


/* the first of the free list, NULL without one */

static ngx_http_litellm_ledger_entry_t *
ngx_http_litellm_ledger_room_locked(ngx_http_litellm_ledger_t *l)
{
    ngx_uint_t                        i, n;
    ngx_http_litellm_ledger_entry_t  *e;
    ngx_http_litellm_ledger_piece_t  *piece;

    if (l->free != NULL) {
        return l->free;
    }

    piece = NULL;

    if (l->npieces < l->max) {
        piece = ngx_slab_alloc_locked(l->shpool,
                                      NGX_HTTP_LITELLM_LEDGER_PIECE);
    }

    if (piece == NULL) {
        ngx_http_litellm_ledger_evict_locked(l);
        return l->free;
    }

    ngx_memzero(piece, NGX_HTTP_LITELLM_LEDGER_PIECE);

    n = ngx_http_litellm_ledger_per_piece(ngx_http_litellm_ledger_entry_t);

    for (i = 0; i + 1 < n; i++) {
        e = ngx_http_litellm_ledger_nth(piece, ngx_http_litellm_ledger_entry_t,
                                        i);
        e->next = ngx_http_litellm_ledger_nth(piece,
                                     ngx_http_litellm_ledger_entry_t, i + 1);
    }

    piece->next = l->pieces;

    ngx_http_litellm_ledger_order();
    l->pieces = piece;
    l->npieces++;
    ngx_http_litellm_ledger_order();

    l->free = ngx_http_litellm_ledger_nth(piece,
                                          ngx_http_litellm_ledger_entry_t, 0);

    return l->free;
}


/*
 * The search goes on where the last one ended, so that entries which can't be
 * forgotten are not looked at again and again; one that can is found after
 * as many calls as it takes to go round.
 */

static void
ngx_http_litellm_ledger_evict_locked(ngx_http_litellm_ledger_t *l)
{
    ngx_uint_t                        i, n;
    ngx_http_litellm_ledger_entry_t  *e;

    for (i = 0, n = 0;
         i < NGX_HTTP_LITELLM_LEDGER_LOOK && n < NGX_HTTP_LITELLM_LEDGER_FORGET;
         i++)
    {
        if (l->hand.piece == NULL) {
            l->hand.piece = l->pieces;

            if (l->hand.piece == NULL) {
                return;
            }
        }

        e = ngx_http_litellm_ledger_next_locked(&l->hand);

        if (e->used && e->section != (u_char) l->section
            && ngx_http_litellm_ledger_idle(l, e))
        {
            ngx_http_litellm_ledger_free_locked(l, e);
            n++;
        }
    }
}


/* a cursor in the zone never is behind the end of its piece */

ngx_http_litellm_ledger_entry_t *
ngx_http_litellm_ledger_next_locked(ngx_http_litellm_ledger_cursor_t *cursor)
{
    ngx_http_litellm_ledger_entry_t  *e;

    e = ngx_http_litellm_ledger_nth(cursor->piece,
                                    ngx_http_litellm_ledger_entry_t,
                                    cursor->n);

    if (cursor->n + 1
        < ngx_http_litellm_ledger_per_piece(ngx_http_litellm_ledger_entry_t))
    {
        cursor->n++;
        return e;
    }

    cursor->n = 0;
    ngx_http_litellm_ledger_order();
    cursor->piece = cursor->piece->next;

    return e;
}


/* nothing in it would be missed */

static ngx_uint_t
ngx_http_litellm_ledger_idle(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_entry_t *e)
{
    ngx_http_litellm_ledger_counts_t  c;

    if (e->c.inflight || e->c.keep) {
        return 0;
    }

    if (e->c.gone) {
        return 1;
    }

    c = e->c;

    ngx_http_litellm_ledger_roll(l, &c, ngx_current_msec, ngx_time());

    return !c.begun && c.spend == 0;
}


void
ngx_http_litellm_ledger_free_locked(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_entry_t *e)
{
    ngx_http_litellm_ledger_entry_t  **link;

    link = ngx_http_litellm_ledger_link(l, e);
    if (link == NULL) {
        return;
    }

    l->journal.loose = e;
    ngx_http_litellm_ledger_order();
    *link = e->next;
    e->used = 0;
    e->next = l->free;
    ngx_http_litellm_ledger_order();
    l->free = e;
    ngx_http_litellm_ledger_order();
    l->journal.loose = NULL;
}


/* an entry that was moved when its process was killed */

void
ngx_http_litellm_ledger_loose_locked(ngx_http_litellm_ledger_t *l)
{
    ngx_http_litellm_ledger_entry_t  *e;

    e = l->journal.loose;

    if (e == NULL) {
        return;
    }

    /*
     * Neither in its chain nor free: the chain is that of the hash which was
     * written last, before the entry was linked or after it was unlinked.
     */

    if (l->free != e && ngx_http_litellm_ledger_link(l, e) == NULL) {
        e->used = 0;
        e->next = l->free;
        ngx_http_litellm_ledger_order();
        l->free = e;
    }

    ngx_http_litellm_ledger_order();
    l->journal.loose = NULL;
}


/* what points to it in its chain */

static ngx_http_litellm_ledger_entry_t **
ngx_http_litellm_ledger_link(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_entry_t *e)
{
    ngx_http_litellm_ledger_entry_t  **link;

    for (link = ngx_http_litellm_ledger_chain(l, e->hash);
         *link != NULL;
         link = &(*link)->next)
    {
        if (*link == e) {
            return link;
        }
    }

    return NULL;
}


void
ngx_http_litellm_ledger_over(ngx_http_litellm_ledger_counts_t *c)
{
    c->begun = 0;
    c->requests = 0;
    c->tokens = 0;
    c->past_requests = 0;
    c->past_tokens = 0;
    c->others_requests = 0;
    c->others_tokens = 0;
    c->shared = 0;
    c->serial += 2;
}


void
ngx_http_litellm_ledger_roll_window(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_counts_t *c, ngx_msec_t now)
{
    ngx_msec_int_t  age, whole;

    age = (ngx_msec_int_t) (now - c->window);
    whole = (ngx_msec_int_t) l->window;

    if (age >= (l->sliding ? 2 * whole : whole)
        || age < -NGX_HTTP_LITELLM_LEDGER_LATE)
    {
        ngx_http_litellm_ledger_over(c);

    } else if (age >= whole) {
        c->window += whole;
        c->past_requests = c->requests;
        c->past_tokens = c->tokens;
        c->requests = 0;
        c->tokens = 0;
        c->others_requests = 0;
        c->others_tokens = 0;
        c->shared = 0;
        c->serial++;
    }
}


void
ngx_http_litellm_ledger_roll_period(ngx_http_litellm_ledger_counts_t *c,
    time_t sec)
{
    time_t                end;
    ngx_litellm_period_t  p;

    p.type = c->period;
    p.n = c->n;

    if ((int64_t) sec >= c->ends) {
        c->spend = 0;
        c->others_spend = 0;
        c->others_reserved = 0;
        c->ends = ngx_litellm_period_end(&p, sec, (time_t) c->ends);

        if (!c->told) {
            c->merged = 0;
        }

        return;
    }

    /* a clock that was set back must not make the period longer than one */

    end = ngx_litellm_period_end(&p, sec, 0);

    if (c->ends > (int64_t) end) {
        c->ends = end;
    }
}


/* another period than before: what was spent stays spent in it */

void
ngx_http_litellm_ledger_period(ngx_http_litellm_ledger_counts_t *c,
    ngx_litellm_period_t *period, time_t sec)
{
    if (c->period == (u_char) period->type
        && (c->n == period->n || c->period == NGX_LITELLM_NEVER))
    {
        return;
    }

    c->period = (u_char) period->type;
    c->n = period->n;
    c->ends = ngx_litellm_period_end(period, sec, 0);
}


int64_t
ngx_http_litellm_ledger_weigh(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_counts_t *c, int64_t count, int64_t past,
    ngx_msec_t now)
{
    int64_t         whole;
    ngx_msec_int_t  age, left;

    if (!l->sliding || !c->begun || past <= 0) {
        return count;
    }

    whole = (int64_t) l->window;
    age = (ngx_msec_int_t) (now - c->window);
    left = whole - ngx_max(ngx_min(age, whole), 0);

    return count + (past / whole) * left
           + ((past % whole) * left + whole - 1) / whole;
}


int64_t
ngx_http_litellm_ledger_wait(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_counts_t *c, int64_t count, int64_t past,
    int64_t n, int64_t max, ngx_msec_t now)
{
    int64_t  age, whole, room, wait;

    whole = (int64_t) l->window;

    if (!c->begun) {
        return whole;
    }

    age = (ngx_msec_int_t) (now - c->window);
    age = ngx_max(ngx_min(age, whole), 0);

    if (!l->sliding) {
        return ngx_max(whole - age, 1);
    }

    /* the weight of past shrinks to what count leaves, or that of count does */

    if (count <= max - n) {
        room = max - n - count;
        wait = -age;

    } else {
        room = ngx_max(max - n, 0);
        past = count;
        wait = whole - age;
    }

    if (past <= 0 || room >= past) {
        return ngx_max(wait, 1);
    }

    while (room > 0xffffffff) {
        room >>= 1;
        past >>= 1;
    }

    wait += whole - room * whole / past;

    return ngx_max(wait, 1);
}
