
/*
 * What the files of the Ollama dialects share: the state of one translated
 * request and the pieces that write it.  The facts are those of Ollama's API
 * reference and of its api/types.go; what LiteLLM does beside it stands in
 * docs/differences.md.
 */

#ifndef _NGX_LITELLM_OLLAMA_H_INCLUDED_
#define _NGX_LITELLM_OLLAMA_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_dialect.h"
#include "ngx_litellm_format.h"


/* tool calls in one answer: more are no answer of a model */
#define NGX_LITELLM_OLLAMA_CALLS  256


typedef struct {
    ngx_litellm_call_t       *call;
    ngx_litellm_wire_t       *wire;
    ngx_litellm_out_t        *out;
    ngx_litellm_error_t      *e;
    ngx_litellm_chat_t        chat;
    ngx_litellm_json_doc_t    doc;

    uint64_t                  present;    /* after params_check() */
    unsigned                  generate:1; /* /api/generate */
    unsigned                  waiting:1;  /* an image has to be fetched */
} ngx_litellm_ollama_t;


/* the value of a parameter that is to be sent, or NULL */
#define ngx_litellm_ollama_param(o, p)                                        \
    (((o)->present & ngx_litellm_param_bit(p))                                \
     ? (o)->chat.param[NGX_LITELLM_P_##p] : NULL)

/* a node's own bytes */
#define ngx_litellm_ollama_raw(out, v)                                        \
    ngx_litellm_out_ref(out, (v)->start, (v)->len)


/* ngx_litellm_ollama_params.c: NGX_OK, NGX_DECLINED or NGX_ERROR */

/* which parameters are sent */
ngx_int_t ngx_litellm_ollama_params(ngx_litellm_ollama_t *o);

/* ,"format":...,"think":...,"options":{...} and foreign members */
ngx_int_t ngx_litellm_ollama_members(ngx_litellm_ollama_t *o);


/* ngx_litellm_ollama_messages.c: NGX_OK, NGX_DECLINED or NGX_ERROR */

/* ,"messages":[...] */
ngx_int_t ngx_litellm_ollama_messages(ngx_litellm_ollama_t *o);

/* ,"tools":[...], or nothing */
ngx_int_t ngx_litellm_ollama_tools(ngx_litellm_ollama_t *o);


/* ngx_litellm_ollama_answer.c */

ngx_int_t ngx_litellm_ollama_response(ngx_litellm_call_t *call,
    ngx_str_t *body, ngx_litellm_answer_t *answer, ngx_litellm_error_t *e);
ngx_int_t ngx_litellm_ollama_event(ngx_litellm_stream_t *st,
    ngx_str_t *name, ngx_str_t *data);
void ngx_litellm_ollama_error(ngx_litellm_call_t *call, ngx_uint_t status,
    ngx_str_t *body, ngx_litellm_error_t *e);


#endif /* _NGX_LITELLM_OLLAMA_H_INCLUDED_ */
