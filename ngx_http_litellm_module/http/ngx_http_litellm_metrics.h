
/*
 * Metrics: what becomes of requests, counted by all workers, and given to
 * Prometheus.
 *
 *   ngx_http_litellm_metrics_conf.c    directives, the zone, workers
 *   ngx_http_litellm_metrics_zone.c    rows of counters in shared memory
 *   ngx_http_litellm_metrics_record.c  what is counted, and when
 *   ngx_http_litellm_metrics_claim.c   limits that were looked at, as rows
 *   ngx_http_litellm_metrics_label.c   labels of each kind of row
 *   ngx_http_litellm_metrics_text.c    pages and lines as Prometheus reads them
 *   ngx_http_litellm_metrics_family.c  counters of rows: names, what is written
 *   ngx_http_litellm_metrics_filter.c  what is shown of them
 *   ngx_http_litellm_metrics_limit.c   what is left of limits and budgets
 *   ngx_http_litellm_metrics_store.c   zones, the cache, Redis
 *   ngx_http_litellm_metrics_gauge.c   deployments, workers: these three are
 *                                      looked up when they are asked for
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


/* labels that can be left out: bits of no_labels */
typedef enum {
    NGX_HTTP_LITELLM_L_END_USER = 0,
    NGX_HTTP_LITELLM_L_KEY,
    NGX_HTTP_LITELLM_L_KEY_ALIAS,
    NGX_HTTP_LITELLM_L_TEAM,
    NGX_HTTP_LITELLM_L_TEAM_ALIAS,
    NGX_HTTP_LITELLM_L_USER,
    NGX_HTTP_LITELLM_L_USER_EMAIL,
    NGX_HTTP_LITELLM_L_REQUESTED_MODEL,
    NGX_HTTP_LITELLM_L_MODEL_GROUP,
    NGX_HTTP_LITELLM_L_MODEL,
    NGX_HTTP_LITELLM_L_LITELLM_MODEL_NAME,
    NGX_HTTP_LITELLM_L_MODEL_ID,
    NGX_HTTP_LITELLM_L_API_BASE,
    NGX_HTTP_LITELLM_L_API_PROVIDER,
    NGX_HTTP_LITELLM_L_ROUTE,
    NGX_HTTP_LITELLM_L_STATUS,           /* status_code, exception_status */
    NGX_HTTP_LITELLM_L_CLASS,            /* exception_class */
    NGX_HTTP_LITELLM_L_FALLBACK_MODEL,
    NGX_HTTP_LITELLM_L_SCOPE,            /* of a limit: not shown */
    NGX_HTTP_LITELLM_L_MAX
} ngx_http_litellm_label_e;


/* the data of the zone: made anew with each configuration */
struct ngx_http_litellm_metrics_conf_s {
    ngx_http_litellm_metrics_t        m;
    ngx_shm_zone_t                   *zone;
    ngx_uint_t                        max;       /* rows of a kind */
    ngx_uint_t                        no_labels; /* bits */
    ngx_array_t                       no_metrics;    /* ngx_str_t */
    ngx_array_t                       shown;     /* ..._metrics_shown_t; none:
                                                    all are */
    ngx_uint_t                        nbounds;   /* of latencies; 0: as they
                                                    are by default */
    uint32_t                          bounds[NGX_HTTP_LITELLM_METRICS_BOUNDS];
    unsigned                          end_user:1;
};


/* ngx_http_litellm_metrics_conf.c */
char *ngx_http_litellm_metrics_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_litellm_metrics_location(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
/* when all is read */
ngx_int_t ngx_http_litellm_metrics_init(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf);
/* a worker begins, and leaves */
void ngx_http_litellm_metrics_enter(ngx_cycle_t *cycle);
void ngx_http_litellm_metrics_leave(ngx_cycle_t *cycle);
/* this worker's own; NULL: metrics are off */
extern ngx_http_litellm_row_worker_t  *ngx_http_litellm_metrics_self;


/* ngx_http_litellm_metrics_record.c */

/* an attempt has ended and is charged; given_up: nobody waited for its end */
void ngx_http_litellm_metrics_attempt(ngx_http_litellm_attempt_t *a,
    ngx_uint_t given_up);
/* the deployment begins a cooldown */
void ngx_http_litellm_metrics_cooled(ngx_litellm_deployment_t *d,
    ngx_litellm_class_e class);
/* a client's request is over; a second call does nothing */
void ngx_http_litellm_metrics_request(ngx_http_litellm_ctx_t *ctx);
/* of the log phase: requests that were refused before they were read */
ngx_int_t ngx_http_litellm_metrics_log(ngx_http_request_t *r);

/* the row of a deployment; make: or that of "other"; NULL: there is none */
ngx_http_litellm_row_t *ngx_http_litellm_metrics_row_of(
    ngx_http_litellm_metrics_conf_t *mc, ngx_litellm_deployment_t *d,
    ngx_uint_t make);
/* what is remembered beside the row that the answer counts in; NULL: nothing */
ngx_http_litellm_known_t *ngx_http_litellm_metrics_beside(
    ngx_http_litellm_ctx_t *ctx);
/* the next value of a row; none of a label that is not wanted */
static ngx_inline void
ngx_http_litellm_metrics_value(ngx_http_litellm_metrics_conf_t *mc,
    ngx_http_litellm_values_t *v, ngx_http_litellm_label_e label,
    const ngx_str_t *value)
{
    if (mc->no_labels & ((ngx_uint_t) 1 << label)) {
        value = NULL;
    }

    ngx_http_litellm_values_add(v, value);
}


/* ngx_http_litellm_metrics_claim.c: limits of a request that is over */
void ngx_http_litellm_metrics_limits(ngx_http_litellm_metrics_conf_t *mc,
    ngx_http_litellm_ctx_t *ctx);

/* ngx_http_litellm_metrics_label.c */

/* of an api_base, without user, query, and what is behind the path */
void ngx_http_litellm_metrics_base(ngx_litellm_deployment_t *d,
    u_char buf[NGX_HTTP_LITELLM_METRICS_VALUE], ngx_str_t *base);
/* those of a kind of rows, in their order: *n of them */
const ngx_http_litellm_label_e *ngx_http_litellm_metrics_labels(
    ngx_http_litellm_row_e kind, ngx_uint_t *n);
/* "end_user" ... */
ngx_str_t *ngx_http_litellm_metrics_label(ngx_http_litellm_label_e label);


/* ngx_http_litellm_metrics_text.c */

/* is there one of that name? */
ngx_uint_t ngx_http_litellm_metrics_known(ngx_str_t *name);

/* ngx_http_litellm_metrics_family.c: has the one of that name that label? */
ngx_uint_t ngx_http_litellm_metrics_labelled(ngx_str_t *name,
    ngx_str_t *label);

/* ngx_http_litellm_metrics_filter.c: what a file says of what is shown, and of
   buckets */
ngx_int_t ngx_http_litellm_metrics_filter(ngx_conf_t *cf,
    ngx_http_litellm_metrics_conf_t *mc, ngx_litellm_config_t *config);

/* ngx_http_litellm_metrics_page.c */
ngx_int_t ngx_http_litellm_metrics_handler(ngx_http_request_t *r);
/* of the api table */
ngx_int_t ngx_http_litellm_metrics_api(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);


#endif /* _NGX_HTTP_LITELLM_METRICS_H_INCLUDED_ */
