
/*
 * The parts of the OpenAI provider dialect: the vtable and the wire
 * (ngx_litellm_openai.c), edits of the body (ngx_litellm_openai_body.c), rules
 * of model families (ngx_litellm_openai_rules.c), edits below the top level
 * (ngx_litellm_openai_nested.c), the tap (ngx_litellm_openai_tap.c), what
 * providers do otherwise (ngx_litellm_openai_variant.c), and the translator
 * for clients of other dialects (ngx_litellm_openai_translate.c, _answer.c,
 * _events.c).
 */

#ifndef _NGX_LITELLM_OPENAI_DIALECT_H_INCLUDED_
#define _NGX_LITELLM_OPENAI_DIALECT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_dialect.h"
#include "ngx_litellm_splice.h"


/*
 * What a provider of this dialect does otherwise; each hook may be NULL.  The
 * edits of the request are made on the client's bytes (ngx_litellm_splice.h),
 * those of the answer on the provider's.
 */

struct ngx_litellm_variant_s {

    /* bits of the parameters that it takes; NULL: what OpenAI's model takes */
    uint64_t   (*supported)(ngx_litellm_call_t *call);

    /*
     * wire->path, before the body is made; may change call->provider_model,
     * the model's name in it.  NULL: api_base and OpenAI's endpoint below it.
     */
    ngx_int_t  (*path)(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire);

    /* wire->headers; NULL: "Authorization: Bearer" */
    ngx_int_t  (*headers)(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire);

    /*
     * Further edits: root is the whole body parsed; members of the top level
     * that do not go are DROPPED already, what the deployment and extra_body
     * add is in adds.  A member of the top level is taken out by flagging its
     * value DROPPED, one comes in by ngx_litellm_openai_put(); deeper members
     * and elements go by ngx_litellm_openai_take(); anything else by sp.
     * *present are the parameters still to be sent, to be read.  NGX_OK,
     * NGX_DECLINED with *e, NGX_ERROR.
     */
    ngx_int_t  (*edit)(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
                       ngx_litellm_splice_t *sp, ngx_array_t *adds,
                       uint64_t *present, ngx_litellm_error_t *e);

    /* true: edit() has something to do with this request (a cheap look);
       NULL: always */
    ngx_uint_t (*wants)(ngx_litellm_call_t *call);

    /*
     * A passing whole body (stream 0) or the data of one event, parsed: edits
     * of it for the client; *changed is set if there are any, facts->state is
     * the variant's own through a stream.  NGX_DECLINED: the event is not to
     * be sent, or with facts->failed set facts->error.
     */
    ngx_int_t  (*answer)(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
                         ngx_litellm_splice_t *sp,
                         ngx_litellm_facts_t *facts, ngx_uint_t stream,
                         ngx_uint_t *changed);

    /* NULL: ngx_litellm_error_openai() */
    void       (*error)(ngx_litellm_call_t *call, ngx_uint_t status,
                        ngx_str_t *body, ngx_litellm_error_t *e);

    /* what answer() is looked for by: the body is parsed for it only if one
       of these is in its bytes; blank between, empty: always; one that begins
       with '~' counts for events only */
    ngx_str_t    marks;
};


/* variant->path where "/v1" is between the api_base and that, unless the
   api_base has it or names the endpoint */
ngx_int_t ngx_litellm_openai_v1_path(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire);

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
 * The members of the body that go and come (adds), and edits inside messages
 * and other members: forms that OpenAI does not take, paths of
 * additional_drop_params (ngx_str_t), members of one name, the variant's.
 * Looks at the body's text first and parses it only if there may be something
 * to do.
 */
ngx_int_t ngx_litellm_openai_nested(ngx_litellm_call_t *call,
    ngx_litellm_splice_t *sp, ngx_array_t *adds, ngx_array_t *paths,
    uint64_t *present, ngx_litellm_error_t *e);

ngx_int_t ngx_litellm_openai_tap(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_facts_t *facts);

/*
 * facts gathers what the events of one stream say: usage, finish, provider_id,
 * content, end and failed stay set, usage_only is this event's alone.  NGX_OK;
 * NGX_DECLINED: an event with nothing in it, not to be passed on; NGX_ERROR.
 */
ngx_int_t ngx_litellm_openai_tap_event(ngx_litellm_call_t *call,
    ngx_litellm_json_doc_t *doc, ngx_str_t *data, ngx_litellm_facts_t *facts);


/* what variants are made of */

/* flag of an object or array: something in it was taken out */
#define NGX_LITELLM_OPENAI_TOUCHED   0x40

static ngx_inline void
ngx_litellm_openai_take(ngx_litellm_json_t *parent, ngx_litellm_json_t *v)
{
    v->flags |= NGX_LITELLM_JSON_DROPPED;
    parent->flags |= NGX_LITELLM_OPENAI_TOUCHED;
}

/* a member for the body: its name and the same as a J-string, its JSON */
ngx_int_t ngx_litellm_openai_put(ngx_pool_t *pool, ngx_array_t *adds,
    ngx_str_t *name, ngx_str_t *key, ngx_str_t *value);

/* takes one of adds out */
void ngx_litellm_openai_unput(ngx_array_t *adds, ngx_litellm_add_t *add);

/* the one of adds with this name; NULL without one */
ngx_litellm_add_t *ngx_litellm_openai_added(ngx_array_t *adds,
    const char *name, size_t len);

/* contents that are lists of texts become one text (Q_TEXT_CONTENT) */
void ngx_litellm_openai_texts(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *root);

/* the same for one list, if it holds nothing else */
void ngx_litellm_openai_join(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *content);

/* the role "developer", which only OpenAI has, becomes "system" */
void ngx_litellm_openai_roles(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *root);

/* a last message of the assistant is one to be gone on with: "prefix" */
void ngx_litellm_openai_prefix(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *root);

/* true: one of the words, blank between, is in the body's text */
ngx_uint_t ngx_litellm_openai_mentions(ngx_litellm_call_t *call,
    const char *words);

/* "name" of an answer's message or delta gets the name "reasoning_content" */
ngx_uint_t ngx_litellm_openai_reasoning_key(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *choice, const char *name, size_t len);

/*
 * OpenAI has the usage of a stream in an event of its own, and only if it is
 * asked for: it is taken out of an event that has choices too, and sent behind
 * it if the client wants it, with the details that LiteLLM's clients find in
 * it.  True: the event has changed.
 */
ngx_uint_t ngx_litellm_openai_stream_usage(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp);

/* the usage of embeddings gets "completion_tokens": 0, as LiteLLM has it */
ngx_uint_t ngx_litellm_openai_embed_usage(ngx_litellm_json_t *root,
    ngx_litellm_splice_t *sp);

/* takes a member out of the body, if the client or the deployment has it */
void ngx_litellm_openai_leave(ngx_litellm_json_t *root, ngx_array_t *adds,
    const char *name);

/* "/chat/completions" and the like */
void ngx_litellm_openai_endpoint(ngx_litellm_call_t *call, ngx_str_t *path);

/* wire->path: api_base's path, path unless that ends with it, its query */
ngx_int_t ngx_litellm_openai_below(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_str_t *path);

/* what is done without a variant */
ngx_int_t ngx_litellm_openai_path(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire);
ngx_int_t ngx_litellm_openai_headers(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire);

/*
 * facts->data of a body (doc NULL) or of an event that the variant changes.
 * NGX_OK; NGX_DECLINED: facts->error, or an event that is not to be sent;
 * NGX_ERROR.
 */
ngx_int_t ngx_litellm_openai_changed(ngx_litellm_call_t *call, ngx_str_t *text,
    ngx_litellm_json_doc_t *doc, ngx_litellm_facts_t *facts);

/* counts of a usage object; what it does not name stays */
void ngx_litellm_openai_usage_facts(ngx_litellm_json_t *v,
    ngx_litellm_usage_t *u);

/* facts->error: a good status with something else; NGX_DECLINED, NGX_ERROR */
ngx_int_t ngx_litellm_openai_no_answer(ngx_litellm_call_t *call,
    ngx_litellm_facts_t *facts, const char *why, size_t len);


/* true: a reasoning model, with rules of its own */
ngx_uint_t ngx_litellm_openai_reasons(const ngx_litellm_model_t *model);

/* the row that a deployment at Azure goes by; NULL: not known */
const ngx_litellm_model_t *ngx_litellm_azure_model(ngx_litellm_call_t *call);


/*
 * ngx_litellm_openai_schema.c: json_schema for models that do not have it, by
 * a tool that must be called; its arguments are the answer's content.
 */

/* one that begins with '~' counts for events only */
#define NGX_LITELLM_SCHEMA_MARKS  "json_tool_call ~\"tool_calls\""

/* of variant->edit() */
ngx_int_t ngx_litellm_schema_edit(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp, ngx_array_t *adds);

/* variant->answer() */
ngx_int_t ngx_litellm_schema_answer(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp,
    ngx_litellm_facts_t *facts, ngx_uint_t stream, ngx_uint_t *changed);


/* ngx_litellm_openai_mend.c: answers that differ from OpenAI's; true: changed */

/* finish reasons of their own, <think> tags, usage of streams, empty ids: a
   whole variant->answer() with its marks */
#define NGX_LITELLM_MEND_MARKS                                                \
    "\"message\" \"eos \"stop_sequence\" ~\"usage\""

ngx_int_t ngx_litellm_openai_mended(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp,
    ngx_litellm_facts_t *facts, ngx_uint_t stream, ngx_uint_t *changed);

ngx_uint_t ngx_litellm_openai_finished(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *choice, ngx_litellm_facts_t *facts);
ngx_uint_t ngx_litellm_openai_think(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *choice);
ngx_uint_t ngx_litellm_openai_own_id(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp);

/* usage of an event in OpenAI's form; NGX_OK, or NGX_DECLINED: the event is
   not to be sent */
ngx_int_t ngx_litellm_openai_mended_usage(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp, ngx_uint_t *changed);


/*
 * Clients of another dialect, and legacy completions where a provider has chat
 * only (ngx_litellm_openai_translate.c, _answer.c, _events.c).
 */

/* true if this request can't pass */
ngx_uint_t ngx_litellm_openai_translates(ngx_litellm_call_t *call);

/*
 * chat: a copy of call whose body is the request as one of chat completions.
 * NGX_OK; NGX_DECLINED with *e; NGX_ERROR.
 */
ngx_int_t ngx_litellm_openai_translate(ngx_litellm_call_t *call,
    ngx_litellm_call_t *chat, ngx_litellm_error_t *e);

/* the dialect's response() and event() */
ngx_int_t ngx_litellm_openai_response(ngx_litellm_call_t *call,
    ngx_str_t *body, ngx_litellm_answer_t *answer, ngx_litellm_error_t *e);
ngx_int_t ngx_litellm_openai_event_data(ngx_litellm_stream_t *st,
    ngx_str_t *name, ngx_str_t *data);

/* a finish_reason as OpenAI and its imitators write it */
ngx_litellm_finish_e ngx_litellm_openai_word(ngx_litellm_json_t *v);
/* the same with a look at the calls that the choice has */
ngx_litellm_finish_e ngx_litellm_openai_finish(ngx_litellm_json_t *v,
    ngx_uint_t calls);
/* the word itself where it is none of OpenAI's; else empty */
ngx_str_t ngx_litellm_openai_native(ngx_litellm_json_t *v);


#endif /* _NGX_LITELLM_OPENAI_DIALECT_H_INCLUDED_ */
