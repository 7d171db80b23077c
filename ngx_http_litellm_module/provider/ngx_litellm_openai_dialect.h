
/*
 * The parts of the OpenAI provider dialect: the vtable and the wire
 * (ngx_litellm_openai.c), edits of the body (ngx_litellm_openai_body.c), rules
 * of model families (ngx_litellm_openai_rules.c), edits below the top level
 * (ngx_litellm_openai_nested.c) and the tap (ngx_litellm_openai_tap.c).
 */

#ifndef _NGX_LITELLM_OPENAI_DIALECT_H_INCLUDED_
#define _NGX_LITELLM_OPENAI_DIALECT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_provider.h"
#include "ngx_litellm_splice.h"


/* what a model family asks for */
typedef struct {
    uint64_t                     present;     /* parameters to be sent, of the
                                                 body and of the deployment */
    unsigned                     completion_tokens:1;  /* max_tokens has the
                                                          newer name */
} ngx_litellm_openai_rules_t;


/*
 * rules->present are the parameters set by the client or the deployment; those
 * that the model does not take are removed or refused.  NGX_OK; NGX_DECLINED
 * with *e; NGX_ERROR.
 */
ngx_int_t ngx_litellm_openai_rules(ngx_litellm_call_t *call,
    ngx_litellm_openai_rules_t *rules, ngx_litellm_error_t *e);

/* the client's value, else the deployment's default; NULL: neither, or null */
ngx_litellm_json_t *ngx_litellm_openai_value(ngx_litellm_call_t *call,
    ngx_uint_t id);

/* wire->body (and hide_usage) of a request */
ngx_int_t ngx_litellm_openai_body(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e);

/*
 * Edits inside messages and other members: forms that OpenAI does not take,
 * paths of additional_drop_params (ngx_str_t), members of one name.  Looks at
 * the body's text first and parses it only if there may be something to do.
 */
ngx_int_t ngx_litellm_openai_nested(ngx_litellm_call_t *call,
    ngx_litellm_splice_t *sp, ngx_array_t *paths, ngx_litellm_error_t *e);

ngx_int_t ngx_litellm_openai_tap(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_facts_t *facts);

/*
 * facts gathers what the events of one stream say: usage, finish, provider_id,
 * content, end and failed stay set, usage_only is this event's alone.  NGX_OK;
 * NGX_DECLINED: an event with nothing in it, not to be passed on; NGX_ERROR.
 */
ngx_int_t ngx_litellm_openai_tap_event(ngx_litellm_call_t *call,
    ngx_litellm_json_doc_t *doc, ngx_str_t *data, ngx_litellm_facts_t *facts);


#endif /* _NGX_LITELLM_OPENAI_DIALECT_H_INCLUDED_ */
