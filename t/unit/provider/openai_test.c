
/*
 * The OpenAI dialect: the cases below t/data/openai (requests to the byte,
 * answers, streams cut at every byte), the fidelity of spliced bodies over
 * made-up ones, attempts after one another, buffers.
 *
 * case.json says how: op, model, asked (model of the path), provider, base,
 * args, organization, drop_params, ask_usage, hide_usage, defaults, drop,
 * allow, path; error or facts are what must come out.
 */

#include "openai_call.h"
#include "ngx_litellm_openai_dialect.h"
#include "ngx_litellm_sse.h"


static uint32_t  seed = 7;


static ngx_uint_t
rnd(ngx_uint_t n)
{
    seed = seed * 1664525 + 1013904223;

    return (seed >> 8) % n;
}


static ngx_int_t
data_file(ngx_str_t *name, const char *file, ngx_str_t *text)
{
    char  path[256];

    snprintf(path, sizeof(path), "openai/%.*s/%s", (int) name->len,
             name->data, file);

    return unit_file(path, text);
}


static ngx_litellm_json_t *
parse(ngx_str_t *text)
{
    ngx_litellm_json_doc_t  *doc;

    doc = ngx_pcalloc(unit_pool, sizeof(ngx_litellm_json_doc_t));
    doc->pool = unit_pool;

    if (ngx_litellm_json_parse(doc, text->data, text->len) != NGX_OK) {
        return NULL;
    }

    return doc->root;
}


static ngx_str_t
text_of(ngx_litellm_json_t *v, const char *name, const char *def)
{
    ngx_str_t  s, dst;

    v = ngx_litellm_json_get(v, name, ngx_strlen(name));

    if (!ngx_litellm_json_is(v, STRING)) {
        return openai_str(def);
    }

    s = ngx_litellm_json_text(v);
    (void) ngx_litellm_json_unescape(unit_pool, &dst, &s);

    return dst;
}


static int64_t
int_of(ngx_litellm_json_t *v, const char *name, int64_t def)
{
    int64_t  n;

    v = ngx_litellm_json_get(v, name, ngx_strlen(name));

    if (v == NULL || ngx_litellm_json_int(v, &n) != NGX_OK) {
        return def;
    }

    return n;
}


static ngx_array_t *
names_of(ngx_litellm_json_t *v)
{
    ngx_uint_t           i;
    ngx_array_t         *a;
    ngx_litellm_json_t  *child;

    if (v == NULL) {
        return NULL;
    }

    a = ngx_array_create(unit_pool, 4, sizeof(ngx_str_t));
    child = v + 1;

    for (i = 0; i < v->count; i++, child = ngx_litellm_json_next(child)) {
        *(ngx_str_t *) ngx_array_push(a) = ngx_litellm_json_text(child);
    }

    return a;
}


static ngx_array_t *
defaults_of(ngx_litellm_json_t *v)
{
    ngx_uint_t                  i;
    ngx_array_t                *a;
    ngx_litellm_json_t         *key;
    ngx_litellm_default_t      *d;
    const ngx_litellm_param_t  *p;

    if (v == NULL) {
        return NULL;
    }

    a = ngx_array_create(unit_pool, 4, sizeof(ngx_litellm_default_t));
    key = v + 1;

    for (i = 0; i < v->count; i++) {
        d = ngx_array_push(a);
        d->key = ngx_litellm_json_text(key);
        d->value = ngx_litellm_json_next(key);

        p = ngx_litellm_param_find(d->key.data, d->key.len);
        d->param = (p && p->kind == NGX_LITELLM_PARAM_OPENAI) ? p->id : -1;

        key = ngx_litellm_json_next(d->value);
    }

    return a;
}


static ngx_litellm_op_e
op_of(ngx_litellm_json_t *conf)
{
    ngx_str_t  op;

    op = text_of(conf, "op", "chat");

    return op.data[0] == 'e' ? NGX_LITELLM_OP_EMBEDDINGS
           : (op.len == 11) ? NGX_LITELLM_OP_COMPLETIONS
           : NGX_LITELLM_OP_CHAT;
}


static void
setup(openai_call_t *c, ngx_litellm_json_t *conf, ngx_str_t body)
{
    char       *model;
    ngx_str_t   s;

    s = text_of(conf, "model", "gpt-4o");
    model = ngx_pcalloc(unit_pool, s.len + 1);
    ngx_memcpy(model, s.data, s.len);

    openai_call(c, op_of(conf), model, body);

    c->provider.name = text_of(conf, "provider", "openai");
    c->deployment.url.path = text_of(conf, "base", "/v1");
    c->deployment.url.args = text_of(conf, "args", "");
    c->deployment.organization = text_of(conf, "organization", "");
    c->deployment.defaults = defaults_of(ngx_litellm_json_member(conf,
                                                              "defaults"));
    c->deployment.drop = names_of(ngx_litellm_json_member(conf, "drop"));
    c->deployment.allow = names_of(ngx_litellm_json_member(conf, "allow"));
    c->call.drop_params = ngx_litellm_json_member(conf, "drop_params")
                          != NULL;
    c->call.ask_usage = ngx_litellm_json_member(conf, "ask_usage") != NULL;
    c->call.model = text_of(conf, "asked", "");
}


static void
request_case(ngx_str_t *name, ngx_litellm_json_t *conf, ngx_str_t *client)
{
    ngx_int_t            rc;
    ngx_str_t            want, got, s;
    ngx_uint_t           i;
    ngx_keyval_t        *h;
    openai_call_t        c;
    ngx_litellm_json_t  *error;
    ngx_litellm_wire_t   wire;

    setup(&c, conf, unit_mem(client->data, client->len));

    if (!CHECK_INT(openai_open(&c), NGX_OK)) {
        return;
    }

    error = ngx_litellm_json_member(conf, "error");

    /* twice: a second attempt finds the call as the first one did */

    for (i = 0; i < 2; i++) {

        rc = openai_request(&c, &wire, &got);

        if (error != NULL) {
            CHECK_INT(rc, NGX_DECLINED);
            CHECK_INT(c.error.status, int_of(error, "status", 0));

            s = text_of(error, "class", "");
            CHECK_MEM(ngx_litellm_error_class(c.error.class), s.data, s.len);

            s = text_of(error, "text", "");
            CHECKF(ngx_litellm_find(c.error.message.data,
                                    c.error.message.data
                                    + c.error.message.len,
                                    (char *) s.data, s.len) != NULL,
                   "message is %.*s", (int) c.error.message.len,
                   c.error.message.data);
            continue;
        }

        if (!CHECKF(rc == NGX_OK, "request() is %ld: %.*s", (long) rc,
                    (int) c.error.message.len, c.error.message.data))
        {
            return;
        }

        if (!CHECK_INT(data_file(name, "upstream_request.json", &want),
                       NGX_OK))
        {
            return;
        }

        CHECK_MEM(&got, want.data, want.len);
        CHECK_INT(wire.body.size, want.len);
        CHECK(wire.pass);
        CHECK_INT(wire.hide_usage,
                  ngx_litellm_json_member(conf, "hide_usage") != NULL);

        s = text_of(conf, "path", c.provider.name.len == 6
                                  ? "/v1/chat/completions"
                                  : "/openai/v1/chat/completions");
        CHECK_MEM(&wire.path, s.data, s.len);

        h = wire.headers.elts;
        CHECK_INT(wire.headers.nelts, 1 + !!c.deployment.organization.len);
        CHECK_STR(&h->key, "Authorization");
        CHECK_STR(&h->value, "Bearer " OPENAI_KEY);
    }
}


static void
check_facts(ngx_litellm_json_t *want, ngx_litellm_facts_t *f)
{
    ngx_str_t    s;
    ngx_uint_t   i;

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

    if (ngx_litellm_json_member(want, "error") != NULL) {
        CHECK_INT(f->error.status, int_of(want, "error", 0));
        CHECK(f->error.message.len != 0);

        s = text_of(want, "type", "");
        CHECK_MEM(&f->error.type, s.data, s.len);

        return;
    }

    s = text_of(want, "id", "");
    CHECK_MEM(&f->provider_id, s.data, s.len);

    s = text_of(want, "finish", "");
    CHECK_MEM(ngx_litellm_finish_name(f->finish), s.data, s.len);

    CHECK_INT(f->end, ngx_litellm_json_member(want, "end") != NULL);

    for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        if (ngx_litellm_json_get(want, counts[i].name,
                                 ngx_strlen(counts[i].name))
            != NULL)
        {
            CHECKF(*(int64_t *) ((u_char *) &f->usage + counts[i].offset)
                   == int_of(want, counts[i].name, 0), "%s",
                   counts[i].name);
        }
    }

    CHECK_INT(f->usage.known, int_of(want, "prompt", 0) >= 0);
}


static void
answer_case(ngx_litellm_json_t *conf, ngx_str_t *text)
{
    ngx_int_t             rc;
    ngx_str_t             body;
    openai_call_t         c;
    ngx_litellm_json_t   *want;
    ngx_litellm_facts_t   facts;

    setup(&c, conf, unit_str("{}"));

    ngx_memzero(&facts, sizeof(ngx_litellm_facts_t));
    ngx_litellm_usage_init(&facts.usage);

    body = unit_mem(text->data, text->len);
    want = ngx_litellm_json_member(conf, "facts");

    rc = ngx_litellm_openai_dialect.tap(&c.call, &body, &facts);

    CHECK_INT(rc, ngx_litellm_json_member(want, "error") ? NGX_DECLINED
                                                         : NGX_OK);
    check_facts(want, &facts);
}


/* the events of [p, last), handed over in two pieces; reset: http's habit */

static void
replay(ngx_litellm_json_t *conf, ngx_str_t *text, size_t split,
    ngx_uint_t reset)
{
    u_char                   *p, *last;
    int64_t                   content_at, n;
    ngx_int_t                 rc;
    ngx_str_t                 piece;
    ngx_uint_t                i, k, events, usage_only, wanted;
    openai_call_t             c;
    ngx_litellm_sse_t         sse;
    ngx_litellm_json_t       *want, *list, *v;
    ngx_litellm_facts_t       facts;
    ngx_litellm_json_doc_t    doc;
    ngx_litellm_sse_event_t   ev;

    setup(&c, conf, unit_str("{}"));

    ngx_memzero(&facts, sizeof(ngx_litellm_facts_t));
    ngx_memzero(&sse, sizeof(ngx_litellm_sse_t));
    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    ngx_litellm_usage_init(&facts.usage);

    sse.pool = unit_pool;
    sse.max = 65536;
    doc.pool = unit_pool;

    content_at = -1;
    events = 0;
    usage_only = 0;
    wanted = 0;

    want = ngx_litellm_json_member(conf, "facts");

    for (i = 0; i < 3; i++) {

        if (i < 2) {
            piece = i ? unit_mem(text->data + split, text->len - split)
                      : unit_mem(text->data, split);
            p = piece.data;
            last = p + piece.len;
        }

        for ( ;; ) {
            rc = (i < 2) ? ngx_litellm_sse_next(&sse, &p, last, &ev)
                         : ngx_litellm_sse_last(&sse, &ev);

            if (rc != NGX_OK) {
                break;
            }

            if (reset) {
                facts.content = 0;
            }

            piece = unit_mem(ev.data.data, ev.data.len);

            rc = ngx_litellm_openai_dialect.tap_event(&c.call, &doc, &piece,
                                                      &facts);
            CHECK_INT(rc, NGX_OK);

            /* what facts hold must not be the event's */

            ngx_memset(piece.data, '#', piece.len);

            if (facts.content && content_at < 0) {
                content_at = events;
            }

            if (facts.usage_only) {
                usage_only |= (ngx_uint_t) 1 << events;
            }

            events++;

            if (facts.failed) {
                goto done;
            }
        }
    }

done:

    list = ngx_litellm_json_member(want, "usage_only");
    v = list + 1;

    for (k = 0; k < list->count; k++, v = ngx_litellm_json_next(v)) {
        (void) ngx_litellm_json_int(v, &n);
        wanted |= (ngx_uint_t) 1 << n;
    }

    CHECK_INT(usage_only, wanted);
    CHECK_INT(content_at, int_of(want, "content_at", -2));
    CHECK_INT(facts.failed, ngx_litellm_json_member(want, "error") != NULL);

    check_facts(want, &facts);
}


static void
test_cases(void)
{
    size_t               i;
    ngx_str_t           *name, file, text;
    ngx_uint_t           n;
    ngx_array_t         *dir;
    ngx_litellm_json_t  *conf;

    dir = unit_dir("openai");

    if (!CHECK(dir != NULL && dir->nelts > 40)) {
        return;
    }

    name = dir->elts;

    for (n = 0; n < dir->nelts; n++) {
        unit_case("%.*s", (int) name[n].len, name[n].data);

        if (!CHECK_INT(data_file(&name[n], "case.json", &file), NGX_OK)
            || !CHECK((conf = parse(&file)) != NULL))
        {
            continue;
        }

        if (data_file(&name[n], "client_request.json", &text) == NGX_OK) {
            request_case(&name[n], conf, &text);
        }

        if (data_file(&name[n], "upstream_response.json", &text) == NGX_OK) {
            answer_case(conf, &text);
        }

        if (data_file(&name[n], "upstream_response.sse", &text) != NGX_OK) {
            continue;
        }

        for (i = 0; i <= text.len; i++) {
            unit_case("%.*s split at %lu", (int) name[n].len, name[n].data,
                      (unsigned long) i);

            (void) data_file(&name[n], "case.json", &file);
            (void) data_file(&name[n], "upstream_response.sse", &text);

            replay(parse(&file), &text, i, i & 1);
        }
    }
}


/* blanks as JSON has them */

static u_char *
blanks(u_char *p)
{
    ngx_uint_t  n;

    for (n = rnd(4); n > 1; n--) {
        *p++ = " \t\n\r"[rnd(4)];
    }

    return p;
}


/*
 * Bodies of random order, white space and spellings: with the model's range
 * taken out they must come out as they went in, whatever else they hold.
 */

static void
test_fidelity(void)
{
    u_char               *p, *body, *start, *end;
    ngx_str_t             got, text;
    ngx_uint_t            i, j, k, n, round, model_at;
    openai_call_t         c;
    ngx_litellm_wire_t    wire;

    static const char  *members[] = {
        "\"temperature\":1.50e-1",
        "\"temperature\" : null",
        "\"top_p\": 0.1000",
        "\"seed\" :12345678901234567890",
        "\"max_tokens\":1E2",
        "\"stop\":[\"\\\"\",\"]\",\"\\u005d\"]",
        "\"user\":\"\\u0000 \\ud83d\\ude00 \\ud83d \303\251 \\/ /\"",
        "\"logit_bias\":{\"15\":-100,\"15 \":1}",
        "\"x_own\":{\"b\":1,\"a\":{\"c\":[ ] , \"d\":{ }}}",
        "\"\\u0078\":\"escaped key\"",
        "\"\303\251\":[1,2,[3,{\"z\":-0.0}]]",
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
            "\"parameters\":{\"type\":\"object\",\"e_u\":1}}}]",
        "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
            "{\"name\":\"n\",\"schema\":{\"model\":\"no\"}}}",
        "\"big\":1e400",
        "\"\":0",
        "\"messages2\":[]"
    };

    for (round = 0; round < 2000; round++) {
        unit_case("fidelity, round %lu", (unsigned long) round);

        body = ngx_pnalloc(unit_pool, 65536);
        p = blanks(body);
        *p++ = '{';

        n = 2 + rnd(8);
        model_at = rnd(n + 1);
        j = rnd(16);
        start = NULL;
        end = NULL;

        for (i = 0; i <= n; i++) {

            p = blanks(p);

            if (i == model_at) {
                p = ngx_sprintf(p, "\"model\"");
                p = blanks(p);
                *p++ = ':';
                p = blanks(p);
                start = p;
                p = ngx_sprintf(p, "\"asked\"");
                end = p;

            } else if (i == (model_at + 1) % (n + 1)) {
                p = ngx_sprintf(p, "\"messages\"");
                p = blanks(p);
                p = ngx_sprintf(p, ":[{\"role\":\"user\",\"content\":\"");

                for (k = rnd(round % 50 == 0 ? 30000 : 300); k; k--) {
                    *p++ = 'a' + rnd(26);
                }

                p = ngx_sprintf(p, "\" , \"cache_control\":{} }]");

            } else {

                /* 7 and 16 have no common divisor: no member comes twice,
                   but for the two spellings of temperature */

                j = (j + 7) % 16;

                if (j == 1) {
                    j = 8;
                }

                p = ngx_sprintf(p, "%s", members[j]);
            }

            p = blanks(p);

            if (i < n) {
                *p++ = ',';
            }
        }

        *p++ = '}';
        p = blanks(p);

        text = unit_mem(body, p - body);

        openai_call(&c, NGX_LITELLM_OP_CHAT, "gpt-4o", text);

        if (!CHECKF(openai_open(&c) == NGX_OK, "%.*s in %.*s",
                    (int) c.error.message.len, c.error.message.data,
                    (int) text.len, text.data)
            || c.call.duplicates)
        {
            continue;
        }

        if (!CHECK_INT(openai_request(&c, &wire, &got), NGX_OK)) {
            continue;
        }

        if (!CHECK_INT(got.len, text.len + 1)) {
            continue;
        }

        CHECK(ngx_memcmp(got.data, body, start - body) == 0);
        CHECK(ngx_memcmp(got.data + (start - body), "\"gpt-4o\"", 8) == 0);
        CHECK(ngx_memcmp(got.data + (start - body) + 8, end, p - end) == 0);
    }
}


static void
test_buffers(void)
{
    u_char               *p, *body;
    ngx_str_t             got;
    ngx_uint_t            n;
    ngx_chain_t          *cl;
    openai_call_t         c;
    ngx_litellm_wire_t    wire;

    unit_case("nothing to edit: one reference to the client's bytes");

    openai_call(&c, NGX_LITELLM_OP_CHAT, "gpt-4o",
                unit_str("{\"model\":\"gpt-4o\",\"messages\":[]}"));
    CHECK_INT(openai_open(&c), NGX_OK);
    CHECK_INT(openai_request(&c, &wire, &got), NGX_OK);
    CHECK(wire.body.first->next == NULL);
    CHECK(wire.body.first->buf->pos == c.call.body.data);

    unit_case("a small body: one buffer");

    openai_call(&c, NGX_LITELLM_OP_CHAT, "gpt-4o",
                unit_str("{\"model\":\"x\",\"messages\":[],\"timeout\":1}"));
    CHECK_INT(openai_open(&c), NGX_OK);
    CHECK_INT(openai_request(&c, &wire, &got), NGX_OK);
    CHECK(wire.body.first->next == NULL);

    unit_case("a large body: its bytes are not copied");

    body = ngx_palloc(unit_pool, 1024 * 1024);
    p = ngx_sprintf(body, "{\"messages\":[{\"role\":\"user\",\"content\":\"");

    while (p < body + 1000 * 1024) {
        *p++ = 'x';
    }

    p = ngx_sprintf(p, "\"}],\"model\":\"x\"}");

    got.data = body;
    got.len = p - body;

    openai_call(&c, NGX_LITELLM_OP_CHAT, "gpt-4o", got);
    CHECK_INT(openai_open(&c), NGX_OK);
    CHECK_INT(openai_request(&c, &wire, &got), NGX_OK);

    n = 0;

    for (cl = wire.body.first; cl; cl = cl->next) {
        n++;
    }

    CHECK(wire.body.first->buf->pos == body);
    CHECK(n <= 3);

    unit_case("no key: no Authorization; a model that needs escapes");

    openai_call(&c, NGX_LITELLM_OP_CHAT, "gpt-4o",
                unit_str("{\"messages\":[]}"));
    ngx_str_null(&c.deployment.api_key);
    c.call.provider_model = openai_str("a\"b\\\001\377");
    CHECK_INT(openai_open(&c), NGX_OK);
    CHECK_INT(openai_request(&c, &wire, &got), NGX_OK);
    CHECK_INT(wire.headers.nelts, 0);
    CHECK(parse(&got) != NULL);
}


/* the family is told by the name of the request, not the star's */

static void
test_wildcard(void)
{
    ngx_str_t             got;
    openai_call_t         c;
    ngx_litellm_wire_t    wire;

    unit_case("a wildcard deployment");

    openai_call(&c, NGX_LITELLM_OP_CHAT, "*",
                unit_str("{\"model\":\"openai/o4-mini\",\"messages\":[],"
                         "\"max_tokens\":3}"));
    CHECK(c.deployment.info == NULL);

    c.call.provider_model = openai_str("o4-mini");
    CHECK_INT(openai_open(&c), NGX_OK);
    CHECK_INT(openai_request(&c, &wire, &got), NGX_OK);
    CHECK_STR(&got, "{\"model\":\"o4-mini\",\"messages\":[],"
                    "\"max_completion_tokens\":3}");

    c.call.provider_model = openai_str("gpt-4o");
    CHECK_INT(openai_request(&c, &wire, &got), NGX_OK);
    CHECK_STR(&got, "{\"model\":\"gpt-4o\",\"messages\":[],"
                    "\"max_tokens\":3}");
}


/* what the tap must find whatever way it is written, and must not find */

static void
test_tap(void)
{
    ngx_str_t               data;
    ngx_uint_t              i;
    openai_call_t           c;
    ngx_litellm_facts_t     facts;
    ngx_litellm_json_doc_t  doc;

    static const struct {
        const char  *text;
        int          finish;
        int          prompt;
        int          failed;
    } cases[] = {
        { "{\"choices\":[{\"delta\":{\"content\":\"a\"},"
          "\"finish_reason\":null}],\"usage\":null,\"error\":null}",
          NGX_LITELLM_FINISH_NONE, -1, 0 },
        { "{\"choices\":[{\"finish_reason\":null},{\"finish_reason\" : "
          "\"length\"}]}", NGX_LITELLM_FINISH_LENGTH, -1, 0 },
        { "{\"choices\":[{\"delta\":{\"content\":\"\\\"finish_reason\\\":"
          "\\\"stop\\\" \\\"usage\\\":{\\\"prompt_tokens\\\":1}\"}}]}",
          NGX_LITELLM_FINISH_NONE, -1, 0 },
        { "{\"choices\":[],\"usage\" :\n{\"prompt_tokens\":7}}",
          NGX_LITELLM_FINISH_NONE, 7, 0 },
        { "{\"choices\":[],\"usage\":{\"prompt_t\\u006fkens\":8,"
          "\"prompt_tokens_details\":{\"cached_tokens\":1}}}",
          NGX_LITELLM_FINISH_NONE, 8, 0 },
        { "{\"usage\":null,\"choices\":[],\"usage\":{\"total_tokens\":1,"
          "\"prompt_tokens\":3.0e1}}", NGX_LITELLM_FINISH_NONE, 30, 0 },
        { "{\"choices\":[],\"usage\":{\"prompt_tokens\":-1}}",
          NGX_LITELLM_FINISH_NONE, -1, 0 },
        { "{\"user\":{\"usage_\":{}},\"error\":{\"message\":\"no\"}}",
          NGX_LITELLM_FINISH_NONE, -1, 1 },
        { "{\"error\":{},\"choices\":[]}", NGX_LITELLM_FINISH_NONE, -1, 0 },
        { "{\"choices\":[{\"finish_reason\":\"stop\"}],\"usage\":"
          "{\"prompt_tokens\":5,\"completion_tokens_details\":[1]}}",
          NGX_LITELLM_FINISH_STOP, 5, 0 },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("tap %lu", (unsigned long) i);

        openai_call(&c, NGX_LITELLM_OP_CHAT, "gpt-4o", unit_str("{}"));
        c.call.deployment = &c.deployment;

        ngx_memzero(&facts, sizeof(ngx_litellm_facts_t));
        ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
        ngx_litellm_usage_init(&facts.usage);
        doc.pool = unit_pool;

        /* behind the commit point, where the event is only searched */
        facts.content = 1;

        data = openai_str(cases[i].text);

        (void) ngx_litellm_openai_tap_event(&c.call, &doc, &data, &facts);

        CHECK_INT(facts.finish, cases[i].finish);
        CHECK_INT(facts.usage.prompt, cases[i].prompt);
        CHECK_INT(facts.failed, cases[i].failed);

        /* the same as a whole answer */

        ngx_memzero(&facts, sizeof(ngx_litellm_facts_t));
        ngx_litellm_usage_init(&facts.usage);

        CHECK_INT(ngx_litellm_openai_tap(&c.call, &data, &facts),
                  cases[i].failed ? NGX_DECLINED : NGX_OK);
        CHECK_INT(facts.finish, cases[i].finish);
        CHECK_INT(facts.usage.prompt, cases[i].prompt);
    }
}


void
unit_main(void)
{
    test_tap();
    test_cases();
    test_wildcard();
    test_fidelity();
    test_buffers();
}
