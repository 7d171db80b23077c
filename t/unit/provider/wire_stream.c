
/*
 * Cases of wire data (wire_case.h): streams, translated or looked at as they
 * pass, in pieces of every kind.
 */

#include "wire_case.h"

#include <ngx_crc32.h>


static void feed_tap(feed_t *f, ngx_str_t *data);
static void feed_event(feed_t *f, ngx_litellm_sse_event_t *ev);
static ngx_int_t feed_next(feed_t *f, u_char **pos, u_char *last,
    ngx_litellm_sse_event_t *ev);
static void feed_piece(feed_t *f, u_char *p, size_t len);
static void feed_last(feed_t *f);
static void feed_facts(feed_t *f);
static ngx_str_t feed(case_t *c, ngx_str_t *bytes, size_t cut,
    ngx_pool_t *pool);
static u_char *case_u32(u_char *p, uint32_t n);
static u_char *case_message_header(u_char *p, const char *name,
    u_char *value, size_t len);
static ngx_str_t case_messages(ngx_str_t *lines);


void
feed_init(feed_t *f, case_t *c, ngx_pool_t *pool)
{
    ngx_memzero(f, sizeof(feed_t));

    f->c = c;
    f->content_at = -1;

    ngx_litellm_out_init(&f->out, pool);
    f->sse.pool = pool;
    f->sse.max = 65536;
    f->frames.pool = pool;
    f->frames.max = 65536;
    f->doc.pool = pool;
    f->stream.call = &c->call;
    f->stream.pool = pool;
    f->stream.doc.pool = pool;
    f->stream.emit = feed_emit;
    f->stream.data = f;
    f->writer.call = &c->call;
    ngx_litellm_usage_init(&f->writer.usage);
    ngx_litellm_usage_init(&f->facts.usage);
}


ngx_int_t
feed_emit(void *feed, ngx_litellm_event_t *ev)
{
    feed_t *f = feed;

    CHECKF(!f->ended, "event %d behind the end", (int) ev->type);

    if (ev->type == NGX_LITELLM_EV_END || ev->type == NGX_LITELLM_EV_ERROR) {
        f->ended = 1;
    }

    if (ev->type == NGX_LITELLM_EV_FINISH) {
        f->finished = 1;
        f->facts.finish = ev->finish;
    }

    if (ev->type == NGX_LITELLM_EV_USAGE) {
        f->facts.usage = *ev->usage;
    }

    if (ev->type == NGX_LITELLM_EV_ERROR) {
        f->facts.failed = 1;
        f->facts.error = *ev->error;
    }

    f->c->format.event(&f->writer, &f->out, ev);

    return NGX_OK;
}


/* an event that passes */

static void
feed_tap(feed_t *f, ngx_str_t *data)
{
    u_char     *copy;
    case_t     *c;
    ngx_int_t   rc;
    ngx_str_t   text;

    c = f->c;

    copy = ngx_alloc(data->len ? data->len : 1, &unit_log);
    ngx_memcpy(copy, data->data, data->len);

    text.data = copy;
    text.len = data->len;

    if (f->reset) {
        f->facts.content = 0;
    }

    ngx_str_null(&f->facts.data);

    rc = c->dialect->tap_event(&c->call, &f->doc, &text, &f->facts);
    CHECK(rc == NGX_OK || rc == NGX_DECLINED);

    if (f->facts.content && f->content_at < 0) {
        f->content_at = f->events;
    }

    if (f->facts.usage_only) {
        f->usage_only |= (ngx_uint_t) 1 << f->events;
    }

    f->events++;

    if (f->facts.failed) {
        f->ended = 1;
        c->format.error(&f->out, &f->facts.error, 1);

    } else if (rc == NGX_OK
               && !(f->facts.usage_only && c->wire.hide_usage))
    {
        ngx_litellm_out_lit(&f->out, "data: ");
        ngx_litellm_out_str(&f->out,
                            f->facts.data.data ? &f->facts.data : &text);
        ngx_litellm_out_lit(&f->out, "\n\n");
    }

    /* what facts hold must not be the event's */

    ngx_memset(copy, '#', text.len);
    ngx_free(copy);
}


static void
feed_event(feed_t *f, ngx_litellm_sse_event_t *ev)
{
    if (f->ended) {

        /* nobody reads on behind the end */

        return;
    }

    if (f->c->wire.pass) {

        if (ev->data.data != NULL) {
            feed_tap(f, &ev->data);
        }

        return;
    }

    f->stream.exception = f->frames.exception;
    f->stream.message = f->frames.message;

    CHECK(f->c->dialect->event(&f->stream, &ev->name, &ev->data) == NGX_OK);
}


static ngx_int_t
feed_next(feed_t *f, u_char **pos, u_char *last, ngx_litellm_sse_event_t *ev)
{
    switch (f->c->dialect->frames) {

    case NGX_LITELLM_FRAMES_LINES:
        return ngx_litellm_lines_next(&f->frames, pos, last, ev);

    case NGX_LITELLM_FRAMES_AWS:
        return ngx_litellm_aws_next(&f->frames, pos, last, ev);

    default:
        return ngx_litellm_sse_next(&f->sse, pos, last, ev);
    }
}


static void
feed_piece(feed_t *f, u_char *p, size_t len)
{
    u_char                   *piece, *pos;
    ngx_int_t                 rc;
    ngx_litellm_sse_event_t   ev;

    /* memory of its exact size, gone when the piece is eaten */

    piece = ngx_alloc(len ? len : 1, &unit_log);
    ngx_memcpy(piece, p, len);
    pos = piece;

    while ((rc = feed_next(f, &pos, piece + len, &ev)) == NGX_OK) {
        feed_event(f, &ev);
    }

    CHECK_INT(rc, NGX_AGAIN);

    ngx_free(piece);
}


/* a stream with a finish that ends is whole, with an end mark or without */

static void
feed_last(feed_t *f)
{
    ngx_int_t                 rc;
    ngx_litellm_event_t       end;
    ngx_litellm_sse_event_t   ev;

    switch (f->c->dialect->frames) {

    case NGX_LITELLM_FRAMES_LINES:
        rc = ngx_litellm_lines_last(&f->frames, &ev);
        break;

    case NGX_LITELLM_FRAMES_AWS:
        rc = ngx_litellm_aws_last(&f->frames, &ev);
        break;

    default:
        rc = ngx_litellm_sse_last(&f->sse, &ev);
    }

    if (rc == NGX_OK) {
        feed_event(f, &ev);
    }

    if (rc != NGX_DECLINED && f->finished && !f->ended) {
        ngx_memzero(&end, sizeof(ngx_litellm_event_t));
        end.type = NGX_LITELLM_EV_END;
        (void) feed_emit(f, &end);
    }
}


static void
feed_facts(feed_t *f)
{
    int64_t              n;
    case_t              *c;
    ngx_uint_t           i, wanted;
    ngx_litellm_json_t  *facts, *v, *list;

    c = f->c;

    case_facts(c, &f->facts);

    if (f->facts.failed) {
        case_error(c, &f->facts.error);
    }

    if (c->wire.pass || c->error != NULL) {
        CHECK_INT(f->facts.failed, c->error != NULL);
    }

    facts = case_option(c, "facts");

    v = ngx_litellm_json_member(facts, "content_at");

    if (v != NULL) {
        CHECK_INT(f->content_at, option_int(facts, "content_at", -2));
    }

    list = ngx_litellm_json_member(facts, "usage_only");

    if (list != NULL) {
        wanted = 0;
        v = list + 1;

        for (i = 0; i < list->count; i++, v = ngx_litellm_json_next(v)) {
            (void) ngx_litellm_json_int(v, &n);
            wanted |= (ngx_uint_t) 1 << n;
        }

        CHECK_INT(f->usage_only, wanted);
    }
}


/* cut: where the stream is cut in two; 0: byte by byte */

static ngx_str_t
feed(case_t *c, ngx_str_t *bytes, size_t cut, ngx_pool_t *pool)
{
    feed_t     f;
    size_t     i;
    ngx_str_t  got;

    c->call.pool = pool;

    feed_init(&f, c, pool);
    f.reset = cut & 1;

    if (cut) {
        feed_piece(&f, bytes->data, cut);
        feed_piece(&f, bytes->data + cut, bytes->len - cut);

    } else {
        for (i = 0; i < bytes->len; i++) {
            feed_piece(&f, bytes->data + i, 1);
        }
    }

    feed_last(&f);
    feed_facts(&f);

    c->call.pool = unit_pool;

    CHECK(!f.out.failed);
    CHECK(ngx_litellm_out_join(&f.out, &got) == NGX_OK);

    return got;
}


void
case_stream(case_t *c)
{
    size_t       cut;
    ngx_str_t    bytes, got;
    ngx_uint_t   same;
    ngx_pool_t  *pool;

    if (case_file(c, "upstream_response.events", &bytes) == NGX_OK) {
        bytes = case_messages(&bytes);

    } else if (case_file(c, "upstream_response.sse", &bytes) != NGX_OK
               && case_file(c, "upstream_response.ndjson", &bytes) != NGX_OK)
    {
        return;
    }

    CHECK(c->call.stream);

    for (cut = 0; cut <= bytes.len; cut++) {
        pool = ngx_create_pool(1024, &unit_log);

        got = feed(c, &bytes, cut, pool);
        same = case_want(c, "client_response.sse", &got);

        ngx_destroy_pool(pool);

        if (!same) {
            CHECKF(0, "cut at %d", (int) cut);
            return;
        }
    }
}


static u_char *
case_u32(u_char *p, uint32_t n)
{
    *p++ = (u_char) (n >> 24);
    *p++ = (u_char) (n >> 16);
    *p++ = (u_char) (n >> 8);
    *p++ = (u_char) n;

    return p;
}


static u_char *
case_message_header(u_char *p, const char *name, u_char *value, size_t len)
{
    *p++ = (u_char) ngx_strlen(name);
    p = ngx_cpymem(p, name, ngx_strlen(name));
    *p++ = 7;
    *p++ = (u_char) (len >> 8);
    *p++ = (u_char) len;

    return ngx_cpymem(p, value, len);
}


/*
 * Messages of AWS's event stream, written as lines: the event's name, a blank
 * and the payload; "!" in front: an exception, "!!": an error, whose text is in
 * a header.
 */

static ngx_str_t
case_messages(ngx_str_t *lines)
{
    u_char      *p, *src, *last, *end, *name, *payload, *start, *headers;
    ngx_str_t    out;
    ngx_uint_t   marks;

    src = lines->data;
    last = src + lines->len;

    p = ngx_palloc(unit_pool, lines->len * 2 + 200 * 100);
    out.data = p;

    for ( /* void */ ; src < last; src = end + 1) {
        end = ngx_strlchr(src, last, '\n');
        end = end ? end : last;

        for (marks = 0; src < end && *src == '!'; marks++) {
            src++;
        }

        name = src;
        payload = ngx_strlchr(src, end, ' ');

        if (!CHECK(payload != NULL)) {
            break;
        }

        start = p;
        p += 12;
        headers = p;

        p = case_message_header(p, marks == 0 ? ":event-type"
                                   : marks == 1 ? ":exception-type"
                                                : ":error-code",
                                name, payload - name);
        payload++;

        p = case_message_header(p, ":message-type",
                                (u_char *) (marks == 0 ? "event"
                                            : marks == 1 ? "exception"
                                                         : "error"),
                                marks == 1 ? 9 : 5);
        if (marks == 2) {
            p = case_message_header(p, ":error-message", payload,
                                    end - payload);
            payload = end;
        }

        (void) case_u32(start + 4, p - headers);

        p = ngx_cpymem(p, payload, end - payload);

        (void) case_u32(start, p + 4 - start);
        (void) case_u32(start + 8, ngx_crc32_long(start, 8));

        p = case_u32(p, ngx_crc32_long(start, p - start));
    }

    out.len = p - out.data;

    return out;
}
