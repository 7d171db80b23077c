
/*
 * One input's object of an embeddings answer as it is kept (see the header of
 * ngx_litellm_cache_items.h): for this machine's memory with a small head in
 * front, for Redis as JSON, which others may have written; it is taken only if
 * it can stand among the other objects of an answer.
 *
 * How wide a vector is says most of whether two can be compared: those of
 * another model mostly have another number of dimensions.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_cache_items.h"


#define NGX_LITELLM_CACHE_ITEM_VERSION  2

/* members of the object that are looked at, about */
#define NGX_LITELLM_CACHE_ITEM_VALUES   256


static void ngx_litellm_cache_kept(ngx_litellm_cache_items_t *items,
    ngx_litellm_cache_item_t *item, ngx_str_t *model);
static size_t ngx_litellm_cache_digits(uint32_t n);
static ngx_int_t ngx_litellm_cache_believe(ngx_pool_t *pool,
    ngx_litellm_json_t *root, ngx_litellm_cache_items_t *items,
    ngx_litellm_cache_item_t *item, ngx_str_t *model);
static ngx_uint_t ngx_litellm_cache_numbers(ngx_litellm_json_t *v);


size_t
ngx_litellm_cache_item_value(ngx_str_t *model, ngx_litellm_cache_item_t *item,
    ngx_litellm_cache_head_t *head, ngx_str_t piece[NGX_LITELLM_CACHE_PIECES])
{
    size_t  behind;

    behind = item->cut + item->skip;

    head->version = NGX_LITELLM_CACHE_ITEM_VERSION;
    head->tokens = item->tokens;
    head->model = (uint32_t) model->len;
    head->cut = (uint32_t) item->cut;
    head->width = item->width;

    piece[0].data = (u_char *) head;
    piece[0].len = sizeof(ngx_litellm_cache_head_t);

    piece[1] = *model;

    piece[2].data = item->object.data;
    piece[2].len = item->cut;

    piece[3].data = item->object.data + behind;
    piece[3].len = item->object.len - behind;

    return piece[0].len + piece[1].len + piece[2].len + piece[3].len;
}


ngx_int_t
ngx_litellm_cache_item_set(ngx_litellm_cache_items_t *items,
    ngx_litellm_cache_item_t *item, ngx_str_t *value)
{
    size_t                     len;
    u_char                    *p;
    ngx_str_t                  model;
    ngx_litellm_cache_head_t   head;

    if (item->object.data != NULL
        || value->len < sizeof(ngx_litellm_cache_head_t))
    {
        return NGX_DECLINED;
    }

    ngx_memcpy(&head, value->data, sizeof(ngx_litellm_cache_head_t));

    p = value->data + sizeof(ngx_litellm_cache_head_t);
    len = value->len - sizeof(ngx_litellm_cache_head_t);

    if (head.version != NGX_LITELLM_CACHE_ITEM_VERSION
        || head.model > len || head.cut >= len - head.model
        || !ngx_litellm_cache_fits(items, head.width))
    {
        return NGX_DECLINED;
    }

    item->object.data = p + head.model;
    item->object.len = len - head.model;
    item->cut = head.cut;
    item->skip = 0;
    item->tokens = head.tokens;
    item->width = head.width;

    model.data = p;
    model.len = head.model;

    ngx_litellm_cache_kept(items, item, &model);

    return NGX_OK;
}


/* it counts as one of those that were kept */

static void
ngx_litellm_cache_kept(ngx_litellm_cache_items_t *items,
    ngx_litellm_cache_item_t *item, ngx_str_t *model)
{
    if (items->model.len == 0) {
        items->model = *model;
    }

    if (items->width == 0) {
        items->width = item->width;
    }

    items->tokens += item->tokens;
    items->missing--;
}


size_t
ngx_litellm_cache_item_length(ngx_str_t *model,
    ngx_litellm_cache_item_t *item)
{
    return sizeof("{\"tokens\":,\"model\":,\"data\":[0]}") - 1
           + ngx_litellm_cache_digits(item->tokens)
           + (model->len ? model->len : sizeof("null") - 1)
           + item->object.len - item->skip;
}


static size_t
ngx_litellm_cache_digits(uint32_t n)
{
    size_t  digits;

    for (digits = 1; n > 9; digits++) {
        n /= 10;
    }

    return digits;
}


u_char *
ngx_litellm_cache_item_write(ngx_str_t *model,
    ngx_litellm_cache_item_t *item, u_char *p)
{
    size_t     behind;
    ngx_str_t  none = ngx_string("null");

    p = ngx_sprintf(p, "{\"tokens\":%uD,\"model\":%V,\"data\":[",
                    item->tokens, model->len ? model : &none);

    p = ngx_cpymem(p, item->object.data, item->cut);
    *p++ = '0';

    behind = item->cut + item->skip;

    p = ngx_cpymem(p, item->object.data + behind, item->object.len - behind);

    *p++ = ']';
    *p++ = '}';

    return p;
}


ngx_int_t
ngx_litellm_cache_item_read(ngx_pool_t *pool, ngx_pool_t *temp,
    ngx_litellm_cache_items_t *items, ngx_litellm_cache_item_t *item,
    ngx_str_t *body, ngx_str_t *model)
{
    ngx_int_t                rc;
    ngx_litellm_json_doc_t   doc;

    if (item->object.data != NULL) {
        return NGX_DECLINED;
    }

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = temp;
    doc.keep = 4;
    doc.max_nodes = NGX_LITELLM_CACHE_ITEM_VALUES;

    rc = ngx_litellm_json_parse(&doc, body->data, body->len);

    if (rc == NGX_OK) {
        rc = ngx_litellm_cache_believe(pool, doc.root, items, item, model);
    }

    if (rc == NGX_OK) {
        ngx_litellm_cache_kept(items, item, model);
    }

    return rc;
}


/* what an answer with it can't do without */

static ngx_int_t
ngx_litellm_cache_believe(ngx_pool_t *pool, ngx_litellm_json_t *root,
    ngx_litellm_cache_items_t *items, ngx_litellm_cache_item_t *item,
    ngx_str_t *model)
{
    u_char              *p;
    int64_t              tokens;
    uint32_t             width;
    ngx_litellm_json_t  *object, *index, *name, *v;

    v = ngx_litellm_json_member(root, "tokens");

    if (!ngx_litellm_json_is(v, NUMBER)
        || ngx_litellm_json_int(v, &tokens) != NGX_OK
        || tokens < 0 || tokens > NGX_LITELLM_CACHE_ITEM_TOKENS)
    {
        return NGX_DECLINED;
    }

    name = ngx_litellm_json_member(root, "model");

    if (!ngx_litellm_json_is(name, NULL)
        && (!ngx_litellm_json_is(name, STRING)
            || name->len > NGX_LITELLM_CACHE_ITEM_MODEL))
    {
        return NGX_DECLINED;
    }

    v = ngx_litellm_json_member(root, "data");

    if (!ngx_litellm_json_is(v, ARRAY) || v->count != 1) {
        return NGX_DECLINED;
    }

    object = v + 1;
    index = ngx_litellm_json_member(object, "index");
    v = ngx_litellm_json_member(object, "embedding");

    if (!ngx_litellm_json_is(index, NUMBER)
        || (!ngx_litellm_json_is(v, ARRAY) && !ngx_litellm_json_is(v, STRING))
        || (v->type == NGX_LITELLM_JSON_ARRAY
            && !ngx_litellm_cache_numbers(v)))
    {
        return NGX_DECLINED;
    }

    width = ngx_litellm_cache_vector(v);

    if (width == 0 || !ngx_litellm_cache_fits(items, width)) {
        return NGX_DECLINED;
    }

    ngx_str_null(model);

    if (name->type == NGX_LITELLM_JSON_STRING) {
        model->len = name->len;
    }

    p = ngx_pnalloc(pool, object->len + model->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    item->object.data = p;
    item->object.len = object->len;
    item->cut = index->start - object->start;
    item->skip = index->len;
    item->tokens = (uint32_t) tokens;
    item->width = width;

    p = ngx_cpymem(p, object->start, object->len);

    if (model->len) {
        model->data = p;
        ngx_memcpy(p, name->start, name->len);
    }

    return NGX_OK;
}


uint32_t
ngx_litellm_cache_vector(ngx_litellm_json_t *v)
{
    ngx_str_t  text;

    if (v->type == NGX_LITELLM_JSON_ARRAY) {
        return v->count;
    }

    text.data = v->start;
    text.len = v->len;

    return ngx_litellm_cache_width(&text);
}


/* base64 is that of floats of four bytes; "/" may have a backslash before it */

uint32_t
ngx_litellm_cache_width(ngx_str_t *vector)
{
    u_char  *p, *last;
    size_t   n;

    if (vector->len < 3) {
        return 0;
    }

    p = vector->data + 1;
    last = vector->data + vector->len - 1;
    n = 0;

    if (*vector->data == '[') {

        for (n = 1; p < last; p++) {
            n += (*p == ',');
        }

        return (uint32_t) n;
    }

    for ( /* void */ ; p < last; p++) {
        n += (*p != '\\' && *p != '=');
    }

    return (uint32_t) (n * 3 / 16);
}


static ngx_uint_t
ngx_litellm_cache_numbers(ngx_litellm_json_t *v)
{
    u_char  *p, *last;

    last = v->start + v->len;

    for (p = v->start + 1; p < last - 1; p++) {

        /* that these are numbers was seen when it was parsed */

        if (*p == '"' || *p == '[' || *p == '{' || *p == 'n' || *p == 't'
            || *p == 'f')
        {
            return 0;
        }
    }

    return v->count != 0;
}
