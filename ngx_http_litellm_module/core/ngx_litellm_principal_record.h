
/*
 * What the parts of the reader of records share; nobody else includes it.
 *
 *   ngx_litellm_principal_read.c    a record: its id, texts, lists, times
 *   ngx_litellm_principal_limits.c  its limits and budgets
 *   ngx_litellm_principal_value.c   typed values, and what is wrong with them
 */

#ifndef _NGX_LITELLM_PRINCIPAL_RECORD_H_INCLUDED_
#define _NGX_LITELLM_PRINCIPAL_RECORD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_principal.h"


typedef struct {
    ngx_pool_t                *pool;
    ngx_pool_t                *temp;
    ngx_litellm_principal_t   *p;
    ngx_litellm_json_t        *root;
    ngx_litellm_json_t        *budget;     /* litellm_budget_table; NULL */
    ngx_litellm_json_t        *metadata;   /* NULL */
    ngx_litellm_json_doc_t     doc;
    ngx_litellm_json_doc_t     text;       /* of numbers in quotes */
    ngx_str_t                 *why;
} ngx_litellm_record_t;


/*
 * What returns ngx_int_t: NGX_OK, also for a member that is not there;
 * NGX_DECLINED with *rd->why; NGX_ERROR: no memory.
 */

/* ngx_litellm_principal_limits.c: steps of the reader */
ngx_int_t ngx_litellm_record_limits(ngx_litellm_record_t *rd);
ngx_int_t ngx_litellm_record_members(ngx_litellm_record_t *rd);
ngx_int_t ngx_litellm_record_budgets(ngx_litellm_record_t *rd);


/* ngx_litellm_principal_value.c */
/* of the record, else of the budget that LiteLLM joins to it; not null */
ngx_litellm_json_t *ngx_litellm_record_get(ngx_litellm_record_t *rd,
    const char *name);
ngx_int_t ngx_litellm_record_number(ngx_litellm_record_t *rd,
    ngx_litellm_json_t *v, const char *name, ngx_uint_t scale, int64_t *n);
ngx_int_t ngx_litellm_record_period(ngx_litellm_record_t *rd,
    ngx_litellm_json_t *v, const char *name, ngx_litellm_budget_t *budget);
ngx_int_t ngx_litellm_record_flag(ngx_litellm_record_t *rd,
    const char *name, ngx_uint_t *flag);
ngx_int_t ngx_litellm_record_text(ngx_litellm_record_t *rd,
    ngx_litellm_json_t *v, const char *name, ngx_str_t *dst);
ngx_int_t ngx_litellm_record_strings(ngx_litellm_record_t *rd,
    ngx_litellm_json_t *v, const char *name, ngx_array_t **dst);
ngx_int_t ngx_litellm_record_bad(ngx_litellm_record_t *rd,
    const char *name, const char *what);


#endif /* _NGX_LITELLM_PRINCIPAL_RECORD_H_INCLUDED_ */
