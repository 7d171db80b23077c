
/*
 * The Anthropic dialect under a client of the chat or completions format: any
 * bytes as a request, as an answer, as a stream or as an error.  See
 * fuzz_dialect.h for what must hold.
 *
 * The first byte says what the input is and which model and options hold.
 */

#include "fuzz_dialect.h"


static const char  fuzz_text[] =
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a.b\"}}],"
    "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
    "{\"schema\":{\"type\":\"object\"}}}}";


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t           input, body;
    ngx_uint_t          options;
    ngx_pool_t         *pool;
    fuzz_what_e         what;
    fuzz_call_t         f;
    ngx_litellm_op_e    op;

    static const char  *models[] = {
        "claude-sonnet-4-5", "claude-3-5-haiku-20241022", "claude-opus-4-7",
        "crow-9"
    };

    if (size < 1) {
        return 0;
    }

    what = data[0] & 3;
    options = data[0] >> 2;
    op = (what == FUZZ_REQUEST && (options & 0x10))
         ? NGX_LITELLM_OP_COMPLETIONS : NGX_LITELLM_OP_CHAT;

    pool = fuzz_pool();

    input = fuzz_copy(pool, data + 1, size - 1);
    body = fuzz_body(what, &input, fuzz_text);

    fuzz_call(&f, pool, "anthropic", models[options & 3], op, &body);

    f.config.modify_params = (options >> 2) & 1;
    f.call.drop_params = (options >> 3) & 1;

    fuzz_play(&f, pool, what, &input, NULL, 400 + options);

    ngx_destroy_pool(pool);

    return 0;
}
