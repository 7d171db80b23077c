
/*
 * Single values of a parsed text: members, strings, numbers, and the search
 * for a needle.
 */

#include "unit.h"

#include "ngx_litellm_json.h"


static ngx_litellm_json_t *
value(const char *text)
{
    ngx_str_t                s;
    ngx_litellm_json_doc_t  *doc;

    s = unit_str(text);

    doc = ngx_pcalloc(unit_pool, sizeof(ngx_litellm_json_doc_t));
    doc->pool = unit_pool;

    if (!CHECKF(ngx_litellm_json_parse(doc, s.data, s.len) == NGX_OK,
                "%s: %s at %zu", text, doc->error, doc->offset))
    {
        return NULL;
    }

    return doc->root;
}


static void
test_get(void)
{
    ngx_str_t                s;
    ngx_litellm_json_t      *v, *k;
    ngx_litellm_json_doc_t   doc;

    unit_case("get");

    v = value("{\"a\":1,\"b\":{\"a\":2,\"c\":[1,{\"x\":3}]},\"\":4,"
              "\"a\":5,\"\\u0063\":6,\"d\\n\":7,\"ab\":8}");

    CHECK(ngx_litellm_json_is(v, OBJECT));
    CHECK_INT(v->count, 7);

    k = ngx_litellm_json_member(v, "a");
    CHECK(k && k->len == 1 && *k->start == '5');

    k = ngx_litellm_json_member(v, "");
    CHECK(k && *k->start == '4');

    k = ngx_litellm_json_member(v, "c");
    CHECK(k && *k->start == '6');

    k = ngx_litellm_json_member(v, "d\n");
    CHECK(k && *k->start == '7');

    k = ngx_litellm_json_member(v, "ab");
    CHECK(k && *k->start == '8');

    CHECK(ngx_litellm_json_member(v, "d") == NULL);
    CHECK(ngx_litellm_json_member(v, "x") == NULL);
    CHECK(ngx_litellm_json_member(v, "abc") == NULL);

    k = ngx_litellm_json_member(v, "b");
    CHECK(ngx_litellm_json_is(k, OBJECT));
    CHECK(!ngx_litellm_json_is(k, ARRAY));

    k = ngx_litellm_json_member(k, "c");
    CHECK(ngx_litellm_json_is(k, ARRAY));
    CHECK(ngx_litellm_json_member(k, "x") == NULL);
    CHECK(ngx_litellm_json_member(NULL, "x") == NULL);

    k = ngx_litellm_json_next(k + 1);
    k = ngx_litellm_json_member(k, "x");
    CHECK(k && *k->start == '3');

    /* the last one that was not taken out */

    ngx_litellm_json_member(v, "a")->flags |= NGX_LITELLM_JSON_DROPPED;
    k = ngx_litellm_json_member(v, "a");
    CHECK(k && *k->start == '1');

    v[1].flags |= NGX_LITELLM_JSON_DROPPED;
    CHECK(ngx_litellm_json_member(v, "a") == NULL);

    unit_case("get with keep");

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = unit_pool;
    s = unit_str("{\"a\":{\"b\":1},\"c\":2}");

    doc.keep = 1;
    CHECK_INT(ngx_litellm_json_parse(&doc, s.data, s.len), NGX_OK);
    CHECK(ngx_litellm_json_member(doc.root, "a") == NULL);

    doc.keep = 2;
    CHECK_INT(ngx_litellm_json_parse(&doc, s.data, s.len), NGX_OK);
    k = ngx_litellm_json_member(doc.root, "a");
    CHECK(ngx_litellm_json_is(k, OBJECT) && k->count == 1);
    CHECK(ngx_litellm_json_member(k, "b") == NULL);
    k = ngx_litellm_json_member(doc.root, "c");
    CHECK(k && *k->start == '2');
}


static void
test_equal(void)
{
    ngx_uint_t  i;

    static const struct {
        const char  *text;
        const char  *s;
        size_t       len;
        int          equal;
    } cases[] = {
        { "\"\"", "", 0, 1 },
        { "\"\"", "a", 1, 0 },
        { "\"stop\"", "stop", 4, 1 },
        { "\"stop\"", "sto", 3, 0 },
        { "\"sto\"", "stop", 4, 0 },
        { "\"st\\u006fp\"", "stop", 4, 1 },
        { "\"st\\u006f\"", "stop", 4, 0 },
        { "\"st\\u006fp\"", "sto", 3, 0 },
        { "\"\\n\"", "\n", 1, 1 },
        { "\"\\u0000a\"", "\0a", 2, 1 },
        { "\"\\u0000a\"", "", 0, 0 },
        { "\"\\u00e9\"", "\xc3\xa9", 2, 1 },
        { "\"\\u00e9\"", "\xc3", 1, 0 },
        { "\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80", 4, 1 },
        { "\"\\ud83d\"", "\xef\xbf\xbd", 3, 1 },
        { "\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80", 7, 1 },
        { "\"\\u0074rue\"", "true", 4, 1 },
        { "true", "true", 4, 0 },
        { "[]", "", 0, 0 },
        { "1", "1", 1, 0 },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("equal %s", cases[i].text);

        CHECK_INT(ngx_litellm_json_equal(value(cases[i].text), cases[i].s,
                                         cases[i].len),
                  cases[i].equal);
    }

    CHECK_INT(ngx_litellm_json_eq(NULL, ""), 0);
}


static void
test_unescape(void)
{
    ngx_str_t   src, dst;
    ngx_uint_t  i;

    static const struct {
        const char  *text;
        const char  *want;
        size_t       len;
    } cases[] = {
        { "", "", 0 },
        { "plain \xc3\xa9", "plain \xc3\xa9", 8 },
        { "\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t", 8 },
        { "a\\u0041b", "aAb", 3 },
        { "\\u0000", "\0", 1 },
        { "\\u007f\\u0080\\u07ff\\u0800\\uffff",
          "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf", 11 },
        { "\\ud83d\\ude00", "\xf0\x9f\x98\x80", 4 },
        { "\\uDBFF\\uDFFF", "\xf4\x8f\xbf\xbf", 4 },
        { "\\ud83d", "\xef\xbf\xbd", 3 },
        { "\\ud83dx", "\xef\xbf\xbdx", 4 },
        { "\\ud83d\\n", "\xef\xbf\xbd\n", 4 },
        { "\\ud83d\\u0041", "\xef\xbf\xbd" "A", 4 },
        { "\\ude00\\ud83d", "\xef\xbf\xbd\xef\xbf\xbd", 6 },
        /* no J-strings: copied, not trusted */
        { "\\", "\\", 1 },
        { "a\\", "a\\", 2 },
        { "\\x41", "\\x41", 4 },
        { "\\u12", "\\u12", 4 },
        { "\\u12g4", "\\u12g4", 6 },
        { "\\ud83d\\u12", "\xef\xbf\xbd\\u12", 7 },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("unescape %s", cases[i].text);

        src = unit_str(cases[i].text);
        CHECK_INT(ngx_litellm_json_unescape(unit_pool, &dst, &src), NGX_OK);
        CHECK_MEM(&dst, cases[i].want, cases[i].len);

        if (src.len && ngx_strchr(cases[i].text, '\\') == NULL) {
            CHECK(dst.data == src.data);
        }
    }
}


static void
test_numbers(void)
{
    int64_t      n;
    ngx_int_t    rc;
    ngx_uint_t   i;
    const char  *want;
    char         buf[32];

    static const struct {
        const char  *text;
        const char  *integer;       /* NULL: declined */
        ngx_uint_t   scale;
        const char  *fixed;
    } cases[] = {
        { "0", "0", 3, "0" },
        { "-0", "0", 0, "0" },
        { "-0.0", "0", 6, "0" },
        { "1", "1", 0, "1" },
        { "-17", "-17", 1, "-170" },
        { "1.5", NULL, 3, "1500" },
        { "1.5", NULL, 0, "1" },
        { "-1.999", NULL, 2, "-199" },
        { "-0.001", NULL, 2, "0" },
        { "1.0", "1", 0, "1" },
        { "1e3", "1000", 0, "1000" },
        { "1E+3", "1000", 3, "1000000" },
        { "1.5e1", "15", 0, "15" },
        { "1500e-2", "15", 0, "15" },
        { "1500e-3", NULL, 0, "1" },
        { "1500e-3", NULL, 1, "15" },
        { "0.00000015", NULL, 9, "150" },
        { "1.5e-7", NULL, 9, "150" },
        { "0.1e-2", NULL, 3, "1" },
        { "9223372036854775807", "9223372036854775807", 0,
          "9223372036854775807" },
        { "9223372036854775808", NULL, 0, NULL },
        { "-9223372036854775808", "-9223372036854775808", 0,
          "-9223372036854775808" },
        { "-9223372036854775809", NULL, 0, NULL },
        { "9223372036854775807", "9223372036854775807", 1, NULL },
        { "9223372036854775807.9", NULL, 0, "9223372036854775807" },
        { "922337203685477580.7", NULL, 1, "9223372036854775807" },
        { "922337203685477580.8", NULL, 1, NULL },
        { "12345678901234567890", NULL, 0, NULL },
        { "-12345678901234567890", NULL, 0, NULL },
        { "18446744073709551616", NULL, 0, NULL },
        { "18446744073709551617", NULL, 0, NULL },
        { "1e18", "1000000000000000000", 0, "1000000000000000000" },
        { "1e19", NULL, 0, NULL },
        { "1e400", NULL, 0, NULL },
        { "0e400", "0", 0, "0" },
        { "0e99999999999999999999999", "0", 0, "0" },
        { "1e99999999999999999999999", NULL, 0, NULL },
        { "1e-400", NULL, 6, "0" },
        { "1e-99999999999999999999999", NULL, 6, "0" },
        { "100000000000000000000000000000e-28", "10", 0, "10" },
        { "0.0000000000000000000000000001e28", "1", 0, "1" },
        { "\"1\"", NULL, 0, NULL },
        { "true", NULL, 0, NULL },
        { "null", NULL, 0, NULL },
        { "[1]", NULL, 0, NULL },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("number %s", cases[i].text);

        want = cases[i].integer;
        n = 4711;
        rc = ngx_litellm_json_int(value(cases[i].text), &n);
        CHECK_INT(rc, want ? NGX_OK : NGX_DECLINED);

        if (rc == NGX_OK && want) {
            sprintf(buf, "%lld", (long long) n);
            CHECKF(strcmp(buf, want) == 0, "int is %s", buf);

        } else {
            CHECK_INT(n, 4711);
        }

        want = cases[i].fixed;
        rc = ngx_litellm_json_fixed(value(cases[i].text), cases[i].scale, &n);
        CHECK_INT(rc, want ? NGX_OK : NGX_DECLINED);

        if (rc == NGX_OK && want) {
            sprintf(buf, "%lld", (long long) n);
            CHECKF(strcmp(buf, want) == 0, "fixed is %s", buf);
        }
    }

    CHECK_INT(ngx_litellm_json_int(NULL, &n), NGX_DECLINED);
    CHECK_INT(ngx_litellm_json_fixed(NULL, 1, &n), NGX_DECLINED);
}


static u_char *
slow_find(u_char *p, u_char *last, const char *needle, size_t len)
{
    for ( /* void */ ; (size_t) (last - p) >= len; p++) {
        if (memcmp(p, needle, len) == 0) {
            return p;
        }
    }

    return NULL;
}


static void
test_find(void)
{
    u_char      *text, *got, *want;
    size_t       len, at, n;
    ngx_uint_t   i, bad;

    static const char *const  needles[] = {
        "a", "ab", "\"usage\"", "xx", "abab", "finish_reason\":\"",
        "0123456789abcdefXYZ0123456789abcdef"
    };

    unit_case("find");
    bad = 0;

    for (i = 0; i < sizeof(needles) / sizeof(needles[0]); i++) {
        n = strlen(needles[i]);

        for (len = 0; len <= 90; len++) {
            text = malloc(len ? len : 1);

            for (at = 0; at <= len; at++) {
                memset(text, "x\"a"[len % 3], len);

                if (at + n <= len) {
                    memcpy(text + at, needles[i], n);

                } else if (at < len) {

                    /* cut by the end: must not be found */
                    memcpy(text + at, needles[i], len - at);
                }

                got = ngx_litellm_find(text, text + len, needles[i], n);
                want = slow_find(text, text + len, needles[i], n);

                if (got != want) {
                    bad++;
                }
            }

            free(text);
        }
    }

    CHECK_INT(bad, 0);

    text = (u_char *) "abc";
    CHECK(ngx_litellm_find(text, text + 3, "", 0) == text);
    CHECK(ngx_litellm_find(text, text, "a", 1) == NULL);
    CHECK(ngx_litellm_find(text, text + 3, "abc", 3) == text);
    CHECK(ngx_litellm_find(text, text + 3, "abcd", 4) == NULL);
    CHECK(ngx_litellm_find(text, text + 3, "\xff", 1) == NULL);
}


void
unit_main(void)
{
    test_get();
    test_equal();
    test_unescape();
    test_numbers();
    test_find();
}
