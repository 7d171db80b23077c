
/*
 * An embeddings request as the list of its inputs.  Each is kept by itself, so
 * that of a batch only those inputs are sent that nobody has asked for; the
 * answer is put together of what was kept and what came.
 *
 * What is kept of an answer is the object of one input, byte for byte, without
 * its index.  Pure; called by http/ngx_http_litellm_cache_items.c.
 */

#ifndef _NGX_LITELLM_CACHE_ITEMS_H_INCLUDED_
#define _NGX_LITELLM_CACHE_ITEMS_H_INCLUDED_


#include "ngx_litellm_cache_key.h"


/* what OpenAI takes in one request; longer lists are kept as a whole */
#define NGX_LITELLM_CACHE_ITEMS   2048

/* pieces of a value */
#define NGX_LITELLM_CACHE_PIECES  4


/* what a value begins with; the model and the object follow */
typedef struct {
    uint32_t                     version;
    uint32_t                     tokens;
    uint32_t                     model;       /* its bytes */
    uint32_t                     cut;         /* the object's */
} ngx_litellm_cache_head_t;


typedef struct {
    ngx_str_t                    input;       /* JSON, as it was written */
    ngx_str_t                    object;      /* of the answer; data NULL: it
                                                 is not there yet */
    size_t                       cut;         /* bytes of it before its index */
    size_t                       skip;        /* bytes of that: 0 if kept */
    size_t                       weight;      /* its part of the tokens */
    uint32_t                     tokens;
    unsigned                     fresh:1;     /* it came just now */
    u_char                       key[NGX_LITELLM_CACHE_KEY];
} ngx_litellm_cache_item_t;


typedef struct {
    ngx_litellm_cache_item_t    *item;
    ngx_uint_t                   n;
    ngx_uint_t                   missing;     /* have no object */
    uint64_t                     tokens;      /* of those that were kept */
    ngx_str_t                    model;       /* JSON; may be empty */

    /* of the answer that was read: ranges of its text */
    ngx_str_t                    answer;
    ngx_str_t                    list;        /* what is in "data" */
    ngx_str_t                    prompt;      /* numbers of "usage": empty if */
    ngx_str_t                    total;       /* they are not there */
} ngx_litellm_cache_items_t;


/*
 * The inputs of call->body with their keys.  base: the request's key with
 * NO_INPUT; key becomes the name of all of them together: that of the item if
 * there is one only.  NGX_OK; NGX_DECLINED: there is no such list, or it is
 * too long; NGX_ERROR: no memory.
 */
ngx_int_t ngx_litellm_cache_items(ngx_litellm_call_t *call,
    const u_char base[NGX_LITELLM_CACHE_KEY],
    ngx_litellm_cache_items_t *items, u_char key[NGX_LITELLM_CACHE_KEY]);

/* call->body with those inputs only that are missing */
ngx_int_t ngx_litellm_cache_items_rest(ngx_litellm_call_t *call,
    ngx_litellm_cache_items_t *items, ngx_str_t *body);

/*
 * The answer to those that are missing, as a client gets it; its text must
 * live on.  NGX_OK: all are there; NGX_DECLINED: it has not one object for
 * each, nothing is changed; NGX_ERROR: no memory.
 */
ngx_int_t ngx_litellm_cache_items_read(ngx_pool_t *pool,
    ngx_litellm_cache_items_t *items, ngx_str_t *answer);

/* the answer to all, in the frame of the one that was read, if one was; the
   objects must live on.  model: UTF-8, if nothing else is known */
void ngx_litellm_cache_items_write(ngx_litellm_cache_items_t *items,
    ngx_str_t *model, ngx_litellm_out_t *out);

/* the value of an item that is there, in pieces; returns its length */
size_t ngx_litellm_cache_item_value(ngx_litellm_cache_items_t *items,
    ngx_litellm_cache_item_t *item, ngx_litellm_cache_head_t *head,
    ngx_str_t piece[NGX_LITELLM_CACHE_PIECES]);

/* the other way; NGX_DECLINED: it is no value */
ngx_int_t ngx_litellm_cache_item_set(ngx_litellm_cache_items_t *items,
    ngx_litellm_cache_item_t *item, ngx_str_t *value);


#endif /* _NGX_LITELLM_CACHE_ITEMS_H_INCLUDED_ */
