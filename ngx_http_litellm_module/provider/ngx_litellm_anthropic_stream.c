
/*
 * A stream of Anthropic's Messages API as neutral events.  Called for every
 * server-sent event; the JSON's "type" says what it is, the event's name is
 * not needed.
 *
 * A delta is parsed into the stream's one document and passed on as a range of
 * the event: no memory is taken for it.  An event that is not JSON is skipped,
 * one that is not known too (the docs ask for it).  Blocks of tools that the
 * provider runs itself make no events.
 */

#include "ngx_litellm_anthropic.h"


typedef struct {
    ngx_litellm_emit_calls_t    calls;
    ngx_str_t                   input;       /* of a call, if it came with the
                                                block's start */
    size_t                      thought;     /* bytes of thinking */
    ngx_litellm_usage_t         usage;
} ngx_litellm_anthropic_state_t;


typedef struct {
    ngx_str_t     name;
    ngx_int_t   (*handler)(ngx_litellm_stream_t *st,
                           ngx_litellm_anthropic_state_t *s,
                           ngx_litellm_json_t *root, ngx_str_t *data);
} ngx_litellm_anthropic_handler_t;


static ngx_litellm_anthropic_state_t *ngx_litellm_anthropic_state(
    ngx_litellm_stream_t *st);
static ngx_int_t ngx_litellm_anthropic_on_start(ngx_litellm_stream_t *st,
    ngx_litellm_anthropic_state_t *s, ngx_litellm_json_t *root,
    ngx_str_t *data);
static ngx_int_t ngx_litellm_anthropic_on_block(ngx_litellm_stream_t *st,
    ngx_litellm_anthropic_state_t *s, ngx_litellm_json_t *root,
    ngx_str_t *data);
static ngx_int_t ngx_litellm_anthropic_on_call(ngx_litellm_stream_t *st,
    ngx_litellm_anthropic_state_t *s, ngx_litellm_json_t *block);
static ngx_int_t ngx_litellm_anthropic_on_delta(ngx_litellm_stream_t *st,
    ngx_litellm_anthropic_state_t *s, ngx_litellm_json_t *root,
    ngx_str_t *data);
static ngx_int_t ngx_litellm_anthropic_on_stop(ngx_litellm_stream_t *st,
    ngx_litellm_anthropic_state_t *s, ngx_litellm_json_t *root,
    ngx_str_t *data);
static ngx_int_t ngx_litellm_anthropic_on_message(ngx_litellm_stream_t *st,
    ngx_litellm_anthropic_state_t *s, ngx_litellm_json_t *root,
    ngx_str_t *data);
static ngx_int_t ngx_litellm_anthropic_on_end(ngx_litellm_stream_t *st,
    ngx_litellm_anthropic_state_t *s, ngx_litellm_json_t *root,
    ngx_str_t *data);
static ngx_int_t ngx_litellm_anthropic_on_error(ngx_litellm_stream_t *st,
    ngx_litellm_anthropic_state_t *s, ngx_litellm_json_t *root,
    ngx_str_t *data);
static ngx_int_t ngx_litellm_anthropic_emit_usage(ngx_litellm_stream_t *st,
    ngx_litellm_anthropic_state_t *s, ngx_litellm_json_t *v);


/* the most frequent first */

static const ngx_litellm_anthropic_handler_t  ngx_litellm_anthropic_events[] =
{
    { ngx_string("content_block_delta"), ngx_litellm_anthropic_on_delta },
    { ngx_string("ping"), NULL },
    { ngx_string("content_block_start"), ngx_litellm_anthropic_on_block },
    { ngx_string("content_block_stop"), ngx_litellm_anthropic_on_stop },
    { ngx_string("message_start"), ngx_litellm_anthropic_on_start },
    { ngx_string("message_delta"), ngx_litellm_anthropic_on_message },
    { ngx_string("message_stop"), ngx_litellm_anthropic_on_end },
    { ngx_string("error"), ngx_litellm_anthropic_on_error },
    { ngx_null_string, NULL }
};


ngx_int_t
ngx_litellm_anthropic_event(ngx_litellm_stream_t *st, ngx_str_t *name,
    ngx_str_t *data)
{
    ngx_int_t                               rc;
    ngx_litellm_json_t                     *type;
    ngx_litellm_anthropic_state_t          *s;
    const ngx_litellm_anthropic_handler_t  *h;

    s = st->state;

    if (s == NULL) {
        s = ngx_litellm_anthropic_state(st);
        if (s == NULL) {
            return NGX_ERROR;
        }
    }

    rc = ngx_litellm_json_parse(&st->doc, data->data, data->len);

    if (rc != NGX_OK) {
        return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
    }

    type = ngx_litellm_json_member(st->doc.root, "type");

    if (!ngx_litellm_json_is(type, STRING)) {
        return NGX_OK;
    }

    for (h = ngx_litellm_anthropic_events; h->name.len; h++) {
        if (ngx_litellm_json_equal(type, (char *) h->name.data, h->name.len)) {
            return h->handler ? h->handler(st, s, st->doc.root, data)
                              : NGX_OK;
        }
    }

    return NGX_OK;
}


static ngx_litellm_anthropic_state_t *
ngx_litellm_anthropic_state(ngx_litellm_stream_t *st)
{
    ngx_litellm_anthropic_state_t  *s;

    s = ngx_litellm_emit_state(st, sizeof(ngx_litellm_anthropic_state_t));

    if (s) {
        ngx_litellm_usage_init(&s->usage);
        s->calls.json = ngx_litellm_call_wants(st->call,
                                         NGX_LITELLM_P_RESPONSE_FORMAT) ? 1
                                                                        : 0;
    }

    return s;
}


static ngx_int_t
ngx_litellm_anthropic_on_start(ngx_litellm_stream_t *st,
    ngx_litellm_anthropic_state_t *s, ngx_litellm_json_t *root,
    ngx_str_t *data)
{
    ngx_int_t            rc;
    ngx_litellm_json_t  *m;

    m = ngx_litellm_json_member(root, "message");

    rc = ngx_litellm_emit_start(st, ngx_litellm_json_member(m, "id"),
                                ngx_litellm_json_member(m, "model"));
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_litellm_anthropic_emit_usage(st, s,
                                        ngx_litellm_json_member(m, "usage"));
}


static ngx_int_t
ngx_litellm_anthropic_on_block(ngx_litellm_stream_t *st,
    ngx_litellm_anthropic_state_t *s, ngx_litellm_json_t *root,
    ngx_str_t *data)
{
    ngx_int_t            rc;
    ngx_litellm_json_t  *block, *type;

    s->calls.block = NGX_LITELLM_BLOCK_OTHER;

    block = ngx_litellm_json_member(root, "content_block");
    type = ngx_litellm_json_member(block, "type");

    if (!ngx_litellm_json_is(type, STRING)) {
        return NGX_OK;
    }

    if (ngx_litellm_json_eq(type, "text")) {
        return ngx_litellm_emit_string(st, NGX_LITELLM_EV_TEXT,
                                  ngx_litellm_json_member(block, "text"), 0);
    }

    if (ngx_litellm_json_eq(type, "thinking")) {
        rc = ngx_litellm_emit_string(st, NGX_LITELLM_EV_REASONING,
                              ngx_litellm_json_member(block, "thinking"), 1);
        if (rc != NGX_OK) {
            return rc;
        }

        return ngx_litellm_emit_string(st, NGX_LITELLM_EV_SIGNATURE,
                             ngx_litellm_json_member(block, "signature"), 0);
    }

    if (ngx_litellm_json_eq(type, "redacted_thinking")) {
        return ngx_litellm_emit_string(st, NGX_LITELLM_EV_REDACTED,
                                  ngx_litellm_json_member(block, "data"), 0);
    }

    if (ngx_litellm_json_eq(type, "tool_use")) {
        return ngx_litellm_anthropic_on_call(st, s, block);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_anthropic_on_call(ngx_litellm_stream_t *st,
    ngx_litellm_anthropic_state_t *s, ngx_litellm_json_t *block)
{
    ngx_int_t            rc;
    ngx_litellm_json_t  *input;

    rc = ngx_litellm_emit_call(st, &s->calls,
                               ngx_litellm_json_member(block, "id"),
                               ngx_litellm_json_member(block, "name"));

    if (rc != NGX_OK || s->calls.block == NGX_LITELLM_BLOCK_OTHER) {
        return rc;
    }

    ngx_str_set(&s->input, "{}");

    input = ngx_litellm_json_member(block, "input");

    if (!ngx_litellm_json_is(input, OBJECT) || input->count == 0) {
        return NGX_OK;
    }

    return ngx_litellm_call_arguments(st->pool, input, &s->input);
}


static ngx_int_t
ngx_litellm_anthropic_on_delta(ngx_litellm_stream_t *st,
    ngx_litellm_anthropic_state_t *s, ngx_litellm_json_t *root,
    ngx_str_t *data)
{
    ngx_litellm_json_t  *delta, *v;

    delta = ngx_litellm_json_member(root, "delta");

    /* the member's name says as much as the delta's type */

    v = ngx_litellm_json_member(delta, "text");

    if (v) {
        return ngx_litellm_emit_string(st, NGX_LITELLM_EV_TEXT, v, 0);
    }

    v = ngx_litellm_json_member(delta, "partial_json");

    if (v) {
        return ngx_litellm_emit_input(st, &s->calls, v);
    }

    v = ngx_litellm_json_member(delta, "thinking");

    if (v) {
        s->thought += v->len;

        return ngx_litellm_emit_string(st, NGX_LITELLM_EV_REASONING,
                                               v, 1);
    }

    v = ngx_litellm_json_member(delta, "signature");

    if (v) {
        return ngx_litellm_emit_string(st, NGX_LITELLM_EV_SIGNATURE,
                                               v, 0);
    }

    return ngx_litellm_emit_citation(st,
                                ngx_litellm_json_member(delta, "citation"));
}


static ngx_int_t
ngx_litellm_anthropic_on_stop(ngx_litellm_stream_t *st,
    ngx_litellm_anthropic_state_t *s, ngx_litellm_json_t *root,
    ngx_str_t *data)
{
    return ngx_litellm_emit_call_end(st, &s->calls, &s->input);
}


static ngx_int_t
ngx_litellm_anthropic_on_message(ngx_litellm_stream_t *st,
    ngx_litellm_anthropic_state_t *s, ngx_litellm_json_t *root,
    ngx_str_t *data)
{
    ngx_int_t             rc;
    ngx_litellm_json_t   *reason;
    ngx_litellm_event_t   ev;

    reason = ngx_litellm_json_member(ngx_litellm_json_member(root, "delta"),
                                     "stop_reason");

    if (ngx_litellm_json_is(reason, STRING)) {
        ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
        ev.type = NGX_LITELLM_EV_FINISH;
        ev.text = ngx_litellm_json_text(reason);
        ev.finish = ngx_litellm_anthropic_finish(reason);

        if (ev.finish == NGX_LITELLM_FINISH_TOOL_CALLS && s->calls.n == 0) {
            ev.finish = NGX_LITELLM_FINISH_STOP;
        }

        rc = st->emit(st->data, &ev);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_litellm_anthropic_emit_usage(st, s,
                                      ngx_litellm_json_member(root, "usage"));
}


static ngx_int_t
ngx_litellm_anthropic_on_end(ngx_litellm_stream_t *st,
    ngx_litellm_anthropic_state_t *s, ngx_litellm_json_t *root,
    ngx_str_t *data)
{
    return ngx_litellm_emit_text(st, NGX_LITELLM_EV_END, NULL);
}


static ngx_int_t
ngx_litellm_anthropic_on_error(ngx_litellm_stream_t *st,
    ngx_litellm_anthropic_state_t *s, ngx_litellm_json_t *root,
    ngx_str_t *data)
{
    ngx_litellm_json_t   *v;
    ngx_litellm_error_t   e;

    v = ngx_litellm_json_member(ngx_litellm_json_member(root, "error"),
                                "type");

    ngx_litellm_anthropic_error(st->call, ngx_litellm_anthropic_status(v),
                                data, &e);

    return ngx_litellm_emit_error(st, &e);
}


static ngx_int_t
ngx_litellm_anthropic_emit_usage(ngx_litellm_stream_t *st,
    ngx_litellm_anthropic_state_t *s, ngx_litellm_json_t *v)
{
    if (!ngx_litellm_json_is(v, OBJECT)) {
        return NGX_OK;
    }

    ngx_litellm_anthropic_usage(v, s->thought, &s->usage);

    return ngx_litellm_emit_usage(st, &s->usage);
}
