
/*
 * What the files of the Replicate dialect share.  The facts are those of
 * Replicate's HTTP API reference ("Predictions", "Streaming output") and of
 * the models' own input schemas; what LiteLLM does beside it stands in
 * docs/differences.md.
 */

#ifndef _NGX_LITELLM_REPLICATE_H_INCLUDED_
#define _NGX_LITELLM_REPLICATE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_dialect.h"
#include "ngx_litellm_format.h"


#define NGX_LITELLM_REPLICATE_DELAY   500      /* ms between two looks */
#define NGX_LITELLM_REPLICATE_POLLS   7200     /* an hour of them */


/* how a model wants to be talked to, by its name */
typedef enum {
    NGX_LITELLM_REPLICATE_PLAIN = 0,
    NGX_LITELLM_REPLICATE_LLAMA3,
    NGX_LITELLM_REPLICATE_LLAMA2,
    NGX_LITELLM_REPLICATE_MISTRAL
} ngx_litellm_replicate_family_e;


typedef enum {
    NGX_LITELLM_REPLICATE_INVALID = 0,       /* not a prediction */
    NGX_LITELLM_REPLICATE_RUNNING,
    NGX_LITELLM_REPLICATE_SUCCEEDED,
    NGX_LITELLM_REPLICATE_FAILED,
    NGX_LITELLM_REPLICATE_CANCELED
} ngx_litellm_replicate_status_e;


typedef struct {
    ngx_litellm_call_t              *call;
    ngx_litellm_wire_t              *wire;
    ngx_litellm_out_t               *out;
    ngx_litellm_error_t             *e;
    ngx_litellm_chat_t               chat;
    ngx_litellm_json_doc_t           doc;

    uint64_t                         present;  /* after params_check() */
    ngx_litellm_replicate_family_e   family;
    ngx_str_t                        version;  /* of the model; empty: the
                                                  newest */
    unsigned                         system_prompt:1;  /* an input of its
                                                          own */
} ngx_litellm_replicate_t;


/* the value of a parameter that is to be sent, or NULL */
#define ngx_litellm_replicate_param(r, p)                                     \
    (((r)->present & ngx_litellm_param_bit(p))                                \
     ? (r)->chat.param[NGX_LITELLM_P_##p] : NULL)

/* a node's own bytes */
#define ngx_litellm_replicate_raw(out, v)                                     \
    ngx_litellm_out_ref(out, (v)->start, (v)->len)


/* true if text has word in it; both without regard to case */
ngx_uint_t ngx_litellm_replicate_has(ngx_str_t *text, const char *word);


/* ngx_litellm_replicate_prompt.c */

ngx_litellm_replicate_family_e ngx_litellm_replicate_family(
    ngx_str_t *model);

/* "prompt":"..." and what belongs to it.  NGX_OK, NGX_DECLINED, NGX_ERROR */
ngx_int_t ngx_litellm_replicate_prompt(ngx_litellm_replicate_t *r);


/* ngx_litellm_replicate_prediction.c */

ngx_int_t ngx_litellm_replicate_follow(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_str_t *body, ngx_litellm_stream_t *st,
    ngx_litellm_error_t *e);


/* ngx_litellm_replicate_stream.c */

ngx_int_t ngx_litellm_replicate_event(ngx_litellm_stream_t *st,
    ngx_str_t *name, ngx_str_t *data);

/* text may be NULL */
/* FINISH, USAGE if root has counts, END; root may be NULL */
ngx_int_t ngx_litellm_replicate_ended(ngx_litellm_stream_t *st,
    ngx_litellm_json_t *root);


/* ngx_litellm_replicate_answer.c */

/* of a prediction, or NULL */
ngx_litellm_replicate_status_e ngx_litellm_replicate_status(
    ngx_litellm_json_t *root);

ngx_int_t ngx_litellm_replicate_response(ngx_litellm_call_t *call,
    ngx_str_t *body, ngx_litellm_answer_t *answer, ngx_litellm_error_t *e);

/* what a prediction's metrics say */
void ngx_litellm_replicate_usage(ngx_litellm_json_t *root,
    ngx_litellm_usage_t *u);

/* *e of a prediction that failed, and of the text of a failure.  NGX_DECLINED,
   or NGX_ERROR */
ngx_int_t ngx_litellm_replicate_failure(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_replicate_status_e status,
    ngx_litellm_error_t *e);
ngx_int_t ngx_litellm_replicate_classify(ngx_litellm_call_t *call,
    ngx_str_t *text, ngx_litellm_error_t *e);

void ngx_litellm_replicate_error(ngx_litellm_call_t *call, ngx_uint_t status,
    ngx_str_t *body, ngx_litellm_error_t *e);


#endif /* _NGX_LITELLM_REPLICATE_H_INCLUDED_ */
