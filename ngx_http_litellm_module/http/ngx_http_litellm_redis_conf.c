
/*
 * litellm_redis, litellm_redis_limits, and what the YAML says of a Redis.  The
 * directive counts before the YAML, and the first file that names one before
 * the others.
 */

#include "ngx_http_litellm_redis.h"


#define NGX_HTTP_LITELLM_REDIS_PORT      6379
#define NGX_HTTP_LITELLM_REDIS_TIMEOUT   1000
#define NGX_HTTP_LITELLM_REDIS_INTERVAL  200


#if (NGX_LITELLM_HAVE_HIREDIS)


static char *ngx_http_litellm_redis_parameter(ngx_conf_t *cf,
    ngx_http_litellm_redis_t *redis, ngx_str_t *value);
static ngx_int_t ngx_http_litellm_redis_ssl(ngx_conf_t *cf,
    ngx_http_litellm_redis_t *redis);


#define ngx_http_litellm_redis_is(s, lit)                                     \
    ((s)->len > sizeof(lit) - 1                                               \
     && ngx_strncmp((s)->data, lit, sizeof(lit) - 1) == 0)


char *
ngx_http_litellm_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_litellm_main_conf_t *mcf = conf;

    ngx_int_t                  rc;
    ngx_str_t                 *value;
    ngx_uint_t                 i;
    const char                *why;
    ngx_http_litellm_redis_t  *redis;

    if (mcf->redis != NULL) {
        return "is duplicate";
    }

    redis = ngx_pcalloc(cf->pool, sizeof(ngx_http_litellm_redis_t));
    if (redis == NULL) {
        return NGX_CONF_ERROR;
    }

    mcf->redis = redis;

    value = cf->args->elts;

    rc = ngx_litellm_redis_url(cf->pool, &value[1], &redis->conf, &why);

    if (rc == NGX_ERROR) {
        return NGX_CONF_ERROR;
    }

    if (rc != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the address of \"litellm_redis\" %s", why);
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_litellm_redis_parameter(cf, redis, &value[i])
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_litellm_redis_parameter(ngx_conf_t *cf,
    ngx_http_litellm_redis_t *redis, ngx_str_t *value)
{
    ngx_int_t  n;
    ngx_str_t  s;

    s.data = ngx_strlchr(value->data, value->data + value->len, '=');

    if (s.data == NULL) {
        s.data = value->data + value->len;

    } else {
        s.data++;
    }

    s.len = value->data + value->len - s.data;

    if (ngx_http_litellm_redis_is(value, "password=")) {
        redis->conf.password = s;

    } else if (ngx_http_litellm_redis_is(value, "user=")) {
        redis->conf.username = s;

    } else if (ngx_http_litellm_redis_is(value, "namespace=")) {
        redis->conf.name_space = s;

    } else if (ngx_http_litellm_redis_is(value, "ca=")) {
        redis->conf.ca = s;

    } else if (ngx_http_litellm_redis_is(value, "cert=")) {
        redis->conf.cert = s;

    } else if (ngx_http_litellm_redis_is(value, "key=")) {
        redis->conf.key = s;

    } else if (ngx_http_litellm_redis_is(value, "db=")) {
        n = ngx_atoi(s.data, s.len);

        if (n == NGX_ERROR || n > 65535) {
            goto invalid;
        }

        redis->conf.db = (ngx_uint_t) n;

    } else if (ngx_http_litellm_redis_is(value, "timeout=")) {
        n = ngx_parse_time(&s, 0);

        if (n == NGX_ERROR || n < 1 || n > 60000) {
            goto invalid;
        }

        redis->timeout = (ngx_msec_t) n;

    } else if (value->len == sizeof("verify=off") - 1
               && ngx_strncmp(value->data, "verify=off", value->len) == 0)
    {
        redis->conf.insecure = 1;

    } else {
        goto invalid;
    }

    return NGX_CONF_OK;

invalid:

    /* only the name: the value may be a secret */

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%*s\" of \"litellm_redis\"",
                       s.data - value->data, value->data);

    return NGX_CONF_ERROR;
}


char *
ngx_http_litellm_redis_limits(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_litellm_main_conf_t *mcf = conf;

    ngx_int_t   n;
    ngx_str_t  *value, s;
    ngx_uint_t  i;

    if (mcf->redis_limits != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        mcf->redis_limits = NGX_HTTP_LITELLM_REDIS_OFF;

    } else if (ngx_strcmp(value[1].data, "async") == 0) {
        mcf->redis_limits = NGX_HTTP_LITELLM_REDIS_ASYNC;

    } else if (ngx_strcmp(value[1].data, "exact") == 0) {
        mcf->redis_limits = NGX_HTTP_LITELLM_REDIS_EXACT;

    } else {
        i = 1;
        goto invalid;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "fail=open") == 0) {
            mcf->redis_fail_closed = 0;

        } else if (ngx_strcmp(value[i].data, "fail=closed") == 0) {
            mcf->redis_fail_closed = 1;

        } else if (ngx_http_litellm_redis_is(&value[i], "interval=")) {
            s.data = value[i].data + sizeof("interval=") - 1;
            s.len = value[i].len - (sizeof("interval=") - 1);

            n = ngx_parse_time(&s, 0);

            if (n == NGX_ERROR || n < 10 || n > 10000) {
                goto invalid;
            }

            mcf->redis_interval = (ngx_msec_t) n;

        } else {
            goto invalid;
        }
    }

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" of \"litellm_redis_limits\"",
                       &value[i]);

    return NGX_CONF_ERROR;
}


ngx_int_t
ngx_http_litellm_redis_init(ngx_conf_t *cf, ngx_http_litellm_main_conf_t *mcf)
{
    ngx_flag_t                 closed;
    ngx_uint_t                 i;
    ngx_http_litellm_file_t   *file;
    ngx_http_litellm_redis_t  *redis;

    redis = mcf->redis;
    file = mcf->files.elts;
    closed = 0;

    for (i = 0; i < mcf->files.nelts; i++) {

        if (file[i].config == NULL) {
            continue;
        }

        closed |= (file[i].config->redis_fail_closed == 1);

        if (redis == NULL && ngx_litellm_redis_known(&file[i].config->redis)) {
            redis = ngx_pcalloc(cf->pool, sizeof(ngx_http_litellm_redis_t));
            if (redis == NULL) {
                return NGX_ERROR;
            }

            redis->conf = file[i].config->redis;
        }
    }

    if (redis == NULL) {

        if (mcf->redis_limits != NGX_CONF_UNSET_UINT
            && mcf->redis_limits != NGX_HTTP_LITELLM_REDIS_OFF)
        {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"litellm_redis_limits\" needs a Redis: "
                          "\"litellm_redis\", or \"coordination_redis\" or "
                          "\"cache_params\" of type redis in the YAML");
            return NGX_ERROR;
        }

        if (mcf->redis_keys == 1) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"litellm_redis_keys\" needs a Redis, too");
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    mcf->redis = redis;

    redis->limits = (mcf->redis_limits == NGX_CONF_UNSET_UINT)
                    ? NGX_HTTP_LITELLM_REDIS_ASYNC
                    : (ngx_http_litellm_redis_limits_e) mcf->redis_limits;
    redis->interval = (mcf->redis_interval == NGX_CONF_UNSET_MSEC)
                      ? NGX_HTTP_LITELLM_REDIS_INTERVAL : mcf->redis_interval;
    redis->fail_closed = (mcf->redis_fail_closed == NGX_CONF_UNSET)
                         ? closed : mcf->redis_fail_closed;
    redis->window = mcf->limit_window;
    redis->keys = (mcf->redis_keys != 0);

    return ngx_http_litellm_redis_locate(cf, mcf, redis);
}


/* a name is looked up when it is connected to */

ngx_int_t
ngx_http_litellm_redis_locate(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf, ngx_http_litellm_redis_t *redis)
{
    u_char                          *p;
    ngx_str_t                       *name;
    struct sockaddr_un              *sun;
    ngx_litellm_url_t                url;
    ngx_http_core_loc_conf_t        *clcf;
    ngx_http_litellm_origin_conf_t   conf;

    if (redis->timeout == 0) {
        redis->timeout = NGX_HTTP_LITELLM_REDIS_TIMEOUT;
    }

    if (redis->conf.path.len) {
        sun = &redis->sockaddr.sockaddr_un;

        if (redis->conf.path.len >= sizeof(sun->sun_path)) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "the path of the Redis is too long");
            return NGX_ERROR;
        }

        sun->sun_family = AF_UNIX;
        (void) ngx_cpystrn((u_char *) sun->sun_path, redis->conf.path.data,
                           redis->conf.path.len + 1);

        redis->socklen = sizeof(struct sockaddr_un);
        redis->shown = redis->conf.path;

        return NGX_OK;
    }

    if (redis->conf.port == 0) {
        redis->conf.port = NGX_HTTP_LITELLM_REDIS_PORT;
    }

    /* what OpenSSL reads of it ends with a NUL */

    name = &redis->conf.host;

    p = ngx_pnalloc(cf->pool, 2 * (name->len + sizeof(":65535")));
    if (p == NULL) {
        return NGX_ERROR;
    }

    *ngx_cpymem(p, name->data, name->len) = '\0';
    name->data = p;

    p += name->len + 1;

    redis->shown.data = p;
    redis->shown.len = ngx_sprintf(p, "%V:%ui", name,
                                   (ngx_uint_t) redis->conf.port)
                       - p;

    ngx_memzero(&url, sizeof(ngx_litellm_url_t));
    ngx_memzero(&conf, sizeof(ngx_http_litellm_origin_conf_t));

    url.tls = redis->conf.tls;
    url.host = *name;
    url.port = redis->conf.port;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    conf.resolver = clcf->resolver;
    conf.resolve_timeout = redis->timeout;

    redis->origin = ngx_http_litellm_origin_add(cf, &mcf->origins, &url,
                                                &conf);
    if (redis->origin == NULL) {
        return NGX_ERROR;
    }

    return redis->conf.tls ? ngx_http_litellm_redis_ssl(cf, redis) : NGX_OK;
}


static ngx_int_t
ngx_http_litellm_redis_ssl(ngx_conf_t *cf, ngx_http_litellm_redis_t *redis)
{
#if (NGX_HTTP_SSL)

    ngx_pool_cleanup_t  *cln;

    redis->ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    if (redis->ssl == NULL) {
        return NGX_ERROR;
    }

    redis->ssl->log = cf->log;

    if (ngx_ssl_create(redis->ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        ngx_ssl_cleanup_ctx(redis->ssl);
        return NGX_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = redis->ssl;

    if (redis->conf.cert.len
        && ngx_ssl_certificate(cf, redis->ssl, &redis->conf.cert,
                               redis->conf.key.len ? &redis->conf.key
                                                   : &redis->conf.cert,
                               NULL)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (redis->conf.insecure) {
        return NGX_OK;
    }

    if (redis->conf.ca.len == 0
        && ngx_http_litellm_bundle(&redis->conf.ca) != NGX_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "no bundle of trusted certificates was found for the "
                      "Redis: install ca-certificates or set \"ca=\"");
        return NGX_ERROR;
    }

    return ngx_ssl_trusted_certificate(cf, redis->ssl, &redis->conf.ca, 9);

#else

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "a Redis with TLS needs nginx with its SSL module");

    return NGX_ERROR;

#endif
}


#else


char *
ngx_http_litellm_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return "can't be used: the module was built without hiredis";
}


char *
ngx_http_litellm_redis_limits(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return "can't be used: the module was built without hiredis";
}


/* what the YAML asks for is asked of LiteLLM: it goes on alone */

ngx_int_t
ngx_http_litellm_redis_init(ngx_conf_t *cf, ngx_http_litellm_main_conf_t *mcf)
{
    ngx_uint_t                i;
    ngx_http_litellm_file_t  *file;

    file = mcf->files.elts;

    for (i = 0; i < mcf->files.nelts; i++) {

        if (file[i].config != NULL
            && ngx_litellm_redis_known(&file[i].config->redis))
        {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "limits are not shared through Redis: the module "
                          "was built without hiredis");
            break;
        }
    }

    return NGX_OK;
}

#endif
