
/*
 * What a client's request takes of the limits and budgets of those who ask:
 * reserved before it is sent anywhere, settled exactly once with what its
 * attempts did take, whatever becomes of it.
 *
 *   ngx_http_litellm_admit.c   the step: which accounts, how much, refusals
 *   ngx_http_litellm_bill.c    attempts are added up, settled, shown
 *
 * A request has a bill only if something about it is counted.
 */

#ifndef _NGX_HTTP_LITELLM_BILL_H_INCLUDED_
#define _NGX_HTTP_LITELLM_BILL_H_INCLUDED_


#include "ngx_http_litellm.h"
#include "ngx_http_litellm_ledger.h"


struct ngx_http_litellm_bill_s {
    ngx_http_litellm_claim_t        *key;      /* of rv; NULL: no key */
    ngx_http_litellm_claim_t        *model;    /* of rv: the key's limits of the
                                                  group; NULL: it has none */
    void                            *asked;    /* of ..._redis_admit.c */
    unsigned                         asking:1; /* not let in yet */
    unsigned                         settled:1;

    ngx_http_litellm_reservation_t   rv;       /* the last: see there */
};


/* what a deployment's and its provider's budget have for one attempt */
struct ngx_http_litellm_deposit_s {
    ngx_litellm_deployment_t        *deployment;
    ngx_http_litellm_reservation_t   rv;
};


/* a step, when the group is known: NGX_OK, NGX_DECLINED with ctx->error */
ngx_int_t ngx_http_litellm_admit(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);

/* tokens that the request may take, about: of the prompt, and in all */
void ngx_http_litellm_admit_estimate(ngx_http_litellm_ctx_t *ctx,
    int64_t *prompt, int64_t *completion);

/*
 * Is there anything left of the deployment's and its provider's budgets?  take
 * reserves it for the next attempt (ctx->deposit).  NGX_OK, NGX_DECLINED.
 */
ngx_uint_t ngx_http_litellm_bill_affordable(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_deployment_t *d);
ngx_int_t ngx_http_litellm_bill_take(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_deployment_t *d);

/* an attempt is over: it is charged, what it took is added; once */
void ngx_http_litellm_bill_attempt(ngx_http_litellm_attempt_t *a);

/* no more attempts follow; a second call does nothing */
void ngx_http_litellm_bill_settle(ngx_http_litellm_ctx_t *ctx);

/* x-litellm-key-..., x-ratelimit-...: before the header goes out */
ngx_int_t ngx_http_litellm_bill_headers(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);


#endif /* _NGX_HTTP_LITELLM_BILL_H_INCLUDED_ */
