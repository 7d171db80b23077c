
/*
 * The Ollama dialects under clients of the chat, completions and embeddings
 * formats: any bytes as a request, as an answer, as an error or as a stream.
 * See fuzz_dialect.h for what must hold.
 *
 * The first byte says what the input is and which format and options hold.
 */

#include "fuzz_dialect.h"


static const char  *fuzz_texts[] = {
    ("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"
     "\"stream\":true,\"stream_options\":{\"include_usage\":true}}"),
    "{\"model\":\"m\",\"prompt\":\"a\",\"stream\":true}",
    "{\"model\":\"m\",\"input\":[\"a\"],\"encoding_format\":\"base64\"}"
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t          input, body;
    ngx_uint_t         options;
    ngx_pool_t        *pool;
    fuzz_what_e        what;
    fuzz_call_t        f;
    ngx_litellm_op_e   op;

    static const ngx_litellm_op_e  ops[] = {
        NGX_LITELLM_OP_CHAT, NGX_LITELLM_OP_COMPLETIONS,
        NGX_LITELLM_OP_EMBEDDINGS, NGX_LITELLM_OP_CHAT
    };

    if (size < 1) {
        return 0;
    }

    what = data[0] & 3;
    op = ops[(data[0] >> 2) & 3];
    options = data[0] >> 4;

    pool = fuzz_pool();

    input = fuzz_copy(pool, data + 1, size - 1);
    body = fuzz_body(what, &input, fuzz_texts[op]);

    fuzz_call(&f, pool, (options & 1) ? "ollama_chat" : "ollama",
              (options & 2) ? "gpt-oss:20b" : "m", op, &body);

    f.call.drop_params = (options >> 2) & 1;
    f.call.may_fetch = (options >> 3) & 1;

    fuzz_play(&f, pool, what, &input, "options",
              options ? 400 + options : 200);

    ngx_destroy_pool(pool);

    return 0;
}
