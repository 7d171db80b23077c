
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

/* a name of a model that is longer, with its quotes, is not kept */
#define NGX_LITELLM_CACHE_ITEM_MODEL   1024

#define NGX_LITELLM_CACHE_ITEM_TOKENS  0x7fffffff

/* pieces of a value */
#define NGX_LITELLM_CACHE_PIECES  4


/* what a value begins with; the model and the object follow */
typedef struct {
    uint32_t                     version;
    uint32_t                     tokens;
    uint32_t                     model;       /* its bytes */
    uint32_t                     cut;         /* the object's */
    uint32_t                     width;
} ngx_litellm_cache_head_t;


typedef struct {
    ngx_str_t                    input;       /* JSON, as it was written */
    ngx_str_t                    object;      /* of the answer; data NULL: it
                                                 is not there yet */
    size_t                       cut;         /* bytes of it before its index */
    size_t                       skip;        /* bytes of that: 0 if kept */
    size_t                       weight;      /* its part of the tokens */
    uint32_t                     tokens;
    uint32_t                     width;       /* numbers of its vector; 0: it
                                                 is no list of them */
    unsigned                     fresh:1;     /* it came just now */
    u_char                       key[NGX_LITELLM_CACHE_KEY];
} ngx_litellm_cache_item_t;


typedef struct {
    ngx_litellm_cache_item_t    *item;
    ngx_uint_t                   n;
    ngx_uint_t                   missing;     /* have no object */
    uint64_t                     tokens;      /* of those that were kept */
    ngx_str_t                    model;       /* JSON; may be empty */
    uint32_t                     width;       /* of those that were kept; 0: not
                                                 known */
    ngx_uint_t                   mixed;       /* what was read has another */

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
 * each, or items->mixed, nothing else is changed; NGX_ERROR: no memory.
 */
ngx_int_t ngx_litellm_cache_items_read(ngx_pool_t *pool,
    ngx_litellm_cache_items_t *items, ngx_str_t *answer);

/* the answer to all, in the frame of the one that was read, if one was; the
   objects must live on.  model: UTF-8, if nothing else is known */
void ngx_litellm_cache_items_write(ngx_litellm_cache_items_t *items,
    ngx_str_t *model, ngx_litellm_out_t *out);

/* nothing is there: all are to be asked for */
void ngx_litellm_cache_items_reset(ngx_litellm_cache_items_t *items);


/* ngx_litellm_cache_item.c */

/* how many numbers a vector has, JSON: a list, or a text in base64 */
uint32_t ngx_litellm_cache_width(ngx_str_t *vector);
uint32_t ngx_litellm_cache_vector(ngx_litellm_json_t *v);

/* may it stand beside those that are there? */
#define ngx_litellm_cache_fits(items, n)                                      \
    ((n) == 0 || (items)->width == 0 || (n) == (items)->width)

/* the value of an item that is there, in pieces; returns its length.  model:
   JSON, may be empty */
size_t ngx_litellm_cache_item_value(ngx_str_t *model,
    ngx_litellm_cache_item_t *item, ngx_litellm_cache_head_t *head,
    ngx_str_t piece[NGX_LITELLM_CACHE_PIECES]);

/* the other way; NGX_DECLINED: it is no value, or of another width than those
   that are there */
ngx_int_t ngx_litellm_cache_item_set(ngx_litellm_cache_items_t *items,
    ngx_litellm_cache_item_t *item, ngx_str_t *value);

/*
 * The same for machines of all kinds, for the body of a value of kind
 * NGX_LITELLM_CACHE_VALUE_ITEM: an object of JSON with "tokens", "model" and
 * the one object in "data".  length: of it; write: returns its end.
 */
size_t ngx_litellm_cache_item_length(ngx_str_t *model,
    ngx_litellm_cache_item_t *item);
u_char *ngx_litellm_cache_item_write(ngx_str_t *model,
    ngx_litellm_cache_item_t *item, u_char *p);

/*
 * The other way, of a body that somebody else may have written; what is taken
 * of it is copied, model becomes that of this item.  NGX_OK; NGX_DECLINED: it
 * is none, or of another width than those that are there; NGX_ERROR: no memory.
 * temp: for the reading only.
 */
ngx_int_t ngx_litellm_cache_item_read(ngx_pool_t *pool, ngx_pool_t *temp,
    ngx_litellm_cache_items_t *items, ngx_litellm_cache_item_t *item,
    ngx_str_t *body, ngx_str_t *model);


#endif /* _NGX_LITELLM_CACHE_ITEMS_H_INCLUDED_ */
