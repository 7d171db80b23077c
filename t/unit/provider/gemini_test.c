
/*
 * The dialects of Google (Gemini API, Gemini and Claude at Vertex AI) on wire
 * data (t/data/gemini, see wire_case.h).  Schemas, grounding and bounds that
 * would make long files have tests of their own below.
 */

#include "wire_case.h"
#include "ngx_litellm_gemini.h"


static const char *
path(case_t *c)
{
    return c->call.stream ? "/v1beta/models/gemini-2.5-flash:"
                            "streamGenerateContent?alt=sse"
                          : "/v1beta/models/gemini-2.5-flash:generateContent";
}


static const case_set_t  gemini = {
    .set = "gemini",
    .least = 160,
    .provider = "gemini",
    .model = "gemini-2.5-flash",
    .key = "AIza-unit-0123456789",
    .auth = "x-goog-api-key",
    .path = path
};


/* a schema as "parameters" takes it */

static void
schemas(void)
{
    size_t                   len;
    case_t                   c;
    ngx_str_t                got;
    ngx_uint_t               i;
    ngx_litellm_gemini_t     g;
    ngx_litellm_out_t        out;
    ngx_litellm_json_doc_t   doc;

    static const struct {
        const char  *schema;
        const char  *want;
    } cases[] = {

        /* what Google does not know is left out, its case is JSON schema's */
        { "{\"type\":\"OBJECT\",\"$schema\":\"x\",\"strict\":true,"
          "\"additionalProperties\":false,\"properties\":{\"a\":"
          "{\"type\":\"number\",\"multipleOf\":2,\"minimum\":1e-7}},"
          "\"required\":[\"a\"]}",
          "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"number\","
          "\"minimum\":1e-7}},\"required\":[\"a\"]}" },

        /* properties say what it is */
        { "{\"properties\":{\"a\":{},\"b\":true},\"required\":null}",
          "{\"type\":\"object\",\"properties\":{\"a\":{},"
          "\"b\":{\"type\":\"object\"}}}" },

        /* of one name the last */
        { "{\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{},"
          "\"a\":{\"type\":\"number\"}}}",
          "{\"type\":\"object\",\"properties\":{\"b\":{},"
          "\"a\":{\"type\":\"number\"}}}" },

        /* alternatives and null */
        { "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}],"
          "\"default\":null,\"title\":\"T\",\"description\":\"D\"}",
          "{\"anyOf\":[{\"type\":\"string\",\"title\":\"T\","
          "\"description\":\"D\",\"nullable\":true}]}" },
        { "{\"oneOf\":[{\"type\":\"integer\"},{\"const\":\"x\"}]}",
          "{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"string\","
          "\"enum\":[\"x\"]}]}" },
        { "{\"anyOf\":[{\"type\":\"null\"}]}",
          "{\"anyOf\":[{\"type\":\"null\"}]}" },
        { "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":"
          "\"string\"}},\"anyOf\":[{\"required\":[\"a\"]}]}",
          "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":"
          "\"string\"}}}" },

        /* a list of types */
        { "{\"type\":[\"string\"]}", "{\"type\":\"string\"}" },
        { "{\"type\":[\"integer\",\"null\"],\"minimum\":1,\"maxLength\":2}",
          "{\"anyOf\":[{\"type\":\"integer\",\"minimum\":1},"
          "{\"type\":\"null\"}]}" },
        { "{\"type\":[\"array\",\"string\"],\"items\":{\"type\":\"number\"},"
          "\"enum\":[\"a\"]}",
          "{\"anyOf\":[{\"type\":\"array\",\"items\":{\"type\":"
          "\"number\"}},{\"type\":\"string\",\"enum\":[\"a\"]}]}" },

        /* enums are of strings */
        { "{\"enum\":[\"a\",\"\",null,1,\"b\"]}",
          "{\"type\":\"string\",\"enum\":[\"a\",\"b\"]}" },
        { "{\"type\":\"integer\",\"enum\":[1,2]}", "{\"type\":\"integer\"}" },

        /* items */
        { "{\"items\":{}}",
          "{\"type\":\"array\",\"items\":{\"type\":\"object\"}}" },
        { "{\"type\":\"array\",\"items\":[{\"type\":\"string\"},"
          "{\"type\":\"number\"}]}",
          "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}" },

        /* references: of definitions, of a name with "/", with a sibling */
        { "{\"properties\":{\"a\":{\"$ref\":\"#/$defs/A\",\"description\":"
          "\"mine\"},\"b\":{\"$ref\":\"#/definitions/x~1y%20z\"}},"
          "\"$defs\":{\"A\":{\"type\":\"string\",\"description\":\"its\"}},"
          "\"definitions\":{\"x/y z\":{\"type\":\"number\"}}}",
          "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\","
          "\"description\":\"mine\"},\"b\":{\"type\":\"number\"}}}" },
        { "{\"$ref\":\"#/$defs/A\",\"$defs\":{\"A\":{\"properties\":"
          "{\"b\":{\"type\":\"string\"}}}}}",
          "{\"type\":\"object\",\"properties\":{\"b\":{\"type\":"
          "\"string\"}}}" },

        /* one that is nowhere, one that goes in circles */
        { "{\"properties\":{\"a\":{\"$ref\":\"#/$defs/None\"},"
          "\"b\":{\"$ref\":\"http://h/x\"}}}",
          "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":"
          "\"object\"},\"b\":{\"type\":\"object\"}}}" },
        { "{\"$ref\":\"#/$defs/T\",\"$defs\":{\"T\":{\"type\":\"object\","
          "\"description\":\"tree\",\"properties\":{\"kids\":{\"type\":"
          "\"array\",\"items\":{\"$ref\":\"#/$defs/T\"}}}}}}",
          "{\"type\":\"object\",\"description\":\"tree\",\"properties\":"
          "{\"kids\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}}}"
        },
        { "{\"properties\":{\"a\":{\"$ref\":\"#\"}}}",
          "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"object\","
          "\"properties\":{\"a\":{\"type\":\"object\"}}}}}" },

        /* allOf is its owner's */
        { "{\"allOf\":[{\"$ref\":\"#/$defs/A\"},{\"properties\":{\"b\":"
          "{\"type\":\"number\"},\"a\":{\"type\":\"number\"}},"
          "\"required\":[\"b\"]}],\"$defs\":{\"A\":{\"type\":\"object\","
          "\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":"
          "[\"a\"]}}}",
          "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":"
          "\"string\"},\"b\":{\"type\":\"number\"}},\"required\":[\"a\","
          "\"b\"]}" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("schema %s", cases[i].schema);

        case_call(&c, &gemini, unit_str("{\"messages\":[]}"));

        len = ngx_strlen(cases[i].schema);

        ngx_memzero(&doc, sizeof(doc));
        doc.pool = unit_pool;
        CHECK(ngx_litellm_json_parse(&doc,
                       unit_mem((u_char *) cases[i].schema, len).data, len)
              == NGX_OK);

        ngx_memzero(&g, sizeof(g));
        ngx_litellm_out_init(&out, unit_pool);
        g.call = &c.call;
        g.e = &c.e;
        g.out = &out;

        CHECK_INT(ngx_litellm_gemini_schema(&g, doc.root), NGX_OK);

        got = unit_chain(out.first);
        CHECK_STR(&got, cases[i].want);
    }
}


/* tools as a hostile client makes them: refused, and soon */

static void
bounds(void)
{
    u_char                *p, *body;
    case_t                 c;
    ngx_str_t              text;
    ngx_uint_t             i, k;

    static const char  head[] =
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}"
        "],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"parameters\":";

    for (k = 0; k < 6; k++) {
        unit_case("bounds %d", (int) k);

        body = ngx_palloc(unit_pool, 256 * 1024);

        p = ngx_cpymem(body, head, sizeof(head) - 1);
        p = ngx_sprintf(p, "{\"$defs\":{\"z\":{\"type\":\"string\"}");

        /* each definition has the next one four times, six times, or once */

        for (i = 0; k < 3 && i < (k == 2 ? 120 : 40); i++) {
            p = ngx_sprintf(p, ",\"d%ui\":{\"properties\":{\"a\":{\"$ref\":"
                            "\"#/$defs/d%ui\"}", i, i + 1);

            if (k < 2) {
                p = ngx_sprintf(p, ",\"b\":{\"type\":[\"object\",\"array\"],"
                                "\"items\":{\"$ref\":\"#/$defs/d%ui\"},"
                                "\"properties\":{\"c\":{\"$ref\":"
                                "\"#/$defs/d%ui\"}}}", i + 1, i + 1);
            }

            if (k == 1) {
                p = ngx_sprintf(p, ",\"c\":{\"anyOf\":[{\"$ref\":"
                                "\"#/$defs/d%ui\"},{\"$ref\":"
                                "\"#/$defs/d%ui\"}]}", i + 1, i + 1);
            }

            p = ngx_sprintf(p, "}}");
        }

        /* many definitions, looked through for many references */

        for (i = 0; k == 3 && i < 3000; i++) {
            p = ngx_sprintf(p, ",\"d%ui\":{\"type\":\"string\"}", i);
        }

        /* a long text for each of them */

        if (k == 5) {
            p = ngx_sprintf(p, ",\"d1\":{\"description\":\"");
            ngx_memset(p, 'x', 20000);
            p = ngx_sprintf(p + 20000, "\"}");
        }

        p = ngx_sprintf(p, "},\"properties\":{\"a\":{\"$ref\":"
                        "\"#/$defs/d0\"}");

        for (i = 0; (k == 3 || k == 5) && i < 1500; i++) {
            p = ngx_sprintf(p, ",\"p%ui\":{\"$ref\":\"#/$defs/d1\"}", i);
        }

        /* arrays of arrays */

        if (k == 4) {
            p = ngx_sprintf(p, ",\"b\":");

            for (i = 0; i < 110; i++) {
                p = ngx_sprintf(p, "{\"items\":");
            }

            p = ngx_sprintf(p, "{}");

            for (i = 0; i < 110; i++) {
                p = ngx_sprintf(p, "}");
            }
        }

        p = ngx_sprintf(p, "}}}}]}");

        text.data = body;
        text.len = p - body;

        case_call(&c, &gemini, unit_mem(text.data, text.len));

        CHECK_INT(case_send(&c), NGX_DECLINED);
        CHECK_INT(c.e.status, 400);
        CHECK(c.wire.body.size < 6 * 1024 * 1024);
    }
}


/* what one tool may cost is not each tool's */

static void
many_tools(void)
{
    u_char              *p, *body;
    case_t               c;
    ngx_uint_t           i, k;

    unit_case("many tools");

    body = ngx_palloc(unit_pool, 4 * 1024 * 1024);
    p = ngx_sprintf(body, "{\"model\":\"m\",\"messages\":[{\"role\":"
                    "\"user\",\"content\":\"a\"}],\"tools\":[");

    /* 2^12 times each */

    for (i = 0; i < 1000; i++) {
        p = ngx_sprintf(p, "%s{\"type\":\"function\",\"function\":{"
                        "\"name\":\"f\",\"parameters\":{\"properties\":"
                        "{\"a\":{\"$ref\":\"#/$defs/d0\"}},\"$defs\":{"
                        "\"d12\":{\"type\":\"string\"}", i ? "," : "");

        for (k = 0; k < 12; k++) {
            p = ngx_sprintf(p, ",\"d%ui\":{\"properties\":{\"a\":{\"$ref\":"
                            "\"#/$defs/d%ui\"},\"b\":{\"$ref\":"
                            "\"#/$defs/d%ui\"}}}", k, k + 1, k + 1);
        }

        p = ngx_sprintf(p, "}}}}");
    }

    p = ngx_sprintf(p, "]}");

    case_call(&c, &gemini, unit_mem(body, p - body));

    CHECK_INT(case_send(&c), NGX_DECLINED);
    CHECK(c.wire.body.size < 8 * 1024 * 1024);
}


/* more results than could be looked up one by one */

static void
many_results(void)
{
    u_char              *p, *body;
    case_t               c;
    ngx_uint_t           i;

    unit_case("many results");

    body = ngx_palloc(unit_pool, 20000 * 180);
    p = ngx_sprintf(body, "{\"model\":\"m\",\"messages\":[{\"role\":"
                    "\"assistant\",\"tool_calls\":[");

    for (i = 0; i < 20000; i++) {
        p = ngx_sprintf(p, "%s{\"id\":\"c%ui\",\"function\":{\"name\":"
                        "\"f%ui\"}}", i ? "," : "", i, i % 7);
    }

    p = ngx_sprintf(p, "]}");

    for (i = 0; i < 20000; i++) {
        p = ngx_sprintf(p, ",{\"role\":\"tool\",\"tool_call_id\":\"c%ui\","
                        "\"content\":\"x\"}", i);
    }

    p = ngx_sprintf(p, "]}");

    case_call(&c, &gemini, unit_mem(body, p - body));

    CHECK_INT(case_send(&c), NGX_OK);
}


/* more calls and choices than an answer may have */

static void
many_calls(void)
{
    u_char                *p;
    case_t                 c;
    feed_t                 f;
    ngx_str_t              body, got;
    ngx_uint_t             i;
    ngx_litellm_answer_t   answer, *a;

    unit_case("many calls");

    case_call(&c, &gemini, unit_str("{\"model\":\"m\",\"messages\":[],"
                                    "\"stream\":true}"));

    body.data = ngx_palloc(unit_pool, 65536);
    p = ngx_sprintf(body.data, "{\"candidates\":[{\"content\":{\"parts\":[");

    for (i = 0; i < NGX_LITELLM_GEMINI_CALLS + 5; i++) {
        p = ngx_sprintf(p, "%s{\"functionCall\":{\"name\":\"f\"}}",
                        i ? "," : "");
    }

    p = ngx_sprintf(p, "]}}");

    for (i = 0; i < 300; i++) {
        p = ngx_sprintf(p, ",{\"index\":%ui}", i + 1);
    }

    body.len = ngx_sprintf(p, "]}") - body.data;

    ngx_litellm_answer_init(&answer, unit_pool);
    CHECK_INT(c.dialect->response(&c.call, &body, &answer, &c.e), NGX_OK);
    CHECK_INT(answer.calls.nelts, NGX_LITELLM_GEMINI_CALLS);

    for (i = 0, a = &answer; a; a = a->next) {
        i++;
    }

    CHECK_INT(i, NGX_LITELLM_CHOICES);

    feed_init(&f, &c, unit_pool);
    CHECK(c.dialect->event(&f.stream, &c.dir, &body) == NGX_OK);
    CHECK(c.dialect->event(&f.stream, &c.dir, &body) == NGX_OK);

    got = unit_chain(f.out.first);
    CHECK(ngx_litellm_find(got.data, got.data + got.len,
                           "\"tool_calls\":[{\"index\":1023,", 28));
    CHECK(ngx_litellm_find(got.data, got.data + got.len,
                           "\"tool_calls\":[{\"index\":1024,", 28) == NULL);
}


static ngx_int_t
cite(void *data, ngx_str_t *text)
{
    ngx_str_t *all = data;

    u_char  *p;

    p = ngx_pnalloc(unit_pool, all->len + text->len + 1);

    if (all->len) {
        ngx_memcpy(p, all->data, all->len);
    }

    ngx_memcpy(p + all->len, text->data, text->len);

    all->data = p;
    all->len += text->len;

    return NGX_OK;
}


/* Google's bytes of a part are OpenAI's characters of the content */

static void
grounding(void)
{
    ngx_str_t                got, meta;
    ngx_uint_t               i;
    ngx_litellm_json_doc_t   doc;

    static ngx_str_t  texts[] = {
        ngx_string("h\xc3\xa9\\n\xf0\x9f\xa6\x86"),     /* 4 chars, 8 bytes */
        ngx_string("\\u00e9\\ud83e\\udd86z\\u0041")     /* 4 chars, 8 bytes */
    };

    static const struct {
        const char  *segment;
        ngx_uint_t   joined;
        const char  *want;          /* start,end; empty: nothing */
    } cases[] = {
        { "\"endIndex\":3", 0, "0,2" },
        { "\"startIndex\":3,\"endIndex\":8", 0, "2,4" },
        { "\"partIndex\":1,\"startIndex\":2,\"endIndex\":6", 0, "5,6" },
        { "\"partIndex\":1,\"endIndex\":8", 0, "4,8" },
        { "\"startIndex\":8,\"endIndex\":16", 1, "4,8" },
        { "\"partIndex\":1,\"startIndex\":8,\"endIndex\":9", 1, "4,5" },
        { "\"startIndex\":9999,\"endIndex\":99999999", 0, "8,8" },
        { "\"partIndex\":2,\"endIndex\":1", 0, "" },
        { "\"startIndex\":-5,\"endIndex\":\"x\"", 0, "0,0" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("grounding %s", cases[i].segment);

        meta.data = ngx_palloc(unit_pool, 512);
        meta.len = ngx_sprintf(meta.data, "{\"groundingChunks\":[{\"web\":{"
                               "\"uri\":\"u\",\"title\":\"t\"}}],"
                               "\"groundingSupports\":[{\"segment\":{"
                               "\"startIndex\":7,\"endIndex\":8},"
                               "\"groundingChunkIndices\":[1]},"
                               "{\"segment\":{%s},"
                               "\"groundingChunkIndices\":[0]}]}%Z",
                               cases[i].segment)
                   - meta.data - 1;

        ngx_memzero(&doc, sizeof(doc));
        doc.pool = unit_pool;
        CHECK(ngx_litellm_json_parse(&doc, meta.data, meta.len) == NGX_OK);

        ngx_str_null(&got);
        CHECK_INT(ngx_litellm_gemini_grounding(unit_pool, doc.root, texts, 2,
                                               cases[i].joined, cite, &got),
                  NGX_OK);

        if (cases[i].want[0] == '\0') {
            CHECK_INT(got.len, 0);
            continue;
        }

        meta.len = ngx_sprintf(meta.data, "{\"type\":\"url_citation\","
                               "\"url_citation\":{\"start_index\":%c,"
                               "\"end_index\":%c,\"title\":\"t\",\"url\":"
                               "\"u\"}}", cases[i].want[0], cases[i].want[2])
                   - meta.data;
        CHECK_MEM(&got, meta.data, meta.len);
    }
}


/* addresses and titles that are not short, once for each segment */

static void
grounding_long(void)
{
    u_char                  *p;
    ngx_str_t                got, meta, text;
    ngx_uint_t               i, k;
    ngx_litellm_json_doc_t   doc;

    static const size_t  lens[] = { 4000, 5000 };

    for (k = 0; k < 2; k++) {
        unit_case("grounding long %d", (int) k);

        meta.data = ngx_palloc(unit_pool, 100000);
        p = ngx_sprintf(meta.data, "{\"groundingChunks\":[{\"web\":{"
                        "\"uri\":\"");
        ngx_memset(p, 'u', lens[k]);
        p += lens[k];
        p = ngx_sprintf(p, "\",\"title\":\"");
        ngx_memset(p, 't', lens[k]);
        p += lens[k];
        p = ngx_sprintf(p, "\"}}],\"groundingSupports\":[");

        for (i = 0; i < 1000; i++) {
            p = ngx_sprintf(p, "%s{\"segment\":{},\"groundingChunkIndices\":"
                            "[0]}", i ? "," : "");
        }

        meta.len = ngx_sprintf(p, "]}") - meta.data;

        ngx_memzero(&doc, sizeof(doc));
        doc.pool = unit_pool;
        CHECK(ngx_litellm_json_parse(&doc, meta.data, meta.len) == NGX_OK);

        ngx_str_set(&text, "a");
        ngx_str_null(&got);
        CHECK_INT(ngx_litellm_gemini_grounding(unit_pool, doc.root, &text, 1,
                                               0, cite, &got), NGX_OK);

        /* 512 of them, without the title; none */

        CHECK(k ? got.len == 0
                : got.len > 512 * 4000 && got.len < 512 * 4200);
    }
}


/* a text that is walked over again and again: an end to it */

static void
grounding_bound(void)
{
    u_char                  *p;
    ngx_str_t                got, meta, text;
    ngx_uint_t               i;
    ngx_litellm_json_doc_t   doc;

    unit_case("grounding bound");

    text.len = 1000000;
    text.data = ngx_palloc(unit_pool, text.len);
    ngx_memset(text.data, 'a', text.len);

    meta.data = ngx_palloc(unit_pool, 1000 * 120);
    p = ngx_sprintf(meta.data, "{\"groundingChunks\":[{\"web\":{\"uri\":"
                    "\"u\"}}],\"groundingSupports\":[");

    for (i = 0; i < 1000; i++) {
        p = ngx_sprintf(p, "%s{\"segment\":{\"startIndex\":1,\"endIndex\":"
                        "999999},\"groundingChunkIndices\":[0]}",
                        i ? "," : "");
    }

    meta.len = ngx_sprintf(p, "]}") - meta.data;

    ngx_memzero(&doc, sizeof(doc));
    doc.pool = unit_pool;
    CHECK(ngx_litellm_json_parse(&doc, meta.data, meta.len) == NGX_OK);

    ngx_str_null(&got);
    CHECK_INT(ngx_litellm_gemini_grounding(unit_pool, doc.root, &text, 1, 0,
                                           cite, &got), NGX_OK);

    /* eight times over it and a little more */

    CHECK(got.len > 7 * 80 && got.len < 11 * 110);
}


void
unit_main(void)
{
    schemas();
    bounds();
    many_tools();
    many_results();
    many_calls();
    grounding();
    grounding_bound();
    grounding_long();

    cases(&gemini);
}
