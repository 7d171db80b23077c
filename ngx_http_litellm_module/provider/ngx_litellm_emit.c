
/*
 * Events of a translated stream, for dialects' event(): what they emit alike,
 * and calls of tools that come as blocks, one after another (Anthropic,
 * Bedrock).
 *
 * Texts are passed on as ranges of the event: no memory is taken for them, nor
 * for anything else once the stream has its state.
 */

#include "ngx_litellm_dialect.h"


void *
ngx_litellm_emit_state(ngx_litellm_stream_t *st, size_t size)
{
    st->state = ngx_pcalloc(st->pool, size);

    if (st->doc.pool == NULL) {
        st->doc.pool = st->pool;
    }

    return st->state;
}


ngx_int_t
ngx_litellm_emit_start(ngx_litellm_stream_t *st, ngx_litellm_json_t *id,
    ngx_litellm_json_t *model)
{
    ngx_litellm_event_t  ev;

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = NGX_LITELLM_EV_START;

    if (ngx_litellm_json_is(id, STRING)) {
        ev.id = ngx_litellm_json_text(id);
    }

    if (ngx_litellm_json_is(model, STRING)) {
        ev.text = ngx_litellm_json_text(model);
    }

    return st->emit(st->data, &ev);
}


ngx_int_t
ngx_litellm_emit_text(ngx_litellm_stream_t *st, ngx_litellm_event_e type,
    ngx_str_t *text)
{
    ngx_litellm_event_t  ev;

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = type;

    if (text) {
        ev.text = *text;
    }

    return st->emit(st->data, &ev);
}


ngx_int_t
ngx_litellm_emit_string(ngx_litellm_stream_t *st, ngx_litellm_event_e type,
    ngx_litellm_json_t *v, ngx_uint_t index)
{
    return ngx_litellm_emit_choice(st, type, v, 0, index);
}


ngx_int_t
ngx_litellm_emit_choice(ngx_litellm_stream_t *st, ngx_litellm_event_e type,
    ngx_litellm_json_t *v, ngx_uint_t choice, ngx_uint_t index)
{
    ngx_litellm_event_t  ev;

    if (!ngx_litellm_json_is(v, STRING) || v->len == 2) {
        return NGX_OK;
    }

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = type;
    ev.choice = choice;
    ev.index = index;
    ev.text = ngx_litellm_json_text(v);

    return st->emit(st->data, &ev);
}


ngx_int_t
ngx_litellm_emit_citation(ngx_litellm_stream_t *st, ngx_litellm_json_t *v)
{
    ngx_litellm_event_t  ev;

    if (!ngx_litellm_json_is(v, OBJECT)) {
        return NGX_OK;
    }

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = NGX_LITELLM_EV_ANNOTATION;
    ev.index = 1;
    ev.text.data = v->start;
    ev.text.len = v->len;

    return st->emit(st->data, &ev);
}


ngx_int_t
ngx_litellm_emit_usage(ngx_litellm_stream_t *st, ngx_litellm_usage_t *usage)
{
    ngx_litellm_event_t  ev;

    if (!usage->known) {
        return NGX_OK;
    }

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = NGX_LITELLM_EV_USAGE;
    ev.usage = usage;

    return st->emit(st->data, &ev);
}


ngx_int_t
ngx_litellm_emit_error(ngx_litellm_stream_t *st, ngx_litellm_error_t *e)
{
    ngx_litellm_event_t  ev;

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = NGX_LITELLM_EV_ERROR;
    ev.error = e;

    return st->emit(st->data, &ev);
}


ngx_int_t
ngx_litellm_emit_broken(ngx_litellm_stream_t *st, const char *text)
{
    ngx_litellm_error_t  e;

    if (ngx_litellm_call_broken(st->call, &e, text) == NGX_ERROR) {
        return NGX_ERROR;
    }

    return ngx_litellm_emit_error(st, &e);
}


ngx_int_t
ngx_litellm_emit_call(ngx_litellm_stream_t *st,
    ngx_litellm_emit_calls_t *calls, ngx_litellm_json_t *id,
    ngx_litellm_json_t *name)
{
    ngx_litellm_event_t  ev;

    calls->block = NGX_LITELLM_BLOCK_OTHER;
    calls->input = 0;

    if (!ngx_litellm_json_is(id, STRING)
        || !ngx_litellm_json_is(name, STRING))
    {
        return NGX_OK;
    }

    if (calls->begun == NGX_LITELLM_BLOCK_CALLS) {
        return ngx_litellm_emit_broken(st, NGX_LITELLM_CALLS_TEXT);
    }

    calls->begun++;

    if (calls->json && ngx_litellm_json_eq(name, NGX_LITELLM_JSON_TOOL)) {
        calls->block = NGX_LITELLM_BLOCK_JSON;
        return NGX_OK;
    }

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = NGX_LITELLM_EV_CALL;
    ev.index = calls->n;
    ev.id = ngx_litellm_json_text(id);
    ev.name = ngx_litellm_json_text(name);

    if (ngx_litellm_names_restore(st->call, &calls->names, &ev.name)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    calls->block = NGX_LITELLM_BLOCK_CALL;
    calls->n++;

    return st->emit(st->data, &ev);
}


ngx_int_t
ngx_litellm_emit_input(ngx_litellm_stream_t *st,
    ngx_litellm_emit_calls_t *calls, ngx_litellm_json_t *v)
{
    if (!ngx_litellm_json_is(v, STRING) || v->len == 2) {
        return NGX_OK;
    }

    switch (calls->block) {

    case NGX_LITELLM_BLOCK_JSON:
        calls->input = 1;
        return ngx_litellm_emit_string(st, NGX_LITELLM_EV_TEXT, v, 0);

    case NGX_LITELLM_BLOCK_CALL:
        calls->input = 1;
        return ngx_litellm_emit_string(st, NGX_LITELLM_EV_ARGUMENTS, v,
                                       calls->n - 1);

    default:
        return NGX_OK;
    }
}


/* a call without pieces of input still has arguments */

ngx_int_t
ngx_litellm_emit_call_end(ngx_litellm_stream_t *st,
    ngx_litellm_emit_calls_t *calls, ngx_str_t *input)
{
    ngx_litellm_block_e  block;
    ngx_litellm_event_t  ev;

    block = calls->block;
    calls->block = NGX_LITELLM_BLOCK_OTHER;

    if (block == NGX_LITELLM_BLOCK_OTHER || calls->input) {
        return NGX_OK;
    }

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.text = *input;

    if (block == NGX_LITELLM_BLOCK_JSON) {
        ev.type = NGX_LITELLM_EV_TEXT;

    } else {
        ev.type = NGX_LITELLM_EV_ARGUMENTS;
        ev.index = calls->n - 1;
    }

    return st->emit(st->data, &ev);
}
