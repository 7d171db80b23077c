
/*
 * Decoders of streams that are not server-sent events: lines of JSON, and the
 * messages of application/vnd.amazon.eventstream (AWS's "event stream
 * encoding": big-endian lengths, CRC-32 of IEEE 802.3).  Callers: the stream
 * code of http/, once for each piece that an upstream sent.
 *
 * An event that lies whole in a piece is given in place; the bytes of one that
 * does not are gathered in f->held.  No byte is copied more often than the
 * memory grows, which doubles; nothing is taken on a length's word before that
 * length's CRC was right.  f->given: held is an event that the user has, to be
 * cleared by the next call.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_crc32.h>
#include "ngx_litellm_frames.h"


#define NGX_LITELLM_FRAMES_MAX   (1024 * 1024)
#define NGX_LITELLM_FRAMES_KEEP  16384      /* memory kept between events */

/* total length, headers' length, CRC of both; the message's CRC */
#define NGX_LITELLM_AWS_PRELUDE  12
#define NGX_LITELLM_AWS_CRC      4


static ngx_int_t ngx_litellm_lines_event(u_char *p, u_char *last,
    ngx_litellm_sse_event_t *ev);
static ngx_int_t ngx_litellm_aws_prelude(ngx_litellm_frames_t *f, u_char *p,
    size_t *total);
static ngx_int_t ngx_litellm_aws_message(ngx_litellm_frames_t *f, u_char *p,
    size_t total, ngx_litellm_sse_event_t *ev);
static ngx_int_t ngx_litellm_aws_headers(ngx_litellm_frames_t *f, u_char *p,
    u_char *last, ngx_litellm_sse_event_t *ev);
static size_t ngx_litellm_aws_value(u_char *p, u_char *last, ngx_str_t *text);
static ngx_int_t ngx_litellm_aws_broken(ngx_litellm_frames_t *f);
static uint32_t ngx_litellm_aws_u32(u_char *p);
static void ngx_litellm_frames_start(ngx_litellm_frames_t *f,
    ngx_litellm_sse_event_t *ev);
static ngx_int_t ngx_litellm_frames_hold(ngx_litellm_frames_t *f, u_char *p,
    size_t len);


ngx_int_t
ngx_litellm_lines_next(ngx_litellm_frames_t *f, u_char **pos, u_char *last,
    ngx_litellm_sse_event_t *ev)
{
    u_char  *p, *e;
    size_t   n;

    ngx_litellm_frames_start(f, ev);

    while (*pos < last) {
        p = *pos;
        e = memchr(p, LF, last - p);
        n = (e ? e : last) - p;

        if (n > f->max - f->held.len) {
            return NGX_DECLINED;
        }

        if (e == NULL || f->held.len) {
            if (ngx_litellm_frames_hold(f, p, n) != NGX_OK) {
                return NGX_ERROR;
            }
        }

        if (e == NULL) {
            *pos = last;
            break;
        }

        *pos = e + 1;

        if (f->held.len == 0) {
            if (ngx_litellm_lines_event(p, e, ev) == NGX_OK) {
                return NGX_OK;
            }

            continue;
        }

        if (ngx_litellm_lines_event(f->held.data, f->held.data + f->held.len,
                                    ev)
            == NGX_OK)
        {
            f->given = 1;
            return NGX_OK;
        }

        f->held.len = 0;
    }

    return NGX_AGAIN;
}


ngx_int_t
ngx_litellm_lines_last(ngx_litellm_frames_t *f, ngx_litellm_sse_event_t *ev)
{
    ngx_litellm_frames_start(f, ev);

    if (f->held.len == 0) {
        return NGX_DONE;
    }

    f->given = 1;

    return ngx_litellm_lines_event(f->held.data, f->held.data + f->held.len,
                                   ev);
}


/* NGX_DONE: nothing is on the line */

static ngx_int_t
ngx_litellm_lines_event(u_char *p, u_char *last, ngx_litellm_sse_event_t *ev)
{
    if (last > p && last[-1] == CR) {
        last--;
    }

    if (p == last) {
        return NGX_DONE;
    }

    ev->data.data = p;
    ev->data.len = last - p;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_aws_next(ngx_litellm_frames_t *f, u_char **pos, u_char *last,
    ngx_litellm_sse_event_t *ev)
{
    u_char     *p;
    size_t      n, wanted;
    ngx_int_t   rc;

    ngx_litellm_frames_start(f, ev);

    if (f->held.len == 0) {
        p = *pos;
        n = last - p;

        if (n >= NGX_LITELLM_AWS_PRELUDE) {
            rc = ngx_litellm_aws_prelude(f, p, &wanted);
            if (rc != NGX_OK) {
                return rc;
            }

            if (n >= wanted) {
                *pos = p + wanted;
                return ngx_litellm_aws_message(f, p, wanted, ev);
            }
        }
    }

    while (*pos < last) {
        wanted = NGX_LITELLM_AWS_PRELUDE;

        if (f->held.len >= NGX_LITELLM_AWS_PRELUDE) {
            rc = ngx_litellm_aws_prelude(f, f->held.data, &wanted);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        n = ngx_min((size_t) (last - *pos), wanted - f->held.len);

        if (ngx_litellm_frames_hold(f, *pos, n) != NGX_OK) {
            return NGX_ERROR;
        }

        *pos += n;

        if (wanted > NGX_LITELLM_AWS_PRELUDE && f->held.len == wanted) {
            f->given = 1;
            return ngx_litellm_aws_message(f, f->held.data, wanted, ev);
        }
    }

    return NGX_AGAIN;
}


ngx_int_t
ngx_litellm_aws_last(ngx_litellm_frames_t *f, ngx_litellm_sse_event_t *ev)
{
    ngx_litellm_frames_start(f, ev);

    return f->held.len ? ngx_litellm_aws_broken(f) : NGX_DONE;
}


static ngx_int_t
ngx_litellm_aws_prelude(ngx_litellm_frames_t *f, u_char *p, size_t *total)
{
    size_t  n, headers;

    if (ngx_crc32_long(p, 8) != ngx_litellm_aws_u32(p + 8)) {
        return ngx_litellm_aws_broken(f);
    }

    n = ngx_litellm_aws_u32(p);
    headers = ngx_litellm_aws_u32(p + 4);

    if (n < NGX_LITELLM_AWS_PRELUDE + NGX_LITELLM_AWS_CRC
        || headers > n - NGX_LITELLM_AWS_PRELUDE - NGX_LITELLM_AWS_CRC)
    {
        return ngx_litellm_aws_broken(f);
    }

    if (n > f->max) {
        return NGX_DECLINED;
    }

    *total = n;

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_aws_message(ngx_litellm_frames_t *f, u_char *p, size_t total,
    ngx_litellm_sse_event_t *ev)
{
    u_char  *last, *payload;

    last = p + total - NGX_LITELLM_AWS_CRC;

    if (ngx_crc32_long(p, last - p) != ngx_litellm_aws_u32(last)) {
        return ngx_litellm_aws_broken(f);
    }

    payload = p + NGX_LITELLM_AWS_PRELUDE + ngx_litellm_aws_u32(p + 4);

    ev->data.data = payload;
    ev->data.len = last - payload;

    return ngx_litellm_aws_headers(f, p + NGX_LITELLM_AWS_PRELUDE, payload,
                                   ev);
}


/*
 * Header: length of its name (1 byte), name, type of its value (1), value.
 * ":message-type" is "event", "exception" (modelled by the service, payload is
 * its document) or "error" (unmodelled, all in headers).
 */

static ngx_int_t
ngx_litellm_aws_headers(ngx_litellm_frames_t *f, u_char *p, u_char *last,
    ngx_litellm_sse_event_t *ev)
{
    size_t     n;
    ngx_str_t  name, value;

    while (p < last) {
        name.len = *p++;

        if ((size_t) (last - p) <= name.len) {
            return ngx_litellm_aws_broken(f);
        }

        name.data = p;
        p += name.len;

        n = ngx_litellm_aws_value(p, last, &value);
        if (n == 0) {
            return ngx_litellm_aws_broken(f);
        }

        p += n;

#define ngx_litellm_aws_is(s)                                                 \
        (name.len == sizeof(s) - 1                                            \
         && ngx_memcmp(name.data, s, sizeof(s) - 1) == 0)

        if (ngx_litellm_aws_is(":message-type")) {
            if (value.len != 5 || ngx_memcmp(value.data, "event", 5) != 0) {
                f->exception = 1;
            }

        } else if (ngx_litellm_aws_is(":event-type")) {
            ev->name = value;

        } else if (ngx_litellm_aws_is(":exception-type")
                   || ngx_litellm_aws_is(":error-code"))
        {
            f->exception = 1;
            ev->name = value;

        } else if (ngx_litellm_aws_is(":error-message")) {
            f->message = value;
        }

#undef ngx_litellm_aws_is
    }

    return NGX_OK;
}


/*
 * Bytes of a value with its type in front, 0: it does not fit, or has no known
 * type.  *text is set for strings, else empty.
 */

static size_t
ngx_litellm_aws_value(u_char *p, u_char *last, ngx_str_t *text)
{
    size_t  n, len;

    /* true, false, byte, short, integer, long, bytes, string, time, UUID */
    static const u_char  size[] = { 0, 0, 1, 2, 4, 8, 2, 2, 8, 16 };

    ngx_str_null(text);

    len = last - p;

    if (*p >= sizeof(size)) {
        return 0;
    }

    n = 1 + size[*p];

    if (n > len) {
        return 0;
    }

    if (*p == 6 || *p == 7) {
        n += (p[1] << 8) | p[2];

        if (n > len) {
            return 0;
        }
    }

    if (*p == 7) {
        text->data = p + 3;
        text->len = n - 3;
    }

    return n;
}


static ngx_int_t
ngx_litellm_aws_broken(ngx_litellm_frames_t *f)
{
    f->broken = 1;

    return NGX_DECLINED;
}


static uint32_t
ngx_litellm_aws_u32(u_char *p)
{
    return ((uint32_t) p[0] << 24) | ((uint32_t) p[1] << 16)
           | ((uint32_t) p[2] << 8) | p[3];
}


static void
ngx_litellm_frames_start(ngx_litellm_frames_t *f, ngx_litellm_sse_event_t *ev)
{
    ngx_memzero(ev, sizeof(ngx_litellm_sse_event_t));

    f->exception = 0;
    ngx_str_null(&f->message);

    if (f->max == 0) {
        f->max = NGX_LITELLM_FRAMES_MAX;
    }

    if (!f->given) {
        return;
    }

    f->given = 0;
    f->held.len = 0;

    if (f->held_alloc > NGX_LITELLM_FRAMES_KEEP) {
        ngx_pfree(f->pool, f->held.data);
        f->held.data = NULL;
        f->held_alloc = 0;
    }
}


static ngx_int_t
ngx_litellm_frames_hold(ngx_litellm_frames_t *f, u_char *p, size_t len)
{
    u_char  *data;
    size_t   size;

    if (f->held.len + len > f->held_alloc) {

        /* never so small that a pool could not free it */

        size = ngx_max(f->held_alloc * 2, NGX_MAX_ALLOC_FROM_POOL + 1);
        size = ngx_max(size, f->held.len + len);

        data = ngx_palloc(f->pool, size);
        if (data == NULL) {
            return NGX_ERROR;
        }

        if (f->held.data) {
            ngx_memcpy(data, f->held.data, f->held.len);
            ngx_pfree(f->pool, f->held.data);
        }

        f->held.data = data;
        f->held_alloc = size;
    }

    ngx_memcpy(f->held.data + f->held.len, p, len);
    f->held.len += len;

    return NGX_OK;
}
