
/*
 * What /health says, in LiteLLM's form, and its neighbours that call nobody.
 * Beside "healthy_endpoints" and "unhealthy_endpoints" there is
 * "unprobed_endpoints", only if there are any.  No secret: of an api_base
 * neither user nor query, errors as the provider's dialect cleaned them.
 */

#include "ngx_http_litellm_health.h"
#include "ngx_http_litellm_cache.h"


static ngx_uint_t ngx_http_litellm_health_list(ngx_http_litellm_health_t *h,
    ngx_litellm_out_t *out, ngx_http_litellm_health_e state,
    const char *reason);
static void ngx_http_litellm_health_state(ngx_litellm_out_t *out,
    ngx_litellm_deployment_t *d);
static ngx_int_t ngx_http_litellm_health_ready(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_uint_t details);
static void ngx_http_litellm_health_details(ngx_http_request_t *r,
    ngx_litellm_out_t *out);


ngx_int_t
ngx_http_litellm_health_report(ngx_http_litellm_health_t *h)
{
    ngx_uint_t          healthy, unhealthy, unprobed, i;
    ngx_litellm_out_t   out;

    ngx_litellm_out_init(&out, h->request->pool);

    ngx_litellm_out_lit(&out, "{\"healthy_endpoints\":");
    healthy = ngx_http_litellm_health_list(h, &out,
                                           NGX_HTTP_LITELLM_HEALTH_OK, NULL);

    ngx_litellm_out_lit(&out, ",\"unhealthy_endpoints\":");
    unhealthy = ngx_http_litellm_health_list(h, &out,
                                             NGX_HTTP_LITELLM_HEALTH_FAILED,
                                             "error");

    unprobed = 0;

    for (i = 0; i < h->n; i++) {
        if (h->items[i].state == NGX_HTTP_LITELLM_HEALTH_UNPROBED) {
            unprobed = 1;
            break;
        }
    }

    if (unprobed) {
        ngx_litellm_out_lit(&out, ",\"unprobed_endpoints\":");
        unprobed = ngx_http_litellm_health_list(h, &out,
                                             NGX_HTTP_LITELLM_HEALTH_UNPROBED,
                                             "reason");
    }

    ngx_litellm_out_lit(&out, ",\"healthy_count\":");
    ngx_litellm_out_int(&out, healthy);
    ngx_litellm_out_lit(&out, ",\"unhealthy_count\":");
    ngx_litellm_out_int(&out, unhealthy);

    if (unprobed) {
        ngx_litellm_out_lit(&out, ",\"unprobed_count\":");
        ngx_litellm_out_int(&out, unprobed);
    }

    ngx_litellm_out_lit(&out, "}");

    return ngx_http_litellm_send_body(h->request, h->ctx, NULL, NGX_HTTP_OK,
                                      &out);
}


/* api_base without user and query, where keys may stand */

static ngx_uint_t
ngx_http_litellm_health_list(ngx_http_litellm_health_t *h,
    ngx_litellm_out_t *out, ngx_http_litellm_health_e state,
    const char *reason)
{
    ngx_uint_t                       i, n;
    ngx_litellm_deployment_t        *d;
    ngx_http_litellm_health_item_t  *item;

    n = 0;

    ngx_litellm_out_lit(out, "[");

    for (i = 0; i < h->n; i++) {

        item = &h->items[i];
        d = item->deployment;

        if (item->state != state) {
            continue;
        }

        if (n++) {
            ngx_litellm_out_lit(out, ",");
        }

        ngx_litellm_out_lit(out, "{\"model\":");
        ngx_litellm_out_json(out, &d->full_model);
        ngx_litellm_out_lit(out, ",\"model_name\":");
        ngx_litellm_out_json(out, &d->group);

        if (!h->lcf->config->health.details) {
            ngx_litellm_out_lit(out, "}");
            continue;
        }

        if (d->url.host.len) {
            ngx_litellm_out_lit(out, ",\"api_base\":\"");

            if (d->url.tls) {
                ngx_litellm_out_lit(out, "https://");

            } else {
                ngx_litellm_out_lit(out, "http://");
            }

            ngx_litellm_out_escape(out, d->url.authority.data,
                                   d->url.authority.len);
            ngx_litellm_out_escape(out, d->url.path.data, d->url.path.len);
            ngx_litellm_out_lit(out, "\"");
        }

        ngx_litellm_out_lit(out, ",\"model_id\":");
        ngx_litellm_out_json(out, &d->id);

        if (item->timed) {
            ngx_litellm_out_lit(out, ",\"latency_ms\":");
            ngx_litellm_out_int(out, (int64_t) item->latency);
        }

        ngx_http_litellm_health_state(out, d);

        if (reason != NULL) {
            ngx_litellm_out_lit(out, ",\"");
            ngx_litellm_out_copy(out, reason, ngx_strlen(reason));
            ngx_litellm_out_lit(out, "\":");
            ngx_litellm_out_json(out, &item->text);
        }

        ngx_litellm_out_lit(out, "}");
    }

    ngx_litellm_out_lit(out, "]");

    return n;
}


/* what the router knows of it */

static void
ngx_http_litellm_health_state(ngx_litellm_out_t *out,
    ngx_litellm_deployment_t *d)
{
    ngx_str_t                 *class;
    ngx_msec_t                 left;
    ngx_atomic_uint_t          cause;
    ngx_http_litellm_state_t  *s;

    s = d->state;

    if (s == NULL) {
        return;
    }

    ngx_litellm_out_lit(out, ",\"in_flight\":");
    ngx_litellm_out_int(out, (int64_t) s->inflight);

    if (s->until == 0) {
        return;
    }

    left = ngx_http_litellm_cooldown_left(d);
    cause = s->cause;

    class = ngx_litellm_error_class((cause & 0xff) % NGX_LITELLM_CLASSES);

    ngx_litellm_out_lit(out, ",\"cooldown\":{\"left_ms\":");
    ngx_litellm_out_int(out, (int64_t) left);
    ngx_litellm_out_lit(out, ",\"status\":");
    ngx_litellm_out_int(out, (int64_t) (cause >> 8));
    ngx_litellm_out_lit(out, ",\"error\":");
    ngx_litellm_out_json(out, class);
    ngx_litellm_out_lit(out, "}");
}


ngx_int_t
ngx_http_litellm_readiness(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_http_litellm_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);

    return ngx_http_litellm_health_ready(r, ctx,
                                         lcf->config->health.ready_details);
}


ngx_int_t
ngx_http_litellm_readiness_details(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    return ngx_http_litellm_health_ready(r, ctx, 1);
}


/* a worker that is leaving serves what it has, and wants no more */

static ngx_int_t
ngx_http_litellm_health_ready(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_uint_t details)
{
    ngx_int_t          rc;
    ngx_litellm_out_t  out;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_out_init(&out, r->pool);

    if (ngx_quit || ngx_exiting || ngx_terminate) {
        ngx_litellm_out_lit(&out, "{\"status\":\"shutting_down\"}");

        return ngx_http_litellm_send_body(r, ctx, NULL,
                                          NGX_HTTP_SERVICE_UNAVAILABLE, &out);
    }

    ngx_litellm_out_lit(&out,
                        "{\"status\":\"healthy\",\"db\":\"Not connected\"");

    if (details) {
        ngx_http_litellm_health_details(r, &out);
    }

    ngx_litellm_out_lit(&out, "}");

    return ngx_http_litellm_send_body(r, ctx, NULL, NGX_HTTP_OK, &out);
}


/* levels are told by the names that Python's logging has for them */

static void
ngx_http_litellm_health_details(ngx_http_request_t *r, ngx_litellm_out_t *out)
{
    ngx_uint_t                     level;
    ngx_http_litellm_loc_conf_t   *lcf;
    ngx_http_litellm_main_conf_t  *mcf;

    static ngx_str_t  levels[] = {
        ngx_string("CRITICAL"),          /* NGX_LOG_STDERR */
        ngx_string("CRITICAL"),
        ngx_string("CRITICAL"),
        ngx_string("CRITICAL"),
        ngx_string("ERROR"),             /* NGX_LOG_ERR */
        ngx_string("WARNING"),
        ngx_string("INFO"),
        ngx_string("INFO"),
        ngx_string("DEBUG")              /* NGX_LOG_DEBUG */
    };

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);
    mcf = ngx_http_get_module_main_conf(r, ngx_http_litellm_module);

    level = ngx_min(r->connection->log->log_level, NGX_LOG_DEBUG);

    if (lcf->cache == NULL) {
        ngx_litellm_out_lit(out, ",\"cache\":null");

    } else if (ngx_http_litellm_cache_shared(r)) {
        ngx_litellm_out_lit(out, ",\"cache\":\"redis\"");

    } else {
        ngx_litellm_out_lit(out, ",\"cache\":\"local\"");
    }

    ngx_litellm_out_lit(out, ",\"litellm_version\":\"" NGX_HTTP_LITELLM_VERSION
                             "\",\"success_callbacks\":[");

    if (mcf->metrics != NULL) {
        ngx_litellm_out_lit(out, "\"prometheus\"");
    }

    ngx_litellm_out_lit(out, "],\"use_aiohttp_transport\":false,"
                             "\"log_level\":");
    ngx_litellm_out_json(out, &levels[level]);

    if (level == NGX_LOG_DEBUG) {
        ngx_litellm_out_lit(out, ",\"is_detailed_debug\":true");

    } else {
        ngx_litellm_out_lit(out, ",\"is_detailed_debug\":false");
    }
}


ngx_int_t
ngx_http_litellm_liveness(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t          rc;
    ngx_litellm_out_t  out;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_out_init(&out, r->pool);

    ngx_litellm_out_lit(&out, "\"I'm alive!\"");

    return ngx_http_litellm_send_body(r, ctx, NULL, NGX_HTTP_OK, &out);
}
