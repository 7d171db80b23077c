
/*
 * What all workers count of those who ask: requests and tokens of a window,
 * requests in flight, money spent.  An account for each name in each scope, of
 * a fixed size, in the shared zone (ngx_http_litellm_zone.c).
 *
 * A request reserves what it may take in all its accounts at once, or in none,
 * and settles exactly once what it did take.  Both are one short section under
 * the slab mutex (nginx's master unlocks it if its holder dies; a section that
 * was cut is undone from a journal), and a reservation is itself in the zone,
 * in its worker's list: what a killed worker had reserved is given back.
 *
 * An account with something reserved, with money spent in its period, or with
 * keep set is never evicted.  Windows are of ngx_current_msec, which workers
 * share and nobody sets; periods are of the wall clock.
 */

#ifndef _NGX_HTTP_LITELLM_LEDGER_H_INCLUDED_
#define _NGX_HTTP_LITELLM_LEDGER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_principal.h"
#include "ngx_litellm_share.h"


#define NGX_HTTP_LITELLM_CLAIMS       24     /* accounts of a request, at most */

/* a longer name is known by its beginning and its SHA-1 */
#define NGX_HTTP_LITELLM_LEDGER_NAME  124


/* the descriptors of LiteLLM's limiter, and what has budgets of its own */
typedef enum {
    NGX_HTTP_LITELLM_GATEWAY = 0,
    NGX_HTTP_LITELLM_OF_KEY,
    NGX_HTTP_LITELLM_OF_USER,
    NGX_HTTP_LITELLM_OF_TEAM,
    NGX_HTTP_LITELLM_OF_MEMBER,          /* team:user */
    NGX_HTTP_LITELLM_OF_END_USER,
    NGX_HTTP_LITELLM_OF_KEY_MODEL,       /* key:group */
    NGX_HTTP_LITELLM_OF_TEAM_MODEL,
    NGX_HTTP_LITELLM_OF_USER_MODEL,
    NGX_HTTP_LITELLM_OF_TAG,
    NGX_HTTP_LITELLM_OF_MODEL,           /* group */
    NGX_HTTP_LITELLM_OF_PROVIDER,
    NGX_HTTP_LITELLM_OF_DEPLOYMENT,
    NGX_HTTP_LITELLM_OF_PERIOD,          /* a further budget of one of the
                                            above: "scope:name:duration" */
    NGX_HTTP_LITELLM_SCOPES
} ngx_http_litellm_scope_e;

/* "api_key", "user" ...: LiteLLM's descriptor */
ngx_str_t *ngx_http_litellm_scope_name(ngx_http_litellm_scope_e scope);
/* names of its headers: the limit and what is left of it, of requests, of
   tokens, of requests at once */
ngx_str_t *ngx_http_litellm_scope_headers(ngx_http_litellm_scope_e scope);


typedef enum {
    NGX_HTTP_LITELLM_NO_LIMIT = 0,
    NGX_HTTP_LITELLM_REQUESTS,
    NGX_HTTP_LITELLM_TOKENS,
    NGX_HTTP_LITELLM_PARALLEL,
    NGX_HTTP_LITELLM_BUDGET
} ngx_http_litellm_limit_e;


/* one account's part in a request */
typedef struct {
    ngx_http_litellm_scope_e   scope;
    ngx_str_t                  name;      /* of the account */
    ngx_str_t                  shown;     /* what messages say; no secret */
    int64_t                    rpm;       /* -1: no limit, and so on */
    int64_t                    tpm;
    int64_t                    parallel;
    int64_t                    budget;    /* money */
    ngx_litellm_period_t       period;    /* of the budget */
    unsigned                   keep:1;    /* the account may not be forgotten */
    unsigned                   soft:1;    /* counted, never refused */

    /* out, by reserve(): after it; -1 without a limit */
    int64_t                    requests_left;
    int64_t                    tokens_left;
    int64_t                    parallel_left;
    int64_t                    spend;     /* of the period, without what is
                                             reserved */
    uint32_t                   account;   /* the ledger's own */
} ngx_http_litellm_claim_t;


/*
 * A request's reservation: in its pool, zeroed before the first use.  Claims are
 * the last of it, so that memory may end behind the n-th of them.
 */
typedef struct {
    ngx_uint_t                 n;
    int64_t                    tokens;    /* estimates to reserve */
    int64_t                    cost;

    /* out, of a refusal */
    ngx_http_litellm_claim_t  *refused;
    ngx_http_litellm_limit_e   limit;
    int64_t                    max;       /* the limit that was met */
    int64_t                    current;   /* what is used of it */
    int64_t                    resets;    /* ms until it may be tried again */

    void                      *slot;      /* the ledger's own; NULL: nothing is
                                             reserved, or it was settled */

    ngx_http_litellm_claim_t   claims[NGX_HTTP_LITELLM_CLAIMS];
} ngx_http_litellm_reservation_t;


/*
 * NGX_OK: reserved; NGX_DECLINED: refused, nothing was; NGX_BUSY: an account
 * has no room in the zone (refused is that one, limit NO_LIMIT, or NULL if the
 * reservation itself has none), nothing was reserved; dry: refused is set as it
 * would be and it is reserved all the same.
 *
 * An account that two claims name is counted once, and held to the limits of
 * both.  Budgets are looked at before the limits, each in the order of claims.
 * A budget is met when spend + reserved + cost is over it, or spend has reached
 * it.  resets: of parallel requests, and of a budget that only what is reserved
 * has used up, a second, since nobody can know; 0 of a budget that never ends.
 */
ngx_int_t ngx_http_litellm_ledger_reserve(ngx_shm_zone_t *zone,
    ngx_http_litellm_reservation_t *rv, ngx_uint_t dry);

/*
 * Gives back what was reserved and counts what was taken: tokens -1, as
 * reserved, and so is a cost of -1.  counted 0: the request is not counted
 * either (it never was admitted).  A second call does nothing.  claims[].spend
 * is set anew.  Tokens and requests go to the window they were reserved in, if
 * it still counts; money to the period that is now.
 */
void ngx_http_litellm_ledger_settle(ngx_shm_zone_t *zone,
    ngx_http_litellm_reservation_t *rv, int64_t tokens, int64_t cost,
    ngx_uint_t counted);

/* an account, copied out */
typedef struct {
    int64_t                    spend;     /* money in this period */
    int64_t                    total;     /* ever */
    int64_t                    reserved;
    int64_t                    inflight;
    int64_t                    requests;  /* of this window */
    int64_t                    tokens;
    int64_t                    window_ends;   /* ms from now */
    int64_t                    period_ends;   /* wall clock, s; 0: never */
    ngx_uint_t                 keep;
    int64_t                    others;    /* of spend: by other gateways */
} ngx_http_litellm_account_t;

/* NGX_DECLINED: it was never used, *account is zeroed */
ngx_int_t ngx_http_litellm_ledger_read(ngx_shm_zone_t *zone,
    ngx_http_litellm_scope_e scope, ngx_str_t *name,
    ngx_http_litellm_account_t *account);

/* of the management API and of Redis: sets the spend of the period;
   NGX_LITELLM_MONEY_UNKNOWN: as it is */
ngx_int_t ngx_http_litellm_ledger_write(ngx_shm_zone_t *zone,
    ngx_http_litellm_scope_e scope, ngx_str_t *name, int64_t spend,
    ngx_litellm_period_t *period, ngx_uint_t keep);
/* the account of a deleted key: may be forgotten, with its spend */
void ngx_http_litellm_ledger_forget(ngx_shm_zone_t *zone,
    ngx_http_litellm_scope_e scope, ngx_str_t *name);

/*
 * All accounts, a few under each hold of the lock: *cursor 0 first; returns
 * how many were copied, 0 at the end.
 */
typedef struct {
    ngx_http_litellm_scope_e   scope;
    u_char                     name[NGX_HTTP_LITELLM_LEDGER_NAME];
    size_t                     len;
    ngx_http_litellm_account_t account;
    ngx_litellm_period_t       period;
} ngx_http_litellm_ledger_item_t;

ngx_uint_t ngx_http_litellm_ledger_walk(ngx_shm_zone_t *zone,
    uint64_t *cursor, ngx_http_litellm_ledger_item_t *items, ngx_uint_t n);


/* moves with whatever the state file keeps of accounts */
uint64_t ngx_http_litellm_ledger_version(ngx_shm_zone_t *zone);

/*
 * Of the state file, in a new zone: spend, total, period and its end, keep.
 * NGX_BUSY: no room.
 */
ngx_int_t ngx_http_litellm_ledger_restore(ngx_shm_zone_t *zone,
    ngx_http_litellm_ledger_item_t *item);

/* accounts that a zone of that size holds, and bytes of it for each */
ngx_uint_t ngx_http_litellm_ledger_holds(size_t size, size_t *each);


/*
 * ngx_http_litellm_ledger_share.c: what this gateway has counted itself in an
 * account, at one moment; a later moment has a higher version.
 */
typedef struct {
    uint32_t                   place;
    uint64_t                   hash;
    ngx_uint_t                 same;      /* as another one of the list */
    ngx_http_litellm_scope_e   scope;
    u_char                     name[NGX_HTTP_LITELLM_LEDGER_NAME];
    size_t                     len;
    uint64_t                   version;
    uint32_t                   boot;      /* of the zone */
    uint32_t                   serial;    /* of the window, ours alone */
    ngx_uint_t                 told;      /* nothing of before is missing */
    ngx_uint_t                 set;       /* by the management API: spend */
    uint64_t                   window;    /* its name among all; 0: none yet */
    int64_t                    requests;
    int64_t                    tokens;
    int64_t                    inflight;
    int64_t                    reserved;
    int64_t                    spend;     /* may be below 0: it was set */
    int64_t                    ends;      /* of the period, s; 0: never */
} ngx_http_litellm_ledger_share_t;

/* what all others have */
typedef ngx_litellm_share_t  ngx_http_litellm_ledger_others_t;

#define ngx_http_litellm_ledger_add  ngx_litellm_share_add

/* from now on accounts that change are kept in mind */
ngx_int_t ngx_http_litellm_ledger_share_on(ngx_shm_zone_t *zone);
/* the next calls of next() give all accounts; those with requests in flight */
void ngx_http_litellm_ledger_share_all(ngx_shm_zone_t *zone);
void ngx_http_litellm_ledger_share_live(ngx_shm_zone_t *zone);
/* accounts that were asked for or have changed, each once: how many */
ngx_uint_t ngx_http_litellm_ledger_share_next(ngx_shm_zone_t *zone,
    ngx_http_litellm_ledger_share_t *shares, ngx_uint_t n);
/* a walk is under way: the next call may give some, though this one gave none */
ngx_uint_t ngx_http_litellm_ledger_share_more(ngx_shm_zone_t *zone);
/* those of a reservation that stands, in the order of its claims */
ngx_uint_t ngx_http_litellm_ledger_share_claims(ngx_shm_zone_t *zone,
    ngx_http_litellm_reservation_t *rv,
    ngx_http_litellm_ledger_share_t *shares);
/*
 * What others had when they were told of shares[i].  If it is but a part of it,
 * what is known of them is not made less; others[] is then as it was taken.
 */
void ngx_http_litellm_ledger_share_merge(ngx_shm_zone_t *zone,
    ngx_http_litellm_ledger_share_t *shares,
    ngx_http_litellm_ledger_others_t *others, ngx_uint_t n, ngx_uint_t part);


/* called by ngx_http_litellm_zone.c */
typedef struct ngx_http_litellm_ledger_s  ngx_http_litellm_ledger_t;

/* in a new zone; NULL: no room */
ngx_http_litellm_ledger_t *ngx_http_litellm_ledger_create(
    ngx_slab_pool_t *shpool);
/* by each worker as its configuration says */
void ngx_http_litellm_ledger_window(ngx_shm_zone_t *zone, ngx_msec_t window,
    ngx_uint_t sliding);
/*
 * A worker begins (index: ngx_worker; of one generation and index there is one
 * at a time), and leaves in good order.  What dead ones held is given back by
 * the next that begins and by bury(), which a timer of each worker calls.
 */
void ngx_http_litellm_ledger_enter(ngx_shm_zone_t *zone, ngx_uint_t generation,
    ngx_uint_t index);
void ngx_http_litellm_ledger_bury(ngx_shm_zone_t *zone);
void ngx_http_litellm_ledger_leave(ngx_shm_zone_t *zone);


#endif /* _NGX_HTTP_LITELLM_LEDGER_H_INCLUDED_ */
