
/*
 * The management API: keys, teams, users, end users and their spend, changed at
 * run time in the shared zone.
 *
 *   ngx_http_litellm_admin.c         which path, who may, the body, the answer
 *   ngx_http_litellm_admin_record.c  records: found, written, removed
 *   ngx_http_litellm_admin_member.c  their members: merged, shown
 *   ngx_http_litellm_admin_grant.c   defaults and upper bounds of records
 *   ngx_http_litellm_admin_walk.c    over all records of a kind, in slices
 *   ngx_http_litellm_admin_key.c     /key/...: one key
 *   ngx_http_litellm_admin_keys.c    /key/...: lists, names, many at a time
 *   ngx_http_litellm_admin_owner.c   /team, /user, /customer: changes
 *   ngx_http_litellm_admin_owners.c  the same: records and lists
 *   ngx_http_litellm_admin_spend.c   /spend, /global/spend, /provider/budgets
 *
 * A route's function gets a request whose body was read and which is allowed
 * to ask; it writes the answer's JSON to a->out and returns NGX_OK, or says
 * what is wrong by ngx_http_litellm_admin_fail() (NGX_DECLINED); NGX_ERROR: no
 * memory; NGX_AGAIN: a walk is under way, whose done() returns the same.
 */

#ifndef _NGX_HTTP_LITELLM_ADMIN_H_INCLUDED_
#define _NGX_HTTP_LITELLM_ADMIN_H_INCLUDED_


#include "ngx_http_litellm.h"
#include "ngx_http_litellm_store.h"
#include "ngx_http_litellm_ledger.h"


#define NGX_HTTP_LITELLM_ADMIN_BODY   (1024 * 1024)
#define NGX_HTTP_LITELLM_ADMIN_NAMES  1000      /* of one request */
#define NGX_HTTP_LITELLM_ADMIN_LIST   10000     /* records of one answer */


typedef struct ngx_http_litellm_admin_s  ngx_http_litellm_admin_t;

typedef ngx_int_t (*ngx_http_litellm_admin_pt)(ngx_http_litellm_admin_t *a);
typedef ngx_int_t (*ngx_http_litellm_admin_each_pt)(
    ngx_http_litellm_admin_t *a, ngx_str_t *id, ngx_str_t *json);


typedef struct {
    ngx_litellm_principal_e          kind;
    ngx_http_litellm_admin_each_pt   each;
    ngx_http_litellm_admin_pt        done;
    ngx_uint_t                       index;      /* of the configuration's */
    size_t                           len;        /* of the last id */
    u_char                           last[NGX_HTTP_LITELLM_STORE_ID];
    ngx_pool_t                      *pool;       /* of a slice */
    ngx_litellm_json_doc_t           doc;        /* the same */
    ngx_event_t                      event;
    ngx_uint_t                       made;       /* event has a cleanup */
    unsigned                         stored:1;   /* the record is one of the
                                                    zone */
} ngx_http_litellm_admin_walk_t;


struct ngx_http_litellm_admin_s {
    ngx_http_request_t              *request;
    ngx_http_litellm_ctx_t          *ctx;
    ngx_pool_t                      *pool;
    ngx_log_t                       *log;
    ngx_shm_zone_t                  *zone;
    ngx_litellm_config_t            *config;
    ngx_litellm_json_doc_t           doc;
    ngx_litellm_json_t              *body;       /* an object; NULL: none */
    ngx_str_t                        text;       /* of the body */
    ngx_str_t                        argument;   /* of the path: {key} */
    ngx_litellm_principal_e          kind;       /* of the route */
    ngx_http_litellm_admin_walk_t    walk;
    void                            *data;       /* the route's own */
    ngx_litellm_out_t                out;
};


/* one member of a record that is written anew */
typedef struct {
    ngx_str_t                        name;
    ngx_str_t                        value;      /* JSON text */
} ngx_http_litellm_member_t;


/* the API's handler of these routes; NULL: the path is none of them */
const ngx_http_litellm_api_t *ngx_http_litellm_admin_api(ngx_str_t *path);
/* the i-th route: its path, where a star stands for a key, and its methods;
   NULL: there are no more */
const ngx_str_t *ngx_http_litellm_admin_path(ngx_uint_t i,
    ngx_uint_t *methods);
/* true for what ngx_http_litellm_admin_api() gives */
ngx_uint_t ngx_http_litellm_admin_is(const ngx_http_litellm_api_t *api);
ngx_int_t ngx_http_litellm_admin(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
/* keys are not for the logs that have the request line; path: a part of
   r->uri, and so it stays.  NGX_OK or NGX_ERROR */
ngx_int_t ngx_http_litellm_admin_hide(ngx_http_request_t *r,
    ngx_str_t *path);

/* the answer of a route that has returned rc, unless that is NGX_AGAIN */
void ngx_http_litellm_admin_end(ngx_http_litellm_admin_t *a, ngx_int_t rc);

/* NGX_DECLINED with the error; fmt as of ngx_sprintf() */
ngx_int_t ngx_http_litellm_admin_fail(ngx_http_litellm_admin_t *a,
    ngx_uint_t status, const char *fmt, ...);

/* a text of the body (or a number), unescaped, or an argument of the query;
   NGX_DECLINED: it is not there, null, empty, or nothing of the kind */
ngx_int_t ngx_http_litellm_admin_text(ngx_http_litellm_admin_t *a,
    const char *name, ngx_str_t *value);
/* a number of the query, old without it; NGX_DECLINED with the error */
ngx_int_t ngx_http_litellm_admin_number(ngx_http_litellm_admin_t *a,
    const char *name, ngx_int_t min, ngx_int_t max, ngx_int_t old,
    ngx_int_t *n);
/* true for an argument of the query that says so */
ngx_uint_t ngx_http_litellm_admin_flag(ngx_http_litellm_admin_t *a,
    const char *name);
/* ngx_str_t of a list of texts in the body, or of one text, put behind those
   that are in values */
ngx_int_t ngx_http_litellm_admin_texts(ngx_http_litellm_admin_t *a,
    const char *name, ngx_array_t *values);


/* ngx_http_litellm_admin_record.c */

typedef struct {
    const char                      *id;         /* "token", "team_id" ... */
    const char                      *word;       /* "key", "team" ... */
    const char                      *names;      /* what a client may set,
                                                    blanks between */
    const char                      *shown;      /* members an answer has at
                                                    least: name, blank, JSON,
                                                    blank ... */
    ngx_http_litellm_scope_e         scope;      /* of its account */
    ngx_http_litellm_scope_e         model;      /* of those by model; the same
                                                    one: it has none */
} ngx_http_litellm_records_kind_t;

extern const ngx_http_litellm_records_kind_t
    ngx_http_litellm_records_kinds[NGX_LITELLM_PRINCIPALS];

/*
 * Reads a record, puts what the body says and own members over it (those win),
 * has it checked by the reader and writes it; again if somebody else was
 * faster.  The account of it is kept from then on.  make: there must be none;
 * else there must be one.  spend: of the period, -1: as it is.  NGX_OK with
 * *json; NGX_DECLINED with the error.
 */
ngx_int_t ngx_http_litellm_admin_save(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_e kind, ngx_str_t *id, ngx_uint_t make,
    ngx_array_t *own, int64_t spend, ngx_str_t *json);

/*
 * The same under another id, with the spend of the old one, which is no more:
 * from is a record of the zone.
 */
ngx_int_t ngx_http_litellm_admin_move(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_e kind, ngx_str_t *from, ngx_str_t *id,
    ngx_array_t *own, int64_t spend, ngx_str_t *json);

/* with its accounts; NGX_DECLINED with the error: unknown, or in the
   configuration */
ngx_int_t ngx_http_litellm_admin_remove(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_e kind, ngx_str_t *id);
/* the accounts of a record that is gone */
ngx_int_t ngx_http_litellm_admin_forget(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_e kind, ngx_str_t *id, ngx_str_t *json);
/* the same, without a request: also of one that another gateway deleted */
ngx_int_t ngx_http_litellm_records_forget(ngx_shm_zone_t *zone,
    ngx_pool_t *pool, ngx_litellm_principal_e kind, ngx_str_t *id,
    ngx_str_t *json);

/* it may be changed: NGX_OK, NGX_DECLINED with the error */
ngx_int_t ngx_http_litellm_admin_changeable(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_e kind, ngx_str_t *id);

/* the record's text, of the configuration or of the zone; NGX_DECLINED with
   a 404 */
ngx_int_t ngx_http_litellm_admin_find(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_e kind, ngx_str_t *id, ngx_str_t *json);

/* ngx_http_litellm_admin_member.c */

/* does the body ask for what is not kept here?  NGX_OK, NGX_DECLINED with the
   error */
ngx_int_t ngx_http_litellm_admin_promises(ngx_http_litellm_admin_t *a);
/* old: the record that is there, NULL: none; p: the one that comes of it, as
   the reader has it; NGX_DECLINED with the error */
ngx_int_t ngx_http_litellm_admin_merge(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_e kind, ngx_str_t *old, ngx_array_t *own,
    ngx_str_t *json, ngx_litellm_principal_t *p);

/*
 * A record as an answer shows it, with its spend and null for what it does not
 * say.  front: members that come first (JSON, a comma behind each; may be
 * empty).
 */
ngx_int_t ngx_http_litellm_admin_show(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_e kind, ngx_str_t *id, ngx_str_t *json,
    ngx_str_t *front);

/* {"name": "text"} of own members; NGX_OK or NGX_ERROR */
ngx_int_t ngx_http_litellm_admin_member(ngx_array_t *own, const char *name,
    ngx_str_t *json);
ngx_int_t ngx_http_litellm_admin_quote(ngx_http_litellm_admin_t *a,
    ngx_array_t *own, const char *name, ngx_str_t *text);
/* created_at and created_by (make), updated_at and updated_by */
ngx_int_t ngx_http_litellm_admin_stamp(ngx_http_litellm_admin_t *a,
    ngx_array_t *own, ngx_uint_t make);
void ngx_http_litellm_admin_money(ngx_litellm_out_t *out, int64_t money);
/* "spend" of the body: -1 without it; NGX_DECLINED with the error */
ngx_int_t ngx_http_litellm_admin_spend(ngx_http_litellm_admin_t *a,
    const char *name, int64_t *spend);


/* ngx_http_litellm_admin_grant.c */

/* what the body does not say of a key, and the bounds of what it says; make:
   of a new one.  NGX_OK; NGX_DECLINED with the error */
ngx_int_t ngx_http_litellm_admin_grant_key(ngx_http_litellm_admin_t *a,
    ngx_uint_t make);
/* of a new team or user; NGX_OK or NGX_ERROR */
ngx_int_t ngx_http_litellm_admin_grant_owner(ngx_http_litellm_admin_t *a);


/* ngx_http_litellm_admin_walk.c: a page of a list that is walked */
typedef struct {
    ngx_int_t                     number;    /* from 1 */
    ngx_int_t                     size;
    ngx_uint_t                    total;     /* of the list, so far */
    ngx_uint_t                    shown;
} ngx_http_litellm_admin_page_t;

/*
 * One more of the list.  True if it is on the page: it is to be written now,
 * what parts it from the one before is.
 */
ngx_uint_t ngx_http_litellm_admin_on_page(ngx_http_litellm_admin_t *a,
    ngx_http_litellm_admin_page_t *page);

/*
 * ngx_http_litellm_admin_walk.c: each() for all records of the kind, those of
 * the configuration first; it may remove the record that it is given.  What it
 * is given is good during the call only.  NGX_OK: go on; NGX_DONE: enough;
 * others end the request.  done() is called behind the last one.
 */
ngx_int_t ngx_http_litellm_admin_walk(ngx_http_litellm_admin_t *a,
    ngx_litellm_principal_e kind, ngx_http_litellm_admin_each_pt each,
    ngx_http_litellm_admin_pt done);
/* the same from one event to the next, where there are no records to go
   over: step() is called until it returns anything but NGX_OK */
ngx_int_t ngx_http_litellm_admin_steps(ngx_http_litellm_admin_t *a,
    ngx_http_litellm_admin_pt step);
/* in each(): the record's members, NULL for what is none; NGX_OK or
   NGX_ERROR */
ngx_int_t ngx_http_litellm_admin_root(ngx_http_litellm_admin_t *a,
    ngx_str_t *json, ngx_litellm_json_t **root);
/* in each(): is this member that text?  An empty one always is */
ngx_uint_t ngx_http_litellm_admin_has(ngx_litellm_json_t *root,
    const char *name, ngx_str_t *text);


/* ngx_http_litellm_admin_key.c */

/* the token of a key, or of a token: NGX_OK or NGX_ERROR */
ngx_int_t ngx_http_litellm_admin_key_id(ngx_http_litellm_admin_t *a,
    ngx_str_t *key, ngx_str_t *id);
/* a key of what the body says and own members: NGX_OK with the key itself and
   its record, or as ngx_http_litellm_admin_save() */
ngx_int_t ngx_http_litellm_admin_key_create(ngx_http_litellm_admin_t *a,
    ngx_array_t *own, ngx_str_t *key, ngx_str_t *id, ngx_str_t *json);
/* JSON members for the front of an answer: the key, once */
ngx_int_t ngx_http_litellm_admin_key_front(ngx_http_litellm_admin_t *a,
    ngx_str_t *key, ngx_str_t *id, ngx_str_t *front);

ngx_int_t ngx_http_litellm_admin_key_generate(ngx_http_litellm_admin_t *a);
ngx_int_t ngx_http_litellm_admin_key_update(ngx_http_litellm_admin_t *a);
ngx_int_t ngx_http_litellm_admin_key_info(ngx_http_litellm_admin_t *a);
ngx_int_t ngx_http_litellm_admin_key_block(ngx_http_litellm_admin_t *a);
ngx_int_t ngx_http_litellm_admin_key_unblock(ngx_http_litellm_admin_t *a);
ngx_int_t ngx_http_litellm_admin_key_regenerate(ngx_http_litellm_admin_t *a);
ngx_int_t ngx_http_litellm_admin_key_reset(ngx_http_litellm_admin_t *a);

/* ngx_http_litellm_admin_keys.c */

/* has no key the body's key_alias, but the one of this id (may be empty)?
   NGX_DECLINED with the error */
ngx_int_t ngx_http_litellm_admin_key_unique(ngx_http_litellm_admin_t *a,
    ngx_str_t *id);
/* NGX_DECLINED with that error */
ngx_int_t ngx_http_litellm_admin_key_taken(ngx_http_litellm_admin_t *a,
    ngx_str_t *alias);
/* removes the keys of these owners, made at run time: member is user_id or
   team_id; then done() */
ngx_int_t ngx_http_litellm_admin_keys_of(ngx_http_litellm_admin_t *a,
    const char *member, ngx_array_t *owners, ngx_http_litellm_admin_pt done);
ngx_int_t ngx_http_litellm_admin_key_delete(ngx_http_litellm_admin_t *a);
ngx_int_t ngx_http_litellm_admin_key_infos(ngx_http_litellm_admin_t *a);
ngx_int_t ngx_http_litellm_admin_key_list(ngx_http_litellm_admin_t *a);
ngx_int_t ngx_http_litellm_admin_key_aliases(ngx_http_litellm_admin_t *a);

/* ngx_http_litellm_admin_owner.c: a->kind says whom */

/* the id that the request names; NGX_DECLINED: none */
ngx_int_t ngx_http_litellm_admin_owner_named(ngx_http_litellm_admin_t *a,
    ngx_str_t *id);
ngx_int_t ngx_http_litellm_admin_owner_new(ngx_http_litellm_admin_t *a);
ngx_int_t ngx_http_litellm_admin_owner_update(ngx_http_litellm_admin_t *a);
ngx_int_t ngx_http_litellm_admin_owner_delete(ngx_http_litellm_admin_t *a);
ngx_int_t ngx_http_litellm_admin_owner_block(ngx_http_litellm_admin_t *a);
ngx_int_t ngx_http_litellm_admin_owner_unblock(ngx_http_litellm_admin_t *a);

/* ngx_http_litellm_admin_owners.c: the same */
ngx_int_t ngx_http_litellm_admin_owner_info(ngx_http_litellm_admin_t *a);
ngx_int_t ngx_http_litellm_admin_owner_list(ngx_http_litellm_admin_t *a);

/* ngx_http_litellm_admin_spend.c */
ngx_int_t ngx_http_litellm_admin_spend_list(ngx_http_litellm_admin_t *a);
ngx_int_t ngx_http_litellm_admin_spend_top(ngx_http_litellm_admin_t *a);
ngx_int_t ngx_http_litellm_admin_spend_global(ngx_http_litellm_admin_t *a);
ngx_int_t ngx_http_litellm_admin_spend_calculate(ngx_http_litellm_admin_t *a);
ngx_int_t ngx_http_litellm_admin_spend_providers(ngx_http_litellm_admin_t *a);


#endif /* _NGX_HTTP_LITELLM_ADMIN_H_INCLUDED_ */
