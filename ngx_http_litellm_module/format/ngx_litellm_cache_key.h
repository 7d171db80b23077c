
/*
 * What a request is called in the cache, and what it says of the cache itself.
 *
 * The key is SHA-256 over what changes the answer, in a canonical form: members
 * in order of their names, strings by their characters, numbers by their value
 * (1, 1.0 and 1e0 are one), no blanks; of members of one name the last counts,
 * and null members of the body and of its messages are absent ones.  Not in it:
 * "stream", "stream_options", "user", "metadata", "safety_identifier",
 * "prompt_cache_key", "prompt_cache_retention", and members that tell the
 * gateway how to serve (time-outs, retries, ids, "cache" itself ...).
 */

#ifndef _NGX_LITELLM_CACHE_KEY_H_INCLUDED_
#define _NGX_LITELLM_CACHE_KEY_H_INCLUDED_


#include "ngx_litellm_format.h"
#include "ngx_litellm_principal.h"


#define NGX_LITELLM_CACHE_KEY        32

/* flags of a key */
#define NGX_LITELLM_CACHE_USER       0x01     /* "user" is part of it */
#define NGX_LITELLM_CACHE_NO_INPUT   0x02     /* "input" is not: for
                                                 ngx_litellm_cache_item() */

#define NGX_LITELLM_CACHE_NAMESPACE  256      /* bytes, at most */
#define NGX_LITELLM_CACHE_TTL_MAX    (366 * 86400)


/* what the request says; of the "cache" member of its body, or of its key's
   metadata */
typedef struct {
    ngx_int_t                 ttl;        /* seconds; -1: not said */
    ngx_int_t                 max_age;    /* s-maxage: seconds since it was
                                             stored; -1: not said */
    ngx_str_t                 namespace;  /* UTF-8; may be empty */
    unsigned                  no_cache:1; /* is not answered from the cache */
    unsigned                  no_store:1;
    unsigned                  use_cache:1;
} ngx_litellm_cache_control_t;


/*
 * key: of the principal that asks, may be NULL: which controls it may use, and
 * its own, which replace the request's.  NGX_OK, also if nothing is said;
 * NGX_DECLINED with *e: no object, unknown or of a wrong type (400), or not
 * allowed (403); NGX_ERROR: no memory.
 */
ngx_int_t ngx_litellm_cache_control(ngx_litellm_call_t *call,
    ngx_litellm_principal_t *key, ngx_litellm_cache_control_t *c,
    ngx_litellm_error_t *e);

/* may a request of this kind be looked up and stored at all? */
ngx_uint_t ngx_litellm_cache_able(ngx_litellm_cache_t *conf,
    ngx_litellm_call_t *call, ngx_litellm_cache_control_t *c);

/*
 * group: the model group that is asked for; scope: what else tells askers
 * apart, made by the caller, or empty.  NGX_DECLINED: the request has no key
 * (it is larger than what is looked at, or a test switch is in it); NGX_ERROR:
 * no memory.
 */
ngx_int_t ngx_litellm_cache_key(ngx_litellm_call_t *call, ngx_str_t *group,
    ngx_str_t *namespace, ngx_str_t *scope, ngx_uint_t flags,
    u_char key[NGX_LITELLM_CACHE_KEY]);

/*
 * The key of one of the inputs of an embeddings request: base is the request's
 * with NO_INPUT, item a node with all of its own.  Returns as above.
 */
ngx_int_t ngx_litellm_cache_item(ngx_pool_t *pool,
    const u_char base[NGX_LITELLM_CACHE_KEY], ngx_litellm_json_t *item,
    u_char key[NGX_LITELLM_CACHE_KEY]);


#endif /* _NGX_LITELLM_CACHE_KEY_H_INCLUDED_ */
