
/*
 * What the files of the Cohere dialects share: the wire of all of them, and
 * the state of one chat request.  The facts are those of Cohere's API
 * reference, version 2; what LiteLLM does otherwise stands in
 * docs/differences.md.
 */

#ifndef _NGX_LITELLM_COHERE_H_INCLUDED_
#define _NGX_LITELLM_COHERE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_dialect.h"
#include "ngx_litellm_format.h"


/* texts from this length on are sent from where they are */
#define NGX_LITELLM_COHERE_REF  4096


typedef struct {
    ngx_litellm_call_t       *call;
    ngx_litellm_out_t        *out;
    ngx_litellm_error_t      *e;
    ngx_litellm_chat_t        chat;
    ngx_litellm_json_doc_t    doc;
    uint64_t                  present;     /* after params_check() */
    unsigned                  reasoning:1; /* the model thinks, or is not
                                              known */
    unsigned                  strict:1;    /* strict_tools was written */
    unsigned                  stop:1;      /* stop_sequences was written */
} ngx_litellm_cohere_t;


/* the value of a parameter that is to be sent, or NULL */
#define ngx_litellm_cohere_param(c, p)                                        \
    (((c)->present & ngx_litellm_param_bit(p))                                \
     ? (c)->chat.param[NGX_LITELLM_P_##p] : NULL)

#define ngx_litellm_cohere_raw(out, v)                                        \
    ngx_litellm_out_ref(out, (v)->start, (v)->len)


/* wire->path for "chat", "embed" or "rerank", and wire->headers */
ngx_int_t ngx_litellm_cohere_wire(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, const char *endpoint, size_t len);

/* ngx_litellm_cohere_messages.c: "messages":[...] */
ngx_int_t ngx_litellm_cohere_messages(ngx_litellm_cohere_t *c);

/* ngx_litellm_cohere_{answer,stream}.c */

ngx_int_t ngx_litellm_cohere_response(ngx_litellm_call_t *call,
    ngx_str_t *body, ngx_litellm_answer_t *answer, ngx_litellm_error_t *e);
ngx_int_t ngx_litellm_cohere_event(ngx_litellm_stream_t *st, ngx_str_t *name,
    ngx_str_t *data);
void ngx_litellm_cohere_error(ngx_litellm_call_t *call, ngx_uint_t status,
    ngx_str_t *body, ngx_litellm_error_t *e);

/* NONE: the provider failed while it generated */
ngx_litellm_finish_e ngx_litellm_cohere_finish(ngx_litellm_json_t *reason);

/* of an answer that the provider itself says to have failed; v may be NULL */
ngx_int_t ngx_litellm_cohere_failed(ngx_litellm_call_t *call,
    ngx_litellm_json_t *v, ngx_litellm_error_t *e);

void ngx_litellm_cohere_usage(ngx_litellm_json_t *v, ngx_litellm_usage_t *u);

/*
 * OpenAI's url_citation for a citation whose source is a document with a URL.
 * room is memory for it, made anew if it is too small.  NGX_DECLINED: there is
 * no URL; NGX_ERROR: no memory.
 */
ngx_int_t ngx_litellm_cohere_annotation(ngx_pool_t *pool,
    ngx_litellm_json_t *citation, ngx_str_t *room, ngx_str_t *dst);


#endif /* _NGX_LITELLM_COHERE_H_INCLUDED_ */
