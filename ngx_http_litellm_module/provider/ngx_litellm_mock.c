
/*
 * A deployment with mock_response: LiteLLM's way to have an answer without a
 * provider, for tests and for a first look.  A text is the answer, in pieces
 * that begin at words so that a stream looks like one; the name of an error
 * class is that error.
 *
 * Called by the attempt in place of an upstream, for streams too.
 */

#include "ngx_litellm_provider.h"


/* what LiteLLM says of usage without a tokenizer's word */
#define NGX_LITELLM_MOCK_PROMPT       10
#define NGX_LITELLM_MOCK_COMPLETION   20

#define NGX_LITELLM_MOCK_PIECE        8       /* bytes at least */


typedef struct {
    ngx_litellm_class_e   class;
    ngx_uint_t            status;
} ngx_litellm_mock_error_t;


static ngx_int_t ngx_litellm_mock_error(ngx_litellm_call_t *call,
    ngx_str_t *text, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_mock_text(ngx_litellm_call_t *call,
    ngx_str_t *text, ngx_litellm_answer_t *answer);


ngx_int_t
ngx_litellm_mock_answer(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer, ngx_litellm_error_t *e)
{
    ngx_int_t   rc;
    ngx_str_t  *text;

    text = &call->deployment->mock_response;

    rc = ngx_litellm_mock_error(call, text, e);
    if (rc != NGX_DECLINED) {
        return rc == NGX_OK ? NGX_DECLINED : NGX_ERROR;
    }

    if (ngx_litellm_mock_text(call, text, answer) != NGX_OK) {
        return NGX_ERROR;
    }

    answer->has_text = 1;
    answer->finish = NGX_LITELLM_FINISH_STOP;

    answer->usage.known = 1;
    answer->usage.prompt = NGX_LITELLM_MOCK_PROMPT;
    answer->usage.completion = NGX_LITELLM_MOCK_COMPLETION;
    answer->usage.total = NGX_LITELLM_MOCK_PROMPT
                          + NGX_LITELLM_MOCK_COMPLETION;

    return NGX_OK;
}


/* NGX_OK: text names an error, e is set; NGX_DECLINED: it does not */

static ngx_int_t
ngx_litellm_mock_error(ngx_litellm_call_t *call, ngx_str_t *text,
    ngx_litellm_error_t *e)
{
    u_char      *p;
    ngx_str_t    name, *class;
    ngx_uint_t   i;

    static const ngx_litellm_mock_error_t  errors[] = {
        { NGX_LITELLM_BAD_REQUEST, 400 },
        { NGX_LITELLM_CONTEXT_WINDOW, 400 },
        { NGX_LITELLM_CONTENT_POLICY, 400 },
        { NGX_LITELLM_UNSUPPORTED_PARAMS, 400 },
        { NGX_LITELLM_PAYMENT_REQUIRED, 402 },
        { NGX_LITELLM_AUTHENTICATION, 401 },
        { NGX_LITELLM_PERMISSION_DENIED, 403 },
        { NGX_LITELLM_NOT_FOUND, 404 },
        { NGX_LITELLM_TIMEOUT, 408 },
        { NGX_LITELLM_UNPROCESSABLE, 422 },
        { NGX_LITELLM_RATE_LIMIT, 429 },
        { NGX_LITELLM_INTERNAL_SERVER, 500 },
        { NGX_LITELLM_API, 500 },
        { NGX_LITELLM_API_CONNECTION, 500 },
        { NGX_LITELLM_BAD_GATEWAY, 502 },
        { NGX_LITELLM_SERVICE_UNAVAILABLE, 503 }
    };

    static const char  says[] = ": this is a mock error";
    static const char  policy[] = "Exception: content_filter_policy";

    name = *text;

    if (name.len >= sizeof(policy) - 1
        && ngx_strncmp(name.data, policy, sizeof(policy) - 1) == 0)
    {
        ngx_str_set(&name, "ContentPolicyViolationError");

    } else if (name.len > 8 && ngx_strncmp(name.data, "litellm.", 8) == 0) {
        name.data += 8;
        name.len -= 8;

    } else {
        return NGX_DECLINED;
    }

    for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        class = ngx_litellm_error_class(errors[i].class);

        if (class->len == name.len
            && ngx_memcmp(class->data, name.data, name.len) == 0)
        {
            break;
        }
    }

    if (i == sizeof(errors) / sizeof(errors[0])) {
        return NGX_DECLINED;
    }

    ngx_memzero(e, sizeof(ngx_litellm_error_t));

    p = ngx_pnalloc(call->pool, 8 + name.len + sizeof(says) - 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    e->class = errors[i].class;
    e->status = errors[i].status;
    e->message.data = p;

    p = ngx_cpymem(p, "litellm.", 8);
    p = ngx_cpymem(p, name.data, name.len);
    p = ngx_cpymem(p, says, sizeof(says) - 1);

    e->message.len = p - e->message.data;

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_mock_text(ngx_litellm_call_t *call, ngx_str_t *text,
    ngx_litellm_answer_t *answer)
{
    u_char             *p, *last, *start;
    ngx_str_t           s, *piece;
    ngx_litellm_out_t   out;

    ngx_litellm_out_init(&out, call->pool);
    ngx_litellm_out_escape(&out, text->data, text->len);

    if (out.failed || ngx_litellm_out_join(&out, &s) != NGX_OK) {
        return NGX_ERROR;
    }

    start = s.data;
    last = s.data + s.len;

    for (p = start; p < last; p++) {

        if (p == start || *p != ' ' || p - start < NGX_LITELLM_MOCK_PIECE) {
            continue;
        }

        piece = ngx_array_push(&answer->text);
        if (piece == NULL) {
            return NGX_ERROR;
        }

        piece->data = start;
        piece->len = p - start;
        start = p;
    }

    piece = ngx_array_push(&answer->text);
    if (piece == NULL) {
        return NGX_ERROR;
    }

    piece->data = start;
    piece->len = last - start;

    return NGX_OK;
}
