
/*
 * The event stream decoder.  Each case is replayed whole, byte by byte, split
 * at every place and (short ones) at every pair of places; the events must be
 * the same, and the bytes of all events and what is left are the stream.
 */

#include "unit.h"

#include "ngx_litellm_scan.h"
#include "ngx_litellm_sse.h"


#define PAIRS  120      /* bytes of a stream up to which pairs are tried */


typedef struct {
    const char  *stream;
    size_t       len;       /* 0: strlen */
    const char  *events;    /* "name=data|name=data|", LF as '~', a last one
                               that came by sse_last() has a '!' behind it */
} sse_case_t;


static const sse_case_t  cases[] = {
    { "data: a\n\n", 0, "=a|" },
    { "data:a\n\n", 0, "=a|" },
    { "data:  a \n\n", 0, "= a |" },
    { "data: a\r\n\r\n", 0, "=a|" },
    { "data: a\r\r", 0, "=a|" },
    { "data: a\n\ndata: b\n\n", 0, "=a|=b|" },
    { "data: a\r\n\r\ndata: b\r\n\r\n", 0, "=a|=b|" },
    { "data: a\r\rdata: b\r\r", 0, "=a|=b|" },
    { "data: a\n\r\ndata: b\r\n\n", 0, "=a|=b|" },
    { "data: a\r\n\rdata: b\r\n\r", 0, "=a|=b|" },
    { "data: a\n\r\n\rdata: b\n\n", 0, "=a|=b|" },
    { "data: a\ndata: b\n\n", 0, "=a~b|" },
    { "data: a\r\ndata: b\r\ndata:c\r\n\r\n", 0, "=a~b~c|" },
    { "data:\n\n", 0, "=|" },
    { "data\n\n", 0, "=|" },
    { "data:\ndata:\n\n", 0, "=~|" },
    { "data\ndata: x\ndata\n\n", 0, "=~x~|" },
    { "event: e\ndata: a\n\n", 0, "e=a|" },
    { "data: a\nevent: e\n\n", 0, "e=a|" },
    { "event: e\nevent: f\ndata: a\n\n", 0, "f=a|" },
    { "event:e\ndata: a\n\ndata: b\n\n", 0, "e=a|=b|" },
    { "event: e\n\ndata: b\n\n", 0, "=b|" },
    { "event\ndata: b\n\n", 0, "=b|" },
    { "id: 1\nretry: 5\ndata: a\nfoo: bar\n\n", 0, "=a|" },
    { "datax: a\n\n", 0, "" },
    { "dat: a\n\n", 0, "" },
    { "eventual: a\ndata: b\n\n", 0, "=b|" },
    { " data: a\n\n", 0, "" },
    { "Data: a\n\n", 0, "" },
    { ": comment\n\n", 0, "" },
    { ": comment\ndata: a\n\n", 0, "=a|" },
    { ": c\n\n: d\r\n\r\ndata: a\n\n: e\n\n", 0, "=a|" },
    { ":\n\ndata: a\n\n", 0, "=a|" },
    { "\n\n\ndata: a\n\n\n\n", 0, "=a|" },
    { "\r\n\r\n\rdata: a\n\n", 0, "=a|" },
    { "", 0, "" },
    { "\n", 0, "" },
    { "\r", 0, "" },
    { "data: a: b:c\n\n", 0, "=a: b:c|" },
    { "data: a", 0, "=a|!" },
    { "data: a\n", 0, "=a|!" },
    { "data: a\r", 0, "=a|!" },
    { "data: a\r\n", 0, "=a|!" },
    { "data", 0, "=|!" },
    { "data: a\n\ndata: b", 0, "=a|=b|!" },
    { "data: a\n\ndata: b\ndata: c", 0, "=a|=b~c|!" },
    { "data: a\n\nevent: x\ndata: b\r", 0, "=a|x=b|!" },
    { "data: a\n\nevent: x", 0, "=a|" },
    { "data: a\n\n: bye", 0, "=a|" },
    { "data: a\n\ndat", 0, "=a|" },
    { "\xef\xbb\xbf" "data: a\n\n", 0, "=a|" },
    { "\xef\xbb\xbf\ndata: a\n\n", 0, "=a|" },
    { "\xef\xbb\xbf" "data: a", 0, "=a|!" },
    { "\xef\xbb\xbf", 0, "" },
    { "\xef\xbb", 0, "" },
    { "\xef\xbb\xbf\xef\xbb\xbf" "data: a\n\n", 0, "" },
    { "\xef" "data: a\n\ndata: b\n\n", 0, "=b|" },
    { "\xef\xbb\n" "data: b\n\n", 0, "=b|" },
    { "data: a\n\n\xef\xbb\xbf" "data: b\n\n", 0, "=a|" },
    { "data: \0x\n\n", 10, "=\0x|" },
    { "data: {\"a\":\"\\n\",\"b\":\"\xc3\xa9\"}\n\ndata: [DONE]\n\n", 0,
      "={\"a\":\"\\n\",\"b\":\"\xc3\xa9\"}|=[DONE]|" },
    { "event: message_start\ndata: {\"type\":\"message_start\"}\n\n"
      "event: ping\ndata: {}\n\n", 0,
      "message_start={\"type\":\"message_start\"}|ping={}|" },
};


typedef struct {
    u_char      events[4096];
    size_t      nevents;
    u_char      bytes[4096];
    size_t      nbytes;
    ngx_uint_t  marks;
} sse_result_t;


static void
add_event(sse_result_t *r, ngx_litellm_sse_t *sse, ngx_litellm_sse_event_t *ev)
{
    size_t      i;
    ngx_str_t  *raw;

    raw = ngx_litellm_sse_raw(sse, ev);
    memcpy(r->bytes + r->nbytes, raw->data, raw->len);
    r->nbytes += raw->len;

    if (ev->data.data == NULL) {
        r->marks++;
        CHECK(sse->comments);
        return;
    }

    memcpy(r->events + r->nevents, ev->name.data, ev->name.len);
    r->nevents += ev->name.len;
    r->events[r->nevents++] = '=';

    for (i = 0; i < ev->data.len; i++) {
        r->events[r->nevents++] = ev->data.data[i] == '\n'
                                  ? '~' : ev->data.data[i];
    }

    r->events[r->nevents++] = '|';
}


/* pieces are copies of exact size and are gone when the next one comes */

static void
replay(sse_result_t *r, const char *text, const size_t *ends, ngx_uint_t n,
    ngx_uint_t comments)
{
    u_char                   *piece, *pos, *last;
    size_t                    from;
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_litellm_sse_t         sse;
    ngx_litellm_sse_event_t   ev;

    ngx_memzero(&sse, sizeof(ngx_litellm_sse_t));
    sse.pool = unit_pool;
    sse.max = 1000;
    sse.comments = comments;

    r->nevents = 0;
    r->nbytes = 0;
    r->marks = 0;
    from = 0;

    for (i = 0; i < n; i++) {
        piece = malloc(ends[i] - from ? ends[i] - from : 1);
        memcpy(piece, text + from, ends[i] - from);

        pos = piece;
        last = piece + (ends[i] - from);
        from = ends[i];

        for ( ;; ) {
            rc = ngx_litellm_sse_next(&sse, &pos, last, &ev);

            if (rc != NGX_OK) {
                break;
            }

            add_event(r, &sse, &ev);
        }

        CHECK_INT(rc, NGX_AGAIN);
        CHECK(pos == last);

        free(piece);
    }

    rc = ngx_litellm_sse_last(&sse, &ev);

    if (rc == NGX_OK) {
        add_event(r, &sse, &ev);
        r->events[r->nevents++] = '!';

    } else {
        CHECK_INT(rc, NGX_DONE);
        memcpy(r->bytes + r->nbytes, sse.held.data, sse.held.len);
        r->nbytes += sse.held.len;
    }

    CHECK_INT(ngx_litellm_sse_last(&sse, &ev), NGX_DONE);
    CHECK_INT(sse.held.len, 0);

    if (sse.held.data) {
        ngx_pfree(unit_pool, sse.held.data);
    }

    if (sse.joined) {
        ngx_pfree(unit_pool, sse.joined);
    }
}


static int
check_result(sse_result_t *r, const sse_case_t *c, size_t len, size_t want)
{
    return r->nevents == want && memcmp(r->events, c->events, want) == 0
           && r->nbytes == len && memcmp(r->bytes, c->stream, len) == 0;
}


static void
test_cases(void)
{
    size_t             len, want, ends[4096], i, j;
    ngx_uint_t         k, comments;
    sse_result_t       r;
    const sse_case_t  *c;

    for (k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        c = &cases[k];
        len = c->len ? c->len : strlen(c->stream);
        want = c->len ? 4 : strlen(c->events);

        for (comments = 0; comments < 2; comments++) {
            unit_case("sse %d: %s", (int) k, c->stream);

            ends[0] = len;
            replay(&r, c->stream, ends, 1, comments);
            CHECKF(check_result(&r, c, len, want), "whole: %.*s",
                   (int) r.nevents, (char *) r.events);

            for (i = 0; i < len; i++) {
                ends[i] = i + 1;
            }

            replay(&r, c->stream, ends, len, comments);
            CHECKF(check_result(&r, c, len, want), "bytes: %.*s",
                   (int) r.nevents, (char *) r.events);

            for (i = 0; i <= len; i++) {
                unit_case("sse %d at %d: %s", (int) k, (int) i, c->stream);

                ends[0] = i;
                ends[1] = len;
                replay(&r, c->stream, ends, 2, comments);
                CHECKF(check_result(&r, c, len, want), "%.*s",
                       (int) r.nevents, (char *) r.events);

                for (j = i; j <= len && len <= PAIRS; j++) {
                    ends[1] = j;
                    ends[2] = len;
                    replay(&r, c->stream, ends, 3, comments);
                    CHECKF(check_result(&r, c, len, want), "and %d: %.*s",
                           (int) j, (int) r.nevents, (char *) r.events);
                }
            }
        }
    }
}


static void
test_in_place(void)
{
    u_char                   *pos, *last, *p;
    ngx_str_t                 s;
    ngx_litellm_sse_t         sse;
    ngx_litellm_sse_event_t   ev;

    unit_case("in place");

    ngx_memzero(&sse, sizeof(ngx_litellm_sse_t));
    sse.pool = unit_pool;

    s = unit_str(": hi\n\ndata: one\n\nevent: e\r\ndata: two\r\n\r\ndata: th");
    pos = s.data;
    last = s.data + s.len;

    CHECK_INT(ngx_litellm_sse_next(&sse, &pos, last, &ev), NGX_OK);
    CHECK(ev.data.data == s.data + 12 && ev.data.len == 3);
    CHECK(ev.raw.data == s.data && ev.raw.len == 17);
    CHECK(pos == s.data + 17);
    CHECK_INT(sse.held_alloc, 0);

    p = pos;
    CHECK_INT(ngx_litellm_sse_next(&sse, &pos, last, &ev), NGX_OK);
    CHECK(ev.raw.data == p && ev.raw.len == 23);
    CHECK_STR(&ev.name, "e");
    CHECK_STR(&ev.data, "two");
    CHECK_INT(sse.held_alloc, 0);

    CHECK_INT(ngx_litellm_sse_next(&sse, &pos, last, &ev), NGX_AGAIN);
    CHECK(pos == last);
    CHECK_STR(&sse.held, "data: th");
    CHECK(ev.data.data == NULL && ev.raw.len == 0);

    s = unit_str("ree\n\ndata: four\n\n");
    pos = s.data;
    last = s.data + s.len;

    CHECK_INT(ngx_litellm_sse_next(&sse, &pos, last, &ev), NGX_OK);
    CHECK_INT(ev.raw.len, 0);
    CHECK_STR(&ev.data, "three");
    CHECK_STR(&sse.held, "data: three\n\n");
    CHECK_STR(ngx_litellm_sse_raw(&sse, &ev), "data: three\n\n");
    CHECK(pos == s.data + 5);

    CHECK_INT(ngx_litellm_sse_next(&sse, &pos, last, &ev), NGX_OK);
    CHECK_STR(ngx_litellm_sse_raw(&sse, &ev), "data: four\n\n");
    CHECK(ev.raw.data == s.data + 5);
    CHECK_INT(ngx_litellm_sse_next(&sse, &pos, last, &ev), NGX_AGAIN);
    CHECK_INT(ngx_litellm_sse_last(&sse, &ev), NGX_DONE);
}


static void
test_comments(void)
{
    u_char                   *pos, *last;
    ngx_str_t                 s;
    ngx_litellm_sse_t         sse;
    ngx_litellm_sse_event_t   ev;

    unit_case("comments");

    ngx_memzero(&sse, sizeof(ngx_litellm_sse_t));
    sse.pool = unit_pool;
    sse.comments = 1;

    s = unit_str(": a\n\ndata: x\n\n: b\n\n\n: c\n\ndat");
    pos = s.data;
    last = s.data + s.len;

    CHECK_INT(ngx_litellm_sse_next(&sse, &pos, last, &ev), NGX_OK);
    CHECK_STR(&ev.raw, ": a\n\ndata: x\n\n");

    CHECK_INT(ngx_litellm_sse_next(&sse, &pos, last, &ev), NGX_OK);
    CHECK(ev.data.data == NULL);
    CHECK_STR(&ev.raw, ": b\n\n\n: c\n\n");

    CHECK_INT(ngx_litellm_sse_next(&sse, &pos, last, &ev), NGX_AGAIN);
    CHECK_STR(&sse.held, "dat");

    s = unit_str("um\n\n: d\n\n");
    pos = s.data;
    last = s.data + s.len;

    CHECK_INT(ngx_litellm_sse_next(&sse, &pos, last, &ev), NGX_OK);
    CHECK(ev.data.data == NULL);
    CHECK_STR(ngx_litellm_sse_raw(&sse, &ev), "datum\n\n");

    CHECK_INT(ngx_litellm_sse_next(&sse, &pos, last, &ev), NGX_OK);
    CHECK(ev.data.data == NULL);
    CHECK_STR(ngx_litellm_sse_raw(&sse, &ev), ": d\n\n");

    CHECK_INT(ngx_litellm_sse_next(&sse, &pos, last, &ev), NGX_AGAIN);
}


static void
test_bounds(void)
{
    u_char                   *pos, *last, *big;
    size_t                    len, step, n;
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_litellm_sse_t         sse;
    ngx_litellm_sse_event_t   ev;

    /* an event of exactly the bound, and one byte more */

    for (step = 1; step <= 8192; step *= 2) {
        for (len = 4999; len <= 5001; len++) {
            unit_case("bound, %d bytes by %d", (int) len, (int) step);

            big = ngx_palloc(unit_pool, len);
            memset(big, 'x', len);
            memcpy(big, "data: ", 6);
            memcpy(big + len - 2, "\n\n", 2);

            ngx_memzero(&sse, sizeof(ngx_litellm_sse_t));
            sse.pool = unit_pool;
            sse.max = 5000;
            rc = NGX_AGAIN;

            for (n = 0; n < len && rc == NGX_AGAIN; n += step) {
                pos = big + n;
                last = big + ngx_min(n + step, len);
                rc = ngx_litellm_sse_next(&sse, &pos, last, &ev);
            }

            CHECK_INT(rc, len <= 5000 ? NGX_OK : NGX_DECLINED);
            CHECK(sse.held_alloc <= 2 * 5000);
        }
    }

    /* comments without an end take no memory without an end */

    for (step = 1; step <= 64; step += 7) {
        unit_case("comments by %d", (int) step);

        ngx_memzero(&sse, sizeof(ngx_litellm_sse_t));
        sse.pool = unit_pool;
        sse.max = 5000;

        big = ngx_palloc(unit_pool, 60000);

        for (i = 0; i < 10000; i++) {
            memcpy(big + i * 6, ": c\r\n\n", 6);
        }

        memcpy(big + 60000 - 9, "\ndata: x\n", 9);

        for (n = 0; n < 60000; n += step) {
            pos = big + n;
            last = big + ngx_min(n + step, 60000);
            CHECK_INT(ngx_litellm_sse_next(&sse, &pos, last, &ev), NGX_AGAIN);
        }

        CHECK(sse.held_alloc <= 2 * 5000);

        pos = (u_char *) "\n";
        last = pos + 1;
        CHECK_INT(ngx_litellm_sse_next(&sse, &pos, last, &ev), NGX_OK);
        CHECK_STR(&ev.data, "x");
    }

    /* much memory is given back */

    unit_case("memory");

    ngx_memzero(&sse, sizeof(ngx_litellm_sse_t));
    sse.pool = unit_pool;

    big = ngx_palloc(unit_pool, 200000);
    memset(big, 'x', 200000);
    memcpy(big, "data: a\ndata: ", 14);

    pos = big;
    CHECK_INT(ngx_litellm_sse_next(&sse, &pos, big + 200000, &ev), NGX_AGAIN);

    pos = (u_char *) "\n\ndata: b\n\n";
    last = pos + 11;
    CHECK_INT(ngx_litellm_sse_next(&sse, &pos, last, &ev), NGX_OK);
    CHECK_INT(ev.data.len, 200000 - 14 + 2);
    CHECK_INT(ngx_litellm_sse_next(&sse, &pos, last, &ev), NGX_OK);
    CHECK_STR(&ev.data, "b");
    CHECK_INT(sse.held_alloc + sse.joined_alloc, 0);
}


static void
test_eol(void)
{
    u_char      *text;
    size_t       len, at;
    ngx_uint_t   bad;

    unit_case("ends of lines");
    bad = 0;

    for (len = 0; len <= 200; len++) {
        text = malloc(len ? len : 1);

        for (at = 0; at <= len; at++) {
            memset(text, "a\x0b\x8d\x8a"[len % 4], len);

            if (at < len) {
                text[at] = (at & 1) ? '\n' : '\r';
            }

            if (at + 1 < len) {
                text[len - 1] = '\n';
            }

            bad += ngx_litellm_scan_eol(text, text + len) != text + at;
        }

        free(text);
    }

    CHECK_INT(bad, 0);
}


/* keys of one letter in all places, among quotes that are none */

static void
test_quoted(void)
{
    u_char      *text, *found, *p;
    size_t       len, at;
    ngx_uint_t   bad, n;

    static const char *const  fills[] = { "a", "\"", "u", "\"\"f", "\"g\"t" };

    unit_case("quoted keys");
    bad = 0;

    for (len = 0; len <= 200; len++) {
        for (at = 0; at <= len; at++) {
            for (n = 0; n < 5; n++) {

                text = malloc(len ? len : 1);

                for (p = text; p < text + len; p++) {
                    *p = fills[n][(p - text) % strlen(fills[n])];
                }

                if (at + 1 < len) {
                    text[at] = '"';
                    text[at + 1] = "uefUEFa"[at % 7];
                }

                for (p = text; p + 1 < text + len; p++) {
                    if (*p == '"' && (p[1] == 'u' || p[1] == 'e'
                                      || p[1] == 'f'))
                    {
                        break;
                    }
                }

                if (p + 1 >= text + len) {
                    p = text + len;
                }

                found = ngx_litellm_scan_quoted(text, text + len);
                bad += found != p;

                free(text);
            }
        }
    }

    CHECK_INT(bad, 0);
}


void
unit_main(void)
{
    ngx_uint_t  engine;

    test_bounds();

    for (engine = 0; ngx_litellm_scan_use(engine) == NGX_OK; engine++) {
        test_cases();
        test_in_place();
        test_comments();
        test_eol();
        test_quoted();
    }
}
