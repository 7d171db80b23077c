
/*
 * What litellm_settings say of metrics: who may read them, what is shown and
 * what is left out of them, the buckets of latencies.  Whether there are any is
 * nginx's "litellm_metrics_zone", and which names there are its reader knows:
 * they are kept with their lines.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"


/* metrics that are named, and labels of a group of them */
#define NGX_LITELLM_CF_SHOWN   1000
#define NGX_LITELLM_CF_LABELS  64

/* seconds: what us in 32 bits hold */
#define NGX_LITELLM_CF_BOUND   4000


static void ngx_litellm_cf_metrics_groups(ngx_litellm_cf_t *cf,
    ngx_litellm_metrics_t *m, ngx_litellm_yaml_t *list);
static void ngx_litellm_cf_metrics_group(ngx_litellm_cf_t *cf,
    ngx_litellm_metrics_t *m, ngx_litellm_yaml_t *group);
static ngx_int_t ngx_litellm_cf_metrics_words(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *list, const char *name, ngx_uint_t max,
    ngx_array_t **words);
static void ngx_litellm_cf_metrics_bounds(ngx_litellm_cf_t *cf,
    ngx_litellm_metrics_t *m, ngx_litellm_yaml_t *list);


void
ngx_litellm_cf_metrics(ngx_litellm_cf_t *cf)
{
    int64_t                 n;
    ngx_flag_t              off;
    ngx_litellm_yaml_t     *settings;
    ngx_litellm_metrics_t  *m;

    m = &cf->conf->metrics;
    settings = ngx_litellm_cf_section(cf, "litellm_settings");

    m->auth = 1;

    (void) ngx_litellm_cf_flag(cf,
                 ngx_litellm_yaml_member(settings,
                                         "require_auth_for_metrics_endpoint"),
                 "require_auth_for_metrics_endpoint", &m->auth);

    (void) ngx_litellm_cf_flag(cf,
                 ngx_litellm_yaml_member(settings,
                             "enable_end_user_cost_tracking_prometheus_only"),
                 "enable_end_user_cost_tracking_prometheus_only",
                 &m->end_user);

    off = 0;

    (void) ngx_litellm_cf_flag(cf,
                 ngx_litellm_yaml_member(settings,
                            "disable_end_user_cost_tracking_prometheus_only"),
                 "disable_end_user_cost_tracking_prometheus_only", &off);

    if (off) {
        m->end_user = 0;
    }

    if (ngx_litellm_cf_int(cf,
                 ngx_litellm_yaml_member(settings,
                                  "prometheus_metrics_max_series_per_metric"),
                 "prometheus_metrics_max_series_per_metric", 1, 100000000, &n)
        == NGX_OK)
    {
        m->max = (ngx_uint_t) n;
    }

    (void) ngx_litellm_cf_strings(cf,
                 ngx_litellm_yaml_member(settings,
                                         "prometheus_exclude_metrics"),
                 "prometheus_exclude_metrics", &m->no_metrics);
    (void) ngx_litellm_cf_strings(cf,
                 ngx_litellm_yaml_member(settings,
                                         "prometheus_exclude_labels"),
                 "prometheus_exclude_labels", &m->no_labels);

    ngx_litellm_cf_metrics_groups(cf, m,
                 ngx_litellm_yaml_member(settings,
                                         "prometheus_metrics_config"));
    ngx_litellm_cf_metrics_bounds(cf, m,
                 ngx_litellm_yaml_member(settings,
                                         "prometheus_latency_buckets"));
}


/* [{group: anything, metrics: [name ...], include_labels: [label ...]} ...] */

static void
ngx_litellm_cf_metrics_groups(ngx_litellm_cf_t *cf, ngx_litellm_metrics_t *m,
    ngx_litellm_yaml_t *list)
{
    ngx_litellm_yaml_pair_t  *pair;

    if (list == NULL || (list->type == NGX_LITELLM_YAML_SCALAR
                         && list->kind == NGX_LITELLM_YAML_NULL))
    {
        return;
    }

    if (list->type != NGX_LITELLM_YAML_LIST) {
        ngx_litellm_cf_error(cf, list, "\"prometheus_metrics_config\" must be "
                             "a list of groups: {group, metrics, "
                             "include_labels}");
        return;
    }

    for (pair = list->first; pair; pair = pair->next) {

        if (pair->value->type != NGX_LITELLM_YAML_MAP) {
            ngx_litellm_cf_error(cf, pair->value, "a group of "
                                 "\"prometheus_metrics_config\" must be a "
                                 "map: {group, metrics, include_labels}");
            continue;
        }

        ngx_litellm_cf_metrics_group(cf, m, pair->value);
    }
}


static void
ngx_litellm_cf_metrics_group(ngx_litellm_cf_t *cf, ngx_litellm_metrics_t *m,
    ngx_litellm_yaml_t *group)
{
    ngx_uint_t                    i;
    ngx_array_t                  *names, *labels;
    ngx_litellm_yaml_pair_t      *pair;
    ngx_litellm_metrics_word_t   *word;
    ngx_litellm_metrics_shown_t  *shown;

    for (pair = group->first; pair; pair = pair->next) {
        if (!ngx_litellm_cf_is(&pair->key->text, "group")
            && !ngx_litellm_cf_is(&pair->key->text, "metrics")
            && !ngx_litellm_cf_is(&pair->key->text, "include_labels"))
        {
            ngx_litellm_cf_warn(cf, pair->key, "unknown key \"%V\" in a group "
                                "of \"prometheus_metrics_config\", it has no "
                                "effect", &pair->key->text);
        }
    }

    names = NULL;
    labels = NULL;

    if (ngx_litellm_cf_metrics_words(cf,
                         ngx_litellm_yaml_member(group, "include_labels"),
                         "include_labels", NGX_LITELLM_CF_LABELS, &labels)
        != NGX_OK
        || ngx_litellm_cf_metrics_words(cf,
                                ngx_litellm_yaml_member(group, "metrics"),
                                "metrics", NGX_LITELLM_CF_SHOWN, &names)
           != NGX_OK)
    {
        return;
    }

    if (names == NULL) {
        ngx_litellm_cf_error(cf, group, "a group of "
                             "\"prometheus_metrics_config\" needs "
                             "\"metrics\", a list of names");
        return;
    }

    if (m->shown == NULL) {
        m->shown = ngx_array_create(cf->pool, 8,
                                    sizeof(ngx_litellm_metrics_shown_t));
        if (m->shown == NULL) {
            cf->failed = 1;
            return;
        }
    }

    if (m->shown->nelts + names->nelts > NGX_LITELLM_CF_SHOWN) {
        ngx_litellm_cf_error(cf, group, "\"prometheus_metrics_config\" names "
                             "more than %d metrics", NGX_LITELLM_CF_SHOWN);
        return;
    }

    word = names->elts;

    for (i = 0; i < names->nelts; i++) {
        shown = ngx_array_push(m->shown);
        if (shown == NULL) {
            cf->failed = 1;
            return;
        }

        shown->word = word[i];
        shown->labels = labels;
    }
}


/* NULL: there are none */

static ngx_int_t
ngx_litellm_cf_metrics_words(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *list,
    const char *name, ngx_uint_t max, ngx_array_t **words)
{
    ngx_int_t                    rc;
    ngx_litellm_yaml_pair_t     *pair;
    ngx_litellm_metrics_word_t  *word, one;

    if (list == NULL || (list->type == NGX_LITELLM_YAML_SCALAR
                         && list->kind == NGX_LITELLM_YAML_NULL))
    {
        return NGX_OK;
    }

    if (list->type != NGX_LITELLM_YAML_LIST || list->count > max) {
        ngx_litellm_cf_error(cf, list, "\"%s\" of a group of "
                             "\"prometheus_metrics_config\" must be a list of "
                             "%ui names at most", name, max);
        return NGX_ERROR;
    }

    if (list->count == 0) {
        return NGX_OK;
    }

    *words = ngx_array_create(cf->pool, list->count,
                              sizeof(ngx_litellm_metrics_word_t));

    if (*words == NULL) {
        cf->failed = 1;
        return NGX_ERROR;
    }

    for (pair = list->first; pair; pair = pair->next) {
        rc = ngx_litellm_cf_str(cf, pair->value, name, &one.name);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED || one.name.len == 0) {
            continue;
        }

        one.file = *pair->value->file;
        one.line = pair->value->line;

        word = ngx_array_push(*words);
        if (word == NULL) {
            cf->failed = 1;
            return NGX_ERROR;
        }

        *word = one;
    }

    return NGX_OK;
}


/* seconds, ascending; one that is infinite is there anyway */

static void
ngx_litellm_cf_metrics_bounds(ngx_litellm_cf_t *cf, ngx_litellm_metrics_t *m,
    ngx_litellm_yaml_t *list)
{
    int64_t                   n;
    ngx_int_t                 rc;
    ngx_uint_t                k;
    ngx_litellm_yaml_pair_t  *pair;

    if (list == NULL || (list->type == NGX_LITELLM_YAML_SCALAR
                         && list->kind == NGX_LITELLM_YAML_NULL))
    {
        return;
    }

    if (list->type != NGX_LITELLM_YAML_LIST || list->count == 0) {
        ngx_litellm_cf_error(cf, list, "\"prometheus_latency_buckets\" must "
                             "be a list of seconds");
        return;
    }

    k = 0;

    for (pair = list->first; pair; pair = pair->next) {

        if (pair->next == NULL && k
            && pair->value->type == NGX_LITELLM_YAML_SCALAR
            && (ngx_litellm_cf_is(&pair->value->text, ".inf")
                || ngx_litellm_cf_is(&pair->value->text, ".Inf")
                || ngx_litellm_cf_is(&pair->value->text, "+Inf")
                || ngx_litellm_cf_is(&pair->value->text, "inf")))
        {
            break;
        }

        if (k == NGX_LITELLM_METRICS_BOUNDS) {
            ngx_litellm_cf_error(cf, pair->value,
                                 "\"prometheus_latency_buckets\" must not "
                                 "have more than %d members",
                                 NGX_LITELLM_METRICS_BOUNDS);
            return;
        }

        rc = ngx_litellm_cf_fixed(cf, pair->value,
                                  "prometheus_latency_buckets", 6,
                                  0x7fffffffffffffffLL, &n);
        if (rc == NGX_ERROR) {
            return;
        }

        if (rc == NGX_DECLINED || n == 0
            || n > (int64_t) NGX_LITELLM_CF_BOUND * 1000000
            || (k && n <= (int64_t) m->bounds[k - 1]))
        {
            ngx_litellm_cf_error(cf, pair->value,
                                 "\"prometheus_latency_buckets\" must be "
                                 "seconds above 0 and up to %d, each more "
                                 "than the one before it",
                                 NGX_LITELLM_CF_BOUND);
            return;
        }

        m->bounds[k++] = (uint32_t) n;
    }

    m->nbounds = k;
}
