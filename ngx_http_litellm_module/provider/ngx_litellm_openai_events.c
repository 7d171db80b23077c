
/*
 * A stream of OpenAI's chat completions as neutral events, for clients of
 * another dialect.  Called for every server-sent event; the tap sees it first,
 * which knows errors, the end, and the edits of variants.
 *
 * A delta is parsed into the stream's one document and passed on as a range of
 * the event: no memory is taken for it.  Tool calls are numbered anew within
 * their choice: servers that leave the index out, or say 0 for every call, are
 * told by the ids.
 */

#include "ngx_litellm_openai_dialect.h"


#define NGX_LITELLM_EVENTS_CALLS  128       /* of one choice */


typedef struct {
    int32_t                  index[NGX_LITELLM_EVENTS_CALLS];
                                            /* the provider's, by ours */
    uint32_t                 id[NGX_LITELLM_EVENTS_CALLS];
                                            /* a hash of its id; 0: none */
    ngx_uint_t               n;
} ngx_litellm_events_calls_t;


typedef struct {
    ngx_litellm_call_t           call;      /* as chat */
    ngx_litellm_facts_t          facts;
    ngx_litellm_json_doc_t       doc;       /* of the edited event */
    ngx_litellm_events_calls_t  *calls[NGX_LITELLM_CHOICES];
    ngx_uint_t                   made;      /* ids of our own */
    ngx_litellm_usage_t          usage;     /* the last one emitted */
    unsigned                     started:1;
} ngx_litellm_events_t;


static ngx_litellm_events_t *ngx_litellm_events_state(
    ngx_litellm_stream_t *st);
static ngx_int_t ngx_litellm_events_usage(ngx_litellm_stream_t *st,
    ngx_litellm_events_t *s);
static ngx_int_t ngx_litellm_events_choice(ngx_litellm_stream_t *st,
    ngx_litellm_events_t *s, ngx_litellm_json_t *choice);
static ngx_int_t ngx_litellm_events_delta(ngx_litellm_stream_t *st,
    ngx_litellm_events_t *s, ngx_litellm_json_t *delta, ngx_uint_t n);
static ngx_int_t ngx_litellm_events_content(ngx_litellm_stream_t *st,
    ngx_litellm_json_t *v, ngx_uint_t n);
static ngx_int_t ngx_litellm_events_reasoning(ngx_litellm_stream_t *st,
    ngx_litellm_json_t *delta, ngx_uint_t n);
static ngx_int_t ngx_litellm_events_tool_calls(ngx_litellm_stream_t *st,
    ngx_litellm_events_t *s, ngx_litellm_json_t *list, ngx_uint_t n);
static ngx_int_t ngx_litellm_events_call(ngx_litellm_stream_t *st,
    ngx_litellm_events_t *s, ngx_litellm_json_t *v, ngx_litellm_json_t *fn,
    ngx_uint_t n);
static ngx_int_t ngx_litellm_events_find(ngx_litellm_events_calls_t *c,
    ngx_litellm_json_t *index, ngx_litellm_json_t *id,
    ngx_litellm_json_t *name);
static ngx_int_t ngx_litellm_events_arguments(ngx_litellm_stream_t *st,
    ngx_litellm_json_t *v, ngx_uint_t n, ngx_uint_t index);
static ngx_int_t ngx_litellm_events_extras(ngx_litellm_stream_t *st,
    ngx_litellm_json_t *delta, ngx_uint_t n);


ngx_int_t
ngx_litellm_openai_event_data(ngx_litellm_stream_t *st, ngx_str_t *name,
    ngx_str_t *data)
{
    ngx_int_t              rc;
    ngx_str_t              text;
    ngx_uint_t             i;
    ngx_litellm_json_t    *v, *choice;
    ngx_litellm_events_t  *s;

    s = st->state;

    if (s == NULL) {
        s = ngx_litellm_events_state(st);
        if (s == NULL) {
            return NGX_ERROR;
        }
    }

    ngx_str_null(&s->facts.data);

    rc = ngx_litellm_openai_tap_event(&s->call, &st->doc, data, &s->facts);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (s->facts.failed) {
        return ngx_litellm_emit_error(st, &s->facts.error);
    }

    if (rc == NGX_DECLINED) {

        /* nothing to be sent on, but it may have told the usage */

        return ngx_litellm_events_usage(st, s);
    }

    if (s->facts.end) {
        return ngx_litellm_emit_text(st, NGX_LITELLM_EV_END, NULL);
    }

    text = s->facts.data.data ? s->facts.data : *data;

    rc = ngx_litellm_json_parse(&s->doc, text.data, text.len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    if (!s->started) {
        s->started = 1;

        rc = ngx_litellm_emit_start(st,
                                ngx_litellm_json_member(s->doc.root, "id"),
                                ngx_litellm_json_member(s->doc.root, "model"));
        if (rc != NGX_OK) {
            return rc;
        }
    }

    v = ngx_litellm_json_member(s->doc.root, "choices");

    if (ngx_litellm_json_is(v, ARRAY)) {
        choice = v + 1;

        for (i = 0; i < v->count; i++) {
            rc = ngx_litellm_events_choice(st, s, choice);
            if (rc != NGX_OK) {
                return rc;
            }

            choice = ngx_litellm_json_next(choice);
        }
    }

    return ngx_litellm_events_usage(st, s);
}


/* the tap reads it, and may have taken it out of the event */

static ngx_int_t
ngx_litellm_events_usage(ngx_litellm_stream_t *st, ngx_litellm_events_t *s)
{
    if (!s->facts.usage.known
        || ngx_memcmp(&s->usage, &s->facts.usage, sizeof(ngx_litellm_usage_t))
           == 0)
    {
        return NGX_OK;
    }

    s->usage = s->facts.usage;

    return ngx_litellm_emit_usage(st, &s->usage);
}


static ngx_litellm_events_t *
ngx_litellm_events_state(ngx_litellm_stream_t *st)
{
    ngx_litellm_events_t  *s;

    s = ngx_litellm_emit_state(st, sizeof(ngx_litellm_events_t));
    if (s == NULL) {
        return NULL;
    }

    s->call = *st->call;
    s->call.op = NGX_LITELLM_OP_CHAT;
    s->call.include_usage = 0;
    s->doc.pool = st->pool;

    return s;
}


static ngx_int_t
ngx_litellm_events_choice(ngx_litellm_stream_t *st, ngx_litellm_events_t *s,
    ngx_litellm_json_t *choice)
{
    int64_t               n;
    ngx_int_t             rc;
    ngx_litellm_json_t   *v;
    ngx_litellm_event_t   ev;

    n = 0;
    v = ngx_litellm_json_member(choice, "index");

    if (ngx_litellm_json_is(v, NUMBER)
        && (ngx_litellm_json_int(v, &n) != NGX_OK
            || n < 0 || n >= NGX_LITELLM_CHOICES))
    {
        return NGX_OK;
    }

    v = ngx_litellm_json_member(choice, "delta");

    if (!ngx_litellm_json_is(v, OBJECT)) {

        /* some servers end a stream with the whole form */

        v = ngx_litellm_json_member(choice, "message");
    }

    if (ngx_litellm_json_is(v, OBJECT)) {
        rc = ngx_litellm_events_delta(st, s, v, n);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    v = ngx_litellm_json_member(choice, "finish_reason");

    if (!ngx_litellm_json_is(v, STRING) || v->len == 2) {
        return NGX_OK;
    }

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = NGX_LITELLM_EV_FINISH;
    ev.choice = n;
    ev.finish = ngx_litellm_openai_finish(v, s->calls[n] ? s->calls[n]->n : 0);
    ev.text = ngx_litellm_openai_native(v);

    return st->emit(st->data, &ev);
}


static ngx_int_t
ngx_litellm_events_delta(ngx_litellm_stream_t *st, ngx_litellm_events_t *s,
    ngx_litellm_json_t *delta, ngx_uint_t n)
{
    ngx_int_t            rc;
    ngx_litellm_json_t  *v;

    rc = ngx_litellm_events_reasoning(st, delta, n);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_events_content(st,
                                    ngx_litellm_json_member(delta, "content"),
                                    n);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_emit_choice(st, NGX_LITELLM_EV_REFUSAL,
                                 ngx_litellm_json_member(delta, "refusal"),
                                 n, 0);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_litellm_json_member(delta, "tool_calls");

    if (ngx_litellm_json_is(v, ARRAY)) {
        rc = ngx_litellm_events_tool_calls(st, s, v, n);
        if (rc != NGX_OK) {
            return rc;
        }

    } else {
        v = ngx_litellm_json_member(delta, "function_call");

        if (ngx_litellm_json_is(v, OBJECT)) {
            rc = ngx_litellm_events_call(st, s, NULL, v, n);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    return ngx_litellm_events_extras(st, delta, n);
}


static ngx_int_t
ngx_litellm_events_content(ngx_litellm_stream_t *st, ngx_litellm_json_t *v,
    ngx_uint_t n)
{
    ngx_int_t            rc;
    ngx_uint_t           i, j;
    ngx_litellm_json_t  *part, *text, *list;

    if (!ngx_litellm_json_is(v, ARRAY)) {
        return ngx_litellm_emit_choice(st, NGX_LITELLM_EV_TEXT, v, n, 0);
    }

    part = v + 1;

    for (i = 0; i < v->count; i++, part = ngx_litellm_json_next(part)) {

        rc = ngx_litellm_emit_choice(st, NGX_LITELLM_EV_TEXT,
                                     ngx_litellm_json_member(part, "text"),
                                     n, 0);
        if (rc != NGX_OK) {
            return rc;
        }

        list = ngx_litellm_json_member(part, "thinking");

        if (!ngx_litellm_json_is(list, ARRAY)) {
            continue;
        }

        text = list + 1;

        for (j = 0; j < list->count; j++, text = ngx_litellm_json_next(text)) {
            rc = ngx_litellm_emit_choice(st, NGX_LITELLM_EV_REASONING,
                                         ngx_litellm_json_member(text, "text"),
                                         n, 0);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_events_reasoning(ngx_litellm_stream_t *st,
    ngx_litellm_json_t *delta, ngx_uint_t n)
{
    ngx_int_t            rc;
    ngx_uint_t           i;
    ngx_litellm_json_t  *v, *list;

    v = ngx_litellm_json_member(delta, "reasoning_content");

    if (!ngx_litellm_json_is(v, STRING)) {
        v = ngx_litellm_json_member(delta, "reasoning");
    }

    list = ngx_litellm_json_member(delta, "thinking_blocks");

    if (!ngx_litellm_json_is(list, ARRAY)) {
        list = ngx_litellm_json_member(delta, "reasoning_details");
    }

    if (!ngx_litellm_json_is(list, ARRAY)) {
        return ngx_litellm_emit_choice(st, NGX_LITELLM_EV_REASONING, v, n, 0);
    }

    /* the texts of the list are the reasoning itself */

    rc = ngx_litellm_emit_choice(st, NGX_LITELLM_EV_REASONING, v, n, 1);
    if (rc != NGX_OK) {
        return rc;
    }

    v = list + 1;

    for (i = 0; i < list->count; i++, v = ngx_litellm_json_next(v)) {

        rc = ngx_litellm_emit_choice(st, NGX_LITELLM_EV_SIGNATURE,
                                     ngx_litellm_json_member(v, "signature"),
                                     n, 0);
        if (rc != NGX_OK) {
            return rc;
        }

        rc = ngx_litellm_emit_choice(st, NGX_LITELLM_EV_REDACTED,
                                     ngx_litellm_json_member(v, "data"), n,
                                     0);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_events_tool_calls(ngx_litellm_stream_t *st,
    ngx_litellm_events_t *s, ngx_litellm_json_t *list, ngx_uint_t n)
{
    ngx_int_t            rc;
    ngx_uint_t           i;
    ngx_litellm_json_t  *v, *fn;

    v = list + 1;

    for (i = 0; i < list->count; i++, v = ngx_litellm_json_next(v)) {
        fn = ngx_litellm_json_member(v, "function");

        if (!ngx_litellm_json_is(fn, OBJECT)) {
            continue;
        }

        rc = ngx_litellm_events_call(st, s, v, fn, n);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* v: the piece of a call; NULL for a legacy function_call */

static ngx_int_t
ngx_litellm_events_call(ngx_litellm_stream_t *st, ngx_litellm_events_t *s,
    ngx_litellm_json_t *v, ngx_litellm_json_t *fn, ngx_uint_t n)
{
    int64_t                      number;
    ngx_int_t                    i, rc;
    ngx_litellm_json_t          *index, *id, *name;
    ngx_litellm_event_t          ev;
    ngx_litellm_events_calls_t  *c;

    c = s->calls[n];

    if (c == NULL) {
        c = ngx_pcalloc(st->pool, sizeof(ngx_litellm_events_calls_t));
        if (c == NULL) {
            return NGX_ERROR;
        }

        s->calls[n] = c;
    }

    index = ngx_litellm_json_member(v, "index");
    id = ngx_litellm_json_member(v, "id");
    name = ngx_litellm_json_member(fn, "name");

    i = ngx_litellm_events_find(c, index, id, name);

    if (i == NGX_DECLINED) {

        if (c->n == NGX_LITELLM_EVENTS_CALLS) {
            return NGX_OK;
        }

        i = c->n++;

        c->index[i] = -1;

        if (ngx_litellm_json_is(index, NUMBER)
            && ngx_litellm_json_int(index, &number) == NGX_OK
            && number >= 0 && number <= NGX_MAX_INT32_VALUE)
        {
            c->index[i] = (int32_t) number;
        }

        ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
        ev.type = NGX_LITELLM_EV_CALL;
        ev.choice = n;
        ev.index = i;

        if (ngx_litellm_json_is(id, STRING) && id->len > 2) {
            ev.id = ngx_litellm_json_text(id);
            c->id[i] = ngx_crc32_short(ev.id.data, ev.id.len) | 1;

        } else if (ngx_litellm_call_tool_id(st->call, s->made++, &ev.id)
                   != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (ngx_litellm_json_is(name, STRING)) {
            ev.name = ngx_litellm_json_text(name);
        }

        rc = st->emit(st->data, &ev);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_litellm_events_arguments(st, ngx_litellm_json_member(fn,
                                                                "arguments"),
                                        n, i);
}


/*
 * Our index of the call that a piece belongs to; NGX_DECLINED: a new one.  An
 * id of its own with a name begins one whatever the index says.
 */

static ngx_int_t
ngx_litellm_events_find(ngx_litellm_events_calls_t *c,
    ngx_litellm_json_t *index, ngx_litellm_json_t *id,
    ngx_litellm_json_t *name)
{
    int64_t     number;
    uint32_t    hash;
    ngx_int_t   i;
    ngx_str_t   text;
    ngx_uint_t  named;

    hash = 0;
    named = ngx_litellm_json_is(name, STRING) && name->len > 2;

    if (ngx_litellm_json_is(id, STRING) && id->len > 2) {
        text = ngx_litellm_json_text(id);
        hash = ngx_crc32_short(text.data, text.len) | 1;
    }

    if (!ngx_litellm_json_is(index, NUMBER)
        || ngx_litellm_json_int(index, &number) != NGX_OK)
    {
        number = -1;
    }

    /* the newest first: pieces come in order */

    for (i = (ngx_int_t) c->n - 1; i >= 0; i--) {

        if (hash && c->id[i] == hash) {
            return i;
        }

        if (number >= 0 && c->index[i] == number
            && !(hash && c->id[i] && named))
        {
            return i;
        }
    }

    if (c->n && number < 0 && hash == 0 && !named) {
        return (ngx_int_t) c->n - 1;
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_litellm_events_arguments(ngx_litellm_stream_t *st, ngx_litellm_json_t *v,
    ngx_uint_t n, ngx_uint_t index)
{
    ngx_litellm_event_t  ev;

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = NGX_LITELLM_EV_ARGUMENTS;
    ev.choice = n;
    ev.index = index;

    if (ngx_litellm_json_is(v, STRING) && v->len > 2) {
        ev.text = ngx_litellm_json_text(v);

    } else if (ngx_litellm_json_is(v, OBJECT)) {

        /* not OpenAI's form, and then always whole */

        if (ngx_litellm_call_arguments(st->pool, v, &ev.text) != NGX_OK) {
            return NGX_ERROR;
        }

    } else {
        return NGX_OK;
    }

    return st->emit(st->data, &ev);
}


static ngx_int_t
ngx_litellm_events_extras(ngx_litellm_stream_t *st, ngx_litellm_json_t *delta,
    ngx_uint_t n)
{
    ngx_int_t             rc;
    ngx_uint_t            i;
    ngx_litellm_json_t   *list, *v;
    ngx_litellm_event_t   ev;

    list = ngx_litellm_json_member(delta, "annotations");

    if (ngx_litellm_json_is(list, ARRAY)) {
        v = list + 1;

        for (i = 0; i < list->count; i++, v = ngx_litellm_json_next(v)) {

            if (v->type != NGX_LITELLM_JSON_OBJECT) {
                continue;
            }

            ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
            ev.type = NGX_LITELLM_EV_ANNOTATION;
            ev.choice = n;
            ev.text.data = v->start;
            ev.text.len = v->len;

            rc = st->emit(st->data, &ev);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    list = ngx_litellm_json_member(delta, "images");

    if (!ngx_litellm_json_is(list, ARRAY)) {
        return NGX_OK;
    }

    v = list + 1;

    for (i = 0; i < list->count; i++, v = ngx_litellm_json_next(v)) {
        rc = ngx_litellm_emit_choice(st, NGX_LITELLM_EV_IMAGE,
                  ngx_litellm_json_member(ngx_litellm_json_member(v,
                                                                "image_url"),
                                          "url"),
                                     n, 0);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}
