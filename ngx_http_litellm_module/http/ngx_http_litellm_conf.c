
/*
 * From directives and YAML to what requests use: the files of litellm_config
 * are read once each (ngx_litellm_config_read), every address in them becomes
 * an endpoint, and each location with "litellm" gets the upstream settings of
 * its endpoints.  Runs at configuration time only.  Merging comes after all
 * blocks were parsed, so upstream{} and litellm_env_file may stand anywhere.
 */

#include "ngx_http_litellm.h"


#define NGX_HTTP_LITELLM_MAX_FILE  (16 * 1024 * 1024)


/* where distributions keep their bundle of trusted certificates */
static const char  *ngx_http_litellm_bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
    NULL
};


static ngx_int_t ngx_http_litellm_load(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf, ngx_http_litellm_loc_conf_t *lcf);
static ngx_int_t ngx_http_litellm_read_file(void *data, ngx_str_t *path,
    ngx_str_t *text, ngx_str_t *why);
static ngx_int_t ngx_http_litellm_read_env(void *data, ngx_str_t *name,
    ngx_str_t *value);
static void ngx_http_litellm_diag(void *data, ngx_litellm_diag_e level,
    ngx_str_t *line);
static ngx_int_t ngx_http_litellm_env_files(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf);
static ngx_int_t ngx_http_litellm_env_parse(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf, ngx_str_t *text);
static ngx_int_t ngx_http_litellm_keep_env(ngx_conf_t *cf,
    ngx_litellm_config_t *config);
static ngx_int_t ngx_http_litellm_endpoints(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf, ngx_http_litellm_loc_conf_t *lcf);
static ngx_http_litellm_endpoint_t *ngx_http_litellm_endpoint(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf, ngx_http_litellm_loc_conf_t *lcf,
    ngx_litellm_deployment_t *d);
static ngx_http_upstream_srv_conf_t *ngx_http_litellm_declared(ngx_conf_t *cf,
    ngx_str_t *host);
static ngx_int_t ngx_http_litellm_upstreams(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf, ngx_http_litellm_loc_conf_t *lcf);
static void ngx_http_litellm_core_defaults(ngx_conf_t *cf,
    ngx_http_litellm_loc_conf_t *lcf);
#if (NGX_HTTP_SSL)
static ngx_int_t ngx_http_litellm_set_ssl(ngx_conf_t *cf,
    ngx_http_litellm_loc_conf_t *lcf);
#endif


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
     *     mcf->nendpoints = 0;
     *     mcf->used = 0;
     */

    if (ngx_array_init(&mcf->files, cf->pool, 1,
                       sizeof(ngx_http_litellm_file_t))
        != NGX_OK
        || ngx_array_init(&mcf->origins, cf->pool, 4,
                          sizeof(ngx_http_litellm_origin_t *))
           != NGX_OK
        || ngx_array_init(&mcf->env_files, cf->pool, 1, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NULL;
    }

    ngx_rbtree_init(&mcf->endpoints, &mcf->sentinel, ngx_str_rbtree_insert_value);

    return mcf;
}


void *
ngx_http_litellm_create_loc_conf(ngx_conf_t *cf)
{
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
     *     lcf->next_upstream = 0;
     *     lcf->ssl = NULL;
     *     lcf->ssl_protocols = 0;
     *     lcf->ssl_ciphers = { 0, NULL };
     *     lcf->ssl_trusted_certificate = { 0, NULL };
     *     lcf->ssl_crl = { 0, NULL };
     */

    lcf->enable = NGX_CONF_UNSET;
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
    lcf->next_upstream_tries = NGX_CONF_UNSET_UINT;
    lcf->keepalive = NGX_CONF_UNSET_UINT;
    lcf->keepalive_requests = NGX_CONF_UNSET_UINT;
    lcf->keepalive_timeout = NGX_CONF_UNSET_MSEC;
    lcf->resolve_valid = NGX_CONF_UNSET_MSEC;
    lcf->health_timeout = NGX_CONF_UNSET_MSEC;
    lcf->health_valid = NGX_CONF_UNSET_MSEC;
    lcf->health_parallel = NGX_CONF_UNSET_UINT;

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

    ngx_conf_merge_bitmask_value(conf->next_upstream, prev->next_upstream,
                                 (NGX_CONF_BITMASK_SET
                                  |NGX_HTTP_UPSTREAM_FT_ERROR
                                  |NGX_HTTP_UPSTREAM_FT_NON_IDEMPOTENT));

    if (conf->next_upstream & NGX_HTTP_UPSTREAM_FT_OFF) {
        conf->next_upstream = NGX_CONF_BITMASK_SET|NGX_HTTP_UPSTREAM_FT_OFF;
    }

    ngx_conf_merge_uint_value(conf->next_upstream_tries,
                              prev->next_upstream_tries, 0);

    ngx_conf_merge_uint_value(conf->keepalive, prev->keepalive, 64);
    ngx_conf_merge_uint_value(conf->keepalive_requests,
                              prev->keepalive_requests, 100000);
    ngx_conf_merge_msec_value(conf->keepalive_timeout,
                              prev->keepalive_timeout, 60000);
    ngx_conf_merge_msec_value(conf->resolve_valid, prev->resolve_valid, 0);

    ngx_conf_merge_msec_value(conf->health_timeout, prev->health_timeout,
                              15000);
    ngx_conf_merge_msec_value(conf->health_valid, prev->health_valid, 10000);
    ngx_conf_merge_uint_value(conf->health_parallel, prev->health_parallel, 4);

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

    if (!conf->enable) {
        return NGX_CONF_OK;
    }

    if (conf->config_path.len == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"litellm\" in location \"%V\" without \"litellm_config\"",
                      &clcf->name);
        return NGX_CONF_ERROR;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_litellm_module);

    ngx_http_litellm_core_defaults(cf, conf);

    if (ngx_http_litellm_load(cf, mcf, conf) != NGX_OK
        || ngx_http_litellm_endpoints(cf, mcf, conf) != NGX_OK
        || ngx_http_litellm_upstreams(cf, mcf, conf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
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

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    file = mcf->files.elts;

    for (i = 0; i < mcf->files.nelts; i++) {
        if (file[i].path.len == path.len
            && ngx_strncmp(file[i].path.data, path.data, path.len) == 0)
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
    env.diag = ngx_http_litellm_diag;

    if (ngx_litellm_config_read(cf->pool, &path, &env, &config) != NGX_OK) {
        return NGX_ERROR;
    }

    file = ngx_array_push(&mcf->files);
    if (file == NULL) {
        return NGX_ERROR;
    }

    file->path = path;
    file->config = config;
    lcf->config = config;

    return ngx_http_litellm_keep_env(cf, config);
}


static ngx_int_t
ngx_http_litellm_read_file(void *data, ngx_str_t *path, ngx_str_t *text,
    ngx_str_t *why)
{
    ngx_conf_t *cf = data;

    u_char           *name;
    ssize_t           n;
    ngx_file_t        file;
    ngx_file_info_t   fi;

    ngx_memzero(&file, sizeof(ngx_file_t));

    name = ngx_pnalloc(cf->pool, path->len + 1);
    if (name == NULL) {
        return NGX_ERROR;
    }

    *ngx_cpymem(name, path->data, path->len) = '\0';

    file.name.data = name;
    file.name.len = path->len;
    file.log = cf->log;

    file.fd = ngx_open_file(name, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        why->data = ngx_pnalloc(cf->pool, NGX_MAX_ERROR_STR);
        if (why->data != NULL) {
            why->len = ngx_strerror(ngx_errno, why->data, NGX_MAX_ERROR_STR)
                       - why->data;
        }

        return NGX_ERROR;
    }

    if (ngx_fd_info(file.fd, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)) {
        ngx_str_set(why, "not a regular file");
        goto failed;
    }

    if (ngx_file_size(&fi) > NGX_HTTP_LITELLM_MAX_FILE) {
        ngx_str_set(why, "larger than 16m");
        goto failed;
    }

    text->len = (size_t) ngx_file_size(&fi);
    text->data = ngx_pnalloc(cf->pool, text->len + 1);
    if (text->data == NULL) {
        goto failed;
    }

    n = ngx_read_file(&file, text->data, text->len, 0);

    if (n == NGX_ERROR || (size_t) n != text->len) {
        ngx_str_set(why, "could not be read whole");
        goto failed;
    }

    (void) ngx_close_file(file.fd);

    return NGX_OK;

failed:

    (void) ngx_close_file(file.fd);

    return NGX_ERROR;
}


/* the environment first, as a .env file does not override it in LiteLLM */

static ngx_int_t
ngx_http_litellm_read_env(void *data, ngx_str_t *name, ngx_str_t *value)
{
    ngx_conf_t *cf = data;

    char                          *p;
    u_char                        *key;
    ngx_uint_t                     i;
    ngx_keyval_t                  *kv;
    ngx_http_litellm_main_conf_t  *mcf;

    key = ngx_pnalloc(cf->temp_pool, name->len + 1);
    if (key == NULL) {
        return NGX_ERROR;
    }

    *ngx_cpymem(key, name->data, name->len) = '\0';

    p = getenv((char *) key);

    if (p != NULL) {
        value->len = ngx_strlen(p);
        value->data = ngx_pnalloc(cf->pool, value->len + 1);
        if (value->data == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(value->data, p, value->len + 1);

        return NGX_OK;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_litellm_module);

    if (mcf->env == NULL) {
        return NGX_DECLINED;
    }

    /* the last line of a name counts */

    kv = mcf->env->elts;

    for (i = mcf->env->nelts; i > 0; i--) {
        if (kv[i - 1].key.len == name->len
            && ngx_strncmp(kv[i - 1].key.data, name->data, name->len) == 0)
        {
            *value = kv[i - 1].value;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
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


static ngx_int_t
ngx_http_litellm_env_files(ngx_conf_t *cf, ngx_http_litellm_main_conf_t *mcf)
{
    ngx_str_t   *file, text, why;
    ngx_uint_t   i;

    if (mcf->env != NULL) {
        return NGX_OK;
    }

    mcf->env = ngx_array_create(cf->pool, 8, sizeof(ngx_keyval_t));
    if (mcf->env == NULL) {
        return NGX_ERROR;
    }

    file = mcf->env_files.elts;

    for (i = 0; i < mcf->env_files.nelts; i++) {

        ngx_str_set(&why, "could not be read");

        if (ngx_http_litellm_read_file(cf, &file[i], &text, &why) != NGX_OK) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "litellm_env_file \"%V\": %V", &file[i], &why);
            return NGX_ERROR;
        }

        if (ngx_http_litellm_env_parse(cf, mcf, &text) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * NAME=value lines, "export " before them allowed; blanks around both sides,
 * one pair of quotes around the value and comments are not part of it.
 */

static ngx_int_t
ngx_http_litellm_env_parse(ngx_conf_t *cf, ngx_http_litellm_main_conf_t *mcf,
    ngx_str_t *text)
{
    u_char        *p, *end, *line, *eq, *last, *hash;
    ngx_keyval_t  *kv;

    p = text->data;
    end = p + text->len;

    while (p < end) {

        line = p;

        last = ngx_strlchr(p, end, '\n');
        if (last == NULL) {
            last = end;
        }

        p = last + 1;

        while (line < last && (*line == ' ' || *line == '\t')) {
            line++;
        }

        while (last > line && (last[-1] == ' ' || last[-1] == '\t'
                               || last[-1] == '\r'))
        {
            last--;
        }

        if (last - line > 7 && ngx_strncmp(line, "export ", 7) == 0) {
            line += 7;
        }

        eq = ngx_strlchr(line, last, '=');

        if (line == last || *line == '#' || eq == NULL || eq == line) {
            continue;
        }

        kv = ngx_array_push(mcf->env);
        if (kv == NULL) {
            return NGX_ERROR;
        }

        kv->key.data = line;
        kv->key.len = eq - line;

        while (kv->key.len && kv->key.data[kv->key.len - 1] == ' ') {
            kv->key.len--;
        }

        for (eq++; eq < last && (*eq == ' ' || *eq == '\t'); eq++) {
            /* void */
        }

        if (last - eq >= 2 && (*eq == '"' || *eq == '\'')
            && last[-1] == *eq)
        {
            eq++;
            last--;

        } else {
            hash = ngx_strnstr(eq, " #", last - eq);

            if (hash != NULL) {
                last = hash;
            }
        }

        kv->value.data = eq;
        kv->value.len = last - eq;
    }

    return NGX_OK;
}


/*
 * A binary upgrade hands the new master only the variables that "env" names:
 * without this the providers' keys would be gone after it.
 */

static ngx_int_t
ngx_http_litellm_keep_env(ngx_conf_t *cf, ngx_litellm_config_t *config)
{
    ngx_str_t        *name, *env;
    ngx_uint_t        i;
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);
    name = config->env_names.elts;

    for (i = 0; i < config->env_names.nelts; i++) {

        env = ngx_array_push(&ccf->env);
        if (env == NULL) {
            return NGX_ERROR;
        }

        /* nginx looks for '=' behind the name's length */

        env->len = name[i].len;
        env->data = ngx_pnalloc(cf->pool, name[i].len + 1);
        if (env->data == NULL) {
            return NGX_ERROR;
        }

        *ngx_cpymem(env->data, name[i].data, name[i].len) = '\0';
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_endpoints(ngx_conf_t *cf, ngx_http_litellm_main_conf_t *mcf,
    ngx_http_litellm_loc_conf_t *lcf)
{
    ngx_uint_t                  i;
    ngx_litellm_deployment_t  **d;

    d = lcf->config->deployments.elts;

    for (i = 0; i < lcf->config->deployments.nelts; i++) {

        if (d[i]->http != NULL || d[i]->mock || d[i]->provider == NULL
            || d[i]->url.host.len == 0)
        {
            continue;
        }

        d[i]->http = ngx_http_litellm_endpoint(cf, mcf, lcf, d[i]);
        if (d[i]->http == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_http_litellm_endpoint_t *
ngx_http_litellm_endpoint(ngx_conf_t *cf, ngx_http_litellm_main_conf_t *mcf,
    ngx_http_litellm_loc_conf_t *lcf, ngx_litellm_deployment_t *d)
{
    u_char                          *p;
    uint32_t                         hash;
    ngx_str_t                        name;
    ngx_litellm_url_t               *url;
    ngx_http_core_loc_conf_t        *clcf;
    ngx_http_litellm_endpoint_t     *e;
    ngx_http_litellm_origin_conf_t   conf;

    url = &d->url;

    name.data = ngx_pnalloc(cf->pool, sizeof("https://[]:65535") + url->host.len);
    if (name.data == NULL) {
        return NULL;
    }

    p = ngx_sprintf(name.data, "%s://%V:%ui", url->tls ? "https" : "http",
                    &url->host, (ngx_uint_t) url->port);
    name.len = p - name.data;

    hash = ngx_crc32_long(name.data, name.len);

    e = (ngx_http_litellm_endpoint_t *)
            ngx_str_rbtree_lookup(&mcf->endpoints, &name, hash);
    if (e != NULL) {
        return e;
    }

#if !(NGX_HTTP_SSL)
    if (url->tls) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%V\" of %V:%ui needs nginx with its SSL module",
                      &d->api_base, &d->file, d->line);
        return NULL;
    }
#endif

    e = ngx_pcalloc(cf->pool, sizeof(ngx_http_litellm_endpoint_t));
    if (e == NULL) {
        return NULL;
    }

    e->sn.node.key = hash;
    e->sn.str = name;
    e->index = mcf->nendpoints++;
    e->url = *url;
    e->ssl_name.value = url->host;

    ngx_rbtree_insert(&mcf->endpoints, &e->sn.node);

    e->upstream = ngx_http_litellm_declared(cf, &url->host);

    if (e->upstream != NULL) {
        return e;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    ngx_memzero(&conf, sizeof(ngx_http_litellm_origin_conf_t));

    conf.keepalive = lcf->keepalive;
    conf.keepalive_timeout = lcf->keepalive_timeout;
    conf.keepalive_requests = lcf->keepalive_requests;
    conf.resolve_valid = lcf->resolve_valid;
    conf.resolve_timeout = clcf->resolver_timeout;

    /* nginx makes an empty resolver where none was declared */

    if (clcf->resolver != NULL && clcf->resolver->connections.nelts) {
        conf.resolver = clcf->resolver;
    }

    e->origin = ngx_http_litellm_origin_add(cf, &mcf->origins, url, &conf);
    if (e->origin == NULL) {
        return NULL;
    }

    e->upstream = ngx_http_litellm_origin_upstream(e->origin);

    /* the engine cuts a port off: an IPv6 address needs its brackets */

    e->ssl_name.value = e->upstream->host;

    return e;
}


/* upstream NAME { ... } of that name; those that proxy_pass made don't count */

static ngx_http_upstream_srv_conf_t *
ngx_http_litellm_declared(ngx_conf_t *cf, ngx_str_t *host)
{
    ngx_uint_t                      i;
    ngx_http_upstream_srv_conf_t  **uscfp;
    ngx_http_upstream_main_conf_t  *umcf;

    umcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_upstream_module);
    uscfp = umcf->upstreams.elts;

    for (i = 0; i < umcf->upstreams.nelts; i++) {
        if ((uscfp[i]->flags & NGX_HTTP_UPSTREAM_CREATE)
            && uscfp[i]->host.len == host->len
            && ngx_strncasecmp(uscfp[i]->host.data, host->data, host->len)
               == 0)
        {
            return uscfp[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_litellm_upstreams(ngx_conf_t *cf, ngx_http_litellm_main_conf_t *mcf,
    ngx_http_litellm_loc_conf_t *lcf)
{
    ngx_uint_t                     i;
    ngx_http_upstream_conf_t      *u;
    ngx_litellm_deployment_t     **d;
    ngx_http_litellm_endpoint_t   *e;

    lcf->upstreams = ngx_pcalloc(cf->pool, (mcf->nendpoints + 1)
                                           * sizeof(ngx_http_upstream_conf_t));
    if (lcf->upstreams == NULL) {
        return NGX_ERROR;
    }

    d = lcf->config->deployments.elts;

    for (i = 0; i < lcf->config->deployments.nelts; i++) {

        e = d[i]->http;

        if (e == NULL) {
            continue;
        }

        u = &lcf->upstreams[e->index];

        if (u->upstream != NULL) {
            continue;
        }

        u->upstream = e->upstream;
        u->connect_timeout = lcf->connect_timeout;
        u->send_timeout = lcf->send_timeout;
        u->read_timeout = lcf->read_timeout;
        u->buffer_size = lcf->buffer_size;
        u->next_upstream = lcf->next_upstream;
        u->next_upstream_tries = lcf->next_upstream_tries;

        if (e->origin != NULL && (u->next_upstream & NGX_HTTP_UPSTREAM_FT_ERROR))
        {
            /*
             * An address that does not answer a connect: our origins repeat
             * nothing that was sent on a fresh connection.
             */

            u->next_upstream |= NGX_HTTP_UPSTREAM_FT_TIMEOUT;
        }

        u->socket_keepalive = lcf->socket_keepalive;
        u->pass_request_headers = 0;
        u->pass_request_body = 0;
        u->hide_headers = NGX_CONF_UNSET_PTR;
        u->pass_headers = NGX_CONF_UNSET_PTR;
        ngx_str_set(&u->module, "litellm");

        /* what a provider says to nginx in X-Accel headers is not obeyed */

        u->ignore_headers = ~(ngx_uint_t) 0;

#if (NGX_HTTP_SSL)

        if (!e->url.tls) {
            continue;
        }

        if (lcf->ssl->ctx == NULL
            && ngx_http_litellm_set_ssl(cf, lcf) != NGX_OK)
        {
            return NGX_ERROR;
        }

        u->ssl = lcf->ssl;
        u->ssl_name = &e->ssl_name;
        u->ssl_server_name = 1;
        u->ssl_verify = lcf->ssl_verify;
        u->ssl_session_reuse = lcf->ssl_session_reuse;

#endif
    }

    return NGX_OK;
}


#if (NGX_HTTP_SSL)

static ngx_int_t
ngx_http_litellm_set_ssl(ngx_conf_t *cf, ngx_http_litellm_loc_conf_t *lcf)
{
    ngx_str_t             bundle;
    ngx_uint_t            i;
    ngx_file_info_t       fi;
    ngx_pool_cleanup_t   *cln;

    lcf->ssl->log = cf->log;

    if (ngx_ssl_create(lcf->ssl, lcf->ssl_protocols, NULL) != NGX_OK) {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        ngx_ssl_cleanup_ctx(lcf->ssl);
        return NGX_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = lcf->ssl;

    if (ngx_ssl_ciphers(cf, lcf->ssl, &lcf->ssl_ciphers, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    if (lcf->ssl_verify) {

        bundle = lcf->ssl_trusted_certificate;

        for (i = 0; bundle.len == 0 && ngx_http_litellm_bundles[i]; i++) {

            if (ngx_file_info(ngx_http_litellm_bundles[i], &fi)
                != NGX_FILE_ERROR)
            {
                bundle.data = (u_char *) ngx_http_litellm_bundles[i];
                bundle.len = ngx_strlen(bundle.data);
            }
        }

        if (bundle.len == 0) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "no bundle of trusted certificates was found for "
                          "providers with https: install ca-certificates or "
                          "set \"litellm_ssl_trusted_certificate\"");
            return NGX_ERROR;
        }

        if (ngx_ssl_trusted_certificate(cf, lcf->ssl, &bundle,
                                        lcf->ssl_verify_depth)
            != NGX_OK
            || ngx_ssl_crl(cf, lcf->ssl, &lcf->ssl_crl) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_ssl_client_session_cache(cf, lcf->ssl, lcf->ssl_session_reuse);
}

#endif
