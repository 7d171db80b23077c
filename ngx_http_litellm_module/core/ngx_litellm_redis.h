
/*
 * Where a Redis is and how to log in to it, as directives and the YAML say it.
 * Read at configuration time only; the texts hold secrets and are in no
 * message.
 */

#ifndef _NGX_LITELLM_REDIS_H_INCLUDED_
#define _NGX_LITELLM_REDIS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    ngx_str_t        host;           /* empty, and no path: there is none */
    ngx_str_t        path;           /* of a unix socket */
    in_port_t        port;
    ngx_uint_t       db;
    ngx_str_t        username;
    ngx_str_t        password;
    ngx_str_t        name_space;     /* empty: none */
    ngx_str_t        ca;             /* file; empty: the system's */
    ngx_str_t        cert;           /* files; empty: none is shown */
    ngx_str_t        key;            /* empty: in cert */
    unsigned         tls:1;
    unsigned         insecure:1;     /* the certificate is not looked at */
} ngx_litellm_redis_t;


/*
 * redis://[user][:password@]host[:port][/db], rediss:// the same with TLS,
 * unix:///path or unix:/path, host[:port].  What text does not say stays as it
 * is in *redis.  NGX_OK; NGX_DECLINED with *why; NGX_ERROR: no memory.
 */
ngx_int_t ngx_litellm_redis_url(ngx_pool_t *pool, ngx_str_t *text,
    ngx_litellm_redis_t *redis, const char **why);

#define ngx_litellm_redis_known(r)  ((r)->host.len || (r)->path.len)


#endif /* _NGX_LITELLM_REDIS_H_INCLUDED_ */
