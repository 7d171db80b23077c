
/*
 * What the two files share that write a request of another client dialect as
 * one of OpenAI's chat completions: ngx_litellm_openai_translate.c and
 * ngx_litellm_openai_messages.c.
 */

#ifndef _NGX_LITELLM_OPENAI_TRANSLATE_H_INCLUDED_
#define _NGX_LITELLM_OPENAI_TRANSLATE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_openai_dialect.h"


typedef struct {
    ngx_litellm_call_t      *call;
    ngx_litellm_chat_t       chat;
    ngx_litellm_out_t        out;
    ngx_litellm_error_t     *e;
    ngx_array_t              images;       /* ngx_litellm_part_t *: of tool
                                              results, not written yet */
    ngx_uint_t               messages;     /* written so far */
    unsigned                 cache:1;      /* cache_control is understood */
    unsigned                 details:1;    /* reasoning_details are */
    unsigned                 foreign:1;    /* the client's dialect is not
                                              OpenAI's */
} ngx_litellm_translate_t;


#define ngx_litellm_translate_raw(t, v)                                       \
    ngx_litellm_out_ref(&(t)->out, (v)->start, (v)->len)


/* the elements of "messages".  NGX_OK, NGX_DECLINED with *t->e, NGX_ERROR */
ngx_int_t ngx_litellm_translate_messages(ngx_litellm_translate_t *t);

/* ,"name":"text" of a J-string */
void ngx_litellm_translate_string(ngx_litellm_translate_t *t,
    const char *name, ngx_str_t *text);


#endif /* _NGX_LITELLM_OPENAI_TRANSLATE_H_INCLUDED_ */
