
/*
 * What the wire cases of t/data/anthropic do not reach in the chat format: the
 * neutral form of odd requests, refusals, and the writer's events that
 * Anthropic has none of.
 */

#include "unit.h"
#include "ngx_litellm_openai.h"


typedef struct {
    ngx_litellm_provider_t    provider;
    ngx_litellm_deployment_t  deployment;
    ngx_litellm_call_t        call;
    ngx_litellm_json_doc_t    doc;
    ngx_litellm_chat_t        chat;
    ngx_litellm_error_t       error;
} parse_t;


static ngx_int_t
parse(parse_t *p, const char *body)
{
    ngx_int_t  rc;

    ngx_memzero(p, sizeof(parse_t));

    p->call.pool = unit_pool;
    p->call.log = &unit_log;
    p->call.deployment = &p->deployment;
    p->call.format = &ngx_litellm_openai_chat;
    p->call.body = unit_str(body);
    p->deployment.provider = &p->provider;

    rc = p->call.format->open(&p->call, &p->error);

    if (rc != NGX_OK) {
        return rc;
    }

    return p->call.format->parse(&p->call, &p->doc, &p->chat, &p->error);
}


static void
neutral(void)
{
    parse_t                 p;
    ngx_litellm_message_t  *m;

    unit_case("roles and parts");

    CHECK_INT(parse(&p, "{\"model\":\"m\",\"messages\":["
        "{\"role\":\"\\u0073ystem\",\"content\":\"a\",\"name\":\"n\"},"
        "{\"content\":\"x\",\"role\":\"user\",\"content\":["
            "{\"type\":\"text\",\"text\":\"b\\n\"},"
            "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"UklG\","
                "\"format\":\"wav\"}},"
            "{\"type\":\"image_url\",\"image_url\":{\"detail\":\"low\","
                "\"url\":\"DATA:image/png;x=y;Base64,AA\\/A\"}},"
            "{\"type\":\"novel\",\"x\":1}]},"
        "{\"role\":\"assistant\",\"content\":null,\"refusal\":\"no\","
            "\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\","
            "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"r\"}],"
        "\"temperature\":null,\"x\":1,\"y\":null,\"tool_choice\":\"auto\"}"),
        NGX_OK);

    CHECK_INT(p.chat.nmessages, 4);
    m = p.chat.messages;

    CHECK_INT(m[0].role, NGX_LITELLM_ROLE_SYSTEM);
    CHECK(m[0].string_content);
    CHECK_STR(&m[0].name, "n");

    CHECK_INT(m[1].nparts, 4);
    CHECK_STR(&m[1].parts[0].text, "b\\n");
    CHECK_INT(m[1].parts[1].type, NGX_LITELLM_PART_AUDIO);
    CHECK_STR(&m[1].parts[1].media, "wav");
    CHECK_STR(&m[1].parts[2].media, "image/png");
    CHECK_STR(&m[1].parts[2].data, "AA/A");
    CHECK_STR(&m[1].parts[2].detail, "low");
    CHECK_INT(m[1].parts[3].type, NGX_LITELLM_PART_OTHER);
    CHECK_STR(&m[1].parts[3].text, "novel");

    CHECK(m[2].null_content);
    CHECK_INT(m[2].parts[0].type, NGX_LITELLM_PART_REFUSAL);
    CHECK_INT(m[2].ncalls, 1);
    CHECK_STR(&m[2].calls[0].arguments, "{}");
    CHECK_STR(&m[3].call_id, "c");

    CHECK(p.chat.param[NGX_LITELLM_P_TEMPERATURE] == NULL);
    CHECK_INT(p.chat.extra.nelts, 1);
    CHECK_INT(p.chat.tool_choice, NGX_LITELLM_CHOICE_AUTO);
}


static void
refused(void)
{
    parse_t     p;
    ngx_uint_t  i;

    static const char  *bodies[] = {
        "{\"model\":\"m\",\"messages\":[1]}",
        "{\"model\":\"m\",\"messages\":[{}]}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"owl\",\"content\":\"\"}]}",
        "{\"model\":\"m\",\"messages\":[{\"content\":\"a\"}]}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":1}]}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[1]}]}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
            "[\"a\"]}]}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
            "[{\"type\":\"text\"}]}]}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
            "[{\"type\":\"text\",\"text\":1}]}]}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
            "[{\"text\":\"a\",\"x\":1}]}]}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
            "[{\"type\":\"image_url\",\"image_url\":{}}]}]}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
            "[{\"type\":\"file\",\"file\":{}}]}]}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\","
            "\"tool_calls\":1}]}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\","
            "\"tool_calls\":[0,0]}]}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\","
            "\"tool_calls\":[{\"function\":{}}]}]}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\","
            "\"tool_calls\":[{\"function\":{\"name\":\"f\","
            "\"arguments\":{}}}]}]}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\","
            "\"function_call\":\"f\"}]}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]"
            ",\"tools\":[1]}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]"
            ",\"tools\":[{\"function\":{}}]}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]"
            ",\"tools\":[{\"function\":{\"name\":\"f\",\"parameters\":1}}]}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]"
            ",\"tool_choice\":\"maybe\"}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]"
            ",\"tool_choice\":1}"
    };

    for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        unit_case("refused %s", bodies[i]);

        CHECK_INT(parse(&p, bodies[i]), NGX_DECLINED);
        CHECK_INT(p.error.status, 400);
        CHECK(p.error.message.len > 0);
    }
}


static ngx_str_t
event(ngx_litellm_writer_t *w, ngx_litellm_event_t *ev)
{
    ngx_litellm_out_t  out;

    ngx_litellm_out_init(&out, unit_pool);
    ngx_litellm_openai_event(w, &out, ev);
    CHECK(!out.failed);

    return unit_chain(out.first);
}


static void
events(void)
{
    ngx_str_t             got;
    ngx_litellm_call_t    call;
    ngx_litellm_event_t   ev;
    ngx_litellm_writer_t  w;

#define HEAD  "data: {\"id\":\"i\",\"created\":5,\"model\":\"m\\\"\","        \
              "\"object\":\"chat.completion.chunk\",\"choices\":"             \
              "[{\"index\":0,\"delta\":{"

    unit_case("events");

    ngx_memzero(&call, sizeof(call));
    ngx_memzero(&w, sizeof(w));

    call.pool = unit_pool;
    call.now = 5;
    ngx_str_set(&call.id, "i");
    ngx_str_set(&call.model, "m\"");
    w.call = &call;
    ngx_litellm_usage_init(&w.usage);

    ngx_memzero(&ev, sizeof(ev));
    ev.type = NGX_LITELLM_EV_START;
    got = event(&w, &ev);
    CHECK_INT(got.len, 0);

    ev.type = NGX_LITELLM_EV_REASONING;
    ngx_str_set(&ev.text, "r");
    got = event(&w, &ev);
    CHECK_STR(&got, HEAD "\"role\":\"assistant\",\"reasoning_content\":\"r\""
              "}}]}\n\n");

    ev.type = NGX_LITELLM_EV_REFUSAL;
    got = event(&w, &ev);
    CHECK_STR(&got, HEAD "\"refusal\":\"r\"}}]}\n\n");

    ev.type = NGX_LITELLM_EV_ANNOTATION;
    ngx_str_set(&ev.text, "{\"a\":1}");
    got = event(&w, &ev);
    CHECK_STR(&got, HEAD "\"annotations\":[{\"a\":1}]}}]}\n\n");

    ev.type = NGX_LITELLM_EV_CALL;
    ngx_str_null(&ev.text);
    ngx_str_set(&ev.id, "c1");
    ngx_str_set(&ev.name, "f");
    got = event(&w, &ev);
    CHECK_STR(&got, HEAD "\"tool_calls\":[{\"index\":0,\"id\":\"c1\","
              "\"type\":\"function\",\"function\":{\"name\":\"f\","
              "\"arguments\":\"\"}}]}}]}\n\n");

    /* a provider that says "stop" behind a call */

    ev.type = NGX_LITELLM_EV_FINISH;
    ev.finish = NGX_LITELLM_FINISH_STOP;
    got = event(&w, &ev);
    CHECK_INT(got.len, 0);

    ev.type = NGX_LITELLM_EV_END;
    got = event(&w, &ev);
    CHECK_STR(&got, HEAD "},\"finish_reason\":\"tool_calls\"}]}\n\n"
              "data: [DONE]\n\n");
}


/* "n": each choice has its own role, finish reason and index */

static void
choices(void)
{
    ngx_str_t              got, *t;
    ngx_keyval_t          *kv;
    ngx_litellm_out_t      out;
    ngx_litellm_call_t     call;
    ngx_litellm_event_t    ev;
    ngx_litellm_answer_t   answer, *second;
    ngx_litellm_writer_t   w;

    unit_case("choices");

    ngx_memzero(&call, sizeof(call));
    call.pool = unit_pool;
    call.now = 7;
    ngx_str_set(&call.id, "chatcmpl-1");
    ngx_str_set(&call.model, "m");

    ngx_memzero(&w, sizeof(w));
    w.call = &call;

    ngx_memzero(&ev, sizeof(ev));
    ev.type = NGX_LITELLM_EV_TEXT;
    ev.choice = 1;
    ngx_str_set(&ev.text, "b");
    got = event(&w, &ev);
    CHECK_STR(&got, "data: {\"id\":\"chatcmpl-1\",\"created\":7,\"model\":"
              "\"m\",\"object\":\"chat.completion.chunk\",\"choices\":[{"
              "\"index\":1,\"delta\":{\"role\":\"assistant\",\"content\":"
              "\"b\"}}]}\n\n");

    ev.type = NGX_LITELLM_EV_FINISH;
    ev.finish = NGX_LITELLM_FINISH_LENGTH;
    got = event(&w, &ev);
    CHECK_INT(got.len, 0);

    ngx_memzero(&ev, sizeof(ev));
    ev.type = NGX_LITELLM_EV_TEXT;
    ngx_str_set(&ev.text, "a");
    got = event(&w, &ev);
    CHECK_STR(&got, "data: {\"id\":\"chatcmpl-1\",\"created\":7,\"model\":"
              "\"m\",\"object\":\"chat.completion.chunk\",\"choices\":[{"
              "\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":"
              "\"a\"}}]}\n\n");

    ev.type = NGX_LITELLM_EV_END;
    got = event(&w, &ev);
    CHECK_STR(&got, "data: {\"id\":\"chatcmpl-1\",\"created\":7,\"model\":"
              "\"m\",\"object\":\"chat.completion.chunk\",\"choices\":[{"
              "\"index\":1,\"delta\":{},\"finish_reason\":\"length\"}]}\n\n"
              "data: {\"id\":\"chatcmpl-1\",\"created\":7,\"model\":"
              "\"m\",\"object\":\"chat.completion.chunk\",\"choices\":[{"
              "\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
              "data: [DONE]\n\n");

    /* a choice over the bound is not memory for the taking */

    ngx_memzero(&w, sizeof(w));
    w.call = &call;
    ev.type = NGX_LITELLM_EV_TEXT;
    ev.choice = NGX_LITELLM_CHOICES;
    ngx_litellm_out_init(&out, unit_pool);
    ngx_litellm_openai_event(&w, &out, &ev);
    CHECK_INT(out.failed, 1);

    CHECK_INT(ngx_litellm_answer_init(&answer, unit_pool), NGX_OK);
    second = ngx_litellm_answer_choice(&answer, unit_pool);
    CHECK(second != NULL);

    t = ngx_array_push(&answer.text);
    ngx_str_set(t, "a");
    answer.has_text = 1;
    answer.finish = NGX_LITELLM_FINISH_STOP;
    ngx_str_set(&answer.native_finish, "STOP");
    second->finish = NGX_LITELLM_FINISH_LENGTH;
    (void) ngx_array_init(&second->images, unit_pool, 1, sizeof(ngx_str_t));
    t = ngx_array_push(&second->images);
    ngx_str_set(t, "data:image/png;base64,AA==");
    (void) ngx_array_init(&second->specific, unit_pool, 1,
                          sizeof(ngx_keyval_t));
    kv = ngx_array_push(&second->specific);
    ngx_str_set(&kv->key, "x");
    ngx_str_set(&kv->value, "[1]");

    answer.usage.known = 1;
    answer.usage.prompt = 2;
    answer.usage.completion = 3;
    answer.usage.image_out = 1;
    ngx_str_set(&answer.usage.cost, "0.5");

    ngx_litellm_out_init(&out, unit_pool);
    ngx_litellm_openai_answer(&call, &out, &answer);
    got = unit_chain(out.first);
    CHECK_STR(&got, "{\"id\":\"chatcmpl-1\",\"created\":7,\"model\":\"m\","
              "\"object\":\"chat.completion\",\"choices\":["
              "{\"finish_reason\":\"stop\",\"index\":0,\"message\":{"
              "\"content\":\"a\",\"role\":\"assistant\"},"
              "\"provider_specific_fields\":{\"native_finish_reason\":"
              "\"STOP\"}},"
              "{\"finish_reason\":\"length\",\"index\":1,\"message\":{"
              "\"content\":null,\"role\":\"assistant\",\"images\":[{"
              "\"image_url\":{\"url\":\"data:image/png;base64,AA==\","
              "\"detail\":\"auto\"},\"index\":0,\"type\":\"image_url\"}],"
              "\"provider_specific_fields\":{\"x\":[1]}}}],"
              "\"usage\":{\"completion_tokens\":3,\"prompt_tokens\":2,"
              "\"total_tokens\":5,\"completion_tokens_details\":{"
              "\"reasoning_tokens\":0,\"image_tokens\":1},\"cost\":0.5}}");
}


static void
errors(void)
{
    ngx_str_t            got;
    ngx_litellm_out_t    out;
    ngx_litellm_error_t  e;

    unit_case("errors");

    ngx_memzero(&e, sizeof(e));
    e.class = NGX_LITELLM_BAD_REQUEST;
    e.status = 400;
    ngx_str_set(&e.message, "a \"b\"\n");
    ngx_str_set(&e.param, "p");

    ngx_litellm_out_init(&out, unit_pool);
    ngx_litellm_openai_error(&out, &e, 0);
    got = unit_chain(out.first);
    CHECK_STR(&got, "{\"error\":{\"message\":\"a \\\"b\\\"\\n\",\"type\":"
              "\"invalid_request_error\",\"param\":\"p\",\"code\":\"400\"}}");

    ngx_str_set(&e.type, "t");
    ngx_str_set(&e.code, "c");
    ngx_str_null(&e.param);

    ngx_litellm_out_init(&out, unit_pool);
    ngx_litellm_openai_error(&out, &e, 1);
    got = unit_chain(out.first);
    CHECK_STR(&got, "data: {\"error\":{\"message\":\"a \\\"b\\\"\\n\","
              "\"type\":\"t\",\"param\":null,\"code\":\"c\"}}\n\n");
}


void
unit_main(void)
{
    neutral();
    refused();
    events();
    choices();
    errors();
}
