
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


#define ngx_litellm_siphash_end(v0, v1, v2, v3)                               \
    ngx_litellm_siphash_round(v0, v1, v2, v3);                                \
    ngx_litellm_siphash_round(v0, v1, v2, v3);                                \
    ngx_litellm_siphash_round(v0, v1, v2, v3);                                \
    ngx_litellm_siphash_round(v0, v1, v2, v3)


/* the state when the text is in it; n: bytes that are in it already */

static ngx_inline void
ngx_litellm_siphash_text(uint64_t v[4], const u_char *p, size_t len, size_t n)
{
    size_t    left, i;
    uint64_t  v0, v1, v2, v3, m;

    v0 = v[0];
    v1 = v[1];
    v2 = v[2];
    v3 = v[3];

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

    m = (uint64_t) (len + n) << 56;

    for (i = 0; i < left; i++) {
        m |= (uint64_t) p[i] << (8 * i);
    }

    ngx_litellm_siphash_add(m);

    v[0] = v0;
    v[1] = v1;
    v[2] = v2;
    v[3] = v3;
}


static ngx_inline void
ngx_litellm_siphash_init(uint64_t v[4], const uint64_t key[2])
{
    v[0] = key[0] ^ 0x736f6d6570736575ULL;
    v[1] = key[1] ^ 0x646f72616e646f6dULL;
    v[2] = key[0] ^ 0x6c7967656e657261ULL;
    v[3] = key[1] ^ 0x7465646279746573ULL;
}


uint64_t
ngx_litellm_siphash(const uint64_t key[2], uint64_t more, const u_char *p,
    size_t len)
{
    uint64_t  v[4];

    ngx_litellm_siphash_init(v, key);

    v[3] ^= more;
    ngx_litellm_siphash_round(v[0], v[1], v[2], v[3]);
    ngx_litellm_siphash_round(v[0], v[1], v[2], v[3]);
    v[0] ^= more;

    ngx_litellm_siphash_text(v, p, len, sizeof(more));

    v[2] ^= 0xff;
    ngx_litellm_siphash_end(v[0], v[1], v[2], v[3]);

    return v[0] ^ v[1] ^ v[2] ^ v[3];
}


void
ngx_litellm_siphash_128(const uint64_t key[2], const u_char *p, size_t len,
    uint64_t hash[2])
{
    uint64_t  v[4];

    ngx_litellm_siphash_init(v, key);

    v[1] ^= 0xee;

    ngx_litellm_siphash_text(v, p, len, 0);

    v[2] ^= 0xee;
    ngx_litellm_siphash_end(v[0], v[1], v[2], v[3]);

    hash[0] = v[0] ^ v[1] ^ v[2] ^ v[3];

    v[1] ^= 0xdd;
    ngx_litellm_siphash_end(v[0], v[1], v[2], v[3]);

    hash[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
}
