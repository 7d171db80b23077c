
/*
 * Events of a stream gathered into the whole answer that a client gets which
 * asks for none: for the cache of answers and for logs.  Events of a translated
 * stream come as they are written; those of a stream that passes are read by
 * the provider's dialect, as for a client of another one.
 *
 * Each text of the answer (content, reasoning, the arguments of a call ...) is
 * a buffer of its own that grows by doubling; all of them together are bounded
 * by max, their number by NGX_LITELLM_GATHERED.  Once something can't be
 * gathered all is "lost", and its memory is given back.
 */

#include "ngx_litellm_gather.h"
#include "ngx_litellm_openai_text.h"


/* texts of one answer; the openai reader takes no more calls of one choice */
#define NGX_LITELLM_GATHERED        1024
#define NGX_LITELLM_GATHERED_CALLS  128


typedef struct ngx_litellm_gathered_s  ngx_litellm_gathered_t;

struct ngx_litellm_gathered_s {
    ngx_litellm_gathered_t    *next;
    ngx_litellm_event_e        type;
    ngx_uint_t                 choice;
    ngx_uint_t                 index;        /* 1: the text of a signed block */
    ngx_str_t                  name;
    ngx_str_t                  id;           /* of a call; the signature */
    ngx_litellm_finish_e       finish;
    u_char                    *data;
    size_t                     len;
    size_t                     alloc;
    unsigned                   closed:1;     /* nothing is added any more */
};


struct ngx_litellm_gather_s {
    ngx_pool_t                *pool;
    ngx_litellm_stream_t       decoder;      /* of a stream that passes */
    ngx_litellm_gathered_t    *first;
    ngx_litellm_gathered_t    *last;
    ngx_litellm_gathered_t    *recent;       /* added to */
    ngx_uint_t                 n;
    size_t                     size;
    size_t                     max;
    ngx_str_t                  id;           /* J-strings */
    ngx_str_t                  model;
    int64_t                    created;      /* 0: not looked for */
    ngx_litellm_usage_t        usage;
    unsigned                   lost:1;
};


static ngx_int_t ngx_litellm_gather_emit(void *data, ngx_litellm_event_t *ev);
static ngx_int_t ngx_litellm_gather_note(ngx_litellm_gather_t *c,
    ngx_litellm_event_t *ev);
static ngx_int_t ngx_litellm_gather_add(ngx_litellm_gather_t *c,
    ngx_litellm_event_t *ev);
static ngx_int_t ngx_litellm_gather_citation(ngx_litellm_gather_t *c,
    ngx_litellm_gathered_t *g, ngx_str_t *text);
static ngx_litellm_gathered_t *ngx_litellm_gather_find(ngx_litellm_gather_t *c,
    ngx_litellm_event_t *ev);
static ngx_litellm_gathered_t *ngx_litellm_gather_new(ngx_litellm_gather_t *c,
    ngx_litellm_event_t *ev);
static ngx_int_t ngx_litellm_gather_text(ngx_litellm_gather_t *c,
    ngx_litellm_gathered_t *g, ngx_str_t *text);
static ngx_int_t ngx_litellm_gather_word(ngx_litellm_gather_t *c,
    ngx_str_t *dst, ngx_str_t *src);
static void ngx_litellm_gather_lose(ngx_litellm_gather_t *c);
static void ngx_litellm_gather_created(ngx_litellm_gather_t *c,
    ngx_str_t *data);
static ngx_int_t ngx_litellm_gather_words(ngx_litellm_gather_t *c,
    ngx_litellm_call_t *call);
static ngx_int_t ngx_litellm_gather_whole(ngx_litellm_gather_t *c,
    ngx_litellm_facts_t *facts, ngx_uint_t pass, ngx_litellm_answer_t *answer);
static ngx_int_t ngx_litellm_gather_choices(ngx_litellm_gather_t *c,
    ngx_litellm_answer_t **choices, ngx_litellm_answer_t *answer);
static ngx_int_t ngx_litellm_gather_put(ngx_litellm_gather_t *c,
    ngx_litellm_answer_t *answer, ngx_litellm_gathered_t *g);
static ngx_int_t ngx_litellm_gather_put_list(ngx_litellm_gather_t *c,
    ngx_array_t *list, ngx_str_t *text);
static ngx_int_t ngx_litellm_gather_put_block(ngx_litellm_answer_t *answer,
    ngx_litellm_gathered_t *g, ngx_str_t *text);


ngx_litellm_gather_t *
ngx_litellm_gather_create(ngx_pool_t *pool, ngx_litellm_call_t *call,
    size_t max)
{
    ngx_litellm_gather_t  *c;

    c = ngx_pcalloc(pool, sizeof(ngx_litellm_gather_t));
    if (c == NULL) {
        return NULL;
    }

    c->pool = pool;
    c->max = max;
    ngx_litellm_usage_init(&c->usage);

    c->decoder.call = call;
    c->decoder.pool = pool;
    c->decoder.doc.pool = pool;
    c->decoder.emit = ngx_litellm_gather_emit;
    c->decoder.data = c;

    return c;
}


ngx_int_t
ngx_litellm_gather_event(ngx_litellm_gather_t *c, ngx_litellm_event_t *ev)
{
    if (c->lost) {
        return NGX_OK;
    }

    if (ngx_litellm_gather_note(c, ev) != NGX_OK) {
        ngx_litellm_gather_lose(c);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_int_t
ngx_litellm_gather_data(ngx_litellm_gather_t *c,
    const ngx_litellm_dialect_t *dialect, ngx_litellm_facts_t *facts,
    ngx_str_t *name, ngx_str_t *data)
{
    ngx_int_t  rc;

    if (c->lost || facts->end) {
        return NGX_OK;
    }

    if (c->created == 0) {
        ngx_litellm_gather_created(c, data);
    }

    if (c->decoder.call->op == NGX_LITELLM_OP_COMPLETIONS) {
        rc = ngx_litellm_openai_text_event(&c->decoder, facts->data.data
                                                        ? &facts->data
                                                        : data);

    } else {
        rc = dialect->event(&c->decoder, name, data);
    }

    if (rc != NGX_OK) {
        ngx_litellm_gather_lose(c);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static void
ngx_litellm_gather_created(ngx_litellm_gather_t *c,
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
ngx_litellm_gather_emit(void *data, ngx_litellm_event_t *ev)
{
    ngx_litellm_gather_t *c = data;

    if (ev->type != NGX_LITELLM_EV_START) {
        return ngx_litellm_gather_note(c, ev);
    }

    /* the client has the provider's own */

    if (ngx_litellm_gather_word(c, &c->id, &ev->id) != NGX_OK
        || ngx_litellm_gather_word(c, &c->model, &ev->text) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_gather_note(ngx_litellm_gather_t *c,
    ngx_litellm_event_t *ev)
{
    ngx_litellm_gathered_t  *g;

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
        g = ngx_litellm_gather_find(c, ev);

        if (g == NULL) {

            /* of a block whose text is kept back */

            g = ngx_litellm_gather_new(c, ev);
            if (g == NULL) {
                return NGX_ERROR;
            }

            g->type = NGX_LITELLM_EV_REASONING;
            g->index = 1;
        }

        g->closed = 1;

        return ngx_litellm_gather_word(c, &g->id, &ev->text);

    case NGX_LITELLM_EV_FINISH:
        g = ngx_litellm_gather_find(c, ev);

        if (g == NULL) {
            g = ngx_litellm_gather_new(c, ev);
            if (g == NULL) {
                return NGX_ERROR;
            }
        }

        g->finish = ev->finish;
        g->len = 0;

        return ngx_litellm_gather_text(c, g, &ev->text);

    default:
        return ngx_litellm_gather_add(c, ev);
    }
}


static ngx_int_t
ngx_litellm_gather_add(ngx_litellm_gather_t *c,
    ngx_litellm_event_t *ev)
{
    ngx_litellm_event_t           block;
    ngx_litellm_gathered_t  *g;

    g = ngx_litellm_gather_find(c, ev);

    if (g == NULL) {

        if (ev->type == NGX_LITELLM_EV_ARGUMENTS) {
            return NGX_ERROR;
        }

        g = ngx_litellm_gather_new(c, ev);

        if (g == NULL
            || ngx_litellm_gather_word(c, &g->name, &ev->name) != NGX_OK
            || ngx_litellm_gather_word(c, &g->id, &ev->id) != NGX_OK)
        {
            return NGX_ERROR;
        }

    } else if (ev->type == NGX_LITELLM_EV_SPECIFIC) {

        /* the last one of a name counts */

        g->len = 0;
    }

    if (ev->type == NGX_LITELLM_EV_ANNOTATION && ev->index) {
        return ngx_litellm_gather_citation(c, g, &ev->text);
    }

    if (ngx_litellm_gather_text(c, g, &ev->text) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ev->type != NGX_LITELLM_EV_REASONING || ev->index == 0) {
        return NGX_OK;
    }

    /* the text of a block that is to be signed is reasoning, too */

    block = *ev;
    block.index = 0;

    return ngx_litellm_gather_add(c, &block);
}


/* a whole answer has them as arrays */

static ngx_int_t
ngx_litellm_gather_citation(ngx_litellm_gather_t *c,
    ngx_litellm_gathered_t *g, ngx_str_t *text)
{
    static ngx_str_t  open = ngx_string("[");
    static ngx_str_t  close = ngx_string("]");

    if (ngx_litellm_gather_text(c, g, &open) != NGX_OK
        || ngx_litellm_gather_text(c, g, text) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_litellm_gather_text(c, g, &close);
}


/* what an event is added to; NULL: it is something of its own */

static ngx_litellm_gathered_t *
ngx_litellm_gather_find(ngx_litellm_gather_t *c,
    ngx_litellm_event_t *ev)
{
    ngx_uint_t                    index;
    ngx_litellm_event_e           type;
    ngx_litellm_gathered_t  *g;

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


static ngx_litellm_gathered_t *
ngx_litellm_gather_new(ngx_litellm_gather_t *c,
    ngx_litellm_event_t *ev)
{
    ngx_litellm_gathered_t  *g;

    if (c->n == NGX_LITELLM_GATHERED
        || ev->choice >= NGX_LITELLM_CHOICES
        || (ev->type == NGX_LITELLM_EV_CALL
            && ev->index >= NGX_LITELLM_GATHERED_CALLS))
    {
        return NULL;
    }

    g = ngx_pcalloc(c->pool, sizeof(ngx_litellm_gathered_t));
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
ngx_litellm_gather_text(ngx_litellm_gather_t *c,
    ngx_litellm_gathered_t *g, ngx_str_t *text)
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
ngx_litellm_gather_word(ngx_litellm_gather_t *c, ngx_str_t *dst,
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
ngx_litellm_gather_lose(ngx_litellm_gather_t *c)
{
    ngx_litellm_gathered_t  *g;

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
ngx_litellm_gather_answer(ngx_litellm_gather_t *c, ngx_litellm_call_t *call,
    ngx_litellm_facts_t *facts, ngx_uint_t pass, ngx_litellm_out_t *out)
{
    ngx_litellm_call_t    own;
    ngx_litellm_answer_t  answer;

    if (c->lost
        || ngx_litellm_answer_init(&answer, c->pool) != NGX_OK
        || ngx_litellm_gather_whole(c, facts, pass, &answer) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    own = *call;

    if (pass && ngx_litellm_gather_words(c, &own) != NGX_OK) {
        return NGX_DECLINED;
    }

    out->ref_min = 1024;

    own.format->answer(&own, out, &answer);

    return out->failed ? NGX_DECLINED : NGX_OK;
}


/* the writer takes UTF-8 for these */

static ngx_int_t
ngx_litellm_gather_words(ngx_litellm_gather_t *c, ngx_litellm_call_t *call)
{
    ngx_str_t          id, model;
    ngx_litellm_out_t  o;

    ngx_litellm_out_init(&o, c->pool);
    ngx_litellm_out_unescape(&o, c->id.data, c->id.len);

    if (ngx_litellm_out_join(&o, &id) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_litellm_out_init(&o, c->pool);
    ngx_litellm_out_unescape(&o, c->model.data, c->model.len);

    if (ngx_litellm_out_join(&o, &model) != NGX_OK) {
        return NGX_ERROR;
    }

    call->id = id.len ? id : call->id;
    call->model = model.len ? model : call->model;
    call->now = (c->created > 0) ? c->created : call->now;

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_gather_whole(ngx_litellm_gather_t *c, ngx_litellm_facts_t *facts,
    ngx_uint_t pass, ngx_litellm_answer_t *answer)
{
    ngx_uint_t               filtered;
    ngx_litellm_answer_t    *choice;
    ngx_litellm_gathered_t  *g;
    ngx_litellm_answer_t    *choices[NGX_LITELLM_CHOICES];

    filtered = 0;

    if (ngx_litellm_gather_choices(c, choices, answer) != NGX_OK) {
        return NGX_DECLINED;
    }

    for (g = c->first; g; g = g->next) {

        if (ngx_litellm_gather_put(c, choices[g->choice], g) != NGX_OK) {
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

        if (pass && choice->calls.nelts == 0
            && (facts->finish == NGX_LITELLM_FINISH_TOOL_CALLS
                || facts->finish == NGX_LITELLM_FINISH_FUNCTION_CALL)
            && answer->next == NULL)
        {
            return NGX_DECLINED;
        }

        if (choice->calls.nelts == 0) {
            choice->has_text = 1;
        }

        if (!pass) {
            ngx_str_null(&choice->native_finish);
        }
    }

    answer->usage = c->usage.known ? c->usage : facts->usage;

    return NGX_OK;
}


/* one for each choice, in the order of their numbers */

static ngx_int_t
ngx_litellm_gather_choices(ngx_litellm_gather_t *c,
    ngx_litellm_answer_t **choices, ngx_litellm_answer_t *answer)
{
    ngx_uint_t               i;
    ngx_litellm_answer_t    *last;
    ngx_litellm_gathered_t  *g;

    ngx_memzero(choices, NGX_LITELLM_CHOICES * sizeof(ngx_litellm_answer_t *));

    for (g = c->first; g; g = g->next) {
        choices[g->choice] = answer;
    }

    last = NULL;

    for (i = 0; i < NGX_LITELLM_CHOICES; i++) {

        if (choices[i] == NULL) {
            continue;
        }

        last = last ? ngx_litellm_answer_choice(last, c->pool) : answer;

        if (last == NULL) {
            return NGX_ERROR;
        }

        last->index = i;
        choices[i] = last;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_gather_put(ngx_litellm_gather_t *c,
    ngx_litellm_answer_t *answer, ngx_litellm_gathered_t *g)
{
    ngx_str_t                 text;
    ngx_keyval_t             *kv;
    ngx_litellm_tool_call_t  *call;

    text.data = g->data;
    text.len = g->len;

    switch (g->type) {

    case NGX_LITELLM_EV_TEXT:
        answer->has_text = 1;
        return ngx_litellm_gather_put_list(c, &answer->text, &text);

    case NGX_LITELLM_EV_REASONING:

        if (g->index == 0) {
            return ngx_litellm_gather_put_list(c, &answer->reasoning,
                                                     &text);
        }

        /* fall through */

    case NGX_LITELLM_EV_REDACTED:
        return ngx_litellm_gather_put_block(answer, g, &text);

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
        return ngx_litellm_gather_put_list(c,
                             g->index ? &answer->citations
                                      : &answer->annotations,
                             &text);

    case NGX_LITELLM_EV_IMAGE:
        return ngx_litellm_gather_put_list(c, &answer->images, &text);

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
ngx_litellm_gather_put_list(ngx_litellm_gather_t *c,
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
ngx_litellm_gather_put_block(ngx_litellm_answer_t *answer,
    ngx_litellm_gathered_t *g, ngx_str_t *text)
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
