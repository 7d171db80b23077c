
/*
 * The ledger's own memory in the shared zone, for its files: operations on
 * reservations (ngx_http_litellm_ledger.c) and on accounts (.._account.c), where
 * accounts are (.._entry.c), workers, what they have reserved, and the journal
 * (.._worker.c).
 *
 * A process may be killed at any instruction.  Everything that others walk over
 * is therefore linked by single stores: chains of a hash table, free lists,
 * lists of pages that never lose a page.  What takes several stores to be
 * right again, the counters of the accounts of one reservation, is written to
 * the journal first; the next one who takes the lock puts it back.
 *
 * Entries and slots are cut from pieces of 4096 bytes, so that the slab pool
 * itself, which can't be repaired, is seldom changed.
 */

#ifndef _NGX_HTTP_LITELLM_LEDGER_ZONE_H_INCLUDED_
#define _NGX_HTTP_LITELLM_LEDGER_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_http_litellm_zone.h"


#define NGX_HTTP_LITELLM_LEDGER_PIECE   4096
#define NGX_HTTP_LITELLM_LEDGER_HEAD    64      /* of it is the piece's own */
#define NGX_HTTP_LITELLM_LEDGER_UNIT    32      /* places are multiples of it */

/* accounts that are to be shared */
#define NGX_HTTP_LITELLM_LEDGER_RING    1024

/* bounds of an estimate: what is in flight sums up without overflow */
#define NGX_HTTP_LITELLM_LEDGER_TOKENS  ((int64_t) 1 << 40)
#define NGX_HTTP_LITELLM_LEDGER_COST    ((int64_t) 1 << 50)


/* what the journal keeps of an account */
typedef struct {
    ngx_msec_t                          window;      /* when it began */
    int64_t                             tokens;
    int64_t                             past_tokens; /* of the window before */
    uint32_t                            requests;
    uint32_t                            past_requests;
    uint32_t                            serial;      /* of the window */
    uint32_t                            inflight;
    int64_t                             spend;
    int64_t                             total;
    uint64_t                            reserved;
    int64_t                             ends;        /* the period, s */
    uint32_t                            n;           /* of the period */
    u_char                              period;      /* ..._period_e */
    unsigned                            begun:1;     /* the window has */
    unsigned                            keep:1;
    unsigned                            gone:1;      /* deleted: what is still
                                                        in flight is not spent
                                                        here */
    unsigned                            touched:1;   /* to be shared */
    unsigned                            set:1;       /* the spend was: what
                                                        others had then, and
                                                        was not known here, is
                                                        in it */
    unsigned                            told:1;      /* by this zone, and what
                                                        Redis had of one before
                                                        it is in here */

    /* of the above, by other gateways: ..._ledger_share.c */
    uint32_t                            others_requests;
    uint32_t                            others_inflight;
    int64_t                             others_tokens;
    int64_t                             others_spend;  /* and reserved */
    int64_t                             others_reserved;  /* of that */
    uint64_t                            shared;      /* the window's name among
                                                        all; 0: not known */
    uint64_t                            merged;      /* version of the share
                                                        that was answered;
                                                        until told: of the
                                                        spend, what a file
                                                        has said */
} ngx_http_litellm_ledger_counts_t;


typedef struct ngx_http_litellm_ledger_entry_s
    ngx_http_litellm_ledger_entry_t;

struct ngx_http_litellm_ledger_entry_s {
    ngx_http_litellm_ledger_entry_t    *next;        /* in its chain, or free */
    uint64_t                            hash;
    ngx_http_litellm_ledger_counts_t    c;
    u_char                              used;
    u_char                              scope;
    u_char                              len;
    u_char                              section;     /* looked up by this one:
                                                        not evicted in it */
    u_char                         name[NGX_HTTP_LITELLM_LEDGER_NAME];
};


typedef struct ngx_http_litellm_ledger_piece_s
    ngx_http_litellm_ledger_piece_t;

struct ngx_http_litellm_ledger_piece_s {
    ngx_http_litellm_ledger_piece_t    *next;
};


/* where one who looks at all accounts is; piece NULL: at the end */
typedef struct {
    ngx_http_litellm_ledger_piece_t    *piece;
    ngx_uint_t                          n;           /* in it; 0: begins it */
} ngx_http_litellm_ledger_cursor_t;


typedef struct {
    uint32_t                            entry;       /* its place */
    uint32_t                            serial;      /* of the window */
} ngx_http_litellm_ledger_item_ref_t;


typedef struct ngx_http_litellm_ledger_slot_s  ngx_http_litellm_ledger_slot_t;

typedef struct {
    ngx_uint_t                          n;           /* items; 0: nothing to
                                                        give back */
    int64_t                             tokens;
    int64_t                             cost;
} ngx_http_litellm_ledger_head_t;

/* what one reservation has taken */
struct ngx_http_litellm_ledger_slot_s {
    ngx_http_litellm_ledger_slot_t     *next;        /* free, of the owner */
    ngx_http_litellm_ledger_head_t      h;
    ngx_http_litellm_ledger_item_ref_t  items[NGX_HTTP_LITELLM_CLAIMS];
};


typedef struct ngx_http_litellm_ledger_worker_s
    ngx_http_litellm_ledger_worker_t;

/* never freed; pid 0: for the next one */
struct ngx_http_litellm_ledger_worker_s {
    ngx_http_litellm_ledger_worker_t   *next;
    ngx_pid_t                           pid;
    ngx_uint_t                          generation;
    ngx_uint_t                          index;
    ngx_http_litellm_ledger_piece_t    *slots;
};


typedef struct {
    ngx_uint_t                          busy;        /* 0: all is as it should
                                                        be */
    ngx_uint_t                          nentries;
    ngx_http_litellm_ledger_entry_t    *loose;       /* between its chain and
                                                        the free list */
    ngx_http_litellm_ledger_piece_t    *piece;       /* between a worker and
                                                        the spare ones */
    ngx_http_litellm_ledger_entry_t    *entries[NGX_HTTP_LITELLM_CLAIMS];
    ngx_http_litellm_ledger_counts_t    counts[NGX_HTTP_LITELLM_CLAIMS];
    ngx_http_litellm_ledger_slot_t     *slot;        /* NULL: none */
    ngx_http_litellm_ledger_head_t      head;
} ngx_http_litellm_ledger_journal_t;


struct ngx_http_litellm_ledger_s {
    ngx_slab_pool_t                    *shpool;
    uint64_t                            key[2];      /* of the hash */
    ngx_http_litellm_ledger_entry_t   **chains;
    ngx_uint_t                          mask;
    ngx_http_litellm_ledger_entry_t    *free;
    ngx_http_litellm_ledger_piece_t    *pieces;      /* of entries */
    ngx_uint_t                          npieces;
    ngx_uint_t                          max;         /* of them */
    ngx_http_litellm_ledger_cursor_t    hand;        /* where the search for
                                                        what can be forgotten
                                                        goes on */
    ngx_http_litellm_ledger_piece_t    *spare;       /* of slots */
    ngx_http_litellm_ledger_worker_t   *workers;
    ngx_uint_t                          section;
    uint64_t                            version;     /* of what is to be kept */
    ngx_msec_t                          window;
    ngx_uint_t                          sliding;

    /* what is shared with other gateways; ring NULL: nothing */
    uint32_t                           *ring;        /* places of accounts */
    ngx_uint_t                          ring_first;
    ngx_uint_t                          ring_last;
    ngx_http_litellm_ledger_piece_t    *walk;        /* goes on here */
    ngx_uint_t                          walk_all;
    ngx_uint_t                          walk_again;
    uint64_t                            share_version;
    uint32_t                            boot;        /* of this zone; random */
    uint32_t                            serial;      /* of the next account's
                                                        first window */

    ngx_http_litellm_ledger_journal_t   journal;
};


/* where a worker has found an account: one of a name that looks like it */
typedef struct {
    uint64_t                            key;         /* the ledger's first */
    uint64_t                            tag;         /* of the name */
    uint32_t                            place;
} ngx_http_litellm_ledger_hint_t;


/* a name as it is kept */
typedef struct {
    ngx_http_litellm_ledger_hint_t     *hint;
    uint64_t                            tag;
    uint64_t                            hash;        /* if hashed */
    ngx_uint_t                          hashed;
    u_char                             *name;
    size_t                              len;
    ngx_uint_t                          scope;
    u_char                         buf[NGX_HTTP_LITELLM_LEDGER_NAME];
} ngx_http_litellm_ledger_name_t;


#define ngx_http_litellm_ledger_place(l, p)                                   \
    ((uint32_t) (((u_char *) (p) - (u_char *) (l)->shpool)                    \
                 / NGX_HTTP_LITELLM_LEDGER_UNIT))

#define ngx_http_litellm_ledger_at(l, place)                                  \
    ((void *) ((u_char *) (l)->shpool                                         \
               + (size_t) (place) * NGX_HTTP_LITELLM_LEDGER_UNIT))

/* bytes from one to the next in a piece, and how many of them it has */
#define ngx_http_litellm_ledger_stride(type)                                  \
    ngx_align(sizeof(type), NGX_HTTP_LITELLM_LEDGER_UNIT)

#define ngx_http_litellm_ledger_per_piece(type)                               \
    ((NGX_HTTP_LITELLM_LEDGER_PIECE - NGX_HTTP_LITELLM_LEDGER_HEAD)           \
     / ngx_http_litellm_ledger_stride(type))

#define ngx_http_litellm_ledger_nth(piece, type, i)                           \
    ((type *) ((u_char *) (piece) + NGX_HTTP_LITELLM_LEDGER_HEAD              \
               + (i) * ngx_http_litellm_ledger_stride(type)))

/* the sum of what is reserved is exact in 64 bits, and shown in 63 */
#define ngx_http_litellm_ledger_owed(c)                                       \
    ((int64_t) ngx_min((c)->reserved, (uint64_t) NGX_LITELLM_MONEY_MAX))

/*
 * The order of stores as another process may find it: a killed one has done
 * all before the cut and nothing behind it, so that only the compiler must not
 * move them.  Those who look have the lock; a fence of the processor, eight of
 * them in each request, is not needed for them.
 */
#if (__GNUC__)
#define ngx_http_litellm_ledger_order()                                       \
    __atomic_signal_fence(__ATOMIC_SEQ_CST)
#else
#define ngx_http_litellm_ledger_order()  ngx_memory_barrier()
#endif


/* ngx_http_litellm_ledger_entry.c */

void ngx_http_litellm_ledger_name(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_scope_e scope, ngx_str_t *text,
    ngx_http_litellm_ledger_name_t *name);
ngx_http_litellm_ledger_entry_t *ngx_http_litellm_ledger_find_locked(
    ngx_http_litellm_ledger_t *l, ngx_http_litellm_ledger_name_t *name);
/* one that find_locked() has not found; NULL: no room */
ngx_http_litellm_ledger_entry_t *ngx_http_litellm_ledger_make_locked(
    ngx_http_litellm_ledger_t *l, ngx_http_litellm_ledger_name_t *name);

static ngx_inline ngx_http_litellm_ledger_entry_t *
ngx_http_litellm_ledger_get_locked(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_name_t *name)
{
    ngx_http_litellm_ledger_entry_t  *e;

    e = ngx_http_litellm_ledger_find_locked(l, name);

    return e ? e : ngx_http_litellm_ledger_make_locked(l, name);
}

void ngx_http_litellm_ledger_free_locked(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_entry_t *e);
void ngx_http_litellm_ledger_loose_locked(ngx_http_litellm_ledger_t *l);
/* the entry there, used or not, of a cursor that is not at the end */
ngx_http_litellm_ledger_entry_t *ngx_http_litellm_ledger_next_locked(
    ngx_http_litellm_ledger_cursor_t *cursor);
/* what is counted from now on is of another window */
void ngx_http_litellm_ledger_over(ngx_http_litellm_ledger_counts_t *c);
void ngx_http_litellm_ledger_roll_window(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_counts_t *c, ngx_msec_t now);
void ngx_http_litellm_ledger_roll_period(ngx_http_litellm_ledger_counts_t *c,
    time_t sec);

/* windows and periods that are over by now; mostly none is */

static ngx_inline void
ngx_http_litellm_ledger_roll(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_counts_t *c, ngx_msec_t now, time_t sec)
{
    if (c->begun && (ngx_msec_t) (now - c->window) >= l->window) {
        ngx_http_litellm_ledger_roll_window(l, c, now);
    }

    if (c->period != NGX_LITELLM_NEVER) {
        ngx_http_litellm_ledger_roll_period(c, sec);
    }
}

void ngx_http_litellm_ledger_period(ngx_http_litellm_ledger_counts_t *c,
    ngx_litellm_period_t *period, time_t sec);
/* what counts of this window, with the part of the one before if it slides */
int64_t ngx_http_litellm_ledger_weigh(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_counts_t *c, int64_t count, int64_t past,
    ngx_msec_t now);
/* ms until count and past leave room for n under max, at most two windows */
int64_t ngx_http_litellm_ledger_wait(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_counts_t *c, int64_t count, int64_t past,
    int64_t n, int64_t max, ngx_msec_t now);


/* ngx_http_litellm_ledger_share.c: has changed, or was asked for */

void ngx_http_litellm_ledger_touch_locked(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_entry_t *e);


/* ngx_http_litellm_ledger_worker.c */

/* the slab mutex; whoever takes it undoes what was cut */
void ngx_http_litellm_ledger_lock(ngx_http_litellm_ledger_t *l);
void ngx_http_litellm_ledger_unlock(ngx_http_litellm_ledger_t *l);

/* what is changed between begin and end: all of it, or nothing */
void ngx_http_litellm_ledger_begin(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_entry_t **entries, ngx_uint_t n,
    ngx_http_litellm_ledger_slot_t *slot);
void ngx_http_litellm_ledger_end(ngx_http_litellm_ledger_t *l);

/* a free slot of this worker; NULL: no room */
ngx_http_litellm_ledger_slot_t *ngx_http_litellm_ledger_slot_locked(
    ngx_http_litellm_ledger_t *l);
/* one that was not used, or was settled */
void ngx_http_litellm_ledger_slot_free(ngx_http_litellm_ledger_slot_t *slot);
/* is this process one of its workers? not before it begins, nor once it left */
ngx_uint_t ngx_http_litellm_ledger_owns(ngx_http_litellm_ledger_t *l);


/* ngx_http_litellm_ledger.c */

/* gives back what a slot has; see settle() */
void ngx_http_litellm_ledger_settle_locked(ngx_http_litellm_ledger_t *l,
    ngx_http_litellm_ledger_slot_t *slot, int64_t tokens, int64_t cost,
    ngx_uint_t counted);


#endif /* _NGX_HTTP_LITELLM_LEDGER_ZONE_H_INCLUDED_ */
