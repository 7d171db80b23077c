
/*
 * A stream on its way to a client, gathered for the cache and for logs: whether
 * it is, and what becomes of those who wait for its entry when it can't be.
 * The gathering itself is format/ngx_litellm_gather.c.  Nothing here can fail
 * the stream.
 */

#include "ngx_http_litellm_cache_flight.h"


/* bytes of an answer that is kept for a log only */
#define NGX_HTTP_LITELLM_CAPTURE_LOGGED  (1024 * 1024)


void
ngx_http_litellm_capture_open(ngx_http_litellm_attempt_t *a)
{
    size_t                       max;
    ngx_http_litellm_caching_t  *caching;

    caching = a->ctx->cache;

    if (caching != NULL && caching->store) {
        max = caching->max;

    } else if (ngx_http_litellm_content_wanted(a->ctx)) {
        max = NGX_HTTP_LITELLM_CAPTURE_LOGGED;

    } else {
        return;
    }

    /* an answer that goes on with another one's is no answer by itself */

    if (a->capture != NULL || ngx_http_litellm_continued(a->ctx)) {
        return;
    }

    a->capture = ngx_litellm_gather_create(a->parent->pool, a->call, max);
}


void
ngx_http_litellm_capture_data(ngx_http_litellm_attempt_t *a,
    ngx_litellm_sse_event_t *ev)
{
    if (ngx_litellm_gather_data(a->capture, a->dialect, &a->facts, &ev->name,
                                &ev->data)
        != NGX_OK)
    {
        ngx_http_litellm_flight_end(a->ctx, NGX_HTTP_LITELLM_FLIGHT_OPEN);
    }
}


void
ngx_http_litellm_capture_event(ngx_http_litellm_attempt_t *a,
    ngx_litellm_event_t *ev)
{
    if (ngx_litellm_gather_event(a->capture, ev) != NGX_OK) {
        ngx_http_litellm_flight_end(a->ctx, NGX_HTTP_LITELLM_FLIGHT_OPEN);
    }
}


ngx_int_t
ngx_http_litellm_capture_answer(ngx_http_litellm_attempt_t *a,
    ngx_litellm_out_t *out)
{
    if (a->capture == NULL) {
        return NGX_DECLINED;
    }

    return ngx_litellm_gather_answer(a->capture, a->call, &a->facts,
                                     a->mode == NGX_HTTP_LITELLM_PASS, out);
}
