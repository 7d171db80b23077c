
/*
 * A zone for tests of the ledger: a slab pool in memory that forked processes
 * share, and clocks that only the test moves.
 */

#ifndef _LEDGER_ZONE_H_INCLUDED_
#define _LEDGER_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_http_litellm_ledger_zone.h"


/* sets the clocks: ms of the one that nobody sets, s of the wall clock */
void ledger_clock(ngx_msec_t ms, time_t sec);

/* a new zone with this process as a worker of generation 1, index 0 */
ngx_shm_zone_t *ledger_zone(size_t size);
void ledger_zone_free(ngx_shm_zone_t *zone);

/* a forked process begins: its number and its place as a worker */
void ledger_worker(ngx_shm_zone_t *zone, ngx_uint_t generation,
    ngx_uint_t index);

/* what nginx's master does when a worker has died */
void ledger_unlock(ngx_shm_zone_t *zone, ngx_pid_t pid);

/* a claim without limits */
ngx_http_litellm_claim_t *ledger_claim(ngx_http_litellm_reservation_t *rv,
    ngx_http_litellm_scope_e scope, const char *name);

ngx_http_litellm_account_t ledger_account(ngx_shm_zone_t *zone,
    ngx_http_litellm_scope_e scope, const char *name);


#endif /* _LEDGER_ZONE_H_INCLUDED_ */
