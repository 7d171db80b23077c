
/*
 * Any bytes as a value of the cache in Redis.  As they come; and as the body
 * of a value with a head of ours, so that what is behind the sum is reached:
 * what is read is then what was written, and turned by one bit it is refused.
 * The first byte is the kind.
 */

#include "fuzz.h"

#include "ngx_litellm_cache_value.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                      key[NGX_LITELLM_CACHE_KEY];
    ngx_int_t                   rc;
    ngx_str_t                   text, whole;
    ngx_pool_t                 *pool;
    ngx_uint_t                  kind;
    ngx_litellm_cache_value_t   v, w;

    if (size < 2) {
        return 0;
    }

    kind = data[0] % 6;
    kind = (kind == 5) ? NGX_LITELLM_CACHE_VALUE_ITEM : kind;
    pool = fuzz_pool();
    text = fuzz_copy(pool, data + 1, size - 1);

    ngx_memset(key, data[0], NGX_LITELLM_CACHE_KEY);

    rc = ngx_litellm_cache_value_read(pool, &text, key, kind, &v);

    if (rc == NGX_OK) {
        FUZZ_ASSERT(v.ttl > 0 && v.ttl <= NGX_LITELLM_CACHE_TTL_MAX);
        FUZZ_ASSERT(v.stored >= 0);
        FUZZ_ASSERT(v.body.data + v.body.len == text.data + text.len);
    }

    ngx_memzero(&w, sizeof(ngx_litellm_cache_value_t));

    w.kind = kind;
    w.stored = 1700000000;
    w.ttl = 60;
    w.body = text;

    whole.len = NGX_LITELLM_CACHE_VALUE_HEAD + text.len;
    whole.data = ngx_pnalloc(pool, whole.len);
    FUZZ_ASSERT(whole.data != NULL);

    ngx_memcpy(whole.data + NGX_LITELLM_CACHE_VALUE_HEAD, text.data, text.len);

    FUZZ_ASSERT(ngx_litellm_cache_value_write(&w, key, whole.data) == NGX_OK);

    rc = ngx_litellm_cache_value_read(pool, &whole, key, kind, &v);

    FUZZ_ASSERT(rc == NGX_OK || rc == NGX_DECLINED);

    if (rc == NGX_OK) {
        FUZZ_ASSERT(v.kind == kind && v.stored == 1700000000 && v.ttl == 60);
        FUZZ_ASSERT(v.body.len == text.len
                    && memcmp(v.body.data, text.data, text.len) == 0);

        whole.data[data[1] % whole.len] ^= 1 << (data[0] >> 5);

        FUZZ_ASSERT(ngx_litellm_cache_value_read(pool, &whole, key, kind, &v)
                    == NGX_DECLINED);
    }

    ngx_destroy_pool(pool);

    return 0;
}
