
/*
 * Metrics: what becomes of requests, counted by all workers, and given to
 * Prometheus.
 *
 *   ngx_http_litellm_metrics_conf.c    directives, the zone, workers
 *   ngx_http_litellm_metrics_zone.c    rows of counters in shared memory
 *   ngx_http_litellm_metrics_record.c  what is counted, and when
 *   ngx_http_litellm_metrics_text.c    rows as Prometheus reads them
 *   ngx_http_litellm_metrics_gauge.c   what is looked up when it is asked for
 *   ngx_http_litellm_metrics_page.c    /metrics, "litellm_metrics"
 *
 * Everything here does nothing where metrics are off.
 */

#ifndef _NGX_HTTP_LITELLM_METRICS_H_INCLUDED_
#define _NGX_HTTP_LITELLM_METRICS_H_INCLUDED_


#include "ngx_http_litellm.h"
#include "ngx_http_litellm_metrics_zone.h"


/*
 * For who shows them otherwise: counters since the zone was made, of all
 * workers together.  A histogram's bounds are ngx_http_litellm_bounds_coarse,
 * or ..._fine where its field says so.  Counters of one struct are read one
 * after the other while others add to them: they may differ by a request.
 */

typedef ngx_http_litellm_row_deployment_t  ngx_http_litellm_metrics_of_t;
typedef ngx_http_litellm_row_worker_t      ngx_http_litellm_metrics_sum_t;

/*
 * Of one deployment.  NGX_DECLINED: metrics are off, or it was never called;
 * *of is zeroed.  Deployments of several files that are the same in group, id,
 * model and address share their counters.
 */
ngx_int_t ngx_http_litellm_metrics_of(ngx_http_litellm_main_conf_t *mcf,
    ngx_litellm_deployment_t *d, ngx_http_litellm_metrics_of_t *of);

/* of the gateway: all workers' (pid and beat are 0).  NGX_DECLINED: off */
ngx_int_t ngx_http_litellm_metrics_sum(ngx_http_litellm_main_conf_t *mcf,
    ngx_http_litellm_metrics_sum_t *sum);

/* of one place of a worker, < NGX_HTTP_LITELLM_METRICS_WORKERS.  NGX_DECLINED:
   off, or nobody alive is there */
ngx_int_t ngx_http_litellm_metrics_worker(ngx_http_litellm_main_conf_t *mcf,
    ngx_uint_t i, ngx_http_litellm_metrics_sum_t *worker);


#endif /* _NGX_HTTP_LITELLM_METRICS_H_INCLUDED_ */
