
/*
 * OpenAI's legacy completions as the neutral form: what the gateway itself has
 * to read of answers that pass.
 */

#ifndef _NGX_LITELLM_OPENAI_TEXT_H_INCLUDED_
#define _NGX_LITELLM_OPENAI_TEXT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_provider.h"


/* the data of one event, that has no error: emits as dialect->event() does */
ngx_int_t ngx_litellm_openai_text_event(ngx_litellm_stream_t *st,
    ngx_str_t *data);

/* a whole answer: NGX_OK; NGX_DECLINED: it is none; NGX_ERROR: no memory */
ngx_int_t ngx_litellm_openai_text_answer(ngx_litellm_call_t *call,
    ngx_str_t *body, ngx_litellm_answer_t *answer);


#endif /* _NGX_LITELLM_OPENAI_TEXT_H_INCLUDED_ */
