
/*
 * /team, /user and /customer (/end_user): those whom keys belong to and on
 * whose behalf requests are made are made, changed, blocked and deleted.  One
 * set of functions: a->kind says whom.
 *
 * A team or a user that is deleted takes its keys along, before it goes itself:
 * a key whose owner is unknown would be held to nothing but its own limits.
 */

#include "ngx_http_litellm_admin.h"


#define NGX_HTTP_LITELLM_OWNERS_TURN  50


typedef struct {
    ngx_str_t                    id;
    ngx_str_t                    json;
    ngx_array_t                  ids;        /* ngx_str_t */
    ngx_uint_t                   next;
    ngx_str_t                    blocked;    /* "true", "false" */
    ngx_uint_t                   with_key;
} ngx_http_litellm_owner_t;


static ngx_http_litellm_owner_t *ngx_http_litellm_admin_owner_data(
    ngx_http_litellm_admin_t *a);
static ngx_int_t ngx_http_litellm_admin_owner_random(
    ngx_http_litellm_admin_t *a, ngx_str_t *id);
static ngx_int_t ngx_http_litellm_admin_owner_save(
    ngx_http_litellm_admin_t *a, ngx_uint_t make);
static ngx_int_t ngx_http_litellm_admin_owner_make(
    ngx_http_litellm_admin_t *a);
static ngx_int_t ngx_http_litellm_admin_owner_key(ngx_http_litellm_admin_t *a,
    ngx_str_t *front);
static ngx_int_t ngx_http_litellm_admin_owner_ids(
    ngx_http_litellm_admin_t *a);
static ngx_int_t ngx_http_litellm_admin_owner_clear(
    ngx_http_litellm_admin_t *a);
static ngx_int_t ngx_http_litellm_admin_owner_remove(
    ngx_http_litellm_admin_t *a);
static void ngx_http_litellm_admin_owner_gone(ngx_http_litellm_admin_t *a);
static ngx_int_t ngx_http_litellm_admin_owner_set_blocked(
    ngx_http_litellm_admin_t *a, const char *blocked);
static ngx_int_t ngx_http_litellm_admin_owner_toggle(
    ngx_http_litellm_admin_t *a);


static ngx_http_litellm_owner_t *
ngx_http_litellm_admin_owner_data(ngx_http_litellm_admin_t *a)
{
    ngx_http_litellm_owner_t  *o;

    o = ngx_pcalloc(a->pool, sizeof(ngx_http_litellm_owner_t));

    a->data = o;

    return o;
}


ngx_int_t
ngx_http_litellm_admin_owner_named(ngx_http_litellm_admin_t *a, ngx_str_t *id)
{
    ngx_int_t  rc;

    rc = ngx_http_litellm_admin_text(a,
                              ngx_http_litellm_records_kinds[a->kind].id, id);

    if (rc == NGX_DECLINED && a->kind == NGX_LITELLM_END_USER) {
        rc = ngx_http_litellm_admin_text(a, "end_user_id", id);
    }

    return rc;
}


/* an UUID of the fourth kind */

static ngx_int_t
ngx_http_litellm_admin_owner_random(ngx_http_litellm_admin_t *a, ngx_str_t *id)
{
    u_char    *p, bytes[16], hex[32];
    uint64_t   n;

    n = ngx_http_litellm_random();
    ngx_memcpy(bytes, &n, 8);

    n = ngx_http_litellm_random();
    ngx_memcpy(bytes + 8, &n, 8);

    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;

    ngx_hex_dump(hex, bytes, sizeof(bytes));

    id->len = sizeof(hex) + 4;
    id->data = ngx_pnalloc(a->pool, id->len);
    if (id->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(id->data, hex, 8);
    *p++ = '-';
    p = ngx_cpymem(p, hex + 8, 4);
    *p++ = '-';
    p = ngx_cpymem(p, hex + 12, 4);
    *p++ = '-';
    p = ngx_cpymem(p, hex + 16, 4);
    *p++ = '-';
    ngx_memcpy(p, hex + 20, 12);

    return NGX_OK;
}


/* o->id with what the body says: o->json */

static ngx_int_t
ngx_http_litellm_admin_owner_save(ngx_http_litellm_admin_t *a, ngx_uint_t make)
{
    int64_t                                 spend;
    ngx_int_t                               rc;
    ngx_array_t                             own;
    ngx_http_litellm_owner_t               *o;
    const ngx_http_litellm_records_kind_t  *k;

    o = a->data;
    k = &ngx_http_litellm_records_kinds[a->kind];

    rc = ngx_http_litellm_admin_spend(a, "spend", &spend);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_array_init(&own, a->pool, 6, sizeof(ngx_http_litellm_member_t))
        != NGX_OK
        || ngx_http_litellm_admin_quote(a, &own, k->id, &o->id) != NGX_OK
        || ngx_http_litellm_admin_stamp(a, &own, make) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (o->blocked.len
        && ngx_http_litellm_admin_member(&own, "blocked", &o->blocked)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (make) {
        spend = ngx_max(spend, 0);
    }

    return ngx_http_litellm_admin_save(a, a->kind, &o->id, make, &own, spend,
                                       &o->json);
}


ngx_int_t
ngx_http_litellm_admin_owner_new(ngx_http_litellm_admin_t *a)
{
    ngx_int_t                  rc;
    ngx_str_t                  none;
    ngx_litellm_json_t        *v;
    ngx_http_litellm_owner_t  *o;

    o = ngx_http_litellm_admin_owner_data(a);
    if (o == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_litellm_admin_grant_owner(a) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_litellm_admin_owner_named(a, &o->id);

    if (rc == NGX_DECLINED) {

        if (a->kind == NGX_LITELLM_END_USER) {
            return ngx_http_litellm_admin_fail(a, 400, "\"user_id\" is "
                                               "missing");
        }

        rc = ngx_http_litellm_admin_owner_random(a, &o->id);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_litellm_json_member(a->body, "auto_create_key");

    if (a->kind != NGX_LITELLM_USER
        || ngx_litellm_json_is(v, FALSE))
    {
        return ngx_http_litellm_admin_owner_make(a);
    }

    /* a user comes with a key, whose alias may be taken */

    o->with_key = 1;

    ngx_str_null(&none);

    rc = ngx_http_litellm_admin_key_unique(a, &none);

    return (rc == NGX_OK) ? ngx_http_litellm_admin_owner_make(a) : rc;
}


static ngx_int_t
ngx_http_litellm_admin_owner_make(ngx_http_litellm_admin_t *a)
{
    ngx_int_t                  rc;
    ngx_str_t                  front;
    ngx_http_litellm_owner_t  *o;

    o = a->data;

    rc = ngx_http_litellm_admin_owner_save(a, 1);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_str_null(&front);

    if (o->with_key) {
        rc = ngx_http_litellm_admin_owner_key(a, &front);

        if (rc != NGX_OK) {

            /* both of them or none */

            if (ngx_http_litellm_store_delete(a->zone, a->kind, &o->id)
                == NGX_OK)
            {
                (void) ngx_http_litellm_admin_forget(a, a->kind, &o->id,
                                                     &o->json);
            }

            return rc;
        }

    } else if (a->kind == NGX_LITELLM_USER) {
        ngx_str_set(&front, "\"key\":\"\",");
    }

    return ngx_http_litellm_admin_show(a, a->kind, &o->id, &o->json, &front);
}


/* with the user's models and limits of requests; the budget is the user's */

static ngx_int_t
ngx_http_litellm_admin_owner_key(ngx_http_litellm_admin_t *a, ngx_str_t *front)
{
    ngx_int_t                  rc;
    ngx_str_t                  key, id, json;
    ngx_uint_t                 i;
    ngx_array_t                own;
    ngx_litellm_json_t        *body;
    ngx_http_litellm_owner_t  *o;

    static ngx_str_t    null = ngx_string("null");
    static const char  *never[] = { "max_budget", "budget_duration",
                                    "soft_budget", "budget_limits",
                                    "model_max_budget", "blocked" };

    o = a->data;

    if (ngx_array_init(&own, a->pool, 16, sizeof(ngx_http_litellm_member_t))
        != NGX_OK
        || ngx_http_litellm_admin_quote(a, &own, "user_id", &o->id) != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        if (ngx_http_litellm_admin_member(&own, never[i], &null) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    body = a->body;

    rc = ngx_http_litellm_admin_key_create(a, &own, &key, &id, &json);

    a->body = body;

    return (rc == NGX_OK)
           ? ngx_http_litellm_admin_key_front(a, &key, &id, front) : rc;
}


ngx_int_t
ngx_http_litellm_admin_owner_update(ngx_http_litellm_admin_t *a)
{
    ngx_int_t                               rc;
    ngx_str_t                               none;
    ngx_http_litellm_owner_t               *o;
    const ngx_http_litellm_records_kind_t  *k;

    k = &ngx_http_litellm_records_kinds[a->kind];

    o = ngx_http_litellm_admin_owner_data(a);
    if (o == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_litellm_admin_owner_named(a, &o->id);

    if (rc == NGX_DECLINED) {
        return ngx_http_litellm_admin_fail(a, 400, "\"%s\" is missing", k->id);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_admin_owner_save(a, 0);
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
    ngx_litellm_out_lit(&a->out, ",\"data\":");

    rc = ngx_http_litellm_admin_show(a, a->kind, &o->id, &o->json, &none);

    ngx_litellm_out_lit(&a->out, "}");

    return rc;
}


/* "team_ids" or "user_ids" of the body: o->ids */

static ngx_int_t
ngx_http_litellm_admin_owner_ids(ngx_http_litellm_admin_t *a)
{
    ngx_int_t                  rc;
    const char                *name;
    ngx_http_litellm_owner_t  *o;

    o = ngx_http_litellm_admin_owner_data(a);

    if (o == NULL
        || ngx_array_init(&o->ids, a->pool, 4, sizeof(ngx_str_t)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    name = (a->kind == NGX_LITELLM_TEAM) ? "team_ids" : "user_ids";

    rc = ngx_http_litellm_admin_texts(a, name, &o->ids);

    if (rc == NGX_OK && o->ids.nelts == 0) {
        return ngx_http_litellm_admin_fail(a, 400, "\"%s\" must name a %s",
                               name,
                               ngx_http_litellm_records_kinds[a->kind].word);
    }

    return rc;
}


ngx_int_t
ngx_http_litellm_admin_owner_delete(ngx_http_litellm_admin_t *a)
{
    ngx_int_t                               rc;
    ngx_str_t                              *id;
    ngx_uint_t                              i, version;
    ngx_http_litellm_owner_t               *o;
    const ngx_http_litellm_records_kind_t  *k;

    k = &ngx_http_litellm_records_kinds[a->kind];

    rc = ngx_http_litellm_admin_owner_ids(a);

    if (rc != NGX_OK) {
        return rc;
    }

    o = a->data;
    id = o->ids.elts;

    for (i = 0; i < o->ids.nelts; i++) {

        rc = ngx_http_litellm_admin_changeable(a, a->kind, &id[i]);

        if (rc != NGX_OK) {
            return rc;
        }

        if (ngx_http_litellm_store_record(a->zone, a->kind, &id[i], &version)
            == 0)
        {
            return ngx_http_litellm_admin_fail(a, 404, "%s %ui of the list was "
                                               "not found; none was deleted",
                                               k->word, i + 1);
        }
    }

    if (a->kind == NGX_LITELLM_END_USER) {
        return ngx_http_litellm_admin_owner_clear(a);
    }

    return ngx_http_litellm_admin_keys_of(a, k->id, &o->ids,
                                          ngx_http_litellm_admin_owner_clear);
}


static ngx_int_t
ngx_http_litellm_admin_owner_clear(ngx_http_litellm_admin_t *a)
{
    return ngx_http_litellm_admin_steps(a,
                                        ngx_http_litellm_admin_owner_remove);
}


static ngx_int_t
ngx_http_litellm_admin_owner_remove(ngx_http_litellm_admin_t *a)
{
    ngx_str_t                 *id;
    ngx_uint_t                 n;
    ngx_http_litellm_owner_t  *o;

    o = a->data;
    id = o->ids.elts;

    for (n = 0; n < NGX_HTTP_LITELLM_OWNERS_TURN; n++) {

        if (o->next == o->ids.nelts) {
            ngx_http_litellm_admin_owner_gone(a);
            return NGX_DONE;
        }

        /* one that was named twice is gone by now */

        if (ngx_http_litellm_admin_remove(a, a->kind, &id[o->next++])
            == NGX_ERROR)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* the answer: a list, a number, a sentence */

static void
ngx_http_litellm_admin_owner_gone(ngx_http_litellm_admin_t *a)
{
    ngx_str_t                 *id;
    ngx_uint_t                 i;
    ngx_http_litellm_owner_t  *o;

    o = a->data;
    id = o->ids.elts;

    switch (a->kind) {

    case NGX_LITELLM_TEAM:
        ngx_litellm_out_lit(&a->out, "{\"deleted_teams\":[");

        for (i = 0; i < o->ids.nelts; i++) {

            if (i) {
                ngx_litellm_out_lit(&a->out, ",");
            }

            ngx_litellm_out_json(&a->out, &id[i]);
        }

        ngx_litellm_out_lit(&a->out, "]}");
        break;

    case NGX_LITELLM_USER:
        ngx_litellm_out_int(&a->out, o->ids.nelts);
        break;

    default:
        ngx_litellm_out_lit(&a->out, "{\"deleted_customers\":");
        ngx_litellm_out_int(&a->out, o->ids.nelts);
        ngx_litellm_out_lit(&a->out, ",\"message\":\"Successfully deleted "
                            "customers\"}");
    }
}


ngx_int_t
ngx_http_litellm_admin_owner_block(ngx_http_litellm_admin_t *a)
{
    return ngx_http_litellm_admin_owner_set_blocked(a, "true");
}


ngx_int_t
ngx_http_litellm_admin_owner_unblock(ngx_http_litellm_admin_t *a)
{
    return ngx_http_litellm_admin_owner_set_blocked(a, "false");
}


/* one team, or a list of end users, whom nobody may have heard of yet */

static ngx_int_t
ngx_http_litellm_admin_owner_set_blocked(ngx_http_litellm_admin_t *a,
    const char *blocked)
{
    ngx_int_t                  rc;
    ngx_str_t                  none;
    ngx_http_litellm_owner_t  *o;

    if (a->kind == NGX_LITELLM_END_USER) {

        rc = ngx_http_litellm_admin_owner_ids(a);

        if (rc != NGX_OK) {
            return rc;
        }

        o = a->data;
        o->blocked.data = (u_char *) blocked;
        o->blocked.len = ngx_strlen(blocked);

        a->body = NULL;

        ngx_litellm_out_lit(&a->out, "{\"blocked_users\":[");

        return ngx_http_litellm_admin_steps(a,
                                         ngx_http_litellm_admin_owner_toggle);
    }

    o = ngx_http_litellm_admin_owner_data(a);
    if (o == NULL) {
        return NGX_ERROR;
    }

    o->blocked.data = (u_char *) blocked;
    o->blocked.len = ngx_strlen(blocked);

    rc = ngx_http_litellm_admin_owner_named(a, &o->id);

    if (rc == NGX_DECLINED) {
        return ngx_http_litellm_admin_fail(a, 400, "\"%s\" is missing",
                                 ngx_http_litellm_records_kinds[a->kind].id);
    }

    /* nothing else of the body counts */

    a->body = NULL;

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_admin_owner_save(a, 0);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_str_null(&none);

    return ngx_http_litellm_admin_show(a, a->kind, &o->id, &o->json, &none);
}


static ngx_int_t
ngx_http_litellm_admin_owner_toggle(ngx_http_litellm_admin_t *a)
{
    ngx_int_t                  rc;
    ngx_str_t                  none, *id;
    ngx_uint_t                 n, version;
    ngx_http_litellm_owner_t  *o;

    o = a->data;
    id = o->ids.elts;

    ngx_str_null(&none);

    for (n = 0; n < NGX_HTTP_LITELLM_OWNERS_TURN; n++) {

        if (o->next == o->ids.nelts) {
            ngx_litellm_out_lit(&a->out, "]}");
            return NGX_DONE;
        }

        o->id = id[o->next];

        rc = ngx_http_litellm_admin_owner_save(a,
                 o->id.len <= NGX_HTTP_LITELLM_STORE_ID
                 && ngx_http_litellm_store_record(a->zone, a->kind, &o->id,
                                                  &version)
                    == 0);

        if (rc != NGX_OK) {
            return rc;
        }

        if (o->next++) {
            ngx_litellm_out_lit(&a->out, ",");
        }

        rc = ngx_http_litellm_admin_show(a, a->kind, &o->id, &o->json, &none);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}
