
/*
 * The Anthropic dialect under a client of the chat or completions format: any
 * bytes as a request, as an answer, as an error or as a stream.  Whatever
 * comes out is JSON, a request has no member twice, a stream is events of
 * JSON.
 *
 * The first byte says what the input is and which model and options hold.
 */

#include "fuzz.h"

#include "ngx_litellm_format.h"
#include "ngx_litellm_sse.h"


typedef struct {
    ngx_litellm_provider_t     provider;
    ngx_litellm_deployment_t   deployment;
    ngx_litellm_config_t       config;
    ngx_litellm_call_t         call;
    ngx_litellm_error_t        error;
    ngx_litellm_writer_t       writer;
    ngx_litellm_out_t          out;
} fuzz_call_t;


static const char  fuzz_request_text[] =
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a.b\"}}],"
    "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
    "{\"schema\":{\"type\":\"object\"}}}}";


static void
fuzz_call(fuzz_call_t *f, ngx_pool_t *pool, ngx_uint_t options,
    ngx_str_t *body)
{
    static const char  *models[] = {
        "claude-sonnet-4-5", "claude-3-5-haiku-20241022", "claude-opus-4-7",
        "crow-9"
    };

    ngx_memzero(f, sizeof(fuzz_call_t));

    ngx_str_set(&f->provider.name, "anthropic");
    ngx_str_set(&f->provider.exception, "AnthropicException");
    f->provider.dialect = &ngx_litellm_anthropic_dialect;

    f->deployment.provider = &f->provider;
    ngx_str_set(&f->deployment.api_key, "sk-ant-fuzz-key");
    f->deployment.model.data = (u_char *) models[options & 3];
    f->deployment.model.len = ngx_strlen(models[options & 3]);

    f->config.modify_params = (options >> 2) & 1;

    f->call.pool = pool;
    f->call.log = &fuzz_log;
    f->call.config = &f->config;
    f->call.deployment = &f->deployment;
    f->call.provider_model = f->deployment.model;
    f->call.drop_params = (options >> 3) & 1;
    f->call.body = *body;
    ngx_str_set(&f->call.id, "chatcmpl-1");

    f->call.format = &ngx_litellm_openai_chat;

    if (options & 0x10) {
        f->call.op = NGX_LITELLM_OP_COMPLETIONS;
        f->call.format = &ngx_litellm_openai_completions;
    }

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

    rc = ngx_litellm_anthropic_dialect.request(&f->call, &wire, &f->error);

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

    rc = ngx_litellm_anthropic_dialect.response(&f->call, body, &answer,
                                                &f->error);
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
        FUZZ_ASSERT(ngx_litellm_anthropic_dialect.event(&st, &ev.name,
                                                        &ev.data)
                    == NGX_OK);
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
    ngx_str_t     input, request;
    ngx_uint_t    what, options;
    ngx_pool_t   *pool;
    fuzz_call_t   f;

    if (size < 1) {
        return 0;
    }

    what = data[0] & 3;
    options = data[0] >> 2;

    pool = fuzz_pool();

    input = fuzz_copy(pool, data + 1, size - 1);
    request = input;

    if (what != 0) {
        options &= ~0x10;
        request.data = (u_char *) fuzz_request_text;
        request.len = sizeof(fuzz_request_text) - 1;
    }

    fuzz_call(&f, pool, options, &request);

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
        fuzz_stream(&f, pool, &input);
        break;

    default:
        ngx_litellm_anthropic_dialect.error(&f.call, 400 + options, &input,
                                            &f.error);
        f.call.format->error(&f.out, &f.error, 0);
        fuzz_written(&f, pool);
    }

    ngx_destroy_pool(pool);

    return 0;
}
