
/*
 * Which Redis the YAML names, and for what.  As LiteLLM: what limits are
 * shared through is general_settings.coordination_redis, else a cache of type
 * redis.  Where LiteLLM shares nothing, with router_settings.redis_* alone,
 * limits are shared here, too.  Its variables fill what the file leaves open.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"


/* what the file says of one */
typedef struct {
    ngx_litellm_redis_t  *redis;
    ngx_flag_t            tls;       /* -1: not said */
} ngx_litellm_cf_redis_t;


static void ngx_litellm_cf_redis_answers(ngx_litellm_cf_t *cf);
static void ngx_litellm_cf_redis_fill(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_redis_t *in);
static ngx_int_t ngx_litellm_cf_redis_cache(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_redis_t *in, ngx_litellm_yaml_t **where);
static ngx_uint_t ngx_litellm_cf_redis_type(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v);
static ngx_int_t ngx_litellm_cf_redis_map(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *map, const char *prefix, ngx_litellm_cf_redis_t *in);
static ngx_int_t ngx_litellm_cf_redis_login(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *map, const char *prefix, ngx_litellm_cf_redis_t *in);
static ngx_int_t ngx_litellm_cf_redis_tls(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *map, const char *prefix, ngx_litellm_cf_redis_t *in);
static ngx_int_t ngx_litellm_cf_redis_text(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *map, const char *prefix, const char *name,
    ngx_str_t *dst);
static ngx_litellm_yaml_t *ngx_litellm_cf_redis_get(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *map, const char *prefix, const char *name);
static ngx_uint_t ngx_litellm_cf_redis_host(ngx_str_t *host);
static void ngx_litellm_cf_redis_env(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_redis_t *in);
static ngx_uint_t ngx_litellm_cf_redis_variable(ngx_litellm_cf_t *cf,
    const char *name, ngx_str_t *value);


#define NGX_LITELLM_CF_REDIS_PORT  6379
#define NGX_LITELLM_CF_REDIS_NAME  64


void
ngx_litellm_cf_redis(ngx_litellm_cf_t *cf)
{
    ngx_int_t                rc;
    ngx_uint_t               answers;
    ngx_litellm_yaml_t      *general, *router, *v;
    ngx_litellm_redis_t     *r;
    ngx_litellm_cf_redis_t   in;

    r = &cf->conf->redis;

    in.redis = r;
    in.tls = -1;
    answers = 0;

    general = ngx_litellm_cf_section(cf, "general_settings");
    router = ngx_litellm_cf_section(cf, "router_settings");

    (void) ngx_litellm_cf_flag(cf,
                 ngx_litellm_yaml_member(general,
                                       "fail_closed_rate_limit_enforcement"),
                 "fail_closed_rate_limit_enforcement",
                 &cf->conf->redis_fail_closed);

    v = ngx_litellm_yaml_member(general, "coordination_redis");

    if (v != NULL && v->type == NGX_LITELLM_YAML_MAP) {
        ngx_litellm_cf_redis_answers(cf);
        rc = ngx_litellm_cf_redis_map(cf, v, "", &in);

    } else {
        rc = ngx_litellm_cf_redis_cache(cf, &in, &v);
        answers = (rc == NGX_OK);

        if (rc == NGX_DECLINED && router != NULL
            && router->type == NGX_LITELLM_YAML_MAP)
        {
            rc = ngx_litellm_cf_redis_map(cf, router, "redis_", &in);

            if (rc == NGX_OK && !ngx_litellm_redis_known(r)) {
                rc = NGX_DECLINED;
            }
        }
    }

    if (rc != NGX_OK) {
        return;
    }

    ngx_litellm_cf_redis_fill(cf, &in);

    if (!ngx_litellm_redis_known(r)) {

        if (v != NULL && !cf->failed) {
            ngx_litellm_cf_warn(cf, v, "a Redis is asked for, but neither "
                                "\"url\" nor \"host\" is set, nor REDIS_URL "
                                "or REDIS_HOST: nothing is shared");
        }

        return;
    }

    if (answers) {
        cf->conf->cache_redis = *r;
    }
}


/* of the cache alone, where limits are shared through another one */

static void
ngx_litellm_cf_redis_answers(ngx_litellm_cf_t *cf)
{
    ngx_litellm_yaml_t      *v;
    ngx_litellm_cf_redis_t   in;

    in.redis = &cf->conf->cache_redis;
    in.tls = -1;

    if (ngx_litellm_cf_redis_cache(cf, &in, &v) == NGX_OK) {
        ngx_litellm_cf_redis_fill(cf, &in);
    }
}


static void
ngx_litellm_cf_redis_fill(ngx_litellm_cf_t *cf, ngx_litellm_cf_redis_t *in)
{
    ngx_litellm_cf_redis_env(cf, in);

    if (!ngx_litellm_redis_known(in->redis)) {
        return;
    }

    if (in->tls == 1) {
        in->redis->tls = 1;
    }

    if (in->redis->port == 0) {
        in->redis->port = NGX_LITELLM_CF_REDIS_PORT;
    }
}


/*
 * A cache of type redis, in each form that the cache is read in.  NGX_OK: it
 * is asked for; *where NULL: a cache is, and no type of it is named, so that
 * only the variables may name a server.
 */

static ngx_int_t
ngx_litellm_cf_redis_cache(ngx_litellm_cf_t *cf, ngx_litellm_cf_redis_t *in,
    ngx_litellm_yaml_t **where)
{
    ngx_uint_t           i, typed;
    ngx_litellm_yaml_t  *settings, *v[3];

    settings = ngx_litellm_cf_section(cf, "litellm_settings");

    v[0] = ngx_litellm_yaml_member(settings, "cache_params");
    v[1] = ngx_litellm_cf_section(cf, "cache");
    v[2] = ngx_litellm_yaml_member(settings, "cache");

    *where = NULL;
    typed = 0;

    for (i = 0; i < 3; i++) {

        if (v[i] == NULL) {
            continue;
        }

        if (v[i]->type != NGX_LITELLM_YAML_MAP) {

            if (i > 0 && ngx_litellm_cf_redis_type(cf, v[i])) {
                *where = v[i];
                return NGX_OK;
            }

            continue;
        }

        if (ngx_litellm_yaml_member(v[i], "type") == NULL) {
            continue;
        }

        typed = 1;

        if (ngx_litellm_cf_redis_type(cf, ngx_litellm_yaml_member(v[i],
                                                                  "type")))
        {
            *where = v[i];
            return ngx_litellm_cf_redis_map(cf, v[i], "", in);
        }
    }

    if (typed || !cf->conf->cache.enable || cf->conf->cache.routed) {
        return NGX_DECLINED;
    }

    /* LiteLLM's default is redis: it is meant if a server is known */

    for (i = 0; i < 3; i++) {

        if (v[i] == NULL || v[i]->type != NGX_LITELLM_YAML_MAP) {
            continue;
        }

        if (ngx_litellm_cf_redis_map(cf, v[i], "", in) != NGX_OK) {
            return NGX_ERROR;
        }

        if (ngx_litellm_redis_known(in->redis)) {
            return NGX_OK;
        }
    }

    ngx_litellm_cf_redis_env(cf, in);

    return ngx_litellm_redis_known(in->redis) ? NGX_OK : NGX_DECLINED;
}


static ngx_uint_t
ngx_litellm_cf_redis_type(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v)
{
    ngx_str_t                 type;
    ngx_litellm_yaml_kind_e   kind;

    /* what is wrong with it is said where the cache is read */

    return ngx_litellm_cf_text(cf, v, &type, &kind) == NGX_OK
           && (ngx_litellm_cf_is(&type, "redis")
               || ngx_litellm_cf_is(&type, "valkey"));
}


/* url counts before host, as redis-py has it */

static ngx_int_t
ngx_litellm_cf_redis_map(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *map,
    const char *prefix, ngx_litellm_cf_redis_t *in)
{
    ngx_int_t             rc;
    ngx_str_t             text;
    const char           *why;
    ngx_litellm_yaml_t   *v;
    ngx_litellm_redis_t  *r;

    r = in->redis;

    v = ngx_litellm_cf_redis_get(cf, map, prefix, "url");
    rc = ngx_litellm_cf_str(cf, v, "url", &text);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK && text.len) {

        rc = ngx_litellm_redis_url(cf->pool, &text, r, &why);

        if (rc == NGX_DECLINED) {
            ngx_litellm_cf_error(cf, v, "the address of the Redis %s", why);
            return NGX_ERROR;
        }

        if (rc != NGX_OK) {
            cf->failed = 1;
            return NGX_ERROR;
        }

    } else {
        v = ngx_litellm_cf_redis_get(cf, map, prefix, "host");
        rc = ngx_litellm_cf_str(cf, v, "host", &text);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_OK && text.len) {

            if (!ngx_litellm_cf_redis_host(&text)) {
                ngx_litellm_cf_error(cf, v, "\"%shost\" must be a name or an "
                                     "address; an address with a scheme is "
                                     "\"%surl\"", prefix, prefix);
                return NGX_ERROR;
            }

            r->host = text;
        }
    }

    if (ngx_litellm_cf_redis_login(cf, map, prefix, in) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_litellm_cf_redis_tls(cf, map, prefix, in);
}


static ngx_int_t
ngx_litellm_cf_redis_login(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *map,
    const char *prefix, ngx_litellm_cf_redis_t *in)
{
    int64_t               n;
    ngx_int_t             rc;
    ngx_litellm_redis_t  *r;

    r = in->redis;

    rc = ngx_litellm_cf_int(cf, ngx_litellm_cf_redis_get(cf, map, prefix,
                                                         "port"),
                            "port", 1, 65535, &n);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK && r->port == 0) {
        r->port = (in_port_t) n;
    }

    rc = ngx_litellm_cf_int(cf, ngx_litellm_cf_redis_get(cf, map, prefix,
                                                         "db"),
                            "db", 0, 65535, &n);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK && r->db == 0) {
        r->db = (ngx_uint_t) n;
    }

    if (r->password.len == 0
        && ngx_litellm_cf_redis_text(cf, map, prefix, "password",
                                     &r->password)
           == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    if (r->username.len == 0
        && ngx_litellm_cf_redis_text(cf, map, prefix, "username",
                                     &r->username)
           == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    if (*prefix == '\0') {
        return ngx_litellm_cf_redis_text(cf, map, prefix, "namespace",
                                         &r->name_space);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_cf_redis_tls(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *map,
    const char *prefix, ngx_litellm_cf_redis_t *in)
{
    ngx_str_t             verify;
    ngx_litellm_redis_t  *r;

    r = in->redis;

    if (ngx_litellm_cf_flag(cf, ngx_litellm_cf_redis_get(cf, map, prefix,
                                                         "ssl"),
                            "ssl", &in->tls)
        == NGX_ERROR
        || ngx_litellm_cf_redis_text(cf, map, prefix, "ssl_ca_certs", &r->ca)
           != NGX_OK
        || ngx_litellm_cf_redis_text(cf, map, prefix, "ssl_certfile",
                                     &r->cert)
           != NGX_OK
        || ngx_litellm_cf_redis_text(cf, map, prefix, "ssl_keyfile", &r->key)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_null(&verify);

    if (ngx_litellm_cf_redis_text(cf, map, prefix, "ssl_cert_reqs", &verify)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_litellm_cf_is(&verify, "none")) {
        r->insecure = 1;
    }

    return NGX_OK;
}


/* NGX_OK, too, if it is not said */

static ngx_int_t
ngx_litellm_cf_redis_text(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *map,
    const char *prefix, const char *name, ngx_str_t *dst)
{
    ngx_int_t  rc;

    rc = ngx_litellm_cf_str(cf, ngx_litellm_cf_redis_get(cf, map, prefix,
                                                         name),
                            name, dst);

    return (rc == NGX_ERROR) ? NGX_ERROR : NGX_OK;
}


static ngx_litellm_yaml_t *
ngx_litellm_cf_redis_get(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *map,
    const char *prefix, const char *name)
{
    u_char  buf[NGX_LITELLM_CF_REDIS_NAME], *p;

    p = ngx_snprintf(buf, sizeof(buf), "%s%s", prefix, name);

    return ngx_litellm_yaml_get(map, (char *) buf, p - buf);
}


static ngx_uint_t
ngx_litellm_cf_redis_host(ngx_str_t *host)
{
    u_char      ch;
    ngx_uint_t  i;

    if (host->len == 0 || host->len > 253) {
        return 0;
    }

    for (i = 0; i < host->len; i++) {
        ch = host->data[i];

        if ((ch < '0' || ch > '9') && ((ch | 0x20) < 'a' || (ch | 0x20) > 'z')
            && ch != '.' && ch != '-' && ch != '_' && ch != ':')
        {
            return 0;
        }
    }

    return 1;
}


static void
ngx_litellm_cf_redis_env(ngx_litellm_cf_t *cf, ngx_litellm_cf_redis_t *in)
{
    ngx_int_t             n;
    ngx_str_t             value;
    const char           *why;
    ngx_litellm_redis_t  *r;

    r = in->redis;

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
        && ngx_litellm_cf_redis_variable(cf, "REDIS_HOST", &value))
    {
        if (!ngx_litellm_cf_redis_host(&value)) {
            ngx_litellm_cf_error(cf, cf->top, "REDIS_HOST must be a name or "
                                 "an address; an address with a scheme is "
                                 "REDIS_URL");
            return;
        }

        r->host = value;
    }

    if (!ngx_litellm_redis_known(r)) {
        return;
    }

    if (r->port == 0 && r->path.len == 0
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

    if (in->tls == -1
        && ngx_litellm_cf_redis_variable(cf, "REDIS_SSL", &value))
    {
        in->tls = ngx_litellm_cf_is(&value, "true")
                  || ngx_litellm_cf_is(&value, "True")
                  || ngx_litellm_cf_is(&value, "TRUE")
                  || ngx_litellm_cf_is(&value, "1");
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
