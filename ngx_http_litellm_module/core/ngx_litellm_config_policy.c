
/*
 * How often a failure is tried again and how many failures a deployment may
 * have: retry_policy, allowed_fails_policy and their neighbours of
 * router_settings, litellm_settings and model_info.
 *
 * A policy names classes of errors, as LiteLLM's exceptions; the most specific
 * name counts ("ContentPolicyViolationError" before "BadRequestError").
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"


#define NGX_LITELLM_CF_FAILS_MAX  1000000000


/* of a class's names in a policy the first one here counts */
typedef struct {
    const char            *name;
    ngx_litellm_class_e    class;
} ngx_litellm_cf_class_t;


static const ngx_litellm_cf_class_t  ngx_litellm_cf_classes[] = {
    { "ContentPolicyViolationError", NGX_LITELLM_CONTENT_POLICY },
    { "BadRequestError", NGX_LITELLM_BAD_REQUEST },
    { "BadRequestError", NGX_LITELLM_CONTENT_POLICY },
    { "BadRequestError", NGX_LITELLM_CONTEXT_WINDOW },
    { "BadRequestError", NGX_LITELLM_UNSUPPORTED_PARAMS },
    { "AuthenticationError", NGX_LITELLM_AUTHENTICATION },
    { "NotFoundError", NGX_LITELLM_NOT_FOUND },
    { "TimeoutError", NGX_LITELLM_TIMEOUT },
    { "RateLimitError", NGX_LITELLM_RATE_LIMIT },
    { "InternalServerError", NGX_LITELLM_INTERNAL_SERVER },
    { "BadGatewayError", NGX_LITELLM_BAD_GATEWAY },
    { "ServiceUnavailableError", NGX_LITELLM_SERVICE_UNAVAILABLE },
    { NULL, 0 }
};


static void ngx_litellm_cf_policy(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v, const char *name, const char *suffix,
    ngx_uint_t others, ngx_litellm_policy_t **dst);
static void ngx_litellm_cf_policy_unknown(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *key, const char *name, const char *suffix);
static void ngx_litellm_cf_group_policies(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v);


/* behind the models: a policy may name one of them */

void
ngx_litellm_cf_policies(ngx_litellm_cf_t *cf)
{
    int64_t                n;
    ngx_litellm_yaml_t    *litellm, *router, *v;
    ngx_litellm_config_t  *conf;

    conf = cf->conf;

    litellm = ngx_litellm_cf_section(cf, "litellm_settings");
    router = ngx_litellm_cf_section(cf, "router_settings");

    if (ngx_litellm_cf_int(cf,
                  ngx_litellm_yaml_member(litellm, "num_retries_per_request"),
                  "num_retries_per_request", 0, 1000, &n) == NGX_OK)
    {
        conf->max_retries = (ngx_int_t) n;
    }

    /* what router_settings says beats litellm_settings */

    if (ngx_litellm_cf_int(cf,
                           ngx_litellm_yaml_member(litellm, "allowed_fails"),
                           "allowed_fails", 0, NGX_LITELLM_CF_FAILS_MAX, &n)
        == NGX_OK)
    {
        conf->allowed_fails = (ngx_int_t) n;
    }

    if (ngx_litellm_cf_int(cf,
                           ngx_litellm_yaml_member(router, "allowed_fails"),
                           "allowed_fails", 0, NGX_LITELLM_CF_FAILS_MAX, &n)
        == NGX_OK)
    {
        conf->allowed_fails = (ngx_int_t) n;
    }

    (void) ngx_litellm_cf_msec(cf,
                               ngx_litellm_yaml_member(router,
                                                       "cooldown_time"),
                               "cooldown_time", &conf->cooldown_time);
    (void) ngx_litellm_cf_flag(cf,
                               ngx_litellm_yaml_member(router,
                                                       "disable_cooldowns"),
                               "disable_cooldowns",
                               &conf->disable_cooldowns);

    ngx_litellm_cf_policy(cf,
                          ngx_litellm_yaml_member(router,
                                                  "allowed_fails_policy"),
                          "allowed_fails_policy", "AllowedFails", 0,
                          &conf->allowed_fails_policy);
    ngx_litellm_cf_policy(cf,
                          ngx_litellm_yaml_member(router, "retry_policy"),
                          "retry_policy", "Retries", 1, &conf->retry_policy);

    v = ngx_litellm_yaml_member(router, "model_group_retry_policy");

    if (v != NULL && (v->type != NGX_LITELLM_YAML_SCALAR
                      || v->kind != NGX_LITELLM_YAML_NULL))
    {
        ngx_litellm_cf_group_policies(cf, v);
    }
}


/* of one deployment: model_info before litellm_params */

void
ngx_litellm_cf_cooldown(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_cf_entry_t *e)
{
    int64_t              n;
    ngx_msec_t           ms;
    ngx_litellm_yaml_t  *v;

    v = ngx_litellm_yaml_member(e->info, "cooldown_time");

    if (v == NULL || (v->type == NGX_LITELLM_YAML_SCALAR
                      && v->kind == NGX_LITELLM_YAML_NULL))
    {
        v = ngx_litellm_cf_param(e, "cooldown_time");
    }

    if (ngx_litellm_cf_msec(cf, v, "cooldown_time", &ms) == NGX_OK) {
        d->cooldown_time = (ngx_msec_int_t) ms;
    }

    if (ngx_litellm_cf_int(cf,
                           ngx_litellm_yaml_member(e->info, "allowed_fails"),
                           "allowed_fails", 0, NGX_LITELLM_CF_FAILS_MAX, &n)
        == NGX_OK)
    {
        d->allowed_fails = (ngx_int_t) n;
    }

    ngx_litellm_cf_policy(cf,
                          ngx_litellm_yaml_member(e->info,
                                                  "allowed_fails_policy"),
                          "allowed_fails_policy", "AllowedFails", 0,
                          &d->allowed_fails_policy);

    if (ngx_litellm_cf_int(cf,
                           ngx_litellm_cf_param(e, "max_parallel_requests"),
                           "max_parallel_requests", 0,
                           NGX_LITELLM_CF_FAILS_MAX, &n)
        == NGX_OK)
    {
        d->max_parallel = (ngx_int_t) n;
    }
}


/* others: "Default" + suffix may stand for what has no name in it */

static void
ngx_litellm_cf_policy(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    const char *name, const char *suffix, ngx_uint_t others,
    ngx_litellm_policy_t **dst)
{
    size_t                         len;
    int64_t                        n;
    ngx_int_t                      other;
    ngx_str_t                     *key;
    ngx_uint_t                     i, known;
    ngx_litellm_policy_t          *policy;
    ngx_litellm_yaml_pair_t       *pair;
    const ngx_litellm_cf_class_t  *c, *rank[NGX_LITELLM_CLASSES];

    if (v == NULL || (v->type == NGX_LITELLM_YAML_SCALAR
                      && v->kind == NGX_LITELLM_YAML_NULL))
    {
        return;
    }

    if (v->type != NGX_LITELLM_YAML_MAP) {
        ngx_litellm_cf_error(cf, v, "\"%s\" must be a map: RateLimitError%s: "
                             "number", name, suffix);
        return;
    }

    policy = ngx_palloc(cf->pool, sizeof(ngx_litellm_policy_t));
    if (policy == NULL) {
        cf->failed = 1;
        return;
    }

    for (i = 0; i < NGX_LITELLM_CLASSES; i++) {
        policy->n[i] = -1;
        rank[i] = NULL;
    }

    other = -1;

    for (pair = v->first; pair; pair = pair->next) {

        key = &pair->key->text;
        known = 0;

        if (ngx_litellm_cf_int(cf, pair->value, name, 0,
                               others ? 1000 : NGX_LITELLM_CF_FAILS_MAX, &n)
            != NGX_OK)
        {
            continue;
        }

        if (others && ngx_litellm_cf_is(key, "DefaultRetries")) {
            other = (ngx_int_t) n;
            continue;
        }

        for (c = ngx_litellm_cf_classes; c->name; c++) {

            len = ngx_strlen(c->name);

            if (key->len != len + ngx_strlen(suffix)
                || ngx_memcmp(key->data, c->name, len) != 0
                || ngx_memcmp(key->data + len, suffix, key->len - len) != 0)
            {
                continue;
            }

            known = 1;

            if (rank[c->class] == NULL || c < rank[c->class]) {
                rank[c->class] = c;
                policy->n[c->class] = (ngx_int_t) n;
            }
        }

        if (!known) {
            ngx_litellm_cf_policy_unknown(cf, pair->key, name, suffix);
        }
    }

    for (i = 0; i < NGX_LITELLM_CLASSES; i++) {
        if (policy->n[i] == -1) {
            policy->n[i] = other;
        }
    }

    *dst = policy;
}


static void
ngx_litellm_cf_policy_unknown(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *key,
    const char *name, const char *suffix)
{
    u_char                        *p, *last, buf[512];
    const ngx_litellm_cf_class_t  *c;

    p = buf;
    last = buf + sizeof(buf);

    for (c = ngx_litellm_cf_classes; c->name; c++) {
        if (c == ngx_litellm_cf_classes
            || ngx_strcmp(c->name, (c - 1)->name) != 0)
        {
            p = ngx_slprintf(p, last, "%s%s%s", p == buf ? "" : ", ",
                             c->name, suffix);
        }
    }

    ngx_litellm_cf_warn(cf, key, "\"%V\" in \"%s\" is not read; known are "
                        "%*s", &key->text, name, (size_t) (p - buf), buf);
}


static void
ngx_litellm_cf_group_policies(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v)
{
    ngx_litellm_policy_t        *policy;
    ngx_litellm_yaml_pair_t     *pair;
    ngx_litellm_group_policy_t  *item;

    if (v->type != NGX_LITELLM_YAML_MAP) {
        ngx_litellm_cf_error(cf, v, "\"model_group_retry_policy\" must be a "
                             "map: model_name: {RateLimitErrorRetries: "
                             "number}");
        return;
    }

    for (pair = v->first; pair; pair = pair->next) {

        policy = NULL;

        ngx_litellm_cf_policy(cf, pair->value, "model_group_retry_policy",
                              "Retries", 1, &policy);

        if (policy == NULL) {
            continue;
        }

        ngx_litellm_cf_answered(cf, pair->key, &pair->key->text,
                                "a retry policy is for");

        item = ngx_array_push(&cf->conf->group_policies);
        if (item == NULL) {
            cf->failed = 1;
            return;
        }

        item->policy = policy;
        item->group.len = pair->key->text.len;
        item->group.data = ngx_pstrdup(cf->pool, &pair->key->text);

        if (item->group.data == NULL) {
            cf->conf->group_policies.nelts--;
            cf->failed = 1;
            return;
        }
    }
}


ngx_litellm_policy_t *
ngx_litellm_config_retry_policy(ngx_litellm_config_t *conf, ngx_str_t *group)
{
    ngx_uint_t                   i;
    ngx_litellm_group_policy_t  *item;

    item = conf->group_policies.elts;

    for (i = 0; i < conf->group_policies.nelts; i++) {
        if (item[i].group.len == group->len
            && ngx_memcmp(item[i].group.data, group->data, group->len) == 0)
        {
            return item[i].policy;
        }
    }

    return conf->retry_policy;
}
