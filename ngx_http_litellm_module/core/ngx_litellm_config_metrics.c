
/*
 * What litellm_settings say of metrics: who may read them, and what is left
 * out of them.  Whether there are any is nginx's "litellm_metrics_zone".
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"


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
}
