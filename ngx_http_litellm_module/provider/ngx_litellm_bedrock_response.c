
/*
 * A whole answer of Bedrock's Converse API in the neutral form, and the meaning
 * of stop reasons, usage and citations, which streams share
 * (ngx_litellm_bedrock_stream.c).
 *
 * Texts stay ranges of the body; only a call's input is made new, as JSON text
 * in a string.
 */

#include "ngx_litellm_bedrock.h"


typedef struct {
    ngx_litellm_call_t     *call;
    ngx_litellm_answer_t   *answer;
    ngx_litellm_names_t     names;
    ngx_uint_t              chars;     /* of the text so far */
    size_t                  thought;   /* bytes of reasoning */
    unsigned                json:1;    /* JSON was asked for */
} ngx_litellm_bedrock_reader_t;


static ngx_int_t ngx_litellm_bedrock_content(ngx_litellm_bedrock_reader_t *r,
    ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_bedrock_answer_text(
    ngx_litellm_bedrock_reader_t *r, ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_bedrock_answer_cited(
    ngx_litellm_bedrock_reader_t *r, ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_bedrock_answer_thinking(
    ngx_litellm_bedrock_reader_t *r, ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_bedrock_answer_call(
    ngx_litellm_bedrock_reader_t *r, ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_bedrock_trace(ngx_litellm_call_t *call,
    ngx_litellm_json_t *v, ngx_litellm_answer_t *answer);
static ngx_uint_t ngx_litellm_bedrock_chars(ngx_str_t *text);


ngx_int_t
ngx_litellm_bedrock_response(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_answer_t *answer, ngx_litellm_error_t *e)
{
    ngx_int_t                      rc;
    ngx_uint_t                     i;
    ngx_litellm_json_t            *content, *v;
    ngx_litellm_json_doc_t         doc;
    ngx_litellm_bedrock_reader_t   r;

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

    ngx_memzero(&r, sizeof(ngx_litellm_bedrock_reader_t));
    r.call = call;
    r.answer = answer;
    r.json = ngx_litellm_anthropic_wants_json(call) ? 1 : 0;

    v = content + 1;

    for (i = 0; i < content->count; i++) {

        if (v->type == NGX_LITELLM_JSON_OBJECT) {
            rc = ngx_litellm_bedrock_content(&r, v);

            if (rc == NGX_DECLINED) {
                return ngx_litellm_call_broken(call, e,
                                             NGX_LITELLM_BEDROCK_CALLS_TEXT);
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
                              ngx_litellm_bedrock_reasoning(v), r.thought,
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
ngx_litellm_bedrock_content(ngx_litellm_bedrock_reader_t *r,
    ngx_litellm_json_t *v)
{
    ngx_litellm_json_t  *m;

    m = ngx_litellm_json_member(v, "text");

    if (ngx_litellm_json_is(m, STRING)) {
        return ngx_litellm_bedrock_answer_text(r, m);
    }

    m = ngx_litellm_json_member(v, "toolUse");

    if (ngx_litellm_json_is(m, OBJECT)) {
        return ngx_litellm_bedrock_answer_call(r, m);
    }

    m = ngx_litellm_json_member(v, "reasoningContent");

    if (ngx_litellm_json_is(m, OBJECT)) {
        return ngx_litellm_bedrock_answer_thinking(r, m);
    }

    m = ngx_litellm_json_member(v, "citationsContent");

    if (ngx_litellm_json_is(m, OBJECT)) {
        return ngx_litellm_bedrock_answer_cited(r, m);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_bedrock_answer_text(ngx_litellm_bedrock_reader_t *r,
    ngx_litellm_json_t *v)
{
    ngx_str_t  *s;

    s = ngx_array_push(&r->answer->text);
    if (s == NULL) {
        return NGX_ERROR;
    }

    *s = ngx_litellm_json_text(v);
    r->answer->has_text = 1;
    r->chars += ngx_litellm_bedrock_chars(s);

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_bedrock_answer_cited(ngx_litellm_bedrock_reader_t *r,
    ngx_litellm_json_t *v)
{
    ngx_str_t           *s, text;
    ngx_uint_t           i, start;
    ngx_litellm_json_t  *m, *list, *p;

    start = r->chars;
    list = ngx_litellm_json_member(v, "content");

    if (ngx_litellm_json_is(list, ARRAY)) {
        p = list + 1;

        for (i = 0; i < list->count; i++, p = ngx_litellm_json_next(p)) {
            m = ngx_litellm_json_member(p, "text");

            if (ngx_litellm_json_is(m, STRING)
                && ngx_litellm_bedrock_answer_text(r, m) != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    list = ngx_litellm_json_member(v, "citations");

    if (!ngx_litellm_json_is(list, ARRAY) || list->count == 0) {
        return NGX_OK;
    }

    if (r->answer->citations.elts == NULL
        && ngx_array_init(&r->answer->citations, r->call->pool, 2,
                          sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    s = ngx_array_push(&r->answer->citations);
    if (s == NULL) {
        return NGX_ERROR;
    }

    s->data = list->start;
    s->len = list->len;

    p = list + 1;

    for (i = 0; i < list->count; i++, p = ngx_litellm_json_next(p)) {

        if (ngx_litellm_bedrock_citation(r->call->pool, p, start, r->chars,
                                         &text)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (text.len == 0) {
            continue;
        }

        s = ngx_array_push(&r->answer->annotations);
        if (s == NULL) {
            return NGX_ERROR;
        }

        *s = text;
    }

    return NGX_OK;
}


ngx_int_t
ngx_litellm_bedrock_citation(ngx_pool_t *pool, ngx_litellm_json_t *v,
    ngx_uint_t start, ngx_uint_t end, ngx_str_t *dst)
{
    u_char              *p;
    ngx_litellm_json_t  *url, *title, none;

    ngx_str_null(dst);

    url = ngx_litellm_json_member(v, "location");
    url = ngx_litellm_json_member(ngx_litellm_json_member(url, "web"), "url");
    title = ngx_litellm_json_member(v, "title");

    if (!ngx_litellm_json_is(url, STRING)) {
        return NGX_OK;
    }

    if (!ngx_litellm_json_is(title, STRING)) {
        none.start = (u_char *) "\"\"";
        none.len = 2;
        title = &none;
    }

    p = ngx_pnalloc(pool, sizeof("{\"type\":\"url_citation\","
                                 "\"url_citation\":{\"start_index\":,"
                                 "\"end_index\":,\"title\":,\"url\":}}")
                          + 2 * NGX_INT_T_LEN + title->len + url->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    dst->data = p;

    p = ngx_sprintf(p, "{\"type\":\"url_citation\",\"url_citation\":{"
                    "\"start_index\":%ui,\"end_index\":%ui,\"title\":",
                    start, end);
    p = ngx_cpymem(p, title->start, title->len);
    p = ngx_cpymem(p, ",\"url\":", sizeof(",\"url\":") - 1);
    p = ngx_cpymem(p, url->start, url->len);
    p = ngx_cpymem(p, "}}", 2);

    dst->len = p - dst->data;

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_bedrock_answer_thinking(ngx_litellm_bedrock_reader_t *r,
    ngx_litellm_json_t *v)
{
    ngx_str_t           *s;
    ngx_litellm_json_t  *reasoning, *text, *signature, *data;
    ngx_litellm_part_t  *part;

    data = ngx_litellm_json_member(v, "redactedContent");
    reasoning = ngx_litellm_json_member(v, "reasoningText");
    text = ngx_litellm_json_member(reasoning, "text");
    signature = ngx_litellm_json_member(reasoning, "signature");

    if (ngx_litellm_json_is(data, STRING)
        || ngx_litellm_json_is(signature, STRING))
    {
        part = ngx_array_push(&r->answer->thinking);
        if (part == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(part, sizeof(ngx_litellm_part_t));

        if (ngx_litellm_json_is(data, STRING)) {
            part->type = NGX_LITELLM_PART_REDACTED;
            part->data = ngx_litellm_json_text(data);
            return NGX_OK;
        }

        part->type = NGX_LITELLM_PART_THINKING;
        part->signature = ngx_litellm_json_text(signature);

        if (ngx_litellm_json_is(text, STRING)) {
            part->text = ngx_litellm_json_text(text);
        }
    }

    if (ngx_litellm_json_is(text, STRING)) {
        s = ngx_array_push(&r->answer->reasoning);
        if (s == NULL) {
            return NGX_ERROR;
        }

        *s = ngx_litellm_json_text(text);
        r->thought += s->len;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_bedrock_answer_call(ngx_litellm_bedrock_reader_t *r,
    ngx_litellm_json_t *v)
{
    ngx_str_t                *s, arguments;
    ngx_litellm_json_t       *id, *name, *input;
    ngx_litellm_tool_call_t  *tc;

    id = ngx_litellm_json_member(v, "toolUseId");
    name = ngx_litellm_json_member(v, "name");
    input = ngx_litellm_json_member(v, "input");

    if (!ngx_litellm_json_is(id, STRING)
        || !ngx_litellm_json_is(name, STRING))
    {
        return NGX_OK;
    }

    if (!ngx_litellm_json_is(input, OBJECT)) {
        ngx_str_set(&arguments, "{}");

    } else if (ngx_litellm_call_arguments(r->call->pool, input, &arguments)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (r->json
        && ngx_litellm_json_eq(name, NGX_LITELLM_ANTHROPIC_JSON_TOOL))
    {
        s = ngx_array_push(&r->answer->text);
        if (s == NULL) {
            return NGX_ERROR;
        }

        *s = arguments;
        r->answer->has_text = 1;

        return NGX_OK;
    }

    if (r->answer->calls.nelts == NGX_LITELLM_BEDROCK_CALLS_MAX) {
        return NGX_DECLINED;
    }

    tc = ngx_array_push(&r->answer->calls);
    if (tc == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(tc, sizeof(ngx_litellm_tool_call_t));

    tc->id = ngx_litellm_json_text(id);
    tc->name = ngx_litellm_json_text(name);
    tc->arguments = arguments;
    tc->node = v;

    return ngx_litellm_names_restore(r->call, &r->names, &tc->name);
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

    if (answer->specific.elts == NULL
        && ngx_array_init(&answer->specific, call->pool, 1,
                          sizeof(ngx_keyval_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    kv = ngx_array_push(&answer->specific);
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
    ngx_uint_t  i;

    static const struct {
        ngx_str_t              name;
        ngx_litellm_finish_e   finish;
    } reasons[] = {
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

    if (!ngx_litellm_json_is(reason, STRING)) {
        return NGX_LITELLM_FINISH_STOP;
    }

    for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (ngx_litellm_json_equal(reason, (char *) reasons[i].name.data,
                                   reasons[i].name.len))
        {
            return reasons[i].finish;
        }
    }

    return NGX_LITELLM_FINISH_STOP;
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


/* characters of a J-string */

static ngx_uint_t
ngx_litellm_bedrock_chars(ngx_str_t *text)
{
    u_char      *p, *last;
    ngx_uint_t   n;

    n = 0;
    last = text->data + text->len;

    for (p = text->data; p < last; p++) {

        if (*p == '\\') {

            /* the low half of a pair belongs to the high one */

            if (p[1] == 'u') {
                if ((p[2] | 0x20) != 'd' || (p[3] | 0x20) < 'c') {
                    n++;
                }

                p += 5;

            } else {
                n++;
                p++;
            }

        } else if ((*p & 0xc0) != 0x80) {
            n++;
        }
    }

    return n;
}
