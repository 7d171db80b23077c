
/*
 * What the files of the Bedrock dialect share: what setup() keeps for a
 * deployment, and the state of one translated request.  The facts are those of
 * the Amazon Bedrock API reference (Converse, ConverseStream, InvokeModel) and
 * of its user guide.
 *
 * Claude's own parameters go through Converse as they are, below
 * additionalModelRequestFields, so what is decided about them (thinking, the
 * form of a JSON answer) is decided by the Anthropic dialect's code.
 */

#ifndef _NGX_LITELLM_BEDROCK_H_INCLUDED_
#define _NGX_LITELLM_BEDROCK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_provider.h"
#include "ngx_litellm_format.h"
#include "ngx_litellm_sigv4.h"
#include "ngx_litellm_anthropic.h"


/* deployment->own */

typedef struct {
    ngx_litellm_sigv4_key_t        key;       /* key_id empty: the api_key is
                                                 sent as a bearer */
    ngx_str_t                      model_id;  /* in the path in place of the
                                                 model; may be empty */
} ngx_litellm_bedrock_own_t;


typedef enum {
    NGX_LITELLM_BEDROCK_OTHER = 0,
    NGX_LITELLM_BEDROCK_CLAUDE,
    NGX_LITELLM_BEDROCK_NOVA,
    NGX_LITELLM_BEDROCK_NOVA_2,
    NGX_LITELLM_BEDROCK_GPT_OSS
} ngx_litellm_bedrock_family_e;


typedef struct {
    ngx_litellm_anthropic_t        a;         /* call, wire, out, e, chat,
                                                 present, flags; think, budget,
                                                 effort, schema, json_tool */
    ngx_str_t                      model;     /* bare */
    ngx_litellm_bedrock_family_e   family;
    const char                    *effort;    /* of a family but Claude */
    ngx_uint_t                     documents; /* named so far */
    unsigned                       no_tools:1;    /* no toolConfig is sent: the
                                                     history of calls is text */
    unsigned                       waiting:1; /* something is to be fetched */
    unsigned                       cache:1;   /* the model takes cachePoint */
} ngx_litellm_bedrock_t;


#define ngx_litellm_bedrock_has(b, p)    ngx_litellm_anthropic_has(&(b)->a, p)
#define ngx_litellm_bedrock_param(b, p)  ngx_litellm_anthropic_param(&(b)->a, p)

/* the client's fault; NGX_DECLINED */
#define ngx_litellm_bedrock_bad(b, text)                                      \
    ngx_litellm_call_bad((b)->a.call, (b)->a.e, text)


/* ngx_litellm_bedrock_wire.c */

/*
 * A model's name without LiteLLM's words in front ("converse/", "us-east-1/");
 * *region is what of them was one, or an ARN's; empty without.
 */
void ngx_litellm_bedrock_model(ngx_str_t *name, ngx_str_t *bare,
    ngx_str_t *region);

/* its row of the table of models; NULL: not known */
const ngx_litellm_model_t *ngx_litellm_bedrock_info(ngx_str_t *bare);

/* wire->path: .../model/ID/<action> */
ngx_int_t ngx_litellm_bedrock_path(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_str_t *model, const char *action,
    ngx_litellm_error_t *e);

/* wire->headers, when path and body are there */
ngx_int_t ngx_litellm_bedrock_sign(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire);


/* ngx_litellm_bedrock_params.c: before anything is written */
ngx_int_t ngx_litellm_bedrock_params(ngx_litellm_bedrock_t *b);


/* ngx_litellm_bedrock_messages.c: NGX_OK, NGX_DECLINED or NGX_ERROR */

/* "messages":[...] and, if there is any, ,"system":[...] */
ngx_int_t ngx_litellm_bedrock_messages(ngx_litellm_bedrock_t *b);

/* {"cachePoint":...} with a comma in front; nothing for NULL */
void ngx_litellm_bedrock_cache(ngx_litellm_bedrock_t *b,
    ngx_litellm_json_t *cache);

/*
 * ngx_litellm_bedrock_media.c: the block of an IMAGE or FILE part.  NGX_AGAIN:
 * it is to be fetched first, nothing was written.
 */
typedef struct {
    const char                    *member;    /* "image", "document", "video" */
    const char                    *format;
    ngx_str_t                      data;      /* base64 */
    ngx_str_t                      uri;       /* s3://...: in place of data */
} ngx_litellm_bedrock_media_t;

ngx_int_t ngx_litellm_bedrock_media(ngx_litellm_bedrock_t *b,
    ngx_litellm_part_t *part, ngx_litellm_bedrock_media_t *media);
void ngx_litellm_bedrock_media_write(ngx_litellm_bedrock_t *b,
    ngx_litellm_bedrock_media_t *media);


/* ngx_litellm_bedrock_tools.c: ,"toolConfig":{...} */
ngx_int_t ngx_litellm_bedrock_tools(ngx_litellm_bedrock_t *b);


/* ngx_litellm_bedrock_{response,stream,error}.c */

ngx_int_t ngx_litellm_bedrock_response(ngx_litellm_call_t *call,
    ngx_str_t *body, ngx_litellm_answer_t *answer, ngx_litellm_error_t *e);
ngx_int_t ngx_litellm_bedrock_event(ngx_litellm_stream_t *st, ngx_str_t *name,
    ngx_str_t *data);
void ngx_litellm_bedrock_error(ngx_litellm_call_t *call, ngx_uint_t status,
    ngx_str_t *body, ngx_litellm_error_t *e);

/* an exception in a stream: its name, its document or its text */
void ngx_litellm_bedrock_exception(ngx_litellm_call_t *call, ngx_str_t *name,
    ngx_str_t *text, ngx_litellm_error_t *e);

ngx_litellm_finish_e ngx_litellm_bedrock_finish(ngx_litellm_json_t *reason);

/*
 * Takes what a usage object says.  reasoning: tokens of the output, -1: not
 * said, then it is estimated by the bytes of reasoning (thought).
 */
void ngx_litellm_bedrock_usage(ngx_litellm_json_t *v, int64_t reasoning,
    size_t thought, ngx_litellm_usage_t *u);

/* what additionalModelResponseFields say of reasoning; -1: nothing */
int64_t ngx_litellm_bedrock_reasoning(ngx_litellm_json_t *fields);


#endif /* _NGX_LITELLM_BEDROCK_H_INCLUDED_ */
