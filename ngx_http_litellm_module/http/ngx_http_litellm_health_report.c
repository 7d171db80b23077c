
/*
 * What /health says, in LiteLLM's form, and its two neighbours that call
 * nobody.  Beside "healthy_endpoints" and "unhealthy_endpoints" there is
 * "unprobed_endpoints", only if there are any.  No secret: of an api_base
 * neither user nor query, errors as the provider's dialect cleaned them.
 */

#include "ngx_http_litellm_health.h"


static ngx_uint_t ngx_http_litellm_health_list(ngx_http_litellm_health_t *h,
    ngx_litellm_out_t *out, ngx_http_litellm_health_e state,
    const char *reason);
static void ngx_http_litellm_health_state(ngx_litellm_out_t *out,
    ngx_litellm_deployment_t *d);


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


/* a worker that is leaving serves what it has, and wants no more */

ngx_int_t
ngx_http_litellm_readiness(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
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
                        "{\"status\":\"healthy\",\"db\":\"Not connected\"}");

    return ngx_http_litellm_send_body(r, ctx, NULL, NGX_HTTP_OK, &out);
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
