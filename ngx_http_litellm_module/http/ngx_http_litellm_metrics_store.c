
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
    NGX_HTTP_LITELLM_R_COUNT,
    NGX_HTTP_LITELLM_R_WAITED
} ngx_http_litellm_gauge_redis_e;


static ngx_int_t ngx_http_litellm_gauge_zone(ngx_http_litellm_page_t *p);
static void ngx_http_litellm_gauge_size(ngx_http_litellm_page_t *p,
    ngx_shm_zone_t *zone, uint64_t n);
static ngx_int_t ngx_http_litellm_gauge_cache(ngx_http_litellm_page_t *p);
static ngx_int_t ngx_http_litellm_gauge_redis(ngx_http_litellm_page_t *p);
static void ngx_http_litellm_gauge_connection(ngx_http_litellm_page_t *p,
    const char *name, ngx_http_litellm_redis_sh_t *sh);
static ngx_int_t ngx_http_litellm_gauge_exchange(ngx_http_litellm_page_t *p);
static ngx_int_t ngx_http_litellm_gauge_there(ngx_http_litellm_page_t *p);
static ngx_int_t ngx_http_litellm_gauge_records(ngx_http_litellm_page_t *p);


#define ngx_http_litellm_g_cache(name, help, type, field)                     \
    ngx_http_litellm_g(name, help, type, cache,                               \
                       offsetof(ngx_http_litellm_cache_stat_t, field))

/* of each connection to Redis */
#define ngx_http_litellm_g_redis(name, help, type, what, field)               \
    { ngx_string(name), help, NGX_HTTP_LITELLM_##type,                        \
      ngx_http_litellm_gauge_redis, NGX_HTTP_LITELLM_UNIT,                    \
      NGX_HTTP_LITELLM_R_##what,                                              \
      offsetof(ngx_http_litellm_redis_sh_t, field), 0 }

/* of answers that are kept in Redis */
#define ngx_http_litellm_g_there(name, help, field)                           \
    ngx_http_litellm_g(name, help, COUNTER, there,                            \
                       offsetof(ngx_http_litellm_cache_redis_stat_t, field))

/* of keys, teams and users that several gateways share */
#define ngx_http_litellm_g_records(name, help, field)                         \
    ngx_http_litellm_g(name, help, COUNTER, records,                          \
                       offsetof(ngx_http_litellm_redis_records_t, field))


const ngx_http_litellm_family_t  ngx_http_litellm_store_gauges[] = {

    ngx_http_litellm_g("litellm_ngx_zone_size_bytes",
        "Size of a shared zone.", GAUGE, zone, NGX_HTTP_LITELLM_Z_SIZE),
    ngx_http_litellm_g("litellm_ngx_zone_free_bytes",
        "What is free in a shared zone, in whole pages.", GAUGE, zone,
        NGX_HTTP_LITELLM_Z_FREE),

    ngx_http_litellm_g_cache("litellm_ngx_cache_entries",
        "Answers in the cache.", GAUGE, entries),
    ngx_http_litellm_g_cache("litellm_ngx_cache_hits_total",
        "Answers that were found in the cache; each input of embeddings is "
        "one.", COUNTER, hits),
    ngx_http_litellm_g_cache("litellm_ngx_cache_misses_total",
        "Answers that were looked for in the cache and not found; each input "
        "of embeddings is one.", COUNTER, misses),
    ngx_http_litellm_g_cache("litellm_ngx_cache_stored_total",
        "Answers that were put into the cache.", COUNTER, stored),
    ngx_http_litellm_g_cache("litellm_ngx_cache_evicted_total",
        "Answers that had to leave the cache for others.", COUNTER, evicted),
    ngx_http_litellm_g_cache("litellm_ngx_cache_coalesced_total",
        "Requests that were answered by the call of another one.", COUNTER,
        coalesced),
    ngx_http_litellm_g_cache("litellm_ngx_cache_lock_timeouts_total",
        "Requests that have waited for the call of another one, and then made "
        "their own.", COUNTER, lock_timeouts),

    ngx_http_litellm_g_redis("litellm_ngx_redis_up",
        "1: connected to Redis.", GAUGE, UP, state),
    ngx_http_litellm_g_redis("litellm_ngx_redis_commands_total",
        "Commands that were sent to Redis.", COUNTER, COUNT, commands),
    ngx_http_litellm_g_redis("litellm_ngx_redis_errors_total",
        "Replies of Redis that were errors.", COUNTER, COUNT, errors),
    ngx_http_litellm_g_redis("litellm_ngx_redis_timeouts_total",
        "Commands that Redis did not reply to in time.", COUNTER, COUNT,
        timeouts),
    ngx_http_litellm_g_redis("litellm_ngx_redis_lost_total",
        "Connections to Redis that broke, or could not be made.", COUNTER,
        COUNT, lost),
    ngx_http_litellm_g_redis("litellm_ngx_redis_wait_seconds_total",
        "Time waited for replies of Redis, of all commands.", COUNTER, WAITED,
        micros),

    ngx_http_litellm_g_largest("litellm_ngx_redis_exchange_age_seconds",
        "Time since counts were last exchanged with Redis; it is every few "
        "seconds.", exchange, 0),

    ngx_http_litellm_g_there("litellm_ngx_cache_redis_hits_total",
        "Answers that were found in Redis.", hits),
    ngx_http_litellm_g_there("litellm_ngx_cache_redis_misses_total",
        "Answers that were looked for in Redis and not found.", misses),
    ngx_http_litellm_g_there("litellm_ngx_cache_redis_bad_total",
        "What was found in Redis, and is no answer of this gateway's.", bad),
    ngx_http_litellm_g_there("litellm_ngx_cache_redis_late_total",
        "Answers that Redis did not tell in time.", late),
    ngx_http_litellm_g_there("litellm_ngx_cache_redis_skipped_total",
        "Answers that Redis was not asked for: it is down, or silent.",
        skipped),
    ngx_http_litellm_g_there("litellm_ngx_cache_redis_errors_total",
        "Answers whose reading or writing Redis has refused, or that were "
        "lost with the connection.", errors),
    ngx_http_litellm_g_there("litellm_ngx_cache_redis_stored_total",
        "Answers that were put into Redis.", stored),
    ngx_http_litellm_g_there("litellm_ngx_cache_redis_dropped_total",
        "Answers that were not put into Redis: too many wait, or it is down.",
        dropped),

    ngx_http_litellm_g_records("litellm_ngx_redis_records_sent_total",
        "Changes of keys, teams and users that were told to other gateways.",
        sent),
    ngx_http_litellm_g_records("litellm_ngx_redis_records_taken_total",
        "Changes of keys, teams and users that other gateways have told.",
        taken),
    ngx_http_litellm_g_records("litellm_ngx_redis_records_bad_total",
        "What was found in place of a key, a team or a user, and is none.",
        bad),
    ngx_http_litellm_g_records("litellm_ngx_redis_records_full_total",
        "Keys, teams and users of other gateways that there was no room for.",
        full),

    { ngx_null_string, NULL, 0, NULL, 0, 0, 0, 0 }
};


/* the metrics' own is an arena, and so is the cache's */

static ngx_int_t
ngx_http_litellm_gauge_zone(ngx_http_litellm_page_t *p)
{
    ngx_uint_t                      i;
    ngx_shm_zone_t                 *zone;
    ngx_list_part_t                *part;
    ngx_slab_pool_t                *shpool;
    ngx_http_litellm_cache_stat_t   stat;

    zone = p->mcf->zone;

    if (zone != NULL) {
        shpool = ngx_http_litellm_zone_pool(zone);
        ngx_http_litellm_gauge_size(p, zone,
                                    (uint64_t) shpool->pfree * ngx_pagesize);
    }

    part = NULL;

    while ((zone = ngx_http_litellm_cache_next((ngx_cycle_t *) ngx_cycle,
                                               &part, &i))
           != NULL)
    {
        ngx_http_litellm_cache_stat(zone, &stat);
        ngx_http_litellm_gauge_size(p, zone,
                                    (uint64_t) stat.free * stat.block_size);
    }

    ngx_http_litellm_gauge_size(p, p->mc->zone,
                                p->mc->m.sh->size - p->mc->m.sh->used);

    return NGX_OK;
}


/* n: bytes that are free in it */

static void
ngx_http_litellm_gauge_size(ngx_http_litellm_page_t *p, ngx_shm_zone_t *zone,
    uint64_t n)
{
    u_char     buf[NGX_HTTP_LITELLM_METRICS_LINE];
    ngx_str_t  labels;

    ngx_http_litellm_gauge_label(p, buf, &labels, "zone", &zone->shm.name);
    ngx_http_litellm_metrics_line(p, "", &labels,
                         (p->family->offset == NGX_HTTP_LITELLM_Z_SIZE)
                         ? zone->shm.size : n);
}


static ngx_int_t
ngx_http_litellm_gauge_cache(ngx_http_litellm_page_t *p)
{
    u_char                          buf[NGX_HTTP_LITELLM_METRICS_LINE];
    ngx_str_t                       labels;
    ngx_uint_t                      i;
    ngx_shm_zone_t                 *zone;
    ngx_list_part_t                *part;
    ngx_http_litellm_cache_stat_t   stat;

    part = NULL;

    while ((zone = ngx_http_litellm_cache_next((ngx_cycle_t *) ngx_cycle,
                                               &part, &i))
           != NULL)
    {
        ngx_http_litellm_cache_stat(zone, &stat);

        ngx_http_litellm_gauge_label(p, buf, &labels, "zone", &zone->shm.name);
        ngx_http_litellm_metrics_line(p, "", &labels,
                     *(ngx_uint_t *) ((u_char *) &stat + p->family->offset));
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_gauge_redis(ngx_http_litellm_page_t *p)
{
    if (p->mcf->redis != NULL && p->mcf->redis->sh != NULL) {
        ngx_http_litellm_gauge_connection(p, "limits", p->mcf->redis->sh);
    }

    if (p->mcf->cache_redis != NULL && p->mcf->cache_redis->sh != NULL) {
        ngx_http_litellm_gauge_connection(p, "cache", p->mcf->cache_redis->sh);
    }

    return NGX_OK;
}


static void
ngx_http_litellm_gauge_connection(ngx_http_litellm_page_t *p,
    const char *name, ngx_http_litellm_redis_sh_t *sh)
{
    u_char         buf[NGX_HTTP_LITELLM_METRICS_LINE];
    ngx_str_t      labels, value;
    ngx_atomic_t  *counter;

    value.data = (u_char *) name;
    value.len = ngx_strlen(name);

    ngx_http_litellm_gauge_label(p, buf, &labels, "connection", &value);

    counter = (ngx_atomic_t *) ((u_char *) sh + p->family->offset);

    switch (p->family->row) {

    case NGX_HTTP_LITELLM_R_UP:
        ngx_http_litellm_metrics_line(p, "", &labels, *counter == 1);
        break;

    case NGX_HTTP_LITELLM_R_COUNT:
        ngx_http_litellm_metrics_line(p, "", &labels, *counter);
        break;

    default: /* NGX_HTTP_LITELLM_R_WAITED */
        ngx_http_litellm_metrics_decimal(p, "", &labels, *counter, 6);
    }
}


static ngx_int_t
ngx_http_litellm_gauge_exchange(ngx_http_litellm_page_t *p)
{
    ngx_msec_int_t             age;
    ngx_http_litellm_redis_t  *redis;

    redis = p->mcf->redis;

    if (redis == NULL || redis->sh == NULL || redis->sh->synced == 0
        || redis->limits == NGX_HTTP_LITELLM_REDIS_OFF)
    {
        return NGX_OK;
    }

    age = (ngx_msec_int_t) (ngx_current_msec - (ngx_msec_t) redis->sh->synced);

    ngx_http_litellm_metrics_decimal(p, "", &ngx_http_litellm_gauge_none,
                                     ngx_max(age, 0), 3);

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_gauge_there(ngx_http_litellm_page_t *p)
{
    ngx_http_litellm_cache_redis_stat_t  stat;

    if (ngx_http_litellm_cache_redis_stat(p->mcf, &stat) == NGX_OK) {
        ngx_http_litellm_metrics_line(p, "", &ngx_http_litellm_gauge_none,
                     *(ngx_uint_t *) ((u_char *) &stat + p->family->offset));
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_gauge_records(ngx_http_litellm_page_t *p)
{
    ngx_http_litellm_redis_t  *redis;

    redis = p->mcf->redis;

    if (redis != NULL && redis->sh != NULL && redis->keys) {
        ngx_http_litellm_metrics_line(p, "", &ngx_http_litellm_gauge_none,
                                      *(ngx_atomic_t *)
                                      ((u_char *) &redis->sh->records
                                       + p->family->offset));
    }

    return NGX_OK;
}
