
/*
 * The Cohere dialects, rerank, and the embeddings that are translated, under a
 * client of the chat, completions, embeddings or rerank format: any bytes as a
 * request, as an answer, as an error or as a stream.  Whatever comes out is
 * JSON, a request has no member twice, a stream is events of JSON.
 *
 * The first byte says what the input is and which options hold, the second one
 * which dialect it is for.
 */

#include "fuzz.h"

#include "ngx_litellm_format.h"
#include "ngx_litellm_sse.h"


typedef struct {
    ngx_litellm_provider_t        provider;
    ngx_litellm_deployment_t      deployment;
    ngx_litellm_config_t          config;
    ngx_litellm_call_t            call;
    ngx_litellm_error_t           error;
    ngx_litellm_writer_t          writer;
    ngx_litellm_out_t             out;
    const ngx_litellm_dialect_t  *dialect;
} fuzz_call_t;


typedef struct {
    const char                   *provider;
    const ngx_litellm_dialect_t  *dialect;
    const char                   *model;
    ngx_litellm_op_e              op;
    const ngx_litellm_format_t   *format;
    const char                   *request;
} fuzz_target_t;


static const char  fuzz_chat[] =
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"}}]}";

static const char  fuzz_embed[] =
    "{\"model\":\"m\",\"input\":[\"a\",\"b\"],\"encoding_format\":"
    "\"base64\"}";

static const char  fuzz_rerank[] =
    "{\"model\":\"m\",\"query\":\"a\",\"documents\":[\"b\",{\"text\":\"c\"},"
    "\"d\"],\"return_documents\":true,\"top_n\":2}";


static const fuzz_target_t  fuzz_targets[] = {
    { "cohere", &ngx_litellm_cohere_dialect, "command-a-03-2025",
      NGX_LITELLM_OP_CHAT, &ngx_litellm_openai_chat, fuzz_chat },
    { "cohere", &ngx_litellm_cohere_dialect, "command-a-reasoning-08-2025",
      NGX_LITELLM_OP_CHAT, &ngx_litellm_openai_chat, fuzz_chat },
    { "cohere", &ngx_litellm_cohere_dialect, "crow-9",
      NGX_LITELLM_OP_COMPLETIONS, &ngx_litellm_openai_completions,
      "{\"prompt\":\"a\"}" },
    { "cohere", &ngx_litellm_cohere_embed_dialect, "embed-v4.0",
      NGX_LITELLM_OP_EMBEDDINGS, &ngx_litellm_openai_embeddings, fuzz_embed },
    { "gemini", &ngx_litellm_gemini_embed_dialect, "gemini-embedding-001",
      NGX_LITELLM_OP_EMBEDDINGS, &ngx_litellm_openai_embeddings, fuzz_embed },
    { "vertex_ai", &ngx_litellm_vertex_embed_dialect, "text-embedding-005",
      NGX_LITELLM_OP_EMBEDDINGS, &ngx_litellm_openai_embeddings, fuzz_embed },
    { "huggingface", &ngx_litellm_huggingface_embed_dialect, "a/b",
      NGX_LITELLM_OP_EMBEDDINGS, &ngx_litellm_openai_embeddings, fuzz_embed },
    { "huggingface", &ngx_litellm_huggingface_rerank_dialect, "a/b",
      NGX_LITELLM_OP_RERANK, &ngx_litellm_rerank_format, fuzz_rerank },
    { "cohere", &ngx_litellm_rerank_dialect, "rerank-v3.5",
      NGX_LITELLM_OP_RERANK, &ngx_litellm_rerank_format, fuzz_rerank },
    { "voyage", &ngx_litellm_rerank_dialect, "rerank-2",
      NGX_LITELLM_OP_RERANK, &ngx_litellm_rerank_format, fuzz_rerank },
    { "together_ai", &ngx_litellm_rerank_dialect, "rerank",
      NGX_LITELLM_OP_RERANK, &ngx_litellm_rerank_format, fuzz_rerank }
};


static void
fuzz_call(fuzz_call_t *f, ngx_pool_t *pool, const fuzz_target_t *t,
    ngx_uint_t options, ngx_str_t *body)
{
    ngx_memzero(f, sizeof(fuzz_call_t));

    f->provider.name.data = (u_char *) t->provider;
    f->provider.name.len = ngx_strlen(t->provider);
    ngx_str_set(&f->provider.exception, "FuzzException");
    f->provider.dialect = t->dialect;

    f->deployment.provider = &f->provider;
    ngx_str_set(&f->deployment.api_key, "key-of-the-fuzzer");
    f->deployment.model.data = (u_char *) t->model;
    f->deployment.model.len = ngx_strlen(t->model);

    f->dialect = t->dialect;

    f->call.pool = pool;
    f->call.log = &fuzz_log;
    f->call.config = &f->config;
    f->call.deployment = &f->deployment;
    f->call.provider_model = f->deployment.model;
    f->call.drop_params = options & 1;
    f->call.body = *body;
    f->call.op = t->op;
    f->call.format = t->format;
    ngx_str_set(&f->call.id, "chatcmpl-1");

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
fuzz_request(fuzz_call_t *f, ngx_pool_t *pool)
{
    ngx_int_t            rc;
    ngx_str_t            text;
    ngx_uint_t           i, j;
    ngx_litellm_wire_t   wire;
    ngx_litellm_json_t  *root, *key, *other;

    ngx_memzero(&wire, sizeof(wire));
    ngx_litellm_out_init(&wire.body, pool);
    wire.body.chunk = 128;
    wire.body.ref_min = 64;
    (void) ngx_array_init(&wire.headers, pool, 4, sizeof(ngx_keyval_t));

    rc = f->dialect->request(&f->call, &wire, &f->error);

    if (rc == NGX_DECLINED) {
        FUZZ_ASSERT(f->error.status >= 400 && f->error.message.len);
        f->call.format->error(&f->out, &f->error, 0);
        fuzz_written(f, pool);
        return;
    }

    FUZZ_ASSERT(rc == NGX_OK);
    FUZZ_ASSERT(ngx_litellm_out_join(&wire.body, &text) == NGX_OK);

    root = fuzz_is_json(pool, &text);
    FUZZ_ASSERT(root->type == NGX_LITELLM_JSON_OBJECT);

    key = root + 1;

    for (i = 0; i < root->count && i < 64; i++) {
        other = ngx_litellm_json_next(key + 1);

        for (j = i + 1; j < root->count && j < 64; j++) {
            FUZZ_ASSERT(key->len != other->len
                        || ngx_memcmp(key->start, other->start, key->len)
                           != 0);
            other = ngx_litellm_json_next(other + 1);
        }

        key = ngx_litellm_json_next(key + 1);
    }
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


static ngx_int_t
fuzz_emit(void *data, ngx_litellm_event_t *ev)
{
    fuzz_call_t *f = data;

    if (ev->type == NGX_LITELLM_EV_ERROR) {
        FUZZ_ASSERT(ev->error->status >= 400);
    }

    f->call.format->event(&f->writer, &f->out, ev);

    return NGX_OK;
}


static void
fuzz_stream(fuzz_call_t *f, ngx_pool_t *pool, ngx_str_t *bytes)
{
    u_char                   *p, *last, *end;
    ngx_str_t                 text, line;
    ngx_litellm_sse_t         sse;
    ngx_litellm_stream_t      st;
    ngx_litellm_sse_event_t   ev;

    ngx_memzero(&sse, sizeof(sse));
    sse.pool = pool;
    sse.max = 65536;

    ngx_memzero(&st, sizeof(st));
    st.call = &f->call;
    st.pool = pool;
    st.doc.pool = pool;
    st.emit = fuzz_emit;
    st.data = f;

    p = bytes->data;
    last = p + bytes->len;

    while (ngx_litellm_sse_next(&sse, &p, last, &ev) == NGX_OK) {
        FUZZ_ASSERT(f->dialect->event(&st, &ev.name, &ev.data) == NGX_OK);
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
    ngx_str_t             input, request;
    ngx_uint_t            what, options;
    ngx_pool_t           *pool;
    fuzz_call_t           f;
    const fuzz_target_t  *t;

    if (size < 2) {
        return 0;
    }

    what = data[0] & 3;
    options = data[0] >> 2;
    t = &fuzz_targets[data[1] % (sizeof(fuzz_targets)
                                 / sizeof(fuzz_targets[0]))];

    pool = fuzz_pool();

    input = fuzz_copy(pool, data + 2, size - 2);
    request = input;

    if (what != 0) {
        request.data = (u_char *) t->request;
        request.len = ngx_strlen(t->request);
    }

    fuzz_call(&f, pool, t, options, &request);

    if (f.call.format->open(&f.call, &f.error) != NGX_OK) {
        f.call.format->error(&f.out, &f.error, 0);
        fuzz_written(&f, pool);
        ngx_destroy_pool(pool);
        return 0;
    }

    switch (what) {

    case 0:
        fuzz_request(&f, pool);
        break;

    case 1:
        fuzz_answer(&f, pool, &input);
        break;

    case 2:
        if (f.dialect->event) {
            fuzz_stream(&f, pool, &input);
        }

        break;

    default:
        f.dialect->error(&f.call, 400 + options, &input, &f.error);
        f.call.format->error(&f.out, &f.error, 0);
        fuzz_written(&f, pool);
    }

    ngx_destroy_pool(pool);

    return 0;
}
