
/*
 * What attempts cost: prices of deployments (found once, when the configuration
 * is read) applied to what an attempt's answer tells.
 *
 * An attempt is charged once, when it is settled: a->cost and a->priced stay
 * as they are from then on.  A request costs what all its attempts do.
 */

#ifndef _NGX_HTTP_LITELLM_COST_H_INCLUDED_
#define _NGX_HTTP_LITELLM_COST_H_INCLUDED_


#include "ngx_http_litellm.h"
#include "ngx_litellm_price.h"


/* attempts of this worker that were answered and had no price */
extern ngx_uint_t  ngx_http_litellm_cost_unpriced;


/* an attempt begins: links it to the request's, finds its price */
void ngx_http_litellm_cost_open(ngx_http_litellm_attempt_t *a);

/* it ends, by ngx_http_litellm_bill_attempt(), once; *usage: as below */
void ngx_http_litellm_cost_charge(ngx_http_litellm_attempt_t *a,
    ngx_litellm_usage_t *usage);

/*
 * What an attempt costs as it stands: NGX_OK; NGX_DECLINED: no price is known
 * for it, *cost is zeroed.  One that failed without an answer costs nothing.
 * Where no usage came (a stream that was cut or left, a server that tells none,
 * an answer that nobody waited for) it is estimated: the prompt by the bytes
 * of the request, the answer by what was seen of it.  *usage: what was charged
 * for; known is 0 for nothing, estimated is 1 where the provider did not tell
 * all of it.
 */
ngx_int_t ngx_http_litellm_cost(ngx_http_litellm_attempt_t *a,
    ngx_litellm_cost_t *cost, ngx_litellm_usage_t *usage);

/*
 * All attempts of the request, those under way as they stand.  NGX_DECLINED:
 * one that was answered has no price (*sum is the others').
 */
ngx_int_t ngx_http_litellm_cost_sum(ngx_http_litellm_ctx_t *ctx,
    int64_t *sum);

/*
 * Before: the most that a request of so many tokens can cost at any deployment
 * of the candidates (ngx_litellm_deployment_t *), at the service tier that it
 * asks for; ctx knows what wildcards stand for.  NGX_DECLINED: one of them has
 * no price (*bound is the others'); NGX_DONE: *bound is 0 and yet it may cost
 * something (a price of seconds); NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_litellm_cost_bound(ngx_http_litellm_ctx_t *ctx,
    ngx_array_t *deployments, int64_t prompt, int64_t completion,
    int64_t *bound);

/* x-litellm-response-cost and its parts; nothing for a stream, or without a
   price */
ngx_int_t ngx_http_litellm_cost_headers(ngx_http_request_t *r,
    ngx_http_litellm_attempt_t *a);

/* "litellm_price_map" */
char *ngx_http_litellm_price_map(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


/* an event with content passed */
static ngx_inline void
ngx_http_litellm_heard_event(ngx_http_litellm_heard_t *h, size_t len)
{
    uint32_t  n;

    n = (uint32_t) ngx_min(len, NGX_MAX_UINT32_VALUE);

    h->bytes += n;

    if (h->events == 0 || n < h->least) {
        h->least = n;
    }

    h->events++;
}


#endif /* _NGX_HTTP_LITELLM_COST_H_INCLUDED_ */
