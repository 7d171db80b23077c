
/*
 * mock_response: texts become answers that an OpenAI client reads, names of
 * error classes become those errors.
 */

#include "unit.h"
#include "ngx_litellm_format.h"


static ngx_int_t
answer(ngx_litellm_call_t *call, ngx_litellm_deployment_t *d,
    const char *text, ngx_litellm_answer_t *a, ngx_litellm_error_t *e)
{
    ngx_memzero(call, sizeof(ngx_litellm_call_t));
    ngx_memzero(d, sizeof(ngx_litellm_deployment_t));
    ngx_memzero(e, sizeof(ngx_litellm_error_t));

    d->mock_response = unit_str(text);
    d->mock = 1;

    call->pool = unit_pool;
    call->log = &unit_log;
    call->deployment = d;
    ngx_str_set(&call->model, "owl \"1\"");
    ngx_str_set(&call->id, "chatcmpl-unit");
    call->now = 7;

    ngx_litellm_answer_init(a, unit_pool);

    return ngx_litellm_mock_answer(call, a, e);
}


static void
texts(void)
{
    ngx_str_t                 got;
    ngx_uint_t                i;
    ngx_litellm_out_t         out;
    ngx_litellm_call_t        call;
    ngx_litellm_error_t       e;
    ngx_litellm_answer_t      a;
    ngx_litellm_deployment_t  d;

    static const struct {
        const char  *text;
        const char  *content;
        ngx_uint_t   pieces;
    } cases[] = {
        { "Hello", "Hello", 1 },
        { "", "", 1 },
        { "The heron sleeps in a tree", "The heron sleeps in a tree", 3 },
        { "a \"b\"\n\\", "a \\\"b\\\"\\n\\\\", 1 },
        { "h\xc3\xa9ron \xff here",
          "h\xc3\xa9ron \xef\xbf\xbd here", 2 },
        { "litellm.NoSuchError", "litellm.NoSuchError", 1 },
        { "        ", "        ", 1 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("mock text %d", (int) i);

        CHECK_INT(answer(&call, &d, cases[i].text, &a, &e), NGX_OK);
        CHECK_INT(a.text.nelts, cases[i].pieces);
        CHECK_INT(a.usage.prompt, 10);
        CHECK_INT(a.usage.completion, 20);
        CHECK_INT(a.usage.total, 30);

        ngx_litellm_out_init(&out, unit_pool);
        ngx_litellm_openai_chat.answer(&call, &out, &a);
        got = unit_chain(out.first);

        CHECK(ngx_litellm_find(got.data, got.data + got.len,
                               cases[i].content,
                               ngx_strlen(cases[i].content))
              != NULL || cases[i].content[0] == '\0');
    }

    unit_case("mock answer");

    CHECK_INT(answer(&call, &d, "Hi", &a, &e), NGX_OK);
    ngx_litellm_out_init(&out, unit_pool);
    ngx_litellm_openai_chat.answer(&call, &out, &a);
    got = unit_chain(out.first);

    CHECK_STR(&got, "{\"id\":\"chatcmpl-unit\",\"created\":7,"
              "\"model\":\"owl \\\"1\\\"\",\"object\":\"chat.completion\","
              "\"choices\":[{\"finish_reason\":\"stop\",\"index\":0,"
              "\"message\":{\"content\":\"Hi\",\"role\":\"assistant\"}}],"
              "\"usage\":{\"completion_tokens\":20,\"prompt_tokens\":10,"
              "\"total_tokens\":30}}");
}


static void
errors(void)
{
    ngx_uint_t                i;
    ngx_litellm_call_t        call;
    ngx_litellm_error_t       e;
    ngx_litellm_answer_t      a;
    ngx_litellm_deployment_t  d;

    static const struct {
        const char           *text;
        ngx_litellm_class_e   class;
        ngx_uint_t            status;
    } cases[] = {
        { "litellm.RateLimitError", NGX_LITELLM_RATE_LIMIT, 429 },
        { "litellm.InternalServerError", NGX_LITELLM_INTERNAL_SERVER, 500 },
        { "litellm.ContextWindowExceededError", NGX_LITELLM_CONTEXT_WINDOW,
          400 },
        { "litellm.ContentPolicyViolationError", NGX_LITELLM_CONTENT_POLICY,
          400 },
        { "litellm.Timeout", NGX_LITELLM_TIMEOUT, 408 },
        { "litellm.AuthenticationError", NGX_LITELLM_AUTHENTICATION, 401 },
        { "litellm.ServiceUnavailableError",
          NGX_LITELLM_SERVICE_UNAVAILABLE, 503 },
        { "Exception: content_filter_policy", NGX_LITELLM_CONTENT_POLICY,
          400 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("mock error %s", cases[i].text);

        CHECK_INT(answer(&call, &d, cases[i].text, &a, &e), NGX_DECLINED);
        CHECK_INT(e.class, cases[i].class);
        CHECK_INT(e.status, cases[i].status);
        CHECK(e.message.len > 8
              && ngx_strncmp(e.message.data, "litellm.", 8) == 0);
        CHECK_INT(a.text.nelts, 0);
    }
}


void
unit_main(void)
{
    texts();
    errors();
}
