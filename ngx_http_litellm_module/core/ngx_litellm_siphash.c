
/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012): who does not know the key can't
 * choose names that meet in one chain of a table.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_siphash.h"


#define ngx_litellm_siphash_rotl(x, n)  (((x) << (n)) | ((x) >> (64 - (n))))


static void ngx_litellm_siphash_rounds(uint64_t v[4], ngx_uint_t n);
static uint64_t ngx_litellm_siphash_word(const u_char *p, size_t len);


uint64_t
ngx_litellm_siphash(const uint64_t key[2], uint64_t more, const u_char *p,
    size_t len)
{
    size_t    left;
    uint64_t  v[4], m;

    v[0] = key[0] ^ 0x736f6d6570736575ULL;
    v[1] = key[1] ^ 0x646f72616e646f6dULL;
    v[2] = key[0] ^ 0x6c7967656e657261ULL;
    v[3] = key[1] ^ 0x7465646279746573ULL;

    v[3] ^= more;
    ngx_litellm_siphash_rounds(v, 2);
    v[0] ^= more;

    for (left = len; left >= 8; left -= 8, p += 8) {
        m = ngx_litellm_siphash_word(p, 8);

        v[3] ^= m;
        ngx_litellm_siphash_rounds(v, 2);
        v[0] ^= m;
    }

    m = ngx_litellm_siphash_word(p, left) | ((uint64_t) (len + 8) << 56);

    v[3] ^= m;
    ngx_litellm_siphash_rounds(v, 2);
    v[0] ^= m;

    v[2] ^= 0xff;
    ngx_litellm_siphash_rounds(v, 4);

    return v[0] ^ v[1] ^ v[2] ^ v[3];
}


static void
ngx_litellm_siphash_rounds(uint64_t v[4], ngx_uint_t n)
{
    while (n--) {
        v[0] += v[1];
        v[1] = ngx_litellm_siphash_rotl(v[1], 13);
        v[1] ^= v[0];
        v[0] = ngx_litellm_siphash_rotl(v[0], 32);

        v[2] += v[3];
        v[3] = ngx_litellm_siphash_rotl(v[3], 16);
        v[3] ^= v[2];

        v[0] += v[3];
        v[3] = ngx_litellm_siphash_rotl(v[3], 21);
        v[3] ^= v[0];

        v[2] += v[1];
        v[1] = ngx_litellm_siphash_rotl(v[1], 17);
        v[1] ^= v[2];
        v[2] = ngx_litellm_siphash_rotl(v[2], 32);
    }
}


static uint64_t
ngx_litellm_siphash_word(const u_char *p, size_t len)
{
    size_t    i;
    uint64_t  m;

    for (i = 0, m = 0; i < len; i++) {
        m |= (uint64_t) p[i] << (8 * i);
    }

    return m;
}
