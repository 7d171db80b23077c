
/*
 * Wire data as test cases, for dialects that translate: every directory of
 * t/data/<provider> is a case.
 *
 *   case.json                 what else there is to know: see case_open()
 *   client_request.json       what the client sends
 *   upstream_request.json     what the provider must get, byte for byte
 *   upstream_response.json    what it answers: one of these, or none
 *   upstream_response.ndjson  ... a stream of lines
 *   upstream_response.sse     ... a stream of events
 *   upstream_response.events  ... one of AWS's messages, see case_messages()
 *   poll-1.json, poll-2.json  answers of the exchanges that follow
 *   client_response.json      what the client must get: one of these
 *   client_response.sse       ... of a stream
 *
 * The row of the provider is the one of the table.  A stream is fed byte by
 * byte, and cut in two at every place; the client must get the same bytes each
 * time.
 */

#ifndef _WIRE_CASE_H_INCLUDED_
#define _WIRE_CASE_H_INCLUDED_


#include "unit.h"
#include <ngx_crc32.h>
#include "ngx_litellm_provider.h"
#include "ngx_litellm_format.h"
#include "ngx_litellm_sse.h"
#include "ngx_litellm_frames.h"


#define CASE_KEY    "sk-unit-0123456789"

#ifndef CASE_MODEL
#define CASE_MODEL  "model-1"
#endif

#define CASE_POLLS  16


typedef struct {
    const char                     *provider;
    ngx_str_t                       dir;
    ngx_litellm_json_t             *options;
    ngx_litellm_deployment_t        deployment;
    ngx_litellm_config_t            config;
    ngx_litellm_call_t              call;
    ngx_litellm_error_t             error;
    const ngx_litellm_dialect_t    *dialect;
} case_t;


typedef struct {
    case_t                         *c;
    ngx_litellm_stream_t            stream;
    ngx_litellm_writer_t            writer;
    ngx_litellm_out_t               out;
    ngx_litellm_sse_t               sse;
    ngx_litellm_frames_t            frames;
    ngx_uint_t                      ended;
} feed_t;


static ngx_inline ngx_int_t
case_file(case_t *c, const char *name, ngx_str_t *text)
{
    char  path[256];

    snprintf(path, sizeof(path), "%s/%.*s/%s", c->provider, (int) c->dir.len,
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


static ngx_inline void
case_want(case_t *c, const char *name, ngx_str_t *got)
{
    ngx_str_t  want;


    if (CHECKF(case_file(c, name, &want) == NGX_OK, "%s is missing", name)) {
        CHECK_MEM(got, want.data, want.len);
    }
}


static ngx_inline ngx_str_t
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


static ngx_inline ngx_int_t
case_int(case_t *c, const char *name, ngx_int_t value)
{
    int64_t              n;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_get(c->options, name, ngx_strlen(name));

    if (ngx_litellm_json_is(v, NUMBER)
        && ngx_litellm_json_int(v, &n) == NGX_OK)
    {
        return n;
    }

    return value;
}


static ngx_inline ngx_uint_t
case_flag(case_t *c, const char *name)
{
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_get(c->options, name, ngx_strlen(name));

    return ngx_litellm_json_is(v, TRUE);
}


static ngx_inline ngx_array_t *
case_list(case_t *c, const char *name)
{
    ngx_str_t           *s;
    ngx_uint_t           i, n;
    ngx_array_t         *a;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_get(c->options, name, ngx_strlen(name));

    if (!ngx_litellm_json_is(v, ARRAY)) {
        return NULL;
    }

    a = ngx_array_create(unit_pool, 4, sizeof(ngx_str_t));
    n = v->count;

    for (i = 0, v++; i < n; i++, v++) {
        s = ngx_array_push(a);
        *s = ngx_litellm_json_text(v);
    }

    return a;
}


static ngx_inline ngx_array_t *
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
        d->param = (param && param->kind == NGX_LITELLM_PARAM_OPENAI)
                   ? param->id : -1;
        v = ngx_litellm_json_next(v + 1);
    }

    return a;
}


/* the URL of "alt": where streams come from */

static ngx_inline void
case_alt(case_t *c)
{
    ngx_str_t    text;
    const char  *why;

    text = case_str(c, "alt", "");

    if (text.len) {
        CHECK(ngx_litellm_url_parse(unit_pool, &text, &c->deployment.alt,
                                    &why)
              == NGX_OK);
    }
}


static ngx_inline void
case_open(case_t *c, const char *provider, ngx_str_t *dir)
{
    ngx_str_t                text, name;
    ngx_litellm_json_doc_t   doc;

    ngx_memzero(c, sizeof(case_t));
    c->provider = provider;
    c->dir = *dir;

    unit_case("%s/%.*s", provider, (int) dir->len, (char *) dir->data);

    if (case_file(c, "case.json", &text) == NGX_OK) {
        ngx_memzero(&doc, sizeof(doc));
        doc.pool = unit_pool;

        if (CHECK(ngx_litellm_json_parse(&doc, text.data, text.len)
                  == NGX_OK))
        {
            c->options = doc.root;
        }
    }

    name = case_str(c, "provider", provider);

    c->deployment.provider = ngx_litellm_provider_find(&name);
    c->deployment.api_key = case_str(c, "key", CASE_KEY);
    c->deployment.url.path = case_str(c, "base_path", "");
    c->deployment.url.args = case_str(c, "base_args", "");
    c->deployment.model = case_str(c, "model", CASE_MODEL);
    c->deployment.drop = case_list(c, "additional_drop_params");
    c->deployment.allow = case_list(c, "allowed_openai_params");
    c->deployment.defaults = case_defaults(c);
    case_alt(c);

    c->call.pool = unit_pool;
    c->call.log = &unit_log;
    c->call.config = &c->config;
    c->call.deployment = &c->deployment;
    c->call.provider_model = c->deployment.model;
    c->call.drop_params = case_flag(c, "drop_params");
    c->call.may_fetch = case_flag(c, "may_fetch");
    c->call.now = 1700000000;
    ngx_str_set(&c->call.id, "chatcmpl-unit");

    c->call.format = &ngx_litellm_openai_chat;

    if (case_flag(c, "completions")) {
        c->call.op = NGX_LITELLM_OP_COMPLETIONS;
        c->call.format = &ngx_litellm_openai_completions;
    }

    if (case_flag(c, "embeddings")) {
        c->call.op = NGX_LITELLM_OP_EMBEDDINGS;
        c->call.format = &ngx_litellm_openai_embeddings;
    }

    c->dialect = ngx_litellm_provider_dialect(&c->call);

    if (CHECK(case_file(c, "client_request.json", &text) == NGX_OK)) {
        c->call.body = unit_mem(text.data, text.len);
    }
}


static ngx_inline ngx_str_t
case_header(ngx_litellm_wire_t *wire, const char *name)
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


/* the key goes by "Authorization: Bearer" and nowhere else */

static ngx_inline void
case_auth(case_t *c, ngx_litellm_wire_t *wire)
{
    ngx_str_t  key, value;

    key = case_str(c, "key", CASE_KEY);
    value = case_header(wire, "Authorization");

    if (key.len == 0) {
        CHECK_INT(value.len, 0);
        return;
    }

    if (CHECK_INT(value.len, key.len + 7)) {
        CHECK(ngx_memcmp(value.data, "Bearer ", 7) == 0);
        CHECK(ngx_memcmp(value.data + 7, key.data, key.len) == 0);
    }

    CHECK(ngx_litellm_find(wire->path.data, wire->path.data + wire->path.len,
                           (char *) key.data, key.len)
          == NULL);
}


static ngx_inline void
case_is_json(ngx_str_t *text)
{
    ngx_litellm_json_doc_t  doc;

    ngx_memzero(&doc, sizeof(doc));
    doc.pool = unit_pool;

    CHECKF(ngx_litellm_json_parse(&doc, text->data, text->len) == NGX_OK,
           "not JSON at %d: %.*s", (int) doc.offset, (int) text->len,
           (char *) text->data);
}


static ngx_inline void
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


/* what was asked to be fetched is a picture of three bytes */

static ngx_inline void
case_fetch(case_t *c)
{
    ngx_uint_t            i;
    ngx_litellm_fetch_t  *f;

    f = c->call.fetches->elts;

    for (i = 0; i < c->call.fetches->nelts; i++) {
        f[i].done = 1;
        ngx_str_set(&f[i].media, "image/png");
        ngx_str_set(&f[i].data, "AQID");

        if (case_flag(c, "fetch_fails")) {
            f[i].error = "the host does not answer";
        }
    }
}


/* true if the request is one to be answered */

static ngx_inline ngx_uint_t
case_request(case_t *c, ngx_litellm_wire_t *wire, const char *path)
{
    ngx_int_t  rc;
    ngx_str_t  want, got, refused;

    wire->state = NULL;
    case_wire(wire, unit_pool);

    rc = c->dialect->request(&c->call, wire, &c->error);

    if (rc == NGX_AGAIN && CHECK(c->call.fetches != NULL)) {
        case_fetch(c);
        case_wire(wire, unit_pool);
        rc = c->dialect->request(&c->call, wire, &c->error);
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
        return 0;
    }

    if (!CHECKF(rc == NGX_OK, "refused: %.*s", (int) c->error.message.len,
                (char *) c->error.message.data))
    {
        return 0;
    }

    got = unit_chain(wire->body.first);
    CHECK_INT(wire->body.size, got.len);
    CHECK(!wire->body.failed);
    CHECK(!wire->pass);
    CHECK_INT(wire->method.len, 0);
    case_is_json(&got);
    case_want(c, "upstream_request.json", &got);

    want = case_str(c, "path", path);
    CHECK_MEM(&wire->path, want.data, want.len);

    case_auth(c, wire);

    return 1;
}


static ngx_inline void
case_answer(case_t *c, ngx_int_t rc, ngx_litellm_answer_t *answer)
{
    ngx_str_t          got;
    ngx_litellm_out_t  out;

    ngx_litellm_out_init(&out, unit_pool);

    CHECK(rc == NGX_OK || rc == NGX_DECLINED);
    CHECK_INT(rc == NGX_OK ? 0 : c->error.status,
              case_int(c, "client_status", 0));

    if (rc == NGX_OK) {
        c->call.format->answer(&c->call, &out, answer);

    } else {
        c->call.format->error(&out, &c->error, 0);
    }

    got = unit_chain(out.first);
    case_is_json(&got);
    case_want(c, "client_response.json", &got);
}


static ngx_inline ngx_int_t
feed_emit(void *data, ngx_litellm_event_t *ev)
{
    feed_t *f = data;

    CHECKF(!f->ended, "event %d behind the end", (int) ev->type);

    if (ev->type == NGX_LITELLM_EV_END || ev->type == NGX_LITELLM_EV_ERROR) {
        f->ended = 1;
    }

    f->c->call.format->event(&f->writer, &f->out, ev);

    return NGX_OK;
}


static ngx_inline void
feed_init(feed_t *f, case_t *c, ngx_pool_t *pool)
{
    ngx_memzero(f, sizeof(feed_t));

    f->c = c;

    ngx_litellm_out_init(&f->out, pool);
    f->sse.pool = pool;
    f->sse.max = 65536;
    f->frames.pool = pool;
    f->frames.max = 65536;
    f->stream.call = &c->call;
    f->stream.pool = pool;
    f->stream.doc.pool = pool;
    f->stream.emit = feed_emit;
    f->stream.data = f;
    f->writer.call = &c->call;
    ngx_litellm_usage_init(&f->writer.usage);
}


static ngx_inline ngx_int_t
feed_next(feed_t *f, u_char **pos, u_char *last, ngx_litellm_sse_event_t *ev)
{
    switch (f->c->dialect->frames) {

    case NGX_LITELLM_FRAMES_LINES:
        return ngx_litellm_lines_next(&f->frames, pos, last, ev);

    case NGX_LITELLM_FRAMES_AWS:
        return ngx_litellm_aws_next(&f->frames, pos, last, ev);

    default:
        return ngx_litellm_sse_next(&f->sse, pos, last, ev);
    }
}


static ngx_inline void
feed_event(feed_t *f, ngx_litellm_sse_event_t *ev)
{
    if (f->ended) {

        /* nobody reads on behind the end */

        return;
    }

    f->stream.exception = f->frames.exception;
    f->stream.message = f->frames.message;

    CHECK(f->c->dialect->event(&f->stream, &ev->name, &ev->data) == NGX_OK);
}


static ngx_inline void
feed_piece(feed_t *f, u_char *p, size_t len)
{
    u_char                   *piece, *pos;
    ngx_int_t                 rc;
    ngx_litellm_sse_event_t   ev;

    /* memory of its exact size, gone when the piece is eaten */

    piece = ngx_alloc(len ? len : 1, &unit_log);
    ngx_memcpy(piece, p, len);
    pos = piece;

    while ((rc = feed_next(f, &pos, piece + len, &ev)) == NGX_OK) {
        feed_event(f, &ev);
    }

    CHECK_INT(rc, NGX_AGAIN);

    ngx_free(piece);
}


static ngx_inline void
feed_last(feed_t *f)
{
    ngx_int_t                rc;
    ngx_litellm_sse_event_t  ev;

    switch (f->c->dialect->frames) {

    case NGX_LITELLM_FRAMES_LINES:
        rc = ngx_litellm_lines_last(&f->frames, &ev);
        break;

    case NGX_LITELLM_FRAMES_AWS:
        rc = ngx_litellm_aws_last(&f->frames, &ev);
        break;

    default:
        rc = ngx_litellm_sse_last(&f->sse, &ev);
    }

    if (rc == NGX_OK) {
        feed_event(f, &ev);
    }
}


/* cut: where the stream is cut in two; 0: byte by byte */

static ngx_inline ngx_str_t
feed(case_t *c, ngx_str_t *bytes, size_t cut, ngx_pool_t *pool)
{
    feed_t       f;
    size_t       i;
    ngx_str_t    got;
    ngx_pool_t  *saved;

    saved = c->call.pool;
    c->call.pool = pool;

    feed_init(&f, c, pool);

    if (cut) {
        feed_piece(&f, bytes->data, cut);
        feed_piece(&f, bytes->data + cut, bytes->len - cut);

    } else {
        for (i = 0; i < bytes->len; i++) {
            feed_piece(&f, bytes->data + i, 1);
        }
    }

    feed_last(&f);

    c->call.pool = saved;

    CHECK(!f.out.failed);
    CHECK(ngx_litellm_out_join(&f.out, &got) == NGX_OK);

    return got;
}


static ngx_inline void
case_stream(case_t *c, ngx_str_t *bytes)
{
    size_t       cut;
    ngx_str_t    want, got;
    ngx_pool_t  *pool;

    CHECK(c->call.stream);

    for (cut = 0; cut <= bytes->len; cut++) {
        pool = ngx_create_pool(1024, &unit_log);

        got = feed(c, bytes, cut, pool);

        if (cut == 0) {
            case_want(c, "client_response.sse", &got);
        }

        if (case_file(c, "client_response.sse", &want) != NGX_OK
            || !CHECK_MEM(&got, want.data, want.len))
        {
            CHECKF(0, "cut at %d", (int) cut);
            ngx_destroy_pool(pool);
            return;
        }

        ngx_destroy_pool(pool);
    }
}


static ngx_inline u_char *
case_u32(u_char *p, uint32_t n)
{
    *p++ = (u_char) (n >> 24);
    *p++ = (u_char) (n >> 16);
    *p++ = (u_char) (n >> 8);
    *p++ = (u_char) n;

    return p;
}


static ngx_inline u_char *
case_message_header(u_char *p, const char *name, u_char *value, size_t len)
{
    *p++ = (u_char) ngx_strlen(name);
    p = ngx_cpymem(p, name, ngx_strlen(name));
    *p++ = 7;
    *p++ = (u_char) (len >> 8);
    *p++ = (u_char) len;

    return ngx_cpymem(p, value, len);
}


/*
 * Messages of AWS's event stream, written as lines: the event's name, a blank
 * and the payload; "!" in front: an exception, "!!": an error, whose text is in
 * a header.
 */

static ngx_inline ngx_str_t
case_messages(ngx_str_t *lines)
{
    u_char      *p, *src, *last, *end, *name, *payload, *start, *headers;
    ngx_str_t    out;
    ngx_uint_t   marks;

    src = lines->data;
    last = src + lines->len;

    p = ngx_palloc(unit_pool, lines->len * 2 + 200 * 100);
    out.data = p;

    for ( /* void */ ; src < last; src = end + 1) {
        end = ngx_strlchr(src, last, '\n');
        end = end ? end : last;

        for (marks = 0; src < end && *src == '!'; marks++) {
            src++;
        }

        name = src;
        payload = ngx_strlchr(src, end, ' ');

        if (!CHECK(payload != NULL)) {
            break;
        }

        start = p;
        p += 12;
        headers = p;

        p = case_message_header(p, marks == 0 ? ":event-type"
                                   : marks == 1 ? ":exception-type"
                                                : ":error-code",
                                name, payload - name);
        payload++;

        p = case_message_header(p, ":message-type",
                                (u_char *) (marks == 0 ? "event"
                                            : marks == 1 ? "exception"
                                                         : "error"),
                                marks == 1 ? 9 : 5);
        if (marks == 2) {
            p = case_message_header(p, ":error-message", payload,
                                    end - payload);
            payload = end;
        }

        (void) case_u32(start + 4, p - headers);

        p = ngx_cpymem(p, payload, end - payload);

        (void) case_u32(start, p + 4 - start);
        (void) case_u32(start + 8, ngx_crc32_long(start, 8));

        p = case_u32(p, ngx_crc32_long(start, p - start));
    }

    out.len = p - out.data;

    return out;
}


/* answers that are one exchange; what they are is said by the file's name */

static ngx_inline void
case_response(case_t *c)
{
    ngx_int_t             rc, status;
    ngx_str_t             body;
    ngx_litellm_answer_t  answer;

    if (case_file(c, "upstream_response.ndjson", &body) == NGX_OK
        || case_file(c, "upstream_response.sse", &body) == NGX_OK)
    {
        case_stream(c, &body);
        return;
    }

    if (case_file(c, "upstream_response.events", &body) == NGX_OK) {
        body = case_messages(&body);
        case_stream(c, &body);
        return;
    }

    if (case_file(c, "upstream_response.json", &body) != NGX_OK) {
        return;
    }

    body = unit_mem(body.data, body.len);
    status = case_int(c, "status", 200);

    ngx_memzero(&c->error, sizeof(c->error));
    ngx_litellm_answer_init(&answer, unit_pool);

    if (status >= 300) {
        c->dialect->error(&c->call, status, &body, &c->error);
        rc = NGX_DECLINED;

    } else {
        rc = c->dialect->response(&c->call, &body, &answer, &c->error);
    }

    case_answer(c, rc, &answer);
}


#endif /* _WIRE_CASE_H_INCLUDED_ */
