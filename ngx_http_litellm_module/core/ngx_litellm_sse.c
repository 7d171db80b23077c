
/*
 * The decoder of server-sent events (HTML standard, section 9.2.6).  Callers:
 * the stream code of http/, once for each piece that an upstream sent.
 *
 * Two ways.  While nothing is held, lines are looked for in the piece itself;
 * an event that ends there is given in place.  The bytes of one that does not
 * are copied to sse->held; from then on bytes are added to it line by line,
 * until the event ends.  An event of one line, which nearly all are, is found
 * by its ends.  No byte is looked at more than three times.
 *
 * A "block" is what stands between two empty lines.
 */

#include "ngx_litellm_sse.h"
#include "ngx_litellm_scan.h"


#define NGX_LITELLM_SSE_MAX   (1024 * 1024)
#define NGX_LITELLM_SSE_KEEP  16384      /* memory kept between events */

#define NGX_LITELLM_SSE_BOM   "\xef\xbb\xbf"


static ngx_int_t ngx_litellm_sse_line(ngx_litellm_sse_t *sse, u_char **pos,
    u_char *last, ngx_litellm_sse_event_t *ev);
static ngx_int_t ngx_litellm_sse_piece(ngx_litellm_sse_t *sse, u_char **pos,
    u_char *last, ngx_litellm_sse_event_t *ev);
static ngx_int_t ngx_litellm_sse_held(ngx_litellm_sse_t *sse, u_char **pos,
    u_char *last, ngx_litellm_sse_event_t *ev);
static ngx_int_t ngx_litellm_sse_start(ngx_litellm_sse_t *sse, u_char **pos,
    u_char *last);
static ngx_uint_t ngx_litellm_sse_field(u_char *p, u_char *last,
    ngx_litellm_sse_event_t *ev);
static ngx_uint_t ngx_litellm_sse_block(u_char *p, u_char *last,
    ngx_litellm_sse_event_t *ev, u_char *joined);
static ngx_int_t ngx_litellm_sse_join(ngx_litellm_sse_t *sse, u_char *p,
    u_char *last, ngx_litellm_sse_event_t *ev);
static ngx_int_t ngx_litellm_sse_hold(ngx_litellm_sse_t *sse, u_char *p,
    size_t len);
static ngx_int_t ngx_litellm_sse_room(ngx_litellm_sse_t *sse, u_char **data,
    size_t *alloc, size_t used, size_t wanted);
static void ngx_litellm_sse_clear(ngx_litellm_sse_t *sse);


ngx_int_t
ngx_litellm_sse_next(ngx_litellm_sse_t *sse, u_char **pos, u_char *last,
    ngx_litellm_sse_event_t *ev)
{
    ngx_int_t  rc;

    if (sse->held.len == 0 && sse->bom_seen && !sse->cr
        && ngx_litellm_sse_line(sse, pos, last, ev) == NGX_OK)
    {
        return NGX_OK;
    }

    ngx_memzero(ev, sizeof(ngx_litellm_sse_event_t));

    if (sse->max == 0) {
        sse->max = NGX_LITELLM_SSE_MAX;
    }

    if (sse->done) {
        ngx_litellm_sse_clear(sse);
    }

    if (*pos == last) {
        return NGX_AGAIN;
    }

    if (!sse->bom_seen) {
        rc = ngx_litellm_sse_start(sse, pos, last);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (sse->held.len == 0) {
        return ngx_litellm_sse_piece(sse, pos, last, ev);
    }

    return ngx_litellm_sse_held(sse, pos, last, ev);
}


/* "data: ...", LF, LF, whole in the piece; NGX_DECLINED for anything else */

static ngx_int_t
ngx_litellm_sse_line(ngx_litellm_sse_t *sse, u_char **pos, u_char *last,
    ngx_litellm_sse_event_t *ev)
{
    u_char  *p, *e;

    p = *pos;

    if (last - p < 8 || ngx_memcmp(p, "data:", 5) != 0) {
        return NGX_DECLINED;
    }

    e = ngx_litellm_scan_eol(p + 5, last);

    if (last - e < 2 || e[0] != LF || e[1] != LF
        || (size_t) (e + 2 - p) > sse->max)
    {
        return NGX_DECLINED;
    }

    *pos = e + 2;

    ngx_str_null(&ev->name);

    ev->raw.data = p;
    ev->raw.len = e + 2 - p;

    p += (p[5] == ' ') ? 6 : 5;

    ev->data.data = p;
    ev->data.len = e - p;

    return NGX_OK;
}


/*
 * The first bytes of a stream: up to three are held until it is known whether
 * they are a BOM, which is then a block of its own as far as bytes go.
 */

static ngx_int_t
ngx_litellm_sse_start(ngx_litellm_sse_t *sse, u_char **pos, u_char *last)
{
    u_char  *p;
    size_t   n;

    p = *pos;
    n = sse->held.len;

    while (n < 3 && p < last && *p == (u_char) NGX_LITELLM_SSE_BOM[n]) {
        n++;
        p++;
    }

    if (n == 0) {
        sse->bom_seen = 1;
        return NGX_OK;
    }

    if (ngx_litellm_sse_hold(sse, *pos, p - *pos) != NGX_OK) {
        return NGX_ERROR;
    }

    *pos = p;

    if (n < 3 && p == last) {
        return NGX_AGAIN;
    }

    sse->bom_seen = 1;

    if (n == 3) {
        sse->line = 3;
        sse->block = 3;
    }

    return (p == last) ? NGX_AGAIN : NGX_OK;
}


/* nothing is held: an event in the piece itself */

static ngx_int_t
ngx_litellm_sse_piece(ngx_litellm_sse_t *sse, u_char **pos, u_char *last,
    ngx_litellm_sse_event_t *ev)
{
    u_char      *p, *e, *start, *block, *line;
    ngx_uint_t   lines;

    start = *pos;
    p = start;

    if (sse->cr && *p == LF) {
        p++;
    }

    sse->cr = 0;
    block = p;
    lines = 0;

    for ( ;; ) {
        line = p;

        e = ngx_litellm_scan_eol(p, last);
        if (e == last) {
            break;
        }

        p = e + 1;

        if (*e == CR) {
            if (p == last) {
                sse->cr = 1;

            } else if (*p == LF) {
                p++;
            }
        }

        if (e > line) {
            lines += ngx_litellm_sse_field(line, e, ev);
            continue;
        }

        if (lines == 0) {
            ngx_str_null(&ev->name);
            block = p;
            continue;
        }

        if ((size_t) (p - block) > sse->max) {
            return NGX_DECLINED;
        }

        *pos = p;

        ev->raw.data = start;
        ev->raw.len = p - start;

        if (lines > 1) {
            return ngx_litellm_sse_join(sse, block, p, ev);
        }

        return NGX_OK;
    }

    /* no event: what is no part of one may be given, the rest is held */

    ngx_memzero(ev, sizeof(ngx_litellm_sse_event_t));

    if (sse->comments && block > start) {
        if (block < last) {
            sse->cr = 0;
        }

        ev->raw.data = start;
        ev->raw.len = block - start;
        *pos = block;

        return NGX_OK;
    }

    if ((size_t) (last - block) > sse->max) {
        return NGX_DECLINED;
    }

    if ((size_t) (last - start) > sse->max) {
        start = block;
    }

    if (ngx_litellm_sse_hold(sse, start, last - start) != NGX_OK) {
        return NGX_ERROR;
    }

    sse->block = block - start;
    sse->line = line - start;
    sse->data_seen = (lines > 0);

    *pos = last;

    return NGX_AGAIN;
}


/* an event began in an earlier piece */

static ngx_int_t
ngx_litellm_sse_held(ngx_litellm_sse_t *sse, u_char **pos, u_char *last,
    ngx_litellm_sse_event_t *ev)
{
    u_char      *p, *e;
    size_t       n, line, end;
    ngx_int_t    rc;

    p = *pos;
    rc = NGX_OK;

    if (sse->cr && *p == LF) {
        rc = ngx_litellm_sse_hold(sse, p++, 1);

        if (sse->block == sse->line) {
            sse->block = sse->held.len;
        }

        sse->line = sse->held.len;
    }

    sse->cr = 0;

    while (p < last && rc == NGX_OK) {
        e = ngx_litellm_scan_eol(p, last);

        n = e - p + (e < last);

        if (sse->held.len - sse->block + n > sse->max) {
            return NGX_DECLINED;
        }

        if (sse->held.len + n > sse->max) {

            /* only blocks without data can be in front of this one */

            sse->held.len -= sse->block;
            ngx_memmove(sse->held.data, sse->held.data + sse->block,
                        sse->held.len);
            sse->line -= sse->block;
            sse->block = 0;
        }

        rc = ngx_litellm_sse_hold(sse, p, n);
        p += n;

        if (e == last || rc != NGX_OK) {
            break;
        }

        end = sse->held.len - 1;

        if (*e == CR) {
            if (p == last) {
                sse->cr = 1;

            } else if (*p == LF) {
                rc = ngx_litellm_sse_hold(sse, p++, 1);
            }
        }

        line = sse->line;
        sse->line = sse->held.len;

        if (end > line) {
            sse->data_seen |= ngx_litellm_sse_field(sse->held.data + line,
                                                    sse->held.data + end, ev);
            continue;
        }

        if (!sse->data_seen) {
            sse->block = sse->held.len;

            if (!sse->comments) {
                continue;
            }
        }

        *pos = p;
        sse->done = 1;

        ngx_memzero(ev, sizeof(ngx_litellm_sse_event_t));

        return (rc == NGX_OK && sse->data_seen)
               ? ngx_litellm_sse_join(sse, sse->held.data + sse->block,
                                      sse->held.data + sse->held.len, ev)
               : rc;
    }

    *pos = p;

    ngx_memzero(ev, sizeof(ngx_litellm_sse_event_t));

    return (rc == NGX_OK) ? NGX_AGAIN : rc;
}


ngx_int_t
ngx_litellm_sse_last(ngx_litellm_sse_t *sse, ngx_litellm_sse_event_t *ev)
{
    u_char  *p, *last;

    ngx_memzero(ev, sizeof(ngx_litellm_sse_event_t));

    if (sse->done) {
        ngx_litellm_sse_clear(sse);
    }

    if (sse->held.len == 0) {
        return NGX_DONE;
    }

    sse->done = 1;

    p = sse->held.data + sse->block;
    last = sse->held.data + sse->held.len;

    if (ngx_litellm_sse_block(p, last, ev, NULL) == 0) {
        ngx_memzero(ev, sizeof(ngx_litellm_sse_event_t));
        return NGX_DONE;
    }

    return ngx_litellm_sse_join(sse, p, last, ev);
}


/* one line without its end; 1 for a data line, which sets ev->data */

static ngx_uint_t
ngx_litellm_sse_field(u_char *p, u_char *last, ngx_litellm_sse_event_t *ev)
{
    size_t      len;
    ngx_str_t  *value;

    len = last - p;

    if (len >= 4 && p[0] == 'd' && p[1] == 'a' && p[2] == 't' && p[3] == 'a') {
        value = &ev->data;
        p += 4;

    } else if (len >= 5 && ngx_memcmp(p, "event", 5) == 0) {
        value = &ev->name;
        p += 5;

    } else {
        return 0;
    }

    if (p < last) {
        if (*p++ != ':') {
            return 0;
        }

        if (p < last && *p == ' ') {
            p++;
        }
    }

    value->data = p;
    value->len = last - p;

    return value == &ev->data;
}


/*
 * The lines of a block; returns the number of data lines.  With "joined" they
 * are copied there and ev->data is the whole.
 */

static ngx_uint_t
ngx_litellm_sse_block(u_char *p, u_char *last, ngx_litellm_sse_event_t *ev,
    u_char *joined)
{
    u_char      *e, *d;
    ngx_uint_t   lines;

    d = joined;
    lines = 0;

    while (p < last) {
        e = ngx_litellm_scan_eol(p, last);

        if (ngx_litellm_sse_field(p, e, ev)) {
            lines++;

            if (joined) {
                if (lines > 1) {
                    *d++ = LF;
                }

                d = ngx_cpymem(d, ev->data.data, ev->data.len);
            }
        }

        /* between the bytes of a CRLF is an empty line without a meaning */

        p = e + (e < last);
    }

    if (joined) {
        ev->data.data = joined;
        ev->data.len = d - joined;
    }

    return lines;
}


/* a block with data as an event; one data line stays where it is */

static ngx_int_t
ngx_litellm_sse_join(ngx_litellm_sse_t *sse, u_char *p, u_char *last,
    ngx_litellm_sse_event_t *ev)
{
    if (ngx_litellm_sse_block(p, last, ev, NULL) == 1) {
        return NGX_OK;
    }

    if (ngx_litellm_sse_room(sse, &sse->joined, &sse->joined_alloc, 0,
                             last - p)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    (void) ngx_litellm_sse_block(p, last, ev, sse->joined);

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_sse_hold(ngx_litellm_sse_t *sse, u_char *p, size_t len)
{
    if (ngx_litellm_sse_room(sse, &sse->held.data, &sse->held_alloc,
                             sse->held.len, sse->held.len + len)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(sse->held.data + sse->held.len, p, len);
    sse->held.len += len;

    return NGX_OK;
}


/* makes room for "wanted" bytes and keeps the first "used" ones */

static ngx_int_t
ngx_litellm_sse_room(ngx_litellm_sse_t *sse, u_char **data, size_t *alloc,
    size_t used, size_t wanted)
{
    u_char  *p;
    size_t   size;

    if (wanted <= *alloc) {
        return NGX_OK;
    }

    /* never so small that a pool could not free it */

    size = ngx_max(*alloc * 2, NGX_MAX_ALLOC_FROM_POOL + 1);
    size = ngx_max(size, wanted);

    p = ngx_palloc(sse->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (*data) {
        ngx_memcpy(p, *data, used);
        ngx_pfree(sse->pool, *data);
    }

    *data = p;
    *alloc = size;

    return NGX_OK;
}


/* the event that was held is over; large memory is not kept for the next */

static void
ngx_litellm_sse_clear(ngx_litellm_sse_t *sse)
{
    sse->held.len = 0;
    sse->block = 0;
    sse->line = 0;
    sse->data_seen = 0;
    sse->done = 0;

    if (sse->held_alloc > NGX_LITELLM_SSE_KEEP) {
        ngx_pfree(sse->pool, sse->held.data);
        sse->held.data = NULL;
        sse->held_alloc = 0;
    }

    if (sse->joined_alloc > NGX_LITELLM_SSE_KEEP) {
        ngx_pfree(sse->pool, sse->joined);
        sse->joined = NULL;
        sse->joined_alloc = 0;
    }
}
