
/*
 * The neutral form: what client dialects (format/) and provider dialects
 * (provider/) share, so that N of one and M of the other need N + M
 * translators.  A request, an answer, and a stream of small events.
 *
 * Every text here is a J-string (ngx_litellm_json.h): a range of the JSON it
 * came from, escapes untouched, so passing it on is copying bytes.  Texts of
 * our own making must be valid J-strings.  Nothing here owns memory.
 */

#ifndef _NGX_LITELLM_CHAT_H_INCLUDED_
#define _NGX_LITELLM_CHAT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_json.h"
#include "ngx_litellm_error.h"


/*
 * Request parameters that have a meaning in more than one dialect.  Their
 * values stay JSON nodes.  The names are OpenAI's (ngx_litellm_params.c).
 */

typedef enum {
    NGX_LITELLM_P_TEMPERATURE = 0,
    NGX_LITELLM_P_TOP_P,
    NGX_LITELLM_P_TOP_K,
    NGX_LITELLM_P_N,
    NGX_LITELLM_P_STOP,
    NGX_LITELLM_P_MAX_TOKENS,
    NGX_LITELLM_P_MAX_COMPLETION_TOKENS,
    NGX_LITELLM_P_PRESENCE_PENALTY,
    NGX_LITELLM_P_FREQUENCY_PENALTY,
    NGX_LITELLM_P_LOGIT_BIAS,
    NGX_LITELLM_P_LOGPROBS,
    NGX_LITELLM_P_TOP_LOGPROBS,
    NGX_LITELLM_P_SEED,
    NGX_LITELLM_P_USER,
    NGX_LITELLM_P_TOOLS,
    NGX_LITELLM_P_TOOL_CHOICE,
    NGX_LITELLM_P_PARALLEL_TOOL_CALLS,
    NGX_LITELLM_P_FUNCTIONS,
    NGX_LITELLM_P_FUNCTION_CALL,
    NGX_LITELLM_P_RESPONSE_FORMAT,
    NGX_LITELLM_P_REASONING_EFFORT,
    NGX_LITELLM_P_THINKING,
    NGX_LITELLM_P_VERBOSITY,
    NGX_LITELLM_P_MODALITIES,
    NGX_LITELLM_P_AUDIO,
    NGX_LITELLM_P_PREDICTION,
    NGX_LITELLM_P_STORE,
    NGX_LITELLM_P_METADATA,
    NGX_LITELLM_P_SERVICE_TIER,
    NGX_LITELLM_P_WEB_SEARCH_OPTIONS,
    NGX_LITELLM_P_STREAM,
    NGX_LITELLM_P_STREAM_OPTIONS,
    NGX_LITELLM_P_SAFETY_IDENTIFIER,
    NGX_LITELLM_P_PROMPT_CACHE_KEY,
    NGX_LITELLM_P_PROMPT_CACHE_RETENTION,
    NGX_LITELLM_P_SUFFIX,
    NGX_LITELLM_P_ECHO,
    NGX_LITELLM_P_BEST_OF,
    NGX_LITELLM_P_DIMENSIONS,
    NGX_LITELLM_P_ENCODING_FORMAT,
    NGX_LITELLM_P_MAX
} ngx_litellm_param_e;

#define ngx_litellm_param_bit(p)  ((uint64_t) 1 << NGX_LITELLM_P_##p)


typedef enum {
    NGX_LITELLM_ROLE_SYSTEM = 0,
    NGX_LITELLM_ROLE_DEVELOPER,
    NGX_LITELLM_ROLE_USER,
    NGX_LITELLM_ROLE_ASSISTANT,
    NGX_LITELLM_ROLE_TOOL,
    NGX_LITELLM_ROLE_FUNCTION
} ngx_litellm_role_e;


typedef enum {
    NGX_LITELLM_PART_TEXT = 0,
    NGX_LITELLM_PART_IMAGE,       /* url, or media + data */
    NGX_LITELLM_PART_FILE,        /* file_id, or url, or media + data; name */
    NGX_LITELLM_PART_AUDIO,       /* media ("wav"), data */
    NGX_LITELLM_PART_REFUSAL,     /* text */
    NGX_LITELLM_PART_THINKING,    /* text, signature */
    NGX_LITELLM_PART_REDACTED,    /* data */
    NGX_LITELLM_PART_OTHER        /* node only: a block of another dialect */
} ngx_litellm_part_e;


typedef struct {
    ngx_litellm_part_e    type;
    ngx_str_t             text;
    ngx_str_t             url;
    ngx_str_t             media;       /* "image/png" of a data: URL */
    ngx_str_t             data;        /* its base64 */
    ngx_str_t             file_id;
    ngx_str_t             name;
    ngx_str_t             detail;
    ngx_str_t             signature;
    ngx_litellm_json_t   *cache_control;
    ngx_litellm_json_t   *node;        /* the part as it came; NULL for one
                                          made of a content string */
} ngx_litellm_part_t;


typedef struct {
    ngx_str_t             id;
    ngx_str_t             name;
    ngx_str_t             arguments;   /* a J-string that holds JSON text */
    ngx_litellm_json_t   *cache_control;
    ngx_litellm_json_t   *node;
} ngx_litellm_tool_call_t;


typedef struct {
    ngx_litellm_role_e        role;
    ngx_litellm_part_t       *parts;
    ngx_uint_t                nparts;
    ngx_litellm_tool_call_t  *calls;       /* of an assistant */
    ngx_uint_t                ncalls;
    ngx_str_t                 call_id;     /* tool_call_id of a tool message */
    ngx_str_t                 name;
    ngx_str_t                 reasoning;   /* reasoning_content */
    ngx_litellm_json_t       *cache_control;
    ngx_litellm_json_t       *node;
    unsigned                  null_content:1;
    unsigned                  string_content:1;
} ngx_litellm_message_t;


typedef struct {
    ngx_str_t             type;            /* "function", "custom" ... */
    ngx_str_t             name;
    ngx_str_t             description;
    ngx_litellm_json_t   *parameters;
    ngx_litellm_json_t   *strict;
    ngx_litellm_json_t   *cache_control;
    ngx_litellm_json_t   *node;            /* the tool as it came */
} ngx_litellm_tool_t;


typedef enum {
    NGX_LITELLM_CHOICE_UNSET = 0,
    NGX_LITELLM_CHOICE_AUTO,
    NGX_LITELLM_CHOICE_NONE,
    NGX_LITELLM_CHOICE_REQUIRED,
    NGX_LITELLM_CHOICE_NAMED,
    NGX_LITELLM_CHOICE_OTHER               /* node only */
} ngx_litellm_choice_e;


typedef struct {
    ngx_litellm_message_t  *messages;
    ngx_uint_t              nmessages;

    ngx_litellm_tool_t     *tools;
    ngx_uint_t              ntools;
    ngx_litellm_choice_e    tool_choice;
    ngx_str_t               tool_name;     /* of CHOICE_NAMED */

    /* by ngx_litellm_param_e; NULL: absent or null */
    ngx_litellm_json_t     *param[NGX_LITELLM_P_MAX];

    /* members that are nobody's: ngx_litellm_member_t, in order */
    ngx_array_t             extra;

    /* embeddings: each a string, or an array of token numbers */
    ngx_litellm_json_t    **inputs;
    ngx_uint_t              ninputs;

    /* rerank: the documents are strings or objects; all else is in extra */
    ngx_litellm_json_t     *query;
    ngx_litellm_json_t    **documents;
    ngx_uint_t              ndocuments;
} ngx_litellm_chat_t;


/* a member of a JSON object; the key is a J-string */
typedef struct {
    ngx_str_t               key;
    ngx_litellm_json_t     *value;
} ngx_litellm_member_t;


/* a provider's word for the price that it serves a request at */
typedef enum {
    NGX_LITELLM_TIER_UNKNOWN = 0,          /* not said */
    NGX_LITELLM_TIER_FLEX,                 /* in the order of
                                              ngx_litellm_price_keys.h */
    NGX_LITELLM_TIER_BALANCED,
    NGX_LITELLM_TIER_PRIORITY,
    NGX_LITELLM_TIER_ULTRAFAST,
    NGX_LITELLM_TIER_DECISIONS,
    NGX_LITELLM_TIER_BATCHES,
    NGX_LITELLM_TIER_STANDARD,
    NGX_LITELLM_TIERS
} ngx_litellm_tier_e;

/* "flex", "ON_DEMAND_FLEX", "default" ...; UNKNOWN for "auto" and others */
ngx_litellm_tier_e ngx_litellm_tier(const u_char *name, size_t len);


/* tokens; -1: the provider did not say */
typedef struct {
    int64_t                 prompt;        /* all input, cached included */
    int64_t                 completion;    /* all output, reasoning included */
    int64_t                 total;
    int64_t                 cached;        /* read from the provider's cache */
    int64_t                 cache_write;
    int64_t                 cache_write_1h;    /* of cache_write: kept longer */
    int64_t                 reasoning;
    int64_t                 audio_in;
    int64_t                 audio_out;
    int64_t                 image_out;
    int64_t                 searches;      /* of the web, done by the provider;
                                              of a rerank: search units */
    ngx_litellm_tier_e      tier;          /* that was served */
    ngx_str_t               cost;          /* JSON number, where the provider
                                              tells it; outlives the event */
    unsigned                known:1;       /* anything was said */
    unsigned                estimated:1;   /* not by the provider, or not all:
                                              ngx_http_litellm_cost() */
} ngx_litellm_usage_t;

void ngx_litellm_usage_init(ngx_litellm_usage_t *u);


typedef enum {
    NGX_LITELLM_FINISH_NONE = 0,
    NGX_LITELLM_FINISH_STOP,
    NGX_LITELLM_FINISH_LENGTH,
    NGX_LITELLM_FINISH_TOOL_CALLS,
    NGX_LITELLM_FINISH_CONTENT_FILTER,
    NGX_LITELLM_FINISH_FUNCTION_CALL
} ngx_litellm_finish_e;

/* "stop" ... ; empty for NONE */
ngx_str_t *ngx_litellm_finish_name(ngx_litellm_finish_e finish);

/* a provider's word for it */
typedef struct {
    ngx_str_t               name;
    ngx_litellm_finish_e    finish;
} ngx_litellm_reason_t;

/* STOP for a word that is not among the reasons, or is no string */
ngx_litellm_finish_e ngx_litellm_finish_find(ngx_litellm_json_t *reason,
    const ngx_litellm_reason_t *reasons, ngx_uint_t n);


/* a document's place in a rerank answer */
typedef struct {
    ngx_uint_t              document;      /* index in the request */
    ngx_str_t               score;         /* JSON number */
    ngx_str_t               text;          /* JSON of the document as the
                                              provider gives it back; may be
                                              empty */
} ngx_litellm_rank_t;


/*
 * A whole answer.  The further choices of "n" hang behind the first one, which
 * has id, model and usage of them all.
 */

typedef struct ngx_litellm_answer_s  ngx_litellm_answer_t;

struct ngx_litellm_answer_s {
    ngx_litellm_answer_t   *next;          /* the next choice, or NULL */
    ngx_uint_t              index;         /* of the choice */

    ngx_str_t               id;            /* provider's; empty: none */
    ngx_str_t               model;         /* provider's word */

    ngx_array_t             text;          /* ngx_str_t: pieces of content */
    ngx_array_t             reasoning;     /* ngx_str_t */
    ngx_array_t             thinking;      /* ngx_litellm_part_t THINKING or
                                              REDACTED: thinking_blocks */
    ngx_array_t             calls;         /* ngx_litellm_tool_call_t */
    ngx_array_t             annotations;   /* ngx_str_t: JSON objects */
    ngx_array_t             citations;     /* ngx_str_t: JSON arrays of the
                                              provider's own; may be unset */
    ngx_str_t               refusal;
    ngx_str_t               native_finish; /* J-string; provider's word, for
                                              the choice's provider_specific_
                                              fields; empty: not shown */
    ngx_litellm_finish_e    finish;
    ngx_litellm_usage_t     usage;

    ngx_array_t             images;        /* ngx_str_t: J-string URLs (data:)
                                              of message.images; may be unset */
    ngx_array_t             specific;      /* ngx_keyval_t: members of message.
                                              provider_specific_fields, key a
                                              J-string, value JSON; unset or
                                              empty: none */
    ngx_str_t               audio;         /* JSON object: message.audio */

    /* embeddings and rerank */
    ngx_array_t             vectors;       /* ngx_str_t: JSON text, an array of
                                              numbers or a quoted base64 */
    ngx_array_t             ranks;         /* ngx_litellm_rank_t */
    ngx_str_t               meta;          /* JSON object of a rerank answer */

    unsigned                has_text:1;    /* content is a string, even "" */
    unsigned                has_thinking:1;/* thinking_blocks is there, even
                                              without one */
};

ngx_int_t ngx_litellm_answer_init(ngx_litellm_answer_t *a, ngx_pool_t *pool);


#define NGX_LITELLM_CHOICES  128        /* OpenAI's bound of "n" */

/* a further choice behind the last one of answer; NULL: no memory */
ngx_litellm_answer_t *ngx_litellm_answer_choice(ngx_litellm_answer_t *answer,
    ngx_pool_t *pool);


/* A stream's events, in the order they happen. */

typedef enum {
    NGX_LITELLM_EV_START = 0,   /* id, text (the provider's model) */
    NGX_LITELLM_EV_TEXT,        /* text */
    NGX_LITELLM_EV_REASONING,   /* text; index 1: of a block that is signed */
    NGX_LITELLM_EV_SIGNATURE,   /* text: signature of the thinking block that
                                   ends here */
    NGX_LITELLM_EV_REDACTED,    /* text: data of a redacted thinking block */
    NGX_LITELLM_EV_REFUSAL,     /* text */
    NGX_LITELLM_EV_CALL,        /* index (0, 1, ... over the calls), id, name */
    NGX_LITELLM_EV_ARGUMENTS,   /* index, text: J-string piece of JSON text */
    NGX_LITELLM_EV_ANNOTATION,  /* text: a JSON object (not a J-string);
                                   index 1: in the provider's own form */
    NGX_LITELLM_EV_IMAGE,       /* text: J-string URL (data:) */
    NGX_LITELLM_EV_SPECIFIC,    /* name, text: JSON; a member of the delta's
                                   provider_specific_fields */
    NGX_LITELLM_EV_FINISH,      /* finish, text: provider's word */
    NGX_LITELLM_EV_USAGE,       /* usage: so far; the last one counts */
    NGX_LITELLM_EV_ERROR,       /* error: the stream ends here */
    NGX_LITELLM_EV_END          /* the provider's own end mark was seen */
} ngx_litellm_event_e;

/* events that are content: the commit point (architecture 5) */
#define ngx_litellm_event_is_content(type)                                    \
    ((type) >= NGX_LITELLM_EV_TEXT && (type) <= NGX_LITELLM_EV_SPECIFIC)


typedef struct {
    ngx_litellm_event_e     type;
    ngx_uint_t              choice;        /* 0 but for "n"; at most
                                              NGX_LITELLM_CHOICES - 1 */
    ngx_uint_t              index;
    ngx_str_t               text;
    ngx_str_t               id;
    ngx_str_t               name;
    ngx_litellm_finish_e    finish;
    ngx_litellm_usage_t    *usage;
    ngx_litellm_error_t    *error;
} ngx_litellm_event_t;


/* takes one event; valid during the call only */
typedef ngx_int_t (*ngx_litellm_event_pt)(void *data, ngx_litellm_event_t *ev);


#endif /* _NGX_LITELLM_CHAT_H_INCLUDED_ */
