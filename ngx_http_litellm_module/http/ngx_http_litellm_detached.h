
/*
 * A request of our own making, with no client behind it: the parent of what a
 * worker asks providers for by itself.
 */

#ifndef _NGX_HTTP_LITELLM_DETACHED_H_INCLUDED_
#define _NGX_HTTP_LITELLM_DETACHED_H_INCLUDED_


#include "ngx_http_litellm.h"


typedef struct ngx_http_litellm_detached_s  ngx_http_litellm_detached_t;

typedef void (*ngx_http_litellm_detached_pt)(ngx_http_litellm_detached_t *dt);

struct ngx_http_litellm_detached_s {
    ngx_http_log_ctx_t               log_ctx;    /* log.data: the first */
    ngx_log_t                        log;
    ngx_pool_t                      *pool;       /* lives as long as this */
    ngx_str_t                        name;       /* for the log */
    ngx_str_t                       *upstream;   /* the same; NULL: none */

    ngx_connection_t                *connection;
    ngx_http_connection_t            http;
    ngx_http_request_t              *request;
    ngx_http_litellm_ctx_t           ctx;        /* the request's */

    /* set by who creates it */
    ngx_http_litellm_detached_pt     wake;       /* a clone has ended */
    ngx_http_litellm_detached_pt     close;      /* the worker leaves, with
                                                    this connection "idle" or
                                                    after its time */
    void                            *data;
};


/* NULL: no memory, or no free connection (worker_connections) */
ngx_http_litellm_detached_t *ngx_http_litellm_detached_create(
    ngx_http_litellm_loc_conf_t *lcf);

/* whatever runs for it is closed, and tells nobody */
void ngx_http_litellm_detached_free(ngx_http_litellm_detached_t *dt);


#endif /* _NGX_HTTP_LITELLM_DETACHED_H_INCLUDED_ */
