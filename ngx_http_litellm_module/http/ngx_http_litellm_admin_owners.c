
/*
 * /team, /user and /customer (/end_user): one of them with its keys, and lists.
 * a->kind says whom.
 */

#include "ngx_http_litellm_admin.h"


#define NGX_HTTP_LITELLM_OWNERS_TEAMS  50    /* of a user, shown at most */


typedef struct {
    ngx_str_t                    id;
    ngx_str_t                    json;
    ngx_http_litellm_admin_page_t  page;
    ngx_str_t                    user;       /* filters; empty: any */
    ngx_str_t                    email;
    ngx_str_t                    role;
} ngx_http_litellm_owners_t;


static ngx_int_t ngx_http_litellm_admin_owner_its(ngx_http_litellm_admin_t *a,
    ngx_str_t *id, ngx_str_t *json);
static ngx_int_t ngx_http_litellm_admin_owner_end(
    ngx_http_litellm_admin_t *a);
static ngx_int_t ngx_http_litellm_admin_owner_teams(
    ngx_http_litellm_admin_t *a);
static ngx_int_t ngx_http_litellm_admin_owner_listed(
    ngx_http_litellm_admin_t *a, ngx_str_t *id, ngx_str_t *json);
static ngx_uint_t ngx_http_litellm_admin_owner_member(
    ngx_litellm_json_t *root, ngx_str_t *user);
static ngx_int_t ngx_http_litellm_admin_owner_count(
    ngx_http_litellm_admin_t *a);


ngx_int_t
ngx_http_litellm_admin_owner_info(ngx_http_litellm_admin_t *a)
{
    ngx_int_t                               rc;
    ngx_str_t                               none;
    ngx_http_litellm_owners_t               *o;
    const ngx_http_litellm_records_kind_t  *k;

    k = &ngx_http_litellm_records_kinds[a->kind];

    o = ngx_pcalloc(a->pool, sizeof(ngx_http_litellm_owners_t));
    if (o == NULL) {
        return NGX_ERROR;
    }

    a->data = o;

    rc = ngx_http_litellm_admin_owner_named(a, &o->id);

    if (rc == NGX_DECLINED) {
        return ngx_http_litellm_admin_fail(a, 400, "\"%s\" is missing",
                                           a->kind == NGX_LITELLM_END_USER
                                           ? "end_user_id" : k->id);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_admin_find(a, a->kind, &o->id, &o->json);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_str_null(&none);

    if (a->kind == NGX_LITELLM_END_USER) {
        return ngx_http_litellm_admin_show(a, a->kind, &o->id, &o->json,
                                           &none);
    }

    ngx_litellm_out_lit(&a->out, "{\"");
    ngx_litellm_out_copy(&a->out, k->id, ngx_strlen(k->id));
    ngx_litellm_out_lit(&a->out, "\":");
    ngx_litellm_out_json(&a->out, &o->id);
    ngx_litellm_out_lit(&a->out, ",\"");
    ngx_litellm_out_copy(&a->out, k->word, ngx_strlen(k->word));
    ngx_litellm_out_lit(&a->out, "_info\":");

    if (ngx_http_litellm_admin_show(a, a->kind, &o->id, &o->json, &none)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_litellm_out_lit(&a->out, ",\"keys\":[");

    return ngx_http_litellm_admin_walk(a, NGX_LITELLM_KEY,
                                       ngx_http_litellm_admin_owner_its,
                                       ngx_http_litellm_admin_owner_end);
}


/* its keys */

static ngx_int_t
ngx_http_litellm_admin_owner_its(ngx_http_litellm_admin_t *a, ngx_str_t *id,
    ngx_str_t *json)
{
    ngx_str_t                  none;
    ngx_litellm_json_t        *root;
    ngx_http_litellm_owners_t  *o;

    o = a->data;

    if (ngx_http_litellm_admin_root(a, json, &root) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!ngx_http_litellm_admin_has(root,
                                    ngx_http_litellm_records_kinds[a->kind].id,
                                    &o->id))
    {
        return NGX_OK;
    }

    if (o->page.shown == NGX_HTTP_LITELLM_ADMIN_LIST) {
        return NGX_DONE;
    }

    if (o->page.shown++) {
        ngx_litellm_out_lit(&a->out, ",");
    }

    ngx_str_null(&none);

    return ngx_http_litellm_admin_show(a, NGX_LITELLM_KEY, id, json, &none);
}


static ngx_int_t
ngx_http_litellm_admin_owner_end(ngx_http_litellm_admin_t *a)
{
    if (a->kind == NGX_LITELLM_USER) {
        return ngx_http_litellm_admin_owner_teams(a);
    }

    ngx_litellm_out_lit(&a->out, "],\"team_memberships\":[]}");

    return NGX_OK;
}


/* the teams that the user's record names */

static ngx_int_t
ngx_http_litellm_admin_owner_teams(ngx_http_litellm_admin_t *a)
{
    ngx_int_t                  rc;
    ngx_str_t                  none, id, text, json;
    ngx_uint_t                 i, n;
    ngx_litellm_json_t        *v;
    ngx_litellm_json_doc_t     doc;
    ngx_http_litellm_owners_t  *o;

    o = a->data;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = a->pool;

    if (ngx_litellm_json_parse(&doc, o->json.data, o->json.len) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_str_null(&none);
    ngx_litellm_out_lit(&a->out, "],\"teams\":[");

    v = ngx_litellm_json_member(doc.root, "teams");
    n = ngx_litellm_json_is(v, ARRAY)
        ? ngx_min(v->count, NGX_HTTP_LITELLM_OWNERS_TEAMS) : 0;

    v = n ? v + 1 : NULL;
    o->page.shown = 0;

    for (i = 0; i < n; i++, v = ngx_litellm_json_next(v)) {

        if (v->type != NGX_LITELLM_JSON_STRING) {
            continue;
        }

        text = ngx_litellm_json_text(v);

        if (ngx_litellm_json_unescape(a->pool, &id, &text) != NGX_OK) {
            return NGX_ERROR;
        }

        rc = ngx_http_litellm_admin_find(a, NGX_LITELLM_TEAM, &id, &json);

        if (rc == NGX_DECLINED) {
            continue;
        }

        if (rc != NGX_OK) {
            return rc;
        }

        if (o->page.shown++) {
            ngx_litellm_out_lit(&a->out, ",");
        }

        if (ngx_http_litellm_admin_show(a, NGX_LITELLM_TEAM, &id, &json, &none)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ngx_litellm_out_lit(&a->out, "]}");

    return NGX_OK;
}


/* of users a page; of the others all, up to a number */

ngx_int_t
ngx_http_litellm_admin_owner_list(ngx_http_litellm_admin_t *a)
{
    ngx_int_t                  rc;
    ngx_http_litellm_owners_t  *o;

    o = ngx_pcalloc(a->pool, sizeof(ngx_http_litellm_owners_t));
    if (o == NULL) {
        return NGX_ERROR;
    }

    a->data = o;

    o->page.number = 1;
    o->page.size = NGX_HTTP_LITELLM_ADMIN_LIST;
    rc = NGX_OK;

    if (a->kind == NGX_LITELLM_USER) {
        rc = ngx_http_litellm_admin_number(a, "page", 1, 1000000, 1,
                                           &o->page.number);

        if (rc == NGX_OK) {
            rc = ngx_http_litellm_admin_number(a, "page_size", 1, 100, 25,
                                               &o->page.size);
        }

        if (rc == NGX_OK
            && (ngx_http_litellm_admin_text(a, "user_email", &o->email)
                == NGX_ERROR
                || ngx_http_litellm_admin_text(a, "role", &o->role)
                   == NGX_ERROR))
        {
            return NGX_ERROR;
        }

        ngx_litellm_out_lit(&a->out, "{\"users\":");
    }

    if (a->kind == NGX_LITELLM_TEAM
        && ngx_http_litellm_admin_text(a, "user_id", &o->user) == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_out_lit(&a->out, "[");

    return ngx_http_litellm_admin_walk(a, a->kind,
                                       ngx_http_litellm_admin_owner_listed,
                                       ngx_http_litellm_admin_owner_count);
}


static ngx_int_t
ngx_http_litellm_admin_owner_listed(ngx_http_litellm_admin_t *a, ngx_str_t *id,
    ngx_str_t *json)
{
    ngx_str_t                  none;
    ngx_litellm_json_t        *root;
    ngx_http_litellm_owners_t  *o;

    o = a->data;

    if (o->user.len || o->email.len || o->role.len) {

        ngx_str_set(&a->walk.doc.whole, "members_with_roles");

        if (ngx_http_litellm_admin_root(a, json, &root) != NGX_OK) {
            return NGX_ERROR;
        }

        if (!ngx_http_litellm_admin_has(root, "user_email", &o->email)
            || !ngx_http_litellm_admin_has(root, "user_role", &o->role)
            || !ngx_http_litellm_admin_owner_member(root, &o->user))
        {
            return NGX_OK;
        }
    }

    if (!ngx_http_litellm_admin_on_page(a, &o->page)) {
        return NGX_OK;
    }

    ngx_str_null(&none);

    return ngx_http_litellm_admin_show(a, a->kind, id, json, &none);
}


static ngx_uint_t
ngx_http_litellm_admin_owner_member(ngx_litellm_json_t *root, ngx_str_t *user)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *list, *v;

    if (user->len == 0) {
        return 1;
    }

    list = ngx_litellm_json_member(root, "members_with_roles");

    if (!ngx_litellm_json_is(list, ARRAY)
        || (list->flags & NGX_LITELLM_JSON_SKIPPED))
    {
        return 0;
    }

    v = list + 1;

    for (i = 0; i < list->count; i++, v = ngx_litellm_json_next(v)) {
        if (ngx_http_litellm_admin_has(v, "user_id", user)) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_litellm_admin_owner_count(ngx_http_litellm_admin_t *a)
{
    ngx_http_litellm_owners_t  *o;

    o = a->data;

    ngx_litellm_out_lit(&a->out, "]");

    if (a->kind == NGX_LITELLM_USER) {
        ngx_litellm_out_lit(&a->out, ",\"total\":");
        ngx_litellm_out_int(&a->out, o->page.total);
        ngx_litellm_out_lit(&a->out, ",\"page\":");
        ngx_litellm_out_int(&a->out, o->page.number);
        ngx_litellm_out_lit(&a->out, ",\"page_size\":");
        ngx_litellm_out_int(&a->out, o->page.size);
        ngx_litellm_out_lit(&a->out, ",\"total_pages\":");
        ngx_litellm_out_int(&a->out, (o->page.total + o->page.size - 1)
                                     / o->page.size);
        ngx_litellm_out_lit(&a->out, "}");
    }

    return NGX_OK;
}
