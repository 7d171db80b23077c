
/*
 * Who may ask for what: virtual keys, teams, users and end users ("customers"),
 * as LiteLLM's records have them.  A record is a JSON object (the management
 * API's and the state file's; one of the YAML is made JSON first), and one
 * reader makes the struct of it.  Frozen once made.
 *
 * A limit is -1 where there is none; 0 lets nothing through.  Money is in
 * 10^-12 dollar (ngx_litellm_money.h), times in seconds since 1970.
 */

#ifndef _NGX_LITELLM_PRINCIPAL_H_INCLUDED_
#define _NGX_LITELLM_PRINCIPAL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_json.h"
#include "ngx_litellm_money.h"


#define NGX_LITELLM_KEY_HASH     64           /* SHA-256 in hex */
#define NGX_LITELLM_RECORD_MAX   (64 * 1024)  /* bytes of a record */
#define NGX_LITELLM_ID_MAX       256          /* bytes of an id or an alias */
#define NGX_LITELLM_ALLOWED_MAX  4096         /* entries of a list */
#define NGX_LITELLM_PER_MODEL    256          /* limits of single models */


typedef enum {
    NGX_LITELLM_KEY = 0,
    NGX_LITELLM_TEAM,
    NGX_LITELLM_USER,
    NGX_LITELLM_END_USER,
    NGX_LITELLM_PRINCIPALS
} ngx_litellm_principal_e;


/*
 * When a budget begins anew: every n seconds since it began, or at midnight
 * UTC of each n-th day, Monday or first of the month, as LiteLLM aligns "1d",
 * "7d", "30d" and "1mo".
 */
typedef enum {
    NGX_LITELLM_NEVER = 0,
    NGX_LITELLM_EVERY,
    NGX_LITELLM_DAILY,
    NGX_LITELLM_WEEKLY,
    NGX_LITELLM_MONTHLY
} ngx_litellm_period_e;

typedef struct {
    ngx_litellm_period_e      type;
    uint32_t                  n;         /* seconds, or months */
} ngx_litellm_period_t;

/* "30s", "30m", "30h", "30d", "1w", "1mo"; NGX_DECLINED: none of these */
ngx_int_t ngx_litellm_period_parse(ngx_str_t *text, ngx_litellm_period_t *p);
/* the end of the period that now is in; 0: never.  since: of EVERY, the end of
   the one before, 0: none */
time_t ngx_litellm_period_end(ngx_litellm_period_t *p, time_t now,
    time_t since);


typedef struct {
    int64_t                   max;       /* money */
    ngx_litellm_period_t      period;
    ngx_str_t                 duration;  /* as written; may be empty */
} ngx_litellm_budget_t;


typedef struct {
    ngx_str_t                 model;     /* a group, or a pattern */
    int64_t                   rpm;
    int64_t                   tpm;
    ngx_litellm_budget_t      budget;    /* max -1: none */
} ngx_litellm_model_limit_t;


typedef struct {
    int64_t                   rpm;
    int64_t                   tpm;
    int64_t                   parallel;
    ngx_litellm_budget_t      budget;    /* max -1: none */
    int64_t                   soft;      /* soft_budget; -1: none */
    ngx_array_t              *budgets;   /* budget_limits: ..._budget_t, more
                                            of them at once; NULL: none */
    ngx_array_t              *models;    /* ..._model_limit_t; NULL: none */
} ngx_litellm_limits_t;


typedef struct ngx_litellm_principal_s  ngx_litellm_principal_t;

struct ngx_litellm_principal_s {
    ngx_litellm_principal_e   kind;
    ngx_str_t                 id;        /* a key's: SHA-256 in lower case hex;
                                            team_id, user_id ... */
    ngx_str_t                 name;      /* a key's: "sk-...abcd" */
    ngx_str_t                 alias;     /* key_alias, team_alias, user_email */
    ngx_litellm_limits_t      limits;
    ngx_litellm_limits_t     *members;   /* a team's, of each of its users:
                                            team_member_rpm_limit ...; NULL */
    ngx_array_t              *models;    /* ngx_str_t: groups, patterns, access
                                            groups; NULL: all */
    ngx_array_t              *aliases;   /* ngx_keyval_t: the name asked for,
                                            the group it means; NULL */
    ngx_array_t              *routes;    /* allowed_routes; NULL: all */
    ngx_array_t              *tags;      /* ngx_str_t; NULL: none */
    ngx_array_t              *cache_controls;    /* allowed_cache_controls of a
                                                    key; NULL: all */
    ngx_str_t                 cache;     /* JSON of metadata.cache of a key: its
                                            own controls; empty: none */
    ngx_str_t                 user_id;
    ngx_str_t                 team_id;
    ngx_litellm_principal_t  *team;      /* of a configuration's key: the same
                                            configuration's; NULL: see there */
    time_t                    expires;   /* 0: never */
    time_t                    created;   /* 0: not said */
    ngx_str_t                 metadata;  /* JSON object; may be empty */
    ngx_str_t                 json;      /* the whole record */
    unsigned                  stored:1;  /* made at run time: in the zone */
    unsigned                  blocked:1;
    unsigned                  is_admin:1;    /* a user of role proxy_admin */
    unsigned                  team_models:1; /* "all-team-models": those of its
                                                team, beside its own */
};


/*
 * A record as a struct, all in pool.  Of a key the record has "token" (the
 * SHA-256) or "key" (the key itself, hashed here and not kept in ->json).
 * NGX_DECLINED: *why is a sentence that names the member, without its value;
 * NGX_ERROR: no memory.
 */
ngx_int_t ngx_litellm_principal_read(ngx_pool_t *pool,
    ngx_litellm_principal_e kind, ngx_str_t *json,
    ngx_litellm_principal_t *p, ngx_str_t *why);

/* a key's "duration": "30s", "30m", "12h", "30d", "1w", "1mo" (30 days);
   NGX_DECLINED: none of these */
ngx_int_t ngx_litellm_key_lifetime(ngx_str_t *text, int64_t *seconds);

/* lower case hex of the SHA-256 of a key */
void ngx_litellm_key_hash(ngx_str_t *key, u_char hash[NGX_LITELLM_KEY_HASH]);
/* "sk-...abcd"; of a key shorter than 12 only "..." */
ngx_int_t ngx_litellm_key_name(ngx_pool_t *pool, ngx_str_t *key,
    ngx_str_t *name);

/*
 * May it use this group?  group: what the name asked for stands for; access:
 * ngx_str_t, the access groups that the group is in; NULL: none.
 * "all-team-models" is not looked at: that is for who knows the team.
 */
ngx_uint_t ngx_litellm_principal_allows(ngx_litellm_principal_t *p,
    ngx_str_t *asked, ngx_str_t *group, ngx_array_t *access);
/*
 * May it call this route?  path: as asked for, behind a location's prefix;
 * canonical: the API function's, without "/v1"; groups: which of LiteLLM's
 * groups of routes it is in.  An entry is a path, a path that ends with a star,
 * or the name of a group.
 */
#define NGX_LITELLM_ROUTE_LLM         0x01    /* it calls a model, or lists
                                                 models */
#define NGX_LITELLM_ROUTE_MANAGEMENT  0x02
#define NGX_LITELLM_ROUTE_INFO        0x04    /* ... and changes nothing */

ngx_uint_t ngx_litellm_principal_route(ngx_litellm_principal_t *p,
    ngx_str_t *path, ngx_str_t *canonical, ngx_uint_t groups);
/* the group that the name means to it; the name itself without an alias */
ngx_str_t *ngx_litellm_principal_alias(ngx_litellm_principal_t *p,
    ngx_str_t *model);
/* its own limits of a group; NULL: none */
ngx_litellm_model_limit_t *ngx_litellm_principal_model(
    ngx_litellm_principal_t *p, ngx_str_t *asked, ngx_str_t *group);


/*
 * Many of one kind, by id: of a configuration, or what a worker has read of
 * the zone.
 */
typedef struct {
    ngx_litellm_principal_t **slots;     /* open addressing; NULL: empty */
    ngx_uint_t                mask;
    ngx_uint_t                n;
    size_t                    text;      /* offset of what they are found by */
    uint64_t                  secret[2]; /* of their hashes */
} ngx_litellm_principals_by_t;

typedef struct {
    ngx_pool_t                  *pool;
    ngx_array_t                  list;   /* ngx_litellm_principal_t * */
    ngx_litellm_principals_by_t  ids;
    ngx_litellm_principals_by_t  aliases;   /* of keys */
} ngx_litellm_principals_t;

ngx_int_t ngx_litellm_principals_init(ngx_litellm_principals_t *set,
    ngx_pool_t *pool);
/* NGX_DECLINED: the id is there already */
ngx_int_t ngx_litellm_principals_add(ngx_litellm_principals_t *set,
    ngx_litellm_principal_t *p);
ngx_litellm_principal_t *ngx_litellm_principals_find(
    ngx_litellm_principals_t *set, ngx_str_t *id);
/* the first key of that alias */
ngx_litellm_principal_t *ngx_litellm_principals_alias(
    ngx_litellm_principals_t *set, ngx_str_t *alias);


#endif /* _NGX_LITELLM_PRINCIPAL_H_INCLUDED_ */
