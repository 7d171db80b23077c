
/*
 * Embeddings by Cohere's API, version 2 (POST /v2/embed).  Texts, or images
 * where every input is a data: URL of one.  The API has base64 of its own: a
 * client that asks for it gets the provider's.
 *
 * input_type, which the newer models need, is the client's (input_type beside
 * OpenAI's members), else what LiteLLM's users are used to.
 */

#include "ngx_litellm_cohere.h"


static ngx_int_t ngx_litellm_cohere_embed_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e);
static ngx_uint_t ngx_litellm_cohere_embed_images(ngx_litellm_chat_t *chat);
static void ngx_litellm_cohere_embed_extra(ngx_litellm_cohere_t *c,
    ngx_uint_t images);
static ngx_int_t ngx_litellm_cohere_embed_response(ngx_litellm_call_t *call,
    ngx_str_t *body, ngx_litellm_answer_t *answer, ngx_litellm_error_t *e);


const ngx_litellm_dialect_t  ngx_litellm_cohere_embed_dialect = {
    ngx_string("cohere_embed"),
    ngx_litellm_cohere_embed_request,
    ngx_litellm_cohere_embed_response,
    NULL,
    NULL,
    NULL,
    ngx_litellm_cohere_error,
    NGX_LITELLM_FRAMES_SSE,
    NULL
};


static ngx_int_t
ngx_litellm_cohere_embed_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e)
{
    ngx_int_t              rc;
    ngx_uint_t             i, images;
    ngx_litellm_json_t    *v;
    ngx_litellm_cohere_t  *c;

    c = ngx_pcalloc(call->pool, sizeof(ngx_litellm_cohere_t));
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->call = call;
    c->out = &wire->body;
    c->e = e;

    wire->pass = 0;

    if (c->out->ref_min == 0) {
        c->out->ref_min = NGX_LITELLM_COHERE_REF;
    }

    rc = ngx_litellm_embed_parse(call, &c->doc, &c->chat,
                                 ngx_litellm_param_bit(DIMENSIONS),
                                 &c->present, e);
    if (rc != NGX_OK) {
        return rc;
    }

    images = ngx_litellm_cohere_embed_images(&c->chat);

    ngx_litellm_out_lit(c->out, "{\"model\":");
    ngx_litellm_out_json(c->out, &call->provider_model);

    if (images) {
        ngx_litellm_out_lit(c->out, ",\"images\":[");

    } else {
        ngx_litellm_out_lit(c->out, ",\"texts\":[");
    }

    for (i = 0; i < c->chat.ninputs; i++) {

        if (i) {
            ngx_litellm_out_lit(c->out, ",");
        }

        ngx_litellm_cohere_raw(c->out, c->chat.inputs[i]);
    }

    ngx_litellm_out_lit(c->out, "]");

    v = ngx_litellm_cohere_param(c, DIMENSIONS);

    if (v) {
        ngx_litellm_out_lit(c->out, ",\"output_dimension\":");
        ngx_litellm_cohere_raw(c->out, v);
    }

    ngx_litellm_cohere_embed_extra(c, images);

    ngx_litellm_out_lit(c->out, "}");

    return ngx_litellm_cohere_wire(call, wire, "embed", sizeof("embed") - 1);
}


static ngx_uint_t
ngx_litellm_cohere_embed_images(ngx_litellm_chat_t *chat)
{
    ngx_str_t   text;
    ngx_uint_t  i;

    for (i = 0; i < chat->ninputs; i++) {
        text = ngx_litellm_json_text(chat->inputs[i]);

        if (text.len < sizeof("data:image/") - 1
            || ngx_memcmp(text.data, "data:image/", sizeof("data:image/") - 1)
               != 0)
        {
            return 0;
        }
    }

    return 1;
}


/* Cohere's own members, and what must be there if the client sends none */

static void
ngx_litellm_cohere_embed_extra(ngx_litellm_cohere_t *c, ngx_uint_t images)
{
    ngx_uint_t             i, type, kinds;
    ngx_litellm_json_t    *v;
    ngx_litellm_member_t  *m;

#define ngx_litellm_cohere_embed_is(s)                                        \
    (m[i].key.len == sizeof(s) - 1                                            \
     && ngx_memcmp(m[i].key.data, s, sizeof(s) - 1) == 0)

    type = 0;
    kinds = 0;

    m = c->chat.extra.elts;

    for (i = 0; i < c->chat.extra.nelts; i++) {

        if (ngx_litellm_cohere_embed_is("texts")
            || ngx_litellm_cohere_embed_is("images")
            || (ngx_litellm_cohere_embed_is("output_dimension")
                && ngx_litellm_cohere_param(c, DIMENSIONS)))
        {
            continue;
        }

        type |= ngx_litellm_cohere_embed_is("input_type");
        kinds |= ngx_litellm_cohere_embed_is("embedding_types");

        ngx_litellm_out_lit(c->out, ",\"");
        ngx_litellm_out_str(c->out, &m[i].key);
        ngx_litellm_out_lit(c->out, "\":");
        ngx_litellm_cohere_raw(c->out, m[i].value);
    }

    if (!type && images) {
        ngx_litellm_out_lit(c->out, ",\"input_type\":\"image\"");

    } else if (!type) {
        ngx_litellm_out_lit(c->out, ",\"input_type\":\"search_document\"");
    }

    if (kinds) {
        return;
    }

    v = ngx_litellm_cohere_param(c, ENCODING_FORMAT);

    if (ngx_litellm_json_is(v, STRING) && ngx_litellm_json_eq(v, "base64")) {
        ngx_litellm_out_lit(c->out, ",\"embedding_types\":[\"base64\"]");

    } else {
        ngx_litellm_out_lit(c->out, ",\"embedding_types\":[\"float\"]");
    }
}


static ngx_int_t
ngx_litellm_cohere_embed_response(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_answer_t *answer, ngx_litellm_error_t *e)
{
    ngx_int_t                rc;
    ngx_uint_t               i;
    ngx_litellm_json_t      *list, *kind, *units;
    ngx_litellm_json_doc_t   doc;

    /* of several kinds that the client asked for it gets one */

    static const ngx_str_t  kinds[] = {
        ngx_string("float"),
        ngx_string("base64"),
        ngx_string("int8"),
        ngx_string("uint8"),
        ngx_string("binary"),
        ngx_string("ubinary")
    };

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    /* {"embeddings":{"float":[[ */

    doc.pool = call->pool;
    doc.keep = 4;

    rc = ngx_litellm_json_parse(&doc, body->data, body->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    list = (rc == NGX_OK) ? ngx_litellm_json_member(doc.root, "embeddings")
                          : NULL;

    if (ngx_litellm_json_is(list, OBJECT)) {

        kind = NULL;

        for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
            kind = ngx_litellm_json_get(list, (char *) kinds[i].data,
                                        kinds[i].len);

            if (ngx_litellm_json_is(kind, ARRAY)) {
                break;
            }
        }

        list = kind;
    }

    rc = ngx_litellm_embed_vectors(call, answer, list);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        return ngx_litellm_call_broken(call, e, "the provider's answer has no "
                                       "embeddings");
    }

    units = ngx_litellm_json_member(ngx_litellm_json_member(doc.root, "meta"),
                                    "billed_units");

    rc = ngx_litellm_embed_complete(call, answer,
                                    ngx_litellm_call_tokens(units,
                                                            "input_tokens",
                                    ngx_litellm_call_tokens(units,
                                                            "image_tokens",
                                                            -1)),
                                    e);

    /* LiteLLM's clients find details of a usage here */

    if (rc == NGX_OK && answer->usage.known) {
        answer->usage.cached = 0;
    }

    return rc;
}
