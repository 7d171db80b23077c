
/*
 * An answer told in events and gathered from them is the answer it was: answers
 * made up at random, of chat and of legacy completions, by the bytes of a
 * stream as a client reads them and by neutral events.  What can't be gathered
 * is lost and has no answer.
 */

#include "../provider/openai_call.h"
#include "ngx_litellm_gather.h"
#include "ngx_litellm_replay.h"
#include "ngx_litellm_sse.h"


#define ROUNDS  400
#define MAX     (1024 * 1024)


typedef struct {
    openai_call_t           c;
    ngx_litellm_facts_t     facts;
    ngx_litellm_gather_t   *gather;
    ngx_int_t               rc;        /* of the last event */
} gather_t;


static uint32_t  state;


static uint32_t
pick(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;

    return n ? state % n : 0;
}


/* a J-string of about that length: characters of all lengths, escapes */

static ngx_str_t
text(size_t len)
{
    u_char      *p;
    ngx_str_t    s;
    const char  *one;

    static const char  *some[] = {
        "a", "Z", " ", "0", "{", "data: ", "\\n", "\\\"", "\\\\", "\\/",
        "\\u0000", "\\u00e9", "\\ud83d\\ude00", "\xc3\xa9", "\xe6\x9d\xb1",
        "\xf0\x9f\x98\x80", "[DONE]", "\\ud800\\u0041"
    };

    s.data = ngx_pnalloc(unit_pool, len + 16);
    p = s.data;

    while ((size_t) (p - s.data) < len) {
        one = some[pick(pick(2) ? 4 : sizeof(some) / sizeof(some[0]))];
        p = ngx_cpymem(p, one, ngx_strlen(one));
    }

    s.len = p - s.data;

    return s;
}


static size_t
size(void)
{
    static const size_t  some[] = { 1, 1, 2, 5, 20, 100, 1023, 1024, 1030,
                                    3000 };

    return some[pick(sizeof(some) / sizeof(some[0]))];
}


static void
push(ngx_array_t *a, ngx_str_t s)
{
    ngx_str_t  *p;

    if (a->elts == NULL) {
        (void) ngx_array_init(a, unit_pool, 2, sizeof(ngx_str_t));
    }

    p = ngx_array_push(a);
    *p = s;
}


static void
make_thinking(ngx_litellm_answer_t *a)
{
    ngx_uint_t           i, n;
    ngx_litellm_part_t  *part;

    if (pick(4)) {

        if (pick(3) == 0) {
            push(&a->reasoning, text(size()));
        }

        return;
    }

    n = 1 + pick(3);

    for (i = 0; i < n; i++) {
        part = ngx_array_push(&a->thinking);
        ngx_memzero(part, sizeof(ngx_litellm_part_t));

        if (i && pick(3) == 0) {
            part->type = NGX_LITELLM_PART_REDACTED;
            part->data = text(1 + pick(100));
            continue;
        }

        part->type = NGX_LITELLM_PART_THINKING;
        part->text = text(size());
        part->signature = text(1 + pick(100));

        push(&a->reasoning, part->text);
    }
}


static void
make_rest(ngx_litellm_answer_t *a, ngx_uint_t own)
{
    ngx_uint_t     i, n;
    ngx_keyval_t  *kv;

    for (n = pick(3), i = 0; i < n; i++) {
        push(&a->annotations, unit_str("{\"type\":\"url_citation\"}"));
    }

    for (n = pick(2), i = 0; i < n; i++) {
        push(&a->images, text(size()));
    }

    /* no dialect of the provider's reads these of a stream */

    if (own && pick(2)) {
        for (n = pick(3), i = 0; i < n; i++) {
            push(&a->citations, unit_str("[{\"cited\":\"\\u00e9\"}]"));
        }
    }

    if (own && pick(2)) {
        (void) ngx_array_init(&a->specific, unit_pool, 2,
                              sizeof(ngx_keyval_t));

        kv = ngx_array_push(&a->specific);
        kv->key = openai_str("own");
        kv->value = openai_str("{\"a\":[1]}");

        kv = ngx_array_push(&a->specific);
        kv->key = openai_str("other");
        kv->value = openai_str("null");
    }
}


static void
make_choice(ngx_litellm_answer_t *a, ngx_litellm_op_e op, ngx_uint_t own)
{
    ngx_uint_t                i, n;
    ngx_litellm_tool_call_t  *call;

    static const ngx_litellm_finish_e  finish[] = {
        NGX_LITELLM_FINISH_STOP, NGX_LITELLM_FINISH_LENGTH
    };

    a->finish = finish[pick(2)];

    n = pick(3);
    a->has_text = 1;

    for (i = 0; i < n; i++) {
        push(&a->text, text(size()));
    }

    if (op == NGX_LITELLM_OP_COMPLETIONS) {
        return;
    }

    make_thinking(a);

    if (pick(5) == 0) {
        a->refusal = text(size());
    }

    if (pick(3) == 0) {
        n = 1 + pick(4);

        if (a->text.nelts == 0) {
            a->has_text = 0;
        }

        for (i = 0; i < n; i++) {
            call = ngx_array_push(&a->calls);
            ngx_memzero(call, sizeof(ngx_litellm_tool_call_t));

            call->id = text(1 + pick(30));
            call->name = text(1 + pick(30));

            call->arguments = text(size());
        }

        a->finish = NGX_LITELLM_FINISH_TOOL_CALLS;
    }

    if (pick(3) == 0) {
        make_rest(a, own);
    }
}


static void
make_usage(ngx_litellm_usage_t *u)
{
    ngx_litellm_usage_init(u);

    u->known = 1;
    u->prompt = pick(10000);
    u->completion = pick(10000);
    u->total = pick(2) ? u->prompt + u->completion : -1;

    if (pick(2)) {
        u->reasoning = pick(100);
    }

    if (pick(2)) {
        u->cached = pick(100);
    }

    if (pick(3) == 0) {
        u->audio_in = pick(100);
        u->audio_out = pick(100);
        u->reasoning = pick(100);
    }
}


static void
make_answer(ngx_litellm_answer_t *answer, ngx_litellm_op_e op,
    ngx_uint_t own)
{
    ngx_uint_t             i, n;
    ngx_litellm_answer_t  *a;

    (void) ngx_litellm_answer_init(answer, unit_pool);

    n = pick(3) ? 1 : 2 + pick(4);

    for (i = 0; i < n; i++) {
        a = i ? ngx_litellm_answer_choice(answer, unit_pool) : answer;
        a->index = i;
        make_choice(a, op, own);
    }

    if (pick(5)) {
        make_usage(&answer->usage);
    }
}


static void
begin(gather_t *t, ngx_litellm_op_e op, size_t max)
{
    ngx_memzero(t, sizeof(gather_t));

    openai_call(&t->c, op, "m", unit_str("{}"));

    t->c.call.format = (op == NGX_LITELLM_OP_COMPLETIONS)
                       ? &ngx_litellm_openai_completions
                       : &ngx_litellm_openai_chat;
    t->c.call.id = openai_str("chatcmpl-\xc3\xa9\"1");
    t->c.call.model = openai_str("m\\1");
    t->c.call.now = 1700000001;
    t->c.call.include_usage = 1;
    t->c.call.stream = 1;

    ngx_litellm_usage_init(&t->facts.usage);

    t->gather = ngx_litellm_gather_create(unit_pool, &t->c.call, max);
}


static ngx_str_t
written(ngx_litellm_call_t *call, ngx_litellm_answer_t *answer)
{
    ngx_str_t          s;
    ngx_litellm_out_t  out;

    ngx_litellm_out_init(&out, unit_pool);
    call->format->answer(call, &out, answer);

    CHECK(!out.failed);
    CHECK_INT(ngx_litellm_out_join(&out, &s), NGX_OK);

    return s;
}


/* a stream as it passes: the tap, then the gatherer */

static void
feed(gather_t *t, ngx_str_t *bytes, size_t chunk)
{
    u_char                   *p, *last, *end;
    ngx_litellm_sse_t         sse;
    ngx_litellm_json_doc_t    doc;
    ngx_litellm_sse_event_t   ev;

    ngx_memzero(&sse, sizeof(ngx_litellm_sse_t));
    sse.pool = unit_pool;
    sse.max = MAX;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = unit_pool;

    p = bytes->data;
    last = p + bytes->len;

    while (p < last) {
        end = ngx_min(p + chunk, last);

        while (ngx_litellm_sse_next(&sse, &p, end, &ev) == NGX_OK) {

            if (ev.data.data == NULL) {
                continue;
            }

            CHECK(ngx_litellm_openai_dialect.tap_event(&t->c.call, &doc,
                                                       &ev.data, &t->facts)
                  == NGX_OK);

            t->rc = ngx_litellm_gather_data(t->gather,
                                            &ngx_litellm_openai_dialect,
                                            &t->facts, &ev.name, &ev.data);
        }
    }
}


static ngx_int_t
gathered(gather_t *t, ngx_uint_t pass, ngx_str_t *s)
{
    ngx_int_t          rc;
    ngx_litellm_out_t  out;

    ngx_litellm_out_init(&out, unit_pool);

    rc = ngx_litellm_gather_answer(t->gather, &t->c.call, &t->facts, pass,
                                   &out);

    if (rc == NGX_OK) {
        CHECK_INT(ngx_litellm_out_join(&out, s), NGX_OK);
    }

    return rc;
}


static gather_t  *neutral;


static void
note(ngx_litellm_writer_t *w, ngx_litellm_out_t *out, ngx_litellm_event_t *ev)
{
    ngx_litellm_event_t  own;

    /* texts live for as long as the call only */

    own = *ev;
    own.text = unit_mem(ev->text.data, ev->text.len);

    CHECK_INT(ngx_litellm_gather_event(neutral->gather, &own), NGX_OK);

    ngx_memset(own.text.data, 'X', own.text.len);
}


static void
check_by_bytes(ngx_litellm_op_e op, ngx_litellm_answer_t *answer)
{
    gather_t           t;
    ngx_str_t          one, two, bytes;
    ngx_litellm_out_t  out;

    begin(&t, op, MAX);
    one = written(&t.c.call, answer);

    ngx_litellm_out_init(&out, unit_pool);
    CHECK_INT(ngx_litellm_replay(&t.c.call, &one, &out), NGX_OK);
    CHECK_INT(ngx_litellm_out_join(&out, &bytes), NGX_OK);

    feed(&t, &bytes, 1 + pick(5000));

    CHECK_INT(t.facts.end, 1);

    if (CHECK_INT(gathered(&t, 1, &two), NGX_OK)) {
        CHECK_MEM(&two, one.data, one.len);
    }
}


/* neutral events, of the answer itself and of what was stored of it */

static void
check_by_events(ngx_litellm_op_e op, ngx_litellm_answer_t *answer,
    ngx_uint_t stored)
{
    gather_t               t;
    ngx_str_t              one, two;
    ngx_litellm_out_t      out;
    ngx_litellm_format_t   format;
    ngx_litellm_writer_t   w;

    begin(&t, op, MAX);
    neutral = &t;
    one = written(&t.c.call, answer);

    format = *t.c.call.format;
    format.event = note;
    t.c.call.format = &format;

    ngx_litellm_out_init(&out, unit_pool);

    if (stored) {
        CHECK_INT(ngx_litellm_replay(&t.c.call, &one, &out), NGX_OK);

    } else {
        ngx_memzero(&w, sizeof(ngx_litellm_writer_t));
        w.call = &t.c.call;

        ngx_litellm_replay_events(&w, &out, answer, pick(2000));
    }

    if (CHECK_INT(gathered(&t, 0, &two), NGX_OK)) {
        CHECK_MEM(&two, one.data, one.len);
    }
}


static void
test_same(void)
{
    uint32_t               seed;
    ngx_litellm_op_e       op;
    ngx_litellm_answer_t   answer;

    for (seed = 1; seed <= ROUNDS; seed++) {

        unit_case("answer %u", seed);

        state = seed * 2654435761U;
        op = pick(4) ? NGX_LITELLM_OP_CHAT : NGX_LITELLM_OP_COMPLETIONS;

        make_answer(&answer, op, 0);
        check_by_bytes(op, &answer);

        make_answer(&answer, op, 1);
        check_by_events(op, &answer, 0);
        check_by_events(op, &answer, 1);
    }
}


/* no piece ends inside of a character or an escape */

static void
test_pieces(void)
{
    ngx_uint_t                i, n;
    gather_t                  t;
    u_char                   *p, *last;
    ngx_str_t                 one, bytes;
    ngx_litellm_out_t         out;
    ngx_litellm_sse_t         sse;
    ngx_litellm_answer_t      answer;
    ngx_litellm_json_t       *v;
    ngx_litellm_json_doc_t    doc;
    ngx_litellm_sse_event_t   ev;

    for (i = 0; i < 40; i++) {
        unit_case("pieces %d", (int) i);

        state = 77 + i;

        begin(&t, NGX_LITELLM_OP_CHAT, MAX);
        (void) ngx_litellm_answer_init(&answer, unit_pool);
        answer.finish = NGX_LITELLM_FINISH_STOP;
        answer.has_text = 1;
        push(&answer.text, text(5000 + i));

        one = written(&t.c.call, &answer);

        ngx_litellm_out_init(&out, unit_pool);
        CHECK_INT(ngx_litellm_replay(&t.c.call, &one, &out), NGX_OK);
        CHECK_INT(ngx_litellm_out_join(&out, &bytes), NGX_OK);

        ngx_memzero(&sse, sizeof(ngx_litellm_sse_t));
        sse.pool = unit_pool;
        sse.max = MAX;
        ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
        doc.pool = unit_pool;

        p = bytes.data;
        last = p + bytes.len;
        n = 0;

        while (ngx_litellm_sse_next(&sse, &p, last, &ev) == NGX_OK) {

            if (ev.data.len == 6) {
                continue;
            }

            /* UTF-8 is checked, too */

            if (!CHECK_INT(ngx_litellm_json_parse(&doc, ev.data.data,
                                                  ev.data.len),
                           NGX_OK))
            {
                continue;
            }

            v = ngx_litellm_json_member(doc.root, "choices");
            v = ngx_litellm_json_member(v + 1, "delta");
            v = ngx_litellm_json_member(v, "content");

            if (v != NULL) {
                n++;
                CHECK(v->len <= 1024 + 2 + 12);

                /* the second half of a pair */

                CHECK(v->len < 8
                      || ngx_memcmp(v->start + 1, "\\ude00", 6) != 0);
            }
        }

        CHECKF(n >= 5, "%d pieces", (int) n);
    }
}


static void
test_lost(void)
{
    gather_t    t;
    ngx_str_t   bytes, s;
    ngx_uint_t  i;

#define HEAD  "data: {\"id\":\"a\",\"created\":1,\"model\":\"m\",\"choices\":["
#define STOP  "{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}"
#define DONE  "data: [DONE]\n\n"

    static const struct {
        const char        *name;
        ngx_litellm_op_e   op;
        const char        *bytes;
        ngx_int_t          rc;
    } cases[] = {
        { "whole", NGX_LITELLM_OP_CHAT,
          HEAD "{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n"
          HEAD STOP "]}\n\n" DONE, NGX_OK },
        { "no finish", NGX_LITELLM_OP_CHAT,
          HEAD "{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n" DONE,
          NGX_DECLINED },
        { "nothing", NGX_LITELLM_OP_CHAT, DONE, NGX_DECLINED },
        { "one of two without an end", NGX_LITELLM_OP_CHAT,
          HEAD "{\"index\":1,\"delta\":{\"content\":\"a\"}}]}\n\n"
          HEAD STOP "]}\n\n" DONE, NGX_DECLINED },
        { "filtered", NGX_LITELLM_OP_CHAT,
          HEAD "{\"index\":0,\"delta\":{\"content\":\"a\"},"
          "\"finish_reason\":\"content_filter\"}]}\n\n" DONE, NGX_DECLINED },
        { "calls that were none", NGX_LITELLM_OP_CHAT,
          HEAD "{\"index\":0,\"delta\":{\"content\":\"a\"},"
          "\"finish_reason\":\"tool_calls\"}]}\n\n" DONE, NGX_DECLINED },
        { "too much", NGX_LITELLM_OP_CHAT,
          HEAD "{\"index\":0,\"delta\":{\"content\":\"0123456789012345678901234"
          "567890123456789012345678901234567890123456789\"}}]}\n\n"
          HEAD STOP "]}\n\n" DONE, NGX_DECLINED },
        { "text", NGX_LITELLM_OP_COMPLETIONS,
          HEAD "{\"index\":0,\"text\":\"a\",\"finish_reason\":\"stop\"}]}\n\n"
          DONE, NGX_OK },
        { "text's choice", NGX_LITELLM_OP_COMPLETIONS,
          HEAD "{\"index\":128,\"text\":\"a\",\"finish_reason\":\"stop\"}"
          "]}\n\n" DONE, NGX_DECLINED },
        { "text's index", NGX_LITELLM_OP_COMPLETIONS,
          HEAD "{\"index\":\"0\",\"text\":\"a\",\"finish_reason\":\"stop\"}"
          "]}\n\n" DONE, NGX_DECLINED },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("%s", cases[i].name);

        begin(&t, cases[i].op, 64);
        bytes = unit_str(cases[i].bytes);
        feed(&t, &bytes, 10000);

        CHECK_INT(gathered(&t, 1, &s), cases[i].rc);
    }
}


/* the number of texts and of calls */

static void
test_many(void)
{
    gather_t             t;
    ngx_str_t            s;
    ngx_uint_t           i;
    ngx_litellm_event_t  ev;

    unit_case("many texts");

    begin(&t, NGX_LITELLM_OP_CHAT, MAX);
    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = NGX_LITELLM_EV_ANNOTATION;
    ev.text = openai_str("{}");

    for (i = 0; i < 1024; i++) {
        CHECK_INT(ngx_litellm_gather_event(t.gather, &ev), NGX_OK);
    }

    CHECK_INT(ngx_litellm_gather_event(t.gather, &ev), NGX_DECLINED);
    CHECK_INT(ngx_litellm_gather_event(t.gather, &ev), NGX_OK);
    CHECK_INT(gathered(&t, 0, &s), NGX_DECLINED);

    unit_case("many calls");

    begin(&t, NGX_LITELLM_OP_CHAT, MAX);
    ev.type = NGX_LITELLM_EV_CALL;

    for (ev.index = 0; ev.index < 128; ev.index++) {
        CHECK_INT(ngx_litellm_gather_event(t.gather, &ev), NGX_OK);
    }

    CHECK_INT(ngx_litellm_gather_event(t.gather, &ev), NGX_DECLINED);

    unit_case("arguments of no call");

    begin(&t, NGX_LITELLM_OP_CHAT, MAX);
    ev.type = NGX_LITELLM_EV_ARGUMENTS;
    ev.index = 0;
    CHECK_INT(ngx_litellm_gather_event(t.gather, &ev), NGX_DECLINED);

    unit_case("a choice over the bound");

    begin(&t, NGX_LITELLM_OP_CHAT, MAX);
    ev.type = NGX_LITELLM_EV_TEXT;
    ev.choice = NGX_LITELLM_CHOICES;
    CHECK_INT(ngx_litellm_gather_event(t.gather, &ev), NGX_DECLINED);
}


void
unit_main(void)
{
    test_same();
    test_pieces();
    test_lost();
    test_many();
}
