
/*
 * The searches that are too long to be put in line: UTF-8 sequences, ends of
 * lines, and a short needle in a long text.  See ngx_litellm_scan.h for what
 * holds for all of them.
 */

#include "ngx_litellm_scan.h"
#include "ngx_litellm_json.h"


static u_char *ngx_litellm_scan_inside_first(u_char *p, u_char *last,
    ngx_uint_t *end, ngx_uint_t *flags);
static u_char *ngx_litellm_scan_eol_first(u_char *p, u_char *last);
static u_char *ngx_litellm_scan_quoted_first(u_char *p, u_char *last);


#define S1  1
#define S4  S1, S1, S1, S1
#define S16 S4, S4, S4, S4
#define P4  0, 0, 0, 0
#define P16 P4, P4, P4, P4

const u_char  ngx_litellm_scan_special[256] = {
    S16, S16,                                              /* controls */
    0, 0, S1, 0,  P4, P4, P4,                              /* 0x22: '"' */
    P16, P16,
    P4, P4, P4,  S1, 0, 0, 0,                              /* 0x5c: '\' */
    P16, P16,
    S16, S16, S16, S16, S16, S16, S16, S16                 /* 0x80 .. 0xff */
};

#undef S1
#undef S4
#undef S16
#undef P4
#undef P16


#define ngx_litellm_scan_tail(c)  (((c) & 0xc0) == 0x80)


/*
 * The bounds of the second byte shut out overlong forms (e0, f0), surrogates
 * (ed) and what is above U+10FFFF (f4): RFC 3629 section 4.
 */

ngx_uint_t
ngx_litellm_scan_utf8(const u_char *p, const u_char *last)
{
    u_char  c;

    if (p == last) {
        return 0;
    }

    c = *p;

    if (c < 0x80) {
        return 1;
    }

    if (c < 0xc2 || c > 0xf4) {
        return 0;
    }

    if (c < 0xe0) {
        return (last - p >= 2 && ngx_litellm_scan_tail(p[1])) ? 2 : 0;
    }

    if (c < 0xf0) {
        if (last - p < 3
            || !ngx_litellm_scan_tail(p[1])
            || !ngx_litellm_scan_tail(p[2])
            || (c == 0xe0 && p[1] < 0xa0)
            || (c == 0xed && p[1] > 0x9f))
        {
            return 0;
        }

        return 3;
    }

    if (last - p < 4
        || !ngx_litellm_scan_tail(p[1])
        || !ngx_litellm_scan_tail(p[2])
        || !ngx_litellm_scan_tail(p[3])
        || (c == 0xf0 && p[1] < 0x90)
        || (c == 0xf4 && p[1] > 0x8f))
    {
        return 0;
    }

    return 4;
}


/*
 * What is left of a text, from p on, when there is no block of 64 bytes any
 * more.  The last vector lies over bytes that were looked at before.
 */

static u_char *
ngx_litellm_scan_eol_rest(u_char *start, u_char *p, u_char *last)
{
#if (NGX_LITELLM_SCAN_VECTOR)
    ngx_litellm_vec_t       v;
    ngx_litellm_vec_mask_t  m;

    if (last - start >= 16) {

        while (p < last) {

            if (last - p < 16) {
                p = last - 16;
            }

            v = ngx_litellm_vec_load(p);

            m = ngx_litellm_vec_mask(
                    ngx_litellm_vec_or(
                        ngx_litellm_vec_eq(v, ngx_litellm_vec_set(LF)),
                        ngx_litellm_vec_eq(v, ngx_litellm_vec_set(CR))));
            if (m) {
                return p + ngx_litellm_vec_first(m);
            }

            p += 16;
        }

        return last;
    }
#endif

    while (p < last && *p != LF && *p != CR) {
        p++;
    }

    return p;
}


static u_char *
ngx_litellm_scan_quoted_rest(u_char *p, u_char *last)
{
#if (NGX_LITELLM_SCAN_VECTOR)
    ngx_litellm_vec_t       next;
    ngx_litellm_vec_mask_t  m;

    while (last - p > 16) {

        next = ngx_litellm_vec_load(p + 1);

        m = ngx_litellm_vec_mask(
                ngx_litellm_vec_and(
                    ngx_litellm_vec_eq(ngx_litellm_vec_load(p),
                                       ngx_litellm_vec_set('"')),
                    ngx_litellm_vec_or(
                        ngx_litellm_vec_eq(next, ngx_litellm_vec_set('u')),
                        ngx_litellm_vec_or(
                            ngx_litellm_vec_eq(next,
                                               ngx_litellm_vec_set('e')),
                            ngx_litellm_vec_eq(next,
                                               ngx_litellm_vec_set('f'))))));
        if (m) {
            return p + ngx_litellm_vec_first(m);
        }

        p += 16;
    }
#endif

    for ( /* void */ ; last - p > 1; p++) {
        if (p[0] == '"' && (p[1] == 'u' || p[1] == 'e' || p[1] == 'f')) {
            return p;
        }
    }

    return last;
}


#if (NGX_LITELLM_SCAN_VECTOR)

/* bytes that make a two-byte escape behind a backslash; not "\u" */

static const u_char  ngx_litellm_scan_escape[256] = {
    ['"'] = 1, ['\\'] = 1, ['/'] = 1, ['b'] = 1, ['f'] = 1, ['n'] = 1,
    ['r'] = 1, ['t'] = 1
};


#define NGX_LITELLM_BLOCK_ODD  0xaaaaaaaaaaaaaaaaULL


/* vectors that every processor of this kind has: 64 bytes in four of them */

typedef struct {
    ngx_litellm_vec_t  a, b, c, d;
} ngx_litellm_scan_block_t;

#define ngx_litellm_scan_is(v, x)     ngx_litellm_vec_eq(v, x)
#define ngx_litellm_scan_below(v, x)  ngx_litellm_vec_lt(v, x)
#define ngx_litellm_scan_above(v, x)  ngx_litellm_vec_lt(x, v)

#define ngx_litellm_scan_mask(op, s, x)                                       \
    ngx_litellm_vec_mask64(op((s)->a, x), op((s)->b, x), op((s)->c, x),       \
                           op((s)->d, x))


ngx_litellm_scan_inline void
ngx_litellm_scan_load(ngx_litellm_scan_block_t *s, u_char *p)
{
    s->a = ngx_litellm_vec_load(p);
    s->b = ngx_litellm_vec_load(p + 16);
    s->c = ngx_litellm_vec_load(p + 32);
    s->d = ngx_litellm_vec_load(p + 48);
}


ngx_litellm_scan_inline ngx_uint_t
ngx_litellm_scan_none(ngx_litellm_scan_block_t *s)
{
    ngx_litellm_vec_t  v;

    v = ngx_litellm_vec_or(
            ngx_litellm_vec_or(ngx_litellm_scan_specials(s->a),
                               ngx_litellm_scan_specials(s->b)),
            ngx_litellm_vec_or(ngx_litellm_scan_specials(s->c),
                               ngx_litellm_scan_specials(s->d)));

    return ngx_litellm_vec_mask(v) == 0;
}


ngx_litellm_scan_inline uint64_t
ngx_litellm_scan_faulty(u_char *p, uint64_t escaped)
{
    uint64_t  m;

    for (m = escaped; m; m &= m - 1) {
        if (!ngx_litellm_scan_escape[p[__builtin_ctzll(m)]]) {
            return m & (0 - m);
        }
    }

    return 0;
}


#define ngx_litellm_block_fn(name)       name##_base
#define ngx_litellm_block_attribute
#define ngx_litellm_block_end()
#define ngx_litellm_block_t              ngx_litellm_scan_block_t
#define ngx_litellm_block_load(s, p)     ngx_litellm_scan_load(s, p)
#define ngx_litellm_block_blank(s)       ngx_litellm_scan_none(s)
#define ngx_litellm_block_faulty(p, s, m)  ngx_litellm_scan_faulty(p, m)
#define ngx_litellm_block_eq(s, c)                                            \
    ngx_litellm_scan_mask(ngx_litellm_scan_is, s, ngx_litellm_vec_set(c))
#define ngx_litellm_block_lt(s, c)                                            \
    ngx_litellm_scan_mask(ngx_litellm_scan_below, s, ngx_litellm_vec_set(c))
#define ngx_litellm_block_gt(s, c)                                            \
    ngx_litellm_scan_mask(ngx_litellm_scan_above, s, ngx_litellm_vec_set(c))

#include "ngx_litellm_scan_block.h"


#if (NGX_LITELLM_SCAN_AVX2)

/* the same with two vectors, for processors that have AVX2 */

#define ngx_litellm_scan_avx2                                                 \
    __attribute__((target("avx2,bmi")))

typedef struct {
    __m256i  a, b;
} ngx_litellm_scan_block_avx2_t;

#define ngx_litellm_scan_mask_avx2(a, b)                                      \
    ((uint64_t) (uint32_t) _mm256_movemask_epi8(a)                            \
     | (uint64_t) (uint32_t) _mm256_movemask_epi8(b) << 32)


ngx_litellm_scan_avx2 static inline ngx_uint_t
ngx_litellm_scan_none_avx2(ngx_litellm_scan_block_avx2_t *s)
{
    __m256i  v, w;

    v = _mm256_or_si256(
            _mm256_or_si256(_mm256_cmpeq_epi8(s->a, _mm256_set1_epi8('"')),
                            _mm256_cmpeq_epi8(s->a, _mm256_set1_epi8('\\'))),
            _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), s->a));

    w = _mm256_or_si256(
            _mm256_or_si256(_mm256_cmpeq_epi8(s->b, _mm256_set1_epi8('"')),
                            _mm256_cmpeq_epi8(s->b, _mm256_set1_epi8('\\'))),
            _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), s->b));

    v = _mm256_or_si256(v, w);

    return _mm256_testz_si256(v, v);
}


/* a bit for each upper half of a byte, and its bytes' lower halves */

ngx_litellm_scan_avx2 static inline __m256i
ngx_litellm_scan_escapes_avx2(__m256i v)
{
    __m256i  high, low;

    high = _mm256_setr_epi8(0, 0, 1, 0, 0, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0,
                            0, 0, 1, 0, 0, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0);
    low = _mm256_setr_epi8(0, 0, 13, 0, 8, 0, 4, 0, 0, 0, 0, 0, 2, 0, 4, 1,
                           0, 0, 13, 0, 8, 0, 4, 0, 0, 0, 0, 0, 2, 0, 4, 1);

    high = _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16(v, 4),
                                                  _mm256_set1_epi8(0x0f)));
    low = _mm256_shuffle_epi8(low, v);

    return _mm256_cmpeq_epi8(_mm256_and_si256(high, low),
                             _mm256_setzero_si256());
}


#define ngx_litellm_block_fn(name)       name##_avx2
#define ngx_litellm_block_attribute      ngx_litellm_scan_avx2
#define ngx_litellm_block_end()          _mm256_zeroupper()
#define ngx_litellm_block_t              ngx_litellm_scan_block_avx2_t
#define ngx_litellm_block_load(s, p)                                          \
    ((s)->a = _mm256_loadu_si256((const __m256i *) (p)),                      \
     (s)->b = _mm256_loadu_si256((const __m256i *) ((p) + 32)))
#define ngx_litellm_block_blank(s)       ngx_litellm_scan_none_avx2(s)
#define ngx_litellm_block_faulty(p, s, m)                                     \
    ((m) & ngx_litellm_scan_mask_avx2(ngx_litellm_scan_escapes_avx2((s)->a),  \
                                      ngx_litellm_scan_escapes_avx2((s)->b)))
#define ngx_litellm_block_eq(s, c)                                            \
    ngx_litellm_scan_mask_avx2(                                               \
        _mm256_cmpeq_epi8((s)->a, _mm256_set1_epi8((char) (c))),              \
        _mm256_cmpeq_epi8((s)->b, _mm256_set1_epi8((char) (c))))
#define ngx_litellm_block_lt(s, c)                                            \
    ngx_litellm_scan_mask_avx2(                                               \
        _mm256_cmpgt_epi8(_mm256_set1_epi8((char) (c)), (s)->a),              \
        _mm256_cmpgt_epi8(_mm256_set1_epi8((char) (c)), (s)->b))
#define ngx_litellm_block_gt(s, c)                                            \
    ngx_litellm_scan_mask_avx2(                                               \
        _mm256_cmpgt_epi8((s)->a, _mm256_set1_epi8((char) (c))),              \
        _mm256_cmpgt_epi8((s)->b, _mm256_set1_epi8((char) (c))))

#include "ngx_litellm_scan_block.h"


/*
 * One vector; a comparison gives the mask at once.  Only where the processor
 * has VBMI, too: older ones lower their clock for vectors of this size.
 */

#define ngx_litellm_scan_avx512                                               \
    __attribute__((target("avx512bw,avx512vbmi,bmi")))

typedef struct {
    __m512i  a;
} ngx_litellm_scan_block_avx512_t;


ngx_litellm_scan_avx512 static inline uint64_t
ngx_litellm_scan_escapes_avx512(__m512i v)
{
    __m512i  high, low;

    high = _mm512_broadcast_i32x4(
               _mm_setr_epi8(0, 0, 1, 0, 0, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0));
    low = _mm512_broadcast_i32x4(
               _mm_setr_epi8(0, 0, 13, 0, 8, 0, 4, 0, 0, 0, 0, 0, 2, 0, 4, 1));

    high = _mm512_shuffle_epi8(high, _mm512_and_si512(_mm512_srli_epi16(v, 4),
                                                  _mm512_set1_epi8(0x0f)));
    low = _mm512_shuffle_epi8(low, v);

    return _mm512_testn_epi8_mask(high, low);
}


ngx_litellm_scan_avx512 static inline ngx_uint_t
ngx_litellm_scan_none_avx512(__m512i v)
{
    return (_mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('"'))
            | _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\\'))
            | _mm512_cmplt_epi8_mask(v, _mm512_set1_epi8(0x20)))
           == 0;
}


#define ngx_litellm_block_fn(name)       name##_avx512
#define ngx_litellm_block_attribute      ngx_litellm_scan_avx512
#define ngx_litellm_block_end()          _mm256_zeroupper()
#define ngx_litellm_block_t              ngx_litellm_scan_block_avx512_t
#define ngx_litellm_block_load(s, p)                                          \
    ((s)->a = _mm512_loadu_si512((const void *) (p)))
#define ngx_litellm_block_blank(s)       ngx_litellm_scan_none_avx512((s)->a)
#define ngx_litellm_block_faulty(p, s, m)                                     \
    ((m) & ngx_litellm_scan_escapes_avx512((s)->a))
#define ngx_litellm_block_eq(s, c)                                            \
    _mm512_cmpeq_epi8_mask((s)->a, _mm512_set1_epi8((char) (c)))
#define ngx_litellm_block_lt(s, c)                                            \
    _mm512_cmplt_epi8_mask((s)->a, _mm512_set1_epi8((char) (c)))
#define ngx_litellm_block_gt(s, c)                                            \
    _mm512_cmpgt_epi8_mask((s)->a, _mm512_set1_epi8((char) (c)))

#include "ngx_litellm_scan_block.h"


#define ngx_litellm_scan_has_avx2                                             \
    (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi"))
#define ngx_litellm_scan_has_avx512                                           \
    (__builtin_cpu_supports("avx512bw")                                       \
     && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("bmi"))

#endif


#else

static u_char *
ngx_litellm_scan_inside_base(u_char *p, u_char *last, ngx_uint_t *end,
    ngx_uint_t *flags)
{
    *end = 0;
    return p;
}

static u_char *
ngx_litellm_scan_eol_base(u_char *p, u_char *last)
{
    return ngx_litellm_scan_eol_rest(p, p, last);
}

#define ngx_litellm_scan_quoted_base  ngx_litellm_scan_quoted_rest

#endif


ngx_litellm_scan_t  ngx_litellm_scan = {
    ngx_litellm_scan_inside_first,
    ngx_litellm_scan_eol_first,
    ngx_litellm_scan_quoted_first
};


static void
ngx_litellm_scan_choose(void)
{
    ngx_uint_t  n;

    for (n = 2; n > 0; n--) {
        if (ngx_litellm_scan_use(n) == NGX_OK) {
            return;
        }
    }

    (void) ngx_litellm_scan_use(0);
}


static u_char *
ngx_litellm_scan_inside_first(u_char *p, u_char *last, ngx_uint_t *end,
    ngx_uint_t *flags)
{
    ngx_litellm_scan_choose();

    return ngx_litellm_scan.inside(p, last, end, flags);
}


static u_char *
ngx_litellm_scan_eol_first(u_char *p, u_char *last)
{
    ngx_litellm_scan_choose();

    return ngx_litellm_scan.eol(p, last);
}


static u_char *
ngx_litellm_scan_quoted_first(u_char *p, u_char *last)
{
    ngx_litellm_scan_choose();

    return ngx_litellm_scan.quoted(p, last);
}


#define ngx_litellm_scan_set(engine)                                          \
    ngx_litellm_scan.inside = ngx_litellm_scan_inside_##engine;               \
    ngx_litellm_scan.eol = ngx_litellm_scan_eol_##engine;                     \
    ngx_litellm_scan.quoted = ngx_litellm_scan_quoted_##engine


ngx_int_t
ngx_litellm_scan_use(ngx_uint_t engine)
{
#if (NGX_LITELLM_SCAN_AVX2)
    __builtin_cpu_init();
#endif

    switch (engine) {

    case 0:
        ngx_litellm_scan_set(base);
        return NGX_OK;

#if (NGX_LITELLM_SCAN_AVX2)

    case 1:
        if (ngx_litellm_scan_has_avx2) {
            ngx_litellm_scan_set(avx2);
            return NGX_OK;
        }

        break;

    case 2:
        if (ngx_litellm_scan_has_avx512) {
            ngx_litellm_scan_set(avx512);
            return NGX_OK;
        }

        break;

#endif

    }

    return NGX_DECLINED;
}


/*
 * Places where the first and the last byte of the needle are right are looked
 * at; the rest of a text is passed over 16 places at a time.
 */

u_char *
ngx_litellm_find(u_char *p, u_char *last, const char *needle, size_t len)
{
    u_char  *end;
#if (NGX_LITELLM_SCAN_VECTOR)
    u_char                  *s;
    ngx_litellm_vec_t        f, l, a;
    ngx_litellm_vec_mask_t   m;
#endif

    if (len == 0) {
        return p;
    }

    if ((size_t) (last - p) < len) {
        return NULL;
    }

    /* behind the last place where it may start */
    end = last - len + 1;

#if (NGX_LITELLM_SCAN_VECTOR)

    f = ngx_litellm_vec_fill(needle[0]);
    l = ngx_litellm_vec_fill(needle[len - 1]);

    while (end - p >= 16) {
        a = ngx_litellm_vec_and(
                ngx_litellm_vec_eq(ngx_litellm_vec_load(p), f),
                ngx_litellm_vec_eq(ngx_litellm_vec_load(p + len - 1), l));

        for (m = ngx_litellm_vec_mask(a); m; m = ngx_litellm_vec_rest(m)) {
            s = p + ngx_litellm_vec_first(m);

            if (ngx_memcmp(s, needle, len) == 0) {
                return s;
            }
        }

        p += 16;
    }

#endif

    for ( /* void */ ; p < end; p++) {
        if (*p == (u_char) needle[0] && ngx_memcmp(p, needle, len) == 0) {
            return p;
        }
    }

    return NULL;
}
