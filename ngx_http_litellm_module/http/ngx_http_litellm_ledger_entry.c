
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


/* names whose hash a worker remembers; a power of two */
#define NGX_HTTP_LITELLM_LEDGER_HASHES  64


typedef struct {
    uint64_t     key[2];
    uint64_t     hash;
    ngx_uint_t   scope;
    size_t       len;
    u_char       name[NGX_HTTP_LITELLM_LEDGER_NAME];
} ngx_http_litellm_ledger_hash_t;


static uint64_t ngx_http_litellm_ledger_hash(const uint64_t key[2],
    ngx_uint_t scope, u_char *name, size_t len);
static ngx_http_litellm_ledger_entry_t *ngx_http_litellm_ledger_room_locked(
    ngx_http_litellm_ledger_t *l);
static void ngx_http_litellm_ledger_evict_locked(ngx_http_litellm_ledger_t *l);
static ngx_uint_t ngx_http_litellm_ledger_idle(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_entry_t *e);
static ngx_http_litellm_ledger_entry_t **ngx_http_litellm_ledger_link(
    ngx_http_litellm_ledger_t *l, ngx_http_litellm_ledger_entry_t *e);


#define ngx_http_litellm_ledger_chain(l, hash)                                \
    &(l)->chains[(ngx_uint_t) (hash) & (l)->mask]


/* a long name: as much of it as fits, "~", and SHA-1 of all in hex */

void
ngx_http_litellm_ledger_name(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_scope_e scope, ngx_str_t *text,
    ngx_http_litellm_ledger_name_t *name)
{
    u_char      *p, digest[20];
    ngx_sha1_t   sha1;

    name->scope = scope;

    if (text->len <= NGX_HTTP_LITELLM_LEDGER_NAME) {
        name->name = text->data;
        name->len = text->len;

    } else {
        ngx_sha1_init(&sha1);
        ngx_sha1_update(&sha1, text->data, text->len);
        ngx_sha1_final(digest, &sha1);

        p = ngx_cpymem(name->buf, text->data,
                       NGX_HTTP_LITELLM_LEDGER_NAME - 41);
        *p++ = '~';
        (void) ngx_hex_dump(p, digest, sizeof(digest));

        name->name = name->buf;
        name->len = NGX_HTTP_LITELLM_LEDGER_NAME;
    }

    name->hash = ngx_http_litellm_ledger_hash(l->key, scope, name->name,
                                              name->len);
}


/*
 * The accounts of a key, its team and the gateway come again and again.  Where
 * one is remembered is no secret, and need not be: it is compared, and the one
 * before it forgotten.
 */

static uint64_t
ngx_http_litellm_ledger_hash(const uint64_t key[2], ngx_uint_t scope,
    u_char *name, size_t len)
{
    uint64_t                         place;
    ngx_http_litellm_ledger_hash_t  *h;

    static ngx_http_litellm_ledger_hash_t
                                     hashes[NGX_HTTP_LITELLM_LEDGER_HASHES];

    place = 0;

    if (len < sizeof(place)) {
        ngx_memcpy(&place, name, len);

    } else {
        ngx_memcpy(&place, name + len - sizeof(place), sizeof(place));
    }

    place = (place + scope) * 0x9e3779b97f4a7c15ULL;

    h = &hashes[place >> 32 & (NGX_HTTP_LITELLM_LEDGER_HASHES - 1)];

    if (h->len != len
        || h->scope != scope
        || h->key[0] != key[0]
        || h->key[1] != key[1]
        || ngx_memcmp(h->name, name, len) != 0)
    {
        h->key[0] = key[0];
        h->key[1] = key[1];
        h->scope = scope;
        h->len = len;
        ngx_memcpy(h->name, name, len);

        h->hash = ngx_litellm_siphash(key, scope, name, len);
    }

    return h->hash;
}


ngx_http_litellm_ledger_entry_t *
ngx_http_litellm_ledger_find_locked(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_name_t *name)
{
    ngx_http_litellm_ledger_entry_t  *e;

    for (e = *ngx_http_litellm_ledger_chain(l, name->hash); e; e = e->next) {

        if (e->hash == name->hash
            && e->scope == name->scope
            && e->len == name->len
            && ngx_memcmp(e->name, name->name, name->len) == 0)
        {
            e->section = (u_char) l->section;
            return e;
        }
    }

    return NULL;
}


ngx_http_litellm_ledger_entry_t *
ngx_http_litellm_ledger_get_locked(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_name_t *name)
{
    ngx_http_litellm_ledger_entry_t  *e, **chain;

    e = ngx_http_litellm_ledger_find_locked(l, name);
    if (e != NULL) {
        return e;
    }

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
ngx_http_litellm_ledger_roll(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_counts_t *c, ngx_msec_t now, time_t sec)
{
    ngx_msec_int_t        age, whole;
    ngx_litellm_period_t  p;

    if (c->begun) {
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

    if (c->period == NGX_LITELLM_NEVER) {
        return;
    }

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

    if (c->ends > (int64_t) ngx_litellm_period_end(&p, sec, 0)) {
        c->ends = ngx_litellm_period_end(&p, sec, 0);
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
