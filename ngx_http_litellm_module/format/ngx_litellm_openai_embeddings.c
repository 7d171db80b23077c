
/*
 * The OpenAI embeddings dialect of clients: POST /embeddings.
 *
 * Bodies pass to providers of the same dialect as they are; there is no
 * neutral form for embeddings, so parse() refuses for all others.  answer()
 * serves deployments with a mock_response that is a JSON array (the vector);
 * there are no streams.
 */

#include "ngx_litellm_openai.h"


static ngx_int_t ngx_litellm_embeddings_parse(ngx_litellm_call_t *call,
    ngx_litellm_json_doc_t *doc, ngx_litellm_chat_t *chat,
    ngx_litellm_error_t *e);
static void ngx_litellm_embeddings_answer(ngx_litellm_call_t *call,
    ngx_litellm_out_t *out, ngx_litellm_answer_t *answer);
static void ngx_litellm_embeddings_vector(ngx_litellm_call_t *call,
    ngx_litellm_out_t *out, ngx_litellm_answer_t *answer);


const ngx_litellm_format_t  ngx_litellm_openai_embeddings = {
    ngx_string("openai_embeddings"),
    &ngx_litellm_openai_dialect,
    ngx_litellm_openai_open,
    ngx_litellm_embeddings_parse,
    ngx_litellm_embeddings_answer,
    NULL,                               /* open() leaves call->stream 0 */
    ngx_litellm_openai_error
};


static ngx_int_t
ngx_litellm_embeddings_parse(ngx_litellm_call_t *call,
    ngx_litellm_json_doc_t *doc, ngx_litellm_chat_t *chat,
    ngx_litellm_error_t *e)
{
    return ngx_litellm_openai_bad(e, "litellm.BadRequestError: embeddings are "
                                  "not served for this model's provider",
                                  "model");
}


static void
ngx_litellm_embeddings_answer(ngx_litellm_call_t *call,
    ngx_litellm_out_t *out, ngx_litellm_answer_t *answer)
{
    int64_t  tokens;

    ngx_litellm_out_lit(out, "{\"object\":\"list\",\"data\":[{\"object\":"
                        "\"embedding\",\"index\":0,\"embedding\":");

    ngx_litellm_embeddings_vector(call, out, answer);

    ngx_litellm_out_lit(out, "}],\"model\":");
    ngx_litellm_out_json(out, &call->model);

    tokens = ngx_max(answer->usage.prompt, 0);

    ngx_litellm_out_lit(out, ",\"usage\":{\"prompt_tokens\":");
    ngx_litellm_out_int(out, tokens);
    ngx_litellm_out_lit(out, ",\"total_tokens\":");
    ngx_litellm_out_int(out, tokens);
    ngx_litellm_out_lit(out, "}}");
}


/* the answer's text, if it is an array of numbers; else an empty one */

static void
ngx_litellm_embeddings_vector(ngx_litellm_call_t *call,
    ngx_litellm_out_t *out, ngx_litellm_answer_t *answer)
{
    ngx_str_t               *text, vector;
    ngx_uint_t               i;
    ngx_litellm_json_t      *v;
    ngx_litellm_json_doc_t   doc;

    if (answer->text.nelts != 1) {
        goto none;
    }

    text = answer->text.elts;

    if (ngx_litellm_json_unescape(call->pool, &vector, text) != NGX_OK) {
        out->failed = 1;
        return;
    }

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = call->pool;
    doc.keep = 2;

    if (ngx_litellm_json_parse(&doc, vector.data, vector.len) != NGX_OK
        || doc.root->type != NGX_LITELLM_JSON_ARRAY)
    {
        goto none;
    }

    v = doc.root + 1;

    for (i = 0; i < doc.root->count; i++, v = ngx_litellm_json_next(v)) {
        if (v->type != NGX_LITELLM_JSON_NUMBER) {
            goto none;
        }
    }

    ngx_litellm_out_copy(out, doc.root->start, doc.root->len);

    return;

none:

    ngx_litellm_out_lit(out, "[]");
}
