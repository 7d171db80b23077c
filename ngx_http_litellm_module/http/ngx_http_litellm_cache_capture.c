
/*
 * A stream on its way to a client, gathered into the whole answer that a client
 * gets which asks for none.  Events of a translated stream come as they are
 * written; those of a stream that passes are read by the provider's dialect, as
 * for a client of another one.
 *
 * Each text of the answer (content, reasoning, the arguments of a call ...) is
 * a buffer of its own that grows by doubling; all of them together are bounded
 * by the size of an entry, their number by NGX_HTTP_LITELLM_GATHERED.  Nothing
 * here can fail the stream: what can't be gathered is "lost", its memory is
 * given back, and nothing is stored.
 */

#include "ngx_http_litellm_cache_flight.h"
#include "ngx_litellm_openai_text.h"


/* texts of one answer; the openai reader takes no more calls of one choice */
#define NGX_HTTP_LITELLM_GATHERED  1024
#define NGX_HTTP_LITELLM_CALLS     128

#define NGX_HTTP_LITELLM_WORD      256

/* bytes of an answer that is kept for a log only */
#define NGX_HTTP_LITELLM_CAPTURE_LOGGED  (1024 * 1024)


typedef struct ngx_http_litellm_gathered_s  ngx_http_litellm_gathered_t;

struct ngx_http_litellm_gathered_s {
    ngx_http_litellm_gathered_t  *next;
    ngx_litellm_event_e           type;
    ngx_uint_t                    choice;
    ngx_uint_t                    index;     /* 1: the text of a signed block */
    ngx_str_t                     name;
    ngx_str_t                     id;        /* of a call; the signature */
    ngx_litellm_finish_e          finish;
    u_char                       *data;
    size_t                        len;
    size_t                        alloc;
    unsigned                      closed:1;  /* nothing is added any more */
};


struct ngx_http_litellm_capture_s {
    ngx_pool_t                   *pool;
    ngx_litellm_stream_t          decoder;   /* of a stream that passes */
    ngx_http_litellm_gathered_t  *first;
    ngx_http_litellm_gathered_t  *last;
    ngx_http_litellm_gathered_t  *recent;    /* added to */
    ngx_uint_t                    n;
    size_t                        size;
    size_t                        max;
    ngx_str_t                     id;        /* J-strings */
    ngx_str_t                     model;
    int64_t                       created;   /* 0: not looked for */
    ngx_litellm_usage_t           usage;
    unsigned                      lost:1;
};


static ngx_int_t ngx_http_litellm_capture_emit(void *data,
    ngx_litellm_event_t *ev);
static ngx_int_t ngx_http_litellm_capture_note(ngx_http_litellm_capture_t *c,
    ngx_litellm_event_t *ev);
static ngx_int_t ngx_http_litellm_capture_add(ngx_http_litellm_capture_t *c,
    ngx_litellm_event_t *ev);
static ngx_int_t ngx_http_litellm_capture_citation(
    ngx_http_litellm_capture_t *c, ngx_http_litellm_gathered_t *g,
    ngx_str_t *text);
static ngx_http_litellm_gathered_t *ngx_http_litellm_capture_find(
    ngx_http_litellm_capture_t *c, ngx_litellm_event_t *ev);
static ngx_http_litellm_gathered_t *ngx_http_litellm_capture_new(
    ngx_http_litellm_capture_t *c, ngx_litellm_event_t *ev);
static ngx_int_t ngx_http_litellm_capture_text(ngx_http_litellm_capture_t *c,
    ngx_http_litellm_gathered_t *g, ngx_str_t *text);
static ngx_int_t ngx_http_litellm_capture_word(ngx_http_litellm_capture_t *c,
    ngx_str_t *dst, ngx_str_t *src);
static void ngx_http_litellm_capture_lose(ngx_http_litellm_capture_t *c);
static void ngx_http_litellm_capture_created(ngx_http_litellm_capture_t *c,
    ngx_str_t *data);
static ngx_int_t ngx_http_litellm_capture_whole(ngx_http_litellm_attempt_t *a,
    ngx_litellm_answer_t *answer);
static ngx_litellm_answer_t *ngx_http_litellm_capture_choice(
    ngx_http_litellm_capture_t *c, ngx_litellm_answer_t **choices,
    ngx_litellm_answer_t *answer, ngx_uint_t choice);
static ngx_int_t ngx_http_litellm_capture_put(ngx_http_litellm_capture_t *c,
    ngx_litellm_answer_t *answer, ngx_http_litellm_gathered_t *g);
static ngx_int_t ngx_http_litellm_capture_put_list(
    ngx_http_litellm_capture_t *c, ngx_array_t *list, ngx_str_t *text);
static ngx_int_t ngx_http_litellm_capture_put_block(
    ngx_litellm_answer_t *answer, ngx_http_litellm_gathered_t *g,
    ngx_str_t *text);


void
ngx_http_litellm_capture_open(ngx_http_litellm_attempt_t *a)
{
    size_t                       max;
    ngx_pool_t                  *pool;
    ngx_http_litellm_capture_t  *c;
    ngx_http_litellm_caching_t  *caching;

    caching = a->ctx->cache;

    /* an answer that goes on with another one's is no answer by itself */

    if (caching != NULL && caching->store) {
        max = caching->max;

    } else if (ngx_http_litellm_content_wanted(a->ctx)) {
        max = NGX_HTTP_LITELLM_CAPTURE_LOGGED;

    } else {
        return;
    }

    if (a->capture != NULL || ngx_http_litellm_continued(a->ctx)) {
        return;
    }

    pool = a->parent->pool;

    c = ngx_pcalloc(pool, sizeof(ngx_http_litellm_capture_t));
    if (c == NULL) {
        return;
    }

    c->pool = pool;
    c->max = max;
    ngx_litellm_usage_init(&c->usage);

    c->decoder.call = a->call;
    c->decoder.pool = pool;
    c->decoder.doc.pool = pool;
    c->decoder.emit = ngx_http_litellm_capture_emit;
    c->decoder.data = c;

    a->capture = c;
}


void
ngx_http_litellm_capture_data(ngx_http_litellm_attempt_t *a,
    ngx_litellm_sse_event_t *ev)
{
    ngx_int_t                    rc;
    ngx_http_litellm_capture_t  *c;

    c = a->capture;

    if (c->lost || a->facts.end) {
        return;
    }

    if (c->created == 0) {
        ngx_http_litellm_capture_created(c, &ev->data);
    }

    if (a->call->op == NGX_LITELLM_OP_COMPLETIONS) {
        rc = ngx_litellm_openai_text_event(&c->decoder,
                                           a->facts.data.data
                                           ? &a->facts.data : &ev->data);

    } else {
        rc = a->dialect->event(&c->decoder, &ev->name, &ev->data);
    }

    if (rc != NGX_OK) {
        ngx_http_litellm_capture_lose(c);
        ngx_http_litellm_flight_end(a->ctx, NGX_HTTP_LITELLM_FLIGHT_OPEN);
    }
}


static void
ngx_http_litellm_capture_created(ngx_http_litellm_capture_t *c,
    ngx_str_t *data)
{
    ngx_litellm_json_t      *v;
    ngx_litellm_json_doc_t   doc;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = c->pool;
    doc.keep = 2;

    c->created = -1;

    if (ngx_litellm_json_parse(&doc, data->data, data->len) != NGX_OK) {
        return;
    }

    v = ngx_litellm_json_member(doc.root, "created");

    if (!ngx_litellm_json_is(v, NUMBER)
        || ngx_litellm_json_int(v, &c->created) != NGX_OK || c->created <= 0)
    {
        c->created = -1;
    }
}


static ngx_int_t
ngx_http_litellm_capture_emit(void *data, ngx_litellm_event_t *ev)
{
    ngx_http_litellm_capture_t *c = data;

    if (ev->type != NGX_LITELLM_EV_START) {
        return ngx_http_litellm_capture_note(c, ev);
    }

    /* the client has the provider's own */

    if (ngx_http_litellm_capture_word(c, &c->id, &ev->id) != NGX_OK
        || ngx_http_litellm_capture_word(c, &c->model, &ev->text) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_litellm_capture_event(ngx_http_litellm_attempt_t *a,
    ngx_litellm_event_t *ev)
{
    ngx_http_litellm_capture_t  *c;

    c = a->capture;

    if (!c->lost && ngx_http_litellm_capture_note(c, ev) != NGX_OK) {
        ngx_http_litellm_capture_lose(c);
        ngx_http_litellm_flight_end(a->ctx, NGX_HTTP_LITELLM_FLIGHT_OPEN);
    }
}


static ngx_int_t
ngx_http_litellm_capture_note(ngx_http_litellm_capture_t *c,
    ngx_litellm_event_t *ev)
{
    ngx_http_litellm_gathered_t  *g;

    switch (ev->type) {

    case NGX_LITELLM_EV_START:
    case NGX_LITELLM_EV_END:
        return NGX_OK;

    case NGX_LITELLM_EV_ERROR:
        return NGX_ERROR;

    case NGX_LITELLM_EV_USAGE:
        c->usage = *ev->usage;
        return NGX_OK;

    case NGX_LITELLM_EV_SIGNATURE:
        g = ngx_http_litellm_capture_find(c, ev);

        if (g == NULL) {

            /* of a block whose text is kept back */

            g = ngx_http_litellm_capture_new(c, ev);
            if (g == NULL) {
                return NGX_ERROR;
            }

            g->type = NGX_LITELLM_EV_REASONING;
            g->index = 1;
        }

        g->closed = 1;

        return ngx_http_litellm_capture_word(c, &g->id, &ev->text);

    case NGX_LITELLM_EV_FINISH:
        g = ngx_http_litellm_capture_find(c, ev);

        if (g == NULL) {
            g = ngx_http_litellm_capture_new(c, ev);
            if (g == NULL) {
                return NGX_ERROR;
            }
        }

        g->finish = ev->finish;
        g->len = 0;

        return ngx_http_litellm_capture_text(c, g, &ev->text);

    default:
        return ngx_http_litellm_capture_add(c, ev);
    }
}


static ngx_int_t
ngx_http_litellm_capture_add(ngx_http_litellm_capture_t *c,
    ngx_litellm_event_t *ev)
{
    ngx_litellm_event_t           block;
    ngx_http_litellm_gathered_t  *g;

    g = ngx_http_litellm_capture_find(c, ev);

    if (g == NULL) {

        if (ev->type == NGX_LITELLM_EV_ARGUMENTS) {
            return NGX_ERROR;
        }

        g = ngx_http_litellm_capture_new(c, ev);

        if (g == NULL
            || ngx_http_litellm_capture_word(c, &g->name, &ev->name) != NGX_OK
            || ngx_http_litellm_capture_word(c, &g->id, &ev->id) != NGX_OK)
        {
            return NGX_ERROR;
        }

    } else if (ev->type == NGX_LITELLM_EV_SPECIFIC) {

        /* the last one of a name counts */

        g->len = 0;
    }

    if (ev->type == NGX_LITELLM_EV_ANNOTATION && ev->index) {
        return ngx_http_litellm_capture_citation(c, g, &ev->text);
    }

    if (ngx_http_litellm_capture_text(c, g, &ev->text) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ev->type != NGX_LITELLM_EV_REASONING || ev->index == 0) {
        return NGX_OK;
    }

    /* the text of a block that is to be signed is reasoning, too */

    block = *ev;
    block.index = 0;

    return ngx_http_litellm_capture_add(c, &block);
}


/* a whole answer has them as arrays */

static ngx_int_t
ngx_http_litellm_capture_citation(ngx_http_litellm_capture_t *c,
    ngx_http_litellm_gathered_t *g, ngx_str_t *text)
{
    static ngx_str_t  open = ngx_string("[");
    static ngx_str_t  close = ngx_string("]");

    if (ngx_http_litellm_capture_text(c, g, &open) != NGX_OK
        || ngx_http_litellm_capture_text(c, g, text) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_litellm_capture_text(c, g, &close);
}


/* what an event is added to; NULL: it is something of its own */

static ngx_http_litellm_gathered_t *
ngx_http_litellm_capture_find(ngx_http_litellm_capture_t *c,
    ngx_litellm_event_t *ev)
{
    ngx_uint_t                    index;
    ngx_litellm_event_e           type;
    ngx_http_litellm_gathered_t  *g;

    type = ev->type;
    index = ev->index;

    switch (type) {

    case NGX_LITELLM_EV_ARGUMENTS:
        type = NGX_LITELLM_EV_CALL;
        break;

    case NGX_LITELLM_EV_SIGNATURE:
        type = NGX_LITELLM_EV_REASONING;
        index = 1;
        break;

    case NGX_LITELLM_EV_REASONING:
    case NGX_LITELLM_EV_CALL:
        break;

    case NGX_LITELLM_EV_TEXT:
    case NGX_LITELLM_EV_REFUSAL:
    case NGX_LITELLM_EV_FINISH:
    case NGX_LITELLM_EV_SPECIFIC:
        index = 0;
        break;

    default:
        return NULL;
    }

    g = c->recent;

    if (g != NULL && g->type == type && g->choice == ev->choice
        && g->index == index && !g->closed && type != NGX_LITELLM_EV_SPECIFIC)
    {
        return g;
    }

    for (g = c->first; g; g = g->next) {

        if (g->type != type || g->choice != ev->choice || g->index != index
            || g->closed)
        {
            continue;
        }

        if (type != NGX_LITELLM_EV_SPECIFIC
            || (g->name.len == ev->name.len
                && ngx_memcmp(g->name.data, ev->name.data, g->name.len) == 0))
        {
            c->recent = g;
            return g;
        }
    }

    return NULL;
}


static ngx_http_litellm_gathered_t *
ngx_http_litellm_capture_new(ngx_http_litellm_capture_t *c,
    ngx_litellm_event_t *ev)
{
    ngx_http_litellm_gathered_t  *g;

    if (c->n == NGX_HTTP_LITELLM_GATHERED
        || ev->choice >= NGX_LITELLM_CHOICES
        || (ev->type == NGX_LITELLM_EV_CALL
            && ev->index >= NGX_HTTP_LITELLM_CALLS))
    {
        return NULL;
    }

    g = ngx_pcalloc(c->pool, sizeof(ngx_http_litellm_gathered_t));
    if (g == NULL) {
        return NULL;
    }

    g->type = ev->type;
    g->choice = ev->choice;

    switch (ev->type) {

    case NGX_LITELLM_EV_REASONING:
    case NGX_LITELLM_EV_CALL:
    case NGX_LITELLM_EV_ANNOTATION:
        g->index = ev->index;
        break;

    default:
        break;
    }

    if (c->last != NULL) {
        c->last->next = g;

    } else {
        c->first = g;
    }

    c->last = g;
    c->recent = g;
    c->n++;

    return g;
}


static ngx_int_t
ngx_http_litellm_capture_text(ngx_http_litellm_capture_t *c,
    ngx_http_litellm_gathered_t *g, ngx_str_t *text)
{
    u_char  *p;
    size_t   alloc;

    if (text->len == 0) {
        return NGX_OK;
    }

    if (text->len > c->max - c->size) {
        return NGX_ERROR;
    }

    if (text->len > g->alloc - g->len) {

        alloc = ngx_max(g->alloc * 2, g->len + text->len);
        alloc = ngx_max(alloc, 256);

        p = ngx_pnalloc(c->pool, alloc);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (g->data != NULL) {
            ngx_memcpy(p, g->data, g->len);
            ngx_pfree(c->pool, g->data);
        }

        g->data = p;
        g->alloc = alloc;
    }

    ngx_memcpy(g->data + g->len, text->data, text->len);

    g->len += text->len;
    c->size += text->len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_capture_word(ngx_http_litellm_capture_t *c, ngx_str_t *dst,
    ngx_str_t *src)
{
    if (src->len == 0) {
        return NGX_OK;
    }

    if (src->len > c->max - c->size) {
        return NGX_ERROR;
    }

    dst->data = ngx_pstrdup(c->pool, src);
    if (dst->data == NULL) {
        return NGX_ERROR;
    }

    dst->len = src->len;
    c->size += src->len;

    return NGX_OK;
}


/* the memory of what is large goes back at once */

static void
ngx_http_litellm_capture_lose(ngx_http_litellm_capture_t *c)
{
    ngx_http_litellm_gathered_t  *g;

    c->lost = 1;

    for (g = c->first; g; g = g->next) {
        if (g->data != NULL) {
            ngx_pfree(c->pool, g->data);
        }
    }

    c->first = NULL;
    c->last = NULL;
    c->recent = NULL;
}


ngx_int_t
ngx_http_litellm_capture_answer(ngx_http_litellm_attempt_t *a,
    ngx_litellm_out_t *out)
{
    ngx_str_t                    id, model;
    ngx_litellm_out_t            o;
    ngx_litellm_call_t           call;
    ngx_litellm_answer_t         answer;
    ngx_http_litellm_capture_t  *c;

    c = a->capture;

    if (c == NULL || c->lost
        || ngx_litellm_answer_init(&answer, c->pool) != NGX_OK
        || ngx_http_litellm_capture_whole(a, &answer) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    call = *a->call;

    if (a->mode == NGX_HTTP_LITELLM_PASS) {

        /* the writer takes UTF-8 for these */

        ngx_litellm_out_init(&o, c->pool);
        ngx_litellm_out_unescape(&o, c->id.data, c->id.len);

        if (ngx_litellm_out_join(&o, &id) != NGX_OK) {
            return NGX_DECLINED;
        }

        ngx_litellm_out_init(&o, c->pool);
        ngx_litellm_out_unescape(&o, c->model.data, c->model.len);

        if (ngx_litellm_out_join(&o, &model) != NGX_OK) {
            return NGX_DECLINED;
        }

        call.id = id.len ? id : call.id;
        call.model = model.len ? model : call.model;
        call.now = (c->created > 0) ? c->created : call.now;
    }

    out->ref_min = 1024;

    call.format->answer(&call, out, &answer);

    return out->failed ? NGX_DECLINED : NGX_OK;
}


static ngx_int_t
ngx_http_litellm_capture_whole(ngx_http_litellm_attempt_t *a,
    ngx_litellm_answer_t *answer)
{
    ngx_uint_t                    filtered;
    ngx_litellm_answer_t         *choice;
    ngx_http_litellm_capture_t   *c;
    ngx_http_litellm_gathered_t  *g;
    ngx_litellm_answer_t         *choices[NGX_LITELLM_CHOICES];

    c = a->capture;
    filtered = 0;

    ngx_memzero(choices, sizeof(choices));

    for (g = c->first; g; g = g->next) {

        choice = ngx_http_litellm_capture_choice(c, choices, answer,
                                                 g->choice);

        if (choice == NULL
            || ngx_http_litellm_capture_put(c, choice, g) != NGX_OK)
        {
            return NGX_DECLINED;
        }

        if (g->finish == NGX_LITELLM_FINISH_CONTENT_FILTER) {
            filtered = 1;
        }
    }

    if (c->first == NULL || filtered) {
        return NGX_DECLINED;
    }

    for (choice = answer; choice; choice = choice->next) {

        if (choice->finish == NGX_LITELLM_FINISH_NONE) {
            return NGX_DECLINED;
        }

        /* a provider that said so had calls that the neutral form has not */

        if (a->mode == NGX_HTTP_LITELLM_PASS && choice->calls.nelts == 0
            && (a->facts.finish == NGX_LITELLM_FINISH_TOOL_CALLS
                || a->facts.finish == NGX_LITELLM_FINISH_FUNCTION_CALL)
            && answer->next == NULL)
        {
            return NGX_DECLINED;
        }

        if (choice->calls.nelts == 0) {
            choice->has_text = 1;
        }

        if (a->mode != NGX_HTTP_LITELLM_PASS) {
            ngx_str_null(&choice->native_finish);
        }
    }

    answer->usage = c->usage.known ? c->usage : a->facts.usage;

    return NGX_OK;
}


static ngx_litellm_answer_t *
ngx_http_litellm_capture_choice(ngx_http_litellm_capture_t *c,
    ngx_litellm_answer_t **choices, ngx_litellm_answer_t *answer,
    ngx_uint_t choice)
{
    if (choices[choice] != NULL) {
        return choices[choice];
    }

    if (c->first->choice != choice) {
        answer = ngx_litellm_answer_choice(answer, c->pool);
        if (answer == NULL) {
            return NULL;
        }
    }

    answer->index = choice;
    choices[choice] = answer;

    return answer;
}


static ngx_int_t
ngx_http_litellm_capture_put(ngx_http_litellm_capture_t *c,
    ngx_litellm_answer_t *answer, ngx_http_litellm_gathered_t *g)
{
    ngx_str_t                 text;
    ngx_keyval_t             *kv;
    ngx_litellm_tool_call_t  *call;

    text.data = g->data;
    text.len = g->len;

    switch (g->type) {

    case NGX_LITELLM_EV_TEXT:
        answer->has_text = 1;
        return ngx_http_litellm_capture_put_list(c, &answer->text, &text);

    case NGX_LITELLM_EV_REASONING:

        if (g->index == 0) {
            return ngx_http_litellm_capture_put_list(c, &answer->reasoning,
                                                     &text);
        }

        /* fall through */

    case NGX_LITELLM_EV_REDACTED:
        return ngx_http_litellm_capture_put_block(answer, g, &text);

    case NGX_LITELLM_EV_REFUSAL:
        answer->refusal = text;
        return NGX_OK;

    case NGX_LITELLM_EV_CALL:
        call = ngx_array_push(&answer->calls);
        if (call == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(call, sizeof(ngx_litellm_tool_call_t));

        call->id = g->id;
        call->name = g->name;
        call->arguments = text;

        return NGX_OK;

    case NGX_LITELLM_EV_ANNOTATION:
        return ngx_http_litellm_capture_put_list(c,
                             g->index ? &answer->citations
                                      : &answer->annotations,
                             &text);

    case NGX_LITELLM_EV_IMAGE:
        return ngx_http_litellm_capture_put_list(c, &answer->images, &text);

    case NGX_LITELLM_EV_SPECIFIC:

        if (answer->specific.elts == NULL
            && ngx_array_init(&answer->specific, c->pool, 2,
                              sizeof(ngx_keyval_t))
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        kv = ngx_array_push(&answer->specific);
        if (kv == NULL) {
            return NGX_ERROR;
        }

        kv->key = g->name;
        kv->value = text;

        return NGX_OK;

    case NGX_LITELLM_EV_FINISH:
        answer->finish = g->finish;
        answer->native_finish = text;
        return NGX_OK;

    default:
        return NGX_ERROR;
    }
}


static ngx_int_t
ngx_http_litellm_capture_put_list(ngx_http_litellm_capture_t *c,
    ngx_array_t *list, ngx_str_t *text)
{
    ngx_str_t  *s;

    if (list->elts == NULL
        && ngx_array_init(list, c->pool, 2, sizeof(ngx_str_t)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    s = ngx_array_push(list);
    if (s == NULL) {
        return NGX_ERROR;
    }

    *s = *text;

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_capture_put_block(ngx_litellm_answer_t *answer,
    ngx_http_litellm_gathered_t *g, ngx_str_t *text)
{
    ngx_litellm_part_t  *part;

    part = ngx_array_push(&answer->thinking);
    if (part == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(part, sizeof(ngx_litellm_part_t));

    if (g->type == NGX_LITELLM_EV_REDACTED) {
        part->type = NGX_LITELLM_PART_REDACTED;
        part->data = *text;
        return NGX_OK;
    }

    part->type = NGX_LITELLM_PART_THINKING;
    part->text = *text;
    part->signature = g->id;

    return NGX_OK;
}
