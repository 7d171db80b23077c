
/*
 * An answer as it is kept in Redis: a head of our own and the answer's bytes.
 * Others may write there, so nothing that is read is believed: not the length,
 * not the kind, not that it is JSON.
 *
 *     0   "nlc", version
 *     4   kind (ngx_litellm_op_e, or one input's of embeddings)
 *     8   when it was stored, seconds since 1970
 *    16   seconds that it is good for
 *    20   what it cost to make
 *    28   bytes of the answer
 *    32   the first half of SHA-256 over what is before, the key, the answer
 *    48   the answer
 *
 * Numbers are big-endian.  The sum finds what was cut, mixed up or copied to
 * another name; it is no signature.  No I/O, no clock.
 */

#ifndef _NGX_LITELLM_CACHE_VALUE_H_INCLUDED_
#define _NGX_LITELLM_CACHE_VALUE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_cache_key.h"


#define NGX_LITELLM_CACHE_VALUE_HEAD  48

/* a kind beside those of ngx_litellm_op_e; the body is for
   ngx_litellm_cache_item_read(), and is not looked at here */
#define NGX_LITELLM_CACHE_VALUE_ITEM  0x100


typedef struct {
    ngx_uint_t                kind;
    int64_t                   stored;
    ngx_int_t                 ttl;      /* 1 .. NGX_LITELLM_CACHE_TTL_MAX */
    int64_t                   cost;
    ngx_str_t                 body;
} ngx_litellm_cache_value_t;


/*
 * The head of *v into p, of .._HEAD bytes; v->body is not copied.  NGX_OK, or
 * NGX_ERROR: no memory, or more than a head can tell.
 */
ngx_int_t ngx_litellm_cache_value_write(ngx_litellm_cache_value_t *v,
    const u_char key[NGX_LITELLM_CACHE_KEY], u_char *p);

/*
 * *v of what stood under the key, body within data.  NGX_OK; NGX_DECLINED: it
 * is no answer of that kind; NGX_ERROR: no memory.  temp: for the reading only.
 */
ngx_int_t ngx_litellm_cache_value_read(ngx_pool_t *temp, ngx_str_t *data,
    const u_char key[NGX_LITELLM_CACHE_KEY], ngx_uint_t kind,
    ngx_litellm_cache_value_t *v);


#endif /* _NGX_LITELLM_CACHE_VALUE_H_INCLUDED_ */
