
/*
 * What ngx_http_litellm_route.c asks of selection: which of a group's
 * deployments is called next, and if there is none, why.
 */

#ifndef _NGX_HTTP_LITELLM_PICK_H_INCLUDED_
#define _NGX_HTTP_LITELLM_PICK_H_INCLUDED_


#include "ngx_http_litellm.h"
#include "ngx_litellm_plan.h"


/* why a deployment is not for this request, whatever its state is */
typedef enum {
    NGX_HTTP_LITELLM_FITS = 0,
    NGX_HTTP_LITELLM_RESERVED,
    NGX_HTTP_LITELLM_OTHER_TAGS,
    NGX_HTTP_LITELLM_TOO_SMALL
} ngx_http_litellm_fit_e;


typedef enum {
    NGX_HTTP_LITELLM_TAG_PLAIN = 0,
    NGX_HTTP_LITELLM_TAG_NOT,            /* "!name" */
    NGX_HTTP_LITELLM_TAG_MUST            /* "&name" */
} ngx_http_litellm_tag_e;


/* of a request */
typedef struct {
    ngx_str_t                 name;      /* without prefix and mark */
    ngx_http_litellm_tag_e    kind;
    unsigned                  routing:1; /* it had the tag_routing_prefix */
    unsigned                  foreign:1; /* nothing in this group has it, and it
                                            need not be for routing */
} ngx_http_litellm_tag_t;


/*
 * The request's tags and session, its size: once, before the first group.
 * NGX_OK, NGX_DECLINED with ctx->error, NGX_ERROR.
 */
ngx_int_t ngx_http_litellm_pick_open(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);

/* ctx stands before this group from now on */
void ngx_http_litellm_pick_group(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_group_t *group);

/*
 * The next deployment with a place taken in it (ctx->lease, which the attempt
 * ends); NULL: there is none.
 */
ngx_litellm_deployment_t *ngx_http_litellm_pick(ngx_http_litellm_ctx_t *ctx);

/* one beside ctx->attempt's, which is under way: as pick() */
ngx_litellm_deployment_t *ngx_http_litellm_pick_other(
    ngx_http_litellm_ctx_t *ctx);

/* one that could be called now, without taking a place; refused: also of those
   that have refused this request */
ngx_litellm_deployment_t *ngx_http_litellm_route_choose(
    ngx_http_litellm_ctx_t *ctx, ngx_uint_t refused);

/* can one be called that has not failed in this request? */
ngx_uint_t ngx_http_litellm_route_untried(ngx_http_litellm_ctx_t *ctx);

/* the next level of order above the current one: true if there is one */
ngx_uint_t ngx_http_litellm_route_next_order(ngx_http_litellm_ctx_t *ctx);

/* by what it is, not by how it does */
ngx_http_litellm_fit_e ngx_http_litellm_pick_fit(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_deployment_t *d);


/* ngx_http_litellm_pick_none.c */

/* why ngx_http_litellm_pick() found nothing; NGX_ERROR: no memory */
ngx_int_t ngx_http_litellm_pick_none(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *e);


/* ngx_http_litellm_pick_tags.c */

/* ctx->tags and ctx->session, of the body and of headers: as pick_open() */
ngx_int_t ngx_http_litellm_pick_tags(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);


/* ngx_http_litellm_pick_match.c */

/* ctx->agent: as pick_open() */
ngx_int_t ngx_http_litellm_pick_agent(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
/* ctx->tag_rule for ctx->plan */
void ngx_http_litellm_pick_rule(ngx_http_litellm_ctx_t *ctx);
/* does the rule lead to it? */
ngx_uint_t ngx_http_litellm_pick_tagged(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_deployment_t *d);


#endif /* _NGX_HTTP_LITELLM_PICK_H_INCLUDED_ */
