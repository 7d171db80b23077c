
/*
 * Every #if on an nginx version or fork.  The features are probed by the
 * config script, not told by version numbers: forks keep old signatures.
 */

#ifndef _NGX_HTTP_LITELLM_COMPAT_H_INCLUDED_
#define _NGX_HTTP_LITELLM_COMPAT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* 1.27.2 gave ngx_http_parse_chunked() a fourth argument */
#if (NGX_HTTP_LITELLM_HAVE_KEEP_TRAILERS)
#define ngx_http_litellm_parse_chunked(r, b, ctx)                             \
    ngx_http_parse_chunked(r, b, ctx, 0)
#else
#define ngx_http_litellm_parse_chunked(r, b, ctx)                             \
    ngx_http_parse_chunked(r, b, ctx)
#endif


/* 1.23.0 made headers linked lists */
#if (NGX_HTTP_LITELLM_HAVE_LINKED_HEADERS)
#define ngx_http_litellm_header_last(h)  (h)->next = NULL
#else
#define ngx_http_litellm_header_last(h)
#endif


#endif /* _NGX_HTTP_LITELLM_COMPAT_H_INCLUDED_ */
