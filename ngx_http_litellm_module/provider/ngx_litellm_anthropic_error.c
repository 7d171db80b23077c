
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


/* as much of a body as is looked at */
#define NGX_LITELLM_ANTHROPIC_ERROR_LEN  16384


typedef struct {
    ngx_str_t             text;      /* lower case */
    ngx_str_t             other;     /* must be there, too */
    ngx_litellm_class_e   class;
    ngx_uint_t            status;    /* 0: the answer's own */
} ngx_litellm_anthropic_rule_t;


static const ngx_litellm_anthropic_rule_t  ngx_litellm_anthropic_rules[] = {

    { ngx_string("prompt is too long"), ngx_null_string,
      NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { ngx_string("prompt: length"), ngx_null_string,
      NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { ngx_string("exceed context limit"), ngx_null_string,
      NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { ngx_string("maximum context length is"), ngx_null_string,
      NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { ngx_string("model's maximum context limit"), ngx_null_string,
      NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { ngx_string("is longer than the model's context length"),
      ngx_null_string, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { ngx_string("input tokens exceed the configured limit"),
      ngx_null_string, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { ngx_string("exceeds the available context size"), ngx_null_string,
      NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { ngx_string("exceeds the maximum number of tokens allowed"),
      ngx_null_string, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { ngx_string("current length is"), ngx_string("while limit is"),
      NGX_LITELLM_CONTEXT_WINDOW, 400 },

    { ngx_string("overloaded_error"), ngx_null_string,
      NGX_LITELLM_SERVICE_UNAVAILABLE, 503 },

    { ngx_string("invalid api key"), ngx_null_string,
      NGX_LITELLM_AUTHENTICATION, 401 },

    { ngx_string("content filtering policy"), ngx_null_string,
      NGX_LITELLM_CONTENT_POLICY, 400 },

    { ngx_null_string, ngx_null_string, 0, 0 }
};


static ngx_uint_t ngx_litellm_anthropic_contains(ngx_str_t *text,
    const ngx_str_t *needle);


/*
 * status 0: an error in a stream whose type says nothing.  e->message stays
 * empty if memory ran out.
 */

void
ngx_litellm_anthropic_error(ngx_litellm_call_t *call, ngx_uint_t status,
    ngx_str_t *body, ngx_litellm_error_t *e)
{
    ngx_str_t                            text;
    ngx_uint_t                           i;
    ngx_litellm_class_e                  class;
    const ngx_litellm_anthropic_rule_t  *rule;

    ngx_memzero(e, sizeof(ngx_litellm_error_t));

    if (status < 400 || status > 599) {
        status = status == 0 ? 500 : 502;
    }

    text.len = ngx_min(body->len, NGX_LITELLM_ANTHROPIC_ERROR_LEN);
    text.data = ngx_pnalloc(call->pool, text.len + 1);

    if (text.data == NULL) {
        text.len = 0;
    }

    for (i = 0; i < text.len; i++) {
        text.data[i] = ngx_tolower(body->data[i]);
    }

    class = NGX_LITELLM_NO_ERROR;

    for (rule = ngx_litellm_anthropic_rules; rule->text.len; rule++) {

        if (ngx_litellm_anthropic_contains(&text, &rule->text)
            && (rule->other.len == 0
                || ngx_litellm_anthropic_contains(&text, &rule->other)))
        {
            class = rule->class;
            status = rule->status;
            break;
        }
    }

    if (class == NGX_LITELLM_NO_ERROR) {

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
    ngx_uint_t  i;

    static const struct {
        ngx_str_t    type;
        ngx_uint_t   status;
    } types[] = {
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

    if (!ngx_litellm_json_is(type, STRING)) {
        return 0;
    }

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (ngx_litellm_json_equal(type, (char *) types[i].type.data,
                                   types[i].type.len))
        {
            return types[i].status;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_litellm_anthropic_contains(ngx_str_t *text, const ngx_str_t *needle)
{
    return ngx_litellm_find(text->data, text->data + text->len,
                            (char *) needle->data, needle->len)
           != NULL;
}
