
/*
 * The searches that go over most bytes, once for each width of vectors.  Not
 * a header: ngx_litellm_scan.c includes it with these macros set:
 *
 *     ngx_litellm_block_fn(name)     the name of a function
 *     ngx_litellm_block_attribute    its attributes
 *     ngx_litellm_block_t            64 bytes in vectors
 *     ngx_litellm_block_load(s, p)
 *     ngx_litellm_block_eq(s, c)     a bit for each byte that equals c,
 *     ngx_litellm_block_lt(s, c)     is below or above it, as signed bytes
 *     ngx_litellm_block_gt(s, c)     (0x80 .. 0xff are below 0, in order)
 *     ngx_litellm_block_blank(s)     true: nothing in it needs a look
 *     ngx_litellm_block_faulty(p, s, m)
 *                                    those of the escaped bytes m that do not
 *                                    make a two-byte escape
 *     ngx_litellm_block_end()        before code for narrower vectors: upper
 *                                    halves in use make it slow, and compilers
 *                                    forget them before a jump to it
 *
 * and unsets them at its end.
 */


/*
 * Whether the bytes of "limit" are valid UTF-8.  The tails that the leads ask
 * for, which are the leads' masks shifted by one, two and three bytes, must be
 * just the tails that are there; what a lead forbids to its first tail is
 * looked at where there are such leads.  If there is more of the string behind
 * the block, a sequence that is cut by the block's end is taken out of "limit".
 */

ngx_litellm_block_attribute static inline ngx_uint_t
ngx_litellm_block_fn(ngx_litellm_scan_utf8)(ngx_litellm_block_t *s,
    uint64_t high, uint64_t *limit, ngx_uint_t more)
{
    uint64_t  tail, two, three, four, cut, first;

    tail = ngx_litellm_block_lt(s, 0xc0);
    two = high & ~tail;                             /* and longer ones */
    three = high & ngx_litellm_block_gt(s, 0xdf);
    four = high & ngx_litellm_block_gt(s, 0xef);

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
        && ((ngx_litellm_block_eq(s, 0xc0) | ngx_litellm_block_eq(s, 0xc1))
            & two))
    {
        return 0;
    }

    if (three & ~four) {
        first = ngx_litellm_block_lt(s, 0xa0);

        if (((ngx_litellm_block_eq(s, 0xe0) & three) << 1 & first)
            || ((ngx_litellm_block_eq(s, 0xed) & three) << 1 & ~first))
        {
            return 0;
        }
    }

    if (four) {
        first = ngx_litellm_block_lt(s, 0x90);

        if ((ngx_litellm_block_gt(s, 0xf4) & four)
            || ((ngx_litellm_block_eq(s, 0xf0) & four) << 1 & first)
            || ((ngx_litellm_block_eq(s, 0xf4) & four) << 1 & ~first))
        {
            return 0;
        }
    }

    return 1;
}


/*
 * Of a run of backslashes every second one, beginning with the second, is
 * escaped, and so is what follows a run of odd length.  Subtracting the run
 * from the odd bits borrows through it, which tells where it began; found
 * without a loop, as a branch for each backslash would be mispredicted.
 */

ngx_litellm_block_attribute static u_char *
ngx_litellm_block_fn(ngx_litellm_scan_inside)(u_char *p, u_char *last,
    ngx_uint_t *end, ngx_uint_t *flags)
{
    uint64_t             quote, slash, high, low, limit, start, escaped, bad;
    ngx_litellm_block_t  s;

    *end = 0;

    while (last - p >= 64) {

        ngx_litellm_block_load(&s, p);

        if (ngx_litellm_block_blank(&s)) {
            p += 64;
            continue;
        }

        quote = ngx_litellm_block_eq(&s, '"');
        slash = ngx_litellm_block_eq(&s, '\\');
        low = ngx_litellm_block_lt(&s, 0x20);

        limit = (uint64_t) -1;

        if (slash) {
            start = (((slash << 1) | NGX_LITELLM_BLOCK_ODD) - slash)
                    ^ NGX_LITELLM_BLOCK_ODD;
            escaped = start ^ slash;
            start &= slash;

            quote &= ~escaped;

            /* an escape that the block cuts begins the next one */

            limit ^= start & ((uint64_t) 1 << 63);

        } else {
            escaped = 0;
            start = 0;
        }

        if (quote) {
            limit = (quote - 1) & ~quote;
        }

        escaped &= limit;

        if (escaped) {
            bad = ngx_litellm_block_faulty(p, &s, escaped);

            if (bad) {

                /* up to the first "\u" or faulty one */

                limit &= ((bad & (0 - bad)) - 1) >> 1;
                quote = 0;
            }
        }

        if (low & limit) {
            high = ngx_litellm_block_lt(&s, 0);

            if ((low & ~high & limit)
                || !ngx_litellm_block_fn(ngx_litellm_scan_utf8)(&s, high,
                                                      &limit, quote == 0))
            {
                return p;
            }
        }

        if (start & limit) {
            *flags |= NGX_LITELLM_JSON_ESCAPED;
        }

        if (quote) {
            *end = 1;
            return p + __builtin_ctzll(quote);
        }

        if (limit == (uint64_t) -1) {
            p += 64;
            continue;
        }

        if (limit == 0) {
            return p;
        }

        p += __builtin_ctzll(~limit);
    }

    return p;
}


ngx_litellm_block_attribute static u_char *
ngx_litellm_block_fn(ngx_litellm_scan_eol)(u_char *p, u_char *last)
{
    u_char              *start;
    uint64_t             m;
    ngx_litellm_block_t  s;

    start = p;

    while (last - p >= 64) {

        ngx_litellm_block_load(&s, p);

        m = ngx_litellm_block_eq(&s, LF) | ngx_litellm_block_eq(&s, CR);

        if (m) {
            return p + __builtin_ctzll(m);
        }

        p += 64;
    }

    ngx_litellm_block_end();

    return ngx_litellm_scan_eol_rest(start, p, last);
}


/* steps of 63 bytes: the last one of a block has nothing behind it there */

ngx_litellm_block_attribute static u_char *
ngx_litellm_block_fn(ngx_litellm_scan_quoted)(u_char *p, u_char *last)
{
    uint64_t             m;
    ngx_litellm_block_t  s;

    while (last - p >= 64) {

        ngx_litellm_block_load(&s, p);

        m = ngx_litellm_block_eq(&s, 'u') | ngx_litellm_block_eq(&s, 'e')
            | ngx_litellm_block_eq(&s, 'f');

        m = ngx_litellm_block_eq(&s, '"') & m >> 1;

        if (m) {
            return p + __builtin_ctzll(m);
        }

        p += 63;
    }

    ngx_litellm_block_end();

    return ngx_litellm_scan_quoted_rest(p, last);
}


#undef ngx_litellm_block_fn
#undef ngx_litellm_block_attribute
#undef ngx_litellm_block_t
#undef ngx_litellm_block_load
#undef ngx_litellm_block_eq
#undef ngx_litellm_block_lt
#undef ngx_litellm_block_gt
#undef ngx_litellm_block_blank
#undef ngx_litellm_block_faulty
#undef ngx_litellm_block_end
