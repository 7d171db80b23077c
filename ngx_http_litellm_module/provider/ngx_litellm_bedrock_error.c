
/*
 * Errors of Bedrock's runtime in LiteLLM's classes (the "bedrock" row of
 * exception_mapping_utils.py).  An HTTP answer has its exception's name in a
 * header only; the status says the same ("Errors" of Converse in the API
 * reference), and the texts what it leaves open.  An exception in a stream is
 * found by its name.
 *
 * The provider's body goes into the message as it is, cut and without the
 * deployment's keys (ngx_litellm_error_set).
 */

#include "ngx_litellm_bedrock.h"


/* of a status of 400: "Too many tokens, ..." of a 429 is a limit of the rate,
   not of the window */

static const ngx_litellm_error_rule_t  ngx_litellm_bedrock_refusals[] = {

    { "input is too long", NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "prompt is too long", NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "prompt: length", NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "too many tokens", NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "too many input tokens", NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "expected maxlength:", NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "exceed context limit", NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "maximum context length is", NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "exceeds the maximum number of tokens", NULL,
      NGX_LITELLM_CONTEXT_WINDOW, 400 },

    { "content filtering policy", NULL, NGX_LITELLM_CONTENT_POLICY, 400 },

    { NULL, NULL, 0, 0 }
};


/* of any below 500 */

static const ngx_litellm_error_rule_t  ngx_litellm_bedrock_denials[] = {

    { "security token included in the request is", NULL,
      NGX_LITELLM_AUTHENTICATION, 401 },
    { "request signature we calculated does not match", NULL,
      NGX_LITELLM_AUTHENTICATION, 401 },
    { "signature expired", NULL, NGX_LITELLM_AUTHENTICATION, 401 },
    { "signature not yet current", NULL, NGX_LITELLM_AUTHENTICATION, 401 },
    { "unable to locate credentials", NULL, NGX_LITELLM_AUTHENTICATION, 401 },
    { "missing authentication token", NULL, NGX_LITELLM_AUTHENTICATION, 401 },
    { "invalid api key", NULL, NGX_LITELLM_AUTHENTICATION, 401 },
    { "bearer token has expired", NULL, NGX_LITELLM_AUTHENTICATION, 401 },

    { NULL, NULL, 0, 0 }
};


static void ngx_litellm_bedrock_classify(ngx_str_t *text,
    ngx_litellm_class_e *class, ngx_uint_t *status);


void
ngx_litellm_bedrock_error(ngx_litellm_call_t *call, ngx_uint_t status,
    ngx_str_t *body, ngx_litellm_error_t *e)
{
    ngx_litellm_class_e  class;

    ngx_memzero(e, sizeof(ngx_litellm_error_t));

    if (status < 400 || status > 599) {
        status = 502;
    }

    ngx_litellm_bedrock_classify(body, &class, &status);

    if (ngx_litellm_error_set(call, e, class, status, body) != NGX_OK) {
        e->class = class;
        e->status = status;
    }
}


static void
ngx_litellm_bedrock_classify(ngx_str_t *text, ngx_litellm_class_e *class,
    ngx_uint_t *status)
{
    const ngx_litellm_error_rule_t  *rule;

    rule = NULL;

    if (*status == 400) {
        rule = ngx_litellm_error_rule(text, ngx_litellm_bedrock_refusals);
    }

    if (rule == NULL && *status < 500) {
        rule = ngx_litellm_error_rule(text, ngx_litellm_bedrock_denials);
    }

    if (rule) {
        *class = rule->class;
        *status = rule->status;
        return;
    }

    switch (*status) {

    case 424:

        /* ModelErrorException: the model failed, another try may not */

    case 500:
    case 529:
        *class = NGX_LITELLM_SERVICE_UNAVAILABLE;
        *status = 503;
        return;

    default:
        *class = ngx_litellm_error_status(*status);
    }
}


/* names are AWS's shapes, with a lower case letter first in a stream */

void
ngx_litellm_bedrock_exception(ngx_litellm_call_t *call, ngx_str_t *name,
    ngx_str_t *text, ngx_litellm_error_t *e)
{
    u_char      *p;
    ngx_str_t    body;
    ngx_uint_t   i, status;

    static const struct {
        ngx_str_t    name;
        ngx_uint_t   status;
    } names[] = {
        { ngx_string("throttlingException"), 429 },
        { ngx_string("modelNotReadyException"), 429 },
        { ngx_string("modelStreamErrorException"), 503 },
        { ngx_string("modelErrorException"), 503 },
        { ngx_string("internalServerException"), 500 },
        { ngx_string("serviceUnavailableException"), 503 },
        { ngx_string("modelTimeoutException"), 408 },
        { ngx_string("validationException"), 400 },
        { ngx_string("accessDeniedException"), 403 },
        { ngx_string("resourceNotFoundException"), 404 },
        { ngx_string("serviceQuotaExceededException"), 429 }
    };

    status = 500;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (name->len == names[i].name.len
            && ngx_strncasecmp(name->data, names[i].name.data, name->len) == 0)
        {
            status = names[i].status;
            break;
        }
    }

    body.len = name->len + 1 + text->len;

    p = ngx_pnalloc(call->pool, body.len);
    if (p == NULL) {
        ngx_litellm_bedrock_error(call, status, text, e);
        return;
    }

    body.data = p;

    p = ngx_cpymem(p, name->data, name->len);
    *p++ = ' ';
    ngx_memcpy(p, text->data, text->len);

    ngx_litellm_bedrock_error(call, status, &body, e);
}
