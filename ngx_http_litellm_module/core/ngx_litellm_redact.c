
/*
 * Looks at each place of a string where a word begins.  An escape is no part of
 * a word, so none is ever cut in two.
 *
 * Each test at a place is bounded, or consumes what it has looked at: emails are
 * looked for where a run of their characters begins, and not again in it.
 */

#include "ngx_litellm_redact.h"


#define NGX_LITELLM_REDACT_LOCAL   128     /* bytes before the "@" */
#define NGX_LITELLM_REDACT_DIGITS  19


/* what a key begins with, and how much must follow */
typedef struct {
    const char  *prefix;
    uint8_t      len;
    uint8_t      min;
} ngx_litellm_redact_form_t;


static size_t ngx_litellm_redact_secret(u_char *p, u_char *last);
static size_t ngx_litellm_redact_scheme(u_char *p, u_char *last);
static size_t ngx_litellm_redact_jwt(u_char *p, u_char *last);
static size_t ngx_litellm_redact_pem(u_char *p, u_char *last);
static size_t ngx_litellm_redact_email(u_char *p, u_char *last);
static size_t ngx_litellm_redact_card(u_char *p, u_char *last);
static size_t ngx_litellm_redact_token(u_char *p, u_char *last);
static ngx_uint_t ngx_litellm_redact_local(u_char c);


#define ngx_litellm_redact_form(s, min)  { s, sizeof(s) - 1, min }

static ngx_litellm_redact_form_t  ngx_litellm_redact_forms[] = {
    ngx_litellm_redact_form("sk-", 16),
    ngx_litellm_redact_form("sk_", 16),
    ngx_litellm_redact_form("rk_", 16),
    ngx_litellm_redact_form("hf_", 16),
    ngx_litellm_redact_form("r8_", 16),
    ngx_litellm_redact_form("gsk_", 16),
    ngx_litellm_redact_form("xai-", 16),
    ngx_litellm_redact_form("tgp_", 16),
    ngx_litellm_redact_form("AIza", 30),
    ngx_litellm_redact_form("AKIA", 16),
    ngx_litellm_redact_form("ASIA", 16),
    ngx_litellm_redact_form("ghp_", 20),
    ngx_litellm_redact_form("gho_", 20),
    ngx_litellm_redact_form("ghu_", 20),
    ngx_litellm_redact_form("ghs_", 20),
    ngx_litellm_redact_form("ghr_", 20),
    ngx_litellm_redact_form("github_pat_", 20),
    ngx_litellm_redact_form("glpat-", 16),
    ngx_litellm_redact_form("npm_", 20),
    ngx_litellm_redact_form("xoxa-", 10),
    ngx_litellm_redact_form("xoxb-", 10),
    ngx_litellm_redact_form("xoxp-", 10),
    ngx_litellm_redact_form("xoxr-", 10),
    ngx_litellm_redact_form("xoxs-", 10),
    ngx_litellm_redact_form("ya29.", 20),
    { NULL, 0, 0 }
};


#define ngx_litellm_redact_alnum(c)                                           \
    (((c) >= '0' && (c) <= '9') || (((c) | 0x20) >= 'a' && ((c) | 0x20) <= 'z'))

/* of a key, a word */
#define ngx_litellm_redact_word(c)                                            \
    (ngx_litellm_redact_alnum(c) || (c) == '_' || (c) == '-')


void
ngx_litellm_redact(ngx_litellm_out_t *out, ngx_str_t *text, ngx_uint_t what)
{
    u_char      *p, *from, *last, prev;
    size_t       n;
    ngx_str_t    mark;
    ngx_uint_t   string;

    p = text->data;
    last = p + text->len;
    from = p;
    string = 0;
    prev = 0;

    while (p < last) {

        if (!string) {

            if (*p < 0x20) {
                ngx_litellm_out_copy(out, from, p - from);
                ngx_litellm_out_lit(out, " ");
                from = p + 1;

            } else if (*p == '"') {
                string = 1;
                prev = 0;
            }

            p++;
            continue;
        }

        if (*p == '\\') {
            n = (last - p > 1 && p[1] == 'u') ? 6 : 2;
            p += ngx_min(n, (size_t) (last - p));
            prev = 0;
            continue;
        }

        if (*p == '"') {
            string = 0;
            p++;
            continue;
        }

        n = 0;

        if (what & NGX_LITELLM_REDACT_SECRETS
            && !ngx_litellm_redact_word(prev))
        {
            n = ngx_litellm_redact_secret(p, last);
            ngx_str_set(&mark, "[secret]");
        }

        if (n == 0 && what & NGX_LITELLM_REDACT_CARDS
            && *p >= '0' && *p <= '9' && !ngx_litellm_redact_word(prev))
        {
            n = ngx_litellm_redact_card(p, last);
            ngx_str_set(&mark, "[card]");
        }

        if (n == 0 && what & NGX_LITELLM_REDACT_EMAILS
            && !ngx_litellm_redact_local(prev))
        {
            n = ngx_litellm_redact_email(p, last);
            ngx_str_set(&mark, "[email]");
        }

        if (n == 0) {
            prev = *p++;
            continue;
        }

        ngx_litellm_out_copy(out, from, p - from);
        ngx_litellm_out_str(out, &mark);

        p += n;
        from = p;
        prev = 0;
    }

    ngx_litellm_out_copy(out, from, p - from);
}


/* bytes of what begins here; 0: nothing */

static size_t
ngx_litellm_redact_secret(u_char *p, u_char *last)
{
    size_t                      n;
    ngx_litellm_redact_form_t  *f;

    switch (*p) {

    case 'e':
        return ngx_litellm_redact_jwt(p, last);

    case '-':
        return ngx_litellm_redact_pem(p, last);

    case 'B':
    case 'b':
        return ngx_litellm_redact_scheme(p, last);
    }

    for (f = ngx_litellm_redact_forms; f->prefix; f++) {

        if (*p != (u_char) f->prefix[0] || (size_t) (last - p) < f->len
            || ngx_memcmp(p, f->prefix, f->len) != 0)
        {
            continue;
        }

        n = ngx_litellm_redact_token(p + f->len, last);

        return (n >= f->min) ? f->len + n : 0;
    }

    return 0;
}


/* "Bearer ...", "Basic ..." */

static size_t
ngx_litellm_redact_scheme(u_char *p, u_char *last)
{
    u_char  *s;
    size_t   n;

    if (last - p > 7 && ngx_strncasecmp(p, (u_char *) "bearer ", 7) == 0) {
        s = p + 7;

    } else if (last - p > 6 && ngx_strncasecmp(p, (u_char *) "basic ", 6) == 0)
    {
        s = p + 6;

    } else {
        return 0;
    }

    for (n = 0; s + n < last; n++) {
        if (!ngx_litellm_redact_word(s[n]) && s[n] != '.' && s[n] != '~'
            && s[n] != '+' && s[n] != '/' && s[n] != '=')
        {
            break;
        }
    }

    return (n >= 16) ? (size_t) (s - p) + n : 0;
}


/* three parts in base64url, the first one an object's beginning */

static size_t
ngx_litellm_redact_jwt(u_char *p, u_char *last)
{
    u_char      *s;
    size_t       n;
    ngx_uint_t   i;

    if (last - p < 3 || p[1] != 'y' || p[2] != 'J') {
        return 0;
    }

    s = p;

    for (i = 0; i < 3; i++) {

        if (i && (s == last || *s++ != '.')) {
            return 0;
        }

        for (n = 0; s < last && ngx_litellm_redact_word(*s); s++) {
            n++;
        }

        if (n < 10 && i != 2) {
            return 0;
        }
    }

    return s - p;
}


/* to the dashes behind its END, or to the end of the string */

static size_t
ngx_litellm_redact_pem(u_char *p, u_char *last)
{
    u_char  *s, *end;

    static const char  begin[] = "-----BEGIN ";
    static const char  key[] = "PRIVATE KEY-----";

    if ((size_t) (last - p) < sizeof(begin) - 1
        || ngx_memcmp(p, begin, sizeof(begin) - 1) != 0)
    {
        return 0;
    }

    /* "RSA ", "EC ", "ENCRYPTED " may be between */

    s = p + sizeof(begin) - 1;
    end = s + ngx_min(last - s, 32);

    while (s < end && (*s == ' ' || (*s >= 'A' && *s <= 'Z'))) {
        s++;
    }

    if (last - s < 5 || ngx_memcmp(s, "-----", 5) != 0
        || (size_t) (s + 5 - p) < sizeof(begin) + sizeof(key) - 2
        || ngx_memcmp(s + 5 - (sizeof(key) - 1), key, sizeof(key) - 1) != 0)
    {
        return 0;
    }

    for (s += 5; s < last && *s != '"'; s++) {

        if (*s == '\\' && last - s > 1) {
            s++;
            continue;
        }

        if (*s == '-' && last - s > 9 && ngx_memcmp(s, "-----END ", 9) == 0) {

            for (s += 9; s < last && *s != '-' && *s != '"' && *s != '\\';
                 s++)
            {
                /* void */
            }

            while (s < last && *s == '-') {
                s++;
            }

            break;
        }
    }

    return s - p;
}


static size_t
ngx_litellm_redact_email(u_char *p, u_char *last)
{
    u_char  *s, *end, *dot;

    end = p + ngx_min(last - p, NGX_LITELLM_REDACT_LOCAL);

    for (s = p; s < end && ngx_litellm_redact_local(*s); s++) { /* void */ }

    if (s == p || s == last || *s != '@') {
        return 0;
    }

    dot = NULL;
    s++;
    end = s + ngx_min(last - s, 255);

    for ( /* void */ ; s < end; s++) {

        if (*s == '.') {

            if (s + 1 == end || !ngx_litellm_redact_alnum(s[1])) {
                break;
            }

            dot = s;

        } else if (!ngx_litellm_redact_alnum(*s) && *s != '-') {
            break;
        }
    }

    return (dot != NULL && s - dot > 2) ? (size_t) (s - p) : 0;
}


/* blanks or dashes may be between its groups; Luhn's digit is the last one */

static size_t
ngx_litellm_redact_card(u_char *p, u_char *last)
{
    u_char      *s, digits[NGX_LITELLM_REDACT_DIGITS];
    ngx_uint_t   i, n, sum, d;

    n = 0;

    for (s = p; s < last; s++) {

        if (*s >= '0' && *s <= '9') {

            if (n == NGX_LITELLM_REDACT_DIGITS) {
                return 0;
            }

            digits[n++] = *s - '0';
            continue;
        }

        if ((*s != ' ' && *s != '-')
            || last - s < 2 || s[1] < '0' || s[1] > '9')
        {
            break;
        }
    }

    if (n < 13 || (s < last && ngx_litellm_redact_word(*s) && *s != '-')) {
        return 0;
    }

    sum = 0;

    for (i = 0; i < n; i++) {
        d = digits[n - 1 - i];

        if (i & 1) {
            d = (d > 4) ? 2 * d - 9 : 2 * d;
        }

        sum += d;
    }

    return (sum % 10 == 0) ? (size_t) (s - p) : 0;
}


static size_t
ngx_litellm_redact_token(u_char *p, u_char *last)
{
    size_t  n;

    for (n = 0; p + n < last && ngx_litellm_redact_word(p[n]); n++) {
        /* void */
    }

    return n;
}


/* of what is before the "@" */

static ngx_uint_t
ngx_litellm_redact_local(u_char c)
{
    return ngx_litellm_redact_word(c) || c == '.' || c == '+' || c == '%';
}
