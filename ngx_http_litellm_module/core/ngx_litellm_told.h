
/*
 * Records as gateways tell each other of them through Redis: a name such as
 * "key:id", and "born stamp {json}", the record with its mark.  Whoever may
 * write to that server may have put there what he likes.
 */

#ifndef _NGX_LITELLM_TOLD_H_INCLUDED_
#define _NGX_LITELLM_TOLD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_principal.h"


/* numbers that Lua and sorted sets hold exactly */
#define NGX_LITELLM_TOLD_NUMBER   ((uint64_t) 1 << 53)


typedef struct {
    ngx_litellm_principal_e   kind;
    ngx_str_t                 id;
    ngx_str_t                 json;      /* empty: it was deleted */
    uint64_t                  born;      /* microseconds, about */
    uint64_t                  stamp;
} ngx_litellm_told_t;


/*
 * What is read points into name and value (NULL: it was too large).  top: the
 * highest mark that can be meant.  NGX_ERROR: no name of a record;
 * NGX_DECLINED: it is one, and known, but the value is none.
 */
ngx_int_t ngx_litellm_told_read(ngx_str_t *name, ngx_str_t *value,
    uint64_t top, ngx_litellm_told_t *told);

/*
 * The record itself, if it is not empty, as one of the state file is read, all
 * in pool; told->json is then the text that is kept.  NGX_DECLINED: *why;
 * NGX_ERROR: no memory.
 */
ngx_int_t ngx_litellm_told_record(ngx_pool_t *pool, ngx_litellm_told_t *told,
    ngx_litellm_principal_t *p, ngx_str_t *why);

/* name and value, in pool; NGX_ERROR: no memory */
ngx_int_t ngx_litellm_told_name(ngx_pool_t *pool, ngx_litellm_told_t *told,
    ngx_str_t *name);
ngx_int_t ngx_litellm_told_write(ngx_pool_t *pool, ngx_litellm_told_t *told,
    ngx_str_t *value);

/* digits; NGX_ERROR: none, or more than a double holds */
ngx_int_t ngx_litellm_told_number(u_char **pos, u_char *last, uint64_t *n);


#endif /* _NGX_LITELLM_TOLD_H_INCLUDED_ */
