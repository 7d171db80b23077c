
/*
 * Counters of rows, as families for ngx_http_litellm_metrics_text.c: what each
 * is called, where in a row it lies, and the functions that write it.  Names
 * and labels are LiteLLM's where it has them; "litellm_ngx_" is ours.
 *
 * All labels of a row are shown with each of its counters: two lines never
 * have the same name and labels, which Prometheus would refuse as a whole.
 */

#include "ngx_http_litellm_metrics_text.h"


static ngx_uint_t ngx_http_litellm_metrics_equal(ngx_str_t *one,
    ngx_str_t *two);
static ngx_int_t ngx_http_litellm_metrics_rows(ngx_http_litellm_page_t *p);
static void ngx_http_litellm_metrics_one(ngx_http_litellm_page_t *p,
    ngx_str_t *labels, u_char *counters);
static ngx_int_t ngx_http_litellm_metrics_sums(ngx_http_litellm_page_t *p);
static ngx_int_t ngx_http_litellm_metrics_classes(ngx_http_litellm_page_t *p);
static ngx_int_t ngx_http_litellm_metrics_tokens(ngx_http_litellm_page_t *p);


#define ngx_http_litellm_family(name, help, row, field)                       \
    { ngx_string(name "_total"), help, NGX_HTTP_LITELLM_COUNTER,              \
      ngx_http_litellm_metrics_rows, NGX_HTTP_LITELLM_UNIT,                   \
      NGX_HTTP_LITELLM_ROW_##row, field, 0 }

#define ngx_http_litellm_family_usage(name, help, field)                      \
    ngx_http_litellm_family(name, help, USAGE,                                \
                            offsetof(ngx_http_litellm_row_usage_t, field))

#define ngx_http_litellm_family_hist(name, help, row, field, bounds)          \
    { ngx_string(name), help, NGX_HTTP_LITELLM_HISTOGRAM,                     \
      ngx_http_litellm_metrics_rows, NGX_HTTP_LITELLM_##bounds,               \
      NGX_HTTP_LITELLM_ROW_##row, field, 0 }

#define ngx_http_litellm_family_latency(name, help, field, bounds)            \
    ngx_http_litellm_family_hist(name, help, USAGE,                           \
                            offsetof(ngx_http_litellm_row_usage_t, field),    \
                            bounds)

#define ngx_http_litellm_family_of(name, help, write, unit, field)            \
    { ngx_string(name "_total"), help, NGX_HTTP_LITELLM_COUNTER,              \
      ngx_http_litellm_metrics_##write, NGX_HTTP_LITELLM_##unit,              \
      NGX_HTTP_LITELLM_ROW_DEPLOYMENT,                                        \
      offsetof(ngx_http_litellm_row_deployment_t, field), 0 }

#define ngx_http_litellm_family_of_hist(name, help, field, bounds)            \
    ngx_http_litellm_family_hist(name, help, DEPLOYMENT,                      \
                          offsetof(ngx_http_litellm_row_deployment_t, field), \
                          bounds)


const ngx_http_litellm_family_t  ngx_http_litellm_families[] = {

    ngx_http_litellm_family("litellm_proxy_total_requests_metric",
        "Requests for models, answered or not.", REQUEST,
        offsetof(ngx_http_litellm_row_request_t, requests)),

    { ngx_string("litellm_proxy_failed_requests_metric_total"),
      "Requests for models that were not answered.",
      NGX_HTTP_LITELLM_COUNTER, ngx_http_litellm_metrics_rows,
      NGX_HTTP_LITELLM_UNIT, NGX_HTTP_LITELLM_ROW_REQUEST,
      offsetof(ngx_http_litellm_row_request_t, failed),
      NGX_HTTP_LITELLM_OF_EXCEPTION },

    ngx_http_litellm_family_usage("litellm_requests_metric",
        "Requests that were answered.", requests),
    ngx_http_litellm_family_usage("litellm_llm_api_failed_requests_metric",
        "Requests that came as far as a deployment and were not answered.",
        failed),

    { ngx_string("litellm_spend_metric_total"),
      "Spend on requests, in dollars.",
      NGX_HTTP_LITELLM_COUNTER, ngx_http_litellm_metrics_rows,
      NGX_HTTP_LITELLM_DOLLARS, NGX_HTTP_LITELLM_ROW_USAGE,
      offsetof(ngx_http_litellm_row_usage_t, spend), 0 },

    ngx_http_litellm_family_usage("litellm_zero_cost_requests",
        "Answers of deployments that cost nothing.", free),
    ngx_http_litellm_family_usage("litellm_ngx_unpriced_requests",
        "Answers of deployments whose price is not known.", unpriced),

    { ngx_string("litellm_total_tokens_metric_total"),
      "Tokens of requests and answers.",
      NGX_HTTP_LITELLM_COUNTER, ngx_http_litellm_metrics_sums,
      NGX_HTTP_LITELLM_UNIT, NGX_HTTP_LITELLM_ROW_USAGE,
      offsetof(ngx_http_litellm_row_usage_t, prompt), 2 },

    ngx_http_litellm_family_usage("litellm_input_tokens_metric",
        "Tokens of requests.", prompt),
    ngx_http_litellm_family_usage("litellm_output_tokens_metric",
        "Tokens of answers.", completion),
    ngx_http_litellm_family_usage("litellm_input_cached_tokens_metric",
        "Tokens of requests that the provider had in its cache.", cached),
    ngx_http_litellm_family_usage(
        "litellm_input_cache_creation_tokens_metric",
        "Tokens of requests that the provider put into its cache.",
        cache_write),
    ngx_http_litellm_family_usage("litellm_input_audio_tokens_metric",
        "Tokens of requests that are speech.", audio_in),
    ngx_http_litellm_family_usage("litellm_output_reasoning_tokens_metric",
        "Tokens of answers that were reasoning.", reasoning),
    ngx_http_litellm_family_usage("litellm_output_audio_tokens_metric",
        "Tokens of answers that are speech.", audio_out),
    ngx_http_litellm_family_usage(
        "litellm_provider_cache_read_input_tokens_metric",
        "The same as litellm_input_cached_tokens_metric_total.", cached),
    ngx_http_litellm_family_usage(
        "litellm_provider_cache_creation_input_tokens_metric",
        "The same as litellm_input_cache_creation_tokens_metric_total.",
        cache_write),
    ngx_http_litellm_family_usage("litellm_cache_hits_metric",
        "Requests answered from the gateway's cache.", hits),
    ngx_http_litellm_family_usage("litellm_cache_misses_metric",
        "Requests whose answer was looked for in the gateway's cache and was "
        "not there.", misses),

    ngx_http_litellm_family_latency("litellm_request_total_latency_metric",
        "Seconds from the end of a request to the end of its answer.", total,
        COARSE),
    ngx_http_litellm_family_latency("litellm_llm_api_latency_metric",
        "Seconds in which some deployment was asked.", upstream, COARSE),
    ngx_http_litellm_family_latency(
        "litellm_llm_api_time_to_first_token_metric",
        "Seconds from the end of a request to the first content of its "
        "stream.", ttft, COARSE),
    ngx_http_litellm_family_latency("litellm_overhead_latency_metric",
        "Seconds of an answered request in which no deployment was asked.",
        overhead, FINE),

    { ngx_string("litellm_deployment_total_requests_total"),
      "Attempts at a deployment.",
      NGX_HTTP_LITELLM_COUNTER, ngx_http_litellm_metrics_sums,
      NGX_HTTP_LITELLM_UNIT, NGX_HTTP_LITELLM_ROW_DEPLOYMENT,
      offsetof(ngx_http_litellm_row_deployment_t, successes),
      2 + NGX_LITELLM_CLASSES },

    ngx_http_litellm_family_of("litellm_deployment_success_responses",
        "Attempts at a deployment that it answered.", rows, UNIT, successes),
    ngx_http_litellm_family_of("litellm_deployment_failure_responses",
        "Attempts at a deployment that failed.", classes, UNIT, failures),
    ngx_http_litellm_family_of("litellm_ngx_deployment_cancelled_requests",
        "Attempts given up before their end: the client left, or another "
        "deployment was faster.", rows, UNIT, cancelled),
    ngx_http_litellm_family_of("litellm_deployment_cooled_down",
        "Cooldowns of a deployment.", classes, UNIT, cooled),
    ngx_http_litellm_family_of("litellm_ngx_deployment_tokens",
        "Tokens of attempts at a deployment.", tokens, UNIT, prompt),
    ngx_http_litellm_family_of("litellm_ngx_deployment_spend_dollars",
        "Spend on attempts at a deployment.", rows, DOLLARS, spend),
    ngx_http_litellm_family_of("litellm_ngx_deployment_estimated_requests",
        "Attempts whose tokens and spend are estimated.", rows, UNIT,
        estimated),

    ngx_http_litellm_family_of_hist("litellm_ngx_deployment_latency_seconds",
        "Time of attempts that were answered.", latency, COARSE),
    ngx_http_litellm_family_of_hist(
        "litellm_ngx_deployment_time_to_first_token_seconds",
        "Time of attempts to the first content of a stream.", ttft, COARSE),
    ngx_http_litellm_family_of_hist(
        "litellm_deployment_latency_per_output_token",
        "Seconds of attempts that were answered, for each token of the "
        "answer.", per_token, FINE),
    ngx_http_litellm_family_of_hist(
        "litellm_ngx_deployment_inter_token_seconds",
        "Time between two tokens of a stream behind the first one, its mean.",
        gap, FINE),

    ngx_http_litellm_family("litellm_deployment_successful_fallbacks",
        "Groups that answered in place of another one.", FALLBACK,
        offsetof(ngx_http_litellm_row_fallback_t, successes)),
    ngx_http_litellm_family("litellm_deployment_failed_fallbacks",
        "Groups that were tried in place of another one, and failed.",
        FALLBACK, offsetof(ngx_http_litellm_row_fallback_t, failures)),

    { ngx_null_string, NULL, 0, NULL, 0, 0, 0, 0 }
};


/* by class: that of LiteLLM's exception of that name */
static const ngx_uint_t  ngx_http_litellm_metrics_statuses[] = {
    0, 400, 400, 400, 400, 402, 401, 403, 404, 408, 422, 429, 500, 500, 500,
    502, 503
};


/* a gauge's may be any that a gauge has */

ngx_uint_t
ngx_http_litellm_metrics_labelled(ngx_str_t *name, ngx_str_t *label)
{
    ngx_uint_t                        i, n, class;
    const ngx_http_litellm_label_e   *l;
    const ngx_http_litellm_family_t  *f;

    static ngx_str_t  others[] = {
        ngx_string("rate_limit_type"),
        ngx_string("scope"),
        ngx_string("zone"),
        ngx_string("connection"),
        ngx_string("worker"),
        ngx_string("kind"),
        ngx_string("version"),
        ngx_string("nginx_version"),
        ngx_null_string
    };

    static ngx_str_t  type = ngx_string("type");

    for (f = ngx_http_litellm_families; f->name.len; f++) {
        if (ngx_http_litellm_metrics_named((ngx_str_t *) &f->name, name)) {
            break;
        }
    }

    if (f->name.len == 0) {

        for (i = 0; others[i].len; i++) {
            if (ngx_http_litellm_metrics_equal(&others[i], label)) {
                return 1;
            }
        }

        for (i = 0; i < NGX_HTTP_LITELLM_L_SCOPE; i++) {
            if (ngx_http_litellm_metrics_equal(
                                  ngx_http_litellm_metrics_label(i), label))
            {
                return 1;
            }
        }

        return 0;
    }

    class = (f->write == ngx_http_litellm_metrics_classes);

    if ((class || f->more == NGX_HTTP_LITELLM_OF_EXCEPTION
         || f->row == NGX_HTTP_LITELLM_ROW_FALLBACK)
        && ngx_http_litellm_metrics_equal(&ngx_http_litellm_exception_status,
                                          label))
    {
        return 1;
    }

    if (class
        && ngx_http_litellm_metrics_equal(
                      ngx_http_litellm_metrics_label(NGX_HTTP_LITELLM_L_CLASS),
                      label))
    {
        return 1;
    }

    if (f->write == ngx_http_litellm_metrics_tokens
        && ngx_http_litellm_metrics_equal(&type, label))
    {
        return 1;
    }

    l = ngx_http_litellm_metrics_labels(f->row, &n);

    for (i = 0; i < n; i++) {
        if (ngx_http_litellm_metrics_equal(
                             ngx_http_litellm_metrics_label(l[i]), label))
        {
            return l[i] != NGX_HTTP_LITELLM_L_STATUS
                   || (f->more != NGX_HTTP_LITELLM_OF_EXCEPTION
                       && f->row != NGX_HTTP_LITELLM_ROW_FALLBACK);
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_litellm_metrics_equal(ngx_str_t *one, ngx_str_t *two)
{
    return one->len == two->len
           && ngx_memcmp(one->data, two->data, one->len) == 0;
}


static ngx_int_t
ngx_http_litellm_metrics_rows(ngx_http_litellm_page_t *p)
{
    u_char                            buf[NGX_HTTP_LITELLM_METRICS_LINE];
    ngx_str_t                         labels;
    ngx_http_litellm_row_t           *row;
    const ngx_http_litellm_family_t  *f;

    f = p->family;

    while (!ngx_http_litellm_metrics_full(p)) {

        row = ngx_http_litellm_metrics_next(&p->mc->m, f->row, &p->at,
                                            &p->looks);
        if (row == NULL) {
            return p->looks ? NGX_OK : NGX_AGAIN;
        }

        if (ngx_http_litellm_metrics_row_labels(p, row,
                                                (ngx_uint_t) -1, buf, &labels)
            == NGX_OK)
        {
            ngx_http_litellm_metrics_one(p, &labels,
                                         ngx_http_litellm_row_counters(row));
        }
    }

    return NGX_AGAIN;
}


/* what has never been counted is not there; but zero is told of deployments */

static void
ngx_http_litellm_metrics_one(ngx_http_litellm_page_t *p, ngx_str_t *labels,
    u_char *counters)
{
    uint64_t                          n;
    const ngx_http_litellm_family_t  *f;

    f = p->family;

    if (f->type == NGX_HTTP_LITELLM_HISTOGRAM) {
        ngx_http_litellm_metrics_histogram(p, labels,
                       (ngx_http_litellm_histogram_t *) (counters + f->offset),
                       f->unit);
        return;
    }

    n = *(ngx_http_litellm_counter_t *) (counters + f->offset);

    if (n == 0 && f->row != NGX_HTTP_LITELLM_ROW_DEPLOYMENT) {
        return;
    }

    if (f->unit == NGX_HTTP_LITELLM_DOLLARS) {
        ngx_http_litellm_metrics_money(p, labels,
                           (int64_t) ngx_min(n, NGX_LITELLM_MONEY_MAX));

    } else {
        ngx_http_litellm_metrics_line(p, "", labels, n);
    }
}


/* several counters that lie one behind the other as one */

static ngx_int_t
ngx_http_litellm_metrics_sums(ngx_http_litellm_page_t *p)
{
    u_char                            buf[NGX_HTTP_LITELLM_METRICS_LINE];
    uint64_t                          n;
    ngx_str_t                         labels;
    ngx_uint_t                        i;
    ngx_http_litellm_row_t           *row;
    ngx_http_litellm_counter_t       *c;
    const ngx_http_litellm_family_t  *f;

    f = p->family;

    while (!ngx_http_litellm_metrics_full(p)) {

        row = ngx_http_litellm_metrics_next(&p->mc->m, f->row, &p->at,
                                            &p->looks);
        if (row == NULL) {
            return p->looks ? NGX_OK : NGX_AGAIN;
        }

        c = (ngx_http_litellm_counter_t *)
            ((u_char *) ngx_http_litellm_row_counters(row) + f->offset);

        for (n = 0, i = 0; i < f->more; i++) {
            n += c[i];
        }

        if (n == 0 && f->row != NGX_HTTP_LITELLM_ROW_DEPLOYMENT) {
            continue;
        }

        if (ngx_http_litellm_metrics_row_labels(p, row,
                                                (ngx_uint_t) -1, buf, &labels)
            == NGX_OK)
        {
            ngx_http_litellm_metrics_line(p, "", &labels, n);
        }
    }

    return NGX_AGAIN;
}


/* counters by class of error */

static ngx_int_t
ngx_http_litellm_metrics_classes(ngx_http_litellm_page_t *p)
{
    u_char                            buf[NGX_HTTP_LITELLM_METRICS_LINE];
    u_char                            text[NGX_HTTP_LITELLM_METRICS_VALUE];
    u_char                           *end, *last;
    ngx_str_t                         labels, all, value, provider, *class;
    ngx_uint_t                        i;
    ngx_http_litellm_row_t           *row;
    ngx_http_litellm_counter_t       *c;

    last = buf + sizeof(buf) - 1;

    while (!ngx_http_litellm_metrics_full(p)) {

        row = ngx_http_litellm_metrics_next(&p->mc->m, p->family->row, &p->at,
                                            &p->looks);
        if (row == NULL) {
            return p->looks ? NGX_OK : NGX_AGAIN;
        }

        if (ngx_http_litellm_metrics_row_labels(p, row,
                                                (ngx_uint_t) -1, buf, &labels)
            != NGX_OK)
        {
            continue;
        }

        /* api_provider is the last one of a deployment's */

        ngx_http_litellm_row_label(row, 4, &provider);

        c = (ngx_http_litellm_counter_t *)
            ((u_char *) ngx_http_litellm_row_counters(row)
             + p->family->offset);

        for (i = 0; i < NGX_LITELLM_CLASSES; i++) {

            if (c[i] == 0) {
                continue;
            }

            class = ngx_litellm_error_class(i);

            value.data = text;
            value.len = ngx_sprintf(text, "%ui",
                                    ngx_http_litellm_metrics_statuses[i])
                        - text;

            /* without the brace */

            end = ngx_http_litellm_metrics_pair(p, buf, last,
                                           labels.data + labels.len - 1,
                                           &ngx_http_litellm_exception_status,
                                           &value);

            value.len = ngx_slprintf(text, text + sizeof(text), "%V%s%V",
                                     &provider, provider.len ? "." : "", class)
                        - text;
            *text = ngx_toupper(*text);

            end = ngx_http_litellm_metrics_pair(p, buf, last, end,
                      ngx_http_litellm_metrics_label(NGX_HTTP_LITELLM_L_CLASS),
                      &value);
            *end++ = '}';

            all.data = buf;
            all.len = end - buf;

            ngx_http_litellm_metrics_line(p, "", &all, c[i]);
        }
    }

    return NGX_AGAIN;
}


/* of a request, and of its answer */

static ngx_int_t
ngx_http_litellm_metrics_tokens(ngx_http_litellm_page_t *p)
{
    u_char                            buf[NGX_HTTP_LITELLM_METRICS_LINE];
    u_char                           *end;
    ngx_str_t                         labels, all, *value;
    ngx_uint_t                        i;
    ngx_http_litellm_row_t           *row;
    ngx_http_litellm_counter_t       *c;

    static ngx_str_t  name = ngx_string("type");

    static ngx_str_t  types[] = {
        ngx_string("input"),
        ngx_string("output")
    };

    while (!ngx_http_litellm_metrics_full(p)) {

        row = ngx_http_litellm_metrics_next(&p->mc->m, p->family->row, &p->at,
                                            &p->looks);
        if (row == NULL) {
            return p->looks ? NGX_OK : NGX_AGAIN;
        }

        if (ngx_http_litellm_metrics_row_labels(p, row,
                                                (ngx_uint_t) -1, buf, &labels)
            != NGX_OK)
        {
            continue;
        }

        c = (ngx_http_litellm_counter_t *)
            ((u_char *) ngx_http_litellm_row_counters(row)
             + p->family->offset);

        for (i = 0; i < 2; i++) {
            value = &types[i];

            end = ngx_http_litellm_metrics_pair(p, buf, buf + sizeof(buf) - 1,
                                              labels.data + labels.len - 1,
                                              &name, value);
            *end++ = '}';

            all.data = buf;
            all.len = end - buf;

            ngx_http_litellm_metrics_line(p, "", &all, c[i]);
        }
    }

    return NGX_AGAIN;
}
