
/*
 * Rerank of all providers on wire data (t/data/rerank, see wire_case.h), which
 * rows have it, and mock_response.
 */

#include "wire_case.h"


static const case_set_t  rerank = {
    .set = "rerank",
    .least = 35,
    .provider = "cohere",
    .model = "rerank-v3.5",
    .key = "unit-key-0123456789",
    .op = "rerank"
};


static void
rows(void)
{
    ngx_str_t                  name;
    ngx_uint_t                 i;
    ngx_litellm_call_t         call;
    ngx_litellm_deployment_t   d;

    static const struct {
        const char                   *name;
        const ngx_litellm_dialect_t  *dialect;
    } cases[] = {
        { "cohere", &ngx_litellm_rerank_dialect },
        { "cohere_chat", &ngx_litellm_rerank_dialect },
        { "together_ai", &ngx_litellm_rerank_dialect },
        { "jina_ai", &ngx_litellm_rerank_dialect },
        { "voyage", &ngx_litellm_rerank_dialect },
        { "infinity", &ngx_litellm_rerank_dialect },
        { "hosted_vllm", &ngx_litellm_rerank_dialect },
        { "litellm_proxy", &ngx_litellm_rerank_dialect },
        { "huggingface", &ngx_litellm_huggingface_rerank_dialect },
        { "openai", NULL },
        { "anthropic", NULL }
    };

    unit_case("rows");

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        ngx_memzero(&call, sizeof(call));
        ngx_memzero(&d, sizeof(d));

        name = unit_str(cases[i].name);
        d.provider = ngx_litellm_provider_find(&name);
        call.deployment = &d;
        call.op = NGX_LITELLM_OP_RERANK;

        if (CHECKF(d.provider != NULL, "no row %s", cases[i].name)) {
            CHECKF(ngx_litellm_provider_dialect(&call) == cases[i].dialect,
                   "%s", cases[i].name);
        }

        call.op = NGX_LITELLM_OP_CHAT;
        CHECK(ngx_litellm_provider_dialect(&call)
              == ((d.provider->quirks & NGX_LITELLM_Q_NO_CHAT)
                  ? NULL : d.provider->dialect));
    }
}


static void
mocks(void)
{
    ngx_uint_t  i;

    static const struct {
        const char  *mock;
        const char  *results;
    } cases[] = {
        { "[{\"index\":0,\"relevance_score\":1}]",
          "\"results\":[{\"index\":0,\"relevance_score\":1}]," },
        { "some text", "\"results\":[]," }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        case_mock(&rerank, "{\"query\":\"a\",\"documents\":[\"b\"]}",
                  cases[i].mock, cases[i].results);
    }
}


void
unit_main(void)
{
    rows();
    mocks();

    cases(&rerank);
}
