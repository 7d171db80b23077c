
/*
 * The OpenAI embeddings dialect of clients: POST /embeddings.
 *
 * Bodies pass to providers of the same dialect as they are.  For the others
 * parse() makes chat->inputs, each a text or an array of tokens, and answer()
 * writes the vectors, whose numbers keep the provider's digits.  A client that
 * asked for base64 gets it, made here of a provider's numbers: OpenAI's own
 * clients ask for it without being told to.  There are no streams.
 *
 * Also called for deployments with a mock_response, where a text that is an
 * array of numbers is the vector.
 */

#include "ngx_litellm_openai.h"


/* what OpenAI takes in one request */
#define NGX_LITELLM_EMBEDDINGS_INPUTS  2048

/* digits of a number that are looked at: more than a double holds */
#define NGX_LITELLM_EMBEDDINGS_DIGITS  18


typedef struct {
    ngx_litellm_json_doc_t   doc;        /* of one vector */
    u_char                  *floats;
    u_char                  *text;       /* their base64 */
    ngx_uint_t               nalloc;     /* numbers that there is room for */
} ngx_litellm_embeddings_coder_t;


static ngx_int_t ngx_litellm_embeddings_parse(ngx_litellm_call_t *call,
    ngx_litellm_json_doc_t *doc, ngx_litellm_chat_t *chat,
    ngx_litellm_error_t *e);
static ngx_uint_t ngx_litellm_embeddings_tokens(ngx_litellm_json_t *v);
static void ngx_litellm_embeddings_answer(ngx_litellm_call_t *call,
    ngx_litellm_out_t *out, ngx_litellm_answer_t *answer);
static ngx_int_t ngx_litellm_embeddings_mock(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer, ngx_str_t *vector);
static ngx_uint_t ngx_litellm_embeddings_base64(ngx_litellm_call_t *call);
static void ngx_litellm_embeddings_vector(ngx_litellm_call_t *call,
    ngx_litellm_out_t *out, ngx_litellm_embeddings_coder_t *coder,
    ngx_str_t *vector);
static float ngx_litellm_embeddings_float(ngx_litellm_json_t *v);


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
    ngx_int_t            rc;
    ngx_uint_t           i;
    ngx_litellm_json_t  *root, *input, *v;

    rc = ngx_litellm_openai_params(call, doc, chat, &root, e);
    if (rc != NGX_OK) {
        return rc;
    }

    input = ngx_litellm_json_member(root, "input");

    chat->ninputs = 1;
    v = input;

    if (ngx_litellm_json_is(input, ARRAY) && input->count
        && !ngx_litellm_json_is(input + 1, NUMBER))
    {
        chat->ninputs = input->count;
        v = input + 1;
    }

    if (chat->ninputs > NGX_LITELLM_EMBEDDINGS_INPUTS) {
        return ngx_litellm_openai_bad(e, "'input' has more than 2048 "
                                      "elements", "input");
    }

    chat->inputs = ngx_palloc(call->pool, chat->ninputs
                                          * sizeof(ngx_litellm_json_t *));
    if (chat->inputs == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < chat->ninputs; i++) {

        if (!ngx_litellm_json_is(v, STRING)
            && !ngx_litellm_embeddings_tokens(v))
        {
            return ngx_litellm_openai_bad(e, "'input' must be a string, an "
                                          "array of strings, an array of "
                                          "tokens or an array of such arrays",
                                          "input");
        }

        chat->inputs[i] = v;
        v = ngx_litellm_json_next(v);
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_litellm_embeddings_tokens(ngx_litellm_json_t *v)
{
    ngx_uint_t  i, n;

    if (!ngx_litellm_json_is(v, ARRAY) || v->count == 0) {
        return 0;
    }

    n = v->count;
    v++;

    for (i = 0; i < n; i++, v = ngx_litellm_json_next(v)) {
        if (v->type != NGX_LITELLM_JSON_NUMBER) {
            return 0;
        }
    }

    return 1;
}


static void
ngx_litellm_embeddings_answer(ngx_litellm_call_t *call,
    ngx_litellm_out_t *out, ngx_litellm_answer_t *answer)
{
    ngx_str_t                       *vectors, mock;
    ngx_uint_t                       i, n, base64;
    ngx_litellm_usage_t              usage;
    ngx_litellm_embeddings_coder_t   coder;

    vectors = answer->vectors.elts;
    n = answer->vectors.nelts;

    if (n == 0) {
        if (ngx_litellm_embeddings_mock(call, answer, &mock) != NGX_OK) {
            out->failed = 1;
            return;
        }

        vectors = &mock;
        n = 1;
    }

    ngx_memzero(&coder, sizeof(ngx_litellm_embeddings_coder_t));

    base64 = ngx_litellm_embeddings_base64(call);

    ngx_litellm_out_lit(out, "{\"object\":\"list\",\"data\":[");

    for (i = 0; i < n; i++) {

        if (i) {
            ngx_litellm_out_lit(out, ",");
        }

        ngx_litellm_out_lit(out, "{\"object\":\"embedding\",\"index\":");
        ngx_litellm_out_int(out, i);
        ngx_litellm_out_lit(out, ",\"embedding\":");

        if (base64 && vectors[i].len && vectors[i].data[0] == '[') {
            ngx_litellm_embeddings_vector(call, out, &coder, &vectors[i]);

        } else {
            ngx_litellm_out_ref(out, vectors[i].data, vectors[i].len);
        }

        ngx_litellm_out_lit(out, "}");
    }

    ngx_litellm_out_lit(out, "],\"model\":");
    ngx_litellm_out_json(out, &call->model);

    ngx_litellm_out_lit(out, ",");

    /* mock_response has a usage of a text's */

    usage = answer->usage;
    usage.completion = 0;
    usage.total = ngx_max(usage.prompt, 0);

    ngx_litellm_openai_usage(out, &usage);
    ngx_litellm_out_lit(out, "}");
}


static ngx_int_t
ngx_litellm_embeddings_mock(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer, ngx_str_t *vector)
{
    ngx_int_t               rc;
    ngx_litellm_json_doc_t  doc;

    ngx_str_set(vector, "[]");

    rc = ngx_litellm_openai_mock_array(call, answer, &doc);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK && ngx_litellm_embeddings_tokens(doc.root)) {
        vector->data = doc.root->start;
        vector->len = doc.root->len;
    }

    return NGX_OK;
}


ngx_int_t
ngx_litellm_openai_mock_array(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer, ngx_litellm_json_doc_t *doc)
{
    ngx_str_t           *text, json;
    ngx_uint_t           i;
    ngx_litellm_out_t    joined;

    text = answer->text.elts;

    ngx_litellm_out_init(&joined, call->pool);

    for (i = 0; i < answer->text.nelts; i++) {
        ngx_litellm_out_unescape(&joined, text[i].data, text[i].len);
    }

    if (ngx_litellm_out_join(&joined, &json) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(doc, sizeof(ngx_litellm_json_doc_t));

    doc->pool = call->pool;
    doc->keep = 2;

    switch (ngx_litellm_json_parse(doc, json.data, json.len)) {

    case NGX_OK:
        return doc->root->type == NGX_LITELLM_JSON_ARRAY ? NGX_OK
                                                         : NGX_DECLINED;
    case NGX_ERROR:
        return NGX_ERROR;

    default:
        return NGX_DECLINED;
    }
}


/* the client's word, else the deployment's default */

static ngx_uint_t
ngx_litellm_embeddings_base64(ngx_litellm_call_t *call)
{
    ngx_uint_t              i;
    ngx_array_t            *defaults;
    ngx_litellm_json_t     *v;
    ngx_litellm_default_t  *d;

    v = call->param[NGX_LITELLM_P_ENCODING_FORMAT];

    if (v != NULL && v->type != NGX_LITELLM_JSON_NULL) {
        return ngx_litellm_json_is(v, STRING)
               && ngx_litellm_json_eq(v, "base64");
    }

    defaults = call->deployment ? call->deployment->defaults : NULL;

    if (defaults == NULL) {
        return 0;
    }

    d = defaults->elts;

    for (i = 0; i < defaults->nelts; i++) {
        if (d[i].param == NGX_LITELLM_P_ENCODING_FORMAT) {
            return ngx_litellm_json_is(d[i].value, STRING)
                   && ngx_litellm_json_eq(d[i].value, "base64");
        }
    }

    return 0;
}


/* the numbers as floats of four bytes, little endian, in base64 */

static void
ngx_litellm_embeddings_vector(ngx_litellm_call_t *call,
    ngx_litellm_out_t *out, ngx_litellm_embeddings_coder_t *coder,
    ngx_str_t *vector)
{
    float                f;
    u_char              *p;
    uint32_t             bits;
    ngx_str_t            src, dst;
    ngx_uint_t           i, n;
    ngx_litellm_json_t  *v;

    coder->doc.pool = call->pool;
    coder->doc.keep = 2;

    if (ngx_litellm_json_parse(&coder->doc, vector->data, vector->len)
        != NGX_OK)
    {
        out->failed = 1;
        return;
    }

    n = coder->doc.root->count;

    if (n > coder->nalloc) {
        coder->floats = ngx_pnalloc(call->pool, n * 4);
        coder->text = ngx_pnalloc(call->pool, ngx_base64_encoded_length(n * 4));

        if (coder->floats == NULL || coder->text == NULL) {
            out->failed = 1;
            return;
        }

        coder->nalloc = n;
    }

    p = coder->floats;
    v = coder->doc.root + 1;

    for (i = 0; i < n; i++, v = ngx_litellm_json_next(v)) {
        f = ngx_litellm_embeddings_float(v);
        ngx_memcpy(&bits, &f, 4);

        *p++ = (u_char) bits;
        *p++ = (u_char) (bits >> 8);
        *p++ = (u_char) (bits >> 16);
        *p++ = (u_char) (bits >> 24);
    }

    src.data = coder->floats;
    src.len = n * 4;
    dst.data = coder->text;

    ngx_encode_base64(&dst, &src);

    ngx_litellm_out_lit(out, "\"");
    ngx_litellm_out_copy(out, dst.data, dst.len);
    ngx_litellm_out_lit(out, "\"");
}


/*
 * By hand: strtod() looks at the locale and needs a terminating zero.  The
 * error is far below what a float can show; what is too large becomes the
 * largest float, what is no number 0.
 */

static float
ngx_litellm_embeddings_float(ngx_litellm_json_t *v)
{
    u_char      *p, *last;
    double       d, scale;
    uint64_t     mantissa;
    ngx_int_t    exponent, e;
    ngx_uint_t   minus, digits, fraction, negative;

    if (v->type != NGX_LITELLM_JSON_NUMBER) {
        return 0;
    }

    p = v->start;
    last = p + v->len;

    minus = (*p == '-');
    if (minus) {
        p++;
    }

    mantissa = 0;
    exponent = 0;
    digits = 0;
    fraction = 0;

    for ( /* void */ ; p < last && *p != 'e' && *p != 'E'; p++) {

        if (*p == '.') {
            fraction = 1;
            continue;
        }

        if (digits < NGX_LITELLM_EMBEDDINGS_DIGITS) {
            mantissa = mantissa * 10 + (*p - '0');
            digits += (mantissa != 0);
            exponent -= fraction;

        } else {
            exponent += !fraction;
        }
    }

    if (p < last) {
        p++;
        negative = (*p == '-');

        if (*p == '-' || *p == '+') {
            p++;
        }

        for (e = 0; p < last; p++) {
            if (e < 100000) {
                e = e * 10 + (*p - '0');
            }
        }

        exponent += negative ? -e : e;
    }

    d = (double) mantissa;
    negative = (exponent < 0);

    if (negative) {
        exponent = -exponent;
    }

    exponent = ngx_min(exponent, 400);

    for (scale = 10; exponent && d != 0; exponent >>= 1) {
        if (exponent & 1) {
            d = negative ? d / scale : d * scale;
        }

        scale *= scale;
    }

    if (d > 3.4028234663852886e38) {
        d = 3.4028234663852886e38;
    }

    return (float) (minus ? -d : d);
}
