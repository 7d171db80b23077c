
/*
 * A hash of a body: see the header.  It is taken of each request that the cache
 * may know, whatever its length, so it has to cost less than reading it.
 *
 * Both ways have a few sums at once, as one by itself would wait for its
 * multiplications; nothing is read outside of the bytes.  The last bytes are
 * taken from the end, some of them twice then, and the length is part of it
 * all: so no two bodies are the same bytes to it.
 */

#include "ngx_litellm_cache_hash.h"

#if (__x86_64__ && (__GNUC__ || __clang__))
#include <immintrin.h>
#define NGX_LITELLM_CACHE_HASH_AES   1
#endif


/* odd, its bits without a pattern */
#define NGX_LITELLM_CACHE_HASH_MUL   0x9e3779b97f4a7c15ULL

#define NGX_LITELLM_CACHE_HASH_STEP  64       /* four pairs of words */


typedef uint64_t (*ngx_litellm_cache_hash_pt)(uint64_t secret,
    const u_char *p, size_t len);


static uint64_t ngx_litellm_cache_hash_choose(uint64_t secret,
    const u_char *p, size_t len);


static ngx_litellm_cache_hash_pt  ngx_litellm_cache_hash_best =
    ngx_litellm_cache_hash_choose;


uint64_t
ngx_litellm_cache_hash(uint64_t secret, const u_char *p, size_t len)
{
    return ngx_litellm_cache_hash_best(secret, p, len);
}


/* both halves of the product: each bit of both factors is in most of them */

static ngx_inline uint64_t
ngx_litellm_cache_hash_mix(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
    unsigned __int128  n;

    n = (unsigned __int128) a * b;

    return (uint64_t) n ^ (uint64_t) (n >> 64);
#else
    uint64_t  low, high, one, two;

    low = (a & 0xffffffff) * (b & 0xffffffff);
    one = (a >> 32) * (b & 0xffffffff);
    two = (a & 0xffffffff) * (b >> 32) + (low >> 32) + (one & 0xffffffff);
    high = (a >> 32) * (b >> 32) + (one >> 32) + (two >> 32);

    return (two << 32 | (low & 0xffffffff)) ^ high;
#endif
}


static ngx_inline uint64_t
ngx_litellm_cache_hash_word(const u_char *p)
{
    uint64_t  word;

    ngx_memcpy(&word, p, sizeof(uint64_t));

    return word;
}


/* what is shorter than a step, with zeroes behind it: the length tells them
   from those of the body */

static ngx_inline const u_char *
ngx_litellm_cache_hash_short(u_char *rest, size_t size, const u_char *p,
    size_t len)
{
    ngx_memzero(rest, size);

    if (len) {
        ngx_memcpy(rest, p, len);
    }

    return rest;
}


/*
 * Who does not know the secret can't choose a word that makes a factor zero,
 * after which what was before it would not count.
 */

uint64_t
ngx_litellm_cache_hash_plain(uint64_t secret, const u_char *p, size_t len)
{
    u_char        rest[NGX_LITELLM_CACHE_HASH_STEP];
    uint64_t      a, b, c, d, key;
    const u_char  *last;

    key = secret;

    a = key + NGX_LITELLM_CACHE_HASH_MUL;
    b = key + 2 * NGX_LITELLM_CACHE_HASH_MUL;
    c = key + 3 * NGX_LITELLM_CACHE_HASH_MUL;
    d = key + 4 * NGX_LITELLM_CACHE_HASH_MUL;

    last = p + len;

#define ngx_litellm_cache_hash_pair(h, i)                                     \
    h = ngx_litellm_cache_hash_mix(                                           \
            ngx_litellm_cache_hash_word(p + 16 * i) ^ key,                    \
            ngx_litellm_cache_hash_word(p + 16 * i + 8) ^ h)

#define ngx_litellm_cache_hash_step()                                         \
    ngx_litellm_cache_hash_pair(a, 0);                                        \
    ngx_litellm_cache_hash_pair(b, 1);                                        \
    ngx_litellm_cache_hash_pair(c, 2);                                        \
    ngx_litellm_cache_hash_pair(d, 3)

    if (len < NGX_LITELLM_CACHE_HASH_STEP) {
        p = ngx_litellm_cache_hash_short(rest, sizeof(rest), p, len);

        ngx_litellm_cache_hash_step();

    } else {

        while ((size_t) (last - p) > NGX_LITELLM_CACHE_HASH_STEP) {
            ngx_litellm_cache_hash_step();
            p += NGX_LITELLM_CACHE_HASH_STEP;
        }

        p = last - NGX_LITELLM_CACHE_HASH_STEP;

        ngx_litellm_cache_hash_step();
    }

#undef ngx_litellm_cache_hash_step
#undef ngx_litellm_cache_hash_pair

    /* each sum has a place of its own in this */

    key ^= len;
    key = ngx_litellm_cache_hash_mix(key ^ a, NGX_LITELLM_CACHE_HASH_MUL);
    key = ngx_litellm_cache_hash_mix(key ^ b, NGX_LITELLM_CACHE_HASH_MUL);
    key = ngx_litellm_cache_hash_mix(key ^ c, NGX_LITELLM_CACHE_HASH_MUL);

    return ngx_litellm_cache_hash_mix(key ^ d, NGX_LITELLM_CACHE_HASH_MUL);
}


#if (NGX_LITELLM_CACHE_HASH_AES)

/* one round of AES for each 16 bytes, eight of them at once */

#define NGX_LITELLM_CACHE_HASH_WIDE  128

__attribute__((target("aes,sse2")))
static uint64_t
ngx_litellm_cache_hash_aes(uint64_t secret, const u_char *p, size_t len)
{
    u_char         rest[NGX_LITELLM_CACHE_HASH_WIDE];
    __m128i        key, one, v[8];
    const u_char  *last;

    key = _mm_set_epi64x((int64_t) (secret * NGX_LITELLM_CACHE_HASH_MUL),
                         (int64_t) secret);
    one = _mm_set_epi64x((int64_t) NGX_LITELLM_CACHE_HASH_MUL, 1);

    v[0] = _mm_add_epi64(key, one);
    v[1] = _mm_add_epi64(v[0], one);
    v[2] = _mm_add_epi64(v[1], one);
    v[3] = _mm_add_epi64(v[2], one);
    v[4] = _mm_add_epi64(v[3], one);
    v[5] = _mm_add_epi64(v[4], one);
    v[6] = _mm_add_epi64(v[5], one);
    v[7] = _mm_add_epi64(v[6], one);

    last = p + len;

#define ngx_litellm_cache_hash_block(i)                                       \
    v[i] = _mm_aesenc_si128(v[i],                                             \
                         _mm_loadu_si128((const __m128i *) (p + 16 * i)))

    /* a round more: what was there must not meet itself one round later */

#define ngx_litellm_cache_hash_apart(i)                                       \
    v[i] = _mm_aesenc_si128(v[i], key)

#define ngx_litellm_cache_hash_step()                                         \
    ngx_litellm_cache_hash_block(0);                                          \
    ngx_litellm_cache_hash_block(1);                                          \
    ngx_litellm_cache_hash_block(2);                                          \
    ngx_litellm_cache_hash_block(3);                                          \
    ngx_litellm_cache_hash_block(4);                                          \
    ngx_litellm_cache_hash_block(5);                                          \
    ngx_litellm_cache_hash_block(6);                                          \
    ngx_litellm_cache_hash_block(7)

    if (len < NGX_LITELLM_CACHE_HASH_WIDE) {
        p = ngx_litellm_cache_hash_short(rest, sizeof(rest), p, len);

        ngx_litellm_cache_hash_step();

    } else {

        while ((size_t) (last - p) > NGX_LITELLM_CACHE_HASH_WIDE) {
            ngx_litellm_cache_hash_step();
            p += NGX_LITELLM_CACHE_HASH_WIDE;
        }

        ngx_litellm_cache_hash_apart(0);
        ngx_litellm_cache_hash_apart(1);
        ngx_litellm_cache_hash_apart(2);
        ngx_litellm_cache_hash_apart(3);
        ngx_litellm_cache_hash_apart(4);
        ngx_litellm_cache_hash_apart(5);
        ngx_litellm_cache_hash_apart(6);
        ngx_litellm_cache_hash_apart(7);

        p = last - NGX_LITELLM_CACHE_HASH_WIDE;

        ngx_litellm_cache_hash_step();
    }

#undef ngx_litellm_cache_hash_step
#undef ngx_litellm_cache_hash_apart
#undef ngx_litellm_cache_hash_block

    v[0] = _mm_aesenc_si128(v[0], v[4]);
    v[1] = _mm_aesenc_si128(v[1], v[5]);
    v[2] = _mm_aesenc_si128(v[2], v[6]);
    v[3] = _mm_aesenc_si128(v[3], v[7]);

    v[0] = _mm_aesenc_si128(v[0], v[2]);
    v[1] = _mm_aesenc_si128(v[1], v[3]);

    v[0] = _mm_aesenc_si128(v[0], v[1]);

    /* what is in one byte by now has to be in all of them */

    v[0] = _mm_aesenc_si128(v[0], _mm_xor_si128(key,
                                      _mm_set_epi64x(0, (int64_t) len)));
    v[0] = _mm_aesenc_si128(v[0], key);
    v[0] = _mm_aesenc_si128(v[0], one);

    return (uint64_t) _mm_cvtsi128_si64(v[0]);
}

#endif


static uint64_t
ngx_litellm_cache_hash_choose(uint64_t secret, const u_char *p, size_t len)
{
    ngx_litellm_cache_hash_best = ngx_litellm_cache_hash_plain;

#if (NGX_LITELLM_CACHE_HASH_AES)

    __builtin_cpu_init();

    if (__builtin_cpu_supports("aes")) {
        ngx_litellm_cache_hash_best = ngx_litellm_cache_hash_aes;
    }

#endif

    return ngx_litellm_cache_hash_best(secret, p, len);
}
