
/*
 * Which Redis the YAML names, and for what.  As LiteLLM: what limits are
 * shared through is general_settings.coordination_redis, else cache_params of
 * type redis; its variables fill what these leave open.  Where LiteLLM shares
 * nothing, with router_settings.redis_* alone, limits are shared here, too.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"


static ngx_int_t ngx_litellm_cf_redis_map(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *map, const char *prefix, ngx_litellm_redis_t *r);
static ngx_litellm_yaml_t *ngx_litellm_cf_redis_get(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *map, const char *prefix, const char *name);
static void ngx_litellm_cf_redis_env(ngx_litellm_cf_t *cf,
    ngx_litellm_redis_t *r);
static ngx_uint_t ngx_litellm_cf_redis_variable(ngx_litellm_cf_t *cf,
    const char *name, ngx_str_t *value);


#define NGX_LITELLM_CF_REDIS_PORT  6379
#define NGX_LITELLM_CF_REDIS_NAME  64


void
ngx_litellm_cf_redis(ngx_litellm_cf_t *cf)
{
    ngx_str_t             type;
    ngx_uint_t            asked;
    ngx_litellm_yaml_t   *general, *settings, *router, *v;
    ngx_litellm_redis_t  *r;

    r = &cf->conf->redis;

    general = ngx_litellm_cf_section(cf, "general_settings");
    settings = ngx_litellm_cf_section(cf, "litellm_settings");
    router = ngx_litellm_cf_section(cf, "router_settings");

    (void) ngx_litellm_cf_flag(cf,
                 ngx_litellm_yaml_member(general,
                                       "fail_closed_rate_limit_enforcement"),
                 "fail_closed_rate_limit_enforcement",
                 &cf->conf->redis_fail_closed);

    asked = 0;

    v = ngx_litellm_yaml_member(general, "coordination_redis");

    if (v != NULL && v->type == NGX_LITELLM_YAML_MAP) {
        asked = 1;

        if (ngx_litellm_cf_redis_map(cf, v, "", r) != NGX_OK) {
            return;
        }
    }

    v = ngx_litellm_yaml_member(settings, "cache_params");

    if (!asked && v != NULL && v->type == NGX_LITELLM_YAML_MAP
        && ngx_litellm_cf_str(cf, ngx_litellm_yaml_member(v, "type"), "type",
                              &type)
           == NGX_OK
        && ngx_litellm_cf_is(&type, "redis"))
    {
        asked = 1;

        if (ngx_litellm_cf_redis_map(cf, v, "", r) != NGX_OK) {
            return;
        }
    }

    if (!asked) {

        if (router != NULL && router->type == NGX_LITELLM_YAML_MAP) {
            (void) ngx_litellm_cf_redis_map(cf, router, "redis_", r);
        }

        if (!ngx_litellm_redis_known(r)) {
            return;
        }

    } else {
        ngx_litellm_cf_redis_env(cf, r);
    }

    if (!ngx_litellm_redis_known(r)) {
        ngx_litellm_cf_warn(cf, v ? v : general, "a Redis is asked for, but "
                            "neither \"url\" nor \"host\" is set, nor "
                            "REDIS_URL or REDIS_HOST: nothing is shared");
        return;
    }

    if (r->port == 0) {
        r->port = NGX_LITELLM_CF_REDIS_PORT;
    }
}


/* url counts before host, as redis-py has it */

static ngx_int_t
ngx_litellm_cf_redis_map(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *map,
    const char *prefix, ngx_litellm_redis_t *r)
{
    int64_t              n;
    ngx_int_t            rc;
    ngx_str_t            url, verify;
    ngx_flag_t           tls;
    const char          *why;
    ngx_litellm_yaml_t  *v;

    v = ngx_litellm_cf_redis_get(cf, map, prefix, "url");

    if (ngx_litellm_cf_str(cf, v, "url", &url) == NGX_OK && url.len) {

        rc = ngx_litellm_redis_url(cf->pool, &url, r, &why);

        if (rc != NGX_OK) {

            if (rc == NGX_DECLINED) {
                ngx_litellm_cf_error(cf, v, "the address of the Redis %s",
                                     why);
            } else {
                cf->failed = 1;
            }

            return NGX_ERROR;
        }

    } else if (ngx_litellm_cf_str(cf, ngx_litellm_cf_redis_get(cf, map, prefix,
                                                               "host"),
                                  "host", &r->host)
               == NGX_ERROR
               || r->host.len > 253)
    {
        return NGX_ERROR;
    }

    if (ngx_litellm_cf_int(cf, ngx_litellm_cf_redis_get(cf, map, prefix,
                                                        "port"),
                           "port", 1, 65535, &n)
        == NGX_OK && r->port == 0)
    {
        r->port = (in_port_t) n;
    }

    if (ngx_litellm_cf_int(cf, ngx_litellm_cf_redis_get(cf, map, prefix, "db"),
                           "db", 0, 65535, &n)
        == NGX_OK && r->db == 0)
    {
        r->db = (ngx_uint_t) n;
    }

    if (r->password.len == 0) {
        (void) ngx_litellm_cf_str(cf, ngx_litellm_cf_redis_get(cf, map, prefix,
                                                               "password"),
                                  "password", &r->password);
    }

    if (r->username.len == 0) {
        (void) ngx_litellm_cf_str(cf, ngx_litellm_cf_redis_get(cf, map, prefix,
                                                               "username"),
                                  "username", &r->username);
    }

    tls = 0;

    if (ngx_litellm_cf_flag(cf, ngx_litellm_cf_redis_get(cf, map, prefix,
                                                         "ssl"),
                            "ssl", &tls)
        == NGX_OK && tls)
    {
        r->tls = 1;
    }

    if (ngx_litellm_cf_str(cf, ngx_litellm_cf_redis_get(cf, map, prefix,
                                                        "ssl_cert_reqs"),
                           "ssl_cert_reqs", &verify)
        == NGX_OK && ngx_litellm_cf_is(&verify, "none"))
    {
        r->insecure = 1;
    }

    (void) ngx_litellm_cf_str(cf, ngx_litellm_cf_redis_get(cf, map, prefix,
                                                           "ssl_ca_certs"),
                              "ssl_ca_certs", &r->ca);

    if (*prefix == '\0') {
        (void) ngx_litellm_cf_str(cf, ngx_litellm_cf_redis_get(cf, map, prefix,
                                                               "namespace"),
                                  "namespace", &r->name_space);
    }

    return cf->failed ? NGX_ERROR : NGX_OK;
}


static ngx_litellm_yaml_t *
ngx_litellm_cf_redis_get(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *map,
    const char *prefix, const char *name)
{
    u_char  buf[NGX_LITELLM_CF_REDIS_NAME], *p;

    p = ngx_snprintf(buf, sizeof(buf), "%s%s", prefix, name);

    return ngx_litellm_yaml_get(map, (char *) buf, p - buf);
}


static void
ngx_litellm_cf_redis_env(ngx_litellm_cf_t *cf, ngx_litellm_redis_t *r)
{
    ngx_int_t    n;
    ngx_str_t    value;
    const char  *why;

    if (!ngx_litellm_redis_known(r)
        && ngx_litellm_cf_redis_variable(cf, "REDIS_URL", &value))
    {
        n = ngx_litellm_redis_url(cf->pool, &value, r, &why);

        if (n == NGX_ERROR) {
            cf->failed = 1;
            return;
        }

        if (n == NGX_DECLINED) {
            ngx_litellm_cf_error(cf, cf->top, "the address in REDIS_URL %s",
                                 why);
            return;
        }
    }

    if (!ngx_litellm_redis_known(r)
        && ngx_litellm_cf_redis_variable(cf, "REDIS_HOST", &value)
        && value.len <= 253)
    {
        r->host = value;
    }

    if (r->port == 0
        && ngx_litellm_cf_redis_variable(cf, "REDIS_PORT", &value))
    {
        n = ngx_atoi(value.data, value.len);

        if (n < 1 || n > 65535) {
            ngx_litellm_cf_error(cf, cf->top,
                                 "REDIS_PORT must be 1 to 65535");
            return;
        }

        r->port = (in_port_t) n;
    }

    if (r->password.len == 0
        && ngx_litellm_cf_redis_variable(cf, "REDIS_PASSWORD", &value))
    {
        r->password = value;
    }

    if (r->username.len == 0
        && ngx_litellm_cf_redis_variable(cf, "REDIS_USERNAME", &value))
    {
        r->username = value;
    }

    if (!r->tls && ngx_litellm_cf_redis_variable(cf, "REDIS_SSL", &value)
        && (ngx_litellm_cf_is(&value, "true")
            || ngx_litellm_cf_is(&value, "True")
            || ngx_litellm_cf_is(&value, "1")))
    {
        r->tls = 1;
    }
}


/* through os.environ/NAME, so that it is kept over a binary upgrade */

static ngx_uint_t
ngx_litellm_cf_redis_variable(ngx_litellm_cf_t *cf, const char *name,
    ngx_str_t *value)
{
    ngx_str_t  key;

    key.data = (u_char *) name;
    key.len = ngx_strlen(name);

    if (ngx_litellm_cf_env(cf, &key, value) != NGX_OK || value->len == 0) {
        return 0;
    }

    return 1;
}
