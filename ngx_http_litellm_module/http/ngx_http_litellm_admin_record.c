
/*
 * Records of the management API: a client's members over those that are there,
 * checked by the same reader that reads them later, written by version so that
 * two changes at once are both made.
 *
 * Records of the configuration are shown, never changed.  A record that was
 * made here has an account that is kept, whether anything was spent or not;
 * without room for that account there is no record either.
 */

#include "ngx_http_litellm_admin.h"


#define NGX_HTTP_LITELLM_ADMIN_TRIES  5


static ngx_int_t ngx_http_litellm_admin_promises(ngx_http_litellm_admin_t *a);
static ngx_int_t ngx_http_litellm_admin_merge(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_e kind, ngx_str_t *old, ngx_array_t *own,
    ngx_str_t *json, ngx_litellm_principal_t *p);
static ngx_int_t ngx_http_litellm_admin_keep(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_t *p, ngx_str_t *id, ngx_uint_t make,
    int64_t spend);
static ngx_int_t ngx_http_litellm_admin_full(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_e kind);
static const char *ngx_http_litellm_admin_word(const char *p, ngx_str_t *word);
static ngx_uint_t ngx_http_litellm_admin_listed(const char *names,
    ngx_uint_t step, ngx_litellm_json_t *key);
static ngx_uint_t ngx_http_litellm_admin_owned(ngx_array_t *own,
    ngx_str_t *name, ngx_litellm_json_t *key);
static void ngx_http_litellm_admin_put(ngx_litellm_out_t *out,
    ngx_str_t *name, ngx_str_t *value);


#define NGX_HTTP_LITELLM_LIMIT_NAMES                                          \
    "models max_budget budget_duration soft_budget budget_limits "            \
    "rpm_limit tpm_limit max_parallel_requests model_rpm_limit "              \
    "model_tpm_limit model_max_budget metadata tags blocked "

#define NGX_HTTP_LITELLM_LIMIT_SHOWN                                          \
    "models [] max_budget null budget_duration null soft_budget null "        \
    "rpm_limit null tpm_limit null max_parallel_requests null "               \
    "model_max_budget {} metadata {} blocked false "                          \
    "created_at null updated_at null "


/*
 * Members that promise something which is not kept here: to take them in
 * silence would leave a door open that was meant to be shut.
 */

static const char  ngx_http_litellm_admin_unkept[] =
    "budget_id guardrails enforced_params project_id access_group_ids "
    "object_permission policies tag_rpm_limit tag_tpm_limit "
    "model_itpm_limit model_otpm_limit mcp_rpm_limit auto_rotate "
    "budget_fallbacks throttle_on_budget_exceeded tpd_limit ";


const ngx_http_litellm_records_kind_t
    ngx_http_litellm_records_kinds[NGX_LITELLM_PRINCIPALS] =
{
    { "token", "key",
      NGX_HTTP_LITELLM_LIMIT_NAMES
      "key_alias aliases user_id team_id expires allowed_routes "
      "allowed_cache_controls permissions config organization_id ",
      NGX_HTTP_LITELLM_LIMIT_SHOWN
      "key_name null key_alias null user_id null team_id null aliases {} "
      "expires null allowed_routes [] allowed_cache_controls [] "
      "permissions {} config {} created_by null updated_by null ",
      NGX_HTTP_LITELLM_OF_KEY, NGX_HTTP_LITELLM_OF_KEY_MODEL },

    { "team_id", "team",
      NGX_HTTP_LITELLM_LIMIT_NAMES
      "team_alias model_aliases aliases members_with_roles organization_id "
      "team_member_rpm_limit team_member_tpm_limit team_member_budget "
      "team_member_budget_duration ",
      NGX_HTTP_LITELLM_LIMIT_SHOWN
      "team_alias null organization_id null members_with_roles [] ",
      NGX_HTTP_LITELLM_OF_TEAM, NGX_HTTP_LITELLM_OF_TEAM_MODEL },

    { "user_id", "user",
      NGX_HTTP_LITELLM_LIMIT_NAMES
      "user_alias user_email user_role aliases teams organization_id ",
      NGX_HTTP_LITELLM_LIMIT_SHOWN
      "user_alias null user_email null user_role null teams [] ",
      NGX_HTTP_LITELLM_OF_USER, NGX_HTTP_LITELLM_OF_USER_MODEL },

    { "user_id", "customer",
      NGX_HTTP_LITELLM_LIMIT_NAMES
      "alias allowed_model_region default_model ",
      NGX_HTTP_LITELLM_LIMIT_SHOWN
      "alias null allowed_model_region null default_model null ",
      NGX_HTTP_LITELLM_OF_END_USER, NGX_HTTP_LITELLM_OF_END_USER }
};


ngx_int_t
ngx_http_litellm_admin_save(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_e kind, ngx_str_t *id, ngx_uint_t make,
    ngx_array_t *own, int64_t spend, ngx_str_t *json)
{
    ngx_int_t                               rc;
    ngx_str_t                               old;
    ngx_uint_t                              i, version;
    ngx_litellm_principal_t                 p;
    const ngx_http_litellm_records_kind_t  *k;

    k = &ngx_http_litellm_records_kinds[kind];

    rc = ngx_http_litellm_admin_changeable(a, kind, id);

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_admin_promises(a);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; i < NGX_HTTP_LITELLM_ADMIN_TRIES; i++) {

        rc = ngx_http_litellm_store_get(a->zone, a->pool, kind, id, &old,
                                        &version);
        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_OK && make) {
            return ngx_http_litellm_admin_fail(a, 400, "The %s is there "
                                               "already", k->word);
        }

        if (rc == NGX_DECLINED) {

            if (!make) {
                return ngx_http_litellm_admin_fail(a, 404, "The %s was not "
                                                   "found", k->word);
            }

            ngx_str_null(&old);
            version = NGX_HTTP_LITELLM_STORE_NEW;
        }

        rc = ngx_http_litellm_admin_merge(a, kind, &old, own, json, &p);

        if (rc != NGX_OK) {
            return rc;
        }

        rc = ngx_http_litellm_store_put_unique(a->zone, kind, id, &p.json,
                                               version, NULL);

        if (rc == NGX_BUSY) {
            return ngx_http_litellm_admin_full(a, kind);
        }

        if (rc == NGX_ABORT) {
            return ngx_http_litellm_admin_key_taken(a, &p.alias);
        }

        if (rc == NGX_OK) {
            *json = p.json;

            return ngx_http_litellm_admin_keep(a, &p, id, make, spend);
        }

        /* somebody else was faster */
    }

    return ngx_http_litellm_admin_fail(a, 409, "The %s is being changed by "
                                       "others", k->word);
}


ngx_int_t
ngx_http_litellm_admin_move(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_e kind, ngx_str_t *from, ngx_str_t *id,
    ngx_array_t *own, int64_t spend, ngx_str_t *json)
{
    ngx_int_t                               rc;
    ngx_str_t                               old;
    ngx_uint_t                              i, version, now;
    ngx_litellm_principal_t                 p;
    ngx_http_litellm_account_t              account;
    const ngx_http_litellm_records_kind_t  *k;

    k = &ngx_http_litellm_records_kinds[kind];

    rc = ngx_http_litellm_admin_changeable(a, kind, from);

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_admin_changeable(a, kind, id);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_admin_promises(a);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; i < NGX_HTTP_LITELLM_ADMIN_TRIES; i++) {

        rc = ngx_http_litellm_store_get(a->zone, a->pool, kind, from, &old,
                                        &version);

        if (rc == NGX_DECLINED) {
            return ngx_http_litellm_admin_fail(a, 404, "The %s was not found",
                                               k->word);
        }

        if (rc == NGX_OK) {
            rc = ngx_http_litellm_admin_merge(a, kind, &old, own, json, &p);
        }

        if (rc != NGX_OK) {
            return rc;
        }

        rc = ngx_http_litellm_store_put_unique(a->zone, kind, id, &p.json,
                                               NGX_HTTP_LITELLM_STORE_NEW,
                                               from);

        if (rc == NGX_BUSY) {
            return ngx_http_litellm_admin_full(a, kind);
        }

        if (rc == NGX_ABORT) {
            return ngx_http_litellm_admin_key_taken(a, &p.alias);
        }

        if (rc == NGX_DECLINED) {
            return ngx_http_litellm_admin_fail(a, 400, "The %s is there "
                                               "already", k->word);
        }

        if (ngx_http_litellm_store_record(a->zone, kind, from, &now)
            != version)
        {
            (void) ngx_http_litellm_store_delete(a->zone, kind, id);
            continue;
        }

        if (spend == -1) {
            (void) ngx_http_litellm_ledger_read(a->zone, k->scope, from,
                                                &account);
            spend = account.spend;
        }

        rc = ngx_http_litellm_admin_keep(a, &p, id, 1, spend);

        if (rc != NGX_OK) {
            return rc;
        }

        *json = p.json;

        (void) ngx_http_litellm_store_delete(a->zone, kind, from);

        return ngx_http_litellm_admin_forget(a, kind, from, &old);
    }

    return ngx_http_litellm_admin_fail(a, 409, "The %s is being changed by "
                                       "others", k->word);
}


static ngx_int_t
ngx_http_litellm_admin_full(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_e kind)
{
    ngx_log_error(NGX_LOG_ERR, a->log, 0,
                  "litellm: the zone has no room for a record; make "
                  "\"litellm_zone\" larger");

    return ngx_http_litellm_admin_fail(a, 507, "The gateway has no memory left "
                               "for this %s; nothing was changed",
                               ngx_http_litellm_records_kinds[kind].word);
}


/* its account may not be forgotten from now on */

static ngx_int_t
ngx_http_litellm_admin_keep(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_t *p, ngx_str_t *id, ngx_uint_t make,
    int64_t spend)
{
    ngx_int_t                               rc;
    ngx_uint_t                              version;
    const ngx_http_litellm_records_kind_t  *k;

    k = &ngx_http_litellm_records_kinds[p->kind];

    rc = ngx_http_litellm_ledger_write(a->zone, k->scope, id, spend,
                                       &p->limits.budget.period, 1);

    if (rc != NGX_OK && make) {
        (void) ngx_http_litellm_store_delete(a->zone, p->kind, id);

        return ngx_http_litellm_admin_full(a, p->kind);
    }

    if (ngx_http_litellm_store_record(a->zone, p->kind, id, &version) == 0) {

        /* deleted by somebody else meanwhile */

        ngx_http_litellm_ledger_forget(a->zone, k->scope, id);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_admin_changeable(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_e kind, ngx_str_t *id)
{
    const ngx_http_litellm_records_kind_t  *k;

    k = &ngx_http_litellm_records_kinds[kind];

    if (id->len == 0 || id->len > NGX_HTTP_LITELLM_STORE_ID) {
        return ngx_http_litellm_admin_fail(a, 400, "The id of a %s has 1 to %d "
                                           "bytes", k->word,
                                           NGX_HTTP_LITELLM_STORE_ID);
    }

    if (ngx_litellm_principals_find(&a->config->principals[kind], id)
        != NULL)
    {
        return ngx_http_litellm_admin_fail(a, 400, "The %s is in the gateway's "
                                           "configuration and can't be changed "
                                           "by the API", k->word);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_admin_promises(ngx_http_litellm_admin_t *a)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *key, *value;

    if (a->body == NULL) {
        return NGX_OK;
    }

    key = a->body + 1;

    for (i = 0; i < a->body->count; i++) {

        value = key + 1;

        if (value->type != NGX_LITELLM_JSON_NULL
            && value->type != NGX_LITELLM_JSON_FALSE
            && !(value->type >= NGX_LITELLM_JSON_ARRAY && value->count == 0)
            && ngx_http_litellm_admin_listed(ngx_http_litellm_admin_unkept, 1,
                                             key))
        {
            return ngx_http_litellm_admin_fail(a, 400, "%*s is not supported "
                                               "by this gateway",
                                               (size_t) key->len, key->start);
        }

        key = ngx_litellm_json_next(value);
    }

    return NGX_OK;
}


/*
 * First what nobody sets from outside, then each name that a client may set:
 * of the body, else as it was.
 */

static ngx_int_t
ngx_http_litellm_admin_merge(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_e kind, ngx_str_t *old, ngx_array_t *own,
    ngx_str_t *json, ngx_litellm_principal_t *p)
{
    ngx_int_t                               rc;
    ngx_str_t                               why, name, text;
    ngx_uint_t                              i;
    const char                             *names;
    ngx_litellm_out_t                       out;
    ngx_litellm_json_t                     *key, *value;
    ngx_litellm_json_doc_t                  doc;
    ngx_http_litellm_member_t              *m;
    const ngx_http_litellm_records_kind_t  *k;

    k = &ngx_http_litellm_records_kinds[kind];

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = a->pool;
    doc.keep = 2;

    if (old->len
        && ngx_litellm_json_parse(&doc, old->data, old->len) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_litellm_out_init(&out, a->pool);

    m = own->elts;

    for (i = 0; i < own->nelts; i++) {
        ngx_http_litellm_admin_put(&out, &m[i].name, &m[i].value);
    }

    key = doc.root ? doc.root + 1 : NULL;

    for (i = 0; doc.root != NULL && i < doc.root->count; i++) {

        value = key + 1;

        if (!ngx_http_litellm_admin_listed(k->names, 1, key)
            && !ngx_http_litellm_admin_owned(own, NULL, key))
        {
            name = ngx_litellm_json_text(key);
            text.data = value->start;
            text.len = value->len;

            ngx_http_litellm_admin_put(&out, &name, &text);
        }

        key = ngx_litellm_json_next(value);
    }

    names = k->names;

    for ( ;; ) {
        names = ngx_http_litellm_admin_word(names, &name);

        if (name.len == 0) {
            break;
        }

        if (ngx_http_litellm_admin_owned(own, &name, NULL)) {
            continue;
        }

        value = ngx_litellm_json_get(a->body, (char *) name.data, name.len);

        if (value == NULL) {
            value = ngx_litellm_json_get(doc.root, (char *) name.data,
                                         name.len);
        }

        if (value != NULL && value->type != NGX_LITELLM_JSON_NULL) {
            text.data = value->start;
            text.len = value->len;

            ngx_http_litellm_admin_put(&out, &name, &text);
        }
    }

    ngx_litellm_out_lit(&out, "}");

    if (ngx_litellm_out_join(&out, json) != NGX_OK) {
        return NGX_ERROR;
    }

    if (json->len > NGX_LITELLM_RECORD_MAX) {
        return ngx_http_litellm_admin_fail(a, 400, "The record of the %s would "
                                           "be larger than %d bytes", k->word,
                                           NGX_LITELLM_RECORD_MAX);
    }

    rc = ngx_litellm_principal_read(a->pool, kind, json, p, &why);

    if (rc == NGX_DECLINED) {
        return ngx_http_litellm_admin_fail(a, 400, "%V", &why);
    }

    return rc;
}


/* of a list with a blank behind each word: the first one, what follows it */

static const char *
ngx_http_litellm_admin_word(const char *p, ngx_str_t *word)
{
    word->data = (u_char *) p;

    while (*p && *p != ' ') {
        p++;
    }

    word->len = (u_char *) p - word->data;

    return *p ? p + 1 : p;
}


/* step: 1, or 2 for a list of names and values */

static ngx_uint_t
ngx_http_litellm_admin_listed(const char *names, ngx_uint_t step,
    ngx_litellm_json_t *key)
{
    ngx_str_t   word;
    ngx_uint_t  n;

    for (n = 0; ; n++) {
        names = ngx_http_litellm_admin_word(names, &word);

        if (word.len == 0) {
            return 0;
        }

        if (n % step == 0
            && ngx_litellm_json_equal(key, (char *) word.data, word.len))
        {
            return 1;
        }
    }
}


static ngx_uint_t
ngx_http_litellm_admin_owned(ngx_array_t *own, ngx_str_t *name,
    ngx_litellm_json_t *key)
{
    ngx_uint_t                  i;
    ngx_http_litellm_member_t  *m;

    m = own->elts;

    for (i = 0; i < own->nelts; i++) {

        if (key != NULL) {
            if (ngx_litellm_json_equal(key, (char *) m[i].name.data,
                                       m[i].name.len))
            {
                return 1;
            }

            continue;
        }

        if (m[i].name.len == name->len
            && ngx_memcmp(m[i].name.data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* name: a J-string */

static void
ngx_http_litellm_admin_put(ngx_litellm_out_t *out, ngx_str_t *name,
    ngx_str_t *value)
{
    if (out->size == 0) {
        ngx_litellm_out_lit(out, "{\"");

    } else {
        ngx_litellm_out_lit(out, ",\"");
    }

    ngx_litellm_out_str(out, name);
    ngx_litellm_out_lit(out, "\":");
    ngx_litellm_out_str(out, value);
}


ngx_int_t
ngx_http_litellm_admin_remove(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_e kind, ngx_str_t *id)
{
    ngx_int_t   rc;
    ngx_str_t   json;
    ngx_uint_t  version;

    rc = ngx_http_litellm_admin_changeable(a, kind, id);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_litellm_store_get(a->zone, a->pool, kind, id, &json,
                                    &version);

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_store_delete(a->zone, kind, id);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_admin_forget(a, kind, id, &json);
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_litellm_admin_fail(a, 404, "The %s was not found",
                               ngx_http_litellm_records_kinds[kind].word);
    }

    return rc;
}


ngx_int_t
ngx_http_litellm_admin_forget(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_e kind, ngx_str_t *id, ngx_str_t *json)
{
    return ngx_http_litellm_records_forget(a->zone, a->pool, kind, id, json);
}


ngx_int_t
ngx_http_litellm_records_forget(ngx_shm_zone_t *zone, ngx_pool_t *pool,
    ngx_litellm_principal_e kind, ngx_str_t *id, ngx_str_t *json)
{
    u_char                                 *buf;
    ngx_int_t                               rc;
    ngx_str_t                               why, name, *scope;
    ngx_uint_t                              i;
    ngx_litellm_budget_t                   *b;
    ngx_litellm_principal_t                 p;
    ngx_litellm_model_limit_t              *m;
    const ngx_http_litellm_records_kind_t  *k;

    k = &ngx_http_litellm_records_kinds[kind];

    ngx_http_litellm_ledger_forget(zone, k->scope, id);

    rc = ngx_litellm_principal_read(pool, kind, json, &p, &why);

    if (rc != NGX_OK) {

        /* what nobody could read had no other account */

        return (rc == NGX_DECLINED) ? NGX_OK : NGX_ERROR;
    }

    buf = ngx_pnalloc(pool, id->len + NGX_LITELLM_ID_MAX + 64);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    name.data = buf;

    for (i = 0; p.limits.models != NULL && i < p.limits.models->nelts; i++) {

        m = p.limits.models->elts;
        name.len = ngx_sprintf(buf, "%V:%V", id, &m[i].model) - buf;

        ngx_http_litellm_ledger_forget(zone, k->model, &name);
    }

    scope = ngx_http_litellm_scope_name(k->scope);

    for (i = 0; p.limits.budgets != NULL && i < p.limits.budgets->nelts; i++) {

        b = p.limits.budgets->elts;
        name.len = ngx_sprintf(buf, "%V:%V:%V", scope, id, &b[i].duration)
                   - buf;

        ngx_http_litellm_ledger_forget(zone, NGX_HTTP_LITELLM_OF_PERIOD,
                                       &name);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_admin_find(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_e kind, ngx_str_t *id, ngx_str_t *json)
{
    ngx_int_t                 rc;
    ngx_uint_t                version;
    ngx_litellm_principal_t  *p;

    p = ngx_litellm_principals_find(&a->config->principals[kind], id);

    if (p != NULL) {
        *json = p->json;
        return NGX_OK;
    }

    rc = NGX_DECLINED;

    if (id->len <= NGX_HTTP_LITELLM_STORE_ID) {
        rc = ngx_http_litellm_store_get(a->zone, a->pool, kind, id, json,
                                        &version);
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_litellm_admin_fail(a, 404, "The %s was not found",
                               ngx_http_litellm_records_kinds[kind].word);
    }

    return rc;
}


ngx_int_t
ngx_http_litellm_admin_show(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_e kind, ngx_str_t *id, ngx_str_t *json,
    ngx_str_t *front)
{
    u_char                                  date[NGX_LITELLM_DATE_LEN];
    ngx_str_t                               name, value;
    ngx_uint_t                              i;
    const char                             *shown;
    ngx_pool_t                             *pool;
    ngx_litellm_out_t                      *out;
    ngx_litellm_json_t                     *key, *v;
    ngx_litellm_json_doc_t                  doc;
    ngx_http_litellm_account_t              account;
    const ngx_http_litellm_records_kind_t  *k;

    k = &ngx_http_litellm_records_kinds[kind];
    out = &a->out;

    /* nodes of thousands of records are not for the request's pool */

    pool = ngx_create_pool(4096, a->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = pool;
    doc.keep = 2;

    if (ngx_litellm_json_parse(&doc, json->data, json->len) != NGX_OK) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    (void) ngx_http_litellm_ledger_read(a->zone, k->scope, id, &account);

    ngx_litellm_out_lit(out, "{");
    ngx_litellm_out_str(out, front);
    ngx_litellm_out_lit(out, "\"spend\":");
    ngx_http_litellm_admin_money(out, account.spend);
    ngx_litellm_out_lit(out, ",\"total_spend\":");
    ngx_http_litellm_admin_money(out, account.total);
    ngx_litellm_out_lit(out, ",\"budget_reset_at\":");

    if (account.period_ends) {
        ngx_litellm_out_lit(out, "\"");
        ngx_litellm_out_copy(out, date,
                             ngx_litellm_date_print(date, account.period_ends)
                             - date);
        ngx_litellm_out_lit(out, "\"");

    } else {
        ngx_litellm_out_lit(out, "null");
    }

    key = doc.root + 1;

    for (i = 0; i < doc.root->count; i++) {

        v = key + 1;

        if (!ngx_litellm_json_eq(key, "spend")
            && !ngx_litellm_json_eq(key, "total_spend")
            && !ngx_litellm_json_eq(key, "budget_reset_at"))
        {
            ngx_litellm_out_lit(out, ",");
            ngx_litellm_out_copy(out, key->start, key->len);
            ngx_litellm_out_lit(out, ":");
            ngx_litellm_out_copy(out, v->start, v->len);
        }

        key = ngx_litellm_json_next(v);
    }

    for (shown = k->shown; *shown; /* void */) {

        shown = ngx_http_litellm_admin_word(shown, &name);
        shown = ngx_http_litellm_admin_word(shown, &value);

        if (ngx_litellm_json_get(doc.root, (char *) name.data, name.len)
            == NULL)
        {
            ngx_litellm_out_lit(out, ",\"");
            ngx_litellm_out_str(out, &name);
            ngx_litellm_out_lit(out, "\":");
            ngx_litellm_out_str(out, &value);
        }
    }

    ngx_litellm_out_lit(out, "}");

    ngx_destroy_pool(pool);

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_admin_member(ngx_array_t *own, const char *name,
    ngx_str_t *json)
{
    ngx_http_litellm_member_t  *m;

    m = ngx_array_push(own);
    if (m == NULL) {
        return NGX_ERROR;
    }

    m->name.data = (u_char *) name;
    m->name.len = ngx_strlen(name);
    m->value = *json;

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_admin_quote(ngx_http_litellm_admin_t *a, ngx_array_t *own,
    const char *name, ngx_str_t *text)
{
    ngx_str_t          value;
    ngx_litellm_out_t  out;

    ngx_litellm_out_init(&out, a->pool);
    out.chunk = 2 + text->len;
    ngx_litellm_out_json(&out, text);

    if (ngx_litellm_out_join(&out, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_litellm_admin_member(own, name, &value);
}


ngx_int_t
ngx_http_litellm_admin_stamp(ngx_http_litellm_admin_t *a, ngx_array_t *own,
    ngx_uint_t make)
{
    u_char      buf[NGX_LITELLM_DATE_LEN];
    ngx_str_t   date, *user;

    static ngx_str_t  master = ngx_string("default_user_id");

    date.data = buf;
    date.len = ngx_litellm_date_print(buf, ngx_time()) - buf;

    user = a->ctx->who.user_id.len ? &a->ctx->who.user_id : &master;

    if (make
        && (ngx_http_litellm_admin_quote(a, own, "created_at", &date) != NGX_OK
            || ngx_http_litellm_admin_quote(a, own, "created_by", user)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    if (ngx_http_litellm_admin_quote(a, own, "updated_at", &date) != NGX_OK
        || ngx_http_litellm_admin_quote(a, own, "updated_by", user) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_litellm_admin_money(ngx_litellm_out_t *out, int64_t money)
{
    u_char  text[NGX_LITELLM_MONEY_LEN];

    ngx_litellm_out_copy(out, text,
                         ngx_litellm_money_print(text, money) - text);
}


ngx_int_t
ngx_http_litellm_admin_spend(ngx_http_litellm_admin_t *a, const char *name,
    int64_t *spend)
{
    ngx_str_t            text;
    ngx_litellm_json_t  *v;

    *spend = -1;

    v = ngx_litellm_json_get(a->body, name, ngx_strlen(name));

    if (v == NULL || v->type == NGX_LITELLM_JSON_NULL) {
        return NGX_OK;
    }

    text.data = v->start;
    text.len = v->len;

    if (v->type != NGX_LITELLM_JSON_NUMBER
        || ngx_litellm_money_parse(&text, spend) != NGX_OK)
    {
        return ngx_http_litellm_admin_fail(a, 400, "\"%s\" must be a number of "
                                           "dollars, not below 0", name);
    }

    return NGX_OK;
}
