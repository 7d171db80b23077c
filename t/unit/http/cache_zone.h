
/* A cache zone for tests, in memory that forked processes share. */

#ifndef _CACHE_ZONE_H_INCLUDED_
#define _CACHE_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_http_litellm_cache_block.h"
#include "shm_pool.h"


/* a new zone with this process as its worker of index 0 */
ngx_shm_zone_t *cache_zone(size_t size);
void cache_zone_free(ngx_shm_zone_t *zone);

/* a forked process begins as a worker */
void cache_worker(ngx_shm_zone_t *zone, ngx_uint_t index);

/* SHA-256 is not needed: any 32 bytes of a number */
void cache_key(u_char key[NGX_HTTP_LITELLM_CACHE_KEY], uint64_t n);

/*
 * The bytes of a value are of a number as well: it is written whole and
 * committed, in pieces of an odd size; NGX_DECLINED as create() says.
 */
ngx_int_t cache_put(ngx_shm_zone_t *zone, uint64_t key, uint64_t seed,
    size_t len, time_t expires);

/* is what is read of an open entry that value, from its first byte on? */
/* the same of what was fetched at once */
ngx_uint_t cache_same_small(ngx_http_litellm_cache_handle_t *h,
    const u_char *buf);
ngx_uint_t cache_same(ngx_shm_zone_t *zone,
    ngx_http_litellm_cache_handle_t *h);

/* NGX_OK: it is there and whole, NGX_DECLINED: it is not, NGX_ERROR: wrong */
ngx_int_t cache_get(ngx_shm_zone_t *zone, uint64_t key);

ngx_http_litellm_cache_stat_t cache_stat(ngx_shm_zone_t *zone);

/*
 * All that must hold of a zone that nobody is using: every block is free or in
 * one chain of one entry, counts are right, the order of use is whole both
 * ways.  Pins that are used: as many as said.  NULL, or what is wrong.
 */
const char *cache_wrong(ngx_shm_zone_t *zone, ngx_uint_t pins);


#endif /* _CACHE_ZONE_H_INCLUDED_ */
