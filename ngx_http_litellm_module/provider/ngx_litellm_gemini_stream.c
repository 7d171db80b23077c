
/*
 * A stream of Google's streamGenerateContent as neutral events.  Every
 * server-sent event is a whole GenerateContentResponse with the parts that are
 * new; a function's call comes whole, in one part.  There is no end mark: the
 * stream ends with the connection.
 *
 * An event is parsed into the stream's one document and its texts are passed
 * on as ranges of it.  What must be made (ids, arguments, images' URLs) is made
 * in buffers of the stream that are used again.  An event that is not JSON is
 * skipped.  Calls are counted for each candidate, and bounded for all.
 *
 * Since there is no end mark, a finish is what tells a whole stream from one
 * that was cut.  So with several candidates it is held back until each that
 * has begun has one.
 */

#include "ngx_litellm_gemini.h"


/* of text that is kept for the places that grounding tells of */
#define NGX_LITELLM_GEMINI_KEEP  (1024 * 1024)

/* events with grounding; Google sends it with the last one */
#define NGX_LITELLM_GEMINI_GROUNDS  16


typedef struct {
    ngx_litellm_usage_t         usage;
    ngx_uint_t                  calls;       /* of all candidates */
    ngx_uint_t                  grounds;
    ngx_uint_t                  images;
    ngx_uint_t                  seen;        /* candidates that began */
    ngx_uint_t                  finished;
    uint16_t                    called[NGX_LITELLM_CHOICES];
    uint8_t                     state[NGX_LITELLM_CHOICES];
    uint8_t                     finish[NGX_LITELLM_CHOICES];
    ngx_litellm_gemini_buf_t    id;
    ngx_litellm_gemini_buf_t    arguments;
    ngx_litellm_gemini_buf_t    url;
    ngx_litellm_gemini_buf_t    signature;
    ngx_litellm_gemini_buf_t    kept;        /* text of the first candidate */
    unsigned                    started:1;
    unsigned                    grounded:1;  /* a search was asked for */
} ngx_litellm_gemini_state_t;


/* states of a candidate */
#define NGX_LITELLM_GEMINI_BEGAN     1
#define NGX_LITELLM_GEMINI_FINISHED  2
#define NGX_LITELLM_GEMINI_TOLD      3


/* of one candidate of one event */
typedef struct {
    ngx_litellm_stream_t        *st;
    ngx_litellm_gemini_state_t  *s;
    ngx_uint_t                   choice;
} ngx_litellm_gemini_from_t;


static ngx_litellm_gemini_state_t *ngx_litellm_gemini_state(
    ngx_litellm_stream_t *st);
static ngx_uint_t ngx_litellm_gemini_searches(ngx_litellm_call_t *call);
static ngx_int_t ngx_litellm_gemini_on_candidate(ngx_litellm_gemini_from_t *f,
    ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_gemini_on_finish(ngx_litellm_gemini_from_t *f,
    ngx_litellm_json_t *reason);
static ngx_int_t ngx_litellm_gemini_on_part(ngx_litellm_gemini_from_t *f,
    ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_gemini_on_text(ngx_litellm_gemini_from_t *f,
    ngx_litellm_json_t *text, ngx_uint_t thought);
static ngx_int_t ngx_litellm_gemini_on_signature(ngx_litellm_gemini_from_t *f,
    ngx_litellm_json_t *signature);
static ngx_int_t ngx_litellm_gemini_on_call(ngx_litellm_gemini_from_t *f,
    ngx_litellm_json_t *v, ngx_litellm_json_t *signature);
static ngx_int_t ngx_litellm_gemini_on_data(ngx_litellm_gemini_from_t *f,
    ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_gemini_on_cite(void *data, ngx_str_t *text);
static ngx_int_t ngx_litellm_gemini_on_blocked(ngx_litellm_stream_t *st,
    ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_gemini_on_usage(ngx_litellm_stream_t *st,
    ngx_litellm_gemini_state_t *s, ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_gemini_on_error(ngx_litellm_stream_t *st,
    ngx_str_t *data);
static ngx_int_t ngx_litellm_gemini_keep(ngx_litellm_gemini_state_t *s,
    ngx_litellm_json_t *text);


ngx_int_t
ngx_litellm_gemini_event(ngx_litellm_stream_t *st, ngx_str_t *name,
    ngx_str_t *data)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i, n;
    ngx_litellm_json_t          *root, *list, *v;
    ngx_litellm_gemini_from_t    f;
    ngx_litellm_gemini_state_t  *s;

    s = st->state;

    if (s == NULL) {
        s = ngx_litellm_gemini_state(st);
        if (s == NULL) {
            return NGX_ERROR;
        }
    }

    rc = ngx_litellm_json_parse(&st->doc, data->data, data->len);

    if (rc != NGX_OK) {
        return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
    }

    root = st->doc.root;

    if (ngx_litellm_gemini_failed(root)) {
        return ngx_litellm_gemini_on_error(st, data);
    }

    if (root->type != NGX_LITELLM_JSON_OBJECT) {
        return NGX_OK;
    }

    if (!s->started) {
        s->started = 1;

        rc = ngx_litellm_emit_start(st,
                               ngx_litellm_json_member(root, "responseId"),
                               ngx_litellm_json_member(root, "modelVersion"));
        if (rc != NGX_OK) {
            return rc;
        }
    }

    f.st = st;
    f.s = s;

    list = ngx_litellm_json_member(root, "candidates");
    n = ngx_litellm_json_is(list, ARRAY) ? list->count : 0;
    v = list + 1;

    for (i = 0; i < ngx_min(n, NGX_LITELLM_CHOICES); i++) {

        f.choice = ngx_litellm_gemini_index(v);

        if (v->type == NGX_LITELLM_JSON_OBJECT
            && f.choice < NGX_LITELLM_CHOICES)
        {
            rc = ngx_litellm_gemini_on_candidate(&f, v);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        v = ngx_litellm_json_next(v);
    }

    if (n == 0) {
        v = ngx_litellm_json_member(root, "promptFeedback");

        if (ngx_litellm_json_is(v, OBJECT)) {
            rc = ngx_litellm_gemini_on_blocked(st, v);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    return ngx_litellm_gemini_on_usage(st, s,
                               ngx_litellm_json_member(root,
                                                       "usageMetadata"));
}


static ngx_litellm_gemini_state_t *
ngx_litellm_gemini_state(ngx_litellm_stream_t *st)
{
    ngx_litellm_gemini_state_t  *s;

    s = ngx_litellm_emit_state(st, sizeof(ngx_litellm_gemini_state_t));
    if (s == NULL) {
        return NULL;
    }

    ngx_litellm_usage_init(&s->usage);

    s->id.pool = st->pool;
    s->arguments.pool = st->pool;
    s->url.pool = st->pool;
    s->signature.pool = st->pool;
    s->kept.pool = st->pool;
    s->grounded = ngx_litellm_gemini_searches(st->call) ? 1 : 0;

    return s;
}


/* only then there is grounding: without it no text is kept */

static ngx_uint_t
ngx_litellm_gemini_searches(ngx_litellm_call_t *call)
{
    u_char              *p;
    ngx_litellm_json_t  *v;

    if (ngx_litellm_call_wants(call, NGX_LITELLM_P_WEB_SEARCH_OPTIONS)) {
        return 1;
    }

    v = call->param[NGX_LITELLM_P_TOOLS];

    if (v == NULL) {

        /* tools of the deployment: any of them may search */

        return ngx_litellm_call_wants(call, NGX_LITELLM_P_TOOLS);
    }

    p = v->start;

    return ngx_litellm_find(p, p + v->len, "earch", 5)
           || ngx_litellm_find(p, p + v->len, "aps", 3)
           || ngx_litellm_find(p, p + v->len, "etrieval", 8);
}


static ngx_int_t
ngx_litellm_gemini_on_candidate(ngx_litellm_gemini_from_t *f,
    ngx_litellm_json_t *v)
{
    ngx_int_t            rc;
    ngx_uint_t           i;
    ngx_litellm_json_t  *parts, *m;

    if (f->s->state[f->choice] == 0) {
        f->s->state[f->choice] = NGX_LITELLM_GEMINI_BEGAN;
        f->s->seen++;
    }

    parts = ngx_litellm_json_member(ngx_litellm_json_member(v, "content"),
                                    "parts");

    if (ngx_litellm_json_is(parts, ARRAY)) {

        m = parts + 1;

        for (i = 0; i < parts->count; i++) {

            if (m->type == NGX_LITELLM_JSON_OBJECT) {
                rc = ngx_litellm_gemini_on_part(f, m);
                if (rc != NGX_OK) {
                    return rc;
                }
            }

            m = ngx_litellm_json_next(m);
        }
    }

    m = ngx_litellm_json_member(v, "groundingMetadata");

    if (ngx_litellm_json_is(m, OBJECT) && f->s->grounded && f->choice == 0
        && f->s->grounds++ < NGX_LITELLM_GEMINI_GROUNDS)
    {
        rc = ngx_litellm_gemini_grounding(f->st->pool, m, &f->s->kept.text, 1,
                                          1, ngx_litellm_gemini_on_cite, f);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    m = ngx_litellm_json_member(v, "finishReason");

    if (!ngx_litellm_json_is(m, STRING)) {
        return NGX_OK;
    }

    return ngx_litellm_gemini_on_finish(f, m);
}


static ngx_int_t
ngx_litellm_gemini_on_finish(ngx_litellm_gemini_from_t *f,
    ngx_litellm_json_t *reason)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i;
    ngx_litellm_event_t          ev;
    ngx_litellm_finish_e         finish;
    ngx_litellm_gemini_state_t  *s;

    s = f->s;
    finish = ngx_litellm_gemini_finish(reason);

    if (s->called[f->choice] && finish != NGX_LITELLM_FINISH_CONTENT_FILTER) {
        finish = NGX_LITELLM_FINISH_TOOL_CALLS;
    }

    s->finish[f->choice] = finish;

    if (s->state[f->choice] == NGX_LITELLM_GEMINI_BEGAN) {
        s->finished++;
    }

    s->state[f->choice] = NGX_LITELLM_GEMINI_FINISHED;

    if (s->finished < s->seen) {
        return NGX_OK;
    }

    for (i = 0; i < NGX_LITELLM_CHOICES; i++) {

        if (s->state[i] != NGX_LITELLM_GEMINI_FINISHED) {
            continue;
        }

        s->state[i] = NGX_LITELLM_GEMINI_TOLD;

        ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
        ev.type = NGX_LITELLM_EV_FINISH;
        ev.choice = i;
        ev.finish = s->finish[i];

        if (i == f->choice) {
            ev.text = ngx_litellm_json_text(reason);
        }

        rc = f->st->emit(f->st->data, &ev);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_gemini_on_part(ngx_litellm_gemini_from_t *f,
    ngx_litellm_json_t *v)
{
    ngx_int_t            rc;
    ngx_uint_t           thought;
    ngx_litellm_json_t  *m, *signature;

    thought = ngx_litellm_json_is(ngx_litellm_json_member(v, "thought"),
                                  TRUE);

    signature = ngx_litellm_json_member(v, "thoughtSignature");

    if (!ngx_litellm_json_is(signature, STRING) || signature->len == 2) {
        signature = NULL;
    }

    m = ngx_litellm_json_member(v, "text");

    if (ngx_litellm_json_is(m, STRING)) {
        rc = ngx_litellm_gemini_on_text(f, m, thought);

        if (rc != NGX_OK || signature == NULL || thought) {
            return rc;
        }

        return ngx_litellm_gemini_on_signature(f, signature);
    }

    m = ngx_litellm_json_member(v, "functionCall");

    if (ngx_litellm_json_is(m, OBJECT)) {
        return ngx_litellm_gemini_on_call(f, m, signature);
    }

    m = ngx_litellm_json_member(v, "inlineData");

    if (ngx_litellm_json_is(m, OBJECT) && !thought) {
        return ngx_litellm_gemini_on_data(f, m);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_gemini_on_text(ngx_litellm_gemini_from_t *f,
    ngx_litellm_json_t *text, ngx_uint_t thought)
{
    ngx_litellm_event_t  ev;

    if (text->len == 2) {
        return NGX_OK;
    }

    if (f->s->grounded && !thought && f->choice == 0
        && ngx_litellm_gemini_keep(f->s, text) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = thought ? NGX_LITELLM_EV_REASONING : NGX_LITELLM_EV_TEXT;
    ev.choice = f->choice;
    ev.text = ngx_litellm_json_text(text);

    return f->st->emit(f->st->data, &ev);
}


/* a call's is in its id; a text's has no other place */

static ngx_int_t
ngx_litellm_gemini_on_signature(ngx_litellm_gemini_from_t *f,
    ngx_litellm_json_t *signature)
{
    u_char               *p;
    ngx_litellm_event_t   ev;

    p = ngx_litellm_gemini_room(&f->s->signature, signature->len + 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *p++ = '[';
    p = ngx_cpymem(p, signature->start, signature->len);
    *p = ']';

    f->s->signature.text.len = signature->len + 2;

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = NGX_LITELLM_EV_SPECIFIC;
    ev.choice = f->choice;
    ngx_str_set(&ev.name, "thought_signatures");
    ev.text = f->s->signature.text;

    return f->st->emit(f->st->data, &ev);
}


static ngx_int_t
ngx_litellm_gemini_on_call(ngx_litellm_gemini_from_t *f,
    ngx_litellm_json_t *v, ngx_litellm_json_t *signature)
{
    u_char               *p;
    ngx_int_t             rc;
    ngx_litellm_json_t   *name, *args;
    ngx_litellm_event_t   ev;

    name = ngx_litellm_json_member(v, "name");
    args = ngx_litellm_json_member(v, "args");

    if (!ngx_litellm_json_is(name, STRING)
        || f->s->calls == NGX_LITELLM_GEMINI_CALLS)
    {
        return NGX_OK;
    }

    if (ngx_litellm_gemini_call_id(f->st->call,
                                   ngx_litellm_json_member(v, "id"),
                                   signature, f->s->calls, &f->s->id)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    f->s->calls++;

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = NGX_LITELLM_EV_CALL;
    ev.choice = f->choice;
    ev.index = f->s->called[f->choice]++;
    ev.id = f->s->id.text;
    ev.name = ngx_litellm_json_text(name);

    rc = f->st->emit(f->st->data, &ev);
    if (rc != NGX_OK) {
        return rc;
    }

    ev.type = NGX_LITELLM_EV_ARGUMENTS;
    ngx_str_null(&ev.id);
    ngx_str_null(&ev.name);
    ngx_str_set(&ev.text, "{}");

    if (ngx_litellm_json_is(args, OBJECT)) {

        p = ngx_litellm_gemini_room(&f->s->arguments, 2 * args->len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        ev.text.data = p;
        ev.text.len = ngx_litellm_call_quote(p, args);
    }

    return f->st->emit(f->st->data, &ev);
}


/* sound has no place in a stream's neutral form: images only */

static ngx_int_t
ngx_litellm_gemini_on_data(ngx_litellm_gemini_from_t *f,
    ngx_litellm_json_t *v)
{
    ngx_int_t             rc;
    ngx_litellm_event_t   ev;

    rc = ngx_litellm_gemini_image(v, &f->s->url);

    if (rc != NGX_OK) {
        return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
    }

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = NGX_LITELLM_EV_IMAGE;
    ev.choice = f->choice;
    ev.index = f->s->images++;
    ev.text = f->s->url.text;

    return f->st->emit(f->st->data, &ev);
}


static ngx_int_t
ngx_litellm_gemini_on_cite(void *data, ngx_str_t *text)
{
    ngx_litellm_gemini_from_t *f = data;

    ngx_litellm_event_t  ev;

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = NGX_LITELLM_EV_ANNOTATION;
    ev.choice = f->choice;
    ev.text = *text;

    return f->st->emit(f->st->data, &ev);
}


static ngx_int_t
ngx_litellm_gemini_on_blocked(ngx_litellm_stream_t *st, ngx_litellm_json_t *v)
{
    ngx_litellm_event_t  ev;

    v = ngx_litellm_json_member(v, "blockReason");

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = NGX_LITELLM_EV_FINISH;
    ev.finish = NGX_LITELLM_FINISH_CONTENT_FILTER;

    if (ngx_litellm_json_is(v, STRING)) {
        ev.text = ngx_litellm_json_text(v);
    }

    return st->emit(st->data, &ev);
}


static ngx_int_t
ngx_litellm_gemini_on_usage(ngx_litellm_stream_t *st,
    ngx_litellm_gemini_state_t *s, ngx_litellm_json_t *v)
{
    if (!ngx_litellm_json_is(v, OBJECT)) {
        return NGX_OK;
    }

    ngx_litellm_gemini_usage(v, &s->usage);

    return ngx_litellm_emit_usage(st, &s->usage);
}


static ngx_int_t
ngx_litellm_gemini_on_error(ngx_litellm_stream_t *st, ngx_str_t *data)
{
    ngx_litellm_error_t  e;

    ngx_litellm_gemini_error(st->call, 0, data, &e);

    return ngx_litellm_emit_error(st, &e);
}


/* text over the bound is not kept: later segments end where it ends */

static ngx_int_t
ngx_litellm_gemini_keep(ngx_litellm_gemini_state_t *s,
    ngx_litellm_json_t *text)
{
    size_t     len;
    u_char    *p;
    ngx_str_t  old;

    len = text->len - 2;
    old = s->kept.text;

    if (old.len + len > NGX_LITELLM_GEMINI_KEEP) {
        return NGX_OK;
    }

    p = ngx_litellm_gemini_room(&s->kept, old.len + len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (p != old.data && old.len) {
        ngx_memcpy(p, old.data, old.len);
    }

    ngx_memcpy(p + old.len, text->start + 1, len);
    s->kept.text.len = old.len + len;

    return NGX_OK;
}
