
/*
 * The dialects of Google (Gemini API, Gemini and Claude at Vertex AI) on wire
 * data: every directory of t/data/gemini is a case.
 *
 *   case.json                what else there is to know: see case_open()
 *   client_request.json      what the client sends
 *   upstream_request.json    what the provider must get, byte for byte
 *   upstream_response.json   or .sse: what it answers
 *   client_response.json     or .sse: what the client must get
 *
 * A stream is fed byte by byte and cut in two at every place; the client must
 * get the same bytes each time.  Schemas, grounding and bounds that would make
 * long files have tests of their own below.
 */

#include "unit.h"
#include "ngx_litellm_gemini.h"
#include "ngx_litellm_sse.h"


#define CASE_KEY    "AIza-unit-0123456789"
#define CASE_TOKEN  "ya29.unit-token"


typedef struct {
    ngx_str_t                      dir;
    ngx_litellm_json_t            *options;
    ngx_litellm_deployment_t       deployment;
    ngx_litellm_vertex_t           vertex;
    ngx_litellm_config_t           config;
    ngx_litellm_call_t             call;
    ngx_litellm_error_t            error;
    const ngx_litellm_dialect_t   *dialect;
} case_t;


typedef struct {
    case_t                        *c;
    ngx_litellm_stream_t           stream;
    ngx_litellm_writer_t           writer;
    ngx_litellm_out_t              out;
    ngx_litellm_sse_t              sse;
    ngx_uint_t                     ended;
    ngx_uint_t                     finished;
} feed_t;


static ngx_int_t
case_file(case_t *c, const char *name, ngx_str_t *text)
{
    char  path[256];

    snprintf(path, sizeof(path), "gemini/%.*s/%s", (int) c->dir.len,
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


static void
case_expect(case_t *c, const char *name, ngx_str_t *got)
{
    ngx_str_t  want;

    if (CHECKF(case_file(c, name, &want) == NGX_OK, "no %s; got: %.*s", name,
               (int) got->len, (char *) got->data))
    {
        CHECK_MEM(got, want.data, want.len);
    }
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
    return ngx_litellm_json_is(ngx_litellm_json_get(c->options, name,
                                                    ngx_strlen(name)), TRUE);
}


static int64_t
case_int(case_t *c, const char *name, int64_t value)
{
    int64_t              n;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_get(c->options, name, ngx_strlen(name));

    return v && ngx_litellm_json_int(v, &n) == NGX_OK ? n : value;
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

    for (i = 0, v++; i < n; i++, v = ngx_litellm_json_next(v + 1)) {
        d = ngx_array_push(a);
        d->key = ngx_litellm_json_text(v);
        d->value = v + 1;
        param = ngx_litellm_param_find(d->key.data, d->key.len);
        d->param = (param && param->kind == NGX_LITELLM_PARAM_OPENAI)
                   ? param->id : -1;
    }

    return a;
}


/* a call of the row "provider" with the body; it is not opened yet */

static void
case_call(case_t *c, const char *provider, const char *model, ngx_str_t body)
{
    ngx_str_t  name;

    name = case_str(c, "provider", provider);

    c->deployment.provider = ngx_litellm_provider_find(&name);

    c->deployment.model = case_str(c, "model", model);
    c->deployment.info =
             ngx_litellm_model_find((ngx_str_t *) &c->deployment.provider->name,
                                    &c->deployment.model);
    c->deployment.url.path = case_str(c, "base_path",
                                      name.len == 6 ? "/v1beta" : "");
    c->deployment.url.args = case_str(c, "base_args", "");
    c->deployment.defaults = case_defaults(c);

    c->call.pool = unit_pool;
    c->call.log = &unit_log;
    c->call.config = &c->config;
    c->call.deployment = &c->deployment;
    c->call.provider_model = c->deployment.model;
    c->call.drop_params = case_flag(c, "drop_params");
    c->call.may_fetch = case_flag(c, "may_fetch");
    c->call.now = 1700000000;
    c->call.body = body;
    c->call.format = &ngx_litellm_openai_chat;
    ngx_str_set(&c->call.id, "chatcmpl-unit");

    if (case_flag(c, "completions")) {
        c->call.op = NGX_LITELLM_OP_COMPLETIONS;
        c->call.format = &ngx_litellm_openai_completions;
    }

    if (name.len == 6 || case_flag(c, "express")) {
        c->deployment.api_key = unit_str(CASE_KEY);

    } else {
        c->call.token = unit_str(CASE_TOKEN);
    }

    if (name.len > 6) {
        c->deployment.own = &c->vertex;
        c->vertex.project = unit_str("nest-1");
        c->vertex.location = unit_str("europe-west4");
    }

    c->dialect = ngx_litellm_provider_dialect(&c->call);
}


static void
case_open(case_t *c, ngx_str_t *dir)
{
    ngx_str_t                text;
    ngx_litellm_json_doc_t   doc;

    ngx_memzero(c, sizeof(case_t));
    c->dir = *dir;

    unit_case("gemini/%.*s", (int) dir->len, (char *) dir->data);

    if (case_file(c, "case.json", &text) == NGX_OK) {
        ngx_memzero(&doc, sizeof(doc));
        doc.pool = unit_pool;

        if (CHECK(ngx_litellm_json_parse(&doc, text.data, text.len)
                  == NGX_OK))
        {
            c->options = doc.root;
        }
    }

    ngx_str_null(&text);
    CHECK(case_file(c, "client_request.json", &text) == NGX_OK);

    case_call(c, "gemini", "gemini-2.5-flash",
              unit_mem(text.data, text.len));
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


static ngx_str_t
header(ngx_litellm_wire_t *wire, const char *name)
{
    ngx_str_t      none;
    ngx_uint_t     i;
    ngx_keyval_t  *h;

    h = wire->headers.elts;

    for (i = 0; i < wire->headers.nelts; i++) {
        if (h[i].key.len == ngx_strlen(name)
            && ngx_strncasecmp(h[i].key.data, (u_char *) name, h[i].key.len)
               == 0)
        {
            return h[i].value;
        }
    }

    ngx_str_null(&none);

    return none;
}


/* one credential, in a header, and nothing of it in the URL */

static void
check_headers(case_t *c, ngx_litellm_wire_t *wire)
{
    ngx_str_t   value, want;

    value = header(wire, "x-goog-api-key");

    if (c->call.token.len) {
        CHECK_INT(value.len, 0);
        value = header(wire, "Authorization");
        CHECK_STR(&value, "Bearer " CASE_TOKEN);

    } else {
        CHECK_STR(&value, CASE_KEY);
        CHECK_INT(header(wire, "Authorization").len, 0);
    }

    CHECK(ngx_litellm_find(wire->path.data, wire->path.data + wire->path.len,
                           "unit-", 5)
          == NULL);

    value = header(wire, "anthropic-beta");
    want = case_str(c, "beta", "");
    CHECK_MEM(&value, want.data, want.len);
    CHECK_INT(header(wire, "anthropic-version").len, 0);

    value = header(wire, "X-Vertex-AI-LLM-Shared-Request-Type");
    want = case_str(c, "tier", "");
    CHECK_MEM(&value, want.data, want.len);
}


static ngx_int_t
request(case_t *c, ngx_litellm_wire_t *wire)
{
    ngx_memzero(wire, sizeof(ngx_litellm_wire_t));
    ngx_litellm_out_init(&wire->body, unit_pool);
    wire->body.ref_min = 100;
    wire->body.chunk = 64;
    ngx_array_init(&wire->headers, unit_pool, 4, sizeof(ngx_keyval_t));

    return c->dialect->request(&c->call, wire, &c->error);
}


/* what was put on the list comes, as a picture of three bytes */

static void
fetched(case_t *c)
{
    ngx_uint_t            i;
    ngx_litellm_fetch_t  *f;

    CHECK_INT(c->call.fetches->nelts, case_int(c, "fetches", 1));

    f = c->call.fetches->elts;

    for (i = 0; i < c->call.fetches->nelts; i++) {
        f[i].done = 1;
        f[i].media = case_str(c, "fetched_type", "image/webp");
        f[i].data = unit_str("AQID");
    }
}


static void
case_request(case_t *c)
{
    ngx_int_t            rc;
    ngx_str_t            want, got, refused;
    ngx_litellm_wire_t   wire;

    rc = request(c, &wire);

    if (rc == NGX_AGAIN && CHECK(c->call.fetches != NULL)) {
        fetched(c);
        rc = request(c, &wire);
    }

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

    if (!CHECKF(rc == NGX_OK, "rc %d, refused: %.*s", (int) rc,
                (int) c->error.message.len, (char *) c->error.message.data))
    {
        return;
    }

    got = unit_chain(wire.body.first);
    CHECK_INT(wire.body.size, got.len);
    CHECK(!wire.body.failed);
    CHECK(!wire.pass);
    check_json(&got);
    case_expect(c, "upstream_request.json", &got);

    want = case_str(c, "path", c->call.stream
                    ? "/v1beta/models/gemini-2.5-flash:"
                      "streamGenerateContent?alt=sse"
                    : "/v1beta/models/gemini-2.5-flash:generateContent");
    CHECK_MEM(&wire.path, want.data, want.len);

    check_headers(c, &wire);
}


static void
case_response(case_t *c)
{
    int64_t                status;
    ngx_int_t              rc;
    ngx_str_t              body, got;
    ngx_litellm_out_t      out;
    ngx_litellm_answer_t   answer;

    if (case_file(c, "upstream_response.json", &body) != NGX_OK) {
        return;
    }

    body = unit_mem(body.data, body.len);
    status = case_int(c, "status", 200);

    ngx_memzero(&c->error, sizeof(c->error));
    ngx_litellm_out_init(&out, unit_pool);
    ngx_litellm_answer_init(&answer, unit_pool);

    if (status >= 300) {
        c->dialect->error(&c->call, status, &body, &c->error);
        rc = NGX_DECLINED;

    } else {
        rc = c->dialect->response(&c->call, &body, &answer, &c->error);
        CHECK(rc == NGX_OK || rc == NGX_DECLINED);
    }

    if (rc == NGX_OK) {
        CHECK_INT(0, case_int(c, "client_status", 0));
        c->call.format->answer(&c->call, &out, &answer);

    } else {
        CHECK_INT(c->error.status, case_int(c, "client_status", status));
        CHECK_INT(c->error.retry_after, case_int(c, "retry_after", 0));
        c->call.format->error(&out, &c->error, 0);
    }

    got = unit_chain(out.first);
    check_json(&got);
    case_expect(c, "client_response.json", &got);
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

    if (ev->type == NGX_LITELLM_EV_FINISH) {
        f->finished = 1;
    }

    f->c->call.format->event(&f->writer, &f->out, ev);

    return NGX_OK;
}


static void
feed_init(feed_t *f, case_t *c, ngx_pool_t *pool)
{
    ngx_memzero(f, sizeof(feed_t));
    f->c = c;

    ngx_litellm_out_init(&f->out, pool);
    f->sse.pool = pool;
    f->sse.max = 65536;
    f->stream.call = &c->call;
    f->stream.pool = pool;
    f->stream.doc.pool = pool;
    f->stream.emit = feed_emit;
    f->stream.data = f;
    f->writer.call = &c->call;
    ngx_litellm_usage_init(&f->writer.usage);
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
        CHECK(f->c->dialect->event(&f->stream, &ev.name, &ev.data)
              == NGX_OK);
    }

    CHECK_INT(rc, NGX_AGAIN);

    ngx_free(piece);
}


/* Google has no end mark: a stream with a finish that ends is whole */

static void
feed_last(feed_t *f)
{
    ngx_litellm_event_t      end;
    ngx_litellm_sse_event_t  ev;

    if (ngx_litellm_sse_last(&f->sse, &ev) == NGX_OK) {
        CHECK(f->c->dialect->event(&f->stream, &ev.name, &ev.data)
              == NGX_OK);
    }

    if (f->finished && !f->ended) {
        ngx_memzero(&end, sizeof(ngx_litellm_event_t));
        end.type = NGX_LITELLM_EV_END;
        (void) feed_emit(f, &end);
    }
}


/* cut: where the stream is cut in two; 0: byte by byte */

static ngx_str_t
feed(case_t *c, ngx_str_t *sse, size_t cut, ngx_pool_t *pool)
{
    feed_t       f;
    size_t       i;
    ngx_str_t    got;
    ngx_pool_t  *saved;

    saved = c->call.pool;
    c->call.pool = pool;

    feed_init(&f, c, pool);

    if (cut) {
        feed_piece(&f, sse->data, cut);
        feed_piece(&f, sse->data + cut, sse->len - cut);

    } else {
        for (i = 0; i < sse->len; i++) {
            feed_piece(&f, sse->data + i, 1);
        }
    }

    feed_last(&f);

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

    pool = ngx_create_pool(1024, &unit_log);
    got = feed(c, &sse, 0, pool);
    case_expect(c, "client_response.sse", &got);
    ngx_destroy_pool(pool);

    if (case_file(c, "client_response.sse", &want) != NGX_OK) {
        return;
    }

    for (cut = 1; cut <= sse.len; cut++) {
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


/* a schema as "parameters" takes it */

static void
schemas(void)
{
    size_t                   len;
    case_t                   c;
    ngx_str_t                got;
    ngx_uint_t               i;
    ngx_litellm_gemini_t     g;
    ngx_litellm_out_t        out;
    ngx_litellm_json_doc_t   doc;

    static const struct {
        const char  *schema;
        const char  *want;
    } cases[] = {

        /* what Google does not know is left out, its case is JSON schema's */
        { "{\"type\":\"OBJECT\",\"$schema\":\"x\",\"strict\":true,"
          "\"additionalProperties\":false,\"properties\":{\"a\":"
          "{\"type\":\"number\",\"multipleOf\":2,\"minimum\":1e-7}},"
          "\"required\":[\"a\"]}",
          "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"number\","
          "\"minimum\":1e-7}},\"required\":[\"a\"]}" },

        /* properties say what it is */
        { "{\"properties\":{\"a\":{},\"b\":true},\"required\":null}",
          "{\"type\":\"object\",\"properties\":{\"a\":{},"
          "\"b\":{\"type\":\"object\"}}}" },

        /* of one name the last */
        { "{\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{},"
          "\"a\":{\"type\":\"number\"}}}",
          "{\"type\":\"object\",\"properties\":{\"b\":{},"
          "\"a\":{\"type\":\"number\"}}}" },

        /* alternatives and null */
        { "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}],"
          "\"default\":null,\"title\":\"T\",\"description\":\"D\"}",
          "{\"anyOf\":[{\"type\":\"string\",\"title\":\"T\","
          "\"description\":\"D\",\"nullable\":true}]}" },
        { "{\"oneOf\":[{\"type\":\"integer\"},{\"const\":\"x\"}]}",
          "{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"string\","
          "\"enum\":[\"x\"]}]}" },
        { "{\"anyOf\":[{\"type\":\"null\"}]}",
          "{\"anyOf\":[{\"type\":\"null\"}]}" },
        { "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":"
          "\"string\"}},\"anyOf\":[{\"required\":[\"a\"]}]}",
          "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":"
          "\"string\"}}}" },

        /* a list of types */
        { "{\"type\":[\"string\"]}", "{\"type\":\"string\"}" },
        { "{\"type\":[\"integer\",\"null\"],\"minimum\":1,\"maxLength\":2}",
          "{\"anyOf\":[{\"type\":\"integer\",\"minimum\":1},"
          "{\"type\":\"null\"}]}" },
        { "{\"type\":[\"array\",\"string\"],\"items\":{\"type\":\"number\"},"
          "\"enum\":[\"a\"]}",
          "{\"anyOf\":[{\"type\":\"array\",\"items\":{\"type\":"
          "\"number\"}},{\"type\":\"string\",\"enum\":[\"a\"]}]}" },

        /* enums are of strings */
        { "{\"enum\":[\"a\",\"\",null,1,\"b\"]}",
          "{\"type\":\"string\",\"enum\":[\"a\",\"b\"]}" },
        { "{\"type\":\"integer\",\"enum\":[1,2]}", "{\"type\":\"integer\"}" },

        /* items */
        { "{\"items\":{}}",
          "{\"type\":\"array\",\"items\":{\"type\":\"object\"}}" },
        { "{\"type\":\"array\",\"items\":[{\"type\":\"string\"},"
          "{\"type\":\"number\"}]}",
          "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}" },

        /* references: of definitions, of a name with "/", with a sibling */
        { "{\"properties\":{\"a\":{\"$ref\":\"#/$defs/A\",\"description\":"
          "\"mine\"},\"b\":{\"$ref\":\"#/definitions/x~1y%20z\"}},"
          "\"$defs\":{\"A\":{\"type\":\"string\",\"description\":\"its\"}},"
          "\"definitions\":{\"x/y z\":{\"type\":\"number\"}}}",
          "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\","
          "\"description\":\"mine\"},\"b\":{\"type\":\"number\"}}}" },
        { "{\"$ref\":\"#/$defs/A\",\"$defs\":{\"A\":{\"properties\":"
          "{\"b\":{\"type\":\"string\"}}}}}",
          "{\"type\":\"object\",\"properties\":{\"b\":{\"type\":"
          "\"string\"}}}" },

        /* one that is nowhere, one that goes in circles */
        { "{\"properties\":{\"a\":{\"$ref\":\"#/$defs/None\"},"
          "\"b\":{\"$ref\":\"http://h/x\"}}}",
          "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":"
          "\"object\"},\"b\":{\"type\":\"object\"}}}" },
        { "{\"$ref\":\"#/$defs/T\",\"$defs\":{\"T\":{\"type\":\"object\","
          "\"description\":\"tree\",\"properties\":{\"kids\":{\"type\":"
          "\"array\",\"items\":{\"$ref\":\"#/$defs/T\"}}}}}}",
          "{\"type\":\"object\",\"description\":\"tree\",\"properties\":"
          "{\"kids\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}}}"
        },
        { "{\"properties\":{\"a\":{\"$ref\":\"#\"}}}",
          "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"object\","
          "\"properties\":{\"a\":{\"type\":\"object\"}}}}}" },

        /* allOf is its owner's */
        { "{\"allOf\":[{\"$ref\":\"#/$defs/A\"},{\"properties\":{\"b\":"
          "{\"type\":\"number\"},\"a\":{\"type\":\"number\"}},"
          "\"required\":[\"b\"]}],\"$defs\":{\"A\":{\"type\":\"object\","
          "\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":"
          "[\"a\"]}}}",
          "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":"
          "\"string\"},\"b\":{\"type\":\"number\"}},\"required\":[\"a\","
          "\"b\"]}" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("schema %s", cases[i].schema);

        ngx_memzero(&c, sizeof(case_t));
        case_call(&c, "gemini", "gemini-2.5-flash", unit_str("{}"));

        len = ngx_strlen(cases[i].schema);

        ngx_memzero(&doc, sizeof(doc));
        doc.pool = unit_pool;
        CHECK(ngx_litellm_json_parse(&doc,
                       unit_mem((u_char *) cases[i].schema, len).data, len)
              == NGX_OK);

        ngx_memzero(&g, sizeof(g));
        ngx_litellm_out_init(&out, unit_pool);
        g.call = &c.call;
        g.e = &c.error;
        g.out = &out;

        CHECK_INT(ngx_litellm_gemini_schema(&g, doc.root), NGX_OK);

        got = unit_chain(out.first);
        CHECK_STR(&got, cases[i].want);
    }
}


/* tools as a hostile client makes them: refused, and soon */

static void
bounds(void)
{
    u_char                *p, *body;
    case_t                 c;
    ngx_str_t              text;
    ngx_uint_t             i, k;
    ngx_litellm_wire_t     wire;

    static const char  head[] =
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}"
        "],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"parameters\":";

    for (k = 0; k < 6; k++) {
        unit_case("bounds %d", (int) k);

        body = ngx_palloc(unit_pool, 256 * 1024);

        p = ngx_cpymem(body, head, sizeof(head) - 1);
        p = ngx_sprintf(p, "{\"$defs\":{\"z\":{\"type\":\"string\"}");

        /* each definition has the next one four times, six times, or once */

        for (i = 0; k < 3 && i < (k == 2 ? 120 : 40); i++) {
            p = ngx_sprintf(p, ",\"d%ui\":{\"properties\":{\"a\":{\"$ref\":"
                            "\"#/$defs/d%ui\"}", i, i + 1);

            if (k < 2) {
                p = ngx_sprintf(p, ",\"b\":{\"type\":[\"object\",\"array\"],"
                                "\"items\":{\"$ref\":\"#/$defs/d%ui\"},"
                                "\"properties\":{\"c\":{\"$ref\":"
                                "\"#/$defs/d%ui\"}}}", i + 1, i + 1);
            }

            if (k == 1) {
                p = ngx_sprintf(p, ",\"c\":{\"anyOf\":[{\"$ref\":"
                                "\"#/$defs/d%ui\"},{\"$ref\":"
                                "\"#/$defs/d%ui\"}]}", i + 1, i + 1);
            }

            p = ngx_sprintf(p, "}}");
        }

        /* many definitions, looked through for many references */

        for (i = 0; k == 3 && i < 3000; i++) {
            p = ngx_sprintf(p, ",\"d%ui\":{\"type\":\"string\"}", i);
        }

        /* a long text for each of them */

        if (k == 5) {
            p = ngx_sprintf(p, ",\"d1\":{\"description\":\"");
            ngx_memset(p, 'x', 20000);
            p = ngx_sprintf(p + 20000, "\"}");
        }

        p = ngx_sprintf(p, "},\"properties\":{\"a\":{\"$ref\":"
                        "\"#/$defs/d0\"}");

        for (i = 0; (k == 3 || k == 5) && i < 1500; i++) {
            p = ngx_sprintf(p, ",\"p%ui\":{\"$ref\":\"#/$defs/d1\"}", i);
        }

        /* arrays of arrays */

        if (k == 4) {
            p = ngx_sprintf(p, ",\"b\":");

            for (i = 0; i < 110; i++) {
                p = ngx_sprintf(p, "{\"items\":");
            }

            p = ngx_sprintf(p, "{}");

            for (i = 0; i < 110; i++) {
                p = ngx_sprintf(p, "}");
            }
        }

        p = ngx_sprintf(p, "}}}}]}");

        ngx_memzero(&c, sizeof(case_t));

        text.data = body;
        text.len = p - body;

        case_call(&c, "gemini", "gemini-2.5-flash",
                  unit_mem(text.data, text.len));

        CHECK(c.call.format->open(&c.call, &c.error) == NGX_OK);
        CHECK_INT(request(&c, &wire), NGX_DECLINED);
        CHECK_INT(c.error.status, 400);
        CHECK(wire.body.size < 6 * 1024 * 1024);
    }
}


/* what one tool may cost is not each tool's */

static void
many_tools(void)
{
    u_char              *p, *body;
    case_t               c;
    ngx_uint_t           i, k;
    ngx_litellm_wire_t   wire;

    unit_case("many tools");

    body = ngx_palloc(unit_pool, 4 * 1024 * 1024);
    p = ngx_sprintf(body, "{\"model\":\"m\",\"messages\":[{\"role\":"
                    "\"user\",\"content\":\"a\"}],\"tools\":[");

    /* 2^12 times each */

    for (i = 0; i < 1000; i++) {
        p = ngx_sprintf(p, "%s{\"type\":\"function\",\"function\":{"
                        "\"name\":\"f\",\"parameters\":{\"properties\":"
                        "{\"a\":{\"$ref\":\"#/$defs/d0\"}},\"$defs\":{"
                        "\"d12\":{\"type\":\"string\"}", i ? "," : "");

        for (k = 0; k < 12; k++) {
            p = ngx_sprintf(p, ",\"d%ui\":{\"properties\":{\"a\":{\"$ref\":"
                            "\"#/$defs/d%ui\"},\"b\":{\"$ref\":"
                            "\"#/$defs/d%ui\"}}}", k, k + 1, k + 1);
        }

        p = ngx_sprintf(p, "}}}}");
    }

    p = ngx_sprintf(p, "]}");

    ngx_memzero(&c, sizeof(case_t));
    case_call(&c, "gemini", "gemini-2.5-flash", unit_mem(body, p - body));

    CHECK(c.call.format->open(&c.call, &c.error) == NGX_OK);
    CHECK_INT(request(&c, &wire), NGX_DECLINED);
    CHECK(wire.body.size < 8 * 1024 * 1024);
}


/* more results than could be looked up one by one */

static void
many_results(void)
{
    u_char              *p, *body;
    case_t               c;
    ngx_uint_t           i;
    ngx_litellm_wire_t   wire;

    unit_case("many results");

    body = ngx_palloc(unit_pool, 20000 * 180);
    p = ngx_sprintf(body, "{\"model\":\"m\",\"messages\":[{\"role\":"
                    "\"assistant\",\"tool_calls\":[");

    for (i = 0; i < 20000; i++) {
        p = ngx_sprintf(p, "%s{\"id\":\"c%ui\",\"function\":{\"name\":"
                        "\"f%ui\"}}", i ? "," : "", i, i % 7);
    }

    p = ngx_sprintf(p, "]}");

    for (i = 0; i < 20000; i++) {
        p = ngx_sprintf(p, ",{\"role\":\"tool\",\"tool_call_id\":\"c%ui\","
                        "\"content\":\"x\"}", i);
    }

    p = ngx_sprintf(p, "]}");

    ngx_memzero(&c, sizeof(case_t));
    case_call(&c, "gemini", "gemini-2.5-flash", unit_mem(body, p - body));

    CHECK(c.call.format->open(&c.call, &c.error) == NGX_OK);
    CHECK_INT(request(&c, &wire), NGX_OK);
}


/* more calls and choices than an answer may have */

static void
many_calls(void)
{
    u_char                *p;
    case_t                 c;
    feed_t                 f;
    ngx_str_t              body, got;
    ngx_uint_t             i;
    ngx_litellm_answer_t   answer, *a;

    unit_case("many calls");

    ngx_memzero(&c, sizeof(case_t));
    case_call(&c, "gemini", "gemini-2.5-flash",
              unit_str("{\"model\":\"m\",\"messages\":[],\"stream\":true}"));
    CHECK(c.call.format->open(&c.call, &c.error) == NGX_OK);

    body.data = ngx_palloc(unit_pool, 65536);
    p = ngx_sprintf(body.data, "{\"candidates\":[{\"content\":{\"parts\":[");

    for (i = 0; i < NGX_LITELLM_GEMINI_CALLS + 5; i++) {
        p = ngx_sprintf(p, "%s{\"functionCall\":{\"name\":\"f\"}}",
                        i ? "," : "");
    }

    p = ngx_sprintf(p, "]}}");

    for (i = 0; i < 300; i++) {
        p = ngx_sprintf(p, ",{\"index\":%ui}", i + 1);
    }

    body.len = ngx_sprintf(p, "]}") - body.data;

    ngx_litellm_answer_init(&answer, unit_pool);
    CHECK_INT(c.dialect->response(&c.call, &body, &answer, &c.error), NGX_OK);
    CHECK_INT(answer.calls.nelts, NGX_LITELLM_GEMINI_CALLS);

    for (i = 0, a = &answer; a; a = a->next) {
        i++;
    }

    CHECK_INT(i, NGX_LITELLM_CHOICES);

    feed_init(&f, &c, unit_pool);
    CHECK(c.dialect->event(&f.stream, &c.dir, &body) == NGX_OK);
    CHECK(c.dialect->event(&f.stream, &c.dir, &body) == NGX_OK);

    got = unit_chain(f.out.first);
    CHECK(ngx_litellm_find(got.data, got.data + got.len,
                           "\"tool_calls\":[{\"index\":1023,", 28));
    CHECK(ngx_litellm_find(got.data, got.data + got.len,
                           "\"tool_calls\":[{\"index\":1024,", 28) == NULL);
}


static ngx_int_t
cite(void *data, ngx_str_t *text)
{
    ngx_str_t *all = data;

    u_char  *p;

    p = ngx_pnalloc(unit_pool, all->len + text->len + 1);

    if (all->len) {
        ngx_memcpy(p, all->data, all->len);
    }

    ngx_memcpy(p + all->len, text->data, text->len);

    all->data = p;
    all->len += text->len;

    return NGX_OK;
}


/* Google's bytes of a part are OpenAI's characters of the content */

static void
grounding(void)
{
    ngx_str_t                got, meta;
    ngx_uint_t               i;
    ngx_litellm_json_doc_t   doc;

    static ngx_str_t  texts[] = {
        ngx_string("h\xc3\xa9\\n\xf0\x9f\xa6\x86"),     /* 4 chars, 8 bytes */
        ngx_string("\\u00e9\\ud83e\\udd86z\\u0041")     /* 4 chars, 8 bytes */
    };

    static const struct {
        const char  *segment;
        ngx_uint_t   joined;
        const char  *want;          /* start,end; empty: nothing */
    } cases[] = {
        { "\"endIndex\":3", 0, "0,2" },
        { "\"startIndex\":3,\"endIndex\":8", 0, "2,4" },
        { "\"partIndex\":1,\"startIndex\":2,\"endIndex\":6", 0, "5,6" },
        { "\"partIndex\":1,\"endIndex\":8", 0, "4,8" },
        { "\"startIndex\":8,\"endIndex\":16", 1, "4,8" },
        { "\"partIndex\":1,\"startIndex\":8,\"endIndex\":9", 1, "4,5" },
        { "\"startIndex\":9999,\"endIndex\":99999999", 0, "8,8" },
        { "\"partIndex\":2,\"endIndex\":1", 0, "" },
        { "\"startIndex\":-5,\"endIndex\":\"x\"", 0, "0,0" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("grounding %s", cases[i].segment);

        meta.data = ngx_palloc(unit_pool, 512);
        meta.len = ngx_sprintf(meta.data, "{\"groundingChunks\":[{\"web\":{"
                               "\"uri\":\"u\",\"title\":\"t\"}}],"
                               "\"groundingSupports\":[{\"segment\":{"
                               "\"startIndex\":7,\"endIndex\":8},"
                               "\"groundingChunkIndices\":[1]},"
                               "{\"segment\":{%s},"
                               "\"groundingChunkIndices\":[0]}]}%Z",
                               cases[i].segment)
                   - meta.data - 1;

        ngx_memzero(&doc, sizeof(doc));
        doc.pool = unit_pool;
        CHECK(ngx_litellm_json_parse(&doc, meta.data, meta.len) == NGX_OK);

        ngx_str_null(&got);
        CHECK_INT(ngx_litellm_gemini_grounding(unit_pool, doc.root, texts, 2,
                                               cases[i].joined, cite, &got),
                  NGX_OK);

        if (cases[i].want[0] == '\0') {
            CHECK_INT(got.len, 0);
            continue;
        }

        meta.len = ngx_sprintf(meta.data, "{\"type\":\"url_citation\","
                               "\"url_citation\":{\"start_index\":%c,"
                               "\"end_index\":%c,\"title\":\"t\",\"url\":"
                               "\"u\"}}", cases[i].want[0], cases[i].want[2])
                   - meta.data;
        CHECK_MEM(&got, meta.data, meta.len);
    }
}


/* addresses and titles that are not short, once for each segment */

static void
grounding_long(void)
{
    u_char                  *p;
    ngx_str_t                got, meta, text;
    ngx_uint_t               i, k;
    ngx_litellm_json_doc_t   doc;

    static const size_t  lens[] = { 4000, 5000 };

    for (k = 0; k < 2; k++) {
        unit_case("grounding long %d", (int) k);

        meta.data = ngx_palloc(unit_pool, 100000);
        p = ngx_sprintf(meta.data, "{\"groundingChunks\":[{\"web\":{"
                        "\"uri\":\"");
        ngx_memset(p, 'u', lens[k]);
        p += lens[k];
        p = ngx_sprintf(p, "\",\"title\":\"");
        ngx_memset(p, 't', lens[k]);
        p += lens[k];
        p = ngx_sprintf(p, "\"}}],\"groundingSupports\":[");

        for (i = 0; i < 1000; i++) {
            p = ngx_sprintf(p, "%s{\"segment\":{},\"groundingChunkIndices\":"
                            "[0]}", i ? "," : "");
        }

        meta.len = ngx_sprintf(p, "]}") - meta.data;

        ngx_memzero(&doc, sizeof(doc));
        doc.pool = unit_pool;
        CHECK(ngx_litellm_json_parse(&doc, meta.data, meta.len) == NGX_OK);

        ngx_str_set(&text, "a");
        ngx_str_null(&got);
        CHECK_INT(ngx_litellm_gemini_grounding(unit_pool, doc.root, &text, 1,
                                               0, cite, &got), NGX_OK);

        /* 512 of them, without the title; none */

        CHECK(k ? got.len == 0
                : got.len > 512 * 4000 && got.len < 512 * 4200);
    }
}


/* a text that is walked over again and again: an end to it */

static void
grounding_bound(void)
{
    u_char                  *p;
    ngx_str_t                got, meta, text;
    ngx_uint_t               i;
    ngx_litellm_json_doc_t   doc;

    unit_case("grounding bound");

    text.len = 1000000;
    text.data = ngx_palloc(unit_pool, text.len);
    ngx_memset(text.data, 'a', text.len);

    meta.data = ngx_palloc(unit_pool, 1000 * 120);
    p = ngx_sprintf(meta.data, "{\"groundingChunks\":[{\"web\":{\"uri\":"
                    "\"u\"}}],\"groundingSupports\":[");

    for (i = 0; i < 1000; i++) {
        p = ngx_sprintf(p, "%s{\"segment\":{\"startIndex\":1,\"endIndex\":"
                        "999999},\"groundingChunkIndices\":[0]}",
                        i ? "," : "");
    }

    meta.len = ngx_sprintf(p, "]}") - meta.data;

    ngx_memzero(&doc, sizeof(doc));
    doc.pool = unit_pool;
    CHECK(ngx_litellm_json_parse(&doc, meta.data, meta.len) == NGX_OK);

    ngx_str_null(&got);
    CHECK_INT(ngx_litellm_gemini_grounding(unit_pool, doc.root, &text, 1, 0,
                                           cite, &got), NGX_OK);

    /* eight times over it and a little more */

    CHECK(got.len > 7 * 80 && got.len < 11 * 110);
}


void
unit_main(void)
{
    case_t        c;
    ngx_str_t    *dir;
    ngx_uint_t    i;
    ngx_array_t  *dirs;

    schemas();
    bounds();
    many_tools();
    many_results();
    many_calls();
    grounding();
    grounding_bound();
    grounding_long();

    dirs = unit_dir("gemini");

    if (!CHECK(dirs != NULL && dirs->nelts > 30)) {
        return;
    }

    dir = dirs->elts;

    for (i = 0; i < dirs->nelts; i++) {
        case_open(&c, &dir[i]);

        if (!CHECK(c.call.format->open(&c.call, &c.error) == NGX_OK)) {
            continue;
        }

        case_request(&c);
        case_response(&c);
        case_stream(&c);
    }
}
