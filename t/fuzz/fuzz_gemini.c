
/*
 * The dialects of Google (Gemini API, Gemini and Claude at Vertex AI) under
 * clients of the chat and completions formats: any bytes as a request, as an
 * answer, as an error or as a stream.  See fuzz_dialect.h for what must hold.
 *
 * The first byte says what the input is and which model and options hold.
 */

#include "fuzz_dialect.h"
#include "ngx_litellm_vertex.h"


static const char  *fuzz_texts[] = {
    ("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"
     "\"tools\":[{\"googleSearch\":{}}],\"stream\":true,"
     "\"stream_options\":{\"include_usage\":true}}"),
    "{\"model\":\"m\",\"prompt\":\"a\",\"stream\":true}"
};


static const struct {
    const char  *provider;
    const char  *model;
} fuzz_models[] = {
    { "gemini", "gemini-2.5-flash" },
    { "gemini", "gemini-3-pro-preview" },
    { "vertex_ai", "gemini-1.5-pro" },
    { "vertex_ai", "claude-sonnet-4-5@20250929" }
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t              input, body;
    ngx_uint_t             options, model;
    ngx_pool_t            *pool;
    fuzz_what_e            what;
    fuzz_call_t            f;
    ngx_litellm_op_e       op;
    ngx_litellm_vertex_t   vertex;

    if (size < 1) {
        return 0;
    }

    what = data[0] & 3;
    model = (data[0] >> 2) & 3;
    op = (data[0] & 0x10) ? NGX_LITELLM_OP_COMPLETIONS : NGX_LITELLM_OP_CHAT;
    options = data[0] >> 5;

    pool = fuzz_pool();

    input = fuzz_copy(pool, data + 1, size - 1);
    body = fuzz_body(what, &input, fuzz_texts[op]);

    fuzz_call(&f, pool, fuzz_models[model].provider,
              fuzz_models[model].model, op, &body);

    f.call.drop_params = options & 1;
    f.call.may_fetch = (options >> 1) & 1;

    if (options & 4) {
        ngx_memzero(&vertex, sizeof(vertex));
        ngx_str_set(&vertex.project, "p");
        ngx_str_set(&vertex.location, "l");
        f.deployment.own = &vertex;
        ngx_str_set(&f.call.token, "ya29.fuzz-token");
    }

    fuzz_play(&f, pool, what, &input, "generationConfig",
              options ? 400 + options : 200);

    ngx_destroy_pool(pool);

    return 0;
}
