
/*
 * Providers of the OpenAI dialect that are not OpenAI, and the dialect as a
 * translator, on wire data: every directory below t/data/<group> is a case.
 *
 *   case.json                see case_open(); may be missing
 *   client_request.json      what the client sends
 *   upstream_request.json    what the provider must get, byte for byte
 *   upstream_response.json   or .sse: what it answers
 *   client_response.json     or .sse: what the client must get
 *
 * The group is the provider's name; cases of "compatible" name it in
 * case.json, those of "translate" come from a client that does not speak
 * OpenAI's dialect (it reads and writes its form, but is taken for another).
 * A stream is fed whole, byte by byte, and cut in two at every place.
 *
 * With UNIT_WRITE set what is missing is written: to be read before it is
 * kept.
 */

#include "unit.h"
#include "ngx_litellm_openai_dialect.h"
#include "ngx_litellm_format.h"
#include "ngx_litellm_sse.h"

#include <stdio.h>
#include <stdlib.h>


#define CASE_KEY  "sk-unit-0123456789abcdef"


typedef struct {
    const char                 *group;
    ngx_str_t                   dir;
    ngx_litellm_json_t         *options;
    ngx_litellm_deployment_t    deployment;
    ngx_litellm_config_t        config;
    ngx_litellm_format_t        format;
    ngx_litellm_call_t          call;
    ngx_litellm_wire_t          wire;
    ngx_litellm_error_t         error;
} case_t;


typedef struct {
    case_t                    *c;
    ngx_litellm_stream_t       stream;
    ngx_litellm_writer_t       writer;
    ngx_litellm_facts_t        facts;
    ngx_litellm_json_doc_t     doc;
    ngx_litellm_out_t          out;
    ngx_litellm_sse_t          sse;
    ngx_uint_t                 ended;
} feed_t;


static void
case_path(case_t *c, const char *name, char *path, size_t len)
{
    snprintf(path, len, "%s/%.*s/%s", c->group, (int) c->dir.len,
             (char *) c->dir.data, name);
}


static ngx_int_t
case_file(case_t *c, const char *name, ngx_str_t *text)
{
    char  path[256];

    case_path(c, name, path, sizeof(path));

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


/* true if the text is that of the file */

static int
case_check(case_t *c, const char *name, ngx_str_t *got)
{
    char       path[256], full[512];
    FILE      *f;
    ngx_str_t  want;

    if (case_file(c, name, &want) == NGX_OK) {
        return CHECK_MEM(got, want.data, want.len);
    }

    if (getenv("UNIT_WRITE")) {
        case_path(c, name, path, sizeof(path));
        snprintf(full, sizeof(full), "%s/%s", getenv("UNIT_DATA"), path);

        f = fopen(full, "w");
        if (f != NULL) {
            fwrite(got->data, 1, got->len, f);

            if (ngx_strstr(name, ".json")) {
                fputc('\n', f);
            }

            fclose(f);
        }
    }

    return CHECKF(0, "no %s", name);
}


static ngx_litellm_json_t *
case_option(case_t *c, const char *name)
{
    return ngx_litellm_json_get(c->options, name, ngx_strlen(name));
}


static ngx_str_t
text_of(ngx_litellm_json_t *v, const char *value)
{
    ngx_str_t  text, s;

    if (!ngx_litellm_json_is(v, STRING)) {
        s.data = (u_char *) value;
        s.len = ngx_strlen(value);
        return s;
    }

    text = ngx_litellm_json_text(v);
    (void) ngx_litellm_json_unescape(unit_pool, &s, &text);

    return s;
}


static ngx_str_t
case_str(case_t *c, const char *name, const char *value)
{
    return text_of(case_option(c, name), value);
}


static ngx_uint_t
case_flag(case_t *c, const char *name)
{
    ngx_litellm_json_t  *v;

    v = case_option(c, name);

    return ngx_litellm_json_is(v, TRUE);
}


static int64_t
case_int(case_t *c, const char *name, int64_t n)
{
    ngx_litellm_json_t  *v;

    v = case_option(c, name);

    if (v != NULL) {
        (void) ngx_litellm_json_int(v, &n);
    }

    return n;
}


static ngx_array_t *
case_defaults(case_t *c)
{
    ngx_uint_t                  i, n;
    ngx_array_t                *a;
    ngx_litellm_json_t         *v;
    ngx_litellm_default_t      *d;
    const ngx_litellm_param_t  *param;

    v = case_option(c, "defaults");

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


/* the variables of case.json's "env" */

static ngx_int_t
case_env(void *data, ngx_str_t *name, ngx_str_t *value)
{
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_get(case_option(data, "env"), (char *) name->data,
                             name->len);

    if (!ngx_litellm_json_is(v, STRING)) {
        return NGX_DECLINED;
    }

    *value = ngx_litellm_json_text(v);

    return NGX_OK;
}


/*
 * provider, model, key; base (path of the address), host; completions,
 * foreign (a client of another dialect), drop_params, ask_usage; defaults;
 * env: setup() is called with these variables.
 */

static ngx_int_t
case_open(case_t *c, const char *group, ngx_str_t *dir)
{
    ngx_str_t                      name, text, why;
    ngx_litellm_json_doc_t         doc;
    const ngx_litellm_provider_t  *row;
    ngx_litellm_config_env_t       env;

    ngx_memzero(c, sizeof(case_t));
    c->group = group;
    c->dir = *dir;

    unit_case("%s/%.*s", group, (int) dir->len, (char *) dir->data);

    if (case_file(c, "case.json", &text) == NGX_OK) {
        ngx_memzero(&doc, sizeof(doc));
        doc.pool = unit_pool;

        if (CHECK(ngx_litellm_json_parse(&doc, text.data, text.len)
                  == NGX_OK))
        {
            c->options = doc.root;
        }
    }

    name = case_str(c, "provider",
                    ngx_strcmp(group, "translate") == 0 ? "openai_like"
                                                        : group);
    row = ngx_litellm_provider_find(&name);

    if (!CHECK(row != NULL)) {
        return NGX_DECLINED;
    }

    c->deployment.provider = row;
    c->deployment.api_key = case_str(c, "key", CASE_KEY);
    c->deployment.url.path = case_str(c, "base", "/v1");
    c->deployment.url.host = case_str(c, "host", "provider.example");
    c->deployment.model = case_str(c, "model", "acme/owl-1");
    c->deployment.info = ngx_litellm_model_find((ngx_str_t *) &row->name,
                                                &c->deployment.model);
    c->deployment.defaults = case_defaults(c);

    if (row->setup != NULL && case_option(c, "env") != NULL) {
        ngx_memzero(&env, sizeof(env));
        env.env = case_env;
        env.data = c;

        CHECK(row->setup(&env, unit_pool, &c->deployment, &why) == NGX_OK);
    }

    c->format = ngx_litellm_openai_chat;

    if (case_flag(c, "completions")) {
        c->call.op = NGX_LITELLM_OP_COMPLETIONS;
        c->format = ngx_litellm_openai_completions;
    }

    if (ngx_strcmp(group, "translate") == 0 && !case_flag(c, "native")) {
        c->format.same = NULL;
    }

    c->call.pool = unit_pool;
    c->call.log = &unit_log;
    c->call.config = &c->config;
    c->call.deployment = &c->deployment;
    c->call.format = &c->format;
    c->call.provider_model = c->deployment.model;
    c->call.drop_params = case_flag(c, "drop_params");
    c->call.ask_usage = case_flag(c, "ask_usage");
    c->call.now = 1700000000;
    ngx_str_set(&c->call.id, "chatcmpl-unit");

    if (!CHECK(case_file(c, "client_request.json", &text) == NGX_OK)) {
        return NGX_DECLINED;
    }

    c->call.body = unit_mem(text.data, text.len);

    return CHECK_INT(c->format.open(&c->call, &c->error), NGX_OK) ? NGX_OK
                                                             : NGX_DECLINED;
}


static ngx_str_t
header(ngx_litellm_wire_t *wire, ngx_str_t *name)
{
    ngx_str_t      none;
    ngx_uint_t     i;
    ngx_keyval_t  *h;

    h = wire->headers.elts;

    for (i = 0; i < wire->headers.nelts; i++) {
        if (h[i].key.len == name->len
            && ngx_strncasecmp(h[i].key.data, name->data, name->len) == 0)
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
check_headers(case_t *c)
{
    ngx_str_t            name, value, want;
    ngx_uint_t           i;
    ngx_litellm_json_t  *v, *key;

    v = case_option(c, "headers");

    if (v == NULL) {
        ngx_str_set(&name, "Authorization");
        value = header(&c->wire, &name);
        CHECK_STR(&value, "Bearer " CASE_KEY);
        return;
    }

    /* null: it must not be there */

    key = v + 1;

    for (i = 0; i < v->count; i++) {
        name = ngx_litellm_json_text(key);
        want = text_of(key + 1, "");
        value = header(&c->wire, &name);
        CHECK_MEM(&value, want.data, want.len);
        key = ngx_litellm_json_next(key + 1);
    }
}


/* refused, path, headers, pass */

static ngx_int_t
case_request(case_t *c)
{
    ngx_int_t  rc;
    ngx_str_t  got, want;

    ngx_memzero(&c->wire, sizeof(ngx_litellm_wire_t));
    ngx_litellm_out_init(&c->wire.body, unit_pool);
    c->wire.body.chunk = 64;

    rc = ngx_litellm_openai_dialect.request(&c->call, &c->wire, &c->error);

    want = case_str(c, "refused", "");

    if (want.len) {
        CHECK_INT(rc, NGX_DECLINED);
        CHECK_INT(c->error.status, 400);
        CHECKF(rc == NGX_DECLINED
               && ngx_litellm_find(c->error.message.data,
                                   c->error.message.data
                                   + c->error.message.len,
                                   (char *) want.data, want.len),
               "refused with: %.*s", (int) c->error.message.len,
               (char *) c->error.message.data);
        return NGX_DECLINED;
    }

    if (!CHECKF(rc == NGX_OK, "refused: %.*s", (int) c->error.message.len,
                (char *) c->error.message.data))
    {
        return NGX_DECLINED;
    }

    got = unit_chain(c->wire.body.first);
    CHECK_INT(c->wire.body.size, got.len);
    check_json(&got);
    case_check(c, "upstream_request.json", &got);

    want = case_str(c, "path", "/v1/chat/completions");
    CHECK_MEM(&c->wire.path, want.data, want.len);

    check_headers(c);

    CHECK_INT(c->wire.pass, c->format.same != NULL
                            && !(case_flag(c, "completions")
                                 && (c->deployment.provider->quirks
                                     & NGX_LITELLM_Q_AS_CHAT)));

    return NGX_OK;
}


static void
case_response(case_t *c)
{
    ngx_int_t              rc;
    ngx_str_t              body, got, cost;
    ngx_litellm_out_t      out;
    ngx_litellm_facts_t    facts;
    ngx_litellm_answer_t   answer;

    if (case_file(c, "upstream_response.json", &body) != NGX_OK) {
        return;
    }

    body = unit_mem(body.data, body.len);

    ngx_memzero(&c->error, sizeof(c->error));
    ngx_memzero(&facts, sizeof(facts));
    ngx_litellm_out_init(&out, unit_pool);
    ngx_litellm_answer_init(&answer, unit_pool);

    if (case_int(c, "status", 200) >= 300) {
        ngx_litellm_openai_dialect.error(&c->call, case_int(c, "status", 200),
                                         &body, &c->error);
        rc = NGX_DECLINED;

    } else if (c->wire.pass) {
        rc = ngx_litellm_openai_dialect.tap(&c->call, &body, &facts);
        c->error = facts.error;

    } else {
        rc = ngx_litellm_openai_dialect.response(&c->call, &body, &answer,
                                                 &c->error);
        facts.usage = answer.usage;
    }

    CHECK(rc == NGX_OK || rc == NGX_DECLINED);

    if (rc == NGX_DECLINED) {
        CHECK_INT(c->error.status, case_int(c, "client_status", 200));
        c->format.error(&out, &c->error, 0);
        got = unit_chain(out.first);

    } else if (c->wire.pass) {
        CHECK_INT(case_int(c, "client_status", 200), 200);
        got = facts.data.data ? facts.data : body;

    } else {
        CHECK_INT(case_int(c, "client_status", 200), 200);
        c->format.answer(&c->call, &out, &answer);
        got = unit_chain(out.first);
    }

    cost = case_str(c, "cost", "");
    CHECK_MEM(&facts.usage.cost, cost.data, cost.len);

    check_json(&got);
    case_check(c, "client_response.json", &got);
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

    f->c->format.event(&f->writer, &f->out, ev);

    return NGX_OK;
}


static void
feed_event(feed_t *f, ngx_litellm_sse_event_t *ev)
{
    ngx_int_t   rc;
    ngx_str_t  *data;

    if (ev->data.data == NULL || f->ended) {
        return;
    }

    if (!f->c->wire.pass) {
        CHECK(ngx_litellm_openai_dialect.event(&f->stream, &ev->name,
                                               &ev->data)
              == NGX_OK);
        return;
    }

    ngx_str_null(&f->facts.data);

    rc = ngx_litellm_openai_dialect.tap_event(&f->c->call, &f->doc, &ev->data,
                                              &f->facts);
    CHECK(rc == NGX_OK || rc == NGX_DECLINED);

    if (f->facts.failed) {
        f->ended = 1;
        f->c->format.error(&f->out, &f->facts.error, 1);
        return;
    }

    if (rc == NGX_DECLINED
        || (f->facts.usage_only && f->c->wire.hide_usage))
    {
        return;
    }

    data = f->facts.data.data ? &f->facts.data : &ev->data;

    ngx_litellm_out_lit(&f->out, "data: ");
    ngx_litellm_out_str(&f->out, data);
    ngx_litellm_out_lit(&f->out, "\n\n");
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
        feed_event(f, &ev);
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
    ngx_str_t                 got, cost;
    ngx_pool_t               *saved;
    ngx_litellm_sse_event_t   ev;

    ngx_memzero(&f, sizeof(f));
    f.c = c;

    saved = c->call.pool;
    c->call.pool = pool;

    ngx_litellm_out_init(&f.out, pool);
    f.sse.pool = pool;
    f.sse.max = 65536;
    f.doc.pool = pool;
    f.stream.call = &c->call;
    f.stream.pool = pool;
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
        feed_event(&f, &ev);
    }

    cost = case_str(c, "cost", "");

    CHECK_MEM(c->wire.pass ? &f.facts.usage.cost : &f.writer.usage.cost,
              cost.data, cost.len);

    c->call.pool = saved;

    CHECK(!f.out.failed);
    CHECK(ngx_litellm_out_join(&f.out, &got) == NGX_OK);

    return got;
}


static void
case_stream(case_t *c)
{
    size_t       cut;
    ngx_str_t    sse, got;
    ngx_uint_t   same;
    ngx_pool_t  *pool;

    if (case_file(c, "upstream_response.sse", &sse) != NGX_OK) {
        return;
    }

    CHECK(c->call.stream);

    for (cut = 0; cut <= sse.len; cut++) {
        pool = ngx_create_pool(1024, &unit_log);

        got = feed(c, &sse, cut, pool);
        same = case_check(c, "client_response.sse", &got);

        ngx_destroy_pool(pool);

        if (!same) {
            CHECKF(0, "cut at %d", (int) cut);
            return;
        }
    }
}


static void
group(const char *name)
{
    case_t        c;
    ngx_str_t    *dir;
    ngx_uint_t    i;
    ngx_array_t  *dirs;

    unit_case("t/data/%s", name);

    dirs = unit_dir(name);

    if (!CHECK(dirs != NULL && dirs->nelts)) {
        return;
    }

    dir = dirs->elts;

    for (i = 0; i < dirs->nelts; i++) {
        if (case_open(&c, name, &dir[i]) == NGX_OK
            && case_request(&c) == NGX_OK)
        {
            case_response(&c);
            case_stream(&c);
        }
    }
}


/* a request goes to one deployment after another: nothing must be left */

static void
again(void)
{
    case_t       c;
    ngx_str_t    dir, first, second;
    ngx_uint_t   i;

    ngx_str_null(&first);
    ngx_str_set(&dir, "model-of-provider");

    if (case_open(&c, "huggingface", &dir) != NGX_OK) {
        return;
    }

    for (i = 0; i < 3; i++) {
        ngx_memzero(&c.wire, sizeof(ngx_litellm_wire_t));
        ngx_litellm_out_init(&c.wire.body, unit_pool);

        if (i == 2) {
            c.call.provider_model = c.deployment.model;
        }

        CHECK(ngx_litellm_openai_dialect.request(&c.call, &c.wire, &c.error)
              == NGX_OK);

        second = unit_chain(c.wire.body.first);

        if (i) {
            CHECK_MEM(&second, first.data, first.len);
        }

        first = second;
    }
}


static ngx_int_t
count_calls(void *data, ngx_litellm_event_t *ev)
{
    ngx_uint_t *n = data;

    CHECK(ev->choice < NGX_LITELLM_CHOICES);

    if (ev->type == NGX_LITELLM_EV_CALL) {
        CHECK_INT(ev->index, *n);
        (*n)++;
    }

    return NGX_OK;
}


/* choices and calls without end are cut off */

static void
bounds(void)
{
    char                    piece[128];
    case_t                  c;
    ngx_str_t               dir, body;
    ngx_uint_t              i, n;
    ngx_litellm_out_t       out;
    ngx_litellm_answer_t    answer, *a;
    ngx_litellm_stream_t    st;

    ngx_str_set(&dir, "text");

    if (case_open(&c, "translate", &dir) != NGX_OK) {
        return;
    }

    ngx_litellm_out_init(&out, unit_pool);
    ngx_litellm_out_lit(&out, "{\"choices\":[{\"message\":{\"tool_calls\":[");

    for (i = 0; i < 2000; i++) {
        ngx_litellm_out_lit(&out, "{\"function\":{\"name\":\"f\"}},");
    }

    ngx_litellm_out_lit(&out, "{\"function\":{\"name\":\"f\"}}]}}");

    for (i = 0; i < 300; i++) {
        ngx_litellm_out_lit(&out, ",{\"message\":{\"content\":\"a\"}}");
    }

    ngx_litellm_out_lit(&out, "]}");
    CHECK(ngx_litellm_out_join(&out, &body) == NGX_OK);

    ngx_litellm_answer_init(&answer, unit_pool);
    CHECK(ngx_litellm_openai_dialect.response(&c.call, &body, &answer,
                                              &c.error) == NGX_OK);

    CHECK_INT(answer.calls.nelts, 1024);

    for (a = &answer, n = 0; a; a = a->next) {
        n++;
    }

    CHECK_INT(n, NGX_LITELLM_CHOICES);

    n = 0;

    ngx_memzero(&st, sizeof(st));
    st.call = &c.call;
    st.pool = unit_pool;
    st.emit = count_calls;
    st.data = &n;

    for (i = 0; i < 200; i++) {
        body.len = snprintf(piece, sizeof(piece),
                            "{\"choices\":[{\"delta\":{\"tool_calls\":[{"
                            "\"id\":\"t%d\",\"function\":{\"name\":\"f\"}}"
                            "]}}]}", (int) i);
        body.data = (u_char *) piece;

        CHECK(ngx_litellm_openai_dialect.event(&st, NULL, &body) == NGX_OK);
    }

    CHECK_INT(n, 128);
}


void
unit_main(void)
{
    bounds();
    group("translate");
    group("together_ai");
    group("openrouter");
    group("huggingface");
    group("compatible");
    again();
}
