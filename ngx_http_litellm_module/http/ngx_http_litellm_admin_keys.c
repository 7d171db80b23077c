
/*
 * /key/...: what takes a look at many keys.  Keys are found by token and by
 * alias; an owner's keys, and the number of all that fit a filter, by a walk.
 */

#include "ngx_http_litellm_admin.h"


#define NGX_HTTP_LITELLM_KEYS_TURN  50       /* keys of one turn, removed or
                                                shown */


/* a page of a list */
typedef struct {
    ngx_http_litellm_admin_page_t  page;
    ngx_uint_t                   objects;
    ngx_str_t                    token;      /* filters; empty: any */
    ngx_str_t                    user;
    ngx_str_t                    team;
    ngx_str_t                    alias;
    ngx_str_t                    search;
} ngx_http_litellm_keys_page_t;


typedef struct {
    ngx_array_t                  names;      /* ngx_str_t: as the client has
                                                them; aliases are behind */
    ngx_str_t                   *ids;        /* of these; empty: not found */
    ngx_uint_t                   aliases;    /* from here on */
    ngx_uint_t                   next;
    ngx_uint_t                   shown;
} ngx_http_litellm_keys_t;


typedef struct {
    const char                  *member;
    ngx_array_t                 *owners;
    ngx_http_litellm_admin_pt    done;
    void                        *data;       /* of the route, put back */
} ngx_http_litellm_keys_owners_t;


static ngx_int_t ngx_http_litellm_admin_key_aliased(
    ngx_http_litellm_admin_t *a, ngx_str_t *alias, ngx_str_t *id);
static ngx_int_t ngx_http_litellm_admin_key_owned(ngx_http_litellm_admin_t *a,
    ngx_str_t *id, ngx_str_t *json);
static ngx_int_t ngx_http_litellm_admin_keys_gone(ngx_http_litellm_admin_t *a);
static ngx_int_t ngx_http_litellm_admin_keys_named(
    ngx_http_litellm_admin_t *a, ngx_uint_t aliases);
static ngx_int_t ngx_http_litellm_admin_keys_check(
    ngx_http_litellm_admin_t *a);
static ngx_int_t ngx_http_litellm_admin_keys_remove(
    ngx_http_litellm_admin_t *a);
static ngx_int_t ngx_http_litellm_admin_keys_show(ngx_http_litellm_admin_t *a);
static ngx_int_t ngx_http_litellm_admin_key_page(ngx_http_litellm_admin_t *a,
    ngx_int_t size);
static ngx_int_t ngx_http_litellm_admin_key_listed(
    ngx_http_litellm_admin_t *a, ngx_str_t *id, ngx_str_t *json);
static ngx_int_t ngx_http_litellm_admin_key_alias(ngx_http_litellm_admin_t *a,
    ngx_str_t *id, ngx_str_t *json);
static ngx_int_t ngx_http_litellm_admin_key_count(ngx_http_litellm_admin_t *a);


ngx_int_t
ngx_http_litellm_admin_key_unique(ngx_http_litellm_admin_t *a, ngx_str_t *id)
{
    u_char                    buf[NGX_HTTP_LITELLM_STORE_ID];
    ngx_int_t                 rc;
    ngx_str_t                 alias, other;
    ngx_litellm_principal_t  *p;

    rc = ngx_http_litellm_admin_text(a, "key_alias", &alias);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : rc;
    }

    p = ngx_litellm_principals_alias(&a->config->principals[NGX_LITELLM_KEY],
                                     &alias);

    if (p != NULL
        && (p->id.len != id->len
            || ngx_memcmp(p->id.data, id->data, id->len) != 0))
    {
        return ngx_http_litellm_admin_key_taken(a, &alias);
    }

    ngx_str_null(&other);

    while (ngx_http_litellm_store_alias(a->zone, &alias, &other, buf)
           == NGX_OK)
    {
        if (other.len != id->len
            || ngx_memcmp(other.data, id->data, id->len) != 0)
        {
            return ngx_http_litellm_admin_key_taken(a, &alias);
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_admin_key_taken(ngx_http_litellm_admin_t *a, ngx_str_t *alias)
{
    return ngx_http_litellm_admin_fail(a, 400, "Key with alias '%V' already "
                                       "exists. Unique key aliases across all "
                                       "keys are required.", alias);
}


ngx_int_t
ngx_http_litellm_admin_keys_of(ngx_http_litellm_admin_t *a, const char *member,
    ngx_array_t *owners, ngx_http_litellm_admin_pt done)
{
    ngx_http_litellm_keys_owners_t  *o;

    o = ngx_palloc(a->pool, sizeof(ngx_http_litellm_keys_owners_t));
    if (o == NULL) {
        return NGX_ERROR;
    }

    o->member = member;
    o->owners = owners;
    o->done = done;
    o->data = a->data;

    a->data = o;

    return ngx_http_litellm_admin_walk(a, NGX_LITELLM_KEY,
                                       ngx_http_litellm_admin_key_owned,
                                       ngx_http_litellm_admin_keys_gone);
}


static ngx_int_t
ngx_http_litellm_admin_key_owned(ngx_http_litellm_admin_t *a, ngx_str_t *id,
    ngx_str_t *json)
{
    ngx_str_t                       *owner;
    ngx_pool_t                      *pool;
    ngx_int_t                        rc;
    ngx_uint_t                       i;
    ngx_litellm_json_t              *root;
    ngx_http_litellm_keys_owners_t  *o;

    o = a->data;

    if (!a->walk.stored) {
        return NGX_OK;
    }

    if (ngx_http_litellm_admin_root(a, json, &root) != NGX_OK) {
        return NGX_ERROR;
    }

    owner = o->owners->elts;

    for (i = 0; i < o->owners->nelts; i++) {

        if (owner[i].len == 0
            || !ngx_http_litellm_admin_has(root, o->member, &owner[i]))
        {
            continue;
        }

        if (ngx_http_litellm_store_delete(a->zone, NGX_LITELLM_KEY, id)
            != NGX_OK)
        {
            return NGX_OK;
        }

        /* thousands of them are not for the request's pool */

        pool = a->pool;
        a->pool = a->walk.pool;

        rc = ngx_http_litellm_admin_forget(a, NGX_LITELLM_KEY, id, json);

        a->pool = pool;

        return rc;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_admin_keys_gone(ngx_http_litellm_admin_t *a)
{
    ngx_http_litellm_keys_owners_t  *o;

    o = a->data;
    a->data = o->data;

    return o->done(a);
}


/* "keys" of the body, and "key_aliases" */

static ngx_int_t
ngx_http_litellm_admin_keys_named(ngx_http_litellm_admin_t *a,
    ngx_uint_t aliases)
{
    ngx_int_t                 rc;
    ngx_str_t                *name;
    ngx_uint_t                i;
    ngx_http_litellm_keys_t  *k;

    k = ngx_pcalloc(a->pool, sizeof(ngx_http_litellm_keys_t));
    if (k == NULL
        || ngx_array_init(&k->names, a->pool, 4, sizeof(ngx_str_t)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    a->data = k;

    rc = ngx_http_litellm_admin_texts(a, "keys", &k->names);

    k->aliases = k->names.nelts;

    if (rc == NGX_OK && aliases) {
        rc = ngx_http_litellm_admin_texts(a, "key_aliases", &k->names);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (k->names.nelts == 0) {
        return ngx_http_litellm_admin_fail(a, 400, "%s must name a key",
                                           aliases ? "\"keys\" or "
                                                     "\"key_aliases\""
                                                   : "\"keys\"");
    }

    k->ids = ngx_pcalloc(a->pool, k->names.nelts * sizeof(ngx_str_t));
    if (k->ids == NULL) {
        return NGX_ERROR;
    }

    name = k->names.elts;

    for (i = 0; i < k->aliases; i++) {
        if (ngx_http_litellm_admin_key_id(a, &name[i], &k->ids[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_admin_key_delete(ngx_http_litellm_admin_t *a)
{
    ngx_int_t                 rc;
    ngx_str_t                *name;
    ngx_uint_t                i;
    ngx_http_litellm_keys_t  *k;

    rc = ngx_http_litellm_admin_keys_named(a, 1);

    if (rc != NGX_OK) {
        return rc;
    }

    k = a->data;

    name = k->names.elts;

    for (i = k->aliases; i < k->names.nelts; i++) {

        rc = ngx_http_litellm_admin_key_aliased(a, &name[i], &k->ids[i]);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_http_litellm_admin_keys_check(a);
}


/* an empty id: no key has that alias */

static ngx_int_t
ngx_http_litellm_admin_key_aliased(ngx_http_litellm_admin_t *a,
    ngx_str_t *alias, ngx_str_t *id)
{
    u_char                    buf[NGX_HTTP_LITELLM_STORE_ID];
    ngx_str_t                 other;
    ngx_litellm_principal_t  *p;

    ngx_str_null(id);

    if (alias->len == 0) {
        return NGX_OK;
    }

    p = ngx_litellm_principals_alias(&a->config->principals[NGX_LITELLM_KEY],
                                     alias);

    if (p != NULL) {
        *id = p->id;
        return NGX_OK;
    }

    ngx_str_null(&other);

    if (ngx_http_litellm_store_alias(a->zone, alias, &other, buf) != NGX_OK) {
        return NGX_OK;
    }

    id->len = other.len;
    id->data = ngx_pstrdup(a->pool, &other);

    return id->data ? NGX_OK : NGX_ERROR;
}


/* all of them are there before one is removed */

static ngx_int_t
ngx_http_litellm_admin_keys_check(ngx_http_litellm_admin_t *a)
{
    ngx_int_t                 rc;
    ngx_uint_t                i, version;
    ngx_http_litellm_keys_t  *k;

    k = a->data;

    for (i = 0; i < k->names.nelts; i++) {

        rc = k->ids[i].len
             ? ngx_http_litellm_admin_changeable(a, NGX_LITELLM_KEY,
                                                 &k->ids[i])
             : NGX_OK;

        if (rc != NGX_OK) {
            return rc;
        }

        if (k->ids[i].len == 0
            || ngx_http_litellm_store_record(a->zone, NGX_LITELLM_KEY,
                                             &k->ids[i], &version)
               == 0)
        {
            return ngx_http_litellm_admin_fail(a, 404, "Key %ui of the list "
                                               "was not found; none was "
                                               "deleted", i + 1);
        }
    }

    ngx_litellm_out_lit(&a->out, "{\"deleted_keys\":[");

    return ngx_http_litellm_admin_steps(a, ngx_http_litellm_admin_keys_remove);
}


static ngx_int_t
ngx_http_litellm_admin_keys_remove(ngx_http_litellm_admin_t *a)
{
    ngx_str_t                *name;
    ngx_uint_t                n;
    ngx_http_litellm_keys_t  *k;

    k = a->data;
    name = k->names.elts;

    for (n = 0; n < NGX_HTTP_LITELLM_KEYS_TURN; n++) {

        if (k->next == k->names.nelts) {
            ngx_litellm_out_lit(&a->out, "]}");
            return NGX_DONE;
        }

        /* one that was named twice is gone by now */

        if (ngx_http_litellm_admin_remove(a, NGX_LITELLM_KEY, &k->ids[k->next])
            == NGX_ERROR)
        {
            return NGX_ERROR;
        }

        if (k->next) {
            ngx_litellm_out_lit(&a->out, ",");
        }

        ngx_litellm_out_json(&a->out, &name[k->next++]);
    }

    return NGX_OK;
}


/* POST /v2/key/info */

ngx_int_t
ngx_http_litellm_admin_key_infos(ngx_http_litellm_admin_t *a)
{
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_http_litellm_keys_t  *k;

    rc = ngx_http_litellm_admin_keys_named(a, 0);

    if (rc != NGX_OK) {
        return rc;
    }

    k = a->data;

    ngx_litellm_out_lit(&a->out, "{\"key\":[");

    for (i = 0; i < k->names.nelts; i++) {

        if (i) {
            ngx_litellm_out_lit(&a->out, ",");
        }

        ngx_litellm_out_json(&a->out, &k->ids[i]);
    }

    ngx_litellm_out_lit(&a->out, "],\"info\":[");

    return ngx_http_litellm_admin_steps(a, ngx_http_litellm_admin_keys_show);
}


/* those that are not there are left out, as in LiteLLM */

static ngx_int_t
ngx_http_litellm_admin_keys_show(ngx_http_litellm_admin_t *a)
{
    ngx_int_t                 rc;
    ngx_str_t                 json, none;
    ngx_uint_t                n;
    ngx_http_litellm_keys_t  *k;

    k = a->data;

    ngx_str_null(&none);

    for (n = 0; n < NGX_HTTP_LITELLM_KEYS_TURN; n++) {

        if (k->next == k->names.nelts) {
            ngx_litellm_out_lit(&a->out, "]}");
            return NGX_DONE;
        }

        rc = ngx_http_litellm_admin_find(a, NGX_LITELLM_KEY,
                                         &k->ids[k->next], &json);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_OK) {

            if (k->shown++) {
                ngx_litellm_out_lit(&a->out, ",");
            }

            if (ngx_http_litellm_admin_show(a, NGX_LITELLM_KEY,
                                            &k->ids[k->next], &json, &none)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }

        k->next++;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_admin_key_page(ngx_http_litellm_admin_t *a, ngx_int_t size)
{
    ngx_int_t                      rc;
    ngx_uint_t                     i;
    ngx_http_litellm_keys_page_t  *p;

    static const struct {
        const char  *name;
        size_t       offset;
    } filters[] = {
        { "key_hash", offsetof(ngx_http_litellm_keys_page_t, token) },
        { "user_id", offsetof(ngx_http_litellm_keys_page_t, user) },
        { "team_id", offsetof(ngx_http_litellm_keys_page_t, team) },
        { "key_alias", offsetof(ngx_http_litellm_keys_page_t, alias) },
        { "search", offsetof(ngx_http_litellm_keys_page_t, search) }
    };

    p = ngx_pcalloc(a->pool, sizeof(ngx_http_litellm_keys_page_t));
    if (p == NULL) {
        return NGX_ERROR;
    }

    a->data = p;

    rc = ngx_http_litellm_admin_number(a, "page", 1, 1000000, 1,
                                       &p->page.number);

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_admin_number(a, "size", 1, 100, size,
                                           &p->page.size);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {

        if (ngx_http_litellm_admin_text(a, filters[i].name,
                               (ngx_str_t *) ((u_char *) p
                                              + filters[i].offset))
            == NGX_ERROR)
        {
            return NGX_ERROR;
        }
    }

    ngx_strlow(p->search.data, p->search.data, p->search.len);

    p->objects = ngx_http_litellm_admin_flag(a, "return_full_object");

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_admin_key_list(ngx_http_litellm_admin_t *a)
{
    ngx_int_t  rc;

    rc = ngx_http_litellm_admin_key_page(a, 10);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_out_lit(&a->out, "{\"keys\":[");

    return ngx_http_litellm_admin_walk(a, NGX_LITELLM_KEY,
                                       ngx_http_litellm_admin_key_listed,
                                       ngx_http_litellm_admin_key_count);
}


static ngx_int_t
ngx_http_litellm_admin_key_listed(ngx_http_litellm_admin_t *a, ngx_str_t *id,
    ngx_str_t *json)
{
    ngx_str_t                      none;
    ngx_litellm_json_t            *root;
    ngx_http_litellm_keys_page_t  *p;

    p = a->data;

    if (p->token.len
        && (p->token.len != id->len
            || ngx_memcmp(p->token.data, id->data, id->len) != 0))
    {
        return NGX_OK;
    }

    if (p->user.len || p->team.len || p->alias.len) {

        if (ngx_http_litellm_admin_root(a, json, &root) != NGX_OK) {
            return NGX_ERROR;
        }

        if (!ngx_http_litellm_admin_has(root, "user_id", &p->user)
            || !ngx_http_litellm_admin_has(root, "team_id", &p->team)
            || !ngx_http_litellm_admin_has(root, "key_alias", &p->alias))
        {
            return NGX_OK;
        }
    }

    if (!ngx_http_litellm_admin_on_page(a, &p->page)) {
        return NGX_OK;
    }

    if (p->objects) {
        ngx_str_null(&none);

        return ngx_http_litellm_admin_show(a, NGX_LITELLM_KEY, id, json,
                                           &none);
    }

    ngx_litellm_out_json(&a->out, id);

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_admin_key_aliases(ngx_http_litellm_admin_t *a)
{
    ngx_int_t  rc;

    rc = ngx_http_litellm_admin_key_page(a, 50);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_out_lit(&a->out, "{\"aliases\":[");

    return ngx_http_litellm_admin_walk(a, NGX_LITELLM_KEY,
                                       ngx_http_litellm_admin_key_alias,
                                       ngx_http_litellm_admin_key_count);
}


static ngx_int_t
ngx_http_litellm_admin_key_alias(ngx_http_litellm_admin_t *a, ngx_str_t *id,
    ngx_str_t *json)
{
    ngx_str_t                      text, alias, lower;
    ngx_litellm_json_t            *root, *v;
    ngx_http_litellm_keys_page_t  *p;

    p = a->data;

    if (ngx_http_litellm_admin_root(a, json, &root) != NGX_OK) {
        return NGX_ERROR;
    }

    v = ngx_litellm_json_member(root, "key_alias");

    if (!ngx_litellm_json_is(v, STRING) || v->len == 2
        || !ngx_http_litellm_admin_has(root, "team_id", &p->team))
    {
        return NGX_OK;
    }

    text = ngx_litellm_json_text(v);

    if (ngx_litellm_json_unescape(a->walk.pool, &alias, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    if (p->search.len) {
        lower.len = alias.len;
        lower.data = ngx_pnalloc(a->walk.pool, ngx_max(alias.len, 1));
        if (lower.data == NULL) {
            return NGX_ERROR;
        }

        ngx_strlow(lower.data, alias.data, alias.len);

        if (ngx_litellm_find(lower.data, lower.data + lower.len,
                             (char *) p->search.data, p->search.len)
            == NULL)
        {
            return NGX_OK;
        }
    }

    if (!ngx_http_litellm_admin_on_page(a, &p->page)) {
        return NGX_OK;
    }

    ngx_litellm_out_json(&a->out, &alias);

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_admin_key_count(ngx_http_litellm_admin_t *a)
{
    ngx_http_litellm_keys_page_t  *p;

    p = a->data;

    ngx_litellm_out_lit(&a->out, "],\"total_count\":");
    ngx_litellm_out_int(&a->out, p->page.total);
    ngx_litellm_out_lit(&a->out, ",\"current_page\":");
    ngx_litellm_out_int(&a->out, p->page.number);
    ngx_litellm_out_lit(&a->out, ",\"total_pages\":");
    ngx_litellm_out_int(&a->out, (p->page.total + p->page.size - 1)
                                 / p->page.size);
    ngx_litellm_out_lit(&a->out, ",\"size\":");
    ngx_litellm_out_int(&a->out, p->page.size);
    ngx_litellm_out_lit(&a->out, "}");

    return NGX_OK;
}
