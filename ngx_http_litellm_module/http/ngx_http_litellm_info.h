
/*
 * What deployments and groups are, told in LiteLLM's form.
 *
 *   ngx_http_litellm_info.c        GET /model/info and its two other paths
 *   ngx_http_litellm_info_group.c  GET /model_group/info
 *   ngx_http_litellm_info_route.c  GET /routes
 *
 * A key sees what it may use.
 */

#ifndef _NGX_HTTP_LITELLM_INFO_H_INCLUDED_
#define _NGX_HTTP_LITELLM_INFO_H_INCLUDED_


#include "ngx_http_litellm.h"


typedef struct {
    ngx_http_request_t      *request;
    ngx_http_litellm_ctx_t  *ctx;
    ngx_litellm_config_t    *config;
    ngx_litellm_out_t        out;
    ngx_str_t                id;         /* of one deployment; empty: all */
    ngx_str_t                name;       /* of a group, the same */
    ngx_str_t                search;     /* is in the name, the same */
    ngx_uint_t               n;          /* that were found */
} ngx_http_litellm_info_t;


typedef struct {
    ngx_str_t                name;
    uint32_t                 flag;
} ngx_http_litellm_ability_t;


/* ngx_http_litellm_info.c */

/* the first are told of groups, too; an empty name ends them */
#define NGX_HTTP_LITELLM_GROUP_ABILITIES  5

extern ngx_http_litellm_ability_t  ngx_http_litellm_abilities[];

ngx_int_t ngx_http_litellm_info_open(ngx_http_litellm_info_t *info,
    ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx);
/* of the query, unescaped; empty without it */
ngx_int_t ngx_http_litellm_info_arg(ngx_http_request_t *r,
    const char *name, ngx_str_t *value);

/* members, with a comma before each: nothing for what is not there */
void ngx_http_litellm_info_text(ngx_litellm_out_t *out,
    const char *name, ngx_str_t *text);
void ngx_http_litellm_info_int(ngx_litellm_out_t *out,
    const char *name, int64_t n);
void ngx_http_litellm_info_money(ngx_litellm_out_t *out,
    const ngx_str_t *name, int64_t money);
void ngx_http_litellm_info_ability(ngx_litellm_out_t *out,
    ngx_http_litellm_ability_t *a, uint32_t flags);


#endif /* _NGX_HTTP_LITELLM_INFO_H_INCLUDED_ */
