
/*
 * How one of a group's deployments is chosen: the strategy and its arguments,
 * for all groups and for those of routing_groups; tags of
 * deployments; optional checks; and, when groups and aliases are there, the
 * plan of each group (ngx_litellm_plan.c).
 *
 * Strategies have LiteLLM's names and those of LiteLLM guides.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"
#include "ngx_litellm_plan.h"


#define NGX_LITELLM_CF_BUFFER_MAX   ((int64_t) 1000 * 1000000)
#define NGX_LITELLM_CF_PARALLEL_MAX  1000000000


typedef struct {
    ngx_str_t               name;
    ngx_str_t               value;
    ngx_litellm_strategy_e  strategy;
} ngx_litellm_cf_strategy_t;


static const ngx_litellm_cf_strategy_t  ngx_litellm_cf_strategies[] = {
    { ngx_string("simple-shuffle"), ngx_string("simple-shuffle"),
      NGX_LITELLM_SHUFFLE },
    { ngx_string("least-busy"), ngx_string("least-busy"),
      NGX_LITELLM_LEAST_BUSY },
    { ngx_string("usage-based-routing"), ngx_string("usage-based-routing"),
      NGX_LITELLM_LEAST_USED },
    { ngx_string("usage-based-routing-v2"),
      ngx_string("usage-based-routing-v2"), NGX_LITELLM_LEAST_USED },
    { ngx_string("latency-based-routing"),
      ngx_string("latency-based-routing"), NGX_LITELLM_LOWEST_LATENCY },
    { ngx_string("cost-based-routing"), ngx_string("cost-based-routing"),
      NGX_LITELLM_LOWEST_COST },

    /* as guides have them */
    { ngx_string("latency-based"), ngx_string("latency-based-routing"),
      NGX_LITELLM_LOWEST_LATENCY },
    { ngx_string("usage-based"), ngx_string("usage-based-routing"),
      NGX_LITELLM_LEAST_USED },
    { ngx_string("cost-based"), ngx_string("cost-based-routing"),
      NGX_LITELLM_LOWEST_COST },
    { ngx_string("least-cost"), ngx_string("cost-based-routing"),
      NGX_LITELLM_LOWEST_COST },
    { ngx_null_string, ngx_null_string, 0 }
};


static ngx_int_t *ngx_litellm_cf_model_priorities(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v, ngx_array_t *models);
static ngx_int_t ngx_litellm_cf_strategy_name(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v, ngx_litellm_routing_t *routing, ngx_str_t *value);
static void ngx_litellm_cf_strategy_args(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *args, ngx_litellm_routing_t *routing);
static void ngx_litellm_cf_routing_groups(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v);
static void ngx_litellm_cf_routing_group(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v);
static void ngx_litellm_cf_checks(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v);
static void ngx_litellm_cf_tag_regex(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_yaml_t *v);
static ngx_int_t ngx_litellm_cf_group_plans(ngx_litellm_cf_t *cf,
    ngx_array_t *groups);
static ngx_int_t ngx_litellm_cf_alias_plans(ngx_litellm_cf_t *cf);
static void ngx_litellm_cf_own_routing(ngx_litellm_cf_t *cf);
static void ngx_litellm_cf_choice(ngx_litellm_cf_t *cf);


void
ngx_litellm_cf_strategy(ngx_litellm_cf_t *cf)
{
    int64_t                n;
    ngx_litellm_yaml_t    *router;
    ngx_litellm_config_t  *conf;

    conf = cf->conf;
    router = ngx_litellm_cf_section(cf, "router_settings");

    conf->routing.ttft_percentile = -1;

    (void) ngx_litellm_cf_strategy_name(cf,
                       ngx_litellm_yaml_member(router, "routing_strategy"),
                       &conf->routing, &conf->routing_strategy);

    ngx_litellm_cf_strategy_args(cf,
                  ngx_litellm_yaml_member(router, "routing_strategy_args"),
                  &conf->routing);

    ngx_litellm_cf_routing_groups(cf,
                         ngx_litellm_yaml_member(router, "routing_groups"));

    (void) ngx_litellm_cf_flag(cf,
                    ngx_litellm_yaml_member(router, "enable_tag_filtering"),
                    "enable_tag_filtering", &conf->tag_filtering);
    (void) ngx_litellm_cf_flag(cf,
                 ngx_litellm_yaml_member(router, "tag_filtering_match_any"),
                 "tag_filtering_match_any", &conf->tag_match_any);
    (void) ngx_litellm_cf_str(cf,
                      ngx_litellm_yaml_member(router, "tag_routing_prefix"),
                      "tag_routing_prefix", &conf->tag_prefix);
    (void) ngx_litellm_cf_flag(cf,
                  ngx_litellm_yaml_member(router, "enable_pre_call_checks"),
                  "enable_pre_call_checks", &conf->pre_call_checks);

    ngx_litellm_cf_checks(cf,
               ngx_litellm_yaml_member(router, "optional_pre_call_checks"));

    (void) ngx_litellm_cf_flag(cf,
                ngx_litellm_yaml_member(router, "enable_weighted_failover"),
                "enable_weighted_failover", &conf->weighted_failover);

    if (ngx_litellm_cf_int(cf,
           ngx_litellm_yaml_member(router, "default_max_parallel_requests"),
           "default_max_parallel_requests", 0, NGX_LITELLM_CF_PARALLEL_MAX,
           &n)
        == NGX_OK)
    {
        conf->max_parallel = (ngx_int_t) n;
    }
}


static ngx_int_t
ngx_litellm_cf_strategy_name(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    ngx_litellm_routing_t *routing, ngx_str_t *value)
{
    u_char                           *p, *last, buf[512];
    ngx_int_t                         rc;
    ngx_str_t                         text;
    const ngx_litellm_cf_strategy_t  *s;

    rc = ngx_litellm_cf_str(cf, v, "routing_strategy", &text);

    if (rc != NGX_OK) {
        return rc;
    }

    p = buf;
    last = buf + sizeof(buf);

    for (s = ngx_litellm_cf_strategies; s->name.len; s++) {

        if (s->name.len == text.len
            && ngx_memcmp(s->name.data, text.data, text.len) == 0)
        {
            routing->strategy = s->strategy;
            *value = s->value;
            return NGX_OK;
        }

        p = ngx_slprintf(p, last, "%s%V", p == buf ? "" : ", ", &s->name);
    }

    ngx_litellm_cf_error(cf, v, "unknown routing_strategy \"%V\"; valid are "
                         "%*s", ngx_litellm_cf_shown(v, &text),
                         (size_t) (p - buf), buf);

    return NGX_ERROR;
}


/* ttl, max_latency_list_size and the like: samples are ten, as by default */

static void
ngx_litellm_cf_strategy_args(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *args,
    ngx_litellm_routing_t *routing)
{
    if (args == NULL || (args->type == NGX_LITELLM_YAML_SCALAR
                         && args->kind == NGX_LITELLM_YAML_NULL))
    {
        return;
    }

    if (args->type != NGX_LITELLM_YAML_MAP) {
        ngx_litellm_cf_error(cf, args, "\"routing_strategy_args\" must be a "
                             "map");
        return;
    }

    (void) ngx_litellm_cf_fixed(cf,
                     ngx_litellm_yaml_member(args, "lowest_latency_buffer"),
                     "lowest_latency_buffer", 6, NGX_LITELLM_CF_BUFFER_MAX,
                     &routing->latency_buffer);

    if (ngx_litellm_cf_fixed(cf,
                           ngx_litellm_yaml_member(args, "ttft_percentile"),
                           "ttft_percentile", 6, INT64_MAX,
                           &routing->ttft_percentile)
        == NGX_OK
        && routing->ttft_percentile > 1000000)
    {
        ngx_litellm_cf_error(cf,
                          ngx_litellm_yaml_member(args, "ttft_percentile"),
                          "\"ttft_percentile\" must be a number from 0 to 1");
    }
}


static void
ngx_litellm_cf_routing_groups(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v)
{
    ngx_litellm_yaml_pair_t  *pair;

    if (v == NULL || (v->type == NGX_LITELLM_YAML_SCALAR
                      && v->kind == NGX_LITELLM_YAML_NULL))
    {
        return;
    }

    if (v->type != NGX_LITELLM_YAML_LIST) {
        ngx_litellm_cf_error(cf, v, "\"routing_groups\" must be a list of "
                             "maps with models and routing_strategy");
        return;
    }

    for (pair = v->first; pair && !cf->failed; pair = pair->next) {
        ngx_litellm_cf_routing_group(cf, pair->value);
    }
}


static void
ngx_litellm_cf_routing_group(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v)
{
    ngx_int_t                    *priority;
    ngx_str_t                     name, value;
    ngx_array_t                  *models;
    ngx_litellm_routing_t         routing;
    ngx_litellm_routing_group_t  *group;

    if (v->type != NGX_LITELLM_YAML_MAP) {
        ngx_litellm_cf_error(cf, v, "an element of routing_groups must be a "
                             "map with models and routing_strategy");
        return;
    }

    ngx_memzero(&routing, sizeof(ngx_litellm_routing_t));
    routing.ttft_percentile = -1;

    models = NULL;

    switch (ngx_litellm_cf_strings(cf, ngx_litellm_yaml_member(v, "models"),
                                   "models", &models))
    {
    case NGX_OK:
        break;

    case NGX_DECLINED:
        ngx_litellm_cf_error(cf, v, "an element of routing_groups has no "
                             "models");
        return;

    default:
        return;
    }

    ngx_str_null(&name);

    if (ngx_litellm_cf_str(cf, ngx_litellm_yaml_member(v, "group_name"),
                           "group_name", &name)
        == NGX_ERROR)
    {
        return;
    }

    priority = NULL;

    if (ngx_litellm_cf_str(cf,
                           ngx_litellm_yaml_member(v, "routing_strategy"),
                           "routing_strategy", &value)
        == NGX_OK
        && ngx_litellm_cf_is(&value, "priority"))
    {
        if (name.len == 0) {
            ngx_litellm_cf_error(cf, v, "an element of routing_groups with "
                                 "the strategy \"priority\" needs a "
                                 "group_name");
            return;
        }

        priority = ngx_litellm_cf_model_priorities(cf, v, models);

        if (priority == NULL) {
            return;
        }

    } else if (ngx_litellm_cf_strategy_name(cf,
                           ngx_litellm_yaml_member(v, "routing_strategy"),
                           &routing, &value)
               == NGX_ERROR)
    {
        return;
    }

    ngx_litellm_cf_strategy_args(cf,
                       ngx_litellm_yaml_member(v, "routing_strategy_args"),
                       &routing);

    if (cf->conf->routing_groups == NULL) {
        cf->conf->routing_groups = ngx_array_create(cf->pool, 2,
                                        sizeof(ngx_litellm_routing_group_t));
        if (cf->conf->routing_groups == NULL) {
            cf->failed = 1;
            return;
        }
    }

    group = ngx_array_push(cf->conf->routing_groups);
    if (group == NULL) {
        cf->failed = 1;
        return;
    }

    group->name = name;
    group->models = models;
    group->routing = routing;
    group->priority = priority;
}


/* model_priorities, of the group or of its routing_strategy_args; a model that
   is not in them is the last one */

static ngx_int_t *
ngx_litellm_cf_model_priorities(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    ngx_array_t *models)
{
    int64_t              n;
    ngx_int_t           *priority;
    ngx_str_t           *name;
    ngx_uint_t           i;
    ngx_litellm_yaml_t  *map;

    map = ngx_litellm_yaml_member(v, "model_priorities");

    if (map == NULL) {
        map = ngx_litellm_yaml_member(
                       ngx_litellm_yaml_member(v, "routing_strategy_args"),
                       "model_priorities");
    }

    if (map == NULL || map->type != NGX_LITELLM_YAML_MAP) {
        ngx_litellm_cf_error(cf, map ? map : v, "the strategy \"priority\" "
                             "needs \"model_priorities\": {model_name: "
                             "number}");
        return NULL;
    }

    priority = ngx_palloc(cf->pool, (models->nelts + 1) * sizeof(ngx_int_t));
    if (priority == NULL) {
        cf->failed = 1;
        return NULL;
    }

    name = models->elts;

    for (i = 0; i < models->nelts; i++) {

        priority[i] = NGX_MAX_INT_T_VALUE;

        switch (ngx_litellm_cf_int(cf,
                                   ngx_litellm_yaml_get(map,
                                                   (char *) name[i].data,
                                                   name[i].len),
                                   "model_priorities", -1000000, 1000000,
                                   &n))
        {
        case NGX_OK:
            priority[i] = (ngx_int_t) n;
            break;

        case NGX_ERROR:
            return NULL;

        default:
            break;
        }
    }

    return priority;
}


/* behind the aliases of the file: those are looked at first, as in LiteLLM */

void
ngx_litellm_cf_priorities(ngx_litellm_cf_t *cf)
{
    ngx_str_t                    *name;
    ngx_uint_t                    i, j;
    ngx_litellm_yaml_t           *router;
    ngx_litellm_alias_t          *alias;
    ngx_litellm_config_t         *conf;
    ngx_litellm_routing_group_t  *rg;

    conf = cf->conf;

    if (conf->routing_groups == NULL || cf->failed) {
        return;
    }

    router = ngx_litellm_yaml_member(
                                ngx_litellm_cf_section(cf, "router_settings"),
                                "routing_groups");
    rg = conf->routing_groups->elts;

    for (i = 0; i < conf->routing_groups->nelts; i++) {

        name = rg[i].models->elts;

        for (j = 0; j < rg[i].models->nelts; j++) {
            ngx_litellm_cf_answered(cf, router, &name[j],
                                    "a routing group has");
        }

        if (rg[i].priority == NULL) {
            continue;
        }

        alias = conf->aliases.elts;

        for (j = 0; j < conf->aliases.nelts; j++) {
            if (alias[j].name.len == rg[i].name.len
                && ngx_memcmp(alias[j].name.data, rg[i].name.data,
                              rg[i].name.len)
                   == 0)
            {
                break;
            }
        }

        if (j < conf->aliases.nelts) {
            ngx_litellm_cf_warn(cf, router, "the routing group \"%V\" can't "
                                "be called: an alias or another one has its "
                                "name", &rg[i].name);
            continue;
        }

        alias = ngx_array_push(&conf->aliases);
        if (alias == NULL) {
            cf->failed = 1;
            return;
        }

        ngx_memzero(alias, sizeof(ngx_litellm_alias_t));

        alias->name = rg[i].name;
        alias->targets = *rg[i].models;
        alias->by_priority = &rg[i];
    }
}


static void
ngx_litellm_cf_checks(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v)
{
    ngx_str_t    *name;
    ngx_uint_t    i;
    ngx_array_t  *list;

    list = NULL;

    if (ngx_litellm_cf_strings(cf, v, "optional_pre_call_checks", &list)
        != NGX_OK)
    {
        return;
    }

    name = list->elts;

    for (i = 0; i < list->nelts; i++) {

        if (ngx_litellm_cf_is(&name[i], "prompt_caching")) {
            cf->conf->prompt_affinity = 1;

        } else if (ngx_litellm_cf_is(&name[i], "deployment_affinity")) {
            cf->conf->key_affinity = 1;

        } else if (!ngx_litellm_cf_is(&name[i], "session_affinity")) {

            /* a session that the client names has its deployment anyway */

            ngx_litellm_cf_warn(cf, v, "\"%V\" of optional_pre_call_checks "
                                "is not served by this module yet",
                                ngx_litellm_cf_shown(v, &name[i]));
        }
    }
}


void
ngx_litellm_cf_choice_params(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_cf_entry_t *e)
{
    ngx_flag_t  open;

    (void) ngx_litellm_cf_strings(cf, ngx_litellm_cf_param(e, "tags"),
                                  "tags", &d->tags);

    ngx_litellm_cf_tag_regex(cf, d, ngx_litellm_cf_param(e, "tag_regex"));

    (void) ngx_litellm_cf_flag(cf,
                   ngx_litellm_yaml_member(e->info, "enable_tag_filtering"),
                   "enable_tag_filtering", &d->tag_filtering);

    open = 0;

    (void) ngx_litellm_cf_flag(cf,
                        ngx_litellm_yaml_member(e->info, "allow_fail_open"),
                        "allow_fail_open", &open);
    d->tag_fail_open = (open == 1);
}


/*
 * Each pattern is kept once, so that a request is matched with it once however
 * many deployments have it.
 */

static void
ngx_litellm_cf_tag_regex(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_yaml_t *v)
{
    ngx_str_t                *text;
    ngx_uint_t                i, n;
    ngx_array_t              *list;
    ngx_litellm_config_t     *conf;
    ngx_litellm_tag_regex_t  *re;

    conf = cf->conf;
    list = NULL;

    if (ngx_litellm_cf_strings(cf, v, "tag_regex", &list) != NGX_OK) {
        return;
    }

    if (conf->tag_regex == NULL) {
        conf->tag_regex = ngx_array_create(cf->pool, 4,
                                           sizeof(ngx_litellm_tag_regex_t));
        if (conf->tag_regex == NULL) {
            cf->failed = 1;
            return;
        }
    }

    text = list->elts;

    for (i = 0; i < list->nelts; i++) {

        re = conf->tag_regex->elts;

        for (n = 0; n < conf->tag_regex->nelts; n++) {
            if (re[n].pattern.len == text[i].len
                && ngx_memcmp(re[n].pattern.data, text[i].data, text[i].len)
                   == 0)
            {
                break;
            }
        }

        if (n == NGX_LITELLM_MAX_TAG_REGEX) {
            ngx_litellm_cf_error(cf, v, "there are more than %d different "
                                 "patterns in \"tag_regex\"",
                                 NGX_LITELLM_MAX_TAG_REGEX);
            return;
        }

        if (n == conf->tag_regex->nelts) {
            re = ngx_array_push(conf->tag_regex);
            if (re == NULL) {
                cf->failed = 1;
                return;
            }

            re->pattern = text[i];
            re->file = *v->file;
            re->line = v->line;
            re->http = NULL;
        }

        d->tag_regex |= (uint64_t) 1 << n;
    }
}


void
ngx_litellm_cf_plans(ngx_litellm_cf_t *cf)
{
    if (cf->failed) {
        return;
    }

    if (ngx_litellm_cf_group_plans(cf, &cf->conf->groups) != NGX_OK
        || ngx_litellm_cf_group_plans(cf, &cf->conf->directs) != NGX_OK
        || ngx_litellm_cf_alias_plans(cf) != NGX_OK
        || ngx_litellm_cf_sort_deployments(cf) != NGX_OK)
    {
        cf->failed = 1;
        return;
    }

    ngx_litellm_cf_own_routing(cf);
    ngx_litellm_cf_choice(cf);
}


static ngx_int_t
ngx_litellm_cf_group_plans(ngx_litellm_cf_t *cf, ngx_array_t *groups)
{
    ngx_uint_t                  i, n;
    ngx_litellm_group_t       **group;
    ngx_litellm_deployment_t  **d;

    group = groups->elts;

    for (i = 0; i < groups->nelts; i++) {

        d = group[i]->deployments.elts;

        for (n = 0; n < group[i]->deployments.nelts; n++) {
            if (d[n]->max_parallel < 0 && d[n]->rpm < 0 && d[n]->tpm < 0) {
                d[n]->max_parallel = cf->conf->max_parallel;
            }
        }

        group[i]->plan = ngx_litellm_plan_create(cf->pool, cf->temp,
                                                 cf->conf,
                                                 &group[i]->deployments,
                                                 NULL);
        if (group[i]->plan == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* an alias over several groups is one of all their deployments */

static ngx_int_t
ngx_litellm_cf_alias_plans(ngx_litellm_cf_t *cf)
{
    ngx_int_t                  *p;
    ngx_str_t                  *name;
    ngx_uint_t                  i, j, k;
    ngx_array_t                 rank;
    ngx_litellm_alias_t        *alias;
    ngx_litellm_group_t        *group, *from;
    ngx_litellm_deployment_t  **d, **dp;

    alias = cf->conf->aliases.elts;

    for (i = 0; i < cf->conf->aliases.nelts; i++) {

        if (alias[i].targets.nelts < 2) {
            continue;
        }

        group = ngx_pcalloc(cf->pool, sizeof(ngx_litellm_group_t));

        if (group == NULL
            || ngx_array_init(&group->deployments, cf->pool, 4,
                              sizeof(void *))
               != NGX_OK
            || ngx_array_init(&rank, cf->temp, 4, sizeof(ngx_int_t))
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        group->name = alias[i].name;
        name = alias[i].targets.elts;

        for (j = 0; j < alias[i].targets.nelts; j++) {

            from = ngx_litellm_config_group(cf->conf, &name[j]);

            if (from == NULL) {
                continue;
            }

            d = from->deployments.elts;

            for (k = 0; k < from->deployments.nelts; k++) {
                dp = ngx_array_push(&group->deployments);
                p = ngx_array_push(&rank);

                if (dp == NULL || p == NULL) {
                    return NGX_ERROR;
                }

                *dp = d[k];
                *p = alias[i].by_priority
                     ? alias[i].by_priority->priority[j] : 0;
            }
        }

        group->plan = ngx_litellm_plan_create(cf->pool, cf->temp, cf->conf,
                                              &group->deployments,
                                              alias[i].by_priority
                                              ? rank.elts : NULL);
        if (group->plan == NULL) {
            return NGX_ERROR;
        }

        if (alias[i].by_priority) {
            group->plan->routing = &alias[i].by_priority->routing;
        }

        alias[i].group = group;
    }

    return NGX_OK;
}


static void
ngx_litellm_cf_own_routing(ngx_litellm_cf_t *cf)
{
    ngx_str_t                    *name;
    ngx_uint_t                    i, j;
    ngx_litellm_alias_t          *alias;
    ngx_litellm_group_t          *group;
    ngx_litellm_routing_group_t  *rg;

    if (cf->conf->routing_groups == NULL) {
        return;
    }

    rg = cf->conf->routing_groups->elts;

    for (i = 0; i < cf->conf->routing_groups->nelts; i++) {

        if (rg[i].priority != NULL) {
            continue;
        }

        name = rg[i].models->elts;

        for (j = 0; j < rg[i].models->nelts; j++) {

            group = ngx_litellm_config_group(cf->conf, &name[j]);

            if (group == NULL) {
                alias = ngx_litellm_config_alias(cf->conf, &name[j]);
                group = alias ? alias->group : NULL;
            }

            if (group != NULL) {
                group->plan->routing = &rg[i].routing;
            }
        }
    }
}


/* a strategy needs something to choose from */

static void
ngx_litellm_cf_choice(ngx_litellm_cf_t *cf)
{
    ngx_uint_t             i;
    ngx_litellm_yaml_t    *v;
    ngx_litellm_group_t  **groups;

    v = ngx_litellm_yaml_member(ngx_litellm_cf_section(cf,
                                                       "router_settings"),
                                "routing_strategy");

    if (v == NULL || cf->conf->groups.nelts == 0
        || cf->conf->routing.strategy == NGX_LITELLM_SHUFFLE)
    {
        return;
    }

    groups = cf->conf->groups.elts;

    for (i = 0; i < cf->conf->groups.nelts; i++) {
        if (groups[i]->deployments.nelts > 1) {
            return;
        }
    }

    ngx_litellm_cf_diag(cf, NGX_LITELLM_DIAG_NOTICE, v, "routing_strategy "
                        "has nothing to choose from: every model_name has "
                        "one deployment");
}
