
/*
 * What the targets of dialects share whose answers pass: an answer is taken as
 * it is, or refused; what a variant puts in its place is JSON, of an event on
 * one line, or of several with whole events between; nothing that is kept
 * points into an event.
 */

#ifndef _FUZZ_TAP_H_INCLUDED_
#define _FUZZ_TAP_H_INCLUDED_


#include "fuzz_dialect.h"


static ngx_inline void
fuzz_tap(fuzz_call_t *f, ngx_pool_t *pool, ngx_str_t *body)
{
    ngx_int_t            rc;
    ngx_litellm_json_t  *root;
    ngx_litellm_facts_t  facts;

    ngx_memzero(&facts, sizeof(ngx_litellm_facts_t));
    ngx_litellm_usage_init(&facts.usage);

    rc = f->dialect->tap(&f->call, body, &facts);

    if (rc == NGX_DECLINED) {
        f->error = facts.error;
        fuzz_failed(f, pool);
        return;
    }

    FUZZ_ASSERT(rc == NGX_OK);

    root = fuzz_is_json(pool, facts.data.data ? &facts.data : body);
    FUZZ_ASSERT(root->type == NGX_LITELLM_JSON_OBJECT);
}


static ngx_inline void
fuzz_changed(ngx_pool_t *pool, ngx_str_t *data)
{
    u_char              *p, *next, *last;
    ngx_str_t            line;
    ngx_litellm_json_t  *root;

    /* further events behind the first one, as a stream writes them */

    p = data->data;
    last = p + data->len;

    for ( ;; ) {
        next = ngx_litellm_find(p, last, "\n\ndata: ",
                                sizeof("\n\ndata: ") - 1);

        line.data = p;
        line.len = (next ? next : last) - p;

        FUZZ_ASSERT(memchr(line.data, LF, line.len) == NULL);
        FUZZ_ASSERT(memchr(line.data, CR, line.len) == NULL);

        root = fuzz_is_json(pool, &line);
        FUZZ_ASSERT(root->type == NGX_LITELLM_JSON_OBJECT);

        if (next == NULL) {
            return;
        }

        p = next + sizeof("\n\ndata: ") - 1;
    }
}


/* true if there may be more of them */

static ngx_inline ngx_uint_t
fuzz_tap_event(fuzz_call_t *f, ngx_pool_t *pool, ngx_litellm_json_doc_t *doc,
    ngx_litellm_facts_t *facts, ngx_str_t *data)
{
    ngx_int_t   rc;
    ngx_str_t   line;
    ngx_uint_t  content;

    line = fuzz_copy(pool, data->data, data->len);
    content = facts->content;

    ngx_str_null(&facts->data);

    rc = f->dialect->tap_event(&f->call, doc, &line, facts);

    FUZZ_ASSERT(rc == NGX_OK || rc == NGX_DECLINED);
    FUZZ_ASSERT(facts->content >= content);

    if (!facts->failed && rc == NGX_OK && facts->data.data != NULL) {
        fuzz_changed(pool, &facts->data);
    }

    ngx_memset(line.data, '"', line.len);

    if (facts->failed) {
        f->error = facts->error;
        fuzz_failed(f, pool);
        return 0;
    }

    return 1;
}


/* end: the byte behind each event; -1: they are framed as a stream has them */

static ngx_inline void
fuzz_tap_stream(fuzz_call_t *f, ngx_pool_t *pool, ngx_str_t *bytes, int end)
{
    u_char                   *p, *last, *next;
    ngx_str_t                 line;
    ngx_litellm_sse_t         sse;
    ngx_litellm_facts_t       facts;
    ngx_litellm_json_doc_t    doc;
    ngx_litellm_sse_event_t   ev;

    ngx_memzero(&sse, sizeof(sse));
    sse.pool = pool;
    sse.max = 65536;

    ngx_memzero(&doc, sizeof(doc));
    doc.pool = pool;

    ngx_memzero(&facts, sizeof(facts));
    ngx_litellm_usage_init(&facts.usage);

    p = bytes->data;
    last = p + bytes->len;

    if (end == -1) {

        while (ngx_litellm_sse_next(&sse, &p, last, &ev) == NGX_OK) {

            if (ev.data.data != NULL
                && !fuzz_tap_event(f, pool, &doc, &facts, &ev.data))
            {
                return;
            }
        }

        return;
    }

    while (p < last) {
        next = memchr(p, end, last - p);
        next = next ? next : last;

        line.data = p;
        line.len = next - p;

        if (!fuzz_tap_event(f, pool, &doc, &facts, &line)) {
            return;
        }

        p = next + 1;
    }
}


#endif /* _FUZZ_TAP_H_INCLUDED_ */
