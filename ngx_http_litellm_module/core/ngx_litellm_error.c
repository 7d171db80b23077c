
/*
 * Names of the error classes, the "type" of an error body and the default
 * class of a status, as LiteLLM has them (exceptions.py and the last branch of
 * exception_mapping_utils.py).  Providers with rules of their own apply those
 * first and come here for the rest; the client formats ask for the type.
 */

#include "ngx_litellm_error.h"


static ngx_str_t  ngx_litellm_error_classes[NGX_LITELLM_CLASSES] = {
    ngx_null_string,
    ngx_string("BadRequestError"),
    ngx_string("ContextWindowExceededError"),
    ngx_string("ContentPolicyViolationError"),
    ngx_string("UnsupportedParamsError"),
    ngx_string("PaymentRequiredError"),
    ngx_string("AuthenticationError"),
    ngx_string("PermissionDeniedError"),
    ngx_string("NotFoundError"),
    ngx_string("Timeout"),
    ngx_string("UnprocessableEntityError"),
    ngx_string("RateLimitError"),
    ngx_string("InternalServerError"),
    ngx_string("APIError"),
    ngx_string("APIConnectionError"),
    ngx_string("BadGatewayError"),
    ngx_string("ServiceUnavailableError")
};


ngx_str_t *
ngx_litellm_error_class(ngx_litellm_class_e class)
{
    if ((ngx_uint_t) class >= NGX_LITELLM_CLASSES) {
        class = NGX_LITELLM_API;
    }

    return &ngx_litellm_error_classes[class];
}


void
ngx_litellm_error_type(ngx_litellm_error_t *e, ngx_str_t *type)
{
    if (e->type.len) {
        *type = e->type;
        return;
    }

    if (e->class == NGX_LITELLM_RATE_LIMIT) {
        ngx_str_set(type, "throttling_error");
        return;
    }

    switch (e->status) {

    case 401:
        ngx_str_set(type, "authentication_error");
        return;

    case 403:
        ngx_str_set(type, "permission_error");
        return;

    case 429:
        ngx_str_set(type, "rate_limit_error");
        return;
    }

    if (e->status >= 400 && e->status < 500) {
        ngx_str_set(type, "invalid_request_error");
        return;
    }

    ngx_str_set(type, "internal_server_error");
}


ngx_litellm_class_e
ngx_litellm_error_status(ngx_uint_t status)
{
    switch (status) {

    case 0:
        return NGX_LITELLM_API_CONNECTION;

    case 401:
        return NGX_LITELLM_AUTHENTICATION;

    case 402:
        return NGX_LITELLM_PAYMENT_REQUIRED;

    case 403:
        return NGX_LITELLM_PERMISSION_DENIED;

    case 404:
        return NGX_LITELLM_NOT_FOUND;

    case 408:
    case 504:
        return NGX_LITELLM_TIMEOUT;

    case 429:
        return NGX_LITELLM_RATE_LIMIT;

    case 500:
        return NGX_LITELLM_INTERNAL_SERVER;

    case 502:
        return NGX_LITELLM_BAD_GATEWAY;

    case 503:
        return NGX_LITELLM_SERVICE_UNAVAILABLE;
    }

    if (status >= 400 && status < 500) {
        return NGX_LITELLM_BAD_REQUEST;
    }

    return NGX_LITELLM_API;
}
