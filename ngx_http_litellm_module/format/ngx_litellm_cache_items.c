
/*
 * Embeddings by input (see the header): cutting a request to what is missing,
 * and merging the answer.
 *
 * The tokens of an answer are shared out by the size of its inputs, so that
 * all shares are just what the provider counted: an answer made of what was
 * kept has a usage, too.
 *
 * Vectors of one answer have one width: others are of another model, and can't
 * be compared with them.
 *
 * Both texts are hostile: the list is bounded, an answer is believed only if
 * each index is there once.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/evp.h>
#include "ngx_litellm_cache_items.h"


/* members of an object in the answer that are looked at, about */
#define NGX_LITELLM_CACHE_ITEM_NODES    32

/* objects from this size on are not copied when they are written */
#define NGX_LITELLM_CACHE_ITEM_REF      1024


static ngx_int_t ngx_litellm_cache_inputs(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, const u_char *base,
    ngx_litellm_cache_items_t *items);
static ngx_uint_t ngx_litellm_cache_input(ngx_litellm_json_t *v,
    size_t *weight);
static ngx_int_t ngx_litellm_cache_items_key(const u_char *base,
    ngx_litellm_cache_items_t *items, u_char *key);
static ngx_int_t ngx_litellm_cache_objects(ngx_litellm_cache_items_t *items,
    ngx_litellm_json_t *list, ngx_litellm_json_t **objects);
static void ngx_litellm_cache_frame(ngx_litellm_cache_items_t *items,
    ngx_str_t *answer, ngx_litellm_json_t *root, ngx_litellm_json_t *list);
static void ngx_litellm_cache_take(ngx_litellm_cache_items_t *items,
    ngx_litellm_json_t **objects);
static uint64_t ngx_litellm_cache_number_of(ngx_str_t *text);
static void ngx_litellm_cache_merge(ngx_litellm_cache_items_t *items,
    ngx_litellm_out_t *out);
static void ngx_litellm_cache_list(ngx_litellm_cache_items_t *items,
    ngx_litellm_out_t *out);


static ngx_inline ngx_str_t
ngx_litellm_cache_range(ngx_litellm_json_t *v)
{
    ngx_str_t  s;

    s.data = v->start;
    s.len = v->len;

    return s;
}


ngx_int_t
ngx_litellm_cache_items(ngx_litellm_call_t *call,
    const u_char base[NGX_LITELLM_CACHE_KEY],
    ngx_litellm_cache_items_t *items, u_char key[NGX_LITELLM_CACHE_KEY])
{
    ngx_int_t                rc;
    ngx_litellm_json_t      *input;
    ngx_litellm_json_doc_t   doc;

    ngx_memzero(items, sizeof(ngx_litellm_cache_items_t));

    input = ngx_litellm_json_member(call->top.root, "input");

    if (input == NULL) {
        return NGX_DECLINED;
    }

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = call->pool;
    doc.keep = 3;

    rc = ngx_litellm_json_parse(&doc, input->start, input->len);

    if (rc == NGX_OK) {
        rc = ngx_litellm_cache_inputs(call, doc.root, base, items);
    }

    if (doc.mem) {
        (void) ngx_pfree(call->pool, doc.mem);
    }

    return (rc == NGX_OK) ? ngx_litellm_cache_items_key(base, items, key)
                          : rc;
}


static ngx_int_t
ngx_litellm_cache_inputs(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
    const u_char *base, ngx_litellm_cache_items_t *items)
{
    ngx_uint_t                 i, n;
    ngx_litellm_json_t        *v;
    ngx_litellm_cache_item_t  *item;

    n = 1;
    v = root;

    if (root->type == NGX_LITELLM_JSON_ARRAY && root->count
        && root[1].type != NGX_LITELLM_JSON_NUMBER)
    {
        n = root->count;
        v = root + 1;
    }

    if (n > NGX_LITELLM_CACHE_ITEMS) {
        return NGX_DECLINED;
    }

    item = ngx_pcalloc(call->pool, n * sizeof(ngx_litellm_cache_item_t));
    if (item == NULL) {
        return NGX_ERROR;
    }

    items->item = item;
    items->n = n;
    items->missing = n;

    for (i = 0; i < n; i++, v = ngx_litellm_json_next(v)) {

        if (!ngx_litellm_cache_input(v, &item[i].weight)) {
            return NGX_DECLINED;
        }

        item[i].input = ngx_litellm_cache_range(v);

        if (ngx_litellm_cache_item(call->pool, base, v, item[i].key)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* a text, or a list of tokens */

static ngx_uint_t
ngx_litellm_cache_input(ngx_litellm_json_t *v, size_t *weight)
{
    ngx_uint_t  i, n;

    if (v->type == NGX_LITELLM_JSON_STRING) {
        *weight = v->len;
        return 1;
    }

    if (v->type != NGX_LITELLM_JSON_ARRAY || v->count == 0) {
        return 0;
    }

    n = v->count;
    *weight = n;

    for (i = 0, v++; i < n; i++, v = ngx_litellm_json_next(v)) {
        if (v->type != NGX_LITELLM_JSON_NUMBER) {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_litellm_cache_items_key(const u_char *base,
    ngx_litellm_cache_items_t *items, u_char *key)
{
    ngx_uint_t   i, ok;
    EVP_MD_CTX  *md;

    if (items->n == 1) {
        ngx_memcpy(key, items->item[0].key, NGX_LITELLM_CACHE_KEY);
        return NGX_OK;
    }

    md = EVP_MD_CTX_new();
    if (md == NULL) {
        return NGX_ERROR;
    }

    ok = EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1
         && EVP_DigestUpdate(md, "b", 1) == 1
         && EVP_DigestUpdate(md, base, NGX_LITELLM_CACHE_KEY) == 1;

    for (i = 0; i < items->n && ok; i++) {
        ok = EVP_DigestUpdate(md, items->item[i].key, NGX_LITELLM_CACHE_KEY)
             == 1;
    }

    ok = ok && EVP_DigestFinal_ex(md, key, NULL) == 1;

    EVP_MD_CTX_free(md);

    return ok ? NGX_OK : NGX_ERROR;
}


void
ngx_litellm_cache_items_reset(ngx_litellm_cache_items_t *items)
{
    ngx_uint_t  i;

    for (i = 0; i < items->n; i++) {
        ngx_str_null(&items->item[i].object);
        items->item[i].fresh = 0;
    }

    items->missing = items->n;
    items->tokens = 0;
    items->width = 0;
    items->mixed = 0;

    ngx_str_null(&items->model);
}


ngx_int_t
ngx_litellm_cache_items_rest(ngx_litellm_call_t *call,
    ngx_litellm_cache_items_t *items, ngx_str_t *body)
{
    u_char                    *p, *end;
    size_t                     len;
    ngx_uint_t                 i, n;
    ngx_litellm_json_t        *input;
    ngx_litellm_cache_item_t  *item;

    input = ngx_litellm_json_member(call->top.root, "input");
    item = items->item;

    len = call->body.len - input->len + sizeof("[]") - 1;

    for (i = 0; i < items->n; i++) {
        if (item[i].object.data == NULL) {
            len += item[i].input.len + 1;
        }
    }

    p = ngx_pnalloc(call->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    body->data = p;

    p = ngx_cpymem(p, call->body.data, input->start - call->body.data);
    *p++ = '[';

    for (i = 0, n = 0; i < items->n; i++) {

        if (item[i].object.data != NULL) {
            continue;
        }

        if (n++) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, item[i].input.data, item[i].input.len);
    }

    *p++ = ']';

    end = input->start + input->len;
    p = ngx_cpymem(p, end, call->body.data + call->body.len - end);

    body->len = p - body->data;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_cache_items_read(ngx_pool_t *pool,
    ngx_litellm_cache_items_t *items, ngx_str_t *answer)
{
    ngx_int_t                 rc;
    ngx_litellm_json_t       *list, **objects;
    ngx_litellm_json_doc_t    doc;

    objects = ngx_pcalloc(pool, items->missing * sizeof(ngx_litellm_json_t *));
    if (objects == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = pool;
    doc.keep = 4;
    doc.max_nodes = (items->missing + 8) * NGX_LITELLM_CACHE_ITEM_NODES;

    rc = ngx_litellm_json_parse(&doc, answer->data, answer->len);

    if (rc == NGX_OK) {
        list = ngx_litellm_json_member(doc.root, "data");

        rc = ngx_litellm_cache_objects(items, list, objects);

        if (rc == NGX_OK) {
            ngx_litellm_cache_frame(items, answer, doc.root, list);
            ngx_litellm_cache_take(items, objects);
        }
    }

    if (doc.mem) {
        (void) ngx_pfree(pool, doc.mem);
    }

    return rc;
}


/* by their index: each is there once, and has a vector */

static ngx_int_t
ngx_litellm_cache_objects(ngx_litellm_cache_items_t *items,
    ngx_litellm_json_t *list, ngx_litellm_json_t **objects)
{
    int64_t              n;
    ngx_uint_t           i;
    ngx_litellm_json_t  *object, *v;

    if (!ngx_litellm_json_is(list, ARRAY) || list->count != items->missing) {
        return NGX_DECLINED;
    }

    object = list + 1;

    for (i = 0; i < items->missing; i++) {

        v = ngx_litellm_json_member(object, "index");

        if (!ngx_litellm_json_is(v, NUMBER)
            || ngx_litellm_json_int(v, &n) != NGX_OK
            || n < 0 || (uint64_t) n >= items->missing
            || objects[n] != NULL)
        {
            return NGX_DECLINED;
        }

        objects[n] = object;

        v = ngx_litellm_json_member(object, "embedding");

        if (!ngx_litellm_json_is(v, ARRAY) && !ngx_litellm_json_is(v, STRING)) {
            return NGX_DECLINED;
        }

        if (!ngx_litellm_cache_fits(items, ngx_litellm_cache_vector(v))) {
            items->mixed = 1;
            return NGX_DECLINED;
        }

        object = ngx_litellm_json_next(object);
    }

    return NGX_OK;
}


static void
ngx_litellm_cache_frame(ngx_litellm_cache_items_t *items, ngx_str_t *answer,
    ngx_litellm_json_t *root, ngx_litellm_json_t *list)
{
    ngx_litellm_json_t  *v, *usage;

    items->answer = *answer;

    items->list.data = list->start + 1;
    items->list.len = list->len - 2;

    v = ngx_litellm_json_member(root, "model");

    if (ngx_litellm_json_is(v, STRING)
        && v->len <= NGX_LITELLM_CACHE_ITEM_MODEL)
    {
        items->model = ngx_litellm_cache_range(v);

    } else {
        ngx_str_null(&items->model);
    }

    usage = ngx_litellm_json_member(root, "usage");

    v = ngx_litellm_json_member(usage, "prompt_tokens");

    if (ngx_litellm_json_is(v, NUMBER)) {
        items->prompt = ngx_litellm_cache_range(v);
    }

    v = ngx_litellm_json_member(usage, "total_tokens");

    if (ngx_litellm_json_is(v, NUMBER)) {
        items->total = ngx_litellm_cache_range(v);
    }
}


/* the objects become those of the items, with their shares of the tokens */

static void
ngx_litellm_cache_take(ngx_litellm_cache_items_t *items,
    ngx_litellm_json_t **objects)
{
    uint64_t                   tokens, all, sum, given, next;
    ngx_uint_t                 i, n;
    ngx_litellm_json_t        *v;
    ngx_litellm_cache_item_t  *item;

    item = items->item;
    all = 0;

    for (i = 0; i < items->n; i++) {
        if (item[i].object.data == NULL) {
            all += item[i].weight;
        }
    }

    tokens = ngx_litellm_cache_number_of(items->prompt.len ? &items->prompt
                                                           : &items->total);
    sum = 0;
    given = 0;

    for (i = 0, n = 0; i < items->n; i++) {

        if (item[i].object.data != NULL) {
            continue;
        }

        v = ngx_litellm_json_member(objects[n], "index");

        item[i].object = ngx_litellm_cache_range(objects[n]);
        item[i].cut = v->start - objects[n]->start;
        item[i].skip = v->len;
        item[i].fresh = 1;

        v = ngx_litellm_json_member(objects[n], "embedding");

        item[i].width = ngx_litellm_cache_vector(v);

        sum += item[i].weight;
        next = tokens * sum / all;
        item[i].tokens = (uint32_t) (next - given);
        given = next;

        n++;
    }

    items->missing = 0;
}


static uint64_t
ngx_litellm_cache_number_of(ngx_str_t *text)
{
    int64_t             n;
    ngx_litellm_json_t  v;

    if (text->len == 0) {
        return 0;
    }

    ngx_memzero(&v, sizeof(ngx_litellm_json_t));

    v.type = NGX_LITELLM_JSON_NUMBER;
    v.start = text->data;
    v.len = (uint32_t) text->len;

    if (ngx_litellm_json_int(&v, &n) != NGX_OK || n < 0) {
        return 0;
    }

    return (uint64_t) ngx_min(n, NGX_LITELLM_CACHE_ITEM_TOKENS);
}


void
ngx_litellm_cache_items_write(ngx_litellm_cache_items_t *items,
    ngx_str_t *model, ngx_litellm_out_t *out)
{
    out->ref_min = NGX_LITELLM_CACHE_ITEM_REF;

    if (items->answer.data != NULL) {
        ngx_litellm_cache_merge(items, out);
        return;
    }

    ngx_litellm_out_lit(out, "{\"object\":\"list\",\"data\":[");

    ngx_litellm_cache_list(items, out);

    ngx_litellm_out_lit(out, "],\"model\":");

    if (items->model.len) {
        ngx_litellm_out_str(out, &items->model);

    } else {
        ngx_litellm_out_json(out, model);
    }

    ngx_litellm_out_lit(out, ",\"usage\":{\"prompt_tokens\":");
    ngx_litellm_out_int(out, (int64_t) items->tokens);
    ngx_litellm_out_lit(out, ",\"total_tokens\":");
    ngx_litellm_out_int(out, (int64_t) items->tokens);
    ngx_litellm_out_lit(out, "}}");
}


/* the answer that came, with all in its list and their tokens in its usage */

static void
ngx_litellm_cache_merge(ngx_litellm_cache_items_t *items,
    ngx_litellm_out_t *out)
{
    u_char      *p, *last;
    ngx_str_t   *range[3], *t;
    ngx_uint_t   i, j, n;

    n = 0;
    range[n++] = &items->list;

    if (items->prompt.len) {
        range[n++] = &items->prompt;
    }

    if (items->total.len) {
        range[n++] = &items->total;
    }

    for (i = 1; i < n; i++) {
        t = range[i];

        for (j = i; j && range[j - 1]->data > t->data; j--) {
            range[j] = range[j - 1];
        }

        range[j] = t;
    }

    p = items->answer.data;
    last = p + items->answer.len;

    for (i = 0; i < n; i++) {

        ngx_litellm_out_ref(out, p, range[i]->data - p);

        if (range[i] == &items->list) {
            ngx_litellm_cache_list(items, out);

        } else {
            ngx_litellm_out_int(out,
                       (int64_t) (ngx_litellm_cache_number_of(range[i])
                                  + items->tokens));
        }

        p = range[i]->data + range[i]->len;
    }

    ngx_litellm_out_ref(out, p, last - p);
}


static void
ngx_litellm_cache_list(ngx_litellm_cache_items_t *items,
    ngx_litellm_out_t *out)
{
    size_t                     behind;
    ngx_uint_t                 i;
    ngx_litellm_cache_item_t  *item;

    item = items->item;

    for (i = 0; i < items->n; i++) {

        if (i) {
            ngx_litellm_out_lit(out, ",");
        }

        behind = item[i].cut + item[i].skip;

        ngx_litellm_out_ref(out, item[i].object.data, item[i].cut);
        ngx_litellm_out_int(out, i);
        ngx_litellm_out_ref(out, item[i].object.data + behind,
                            item[i].object.len - behind);
    }
}
