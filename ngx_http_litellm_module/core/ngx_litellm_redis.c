
/*
 * The address of a Redis as redis-py reads it: redis://, rediss://, unix://,
 * and a bare host.  User, password and path may have %XX.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_redis.h"


static ngx_int_t ngx_litellm_redis_decode(ngx_pool_t *pool, u_char *p,
    u_char *last, ngx_str_t *dst);
static ngx_int_t ngx_litellm_redis_host(u_char *p, u_char *last,
    ngx_litellm_redis_t *redis, const char **why);
static ngx_int_t ngx_litellm_redis_query(u_char *p, u_char *last,
    ngx_litellm_redis_t *redis, const char **why);


#define NGX_LITELLM_REDIS_FORM                                                \
    "must be redis://host:port, rediss://host:port, unix:/path or host:port"

#define ngx_litellm_redis_begins(p, last, lit)                                \
    ((size_t) ((last) - (p)) >= sizeof(lit) - 1                               \
     && ngx_strncasecmp(p, (u_char *) lit, sizeof(lit) - 1) == 0)


ngx_int_t
ngx_litellm_redis_url(ngx_pool_t *pool, ngx_str_t *text,
    ngx_litellm_redis_t *redis, const char **why)
{
    u_char     *p, *last, *at, *end, *colon, *query;
    ngx_int_t   n;

    p = text->data;
    last = p + text->len;

    for (at = p; at < last; at++) {
        if (*at <= 0x20 || *at == 0x7f) {
            *why = "has a space or a control character";
            return NGX_DECLINED;
        }
    }

    if (ngx_litellm_redis_begins(p, last, "unix:")) {
        p += sizeof("unix:") - 1;

        if (ngx_litellm_redis_begins(p, last, "//")) {
            p += 2;
        }

        query = ngx_strlchr(p, last, '?');
        end = query ? query : last;

        if (p == end || *p != '/') {
            *why = "has no path of a unix socket";
            return NGX_DECLINED;
        }

        if (ngx_litellm_redis_decode(pool, p, end, &redis->path) != NGX_OK) {
            return NGX_ERROR;
        }

        return query ? ngx_litellm_redis_query(query + 1, last, redis, why)
                     : NGX_OK;
    }

    if (ngx_litellm_redis_begins(p, last, "redis://")) {
        p += sizeof("redis://") - 1;

    } else if (ngx_litellm_redis_begins(p, last, "rediss://")) {
        p += sizeof("rediss://") - 1;
        redis->tls = 1;

    } else if (ngx_strnstr(p, "://", last - p) != NULL) {
        *why = NGX_LITELLM_REDIS_FORM;
        return NGX_DECLINED;

    } else {
        return ngx_litellm_redis_host(p, last, redis, why);
    }

    query = ngx_strlchr(p, last, '?');
    end = query ? query : last;

    /* a password may have an "@": the last one counts */

    for (at = end; at > p && at[-1] != '@'; at--) { /* void */ }

    if (at > p) {
        colon = ngx_strlchr(p, at - 1, ':');

        if (colon == NULL) {
            colon = at - 1;

        } else if (ngx_litellm_redis_decode(pool, colon + 1, at - 1,
                                            &redis->password)
                   != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (ngx_litellm_redis_decode(pool, p, colon, &redis->username)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        p = at;
    }

    at = ngx_strlchr(p, end, '/');

    if (at != NULL) {

        if (at + 1 < end) {
            n = ngx_atoi(at + 1, end - at - 1);

            if (n == NGX_ERROR || n > 65535) {
                *why = "has no number of a database behind \"/\"";
                return NGX_DECLINED;
            }

            redis->db = (ngx_uint_t) n;
        }

        end = at;
    }

    if (ngx_litellm_redis_host(p, end, redis, why) != NGX_OK) {
        return NGX_DECLINED;
    }

    return query ? ngx_litellm_redis_query(query + 1, last, redis, why)
                 : NGX_OK;
}


/* host, host:port, [address], [address]:port */

static ngx_int_t
ngx_litellm_redis_host(u_char *p, u_char *last, ngx_litellm_redis_t *redis,
    const char **why)
{
    u_char     *end;
    ngx_int_t   n;

    if (p < last && *p == '[') {
        p++;
        end = ngx_strlchr(p, last, ']');

        if (end == NULL || end == p) {
            *why = "has no \"]\" behind its address";
            return NGX_DECLINED;
        }

        redis->host.data = p;
        redis->host.len = end - p;

        p = end + 1;

    } else {
        end = ngx_strlchr(p, last, ':');

        if (end == NULL) {
            end = last;
        }

        redis->host.data = p;
        redis->host.len = end - p;

        for ( /* void */ ; p < end; p++) {
            if (*p == '/' || *p == '@' || *p == '?' || *p == '[') {
                *why = NGX_LITELLM_REDIS_FORM;
                return NGX_DECLINED;
            }
        }
    }

    if (redis->host.len == 0 || redis->host.len > 253) {
        *why = "has no host";
        return NGX_DECLINED;
    }

    if (p == last) {
        return NGX_OK;
    }

    n = (*p == ':') ? ngx_atoi(p + 1, last - p - 1) : NGX_ERROR;

    if (n < 1 || n > 65535) {
        *why = "has an invalid port";
        return NGX_DECLINED;
    }

    redis->port = (in_port_t) n;

    return NGX_OK;
}


/* db=N; what else redis-py has there says nothing to us */

static ngx_int_t
ngx_litellm_redis_query(u_char *p, u_char *last, ngx_litellm_redis_t *redis,
    const char **why)
{
    u_char     *end;
    ngx_int_t   n;

    while (p < last) {

        end = ngx_strlchr(p, last, '&');

        if (end == NULL) {
            end = last;
        }

        if (end - p > 3 && ngx_strncmp(p, "db=", 3) == 0) {
            n = ngx_atoi(p + 3, end - p - 3);

            if (n == NGX_ERROR || n > 65535) {
                *why = "has an invalid \"db\"";
                return NGX_DECLINED;
            }

            redis->db = (ngx_uint_t) n;
        }

        p = end + 1;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_redis_decode(ngx_pool_t *pool, u_char *p, u_char *last,
    ngx_str_t *dst)
{
    u_char  *d, *s;

    d = ngx_pnalloc(pool, last - p + 1);
    if (d == NULL) {
        return NGX_ERROR;
    }

    s = p;
    dst->data = d;

    ngx_unescape_uri(&d, &s, last - p, 0);

    dst->len = d - dst->data;
    *d = '\0';

    return NGX_OK;
}
