
/*
 * Any bytes as an event stream, in one piece and in pieces whose sizes come
 * from the input itself: the same events, and no byte lost or made twice.  The
 * first two bytes say how to split and which bound holds.
 */

#include "fuzz.h"

#include "ngx_litellm_sse.h"


typedef struct {
    u_char     *events;
    size_t      nevents;
    u_char     *bytes;
    size_t      nbytes;
    ngx_int_t   rc;
} fuzz_result_t;


static void
fuzz_event(fuzz_result_t *r, ngx_litellm_sse_t *sse,
    ngx_litellm_sse_event_t *ev)
{
    u_char     *p;
    ngx_str_t  *raw;

    raw = ngx_litellm_sse_raw(sse, ev);

    ngx_memcpy(r->bytes + r->nbytes, raw->data, raw->len);
    r->nbytes += raw->len;

    if (ev->data.data == NULL) {
        FUZZ_ASSERT(sse->comments);
        return;
    }

    p = r->events + r->nevents;

    p = ngx_cpymem(p, &ev->name.len, sizeof(size_t));
    p = ngx_cpymem(p, ev->name.data, ev->name.len);
    p = ngx_cpymem(p, &ev->data.len, sizeof(size_t));
    p = ngx_cpymem(p, ev->data.data, ev->data.len);

    r->nevents = p - r->events;
}


static void
fuzz_run(ngx_pool_t *pool, fuzz_result_t *r, const uint8_t *data, size_t size,
    ngx_uint_t step, ngx_uint_t comments, size_t max)
{
    u_char                   *pos, *last;
    size_t                    n;
    ngx_int_t                 rc;
    ngx_str_t                 piece;
    ngx_uint_t                seed;
    ngx_litellm_sse_t         sse;
    ngx_litellm_sse_event_t   ev;

    ngx_memzero(&sse, sizeof(ngx_litellm_sse_t));
    sse.pool = pool;
    sse.max = max;
    sse.comments = comments;

    /* an event of n bytes takes less than n + 2 lengths; 3 bytes make one */

    r->events = ngx_palloc(pool, 16 * size + 64);
    r->bytes = ngx_palloc(pool, size + 1);
    r->nevents = 0;
    r->nbytes = 0;
    r->rc = NGX_OK;

    seed = step;

    while (size) {
        seed = seed * 1103515245 + 12345;
        n = step ? 1 + (seed >> 16) % step : size;
        n = ngx_min(n, size);

        piece = fuzz_copy(pool, data, n);
        pos = piece.data;
        last = pos + n;

        while ((rc = ngx_litellm_sse_next(&sse, &pos, last, &ev)) == NGX_OK) {
            FUZZ_ASSERT(pos <= last);
            fuzz_event(r, &sse, &ev);
        }

        FUZZ_ASSERT(sse.held.len <= max + 2 && sse.held.len <= sse.held_alloc);

        if (rc == NGX_DECLINED) {
            r->rc = rc;
            return;
        }

        FUZZ_ASSERT(rc == NGX_AGAIN && pos == last);

        ngx_pfree(pool, piece.data);

        data += n;
        size -= n;
    }

    rc = ngx_litellm_sse_last(&sse, &ev);

    if (rc == NGX_OK) {
        fuzz_event(r, &sse, &ev);

    } else {
        FUZZ_ASSERT(rc == NGX_DONE);
        ngx_memcpy(r->bytes + r->nbytes, sse.held.data, sse.held.len);
        r->nbytes += sse.held.len;
    }

    FUZZ_ASSERT(ngx_litellm_sse_last(&sse, &ev) == NGX_DONE);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t          max;
    ngx_pool_t     *pool;
    ngx_uint_t      step, comments;
    fuzz_result_t   whole, parts;

    if (size < 2) {
        return 0;
    }

    step = 1 + (data[0] & 0x1f);
    comments = data[0] >> 7;
    max = (data[1] & 1) ? 64 + data[1] : 100000;

    data += 2;
    size -= 2;

    pool = fuzz_pool();

    fuzz_run(pool, &whole, data, size, 0, 0, 100000);
    fuzz_run(pool, &parts, data, size, step, comments, max);

    if (size < 100000) {
        FUZZ_ASSERT(whole.rc == NGX_OK && whole.nbytes == size);
        FUZZ_ASSERT(memcmp(whole.bytes, data, size) == 0);
    }

    /* up to the bound the events are the same; comments may be forgotten */

    if (parts.rc == NGX_OK) {
        FUZZ_ASSERT(parts.nevents == whole.nevents);

        if (max == 100000) {
            FUZZ_ASSERT(parts.nbytes == whole.nbytes);
            FUZZ_ASSERT(memcmp(parts.bytes, whole.bytes, whole.nbytes) == 0);
        }

    } else {
        FUZZ_ASSERT(max < 100000 && size > max);
        FUZZ_ASSERT(parts.nevents <= whole.nevents);
    }

    FUZZ_ASSERT(memcmp(parts.events, whole.events, parts.nevents) == 0);

    ngx_destroy_pool(pool);

    return 0;
}
