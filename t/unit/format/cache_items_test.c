
/*
 * Embeddings by input: what a list is cut into, the request for the rest, the
 * answer put together, values as they are kept, shares of tokens.
 */

#include "../provider/openai_call.h"
#include "ngx_litellm_cache_items.h"


static const u_char  items_base[NGX_LITELLM_CACHE_KEY];


static ngx_int_t
items_open(openai_call_t *c, const char *body,
    ngx_litellm_cache_items_t *items, u_char key[NGX_LITELLM_CACHE_KEY])
{
    openai_call(c, NGX_LITELLM_OP_EMBEDDINGS, "m", unit_str(body));
    c->call.format = &ngx_litellm_openai_embeddings;

    if (!CHECK_INT(openai_open(c), NGX_OK)) {
        return NGX_ERROR;
    }

    return ngx_litellm_cache_items(&c->call, items_base, items, key);
}


/* as if it had been kept */

static void
items_keep(ngx_litellm_cache_items_t *items, ngx_uint_t n, const char *model,
    const char *before, const char *behind, ngx_uint_t tokens)
{
    u_char                     buf[256], *p;
    ngx_str_t                  value;
    ngx_litellm_cache_head_t   head;

    head.version = 2;
    head.tokens = (uint32_t) tokens;
    head.model = (uint32_t) ngx_strlen(model);
    head.cut = (uint32_t) ngx_strlen(before);
    head.width = 0;

    p = ngx_cpymem(buf, &head, sizeof(head));
    p = ngx_sprintf(p, "%s%s%s", model, before, behind);

    value = unit_mem(buf, p - buf);

    CHECK_INT(ngx_litellm_cache_item_set(items, &items->item[n], &value),
              NGX_OK);
}


static ngx_str_t
items_written(ngx_litellm_cache_items_t *items)
{
    ngx_str_t          model;
    ngx_litellm_out_t  out;

    ngx_str_set(&model, "asked");

    ngx_litellm_out_init(&out, unit_pool);
    ngx_litellm_cache_items_write(items, &model, &out);

    CHECK(!out.failed);

    return unit_chain(out.first);
}


static void
test_lists(void)
{
    u_char                      key[NGX_LITELLM_CACHE_KEY];
    ngx_uint_t                  i;
    openai_call_t               c;
    ngx_litellm_cache_items_t   items;

    static const struct {
        const char  *input;
        ngx_int_t    rc;
        ngx_uint_t   n;
    } cases[] = {
        { "\"a\"", NGX_OK, 1 },
        { "[\"a\"]", NGX_OK, 1 },
        { "[1,2,3]", NGX_OK, 1 },
        { "[[1,2],[3]]", NGX_OK, 2 },
        { "[\"a\",\"b\",\"a\"]", NGX_OK, 3 },
        { "[\"a\",[1]]", NGX_OK, 2 },
        { "\"\"", NGX_OK, 1 },
        { "[]", NGX_DECLINED, 0 },
        { "[[]]", NGX_DECLINED, 0 },
        { "[null]", NGX_DECLINED, 0 },
        { "[\"a\",null]", NGX_DECLINED, 0 },
        { "[\"a\",{}]", NGX_DECLINED, 0 },
        { "[1,\"a\"]", NGX_DECLINED, 0 },
        { "[[1,\"a\"]]", NGX_DECLINED, 0 },
        { "[[[1]]]", NGX_DECLINED, 0 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        u_char  body[256];

        unit_case("list %s", cases[i].input);

        *ngx_sprintf(body, "{\"model\":\"m\",\"input\":%s}", cases[i].input)
            = '\0';

        CHECK_INT(items_open(&c, (char *) body, &items, key), cases[i].rc);

        if (cases[i].rc == NGX_OK) {
            CHECK_INT(items.n, cases[i].n);
            CHECK_INT(items.missing, cases[i].n);
        }
    }
}


static void
test_names(void)
{
    u_char                      one[NGX_LITELLM_CACHE_KEY];
    u_char                      two[NGX_LITELLM_CACHE_KEY];
    u_char                      three[NGX_LITELLM_CACHE_KEY];
    openai_call_t               c;
    ngx_litellm_cache_items_t   a, b;

    unit_case("names");

    CHECK_INT(items_open(&c, "{\"input\":\"\\u0061\"}", &a, one), NGX_OK);
    CHECK_INT(items_open(&c, "{\"input\":[\"a\"]}", &b, two), NGX_OK);
    CHECK(memcmp(one, two, sizeof(one)) == 0);
    CHECK(memcmp(one, b.item[0].key, sizeof(one)) == 0);

    CHECK_INT(items_open(&c, "{\"input\":[\"a\",\"b\"]}", &a, two), NGX_OK);
    CHECK(memcmp(one, two, sizeof(one)) != 0);
    CHECK(memcmp(one, a.item[0].key, sizeof(one)) == 0);

    CHECK_INT(items_open(&c, "{\"input\":[\"b\",\"a\"]}", &b, three), NGX_OK);
    CHECK(memcmp(two, three, sizeof(two)) != 0);
    CHECK(memcmp(b.item[0].key, a.item[1].key, sizeof(two)) == 0);

    CHECK_INT(items_open(&c, "{\"input\":[1.0]}", &a, one), NGX_OK);
    CHECK_INT(items_open(&c, "{\"input\":[[1]]}", &a, two), NGX_OK);
    CHECK(memcmp(one, two, sizeof(one)) == 0);
    CHECK_INT(items_open(&c, "{\"input\":\"1\"}", &a, two), NGX_OK);
    CHECK(memcmp(one, two, sizeof(one)) != 0);
}


static void
test_bounds(void)
{
    u_char                     *body, *p, key[NGX_LITELLM_CACHE_KEY];
    ngx_uint_t                  i, n;
    openai_call_t               c;
    ngx_litellm_cache_items_t   items;

    for (n = NGX_LITELLM_CACHE_ITEMS; n < NGX_LITELLM_CACHE_ITEMS + 2; n++) {

        unit_case("%u inputs", (unsigned) n);

        body = ngx_pnalloc(unit_pool, n * 4 + 32);
        p = ngx_sprintf(body, "{\"input\":[");

        for (i = 0; i < n; i++) {
            p = ngx_sprintf(p, "%s\"x\"", i ? "," : "");
        }

        *ngx_sprintf(p, "]}") = '\0';

        CHECK_INT(items_open(&c, (char *) body, &items, key),
                  n == NGX_LITELLM_CACHE_ITEMS ? NGX_OK : NGX_DECLINED);
    }
}


static void
test_rest(void)
{
    u_char                      key[NGX_LITELLM_CACHE_KEY];
    ngx_str_t                   body;
    openai_call_t               c;
    ngx_litellm_cache_items_t   items;

    unit_case("the rest");

    CHECK_INT(items_open(&c, "{\"input\":5, \"input\" : [ \"a\" , \"b\\n\",\t"
                         "[1, 2],\"c\" ] ,\"x\":[{}]}", &items, key), NGX_OK);

    items_keep(&items, 1, "\"te\"", "{\"index\":", "}", 3);
    items_keep(&items, 3, "\"other\"", "{\"index\":", ",\"y\":1}", 4);

    CHECK_INT(items.missing, 2);
    CHECK_INT(ngx_litellm_cache_items_rest(&c.call, &items, &body), NGX_OK);
    CHECK_STR(&body, "{\"input\":5, \"input\" : [\"a\",[1, 2]] ,\"x\":[{}]}");

    items_keep(&items, 0, "", "{\"index\":", "}", 1);

    CHECK_INT(ngx_litellm_cache_items_rest(&c.call, &items, &body), NGX_OK);
    CHECK_STR(&body, "{\"input\":5, \"input\" : [[1, 2]] ,\"x\":[{}]}");

    items_keep(&items, 2, "\"m\"", "{\"a\":0,\"index\":", "}", 5);

    body = items_written(&items);
    CHECK_STR(&body, "{\"object\":\"list\",\"data\":[{\"index\":0},"
              "{\"index\":1},{\"a\":0,\"index\":2},{\"index\":3,\"y\":1}],"
              "\"model\":\"te\",\"usage\":{\"prompt_tokens\":13,"
              "\"total_tokens\":13}}");
}


static void
test_merge(void)
{
    u_char                      key[NGX_LITELLM_CACHE_KEY];
    ngx_str_t                   answer;
    ngx_uint_t                  i;
    openai_call_t               c;
    ngx_litellm_cache_items_t   items;

    static const struct {
        const char  *answer;
        const char  *merged;
    } cases[] = {
        { "{\"usage\":{\"total_tokens\":30,\"z\":1,\"prompt_tokens\":9} ,"
          "\"data\": [{\"index\":1,\"embedding\":[2]},"
          "{\"embedding\":\"AA==\" , \"index\" : 0} ],\"model\":\"te\","
          "\"w\":[1]}",

          "{\"usage\":{\"total_tokens\":34,\"z\":1,\"prompt_tokens\":13} ,"
          "\"data\": [{\"embedding\":\"AA==\" , \"index\" : 0},"
          "{\"index\":1,\"y\":1},{\"index\":2,\"embedding\":[2]}],"
          "\"model\":\"te\",\"w\":[1]}" },

        { "{\"data\":[{\"index\":0,\"embedding\":[]},"
          "{\"index\":1e0,\"embedding\":[]}]}",

          "{\"data\":[{\"index\":0,\"embedding\":[]},{\"index\":1,\"y\":1},"
          "{\"index\":2,\"embedding\":[]}]}" },

        { "{\"data\":[{\"index\":7,\"index\":0,\"embedding\":[]},"
          "{\"index\":1,\"embedding\":[]}],"
          "\"usage\":{\"prompt_tokens\":-1,\"total_tokens\":1e99}}",

          "{\"data\":[{\"index\":7,\"index\":0,\"embedding\":[]},"
          "{\"index\":1,\"y\":1},{\"index\":2,\"embedding\":[]}],"
          "\"usage\":{\"prompt_tokens\":4,\"total_tokens\":4}}" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        unit_case("merge %u", (unsigned) i);

        CHECK_INT(items_open(&c, "{\"input\":[\"a\",\"b\",\"c\"]}", &items,
                             key),
                  NGX_OK);

        items_keep(&items, 1, "\"old\"", "{\"index\":", ",\"y\":1}", 4);

        answer = unit_str(cases[i].answer);

        if (!CHECK_INT(ngx_litellm_cache_items_read(unit_pool, &items,
                                                    &answer),
                       NGX_OK))
        {
            continue;
        }

        CHECK(items.item[0].fresh && !items.item[1].fresh
              && items.item[2].fresh);

        answer = items_written(&items);
        CHECK_STR(&answer, cases[i].merged);
    }
}


static void
test_broken(void)
{
    u_char                      key[NGX_LITELLM_CACHE_KEY];
    ngx_str_t                   answer;
    ngx_uint_t                  i;
    openai_call_t               c;
    ngx_litellm_cache_items_t   items;

    static const char *const  cases[] = {
        "", "{", "[]", "null", "{}", "{\"data\":{}}", "{\"data\":[]}",
        "{\"data\":[{\"index\":0,\"embedding\":[]}]}",
        "{\"data\":[{\"index\":0,\"embedding\":[]},"
          "{\"index\":0,\"embedding\":[]}]}",
        "{\"data\":[{\"index\":0,\"embedding\":[]},"
          "{\"index\":2,\"embedding\":[]}]}",
        "{\"data\":[{\"index\":0,\"embedding\":[]},"
          "{\"index\":-1,\"embedding\":[]}]}",
        "{\"data\":[{\"index\":0,\"embedding\":[]},"
          "{\"index\":0.5,\"embedding\":[]}]}",
        "{\"data\":[{\"index\":0,\"embedding\":[]},"
          "{\"index\":\"1\",\"embedding\":[]}]}",
        "{\"data\":[{\"index\":0,\"embedding\":[]},{\"embedding\":[]}]}",
        "{\"data\":[{\"index\":0,\"embedding\":[]},{\"index\":1}]}",
        "{\"data\":[{\"index\":0,\"embedding\":[]},"
          "{\"index\":1,\"embedding\":null}]}",
        "{\"data\":[{\"index\":0,\"embedding\":[]},[]]}",
        "{\"data\":[{\"index\":0,\"embedding\":[]},1]}",
        "{\"data\":[{\"index\":0,\"embedding\":[]},"
          "{\"index\":1,\"embedding\":[]},{\"index\":2,\"embedding\":[]}]}"
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        unit_case("no answer: %s", cases[i]);

        CHECK_INT(items_open(&c, "{\"input\":[\"a\",\"b\"]}", &items, key),
                  NGX_OK);

        answer = unit_str(cases[i]);

        CHECK_INT(ngx_litellm_cache_items_read(unit_pool, &items, &answer),
                  NGX_DECLINED);
        CHECK_INT(items.missing, 2);
        CHECK(items.answer.data == NULL && items.item[0].object.data == NULL);
    }
}


/* the pieces of a value, read again; shares of the tokens */

static void
test_values(void)
{
    u_char                      key[NGX_LITELLM_CACHE_KEY];
    size_t                      len;
    ngx_str_t                   answer, value, cut;
    ngx_str_t                   piece[NGX_LITELLM_CACHE_PIECES];
    ngx_uint_t                  i, j, n, tokens;
    openai_call_t               c;
    ngx_litellm_out_t           out;
    ngx_litellm_cache_head_t    head;
    ngx_litellm_cache_items_t   items, kept;

    static const char *const  bodies[] = {
        "{\"input\":[\"a\",\"a much longer one\",\"\",\"b\"]}",
        "{\"input\":[[1,2],[3],[4,5,6,7,8],[9]]}"
    };

    static const ngx_uint_t  shares[2][4] = { { 12, 82, 9, 13 },
                                              { 25, 13, 65, 13 } };

    for (j = 0; j < 2; j++) {

        unit_case("values %u", (unsigned) j);

        CHECK_INT(items_open(&c, bodies[j], &items, key), NGX_OK);

        answer = unit_str("{\"data\":[{\"index\":3,\"embedding\":[3]},"
                          "{\"index\":2,\"embedding\":[2]},"
                          "{\"embedding\":[0],\"index\":0},"
                          "{\"index\":1,\"embedding\":[1]}],"
                          "\"model\":\"te\",\"usage\":{\"prompt_tokens\":116,"
                          "\"total_tokens\":116}}");

        CHECK_INT(ngx_litellm_cache_items_read(unit_pool, &items, &answer),
                  NGX_OK);

        CHECK_INT(items_open(&c, bodies[j], &kept, key), NGX_OK);

        for (i = 0, tokens = 0; i < 4; i++) {

            len = ngx_litellm_cache_item_value(&items.model, &items.item[i], &head,
                                               piece);

            CHECK_INT(head.tokens, shares[j][i]);
            tokens += head.tokens;

            ngx_litellm_out_init(&out, unit_pool);

            for (n = 0; n < NGX_LITELLM_CACHE_PIECES; n++) {
                ngx_litellm_out_copy(&out, piece[n].data, piece[n].len);
            }

            CHECK_INT(out.size, len);

            value = unit_chain(out.first);

            cut = value;
            cut.len = sizeof(ngx_litellm_cache_head_t) - 1;
            CHECK_INT(ngx_litellm_cache_item_set(&kept, &kept.item[i], &cut),
                      NGX_DECLINED);

            cut.len = sizeof(ngx_litellm_cache_head_t) + 4;
            CHECK_INT(ngx_litellm_cache_item_set(&kept, &kept.item[i], &cut),
                      NGX_DECLINED);

            CHECK_INT(ngx_litellm_cache_item_set(&kept, &kept.item[i], &value),
                      NGX_OK);
            CHECK_INT(ngx_litellm_cache_item_set(&kept, &kept.item[i], &value),
                      NGX_DECLINED);
        }

        CHECK_INT(tokens, 116);
        CHECK_INT(kept.missing, 0);

        answer = items_written(&kept);
        CHECK_STR(&answer, "{\"object\":\"list\",\"data\":["
                  "{\"embedding\":[0],\"index\":0},"
                  "{\"index\":1,\"embedding\":[1]},"
                  "{\"index\":2,\"embedding\":[2]},"
                  "{\"index\":3,\"embedding\":[3]}],\"model\":\"te\","
                  "\"usage\":{\"prompt_tokens\":116,\"total_tokens\":116}}");
    }
}


/* what is there beside others is of their width; what came is not mixed in */

static void
test_widths(void)
{
    u_char                      key[NGX_LITELLM_CACHE_KEY];
    ngx_str_t                   s;
    ngx_uint_t                  i;
    openai_call_t               c;
    ngx_litellm_cache_items_t   items;

    static const struct {
        const char  *vector;
        uint32_t     width;
    } cases[] = {
        { "[1]", 1 }, { "[1,2]", 2 }, { "[ 1 , 2, 3e5 ]", 3 },
        { "\"AAAAAA==\"", 1 }, { "\"AAAAAAAAAAA=\"", 2 },
        { "\"AAAAAAAAAAAAAAAA\"", 3 }, { "\"AAAAAAAAA\\/AAAAAA\"", 3 },
        { "\"\"", 0 }, { "\"A\"", 0 }, { "", 0 }, { "[]", 0 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("width of %s", cases[i].vector);

        s = unit_str(cases[i].vector);
        CHECK_INT(ngx_litellm_cache_width(&s), cases[i].width);
    }

    unit_case("mixed widths");

    CHECK_INT(items_open(&c, "{\"input\":[\"a\",\"b\",\"c\"]}", &items, key),
              NGX_OK);

    items_keep(&items, 1, "\"old\"", "{\"index\":", ",\"y\":1}", 4);
    items.width = 2;

    s = unit_str("{\"data\":[{\"index\":0,\"embedding\":[1,2]},"
                 "{\"index\":1,\"embedding\":[1,2,3]}],\"model\":\"new\"}");

    CHECK_INT(ngx_litellm_cache_items_read(unit_pool, &items, &s),
              NGX_DECLINED);
    CHECK(items.mixed);
    CHECK_INT(items.missing, 2);

    ngx_litellm_cache_items_reset(&items);

    CHECK_INT(items.missing, 3);
    CHECK_INT(items.tokens, 0);
    CHECK(!items.mixed && items.item[1].object.data == NULL);

    s = unit_str("{\"data\":[{\"index\":0,\"embedding\":[1,2]},"
                 "{\"index\":1,\"embedding\":[1,2,3]},"
                 "{\"index\":2,\"embedding\":\"AAAAAA==\"}]}");

    CHECK_INT(ngx_litellm_cache_items_read(unit_pool, &items, &s), NGX_OK);
    CHECK_INT(items.item[0].width, 2);
    CHECK_INT(items.item[1].width, 3);
    CHECK_INT(items.item[2].width, 1);
}


/* as JSON: what others wrote is not believed */

static void
test_shared(void)
{
    u_char                     *p, key[NGX_LITELLM_CACHE_KEY];
    ngx_str_t                   body, model, name;
    ngx_uint_t                  i;
    openai_call_t               c;
    ngx_litellm_cache_items_t   items;

    static const struct {
        const char  *body;
        ngx_int_t    rc;
    } cases[] = {
        { "{\"tokens\":3,\"model\":\"te\",\"data\":"
          "[{\"index\":0,\"embedding\":[1,2]}]}", NGX_OK },
        { " { \"data\" : [ { \"embedding\" : \"AAAAAAAAAAA=\" , \"index\" : 7 } ]"
          ", \"model\" : null, \"tokens\" : 0 , \"x\":[] } ", NGX_OK },
        { "{\"tokens\":2147483647,\"model\":\"\",\"data\":"
          "[{\"index\":0,\"embedding\":[-1.5e-3,2]}]}", NGX_OK },
        { "{\"tokens\":2147483648,\"model\":\"\",\"data\":"
          "[{\"index\":0,\"embedding\":[1,2]}]}", NGX_DECLINED },
        { "{\"tokens\":-1,\"model\":\"\",\"data\":"
          "[{\"index\":0,\"embedding\":[1,2]}]}", NGX_DECLINED },
        { "{\"tokens\":1.5,\"model\":\"\",\"data\":"
          "[{\"index\":0,\"embedding\":[1,2]}]}", NGX_DECLINED },
        { "{\"model\":\"\",\"data\":"
          "[{\"index\":0,\"embedding\":[1,2]}]}", NGX_DECLINED },
        { "{\"tokens\":1,\"data\":"
          "[{\"index\":0,\"embedding\":[1,2]}]}", NGX_DECLINED },
        { "{\"tokens\":1,\"model\":[],\"data\":"
          "[{\"index\":0,\"embedding\":[1,2]}]}", NGX_DECLINED },
        { "{\"tokens\":1,\"model\":null,\"data\":"
          "{\"index\":0,\"embedding\":[1,2]}}", NGX_DECLINED },
        { "{\"tokens\":1,\"model\":null,\"data\":[]}", NGX_DECLINED },
        { "{\"tokens\":1,\"model\":null,\"data\":[5]}", NGX_DECLINED },
        { "{\"tokens\":1,\"model\":null,\"data\":"
          "[{\"index\":0,\"embedding\":[1,2]},{}]}", NGX_DECLINED },
        { "{\"tokens\":1,\"model\":null,\"data\":"
          "[{\"embedding\":[1,2]}]}", NGX_DECLINED },
        { "{\"tokens\":1,\"model\":null,\"data\":"
          "[{\"index\":null,\"embedding\":[1,2]}]}", NGX_DECLINED },
        { "{\"tokens\":1,\"model\":null,\"data\":[{\"index\":0}]}",
          NGX_DECLINED },
        { "{\"tokens\":1,\"model\":null,\"data\":"
          "[{\"index\":0,\"embedding\":5}]}", NGX_DECLINED },
        { "{\"tokens\":1,\"model\":null,\"data\":"
          "[{\"index\":0,\"embedding\":[]}]}", NGX_DECLINED },
        { "{\"tokens\":1,\"model\":null,\"data\":"
          "[{\"index\":0,\"embedding\":\"AAAA\"}]}", NGX_DECLINED },
        { "{\"tokens\":1,\"model\":null,\"data\":"
          "[{\"index\":0,\"embedding\":[1,null]}]}", NGX_DECLINED },
        { "{\"tokens\":1,\"model\":null,\"data\":"
          "[{\"index\":0,\"embedding\":[true,1]}]}", NGX_DECLINED },
        { "{\"tokens\":1,\"model\":null,\"data\":"
          "[{\"index\":0,\"embedding\":[1,false]}]}", NGX_DECLINED },
        { "{\"tokens\":1,\"model\":null,\"data\":"
          "[{\"index\":0,\"embedding\":[1,\"2\"]}]}", NGX_DECLINED },
        { "{\"tokens\":1,\"model\":null,\"data\":"
          "[{\"index\":0,\"embedding\":[[1],2]}]}", NGX_DECLINED },
        { "{\"tokens\":1,\"model\":null,\"data\":"
          "[{\"index\":0,\"embedding\":[{},2]}]}", NGX_DECLINED },

        /* of another width than the one that is there */

        { "{\"tokens\":1,\"model\":null,\"data\":"
          "[{\"index\":0,\"embedding\":[1,2,3]}]}", NGX_DECLINED },
        { "{\"tokens\":1", NGX_DECLINED },
        { "", NGX_DECLINED },
        { "[]", NGX_DECLINED }
    };

    ngx_str_set(&name, "\"te\"");

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("shared: %s", cases[i].body);

        CHECK_INT(items_open(&c, "{\"input\":[\"a\",\"b\"]}", &items, key),
                  NGX_OK);

        items.width = 2;

        body = unit_str(cases[i].body);

        CHECK_INT(ngx_litellm_cache_item_read(unit_pool, unit_pool, &items,
                                              &items.item[1], &body, &model),
                  cases[i].rc);

        if (cases[i].rc != NGX_OK) {
            CHECK_INT(items.missing, 2);
            CHECK(items.item[1].object.data == NULL);
            continue;
        }

        CHECK_INT(items.missing, 1);
        CHECK_INT(items.item[1].width, 2);

        /* a second time it is not taken */

        CHECK_INT(ngx_litellm_cache_item_read(unit_pool, unit_pool, &items,
                                              &items.item[1], &body, &model),
                  NGX_DECLINED);

        body.len = ngx_litellm_cache_item_length(&model, &items.item[1]);
        body.data = ngx_pnalloc(unit_pool, body.len);

        p = ngx_litellm_cache_item_write(&model, &items.item[1], body.data);

        CHECK_INT(p - body.data, body.len);

        CHECK_INT(ngx_litellm_cache_item_read(unit_pool, unit_pool, &items,
                                              &items.item[0], &body, &model),
                  NGX_OK);
        CHECK_INT(items.item[0].tokens, items.item[1].tokens);
        CHECK_INT(items.item[0].cut, items.item[1].cut);
        CHECK_INT(items.missing, 0);
    }
}


void
unit_main(void)
{
    test_lists();
    test_names();
    test_bounds();
    test_rest();
    test_merge();
    test_broken();
    test_values();
    test_widths();
    test_shared();
}
