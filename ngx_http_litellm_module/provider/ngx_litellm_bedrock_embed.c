
/*
 * Embeddings by Bedrock's InvokeModel, where each maker of models has a body of
 * its own: Amazon's Titan (text, version 1 and 2, and multimodal) and Nova take
 * one input, Cohere's Embed takes up to 96 texts or one image.
 *
 * What does not fit into one call is sent by several, one after the other: the
 * vectors of each are copied, and follow() gives them all in the end as
 * {"vectors":[...],"tokens":n}, which is what response() reads.
 */

#include "ngx_litellm_bedrock.h"


/* inputs of one request where each is a call of its own */
#define NGX_LITELLM_BEDROCK_CALLS   512

#define NGX_LITELLM_BEDROCK_TEXTS   96
#define NGX_LITELLM_BEDROCK_CHUNK   65536


typedef enum {
    NGX_LITELLM_BEDROCK_TITAN = 0,
    NGX_LITELLM_BEDROCK_TITAN_2,
    NGX_LITELLM_BEDROCK_TITAN_IMAGE,
    NGX_LITELLM_BEDROCK_NOVA_EMBED,
    NGX_LITELLM_BEDROCK_COHERE
} ngx_litellm_bedrock_embed_e;


/* wire->state */

typedef struct {
    ngx_litellm_bedrock_embed_e    kind;
    ngx_str_t                      model;
    ngx_litellm_chat_t             chat;
    ngx_litellm_json_doc_t         doc;
    uint64_t                       present;
    ngx_uint_t                     next;      /* input */
    ngx_uint_t                     count;     /* inputs of the call */
    ngx_uint_t                     images;    /* they are data: URLs */
    ngx_litellm_json_doc_t         body;      /* of each call */
    ngx_litellm_answer_t           answer;    /* its vector, to be copied */
    ngx_litellm_out_t              vectors;
    int64_t                        tokens;    /* -1: not said */
} ngx_litellm_bedrock_embed_t;


static ngx_int_t ngx_litellm_bedrock_embed_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_bedrock_embed_kind(ngx_litellm_call_t *call,
    ngx_litellm_bedrock_embed_t *b, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_bedrock_embed_next(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e);
static ngx_uint_t ngx_litellm_bedrock_embed_image(ngx_litellm_json_t *v,
    ngx_str_t *data);
static ngx_int_t ngx_litellm_bedrock_embed_titan(
    ngx_litellm_bedrock_embed_t *b, ngx_litellm_out_t *out);
static void ngx_litellm_bedrock_embed_nova(ngx_litellm_bedrock_embed_t *b,
    ngx_litellm_out_t *out);
static void ngx_litellm_bedrock_embed_cohere(ngx_litellm_bedrock_embed_t *b,
    ngx_litellm_out_t *out);
static ngx_uint_t ngx_litellm_bedrock_embed_extra(
    ngx_litellm_bedrock_embed_t *b, ngx_litellm_out_t *out,
    const char *made, const char *name);
static ngx_int_t ngx_litellm_bedrock_embed_follow(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_str_t *body, ngx_litellm_stream_t *st,
    ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_bedrock_embed_read(ngx_litellm_call_t *call,
    ngx_litellm_bedrock_embed_t *b);
static ngx_litellm_json_t *ngx_litellm_bedrock_embed_kinds(
    ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_bedrock_embed_vector(ngx_litellm_call_t *call,
    ngx_litellm_bedrock_embed_t *b, ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_bedrock_embed_response(ngx_litellm_call_t *call,
    ngx_str_t *body, ngx_litellm_answer_t *answer, ngx_litellm_error_t *e);


const ngx_litellm_dialect_t  ngx_litellm_bedrock_embed_dialect = {
    ngx_string("bedrock_embed"),
    ngx_litellm_bedrock_embed_request,
    ngx_litellm_bedrock_embed_response,
    NULL,
    NULL,
    NULL,
    ngx_litellm_bedrock_error,
    NGX_LITELLM_FRAMES_SSE,
    ngx_litellm_bedrock_embed_follow
};


static ngx_int_t
ngx_litellm_bedrock_embed_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e)
{
    uint64_t                      supported;
    ngx_int_t                     rc;
    ngx_str_t                     region;
    ngx_litellm_bedrock_embed_t  *b;

    b = ngx_pcalloc(call->pool, sizeof(ngx_litellm_bedrock_embed_t));
    if (b == NULL) {
        return NGX_ERROR;
    }

    wire->state = b;
    wire->pass = 0;

    b->tokens = -1;

    /* numbers of a vector need no nodes, see ngx_litellm_embed_vector() */

    b->body.pool = call->pool;
    b->body.keep = 4;

    ngx_litellm_out_init(&b->vectors, call->pool);
    b->vectors.chunk = NGX_LITELLM_BEDROCK_CHUNK;

    ngx_litellm_bedrock_model(&call->provider_model, &b->model, &region);

    rc = ngx_litellm_bedrock_embed_kind(call, b, e);
    if (rc != NGX_OK) {
        return rc;
    }

    supported = (b->kind == NGX_LITELLM_BEDROCK_TITAN)
                ? 0 : ngx_litellm_param_bit(DIMENSIONS);

    rc = ngx_litellm_embed_parse(call, &b->doc, &b->chat, supported,
                                 &b->present, e);
    if (rc != NGX_OK) {
        return rc;
    }

    if (b->kind != NGX_LITELLM_BEDROCK_COHERE
        && b->chat.ninputs > NGX_LITELLM_BEDROCK_CALLS)
    {
        return ngx_litellm_call_bad(call, e, "this model takes one text in "
                                    "each call: 'input' can have 512 of them");
    }

    return ngx_litellm_bedrock_embed_next(call, wire, e);
}


/* by the name, or by the base_model of what has none that says it */

static ngx_int_t
ngx_litellm_bedrock_embed_kind(ngx_litellm_call_t *call,
    ngx_litellm_bedrock_embed_t *b, ngx_litellm_error_t *e)
{
    ngx_uint_t  i, j;
    ngx_str_t   names[2];

    static const struct {
        const char                   *part;
        ngx_litellm_bedrock_embed_e   kind;
    } kinds[] = {
        { "titan-embed-text-v2", NGX_LITELLM_BEDROCK_TITAN_2 },
        { "titan-embed-image", NGX_LITELLM_BEDROCK_TITAN_IMAGE },
        { "titan-embed", NGX_LITELLM_BEDROCK_TITAN },
        { "cohere.embed", NGX_LITELLM_BEDROCK_COHERE },
        { "nova-2-multimodal-embeddings", NGX_LITELLM_BEDROCK_NOVA_EMBED }
    };

    names[0] = b->model;
    ngx_str_null(&names[1]);

    if (call->deployment->info != NULL) {
        names[1].data = (u_char *) call->deployment->info->name;
        names[1].len = ngx_strlen(names[1].data);
    }

    for (i = 0; i < 2; i++) {
        for (j = 0; j < sizeof(kinds) / sizeof(kinds[0]); j++) {
            if (names[i].len
                && ngx_litellm_find(names[i].data,
                                    names[i].data + names[i].len,
                                    kinds[j].part, ngx_strlen(kinds[j].part)))
            {
                b->kind = kinds[j].kind;
                return NGX_OK;
            }
        }
    }

    return ngx_litellm_call_bad(call, e, "of this provider's embeddings those "
                                "of Titan, Nova and Cohere are served; for "
                                "another name set model_info.base_model");
}


/* path, headers and body of the next call */

static ngx_int_t
ngx_litellm_bedrock_embed_next(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e)
{
    ngx_int_t                     rc;
    ngx_str_t                     data;
    ngx_uint_t                    left;
    ngx_litellm_json_t          **input;
    ngx_litellm_bedrock_embed_t  *b;

    b = wire->state;

    input = &b->chat.inputs[b->next];
    left = b->chat.ninputs - b->next;

    b->count = 1;
    b->images = ngx_litellm_bedrock_embed_image(*input, &data);

    if (b->kind == NGX_LITELLM_BEDROCK_COHERE && !b->images) {

        left = ngx_min(left, NGX_LITELLM_BEDROCK_TEXTS);

        while (b->count < left
               && !ngx_litellm_bedrock_embed_image(input[b->count], &data))
        {
            b->count++;
        }
    }

    rc = NGX_OK;

    switch (b->kind) {

    case NGX_LITELLM_BEDROCK_COHERE:
        ngx_litellm_bedrock_embed_cohere(b, &wire->body);
        break;

    case NGX_LITELLM_BEDROCK_NOVA_EMBED:
        ngx_litellm_bedrock_embed_nova(b, &wire->body);
        break;

    default:
        rc = ngx_litellm_bedrock_embed_titan(b, &wire->body);
    }

    if (rc != NGX_OK) {
        return ngx_litellm_call_bad(call, e, "this model takes texts only in "
                                    "'input'");
    }

    rc = ngx_litellm_bedrock_path(call, wire, &b->model, "/invoke", e);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_litellm_bedrock_sign(call, wire);
}


/* an input that is a data: URL of an image; *data is its base64 */

static ngx_uint_t
ngx_litellm_bedrock_embed_image(ngx_litellm_json_t *v, ngx_str_t *data)
{
    u_char     *p, *last;
    ngx_str_t   text;

    text = ngx_litellm_json_text(v);
    last = text.data + text.len;

    if (text.len < sizeof("data:image/") - 1
        || ngx_memcmp(text.data, "data:image/", sizeof("data:image/") - 1)
           != 0)
    {
        return 0;
    }

    p = ngx_litellm_find(text.data, last, ";base64,", 8);

    if (p == NULL) {
        return 0;
    }

    data->data = p + 8;
    data->len = last - data->data;

    return 1;
}


static ngx_int_t
ngx_litellm_bedrock_embed_titan(ngx_litellm_bedrock_embed_t *b,
    ngx_litellm_out_t *out)
{
    ngx_str_t            data;
    ngx_litellm_json_t  *input, *v;

    input = b->chat.inputs[b->next];

    if (b->images) {

        if (b->kind != NGX_LITELLM_BEDROCK_TITAN_IMAGE) {
            return NGX_DECLINED;
        }

        (void) ngx_litellm_bedrock_embed_image(input, &data);

        ngx_litellm_out_lit(out, "{\"inputImage\":\"");
        ngx_litellm_out_str(out, &data);
        ngx_litellm_out_lit(out, "\"");

    } else {
        ngx_litellm_out_lit(out, "{\"inputText\":");
        ngx_litellm_anthropic_raw(out, input);
    }

    v = (b->present & ngx_litellm_param_bit(DIMENSIONS))
        ? b->chat.param[NGX_LITELLM_P_DIMENSIONS] : NULL;

    if (v && b->kind == NGX_LITELLM_BEDROCK_TITAN_IMAGE) {
        ngx_litellm_out_lit(out, ",\"embeddingConfig\":"
                            "{\"outputEmbeddingLength\":");
        ngx_litellm_anthropic_raw(out, v);
        ngx_litellm_out_lit(out, "}");

        (void) ngx_litellm_bedrock_embed_extra(b, out, "embeddingConfig",
                                               NULL);

    } else if (v) {
        ngx_litellm_out_lit(out, ",\"dimensions\":");
        ngx_litellm_anthropic_raw(out, v);

        (void) ngx_litellm_bedrock_embed_extra(b, out, "dimensions", NULL);

    } else {
        (void) ngx_litellm_bedrock_embed_extra(b, out, "", NULL);
    }

    ngx_litellm_out_lit(out, "}");

    return NGX_OK;
}


static void
ngx_litellm_bedrock_embed_nova(ngx_litellm_bedrock_embed_t *b,
    ngx_litellm_out_t *out)
{
    ngx_str_t            data, format;
    ngx_litellm_json_t  *v;

    ngx_litellm_out_lit(out, "{\"taskType\":\"SINGLE_EMBEDDING\","
                        "\"singleEmbeddingParams\":{\"embeddingPurpose\":"
                        "\"GENERIC_INDEX\"");

    v = (b->present & ngx_litellm_param_bit(DIMENSIONS))
        ? b->chat.param[NGX_LITELLM_P_DIMENSIONS] : NULL;

    if (v) {
        ngx_litellm_out_lit(out, ",\"embeddingDimension\":");
        ngx_litellm_anthropic_raw(out, v);
    }

    if (b->images) {

        /* data:image/FORMAT;base64,... */

        (void) ngx_litellm_bedrock_embed_image(b->chat.inputs[b->next], &data);

        format = ngx_litellm_json_text(b->chat.inputs[b->next]);
        format.data += sizeof("data:image/") - 1;

        for (format.len = 0; format.data[format.len] != ';'; format.len++) {
            /* void */
        }

        ngx_litellm_out_lit(out, ",\"image\":{\"format\":\"");
        ngx_litellm_out_str(out, &format);
        ngx_litellm_out_lit(out, "\",\"source\":{\"bytes\":\"");
        ngx_litellm_out_str(out, &data);
        ngx_litellm_out_lit(out, "\"}}}}");

        return;
    }

    ngx_litellm_out_lit(out, ",\"text\":{\"truncationMode\":\"END\","
                        "\"value\":");
    ngx_litellm_anthropic_raw(out, b->chat.inputs[b->next]);
    ngx_litellm_out_lit(out, "}}}");
}


static void
ngx_litellm_bedrock_embed_cohere(ngx_litellm_bedrock_embed_t *b,
    ngx_litellm_out_t *out)
{
    ngx_uint_t           i, type;
    ngx_litellm_json_t  *v;

    if (b->images) {
        ngx_litellm_out_lit(out, "{\"images\":[");

    } else {
        ngx_litellm_out_lit(out, "{\"texts\":[");
    }

    for (i = 0; i < b->count; i++) {

        if (i) {
            ngx_litellm_out_lit(out, ",");
        }

        ngx_litellm_anthropic_raw(out, b->chat.inputs[b->next + i]);
    }

    ngx_litellm_out_lit(out, "]");

    v = (b->present & ngx_litellm_param_bit(DIMENSIONS))
        ? b->chat.param[NGX_LITELLM_P_DIMENSIONS] : NULL;

    if (v) {
        ngx_litellm_out_lit(out, ",\"output_dimension\":");
        ngx_litellm_anthropic_raw(out, v);
    }

    type = ngx_litellm_bedrock_embed_extra(b, out,
                                           v ? "output_dimension" : "",
                                           "input_type");

    if (!type && b->images) {
        ngx_litellm_out_lit(out, ",\"input_type\":\"image\"");

    } else if (!type) {
        ngx_litellm_out_lit(out, ",\"input_type\":\"search_document\"");
    }

    ngx_litellm_out_lit(out, "}");
}


/*
 * The client's members beside OpenAI's, but for those of our own making; true
 * if that of "name" is among them.
 */

static ngx_uint_t
ngx_litellm_bedrock_embed_extra(ngx_litellm_bedrock_embed_t *b,
    ngx_litellm_out_t *out, const char *made, const char *name)
{
    ngx_uint_t             i, j, found;
    ngx_litellm_member_t  *m;

    static const ngx_str_t  own[] = {
        ngx_string("inputText"),
        ngx_string("inputImage"),
        ngx_string("texts"),
        ngx_string("images")
    };

    found = 0;
    m = b->chat.extra.elts;

    for (i = 0; i < b->chat.extra.nelts; i++) {

        for (j = 0; j < sizeof(own) / sizeof(own[0]); j++) {
            if (m[i].key.len == own[j].len
                && ngx_memcmp(m[i].key.data, own[j].data, own[j].len) == 0)
            {
                break;
            }
        }

        if (j < sizeof(own) / sizeof(own[0])
            || (m[i].key.len == ngx_strlen(made)
                && ngx_memcmp(m[i].key.data, made, m[i].key.len) == 0))
        {
            continue;
        }

        found |= (name && m[i].key.len == ngx_strlen(name)
                  && ngx_memcmp(m[i].key.data, name, m[i].key.len) == 0);

        ngx_litellm_out_lit(out, ",\"");
        ngx_litellm_out_str(out, &m[i].key);
        ngx_litellm_out_lit(out, "\":");
        ngx_litellm_anthropic_raw(out, m[i].value);
    }

    return found;
}


static ngx_int_t
ngx_litellm_bedrock_embed_follow(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_str_t *body, ngx_litellm_stream_t *st,
    ngx_litellm_error_t *e)
{
    ngx_int_t                     rc;
    ngx_litellm_bedrock_embed_t  *b;

    b = wire->state;

    rc = ngx_litellm_json_parse(&b->body, body->data, body->len);

    if (rc == NGX_OK) {
        rc = ngx_litellm_bedrock_embed_read(call, b);
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        return ngx_litellm_call_broken(call, e, "the provider's answer has no "
                                       "embeddings, or not as many as asked "
                                       "for");
    }

    b->next += b->count;

    if (b->next < b->chat.ninputs) {
        rc = ngx_litellm_bedrock_embed_next(call, wire, e);

        return rc == NGX_OK ? NGX_AGAIN : rc;
    }

    ngx_litellm_out_lit(&b->vectors, "]");

    if (b->tokens >= 0) {
        ngx_litellm_out_lit(&b->vectors, ",\"tokens\":");
        ngx_litellm_out_int(&b->vectors, b->tokens);
    }

    ngx_litellm_out_lit(&b->vectors, "}");

    return ngx_litellm_out_join(&b->vectors, body);
}


/* NGX_DECLINED: not the vectors of this call's inputs */

static ngx_int_t
ngx_litellm_bedrock_embed_read(ngx_litellm_call_t *call,
    ngx_litellm_bedrock_embed_t *b)
{
    int64_t              n;
    ngx_int_t            rc;
    ngx_uint_t           i;
    ngx_litellm_json_t  *root, *v, *m;

    root = b->body.root;

    n = ngx_litellm_call_tokens(root, "inputTextTokenCount", -1);

    if (n >= 0) {
        b->tokens = ngx_max(b->tokens, 0) + n;
    }

    v = ngx_litellm_json_member(root, "embedding");

    if (v == NULL) {
        v = ngx_litellm_bedrock_embed_kinds(
                            ngx_litellm_json_member(root, "embeddingsByType"));
    }

    if (v != NULL) {
        return b->count == 1 ? ngx_litellm_bedrock_embed_vector(call, b, v)
                             : NGX_DECLINED;
    }

    v = ngx_litellm_json_member(root, "embeddings");

    if (ngx_litellm_json_is(v, OBJECT)) {
        v = ngx_litellm_bedrock_embed_kinds(v);
    }

    if (!ngx_litellm_json_is(v, ARRAY) || v->count != b->count) {
        return NGX_DECLINED;
    }

    v++;

    for (i = 0; i < b->count; i++, v = ngx_litellm_json_next(v)) {

        /* Nova has an object for each */

        m = ngx_litellm_json_is(v, OBJECT)
            ? ngx_litellm_json_member(v, "embedding") : v;

        rc = ngx_litellm_bedrock_embed_vector(call, b, m);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* of several kinds that the client asked for it gets one */

static ngx_litellm_json_t *
ngx_litellm_bedrock_embed_kinds(ngx_litellm_json_t *v)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *m;

    static const ngx_str_t  kinds[] = {
        ngx_string("float"),
        ngx_string("int8"),
        ngx_string("uint8"),
        ngx_string("binary"),
        ngx_string("ubinary")
    };

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        m = ngx_litellm_json_get(v, (char *) kinds[i].data, kinds[i].len);

        if (ngx_litellm_json_is(m, ARRAY)) {
            return m;
        }
    }

    return NULL;
}


/* copied: the body goes with its exchange */

static ngx_int_t
ngx_litellm_bedrock_embed_vector(ngx_litellm_call_t *call,
    ngx_litellm_bedrock_embed_t *b, ngx_litellm_json_t *v)
{
    ngx_int_t  rc;

    b->answer.vectors.nelts = 0;

    rc = ngx_litellm_embed_vector(call, &b->answer, v);
    if (rc != NGX_OK) {
        return rc;
    }

    if (b->vectors.size) {
        ngx_litellm_out_lit(&b->vectors, ",");

    } else {
        ngx_litellm_out_lit(&b->vectors, "{\"vectors\":[");
    }

    ngx_litellm_out_copy(&b->vectors, v->start, v->len);

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_bedrock_embed_response(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_answer_t *answer, ngx_litellm_error_t *e)
{
    ngx_int_t                rc;
    ngx_litellm_json_doc_t   doc;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = call->pool;
    doc.keep = 3;

    rc = ngx_litellm_json_parse(&doc, body->data, body->len);

    if (rc == NGX_OK) {
        rc = ngx_litellm_embed_vectors(call, answer,
                                       ngx_litellm_json_member(doc.root,
                                                               "vectors"));
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        return ngx_litellm_call_broken(call, e, "the provider's answer has no "
                                       "embeddings");
    }

    ngx_litellm_embed_usage(answer, ngx_litellm_call_tokens(doc.root, "tokens",
                                                            -1));

    return NGX_OK;
}
