
/*
 * The shared zones, the cache of answers and Redis, looked up when somebody
 * asks.  Nothing here is counted by this file.
 */

#include "ngx_http_litellm_metrics_text.h"
#include "ngx_http_litellm_cache_zone.h"
#include "ngx_http_litellm_cache_redis.h"
#include "ngx_http_litellm_redis.h"
#include "ngx_http_litellm_zone.h"


typedef enum {
    NGX_HTTP_LITELLM_Z_SIZE = 0,
    NGX_HTTP_LITELLM_Z_FREE
} ngx_http_litellm_gauge_zone_e;

typedef enum {
    NGX_HTTP_LITELLM_R_UP = 0,
    NGX_HTTP_LITELLM_R_COMMANDS,
    NGX_HTTP_LITELLM_R_ERRORS,
    NGX_HTTP_LITELLM_R_TIMEOUTS,
    NGX_HTTP_LITELLM_R_LOST,
    NGX_HTTP_LITELLM_R_WAITED
} ngx_http_litellm_gauge_redis_e;


static ngx_int_t ngx_http_litellm_gauge_zone(ngx_http_litellm_page_t *p);
static ngx_int_t ngx_http_litellm_gauge_cache(ngx_http_litellm_page_t *p);
static ngx_int_t ngx_http_litellm_gauge_redis(ngx_http_litellm_page_t *p);


const ngx_http_litellm_family_t  ngx_http_litellm_store_gauges[] = {

    ngx_http_litellm_g("litellm_ngx_zone_size_bytes",
        "Size of a shared zone.", GAUGE, zone, NGX_HTTP_LITELLM_Z_SIZE),
    ngx_http_litellm_g("litellm_ngx_zone_free_bytes",
        "What is free in a shared zone, in whole pages.", GAUGE, zone,
        NGX_HTTP_LITELLM_Z_FREE),

    ngx_http_litellm_g("litellm_ngx_cache_entries",
        "Answers in the cache.", GAUGE, cache,
        offsetof(ngx_http_litellm_cache_stat_t, entries)),
    ngx_http_litellm_g("litellm_ngx_cache_hits_total",
        "Answers that were found in the cache.", COUNTER, cache,
        offsetof(ngx_http_litellm_cache_stat_t, hits)),
    ngx_http_litellm_g("litellm_ngx_cache_misses_total",
        "Answers that were looked for in the cache and not found.", COUNTER,
        cache, offsetof(ngx_http_litellm_cache_stat_t, misses)),
    ngx_http_litellm_g("litellm_ngx_cache_stored_total",
        "Answers that were put into the cache.", COUNTER, cache,
        offsetof(ngx_http_litellm_cache_stat_t, stored)),
    ngx_http_litellm_g("litellm_ngx_cache_evicted_total",
        "Answers that had to leave the cache for others.", COUNTER, cache,
        offsetof(ngx_http_litellm_cache_stat_t, evicted)),

    ngx_http_litellm_g("litellm_ngx_redis_up",
        "1: connected to Redis.", GAUGE, redis, NGX_HTTP_LITELLM_R_UP),
    ngx_http_litellm_g("litellm_ngx_redis_commands_total",
        "Commands that were sent to Redis.", COUNTER, redis,
        NGX_HTTP_LITELLM_R_COMMANDS),
    ngx_http_litellm_g("litellm_ngx_redis_errors_total",
        "Replies of Redis that were errors.", COUNTER, redis,
        NGX_HTTP_LITELLM_R_ERRORS),
    ngx_http_litellm_g("litellm_ngx_redis_timeouts_total",
        "Commands that Redis did not reply to in time.", COUNTER, redis,
        NGX_HTTP_LITELLM_R_TIMEOUTS),
    ngx_http_litellm_g("litellm_ngx_redis_lost_total",
        "Connections to Redis that broke, or could not be made.", COUNTER,
        redis, NGX_HTTP_LITELLM_R_LOST),
    ngx_http_litellm_g("litellm_ngx_redis_wait_seconds_total",
        "Time waited for replies of Redis, of all commands.", COUNTER, redis,
        NGX_HTTP_LITELLM_R_WAITED),

    { ngx_null_string, NULL, 0, NULL, 0, 0, 0, 0 }
};


/* the metrics' own is an arena, and so is the cache's */

static ngx_int_t
ngx_http_litellm_gauge_zone(ngx_http_litellm_page_t *p)
{
    u_char                          buf[NGX_HTTP_LITELLM_METRICS_LINE];
    uint64_t                        n;
    ngx_str_t                       labels;
    ngx_uint_t                      i, size;
    ngx_shm_zone_t                 *zones[3];
    ngx_slab_pool_t                *shpool;
    ngx_http_litellm_cache_stat_t   stat;

    zones[0] = p->mcf->zone;
    zones[1] = p->mcf->cache_zone;
    zones[2] = p->mc->zone;

    size = (p->family->offset == NGX_HTTP_LITELLM_Z_SIZE);

    for (i = 0; i < 3; i++) {

        if (zones[i] == NULL) {
            continue;
        }

        if (size) {
            n = zones[i]->shm.size;

        } else if (i == 0) {
            shpool = ngx_http_litellm_zone_pool(zones[i]);
            n = (uint64_t) shpool->pfree * ngx_pagesize;

        } else if (i == 1) {
            ngx_http_litellm_cache_stat(zones[i], &stat);
            n = (uint64_t) stat.free * stat.block_size;

        } else {
            n = p->mc->m.sh->size - p->mc->m.sh->used;
        }

        ngx_http_litellm_gauge_label(buf, &labels, "zone",
                                     &zones[i]->shm.name);
        ngx_http_litellm_metrics_line(p, "", &labels, n);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_gauge_cache(ngx_http_litellm_page_t *p)
{
    u_char                          buf[NGX_HTTP_LITELLM_METRICS_LINE];
    ngx_str_t                       labels;
    ngx_http_litellm_cache_stat_t   stat;

    if (p->mcf->cache_zone == NULL) {
        return NGX_OK;
    }

    ngx_http_litellm_cache_stat(p->mcf->cache_zone, &stat);

    ngx_http_litellm_gauge_label(buf, &labels, "zone",
                                 &p->mcf->cache_zone->shm.name);
    ngx_http_litellm_metrics_line(p, "", &labels,
                     *(ngx_uint_t *) ((u_char *) &stat + p->family->offset));

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_gauge_redis(ngx_http_litellm_page_t *p)
{
    uint64_t                      n;
    ngx_http_litellm_redis_sh_t  *sh;

    if (p->mcf->redis == NULL || p->mcf->redis->sh == NULL) {
        return NGX_OK;
    }

    sh = p->mcf->redis->sh;

    switch (p->family->offset) {

    case NGX_HTTP_LITELLM_R_UP:
        n = (sh->state == 1);
        break;

    case NGX_HTTP_LITELLM_R_COMMANDS:
        n = sh->commands;
        break;

    case NGX_HTTP_LITELLM_R_ERRORS:
        n = sh->errors;
        break;

    case NGX_HTTP_LITELLM_R_TIMEOUTS:
        n = sh->timeouts;
        break;

    case NGX_HTTP_LITELLM_R_LOST:
        n = sh->lost;
        break;

    default: /* NGX_HTTP_LITELLM_R_WAITED */
        ngx_http_litellm_metrics_decimal(p, "", &ngx_http_litellm_gauge_none,
                                         sh->micros, 6);
        return NGX_OK;
    }

    ngx_http_litellm_metrics_line(p, "", &ngx_http_litellm_gauge_none, n);

    return NGX_OK;
}
