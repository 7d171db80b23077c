
/*
 * Rerank in the form that Cohere gave it and others took over: Together AI,
 * Jina, Voyage, Azure AI, vLLM, Infinity, LiteLLM itself.  They differ in the
 * path, in Voyage's names ("top_k", "data"), and in whether documents come
 * back.
 *
 * The request is written anew from the neutral form, with what the client
 * sends beside (rank_fields, max_tokens_per_doc ...) as it came.  Documents
 * that the client wants back and the provider does not give are put in from
 * the request, so that return_documents means the same everywhere.
 */

#include "ngx_litellm_array.h"
#include "ngx_litellm_provider.h"
#include "ngx_litellm_format.h"
#include "ngx_litellm_openai_dialect.h"
#include "ngx_litellm_cohere.h"


/* texts from this length on are sent from where they are */
#define NGX_LITELLM_RERANK_REF  4096


typedef struct {
    ngx_str_t    name;             /* of the row */
    ngx_str_t    path;             /* below api_base */
    unsigned     top_k:1;          /* "top_n" has that name */
    unsigned     no_return:1;      /* no "return_documents" */
} ngx_litellm_rerank_row_t;


static ngx_int_t ngx_litellm_rerank_result(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer, ngx_litellm_json_t *result);
static ngx_int_t ngx_litellm_rerank_complete(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer);
static ngx_int_t ngx_litellm_rerank_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e);
static const ngx_litellm_rerank_row_t *ngx_litellm_rerank_row(
    ngx_litellm_call_t *call);
static ngx_int_t ngx_litellm_rerank_wire(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, const ngx_litellm_rerank_row_t *row);
static void ngx_litellm_rerank_body(ngx_litellm_call_t *call,
    ngx_litellm_out_t *out, ngx_litellm_chat_t *chat,
    const ngx_litellm_rerank_row_t *row);
static ngx_int_t ngx_litellm_rerank_response(ngx_litellm_call_t *call,
    ngx_str_t *body, ngx_litellm_answer_t *answer, ngx_litellm_error_t *e);
static void ngx_litellm_rerank_usage(ngx_litellm_answer_t *answer,
    ngx_litellm_json_t *root);
static ngx_litellm_json_t *ngx_litellm_rerank_option(ngx_litellm_call_t *call,
    const char *name, size_t len);
static ngx_int_t ngx_litellm_rerank_documents(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer);
static void ngx_litellm_rerank_error(ngx_litellm_call_t *call,
    ngx_uint_t status, ngx_str_t *body, ngx_litellm_error_t *e);


const ngx_litellm_dialect_t  ngx_litellm_rerank_dialect = {
    ngx_string("rerank"),
    ngx_litellm_rerank_request,
    ngx_litellm_rerank_response,
    NULL,
    NULL,
    NULL,
    ngx_litellm_rerank_error,
    NGX_LITELLM_FRAMES_SSE,
    NULL
};


/* the last one is for all others */

static const ngx_litellm_rerank_row_t  ngx_litellm_rerank_rows[] = {
    { ngx_string("cohere"), ngx_null_string, 0, 1 },
    { ngx_string("cohere_chat"), ngx_null_string, 0, 1 },
    { ngx_string("voyage"), ngx_string("/rerank"), 1, 0 },
    { ngx_string("azure_ai"), ngx_string("/v1/rerank"), 0, 0 },
    { ngx_null_string, ngx_string("/rerank"), 0, 0 }
};


const ngx_litellm_dialect_t *
ngx_litellm_openai_select(ngx_litellm_call_t *call)
{
    const ngx_litellm_provider_t  *row;

    row = call->deployment->provider;

    switch (call->op) {

    case NGX_LITELLM_OP_RERANK:
        return &ngx_litellm_rerank_dialect;

    case NGX_LITELLM_OP_EMBEDDINGS:
        return (row->quirks & NGX_LITELLM_Q_NO_EMBEDDINGS) ? NULL
                                                           : row->dialect;

    default:
        return (row->quirks & NGX_LITELLM_Q_NO_CHAT) ? NULL : row->dialect;
    }
}


static ngx_int_t
ngx_litellm_rerank_request(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire,
    ngx_litellm_error_t *e)
{
    uint64_t                         present;
    ngx_int_t                        rc;
    ngx_litellm_chat_t               chat;
    ngx_litellm_json_doc_t           doc;
    const ngx_litellm_rerank_row_t  *row;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    wire->pass = 0;

    if (wire->body.ref_min == 0) {
        wire->body.ref_min = NGX_LITELLM_RERANK_REF;
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

    row = ngx_litellm_rerank_row(call);

    ngx_litellm_rerank_body(call, &wire->body, &chat, row);

    return ngx_litellm_rerank_wire(call, wire, row);
}


static const ngx_litellm_rerank_row_t *
ngx_litellm_rerank_row(ngx_litellm_call_t *call)
{
    const ngx_str_t                 *name;
    const ngx_litellm_rerank_row_t  *row;

    name = &call->deployment->provider->name;

    for (row = ngx_litellm_rerank_rows; row->name.len; row++) {
        if (row->name.len == name->len
            && ngx_memcmp(row->name.data, name->data, name->len) == 0)
        {
            break;
        }
    }

    return row;
}


static ngx_int_t
ngx_litellm_rerank_wire(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire,
    const ngx_litellm_rerank_row_t *row)
{
    ngx_str_t  path, *base;

    path = row->path;

    if (path.len == 0) {
        return ngx_litellm_cohere_wire(call, wire, "rerank",
                                       sizeof("rerank") - 1);
    }

    base = &call->deployment->url.path;

    /* an api_base of any version, or the endpoint itself */

    if (path.len > sizeof("/rerank") - 1
        && ((base->len >= 7
             && ngx_memcmp(base->data + base->len - 7, "/rerank", 7) == 0)
            || (base->len >= 3 && base->data[base->len - 3] == '/'
                && base->data[base->len - 2] == 'v')))
    {
        ngx_str_set(&path, "/rerank");
    }

    if (ngx_litellm_openai_below(call, wire, &path) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_litellm_wire_bearer(call, wire, ngx_litellm_call_key(call));
}


static void
ngx_litellm_rerank_body(ngx_litellm_call_t *call, ngx_litellm_out_t *out,
    ngx_litellm_chat_t *chat, const ngx_litellm_rerank_row_t *row)
{
    ngx_uint_t             i;
    ngx_litellm_member_t  *m;

    ngx_litellm_out_lit(out, "{\"model\":");
    ngx_litellm_out_json(out, &call->provider_model);
    ngx_litellm_out_lit(out, ",\"query\":");
    ngx_litellm_out_ref(out, chat->query->start, chat->query->len);
    ngx_litellm_out_lit(out, ",\"documents\":[");

    for (i = 0; i < chat->ndocuments; i++) {

        if (i) {
            ngx_litellm_out_lit(out, ",");
        }

        ngx_litellm_out_ref(out, chat->documents[i]->start,
                            chat->documents[i]->len);
    }

    ngx_litellm_out_lit(out, "]");

    m = chat->extra.elts;

    for (i = 0; i < chat->extra.nelts; i++) {

        if (row->no_return && m[i].key.len == sizeof("return_documents") - 1
            && ngx_memcmp(m[i].key.data, "return_documents", m[i].key.len)
               == 0)
        {
            continue;
        }

        ngx_litellm_out_lit(out, ",\"");

        if (row->top_k && m[i].key.len == sizeof("top_n") - 1
            && ngx_memcmp(m[i].key.data, "top_n", m[i].key.len) == 0)
        {
            ngx_litellm_out_lit(out, "top_k");

        } else {
            ngx_litellm_out_str(out, &m[i].key);
        }

        ngx_litellm_out_lit(out, "\":");
        ngx_litellm_out_ref(out, m[i].value->start, m[i].value->len);
    }

    ngx_litellm_out_lit(out, "}");
}


static ngx_int_t
ngx_litellm_rerank_response(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_answer_t *answer, ngx_litellm_error_t *e)
{
    ngx_int_t                rc;
    ngx_litellm_json_t      *list, *v;
    ngx_litellm_json_doc_t   doc;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = call->pool;

    rc = ngx_litellm_json_parse(&doc, body->data, body->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    list = NULL;

    if (rc == NGX_OK) {
        list = ngx_litellm_json_member(doc.root, "results");

        if (list == NULL) {
            list = ngx_litellm_json_member(doc.root, "data");
        }
    }

    if (!ngx_litellm_json_is(list, ARRAY)) {
        return ngx_litellm_call_broken(call, e, "the provider's answer has no "
                                       "results");
    }

    rc = ngx_litellm_rerank_read(call, answer, list);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        return ngx_litellm_call_broken(call, e, "a result of the provider's "
                                       "answer is of no document");
    }

    v = ngx_litellm_json_member(doc.root, "id");

    if (ngx_litellm_json_is(v, STRING)) {
        answer->id = ngx_litellm_json_text(v);
    }

    ngx_litellm_rerank_usage(answer, doc.root);

    return NGX_OK;
}


ngx_int_t
ngx_litellm_rerank_read(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer, ngx_litellm_json_t *list)
{
    ngx_int_t            rc;
    ngx_uint_t           i;
    ngx_litellm_json_t  *v;

    v = list + 1;

    for (i = 0; i < list->count; i++, v = ngx_litellm_json_next(v)) {
        rc = ngx_litellm_rerank_result(call, answer, v);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_litellm_rerank_complete(call, answer);
}


static ngx_int_t
ngx_litellm_rerank_result(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer, ngx_litellm_json_t *result)
{
    int64_t              n;
    ngx_litellm_rank_t  *rank;
    ngx_litellm_json_t  *index, *score, *v;

    index = ngx_litellm_json_member(result, "index");
    score = ngx_litellm_json_member(result, "relevance_score");

    if (score == NULL) {
        score = ngx_litellm_json_member(result, "score");
    }

    if (!ngx_litellm_json_is(index, NUMBER)
        || ngx_litellm_json_int(index, &n) != NGX_OK || n < 0
        || !ngx_litellm_json_is(score, NUMBER))
    {
        return NGX_DECLINED;
    }

    rank = ngx_litellm_array_push(&answer->ranks, call->pool, 8,
                                  sizeof(ngx_litellm_rank_t));
    if (rank == NULL) {
        return NGX_ERROR;
    }

    rank->document = (ngx_uint_t) n;
    rank->score.data = score->start;
    rank->score.len = score->len;
    ngx_str_null(&rank->text);

    v = ngx_litellm_json_member(result, "document");

    if (v == NULL) {
        v = ngx_litellm_json_member(result, "text");
    }

    if ((ngx_litellm_json_is(v, OBJECT) && v->count)
        || ngx_litellm_json_is(v, STRING))
    {
        rank->text.data = v->start;
        rank->text.len = v->len;
    }

    return NGX_OK;
}


/* Cohere's "meta", or a usage as OpenAI has it */

static void
ngx_litellm_rerank_usage(ngx_litellm_answer_t *answer,
    ngx_litellm_json_t *root)
{
    int64_t              tokens;
    ngx_litellm_json_t  *meta, *v;

    meta = ngx_litellm_json_member(root, "meta");

    if (ngx_litellm_json_is(meta, OBJECT)) {
        answer->meta.data = meta->start;
        answer->meta.len = meta->len;
    }

    v = ngx_litellm_json_member(meta, "tokens");
    tokens = ngx_litellm_call_tokens(v, "input_tokens", -1);

    if (tokens < 0) {
        v = ngx_litellm_json_member(root, "usage");
        tokens = ngx_litellm_call_tokens(v, "prompt_tokens",
                             ngx_litellm_call_tokens(v, "total_tokens", -1));
    }

    ngx_litellm_embed_usage(answer, tokens);

    answer->usage.searches = ngx_litellm_call_tokens(
                                ngx_litellm_json_member(meta, "billed_units"),
                                "search_units", -1);
}


static ngx_int_t
ngx_litellm_rerank_complete(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer)
{
    u_char              *seen;
    int64_t              n;
    ngx_uint_t           i, given;
    ngx_litellm_rank_t  *rank;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_rerank_option(call, "top_n", sizeof("top_n") - 1);

    if (ngx_litellm_json_is(v, NUMBER) && ngx_litellm_json_int(v, &n) == NGX_OK
        && n > 0 && (uint64_t) n < answer->ranks.nelts)
    {
        answer->ranks.nelts = (ngx_uint_t) n;
    }

    v = ngx_litellm_json_member(call->top.root, "documents");
    given = ngx_litellm_json_is(v, ARRAY) ? v->count : 0;

    /* each document once: what is put in is bounded by the request's size */

    seen = ngx_pcalloc(call->pool, given + 1);
    if (seen == NULL) {
        return NGX_ERROR;
    }

    rank = answer->ranks.elts;

    for (i = 0; i < answer->ranks.nelts; i++) {

        if (rank[i].document >= given || seen[rank[i].document]) {
            return NGX_DECLINED;
        }

        seen[rank[i].document] = 1;
    }

    v = ngx_litellm_rerank_option(call, "return_documents",
                                  sizeof("return_documents") - 1);

    if (!ngx_litellm_json_is(v, TRUE)) {
        return NGX_OK;
    }

    return ngx_litellm_rerank_documents(call, answer);
}


/* the client's word, else the deployment's */

static ngx_litellm_json_t *
ngx_litellm_rerank_option(ngx_litellm_call_t *call, const char *name,
    size_t len)
{
    ngx_uint_t              i;
    ngx_array_t            *defaults;
    ngx_litellm_json_t     *v;
    ngx_litellm_default_t  *d;

    v = ngx_litellm_json_get(call->top.root, name, len);

    if (v != NULL && v->type != NGX_LITELLM_JSON_NULL) {
        return v;
    }

    defaults = call->deployment->defaults;

    if (defaults == NULL) {
        return NULL;
    }

    d = defaults->elts;

    for (i = 0; i < defaults->nelts; i++) {
        if (d[i].key.len == len && ngx_memcmp(d[i].key.data, name, len) == 0) {
            return d[i].value;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_litellm_rerank_documents(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer)
{
    ngx_uint_t               i;
    ngx_litellm_rank_t      *rank;
    ngx_litellm_json_t      *v;
    ngx_litellm_json_doc_t   doc;

    v = ngx_litellm_json_member(call->top.root, "documents");

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = call->pool;
    doc.keep = 2;

    if (ngx_litellm_json_parse(&doc, v->start, v->len) != NGX_OK) {
        return NGX_ERROR;
    }

    rank = answer->ranks.elts;

    for (i = 0; i < answer->ranks.nelts; i++) {

        if (rank[i].text.len) {
            continue;
        }

        /* elements have no nodes below them: they are a table */

        v = doc.root + 1 + rank[i].document;

        rank[i].text.data = v->start;
        rank[i].text.len = v->len;
    }

    return NGX_OK;
}


static void
ngx_litellm_rerank_error(ngx_litellm_call_t *call, ngx_uint_t status,
    ngx_str_t *body, ngx_litellm_error_t *e)
{
    if (ngx_litellm_rerank_row(call)->path.len == 0) {
        ngx_litellm_cohere_error(call, status, body, e);
        return;
    }

    ngx_litellm_error_openai(call, status, body, e);
}
