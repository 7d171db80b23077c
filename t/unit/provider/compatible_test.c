
/*
 * Providers of the OpenAI dialect that are not OpenAI, and the dialect as a
 * translator, on wire data (see wire_case.h): t/data/<provider>, those with
 * little of their own in "compatible".  Cases of "translate" come from a
 * client that does not speak OpenAI's dialect.
 */

#include "wire_case.h"
#include "ngx_litellm_openai_dialect.h"

#include <stdio.h>


static const char *
path(case_t *c)
{
    return "/v1/chat/completions";
}


#define SET(name, row, n, f)                                                  \
    { .set = name, .provider = row, .least = n, .foreign = f,                 \
      .model = "acme/owl-1", .base = "https://provider.example/v1",           \
      .path = path }

static const case_set_t  translate = SET("translate", "openai_like", 38, 1);
static const case_set_t  together_ai = SET("together_ai", "together_ai", 10,
                                           0);
static const case_set_t  openrouter = SET("openrouter", "openrouter", 14, 0);
static const case_set_t  huggingface = SET("huggingface", "huggingface", 9,
                                           0);
static const case_set_t  compatible = SET("compatible", "", 17, 0);


/* a request goes to one deployment after another: nothing must be left */

static void
again(void)
{
    case_t       c;
    ngx_str_t    first, second;
    ngx_uint_t   i;

    ngx_str_null(&first);

    if (case_open(&c, &huggingface, "model-of-provider") != NGX_OK) {
        return;
    }

    for (i = 0; i < 3; i++) {

        /* with the model as it was left, and as it is set */

        if (i < 2) {
            case_wire(&c.wire, unit_pool);
            CHECK_INT(c.dialect->request(&c.call, &c.wire, &c.e), NGX_OK);

        } else {
            CHECK_INT(case_send(&c), NGX_OK);
        }

        second = unit_chain(c.wire.body.first);

        if (i) {
            CHECK_MEM(&second, first.data, first.len);
        }

        first = second;
    }
}


static ngx_int_t
count_calls(void *data, ngx_litellm_event_t *ev)
{
    ngx_uint_t *n = data;

    CHECK(ev->choice < NGX_LITELLM_CHOICES);

    if (ev->type == NGX_LITELLM_EV_CALL) {
        CHECK_INT(ev->index, *n);
        (*n)++;
    }

    return NGX_OK;
}


/* choices and calls without end are cut off */

static void
bounds(void)
{
    char                    piece[128];
    case_t                  c;
    ngx_str_t               body;
    ngx_uint_t              i, n;
    ngx_litellm_out_t       out;
    ngx_litellm_answer_t    answer, *a;
    ngx_litellm_stream_t    st;

    if (case_open(&c, &translate, "text") != NGX_OK) {
        return;
    }

    ngx_litellm_out_init(&out, unit_pool);
    ngx_litellm_out_lit(&out, "{\"choices\":[{\"message\":{\"tool_calls\":[");

    for (i = 0; i < 2000; i++) {
        ngx_litellm_out_lit(&out, "{\"function\":{\"name\":\"f\"}},");
    }

    ngx_litellm_out_lit(&out, "{\"function\":{\"name\":\"f\"}}]}}");

    for (i = 0; i < 300; i++) {
        ngx_litellm_out_lit(&out, ",{\"message\":{\"content\":\"a\"}}");
    }

    ngx_litellm_out_lit(&out, "]}");
    CHECK(ngx_litellm_out_join(&out, &body) == NGX_OK);

    ngx_litellm_answer_init(&answer, unit_pool);
    CHECK(ngx_litellm_openai_dialect.response(&c.call, &body, &answer,
                                              &c.e) == NGX_OK);

    CHECK_INT(answer.calls.nelts, 1024);

    for (a = &answer, n = 0; a; a = a->next) {
        n++;
    }

    CHECK_INT(n, NGX_LITELLM_CHOICES);

    n = 0;

    ngx_memzero(&st, sizeof(st));
    st.call = &c.call;
    st.pool = unit_pool;
    st.emit = count_calls;
    st.data = &n;

    for (i = 0; i < 200; i++) {
        body.len = snprintf(piece, sizeof(piece),
                            "{\"choices\":[{\"delta\":{\"tool_calls\":[{"
                            "\"id\":\"t%d\",\"function\":{\"name\":\"f\"}}"
                            "]}}]}", (int) i);
        body.data = (u_char *) piece;

        CHECK(ngx_litellm_openai_dialect.event(&st, NULL, &body) == NGX_OK);
    }

    CHECK_INT(n, 128);
}


void
unit_main(void)
{
    bounds();

    cases(&translate);
    cases(&together_ai);
    cases(&openrouter);
    cases(&huggingface);
    cases(&compatible);

    again();
}
