
/*
 * Everybody that a request is asked on behalf of: the key, its team and user,
 * those that variables name, the end user; what together they may use.
 *
 * open() runs in the content phase, behind the modules that may have set the
 * variables; check() when the body is known, before the request is admitted.
 * A record that is not there is no refusal: an id alone is enough to be
 * counted.  Somebody without limits of their own gets those of everybody
 * (max_end_user_budget ...) by a copy of the record.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_store.h"


/* longer ids are known by their SHA-256 */
#define NGX_HTTP_LITELLM_WHO_ID  NGX_LITELLM_ID_MAX


static ngx_int_t ngx_http_litellm_who_variable(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_principal_e kind,
    ngx_str_t *value);
static ngx_int_t ngx_http_litellm_who_key_variable(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_str_t *value);
static ngx_int_t ngx_http_litellm_who_header(ngx_http_request_t *r,
    ngx_array_t *names, ngx_str_t *value);
static ngx_int_t ngx_http_litellm_who_end_user(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
static ngx_int_t ngx_http_litellm_who_body(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_str_t *id);
static ngx_int_t ngx_http_litellm_who_member(ngx_http_request_t *r,
    ngx_litellm_json_t *v, const char *name, ngx_str_t *id);
static ngx_int_t ngx_http_litellm_who_text(ngx_http_request_t *r,
    ngx_litellm_json_t *v, ngx_str_t *id);
static ngx_int_t ngx_http_litellm_who_id(ngx_http_request_t *r,
    ngx_str_t *id);
static ngx_int_t ngx_http_litellm_who_budget(ngx_http_request_t *r,
    ngx_litellm_principal_e kind, ngx_str_t *id, ngx_litellm_limits_t *limits,
    ngx_litellm_principal_t **p);
static void ngx_http_litellm_who_alias(ngx_http_litellm_ctx_t *ctx);
static ngx_litellm_principal_t *ngx_http_litellm_who_refuses(
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_config_t *config,
    ngx_str_t *asked, ngx_str_t *name);
static ngx_uint_t ngx_http_litellm_who_may(ngx_litellm_config_t *config,
    ngx_litellm_principal_t *p, ngx_str_t *asked, ngx_str_t *name);


/* good for this request */

ngx_litellm_principal_t *
ngx_http_litellm_who_find(ngx_http_request_t *r, ngx_litellm_principal_e kind,
    ngx_str_t *id)
{
    ngx_litellm_principal_t       *p;
    ngx_http_litellm_loc_conf_t   *lcf;
    ngx_http_litellm_main_conf_t  *mcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);
    mcf = ngx_http_get_module_main_conf(r, ngx_http_litellm_module);

    p = ngx_http_litellm_principal_find(mcf->zone,
                                        &lcf->config->principals[kind], kind,
                                        id);

    if (p != NULL && ngx_http_litellm_principal_hold(r->pool, p) != NGX_OK) {
        return NULL;
    }

    return p;
}


ngx_int_t
ngx_http_litellm_who_key(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_principal_t *key)
{
    ngx_litellm_principal_t      *copy;
    ngx_http_litellm_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);

    if (key->limits.parallel < 0 && lcf->config->key_parallel >= 0) {

        copy = ngx_palloc(r->pool, sizeof(ngx_litellm_principal_t));
        if (copy == NULL) {
            return NGX_ERROR;
        }

        *copy = *key;
        copy->stored = 0;
        copy->limits.parallel = lcf->config->key_parallel;
        key = copy;
    }

    ctx->who.key = key;

    return NGX_OK;
}


/* NGX_OK, or NGX_DECLINED with ctx->error */

ngx_int_t
ngx_http_litellm_who_team(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx,
    ngx_str_t *id, ngx_litellm_principal_t *team)
{
    ngx_http_litellm_who_t  *who;

    who = &ctx->who;

    who->team_id = *id;
    who->team = team ? team
                     : ngx_http_litellm_who_find(r, NGX_LITELLM_TEAM, id);

    if (who->team != NULL && who->team->blocked) {
        return ngx_http_litellm_auth_refuse(r, ctx, 401, "auth_error", NULL,
                               "Authentication Error, Team=%V is blocked. "
                               "Update via `/team/unblock` if your admin.",
                               id);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_who_user(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx,
    ngx_str_t *id)
{
    ngx_http_litellm_who_t       *who;
    ngx_http_litellm_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);
    who = &ctx->who;

    who->user_id = *id;
    who->user = ngx_http_litellm_who_find(r, NGX_LITELLM_USER, id);
    who->admin = who->master;

    if (who->user != NULL) {

        if (who->user->blocked) {
            return ngx_http_litellm_auth_refuse(r, ctx, 401, "auth_error",
                               NULL, "Authentication Error, User=%V is "
                               "blocked.", id);
        }

        who->admin |= who->user->is_admin;
    }

    if (ngx_http_litellm_who_budget(r, NGX_LITELLM_USER, id,
                                    &lcf->config->user_default, &who->user)
        != NGX_OK)
    {
        return ngx_http_litellm_auth_refuse(r, ctx, 500, NULL, NULL,
                                            "out of memory");
    }

    return NGX_OK;
}


/*
 * What variables and headers of the operator's choice say, on top of what the
 * key says.  NGX_OK, or NGX_DECLINED with ctx->error.
 */

ngx_int_t
ngx_http_litellm_who_open(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_str_t                     value;
    ngx_uint_t                    i, named;
    ngx_http_litellm_source_t    *source;
    ngx_http_litellm_loc_conf_t  *lcf;

    static const char  *names[] = { "key", "team", "user", "end user" };

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);
    named = 0;

    for (i = 0; i < NGX_LITELLM_PRINCIPALS; i++) {

        source = &lcf->sources[i];

        if (source->value == NULL) {
            continue;
        }

        if (ngx_http_complex_value(r, source->value, &value) != NGX_OK) {
            return ngx_http_litellm_auth_refuse(r, ctx, 500, NULL, NULL,
                                                "out of memory");
        }

        if (value.len) {

            if (ngx_http_litellm_who_variable(r, ctx, i, &value) != NGX_OK) {
                return NGX_DECLINED;
            }

            named |= (i != NGX_LITELLM_END_USER);

        } else if (source->required) {
            return ngx_http_litellm_auth_refuse(r, ctx, 401, "auth_error",
                               NULL, "Authentication Error, there is no %s "
                               "for this request.", names[i]);
        }
    }

    if (!ctx->authorized && !named
        && ngx_http_litellm_auth_needed(lcf->config))
    {
        /* ctx->error is what the headers were refused with */

        return NGX_DECLINED;
    }

    ngx_memzero(&ctx->error, sizeof(ngx_litellm_error_t));

    if (ctx->who.user_id.len == 0 && !ctx->who.master
        && ngx_http_litellm_who_header(r, &lcf->config->internal_headers,
                                       &value)
           == NGX_OK)
    {
        return ngx_http_litellm_who_variable(r, ctx, NGX_LITELLM_USER,
                                             &value);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_who_variable(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_principal_e kind,
    ngx_str_t *value)
{
    if (kind == NGX_LITELLM_KEY) {
        return ngx_http_litellm_who_key_variable(r, ctx, value);
    }

    if (ngx_http_litellm_who_id(r, value) != NGX_OK) {
        return ngx_http_litellm_auth_refuse(r, ctx, 500, NULL, NULL,
                                            "out of memory");
    }

    switch (kind) {

    case NGX_LITELLM_TEAM:
        return ngx_http_litellm_who_team(r, ctx, value, NULL);

    case NGX_LITELLM_USER:
        return ngx_http_litellm_who_user(r, ctx, value);

    default:
        ctx->who.end_user_id = *value;
        return NGX_OK;
    }
}


/* the key itself, or its SHA-256 */

static ngx_int_t
ngx_http_litellm_who_key_variable(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_str_t *value)
{
    u_char     hash[NGX_LITELLM_KEY_HASH];
    ngx_str_t  id;

    id.data = hash;
    id.len = sizeof(hash);

    if (value->len == sizeof(hash)
        && ngx_memcmp(value->data, "sk-", 3) != 0)
    {
        ngx_strlow(hash, value->data, sizeof(hash));

    } else {
        ngx_litellm_key_hash(value, hash);
    }

    return ngx_http_litellm_auth_id(r, ctx, &id);
}


/* the first of these headers that is there: NGX_OK */

static ngx_int_t
ngx_http_litellm_who_header(ngx_http_request_t *r, ngx_array_t *names,
    ngx_str_t *value)
{
    ngx_str_t        *name;
    ngx_uint_t        i, n;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    name = names->elts;

    for (n = 0; n < names->nelts; n++) {

        part = &r->headers_in.headers.part;
        h = part->elts;

        for (i = 0; /* void */; i++) {

            if (i >= part->nelts) {
                if (part->next == NULL) {
                    break;
                }

                part = part->next;
                h = part->elts;
                i = 0;
            }

            if (h[i].key.len == name[n].len && h[i].value.len
                && ngx_memcmp(h[i].lowcase_key, name[n].data, name[n].len)
                   == 0)
            {
                *value = h[i].value;
                return NGX_OK;
            }
        }
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_litellm_who_check(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t                 rc;
    ngx_str_t                 asked, param;
    ngx_litellm_config_t     *config;
    ngx_litellm_principal_t  *p;

    static const char  *types[] = {
        "key_model_access_denied",
        "team_model_access_denied",
        "user_model_access_denied",
        "customer_model_access_denied"
    };

    config = ctx->call.config;

    rc = ngx_http_litellm_who_end_user(r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ctx->who.master) {
        return NGX_OK;
    }

    if (config->enforce_user && ctx->who.end_user_id.len == 0) {
        return ngx_http_litellm_auth_refuse(r, ctx, 401, "auth_error", NULL,
                               "Authentication Error, 'user' param not passed "
                               "in. 'enforce_user_param'=True");
    }

    asked = ctx->call.model;

    ngx_http_litellm_who_alias(ctx);

    p = ngx_http_litellm_who_refuses(ctx, config, &asked, &ctx->call.model);

    if (p == NULL) {
        return NGX_OK;
    }

    ngx_str_set(&param, "model");

    return ngx_http_litellm_auth_refuse(r, ctx, 403, types[p->kind], &param,
                               "The requested model '%V' is not available for "
                               "this API key, or the model name is invalid. "
                               "Check the models available to you and try "
                               "again.", &asked);
}


/* the key's own names come before its team's */

static void
ngx_http_litellm_who_alias(ngx_http_litellm_ctx_t *ctx)
{
    ngx_str_t               *model;
    ngx_http_litellm_who_t  *who;

    who = &ctx->who;
    model = &ctx->call.model;

    if (who->key != NULL) {
        model = ngx_litellm_principal_alias(who->key, model);
    }

    if (who->team != NULL && model == &ctx->call.model) {
        model = ngx_litellm_principal_alias(who->team, model);
    }

    ctx->call.model = *model;
}


ngx_uint_t
ngx_http_litellm_who_allows(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_config_t *config, ngx_str_t *name)
{
    return ngx_http_litellm_who_refuses(ctx, config, name, name) == NULL;
}


/* LiteLLM's order; a user's models are for keys that have no team */

static ngx_litellm_principal_t *
ngx_http_litellm_who_refuses(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_config_t *config, ngx_str_t *asked, ngx_str_t *name)
{
    ngx_http_litellm_who_t  *who;

    who = &ctx->who;

    if (who->master) {
        return NULL;
    }

    if (who->team != NULL
        && !ngx_http_litellm_who_may(config, who->team, asked, name))
    {
        return who->team;
    }

    if (who->user != NULL && who->team_id.len == 0
        && !ngx_http_litellm_who_may(config, who->user, asked, name))
    {
        return who->user;
    }

    if (who->end_user != NULL
        && !ngx_http_litellm_who_may(config, who->end_user, asked, name))
    {
        return who->end_user;
    }

    if (who->key == NULL
        || ngx_http_litellm_who_may(config, who->key, asked, name))
    {
        return NULL;
    }

    /* of the team it was looked at above */

    if (who->key->team_models && who->team != NULL) {
        return NULL;
    }

    return who->key;
}


/*
 * An alias that is spread over several groups is allowed by its own name, or
 * if all of them are.
 */

static ngx_uint_t
ngx_http_litellm_who_may(ngx_litellm_config_t *config,
    ngx_litellm_principal_t *p, ngx_str_t *asked, ngx_str_t *name)
{
    ngx_str_t             captured[4], *target;
    ngx_uint_t            i, n, ncaptured;
    ngx_litellm_alias_t  *alias;
    ngx_litellm_group_t  *group;

    if (p->models == NULL) {
        return 1;
    }

    if (ngx_litellm_principal_allows(p, asked, name, NULL)) {
        return 1;
    }

    alias = ngx_litellm_config_alias(config, name);

    target = alias ? alias->targets.elts : name;
    n = alias ? alias->targets.nelts : 1;

    for (i = 0; i < n; i++) {

        group = ngx_litellm_config_group(config, &target[i]);

        if (group == NULL) {
            group = ngx_litellm_config_pattern(config, &target[i], captured,
                                               &ncaptured);
        }

        if (!ngx_litellm_principal_allows(p, &target[i],
                                          group ? &group->name : &target[i],
                                          group ? group->access : NULL))
        {
            return 0;
        }
    }

    return n != 0;
}


/* LiteLLM's order: headers, then members of the body */

static ngx_int_t
ngx_http_litellm_who_end_user(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t                rc;
    ngx_array_t              standard;
    ngx_http_litellm_who_t  *who;

    static ngx_str_t  names[] = {
        ngx_string("x-litellm-customer-id"),
        ngx_string("x-litellm-end-user-id")
    };

    who = &ctx->who;

    ngx_memzero(&standard, sizeof(ngx_array_t));
    standard.elts = names;
    standard.nelts = 2;

    if (who->end_user_id.len == 0
        && (!ngx_http_litellm_route_steered(r, ctx)
            || ngx_http_litellm_who_header(r, &standard, &who->end_user_id)
               != NGX_OK)
        && ngx_http_litellm_who_header(r, &ctx->call.config->user_headers,
                                       &who->end_user_id)
           != NGX_OK)
    {
        rc = ngx_http_litellm_who_body(r, ctx, &who->end_user_id);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (who->end_user_id.len == 0) {
        return NGX_OK;
    }

    if (ngx_http_litellm_who_id(r, &who->end_user_id) != NGX_OK) {
        return NGX_ERROR;
    }

    who->end_user = ngx_http_litellm_who_find(r, NGX_LITELLM_END_USER,
                                              &who->end_user_id);

    if (who->end_user != NULL && who->end_user->blocked) {
        return ngx_http_litellm_auth_refuse(r, ctx, 403, "auth_error", NULL,
                               "Authentication Error, End user=%V is "
                               "blocked.", &who->end_user_id);
    }

    return ngx_http_litellm_who_budget(r, NGX_LITELLM_END_USER,
                                       &who->end_user_id,
                                       &ctx->call.config->end_user_default,
                                       &who->end_user);
}


static ngx_int_t
ngx_http_litellm_who_body(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx,
    ngx_str_t *id)
{
    ngx_uint_t             i;
    ngx_litellm_json_t   **param;
    ngx_litellm_member_t  *m;

    param = ctx->call.param;

    ngx_str_null(id);

    if (ngx_http_litellm_who_text(r, param[NGX_LITELLM_P_USER], id)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    m = ctx->call.control.elts;

    for (i = 0; i < ctx->call.control.nelts && id->len == 0; i++) {
        if (m[i].key.len == sizeof("litellm_metadata") - 1
            && ngx_memcmp(m[i].key.data, "litellm_metadata", m[i].key.len)
               == 0
            && ngx_http_litellm_who_member(r, m[i].value, "user", id)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (id->len == 0
        && ngx_http_litellm_who_member(r, param[NGX_LITELLM_P_METADATA],
                                       "user_id", id)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (id->len == 0
        && ngx_http_litellm_who_text(r,
                                     param[NGX_LITELLM_P_SAFETY_IDENTIFIER],
                                     id)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* of an object of the body, whose members have no nodes */

static ngx_int_t
ngx_http_litellm_who_member(ngx_http_request_t *r, ngx_litellm_json_t *v,
    const char *name, ngx_str_t *id)
{
    ngx_int_t               rc;
    ngx_litellm_json_doc_t  doc;

    if (!ngx_litellm_json_is(v, OBJECT) || v->count == 0) {
        return NGX_OK;
    }

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = r->pool;
    doc.keep = 2;

    rc = ngx_litellm_json_parse(&doc, v->start, v->len);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : NGX_ERROR;
    }

    return ngx_http_litellm_who_text(r,
                                     ngx_litellm_json_get(doc.root, name,
                                                          ngx_strlen(name)),
                                     id);
}


static ngx_int_t
ngx_http_litellm_who_text(ngx_http_request_t *r, ngx_litellm_json_t *v,
    ngx_str_t *id)
{
    ngx_str_t  text;

    if (v == NULL) {
        return NGX_OK;
    }

    if (v->type == NGX_LITELLM_JSON_NUMBER) {
        id->data = v->start;
        id->len = v->len;
        return NGX_OK;
    }

    if (v->type != NGX_LITELLM_JSON_STRING) {
        return NGX_OK;
    }

    text = ngx_litellm_json_text(v);

    return ngx_litellm_json_unescape(r->pool, id, &text);
}


/* an id may be anything that a client sends: what is kept of it is bounded */

static ngx_int_t
ngx_http_litellm_who_id(ngx_http_request_t *r, ngx_str_t *id)
{
    u_char  *p;

    if (id->len <= NGX_HTTP_LITELLM_WHO_ID) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_LITELLM_KEY_HASH);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_litellm_key_hash(id, p);

    id->data = p;
    id->len = NGX_LITELLM_KEY_HASH;

    return NGX_OK;
}


/* everybody's budget for who has none: *p may be NULL before */

static ngx_int_t
ngx_http_litellm_who_budget(ngx_http_request_t *r,
    ngx_litellm_principal_e kind, ngx_str_t *id, ngx_litellm_limits_t *limits,
    ngx_litellm_principal_t **p)
{
    ngx_litellm_principal_t  *copy;

    if (limits->budget.max < 0
        || (*p != NULL && (*p)->limits.budget.max >= 0))
    {
        return NGX_OK;
    }

    copy = ngx_pcalloc(r->pool, sizeof(ngx_litellm_principal_t));
    if (copy == NULL) {
        return NGX_ERROR;
    }

    if (*p != NULL) {
        *copy = **p;
        copy->stored = 0;

    } else {
        copy->kind = kind;
        copy->id = *id;
        copy->limits = *limits;
    }

    copy->limits.budget = limits->budget;

    *p = copy;

    return NGX_OK;
}
