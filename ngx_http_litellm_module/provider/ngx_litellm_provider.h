
/*
 * Provider dialects and the one table of providers.
 *
 * A dialect is a vtable; an OpenAI-compatible provider is a row of the table
 * that names the dialect "openai".  All of it is pure: clock, randomness and
 * credentials come in by the call.
 */

#ifndef _NGX_LITELLM_PROVIDER_H_INCLUDED_
#define _NGX_LITELLM_PROVIDER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_json.h"
#include "ngx_litellm_out.h"
#include "ngx_litellm_chat.h"
#include "ngx_litellm_error.h"
#include "ngx_litellm_config.h"


typedef struct ngx_litellm_dialect_s  ngx_litellm_dialect_t;
typedef struct ngx_litellm_variant_s  ngx_litellm_variant_t;
typedef struct ngx_litellm_format_s   ngx_litellm_format_t;
typedef struct ngx_litellm_fetch_s    ngx_litellm_fetch_t;
typedef struct ngx_litellm_call_s     ngx_litellm_call_t;


typedef enum {
    NGX_LITELLM_OP_CHAT = 0,
    NGX_LITELLM_OP_COMPLETIONS,
    NGX_LITELLM_OP_EMBEDDINGS,
    NGX_LITELLM_OP_RERANK
} ngx_litellm_op_e;


/* quirks of a row */
#define NGX_LITELLM_Q_STREAM_USAGE   0x0001  /* stream_options understood */
#define NGX_LITELLM_Q_NO_KEY         0x0002  /* works without a key */
#define NGX_LITELLM_Q_BASE_REQUIRED  0x0004  /* has no address of its own */
#define NGX_LITELLM_Q_MAX_TOKENS     0x0008  /* max_completion_tokens has the
                                                older name */
#define NGX_LITELLM_Q_TEXT_CONTENT   0x0010  /* messages whose content is a
                                                list of texts: one string */
#define NGX_LITELLM_Q_AS_CHAT        0x0020  /* no legacy completions: they are
                                                sent as chat */
#define NGX_LITELLM_Q_NO_EMBEDDINGS  0x0040
#define NGX_LITELLM_Q_ALIAS          0x0080  /* another row under a second
                                                name: not listed */
#define NGX_LITELLM_Q_CACHE_CONTROL  0x0100  /* cache_control understood */
#define NGX_LITELLM_Q_DETAILS        0x0200  /* reasoning_details, too */
#define NGX_LITELLM_Q_NO_CHAT        0x0400  /* embeddings and rerank only */


struct ngx_litellm_provider_s {
    ngx_str_t                      name;      /* "openai": the prefix */
    const ngx_litellm_dialect_t   *dialect;
    ngx_str_t                      base;      /* default api_base */
    ngx_str_t                      keys;      /* variables, blank between,
                                                 first set one counts */
    ngx_str_t                      bases;     /* the same for the api_base */
    ngx_str_t                      exception; /* "OpenAIException" */
    ngx_uint_t                     quirks;

    /* what an OpenAI-compatible provider does otherwise; NULL: nothing */
    const ngx_litellm_variant_t   *variant;

    /*
     * Once for each deployment, while the configuration is read, when key and
     * api_base were looked for: settings, d->own, d->api_base, d->alt,
     * d->credential.  May be NULL.  NGX_DECLINED: *why is a lower case
     * sentence, the deployment is left out with it; NGX_ERROR: no memory.
     */
    ngx_int_t                    (*setup)(ngx_litellm_config_env_t *env,
                                          ngx_pool_t *pool,
                                          ngx_litellm_deployment_t *d,
                                          ngx_str_t *why);

    /*
     * The dialect for call->op and call->provider_model where it is not
     * always row->dialect.  May be NULL, and may return NULL: this provider
     * does not serve that kind of request.
     */
    const ngx_litellm_dialect_t *(*select)(ngx_litellm_call_t *call);
};


/*
 * A request as it is seen by everybody below http/.  One for each client
 * request; what changes from attempt to attempt is marked.
 */

struct ngx_litellm_call_s {
    ngx_pool_t                  *pool;
    ngx_log_t                   *log;
    ngx_litellm_op_e             op;
    const ngx_litellm_format_t  *format;       /* client's dialect */

    ngx_str_t                    body;         /* in one piece */
    ngx_litellm_json_doc_t       top;          /* keep 2: its members */

    /* found by format->open() */
    ngx_str_t                    model;        /* UTF-8, as asked for */
    ngx_litellm_json_t          *model_node;   /* NULL: from the path */
    ngx_litellm_json_t          *param[NGX_LITELLM_P_MAX];   /* values */
    uint64_t                     present;      /* bits of param[], null
                                                  values left out */
    ngx_array_t                  extra;        /* ngx_litellm_member_t */
    ngx_array_t                  control;      /* ngx_litellm_member_t: for us,
                                                  never sent upstream */
    unsigned                     stream:1;
    unsigned                     include_usage:1;  /* the client asked */
    unsigned                     duplicates:1; /* a top level key twice */
    unsigned                     parts:1;      /* an image_url or file_data
                                                  may be in the body */
    unsigned                     known:1;      /* top and parts are there
                                                  before it */
    unsigned                     opened:1;     /* so is everything else: of
                                                  ngx_litellm_cache_known.h */

    /* of the deployment tried: set before dialect->request() */
    ngx_litellm_config_t        *config;
    ngx_litellm_deployment_t    *deployment;
    ngx_str_t                    provider_model;   /* stars replaced */
    ngx_str_t                    token;        /* of deployment->credential;
                                                  empty without one */
    unsigned                     drop_params:1;
    unsigned                     ask_usage:1;  /* may add include_usage */

    /* what dialects asked to be fetched: ngx_litellm_fetch() */
    ngx_array_t                 *fetches;      /* ngx_litellm_fetch_t; NULL:
                                                  nothing yet */
    unsigned                     may_fetch:1;

    /* for answers of our own making */
    time_t                       now;
    time_t                       sent;         /* of this exchange, for what
                                                  is signed; 0: now */
    ngx_str_t                    id;           /* "chatcmpl-..." */
};


/* what goes to the provider */
typedef struct {
    ngx_str_t                    method;       /* empty: POST */
    ngx_str_t                    path;         /* with the query */
    ngx_array_t                  headers;      /* ngx_keyval_t: authentication,
                                                  versions; not Host, length,
                                                  type or extra_headers */
    ngx_litellm_out_t            body;
    ngx_str_t                    type;         /* of the body; empty: JSON */
    unsigned                     pass:1;       /* same dialect: the answer goes
                                                  to the client untouched */
    unsigned                     hide_usage:1; /* we asked for the usage event:
                                                  the client must not see it */
    unsigned                     alt:1;        /* to deployment->alt */
    unsigned                     whole:1;      /* of a stream's call: this one
                                                  is answered in one piece, and
                                                  goes to follow() */
    ngx_msec_t                   delay;        /* of follow(): wait before */
    void                        *state;        /* the dialect's own, kept from
                                                  exchange to exchange */
} ngx_litellm_wire_t;


/* what a tap reads from a passing answer */
typedef struct {
    ngx_litellm_usage_t          usage;
    ngx_litellm_finish_e         finish;
    ngx_str_t                    provider_id;
    unsigned                     content:1;    /* something for the user */
    unsigned                     usage_only:1; /* the event holds nothing else
                                                  but usage */
    unsigned                     end:1;        /* [DONE] */
    unsigned                     failed:1;     /* an error event: see error */
    ngx_litellm_error_t          error;

    /*
     * What the client gets in place of the body, or of the data of this event
     * (one line, or more with whole events behind it: LF LF "data: " ...);
     * data.data NULL: the bytes as they came.  Valid until the next call.
     */
    ngx_str_t                    data;
    void                        *state;        /* the variant's own, NULL at
                                                  first */
    void                        *tap;          /* the dialect's own: memory of
                                                  data */
} ngx_litellm_facts_t;


/* state of one translated stream */
typedef struct {
    ngx_litellm_call_t          *call;
    ngx_pool_t                  *pool;
    ngx_litellm_json_doc_t       doc;          /* reused for every event */
    ngx_litellm_event_pt         emit;
    void                        *data;         /* emit's */
    void                        *state;        /* the dialect's own, NULL at
                                                  first */

    /* of the event given to dialect->event(), FRAMES_AWS only */
    unsigned                     exception:1;  /* its name is an exception's */
    ngx_str_t                    message;      /* ":error-message", may be
                                                  empty */
} ngx_litellm_stream_t;


/* how a streamed answer of another dialect is cut into events */
typedef enum {
    NGX_LITELLM_FRAMES_SSE = 0,
    NGX_LITELLM_FRAMES_LINES,        /* a JSON text on each line */
    NGX_LITELLM_FRAMES_AWS           /* application/vnd.amazon.eventstream */
} ngx_litellm_frames_e;


struct ngx_litellm_dialect_s {
    ngx_str_t    name;

    /*
     * Fills wire for call->deployment.  NGX_OK; NGX_DECLINED with *e: the
     * client's fault, or what this provider can't do (no retry will help);
     * NGX_ERROR: no memory.
     */
    ngx_int_t  (*request)(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire,
                          ngx_litellm_error_t *e);

    /*
     * A whole 2xx body of another dialect.  NGX_OK with answer filled (ranges
     * of body); NGX_DECLINED with *e: not an answer; NGX_ERROR.
     */
    ngx_int_t  (*response)(ngx_litellm_call_t *call, ngx_str_t *body,
                           ngx_litellm_answer_t *answer,
                           ngx_litellm_error_t *e);

    /*
     * One server-sent event of another dialect: emits 0 .. n events.
     * NGX_OK; NGX_ERROR for memory or what emit returned.
     */
    ngx_int_t  (*event)(ngx_litellm_stream_t *st, ngx_str_t *name,
                        ngx_str_t *data);

    /*
     * The same dialect: a look at a passing whole body (NGX_DECLINED with
     * facts->error: it is no answer) or event.
     */
    ngx_int_t  (*tap)(ngx_litellm_call_t *call, ngx_str_t *body,
                      ngx_litellm_facts_t *facts);
    ngx_int_t  (*tap_event)(ngx_litellm_call_t *call,
                            ngx_litellm_json_doc_t *doc, ngx_str_t *data,
                            ngx_litellm_facts_t *facts);

    /*
     * An answer with a status of 300 or more, or an error in a stream: class,
     * status, message ("litellm.RateLimitError: ..."), type, param, code.
     * The deployment's key is taken out of the message.
     */
    void       (*error)(ngx_litellm_call_t *call, ngx_uint_t status,
                        ngx_str_t *body, ngx_litellm_error_t *e);

    ngx_litellm_frames_e  frames;

    /*
     * Providers that need several exchanges for one answer (create, then
     * poll).  A whole 2xx body came: NGX_AGAIN: wire was filled anew (its
     * body is empty, its headers too) with the exchange to follow after
     * wire->delay ms; NGX_OK: body, which may be set to another text, is the
     * answer, for response(); NGX_DECLINED with *e; NGX_ERROR.  In a streamed call (st is not NULL) what the body
     * holds for the client is emitted, and NGX_OK means that END was emitted
     * too.  NULL: one exchange is all.
     */
    ngx_int_t  (*follow)(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire,
                         ngx_str_t *body, ngx_litellm_stream_t *st,
                         ngx_litellm_error_t *e);
};


/* the dialect for this call of call->deployment; NULL: the provider does not
   serve such a request */
const ngx_litellm_dialect_t *ngx_litellm_provider_dialect(
    ngx_litellm_call_t *call);

/* the token, if there is one, else the api_key; may be empty */
#define ngx_litellm_call_key(call)                                            \
    ((call)->token.len ? &(call)->token : &(call)->deployment->api_key)

/*
 * An id for a tool call of a provider that gives none: "call_" and 24 hex
 * digits, made of call->id and n (0, 1, ... over the whole answer).
 */
ngx_int_t ngx_litellm_call_tool_id(ngx_litellm_call_t *call, ngx_uint_t n,
    ngx_str_t *id);

/* true if the client, or the deployment for it, gave a parameter */
ngx_uint_t ngx_litellm_call_wants(ngx_litellm_call_t *call,
    ngx_litellm_param_e param);

/* true if a J-string is empty or white space */
ngx_uint_t ngx_litellm_call_blank(ngx_str_t *text);

/* JSON text as a J-string (a call's input to "arguments") */
ngx_int_t ngx_litellm_call_arguments(ngx_pool_t *pool, ngx_litellm_json_t *v,
    ngx_str_t *dst);
/* the same into memory of twice v->len bytes; returns the length */
size_t ngx_litellm_call_quote(u_char *dst, ngx_litellm_json_t *v);

/* the other way, for a call in the history: the text of a JSON object, "{}"
   for none.  NGX_OK; NGX_DECLINED with *e: it is no object; NGX_ERROR */
ngx_int_t ngx_litellm_call_input(ngx_litellm_call_t *call,
    ngx_litellm_tool_call_t *tc, ngx_str_t *json, ngx_litellm_error_t *e);

/* a count of tokens, bounded so that sums can't overflow; old if there is
   none */
int64_t ngx_litellm_call_count(ngx_litellm_json_t *v, const char *name,
    size_t len, int64_t old);
#define ngx_litellm_call_tokens(v, s, old)                                    \
    ngx_litellm_call_count(v, s, sizeof(s) - 1, old)

/*
 * ngx_litellm_names.c: a tool's name (both are J-strings) for a provider that
 * takes [a-zA-Z0-9_-]{1,64} only
 */
ngx_int_t ngx_litellm_tool_name(ngx_pool_t *pool, ngx_str_t *name,
    ngx_str_t *dst);

/* a call's id written for such a provider: each other character becomes "_",
   in the call and in its result */
ngx_int_t ngx_litellm_tool_id(ngx_pool_t *pool, ngx_litellm_out_t *out,
    ngx_str_t *id);

/* what finds the client's own names again; all zero at first */
typedef struct {
    ngx_litellm_json_t          *tools;
    unsigned                     parsed:1;
} ngx_litellm_names_t;

/* changes *name, a J-string of the provider, if the client has another one */
ngx_int_t ngx_litellm_names_restore(ngx_litellm_call_t *call,
    ngx_litellm_names_t *names, ngx_str_t *name);

/* a wire header; value is not copied.  NGX_ERROR: no memory */
ngx_int_t ngx_litellm_wire_header(ngx_litellm_wire_t *wire, const char *key,
    size_t len, ngx_str_t *value);
/*
 * wire->path: what is called below the path of api_base, with its query.  An
 * api_base that ends with it already, as some guides have it, is taken as it
 * is.  NGX_ERROR: no memory
 */
ngx_int_t ngx_litellm_wire_path(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, const char *path, size_t len);

/* "Authorization: Bearer KEY" */
ngx_int_t ngx_litellm_wire_bearer(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_str_t *key);

/* a fault of the client, or what this provider can't do: BadRequestError 400.
   NGX_DECLINED, or NGX_ERROR */
ngx_int_t ngx_litellm_call_bad(ngx_litellm_call_t *call,
    ngx_litellm_error_t *e, const char *text);
/* an answer that can't be used: APIConnectionError 502, retried */
ngx_int_t ngx_litellm_call_broken(ngx_litellm_call_t *call,
    ngx_litellm_error_t *e, const char *text);


/* ngx_litellm_embed.c: what dialects of embeddings share */

/*
 * The request in the neutral form; all of chat->inputs are texts.  *present
 * are the parameters to be sent: those of "supported", and what was allowed.
 * encoding_format is never a reason to refuse: base64 is made of numbers for
 * the client.  NGX_OK, NGX_DECLINED with *e, NGX_ERROR.
 */
ngx_int_t ngx_litellm_embed_parse(ngx_litellm_call_t *call,
    ngx_litellm_json_doc_t *doc, ngx_litellm_chat_t *chat, uint64_t supported,
    uint64_t *present, ngx_litellm_error_t *e);

/* puts an array of numbers (which may be without nodes), or a base64 text, into
   answer->vectors; NGX_DECLINED: it is neither */
ngx_int_t ngx_litellm_embed_vector(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer, ngx_litellm_json_t *v);

/* all elements of an array; NGX_DECLINED: it is none, empty, or one of them
   is no vector */
ngx_int_t ngx_litellm_embed_vectors(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer, ngx_litellm_json_t *list);

/* the end of an answer: one vector for each input, or *e, and the tokens of
   the input (-1: not known).  NGX_OK, NGX_DECLINED, NGX_ERROR */
ngx_int_t ngx_litellm_embed_complete(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer, int64_t tokens, ngx_litellm_error_t *e);

/* a usage of input alone */
void ngx_litellm_embed_usage(ngx_litellm_answer_t *answer, int64_t tokens);


/* ngx_litellm_rerank.c: what dialects of rerank share */

/*
 * Puts an array of results into answer->ranks: no more than top_n of them, and
 * with return_documents the client's documents where the provider gave none
 * back.  NGX_DECLINED: one is no result, or is of no document, or of one a
 * second time.
 */
ngx_int_t ngx_litellm_rerank_read(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer, ngx_litellm_json_t *list);


/*
 * ngx_litellm_fetch.c: what a client gave as a URL, for providers that want
 * its bytes.  Nothing is fetched unless the operator allows it.
 */

struct ngx_litellm_fetch_s {
    ngx_str_t      url;         /* as the client wrote it, UTF-8 */
    ngx_str_t      media;       /* of the answer's Content-Type, lower case,
                                   without parameters; may be empty */
    ngx_str_t      data;        /* base64 of the body */
    const char    *error;       /* why it failed */
    unsigned       done:1;      /* data or error is set */
};

/*
 * For a part's url (a J-string).  NGX_OK: *media and *data are set, both
 * J-strings; NGX_AGAIN: it was put on the list: go on to find the others, then
 * return NGX_AGAIN from request(), which is called again when all are there
 * (wire emptied); NGX_DECLINED with *e: not allowed, or it failed; NGX_ERROR.
 */
ngx_int_t ngx_litellm_fetch(ngx_litellm_call_t *call, ngx_str_t *url,
    ngx_str_t *media, ngx_str_t *data, ngx_litellm_error_t *e);


/*
 * Of what was fetched: f->media of its Content-Type; of its first bytes where
 * that says nothing (empty, octet-stream).  NGX_ERROR: no memory.
 */
ngx_int_t ngx_litellm_fetch_media(ngx_pool_t *pool, ngx_litellm_fetch_t *f,
    ngx_str_t *type, ngx_str_t *body);


/* the dialects */
extern const ngx_litellm_dialect_t  ngx_litellm_openai_dialect;
extern const ngx_litellm_dialect_t  ngx_litellm_anthropic_dialect;
extern const ngx_litellm_dialect_t  ngx_litellm_vertex_anthropic_dialect;
extern const ngx_litellm_dialect_t  ngx_litellm_gemini_dialect;
extern const ngx_litellm_dialect_t  ngx_litellm_gemini_embed_dialect;
extern const ngx_litellm_dialect_t  ngx_litellm_vertex_embed_dialect;
extern const ngx_litellm_dialect_t  ngx_litellm_bedrock_dialect;
extern const ngx_litellm_dialect_t  ngx_litellm_bedrock_embed_dialect;
extern const ngx_litellm_dialect_t  ngx_litellm_cohere_dialect;
extern const ngx_litellm_dialect_t  ngx_litellm_cohere_embed_dialect;
extern const ngx_litellm_dialect_t  ngx_litellm_rerank_dialect;
extern const ngx_litellm_dialect_t  ngx_litellm_huggingface_embed_dialect;
extern const ngx_litellm_dialect_t  ngx_litellm_huggingface_rerank_dialect;
extern const ngx_litellm_dialect_t  ngx_litellm_ollama_dialect;
extern const ngx_litellm_dialect_t  ngx_litellm_ollama_generate_dialect;
extern const ngx_litellm_dialect_t  ngx_litellm_ollama_embed_dialect;
extern const ngx_litellm_dialect_t  ngx_litellm_replicate_dialect;

/* rows' setup() and select(), each in the file of its provider */
ngx_int_t ngx_litellm_azure_setup(ngx_litellm_config_env_t *env,
    ngx_pool_t *pool, ngx_litellm_deployment_t *d, ngx_str_t *why);
ngx_int_t ngx_litellm_azure_ai_setup(ngx_litellm_config_env_t *env,
    ngx_pool_t *pool, ngx_litellm_deployment_t *d, ngx_str_t *why);
ngx_int_t ngx_litellm_vertex_setup(ngx_litellm_config_env_t *env,
    ngx_pool_t *pool, ngx_litellm_deployment_t *d, ngx_str_t *why);
ngx_int_t ngx_litellm_bedrock_setup(ngx_litellm_config_env_t *env,
    ngx_pool_t *pool, ngx_litellm_deployment_t *d, ngx_str_t *why);
ngx_int_t ngx_litellm_bedrock_mantle_setup(ngx_litellm_config_env_t *env,
    ngx_pool_t *pool, ngx_litellm_deployment_t *d, ngx_str_t *why);
ngx_int_t ngx_litellm_replicate_setup(ngx_litellm_config_env_t *env,
    ngx_pool_t *pool, ngx_litellm_deployment_t *d, ngx_str_t *why);
ngx_int_t ngx_litellm_cloudflare_setup(ngx_litellm_config_env_t *env,
    ngx_pool_t *pool, ngx_litellm_deployment_t *d, ngx_str_t *why);
ngx_int_t ngx_litellm_openrouter_setup(ngx_litellm_config_env_t *env,
    ngx_pool_t *pool, ngx_litellm_deployment_t *d, ngx_str_t *why);
ngx_int_t ngx_litellm_databricks_setup(ngx_litellm_config_env_t *env,
    ngx_pool_t *pool, ngx_litellm_deployment_t *d, ngx_str_t *why);
ngx_int_t ngx_litellm_datarobot_setup(ngx_litellm_config_env_t *env,
    ngx_pool_t *pool, ngx_litellm_deployment_t *d, ngx_str_t *why);

const ngx_litellm_dialect_t *ngx_litellm_azure_ai_select(
    ngx_litellm_call_t *call);
const ngx_litellm_dialect_t *ngx_litellm_gemini_select(
    ngx_litellm_call_t *call);
const ngx_litellm_dialect_t *ngx_litellm_vertex_select(
    ngx_litellm_call_t *call);
const ngx_litellm_dialect_t *ngx_litellm_bedrock_select(
    ngx_litellm_call_t *call);
const ngx_litellm_dialect_t *ngx_litellm_cohere_select(
    ngx_litellm_call_t *call);
const ngx_litellm_dialect_t *ngx_litellm_huggingface_select(
    ngx_litellm_call_t *call);
const ngx_litellm_dialect_t *ngx_litellm_ollama_select(
    ngx_litellm_call_t *call);
const ngx_litellm_dialect_t *ngx_litellm_openai_select(
    ngx_litellm_call_t *call);     /* rerank beside OpenAI's own */

/* what OpenAI-compatible providers do otherwise: ngx_litellm_openai_dialect.h */
extern const ngx_litellm_variant_t  ngx_litellm_azure_variant;
extern const ngx_litellm_variant_t  ngx_litellm_azure_ai_variant;
extern const ngx_litellm_variant_t  ngx_litellm_mistral_variant;
extern const ngx_litellm_variant_t  ngx_litellm_groq_variant;
extern const ngx_litellm_variant_t  ngx_litellm_deepseek_variant;
extern const ngx_litellm_variant_t  ngx_litellm_together_variant;
extern const ngx_litellm_variant_t  ngx_litellm_openrouter_variant;
extern const ngx_litellm_variant_t  ngx_litellm_huggingface_variant;
extern const ngx_litellm_variant_t  ngx_litellm_voyage_variant;
extern const ngx_litellm_variant_t  ngx_litellm_fireworks_variant;
extern const ngx_litellm_variant_t  ngx_litellm_parasail_variant;
extern const ngx_litellm_variant_t  ngx_litellm_ragflow_variant;
extern const ngx_litellm_variant_t  ngx_litellm_sarvam_variant;
extern const ngx_litellm_variant_t  ngx_litellm_scx_variant;
extern const ngx_litellm_variant_t  ngx_litellm_v1_variant;

extern const ngx_litellm_provider_t  ngx_litellm_providers[];  /* name.len 0
                                                                  ends it */

const ngx_litellm_provider_t *ngx_litellm_provider_find(ngx_str_t *name);

/*
 * For ngx_litellm_config_env_t.provider: splits the prefix off, or finds the
 * provider by custom_llm_provider, a known host, or the model table.
 */
ngx_int_t ngx_litellm_provider_detect(ngx_litellm_config_env_t *env,
    ngx_pool_t *pool, ngx_litellm_deployment_t *d, ngx_str_t *hint);

/* for ngx_litellm_config_env_t.direct: ngx_litellm_direct.c */
ngx_int_t ngx_litellm_provider_direct(ngx_litellm_config_env_t *env,
    ngx_pool_t *pool, ngx_uint_t n, ngx_litellm_deployment_t *d);

/* for ngx_litellm_config_env_t.price: ngx_litellm_provider_price.c */
const ngx_litellm_price_t *ngx_litellm_provider_price(
    ngx_litellm_prices_t *prices, ngx_litellm_deployment_t *d,
    ngx_str_t *model, ngx_uint_t base);

/*
 * ngx_litellm_price_calculate.c: LiteLLM's /spend/calculate: {"model",
 * "messages"} is the price of the prompt, {"completion_response": {"model",
 * "usage"}} that of an answer, "model" beside it counts first.  A model is a group of the configuration (its first
 * deployment with a price), "provider/model", or a name that everybody knows.
 * NGX_OK with *cost; NGX_DECLINED with *e (400); NGX_ERROR: no memory.
 */
ngx_int_t ngx_litellm_price_calculate(ngx_pool_t *pool,
    ngx_litellm_config_t *config, ngx_str_t *body, time_t now,
    ngx_litellm_cost_t *cost, ngx_litellm_error_t *e);

/*
 * The first of the variables (blank between) that is set to a text without
 * control characters, copied; NGX_DECLINED: none is.
 */
ngx_int_t ngx_litellm_provider_variable(ngx_litellm_config_env_t *env,
    ngx_pool_t *pool, const ngx_str_t *names, ngx_str_t *value);

/* a setting of the deployment, else the first of the variables that is set */
ngx_int_t ngx_litellm_provider_setting(ngx_litellm_config_env_t *env,
    ngx_pool_t *pool, ngx_litellm_deployment_t *d, const char *name,
    const char *variables, ngx_str_t *value);

/*
 * mock_response of the deployment as an answer.  NGX_OK, or NGX_DECLINED with
 * *e for LiteLLM's "litellm.RateLimitError" forms.
 */
ngx_int_t ngx_litellm_mock_answer(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer, ngx_litellm_error_t *e);


/* ngx_litellm_params.c: what top level members mean */

typedef enum {
    NGX_LITELLM_PARAM_OPENAI = 0,   /* id is an ngx_litellm_param_e */
    NGX_LITELLM_PARAM_BODY,         /* model, messages, prompt, input */
    NGX_LITELLM_PARAM_CONTROL,      /* for the gateway, not sent upstream */
    NGX_LITELLM_PARAM_REFUSED,      /* api_key ...: 401 */
    NGX_LITELLM_PARAM_SILENT        /* dropped without a word */
} ngx_litellm_param_kind_e;

/* id of a BODY member */
#define NGX_LITELLM_BODY_MODEL     0
#define NGX_LITELLM_BODY_MESSAGES  1
#define NGX_LITELLM_BODY_PROMPT    2
#define NGX_LITELLM_BODY_INPUT     3

/* id of a CONTROL member */
#define NGX_LITELLM_CONTROL_PLAIN  0
#define NGX_LITELLM_CONTROL_MOCK   1    /* 400 unless the configuration allows
                                           test switches */
#define NGX_LITELLM_CONTROL_SERVING  2  /* how the request is served: nothing
                                           that the answer depends on */

/* a name is in place: it is read by each request, from memory that is cold */

#define NGX_LITELLM_PARAM_LONGEST  31

typedef struct {
    u_char                       name[NGX_LITELLM_PARAM_LONGEST + 1];
    uint8_t                      len;
    uint8_t                      kind;       /* ngx_litellm_param_kind_e */
    uint8_t                      id;
} ngx_litellm_param_t;

/* NULL: nobody's, sent on as it is */
const ngx_litellm_param_t *ngx_litellm_param_find(const u_char *name,
    size_t len);

ngx_str_t *ngx_litellm_param_name(ngx_uint_t id);

/* "stop" is a text or a list of texts, of which no more than max are read */
typedef struct {
    ngx_litellm_json_t          *value;
    ngx_uint_t                   left;
} ngx_litellm_stop_t;

/* v: with its elements; NULL: there are none */
void ngx_litellm_stop_begin(ngx_litellm_stop_t *stop, ngx_litellm_json_t *v,
    ngx_uint_t max);
/* NGX_OK with the next one, a string; NGX_DONE; NGX_DECLINED with *e: that is
   no text; NGX_ERROR */
ngx_int_t ngx_litellm_stop_next(ngx_litellm_call_t *call,
    ngx_litellm_stop_t *stop, ngx_litellm_json_t **v, ngx_litellm_error_t *e);

/*
 * response_format.  NGX_OK: JSON is asked for, and *schema is the value in the
 * place of a schema, or NULL; NGX_DONE: another type; NGX_DECLINED: without a
 * type.
 */
ngx_int_t ngx_litellm_response_format(ngx_litellm_json_t *v,
    ngx_litellm_json_t **schema);

/* words of reasoning_effort, in their order */
typedef enum {
    NGX_LITELLM_EFFORT_NONE = 0,
    NGX_LITELLM_EFFORT_MINIMAL,
    NGX_LITELLM_EFFORT_LOW,
    NGX_LITELLM_EFFORT_MEDIUM,
    NGX_LITELLM_EFFORT_HIGH,
    NGX_LITELLM_EFFORT_XHIGH,
    NGX_LITELLM_EFFORT_MAX,
    NGX_LITELLM_EFFORTS
} ngx_litellm_effort_e;

/*
 * The word, or the "effort" of an object.  disable: "disable" is none, too;
 * NGX_OK; NGX_DECLINED with *e: it is none of them; NGX_ERROR.
 */
ngx_int_t ngx_litellm_effort(ngx_litellm_call_t *call, ngx_litellm_json_t *v,
    ngx_uint_t disable, ngx_litellm_effort_e *effort, ngx_litellm_error_t *e);

/*
 * Of the parameters in "present", those outside "supported": with
 * call->drop_params they are taken out (*present changes), else NGX_DECLINED
 * with UnsupportedParamsError.  What the deployment allows
 * (allowed_openai_params) is supported, what it drops (additional_drop_params)
 * is gone before.
 */
ngx_int_t ngx_litellm_params_check(ngx_litellm_call_t *call,
    uint64_t *present, uint64_t supported, ngx_litellm_error_t *e);

/* the client's additional_drop_params or allowed_openai_params: an array node
   with its elements, NULL without one; NGX_ERROR: no memory */
ngx_int_t ngx_litellm_params_list(ngx_litellm_call_t *call, const char *name,
    size_t len, ngx_litellm_json_t **list);


/*
 * Class, status, message, type, param and code from a provider's error body;
 * shared by dialects with OpenAI-like texts (LiteLLM's exception mapping: text
 * rules run before statuses).
 */
void ngx_litellm_error_openai(ngx_litellm_call_t *call, ngx_uint_t status,
    ngx_str_t *body, ngx_litellm_error_t *e);

/* a table of what texts of errors mean ends with NULL */
typedef struct {
    const char                  *text;         /* without regard to case */
    const char                  *other;        /* must be there too; or NULL */
    ngx_litellm_class_e          class;
    ngx_uint_t                   status;
} ngx_litellm_error_rule_t;

/* the first one that is true of the text's beginning; NULL: none is */
const ngx_litellm_error_rule_t *ngx_litellm_error_rule(ngx_str_t *text,
    const ngx_litellm_error_rule_t *rules);

/* a word of an error's body, and the status that it stands for */
typedef struct {
    ngx_str_t                    word;
    ngx_uint_t                   status;
} ngx_litellm_error_word_t;

/* of a string; 0: it is none, or not one of these n */
ngx_uint_t ngx_litellm_error_word(ngx_litellm_json_t *v,
    const ngx_litellm_error_word_t *words, ngx_uint_t n);

/* bytes of the shortest secret of the deployment: shorter texts hold none */
size_t ngx_litellm_error_shortest(ngx_litellm_call_t *call);
/* true if s holds a secret of the deployment */
ngx_uint_t ngx_litellm_error_tells(ngx_litellm_call_t *call, ngx_str_t *s);

/* takes every place of the deployment's secrets out of *e */
void ngx_litellm_error_scrub(ngx_litellm_call_t *call,
    ngx_litellm_error_t *e);

/* e->message = "litellm.<Class>: <exception> - <text>" */
ngx_int_t ngx_litellm_error_set(ngx_litellm_call_t *call,
    ngx_litellm_error_t *e, ngx_litellm_class_e class, ngx_uint_t status,
    ngx_str_t *text);


#endif /* _NGX_LITELLM_PROVIDER_H_INCLUDED_ */
