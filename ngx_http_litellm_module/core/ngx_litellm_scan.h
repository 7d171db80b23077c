
/*
 * Byte searches, 16 bytes at a time where the processor can: SSE2 on x86-64
 * and NEON on aarch64 are part of the base instruction set, so there is no
 * dispatch at run time.  The plain twins do the same byte by byte; a test
 * holds them equal.
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

typedef __m128i     ngx_litellm_vec_t;
typedef uint32_t    ngx_litellm_vec_mask_t;     /* one bit for a byte */

#define ngx_litellm_vec_load(p)      _mm_loadu_si128((const __m128i *) (p))
#define ngx_litellm_vec_set(c)       _mm_set1_epi8((char) (c))
#define ngx_litellm_vec_eq(a, b)     _mm_cmpeq_epi8(a, b)
#define ngx_litellm_vec_lt(a, b)     _mm_cmplt_epi8(a, b)
#define ngx_litellm_vec_or(a, b)     _mm_or_si128(a, b)
#define ngx_litellm_vec_and(a, b)    _mm_and_si128(a, b)
#define ngx_litellm_vec_mask(a)      ((uint32_t) _mm_movemask_epi8(a))
#define ngx_litellm_vec_full         0xffff
#define ngx_litellm_vec_width        1          /* bits for a byte */
#define ngx_litellm_vec_first(mask)  __builtin_ctz(mask)
#define ngx_litellm_vec_rest(mask)   ((mask) & ((mask) - 1))

#elif (__aarch64__ && __ARM_NEON && !__ARM_BIG_ENDIAN)

#include <arm_neon.h>

#define NGX_LITELLM_SCAN_VECTOR  1

typedef uint8x16_t  ngx_litellm_vec_t;
typedef uint64_t    ngx_litellm_vec_mask_t;     /* four bits for a byte */

#define ngx_litellm_vec_load(p)      vld1q_u8((const uint8_t *) (p))
#define ngx_litellm_vec_set(c)       vdupq_n_u8((uint8_t) (c))
#define ngx_litellm_vec_eq(a, b)     vceqq_u8(a, b)
#define ngx_litellm_vec_lt(a, b)                                              \
    vcltq_s8(vreinterpretq_s8_u8(a), vreinterpretq_s8_u8(b))
#define ngx_litellm_vec_or(a, b)     vorrq_u8(a, b)
#define ngx_litellm_vec_and(a, b)    vandq_u8(a, b)
#define ngx_litellm_vec_mask(a)                                               \
    vget_lane_u64(vreinterpret_u64_u8(                                        \
        vshrn_n_u16(vreinterpretq_u16_u8(a), 4)), 0)
#define ngx_litellm_vec_full         0xffffffffffffffffULL
#define ngx_litellm_vec_width        4
#define ngx_litellm_vec_first(mask)  (__builtin_ctzll(mask) >> 2)
#define ngx_litellm_vec_rest(mask)                                            \
    ((mask) & ~((uint64_t) 0xf << (__builtin_ctzll(mask) & ~3)))

#endif


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
 * Passes over text with multi-byte sequences as long as it is valid, 16 bytes
 * at a time; p is at the start of a sequence.  Returns a place between two
 * sequences: there is a '"', a '\', a control character, a fault, plain ASCII
 * or the end not far away, and the caller goes on from there in small steps.
 */
u_char *ngx_litellm_scan_utf8_run(u_char *p, u_char *last);

/* the first CR or LF */
u_char *ngx_litellm_scan_eol(u_char *p, u_char *last);


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


/* the part of the search below for strings that have no end in 16 bytes */

ngx_litellm_scan_inline u_char *
ngx_litellm_scan_string_long(u_char *p, u_char *last)
{
    ngx_litellm_vec_t       a, b, c, d;
    ngx_litellm_vec_mask_t  m;

    while (last - p >= 64) {
        a = ngx_litellm_vec_load(p);
        b = ngx_litellm_vec_load(p + 16);
        c = ngx_litellm_vec_load(p + 32);
        d = ngx_litellm_vec_load(p + 48);

        a = ngx_litellm_scan_specials(a);
        b = ngx_litellm_scan_specials(b);
        c = ngx_litellm_scan_specials(c);
        d = ngx_litellm_scan_specials(d);

        m = ngx_litellm_vec_mask(ngx_litellm_vec_or(ngx_litellm_vec_or(a, b),
                                               ngx_litellm_vec_or(c, d)));
        if (m) {
            break;
        }

        p += 64;
    }

    while (last - p >= 16) {
        a = ngx_litellm_vec_load(p);

        m = ngx_litellm_vec_mask(ngx_litellm_scan_specials(a));
        if (m) {
            return p + ngx_litellm_vec_first(m);
        }

        p += 16;
    }

    return ngx_litellm_scan_string_plain(p, last);
}


ngx_litellm_scan_inline u_char *
ngx_litellm_scan_string(u_char *p, u_char *last)
{
    ngx_litellm_vec_t       v;
    ngx_litellm_vec_mask_t  m;

    /* most strings are names and end here */

    if (ngx_litellm_likely(last - p >= 16)) {
        v = ngx_litellm_vec_load(p);

        m = ngx_litellm_vec_mask(ngx_litellm_scan_specials(v));
        if (m) {
            return p + ngx_litellm_vec_first(m);
        }

        p += 16;
    }

    return ngx_litellm_scan_string_long(p, last);
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
