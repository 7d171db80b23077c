
/*
 * A shared zone for tests: a slab pool in memory that forked processes share,
 * and clocks that only the test moves.
 */

#ifndef _SHM_POOL_H_INCLUDED_
#define _SHM_POOL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* sets the clocks: ms of the one that nobody sets, s of the wall clock */
void shm_clock(ngx_msec_t ms, time_t sec);

/* as nginx has it made before the zone's init; no data */
ngx_shm_zone_t *shm_pool(size_t size);
void shm_pool_free(ngx_shm_zone_t *zone);

/* what nginx's master does when a worker has died */
void shm_unlock(ngx_shm_zone_t *zone, ngx_pid_t pid);


#endif /* _SHM_POOL_H_INCLUDED_ */
