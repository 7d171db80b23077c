
/*
 * Budgets of deployments, providers, tags and groups, and how limits are kept:
 * what a request without max_tokens is taken to produce, what happens without
 * a price.  Limits of keys, teams and users are records of their own
 * (ngx_litellm_principal.h).
 *
 * LiteLLM has the settings in general_settings, some in litellm_settings: both
 * are looked at, what general_settings says counts first.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"


#define NGX_LITELLM_CF_MONEY_SCALE   12
#define NGX_LITELLM_CF_OUTPUT_MAX    100000000
#define NGX_LITELLM_CF_BUDGETS       1000


static void ngx_litellm_cf_budget(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *max,
    ngx_litellm_yaml_t *duration, ngx_litellm_budget_t *budget);
static void ngx_litellm_cf_budgets(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *map, const char *name, ngx_array_t **dst);
static ngx_litellm_yaml_t *ngx_litellm_cf_either(ngx_litellm_yaml_t *map,
    const char *name, const char *other);
static ngx_litellm_yaml_t *ngx_litellm_cf_keeping(ngx_litellm_cf_t *cf,
    const char *name);


void
ngx_litellm_cf_limiting(ngx_litellm_cf_t *cf)
{
    int64_t                  n;
    ngx_flag_t               off;
    ngx_litellm_yaml_t      *router;
    ngx_litellm_limiting_t  *l;

    l = &cf->conf->limiting;

    l->output = -1;
    l->budget_status = 422;

    off = 0;

    (void) ngx_litellm_cf_flag(cf,
                  ngx_litellm_cf_keeping(cf, "disable_budget_reservation"),
                  "disable_budget_reservation", &off);
    l->reserve_budgets = !off;

    (void) ngx_litellm_cf_flag(cf,
                  ngx_litellm_cf_keeping(cf,
                               "block_requests_for_models_without_pricing"),
                  "block_requests_for_models_without_pricing",
                  &l->block_unpriced);

    (void) ngx_litellm_cf_flag(cf,
                  ngx_litellm_cf_keeping(cf,
                                            "fail_closed_budget_enforcement"),
                  "fail_closed_budget_enforcement", &l->worst_case);

    (void) ngx_litellm_cf_flag(cf,
                  ngx_litellm_cf_keeping(cf,
                                            "apply_user_budget_to_team_keys"),
                  "apply_user_budget_to_team_keys", &l->user_of_team_keys);

    if (ngx_litellm_cf_int(cf,
                  ngx_litellm_cf_keeping(cf, "budget_exceeded_status_code"),
                  "budget_exceeded_status_code", 400, 499, &n)
        == NGX_OK)
    {
        l->budget_status = (ngx_uint_t) n;
    }

    if (ngx_litellm_cf_int(cf,
                  ngx_litellm_cf_keeping(cf,
                                            "default_estimated_output_tokens"),
                  "default_estimated_output_tokens", 0,
                  NGX_LITELLM_CF_OUTPUT_MAX, &n)
        == NGX_OK)
    {
        l->output = n;
    }

    router = ngx_litellm_cf_section(cf, "router_settings");

    ngx_litellm_cf_budgets(cf,
                  ngx_litellm_yaml_member(router, "provider_budget_config"),
                  "provider_budget_config", &l->providers);
    ngx_litellm_cf_budgets(cf,
                  ngx_litellm_yaml_member(router, "model_budget_config"),
                  "model_budget_config", &l->models);
    ngx_litellm_cf_budgets(cf,
                  ngx_litellm_yaml_member(
                              ngx_litellm_cf_section(cf, "litellm_settings"),
                              "tag_budget_config"),
                  "tag_budget_config", &l->tags);
}


void
ngx_litellm_cf_own_budget(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_cf_entry_t *e)
{
    ngx_litellm_cf_budget(cf, ngx_litellm_cf_param(e, "max_budget"),
                          ngx_litellm_cf_param(e, "budget_duration"),
                          &d->budget);
}


static void
ngx_litellm_cf_budget(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *max,
    ngx_litellm_yaml_t *duration, ngx_litellm_budget_t *budget)
{
    ngx_memzero(budget, sizeof(ngx_litellm_budget_t));

    budget->max = -1;

    if (ngx_litellm_cf_fixed(cf, max, "max_budget",
                             NGX_LITELLM_CF_MONEY_SCALE,
                             NGX_LITELLM_MONEY_MAX, &budget->max)
        != NGX_OK)
    {
        budget->max = -1;
        return;
    }

    if (ngx_litellm_cf_str(cf, duration, "budget_duration", &budget->duration)
        != NGX_OK)
    {
        return;
    }

    if (ngx_litellm_period_parse(&budget->duration, &budget->period)
        != NGX_OK)
    {
        ngx_litellm_cf_error(cf, duration, "\"budget_duration\" must be like "
                             "\"30s\", \"30m\", \"24h\", \"7d\" or \"1mo\"");
    }
}


/* {name: {budget_limit, time_period}} */

static void
ngx_litellm_cf_budgets(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *map,
    const char *name, ngx_array_t **dst)
{
    ngx_litellm_yaml_t          *v, *max;
    ngx_litellm_yaml_pair_t     *pair;
    ngx_litellm_named_budget_t  *budget;

    if (map == NULL || (map->type == NGX_LITELLM_YAML_SCALAR
                        && map->kind == NGX_LITELLM_YAML_NULL))
    {
        return;
    }

    if (map->type != NGX_LITELLM_YAML_MAP) {
        ngx_litellm_cf_error(cf, map, "\"%s\" must be a map of names to "
                             "{budget_limit, time_period}", name);
        return;
    }

    if (map->count > NGX_LITELLM_CF_BUDGETS) {
        ngx_litellm_cf_error(cf, map, "\"%s\" has more than %d members", name,
                             NGX_LITELLM_CF_BUDGETS);
        return;
    }

    for (pair = map->first; pair; pair = pair->next) {

        v = pair->value;

        if (v->type != NGX_LITELLM_YAML_MAP) {
            ngx_litellm_cf_error(cf, v, "\"%s\" must be a map of names to "
                                 "{budget_limit, time_period}", name);
            continue;
        }

        max = ngx_litellm_cf_either(v, "budget_limit", "max_budget");

        if (max == NULL) {
            ngx_litellm_cf_error(cf, v, "\"%s\" has no \"budget_limit\" here",
                                 name);
            continue;
        }

        if (*dst == NULL) {
            *dst = ngx_array_create(cf->pool, 4,
                                    sizeof(ngx_litellm_named_budget_t));
            if (*dst == NULL) {
                cf->failed = 1;
                return;
            }
        }

        budget = ngx_array_push(*dst);
        if (budget == NULL) {
            cf->failed = 1;
            return;
        }

        budget->name.len = pair->key->text.len;
        budget->name.data = ngx_pstrdup(cf->pool, &pair->key->text);
        if (budget->name.data == NULL) {
            cf->failed = 1;
            return;
        }

        ngx_litellm_cf_budget(cf, max,
                              ngx_litellm_cf_either(v, "time_period",
                                                    "budget_duration"),
                              &budget->budget);
    }
}


static ngx_litellm_yaml_t *
ngx_litellm_cf_either(ngx_litellm_yaml_t *map, const char *name,
    const char *other)
{
    ngx_litellm_yaml_t  *v;

    v = ngx_litellm_yaml_get(map, name, ngx_strlen(name));

    return v ? v : ngx_litellm_yaml_get(map, other, ngx_strlen(other));
}


/* NULL for an absent or null value */

static ngx_litellm_yaml_t *
ngx_litellm_cf_keeping(ngx_litellm_cf_t *cf, const char *name)
{
    ngx_uint_t           i;
    ngx_litellm_yaml_t  *v;

    for (i = 0; i < 2; i++) {
        v = ngx_litellm_yaml_get(
                       ngx_litellm_cf_section(cf, i ? "litellm_settings"
                                                    : "general_settings"),
                       name, ngx_strlen(name));

        if (v != NULL && (v->type != NGX_LITELLM_YAML_SCALAR
                          || v->kind != NGX_LITELLM_YAML_NULL))
        {
            return v;
        }
    }

    return NULL;
}
