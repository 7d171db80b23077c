
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


/* as much of a body as is looked at */
#define NGX_LITELLM_BEDROCK_ERROR_LEN  16384


typedef struct {
    ngx_str_t             text;      /* lower case */
    ngx_uint_t            only;      /* for this status; 0: any below 500 */
    ngx_litellm_class_e   class;
    ngx_uint_t            status;
} ngx_litellm_bedrock_rule_t;


/* "Too many tokens, ..." of a 429 is a limit of the rate, not of the window */

static const ngx_litellm_bedrock_rule_t  ngx_litellm_bedrock_rules[] = {

    { ngx_string("input is too long"), 400, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { ngx_string("prompt is too long"), 400, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { ngx_string("prompt: length"), 400, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { ngx_string("too many tokens"), 400, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { ngx_string("too many input tokens"), 400, NGX_LITELLM_CONTEXT_WINDOW,
      400 },
    { ngx_string("expected maxlength:"), 400, NGX_LITELLM_CONTEXT_WINDOW,
      400 },
    { ngx_string("exceed context limit"), 400, NGX_LITELLM_CONTEXT_WINDOW,
      400 },
    { ngx_string("maximum context length is"), 400,
      NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { ngx_string("exceeds the maximum number of tokens"), 400,
      NGX_LITELLM_CONTEXT_WINDOW, 400 },

    { ngx_string("content filtering policy"), 400, NGX_LITELLM_CONTENT_POLICY,
      400 },

    { ngx_string("security token included in the request is"), 0,
      NGX_LITELLM_AUTHENTICATION, 401 },
    { ngx_string("request signature we calculated does not match"), 0,
      NGX_LITELLM_AUTHENTICATION, 401 },
    { ngx_string("signature expired"), 0, NGX_LITELLM_AUTHENTICATION, 401 },
    { ngx_string("signature not yet current"), 0, NGX_LITELLM_AUTHENTICATION,
      401 },
    { ngx_string("unable to locate credentials"), 0,
      NGX_LITELLM_AUTHENTICATION, 401 },
    { ngx_string("missing authentication token"), 0,
      NGX_LITELLM_AUTHENTICATION, 401 },
    { ngx_string("invalid api key"), 0, NGX_LITELLM_AUTHENTICATION, 401 },
    { ngx_string("bearer token has expired"), 0, NGX_LITELLM_AUTHENTICATION,
      401 },

    { ngx_null_string, 0, 0, 0 }
};


static void ngx_litellm_bedrock_classify(ngx_str_t *text,
    ngx_litellm_class_e *class, ngx_uint_t *status);


void
ngx_litellm_bedrock_error(ngx_litellm_call_t *call, ngx_uint_t status,
    ngx_str_t *body, ngx_litellm_error_t *e)
{
    ngx_str_t            text;
    ngx_uint_t           i;
    ngx_litellm_class_e  class;

    ngx_memzero(e, sizeof(ngx_litellm_error_t));

    if (status < 400 || status > 599) {
        status = 502;
    }

    text.len = ngx_min(body->len, NGX_LITELLM_BEDROCK_ERROR_LEN);
    text.data = ngx_pnalloc(call->pool, text.len + 1);

    if (text.data == NULL) {
        text.len = 0;
    }

    for (i = 0; i < text.len; i++) {
        text.data[i] = ngx_tolower(body->data[i]);
    }

    ngx_litellm_bedrock_classify(&text, &class, &status);

    if (ngx_litellm_error_set(call, e, class, status, body) != NGX_OK) {
        e->class = class;
        e->status = status;
    }
}


static void
ngx_litellm_bedrock_classify(ngx_str_t *text, ngx_litellm_class_e *class,
    ngx_uint_t *status)
{
    const ngx_litellm_bedrock_rule_t  *rule;

    for (rule = ngx_litellm_bedrock_rules; rule->text.len; rule++) {

        if ((rule->only ? *status == rule->only : *status < 500)
            && ngx_litellm_find(text->data, text->data + text->len,
                                (char *) rule->text.data, rule->text.len))
        {
            *class = rule->class;
            *status = rule->status;
            return;
        }
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
