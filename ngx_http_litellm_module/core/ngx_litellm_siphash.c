
/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012): who does not know the key can't
 * choose names that meet in one chain of a table.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_siphash.h"


#define ngx_litellm_siphash_rotl(x, n)  (((x) << (n)) | ((x) >> (64 - (n))))

#define ngx_litellm_siphash_round(v0, v1, v2, v3)                             \
    v0 += v1;                                                                 \
    v1 = ngx_litellm_siphash_rotl(v1, 13);                                    \
    v1 ^= v0;                                                                 \
    v0 = ngx_litellm_siphash_rotl(v0, 32);                                    \
    v2 += v3;                                                                 \
    v3 = ngx_litellm_siphash_rotl(v3, 16);                                    \
    v3 ^= v2;                                                                 \
    v0 += v3;                                                                 \
    v3 = ngx_litellm_siphash_rotl(v3, 21);                                    \
    v3 ^= v0;                                                                 \
    v2 += v1;                                                                 \
    v1 = ngx_litellm_siphash_rotl(v1, 17);                                    \
    v1 ^= v2;                                                                 \
    v2 = ngx_litellm_siphash_rotl(v2, 32)

#define ngx_litellm_siphash_add(m)                                            \
    v3 ^= (m);                                                                \
    ngx_litellm_siphash_round(v0, v1, v2, v3);                                \
    ngx_litellm_siphash_round(v0, v1, v2, v3);                                \
    v0 ^= (m)


uint64_t
ngx_litellm_siphash(const uint64_t key[2], uint64_t more, const u_char *p,
    size_t len)
{
    size_t    left, i;
    uint64_t  v0, v1, v2, v3, m;

    v0 = key[0] ^ 0x736f6d6570736575ULL;
    v1 = key[1] ^ 0x646f72616e646f6dULL;
    v2 = key[0] ^ 0x6c7967656e657261ULL;
    v3 = key[1] ^ 0x7465646279746573ULL;

    ngx_litellm_siphash_add(more);

    for (left = len; left >= 8; left -= 8, p += 8) {

#if (NGX_HAVE_LITTLE_ENDIAN)
        ngx_memcpy(&m, p, 8);
#else
        for (i = 0, m = 0; i < 8; i++) {
            m |= (uint64_t) p[i] << (8 * i);
        }
#endif

        ngx_litellm_siphash_add(m);
    }

    m = (uint64_t) (len + 8) << 56;

    for (i = 0; i < left; i++) {
        m |= (uint64_t) p[i] << (8 * i);
    }

    ngx_litellm_siphash_add(m);

    v2 ^= 0xff;

    for (i = 0; i < 4; i++) {
        ngx_litellm_siphash_round(v0, v1, v2, v3);
    }

    return v0 ^ v1 ^ v2 ^ v3;
}
