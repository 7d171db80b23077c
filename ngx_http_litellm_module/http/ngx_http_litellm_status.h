
/*
 * The status page: what an operator wants to know of the gateway at a glance.
 *
 *   ngx_http_litellm_status.c          the directive, requests, turns
 *   ngx_http_litellm_status_collect.c  deployments and groups: how they are,
 *                                      which are shown
 *   ngx_http_litellm_status_limits.c   accounts that are near a limit
 *   ngx_http_litellm_status_json.c     what is told of it
 *   ngx_http_litellm_status_count.c    counters of it
 *   ngx_http_litellm_status_store.c    caches, Redis, shared memory
 *   status/status.html                 the page, ..._status_page.h made of it
 *                                      by status/pack.sh
 *
 * The page is one static file; it asks for the JSON again and again.  A request
 * for the JSON has a ngx_http_litellm_status_t and goes from turn to turn of
 * the event loop: none of them looks at more than a few hundred things, and no
 * list in the answer is longer than a bound, however many there are.
 */

#ifndef _NGX_HTTP_LITELLM_STATUS_H_INCLUDED_
#define _NGX_HTTP_LITELLM_STATUS_H_INCLUDED_


#include "ngx_http_litellm.h"
#include "ngx_http_litellm_ledger.h"


/* rows of the answer */
#define NGX_HTTP_LITELLM_STATUS_BAD     200   /* deployments that are not well */
#define NGX_HTTP_LITELLM_STATUS_TOP     100   /* others, the busiest */
#define NGX_HTTP_LITELLM_STATUS_GROUPS  50    /* that are not well */
#define NGX_HTTP_LITELLM_STATUS_LIMITS  50

/* counts have not been exchanged with Redis for so long: ms */
#define NGX_HTTP_LITELLM_STATUS_BEHIND  10000

/* bytes of a name that is shown, as it is or cut */
#define NGX_HTTP_LITELLM_STATUS_NAME    200


/* of all of nginx: not for who may see one of several configurations */
#define ngx_http_litellm_status_whole(st)                                     \
    ((st)->config == NULL || (st)->mcf->files.nelts == 1)


/* of litellm_status */
typedef enum {
    NGX_HTTP_LITELLM_STATUS_OFF = 0,
    NGX_HTTP_LITELLM_STATUS_ON,
    NGX_HTTP_LITELLM_STATUS_KEY          /* for who has the master key */
} ngx_http_litellm_status_e;


/* how a deployment is: the worse the higher */
typedef enum {
    NGX_HTTP_LITELLM_WELL = 0,
    NGX_HTTP_LITELLM_ERRING,             /* most calls of this minute failed */
    NGX_HTTP_LITELLM_HALF_OPEN,          /* a cooldown is over, no call was
                                            good since */
    NGX_HTTP_LITELLM_UNUSABLE,           /* it has no credentials */
    NGX_HTTP_LITELLM_LIMITED,            /* its rpm, tpm or parallel limit */
    NGX_HTTP_LITELLM_SPENT,              /* its budget, or its provider's */
    NGX_HTTP_LITELLM_UNHEALTHY,          /* its last health check failed */
    NGX_HTTP_LITELLM_COOLDOWN,
    NGX_HTTP_LITELLM_STATES
} ngx_http_litellm_state_e;


/* how the Redis is that limits are shared through */
typedef enum {
    NGX_HTTP_LITELLM_STATUS_UNTRIED = 0,
    NGX_HTTP_LITELLM_STATUS_UP,
    NGX_HTTP_LITELLM_STATUS_BEHIND_UP,   /* it answers, but counts are not
                                            exchanged */
    NGX_HTTP_LITELLM_STATUS_DOWN
} ngx_http_litellm_status_redis_e;


typedef struct {
    ngx_litellm_deployment_t         *deployment;
    ngx_litellm_config_t             *config;
    ngx_http_litellm_state_e          state;
    uint64_t                          score;
} ngx_http_litellm_status_item_t;


/* the greatest of many: the least of those is the first */
typedef struct {
    ngx_http_litellm_status_item_t   *items;
    ngx_uint_t                        n;
    ngx_uint_t                        max;
} ngx_http_litellm_status_top_t;


/* a group, and how those of its deployments are that can't be called */
typedef struct {
    ngx_litellm_group_t              *group;
    ngx_litellm_config_t             *config;
    ngx_uint_t                        total;
    ngx_uint_t                        able;
    ngx_uint_t                        good;      /* that can be called, and do
                                                    not fail */
    ngx_uint_t                        states[NGX_HTTP_LITELLM_STATES];
    ngx_msec_t                        left;      /* until the first one's
                                                    cooldown is over */
    ngx_atomic_uint_t                 cause;     /* of that one */
} ngx_http_litellm_status_group_t;


/* an account that is near a limit; no more of a key than its masked name */
typedef struct {
    ngx_http_litellm_scope_e          scope;
    ngx_http_litellm_limit_e          limit;
    ngx_uint_t                        permille;
    int64_t                           used;
    int64_t                           max;
    int64_t                           resets;    /* of a window: ms */
    int64_t                           ends;      /* of a budget's period: wall
                                                    clock, s; 0: never */
    size_t                            len;
    size_t                            alias_len;
    size_t                            model_len;
    u_char                            name[NGX_HTTP_LITELLM_STATUS_NAME];
    u_char                            alias[NGX_HTTP_LITELLM_STATUS_NAME];
    u_char                            model[NGX_HTTP_LITELLM_STATUS_NAME];
} ngx_http_litellm_status_limit_t;


/* what a walk over all accounts has found; a worker keeps it for a while */
typedef struct {
    ngx_cycle_t                      *cycle;
    ngx_litellm_config_t             *config;    /* NULL: all */
    ngx_msec_t                        time;
    ngx_msec_t                        valid;
    ngx_uint_t                        accounts;
    ngx_uint_t                        near;
    ngx_uint_t                        over;
    ngx_uint_t                        n;
    ngx_http_litellm_status_limit_t   items[NGX_HTTP_LITELLM_STATUS_LIMITS];
} ngx_http_litellm_status_limits_t;


typedef struct ngx_http_litellm_status_s  ngx_http_litellm_status_t;

/* NGX_OK: it is done; NGX_AGAIN: another turn; NGX_ERROR: no memory */
typedef ngx_int_t (*ngx_http_litellm_status_pt)(
    ngx_http_litellm_status_t *st);


struct ngx_http_litellm_status_s {
    ngx_http_request_t               *request;
    ngx_pool_t                       *pool;
    ngx_http_litellm_main_conf_t     *mcf;
    ngx_litellm_config_t             *config;    /* the only one to show; NULL:
                                                    all */
    ngx_str_t                         search;    /* empty: all deployments */
    ngx_event_t                       event;
    ngx_uint_t                        step;

    /* where a step stands */
    ngx_uint_t                        file;
    ngx_uint_t                        list;
    ngx_uint_t                        index;
    ngx_uint_t                        member;
    uint64_t                          cursor;
    uint64_t                          took;      /* by the walk, us */

    ngx_uint_t                        total;     /* deployments */
    ngx_uint_t                        found;     /* by search */
    ngx_uint_t                        able;
    ngx_uint_t                        inflight;
    ngx_uint_t                        states[NGX_HTTP_LITELLM_STATES];
    ngx_http_litellm_status_top_t     bad;
    ngx_http_litellm_status_top_t     top;

    ngx_uint_t                        ngroups;
    ngx_uint_t                        down;      /* nobody to call */
    ngx_uint_t                        degraded;
    ngx_array_t                       groups;    /* ..._status_group_t: those
                                                    that are down */
    ngx_array_t                       partly;    /* those that are degraded */
    ngx_http_litellm_status_group_t   group;     /* being looked at */

    ngx_http_litellm_status_redis_e   redis;     /* when the answer was begun:
                                                    all of it says the same */
    ngx_http_litellm_status_limits_t *limits;    /* being made; NULL: those of
                                                    the worker */
    ngx_litellm_out_t                 out;
};


/* ngx_http_litellm_status.c */
char *ngx_http_litellm_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_litellm_status_handler(ngx_http_request_t *r);
/* the next configuration to be shown from st->file on; NULL: no more */
ngx_litellm_config_t *ngx_http_litellm_status_config(
    ngx_http_litellm_status_t *st);

/* ngx_http_litellm_status_collect.c: steps */
ngx_int_t ngx_http_litellm_status_deployments(ngx_http_litellm_status_t *st);
ngx_int_t ngx_http_litellm_status_groups(ngx_http_litellm_status_t *st);
/* can't it be called now? */
ngx_uint_t ngx_http_litellm_status_unable(ngx_litellm_config_t *config,
    ngx_http_litellm_state_e state);
/* the worst first */
void ngx_http_litellm_status_sort(ngx_http_litellm_status_top_t *top);

/* ngx_http_litellm_status_limits.c: a step */
ngx_int_t ngx_http_litellm_status_walk(ngx_http_litellm_status_t *st);
/* what is known: never NULL behind that step */
ngx_http_litellm_status_limits_t *ngx_http_litellm_status_near(
    ngx_http_litellm_status_t *st);
/* of a list of ngx_litellm_named_budget_t, which may be NULL; NULL: none */
ngx_litellm_named_budget_t *ngx_http_litellm_status_named(ngx_array_t *list,
    const u_char *name, size_t len);

/* ngx_http_litellm_status_json.c: steps */
ngx_int_t ngx_http_litellm_status_head(ngx_http_litellm_status_t *st);
ngx_int_t ngx_http_litellm_status_rows(ngx_http_litellm_status_t *st);
ngx_int_t ngx_http_litellm_status_tail(ngx_http_litellm_status_t *st);
/* ,"name":value; a text no longer than NGX_HTTP_LITELLM_STATUS_NAME */
void ngx_http_litellm_status_int(ngx_litellm_out_t *out, const char *name,
    int64_t n);
void ngx_http_litellm_status_money(ngx_litellm_out_t *out, const char *name,
    int64_t money);
void ngx_http_litellm_status_text(ngx_litellm_out_t *out, const char *name,
    ngx_str_t *text);

/* ngx_http_litellm_status_store.c */
/* how it is at this moment */
ngx_http_litellm_status_redis_e ngx_http_litellm_status_redis(
    ngx_http_litellm_status_t *st);
/* how it is called: where there is one */
ngx_str_t *ngx_http_litellm_status_server(ngx_http_litellm_status_t *st);
void ngx_http_litellm_status_stores(ngx_http_litellm_status_t *st);

/* ngx_http_litellm_status_count.c: nothing where metrics are off */
void ngx_http_litellm_status_counters(ngx_http_litellm_status_t *st,
    ngx_litellm_deployment_t *d);
void ngx_http_litellm_status_totals(ngx_http_litellm_status_t *st);
void ngx_http_litellm_status_scales(ngx_http_litellm_status_t *st);


#endif /* _NGX_HTTP_LITELLM_STATUS_H_INCLUDED_ */
