
/*
 * What a request is called in the cache: SHA-256 over what changes its answer,
 * in a canonical form: members in order of their names, strings by their
 * characters, numbers by their value's text, no blanks.  "stream",
 * "stream_options", "user", "metadata" and what is said to the gateway alone
 * are not in it.
 */

#ifndef _NGX_LITELLM_CACHE_KEY_H_INCLUDED_
#define _NGX_LITELLM_CACHE_KEY_H_INCLUDED_


#include "ngx_litellm_format.h"


#define NGX_LITELLM_CACHE_KEY  32


/* the "cache" member of a body, and what the configuration says instead */
typedef struct {
    ngx_int_t                 ttl;        /* seconds; -1: not said */
    ngx_int_t                 max_age;    /* s-maxage; -1 */
    ngx_str_t                 namespace;  /* may be empty */
    unsigned                  no_cache:1;
    unsigned                  no_store:1;
    unsigned                  use_cache:1;
} ngx_litellm_cache_control_t;


/*
 * Of call->body: NGX_OK, also without it; NGX_DECLINED with *e (400): it is no
 * object, or a member is of a wrong type.
 */
ngx_int_t ngx_litellm_cache_control(ngx_litellm_call_t *call,
    ngx_litellm_cache_control_t *c, ngx_litellm_error_t *e);

/*
 * group: the model group that is asked for; scope: of the principal or empty;
 * user: "user" is part of it.  item: of embeddings, the input it is about, NULL
 * for a whole request.  NGX_DECLINED: the request can't be cached (n and the
 * like are no reason); NGX_ERROR: no memory.
 */
ngx_int_t ngx_litellm_cache_key(ngx_litellm_call_t *call, ngx_str_t *group,
    ngx_str_t *namespace, ngx_str_t *scope, ngx_uint_t user,
    ngx_litellm_json_t *item, u_char key[NGX_LITELLM_CACHE_KEY]);


#endif /* _NGX_LITELLM_CACHE_KEY_H_INCLUDED_ */
