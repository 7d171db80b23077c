
/*
 * litellm_cache_redis, and which Redis answers are kept in: that of
 * litellm_redis, else the one that cache_params of a file name (its variables
 * fill what these leave open), else the one that the file shares limits
 * through.  It may be another server than that of limits, and has connections
 * of its own in any case.
 */

#include "ngx_http_litellm_cache_redis.h"


#if (NGX_LITELLM_HAVE_HIREDIS)

static ngx_litellm_redis_t *ngx_http_litellm_cache_redis_place(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf);
static ngx_uint_t ngx_http_litellm_cache_redis_same(ngx_litellm_redis_t *a,
    ngx_litellm_redis_t *b);

#endif


/* litellm_cache_redis on | off | only [timeout=time] */

char *
ngx_http_litellm_cache_redis_switch(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_litellm_loc_conf_t *lcf = conf;

    ngx_int_t                      n;
    ngx_str_t                     *value, s;
    ngx_uint_t                     i;
    ngx_http_litellm_cache_set_t  *set;

    set = &lcf->cache_set;

    if (set->redis != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    i = 1;

    if (ngx_strcmp(value[1].data, "on") == 0) {
        set->redis = NGX_HTTP_LITELLM_CACHE_REDIS_ON;

    } else if (ngx_strcmp(value[1].data, "off") == 0) {
        set->redis = NGX_HTTP_LITELLM_CACHE_REDIS_OFF;

    } else if (ngx_strcmp(value[1].data, "only") == 0) {
        set->redis = NGX_HTTP_LITELLM_CACHE_REDIS_ONLY;

    } else {
        goto invalid;
    }

#if !(NGX_LITELLM_HAVE_HIREDIS)

    if (set->redis != NGX_HTTP_LITELLM_CACHE_REDIS_OFF) {
        return "can't be used: the module was built without hiredis";
    }

#endif

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "timeout=", 8) != 0) {
            goto invalid;
        }

        s.data = value[i].data + 8;
        s.len = value[i].len - 8;

        n = ngx_parse_time(&s, 0);

        if (n == NGX_ERROR || n < 1 || n > 10000) {
            goto invalid;
        }

        set->redis_timeout = (ngx_msec_t) n;
    }

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" of \"litellm_cache_redis\"",
                       &value[i]);

    return NGX_CONF_ERROR;
}


#if (NGX_LITELLM_HAVE_HIREDIS)


ngx_int_t
ngx_http_litellm_cache_redis_init(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf)
{
    ngx_litellm_redis_t       *place;
    ngx_http_litellm_redis_t  *redis;

    if (!mcf->cache_shared) {
        return NGX_OK;
    }

    place = ngx_http_litellm_cache_redis_place(cf, mcf);

    if (place == NULL) {

        if (mcf->cache_redis_set) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"litellm_cache_redis\" needs a Redis: "
                          "\"litellm_redis\", or \"cache_params\" of the YAML "
                          "with \"url\" or \"host\"");
            return NGX_ERROR;
        }

        if (mcf->cache_redis_named) {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "answers are kept in memory alone: a cache of type "
                          "redis is asked for and no Redis is named");
        }

        return NGX_OK;
    }

    redis = ngx_pcalloc(cf->pool, sizeof(ngx_http_litellm_redis_t));
    if (redis == NULL) {
        return NGX_ERROR;
    }

    redis->conf = *place;

    if (mcf->redis != NULL) {
        redis->timeout = mcf->redis->timeout;
    }

    mcf->cache_redis = redis;

    return ngx_http_litellm_redis_locate(cf, mcf, redis);
}


static ngx_litellm_redis_t *
ngx_http_litellm_cache_redis_place(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf)
{
    ngx_uint_t                i;
    ngx_litellm_redis_t      *place, *own;
    ngx_http_litellm_file_t  *file;

    place = (mcf->redis != NULL) ? &mcf->redis->conf : NULL;

    file = mcf->files.elts;

    for (i = 0; i < mcf->files.nelts; i++) {

        if (file[i].config == NULL) {
            continue;
        }

        own = &file[i].config->cache_redis;

        if (!ngx_litellm_redis_known(own)) {
            continue;
        }

        if (place == NULL) {
            place = own;

        } else if (!ngx_http_litellm_cache_redis_same(place, own)) {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "answers are kept in one Redis, that of %s: the one "
                          "of \"cache_params\" in \"%V\" is not used",
                          mcf->redis ? "\"litellm_redis\"" : "the first file",
                          &file[i].path);
        }
    }

    for (i = 0; place == NULL && i < mcf->files.nelts; i++) {
        if (file[i].config != NULL
            && ngx_litellm_redis_known(&file[i].config->redis))
        {
            place = &file[i].config->redis;
        }
    }

    return place;
}


static ngx_uint_t
ngx_http_litellm_cache_redis_same(ngx_litellm_redis_t *a,
    ngx_litellm_redis_t *b)
{
    in_port_t  port, other;

    port = a->port ? a->port : 6379;
    other = b->port ? b->port : 6379;

    return a->db == b->db
           && a->path.len == b->path.len
           && ngx_strncmp(a->path.data, b->path.data, a->path.len) == 0
           && (a->path.len
               || (port == other && a->host.len == b->host.len
                   && ngx_strncasecmp(a->host.data, b->host.data, a->host.len)
                      == 0));
}


#else


ngx_int_t
ngx_http_litellm_cache_redis_init(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf)
{
    if (mcf->cache_redis_named) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "answers are kept in memory alone: the module was built "
                      "without hiredis");
    }

    return NGX_OK;
}

#endif
