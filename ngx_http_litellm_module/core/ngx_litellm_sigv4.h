
/*
 * AWS Signature Version 4 in the Authorization header ("Signature Version 4
 * signing process" of the AWS General Reference), for services that encode the
 * path once more (all but S3).  Pure: the time comes in.
 */

#ifndef _NGX_LITELLM_SIGV4_H_INCLUDED_
#define _NGX_LITELLM_SIGV4_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_LITELLM_SIGV4_DATE  (sizeof("20150830T123600Z") - 1)


typedef struct {
    ngx_str_t      key_id;
    ngx_str_t      secret;
    ngx_str_t      token;      /* of a session; empty without one */
    ngx_str_t      region;
    ngx_str_t      service;
} ngx_litellm_sigv4_key_t;


/* a request as it will be sent; what is empty is not signed */

typedef struct {
    ngx_str_t      method;
    ngx_str_t      path;       /* encoded as sent, without a query */
    ngx_str_t      host;       /* the Host header, with its port if it has one;
                                  no blanks */
    ngx_str_t      type;       /* the Content-Type header */
    ngx_chain_t   *body;       /* in memory; may be NULL */
    time_t         now;
} ngx_litellm_sigv4_t;


/*
 * The values of "X-Amz-Date" and "Authorization", in pool; with a token
 * "X-Amz-Security-Token" must be sent too.  NGX_ERROR: no memory.
 */
ngx_int_t ngx_litellm_sigv4_sign(ngx_pool_t *pool,
    ngx_litellm_sigv4_key_t *key, ngx_litellm_sigv4_t *rq, ngx_str_t *date,
    ngx_str_t *authorization);


#endif /* _NGX_LITELLM_SIGV4_H_INCLUDED_ */
