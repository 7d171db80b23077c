
/*
 * The index of aliases: ngx_http_litellm_store_name.h says what it is.  Of an
 * alias there is its keyed hash of 64 bits only.  Several keys may have one
 * alias (those of a file, or of another gateway); of very many a few are found,
 * which is enough to know that it is taken.
 */

#include "ngx_http_litellm_store_name.h"
#include "ngx_litellm_json.h"
#include "ngx_litellm_siphash.h"
#include <openssl/rand.h>


/* bytes of the zone for one chain: about those of a key with its account */
#define NGX_HTTP_LITELLM_STORE_NAME_SHARE  1024

/* keys of one alias that are found */
#define NGX_HTTP_LITELLM_STORE_NAME_SAME   16


#define ngx_http_litellm_store_name_chain(names, hash)                        \
    &(names)->chains[(ngx_uint_t) (hash) & (names)->mask]


ngx_int_t
ngx_http_litellm_store_names_init(ngx_http_litellm_store_names_t *names,
    ngx_slab_pool_t *shpool)
{
    ngx_uint_t  n;

    if (RAND_bytes((u_char *) names->key, sizeof(names->key)) != 1) {
        return NGX_ERROR;
    }

    n = 16;

    while (n < (size_t) (shpool->end - shpool->start)
               / NGX_HTTP_LITELLM_STORE_NAME_SHARE / 2)
    {
        n *= 2;
    }

    names->chains = ngx_slab_calloc(shpool, n * sizeof(void *));
    if (names->chains == NULL) {
        return NGX_ERROR;
    }

    names->mask = n - 1;

    return NGX_OK;
}


uint64_t
ngx_http_litellm_store_name_hash(ngx_http_litellm_store_names_t *names,
    ngx_str_t *alias)
{
    uint64_t  hash;

    hash = ngx_litellm_siphash(names->key, 0, alias->data, alias->len);

    return hash ? hash : 1;
}


/* a number is taken for a text, as the reader of records does */

ngx_int_t
ngx_http_litellm_store_name_of(ngx_http_litellm_store_names_t *names,
    ngx_str_t *json, uint64_t *hash)
{
    ngx_int_t                rc;
    ngx_str_t                text, alias;
    ngx_pool_t              *pool;
    ngx_litellm_json_t      *v;
    ngx_litellm_json_doc_t   doc;

    *hash = 0;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = pool;
    doc.keep = 2;

    rc = ngx_litellm_json_parse(&doc, json->data, json->len);

    v = (rc == NGX_OK) ? ngx_litellm_json_member(doc.root, "key_alias") : NULL;

    ngx_str_null(&alias);

    if (ngx_litellm_json_is(v, NUMBER)) {
        alias.data = v->start;
        alias.len = v->len;

    } else if (ngx_litellm_json_is(v, STRING)) {
        text = ngx_litellm_json_text(v);
        rc = ngx_litellm_json_unescape(pool, &alias, &text);
    }

    if (rc == NGX_OK && alias.len) {
        *hash = ngx_http_litellm_store_name_hash(names, &alias);
    }

    ngx_destroy_pool(pool);

    return (rc == NGX_ERROR) ? NGX_ERROR : NGX_OK;
}


void
ngx_http_litellm_store_name_link(ngx_http_litellm_store_names_t *names,
    ngx_http_litellm_store_name_t *name, uint64_t hash)
{
    ngx_uint_t                       n;
    ngx_http_litellm_store_name_t   *other, **chain;

    other = NULL;

    for (n = 0; n < NGX_HTTP_LITELLM_STORE_NAME_SAME; n++) {
        other = ngx_http_litellm_store_name_next(names, other, hash);

        if (other == NULL) {
            break;
        }
    }

    if (other != NULL) {
        name->hash = 0;
        return;
    }

    chain = ngx_http_litellm_store_name_chain(names, hash);

    name->hash = hash;
    name->next = *chain;
    ngx_memory_barrier();
    *chain = name;
}


void
ngx_http_litellm_store_name_unlink(ngx_http_litellm_store_names_t *names,
    ngx_http_litellm_store_name_t *name)
{
    ngx_http_litellm_store_name_t  **link;

    if (name->hash == 0) {
        return;
    }

    for (link = ngx_http_litellm_store_name_chain(names, name->hash);
         *link != NULL;
         link = &(*link)->next)
    {
        if (*link == name) {
            *link = name->next;
            break;
        }
    }

    ngx_memory_barrier();
    name->hash = 0;
}


ngx_http_litellm_store_name_t *
ngx_http_litellm_store_name_next(ngx_http_litellm_store_names_t *names,
    ngx_http_litellm_store_name_t *name, uint64_t hash)
{
    name = (name == NULL) ? *ngx_http_litellm_store_name_chain(names, hash)
                          : name->next;

    while (name != NULL && name->hash != hash) {
        name = name->next;
    }

    return name;
}
