
/*
 * litellm_redis_limits exact: what a request has reserved here is told to
 * Redis, and it is let in if the sum of all gateways' figures, as they were at
 * that moment, is within its limits.
 *
 * Why the sum is never over: Redis runs one script at a time, each writes what
 * its gateway has reserved before it reads the others.  Of two requests that
 * do not fit together the one that comes second sees the first.  Both may be
 * refused, when each of them was there before the other asked; so what a
 * refused one has learnt of the others is merged, and it tries again.
 */

#include "ngx_http_litellm_bill.h"
#include "ngx_http_litellm_redis.h"


#define NGX_HTTP_LITELLM_REDIS_TRIES  4


#if (NGX_LITELLM_HAVE_HIREDIS)


typedef struct {
    ngx_http_request_t                *request;
    ngx_http_litellm_redis_t          *redis;
    ngx_http_litellm_redis_command_t  *cmd;
    ngx_int_t                          rc;
    ngx_uint_t                         n;
    ngx_uint_t                         tries;
    ngx_msec_t                         since;
    ngx_http_litellm_ledger_share_t    shares[NGX_HTTP_LITELLM_CLAIMS];
    ngx_http_litellm_ledger_others_t   others[NGX_HTTP_LITELLM_CLAIMS];
} ngx_http_litellm_redis_asked_t;


static ngx_http_litellm_redis_asked_t *ngx_http_litellm_redis_ask_create(
    ngx_http_request_t *r, ngx_http_litellm_redis_t *redis);
static void ngx_http_litellm_redis_ask_cleanup(void *data);
static ngx_int_t ngx_http_litellm_redis_ask(
    ngx_http_litellm_redis_asked_t *asked, ngx_shm_zone_t *zone,
    ngx_http_litellm_bill_t *bill);
static void ngx_http_litellm_redis_answered(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply);
static ngx_int_t ngx_http_litellm_redis_down(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_redis_t *redis, ngx_shm_zone_t *zone,
    ngx_http_litellm_bill_t *bill);
static ngx_uint_t ngx_http_litellm_redis_fits(
    ngx_http_litellm_redis_asked_t *asked,
    ngx_http_litellm_reservation_t *rv);
static ngx_uint_t ngx_http_litellm_redis_over(
    ngx_http_litellm_reservation_t *rv, ngx_uint_t i,
    ngx_http_litellm_limit_e limit, int64_t max, int64_t current,
    int64_t resets);


ngx_int_t
ngx_http_litellm_redis_admit(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_bill_t *bill)
{
    ngx_int_t                        rc;
    ngx_uint_t                       last;
    ngx_http_litellm_redis_t        *redis;
    ngx_http_litellm_main_conf_t    *mcf;
    ngx_http_litellm_redis_asked_t  *asked;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_litellm_module);
    redis = mcf->redis;

    if (redis == NULL || redis->conn == NULL
        || redis->limits == NGX_HTTP_LITELLM_REDIS_OFF)
    {
        return NGX_OK;
    }

    if (redis->limits != NGX_HTTP_LITELLM_REDIS_EXACT) {

        /* it is our own count that says yes */

        if (redis->sh->state == 2 || redis->sh->useless) {
            return ngx_http_litellm_redis_down(ctx, redis, mcf->zone, bill);
        }

        ctx->decided = NGX_HTTP_LITELLM_DECIDED_ASYNC;

        return NGX_OK;
    }

    asked = bill->asked;

    if (asked == NULL) {
        asked = ngx_http_litellm_redis_ask_create(r, redis);
        if (asked == NULL) {
            return NGX_ERROR;
        }

        bill->asked = asked;
        bill->asking = 1;

        ctx->asked = asked->since;
        ctx->redis_asked = 1;
        ctx->decided = NGX_HTTP_LITELLM_DECIDED_WAITS;

        rc = ngx_http_litellm_redis_ask(asked, mcf->zone, bill);

    } else if (asked->cmd != NULL) {
        return NGX_AGAIN;

    } else {
        rc = asked->rc;
    }

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    ctx->waited = ngx_current_msec - asked->since;

    /* what others have is not known while they tell it anew */

    if (rc != NGX_OK && (rc != NGX_ABORT || redis->fail_closed)) {
        return ngx_http_litellm_redis_down(ctx, redis, mcf->zone, bill);
    }

    ctx->decided = (rc == NGX_ABORT) ? NGX_HTTP_LITELLM_DECIDED_PARTIAL
                                     : NGX_HTTP_LITELLM_DECIDED_EXACT;

    ngx_http_litellm_ledger_share_merge(mcf->zone, asked->shares,
                                        asked->others, asked->n,
                                        rc == NGX_ABORT);

    if (ngx_http_litellm_redis_fits(asked, &bill->rv)) {
        bill->asking = 0;
        return NGX_OK;
    }

    ngx_http_litellm_ledger_settle(mcf->zone, &bill->rv, 0, 0, 0);

    /* in all it is not asked for longer than twice what a reply may take */

    last = (++asked->tries == NGX_HTTP_LITELLM_REDIS_TRIES
            || ngx_current_msec - asked->since >= redis->timeout);

    if (last && bill->rv.refused != NULL) {
        return NGX_DECLINED;
    }

    rc = ngx_http_litellm_ledger_reserve(mcf->zone, &bill->rv, 0);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_DECLINED : NGX_ERROR;
    }

    rc = last ? NGX_BUSY : ngx_http_litellm_redis_ask(asked, mcf->zone, bill);

    if (rc == NGX_AGAIN) {
        ctx->decided = NGX_HTTP_LITELLM_DECIDED_WAITS;
        return NGX_AGAIN;
    }

    return ngx_http_litellm_redis_down(ctx, redis, mcf->zone, bill);
}


static ngx_http_litellm_redis_asked_t *
ngx_http_litellm_redis_ask_create(ngx_http_request_t *r,
    ngx_http_litellm_redis_t *redis)
{
    ngx_pool_cleanup_t              *cln;
    ngx_http_litellm_redis_asked_t  *asked;

    cln = ngx_pool_cleanup_add(r->pool,
                               sizeof(ngx_http_litellm_redis_asked_t));
    if (cln == NULL) {
        return NULL;
    }

    asked = cln->data;

    ngx_memzero(asked, sizeof(ngx_http_litellm_redis_asked_t));

    asked->request = r;
    asked->redis = redis;
    asked->since = ngx_current_msec;

    cln->handler = ngx_http_litellm_redis_ask_cleanup;

    return asked;
}


static void
ngx_http_litellm_redis_ask_cleanup(void *data)
{
    ngx_http_litellm_redis_asked_t *asked = data;

    if (asked->cmd != NULL) {
        ngx_http_litellm_redis_cancel(asked->cmd);
        asked->cmd = NULL;
    }
}


static ngx_int_t
ngx_http_litellm_redis_ask(ngx_http_litellm_redis_asked_t *asked,
    ngx_shm_zone_t *zone, ngx_http_litellm_bill_t *bill)
{
    asked->n = ngx_http_litellm_ledger_share_claims(zone, &bill->rv,
                                                    asked->shares);

    asked->cmd = ngx_http_litellm_redis_share_send(asked->redis,
                                              asked->shares, asked->n,
                                              ngx_http_litellm_redis_answered,
                                              asked);

    return (asked->cmd != NULL) ? NGX_AGAIN : NGX_BUSY;
}


static void
ngx_http_litellm_redis_answered(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply)
{
    ngx_http_litellm_redis_asked_t *asked = data;

    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    asked->cmd = NULL;
    asked->rc = rc;

    if (rc == NGX_OK) {
        asked->rc = ngx_http_litellm_redis_share_others(reply, asked->redis,
                                                        asked->shares,
                                                        asked->others,
                                                        asked->n);
    }

    r = asked->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_http_litellm_wake(r);
    ngx_http_run_posted_requests(c);
}


/* our own limits go on alone, or nobody is let in */

static ngx_int_t
ngx_http_litellm_redis_down(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_redis_t *redis, ngx_shm_zone_t *zone,
    ngx_http_litellm_bill_t *bill)
{
    if (!redis->fail_closed && bill->rv.slot != NULL) {
        ctx->decided = NGX_HTTP_LITELLM_DECIDED_OPEN;
        bill->asking = 0;
        return NGX_OK;
    }

    ctx->decided = NGX_HTTP_LITELLM_DECIDED_CLOSED;

    ngx_http_litellm_ledger_settle(zone, &bill->rv, 0, 0, 0);

    return NGX_BUSY;
}


/*
 * false: rv says what is over, or it was another window that was told of, or
 * there was something of ours that was not known here
 */

static ngx_uint_t
ngx_http_litellm_redis_fits(ngx_http_litellm_redis_asked_t *asked,
    ngx_http_litellm_reservation_t *rv)
{
    int64_t                            sum, resets, window;
    ngx_uint_t                         i;
    ngx_http_litellm_claim_t          *c;
    ngx_http_litellm_ledger_share_t   *s;
    ngx_http_litellm_ledger_others_t  *o;

    rv->refused = NULL;
    rv->limit = NGX_HTTP_LITELLM_NO_LIMIT;

    window = (int64_t) asked->redis->window;

    for (i = 0; i < asked->n; i++) {
        c = &rv->claims[i];
        s = &asked->shares[i];
        o = &asked->others[i];

        if (c->soft) {
            continue;
        }

        if (o->own || (s->window != 0 && o->window != s->window)) {
            return 0;
        }

        resets = ngx_max(window - o->age, 1);

        sum = ngx_http_litellm_ledger_add(s->spend, s->reserved);
        sum = ngx_http_litellm_ledger_add(sum, o->spend);

        if (c->budget >= 0 && sum > c->budget) {
            return ngx_http_litellm_redis_over(rv, i, NGX_HTTP_LITELLM_BUDGET,
                                     c->budget, sum - rv->cost,
                                     s->ends
                                     ? ngx_max(s->ends - ngx_time(), 1) * 1000
                                     : 0);
        }

        sum = s->requests + o->requests;

        if (c->rpm >= 0) {

            if (sum > c->rpm) {
                return ngx_http_litellm_redis_over(rv, i,
                                                   NGX_HTTP_LITELLM_REQUESTS,
                                                   c->rpm, sum - 1, resets);
            }

            c->requests_left = c->rpm - sum;
        }

        sum = ngx_http_litellm_ledger_add(s->tokens, o->tokens);

        if (c->tpm >= 0) {

            if (sum > c->tpm) {
                return ngx_http_litellm_redis_over(rv, i,
                                                 NGX_HTTP_LITELLM_TOKENS,
                                                 c->tpm, sum - rv->tokens,
                                                 resets);
            }

            c->tokens_left = c->tpm - sum;
        }

        sum = s->inflight + o->inflight;

        if (c->parallel >= 0) {

            if (sum > c->parallel) {
                return ngx_http_litellm_redis_over(rv, i,
                                                   NGX_HTTP_LITELLM_PARALLEL,
                                                   c->parallel, sum - 1,
                                                   1000);
            }

            c->parallel_left = c->parallel - sum;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_http_litellm_redis_over(ngx_http_litellm_reservation_t *rv, ngx_uint_t i,
    ngx_http_litellm_limit_e limit, int64_t max, int64_t current,
    int64_t resets)
{
    rv->refused = &rv->claims[i];
    rv->limit = limit;
    rv->max = max;
    rv->current = ngx_max(current, 0);
    rv->resets = resets;

    return 0;
}


#else


ngx_int_t
ngx_http_litellm_redis_admit(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_bill_t *bill)
{
    return NGX_OK;
}

#endif
