
/*
 * Errors of Google's APIs in LiteLLM's classes (the "vertex/gemini" row of
 * exception_mapping_utils.py): rules by text run before those by status.  A
 * body is {"error": {"code", "message", "status", "details"}}, or an array of
 * just that from streamGenerateContent; in a stream the code is the status.
 *
 * The provider's message is told, cut and without the deployment's key
 * (ngx_litellm_error_set); a body that is something else is told as it is.
 */

#include "ngx_litellm_gemini.h"


/* as much of a body as is looked at */
#define NGX_LITELLM_GEMINI_ERROR_LEN   65536
#define NGX_LITELLM_GEMINI_DETAILS     32
#define NGX_LITELLM_GEMINI_MAX_DELAY   86400


static const ngx_litellm_error_rule_t  ngx_litellm_gemini_rules[] = {

    { "exceeds the maximum number of tokens allowed",
      NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "exceed context limit", NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "maximum context length is", NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "model's maximum context limit", NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "is longer than the model's context length",
      NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "input tokens exceed the configured limit",
      NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "exceeds the available context size", NULL,
      NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "input token count", "exceeds the maximum",
      NGX_LITELLM_CONTEXT_WINDOW, 400 },

    { "vertex ai api has not been used", NULL, NGX_LITELLM_BAD_REQUEST, 400 },
    { "request payload size exceeds", NULL, NGX_LITELLM_BAD_REQUEST, 400 },

    /* status 400 with the reason API_KEY_INVALID (Gemini docs,
       "Troubleshooting") */

    { "api key not valid", NULL, NGX_LITELLM_AUTHENTICATION, 401 },
    { "api key expired", NULL, NGX_LITELLM_AUTHENTICATION, 401 },

    { "the response was blocked.", NULL, NGX_LITELLM_CONTENT_POLICY, 400 },
    { "output blocked by content filtering policy",
      NULL, NGX_LITELLM_CONTENT_POLICY, 400 },

    { "quota exceeded for", NULL, NGX_LITELLM_RATE_LIMIT, 429 },
    { "resource exhausted", NULL, NGX_LITELLM_RATE_LIMIT, 429 },

    { "the model is overloaded.", NULL, NGX_LITELLM_SERVICE_UNAVAILABLE, 503 },

    { NULL, NULL, 0, 0 }
};


/* canonical codes of Google's APIs (google.rpc.Code) */

static const ngx_litellm_error_word_t  ngx_litellm_gemini_codes[] = {
    { ngx_string("INVALID_ARGUMENT"), 400 },
    { ngx_string("FAILED_PRECONDITION"), 400 },
    { ngx_string("OUT_OF_RANGE"), 400 },
    { ngx_string("UNAUTHENTICATED"), 401 },
    { ngx_string("PERMISSION_DENIED"), 403 },
    { ngx_string("NOT_FOUND"), 404 },
    { ngx_string("RESOURCE_EXHAUSTED"), 429 },
    { ngx_string("INTERNAL"), 500 },
    { ngx_string("UNAVAILABLE"), 503 },
    { ngx_string("DEADLINE_EXCEEDED"), 504 }
};


static ngx_uint_t ngx_litellm_gemini_code(ngx_litellm_json_t *v);
static ngx_msec_t ngx_litellm_gemini_delay(ngx_litellm_json_t *details);
static void ngx_litellm_gemini_classify(ngx_uint_t status,
    ngx_str_t *message, ngx_litellm_error_t *e);


/*
 * status 0 or below 400: the code in the body counts.  e->message stays empty
 * if memory ran out.
 */

void
ngx_litellm_gemini_error(ngx_litellm_call_t *call, ngx_uint_t status,
    ngx_str_t *body, ngx_litellm_error_t *e)
{
    ngx_str_t                text, message;
    ngx_uint_t               code;
    ngx_msec_t               delay;
    ngx_litellm_json_t      *v, *m;
    ngx_litellm_json_doc_t   doc;

    ngx_memzero(e, sizeof(ngx_litellm_error_t));
    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = call->pool;

    message = *body;
    delay = 0;
    code = 0;

    if (body->len <= NGX_LITELLM_GEMINI_ERROR_LEN
        && ngx_litellm_json_parse(&doc, body->data, body->len) == NGX_OK)
    {
        v = ngx_litellm_gemini_failed(doc.root);
        code = ngx_litellm_gemini_code(v);
        m = ngx_litellm_json_member(v, "message");

        if (ngx_litellm_json_is(v, STRING)) {
            m = v;
        }

        if (ngx_litellm_json_is(m, STRING) && m->len > 2) {
            text = ngx_litellm_json_text(m);

            if (ngx_litellm_json_unescape(call->pool, &message, &text)
                != NGX_OK)
            {
                message = *body;
            }
        }

        delay = ngx_litellm_gemini_delay(ngx_litellm_json_member(v,
                                                                 "details"));
    }

    if (status < 400 || status > 599) {
        status = code ? code : 500;
    }

    ngx_litellm_gemini_classify(status, &message, e);

    if (ngx_litellm_error_set(call, e, e->class, e->status, &message)
        != NGX_OK)
    {
        ngx_str_null(&e->message);
    }

    e->retry_after = delay;
}


static void
ngx_litellm_gemini_classify(ngx_uint_t status, ngx_str_t *message,
    ngx_litellm_error_t *e)
{
    const ngx_litellm_error_rule_t  *rule;

    rule = ngx_litellm_error_rule(message, ngx_litellm_gemini_rules);

    /* a quota's error is a 429 whatever the text says */

    if (rule && status != 429) {
        e->class = rule->class;
        e->status = rule->status;

    } else {
        e->class = (status == 529) ? NGX_LITELLM_SERVICE_UNAVAILABLE
                                   : ngx_litellm_error_status(status);
        e->status = (status == 529) ? 503 : status;
    }

    if (e->class == NGX_LITELLM_CONTEXT_WINDOW) {
        ngx_str_set(&e->code, "context_length_exceeded");
    }
}


ngx_litellm_json_t *
ngx_litellm_gemini_failed(ngx_litellm_json_t *root)
{
    ngx_litellm_json_t  *v;

    if (root->type == NGX_LITELLM_JSON_ARRAY && root->count) {
        root++;
    }

    v = ngx_litellm_json_member(root, "error");

    if (v == NULL || v->type == NGX_LITELLM_JSON_NULL) {
        return NULL;
    }

    return v;
}


static ngx_uint_t
ngx_litellm_gemini_code(ngx_litellm_json_t *v)
{
    int64_t              n;
    ngx_litellm_json_t  *m;

    m = ngx_litellm_json_member(v, "code");

    if (ngx_litellm_json_is(m, NUMBER)
        && ngx_litellm_json_int(m, &n) == NGX_OK && n >= 400 && n <= 599)
    {
        return n;
    }

    return ngx_litellm_error_word(ngx_litellm_json_member(v, "status"),
                                  ngx_litellm_gemini_codes,
                                  sizeof(ngx_litellm_gemini_codes)
                                  / sizeof(ngx_litellm_gemini_codes[0]));
}


/* google.rpc.RetryInfo: "retryDelay": "21.512s" */

static ngx_msec_t
ngx_litellm_gemini_delay(ngx_litellm_json_t *details)
{
    u_char              *p, *last;
    ngx_uint_t           i, ms, unit;
    ngx_litellm_json_t  *v, *delay;

    if (!ngx_litellm_json_is(details, ARRAY)) {
        return 0;
    }

    delay = NULL;
    v = details + 1;

    for (i = 0; i < ngx_min(details->count, NGX_LITELLM_GEMINI_DETAILS);
         i++)
    {
        delay = ngx_litellm_json_member(v, "retryDelay");

        if (ngx_litellm_json_is(delay, STRING)) {
            break;
        }

        delay = NULL;
        v = ngx_litellm_json_next(v);
    }

    if (delay == NULL) {
        return 0;
    }

    p = delay->start + 1;
    last = delay->start + delay->len - 1;
    ms = 0;

    for ( /* void */ ; p < last && *p >= '0' && *p <= '9'; p++) {
        ms = ms * 10 + (*p - '0') * 1000;

        if (ms > NGX_LITELLM_GEMINI_MAX_DELAY * 1000) {
            return 0;
        }
    }

    if (p < last && *p == '.') {
        unit = 100;

        for (p++; p < last && *p >= '0' && *p <= '9'; p++) {
            ms += (*p - '0') * unit;
            unit /= 10;
        }
    }

    return (p + 1 == last && *p == 's') ? ms : 0;
}
