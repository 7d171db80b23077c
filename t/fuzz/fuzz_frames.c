
/*
 * Any bytes as lines and as AWS's event stream, in one piece and in pieces
 * whose sizes come from the input itself: the same events.  The first byte
 * says which, how to split, and whether the checksums are put right first, as
 * else no input would get behind them.
 */

#include "fuzz.h"

#include <ngx_crc32.h>
#include "ngx_litellm_frames.h"


typedef struct {
    u_char     *events;
    size_t      nevents;
    ngx_int_t   rc;
} fuzz_result_t;


static void
fuzz_event(fuzz_result_t *r, ngx_litellm_frames_t *f,
    ngx_litellm_sse_event_t *ev)
{
    u_char  *p;

    p = r->events + r->nevents;

    *p++ = f->exception;
    p = ngx_cpymem(p, &ev->name.len, sizeof(size_t));
    p = ngx_cpymem(p, ev->name.data, ev->name.len);
    p = ngx_cpymem(p, &ev->data.len, sizeof(size_t));
    p = ngx_cpymem(p, ev->data.data, ev->data.len);
    p = ngx_cpymem(p, f->message.data, f->message.len);

    r->nevents = p - r->events;
}


static void
fuzz_run(ngx_pool_t *pool, fuzz_result_t *r, const u_char *data, size_t size,
    ngx_uint_t step, ngx_uint_t aws, size_t max)
{
    u_char                   *pos, *last;
    size_t                    n;
    ngx_str_t                 piece;
    ngx_uint_t                seed;
    ngx_litellm_frames_t      f;
    ngx_litellm_sse_event_t   ev;

    ngx_memzero(&f, sizeof(ngx_litellm_frames_t));
    f.pool = pool;
    f.max = max;

    /* a line's event takes 17 bytes more than the line, which has two */

    r->events = ngx_palloc(pool, 20 * size + 64);
    r->nevents = 0;
    r->rc = NGX_AGAIN;

    seed = step;

    while (size) {
        seed = seed * 1103515245 + 12345;
        n = step ? 1 + (seed >> 16) % step : size;
        n = ngx_min(n, size);

        piece = fuzz_copy(pool, data, n);
        pos = piece.data;
        last = pos + n;

        do {
            r->rc = aws ? ngx_litellm_aws_next(&f, &pos, last, &ev)
                        : ngx_litellm_lines_next(&f, &pos, last, &ev);

            FUZZ_ASSERT(pos <= last);

            if (r->rc == NGX_OK) {
                fuzz_event(r, &f, &ev);
            }

        } while (r->rc == NGX_OK);

        FUZZ_ASSERT(f.held.len <= max && f.held.len <= f.held_alloc);

        if (r->rc == NGX_DECLINED) {
            FUZZ_ASSERT(f.broken <= aws);
            return;
        }

        FUZZ_ASSERT(r->rc == NGX_AGAIN && pos == last);

        ngx_pfree(pool, piece.data);

        data += n;
        size -= n;
    }

    r->rc = aws ? ngx_litellm_aws_last(&f, &ev)
                : ngx_litellm_lines_last(&f, &ev);

    if (r->rc == NGX_OK) {
        FUZZ_ASSERT(!aws);
        fuzz_event(r, &f, &ev);
        r->rc = ngx_litellm_lines_last(&f, &ev);
    }

    FUZZ_ASSERT(r->rc == NGX_DONE || (aws && r->rc == NGX_DECLINED));
}


/* right checksums for all messages whose lengths fit */

static void
fuzz_sums(u_char *p, u_char *last)
{
    size_t    n;
    uint32_t  crc;

    while (last - p >= 16) {
        n = ((size_t) p[0] << 24) | (p[1] << 16) | (p[2] << 8) | p[3];

        crc = htonl(ngx_crc32_long(p, 8));
        ngx_memcpy(p + 8, &crc, 4);

        if (n < 16 || n > (size_t) (last - p)) {
            return;
        }

        crc = htonl(ngx_crc32_long(p, n - 4));
        ngx_memcpy(p + n - 4, &crc, 4);

        p += n;
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t          max;
    ngx_str_t       text;
    ngx_pool_t     *pool;
    ngx_uint_t      step, aws;
    fuzz_result_t   whole, parts;

    if (size < 1) {
        return 0;
    }

    step = 1 + (data[0] & 0x1f);
    max = (data[0] & 0x20) ? 64 : 100000;
    aws = (data[0] & 0x40) ? 1 : 0;

    pool = fuzz_pool();

    text = fuzz_copy(pool, data + 1, size - 1);

    if (data[0] & 0x80) {
        fuzz_sums(text.data, text.data + text.len);
    }

    fuzz_run(pool, &whole, text.data, text.len, 0, aws, max);
    fuzz_run(pool, &parts, text.data, text.len, step, aws, max);

    FUZZ_ASSERT(whole.rc == parts.rc);
    FUZZ_ASSERT(whole.nevents == parts.nevents);
    FUZZ_ASSERT(memcmp(whole.events, parts.events, whole.nevents) == 0);

    ngx_destroy_pool(pool);

    return 0;
}
