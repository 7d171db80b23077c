
/*
 * How answers are kept in a location: the YAML's cache_params with what the
 * litellm_cache... directives say instead, merged once at configuration time.
 * A location that keeps none has no such struct: lcf->cache is NULL.
 */

#ifndef _NGX_HTTP_LITELLM_CACHE_CONF_H_INCLUDED_
#define _NGX_HTTP_LITELLM_CACHE_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ngx_litellm_config.h"


/* UNSET: as the file says */
#define NGX_HTTP_LITELLM_CACHE_REDIS_OFF    0
#define NGX_HTTP_LITELLM_CACHE_REDIS_ON     1
#define NGX_HTTP_LITELLM_CACHE_REDIS_ONLY   2    /* not in memory */

#define NGX_HTTP_LITELLM_CACHE_REDIS_TIMEOUT  50


/* directives as they were written; merged as nginx's */
typedef struct {
    ngx_flag_t                       enable;     /* UNSET: the file's */
    ngx_shm_zone_t                  *zone;       /* UNSET; NULL: the first one
                                                    that is declared, or the
                                                    default one */
    time_t                           valid;      /* UNSET: the file's */
    size_t                           max_size;   /* the same */
    ngx_array_t                     *scope;      /* UNSET: the file's; of
                                                    ngx_http_complex_value_t,
                                                    may be NULL */
    ngx_uint_t                       by;         /* NGX_LITELLM_CACHE_BY_... */
    ngx_array_t                     *bypass;     /* of predicates; NULL: none */
    ngx_array_t                     *no_store;
    ngx_uint_t                       redis;      /* UNSET; ..._CACHE_REDIS_ */
    ngx_msec_t                       redis_timeout;
    ngx_flag_t                       lock;
    ngx_msec_t                       lock_age;
    ngx_msec_t                       lock_timeout;
} ngx_http_litellm_cache_set_t;


/* what requests use */
struct ngx_http_litellm_cache_conf_s {
    ngx_litellm_cache_t              settings;
    ngx_shm_zone_t                  *zone;       /* NULL: in Redis only */
    ngx_msec_t                       redis_timeout;
    ngx_array_t                     *scope;      /* ngx_http_complex_value_t;
                                                    NULL: none */
    ngx_array_t                     *bypass;     /* ngx_http_test_predicates();
                                                    NULL: none */
    ngx_array_t                     *no_store;
    ngx_msec_t                       lock_age;
    ngx_msec_t                       lock_timeout;
    unsigned                         redis:1;    /* there, too, if there is
                                                    one: mcf->cache_redis */
    unsigned                         lock:1;     /* identical requests share a
                                                    call */
};


#endif /* _NGX_HTTP_LITELLM_CACHE_CONF_H_INCLUDED_ */
