
/*
 * The OpenAI dialect: wire data (t/data/openai, see wire_case.h), the fidelity
 * of spliced bodies over made-up ones, buffers, what the tap finds.
 */

#include "wire_case.h"
#include "openai_call.h"
#include "ngx_litellm_openai_dialect.h"


static uint32_t  seed = 7;


static ngx_uint_t
rnd(ngx_uint_t n)
{
    seed = seed * 1664525 + 1013904223;

    return (seed >> 8) % n;
}


static const char *
path(case_t *c)
{
    switch (c->call.op) {

    case NGX_LITELLM_OP_COMPLETIONS:
        return "/v1/completions";

    case NGX_LITELLM_OP_EMBEDDINGS:
        return "/v1/embeddings";

    default:
        return "/v1/chat/completions";
    }
}


static const case_set_t  openai = {
    .set = "openai",
    .least = 65,
    .provider = "openai",
    .model = "gpt-4o",
    .path = path
};


/* blanks as JSON has them */

static u_char *
blanks(u_char *p)
{
    ngx_uint_t  n;

    for (n = rnd(4); n > 1; n--) {
        *p++ = " \t\n\r"[rnd(4)];
    }

    return p;
}


/*
 * Bodies of random order, white space and spellings: with the model's range
 * taken out they must come out as they went in, whatever else they hold.
 */

static void
test_fidelity(void)
{
    u_char               *p, *body, *start, *end;
    ngx_str_t             got, text;
    ngx_uint_t            i, j, k, n, round, model_at;
    openai_call_t         c;
    ngx_litellm_wire_t    wire;

    static const char  *members[] = {
        "\"temperature\":1.50e-1",
        "\"temperature\" : null",
        "\"top_p\": 0.1000",
        "\"seed\" :12345678901234567890",
        "\"max_tokens\":1E2",
        "\"stop\":[\"\\\"\",\"]\",\"\\u005d\"]",
        "\"user\":\"\\u0000 \\ud83d\\ude00 \\ud83d \303\251 \\/ /\"",
        "\"logit_bias\":{\"15\":-100,\"15 \":1}",
        "\"x_own\":{\"b\":1,\"a\":{\"c\":[ ] , \"d\":{ }}}",
        "\"\\u0078\":\"escaped key\"",
        "\"\303\251\":[1,2,[3,{\"z\":-0.0}]]",
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
            "\"parameters\":{\"type\":\"object\",\"e_u\":1}}}]",
        "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
            "{\"name\":\"n\",\"schema\":{\"model\":\"no\"}}}",
        "\"big\":1e400",
        "\"\":0",
        "\"messages2\":[]"
    };

    for (round = 0; round < 2000; round++) {
        unit_case("fidelity, round %lu", (unsigned long) round);

        body = ngx_pnalloc(unit_pool, 65536);
        p = blanks(body);
        *p++ = '{';

        n = 2 + rnd(8);
        model_at = rnd(n + 1);
        j = rnd(16);
        start = NULL;
        end = NULL;

        for (i = 0; i <= n; i++) {

            p = blanks(p);

            if (i == model_at) {
                p = ngx_sprintf(p, "\"model\"");
                p = blanks(p);
                *p++ = ':';
                p = blanks(p);
                start = p;
                p = ngx_sprintf(p, "\"asked\"");
                end = p;

            } else if (i == (model_at + 1) % (n + 1)) {
                p = ngx_sprintf(p, "\"messages\"");
                p = blanks(p);
                p = ngx_sprintf(p, ":[{\"role\":\"user\",\"content\":\"");

                for (k = rnd(round % 50 == 0 ? 30000 : 300); k; k--) {
                    *p++ = 'a' + rnd(26);
                }

                p = ngx_sprintf(p, "\" , \"cache_control\":{} }]");

            } else {

                /* 7 and 16 have no common divisor: no member comes twice,
                   but for the two spellings of temperature */

                j = (j + 7) % 16;

                if (j == 1) {
                    j = 8;
                }

                p = ngx_sprintf(p, "%s", members[j]);
            }

            p = blanks(p);

            if (i < n) {
                *p++ = ',';
            }
        }

        *p++ = '}';
        p = blanks(p);

        text = unit_mem(body, p - body);

        openai_call(&c, NGX_LITELLM_OP_CHAT, "gpt-4o", text);

        if (!CHECKF(openai_open(&c) == NGX_OK, "%.*s in %.*s",
                    (int) c.error.message.len, c.error.message.data,
                    (int) text.len, text.data)
            || c.call.duplicates)
        {
            continue;
        }

        if (!CHECK_INT(openai_request(&c, &wire, &got), NGX_OK)) {
            continue;
        }

        if (!CHECK_INT(got.len, text.len + 1)) {
            continue;
        }

        CHECK(ngx_memcmp(got.data, body, start - body) == 0);
        CHECK(ngx_memcmp(got.data + (start - body), "\"gpt-4o\"", 8) == 0);
        CHECK(ngx_memcmp(got.data + (start - body) + 8, end, p - end) == 0);
    }
}


static void
test_buffers(void)
{
    u_char               *p, *body;
    ngx_str_t             got;
    ngx_uint_t            n;
    ngx_chain_t          *cl;
    openai_call_t         c;
    ngx_litellm_wire_t    wire;

    unit_case("nothing to edit: one reference to the client's bytes");

    openai_call(&c, NGX_LITELLM_OP_CHAT, "gpt-4o",
                unit_str("{\"model\":\"gpt-4o\",\"messages\":[]}"));
    CHECK_INT(openai_open(&c), NGX_OK);
    CHECK_INT(openai_request(&c, &wire, &got), NGX_OK);
    CHECK(wire.body.first->next == NULL);
    CHECK(wire.body.first->buf->pos == c.call.body.data);

    unit_case("a small body: one buffer");

    openai_call(&c, NGX_LITELLM_OP_CHAT, "gpt-4o",
                unit_str("{\"model\":\"x\",\"messages\":[],\"timeout\":1}"));
    CHECK_INT(openai_open(&c), NGX_OK);
    CHECK_INT(openai_request(&c, &wire, &got), NGX_OK);
    CHECK(wire.body.first->next == NULL);

    unit_case("a large body: its bytes are not copied");

    body = ngx_palloc(unit_pool, 1024 * 1024);
    p = ngx_sprintf(body, "{\"messages\":[{\"role\":\"user\",\"content\":\"");

    while (p < body + 1000 * 1024) {
        *p++ = 'x';
    }

    p = ngx_sprintf(p, "\"}],\"model\":\"x\"}");

    got.data = body;
    got.len = p - body;

    openai_call(&c, NGX_LITELLM_OP_CHAT, "gpt-4o", got);
    CHECK_INT(openai_open(&c), NGX_OK);
    CHECK_INT(openai_request(&c, &wire, &got), NGX_OK);

    n = 0;

    for (cl = wire.body.first; cl; cl = cl->next) {
        n++;
    }

    CHECK(wire.body.first->buf->pos == body);
    CHECK(n <= 3);

    unit_case("no key: no Authorization; a model that needs escapes");

    openai_call(&c, NGX_LITELLM_OP_CHAT, "gpt-4o",
                unit_str("{\"messages\":[]}"));
    ngx_str_null(&c.deployment.api_key);
    c.call.provider_model = openai_str("a\"b\\\001\377");
    CHECK_INT(openai_open(&c), NGX_OK);
    CHECK_INT(openai_request(&c, &wire, &got), NGX_OK);
    CHECK_INT(wire.headers.nelts, 0);
    (void) case_json(&got);
}


/* the family is told by the name of the request, not the star's */

static void
test_wildcard(void)
{
    ngx_str_t             got;
    openai_call_t         c;
    ngx_litellm_wire_t    wire;

    unit_case("a wildcard deployment");

    openai_call(&c, NGX_LITELLM_OP_CHAT, "*",
                unit_str("{\"model\":\"openai/o4-mini\",\"messages\":[],"
                         "\"max_tokens\":3}"));
    CHECK(c.deployment.info == NULL);

    c.call.provider_model = openai_str("o4-mini");
    CHECK_INT(openai_open(&c), NGX_OK);
    CHECK_INT(openai_request(&c, &wire, &got), NGX_OK);
    CHECK_STR(&got, "{\"model\":\"o4-mini\",\"messages\":[],"
                    "\"max_completion_tokens\":3}");

    c.call.provider_model = openai_str("gpt-4o");
    CHECK_INT(openai_request(&c, &wire, &got), NGX_OK);
    CHECK_STR(&got, "{\"model\":\"gpt-4o\",\"messages\":[],"
                    "\"max_tokens\":3}");
}


/* what the tap must find whatever way it is written, and must not find */

static void
test_tap(void)
{
    ngx_str_t               data;
    ngx_uint_t              i;
    openai_call_t           c;
    ngx_litellm_facts_t     facts;
    ngx_litellm_json_doc_t  doc;

    static const struct {
        const char  *text;
        int          finish;
        int          prompt;
        int          failed;
    } cases[] = {
        { "{\"choices\":[{\"delta\":{\"content\":\"a\"},"
          "\"finish_reason\":null}],\"usage\":null,\"error\":null}",
          NGX_LITELLM_FINISH_NONE, -1, 0 },
        { "{\"choices\":[{\"finish_reason\":null},{\"finish_reason\" : "
          "\"length\"}]}", NGX_LITELLM_FINISH_LENGTH, -1, 0 },
        { "{\"choices\":[{\"delta\":{\"content\":\"\\\"finish_reason\\\":"
          "\\\"stop\\\" \\\"usage\\\":{\\\"prompt_tokens\\\":1}\"}}]}",
          NGX_LITELLM_FINISH_NONE, -1, 0 },
        { "{\"choices\":[],\"usage\" :\n{\"prompt_tokens\":7}}",
          NGX_LITELLM_FINISH_NONE, 7, 0 },
        { "{\"choices\":[],\"usage\":{\"prompt_t\\u006fkens\":8,"
          "\"prompt_tokens_details\":{\"cached_tokens\":1}}}",
          NGX_LITELLM_FINISH_NONE, 8, 0 },
        { "{\"usage\":null,\"choices\":[],\"usage\":{\"total_tokens\":1,"
          "\"prompt_tokens\":3.0e1}}", NGX_LITELLM_FINISH_NONE, 30, 0 },
        { "{\"choices\":[],\"usage\":{\"prompt_tokens\":-1}}",
          NGX_LITELLM_FINISH_NONE, -1, 0 },
        { "{\"user\":{\"usage_\":{}},\"error\":{\"message\":\"no\"}}",
          NGX_LITELLM_FINISH_NONE, -1, 1 },
        { "{\"error\":{},\"choices\":[]}", NGX_LITELLM_FINISH_NONE, -1, 0 },
        { "{\"choices\":[{\"finish_reason\":\"stop\"}],\"usage\":"
          "{\"prompt_tokens\":5,\"completion_tokens_details\":[1]}}",
          NGX_LITELLM_FINISH_STOP, 5, 0 },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("tap %lu", (unsigned long) i);

        openai_call(&c, NGX_LITELLM_OP_CHAT, "gpt-4o", unit_str("{}"));
        c.call.deployment = &c.deployment;

        ngx_memzero(&facts, sizeof(ngx_litellm_facts_t));
        ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
        ngx_litellm_usage_init(&facts.usage);
        doc.pool = unit_pool;

        /* behind the commit point, where the event is only searched */
        facts.content = 1;

        data = openai_str(cases[i].text);

        (void) ngx_litellm_openai_tap_event(&c.call, &doc, &data, &facts);

        CHECK_INT(facts.finish, cases[i].finish);
        CHECK_INT(facts.usage.prompt, cases[i].prompt);
        CHECK_INT(facts.failed, cases[i].failed);

        /* the same as a whole answer */

        ngx_memzero(&facts, sizeof(ngx_litellm_facts_t));
        ngx_litellm_usage_init(&facts.usage);

        CHECK_INT(ngx_litellm_openai_tap(&c.call, &data, &facts),
                  cases[i].failed ? NGX_DECLINED : NGX_OK);
        CHECK_INT(facts.finish, cases[i].finish);
        CHECK_INT(facts.usage.prompt, cases[i].prompt);
    }
}


void
unit_main(void)
{
    test_tap();
    cases(&openai);
    test_wildcard();
    test_fidelity();
    test_buffers();
}
