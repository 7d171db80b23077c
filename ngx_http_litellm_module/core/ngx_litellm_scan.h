
/*
 * Byte searches, 16 bytes at a time where the processor can: SSE2 on x86-64
 * and NEON on aarch64 are part of the base instruction set.  Those that go over
 * most bytes have twins for wider vectors, chosen at run time.  The plain twins
 * do the same byte by byte; tests hold them all equal.
 *
 * All functions take [p, last) and return a place in it, or last.  Nothing is
 * read outside of that range: a vector load is made only where 16 bytes are
 * left, the rest is done byte by byte.
 *
 * Callers: the JSON reader and writer (json, out) and the event stream reader
 * (sse).
 */

#ifndef _NGX_LITELLM_SCAN_H_INCLUDED_
#define _NGX_LITELLM_SCAN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#if (__SSE2__)

#include <emmintrin.h>

#define NGX_LITELLM_SCAN_VECTOR  1

#if (__x86_64__ && (__GNUC__ || __clang__))
#include <immintrin.h>
#define NGX_LITELLM_SCAN_AVX2    1
#endif

typedef __m128i     ngx_litellm_vec_t;
typedef uint32_t    ngx_litellm_vec_mask_t;     /* one bit for a byte */

#define ngx_litellm_vec_load(p)      _mm_loadu_si128((const __m128i *) (p))
#define ngx_litellm_vec_set(c)       _mm_set1_epi8((char) (c))
/* the same of a byte that is no constant: not by way of the stack */
#define ngx_litellm_vec_fill(c)                                               \
    _mm_set1_epi32((int) ((u_char) (c) * 0x01010101U))
#define ngx_litellm_vec_eq(a, b)     _mm_cmpeq_epi8(a, b)
#define ngx_litellm_vec_lt(a, b)     _mm_cmplt_epi8(a, b)
#define ngx_litellm_vec_or(a, b)     _mm_or_si128(a, b)
#define ngx_litellm_vec_and(a, b)    _mm_and_si128(a, b)
#define ngx_litellm_vec_mask(a)      ((uint32_t) _mm_movemask_epi8(a))
#define ngx_litellm_vec_full         0xffff
#define ngx_litellm_vec_first(mask)  __builtin_ctz(mask)
#define ngx_litellm_vec_rest(mask)   ((mask) & ((mask) - 1))

/* one bit for each of 64 bytes, which are 0x00 or 0xff */
#define ngx_litellm_vec_mask64(a, b, c, d)                                    \
    ((uint64_t) ngx_litellm_vec_mask(a)                                       \
     | (uint64_t) ngx_litellm_vec_mask(b) << 16                               \
     | (uint64_t) ngx_litellm_vec_mask(c) << 32                               \
     | (uint64_t) ngx_litellm_vec_mask(d) << 48)

#elif (__aarch64__ && __ARM_NEON && !__ARM_BIG_ENDIAN)

#include <arm_neon.h>

#define NGX_LITELLM_SCAN_VECTOR  1

typedef uint8x16_t  ngx_litellm_vec_t;
typedef uint64_t    ngx_litellm_vec_mask_t;     /* four bits for a byte */

#define ngx_litellm_vec_load(p)      vld1q_u8((const uint8_t *) (p))
#define ngx_litellm_vec_set(c)       vdupq_n_u8((uint8_t) (c))
#define ngx_litellm_vec_fill(c)      ngx_litellm_vec_set(c)
#define ngx_litellm_vec_eq(a, b)     vceqq_u8(a, b)
#define ngx_litellm_vec_lt(a, b)                                              \
    vcltq_s8(vreinterpretq_s8_u8(a), vreinterpretq_s8_u8(b))
#define ngx_litellm_vec_or(a, b)     vorrq_u8(a, b)
#define ngx_litellm_vec_and(a, b)    vandq_u8(a, b)
#define ngx_litellm_vec_mask(a)                                               \
    vget_lane_u64(vreinterpret_u64_u8(                                        \
        vshrn_n_u16(vreinterpretq_u16_u8(a), 4)), 0)
#define ngx_litellm_vec_full         0xffffffffffffffffULL
#define ngx_litellm_vec_first(mask)  (__builtin_ctzll(mask) >> 2)
#define ngx_litellm_vec_rest(mask)                                            \
    ((mask) & ~((uint64_t) 0xf << (__builtin_ctzll(mask) & ~3)))

static inline uint64_t
ngx_litellm_vec_mask64(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d)
{
    uint8x16_t  bits;

    static const uint8_t  weights[16] = {
        1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128
    };

    bits = vld1q_u8(weights);

    a = vpaddq_u8(vandq_u8(a, bits), vandq_u8(b, bits));
    c = vpaddq_u8(vandq_u8(c, bits), vandq_u8(d, bits));
    a = vpaddq_u8(a, c);
    a = vpaddq_u8(a, a);

    return vgetq_lane_u64(vreinterpretq_u64_u8(a), 0);
}

#endif


/* bytes that are looked at together */
#define NGX_LITELLM_SCAN_BLOCK  64


#if (__GNUC__ || __clang__)
#define ngx_litellm_scan_inline                                               \
    static inline __attribute__((always_inline, unused))
#define ngx_litellm_scan_noinline    __attribute__((noinline))
#define ngx_litellm_likely(x)        __builtin_expect(!!(x), 1)
#define ngx_litellm_unlikely(x)      __builtin_expect(!!(x), 0)
#else
#define ngx_litellm_scan_inline      static ngx_inline
#define ngx_litellm_scan_noinline
#define ngx_litellm_likely(x)        (x)
#define ngx_litellm_unlikely(x)      (x)
#endif


/* 1 for the bytes that a JSON string can't hold as they are, or not alone */
extern const u_char  ngx_litellm_scan_special[256];


/*
 * Bytes of the valid UTF-8 sequence (RFC 3629) at p, at most last - p; 0 if
 * there is none.
 */
ngx_uint_t ngx_litellm_scan_utf8(const u_char *p, const u_char *last);

/*
 * What goes over most bytes, as pointers: the first call of one of them chooses
 * what the processor is best at.
 */

typedef struct {

    /*
     * Passes over the inside of a JSON string, 64 bytes at a time, as long as
     * all of it is valid and has no "\u" escapes; p is neither in a multi-byte
     * sequence nor in an escape.  Returns the place of the closing quote with
     * *end = 1; else a place from which the caller has to go on in small
     * steps: there, or in the 64 bytes behind it, is what stopped the search,
     * or less than 64 bytes are left.  NGX_LITELLM_JSON_ESCAPED is set in
     * *flags if there was a backslash on the way.
     */
    u_char  *(*inside)(u_char *p, u_char *last, ngx_uint_t *end,
                       ngx_uint_t *flags);

    /* the first CR or LF */
    u_char  *(*eol)(u_char *p, u_char *last);

    /* the first quote with one of the letters u, e and f behind it */
    u_char  *(*quoted)(u_char *p, u_char *last);

} ngx_litellm_scan_t;

extern ngx_litellm_scan_t  ngx_litellm_scan;

#define ngx_litellm_scan_inside(p, last, end, flags)                          \
    ngx_litellm_scan.inside(p, last, end, flags)
#define ngx_litellm_scan_eol(p, last)     ngx_litellm_scan.eol(p, last)
#define ngx_litellm_scan_quoted(p, last)  ngx_litellm_scan.quoted(p, last)

/*
 * Which ones they are, for tests: 0 is what every processor of the kind has, 1
 * AVX2, 2 AVX-512.  NGX_DECLINED: not on this processor.
 */
ngx_int_t ngx_litellm_scan_use(ngx_uint_t engine);


/*
 * The first byte of a string that needs a look: '"', '\', a control character
 * or the start of a multi-byte sequence.
 */

ngx_litellm_scan_inline u_char *
ngx_litellm_scan_string_plain(u_char *p, u_char *last)
{
    while (p < last && !ngx_litellm_scan_special[*p]) {
        p++;
    }

    return p;
}


/* the first byte that is no JSON white space */

ngx_litellm_scan_inline u_char *
ngx_litellm_scan_blank_plain(u_char *p, u_char *last)
{
    while (p < last && (*p == ' ' || *p == LF || *p == CR || *p == '\t')) {
        p++;
    }

    return p;
}


#if (NGX_LITELLM_SCAN_VECTOR)

/* signed comparison: bytes from 0x80 on are less than 0x20, too */

#define ngx_litellm_scan_specials(v)                                          \
    ngx_litellm_vec_or(                                                       \
        ngx_litellm_vec_or(ngx_litellm_vec_eq(v, ngx_litellm_vec_set('"')),   \
                           ngx_litellm_vec_eq(v, ngx_litellm_vec_set('\\'))), \
        ngx_litellm_vec_lt(v, ngx_litellm_vec_set(0x20)))


/* a bit for each of these in the 64 bytes at p, which must be there */

ngx_litellm_scan_inline uint64_t
ngx_litellm_scan_stops(u_char *p)
{
    ngx_litellm_vec_t  a, b, c, d;

    a = ngx_litellm_vec_load(p);
    b = ngx_litellm_vec_load(p + 16);
    c = ngx_litellm_vec_load(p + 32);
    d = ngx_litellm_vec_load(p + 48);

    return ngx_litellm_vec_mask64(ngx_litellm_scan_specials(a),
                                  ngx_litellm_scan_specials(b),
                                  ngx_litellm_scan_specials(c),
                                  ngx_litellm_scan_specials(d));
}


ngx_litellm_scan_inline u_char *
ngx_litellm_scan_string(u_char *p, u_char *last)
{
    ngx_litellm_vec_t       v;
    ngx_litellm_vec_mask_t  m;

    while (last - p >= 16) {
        v = ngx_litellm_vec_load(p);

        m = ngx_litellm_vec_mask(ngx_litellm_scan_specials(v));
        if (m) {
            return p + ngx_litellm_vec_first(m);
        }

        p += 16;
    }

    return ngx_litellm_scan_string_plain(p, last);
}


ngx_litellm_scan_inline u_char *
ngx_litellm_scan_blank(u_char *p, u_char *last)
{
    ngx_litellm_vec_t       v, w;
    ngx_litellm_vec_mask_t  m;

    while (last - p >= 16) {
        v = ngx_litellm_vec_load(p);

        w = ngx_litellm_vec_or(
                ngx_litellm_vec_or(
                    ngx_litellm_vec_eq(v, ngx_litellm_vec_set(' ')),
                    ngx_litellm_vec_eq(v, ngx_litellm_vec_set(LF))),
                ngx_litellm_vec_or(
                    ngx_litellm_vec_eq(v, ngx_litellm_vec_set(CR)),
                    ngx_litellm_vec_eq(v, ngx_litellm_vec_set('\t'))));

        m = ngx_litellm_vec_mask(w) ^ ngx_litellm_vec_full;
        if (m) {
            return p + ngx_litellm_vec_first(m);
        }

        p += 16;
    }

    return ngx_litellm_scan_blank_plain(p, last);
}

#else

#define ngx_litellm_scan_string  ngx_litellm_scan_string_plain
#define ngx_litellm_scan_blank   ngx_litellm_scan_blank_plain

#endif


#endif /* _NGX_LITELLM_SCAN_H_INCLUDED_ */
