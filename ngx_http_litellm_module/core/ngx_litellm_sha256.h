
/* SHA-256 of short texts, many times: of each request's key. */

#ifndef _NGX_LITELLM_SHA256_H_INCLUDED_
#define _NGX_LITELLM_SHA256_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_LITELLM_SHA256_LEN  32


void ngx_litellm_sha256(const u_char *p, size_t len,
    u_char md[NGX_LITELLM_SHA256_LEN]);


#endif /* _NGX_LITELLM_SHA256_H_INCLUDED_ */
