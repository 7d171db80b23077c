
/*
 * The Anthropic dialect and the writers of the chat and completions formats,
 * on wire data: every directory of t/data/anthropic is a case.
 *
 *   case.json                what else there is to know: see case_read()
 *   client_request.json      what the client sends
 *   upstream_request.json    what the provider must get, byte for byte
 *   upstream_response.json   or .sse: what it answers
 *   client_response.json     or .sse: what the client must get
 *
 * A stream is fed whole, byte by byte, and cut in two at every place; the
 * client must get the same bytes each time.
 */

#include "unit.h"
#include "ngx_litellm_anthropic.h"
#include "ngx_litellm_sse.h"


#define CASE_KEY  "sk-ant-unit-0123456789"


typedef struct {
    ngx_str_t                  dir;
    ngx_litellm_json_t        *options;
    ngx_litellm_provider_t     provider;
    ngx_litellm_deployment_t   deployment;
    ngx_litellm_config_t       config;
    ngx_litellm_call_t         call;
    ngx_litellm_error_t        error;
} case_t;


typedef struct {
    case_t                    *c;
    ngx_litellm_stream_t       stream;
    ngx_litellm_writer_t       writer;
    ngx_litellm_out_t          out;
    ngx_litellm_sse_t          sse;
    ngx_uint_t                 ended;
} feed_t;


static ngx_int_t
case_file(case_t *c, const char *name, ngx_str_t *text)
{
    char  path[256];

    snprintf(path, sizeof(path), "anthropic/%.*s/%s", (int) c->dir.len,
             (char *) c->dir.data, name);

    if (unit_file(path, text) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (text->len && text->data[text->len - 1] == '\n'
        && ngx_strstr(name, ".json"))
    {
        text->len--;
    }

    return NGX_OK;
}


static ngx_str_t
case_str(case_t *c, const char *name, const char *value)
{
    ngx_str_t            text, s;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_get(c->options, name, ngx_strlen(name));

    if (!ngx_litellm_json_is(v, STRING)) {
        s.data = (u_char *) value;
        s.len = ngx_strlen(value);
        return s;
    }

    text = ngx_litellm_json_text(v);
    (void) ngx_litellm_json_unescape(unit_pool, &s, &text);

    return s;
}


static ngx_uint_t
case_flag(case_t *c, const char *name)
{
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_get(c->options, name, ngx_strlen(name));

    return ngx_litellm_json_is(v, TRUE);
}


static ngx_array_t *
case_list(case_t *c, const char *name)
{
    ngx_str_t           *s;
    ngx_uint_t           i;
    ngx_array_t         *a;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_get(c->options, name, ngx_strlen(name));

    if (!ngx_litellm_json_is(v, ARRAY)) {
        return NULL;
    }

    a = ngx_array_create(unit_pool, 4, sizeof(ngx_str_t));

    for (i = 0, v++; i < (v - 1)->count; i++) {
        s = ngx_array_push(a);
        *s = ngx_litellm_json_text(&v[i]);
    }

    return a;
}


static ngx_array_t *
case_defaults(case_t *c)
{
    ngx_uint_t                  i, n;
    ngx_array_t                *a;
    ngx_litellm_json_t         *v;
    ngx_litellm_default_t      *d;
    const ngx_litellm_param_t  *param;

    v = ngx_litellm_json_member(c->options, "defaults");

    if (!ngx_litellm_json_is(v, OBJECT)) {
        return NULL;
    }

    a = ngx_array_create(unit_pool, 4, sizeof(ngx_litellm_default_t));
    n = v->count;

    for (i = 0, v++; i < n; i++) {
        d = ngx_array_push(a);
        d->key = ngx_litellm_json_text(v);
        d->value = v + 1;
        param = ngx_litellm_param_find(d->key.data, d->key.len);
        d->param = param ? param->id : -1;
        v = ngx_litellm_json_next(v + 1);
    }

    return a;
}


static void
case_open(case_t *c, ngx_str_t *dir)
{
    ngx_str_t                text;
    ngx_keyval_t            *h;
    ngx_litellm_json_doc_t   doc;

    static ngx_str_t  anthropic = ngx_string("anthropic");
    static ngx_str_t  exception = ngx_string("AnthropicException");

    ngx_memzero(c, sizeof(case_t));
    c->dir = *dir;

    unit_case("anthropic/%.*s", (int) dir->len, (char *) dir->data);

    if (case_file(c, "case.json", &text) == NGX_OK) {
        ngx_memzero(&doc, sizeof(doc));
        doc.pool = unit_pool;

        if (CHECK(ngx_litellm_json_parse(&doc, text.data, text.len)
                  == NGX_OK))
        {
            c->options = doc.root;
        }
    }

    c->provider.name = anthropic;
    c->provider.exception = exception;
    c->provider.dialect = &ngx_litellm_anthropic_dialect;

    c->deployment.provider = &c->provider;
    c->deployment.api_key = case_str(c, "key", CASE_KEY);
    c->deployment.url.path = case_str(c, "base_path", "");
    c->deployment.model = case_str(c, "model", "claude-sonnet-4-5");
    c->deployment.info = ngx_litellm_model_find(&anthropic,
                                                &c->deployment.model);
    c->deployment.drop = case_list(c, "additional_drop_params");
    c->deployment.allow = case_list(c, "allowed_openai_params");
    c->deployment.defaults = case_defaults(c);

    text = case_str(c, "own_beta", "");

    if (text.len) {
        c->deployment.headers = ngx_array_create(unit_pool, 1,
                                                 sizeof(ngx_keyval_t));
        h = ngx_array_push(c->deployment.headers);
        ngx_str_set(&h->key, "Anthropic-Beta");
        h->value = text;
    }

    c->config.modify_params = case_flag(c, "modify_params");

    c->call.pool = unit_pool;
    c->call.log = &unit_log;
    c->call.config = &c->config;
    c->call.deployment = &c->deployment;
    c->call.provider_model = c->deployment.model;
    c->call.drop_params = case_flag(c, "drop_params");
    c->call.now = 1700000000;
    ngx_str_set(&c->call.id, "chatcmpl-unit");

    c->call.format = &ngx_litellm_openai_chat;

    if (case_flag(c, "completions")) {
        c->call.op = NGX_LITELLM_OP_COMPLETIONS;
        c->call.format = &ngx_litellm_openai_completions;
    }

    if (CHECK(case_file(c, "client_request.json", &text) == NGX_OK)) {
        c->call.body = unit_mem(text.data, text.len);
    }
}


static ngx_str_t
header(ngx_litellm_wire_t *wire, const char *name)
{
    ngx_str_t      none;
    ngx_uint_t     i;
    ngx_keyval_t  *h;

    h = wire->headers.elts;

    for (i = 0; i < wire->headers.nelts; i++) {
        if (h[i].key.len == ngx_strlen(name)
            && ngx_memcmp(h[i].key.data, name, h[i].key.len) == 0)
        {
            return h[i].value;
        }
    }

    ngx_str_null(&none);

    return none;
}


static void
check_json(ngx_str_t *text)
{
    ngx_litellm_json_doc_t  doc;

    ngx_memzero(&doc, sizeof(doc));
    doc.pool = unit_pool;

    CHECKF(ngx_litellm_json_parse(&doc, text->data, text->len) == NGX_OK,
           "not JSON at %d: %.*s", (int) doc.offset, (int) text->len,
           (char *) text->data);
}


static void
case_request(case_t *c)
{
    ngx_int_t            rc;
    ngx_str_t            want, got, refused, value, key;
    ngx_litellm_wire_t   wire;

    ngx_memzero(&wire, sizeof(wire));
    ngx_litellm_out_init(&wire.body, unit_pool);
    wire.body.ref_min = 100;
    wire.body.chunk = 64;
    ngx_array_init(&wire.headers, unit_pool, 4, sizeof(ngx_keyval_t));

    rc = ngx_litellm_anthropic_dialect.request(&c->call, &wire, &c->error);

    refused = case_str(c, "refused", "");

    if (refused.len) {
        CHECK_INT(rc, NGX_DECLINED);
        CHECK_INT(c->error.status, 400);
        CHECKF(rc == NGX_DECLINED
               && ngx_litellm_find(c->error.message.data,
                                   c->error.message.data
                                   + c->error.message.len,
                                   (char *) refused.data, refused.len),
               "refused with: %.*s", (int) c->error.message.len,
               (char *) c->error.message.data);
        return;
    }

    if (!CHECKF(rc == NGX_OK, "refused: %.*s", (int) c->error.message.len,
                (char *) c->error.message.data))
    {
        return;
    }

    got = unit_chain(wire.body.first);
    CHECK_INT(wire.body.size, got.len);
    CHECK(!wire.body.failed);
    CHECK(!wire.pass);
    check_json(&got);

    if (case_file(c, "upstream_request.json", &want) == NGX_OK) {
        CHECK_MEM(&got, want.data, want.len);
    }

    value = header(&wire, "anthropic-version");
    CHECK_STR(&value, "2023-06-01");

    value = header(&wire, "anthropic-beta");
    want = case_str(c, "beta", "");
    CHECK_MEM(&value, want.data, want.len);

    want = case_str(c, "path", "/v1/messages");
    CHECK_MEM(&wire.path, want.data, want.len);

    key = case_str(c, "key", CASE_KEY);

    if (case_flag(c, "bearer")) {
        value = header(&wire, "authorization");
        CHECK(value.len == key.len + 7);
        CHECK_INT(header(&wire, "x-api-key").len, 0);

    } else {
        value = header(&wire, "x-api-key");
        CHECK_MEM(&value, key.data, key.len);
    }
}


static void
case_response(case_t *c)
{
    int64_t                status;
    ngx_int_t              rc;
    ngx_str_t              body, want, got;
    ngx_litellm_out_t      out;
    ngx_litellm_json_t    *v;
    ngx_litellm_answer_t   answer;

    if (case_file(c, "upstream_response.json", &body) != NGX_OK) {
        return;
    }

    body = unit_mem(body.data, body.len);

    v = ngx_litellm_json_member(c->options, "status");

    if (v == NULL || ngx_litellm_json_int(v, &status) != NGX_OK) {
        status = 200;
    }

    ngx_memzero(&c->error, sizeof(c->error));
    ngx_litellm_out_init(&out, unit_pool);
    ngx_litellm_answer_init(&answer, unit_pool);

    if (status >= 300) {
        ngx_litellm_anthropic_dialect.error(&c->call, status, &body,
                                            &c->error);
        rc = NGX_DECLINED;

    } else {
        rc = ngx_litellm_anthropic_dialect.response(&c->call, &body, &answer,
                                                    &c->error);
        CHECK(rc == NGX_OK || rc == NGX_DECLINED);
    }

    if (rc == NGX_OK) {
        c->call.format->answer(&c->call, &out, &answer);

    } else {
        v = ngx_litellm_json_member(c->options, "client_status");

        if (v && ngx_litellm_json_int(v, &status) == NGX_OK) {
            CHECK_INT(c->error.status, status);
        }

        c->call.format->error(&out, &c->error, 0);
    }

    got = unit_chain(out.first);
    check_json(&got);

    if (CHECK(case_file(c, "client_response.json", &want) == NGX_OK)) {
        CHECK_MEM(&got, want.data, want.len);
    }
}


static ngx_int_t
feed_emit(void *data, ngx_litellm_event_t *ev)
{
    feed_t *f = data;

    if (f->ended) {
        return NGX_OK;
    }

    if (ev->type == NGX_LITELLM_EV_END || ev->type == NGX_LITELLM_EV_ERROR) {
        f->ended = 1;
    }

    f->c->call.format->event(&f->writer, &f->out, ev);

    return NGX_OK;
}


static void
feed_piece(feed_t *f, u_char *p, size_t len)
{
    u_char                   *piece, *pos;
    ngx_int_t                 rc;
    ngx_litellm_sse_event_t   ev;

    /* memory of its exact size, gone when the piece is eaten */

    piece = ngx_alloc(len ? len : 1, &unit_log);
    ngx_memcpy(piece, p, len);
    pos = piece;

    while ((rc = ngx_litellm_sse_next(&f->sse, &pos, piece + len, &ev))
           == NGX_OK)
    {
        CHECK(ngx_litellm_anthropic_dialect.event(&f->stream, &ev.name,
                                                  &ev.data) == NGX_OK);
    }

    CHECK_INT(rc, NGX_AGAIN);

    ngx_free(piece);
}


/* cut: where the stream is cut in two; 0: byte by byte */

static ngx_str_t
feed(case_t *c, ngx_str_t *sse, size_t cut, ngx_pool_t *pool)
{
    feed_t                    f;
    size_t                    i;
    ngx_pool_t               *saved;
    ngx_str_t                 got;
    ngx_litellm_sse_event_t   ev;

    ngx_memzero(&f, sizeof(f));
    f.c = c;

    saved = c->call.pool;
    c->call.pool = pool;

    ngx_litellm_out_init(&f.out, pool);
    f.sse.pool = pool;
    f.sse.max = 65536;
    f.stream.call = &c->call;
    f.stream.pool = pool;
    f.stream.doc.pool = pool;
    f.stream.emit = feed_emit;
    f.stream.data = &f;
    f.writer.call = &c->call;
    ngx_litellm_usage_init(&f.writer.usage);

    if (cut) {
        feed_piece(&f, sse->data, cut);
        feed_piece(&f, sse->data + cut, sse->len - cut);

    } else {
        for (i = 0; i < sse->len; i++) {
            feed_piece(&f, sse->data + i, 1);
        }
    }

    if (ngx_litellm_sse_last(&f.sse, &ev) == NGX_OK) {
        CHECK(ngx_litellm_anthropic_dialect.event(&f.stream, &ev.name,
                                                  &ev.data) == NGX_OK);
    }

    c->call.pool = saved;

    CHECK(!f.out.failed);
    CHECK(ngx_litellm_out_join(&f.out, &got) == NGX_OK);

    return got;
}


static void
case_stream(case_t *c)
{
    size_t       cut;
    ngx_str_t    sse, want, got;
    ngx_pool_t  *pool;

    if (case_file(c, "upstream_response.sse", &sse) != NGX_OK) {
        return;
    }

    CHECK(c->call.stream);

    if (!CHECK(case_file(c, "client_response.sse", &want) == NGX_OK)) {
        return;
    }

    for (cut = 0; cut <= sse.len; cut++) {
        pool = ngx_create_pool(1024, &unit_log);

        got = feed(c, &sse, cut, pool);

        if (!CHECK_MEM(&got, want.data, want.len)) {
            CHECKF(0, "cut at %d", (int) cut);
            ngx_destroy_pool(pool);
            return;
        }

        ngx_destroy_pool(pool);
    }
}


/* a model's name and what it may do, where the table has no row */

static void
names(void)
{
    ngx_uint_t   i;
    ngx_str_t    name, got;

    static const struct {
        const char  *name;
        const char  *want;
    } cases[] = {
        { "get_weather", "get_weather" },
        { "a-B_9", "a-B_9" },
        { "get.weather", "get_weather_b5a913ce" },
        { "", "" }
    };

    unit_case("names");

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        name = unit_str(cases[i].name);
        CHECK(ngx_litellm_tool_name(unit_pool, &name, &got) == NGX_OK);
        CHECK_STR(&got, cases[i].want);
    }

    /* 65 characters: cut, with the checksum at the end; not the same twice */

    name = unit_str("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                    "aaaa");
    CHECK(ngx_litellm_tool_name(unit_pool, &name, &got) == NGX_OK);
    CHECK_INT(got.len, 64);

    name = unit_str("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                    "aaab");
    CHECK(ngx_litellm_tool_name(unit_pool, &name, &name) == NGX_OK);
    CHECK(ngx_memcmp(got.data, name.data, 64) != 0);
}


static void
blanks(void)
{
    ngx_str_t   s;
    ngx_uint_t  i;

    static const struct {
        const char  *text;
        ngx_uint_t   blank;
    } cases[] = {
        { "", 1 },
        { "   ", 1 },
        { " \\n\\t\\r ", 1 },
        { "\\u0020\\u000A", 1 },
        { "\\u00a0", 0 },
        { " x ", 0 },
        { "\\\\n", 0 },
        { "\\\"", 0 }
    };

    unit_case("blanks");

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        s = unit_str(cases[i].text);
        CHECKF(ngx_litellm_call_blank(&s) == cases[i].blank, "%s",
               cases[i].text);
    }
}


void
unit_main(void)
{
    case_t        c;
    ngx_str_t    *dir;
    ngx_uint_t    i;
    ngx_array_t  *dirs;

    names();
    blanks();

    unit_case("t/data/anthropic");

    dirs = unit_dir("anthropic");

    if (!CHECK(dirs != NULL)) {
        return;
    }

    CHECK(dirs->nelts > 20);

    dir = dirs->elts;

    for (i = 0; i < dirs->nelts; i++) {
        case_open(&c, &dir[i]);

        if (!CHECKF(c.call.format->open(&c.call, &c.error) == NGX_OK,
                    "not opened: %.*s", (int) c.error.message.len,
                    (char *) c.error.message.data))
        {
            continue;
        }

        case_request(&c);
        case_response(&c);
        case_stream(&c);
    }
}
