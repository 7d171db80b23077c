
/*
 * What the parts of the configuration reader share; nobody else includes it.
 *
 *   ngx_litellm_config.c        sections, settings
 *   ngx_litellm_config_file.c   files, and those that they include
 *   ngx_litellm_config_model.c  model_list: a deployment for each entry
 *   ngx_litellm_config_params.c   its litellm_params and model_info
 *   ngx_litellm_config_redis.c  the Redis that limits are shared through
 *   ngx_litellm_config_route.c  fallbacks, aliases, their checks
 *   ngx_litellm_config_policy.c retries and cooldowns
 *   ngx_litellm_config_health.c  health checks in the background
 *   ngx_litellm_config_window.c  times at which deployments are reserved
 *   ngx_litellm_config_hedge.c  a second deployment beside a slow one
 *   ngx_litellm_config_cache.c  answers that are kept
 *   ngx_litellm_config_limits.c  budgets, and how limits are kept
 *   ngx_litellm_config_principal.c  keys, teams, users, their limits
 *   ngx_litellm_config_access.c  groups of models by names that keys have
 *   ngx_litellm_config_everybody.c  limits and headers of all of them
 *   ngx_litellm_config_grant.c  what records made at run time are given
 *   ngx_litellm_config_price.c  what it costs
 *   ngx_litellm_config_terms.c  discounts and margins of providers
 *   ngx_litellm_config_strategy.c  how one of a group's deployments is chosen
 *   ngx_litellm_config_value.c  typed values, os.environ/NAME, JSON text
 *   ngx_litellm_config_lint.c   which keys are read where; the warnings
 *   ngx_litellm_config_match.c  lookups at run time
 *
 * One ngx_litellm_cf_t lives while a configuration is read.  What only the
 * reading needs is in cf->temp, freed at the end; what stays is in cf->pool.
 * A failed allocation sets cf->failed; it is looked at in one place.
 */

#ifndef _NGX_LITELLM_CONFIG_READ_H_INCLUDED_
#define _NGX_LITELLM_CONFIG_READ_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config.h"
#include "ngx_litellm_yaml.h"


typedef enum {
    NGX_LITELLM_CF_TOP = 0,
    NGX_LITELLM_CF_LITELLM,          /* litellm_settings */
    NGX_LITELLM_CF_ROUTER,           /* router_settings */
    NGX_LITELLM_CF_GENERAL,          /* general_settings */
    NGX_LITELLM_CF_ENTRY,            /* an element of model_list */
    NGX_LITELLM_CF_PARAMS,           /* its litellm_params */
    NGX_LITELLM_CF_INFO,             /* its model_info */
    NGX_LITELLM_CF_CACHE,            /* litellm_settings.cache_params */
    NGX_LITELLM_CF_KEY,              /* an element of virtual_keys */
    NGX_LITELLM_CF_TEAM,             /* of teams, and so on: in the order of
                                        ngx_litellm_principal_e */
    NGX_LITELLM_CF_USER,
    NGX_LITELLM_CF_END_USER,
    NGX_LITELLM_CF_SECTIONS
} ngx_litellm_cf_section_e;


/* what is done with a key; see the tables of ngx_litellm_config_lint.c */
typedef enum {
    NGX_LITELLM_CF_UNKNOWN = 0,
    NGX_LITELLM_CF_SERVED,
    NGX_LITELLM_CF_QUIET,            /* read by nobody yet, harmless */
    NGX_LITELLM_CF_LATER,            /* a part of LiteLLM not served yet */
    NGX_LITELLM_CF_IGNORED,          /* LiteLLM's, means nothing in nginx */
    NGX_LITELLM_CF_BODY              /* of litellm_params: goes upstream */
} ngx_litellm_cf_status_e;


/* of one section of the file; what an include brought is joined */
typedef struct {
    ngx_str_t                    name;
    ngx_litellm_yaml_t          *key;       /* where it stands */
    ngx_litellm_yaml_t          *value;
    ngx_array_t                  lists;     /* ngx_litellm_yaml_t *: the lists
                                               of model_list, in order */
} ngx_litellm_cf_part_t;


typedef struct {
    ngx_pool_t                  *pool;
    ngx_pool_t                  *temp;
    ngx_pool_t                  *large;     /* of files of keys, as long as
                                               temp; NULL: there are none */
    ngx_litellm_config_t        *conf;
    ngx_litellm_config_env_t    *caller;
    ngx_litellm_config_env_t     env;       /* with environment_variables */

    ngx_array_t                  parts;     /* ngx_litellm_cf_part_t */
    ngx_array_t                  files;     /* ngx_str_t *: read so far */
    ngx_litellm_yaml_t          *top;       /* of the main file */

    ngx_litellm_yaml_t          *variables; /* environment_variables */
    ngx_litellm_yaml_t          *credentials;
    ngx_litellm_yaml_t          *default_params;

    ngx_rbtree_t                 names;     /* variables read */
    ngx_rbtree_t                 unset;     /* variables warned of */
    ngx_rbtree_t                 ids;       /* of deployments */
    ngx_rbtree_t                 left_out;  /* groups whose deployments are */
    ngx_rbtree_t                 unshown;   /* groups named by variables */
    ngx_rbtree_t                 lints;
    ngx_rbtree_node_t            sentinel;
    ngx_array_t                  lint_list; /* in the order found */

    ngx_str_t                    last_unset;/* of the value read last */

    u_char                      *json;      /* JSON text being written */
    size_t                       json_len;
    size_t                       json_size;

    ngx_litellm_json_doc_t       doc;       /* reused from value to value */

    ngx_uint_t                   errors;
    ngx_uint_t                   warnings;
    ngx_uint_t                   near;      /* nearest names looked for */
    unsigned                     failed:1;  /* no memory */
    unsigned                     wrapped:1; /* not a configuration itself */
} ngx_litellm_cf_t;


/* ngx_litellm_config_file.c: reads it and what it includes; from: where it was
   named, NULL: the first one */
void ngx_litellm_cf_file(ngx_litellm_cf_t *cf, ngx_str_t *path,
    ngx_litellm_yaml_t *from, ngx_uint_t depth);


/* ngx_litellm_config.c */

/* "file:line: text" of the node to the operator; control bytes become '?' */
void ngx_litellm_cf_diag(ngx_litellm_cf_t *cf, ngx_litellm_diag_e level,
    ngx_litellm_yaml_t *node, const char *fmt, ...);

#define ngx_litellm_cf_error(cf, node, ...)                                   \
    ngx_litellm_cf_diag(cf, NGX_LITELLM_DIAG_ERROR, node, __VA_ARGS__)
#define ngx_litellm_cf_warn(cf, node, ...)                                    \
    ngx_litellm_cf_diag(cf, NGX_LITELLM_DIAG_WARN, node, __VA_ARGS__)

ngx_litellm_cf_part_t *ngx_litellm_cf_part(ngx_litellm_cf_t *cf,
    const char *name);
#define ngx_litellm_cf_section(cf, name)                                      \
    (ngx_litellm_cf_part(cf, name) ? ngx_litellm_cf_part(cf, name)->value     \
                                   : NULL)


/* ngx_litellm_config_value.c: all return NGX_OK, NGX_DECLINED for a value
   that is absent, null or an unset variable (cf->last_unset has its name),
   NGX_ERROR after telling the operator */

/* a node's text with os.environ/NAME replaced; text lives in cf->pool */
ngx_int_t ngx_litellm_cf_text(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    ngx_str_t *text, ngx_litellm_yaml_kind_e *kind);
ngx_int_t ngx_litellm_cf_str(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    const char *name, ngx_str_t *dst);
ngx_int_t ngx_litellm_cf_flag(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    const char *name, ngx_flag_t *dst);
ngx_int_t ngx_litellm_cf_int(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    const char *name, int64_t min, int64_t max, int64_t *dst);
/* times 10^scale, 0 .. max (in that unit) */
ngx_int_t ngx_litellm_cf_fixed(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    const char *name, ngx_uint_t scale, int64_t max, int64_t *dst);
ngx_int_t ngx_litellm_cf_msec(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    const char *name, ngx_msec_t *dst);
/* a list of texts, or one text; adds ngx_str_t to *dst (made if NULL) */
ngx_int_t ngx_litellm_cf_strings(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    const char *name, ngx_array_t **dst);

#define NGX_LITELLM_CF_RAW      0x01    /* os.environ/NAME as written */
#define NGX_LITELLM_CF_NUMBERS  0x02    /* "5" is 5, "true" is true: for
                                           members that are never text */

/* a tree as JSON text in cf->pool; NGX_DECLINED only for an unset variable */
ngx_int_t ngx_litellm_cf_json(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    ngx_uint_t flags, ngx_str_t *dst);
/* the same, good until the next one of these three; never os.environ/NAME
   that is not set */
ngx_int_t ngx_litellm_cf_json_temp(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v, ngx_str_t *dst);
ngx_int_t ngx_litellm_cf_json_string(ngx_litellm_cf_t *cf, ngx_str_t *text,
    ngx_str_t *dst);

/* SHA-256 in hex of name and the tree as written, in cf->pool; salt tells
   equal trees apart */
ngx_int_t ngx_litellm_cf_digest(ngx_litellm_cf_t *cf, ngx_str_t *name,
    ngx_litellm_yaml_t *v, ngx_uint_t salt, ngx_str_t *dst);

/* the environment as the file sees it; an ngx_litellm_config_env_t.env */
ngx_int_t ngx_litellm_cf_env(void *data, ngx_str_t *name, ngx_str_t *value);
ngx_int_t ngx_litellm_cf_read(void *data, ngx_str_t *path, ngx_str_t *text,
    ngx_str_t *why);

/* "os.environ/NAME": NGX_OK with NAME */
ngx_int_t ngx_litellm_cf_reference(ngx_str_t *text, ngx_str_t *name);

/* what of a value may be in a message: not what a variable held */
ngx_str_t *ngx_litellm_cf_shown(ngx_litellm_yaml_t *v, ngx_str_t *text);

/* one warning for each variable that is not set */
void ngx_litellm_cf_unset(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    ngx_str_t *name, const char *effect);

/* adds name to a set; NGX_OK, NGX_DECLINED if it is there, NGX_ERROR */
ngx_int_t ngx_litellm_cf_set_add(ngx_litellm_cf_t *cf, ngx_rbtree_t *set,
    ngx_str_t *name);
ngx_uint_t ngx_litellm_cf_set_has(ngx_rbtree_t *set, ngx_str_t *name);

/* compares a text with a literal */
#define ngx_litellm_cf_is(s, lit)                                             \
    ((s)->len == sizeof(lit) - 1                                              \
     && ngx_memcmp((s)->data, lit, sizeof(lit) - 1) == 0)


/* ngx_litellm_config_model.c */

#define NGX_LITELLM_CF_MAPS  3

/* an element of model_list, and where its parameters are looked for */
typedef struct {
    ngx_str_t                  name;      /* model_name */
    ngx_str_t                  shown;     /* ... for messages */
    ngx_litellm_yaml_t        *entry;
    ngx_litellm_yaml_t        *info;      /* model_info */
    ngx_litellm_yaml_t        *maps[NGX_LITELLM_CF_MAPS];
} ngx_litellm_cf_entry_t;


void ngx_litellm_cf_models(ngx_litellm_cf_t *cf);


/* what a deployment is without a word about it */
void ngx_litellm_cf_deployment_init(ngx_litellm_deployment_t *d);


/* ngx_litellm_config_direct.c */

void ngx_litellm_cf_direct(ngx_litellm_cf_t *cf);


/* ngx_litellm_config_params.c */

/* what the deployment is given, apart from its model */
void ngx_litellm_cf_params(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_cf_entry_t *e, ngx_litellm_yaml_t *organization);
void ngx_litellm_cf_mode(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_cf_entry_t *e);
void ngx_litellm_cf_info(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_cf_entry_t *e);

/* NULL for an absent or null value */
ngx_litellm_yaml_t *ngx_litellm_cf_param(ngx_litellm_cf_entry_t *e,
    const char *name);

/* true if there is a control character in it */
ngx_uint_t ngx_litellm_cf_control(ngx_str_t *text);


/* ngx_litellm_config_route.c */

void ngx_litellm_cf_routes(ngx_litellm_cf_t *cf);
/* a warning if no model answers to the name; what: the beginning of it */
void ngx_litellm_cf_answered(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *at,
    ngx_str_t *name, const char *what);


/* ngx_litellm_config_strategy.c: how a deployment is chosen */

void ngx_litellm_cf_strategy(ngx_litellm_cf_t *cf);
/* tags of a deployment */
void ngx_litellm_cf_choice_params(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_cf_entry_t *e);
/* aliases for routing groups that can be called by their names */
void ngx_litellm_cf_priorities(ngx_litellm_cf_t *cf);
/* plans of all groups; when groups and aliases are there */
void ngx_litellm_cf_plans(ngx_litellm_cf_t *cf);

/* ngx_litellm_config_policy.c */

void ngx_litellm_cf_policies(ngx_litellm_cf_t *cf);
void ngx_litellm_cf_cooldown(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_cf_entry_t *e);


/* ngx_litellm_config_limits.c */

void ngx_litellm_cf_limiting(ngx_litellm_cf_t *cf);
/* the budget of a deployment */
void ngx_litellm_cf_own_budget(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_cf_entry_t *e);


/* ngx_litellm_config_redis.c */

void ngx_litellm_cf_redis(ngx_litellm_cf_t *cf);


/* ngx_litellm_config_health.c */

void ngx_litellm_cf_health(ngx_litellm_cf_t *cf);
void ngx_litellm_cf_health_info(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_cf_entry_t *e);


/* ngx_litellm_config_window.c */

void ngx_litellm_cf_windows(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_cf_entry_t *e);


/* ngx_litellm_config_metrics.c */

void ngx_litellm_cf_metrics(ngx_litellm_cf_t *cf);


/* ngx_litellm_config_hedge.c */

void ngx_litellm_cf_hedge(ngx_litellm_cf_t *cf);


/* ngx_litellm_config_cache.c: deployments come after it */

void ngx_litellm_cf_cache(ngx_litellm_cf_t *cf);
void ngx_litellm_cf_cache_deployment(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_cf_entry_t *e);


/* ngx_litellm_config_access.c: of all groups, when all deployments are there */
void ngx_litellm_cf_access(ngx_litellm_cf_t *cf);


/* ngx_litellm_config_principal.c: when groups and aliases are there */

void ngx_litellm_cf_principals(ngx_litellm_cf_t *cf);


/* ngx_litellm_config_everybody.c */

void ngx_litellm_cf_everybody(ngx_litellm_cf_t *cf);


/* ngx_litellm_config_grant.c */

void ngx_litellm_cf_grants(ngx_litellm_cf_t *cf);


/* ngx_litellm_config_price.c: when its provider is known */

void ngx_litellm_cf_prices(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_cf_entry_t *e);


/* ngx_litellm_config_terms.c */

void ngx_litellm_cf_terms(ngx_litellm_cf_t *cf);


/* ngx_litellm_config_match.c */

/* an ngx_rbtree_insert_pt for conf->tree */
void ngx_litellm_cf_insert(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel);
ngx_int_t ngx_litellm_cf_group(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d);
ngx_int_t ngx_litellm_cf_index(ngx_litellm_cf_t *cf);
ngx_int_t ngx_litellm_cf_sort_fallbacks(ngx_litellm_cf_t *cf,
    ngx_array_t *fallbacks);
ngx_int_t ngx_litellm_cf_sort_aliases(ngx_litellm_cf_t *cf);
/* conf->by_id and conf->by_model */
ngx_int_t ngx_litellm_cf_sort_deployments(ngx_litellm_cf_t *cf);


/* ngx_litellm_config_lint.c */

/* a key of litellm_params that a provider reads for itself */
ngx_uint_t ngx_litellm_cf_is_setting(ngx_str_t *key);

ngx_litellm_cf_status_e ngx_litellm_cf_key(ngx_litellm_cf_section_e section,
    ngx_str_t *key);

/* the warnings for a section's keys; a key is told once, with a count */
void ngx_litellm_cf_lint(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_section_e section, ngx_litellm_yaml_t *map);
void ngx_litellm_cf_lint_key(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_section_e section, ngx_litellm_yaml_t *key,
    ngx_litellm_yaml_t *value);

/* values that look like variables of a shell, in the whole tree */
void ngx_litellm_cf_lint_values(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *root);

/* a file that is a Kubernetes object, a chart's values, a compose file */
void ngx_litellm_cf_lint_wrapper(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *root);

/* says what was gathered */
void ngx_litellm_cf_lint_done(ngx_litellm_cf_t *cf);

/* changes to get from a to b, at most max + 1 */
ngx_uint_t ngx_litellm_cf_distance(ngx_str_t *a, const u_char *b, size_t len,
    ngx_uint_t max);


#endif /* _NGX_LITELLM_CONFIG_READ_H_INCLUDED_ */
