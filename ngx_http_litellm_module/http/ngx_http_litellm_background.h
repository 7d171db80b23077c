
/*
 * HTTP exchanges of our own, with no client behind them: tokens and whatever
 * else a worker wants to know.  Never blocking; resolver, TLS, kept-alive
 * connections and time-outs are those of the endpoint's attempts.
 */

#ifndef _NGX_HTTP_LITELLM_BACKGROUND_H_INCLUDED_
#define _NGX_HTTP_LITELLM_BACKGROUND_H_INCLUDED_


#include "ngx_http_litellm.h"
#include "ngx_http_litellm_detached.h"


typedef struct ngx_http_litellm_background_s  ngx_http_litellm_background_t;

typedef void (*ngx_http_litellm_background_pt)(
    ngx_http_litellm_background_t *bg);

struct ngx_http_litellm_background_s {
    ngx_queue_t                      queue;      /* those of this worker */
    ngx_pool_t                      *pool;       /* its own, for the request's
                                                    parts too */

    /* set by who asks, between create and start */
    ngx_str_t                        name;       /* for the log */
    ngx_msec_t                       timeout;    /* of all; default 30 s */
    size_t                           max;        /* of the body; 64k */
    ngx_litellm_wire_t              *wire;       /* method, path, headers, type
                                                    and body */
    ngx_http_litellm_background_pt   handler;    /* told once */
    void                            *data;
    unsigned                         needed:1;   /* an exiting worker waits for
                                                    it; may change later */

    /* for the handler */
    ngx_uint_t                       status;     /* 0: no whole answer */
    ngx_str_t                        body;
    const char                      *why;        /* lower case; status is 0 */

    /* the rest is its own */
    ngx_http_litellm_detached_t     *detached;
    ngx_http_litellm_attempt_t       attempt;
    ngx_litellm_call_t               call;
    ngx_litellm_deployment_t         deployment;
    ngx_event_t                      event;      /* its start */
    ngx_event_t                      timer;
};


/* NULL: no memory, or no free connection (worker_connections) */
ngx_http_litellm_background_t *ngx_http_litellm_background_create(
    ngx_http_litellm_loc_conf_t *lcf, ngx_http_litellm_endpoint_t *endpoint);

/* the handler is called later, from the event loop; bg is freed behind it */
void ngx_http_litellm_background_start(ngx_http_litellm_background_t *bg);

/* "needed" of a started one */
void ngx_http_litellm_background_need(ngx_http_litellm_background_t *bg,
    ngx_uint_t needed);

/* started or not, nobody is told; not from inside its handler */
void ngx_http_litellm_background_cancel(ngx_http_litellm_background_t *bg);

/* cancels all: a worker that leaves */
void ngx_http_litellm_background_exit(void);


#endif /* _NGX_HTTP_LITELLM_BACKGROUND_H_INCLUDED_ */
