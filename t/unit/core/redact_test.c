
/* What is taken out of texts before they are logged, and what is not. */

#include "unit.h"

#include "ngx_litellm_json.h"
#include "ngx_litellm_redact.h"


#define ALL  (NGX_LITELLM_REDACT_SECRETS|NGX_LITELLM_REDACT_EMAILS            \
              |NGX_LITELLM_REDACT_CARDS)


typedef struct {
    const char  *text;
    const char  *want;      /* NULL: as it is */
} case_t;


/* in a string of its own each */

static case_t  cases[] = {

    /* keys */
    { "sk-abcdefghijklmnop", "[secret]" },
    { "my sk-proj-abc_DEF-0123456789.", "my [secret]." },
    { "api_key=sk-abcdefghijklmnop&x", "api_key=[secret]&x" },
    { "sk-short", NULL },
    { "task-abcdefghijklmnopqrst", NULL },
    { "AKIAABCDEFGHIJKLMNOP", "[secret]" },
    { "ghp_0123456789abcdefghijXYZ", "[secret]" },
    { "xoxb-1234567890-abc", "[secret]" },
    { "AIzaSyA-0123456789_0123456789abcdefghi", "[secret]" },
    { "Authorization: Bearer abcdef0123456789+/=~.", 
      "Authorization: [secret]" },
    { "bearer of bad news", NULL },
    { "basic dXNlcjpwYXNzd29yZA==", "[secret]" },
    { "basic training", NULL },
    { "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl", "[secret]" },
    { "eyJhbGciOiJI.eyJzdWIiOiIx.", "[secret]" },
    { "eyJhbGciOiJI.short", NULL },
    { "-----BEGIN RSA PRIVATE KEY-----\\nMIIE\\n-----END RSA PRIVATE KEY-----\\n",
      "[secret]\\n" },
    { "-----BEGIN PRIVATE KEY-----\\nMIIE\\\"", "[secret]" },
    { "-----BEGIN CERTIFICATE-----\\nMIIE\\n-----END CERTIFICATE-----", NULL },
    { "-----BEGIN PUBLIC KEY-----", NULL },

    /* addresses */
    { "write to a.b+c@mail.example.org, now", "write to [email], now" },
    { "\\nbob@x.io\\t", "\\n[email]\\t" },
    { "\\u00e9bob@x.io", "\\u00e9[email]" },
    { "a@b", NULL },
    { "@name.com", NULL },
    { "a@b.c", NULL },
    { "x@1.2", NULL },
    { "a@b..com", NULL },
    { "<a@x.com>;b@y.org.", "<[email]>;[email]." },
    { "caf\xc3\xa9 j@x.com", "caf\xc3\xa9 [email]" },

    /* cards */
    { "4111 1111 1111 1111", "[card]" },
    { "pay 4111-1111-1111-1111!", "pay [card]!" },
    { "378282246310005", "[card]" },
    { "4111111111111112", NULL },
    { "x4111111111111111", NULL },
    { "4111111111111111x", NULL },
    { "41111111111111114111", NULL },
    { "411111111111", NULL },
    { "4111  1111 1111 1111", NULL },

    { "", NULL },
    { "\\\\ \\\" \\u0000", NULL }
};


static ngx_str_t
redact(const char *text, size_t len, ngx_uint_t what)
{
    ngx_str_t          in, res;
    ngx_litellm_out_t  out;

    in = unit_mem(text, len);

    ngx_litellm_out_init(&out, unit_pool);

    ngx_litellm_redact(&out, &in, what);

    CHECK_INT(ngx_litellm_out_join(&out, &res), NGX_OK);

    return res;
}


static void
check(const char *text, const char *want, ngx_uint_t what)
{
    ngx_str_t  res;

    res = redact(text, strlen(text), what);

    CHECK_STR(&res, want);
}


static void
test_cases(void)
{
    char         text[256], want[256];
    ngx_uint_t   i;

    for (i = 0; i < sizeof(cases) / sizeof(case_t); i++) {

        unit_case("redact %s", cases[i].text);

        snprintf(text, sizeof(text), "{\"a\":[\"%s\",1]}", cases[i].text);
        snprintf(want, sizeof(want), "{\"a\":[\"%s\",1]}",
                 cases[i].want ? cases[i].want : cases[i].text);

        check(text, want, ALL);
        check(text, text, NGX_LITELLM_REDACT_OFF);
    }
}


static void
test_kinds(void)
{
    const char  *text = "\"sk-abcdefghijklmnop a@x.com 378282246310005\"";

    unit_case("kinds");

    check(text, "\"[secret] a@x.com 378282246310005\"",
          NGX_LITELLM_REDACT_SECRETS);
    check(text, "\"sk-abcdefghijklmnop [email] 378282246310005\"",
          NGX_LITELLM_REDACT_EMAILS);
    check(text, "\"sk-abcdefghijklmnop a@x.com [card]\"",
          NGX_LITELLM_REDACT_CARDS);
}


/* numbers stay numbers, blanks become one line */

static void
test_outside(void)
{
    unit_case("outside of strings");

    check("{\"n\":\n\t4111111111111111,\r\n \"s\": \"x\" }",
          "{\"n\":  4111111111111111,   \"s\": \"x\" }", ALL);
}


/* a text that was cut anywhere is read to its end and not beyond */

static void
test_cut(void)
{
    size_t       n;
    char         text[256];
    ngx_uint_t   i;

    for (i = 0; i < sizeof(cases) / sizeof(case_t); i++) {

        unit_case("cut %s", cases[i].text);

        snprintf(text, sizeof(text), "\"%s", cases[i].text);

        for (n = 0; n <= strlen(text); n++) {
            (void) redact(text, n, ALL);
        }
    }
}


/* no text takes longer than its length asks for */

static void
test_linear(void)
{
    size_t       i, n;
    char        *text;
    ngx_uint_t   k;

    static const char  *pieces[] = {
        "eyJ", "eyJaaaaaaaaaa.", "1 ", "1-", "a@", "a@b.", "sk-", "bearer ",
        "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "-----END", "\\u", "."
    };

    n = 1024 * 1024;
    text = ngx_pnalloc(unit_keep, n);

    for (k = 0; k < sizeof(pieces) / sizeof(pieces[0]); k++) {
        unit_case("many of %s", pieces[k]);

        text[0] = '"';

        for (i = 1; i < n; i++) {
            text[i] = pieces[k][(i - 1) % strlen(pieces[k])];
        }

        CHECK(redact(text, n, ALL).len > 0);
    }
}


void
unit_main(void)
{
    test_cases();
    test_kinds();
    test_outside();
    test_cut();
    test_linear();
}
