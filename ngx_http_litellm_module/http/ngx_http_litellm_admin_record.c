
/*
 * Records of the management API: read, changed (ngx_http_litellm_admin_member.c)
 * and written by version, so that two changes at once are both made.
 *
 * Records of the configuration are shown, never changed.  A record that was
 * made here has an account that is kept, whether anything was spent or not;
 * without room for that account there is no record either.
 */

#include "ngx_http_litellm_admin.h"


#define NGX_HTTP_LITELLM_ADMIN_TRIES  5


static ngx_int_t ngx_http_litellm_admin_keep(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_t *p, ngx_str_t *id, ngx_uint_t make,
    int64_t spend);
static ngx_int_t ngx_http_litellm_admin_full(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_e kind);


#define NGX_HTTP_LITELLM_LIMIT_NAMES                                          \
    "models max_budget budget_duration soft_budget budget_limits "            \
    "rpm_limit tpm_limit max_parallel_requests model_rpm_limit "              \
    "model_tpm_limit model_max_budget metadata tags blocked "

#define NGX_HTTP_LITELLM_LIMIT_SHOWN                                          \
    "models [] max_budget null budget_duration null soft_budget null "        \
    "rpm_limit null tpm_limit null max_parallel_requests null "               \
    "model_max_budget {} metadata {} blocked false "                          \
    "created_at null updated_at null "


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
