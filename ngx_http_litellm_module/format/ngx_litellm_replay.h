
/*
 * A whole answer as the events of a stream, in the client's dialect: what
 * ngx_litellm_gather.h makes of events, the other way round.
 */

#ifndef _NGX_LITELLM_REPLAY_H_INCLUDED_
#define _NGX_LITELLM_REPLAY_H_INCLUDED_


#include "ngx_litellm_format.h"


/* piece: bytes of text in one event, about (0: as they come) */
void ngx_litellm_replay_events(ngx_litellm_writer_t *w,
    ngx_litellm_out_t *out, ngx_litellm_answer_t *answer, size_t piece);

/*
 * An entry of the cache.  NGX_OK; NGX_DECLINED: it can't be read; NGX_ERROR: no
 * memory.
 */
ngx_int_t ngx_litellm_replay(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_out_t *out);


#endif /* _NGX_LITELLM_REPLAY_H_INCLUDED_ */
