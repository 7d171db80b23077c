
/*
 * The one look at a request: members filed, what is refused and how, members
 * of one name, escaped names, bounds.
 */

#include "../provider/openai_call.h"


#define M  "\"model\":\"m\",\"messages\":[]"


static void
test_errors(void)
{
    ngx_uint_t     i;
    openai_call_t  c;

    static const struct {
        ngx_litellm_op_e   op;
        const char        *body;
        ngx_uint_t         status;
        const char        *text;           /* in the message */
        const char        *type;
        const char        *param;
    } cases[] = {
        { NGX_LITELLM_OP_CHAT, "", 400, "Invalid JSON payload: ",
          "invalid_request_error", "" },
        { NGX_LITELLM_OP_CHAT, "{\"model\":", 400, "at byte 9",
          "invalid_request_error", "" },
        { NGX_LITELLM_OP_CHAT, "{" M "} x", 400, "Invalid JSON payload: ",
          "invalid_request_error", "" },
        { NGX_LITELLM_OP_CHAT, "[]", 400, "not a JSON object",
          "invalid_request_error", "" },
        { NGX_LITELLM_OP_CHAT, "null", 400, "not a JSON object",
          "invalid_request_error", "" },
        { NGX_LITELLM_OP_CHAT, "{}", 400, "'messages'",
          "invalid_request_error", "messages" },
        { NGX_LITELLM_OP_CHAT, "{\"messages\":null}", 400, "'messages'",
          "invalid_request_error", "messages" },
        { NGX_LITELLM_OP_CHAT, "{\"messages\":\"Hi\"}", 400, "'messages'",
          "invalid_request_error", "messages" },
        { NGX_LITELLM_OP_COMPLETIONS, "{\"model\":\"m\"}", 400, "'prompt'",
          "invalid_request_error", "prompt" },
        { NGX_LITELLM_OP_COMPLETIONS, "{\"prompt\":1}", 400, "'prompt'",
          "invalid_request_error", "prompt" },
        { NGX_LITELLM_OP_EMBEDDINGS, "{\"model\":\"m\"}", 400, "'input'",
          "invalid_request_error", "input" },
        { NGX_LITELLM_OP_EMBEDDINGS, "{\"input\":{}}", 400, "'input'",
          "invalid_request_error", "input" },
        { NGX_LITELLM_OP_CHAT, "{\"model\":1,\"messages\":[]}", 400,
          "'model'", "invalid_request_error", "model" },
        { NGX_LITELLM_OP_CHAT, "{" M ",\"stream\":\"yes\"}", 400, "'stream'",
          "invalid_request_error", "stream" },
        { NGX_LITELLM_OP_CHAT, "{" M ",\"api_base\":\"http://x\"}", 401,
          "Authentication Error, Rejected Request: api_base is not allowed in "
          "request body.", "auth_error", "None" },
        { NGX_LITELLM_OP_CHAT, "{" M ",\"user_config\":null}", 401,
          "user_config is not allowed", "auth_error", "None" },
        { NGX_LITELLM_OP_CHAT, "{" M ",\"api\\u005fkey\":\"x\"}", 401,
          "api_key is not allowed", "auth_error", "None" },
        { NGX_LITELLM_OP_CHAT, "{" M ",\"mock_testing_fallbacks\":true}", 400,
          "mock_testing_", "invalid_request_error", "" },
        { NGX_LITELLM_OP_CHAT, "{" M ",\"mock_delay\":3}", 400, "mock_delay",
          "invalid_request_error", "" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("%s", cases[i].body);

        openai_call(&c, cases[i].op, "m", unit_str(cases[i].body));

        CHECK_INT(openai_open(&c), NGX_DECLINED);
        CHECK_INT(c.error.status, cases[i].status);
        CHECK_STR(&c.error.type, cases[i].type);
        CHECK_STR(&c.error.param, cases[i].param);
        CHECKF(ngx_strnstr(c.error.message.data, (char *) cases[i].text,
                           c.error.message.len) != NULL,
               "message is %.*s", (int) c.error.message.len,
               c.error.message.data);
    }

    unit_case("test switches that are allowed");

    openai_call(&c, NGX_LITELLM_OP_CHAT, "m",
                unit_str("{" M ",\"mock_testing_fallbacks\":true}"));
    c.config.allow_mock_testing = 1;
    CHECK_INT(openai_open(&c), NGX_OK);
    CHECK_INT(c.call.control.nelts, 1);
}


static void
test_members(void)
{
    openai_call_t          c;
    ngx_litellm_member_t  *m;

    unit_case("all kinds");

    openai_call(&c, NGX_LITELLM_OP_CHAT, "m",
                unit_str("{\"model\":\"m\\u00e9\",\"messages\":[{}],"
                         "\"temperature\":0.5,\"top_p\":null,"
                         "\"stream\":true,\"stream_options\":"
                         "{\"x\":1,\"include_usage\":true},"
                         "\"timeout\":3,\"mock_response\":\"x\","
                         "\"x_own\":{\"a\":[1]},\"drop\\u005fparams\":true}"));

    CHECK_INT(openai_open(&c), NGX_OK);
    CHECK_STR(&c.call.model, "m\303\251");
    CHECK(c.call.model_node != NULL);
    CHECK(c.call.stream && c.call.include_usage && !c.call.duplicates);
    CHECK(c.call.present == (ngx_litellm_param_bit(TEMPERATURE)
                             | ngx_litellm_param_bit(STREAM)
                             | ngx_litellm_param_bit(STREAM_OPTIONS)));
    CHECK(c.call.param[NGX_LITELLM_P_TOP_P] != NULL);
    CHECK(c.call.param[NGX_LITELLM_P_SEED] == NULL);

    if (CHECK_INT(c.call.extra.nelts, 1)) {
        m = c.call.extra.elts;
        CHECK_STR(&m->key, "x_own");
        CHECK_INT(m->value->type, NGX_LITELLM_JSON_OBJECT);
        CHECK(!(m->value->flags & NGX_LITELLM_JSON_DROPPED));
    }

    if (CHECK_INT(c.call.control.nelts, 2)) {
        m = c.call.control.elts;
        CHECK_STR(&m[0].key, "timeout");
        CHECK_STR(&m[1].key, "drop_params");
        CHECK(m[1].value->flags & NGX_LITELLM_JSON_DROPPED);
    }

    unit_case("the model of the path wins");

    openai_call(&c, NGX_LITELLM_OP_CHAT, "m", unit_str("{" M "}"));
    c.call.model = openai_str("path");
    CHECK_INT(openai_open(&c), NGX_OK);
    CHECK_STR(&c.call.model, "path");
    CHECK(c.call.model_node != NULL);

    unit_case("no model, null model");

    openai_call(&c, NGX_LITELLM_OP_CHAT, "m", unit_str("{\"messages\":[]}"));
    CHECK_INT(openai_open(&c), NGX_OK);
    CHECK_INT(c.call.model.len, 0);
    CHECK(c.call.model_node == NULL);

    openai_call(&c, NGX_LITELLM_OP_CHAT, "m",
                unit_str("{\"model\":null,\"messages\":[]}"));
    CHECK_INT(openai_open(&c), NGX_OK);
    CHECK_INT(c.call.model.len, 0);

    unit_case("stream off, and of embeddings");

    openai_call(&c, NGX_LITELLM_OP_CHAT, "m",
                unit_str("{" M ",\"stream\":false,\"stream_options\":"
                         "{\"include_usage\":true}}"));
    CHECK_INT(openai_open(&c), NGX_OK);
    CHECK(!c.call.stream && !c.call.include_usage);

    openai_call(&c, NGX_LITELLM_OP_EMBEDDINGS, "m",
                unit_str("{\"input\":\"x\",\"stream\":true}"));
    CHECK_INT(openai_open(&c), NGX_OK);
    CHECK(!c.call.stream);

    unit_case("opened twice: the same");

    openai_call(&c, NGX_LITELLM_OP_CHAT, "m",
                unit_str("{" M ",\"stream\":true,\"x\":1}"));
    CHECK_INT(openai_open(&c), NGX_OK);
    CHECK_INT(openai_open(&c), NGX_OK);
    CHECK_INT(c.call.extra.nelts, 1);
    CHECK(c.call.stream);
}


static void
test_duplicates(void)
{
    u_char                *p, *text;
    ngx_str_t              body;
    ngx_uint_t             i, n;
    openai_call_t          c;
    ngx_litellm_member_t  *m;

    unit_case("a parameter, a null after it");

    openai_call(&c, NGX_LITELLM_OP_CHAT, "m",
                unit_str("{\"model\":\"a\",\"model\":\"m\",\"messages\":[],"
                         "\"seed\":1,\"seed\":2,\"n\":1,\"n\":null}"));
    CHECK_INT(openai_open(&c), NGX_OK);
    CHECK(c.call.duplicates);
    CHECK_STR(&c.call.model, "m");
    CHECK(c.call.present == ngx_litellm_param_bit(SEED));
    CHECK_INT(*c.call.param[NGX_LITELLM_P_SEED]->start, '2');

    unit_case("foreign members, one spelled with an escape");

    openai_call(&c, NGX_LITELLM_OP_CHAT, "m",
                unit_str("{" M ",\"x\":1,\"y\":2,\"\\u0078\":3}"));
    CHECK_INT(openai_open(&c), NGX_OK);
    CHECK(c.call.duplicates);

    if (CHECK_INT(c.call.extra.nelts, 2)) {
        m = c.call.extra.elts;
        CHECK_STR(&m[0].key, "y");
        CHECK_INT(*m[1].value->start, '3');
    }

    unit_case("control members");

    openai_call(&c, NGX_LITELLM_OP_CHAT, "m",
                unit_str("{" M ",\"timeout\":1,\"timeout\":2}"));
    CHECK_INT(openai_open(&c), NGX_OK);

    if (CHECK_INT(c.call.control.nelts, 1)) {
        m = c.call.control.elts;
        CHECK_INT(*m->value->start, '2');
    }

    unit_case("many members");

    text = ngx_pnalloc(unit_pool, 65536);
    p = ngx_cpymem(text, "{" M, sizeof("{" M) - 1);

    for (i = 0; i < 1600; i++) {
        p = ngx_sprintf(p, ",\"k%ui\":%ui", i % 800, i);
    }

    *p++ = '}';

    body = unit_mem(text, p - text);
    openai_call(&c, NGX_LITELLM_OP_CHAT, "m", body);
    CHECK_INT(openai_open(&c), NGX_OK);
    CHECK(c.call.duplicates);
    CHECK_INT(c.call.extra.nelts, 800);

    m = c.call.extra.elts;
    n = 0;

    for (i = 0; i < c.call.extra.nelts; i++) {
        n += (ngx_atoi(m[i].value->start, m[i].value->len)
              == (ngx_int_t) (800 + i));
    }

    CHECK_INT(n, 800);

    unit_case("too many members");

    text = ngx_pnalloc(unit_pool, 65536);
    p = ngx_cpymem(text, "{" M, sizeof("{" M) - 1);

    for (i = 0; i < 3000; i++) {
        p = ngx_sprintf(p, ",\"k%ui\":0", i);
    }

    *p++ = '}';

    body = unit_mem(text, p - text);
    openai_call(&c, NGX_LITELLM_OP_CHAT, "m", body);
    CHECK_INT(openai_open(&c), NGX_DECLINED);
    CHECK_INT(c.error.status, 400);
}


void
unit_main(void)
{
    test_errors();
    test_members();
    test_duplicates();
}
