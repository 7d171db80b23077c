
/*
 * What dialects that translate are made of: events of a stream
 * (ngx_litellm_emit.c), blocks of a whole answer (ngx_litellm_blocks.c), turns
 * of a request (ngx_litellm_turns.c).
 *
 * Functions of the first two return NGX_OK, NGX_ERROR for memory (or what emit
 * returned), and where it is said NGX_DECLINED.
 */

#ifndef _NGX_LITELLM_DIALECT_H_INCLUDED_
#define _NGX_LITELLM_DIALECT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_provider.h"


/* calls of tools in one answer, where content comes in blocks */
#define NGX_LITELLM_BLOCK_CALLS  256

#define NGX_LITELLM_CALLS_TEXT   "the provider's answer has too many tool calls"

/* the tool that stands for response_format where there is no native one */
#define NGX_LITELLM_JSON_TOOL    "json_tool_call"


/* ngx_litellm_emit.c */

typedef enum {
    NGX_LITELLM_BLOCK_OTHER = 0,
    NGX_LITELLM_BLOCK_CALL,
    NGX_LITELLM_BLOCK_JSON          /* the tool that stands for an answer */
} ngx_litellm_block_e;


/* calls of a stream whose blocks come one after another */
typedef struct {
    ngx_litellm_block_e         block;       /* that is open */
    ngx_uint_t                  n;           /* of calls, so far */
    ngx_uint_t                  begun;       /* of both kinds */
    ngx_litellm_names_t         names;
    unsigned                    input:1;     /* the block has had some */
    unsigned                    json:1;      /* a JSON answer was asked for */
} ngx_litellm_emit_calls_t;


/* st->state: zeroed memory for the life of the stream; NULL: none */
void *ngx_litellm_emit_state(ngx_litellm_stream_t *st, size_t size);

/* the first event; what is not a string is not said */
ngx_int_t ngx_litellm_emit_start(ngx_litellm_stream_t *st,
    ngx_litellm_json_t *id, ngx_litellm_json_t *model);

/* text may be NULL; it is emitted even if it is empty */
ngx_int_t ngx_litellm_emit_text(ngx_litellm_stream_t *st,
    ngx_litellm_event_e type, ngx_str_t *text);

/* nothing for a value that is no string, or an empty one */
ngx_int_t ngx_litellm_emit_string(ngx_litellm_stream_t *st,
    ngx_litellm_event_e type, ngx_litellm_json_t *v, ngx_uint_t index);
/* the same of one of several choices */
ngx_int_t ngx_litellm_emit_choice(ngx_litellm_stream_t *st,
    ngx_litellm_event_e type, ngx_litellm_json_t *v, ngx_uint_t choice,
    ngx_uint_t index);

/* a citation in the provider's own form; nothing for what is no object */
ngx_int_t ngx_litellm_emit_citation(ngx_litellm_stream_t *st,
    ngx_litellm_json_t *v);

/* nothing unless it is known */
ngx_int_t ngx_litellm_emit_usage(ngx_litellm_stream_t *st,
    ngx_litellm_usage_t *usage);

ngx_int_t ngx_litellm_emit_error(ngx_litellm_stream_t *st,
    ngx_litellm_error_t *e);

/* ngx_litellm_call_broken() as an event */
ngx_int_t ngx_litellm_emit_broken(ngx_litellm_stream_t *st, const char *text);

/* a block of a call began: calls->block says what it is */
ngx_int_t ngx_litellm_emit_call(ngx_litellm_stream_t *st,
    ngx_litellm_emit_calls_t *calls, ngx_litellm_json_t *id,
    ngx_litellm_json_t *name);
/* a piece of its input */
ngx_int_t ngx_litellm_emit_input(ngx_litellm_stream_t *st,
    ngx_litellm_emit_calls_t *calls, ngx_litellm_json_t *v);
/* the block ends: input is emitted if it had no pieces */
ngx_int_t ngx_litellm_emit_call_end(ngx_litellm_stream_t *st,
    ngx_litellm_emit_calls_t *calls, ngx_str_t *input);


/* ngx_litellm_blocks.c */

typedef struct {
    ngx_litellm_call_t         *call;
    ngx_litellm_answer_t       *answer;
    ngx_litellm_names_t         names;
    ngx_uint_t                  chars;       /* of the text so far */
    size_t                      thought;     /* bytes of reasoning */
    unsigned                    json:1;      /* a JSON answer was asked for */
} ngx_litellm_blocks_t;


void ngx_litellm_blocks_init(ngx_litellm_blocks_t *b,
    ngx_litellm_call_t *call, ngx_litellm_answer_t *answer);

/* v: a string */
ngx_int_t ngx_litellm_blocks_text(ngx_litellm_blocks_t *b,
    ngx_litellm_json_t *v);

/* a list of citations in the provider's own form */
ngx_int_t ngx_litellm_blocks_citations(ngx_litellm_blocks_t *b,
    ngx_litellm_json_t *list);
/* one of them as OpenAI has it, for the text from character start on; nothing
   for a url that is no string */
ngx_int_t ngx_litellm_blocks_cite(ngx_litellm_blocks_t *b,
    ngx_litellm_json_t *url, ngx_litellm_json_t *title, ngx_uint_t start);

/* text for the user to see, and what must be sent back; nothing for values
   that are no strings */
ngx_int_t ngx_litellm_blocks_reasoning(ngx_litellm_blocks_t *b,
    ngx_litellm_json_t *text);
ngx_int_t ngx_litellm_blocks_thinking(ngx_litellm_blocks_t *b,
    ngx_litellm_json_t *text, ngx_litellm_json_t *signature);
ngx_int_t ngx_litellm_blocks_redacted(ngx_litellm_blocks_t *b,
    ngx_litellm_json_t *data);

/* v: the block.  NGX_DECLINED: one call too many */
ngx_int_t ngx_litellm_blocks_call(ngx_litellm_blocks_t *b,
    ngx_litellm_json_t *v, ngx_litellm_json_t *id, ngx_litellm_json_t *name,
    ngx_litellm_json_t *input);

/*
 * OpenAI's url_citation, written from p on; the title may be no string.  It is
 * as long as the url's JSON, the title's, and this at the most.
 */
u_char *ngx_litellm_citation_write(u_char *p, ngx_litellm_json_t *url,
    ngx_litellm_json_t *title, int64_t start, int64_t end);

#define NGX_LITELLM_CITATION_LEN                                              \
    (sizeof("{\"type\":\"url_citation\",\"url_citation\":{\"start_index\":,"  \
            "\"end_index\":,\"title\":\"\",\"url\":}}") - 1                   \
     + 2 * NGX_INT64_LEN)


/* ngx_litellm_turns.c */

/* a walk over the texts of all system messages; zero at first */
typedef struct {
    ngx_uint_t               message;
    ngx_uint_t               part;
} ngx_litellm_system_t;

/*
 * NGX_OK with the next text (which may be empty) and its cache_control, that
 * of the message for its last part, or NULL; NGX_DONE; NGX_DECLINED with *e:
 * there is something else in a system message; NGX_ERROR.
 */
ngx_int_t ngx_litellm_system_next(ngx_litellm_call_t *call,
    ngx_litellm_chat_t *chat, ngx_litellm_system_t *system, ngx_str_t **text,
    ngx_litellm_json_t **cache, ngx_litellm_error_t *e);


/* zeroed but for out at first */
typedef struct {
    ngx_litellm_out_t          *out;
    ngx_uint_t                  kind;        /* of the turn that is open */
    ngx_uint_t                  n;           /* turns so far, the open one,
                                                too */
    unsigned                    open:1;
} ngx_litellm_turns_t;


/*
 * What stands before a block of a turn of that kind: a comma, or the end of
 * another kind's turn and head, which begins a new one; true then.
 */
ngx_uint_t ngx_litellm_turns_block(ngx_litellm_turns_t *t, ngx_uint_t kind,
    const ngx_str_t *head);

/* the same for {"role":...,"content":[ of a user or an assistant */
void ngx_litellm_turns_role(ngx_litellm_turns_t *t, ngx_litellm_role_e role);

/* the end of a turn, if one is open */
void ngx_litellm_turns_close(ngx_litellm_turns_t *t);


#endif /* _NGX_LITELLM_DIALECT_H_INCLUDED_ */
