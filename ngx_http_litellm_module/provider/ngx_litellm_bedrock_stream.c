
/*
 * A stream of Bedrock's ConverseStream as neutral events.  Called for every
 * message of the event stream: its name is the event's type, its data a JSON
 * document.
 *
 * A delta is parsed into the stream's one document and passed on as a range of
 * it: no memory is taken.  The stream ends with "metadata", which has the
 * usage; one that is cut behind "messageStop" has all of its content.
 * Documents that are not JSON and events that are not known are skipped.
 */

#include "ngx_litellm_bedrock.h"


typedef enum {
    NGX_LITELLM_BEDROCK_BLOCK_OTHER = 0,
    NGX_LITELLM_BEDROCK_BLOCK_CALL,
    NGX_LITELLM_BEDROCK_BLOCK_JSON      /* the tool that stands for an answer */
} ngx_litellm_bedrock_block_e;


typedef struct {
    ngx_litellm_bedrock_block_e   block;
    ngx_uint_t                    calls;        /* so far */
    size_t                        thought;      /* bytes of reasoning */
    int64_t                       reasoning;    /* tokens; -1: not said */
    ngx_litellm_names_t           names;
    ngx_litellm_usage_t           usage;
    unsigned                      arguments:1;  /* the call has had some */
    unsigned                      json:1;
    unsigned                      started:1;
} ngx_litellm_bedrock_state_t;


typedef ngx_int_t (*ngx_litellm_bedrock_event_pt)(ngx_litellm_stream_t *st,
    ngx_litellm_bedrock_state_t *s, ngx_litellm_json_t *root);


static ngx_litellm_bedrock_state_t *ngx_litellm_bedrock_state(
    ngx_litellm_stream_t *st);
static ngx_int_t ngx_litellm_bedrock_on_start(ngx_litellm_stream_t *st,
    ngx_litellm_bedrock_state_t *s, ngx_litellm_json_t *root);
static ngx_int_t ngx_litellm_bedrock_on_block(ngx_litellm_stream_t *st,
    ngx_litellm_bedrock_state_t *s, ngx_litellm_json_t *root);
static ngx_int_t ngx_litellm_bedrock_on_delta(ngx_litellm_stream_t *st,
    ngx_litellm_bedrock_state_t *s, ngx_litellm_json_t *root);
static ngx_int_t ngx_litellm_bedrock_on_input(ngx_litellm_stream_t *st,
    ngx_litellm_bedrock_state_t *s, ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_bedrock_on_thought(ngx_litellm_stream_t *st,
    ngx_litellm_bedrock_state_t *s, ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_bedrock_on_block_stop(ngx_litellm_stream_t *st,
    ngx_litellm_bedrock_state_t *s, ngx_litellm_json_t *root);
static ngx_int_t ngx_litellm_bedrock_on_stop(ngx_litellm_stream_t *st,
    ngx_litellm_bedrock_state_t *s, ngx_litellm_json_t *root);
static ngx_int_t ngx_litellm_bedrock_on_metadata(ngx_litellm_stream_t *st,
    ngx_litellm_bedrock_state_t *s, ngx_litellm_json_t *root);
static ngx_int_t ngx_litellm_bedrock_on_exception(ngx_litellm_stream_t *st,
    ngx_str_t *name, ngx_str_t *data);
static ngx_int_t ngx_litellm_bedrock_emit(ngx_litellm_stream_t *st,
    ngx_litellm_event_e type, ngx_litellm_json_t *v, ngx_uint_t index);


/* the most frequent first */

static const struct {
    ngx_str_t                       name;
    ngx_litellm_bedrock_event_pt    handler;
} ngx_litellm_bedrock_events[] = {
    { ngx_string("contentBlockDelta"), ngx_litellm_bedrock_on_delta },
    { ngx_string("contentBlockStart"), ngx_litellm_bedrock_on_block },
    { ngx_string("contentBlockStop"), ngx_litellm_bedrock_on_block_stop },
    { ngx_string("messageStart"), ngx_litellm_bedrock_on_start },
    { ngx_string("messageStop"), ngx_litellm_bedrock_on_stop },
    { ngx_string("metadata"), ngx_litellm_bedrock_on_metadata }
};


ngx_int_t
ngx_litellm_bedrock_event(ngx_litellm_stream_t *st, ngx_str_t *name,
    ngx_str_t *data)
{
    ngx_int_t                     rc;
    ngx_uint_t                    i, n;
    ngx_litellm_bedrock_state_t  *s;

    s = st->state;

    if (s == NULL) {
        s = ngx_litellm_bedrock_state(st);
        if (s == NULL) {
            return NGX_ERROR;
        }
    }

    if (st->exception) {
        return ngx_litellm_bedrock_on_exception(st, name, data);
    }

    n = sizeof(ngx_litellm_bedrock_events)
        / sizeof(ngx_litellm_bedrock_events[0]);

    for (i = 0; i < n; i++) {
        if (name->len == ngx_litellm_bedrock_events[i].name.len
            && ngx_memcmp(name->data, ngx_litellm_bedrock_events[i].name.data,
                          name->len)
               == 0)
        {
            break;
        }
    }

    if (i == n) {
        return NGX_OK;
    }

    rc = ngx_litellm_json_parse(&st->doc, data->data, data->len);

    if (rc != NGX_OK) {
        return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
    }

    return ngx_litellm_bedrock_events[i].handler(st, s, st->doc.root);
}


static ngx_litellm_bedrock_state_t *
ngx_litellm_bedrock_state(ngx_litellm_stream_t *st)
{
    ngx_litellm_bedrock_state_t  *s;

    s = ngx_pcalloc(st->pool, sizeof(ngx_litellm_bedrock_state_t));
    if (s == NULL) {
        return NULL;
    }

    ngx_litellm_usage_init(&s->usage);

    s->reasoning = -1;

    s->json = ngx_litellm_anthropic_wants_json(st->call) ? 1 : 0;

    if (st->doc.pool == NULL) {
        st->doc.pool = st->pool;
    }

    st->state = s;

    return s;
}


/* Converse gives no id and no model */

static ngx_int_t
ngx_litellm_bedrock_on_start(ngx_litellm_stream_t *st,
    ngx_litellm_bedrock_state_t *s, ngx_litellm_json_t *root)
{
    ngx_litellm_event_t  ev;

    if (s->started) {
        return NGX_OK;
    }

    s->started = 1;

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = NGX_LITELLM_EV_START;

    return st->emit(st->data, &ev);
}


static ngx_int_t
ngx_litellm_bedrock_on_block(ngx_litellm_stream_t *st,
    ngx_litellm_bedrock_state_t *s, ngx_litellm_json_t *root)
{
    ngx_litellm_json_t   *v, *id, *name;
    ngx_litellm_error_t   e;
    ngx_litellm_event_t   ev;

    s->block = NGX_LITELLM_BEDROCK_BLOCK_OTHER;

    v = ngx_litellm_json_member(ngx_litellm_json_member(root, "start"),
                                "toolUse");
    id = ngx_litellm_json_member(v, "toolUseId");
    name = ngx_litellm_json_member(v, "name");

    if (!ngx_litellm_json_is(id, STRING)
        || !ngx_litellm_json_is(name, STRING))
    {
        return NGX_OK;
    }

    s->arguments = 0;

    if (s->json && ngx_litellm_json_eq(name, NGX_LITELLM_ANTHROPIC_JSON_TOOL))
    {
        s->block = NGX_LITELLM_BEDROCK_BLOCK_JSON;
        return NGX_OK;
    }

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));

    if (s->calls == NGX_LITELLM_BEDROCK_CALLS_MAX) {

        if (ngx_litellm_call_broken(st->call, &e,
                                    NGX_LITELLM_BEDROCK_CALLS_TEXT)
            == NGX_ERROR)
        {
            return NGX_ERROR;
        }

        ev.type = NGX_LITELLM_EV_ERROR;
        ev.error = &e;

        return st->emit(st->data, &ev);
    }

    ev.type = NGX_LITELLM_EV_CALL;
    ev.index = s->calls;
    ev.id = ngx_litellm_json_text(id);
    ev.name = ngx_litellm_json_text(name);

    if (ngx_litellm_names_restore(st->call, &s->names, &ev.name) != NGX_OK) {
        return NGX_ERROR;
    }

    s->block = NGX_LITELLM_BEDROCK_BLOCK_CALL;
    s->calls++;

    return st->emit(st->data, &ev);
}


static ngx_int_t
ngx_litellm_bedrock_on_delta(ngx_litellm_stream_t *st,
    ngx_litellm_bedrock_state_t *s, ngx_litellm_json_t *root)
{
    ngx_litellm_json_t   *delta, *v;
    ngx_litellm_event_t   ev;

    delta = ngx_litellm_json_member(root, "delta");

    v = ngx_litellm_json_member(delta, "text");

    if (v) {
        return ngx_litellm_bedrock_emit(st, NGX_LITELLM_EV_TEXT, v, 0);
    }

    v = ngx_litellm_json_member(delta, "toolUse");

    if (v) {
        return ngx_litellm_bedrock_on_input(st, s,
                                        ngx_litellm_json_member(v, "input"));
    }

    v = ngx_litellm_json_member(delta, "reasoningContent");

    if (v) {
        return ngx_litellm_bedrock_on_thought(st, s, v);
    }

    v = ngx_litellm_json_member(delta, "citation");

    if (ngx_litellm_json_is(v, OBJECT)) {
        ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
        ev.type = NGX_LITELLM_EV_ANNOTATION;
        ev.index = 1;
        ev.text.data = v->start;
        ev.text.len = v->len;

        return st->emit(st->data, &ev);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_bedrock_on_input(ngx_litellm_stream_t *st,
    ngx_litellm_bedrock_state_t *s, ngx_litellm_json_t *v)
{
    if (!ngx_litellm_json_is(v, STRING) || v->len == 2) {
        return NGX_OK;
    }

    switch (s->block) {

    case NGX_LITELLM_BEDROCK_BLOCK_JSON:
        s->arguments = 1;
        return ngx_litellm_bedrock_emit(st, NGX_LITELLM_EV_TEXT, v, 0);

    case NGX_LITELLM_BEDROCK_BLOCK_CALL:
        s->arguments = 1;
        return ngx_litellm_bedrock_emit(st, NGX_LITELLM_EV_ARGUMENTS, v,
                                        s->calls - 1);

    default:
        return NGX_OK;
    }
}


static ngx_int_t
ngx_litellm_bedrock_on_thought(ngx_litellm_stream_t *st,
    ngx_litellm_bedrock_state_t *s, ngx_litellm_json_t *v)
{
    ngx_int_t            rc;
    ngx_litellm_json_t  *m;

    m = ngx_litellm_json_member(v, "text");

    if (m) {
        s->thought += m->len;

        rc = ngx_litellm_bedrock_emit(st, NGX_LITELLM_EV_REASONING, m, 1);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    m = ngx_litellm_json_member(v, "signature");

    if (m) {
        rc = ngx_litellm_bedrock_emit(st, NGX_LITELLM_EV_SIGNATURE, m, 0);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_litellm_bedrock_emit(st, NGX_LITELLM_EV_REDACTED,
                                    ngx_litellm_json_member(v,
                                                      "redactedContent"), 0);
}


/* a call without pieces of arguments still has some: none */

static ngx_int_t
ngx_litellm_bedrock_on_block_stop(ngx_litellm_stream_t *st,
    ngx_litellm_bedrock_state_t *s, ngx_litellm_json_t *root)
{
    ngx_litellm_event_t           ev;
    ngx_litellm_bedrock_block_e   block;

    block = s->block;
    s->block = NGX_LITELLM_BEDROCK_BLOCK_OTHER;

    if (block == NGX_LITELLM_BEDROCK_BLOCK_OTHER || s->arguments) {
        return NGX_OK;
    }

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ngx_str_set(&ev.text, "{}");

    if (block == NGX_LITELLM_BEDROCK_BLOCK_JSON) {
        ev.type = NGX_LITELLM_EV_TEXT;

    } else {
        ev.type = NGX_LITELLM_EV_ARGUMENTS;
        ev.index = s->calls - 1;
    }

    return st->emit(st->data, &ev);
}


static ngx_int_t
ngx_litellm_bedrock_on_stop(ngx_litellm_stream_t *st,
    ngx_litellm_bedrock_state_t *s, ngx_litellm_json_t *root)
{
    ngx_litellm_json_t   *reason;
    ngx_litellm_event_t   ev;

    reason = ngx_litellm_json_member(root, "stopReason");

    s->reasoning = ngx_litellm_bedrock_reasoning(
                           ngx_litellm_json_member(root,
                                           "additionalModelResponseFields"));

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = NGX_LITELLM_EV_FINISH;
    ev.finish = ngx_litellm_bedrock_finish(reason);

    if (ngx_litellm_json_is(reason, STRING)) {
        ev.text = ngx_litellm_json_text(reason);
    }

    if (ev.finish == NGX_LITELLM_FINISH_TOOL_CALLS && s->calls == 0) {
        ev.finish = NGX_LITELLM_FINISH_STOP;
    }

    return st->emit(st->data, &ev);
}


static ngx_int_t
ngx_litellm_bedrock_on_metadata(ngx_litellm_stream_t *st,
    ngx_litellm_bedrock_state_t *s, ngx_litellm_json_t *root)
{
    ngx_int_t             rc;
    ngx_litellm_event_t   ev;

    ngx_litellm_bedrock_usage(ngx_litellm_json_member(root, "usage"),
                              s->reasoning, s->thought, &s->usage);

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));

    if (s->usage.known) {
        ev.type = NGX_LITELLM_EV_USAGE;
        ev.usage = &s->usage;

        rc = st->emit(st->data, &ev);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ev.type = NGX_LITELLM_EV_END;
    ev.usage = NULL;

    return st->emit(st->data, &ev);
}


static ngx_int_t
ngx_litellm_bedrock_on_exception(ngx_litellm_stream_t *st, ngx_str_t *name,
    ngx_str_t *data)
{
    ngx_litellm_error_t  e;
    ngx_litellm_event_t  ev;

    ngx_memzero(&e, sizeof(ngx_litellm_error_t));
    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));

    ngx_litellm_bedrock_exception(st->call, name,
                                  data->len ? data : &st->message, &e);

    ev.type = NGX_LITELLM_EV_ERROR;
    ev.error = &e;

    return st->emit(st->data, &ev);
}


/* nothing for a value that is no text, or an empty one */

static ngx_int_t
ngx_litellm_bedrock_emit(ngx_litellm_stream_t *st, ngx_litellm_event_e type,
    ngx_litellm_json_t *v, ngx_uint_t index)
{
    ngx_litellm_event_t  ev;

    if (!ngx_litellm_json_is(v, STRING) || v->len == 2) {
        return NGX_OK;
    }

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = type;
    ev.index = index;
    ev.text = ngx_litellm_json_text(v);

    return st->emit(st->data, &ev);
}
