
/*
 * A text before it is logged: what was JSON is JSON, it is one line, and no key
 * or address is found a second time.
 */

#include "fuzz.h"

#include "ngx_litellm_json.h"
#include "ngx_litellm_redact.h"


#define WORDS  (NGX_LITELLM_REDACT_SECRETS|NGX_LITELLM_REDACT_EMAILS)


static ngx_str_t
fuzz_redact(ngx_pool_t *pool, ngx_str_t *text, ngx_uint_t what)
{
    ngx_str_t          res;
    ngx_litellm_out_t  out;

    ngx_litellm_out_init(&out, pool);

    ngx_litellm_redact(&out, text, what);

    FUZZ_ASSERT(ngx_litellm_out_join(&out, &res) == NGX_OK);

    return res;
}


static ngx_int_t
fuzz_json(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_litellm_json_doc_t  doc;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = pool;

    return ngx_litellm_json_parse(&doc, text->data, text->len);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t       i;
    ngx_str_t    text, once, twice;
    ngx_pool_t  *pool;

    pool = fuzz_pool();

    text = fuzz_copy(pool, data, size);
    once = fuzz_redact(pool, &text, WORDS|NGX_LITELLM_REDACT_CARDS);

    if (fuzz_json(pool, &text) == NGX_OK) {

        FUZZ_ASSERT(fuzz_json(pool, &once) == NGX_OK);

        for (i = 0; i < once.len; i++) {
            FUZZ_ASSERT(once.data[i] >= 0x20);
        }

        /* a card may be seen where the digits before it were too many */

        twice = fuzz_redact(pool, &once, WORDS);

        FUZZ_ASSERT(twice.len == once.len
                    && (once.len == 0
                        || ngx_memcmp(twice.data, once.data, once.len) == 0));
    }

    ngx_destroy_pool(pool);

    return 0;
}
