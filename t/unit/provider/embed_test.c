
/*
 * Embeddings of all providers that are translated, on wire data
 * (t/data/embeddings, see cases.h), and mock_response.
 */

#include "cases.h"


static void
mocks(void)
{
    ngx_str_t              got;
    ngx_uint_t             i;
    ngx_litellm_out_t      out;
    ngx_litellm_call_t     call;
    ngx_litellm_error_t    e;
    ngx_litellm_answer_t   answer;
    ngx_litellm_deployment_t  d;

    static const struct {
        const char  *mock;
        const char  *body;
        const char  *data;
    } cases[] = {
        { "[0.5, -1]", "{\"input\":\"a\"}", "\"embedding\":[0.5, -1]}]" },
        { "[0.5, -1]", "{\"input\":\"a\",\"encoding_format\":\"base64\"}",
          "\"embedding\":\"AAAAPwAAgL8=\"}]" },
        { "[0.5, \"x\"]", "{\"input\":\"a\"}", "\"embedding\":[]}]" },
        { "a text of several words", "{\"input\":\"a\"}",
          "\"embedding\":[]}]" },
        { "[1.25, 2.5, 3.75, 4.125, 5.5, 6.25]", "{\"input\":\"a\"}",
          "\"embedding\":[1.25, 2.5, 3.75, 4.125, 5.5, 6.25]}]" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        unit_case("mock_response %s", cases[i].mock);

        ngx_memzero(&call, sizeof(call));
        ngx_memzero(&d, sizeof(d));

        call.pool = unit_pool;
        call.log = &unit_log;
        call.deployment = &d;
        call.op = NGX_LITELLM_OP_EMBEDDINGS;
        call.format = &ngx_litellm_openai_embeddings;
        call.body = unit_str(cases[i].body);
        d.mock_response = unit_str(cases[i].mock);

        CHECK(call.format->open(&call, &e) == NGX_OK);
        CHECK(ngx_litellm_answer_init(&answer, unit_pool) == NGX_OK);
        CHECK(ngx_litellm_mock_answer(&call, &answer, &e) == NGX_OK);

        ngx_litellm_out_init(&out, unit_pool);
        call.format->answer(&call, &out, &answer);

        CHECK(!out.failed);
        got = unit_chain(out.first);
        check_json(&got);

        CHECKF(ngx_litellm_find(got.data, got.data + got.len,
                                cases[i].data, ngx_strlen(cases[i].data))
               != NULL, "%.*s", (int) got.len, (char *) got.data);
    }
}


void
unit_main(void)
{
    mocks();

    cases("embeddings", "cohere", "embed-v4.0", "embeddings", 40);
}
