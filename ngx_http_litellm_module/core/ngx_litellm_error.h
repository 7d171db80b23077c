
/*
 * What can go wrong with a call, in LiteLLM's classes (exceptions.py): the
 * class decides about retries and fallbacks, the rest is for the client.
 */

#ifndef _NGX_LITELLM_ERROR_H_INCLUDED_
#define _NGX_LITELLM_ERROR_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef enum {
    NGX_LITELLM_NO_ERROR = 0,
    NGX_LITELLM_BAD_REQUEST,
    NGX_LITELLM_CONTEXT_WINDOW,
    NGX_LITELLM_CONTENT_POLICY,
    NGX_LITELLM_UNSUPPORTED_PARAMS,
    NGX_LITELLM_PAYMENT_REQUIRED,
    NGX_LITELLM_AUTHENTICATION,
    NGX_LITELLM_PERMISSION_DENIED,
    NGX_LITELLM_NOT_FOUND,
    NGX_LITELLM_TIMEOUT,
    NGX_LITELLM_UNPROCESSABLE,
    NGX_LITELLM_RATE_LIMIT,
    NGX_LITELLM_INTERNAL_SERVER,
    NGX_LITELLM_API,
    NGX_LITELLM_API_CONNECTION,
    NGX_LITELLM_BAD_GATEWAY,
    NGX_LITELLM_SERVICE_UNAVAILABLE,
    NGX_LITELLM_CLASSES
} ngx_litellm_class_e;


typedef struct {
    ngx_litellm_class_e   class;
    ngx_uint_t            status;       /* for the client: 400 .. 599 */
    ngx_str_t             message;      /* UTF-8; no secret in it */
    ngx_str_t             type;         /* empty: by class and status */
    ngx_str_t             param;        /* empty: null */
    ngx_str_t             code;         /* empty: the status */
    ngx_str_t             specific;     /* JSON object, as the provider wrote
                                           it: provider_specific_fields;
                                           empty: none */
    ngx_msec_t            retry_after;  /* of the provider; 0 without */
} ngx_litellm_error_t;


/* "RateLimitError" ... */
ngx_str_t *ngx_litellm_error_class(ngx_litellm_class_e class);

/* by status: "authentication_error", "invalid_request_error" ... */
void ngx_litellm_error_type(ngx_litellm_error_t *e, ngx_str_t *type);

/* the class for a status without a rule of the provider's own */
ngx_litellm_class_e ngx_litellm_error_status(ngx_uint_t status);


#endif /* _NGX_LITELLM_ERROR_H_INCLUDED_ */
