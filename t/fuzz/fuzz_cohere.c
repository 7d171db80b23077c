
/*
 * The Cohere dialects, rerank, and the embeddings that are translated, under a
 * client of the chat, completions, embeddings or rerank format: any bytes as a
 * request, as an answer, as a stream or as an error.  See fuzz_dialect.h for
 * what must hold.
 *
 * The first byte says what the input is and which options hold, the second one
 * which dialect it is for.
 */

#include "fuzz_dialect.h"


typedef struct {
    const char        *provider;
    const char        *model;
    ngx_litellm_op_e   op;
    const char        *text;
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
    { "cohere", "command-a-03-2025", NGX_LITELLM_OP_CHAT, fuzz_chat },
    { "cohere", "command-a-reasoning-08-2025", NGX_LITELLM_OP_CHAT,
      fuzz_chat },
    { "cohere", "crow-9", NGX_LITELLM_OP_COMPLETIONS, "{\"prompt\":\"a\"}" },
    { "cohere", "embed-v4.0", NGX_LITELLM_OP_EMBEDDINGS, fuzz_embed },
    { "gemini", "gemini-embedding-001", NGX_LITELLM_OP_EMBEDDINGS,
      fuzz_embed },
    { "vertex_ai", "text-embedding-005", NGX_LITELLM_OP_EMBEDDINGS,
      fuzz_embed },
    { "huggingface", "a/b", NGX_LITELLM_OP_EMBEDDINGS, fuzz_embed },
    { "huggingface", "a/b", NGX_LITELLM_OP_RERANK, fuzz_rerank },
    { "cohere", "rerank-v3.5", NGX_LITELLM_OP_RERANK, fuzz_rerank },
    { "voyage", "rerank-2", NGX_LITELLM_OP_RERANK, fuzz_rerank },
    { "together_ai", "rerank", NGX_LITELLM_OP_RERANK, fuzz_rerank }
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t             input, body;
    ngx_uint_t            options;
    ngx_pool_t           *pool;
    fuzz_what_e           what;
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
    body = fuzz_body(what, &input, t->text);

    fuzz_call(&f, pool, t->provider, t->model, t->op, &body);

    f.call.drop_params = options & 1;

    fuzz_play(&f, pool, what, &input, NULL, 400 + options);

    ngx_destroy_pool(pool);

    return 0;
}
