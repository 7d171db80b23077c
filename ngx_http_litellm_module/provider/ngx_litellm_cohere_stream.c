
/*
 * A stream of Cohere's chat API as neutral events.  Called for every
 * server-sent event; the JSON's "type" says what it is, as the event's name
 * does where it is missing.
 *
 * A delta is parsed into the stream's one document and passed on as a range of
 * the event: no memory is taken for it.  An event that is not JSON is skipped,
 * one that is not known too.  Calls come one after another, but what tells
 * them apart is their index: a table of bounded size leads from it to ours.
 */

#include "ngx_litellm_cohere.h"


#define NGX_LITELLM_COHERE_CALLS  128


typedef struct {
    ngx_uint_t             calls;                      /* so far */
    int64_t                index[NGX_LITELLM_COHERE_CALLS];
    u_char                 has[NGX_LITELLM_COHERE_CALLS]; /* arguments came */
    ngx_str_t              note;                       /* of a citation */
    ngx_litellm_usage_t    usage;
} ngx_litellm_cohere_state_t;


typedef struct {
    ngx_str_t     name;
    ngx_int_t   (*handler)(ngx_litellm_stream_t *st,
                           ngx_litellm_cohere_state_t *s,
                           ngx_litellm_json_t *root, ngx_litellm_json_t *delta);
} ngx_litellm_cohere_handler_t;


static ngx_litellm_cohere_state_t *ngx_litellm_cohere_state(
    ngx_litellm_stream_t *st);
static ngx_uint_t ngx_litellm_cohere_is(ngx_litellm_json_t *type,
    ngx_str_t *name, const ngx_str_t *word);
static ngx_int_t ngx_litellm_cohere_on_start(ngx_litellm_stream_t *st,
    ngx_litellm_cohere_state_t *s, ngx_litellm_json_t *root,
    ngx_litellm_json_t *delta);
static ngx_int_t ngx_litellm_cohere_on_content(ngx_litellm_stream_t *st,
    ngx_litellm_cohere_state_t *s, ngx_litellm_json_t *root,
    ngx_litellm_json_t *delta);
static ngx_int_t ngx_litellm_cohere_on_plan(ngx_litellm_stream_t *st,
    ngx_litellm_cohere_state_t *s, ngx_litellm_json_t *root,
    ngx_litellm_json_t *delta);
static ngx_int_t ngx_litellm_cohere_on_call(ngx_litellm_stream_t *st,
    ngx_litellm_cohere_state_t *s, ngx_litellm_json_t *root,
    ngx_litellm_json_t *delta);
static ngx_int_t ngx_litellm_cohere_on_arguments(ngx_litellm_stream_t *st,
    ngx_litellm_cohere_state_t *s, ngx_litellm_json_t *root,
    ngx_litellm_json_t *delta);
static ngx_int_t ngx_litellm_cohere_on_call_end(ngx_litellm_stream_t *st,
    ngx_litellm_cohere_state_t *s, ngx_litellm_json_t *root,
    ngx_litellm_json_t *delta);
static ngx_int_t ngx_litellm_cohere_on_citation(ngx_litellm_stream_t *st,
    ngx_litellm_cohere_state_t *s, ngx_litellm_json_t *root,
    ngx_litellm_json_t *delta);
static ngx_int_t ngx_litellm_cohere_on_end(ngx_litellm_stream_t *st,
    ngx_litellm_cohere_state_t *s, ngx_litellm_json_t *root,
    ngx_litellm_json_t *delta);
static ngx_litellm_json_t *ngx_litellm_cohere_item(ngx_litellm_json_t *delta,
    const char *name, size_t len);
static ngx_uint_t ngx_litellm_cohere_slot(ngx_litellm_cohere_state_t *s,
    ngx_litellm_json_t *root);


/* the most frequent first */

static const ngx_litellm_cohere_handler_t  ngx_litellm_cohere_events[] = {
    { ngx_string("content-delta"), ngx_litellm_cohere_on_content },
    { ngx_string("tool-call-delta"), ngx_litellm_cohere_on_arguments },
    { ngx_string("tool-plan-delta"), ngx_litellm_cohere_on_plan },
    { ngx_string("citation-start"), ngx_litellm_cohere_on_citation },
    { ngx_string("content-start"), ngx_litellm_cohere_on_content },
    { ngx_string("tool-call-start"), ngx_litellm_cohere_on_call },
    { ngx_string("tool-call-end"), ngx_litellm_cohere_on_call_end },
    { ngx_string("message-start"), ngx_litellm_cohere_on_start },
    { ngx_string("message-end"), ngx_litellm_cohere_on_end },
    { ngx_null_string, NULL }
};


ngx_int_t
ngx_litellm_cohere_event(ngx_litellm_stream_t *st, ngx_str_t *name,
    ngx_str_t *data)
{
    ngx_int_t                            rc;
    ngx_litellm_error_t                  e;
    ngx_litellm_json_t                  *root, *type;
    ngx_litellm_cohere_state_t          *s;
    const ngx_litellm_cohere_handler_t  *h;

    s = st->state;

    if (s == NULL) {
        s = ngx_litellm_cohere_state(st);
        if (s == NULL) {
            return NGX_ERROR;
        }
    }

    rc = ngx_litellm_json_parse(&st->doc, data->data, data->len);

    if (rc != NGX_OK) {
        return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
    }

    root = st->doc.root;
    type = ngx_litellm_json_member(root, "type");

    for (h = ngx_litellm_cohere_events; h->name.len; h++) {
        if (ngx_litellm_cohere_is(type, name, &h->name)) {
            return h->handler(st, s, root,
                              ngx_litellm_json_member(root, "delta"));
        }
    }

    /* the body of an error answer */

    if (type == NULL
        && ngx_litellm_json_is(ngx_litellm_json_member(root, "message"),
                               STRING))
    {
        ngx_memzero(&e, sizeof(ngx_litellm_error_t));
        ngx_litellm_cohere_error(st->call, 500, data, &e);

        return ngx_litellm_emit_error(st, &e);
    }

    return NGX_OK;
}


static ngx_litellm_cohere_state_t *
ngx_litellm_cohere_state(ngx_litellm_stream_t *st)
{
    ngx_litellm_cohere_state_t  *s;

    s = ngx_litellm_emit_state(st, sizeof(ngx_litellm_cohere_state_t));

    if (s) {
        ngx_litellm_usage_init(&s->usage);
    }

    return s;
}


static ngx_uint_t
ngx_litellm_cohere_is(ngx_litellm_json_t *type, ngx_str_t *name,
    const ngx_str_t *word)
{
    if (ngx_litellm_json_is(type, STRING)) {
        return ngx_litellm_json_equal(type, (char *) word->data, word->len);
    }

    return name->len == word->len
           && ngx_memcmp(name->data, word->data, word->len) == 0;
}


static ngx_int_t
ngx_litellm_cohere_on_start(ngx_litellm_stream_t *st,
    ngx_litellm_cohere_state_t *s, ngx_litellm_json_t *root,
    ngx_litellm_json_t *delta)
{
    return ngx_litellm_emit_start(st, ngx_litellm_json_member(root, "id"),
                                  NULL);
}


static ngx_int_t
ngx_litellm_cohere_on_content(ngx_litellm_stream_t *st,
    ngx_litellm_cohere_state_t *s, ngx_litellm_json_t *root,
    ngx_litellm_json_t *delta)
{
    ngx_litellm_json_t  *content, *v;

    content = ngx_litellm_cohere_item(delta, "content",
                                      sizeof("content") - 1);
    v = ngx_litellm_json_member(content, "text");

    if (v) {
        return ngx_litellm_emit_string(st, NGX_LITELLM_EV_TEXT, v, 0);
    }

    return ngx_litellm_emit_string(st, NGX_LITELLM_EV_REASONING,
                              ngx_litellm_json_member(content, "thinking"), 0);
}


static ngx_int_t
ngx_litellm_cohere_on_plan(ngx_litellm_stream_t *st,
    ngx_litellm_cohere_state_t *s, ngx_litellm_json_t *root,
    ngx_litellm_json_t *delta)
{
    return ngx_litellm_emit_string(st, NGX_LITELLM_EV_REASONING,
                              ngx_litellm_cohere_item(delta, "tool_plan",
                                                  sizeof("tool_plan") - 1), 0);
}


static ngx_int_t
ngx_litellm_cohere_on_call(ngx_litellm_stream_t *st,
    ngx_litellm_cohere_state_t *s, ngx_litellm_json_t *root,
    ngx_litellm_json_t *delta)
{
    int64_t               n;
    ngx_int_t             rc;
    ngx_litellm_json_t   *tc, *fn, *id, *name, *v;
    ngx_litellm_event_t   ev;

    tc = ngx_litellm_cohere_item(delta, "tool_calls",
                                 sizeof("tool_calls") - 1);
    fn = ngx_litellm_json_member(tc, "function");
    id = ngx_litellm_json_member(tc, "id");
    name = ngx_litellm_json_member(fn, "name");

    if (!ngx_litellm_json_is(id, STRING)
        || !ngx_litellm_json_is(name, STRING))
    {
        return NGX_OK;
    }

    if (s->calls == NGX_LITELLM_COHERE_CALLS) {
        return ngx_litellm_emit_broken(st, NGX_LITELLM_CALLS_TEXT);
    }

    v = ngx_litellm_json_member(root, "index");

    if (!ngx_litellm_json_is(v, NUMBER)
        || ngx_litellm_json_int(v, &n) != NGX_OK)
    {
        n = -1;
    }

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = NGX_LITELLM_EV_CALL;
    ev.index = s->calls;
    ev.id = ngx_litellm_json_text(id);
    ev.name = ngx_litellm_json_text(name);

    s->index[s->calls++] = n;

    rc = st->emit(st->data, &ev);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_litellm_cohere_on_arguments(st, s, root, delta);
}


static ngx_int_t
ngx_litellm_cohere_on_arguments(ngx_litellm_stream_t *st,
    ngx_litellm_cohere_state_t *s, ngx_litellm_json_t *root,
    ngx_litellm_json_t *delta)
{
    ngx_uint_t           n;
    ngx_litellm_json_t  *v;

    if (s->calls == 0) {
        return NGX_OK;
    }

    v = ngx_litellm_cohere_item(delta, "tool_calls",
                                sizeof("tool_calls") - 1);
    v = ngx_litellm_json_member(ngx_litellm_json_member(v, "function"),
                                "arguments");

    if (!ngx_litellm_json_is(v, STRING) || v->len == 2) {
        return NGX_OK;
    }

    n = ngx_litellm_cohere_slot(s, root);
    s->has[n] = 1;

    return ngx_litellm_emit_string(st, NGX_LITELLM_EV_ARGUMENTS, v, n);
}


/* a call without arguments has an empty object of them */

static ngx_int_t
ngx_litellm_cohere_on_call_end(ngx_litellm_stream_t *st,
    ngx_litellm_cohere_state_t *s, ngx_litellm_json_t *root,
    ngx_litellm_json_t *delta)
{
    ngx_uint_t           n;
    ngx_litellm_event_t  ev;

    if (s->calls == 0) {
        return NGX_OK;
    }

    n = ngx_litellm_cohere_slot(s, root);

    if (s->has[n]) {
        return NGX_OK;
    }

    s->has[n] = 1;

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = NGX_LITELLM_EV_ARGUMENTS;
    ev.index = n;
    ngx_str_set(&ev.text, "{}");

    return st->emit(st->data, &ev);
}


static ngx_int_t
ngx_litellm_cohere_on_citation(ngx_litellm_stream_t *st,
    ngx_litellm_cohere_state_t *s, ngx_litellm_json_t *root,
    ngx_litellm_json_t *delta)
{
    ngx_int_t            rc;
    ngx_str_t            text;
    ngx_litellm_json_t  *citation;

    citation = ngx_litellm_cohere_item(delta, "citations",
                                       sizeof("citations") - 1);

    rc = ngx_litellm_emit_citation(st, citation);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_cohere_annotation(st->pool, citation, &s->note, &text);

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? NGX_OK : NGX_ERROR;
    }

    return ngx_litellm_emit_text(st, NGX_LITELLM_EV_ANNOTATION, &text);
}


static ngx_int_t
ngx_litellm_cohere_on_end(ngx_litellm_stream_t *st,
    ngx_litellm_cohere_state_t *s, ngx_litellm_json_t *root,
    ngx_litellm_json_t *delta)
{
    ngx_int_t             rc;
    ngx_litellm_json_t   *reason;
    ngx_litellm_error_t   e;
    ngx_litellm_event_t   ev;

    reason = ngx_litellm_json_member(delta, "finish_reason");

    ngx_litellm_cohere_usage(ngx_litellm_json_member(delta, "usage"),
                             &s->usage);

    rc = ngx_litellm_emit_usage(st, &s->usage);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = NGX_LITELLM_EV_FINISH;
    ev.finish = ngx_litellm_cohere_finish(reason);

    if (ev.finish == NGX_LITELLM_FINISH_NONE) {

        if (ngx_litellm_cohere_failed(st->call,
                                      ngx_litellm_json_member(delta, "error"),
                                      &e)
            == NGX_ERROR)
        {
            return NGX_ERROR;
        }

        return ngx_litellm_emit_error(st, &e);
    }

    if (ngx_litellm_json_is(reason, STRING)) {
        ev.text = ngx_litellm_json_text(reason);
    }

    if (ev.finish == NGX_LITELLM_FINISH_TOOL_CALLS && s->calls == 0) {
        ev.finish = NGX_LITELLM_FINISH_STOP;
    }

    rc = st->emit(st->data, &ev);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_litellm_emit_text(st, NGX_LITELLM_EV_END, NULL);
}


/* delta.message.NAME, or its only element */

static ngx_litellm_json_t *
ngx_litellm_cohere_item(ngx_litellm_json_t *delta, const char *name,
    size_t len)
{
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_get(ngx_litellm_json_member(delta, "message"), name,
                             len);

    if (ngx_litellm_json_is(v, ARRAY)) {
        return v->count ? v + 1 : NULL;
    }

    return v;
}


/* the call that an event is about: the last one without an index; there is
   one at least */

static ngx_uint_t
ngx_litellm_cohere_slot(ngx_litellm_cohere_state_t *s,
    ngx_litellm_json_t *root)
{
    int64_t              n;
    ngx_uint_t           i;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(root, "index");

    if (ngx_litellm_json_is(v, NUMBER)
        && ngx_litellm_json_int(v, &n) == NGX_OK)
    {
        for (i = s->calls; i > 0; i--) {
            if (s->index[i - 1] == n) {
                return i - 1;
            }
        }
    }

    return s->calls - 1;
}
