
/*
 * Any bytes as an entry of the cache, told in events, and as a stream, gathered
 * into an answer; of chat and of legacy completions.  What is told are events
 * of JSON with an end, what is gathered is JSON; and an answer that was gathered
 * from events that we told is told and gathered as itself.  The first byte says
 * which of them, the second one how much may be gathered.
 */

#include "fuzz_dialect.h"
#include "ngx_litellm_gather.h"
#include "ngx_litellm_replay.h"


#define FUZZ_TEXTS  0x01        /* legacy completions */
#define FUZZ_ENTRY  0x02        /* not a stream */


static ngx_int_t
fuzz_gather(fuzz_call_t *f, ngx_pool_t *pool, ngx_str_t *bytes, size_t max,
    ngx_str_t *answer)
{
    u_char                   *p, *last;
    ngx_int_t                 rc;
    ngx_litellm_sse_t         sse;
    ngx_litellm_facts_t       facts;
    ngx_litellm_gather_t     *gather;
    ngx_litellm_json_doc_t    doc;
    ngx_litellm_sse_event_t   ev;

    gather = ngx_litellm_gather_create(pool, &f->call, max);
    FUZZ_ASSERT(gather != NULL);

    ngx_memzero(&facts, sizeof(facts));
    ngx_litellm_usage_init(&facts.usage);

    ngx_memzero(&doc, sizeof(doc));
    doc.pool = pool;

    ngx_memzero(&sse, sizeof(sse));
    sse.pool = pool;

    p = bytes->data;
    last = p + bytes->len;

    while (ngx_litellm_sse_next(&sse, &p, last, &ev) == NGX_OK) {

        if (ev.data.data == NULL) {
            continue;
        }

        rc = f->dialect->tap_event(&f->call, &doc, &ev.data, &facts);

        FUZZ_ASSERT(rc != NGX_ERROR);

        if (facts.failed) {
            return NGX_DECLINED;
        }

        if (rc == NGX_OK) {
            rc = ngx_litellm_gather_data(gather, f->dialect, &facts, &ev.name,
                                         &ev.data);
            FUZZ_ASSERT(rc == NGX_OK || rc == NGX_DECLINED);
        }
    }

    ngx_litellm_out_init(&f->out, pool);

    rc = ngx_litellm_gather_answer(gather, &f->call, &facts, 1, &f->out);

    FUZZ_ASSERT(rc == NGX_OK || rc == NGX_DECLINED);

    if (rc == NGX_OK) {
        FUZZ_ASSERT(ngx_litellm_out_join(&f->out, answer) == NGX_OK);
        (void) fuzz_is_json(pool, answer);
    }

    return rc;
}


static ngx_int_t
fuzz_replay(fuzz_call_t *f, ngx_pool_t *pool, ngx_str_t *entry,
    ngx_str_t *bytes)
{
    ngx_int_t  rc;

    ngx_litellm_out_init(&f->out, pool);

    rc = ngx_litellm_replay(&f->call, entry, &f->out);

    FUZZ_ASSERT(rc == NGX_OK || rc == NGX_DECLINED);

    if (rc == NGX_OK) {
        fuzz_events(f, pool);

        FUZZ_ASSERT(ngx_litellm_out_join(&f->out, bytes) == NGX_OK);
        FUZZ_ASSERT(bytes->len > 14
                    && memcmp(bytes->data + bytes->len - 14,
                              "data: [DONE]\n\n", 14) == 0);
    }

    return rc;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t     text, bytes, one, two, body;
    ngx_pool_t   *pool;
    fuzz_call_t   f;

    if (size < 2) {
        return 0;
    }

    pool = fuzz_pool();
    text = fuzz_copy(pool, data + 2, size - 2);
    ngx_str_set(&body, "{}");

    fuzz_call(&f, pool, "openai", "gpt-4o",
              (data[0] & FUZZ_TEXTS) ? NGX_LITELLM_OP_COMPLETIONS
                                     : NGX_LITELLM_OP_CHAT, &body);

    ngx_str_set(&f.call.model, "m");
    f.call.stream = 1;
    f.call.include_usage = 1;
    f.dialect = ngx_litellm_provider_dialect(&f.call);

    if (data[0] & FUZZ_ENTRY) {

        if (fuzz_replay(&f, pool, &text, &bytes) != NGX_OK) {
            goto done;
        }

    } else {
        bytes = text;
    }

    if (fuzz_gather(&f, pool, &bytes, (size_t) data[1] * 64, &text)
        != NGX_OK)
    {
        goto done;
    }

    /* from here on it is our own */

    FUZZ_ASSERT(fuzz_replay(&f, pool, &text, &bytes) == NGX_OK);

    if (fuzz_gather(&f, pool, &bytes, 1024 * 1024, &one) == NGX_OK) {
        FUZZ_ASSERT(fuzz_replay(&f, pool, &one, &bytes) == NGX_OK);
        FUZZ_ASSERT(fuzz_gather(&f, pool, &bytes, 1024 * 1024, &two)
                    == NGX_OK);
        FUZZ_ASSERT(one.len == two.len
                    && memcmp(one.data, two.data, one.len) == 0);
    }

done:

    ngx_destroy_pool(pool);

    return 0;
}
