
/*
 * Redis's protocol (RESP 2) by hiredis's formatter and reader, with bounds of
 * our own: a reply has so many bytes and values at most, whatever the server
 * says of their number, and is one tree in a pool that lives until the next
 * reply is read.  hiredis bounds the depth.  No I/O, no clock.
 *
 * Called by ngx_http_litellm_redis_conn.c.  Without hiredis nothing here can
 * be had: NGX_LITELLM_HAVE_HIREDIS is 0.
 */

#ifndef _NGX_LITELLM_RESP_H_INCLUDED_
#define _NGX_LITELLM_RESP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* strings, numbers and lists of one reply */
#define NGX_LITELLM_RESP_VALUES  65536


typedef enum {
    NGX_LITELLM_RESP_NIL = 0,
    NGX_LITELLM_RESP_STATUS,
    NGX_LITELLM_RESP_ERROR,
    NGX_LITELLM_RESP_INTEGER,
    NGX_LITELLM_RESP_STRING,
    NGX_LITELLM_RESP_LIST
} ngx_litellm_resp_e;


typedef struct ngx_litellm_resp_s  ngx_litellm_resp_t;

struct ngx_litellm_resp_s {
    ngx_litellm_resp_e     type;
    int64_t                integer;
    ngx_str_t              text;       /* STATUS, ERROR, STRING: a copy */
    ngx_litellm_resp_t   **elts;       /* LIST: none of them is NULL */
    ngx_uint_t             nelts;
};


typedef struct {
    void                  *reader;     /* hiredis's */
    ngx_pool_t            *pool;       /* of the reply */
    ngx_log_t             *log;
    size_t                 max;        /* bytes of a reply, about */
    ngx_uint_t             values;     /* of this one */
    unsigned               given:1;    /* it was given to the caller */
} ngx_litellm_resp_reader_t;


/* NGX_OK, or NGX_ERROR: no memory */
ngx_int_t ngx_litellm_resp_open(ngx_litellm_resp_reader_t *rd, size_t max,
    ngx_log_t *log);
void ngx_litellm_resp_close(ngx_litellm_resp_reader_t *rd);

/*
 * Bytes from the server; NGX_ERROR: no memory, or over the bound.  All replies
 * in them are to be taken by next() before more is fed.
 */
ngx_int_t ngx_litellm_resp_feed(ngx_litellm_resp_reader_t *rd, u_char *p,
    size_t len);

/*
 * NGX_OK: *reply is there, until the next call; NGX_AGAIN: more bytes are
 * wanted; NGX_ERROR: that is no RESP, or over a bound; nothing more is read.
 */
ngx_int_t ngx_litellm_resp_next(ngx_litellm_resp_reader_t *rd,
    ngx_litellm_resp_t **reply);

/* a command as it is sent; text is freed by .._free(); NGX_OK or NGX_ERROR */
ngx_int_t ngx_litellm_resp_format(ngx_str_t *argv, ngx_uint_t argc,
    ngx_str_t *text);
void ngx_litellm_resp_free(ngx_str_t *text);


#endif /* _NGX_LITELLM_RESP_H_INCLUDED_ */
