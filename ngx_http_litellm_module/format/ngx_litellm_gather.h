
/*
 * A stream on its way to a client, gathered into the whole answer that a client
 * gets which asks for none.  What can't be gathered (too much, no memory,
 * something that a whole answer has no place for, what is no event) makes it
 * lost: the one call that finds that returns NGX_DECLINED, those behind it do
 * nothing, and there is no answer.
 */

#ifndef _NGX_LITELLM_GATHER_H_INCLUDED_
#define _NGX_LITELLM_GATHER_H_INCLUDED_


#include "ngx_litellm_format.h"


typedef struct ngx_litellm_gather_s  ngx_litellm_gather_t;


/* max: bytes of all texts; NULL: no memory */
ngx_litellm_gather_t *ngx_litellm_gather_create(ngx_pool_t *pool,
    ngx_litellm_call_t *call, size_t max);

/* an event for the client */
ngx_int_t ngx_litellm_gather_event(ngx_litellm_gather_t *c,
    ngx_litellm_event_t *ev);

/* an event of the provider's that passes; facts: what the tap read of it */
ngx_int_t ngx_litellm_gather_data(ngx_litellm_gather_t *c,
    const ngx_litellm_dialect_t *dialect, ngx_litellm_facts_t *facts,
    ngx_str_t *name, ngx_str_t *data);

/*
 * The whole answer as format->answer() writes it.  facts: of the stream; pass:
 * its events came as data.  NGX_OK; NGX_DECLINED: it is not whole, or none to
 * be stored.
 */
ngx_int_t ngx_litellm_gather_answer(ngx_litellm_gather_t *c,
    ngx_litellm_call_t *call, ngx_litellm_facts_t *facts, ngx_uint_t pass,
    ngx_litellm_out_t *out);


#endif /* _NGX_LITELLM_GATHER_H_INCLUDED_ */
