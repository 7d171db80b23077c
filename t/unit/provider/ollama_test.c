
/*
 * The Ollama dialects (chat, generate, embed) and the writers of the client's
 * formats, on wire data: see wire_case.h.
 */

#include "wire_case.h"


/* one more call than an answer may have */

static void
too_many_calls(void)
{
    feed_t                f;
    case_t                c;
    u_char               *p;
    ngx_int_t             rc;
    ngx_str_t             dir, body, got;
    ngx_uint_t            i, n, pass;
    ngx_litellm_answer_t  answer;

    static const char  call[] = "{\"function\":{\"name\":\"f\"}}";

    for (pass = 0; pass < 2; pass++) {

        n = 256 + pass;

        ngx_str_set(&dir, "text");
        case_open(&c, "ollama", &dir);
        unit_case("%d calls", (int) n);

        c.call.pool = unit_pool;
        c.call.body = unit_str("{\"model\":\"m\",\"messages\":[{\"role\":"
                               "\"user\",\"content\":\"a\"}],"
                               "\"stream\":true}");
        CHECK(c.call.format->open(&c.call, &c.error) == NGX_OK);

        body.data = ngx_palloc(unit_pool, 64 + n * sizeof(call));
        p = ngx_sprintf(body.data, "{\"message\":{\"tool_calls\":[");

        for (i = 0; i < n; i++) {
            p = ngx_sprintf(p, "%s%s", i ? "," : "", call);
        }

        p = ngx_sprintf(p, "]},\"done\":true}");
        body.len = p - body.data;

        ngx_litellm_answer_init(&answer, unit_pool);

        rc = c.dialect->response(&c.call, &body, &answer, &c.error);
        CHECK_INT(rc, pass ? NGX_DECLINED : NGX_OK);

        feed_init(&f, &c, unit_pool);
        CHECK(c.dialect->event(&f.stream, &dir, &body) == NGX_OK);

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
    case_t               c;
    ngx_str_t           *dir;
    ngx_uint_t           i;
    const char          *path;
    ngx_array_t         *dirs;
    ngx_litellm_wire_t   wire;

    unit_case("t/data/ollama");

    dirs = unit_dir("ollama");

    if (!CHECK(dirs != NULL)) {
        return;
    }

    CHECK(dirs->nelts > 40);

    dir = dirs->elts;

    for (i = 0; i < dirs->nelts; i++) {
        case_open(&c, "ollama", &dir[i]);

        if (!CHECKF(c.call.format->open(&c.call, &c.error) == NGX_OK,
                    "not opened: %.*s", (int) c.error.message.len,
                    (char *) c.error.message.data))
        {
            continue;
        }

        path = "/api/chat";

        if (c.call.op == NGX_LITELLM_OP_COMPLETIONS) {
            path = "/api/generate";
        }

        if (c.call.op == NGX_LITELLM_OP_EMBEDDINGS) {
            path = "/api/embed";
        }

        if (case_request(&c, &wire, path)) {
            case_response(&c);
        }
    }

    too_many_calls();
}
