
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

    head.version = 1;
    head.tokens = (uint32_t) tokens;
    head.model = (uint32_t) ngx_strlen(model);
    head.cut = (uint32_t) ngx_strlen(before);

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

            len = ngx_litellm_cache_item_value(&items, &items.item[i], &head,
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
}
