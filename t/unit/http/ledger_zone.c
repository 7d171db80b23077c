
/* See ledger_zone.h. */

#include "ledger_zone.h"
#include "shm_pool.h"

#include <stdlib.h>


void
ledger_clock(ngx_msec_t ms, time_t sec)
{
    shm_clock(ms, sec);
}


ngx_shm_zone_t *
ledger_zone(size_t size)
{
    ngx_shm_zone_t  *zone;

    zone = shm_pool(size);
    zone->data = ngx_http_litellm_ledger_create(
                     (ngx_slab_pool_t *) zone->shm.addr);

    if (zone->data == NULL) {
        abort();
    }

    ledger_worker(zone, 1, 0);

    return zone;
}


void
ledger_zone_free(ngx_shm_zone_t *zone)
{
    ngx_http_litellm_ledger_leave(zone);

    shm_pool_free(zone);
}


ngx_http_litellm_ledger_t *
ngx_http_litellm_zone_ledger(ngx_shm_zone_t *zone)
{
    return zone->data;
}


void
ledger_worker(ngx_shm_zone_t *zone, ngx_uint_t generation, ngx_uint_t index)
{
    ngx_pid = getpid();

    ngx_http_litellm_ledger_enter(zone, generation, index);
}


void
ledger_unlock(ngx_shm_zone_t *zone, ngx_pid_t pid)
{
    shm_unlock(zone, pid);
}


ngx_http_litellm_claim_t *
ledger_claim(ngx_http_litellm_reservation_t *rv,
    ngx_http_litellm_scope_e scope, const char *name)
{
    ngx_http_litellm_claim_t  *claim;

    claim = &rv->claims[rv->n++];

    ngx_memzero(claim, sizeof(ngx_http_litellm_claim_t));

    claim->scope = scope;
    claim->name.data = (u_char *) name;
    claim->name.len = ngx_strlen(name);
    claim->shown = claim->name;
    claim->rpm = -1;
    claim->tpm = -1;
    claim->parallel = -1;
    claim->budget = -1;

    return claim;
}


ngx_http_litellm_account_t
ledger_account(ngx_shm_zone_t *zone, ngx_http_litellm_scope_e scope,
    const char *name)
{
    ngx_str_t                   text;
    ngx_http_litellm_account_t  account;

    text.data = (u_char *) name;
    text.len = ngx_strlen(name);

    (void) ngx_http_litellm_ledger_read(zone, scope, &text, &account);

    return account;
}
