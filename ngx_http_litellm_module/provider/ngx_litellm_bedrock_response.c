
/*
 * A whole answer of Bedrock's Converse API in the neutral form, and the meaning
 * of stop reasons, usage and citations, which streams share
 * (ngx_litellm_bedrock_stream.c).
 *
 * Texts stay ranges of the body; only a call's input is made new, as JSON text
 * in a string.
 */

#include "ngx_litellm_array.h"
#include "ngx_litellm_bedrock.h"


static ngx_int_t ngx_litellm_bedrock_content(ngx_litellm_blocks_t *b,
    ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_bedrock_answer_cited(
    ngx_litellm_blocks_t *b, ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_bedrock_answer_thinking(
    ngx_litellm_blocks_t *b, ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_bedrock_trace(ngx_litellm_call_t *call,
    ngx_litellm_json_t *v, ngx_litellm_answer_t *answer);


ngx_int_t
ngx_litellm_bedrock_response(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_answer_t *answer, ngx_litellm_error_t *e)
{
    ngx_int_t                      rc;
    ngx_uint_t                     i;
    ngx_litellm_json_t            *content, *v;
    ngx_litellm_blocks_t           b;
    ngx_litellm_json_doc_t         doc;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = call->pool;

    rc = ngx_litellm_json_parse(&doc, body->data, body->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    v = ngx_litellm_json_member(ngx_litellm_json_member(doc.root, "output"),
                                "message");
    content = ngx_litellm_json_member(v, "content");

    if (!ngx_litellm_json_is(content, ARRAY)) {
        return ngx_litellm_call_broken(call, e, "the provider's answer is not "
                                       "a message");
    }

    ngx_litellm_blocks_init(&b, call, answer);

    v = content + 1;

    for (i = 0; i < content->count; i++) {

        if (v->type == NGX_LITELLM_JSON_OBJECT) {
            rc = ngx_litellm_bedrock_content(&b, v);

            if (rc == NGX_DECLINED) {
                return ngx_litellm_call_broken(call, e,
                                               NGX_LITELLM_CALLS_TEXT);
            }

            if (rc != NGX_OK) {
                return NGX_ERROR;
            }
        }

        v = ngx_litellm_json_next(v);
    }

    v = ngx_litellm_json_member(doc.root, "stopReason");

    answer->finish = ngx_litellm_bedrock_finish(v);

    if (ngx_litellm_json_is(v, STRING)) {
        answer->native_finish = ngx_litellm_json_text(v);
    }

    if (answer->finish == NGX_LITELLM_FINISH_TOOL_CALLS
        && answer->calls.nelts == 0)
    {
        answer->finish = NGX_LITELLM_FINISH_STOP;
    }

    v = ngx_litellm_json_member(doc.root, "additionalModelResponseFields");

    ngx_litellm_bedrock_usage(ngx_litellm_json_member(doc.root, "usage"),
                              ngx_litellm_bedrock_reasoning(v), b.thought,
                              &answer->usage);

    return ngx_litellm_bedrock_trace(call,
                                     ngx_litellm_json_member(doc.root,
                                                             "trace"),
                                     answer);
}


/*
 * A block is a union: it has one member that says what it is.  NGX_DECLINED:
 * one call too many.
 */

static ngx_int_t
ngx_litellm_bedrock_content(ngx_litellm_blocks_t *b,
    ngx_litellm_json_t *v)
{
    ngx_litellm_json_t  *m;

    m = ngx_litellm_json_member(v, "text");

    if (ngx_litellm_json_is(m, STRING)) {
        return ngx_litellm_blocks_text(b, m);
    }

    m = ngx_litellm_json_member(v, "toolUse");

    if (ngx_litellm_json_is(m, OBJECT)) {
        return ngx_litellm_blocks_call(b, m,
                                     ngx_litellm_json_member(m, "toolUseId"),
                                     ngx_litellm_json_member(m, "name"),
                                     ngx_litellm_json_member(m, "input"));
    }

    m = ngx_litellm_json_member(v, "reasoningContent");

    if (ngx_litellm_json_is(m, OBJECT)) {
        return ngx_litellm_bedrock_answer_thinking(b, m);
    }

    m = ngx_litellm_json_member(v, "citationsContent");

    if (ngx_litellm_json_is(m, OBJECT)) {
        return ngx_litellm_bedrock_answer_cited(b, m);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_bedrock_answer_cited(ngx_litellm_blocks_t *b,
    ngx_litellm_json_t *v)
{
    ngx_uint_t           i, start;
    ngx_litellm_json_t  *m, *list, *p;

    start = b->chars;
    list = ngx_litellm_json_member(v, "content");

    if (ngx_litellm_json_is(list, ARRAY)) {
        p = list + 1;

        for (i = 0; i < list->count; i++, p = ngx_litellm_json_next(p)) {
            m = ngx_litellm_json_member(p, "text");

            if (ngx_litellm_json_is(m, STRING)
                && ngx_litellm_blocks_text(b, m) != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    list = ngx_litellm_json_member(v, "citations");

    if (!ngx_litellm_json_is(list, ARRAY) || list->count == 0) {
        return NGX_OK;
    }

    if (ngx_litellm_blocks_citations(b, list) != NGX_OK) {
        return NGX_ERROR;
    }

    p = list + 1;

    for (i = 0; i < list->count; i++, p = ngx_litellm_json_next(p)) {

        m = ngx_litellm_json_member(p, "location");
        m = ngx_litellm_json_member(ngx_litellm_json_member(m, "web"), "url");

        if (ngx_litellm_blocks_cite(b, m, ngx_litellm_json_member(p, "title"),
                                    start)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_bedrock_answer_thinking(ngx_litellm_blocks_t *b,
    ngx_litellm_json_t *v)
{
    ngx_litellm_json_t  *text, *signature, *data;

    data = ngx_litellm_json_member(v, "redactedContent");

    if (ngx_litellm_json_is(data, STRING)) {
        return ngx_litellm_blocks_redacted(b, data);
    }

    v = ngx_litellm_json_member(v, "reasoningText");
    text = ngx_litellm_json_member(v, "text");
    signature = ngx_litellm_json_member(v, "signature");

    /* only what is signed can be sent back */

    if (ngx_litellm_json_is(signature, STRING)
        && ngx_litellm_blocks_thinking(b, text, signature) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_litellm_blocks_reasoning(b, text);
}


/* what a guardrail saw: no place of OpenAI's for it */

static ngx_int_t
ngx_litellm_bedrock_trace(ngx_litellm_call_t *call, ngx_litellm_json_t *v,
    ngx_litellm_answer_t *answer)
{
    ngx_keyval_t  *kv;

    if (!ngx_litellm_json_is(v, OBJECT)) {
        return NGX_OK;
    }

    kv = ngx_litellm_array_push(&answer->specific, call->pool, 1,
                                sizeof(ngx_keyval_t));
    if (kv == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&kv->key, "trace");
    kv->value.data = v->start;
    kv->value.len = v->len;

    return NGX_OK;
}


/* Converse's StopReason; what cut an answer short is "length" */

ngx_litellm_finish_e
ngx_litellm_bedrock_finish(ngx_litellm_json_t *reason)
{
    static const ngx_litellm_reason_t  reasons[] = {
        { ngx_string("end_turn"), NGX_LITELLM_FINISH_STOP },
        { ngx_string("stop_sequence"), NGX_LITELLM_FINISH_STOP },
        { ngx_string("tool_use"), NGX_LITELLM_FINISH_TOOL_CALLS },
        { ngx_string("max_tokens"), NGX_LITELLM_FINISH_LENGTH },
        { ngx_string("model_context_window_exceeded"),
          NGX_LITELLM_FINISH_LENGTH },
        { ngx_string("guardrail_intervened"),
          NGX_LITELLM_FINISH_CONTENT_FILTER },
        { ngx_string("content_filtered"), NGX_LITELLM_FINISH_CONTENT_FILTER },
        { ngx_string("refusal"), NGX_LITELLM_FINISH_CONTENT_FILTER }
    };

    return ngx_litellm_finish_find(reason, reasons,
                                   sizeof(reasons) / sizeof(reasons[0]));
}


/* inputTokens is what was neither read from the cache nor written to it */

void
ngx_litellm_bedrock_usage(ngx_litellm_json_t *v, int64_t reasoning,
    size_t thought, ngx_litellm_usage_t *u)
{
    if (!ngx_litellm_json_is(v, OBJECT)) {
        return;
    }

    u->known = 1;

    u->cached = ngx_litellm_call_tokens(v, "cacheReadInputTokens", 0);
    u->cache_write = ngx_litellm_call_tokens(v, "cacheWriteInputTokens", 0);
    u->prompt = ngx_litellm_call_tokens(v, "inputTokens", 0)
                + u->cached + u->cache_write;
    u->completion = ngx_litellm_call_tokens(v, "outputTokens", 0);

    /* it is counted within the output: about four bytes a token */

    if (reasoning < 0) {
        reasoning = (int64_t) (thought + 3) / 4;
    }

    u->reasoning = ngx_min(reasoning, u->completion);

    u->total = u->prompt + u->completion;
}


/* asked for by a JSON pointer: under its last name, or in place */

int64_t
ngx_litellm_bedrock_reasoning(ngx_litellm_json_t *fields)
{
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(ngx_litellm_json_member(fields, "usage"),
                                "output_tokens_details");

    if (v == NULL) {
        v = ngx_litellm_json_member(fields, "output_tokens_details");
    }

    return ngx_litellm_call_tokens(v, "thinking_tokens",
                                   ngx_litellm_call_tokens(v,
                                                      "reasoning_tokens",
                                                      -1));
}
