
/*
 * Cases of wire data (wire_case.h): the request, the answer that is no stream,
 * and the exchanges that follow where a provider needs several for one
 * answer.
 */

#include "wire_case.h"

#include <stdio.h>


#define CASE_POLLS  16


static void case_fetched(case_t *c);
static void case_refused(case_t *c, ngx_int_t rc);
static void case_sent(case_t *c);
static ngx_uint_t case_passes(case_t *c);
static ngx_uint_t case_is_header(const char *name, ngx_str_t *key);
static ngx_uint_t case_listed(case_t *c, const char *const *own,
    ngx_keyval_t *h);
static void case_response(case_t *c, ngx_str_t *body);
static void case_tap(case_t *c, ngx_str_t *body);
static void case_written(case_t *c, ngx_litellm_answer_t *answer);
static void case_failed(case_t *c);
static ngx_int_t case_follow(case_t *c, ngx_litellm_stream_t *st,
    ngx_str_t *body);
static void case_followed(case_t *c, ngx_uint_t n, ngx_uint_t stream);
static void case_exchanges(case_t *c, ngx_str_t *body);
static void case_streamed(case_t *c, ngx_str_t *body);


void
case_wire(ngx_litellm_wire_t *wire, ngx_pool_t *pool)
{
    void  *state;

    state = wire->state;

    ngx_memzero(wire, sizeof(ngx_litellm_wire_t));
    wire->state = state;

    ngx_litellm_out_init(&wire->body, pool);
    wire->body.ref_min = 100;
    wire->body.chunk = 64;
    ngx_array_init(&wire->headers, pool, 4, sizeof(ngx_keyval_t));
}


ngx_int_t
case_send(case_t *c)
{
    c->wire.state = NULL;
    case_wire(&c->wire, unit_pool);
    ngx_memzero(&c->e, sizeof(ngx_litellm_error_t));
    c->call.provider_model = c->model;

    return c->dialect->request(&c->call, &c->wire, &c->e);
}


/* what was asked to be fetched is a picture of three bytes */

static void
case_fetched(case_t *c)
{
    ngx_uint_t            i;
    ngx_litellm_fetch_t  *f;

    CHECK_INT(c->call.fetches->nelts, case_int(c, "fetches", 1));

    f = c->call.fetches->elts;

    for (i = 0; i < c->call.fetches->nelts; i++) {
        f[i].done = 1;
        f[i].media = case_str(c, "fetched_type", "image/png");
        ngx_str_set(&f[i].data, "AQID");

        if (case_flag(c, "fetch_fails")) {
            f[i].error = "the host does not answer";
        }
    }
}


ngx_int_t
case_request(case_t *c)
{
    ngx_int_t   rc;
    ngx_str_t   refused;
    ngx_uint_t  i, answered, fails;

    static const char  *answers[] = {
        "upstream_response.json", "upstream_response.sse",
        "upstream_response.ndjson", "upstream_response.events"
    };

    for (i = 0, answered = 0; i < 4; i++) {
        answered |= (case_file(c, answers[i], &refused) == NGX_OK);
    }

    if (c->made_up && !answered && case_option(c, "path") == NULL) {

        /* it is about the deployment */

        return NGX_DECLINED;
    }

    refused = case_str(c, "refused", "");
    fails = refused.len || (c->error != NULL && !answered);

    /* a second attempt finds the call as the first one did */

    for (i = 0; i < 2; i++) {
        rc = case_send(c);

        if (rc == NGX_AGAIN && CHECK(c->call.fetches != NULL) && i == 0) {
            case_fetched(c);
            rc = case_send(c);
        }

        if (fails) {
            case_refused(c, rc);
            continue;
        }

        if (!CHECKF(rc == NGX_OK, "request() is %d: %.*s", (int) rc,
                    (int) c->e.message.len, (char *) c->e.message.data))
        {
            return NGX_DECLINED;
        }

        case_sent(c);
    }

    return fails ? NGX_DECLINED : NGX_OK;
}


static void
case_refused(case_t *c, ngx_int_t rc)
{
    ngx_str_t  refused;

    if (!CHECK_INT(rc, NGX_DECLINED)) {
        return;
    }

    if (c->error != NULL) {
        case_error(c, &c->e);
        return;
    }

    refused = case_str(c, "refused", "");

    CHECK_INT(c->e.status, 400);
    CHECKF(case_has(&c->e.message, &refused), "refused with: %.*s",
           (int) c->e.message.len, (char *) c->e.message.data);
}


/* c->wire is what it should be */

static void
case_sent(case_t *c)
{
    ngx_str_t  got, want;

    got = unit_chain(c->wire.body.first);

    CHECK_INT(c->wire.body.size, got.len);
    CHECK(!c->wire.body.failed);
    CHECK_INT(c->wire.method.len, 0);
    CHECK_INT(c->wire.pass, case_passes(c));
    CHECK_INT(c->wire.hide_usage, case_flag(c, "hide_usage"));
    (void) case_json(&got);

    if (!c->made_up) {
        case_want(c, "upstream_request.json", &got);
    }

    want = case_str(c, "path", c->set->path ? c->set->path(c) : "");

    if (want.len) {
        CHECK_MEM(&c->wire.path, want.data, want.len);
    }

    case_headers(c, &c->wire);
}


/* the client and the provider speak the same */

static ngx_uint_t
case_passes(case_t *c)
{
    return c->dialect == &ngx_litellm_openai_dialect
           && c->format.same != NULL
           && !(c->call.op == NGX_LITELLM_OP_COMPLETIONS
                && (c->deployment.provider->quirks & NGX_LITELLM_Q_AS_CHAT));
}


static ngx_uint_t
case_is_header(const char *name, ngx_str_t *key)
{
    return key->len == ngx_strlen(name)
           && ngx_strncasecmp(key->data, (u_char *) name, key->len) == 0;
}


ngx_str_t *
case_header(ngx_litellm_wire_t *wire, const char *name)
{
    ngx_uint_t     i;
    ngx_keyval_t  *h;

    h = wire->headers.elts;

    for (i = 0; i < wire->headers.nelts; i++) {
        if (case_is_header(name, &h[i].key)) {
            return &h[i].value;
        }
    }

    return NULL;
}


/* true if the case, or its set, says what this header is; it is that */

static ngx_uint_t
case_listed(case_t *c, const char *const *own, ngx_keyval_t *h)
{
    ngx_str_t            name, want;
    ngx_uint_t           i;
    ngx_litellm_json_t  *list, *v;

    list = case_option(c, "headers");

    if (list != NULL) {
        v = list + 1;

        for (i = 0; i < list->count; i++, v = ngx_litellm_json_next(v + 1)) {
            name = ngx_litellm_json_text(v);

            if (name.len != h->key.len
                || ngx_strncasecmp(name.data, h->key.data, name.len) != 0)
            {
                continue;
            }

            if (!ngx_litellm_json_is(v + 1, STRING)) {
                return 0;
            }

            want = ngx_litellm_json_text(v + 1);
            CHECK_MEM(&h->value, want.data, want.len);

            return 1;
        }
    }

    for ( /* void */ ; own && *own; own += 2) {

        if (case_is_header(own[0], &h->key)) {
            CHECK_STR(&h->value, own[1]);
            return 1;
        }
    }

    return 0;
}


void
case_headers(case_t *c, ngx_litellm_wire_t *wire)
{
    ngx_str_t            auth, *secret;
    ngx_int_t            listed;
    ngx_uint_t           i, n, bearer;
    ngx_keyval_t        *h;
    const char *const   *own;
    ngx_litellm_json_t  *v;

    secret = ngx_litellm_call_key(&c->call);
    auth = case_str(c, "auth", c->set->auth ? c->set->auth : "Authorization");
    bearer = case_is_header("Authorization", &auth);

    own = c->set->headers ? c->set->headers(c, wire) : NULL;
    listed = 0;
    n = 0;

    h = wire->headers.elts;

    for (i = 0; i < wire->headers.nelts; i++) {

        if (case_listed(c, own, &h[i])) {
            listed++;

        } else {
            CHECKF(secret->len && case_has(&h[i].value, secret),
                   "header %.*s: %.*s", (int) h[i].key.len,
                   (char *) h[i].key.data, (int) h[i].value.len,
                   (char *) h[i].value.data);
        }

        if (secret->len == 0 || !case_has(&h[i].value, secret)) {
            continue;
        }

        n++;
        CHECKF(h[i].key.len == auth.len
               && ngx_strncasecmp(h[i].key.data, auth.data, auth.len) == 0,
               "the key is in %.*s", (int) h[i].key.len,
               (char *) h[i].key.data);
        CHECK_INT(h[i].value.len, secret->len + (bearer ? 7 : 0));
        CHECK(!bearer || ngx_strncmp(h[i].value.data, "Bearer ", 7) == 0);
    }

    CHECK_INT(n, secret->len && auth.len ? 1 : 0);
    CHECK(secret->len == 0 || !case_has(&wire->path, secret));

    /* all that are listed are there */

    for ( /* void */ ; own && *own; own += 2) {
        listed--;
    }

    v = case_option(c, "headers");

    if (v != NULL) {
        n = v->count;

        for (i = 0, v++; i < n; i++, v = ngx_litellm_json_next(v + 1)) {
            listed -= ngx_litellm_json_is(v + 1, STRING);
        }
    }

    CHECKF(listed == 0, "headers: %d too many", (int) listed);
}


void
case_error(case_t *c, ngx_litellm_error_t *e)
{
    ngx_str_t  s;

    CHECK(e->message.len != 0);
    CHECK(!ngx_litellm_error_tells(&c->call, &e->message));

    if (c->error == NULL) {
        return;
    }

    CHECK_INT(e->status, option_int(c->error, "status", 0));

    s = option_str(c->error, "text", "");
    CHECKF(case_has(&e->message, &s), "message is %.*s",
           (int) e->message.len, (char *) e->message.data);

    s = option_str(c->error, "without", "");
    CHECKF(s.len == 0 || !case_has(&e->message, &s), "message is %.*s",
           (int) e->message.len, (char *) e->message.data);
    CHECK(s.len == 0 || !case_has(&e->specific, &s));

#define CASE_IS(name, got)                                                    \
    if (ngx_litellm_json_member(c->error, name) != NULL) {                    \
        s = option_str(c->error, name, "");                                   \
        CHECK_MEM(got, s.data, s.len);                                        \
    }

    CASE_IS("class", ngx_litellm_error_class(e->class));
    CASE_IS("type", &e->type);
    CASE_IS("code", &e->code);
    CASE_IS("specific", &e->specific);

#undef CASE_IS
}


void
case_facts(case_t *c, ngx_litellm_facts_t *facts)
{
    ngx_str_t            s;
    ngx_uint_t           i;
    ngx_litellm_json_t  *want;

    static const struct {
        const char  *name;
        size_t       offset;
    } counts[] = {
        { "prompt", offsetof(ngx_litellm_usage_t, prompt) },
        { "completion", offsetof(ngx_litellm_usage_t, completion) },
        { "total", offsetof(ngx_litellm_usage_t, total) },
        { "cached", offsetof(ngx_litellm_usage_t, cached) },
        { "reasoning", offsetof(ngx_litellm_usage_t, reasoning) },
        { "audio_in", offsetof(ngx_litellm_usage_t, audio_in) },
        { "audio_out", offsetof(ngx_litellm_usage_t, audio_out) },
    };

    s = case_str(c, "cost", "");
    CHECK_MEM(&facts->usage.cost, s.data, s.len);

    want = case_option(c, "facts");

    if (want == NULL) {
        return;
    }

    if (ngx_litellm_json_member(want, "id") != NULL) {
        s = option_str(want, "id", "");
        CHECK_MEM(&facts->provider_id, s.data, s.len);
    }

    if (ngx_litellm_json_member(want, "finish") != NULL) {
        s = option_str(want, "finish", "");
        CHECK_MEM(ngx_litellm_finish_name(facts->finish), s.data, s.len);
    }

    if (ngx_litellm_json_member(want, "end") != NULL) {
        CHECK_INT(facts->end,
                  ngx_litellm_json_is(ngx_litellm_json_member(want, "end"),
                                      TRUE));
    }

    if (ngx_litellm_json_member(want, "known") != NULL) {
        CHECK_INT(facts->usage.known,
                  ngx_litellm_json_is(ngx_litellm_json_member(want, "known"),
                                      TRUE));
    }

    for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        if (ngx_litellm_json_get(want, counts[i].name,
                                 ngx_strlen(counts[i].name))
            != NULL)
        {
            CHECKF(*(int64_t *) ((u_char *) &facts->usage + counts[i].offset)
                   == option_int(want, counts[i].name, 0), "%s",
                   counts[i].name);
        }
    }
}


void
case_answer(case_t *c)
{
    ngx_str_t   body;
    ngx_uint_t  status;

    if (case_file(c, "upstream_response.json", &body) != NGX_OK) {
        return;
    }

    body = unit_mem(body.data, body.len);
    status = case_int(c, "status", 200);

    ngx_memzero(&c->e, sizeof(ngx_litellm_error_t));

    if (status >= 300) {
        c->dialect->error(&c->call, status, &body, &c->e);
        case_failed(c);

    } else if (c->wire.pass) {
        case_tap(c, &body);

    } else if (c->dialect->follow == NULL) {
        case_response(c, &body);

    } else if (c->call.stream) {
        case_streamed(c, &body);

    } else {
        case_exchanges(c, &body);
    }
}


static void
case_response(case_t *c, ngx_str_t *body)
{
    ngx_int_t             rc;
    ngx_litellm_answer_t  answer;

    ngx_litellm_answer_init(&answer, unit_pool);

    rc = c->dialect->response(&c->call, body, &answer, &c->e);

    if (rc == NGX_OK) {
        case_written(c, &answer);
        return;
    }

    CHECK_INT(rc, NGX_DECLINED);
    case_failed(c);
}


static void
case_tap(case_t *c, ngx_str_t *body)
{
    ngx_int_t            rc;
    ngx_str_t            want;
    ngx_litellm_facts_t  facts;

    ngx_memzero(&facts, sizeof(ngx_litellm_facts_t));
    ngx_litellm_usage_init(&facts.usage);

    rc = c->dialect->tap(&c->call, body, &facts);

    if (rc != NGX_OK) {
        CHECK_INT(rc, NGX_DECLINED);
        c->e = facts.error;
        case_failed(c);
        return;
    }

    CHECK_INT(case_int(c, "client_status", 200), 200);
    CHECK(c->error == NULL);
    case_facts(c, &facts);

    if (case_file(c, "client_response.json", &want) != NGX_OK) {
        CHECK(facts.data.data == NULL);
        return;
    }

    if (facts.data.data == NULL) {
        facts.data = *body;
    }

    (void) case_json(&facts.data);
    case_want(c, "client_response.json", &facts.data);
}


static void
case_written(case_t *c, ngx_litellm_answer_t *answer)
{
    ngx_str_t            got;
    ngx_litellm_out_t    out;
    ngx_litellm_facts_t  facts;

    CHECK_INT(case_int(c, "client_status", 200), 200);
    CHECK(c->error == NULL);

    ngx_memzero(&facts, sizeof(ngx_litellm_facts_t));
    facts.usage = answer->usage;
    facts.finish = answer->finish;
    case_facts(c, &facts);

    ngx_litellm_out_init(&out, unit_pool);
    c->format.answer(&c->call, &out, answer);

    CHECK(!out.failed);
    got = unit_chain(out.first);
    (void) case_json(&got);
    case_want(c, "client_response.json", &got);
}


static void
case_failed(case_t *c)
{
    ngx_str_t          got;
    ngx_litellm_out_t  out;

    CHECK_INT(c->e.status,
              case_int(c, "client_status",
                       option_int(c->error, "status", 200)));
    CHECK_INT(c->e.retry_after, case_int(c, "retry_after", 0));
    case_error(c, &c->e);

    ngx_litellm_out_init(&out, unit_pool);
    c->format.error(&out, &c->e, 0);

    CHECK(!out.failed);
    got = unit_chain(out.first);
    (void) case_json(&got);

    if (c->error == NULL
        || case_file(c, "client_response.json", &got) == NGX_OK)
    {
        got = unit_chain(out.first);
        case_want(c, "client_response.json", &got);
    }
}


/*
 * What follow() makes of the bodies, one after another; body is the last one.
 * NGX_AGAIN: of the last one, too; NGX_DONE: go on with the stream of c->wire.
 */

static ngx_int_t
case_follow(case_t *c, ngx_litellm_stream_t *st, ngx_str_t *body)
{
    char        name[32];
    u_char     *memory;
    ngx_int_t   rc;
    ngx_str_t   text;
    ngx_uint_t  n;

    memory = NULL;

    for (n = 1; /* void */ ; n++) {

        /* the body of the exchange before is gone */

        if (memory) {
            ngx_free(memory);
        }

        memory = ngx_alloc(body->len + 1, &unit_log);
        ngx_memcpy(memory, body->data, body->len);

        text.data = memory;
        text.len = body->len;

        case_wire(&c->wire, c->call.pool);
        ngx_memzero(&c->e, sizeof(ngx_litellm_error_t));

        rc = c->dialect->follow(&c->call, &c->wire, &text, st, &c->e);

        if (rc != NGX_AGAIN) {
            break;
        }

        case_followed(c, n, st != NULL);

        if (c->wire.alt) {
            rc = NGX_DONE;
            break;
        }

        snprintf(name, sizeof(name), "poll-%d.json", (int) n);

        if (n == CASE_POLLS || case_file(c, name, body) != NGX_OK) {
            break;
        }
    }

    if (rc == NGX_OK) {
        *body = unit_mem(text.data, text.len);
    }

    ngx_free(memory);

    return rc;
}


/* c->wire is that of the n-th exchange that follows */

static void
case_followed(case_t *c, ngx_uint_t n, ngx_uint_t stream)
{
    char       name[64];
    ngx_str_t  got, want;

    case_headers(c, &c->wire);

    got = unit_chain(c->wire.body.first);
    CHECK_INT(c->wire.body.size, got.len);

    if (c->wire.method.len == 0) {
        snprintf(name, sizeof(name), "upstream_request-%d.json", (int) n);
        case_want(c, name, &got);

    } else {
        CHECK_STR(&c->wire.method, "GET");
        CHECK_INT(got.len, 0);
        snprintf(name, sizeof(name), "upstream_request-%d.json", (int) n);
        CHECK(case_file(c, name, &want) != NGX_OK);
    }

    if (CHECK(c->set->follow != NULL)) {
        c->set->follow(c, &c->wire, stream);
    }
}


static void
case_exchanges(case_t *c, ngx_str_t *body)
{
    ngx_int_t  rc;

    rc = case_follow(c, NULL, body);

    if (case_flag(c, "unfinished")) {
        CHECK_INT(rc, NGX_AGAIN);
        return;
    }

    if (rc == NGX_OK) {
        case_response(c, body);
        return;
    }

    CHECK_INT(rc, NGX_DECLINED);
    case_failed(c);
}


/* what is streamed is in the bodies, or in the stream that is told there */

static void
case_streamed(case_t *c, ngx_str_t *body)
{
    feed_t                f;
    ngx_int_t             rc;
    ngx_str_t             got;
    ngx_pool_t           *pool;
    ngx_litellm_event_t   ev;

    pool = ngx_create_pool(1024, &unit_log);
    c->call.pool = pool;

    feed_init(&f, c, pool);

    rc = case_follow(c, &f.stream, body);

    if (rc == NGX_DONE) {

        /* case_stream() is next */

        goto done;
    }

    if (rc == NGX_DECLINED) {
        case_error(c, &c->e);

        ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
        ev.type = NGX_LITELLM_EV_ERROR;
        ev.error = &c->e;
        (void) feed_emit(&f, &ev);

    } else {
        CHECK_INT(rc, case_flag(c, "unfinished") ? NGX_AGAIN : NGX_OK);
    }

    CHECK_INT(f.ended, !case_flag(c, "unfinished"));

    got = unit_chain(f.out.first);
    case_want(c, "client_response.sse", &got);

done:

    c->call.pool = unit_pool;
    ngx_destroy_pool(pool);
}


void
case_mock(const case_set_t *set, const char *body, const char *mock,
    const char *part)
{
    case_t                c;
    ngx_str_t             got, want;
    ngx_litellm_out_t     out;
    ngx_litellm_answer_t  answer;

    unit_case("mock_response %s", mock);

    case_call(&c, set, unit_str(body));
    c.deployment.mock_response = unit_str(mock);

    CHECK(ngx_litellm_answer_init(&answer, unit_pool) == NGX_OK);
    CHECK(ngx_litellm_mock_answer(&c.call, &answer, &c.e) == NGX_OK);

    ngx_litellm_out_init(&out, unit_pool);
    c.format.answer(&c.call, &out, &answer);

    CHECK(!out.failed);
    got = unit_chain(out.first);
    (void) case_json(&got);

    want = unit_str(part);
    CHECKF(case_has(&got, &want), "%.*s", (int) got.len, (char *) got.data);
}
