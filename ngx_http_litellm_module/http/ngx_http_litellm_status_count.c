
/*
 * Counters of the status page's JSON, as the metrics have them: cumulative, of
 * all workers since their zone was made.  Rates and quantiles of the last
 * minute are the page's to find, by what differs between two answers; bounds of
 * histograms stand once in an answer, in ms.  Nothing where metrics are off.
 */

#include "ngx_http_litellm_status.h"
#include "ngx_http_litellm_metrics.h"


static void ngx_http_litellm_status_classes(ngx_litellm_out_t *out,
    ngx_http_litellm_counter_t *n);
static void ngx_http_litellm_status_histogram(ngx_litellm_out_t *out,
    const char *name, ngx_http_litellm_histogram_t *h, const uint32_t *bounds);
static void ngx_http_litellm_status_bounds(ngx_litellm_out_t *out,
    const char *name, const uint32_t *bounds);


void
ngx_http_litellm_status_counters(ngx_http_litellm_status_t *st,
    ngx_litellm_deployment_t *d)
{
    ngx_litellm_out_t             *out;
    ngx_http_litellm_metrics_of_t  of;

    if (ngx_http_litellm_metrics_of(st->mcf, d, &of) != NGX_OK) {
        return;
    }

    out = &st->out;

    ngx_litellm_out_lit(out, ",\"counters\":{\"ok\":");
    ngx_litellm_out_int(out, (int64_t) of.successes);
    ngx_http_litellm_status_int(out, "cancelled", (int64_t) of.cancelled);
    ngx_http_litellm_status_classes(out, of.failures);
    ngx_http_litellm_status_int(out, "in", (int64_t) of.prompt);
    ngx_http_litellm_status_int(out, "out", (int64_t) of.completion);
    ngx_http_litellm_status_money(out, "spend", (int64_t) of.spend);
    ngx_http_litellm_status_histogram(out, "latency", &of.latency,
                                      ngx_http_litellm_bounds_coarse);
    ngx_http_litellm_status_histogram(out, "ttft", &of.ttft,
                                      ngx_http_litellm_bounds_coarse);
    ngx_litellm_out_lit(out, "}");
}


void
ngx_http_litellm_status_totals(ngx_http_litellm_status_t *st)
{
    ngx_litellm_out_t              *out;
    ngx_http_litellm_metrics_sum_t  sum;

    if (!ngx_http_litellm_status_whole(st)) {
        return;
    }

    if (ngx_http_litellm_metrics_sum(st->mcf, &sum) != NGX_OK) {
        return;
    }

    out = &st->out;

    ngx_litellm_out_lit(out, ",\"totals\":{\"requests\":");
    ngx_litellm_out_int(out, (int64_t) sum.requests);
    ngx_http_litellm_status_int(out, "cancelled", (int64_t) sum.cancelled);
    ngx_http_litellm_status_classes(out, sum.failures);
    ngx_http_litellm_status_int(out, "refused", (int64_t) sum.refused);
    ngx_http_litellm_status_int(out, "attempts", (int64_t) sum.attempts);
    ngx_http_litellm_status_int(out, "fallbacks", (int64_t) sum.fallbacks);
    ngx_http_litellm_status_int(out, "hits", (int64_t) sum.hits);
    ngx_http_litellm_status_int(out, "misses", (int64_t) sum.misses);
    ngx_http_litellm_status_int(out, "in", (int64_t) sum.prompt);
    ngx_http_litellm_status_int(out, "out", (int64_t) sum.completion);
    ngx_http_litellm_status_money(out, "spend", (int64_t) sum.spend);
    ngx_http_litellm_status_int(out, "unpriced", (int64_t) sum.unpriced);
    ngx_http_litellm_status_histogram(out, "latency", &sum.total,
                                      ngx_http_litellm_bounds_coarse);
    ngx_http_litellm_status_histogram(out, "ttft", &sum.ttft,
                                      ngx_http_litellm_bounds_coarse);
    ngx_http_litellm_status_histogram(out, "overhead", &sum.overhead,
                                      ngx_http_litellm_bounds_fine);
    ngx_litellm_out_lit(out, "}");

    ngx_http_litellm_status_histogram(out, "lag", &sum.lag,
                                      ngx_http_litellm_bounds_fine);
}


/* of all histograms that are in the answer */

void
ngx_http_litellm_status_scales(ngx_http_litellm_status_t *st)
{
    ngx_litellm_out_lit(&st->out, ",\"bounds\":{\"unit\":\"ms\"");
    ngx_http_litellm_status_bounds(&st->out, "coarse",
                                   ngx_http_litellm_bounds_coarse);
    ngx_http_litellm_status_bounds(&st->out, "fine",
                                   ngx_http_litellm_bounds_fine);
    ngx_litellm_out_lit(&st->out, "}");
}


/* those that there were */

static void
ngx_http_litellm_status_classes(ngx_litellm_out_t *out,
    ngx_http_litellm_counter_t *n)
{
    ngx_uint_t  i, k;

    k = 0;

    ngx_litellm_out_lit(out, ",\"errors\":{");

    for (i = 1; i < NGX_LITELLM_CLASSES; i++) {

        if (n[i] == 0) {
            continue;
        }

        if (k++) {
            ngx_litellm_out_lit(out, ",");
        }

        ngx_litellm_out_json(out, ngx_litellm_error_class(i));
        ngx_litellm_out_lit(out, ":");
        ngx_litellm_out_int(out, (int64_t) n[i]);
    }

    ngx_litellm_out_lit(out, "}");
}


static void
ngx_http_litellm_status_histogram(ngx_litellm_out_t *out, const char *name,
    ngx_http_litellm_histogram_t *h, const uint32_t *bounds)
{
    uint64_t    above;
    ngx_uint_t  i, n;

    n = ngx_http_litellm_bounds_count(bounds);
    above = 0;

    ngx_litellm_out_lit(out, ",\"");
    ngx_litellm_out_copy(out, name, ngx_strlen(name));
    ngx_litellm_out_lit(out, "\":[");

    for (i = 0; i < n; i++) {
        ngx_litellm_out_int(out, (int64_t) h->n[i]);
        ngx_litellm_out_lit(out, ",");
    }

    for ( /* void */ ; i <= NGX_HTTP_LITELLM_METRICS_BOUNDS; i++) {
        above += h->n[i];
    }

    ngx_litellm_out_int(out, (int64_t) above);
    ngx_litellm_out_lit(out, "]");
}


static void
ngx_http_litellm_status_bounds(ngx_litellm_out_t *out, const char *name,
    const uint32_t *bounds)
{
    u_char      buf[NGX_INT64_LEN + 4];
    ngx_uint_t  i, n;

    n = ngx_http_litellm_bounds_count(bounds);

    ngx_litellm_out_lit(out, ",\"");
    ngx_litellm_out_copy(out, name, ngx_strlen(name));
    ngx_litellm_out_lit(out, "\":[");

    for (i = 0; i < n; i++) {

        if (i) {
            ngx_litellm_out_lit(out, ",");
        }

        ngx_litellm_out_copy(out, buf,
                             ngx_sprintf(buf, "%uD.%03uD", bounds[i] / 1000,
                                         bounds[i] % 1000)
                             - buf);
    }

    ngx_litellm_out_lit(out, "]");
}
