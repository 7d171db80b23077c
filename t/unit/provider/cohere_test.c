
/*
 * Cohere's chat dialect on wire data (t/data/cohere, see wire_case.h), and what
 * wire data can't say: paths of all forms of an api_base, bounds of a stream.
 */

#include "wire_case.h"
#include "ngx_litellm_cohere.h"


static const case_set_t  cohere = {
    .set = "cohere",
    .least = 90,
    .provider = "cohere",
    .model = "command-a-03-2025",
    .key = "unit-key-0123456789"
};


static void
paths(void)
{
    size_t                     len;
    ngx_str_t                  base;
    ngx_uint_t                 i;
    const char                *why;
    ngx_litellm_call_t         call;
    ngx_litellm_wire_t         wire;
    ngx_litellm_deployment_t   d;

    static const struct {
        const char  *base;
        const char  *endpoint;
        const char  *path;
    } cases[] = {
        { "https://api.cohere.com", "chat", "/v2/chat" },
        { "https://api.cohere.com/", "embed", "/v2/embed" },
        { "https://api.cohere.com/v2", "rerank", "/v2/rerank" },
        { "https://api.cohere.com/v1", "chat", "/v2/chat" },
        { "https://api.cohere.com/v2/chat", "chat", "/v2/chat" },
        { "https://api.cohere.com/v2/chat", "embed", "/v2/embed" },
        { "https://api.cohere.com/v2/embed", "rerank", "/v2/rerank" },
        { "https://api.cohere.com/v1/chat", "chat", "/v2/chat" },
        { "https://api.cohere.com/v1/embed", "embed", "/v2/embed" },
        { "https://api.cohere.com/v1/rerank", "rerank", "/v1/rerank" },
        { "http://gate/cohere/chat", "chat", "/cohere/chat" },
        { "http://gate/cohere/chat", "embed", "/cohere/v2/embed" },
        { "http://gate/chatty", "chat", "/chatty/v2/chat" },
        { "http://gate/v2/chat?a=b", "chat", "/v2/chat?a=b" },
        { "http://gate?a=b", "rerank", "/v2/rerank?a=b" }
    };

    unit_case("paths");

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        ngx_memzero(&call, sizeof(call));
        ngx_memzero(&wire, sizeof(wire));
        ngx_memzero(&d, sizeof(d));

        call.pool = unit_pool;
        call.deployment = &d;
        ngx_array_init(&wire.headers, unit_pool, 4, sizeof(ngx_keyval_t));

        base = unit_str(cases[i].base);
        len = ngx_strlen(cases[i].endpoint);

        CHECK(ngx_litellm_url_parse(unit_pool, &base, &d.url, &why)
              == NGX_OK);
        CHECK(ngx_litellm_cohere_wire(&call, &wire, cases[i].endpoint, len)
              == NGX_OK);
        CHECK_STR(&wire.path, cases[i].path);
        CHECK_INT(wire.headers.nelts, 0);
    }
}


/* a provider that never stops to begin calls */

static ngx_int_t
count(void *data, ngx_litellm_event_t *ev)
{
    ngx_uint_t  *n = data;

    n[ev->type]++;

    return NGX_OK;
}


static void
endless(void)
{
    ngx_str_t              data, name;
    ngx_uint_t             i, n[NGX_LITELLM_EV_END + 1];
    ngx_litellm_call_t     call;
    ngx_litellm_stream_t   st;
    ngx_litellm_deployment_t  d;

    unit_case("calls without end");

    ngx_memzero(&call, sizeof(call));
    ngx_memzero(&st, sizeof(st));
    ngx_memzero(&d, sizeof(d));
    ngx_memzero(n, sizeof(n));

    name = unit_str("cohere");
    d.provider = ngx_litellm_provider_find(&name);
    call.pool = unit_pool;
    call.deployment = &d;
    st.call = &call;
    st.pool = unit_pool;
    st.emit = count;
    st.data = n;

    data = unit_str("{\"type\":\"tool-call-start\",\"delta\":{\"message\":{"
                    "\"tool_calls\":{\"id\":\"a\",\"function\":{\"name\":"
                    "\"f\",\"arguments\":\"\"}}}}}");
    ngx_str_null(&name);

    for (i = 0; i < 200; i++) {
        CHECK(ngx_litellm_cohere_event(&st, &name, &data) == NGX_OK);
    }

    CHECK_INT(n[NGX_LITELLM_EV_CALL], 128);
    CHECK_INT(n[NGX_LITELLM_EV_ERROR], 200 - 128);
}


/* deltas that find their call by its index; one without finds the last */

static void
interleaved(void)
{
    case_t      c;
    feed_t      f;
    ngx_str_t   name, data;
    ngx_uint_t  i;

    static const char  *events[] = {
        "{\"type\":\"tool-call-start\",\"index\":3,\"delta\":{\"message\":{"
        "\"tool_calls\":{\"id\":\"a\",\"function\":{\"name\":\"f\"}}}}}",
        "{\"type\":\"tool-call-start\",\"index\":7,\"delta\":{\"message\":{"
        "\"tool_calls\":[{\"id\":\"b\",\"function\":{\"name\":\"g\"}}]}}}",
        "{\"type\":\"tool-call-delta\",\"index\":3,\"delta\":{\"message\":{"
        "\"tool_calls\":{\"function\":{\"arguments\":\"1\"}}}}}",
        "{\"type\":\"tool-call-delta\",\"delta\":{\"message\":{"
        "\"tool_calls\":{\"function\":{\"arguments\":\"2\"}}}}}"
    };

    unit_case("calls between calls");

    case_call(&c, &cohere,
              unit_str("{\"model\":\"m\",\"messages\":[],"
                       "\"stream\":true}"));
    feed_init(&f, &c, unit_pool);

    ngx_str_null(&name);

    for (i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        data = unit_str(events[i]);
        CHECK(c.dialect->event(&f.stream, &name, &data) == NGX_OK);
    }

    CHECK(ngx_litellm_out_join(&f.out, &data) == NGX_OK);

#define HAS(s)                                                                \
    CHECKF(ngx_litellm_find(data.data, data.data + data.len, s,               \
                            sizeof(s) - 1) != NULL, "no " s)

    HAS("{\"index\":0,\"type\":\"function\",\"function\":{\"arguments\":"
        "\"1\"}");
    HAS("{\"index\":1,\"type\":\"function\",\"function\":{\"arguments\":"
        "\"2\"}");
}


void
unit_main(void)
{
    paths();
    endless();
    interleaved();

    cases(&cohere);
}
