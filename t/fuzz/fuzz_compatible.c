
/*
 * The OpenAI dialect as a translator, and the variants of it that other
 * providers are: any bytes as a request, as an answer, as an error or as a
 * stream.  See fuzz_dialect.h for what must hold; of answers that pass, what
 * a variant changed is JSON, and in a stream one line for each event.
 *
 * The first byte says what the input is and whether the client is of another
 * dialect, the second one the provider and options.
 */

#include "fuzz_dialect.h"


static const char  *fuzz_texts[] = {
    ("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"
     "\"stream\":true,\"stream_options\":{\"include_usage\":true}}"),
    "{\"model\":\"m\",\"prompt\":\"a\",\"stream\":true}"
};

static const struct {
    const char  *provider;
    const char  *model;
} fuzz_rows[] = {
    { "openrouter", "anthropic/claude-sonnet-4.5" },
    { "together_ai", "meta-llama/Llama-3.3-70B-Instruct-Turbo" },
    { "huggingface", "together/deepseek-ai/DeepSeek-R1" },
    { "openai_like", "m" },
    { "mistral", "magistral-medium-2509" },
    { "groq", "llama-3.3-70b-versatile" },
    { "deepseek", "deepseek-reasoner" },
    { "fireworks_ai", "m" },
    { "ragflow", "chat/a1/m" },
    { "parasail", "m" },
    { "scx-ai", "m" },
    { "publicai", "m" },
    { "sarvam", "m" },
    { "openai", "gpt-5" },
    { "docker_model_runner", "m" },
    { "azure", "gpt-4o" }
};


static void
fuzz_tap(fuzz_call_t *f, ngx_pool_t *pool, ngx_str_t *body)
{
    ngx_int_t             rc;
    ngx_litellm_facts_t   facts;

    ngx_memzero(&facts, sizeof(facts));

    rc = f->dialect->tap(&f->call, body, &facts);

    if (rc == NGX_DECLINED) {
        f->error = facts.error;
        fuzz_refused(f, pool);
        return;
    }

    FUZZ_ASSERT(rc == NGX_OK);

    (void) fuzz_is_json(pool, facts.data.data ? &facts.data : body);
}


static void
fuzz_changed(ngx_pool_t *pool, ngx_str_t *data)
{
    size_t      i;
    u_char     *p, *next, *last;
    ngx_str_t   line;

    /* further events behind the first one, as a stream writes them */

    p = data->data;
    last = p + data->len;

    for ( ;; ) {
        next = ngx_litellm_find(p, last, "\n\ndata: ",
                                sizeof("\n\ndata: ") - 1);

        line.data = p;
        line.len = (next ? next : last) - p;

        for (i = 0; i < line.len; i++) {
            FUZZ_ASSERT(line.data[i] != '\n' && line.data[i] != '\r');
        }

        (void) fuzz_is_json(pool, &line);

        if (next == NULL) {
            return;
        }

        p = next + sizeof("\n\ndata: ") - 1;
    }
}


static void
fuzz_tap_stream(fuzz_call_t *f, ngx_pool_t *pool, ngx_str_t *bytes)
{
    u_char                   *p, *last;
    ngx_int_t                 rc;
    ngx_litellm_sse_t         sse;
    ngx_litellm_facts_t       facts;
    ngx_litellm_json_doc_t    doc;
    ngx_litellm_sse_event_t   ev;

    ngx_memzero(&sse, sizeof(sse));
    sse.pool = pool;
    sse.max = 65536;

    ngx_memzero(&facts, sizeof(facts));
    ngx_memzero(&doc, sizeof(doc));
    doc.pool = pool;

    p = bytes->data;
    last = p + bytes->len;

    while (ngx_litellm_sse_next(&sse, &p, last, &ev) == NGX_OK) {

        if (ev.data.data == NULL) {
            continue;
        }

        ngx_str_null(&facts.data);

        rc = f->dialect->tap_event(&f->call, &doc, &ev.data, &facts);

        FUZZ_ASSERT(rc == NGX_OK || rc == NGX_DECLINED);

        if (facts.failed) {
            f->error = facts.error;
            fuzz_refused(f, pool);
            return;
        }

        if (rc == NGX_OK && facts.data.data != NULL) {
            fuzz_changed(pool, &facts.data);
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t              input, request;
    ngx_uint_t             what, row, options, translated;
    ngx_pool_t            *pool;
    fuzz_call_t            f;
    ngx_litellm_op_e       op;
    ngx_litellm_format_t   foreign;

    if (size < 2) {
        return 0;
    }

    what = data[0] & 3;
    op = (data[0] & 4) ? NGX_LITELLM_OP_COMPLETIONS : NGX_LITELLM_OP_CHAT;
    row = data[1] & 15;
    options = data[1] >> 4;

    pool = fuzz_pool();

    input = fuzz_copy(pool, data + 2, size - 2);
    request = input;

    if (what != 0) {
        request.data = (u_char *) fuzz_texts[op];
        request.len = ngx_strlen(fuzz_texts[op]);
    }

    fuzz_call(&f, pool, fuzz_rows[row].provider, fuzz_rows[row].model, op,
              &request);

    f.call.drop_params = options & 1;
    f.call.ask_usage = (options >> 1) & 1;
    ngx_str_set(&f.deployment.url.host, "router.huggingface.co");

    if (data[0] & 8) {
        foreign = *f.call.format;
        foreign.same = NULL;
        f.call.format = &foreign;
    }

    if (f.call.format->open(&f.call, &f.error) != NGX_OK) {
        f.call.format->error(&f.out, &f.error, 0);
        fuzz_written(&f, pool);
        ngx_destroy_pool(pool);
        return 0;
    }

    if (what != 0 && (options & 4)) {
        f.call.include_usage = 0;
    }

    translated = (data[0] & 8)
                 || (op == NGX_LITELLM_OP_COMPLETIONS
                     && (f.deployment.provider->quirks
                         & NGX_LITELLM_Q_AS_CHAT));

    switch (what) {

    case 0:
        fuzz_request(&f, pool, "reasoning");
        break;

    case 1:
        if (translated) {
            fuzz_answer(&f, pool, &input);

        } else {
            fuzz_tap(&f, pool, &input);
        }

        break;

    case 2:
        if (translated) {
            fuzz_stream(&f, pool, &input);

        } else {
            fuzz_tap_stream(&f, pool, &input);
        }

        break;

    default:
        fuzz_error(&f, pool, 400 + options * 10, &input);
    }

    ngx_destroy_pool(pool);

    return 0;
}
