
/*
 * A whole answer of Cohere's chat API in the neutral form, the meaning of
 * finish reasons, usage and citations, which streams share
 * (ngx_litellm_cohere_stream.c), and errors in LiteLLM's classes.
 *
 * Texts stay ranges of the body.  A tool_plan is what the model thinks before
 * it calls: OpenAI has no place for it, here it is reasoning.
 */

#include "ngx_litellm_array.h"
#include "ngx_litellm_cohere.h"


static ngx_int_t ngx_litellm_cohere_content(ngx_litellm_answer_t *answer,
    ngx_litellm_json_t *content);
static ngx_int_t ngx_litellm_cohere_push(ngx_array_t *pieces,
    ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_cohere_calls(ngx_litellm_answer_t *answer,
    ngx_litellm_json_t *list);
static ngx_int_t ngx_litellm_cohere_citations(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer, ngx_litellm_json_t *list);


ngx_int_t
ngx_litellm_cohere_response(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_answer_t *answer, ngx_litellm_error_t *e)
{
    ngx_int_t                rc;
    ngx_litellm_json_t      *root, *message, *content, *plan, *reason, *v;
    ngx_litellm_json_doc_t   doc;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = call->pool;

    rc = ngx_litellm_json_parse(&doc, body->data, body->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    root = doc.root;
    message = (rc == NGX_OK) ? ngx_litellm_json_member(root, "message") : NULL;

    if (!ngx_litellm_json_is(message, OBJECT)) {
        return ngx_litellm_call_broken(call, e, "the provider's answer is not "
                                       "a message");
    }

    v = ngx_litellm_json_member(root, "id");

    if (ngx_litellm_json_is(v, STRING)) {
        answer->id = ngx_litellm_json_text(v);
    }

    plan = ngx_litellm_json_member(message, "tool_plan");
    content = ngx_litellm_json_member(message, "content");

    if (ngx_litellm_cohere_push(&answer->reasoning, plan) != NGX_OK
        || ngx_litellm_cohere_content(answer, content) != NGX_OK
        || ngx_litellm_cohere_calls(answer, ngx_litellm_json_member(message,
                                                              "tool_calls"))
           != NGX_OK
        || ngx_litellm_cohere_citations(call, answer,
                                        ngx_litellm_json_member(message,
                                                                "citations"))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (answer->calls.nelts == 0) {
        answer->has_text = 1;
    }

    reason = ngx_litellm_json_member(root, "finish_reason");

    answer->finish = ngx_litellm_cohere_finish(reason);

    if (answer->finish == NGX_LITELLM_FINISH_NONE) {
        return ngx_litellm_cohere_failed(call,
                                         ngx_litellm_json_member(root,
                                                                 "error"), e);
    }

    if (ngx_litellm_json_is(reason, STRING)) {
        answer->native_finish = ngx_litellm_json_text(reason);
    }

    if (answer->finish == NGX_LITELLM_FINISH_TOOL_CALLS
        && answer->calls.nelts == 0)
    {
        answer->finish = NGX_LITELLM_FINISH_STOP;
    }

    ngx_litellm_cohere_usage(ngx_litellm_json_member(root, "usage"),
                             &answer->usage);

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_cohere_content(ngx_litellm_answer_t *answer,
    ngx_litellm_json_t *content)
{
    ngx_uint_t           i, n;
    ngx_litellm_json_t  *v, *m;

    if (ngx_litellm_json_is(content, STRING)) {
        answer->has_text = 1;
        return ngx_litellm_cohere_push(&answer->text, content);
    }

    if (!ngx_litellm_json_is(content, ARRAY)) {
        return NGX_OK;
    }

    n = content->count;
    v = content + 1;

    for (i = 0; i < n; i++, v = ngx_litellm_json_next(v)) {

        m = ngx_litellm_json_member(v, "text");

        if (ngx_litellm_json_is(m, STRING)) {
            answer->has_text = 1;

            if (ngx_litellm_cohere_push(&answer->text, m) != NGX_OK) {
                return NGX_ERROR;
            }

            continue;
        }

        if (ngx_litellm_cohere_push(&answer->reasoning,
                                    ngx_litellm_json_member(v, "thinking"))
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* nothing for a value that is no text, or an empty one */

static ngx_int_t
ngx_litellm_cohere_push(ngx_array_t *pieces, ngx_litellm_json_t *v)
{
    ngx_str_t  *s;

    if (!ngx_litellm_json_is(v, STRING) || v->len == 2) {
        return NGX_OK;
    }

    s = ngx_array_push(pieces);
    if (s == NULL) {
        return NGX_ERROR;
    }

    *s = ngx_litellm_json_text(v);

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_cohere_calls(ngx_litellm_answer_t *answer,
    ngx_litellm_json_t *list)
{
    ngx_uint_t                i, n;
    ngx_litellm_json_t       *v, *id, *fn, *name, *arguments;
    ngx_litellm_tool_call_t  *tc;

    if (!ngx_litellm_json_is(list, ARRAY)) {
        return NGX_OK;
    }

    n = list->count;
    v = list + 1;

    for (i = 0; i < n; i++, v = ngx_litellm_json_next(v)) {

        id = ngx_litellm_json_member(v, "id");
        fn = ngx_litellm_json_member(v, "function");
        name = ngx_litellm_json_member(fn, "name");
        arguments = ngx_litellm_json_member(fn, "arguments");

        if (!ngx_litellm_json_is(id, STRING)
            || !ngx_litellm_json_is(name, STRING))
        {
            continue;
        }

        tc = ngx_array_push(&answer->calls);
        if (tc == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(tc, sizeof(ngx_litellm_tool_call_t));

        tc->id = ngx_litellm_json_text(id);
        tc->name = ngx_litellm_json_text(name);
        tc->node = v;

        if (ngx_litellm_json_is(arguments, STRING) && arguments->len > 2) {
            tc->arguments = ngx_litellm_json_text(arguments);

        } else {
            ngx_str_set(&tc->arguments, "{}");
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_cohere_citations(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer, ngx_litellm_json_t *list)
{
    ngx_int_t            rc;
    ngx_str_t            text, room, *s;
    ngx_uint_t           i, n;
    ngx_litellm_json_t  *v;

    if (!ngx_litellm_json_is(list, ARRAY) || list->count == 0) {
        return NGX_OK;
    }

    s = ngx_litellm_array_push(&answer->citations, call->pool, 1,
                               sizeof(ngx_str_t));
    if (s == NULL) {
        return NGX_ERROR;
    }

    s->data = list->start;
    s->len = list->len;

    n = list->count;
    v = list + 1;

    for (i = 0; i < n; i++, v = ngx_litellm_json_next(v)) {

        ngx_str_null(&room);

        rc = ngx_litellm_cohere_annotation(call->pool, v, &room, &text);

        if (rc == NGX_DECLINED) {
            continue;
        }

        s = ngx_array_push(&answer->annotations);

        if (rc == NGX_ERROR || s == NULL) {
            return NGX_ERROR;
        }

        *s = text;
    }

    return NGX_OK;
}


ngx_int_t
ngx_litellm_cohere_annotation(ngx_pool_t *pool, ngx_litellm_json_t *citation,
    ngx_str_t *room, ngx_str_t *dst)
{
    u_char              *p;
    size_t               len;
    int64_t              start, end;
    ngx_litellm_json_t  *v, *document, *url, *title;

    v = ngx_litellm_json_member(citation, "sources");

    if (!ngx_litellm_json_is(v, ARRAY) || v->count == 0) {
        return NGX_DECLINED;
    }

    document = ngx_litellm_json_member(v + 1, "document");
    url = ngx_litellm_json_member(document, "url");
    title = ngx_litellm_json_member(document, "title");

    if (!ngx_litellm_json_is(url, STRING)) {
        return NGX_DECLINED;
    }

    start = ngx_litellm_call_tokens(citation, "start", 0);
    end = ngx_litellm_call_tokens(citation, "end", 0);

    len = NGX_LITELLM_CITATION_LEN + url->len + (title ? title->len : 0);

    if (len > room->len) {
        room->data = ngx_pnalloc(pool, len);
        if (room->data == NULL) {
            return NGX_ERROR;
        }

        room->len = len;
    }

    dst->data = room->data;

    p = ngx_litellm_citation_write(dst->data, url, title, start, end);
    dst->len = p - dst->data;

    return NGX_OK;
}


/* Cohere's Chat reference; the older names are those of version 1 */

ngx_litellm_finish_e
ngx_litellm_cohere_finish(ngx_litellm_json_t *reason)
{
    static const ngx_litellm_reason_t  reasons[] = {
        { ngx_string("COMPLETE"), NGX_LITELLM_FINISH_STOP },
        { ngx_string("STOP_SEQUENCE"), NGX_LITELLM_FINISH_STOP },
        { ngx_string("TOOL_CALL"), NGX_LITELLM_FINISH_TOOL_CALLS },
        { ngx_string("MAX_TOKENS"), NGX_LITELLM_FINISH_LENGTH },
        { ngx_string("TIMEOUT"), NGX_LITELLM_FINISH_LENGTH },
        { ngx_string("ERROR_LIMIT"), NGX_LITELLM_FINISH_LENGTH },
        { ngx_string("ERROR_TOXIC"), NGX_LITELLM_FINISH_CONTENT_FILTER },
        { ngx_string("ERROR"), NGX_LITELLM_FINISH_NONE }
    };

    return ngx_litellm_finish_find(reason, reasons,
                                   sizeof(reasons) / sizeof(reasons[0]));
}


ngx_int_t
ngx_litellm_cohere_failed(ngx_litellm_call_t *call, ngx_litellm_json_t *v,
    ngx_litellm_error_t *e)
{
    ngx_str_t  text, j;

    ngx_str_set(&text, "the provider failed while it generated the answer");

    if (ngx_litellm_json_is(v, STRING) && v->len > 2) {
        j = ngx_litellm_json_text(v);

        if (ngx_litellm_json_unescape(call->pool, &text, &j) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ngx_memzero(e, sizeof(ngx_litellm_error_t));

    return ngx_litellm_error_set(call, e, NGX_LITELLM_INTERNAL_SERVER, 500,
                                 &text)
           == NGX_OK ? NGX_DECLINED : NGX_ERROR;
}


/* what went through the model ("tokens"), not what is billed of it */

void
ngx_litellm_cohere_usage(ngx_litellm_json_t *v, ngx_litellm_usage_t *u)
{
    ngx_litellm_json_t  *tokens;

    tokens = ngx_litellm_json_member(v, "tokens");

    if (!ngx_litellm_json_is(tokens, OBJECT)) {
        tokens = ngx_litellm_json_member(v, "billed_units");
    }

    if (!ngx_litellm_json_is(tokens, OBJECT)) {
        return;
    }

    u->known = 1;

    u->prompt = ngx_litellm_call_tokens(tokens, "input_tokens", 0);
    u->completion = ngx_litellm_call_tokens(tokens, "output_tokens", 0);
    u->cached = ngx_litellm_call_tokens(v, "cached_tokens", -1);
    u->total = u->prompt + u->completion;
}


/*
 * Rules of Cohere's own texts (the "cohere" row of LiteLLM's
 * exception_mapping_utils.py), then those of all.  498 is a blocked request.
 */

void
ngx_litellm_cohere_error(ngx_litellm_call_t *call, ngx_uint_t status,
    ngx_str_t *body, ngx_litellm_error_t *e)
{
    const ngx_litellm_error_rule_t  *rule;

    static const ngx_litellm_error_rule_t  rules[] = {
        { "invalid api token", NULL, NGX_LITELLM_AUTHENTICATION, 401 },
        { "no api key provided", NULL, NGX_LITELLM_AUTHENTICATION, 401 },
        { "too many tokens", NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
        { NULL, NULL, 0, 0 }
    };

    rule = ngx_litellm_error_rule(body, rules);

    if (rule) {
        ngx_memzero(e, sizeof(ngx_litellm_error_t));

        if (ngx_litellm_error_set(call, e, rule->class, rule->status, body)
            != NGX_OK)
        {
            e->class = rule->class;
            e->status = rule->status;
        }

        return;
    }

    ngx_litellm_error_openai(call, status == 498 ? 400 : status, body, e);
}
