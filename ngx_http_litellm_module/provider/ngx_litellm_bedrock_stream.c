
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


typedef struct {
    ngx_litellm_emit_calls_t    calls;
    size_t                      thought;      /* bytes of reasoning */
    int64_t                     reasoning;    /* tokens; -1: not said */
    ngx_litellm_usage_t         usage;
    unsigned                    started:1;
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

    s = ngx_litellm_emit_state(st, sizeof(ngx_litellm_bedrock_state_t));

    if (s) {
        ngx_litellm_usage_init(&s->usage);
        s->reasoning = -1;
        s->calls.json = ngx_litellm_call_wants(st->call,
                                         NGX_LITELLM_P_RESPONSE_FORMAT) ? 1
                                                                        : 0;
    }

    return s;
}


/* Converse gives no id and no model */

static ngx_int_t
ngx_litellm_bedrock_on_start(ngx_litellm_stream_t *st,
    ngx_litellm_bedrock_state_t *s, ngx_litellm_json_t *root)
{
    if (s->started) {
        return NGX_OK;
    }

    s->started = 1;

    return ngx_litellm_emit_start(st, NULL, NULL);
}


static ngx_int_t
ngx_litellm_bedrock_on_block(ngx_litellm_stream_t *st,
    ngx_litellm_bedrock_state_t *s, ngx_litellm_json_t *root)
{
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(ngx_litellm_json_member(root, "start"),
                                "toolUse");

    return ngx_litellm_emit_call(st, &s->calls,
                                 ngx_litellm_json_member(v, "toolUseId"),
                                 ngx_litellm_json_member(v, "name"));
}


static ngx_int_t
ngx_litellm_bedrock_on_delta(ngx_litellm_stream_t *st,
    ngx_litellm_bedrock_state_t *s, ngx_litellm_json_t *root)
{
    ngx_litellm_json_t  *delta, *v;

    delta = ngx_litellm_json_member(root, "delta");

    v = ngx_litellm_json_member(delta, "text");

    if (v) {
        return ngx_litellm_emit_string(st, NGX_LITELLM_EV_TEXT, v, 0);
    }

    v = ngx_litellm_json_member(delta, "toolUse");

    if (v) {
        return ngx_litellm_emit_input(st, &s->calls,
                                      ngx_litellm_json_member(v, "input"));
    }

    v = ngx_litellm_json_member(delta, "reasoningContent");

    if (v) {
        return ngx_litellm_bedrock_on_thought(st, s, v);
    }

    return ngx_litellm_emit_citation(st,
                                ngx_litellm_json_member(delta, "citation"));
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

        rc = ngx_litellm_emit_string(st, NGX_LITELLM_EV_REASONING, m, 1);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    m = ngx_litellm_json_member(v, "signature");

    if (m) {
        rc = ngx_litellm_emit_string(st, NGX_LITELLM_EV_SIGNATURE, m, 0);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_litellm_emit_string(st, NGX_LITELLM_EV_REDACTED,
                                    ngx_litellm_json_member(v,
                                                      "redactedContent"), 0);
}


static ngx_int_t
ngx_litellm_bedrock_on_block_stop(ngx_litellm_stream_t *st,
    ngx_litellm_bedrock_state_t *s, ngx_litellm_json_t *root)
{
    ngx_str_t  input;

    ngx_str_set(&input, "{}");

    return ngx_litellm_emit_call_end(st, &s->calls, &input);
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

    if (ev.finish == NGX_LITELLM_FINISH_TOOL_CALLS && s->calls.n == 0) {
        ev.finish = NGX_LITELLM_FINISH_STOP;
    }

    return st->emit(st->data, &ev);
}


static ngx_int_t
ngx_litellm_bedrock_on_metadata(ngx_litellm_stream_t *st,
    ngx_litellm_bedrock_state_t *s, ngx_litellm_json_t *root)
{
    ngx_int_t  rc;

    ngx_litellm_bedrock_usage(ngx_litellm_json_member(root, "usage"),
                              s->reasoning, s->thought, &s->usage);

    rc = ngx_litellm_emit_usage(st, &s->usage);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_litellm_emit_text(st, NGX_LITELLM_EV_END, NULL);
}


static ngx_int_t
ngx_litellm_bedrock_on_exception(ngx_litellm_stream_t *st, ngx_str_t *name,
    ngx_str_t *data)
{
    ngx_litellm_error_t  e;

    ngx_litellm_bedrock_exception(st->call, name,
                                  data->len ? data : &st->message, &e);

    return ngx_litellm_emit_error(st, &e);
}
