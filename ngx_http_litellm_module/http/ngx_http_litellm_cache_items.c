
/*
 * Embeddings, kept by input: what the cache's step does for a request that is
 * a list of inputs.  Each is looked for by itself; if some are there, the
 * call's body becomes one of the others alone, from which every dialect makes
 * its request, and the answer is put together.
 *
 * A call that was cut is made whole again where its answer could not be put
 * together: for a fallback's group, whose vectors are of another model, and when
 * a provider did not answer each input once, nothing is stored then; and when
 * what came has other dimensions than what was kept, which it replaces.
 */

#include "ngx_http_litellm_cache.h"
#include "ngx_http_litellm_cache_redis.h"
#include "ngx_http_litellm_cost.h"
#include "ngx_litellm_cache_items.h"


/* names of items in a header */
#define NGX_HTTP_LITELLM_CACHE_NAMES  16


struct ngx_http_litellm_cache_items_s {
    ngx_litellm_cache_items_t   list;
    ngx_str_t                   body;        /* the client's, of a call that
                                                was cut; data NULL: it was not */
    size_t                      left;        /* bytes that may be taken into
                                                memory: no more than an answer
                                                may have */
    ngx_uint_t                  expired;     /* some were too old */
};


static ngx_int_t ngx_http_litellm_cache_item_load(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_cache_item_t *item);
static ngx_int_t ngx_http_litellm_cache_items_body(ngx_litellm_call_t *call,
    ngx_str_t *body);
static ngx_int_t ngx_http_litellm_cache_items_told(
    ngx_http_litellm_attempt_t *a, ngx_litellm_cache_items_t *list);
static void ngx_http_litellm_cache_item_keep(
    ngx_http_litellm_caching_t *caching, ngx_str_t *model,
    ngx_litellm_cache_item_t *item, ngx_http_litellm_cache_meta_t *meta);


ngx_int_t
ngx_http_litellm_cache_items_open(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_str_t *scope, ngx_uint_t flags)
{
    u_char                           base[NGX_LITELLM_CACHE_KEY];
    ngx_int_t                        rc;
    ngx_http_litellm_caching_t      *caching;
    ngx_http_litellm_loc_conf_t     *lcf;
    ngx_http_litellm_cache_items_t  *items;

    if (ctx->call.op != NGX_LITELLM_OP_EMBEDDINGS) {
        return NGX_DECLINED;
    }

    caching = ctx->cache;

    rc = ngx_litellm_cache_key(&ctx->call, caching->group,
                               &caching->control.namespace, scope,
                               flags|NGX_LITELLM_CACHE_NO_INPUT, base);
    if (rc != NGX_OK) {
        return rc;
    }

    items = ngx_pcalloc(r->pool, sizeof(ngx_http_litellm_cache_items_t));
    if (items == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_litellm_cache_items(&ctx->call, base, &items->list, caching->key);

    if (rc == NGX_OK) {
        lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);

        items->left = lcf->max_response_size;
        caching->items = items;
    }

    return rc;
}


ngx_litellm_cache_items_t *
ngx_http_litellm_cache_items_list(ngx_http_litellm_cache_items_t *items)
{
    return &items->list;
}


ngx_int_t
ngx_http_litellm_cache_items_find(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_uint_t                  i;
    ngx_litellm_cache_items_t  *list;

    list = &ctx->cache->items->list;

    for (i = 0; i < list->n; i++) {

        if (list->item[i].object.data == NULL
            && ngx_http_litellm_cache_item_load(r, ctx, &list->item[i])
               == NGX_ERROR)
        {
            return NGX_ERROR;
        }
    }

    return ngx_http_litellm_cache_items_found(r, ctx);
}


ngx_int_t
ngx_http_litellm_cache_items_found(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_litellm_out_t            out;
    ngx_litellm_cache_items_t   *list;
    ngx_http_litellm_caching_t  *caching;

    caching = ctx->cache;
    list = &caching->items->list;

    if (list->missing == 0) {
        ngx_litellm_out_init(&out, r->pool);
        ngx_litellm_cache_items_write(list, &ctx->call.model, &out);

        ngx_http_litellm_content_answer(ctx, &out);

        return ngx_http_litellm_cache_serve(r, ctx, &out);
    }

    if (list->missing < list->n) {
        caching->status = NGX_HTTP_LITELLM_CACHE_PARTIAL;

    } else if (caching->items->expired) {
        caching->status = NGX_HTTP_LITELLM_CACHE_EXPIRED;
    }

    return NGX_OK;
}


/* NGX_DECLINED: it is not there */

static ngx_int_t
ngx_http_litellm_cache_item_load(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_cache_item_t *item)
{
    ngx_int_t                        rc;
    ngx_str_t                        value;
    ngx_http_litellm_caching_t      *caching;
    ngx_http_litellm_cache_items_t  *items;
    ngx_http_litellm_cache_handle_t  h;

    caching = ctx->cache;
    items = caching->items;

    if (ngx_http_litellm_cache_open(caching->zone, item->key, &h) != NGX_OK) {
        return NGX_DECLINED;
    }

    rc = NGX_DECLINED;

    if (ngx_http_litellm_cache_aged(caching, &h.meta)) {
        items->expired = 1;

    } else if (h.meta.kind == NGX_HTTP_LITELLM_CACHE_ITEM
               && h.meta.len <= items->left)
    {
        rc = ngx_http_litellm_cache_load(r, caching->zone, &h, NULL, &value);
    }

    ngx_http_litellm_cache_close(caching->zone, &h);

    if (rc == NGX_OK) {
        items->left -= value.len;
        rc = ngx_litellm_cache_item_set(&items->list, item, &value);

        if (rc == NGX_OK) {
            caching->saved = ngx_litellm_money_add(caching->saved,
                                                   h.meta.cost);
        }
    }

    return rc;
}


ngx_int_t
ngx_http_litellm_cache_item_found(ngx_http_litellm_ctx_t *ctx,
    ngx_pool_t *temp, ngx_litellm_cache_item_t *item,
    ngx_litellm_cache_value_t *value)
{
    time_t                           age;
    ngx_int_t                        rc;
    ngx_str_t                        model;
    ngx_http_litellm_caching_t      *caching;
    ngx_http_litellm_cache_meta_t    meta;
    ngx_http_litellm_cache_items_t  *items;

    caching = ctx->cache;
    items = caching->items;

    age = (value->stored < (int64_t) ngx_time())
          ? ngx_time() - (time_t) value->stored : 0;

    if (age >= value->ttl) {
        return NGX_ABORT;
    }

    if (caching->control.max_age >= 0
        && age > (time_t) caching->control.max_age)
    {
        items->expired = 1;
        return NGX_ABORT;
    }

    if (value->body.len > items->left) {
        return NGX_ABORT;
    }

    rc = ngx_litellm_cache_item_read(ctx->call.pool, temp, &items->list, item,
                                     &value->body, &model);
    if (rc != NGX_OK) {
        return rc;
    }

    items->left -= value->body.len;

    caching->saved = ngx_litellm_money_add(caching->saved,
                                           ngx_max(value->cost, 0));

    if (caching->store) {
        ngx_memzero(&meta, sizeof(ngx_http_litellm_cache_meta_t));

        meta.stored = ngx_time() - age;
        meta.expires = ngx_time() + ngx_min(value->ttl - age, caching->ttl);
        meta.cost = value->cost;

        ngx_http_litellm_cache_item_keep(caching, &model, item, &meta);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_cache_items_cut(ngx_http_litellm_ctx_t *ctx)
{
    ngx_str_t                        body;
    ngx_http_litellm_cache_items_t  *items;

    items = ctx->cache->items;

    if (items->body.data != NULL || items->list.missing == items->list.n) {
        return NGX_OK;
    }

    if (ngx_litellm_cache_items_rest(&ctx->call, &items->list, &body)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    items->body = ctx->call.body;

    return ngx_http_litellm_cache_items_body(&ctx->call, &body);
}


/* nodes of the body before stay as they are: others may look at them */

static ngx_int_t
ngx_http_litellm_cache_items_body(ngx_litellm_call_t *call, ngx_str_t *body)
{
    ngx_litellm_error_t  e;

    ngx_memzero(&e, sizeof(ngx_litellm_error_t));
    ngx_memzero(&call->top, sizeof(ngx_litellm_json_doc_t));

    call->body = *body;

    return (call->format->open(call, &e) == NGX_OK) ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_litellm_cache_items_whole(ngx_http_litellm_ctx_t *ctx)
{
    ngx_str_t                    body;
    ngx_http_litellm_caching_t  *caching;

    caching = ctx->cache;

    if (caching->items == NULL || caching->items->body.data == NULL) {
        return NGX_OK;
    }

    body = caching->items->body;

    caching->items = NULL;
    caching->store = 0;
    caching->status = NGX_HTTP_LITELLM_CACHE_MISS;

    return ngx_http_litellm_cache_items_body(&ctx->call, &body);
}


ngx_int_t
ngx_http_litellm_cache_items_judge(ngx_http_litellm_attempt_t *a)
{
    ngx_int_t                        rc;
    ngx_str_t                        body;
    ngx_http_litellm_caching_t      *caching;
    ngx_http_litellm_cache_items_t  *items;

    caching = a->ctx->cache;
    items = caching->items;

    if (items == NULL || items->body.data == NULL) {
        return NGX_OK;
    }

    rc = ngx_http_litellm_cache_items_told(a, &items->list);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (!items->list.mixed) {
        ngx_log_error(NGX_LOG_WARN, a->parent->connection->log, 0,
                      "litellm: deployment \"%V\" of \"%V\" did not answer "
                      "each of %ui inputs, all %ui are sent once more",
                      &a->deployment->id, &a->ctx->group, items->list.missing,
                      items->list.n);

        return (ngx_http_litellm_cache_items_whole(a->ctx) == NGX_OK)
               ? NGX_DECLINED : NGX_ERROR;
    }

    ngx_log_error(NGX_LOG_WARN, a->parent->connection->log, 0,
                  "litellm: embeddings of deployment \"%V\" of \"%V\" have "
                  "other dimensions than those that were kept, all %ui inputs "
                  "are sent once more",
                  &a->deployment->id, &a->ctx->group, items->list.n);

    body = items->body;

    ngx_str_null(&items->body);
    ngx_litellm_cache_items_reset(&items->list);

    caching->status = NGX_HTTP_LITELLM_CACHE_MISS;

    return (ngx_http_litellm_cache_items_body(&a->ctx->call, &body) == NGX_OK)
           ? NGX_DECLINED : NGX_ERROR;
}


/* does the answer to those that were sent fit? */

static ngx_int_t
ngx_http_litellm_cache_items_told(ngx_http_litellm_attempt_t *a,
    ngx_litellm_cache_items_t *list)
{
    ngx_str_t   text, *vector;
    ngx_uint_t  i;

    if (a->wire.pass) {
        text.data = a->body;
        text.len = a->size;

        if (a->facts.data.data != NULL) {
            text = a->facts.data;
        }

        return ngx_litellm_cache_items_read(a->parent->pool, list, &text);
    }

    if (a->answer->vectors.nelts != list->missing) {
        return NGX_DECLINED;
    }

    vector = a->answer->vectors.elts;

    for (i = 0; i < list->missing; i++) {

        if (!ngx_litellm_cache_fits(list, ngx_litellm_cache_width(&vector[i])))
        {
            list->mixed = 1;
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


void
ngx_http_litellm_cache_items_answer(ngx_http_litellm_attempt_t *a,
    ngx_litellm_out_t *out)
{
    int64_t                          cost, n;
    ngx_str_t                        text;
    ngx_uint_t                       i;
    ngx_litellm_cache_items_t       *list;
    ngx_http_litellm_caching_t      *caching;
    ngx_http_litellm_cache_meta_t    meta;
    ngx_http_litellm_cache_items_t  *items;

    caching = a->ctx->cache;
    items = caching->items;
    list = &items->list;

    if (items->body.data == NULL && !ngx_http_litellm_cache_storable(a)) {
        return;
    }

    if (list->missing
        && (ngx_litellm_out_join(out, &text) != NGX_OK
            || ngx_litellm_cache_items_read(a->parent->pool, list, &text)
               != NGX_OK))
    {
        /* that of a call that was cut was judged before */

        if (items->body.data != NULL) {
            out->failed = 1;
        }

        return;
    }

    if (items->body.data != NULL) {
        ngx_litellm_out_init(out, a->parent->pool);
        ngx_litellm_cache_items_write(list, &a->ctx->call.model, out);
    }

    if (!ngx_http_litellm_cache_storable(a)) {
        return;
    }

    ngx_memzero(&meta, sizeof(ngx_http_litellm_cache_meta_t));

    meta.stored = ngx_time();
    meta.expires = meta.stored + caching->ttl;

    /* each input its part */

    (void) ngx_http_litellm_cost_sum(a->ctx, &cost);

    for (i = 0, n = 0; i < list->n; i++) {
        n += list->item[i].fresh;
    }

    meta.cost = cost / ngx_max(n, 1);

    for (i = 0; i < list->n; i++) {

        if (list->item[i].fresh) {
            ngx_http_litellm_cache_item_keep(caching, &list->model,
                                             &list->item[i], &meta);
            ngx_http_litellm_cache_redis_put_item(a->ctx, &list->model,
                                                  &list->item[i], meta.cost);
        }
    }
}


static void
ngx_http_litellm_cache_item_keep(ngx_http_litellm_caching_t *caching,
    ngx_str_t *model, ngx_litellm_cache_item_t *item,
    ngx_http_litellm_cache_meta_t *meta)
{
    ngx_str_t                         piece[NGX_LITELLM_CACHE_PIECES];
    ngx_uint_t                        i;
    ngx_litellm_cache_head_t          head;
    ngx_http_litellm_cache_handle_t   h;

    ngx_memzero(&h, sizeof(ngx_http_litellm_cache_handle_t));

    h.meta = *meta;
    h.meta.len = ngx_litellm_cache_item_value(model, item, &head, piece);
    h.meta.kind = NGX_HTTP_LITELLM_CACHE_ITEM;

    if (h.meta.len > caching->max
        || ngx_http_litellm_cache_create(caching->zone, &h) != NGX_OK)
    {
        return;
    }

    for (i = 0; i < NGX_LITELLM_CACHE_PIECES; i++) {
        ngx_http_litellm_cache_write(caching->zone, &h, piece[i].data,
                                     piece[i].len);
    }

    ngx_http_litellm_cache_commit(caching->zone, item->key, &h);
    ngx_http_litellm_cache_close(caching->zone, &h);
}


ngx_int_t
ngx_http_litellm_cache_items_names(ngx_http_request_t *r,
    ngx_http_litellm_cache_items_t *items, ngx_str_t *names)
{
    u_char      *p;
    ngx_uint_t   i, n;

    n = ngx_min(items->list.n, NGX_HTTP_LITELLM_CACHE_NAMES);

    p = ngx_pnalloc(r->pool, n * (2 * NGX_LITELLM_CACHE_KEY + 1));
    if (p == NULL) {
        return NGX_ERROR;
    }

    names->data = p;

    for (i = 0; i < n; i++) {

        if (i) {
            *p++ = ',';
        }

        p = ngx_litellm_out_hex(p, items->list.item[i].key,
                                NGX_LITELLM_CACHE_KEY);
    }

    names->len = p - names->data;

    return NGX_OK;
}
