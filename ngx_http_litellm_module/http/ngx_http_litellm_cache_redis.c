
/*
 * A request whose answer is not in memory asks Redis, for so long and no
 * longer: what comes late, or is no answer of ours, is none.  What is found is
 * kept in memory for the rest of its time.  What is answered upstream is
 * written there when the client has it.
 *
 * A server that has been silent for as long as a request would wait is not
 * asked, so that of many requests only those wait that came before this was
 * seen.  Values are read with a bound: a large one that somebody else has put
 * there is not even sent to us.
 */

#include "ngx_http_litellm_cache_redis.h"

#if (NGX_LITELLM_HAVE_HIREDIS)


/* error replies are told that often, in ms; bytes of one */
#define NGX_HTTP_LITELLM_CACHE_TELL   60000
#define NGX_HTTP_LITELLM_CACHE_TOLD   200


static ngx_int_t ngx_http_litellm_cache_redis_ask(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_cache_conf_t *cc);
static void ngx_http_litellm_cache_redis_cleanup(void *data);
static void ngx_http_litellm_cache_redis_answered(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply);
static void ngx_http_litellm_cache_redis_take(
    ngx_http_litellm_cache_asked_t *asked, ngx_litellm_resp_t *reply);
static ngx_int_t ngx_http_litellm_cache_redis_found(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_cache_conf_t *cc,
    ngx_litellm_cache_value_t *value);
static void ngx_http_litellm_cache_redis_keep(
    ngx_http_litellm_caching_t *caching, ngx_litellm_cache_value_t *value,
    time_t left);
static void ngx_http_litellm_cache_redis_write(ngx_event_t *ev);
static void ngx_http_litellm_cache_redis_written(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply);


/* those that were not given to the connection yet, and their bytes */
static ngx_uint_t  ngx_http_litellm_cache_redis_writes;
static size_t      ngx_http_litellm_cache_redis_waiting;


ngx_int_t
ngx_http_litellm_cache_redis_look(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_cache_conf_t *cc)
{
    ngx_http_litellm_caching_t      *caching;
    ngx_http_litellm_cache_asked_t  *asked;

    caching = ctx->cache;

    if (!cc->redis || ngx_http_litellm_cache_there.redis == NULL) {
        return NGX_OK;
    }

    if (caching->items != NULL) {
        return ngx_http_litellm_cache_redis_items(r, ctx, cc);
    }

    asked = caching->asked;

    if (asked == NULL) {
        return ngx_http_litellm_cache_redis_ask(r, ctx, cc);
    }

    if (asked->cmd != NULL) {
        return NGX_AGAIN;
    }

    asked->asking = 0;

    if (asked->value.body.len == 0) {
        return NGX_OK;
    }

    return ngx_http_litellm_cache_redis_found(r, ctx, cc, &asked->value);
}


ngx_uint_t
ngx_http_litellm_cache_redis_asking(ngx_http_litellm_ctx_t *ctx)
{
    ngx_http_litellm_cache_asked_t  *asked;

    asked = ctx->cache->asked;

    return asked != NULL && asked->asking;
}


static ngx_int_t
ngx_http_litellm_cache_redis_ask(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_cache_conf_t *cc)
{
    size_t                           max;
    ngx_int_t                        rc;
    ngx_http_litellm_cache_asked_t  *asked;

    rc = ngx_http_litellm_cache_redis_begin(r, ctx, cc,
                                         ngx_http_litellm_cache_redis_cleanup);
    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : NGX_ERROR;
    }

    max = ngx_min(cc->settings.max_size, NGX_HTTP_LITELLM_CACHE_REDIS_VALUE)
          + NGX_LITELLM_CACHE_VALUE_HEAD;

    asked = ctx->cache->asked;

    asked->cmd = ngx_http_litellm_cache_redis_get(asked, r->pool,
                                         ctx->cache->key, max,
                                         cc->redis_timeout,
                                         ngx_http_litellm_cache_redis_answered,
                                         asked);
    if (asked->cmd == NULL) {
        ngx_http_litellm_cache_count(skipped);
        return NGX_OK;
    }

    asked->asking = 1;

    return NGX_AGAIN;
}


ngx_int_t
ngx_http_litellm_cache_redis_begin(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_cache_conf_t *cc,
    ngx_pool_cleanup_pt cleanup)
{
    ngx_pool_cleanup_t              *cln;
    ngx_http_litellm_cache_there_t  *there;
    ngx_http_litellm_cache_asked_t  *asked;

    there = &ngx_http_litellm_cache_there;

    cln = ngx_pool_cleanup_add(r->pool,
                               sizeof(ngx_http_litellm_cache_asked_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    asked = cln->data;

    ngx_memzero(asked, sizeof(ngx_http_litellm_cache_asked_t));

    asked->request = r;
    asked->generation = there->sh->generation;

    cln->handler = cleanup;

    ctx->cache->asked = asked;

    if (!there->sh->known
        || ngx_http_litellm_redis_silence(there->redis) >= cc->redis_timeout)
    {
        ngx_http_litellm_cache_count(skipped);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_http_litellm_redis_command_t *
ngx_http_litellm_cache_redis_get(ngx_http_litellm_cache_asked_t *asked,
    ngx_pool_t *temp, const u_char *key, size_t max, ngx_msec_t timeout,
    ngx_http_litellm_redis_pt handler, void *data)
{
    u_char     last[NGX_SIZE_T_LEN];
    ngx_str_t  argv[4];

    ngx_str_set(&argv[0], "GETRANGE");

    if (ngx_http_litellm_cache_redis_name(temp, asked->generation, key,
                                          &argv[1])
        != NGX_OK)
    {
        return NULL;
    }

    ngx_str_set(&argv[2], "0");

    argv[3].data = last;
    argv[3].len = ngx_sprintf(last, "%uz", max - 1) - last;

    return ngx_http_litellm_redis_command(ngx_http_litellm_cache_there.redis,
                                          argv, 4, handler, data, timeout);
}


static void
ngx_http_litellm_cache_redis_cleanup(void *data)
{
    ngx_http_litellm_cache_asked_t *asked = data;

    if (asked->cmd != NULL) {
        ngx_http_litellm_redis_cancel(asked->cmd);
        asked->cmd = NULL;
    }
}


static void
ngx_http_litellm_cache_redis_answered(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply)
{
    ngx_http_litellm_cache_asked_t *asked = data;

    asked->cmd = NULL;

    if (rc == NGX_OK) {
        ngx_http_litellm_cache_redis_take(asked, reply);

    } else if (rc == NGX_BUSY) {
        ngx_http_litellm_cache_count(late);

    } else {
        ngx_http_litellm_cache_count(errors);
    }

    ngx_http_litellm_cache_redis_wake(asked);
}


void
ngx_http_litellm_cache_redis_wake(ngx_http_litellm_cache_asked_t *asked)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = asked->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_http_litellm_wake(r);
    ngx_http_run_posted_requests(c);
}


/* the reply goes with the return */

static void
ngx_http_litellm_cache_redis_take(ngx_http_litellm_cache_asked_t *asked,
    ngx_litellm_resp_t *reply)
{
    u_char                     *p;
    ngx_pool_t                 *pool;
    ngx_http_litellm_ctx_t     *ctx;
    ngx_litellm_cache_value_t   v;

    ctx = ngx_http_get_module_ctx(asked->request, ngx_http_litellm_module);
    pool = asked->request->pool;

    if (ngx_http_litellm_cache_redis_value(pool, reply, ctx->cache->key,
                                           ctx->call.op, &v)
        != NGX_OK)
    {
        return;
    }

    p = ngx_pnalloc(pool, v.body.len);
    if (p == NULL) {
        return;
    }

    ngx_memcpy(p, v.body.data, v.body.len);

    v.body.data = p;
    asked->value = v;
}


ngx_int_t
ngx_http_litellm_cache_redis_value(ngx_pool_t *temp, ngx_litellm_resp_t *reply,
    const u_char *key, ngx_uint_t kind, ngx_litellm_cache_value_t *v)
{
    if (reply->type == NGX_LITELLM_RESP_ERROR) {

        if (reply->text.len > sizeof("WRONGTYPE") - 1
            && ngx_strncmp(reply->text.data, "WRONGTYPE",
                           sizeof("WRONGTYPE") - 1)
               == 0)
        {
            ngx_http_litellm_cache_count(bad);
            return NGX_DECLINED;
        }

        ngx_http_litellm_cache_count(errors);
        ngx_http_litellm_cache_redis_refused(reply);

        return NGX_DECLINED;
    }

    if (reply->type == NGX_LITELLM_RESP_NIL
        || (reply->type == NGX_LITELLM_RESP_STRING && reply->text.len == 0))
    {
        ngx_http_litellm_cache_count(misses);
        return NGX_DECLINED;
    }

    if (reply->type != NGX_LITELLM_RESP_STRING
        || ngx_litellm_cache_value_read(temp, &reply->text, key, kind, v)
           != NGX_OK)
    {
        ngx_http_litellm_cache_count(bad);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_cache_redis_found(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_cache_conf_t *cc,
    ngx_litellm_cache_value_t *value)
{
    time_t                       age;
    ngx_int_t                    rc;
    ngx_str_t                    body;
    ngx_http_litellm_caching_t  *caching;

    caching = ctx->cache;
    body = value->body;

    /* once, whatever comes of it */

    value->body.len = 0;

    /* a clock that is behind that of another gateway: it is new */

    age = (value->stored < (int64_t) ngx_time())
          ? ngx_time() - (time_t) value->stored : 0;

    if (age >= value->ttl) {
        ngx_http_litellm_cache_count(misses);
        return NGX_OK;
    }

    if (caching->control.max_age >= 0
        && age > (time_t) caching->control.max_age)
    {
        caching->status = NGX_HTTP_LITELLM_CACHE_EXPIRED;
        ngx_http_litellm_cache_count(misses);
        return NGX_OK;
    }

    ngx_http_litellm_cache_count(hits);

    if (caching->store) {
        value->body = body;
        value->stored = ngx_time() - age;

        ngx_http_litellm_cache_redis_keep(caching, value, value->ttl - age);

        value->body.len = 0;
    }

    caching->stored = ngx_time() - age;
    caching->saved = value->cost;

    rc = ngx_http_litellm_cache_hit(r, ctx, &body);

    return (rc == NGX_DECLINED) ? NGX_OK : rc;
}


/* in memory, so that it is asked for once */

static void
ngx_http_litellm_cache_redis_keep(ngx_http_litellm_caching_t *caching,
    ngx_litellm_cache_value_t *value, time_t left)
{
    ngx_http_litellm_cache_handle_t  h;

    if (value->body.len > caching->max) {
        return;
    }

    ngx_memzero(&h, sizeof(ngx_http_litellm_cache_handle_t));

    h.meta.stored = (time_t) value->stored;
    h.meta.expires = ngx_time() + ngx_min(left, caching->ttl);
    h.meta.len = value->body.len;
    h.meta.kind = value->kind;
    h.meta.cost = value->cost;

    if (ngx_http_litellm_cache_create(caching->zone, &h) != NGX_OK) {
        return;
    }

    ngx_http_litellm_cache_write(caching->zone, &h, value->body.data,
                                 value->body.len);
    ngx_http_litellm_cache_commit(caching->zone, caching->key, &h);
    ngx_http_litellm_cache_close(caching->zone, &h);
}


void
ngx_http_litellm_cache_redis_put(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_cache_meta_t *meta, ngx_litellm_out_t *out)
{
    u_char                          *p;
    ngx_chain_t                     *cl;
    ngx_http_litellm_cache_write_t  *w;

    if (ctx->cache->redis_ttl == 0
        || ngx_http_litellm_cache_there.redis == NULL)
    {
        return;
    }

    w = ngx_http_litellm_cache_redis_make(ctx, ctx->cache->key, meta->len);
    if (w == NULL) {
        return;
    }

    w->value.kind = meta->kind;
    w->value.stored = meta->stored;
    w->value.cost = meta->cost;

    p = w->value.body.data;

    for (cl = out->first; cl; cl = cl->next) {
        p = ngx_cpymem(p, cl->buf->pos, cl->buf->last - cl->buf->pos);
    }

    ngx_http_litellm_cache_redis_post(w);
}


ngx_http_litellm_cache_write_t *
ngx_http_litellm_cache_redis_make(ngx_http_litellm_ctx_t *ctx,
    const u_char *key, size_t len)
{
    size_t                           size;
    ngx_http_litellm_redis_t        *redis;
    ngx_http_litellm_caching_t      *caching;
    ngx_http_litellm_cache_write_t  *w;

    caching = ctx->cache;
    redis = ngx_http_litellm_cache_there.redis;

    size = NGX_LITELLM_CACHE_VALUE_HEAD + len;

    if (len > NGX_HTTP_LITELLM_CACHE_REDIS_VALUE
        || !ngx_http_litellm_cache_there.sh->known
        || ngx_http_litellm_redis_silence(redis) == NGX_TIMER_INFINITE
        || redis->conn->bytes + ngx_http_litellm_cache_redis_waiting + size
           > NGX_HTTP_LITELLM_CACHE_REDIS_BYTES
        || redis->conn->ncommands + ngx_http_litellm_cache_redis_writes
           >= NGX_HTTP_LITELLM_CACHE_REDIS_WRITES)
    {
        ngx_http_litellm_cache_count(dropped);
        return NULL;
    }

    w = ngx_alloc(sizeof(ngx_http_litellm_cache_write_t) + size,
                  ngx_cycle->log);
    if (w == NULL) {
        ngx_http_litellm_cache_count(dropped);
        return NULL;
    }

    ngx_memzero(w, sizeof(ngx_http_litellm_cache_write_t));

    w->data.data = (u_char *) (w + 1);
    w->data.len = size;

    w->value.ttl = caching->redis_ttl;
    w->value.body.data = w->data.data + NGX_LITELLM_CACHE_VALUE_HEAD;
    w->value.body.len = len;

    /* what was asked for before the cache was emptied stays forgotten */

    w->generation = caching->asked
                    ? caching->asked->generation
                    : ngx_http_litellm_cache_there.sh->generation;

    ngx_memcpy(w->key, key, NGX_LITELLM_CACHE_KEY);

    return w;
}


/* the client's turn is first */

void
ngx_http_litellm_cache_redis_post(ngx_http_litellm_cache_write_t *w)
{
    ngx_http_litellm_cache_redis_writes++;
    ngx_http_litellm_cache_redis_waiting += w->data.len;

    w->event.handler = ngx_http_litellm_cache_redis_write;
    w->event.data = w;
    w->event.log = ngx_cycle->log;

    ngx_post_event(&w->event, &ngx_posted_events);
}


static void
ngx_http_litellm_cache_redis_write(ngx_event_t *ev)
{
    ngx_http_litellm_cache_write_t *w = ev->data;

    u_char                             ttl[NGX_INT_T_LEN];
    ngx_str_t                          argv[5];
    ngx_pool_t                        *pool;
    ngx_http_litellm_redis_t          *redis;
    ngx_http_litellm_redis_command_t  *cmd;

    redis = ngx_http_litellm_cache_there.redis;
    cmd = NULL;

    ngx_http_litellm_cache_redis_writes--;
    ngx_http_litellm_cache_redis_waiting -= w->data.len;

    if (redis == NULL) {
        ngx_free(w);
        return;
    }

    pool = ngx_create_pool(512, ngx_cycle->log);

    if (pool == NULL
        || ngx_litellm_cache_value_write(&w->value, w->key, w->data.data)
           != NGX_OK
        || ngx_http_litellm_cache_redis_name(pool, w->generation, w->key,
                                             &argv[1])
           != NGX_OK)
    {
        goto done;
    }

    ngx_str_set(&argv[0], "SET");
    argv[2] = w->data;
    ngx_str_set(&argv[3], "EX");
    argv[4].data = ttl;
    argv[4].len = ngx_sprintf(ttl, "%i", w->value.ttl) - ttl;

    cmd = ngx_http_litellm_redis_command(redis, argv, 5,
                                         ngx_http_litellm_cache_redis_written,
                                         NULL, redis->timeout);

done:

    if (cmd == NULL) {
        ngx_http_litellm_cache_count(dropped);
    }

    if (pool != NULL) {
        ngx_destroy_pool(pool);
    }

    ngx_free(w);
}


static void
ngx_http_litellm_cache_redis_written(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply)
{
    /* the worker may be leaving */

    if (ngx_http_litellm_cache_there.redis == NULL) {
        return;
    }

    if (rc == NGX_OK && reply->type == NGX_LITELLM_RESP_STATUS) {
        ngx_http_litellm_cache_count(stored);
        return;
    }

    ngx_http_litellm_cache_count(dropped);

    if (rc == NGX_OK && reply->type == NGX_LITELLM_RESP_ERROR) {
        ngx_http_litellm_cache_count(errors);
        ngx_http_litellm_cache_redis_refused(reply);
    }
}


void
ngx_http_litellm_cache_redis_refused(ngx_litellm_resp_t *reply)
{
    size_t       i;
    ngx_str_t    text;

    static ngx_msec_t  told;
    static ngx_uint_t  ever;

    if (ever && ngx_current_msec - told < NGX_HTTP_LITELLM_CACHE_TELL) {
        return;
    }

    ever = 1;
    told = ngx_current_msec;

    /* of its first line what a terminal shows */

    text = reply->text;

    for (i = 0; i < text.len && i < NGX_HTTP_LITELLM_CACHE_TOLD; i++) {
        if (text.data[i] < ' ' || text.data[i] > '~') {
            break;
        }
    }

    text.len = i;

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "litellm: Redis \"%V\" of the cache refuses: %V",
                  &ngx_http_litellm_cache_there.redis->shown, &text);
}


ngx_int_t
ngx_http_litellm_cache_redis_name(ngx_pool_t *pool,
    ngx_atomic_uint_t generation, const u_char key[NGX_LITELLM_CACHE_KEY],
    ngx_str_t *name)
{
    u_char     *p;
    ngx_str_t  *prefix;

    prefix = &ngx_http_litellm_cache_there.prefix;

    p = ngx_pnalloc(pool, prefix->len + NGX_INT64_LEN + sizeof(":") - 1
                          + 2 * NGX_LITELLM_CACHE_KEY);
    if (p == NULL) {
        return NGX_ERROR;
    }

    name->data = p;

    p = ngx_sprintf(p, "%V%uA:", prefix, generation);
    p = ngx_hex_dump(p, (u_char *) key, NGX_LITELLM_CACHE_KEY);

    name->len = p - name->data;

    return NGX_OK;
}


#else


ngx_int_t
ngx_http_litellm_cache_redis_look(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_cache_conf_t *cc)
{
    return NGX_OK;
}


ngx_uint_t
ngx_http_litellm_cache_redis_asking(ngx_http_litellm_ctx_t *ctx)
{
    return 0;
}


void
ngx_http_litellm_cache_redis_put(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_cache_meta_t *meta, ngx_litellm_out_t *out)
{
}


void
ngx_http_litellm_cache_redis_put_item(ngx_http_litellm_ctx_t *ctx,
    ngx_str_t *model, ngx_litellm_cache_item_t *item, int64_t cost)
{
}

#endif
