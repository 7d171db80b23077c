
/*
 * The searches that are too long to be put in line: UTF-8 sequences, ends of
 * lines, and a short needle in a long text.  See ngx_litellm_scan.h for what
 * holds for all of them.
 */

#include "ngx_litellm_scan.h"
#include "ngx_litellm_json.h"


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


#if (NGX_LITELLM_SCAN_VECTOR)

/* bytes that make a two-byte escape behind a backslash; not "\u" */

static const u_char  ngx_litellm_scan_escape[256] = {
    ['"'] = 1, ['\\'] = 1, ['/'] = 1, ['b'] = 1, ['f'] = 1, ['n'] = 1,
    ['r'] = 1, ['t'] = 1
};


/* 64 bytes in four vectors; a mask has a bit for each byte of a class */

typedef struct {
    ngx_litellm_vec_t  a, b, c, d;
} ngx_litellm_scan_block_t;

#define ngx_litellm_scan_mask(op, s, x)                                       \
    ngx_litellm_vec_mask64(op((s)->a, x), op((s)->b, x), op((s)->c, x),       \
                           op((s)->d, x))

#define ngx_litellm_scan_is(v, x)     ngx_litellm_vec_eq(v, x)
#define ngx_litellm_scan_below(v, x)  ngx_litellm_vec_lt(v, x)
#define ngx_litellm_scan_above(v, x)  ngx_litellm_vec_lt(x, v)

/* comparisons are signed: 0x80 .. 0xff are below 0, in their order */

#define ngx_litellm_scan_eq(s, c)                                             \
    ngx_litellm_scan_mask(ngx_litellm_scan_is, s, ngx_litellm_vec_set(c))
#define ngx_litellm_scan_lt(s, c)                                             \
    ngx_litellm_scan_mask(ngx_litellm_scan_below, s, ngx_litellm_vec_set(c))
#define ngx_litellm_scan_gt(s, c)                                             \
    ngx_litellm_scan_mask(ngx_litellm_scan_above, s, ngx_litellm_vec_set(c))


/*
 * Whether the bytes of "limit" are valid UTF-8.  The tails that the leads ask
 * for, which are the leads' masks shifted by one, two and three bytes, must be
 * just the tails that are there; what a lead forbids to its first tail is
 * looked at where there are such leads.  If there is more of the string behind
 * the block, a sequence that is cut by the block's end is taken out of "limit".
 */

ngx_litellm_scan_inline ngx_uint_t
ngx_litellm_scan_utf8_block(ngx_litellm_scan_block_t *s, uint64_t high,
    uint64_t *limit, ngx_uint_t more)
{
    uint64_t  tail, two, three, four, cut, first;

    tail = ngx_litellm_scan_lt(s, 0xc0);
    two = high & ~tail;                             /* and longer ones */
    three = high & ngx_litellm_scan_gt(s, 0xdf);
    four = high & ngx_litellm_scan_gt(s, 0xef);

    cut = ((two & (uint64_t) 1 << 63) | (three & (uint64_t) 3 << 62)
           | (four & (uint64_t) 7 << 61))
          & *limit;

    if (cut && more) {
        *limit &= (cut & (0 - cut)) - 1;
    }

    tail &= *limit;
    two &= *limit;
    three &= *limit;
    four &= *limit;

    if (((two << 1) | (three << 2) | (four << 3)) != tail) {
        return 0;
    }

    if ((two & ~three)
        && ((ngx_litellm_scan_eq(s, 0xc0) | ngx_litellm_scan_eq(s, 0xc1))
            & two))
    {
        return 0;
    }

    if (three & ~four) {
        first = ngx_litellm_scan_lt(s, 0xa0);

        if (((ngx_litellm_scan_eq(s, 0xe0) & three) << 1 & first)
            || ((ngx_litellm_scan_eq(s, 0xed) & three) << 1 & ~first))
        {
            return 0;
        }
    }

    if (four) {
        first = ngx_litellm_scan_lt(s, 0x90);

        if ((ngx_litellm_scan_gt(s, 0xf4) & four)
            || ((ngx_litellm_scan_eq(s, 0xf0) & four) << 1 & first)
            || ((ngx_litellm_scan_eq(s, 0xf4) & four) << 1 & ~first))
        {
            return 0;
        }
    }

    return 1;
}


u_char *
ngx_litellm_scan_inside(u_char *p, u_char *last, ngx_uint_t *end,
    ngx_uint_t *escaped)
{
    uint64_t                  quote, slash, high, low, limit, m, bit;
    ngx_uint_t                n;
    ngx_litellm_vec_t         v;
    ngx_litellm_scan_block_t  s;

    *end = 0;

    while (last - p >= 64) {
        s.a = ngx_litellm_vec_load(p);
        s.b = ngx_litellm_vec_load(p + 16);
        s.c = ngx_litellm_vec_load(p + 32);
        s.d = ngx_litellm_vec_load(p + 48);

        v = ngx_litellm_vec_or(
                ngx_litellm_vec_or(ngx_litellm_scan_specials(s.a),
                                   ngx_litellm_scan_specials(s.b)),
                ngx_litellm_vec_or(ngx_litellm_scan_specials(s.c),
                                   ngx_litellm_scan_specials(s.d)));

        if (ngx_litellm_vec_mask(v) == 0) {
            p += 64;
            continue;
        }

        quote = ngx_litellm_scan_eq(&s, '"');
        slash = ngx_litellm_scan_eq(&s, '\\');
        low = ngx_litellm_scan_lt(&s, 0x20);

        limit = (uint64_t) -1;

        for (m = slash; m; m &= ~(bit | bit << 1)) {

            bit = m & (0 - m);

            if (quote & (bit - 1)) {
                break;
            }

            n = __builtin_ctzll(m);

            if (n == 63) {

                /* the escape is cut: it begins the next block */

                limit >>= 1;
                slash &= limit;
                break;
            }

            if (!ngx_litellm_scan_escape[p[n + 1]]) {
                return p;
            }

            quote &= ~(bit << 1);
        }

        if (quote) {
            bit = quote & (0 - quote);
            limit &= bit - 1;
        }

        if (low & limit) {
            high = ngx_litellm_scan_lt(&s, 0);

            if ((low & ~high & limit)
                || !ngx_litellm_scan_utf8_block(&s, high, &limit,
                                                quote == 0))
            {
                return p;
            }
        }

        if (slash & limit) {
            *escaped = 1;
        }

        if (quote) {
            *end = 1;
            return p + __builtin_ctzll(quote);
        }

        if (limit == (uint64_t) -1) {
            p += 64;

        } else {
            p += __builtin_ctzll(~limit);
        }
    }

    return p;
}

#else

u_char *
ngx_litellm_scan_inside(u_char *p, u_char *last, ngx_uint_t *end,
    ngx_uint_t *escaped)
{
    *end = 0;
    return p;
}

#endif


u_char *
ngx_litellm_scan_eol(u_char *p, u_char *last)
{
#if (NGX_LITELLM_SCAN_VECTOR)
    ngx_litellm_vec_t       a, b, lf, cr;
    ngx_litellm_vec_mask_t  m;

    lf = ngx_litellm_vec_set(LF);
    cr = ngx_litellm_vec_set(CR);

    while (last - p >= 32) {
        a = ngx_litellm_vec_load(p);
        b = ngx_litellm_vec_load(p + 16);

        a = ngx_litellm_vec_or(ngx_litellm_vec_eq(a, lf),
                               ngx_litellm_vec_eq(a, cr));
        b = ngx_litellm_vec_or(ngx_litellm_vec_eq(b, lf),
                               ngx_litellm_vec_eq(b, cr));

        m = ngx_litellm_vec_mask(ngx_litellm_vec_or(a, b));
        if (m) {
            m = ngx_litellm_vec_mask(a);
            if (m) {
                return p + ngx_litellm_vec_first(m);
            }

            m = ngx_litellm_vec_mask(b);
            return p + 16 + ngx_litellm_vec_first(m);
        }

        p += 32;
    }
#endif

    while (p < last && *p != LF && *p != CR) {
        p++;
    }

    return p;
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

    f = ngx_litellm_vec_set(needle[0]);
    l = ngx_litellm_vec_set(needle[len - 1]);

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
