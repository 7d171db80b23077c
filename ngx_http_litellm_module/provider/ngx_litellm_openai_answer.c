
/*
 * A whole answer of OpenAI's chat completions in the neutral form, for clients
 * of another dialect.  The body goes through the tap first, as one that passes
 * does: it knows what is no answer, and makes the edits of variants.
 *
 * Texts stay ranges of the body.  Beside OpenAI's members those that
 * compatible servers add are read: reasoning under its three names, contents
 * that are lists, images, legacy function calls.
 */

#include "ngx_litellm_openai_dialect.h"


#define NGX_LITELLM_OPENAI_CALLS  1024      /* of one choice */


typedef struct {
    const char             *word;
    ngx_litellm_finish_e    finish;
} ngx_litellm_openai_word_t;


typedef struct {
    ngx_litellm_call_t     *call;
    ngx_uint_t              calls;      /* of all choices: ids of our own */
} ngx_litellm_openai_reader_t;


static ngx_int_t ngx_litellm_reader_choices(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *choices, ngx_litellm_answer_t *answer);
static ngx_int_t ngx_litellm_reader_message(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *msg, ngx_litellm_answer_t *a);
static ngx_int_t ngx_litellm_reader_content(ngx_litellm_json_t *v,
    ngx_litellm_answer_t *a);
static ngx_int_t ngx_litellm_reader_reasoning(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *msg, ngx_litellm_answer_t *a);
static ngx_int_t ngx_litellm_reader_blocks(ngx_litellm_json_t *list,
    ngx_litellm_answer_t *a);
static ngx_int_t ngx_litellm_reader_calls(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *msg, ngx_litellm_answer_t *a);
static ngx_int_t ngx_litellm_reader_call(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *id, ngx_litellm_json_t *function,
    ngx_litellm_json_t *node, ngx_litellm_answer_t *a);
static ngx_int_t ngx_litellm_reader_extras(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *msg, ngx_litellm_answer_t *a);
static ngx_int_t ngx_litellm_reader_push(ngx_array_t *texts, u_char *data,
    size_t len);


/* what is not here is "stop" */

static const ngx_litellm_openai_word_t  ngx_litellm_openai_words[] = {
    { "length", NGX_LITELLM_FINISH_LENGTH },
    { "max_tokens", NGX_LITELLM_FINISH_LENGTH },
    { "MAX_TOKENS", NGX_LITELLM_FINISH_LENGTH },
    { "model_length", NGX_LITELLM_FINISH_LENGTH },
    { "tool_calls", NGX_LITELLM_FINISH_TOOL_CALLS },
    { "tool_use", NGX_LITELLM_FINISH_TOOL_CALLS },
    { "function_call", NGX_LITELLM_FINISH_TOOL_CALLS },
    { "content_filter", NGX_LITELLM_FINISH_CONTENT_FILTER },
    { "content_filtered", NGX_LITELLM_FINISH_CONTENT_FILTER },
    { "refusal", NGX_LITELLM_FINISH_CONTENT_FILTER },
    { "sensitive", NGX_LITELLM_FINISH_CONTENT_FILTER },
    { NULL, NGX_LITELLM_FINISH_STOP }
};


ngx_int_t
ngx_litellm_openai_response(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_answer_t *answer, ngx_litellm_error_t *e)
{
    ngx_int_t                     rc;
    ngx_str_t                     text;
    ngx_litellm_call_t            chat;
    ngx_litellm_json_t           *v;
    ngx_litellm_facts_t           facts;
    ngx_litellm_json_doc_t        doc;
    ngx_litellm_openai_reader_t   r;

    /* it was asked for as chat, whatever the client asked for */

    chat = *call;
    chat.op = NGX_LITELLM_OP_CHAT;

    ngx_memzero(&facts, sizeof(ngx_litellm_facts_t));

    rc = ngx_litellm_openai_tap(&chat, body, &facts);

    if (rc == NGX_DECLINED) {
        *e = facts.error;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    text = facts.data.data ? facts.data : *body;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = call->pool;

    rc = ngx_litellm_json_parse(&doc, text.data, text.len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    v = (rc == NGX_OK) ? ngx_litellm_json_member(doc.root, "choices") : NULL;

    if (!ngx_litellm_json_is(v, ARRAY) || v->count == 0) {
        return ngx_litellm_call_broken(call, e, "the provider's answer has no "
                                       "choices");
    }

    r.call = call;
    r.calls = 0;

    rc = ngx_litellm_reader_choices(&r, v, answer);

    if (rc == NGX_DECLINED) {
        return ngx_litellm_call_broken(call, e, "the provider's answer has no "
                                       "message");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_litellm_json_member(doc.root, "id");

    if (ngx_litellm_json_is(v, STRING)) {
        answer->id = ngx_litellm_json_text(v);
    }

    v = ngx_litellm_json_member(doc.root, "model");

    if (ngx_litellm_json_is(v, STRING)) {
        answer->model = ngx_litellm_json_text(v);
    }

    if (facts.usage.known) {
        answer->usage = facts.usage;
    }

    return NGX_OK;
}


/* NGX_DECLINED: something that is no choice */

static ngx_int_t
ngx_litellm_reader_choices(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *choices, ngx_litellm_answer_t *answer)
{
    int64_t                n;
    ngx_int_t              rc;
    ngx_uint_t             i;
    ngx_litellm_json_t    *choice, *msg, *v;
    ngx_litellm_answer_t  *a;

    choice = choices + 1;
    a = answer;

    for (i = 0; i < choices->count && i < NGX_LITELLM_CHOICES; i++) {

        if (i) {
            a = ngx_litellm_answer_choice(answer, r->call->pool);
            if (a == NULL) {
                return NGX_ERROR;
            }
        }

        v = ngx_litellm_json_member(choice, "index");

        a->index = i;

        if (ngx_litellm_json_is(v, NUMBER)
            && ngx_litellm_json_int(v, &n) == NGX_OK
            && n >= 0 && n < NGX_LITELLM_CHOICES)
        {
            a->index = n;
        }

        msg = ngx_litellm_json_member(choice, "message");

        if (!ngx_litellm_json_is(msg, OBJECT)) {
            return NGX_DECLINED;
        }

        rc = ngx_litellm_reader_message(r, msg, a);
        if (rc != NGX_OK) {
            return rc;
        }

        v = ngx_litellm_json_member(choice, "finish_reason");

        a->finish = ngx_litellm_openai_finish(v, a->calls.nelts);
        a->native_finish = ngx_litellm_openai_native(v);

        choice = ngx_litellm_json_next(choice);
    }

    return NGX_OK;
}


ngx_litellm_finish_e
ngx_litellm_openai_word(ngx_litellm_json_t *v)
{
    const ngx_litellm_openai_word_t  *w;

    if (!ngx_litellm_json_is(v, STRING)) {
        return NGX_LITELLM_FINISH_STOP;
    }

    for (w = ngx_litellm_openai_words; w->word; w++) {
        if (ngx_litellm_json_equal(v, w->word, ngx_strlen(w->word))) {
            break;
        }
    }

    return w->finish;
}


ngx_litellm_finish_e
ngx_litellm_openai_finish(ngx_litellm_json_t *v, ngx_uint_t calls)
{
    ngx_litellm_finish_e  finish;

    finish = ngx_litellm_openai_word(v);

    if (finish == NGX_LITELLM_FINISH_STOP && calls) {
        return NGX_LITELLM_FINISH_TOOL_CALLS;
    }

    if (finish == NGX_LITELLM_FINISH_TOOL_CALLS && calls == 0) {
        return NGX_LITELLM_FINISH_STOP;
    }

    return finish;
}


ngx_str_t
ngx_litellm_openai_native(ngx_litellm_json_t *v)
{
    ngx_str_t             *name, s;
    ngx_litellm_finish_e   finish;

    ngx_str_null(&s);

    if (!ngx_litellm_json_is(v, STRING)) {
        return s;
    }

    for (finish = NGX_LITELLM_FINISH_STOP;
         finish <= NGX_LITELLM_FINISH_FUNCTION_CALL;
         finish++)
    {
        name = ngx_litellm_finish_name(finish);

        if (ngx_litellm_json_equal(v, (char *) name->data, name->len)) {
            return s;
        }
    }

    return ngx_litellm_json_text(v);
}


static ngx_int_t
ngx_litellm_reader_message(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *msg, ngx_litellm_answer_t *a)
{
    ngx_litellm_json_t  *v;

    if (ngx_litellm_reader_content(ngx_litellm_json_member(msg, "content"), a)
        != NGX_OK
        || ngx_litellm_reader_reasoning(r, msg, a) != NGX_OK
        || ngx_litellm_reader_calls(r, msg, a) != NGX_OK)
    {
        return NGX_ERROR;
    }

    v = ngx_litellm_json_member(msg, "refusal");

    if (ngx_litellm_json_is(v, STRING) && v->len > 2) {
        a->refusal = ngx_litellm_json_text(v);
    }

    return ngx_litellm_reader_extras(r, msg, a);
}


/* a text, or a list of parts as some servers write it */

static ngx_int_t
ngx_litellm_reader_content(ngx_litellm_json_t *v, ngx_litellm_answer_t *a)
{
    ngx_uint_t           i, j;
    ngx_litellm_json_t  *part, *text, *list, *piece;

    if (ngx_litellm_json_is(v, STRING)) {
        a->has_text = 1;
        return ngx_litellm_reader_push(&a->text, v->start + 1, v->len - 2);
    }

    if (!ngx_litellm_json_is(v, ARRAY)) {
        return NGX_OK;
    }

    part = v + 1;

    for (i = 0; i < v->count; i++, part = ngx_litellm_json_next(part)) {
        text = ngx_litellm_json_member(part, "text");

        if (ngx_litellm_json_is(text, STRING)) {
            a->has_text = 1;

            if (ngx_litellm_reader_push(&a->text, text->start + 1,
                                        text->len - 2)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            continue;
        }

        /* Mistral's: {"type":"thinking","thinking":[{"text":...}]} */

        list = ngx_litellm_json_member(part, "thinking");

        if (!ngx_litellm_json_is(list, ARRAY)) {
            continue;
        }

        piece = list + 1;

        for (j = 0; j < list->count; j++) {
            text = ngx_litellm_json_member(piece, "text");

            if (ngx_litellm_json_is(text, STRING)
                && ngx_litellm_reader_push(&a->reasoning, text->start + 1,
                                           text->len - 2)
                   != NGX_OK)
            {
                return NGX_ERROR;
            }

            piece = ngx_litellm_json_next(piece);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_reader_reasoning(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *msg, ngx_litellm_answer_t *a)
{
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(msg, "reasoning_content");

    if (!ngx_litellm_json_is(v, STRING)) {
        v = ngx_litellm_json_member(msg, "reasoning");
    }

    if (ngx_litellm_json_is(v, STRING) && v->len > 2
        && ngx_litellm_reader_push(&a->reasoning, v->start + 1, v->len - 2)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* LiteLLM's own signed blocks, and OpenRouter's */

    v = ngx_litellm_json_member(msg, "thinking_blocks");

    if (!ngx_litellm_json_is(v, ARRAY)) {
        v = ngx_litellm_json_member(msg, "reasoning_details");
    }

    return ngx_litellm_json_is(v, ARRAY) ? ngx_litellm_reader_blocks(v, a)
                                         : NGX_OK;
}


static ngx_int_t
ngx_litellm_reader_blocks(ngx_litellm_json_t *list, ngx_litellm_answer_t *a)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *v, *text, *signature, *data;
    ngx_litellm_part_t  *part;

    v = list + 1;

    for (i = 0; i < list->count; i++, v = ngx_litellm_json_next(v)) {

        signature = ngx_litellm_json_member(v, "signature");
        data = ngx_litellm_json_member(v, "data");
        text = ngx_litellm_json_member(v, "thinking");

        if (text == NULL) {
            text = ngx_litellm_json_member(v, "text");
        }

        if (!ngx_litellm_json_is(data, STRING)
            && !ngx_litellm_json_is(signature, STRING))
        {
            continue;
        }

        part = ngx_array_push(&a->thinking);
        if (part == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(part, sizeof(ngx_litellm_part_t));

        if (ngx_litellm_json_is(data, STRING)) {
            part->type = NGX_LITELLM_PART_REDACTED;
            part->data = ngx_litellm_json_text(data);
            continue;
        }

        part->type = NGX_LITELLM_PART_THINKING;
        part->signature = ngx_litellm_json_text(signature);

        if (ngx_litellm_json_is(text, STRING)) {
            part->text = ngx_litellm_json_text(text);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_reader_calls(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *msg, ngx_litellm_answer_t *a)
{
    ngx_int_t            rc;
    ngx_uint_t           i;
    ngx_litellm_json_t  *list, *v;

    list = ngx_litellm_json_member(msg, "tool_calls");

    if (ngx_litellm_json_is(list, ARRAY)) {
        v = list + 1;

        for (i = 0; i < list->count && i < NGX_LITELLM_OPENAI_CALLS; i++) {

            rc = ngx_litellm_reader_call(r, ngx_litellm_json_member(v, "id"),
                                    ngx_litellm_json_member(v, "function"),
                                    v, a);
            if (rc != NGX_OK) {
                return rc;
            }

            v = ngx_litellm_json_next(v);
        }
    }

    if (a->calls.nelts) {
        return NGX_OK;
    }

    v = ngx_litellm_json_member(msg, "function_call");

    return ngx_litellm_json_is(v, OBJECT)
           ? ngx_litellm_reader_call(r, NULL, v, v, a) : NGX_OK;
}


static ngx_int_t
ngx_litellm_reader_call(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *id, ngx_litellm_json_t *function,
    ngx_litellm_json_t *node, ngx_litellm_answer_t *a)
{
    ngx_litellm_json_t       *name, *v;
    ngx_litellm_tool_call_t  *tc;

    name = ngx_litellm_json_member(function, "name");

    if (!ngx_litellm_json_is(name, STRING)) {
        return NGX_OK;
    }

    tc = ngx_array_push(&a->calls);
    if (tc == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(tc, sizeof(ngx_litellm_tool_call_t));

    tc->name = ngx_litellm_json_text(name);
    tc->node = node;

    v = ngx_litellm_json_member(function, "arguments");

    if (ngx_litellm_json_is(v, STRING)) {
        tc->arguments = ngx_litellm_json_text(v);

    } else if (ngx_litellm_json_is(v, OBJECT)) {

        /* not OpenAI's form, but meant well */

        if (ngx_litellm_call_arguments(r->call->pool, v, &tc->arguments)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (tc->arguments.len == 0) {
        ngx_str_set(&tc->arguments, "{}");
    }

    if (ngx_litellm_json_is(id, STRING) && id->len > 2) {
        tc->id = ngx_litellm_json_text(id);
        r->calls++;
        return NGX_OK;
    }

    return ngx_litellm_call_tool_id(r->call, r->calls++, &tc->id);
}


/* annotations, images, audio */

static ngx_int_t
ngx_litellm_reader_extras(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *msg, ngx_litellm_answer_t *a)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *list, *v, *url;

    list = ngx_litellm_json_member(msg, "annotations");

    if (ngx_litellm_json_is(list, ARRAY)) {
        v = list + 1;

        for (i = 0; i < list->count; i++, v = ngx_litellm_json_next(v)) {
            if (v->type == NGX_LITELLM_JSON_OBJECT
                && ngx_litellm_reader_push(&a->annotations, v->start, v->len)
                   != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    list = ngx_litellm_json_member(msg, "images");

    if (ngx_litellm_json_is(list, ARRAY) && list->count) {

        if (a->images.elts == NULL
            && ngx_array_init(&a->images, r->call->pool, 1, sizeof(ngx_str_t))
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        v = list + 1;

        for (i = 0; i < list->count; i++, v = ngx_litellm_json_next(v)) {
            url = ngx_litellm_json_member(ngx_litellm_json_member(v,
                                                                 "image_url"),
                                          "url");

            if (ngx_litellm_json_is(url, STRING)
                && ngx_litellm_reader_push(&a->images, url->start + 1,
                                           url->len - 2)
                   != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    v = ngx_litellm_json_member(msg, "audio");

    if (ngx_litellm_json_is(v, OBJECT)) {
        a->audio.data = v->start;
        a->audio.len = v->len;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_reader_push(ngx_array_t *texts, u_char *data, size_t len)
{
    ngx_str_t  *s;

    s = ngx_array_push(texts);
    if (s == NULL) {
        return NGX_ERROR;
    }

    s->data = data;
    s->len = len;

    return NGX_OK;
}
