
/*
 * What became of a request, as its attempts and ctx->error tell at the moment:
 * for variables, logs and metrics.  All of it may be asked for at any time
 * and changes nothing; times are in ms.
 */

#ifndef _NGX_HTTP_LITELLM_OUTCOME_H_INCLUDED_
#define _NGX_HTTP_LITELLM_OUTCOME_H_INCLUDED_


#include "ngx_http_litellm.h"


/*
 * prompt, completion, total, cached and reasoning of all attempts, what no
 * provider told being estimated as for the cost (and then estimated is 1).
 * NGX_DECLINED: nothing was asked yet.
 */
ngx_int_t ngx_http_litellm_outcome_usage(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_usage_t *usage);

/*
 * The time in which some deployment was asked, and that in which none was:
 * from the end of the client's request to the end of the last attempt.
 * NGX_DECLINED: nothing was asked yet.
 */
ngx_int_t ngx_http_litellm_outcome_times(ngx_http_litellm_ctx_t *ctx,
    ngx_msec_t *upstream, ngx_msec_t *overhead);

/* from the end of the client's request to the first content of a stream;
   NGX_DECLINED: there was none */
ngx_int_t ngx_http_litellm_outcome_ttft(ngx_http_litellm_ctx_t *ctx,
    ngx_msec_t *ttft);

/* of what the client gets, or the stream ended with; NO_ERROR without */
ngx_litellm_class_e ngx_http_litellm_outcome_class(
    ngx_http_litellm_ctx_t *ctx);

/* one line of the error log for a request that failed with this error */
void ngx_http_litellm_outcome_log(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *e);

/* ... for one whose key was refused, with ctx->error, before it was read */
void ngx_http_litellm_outcome_refused(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);

/* ... for one that goes away; none if it has ended as it should */
void ngx_http_litellm_outcome_left(ngx_http_litellm_ctx_t *ctx);


#endif /* _NGX_HTTP_LITELLM_OUTCOME_H_INCLUDED_ */
