
/* See shm_pool.h. */

#include "shm_pool.h"

#include <stdlib.h>
#include <sys/mman.h>


volatile ngx_msec_t   ngx_current_msec;
volatile ngx_time_t  *ngx_cached_time;
ngx_int_t             ngx_ncpu = 2;

static ngx_time_t     shm_time;


void
shm_clock(ngx_msec_t ms, time_t sec)
{
    ngx_current_msec = ms;
    shm_time.sec = sec;
    ngx_cached_time = &shm_time;
}


ngx_shm_zone_t *
shm_pool(size_t size)
{
    ngx_shm_zone_t   *zone;
    ngx_slab_pool_t  *pool;

    /* not twice: it counts on what it has counted */

    if (ngx_pagesize_shift == 0) {
        ngx_pagesize = 4096;
        ngx_pagesize_shift = 12;

        ngx_slab_sizes_init();
    }

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

    return zone;
}


void
shm_pool_free(ngx_shm_zone_t *zone)
{
    munmap(zone->shm.addr, zone->shm.size);
    free(zone);
}


void
shm_unlock(ngx_shm_zone_t *zone, ngx_pid_t pid)
{
    ngx_slab_pool_t  *pool;

    pool = (ngx_slab_pool_t *) zone->shm.addr;

    ngx_shmtx_force_unlock(&pool->mutex, pid);
}
