
/*
 * Edits of a text that is passed on: ranges of it and what stands there
 * instead.  The text itself is never changed or rebuilt; what is written are
 * references to its bytes with the replacements between them.
 */

#ifndef _NGX_LITELLM_SPLICE_H_INCLUDED_
#define _NGX_LITELLM_SPLICE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_json.h"
#include "ngx_litellm_out.h"


#define NGX_LITELLM_SPLICE_EDITS  16


typedef struct {
    u_char                 *start;      /* [start, end) of the text goes */
    u_char                 *end;
    ngx_str_t               text;       /* comes */
    ngx_uint_t              number;     /* order of edits at one place */
    unsigned                quote:1;    /* text is UTF-8, to be written as a
                                           JSON string */
} ngx_litellm_edit_t;


/* a member to be put into an object */
typedef struct {
    ngx_str_t               key;        /* J-string */
    ngx_str_t               value;      /* JSON */
    ngx_str_t               name;       /* the key unescaped: its user's */
} ngx_litellm_add_t;


typedef struct {
    ngx_pool_t             *pool;
    ngx_str_t               text;

    ngx_litellm_edit_t     *edits;
    ngx_uint_t              nedits;
    ngx_uint_t              nalloc;
    size_t                  added;      /* bytes of all replacements, at most */
    ngx_litellm_edit_t      own[NGX_LITELLM_SPLICE_EDITS];

    unsigned                failed:1;   /* no memory: looked at by write() */
} ngx_litellm_splice_t;


void ngx_litellm_splice_init(ngx_litellm_splice_t *sp, ngx_pool_t *pool,
    ngx_str_t *text);

/* another text: memory for edits is kept */
void ngx_litellm_splice_reuse(ngx_litellm_splice_t *sp, ngx_str_t *text);

/* [start, end) of the text becomes the bytes of text, which must live on */
void ngx_litellm_splice_replace(ngx_litellm_splice_t *sp, u_char *start,
    u_char *end, const u_char *text, size_t len);
#define ngx_litellm_splice_lit(sp, start, end, s)                             \
    ngx_litellm_splice_replace(sp, start, end, (const u_char *) s,            \
                               sizeof(s) - 1)

/* the same with UTF-8 text that becomes a JSON string with its quotes */
void ngx_litellm_splice_string(ngx_litellm_splice_t *sp, u_char *start,
    u_char *end, ngx_str_t *text);

/*
 * Takes the members out whose value is flagged NGX_LITELLM_JSON_DROPPED, with
 * their commas, and puts adds in behind the last one.
 */
void ngx_litellm_splice_object(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *object, ngx_litellm_add_t *adds, ngx_uint_t nadds);

/* takes the elements out that are flagged NGX_LITELLM_JSON_DROPPED */
void ngx_litellm_splice_array(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *array);

/* takes the elements from the n-th on out of an array (n > 0) */
void ngx_litellm_splice_cut(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *array, ngx_uint_t n);

/*
 * Writes the text with its edits.  An edit inside a range that an earlier one
 * takes away is nothing.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_litellm_splice_write(ngx_litellm_splice_t *sp,
    ngx_litellm_out_t *out);

/*
 * The same in one piece: *dst lies in *buf, whose memory (len bytes, of the
 * splice's pool) is replaced by more of it when it is too small.
 */
ngx_int_t ngx_litellm_splice_text(ngx_litellm_splice_t *sp, ngx_str_t *buf,
    ngx_str_t *dst);


#endif /* _NGX_LITELLM_SPLICE_H_INCLUDED_ */
