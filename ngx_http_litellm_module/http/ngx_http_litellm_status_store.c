
/*
 * What the status page tells of what all of nginx has: the caches of answers,
 * Redis, shared memory, hedges.  Who may see one of several configurations only
 * (litellm_status key) is told how Redis is, and no more: the rest is of other
 * people's requests, too.
 */

#include "ngx_http_litellm_status.h"
#include "ngx_http_litellm_zone.h"
#include "ngx_http_litellm_redis.h"
#include "ngx_http_litellm_cache_redis.h"
#include "ngx_http_litellm_cache_zone.h"


static void ngx_http_litellm_status_cache(ngx_http_litellm_status_t *st);
static void ngx_http_litellm_status_cache_redis(
    ngx_http_litellm_status_t *st);
static void ngx_http_litellm_status_limits_redis(
    ngx_http_litellm_status_t *st);
static void ngx_http_litellm_status_zone(ngx_http_litellm_status_t *st);


static ngx_str_t  ngx_http_litellm_status_states[] = {
    ngx_string("untried"),
    ngx_string("up"),
    ngx_string("behind"),
    ngx_string("down")
};


ngx_http_litellm_status_redis_e
ngx_http_litellm_status_redis(ngx_http_litellm_status_t *st)
{
    ngx_http_litellm_redis_sh_t  *sh;

    if (st->mcf->redis == NULL || st->mcf->zone == NULL) {
        return NGX_HTTP_LITELLM_STATUS_UNTRIED;
    }

    sh = ngx_http_litellm_zone_redis(st->mcf->zone);

    switch (sh->state) {

    case 0:
        return NGX_HTTP_LITELLM_STATUS_UNTRIED;

    case 1:
        if (st->mcf->redis->limits != NGX_HTTP_LITELLM_REDIS_OFF
            && (sh->useless
                || (sh->synced
                    && ngx_current_msec - (ngx_msec_t) sh->synced
                       > NGX_HTTP_LITELLM_STATUS_BEHIND)))
        {
            return NGX_HTTP_LITELLM_STATUS_BEHIND_UP;
        }

        return NGX_HTTP_LITELLM_STATUS_UP;

    default:
        return NGX_HTTP_LITELLM_STATUS_DOWN;
    }
}


ngx_str_t *
ngx_http_litellm_status_server(ngx_http_litellm_status_t *st)
{
    static ngx_str_t  name = ngx_string("Redis");

    return ngx_http_litellm_status_whole(st) ? &st->mcf->redis->shown : &name;
}


void
ngx_http_litellm_status_stores(ngx_http_litellm_status_t *st)
{
    if (ngx_http_litellm_status_whole(st)) {
        ngx_http_litellm_status_cache(st);
        ngx_http_litellm_status_zone(st);
    }

    ngx_http_litellm_status_limits_redis(st);
}


/* of all its zones */

static void
ngx_http_litellm_status_cache(ngx_http_litellm_status_t *st)
{
    ngx_uint_t                      i, zones;
    ngx_shm_zone_t                 *zone;
    ngx_list_part_t                *part;
    ngx_litellm_out_t              *out;
    ngx_http_litellm_cache_stat_t   stat, all;

    ngx_memzero(&all, sizeof(ngx_http_litellm_cache_stat_t));

    part = NULL;
    zones = 0;

    while ((zone = ngx_http_litellm_cache_next((ngx_cycle_t *) ngx_cycle,
                                               &part, &i))
           != NULL)
    {
        ngx_http_litellm_cache_stat(zone, &stat);

        zones++;
        all.hits += stat.hits;
        all.misses += stat.misses;
        all.stored += stat.stored;
        all.evicted += stat.evicted;
        all.entries += stat.entries;
        all.coalesced += stat.coalesced;
        all.blocks += stat.blocks * stat.block_size;
        all.free += stat.free * stat.block_size;
    }

    out = &st->out;

    if (zones) {
        ngx_litellm_out_lit(out, ",\"cache\":{\"hits\":");
        ngx_litellm_out_int(out, all.hits);
        ngx_http_litellm_status_int(out, "misses", all.misses);
        ngx_http_litellm_status_int(out, "stored", all.stored);
        ngx_http_litellm_status_int(out, "evicted", all.evicted);
        ngx_http_litellm_status_int(out, "coalesced", all.coalesced);
        ngx_http_litellm_status_int(out, "entries", all.entries);
        ngx_http_litellm_status_int(out, "zones", zones);
        ngx_http_litellm_status_int(out, "bytes", all.blocks);
        ngx_http_litellm_status_int(out, "bytes_free", all.free);
        ngx_litellm_out_lit(out, "}");
    }

    ngx_http_litellm_status_cache_redis(st);
}


static void
ngx_http_litellm_status_cache_redis(ngx_http_litellm_status_t *st)
{
    ngx_litellm_out_t                    *out;
    ngx_http_litellm_cache_redis_stat_t   stat;

    if (ngx_http_litellm_cache_redis_stat(st->mcf, &stat) != NGX_OK) {
        return;
    }

    out = &st->out;

    ngx_litellm_out_lit(out, ",\"cache_redis\":{\"state\":");
    ngx_litellm_out_json(out, &ngx_http_litellm_status_states[
                              (stat.state == 0) ? NGX_HTTP_LITELLM_STATUS_UNTRIED
                              : (stat.state == 1) ? NGX_HTTP_LITELLM_STATUS_UP
                              : NGX_HTTP_LITELLM_STATUS_DOWN]);
    ngx_http_litellm_status_int(out, "hits", stat.hits);
    ngx_http_litellm_status_int(out, "misses", stat.misses);
    ngx_http_litellm_status_int(out, "late", stat.late);
    ngx_http_litellm_status_int(out, "skipped", stat.skipped);
    ngx_http_litellm_status_int(out, "errors", stat.errors);
    ngx_http_litellm_status_int(out, "stored", stat.stored);
    ngx_http_litellm_status_int(out, "dropped", stat.dropped);
    ngx_litellm_out_lit(out, "}");
}


static void
ngx_http_litellm_status_limits_redis(ngx_http_litellm_status_t *st)
{
    ngx_litellm_out_t            *out;
    ngx_http_litellm_redis_sh_t  *sh;

    if (st->mcf->redis == NULL || st->mcf->zone == NULL) {
        return;
    }

    out = &st->out;
    sh = ngx_http_litellm_zone_redis(st->mcf->zone);

    ngx_litellm_out_lit(out, ",\"redis\":{\"state\":");
    ngx_litellm_out_json(out, &ngx_http_litellm_status_states[st->redis]);

    if (ngx_http_litellm_status_whole(st)) {
        ngx_http_litellm_status_text(out, "server", &st->mcf->redis->shown);
        ngx_http_litellm_status_int(out, "commands", (int64_t) sh->commands);
        ngx_http_litellm_status_int(out, "errors", (int64_t) sh->errors);
        ngx_http_litellm_status_int(out, "timeouts", (int64_t) sh->timeouts);
        ngx_http_litellm_status_int(out, "lost", (int64_t) sh->lost);
        ngx_http_litellm_status_int(out, "waited_us", (int64_t) sh->micros);

        if (sh->synced) {
            ngx_http_litellm_status_int(out, "exchanged_ms",
                                        (ngx_msec_int_t) (ngx_current_msec
                                              - (ngx_msec_t) sh->synced));
        }
    }

    ngx_litellm_out_lit(out, "}");
}


static void
ngx_http_litellm_status_zone(ngx_http_litellm_status_t *st)
{
    ngx_slab_pool_t            *pool;
    ngx_litellm_out_t          *out;
    ngx_http_litellm_hedges_t  *hedges;

    if (st->mcf->zone == NULL) {
        return;
    }

    out = &st->out;

    pool = ngx_http_litellm_zone_pool(st->mcf->zone);
    hedges = ngx_http_litellm_zone_hedges(st->mcf->zone);

    ngx_litellm_out_lit(out, ",\"zone\":{\"size\":");
    ngx_litellm_out_int(out, (int64_t) st->mcf->zone->shm.size);
    ngx_http_litellm_status_int(out, "free",
                                (int64_t) (pool->pfree * ngx_pagesize));
    ngx_litellm_out_lit(out, "},\"hedges\":{\"hedged\":");
    ngx_litellm_out_int(out, (int64_t) hedges->hedged);
    ngx_http_litellm_status_int(out, "won", (int64_t) hedges->won);
    ngx_http_litellm_status_int(out, "refused", (int64_t) hedges->refused);
    ngx_litellm_out_lit(out, "}");
}
