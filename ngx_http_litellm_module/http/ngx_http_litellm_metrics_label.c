
/*
 * Labels: their names, and those of each kind of row in their order, in which
 * whoever makes a row adds values, and by which /metrics shows them.
 */

#include "ngx_http_litellm_metrics.h"


#define NGX_HTTP_LITELLM_L_WHO                                                \
    NGX_HTTP_LITELLM_L_END_USER, NGX_HTTP_LITELLM_L_KEY,                      \
    NGX_HTTP_LITELLM_L_KEY_ALIAS, NGX_HTTP_LITELLM_L_TEAM,                    \
    NGX_HTTP_LITELLM_L_TEAM_ALIAS, NGX_HTTP_LITELLM_L_USER,                   \
    NGX_HTTP_LITELLM_L_USER_EMAIL

#define NGX_HTTP_LITELLM_L_PLACE                                              \
    NGX_HTTP_LITELLM_L_MODEL_GROUP, NGX_HTTP_LITELLM_L_LITELLM_MODEL_NAME,    \
    NGX_HTTP_LITELLM_L_MODEL_ID, NGX_HTTP_LITELLM_L_API_BASE,                 \
    NGX_HTTP_LITELLM_L_API_PROVIDER


static const ngx_http_litellm_label_e  ngx_http_litellm_labels_request[] = {
    NGX_HTTP_LITELLM_L_WHO,
    NGX_HTTP_LITELLM_L_REQUESTED_MODEL,
    NGX_HTTP_LITELLM_L_MODEL_ID,
    NGX_HTTP_LITELLM_L_API_PROVIDER,
    NGX_HTTP_LITELLM_L_ROUTE,
    NGX_HTTP_LITELLM_L_STATUS,
    NGX_HTTP_LITELLM_L_CLASS
};

static const ngx_http_litellm_label_e  ngx_http_litellm_labels_usage[] = {
    NGX_HTTP_LITELLM_L_WHO,
    NGX_HTTP_LITELLM_L_REQUESTED_MODEL,
    NGX_HTTP_LITELLM_L_MODEL,
    NGX_HTTP_LITELLM_L_PLACE
};

static const ngx_http_litellm_label_e  ngx_http_litellm_labels_place[] = {
    NGX_HTTP_LITELLM_L_PLACE
};

static const ngx_http_litellm_label_e  ngx_http_litellm_labels_fallback[] = {
    NGX_HTTP_LITELLM_L_KEY,
    NGX_HTTP_LITELLM_L_KEY_ALIAS,
    NGX_HTTP_LITELLM_L_TEAM,
    NGX_HTTP_LITELLM_L_TEAM_ALIAS,
    NGX_HTTP_LITELLM_L_REQUESTED_MODEL,
    NGX_HTTP_LITELLM_L_FALLBACK_MODEL,
    NGX_HTTP_LITELLM_L_STATUS,
    NGX_HTTP_LITELLM_L_CLASS
};

static const ngx_http_litellm_label_e  ngx_http_litellm_labels_limit[] = {
    NGX_HTTP_LITELLM_L_SCOPE,
    NGX_HTTP_LITELLM_L_END_USER,
    NGX_HTTP_LITELLM_L_KEY,
    NGX_HTTP_LITELLM_L_KEY_ALIAS,
    NGX_HTTP_LITELLM_L_TEAM,
    NGX_HTTP_LITELLM_L_TEAM_ALIAS,
    NGX_HTTP_LITELLM_L_USER,
    NGX_HTTP_LITELLM_L_MODEL
};


static ngx_str_t  ngx_http_litellm_label_names[] = {
    ngx_string("end_user"),
    ngx_string("hashed_api_key"),
    ngx_string("api_key_alias"),
    ngx_string("team"),
    ngx_string("team_alias"),
    ngx_string("user"),
    ngx_string("user_email"),
    ngx_string("requested_model"),
    ngx_string("model_group"),
    ngx_string("model"),
    ngx_string("litellm_model_name"),
    ngx_string("model_id"),
    ngx_string("api_base"),
    ngx_string("api_provider"),
    ngx_string("route"),
    ngx_string("status_code"),
    ngx_string("exception_class"),
    ngx_string("fallback_model"),
    ngx_string("scope")
};

ngx_str_t  ngx_http_litellm_exception_status =
    ngx_string("exception_status");


ngx_str_t *
ngx_http_litellm_metrics_label(ngx_http_litellm_label_e label)
{
    return &ngx_http_litellm_label_names[label];
}


const ngx_http_litellm_label_e *
ngx_http_litellm_metrics_labels(ngx_http_litellm_row_e kind, ngx_uint_t *n)
{
    switch (kind) {

    case NGX_HTTP_LITELLM_ROW_REQUEST:
        *n = sizeof(ngx_http_litellm_labels_request)
             / sizeof(ngx_http_litellm_label_e);
        return ngx_http_litellm_labels_request;

    case NGX_HTTP_LITELLM_ROW_USAGE:
        *n = sizeof(ngx_http_litellm_labels_usage)
             / sizeof(ngx_http_litellm_label_e);
        return ngx_http_litellm_labels_usage;

    case NGX_HTTP_LITELLM_ROW_DEPLOYMENT:
        *n = sizeof(ngx_http_litellm_labels_place)
             / sizeof(ngx_http_litellm_label_e);
        return ngx_http_litellm_labels_place;

    case NGX_HTTP_LITELLM_ROW_FALLBACK:
        *n = sizeof(ngx_http_litellm_labels_fallback)
             / sizeof(ngx_http_litellm_label_e);
        return ngx_http_litellm_labels_fallback;

    default: /* NGX_HTTP_LITELLM_ROW_LIMIT */
        *n = sizeof(ngx_http_litellm_labels_limit)
             / sizeof(ngx_http_litellm_label_e);
        return ngx_http_litellm_labels_limit;
    }
}


void
ngx_http_litellm_metrics_base(ngx_litellm_deployment_t *d,
    u_char buf[NGX_HTTP_LITELLM_METRICS_VALUE], ngx_str_t *base)
{
    ngx_str_null(base);

    if (d->url.host.len) {
        base->data = buf;
        base->len = ngx_slprintf(buf, buf + NGX_HTTP_LITELLM_METRICS_VALUE,
                                 "http%s://%V%V", d->url.tls ? "s" : "",
                                 &d->url.authority, &d->url.path)
                    - buf;
    }
}
