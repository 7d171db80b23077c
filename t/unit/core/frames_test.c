
/*
 * The decoders of lines and of AWS's event stream.  Each case is replayed
 * whole, byte by byte, and split at every pair of places: the same events.
 * Every single bit of a message turned must be noticed.
 */

#include "unit.h"

#include <ngx_crc32.h>
#include "ngx_litellm_frames.h"


#define PAIRS  160      /* bytes of a stream up to which pairs are tried */


typedef ngx_int_t (*next_pt)(ngx_litellm_frames_t *f, u_char **pos,
    u_char *last, ngx_litellm_sse_event_t *ev);
typedef ngx_int_t (*last_pt)(ngx_litellm_frames_t *f,
    ngx_litellm_sse_event_t *ev);


typedef struct {
    u_char     events[8192];    /* "name=data|", of an exception
                                   "!name(message)=data|" */
    size_t     nevents;
    ngx_int_t  rc;              /* of the last call */
    unsigned   broken:1;
} result_t;


typedef struct {
    const char  *stream;
    const char  *events;
} lines_case_t;


static const lines_case_t  lines[] = {
    { "", "" },
    { "\n", "" },
    { "\r\n\n\r\n", "" },
    { "{}\n", "={}|" },
    { "{}\r\n", "={}|" },
    { "{}", "={}|" },
    { "{}\r", "={}|" },
    { "\r", "" },
    { "{\"a\":1}\n{\"a\":2}\n", "={\"a\":1}|={\"a\":2}|" },
    { "{\"a\":1}\n\n\n{\"a\":2}", "={\"a\":1}|={\"a\":2}|" },
    { "a\rb\r\n", "=a\rb|" },
    { " \n", "= |" },
    { "x\n\r\ny\n\r", "=x|=y|" },
};


static void
put(result_t *r, const void *p, size_t len)
{
    if (CHECK(r->nevents + len <= sizeof(r->events))) {
        memcpy(r->events + r->nevents, p, len);
        r->nevents += len;
    }
}


static void
add_event(result_t *r, ngx_litellm_frames_t *f, ngx_litellm_sse_event_t *ev)
{
    CHECK(ev->raw.len == 0);

    if (f->exception) {
        put(r, "!", 1);
    }

    put(r, ev->name.data, ev->name.len);

    if (f->exception) {
        put(r, "(", 1);
        put(r, f->message.data, f->message.len);
        put(r, ")", 1);
    }

    put(r, "=", 1);
    put(r, ev->data.data, ev->data.len);
    put(r, "|", 1);
}


/* pieces are copies of exact size and are gone when the next one comes */

static void
replay(result_t *r, next_pt next, last_pt end, size_t max, const void *text,
    const size_t *ends, ngx_uint_t n)
{
    u_char                   *piece, *pos, *last;
    size_t                    from;
    ngx_uint_t                i;
    ngx_litellm_frames_t      f;
    ngx_litellm_sse_event_t   ev;

    ngx_memzero(&f, sizeof(ngx_litellm_frames_t));
    f.pool = unit_pool;
    f.max = max;

    r->nevents = 0;
    from = 0;

    for (i = 0; i < n; i++) {
        piece = malloc(ends[i] - from ? ends[i] - from : 1);
        memcpy(piece, (u_char *) text + from, ends[i] - from);

        pos = piece;
        last = piece + (ends[i] - from);
        from = ends[i];

        while ((r->rc = next(&f, &pos, last, &ev)) == NGX_OK) {
            add_event(r, &f, &ev);
        }

        if (r->rc == NGX_AGAIN) {
            CHECK(pos == last);
        }

        free(piece);

        if (r->rc != NGX_AGAIN) {
            break;
        }
    }

    if (r->rc == NGX_AGAIN) {
        r->rc = end(&f, &ev);

        if (r->rc == NGX_OK) {
            add_event(r, &f, &ev);
            r->rc = end(&f, &ev);
        }
    }

    r->broken = f.broken;

    if (f.held.data) {
        ngx_pfree(unit_pool, f.held.data);
    }
}


static void
replay_all(next_pt next, last_pt end, size_t max, const void *text, size_t len,
    const char *want, ngx_int_t rc, const char *what)
{
    size_t    ends[4096], i, j;
    result_t  r;

#define MATCH()                                                               \
    CHECKF(r.rc == rc && r.nevents == strlen(want)                            \
           && memcmp(r.events, want, r.nevents) == 0,                         \
           "rc %d \"%.*s\"", (int) r.rc, (int) r.nevents, (char *) r.events)

    unit_case("%s, whole", what);
    ends[0] = len;
    replay(&r, next, end, max, text, ends, 1);
    MATCH();

    unit_case("%s, bytes", what);

    for (i = 0; i < len; i++) {
        ends[i] = i + 1;
    }

    replay(&r, next, end, max, text, ends, len);

    if (len) {
        MATCH();
    }

    for (i = 0; i <= len; i++) {
        unit_case("%s at %d", what, (int) i);

        for (j = i; j <= len; j++) {
            ends[0] = i;
            ends[1] = j;
            ends[2] = len;
            replay(&r, next, end, max, text, ends, 3);
            MATCH();

            if (len > PAIRS) {
                break;
            }
        }
    }
}


static void
test_lines(void)
{
    size_t      ends[2];
    u_char      text[200];
    result_t    r;
    ngx_uint_t  i;

    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        replay_all(ngx_litellm_lines_next, ngx_litellm_lines_last, 1000,
                   lines[i].stream, strlen(lines[i].stream), lines[i].events,
                   NGX_DONE, lines[i].stream);
    }

    /* the bound: a line of max bytes is taken, one more is not */

    memset(text, 'x', sizeof(text));

    for (i = 0; i < 100; i++) {
        unit_case("bound at %d", (int) i);

        ends[0] = i;
        ends[1] = 101;

        text[100] = '\n';
        replay(&r, ngx_litellm_lines_next, ngx_litellm_lines_last, 100, text,
               ends, 2);
        CHECK_INT(r.rc, NGX_DONE);
        CHECK_INT(r.nevents, 102);

        text[100] = 'x';
        replay(&r, ngx_litellm_lines_next, ngx_litellm_lines_last, 100, text,
               ends, 2);
        CHECK_INT(r.rc, NGX_DECLINED);
        CHECK_INT(r.nevents, 0);
        CHECK(!r.broken);
    }
}


/* writes messages into a text */

typedef struct {
    u_char  text[4096];
    size_t  len;
    size_t  headers;
} aws_t;


static void
put_u32(u_char *p, uint32_t n)
{
    p[0] = (u_char) (n >> 24);
    p[1] = (u_char) (n >> 16);
    p[2] = (u_char) (n >> 8);
    p[3] = (u_char) n;
}


static void
aws_bytes(aws_t *a, const char *name, u_char type, const void *value,
    size_t len)
{
    size_t   n;
    u_char  *p;

    n = strlen(name);
    p = a->text + 12 + a->headers;

    *p++ = (u_char) n;
    p = ngx_cpymem(p, name, n);
    *p++ = type;
    p = ngx_cpymem(p, value, len);

    a->headers = p - a->text - 12;
}


static void
aws_header(aws_t *a, const char *name, const char *value)
{
    u_char  text[300];
    size_t  n;

    n = strlen(value);

    text[0] = (u_char) (n >> 8);
    text[1] = (u_char) n;
    memcpy(text + 2, value, n);

    aws_bytes(a, name, 7, text, n + 2);
}


static void
aws_sums(aws_t *a)
{
    put_u32(a->text + 8, ngx_crc32_long(a->text, 8));
    put_u32(a->text + a->len - 4, ngx_crc32_long(a->text, a->len - 4));
}


static void
aws_end(aws_t *a, const char *payload)
{
    size_t  n;

    n = strlen(payload);

    a->len = 12 + a->headers + n + 4;

    put_u32(a->text, (uint32_t) a->len);
    put_u32(a->text + 4, (uint32_t) a->headers);
    memcpy(a->text + 12 + a->headers, payload, n);

    aws_sums(a);
}


static void
aws_event(aws_t *a, const char *name, const char *payload)
{
    a->headers = 0;
    aws_header(a, ":event-type", name);
    aws_header(a, ":content-type", "application/json");
    aws_header(a, ":message-type", "event");
    aws_end(a, payload);
}


static void
aws_all(aws_t *a, const char *want, ngx_int_t rc, const char *what)
{
    replay_all(ngx_litellm_aws_next, ngx_litellm_aws_last, 4000, a->text,
               a->len, want, rc, what);
}


static void
aws_whole(aws_t *a, ngx_int_t rc, ngx_uint_t broken, const char *what)
{
    result_t  r;

    unit_case("%s", what);
    replay(&r, ngx_litellm_aws_next, ngx_litellm_aws_last, 4000, a->text,
           &a->len, 1);
    CHECK_INT(r.rc, rc);
    CHECK_INT(r.broken, broken);
}


/* messages as AWS's own test suite of the encoding has them */

static void
test_published(void)
{
    static const u_char  empty[] =
        "\x00\x00\x00\x10\x00\x00\x00\x00\x05\xc2\x48\xeb\x7d\x98\xc8\xff";
    static const u_char  plain[] =
        "\x00\x00\x00\x1d\x00\x00\x00\x00\xfd\x52\x8c\x5a"
        "{'foo':'bar'}\xc3\x65\x39\x36";

    replay_all(ngx_litellm_aws_next, ngx_litellm_aws_last, 0, empty, 16, "=|",
               NGX_DONE, "published, empty");
    replay_all(ngx_litellm_aws_next, ngx_litellm_aws_last, 0, plain, 29,
               "={'foo':'bar'}|", NGX_DONE, "published, payload");
}


static void
test_aws(void)
{
    aws_t  a, b;

    aws_event(&a, "messageStart", "{\"role\":\"assistant\"}");
    aws_all(&a, "messageStart={\"role\":\"assistant\"}|", NGX_DONE, "event");

    aws_event(&b, "messageStop", "{}");
    memcpy(a.text + a.len, b.text, b.len);
    a.len += b.len;
    aws_all(&a, "messageStart={\"role\":\"assistant\"}|messageStop={}|",
            NGX_DONE, "two events");

    a.headers = 0;
    aws_header(&a, ":exception-type", "throttlingException");
    aws_header(&a, ":message-type", "exception");
    aws_end(&a, "{\"message\":\"slow\"}");
    aws_all(&a, "!throttlingException()={\"message\":\"slow\"}|", NGX_DONE,
            "exception");

    a.headers = 0;
    aws_header(&a, ":message-type", "error");
    aws_header(&a, ":error-code", "InternalError");
    aws_header(&a, ":error-message", "it broke");
    aws_end(&a, "");
    aws_all(&a, "!InternalError(it broke)=|", NGX_DONE, "error");

    /* the flag is of one event */

    aws_event(&b, "x", "y");
    memcpy(a.text + a.len, b.text, b.len);
    a.len += b.len;
    aws_all(&a, "!InternalError(it broke)=|x=y|", NGX_DONE, "event behind");

    /* a value of each type */

    a.headers = 0;
    aws_bytes(&a, "a", 0, "", 0);
    aws_bytes(&a, "b", 1, "", 0);
    aws_bytes(&a, "c", 2, "1", 1);
    aws_bytes(&a, "d", 3, "12", 2);
    aws_bytes(&a, "e", 4, "1234", 4);
    aws_bytes(&a, "f", 5, "12345678", 8);
    aws_bytes(&a, "g", 6, "\0\3abc", 5);
    aws_bytes(&a, "h", 8, "12345678", 8);
    aws_bytes(&a, "i", 9, "1234567890123456", 16);
    aws_bytes(&a, "", 7, "\0\0", 2);
    aws_header(&a, ":event-type", "all");
    aws_end(&a, "p");
    aws_all(&a, "all=p|", NGX_DONE, "types");

    /* a name that is no text */

    a.headers = 0;
    aws_bytes(&a, ":event-type", 6, "\0\3abc", 5);
    aws_end(&a, "p");
    aws_all(&a, "=p|", NGX_DONE, "name of bytes");
}


static void
test_aws_broken(void)
{
    aws_t     a, good;
    size_t    i, ends[2];
    result_t  r;

    aws_event(&good, "e", "{\"a\":1}");

    for (i = 0; i < good.len * 8; i++) {
        a = good;
        a.text[i / 8] ^= (u_char) (1 << (i % 8));
        aws_whole(&a, NGX_DECLINED, 1, "a bit turned");
    }

    /* it ends within a message, whatever was split before */

    for (i = 1; i < good.len; i++) {
        unit_case("cut at %d", (int) i);

        ends[0] = i / 2;
        ends[1] = i;
        replay(&r, ngx_litellm_aws_next, ngx_litellm_aws_last, 4000,
               good.text, ends, 2);
        CHECK_INT(r.rc, NGX_DECLINED);
        CHECK_INT(r.nevents, 0);
    }

    /* lengths that can't be, with right sums */

    a = good;
    put_u32(a.text, 15);
    aws_sums(&a);
    aws_whole(&a, NGX_DECLINED, 1, "too short for its sums");

    a = good;
    put_u32(a.text + 4, (uint32_t) a.len - 15);
    aws_sums(&a);
    aws_whole(&a, NGX_DECLINED, 1, "headers beyond the end");

    a = good;
    put_u32(a.text + 4, 0xffffffff);
    aws_sums(&a);
    aws_whole(&a, NGX_DECLINED, 1, "headers of 4 GB");

    a = good;
    put_u32(a.text, 4001);
    aws_sums(&a);
    aws_whole(&a, NGX_DECLINED, 0, "over the bound");

    a = good;
    put_u32(a.text, 4000);
    aws_sums(&a);
    aws_whole(&a, NGX_DECLINED, 1, "within the bound, but cut");

    /* headers that run out of their place */

    for (i = 1; i < good.headers; i++) {
        unit_case("headers cut to %d", (int) i);

        a = good;
        put_u32(a.text + 4, (uint32_t) i);
        aws_sums(&a);
        replay(&r, ngx_litellm_aws_next, ngx_litellm_aws_last, 4000, a.text,
               &a.len, 1);

        if (r.rc == NGX_DONE) {
            CHECKF(i == 16 || i == 49, "header ends at %d", (int) i);

        } else {
            CHECK(r.broken);
        }
    }

    a.headers = 0;
    aws_bytes(&a, "x", 10, "123456789", 9);
    aws_end(&a, "");
    aws_whole(&a, NGX_DECLINED, 1, "unknown type");
}


void
unit_main(void)
{
    test_lines();
    test_published();
    test_aws();
    test_aws_broken();
}
