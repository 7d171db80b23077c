
/*
 * Embeddings and rerank of Hugging Face: the feature-extraction task of
 * Inference Providers and of endpoints of one's own (Text Embeddings
 * Inference), and the latter's /rerank.
 *
 * Feature extraction answers with one vector for each text, with one for each
 * token of each text where a model has no pooling (then the first token's
 * stands for the text, as in LiteLLM), or with a bare vector.
 */

#include "ngx_litellm_provider.h"
#include "ngx_litellm_format.h"
#include "ngx_litellm_openai_dialect.h"


/* texts from this length on are sent from where they are */
#define NGX_LITELLM_HF_EMBED_REF    4096

/* lists around a vector */
#define NGX_LITELLM_HF_EMBED_DEPTH  3


static ngx_int_t ngx_litellm_hf_embed_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e);
static ngx_uint_t ngx_litellm_hf_is_router(ngx_litellm_call_t *call);
static ngx_int_t ngx_litellm_hf_embed_path(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire);
static ngx_int_t ngx_litellm_hf_embed_response(ngx_litellm_call_t *call,
    ngx_str_t *body, ngx_litellm_answer_t *answer, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_hf_embed_first(ngx_litellm_json_doc_t *doc,
    ngx_litellm_json_t *vector);
static ngx_int_t ngx_litellm_hf_rerank_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_hf_rerank_texts(ngx_litellm_call_t *call,
    ngx_litellm_out_t *out, ngx_litellm_chat_t *chat, ngx_litellm_error_t *e);
static void ngx_litellm_hf_rerank_extra(ngx_litellm_out_t *out,
    ngx_litellm_chat_t *chat);
static ngx_int_t ngx_litellm_hf_rerank_response(ngx_litellm_call_t *call,
    ngx_str_t *body, ngx_litellm_answer_t *answer, ngx_litellm_error_t *e);


const ngx_litellm_dialect_t  ngx_litellm_huggingface_embed_dialect = {
    ngx_string("huggingface_embed"),
    ngx_litellm_hf_embed_request,
    ngx_litellm_hf_embed_response,
    NULL,
    NULL,
    NULL,
    ngx_litellm_error_openai,
    NGX_LITELLM_FRAMES_SSE,
    NULL
};


const ngx_litellm_dialect_t  ngx_litellm_huggingface_rerank_dialect = {
    ngx_string("huggingface_rerank"),
    ngx_litellm_hf_rerank_request,
    ngx_litellm_hf_rerank_response,
    NULL,
    NULL,
    NULL,
    ngx_litellm_error_openai,
    NGX_LITELLM_FRAMES_SSE,
    NULL
};


const ngx_litellm_dialect_t *
ngx_litellm_huggingface_select(ngx_litellm_call_t *call)
{
    switch (call->op) {

    case NGX_LITELLM_OP_EMBEDDINGS:
        return &ngx_litellm_huggingface_embed_dialect;

    case NGX_LITELLM_OP_RERANK:
        return &ngx_litellm_huggingface_rerank_dialect;

    default:
        return call->deployment->provider->dialect;
    }
}


static ngx_int_t
ngx_litellm_hf_embed_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e)
{
    uint64_t                 present;
    ngx_int_t                rc;
    ngx_uint_t               i;
    ngx_litellm_chat_t       chat;
    ngx_litellm_out_t       *out;
    ngx_litellm_member_t    *m;
    ngx_litellm_json_doc_t   doc;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    out = &wire->body;
    wire->pass = 0;

    if (out->ref_min == 0) {
        out->ref_min = NGX_LITELLM_HF_EMBED_REF;
    }

    rc = ngx_litellm_embed_parse(call, &doc, &chat, 0, &present, e);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_out_lit(out, "{\"inputs\":[");

    for (i = 0; i < chat.ninputs; i++) {

        if (i) {
            ngx_litellm_out_lit(out, ",");
        }

        ngx_litellm_out_ref(out, chat.inputs[i]->start, chat.inputs[i]->len);
    }

    ngx_litellm_out_lit(out, "]");

    /* normalize, truncate, prompt_name ...: the task's own members */

    m = chat.extra.elts;

    for (i = 0; i < chat.extra.nelts; i++) {

        if (m[i].key.len == sizeof("inputs") - 1
            && ngx_memcmp(m[i].key.data, "inputs", m[i].key.len) == 0)
        {
            continue;
        }

        ngx_litellm_out_lit(out, ",\"");
        ngx_litellm_out_str(out, &m[i].key);
        ngx_litellm_out_lit(out, "\":");
        ngx_litellm_out_ref(out, m[i].value->start, m[i].value->len);
    }

    if (present & ngx_litellm_param_bit(DIMENSIONS)) {
        ngx_litellm_out_lit(out, ",\"dimensions\":");
        ngx_litellm_out_ref(out, chat.param[NGX_LITELLM_P_DIMENSIONS]->start,
                            chat.param[NGX_LITELLM_P_DIMENSIONS]->len);
    }

    ngx_litellm_out_lit(out, "}");

    if (ngx_litellm_hf_embed_path(call, wire) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_litellm_wire_bearer(call, wire, ngx_litellm_call_key(call));
}


/* an address of Inference Providers that names no task of its own */

static ngx_uint_t
ngx_litellm_hf_is_router(ngx_litellm_call_t *call)
{
    ngx_litellm_url_t  *url;

    url = &call->deployment->url;

    if (url->host.len != sizeof("router.huggingface.co") - 1
        || ngx_memcmp(url->host.data, "router.huggingface.co", url->host.len)
           != 0)
    {
        return 0;
    }

    return url->path.len == 0
           || (url->path.len == sizeof("/v1") - 1
               && ngx_memcmp(url->path.data, "/v1", url->path.len) == 0)
           || (url->path.len == sizeof("/v1/chat/completions") - 1
               && ngx_memcmp(url->path.data, "/v1/chat/completions",
                             url->path.len)
                  == 0);
}


/* an endpoint of one's own is called where its api_base says */

static ngx_int_t
ngx_litellm_hf_embed_path(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire)
{
    u_char     *p;
    size_t      len;
    uintptr_t   escape;
    ngx_str_t  *model, below;

    static const char  head[] = "/hf-inference/models/";
    static const char  tail[] = "/pipeline/feature-extraction";

    if (!ngx_litellm_hf_is_router(call)) {

        ngx_str_null(&below);

        if (call->deployment->url.path.len == 0) {
            ngx_str_set(&below, "/");
        }

        return ngx_litellm_openai_below(call, wire, &below);
    }

    model = &call->provider_model;

    /* "hf-inference/ORG/NAME" says what is the case anyhow */

    below = *model;

    if (below.len > sizeof("hf-inference/") - 1
        && ngx_memcmp(below.data, "hf-inference/", sizeof("hf-inference/") - 1)
           == 0)
    {
        below.data += sizeof("hf-inference/") - 1;
        below.len -= sizeof("hf-inference/") - 1;
    }

    escape = 2 * ngx_escape_uri(NULL, below.data, below.len, NGX_ESCAPE_URI);
    len = sizeof(head) - 1 + below.len + escape + sizeof(tail) - 1;

    p = ngx_pnalloc(call->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    wire->path.data = p;
    wire->path.len = len;

    p = ngx_cpymem(p, head, sizeof(head) - 1);

    if (escape) {
        p = (u_char *) ngx_escape_uri(p, below.data, below.len,
                                      NGX_ESCAPE_URI);
    } else {
        p = ngx_cpymem(p, below.data, below.len);
    }

    ngx_memcpy(p, tail, sizeof(tail) - 1);

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_hf_embed_response(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_answer_t *answer, ngx_litellm_error_t *e)
{
    ngx_int_t                rc;
    ngx_uint_t               i, n;
    ngx_litellm_json_t      *list, *v, vector;
    ngx_litellm_json_doc_t   doc, inner;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    ngx_memzero(&inner, sizeof(ngx_litellm_json_doc_t));

    for (i = 0; i < body->len && body->data[i] <= ' '; i++) { /* void */ }

    /* {"embeddings":[[ or [[ */

    doc.pool = call->pool;
    doc.keep = (i < body->len && body->data[i] == '{') ? 3 : 2;

    inner.pool = call->pool;
    inner.keep = 2;

    rc = ngx_litellm_json_parse(&doc, body->data, body->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    list = (rc == NGX_OK) ? doc.root : NULL;

    if (ngx_litellm_json_is(list, OBJECT)) {
        list = ngx_litellm_json_member(list, "embeddings");
    }

    if (!ngx_litellm_json_is(list, ARRAY) || list->count == 0) {
        goto broken;
    }

    n = list->count;
    v = list + 1;

    if (v->type == NGX_LITELLM_JSON_NUMBER) {
        n = 1;
        v = list;
    }

    for (i = 0; i < n; i++, v = ngx_litellm_json_next(v)) {

        vector = *v;

        rc = ngx_litellm_hf_embed_first(&inner, &vector);

        if (rc == NGX_OK) {
            rc = (vector.type == NGX_LITELLM_JSON_ARRAY)
                 ? ngx_litellm_embed_vector(call, answer, &vector)
                 : NGX_DECLINED;
        }

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED) {
            goto broken;
        }
    }

    return ngx_litellm_embed_complete(call, answer, -1, e);

broken:

    return ngx_litellm_call_broken(call, e, "the provider's answer has no "
                                   "embeddings");
}


/* of a list of lists the first one, so deep as it may be */

static ngx_int_t
ngx_litellm_hf_embed_first(ngx_litellm_json_doc_t *doc,
    ngx_litellm_json_t *vector)
{
    u_char      *p;
    ngx_uint_t   depth;

    for (depth = 0; depth < NGX_LITELLM_HF_EMBED_DEPTH; depth++) {

        if (vector->type != NGX_LITELLM_JSON_ARRAY || vector->count == 0) {
            break;
        }

        for (p = vector->start + 1; *p <= ' '; p++) { /* void */ }

        if (*p != '[') {
            break;
        }

        if (ngx_litellm_json_parse(doc, vector->start, vector->len)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        *vector = doc->root[1];
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_hf_rerank_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e)
{
    uint64_t                 present;
    ngx_int_t                rc;
    ngx_litellm_chat_t       chat;
    ngx_litellm_json_doc_t   doc;

    static ngx_str_t  below = ngx_string("/rerank");

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    wire->pass = 0;

    if (wire->body.ref_min == 0) {
        wire->body.ref_min = NGX_LITELLM_HF_EMBED_REF;
    }

    if (ngx_litellm_hf_is_router(call)) {
        return ngx_litellm_call_bad(call, e, "rerank needs the api_base of a "
                                    "Text Embeddings Inference server");
    }

    rc = call->format->parse(call, &doc, &chat, e);
    if (rc != NGX_OK) {
        return rc;
    }

    present = call->present;

    rc = ngx_litellm_params_check(call, &present, 0, e);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_out_lit(&wire->body, "{\"query\":");
    ngx_litellm_out_ref(&wire->body, chat.query->start, chat.query->len);

    rc = ngx_litellm_hf_rerank_texts(call, &wire->body, &chat, e);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_hf_rerank_extra(&wire->body, &chat);
    ngx_litellm_out_lit(&wire->body, "}");

    if (ngx_litellm_openai_below(call, wire, &below) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_litellm_wire_bearer(call, wire, ngx_litellm_call_key(call));
}


/* the texts of the documents: the server knows no objects */

static ngx_int_t
ngx_litellm_hf_rerank_texts(ngx_litellm_call_t *call, ngx_litellm_out_t *out,
    ngx_litellm_chat_t *chat, ngx_litellm_error_t *e)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *v;

    ngx_litellm_out_lit(out, ",\"texts\":[");

    for (i = 0; i < chat->ndocuments; i++) {

        v = chat->documents[i];

        if (v->type == NGX_LITELLM_JSON_OBJECT) {
            v = ngx_litellm_json_member(v, "text");
        }

        if (!ngx_litellm_json_is(v, STRING)) {
            return ngx_litellm_call_bad(call, e, "an element of 'documents' "
                                        "must be a string or have a 'text'");
        }

        if (i) {
            ngx_litellm_out_lit(out, ",");
        }

        ngx_litellm_out_ref(out, v->start, v->len);
    }

    ngx_litellm_out_lit(out, "]");

    return NGX_OK;
}


/* what is not done here: top_n and return_documents are */

static void
ngx_litellm_hf_rerank_extra(ngx_litellm_out_t *out, ngx_litellm_chat_t *chat)
{
    ngx_uint_t             i, j;
    ngx_litellm_member_t  *m;

    static const ngx_str_t  ours[] = {
        ngx_string("top_n"),
        ngx_string("return_documents"),
        ngx_string("rank_fields"),
        ngx_string("max_chunks_per_doc"),
        ngx_string("max_tokens_per_doc"),
        ngx_string("texts")
    };

    m = chat->extra.elts;

    for (i = 0; i < chat->extra.nelts; i++) {

        for (j = 0; j < sizeof(ours) / sizeof(ours[0]); j++) {
            if (m[i].key.len == ours[j].len
                && ngx_memcmp(m[i].key.data, ours[j].data, ours[j].len) == 0)
            {
                break;
            }
        }

        if (j < sizeof(ours) / sizeof(ours[0])) {
            continue;
        }

        ngx_litellm_out_lit(out, ",\"");
        ngx_litellm_out_str(out, &m[i].key);
        ngx_litellm_out_lit(out, "\":");
        ngx_litellm_out_ref(out, m[i].value->start, m[i].value->len);
    }
}


static ngx_int_t
ngx_litellm_hf_rerank_response(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_answer_t *answer, ngx_litellm_error_t *e)
{
    ngx_int_t                rc;
    ngx_litellm_json_t      *list;
    ngx_litellm_json_doc_t   doc;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = call->pool;

    rc = ngx_litellm_json_parse(&doc, body->data, body->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    list = (rc == NGX_OK) ? doc.root : NULL;

    if (ngx_litellm_json_is(list, OBJECT)) {

        /* servers that answer as Cohere does */

        list = ngx_litellm_json_member(list, "results");
    }

    if (!ngx_litellm_json_is(list, ARRAY)) {
        goto broken;
    }

    rc = ngx_litellm_rerank_read(call, answer, list);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK) {
        return NGX_OK;
    }

broken:

    return ngx_litellm_call_broken(call, e, "the provider's answer is no list "
                                   "of results");
}
