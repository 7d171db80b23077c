
/*
 * Errors of Anthropic's Messages API in LiteLLM's classes (the "anthropic" row
 * of exception_mapping_utils.py): rules by text run before those by status.
 * The status of an error event in a stream follows from its type (Claude docs,
 * "Errors"); an overloaded provider is 503 wherever that is said, not 500.
 *
 * The provider's body goes into the message as it is, cut and without the
 * deployment's key (ngx_litellm_error_set).
 */

#include "ngx_litellm_anthropic.h"


static const ngx_litellm_error_rule_t  ngx_litellm_anthropic_rules[] = {

    { "prompt is too long", NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "prompt: length", NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "exceed context limit", NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "maximum context length is", NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "model's maximum context limit", NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "is longer than the model's context length",
      NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "input tokens exceed the configured limit",
      NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "exceeds the available context size", NULL,
      NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "exceeds the maximum number of tokens allowed",
      NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "current length is", "while limit is", NGX_LITELLM_CONTEXT_WINDOW, 400 },

    { "overloaded_error", NULL, NGX_LITELLM_SERVICE_UNAVAILABLE, 503 },

    { "invalid api key", NULL, NGX_LITELLM_AUTHENTICATION, 401 },

    { "content filtering policy", NULL, NGX_LITELLM_CONTENT_POLICY, 400 },

    { NULL, NULL, 0, 0 }
};


/*
 * status 0: an error in a stream whose type says nothing.  e->message stays
 * empty if memory ran out.
 */

void
ngx_litellm_anthropic_error(ngx_litellm_call_t *call, ngx_uint_t status,
    ngx_str_t *body, ngx_litellm_error_t *e)
{
    ngx_litellm_class_e              class;
    const ngx_litellm_error_rule_t  *rule;

    ngx_memzero(e, sizeof(ngx_litellm_error_t));

    if (status < 400 || status > 599) {
        status = status == 0 ? 500 : 502;
    }

    rule = ngx_litellm_error_rule(body, ngx_litellm_anthropic_rules);

    if (rule) {
        class = rule->class;
        status = rule->status;

    } else {

        switch (status) {

        case 413:
            class = NGX_LITELLM_BAD_REQUEST;
            status = 400;
            break;

        case 504:
            class = NGX_LITELLM_TIMEOUT;
            break;

        case 529:
            class = NGX_LITELLM_SERVICE_UNAVAILABLE;
            status = 503;
            break;

        default:
            class = ngx_litellm_error_status(status);
        }
    }

    if (ngx_litellm_error_set(call, e, class, status, body) != NGX_OK) {
        e->class = class;
        e->status = status;
    }
}


ngx_uint_t
ngx_litellm_anthropic_status(ngx_litellm_json_t *type)
{
    static const ngx_litellm_error_word_t  types[] = {
        { ngx_string("invalid_request_error"), 400 },
        { ngx_string("authentication_error"), 401 },
        { ngx_string("billing_error"), 402 },
        { ngx_string("permission_error"), 403 },
        { ngx_string("not_found_error"), 404 },
        { ngx_string("request_too_large"), 413 },
        { ngx_string("rate_limit_error"), 429 },
        { ngx_string("api_error"), 500 },
        { ngx_string("timeout_error"), 504 },
        { ngx_string("overloaded_error"), 529 }
    };

    return ngx_litellm_error_word(type, types,
                                  sizeof(types) / sizeof(types[0]));
}
