
/*
 * Records of Redis that are taken over: what another gateway has told, or what
 * anybody has put there.  They are checked as those of the state file are; what
 * is none is left alone, counted, and told in the log once a minute.
 *
 * Called by ngx_http_litellm_redis_records.c, in the leader.  A record has an
 * account that is kept; without room for that there is no record either.
 */

#include "ngx_http_litellm_redis.h"
#include "ngx_http_litellm_admin.h"
#include "ngx_http_litellm_zone.h"
#include "ngx_litellm_told.h"


/* marks that are further ahead than a year are none: microseconds */
#define NGX_HTTP_LITELLM_TAKE_AHEAD    (366 * (uint64_t) 86400000000)

/* a line in the log, and what had no room is tried again: ms */
#define NGX_HTTP_LITELLM_TAKE_LOG      60000
#define NGX_HTTP_LITELLM_TAKE_RETRY    30000


#if (NGX_LITELLM_HAVE_HIREDIS)


static ngx_int_t ngx_http_litellm_take_parse(
    ngx_http_litellm_store_item_t *item, ngx_str_t *field, ngx_str_t *value);
static ngx_int_t ngx_http_litellm_take_put(
    ngx_http_litellm_store_item_t *item, ngx_pool_t *pool);
static void ngx_http_litellm_take_full(void);


/* of this worker */
static struct {
    ngx_http_litellm_redis_t   *redis;
    ngx_shm_zone_t             *zone;
    ngx_uint_t                  bad;       /* since the last line */
    ngx_msec_t                  said;
    ngx_msec_t                  full;      /* 0: nothing waits for room */
} ngx_http_litellm_taking;


void
ngx_http_litellm_redis_take_enter(ngx_http_litellm_redis_t *redis,
    ngx_shm_zone_t *zone)
{
    ngx_http_litellm_taking.redis = redis;
    ngx_http_litellm_taking.zone = zone;
    ngx_http_litellm_taking.bad = 0;
    ngx_http_litellm_taking.full = 0;
    ngx_http_litellm_taking.said = ngx_current_msec
                                   - NGX_HTTP_LITELLM_TAKE_LOG;
}


uint64_t
ngx_http_litellm_redis_take_top(void)
{
    return ngx_http_litellm_store_clock(ngx_http_litellm_taking.zone)
           + NGX_HTTP_LITELLM_TAKE_AHEAD;
}


ngx_uint_t
ngx_http_litellm_redis_take_again(void)
{
    if (ngx_http_litellm_taking.full == 0
        || ngx_current_msec - ngx_http_litellm_taking.full
           <= NGX_HTTP_LITELLM_TAKE_RETRY)
    {
        return 0;
    }

    ngx_http_litellm_taking.full = 0;

    return 1;
}


ngx_int_t
ngx_http_litellm_redis_take(ngx_str_t *field, ngx_litellm_resp_t *value,
    ngx_http_litellm_store_item_t *item)
{
    ngx_int_t        rc;
    ngx_pool_t      *pool;
    ngx_shm_zone_t  *zone;

    zone = ngx_http_litellm_taking.zone;

    if (value->type == NGX_LITELLM_RESP_STRING && value->text.len == 0) {
        return NGX_OK;
    }

    rc = ngx_http_litellm_take_parse(item, field,
                                        (value->type
                                         == NGX_LITELLM_RESP_STRING)
                                        ? &value->text : NULL);

    if (rc != NGX_OK) {
        ngx_http_litellm_redis_take_bad("has a record that is none", NULL);

        if (rc == NGX_DECLINED) {
            ngx_http_litellm_store_retell(zone, item->kind, &item->id, NULL);
        }

        return NGX_OK;
    }

    rc = ngx_http_litellm_store_look(zone, item,
                             ngx_http_litellm_taking.redis->sh->records.pass);

    if (rc != NGX_AGAIN) {
        return NGX_OK;
    }

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_OK;
    }

    if (item->json.len == 0) {
        ngx_http_litellm_redis_take_gone(item, pool);

    } else {
        rc = ngx_http_litellm_take_put(item, pool);
    }

    ngx_destroy_pool(pool);

    return (rc == NGX_DECLINED) ? NGX_DECLINED : NGX_OK;
}


static ngx_int_t
ngx_http_litellm_take_parse(ngx_http_litellm_store_item_t *item,
    ngx_str_t *field, ngx_str_t *value)
{
    ngx_int_t           rc;
    ngx_litellm_told_t  told;

    rc = ngx_litellm_told_read(field, value, ngx_http_litellm_redis_take_top(),
                               &told);

    ngx_memzero(item, sizeof(ngx_http_litellm_store_item_t));

    item->kind = told.kind;
    item->id = told.id;
    item->json = told.json;
    item->mark.born = told.born;
    item->mark.stamp = told.stamp;

    return rc;
}


/* as a record of the state file is read; NGX_DECLINED: it is none */

static ngx_int_t
ngx_http_litellm_take_put(ngx_http_litellm_store_item_t *item,
    ngx_pool_t *pool)
{
    ngx_int_t                          rc;
    ngx_str_t                          why;
    ngx_shm_zone_t                    *zone;
    ngx_litellm_told_t                 told;
    ngx_litellm_principal_t            p;
    ngx_http_litellm_redis_records_t  *sh;

    zone = ngx_http_litellm_taking.zone;
    sh = &ngx_http_litellm_taking.redis->sh->records;

    ngx_memzero(&told, sizeof(ngx_litellm_told_t));
    told.kind = item->kind;
    told.id = item->id;
    told.json = item->json;

    rc = ngx_litellm_told_record(pool, &told, &p, &why);

    if (rc == NGX_ERROR) {
        return NGX_OK;
    }

    if (rc != NGX_OK) {
        ngx_http_litellm_redis_take_bad("has a record that is none", &why);
        return NGX_DECLINED;
    }

    item->json = told.json;

    rc = ngx_http_litellm_store_take(zone, item, sh->pass);

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_ledger_write(zone,
                              ngx_http_litellm_records_kinds[item->kind].scope,
                              &item->id, NGX_LITELLM_MONEY_UNKNOWN,
                              &p.limits.budget.period, 1);
        if (rc == NGX_OK) {
            (void) ngx_atomic_fetch_add(&sh->taken, 1);
            return NGX_OK;
        }

        /* without room for its account there is no record either */

        ngx_http_litellm_store_remove(zone, item->kind, &item->id);
    }

    if (rc != NGX_DECLINED) {
        ngx_http_litellm_take_full();
    }

    return NGX_OK;
}


void
ngx_http_litellm_redis_take_gone(ngx_http_litellm_store_item_t *item,
    ngx_pool_t *pool)
{
    ngx_int_t        rc;
    ngx_str_t        json;
    ngx_uint_t       version;
    ngx_shm_zone_t  *zone;

    zone = ngx_http_litellm_taking.zone;

    rc = ngx_http_litellm_store_get(zone, pool, item->kind, &item->id, &json,
                                    &version);

    if (ngx_http_litellm_store_take(zone, item,
                             ngx_http_litellm_taking.redis->sh->records.pass)
        != NGX_OK || rc != NGX_OK)
    {
        return;
    }

    (void) ngx_http_litellm_records_forget(zone, pool, item->kind, &item->id,
                                           &json);

    (void) ngx_atomic_fetch_add(
                      &ngx_http_litellm_taking.redis->sh->records.taken, 1);
}


void
ngx_http_litellm_redis_take_bad(const char *what, ngx_str_t *why)
{
    ngx_http_litellm_redis_t  *redis;

    static ngx_str_t  none = ngx_string("");

    redis = ngx_http_litellm_taking.redis;

    (void) ngx_atomic_fetch_add(&redis->sh->records.bad, 1);

    ngx_http_litellm_taking.bad++;

    if (ngx_current_msec - ngx_http_litellm_taking.said
        < NGX_HTTP_LITELLM_TAKE_LOG)
    {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "litellm: Redis \"%V\" %s%s%V (%ui times)",
                  &redis->shown, what, why ? ": " : "", why ? why : &none,
                  ngx_http_litellm_taking.bad);

    ngx_http_litellm_taking.bad = 0;
    ngx_http_litellm_taking.said = ngx_current_msec;
}


/* a later pass may find room for it */

static void
ngx_http_litellm_take_full(void)
{
    (void) ngx_atomic_fetch_add(
                       &ngx_http_litellm_taking.redis->sh->records.full, 1);

    if (ngx_http_litellm_taking.full) {
        return;
    }

    ngx_http_litellm_taking.full = ngx_current_msec ? ngx_current_msec : 1;

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "litellm: the zone has no room for records of other "
                  "gateways, which are not known here; make \"litellm_zone\" "
                  "larger");
}

#endif
