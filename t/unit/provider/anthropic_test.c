
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


void
unit_main(void)
{
    names();
    blanks();

    cases(&anthropic);
}
