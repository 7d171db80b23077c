
/*
 * What is looked up when somebody asks: deployments as they are now, hedging,
 * workers, the metrics' own rows.  Nothing here is counted by this file.  Each
 * is one family of the page, and is written in slices where it may be long.
 */

#include "ngx_http_litellm_metrics_text.h"
#include "ngx_http_litellm_zone.h"
#include <nginx.h>


typedef enum {
    NGX_HTTP_LITELLM_D_STATE = 0,
    NGX_HTTP_LITELLM_D_RPM,
    NGX_HTTP_LITELLM_D_TPM,
    NGX_HTTP_LITELLM_D_INFLIGHT,
    NGX_HTTP_LITELLM_D_COOLDOWN
} ngx_http_litellm_gauge_deployment_e;

typedef enum {
    NGX_HTTP_LITELLM_W_COUNT = 0,
    NGX_HTTP_LITELLM_W_LAG,
    NGX_HTTP_LITELLM_W_BEAT
} ngx_http_litellm_gauge_worker_e;


static ngx_int_t ngx_http_litellm_gauge_build(ngx_http_litellm_page_t *p);
static ngx_litellm_deployment_t *ngx_http_litellm_gauge_next(
    ngx_http_litellm_page_t *p);
static ngx_int_t ngx_http_litellm_gauge_deployment(ngx_http_litellm_page_t *p);
static void ngx_http_litellm_gauge_state(ngx_http_litellm_page_t *p,
    ngx_litellm_deployment_t *d, ngx_str_t *labels);
static ngx_int_t ngx_http_litellm_gauge_inflight(ngx_http_litellm_page_t *p);
static ngx_int_t ngx_http_litellm_gauge_hedge(ngx_http_litellm_page_t *p);
static ngx_int_t ngx_http_litellm_gauge_worker(ngx_http_litellm_page_t *p);
static ngx_int_t ngx_http_litellm_gauge_left(ngx_http_litellm_page_t *p);
static ngx_int_t ngx_http_litellm_gauge_rows(ngx_http_litellm_page_t *p);


const ngx_http_litellm_family_t  ngx_http_litellm_gauges[] = {

    ngx_http_litellm_g("litellm_ngx_build_info",
        "Versions; always 1.", GAUGE, build, 0),

    ngx_http_litellm_g_largest("litellm_deployment_state",
        "0: healthy, 1: some attempts of this minute have failed, 2: cooled "
        "down, or its health checks fail.", deployment,
        NGX_HTTP_LITELLM_D_STATE),
    ngx_http_litellm_g("litellm_deployment_rpm_limit",
        "Requests that the deployment may have in a minute.", GAUGE,
        deployment, NGX_HTTP_LITELLM_D_RPM),
    ngx_http_litellm_g("litellm_deployment_tpm_limit",
        "Tokens that the deployment may have in a minute.", GAUGE,
        deployment, NGX_HTTP_LITELLM_D_TPM),
    ngx_http_litellm_g("litellm_ngx_deployment_in_flight_requests",
        "Attempts under way.", GAUGE, deployment,
        NGX_HTTP_LITELLM_D_INFLIGHT),
    ngx_http_litellm_g_largest("litellm_ngx_deployment_cooldown_seconds",
        "Time until a deployment that is cooled down may be called again.",
        deployment, NGX_HTTP_LITELLM_D_COOLDOWN),
    ngx_http_litellm_g("litellm_in_flight_requests",
        "Attempts under way at all deployments.", GAUGE, inflight, 0),

    ngx_http_litellm_g("litellm_ngx_hedged_requests_total",
        "Second deployments that were asked beside a slow one.", COUNTER,
        hedge, offsetof(ngx_http_litellm_hedges_t, hedged)),
    ngx_http_litellm_g("litellm_ngx_hedges_won_total",
        "Second deployments that answered first.", COUNTER, hedge,
        offsetof(ngx_http_litellm_hedges_t, won)),
    ngx_http_litellm_g("litellm_ngx_hedges_refused_total",
        "Second deployments that the budget of hedging did not allow.",
        COUNTER, hedge, offsetof(ngx_http_litellm_hedges_t, refused)),

    ngx_http_litellm_g("litellm_ngx_workers",
        "Workers that are alive.", GAUGE, worker, NGX_HTTP_LITELLM_W_COUNT),
    ngx_http_litellm_g("litellm_ngx_event_loop_lag_seconds",
        "How late a timer of the worker's was.", HISTOGRAM, worker,
        NGX_HTTP_LITELLM_W_LAG),
    ngx_http_litellm_g_largest("litellm_ngx_worker_heartbeat_age_seconds",
        "Time since the worker was last heard of; it is every half a second.",
        worker, NGX_HTTP_LITELLM_W_BEAT),
    ngx_http_litellm_g("litellm_ngx_client_disconnects_total",
        "Clients that left before the end of their answers.", COUNTER, left,
        0),

    ngx_http_litellm_g("litellm_ngx_metrics_rows",
        "Combinations of labels that are counted apart.", GAUGE, rows, 0),
    ngx_http_litellm_g("litellm_ngx_metrics_overflow_total",
        "Times that something was counted with labels \"other\", for want of "
        "room.", COUNTER, rows, 1),

    { ngx_null_string, NULL, 0, NULL, 0, 0, 0, 0 }
};


ngx_str_t  ngx_http_litellm_gauge_none = ngx_string("{}");


void
ngx_http_litellm_gauge_label(ngx_http_litellm_page_t *p, u_char *buf,
    ngx_str_t *labels, const char *name, ngx_str_t *value)
{
    u_char     *end;
    ngx_str_t   s, v;

    s.data = (u_char *) name;
    s.len = ngx_strlen(name);

    v = *value;
    v.len = ngx_min(v.len, NGX_HTTP_LITELLM_METRICS_VALUE);

    *buf = '{';

    end = ngx_http_litellm_metrics_pair(p, buf,
                                      buf + NGX_HTTP_LITELLM_METRICS_LINE - 1,
                                      buf + 1, &s, &v);
    *end++ = '}';

    labels->data = buf;
    labels->len = end - buf;
}


static ngx_int_t
ngx_http_litellm_gauge_build(ngx_http_litellm_page_t *p)
{
    ngx_str_t  labels;

    ngx_str_set(&labels, "{version=\"" NGX_HTTP_LITELLM_VERSION
                         "\",nginx_version=\"" NGINX_VERSION "\"}");

    ngx_http_litellm_metrics_line(p, "", &labels, 1);

    return NGX_OK;
}


/* of all files, by p->i and p->j; NULL: no more */

static ngx_litellm_deployment_t *
ngx_http_litellm_gauge_next(ngx_http_litellm_page_t *p)
{
    ngx_litellm_config_t      *config;
    ngx_http_litellm_file_t   *file;
    ngx_litellm_deployment_t  *d;

    file = p->mcf->files.elts;

    for ( /* void */ ; p->i < p->mcf->files.nelts; p->i++, p->j = 0) {

        config = file[p->i].config;

        if (config == NULL || p->j >= config->deployments.nelts) {
            continue;
        }

        d = ((ngx_litellm_deployment_t **) config->deployments.elts)[p->j++];

        p->looks -= ngx_min(p->looks, 1);

        return d;
    }

    return NULL;
}


static ngx_int_t
ngx_http_litellm_gauge_deployment(ngx_http_litellm_page_t *p)
{
    u_char                     buf[NGX_HTTP_LITELLM_METRICS_LINE];
    ngx_str_t                  labels;
    ngx_http_litellm_row_t    *row;
    ngx_litellm_deployment_t  *d;

    while (!ngx_http_litellm_metrics_full(p)) {

        d = ngx_http_litellm_gauge_next(p);
        if (d == NULL) {
            return NGX_OK;
        }

        if (d->state == NULL || d->twin) {
            continue;
        }

        row = ngx_http_litellm_metrics_row_of(p->mc, d, 1);

        if (!row->other
            && ngx_http_litellm_metrics_row_labels(p, row, (ngx_uint_t) -1,
                                                   buf, &labels)
               == NGX_OK)
        {
            ngx_http_litellm_gauge_state(p, d, &labels);
        }
    }

    return NGX_AGAIN;
}


static void
ngx_http_litellm_gauge_state(ngx_http_litellm_page_t *p,
    ngx_litellm_deployment_t *d, ngx_str_t *labels)
{
    ngx_msec_t                 left;
    ngx_uint_t                 state;
    ngx_http_litellm_state_t  *s;

    s = d->state;
    left = ngx_http_litellm_cooldown_left(d);

    switch (p->family->offset) {

    case NGX_HTTP_LITELLM_D_STATE:
        state = (left || s->unhealthy) ? 2
                : (ngx_http_litellm_state_count(&s->failures) != 0);

        ngx_http_litellm_metrics_line(p, "", labels, state);
        break;

    case NGX_HTTP_LITELLM_D_RPM:
        if (d->rpm >= 0) {
            ngx_http_litellm_metrics_line(p, "", labels, d->rpm);
        }

        break;

    case NGX_HTTP_LITELLM_D_TPM:
        if (d->tpm >= 0) {
            ngx_http_litellm_metrics_line(p, "", labels, d->tpm);
        }

        break;

    case NGX_HTTP_LITELLM_D_INFLIGHT:
        ngx_http_litellm_metrics_line(p, "", labels, s->inflight);
        break;

    default: /* NGX_HTTP_LITELLM_D_COOLDOWN */
        ngx_http_litellm_metrics_decimal(p, "", labels, left, 3);
    }
}


static ngx_int_t
ngx_http_litellm_gauge_inflight(ngx_http_litellm_page_t *p)
{
    ngx_litellm_deployment_t  *d;
    ngx_http_litellm_state_t  *s;

    while (!ngx_http_litellm_metrics_full(p)) {

        d = ngx_http_litellm_gauge_next(p);

        if (d == NULL) {
            ngx_http_litellm_metrics_line(p, "", &ngx_http_litellm_gauge_none,
                                          p->sum);
            return NGX_OK;
        }

        s = d->state;

        if (s != NULL) {
            p->sum += s->inflight;
        }
    }

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_litellm_gauge_hedge(ngx_http_litellm_page_t *p)
{
    ngx_http_litellm_hedges_t  *hedges;

    hedges = ngx_http_litellm_zone_hedges(p->mcf->zone);

    ngx_http_litellm_metrics_line(p, "", &ngx_http_litellm_gauge_none,
                   *(ngx_atomic_t *) ((u_char *) hedges + p->family->offset));

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_gauge_worker(ngx_http_litellm_page_t *p)
{
    u_char                          buf[NGX_HTTP_LITELLM_METRICS_LINE];
    u_char                          text[NGX_INT_T_LEN];
    ngx_str_t                       labels, name;
    ngx_uint_t                      i, n;
    ngx_msec_int_t                  age;
    ngx_http_litellm_metrics_sum_t  w;

    n = 0;

    for (i = 0; i < NGX_HTTP_LITELLM_METRICS_WORKERS; i++) {

        if (ngx_http_litellm_metrics_worker(p->mcf, i, &w) != NGX_OK) {
            continue;
        }

        n++;

        name.data = text;
        name.len = ngx_sprintf(text, "%ui", i) - text;

        ngx_http_litellm_gauge_label(p, buf, &labels, "worker", &name);

        if (p->family->offset == NGX_HTTP_LITELLM_W_LAG) {
            ngx_http_litellm_metrics_histogram(p, &labels, &w.lag,
                                               NGX_HTTP_LITELLM_FINE);

        } else if (p->family->offset == NGX_HTTP_LITELLM_W_BEAT) {
            age = (ngx_msec_int_t) (ngx_current_msec - (ngx_msec_t) w.beat);

            ngx_http_litellm_metrics_decimal(p, "", &labels, ngx_max(age, 0),
                                             3);
        }
    }

    if (p->family->offset == NGX_HTTP_LITELLM_W_COUNT) {
        ngx_http_litellm_metrics_line(p, "", &ngx_http_litellm_gauge_none, n);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_gauge_left(ngx_http_litellm_page_t *p)
{
    ngx_http_litellm_metrics_sum_t  sum;

    (void) ngx_http_litellm_metrics_sum(p->mcf, &sum);

    ngx_http_litellm_metrics_line(p, "", &ngx_http_litellm_gauge_none,
                                  sum.cancelled);

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_gauge_rows(ngx_http_litellm_page_t *p)
{
    u_char                          buf[NGX_HTTP_LITELLM_METRICS_LINE];
    ngx_str_t                       labels;
    ngx_uint_t                      i;
    ngx_http_litellm_metrics_sh_t  *sh;

    static ngx_str_t  kinds[] = {
        ngx_string("request"),
        ngx_string("usage"),
        ngx_string("deployment"),
        ngx_string("fallback"),
        ngx_string("limit")
    };

    sh = p->mc->m.sh;

    for (i = 0; i < NGX_HTTP_LITELLM_ROW_KINDS; i++) {
        ngx_http_litellm_gauge_label(p, buf, &labels, "kind", &kinds[i]);
        ngx_http_litellm_metrics_line(p, "", &labels,
                                      p->family->offset ? sh->lost[i]
                                                        : sh->nrows[i]);
    }

    return NGX_OK;
}
