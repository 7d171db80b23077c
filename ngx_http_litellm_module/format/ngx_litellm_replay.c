
/*
 * A whole answer as the events of a stream: entries of the cache for clients
 * that want them so, and mock answers.  Written by the client's format, with
 * the id, the model and the time of the answer: what a client gets is what the
 * first one got, in larger pieces.
 *
 * What a whole answer has beyond the neutral form (log probabilities, members
 * of the provider's own) has no event: the cache is not asked for streams of
 * requests that want it (http/ngx_http_litellm_cache.c).
 */

#include "ngx_litellm_array.h"
#include "ngx_litellm_replay.h"
#include "ngx_litellm_openai_text.h"


/* of text in one event */
#define NGX_LITELLM_REPLAY_PIECE  1024


static void ngx_litellm_replay_choice(ngx_litellm_writer_t *w,
    ngx_litellm_out_t *out, ngx_litellm_answer_t *answer, size_t piece);
static void ngx_litellm_replay_thinking(ngx_litellm_writer_t *w,
    ngx_litellm_out_t *out, ngx_litellm_answer_t *answer,
    ngx_litellm_event_t *ev, size_t piece);
static void ngx_litellm_replay_rest(ngx_litellm_writer_t *w,
    ngx_litellm_out_t *out, ngx_litellm_answer_t *answer,
    ngx_litellm_event_t *ev);
static void ngx_litellm_replay_list(ngx_litellm_writer_t *w,
    ngx_litellm_out_t *out, ngx_array_t *list, ngx_litellm_event_t *ev);
static void ngx_litellm_replay_texts(ngx_litellm_writer_t *w,
    ngx_litellm_out_t *out, ngx_array_t *texts, ngx_litellm_event_t *ev,
    size_t piece);
static void ngx_litellm_replay_text(ngx_litellm_writer_t *w,
    ngx_litellm_out_t *out, ngx_str_t *text, ngx_litellm_event_t *ev,
    size_t piece);
static u_char *ngx_litellm_replay_cut(u_char *p, u_char *last,
    size_t piece);
static void ngx_litellm_replay_citations(ngx_litellm_writer_t *w,
    ngx_litellm_out_t *out, ngx_litellm_answer_t *answer,
    ngx_litellm_event_t *ev);
static ngx_int_t ngx_litellm_replay_stored(ngx_litellm_call_t *call,
    ngx_str_t *body, ngx_litellm_answer_t *answer);
static ngx_int_t ngx_litellm_replay_specific(ngx_litellm_call_t *call,
    ngx_litellm_json_t *v, ngx_litellm_answer_t *choice);


/* the reader asks for them: an entry was made of what one of them said */

static ngx_litellm_provider_t  ngx_litellm_replay_provider = {
    .name = ngx_string("cache")
};

static ngx_litellm_deployment_t  ngx_litellm_replay_deployment = {
    .provider = &ngx_litellm_replay_provider
};


ngx_int_t
ngx_litellm_replay(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_out_t *out)
{
    ngx_int_t              rc;
    ngx_litellm_call_t     stored;
    ngx_litellm_error_t    e;
    ngx_litellm_answer_t   answer;
    ngx_litellm_writer_t   w;

    if (call->format->same == NULL
        || ngx_litellm_answer_init(&answer, call->pool) != NGX_OK)
    {
        return NGX_ERROR;
    }

    stored = *call;
    stored.deployment = &ngx_litellm_replay_deployment;

    ngx_memzero(&e, sizeof(ngx_litellm_error_t));

    rc = (call->op == NGX_LITELLM_OP_COMPLETIONS)
         ? ngx_litellm_openai_text_answer(&stored, body, &answer)
         : call->format->same->response(&stored, body, &answer, &e);

    if (rc == NGX_OK) {
        rc = ngx_litellm_replay_stored(&stored, body, &answer);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(&w, sizeof(ngx_litellm_writer_t));

    w.call = &stored;
    w.id = answer.id;
    w.model = answer.model;
    ngx_litellm_usage_init(&w.usage);

    ngx_litellm_replay_events(&w, out, &answer, NGX_LITELLM_REPLAY_PIECE);

    return out->failed ? NGX_ERROR : NGX_OK;
}


/* the time of the answer, for those of its events, and what the reader of the
   client's dialect does not look for */

static ngx_int_t
ngx_litellm_replay_stored(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_answer_t *answer)
{
    int64_t                  n;
    ngx_int_t                rc;
    ngx_uint_t               i, specific;
    ngx_litellm_json_t      *v;
    ngx_litellm_answer_t    *choice;
    ngx_litellm_json_doc_t   doc;

    specific = (ngx_litellm_find(body->data, body->data + body->len,
                                 "\"provider_specific_fields\"",
                                 sizeof("\"provider_specific_fields\"") - 1)
                != NULL);

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = call->pool;
    doc.keep = specific ? 0 : 2;

    rc = ngx_litellm_json_parse(&doc, body->data, body->len);

    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_litellm_json_member(doc.root, "created");

    if (ngx_litellm_json_is(v, NUMBER)
        && ngx_litellm_json_int(v, &n) == NGX_OK && n > 0)
    {
        call->now = n;
    }

    v = ngx_litellm_json_member(doc.root, "choices");

    if (!specific || !ngx_litellm_json_is(v, ARRAY)) {
        return NGX_OK;
    }

    n = v->count;
    v++;
    choice = answer;

    for (i = 0; i < (ngx_uint_t) n && choice; i++) {

        if (ngx_litellm_replay_specific(call, v, choice) != NGX_OK) {
            return NGX_ERROR;
        }

        v = ngx_litellm_json_next(v);
        choice = choice->next;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_replay_specific(ngx_litellm_call_t *call, ngx_litellm_json_t *v,
    ngx_litellm_answer_t *choice)
{
    ngx_str_t           *s;
    ngx_uint_t           i, j;
    ngx_keyval_t        *kv;
    ngx_litellm_json_t  *key, *value, *item;

    v = ngx_litellm_json_member(v, "message");
    v = ngx_litellm_json_member(v, "provider_specific_fields");

    if (!ngx_litellm_json_is(v, OBJECT)) {
        return NGX_OK;
    }

    key = v + 1;

    for (i = 0; i < v->count; i++) {
        value = ngx_litellm_json_next(key);

        if (ngx_litellm_json_eq(key, "citations")) {

            item = value + 1;

            for (j = 0; value->type == NGX_LITELLM_JSON_ARRAY
                        && j < value->count; j++)
            {
                s = ngx_litellm_array_push(&choice->citations, call->pool, 2,
                                           sizeof(ngx_str_t));
                if (s == NULL) {
                    return NGX_ERROR;
                }

                s->data = item->start;
                s->len = item->len;

                item = ngx_litellm_json_next(item);
            }

        } else {
            kv = ngx_litellm_array_push(&choice->specific, call->pool, 2,
                                        sizeof(ngx_keyval_t));
            if (kv == NULL) {
                return NGX_ERROR;
            }

            kv->key = ngx_litellm_json_text(key);
            kv->value.data = value->start;
            kv->value.len = value->len;
        }

        key = ngx_litellm_json_next(value);
    }

    return NGX_OK;
}


void
ngx_litellm_replay_events(ngx_litellm_writer_t *w,
    ngx_litellm_out_t *out, ngx_litellm_answer_t *answer, size_t piece)
{
    ngx_litellm_event_t          ev;
    ngx_litellm_answer_t        *choice;
    const ngx_litellm_format_t  *format;

    format = w->call->format;

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));

    ev.type = NGX_LITELLM_EV_START;
    ev.id = answer->id;
    ev.text = answer->model;
    format->event(w, out, &ev);

    for (choice = answer; choice; choice = choice->next) {
        ngx_litellm_replay_choice(w, out, choice, piece);
    }

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));

    ev.type = NGX_LITELLM_EV_USAGE;
    ev.usage = &answer->usage;
    format->event(w, out, &ev);

    ev.type = NGX_LITELLM_EV_END;
    format->event(w, out, &ev);
}


static void
ngx_litellm_replay_choice(ngx_litellm_writer_t *w,
    ngx_litellm_out_t *out, ngx_litellm_answer_t *answer, size_t piece)
{
    ngx_uint_t                    i;
    ngx_litellm_event_t           ev;
    ngx_litellm_tool_call_t      *call;
    const ngx_litellm_format_t   *format;

    format = w->call->format;

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));

    ev.choice = answer->index;

    ngx_litellm_replay_thinking(w, out, answer, &ev, piece);

    ev.type = NGX_LITELLM_EV_TEXT;
    ngx_litellm_replay_texts(w, out, &answer->text, &ev, piece);

    if (answer->refusal.len) {
        ev.type = NGX_LITELLM_EV_REFUSAL;
        ngx_litellm_replay_text(w, out, &answer->refusal, &ev, piece);
    }

    call = answer->calls.elts;

    for (i = 0; i < answer->calls.nelts; i++) {
        ev.type = NGX_LITELLM_EV_CALL;
        ev.index = i;
        ev.id = call[i].id;
        ev.name = call[i].name;
        ngx_str_null(&ev.text);
        format->event(w, out, &ev);

        ev.type = NGX_LITELLM_EV_ARGUMENTS;
        ngx_litellm_replay_text(w, out, &call[i].arguments, &ev, piece);
    }

    ngx_litellm_replay_rest(w, out, answer, &ev);

    ev.type = NGX_LITELLM_EV_FINISH;
    ev.finish = answer->finish;
    ev.text = answer->native_finish;
    format->event(w, out, &ev);
}


/*
 * Signed blocks have the text of reasoning_content too: it goes out once.  An
 * unsigned text beside redacted blocks, or blocks whose text is kept back, is
 * all that there is to read.
 */

static void
ngx_litellm_replay_thinking(ngx_litellm_writer_t *w,
    ngx_litellm_out_t *out, ngx_litellm_answer_t *answer,
    ngx_litellm_event_t *ev, size_t piece)
{
    ngx_uint_t           i, told;
    ngx_litellm_part_t  *part;

    told = 0;
    part = answer->thinking.elts;

    for (i = 0; i < answer->thinking.nelts; i++) {
        if (part[i].text.len) {
            told = 1;
        }
    }

    if (!told) {
        ev->type = NGX_LITELLM_EV_REASONING;
        ngx_litellm_replay_texts(w, out, &answer->reasoning, ev, piece);
    }

    for (i = 0; i < answer->thinking.nelts; i++) {

        if (part[i].type == NGX_LITELLM_PART_REDACTED) {
            ev->type = NGX_LITELLM_EV_REDACTED;
            ev->text = part[i].data;
            w->call->format->event(w, out, ev);
            continue;
        }

        ev->type = NGX_LITELLM_EV_REASONING;
        ev->index = 1;
        ngx_litellm_replay_text(w, out, &part[i].text, ev, piece);
        ev->index = 0;

        ev->type = NGX_LITELLM_EV_SIGNATURE;
        ev->text = part[i].signature;
        w->call->format->event(w, out, ev);
    }
}


static void
ngx_litellm_replay_rest(ngx_litellm_writer_t *w,
    ngx_litellm_out_t *out, ngx_litellm_answer_t *answer,
    ngx_litellm_event_t *ev)
{
    ngx_uint_t     i;
    ngx_keyval_t  *kv;

    ev->type = NGX_LITELLM_EV_ANNOTATION;
    ev->index = 0;
    ngx_litellm_replay_list(w, out, &answer->annotations, ev);

    ngx_litellm_replay_citations(w, out, answer, ev);

    ev->type = NGX_LITELLM_EV_IMAGE;
    ev->index = 0;
    ngx_litellm_replay_list(w, out, &answer->images, ev);

    ev->type = NGX_LITELLM_EV_SPECIFIC;
    kv = answer->specific.elts;

    for (i = 0; i < answer->specific.nelts; i++) {
        ev->name = kv[i].key;
        ev->text = kv[i].value;
        w->call->format->event(w, out, ev);
    }
}


/* a stream has each of them for itself */

static void
ngx_litellm_replay_citations(ngx_litellm_writer_t *w, ngx_litellm_out_t *out,
    ngx_litellm_answer_t *answer, ngx_litellm_event_t *ev)
{
    uint32_t                 j;
    ngx_str_t               *s;
    ngx_uint_t               i;
    ngx_litellm_json_t      *v;
    ngx_litellm_json_doc_t   doc;

    if (answer->citations.nelts == 0) {
        return;
    }

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = w->call->pool;
    doc.keep = 2;

    ev->index = 1;
    s = answer->citations.elts;

    for (i = 0; i < answer->citations.nelts; i++) {

        if (ngx_litellm_json_parse(&doc, s[i].data, s[i].len) != NGX_OK
            || doc.root->type != NGX_LITELLM_JSON_ARRAY)
        {
            continue;
        }

        v = doc.root + 1;

        for (j = 0; j < doc.root->count; j++) {
            ev->text.data = v->start;
            ev->text.len = v->len;
            w->call->format->event(w, out, ev);

            v = ngx_litellm_json_next(v);
        }
    }
}


static void
ngx_litellm_replay_list(ngx_litellm_writer_t *w, ngx_litellm_out_t *out,
    ngx_array_t *list, ngx_litellm_event_t *ev)
{
    ngx_str_t   *s;
    ngx_uint_t   i;

    s = list->elts;

    for (i = 0; i < list->nelts; i++) {
        ev->text = s[i];
        w->call->format->event(w, out, ev);
    }
}


static void
ngx_litellm_replay_texts(ngx_litellm_writer_t *w, ngx_litellm_out_t *out,
    ngx_array_t *texts, ngx_litellm_event_t *ev, size_t piece)
{
    ngx_str_t   *s;
    ngx_uint_t   i;

    s = texts->elts;

    for (i = 0; i < texts->nelts; i++) {
        ngx_litellm_replay_text(w, out, &s[i], ev, piece);
    }
}


static void
ngx_litellm_replay_text(ngx_litellm_writer_t *w, ngx_litellm_out_t *out,
    ngx_str_t *text, ngx_litellm_event_t *ev, size_t piece)
{
    u_char  *p, *last;

    p = text->data;
    last = p + text->len;

    while (p < last) {
        ev->text.data = p;

        p = ngx_litellm_replay_cut(p, last, piece);

        ev->text.len = p - ev->text.data;

        w->call->format->event(w, out, ev);
    }
}


/*
 * The end of a piece of a J-string: not inside of an escape, of a pair of
 * surrogates or of a character's bytes.
 */

static u_char *
ngx_litellm_replay_cut(u_char *p, u_char *last, size_t piece)
{
    u_char  *end;

    if (piece == 0 || (size_t) (last - p) <= piece) {
        return last;
    }

    end = p + piece;

    while (p < end) {

        if (*p != '\\') {
            p++;
            continue;
        }

        if (last - p < 6 || p[1] != 'u') {
            p += 2;
            continue;
        }

        /* \uD800 .. \uDBFF have a second half */

        if ((p[2] | 0x20) == 'd' && ngx_strchr("89abAB", p[3]) != NULL
            && last - p >= 12 && p[6] == '\\' && p[7] == 'u')
        {
            p += 12;
            continue;
        }

        p += 6;
    }

    while (p < last && (*p & 0xc0) == 0x80) {
        p++;
    }

    return ngx_min(p, last);
}
