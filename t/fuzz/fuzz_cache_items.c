
/*
 * Embeddings by input: a request, a zero byte, an answer.  The first byte says
 * which inputs are kept already; those have an answer of their own making.  The
 * request for the rest is JSON with just these inputs; if the answer is one,
 * what is put together is JSON with all objects in order, and each value of an
 * item gives back what it was made of, that of memory and that of Redis.
 */

#include "fuzz.h"

#include "ngx_litellm_cache_items.h"


static const u_char  fuzz_base[NGX_LITELLM_CACHE_KEY];


static ngx_litellm_json_t *
fuzz_json(ngx_pool_t *pool, ngx_str_t *text, ngx_uint_t must)
{
    ngx_litellm_json_doc_t  *doc;

    doc = ngx_pcalloc(pool, sizeof(ngx_litellm_json_doc_t));
    FUZZ_ASSERT(doc != NULL);

    doc->pool = pool;

    if (ngx_litellm_json_parse(doc, text->data, text->len) != NGX_OK) {

        /* nothing but a bound */

        FUZZ_ASSERT(!must);
        return NULL;
    }

    return doc->root;
}


static void
fuzz_keep(ngx_pool_t *pool, ngx_litellm_cache_items_t *items, ngx_uint_t bits)
{
    u_char                     buf[128], *p;
    ngx_str_t                  value;
    ngx_uint_t                 i;
    ngx_litellm_cache_head_t   head;

    head.version = 2;
    head.tokens = 2;
    head.model = 3;
    head.cut = 9;
    head.width = 0;

    p = ngx_cpymem(buf, &head, sizeof(head));
    p = ngx_sprintf(p, "\"k\"{\"index\":,\"embedding\":[1]}");

    for (i = 0; i < items->n; i++) {

        if (!(bits >> (i % 8) & 1)) {
            continue;
        }

        value = fuzz_copy(pool, buf, p - buf);

        FUZZ_ASSERT(ngx_litellm_cache_item_set(items, &items->item[i], &value)
                    == NGX_OK);
    }
}


static void
fuzz_rest(ngx_litellm_call_t *call, ngx_litellm_cache_items_t *items)
{
    ngx_str_t            body;
    ngx_litellm_json_t  *root, *input;

    FUZZ_ASSERT(ngx_litellm_cache_items_rest(call, items, &body) == NGX_OK);

    root = fuzz_json(call->pool, &body, 1);
    input = ngx_litellm_json_member(root, "input");

    FUZZ_ASSERT(ngx_litellm_json_is(input, ARRAY));
    FUZZ_ASSERT(input->count == items->missing);
}


static void
fuzz_written(ngx_pool_t *pool, ngx_litellm_cache_items_t *items)
{
    int64_t              n;
    ngx_str_t            model, text;
    ngx_uint_t           i;
    ngx_litellm_out_t    out;
    ngx_litellm_json_t  *root, *list, *v;

    ngx_str_set(&model, "m");

    ngx_litellm_out_init(&out, pool);
    ngx_litellm_cache_items_write(items, &model, &out);

    FUZZ_ASSERT(ngx_litellm_out_join(&out, &text) == NGX_OK);

    root = fuzz_json(pool, &text, 1);
    list = ngx_litellm_json_member(root, "data");

    FUZZ_ASSERT(ngx_litellm_json_is(list, ARRAY) && list->count == items->n);

    for (i = 0, v = list + 1; i < items->n; i++) {
        FUZZ_ASSERT(ngx_litellm_json_int(ngx_litellm_json_member(v, "index"),
                                         &n)
                    == NGX_OK);
        FUZZ_ASSERT((ngx_uint_t) n == i);
        v = ngx_litellm_json_next(v);
    }
}


static void
fuzz_value(ngx_pool_t *pool, ngx_litellm_cache_items_t *items,
    ngx_litellm_cache_items_t *other)
{
    ngx_str_t                  value, piece[NGX_LITELLM_CACHE_PIECES];
    ngx_uint_t                 i, n;
    ngx_litellm_out_t          out;
    ngx_litellm_cache_head_t   head;

    for (i = 0; i < items->n; i++) {

        ngx_litellm_out_init(&out, pool);

        (void) ngx_litellm_cache_item_value(&items->model, &items->item[i],
                                            &head, piece);

        for (n = 0; n < NGX_LITELLM_CACHE_PIECES; n++) {
            ngx_litellm_out_copy(&out, piece[n].data, piece[n].len);
        }

        FUZZ_ASSERT(ngx_litellm_out_join(&out, &value) == NGX_OK);

        /* two widths in one answer are the provider's: not beside another */

        other->width = 0;

        FUZZ_ASSERT(ngx_litellm_cache_item_set(other, &other->item[i], &value)
                    == NGX_OK);
    }

    FUZZ_ASSERT(other->missing == 0);

    fuzz_written(pool, other);
}


/* as others read it; not each object is taken, but none becomes another one */

static void
fuzz_shared(ngx_pool_t *pool, ngx_litellm_cache_items_t *items,
    ngx_litellm_cache_items_t *other)
{
    u_char                    *p;
    ngx_int_t                  rc;
    ngx_str_t                  body, model;
    ngx_uint_t                 i;
    ngx_litellm_cache_item_t  *item;

    for (i = 0; i < items->n; i++) {
        item = &items->item[i];

        body.len = ngx_litellm_cache_item_length(&items->model, item);
        body.data = ngx_pnalloc(pool, body.len);
        FUZZ_ASSERT(body.data != NULL);

        p = ngx_litellm_cache_item_write(&items->model, item, body.data);

        FUZZ_ASSERT((size_t) (p - body.data) == body.len);

        (void) fuzz_json(pool, &body, 1);

        other->width = 0;

        rc = ngx_litellm_cache_item_read(pool, pool, other, &other->item[i],
                                         &body, &model);

        FUZZ_ASSERT(rc == NGX_OK || rc == NGX_DECLINED);

        if (rc == NGX_OK) {
            FUZZ_ASSERT(other->item[i].width == item->width || !item->fresh);
            FUZZ_ASSERT(other->item[i].tokens == item->tokens);
            FUZZ_ASSERT(other->item[i].cut == item->cut);
            FUZZ_ASSERT(model.len == items->model.len
                        && memcmp(model.data, items->model.data, model.len)
                           == 0);
        }
    }

    if (other->missing == 0) {
        fuzz_written(pool, other);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                     *p, key[NGX_LITELLM_CACHE_KEY];
    size_t                      len;
    ngx_int_t                   rc;
    ngx_str_t                   answer, value, model;
    ngx_pool_t                 *pool;
    ngx_litellm_call_t          call;
    ngx_litellm_error_t         e;
    ngx_litellm_cache_items_t   items, other;

    if (size < 2) {
        return 0;
    }

    pool = fuzz_pool();

    p = memchr(data + 1, '\0', size - 1);
    len = p ? (size_t) (p - data) - 1 : size - 1;

    ngx_memzero(&call, sizeof(ngx_litellm_call_t));
    ngx_memzero(&e, sizeof(ngx_litellm_error_t));

    call.pool = pool;
    call.log = &fuzz_log;
    call.op = NGX_LITELLM_OP_EMBEDDINGS;
    call.format = &ngx_litellm_openai_embeddings;
    call.body = fuzz_copy(pool, data + 1, len);

    if (call.format->open(&call, &e) != NGX_OK
        || ngx_litellm_cache_items(&call, fuzz_base, &items, key) != NGX_OK
        || ngx_litellm_cache_items(&call, fuzz_base, &other, key) != NGX_OK)
    {
        goto done;
    }

    /* any bytes as a value */

    value = fuzz_copy(pool, data, size);

    if (ngx_litellm_cache_item_set(&other, &other.item[0], &value) == NGX_OK) {
        other.item[0].object.data = NULL;
        other.missing++;
        ngx_str_null(&other.model);
    }

    rc = ngx_litellm_cache_item_read(pool, pool, &other, &other.item[0],
                                     &value, &model);
    FUZZ_ASSERT(rc == NGX_OK || rc == NGX_DECLINED);

    if (rc == NGX_OK) {
        FUZZ_ASSERT(other.item[0].width != 0);
        FUZZ_ASSERT(other.item[0].cut + other.item[0].skip
                    < other.item[0].object.len);
    }

    ngx_litellm_cache_items_reset(&other);

    fuzz_keep(pool, &items, data[0]);
    fuzz_rest(&call, &items);

    if (items.missing == 0) {
        fuzz_written(pool, &items);
        goto done;
    }

    if (p == NULL) {
        goto done;
    }

    answer = fuzz_copy(pool, p + 1, data + size - p - 1);

    rc = ngx_litellm_cache_items_read(pool, &items, &answer);
    FUZZ_ASSERT(rc == NGX_OK || rc == NGX_DECLINED);

    if (rc == NGX_OK) {
        FUZZ_ASSERT(items.missing == 0);
        fuzz_written(pool, &items);
        fuzz_value(pool, &items, &other);

        ngx_litellm_cache_items_reset(&other);
        fuzz_shared(pool, &items, &other);
    }

done:

    ngx_destroy_pool(pool);

    return 0;
}
