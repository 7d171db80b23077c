
/*
 * The Bedrock dialects under a client of the chat, completions or embeddings
 * format: any bytes as a request, as an answer, as an error, as the payloads of
 * a stream or as the answers of an embedding's calls.  Whatever comes out is
 * JSON, a request has no member twice, a stream is events of JSON.
 *
 * The first byte says what the input is, the second which model and options
 * hold.
 */

#include "fuzz.h"

#include "ngx_litellm_bedrock.h"


typedef struct {
    ngx_litellm_deployment_t      deployment;
    ngx_litellm_bedrock_own_t     own;
    ngx_litellm_config_t          config;
    ngx_litellm_call_t            call;
    ngx_litellm_error_t           error;
    ngx_litellm_writer_t          writer;
    ngx_litellm_out_t             out;
    const ngx_litellm_dialect_t  *dialect;
} fuzz_call_t;


static const char  fuzz_request_text[] =
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a.b\"}}],"
    "\"stream_options\":{\"include_usage\":true},"
    "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
    "{\"schema\":{\"type\":\"object\"}}}}";

static const char  fuzz_inputs_text[] =
    "{\"model\":\"m\",\"input\":[\"a\",\"b\",\"data:image/png;base64,AQID\"]}";


static void
fuzz_call(fuzz_call_t *f, ngx_pool_t *pool, ngx_uint_t embed,
    ngx_uint_t options, ngx_str_t *body)
{
    ngx_str_t  name;

    static const char  *models[] = {
        "converse/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "us-east-1/anthropic.claude-3-haiku-20240307-v1:0",
        "us.anthropic.claude-opus-4-7",
        "amazon.nova-pro-v1:0",
        "us.amazon.nova-2-lite-v1:0",
        "openai.gpt-oss-120b-1:0",
        "deepseek.r1-v1:0",
        "arn:aws:bedrock:eu-west-1:1:application-inference-profile/a"
    };

    static const char  *embeds[] = {
        "amazon.titan-embed-text-v1",
        "amazon.titan-embed-text-v2:0",
        "amazon.titan-embed-image-v1",
        "cohere.embed-english-v3",
        "us.cohere.embed-v4:0",
        "amazon.nova-2-multimodal-embeddings-v1:0",
        "cohere.embed-multilingual-v3",
        "other"
    };

    ngx_memzero(f, sizeof(fuzz_call_t));

    ngx_str_set(&name, "bedrock");
    f->deployment.provider = ngx_litellm_provider_find(&name);
    ngx_str_set(&f->deployment.api_key, "bedrock-fuzz-key");
    f->deployment.model.data = (u_char *) (embed ? embeds[options & 7]
                                                 : models[options & 7]);
    f->deployment.model.len = ngx_strlen(f->deployment.model.data);

    if (options & 8) {
        ngx_str_set(&f->own.key.key_id, "AKID");
        ngx_str_set(&f->own.key.secret, "fuzz-secret");
        ngx_str_set(&f->own.key.region, "us-east-1");
        ngx_str_set(&f->own.key.service, "bedrock");
        f->deployment.own = &f->own;
    }

    f->config.modify_params = (options >> 4) & 1;

    f->call.pool = pool;
    f->call.log = &fuzz_log;
    f->call.config = &f->config;
    f->call.deployment = &f->deployment;
    f->call.provider_model = f->deployment.model;
    f->call.drop_params = (options >> 5) & 1;
    f->call.may_fetch = (options >> 7) & 1;
    f->call.body = *body;
    f->call.now = 1700000000;
    ngx_str_set(&f->call.id, "chatcmpl-1");

    f->call.format = &ngx_litellm_openai_chat;

    if (embed) {
        f->call.op = NGX_LITELLM_OP_EMBEDDINGS;
        f->call.format = &ngx_litellm_openai_embeddings;

    } else if (options & 0x40) {
        f->call.op = NGX_LITELLM_OP_COMPLETIONS;
        f->call.format = &ngx_litellm_openai_completions;
    }

    f->dialect = ngx_litellm_provider_dialect(&f->call);

    f->writer.call = &f->call;
    ngx_litellm_usage_init(&f->writer.usage);
    ngx_litellm_out_init(&f->out, pool);
}


static ngx_litellm_json_t *
fuzz_is_json(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_litellm_json_doc_t  doc;

    ngx_memzero(&doc, sizeof(doc));
    doc.pool = pool;
    doc.max_depth = 1024;

    FUZZ_ASSERT(ngx_litellm_json_parse(&doc, text->data, text->len)
                == NGX_OK);

    return doc.root;
}


static void
fuzz_written(fuzz_call_t *f, ngx_pool_t *pool)
{
    ngx_str_t  text;

    FUZZ_ASSERT(!f->out.failed);
    FUZZ_ASSERT(ngx_litellm_out_join(&f->out, &text) == NGX_OK);

    (void) fuzz_is_json(pool, &text);
}


static void
fuzz_unique(ngx_litellm_json_t *v)
{
    ngx_uint_t           i, j;
    ngx_litellm_json_t  *key, *other;

    if (!ngx_litellm_json_is(v, OBJECT)) {
        return;
    }

    key = v + 1;

    for (i = 0; i < v->count && i < 64; i++) {
        other = ngx_litellm_json_next(key + 1);

        for (j = i + 1; j < v->count && j < 64; j++) {
            FUZZ_ASSERT(key->len != other->len
                        || ngx_memcmp(key->start, other->start, key->len)
                           != 0);
            other = ngx_litellm_json_next(other + 1);
        }

        key = ngx_litellm_json_next(key + 1);
    }
}


static void
fuzz_wire(ngx_litellm_wire_t *wire, ngx_pool_t *pool, void *state)
{
    ngx_memzero(wire, sizeof(ngx_litellm_wire_t));
    wire->state = state;
    ngx_litellm_out_init(&wire->body, pool);
    wire->body.chunk = 128;
    wire->body.ref_min = 64;
    (void) ngx_array_init(&wire->headers, pool, 4, sizeof(ngx_keyval_t));
}


/* NGX_OK: a request that may be sent */

static ngx_int_t
fuzz_request(fuzz_call_t *f, ngx_pool_t *pool, ngx_litellm_wire_t *wire)
{
    ngx_int_t             rc;
    ngx_str_t             text;
    ngx_uint_t            i;
    ngx_litellm_json_t   *root;
    ngx_litellm_fetch_t  *fetch;

    fuzz_wire(wire, pool, NULL);

    rc = f->dialect->request(&f->call, wire, &f->error);

    if (rc == NGX_AGAIN) {
        FUZZ_ASSERT(f->call.fetches != NULL);
        fetch = f->call.fetches->elts;

        for (i = 0; i < f->call.fetches->nelts; i++) {
            fetch[i].done = 1;
            ngx_str_set(&fetch[i].media, "image/png");
            ngx_str_set(&fetch[i].data, "AQID");
        }

        fuzz_wire(wire, pool, NULL);
        rc = f->dialect->request(&f->call, wire, &f->error);
    }

    if (rc == NGX_DECLINED) {
        FUZZ_ASSERT(f->error.status >= 400 && f->error.message.len);
        f->call.format->error(&f->out, &f->error, 0);
        fuzz_written(f, pool);
        return NGX_DECLINED;
    }

    FUZZ_ASSERT(rc == NGX_OK && wire->path.len && wire->headers.nelts);
    FUZZ_ASSERT(ngx_litellm_out_join(&wire->body, &text) == NGX_OK);

    root = fuzz_is_json(pool, &text);
    FUZZ_ASSERT(root->type == NGX_LITELLM_JSON_OBJECT);

    fuzz_unique(root);
    fuzz_unique(ngx_litellm_json_member(root, "inferenceConfig"));
    fuzz_unique(ngx_litellm_json_member(root,
                                        "additionalModelRequestFields"));

    return NGX_OK;
}


static void
fuzz_answer(fuzz_call_t *f, ngx_pool_t *pool, ngx_str_t *body)
{
    ngx_int_t             rc;
    ngx_litellm_answer_t  answer;

    (void) ngx_litellm_answer_init(&answer, pool);

    rc = f->dialect->response(&f->call, body, &answer, &f->error);

    if (rc == NGX_OK) {
        f->call.format->answer(&f->call, &f->out, &answer);

    } else {
        FUZZ_ASSERT(rc == NGX_DECLINED && f->error.status >= 400);
        f->call.format->error(&f->out, &f->error, 0);
    }

    fuzz_written(f, pool);
}


/* each line of the input is the answer of a call */

static void
fuzz_follow(fuzz_call_t *f, ngx_pool_t *pool, ngx_str_t *input)
{
    u_char              *p, *last, *end;
    ngx_int_t            rc;
    ngx_str_t            line, text;
    ngx_litellm_wire_t   wire;

    if (fuzz_request(f, pool, &wire) != NGX_OK) {
        return;
    }

    p = input->data;
    last = p + input->len;

    do {
        end = ngx_strlchr(p, last, '\n');
        end = end ? end : last;

        line = fuzz_copy(pool, p, end - p);
        p = ngx_min(end + 1, last);

        fuzz_wire(&wire, pool, wire.state);

        rc = f->dialect->follow(&f->call, &wire, &line, NULL, &f->error);

        if (rc == NGX_AGAIN) {
            FUZZ_ASSERT(ngx_litellm_out_join(&wire.body, &text) == NGX_OK);
            (void) fuzz_is_json(pool, &text);
        }

    } while (rc == NGX_AGAIN && p < last);

    if (rc == NGX_OK) {
        fuzz_answer(f, pool, &line);

    } else if (rc != NGX_AGAIN) {
        FUZZ_ASSERT(rc == NGX_DECLINED && f->error.status >= 400);
    }
}


static ngx_int_t
fuzz_emit(void *data, ngx_litellm_event_t *ev)
{
    fuzz_call_t *f = data;

    f->call.format->event(&f->writer, &f->out, ev);

    return NGX_OK;
}


/* each line is an event: one character for its name, then the payload */

static void
fuzz_stream(fuzz_call_t *f, ngx_pool_t *pool, ngx_str_t *bytes)
{
    u_char                *p, *last, *end;
    ngx_str_t              text, line, name;
    ngx_litellm_stream_t   st;

    static const ngx_str_t  names[] = {
        ngx_string("messageStart"),
        ngx_string("contentBlockStart"),
        ngx_string("contentBlockDelta"),
        ngx_string("contentBlockStop"),
        ngx_string("messageStop"),
        ngx_string("metadata"),
        ngx_string("throttlingException"),
        ngx_string("other")
    };

    ngx_memzero(&st, sizeof(st));
    st.call = &f->call;
    st.pool = pool;
    st.doc.pool = pool;
    st.emit = fuzz_emit;
    st.data = f;

    p = bytes->data;
    last = p + bytes->len;

    while (p < last) {
        end = ngx_strlchr(p, last, '\n');
        end = end ? end : last;

        if (end > p) {
            name = names[*p & 7];
            st.exception = ((*p & 7) == 6 || *p & 0x80);
            line = fuzz_copy(pool, p + 1, end - p - 1);

            FUZZ_ASSERT(f->dialect->event(&st, &name, &line) == NGX_OK);
        }

        p = end + 1;
    }

    FUZZ_ASSERT(!f->out.failed);
    FUZZ_ASSERT(ngx_litellm_out_join(&f->out, &text) == NGX_OK);

    p = text.data;
    last = p + text.len;

    while (p < last) {
        FUZZ_ASSERT(last - p > 8 && ngx_memcmp(p, "data: ", 6) == 0);
        p += 6;

        end = ngx_strlchr(p, last, '\n');
        FUZZ_ASSERT(end != NULL && end + 1 < last && end[1] == '\n');

        line.data = p;
        line.len = end - p;

        if (line.len != 6 || ngx_memcmp(line.data, "[DONE]", 6) != 0) {
            (void) fuzz_is_json(pool, &line);
        }

        p = end + 2;
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t            input, request;
    ngx_uint_t           what, options, embed;
    ngx_pool_t          *pool;
    fuzz_call_t          f;
    ngx_litellm_wire_t   wire;

    if (size < 2) {
        return 0;
    }

    what = data[0] % 6;
    options = data[1];
    embed = (what >= 4);

    pool = fuzz_pool();

    input = fuzz_copy(pool, data + 2, size - 2);
    request = input;

    if (what != 0 && what != 4) {
        options &= ~0x40;
        request.data = (u_char *) (embed ? fuzz_inputs_text
                                         : fuzz_request_text);
        request.len = ngx_strlen(request.data);
    }

    fuzz_call(&f, pool, embed, options, &request);

    if (f.call.format->open(&f.call, &f.error) != NGX_OK) {
        f.call.format->error(&f.out, &f.error, 0);
        fuzz_written(&f, pool);
        ngx_destroy_pool(pool);
        return 0;
    }

    switch (what) {

    case 0:
    case 4:
        (void) fuzz_request(&f, pool, &wire);
        break;

    case 1:
        fuzz_answer(&f, pool, &input);
        break;

    case 2:
        fuzz_stream(&f, pool, &input);
        break;

    case 3:
        f.dialect->error(&f.call, 400 + options, &input, &f.error);
        f.call.format->error(&f.out, &f.error, 0);
        fuzz_written(&f, pool);
        break;

    default:
        fuzz_follow(&f, pool, &input);
    }

    ngx_destroy_pool(pool);

    return 0;
}
