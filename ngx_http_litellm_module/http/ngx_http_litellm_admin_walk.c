
/*
 * Walks of the management API over all records of a kind: those of the
 * configuration, then those of the zone, one at a time by id, so many in one
 * turn of the event loop and the next ones in another.  Nothing is held between
 * two turns but the last id: what is made or deleted meanwhile is seen or not.
 *
 * A client that leaves takes the walk with it: its event is the request's.
 */

#include "ngx_http_litellm_admin.h"
#include "ngx_http_litellm_turn.h"


#define NGX_HTTP_LITELLM_WALK_RECORDS  100          /* of one turn */
#define NGX_HTTP_LITELLM_WALK_BYTES    (128 * 1024) /* the same, about */


static ngx_int_t ngx_http_litellm_admin_walk_begin(
    ngx_http_litellm_admin_t *a);
static ngx_int_t ngx_http_litellm_admin_walk_turn(ngx_http_litellm_admin_t *a);
static ngx_int_t ngx_http_litellm_admin_walk_slice(
    ngx_http_litellm_admin_t *a);
static void ngx_http_litellm_admin_walk_handler(ngx_event_t *ev);
static void ngx_http_litellm_admin_walk_cleanup(void *data);


ngx_int_t
ngx_http_litellm_admin_walk(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_e kind, ngx_http_litellm_admin_each_pt each,
    ngx_http_litellm_admin_pt done)
{
    ngx_http_litellm_admin_walk_t  *w;

    w = &a->walk;

    w->kind = kind;
    w->each = each;
    w->done = done;
    w->index = 0;
    w->len = 0;

    return ngx_http_litellm_admin_walk_begin(a);
}


ngx_int_t
ngx_http_litellm_admin_steps(ngx_http_litellm_admin_t *a,
    ngx_http_litellm_admin_pt step)
{
    a->walk.each = NULL;
    a->walk.done = step;

    return ngx_http_litellm_admin_walk_begin(a);
}


static ngx_int_t
ngx_http_litellm_admin_walk_begin(ngx_http_litellm_admin_t *a)
{
    ngx_pool_cleanup_t             *cln;
    ngx_http_litellm_admin_walk_t  *w;

    w = &a->walk;

    if (!w->made) {
        cln = ngx_pool_cleanup_add(a->pool, 0);
        if (cln == NULL) {
            return NGX_ERROR;
        }

        cln->handler = ngx_http_litellm_admin_walk_cleanup;
        cln->data = w;

        w->event.handler = ngx_http_litellm_admin_walk_handler;
        w->event.data = a;
        w->event.log = a->log;
        w->made = 1;
    }

    ngx_http_litellm_turn_begin(&w->event);

    return NGX_AGAIN;
}


static void
ngx_http_litellm_admin_walk_handler(ngx_event_t *ev)
{
    ngx_http_litellm_admin_t *a = ev->data;

    ngx_connection_t  *c;

    c = a->request->connection;

    ngx_http_litellm_turn_end(ev);

    ngx_http_litellm_admin_end(a, ngx_http_litellm_admin_walk_turn(a));

    ngx_http_run_posted_requests(c);
}


/* as a route's function */

static ngx_int_t
ngx_http_litellm_admin_walk_turn(ngx_http_litellm_admin_t *a)
{
    ngx_int_t                       rc;
    ngx_http_litellm_admin_walk_t  *w;

    w = &a->walk;

    if (w->each == NULL) {
        rc = w->done(a);

        if (rc == NGX_OK) {
            ngx_http_litellm_turn_begin(&w->event);
            return NGX_AGAIN;
        }

        return (rc == NGX_DONE) ? NGX_OK : rc;
    }

    w->pool = ngx_create_pool(16384, a->log);
    if (w->pool == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&w->doc, sizeof(ngx_litellm_json_doc_t));
    w->doc.pool = w->pool;
    w->doc.keep = 2;

    rc = ngx_http_litellm_admin_walk_slice(a);

    ngx_destroy_pool(w->pool);

    if (rc == NGX_OK) {
        ngx_http_litellm_turn_begin(&w->event);
        return NGX_AGAIN;
    }

    return (rc == NGX_DONE) ? w->done(a) : rc;
}


static ngx_int_t
ngx_http_litellm_admin_walk_slice(ngx_http_litellm_admin_t *a)
{
    size_t                           bytes;
    ngx_int_t                        rc;
    ngx_str_t                        id, json;
    ngx_uint_t                       n;
    ngx_array_t                     *list;
    ngx_litellm_principal_t         *p;
    ngx_http_litellm_admin_walk_t   *w;

    w = &a->walk;
    list = &a->config->principals[w->kind].list;
    bytes = 0;

    for (n = 0;
         n < NGX_HTTP_LITELLM_WALK_RECORDS
         && bytes < NGX_HTTP_LITELLM_WALK_BYTES;
         n++)
    {
        if (w->index < list->nelts) {
            p = ((ngx_litellm_principal_t **) list->elts)[w->index++];
            id = p->id;
            json = p->json;
            w->stored = 0;

        } else {
            id.data = w->last;
            id.len = w->len;

            rc = ngx_http_litellm_store_next(a->zone, w->pool, w->kind, &id,
                                             &json);
            if (rc != NGX_OK) {
                return rc;
            }

            w->len = ngx_min(id.len, NGX_HTTP_LITELLM_STORE_ID);
            ngx_memcpy(w->last, id.data, w->len);

            if (ngx_litellm_principals_find(&a->config->principals[w->kind],
                                            &id)
                != NULL)
            {
                /* that of the configuration counts */

                continue;
            }

            w->stored = 1;
        }

        bytes += json.len;

        rc = w->each(a, &id, &json);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static void
ngx_http_litellm_admin_walk_cleanup(void *data)
{
    ngx_http_litellm_admin_walk_t *w = data;

    ngx_http_litellm_turn_end(&w->event);
}


ngx_int_t
ngx_http_litellm_admin_root(ngx_http_litellm_admin_t *a, ngx_str_t *json,
    ngx_litellm_json_t **root)
{
    ngx_int_t  rc;

    rc = ngx_litellm_json_parse(&a->walk.doc, json->data, json->len);

    *root = (rc == NGX_OK) ? a->walk.doc.root : NULL;

    return (rc == NGX_ERROR) ? NGX_ERROR : NGX_OK;
}


ngx_uint_t
ngx_http_litellm_admin_has(ngx_litellm_json_t *root, const char *name,
    ngx_str_t *text)
{
    ngx_litellm_json_t  *v;

    if (text->len == 0) {
        return 1;
    }

    v = ngx_litellm_json_get(root, name, ngx_strlen(name));

    if (ngx_litellm_json_is(v, NUMBER)) {
        return v->len == text->len
               && ngx_memcmp(v->start, text->data, text->len) == 0;
    }

    return ngx_litellm_json_is(v, STRING)
           && ngx_litellm_json_equal(v, (char *) text->data, text->len);
}


ngx_uint_t
ngx_http_litellm_admin_on_page(ngx_http_litellm_admin_t *a,
    ngx_http_litellm_admin_page_t *page)
{
    page->total++;

    if (page->total <= (ngx_uint_t) ((page->number - 1) * page->size)
        || page->shown == (ngx_uint_t) page->size)
    {
        return 0;
    }

    if (page->shown++) {
        ngx_litellm_out_lit(&a->out, ",");
    }

    return 1;
}
