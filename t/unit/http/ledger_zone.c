
/* See ledger_zone.h. */

#include "ledger_zone.h"

#include <stdlib.h>
#include <sys/mman.h>


volatile ngx_msec_t   ngx_current_msec;
volatile ngx_time_t  *ngx_cached_time;
ngx_int_t             ngx_ncpu = 2;

static ngx_time_t     ledger_time;


void
ledger_clock(ngx_msec_t ms, time_t sec)
{
    ngx_current_msec = ms;
    ledger_time.sec = sec;
    ngx_cached_time = &ledger_time;
}


ngx_shm_zone_t *
ledger_zone(size_t size)
{
    ngx_shm_zone_t   *zone;
    ngx_slab_pool_t  *pool;

    ngx_pagesize = 4096;
    ngx_pagesize_shift = 12;

    ngx_slab_sizes_init();

    zone = calloc(1, sizeof(ngx_shm_zone_t));
    pool = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_ANON|MAP_SHARED, -1, 0);

    if (zone == NULL || pool == MAP_FAILED) {
        abort();
    }

    pool->end = (u_char *) pool + size;
    pool->min_shift = 3;
    pool->addr = pool;

    if (ngx_shmtx_create(&pool->mutex, &pool->lock, NULL) != NGX_OK) {
        abort();
    }

    ngx_slab_init(pool);
    pool->log_nomem = 0;

    zone->shm.addr = (u_char *) pool;
    zone->shm.size = size;
    zone->data = ngx_http_litellm_ledger_create(pool);

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

    munmap(zone->shm.addr, zone->shm.size);
    free(zone);
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
    ngx_slab_pool_t  *pool;

    pool = (ngx_slab_pool_t *) zone->shm.addr;

    ngx_shmtx_force_unlock(&pool->mutex, pid);
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
