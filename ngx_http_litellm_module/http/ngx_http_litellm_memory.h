
/*
 * Memory for what the module itself makes for a request: the next request has
 * it again.
 */

#ifndef _NGX_HTTP_LITELLM_MEMORY_H_INCLUDED_
#define _NGX_HTTP_LITELLM_MEMORY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


typedef struct ngx_http_litellm_memory_s  ngx_http_litellm_memory_t;

struct ngx_http_litellm_memory_s {
    ngx_pool_t                      *pool;
    ngx_http_litellm_memory_t       *next;       /* of those not in use */
    u_char                          *buffer;     /* what it has lent, or NULL */
};


/* lives as long as r->pool; NULL: no memory */
ngx_http_litellm_memory_t *ngx_http_litellm_memory(ngx_http_request_t *r);

/*
 * An empty buffer of that size, as the upstream engine would make it, for one
 * exchange of the request; NGX_DECLINED: let the engine make it.
 */
ngx_int_t ngx_http_litellm_memory_buffer(ngx_http_litellm_memory_t *m,
    ngx_buf_t *b, size_t size);


#endif /* _NGX_HTTP_LITELLM_MEMORY_H_INCLUDED_ */
