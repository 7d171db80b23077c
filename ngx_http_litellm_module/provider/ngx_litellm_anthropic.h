
/*
 * What the files of the Anthropic dialect share: the state of one translated
 * request and the pieces that write it.  The facts are those of the Messages
 * API reference; what LiteLLM does beside it stands in docs/differences.md.
 */

#ifndef _NGX_LITELLM_ANTHROPIC_H_INCLUDED_
#define _NGX_LITELLM_ANTHROPIC_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_dialect.h"
#include "ngx_litellm_format.h"


/* values of the anthropic-beta header, in the order they are sent */
#define NGX_LITELLM_ANTHROPIC_B_TOOL_SEARCH    0x0001
#define NGX_LITELLM_ANTHROPIC_B_CODE_0522      0x0002
#define NGX_LITELLM_ANTHROPIC_B_CODE_0825      0x0004
#define NGX_LITELLM_ANTHROPIC_B_COMPUTER_24    0x0008
#define NGX_LITELLM_ANTHROPIC_B_COMPUTER_25    0x0010
#define NGX_LITELLM_ANTHROPIC_B_COMPUTER_26    0x0020
#define NGX_LITELLM_ANTHROPIC_B_CONTEXT        0x0040
#define NGX_LITELLM_ANTHROPIC_B_FILES          0x0080
#define NGX_LITELLM_ANTHROPIC_B_MCP            0x0100
#define NGX_LITELLM_ANTHROPIC_B_OAUTH          0x0200
#define NGX_LITELLM_ANTHROPIC_B_SCHEMA         0x0400
#define NGX_LITELLM_ANTHROPIC_B_WEB_FETCH      0x0800

#define NGX_LITELLM_ANTHROPIC_MAX_TOKENS       4096
#define NGX_LITELLM_ANTHROPIC_MIN_BUDGET       1024


typedef enum {
    NGX_LITELLM_ANTHROPIC_THINK_UNSET = 0,
    NGX_LITELLM_ANTHROPIC_THINK_AS_IS,      /* the client's node */
    NGX_LITELLM_ANTHROPIC_THINK_BUDGET,
    NGX_LITELLM_ANTHROPIC_THINK_ADAPTIVE,
    NGX_LITELLM_ANTHROPIC_THINK_SUMMARY     /* adaptive, made of an effort */
} ngx_litellm_anthropic_think_e;


typedef struct {
    ngx_litellm_call_t             *call;
    ngx_litellm_wire_t             *wire;
    ngx_litellm_out_t              *out;
    ngx_litellm_error_t            *e;
    ngx_litellm_chat_t              chat;
    ngx_litellm_json_doc_t          doc;

    uint64_t                        present;    /* after params_check() */
    uint32_t                        flags;      /* NGX_LITELLM_M_... */
    uint32_t                        max_output; /* of the model */
    ngx_uint_t                      betas;

    ngx_litellm_anthropic_think_e   think;
    int64_t                         budget;     /* 0: none */
    const char                     *effort;     /* for output_config */
    ngx_litellm_json_t             *schema;     /* of response_format */
    unsigned                        json_tool:1;
    unsigned                        thinking:1; /* is on */
    unsigned                        dummy_tool:1;
    unsigned                        again:1;    /* files are to be fetched */
    unsigned                        vertex:1;   /* Vertex AI's wrapping */
} ngx_litellm_anthropic_t;


#define ngx_litellm_anthropic_has(a, p)                                       \
    ((a)->present & ngx_litellm_param_bit(p))

/* the value of a parameter that is to be sent, or NULL */
#define ngx_litellm_anthropic_param(a, p)                                     \
    (ngx_litellm_anthropic_has(a, p) ? (a)->chat.param[NGX_LITELLM_P_##p]     \
                                     : NULL)

/* a node's own bytes */
#define ngx_litellm_anthropic_raw(out, v)                                     \
    ngx_litellm_out_ref(out, (v)->start, (v)->len)

/* parameters that every model takes; what is allowed beside goes as it is */
#define NGX_LITELLM_ANTHROPIC_PARAMS                                          \
    (ngx_litellm_param_bit(STREAM)                                            \
     | ngx_litellm_param_bit(STREAM_OPTIONS)                                  \
     | ngx_litellm_param_bit(MAX_TOKENS)                                      \
     | ngx_litellm_param_bit(MAX_COMPLETION_TOKENS)                           \
     | ngx_litellm_param_bit(TEMPERATURE)                                     \
     | ngx_litellm_param_bit(TOP_P)                                           \
     | ngx_litellm_param_bit(TOP_K)                                           \
     | ngx_litellm_param_bit(STOP)                                            \
     | ngx_litellm_param_bit(USER)                                            \
     | ngx_litellm_param_bit(METADATA)                                        \
     | ngx_litellm_param_bit(TOOLS)                                           \
     | ngx_litellm_param_bit(TOOL_CHOICE)                                     \
     | ngx_litellm_param_bit(PARALLEL_TOOL_CALLS)                             \
     | ngx_litellm_param_bit(FUNCTIONS)                                       \
     | ngx_litellm_param_bit(FUNCTION_CALL)                                   \
     | ngx_litellm_param_bit(RESPONSE_FORMAT)                                 \
     | ngx_litellm_param_bit(WEB_SEARCH_OPTIONS))

#define NGX_LITELLM_ANTHROPIC_REASONING_PARAMS                                \
    (ngx_litellm_param_bit(REASONING_EFFORT)                                  \
     | ngx_litellm_param_bit(THINKING))

#define NGX_LITELLM_ANTHROPIC_ALL_PARAMS                                      \
    (NGX_LITELLM_ANTHROPIC_PARAMS | NGX_LITELLM_ANTHROPIC_REASONING_PARAMS)

/* the client's fault; NGX_DECLINED */
#define ngx_litellm_anthropic_bad(a, text)                                    \
    ngx_litellm_call_bad((a)->call, (a)->e, text)


/*
 * ngx_litellm_anthropic_params.c: what the model can do, which parameters are
 * sent, thinking, the form of a JSON answer.  NGX_OK, NGX_DECLINED, NGX_ERROR.
 */
ngx_int_t ngx_litellm_anthropic_params(ngx_litellm_anthropic_t *a);

/* parts of it, for Claude at Bedrock; present, flags and chat are set */

/* flags of a model that is not in the table, by the version in its name */
uint32_t ngx_litellm_anthropic_guess(ngx_str_t *name);
/* think, budget, effort, thinking.  NGX_OK, NGX_DECLINED, NGX_ERROR */
ngx_int_t ngx_litellm_anthropic_think(ngx_litellm_anthropic_t *a);
/* schema, json_tool */
void ngx_litellm_anthropic_format(ngx_litellm_anthropic_t *a);


/* ngx_litellm_anthropic_headers.c: wire->path and wire->headers */

ngx_int_t ngx_litellm_anthropic_path(ngx_litellm_anthropic_t *a);
ngx_int_t ngx_litellm_anthropic_headers(ngx_litellm_anthropic_t *a);


/* ngx_litellm_anthropic_messages.c: NGX_OK, NGX_DECLINED or NGX_ERROR */

/* "messages":[...] and, if there is any, ,"system":[...] */
ngx_int_t ngx_litellm_anthropic_messages(ngx_litellm_anthropic_t *a,
    ngx_uint_t *system);

/* ,"cache_control":...; nothing for NULL */
void ngx_litellm_anthropic_cache(ngx_litellm_out_t *out,
    ngx_litellm_json_t *cache);

/* ngx_litellm_anthropic_media.c: a block for an IMAGE or FILE part */
ngx_int_t ngx_litellm_anthropic_media(ngx_litellm_anthropic_t *a,
    ngx_litellm_part_t *part, ngx_litellm_json_t *cache);


/* ngx_litellm_anthropic_tools.c */

ngx_int_t ngx_litellm_anthropic_tools(ngx_litellm_anthropic_t *a);
/* what is asked of a model that takes no tool that must be used */
ngx_litellm_choice_e ngx_litellm_anthropic_unforced(
    ngx_litellm_anthropic_t *a, ngx_litellm_choice_e choice);

/* the schema of a tool's input, made of its parameters; v may be NULL */
void ngx_litellm_anthropic_parameters(ngx_litellm_anthropic_t *a,
    ngx_litellm_json_t *v, ngx_uint_t strict);


/* ngx_litellm_anthropic_schema.c */

/* a JSON schema in the form that structured outputs and strict tools take */
void ngx_litellm_anthropic_schema(ngx_litellm_out_t *out,
    ngx_litellm_json_t *schema);


/* ngx_litellm_anthropic_{response,stream,error}.c */

ngx_int_t ngx_litellm_anthropic_response(ngx_litellm_call_t *call,
    ngx_str_t *body, ngx_litellm_answer_t *answer, ngx_litellm_error_t *e);
ngx_int_t ngx_litellm_anthropic_event(ngx_litellm_stream_t *st,
    ngx_str_t *name, ngx_str_t *data);
void ngx_litellm_anthropic_error(ngx_litellm_call_t *call, ngx_uint_t status,
    ngx_str_t *body, ngx_litellm_error_t *e);

/* of an error object's type; 0 for one that is not known */
ngx_uint_t ngx_litellm_anthropic_status(ngx_litellm_json_t *type);

ngx_litellm_finish_e ngx_litellm_anthropic_finish(ngx_litellm_json_t *reason);

/* takes what a usage object says; thought: bytes of thinking seen so far */
void ngx_litellm_anthropic_usage(ngx_litellm_json_t *v, size_t thought,
    ngx_litellm_usage_t *u);


#endif /* _NGX_LITELLM_ANTHROPIC_H_INCLUDED_ */
