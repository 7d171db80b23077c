
/*
 * The nginx-aware layer: configuration, the request's context, attempts.
 * Read ngx_http_litellm_handler.c first.
 */

#ifndef _NGX_HTTP_LITELLM_H_INCLUDED_
#define _NGX_HTTP_LITELLM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ngx_litellm_json.h"
#include "ngx_litellm_out.h"
#include "ngx_litellm_sse.h"
#include "ngx_litellm_frames.h"
#include "ngx_litellm_chat.h"
#include "ngx_litellm_error.h"
#include "ngx_litellm_config.h"
#include "ngx_litellm_date.h"
#include "ngx_litellm_principal.h"
#include "ngx_litellm_guard.h"
#include "ngx_litellm_provider.h"
#include "ngx_litellm_format.h"
#include "ngx_litellm_gather.h"
#include "ngx_litellm_cache_known.h"
#include "ngx_http_litellm_compat.h"
#include "ngx_http_litellm_memory.h"
#include "ngx_http_litellm_origin.h"
#include "ngx_http_litellm_token.h"
#include "ngx_http_litellm_state.h"
#include "ngx_litellm_price.h"
#include "ngx_litellm_redact.h"
#include "ngx_http_litellm_state_file.h"
#include "ngx_http_litellm_cache_conf.h"


#define NGX_HTTP_LITELLM_VERSION  "0.1.0"

/* what of a request's content logs may have */
#define NGX_HTTP_LITELLM_LOG_OFF       0x01
#define NGX_HTTP_LITELLM_LOG_REQUEST   0x02
#define NGX_HTTP_LITELLM_LOG_RESPONSE  0x04


typedef struct ngx_http_litellm_ctx_s      ngx_http_litellm_ctx_t;
typedef struct ngx_http_litellm_attempt_s  ngx_http_litellm_attempt_t;
typedef struct ngx_http_litellm_fetching_s  ngx_http_litellm_fetching_t;
typedef struct ngx_http_litellm_pulse_s    ngx_http_litellm_pulse_t;
typedef struct ngx_http_litellm_continue_s  ngx_http_litellm_continue_t;
typedef struct ngx_http_litellm_hedging_s  ngx_http_litellm_hedging_t;
typedef struct ngx_http_litellm_caching_s  ngx_http_litellm_caching_t;
typedef struct ngx_http_litellm_asker_s    ngx_http_litellm_asker_t;
typedef struct ngx_http_litellm_zone_s     ngx_http_litellm_zone_t;
typedef struct ngx_http_litellm_token_s    ngx_http_litellm_token_t;
typedef struct ngx_http_litellm_bill_s     ngx_http_litellm_bill_t;
typedef struct ngx_http_litellm_redis_s    ngx_http_litellm_redis_t;
typedef struct ngx_http_litellm_deposit_s  ngx_http_litellm_deposit_t;
typedef struct ngx_http_litellm_cache_conf_s  ngx_http_litellm_cache_conf_t;
typedef struct ngx_http_litellm_metrics_conf_s
    ngx_http_litellm_metrics_conf_t;


/* a place where requests go: one per scheme, host and port */
typedef struct {
    ngx_str_node_t                   sn;         /* "https://host:443" */
    ngx_uint_t                       index;
    ngx_litellm_url_t                url;
    ngx_http_litellm_origin_t       *origin;     /* NULL: a declared group */
    ngx_http_upstream_srv_conf_t    *upstream;
    ngx_http_complex_value_t         ssl_name;
} ngx_http_litellm_endpoint_t;


/* where somebody's id comes from: litellm_principal */
typedef struct {
    ngx_http_complex_value_t        *value;      /* NULL: nowhere */
    ngx_uint_t                       required;
} ngx_http_litellm_source_t;


typedef struct {
    ngx_str_t                        path;       /* empty: none */
    ngx_array_t                     *keys;       /* ngx_str_t; NULL: none */
    ngx_uint_t                       direct;
    ngx_litellm_config_t            *config;
} ngx_http_litellm_file_t;


typedef struct {
    ngx_array_t                      files;      /* ngx_http_litellm_file_t */
    ngx_array_t                      origins;    /* ..._origin_t * */
    ngx_rbtree_t                     endpoints;  /* ..._endpoint_t */
    ngx_rbtree_node_t                sentinel;
    ngx_uint_t                       nendpoints; /* their indices */
    ngx_array_t                      tokens;     /* ..._token_t * */
    ngx_array_t                      checks;     /* ..._checks_t * */
    ngx_array_t                      env_files;  /* ngx_str_t */
    ngx_array_t                     *env;        /* ngx_keyval_t, of the
                                                    files; NULL: not read */
    ngx_shm_zone_t                  *zone;
    ngx_shm_zone_t                  *cache_zone; /* the first one declared, or
                                                    the default; NULL: none */
    ngx_array_t                      cache_zones;   /* ngx_shm_zone_t *: those
                                                    that are shared by Redis */
    ngx_http_litellm_state_file_t   *state;      /* NULL: none */
    ngx_msec_t                       limit_window;
    unsigned                         limit_sliding:1;
    unsigned                         limit_set:1;
    ngx_litellm_prices_t            *prices;     /* NULL: no map was read */
    ngx_http_litellm_redis_t        *redis;      /* NULL: none */
    ngx_http_litellm_redis_t        *cache_redis;   /* of answers; the same */
    ngx_uint_t                       redis_limits;  /* UNSET: async */
    ngx_msec_t                       redis_interval;
    ngx_flag_t                       redis_fail_closed;
    ngx_flag_t                       redis_keys;
    ngx_http_litellm_metrics_conf_t *metrics;    /* NULL: off */
    unsigned                         metrics_off:1;
    ngx_str_t                        status_policy;  /* of the status page */
    unsigned                         cache_shared:1;   /* some location keeps
                                                    answers in a Redis */
    unsigned                         cache_redis_set:1;     /* by a directive */
    unsigned                         cache_redis_named:1;   /* by the YAML */
    unsigned                         used:1;     /* some location serves */
} ngx_http_litellm_main_conf_t;


typedef struct {
    ngx_flag_t                       enable;
    ngx_uint_t                       status;     /* ..._status_e */
    ngx_str_t                        config_path;
    ngx_uint_t                       direct;     /* ngx_litellm_direct_e */
    ngx_litellm_config_t            *config;

    ngx_array_t                     *keys;       /* files: ngx_str_t */
    ngx_http_litellm_source_t        sources[NGX_LITELLM_PRINCIPALS];
    ngx_uint_t                       by_variable;    /* one of these names
                                                        who asks */

    size_t                           max_body_size;
    size_t                           body_buffer_size;
    size_t                           buffer_size;
    size_t                           max_response_size;
    size_t                           max_event_size;
    size_t                           hold_size;

    ngx_msec_t                       connect_timeout;
    ngx_msec_t                       send_timeout;
    ngx_msec_t                       read_timeout;
    ngx_flag_t                       socket_keepalive;

    ngx_flag_t                       stream_continue;  /* UNSET: the file's */
    size_t                           stream_continue_size;
    ngx_msec_t                       stream_idle_timeout;  /* the same */
    ngx_msec_t                       stream_keepalive;     /* the same */
    ngx_uint_t                       stream_keepalive_early;
    ngx_litellm_hedge_t             *hedge;      /* NULL: the file's */

    ngx_flag_t                       trace_context;   /* UNSET: the file's */

    ngx_uint_t                       log_content;  /* ..._LOG_... */
    size_t                           log_content_size;
    ngx_uint_t                       log_redact;   /* NGX_LITELLM_REDACT_... */

    ngx_flag_t                       limit_dry_run;

    ngx_http_litellm_cache_set_t     cache_set;
    ngx_http_litellm_cache_conf_t   *cache;      /* NULL: nothing is kept */

    ngx_uint_t                       next_upstream;
    ngx_uint_t                       next_upstream_tries;
    ngx_msec_t                       next_upstream_timeout;

    ngx_uint_t                       keepalive;
    ngx_uint_t                       keepalive_requests;
    ngx_msec_t                       keepalive_timeout;
    ngx_msec_t                       resolve_valid;

    ngx_msec_t                       health_timeout;
    ngx_msec_t                       health_valid;
    ngx_uint_t                       health_parallel;

    ngx_flag_t                       fetch;
    size_t                           fetch_max_size;
    ngx_msec_t                       fetch_timeout;
    ngx_litellm_guard_t              fetch_guard;
    ngx_http_litellm_origin_t       *fetch_host;
    ngx_http_upstream_conf_t        *fetch_conf;

#if (NGX_HTTP_SSL)
    ngx_ssl_t                       *ssl;
    ngx_uint_t                       ssl_protocols;
    ngx_str_t                        ssl_ciphers;
    ngx_flag_t                       ssl_verify;
    ngx_uint_t                       ssl_verify_depth;
    ngx_str_t                        ssl_trusted_certificate;
    ngx_str_t                        ssl_crl;
    ngx_flag_t                       ssl_session_reuse;
#endif

    ngx_http_upstream_conf_t        *upstreams;  /* by endpoint's index */
    ngx_http_conf_ctx_t              conf_ctx;   /* of the location: for
                                                    requests of our own */
} ngx_http_litellm_loc_conf_t;


/* what a client asked for: ngx_http_litellm_api.c */
typedef struct {
    ngx_str_t                        path;       /* "*": {model} */
    ngx_uint_t                       methods;
    ngx_int_t                      (*handler)(ngx_http_request_t *r,
                                              ngx_http_litellm_ctx_t *ctx);
    const ngx_litellm_format_t      *format;     /* of a POST to a model */
    ngx_litellm_op_e                 op;
    unsigned                         open:1;     /* no key asked for */
} ngx_http_litellm_api_t;


/* what is watched while a stream is silent: ngx_http_litellm_pulse.c */
struct ngx_http_litellm_pulse_s {
    ngx_event_t                      event;
    ngx_http_request_t              *request;
    ngx_msec_t                       interval;   /* of comments; 0: none */
    ngx_msec_t                       idle;       /* 0: no limit */
    ngx_msec_t                       heard;      /* the last event */
    ngx_msec_t                       sent;       /* the last bytes */
    ngx_buf_t                        buf;
    ngx_chain_t                      link;
};


/* phases of an attempt, and how it reads its answer */
typedef enum {
    NGX_HTTP_LITELLM_COLLECT = 0,    /* whole body, then looked at */
    NGX_HTTP_LITELLM_PASS,           /* events of our client's dialect */
    NGX_HTTP_LITELLM_TRANSLATE       /* events of another one */
} ngx_http_litellm_mode_e;


typedef void (*ngx_http_litellm_done_pt)(ngx_http_litellm_attempt_t *a);
typedef ngx_int_t (*ngx_http_litellm_step_pt)(ngx_http_litellm_attempt_t *a);


/*
 * What the module's context of a request begins with: a client's request has
 * a ngx_http_litellm_ctx_t, the clone of an attempt that attempt.
 */
typedef struct {
    ngx_http_litellm_attempt_t      *attempt;    /* NULL: a client's */
} ngx_http_litellm_role_t;


/* a streamed answer on its way: ngx_http_litellm_stream.c */
typedef struct {
    ngx_litellm_sse_t                sse;
    ngx_litellm_frames_t             frames;     /* TRANSLATE, if not SSE */
    ngx_litellm_json_doc_t           doc;        /* PASS: the tap's */
    ngx_litellm_stream_t             decoder;    /* TRANSLATE */
    ngx_litellm_writer_t             writer;
    ngx_litellm_out_t                out;        /* held until the commit,
                                                    then moved to out_bufs */
    ngx_chain_t                     *tail;       /* of out_bufs, if there are
                                                    any */

    /* between two exchanges: pages, and those on their way to the client */
    ngx_chain_t                     *free;
    ngx_chain_t                     *busy;
} ngx_http_litellm_stream_t;


/* a header of the provider's, and what its name for the client begins with */

#define NGX_HTTP_LITELLM_NAMED      "llm_provider-"
#define NGX_HTTP_LITELLM_NAMED_LEN  (sizeof(NGX_HTTP_LITELLM_NAMED) - 1)

typedef struct {
    ngx_str_t                        key;
    ngx_str_t                        value;
    u_char                          *lowcase;    /* the prefix is before it */
} ngx_http_litellm_header_t;


/* of a stream: what its content is estimated by if no usage comes */
typedef struct {
    uint64_t                         bytes;      /* of text, or of events */
    uint32_t                         events;     /* that passed; 0: bytes are
                                                    those of text */
    uint32_t                         least;      /* bytes of the shortest one */
} ngx_http_litellm_heard_t;


/*
 * One call of one deployment (architecture 4): one exchange, or several where
 * the dialect has a follow().  An exchange is a clone subrequest with an
 * upstream of its own.  The attempt ends exactly once: done is set and, unless
 * it was cancelled with the request, the parent is woken.
 */

struct ngx_http_litellm_attempt_s {
    ngx_http_litellm_role_t          role;
    ngx_http_request_t              *parent;
    ngx_http_request_t              *request;    /* the clone */
    ngx_http_litellm_ctx_t          *ctx;        /* the parent's */
    ngx_litellm_call_t              *call;
    ngx_litellm_deployment_t        *deployment;
    const ngx_litellm_dialect_t     *dialect;
    ngx_http_litellm_endpoint_t     *endpoint;
    ngx_litellm_url_t               *url;        /* of this exchange */
    ngx_array_t                     *extra;      /* the operator's headers */
    ngx_http_upstream_conf_t        *conf;
    ngx_litellm_wire_t               wire;
    ngx_http_litellm_resolve_t       resolve;
    ngx_http_litellm_token_wait_t    token;
    ngx_http_litellm_fetching_t     *fetching;   /* NULL: nothing */
    ngx_event_t                      event;      /* next is due */
    ngx_http_litellm_step_pt         next;
    ngx_http_request_t              *spent;      /* the exchange before */
    ngx_http_post_subrequest_t       post;

    /* the provider's answer */
    ngx_uint_t                       status;     /* 0: no header yet */
    ngx_uint_t                       said;       /* the same, of a server of
                                                    the group asked before */
    ngx_msec_t                       said_after; /* its Retry-After */
    ngx_http_upstream_handler_pt     read;      /* of the engine */
    ngx_http_status_t                status_line;
    ngx_array_t                      headers;    /* ..._header_t */
    ngx_str_t                        content_type;
    ngx_http_chunked_t               chunked;
    ngx_http_litellm_mode_e          mode;

    /* not at the end, as those of the request */

    unsigned                         raw:1;      /* only its bytes count:
                                                    of ..._fetch.c */
    unsigned                         second:1;   /* begun beside another */
    unsigned                         resolving:1;
    unsigned                         renewed:1;     /* its token was */
    unsigned                         done:1;
    unsigned                         is_chunked:1;
    unsigned                         body_done:1;   /* its end was seen */
    unsigned                         complete:1;    /* the stream's end mark */
    unsigned                         committed:1;   /* header went out */
    unsigned                         given_up:1;    /* ended by ourselves */
    unsigned                         taken:1;    /* the provider had all of an
                                                    exchange before this one */
    unsigned                         charged:1;     /* cost is final */
    unsigned                         priced:1;      /* ... and known */
    unsigned                         left:1;        /* nobody waited for its
                                                       end: metrics' */

    u_char                          *body;       /* COLLECT */
    size_t                           size;
    size_t                           alloc;      /* 0: in u->buffer */
    size_t                           max;        /* 0: the location's */

    ngx_http_litellm_stream_t       *stream;     /* PASS, TRANSLATE */
    ngx_litellm_facts_t              facts;      /* of the whole answer */
    ngx_litellm_answer_t            *answer;     /* translated whole answer */
    ngx_litellm_error_t              error;      /* class 0: it is good */

    /* what it costs: ngx_http_litellm_cost.c */
    ngx_http_litellm_attempt_t      *before;     /* of this request */
    const ngx_litellm_price_t       *price;      /* NULL: unknown */
    ngx_litellm_cost_t               cost;       /* when it was charged */
    ngx_http_litellm_heard_t         heard;

    ngx_int_t                        rc;         /* why the engine ended it */
    ngx_msec_t                       start;
    ngx_msec_t                       deadline;   /* 0: none */
    ngx_msec_t                       first;      /* ms to the commit */
    ngx_msec_t                       end;        /* if charged */
    ngx_http_litellm_lease_t         lease;      /* of its deployment */
    ngx_uint_t                       number;     /* of the request's, from 1 */
    ngx_http_litellm_continue_t     *cont;       /* NULL: not asked for */
    ngx_litellm_gather_t            *capture;    /* the same */
    ngx_http_litellm_done_pt         handler;    /* NULL: wake the parent */
    void                            *data;

    ngx_http_litellm_deposit_t      *deposit;    /* of its deployment's budget;
                                                    NULL: it has none */
};


/* a list of fallbacks being walked */
typedef struct {
    ngx_array_t   *targets;      /* ngx_str_t */
    ngx_uint_t     next;
} ngx_http_litellm_frame_t;


/* what has failed so far: most requests have none of this */
typedef struct {
    ngx_array_t                      refused;    /* ..._deployment_t * that
                                                    can't serve this request */
    ngx_array_t                      failed;     /* the same, that failed in
                                                    this group; only with
                                                    enable_weighted_failover */
    ngx_uint_t                       failovers;  /* to those not in it */
    ngx_array_t                      tried;      /* ngx_str_t: groups */
    ngx_array_t                      frames;     /* ..._frame_t, a stack */
    ngx_int_t                        again[NGX_LITELLM_CLASSES];
                                                 /* retries done in this group,
                                                    by what failed */
    ngx_litellm_error_t              first_error;    /* of the first group */
} ngx_http_litellm_trail_t;


/* fallbacks by the kind of error */
typedef enum {
    NGX_HTTP_LITELLM_GENERAL = 0,
    NGX_HTTP_LITELLM_WINDOW,             /* context_window_fallbacks */
    NGX_HTTP_LITELLM_POLICY,             /* content_policy_fallbacks */
    NGX_HTTP_LITELLM_TABLES
} ngx_http_litellm_table_e;


/* what a deployment must have to serve the request, in the current group */
typedef enum {
    NGX_HTTP_LITELLM_TAGS_ALL = 0,       /* nothing */
    NGX_HTTP_LITELLM_TAGS_CONSTRAINTS,   /* what "&" and "!" say, as below */
    NGX_HTTP_LITELLM_TAGS_DEFAULT,       /* the tag "default" */
    NGX_HTTP_LITELLM_TAGS_REGEX,         /* a tag_regex that matches */
    NGX_HTTP_LITELLM_TAGS_NAMED          /* tags of the request, or that */
} ngx_http_litellm_tags_e;


/*
 * On whose behalf a request is made: ngx_http_litellm_who.c.  The ids are
 * there without records, too; all of it is held for the request.
 */
typedef struct {
    ngx_litellm_principal_t         *key;
    ngx_litellm_principal_t         *team;
    ngx_litellm_principal_t         *user;
    ngx_litellm_principal_t         *end_user;   /* from who_check() on */
    ngx_str_t                        team_id;
    ngx_str_t                        user_id;
    ngx_str_t                        end_user_id;
    unsigned                         master:1;   /* the master key: no limits */
    unsigned                         admin:1;    /* may manage: the same, or a
                                                    user's of that role */
} ngx_http_litellm_who_t;


/* what all attempts of a request took */
typedef struct {
    int64_t                          prompt;
    int64_t                          completion;
    int64_t                          cached;
    int64_t                          reasoning;
    ngx_litellm_cost_t               cost;
    unsigned                         known:1;    /* as of usage */
    unsigned                         estimated:1;
    unsigned                         unpriced:1; /* of one no price is known */
} ngx_http_litellm_spent_t;


struct ngx_http_litellm_ctx_s {
    ngx_http_litellm_role_t          role;
    ngx_http_request_t              *request;
    ngx_pool_t                      *pool;       /* for what the module makes
                                                    of the request; not to be
                                                    read by cleanups of nginx's
                                                    own or of other modules */
    ngx_http_litellm_memory_t       *memory;     /* NULL: of none; the pool is
                                                    the request's */
    const ngx_http_litellm_api_t    *api;
    u_char                          *uri;        /* that it is of */
    ngx_str_t                        path;       /* behind the prefix */
    ngx_str_t                        path_model; /* {model} of the path */
    ngx_uint_t                       step;

    ngx_litellm_call_t               call;
    ngx_litellm_error_t              error;
    ngx_http_litellm_who_t           who;

    ngx_msec_t                       start;      /* the body is there */
    u_char                           id[48];     /* "chatcmpl-" + UUID */
    ngx_str_t                        call_id;    /* x-litellm-call-id */

    /* route: where the request stands (ngx_http_litellm_route.c) */
    ngx_str_t                        group;      /* being tried */
    ngx_array_t                     *candidates; /* its ..._deployment_t * */
    ngx_str_t                        captured[4];
    ngx_uint_t                       ncaptured;
    ngx_litellm_plan_t              *plan;       /* of these */
    ngx_uint_t                       level;      /* of order, being tried */
    uint64_t                         affinity;   /* if has_affinity */
    ngx_str_t                        session;
    ngx_array_t                     *tags;       /* ..._tag_t; NULL: none */
    ngx_http_litellm_tags_e          tag_rule;
    ngx_str_t                        agent;      /* for tag_regex; empty: none */
    uint64_t                         matched;    /* bits of tag_regex: those
                                                    that agent matches */
    uint64_t                         unmatched;  /* those that it does not */
    ngx_http_litellm_trail_t        *trail;      /* NULL: nothing failed */
    ngx_array_t                     *own_fallbacks;  /* ngx_str_t: client's */
    ngx_array_t                     *own_tables[NGX_HTTP_LITELLM_TABLES];
                                                 /* ngx_litellm_fallback_t: the
                                                    same by source; NULL: none */
    ngx_int_t                        max_fallbacks;  /* the same; -1: none */
    ngx_uint_t                       fallbacks;  /* hops done */
    ngx_int_t                        retries;    /* done in this group */
    uint64_t                         tokens;     /* it may take, about */
    ngx_http_litellm_lease_t         lease;      /* of what was picked, until
                                                    its attempt has it */
    ngx_uint_t                       attempts;   /* done in all */
    size_t                           fetched;    /* bytes, by all attempts */
    ngx_msec_t                       timeout;    /* of the client; 0: none */
    ngx_msec_t                       stream_timeout;
    ngx_int_t                        num_retries;/* of the client; -1: none */
    ngx_msec_t                       keepalive;  /* the same; UNSET: none */
    ngx_litellm_class_e              mock_error; /* to be had before any
                                                    attempt; 0: none */
    ngx_flag_t                       drop_params;

    /* not at the end, whose zeros are not at hand as soon as written */

    unsigned                         authorized:1;
    unsigned                         backoff:1;
    unsigned                         header_sent:1;
    unsigned                         responded:1;   /* the answer is ours */
    unsigned                         page_sent:1;
    unsigned                         counted:1;     /* in metrics */
    unsigned                         ended:1;
    unsigned                         has_affinity:1;
    unsigned                         any_tags:1;
    unsigned                         failover:1;    /* retries are over: those
                                                       of any level that are not
                                                       in failed */
    unsigned                         no_fallbacks:1;
    unsigned                         by_health:1;   /* of the candidates those
                                                       whose checks fail are
                                                       passed over */
    unsigned                         redis_asked:1;
    unsigned                         steered:1;     /* a header of the client's
                                                       begins with x-litellm- */
    unsigned                         steered_set:1;

    ngx_http_litellm_bill_t         *bill;       /* NULL: nothing is counted */
    ngx_uint_t                       decided;    /* ..._redis_decided_e */
    ngx_msec_t                       asked;      /* Redis, when first */
    ngx_msec_t                       waited;     /* for it, in all, ms */
    ngx_http_litellm_deposit_t      *deposit;    /* as lease: until an attempt
                                                    has it */
    ngx_http_litellm_spent_t         spent;      /* by attempts that ended */

    ngx_http_litellm_attempt_t      *attempt;    /* running or last */
    ngx_http_litellm_attempt_t      *begun;      /* the last one, with those
                                                    before it */
    ngx_event_t                     *timer;      /* backoff, time-outs; NULL:
                                                    none was needed */
    ngx_http_litellm_pulse_t        *pulse;      /* NULL: not asked for */
    ngx_http_litellm_continue_t     *cont;       /* the same; of the attempt
                                                    that was committed last */
    ngx_http_litellm_hedging_t      *hedge;      /* the same */
    ngx_http_litellm_caching_t      *cache;      /* the same */
    ngx_litellm_cache_seen_t         known;      /* the body, if the cache may
                                                    know it */

    ngx_str_t                       *content;    /* of the answer, for logs;
                                                    NULL: none was kept */
    ngx_str_t                        page;       /* ..._errorpage.c */
    void                            *health;
    void                            *usage;      /* row of metrics that its last
                                                    answer counts in; NULL */
    ngx_litellm_deployment_t        *usage_of;   /* NULL: a kept answer's */
    void                            *beside;     /* where that is remembered,
                                                    or was; NULL */
    ngx_str_t                        labels;     /* of who asks, in a row of
                                                    metrics; empty: not known */
    void                            *detached;   /* NULL: a client's */
};


extern ngx_module_t  ngx_http_litellm_module;


/* ngx_http_litellm_conf.c */
void *ngx_http_litellm_create_main_conf(ngx_conf_t *cf);
void *ngx_http_litellm_create_loc_conf(ngx_conf_t *cf);
char *ngx_http_litellm_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);

/* ngx_http_litellm_pick_match.c: compiles tag_regex */
ngx_int_t ngx_http_litellm_tag_regex(ngx_conf_t *cf,
    ngx_litellm_config_t *config);

/* ngx_http_litellm_env.c */
/* of ngx_http_litellm_clock.c: an ngx_litellm_config_env_t.zone */
ngx_int_t ngx_http_litellm_clock(void *data, ngx_str_t *name,
    ngx_array_t *offsets);
ngx_int_t ngx_http_litellm_read_file(void *data, ngx_str_t *path, ngx_str_t
    *text, ngx_str_t *why);
ngx_int_t ngx_http_litellm_read_env(void *data, ngx_str_t *name, ngx_str_t
    *value);
ngx_int_t ngx_http_litellm_env_files(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf);
ngx_int_t ngx_http_litellm_keep_env(ngx_conf_t *cf, ngx_litellm_config_t
    *config);

/* ngx_http_litellm_endpoint.c */
ngx_int_t ngx_http_litellm_endpoints(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf, ngx_http_litellm_loc_conf_t *lcf);
ngx_int_t ngx_http_litellm_upstreams(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf, ngx_http_litellm_loc_conf_t *lcf);
ngx_int_t ngx_http_litellm_fetch_conf(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf, ngx_http_litellm_loc_conf_t *lcf);

#if (NGX_HTTP_SSL)
/* the system's file of trusted certificates; NGX_DECLINED: there is none */
ngx_int_t ngx_http_litellm_bundle(ngx_str_t *file);
#endif

/* ngx_http_litellm_token.c: what requests do with it is in its header */
ngx_int_t ngx_http_litellm_token_add(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf, ngx_http_litellm_loc_conf_t *lcf,
    ngx_litellm_credential_t *c, ngx_http_litellm_endpoint_t *endpoint);

/* ngx_http_litellm_handler.c */
ngx_int_t ngx_http_litellm_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_litellm_post(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
ngx_http_litellm_ctx_t *ngx_http_litellm_ctx(ngx_http_request_t *r);
/* the parent's write_event_handler while attempts are under way */
void ngx_http_litellm_wake(ngx_http_request_t *r);
void ngx_http_litellm_linger(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
/* a request's body that was read, as one range; NGX_ERROR: no memory */
ngx_int_t ngx_http_litellm_join(ngx_http_request_t *r, ngx_str_t *body);
/* 64 bits that others may guess */
uint64_t ngx_http_litellm_random(void);

/* ngx_http_litellm_auth.c */
ngx_int_t ngx_http_litellm_access_handler(ngx_http_request_t *r);
/* NGX_OK, or NGX_DECLINED with ctx->error */
ngx_int_t ngx_http_litellm_auth(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_uint_t in_content);
/* the key that the client sent, good or not; not NGX_OK: none */
ngx_int_t ngx_http_litellm_auth_key(ngx_http_request_t *r, ngx_str_t *key);
/* sets ctx->who to the key of that SHA-256 and its owners: as auth() */
ngx_int_t ngx_http_litellm_auth_id(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_str_t *id);
/* ctx->error; type NULL: by status, param NULL: "None".  NGX_DECLINED */
ngx_int_t ngx_http_litellm_auth_refuse(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_uint_t status, const char *type,
    ngx_str_t *param, const char *fmt, ...);
/* nobody is let in without a key, or a variable that names somebody */
#define ngx_http_litellm_auth_needed(config)                                  \
    ((config)->master_key.len                                                 \
     || (config)->principals[NGX_LITELLM_KEY].list.nelts)

/* ngx_http_litellm_principal.c: litellm_keys, litellm_principal */
char *ngx_http_litellm_keys(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_litellm_principal(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
void ngx_http_litellm_merge_principals(ngx_http_litellm_loc_conf_t *conf,
    ngx_http_litellm_loc_conf_t *prev);

/*
 * ngx_http_litellm_who.c.  open: in the content phase, variables and headers.
 * check: a step, when the body is known and before the group is looked for:
 * the end user, models, and names of models that are the key's own.  NGX_OK;
 * NGX_DECLINED with ctx->error; NGX_ERROR.
 */
ngx_int_t ngx_http_litellm_who_open(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
ngx_int_t ngx_http_litellm_who_check(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
/* may the request use a model of that name?  For fallbacks and lists */
ngx_uint_t ngx_http_litellm_who_allows(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_config_t *config, ngx_str_t *name);
/* held for the request; NULL: unknown */
ngx_litellm_principal_t *ngx_http_litellm_who_find(ngx_http_request_t *r,
    ngx_litellm_principal_e kind, ngx_str_t *id);
/* put into ctx->who: NGX_OK, or NGX_DECLINED with ctx->error; key: NGX_ERROR */
ngx_int_t ngx_http_litellm_who_key(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_principal_t *key);
/* team: of that id; NULL: who_find() */
ngx_int_t ngx_http_litellm_who_team(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_str_t *id, ngx_litellm_principal_t *team);
ngx_int_t ngx_http_litellm_who_user(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_str_t *id);

/* ngx_http_litellm_api.c */
const ngx_http_litellm_api_t *ngx_http_litellm_api(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
/* may it be called without a key? */
ngx_uint_t ngx_http_litellm_api_open(ngx_http_request_t *r,
    const ngx_http_litellm_api_t *api);
/* all of them, the last one's path is empty */
const ngx_http_litellm_api_t *ngx_http_litellm_api_list(void);

/* ngx_http_litellm_route.c */
ngx_int_t ngx_http_litellm_route_open(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
/* the next deployment of the group: NGX_OK, NGX_DECLINED with ctx->error */
ngx_int_t ngx_http_litellm_route_pick(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_deployment_t **d);
/* deployments of the group that can be called at all; 2: or more */
ngx_uint_t ngx_http_litellm_route_width(ngx_http_litellm_ctx_t *ctx);
/*
 * After a failed attempt: NGX_OK: try again after *delay ms (pick anew);
 * NGX_DECLINED: ctx->error is final.
 */
ngx_int_t ngx_http_litellm_route_failed(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_attempt_t *a,
    ngx_msec_t *delay);

/* ctx->trail, made with the first failure; NULL: no memory */
ngx_http_litellm_trail_t *ngx_http_litellm_route_trail(
    ngx_http_litellm_ctx_t *ctx);

/* a failed attempt's deployment is not asked again if it refused the request */
void ngx_http_litellm_route_refused(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_attempt_t *a);

/* false for a name with control characters: it comes to be in headers and in
   lines of logs */
ngx_uint_t ngx_http_litellm_route_name(ngx_str_t *name);

/* alias, group or wildcard; NGX_DECLINED: nobody answers to that name */
ngx_int_t ngx_http_litellm_route_group(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_str_t *name);

/* ngx_http_litellm_control.c: NGX_DECLINED with ctx->error */
ngx_int_t ngx_http_litellm_route_control(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
ngx_int_t ngx_http_litellm_route_headers(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
/* has it a header that begins with "x-litellm-"? */
ngx_uint_t ngx_http_litellm_route_steered(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);

/* ngx_http_litellm_fallback.c: true: a->error is a content policy's */
ngx_uint_t ngx_http_litellm_route_filtered(ngx_http_litellm_attempt_t *a);
/* NGX_OK: ctx->group is another one */
ngx_int_t ngx_http_litellm_route_fallback(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *e);

/* ngx_http_litellm_call.c: *call for this deployment: NGX_OK or NGX_ERROR */
ngx_int_t ngx_http_litellm_call_prepare(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_call_t *call, ngx_litellm_deployment_t *d);
/* a->deadline; ms until there must be content or the end; 0: no limit */
ngx_msec_t ngx_http_litellm_call_limit(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_attempt_t *a);

/* ngx_http_litellm_attempt.c */
ngx_http_litellm_attempt_t *ngx_http_litellm_attempt_create(
    ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_call_t *call, ngx_litellm_deployment_t *d);
/*
 * Translates and sends.  NGX_AGAIN: on its way; NGX_DECLINED: failed at once,
 * a->error and a->done are set; NGX_ERROR.
 */
ngx_int_t ngx_http_litellm_attempt_start(ngx_http_litellm_attempt_t *a);
/* what came of it, for the router; given_up: nobody waited for its end */
void ngx_http_litellm_attempt_settle(ngx_http_litellm_attempt_t *a,
    ngx_uint_t given_up);
/* says that it failed */
void ngx_http_litellm_attempt_log(ngx_http_litellm_attempt_t *a);
/* a step: the request is made when its token is there */
ngx_int_t ngx_http_litellm_attempt_token(ngx_http_litellm_attempt_t *a);
/* ends a running attempt with this class; not from inside its own filters */
void ngx_http_litellm_attempt_cancel(ngx_http_litellm_attempt_t *a,
    ngx_litellm_class_e class, const char *text);
/* ms, at most a day; 0: the answer's header has none */
ngx_msec_t ngx_http_litellm_attempt_retry_after(
    ngx_http_litellm_attempt_t *a);
/* a failure of the transport, as LiteLLM words it */
void ngx_http_litellm_attempt_fail(ngx_http_litellm_attempt_t *a,
    ngx_litellm_class_e class, ngx_uint_t status, const char *text);

/*
 * The attempt waits: next is called from the event loop after delay ms (0: as
 * soon as what runs now has returned), and returns what
 * ngx_http_litellm_attempt_start() does.
 */
void ngx_http_litellm_attempt_later(ngx_http_litellm_attempt_t *a,
    ngx_http_litellm_step_pt next, ngx_msec_t delay);
/* the end of a step that was called from the event loop, with its result */
void ngx_http_litellm_attempt_resume(ngx_http_litellm_attempt_t *a,
    ngx_int_t rc);
/* a step: makes the request (and what it takes: fetches), sends it */
ngx_int_t ngx_http_litellm_attempt_request(ngx_http_litellm_attempt_t *a);
/* resolves a->endpoint's name, sends a->wire */
ngx_int_t ngx_http_litellm_attempt_connect(ngx_http_litellm_attempt_t *a);
/* sends a->wire */
ngx_int_t ngx_http_litellm_attempt_send(ngx_http_litellm_attempt_t *a);

/*
 * ngx_http_litellm_exchange.c: a whole 2xx answer for dialect->follow().
 * NGX_OK: it is the answer, or a->error is set; NGX_AGAIN: another exchange
 * follows; NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_litellm_exchange_follow(ngx_http_litellm_attempt_t *a,
    ngx_str_t *body);
/* a step: the first exchange once more, from the token on */
ngx_int_t ngx_http_litellm_exchange_renew(ngx_http_litellm_attempt_t *a);
/* a->wire as it is before request() or follow() */
void ngx_http_litellm_exchange_wire(ngx_http_litellm_attempt_t *a);

/*
 * ngx_http_litellm_fetch.c: fetches what call->fetches has, then makes the
 * request: as ngx_http_litellm_attempt_start().
 */
ngx_int_t ngx_http_litellm_fetch(ngx_http_litellm_attempt_t *a);
/* nobody waits for it any more; forget: the request is being freed */
void ngx_http_litellm_fetch_cancel(ngx_http_litellm_attempt_t *a);
void ngx_http_litellm_fetch_forget(ngx_http_litellm_attempt_t *a);

/* ngx_http_litellm_upstream.c: the clone's side */
ngx_int_t ngx_http_litellm_upstream_handler(ngx_http_request_t *r,
    ngx_http_litellm_attempt_t *a);

/*
 * ngx_http_litellm_trace.c: *headers: of ngx_keyval_t, those that tell the
 * provider of the request's trace; NULL: none.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_litellm_trace(ngx_http_litellm_attempt_t *a,
    ngx_array_t **headers);

/* ngx_http_litellm_stream.c */
ngx_http_litellm_stream_t *ngx_http_litellm_stream_create(
    ngx_http_litellm_attempt_t *a);
/* before each exchange whose answer has events; makes the stream if need be */
ngx_int_t ngx_http_litellm_stream_init(ngx_http_litellm_attempt_t *a);
/* bytes of the answer's body; in the upstream's buffer */
ngx_int_t ngx_http_litellm_stream_bytes(ngx_http_litellm_attempt_t *a,
    u_char *p, u_char *last);
/* the body has ended: what is left to send is in its out; error is set for a
   stream that was cut */
ngx_int_t ngx_http_litellm_stream_end(ngx_http_litellm_attempt_t *a);
/* by the parent, when the attempt is done: sends what is left to send */
ngx_int_t ngx_http_litellm_stream_rest(ngx_http_litellm_attempt_t *a);

/*
 * ngx_http_litellm_pulse.c: silence of a stream.  All but start do nothing
 * for a request without a pulse; start makes one where it is asked for.
 */
ngx_int_t ngx_http_litellm_pulse_start(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
/* an attempt's header went out */
void ngx_http_litellm_pulse_commit(ngx_http_litellm_ctx_t *ctx);
/* the provider said something; bytes went to the client */
#define ngx_http_litellm_pulse_heard(ctx)                                     \
    if ((ctx)->pulse) { (ctx)->pulse->heard = ngx_current_msec; }
#define ngx_http_litellm_pulse_sent(ctx)                                      \
    if ((ctx)->pulse) { (ctx)->pulse->sent = ngx_current_msec; }
void ngx_http_litellm_pulse_stop(ngx_http_litellm_ctx_t *ctx);


/* as the engine does for the clone, whose events are sent behind the header: it
   deletes the timer of a rate, and nothing would be sent any more */
static ngx_inline void
ngx_http_litellm_no_rate(ngx_http_request_t *r)
{
    r->limit_rate = 0;
    r->limit_rate_set = 1;
}


/*
 * ngx_http_litellm_continue.c: cut streams that go on elsewhere.  open: before
 * an attempt's first event; makes ctx->cont where it is asked for.
 */
ngx_int_t ngx_http_litellm_continue_open(ngx_http_litellm_attempt_t *a);
/*
 * An event on its way to the client, *ev may be changed.  NGX_OK;
 * NGX_DECLINED: not for the client; NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_litellm_continue_event(ngx_http_litellm_attempt_t *a,
    ngx_litellm_event_t *ev);
/* an event that passes: only looked at */
ngx_int_t ngx_http_litellm_continue_data(ngx_http_litellm_attempt_t *a,
    ngx_litellm_sse_event_t *ev);
/*
 * An attempt failed behind its commit.  NGX_OK: the next one goes on;
 * NGX_DECLINED: the error goes to the client; NGX_ERROR.
 */
ngx_int_t ngx_http_litellm_continue_cut(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_attempt_t *a);
/* call->body for the deployment that goes on: NGX_OK or NGX_ERROR */
ngx_int_t ngx_http_litellm_continue_request(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_deployment_t *d);
/* true if the deployment may be called: always, but for one that would have
   to go on and can't */
ngx_uint_t ngx_http_litellm_continue_able(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_deployment_t *d);
/* true if some deployment of the group may */
ngx_uint_t ngx_http_litellm_continue_any(ngx_http_litellm_ctx_t *ctx);
/* the error of the stream that is to be gone on with; NULL: there is none */
ngx_litellm_error_t *ngx_http_litellm_continue_error(
    ngx_http_litellm_ctx_t *ctx);
/* true for an attempt that goes on with what others began */
ngx_uint_t ngx_http_litellm_continued(ngx_http_litellm_ctx_t *ctx);

/*
 * ngx_http_litellm_hedge.c: a second attempt beside ctx->attempt.  start: that
 * is under way; NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_litellm_hedge_start(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
/*
 * Something has happened to one of the two: ctx->attempt is the one that
 * counts from now on.  NGX_AGAIN: it is another one, and under way.
 */
ngx_int_t ngx_http_litellm_hedge_turn(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
/* has content for the client, before anything of it was sent: the answer is
   this attempt's; NGX_OK or NGX_ERROR */
ngx_int_t ngx_http_litellm_hedge_commit(ngx_http_litellm_attempt_t *a);
/* none is due any more */
void ngx_http_litellm_hedge_stop(ngx_http_litellm_ctx_t *ctx);
/* true for the second attempt, while there are two */
ngx_uint_t ngx_http_litellm_hedging(ngx_http_litellm_attempt_t *a);
/* what a clone that has ended has in $upstream_addr and the like */
ngx_int_t ngx_http_litellm_hedge_states(ngx_http_litellm_ctx_t *ctx,
    ngx_http_request_t *sr);

/* ngx_http_litellm_cache_conf.c: directives, and what becomes of them */
char *ngx_http_litellm_cache_switch(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_litellm_cache_scope_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
void ngx_http_litellm_cache_conf_init(ngx_http_litellm_cache_set_t *set);
void ngx_http_litellm_cache_conf_merge(ngx_http_litellm_cache_set_t *conf,
    ngx_http_litellm_cache_set_t *prev);
ngx_int_t ngx_http_litellm_cache_conf_make(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf, ngx_http_litellm_loc_conf_t *lcf);
/*
 * *scope: what tells those apart who do not
 * share answers: principals, variables, tags that choose deployments.  NGX_OK
 * or NGX_ERROR; NGX_DECLINED: it is not known who asks, so nothing is kept.
 */
ngx_int_t ngx_http_litellm_cache_scope(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_cache_conf_t *cc,
    ngx_str_t *scope);

/* ngx_http_litellm_hedge_budget.c: the directive */
char *ngx_http_litellm_hedge(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* ngx_http_litellm_respond.c: the step, and what it is made of */
ngx_int_t ngx_http_litellm_respond(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
ngx_int_t ngx_http_litellm_send_header(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_attempt_t *a,
    ngx_uint_t status, off_t length);
/* header and body, then the request is to be finalized with what it returns */
ngx_int_t ngx_http_litellm_send_body(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_attempt_t *a,
    ngx_uint_t status, ngx_litellm_out_t *out);
ngx_int_t ngx_http_litellm_send_error(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *e);
/* *e for refusals of our own */
ngx_int_t ngx_http_litellm_refuse(ngx_litellm_error_t *e,
    ngx_litellm_class_e class, ngx_uint_t status, const char *type,
    const char *message);
ngx_int_t ngx_http_litellm_push_header(ngx_http_request_t *r,
    const char *key, size_t len, ngx_str_t *value);
/* below 0: 0 */
ngx_int_t ngx_http_litellm_add_number(ngx_http_request_t *r, const char *key,
    size_t len, int64_t n);
ngx_int_t ngx_http_litellm_add_money(ngx_http_request_t *r, const char *key,
    size_t len, int64_t money);

/*
 * ngx_http_litellm_content.c: is the answer to be kept for a log?  A whole
 * answer that is about to be sent, a stream that has ended well.
 */
ngx_uint_t ngx_http_litellm_content_wanted(ngx_http_litellm_ctx_t *ctx);
void ngx_http_litellm_content_answer(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_out_t *out);
void ngx_http_litellm_content_stream(ngx_http_litellm_attempt_t *a);
/* one that was kept, which is as long-lived as the request */
void ngx_http_litellm_content_kept(ngx_http_litellm_ctx_t *ctx,
    ngx_str_t *body);
/* JSON values for a log, redacted; null where none is to be shown */
void ngx_http_litellm_content_request(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_out_t *out);
void ngx_http_litellm_content_response(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_out_t *out);
void ngx_http_litellm_content_error(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_out_t *out, ngx_str_t *message);

/* ngx_http_litellm_log_line.c: $litellm_log, and a variable that it has */
ngx_int_t ngx_http_litellm_log_line(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
void ngx_http_litellm_log_line_member(ngx_http_variable_t *var);

/* ngx_http_litellm_spend_log.c: the variable's getter */
ngx_int_t ngx_http_litellm_spend_log(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);

/* ngx_http_litellm_variables.c */
ngx_int_t ngx_http_litellm_add_variables(ngx_conf_t *cf);

/* ngx_http_litellm_errorpage.c */
ngx_int_t ngx_http_litellm_errorpage_init(ngx_conf_t *cf);

/* ngx_http_litellm_cache_zone.c: the rest is in its header */
char *ngx_http_litellm_cache_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* ngx_http_litellm_zone_conf.c */
char *ngx_http_litellm_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_litellm_zone_default(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf);
char *ngx_http_litellm_limit_window(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* ngx_http_litellm_zone.c */
ngx_int_t ngx_http_litellm_zone_add(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf, ngx_str_t *name, size_t size);
/* a worker begins, and ends in good order */
ngx_int_t ngx_http_litellm_zone_enter(ngx_cycle_t *cycle);
void ngx_http_litellm_zone_leave(ngx_cycle_t *cycle);

/* ngx_http_litellm_health.c */
ngx_int_t ngx_http_litellm_health(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
ngx_int_t ngx_http_litellm_liveness(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
ngx_int_t ngx_http_litellm_readiness(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
ngx_int_t ngx_http_litellm_readiness_details(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);

/* ngx_http_litellm_health_check.c: what a configuration has checked */
ngx_int_t ngx_http_litellm_checks_add(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf, ngx_http_litellm_loc_conf_t *lcf);
/* a worker that begins, and one that leaves */
void ngx_http_litellm_checks_init(ngx_cycle_t *cycle);
void ngx_http_litellm_checks_exit(ngx_cycle_t *cycle);
/*
 * 0: requests keep away from it (enable_health_check_routing); only where
 * ngx_http_litellm_health_choice() says that others are left.
 */
ngx_uint_t ngx_http_litellm_health_usable(ngx_litellm_deployment_t *d);
/* is one of these usable?  ngx_litellm_deployment_t * */
ngx_uint_t ngx_http_litellm_health_choice(ngx_array_t *deployments);

/* ngx_http_litellm_models.c */
ngx_int_t ngx_http_litellm_models(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
ngx_int_t ngx_http_litellm_model(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
/* "chat" ... ; empty for one without a name */
ngx_str_t *ngx_http_litellm_mode_name(ngx_litellm_mode_e mode);

/* ngx_http_litellm_info.c */
ngx_int_t ngx_http_litellm_model_info(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
ngx_int_t ngx_http_litellm_model_info_v2(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
/* ngx_http_litellm_info_group.c */
ngx_int_t ngx_http_litellm_group_info(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
/* ngx_http_litellm_info_route.c */
ngx_int_t ngx_http_litellm_routes(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);


/* in parts: the value was just written in parts */

static ngx_inline void
ngx_http_litellm_set_header(ngx_table_elt_t *h, const char *key, size_t len,
    ngx_str_t *value)
{
    h->hash = 1;
    h->key.data = (u_char *) key;
    h->key.len = len;
    h->value.data = value->data;
    h->value.len = value->len;
    h->lowcase_key = NULL;

    ngx_http_litellm_header_last(h);
}


/* a header of the answer; there are so many that a call for each shows */

static ngx_inline ngx_int_t
ngx_http_litellm_add_header(ngx_http_request_t *r, const char *key,
    size_t len, ngx_str_t *value)
{
    ngx_list_part_t  *last;

    last = r->headers_out.headers.last;

    if (last->nelts == r->headers_out.headers.nalloc) {
        return ngx_http_litellm_push_header(r, key, len, value);
    }

    ngx_http_litellm_set_header((ngx_table_elt_t *) last->elts + last->nelts,
                                key, len, value);
    last->nelts++;

    return NGX_OK;
}


#endif /* _NGX_HTTP_LITELLM_H_INCLUDED_ */
