
/*
 * What OpenAI's client dialects share: the chat, completions and embeddings
 * formats are three vtables over the same request opener, parameter reader
 * and writers.
 */

#ifndef _NGX_LITELLM_OPENAI_H_INCLUDED_
#define _NGX_LITELLM_OPENAI_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_format.h"


/*
 * format->open of all of them (ngx_litellm_openai_open.c): what call->op asks
 * for decides which members must be there.
 */
ngx_int_t ngx_litellm_openai_open(ngx_litellm_call_t *call,
    ngx_litellm_error_t *e);

/*
 * format->error: {"error":{"message","type","param","code"}} with code a
 * string; with stream set the same as one event, without [DONE].
 */
void ngx_litellm_openai_error(ngx_litellm_out_t *out, ngx_litellm_error_t *e,
    ngx_uint_t stream);


/* ngx_litellm_openai_params.c */

/* a fault of the client: BadRequestError, 400.  Returns NGX_DECLINED */
ngx_int_t ngx_litellm_openai_bad(ngx_litellm_error_t *e, const char *message,
    const char *param);

/*
 * The values of several members in one pass, the last of a name counts; null
 * and absent are NULL.
 */
void ngx_litellm_openai_pick(ngx_litellm_json_t *object,
    const ngx_str_t *names, ngx_litellm_json_t **values, ngx_uint_t n);

/*
 * A string node as a J-string.  Escapes are taken off where what is left is a
 * J-string again (URLs and base64 with "\/"), else they stay.
 */
ngx_int_t ngx_litellm_openai_plain(ngx_pool_t *pool, ngx_litellm_json_t *v,
    ngx_str_t *s);

/*
 * What chat and completions have in common: parses the body with doc and
 * fills chat but for its messages; *root is the body's object.
 */
ngx_int_t ngx_litellm_openai_params(ngx_litellm_call_t *call,
    ngx_litellm_json_doc_t *doc, ngx_litellm_chat_t *chat,
    ngx_litellm_json_t **root, ngx_litellm_error_t *e);

/*
 * The answer's text as a JSON array, for mock_response where an answer is no
 * text: NGX_DECLINED if it is none; doc holds the array's elements.
 */
ngx_int_t ngx_litellm_openai_mock_array(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer, ngx_litellm_json_doc_t *doc);

/* true if the client used functions, OpenAI's form before tools */
#define ngx_litellm_openai_functions(call)                                    \
    (((call)->present & ngx_litellm_param_bit(FUNCTIONS))                     \
     && !((call)->present & ngx_litellm_param_bit(TOOLS)))


/* ngx_litellm_openai_write.c: writers of chat and, by call->op, completions */

void ngx_litellm_openai_answer(ngx_litellm_call_t *call,
    ngx_litellm_out_t *out, ngx_litellm_answer_t *answer);
void ngx_litellm_openai_event(ngx_litellm_writer_t *w, ngx_litellm_out_t *out,
    ngx_litellm_event_t *ev);

/* "usage":{...} without a comma */
void ngx_litellm_openai_usage(ngx_litellm_out_t *out,
    ngx_litellm_usage_t *usage);


#endif /* _NGX_LITELLM_OPENAI_H_INCLUDED_ */
