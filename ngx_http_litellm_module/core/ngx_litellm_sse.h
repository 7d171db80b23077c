
/*
 * Server-sent events, as the HTML standard reads them: CR, LF and CRLF end a
 * line, several data lines are joined by LF, a leading BOM and comments are
 * nothing, fields may have one space behind the colon, an event ends with an
 * empty line.  Resumable at every byte; an event that lies whole in one piece
 * with one data line is not copied.
 *
 * Passing a stream on.  Every byte taken belongs to exactly one event's bytes,
 * in order: all of them written one after another are the stream.  An event's
 * bytes are
 *
 *     ev.raw             in place, if it lies whole in the piece;
 *     sse->held          else (ev.raw.len is 0): a copy of the decoder's, valid
 *                        until the next call.
 *
 * ngx_litellm_sse_raw() gives the right one.  The bytes of what came before an
 * event and is none (comments, blank lines, blocks without data) are the first
 * ones of that event's.  With a CR as the last byte of an event at the end of a
 * piece the event is given at once; an LF that follows it is the first byte of
 * the next one's.  What is left when the stream ends is in held, see
 * ngx_litellm_sse_last().
 *
 * A stream may rest for minutes behind a comment (keep-alive).  Who has to
 * pass comments on in time sets sse->comments: then such bytes are given as an
 * event with data.data NULL if the piece ends behind them.
 */

#ifndef _NGX_LITELLM_SSE_H_INCLUDED_
#define _NGX_LITELLM_SSE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    ngx_str_t      name;      /* "event:"; empty without */
    ngx_str_t      data;      /* data.data is NULL: no event, see comments */
    ngx_str_t      raw;       /* see above */
} ngx_litellm_sse_event_t;


/* all zero but for pool, max and comments before the first call */

typedef struct {
    ngx_pool_t    *pool;
    size_t         max;       /* bound of one event's bytes, the empty line
                                 included; 0: 1 MB */

    /* the rest is the decoder's */
    ngx_str_t      held;      /* bytes of an event that came in earlier pieces;
                                 completed, when the event is */
    size_t         held_alloc;
    u_char        *joined;    /* data lines joined */
    size_t         joined_alloc;
    size_t         block;     /* in held: first byte of the unfinished block */
    size_t         line;      /* in held: first byte of the unfinished line */

    unsigned       comments:1;   /* the user's: give comments in time */

    unsigned       bom_seen:1;   /* the start of the stream was looked at */
    unsigned       data_seen:1;  /* the block in held has a data line */
    unsigned       cr:1;         /* the last byte was a CR */
    unsigned       done:1;       /* held was given as an event */
} ngx_litellm_sse_t;


/*
 * Takes bytes from *pos on, moves *pos.
 * Returns NGX_OK: ev is one event, valid until the next call and while the
 * piece is; NGX_AGAIN: all bytes taken, no whole event; NGX_ERROR: no memory;
 * NGX_DECLINED: an event over sse->max (the stream can't be read on).  Blocks
 * without a data line are skipped; so many of them in a row that they are over
 * sse->max are forgotten, not held.
 */
ngx_int_t ngx_litellm_sse_next(ngx_litellm_sse_t *sse, u_char **pos,
    u_char *last, ngx_litellm_sse_event_t *ev);

/*
 * The body has ended: an event whose empty line is missing counts (the last
 * line end may be missing too).  NGX_OK with ev, its bytes in sse->held: an
 * event passed on needs "\n\n" behind them.  NGX_DONE without one; sse->held
 * may have bytes that are no event (comments).  NGX_ERROR: no memory.  A
 * further call returns NGX_DONE.
 */
ngx_int_t ngx_litellm_sse_last(ngx_litellm_sse_t *sse,
    ngx_litellm_sse_event_t *ev);

static ngx_inline ngx_str_t *
ngx_litellm_sse_raw(ngx_litellm_sse_t *sse, ngx_litellm_sse_event_t *ev)
{
    return ev->raw.len ? &ev->raw : &sse->held;
}


#endif /* _NGX_LITELLM_SSE_H_INCLUDED_ */
