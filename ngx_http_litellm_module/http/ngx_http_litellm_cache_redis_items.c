
/*
 * Embeddings by input in Redis: of a batch those that are not in memory are
 * asked for, many at a time, and what came within the time of a request is
 * taken; the others go to the provider.  Called by
 * ngx_http_litellm_cache_redis.c for a request with caching->items, and by
 * ngx_http_litellm_cache_items.c for what came from there.
 *
 * Each is asked for by a command of its own, all of one turn in one packet: a
 * list of values (MGET) would have no bound in bytes, and others may have put
 * large ones there.  So many are under way at once and no more; what they may
 * send is bounded by that, whatever is there.
 */

#include "ngx_http_litellm_cache_redis.h"


#if (NGX_LITELLM_HAVE_HIREDIS)


/* under way at once; more are sent when half of them are there */
#define NGX_HTTP_LITELLM_CACHE_ASKS   128

#define NGX_HTTP_LITELLM_CACHE_TEMP   4096


typedef struct {
    ngx_http_litellm_redis_command_t  *cmd;
    ngx_litellm_cache_item_t          *item;
    ngx_http_litellm_cache_asked_t    *asked;
} ngx_http_litellm_cache_ask_t;


struct ngx_http_litellm_cache_asks_s {
    ngx_litellm_cache_items_t         *list;
    ngx_uint_t                         next;     /* of the list, to be asked
                                                    for */
    ngx_uint_t                         under_way;
    ngx_msec_t                         deadline;
    size_t                             max;      /* bytes of a value */
    ngx_pool_t                        *temp;     /* NULL: all is done */
    ngx_uint_t                         nasks;
    ngx_http_litellm_cache_ask_t      *ask;
};


static ngx_int_t ngx_http_litellm_cache_asks_begin(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_cache_conf_t *cc);
static void ngx_http_litellm_cache_asks_cleanup(void *data);
static void ngx_http_litellm_cache_asks_cancel(
    ngx_http_litellm_cache_asks_t *asks);
static void ngx_http_litellm_cache_asks_send(
    ngx_http_litellm_cache_asked_t *asked);
static void ngx_http_litellm_cache_asks_answered(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply);
static void ngx_http_litellm_cache_asks_take(ngx_http_litellm_cache_ask_t *ask,
    ngx_litellm_resp_t *reply);


ngx_int_t
ngx_http_litellm_cache_redis_items(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_cache_conf_t *cc)
{
    ngx_http_litellm_cache_asked_t  *asked;

    asked = ctx->cache->asked;

    if (asked == NULL) {
        return ngx_http_litellm_cache_asks_begin(r, ctx, cc);
    }

    if (asked->items != NULL && asked->items->under_way) {
        return NGX_AGAIN;
    }

    asked->asking = 0;

    return ngx_http_litellm_cache_items_found(r, ctx);
}


static ngx_int_t
ngx_http_litellm_cache_asks_begin(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_cache_conf_t *cc)
{
    ngx_int_t                        rc;
    ngx_http_litellm_cache_asks_t   *asks;
    ngx_http_litellm_cache_asked_t  *asked;

    rc = ngx_http_litellm_cache_redis_begin(r, ctx, cc,
                                          ngx_http_litellm_cache_asks_cleanup);
    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : NGX_ERROR;
    }

    asks = ngx_pcalloc(r->pool, sizeof(ngx_http_litellm_cache_asks_t));
    if (asks == NULL) {
        return NGX_ERROR;
    }

    asked = ctx->cache->asked;
    asked->items = asks;

    asks->list = ngx_http_litellm_cache_items_list(ctx->cache->items);
    asks->nasks = ngx_min(asks->list->missing, NGX_HTTP_LITELLM_CACHE_ASKS);
    asks->deadline = ngx_current_msec + cc->redis_timeout;
    asks->max = ngx_min(cc->settings.max_size,
                        NGX_HTTP_LITELLM_CACHE_REDIS_ITEM)
                + NGX_LITELLM_CACHE_VALUE_HEAD;

    asks->ask = ngx_pcalloc(r->pool, asks->nasks
                                     * sizeof(ngx_http_litellm_cache_ask_t));
    if (asks->ask == NULL) {
        return NGX_ERROR;
    }

    asks->temp = ngx_create_pool(NGX_HTTP_LITELLM_CACHE_TEMP, ngx_cycle->log);
    if (asks->temp == NULL) {
        return NGX_ERROR;
    }

    ngx_http_litellm_cache_asks_send(asked);

    if (asks->under_way == 0) {
        ngx_http_litellm_cache_asks_cancel(asks);
        return NGX_OK;
    }

    asked->asking = 1;

    return NGX_AGAIN;
}


static void
ngx_http_litellm_cache_asks_cleanup(void *data)
{
    ngx_http_litellm_cache_asked_t *asked = data;

    if (asked->items != NULL) {
        ngx_http_litellm_cache_asks_cancel(asked->items);
    }
}


/* nothing is waited for, nothing more is asked for */

static void
ngx_http_litellm_cache_asks_cancel(ngx_http_litellm_cache_asks_t *asks)
{
    ngx_uint_t  i;

    asks->next = asks->list->n;

    for (i = 0; i < asks->nasks && asks->under_way; i++) {

        if (asks->ask[i].cmd != NULL) {
            ngx_http_litellm_redis_cancel(asks->ask[i].cmd);
            asks->ask[i].cmd = NULL;
            asks->under_way--;
        }
    }

    if (asks->temp != NULL) {
        ngx_destroy_pool(asks->temp);
        asks->temp = NULL;
    }
}


/* as many as may be under way */

static void
ngx_http_litellm_cache_asks_send(ngx_http_litellm_cache_asked_t *asked)
{
    ngx_uint_t                      i;
    ngx_msec_int_t                  left;
    ngx_litellm_cache_item_t       *item;
    ngx_http_litellm_cache_ask_t   *ask;
    ngx_http_litellm_cache_asks_t  *asks;

    asks = asked->items;
    i = 0;

    left = (ngx_msec_int_t) (asks->deadline - ngx_current_msec);

    while (asks->next < asks->list->n && asks->under_way < asks->nasks) {

        item = &asks->list->item[asks->next++];

        if (item->object.data != NULL) {
            continue;
        }

        while (asks->ask[i].cmd != NULL) {
            i++;
        }

        ask = &asks->ask[i];

        ask->asked = asked;
        ask->item = item;
        ask->cmd = ngx_http_litellm_cache_redis_get(asked, asks->temp,
                                          item->key, asks->max,
                                          (ngx_msec_t) ngx_max(left, 1),
                                          ngx_http_litellm_cache_asks_answered,
                                          ask);
        if (ask->cmd == NULL) {
            asks->next = asks->list->n;
            ngx_http_litellm_cache_count(skipped);
            break;
        }

        asks->under_way++;
    }

    ngx_reset_pool(asks->temp);
}


static void
ngx_http_litellm_cache_asks_answered(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply)
{
    ngx_http_litellm_cache_ask_t *ask = data;

    ngx_http_litellm_cache_asks_t   *asks;
    ngx_http_litellm_cache_asked_t  *asked;

    asked = ask->asked;
    asks = asked->items;

    ask->cmd = NULL;
    asks->under_way--;

    if (rc == NGX_OK) {
        ngx_http_litellm_cache_asks_take(ask, reply);

        if (asks->under_way <= asks->nasks / 2) {
            ngx_http_litellm_cache_asks_send(asked);
        }

        if (asks->under_way) {
            return;
        }

    } else if (rc == NGX_BUSY) {
        ngx_http_litellm_cache_count(late);

    } else {
        ngx_http_litellm_cache_count(errors);
    }

    ngx_http_litellm_cache_asks_cancel(asks);

    ngx_http_litellm_cache_redis_wake(asked);
}


static void
ngx_http_litellm_cache_asks_take(ngx_http_litellm_cache_ask_t *ask,
    ngx_litellm_resp_t *reply)
{
    ngx_pool_t                 *temp;
    ngx_http_litellm_ctx_t     *ctx;
    ngx_litellm_cache_value_t   v;

    ctx = ngx_http_get_module_ctx(ask->asked->request, ngx_http_litellm_module);
    temp = ask->asked->items->temp;

    if (ngx_http_litellm_cache_redis_value(temp, reply, ask->item->key,
                                           NGX_LITELLM_CACHE_VALUE_ITEM, &v)
        != NGX_OK)
    {
        return;
    }

    switch (ngx_http_litellm_cache_item_found(ctx, temp, ask->item, &v)) {

    case NGX_OK:
        ngx_http_litellm_cache_count(hits);
        break;

    case NGX_ABORT:
        ngx_http_litellm_cache_count(misses);
        break;

    case NGX_DECLINED:
        ngx_http_litellm_cache_count(bad);
        break;
    }

    ngx_reset_pool(temp);
}


void
ngx_http_litellm_cache_redis_put_item(ngx_http_litellm_ctx_t *ctx,
    ngx_str_t *model, ngx_litellm_cache_item_t *item, int64_t cost)
{
    size_t                           len;
    ngx_http_litellm_caching_t      *caching;
    ngx_http_litellm_cache_write_t  *w;

    caching = ctx->cache;

    if (caching->redis_ttl == 0
        || ngx_http_litellm_cache_there.redis == NULL)
    {
        return;
    }

    len = ngx_litellm_cache_item_length(model, item);

    /* who asks for it would not take it */

    if (item->width == 0
        || len > ngx_min(caching->max, NGX_HTTP_LITELLM_CACHE_REDIS_ITEM))
    {
        ngx_http_litellm_cache_count(dropped);
        return;
    }

    w = ngx_http_litellm_cache_redis_make(ctx, item->key, len);
    if (w == NULL) {
        return;
    }

    w->value.kind = NGX_LITELLM_CACHE_VALUE_ITEM;
    w->value.stored = ngx_time();
    w->value.cost = cost;

    (void) ngx_litellm_cache_item_write(model, item, w->value.body.data);

    ngx_http_litellm_cache_redis_post(w);
}


#endif
