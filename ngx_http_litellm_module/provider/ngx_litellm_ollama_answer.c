
/*
 * Answers of Ollama's /api/chat and /api/generate in the neutral form: whole
 * ones, the lines of a stream, and errors.  A line has the form of a whole
 * answer with a piece of it; the last one has "done", why and the counts.
 *
 * A piece is passed on as a range of its line.  Memory is taken for tool calls
 * only, whose number is bounded, and for their arguments, which are an object
 * here and a text for the client: one buffer, used again.
 *
 * Models that Ollama does not know to think have their thoughts in the text,
 * between <think> and </think> at its start; Go's JSON writes the brackets as
 * escapes.
 */

#include "ngx_litellm_ollama.h"


/* as much of an error's body as is looked at */
#define NGX_LITELLM_OLLAMA_ERROR  16384


typedef enum {
    NGX_LITELLM_OLLAMA_START = 0,
    NGX_LITELLM_OLLAMA_THINK,          /* behind <think> */
    NGX_LITELLM_OLLAMA_TEXT
} ngx_litellm_ollama_state_e;


typedef struct {
    ngx_litellm_ollama_state_e   state;
    ngx_uint_t                   calls;        /* so far */
    u_char                      *arguments;
    size_t                       alloc;
    ngx_litellm_usage_t          usage;
    unsigned                     thought:1;
    unsigned                     failed:1;
} ngx_litellm_ollama_stream_t;


static ngx_int_t ngx_litellm_ollama_answer_text(ngx_litellm_answer_t *answer,
    ngx_litellm_json_t *message, ngx_litellm_json_t *content);
static ngx_int_t ngx_litellm_ollama_answer_calls(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer, ngx_litellm_json_t *message);
static ngx_int_t ngx_litellm_ollama_answer_call(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer, ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_ollama_begin(ngx_litellm_stream_t *st,
    ngx_litellm_json_t *root);
static ngx_int_t ngx_litellm_ollama_message(ngx_litellm_stream_t *st,
    ngx_litellm_ollama_stream_t *s, ngx_litellm_json_t *message,
    ngx_litellm_json_t *content);
static ngx_int_t ngx_litellm_ollama_text(ngx_litellm_stream_t *st,
    ngx_litellm_ollama_stream_t *s, ngx_str_t *text);
static ngx_int_t ngx_litellm_ollama_call(ngx_litellm_stream_t *st,
    ngx_litellm_ollama_stream_t *s, ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_ollama_done(ngx_litellm_stream_t *st,
    ngx_litellm_ollama_stream_t *s, ngx_litellm_json_t *root);
static ngx_int_t ngx_litellm_ollama_fail(ngx_litellm_stream_t *st,
    ngx_str_t *data);
static ngx_litellm_json_t *ngx_litellm_ollama_content(ngx_litellm_json_t *root,
    ngx_litellm_json_t **message);
static ngx_litellm_finish_e ngx_litellm_ollama_finish(ngx_litellm_json_t *v);
static void ngx_litellm_ollama_usage(ngx_litellm_json_t *root,
    ngx_uint_t thought, ngx_litellm_usage_t *u);
static ngx_uint_t ngx_litellm_ollama_failed(ngx_litellm_json_t *root);
static size_t ngx_litellm_ollama_opens(ngx_str_t *text);
static ngx_uint_t ngx_litellm_ollama_closes(ngx_str_t *text,
    ngx_str_t *before, ngx_str_t *behind);
static ngx_uint_t ngx_litellm_ollama_escaped(u_char *start, u_char *p);


ngx_int_t
ngx_litellm_ollama_response(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_answer_t *answer, ngx_litellm_error_t *e)
{
    ngx_int_t                rc;
    ngx_litellm_json_t      *root, *message, *content, *v;
    ngx_litellm_json_doc_t   doc;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = call->pool;

    rc = ngx_litellm_json_parse(&doc, body->data, body->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    root = (rc == NGX_OK) ? doc.root : NULL;

    if (ngx_litellm_ollama_failed(root)) {
        ngx_litellm_ollama_error(call, 200, body, e);
        return NGX_DECLINED;
    }

    content = ngx_litellm_ollama_content(root, &message);

    if (message == NULL) {
        return ngx_litellm_call_broken(call, e, "the provider's answer is not "
                                       "a message");
    }

    v = ngx_litellm_json_member(root, "model");

    if (ngx_litellm_json_is(v, STRING)) {
        answer->model = ngx_litellm_json_text(v);
    }

    rc = ngx_litellm_ollama_answer_text(answer, message, content);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_ollama_answer_calls(call, answer, message);

    if (rc == NGX_DECLINED) {
        return ngx_litellm_call_broken(call, e, "the provider's answer has "
                                       "too many tool calls");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    answer->has_text = (answer->text.nelts || answer->calls.nelts == 0);

    v = ngx_litellm_json_member(root, "done_reason");

    answer->finish = ngx_litellm_ollama_finish(v);

    if (ngx_litellm_json_is(v, STRING) && !ngx_litellm_json_eq(v, "stop")
        && !ngx_litellm_json_eq(v, "length"))
    {
        answer->native_finish = ngx_litellm_json_text(v);
    }

    if (answer->calls.nelts && answer->finish == NGX_LITELLM_FINISH_STOP) {
        answer->finish = NGX_LITELLM_FINISH_TOOL_CALLS;
    }

    ngx_litellm_ollama_usage(root, answer->reasoning.nelts, &answer->usage);

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_ollama_answer_text(ngx_litellm_answer_t *answer,
    ngx_litellm_json_t *message, ngx_litellm_json_t *content)
{
    size_t               n;
    ngx_str_t            text, thought, *s;
    ngx_litellm_json_t  *v;

    ngx_str_null(&text);

    if (ngx_litellm_json_is(content, STRING)) {
        text = ngx_litellm_json_text(content);
    }

    v = ngx_litellm_json_member(message, "thinking");

    if (ngx_litellm_json_is(v, STRING)) {
        thought = ngx_litellm_json_text(v);

    } else {
        thought = text;
        n = ngx_litellm_ollama_opens(&thought);

        thought.data += n;
        thought.len -= n;

        if (n == 0 || !ngx_litellm_ollama_closes(&thought, &thought, &text)) {
            thought.len = 0;
        }
    }

    if (thought.len) {
        s = ngx_array_push(&answer->reasoning);
        if (s == NULL) {
            return NGX_ERROR;
        }

        *s = thought;
    }

    if (text.len) {
        s = ngx_array_push(&answer->text);
        if (s == NULL) {
            return NGX_ERROR;
        }

        *s = text;
    }

    return NGX_OK;
}


/* NGX_DECLINED: too many */

static ngx_int_t
ngx_litellm_ollama_answer_calls(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer, ngx_litellm_json_t *message)
{
    ngx_uint_t           i, n;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(message, "tool_calls");

    if (!ngx_litellm_json_is(v, ARRAY)) {
        return NGX_OK;
    }

    n = v->count;

    if (n > NGX_LITELLM_OLLAMA_CALLS) {
        return NGX_DECLINED;
    }

    for (i = 0, v++; i < n; i++, v = ngx_litellm_json_next(v)) {
        if (ngx_litellm_ollama_answer_call(call, answer, v) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_ollama_answer_call(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer, ngx_litellm_json_t *v)
{
    ngx_litellm_json_t       *fn, *id, *name, *arguments;
    ngx_litellm_tool_call_t  *tc;

    fn = ngx_litellm_json_member(v, "function");
    id = ngx_litellm_json_member(v, "id");
    name = ngx_litellm_json_member(fn, "name");
    arguments = ngx_litellm_json_member(fn, "arguments");

    if (!ngx_litellm_json_is(name, STRING)) {
        return NGX_OK;
    }

    tc = ngx_array_push(&answer->calls);
    if (tc == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(tc, sizeof(ngx_litellm_tool_call_t));

    tc->name = ngx_litellm_json_text(name);
    tc->node = v;

    if (ngx_litellm_json_is(id, STRING) && id->len > 2) {
        tc->id = ngx_litellm_json_text(id);

    } else if (ngx_litellm_call_tool_id(call, answer->calls.nelts - 1,
                                        &tc->id)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_litellm_json_is(arguments, STRING)) {
        tc->arguments = ngx_litellm_json_text(arguments);
        return NGX_OK;
    }

    if (!ngx_litellm_json_is(arguments, OBJECT)) {
        ngx_str_set(&tc->arguments, "{}");
        return NGX_OK;
    }

    return ngx_litellm_call_arguments(call->pool, arguments, &tc->arguments);
}


/* a line that is not JSON is skipped */

ngx_int_t
ngx_litellm_ollama_event(ngx_litellm_stream_t *st, ngx_str_t *name,
    ngx_str_t *data)
{
    ngx_int_t                     rc;
    ngx_litellm_json_t           *root, *message, *content;
    ngx_litellm_ollama_stream_t  *s;

    if (st->doc.pool == NULL) {
        st->doc.pool = st->pool;
    }

    rc = ngx_litellm_json_parse(&st->doc, data->data, data->len);

    if (rc != NGX_OK) {
        return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
    }

    root = st->doc.root;

    if (ngx_litellm_ollama_failed(root)) {
        return ngx_litellm_ollama_fail(st, data);
    }

    content = ngx_litellm_ollama_content(root, &message);

    if (message == NULL) {
        return NGX_OK;
    }

    rc = ngx_litellm_ollama_begin(st, root);
    if (rc != NGX_OK) {
        return rc;
    }

    s = st->state;

    rc = ngx_litellm_ollama_message(st, s, message, content);
    if (rc != NGX_OK || s->failed) {
        return rc;
    }

    if (ngx_litellm_json_is(ngx_litellm_json_member(root, "done"), TRUE)) {
        return ngx_litellm_ollama_done(st, s, root);
    }

    return NGX_OK;
}


/* the state; the first line that is an answer begins it */

static ngx_int_t
ngx_litellm_ollama_begin(ngx_litellm_stream_t *st, ngx_litellm_json_t *root)
{
    ngx_litellm_ollama_stream_t  *s;

    if (st->state != NULL) {
        return NGX_OK;
    }

    s = ngx_litellm_emit_state(st, sizeof(ngx_litellm_ollama_stream_t));
    if (s == NULL) {
        return NGX_ERROR;
    }

    ngx_litellm_usage_init(&s->usage);

    return ngx_litellm_emit_start(st, NULL,
                                  ngx_litellm_json_member(root, "model"));
}


static ngx_int_t
ngx_litellm_ollama_message(ngx_litellm_stream_t *st,
    ngx_litellm_ollama_stream_t *s, ngx_litellm_json_t *message,
    ngx_litellm_json_t *content)
{
    ngx_int_t            rc;
    ngx_str_t            text;
    ngx_uint_t           i;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(message, "thinking");

    if (ngx_litellm_json_is(v, STRING) && v->len > 2) {
        text = ngx_litellm_json_text(v);

        rc = ngx_litellm_emit_text(st, NGX_LITELLM_EV_REASONING, &text);
        if (rc != NGX_OK) {
            return rc;
        }

        s->thought = 1;

        if (s->state == NGX_LITELLM_OLLAMA_START) {
            s->state = NGX_LITELLM_OLLAMA_TEXT;
        }
    }

    if (ngx_litellm_json_is(content, STRING) && content->len > 2) {
        text = ngx_litellm_json_text(content);

        rc = ngx_litellm_ollama_text(st, s, &text);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    v = ngx_litellm_json_member(message, "tool_calls");

    if (ngx_litellm_json_is(v, ARRAY)) {

        for (i = v->count, v++; i; i--, v = ngx_litellm_json_next(v)) {

            if (s->calls == NGX_LITELLM_OLLAMA_CALLS) {
                ngx_str_set(&text, "the provider's answer has too many tool "
                            "calls");
                s->failed = 1;
                return ngx_litellm_ollama_fail(st, &text);
            }

            rc = ngx_litellm_ollama_call(st, s, v);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    return NGX_OK;
}


/* the tags are tokens of their own: they come in one piece */

static ngx_int_t
ngx_litellm_ollama_text(ngx_litellm_stream_t *st,
    ngx_litellm_ollama_stream_t *s, ngx_str_t *text)
{
    size_t      n;
    ngx_int_t   rc;
    ngx_str_t   thought, rest;

    if (s->state == NGX_LITELLM_OLLAMA_TEXT) {
        return ngx_litellm_emit_text(st, NGX_LITELLM_EV_TEXT, text);
    }

    thought = *text;

    if (s->state == NGX_LITELLM_OLLAMA_START) {

        n = ngx_litellm_ollama_opens(text);

        if (n == 0) {
            s->state = NGX_LITELLM_OLLAMA_TEXT;
            return ngx_litellm_emit_text(st, NGX_LITELLM_EV_TEXT, text);
        }

        s->state = NGX_LITELLM_OLLAMA_THINK;
        s->thought = 1;
        thought.data += n;
        thought.len -= n;
    }

    ngx_str_null(&rest);

    if (ngx_litellm_ollama_closes(&thought, &thought, &rest)) {
        s->state = NGX_LITELLM_OLLAMA_TEXT;
    }

    if (thought.len) {
        rc = ngx_litellm_emit_text(st, NGX_LITELLM_EV_REASONING, &thought);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (rest.len) {
        return ngx_litellm_emit_text(st, NGX_LITELLM_EV_TEXT, &rest);
    }

    return NGX_OK;
}


/* each call comes whole */

static ngx_int_t
ngx_litellm_ollama_call(ngx_litellm_stream_t *st,
    ngx_litellm_ollama_stream_t *s, ngx_litellm_json_t *v)
{
    size_t                len;
    ngx_int_t             rc;
    ngx_litellm_json_t   *fn, *id, *name, *arguments;
    ngx_litellm_event_t   ev;

    fn = ngx_litellm_json_member(v, "function");
    id = ngx_litellm_json_member(v, "id");
    name = ngx_litellm_json_member(fn, "name");
    arguments = ngx_litellm_json_member(fn, "arguments");

    if (!ngx_litellm_json_is(name, STRING)) {
        return NGX_OK;
    }

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = NGX_LITELLM_EV_CALL;
    ev.index = s->calls;
    ev.name = ngx_litellm_json_text(name);

    if (ngx_litellm_json_is(id, STRING) && id->len > 2) {
        ev.id = ngx_litellm_json_text(id);

    } else if (ngx_litellm_call_tool_id(st->call, s->calls, &ev.id)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    s->calls++;

    rc = st->emit(st->data, &ev);
    if (rc != NGX_OK) {
        return rc;
    }

    ev.type = NGX_LITELLM_EV_ARGUMENTS;
    ngx_str_set(&ev.text, "{}");

    if (ngx_litellm_json_is(arguments, STRING)) {
        ev.text = ngx_litellm_json_text(arguments);

    } else if (ngx_litellm_json_is(arguments, OBJECT)) {

        len = 2 * (size_t) arguments->len;

        if (len > s->alloc) {

            if (s->arguments) {
                (void) ngx_pfree(st->pool, s->arguments);
            }

            s->alloc = 0;
            s->arguments = ngx_pnalloc(st->pool, len);

            if (s->arguments == NULL) {
                return NGX_ERROR;
            }

            s->alloc = len;
        }

        ev.text.data = s->arguments;
        ev.text.len = ngx_litellm_call_quote(s->arguments, arguments);
    }

    return st->emit(st->data, &ev);
}


static ngx_int_t
ngx_litellm_ollama_done(ngx_litellm_stream_t *st,
    ngx_litellm_ollama_stream_t *s, ngx_litellm_json_t *root)
{
    ngx_int_t             rc;
    ngx_litellm_json_t   *v;
    ngx_litellm_event_t   ev;

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = NGX_LITELLM_EV_FINISH;

    v = ngx_litellm_json_member(root, "done_reason");

    if (ngx_litellm_json_is(v, STRING)) {
        ev.text = ngx_litellm_json_text(v);
    }

    ev.finish = ngx_litellm_ollama_finish(v);

    if (s->calls && ev.finish == NGX_LITELLM_FINISH_STOP) {
        ev.finish = NGX_LITELLM_FINISH_TOOL_CALLS;
    }

    rc = st->emit(st->data, &ev);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_ollama_usage(root, s->thought, &s->usage);

    rc = ngx_litellm_emit_usage(st, &s->usage);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_litellm_emit_text(st, NGX_LITELLM_EV_END, NULL);
}


static ngx_int_t
ngx_litellm_ollama_fail(ngx_litellm_stream_t *st, ngx_str_t *data)
{
    ngx_litellm_error_t  e;

    ngx_litellm_ollama_error(st->call, 200, data, &e);

    return ngx_litellm_emit_error(st, &e);
}


/*
 * The text of an answer, or NULL; *message: the object that has "thinking" and
 * "tool_calls", NULL if this is no answer.
 */

static ngx_litellm_json_t *
ngx_litellm_ollama_content(ngx_litellm_json_t *root,
    ngx_litellm_json_t **message)
{
    ngx_litellm_json_t  *v;

    *message = ngx_litellm_json_member(root, "message");

    if (ngx_litellm_json_is(*message, OBJECT)) {
        return ngx_litellm_json_member(*message, "content");
    }

    v = ngx_litellm_json_member(root, "response");

    *message = ngx_litellm_json_is(v, STRING) ? root : NULL;

    return v;
}


static ngx_litellm_finish_e
ngx_litellm_ollama_finish(ngx_litellm_json_t *v)
{
    if (ngx_litellm_json_is(v, STRING) && ngx_litellm_json_eq(v, "length")) {
        return NGX_LITELLM_FINISH_LENGTH;
    }

    return NGX_LITELLM_FINISH_STOP;
}


/*
 * A prompt that was in the server's cache has no count of its own in old
 * versions.  Thoughts are within the output; how many is not said.
 */

static void
ngx_litellm_ollama_usage(ngx_litellm_json_t *root, ngx_uint_t thought,
    ngx_litellm_usage_t *u)
{
    int64_t  prompt, completion;

    prompt = ngx_litellm_call_tokens(root, "prompt_eval_count", -1);
    completion = ngx_litellm_call_tokens(root, "eval_count", -1);

    if (prompt < 0 && completion < 0) {
        return;
    }

    u->known = 1;
    u->prompt = ngx_max(prompt, 0);
    u->completion = ngx_max(completion, 0);
    u->total = u->prompt + u->completion;

    if (!thought) {
        u->reasoning = 0;
    }
}


static ngx_uint_t
ngx_litellm_ollama_failed(ngx_litellm_json_t *root)
{
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(root, "error");

    return (ngx_litellm_json_is(v, STRING) && v->len > 2)
           || ngx_litellm_json_is(v, OBJECT);
}


/* the length of the tag that a text begins with; 0 without one */

static size_t
ngx_litellm_ollama_opens(ngx_str_t *text)
{
    ngx_uint_t  i;

    static const ngx_str_t  tags[] = {
        ngx_string("<think>"),
        ngx_string("\\u003cthink\\u003e"),
        ngx_string("<thinking>"),
        ngx_string("\\u003cthinking\\u003e")
    };

    for (i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        if (text->len >= tags[i].len
            && ngx_memcmp(text->data, tags[i].data, tags[i].len) == 0)
        {
            return tags[i].len;
        }
    }

    return 0;
}


/* before may be text itself; nothing is set without an end */

static ngx_uint_t
ngx_litellm_ollama_closes(ngx_str_t *text, ngx_str_t *before,
    ngx_str_t *behind)
{
    u_char      *p, *start, *last;
    ngx_uint_t   i;

    static const ngx_str_t  tags[] = {
        ngx_string("</think>"),
        ngx_string("\\u003c/think\\u003e"),
        ngx_string("</thinking>"),
        ngx_string("\\u003c/thinking\\u003e")
    };

    start = text->data;
    last = start + text->len;

    for (i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {

        p = start;

        for ( ;; ) {
            p = ngx_litellm_find(p, last, (char *) tags[i].data, tags[i].len);

            if (p == NULL) {
                break;
            }

            if (*p == '\\' && ngx_litellm_ollama_escaped(start, p)) {
                p++;
                continue;
            }

            before->data = start;
            before->len = p - start;

            behind->data = p + tags[i].len;
            behind->len = last - behind->data;

            return 1;
        }
    }

    return 0;
}


/* a backslash that is text: the one before it is not text itself */

static ngx_uint_t
ngx_litellm_ollama_escaped(u_char *start, u_char *p)
{
    ngx_uint_t  escaped;

    for (escaped = 0; p > start && p[-1] == '\\'; p--) {
        escaped = !escaped;
    }

    return escaped;
}


/*
 * {"error":"..."}, or what a proxy before the server says.  status 200: an
 * error in a good answer or in a stream, which has no status: the server's.
 */

void
ngx_litellm_ollama_error(ngx_litellm_call_t *call, ngx_uint_t status,
    ngx_str_t *body, ngx_litellm_error_t *e)
{
    u_char      *last;
    ngx_uint_t   i;

    static const ngx_str_t  lengths[] = {
        ngx_string("exceeds maximum context length"),
        ngx_string("exceeds the context length"),
        ngx_string("exceed the context length")
    };

    ngx_memzero(e, sizeof(ngx_litellm_error_t));

    last = body->data + ngx_min(body->len, NGX_LITELLM_OLLAMA_ERROR);

    for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {

        if (ngx_litellm_find(body->data, last, (char *) lengths[i].data,
                             lengths[i].len)
            != NULL
            && ngx_litellm_error_set(call, e, NGX_LITELLM_CONTEXT_WINDOW, 400,
                                     body)
               == NGX_OK)
        {
            return;
        }
    }

    ngx_litellm_error_openai(call, status, body, e);
}
