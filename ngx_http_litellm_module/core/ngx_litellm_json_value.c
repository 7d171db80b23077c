
/*
 * Reading single values of a parsed JSON text: members by name, strings
 * without their escapes, numbers without floating point.  Nodes come from
 * ngx_litellm_json.c, so their texts are known to be valid; ranges given as
 * J-strings by others are not trusted: a broken escape is copied as it is.
 */

#include "ngx_litellm_json.h"
#include "ngx_litellm_scan.h"
#include "ngx_litellm_unescape.h"


/* exponents beyond this bound can't be told apart in the result */
#define NGX_LITELLM_JSON_EXP_MAX  1000000000000LL

/* so many fit into 64 bits, whatever they are */
#define NGX_LITELLM_JSON_DIGITS   18


static ngx_uint_t ngx_litellm_json_equal_escaped(ngx_litellm_json_t *v,
    const char *s, size_t len);


ngx_litellm_json_t *
ngx_litellm_json_get(ngx_litellm_json_t *v, const char *name, size_t len)
{
    uint32_t             i;
    ngx_uint_t           equal;
    ngx_litellm_json_t  *k, *found;

    if (v == NULL
        || v->type != NGX_LITELLM_JSON_OBJECT
        || (v->flags & NGX_LITELLM_JSON_SKIPPED))
    {
        return NULL;
    }

    found = NULL;
    k = v + 1;

    for (i = 0; i < v->count; i++) {

        if (!(k->flags & NGX_LITELLM_JSON_ESCAPED)) {
            equal = (k->len - 2 == len
                     && ngx_memcmp(k->start + 1, name, len) == 0);

        } else {
            equal = ngx_litellm_json_equal(k, name, len);
        }

        if (equal && !((k->flags | k[1].flags) & NGX_LITELLM_JSON_DROPPED)) {
            found = k + 1;
        }

        k = ngx_litellm_json_next(k + 1);
    }

    return found;
}


ngx_uint_t
ngx_litellm_json_equal(ngx_litellm_json_t *v, const char *s, size_t len)
{
    if (v == NULL || v->type != NGX_LITELLM_JSON_STRING) {
        return 0;
    }

    if (v->flags & NGX_LITELLM_JSON_ESCAPED) {
        return ngx_litellm_json_equal_escaped(v, s, len);
    }

    return v->len - 2 == len && ngx_memcmp(v->start + 1, s, len) == 0;
}


/* by itself: the buffer would cost each comparison a guard of the stack */

static ngx_litellm_scan_noinline ngx_uint_t
ngx_litellm_json_equal_escaped(ngx_litellm_json_t *v, const char *s,
    size_t len)
{
    u_char      *p, *last, buf[NGX_LITELLM_UNESCAPE_MAX];
    size_t       n;
    const char  *end;

    p = v->start + 1;
    last = v->start + v->len - 1;
    end = s + len;

    while (p < last) {
        if (*p != '\\') {
            if (s == end || *p++ != (u_char) *s++) {
                return 0;
            }

            continue;
        }

        n = ngx_litellm_unescape_one(&p, last, buf);

        if ((size_t) (end - s) < n || ngx_memcmp(buf, s, n) != 0) {
            return 0;
        }

        s += n;
    }

    return s == end;
}


ngx_int_t
ngx_litellm_json_unescape(ngx_pool_t *pool, ngx_str_t *dst, ngx_str_t *src)
{
    u_char  *p, *last, *d, *next;

    if (src->len == 0 || memchr(src->data, '\\', src->len) == NULL) {
        *dst = *src;
        return NGX_OK;
    }

    /* an escape is never shorter than what it stands for */

    d = ngx_pnalloc(pool, src->len);
    if (d == NULL) {
        return NGX_ERROR;
    }

    p = src->data;
    last = p + src->len;

    dst->data = d;

    while (p < last) {
        if (*p == '\\') {
            d += ngx_litellm_unescape_one(&p, last, d);
            continue;
        }

        next = memchr(p, '\\', last - p);
        if (next == NULL) {
            next = last;
        }

        d = ngx_cpymem(d, p, next - p);
        p = next;
    }

    dst->len = d - dst->data;

    return NGX_OK;
}


/*
 * The digits of a number are one integer D, the rest says by which power of
 * ten it is to be multiplied.  With a negative power the last digits of D are
 * cut off; *exact tells whether they were zeros.
 */

static ngx_int_t
ngx_litellm_json_decimal(ngx_litellm_json_t *v, int64_t scale, int64_t *n,
    ngx_uint_t *exact)
{
    u_char     *p, *last, *digits, *end;
    int64_t     exp, count, use;
    uint64_t    value, limit;
    ngx_uint_t  minus, exp_minus;

    if (v == NULL || v->type != NGX_LITELLM_JSON_NUMBER) {
        return NGX_DECLINED;
    }

    p = v->start;
    last = p + v->len;

    minus = (*p == '-');
    p += minus;

    digits = p;
    count = 0;                          /* all digits */

    for ( /* void */ ; p < last && *p >= '0' && *p <= '9'; p++) {
        count++;
    }

    if (p < last && *p == '.') {
        for (p++; p < last && *p >= '0' && *p <= '9'; p++) {
            count++;
            scale--;
        }
    }

    end = p;
    exp = 0;
    exp_minus = 0;

    if (p < last) {                     /* 'e' */
        p++;

        if (*p == '+' || *p == '-') {
            exp_minus = (*p == '-');
            p++;
        }

        for ( /* void */ ; p < last; p++) {
            if (exp < NGX_LITELLM_JSON_EXP_MAX) {
                exp = exp * 10 + (*p - '0');
            }
        }
    }

    scale += exp_minus ? -exp : exp;

    limit = (uint64_t) INT64_MAX + minus;
    use = (scale < 0) ? count + scale : count;
    value = 0;
    *exact = 1;

    for (p = digits; p < end; p++) {
        if (*p == '.') {
            continue;
        }

        if (use-- <= 0) {
            if (*p != '0') {
                *exact = 0;
            }

            continue;
        }

        if (value > (limit - (*p - '0')) / 10) {
            return NGX_DECLINED;
        }

        value = value * 10 + (*p - '0');
    }

    while (value && scale-- > 0) {
        if (value > limit / 10) {
            return NGX_DECLINED;
        }

        value *= 10;
    }

    /* the lowest integer has no positive twin */

    *n = minus ? (int64_t) (0 - value) : (int64_t) value;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_json_int(ngx_litellm_json_t *v, int64_t *n)
{
    u_char     *p, *last;
    int64_t     value;
    ngx_uint_t  exact;

    /* counts, that is digits and nothing else, are most of what is read */

    if (v != NULL && v->type == NGX_LITELLM_JSON_NUMBER
        && v->len <= NGX_LITELLM_JSON_DIGITS)
    {
        p = v->start;
        last = p + v->len;
        value = 0;

        while (p < last && *p >= '0' && *p <= '9') {
            value = value * 10 + (*p++ - '0');
        }

        if (p == last) {
            *n = value;
            return NGX_OK;
        }
    }

    if (ngx_litellm_json_decimal(v, 0, &value, &exact) != NGX_OK || !exact) {
        return NGX_DECLINED;
    }

    *n = value;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_json_fixed(ngx_litellm_json_t *v, ngx_uint_t scale, int64_t *n)
{
    ngx_uint_t  exact;

    return ngx_litellm_json_decimal(v, (int64_t) ngx_min(scale, 1000), n,
                                    &exact);
}
