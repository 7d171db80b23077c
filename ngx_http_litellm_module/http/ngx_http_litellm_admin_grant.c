
/*
 * What a request of the management API does not say and the configuration
 * does: default_key_generate_params, default_team_params and
 * default_internal_user_params are put into its body before anything reads it,
 * and what a key asks for is held to upperbound_key_generate_params.
 *
 * A bound is what a key gets that names no value, as in LiteLLM.  A change that
 * takes a limit away ("null") is given the bound, too: it would be none if it
 * could be had by /key/update.
 */

#include "ngx_http_litellm_admin.h"
#include "ngx_litellm_date.h"


static ngx_int_t ngx_http_litellm_admin_grant_most(
    ngx_http_litellm_admin_t *a, ngx_array_t *added, ngx_uint_t make);
static ngx_int_t ngx_http_litellm_admin_grant_over(
    ngx_http_litellm_admin_t *a);
static ngx_int_t ngx_http_litellm_admin_grant_lifetime(
    ngx_http_litellm_admin_t *a, int64_t *lifetime);
static ngx_litellm_json_t *ngx_http_litellm_admin_grant_said(
    ngx_http_litellm_admin_t *a, const char *name);
static ngx_int_t ngx_http_litellm_admin_grant_add(ngx_array_t *added,
    ngx_keyval_t *kv);
static ngx_uint_t ngx_http_litellm_admin_grant_added(ngx_array_t *added,
    ngx_str_t *name, ngx_litellm_json_t *key);
static ngx_int_t ngx_http_litellm_admin_grant_write(
    ngx_http_litellm_admin_t *a, ngx_array_t *added);

#define ngx_http_litellm_admin_grant_is(kv, s)                                \
    ((kv)->key.len == sizeof(s) - 1                                           \
     && ngx_memcmp((kv)->key.data, s, sizeof(s) - 1) == 0)


ngx_int_t
ngx_http_litellm_admin_grant_key(ngx_http_litellm_admin_t *a, ngx_uint_t make)
{
    ngx_int_t              rc;
    ngx_uint_t             i;
    ngx_array_t            added;
    ngx_keyval_t          *kv;
    ngx_litellm_json_t    *v;
    ngx_litellm_grants_t  *g;

    g = &a->config->grants;

    if (g->most == NULL && (g->keys == NULL || !make)) {
        return NGX_OK;
    }

    if (ngx_array_init(&added, a->pool, 16, sizeof(ngx_keyval_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; make && g->keys != NULL && i < g->keys->nelts; i++) {

        kv = (ngx_keyval_t *) g->keys->elts + i;
        v = ngx_litellm_json_get(a->body, (char *) kv->key.data, kv->key.len);

        /* a budget that never begins anew may be asked for */

        if (v != NULL && v->type == NGX_LITELLM_JSON_NULL
            && !ngx_http_litellm_admin_grant_is(kv, "budget_duration"))
        {
            v = NULL;
        }

        if (v != NULL && v->type >= NGX_LITELLM_JSON_ARRAY && v->count == 0
            && (ngx_http_litellm_admin_grant_is(kv, "models")
                || ngx_http_litellm_admin_grant_is(kv, "metadata")))
        {
            v = NULL;
        }

        if (v == NULL && ngx_http_litellm_admin_grant_add(&added, kv)
                         != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    rc = (g->most != NULL) ? ngx_http_litellm_admin_grant_most(a, &added, make)
                           : NGX_OK;

    return (rc == NGX_OK) ? ngx_http_litellm_admin_grant_write(a, &added) : rc;
}


/* bounds for what is not said; NGX_DECLINED: what is said is above them */

static ngx_int_t
ngx_http_litellm_admin_grant_most(ngx_http_litellm_admin_t *a,
    ngx_array_t *added, ngx_uint_t make)
{
    ngx_uint_t           i;
    ngx_array_t         *most;
    ngx_keyval_t        *kv;
    ngx_litellm_json_t  *v;

    most = a->config->grants.most;

    for (i = 0; i < most->nelts; i++) {

        kv = (ngx_keyval_t *) most->elts + i;

        if (ngx_http_litellm_admin_grant_added(added, &kv->key, NULL)) {
            continue;
        }

        v = ngx_litellm_json_get(a->body, (char *) kv->key.data, kv->key.len);

        if (ngx_http_litellm_admin_grant_is(kv, "duration")
            && ngx_http_litellm_admin_grant_said(a, "duration") == NULL)
        {
            if (ngx_http_litellm_admin_grant_said(a, "expires") != NULL) {
                continue;
            }

            if (v == NULL) {
                v = ngx_litellm_json_member(a->body, "expires");
            }
        }

        if (v == NULL ? !make : v->type != NGX_LITELLM_JSON_NULL) {
            continue;
        }

        if (ngx_http_litellm_admin_grant_add(added, kv) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_http_litellm_admin_grant_over(a);
}


/* what is no value at all is left to who reads the record */

static ngx_int_t
ngx_http_litellm_admin_grant_over(ngx_http_litellm_admin_t *a)
{
    int64_t                   lifetime;
    ngx_int_t                 rc;
    ngx_str_t                 json, why, said, bound;
    ngx_uint_t                i;
    ngx_keyval_t             *over;
    ngx_litellm_out_t         out;
    ngx_litellm_json_t       *v;
    ngx_litellm_principal_t   p;

    static const char  *names[] = {
        "max_budget", "max_parallel_requests", "tpm_limit", "rpm_limit",
        "budget_duration"
    };

    ngx_litellm_out_init(&out, a->pool);
    ngx_litellm_out_lit(&out, "{\"user_id\":\"a\"");

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {

        v = ngx_http_litellm_admin_grant_said(a, names[i]);

        if (v != NULL) {
            ngx_litellm_out_lit(&out, ",\"");
            ngx_litellm_out_copy(&out, names[i], ngx_strlen(names[i]));
            ngx_litellm_out_lit(&out, "\":");
            ngx_litellm_out_copy(&out, v->start, v->len);
        }
    }

    ngx_litellm_out_lit(&out, "}");

    if (ngx_litellm_out_join(&out, &json) != NGX_OK
        || ngx_http_litellm_admin_grant_lifetime(a, &lifetime) != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_litellm_principal_read(a->pool, NGX_LITELLM_USER, &json, &p,
                                    &why);

    if (rc == NGX_DECLINED) {
        return ngx_http_litellm_admin_fail(a, 400, "%V", &why);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    over = ngx_litellm_grants_over(&a->config->grants, &p, lifetime);

    if (over == NULL) {
        return NGX_OK;
    }

    v = ngx_litellm_json_get(a->body, (char *) over->key.data, over->key.len);

    if (v == NULL || v->type == NGX_LITELLM_JSON_NULL) {
        v = ngx_http_litellm_admin_grant_said(a, "expires");
    }

    if (v == NULL) {
        return NGX_ERROR;
    }

    said.data = v->start;
    said.len = v->len;

    if (v->type == NGX_LITELLM_JSON_STRING) {
        said = ngx_litellm_json_text(v);
    }

    bound = over->value;

    if (bound.len > 1 && bound.data[0] == '"') {
        bound.data++;
        bound.len -= 2;
    }

    return ngx_http_litellm_admin_fail(a, 400, "%V is over max limit set in "
                                       "config - user_value=%V; max_value=%V",
                                       &over->key, &said, &bound);
}


/* seconds that the key is asked to live; -1: not a word */

static ngx_int_t
ngx_http_litellm_admin_grant_lifetime(ngx_http_litellm_admin_t *a,
    int64_t *lifetime)
{
    time_t      expires;
    ngx_int_t   rc;
    ngx_str_t   text;

    *lifetime = -1;

    rc = ngx_http_litellm_admin_text(a, "duration", &text);

    if (rc == NGX_OK) {

        if (text.len == 2 && ngx_strncmp(text.data, "-1", 2) == 0) {
            *lifetime = INT64_MAX;

        } else {
            (void) ngx_litellm_key_lifetime(&text, lifetime);
        }

        return NGX_OK;
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_http_litellm_admin_text(a, "expires", &text);

        if (rc == NGX_OK && ngx_litellm_date_parse(&text, &expires) == NGX_OK) {
            *lifetime = ngx_max((int64_t) expires - ngx_time(), 0);
        }
    }

    return (rc == NGX_ERROR) ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ngx_http_litellm_admin_grant_owner(ngx_http_litellm_admin_t *a)
{
    ngx_int_t            rc;
    ngx_str_t            role;
    ngx_uint_t           i;
    ngx_array_t          added, *list;
    ngx_keyval_t        *kv;
    ngx_litellm_json_t  *v;

    list = (a->kind == NGX_LITELLM_TEAM) ? a->config->grants.teams
           : (a->kind == NGX_LITELLM_USER) ? a->config->grants.users : NULL;

    if (list == NULL) {
        return NGX_OK;
    }

    if (a->kind == NGX_LITELLM_USER) {

        rc = ngx_http_litellm_admin_text(a, "user_role", &role);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_OK && role.len == sizeof("proxy_admin") - 1
            && ngx_memcmp(role.data, "proxy_admin", role.len) == 0)
        {
            return NGX_OK;
        }
    }

    if (ngx_array_init(&added, a->pool, list->nelts, sizeof(ngx_keyval_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < list->nelts; i++) {

        kv = (ngx_keyval_t *) list->elts + i;
        v = ngx_litellm_json_get(a->body, (char *) kv->key.data, kv->key.len);

        /* a team may be made without a limit, by null */

        if (v != NULL
            && (a->kind == NGX_LITELLM_TEAM
                || (v->type != NGX_LITELLM_JSON_NULL
                    && !(v->type == NGX_LITELLM_JSON_ARRAY && v->count == 0
                         && ngx_http_litellm_admin_grant_is(kv, "models")))))
        {
            continue;
        }

        if (ngx_http_litellm_admin_grant_add(&added, kv) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_http_litellm_admin_grant_write(a, &added);
}


/* NULL: it is not there, or null */

static ngx_litellm_json_t *
ngx_http_litellm_admin_grant_said(ngx_http_litellm_admin_t *a,
    const char *name)
{
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_get(a->body, name, ngx_strlen(name));

    return (v != NULL && v->type != NGX_LITELLM_JSON_NULL) ? v : NULL;
}


static ngx_int_t
ngx_http_litellm_admin_grant_add(ngx_array_t *added, ngx_keyval_t *kv)
{
    ngx_keyval_t  *item;

    item = ngx_array_push(added);
    if (item == NULL) {
        return NGX_ERROR;
    }

    *item = *kv;

    return NGX_OK;
}


/* of that name, or of a key's */

static ngx_uint_t
ngx_http_litellm_admin_grant_added(ngx_array_t *added, ngx_str_t *name,
    ngx_litellm_json_t *key)
{
    ngx_uint_t     i;
    ngx_keyval_t  *kv;

    kv = added->elts;

    for (i = 0; i < added->nelts; i++) {

        if (key != NULL) {
            if (ngx_litellm_json_equal(key, (char *) kv[i].key.data,
                                       kv[i].key.len))
            {
                return 1;
            }

            continue;
        }

        if (kv[i].key.len == name->len
            && ngx_memcmp(kv[i].key.data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* the body with what was added, in place of its own members of these names */

static ngx_int_t
ngx_http_litellm_admin_grant_write(ngx_http_litellm_admin_t *a,
    ngx_array_t *added)
{
    ngx_str_t            text;
    ngx_uint_t           i;
    ngx_keyval_t        *kv;
    ngx_litellm_out_t    out;
    ngx_litellm_json_t  *key, *value;

    if (added->nelts == 0) {
        return NGX_OK;
    }

    ngx_litellm_out_init(&out, a->pool);

    kv = added->elts;

    for (i = 0; i < added->nelts; i++) {
        ngx_litellm_out_copy(&out, i ? ",\"" : "{\"", 2);
        ngx_litellm_out_str(&out, &kv[i].key);
        ngx_litellm_out_lit(&out, "\":");
        ngx_litellm_out_str(&out, &kv[i].value);
    }

    key = (a->body != NULL) ? a->body + 1 : NULL;

    for (i = 0; a->body != NULL && i < a->body->count; i++) {

        value = key + 1;

        if (!ngx_http_litellm_admin_grant_added(added, NULL, key)) {
            ngx_litellm_out_lit(&out, ",");
            ngx_litellm_out_copy(&out, key->start, key->len);
            ngx_litellm_out_lit(&out, ":");
            ngx_litellm_out_copy(&out, value->start, value->len);
        }

        key = ngx_litellm_json_next(value);
    }

    ngx_litellm_out_lit(&out, "}");

    if (ngx_litellm_out_join(&out, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(&a->doc, sizeof(ngx_litellm_json_doc_t));
    a->doc.pool = a->pool;

    if (ngx_litellm_json_parse(&a->doc, text.data, text.len) != NGX_OK) {
        return NGX_ERROR;
    }

    a->text = text;
    a->body = a->doc.root;

    return NGX_OK;
}
