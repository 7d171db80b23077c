
/*
 * GET /models and GET /models/{id}: the names that clients may ask for, in the
 * order of the file, then the aliases.  A wildcard is listed as it is written:
 * which of a provider's models it stands for, only the provider knows.
 *
 * A key sees what it may use: names, and those of its own list that a wildcard
 * stands for.
 *
 * Mode and limits of a name are those of its first deployment.
 */

#include "ngx_http_litellm.h"


/* LiteLLM has one date for all models */
#define NGX_HTTP_LITELLM_MODELS_CREATED  "1677610602"


static ngx_uint_t ngx_http_litellm_models_groups(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_config_t *conf, ngx_litellm_out_t *out, ngx_array_t *groups,
    ngx_uint_t n);
static ngx_uint_t ngx_http_litellm_models_own(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_config_t *conf, ngx_litellm_out_t *out, ngx_uint_t n);
static void ngx_http_litellm_models_entry(ngx_litellm_out_t *out,
    ngx_str_t *name, ngx_litellm_group_t *group);
static ngx_litellm_group_t *ngx_http_litellm_models_alias(
    ngx_litellm_config_t *conf, ngx_litellm_alias_t *alias);
static ngx_int_t ngx_http_litellm_models_unknown(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);


static ngx_str_t  ngx_http_litellm_modes[] = {
    ngx_null_string,
    ngx_string("chat"),
    ngx_string("completion"),
    ngx_string("embedding"),
    ngx_string("responses"),
    ngx_string("rerank"),
    ngx_string("image_generation"),
    ngx_string("audio_transcription"),
    ngx_string("audio_speech"),
    ngx_string("moderation"),
    ngx_string("realtime")
};


ngx_int_t
ngx_http_litellm_models(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t                      rc;
    ngx_uint_t                     i, n;
    ngx_litellm_out_t              out;
    ngx_litellm_alias_t           *alias;
    ngx_litellm_config_t          *conf;
    ngx_http_litellm_loc_conf_t   *lcf;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);
    conf = lcf->config;

    ngx_litellm_out_init(&out, r->pool);

    ngx_litellm_out_lit(&out, "{\"data\":[");

    n = ngx_http_litellm_models_groups(ctx, conf, &out, &conf->groups, 0);

    alias = conf->aliases.elts;

    for (i = 0; i < conf->aliases.nelts; i++) {

        /* an alias may have the name of a group that it spreads */

        if (alias[i].hidden
            || ngx_litellm_config_group(conf, &alias[i].name) != NULL
            || !ngx_http_litellm_who_allows(ctx, conf, &alias[i].name))
        {
            continue;
        }

        if (n++) {
            ngx_litellm_out_lit(&out, ",");
        }

        ngx_http_litellm_models_entry(&out, &alias[i].name,
                             ngx_http_litellm_models_alias(conf, &alias[i]));
    }

    n = ngx_http_litellm_models_groups(ctx, conf, &out, &conf->directs, n);
    (void) ngx_http_litellm_models_own(ctx, conf, &out, n);

    ngx_litellm_out_lit(&out, "],\"object\":\"list\"}");

    return ngx_http_litellm_send_body(r, ctx, NULL, NGX_HTTP_OK, &out);
}


/* n: how many are listed already; returns it with these */

static ngx_uint_t
ngx_http_litellm_models_groups(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_config_t *conf, ngx_litellm_out_t *out, ngx_array_t *groups,
    ngx_uint_t n)
{
    ngx_uint_t             i;
    ngx_litellm_group_t  **group;

    group = groups->elts;

    for (i = 0; i < groups->nelts; i++) {

        if (group[i]->hidden
            || !ngx_http_litellm_who_allows(ctx, conf, &group[i]->name))
        {
            continue;
        }

        if (n++) {
            ngx_litellm_out_lit(out, ",");
        }

        ngx_http_litellm_models_entry(out, &group[i]->name, group[i]);
    }

    return n;
}


/* of a key that may use a part of a wildcard group: that part */

static ngx_uint_t
ngx_http_litellm_models_own(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_config_t *conf, ngx_litellm_out_t *out, ngx_uint_t n)
{
    ngx_str_t                 captured[4], *name;
    ngx_uint_t                i, ncaptured;
    ngx_array_t              *models;
    ngx_litellm_group_t      *group;
    ngx_http_litellm_who_t   *who;

    who = &ctx->who;

    models = (who->key && who->key->models && !who->key->team_models)
             ? who->key->models
             : (who->team && who->team->models) ? who->team->models
             : (who->user && who->team_id.len == 0) ? who->user->models
             : NULL;

    if (who->master || models == NULL) {
        return n;
    }

    name = models->elts;

    for (i = 0; i < models->nelts; i++) {

        if (ngx_litellm_config_group(conf, &name[i]) != NULL
            || ngx_litellm_config_alias(conf, &name[i]) != NULL
            || (name[i].len == 1 && name[i].data[0] == '*'))
        {
            continue;
        }

        group = ngx_litellm_config_pattern(conf, &name[i], captured,
                                           &ncaptured);

        if (group == NULL
            || ngx_http_litellm_who_allows(ctx, conf, &group->name)
            || !ngx_http_litellm_who_allows(ctx, conf, &name[i]))
        {
            continue;
        }

        if (n++) {
            ngx_litellm_out_lit(out, ",");
        }

        ngx_http_litellm_models_entry(out, &name[i], group);
    }

    return n;
}


/* what a request for this name would find */

ngx_int_t
ngx_http_litellm_model(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_str_t                      captured[4];
    ngx_int_t                      rc;
    ngx_uint_t                     n;
    ngx_litellm_out_t              out;
    ngx_litellm_alias_t           *alias;
    ngx_litellm_group_t           *group;
    ngx_litellm_config_t          *conf;
    ngx_http_litellm_loc_conf_t   *lcf;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);
    conf = lcf->config;

    group = ngx_litellm_config_group(conf, &ctx->path_model);

    if (group == NULL) {

        alias = ngx_litellm_config_alias(conf, &ctx->path_model);

        if (alias != NULL) {
            group = ngx_http_litellm_models_alias(conf, alias);

        } else {
            group = ngx_litellm_config_pattern(conf, &ctx->path_model,
                                               captured, &n);
        }

        if (group == NULL) {
            return ngx_http_litellm_models_unknown(r, ctx);
        }
    }

    if (!ngx_http_litellm_who_allows(ctx, conf, &ctx->path_model)) {
        return ngx_http_litellm_models_unknown(r, ctx);
    }

    ngx_litellm_out_init(&out, r->pool);
    ngx_http_litellm_models_entry(&out, &ctx->path_model, group);

    return ngx_http_litellm_send_body(r, ctx, NULL, NGX_HTTP_OK, &out);
}


/* group: NULL for an alias that leads to a wildcard */

static void
ngx_http_litellm_models_entry(ngx_litellm_out_t *out, ngx_str_t *name,
    ngx_litellm_group_t *group)
{
    ngx_str_t                 *mode;
    ngx_litellm_deployment_t  *d, **dp;

    ngx_litellm_out_lit(out, "{\"id\":");
    ngx_litellm_out_json(out, name);
    ngx_litellm_out_lit(out, ",\"object\":\"model\",\"created\":"
                             NGX_HTTP_LITELLM_MODELS_CREATED
                             ",\"owned_by\":\"openai\"");

    if (group != NULL && group->deployments.nelts) {

        dp = group->deployments.elts;
        d = dp[0];

        mode = ngx_http_litellm_mode_name(d->mode);

        if (mode->len) {
            ngx_litellm_out_lit(out, ",\"mode\":\"");
            ngx_litellm_out_str(out, mode);
            ngx_litellm_out_lit(out, "\"");
        }

        if (d->info != NULL && d->info->max_input) {
            ngx_litellm_out_lit(out, ",\"max_input_tokens\":");
            ngx_litellm_out_int(out, d->info->max_input);
        }

        if (d->info != NULL && d->info->max_output) {
            ngx_litellm_out_lit(out, ",\"max_output_tokens\":");
            ngx_litellm_out_int(out, d->info->max_output);
        }
    }

    ngx_litellm_out_lit(out, "}");
}


ngx_str_t *
ngx_http_litellm_mode_name(ngx_litellm_mode_e mode)
{
    if ((ngx_uint_t) mode >= sizeof(ngx_http_litellm_modes)
                             / sizeof(ngx_str_t))
    {
        return &ngx_http_litellm_modes[0];
    }

    return &ngx_http_litellm_modes[mode];
}


static ngx_litellm_group_t *
ngx_http_litellm_models_alias(ngx_litellm_config_t *conf,
    ngx_litellm_alias_t *alias)
{
    ngx_str_t             captured[4], *target;
    ngx_uint_t            i, n;
    ngx_litellm_group_t  *group;

    target = alias->targets.elts;

    for (i = 0; i < alias->targets.nelts; i++) {

        group = ngx_litellm_config_group(conf, &target[i]);

        if (group == NULL) {
            group = ngx_litellm_config_pattern(conf, &target[i], captured, &n);
        }

        if (group != NULL) {
            return group;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_litellm_models_unknown(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    u_char               *p;
    ngx_litellm_error_t  *e;

    e = &ctx->error;

    (void) ngx_http_litellm_refuse(e, NGX_LITELLM_NOT_FOUND,
                                   NGX_HTTP_NOT_FOUND,
                                   "invalid_request_error", "");

    p = ngx_pnalloc(r->pool, ctx->path_model.len
                    + sizeof("The model `` does not exist or is not "
                             "accessible"));
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    e->message.data = p;
    e->message.len = ngx_sprintf(p, "The model `%V` does not exist or is not "
                                 "accessible", &ctx->path_model)
                     - p;

    ngx_str_set(&e->param, "model");
    ngx_str_set(&e->code, "model_not_found");

    return ngx_http_litellm_send_error(r, ctx, e);
}
