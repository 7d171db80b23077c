
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

/*
 * Each class of bytes is a mask over 16 bytes.  The tails that the leads ask
 * for, which are the leads' masks shifted by one, two and three bytes, must be
 * just the tails that are there.  A sequence that is cut by the end of the 16
 * bytes is left to the next round.
 */

u_char *
ngx_litellm_scan_utf8_run(u_char *p, u_char *last)
{
    ngx_litellm_vec_t       v, w;
    ngx_litellm_vec_mask_t  high, tail, two, three, four, bad, stop, limit;
    ngx_litellm_vec_mask_t  e0, ed, f0, f4, a0, x90;

    #define mask(x)      ngx_litellm_vec_mask(x)
    #define set(c)       ngx_litellm_vec_set(c)
    #define eq(c)        ngx_litellm_vec_eq(v, set(c))
    #define above(c)     (high & mask(ngx_litellm_vec_lt(set(c), v)))
    #define shift(m, n)                                                       \
        (((m) << ((n) * ngx_litellm_vec_width)) & ngx_litellm_vec_full)
    #define from(n)      shift((ngx_litellm_vec_mask_t) ngx_litellm_vec_full, n)

    while (last - p >= 16) {
        v = ngx_litellm_vec_load(p);

        high = mask(ngx_litellm_vec_lt(v, set(0)));

        if (high == 0) {
            return p;
        }

        tail = mask(ngx_litellm_vec_lt(v, set(0xc0)));
        two = high & ~tail;                     /* and longer ones */
        three = above(0xdf);
        four = above(0xef);

        w = ngx_litellm_vec_or(eq(0xc0), eq(0xc1));
        bad = mask(w) | above(0xf4);

        w = ngx_litellm_vec_or(eq('"'), eq('\\'));
        stop = mask(w) | (mask(ngx_litellm_vec_lt(v, set(0x20))) & ~high);

        limit = stop | (two & from(15)) | (three & from(14))
                | (four & from(13));

        /* all bits below the lowest one */

        limit = limit ? (limit & (0 - limit)) - 1
                      : (ngx_litellm_vec_mask_t) ngx_litellm_vec_full;

        two &= limit;
        three &= limit;
        four &= limit;
        tail &= limit;
        bad &= limit;

        if (bad || (shift(two, 1) | shift(three, 2) | shift(four, 3)) != tail)
        {
            return p;
        }

        w = ngx_litellm_vec_or(ngx_litellm_vec_or(eq(0xe0), eq(0xed)),
                               ngx_litellm_vec_or(eq(0xf0), eq(0xf4)));

        if (mask(w) & limit) {
            e0 = mask(eq(0xe0)) & limit;
            ed = mask(eq(0xed)) & limit;
            f0 = mask(eq(0xf0)) & limit;
            f4 = mask(eq(0xf4)) & limit;
            a0 = mask(ngx_litellm_vec_lt(v, set(0xa0)));
            x90 = mask(ngx_litellm_vec_lt(v, set(0x90)));

            if ((shift(e0, 1) & a0) || (shift(ed, 1) & ~a0)
                || (shift(f0, 1) & x90) || (shift(f4, 1) & ~x90))
            {
                return p;
            }
        }

        if (limit == (ngx_litellm_vec_mask_t) ngx_litellm_vec_full) {
            p += 16;
            continue;
        }

        p += ngx_litellm_vec_first(limit + 1);

        if (stop & (limit + 1)) {
            return p;
        }
    }

    #undef mask
    #undef set
    #undef eq
    #undef above
    #undef shift
    #undef from

    return p;
}

#else

u_char *
ngx_litellm_scan_utf8_run(u_char *p, u_char *last)
{
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
