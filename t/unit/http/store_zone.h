
/* A store for tests, in memory that forked processes share. */

#ifndef _STORE_ZONE_H_INCLUDED_
#define _STORE_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_http_litellm_store_node.h"
#include "shm_pool.h"


ngx_shm_zone_t *store_zone(size_t size);
void store_zone_free(ngx_shm_zone_t *zone);

/* {"key_alias":"..","n":..}, or without the first (alias NULL), in buf */
ngx_str_t store_json(u_char *buf, const char *alias, ngx_uint_t n);

/* a key as the management API writes it; version as put_unique() has it */
ngx_int_t store_put(ngx_shm_zone_t *zone, const char *id, const char *alias,
    ngx_uint_t n, ngx_uint_t version);
ngx_int_t store_delete(ngx_shm_zone_t *zone, const char *id);

/* the key's number, 0: it is not there */
ngx_uint_t store_get(ngx_shm_zone_t *zone, const char *id);

/* the first key with that alias in order of id, in buf; "" without one */
const char *store_alias(ngx_shm_zone_t *zone, const char *alias, char *buf);

/*
 * All that must hold of a store that nobody is using: lists in order and whole
 * on each level, counts that are right, each alias found, each change chained.
 * NULL, or what is wrong.
 */
const char *store_wrong(ngx_shm_zone_t *zone);

/* records and deletions: pieces of the slab pool that they take */
ngx_uint_t store_pieces(ngx_shm_zone_t *zone);


#endif /* _STORE_ZONE_H_INCLUDED_ */
