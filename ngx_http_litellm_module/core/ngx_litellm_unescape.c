
/*
 * One escape of a JSON string (RFC 8259 section 7); see the header.
 */

#include "ngx_litellm_unescape.h"


/* the code unit of "\uXXXX" at p; a value over 0xffff if it is none */

static uint32_t
ngx_litellm_unescape_unit(u_char *p, u_char *last)
{
    u_char      c;
    uint32_t    code;
    ngx_uint_t  i;

    if (last - p < 6 || p[0] != '\\' || p[1] != 'u') {
        return 0x10000;
    }

    code = 0;

    for (i = 2; i < 6; i++) {
        c = p[i];

        if (c >= '0' && c <= '9') {
            c -= '0';

        } else {
            c |= 0x20;

            if (c < 'a' || c > 'f') {
                return 0x10000;
            }

            c -= 'a' - 10;
        }

        code = (code << 4) | c;
    }

    return code;
}


size_t
ngx_litellm_unescape_one(u_char **pos, u_char *last, u_char *dst)
{
    u_char    *p;
    uint32_t   code, low;

    p = *pos;

    if (last - p < 2) {
        goto as_it_is;
    }

    switch (p[1]) {

    case '"': case '\\': case '/':
        *dst = p[1];
        break;

    case 'b':
        *dst = '\b';
        break;

    case 'f':
        *dst = '\f';
        break;

    case 'n':
        *dst = '\n';
        break;

    case 'r':
        *dst = '\r';
        break;

    case 't':
        *dst = '\t';
        break;

    case 'u':
        code = ngx_litellm_unescape_unit(p, last);

        if (code > 0xffff) {
            goto as_it_is;
        }

        p += 6;

        if (code >= 0xd800 && code <= 0xdbff) {
            low = ngx_litellm_unescape_unit(p, last);

            if (low >= 0xdc00 && low <= 0xdfff) {
                p += 6;
                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);

            } else {
                code = 0xfffd;
            }

        } else if (code >= 0xdc00 && code <= 0xdfff) {
            code = 0xfffd;
        }

        *pos = p;

        if (code < 0x80) {
            dst[0] = (u_char) code;
            return 1;
        }

        if (code < 0x800) {
            dst[0] = (u_char) (0xc0 | (code >> 6));
            dst[1] = (u_char) (0x80 | (code & 0x3f));
            return 2;
        }

        if (code < 0x10000) {
            dst[0] = (u_char) (0xe0 | (code >> 12));
            dst[1] = (u_char) (0x80 | ((code >> 6) & 0x3f));
            dst[2] = (u_char) (0x80 | (code & 0x3f));
            return 3;
        }

        dst[0] = (u_char) (0xf0 | (code >> 18));
        dst[1] = (u_char) (0x80 | ((code >> 12) & 0x3f));
        dst[2] = (u_char) (0x80 | ((code >> 6) & 0x3f));
        dst[3] = (u_char) (0x80 | (code & 0x3f));
        return 4;

    default:
        goto as_it_is;
    }

    *pos = p + 2;
    return 1;

as_it_is:

    *dst = *p;
    *pos = p + 1;

    return 1;
}
