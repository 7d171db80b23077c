
/*
 * The chain writer: the bytes must be the same whatever the buffers are (one
 * byte each, odd sizes, references), and JSON strings must come back.
 */

#include "unit.h"

#include "ngx_litellm_json.h"
#include "ngx_litellm_out.h"


static size_t      more_size;
static ngx_uint_t  more_left;


static ngx_chain_t *
more(ngx_litellm_out_t *out, size_t wanted)
{
    ngx_chain_t  *cl;

    CHECK(wanted > 0);

    if (more_left == 0) {
        return NULL;
    }

    more_left--;

    cl = ngx_alloc_chain_link(unit_pool);
    cl->buf = ngx_create_temp_buf(unit_pool, more_size);

    return cl;
}


static void
check_chain(ngx_litellm_out_t *out)
{
    off_t         size;
    ngx_chain_t  *cl;

    size = 0;

    for (cl = out->first; cl; cl = cl->next) {
        CHECK(cl->buf->last > cl->buf->pos);
        CHECK(cl->buf->last <= cl->buf->end);
        CHECK(cl->buf->temporary + cl->buf->memory == 1);
        size += cl->buf->last - cl->buf->pos;

        if (cl->next == NULL) {
            CHECK(out->last == &cl->next);
        }
    }

    CHECK_INT(size, out->size);
}


/* one of everything */

static void
write_all(ngx_litellm_out_t *out)
{
    ngx_str_t  s;

    static u_char  big[3000];

    memset(big, 'B', sizeof(big));

    ngx_litellm_out_lit(out, "{\"a\":");
    ngx_litellm_out_int(out, -12345);
    ngx_litellm_out_lit(out, ",");
    ngx_str_set(&s, "q\"b\\n\n\x01\xc3\xa9\xff");
    ngx_litellm_out_json(out, &s);
    ngx_litellm_out_str(out, &s);
    ngx_litellm_out_ref(out, big, sizeof(big));
    ngx_litellm_out_ref(out, big, 10);
    ngx_litellm_out_lit(out, ":");
    ngx_litellm_out_ref(out, big, 100);
    ngx_litellm_out_ref(out, big, 200);
    ngx_litellm_out_unescape(out, (u_char *) "x\\n\\ud83d\\ude00\\u0041y", 21);
    ngx_litellm_out_copy(out, "", 0);
    ngx_litellm_out_ref(out, big, 0);
    ngx_litellm_out_lit(out, "}");
}


static void
test_buffers(void)
{
    size_t             size;
    ngx_str_t          want, got;
    ngx_chain_t       *cl;
    ngx_uint_t         i;
    ngx_litellm_out_t  out;

    static const size_t  sizes[] = { 1, 2, 3, 7, 16, 100, 4096, 100000 };

    unit_case("buffers");

    ngx_litellm_out_init(&out, unit_pool);
    out.chunk = 100000;
    write_all(&out);
    CHECK_INT(out.failed, 0);
    CHECK(out.first && out.first->next == NULL);
    CHECK_INT(ngx_litellm_out_join(&out, &want), NGX_OK);
    CHECK(want.data == out.first->buf->pos);
    CHECK(ngx_strncmp(want.data, "{\"a\":-12345,\"q\\\"b\\\\n\\n\\u0001"
                      "\xc3\xa9\xef\xbf\xbd\"q\"b", 37) == 0);

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (size = 0; size < 4; size++) {

            ngx_litellm_out_init(&out, unit_pool);
            out.chunk = sizes[i];

            if (size & 1) {
                out.more = more;
                more_size = sizes[i];
                more_left = 1000000;
            }

            if (size & 2) {
                out.ref_min = 64;
            }

            write_all(&out);
            check_chain(&out);

            CHECK_INT(out.failed, 0);
            CHECK_INT(ngx_litellm_out_join(&out, &got), NGX_OK);
            CHECK_MEM(&got, want.data, want.len);

            got = unit_chain(out.first);
            CHECK_MEM(&got, want.data, want.len);

            /* taken in the middle */

            ngx_litellm_out_init(&out, unit_pool);
            out.chunk = sizes[i];
            out.ref_min = (size & 2) ? 64 : 0;

            write_all(&out);
            cl = ngx_litellm_out_take(&out);
            got = unit_chain(cl);
            CHECK_MEM(&got, want.data, want.len);
            CHECK_INT(out.size, 0);
            CHECK(ngx_litellm_out_take(&out) == NULL);

            write_all(&out);
            check_chain(&out);
            got = unit_chain(out.first);
            CHECK_MEM(&got, want.data, want.len);
            got = unit_chain(cl);
            CHECK_MEM(&got, want.data, want.len);
        }
    }

    unit_case("references");

    ngx_litellm_out_init(&out, unit_pool);
    out.ref_min = 4;
    ngx_litellm_out_lit(&out, "ab");
    ngx_litellm_out_ref(&out, (u_char *) "cdef", 4);
    CHECK(out.first->next->buf->memory);
    CHECK(out.first->next->next == NULL);
    ngx_litellm_out_lit(&out, "gh");
    ngx_litellm_out_ref(&out, (u_char *) "ij", 2);
    check_chain(&out);
    CHECK(out.first->next->next->next == NULL);
    got = unit_chain(out.first);
    CHECK_STR(&got, "abcdefghij");

    unit_case("empty");

    ngx_litellm_out_init(&out, unit_pool);
    ngx_litellm_out_copy(&out, NULL, 0);
    ngx_litellm_out_escape(&out, NULL, 0);
    ngx_litellm_out_unescape(&out, NULL, 0);
    CHECK(out.first == NULL);
    CHECK_INT(ngx_litellm_out_join(&out, &got), NGX_OK);
    CHECK_INT(got.len, 0);
}


/* digits alone, at each number of them */

static void
test_digits(void)
{
    int          len;
    u_char       buf[32];
    uint64_t     n;
    ngx_str_t    got;
    ngx_int_t    less;
    ngx_uint_t   i;
    char         want[32];

    unit_case("digits");

    got.data = buf;

    for (n = 1; n; n = (n > 1000000000000000000ULL) ? 0 : n * 10) {
        for (less = -1; less <= 1; less++) {
            sprintf(want, "%llu", (unsigned long long) (n + less));
            got.len = ngx_litellm_out_digits(buf, n + less) - buf;
            CHECK_STR(&got, want);
        }
    }

    got.len = ngx_litellm_out_digits(buf, (uint64_t) -1) - buf;
    CHECK_STR(&got, "18446744073709551615");

    /* any of them, in no more bytes than it is said */

    for (i = 0, n = 1; i < 20000; i++) {
        n = n * 6364136223846793005ULL + 1442695040888963407ULL;

        buf[NGX_INT64_LEN] = '!';

        sprintf(want, "%llu", (unsigned long long) (n >> i % 64));
        got.len = ngx_litellm_out_digits(buf, n >> i % 64) - buf;

        if (!CHECK_STR(&got, want) || !CHECK_INT(buf[NGX_INT64_LEN], '!')) {
            return;
        }
    }

    for (n = 1; n < 1000000000000ULL; n = n * 7 + 1) {
        for (less = 0; less < 2; less++) {
            len = sprintf(want, "%012llu", (unsigned long long)
                                           (less ? n / 10000 * 10000 + 10000
                                                 : n));

            if (len > 12) {
                continue;
            }

            while (want[len - 1] == '0') {
                want[--len] = '\0';
            }

            buf[16] = '!';

            got.len = ngx_litellm_out_fraction(buf, less ? n / 10000 * 10000
                                                           + 10000 : n)
                      - buf;
            CHECK_STR(&got, want);
            CHECK_INT(buf[16], '!');
        }
    }

    got.len = ngx_litellm_out_fixed(buf, 7, 3) - buf;
    CHECK_STR(&got, "007");
    got.len = ngx_litellm_out_fixed(buf, 123456, 6) - buf;
    CHECK_STR(&got, "123456");
    got.len = ngx_litellm_out_fixed(buf, 1999, 3) - buf;
    CHECK_STR(&got, "999");
    got.len = ngx_litellm_out_fixed(buf, 5, 0) - buf;
    CHECK_STR(&got, "");
}


/* no memory at each place: nothing is written behind it, nothing is lost */

static void
test_hex(void)
{
    u_char      data[40], got[84], want[80];
    ngx_uint_t  i, n;

    unit_case("hex");

    for (n = 0; n <= sizeof(data); n++) {

        for (i = 0; i < n; i++) {
            data[i] = (u_char) (i * 89 + n * 41);
        }

        ngx_memset(got, '-', sizeof(got));

        CHECK(ngx_litellm_out_hex(got, data, n) == got + 2 * n);
        CHECK(ngx_hex_dump(want, data, n) == want + 2 * n);
        CHECK(ngx_memcmp(got, want, 2 * n) == 0);
        CHECK(got[2 * n] == '-');
    }

    /* each byte in each place */

    for (i = 0; i < 256; i++) {
        for (n = 0; n < 4; n++) {
            ngx_memset(data, 0x5a, 4);
            data[n] = (u_char) i;

            (void) ngx_litellm_out_hex(got, data, 4);
            (void) ngx_hex_dump(want, data, 4);

            CHECK(ngx_memcmp(got, want, 8) == 0);
        }
    }
}


static void
test_failures(void)
{
    ngx_str_t          want, got;
    ngx_uint_t         i;
    ngx_litellm_out_t  out;

    unit_case("failures");

    ngx_litellm_out_init(&out, unit_pool);
    write_all(&out);
    want = unit_chain(out.first);

    for (i = 0; i < 40; i++) {
        ngx_litellm_out_init(&out, unit_pool);
        out.more = more;
        more_size = 50;
        more_left = i;

        write_all(&out);

        CHECK_INT(out.failed, 1);
        CHECK_INT(out.size, i * 50);
        CHECK_INT(ngx_litellm_out_join(&out, &got), NGX_ERROR);

        got = unit_chain(out.first);
        CHECK_MEM(&got, want.data, i * 50);

        more_left = 1000;
        ngx_litellm_out_lit(&out, "late");
        CHECK_INT(out.size, i * 50);
    }

    /* a buffer without room is none */

    ngx_litellm_out_init(&out, unit_pool);
    out.more = more;
    more_size = 0;
    more_left = 100;
    ngx_litellm_out_lit(&out, "a");
    CHECK_INT(out.failed, 1);
}


static void
test_int(void)
{
    char               want[32];
    ngx_str_t          got;
    ngx_uint_t         i;
    ngx_litellm_out_t  out;

    static const int64_t  numbers[] = {
        0, 1, -1, 9, 10, -10, 99, 100, 1234567890, INT32_MAX, INT32_MIN,
        INT64_MAX, INT64_MIN, INT64_MIN + 1
    };

    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        unit_case("int %lld", (long long) numbers[i]);
        sprintf(want, "%lld", (long long) numbers[i]);

        ngx_litellm_out_init(&out, unit_pool);
        ngx_litellm_out_int(&out, numbers[i]);
        got = unit_chain(out.first);
        CHECK_STR(&got, want);
    }
}


static void
test_escape(void)
{
    ngx_str_t          s, got;
    ngx_uint_t         i;
    ngx_litellm_out_t  out;

    static const struct {
        const char  *text;
        size_t       len;
        const char  *want;
    } cases[] = {
        { "", 0, "\"\"" },
        { "plain / text", 12, "\"plain / text\"" },
        { "\"\\/\b\f\n\r\t", 8, "\"\\\"\\\\/\\b\\f\\n\\r\\t\"" },
        { "\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\"" },
        { "\xc3\xa9\xe6\x9d\xb1\xf0\x9f\x98\x80", 9,
          "\"\xc3\xa9\xe6\x9d\xb1\xf0\x9f\x98\x80\"" },
        { "a\xff" "b", 3, "\"a\xef\xbf\xbd" "b\"" },
        { "\xc3", 1, "\"\xef\xbf\xbd\"" },
        { "\xc3\"", 2, "\"\xef\xbf\xbd\\\"\"" },
        { "\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xe2\x80\xa8", 3, "\"\xe2\x80\xa8\"" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("escape %s", cases[i].text);

        s = unit_mem(cases[i].text, cases[i].len);
        ngx_litellm_out_init(&out, unit_pool);
        ngx_litellm_out_json(&out, &s);
        got = unit_chain(out.first);
        CHECK_STR(&got, cases[i].want);
    }
}


static void
test_line(void)
{
    size_t             size;
    ngx_str_t          s, got;
    ngx_uint_t         i;
    ngx_litellm_out_t  out;

    static const struct {
        const char  *json;
        const char  *want;
    } cases[] = {
        { "", "" },
        { "\n", "" },
        { "{\"a\":1}", "{\"a\":1}" },
        { "{\n  \"a\": [\r\n1,\n\n2]\r}", "{  \"a\": [1,2]}" },
        { "\r\n[\"\\n\"]\n", "[\"\\n\"]" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("line %d", (int) i);

        for (size = 1; size < 30; size++) {
            s = unit_mem(cases[i].json, strlen(cases[i].json));

            ngx_litellm_out_init(&out, unit_pool);
            out.chunk = size;
            ngx_litellm_out_line(&out, &s);

            got = unit_chain(out.first);
            CHECK_STR(&got, cases[i].want);
        }
    }
}


/* text -> J-string -> parsed -> unescaped twice: the same text again */

static void
test_round_trip(void)
{
    u_char                   c;
    ngx_str_t                s, json, back;
    ngx_uint_t               len, at, i;
    ngx_litellm_out_t        out;
    ngx_litellm_json_doc_t   doc;

    for (i = 0; i < 0x90; i++) {
        unit_case("round trip of %d", (int) i);

        for (len = 0; len < 40; len += 3) {
            at = len / 2;
            c = (u_char) i;

            s.len = len + (i < 0x80 ? 1 : 2);
            s.data = ngx_palloc(unit_pool, s.len);
            memset(s.data, 'x', s.len);
            s.data[at] = c;

            if (i >= 0x80) {
                s.data[at] = 0xc3;
                s.data[at + 1] = c;
            }

            ngx_litellm_out_init(&out, unit_pool);
            out.chunk = 5;
            ngx_litellm_out_json(&out, &s);
            CHECK_INT(ngx_litellm_out_join(&out, &json), NGX_OK);

            ngx_memzero(&doc, sizeof(doc));
            doc.pool = unit_pool;
            CHECK_INT(ngx_litellm_json_parse(&doc, json.data, json.len),
                      NGX_OK);
            CHECK(ngx_litellm_json_is(doc.root, STRING));

            json = ngx_litellm_json_text(doc.root);
            CHECK_INT(ngx_litellm_json_unescape(unit_pool, &back, &json),
                      NGX_OK);
            CHECK_MEM(&back, s.data, s.len);
            CHECK_INT(ngx_litellm_json_equal(doc.root, (char *) s.data,
                                             s.len), 1);

            ngx_litellm_out_init(&out, unit_pool);
            out.chunk = 3;
            ngx_litellm_out_unescape(&out, json.data, json.len);
            back = unit_chain(out.first);
            CHECK_MEM(&back, s.data, s.len);
        }
    }
}


void
unit_main(void)
{
    test_buffers();
    test_digits();
    test_hex();
    test_failures();
    test_int();
    test_escape();
    test_line();
    test_round_trip();
}
