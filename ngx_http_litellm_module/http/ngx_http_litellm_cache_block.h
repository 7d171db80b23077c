
/*
 * The cache zone's own memory, for its files: blocks, the lock and the journal
 * (ngx_http_litellm_cache_block.c), entries by key and their order of use
 * (.._entry.c), who has what pinned (.._pin.c), who makes what (.._lead.c).
 *
 * A process may be killed at any instruction.  Whatever others rely on is
 * changed under the lock by ngx_http_litellm_cache_set(), which first notes in
 * the journal what was there; the next one who takes the lock undoes what was
 * not brought to its end.  So a change is made as a whole or not at all, in
 * whatever order its words are stored.  What nobody else can see yet, the bytes
 * of a value and the head of a block that is free, is stored as it is.
 */

#ifndef _NGX_HTTP_LITELLM_CACHE_BLOCK_H_INCLUDED_
#define _NGX_HTTP_LITELLM_CACHE_BLOCK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_http_litellm_cache_zone.h"


#define NGX_HTTP_LITELLM_CACHE_BLOCK    2048

/* a value takes at most one of so many parts of the zone */
#define NGX_HTTP_LITELLM_CACHE_PART     8

/*
 * Under one hold of the lock: blocks that are taken, entries that are evicted,
 * entries that are dropped since they are of no use, pins that are given back.
 */
#define NGX_HTTP_LITELLM_CACHE_TAKE     64
#define NGX_HTTP_LITELLM_CACHE_EVICT    16
#define NGX_HTTP_LITELLM_CACHE_DROP     16
#define NGX_HTTP_LITELLM_CACHE_UNPIN    16

/* words that one change stores, at most; it is about half of it */
#define NGX_HTTP_LITELLM_CACHE_UNDO     64


typedef enum {
    NGX_HTTP_LITELLM_CACHE_WRITTEN = 0,          /* is being */
    NGX_HTTP_LITELLM_CACHE_LINKED,               /* found by its key */
    NGX_HTTP_LITELLM_CACHE_UNLINKED              /* goes with its last pin */
} ngx_http_litellm_cache_state_e;


/*
 * An entry is the head of its first block and has the number of that: blocks
 * and entries are counted from 1.
 */
typedef struct {
    u_char                          key[NGX_HTTP_LITELLM_CACHE_KEY];
    ngx_http_litellm_cache_meta_t   meta;
    uint32_t                        epoch;       /* that it was stored in */
    uint32_t                        state;       /* ..._cache_state_e */
    uint32_t                        chain;       /* next in its bucket */
    uint32_t                        prev;        /* in the order of use, if */
    uint32_t                        next;        /* linked, not pinned */
    uint32_t                        last;        /* its last block */
    uint32_t                        blocks;
    uint32_t                        pins;
} ngx_http_litellm_cache_entry_t;


/* entry 0: free; next is the next free one */
typedef struct {
    uint32_t                        entry;
    uint32_t                        next;
    uint32_t                        pid;
    uint32_t                        generation;
    uint32_t                        index;       /* of the worker */
} ngx_http_litellm_cache_pin_t;


typedef enum {
    NGX_HTTP_LITELLM_CACHE_NOBODY = 0,           /* the record is free */
    NGX_HTTP_LITELLM_CACHE_LED,
    NGX_HTTP_LITELLM_CACHE_LED_STREAM,
    NGX_HTTP_LITELLM_CACHE_OPENED                /* for a while: each for
                                                    itself */
} ngx_http_litellm_cache_making_e;


/* who makes the answer of a key; counted from 1 */
typedef struct {
    u_char                          key[NGX_HTTP_LITELLM_CACHE_KEY];
    uint32_t                        chain;       /* next in its bucket, or the
                                                    next free one */
    uint32_t                        state;       /* ..._cache_making_e */
    uint32_t                        since;       /* ms */
    uint32_t                        serial;      /* changes with its leader */
    uint32_t                        pid;
    uint32_t                        generation;
    uint32_t                        index;       /* of the worker */
} ngx_http_litellm_cache_making_t;


typedef struct {
    uint32_t                       *place;
    uint32_t                        was;
} ngx_http_litellm_cache_undo_t;


/* at the zone's beginning */
typedef struct {
    ngx_uint_t                      layout;
    size_t                          entry;       /* its size */
    uint64_t                        secret[2];   /* of the hash */
    ngx_atomic_t                    generation;  /* the last one that began */

    uint32_t                        epoch;       /* entries of another one are
                                                    flushed */
    uint32_t                        entries;     /* linked */
    uint32_t                        free;        /* blocks, by their links */
    uint32_t                        nfree;
    uint32_t                        head;        /* used last */
    uint32_t                        tail;
    uint32_t                        pin;         /* the first free one */
    uint32_t                        made;        /* pins that ever were used */
    uint32_t                        making;      /* the first free one */
    uint32_t                        begun;       /* that ever were used */

    /* may miss one when a worker is killed */
    ngx_uint_t                      hits;
    ngx_uint_t                      misses;
    ngx_uint_t                      stored;
    ngx_uint_t                      evicted;
    ngx_atomic_t                    coalesced;
    ngx_atomic_t                    lock_timeouts;

    ngx_uint_t                      undo;        /* that are noted */
    ngx_http_litellm_cache_undo_t   journal[NGX_HTTP_LITELLM_CACHE_UNDO];

    /* set once */
    uint32_t                        nblocks;
    uint32_t                        npins;
    uint32_t                        mask;        /* of buckets */
    uint32_t                       *links;       /* of blocks: the next one */
    uint32_t                       *buckets;
    ngx_http_litellm_cache_pin_t   *pins;
    uint32_t                        nmakings;
    uint32_t                        making_mask; /* of buckets of these */
    uint32_t                       *making_buckets;
    ngx_http_litellm_cache_making_t  *makings;
    u_char                         *data;
} ngx_http_litellm_cache_sh_t;


/* of a process, for its configuration: the zone's data */
typedef struct {
    ngx_http_litellm_cache_sh_t    *sh;
    ngx_slab_pool_t                *shpool;
    ngx_uint_t                      generation;
    ngx_uint_t                      index;       /* of the worker */
    unsigned                        declared:1;
    unsigned                        entered:1;
    unsigned                        left:1;
} ngx_http_litellm_cache_t;


#define NGX_HTTP_LITELLM_CACHE_HEAD                                           \
    ngx_align(sizeof(ngx_http_litellm_cache_entry_t), 8)

#define ngx_http_litellm_cache_data(sh, block)                                \
    ((sh)->data + (size_t) ((block) - 1) * NGX_HTTP_LITELLM_CACHE_BLOCK)

#define ngx_http_litellm_cache_entry(sh, block)                               \
    ((ngx_http_litellm_cache_entry_t *)                                       \
     ngx_http_litellm_cache_data(sh, block))

/*
 * The order of stores as another process finds it behind a kill: a processor
 * does not lose what it has done, so that only the compiler must not move it.
 */
#if (__GNUC__ || __clang__)
#define ngx_http_litellm_cache_order()  __asm__ volatile ("" ::: "memory")
#else
#define ngx_http_litellm_cache_order()  ngx_memory_barrier()
#endif


static ngx_inline void
ngx_http_litellm_cache_set(ngx_http_litellm_cache_sh_t *sh, uint32_t *place,
    uint32_t value)
{
    ngx_http_litellm_cache_undo_t  *undo;

    undo = &sh->journal[sh->undo];

    undo->place = place;
    undo->was = *place;

    ngx_http_litellm_cache_order();
    sh->undo++;
    ngx_http_litellm_cache_order();

    *place = value;
}


/* what was set since the last end stays */

static ngx_inline void
ngx_http_litellm_cache_end(ngx_http_litellm_cache_sh_t *sh)
{
    ngx_http_litellm_cache_order();
    sh->undo = 0;
    ngx_http_litellm_cache_order();
}


/* ngx_http_litellm_cache_block.c */

/* makes a new zone, or checks one that is there; NGX_DECLINED: another's */
ngx_int_t ngx_http_litellm_cache_make(ngx_http_litellm_cache_t *c);
ngx_int_t ngx_http_litellm_cache_adopt(ngx_http_litellm_cache_t *c);

void ngx_http_litellm_cache_lock(ngx_http_litellm_cache_t *c);
/* with the end of what was changed */
void ngx_http_litellm_cache_unlock(ngx_http_litellm_cache_t *c);
/* what was set since the last end never was */
void ngx_http_litellm_cache_undo(ngx_http_litellm_cache_sh_t *sh);

/* up to n free blocks in one chain; returns how many */
ngx_uint_t ngx_http_litellm_cache_take_locked(ngx_http_litellm_cache_sh_t *sh,
    ngx_uint_t n, uint32_t *first, uint32_t *last);
/* an entry's, with itself */
void ngx_http_litellm_cache_give_locked(ngx_http_litellm_cache_sh_t *sh,
    uint32_t entry);
/* of a value of that length */
size_t ngx_http_litellm_cache_blocks(size_t len);


/* ngx_http_litellm_cache_pin.c */

/* a pin of this process; 0: there is none left */
uint32_t ngx_http_litellm_cache_pin_locked(ngx_http_litellm_cache_t *c,
    uint32_t entry);
/* gives it back; the entry, or 0 if it is not this process's any more */
uint32_t ngx_http_litellm_cache_unpin_locked(ngx_http_litellm_cache_t *c,
    uint32_t pin, uint32_t entry);
/* a worker begins; what dead ones have pinned; it leaves in good order */
void ngx_http_litellm_cache_begin(ngx_http_litellm_cache_t *c,
    ngx_uint_t index);
void ngx_http_litellm_cache_bury(ngx_http_litellm_cache_t *c);
void ngx_http_litellm_cache_part(ngx_http_litellm_cache_t *c);
/* is that worker not there any more?  Not for this process */
ngx_uint_t ngx_http_litellm_cache_dead(ngx_http_litellm_cache_t *c,
    uint32_t pid, uint32_t generation, uint32_t index);


/* ngx_http_litellm_cache_lead.c */

/* what those of this process, or of dead ones, were making; and what was opened
   long enough */
void ngx_http_litellm_cache_lead_sweep(ngx_http_litellm_cache_t *c,
    ngx_uint_t own);


/* ngx_http_litellm_cache_entry.c */

/* 0: there is none, or nobody can have it any more */
uint32_t ngx_http_litellm_cache_valid_locked(ngx_http_litellm_cache_sh_t *sh,
    const u_char *key);
/* one pin less */
void ngx_http_litellm_cache_release_locked(ngx_http_litellm_cache_sh_t *sh,
    uint32_t entry);
/* those used longest ago that nobody can have any more; returns how many */
ngx_uint_t ngx_http_litellm_cache_drop(ngx_http_litellm_cache_t *c,
    ngx_uint_t n);


#endif /* _NGX_HTTP_LITELLM_CACHE_BLOCK_H_INCLUDED_ */
