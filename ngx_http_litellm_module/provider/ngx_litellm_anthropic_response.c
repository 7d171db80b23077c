
/*
 * A whole answer of Anthropic's Messages API in the neutral form, and the
 * meaning of stop reasons, usage and citations, which streams share
 * (ngx_litellm_anthropic_stream.c).
 *
 * Texts stay ranges of the body; only a call's input is made new, as JSON text
 * in a string.  Tools that the provider runs itself (server_tool_use and the
 * results) are not the client's calls and are left out.
 */

#include "ngx_litellm_anthropic.h"


static void ngx_litellm_anthropic_answer_finish(ngx_litellm_answer_t *answer,
    ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_anthropic_invalid(ngx_litellm_call_t *call,
    ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_anthropic_content(
    ngx_litellm_blocks_t *b, ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_anthropic_answer_text(
    ngx_litellm_blocks_t *b, ngx_litellm_json_t *v);


ngx_int_t
ngx_litellm_anthropic_response(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_answer_t *answer, ngx_litellm_error_t *e)
{
    ngx_int_t                rc;
    ngx_uint_t               i;
    ngx_litellm_json_t      *root, *content, *v;
    ngx_litellm_blocks_t     b;
    ngx_litellm_json_doc_t   doc;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = call->pool;

    rc = ngx_litellm_json_parse(&doc, body->data, body->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED || doc.root->type != NGX_LITELLM_JSON_OBJECT) {
        return ngx_litellm_anthropic_invalid(call, e);
    }

    root = doc.root;

    v = ngx_litellm_json_member(root, "error");

    if (ngx_litellm_json_is(v, OBJECT)) {
        v = ngx_litellm_json_member(v, "type");

        ngx_litellm_anthropic_error(call, ngx_litellm_anthropic_status(v),
                                    body, e);
        return NGX_DECLINED;
    }

    content = ngx_litellm_json_member(root, "content");

    if (!ngx_litellm_json_is(content, ARRAY)) {
        return ngx_litellm_anthropic_invalid(call, e);
    }

    v = ngx_litellm_json_member(root, "id");

    if (ngx_litellm_json_is(v, STRING)) {
        answer->id = ngx_litellm_json_text(v);
    }

    v = ngx_litellm_json_member(root, "model");

    if (ngx_litellm_json_is(v, STRING)) {
        answer->model = ngx_litellm_json_text(v);
    }

    ngx_litellm_blocks_init(&b, call, answer);

    v = content + 1;

    for (i = 0; i < content->count; i++) {

        rc = ngx_litellm_anthropic_content(&b, v);

        if (rc == NGX_DECLINED) {
            return ngx_litellm_call_broken(call, e, NGX_LITELLM_CALLS_TEXT);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

        v = ngx_litellm_json_next(v);
    }

    ngx_litellm_anthropic_answer_finish(answer,
                              ngx_litellm_json_member(root, "stop_reason"));

    ngx_litellm_anthropic_usage(ngx_litellm_json_member(root, "usage"),
                                b.thought, &answer->usage);

    return NGX_OK;
}


static void
ngx_litellm_anthropic_answer_finish(ngx_litellm_answer_t *answer,
    ngx_litellm_json_t *v)
{
    answer->finish = ngx_litellm_anthropic_finish(v);

    if (ngx_litellm_json_is(v, STRING)
        && answer->finish == NGX_LITELLM_FINISH_STOP
        && !ngx_litellm_json_eq(v, "end_turn")
        && !ngx_litellm_json_eq(v, "stop_sequence"))
    {
        /* pause_turn and the like have no name of their own in OpenAI's */

        answer->native_finish = ngx_litellm_json_text(v);
    }

    if (answer->finish == NGX_LITELLM_FINISH_TOOL_CALLS
        && answer->calls.nelts == 0)
    {
        answer->finish = NGX_LITELLM_FINISH_STOP;
    }
}


static ngx_int_t
ngx_litellm_anthropic_invalid(ngx_litellm_call_t *call,
    ngx_litellm_error_t *e)
{
    ngx_str_t  text;

    ngx_str_set(&text, "the provider's answer is not a message");
    ngx_memzero(e, sizeof(ngx_litellm_error_t));

    return ngx_litellm_error_set(call, e, NGX_LITELLM_BAD_GATEWAY, 502, &text)
           == NGX_OK ? NGX_DECLINED : NGX_ERROR;
}


static ngx_int_t
ngx_litellm_anthropic_content(ngx_litellm_blocks_t *b,
    ngx_litellm_json_t *v)
{
    ngx_int_t            rc;
    ngx_litellm_json_t  *type, *text;

    type = ngx_litellm_json_member(v, "type");

    if (!ngx_litellm_json_is(type, STRING)) {
        return NGX_OK;
    }

    if (ngx_litellm_json_eq(type, "text")) {
        return ngx_litellm_anthropic_answer_text(b, v);
    }

    if (ngx_litellm_json_eq(type, "tool_use")) {
        return ngx_litellm_blocks_call(b, v, ngx_litellm_json_member(v, "id"),
                                       ngx_litellm_json_member(v, "name"),
                                       ngx_litellm_json_member(v, "input"));
    }

    if (ngx_litellm_json_eq(type, "redacted_thinking")) {
        return ngx_litellm_blocks_redacted(b,
                                          ngx_litellm_json_member(v, "data"));
    }

    if (ngx_litellm_json_eq(type, "thinking")) {
        text = ngx_litellm_json_member(v, "thinking");

        rc = ngx_litellm_blocks_thinking(b, text,
                                     ngx_litellm_json_member(v, "signature"));
        if (rc != NGX_OK) {
            return rc;
        }

        return ngx_litellm_blocks_reasoning(b, text);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_anthropic_answer_text(ngx_litellm_blocks_t *b,
    ngx_litellm_json_t *v)
{
    ngx_int_t            rc;
    ngx_uint_t           i, start;
    ngx_litellm_json_t  *m, *c;

    m = ngx_litellm_json_member(v, "text");

    if (!ngx_litellm_json_is(m, STRING)) {
        return NGX_OK;
    }

    start = b->chars;

    rc = ngx_litellm_blocks_text(b, m);
    if (rc != NGX_OK) {
        return rc;
    }

    m = ngx_litellm_json_member(v, "citations");

    if (!ngx_litellm_json_is(m, ARRAY) || m->count == 0) {
        return NGX_OK;
    }

    rc = ngx_litellm_blocks_citations(b, m);
    if (rc != NGX_OK) {
        return rc;
    }

    c = m + 1;

    for (i = 0; i < m->count; i++, c = ngx_litellm_json_next(c)) {

        rc = ngx_litellm_blocks_cite(b, ngx_litellm_json_member(c, "url"),
                                     ngx_litellm_json_member(c, "title"),
                                     start);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/*
 * Claude docs, "Handling stop reasons".  What cut an answer short is "length",
 * which LiteLLM does not know of model_context_window_exceeded.
 */

ngx_litellm_finish_e
ngx_litellm_anthropic_finish(ngx_litellm_json_t *reason)
{
    static const ngx_litellm_reason_t  reasons[] = {
        { ngx_string("end_turn"), NGX_LITELLM_FINISH_STOP },
        { ngx_string("stop_sequence"), NGX_LITELLM_FINISH_STOP },
        { ngx_string("pause_turn"), NGX_LITELLM_FINISH_STOP },
        { ngx_string("tool_use"), NGX_LITELLM_FINISH_TOOL_CALLS },
        { ngx_string("max_tokens"), NGX_LITELLM_FINISH_LENGTH },
        { ngx_string("compaction"), NGX_LITELLM_FINISH_LENGTH },
        { ngx_string("model_context_window_exceeded"),
          NGX_LITELLM_FINISH_LENGTH },
        { ngx_string("refusal"), NGX_LITELLM_FINISH_CONTENT_FILTER }
    };

    return ngx_litellm_finish_find(reason, reasons,
                                   sizeof(reasons) / sizeof(reasons[0]));
}


/*
 * A stream says the input at its start and the output at its end, newer models
 * say all again there: what a later object has counts, the rest stays.
 * u->prompt holds all input; its parts that are not said are zero.
 */

void
ngx_litellm_anthropic_usage(ngx_litellm_json_t *v, size_t thought,
    ngx_litellm_usage_t *u)
{
    int64_t              fresh, cached, written;
    ngx_litellm_json_t  *tier;

    if (!ngx_litellm_json_is(v, OBJECT)) {
        return;
    }

    u->known = 1;

    fresh = 0;

    if (u->prompt >= 0) {
        fresh = u->prompt - ngx_max(u->cached, 0)
                - ngx_max(u->cache_write, 0);
    }

    cached = ngx_litellm_call_tokens(v, "cache_read_input_tokens", u->cached);
    written = ngx_litellm_call_tokens(v, "cache_creation_input_tokens",
                                      u->cache_write);
    fresh = ngx_litellm_call_tokens(v, "input_tokens", fresh);

    u->cached = ngx_max(cached, 0);
    u->cache_write = ngx_max(written, 0);
    u->prompt = fresh + u->cached + u->cache_write;

    u->completion = ngx_litellm_call_tokens(v, "output_tokens",
                                            ngx_max(u->completion, 0));

    /* the API counts thinking within the output and says no number of its own:
       like LiteLLM an estimate, of four bytes a token */

    u->reasoning = ngx_min((int64_t) (thought + 3) / 4, u->completion);

    u->total = u->prompt + u->completion;

    u->cache_write_1h = ngx_litellm_call_tokens(
                              ngx_litellm_json_member(v, "cache_creation"),
                              "ephemeral_1h_input_tokens", u->cache_write_1h);
    u->searches = ngx_litellm_call_tokens(
                              ngx_litellm_json_member(v, "server_tool_use"),
                              "web_search_requests", u->searches);

    tier = ngx_litellm_json_member(v, "service_tier");

    if (ngx_litellm_json_is(tier, STRING)) {
        u->tier = ngx_litellm_tier(tier->start + 1, tier->len - 2);
    }
}
