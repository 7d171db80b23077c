
/*
 * Health checks that run without being asked for: which deployments they call,
 * how often, and whether requests keep away from those that fail.
 *
 * LiteLLM's proxy reads these keys in general_settings and hands some of them
 * to its Router, which has them as parameters too: what router_settings says
 * counts first.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"


#define NGX_LITELLM_CF_HEALTH_INTERVAL  300000
#define NGX_LITELLM_CF_HEALTH_TOKENS    1000000


static ngx_litellm_yaml_t *ngx_litellm_cf_health_key(ngx_litellm_cf_t *cf,
    const char *name);
static void ngx_litellm_cf_health_all(ngx_litellm_cf_t *cf);
static void ngx_litellm_cf_health_groups(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v);


void
ngx_litellm_cf_health(ngx_litellm_cf_t *cf)
{
    int64_t                n;
    ngx_litellm_yaml_t    *general, *v;
    ngx_litellm_health_t  *h;

    h = &cf->conf->health;
    general = ngx_litellm_cf_section(cf, "general_settings");

    h->interval = NGX_LITELLM_CF_HEALTH_INTERVAL;
    h->details = 1;

    (void) ngx_litellm_cf_flag(cf,
                      ngx_litellm_yaml_member(general,
                                              "background_health_checks"),
                      "background_health_checks", &h->background);
    (void) ngx_litellm_cf_flag(cf,
                      ngx_litellm_yaml_member(general,
                                              "health_check_details"),
                      "health_check_details", &h->details);
    (void) ngx_litellm_cf_flag(cf,
                      ngx_litellm_yaml_member(general,
                                     "allow_public_health_readiness_details"),
                      "allow_public_health_readiness_details",
                      &h->ready_details);
    (void) ngx_litellm_cf_flag(cf,
                      ngx_litellm_yaml_member(general,
                             "health_check_skip_disabled_background_models"),
                      "health_check_skip_disabled_background_models",
                      &h->skip_disabled);

    v = ngx_litellm_yaml_member(general, "health_check_interval");

    if (ngx_litellm_cf_msec(cf, v, "health_check_interval", &h->interval)
        == NGX_OK
        && h->interval == 0)
    {
        ngx_litellm_cf_error(cf, v, "\"health_check_interval\" must be more "
                             "than 0 seconds");
    }

    if (ngx_litellm_cf_int(cf,
                       ngx_litellm_yaml_member(general,
                                               "health_check_concurrency"),
                       "health_check_concurrency", 1, 100000, &n)
        == NGX_OK)
    {
        h->parallel = (ngx_uint_t) n;
    }

    v = ngx_litellm_cf_health_key(cf, "enable_health_check_routing");

    (void) ngx_litellm_cf_flag(cf, v, "enable_health_check_routing",
                               &h->routing);

    if (h->routing && !h->background) {
        ngx_litellm_cf_warn(cf, v, "\"enable_health_check_routing\" has no "
                            "effect without "
                            "general_settings.background_health_checks");
    }

    (void) ngx_litellm_cf_flag(cf,
                      ngx_litellm_cf_health_key(cf,
                                     "health_check_ignore_transient_errors"),
                      "health_check_ignore_transient_errors",
                      &h->ignore_transient);

    /* LiteLLM's default: twice the interval */

    h->stale = ngx_min(h->interval, 0x3fffffff) * 2;

    (void) ngx_litellm_cf_msec(cf,
                      ngx_litellm_cf_health_key(cf,
                                         "health_check_staleness_threshold"),
                      "health_check_staleness_threshold", &h->stale);

    v = ngx_litellm_cf_health_key(cf, "background_health_check_model_groups");

    if (!h->background) {
        return;
    }

    if (v == NULL) {
        ngx_litellm_cf_health_all(cf);

    } else {
        ngx_litellm_cf_health_groups(cf, v);
    }
}


/* NULL for an absent or null value */

static ngx_litellm_yaml_t *
ngx_litellm_cf_health_key(ngx_litellm_cf_t *cf, const char *name)
{
    ngx_uint_t           i;
    ngx_litellm_yaml_t  *v;

    for (i = 0; i < 2; i++) {
        v = ngx_litellm_yaml_get(
                       ngx_litellm_cf_section(cf, i ? "general_settings"
                                                    : "router_settings"),
                       name, ngx_strlen(name));

        if (v != NULL && (v->type != NGX_LITELLM_YAML_SCALAR
                          || v->kind != NGX_LITELLM_YAML_NULL))
        {
            return v;
        }
    }

    return NULL;
}


static void
ngx_litellm_cf_health_all(ngx_litellm_cf_t *cf)
{
    ngx_uint_t                  i;
    ngx_litellm_deployment_t  **d;

    d = cf->conf->deployments.elts;

    for (i = 0; i < cf->conf->deployments.nelts; i++) {
        d[i]->checked = !d[i]->unchecked;
    }
}


static void
ngx_litellm_cf_health_groups(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v)
{
    ngx_str_t                  *name;
    ngx_uint_t                  i, j;
    ngx_array_t                *names;
    ngx_litellm_group_t        *group;
    ngx_litellm_deployment_t  **d;

    /* as in LiteLLM no single text: its letters would be names */

    if (v->type != NGX_LITELLM_YAML_LIST) {
        ngx_litellm_cf_error(cf, v, "\"background_health_check_model_groups\" "
                             "must be a list of model_names");
        return;
    }

    names = NULL;

    if (ngx_litellm_cf_strings(cf, v, "background_health_check_model_groups",
                               &names)
        != NGX_OK)
    {
        return;
    }

    name = names->elts;

    for (i = 0; i < names->nelts; i++) {

        group = ngx_litellm_config_group(cf->conf, &name[i]);

        if (group == NULL) {
            ngx_litellm_cf_warn(cf, v, "\"background_health_check_model_"
                                "groups\" has \"%V\", which is no model_name",
                                ngx_litellm_cf_shown(v, &name[i]));
            continue;
        }

        d = group->deployments.elts;

        for (j = 0; j < group->deployments.nelts; j++) {
            d[j]->checked = !d[j]->unchecked;
        }
    }
}


/* what model_info says of checks of this deployment */

void
ngx_litellm_cf_health_info(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_cf_entry_t *e)
{
    int64_t     n;
    ngx_flag_t  flag;

    if (e->info == NULL) {
        return;
    }

    flag = 0;

    (void) ngx_litellm_cf_flag(cf,
                      ngx_litellm_yaml_member(e->info,
                                          "disable_background_health_check"),
                      "disable_background_health_check", &flag);

    d->unchecked = flag;

    (void) ngx_litellm_cf_msec(cf,
                      ngx_litellm_yaml_member(e->info,
                                              "health_check_timeout"),
                      "health_check_timeout", &d->health_timeout);

    if (ngx_litellm_cf_int(cf,
                       ngx_litellm_yaml_member(e->info,
                                               "health_check_max_tokens"),
                       "health_check_max_tokens", 1,
                       NGX_LITELLM_CF_HEALTH_TOKENS, &n)
        == NGX_OK)
    {
        d->health_tokens = (ngx_uint_t) n;
    }
}
