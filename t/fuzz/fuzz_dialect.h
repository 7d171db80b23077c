
/*
 * What the targets of dialects share: a call of one of the client's formats,
 * and the properties that must hold whatever comes in.  A request is JSON
 * without a member twice, and the same for a second attempt; an answer and an
 * error are JSON, a provider's error has no key; a stream is events of JSON.
 */

#ifndef _FUZZ_DIALECT_H_INCLUDED_
#define _FUZZ_DIALECT_H_INCLUDED_


#include "fuzz.h"
#include "ngx_litellm_provider.h"
#include "ngx_litellm_format.h"
#include "ngx_litellm_sse.h"
#include "ngx_litellm_frames.h"


#define FUZZ_MEMBERS  80
#define FUZZ_KEY      "sk-fuzz-key-0123"


/* what an input is: the low bits of its first byte */

typedef enum {
    FUZZ_REQUEST = 0,
    FUZZ_ANSWER,
    FUZZ_STREAM,
    FUZZ_ERROR
} fuzz_what_e;


typedef struct {
    ngx_litellm_deployment_t      deployment;
    ngx_litellm_config_t          config;
    ngx_litellm_call_t            call;
    ngx_litellm_error_t           error;
    ngx_litellm_writer_t          writer;
    ngx_litellm_out_t             out;
    ngx_litellm_stream_t          stream;
    const ngx_litellm_dialect_t  *dialect;
} fuzz_call_t;


static ngx_inline ngx_int_t
fuzz_emit(void *data, ngx_litellm_event_t *ev)
{
    fuzz_call_t *f = data;

    FUZZ_ASSERT(ev->choice < NGX_LITELLM_CHOICES);

    if (ev->type == NGX_LITELLM_EV_ERROR) {
        FUZZ_ASSERT(ev->error->status >= 400 && ev->error->message.len);
    }

    f->call.format->event(&f->writer, &f->out, ev);

    return NGX_OK;
}


static ngx_inline void
fuzz_call(fuzz_call_t *f, ngx_pool_t *pool, const char *provider,
    const char *model, ngx_litellm_op_e op, ngx_str_t *body)
{
    ngx_str_t  name;

    ngx_memzero(f, sizeof(fuzz_call_t));

    name.data = (u_char *) provider;
    name.len = ngx_strlen(provider);

    f->deployment.provider = ngx_litellm_provider_find(&name);
    FUZZ_ASSERT(f->deployment.provider != NULL);

    ngx_str_set(&f->deployment.api_key, FUZZ_KEY);
    f->deployment.model.data = (u_char *) model;
    f->deployment.model.len = ngx_strlen(model);
    f->deployment.info =
             ngx_litellm_model_find((ngx_str_t *) &f->deployment.provider->name,
                                    &f->deployment.model);

    f->call.pool = pool;
    f->call.log = &fuzz_log;
    f->call.config = &f->config;
    f->call.deployment = &f->deployment;
    f->call.provider_model = f->deployment.model;
    f->call.op = op;
    f->call.body = *body;
    f->call.now = 1700000000;
    ngx_str_set(&f->call.id, "chatcmpl-1");

    switch (op) {

    case NGX_LITELLM_OP_COMPLETIONS:
        f->call.format = &ngx_litellm_openai_completions;
        break;

    case NGX_LITELLM_OP_EMBEDDINGS:
        f->call.format = &ngx_litellm_openai_embeddings;
        break;

    case NGX_LITELLM_OP_RERANK:
        f->call.format = &ngx_litellm_rerank_format;
        break;

    default:
        f->call.format = &ngx_litellm_openai_chat;
    }

    f->writer.call = &f->call;
    ngx_litellm_usage_init(&f->writer.usage);
    ngx_litellm_out_init(&f->out, pool);

    f->stream.call = &f->call;
    f->stream.pool = pool;
    f->stream.doc.pool = pool;
    f->stream.emit = fuzz_emit;
    f->stream.data = f;
}


static ngx_inline ngx_int_t
fuzz_no_env(void *data, ngx_str_t *name, ngx_str_t *value)
{
    return NGX_DECLINED;
}


/* d->own, as the configuration makes it; after fuzz_call() */

static ngx_inline void
fuzz_setup(fuzz_call_t *f, ngx_pool_t *pool)
{
    ngx_str_t                 why;
    ngx_litellm_config_env_t  env;

    ngx_memzero(&env, sizeof(ngx_litellm_config_env_t));
    env.env = fuzz_no_env;

    if (f->deployment.provider->setup) {
        FUZZ_ASSERT(f->deployment.provider->setup(&env, pool, &f->deployment,
                                                  &why)
                    == NGX_OK);
    }
}


static ngx_inline ngx_litellm_json_t *
fuzz_is_json(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_litellm_json_doc_t  doc;

    ngx_memzero(&doc, sizeof(doc));
    doc.pool = pool;
    doc.max_depth = 1024;

    FUZZ_ASSERT(ngx_litellm_json_parse(&doc, text->data, text->len)
                == NGX_OK);

    return doc.root;
}


/* what was written is JSON */

static ngx_inline void
fuzz_written(fuzz_call_t *f, ngx_pool_t *pool)
{
    ngx_str_t  text;

    FUZZ_ASSERT(!f->out.failed);
    FUZZ_ASSERT(ngx_litellm_out_join(&f->out, &text) == NGX_OK);

    (void) fuzz_is_json(pool, &text);
}


/* what a client reads of a stream */

static ngx_inline void
fuzz_events(fuzz_call_t *f, ngx_pool_t *pool)
{
    u_char     *p, *last, *end;
    ngx_str_t   text, line;

    FUZZ_ASSERT(!f->out.failed);
    FUZZ_ASSERT(ngx_litellm_out_join(&f->out, &text) == NGX_OK);

    p = text.data;
    last = p + text.len;

    while (p < last) {
        FUZZ_ASSERT(last - p > 8 && ngx_memcmp(p, "data: ", 6) == 0);
        p += 6;

        end = ngx_strlchr(p, last, '\n');
        FUZZ_ASSERT(end != NULL && end + 1 < last && end[1] == '\n');

        line.data = p;
        line.len = end - p;

        if (line.len != 6 || ngx_memcmp(line.data, "[DONE]", 6) != 0) {
            (void) fuzz_is_json(pool, &line);
        }

        p = end + 2;
    }
}


static ngx_inline void
fuzz_refused(fuzz_call_t *f, ngx_pool_t *pool)
{
    FUZZ_ASSERT(f->error.class != NGX_LITELLM_NO_ERROR);
    FUZZ_ASSERT(f->error.status >= 400 && f->error.status < 600);
    FUZZ_ASSERT(f->error.message.len);

    f->call.format->error(&f->out, &f->error, 0);
    fuzz_written(f, pool);
}


static ngx_inline ngx_uint_t
fuzz_tells(ngx_str_t *text)
{
    return ngx_litellm_find(text->data, text->data + text->len, FUZZ_KEY,
                            sizeof(FUZZ_KEY) - 1)
           != NULL;
}


/* an error made of what a provider says */

static ngx_inline void
fuzz_failed(fuzz_call_t *f, ngx_pool_t *pool)
{
    FUZZ_ASSERT(f->error.message.len < 8192);
    FUZZ_ASSERT(!fuzz_tells(&f->error.message));
    FUZZ_ASSERT(!fuzz_tells(&f->error.specific));

    fuzz_refused(f, pool);

    ngx_litellm_out_init(&f->out, pool);
    f->call.format->error(&f->out, &f->error, 1);
    fuzz_events(f, pool);
}


/* true if there is something to do */

static ngx_inline ngx_uint_t
fuzz_open(fuzz_call_t *f, ngx_pool_t *pool)
{
    if (f->call.format->open(&f->call, &f->error) != NGX_OK) {
        fuzz_refused(f, pool);
        return 0;
    }

    f->dialect = ngx_litellm_provider_dialect(&f->call);

    return f->dialect != NULL;
}


static ngx_inline void
fuzz_unique(ngx_litellm_json_t *object)
{
    ngx_uint_t           i, j;
    ngx_litellm_json_t  *key, *other;

    key = object + 1;

    for (i = 0; i < object->count && i < FUZZ_MEMBERS; i++) {
        other = ngx_litellm_json_next(key + 1);

        for (j = i + 1; j < object->count && j < FUZZ_MEMBERS; j++) {
            FUZZ_ASSERT(key->len != other->len
                        || ngx_memcmp(key->start, other->start, key->len)
                           != 0);
            other = ngx_litellm_json_next(other + 1);
        }

        key = ngx_litellm_json_next(key + 1);
    }
}


static ngx_inline void
fuzz_wire(ngx_litellm_wire_t *wire, ngx_pool_t *pool)
{
    void  *state;

    state = wire->state;

    ngx_memzero(wire, sizeof(ngx_litellm_wire_t));
    wire->state = state;

    ngx_litellm_out_init(&wire->body, pool);
    wire->body.chunk = 128;
    wire->body.ref_min = 64;
    (void) ngx_array_init(&wire->headers, pool, 4, sizeof(ngx_keyval_t));
}


/* with what is fetched, if something is */

static ngx_inline ngx_int_t
fuzz_send(fuzz_call_t *f, ngx_pool_t *pool, ngx_litellm_wire_t *wire)
{
    ngx_int_t             rc;
    ngx_str_t             model;
    ngx_uint_t            i;
    ngx_litellm_fetch_t  *fetch;

    model = f->call.provider_model;

    wire->state = NULL;
    fuzz_wire(wire, pool);

    rc = f->dialect->request(&f->call, wire, &f->error);

    if (rc == NGX_AGAIN) {
        FUZZ_ASSERT(f->call.fetches != NULL);
        fetch = f->call.fetches->elts;

        for (i = 0; i < f->call.fetches->nelts; i++) {
            ngx_str_set(&fetch[i].media, "image/png");
            ngx_str_set(&fetch[i].data, "AQID");
            fetch[i].done = 1;
        }

        wire->state = NULL;
        fuzz_wire(wire, pool);
        rc = f->dialect->request(&f->call, wire, &f->error);
    }

    f->call.provider_model = model;

    return rc;
}


/*
 * inner: members of the body that are objects with members of ours, a blank
 * between; NULL: none.  The JSON that goes to the provider, NULL if nothing
 * does.
 */

static ngx_inline ngx_litellm_json_t *
fuzz_request(fuzz_call_t *f, ngx_pool_t *pool, ngx_litellm_wire_t *wire,
    const char *inner)
{
    ngx_int_t            rc;
    ngx_str_t            first, text;
    ngx_uint_t           i;
    const char          *end;
    ngx_litellm_json_t  *root, *v;

    rc = fuzz_send(f, pool, wire);

    if (rc == NGX_DECLINED) {
        fuzz_refused(f, pool);
        return NULL;
    }

    FUZZ_ASSERT(rc == NGX_OK);
    FUZZ_ASSERT(ngx_litellm_out_join(&wire->body, &first) == NGX_OK);
    FUZZ_ASSERT((off_t) first.len == wire->body.size);

    rc = fuzz_send(f, pool, wire);

    FUZZ_ASSERT(rc == NGX_OK);
    FUZZ_ASSERT(ngx_litellm_out_join(&wire->body, &text) == NGX_OK);
    FUZZ_ASSERT(first.len == text.len
                && ngx_memcmp(first.data, text.data, text.len) == 0);

    root = fuzz_is_json(pool, &text);
    FUZZ_ASSERT(root->type == NGX_LITELLM_JSON_OBJECT);
    fuzz_unique(root);

    for ( /* void */ ; inner; inner = *end ? end + 1 : NULL) {
        end = inner + strcspn(inner, " ");
        v = ngx_litellm_json_get(root, inner, end - inner);

        if (ngx_litellm_json_is(v, OBJECT)) {
            fuzz_unique(v);
        }
    }

    /* nothing that splits a request line */

    FUZZ_ASSERT(wire->path.len && wire->path.data[0] == '/');

    for (i = 0; i < wire->path.len; i++) {
        FUZZ_ASSERT(wire->path.data[i] > ' ' && wire->path.data[i] < 0x7f);
    }

    return root;
}


static ngx_inline void
fuzz_answer(fuzz_call_t *f, ngx_pool_t *pool, ngx_str_t *body)
{
    ngx_int_t             rc;
    ngx_litellm_answer_t  answer;

    (void) ngx_litellm_answer_init(&answer, pool);

    rc = f->dialect->response(&f->call, body, &answer, &f->error);

    if (rc == NGX_DECLINED) {
        fuzz_failed(f, pool);
        return;
    }

    FUZZ_ASSERT(rc == NGX_OK);

    f->call.format->answer(&f->call, &f->out, &answer);
    fuzz_written(f, pool);
}


static ngx_inline void
fuzz_error(fuzz_call_t *f, ngx_pool_t *pool, ngx_uint_t status,
    ngx_str_t *body)
{
    ngx_memzero(&f->error, sizeof(ngx_litellm_error_t));
    ngx_litellm_out_init(&f->out, pool);

    f->dialect->error(&f->call, status, body, &f->error);
    fuzz_failed(f, pool);
}


static ngx_inline void
fuzz_stream(fuzz_call_t *f, ngx_pool_t *pool, ngx_str_t *bytes)
{
    u_char                   *p, *last;
    ngx_int_t                 rc;
    ngx_uint_t                lines;
    ngx_litellm_sse_t         sse;
    ngx_litellm_frames_t      frames;
    ngx_litellm_sse_event_t   ev;

    ngx_memzero(&sse, sizeof(sse));
    sse.pool = pool;
    sse.max = 65536;

    ngx_memzero(&frames, sizeof(frames));
    frames.pool = pool;
    frames.max = 65536;

    lines = (f->dialect->frames == NGX_LITELLM_FRAMES_LINES);

    p = bytes->data;
    last = p + bytes->len;

    for ( ;; ) {
        rc = lines ? ngx_litellm_lines_next(&frames, &p, last, &ev)
                   : ngx_litellm_sse_next(&sse, &p, last, &ev);

        if (rc != NGX_OK) {
            break;
        }

        FUZZ_ASSERT(f->dialect->event(&f->stream, &ev.name, &ev.data)
                    == NGX_OK);
    }

    fuzz_events(f, pool);
}


/* status: of FUZZ_ERROR */

static ngx_inline void
fuzz_play(fuzz_call_t *f, ngx_pool_t *pool, fuzz_what_e what,
    ngx_str_t *input, const char *inner, ngx_uint_t status)
{
    ngx_litellm_wire_t  wire;

    if (!fuzz_open(f, pool)) {
        return;
    }

    switch (what) {

    case FUZZ_REQUEST:
        (void) fuzz_request(f, pool, &wire, inner);
        break;

    case FUZZ_ANSWER:
        fuzz_answer(f, pool, input);
        break;

    case FUZZ_STREAM:
        if (f->dialect->event) {
            fuzz_stream(f, pool, input);
        }

        break;

    case FUZZ_ERROR:
        fuzz_error(f, pool, status, input);
    }
}


/* what the client sends: a text of ours where the input is the provider's */

static ngx_inline ngx_str_t
fuzz_body(fuzz_what_e what, ngx_str_t *input, const char *text)
{
    ngx_str_t  body;

    if (what == FUZZ_REQUEST) {
        return *input;
    }

    body.data = (u_char *) text;
    body.len = ngx_strlen(text);

    return body;
}


#endif /* _FUZZ_DIALECT_H_INCLUDED_ */
