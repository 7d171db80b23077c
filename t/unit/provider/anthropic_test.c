
/*
 * The Anthropic dialect and the writers of the chat and completions formats,
 * on wire data (t/data/anthropic, see wire_case.h); names of tools and blank
 * texts.
 */

#include "wire_case.h"


static const char *
path(case_t *c)
{
    return "/v1/messages";
}


static const char *const *
headers(case_t *c, ngx_litellm_wire_t *wire)
{
    static const char *const  list[] = {
        "anthropic-version", "2023-06-01", NULL
    };

    return list;
}


static const case_set_t  anthropic = {
    .set = "anthropic",
    .least = 120,
    .provider = "anthropic",
    .model = "claude-sonnet-4-5",
    .key = "sk-ant-unit-0123456789",
    .auth = "x-api-key",
    .path = path,
    .headers = headers
};


/* a model's name and what it may do, where the table has no row */

static void
names(void)
{
    ngx_uint_t   i;
    ngx_str_t    name, got;

    static const struct {
        const char  *name;
        const char  *want;
    } cases[] = {
        { "get_weather", "get_weather" },
        { "a-B_9", "a-B_9" },
        { "get.weather", "get_weather_b5a913ce" },
        { "", "" }
    };

    unit_case("names");

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        name = unit_str(cases[i].name);
        CHECK(ngx_litellm_tool_name(unit_pool, &name, &got) == NGX_OK);
        CHECK_STR(&got, cases[i].want);
    }

    /* 65 characters: cut, with the checksum at the end; not the same twice */

    name = unit_str("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                    "aaaa");
    CHECK(ngx_litellm_tool_name(unit_pool, &name, &got) == NGX_OK);
    CHECK_INT(got.len, 64);

    name = unit_str("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                    "aaab");
    CHECK(ngx_litellm_tool_name(unit_pool, &name, &name) == NGX_OK);
    CHECK(ngx_memcmp(got.data, name.data, 64) != 0);
}


static void
blanks(void)
{
    ngx_str_t   s;
    ngx_uint_t  i;

    static const struct {
        const char  *text;
        ngx_uint_t   blank;
    } cases[] = {
        { "", 1 },
        { "   ", 1 },
        { " \\n\\t\\r ", 1 },
        { "\\u0020\\u000A", 1 },
        { "\\u00a0", 0 },
        { " x ", 0 },
        { "\\\\n", 0 },
        { "\\\"", 0 }
    };

    unit_case("blanks");

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        s = unit_str(cases[i].text);
        CHECKF(ngx_litellm_call_blank(&s) == cases[i].blank, "%s",
               cases[i].text);
    }
}


/*
 * One more call than an answer may have; in a stream also of the tool that
 * stands for a JSON answer, which is no call of the client's.
 */

static void
calls(void)
{
    feed_t                f;
    case_t                c;
    u_char               *p;
    ngx_int_t             rc;
    ngx_str_t             body, got, name, start;
    ngx_uint_t            i, n, pass;
    const char           *tool;
    ngx_litellm_answer_t  answer;

    static const char  block[] = "{\"type\":\"tool_use\",\"id\":\"a\","
                                 "\"name\":\"%s\",\"input\":{\"b\":1}}";
    static const char  event[] = "{\"type\":\"content_block_start\","
                                 "\"content_block\":";

    for (pass = 0; pass < 4; pass++) {

        n = 256 + pass % 2;
        tool = (pass < 2) ? "f" : "json_tool_call";

        unit_case("%d calls of %s", (int) n, tool);

        case_call(&c, &anthropic,
                  unit_str("{\"model\":\"m\",\"stream\":true,"
                           "\"response_format\":{\"type\":\"json_object\"},"
                           "\"messages\":[{\"role\":\"user\","
                           "\"content\":\"a\"}]}"));

        body.data = ngx_palloc(unit_pool, 64 + n * (sizeof(block) + 16));
        p = ngx_sprintf(body.data, "{\"content\":[");

        for (i = 0; i < n; i++) {
            p = ngx_sprintf(p, i ? "," : "");
            p = ngx_sprintf(p, block, tool);
        }

        body.len = ngx_sprintf(p, "]}") - body.data;

        ngx_litellm_answer_init(&answer, unit_pool);

        rc = c.dialect->response(&c.call, &body, &answer, &c.e);
        CHECK_INT(rc, pass == 1 ? NGX_DECLINED : NGX_OK);

        feed_init(&f, &c, unit_pool);

        ngx_str_set(&name, "content_block_start");
        start.data = ngx_palloc(unit_pool, sizeof(event) + sizeof(block) + 16);
        p = ngx_sprintf(start.data, event);
        p = ngx_sprintf(p, block, tool);
        start.len = ngx_sprintf(p, "}") - start.data;

        for (i = 0; i < n; i++) {
            CHECK(c.dialect->event(&f.stream, &name, &start) == NGX_OK);
        }

        got = unit_chain(f.out.first);
        CHECK_INT(ngx_litellm_find(got.data, got.data + got.len,
                                   "too many tool calls", 19)
                  != NULL, pass % 2);
    }
}


void
unit_main(void)
{
    names();
    blanks();
    calls();

    cases(&anthropic);
}
