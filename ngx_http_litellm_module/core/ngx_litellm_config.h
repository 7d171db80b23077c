
/*
 * A LiteLLM config.yaml as plain structs.  Read once at configuration time,
 * frozen afterwards: everything lives in the pool it was given and nothing
 * parses YAML at run time.  No file, environment or provider is touched
 * directly: the caller gives the three functions, so that unit tests and the
 * fuzzer drive the same code.
 */

#ifndef _NGX_LITELLM_CONFIG_H_INCLUDED_
#define _NGX_LITELLM_CONFIG_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_json.h"
#include "ngx_litellm_chat.h"
#include "ngx_litellm_error.h"
#include "ngx_litellm_models.h"
#include "ngx_litellm_price.h"
#include "ngx_litellm_terms.h"
#include "ngx_litellm_principal.h"
#include "ngx_litellm_redis.h"


typedef struct ngx_litellm_provider_s    ngx_litellm_provider_t;
typedef struct ngx_litellm_deployment_s  ngx_litellm_deployment_t;
typedef struct ngx_litellm_credential_s  ngx_litellm_credential_t;
typedef struct ngx_litellm_plan_s        ngx_litellm_plan_t;


typedef enum {
    NGX_LITELLM_DIAG_ERROR = 0,
    NGX_LITELLM_DIAG_WARN,
    NGX_LITELLM_DIAG_NOTICE
} ngx_litellm_diag_e;


/* are models served that the file does not list? */
typedef enum {
    NGX_LITELLM_DIRECT_OFF = 0,
    NGX_LITELLM_DIRECT_ON,
    NGX_LITELLM_DIRECT_AUTO          /* if it has no model_list and no
                                        master_key */
} ngx_litellm_direct_e;


typedef struct ngx_litellm_config_env_s  ngx_litellm_config_env_t;

struct ngx_litellm_config_env_s {
    void          *data;

    /* a file's whole text; NGX_ERROR: *why says why (lower case) */
    ngx_int_t    (*read)(void *data, ngx_str_t *path, ngx_str_t *text,
                         ngx_str_t *why);

    /* NGX_DECLINED: not set */
    ngx_int_t    (*env)(void *data, ngx_str_t *name, ngx_str_t *value);

    /*
     * ngx_litellm_provider_detect(), by pointer since core knows no provider.
     * Sets provider, model, api_key, api_base where the file has none, info
     * and the param of each default, from full_model, custom_provider and
     * api_base; no_credentials and missing_env where a key is needed and
     * there is none.  The env given is not this struct but one with read() and
     * an env() that knows the file's environment_variables too.
     * NGX_DECLINED: unknown, a nearest name may be set in *hint; NGX_ABORT:
     * *hint is a provider that is not served yet; NGX_BUSY: *hint is a
     * sentence that says what the provider misses; NGX_ERROR: no memory.
     */
    ngx_int_t    (*provider)(ngx_litellm_config_env_t *env, ngx_pool_t *pool,
                             ngx_litellm_deployment_t *d, ngx_str_t *hint);

    /*
     * ngx_litellm_provider_direct(): the n-th of the deployments that need no
     * file.  Sets group (a wildcard), full_model and what provider() sets.
     * NGX_DECLINED: not in this environment; NGX_DONE: there are no more;
     * NGX_ERROR: no memory.  May be NULL.
     */
    ngx_int_t    (*direct)(ngx_litellm_config_env_t *env, ngx_pool_t *pool,
                           ngx_uint_t n, ngx_litellm_deployment_t *d);
    ngx_litellm_direct_e  direct_mode;

    /*
     * What the clocks of a time zone ("Europe/Berlin") show in the years to
     * come: ngx_litellm_offset_t, ascending, at least one.  NGX_DECLINED: it
     * is not known; NGX_ERROR: no memory.  May be NULL.
     */
    ngx_int_t    (*zone)(void *data, ngx_str_t *name, ngx_array_t *offsets);

    /* further files of keys, teams and users: ngx_str_t; NULL: none */
    ngx_array_t   *keys;

    /*
     * ngx_litellm_provider_price(): what a model of the deployment costs (base:
     * it is a base_model, which may be another provider's); NULL: unknown.  May
     * be NULL itself.
     */
    const ngx_litellm_price_t *(*price)(ngx_litellm_prices_t *prices,
                                        ngx_litellm_deployment_t *d,
                                        ngx_str_t *model, ngx_uint_t base);
    ngx_litellm_prices_t  *prices;       /* a map that was read; or NULL */

    /* one line for the operator, "file:line: ..." made by us */
    void         (*diag)(void *data, ngx_litellm_diag_e level,
                         ngx_str_t *line);
};


/* numbers by class of error; -1: nothing is said */
typedef struct {
    ngx_int_t                 n[NGX_LITELLM_CLASSES];
} ngx_litellm_policy_t;


/* http://host:port/path of an api_base */
typedef struct {
    ngx_str_t      host;            /* lower case, without brackets */
    in_port_t      port;            /* 80 or 443 filled in */
    ngx_str_t      path;            /* with leading '/', no trailing '/';
                                       empty for the root */
    ngx_str_t      args;            /* behind '?' */
    ngx_str_t      authority;       /* value of the Host header */
    unsigned       tls:1;
    unsigned       port_given:1;
} ngx_litellm_url_t;

/* NGX_DECLINED with *why for a text that is no http(s) URL */
ngx_int_t ngx_litellm_url_parse(ngx_pool_t *pool, ngx_str_t *text,
    ngx_litellm_url_t *url, const char **why);


/* of a time zone */
typedef struct {
    time_t                    from;
    int32_t                   seconds;   /* east of UTC */
} ngx_litellm_offset_t;


/* of access_windows: a deployment is these teams' only, each day */
typedef struct {
    ngx_uint_t                start;     /* minutes of the day */
    ngx_uint_t                end;       /* not in it */
    ngx_array_t              *zone;      /* ngx_litellm_offset_t */
    ngx_array_t              *teams;     /* ngx_str_t */
    ngx_str_t                 until;     /* "06:00 Europe/Berlin" */
} ngx_litellm_window_t;


/* a member that a deployment adds to bodies that do not have it */
typedef struct {
    ngx_str_t                 key;       /* J-string */
    ngx_litellm_json_t       *value;     /* start/len: its JSON text */
    ngx_int_t                 param;     /* ngx_litellm_param_e or -1 */
} ngx_litellm_default_t;


struct ngx_litellm_deployment_s {
    ngx_uint_t                index;     /* in config->deployments */
    ngx_str_t                 group;     /* model_name */
    ngx_str_t                 id;        /* model_info.id or a hash */
    ngx_str_t                 full_model;/* litellm_params.model */
    ngx_str_t                 model;     /* without the provider's prefix; may
                                            hold '*' for a wildcard group */
    ngx_str_t                 custom_provider;
    const ngx_litellm_provider_t  *provider;     /* NULL: not servable */
    const ngx_litellm_model_t     *info;         /* NULL: unknown model */
    ngx_litellm_mode_e        mode;

    ngx_str_t                 api_key;
    ngx_str_t                 api_base;  /* as written, or the provider's */
    ngx_str_t                 api_version;
    ngx_str_t                 organization;
    ngx_litellm_url_t         url;       /* of api_base */
    ngx_litellm_url_t         alt;       /* a second address that this
                                            provider answers from; host.len 0:
                                            none */
    ngx_array_t              *settings;  /* ngx_keyval_t: what a provider
                                            reads for itself (aws_..., vertex_
                                            ..., azure_..., tenant_id ...), a
                                            map or list as JSON text; NULL:
                                            none */
    ngx_litellm_credential_t *credential;/* a token is asked for; NULL: the
                                            api_key is all */
    void                     *own;       /* the provider's, of its setup() */

    ngx_msec_t                timeout;         /* ms; 0: not set */
    ngx_msec_t                stream_timeout;
    ngx_msec_t                stream_keepalive;
    unsigned                  keepalive_off:1; /* it says 0 */
    unsigned                  keepalive_override:1;  /* clients may say */
    ngx_int_t                 num_retries;     /* -1: not set */
    ngx_int_t                 order;           /* NGX_MAX_INT_T_VALUE: unset */
    int64_t                   weight;          /* millionths; -1: not set */
    int64_t                   rpm;             /* -1: not set */
    int64_t                   tpm;
    ngx_int_t                 max_parallel;    /* calls in flight; -1: not
                                                  set (so the next two) */
    ngx_msec_int_t            cooldown_time;   /* ms; 0: never */
    ngx_int_t                 allowed_fails;
    ngx_litellm_policy_t     *allowed_fails_policy;   /* NULL: none */
    ngx_litellm_budget_t      budget;          /* max -1: none */
    const ngx_litellm_price_t  *price;         /* NULL: unknown, or told by
                                                  the request (wildcards) */
    unsigned                  own_price:1;     /* it has price keys */
    unsigned                  price_regional:1;/* its host is dearer where the
                                                  price says so */
    unsigned                  price_eu:1;
    unsigned                  price_us:1;
    ngx_array_t              *tags;            /* ngx_str_t; NULL: none */
    uint64_t                  tag_regex;       /* bits of config->tag_regex */
    ngx_flag_t                tag_filtering;   /* UNSET: inherit */
    unsigned                  tag_fail_open:1;

    ngx_flag_t                drop_params;     /* NGX_CONF_UNSET: inherit */
    ngx_array_t              *drop;            /* additional_drop_params */
    ngx_array_t              *allow;           /* allowed_openai_params:
                                                  ngx_str_t */
    ngx_array_t              *headers;         /* extra_headers:
                                                  ngx_keyval_t */
    ngx_array_t              *defaults;        /* ngx_litellm_default_t,
                                                  extra_body's members too */
    ngx_str_t                 mock_response;
    unsigned                  mock:1;          /* mock_response is there */
    ngx_array_t              *windows;         /* ngx_litellm_window_t; NULL:
                                                  none */
    unsigned                  blocked:1;       /* it is paused */
    unsigned                  no_credentials:1;/* a variable is not set */
    ngx_str_t                 missing_env;     /* its name */
    ngx_str_t                 model_info;      /* JSON text for /model/info */
    ngx_array_t              *access;          /* access_groups: ngx_str_t;
                                                  NULL: none */

    ngx_msec_t                health_timeout;  /* ms; 0: not set */
    ngx_uint_t                health_tokens;   /* 0: not set */
    unsigned                  checked:1;       /* in the background */
    unsigned                  unchecked:1;     /* never: it says so */

    ngx_int_t                 cache_ttl;       /* seconds; -1: not set */
    unsigned                  cache_off:1;     /* its answers are not kept */

    ngx_str_t                 file;            /* where it stands */
    ngx_uint_t                line;

    void                     *http;            /* http/'s own */
    void                     *http_alt;        /* the same for alt */
    void                     *state;           /* what workers share of it;
                                                  NULL: nothing */
    void                     *check;           /* the same of its checks; NULL:
                                                  there are none */
    void                     *metrics;         /* its row; NULL: not looked for
                                                  yet */
    unsigned                  twin:1;          /* of a deployment of another
                                                  file: not shown again */
};


typedef struct {
    ngx_rbtree_node_t         rb;        /* key: crc32 of the name */
    ngx_queue_t               queue;
    ngx_str_t                 name;      /* may hold '*' */
    ngx_array_t               deployments;   /* ngx_litellm_deployment_t * */
    ngx_litellm_plan_t       *plan;
    ngx_array_t              *access;        /* of all its deployments:
                                                ngx_str_t; NULL: none */
    unsigned                  wildcard:1;
    unsigned                  hidden:1;      /* an alias not to be listed */
} ngx_litellm_group_t;


/* fallbacks of one kind: {source: [targets]} */
typedef struct {
    ngx_str_t                 source;    /* "*": any */
    ngx_array_t               targets;   /* ngx_str_t */
} ngx_litellm_fallback_t;


/* model_group_retry_policy */
typedef struct {
    ngx_str_t                 group;
    ngx_litellm_policy_t     *policy;
} ngx_litellm_group_policy_t;


/* health checks that run without being asked for */
typedef struct {
    ngx_flag_t                background;
    ngx_flag_t                details;   /* /health tells more than names */
    ngx_flag_t                ready_details;     /* /health/readiness, too */
    ngx_flag_t                skip_disabled;     /* not even on request */
    ngx_flag_t                routing;   /* away from those that fail */
    ngx_flag_t                ignore_transient;  /* 408 and 429 are not told
                                                    to routing */
    ngx_msec_t                interval;  /* ms, > 0 */
    ngx_msec_t                stale;     /* ms: a result's time for routing */
    ngx_uint_t                parallel;  /* 0: not set */
} ngx_litellm_health_t;


#define NGX_LITELLM_HEDGE_BURST  10000

/* a second deployment beside one that is slow: of the file or a directive */
typedef struct {
    ngx_flag_t                enable;
    ngx_msec_t                delay;     /* 0: none */
    ngx_uint_t                percentile;  /* times 10000; 0: none */
    ngx_msec_t                min;       /* not before, by the percentile */
    ngx_uint_t                budget;    /* of requests: percent times 100 */
    ngx_uint_t                burst;     /* hedges at once, beyond that */
} ngx_litellm_hedge_t;


typedef enum {
    NGX_LITELLM_SHUFFLE = 0,
    NGX_LITELLM_LEAST_BUSY,
    NGX_LITELLM_LEAST_USED,
    NGX_LITELLM_LOWEST_LATENCY,
    NGX_LITELLM_LOWEST_COST
} ngx_litellm_strategy_e;


typedef struct {
    ngx_litellm_strategy_e    strategy;
    int64_t                   latency_buffer;  /* millionths above the best */
    int64_t                   ttft_percentile; /* millionths; -1: the mean */
} ngx_litellm_routing_t;


/* a tag_regex, of all deployments that have it */
typedef struct {
    ngx_str_t                 pattern;
    ngx_str_t                 file;      /* where it stands */
    ngx_uint_t                line;
    void                     *http;      /* http/'s own: compiled */
} ngx_litellm_tag_regex_t;

#define NGX_LITELLM_MAX_TAG_REGEX  64


/* a member of routing_groups: groups with a strategy of their own */
typedef struct {
    ngx_str_t                 name;
    ngx_array_t              *models;    /* ngx_str_t */
    ngx_litellm_routing_t     routing;
    ngx_int_t                *priority;  /* of each of models: the lowest is
                                            tried first, by the name of the
                                            routing group; NULL: a strategy */
} ngx_litellm_routing_group_t;


/* the budget of a provider, a tag or a group */
typedef struct {
    ngx_str_t                 name;
    ngx_litellm_budget_t      budget;
} ngx_litellm_named_budget_t;


/* how limits are kept, and budgets of other things than principals */
typedef struct {
    ngx_array_t              *providers; /* ..._named_budget_t; NULL: none */
    ngx_array_t              *tags;
    ngx_array_t              *models;    /* of groups */
    int64_t                   output;    /* tokens that a request without
                                            max_tokens is taken to produce; -1:
                                            not set */
    ngx_uint_t                budget_status;     /* 422 */
    ngx_flag_t                block_unpriced;
    ngx_flag_t                worst_case;        /* reserve the most that the
                                                    model can produce */
    ngx_flag_t                reserve_budgets;
    ngx_flag_t                user_of_team_keys; /* the user's budget counts for
                                                    keys of a team too */
} ngx_litellm_limiting_t;


/* kinds of requests whose answers are kept: 1 << ngx_litellm_op_e */
#define NGX_LITELLM_CACHE_CHAT         0x01
#define NGX_LITELLM_CACHE_COMPLETIONS  0x02
#define NGX_LITELLM_CACHE_EMBEDDINGS   0x04
#define NGX_LITELLM_CACHE_RERANK       0x08

/* who shares answers: those of the same ...; 0: everybody */
#define NGX_LITELLM_CACHE_BY_KEY       0x01
#define NGX_LITELLM_CACHE_BY_TEAM      0x02
#define NGX_LITELLM_CACHE_BY_USER      0x04
#define NGX_LITELLM_CACHE_BY_END_USER  0x08

/* answers that are kept: of the file, and with what directives say instead */
typedef struct {
    ngx_flag_t                enable;
    ngx_flag_t                default_off;   /* those only that ask for it, by
                                                "use-cache" */
    ngx_uint_t                ops;           /* NGX_LITELLM_CACHE_CHAT ... */
    ngx_uint_t                scope;         /* NGX_LITELLM_CACHE_BY_... */
    ngx_flag_t                user;          /* "user" is part of the key */
    ngx_str_t                 namespace;
    ngx_int_t                 ttl;           /* seconds, in memory */
    ngx_int_t                 redis_ttl;
    ngx_int_t                 max_messages;  /* -1: no limit */
    int64_t                   max_temperature;   /* millionths; -1: none */
    size_t                    max_size;      /* bytes of an answer */
    ngx_array_t              *groups;        /* ngx_array_t of ngx_str_t: model
                                                groups that share; or NULL */
    unsigned                  redis:1;       /* type redis: in Redis too */
    unsigned                  redis_named:1; /* ... as the file says */
    unsigned                  routed:1;      /* by cache_responses alone */
    unsigned                  by_model:1;    /* some deployment has cache_off
                                                or cache_ttl */
} ngx_litellm_cache_t;


/* what records that are made at run time are given, and may have at most:
   ngx_litellm_config_grant.c.  Lists of ngx_keyval_t, names of members and
   their JSON; NULL: none */
typedef struct {
    ngx_array_t              *keys;
    ngx_array_t              *teams;
    ngx_array_t              *users;
    ngx_array_t              *most;      /* of keys: upper bounds */
    ngx_litellm_limits_t      limits;    /* the same, read */
    int64_t                   lifetime;  /* seconds; -1: no bound */
} ngx_litellm_grants_t;


#define NGX_LITELLM_METRICS_BOUNDS  17   /* of a histogram */

/* a name that is written in a file: which it may be the caller knows */
typedef struct {
    ngx_str_t                 name;
    ngx_str_t                 file;
    ngx_uint_t                line;
} ngx_litellm_metrics_word_t;


/* a metric that is to be shown */
typedef struct {
    ngx_litellm_metrics_word_t  word;
    ngx_array_t              *labels;    /* ..._metrics_word_t: no others; NULL:
                                            all that it has */
} ngx_litellm_metrics_shown_t;


/* what is shown of metrics */
typedef struct {
    ngx_flag_t                auth;      /* a key is asked for */
    ngx_flag_t                end_user;  /* their ids are labels */
    ngx_uint_t                max;       /* rows of a kind; 0: not set */
    ngx_array_t              *no_metrics;    /* ngx_str_t; NULL: none */
    ngx_array_t              *no_labels; /* the same */
    ngx_array_t              *shown;     /* ..._metrics_shown_t: no others; of a
                                            name that is there twice the last
                                            one holds; NULL: all */
    ngx_uint_t                nbounds;   /* of latencies; 0: not set */
    uint32_t                  bounds[NGX_LITELLM_METRICS_BOUNDS];   /* us */
} ngx_litellm_metrics_t;


typedef struct {
    ngx_pool_t               *pool;
    ngx_str_t                 file;

    ngx_array_t               deployments;   /* ngx_litellm_deployment_t * */
    ngx_array_t               by_id;         /* the same, by id, and by */
    ngx_array_t               by_model;      /* full_model; no wildcards */
    ngx_array_t               groups;        /* ngx_litellm_group_t *, as
                                                written */
    ngx_array_t               patterns;      /* wildcard groups, best first */
    ngx_array_t               directs;       /* those that need no file, looked
                                                at behind all others */
    unsigned                  direct:1;      /* they were wanted */
    ngx_rbtree_t              tree;          /* groups by name */
    ngx_rbtree_node_t         sentinel;
    ngx_array_t               aliases;       /* ngx_litellm_alias_t, as
                                                written */
    ngx_array_t               alias_index;   /* ngx_litellm_alias_t *, by
                                                name */

    ngx_array_t               fallbacks;     /* ngx_litellm_fallback_t, by
                                                source (so the next two) */
    ngx_array_t               context_window_fallbacks;
    ngx_array_t               content_policy_fallbacks;
    unsigned                  has_context_window_fallbacks:1;
    unsigned                  has_content_policy_fallbacks:1;

    ngx_str_t                 routing_strategy;
    ngx_litellm_routing_t     routing;
    ngx_array_t              *routing_groups;    /* ngx_litellm_routing_group_t;
                                                    NULL: none */
    ngx_flag_t                tag_filtering;
    ngx_flag_t                tag_match_any;     /* default 1 */
    ngx_str_t                 tag_prefix;        /* tag_routing_prefix */
    ngx_array_t              *tag_regex;         /* ngx_litellm_tag_regex_t, each
                                                    once; NULL: none */
    ngx_flag_t                pre_call_checks;
    ngx_flag_t                weighted_failover;
    ngx_int_t                 max_parallel;      /* where a deployment has no
                                                    limit at all; -1: not set */
    unsigned                  key_affinity:1;    /* optional_pre_call_checks */
    unsigned                  prompt_affinity:1;
    ngx_int_t                 num_retries;       /* router's; default 2 */
    ngx_int_t                 max_fallbacks;     /* default 5 */
    ngx_msec_t                retry_after;       /* ms; default 0 */
    ngx_int_t                 max_retries;       /* num_retries_per_request;
                                                    -1: not set */
    ngx_litellm_policy_t     *retry_policy;      /* NULL: none */
    ngx_array_t               group_policies;    /* ..._group_policy_t */

    ngx_msec_t                cooldown_time;     /* ms; default 5000 */
    ngx_int_t                 allowed_fails;     /* -1: not set */
    ngx_litellm_policy_t     *allowed_fails_policy;
    ngx_flag_t                disable_cooldowns;

    ngx_msec_t                request_timeout;   /* ms; 0: 6000 s */
    ngx_msec_t                stream_timeout;    /* ms; 0: none */
    ngx_msec_t                stream_idle_timeout;
    ngx_msec_t                stream_keepalive;  /* ms between comments */
    ngx_flag_t                stream_continue;   /* UNSET */
    ngx_litellm_hedge_t      *hedge;             /* NULL: not a word */
    ngx_flag_t                drop_params;
    ngx_flag_t                modify_params;
    ngx_flag_t                always_include_stream_usage; /* UNSET */
    ngx_flag_t                expose_router_debug;         /* default 1 */
    ngx_flag_t                allow_mock_testing;
    ngx_flag_t                forward_traceparent;         /* default 1 */

    ngx_litellm_health_t      health;
    ngx_litellm_cache_t       cache;
    ngx_litellm_metrics_t     metrics;
    ngx_litellm_limiting_t    limiting;
    ngx_litellm_grants_t      grants;
    ngx_litellm_redis_t       redis;     /* that limits are shared through */
    ngx_litellm_redis_t       cache_redis;   /* that answers are kept in, if
                                                cache_params name one */
    ngx_flag_t                redis_fail_closed;
    unsigned                  counted:1;   /* somebody's requests or money are
                                              kept account of */

    ngx_str_t                 master_key;        /* empty: open, unless there
                                                    are keys */

    /* who may ask: ngx_litellm_config_principal.c */
    ngx_litellm_principals_t  principals[NGX_LITELLM_PRINCIPALS];
    ngx_litellm_limits_t      gateway;           /* all requests together */
    ngx_litellm_limits_t      user_default;      /* users and end users that */
    ngx_litellm_limits_t      end_user_default;  /* say nothing themselves */
    int64_t                   key_parallel;      /* keys, the same; -1: none */
    ngx_flag_t                enforce_user;      /* enforce_user_param */
    ngx_str_t                 key_header;        /* lower case; empty: none */
    ngx_array_t               user_headers;      /* ngx_str_t, lower case: of
                                                    the end user's id */
    ngx_array_t               internal_headers;  /* of the user's id */
    ngx_litellm_prices_t     *prices;            /* NULL: the table only */
    ngx_array_t              *terms;             /* ngx_litellm_terms_t, see
                                                    ngx_litellm_terms_of() */

    ngx_array_t               env_names;         /* ngx_str_t: variables read */
} ngx_litellm_config_t;


typedef struct {
    ngx_str_t                 name;
    ngx_array_t               targets;   /* ngx_str_t: one, or the guide's
                                            list (an alias over several) */
    ngx_litellm_group_t      *group;     /* of the list: all its groups' */
    ngx_litellm_routing_group_t  *by_priority;   /* it is one; NULL: an alias */
    unsigned                  hidden:1;
} ngx_litellm_alias_t;


/* *h as it is where hedging is asked for and nothing else is said */
void ngx_litellm_config_hedge_init(ngx_litellm_hedge_t *h);
/* what is wrong with it, for "..., which" or the like; NULL: nothing */
const char *ngx_litellm_config_hedge_wrong(ngx_litellm_hedge_t *h);

/* *c as it is where a cache is asked for and nothing else is said */
void ngx_litellm_config_cache_init(ngx_litellm_cache_t *c);
/*
 * What the deployments of a group (ngx_litellm_deployment_t *) say of keeping
 * their answers: 0: one says no; else *ttl becomes the least of theirs and it.
 */
ngx_uint_t ngx_litellm_config_cached(ngx_litellm_cache_t *c,
    ngx_array_t *deployments, ngx_int_t *ttl);
/* the name that a model group shares answers by: its own, or another one's */
ngx_str_t *ngx_litellm_config_caching_group(ngx_litellm_cache_t *c,
    ngx_str_t *group);
/* "key" ... added to *scope; NGX_DECLINED: no such word */
ngx_int_t ngx_litellm_config_cache_scope(ngx_str_t *word, ngx_uint_t *scope);

/*
 * The upper bound that a key's limits or its lifetime (in seconds; -1: not
 * said) are above; NULL: none.
 */
ngx_keyval_t *ngx_litellm_grants_over(ngx_litellm_grants_t *g,
    ngx_litellm_principal_t *p, int64_t lifetime);

/*
 * The window by which a deployment with windows is other teams' now, so not for
 * one of this team (empty: of none); NULL: it may be called.
 */
ngx_litellm_window_t *ngx_litellm_window_shut(ngx_litellm_deployment_t *d,
    ngx_str_t *team, time_t now);

/* the text of a setting; NULL: not there, or empty */
ngx_str_t *ngx_litellm_config_setting(ngx_litellm_deployment_t *d,
    const char *name, size_t len);
#define ngx_litellm_setting(d, s)                                             \
    ngx_litellm_config_setting(d, s, sizeof(s) - 1)

/*
 * Reads path (empty: no file) and what it includes.  NGX_OK with *conf; NGX_ERROR after at
 * least one diag() of level ERROR (all errors are told, not the first only).
 */
ngx_int_t ngx_litellm_config_read(ngx_pool_t *pool, ngx_str_t *path,
    ngx_litellm_config_env_t *env, ngx_litellm_config_t **conf);

/* the group of just that name; NULL without one */
ngx_litellm_group_t *ngx_litellm_config_group(ngx_litellm_config_t *conf,
    ngx_str_t *name);

/*
 * The deployment of that id, or those whose litellm_params.model is name: *n of
 * them, which lie one behind the other.  NULL without; never wildcards.
 */
ngx_litellm_deployment_t **ngx_litellm_config_by_id(
    ngx_litellm_config_t *conf, ngx_str_t *name, ngx_uint_t *n);
ngx_litellm_deployment_t **ngx_litellm_config_by_model(
    ngx_litellm_config_t *conf, ngx_str_t *name, ngx_uint_t *n);

/*
 * The first wildcard group that takes name ("openai/x" is tried with
 * "openai/" too where LiteLLM does), then those that need no file; captured: what its stars stood for, in
 * order (at most 4).  NULL without one.
 */
ngx_litellm_group_t *ngx_litellm_config_pattern(ngx_litellm_config_t *conf,
    ngx_str_t *name, ngx_str_t captured[4], ngx_uint_t *ncaptured);

/* a client's model name beyond it is not matched with wildcards */
#define NGX_LITELLM_CONFIG_NAME  4096

/* true if the pattern p .. last takes name, which is not longer than that;
   captured: as above */
ngx_uint_t ngx_litellm_config_match(u_char *p, u_char *last, ngx_str_t *name,
    ngx_str_t captured[4], ngx_uint_t *ncaptured);

/*
 * The provider's model for a request: deployment->model with its stars
 * replaced, left to right (LiteLLM's rule: more captures than stars: the name
 * as asked, without this provider's prefix).
 */
ngx_int_t ngx_litellm_config_model(ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, ngx_str_t *name, ngx_str_t captured[4],
    ngx_uint_t ncaptured, ngx_str_t *model);

/* exact source, then "*"; NULL without */
ngx_litellm_fallback_t *ngx_litellm_config_fallback(ngx_array_t *fallbacks,
    ngx_str_t *source);

/*
 * The targets of a source in fallbacks that are kept in order, added if there
 * are none yet; NULL: no memory.
 */
ngx_array_t *ngx_litellm_config_fallback_add(ngx_pool_t *pool,
    ngx_array_t *fallbacks, ngx_str_t *source);

/* the retry policy of a group, else everybody's; NULL without */
ngx_litellm_policy_t *ngx_litellm_config_retry_policy(
    ngx_litellm_config_t *conf, ngx_str_t *group);

ngx_litellm_alias_t *ngx_litellm_config_alias(ngx_litellm_config_t *conf,
    ngx_str_t *name);


#endif /* _NGX_LITELLM_CONFIG_H_INCLUDED_ */
