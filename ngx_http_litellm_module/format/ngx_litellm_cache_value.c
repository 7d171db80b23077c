
/*
 * Values of the cache in Redis, written and read: see the header.  Called by
 * ngx_http_litellm_cache_redis.c.
 *
 * What an answer must have is what replaying it, and a client that gets it as
 * it is, can't do without; all the rest is the provider's.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/evp.h>
#include "ngx_litellm_cache_value.h"


#define NGX_LITELLM_CACHE_VALUE_SUM      16
#define NGX_LITELLM_CACHE_VALUE_SUMMED                                        \
    (NGX_LITELLM_CACHE_VALUE_HEAD - NGX_LITELLM_CACHE_VALUE_SUM)

/* members of an answer, with their values */
#define NGX_LITELLM_CACHE_VALUE_NODES    1024


static ngx_int_t ngx_litellm_cache_value_sum(const u_char *head,
    const u_char *key, ngx_str_t *body, u_char *sum);
static ngx_int_t ngx_litellm_cache_value_body(ngx_pool_t *temp,
    ngx_str_t *body, ngx_uint_t kind);
static u_char *ngx_litellm_cache_value_put(u_char *p, uint64_t n,
    ngx_uint_t bytes);
static uint64_t ngx_litellm_cache_value_get(const u_char *p,
    ngx_uint_t bytes);


static const u_char  ngx_litellm_cache_value_magic[] = { 'n', 'l', 'c', 1 };

/* what each kind of answer is a list of, by ngx_litellm_op_e */
static const ngx_str_t  ngx_litellm_cache_value_lists[] = {
    ngx_string("choices"),
    ngx_string("choices"),
    ngx_string("data"),
    ngx_string("results")
};

#define NGX_LITELLM_CACHE_VALUE_KINDS                                         \
    (sizeof(ngx_litellm_cache_value_lists) / sizeof(ngx_str_t))


ngx_int_t
ngx_litellm_cache_value_write(ngx_litellm_cache_value_t *v,
    const u_char key[NGX_LITELLM_CACHE_KEY], u_char *p)
{
    u_char  *head;

    if (v->body.len > 0xffffffff || v->ttl <= 0
        || v->ttl > NGX_LITELLM_CACHE_TTL_MAX)
    {
        return NGX_ERROR;
    }

    head = p;

    p = ngx_cpymem(p, ngx_litellm_cache_value_magic,
                   sizeof(ngx_litellm_cache_value_magic));
    p = ngx_litellm_cache_value_put(p, v->kind, 4);
    p = ngx_litellm_cache_value_put(p, (uint64_t) v->stored, 8);
    p = ngx_litellm_cache_value_put(p, (uint64_t) v->ttl, 4);
    p = ngx_litellm_cache_value_put(p, (uint64_t) v->cost, 8);
    p = ngx_litellm_cache_value_put(p, v->body.len, 4);

    return ngx_litellm_cache_value_sum(head, key, &v->body, p);
}


ngx_int_t
ngx_litellm_cache_value_read(ngx_pool_t *temp, ngx_str_t *data,
    const u_char key[NGX_LITELLM_CACHE_KEY], ngx_uint_t kind,
    ngx_litellm_cache_value_t *v)
{
    u_char     *p, sum[NGX_LITELLM_CACHE_VALUE_SUM];
    uint64_t    stored, ttl;

    p = data->data;

    if (data->len <= NGX_LITELLM_CACHE_VALUE_HEAD
        || ngx_memcmp(p, ngx_litellm_cache_value_magic,
                      sizeof(ngx_litellm_cache_value_magic))
           != 0)
    {
        return NGX_DECLINED;
    }

    v->body.data = p + NGX_LITELLM_CACHE_VALUE_HEAD;
    v->body.len = data->len - NGX_LITELLM_CACHE_VALUE_HEAD;

    stored = ngx_litellm_cache_value_get(p + 8, 8);
    ttl = ngx_litellm_cache_value_get(p + 16, 4);

    if (ngx_litellm_cache_value_get(p + 4, 4) != kind
        || stored > INT64_MAX / 2
        || ttl == 0 || ttl > NGX_LITELLM_CACHE_TTL_MAX
        || ngx_litellm_cache_value_get(p + 28, 4) != v->body.len)
    {
        return NGX_DECLINED;
    }

    if (ngx_litellm_cache_value_sum(p, key, &v->body, sum) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_memcmp(p + NGX_LITELLM_CACHE_VALUE_SUMMED, sum,
                   NGX_LITELLM_CACHE_VALUE_SUM)
        != 0)
    {
        return NGX_DECLINED;
    }

    v->kind = kind;
    v->stored = (int64_t) stored;
    v->ttl = (ngx_int_t) ttl;
    v->cost = (int64_t) ngx_litellm_cache_value_get(p + 20, 8);

    return (kind == NGX_LITELLM_CACHE_VALUE_ITEM)
           ? NGX_OK
           : ngx_litellm_cache_value_body(temp, &v->body, kind);
}


static ngx_int_t
ngx_litellm_cache_value_sum(const u_char *head, const u_char *key,
    ngx_str_t *body, u_char *sum)
{
    u_char       digest[EVP_MAX_MD_SIZE];
    unsigned     len;
    ngx_int_t    rc;
    EVP_MD_CTX  *md;

    md = EVP_MD_CTX_new();
    if (md == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1
        && EVP_DigestUpdate(md, head, NGX_LITELLM_CACHE_VALUE_SUMMED) == 1
        && EVP_DigestUpdate(md, key, NGX_LITELLM_CACHE_KEY) == 1
        && EVP_DigestUpdate(md, body->data, body->len) == 1
        && EVP_DigestFinal_ex(md, digest, &len) == 1)
    {
        ngx_memcpy(sum, digest, NGX_LITELLM_CACHE_VALUE_SUM);
        rc = NGX_OK;
    }

    EVP_MD_CTX_free(md);

    return rc;
}


static ngx_int_t
ngx_litellm_cache_value_body(ngx_pool_t *temp, ngx_str_t *body,
    ngx_uint_t kind)
{
    ngx_int_t                rc;
    const ngx_str_t         *name;
    ngx_litellm_json_t      *v;
    ngx_litellm_json_doc_t   doc;

    if (kind >= NGX_LITELLM_CACHE_VALUE_KINDS) {
        return NGX_DECLINED;
    }

    name = &ngx_litellm_cache_value_lists[kind];

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = temp;
    doc.keep = 2;
    doc.max_nodes = NGX_LITELLM_CACHE_VALUE_NODES;

    rc = ngx_litellm_json_parse(&doc, body->data, body->len);

    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_litellm_json_get(doc.root, (char *) name->data, name->len);

    return (ngx_litellm_json_is(v, ARRAY) && v->count != 0) ? NGX_OK
                                                            : NGX_DECLINED;
}


static u_char *
ngx_litellm_cache_value_put(u_char *p, uint64_t n, ngx_uint_t bytes)
{
    while (bytes--) {
        *p++ = (u_char) (n >> (8 * bytes));
    }

    return p;
}


static uint64_t
ngx_litellm_cache_value_get(const u_char *p, ngx_uint_t bytes)
{
    uint64_t  n;

    for (n = 0; bytes; bytes--) {
        n = n << 8 | *p++;
    }

    return n;
}
