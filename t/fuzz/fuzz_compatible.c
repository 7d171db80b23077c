
/*
 * The OpenAI dialect as a translator, and the variants of it that other
 * providers are: any bytes as a request, as an answer, as an error or as a
 * stream.  See fuzz_dialect.h and fuzz_tap.h for what must hold.
 *
 * The first byte says what the input is and whether the client is of another
 * dialect, the second one the provider and options.
 */

#include "fuzz_tap.h"


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


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t              input, body;
    ngx_uint_t             row, options, translated;
    ngx_pool_t            *pool;
    fuzz_what_e            what;
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
    body = fuzz_body(what, &input, fuzz_texts[op]);

    fuzz_call(&f, pool, fuzz_rows[row].provider, fuzz_rows[row].model, op,
              &body);
    fuzz_setup(&f, pool);

    f.call.drop_params = options & 1;
    f.call.ask_usage = (options >> 1) & 1;
    ngx_str_set(&f.deployment.url.host, "router.huggingface.co");

    if (data[0] & 8) {
        foreign = *f.call.format;
        foreign.same = NULL;
        f.call.format = &foreign;
    }

    translated = (data[0] & 8)
                 || (op == NGX_LITELLM_OP_COMPLETIONS
                     && (f.deployment.provider->quirks
                         & NGX_LITELLM_Q_AS_CHAT));

    if (translated || what == FUZZ_REQUEST || what == FUZZ_ERROR) {
        fuzz_play(&f, pool, what, &input, "reasoning", 400 + options * 10);

    } else if (fuzz_open(&f, pool)) {

        if (options & 4) {
            f.call.include_usage = 0;
        }

        if (what == FUZZ_ANSWER) {
            fuzz_tap(&f, pool, &input);

        } else {
            fuzz_tap_stream(&f, pool, &input, -1);
        }
    }

    ngx_destroy_pool(pool);

    return 0;
}
