
/*
 * From directives and YAML to what requests use: the files of litellm_config
 * are read once each (ngx_litellm_config_read), every address in them becomes
 * an endpoint, and each location with "litellm" gets the upstream settings of
 * its endpoints.  Runs at configuration time only.  Merging comes after all
 * blocks were parsed, so upstream{} and litellm_env_file may stand anywhere.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_status.h"


static ngx_int_t ngx_http_litellm_status_merge(ngx_conf_t *cf,
    ngx_http_litellm_loc_conf_t *conf, ngx_http_litellm_loc_conf_t *prev);
static ngx_int_t ngx_http_litellm_load(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf, ngx_http_litellm_loc_conf_t *lcf);
static ngx_uint_t ngx_http_litellm_same_files(ngx_array_t *a, ngx_array_t *b);
static void ngx_http_litellm_diag(void *data, ngx_litellm_diag_e level,
    ngx_str_t *line);
static void ngx_http_litellm_core_defaults(ngx_conf_t *cf,
    ngx_http_litellm_loc_conf_t *lcf);


void *
ngx_http_litellm_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_litellm_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_litellm_main_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     mcf->env = NULL;
     *     mcf->zone = NULL;
     *     mcf->cache_zone = NULL;
     *     mcf->state = NULL;
     *     mcf->limit_window = 0;
     *     mcf->limit_sliding = 0;
     *     mcf->limit_set = 0;
     *     mcf->prices = NULL;
     *     mcf->redis = NULL;
     *     mcf->status_policy = { 0, NULL };
     *     mcf->cache_redis = NULL;
     *     mcf->nendpoints = 0;
     *     mcf->used = 0;
     */

    if (ngx_array_init(&mcf->files, cf->pool, 1,
                       sizeof(ngx_http_litellm_file_t))
        != NGX_OK
        || ngx_array_init(&mcf->origins, cf->pool, 4,
                          sizeof(ngx_http_litellm_origin_t *))
           != NGX_OK
        || ngx_array_init(&mcf->tokens, cf->pool, 1,
                          sizeof(ngx_http_litellm_token_t *))
           != NGX_OK
        || ngx_array_init(&mcf->checks, cf->pool, 1, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&mcf->env_files, cf->pool, 1, sizeof(ngx_str_t))
           != NGX_OK
        || ngx_array_init(&mcf->cache_zones, cf->pool, 1,
                          sizeof(ngx_shm_zone_t *))
           != NGX_OK)
    {
        return NULL;
    }

    mcf->redis_limits = NGX_CONF_UNSET_UINT;
    mcf->redis_interval = NGX_CONF_UNSET_MSEC;
    mcf->redis_fail_closed = NGX_CONF_UNSET;
    mcf->redis_keys = NGX_CONF_UNSET;

    ngx_rbtree_init(&mcf->endpoints, &mcf->sentinel,
                    ngx_str_rbtree_insert_value);

    return mcf;
}


void *
ngx_http_litellm_create_loc_conf(ngx_conf_t *cf)
{
    ngx_uint_t                    i;
    ngx_http_litellm_loc_conf_t  *lcf;

    lcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_litellm_loc_conf_t));
    if (lcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     lcf->config_path = { 0, NULL };
     *     lcf->config = NULL;
     *     lcf->upstreams = NULL;
     *     lcf->cache = NULL;
     *     lcf->next_upstream = 0;
     *     lcf->ssl = NULL;
     *     lcf->ssl_protocols = 0;
     *     lcf->ssl_ciphers = { 0, NULL };
     *     lcf->ssl_trusted_certificate = { 0, NULL };
     *     lcf->ssl_crl = { 0, NULL };
     */

    lcf->enable = NGX_CONF_UNSET;
    lcf->status = NGX_CONF_UNSET_UINT;
    lcf->direct = NGX_CONF_UNSET_UINT;
    lcf->keys = NGX_CONF_UNSET_PTR;

    for (i = 0; i < NGX_LITELLM_PRINCIPALS; i++) {
        lcf->sources[i].value = NGX_CONF_UNSET_PTR;
    }

    lcf->max_body_size = NGX_CONF_UNSET_SIZE;
    lcf->body_buffer_size = NGX_CONF_UNSET_SIZE;
    lcf->buffer_size = NGX_CONF_UNSET_SIZE;
    lcf->max_response_size = NGX_CONF_UNSET_SIZE;
    lcf->max_event_size = NGX_CONF_UNSET_SIZE;
    lcf->hold_size = NGX_CONF_UNSET_SIZE;
    lcf->connect_timeout = NGX_CONF_UNSET_MSEC;
    lcf->send_timeout = NGX_CONF_UNSET_MSEC;
    lcf->read_timeout = NGX_CONF_UNSET_MSEC;
    lcf->socket_keepalive = NGX_CONF_UNSET;
    lcf->trace_context = NGX_CONF_UNSET;
    lcf->log_content_size = NGX_CONF_UNSET_SIZE;
    lcf->stream_continue = NGX_CONF_UNSET;
    lcf->stream_continue_size = NGX_CONF_UNSET_SIZE;
    lcf->stream_idle_timeout = NGX_CONF_UNSET_MSEC;
    lcf->stream_keepalive = NGX_CONF_UNSET_MSEC;
    lcf->stream_keepalive_early = NGX_CONF_UNSET_UINT;
    lcf->hedge = NGX_CONF_UNSET_PTR;
    lcf->next_upstream_tries = NGX_CONF_UNSET_UINT;
    lcf->next_upstream_timeout = NGX_CONF_UNSET_MSEC;
    lcf->limit_dry_run = NGX_CONF_UNSET;
    ngx_http_litellm_cache_conf_init(&lcf->cache_set);
    lcf->keepalive = NGX_CONF_UNSET_UINT;
    lcf->keepalive_requests = NGX_CONF_UNSET_UINT;
    lcf->keepalive_timeout = NGX_CONF_UNSET_MSEC;
    lcf->resolve_valid = NGX_CONF_UNSET_MSEC;
    lcf->health_timeout = NGX_CONF_UNSET_MSEC;
    lcf->health_valid = NGX_CONF_UNSET_MSEC;
    lcf->health_parallel = NGX_CONF_UNSET_UINT;
    lcf->fetch = NGX_CONF_UNSET;
    lcf->fetch_max_size = NGX_CONF_UNSET_SIZE;
    lcf->fetch_timeout = NGX_CONF_UNSET_MSEC;
    lcf->fetch_guard.allow = NGX_CONF_UNSET_PTR;
    lcf->fetch_guard.deny = NGX_CONF_UNSET_PTR;
    lcf->fetch_guard.ports = NGX_CONF_UNSET_PTR;

#if (NGX_HTTP_SSL)
    lcf->ssl_verify = NGX_CONF_UNSET;
    lcf->ssl_verify_depth = NGX_CONF_UNSET_UINT;
    lcf->ssl_session_reuse = NGX_CONF_UNSET;
#endif

    return lcf;
}


char *
ngx_http_litellm_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_litellm_loc_conf_t *prev = parent;
    ngx_http_litellm_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_litellm_main_conf_t  *mcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* "if" and limit_except inside of the location */

    if (clcf->noname && conf->enable == NGX_CONF_UNSET && prev->enable == 1
        && clcf->handler == NULL)
    {
        conf->enable = 1;

        if (clcf->lmt_excpt) {
            clcf->handler = ngx_http_litellm_handler;
        }
    }

    if (conf->enable == NGX_CONF_UNSET) {
        conf->enable = 0;
    }

    ngx_conf_merge_str_value(conf->config_path, prev->config_path, "");
    ngx_conf_merge_uint_value(conf->direct, prev->direct,
                              NGX_LITELLM_DIRECT_AUTO);
    ngx_http_litellm_merge_principals(conf, prev);

    ngx_conf_merge_size_value(conf->max_body_size, prev->max_body_size,
                              NGX_CONF_UNSET_SIZE);
    ngx_conf_merge_size_value(conf->body_buffer_size, prev->body_buffer_size,
                              NGX_CONF_UNSET_SIZE);
    ngx_conf_merge_size_value(conf->buffer_size, prev->buffer_size, 8192);
    ngx_conf_merge_size_value(conf->max_response_size,
                              prev->max_response_size, 64 * 1024 * 1024);
    ngx_conf_merge_size_value(conf->max_event_size, prev->max_event_size,
                              4 * 1024 * 1024);
    ngx_conf_merge_size_value(conf->hold_size, prev->hold_size, 64 * 1024);

    ngx_conf_merge_msec_value(conf->connect_timeout, prev->connect_timeout,
                              5000);
    ngx_conf_merge_msec_value(conf->send_timeout, prev->send_timeout, 60000);
    ngx_conf_merge_msec_value(conf->read_timeout, prev->read_timeout, 600000);
    ngx_conf_merge_value(conf->socket_keepalive, prev->socket_keepalive, 1);

    /* unset here and above: the YAML file decides */

    ngx_conf_merge_bitmask_value(conf->log_content, prev->log_content,
                                 NGX_CONF_BITMASK_SET
                                 |NGX_HTTP_LITELLM_LOG_OFF);
    ngx_conf_merge_size_value(conf->log_content_size, prev->log_content_size,
                              16 * 1024);
    ngx_conf_merge_bitmask_value(conf->log_redact, prev->log_redact,
                                 NGX_CONF_BITMASK_SET
                                 |NGX_LITELLM_REDACT_SECRETS
                                 |NGX_LITELLM_REDACT_EMAILS
                                 |NGX_LITELLM_REDACT_CARDS);

    ngx_conf_merge_value(conf->trace_context, prev->trace_context,
                         NGX_CONF_UNSET);
    ngx_conf_merge_value(conf->stream_continue, prev->stream_continue,
                         NGX_CONF_UNSET);
    ngx_conf_merge_size_value(conf->stream_continue_size,
                              prev->stream_continue_size, 64 * 1024);
    ngx_conf_merge_msec_value(conf->stream_idle_timeout,
                              prev->stream_idle_timeout, NGX_CONF_UNSET_MSEC);
    ngx_conf_merge_uint_value(conf->stream_keepalive_early,
                              prev->stream_keepalive_early, 0);
    ngx_conf_merge_msec_value(conf->stream_keepalive, prev->stream_keepalive,
                              NGX_CONF_UNSET_MSEC);
    ngx_conf_merge_ptr_value(conf->hedge, prev->hedge, NULL);

    ngx_conf_merge_bitmask_value(conf->next_upstream, prev->next_upstream,
                                 (NGX_CONF_BITMASK_SET
                                  |NGX_HTTP_UPSTREAM_FT_ERROR
                                  |NGX_HTTP_UPSTREAM_FT_NON_IDEMPOTENT));

    if (conf->next_upstream & NGX_HTTP_UPSTREAM_FT_OFF) {
        conf->next_upstream = NGX_CONF_BITMASK_SET|NGX_HTTP_UPSTREAM_FT_OFF;
    }

    ngx_conf_merge_uint_value(conf->next_upstream_tries,
                              prev->next_upstream_tries, 0);
    ngx_conf_merge_msec_value(conf->next_upstream_timeout,
                              prev->next_upstream_timeout, 0);
    ngx_conf_merge_value(conf->limit_dry_run, prev->limit_dry_run, 0);
    ngx_http_litellm_cache_conf_merge(&conf->cache_set, &prev->cache_set);

    ngx_conf_merge_uint_value(conf->keepalive, prev->keepalive, 256);
    ngx_conf_merge_uint_value(conf->keepalive_requests,
                              prev->keepalive_requests, 100000);
    ngx_conf_merge_msec_value(conf->keepalive_timeout,
                              prev->keepalive_timeout, 60000);
    ngx_conf_merge_msec_value(conf->resolve_valid, prev->resolve_valid, 0);

    ngx_conf_merge_msec_value(conf->health_timeout, prev->health_timeout,
                              15000);
    ngx_conf_merge_msec_value(conf->health_valid, prev->health_valid, 10000);
    ngx_conf_merge_uint_value(conf->health_parallel, prev->health_parallel, 4);

    ngx_conf_merge_value(conf->fetch, prev->fetch, 0);
    ngx_conf_merge_size_value(conf->fetch_max_size, prev->fetch_max_size,
                              20 * 1024 * 1024);
    ngx_conf_merge_msec_value(conf->fetch_timeout, prev->fetch_timeout, 10000);
    ngx_conf_merge_ptr_value(conf->fetch_guard.allow, prev->fetch_guard.allow,
                             NULL);
    ngx_conf_merge_ptr_value(conf->fetch_guard.deny, prev->fetch_guard.deny,
                             NULL);
    ngx_conf_merge_ptr_value(conf->fetch_guard.ports, prev->fetch_guard.ports,
                             NULL);

    if (conf->buffer_size < 1024) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"litellm_buffer_size\" must be at least 1k");
        return NGX_CONF_ERROR;
    }

#if (NGX_HTTP_SSL)

    if (conf->ssl_protocols == 0 && conf->ssl_ciphers.data == NULL
        && conf->ssl_verify == NGX_CONF_UNSET
        && conf->ssl_verify_depth == NGX_CONF_UNSET_UINT
        && conf->ssl_trusted_certificate.data == NULL
        && conf->ssl_crl.data == NULL
        && conf->ssl_session_reuse == NGX_CONF_UNSET)
    {
        /* one context for all locations that say nothing of their own */

        if (prev->ssl == NULL) {
            prev->ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
            if (prev->ssl == NULL) {
                return NGX_CONF_ERROR;
            }
        }

        conf->ssl = prev->ssl;

    } else {
        conf->ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
        if (conf->ssl == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    ngx_conf_merge_bitmask_value(conf->ssl_protocols, prev->ssl_protocols,
                                 (NGX_CONF_BITMASK_SET
                                  |NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3));
    ngx_conf_merge_str_value(conf->ssl_ciphers, prev->ssl_ciphers, "DEFAULT");
    ngx_conf_merge_value(conf->ssl_verify, prev->ssl_verify, 1);
    ngx_conf_merge_uint_value(conf->ssl_verify_depth, prev->ssl_verify_depth,
                              9);
    ngx_conf_merge_str_value(conf->ssl_trusted_certificate,
                             prev->ssl_trusted_certificate, "");
    ngx_conf_merge_str_value(conf->ssl_crl, prev->ssl_crl, "");
    ngx_conf_merge_value(conf->ssl_session_reuse, prev->ssl_session_reuse, 1);

#endif

    if (ngx_http_litellm_status_merge(cf, conf, prev) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (!conf->enable) {
        return NGX_CONF_OK;
    }

    if (conf->config_path.len == 0
        && conf->direct == NGX_LITELLM_DIRECT_OFF)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"litellm\" in location \"%V\" without "
                      "\"litellm_config\", and \"litellm_direct\" is off",
                      &clcf->name);
        return NGX_CONF_ERROR;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_litellm_module);

    ngx_http_litellm_core_defaults(cf, conf);

    conf->conf_ctx = *(ngx_http_conf_ctx_t *) cf->ctx;

    if (ngx_http_litellm_load(cf, mcf, conf) != NGX_OK
        || ngx_http_litellm_endpoints(cf, mcf, conf) != NGX_OK
        || ngx_http_litellm_upstreams(cf, mcf, conf) != NGX_OK
        || ngx_http_litellm_fetch_conf(cf, mcf, conf) != NGX_OK
        || ngx_http_litellm_checks_add(cf, mcf, conf) != NGX_OK
        || ngx_http_litellm_cache_conf_make(cf, mcf, conf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* "if" and limit_except inside of a location have the page of that location */

static ngx_int_t
ngx_http_litellm_status_merge(ngx_conf_t *cf,
    ngx_http_litellm_loc_conf_t *conf, ngx_http_litellm_loc_conf_t *prev)
{
    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_litellm_main_conf_t  *mcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_litellm_module);

    if (conf->status == NGX_CONF_UNSET_UINT) {
        conf->status = clcf->noname ? prev->status
                                    : NGX_HTTP_LITELLM_STATUS_OFF;

        if (conf->status && clcf->lmt_excpt) {
            clcf->handler = ngx_http_litellm_status_handler;
        }
    }

    if (!conf->status) {
        return NGX_OK;
    }

    if (conf->enable) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "both \"litellm\" and \"litellm_status\" in location "
                      "\"%V\"", &clcf->name);
        return NGX_ERROR;
    }

    if (conf->status != NGX_HTTP_LITELLM_STATUS_KEY) {
        return NGX_OK;
    }

    if (conf->config_path.len == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"litellm_status key\" in location \"%V\" without "
                      "\"litellm_config\"", &clcf->name);
        return NGX_ERROR;
    }

    if (ngx_http_litellm_load(cf, mcf, conf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (conf->config->master_key.len == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"litellm_status key\" in location \"%V\", but \"%V\" "
                      "has no \"master_key\"", &clcf->name,
                      &conf->config_path);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * nginx's defaults for client bodies are too small for this use: prompts with
 * images are refused, long ones go to disk.  What the user wrote counts: ours
 * first, then nginx's own where it is not the default.
 */

static void
ngx_http_litellm_core_defaults(ngx_conf_t *cf,
    ngx_http_litellm_loc_conf_t *lcf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (lcf->max_body_size != NGX_CONF_UNSET_SIZE) {
        clcf->client_max_body_size = (off_t) lcf->max_body_size;

    } else if (clcf->client_max_body_size == 1024 * 1024) {
        clcf->client_max_body_size = 64 * 1024 * 1024;
    }

    if (lcf->body_buffer_size != NGX_CONF_UNSET_SIZE) {
        clcf->client_body_buffer_size = lcf->body_buffer_size;

    } else if (clcf->client_body_buffer_size == 2 * ngx_pagesize) {
        clcf->client_body_buffer_size = 16 * 1024 * 1024;
    }
}


static ngx_int_t
ngx_http_litellm_load(ngx_conf_t *cf, ngx_http_litellm_main_conf_t *mcf,
    ngx_http_litellm_loc_conf_t *lcf)
{
    ngx_str_t                  path;
    ngx_uint_t                 i;
    ngx_litellm_config_t      *config;
    ngx_http_litellm_file_t   *file;
    ngx_litellm_config_env_t   env;

    path = lcf->config_path;

    if (path.len && ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    file = mcf->files.elts;

    for (i = 0; i < mcf->files.nelts; i++) {
        if (file[i].direct == lcf->direct && file[i].path.len == path.len
            && ngx_strncmp(file[i].path.data, path.data, path.len) == 0
            && ngx_http_litellm_same_files(file[i].keys, lcf->keys))
        {
            lcf->config = file[i].config;
            return NGX_OK;
        }
    }

    if (ngx_http_litellm_env_files(cf, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(&env, sizeof(ngx_litellm_config_env_t));

    env.data = cf;
    env.read = ngx_http_litellm_read_file;
    env.env = ngx_http_litellm_read_env;
    env.provider = ngx_litellm_provider_detect;
    env.direct = ngx_litellm_provider_direct;
    env.direct_mode = lcf->direct;
    env.zone = ngx_http_litellm_clock;
    env.keys = lcf->keys;
    env.price = ngx_litellm_provider_price;
    env.prices = mcf->prices;
    env.diag = ngx_http_litellm_diag;

    if (ngx_litellm_config_read(cf->pool, &path, &env, &config) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_litellm_tag_regex(cf, config) != NGX_OK) {
        return NGX_ERROR;
    }

    file = ngx_array_push(&mcf->files);
    if (file == NULL) {
        return NGX_ERROR;
    }

    file->path = path;
    file->keys = lcf->keys;
    file->direct = lcf->direct;
    file->config = config;
    lcf->config = config;

    return ngx_http_litellm_keep_env(cf, config);
}


/* the same keys: locations may share what was read */

static ngx_uint_t
ngx_http_litellm_same_files(ngx_array_t *a, ngx_array_t *b)
{
    ngx_str_t   *one, *two;
    ngx_uint_t   i;

    if (a == NULL || b == NULL || a->nelts != b->nelts) {
        return a == b;
    }

    one = a->elts;
    two = b->elts;

    for (i = 0; i < a->nelts; i++) {
        if (one[i].len != two[i].len
            || ngx_strncmp(one[i].data, two[i].data, one[i].len) != 0)
        {
            return 0;
        }
    }

    return 1;
}


static void
ngx_http_litellm_diag(void *data, ngx_litellm_diag_e level, ngx_str_t *line)
{
    ngx_conf_t *cf = data;

    ngx_uint_t  n;

    switch (level) {

    case NGX_LITELLM_DIAG_ERROR:
        n = NGX_LOG_EMERG;
        break;

    case NGX_LITELLM_DIAG_WARN:
        n = NGX_LOG_WARN;
        break;

    default:
        n = NGX_LOG_NOTICE;
    }

    ngx_log_error(n, cf->log, 0, "%V", line);
}
