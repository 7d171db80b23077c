
/*
 * What the files of GET /health share: one ngx_http_litellm_health_t for each
 * request, one item in it for each deployment asked about.  The same probes
 * run in the background: ngx_http_litellm_health_check.c.
 */

#ifndef _NGX_HTTP_LITELLM_HEALTH_H_INCLUDED_
#define _NGX_HTTP_LITELLM_HEALTH_H_INCLUDED_


#include "ngx_http_litellm.h"
#include "ngx_http_litellm_zone.h"


typedef enum {
    NGX_HTTP_LITELLM_HEALTH_NEW = 0,
    NGX_HTTP_LITELLM_HEALTH_BUSY,           /* somebody else probes */
    NGX_HTTP_LITELLM_HEALTH_RUNNING,
    NGX_HTTP_LITELLM_HEALTH_OK,
    NGX_HTTP_LITELLM_HEALTH_FAILED,
    NGX_HTTP_LITELLM_HEALTH_UNPROBED
} ngx_http_litellm_health_e;


typedef struct ngx_http_litellm_health_s  ngx_http_litellm_health_t;

typedef struct {
    ngx_http_litellm_health_t        *health;
    ngx_litellm_deployment_t         *deployment;
    ngx_http_litellm_attempt_t       *attempt;
    ngx_http_litellm_health_e         state;
    ngx_http_litellm_zone_key_t       key;
    ngx_msec_t                        since;    /* begin of our probe */
    ngx_msec_t                        latency;
    ngx_str_t                         text;     /* why it is not healthy */
    unsigned                          timed:1;  /* latency is known */
} ngx_http_litellm_health_item_t;


struct ngx_http_litellm_health_s {
    ngx_http_request_t               *request;
    ngx_http_litellm_ctx_t           *ctx;
    ngx_http_litellm_loc_conf_t      *lcf;
    ngx_shm_zone_t                   *zone;

    ngx_http_litellm_health_item_t   *items;
    ngx_uint_t                        n;
    ngx_uint_t                        next;     /* first one in state NEW */
    ngx_uint_t                        running;
    ngx_uint_t                        busy;
    ngx_uint_t                        probes;

    ngx_msec_t                        deadline;
    ngx_event_t                       timer;
    unsigned                          closed:1;
};


/*
 * ngx_http_litellm_health_probe.c: NGX_OK with the provider's name of the model
 * to ask; NGX_DECLINED with *why: no probe can tell; NGX_ERROR.
 */
ngx_int_t ngx_http_litellm_health_model(ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, ngx_str_t *model, const char **why);
/*
 * A test request from r, not started: NGX_OK; NGX_DECLINED: there is none for
 * this model; NGX_ERROR.
 */
ngx_int_t ngx_http_litellm_health_attempt(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_loc_conf_t *lcf,
    ngx_litellm_deployment_t *d, ngx_str_t *model,
    ngx_http_litellm_attempt_t **a);
/* what came of an attempt that is done */
void ngx_http_litellm_health_verdict(ngx_http_litellm_attempt_t *a,
    ngx_http_litellm_probe_t *probe);
/* item becomes RUNNING, or what came of it at once */
ngx_int_t ngx_http_litellm_health_probe(ngx_http_litellm_health_t *h,
    ngx_http_litellm_health_item_t *item, ngx_str_t *model);
/* the attempt's handler; also for one that was cancelled without a word */
void ngx_http_litellm_health_done(ngx_http_litellm_attempt_t *a);
void ngx_http_litellm_health_result(ngx_http_litellm_health_t *h,
    ngx_http_litellm_health_item_t *item, ngx_http_litellm_probe_t *probe);
/* text is static */
void ngx_http_litellm_health_set(ngx_http_litellm_health_item_t *item,
    ngx_http_litellm_health_e state, const char *text);

/* ngx_http_litellm_health_report.c */
ngx_int_t ngx_http_litellm_health_report(ngx_http_litellm_health_t *h);


#endif /* _NGX_HTTP_LITELLM_HEALTH_H_INCLUDED_ */
