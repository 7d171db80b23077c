
/*
 * Reads a LiteLLM config.yaml: its sections, the settings that are not models
 * or routes.  ngx_litellm_config_read.h says
 * which file has which part.
 *
 * A file is read in order: texts to trees, trees joined to parts (sections),
 * lint, environment_variables, settings, models, routes.  An error does not
 * stop the reading: all are told, and then nothing of the file is used.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"


#define NGX_LITELLM_CF_MAX_ERRORS  100
#define NGX_LITELLM_CF_MAX_WARNS   1000


static ngx_int_t ngx_litellm_cf_init(ngx_litellm_cf_t *cf, ngx_pool_t *pool,
    ngx_litellm_config_env_t *env, ngx_str_t *path);
static ngx_litellm_yaml_t *ngx_litellm_cf_map(ngx_litellm_cf_t *cf,
    const char *name);
static void ngx_litellm_cf_lint_all(ngx_litellm_cf_t *cf);
static void ngx_litellm_cf_settings(ngx_litellm_cf_t *cf);
static void ngx_litellm_cf_times(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *litellm, ngx_litellm_yaml_t *router);
static void ngx_litellm_cf_streams(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *litellm, ngx_litellm_yaml_t *router);
static void ngx_litellm_cf_master_key(ngx_litellm_cf_t *cf);


ngx_int_t
ngx_litellm_config_read(ngx_pool_t *pool, ngx_str_t *path,
    ngx_litellm_config_env_t *env, ngx_litellm_config_t **conf)
{
    ngx_litellm_cf_t  cf;

    *conf = NULL;

    if (ngx_litellm_cf_init(&cf, pool, env, path) != NGX_OK) {
        cf.failed = 1;
        goto done;
    }

    if (path->len) {
        ngx_litellm_cf_file(&cf, path, NULL, 0);
    }

    if (cf.errors || cf.failed) {
        goto done;
    }

    cf.variables = ngx_litellm_cf_map(&cf, "environment_variables");

    ngx_litellm_cf_lint_all(&cf);
    ngx_litellm_cf_settings(&cf);
    ngx_litellm_cf_models(&cf);

    if (!cf.failed && ngx_litellm_cf_index(&cf) != NGX_OK) {
        cf.failed = 1;
        goto done;
    }

    ngx_litellm_cf_direct(&cf);
    ngx_litellm_cf_routes(&cf);
    ngx_litellm_cf_policies(&cf);
    ngx_litellm_cf_health(&cf);
    ngx_litellm_cf_metrics(&cf);
    ngx_litellm_cf_limiting(&cf);
    ngx_litellm_cf_terms(&cf);
    ngx_litellm_cf_redis(&cf);
    ngx_litellm_cf_plans(&cf);
    ngx_litellm_cf_principals(&cf);
    ngx_litellm_cf_grants(&cf);
    ngx_litellm_cf_master_key(&cf);
    ngx_litellm_cf_lint_done(&cf);

done:

    if (cf.failed) {
        ngx_litellm_cf_error(&cf, NULL, "no memory");
    }

    if (cf.large) {
        ngx_destroy_pool(cf.large);
    }

    if (cf.temp) {
        ngx_destroy_pool(cf.temp);
    }

    if (cf.errors) {
        return NGX_ERROR;
    }

    *conf = cf.conf;

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_cf_init(ngx_litellm_cf_t *cf, ngx_pool_t *pool,
    ngx_litellm_config_env_t *env, ngx_str_t *path)
{
    ngx_uint_t             i;
    ngx_litellm_config_t  *conf;

    ngx_memzero(cf, sizeof(ngx_litellm_cf_t));

    cf->pool = pool;
    cf->caller = env;
    cf->env = *env;
    cf->env.data = cf;
    cf->env.env = ngx_litellm_cf_env;
    cf->env.read = ngx_litellm_cf_read;

    ngx_rbtree_init(&cf->names, &cf->sentinel, ngx_str_rbtree_insert_value);
    ngx_rbtree_init(&cf->unset, &cf->sentinel, ngx_str_rbtree_insert_value);
    ngx_rbtree_init(&cf->ids, &cf->sentinel, ngx_str_rbtree_insert_value);
    ngx_rbtree_init(&cf->left_out, &cf->sentinel,
                    ngx_str_rbtree_insert_value);
    ngx_rbtree_init(&cf->unshown, &cf->sentinel, ngx_str_rbtree_insert_value);
    ngx_rbtree_init(&cf->lints, &cf->sentinel, ngx_str_rbtree_insert_value);

    conf = ngx_pcalloc(pool, sizeof(ngx_litellm_config_t));
    if (conf == NULL) {
        return NGX_ERROR;
    }

    cf->conf = conf;

    conf->pool = pool;
    conf->prices = env->prices;
    conf->file = *path;
    conf->num_retries = 2;
    conf->max_fallbacks = 5;
    conf->max_retries = -1;
    conf->cooldown_time = 5000;
    conf->allowed_fails = -1;
    conf->always_include_stream_usage = NGX_CONF_UNSET;
    conf->stream_continue = NGX_CONF_UNSET;
    conf->forward_traceparent = 1;
    conf->expose_router_debug = 1;
    conf->tag_match_any = 1;
    conf->max_parallel = -1;
    ngx_str_set(&conf->routing_strategy, "simple-shuffle");

    cf->temp = ngx_create_pool(16384, pool->log);
    cf->doc.pool = cf->temp;

    if (cf->temp == NULL
        || ngx_array_init(&cf->parts, cf->temp, 8,
                          sizeof(ngx_litellm_cf_part_t)) != NGX_OK
        || ngx_array_init(&cf->files, cf->temp, 4, sizeof(ngx_str_t *))
           != NGX_OK
        || ngx_array_init(&cf->lint_list, cf->temp, 16, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&conf->deployments, pool, 8, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&conf->groups, pool, 8, sizeof(void *)) != NGX_OK
        || ngx_array_init(&conf->patterns, pool, 2, sizeof(void *)) != NGX_OK
        || ngx_array_init(&conf->directs, pool, 2, sizeof(void *)) != NGX_OK
        || ngx_array_init(&conf->aliases, pool, 2,
                          sizeof(ngx_litellm_alias_t)) != NGX_OK
        || ngx_array_init(&conf->alias_index, pool, 2, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&conf->fallbacks, pool, 2,
                          sizeof(ngx_litellm_fallback_t)) != NGX_OK
        || ngx_array_init(&conf->context_window_fallbacks, pool, 2,
                          sizeof(ngx_litellm_fallback_t)) != NGX_OK
        || ngx_array_init(&conf->content_policy_fallbacks, pool, 2,
                          sizeof(ngx_litellm_fallback_t)) != NGX_OK
        || ngx_array_init(&conf->group_policies, pool, 2,
                          sizeof(ngx_litellm_group_policy_t)) != NGX_OK
        || ngx_array_init(&conf->user_headers, pool, 2, sizeof(ngx_str_t))
           != NGX_OK
        || ngx_array_init(&conf->internal_headers, pool, 1,
                          sizeof(ngx_str_t)) != NGX_OK
        || ngx_array_init(&conf->env_names, pool, 4, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_LITELLM_PRINCIPALS; i++) {
        if (ngx_litellm_principals_init(&conf->principals[i], pool)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ngx_rbtree_init(&conf->tree, &conf->sentinel, ngx_litellm_cf_insert);

    return NGX_OK;
}


void
ngx_litellm_cf_diag(ngx_litellm_cf_t *cf, ngx_litellm_diag_e level,
    ngx_litellm_yaml_t *node, const char *fmt, ...)
{
    u_char      *p, *last, *start, buf[1200];
    va_list      args;
    ngx_str_t    line, *file;

    if (level == NGX_LITELLM_DIAG_ERROR) {
        if (cf->errors++ >= NGX_LITELLM_CF_MAX_ERRORS) {
            return;
        }

    } else if (cf->warnings++ >= NGX_LITELLM_CF_MAX_WARNS) {
        return;
    }

    if (cf->conf == NULL) {
        ngx_str_set(&line, "no memory");
        cf->caller->diag(cf->caller->data, level, &line);
        return;
    }

    file = node ? node->file : &cf->conf->file;

    last = buf + sizeof(buf);

    if (file->len) {
        p = ngx_slprintf(buf, buf + 400, "%V:%ui: ", file,
                         (ngx_uint_t) (node ? node->line : 1));

    } else {
        p = ngx_cpymem(buf, "litellm without a file: ",
                       sizeof("litellm without a file: ") - 1);
    }

    start = p;

    va_start(args, fmt);
    p = ngx_vslprintf(p, last, fmt, args);
    va_end(args);

    line.data = buf;
    line.len = p - buf;

    for (p = start; p < line.data + line.len; p++) {
        if (*p < 0x20 || *p == 0x7f) {
            *p = '?';
        }
    }

    cf->caller->diag(cf->caller->data, level, &line);
}


ngx_litellm_cf_part_t *
ngx_litellm_cf_part(ngx_litellm_cf_t *cf, const char *name)
{
    size_t                  len;
    ngx_uint_t              i;
    ngx_litellm_cf_part_t  *parts;

    len = ngx_strlen(name);
    parts = cf->parts.elts;

    for (i = 0; i < cf->parts.nelts; i++) {
        if (parts[i].name.len == len
            && ngx_memcmp(parts[i].name.data, name, len) == 0)
        {
            return &parts[i];
        }
    }

    return NULL;
}


/* a section that must be a map; NULL if it is absent, empty or wrong */

static ngx_litellm_yaml_t *
ngx_litellm_cf_map(ngx_litellm_cf_t *cf, const char *name)
{
    ngx_litellm_yaml_t     *v;
    ngx_litellm_cf_part_t  *part;

    part = ngx_litellm_cf_part(cf, name);

    if (part == NULL) {
        return NULL;
    }

    v = part->value;

    if (v->type == NGX_LITELLM_YAML_MAP) {
        return v;
    }

    if (v->type != NGX_LITELLM_YAML_SCALAR
        || v->kind != NGX_LITELLM_YAML_NULL)
    {
        ngx_litellm_cf_error(cf, part->key, "\"%s\" must be a map", name);
    }

    return NULL;
}


static void
ngx_litellm_cf_lint_all(ngx_litellm_cf_t *cf)
{
    ngx_uint_t              i;
    ngx_litellm_yaml_t     *litellm;
    ngx_litellm_cf_part_t  *parts;

    parts = cf->parts.elts;

    for (i = 0; i < cf->parts.nelts; i++) {
        ngx_litellm_cf_lint_key(cf, NGX_LITELLM_CF_TOP, parts[i].key,
                                parts[i].value);
    }

    litellm = ngx_litellm_cf_map(cf, "litellm_settings");

    ngx_litellm_cf_lint(cf, NGX_LITELLM_CF_LITELLM, litellm);
    ngx_litellm_cf_lint(cf, NGX_LITELLM_CF_ROUTER,
                        ngx_litellm_cf_map(cf, "router_settings"));
    ngx_litellm_cf_lint(cf, NGX_LITELLM_CF_GENERAL,
                        ngx_litellm_cf_map(cf, "general_settings"));
    ngx_litellm_cf_lint(cf, NGX_LITELLM_CF_CACHE,
                        ngx_litellm_yaml_member(litellm, "cache_params"));

    ngx_litellm_cf_lint(cf, NGX_LITELLM_CF_CACHE,
                        ngx_litellm_yaml_member(litellm, "cache"));
    ngx_litellm_cf_lint(cf, NGX_LITELLM_CF_CACHE,
                        ngx_litellm_cf_section(cf, "cache"));
}


static void
ngx_litellm_cf_settings(ngx_litellm_cf_t *cf)
{
    int64_t                n;
    ngx_str_t              name, value;
    ngx_litellm_yaml_t    *litellm, *router, *general, *v;
    ngx_litellm_config_t  *conf;

    conf = cf->conf;

    litellm = ngx_litellm_cf_section(cf, "litellm_settings");
    router = ngx_litellm_cf_section(cf, "router_settings");
    general = ngx_litellm_cf_section(cf, "general_settings");

    cf->credentials = ngx_litellm_cf_section(cf, "credential_list");
    cf->default_params = ngx_litellm_yaml_member(router,
                                                 "default_litellm_params");

    v = ngx_litellm_yaml_member(litellm, "drop_params");

    if (v == NULL) {
        ngx_str_set(&name, "LITELLM_DROP_PARAMS");

        if (ngx_litellm_cf_env(cf, &name, &value) == NGX_OK
            && ngx_litellm_yaml_kind(&value) == NGX_LITELLM_YAML_BOOL)
        {
            conf->drop_params = ngx_litellm_yaml_true(&value);
        }

    } else {
        (void) ngx_litellm_cf_flag(cf, v, "drop_params", &conf->drop_params);
    }

    (void) ngx_litellm_cf_flag(cf,
                      ngx_litellm_yaml_member(litellm,
                                        "forward_traceparent_to_llm_provider"),
                      "forward_traceparent_to_llm_provider",
                      &conf->forward_traceparent);
    (void) ngx_litellm_cf_flag(cf,
                      ngx_litellm_yaml_member(litellm, "modify_params"),
                      "modify_params", &conf->modify_params);
    (void) ngx_litellm_cf_flag(cf,
                      ngx_litellm_yaml_member(litellm,
                                              "expose_router_debug_in_errors"),
                      "expose_router_debug_in_errors",
                      &conf->expose_router_debug);
    (void) ngx_litellm_cf_flag(cf,
                      ngx_litellm_yaml_member(general,
                                              "always_include_stream_usage"),
                      "always_include_stream_usage",
                      &conf->always_include_stream_usage);
    (void) ngx_litellm_cf_flag(cf,
                      ngx_litellm_yaml_member(general,
                            "dangerously_allow_mock_testing_request_params"),
                      "dangerously_allow_mock_testing_request_params",
                      &conf->allow_mock_testing);

    /* what router_settings says beats litellm_settings */

    if (ngx_litellm_cf_int(cf, ngx_litellm_yaml_member(litellm, "num_retries"),
                           "num_retries", 0, 1000, &n) == NGX_OK)
    {
        conf->num_retries = (ngx_int_t) n;
    }

    if (ngx_litellm_cf_int(cf, ngx_litellm_yaml_member(router, "num_retries"),
                           "num_retries", 0, 1000, &n) == NGX_OK)
    {
        conf->num_retries = (ngx_int_t) n;
    }

    if (ngx_litellm_cf_int(cf,
                           ngx_litellm_yaml_member(litellm, "max_fallbacks"),
                           "max_fallbacks", 0, 1000, &n) == NGX_OK)
    {
        conf->max_fallbacks = (ngx_int_t) n;
    }

    if (ngx_litellm_cf_int(cf,
                           ngx_litellm_yaml_member(router, "max_fallbacks"),
                           "max_fallbacks", 0, 1000, &n) == NGX_OK)
    {
        conf->max_fallbacks = (ngx_int_t) n;
    }

    ngx_litellm_cf_times(cf, litellm, router);
    ngx_litellm_cf_streams(cf, litellm, router);
    ngx_litellm_cf_hedge(cf);
    ngx_litellm_cf_cache(cf);

    ngx_litellm_cf_strategy(cf);
}


/*
 * request_timeout of litellm_settings holds whether or not the router has a
 * timeout: set, it comes before the router's; unset, it is the router's
 * default (LiteLLM, router.py, _get_non_stream_timeout).
 */

static void
ngx_litellm_cf_times(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *litellm,
    ngx_litellm_yaml_t *router)
{
    ngx_msec_t             ms;
    ngx_litellm_config_t  *conf;

    conf = cf->conf;

    (void) ngx_litellm_cf_msec(cf, ngx_litellm_yaml_member(router, "timeout"),
                               "timeout", &conf->request_timeout);

    ms = 0;

    if (ngx_litellm_cf_msec(cf, ngx_litellm_yaml_member(litellm,
                                                        "request_timeout"),
                            "request_timeout", &ms) == NGX_OK
        && ms)
    {
        conf->request_timeout = ms;
    }

    (void) ngx_litellm_cf_msec(cf,
                         ngx_litellm_yaml_member(router, "stream_timeout"),
                         "stream_timeout", &conf->stream_timeout);
    (void) ngx_litellm_cf_msec(cf,
                         ngx_litellm_yaml_member(router, "retry_after"),
                         "retry_after", &conf->retry_after);
}


/* the two that LiteLLM has no name for are read in either section */

static void
ngx_litellm_cf_streams(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *litellm,
    ngx_litellm_yaml_t *router)
{
    ngx_uint_t             i;
    ngx_litellm_yaml_t    *v;
    ngx_litellm_config_t  *conf;

    conf = cf->conf;

    for (i = 0; i < 2; i++) {
        v = i ? router : litellm;

        (void) ngx_litellm_cf_flag(cf,
                             ngx_litellm_yaml_member(v, "stream_continue"),
                             "stream_continue", &conf->stream_continue);
        (void) ngx_litellm_cf_msec(cf,
                             ngx_litellm_yaml_member(v, "stream_idle_timeout"),
                             "stream_idle_timeout",
                             &conf->stream_idle_timeout);
    }

    (void) ngx_litellm_cf_msec(cf,
                         ngx_litellm_yaml_member(litellm,
                                       "sse_keepalive_ping_interval_seconds"),
                         "sse_keepalive_ping_interval_seconds",
                         &conf->stream_keepalive);
}


static void
ngx_litellm_cf_master_key(ngx_litellm_cf_t *cf)
{
    u_char               hash[NGX_LITELLM_KEY_HASH];
    ngx_int_t            rc;
    ngx_str_t            name, value, key, id;
    ngx_flag_t           permit;
    ngx_litellm_yaml_t  *general, *v, *where;

    general = ngx_litellm_cf_section(cf, "general_settings");
    v = ngx_litellm_yaml_member(general, "master_key");
    where = v ? v : general;

    ngx_str_null(&key);
    permit = 0;

    (void) ngx_litellm_cf_flag(cf, ngx_litellm_yaml_member(general,
                            "dangerously_permit_weak_or_unset_master_key"),
                            "dangerously_permit_weak_or_unset_master_key",
                            &permit);

    rc = ngx_litellm_cf_str(cf, v, "master_key", &key);

    if (rc == NGX_DECLINED && cf->last_unset.len) {
        name = cf->last_unset;
        ngx_litellm_cf_unset(cf, v, &name, "there is no master key");
    }

    if (key.len == 0) {
        ngx_str_set(&name, "LITELLM_MASTER_KEY");

        if (ngx_litellm_cf_env(cf, &name, &value) == NGX_OK) {
            key.data = ngx_pstrdup(cf->pool, &value);
            if (key.data == NULL) {
                cf->failed = 1;
                return;
            }

            key.len = value.len;
        }
    }

    cf->conf->master_key = key;

    if (key.len) {

        /* keys may be made at run time */

        cf->conf->counted = 1;
    }

    ngx_litellm_key_hash(&key, hash);
    id.data = hash;
    id.len = NGX_LITELLM_KEY_HASH;

    if (key.len
        && ngx_litellm_principals_find(&cf->conf->principals[NGX_LITELLM_KEY],
                                       &id)
           != NULL)
    {
        ngx_litellm_cf_error(cf, where ? where : cf->top, "the master key is "
                             "one of the virtual keys, too");
    }

    if (permit || cf->errors) {
        return;
    }

    if (key.len == 0 && cf->conf->principals[NGX_LITELLM_KEY].list.nelts) {
        return;
    }

    if (key.len == 0) {
        ngx_litellm_cf_warn(cf, where ? where : cf->top, "no master_key in "
                            "general_settings and no LITELLM_MASTER_KEY: "
                            "everybody who reaches the location may use it");

    } else if (ngx_litellm_cf_is(&key, "sk-1234") || key.len < 8) {
        ngx_litellm_cf_warn(cf, where ? where : cf->top, "the master key is "
                            "well known or very short: anybody may guess it");
    }
}
