
/*
 * Errors of providers: class, status, type, param and code of bodies in all
 * the forms seen, rules by text before rules by status, the key taken out,
 * bounds.
 */

#include "openai_call.h"


static void
test_table(void)
{
    ngx_str_t      body;
    ngx_uint_t     i;
    openai_call_t  c;

#define OPENAI(message, type, code)                                           \
    "{\"error\":{\"message\":\"" message "\",\"type\":\"" type                \
    "\",\"param\":null,\"code\":" code "}}"

    static const struct {
        ngx_uint_t             status;
        const char            *body;
        ngx_litellm_class_e    class;
        ngx_uint_t             want;
        const char            *text;        /* end of the message */
        const char            *type;
        const char            *code;
    } cases[] = {

        /* by status */

        { 400, OPENAI("Bad n.", "invalid_request_error", "null"),
          NGX_LITELLM_BAD_REQUEST, 400, " - Bad n.", "invalid_request_error",
          "" },
        { 401, OPENAI("Incorrect API key provided: x", "invalid_request_error",
                      "\"invalid_api_key\""),
          NGX_LITELLM_AUTHENTICATION, 401, " provided: x",
          "invalid_request_error", "invalid_api_key" },
        { 402, OPENAI("Pay.", "billing", "null"),
          NGX_LITELLM_PAYMENT_REQUIRED, 402, "Pay.", "billing", "" },
        { 403, OPENAI("No.", "insufficient_permissions", "null"),
          NGX_LITELLM_PERMISSION_DENIED, 403, "No.",
          "insufficient_permissions", "" },
        { 404, OPENAI("No such path", "invalid_request_error", "null"),
          NGX_LITELLM_NOT_FOUND, 404, "No such path", "invalid_request_error",
          "" },
        { 408, "", NGX_LITELLM_TIMEOUT, 408, " - ", "", "" },
        { 413, "too big", NGX_LITELLM_BAD_REQUEST, 413, "too big", "", "" },
        { 422, "{\"detail\":\"field required\"}", NGX_LITELLM_BAD_REQUEST, 422,
          "field required", "", "" },
        { 429, OPENAI("Slow down", "requests", "\"rate_limit_exceeded\""),
          NGX_LITELLM_RATE_LIMIT, 429, "Slow down", "requests",
          "rate_limit_exceeded" },
        { 429, OPENAI("Over quota", "insufficient_quota",
                      "\"insufficient_quota\""),
          NGX_LITELLM_RATE_LIMIT, 429, "Over quota", "insufficient_quota",
          "insufficient_quota" },
        { 500, "{\"error\":\"boom\"}", NGX_LITELLM_INTERNAL_SERVER, 500,
          "boom", "", "" },
        { 502, "<html>Bad Gateway</html>\r\n", NGX_LITELLM_BAD_GATEWAY, 502,
          "<html>Bad Gateway</html>", "", "" },
        { 503, "{\"message\":\"busy\",\"type\":\"overloaded\"}",
          NGX_LITELLM_SERVICE_UNAVAILABLE, 503, "busy", "overloaded", "" },
        { 504, "", NGX_LITELLM_TIMEOUT, 504, " - ", "", "" },
        { 0, "", NGX_LITELLM_API_CONNECTION, 500, " - ", "", "" },
        { 520, "x", NGX_LITELLM_API, 520, " - x", "", "" },

        /* by text */

        { 400, OPENAI("This model's maximum context length is 8192 tokens.",
                      "invalid_request_error",
                      "\"context_length_exceeded\""),
          NGX_LITELLM_CONTEXT_WINDOW, 400, "tokens.",
          "invalid_request_error", "context_length_exceeded" },
        { 400, "{\"object\":\"error\",\"message\":\"the prompt IS LONGER THAN "
               "the model's context length\",\"code\":400}",
          NGX_LITELLM_CONTEXT_WINDOW, 400, "context length", "", "" },
        { 400, OPENAI("Invalid 'user': string too long. Expected a string "
                      "with maximum length 64.", "invalid_request_error",
                      "\"string_above_max_length\""),
          NGX_LITELLM_BAD_REQUEST, 400, "length 64.", "invalid_request_error",
          "string_above_max_length" },
        { 422, "{\"error\":\"maximum input length is 9 tokens\"}",
          NGX_LITELLM_CONTEXT_WINDOW, 400, "9 tokens", "", "" },
        { 400, OPENAI("No model", "invalid_request_error",
                      "\"model_not_found\""),
          NGX_LITELLM_NOT_FOUND, 404, "No model", "invalid_request_error",
          "model_not_found" },
        { 400, OPENAI("Refused", "invalid_request_error",
                      "\"content_policy_violation\""),
          NGX_LITELLM_CONTENT_POLICY, 400, "Refused",
          "invalid_request_error", "content_policy_violation" },
        { 400, "{\"error\":\"rate   limit of this model\"}",
          NGX_LITELLM_RATE_LIMIT, 429, "this model", "", "" },
        { 503, "Rate-Limit hit", NGX_LITELLM_RATE_LIMIT, 429,
          "Rate-Limit hit", "", "" },
        { 400, "the rate of limes", NGX_LITELLM_BAD_REQUEST, 400,
          "the rate of limes", "", "" },
        { 400, "rate", NGX_LITELLM_BAD_REQUEST, 400, " - rate", "", "" },
        { 400, OPENAI("Request too large for model", "tokens", "null"),
          NGX_LITELLM_RATE_LIMIT, 429, "for model", "tokens", "" },
        { 520, "Web server is returning an unknown error",
          NGX_LITELLM_INTERNAL_SERVER, 500, "error", "", "" },
        { 500, "Request timed out.", NGX_LITELLM_TIMEOUT, 408, "timed out.",
          "", "" },

        /* inside of a good answer */

        { 200, OPENAI("The server stopped", "server_error", "null"),
          NGX_LITELLM_INTERNAL_SERVER, 500, "stopped", "server_error", "" },
        { 200, "{\"error\":{\"message\":\"no\",\"code\":402}}",
          NGX_LITELLM_PAYMENT_REQUIRED, 402, "no", "", "" },
        { 200, OPENAI("Over quota", "insufficient_quota", "null"),
          NGX_LITELLM_RATE_LIMIT, 429, "quota", "insufficient_quota", "" },
        { 200, "{\"error\":\"who knows\"}", NGX_LITELLM_INTERNAL_SERVER, 500,
          "who knows", "", "" },

        /* forms */

        { 500, "[{\"error\":{\"message\":\"in a list\",\"code\":500}}]",
          NGX_LITELLM_INTERNAL_SERVER, 500, "in a list", "", "" },
        { 500, "[]", NGX_LITELLM_INTERNAL_SERVER, 500, "[]", "", "" },
        { 500, "{}", NGX_LITELLM_INTERNAL_SERVER, 500, "{}", "", "" },
        { 500, "{\"error\":{\"message\":\"\\u00e9\\n\\ud83d\"}}",
          NGX_LITELLM_INTERNAL_SERVER, 500, "\303\251\n\357\277\275", "",
          "" },
        { 500, "{\"error\":{\"message\":", NGX_LITELLM_INTERNAL_SERVER, 500,
          "{\"error\":{\"message\":", "", "" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("%lu %s", (unsigned long) cases[i].status, cases[i].body);

        openai_call(&c, NGX_LITELLM_OP_CHAT, "m", unit_str("{}"));
        body = unit_str(cases[i].body);
        c.error.retry_after = 77;

        ngx_litellm_error_openai(&c.call, cases[i].status, &body, &c.error);

        CHECK_INT(c.error.class, cases[i].class);
        CHECK_INT(c.error.status, cases[i].want);
        CHECK_STR(&c.error.type, cases[i].type);
        CHECK_STR(&c.error.code, cases[i].code);
        CHECK_INT(c.error.retry_after, 77);

        CHECKF(ngx_strncmp(c.error.message.data, "litellm.", 8) == 0
               && c.error.message.len >= ngx_strlen(cases[i].text)
               && ngx_memcmp(c.error.message.data + c.error.message.len
                             - ngx_strlen(cases[i].text), cases[i].text,
                             ngx_strlen(cases[i].text)) == 0,
               "message is %.*s", (int) c.error.message.len,
               c.error.message.data);
    }
}


static void
test_key(void)
{
    u_char         *p, *text;
    ngx_str_t       header;
    ngx_array_t     list;
    ngx_keyval_t    settings[3];
    ngx_str_t       body;
    ngx_uint_t      i;
    openai_call_t   c;

    static const char  *bodies[] = {
        "{\"error\":{\"message\":\"key " OPENAI_KEY " is wrong, "
        OPENAI_KEY "\",\"type\":\"" OPENAI_KEY "\",\"param\":\"" OPENAI_KEY
        "\",\"code\":\"" OPENAI_KEY "\"}}",
        "{\"error\":{\"message\":\"key sk-unit-0123456789\\u0061bcdef\"}}",
        ("plain " OPENAI_KEY),
        OPENAI_KEY
    };

    for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        unit_case("%s", bodies[i]);

        openai_call(&c, NGX_LITELLM_OP_CHAT, "m", unit_str("{}"));
        body = unit_str(bodies[i]);

        ngx_litellm_error_openai(&c.call, 401, &body, &c.error);

#define NO_KEY(s)                                                             \
        CHECK(ngx_litellm_find((s).data, (s).data + (s).len, OPENAI_KEY,      \
                               sizeof(OPENAI_KEY) - 1) == NULL)

        NO_KEY(c.error.message);
        NO_KEY(c.error.type);
        NO_KEY(c.error.param);
        NO_KEY(c.error.code);
        CHECK(ngx_strnstr(c.error.message.data, "***", c.error.message.len)
              != NULL);
    }

    unit_case("a message made elsewhere");

    openai_call(&c, NGX_LITELLM_OP_CHAT, "m", unit_str("{}"));
    c.error.message = openai_str("a " OPENAI_KEY OPENAI_KEY " b");
    ngx_litellm_error_scrub(&c.call, &c.error);
    CHECK_STR(&c.error.message, "a ****** b");

    unit_case("a token, and secrets among the settings");

    openai_call(&c, NGX_LITELLM_OP_CHAT, "m", unit_str("{}"));
    c.call.token = openai_str("ya29.token-of-the-day");

    settings[0].key = openai_str("aws_region_name");
    settings[0].value = openai_str("eu-central-1");
    settings[1].key = openai_str("aws_secret_access_key");
    settings[1].value = openai_str("wJalrXUtnFEMI");
    settings[2].key = openai_str("client_secret");
    settings[2].value = openai_str("entra-secret-1");

    ngx_memzero(&list, sizeof(ngx_array_t));
    list.elts = settings;
    list.nelts = 3;
    c.deployment.settings = &list;

    c.error.message = openai_str("eu-central-1: wJalrXUtnFEMI entra-secret-1 "
                                 "ya29.token-of-the-day " OPENAI_KEY);
    ngx_litellm_error_scrub(&c.call, &c.error);
    CHECK_STR(&c.error.message, "eu-central-1: *** *** *** ***");

    header = openai_str("x-wJalrXUtnFEMI-y");
    CHECK_INT(ngx_litellm_error_tells(&c.call, &header), 1);
    header = openai_str("ya29.token-of-the-day");
    CHECK_INT(ngx_litellm_error_tells(&c.call, &header), 1);
    header = openai_str("eu-central-1");
    CHECK_INT(ngx_litellm_error_tells(&c.call, &header), 0);

    unit_case("no key, a short key");

    openai_call(&c, NGX_LITELLM_OP_CHAT, "m", unit_str("{}"));
    ngx_str_null(&c.deployment.api_key);
    c.error.message = openai_str("a b");
    ngx_litellm_error_scrub(&c.call, &c.error);
    CHECK_STR(&c.error.message, "a b");

    c.deployment.api_key = openai_str("a");
    ngx_litellm_error_scrub(&c.call, &c.error);
    CHECK_STR(&c.error.message, "a b");

    unit_case("a long text with the key at every place of the bound");

    for (i = 0; i < sizeof(OPENAI_KEY) + 2; i++) {
        openai_call(&c, NGX_LITELLM_OP_CHAT, "m", unit_str("{}"));

        text = ngx_pnalloc(unit_pool, 200000);
        ngx_memset(text, 0xc3, 200000);

        for (p = text; p < text + 200000 - 1; p += 2) {
            p[0] = 0xc3;
            p[1] = 0xa9;
        }

        ngx_memcpy(text + 4096 - i, OPENAI_KEY, sizeof(OPENAI_KEY) - 1);
        body.data = text;
        body.len = 200000;

        ngx_litellm_error_openai(&c.call, 500, &body, &c.error);

        NO_KEY(c.error.message);
        CHECK(c.error.message.len < 4096 + 100);
        CHECK(ngx_strnstr(c.error.message.data, "sk-un", c.error.message.len)
              == NULL);
    }
}


void
unit_main(void)
{
    test_table();
    test_key();
}
