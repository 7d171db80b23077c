
/*
 * Edits of a text: commas of members taken out and put in, every subset of an
 * object's members, edits inside of ranges that are gone, many edits in any
 * order against a plain rebuild, references above and copies below the bound.
 */

#include "unit.h"
#include "ngx_litellm_splice.h"


static uint32_t  seed = 1;


static ngx_uint_t
rnd(ngx_uint_t n)
{
    seed = seed * 1664525 + 1013904223;

    return (seed >> 8) % n;
}


static ngx_str_t
written(ngx_litellm_splice_t *sp)
{
    ngx_str_t          s;
    ngx_litellm_out_t  out;

    ngx_litellm_out_init(&out, unit_pool);

    CHECK_INT(ngx_litellm_splice_write(sp, &out), NGX_OK);

    s = unit_chain(out.first);
    CHECK_INT(out.size, s.len);

    return s;
}


static ngx_litellm_json_t *
parse(ngx_litellm_json_doc_t *doc, ngx_str_t *text, ngx_uint_t keep)
{
    ngx_memzero(doc, sizeof(ngx_litellm_json_doc_t));

    doc->pool = unit_pool;
    doc->keep = keep;

    if (!CHECKF(ngx_litellm_json_parse(doc, text->data, text->len) == NGX_OK,
                "no JSON: %.*s", (int) text->len, text->data))
    {
        return NULL;
    }

    return doc->root;
}


static void
test_table(void)
{
    ngx_str_t                text, got;
    ngx_uint_t               i, j;
    ngx_litellm_json_t      *root, *key, *value;
    ngx_litellm_splice_t     sp;
    ngx_litellm_json_doc_t   doc;

    static const struct {
        const char  *text;
        const char  *drop;          /* a letter for each member's key */
        ngx_uint_t   add;
        const char  *want;
    } cases[] = {
        { "{\"a\":1,\"b\":2,\"c\":3}", "", 0, "{\"a\":1,\"b\":2,\"c\":3}" },
        { "{\"a\":1,\"b\":2,\"c\":3}", "a", 0, "{\"b\":2,\"c\":3}" },
        { "{\"a\":1,\"b\":2,\"c\":3}", "b", 0, "{\"a\":1,\"c\":3}" },
        { "{\"a\":1,\"b\":2,\"c\":3}", "c", 0, "{\"a\":1,\"b\":2}" },
        { "{\"a\":1,\"b\":2,\"c\":3}", "ab", 0, "{\"c\":3}" },
        { "{\"a\":1,\"b\":2,\"c\":3}", "bc", 0, "{\"a\":1}" },
        { "{\"a\":1,\"b\":2,\"c\":3}", "ac", 0, "{\"b\":2}" },
        { "{\"a\":1,\"b\":2,\"c\":3}", "abc", 0, "{}" },
        { "{\"a\":1,\"b\":2,\"c\":3}", "abc", 1, "{\"k\":0}" },
        { "{\"a\":1,\"b\":2,\"c\":3}", "c", 2,
          "{\"a\":1,\"b\":2,\"k\":0,\"l\":\"\"}" },
        { "{}", "", 1, "{\"k\":0}" },
        { " { } ", "", 2, " {\"k\":0,\"l\":\"\" } " },
        { " { \"a\" : 1 , \"b\" : 2 } ", "a", 1,
          " { \"b\" : 2,\"k\":0 } " },
        { " { \"a\" : 1 , \"b\" : 2 } ", "b", 0, " { \"a\" : 1 } " },
        { " { \"a\" : 1 , \"b\" : 2 } ", "ab", 0, " {  } " },
        { "\n{\n\t\"a\": [1, 2],\n\t\"b\": {\"c\": 1}\n}\n", "b", 1,
          "\n{\n\t\"a\": [1, 2],\"k\":0\n}\n" },
    };

    ngx_litellm_add_t  adds[2] = {
        { ngx_string("k"), ngx_string("0"), ngx_null_string },
        { ngx_string("l"), ngx_string("\"\""),
          ngx_null_string }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("object %lu: drop %s, add %lu", (unsigned long) i,
                  cases[i].drop, (unsigned long) cases[i].add);

        text = unit_str(cases[i].text);
        root = parse(&doc, &text, 2);

        key = root + 1;

        for (j = 0; j < root->count; j++) {
            value = ngx_litellm_json_next(key);

            if (ngx_strchr(cases[i].drop, key->start[1]) != NULL) {
                value->flags |= NGX_LITELLM_JSON_DROPPED;
            }

            key = ngx_litellm_json_next(value);
        }

        ngx_litellm_splice_init(&sp, unit_pool, &text);
        ngx_litellm_splice_object(&sp, root, adds, cases[i].add);

        got = written(&sp);
        CHECK_STR(&got, cases[i].want);
    }
}


/* every subset of the members of an object, small and beyond the own edits */

static void
test_subsets(void)
{
    u_char                  *p, *text;
    ngx_str_t                s, got;
    ngx_uint_t               i, n, mask, want;
    ngx_litellm_json_t      *root, *key, *value;
    ngx_litellm_splice_t     sp;
    ngx_litellm_json_doc_t   doc;

    for (n = 1; n <= 7; n++) {
        for (mask = 0; mask < (ngx_uint_t) 1 << n; mask++) {

            unit_case("%lu members, without 0x%lx", (unsigned long) n,
                      (unsigned long) mask);

            text = ngx_pnalloc(unit_pool, 256);
            p = text;
            *p++ = '{';

            for (i = 0; i < n; i++) {
                p = ngx_sprintf(p, "%s \"m%ui\" :%s%ui", i ? " ," : "", i,
                                (i & 1) ? " " : "", i);
            }

            *p++ = ' ';
            *p++ = '}';

            s = unit_mem(text, p - text);
            root = parse(&doc, &s, 2);
            key = root + 1;

            for (i = 0; i < n; i++) {
                value = ngx_litellm_json_next(key);

                if (mask & ((ngx_uint_t) 1 << i)) {
                    value->flags |= NGX_LITELLM_JSON_DROPPED;
                }

                key = ngx_litellm_json_next(value);
            }

            ngx_litellm_splice_init(&sp, unit_pool, &s);
            ngx_litellm_splice_object(&sp, root, NULL, 0);

            got = written(&sp);

            root = parse(&doc, &got, 2);

            if (root == NULL) {
                continue;
            }

            key = root + 1;
            want = 0;

            for (i = 0; i < root->count; i++) {

                while (mask & ((ngx_uint_t) 1 << want)) {
                    want++;
                }

                CHECK_INT(key->start[2] - '0', want++);

                key = ngx_litellm_json_next(ngx_litellm_json_next(key));
            }

            CHECK_INT(root->count, n - __builtin_popcountl(mask));
        }
    }
}


/* inner edits of a range that is gone are nothing */

static void
test_nested(void)
{
    ngx_str_t             text, got, name;
    ngx_litellm_splice_t  sp;

    unit_case("an edit inside of another");

    text = unit_str("0123456789");

    ngx_litellm_splice_init(&sp, unit_pool, &text);

    ngx_litellm_splice_lit(&sp, text.data + 4, text.data + 5, "x");
    ngx_litellm_splice_lit(&sp, text.data + 3, text.data + 3, "y");
    ngx_litellm_splice_lit(&sp, text.data + 2, text.data + 6, "-");
    ngx_litellm_splice_lit(&sp, text.data + 6, text.data + 6, "z");
    ngx_litellm_splice_lit(&sp, text.data + 10, text.data + 10, "!");
    ngx_litellm_splice_lit(&sp, text.data, text.data, "<");

    got = written(&sp);
    CHECK_STR(&got, "<01-z6789!");

    unit_case("order at one place");

    text = unit_str("0123456789");

    ngx_litellm_splice_init(&sp, unit_pool, &text);

    ngx_litellm_splice_lit(&sp, text.data + 5, text.data + 7, "b");
    ngx_litellm_splice_lit(&sp, text.data + 5, text.data + 5, "1");
    ngx_litellm_splice_lit(&sp, text.data + 5, text.data + 5, "2");
    ngx_litellm_splice_lit(&sp, text.data + 5, text.data + 8, "c");

    got = written(&sp);
    CHECK_STR(&got, "0123412c89");

    unit_case("quoted text");

    text = unit_str("[0]");
    ngx_str_set(&name, "a\"b\\c");

    ngx_litellm_splice_init(&sp, unit_pool, &text);
    ngx_litellm_splice_string(&sp, text.data + 1, text.data + 2, &name);

    got = written(&sp);
    CHECK_STR(&got, "[\"a\\\"b\\\\c\"]");

    unit_case("nothing to do: the text itself, by reference");

    text = unit_str("{\"a\":1}");

    {
        ngx_litellm_out_t  out;

        ngx_litellm_splice_init(&sp, unit_pool, &text);
        ngx_litellm_out_init(&out, unit_pool);

        CHECK_INT(ngx_litellm_splice_write(&sp, &out), NGX_OK);
        CHECK(out.first != NULL && out.first->next == NULL);
        CHECK(out.first != NULL && out.first->buf->pos == text.data);
    }
}


static void
test_cut(void)
{
    ngx_str_t                text, got;
    ngx_uint_t               n;
    ngx_litellm_json_t      *root;
    ngx_litellm_splice_t     sp;
    ngx_litellm_json_doc_t   doc;

    static const char  *want[] = {
        "[ 1 , [2] , {\"a\":3} , 4 ]",
        "[ 1]",
        "[ 1 , [2]]",
        "[ 1 , [2] , {\"a\":3}]",
        "[ 1 , [2] , {\"a\":3} , 4 ]",
        "[ 1 , [2] , {\"a\":3} , 4 ]"
    };

    for (n = 0; n < 6; n++) {
        unit_case("cut to %lu", (unsigned long) n);

        text = unit_str("[ 1 , [2] , {\"a\":3} , 4 ]");
        root = parse(&doc, &text, 0);

        ngx_litellm_splice_init(&sp, unit_pool, &text);
        ngx_litellm_splice_cut(&sp, root, n);

        got = written(&sp);
        CHECK_STR(&got, want[n]);
    }
}


/* many edits that do not overlap, shuffled, against a plain rebuild */

static void
test_random(void)
{
    u_char                *p, *want;
    ngx_str_t              text, got;
    ngx_uint_t             i, j, k, n, len, round, pos, cut;
    ngx_litellm_splice_t   sp;

    static struct {
        ngx_uint_t         start;
        ngx_uint_t         end;
        u_char             c;
    } edits[600], t;

    for (round = 0; round < 300; round++) {
        n = rnd(round % 10 == 0 ? 600 : 40);
        len = 1 + n * 12 + rnd(round % 7 == 0 ? 20000 : 500);

        unit_case("round %lu: %lu edits of %lu bytes", (unsigned long) round,
                  (unsigned long) n, (unsigned long) len);

        p = ngx_pnalloc(unit_pool, len);

        for (i = 0; i < len; i++) {
            p[i] = 'a' + rnd(26);
        }

        text = unit_mem(p, len);

        for (i = 0, pos = 0; i < n; i++) {
            edits[i].start = pos + 1 + rnd(5);
            edits[i].end = edits[i].start + rnd(5);
            edits[i].c = '0' + rnd(10);
            pos = edits[i].end;
        }

        want = ngx_pnalloc(unit_pool, len + n);
        p = want;

        for (i = 0, pos = 0; i < n; i++) {
            cut = edits[i].start - pos;
            p = ngx_cpymem(p, text.data + pos, cut);
            *p++ = edits[i].c;
            pos = edits[i].end;
        }

        p = ngx_cpymem(p, text.data + pos, len - pos);

        for (i = 0; n && i < n; i++) {
            j = rnd(n);
            k = rnd(n);
            t = edits[j];
            edits[j] = edits[k];
            edits[k] = t;
        }

        ngx_litellm_splice_init(&sp, unit_pool, &text);

        for (i = 0; i < n; i++) {
            ngx_litellm_splice_replace(&sp, text.data + edits[i].start,
                                       text.data + edits[i].end, &edits[i].c,
                                       1);
        }

        got = written(&sp);
        CHECK_MEM(&got, want, (size_t) (p - want));
    }
}


/* every subset of an array's elements; the same in one piece, memory reused */

static void
test_elements(void)
{
    char                     want[64];
    ngx_str_t                text, got, buf, piece;
    ngx_uint_t               i, set, n;
    ngx_litellm_json_t      *root, *v;
    ngx_litellm_splice_t     sp;
    ngx_litellm_json_doc_t   doc;

    ngx_str_null(&buf);

    text = unit_str("[ 1 , 22,[3],4 ]");
    ngx_litellm_splice_init(&sp, unit_keep, &text);

    for (set = 0; set < 16; set++) {
        unit_case("elements %lu", (unsigned long) set);

        text = unit_str("[ 1 , 22,[3],4 ]");
        root = parse(&doc, &text, 0);
        v = root + 1;
        n = 0;

        for (i = 0; i < root->count; i++, v = ngx_litellm_json_next(v)) {

            if (set & (1 << i)) {
                v->flags |= NGX_LITELLM_JSON_DROPPED;
                continue;
            }

            ngx_memcpy(want + n, v->start, v->len);
            n += v->len;
        }

        ngx_litellm_splice_reuse(&sp, &text);
        ngx_litellm_splice_array(&sp, root);

        CHECK_INT(ngx_litellm_splice_text(&sp, &buf, &piece), NGX_OK);
        CHECK(piece.len <= buf.len);

        got = unit_mem(piece.data, piece.len);
        root = parse(&doc, &got, 0);

        if (root == NULL) {
            continue;
        }

        v = root + 1;

        for (i = 0, n = 0; i < root->count; i++) {
            CHECK(ngx_memcmp(want + n, v->start, v->len) == 0);
            n += v->len;
            v = ngx_litellm_json_next(v);
        }

        CHECK_INT(root->count, 4 - __builtin_popcount(set));
    }
}


/* a text that needs an escape for each byte fits */

static void
test_escapes(void)
{
    ngx_str_t             text, buf, got, name;
    ngx_litellm_splice_t  sp;

    unit_case("escapes in one piece");

    ngx_str_null(&buf);

    text = unit_str("{\"a\":1}");
    name = unit_mem("\x01\x02\"\x1f\x1f", 5);

    ngx_litellm_splice_init(&sp, unit_pool, &text);
    ngx_litellm_splice_string(&sp, text.data + 5, text.data + 6, &name);

    CHECK_INT(ngx_litellm_splice_text(&sp, &buf, &got), NGX_OK);
    CHECK_STR(&got, "{\"a\":\"\\u0001\\u0002\\\"\\u001f\\u001f\"}");
}


void
unit_main(void)
{
    test_table();
    test_subsets();
    test_nested();
    test_cut();
    test_random();
    test_elements();
    test_escapes();
}
