
/*
 * The shared zone: what workers know together of deployments.  One entry of a
 * fixed size for each deployment that was probed holds the last health probe;
 * counters, cooldowns and the like are in records that are never evicted
 * (ngx_http_litellm_record.c).
 */

#ifndef _NGX_HTTP_LITELLM_ZONE_H_INCLUDED_
#define _NGX_HTTP_LITELLM_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config.h"
#include "ngx_http_litellm_ledger.h"
#include "ngx_http_litellm_store.h"
#include "ngx_http_litellm_zone_node.h"


#define NGX_HTTP_LITELLM_ZONE_TEXT  120


/* the result of a health probe; times in ms of ngx_current_msec */
typedef struct {
    ngx_msec_t    time;
    ngx_msec_t    latency;
    ngx_uint_t    status;          /* of HTTP; 0: no answer */
    size_t        len;
    u_char        text[NGX_HTTP_LITELLM_ZONE_TEXT];  /* why it failed: UTF-8,
                                                        no secret in it */
    unsigned      known:1;         /* there is a result */
    unsigned      ok:1;
} ngx_http_litellm_probe_t;


/*
 * Of hedging, of all workers: ngx_http_litellm_hedge_budget.c.  hedged counts
 * second deployments that were called, won those of them whose answer the
 * client got, refused those that the budget did not allow.
 */
typedef struct {
    ngx_atomic_t  debt;            /* of the budget, 10000 for each hedge */
    ngx_atomic_t  hedged;
    ngx_atomic_t  won;
    ngx_atomic_t  refused;
} ngx_http_litellm_hedges_t;


/* of the zone, for the files that own them */
ngx_slab_pool_t *ngx_http_litellm_zone_pool(ngx_shm_zone_t *zone);
ngx_http_litellm_store_t *ngx_http_litellm_zone_store(ngx_shm_zone_t *zone);
ngx_http_litellm_ledger_t *ngx_http_litellm_zone_ledger(ngx_shm_zone_t *zone);

/* never NULL; for metrics: read its counters */
ngx_http_litellm_hedges_t *ngx_http_litellm_zone_hedges(ngx_shm_zone_t *zone);

/* a deployment's name: of its file and id */
void ngx_http_litellm_zone_key(ngx_litellm_deployment_t *d,
    ngx_http_litellm_zone_key_t *key);

/*
 * NGX_OK: the caller probes and then calls .._probe_end() or .._probe_abort()
 * with the same now; NGX_DECLINED: *probe is a result not older than valid;
 * NGX_BUSY: somebody else probes, or a probe was broken off less than valid
 * ago; *probe is the last result, if known.  NGX_ERROR: the zone is full.
 * A prober that is silent for timeout is given up.
 */
ngx_int_t ngx_http_litellm_zone_probe_begin(ngx_shm_zone_t *zone,
    ngx_http_litellm_zone_key_t *key, ngx_msec_t now, ngx_msec_t valid,
    ngx_msec_t timeout, ngx_http_litellm_probe_t *probe);

/* since: begin's now; probe->time is when the result was had */
void ngx_http_litellm_zone_probe_end(ngx_shm_zone_t *zone,
    ngx_http_litellm_zone_key_t *key, ngx_msec_t since, ngx_msec_t valid,
    ngx_http_litellm_probe_t *probe);

/* the last result, however old */
void ngx_http_litellm_zone_probe_last(ngx_shm_zone_t *zone,
    ngx_http_litellm_zone_key_t *key, ngx_http_litellm_probe_t *probe);

/* nobody waited for the result: the next probe only after valid */
void ngx_http_litellm_zone_probe_abort(ngx_shm_zone_t *zone,
    ngx_http_litellm_zone_key_t *key, ngx_msec_t since, ngx_msec_t now,
    ngx_msec_t valid);


/*
 * Is a process that the zone names gone?  The caller knows that the entry is
 * not its own: its number there is of a process before it.
 */
static ngx_inline ngx_uint_t
ngx_http_litellm_zone_gone(ngx_pid_t pid)
{
    return pid == ngx_pid || (kill(pid, 0) == -1 && ngx_errno == NGX_ESRCH);
}


#endif /* _NGX_HTTP_LITELLM_ZONE_H_INCLUDED_ */
