
/*
 * Signed tokens (RFC 7519) as Google's token endpoint takes them: RS256 by
 * OpenSSL.  Keys are parsed while the configuration is read.
 */

#ifndef _NGX_LITELLM_JWT_H_INCLUDED_
#define _NGX_LITELLM_JWT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * The private RSA key of a PEM text as an EVP_PKEY *, freed with the pool.
 * NGX_DECLINED with *why (lower case, nothing of the text in it): no such key;
 * NGX_ERROR: no memory.
 */
ngx_int_t ngx_litellm_jwt_key(ngx_pool_t *pool, ngx_str_t *pem, void **key,
    const char **why);

/*
 * header and claims are JSON texts; *jwt is "header.claims.signature" in
 * base64url.  NGX_ERROR: no memory, or OpenSSL does not sign.
 */
ngx_int_t ngx_litellm_jwt_sign(ngx_pool_t *pool, void *key,
    ngx_str_t *header, ngx_str_t *claims, ngx_str_t *jwt);


#endif /* _NGX_LITELLM_JWT_H_INCLUDED_ */
