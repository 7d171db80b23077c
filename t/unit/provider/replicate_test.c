
/*
 * The Replicate dialect and the writers of the client's formats, on wire data
 * (wire_case.h), with the exchanges that follow the first one played from
 * poll-1.json, poll-2.json ...
 */

#include "wire_case.h"
#include "ngx_litellm_replicate.h"


/* the wire of a look, or of a stream */

static void
follow_wire(case_t *c, ngx_litellm_wire_t *wire, ngx_uint_t stream)
{
    ngx_str_t  want;

    CHECK_STR(&wire->method, "GET");
    CHECK_INT(wire->body.size, 0);
    case_auth(c, wire);

    if (wire->alt) {
        want = case_str(c, "stream_path", "");
        CHECK_MEM(&wire->path, want.data, want.len);
        CHECK_INT(wire->whole, 0);
        CHECK_INT(wire->delay, 0);

        want = case_header(wire, "Accept");
        CHECK_STR(&want, "text/event-stream");
        return;
    }

    want = case_str(c, "poll_path", "/v1/predictions/p1abc");
    CHECK_MEM(&wire->path, want.data, want.len);
    CHECK_INT(wire->whole, stream);
    CHECK_INT(wire->delay, 500);
}


/*
 * What follow() makes of the bodies, one after another.  NGX_AGAIN: of the
 * last one, too; NGX_DONE: go on with the stream of wire.  last is the body of
 * the last exchange.
 */

static ngx_int_t
follow(case_t *c, ngx_litellm_wire_t *wire, ngx_litellm_stream_t *st,
    ngx_str_t *last)
{
    char        name[32];
    u_char     *memory;
    ngx_int_t   rc;
    ngx_str_t   body;
    ngx_uint_t  n;

    if (case_file(c, "upstream_response.json", last) != NGX_OK) {
        return NGX_DONE;
    }

    memory = NULL;

    for (n = 1; /* void */ ; n++) {

        /* the body of the look before is gone */

        if (memory) {
            ngx_free(memory);
        }

        memory = ngx_alloc(last->len + 1, &unit_log);
        ngx_memcpy(memory, last->data, last->len);

        body.data = memory;
        body.len = last->len;

        case_wire(wire, c->call.pool);
        ngx_memzero(&c->error, sizeof(c->error));

        rc = c->dialect->follow(&c->call, wire, &body, st, &c->error);

        if (rc != NGX_AGAIN) {
            break;
        }

        follow_wire(c, wire, st != NULL);

        if (wire->alt) {
            rc = NGX_DONE;
            break;
        }

        snprintf(name, sizeof(name), "poll-%d.json", (int) n);

        if (n == CASE_POLLS || case_file(c, name, last) != NGX_OK) {
            break;
        }
    }

    ngx_free(memory);

    return rc;
}


static void
whole(case_t *c, ngx_litellm_wire_t *wire)
{
    ngx_int_t             rc;
    ngx_str_t             body;
    ngx_litellm_answer_t  answer;

    ngx_litellm_answer_init(&answer, unit_pool);
    wire->state = NULL;

    rc = follow(c, wire, NULL, &body);

    if (rc == NGX_DONE) {
        return;
    }

    if (case_flag(c, "unfinished")) {
        CHECK_INT(rc, NGX_AGAIN);
        return;
    }

    if (rc == NGX_OK) {
        body = unit_mem(body.data, body.len);
        rc = c->dialect->response(&c->call, &body, &answer, &c->error);
    }

    case_answer(c, rc, &answer);
}


static void
streamed(case_t *c, ngx_litellm_wire_t *wire)
{
    feed_t      f;
    ngx_int_t   rc;
    ngx_str_t   body, got;
    ngx_pool_t  *pool, *saved;

    ngx_litellm_event_t  ev;

    CHECK_INT(wire->whole, 1);

    pool = ngx_create_pool(1024, &unit_log);
    saved = c->call.pool;
    c->call.pool = pool;

    wire->state = NULL;
    feed_init(&f, c, pool);

    rc = follow(c, wire, &f.stream, &body);

    if (rc == NGX_DONE) {
        c->call.pool = saved;

        if (case_file(c, "upstream_response.sse", &body) == NGX_OK) {
            case_stream(c, &body);
        }

        ngx_destroy_pool(pool);
        return;
    }

    if (rc == NGX_DECLINED) {
        ngx_memzero(&ev, sizeof(ev));
        ev.type = NGX_LITELLM_EV_ERROR;
        ev.error = &c->error;
        feed_emit(&f, &ev);

    } else {
        CHECK_INT(rc, case_flag(c, "unfinished") ? NGX_AGAIN : NGX_OK);
    }

    CHECK_INT(f.ended, !case_flag(c, "unfinished"));

    got = unit_chain(f.out.first);
    case_want(c, "client_response.sse", &got);

    c->call.pool = saved;
    ngx_destroy_pool(pool);
}


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
    ngx_str_t            dir, body;
    ngx_uint_t           n, before;
    ngx_litellm_wire_t   wire;

    ngx_str_set(&dir, "text");
    case_open(&c, "replicate", &dir);
    unit_case("looks");

    c.call.pool = unit_pool;
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

        rc = c.dialect->follow(&c.call, &wire, &body, NULL, &c.error);

        if (rc != NGX_AGAIN) {
            break;
        }
    }

    CHECK_INT(rc, NGX_DECLINED);
    CHECK_INT(n, NGX_LITELLM_REPLICATE_POLLS);
    CHECK_INT(c.error.status, 408);
    CHECK_INT(c.error.class, NGX_LITELLM_TIMEOUT);
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
    case_t               c;
    ngx_str_t           *dir;
    ngx_int_t            status;
    ngx_uint_t           i;
    ngx_array_t         *dirs;
    ngx_litellm_wire_t   wire;

    unit_case("t/data/replicate");

    dirs = unit_dir("replicate");

    if (!CHECK(dirs != NULL)) {
        return;
    }

    CHECK(dirs->nelts > 40);

    dir = dirs->elts;

    for (i = 0; i < dirs->nelts; i++) {
        case_open(&c, "replicate", &dir[i]);

        if (c.deployment.url.path.len == 0) {
            ngx_str_set(&c.deployment.url.path, "/v1");
        }

        if (!CHECKF(c.call.format->open(&c.call, &c.error) == NGX_OK,
                    "not opened: %.*s", (int) c.error.message.len,
                    (char *) c.error.message.data))
        {
            continue;
        }

        if (!case_request(&c, &wire, "/v1/models/model-1/predictions")) {
            continue;
        }

        status = case_int(&c, "status", 201);

        if (status >= 300) {
            case_response(&c);

        } else if (c.call.stream) {
            streamed(&c, &wire);

        } else {
            whole(&c, &wire);
        }
    }

    looks();
    setups();
}
