
/*
 * The JSON reader: what is JSON and what is not (held against yajl, with the
 * differences named below), what nodes come out, bounds, and the two engines
 * against each other.
 *
 * yajl 2.1 takes some texts that RFC 8259 does not: vertical tab and form feed
 * as white space (section 2), and in strings bytes that look like UTF-8 but
 * are overlong, surrogates or above U+10FFFF (section 8.1).  It does not see
 * that a string without an end behind the value is more than one value (1 "a).
 * It has no bound of nesting.
 */

#include "unit.h"

#include <yajl/yajl_parse.h>

#include "ngx_litellm_json.h"
#include "ngx_litellm_scan.h"


typedef struct {
    const char  *text;
    size_t       len;       /* 0: strlen */
    const char  *error;     /* NULL: valid */
    size_t       offset;
} json_case_t;


typedef struct {
    const char  *text;
    ngx_uint_t   keep;
    const char  *dump;
} json_dump_t;


static ngx_uint_t  json_seed = 12345;


static ngx_uint_t
json_random(ngx_uint_t n)
{
    json_seed = json_seed * 1103515245 + 12345;

    return ((json_seed >> 16) & 0x7fff) % n;
}


static int
json_yajl(u_char *text, size_t len)
{
    int          ok;
    yajl_handle  h;

    static yajl_callbacks  none;

    h = yajl_alloc(&none, NULL, NULL);

    ok = yajl_parse(h, text, len) == yajl_status_ok
         && yajl_complete_parse(h) == yajl_status_ok;

    yajl_free(h);

    return ok;
}


/* kind, count and flags of a node and all below it */

static char *
json_dump(ngx_litellm_json_t *v, char *p)
{
    uint32_t             i;
    ngx_litellm_json_t  *k;

    static const char  kinds[] = "?nft#sAO";

    *p++ = kinds[v->type];

    if (v->flags & NGX_LITELLM_JSON_ESCAPED) {
        *p++ = 'e';
    }

    if (v->flags & NGX_LITELLM_JSON_SURROGATE) {
        *p++ = 'u';
    }

    if (v->type < NGX_LITELLM_JSON_ARRAY) {
        p += sprintf(p, "'%.*s'", (int) v->len, (char *) v->start);
        return p;
    }

    p += sprintf(p, "%u", v->count);

    if (v->flags & NGX_LITELLM_JSON_SKIPPED) {
        *p++ = '-';
        *p = '\0';
        return p;
    }

    *p++ = '(';

    for (i = 0, k = v + 1; i < v->count; i++) {
        if (v->type == NGX_LITELLM_JSON_OBJECT) {
            p = json_dump(k, p);
            *p++ = ':';
            k = ngx_litellm_json_next(k);
        }

        p = json_dump(k, p);
        *p++ = ' ';
        k = ngx_litellm_json_next(k);
    }

    CHECK(k == ngx_litellm_json_next(v));

    *p++ = ')';
    *p = '\0';

    return p;
}


/*
 * Both engines over a text of exact size; the results must be the same to the
 * byte.  Returns the result of one; *doc is its document.
 */

static ngx_int_t
json_both(ngx_litellm_json_doc_t *doc, ngx_litellm_json_doc_t *plain,
    u_char *text, size_t len)
{
    ngx_int_t   rc, prc;
    ngx_uint_t  i, same;

    rc = ngx_litellm_json_parse(doc, text, len);
    prc = ngx_litellm_json_parse_plain(plain, text, len);

    same = rc == prc;

    if (rc == NGX_OK && same) {
        same = doc->nodes == plain->nodes && doc->root && plain->root;

        for (i = 0; same && i < doc->nodes; i++) {
            same = doc->root[i].start == plain->root[i].start
                   && doc->root[i].len == plain->root[i].len
                   && doc->root[i].next == plain->root[i].next
                   && doc->root[i].count == plain->root[i].count
                   && doc->root[i].type == plain->root[i].type
                   && doc->root[i].flags == plain->root[i].flags;
        }

    } else if (same) {
        same = doc->offset == plain->offset && doc->root == NULL
               && doc->error && strcmp(doc->error, plain->error) == 0;
    }

    CHECKF(same, "engines differ: %ld %s %zu, %ld %s %zu: %.*s",
           (long) rc, doc->error ? doc->error : "", doc->offset,
           (long) prc, plain->error ? plain->error : "", plain->offset,
           (int) len, (char *) text);

    return rc;
}


/* agreement with yajl apart from what the head of this file names */

static void
json_judge(ngx_litellm_json_doc_t *doc, ngx_int_t rc, u_char *text,
    size_t len)
{
    int  ok;

    ok = json_yajl(text, len);

    if (rc == NGX_OK) {
        CHECKF(ok, "yajl refuses: %.*s", (int) len, (char *) text);
        return;
    }

    if (ok) {
        CHECKF(strcmp(doc->error, "invalid utf-8") == 0
               || strcmp(doc->error, "nested too deep") == 0
               || text[doc->offset] == '\v' || text[doc->offset] == '\f'
               || (text[doc->offset] == '"'
                   && strcmp(doc->error, "unexpected text behind the value")
                      == 0),
               "yajl takes it, %s at %zu: %.*s", doc->error, doc->offset,
               (int) len, (char *) text);
    }
}


static const json_case_t  json_cases[] = {
    { "null", 0, NULL, 0 },
    { "true", 0, NULL, 0 },
    { "false", 0, NULL, 0 },
    { " \t\r\n{ \"a\" : [ 1 , 2 ] } \n", 0, NULL, 0 },
    { "{}", 0, NULL, 0 },
    { "[]", 0, NULL, 0 },
    { "[ ]", 0, NULL, 0 },
    { "{ }", 0, NULL, 0 },
    { "\"\"", 0, NULL, 0 },
    { "[[[[]]],{}]", 0, NULL, 0 },
    { "{\"a\":{\"b\":{}},\"a\":1}", 0, NULL, 0 },
    { "0", 0, NULL, 0 },
    { "-0", 0, NULL, 0 },
    { "-0.0e-0", 0, NULL, 0 },
    { "1E+400", 0, NULL, 0 },
    { "12345678901234567890123456789", 0, NULL, 0 },
    { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uFFff\"", 0, NULL, 0 },
    { "\"\\ud83d\\ude00 \\ud800 \\udc00 \\ud800\\u0041\"", 0, NULL, 0 },
    { "\"\x7f\"", 0, NULL, 0 },
    { "\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"
      "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"", 0, NULL, 0 },
    { "\"\xef\xbb\xbf\"", 0, NULL, 0 },

    { "", 0, "text is empty", 0 },
    { " \n ", 0, "text is empty", 3 },
    { "\xef\xbb\xbf{}", 0, "text starts with a byte order mark", 0 },
    { "\xef\xbb", 0, "expected a value", 0 },
    { "\xfe\xff\0{", 4, "expected a value", 0 },
    { "\0", 1, "expected a value", 0 },
    { "{}\0", 3, "unexpected text behind the value", 2 },
    { "{} x", 0, "unexpected text behind the value", 3 },
    { "1 2", 0, "unexpected text behind the value", 2 },
    { "1 \"a", 0, "unexpected text behind the value", 2 },
    { "{}{}", 0, "unexpected text behind the value", 2 },
    { "[]]", 0, "unexpected text behind the value", 2 },
    { "[1]//c", 0, "unexpected text behind the value", 3 },
    { "/* c */ 1", 0, "expected a value", 0 },
    { "[1,/**/2]", 0, "expected a value", 3 },
    { "# c\n1", 0, "expected a value", 0 },
    { "nul", 0, "expected a value", 0 },
    { "nulL", 0, "expected a value", 0 },
    { "tru", 0, "expected a value", 0 },
    { "fals", 0, "expected a value", 0 },
    { "True", 0, "expected a value", 0 },
    { "NaN", 0, "expected a value", 0 },
    { "Infinity", 0, "expected a value", 0 },
    { "nullx", 0, "unexpected text behind the value", 4 },
    { "[truefalse]", 0, "expected ',' or ']'", 5 },
    { "[", 0, "text ends before a value", 1 },
    { "{", 0, "text ends in an object", 1 },
    { "[1", 0, "text ends in an array or object", 2 },
    { "[1,", 0, "text ends before a value", 3 },
    { "[1,]", 0, "expected a value", 3 },
    { "[,1]", 0, "expected a value", 1 },
    { "[1 2]", 0, "expected ',' or ']'", 3 },
    { "[1,,2]", 0, "expected a value", 3 },
    { "[1}", 0, "expected ',' or ']'", 2 },
    { "{]", 0, "expected a name in quotes", 1 },
    { "{\"a\"", 0, "text ends in an object", 4 },
    { "{\"a\" 1}", 0, "expected ':'", 5 },
    { "{\"a\":", 0, "text ends before a value", 5 },
    { "{\"a\":}", 0, "expected a value", 5 },
    { "{\"a\":1", 0, "text ends in an array or object", 6 },
    { "{\"a\":1,", 0, "text ends in an object", 7 },
    { "{\"a\":1,}", 0, "expected a name in quotes", 7 },
    { "{\"a\":1 \"b\":2}", 0, "expected ',' or '}'", 7 },
    { "{\"a\":1]", 0, "expected ',' or '}'", 6 },
    { "{a:1}", 0, "expected a name in quotes", 1 },
    { "{'a':1}", 0, "expected a name in quotes", 1 },
    { "{1:1}", 0, "expected a name in quotes", 1 },
    { "{\"a\":1,,}", 0, "expected a name in quotes", 7 },
    { "{,}", 0, "expected a name in quotes", 1 },
    { "'a'", 0, "expected a value", 0 },
    { "01", 0, "unexpected text behind the value", 1 },
    { "[01]", 0, "expected ',' or ']'", 2 },
    { "-", 0, "invalid number", 0 },
    { "[-]", 0, "invalid number", 1 },
    { "-a", 0, "invalid number", 0 },
    { "+1", 0, "expected a value", 0 },
    { ".5", 0, "expected a value", 0 },
    { "1.", 0, "invalid number", 0 },
    { "[1.]", 0, "invalid number", 1 },
    { "1.e5", 0, "invalid number", 0 },
    { "1e", 0, "invalid number", 0 },
    { "1e+", 0, "invalid number", 0 },
    { "1e+x", 0, "invalid number", 0 },
    { "-01", 0, "unexpected text behind the value", 2 },
    { "0x1f", 0, "unexpected text behind the value", 1 },
    { "1e5.5", 0, "unexpected text behind the value", 3 },
    { "--1", 0, "invalid number", 0 },
    { "\"", 0, "text ends in a string", 1 },
    { "\"abc", 0, "text ends in a string", 4 },
    { "\"a\\", 0, "text ends in a string", 2 },
    { "\"a\\\"", 0, "text ends in a string", 4 },
    { "\"a\\u12\"", 0, "text ends in a string", 2 },
    { "\"a\\u123\" ", 0, "invalid escape", 2 },
    { "\"a\\u12g4\"", 0, "invalid escape", 2 },
    { "\"\\x41\"", 0, "invalid escape", 1 },
    { "\"\\U0041\"", 0, "invalid escape", 1 },
    { "\"\\'\"", 0, "invalid escape", 1 },
    { "\"\\\0\"", 4, "invalid escape", 1 },
    { "\"\\\n\"", 0, "invalid escape", 1 },
    { "\"a\0b\"", 5, "control character in a string", 2 },
    { "\"a\nb\"", 0, "control character in a string", 2 },
    { "\"\x1f\"", 0, "control character in a string", 1 },
    { "{\"a\tb\":1}", 0, "control character in a string", 3 },
    { "\"\x80\"", 0, "invalid utf-8", 1 },
    { "\"\xc0\x80\"", 0, "invalid utf-8", 1 },
    { "\"\xc1\xbf\"", 0, "invalid utf-8", 1 },
    { "\"\xc3\"", 0, "invalid utf-8", 1 },
    { "\"\xc3", 0, "invalid utf-8", 1 },
    { "\"\xe0\x9f\xbf\"", 0, "invalid utf-8", 1 },
    { "\"\xed\xa0\x80\"", 0, "invalid utf-8", 1 },
    { "\"\xf0\x8f\xbf\xbf\"", 0, "invalid utf-8", 1 },
    { "\"\xf4\x90\x80\x80\"", 0, "invalid utf-8", 1 },
    { "\"\xf5\x80\x80\x80\"", 0, "invalid utf-8", 1 },
    { "\"\xe6\x9d\"", 0, "invalid utf-8", 1 },
    { "\"\xe6\x9d\xb1\xe6\x9d\"", 0, "invalid utf-8", 4 },
    { "{\"\xff\":1}", 0, "invalid utf-8", 2 },
    { "\v1", 0, "expected a value", 0 },
    { "1\f", 0, "unexpected text behind the value", 1 },
    { "\xc2\xa0""1", 0, "expected a value", 0 },
    { "[1]\xe2\x80\xa8", 0, "unexpected text behind the value", 3 },
};


/* texts that go over several blocks of 64 bytes, built of these parts */

static const char *const  json_parts[] = {
    "a", "lines of text, ", "\\n", "\\\"", "\\\\", "\\\\\\\"", "\\u00e9",
    "\\ud83d\\ude00", "\\ud83d", "\xc3\xa9", "\xe6\x9d\xb1\xe4\xba\xac",
    "\xf0\x9f\x98\x80", "\xe0\xa4\xa8", "\xed\x95\x9c", "\xef\xbf\xbd",
    "\xf4\x8f\xbf\xbf", "\",\"",
    /* faults, seldom taken */
    "\n", "\\x", "\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80",
    "\xc0\x80", "\\u12", "\""
};


static const json_dump_t  json_dumps[] = {
    { "1", 0, "#'1'" },
    { "1", 1, "#'1'" },
    { "[]", 1, "A0()" },
    { "[1]", 1, "A1-" },
    { "[1]", 2, "A1(#'1' )" },
    { " [1, \"a\\n\", {}] ", 0, "A3(#'1' se'\"a\\n\"' O0() )" },
    { "{\"a\":[1,2,[3]],\"b\":{\"c\":{},\"d\":1}}", 1, "O2-" },
    { "{\"a\":[1,2,[3]],\"b\":{\"c\":{},\"d\":1}}", 2,
      "O2(s'\"a\"':A3- s'\"b\"':O2- )" },
    { "{\"a\":[1,2,[3]],\"b\":{\"c\":{},\"d\":1}}", 3,
      "O2(s'\"a\"':A3(#'1' #'2' A1- ) "
      "s'\"b\"':O2(s'\"c\"':O0() s'\"d\"':#'1' ) )" },
    { "{\"a\":[1,2,[3]],\"b\":{\"c\":{},\"d\":1}}", 0,
      "O2(s'\"a\"':A3(#'1' #'2' A1(#'3' ) ) "
      "s'\"b\"':O2(s'\"c\"':O0() s'\"d\"':#'1' ) )" },
    { "[true,false,null]", 0, "A3(t'true' f'false' n'null' )" },
    { "\"\\ud83d\\ude00\"", 0, "se'\"\\ud83d\\ude00\"'" },
    { "\"\\ud83d\"", 0, "seu'\"\\ud83d\"'" },
    { "\"\\ude00\"", 0, "seu'\"\\ude00\"'" },
    { "\"\\ud83dx\\ude00\"", 0, "seu'\"\\ud83dx\\ude00\"'" },
    { "\"\\ud83d\\n\\ude00\"", 0, "seu'\"\\ud83d\\n\\ude00\"'" },
    { "\"\\ud83d\\ud83d\\ude00\"", 0, "seu'\"\\ud83d\\ud83d\\ude00\"'" },
    { "\"\\uD83D\\uDE00\\uDBFF\\uDFFF\"", 0,
      "se'\"\\uD83D\\uDE00\\uDBFF\\uDFFF\"'" },
    { "\"\\ud83d\xc3\xa9\"", 0, "seu'\"\\ud83d\xc3\xa9\"'" },
    { "\"\\ud7ff\\ue000\"", 0, "se'\"\\ud7ff\\ue000\"'" },
    { "{\"\\u0061\":1}", 0, "O1(se'\"\\u0061\"':#'1' )" },
};


static void
json_table(ngx_litellm_json_doc_t *doc, ngx_litellm_json_doc_t *plain)
{
    char                dump[4096];
    size_t              len;
    ngx_int_t           rc;
    ngx_str_t           text;
    ngx_uint_t          i, keep;
    const json_case_t  *c;

    for (i = 0; i < sizeof(json_cases) / sizeof(json_cases[0]); i++) {
        c = &json_cases[i];
        len = c->len ? c->len : strlen(c->text);

        unit_case("json %s", c->text);
        text = unit_mem(c->text, len);

        doc->pool = unit_pool;
        plain->pool = unit_pool;
        doc->mem = plain->mem = NULL;
        doc->nalloc = plain->nalloc = 0;

        for (keep = 0; keep < 4; keep++) {
            doc->keep = plain->keep = keep;

            rc = json_both(doc, plain, text.data, text.len);

            if (c->error == NULL) {
                CHECKF(rc == NGX_OK, "%s at %zu", doc->error ? doc->error
                       : "", doc->offset);
                continue;
            }

            if (CHECK_INT(rc, NGX_DECLINED)) {
                CHECKF(strcmp(doc->error, c->error) == 0, "%s", doc->error);
                CHECK_INT(doc->offset, c->offset);
            }
        }

        json_judge(doc, rc, text.data, text.len);
    }

    for (i = 0; i < sizeof(json_dumps) / sizeof(json_dumps[0]); i++) {
        unit_case("dump %s", json_dumps[i].text);
        text = unit_str(json_dumps[i].text);

        doc->pool = plain->pool = unit_pool;
        doc->mem = plain->mem = NULL;
        doc->nalloc = plain->nalloc = 0;
        doc->keep = plain->keep = json_dumps[i].keep;

        if (CHECK(json_both(doc, plain, text.data, text.len) == NGX_OK)) {
            json_dump(doc->root, dump);
            CHECKF(strcmp(dump, json_dumps[i].dump) == 0, "%s", dump);
            CHECK_INT(doc->root->next, doc->nodes);
        }
    }
}


/* a special byte at each place of strings of each length */

static void
json_lengths(ngx_litellm_json_doc_t *doc, ngx_litellm_json_doc_t *plain)
{
    u_char      *text;
    ngx_int_t    rc;
    ngx_uint_t   len, at, i, j, bad;

    static const struct {
        const char  *bytes;
        size_t       len;
        int          valid;
    } special[] = {
        { "", 0, 1 }, { "\"", 1, 0 }, { "\\\"", 2, 1 }, { "\\", 1, -1 },
        { "\\\\", 2, 1 }, { "\0", 1, 0 }, { "\n", 1, 0 }, { "\x1f", 1, 0 },
        { " ", 1, 1 }, { "!", 1, 1 }, { "#", 1, 1 }, { "[", 1, 1 },
        { "]", 1, 1 }, { "\x7f", 1, 1 }, { "\x80", 1, 0 }, { "\xff", 1, 0 },
        { "\xc3\xa9", 2, 1 }, { "\xc3", 1, 0 }, { "\xe2\x80\x93", 3, 1 },
        { "\xe2\x80", 2, 0 }, { "\xf0\x9f\x98\x80", 4, 1 },
        { "\xf0\x9f\x98", 3, 0 }, { "\\u00e9", 6, 1 }, { "\\u00", 4, -1 },
        { "\xe0\x80\x80", 3, 0 }, { "\xed\xa0\x80", 3, 0 },
        { "\xe6\x9d\xb1\xe4\xba\xac\xe9\x83\xbd\xe6\x9d\xb1\xe4\xba\xac", 15,
          1 },
        { "\xe6\x9d\xb1\xe4\xba\xac\xe9\x83\xbd\xe6\x9d\xb1\xe4\xba\"", 15,
          0 },
        { "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82\xd0\x9f\xd1\x80"
          "\xd0", 17, 0 },
    };

    unit_case("string lengths");
    doc->pool = plain->pool = unit_pool;
    doc->mem = plain->mem = NULL;
    doc->nalloc = plain->nalloc = 0;
    doc->keep = plain->keep = 0;

    for (len = 0; len <= 160; len += (len < 70 ? 1 : 6)) {
        for (at = 0; at <= len; at++) {
            for (i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
                j = special[i].len;

                text = malloc(len + j + 2);
                memset(text, 'a', len + j + 2);
                text[0] = '"';
                text[len + j + 1] = '"';
                memcpy(text + 1 + at, special[i].bytes, j);

                rc = json_both(doc, plain, text, len + j + 2);

                bad = (special[i].valid == 0 && rc == NGX_OK)
                      || (special[i].valid == 1 && rc != NGX_OK);

                CHECKF(!bad, "length %d, at %d, special %d: %d", (int) len,
                       (int) at, (int) i, (int) rc);

                if (rc == NGX_OK) {
                    CHECK_INT(doc->root->len, len + j + 2);
                }

                free(text);
            }

            /* white space of that length before a value */

            text = malloc(len + 1);
            memset(text, ' ', len + 1);
            text[at] = "\t\n\r \v"[len % 5];
            text[len] = '1';

            rc = json_both(doc, plain, text, len + 1);
            CHECK((rc == NGX_OK) == (len % 5 != 4 || at == len));

            free(text);
        }
    }
}


/* RFC 3629 by the numbers, unlike the reader's way */

static int
json_utf8(u_char *p, size_t len)
{
    size_t    i, n;
    uint32_t  code, least;

    while (len) {
        if (*p < 0x80) {
            n = 1, code = *p, least = 0;

        } else if ((*p & 0xe0) == 0xc0) {
            n = 2, code = *p & 0x1f, least = 0x80;

        } else if ((*p & 0xf0) == 0xe0) {
            n = 3, code = *p & 0x0f, least = 0x800;

        } else if ((*p & 0xf8) == 0xf0) {
            n = 4, code = *p & 0x07, least = 0x10000;

        } else {
            return 0;
        }

        if (n > len) {
            return 0;
        }

        for (i = 1; i < n; i++) {
            if ((p[i] & 0xc0) != 0x80) {
                return 0;
            }

            code = (code << 6) | (p[i] & 0x3f);
        }

        if (code < least || code > 0x10ffff
            || (code >= 0xd800 && code <= 0xdfff))
        {
            return 0;
        }

        p += n;
        len -= n;
    }

    return 1;
}


/* four bytes of each class at places that vary, between Asian letters */

static void
json_sequences(ngx_litellm_json_doc_t *doc, ngx_litellm_json_doc_t *plain)
{
    u_char       text[256];
    size_t       len, pad;
    ngx_int_t    rc;
    ngx_uint_t   a, b, c, d, i, bad;

    static const u_char  some[] = {
        'a', 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2,
        0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff
    };

    #define SOME  (sizeof(some))

    unit_case("utf-8 sequences");
    doc->pool = plain->pool = unit_pool;
    doc->mem = plain->mem = NULL;
    doc->nalloc = plain->nalloc = 0;
    doc->keep = plain->keep = 0;

    bad = 0;

    for (a = 0; a < SOME; a++)
    for (b = 0; b < SOME; b++)
    for (c = 0; c < SOME; c++)
    for (d = 0; d < SOME; d++) {

        pad = (a + b + c + d) % 29;

        len = 0;
        text[len++] = '"';

        for (i = a % 4; i; i--) {
            text[len++] = '.';
        }

        while (pad--) {
            memcpy(text + len, "\xe6\x9d\xb1", 3);
            len += 3;
        }

        text[len++] = some[a];
        text[len++] = some[b];
        text[len++] = some[c];
        text[len++] = some[d];

        for (pad = (a * 3 + d) % 37; pad; pad--) {
            memcpy(text + len, "\xf0\x9f\x98\x80", 4);
            len += 4;
        }

        text[len++] = '"';

        rc = ngx_litellm_json_parse(doc, text, len);

        if ((rc == NGX_OK) != json_utf8(text + 1, len - 2)
            || rc != ngx_litellm_json_parse_plain(plain, text, len)
            || doc->offset != plain->offset)
        {
            bad++;
        }
    }

    CHECK_INT(bad, 0);
}


/* bytes changed, put in and taken out at random: both engines and yajl */

static void
json_mutants(ngx_litellm_json_doc_t *doc, ngx_litellm_json_doc_t *plain)
{
    u_char      *text;
    size_t       len, at;
    ngx_int_t    rc;
    ngx_uint_t   i, n, changes;

    static const char *const  seeds[] = {
        "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":"
        "\"Hello \\\"you\\\" \\u00e9 \xc3\xa9 \xe6\x9d\xb1\xe4\xba\xac\"}],"
        "\"temperature\":0.7,\"max_tokens\":-12e+3,\"stream\":true}",
        "[1,2.5,-3e7,[[]],{},{\"a\":[null,true,false]},\"\\ud83d\\ude00\"]",
        "  {\n    \"a\" : [ 1 , 2 ],\n    \"b\" : { \"c\" : \"d\" }\n  }\n",
    };

    static const char  bytes[] =
        "{}[]:,\"\\/ \t\n\v\f01-+.eEutfnabc\x01\x7f\x80\xbf\xc3\xe6\xf0\xff";

    unit_case("mutants");
    doc->pool = plain->pool = unit_pool;
    doc->mem = plain->mem = NULL;
    doc->nalloc = plain->nalloc = 0;

    for (i = 0; i < 60000; i++) {
        n = i % (sizeof(seeds) / sizeof(seeds[0]));
        len = strlen(seeds[n]);

        doc->keep = plain->keep = i % 4;

        text = malloc(len + 4);
        memcpy(text, seeds[n], len);

        for (changes = 1 + json_random(3); changes; changes--) {
            at = json_random(len);

            switch (json_random(3)) {

            case 0:
                text[at] = bytes[json_random(sizeof(bytes) - 1)];
                break;

            case 1:
                memmove(text + at + 1, text + at, len - at);
                text[at] = bytes[json_random(sizeof(bytes) - 1)];
                len++;
                break;

            default:
                memmove(text + at, text + at + 1, len - at - 1);
                len--;
            }
        }

        text = realloc(text, len);

        rc = json_both(doc, plain, text, len);
        json_judge(doc, rc, text, len);

        free(text);
    }
}


/* arrays of long strings made of parts at random, ended at random too */

static void
json_blocks(ngx_litellm_json_doc_t *doc, ngx_litellm_json_doc_t *plain)
{
    u_char      *text;
    size_t       len, want, good;
    ngx_int_t    rc;
    ngx_uint_t   i, k, n;

    unit_case("blocks");
    doc->pool = plain->pool = unit_pool;
    doc->mem = plain->mem = NULL;
    doc->nalloc = plain->nalloc = 0;
    doc->keep = plain->keep = 0;

    n = sizeof(json_parts) / sizeof(json_parts[0]);
    good = 0;

    for (i = 0; i < 40000; i++) {
        want = 20 + json_random(400);
        text = malloc(want + 40);

        text[0] = '[';
        text[1] = '"';
        len = 2;

        while (len < want) {
            k = json_random(json_random(30) ? 17 : n);

            /* mostly plain text between what is not */

            if (json_random(i % 8 + 1)) {
                k = 1;
            }

            memcpy(text + len, json_parts[k], strlen(json_parts[k]));
            len += strlen(json_parts[k]);
        }

        if (json_random(10)) {
            text[len++] = '"';
            text[len++] = ']';
        }

        text = realloc(text, len);

        rc = json_both(doc, plain, text, len);
        json_judge(doc, rc, text, len);
        good += (rc == NGX_OK);

        free(text);
    }

    /* the generator is worth something */

    CHECKF(good > 4000 && good < 36000, "%d are valid", (int) good);
}


/* names and values that end at each place of the blocks that are looked at */

static void
json_ends(ngx_litellm_json_doc_t *doc, ngx_litellm_json_doc_t *plain)
{
    u_char      *text;
    char         from[600];
    size_t       len, cut;
    ngx_int_t    rc;
    ngx_uint_t   i, j, k, flags;

    static const char *const  inside[] = {
        "", "\\\"", "\xc3\xa9", "\\ud800", "\x01", "\\"
    };

    unit_case("ends of strings");
    doc->pool = plain->pool = unit_pool;
    doc->mem = plain->mem = NULL;
    doc->nalloc = plain->nalloc = 0;
    doc->keep = plain->keep = 0;

    for (i = 0; i < 140; i++)
    for (j = 0; j < 70; j += 1 + (i > 66 && j > 2))
    for (k = 0; k < sizeof(inside) / sizeof(inside[0]); k++) {

        len = sprintf(from, "{\"%.*s%s\":\"%.*s%s\",\"c\":%s\"d\"}", (int) i,
                      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                      (i & 1) ? inside[k] : "", (int) j,
                      "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
                      "bbbbbbbbbbbbbbbb", (i & 1) ? "" : inside[k],
                      (i & 2) ? " " : "");

        /* all of it, and cut somewhere */

        for (cut = 0; cut < 2; cut++) {
            text = malloc(len);
            memcpy(text, from, len);

            rc = json_both(doc, plain, text, len);
            json_judge(doc, rc, text, len);

            if (cut == 0) {
                CHECK_INT(rc, k < 4 ? NGX_OK : NGX_DECLINED);
            }

            if (rc == NGX_OK) {
                flags = (k == 1) ? NGX_LITELLM_JSON_ESCAPED
                        : (k == 3) ? NGX_LITELLM_JSON_ESCAPED
                                     | NGX_LITELLM_JSON_SURROGATE : 0;

                CHECK_INT(doc->root[1].len, i + 2 + ((i & 1)
                                            ? strlen(inside[k]) : 0));
                CHECK_INT(doc->root[1].flags, (i & 1) ? flags : 0);
                CHECK_INT(doc->root[2].flags, (i & 1) ? 0 : flags);
                CHECK_INT(doc->root[4].len, 3);
            }

            free(text);

            len = json_random(len) + 1;
        }
    }
}


static void
json_bounds(ngx_litellm_json_doc_t *doc, ngx_litellm_json_doc_t *plain)
{
    u_char              *text, *p;
    ngx_int_t            rc;
    ngx_uint_t           i, depth;
    ngx_litellm_json_t  *mem;

    unit_case("bounds");

    ngx_memzero(doc, sizeof(ngx_litellm_json_doc_t));
    ngx_memzero(plain, sizeof(ngx_litellm_json_doc_t));
    doc->pool = plain->pool = unit_pool;

    text = ngx_palloc(unit_pool, 5000);

    for (depth = 1; depth <= 2100; depth++) {
        if (depth == 140) {
            depth = 1000;
        }

        if (depth == 1050) {
            depth = 2100;
        }

        for (i = 0; i < depth; i++) {
            text[i] = '[';
            text[depth + i] = ']';
        }

        doc->max_depth = plain->max_depth = 0;
        rc = json_both(doc, plain, text, 2 * depth);
        CHECK_INT(rc, depth > 128 ? NGX_DECLINED : NGX_OK);

        if (rc == NGX_DECLINED) {
            CHECK_INT(doc->offset, 128);
            CHECK(strcmp(doc->error, "nested too deep") == 0);

        } else {
            CHECK_INT(doc->nodes, depth);
        }

        doc->max_depth = plain->max_depth = 100000;
        rc = json_both(doc, plain, text, 2 * depth);
        CHECK_INT(rc, depth > 1024 ? NGX_DECLINED : NGX_OK);

        doc->max_depth = plain->max_depth = 1;
        rc = json_both(doc, plain, text, 2 * depth);
        CHECK_INT(rc, depth > 1 ? NGX_DECLINED : NGX_OK);
    }

    /* a bomb of open brackets, in keep mode too */

    memset(text, '{', 5000);
    doc->max_depth = plain->max_depth = 0;
    CHECK_INT(json_both(doc, plain, text, 5000), NGX_DECLINED);

    memset(text, '[', 5000);
    doc->keep = plain->keep = 2;
    CHECK_INT(json_both(doc, plain, text, 5000), NGX_DECLINED);
    CHECK_INT(doc->offset, 128);

    /* nodes */

    p = text;
    *p++ = '[';

    for (i = 0; i < 1000; i++) {
        p = ngx_cpymem(p, "1,", 2);
    }

    p[-1] = ']';

    doc->keep = plain->keep = 0;
    doc->max_nodes = plain->max_nodes = 1001;
    CHECK_INT(json_both(doc, plain, text, p - text), NGX_OK);
    CHECK_INT(doc->nodes, 1001);
    CHECK_INT(doc->root->count, 1000);

    mem = doc->root;

    doc->max_nodes = plain->max_nodes = 1000;
    doc->mem = plain->mem = NULL;
    doc->nalloc = plain->nalloc = 0;
    CHECK_INT(json_both(doc, plain, text, p - text), NGX_DECLINED);
    CHECK(strcmp(doc->error, "too many values") == 0);
    CHECK_INT(doc->offset, 1999);

    doc->keep = plain->keep = 1;
    CHECK_INT(json_both(doc, plain, text, p - text), NGX_OK);
    CHECK_INT(doc->root->count, 1000);
    CHECK(doc->root != mem);

    /* memory is kept */

    mem = doc->mem;
    CHECK_INT(ngx_litellm_json_parse(doc, text, 3), NGX_DECLINED);
    CHECK(doc->root == NULL);
    CHECK_INT(ngx_litellm_json_parse(doc, text, p - text), NGX_OK);
    CHECK(doc->mem == mem && doc->root == mem);

    /* the length is refused before anything is read */

    CHECK_INT(ngx_litellm_json_parse(doc, text, 0x80000000u), NGX_DECLINED);
    CHECK(strcmp(doc->error, "text is too long") == 0);
}


/* strings of some blocks, made of all that the search in blocks looks at */

static void
json_strings(ngx_litellm_json_doc_t *doc, ngx_litellm_json_doc_t *plain)
{
    u_char       *text, buf[512];
    size_t        len, n;
    ngx_uint_t    i, rare;
    const char   *piece;

    static const char *const  pieces[] = {
        "\\n", "\\\"", "\\\\", "\\u00e9", "\\ud83d\\ude00", "\\/", "\\b",
        "\xc3\xa9", "\xe6\x9d\xb1", "\xf0\x9f\x98\x80", "\xed\x9f\xbf",
        "\xe0\xa0\x80", "\xf4\x8f\xbf\xbf", "\xf0\x90\x80\x80",
        "\x7f", " ", "/", "u", "n",

        /* from here on things that end a string or have no place in one */
        "\\", "\"", "\\x", "\\u12", "\\ud800", "\x80", "\xc3", "\xe6\x9d",
        "\xf0\x9f\x98", "\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80",
        "\xf4\x90\x80\x80", "\xf5", "\xff", "\n", "\x1f", "\\\xc3"
    };

    unit_case("strings of some blocks");
    doc->pool = plain->pool = unit_pool;
    doc->mem = plain->mem = NULL;
    doc->nalloc = plain->nalloc = 0;
    doc->keep = plain->keep = 0;

    for (i = 0; i < 60000; i++) {

        rare = 1 + json_random(40);
        len = 0;
        buf[len++] = '"';

        n = 60 + json_random(300);

        while (len < n) {

            if (json_random(rare)) {
                buf[len] = 'a' + len % 26;
                len++;
                continue;
            }

            /* the second half now and then: most strings are to be right */

            piece = pieces[json_random(json_random(8) ? 19
                               : sizeof(pieces) / sizeof(pieces[0]))];

            memcpy(buf + len, piece, strlen(piece));
            len += strlen(piece);
        }

        buf[len++] = '"';

        text = malloc(len);
        memcpy(text, buf, len);

        (void) json_both(doc, plain, text, len);

        free(text);
    }
}


static void
json_watch(void)
{
    size_t                     len;
    ngx_uint_t                 i;
    ngx_litellm_json_t        *v;
    ngx_litellm_json_doc_t     doc;
    ngx_litellm_json_watch_t   watch[2];

    static const struct {
        const char  *text;
        int          one;           /* place of the key; -1: not found */
        int          two;
    } cases[] = {
        { "{}", -1, -1 },
        { "{\"one\":1}", 1, -1 },
        { "{ \"a\":[{\"b\":{\"one\":1}},{\"one\":2}],\"one\":3}", 13, -1 },
        { "{\"a\":\"one\",\"b\":[\"one\"],\"ones\":1,\"on\":1}", -1, -1 },
        { "{\"long name of thirty-five bytes 012\":1}", -1, 1 },
        { "{\"long name of thirty-five bytes 013\":1,\"x\":{\"one\":1}}",
          45, -1 },
        { "{\"a\":[{\"o\\u006ee\":1}],\"one\":1}", 7, 7 },
        { "{\"a\":\"\\\"one\\\":1\"}", -1, -1 },
        { "[[{\"one\":{\"long name of thirty-five bytes 012\":1}}]]", 3, 10 },
    };

    static const char *const  texts[] = {
        "{\"a\":{\"usage\":{\"n\":0}},\"usage\":{\"n\":1,\"d\":{\"m\":[2]}},"
        "\"b\":[[3]],\"c\":{\"x\":{}}}",
        "{\"a\":{\"usage\":{\"n\":0}},\"usa\\u0067e\":{\"n\":1,\"d\":{"
        "\"m\":[2]}},\"b\":[[3]],\"c\":{\"x\":{}}}"
    };

    unit_case("names watched");

    for (i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {

        ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
        doc.pool = unit_pool;
        doc.keep = 1 + i % 2;

        watch[0].found = watch[1].found = (u_char *) "from before";
        ngx_str_set(&watch[0].name, "one");
        ngx_str_set(&watch[1].name, "long name of thirty-five bytes 012");
        doc.watch = watch;
        doc.nwatch = 2;

        len = strlen(cases[i / 2].text);

        CHECK_INT(ngx_litellm_json_parse(&doc, (u_char *) cases[i / 2].text,
                                         len),
                  NGX_OK);

        CHECK_INT(watch[0].found ? watch[0].found
                                   - (u_char *) cases[i / 2].text : -1,
                  cases[i / 2].one);
        CHECK_INT(watch[1].found ? watch[1].found
                                   - (u_char *) cases[i / 2].text : -1,
                  cases[i / 2].two);
    }

    unit_case("a member kept whole");

    for (i = 0; i < 2; i++) {

        ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
        doc.pool = unit_pool;
        doc.keep = 2;
        ngx_str_set(&doc.whole, "usage");

        CHECK_INT(ngx_litellm_json_parse(&doc, (u_char *) texts[i],
                                         strlen(texts[i])),
                  NGX_OK);

        v = ngx_litellm_json_member(doc.root, "a");
        CHECK(v && v->count == 1 && (v->flags & NGX_LITELLM_JSON_SKIPPED));

        v = ngx_litellm_json_member(doc.root, "usage");
        CHECK(v && v->count == 2 && v->flags == 0 && v->next == 8);
        CHECK(ngx_litellm_json_member(v, "n") != NULL);
        v = ngx_litellm_json_member(v, "d");
        v = ngx_litellm_json_member(v, "m");
        CHECK(v && v->count == 1 && v[1].type == NGX_LITELLM_JSON_NUMBER);

        v = ngx_litellm_json_member(doc.root, "b");
        CHECK(v && v->count == 1 && v->next == 1
              && (v->flags & NGX_LITELLM_JSON_SKIPPED));
        v = ngx_litellm_json_member(doc.root, "c");
        CHECK(v && v->count == 1 && (v->flags & NGX_LITELLM_JSON_SKIPPED));

        CHECK_INT(doc.root->next, doc.nodes);
        CHECK_INT(doc.nodes, 16);
    }
}


void
unit_main(void)
{
    ngx_uint_t              engine;
    ngx_litellm_json_doc_t  doc, plain;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    ngx_memzero(&plain, sizeof(ngx_litellm_json_doc_t));

    json_table(&doc, &plain);
    json_bounds(&doc, &plain);
    json_watch();

    /* each kind of vectors that this processor has against none */

    for (engine = 0; ngx_litellm_scan_use(engine) == NGX_OK; engine++) {
        json_lengths(&doc, &plain);
        json_sequences(&doc, &plain);
        json_mutants(&doc, &plain);
        json_blocks(&doc, &plain);
        json_ends(&doc, &plain);
        json_strings(&doc, &plain);
    }
}
