
/*
 * A stream that may be cut and go on: ngx_http_litellm_continue.c sees its
 * events, ngx_http_litellm_continue_request.c makes the requests.  What others
 * call is in ngx_http_litellm.h.
 */

#ifndef _NGX_HTTP_LITELLM_CONTINUE_H_INCLUDED_
#define _NGX_HTTP_LITELLM_CONTINUE_H_INCLUDED_


#include "ngx_http_litellm.h"


struct ngx_http_litellm_continue_s {
    ngx_litellm_stream_t     decoder;    /* of a stream that passes */
    ngx_litellm_writer_t     writer;     /* of the client's stream */
    ngx_str_t                id;         /* of a stream that passes */
    ngx_str_t                model;
    ngx_litellm_usage_t      usage;      /* of the attempts that were cut */
    ngx_litellm_usage_t      sum;
    ngx_litellm_error_t      error;      /* the last cut's */

    u_char                  *text;       /* J-string: what the client has */
    size_t                   len;
    size_t                   alloc;
    size_t                   max;
    size_t                   trim;       /* of that: without white space at
                                            the end */
    size_t                   skip;       /* [skip, skip_end) of it: white space
                                            that may come once more */
    size_t                   skip_end;

    ngx_str_t                echo;       /* UTF-8: the text sent, as far as the
                                            provider may say it once more */
    size_t                   echoed;     /* of that */

    ngx_str_t                body;       /* the client's */
    ngx_str_t                before;     /* of the message put behind */

    unsigned                 resumed:1;
    unsigned                 fixed:1;    /* can't be gone on with */
    unsigned                 block:1;    /* in a block that is to be signed */
};


/*
 * Before the first request that goes on: reads the client's.  NGX_DECLINED: it
 * asks for what can't be gone on with.
 */
ngx_int_t ngx_http_litellm_continue_split(ngx_http_litellm_ctx_t *ctx);


#endif /* _NGX_HTTP_LITELLM_CONTINUE_H_INCLUDED_ */
