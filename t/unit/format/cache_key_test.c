
/*
 * Names of requests in the cache: what is one request and what is not, however
 * it is written; bounds of time; what is said of the cache itself.
 */

#include "../provider/openai_call.h"
#include "ngx_litellm_cache_key.h"


#define M  "\"messages\":[]"
#define G  "gpt"


typedef struct {
    ngx_litellm_op_e    op;
    ngx_str_t           group;
    ngx_str_t           namespace;
    ngx_str_t           scope;
    ngx_uint_t          flags;
} cache_in_t;


static const cache_in_t  cache_in = {
    NGX_LITELLM_OP_CHAT, ngx_string(G), ngx_null_string, ngx_null_string, 0
};


static const ngx_litellm_format_t *
cache_format(ngx_litellm_op_e op)
{
    switch (op) {

    case NGX_LITELLM_OP_COMPLETIONS:
        return &ngx_litellm_openai_completions;

    case NGX_LITELLM_OP_EMBEDDINGS:
        return &ngx_litellm_openai_embeddings;

    case NGX_LITELLM_OP_RERANK:
        return &ngx_litellm_rerank_format;

    default:
        return &ngx_litellm_openai_chat;
    }
}


static ngx_int_t
cache_key(const cache_in_t *in, ngx_str_t body,
    u_char key[NGX_LITELLM_CACHE_KEY])
{
    cache_in_t     own;
    openai_call_t  c;

    own = *in;

    openai_call(&c, in->op, "m", body);
    c.call.format = cache_format(in->op);

    ngx_memzero(key, NGX_LITELLM_CACHE_KEY);

    return ngx_litellm_cache_key(&c.call, &own.group, &own.namespace,
                                 &own.scope, own.flags, key);
}


static void
test_pairs(void)
{
    u_char      one[NGX_LITELLM_CACHE_KEY], two[NGX_LITELLM_CACHE_KEY];
    ngx_uint_t  i, same;

    static const struct {
        ngx_uint_t   same;
        const char  *one;
        const char  *two;
    } cases[] = {

        /* blanks and order */
        { 1, "{\"a\":1,\"b\":[true,false,null]}",
             " {\n\"b\" : [ true , false , null ] ,\t\"a\" : 1 }\r\n" },
        { 1, "{\"a\":{\"x\":1,\"y\":{\"z\":2,\"w\":3}}}",
             "{\"a\":{\"y\":{\"w\":3,\"z\":2},\"x\":1}}" },
        { 0, "{\"a\":[1,2]}", "{\"a\":[2,1]}" },
        { 0, "{\"a\":{\"b\":1}}", "{\"a\":1,\"b\":1}" },
        { 0, "{\"a\":[[1],2]}", "{\"a\":[[1,2]]}" },
        { 0, "{\"a\":[]}", "{\"a\":{}}" },
        { 0, "{\"a\":[]}", "{\"a\":[[]]}" },
        { 0, "{\"a\":\"b\"}", "{\"b\":\"a\"}" },
        { 0, "{\"a\":{\"b\":\"c\"}}", "{\"a\":[\"b\",\"c\"]}" },

        /* texts by their characters */
        { 1, "{\"a\":\"\\u0041\\/\\n\"}", "{\"a\":\"A/\\u000A\"}" },
        { 1, "{\"a\":\"\\ud83d\\ude00\"}", "{\"a\":\"\xf0\x9f\x98\x80\"}" },
        { 1, "{\"\\u0061\":1,\"b\":2}", "{\"b\":2,\"a\":1}" },
        { 1, "{\"a\":{\"\\u0061\":1,\"b\":2}}", "{\"a\":{\"b\":2,\"a\":1}}" },
        { 0, "{\"a\":\"b\"}", "{\"a\":\"b \"}" },
        { 0, "{\"a\":\"b\"}", "{\"a\":\"B\"}" },
        { 0, "{\"a\":\"\\u0000\"}", "{\"a\":\"\"}" },
        { 0, "{\"a\":\"x\\u0000\",\"b\":\"y\"}",
             "{\"a\":\"x\",\"b\":\"\\u0000y\"}" },
        { 0, "{\"a\":[\"xy\",\"\"]}", "{\"a\":[\"x\",\"y\"]}" },

        /* half of a pair is no U+FFFD */
        { 0, "{\"a\":\"\\ud800\"}", "{\"a\":\"\\ufffd\"}" },
        { 0, "{\"a\":\"\\ud800\"}", "{\"a\":\"\\ud801\"}" },
        { 0, "{\"a\":{\"\\ud800\":1}}", "{\"a\":{\"\\ufffd\":1}}" },
        { 0, "{\"a\":{\"\\ud800\":1,\"\\ud801\":2}}",
             "{\"a\":{\"\\ud801\":2}}" },
        { 1, "{\"a\":{\"\\ud800\":1,\"b\":2}}",
             "{\"a\":{\"b\":2,\"\\ud800\":1}}" },

        /* numbers by their value */
        { 1, "{\"a\":1}", "{\"a\":1.0}" },
        { 1, "{\"a\":1}", "{\"a\":1e0}" },
        { 1, "{\"a\":1}", "{\"a\":10E-1}" },
        { 1, "{\"a\":1}", "{\"a\":0.1e+1}" },
        { 1, "{\"a\":100}", "{\"a\":1e2}" },
        { 1, "{\"a\":100.50}", "{\"a\":1005e-1}" },
        { 1, "{\"a\":0.001}", "{\"a\":1e-3}" },
        { 1, "{\"a\":0.0010}", "{\"a\":0.00001E2}" },
        { 1, "{\"a\":-0}", "{\"a\":0.0e9}" },
        { 1, "{\"a\":10203}", "{\"a\":102.03e2}" },
        { 1, "{\"a\":10203e-7}", "{\"a\":0.0010203}" },
        { 1, "{\"a\":1e000000000000000000000001}", "{\"a\":10}" },
        { 0, "{\"a\":1}", "{\"a\":-1}" },
        { 0, "{\"a\":1}", "{\"a\":10}" },
        { 0, "{\"a\":1}", "{\"a\":0.1}" },
        { 0, "{\"a\":12}", "{\"a\":1e2}" },
        { 0, "{\"a\":1}", "{\"a\":\"1\"}" },
        { 0, "{\"a\":1}", "{\"a\":true}" },
        { 0, "{\"a\":0}", "{\"a\":false}" },
        { 0, "{\"a\":[1,23]}", "{\"a\":[12,3]}" },
        { 0, "{\"a\":9007199254740993}", "{\"a\":9007199254740992}" },
        { 0, "{\"a\":0.1}", "{\"a\":0.1000000000000000055511151231257827}" },
        { 0, "{\"a\":1e9999999999999}", "{\"a\":1e9999999999998}" },
        { 0, "{\"a\":1e-9999999999999}", "{\"a\":0}" },

        /* names that come again, null */
        { 1, "{\"a\":1,\"a\":2}", "{\"a\":2}" },
        { 1, "{\"b\":{\"a\":1,\"\\u0061\":2,\"a\":3}}", "{\"b\":{\"a\":3}}" },
        { 0, "{\"a\":1,\"a\":2}", "{\"a\":1}" },
        { 1, "{\"a\":null}", "{}" },
        { 1, "{\"a\":1,\"a\":null}", "{}" },
        { 1, "{\"messages\":[{\"role\":\"user\",\"name\":null}]}",
             "{\"messages\":[{\"role\":\"user\"}]}" },
        { 0, "{\"messages\":[null]}", "{\"messages\":[]}" },
        { 0, "{\"messages\":[{\"content\":[{\"a\":null}]}]}",
             "{\"messages\":[{\"content\":[{}]}]}" },
        { 0, "{\"tools\":[{\"default\":null}]}", "{\"tools\":[{}]}" },
        { 0, "{\"a\":[null]}", "{\"a\":[]}" },

        /* what an answer depends on, and what not */
        { 1, "{" M ",\"model\":\"x\"}", "{" M ",\"model\":\"y\"}" },
        { 1, "{" M ",\"stream\":true}", "{" M ",\"stream\":false}" },
        { 1, "{" M ",\"stream\":true,\"stream_options\":{\"include_usage\":"
             "true}}", "{" M "}" },
        { 1, "{" M ",\"user\":\"a\"}", "{" M ",\"user\":\"b\"}" },
        { 1, "{" M ",\"u\\u0073er\":\"a\"}", "{" M "}" },
        { 1, "{" M ",\"metadata\":{\"a\":1}}", "{" M "}" },
        { 1, "{" M ",\"safety_identifier\":\"x\",\"prompt_cache_key\":\"y\"}",
             "{" M "}" },
        { 1, "{" M ",\"cache\":{\"ttl\":3}}", "{" M "}" },
        { 1, "{" M ",\"num_retries\":1,\"timeout\":3,\"tags\":[\"a\"]}",
             "{" M "}" },
        { 1, "{" M ",\"mock_response\":\"a\",\"rpm\":3}", "{" M "}" },
        { 0, "{" M ",\"fallbacks\":[\"x\"]}", "{" M "}" },
        { 0, "{" M ",\"extra_body\":{\"seed\":1}}", "{" M "}" },
        { 0, "{" M ",\"additional_drop_params\":[\"stop\"]}", "{" M "}" },
        { 0, "{" M ",\"drop_params\":true}", "{" M "}" },
        { 0, "{" M ",\"temperature\":0}", "{" M "}" },
        { 0, "{" M ",\"temperature\":0}", "{" M ",\"temperature\":1}" },
        { 0, "{" M ",\"max_tokens\":1}",
             "{" M ",\"max_completion_tokens\":1}" },
        { 0, "{" M ",\"n\":2}", "{" M "}" },
        { 0, "{" M ",\"num_ctx\":2}", "{" M "}" },
        { 0, "{" M ",\"a\":{\"user\":\"a\"}}", "{" M ",\"a\":{}}" },
        { 0, "{" M ",\"a\":{\"stream\":true}}", "{" M ",\"a\":{}}" },
        { 0, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}",
             "{\"messages\":[{\"role\":\"system\",\"content\":\"a\"}]}" },
        { 0, "{\"messages\":[{\"content\":\"a\"},{\"content\":\"b\"}]}",
             "{\"messages\":[{\"content\":\"b\"},{\"content\":\"a\"}]}" },
        { 0, "{\"messages\":[{\"content\":\"a\"}]}",
             "{\"messages\":[{\"content\":\"a\"},{\"content\":\"a\"}]}" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("%s, %s", cases[i].one, cases[i].two);

        CHECK_INT(cache_key(&cache_in, unit_str(cases[i].one), one), NGX_OK);
        CHECK_INT(cache_key(&cache_in, unit_str(cases[i].two), two), NGX_OK);

        same = (ngx_memcmp(one, two, NGX_LITELLM_CACHE_KEY) == 0);

        CHECK_INT(same, cases[i].same);
    }
}


/* each of these changes the key, and all of them are different */

static void
test_parts(void)
{
    u_char      keys[16][NGX_LITELLM_CACHE_KEY];
    cache_in_t  in[16];
    ngx_uint_t  i, j, n;

    unit_case("parts of a key");

    for (n = 0; n < 16; n++) {
        in[n] = cache_in;
    }

    n = 1;

    ngx_str_set(&in[n].group, "gpt2");
    n++;

    ngx_str_set(&in[n].namespace, "a");
    n++;

    ngx_str_set(&in[n].scope, "a");
    n++;

    ngx_str_set(&in[n].namespace, "a");
    ngx_str_set(&in[n].scope, "a");
    n++;

    ngx_str_set(&in[n].namespace, "aa");
    ngx_str_set(&in[n].scope, "");
    n++;

    ngx_str_set(&in[n].group, "gp");
    ngx_str_set(&in[n].namespace, "t");
    n++;

    in[n++].op = NGX_LITELLM_OP_COMPLETIONS;
    in[n++].op = NGX_LITELLM_OP_EMBEDDINGS;
    in[n++].op = NGX_LITELLM_OP_RERANK;
    in[n++].flags = NGX_LITELLM_CACHE_NO_INPUT;
    in[n++].flags = NGX_LITELLM_CACHE_USER;

    for (i = 0; i < n; i++) {
        CHECK_INT(cache_key(&in[i], unit_str("{" M ",\"user\":\"u\"}"),
                            keys[i]),
                  NGX_OK);

        for (j = 0; j < i; j++) {
            CHECKF(ngx_memcmp(keys[i], keys[j], NGX_LITELLM_CACHE_KEY) != 0,
                   "%d and %d", (int) i, (int) j);
        }
    }
}


static void
test_known(void)
{
    u_char  key[NGX_LITELLM_CACHE_KEY], hex[2 * NGX_LITELLM_CACHE_KEY];

    /* reckoned by other means from the form that the source describes */

    static const char  known[] =
        "b532d6fa591084a9d88a0558e7320184"
        "cbb29173706b8ebe2f562cba981cc0ff";

    unit_case("a key is the same everywhere, and from version to version");

    CHECK_INT(cache_key(&cache_in,
                        unit_str("{\"model\":\"gpt\",\"messages\":[{\"role\":"
                                 "\"user\",\"content\":\"Hi\"}],"
                                 "\"temperature\":0.70}"), key),
              NGX_OK);

    ngx_hex_dump(hex, key, NGX_LITELLM_CACHE_KEY);

    CHECKF(ngx_memcmp(hex, known, sizeof(hex)) == 0, "%.64s", hex);
}


static void
test_items(void)
{
    u_char                   base[NGX_LITELLM_CACHE_KEY];
    u_char                   keys[8][NGX_LITELLM_CACHE_KEY];
    cache_in_t               in;
    ngx_str_t                text;
    ngx_uint_t               i, j;
    ngx_litellm_json_t      *item;
    ngx_litellm_json_doc_t   doc;

    unit_case("inputs of embeddings");

    in = cache_in;
    in.op = NGX_LITELLM_OP_EMBEDDINGS;
    in.flags = NGX_LITELLM_CACHE_NO_INPUT;

    CHECK_INT(cache_key(&in, unit_str("{\"input\":[\"a\",\"b\"]}"), base),
              NGX_OK);
    CHECK_INT(cache_key(&in, unit_str("{\"input\":\"c\"}"), keys[0]), NGX_OK);
    CHECK(ngx_memcmp(base, keys[0], NGX_LITELLM_CACHE_KEY) == 0);

    CHECK_INT(cache_key(&in, unit_str("{\"input\":\"c\",\"dimensions\":3}"),
                        keys[1]),
              NGX_OK);
    CHECK(ngx_memcmp(base, keys[1], NGX_LITELLM_CACHE_KEY) != 0);

    ngx_memzero(&doc, sizeof(doc));
    doc.pool = unit_pool;
    text = unit_str("[\"a\",\"b\",[1,2],[12],\"\\u0061\",[1.0,2],{\"a\":1}]");

    CHECK_INT(ngx_litellm_json_parse(&doc, text.data, text.len), NGX_OK);

    item = doc.root + 1;

    for (i = 0; i < doc.root->count; i++) {
        CHECK_INT(ngx_litellm_cache_item(unit_pool, base, item, keys[i]),
                  NGX_OK);
        item = ngx_litellm_json_next(item);

        for (j = 0; j < i; j++) {
            CHECK_INT(ngx_memcmp(keys[i], keys[j], NGX_LITELLM_CACHE_KEY) == 0,
                      (i == 4 && j == 0) || (i == 5 && j == 2));
        }
    }
}


static void
test_none(void)
{
    u_char  key[NGX_LITELLM_CACHE_KEY];

    unit_case("no key");

    CHECK_INT(cache_key(&cache_in, unit_str("{" M ",\"mock_testing_fallbacks\""
                                            ":true}"), key),
              NGX_DECLINED);
    CHECK_INT(cache_key(&cache_in, unit_str("{" M), key), NGX_DECLINED);
}


/* big and deep ones: what they take is bounded */

static void
test_large(void)
{
    u_char      *p, *q, one[NGX_LITELLM_CACHE_KEY], two[NGX_LITELLM_CACHE_KEY];
    ngx_str_t    a, b;
    ngx_uint_t   i, k, n;

    enum { MEMBERS = 100000 };

    /* the same 100,000 members forwards and backwards, each of them twice */

    unit_case("100,000 members");

    a.data = malloc(MEMBERS * 64);
    b.data = malloc(MEMBERS * 64);

    p = ngx_cpymem(a.data, "{\"a\":{", 6);
    q = ngx_cpymem(b.data, "{\"a\":{", 6);

    for (i = 0; i < MEMBERS; i++) {
        k = MEMBERS - 1 - i;
        p = ngx_sprintf(p, "%s\"name-%ui\":0,\"name-%ui\":%ui", i ? "," : "",
                        i, i, i);
        q = ngx_sprintf(q, "%s\"n\\u0061me-%ui\":%ui", i ? "," : "", k, k);
    }

    a.len = ngx_cpymem(p, "}}", 2) - a.data;
    b.len = ngx_cpymem(q, "}}", 2) - b.data;

    CHECK_INT(cache_key(&cache_in, a, one), NGX_OK);
    CHECK_INT(cache_key(&cache_in, b, two), NGX_OK);
    CHECK(ngx_memcmp(one, two, NGX_LITELLM_CACHE_KEY) == 0);

    b.data[b.len - 3] ^= 1;

    CHECK_INT(cache_key(&cache_in, b, two), NGX_OK);
    CHECK(ngx_memcmp(one, two, NGX_LITELLM_CACHE_KEY) != 0);

    /* objects in each other: members are gathered once */

    unit_case("nested");

    for (n = 100; n < 2000; n += 1800) {
        p = a.data;

        for (i = 0; i < n; i++) {
            p = ngx_cpymem(p, "{\"b\":1,\"a\":", 11);
        }

        p = ngx_cpymem(p, "{}", 2);

        for (i = 0; i < n; i++) {
            *p++ = '}';
        }

        a.len = p - a.data;

        CHECK_INT(cache_key(&cache_in, a, one),
                  n == 100 ? NGX_OK : NGX_DECLINED);
    }

    /* more nodes than are looked at */

    unit_case("1,000,000 nodes");

    p = ngx_cpymem(a.data, "{\"a\":[", 6);

    for (i = 0; i < NGX_LITELLM_JSON_NODES; i++) {
        p = ngx_cpymem(p, "1,", 2);
    }

    a.len = ngx_cpymem(p, "1]}", 3) - a.data;

    CHECK_INT(cache_key(&cache_in, a, one), NGX_DECLINED);

    free(a.data);
    free(b.data);
}


void
unit_main(void)
{
    test_pairs();
    test_parts();
    test_known();
    test_items();
    test_none();
    test_large();
}
