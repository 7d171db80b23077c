
/*
 * Access tokens of this worker: one for each credential, whatever the number
 * of deployments and locations with it.
 */

#ifndef _NGX_HTTP_LITELLM_TOKEN_H_INCLUDED_
#define _NGX_HTTP_LITELLM_TOKEN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_credential.h"
#include "ngx_litellm_error.h"


typedef struct ngx_http_litellm_token_wait_s  ngx_http_litellm_token_wait_t;

/* told once, from the event loop: ask again, there is a token or an error */
typedef void (*ngx_http_litellm_token_pt)(ngx_http_litellm_token_wait_t *w);

struct ngx_http_litellm_token_wait_s {
    ngx_queue_t                   queue;
    ngx_litellm_credential_t     *credential;
    ngx_http_litellm_token_pt     handler;
    void                         *data;

    ngx_uint_t                    generation;    /* of the token given */
    ngx_litellm_class_e           class;         /* of a failure */
    const char                   *why;           /* valid until the next event;
                                                    no secret in it */
    unsigned                      waiting:1;
};


/*
 * NGX_OK: *text is the token (valid until the next event); NGX_AGAIN: w waits,
 * its handler will be called; NGX_DECLINED: w->class and w->why say why there
 * is none; NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_litellm_token_get(ngx_litellm_credential_t *c,
    ngx_http_litellm_token_wait_t *w, ngx_str_t *text);

/* a waiter that no longer wants to be told; nothing if it does not wait */
void ngx_http_litellm_token_cancel(ngx_http_litellm_token_wait_t *w);

/*
 * The provider did not take the token that w was given.  Returns 1 if asking
 * again leads to another one: a token is thrown away once in a while only.
 */
ngx_uint_t ngx_http_litellm_token_reject(ngx_http_litellm_token_wait_t *w);

/* a worker that leaves */
void ngx_http_litellm_tokens_exit(void);


#endif /* _NGX_HTTP_LITELLM_TOKEN_H_INCLUDED_ */
