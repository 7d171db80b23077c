
/*
 * The Ollama dialects (chat, generate, embed) and the writers of the client's
 * formats, on wire data: t/data/ollama, see wire_case.h.
 */

#include "wire_case.h"


static const char *
path(case_t *c)
{
    switch (c->call.op) {

    case NGX_LITELLM_OP_COMPLETIONS:
        return "/api/generate";

    case NGX_LITELLM_OP_EMBEDDINGS:
        return "/api/embed";

    default:
        return "/api/chat";
    }
}


static const case_set_t  ollama = {
    .set = "ollama",
    .least = 110,
    .provider = "ollama",
    .model = "model-1",
    .key = "sk-unit-0123456789",
    .path = path
};


/* one more call than an answer may have */

static void
too_many_calls(void)
{
    feed_t                f;
    case_t                c;
    u_char               *p;
    ngx_int_t             rc;
    ngx_str_t             body, got, none;
    ngx_uint_t            i, n, pass;
    ngx_litellm_answer_t  answer;

    static const char  call[] = "{\"function\":{\"name\":\"f\"}}";

    for (pass = 0; pass < 2; pass++) {

        n = 256 + pass;

        unit_case("%d calls", (int) n);

        case_call(&c, &ollama,
                  unit_str("{\"model\":\"m\",\"messages\":[{\"role\":"
                           "\"user\",\"content\":\"a\"}],"
                           "\"stream\":true}"));

        body.data = ngx_palloc(unit_pool, 64 + n * sizeof(call));
        p = ngx_sprintf(body.data, "{\"message\":{\"tool_calls\":[");

        for (i = 0; i < n; i++) {
            p = ngx_sprintf(p, "%s%s", i ? "," : "", call);
        }

        p = ngx_sprintf(p, "]},\"done\":true}");
        body.len = p - body.data;

        ngx_litellm_answer_init(&answer, unit_pool);

        rc = c.dialect->response(&c.call, &body, &answer, &c.e);
        CHECK_INT(rc, pass ? NGX_DECLINED : NGX_OK);

        ngx_str_null(&none);
        feed_init(&f, &c, unit_pool);
        CHECK(c.dialect->event(&f.stream, &none, &body) == NGX_OK);

        got = unit_chain(f.out.first);
        CHECK_INT(ngx_strlcasestrn(got.data, got.data + got.len,
                                   (u_char *) "too many tool calls",
                                   sizeof("too many tool calls") - 2)
                  != NULL, pass);
    }
}


void
unit_main(void)
{
    cases(&ollama);

    too_many_calls();
}
