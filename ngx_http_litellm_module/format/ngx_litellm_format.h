
/*
 * Client dialects: reading a request, writing answers, stream events and
 * errors.  Pure.
 */

#ifndef _NGX_LITELLM_FORMAT_H_INCLUDED_
#define _NGX_LITELLM_FORMAT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_json.h"
#include "ngx_litellm_out.h"
#include "ngx_litellm_chat.h"
#include "ngx_litellm_error.h"
#include "ngx_litellm_provider.h"


/* state of a stream being written to a client */
typedef struct {
    ngx_litellm_call_t    *call;
    ngx_str_t              model;        /* J-string: what the client asked */
    ngx_str_t              id;           /* J-string */
    ngx_litellm_usage_t    usage;        /* the last one seen */
    void                  *state;        /* the format's own */
    unsigned               started:1;    /* the role went out before, not by
                                            this writer */
} ngx_litellm_writer_t;


struct ngx_litellm_format_s {
    ngx_str_t                      name;
    const ngx_litellm_dialect_t   *same;   /* the provider dialect that is the
                                              same: bodies pass */

    /*
     * One look at the body: call->top is parsed here (keep 2), model, param,
     * extra, control, stream, include_usage are set; types of what matters are
     * checked.  Nothing is validated that the provider will validate.
     * NGX_DECLINED with *e for the client's fault.
     */
    ngx_int_t  (*open)(ngx_litellm_call_t *call, ngx_litellm_error_t *e);

    /*
     * The whole request in the neutral form, for translation.  Parses the body
     * with doc (everything kept); deployment defaults fill what the client
     * left open.
     */
    ngx_int_t  (*parse)(ngx_litellm_call_t *call, ngx_litellm_json_doc_t *doc,
                        ngx_litellm_chat_t *chat, ngx_litellm_error_t *e);

    /* a whole answer */
    void       (*answer)(ngx_litellm_call_t *call, ngx_litellm_out_t *out,
                         ngx_litellm_answer_t *answer);

    /* one event of a stream; END writes what ends it ("data: [DONE]") */
    void       (*event)(ngx_litellm_writer_t *w, ngx_litellm_out_t *out,
                        ngx_litellm_event_t *ev);

    /* an error body, or with stream set an error event */
    void       (*error)(ngx_litellm_out_t *out, ngx_litellm_error_t *e,
                        ngx_uint_t stream);
};


extern const ngx_litellm_format_t  ngx_litellm_openai_chat;
extern const ngx_litellm_format_t  ngx_litellm_openai_completions;
extern const ngx_litellm_format_t  ngx_litellm_openai_embeddings;
extern const ngx_litellm_format_t  ngx_litellm_rerank_format;


#endif /* _NGX_LITELLM_FORMAT_H_INCLUDED_ */
