
/*
 * A second attempt beside one that is slow: ngx_http_litellm_hedge.c makes it,
 * ngx_http_litellm_hedge_budget.c says when and whether.  What others call is
 * in ngx_http_litellm.h.
 */

#ifndef _NGX_HTTP_LITELLM_HEDGE_H_INCLUDED_
#define _NGX_HTTP_LITELLM_HEDGE_H_INCLUDED_


#include "ngx_http_litellm.h"
#include "ngx_http_litellm_zone.h"


struct ngx_http_litellm_hedging_s {
    ngx_http_request_t              *request;
    ngx_litellm_hedge_t             *conf;
    ngx_http_litellm_hedges_t       *shared;
    ngx_event_t                      event;      /* it is due; later, the time
                                                    of the second is over */
    ngx_msec_t                       delay;
    ngx_http_litellm_attempt_t      *attempt;    /* the second one, while there
                                                    are two; else NULL */
    ngx_http_litellm_attempt_t      *loser;      /* to be given up; NULL */
    ngx_http_postponed_request_t     link;       /* of the second's clone when
                                                    it has become the one */
    unsigned                         used:1;     /* once in a request */
};


/* what is set here; NULL: hedging is off */
ngx_litellm_hedge_t *ngx_http_litellm_hedge_conf(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);

/* after how many ms a second deployment is due beside d; 0: never */
ngx_msec_t ngx_http_litellm_hedge_delay(ngx_litellm_hedge_t *h,
    ngx_litellm_deployment_t *d, ngx_uint_t stream);

/* a request that may be hedged adds its share to the budget */
void ngx_http_litellm_hedge_earn(ngx_http_litellm_hedges_t *shared,
    ngx_litellm_hedge_t *h);
/* NGX_OK: one more may be; NGX_DECLINED */
ngx_int_t ngx_http_litellm_hedge_spend(ngx_http_litellm_hedges_t *shared,
    ngx_litellm_hedge_t *h);
/* what was spent was not needed */
void ngx_http_litellm_hedge_refund(ngx_http_litellm_hedges_t *shared);


#endif /* _NGX_HTTP_LITELLM_HEDGE_H_INCLUDED_ */
