
/*
 * Rerank as a client dialect: POST /rerank in Cohere's form, which LiteLLM's
 * clients use for all providers.  A query and documents go in, the places of
 * the best documents come out.  There are no streams.
 *
 * The envelope (model, members for the gateway, errors) is the one of OpenAI's
 * dialects; what is not known here (top_n, return_documents, rank_fields ...)
 * stays in chat->extra for the provider.
 */

#include "ngx_litellm_openai.h"


/* far above what providers recommend: 1000 */
#define NGX_LITELLM_RERANK_DOCUMENTS  10000


static ngx_int_t ngx_litellm_rerank_open(ngx_litellm_call_t *call,
    ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_rerank_parse(ngx_litellm_call_t *call,
    ngx_litellm_json_doc_t *doc, ngx_litellm_chat_t *chat,
    ngx_litellm_error_t *e);
static ngx_litellm_json_t *ngx_litellm_rerank_take(ngx_array_t *members,
    const char *name, size_t len);
static void ngx_litellm_rerank_answer(ngx_litellm_call_t *call,
    ngx_litellm_out_t *out, ngx_litellm_answer_t *answer);
static void ngx_litellm_rerank_results(ngx_litellm_call_t *call,
    ngx_litellm_out_t *out, ngx_litellm_answer_t *answer);
static void ngx_litellm_rerank_meta(ngx_litellm_out_t *out,
    ngx_litellm_answer_t *answer);


const ngx_litellm_format_t  ngx_litellm_rerank_format = {
    ngx_string("rerank"),
    NULL,                               /* every provider is translated */
    ngx_litellm_rerank_open,
    ngx_litellm_rerank_parse,
    ngx_litellm_rerank_answer,
    NULL,                               /* open() leaves call->stream 0 */
    ngx_litellm_openai_error
};


static ngx_int_t
ngx_litellm_rerank_open(ngx_litellm_call_t *call, ngx_litellm_error_t *e)
{
    ngx_int_t            rc;
    ngx_litellm_json_t  *v;

    rc = ngx_litellm_openai_open(call, e);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_litellm_json_member(call->top.root, "query");

    if (v == NULL || v->type == NGX_LITELLM_JSON_NULL) {
        return ngx_litellm_openai_bad(e, "Missing required parameter: "
                                      "'query'", "query");
    }

    /* models that see images take an object */

    if (v->type != NGX_LITELLM_JSON_STRING
        && v->type != NGX_LITELLM_JSON_OBJECT)
    {
        return ngx_litellm_openai_bad(e, "Invalid type for 'query': expected "
                                      "a string", "query");
    }

    v = ngx_litellm_json_member(call->top.root, "documents");

    if (v == NULL || v->type == NGX_LITELLM_JSON_NULL) {
        return ngx_litellm_openai_bad(e, "Missing required parameter: "
                                      "'documents'", "documents");
    }

    if (v->type != NGX_LITELLM_JSON_ARRAY) {
        return ngx_litellm_openai_bad(e, "Invalid type for 'documents': "
                                      "expected an array", "documents");
    }

    if (v->count > NGX_LITELLM_RERANK_DOCUMENTS) {
        return ngx_litellm_openai_bad(e, "'documents' has more than 10000 "
                                      "elements", "documents");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_rerank_parse(ngx_litellm_call_t *call,
    ngx_litellm_json_doc_t *doc, ngx_litellm_chat_t *chat,
    ngx_litellm_error_t *e)
{
    ngx_int_t            rc;
    ngx_uint_t           i;
    ngx_litellm_json_t  *root, *list, *v;

    rc = ngx_litellm_openai_params(call, doc, chat, &root, e);
    if (rc != NGX_OK) {
        return rc;
    }

    chat->query = ngx_litellm_rerank_take(&chat->extra, "query",
                                          sizeof("query") - 1);
    list = ngx_litellm_rerank_take(&chat->extra, "documents",
                                   sizeof("documents") - 1);

    if (chat->query == NULL || !ngx_litellm_json_is(list, ARRAY)
        || list->count == 0 || list->count > NGX_LITELLM_RERANK_DOCUMENTS)
    {
        return ngx_litellm_openai_bad(e, "'query' and at least one element "
                                      "of 'documents' are needed",
                                      "documents");
    }

    chat->ndocuments = list->count;
    chat->documents = ngx_palloc(call->pool, list->count
                                             * sizeof(ngx_litellm_json_t *));
    if (chat->documents == NULL) {
        return NGX_ERROR;
    }

    v = list + 1;

    for (i = 0; i < list->count; i++, v = ngx_litellm_json_next(v)) {

        if (v->type != NGX_LITELLM_JSON_STRING
            && v->type != NGX_LITELLM_JSON_OBJECT)
        {
            return ngx_litellm_openai_bad(e, "an element of 'documents' must "
                                          "be a string or an object",
                                          "documents");
        }

        chat->documents[i] = v;
    }

    return NGX_OK;
}


/* the value of a member, which is taken out; NULL without one */

static ngx_litellm_json_t *
ngx_litellm_rerank_take(ngx_array_t *members, const char *name, size_t len)
{
    ngx_uint_t             i, j;
    ngx_litellm_json_t    *v;
    ngx_litellm_member_t  *m;

    v = NULL;
    m = members->elts;

    for (i = 0, j = 0; i < members->nelts; i++) {

        if (m[i].key.len == len && ngx_memcmp(m[i].key.data, name, len) == 0) {
            v = m[i].value;
            continue;
        }

        m[j++] = m[i];
    }

    members->nelts = j;

    return v;
}


static void
ngx_litellm_rerank_answer(ngx_litellm_call_t *call, ngx_litellm_out_t *out,
    ngx_litellm_answer_t *answer)
{
    ngx_litellm_out_lit(out, "{\"id\":");

    if (answer->id.len) {
        ngx_litellm_out_lit(out, "\"");
        ngx_litellm_out_str(out, &answer->id);
        ngx_litellm_out_lit(out, "\"");

    } else {
        ngx_litellm_out_json(out, &call->id);
    }

    ngx_litellm_out_lit(out, ",\"results\":[");
    ngx_litellm_rerank_results(call, out, answer);
    ngx_litellm_out_lit(out, "]");

    ngx_litellm_rerank_meta(out, answer);

    ngx_litellm_out_lit(out, "}");
}


static void
ngx_litellm_rerank_results(ngx_litellm_call_t *call, ngx_litellm_out_t *out,
    ngx_litellm_answer_t *answer)
{
    ngx_int_t                rc;
    ngx_uint_t               i;
    ngx_litellm_rank_t      *rank;
    ngx_litellm_json_doc_t   doc;

    rank = answer->ranks.elts;

    for (i = 0; i < answer->ranks.nelts; i++) {

        if (i) {
            ngx_litellm_out_lit(out, ",");
        }

        ngx_litellm_out_lit(out, "{\"index\":");
        ngx_litellm_out_int(out, rank[i].document);
        ngx_litellm_out_lit(out, ",\"relevance_score\":");
        ngx_litellm_out_str(out, &rank[i].score);

        if (rank[i].text.len && rank[i].text.data[0] == '"') {
            ngx_litellm_out_lit(out, ",\"document\":{\"text\":");
            ngx_litellm_out_ref(out, rank[i].text.data, rank[i].text.len);
            ngx_litellm_out_lit(out, "}");

        } else if (rank[i].text.len) {
            ngx_litellm_out_lit(out, ",\"document\":");
            ngx_litellm_out_ref(out, rank[i].text.data, rank[i].text.len);
        }

        ngx_litellm_out_lit(out, "}");
    }

    if (answer->text.nelts == 0) {
        return;
    }

    /* a mock_response that is an array: the results */

    rc = ngx_litellm_openai_mock_array(call, answer, &doc);

    if (rc == NGX_ERROR) {
        out->failed = 1;

    } else if (rc == NGX_OK) {
        ngx_litellm_out_copy(out, doc.root->start + 1, doc.root->len - 2);
    }
}


/* of a provider that tells tokens in another way: as LiteLLM writes them */

static void
ngx_litellm_rerank_meta(ngx_litellm_out_t *out, ngx_litellm_answer_t *answer)
{
    if (answer->meta.len) {
        ngx_litellm_out_lit(out, ",\"meta\":");
        ngx_litellm_out_ref(out, answer->meta.data, answer->meta.len);
        return;
    }

    if (!answer->usage.known) {
        return;
    }

    ngx_litellm_out_lit(out, ",\"meta\":{\"billed_units\":{\"total_tokens\":");
    ngx_litellm_out_int(out, ngx_max(answer->usage.total, 0));
    ngx_litellm_out_lit(out, "},\"tokens\":{\"input_tokens\":");
    ngx_litellm_out_int(out, ngx_max(answer->usage.prompt, 0));
    ngx_litellm_out_lit(out, "}}");
}
