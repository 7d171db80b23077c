
/*
 * What a plain YAML scalar means: null, bool, int, float or text, by the
 * rules of YAML 1.1 as PyYAML's resolver has them (yaml/resolver.py), and the
 * numbers among them as JSON spells them.  Digits are kept as written where
 * JSON allows it: nothing goes through a double.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_yaml.h"


#define ngx_litellm_digit(c)  ((c) >= '0' && (c) <= '9')

/* bound of an exponent: beyond it a number is 0 or too big */
#define NGX_LITELLM_YAML_EXP  10000000


static ngx_uint_t ngx_litellm_yaml_word(ngx_str_t *text, const char *words);
static ngx_uint_t ngx_litellm_yaml_is_int(u_char *p, u_char *last);
static ngx_uint_t ngx_litellm_yaml_is_float(u_char *p, u_char *last);
static ngx_int_t ngx_litellm_yaml_based(ngx_str_t *text, uint64_t *n,
    ngx_uint_t *minus);


ngx_litellm_yaml_kind_e
ngx_litellm_yaml_kind(ngx_str_t *text)
{
    u_char  *p, *last;

    if (text->len == 0
        || ngx_litellm_yaml_word(text, "~\0null\0Null\0NULL\0"))
    {
        return NGX_LITELLM_YAML_NULL;
    }

    if (ngx_litellm_yaml_word(text, "true\0True\0TRUE\0yes\0Yes\0YES\0"
                              "on\0On\0ON\0false\0False\0FALSE\0no\0No\0NO\0"
                              "off\0Off\0OFF\0"))
    {
        return NGX_LITELLM_YAML_BOOL;
    }

    p = text->data;
    last = p + text->len;

    if (*p == '-' || *p == '+') {
        p++;
    }

    if (p == last || !(ngx_litellm_digit(*p) || *p == '.')) {
        return NGX_LITELLM_YAML_STRING;
    }

    if (ngx_litellm_yaml_is_int(p, last)) {
        return NGX_LITELLM_YAML_INT;
    }

    if (ngx_litellm_yaml_is_float(p, last)) {
        return NGX_LITELLM_YAML_FLOAT;
    }

    return NGX_LITELLM_YAML_STRING;
}


static ngx_uint_t
ngx_litellm_yaml_word(ngx_str_t *text, const char *words)
{
    size_t  n;

    for ( /* void */ ; *words; words += n + 1) {
        n = ngx_strlen(words);

        if (n == text->len && ngx_memcmp(words, text->data, n) == 0) {
            return 1;
        }
    }

    return 0;
}


ngx_flag_t
ngx_litellm_yaml_true(ngx_str_t *text)
{
    return text->len > 0
           && (text->data[0] == 't' || text->data[0] == 'T'
               || text->data[0] == 'y' || text->data[0] == 'Y'
               || (text->len == 2
                   && (text->data[1] == 'n' || text->data[1] == 'N')));
}


/* 0b, 0x, 0 + octal, decimal, and 1:30 (base 60); '_' anywhere inside */

static ngx_uint_t
ngx_litellm_yaml_is_int(u_char *p, u_char *last)
{
    u_char  c, *start;

    if (*p == '0' && last - p > 2 && (p[1] == 'x' || p[1] == 'b')) {
        c = p[1];

        for (p += 2; p < last; p++) {
            if (*p == '_') {
                continue;
            }

            if (c == 'b' ? (*p != '0' && *p != '1') : !isxdigit(*p)) {
                return 0;
            }
        }

        return 1;
    }

    if (*p == '0') {
        for (p++; p < last; p++) {
            if (*p != '_' && (*p < '0' || *p > '7')) {
                return 0;
            }
        }

        return 1;
    }

    if (!ngx_litellm_digit(*p)) {
        return 0;
    }

    while (p < last && (ngx_litellm_digit(*p) || *p == '_')) {
        p++;
    }

    while (p < last && *p == ':') {
        start = ++p;

        while (p < last && ngx_litellm_digit(*p)) {
            p++;
        }

        if (p == start || p - start > 2 || (p - start == 2 && *start > '5')) {
            return 0;
        }
    }

    return p == last;
}


static ngx_uint_t
ngx_litellm_yaml_is_float(u_char *p, u_char *last)
{
    ngx_uint_t  digits, point;

    if (*p == '.' && last - p == 4
        && (ngx_strncmp(p, ".inf", 4) == 0 || ngx_strncmp(p, ".Inf", 4) == 0
            || ngx_strncmp(p, ".INF", 4) == 0
            || ngx_strncmp(p, ".nan", 4) == 0
            || ngx_strncmp(p, ".NaN", 4) == 0
            || ngx_strncmp(p, ".NAN", 4) == 0))
    {
        return 1;
    }

    digits = 0;
    point = 0;

    while (p < last && (ngx_litellm_digit(*p) || (*p == '_' && digits))) {
        digits = 1;
        p++;
    }

    if (p < last && *p == '.') {
        point = 1;
        p++;

        while (p < last && (ngx_litellm_digit(*p) || *p == '_')) {
            digits |= (*p != '_');
            p++;
        }
    }

    if (!digits) {
        return 0;
    }

    if (p == last) {
        return point;
    }

    if (*p != 'e' && *p != 'E') {
        return 0;
    }

    p++;

    if (p < last && (*p == '-' || *p == '+')) {
        p++;
    }

    if (p == last) {
        return 0;
    }

    while (p < last && ngx_litellm_digit(*p)) {
        p++;
    }

    return p == last;
}


/* NGX_DECLINED: an ordinary decimal; NGX_ERROR: over 64 bits */

static ngx_int_t
ngx_litellm_yaml_based(ngx_str_t *text, uint64_t *n, ngx_uint_t *minus)
{
    u_char    *p, *last;
    uint64_t   base, v, part, digit;

    p = text->data;
    last = p + text->len;

    *minus = (*p == '-');

    if (*p == '-' || *p == '+') {
        p++;
    }

    if (*p == '0' && last - p > 1) {
        base = (p[1] == 'x') ? 16 : (p[1] == 'b') ? 2 : 8;
        p += (base == 8) ? 1 : 2;

    } else if (ngx_strlchr(p, last, ':') != NULL) {
        base = 60;

    } else {
        return NGX_DECLINED;
    }

    v = 0;
    part = 0;

    for ( /* void */ ; p <= last; p++) {

        if (base == 60) {
            if (p < last && *p == '_') {
                continue;
            }

            if (p < last && *p != ':') {
                if (part > (uint64_t) INT64_MAX / 10 - 1) {
                    return NGX_ERROR;
                }

                part = part * 10 + (*p - '0');
                continue;
            }

            digit = part;
            part = 0;

        } else {
            if (p == last) {
                break;
            }

            if (*p == '_') {
                continue;
            }

            digit = (*p <= '9') ? *p - '0' : (*p | 0x20) - 'a' + 10;
        }

        if (v > ((uint64_t) INT64_MAX - digit) / base) {
            return NGX_ERROR;
        }

        v = v * base + digit;
    }

    *n = v;

    return NGX_OK;
}


size_t
ngx_litellm_yaml_number(ngx_str_t *text, ngx_litellm_yaml_kind_e kind,
    u_char *dst)
{
    u_char      *p, *d, *last;
    uint64_t     n;
    ngx_int_t    rc;
    ngx_uint_t   minus;

    d = dst;

    if (kind == NGX_LITELLM_YAML_INT) {
        rc = ngx_litellm_yaml_based(text, &n, &minus);

        if (rc == NGX_ERROR) {
            return 0;
        }

        if (rc == NGX_OK) {
            return ngx_sprintf(dst, "%s%uL", minus ? "-" : "", n) - dst;
        }
    }

    p = text->data;
    last = p + text->len;

    if (*p == '-') {
        *d++ = '-';
    }

    if (*p == '-' || *p == '+') {
        p++;
    }

    if (last - p > 1 && p[0] == '.' && !ngx_litellm_digit(p[1])
        && p[1] != '_')
    {
        return 0;
    }

    while (last - p > 1 && (*p == '0' || *p == '_')
           && (ngx_litellm_digit(p[1]) || p[1] == '_'))
    {
        p++;
    }

    if (*p == '_') {
        p++;
    }

    if (p == last || !ngx_litellm_digit(*p)) {
        *d++ = '0';
    }

    for ( /* void */ ; p < last; p++) {

        if (*p == '_') {
            continue;
        }

        *d++ = *p;

        if (*p != '.') {
            continue;
        }

        while (p + 1 < last && p[1] == '_') {
            p++;
        }

        if (p + 1 == last || !ngx_litellm_digit(p[1])) {
            *d++ = '0';
        }
    }

    return d - dst;
}


ngx_int_t
ngx_litellm_yaml_fixed(ngx_str_t *text, ngx_litellm_yaml_kind_e kind,
    ngx_uint_t scale, int64_t *result)
{
    u_char      *p, *last;
    int64_t      n, exp, frac;
    uint64_t     based;
    ngx_int_t    rc;
    ngx_uint_t   minus, point, eminus;

    if (kind == NGX_LITELLM_YAML_INT) {
        rc = ngx_litellm_yaml_based(text, &based, &minus);

        if (rc == NGX_ERROR) {
            return NGX_DECLINED;
        }

        if (rc == NGX_OK) {
            n = (int64_t) based;
            exp = scale;
            goto scaled;
        }
    }

    p = text->data;
    last = p + text->len;
    minus = (*p == '-');

    if (*p == '-' || *p == '+') {
        p++;
    }

    if (last - p > 1 && p[0] == '.' && isalpha(p[1])) {
        return NGX_DECLINED;
    }

    n = 0;
    frac = 0;
    point = 0;

    for ( /* void */ ; p < last && *p != 'e' && *p != 'E'; p++) {

        if (*p == '.') {
            point = 1;
            continue;
        }

        if (*p == '_') {
            continue;
        }

        if (n > (INT64_MAX - 9) / 10) {

            /* digits beyond 64 bits: behind the point they do not count */

            if (!point) {
                return NGX_DECLINED;
            }

            continue;
        }

        n = n * 10 + (*p - '0');
        frac += point;
    }

    exp = 0;

    if (p < last) {
        p++;
        eminus = (*p == '-');

        if (*p == '-' || *p == '+') {
            p++;
        }

        for ( /* void */ ; p < last; p++) {
            if (exp < NGX_LITELLM_YAML_EXP) {
                exp = exp * 10 + (*p - '0');
            }
        }

        exp = eminus ? -exp : exp;
    }

    exp += (int64_t) scale - frac;

scaled:

    for ( /* void */ ; exp < 0 && n != 0; exp++) {
        n /= 10;
    }

    for ( /* void */ ; exp > 0 && n != 0; exp--) {
        if (n > INT64_MAX / 10) {
            return NGX_DECLINED;
        }

        n *= 10;
    }

    *result = minus ? -n : n;

    return NGX_OK;
}
