
/*
 * The Replicate dialect and the writers of the client's formats, on wire data
 * (t/data/replicate, see wire_case.h); how long it may take, and where streams
 * come from.
 */

#include "wire_case.h"
#include "ngx_litellm_replicate.h"


static const char *
path(case_t *c)
{
    return "/v1/models/model-1/predictions";
}


static const char *const *
headers(case_t *c, ngx_litellm_wire_t *wire)
{
    static const char *const  wait[] = { "Prefer", "wait=30", NULL };
    static const char *const  stream[] = {
        "Accept", "text/event-stream", NULL
    };

    if (wire->alt) {
        return stream;
    }

    return wire->method.len || c->call.stream ? NULL : wait;
}


/* the wire of a look, or of a stream */

static void
follow(case_t *c, ngx_litellm_wire_t *wire, ngx_uint_t stream)
{
    ngx_str_t  want;

    CHECK_STR(&wire->method, "GET");

    if (wire->alt) {
        want = case_str(c, "stream_path", "");
        CHECK_MEM(&wire->path, want.data, want.len);
        CHECK_INT(wire->whole, 0);
        CHECK_INT(wire->delay, 0);
        return;
    }

    want = case_str(c, "poll_path", "/v1/predictions/p1abc");
    CHECK_MEM(&wire->path, want.data, want.len);
    CHECK_INT(wire->whole, stream);
    CHECK_INT(wire->delay, 500);
}


/* its address has no streams of its own; cases of those name api.replicate */

static const case_set_t  replicate = {
    .set = "replicate",
    .least = 120,
    .provider = "replicate",
    .model = "model-1",
    .base = "https://gate.example/v1",
    .key = "sk-unit-0123456789",
    .path = path,
    .headers = headers,
    .follow = follow
};


static ngx_uint_t
allocated(ngx_pool_t *pool)
{
    ngx_uint_t         n;
    ngx_pool_large_t  *l;

    n = 0;

    /* NGX_DEBUG_PALLOC: all of it is here */

    for (l = pool->large; l; l = l->next) {
        n += (l->alloc != NULL);
    }

    return n;
}


/* an hour of looks is the most, and they take no memory */

static void
looks(void)
{
    case_t               c;
    ngx_int_t            rc;
    ngx_str_t            body;
    ngx_uint_t           n, before;
    ngx_litellm_wire_t   wire;

    unit_case("looks");

    case_call(&c, &replicate,
              unit_str("{\"model\":\"m\",\"messages\":[{\"role\":"
                       "\"user\",\"content\":\"a\"}]}"));
    wire.state = NULL;

    body = unit_str("{\"id\":\"p1abc\",\"status\":\"processing\","
                    "\"output\":[\"a\"]}");

    case_wire(&wire, unit_pool);
    before = 0;

    for (n = 0; n < 10000; n++) {

        if (n == 10) {
            before = allocated(unit_pool);
        }

        if (n == NGX_LITELLM_REPLICATE_POLLS) {
            CHECK_INT(allocated(unit_pool), before);
        }

        wire.headers.nelts = 0;
        wire.path.len = 0;

        rc = c.dialect->follow(&c.call, &wire, &body, NULL, &c.e);

        if (rc != NGX_AGAIN) {
            break;
        }
    }

    CHECK_INT(rc, NGX_DECLINED);
    CHECK_INT(n, NGX_LITELLM_REPLICATE_POLLS);
    CHECK_INT(c.e.status, 408);
    CHECK_INT(c.e.class, NGX_LITELLM_TIMEOUT);
}


/* streams are asked for where they come from, and nowhere else */

static void
setups(void)
{
    ngx_str_t                  why;
    ngx_uint_t                 i;
    ngx_litellm_deployment_t   d;

    static const struct {
        const char  *base;
        const char  *host;
    } cases[] = {
        { "https://api.replicate.com/v1", "stream.replicate.com" },
        { "https://api.replicate.com", "stream.replicate.com" },
        { "HTTPS://API.Replicate.com/v1", "stream.replicate.com" },
        { "http://api.replicate.com/v1", "" },
        { "https://api.replicate.com.evil.org/v1", "" },
        { "https://api.replicate.com:8443/v1", "" },
        { "https://api.replicate.com@evil.org/v1", "" },
        { "http://127.0.0.1:9000/v1", "" },
        { "", "" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("setup %s", cases[i].base);

        ngx_memzero(&d, sizeof(d));
        d.api_base = unit_str(cases[i].base);

        CHECK(ngx_litellm_replicate_setup(NULL, unit_pool, &d, &why)
              == NGX_OK);
        CHECK_STR(&d.alt.host, cases[i].host);
    }
}


void
unit_main(void)
{
    cases(&replicate);

    looks();
    setups();
}
