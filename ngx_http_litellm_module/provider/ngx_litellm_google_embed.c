
/*
 * Embeddings of Google: the Gemini API's :batchEmbedContents and Vertex AI's
 * :predict.  Addresses, headers and errors are those of the chat's dialects.
 * Neither API has base64: the client's format makes it of the numbers.
 *
 * Members beside OpenAI's (task_type, title ...) belong to each text: they are
 * written as often as there are texts, so they must be few and short.
 */

#include "ngx_litellm_gemini.h"
#include "ngx_litellm_vertex.h"


/* texts from this length on are sent from where they are */
#define NGX_LITELLM_GOOGLE_EMBED_REF      4096

/* of members that are repeated for each text */
#define NGX_LITELLM_GOOGLE_EMBED_MEMBERS  8
#define NGX_LITELLM_GOOGLE_EMBED_VALUE    512


typedef struct {
    ngx_litellm_call_t      *call;
    ngx_litellm_out_t       *out;
    ngx_litellm_error_t     *e;
    ngx_litellm_chat_t       chat;
    ngx_litellm_json_doc_t   doc;
    ngx_litellm_json_t      *dimensions;    /* NULL: not asked for */
    ngx_str_t                model;         /* without "models/" */
} ngx_litellm_google_embed_t;


static ngx_int_t ngx_litellm_gemini_embed_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_vertex_embed_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_google_embed_parse(ngx_litellm_google_embed_t *g,
    ngx_litellm_call_t *call, ngx_litellm_wire_t *wire,
    ngx_litellm_error_t *e);
static ngx_uint_t ngx_litellm_google_embed_of_text(ngx_str_t *key);
static void ngx_litellm_google_embed_extra(ngx_litellm_google_embed_t *g,
    ngx_uint_t of_text, ngx_uint_t comma);
static ngx_int_t ngx_litellm_gemini_embed_response(ngx_litellm_call_t *call,
    ngx_str_t *body, ngx_litellm_answer_t *answer, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_vertex_embed_response(ngx_litellm_call_t *call,
    ngx_str_t *body, ngx_litellm_answer_t *answer, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_google_embed_list(ngx_litellm_call_t *call,
    ngx_litellm_json_doc_t *doc, ngx_str_t *body, ngx_uint_t keep,
    const char *name, size_t len, ngx_litellm_json_t **list,
    ngx_litellm_error_t *e);


const ngx_litellm_dialect_t  ngx_litellm_gemini_embed_dialect = {
    ngx_string("gemini_embed"),
    ngx_litellm_gemini_embed_request,
    ngx_litellm_gemini_embed_response,
    NULL,
    NULL,
    NULL,
    ngx_litellm_gemini_error,
    NGX_LITELLM_FRAMES_SSE,
    NULL
};


const ngx_litellm_dialect_t  ngx_litellm_vertex_embed_dialect = {
    ngx_string("vertex_embed"),
    ngx_litellm_vertex_embed_request,
    ngx_litellm_vertex_embed_response,
    NULL,
    NULL,
    NULL,
    ngx_litellm_gemini_error,
    NGX_LITELLM_FRAMES_SSE,
    NULL
};


static ngx_int_t
ngx_litellm_gemini_embed_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i;
    ngx_litellm_json_t          *v;
    ngx_litellm_google_embed_t   g;

    rc = ngx_litellm_google_embed_parse(&g, call, wire, e);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_out_lit(g.out, "{\"requests\":[");

    for (i = 0; i < g.chat.ninputs; i++) {
        v = g.chat.inputs[i];

        if (i) {
            ngx_litellm_out_lit(g.out, ",");
        }

        ngx_litellm_out_lit(g.out, "{\"model\":\"models/");
        ngx_litellm_out_escape(g.out, g.model.data, g.model.len);
        ngx_litellm_out_lit(g.out, "\",\"content\":{\"parts\":[{\"text\":");
        ngx_litellm_out_ref(g.out, v->start, v->len);
        ngx_litellm_out_lit(g.out, "}]}");

        if (g.dimensions) {
            ngx_litellm_out_lit(g.out, ",\"outputDimensionality\":");
            ngx_litellm_out_copy(g.out, g.dimensions->start,
                                 g.dimensions->len);
        }

        ngx_litellm_google_embed_extra(&g, 1, 1);
        ngx_litellm_out_lit(g.out, "}");
    }

    ngx_litellm_out_lit(g.out, "]}");

    if (ngx_litellm_gemini_path(call, "batchEmbedContents", &wire->path)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_litellm_gemini_headers(call, wire);
}


static ngx_int_t
ngx_litellm_vertex_embed_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i;
    ngx_litellm_json_t          *v;
    ngx_litellm_google_embed_t   g;

    rc = ngx_litellm_google_embed_parse(&g, call, wire, e);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_out_lit(g.out, "{\"instances\":[");

    for (i = 0; i < g.chat.ninputs; i++) {
        v = g.chat.inputs[i];

        if (i) {
            ngx_litellm_out_lit(g.out, ",");
        }

        ngx_litellm_out_lit(g.out, "{\"content\":");
        ngx_litellm_out_ref(g.out, v->start, v->len);
        ngx_litellm_google_embed_extra(&g, 1, 1);
        ngx_litellm_out_lit(g.out, "}");
    }

    ngx_litellm_out_lit(g.out, "],\"parameters\":{");

    if (g.dimensions) {
        ngx_litellm_out_lit(g.out, "\"outputDimensionality\":");
        ngx_litellm_out_copy(g.out, g.dimensions->start, g.dimensions->len);
    }

    ngx_litellm_google_embed_extra(&g, 0, g.dimensions != NULL);
    ngx_litellm_out_lit(g.out, "}}");

    if (ngx_litellm_vertex_path(call, "google", "predict", "", &wire->path)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_litellm_vertex_headers(call, wire);
}


static ngx_int_t
ngx_litellm_google_embed_parse(ngx_litellm_google_embed_t *g,
    ngx_litellm_call_t *call, ngx_litellm_wire_t *wire,
    ngx_litellm_error_t *e)
{
    uint64_t               present;
    ngx_int_t              rc;
    ngx_uint_t             i, n;
    ngx_litellm_member_t  *m;

    ngx_memzero(g, sizeof(ngx_litellm_google_embed_t));

    g->call = call;
    g->out = &wire->body;
    g->e = e;

    wire->pass = 0;

    if (g->out->ref_min == 0) {
        g->out->ref_min = NGX_LITELLM_GOOGLE_EMBED_REF;
    }

    rc = ngx_litellm_embed_parse(call, &g->doc, &g->chat,
                                 ngx_litellm_param_bit(DIMENSIONS), &present,
                                 e);
    if (rc != NGX_OK) {
        return rc;
    }

    if (present & ngx_litellm_param_bit(DIMENSIONS)) {
        g->dimensions = g->chat.param[NGX_LITELLM_P_DIMENSIONS];

        if (g->dimensions->type != NGX_LITELLM_JSON_NUMBER
            || g->dimensions->len > NGX_INT_T_LEN)
        {
            return ngx_litellm_call_bad(call, e, "'dimensions' must be an "
                                        "integer");
        }
    }

    n = 0;
    m = g->chat.extra.elts;

    for (i = 0; i < g->chat.extra.nelts; i++) {

        if (!ngx_litellm_google_embed_of_text(&m[i].key)) {
            continue;
        }

        if (m[i].value->len > NGX_LITELLM_GOOGLE_EMBED_VALUE
            || ++n > NGX_LITELLM_GOOGLE_EMBED_MEMBERS)
        {
            return ngx_litellm_call_bad(call, e, "'task_type' or 'title' is "
                                        "too long");
        }
    }

    g->model = call->provider_model;

    if (g->model.len > sizeof("models/") - 1
        && ngx_memcmp(g->model.data, "models/", sizeof("models/") - 1) == 0)
    {
        g->model.data += sizeof("models/") - 1;
        g->model.len -= sizeof("models/") - 1;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_litellm_google_embed_of_text(ngx_str_t *key)
{
    ngx_uint_t  i;

    static const ngx_str_t  names[] = {
        ngx_string("task_type"),
        ngx_string("taskType"),
        ngx_string("title")
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (key->len == names[i].len
            && ngx_memcmp(key->data, names[i].data, key->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/*
 * Members of a text, or those of the request (which the Gemini API has not).
 * comma: something stands before the first one.
 */

static void
ngx_litellm_google_embed_extra(ngx_litellm_google_embed_t *g,
    ngx_uint_t of_text, ngx_uint_t comma)
{
    ngx_uint_t             i;
    ngx_litellm_member_t  *m;

    m = g->chat.extra.elts;

    for (i = 0; i < g->chat.extra.nelts; i++) {

        if (ngx_litellm_google_embed_of_text(&m[i].key) != of_text
            || (g->dimensions
                && m[i].key.len == sizeof("outputDimensionality") - 1
                && ngx_memcmp(m[i].key.data, "outputDimensionality",
                              m[i].key.len)
                   == 0))
        {
            continue;
        }

        if (comma) {
            ngx_litellm_out_lit(g->out, ",");
        }

        comma = 1;

        ngx_litellm_out_lit(g->out, "\"");
        ngx_litellm_out_str(g->out, &m[i].key);
        ngx_litellm_out_lit(g->out, "\":");
        ngx_litellm_out_ref(g->out, m[i].value->start, m[i].value->len);
    }
}


static ngx_int_t
ngx_litellm_gemini_embed_response(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_answer_t *answer, ngx_litellm_error_t *e)
{
    ngx_int_t                rc;
    ngx_uint_t               i;
    ngx_litellm_json_t      *list, *v;
    ngx_litellm_json_doc_t   doc;

    /* {"embeddings":[{"values":[ */

    rc = ngx_litellm_google_embed_list(call, &doc, body, 4, "embeddings",
                                       sizeof("embeddings") - 1, &list, e);
    if (rc != NGX_OK) {
        return rc;
    }

    v = list + 1;

    for (i = 0; i < list->count; i++, v = ngx_litellm_json_next(v)) {

        rc = ngx_litellm_embed_vector(call, answer,
                                      ngx_litellm_json_member(v, "values"));
        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED) {
            return ngx_litellm_call_broken(call, e, "an embedding of the "
                                           "provider's answer has no values");
        }
    }

    v = ngx_litellm_json_member(doc.root, "usageMetadata");

    return ngx_litellm_embed_complete(call, answer,
                                      ngx_litellm_call_tokens(v,
                                                      "promptTokenCount", -1),
                                      e);
}


static ngx_int_t
ngx_litellm_vertex_embed_response(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_answer_t *answer, ngx_litellm_error_t *e)
{
    int64_t                  tokens, n;
    ngx_int_t                rc;
    ngx_uint_t               i;
    ngx_litellm_json_t      *list, *v, *m;
    ngx_litellm_json_doc_t   doc, statistics;

    ngx_memzero(&statistics, sizeof(ngx_litellm_json_doc_t));
    statistics.pool = call->pool;

    /* {"predictions":[{"embeddings":{"values":[ */

    rc = ngx_litellm_google_embed_list(call, &doc, body, 5, "predictions",
                                       sizeof("predictions") - 1, &list, e);
    if (rc != NGX_OK) {
        return rc;
    }

    tokens = -1;
    v = list + 1;

    for (i = 0; i < list->count; i++, v = ngx_litellm_json_next(v)) {

        m = ngx_litellm_json_member(v, "embeddings");

        rc = ngx_litellm_embed_vector(call, answer,
                                      ngx_litellm_json_member(m, "values"));
        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED) {
            return ngx_litellm_call_broken(call, e, "a prediction of the "
                                           "provider's answer has no values");
        }

        m = ngx_litellm_json_member(m, "statistics");

        if (m == NULL) {
            continue;
        }

        rc = ngx_litellm_json_parse(&statistics, m->start, m->len);

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

        n = ngx_litellm_call_tokens(statistics.root, "token_count", -1);

        if (n >= 0) {
            tokens = ngx_max(tokens, 0) + n;
        }
    }

    return ngx_litellm_embed_complete(call, answer, tokens, e);
}


static ngx_int_t
ngx_litellm_google_embed_list(ngx_litellm_call_t *call,
    ngx_litellm_json_doc_t *doc, ngx_str_t *body, ngx_uint_t keep,
    const char *name, size_t len, ngx_litellm_json_t **list,
    ngx_litellm_error_t *e)
{
    ngx_int_t  rc;

    ngx_memzero(doc, sizeof(ngx_litellm_json_doc_t));
    doc->pool = call->pool;
    doc->keep = keep;

    rc = ngx_litellm_json_parse(doc, body->data, body->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    *list = (rc == NGX_OK) ? ngx_litellm_json_get(doc->root, name, len)
                           : NULL;

    if (!ngx_litellm_json_is(*list, ARRAY) || (*list)->count == 0) {
        return ngx_litellm_call_broken(call, e, "the provider's answer has no "
                                       "embeddings");
    }

    return NGX_OK;
}
