
/*
 * Embeddings of all providers that are translated, on wire data
 * (t/data/embeddings, see wire_case.h), and mock_response.
 */

#include "wire_case.h"


static const case_set_t  embeddings = {
    .set = "embeddings",
    .least = 55,
    .provider = "cohere",
    .model = "embed-v4.0",
    .key = "unit-key-0123456789",
    .op = "embeddings"
};


static void
mocks(void)
{
    ngx_uint_t  i;

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
        case_mock(&embeddings, cases[i].body, cases[i].mock, cases[i].data);
    }
}


/* more numbers than a JSON text may have nodes */

#define LARGE_VECTORS  1100
#define LARGE_NUMBERS  1000

static void
large(void)
{
    u_char                    *p;
    ngx_str_t                  body, input;
    ngx_uint_t                 i, j, k;
    ngx_litellm_call_t         call;
    ngx_litellm_error_t        e;
    ngx_litellm_answer_t       answer;
    ngx_litellm_deployment_t   d;

    static ngx_str_t  name = ngx_string("cohere");

    static const struct {
        const ngx_litellm_dialect_t  *dialect;
        const char                   *head;
        const char                   *before;
        const char                   *after;
        const char                   *tail;
    } cases[] = {
        { &ngx_litellm_cohere_embed_dialect,
          "{\"embeddings\":{\"float\":[", "[", "]", "]}}" },
        { &ngx_litellm_gemini_embed_dialect,
          "{\"embeddings\":[", "{\"values\":[", "]}", "]}" },
        { &ngx_litellm_vertex_embed_dialect,
          "{\"predictions\":[", "{\"embeddings\":{\"values\":[", "]}}",
          "]}" },
        { &ngx_litellm_huggingface_embed_dialect, "[", "[", "]", "]" },
        { &ngx_litellm_huggingface_embed_dialect, " {\"embeddings\":[", "[",
          "]", "]}" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        unit_case("large answers: %s", cases[i].head);

        ngx_memzero(&call, sizeof(call));
        ngx_memzero(&d, sizeof(d));

        d.provider = ngx_litellm_provider_find(&name);
        call.pool = unit_pool;
        call.log = &unit_log;
        call.deployment = &d;
        call.op = NGX_LITELLM_OP_EMBEDDINGS;
        call.format = &ngx_litellm_openai_embeddings;

        input.data = ngx_pnalloc(unit_pool, 32 + 4 * LARGE_VECTORS);
        p = ngx_cpymem(input.data, "{\"input\":[\"\"", 12);

        for (k = 1; k < LARGE_VECTORS; k++) {
            p = ngx_cpymem(p, ",\"\"", 3);
        }

        p = ngx_cpymem(p, "]}", 2);
        input.len = p - input.data;
        call.body = input;

        CHECK(call.format->open(&call, &e) == NGX_OK);

        body.data = ngx_pnalloc(unit_pool, 64 + LARGE_VECTORS
                                           * (LARGE_NUMBERS * 2 + 64));
        p = ngx_sprintf(body.data, "%s", cases[i].head);

        for (k = 0; k < LARGE_VECTORS; k++) {
            p = ngx_sprintf(p, "%s%s", k ? "," : "", cases[i].before);

            for (j = 0; j < LARGE_NUMBERS; j++) {
                *p++ = '1';
                *p++ = ',';
            }

            p--;
            p = ngx_sprintf(p, "%s", cases[i].after);
        }

        p = ngx_sprintf(p, "%s", cases[i].tail);
        body.len = p - body.data;

        CHECK(ngx_litellm_answer_init(&answer, unit_pool) == NGX_OK);
        CHECK(cases[i].dialect->response(&call, &body, &answer, &e)
              == NGX_OK);
        CHECK_INT(answer.vectors.nelts, LARGE_VECTORS);
    }
}


void
unit_main(void)
{
    mocks();
    large();

    cases(&embeddings);
}
