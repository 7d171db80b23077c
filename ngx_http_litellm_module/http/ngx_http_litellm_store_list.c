
/*
 * Records in order of id: ngx_http_litellm_store_list.h says how.  A search
 * takes about two comparisons for each level, whoever chose the ids.
 */

#include "ngx_http_litellm_store_node.h"


static void ngx_http_litellm_store_list_seek(
    ngx_http_litellm_store_list_t *list, u_char *id, size_t len,
    ngx_http_litellm_store_node_t ***links);


ngx_int_t
ngx_http_litellm_store_compare(const u_char *a, size_t alen, const u_char *b,
    size_t blen)
{
    ngx_int_t  rc;

    rc = ngx_memcmp(a, b, ngx_min(alen, blen));

    if (rc != 0) {
        return rc;
    }

    return (alen < blen) ? -1 : (alen > blen);
}


ngx_uint_t
ngx_http_litellm_store_list_height(uint64_t hash)
{
    ngx_uint_t  n;

    for (n = 1; n < NGX_HTTP_LITELLM_STORE_LEVELS && (hash & 3) == 0; n++) {
        hash >>= 2;
    }

    return n;
}


/* of each level what points to the first that is not less than id */

static void
ngx_http_litellm_store_list_seek(ngx_http_litellm_store_list_t *list,
    u_char *id, size_t len, ngx_http_litellm_store_node_t ***links)
{
    ngx_uint_t                       i;
    ngx_http_litellm_store_node_t   *n, **level;

    level = list->first;
    i = NGX_HTTP_LITELLM_STORE_LEVELS;

    while (i--) {

        for (n = level[i];
             n != NULL
             && ngx_http_litellm_store_compare(n->id, n->id_len, id, len) < 0;
             n = level[i])
        {
            level = n->links;
        }

        links[i] = &level[i];
    }
}


ngx_http_litellm_store_node_t *
ngx_http_litellm_store_list_find(ngx_http_litellm_store_list_t *list,
    ngx_str_t *id)
{
    ngx_http_litellm_store_node_t  *n;
    ngx_http_litellm_store_node_t **links[NGX_HTTP_LITELLM_STORE_LEVELS];

    ngx_http_litellm_store_list_seek(list, id->data, id->len, links);

    n = *links[0];

    return (n != NULL
            && ngx_http_litellm_store_compare(n->id, n->id_len, id->data,
                                              id->len)
               == 0)
           ? n : NULL;
}


ngx_http_litellm_store_node_t *
ngx_http_litellm_store_list_behind(ngx_http_litellm_store_list_t *list,
    ngx_str_t *id)
{
    ngx_http_litellm_store_node_t  *n;
    ngx_http_litellm_store_node_t **links[NGX_HTTP_LITELLM_STORE_LEVELS];

    ngx_http_litellm_store_list_seek(list, id->data, id->len, links);

    n = *links[0];

    return (n != NULL
            && ngx_http_litellm_store_compare(n->id, n->id_len, id->data,
                                              id->len)
               == 0)
           ? n->links[0] : n;
}


void
ngx_http_litellm_store_list_insert(ngx_http_litellm_store_list_t *list,
    ngx_http_litellm_store_node_t *n)
{
    ngx_uint_t                       i;
    ngx_http_litellm_store_node_t  **links[NGX_HTTP_LITELLM_STORE_LEVELS];

    ngx_http_litellm_store_list_seek(list, n->id, n->id_len, links);

    for (i = 0; i < n->height; i++) {

        if (*links[i] == n) {
            continue;
        }

        n->links[i] = *links[i];
        ngx_memory_barrier();
        *links[i] = n;
        ngx_memory_barrier();
    }
}


void
ngx_http_litellm_store_list_remove(ngx_http_litellm_store_list_t *list,
    ngx_http_litellm_store_node_t *n)
{
    ngx_uint_t                       i;
    ngx_http_litellm_store_node_t  **links[NGX_HTTP_LITELLM_STORE_LEVELS];

    ngx_http_litellm_store_list_seek(list, n->id, n->id_len, links);

    i = n->height;

    while (i--) {

        if (*links[i] == n) {
            *links[i] = n->links[i];
            ngx_memory_barrier();
        }
    }
}
