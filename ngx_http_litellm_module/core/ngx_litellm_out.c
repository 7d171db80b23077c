
/*
 * The chain writer: bytes, references, integers, JSON strings (see the
 * header).  Callers: formats and providers for bodies and events.
 *
 * Invariants: out->buf is NULL or the last link's buffer with room behind
 * "last"; *out->last is NULL and the place of the next link; out->size is the
 * sum of all links; no link is empty.  After a failed allocation nothing is
 * written any more.
 */

#include "ngx_litellm_out.h"
#include "ngx_litellm_scan.h"
#include "ngx_litellm_unescape.h"


#define NGX_LITELLM_OUT_CHUNK  4096


static ngx_chain_t *ngx_litellm_out_link(ngx_litellm_out_t *out,
    u_char *start, u_char *end);
static ngx_chain_t *ngx_litellm_out_more(ngx_litellm_out_t *out,
    size_t wanted);
static void ngx_litellm_out_end(ngx_litellm_out_t *out);


void
ngx_litellm_out_init(ngx_litellm_out_t *out, ngx_pool_t *pool)
{
    ngx_memzero(out, sizeof(ngx_litellm_out_t));

    out->pool = pool;
    out->last = &out->first;
}


void
ngx_litellm_out_write(ngx_litellm_out_t *out, const void *data, size_t len)
{
    size_t         n;
    ngx_buf_t     *b;
    ngx_chain_t   *cl;
    const u_char  *p;

    p = data;

    while (len && !out->failed) {
        b = out->buf;

        if (b == NULL || b->last == b->end) {
            cl = out->more ? out->more(out, len)
                           : ngx_litellm_out_more(out, len);

            if (cl == NULL || cl->buf->last == cl->buf->end) {
                out->failed = 1;
                out->buf = NULL;
                return;
            }

            cl->next = NULL;
            *out->last = cl;
            out->last = &cl->next;

            b = cl->buf;
            out->buf = b;
        }

        n = ngx_min((size_t) (b->end - b->last), len);

        b->last = ngx_cpymem(b->last, p, n);
        out->size += n;

        p += n;
        len -= n;
    }
}


static ngx_chain_t *
ngx_litellm_out_more(ngx_litellm_out_t *out, size_t wanted)
{
    u_char       *p, *end;
    size_t        size;
    ngx_chain_t  *cl;

    if (out->spare != out->spare_end) {
        p = out->spare;
        end = out->spare_end;
        out->spare = end;
        goto found;
    }

    size = out->chunk ? out->chunk : NGX_LITELLM_OUT_CHUNK;
    size = ngx_max(size, wanted);

    p = ngx_palloc(out->pool, size);
    if (p == NULL) {
        return NULL;
    }

    end = p + size;

found:

    cl = ngx_litellm_out_link(out, p, end);
    if (cl == NULL) {
        return NULL;
    }

    cl->buf->last = p;
    cl->buf->temporary = 1;

    return cl;
}


/* a link whose buffer is full, of neither kind yet */

static ngx_chain_t *
ngx_litellm_out_link(ngx_litellm_out_t *out, u_char *start, u_char *end)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    b = ngx_calloc_buf(out->pool);
    if (b == NULL) {
        return NULL;
    }

    cl = ngx_alloc_chain_link(out->pool);
    if (cl == NULL) {
        return NULL;
    }

    b->start = start;
    b->pos = start;
    b->last = end;
    b->end = end;

    cl->buf = b;
    cl->next = NULL;

    return cl;
}


void
ngx_litellm_out_ref(ngx_litellm_out_t *out, u_char *p, size_t len)
{
    ngx_chain_t  *cl;

    if (out->ref_min == 0 || len < out->ref_min) {
        ngx_litellm_out_copy(out, p, len);
        return;
    }

    if (out->failed) {
        return;
    }

    cl = ngx_litellm_out_link(out, p, p + len);
    if (cl == NULL) {
        out->failed = 1;
        return;
    }

    cl->buf->memory = 1;

    ngx_litellm_out_end(out);

    *out->last = cl;
    out->last = &cl->next;
    out->size += len;
}


/* ends the buffer being filled; the rest of one of ours is used later */

static void
ngx_litellm_out_end(ngx_litellm_out_t *out)
{
    ngx_buf_t  *b;

    b = out->buf;
    out->buf = NULL;

    if (b == NULL || out->more) {
        return;
    }

    out->spare = b->last;
    out->spare_end = b->end;

    b->end = b->last;
}


void
ngx_litellm_out_int(ngx_litellm_out_t *out, int64_t n)
{
    u_char    *p, buf[NGX_INT64_LEN];
    uint64_t   value;

    value = (n < 0) ? 0 - (uint64_t) n : (uint64_t) n;

    p = buf + sizeof(buf);

    do {
        *--p = (u_char) ('0' + value % 10);
        value /= 10;
    } while (value);

    if (n < 0) {
        *--p = '-';
    }

    ngx_litellm_out_copy(out, p, buf + sizeof(buf) - p);
}


static const u_char  ngx_litellm_out_pairs[] =
    "00010203040506070809101112131415161718192021222324"
    "25262728293031323334353637383940414243444546474849"
    "50515253545556575859606162636465666768697071727374"
    "75767778798081828384858687888990919293949596979899";


/*
 * Eight digits with zeros in front, the first one in the lowest byte: halves
 * are split side by side until each is a digit.  10486 / 2^20 is 1/100 for all
 * that are below 10000, 103 / 2^10 is 1/10 below 100.
 */

static ngx_inline uint64_t
ngx_litellm_out_split(uint32_t n)
{
    uint64_t  v, high;

    high = n / 10000;
    v = high | (uint64_t) (n - high * 10000) << 32;

    high = ((v * 10486) >> 20) & 0x0000007f0000007fULL;
    v = high | (v - high * 100) << 16;

    high = ((v * 103) >> 10) & 0x000f000f000f000fULL;

    return high | (v - high * 10) << 8;
}


static ngx_inline void
ngx_litellm_out_eight(u_char *p, uint64_t digits)
{
    digits |= 0x3030303030303030ULL;

#if !(NGX_HAVE_LITTLE_ENDIAN)
    digits = __builtin_bswap64(digits);
#endif

    ngx_memcpy(p, &digits, 8);
}


/* without the zeros in front; n is over 0, and 8 bytes are written */

static ngx_inline u_char *
ngx_litellm_out_head(u_char *p, uint32_t n)
{
    uint64_t    digits;
    ngx_uint_t  zeros;

    digits = ngx_litellm_out_split(n);
    zeros = __builtin_ctzll(digits) >> 3;

    ngx_litellm_out_eight(p, digits >> (8 * zeros));

    return p + 8 - zeros;
}


u_char *
ngx_litellm_out_digits(u_char *p, uint64_t n)
{
    uint32_t  middle;

    if (n < 10) {
        *p++ = (u_char) ('0' + n);
        return p;
    }

    if (n < 100000000) {
        return ngx_litellm_out_head(p, (uint32_t) n);
    }

    if (n >= 10000000000000000ULL) {
        p = ngx_litellm_out_head(p, (uint32_t) (n / 10000000000000000ULL));

        middle = (uint32_t) (n / 100000000 % 100000000);

        ngx_litellm_out_eight(p, ngx_litellm_out_split(middle));
        p += 8;

    } else {
        p = ngx_litellm_out_head(p, (uint32_t) (n / 100000000));
    }

    ngx_litellm_out_eight(p, ngx_litellm_out_split((uint32_t)
                                                   (n % 100000000)));
    return p + 8;
}


u_char *
ngx_litellm_out_fraction(u_char *p, uint64_t n)
{
    uint64_t  digits;

    digits = ngx_litellm_out_split((uint32_t) (n / 10000));
    n %= 10000;

    if (n) {
        ngx_litellm_out_eight(p, digits);
        p += 8;

        digits = ngx_litellm_out_split((uint32_t) n * 10000);
    }

    ngx_litellm_out_eight(p, digits);

    return p + 8 - (__builtin_clzll(digits) >> 3);
}


/* sixteen bytes at once where that can be had */

u_char *
ngx_litellm_out_hex(u_char *p, const u_char *data, size_t len)
{
#if (__SSE2__)
    ngx_uint_t  i;
    __m128i     v, high, low, digit[2], ten, letter, mask, zero;

    mask = _mm_set1_epi8(0x0f);
    ten = _mm_set1_epi8(10);
    zero = _mm_set1_epi8('0');
    letter = _mm_set1_epi8('a' - '0' - 10);

    for ( /* void */ ; len >= 16; len -= 16) {

        v = _mm_loadu_si128((const __m128i *) data);

        low = _mm_and_si128(v, mask);
        high = _mm_and_si128(_mm_srli_epi16(v, 4), mask);

        digit[0] = _mm_unpacklo_epi8(high, low);
        digit[1] = _mm_unpackhi_epi8(high, low);

        for (i = 0; i < 2; i++) {
            v = _mm_andnot_si128(_mm_cmplt_epi8(digit[i], ten), letter);
            v = _mm_add_epi8(_mm_add_epi8(digit[i], zero), v);

            _mm_storeu_si128((__m128i *) (p + 16 * i), v);
        }

        data += 16;
        p += 32;
    }
#endif

    return len ? ngx_hex_dump(p, (u_char *) data, len) : p;
}


u_char *
ngx_litellm_out_fixed(u_char *p, uint32_t n, ngx_uint_t width)
{
    u_char  *last;

    last = p + width;

    for ( /* void */ ; width >= 2; width -= 2) {
        ngx_memcpy(p + width - 2, &ngx_litellm_out_pairs[2 * (n % 100)], 2);
        n /= 100;
    }

    if (width) {
        *p = (u_char) ('0' + n % 10);
    }

    return last;
}


void
ngx_litellm_out_json(ngx_litellm_out_t *out, ngx_str_t *text)
{
    ngx_litellm_out_copy(out, "\"", 1);
    ngx_litellm_out_escape(out, text->data, text->len);
    ngx_litellm_out_copy(out, "\"", 1);
}


void
ngx_litellm_out_line(ngx_litellm_out_t *out, ngx_str_t *json)
{
    u_char  *p, *last, *run;

    run = json->data;
    last = run + json->len;

    for (p = run; p < last; p++) {

        if (*p == LF || *p == CR) {
            ngx_litellm_out_copy(out, run, p - run);
            run = p + 1;
        }
    }

    ngx_litellm_out_copy(out, run, last - run);
}


void
ngx_litellm_out_escape(ngx_litellm_out_t *out, const u_char *text, size_t len)
{
    u_char      *p, *last, *run, esc[6];
    ngx_uint_t   n;

    static const u_char  hex[] = "0123456789abcdef";

    if (len == 0) {
        return;
    }

    p = (u_char *) text;
    last = p + len;
    run = p;

    for ( ;; ) {
        p = ngx_litellm_scan_string(p, last);

        if (p < last && *p >= 0x80) {
            n = ngx_litellm_scan_utf8(p, last);

            if (n) {
                p += n;
                continue;
            }
        }

        if (p > run) {
            ngx_litellm_out_copy(out, run, p - run);
        }

        if (p == last) {
            return;
        }

        esc[0] = '\\';
        n = 2;

        switch (*p) {

        case '"': case '\\':
            esc[1] = *p;
            break;

        case '\b':
            esc[1] = 'b';
            break;

        case '\f':
            esc[1] = 'f';
            break;

        case '\n':
            esc[1] = 'n';
            break;

        case '\r':
            esc[1] = 'r';
            break;

        case '\t':
            esc[1] = 't';
            break;

        default:
            if (*p >= 0x80) {
                n = ngx_cpymem(esc, "\xef\xbf\xbd", 3) - esc;
                break;
            }

            n = ngx_cpymem(esc + 1, "u00", 3) - esc;
            esc[n++] = hex[*p >> 4];
            esc[n++] = hex[*p & 0xf];
        }

        ngx_litellm_out_copy(out, esc, n);

        p++;
        run = p;
    }
}


void
ngx_litellm_out_unescape(ngx_litellm_out_t *out, const u_char *text,
    size_t len)
{
    u_char  *p, *last, *next, buf[NGX_LITELLM_UNESCAPE_MAX];
    size_t   n;

    if (len == 0) {
        return;
    }

    p = (u_char *) text;
    last = p + len;

    while (p < last) {
        if (*p == '\\') {
            n = ngx_litellm_unescape_one(&p, last, buf);
            ngx_litellm_out_copy(out, buf, n);
            continue;
        }

        next = memchr(p, '\\', last - p);
        if (next == NULL) {
            next = last;
        }

        ngx_litellm_out_copy(out, p, next - p);
        p = next;
    }
}


ngx_chain_t *
ngx_litellm_out_take(ngx_litellm_out_t *out)
{
    ngx_chain_t  *cl;

    ngx_litellm_out_end(out);

    cl = out->first;

    out->first = NULL;
    out->last = &out->first;
    out->size = 0;

    return cl;
}


ngx_int_t
ngx_litellm_out_join(ngx_litellm_out_t *out, ngx_str_t *dst)
{
    u_char       *p;
    ngx_chain_t  *cl;

    if (out->failed) {
        return NGX_ERROR;
    }

    if (out->size == 0) {
        ngx_str_set(dst, "");
        return NGX_OK;
    }

    dst->len = out->size;

    cl = out->first;

    if ((off_t) (cl->buf->last - cl->buf->pos) == out->size) {
        dst->data = cl->buf->pos;
        return NGX_OK;
    }

    p = ngx_pnalloc(out->pool, dst->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    dst->data = p;

    for ( /* void */ ; cl; cl = cl->next) {
        p = ngx_cpymem(p, cl->buf->pos, cl->buf->last - cl->buf->pos);
    }

    return NGX_OK;
}
