
/*
 * Wire data as tests: every directory below t/data/<set> is a case of one
 * request at one provider, whatever its dialect, with the row of the table as
 * it is.
 *
 *   case.json                what else there is to know: see case_open()
 *   client_request.json      what the client sends
 *   upstream_request.json    what the provider must get, byte for byte
 *   upstream_response.json   or .sse: what it answers
 *   client_response.json     or .sse: what the client must get
 *
 * A stream is fed byte by byte and cut in two at every place; the client must
 * get the same bytes each time.
 */

#ifndef _UNIT_CASES_H_INCLUDED_
#define _UNIT_CASES_H_INCLUDED_


#include "unit.h"
#include "ngx_litellm_provider.h"
#include "ngx_litellm_format.h"
#include "ngx_litellm_sse.h"


#define CASE_KEY  "unit-key-0123456789"


typedef struct {
    const char                   *set;
    ngx_str_t                     dir;
    ngx_litellm_json_t           *options;
    ngx_litellm_deployment_t      deployment;
    ngx_litellm_config_t          config;
    ngx_litellm_call_t            call;
    const ngx_litellm_dialect_t  *dialect;
    ngx_litellm_error_t           error;
} case_t;


typedef struct {
    case_t                       *c;
    ngx_litellm_stream_t          stream;
    ngx_litellm_writer_t          writer;
    ngx_litellm_out_t             out;
    ngx_litellm_sse_t             sse;
    ngx_uint_t                    ended;
} feed_t;


static ngx_int_t
case_file(case_t *c, const char *name, ngx_str_t *text)
{
    char  path[256];

    snprintf(path, sizeof(path), "%s/%.*s/%s", c->set, (int) c->dir.len,
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

    if (CHECKF(case_file(c, name, &want) == NGX_OK, "no %s", name)) {
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

    for (i = 0, v++; i < n; i++, v = ngx_litellm_json_next(v)) {
        s = ngx_array_push(a);
        *s = ngx_litellm_json_text(v);
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


static void
case_op(case_t *c, ngx_str_t *op)
{
    ngx_uint_t  i;

    static const struct {
        const char                   *name;
        ngx_litellm_op_e              op;
        const ngx_litellm_format_t   *format;
    } ops[] = {
        { "chat", NGX_LITELLM_OP_CHAT, &ngx_litellm_openai_chat },
        { "completions", NGX_LITELLM_OP_COMPLETIONS,
          &ngx_litellm_openai_completions },
        { "embeddings", NGX_LITELLM_OP_EMBEDDINGS,
          &ngx_litellm_openai_embeddings },
        { "rerank", NGX_LITELLM_OP_RERANK, &ngx_litellm_rerank_format }
    };

    for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        if (op->len == ngx_strlen(ops[i].name)
            && ngx_memcmp(op->data, ops[i].name, op->len) == 0)
        {
            c->call.op = ops[i].op;
            c->call.format = ops[i].format;
            return;
        }
    }

    CHECKF(0, "unknown op");
}


/* NGX_DECLINED: the request was not opened */

static ngx_int_t
case_open(case_t *c, const char *set, ngx_str_t *dir, const char *provider,
    const char *model, const char *op)
{
    ngx_str_t                text, base;
    const char              *why;
    ngx_litellm_json_doc_t   doc;

    ngx_memzero(c, sizeof(case_t));
    c->set = set;
    c->dir = *dir;

    unit_case("%s/%.*s", set, (int) dir->len, (char *) dir->data);

    if (case_file(c, "case.json", &text) == NGX_OK) {
        ngx_memzero(&doc, sizeof(doc));
        doc.pool = unit_pool;

        if (CHECK(ngx_litellm_json_parse(&doc, text.data, text.len)
                  == NGX_OK))
        {
            c->options = doc.root;
        }
    }

    text = case_str(c, "provider", provider);
    c->deployment.provider = ngx_litellm_provider_find(&text);

    if (!CHECKF(c->deployment.provider != NULL, "no such provider")) {
        return NGX_DECLINED;
    }

    base = case_str(c, "base", (char *) c->deployment.provider->base.data);
    CHECK(ngx_litellm_url_parse(unit_pool, &base, &c->deployment.url, &why)
          == NGX_OK);

    c->deployment.api_key = case_str(c, "key", CASE_KEY);
    c->deployment.model = case_str(c, "model", model);
    c->deployment.info =
             ngx_litellm_model_find((ngx_str_t *) &c->deployment.provider->name,
                                    &c->deployment.model);
    c->deployment.drop = case_list(c, "additional_drop_params");
    c->deployment.allow = case_list(c, "allowed_openai_params");
    c->deployment.defaults = case_defaults(c);

    c->call.pool = unit_pool;
    c->call.log = &unit_log;
    c->call.config = &c->config;
    c->call.deployment = &c->deployment;
    c->call.provider_model = c->deployment.model;
    c->call.token = case_str(c, "token", "");
    c->call.drop_params = case_flag(c, "drop_params");
    c->call.now = 1700000000;
    ngx_str_set(&c->call.id, "chatcmpl-unit");

    text = case_str(c, "op", op);
    case_op(c, &text);

    if (CHECK(case_file(c, "client_request.json", &text) == NGX_OK)) {
        c->call.body = unit_mem(text.data, text.len);
    }

    if (c->call.format->open(&c->call, &c->error) == NGX_OK) {

        c->dialect = ngx_litellm_provider_dialect(&c->call);

        return CHECKF(c->dialect != NULL, "not served") ? NGX_OK
                                                        : NGX_DECLINED;
    }

    text = case_str(c, "not_opened", "");

    CHECKF(text.len && c->error.status == 400
           && ngx_litellm_find(c->error.message.data,
                               c->error.message.data + c->error.message.len,
                               (char *) text.data, text.len),
           "not opened: %.*s", (int) c->error.message.len,
           (char *) c->error.message.data);

    return NGX_DECLINED;
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


/* the key, or the token, is in one header and nowhere else */

static void
case_headers(case_t *c, ngx_litellm_wire_t *wire)
{
    ngx_str_t      name, *secret;
    ngx_uint_t     i, n;
    ngx_keyval_t  *h;

    secret = ngx_litellm_call_key(&c->call);
    name = case_str(c, "header", "Authorization");
    n = 0;

    h = wire->headers.elts;

    for (i = 0; i < wire->headers.nelts; i++) {

        if (ngx_litellm_find(h[i].value.data, h[i].value.data
                                              + h[i].value.len,
                             (char *) secret->data, secret->len))
        {
            n++;
            CHECK_MEM(&h[i].key, name.data, name.len);
            CHECK_INT(h[i].value.len, secret->len
                                      + (name.len == 13 ? 7 : 0));
        }
    }

    CHECK_INT(n, secret->len ? 1 : 0);

    CHECK(secret->len == 0
          || ngx_litellm_find(wire->path.data,
                              wire->path.data + wire->path.len,
                              (char *) secret->data, secret->len) == NULL);
}


static void
case_request(case_t *c)
{
    ngx_int_t            rc;
    ngx_str_t            want, got, refused;
    ngx_litellm_wire_t   wire;

    ngx_memzero(&wire, sizeof(wire));
    ngx_litellm_out_init(&wire.body, unit_pool);
    wire.body.ref_min = 100;
    wire.body.chunk = 64;
    ngx_array_init(&wire.headers, unit_pool, 4, sizeof(ngx_keyval_t));

    rc = c->dialect->request(&c->call, &wire, &c->error);

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

    case_expect(c, "upstream_request.json", &got);

    want = case_str(c, "path", "");

    if (want.len) {
        CHECK_MEM(&wire.path, want.data, want.len);
    }

    case_headers(c, &wire);
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
        CHECK_INT(case_int(c, "client_status", 200), 200);
        c->call.format->answer(&c->call, &out, &answer);

    } else {
        CHECK_INT(c->error.status, case_int(c, "client_status", 200));
        c->call.format->error(&out, &c->error, 0);
    }

    CHECK(!out.failed);
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

    if (ev->type == NGX_LITELLM_EV_ERROR) {
        f->c->call.format->error(&f->out, ev->error, 1);
        return NGX_OK;
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
        CHECK(f->c->dialect->event(&f->stream, &ev.name, &ev.data) == NGX_OK);
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
        CHECK(c->dialect->event(&f.stream, &ev.name, &ev.data) == NGX_OK);
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


/* all of a set, at least so many */

static void
cases(const char *set, const char *provider, const char *model,
    const char *op, ngx_uint_t least)
{
    case_t        c;
    ngx_str_t    *dir;
    ngx_uint_t    i;
    ngx_array_t  *dirs;

    unit_case("t/data/%s", set);

    dirs = unit_dir(set);

    if (!CHECK(dirs != NULL)) {
        return;
    }

    CHECK(dirs->nelts >= least);

    dir = dirs->elts;

    for (i = 0; i < dirs->nelts; i++) {

        if (case_open(&c, set, &dir[i], provider, model, op) != NGX_OK) {
            continue;
        }

        case_request(&c);
        case_response(&c);
        case_stream(&c);
    }
}


#endif /* _UNIT_CASES_H_INCLUDED_ */
