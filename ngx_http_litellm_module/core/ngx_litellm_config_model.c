
/*
 * model_list: each element becomes a deployment (one for each organization if
 * it lists several), in the order of the file.
 *
 * A key of litellm_params is looked for in the element, then in the
 * credential it names, then in router_settings.default_litellm_params.  A key
 * that is nobody's goes upstream as a default member of the body, as LiteLLM
 * sends it.  A deployment whose provider is unknown, not served yet or not to
 * be reached is left out with a warning; one whose variable is not set stays,
 * without credentials.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"


typedef struct {
    ngx_str_node_t             sn;
    ngx_litellm_deployment_t  *deployment;
} ngx_litellm_cf_id_t;


static void ngx_litellm_cf_model(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *entry);
static ngx_int_t ngx_litellm_cf_name(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_entry_t *e);
static void ngx_litellm_cf_maps(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_entry_t *e);
static void ngx_litellm_cf_deployment(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_entry_t *e, ngx_litellm_yaml_t *organization);
static ngx_int_t ngx_litellm_cf_provider(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_cf_entry_t *e);
static void ngx_litellm_cf_no_provider(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_cf_entry_t *e, ngx_str_t *hint);
static ngx_int_t ngx_litellm_cf_id(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_cf_entry_t *e);


void
ngx_litellm_cf_models(ngx_litellm_cf_t *cf)
{
    ngx_uint_t                i;
    ngx_litellm_yaml_t      **lists;
    ngx_litellm_cf_part_t    *part;
    ngx_litellm_yaml_pair_t  *pair;

    part = ngx_litellm_cf_part(cf, "model_list");

    if (part == NULL) {
        return;
    }

    if (part->value->type == NGX_LITELLM_YAML_MAP
        || (part->value->type == NGX_LITELLM_YAML_SCALAR
            && part->value->kind != NGX_LITELLM_YAML_NULL))
    {
        ngx_litellm_cf_error(cf, part->key, "\"model_list\" must be a list: "
                             "- model_name: ...");
        return;
    }

    lists = part->lists.elts;

    for (i = 0; i < part->lists.nelts; i++) {
        for (pair = lists[i]->first; pair; pair = pair->next) {

            ngx_litellm_cf_model(cf, pair->value);

            if (cf->failed) {
                return;
            }
        }
    }
}


static void
ngx_litellm_cf_model(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *entry)
{
    ngx_litellm_yaml_t       *params, *model, *org;
    ngx_litellm_yaml_pair_t  *pair;
    ngx_litellm_cf_entry_t    e;

    if (entry->type != NGX_LITELLM_YAML_MAP) {
        ngx_litellm_cf_error(cf, entry, "an element of model_list must be a "
                             "map with model_name and litellm_params");
        return;
    }

    ngx_memzero(&e, sizeof(ngx_litellm_cf_entry_t));

    e.entry = entry;

    ngx_litellm_cf_lint(cf, NGX_LITELLM_CF_ENTRY, entry);

    params = ngx_litellm_yaml_member(entry, "litellm_params");

    if (ngx_litellm_cf_name(cf, &e) != NGX_OK) {
        return;
    }

    if (params == NULL || params->type != NGX_LITELLM_YAML_MAP) {
        ngx_litellm_cf_error(cf, params ? params : entry,
                             "\"%V\": litellm_params %s", &e.shown,
                             params ? "must be a map" : "is missing");
        return;
    }

    e.maps[0] = params;

    ngx_litellm_cf_lint(cf, NGX_LITELLM_CF_PARAMS, params);

    e.info = ngx_litellm_yaml_member(entry, "model_info");

    if (e.info != NULL && e.info->type != NGX_LITELLM_YAML_MAP) {

        if (e.info->type != NGX_LITELLM_YAML_SCALAR
            || e.info->kind != NGX_LITELLM_YAML_NULL)
        {
            ngx_litellm_cf_error(cf, e.info, "\"model_info\" must be a map");
            return;
        }

        e.info = NULL;
    }

    ngx_litellm_cf_lint(cf, NGX_LITELLM_CF_INFO, e.info);
    ngx_litellm_cf_maps(cf, &e);

    model = ngx_litellm_cf_param(&e, "model");

    if (model == NULL || (model->type == NGX_LITELLM_YAML_SCALAR
                          && model->text.len == 0))
    {
        ngx_litellm_cf_error(cf, params, "\"%V\": litellm_params.model is "
                             "missing", &e.shown);
        return;
    }

    org = ngx_litellm_cf_param(&e, "organization");

    if (org != NULL && org->type == NGX_LITELLM_YAML_LIST && org->count) {
        for (pair = org->first; pair; pair = pair->next) {
            ngx_litellm_cf_deployment(cf, &e, pair->value);
        }

        return;
    }

    ngx_litellm_cf_deployment(cf, &e, org);
}


static ngx_int_t
ngx_litellm_cf_name(ngx_litellm_cf_t *cf, ngx_litellm_cf_entry_t *e)
{
    size_t               i;
    ngx_int_t            rc;
    ngx_str_t            name;
    ngx_uint_t           stars;
    ngx_litellm_yaml_t  *v;

    v = ngx_litellm_yaml_member(e->entry, "model_name");

    rc = ngx_litellm_cf_str(cf, v, "model_name", &e->name);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED && cf->last_unset.len) {
        name = cf->last_unset;
        ngx_litellm_cf_unset(cf, v, &name, "it names a model, which is left "
                             "out");
        return NGX_DECLINED;
    }

    if (rc == NGX_DECLINED || e->name.len == 0) {
        ngx_litellm_cf_error(cf, v ? v : e->entry, "model_name is missing");
        return NGX_ERROR;
    }

    if (ngx_litellm_cf_control(&e->name)) {
        ngx_litellm_cf_error(cf, v, "model_name has a control character");
        return NGX_ERROR;
    }

    e->shown = *ngx_litellm_cf_shown(v, &e->name);

    if (e->shown.data != e->name.data
        && ngx_litellm_cf_set_add(cf, &cf->unshown, &e->name) == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    stars = 0;

    for (i = 0; i < e->name.len; i++) {
        stars += (e->name.data[i] == '*');
    }

    if (stars > 4) {
        ngx_litellm_cf_error(cf, v, "model_name \"%V\" has more than 4 stars",
                             &e->shown);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_litellm_cf_maps(ngx_litellm_cf_t *cf, ngx_litellm_cf_entry_t *e)
{
    ngx_str_t                 name, other;
    ngx_litellm_yaml_t       *v, *values;
    ngx_litellm_yaml_pair_t  *pair;

    e->maps[2] = cf->default_params;

    v = ngx_litellm_yaml_member(e->maps[0], "litellm_credential_name");

    if (v == NULL || ngx_litellm_cf_str(cf, v, "litellm_credential_name",
                                        &name) != NGX_OK)
    {
        return;
    }

    if (cf->credentials != NULL
        && cf->credentials->type == NGX_LITELLM_YAML_LIST)
    {
        for (pair = cf->credentials->first; pair; pair = pair->next) {

            if (ngx_litellm_cf_str(cf,
                        ngx_litellm_yaml_member(pair->value,
                                                "credential_name"),
                        "credential_name", &other) != NGX_OK
                || other.len != name.len
                || ngx_memcmp(other.data, name.data, name.len) != 0)
            {
                continue;
            }

            values = ngx_litellm_yaml_member(pair->value,
                                             "credential_values");

            if (values != NULL && values->type == NGX_LITELLM_YAML_MAP) {
                e->maps[1] = values;
                return;
            }
        }
    }

    ngx_litellm_cf_warn(cf, v, "no credential_list element has the "
                        "credential_name \"%V\"",
                        ngx_litellm_cf_shown(v, &name));
}


static void
ngx_litellm_cf_deployment(ngx_litellm_cf_t *cf, ngx_litellm_cf_entry_t *e,
    ngx_litellm_yaml_t *organization)
{
    ngx_str_t                   name;
    ngx_litellm_yaml_t         *v;
    ngx_litellm_deployment_t   *d, **item;

    d = ngx_palloc(cf->pool, sizeof(ngx_litellm_deployment_t));
    if (d == NULL) {
        cf->failed = 1;
        return;
    }

    ngx_litellm_cf_deployment_init(d);

    d->group = e->name;
    d->file = *e->entry->file;
    d->line = e->entry->line;

    v = ngx_litellm_cf_param(e, "model");

    switch (ngx_litellm_cf_str(cf, v, "model", &d->full_model)) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        name = cf->last_unset;

        if (name.len) {
            ngx_litellm_cf_unset(cf, v, &name, "it names a model, which is "
                                 "left out");
        }

        (void) ngx_litellm_cf_set_add(cf, &cf->left_out, &d->group);
        return;

    default:
        return;
    }

    if (ngx_litellm_cf_control(&d->full_model) || d->full_model.len == 0) {
        ngx_litellm_cf_error(cf, v, "\"model\" is empty or has a control "
                             "character");
        return;
    }

    v = ngx_litellm_cf_param(e, "mock_response");

    if (v != NULL) {
        d->mock = (ngx_litellm_cf_str(cf, v, "mock_response",
                                      &d->mock_response) == NGX_OK);
    }

    ngx_litellm_cf_params(cf, d, e, organization);

    if (e->info != NULL) {
        if (ngx_litellm_cf_json(cf, e->info, NGX_LITELLM_CF_RAW,
                                &d->model_info) == NGX_ERROR)
        {
            return;
        }

    } else {
        ngx_str_set(&d->model_info, "{}");
    }

    ngx_litellm_cf_mode(cf, d, e);

    if (cf->failed || ngx_litellm_cf_provider(cf, d, e) != NGX_OK) {
        (void) ngx_litellm_cf_set_add(cf, &cf->left_out, &d->group);
        return;
    }

    ngx_litellm_cf_info(cf, d, e);
    ngx_litellm_cf_prices(cf, d, e);
    ngx_litellm_cf_health_info(cf, d, e);
    ngx_litellm_cf_windows(cf, d, e);
    ngx_litellm_cf_cache_deployment(cf, d, e);

    if (ngx_litellm_cf_id(cf, d, e) != NGX_OK) {
        return;
    }

    d->index = cf->conf->deployments.nelts;

    item = ngx_array_push(&cf->conf->deployments);
    if (item == NULL) {
        cf->failed = 1;
        return;
    }

    *item = d;

    if (ngx_litellm_cf_group(cf, d) != NGX_OK) {
        cf->failed = 1;
    }
}


void
ngx_litellm_cf_deployment_init(ngx_litellm_deployment_t *d)
{
    ngx_memzero(d, sizeof(ngx_litellm_deployment_t));

    d->num_retries = -1;
    d->order = NGX_MAX_INT_T_VALUE;
    d->weight = -1;
    d->rpm = -1;
    d->tpm = -1;
    d->max_parallel = -1;
    d->cooldown_time = -1;
    d->allowed_fails = -1;
    d->budget.max = -1;
    d->cache_ttl = -1;
    d->tag_filtering = NGX_CONF_UNSET;
    d->drop_params = NGX_CONF_UNSET;
}


static ngx_int_t
ngx_litellm_cf_provider(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_cf_entry_t *e)
{
    ngx_int_t            rc;
    ngx_str_t            hint;
    const char          *why;
    ngx_uint_t           missing;
    ngx_litellm_yaml_t  *v;

    v = ngx_litellm_cf_param(e, "model");
    ngx_str_null(&hint);
    missing = d->no_credentials;

    rc = cf->caller->provider(&cf->env, cf->pool, d, &hint);

    if (rc == NGX_ERROR) {
        cf->failed = 1;
        return NGX_ERROR;
    }

    if (rc == NGX_ABORT) {
        ngx_litellm_cf_warn(cf, v, "\"%V\": the provider \"%V\" is not "
                            "served yet by this module: this deployment is "
                            "left out", &e->shown, &hint);
        return NGX_DECLINED;
    }

    if (rc == NGX_DECLINED) {
        ngx_litellm_cf_no_provider(cf, d, e, &hint);
        return NGX_DECLINED;
    }

    if (rc == NGX_BUSY) {
        ngx_litellm_cf_warn(cf, v, "\"%V\": %V: this deployment is left out",
                            &e->shown, &hint);
        return NGX_DECLINED;
    }

    if (d->no_credentials && !missing) {
        ngx_litellm_cf_unset(cf, v, &d->missing_env, "deployments without an "
                             "api_key that need it are without credentials");
    }

    if (d->mock && d->api_base.len == 0) {
        return NGX_OK;
    }

    v = ngx_litellm_cf_param(e, "api_base");

    if (v == NULL) {
        v = ngx_litellm_cf_param(e, "base_url");
    }

    if (v == NULL) {
        v = ngx_litellm_cf_param(e, "model");
    }

    if (d->api_base.len == 0) {
        ngx_litellm_cf_warn(cf, v, "\"%V\": this provider needs an api_base: "
                            "this deployment is left out", &e->shown);
        return NGX_DECLINED;
    }

    rc = ngx_litellm_url_parse(cf->pool, &d->api_base, &d->url, &why);

    if (rc == NGX_ERROR) {
        cf->failed = 1;
        return NGX_ERROR;
    }

    if (rc != NGX_OK && !d->mock) {

        /* the value may come from the environment or hold a password */

        ngx_litellm_cf_warn(cf, v, "\"%V\": api_base %s: this deployment is "
                            "left out", &e->shown, why);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static void
ngx_litellm_cf_no_provider(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_cf_entry_t *e, ngx_str_t *hint)
{
    u_char              *p;
    ngx_str_t            prefix;
    ngx_litellm_yaml_t  *v;

    if (d->custom_provider.len) {
        v = ngx_litellm_cf_param(e, "custom_llm_provider");
        prefix = *ngx_litellm_cf_shown(v, &d->custom_provider);

    } else {
        v = ngx_litellm_cf_param(e, "model");

        p = ngx_strlchr(d->full_model.data,
                        d->full_model.data + d->full_model.len, '/');

        if (p == NULL) {
            ngx_litellm_cf_warn(cf, v, "\"%V\": the provider of a model "
                                "without a prefix is not known: write "
                                "PROVIDER/MODEL, or openai/MODEL with an "
                                "api_base for a server of your own; this "
                                "deployment is left out", &e->shown);
            return;
        }

        prefix.data = d->full_model.data;
        prefix.len = p - prefix.data;
        prefix = *ngx_litellm_cf_shown(v, &prefix);
    }

    if (hint->len) {
        ngx_litellm_cf_warn(cf, v, "\"%V\": unknown provider \"%V\", did you "
                            "mean \"%V\"? (for a server of your own: "
                            "openai/MODEL with an api_base); this deployment "
                            "is left out", &e->shown, &prefix, hint);
        return;
    }

    ngx_litellm_cf_warn(cf, v, "\"%V\": unknown provider \"%V\"; for a server "
                        "of your own write openai/MODEL with an api_base; "
                        "this deployment is left out", &e->shown, &prefix);
}


static ngx_int_t
ngx_litellm_cf_id(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_cf_entry_t *e)
{
    uint32_t              hash;
    ngx_int_t             rc;
    ngx_uint_t            salt, given;
    ngx_litellm_yaml_t   *v;
    ngx_litellm_cf_id_t  *id;

    v = ngx_litellm_yaml_member(e->info, "id");

    rc = ngx_litellm_cf_str(cf, v, "model_info.id", &d->id);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    given = (rc == NGX_OK && d->id.len != 0);

    if (given && ngx_litellm_cf_control(&d->id)) {
        ngx_litellm_cf_error(cf, v, "model_info.id has a control character");
        return NGX_ERROR;
    }

    for (salt = 0; /* void */ ; salt++) {

        /* with the index in it the second try is free, whatever is equal */

        if (!given
            && ngx_litellm_cf_digest(cf, &d->group, e->maps[0],
                                     salt ? cf->conf->deployments.nelts + salt
                                          : 0,
                                     &d->id)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        hash = ngx_crc32_long(d->id.data, d->id.len);

        id = (ngx_litellm_cf_id_t *)
                 ngx_str_rbtree_lookup(&cf->ids, &d->id, hash);

        if (id == NULL) {
            break;
        }

        if (given && id->deployment->line == d->line
            && id->deployment->file.data == d->file.data)
        {
            /* the same element for another organization */

            given = 0;
            continue;
        }

        if (given) {
            ngx_litellm_cf_error(cf, v, "model_info.id \"%V\" is used by the "
                                 "deployment of %V:%ui too",
                                 ngx_litellm_cf_shown(v, &d->id),
                                 &id->deployment->file,
                                 id->deployment->line);
            return NGX_ERROR;
        }
    }

    id = ngx_palloc(cf->temp, sizeof(ngx_litellm_cf_id_t));
    if (id == NULL) {
        cf->failed = 1;
        return NGX_ERROR;
    }

    id->sn.str = d->id;
    id->sn.node.key = hash;
    id->deployment = d;

    ngx_rbtree_insert(&cf->ids, &id->sn.node);

    return NGX_OK;
}
