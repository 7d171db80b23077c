
/*
 * What attempts cost: prices of deployments (found once, when the configuration
 * is read) applied to what an attempt's answer tells.
 */

#ifndef _NGX_HTTP_LITELLM_COST_H_INCLUDED_
#define _NGX_HTTP_LITELLM_COST_H_INCLUDED_


#include "ngx_http_litellm.h"
#include "ngx_litellm_price.h"


/*
 * After an attempt: NGX_OK; NGX_DECLINED: no price is known for it, *cost is
 * zeroed.  An attempt that ended before its usage came is charged by what was
 * seen of it: the estimate of its prompt if it was answered at all, and what
 * it has streamed.  *usage: what was charged for.
 */
ngx_int_t ngx_http_litellm_cost(ngx_http_litellm_attempt_t *a,
    ngx_litellm_cost_t *cost, ngx_litellm_usage_t *usage);

/*
 * Before: the most that a request of so many tokens can cost at any deployment
 * of the candidates.  NGX_DECLINED: one of them has no price (*bound is the
 * others').
 */
ngx_int_t ngx_http_litellm_cost_bound(ngx_array_t *deployments,
    int64_t prompt, int64_t completion, int64_t *bound);


#endif /* _NGX_HTTP_LITELLM_COST_H_INCLUDED_ */
