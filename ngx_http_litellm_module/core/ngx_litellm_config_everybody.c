
/*
 * What the settings say of everybody who asks: limits of the gateway, of users
 * and end users that have none of their own, and the headers that tell who it
 * is.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"


#define NGX_LITELLM_CF_HEADER      128


static void ngx_litellm_cf_limits_init(ngx_litellm_limits_t *l);
static void ngx_litellm_cf_gateway(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *litellm, ngx_litellm_yaml_t *router,
    ngx_litellm_yaml_t *general);
static void ngx_litellm_cf_budget(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *litellm, const char *max, const char *duration,
    ngx_litellm_budget_t *budget);
static void ngx_litellm_cf_limit(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *map, const char *name, int64_t *limit);
static void ngx_litellm_cf_who_headers(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *general);
static void ngx_litellm_cf_mapping(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v);
static ngx_int_t ngx_litellm_cf_header(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v, const char *name, ngx_str_t *dst);


void
ngx_litellm_cf_everybody(ngx_litellm_cf_t *cf)
{
    ngx_litellm_yaml_t    *litellm, *router, *general;
    ngx_litellm_config_t  *conf;

    conf = cf->conf;

    litellm = ngx_litellm_cf_section(cf, "litellm_settings");
    router = ngx_litellm_cf_section(cf, "router_settings");
    general = ngx_litellm_cf_section(cf, "general_settings");

    ngx_litellm_cf_limits_init(&conf->gateway);
    ngx_litellm_cf_limits_init(&conf->user_default);
    ngx_litellm_cf_limits_init(&conf->end_user_default);

    conf->key_parallel = -1;

    ngx_litellm_cf_gateway(cf, litellm, router, general);

    ngx_litellm_cf_budget(cf, litellm, "max_internal_user_budget",
                          "internal_user_budget_duration",
                          &conf->user_default.budget);
    ngx_litellm_cf_budget(cf, litellm, "max_user_budget",
                          "user_budget_duration", &conf->user_default.budget);
    ngx_litellm_cf_budget(cf, litellm, "max_end_user_budget", NULL,
                          &conf->end_user_default.budget);

    (void) ngx_litellm_cf_flag(cf,
                      ngx_litellm_yaml_member(general, "enforce_user_param"),
                      "enforce_user_param", &conf->enforce_user);
    ngx_litellm_cf_who_headers(cf, general);
}


static void
ngx_litellm_cf_limits_init(ngx_litellm_limits_t *l)
{
    ngx_memzero(l, sizeof(ngx_litellm_limits_t));

    l->rpm = -1;
    l->tpm = -1;
    l->parallel = -1;
    l->budget.max = -1;
    l->soft = -1;
}


/* rpm and tpm are what a well-known guide of LiteLLM has */

static void
ngx_litellm_cf_gateway(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *litellm,
    ngx_litellm_yaml_t *router, ngx_litellm_yaml_t *general)
{
    ngx_litellm_limits_t  *l;

    l = &cf->conf->gateway;

    ngx_litellm_cf_limit(cf, router, "rpm", &l->rpm);
    ngx_litellm_cf_limit(cf, router, "tpm", &l->tpm);
    ngx_litellm_cf_limit(cf, general, "global_max_parallel_requests",
                         &l->parallel);
    ngx_litellm_cf_limit(cf, general, "max_parallel_requests",
                         &cf->conf->key_parallel);

    ngx_litellm_cf_budget(cf, litellm, "max_budget", "budget_duration",
                          &l->budget);

    if (l->budget.max == 0) {

        /* LiteLLM's default, which means that there is none */

        l->budget.max = -1;
    }
}


static void
ngx_litellm_cf_limit(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *map,
    const char *name, int64_t *limit)
{
    (void) ngx_litellm_cf_int(cf, ngx_litellm_yaml_get(map, name,
                                                       ngx_strlen(name)),
                              name, 0, 1000000000000LL, limit);
}


static void
ngx_litellm_cf_budget(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *litellm,
    const char *max, const char *duration, ngx_litellm_budget_t *budget)
{
    int64_t              millionths;
    ngx_str_t            text;
    ngx_litellm_yaml_t  *v;

    v = ngx_litellm_yaml_get(litellm, max, ngx_strlen(max));

    /* more than an amount of money can be is as much as it can be */

    if (ngx_litellm_cf_fixed(cf, v, max, 6, NGX_LITELLM_MONEY_MAX,
                             &millionths)
        == NGX_OK)
    {
        if (millionths > NGX_LITELLM_MONEY_MAX / 1000000 - 1) {
            budget->max = NGX_LITELLM_MONEY_MAX;

        } else {
            (void) ngx_litellm_cf_fixed(cf, v, max, 12,
                                        NGX_LITELLM_MONEY_MAX, &budget->max);
        }
    }

    if (duration == NULL) {
        return;
    }

    v = ngx_litellm_yaml_get(litellm, duration, ngx_strlen(duration));

    if (ngx_litellm_cf_str(cf, v, duration, &text) != NGX_OK
        || text.len == 0)
    {
        return;
    }

    if (ngx_litellm_period_parse(&text, &budget->period) != NGX_OK) {
        ngx_litellm_cf_error(cf, v, "\"%s\" must be a duration like 30s, 30m, "
                             "12h, 30d, 1w or 1mo", duration);
        return;
    }

    budget->duration = text;
}


static void
ngx_litellm_cf_who_headers(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *general)
{
    ngx_str_t                *item, name;
    ngx_litellm_yaml_t       *v;
    ngx_litellm_yaml_pair_t  *pair;

    (void) ngx_litellm_cf_header(cf,
                   ngx_litellm_yaml_member(general,
                                           "litellm_key_header_name"),
                   "litellm_key_header_name", &cf->conf->key_header);

    v = ngx_litellm_yaml_member(general, "user_header_mappings");

    if (v != NULL && v->type == NGX_LITELLM_YAML_MAP) {
        ngx_litellm_cf_mapping(cf, v);

    } else if (v != NULL && v->type == NGX_LITELLM_YAML_LIST) {

        for (pair = v->first; pair; pair = pair->next) {
            ngx_litellm_cf_mapping(cf, pair->value);
        }
    }

    /* its older name: LiteLLM looks at it behind the others */

    if (ngx_litellm_cf_header(cf,
                       ngx_litellm_yaml_member(general, "user_header_name"),
                       "user_header_name", &name)
        == NGX_OK)
    {
        item = ngx_array_push(&cf->conf->user_headers);
        if (item == NULL) {
            cf->failed = 1;
            return;
        }

        *item = name;
    }
}


/* {header_name, litellm_user_role: customer | internal_user} */

static void
ngx_litellm_cf_mapping(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v)
{
    ngx_str_t            *item, name, role;
    ngx_array_t          *list;
    ngx_litellm_yaml_t   *r;

    r = ngx_litellm_yaml_member(v, "litellm_user_role");
    ngx_str_null(&role);

    if (ngx_litellm_cf_header(cf, ngx_litellm_yaml_member(v, "header_name"),
                              "header_name", &name)
        != NGX_OK
        || ngx_litellm_cf_str(cf, r, "litellm_user_role", &role) == NGX_ERROR)
    {
        return;
    }

    if (ngx_litellm_cf_is(&role, "customer")) {
        list = &cf->conf->user_headers;

    } else if (ngx_litellm_cf_is(&role, "internal_user")) {
        list = &cf->conf->internal_headers;

    } else {
        ngx_litellm_cf_error(cf, r ? r : v, "\"litellm_user_role\" must be "
                             "customer or internal_user");
        return;
    }

    item = ngx_array_push(list);
    if (item == NULL) {
        cf->failed = 1;
        return;
    }

    *item = name;
}


static ngx_int_t
ngx_litellm_cf_header(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    const char *name, ngx_str_t *dst)
{
    u_char      c;
    size_t      i;
    ngx_int_t   rc;
    ngx_str_t   text;

    rc = ngx_litellm_cf_str(cf, v, name, &text);

    if (rc != NGX_OK || text.len == 0) {
        return NGX_DECLINED;
    }

    for (i = 0; i < text.len; i++) {
        c = text.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '-' || c == '_'))
        {
            break;
        }
    }

    if (i < text.len || text.len > NGX_LITELLM_CF_HEADER) {
        ngx_litellm_cf_error(cf, v, "\"%s\" must be the name of a header",
                             name);
        return NGX_ERROR;
    }

    ngx_strlow(text.data, text.data, text.len);

    *dst = text;

    return NGX_OK;
}
