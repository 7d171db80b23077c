
/*
 * A writer of bytes into a chain of buffers: request bodies, answers, stream
 * events.  Whoever owns it says where buffers come from; nothing here knows
 * of HTTP.  An allocation failure is remembered in out->failed and makes all
 * later writes do nothing: callers write without checking and look once at
 * the end.
 *
 * A writer points into itself: it must not be copied as a struct.
 */

#ifndef _NGX_LITELLM_OUT_H_INCLUDED_
#define _NGX_LITELLM_OUT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct ngx_litellm_out_s  ngx_litellm_out_t;

/*
 * Gives a link with an empty temporary buffer of some size (its own choice, at
 * least 1 byte; links are appended in order), NULL for none.
 */
typedef ngx_chain_t *(*ngx_litellm_out_more_pt)(ngx_litellm_out_t *out,
    size_t wanted);

struct ngx_litellm_out_s {
    ngx_pool_t               *pool;
    ngx_litellm_out_more_pt   more;     /* NULL: from the pool */
    void                     *data;     /* more's own */

    ngx_chain_t              *first;    /* what was written */
    ngx_chain_t             **last;
    ngx_buf_t                *buf;      /* the one being filled */

    off_t                     size;     /* bytes written */
    size_t                    chunk;    /* size of a pool buffer; 0: 4096 */
    size_t                    ref_min;  /* ngx_litellm_out_ref: references from
                                           this length on; 0: always copies */
    u_char                   *spare;    /* what is left of a pool buffer that */
    u_char                   *spare_end;     /* was ended early */
    unsigned                  failed:1;
};


void ngx_litellm_out_init(ngx_litellm_out_t *out, ngx_pool_t *pool);

/* slow path of the two below */
void ngx_litellm_out_write(ngx_litellm_out_t *out, const void *p, size_t len);

static ngx_inline void
ngx_litellm_out_copy(ngx_litellm_out_t *out, const void *p, size_t len)
{
    ngx_buf_t  *b;

    b = out->buf;

    if (len == 0) {

        /* p may be NULL, which memcpy() must not see */

        return;
    }

    if (b != NULL && (size_t) (b->end - b->last) >= len) {
        b->last = ngx_cpymem(b->last, p, len);
        out->size += len;
        return;
    }

    ngx_litellm_out_write(out, p, len);
}

#define ngx_litellm_out_lit(out, s)                                           \
    ngx_litellm_out_copy(out, s, sizeof(s) - 1)
#define ngx_litellm_out_str(out, s)                                           \
    ngx_litellm_out_copy(out, (s)->data, (s)->len)

/*
 * Long bytes that outlive the chain: put in by reference (a memory buffer
 * whose start is its first byte) from out->ref_min on, copied below.  Links
 * and buffers of references are out->pool's, whatever "more" is.
 */
void ngx_litellm_out_ref(ngx_litellm_out_t *out, u_char *p, size_t len);

/* a decimal integer */
void ngx_litellm_out_int(ngx_litellm_out_t *out, int64_t n);
/* into memory of NGX_INT64_LEN bytes, all of which may be written; returns the
   end of the digits */
u_char *ngx_litellm_out_digits(u_char *p, uint64_t n);
/* what is behind the point: n / 10^12 without trailing zeros, for n over 0 and
   below 10^12, into memory of 16 bytes; returns the end of the digits */
u_char *ngx_litellm_out_fraction(u_char *p, uint64_t n);
/* the last digits of it, so many, with zeros in front; returns the end */
u_char *ngx_litellm_out_fixed(u_char *p, uint32_t n, ngx_uint_t width);

/* as ngx_hex_dump(), for what every request has; returns the end */
u_char *ngx_litellm_out_hex(u_char *p, const u_char *data, size_t len);

/* a quoted JSON string made of UTF-8 text (invalid bytes become U+FFFD) */
void ngx_litellm_out_json(ngx_litellm_out_t *out, ngx_str_t *text);

/*
 * The same without the quotes: pieces of one string.  A multi-byte sequence
 * must lie in one piece.
 */
void ngx_litellm_out_escape(ngx_litellm_out_t *out, const u_char *p,
    size_t len);

/* JSON on one line, for an event of a stream: line breaks, which are between
   its tokens, are left out */
void ngx_litellm_out_line(ngx_litellm_out_t *out, ngx_str_t *json);

/* a J-string's UTF-8 bytes: takes one level of escapes off */
void ngx_litellm_out_unescape(ngx_litellm_out_t *out, const u_char *p,
    size_t len);

/*
 * What was written so far, for the caller to send; the writer goes on with an
 * empty chain and a new buffer.  NULL if nothing was written.
 */
ngx_chain_t *ngx_litellm_out_take(ngx_litellm_out_t *out);

/*
 * All that was written as one range; copies if it is in several buffers.
 * NGX_ERROR: no memory, now or in a write before.
 */
ngx_int_t ngx_litellm_out_join(ngx_litellm_out_t *out, ngx_str_t *dst);


#endif /* _NGX_LITELLM_OUT_H_INCLUDED_ */
