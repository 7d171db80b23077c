
/*
 * The provider dialects of Ollama's own API: /api/chat, /api/generate (legacy
 * completions) and /api/embed.  This file owns the vtables, the wire and the
 * order of a body's members; messages and tools, parameters, answers and
 * streams have files of their own.
 *
 * Chat always goes to /api/chat, under the prefix "ollama/" too: the server
 * has the model's template, and renders system messages, tools and images with
 * it.  A key is optional: only servers behind a proxy and ollama.com want one.
 */

#include "ngx_litellm_ollama.h"


static ngx_int_t ngx_litellm_ollama_chat_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_ollama_generate_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_ollama_embed_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_ollama_embed_response(ngx_litellm_call_t *call,
    ngx_str_t *body, ngx_litellm_answer_t *answer, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_ollama_open(ngx_litellm_ollama_t *o,
    ngx_litellm_call_t *call, ngx_litellm_wire_t *wire,
    ngx_litellm_error_t *e, const char *path, size_t len);
static void ngx_litellm_ollama_stream(ngx_litellm_ollama_t *o);


#define NGX_LITELLM_OLLAMA_REF  4096     /* texts from this length on are sent
                                            from where they are */


const ngx_litellm_dialect_t  ngx_litellm_ollama_dialect = {
    ngx_string("ollama"),
    ngx_litellm_ollama_chat_request,
    ngx_litellm_ollama_response,
    ngx_litellm_ollama_event,
    NULL,
    NULL,
    ngx_litellm_ollama_error,
    NGX_LITELLM_FRAMES_LINES,
    NULL
};


const ngx_litellm_dialect_t  ngx_litellm_ollama_generate_dialect = {
    ngx_string("ollama_generate"),
    ngx_litellm_ollama_generate_request,
    ngx_litellm_ollama_response,
    ngx_litellm_ollama_event,
    NULL,
    NULL,
    ngx_litellm_ollama_error,
    NGX_LITELLM_FRAMES_LINES,
    NULL
};


const ngx_litellm_dialect_t  ngx_litellm_ollama_embed_dialect = {
    ngx_string("ollama_embed"),
    ngx_litellm_ollama_embed_request,
    ngx_litellm_ollama_embed_response,
    NULL,
    NULL,
    NULL,
    ngx_litellm_ollama_error,
    NGX_LITELLM_FRAMES_LINES,
    NULL
};


const ngx_litellm_dialect_t *
ngx_litellm_ollama_select(ngx_litellm_call_t *call)
{
    switch (call->op) {

    case NGX_LITELLM_OP_CHAT:
        return &ngx_litellm_ollama_dialect;

    case NGX_LITELLM_OP_COMPLETIONS:
        return &ngx_litellm_ollama_generate_dialect;

    case NGX_LITELLM_OP_EMBEDDINGS:
        return &ngx_litellm_ollama_embed_dialect;

    default:
        return NULL;
    }
}


static ngx_int_t
ngx_litellm_ollama_chat_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e)
{
    ngx_int_t             rc;
    ngx_litellm_ollama_t  o;

    rc = ngx_litellm_ollama_open(&o, call, wire, e, "/api/chat",
                                 sizeof("/api/chat") - 1);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_ollama_messages(&o);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_ollama_tools(&o);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_ollama_stream(&o);

    rc = ngx_litellm_ollama_members(&o);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_out_lit(o.out, "}");

    if (o.out->failed) {
        return NGX_ERROR;
    }

    return o.waiting ? NGX_AGAIN : NGX_OK;
}


/* the prompt is the one message that the format made of it */

static ngx_int_t
ngx_litellm_ollama_generate_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e)
{
    ngx_int_t              rc;
    ngx_uint_t             i, j;
    ngx_litellm_part_t    *part;
    ngx_litellm_ollama_t   o;

    rc = ngx_litellm_ollama_open(&o, call, wire, e, "/api/generate",
                                 sizeof("/api/generate") - 1);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_out_lit(o.out, ",\"prompt\":\"");

    for (i = 0; i < o.chat.nmessages; i++) {

        part = o.chat.messages[i].parts;

        for (j = 0; j < o.chat.messages[i].nparts; j++) {
            if (part[j].type == NGX_LITELLM_PART_TEXT) {
                ngx_litellm_out_ref(o.out, part[j].text.data,
                                    part[j].text.len);
            }
        }
    }

    ngx_litellm_out_lit(o.out, "\"");

    ngx_litellm_ollama_stream(&o);

    rc = ngx_litellm_ollama_members(&o);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_out_lit(o.out, "}");

    return o.out->failed ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_litellm_ollama_embed_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e)
{
    ngx_int_t              rc;
    ngx_uint_t             i;
    ngx_litellm_json_t    *v;
    ngx_litellm_ollama_t   o;

    rc = ngx_litellm_ollama_open(&o, call, wire, e, "/api/embed",
                                 sizeof("/api/embed") - 1);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_out_lit(o.out, ",\"input\":[");

    for (i = 0; i < o.chat.ninputs; i++) {

        if (!ngx_litellm_json_is(o.chat.inputs[i], STRING)) {
            return ngx_litellm_call_bad(call, e, "this provider takes texts "
                                        "as 'input', no arrays of tokens");
        }

        if (i) {
            ngx_litellm_out_lit(o.out, ",");
        }

        ngx_litellm_ollama_raw(o.out, o.chat.inputs[i]);
    }

    ngx_litellm_out_lit(o.out, "]");

    v = ngx_litellm_ollama_param(&o, DIMENSIONS);

    if (v) {
        ngx_litellm_out_lit(o.out, ",\"dimensions\":");
        ngx_litellm_ollama_raw(o.out, v);
    }

    rc = ngx_litellm_ollama_members(&o);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_out_lit(o.out, "}");

    return o.out->failed ? NGX_ERROR : NGX_OK;
}


/* the neutral form, the wire's head, and a body begun with the model */

static ngx_int_t
ngx_litellm_ollama_open(ngx_litellm_ollama_t *o, ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e, const char *path,
    size_t len)
{
    ngx_int_t  rc;

    ngx_memzero(o, sizeof(ngx_litellm_ollama_t));

    o->call = call;
    o->wire = wire;
    o->out = &wire->body;
    o->e = e;
    o->generate = (call->op == NGX_LITELLM_OP_COMPLETIONS);

    wire->pass = 0;
    wire->hide_usage = 0;

    /* the client's body lives as long as ours: long texts are not copied */

    if (o->out->ref_min == 0) {
        o->out->ref_min = NGX_LITELLM_OLLAMA_REF;
    }

    rc = call->format->parse(call, &o->doc, &o->chat, e);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_ollama_params(o);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_litellm_wire_path(call, wire, path, len) != NGX_OK
        || ngx_litellm_wire_bearer(call, wire, ngx_litellm_call_key(call))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_litellm_out_lit(o->out, "{\"model\":");
    ngx_litellm_out_json(o->out, &call->provider_model);

    return NGX_OK;
}


/* Ollama streams unless it is told not to */

static void
ngx_litellm_ollama_stream(ngx_litellm_ollama_t *o)
{
    if (o->call->stream) {
        ngx_litellm_out_lit(o->out, ",\"stream\":true");

    } else {
        ngx_litellm_out_lit(o->out, ",\"stream\":false");
    }
}


/* {"embeddings":[[...],...],"prompt_eval_count":n} */

static ngx_int_t
ngx_litellm_ollama_embed_response(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_answer_t *answer, ngx_litellm_error_t *e)
{
    ngx_int_t                rc;
    ngx_str_t               *s;
    ngx_uint_t               i;
    ngx_litellm_json_t      *list, *v;
    ngx_litellm_json_doc_t   doc;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = call->pool;
    doc.keep = 3;

    rc = ngx_litellm_json_parse(&doc, body->data, body->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    list = (rc == NGX_OK) ? ngx_litellm_json_member(doc.root, "embeddings")
                          : NULL;

    if (!ngx_litellm_json_is(list, ARRAY) || list->count == 0) {

        if (rc == NGX_OK && ngx_litellm_json_member(doc.root, "error")) {
            ngx_litellm_ollama_error(call, 200, body, e);
            return NGX_DECLINED;
        }

        return ngx_litellm_call_broken(call, e, "the provider's answer has no "
                                       "embeddings");
    }

    if (ngx_array_init(&answer->vectors, call->pool, list->count,
                       sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    v = list + 1;

    for (i = 0; i < list->count; i++) {

        if (v->type != NGX_LITELLM_JSON_ARRAY) {
            return ngx_litellm_call_broken(call, e, "an embedding of the "
                                           "provider's answer is no array");
        }

        s = ngx_array_push(&answer->vectors);
        if (s == NULL) {
            return NGX_ERROR;
        }

        s->data = v->start;
        s->len = v->len;

        v = ngx_litellm_json_next(v);
    }

    v = ngx_litellm_json_member(doc.root, "model");

    if (ngx_litellm_json_is(v, STRING)) {
        answer->model = ngx_litellm_json_text(v);
    }

    answer->usage.prompt = ngx_litellm_call_tokens(doc.root,
                                                   "prompt_eval_count", -1);

    if (answer->usage.prompt >= 0) {
        answer->usage.known = 1;
        answer->usage.completion = 0;
        answer->usage.total = answer->usage.prompt;
    }

    return NGX_OK;
}
