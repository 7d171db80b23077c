
/*
 * YAML texts against the trees they make: anchors, merge keys, duplicates,
 * the meaning of scalars, bounds; and broken texts against their lines.
 */

#include "unit.h"

#include "ngx_litellm_yaml.h"


typedef struct {
    const char  *yaml;
    const char  *tree;       /* {k: v, ...}, [..], s:text n: b: i: f: */
} yaml_case_t;


typedef struct {
    const char  *yaml;
    ngx_uint_t   line;
    const char  *error;      /* a part of it */
} yaml_error_t;


static char        out[65536];
static size_t      out_len;
static ngx_uint_t  duplicates;
static ngx_uint_t  dup_earlier, dup_later;
static ngx_str_t   file = ngx_string("t.yaml");


static void
put(const char *p, size_t len)
{
    if (out_len + len < sizeof(out)) {
        memcpy(out + out_len, p, len);
        out_len += len;
    }
}


static void
dump(ngx_litellm_yaml_t *v)
{
    ngx_litellm_yaml_pair_t  *pair;
    static const char         kinds[] = "snbif";

    if (v->type == NGX_LITELLM_YAML_SCALAR) {
        put(&kinds[v->kind], 1);
        put(":", 1);
        put((char *) v->text.data, v->text.len);
        return;
    }

    put(v->type == NGX_LITELLM_YAML_MAP ? "{" : "[", 1);

    for (pair = v->first; pair; pair = pair->next) {
        if (pair->key) {
            put((char *) pair->key->text.data, pair->key->text.len);
            put("=", 1);
        }

        dump(pair->value);

        if (pair->next) {
            put(",", 1);
        }
    }

    put(v->type == NGX_LITELLM_YAML_MAP ? "}" : "]", 1);
}


static void
on_duplicate(void *data, ngx_litellm_yaml_t *earlier,
    ngx_litellm_yaml_t *later)
{
    duplicates++;
    dup_earlier = earlier->line;
    dup_later = later->line;
}


static ngx_int_t
parse(ngx_litellm_yaml_doc_t *doc, ngx_str_t text)
{
    ngx_memzero(doc, sizeof(*doc));

    doc->pool = unit_pool;
    doc->file = &file;
    doc->duplicate = on_duplicate;
    duplicates = 0;

    return ngx_litellm_yaml_parse(doc, &text);
}


static const yaml_case_t  cases[] = {
    { "a: 1", "{a=i:1}" },
    { "", "" },
    { "# only a comment\n", "" },
    { "a:\n- b\n- c: d\n", "{a=[s:b,{c=s:d}]}" },
    { "a: [1, 2.5, x]\nb: {c: d, e: [f]}",
      "{a=[i:1,f:2.5,s:x],b={c=s:d,e=[s:f]}}" },

    /* Windows line ends, a BOM, blanks at the end, no last line end */
    { "a: 1\r\nb: 2\r\n", "{a=i:1,b=i:2}" },
    { "\xef\xbb\xbf" "a: 1", "{a=i:1}" },
    { "a: x   \nb: y\t\n", "{a=s:x,b=s:y}" },

    /* what libyaml takes and LiteLLM's users write */
    { "a: \"\\u00e9\"\nb: \xed\x95\x9c", "{a=s:\xc3\xa9,b=s:\xed\x95\x9c}" },
    { "a: |\n  x\n  y\nb: >-\n  x\n  y\n", "{a=s:x\ny\n,b=s:x y}" },
    { "---\na: 1\n...\n", "{a=i:1}" },

    /* scalars of YAML 1.1 */
    { "[true, True, yes, ON, off, n, y]",
      "[b:true,b:True,b:yes,b:ON,b:off,s:n,s:y]" },
    { "[~, null, Null, NULL, '', \"null\"]",
      "[n:~,n:null,n:Null,n:NULL,s:,s:null]" },
    { "[0, -1, +1, 1_000, 0x1F, 0b11, 017, 018, 1:30]",
      "[i:0,i:-1,i:+1,i:1_000,i:0x1F,i:0b11,i:017,s:018,i:1:30]" },
    { "[1.5, .5, 1., 1.0e+6, 1e-6, 1E6, 1.e3, .inf, -.inf, .nan]",
      "[f:1.5,f:.5,f:1.,f:1.0e+6,f:1e-6,f:1E6,f:1.e3,f:.inf,f:-.inf,"
      "f:.nan]" },
    { "[., -, +, e5, 1e, 1.2.3, 2025-08-05, 0x, 12ab, '1', \"1.5\"]",
      "[s:.,s:-,s:+,s:e5,s:1e,s:1.2.3,s:2025-08-05,s:0x,s:12ab,s:1,"
      "s:1.5]" },
    { "[!!str 5, !!int \"5\", !!bool yes, !!float 1, !!null '']",
      "[s:5,i:5,b:yes,i:1,n:]" },

    /* anchors */
    { "a: &x 1\nb: *x", "{a=i:1,b=i:1}" },
    { "a: &x {k: v}\nb: *x", "{a={k=s:v},b={k=s:v}}" },
    { "a: &x 1\nb: &x 2\nc: *x", "{a=i:1,b=i:2,c=i:2}" },

    /* merge keys: own keys win, the first map of a list wins */
    { "d: &d {a: 1, b: 2}\ne:\n  <<: *d\n  b: 3\n  c: 4",
      "{d={a=i:1,b=i:2},e={a=i:1,b=i:3,c=i:4}}" },
    { "d: &d {a: 1}\ne:\n  a: 2\n  <<: *d", "{d={a=i:1},e={a=i:2}}" },
    { "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  <<: [*x, *y]\n  c: 3",
      "{x={a=i:1,b=i:1},y={b=i:2,c=i:2},z={b=i:1,c=i:3,a=i:1}}" },
    { "x: &x {a: 1}\ny: &y\n  <<: *x\n  b: 2\nz:\n  <<: *y",
      "{x={a=i:1},y={a=i:1,b=i:2},z={a=i:1,b=i:2}}" },
    { "z:\n  <<: {a: 1}\n  b: 2", "{z={a=i:1,b=i:2}}" },
    { "z:\n  '<<': 1", "{z={<<=i:1}}" },
    { "x: &x {a: 1}\ny: &y {a: 2}\nz:\n  <<: *x\n  <<: *y",
      "{x={a=i:1},y={a=i:2},z={a=i:2}}" },

    /* more than 8 keys have an index: the same rules */
    { "x: &x {a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7, h: 8, i: 9}\n"
      "y: {<<: *x, e: 0, j: 1}",
      "{x={a=i:1,b=i:2,c=i:3,d=i:4,e=i:5,f=i:6,g=i:7,h=i:8,i=i:9},"
      "y={a=i:1,b=i:2,c=i:3,d=i:4,e=i:0,f=i:6,g=i:7,h=i:8,i=i:9,j=i:1}}" },

    { NULL, NULL }
};


static const yaml_error_t  errors[] = {
    { "a: 1\n b: 2\n", 2, "mapping values are not allowed" },
    { "a: [1, 2\nb: 3\n", 2, "expected ',' or ']'" },
    { "a: 'x\n", 2, "unexpected end of stream" },
    { "a:\n\t- b\n", 2, "cannot start any token" },
    { "a: *x\n", 1, "without an anchor" },
    { "a: &x [1, *x]\n", 1, "inside of what its anchor names" },
    { "a: 1\n---\nb: 2\n", 2, "second document" },
    { "a: !python/object x\n", 1, "tag" },
    { "a: !!int x\n", 1, "tag" },
    { "a: !!set {x, y}\n", 1, "tag" },
    { "? [a]\n: b\n", 1, "a key must be" },
    { "a: {{ x }}\n", 1, "a key must be" },
    { "x: &x [1]\n? *x\n: b\n", 2, "a key must be" },
    { "a:\n  <<: 5\n", 2, "takes a map" },
    { "a:\n  <<: [{b: c}, 5]\n", 2, "takes a map" },
    { "a: 1\nb: \x01\n", 2, "control characters" },
    { "a: 1\nb: \xff\n", 2, "invalid leading UTF-8 octet" },
    { "a: %x\n", 1, "cannot start any token" },
    { NULL, 0, NULL }
};


static void
test_number(const char *text, const char *json, ngx_int_t rc, int64_t fixed)
{
    u_char                   buf[256];
    size_t                   n;
    int64_t                  v;
    ngx_str_t                s, got;
    ngx_litellm_yaml_kind_e  kind;

    unit_case("number %s", text);

    s = unit_str(text);
    kind = ngx_litellm_yaml_kind(&s);

    CHECK(kind == NGX_LITELLM_YAML_INT || kind == NGX_LITELLM_YAML_FLOAT);

    n = ngx_litellm_yaml_number(&s, kind, buf);
    got.data = buf;
    got.len = n;

    CHECK(n <= s.len + 24);
    CHECK_STR(&got, json);

    v = -1;
    CHECK_INT(ngx_litellm_yaml_fixed(&s, kind, 3, &v), rc);

    if (rc == NGX_OK) {
        CHECK_INT(v, fixed);
    }
}


static void
test_numbers(void)
{
    test_number("0", "0", NGX_OK, 0);
    test_number("-0", "-0", NGX_OK, 0);
    test_number("+17", "17", NGX_OK, 17000);
    test_number("1_000", "1000", NGX_OK, 1000000);
    test_number("0x1F", "31", NGX_OK, 31000);
    test_number("-0x1F", "-31", NGX_OK, -31000);
    test_number("0b101", "5", NGX_OK, 5000);
    test_number("017", "15", NGX_OK, 15000);
    test_number("00", "0", NGX_OK, 0);
    test_number("1:30", "90", NGX_OK, 90000);
    test_number("1:00:00", "3600", NGX_OK, 3600000);
    test_number("-1:30", "-90", NGX_OK, -90000);
    test_number("1.5", "1.5", NGX_OK, 1500);
    test_number(".5", "0.5", NGX_OK, 500);
    test_number("-.5", "-0.5", NGX_OK, -500);
    test_number("1.", "1.0", NGX_OK, 1000);
    test_number("1.e3", "1.0e3", NGX_OK, 1000000);
    test_number("01.5", "1.5", NGX_OK, 1500);
    test_number("00.5", "0.5", NGX_OK, 500);
    test_number("1_0.2_5", "10.25", NGX_OK, 10250);
    test_number("1._5", "1.5", NGX_OK, 1500);
    test_number("1e-6", "1e-6", NGX_OK, 0);
    test_number("2.5e+2", "2.5e+2", NGX_OK, 250000);
    test_number("0.00000000000000000000001", "0.00000000000000000000001",
                NGX_OK, 0);
    test_number("1.99999999999999999999999999", "1.99999999999999999999999999",
                NGX_OK, 1999);
    test_number("1e400", "1e400", NGX_DECLINED, 0);
    test_number("1e-400", "1e-400", NGX_OK, 0);
    test_number("0e99999999999999999999", "0e99999999999999999999", NGX_OK,
                0);
    test_number("123456789012345678901234567890",
                "123456789012345678901234567890", NGX_DECLINED, 0);
    test_number("9223372036854775807", "9223372036854775807", NGX_DECLINED,
                0);
    test_number("0xffffffffffffffffff", "", NGX_DECLINED, 0);
    test_number(".inf", "", NGX_DECLINED, 0);
    test_number("-.nan", "", NGX_DECLINED, 0);
}


/* doubles with each line: 2^30 nodes if it were written out */

static void
test_bomb(void)
{
    char                    buf[4096], *p;
    ngx_int_t               i;
    ngx_litellm_yaml_doc_t  doc;

    unit_case("alias bomb");

    p = buf + sprintf(buf, "a0: &a0 [x, x]\n");

    for (i = 1; i < 30; i++) {
        p += sprintf(p, "a%d: &a%d [*a%d, *a%d]\n", (int) i, (int) i,
                     (int) i - 1, (int) i - 1);
    }

    CHECK_INT(parse(&doc, unit_str(buf)), NGX_DECLINED);
    CHECK(ngx_strnstr(doc.error.data, "too much", doc.error.len) != NULL);
    CHECK(doc.line > 10 && doc.line < 25);

    unit_case("merge bomb");

    p = buf + sprintf(buf, "a0: &a0 {x: 1, y: 2}\n");

    for (i = 1; i < 30; i++) {
        p += sprintf(p, "a%d: &a%d {<<: [*a%d, *a%d], k%d: *a%d}\n", (int) i,
                     (int) i, (int) i - 1, (int) i - 1, (int) i, (int) i - 1);
    }

    CHECK_INT(parse(&doc, unit_str(buf)), NGX_DECLINED);
    CHECK(ngx_strnstr(doc.error.data, "too much", doc.error.len) != NULL);

    unit_case("a few aliases are no bomb");
    CHECK_INT(parse(&doc, unit_str("a: &a [1, 2]\nb: [*a, *a, *a]\n")),
              NGX_OK);
}


static void
test_bounds(void)
{
    u_char                  *p;
    ngx_str_t                text;
    ngx_uint_t               i;
    ngx_litellm_yaml_doc_t   doc;

    for (i = 63; i <= 66; i++) {
        unit_case("depth %d", (int) i);

        text.data = ngx_pnalloc(unit_pool, i * 2);
        text.len = i * 2;
        ngx_memset(text.data, '[', i);
        ngx_memset(text.data + i, ']', i);

        CHECK_INT(parse(&doc, text),
                  i <= NGX_LITELLM_YAML_DEPTH ? NGX_OK : NGX_DECLINED);
    }

    unit_case("a text over the bound");

    text.len = NGX_LITELLM_YAML_SIZE + 1;
    text.data = ngx_alloc(text.len, &unit_log);
    ngx_memset(text.data, ' ', text.len);

    CHECK_INT(parse(&doc, text), NGX_DECLINED);
    ngx_free(text.data);

    /* 20,000 keys and their doubles: no walk over the map for each */

    unit_case("many keys");

    text.data = ngx_pnalloc(unit_pool, 20000 * 2 * 16);
    p = text.data;

    for (i = 0; i < 40000; i++) {
        p = ngx_sprintf(p, "k%ui: %ui\n", i % 20000, i);
    }

    text.len = p - text.data;

    CHECK_INT(parse(&doc, text), NGX_OK);
    CHECK_INT(doc.root->count, 20000);
    CHECK_INT(duplicates, 20000);
    CHECK_STR(&ngx_litellm_yaml_member(doc.root, "k19999")->text, "39999");
    CHECK(ngx_litellm_yaml_member(doc.root, "k20000") == NULL);
}


void
unit_main(void)
{
    size_t                   i, n, len;
    ngx_str_t                text, tree;
    ngx_litellm_yaml_t      *v;
    ngx_litellm_yaml_doc_t   doc;

    for (i = 0; cases[i].yaml; i++) {
        unit_case("tree %d: %.40s", (int) i, cases[i].yaml);

        if (!CHECK_INT(parse(&doc, unit_str(cases[i].yaml)), NGX_OK)) {
            printf("    %s\n", doc.error.data);
            continue;
        }

        out_len = 0;

        if (doc.root) {
            dump(doc.root);
        }

        tree.data = (u_char *) out;
        tree.len = out_len;
        CHECK_STR(&tree, cases[i].tree);

        /* cut anywhere: an error or a smaller tree, never more */

        len = ngx_strlen(cases[i].yaml);

        for (n = 0; n < len; n++) {
            CHECK(parse(&doc, unit_mem(cases[i].yaml, n)) != NGX_ERROR);
        }
    }

    for (i = 0; errors[i].yaml; i++) {
        unit_case("error %d: %.40s", (int) i, errors[i].yaml);

        if (!CHECK_INT(parse(&doc, unit_str(errors[i].yaml)), NGX_DECLINED)) {
            continue;
        }

        CHECK_INT(doc.line, errors[i].line);
        CHECKF(ngx_strstr(doc.error.data, errors[i].error) != NULL, "\"%s\"",
               doc.error.data);
    }

    unit_case("lines of nodes");
    CHECK_INT(parse(&doc, unit_str("# x\na: 1\n\nb:\n  - c\n  - d: e\n")),
              NGX_OK);
    CHECK_INT(ngx_litellm_yaml_member(doc.root, "a")->line, 2);
    v = ngx_litellm_yaml_member(doc.root, "b");
    CHECK_INT(v->first->value->line, 5);
    CHECK_INT(v->first->next->value->line, 6);
    CHECK_STR(v->file, "t.yaml");

    unit_case("duplicate keys");
    CHECK_INT(parse(&doc, unit_str("a: 1\nb: 2\na: 3\n")), NGX_OK);
    CHECK_INT(duplicates, 1);
    CHECK_INT(dup_earlier, 1);
    CHECK_INT(dup_later, 3);
    CHECK_STR(&ngx_litellm_yaml_member(doc.root, "a")->text, "3");

    unit_case("a merged key is no duplicate");
    CHECK_INT(parse(&doc, unit_str("x: &x {a: 1}\ny:\n  <<: *x\n  a: 2\n")),
              NGX_OK);
    CHECK_INT(duplicates, 0);

    unit_case("get");
    text = unit_str("[1]");
    CHECK_INT(parse(&doc, text), NGX_OK);
    CHECK(ngx_litellm_yaml_member(doc.root, "a") == NULL);
    CHECK(ngx_litellm_yaml_member(NULL, "a") == NULL);

    test_numbers();
    test_bomb();
    test_bounds();
}
