
/* See store_zone.h. */

#include "store_zone.h"
#include "ngx_http_litellm_zone.h"

#include <stdlib.h>


#define MANY  100000


static const char *store_wrong_list(ngx_http_litellm_store_t *store,
    ngx_uint_t kind, ngx_uint_t where);
static const char *store_wrong_node(ngx_http_litellm_store_t *store,
    ngx_http_litellm_store_node_t *n);
static const char *store_wrong_chain(ngx_http_litellm_store_t *store);


ngx_shm_zone_t *
store_zone(size_t size)
{
    ngx_shm_zone_t  *zone;

    zone = shm_pool(size);
    zone->data = ngx_http_litellm_store_create(
                     (ngx_slab_pool_t *) zone->shm.addr);

    if (zone->data == NULL) {
        abort();
    }

    return zone;
}


void
store_zone_free(ngx_shm_zone_t *zone)
{
    shm_pool_free(zone);
}


ngx_http_litellm_store_t *
ngx_http_litellm_zone_store(ngx_shm_zone_t *zone)
{
    return zone->data;
}


ngx_slab_pool_t *
ngx_http_litellm_zone_pool(ngx_shm_zone_t *zone)
{
    return (ngx_slab_pool_t *) zone->shm.addr;
}


ngx_str_t
store_json(u_char *buf, const char *alias, ngx_uint_t n)
{
    ngx_str_t  json;

    json.data = buf;
    json.len = (alias ? ngx_sprintf(buf, "{\"key_alias\":\"%s\",\"n\":%ui}",
                                    alias, n)
                      : ngx_sprintf(buf, "{\"n\":%ui}", n))
               - buf;

    return json;
}


ngx_int_t
store_put(ngx_shm_zone_t *zone, const char *id, const char *alias,
    ngx_uint_t n, ngx_uint_t version)
{
    u_char     buf[256];
    ngx_str_t  text, json;

    text.data = (u_char *) id;
    text.len = ngx_strlen(id);
    json = store_json(buf, alias, n);

    return ngx_http_litellm_store_put_unique(zone, NGX_LITELLM_KEY, &text,
                                             &json, version, NULL);
}


ngx_int_t
store_delete(ngx_shm_zone_t *zone, const char *id)
{
    ngx_str_t  text;

    text.data = (u_char *) id;
    text.len = ngx_strlen(id);

    return ngx_http_litellm_store_delete(zone, NGX_LITELLM_KEY, &text);
}


/* the number is the last of the text */

ngx_uint_t
store_get(ngx_shm_zone_t *zone, const char *id)
{
    u_char      *p;
    ngx_int_t    n;
    ngx_str_t    text, json;
    ngx_uint_t   version;
    ngx_pool_t  *pool;

    text.data = (u_char *) id;
    text.len = ngx_strlen(id);

    pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == NULL) {
        abort();
    }

    n = 0;

    if (ngx_http_litellm_store_get(zone, pool, NGX_LITELLM_KEY, &text, &json,
                                   &version)
        == NGX_OK)
    {
        for (p = json.data + json.len; p[-1] != ':'; p--) { /* void */ }

        n = ngx_atoi(p, json.data + json.len - 1 - p);
    }

    ngx_destroy_pool(pool);

    return n;
}


const char *
store_alias(ngx_shm_zone_t *zone, const char *alias, char *buf)
{
    u_char     id_buf[NGX_HTTP_LITELLM_STORE_ID];
    ngx_str_t  text, id;

    text.data = (u_char *) alias;
    text.len = ngx_strlen(alias);
    ngx_str_null(&id);

    if (ngx_http_litellm_store_alias(zone, &text, &id, id_buf) != NGX_OK) {
        return "";
    }

    ngx_memcpy(buf, id.data, id.len);
    buf[id.len] = '\0';

    return buf;
}


const char *
store_wrong(ngx_shm_zone_t *zone)
{
    const char                *wrong;
    ngx_uint_t                 kind;
    ngx_http_litellm_store_t  *store;

    store = ngx_http_litellm_store_lock(zone);

    wrong = store_wrong_chain(store);

    for (kind = 0; wrong == NULL && kind < NGX_LITELLM_PRINCIPALS; kind++) {
        wrong = store_wrong_list(store, kind, NGX_HTTP_LITELLM_STORE_THERE);

        if (wrong == NULL) {
            wrong = store_wrong_list(store, kind, NGX_HTTP_LITELLM_STORE_GONE);
        }
    }

    if (wrong == NULL
        && (store->journal.node != NULL || store->journal.out != NULL
            || store->journal.loose[0] != NULL
            || store->journal.loose[1] != NULL))
    {
        wrong = "something is left in the journal";
    }

    ngx_http_litellm_store_unlock(zone);

    return wrong;
}


static const char *
store_wrong_list(ngx_http_litellm_store_t *store, ngx_uint_t kind,
    ngx_uint_t where)
{
    const char                      *wrong;
    ngx_uint_t                       i, k, n, gone;
    ngx_http_litellm_store_list_t   *list;
    ngx_http_litellm_store_node_t   *node, *all;

    list = (where == NGX_HTTP_LITELLM_STORE_THERE) ? &store->there[kind]
                                                   : &store->gone[kind];
    n = 0;

    for (i = 0; i < NGX_HTTP_LITELLM_STORE_LEVELS; i++) {

        all = list->first[0];

        for (node = list->first[i]; node != NULL; node = node->links[i]) {

            if (i == 0 && ++n > MANY) {
                return "a list that has no end";
            }

            if (node->kind != kind || node->where != where
                || node->height <= i)
            {
                return "a node that is elsewhere, too";
            }

            if (node->links[i] != NULL
                && ngx_http_litellm_store_compare(node->id, node->id_len,
                                                  node->links[i]->id,
                                                  node->links[i]->id_len)
                   >= 0)
            {
                return "a list out of order";
            }

            if (i == 0) {
                wrong = store_wrong_node(store, node);

                if (wrong != NULL) {
                    return wrong;
                }
            }

            /* each one that is high enough is in each level */

            while (all != NULL && all != node) {
                if (all->height > i) {
                    return "a level misses a node";
                }

                all = all->links[0];
            }

            if (all == NULL) {
                return "a level has a node that the list has not";
            }

            all = all->links[0];
        }
    }

    if (where == NGX_HTTP_LITELLM_STORE_THERE) {
        return (n == store->n[kind]) ? NULL : "a count of records";
    }

    /* deletions are counted as one */

    for (k = 0, gone = 0; k < NGX_LITELLM_PRINCIPALS; k++) {
        for (node = store->gone[k].first[0]; node; node = node->links[0]) {
            gone++;
        }
    }

    return (gone == store->ngone) ? NULL : "the count of deletions";
}


static const char *
store_wrong_node(ngx_http_litellm_store_t *store,
    ngx_http_litellm_store_node_t *n)
{
    uint64_t                        hash;
    ngx_str_t                       json;
    ngx_uint_t                      seen;
    ngx_http_litellm_store_name_t  *name;

    if ((n->where == NGX_HTTP_LITELLM_STORE_THERE) != (n->json != NULL)) {
        return "a record without a text, or a deletion with one";
    }

    if (n->changed && !n->chained) {
        return "a change that nobody will be told of";
    }

    hash = 0;

    if (n->json != NULL) {
        json.data = n->json;
        json.len = n->len;

        if (json.data[0] != '{' || json.data[json.len - 1] != '}'
            || ngx_http_litellm_store_name_of(&store->names, &json, &hash)
               != NGX_OK)
        {
            return "a text that was cut";
        }
    }

    if (n->name.hash != hash) {
        return "an alias that is not that of the record";
    }

    seen = 0;
    name = NULL;

    while (hash != 0) {
        name = ngx_http_litellm_store_name_next(&store->names, name, hash);

        if (name == NULL) {
            break;
        }

        seen += (name == &n->name);
    }

    return (seen == (hash != 0)) ? NULL : "an alias that is not found";
}


/* those in it know it, and those that think that they are in it are */

static const char *
store_wrong_chain(ngx_http_litellm_store_t *store)
{
    ngx_uint_t                      k, w, n, chained;
    ngx_http_litellm_store_node_t  *node;

    n = 0;

    for (node = store->changed; node != NULL; node = node->next) {

        if (++n > MANY) {
            return "a chain that has no end";
        }

        if (!node->chained) {
            return "one in the chain that does not know it";
        }
    }

    chained = 0;

    for (k = 0; k < NGX_LITELLM_PRINCIPALS; k++) {
        for (w = 0; w < 2; w++) {
            node = w ? store->gone[k].first[0] : store->there[k].first[0];

            for ( /* void */ ; node != NULL; node = node->links[0]) {
                chained += node->chained;

                if (chained > MANY) {
                    return "a list that has no end";
                }
            }
        }
    }

    return (n == chained) ? NULL : "one thinks that it is in the chain";
}


ngx_uint_t
store_pieces(ngx_shm_zone_t *zone)
{
    ngx_uint_t                 k, n;
    ngx_http_litellm_store_t  *store;

    store = zone->data;
    n = store->ngone;

    for (k = 0; k < NGX_LITELLM_PRINCIPALS; k++) {
        n += 2 * store->n[k];
    }

    return n;
}
