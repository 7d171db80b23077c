
/* Names of error classes, types and the classes of statuses. */

#include "unit.h"

#include "ngx_litellm_error.h"


void
unit_main(void)
{
    ngx_str_t            type;
    ngx_uint_t           i, j;
    ngx_litellm_error_t  e;

    static const struct {
        ngx_litellm_class_e   class;
        const char           *name;
    } names[] = {
        { NGX_LITELLM_NO_ERROR, "" },
        { NGX_LITELLM_BAD_REQUEST, "BadRequestError" },
        { NGX_LITELLM_CONTEXT_WINDOW, "ContextWindowExceededError" },
        { NGX_LITELLM_CONTENT_POLICY, "ContentPolicyViolationError" },
        { NGX_LITELLM_UNSUPPORTED_PARAMS, "UnsupportedParamsError" },
        { NGX_LITELLM_PAYMENT_REQUIRED, "PaymentRequiredError" },
        { NGX_LITELLM_AUTHENTICATION, "AuthenticationError" },
        { NGX_LITELLM_PERMISSION_DENIED, "PermissionDeniedError" },
        { NGX_LITELLM_NOT_FOUND, "NotFoundError" },
        { NGX_LITELLM_TIMEOUT, "Timeout" },
        { NGX_LITELLM_UNPROCESSABLE, "UnprocessableEntityError" },
        { NGX_LITELLM_RATE_LIMIT, "RateLimitError" },
        { NGX_LITELLM_INTERNAL_SERVER, "InternalServerError" },
        { NGX_LITELLM_API, "APIError" },
        { NGX_LITELLM_API_CONNECTION, "APIConnectionError" },
        { NGX_LITELLM_BAD_GATEWAY, "BadGatewayError" },
        { NGX_LITELLM_SERVICE_UNAVAILABLE, "ServiceUnavailableError" },
        { NGX_LITELLM_CLASSES, "APIError" },
    };

    static const struct {
        ngx_uint_t            status;
        ngx_litellm_class_e   class;
        const char           *type;
    } statuses[] = {
        { 0, NGX_LITELLM_API_CONNECTION, "internal_server_error" },
        { 302, NGX_LITELLM_API, "internal_server_error" },
        { 400, NGX_LITELLM_BAD_REQUEST, "invalid_request_error" },
        { 401, NGX_LITELLM_AUTHENTICATION, "authentication_error" },
        { 402, NGX_LITELLM_PAYMENT_REQUIRED, "invalid_request_error" },
        { 403, NGX_LITELLM_PERMISSION_DENIED, "permission_error" },
        { 404, NGX_LITELLM_NOT_FOUND, "invalid_request_error" },
        { 408, NGX_LITELLM_TIMEOUT, "invalid_request_error" },
        { 413, NGX_LITELLM_BAD_REQUEST, "invalid_request_error" },
        { 422, NGX_LITELLM_BAD_REQUEST, "invalid_request_error" },
        { 429, NGX_LITELLM_RATE_LIMIT, "throttling_error" },
        { 499, NGX_LITELLM_BAD_REQUEST, "invalid_request_error" },
        { 500, NGX_LITELLM_INTERNAL_SERVER, "internal_server_error" },
        { 501, NGX_LITELLM_API, "internal_server_error" },
        { 502, NGX_LITELLM_BAD_GATEWAY, "internal_server_error" },
        { 503, NGX_LITELLM_SERVICE_UNAVAILABLE, "internal_server_error" },
        { 504, NGX_LITELLM_TIMEOUT, "internal_server_error" },
        { 529, NGX_LITELLM_API, "internal_server_error" },
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CHECK_STR(ngx_litellm_error_class(names[i].class), names[i].name);
    }

    /* no class without a name, no two of the same one */

    for (i = 1; i < NGX_LITELLM_CLASSES; i++) {
        CHECK(ngx_litellm_error_class(i)->len > 0);

        for (j = 1; j < i; j++) {
            CHECK(ngx_litellm_error_class(i)->data
                  != ngx_litellm_error_class(j)->data);
        }
    }

    for (i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        unit_case("status %d", (int) statuses[i].status);

        ngx_memzero(&e, sizeof(ngx_litellm_error_t));
        e.status = statuses[i].status;
        e.class = ngx_litellm_error_status(e.status);

        CHECK_INT(e.class, statuses[i].class);

        ngx_litellm_error_type(&e, &type);
        CHECK_STR(&type, statuses[i].type);

        ngx_str_set(&e.type, "their_own");
        ngx_litellm_error_type(&e, &type);
        CHECK_STR(&type, "their_own");
    }

    unit_case("429 of another class");
    ngx_memzero(&e, sizeof(ngx_litellm_error_t));
    e.status = 429;
    e.class = NGX_LITELLM_API;
    ngx_litellm_error_type(&e, &type);
    CHECK_STR(&type, "rate_limit_error");
}
