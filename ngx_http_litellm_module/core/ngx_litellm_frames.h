
/*
 * Streams that are not server-sent events, cut into events of the same form
 * (ngx_litellm_sse_event_t) from pieces of any size.
 *
 * Lines: a JSON text on each (Ollama); CR before LF is taken off, empty lines
 * are nothing.  AWS: messages of application/vnd.amazon.eventstream: total
 * length, headers' length, CRC of these, headers, payload, CRC of all; name is
 * the value of ":event-type", or of ":exception-type" and ":error-code" with
 * "exception" set, data is the payload.
 */

#ifndef _NGX_LITELLM_FRAMES_H_INCLUDED_
#define _NGX_LITELLM_FRAMES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_sse.h"


/* all zero but for pool and max before the first call */

typedef struct {
    ngx_pool_t    *pool;
    size_t         max;        /* bound of one event's bytes; 0: 1 MB */

    ngx_str_t      held;       /* the decoder's: bytes of an event that came */
    size_t         held_alloc; /* in earlier pieces */

    ngx_str_t      message;    /* AWS, of an exception: ":error-message"; may
                                  be empty */
    unsigned       exception:1;    /* AWS: the last event is one */
    unsigned       broken:1;   /* AWS: no valid message: CRC, lengths */
    unsigned       given:1;    /* the decoder's */
} ngx_litellm_frames_t;


/*
 * As ngx_litellm_sse_next(); ev->raw is empty.  NGX_DECLINED: an event over
 * max, or with "broken" set a damaged one: the stream can't be read on.
 */
ngx_int_t ngx_litellm_lines_next(ngx_litellm_frames_t *f, u_char **pos,
    u_char *last, ngx_litellm_sse_event_t *ev);
ngx_int_t ngx_litellm_aws_next(ngx_litellm_frames_t *f, u_char **pos,
    u_char *last, ngx_litellm_sse_event_t *ev);

/*
 * The body has ended.  NGX_OK: a last line without its end; NGX_DONE: nothing
 * is left; NGX_DECLINED (AWS): it ended within a message.
 */
ngx_int_t ngx_litellm_lines_last(ngx_litellm_frames_t *f,
    ngx_litellm_sse_event_t *ev);
ngx_int_t ngx_litellm_aws_last(ngx_litellm_frames_t *f,
    ngx_litellm_sse_event_t *ev);


#endif /* _NGX_LITELLM_FRAMES_H_INCLUDED_ */
