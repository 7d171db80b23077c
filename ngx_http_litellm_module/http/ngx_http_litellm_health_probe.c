
/*
 * A probe of /health: an attempt (ngx_http_litellm_attempt.c) with a call of
 * its own, LiteLLM's "test from litellm" with few tokens, in OpenAI's client
 * dialect, whatever the provider's is.  Called by ngx_http_litellm_health.c and,
 * without a client, by ngx_http_litellm_health_check.c.
 *
 * Deployments that such a call can't judge (a wildcard without
 * model_info.health_check_model, images, audio ...) are neither healthy nor
 * unhealthy: they stand with the reason in "unprobed_endpoints", and so do
 * those that the time did not suffice for.
 */

#include "ngx_http_litellm_health.h"


#define NGX_HTTP_LITELLM_HEALTH_TOKENS   "16"


static ngx_litellm_call_t *ngx_http_litellm_health_call(
    ngx_http_request_t *r, ngx_http_litellm_loc_conf_t *lcf,
    ngx_litellm_deployment_t *d, ngx_str_t *model);
static void ngx_http_litellm_health_body(ngx_litellm_out_t *out,
    ngx_litellm_deployment_t *d, ngx_litellm_op_e op, ngx_str_t *model);
static void ngx_http_litellm_health_copy(ngx_http_litellm_health_t *h,
    ngx_http_litellm_health_item_t *item, u_char *text, size_t len);
static size_t ngx_http_litellm_health_cut(ngx_str_t *text, size_t max);


/* of a wildcard: what model_info.health_check_model says, as LiteLLM asks */

ngx_int_t
ngx_http_litellm_health_model(ngx_pool_t *pool, ngx_litellm_deployment_t *d,
    ngx_str_t *model, const char **why)
{
    ngx_int_t                rc;
    ngx_str_t                text;
    const ngx_str_t         *name;
    ngx_litellm_json_t      *v;
    ngx_litellm_json_doc_t   doc;

    switch (d->mode) {

    case NGX_LITELLM_MODE_UNKNOWN:
    case NGX_LITELLM_MODE_CHAT:
    case NGX_LITELLM_MODE_COMPLETION:
    case NGX_LITELLM_MODE_EMBEDDING:
    case NGX_LITELLM_MODE_RERANK:
        break;

    default:
        *why = "no probe for models of this mode";
        return NGX_DECLINED;
    }

    *model = d->model;

    if (ngx_strlchr(model->data, model->data + model->len, '*') == NULL) {
        return NGX_OK;
    }

    *why = "a wildcard without model_info.health_check_model";

    if (d->model_info.len == 0) {
        return NGX_DECLINED;
    }

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = pool;
    doc.keep = 2;

    rc = ngx_litellm_json_parse(&doc, d->model_info.data, d->model_info.len);

    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_litellm_json_member(doc.root, "health_check_model");

    if (!ngx_litellm_json_is(v, STRING)) {
        return NGX_DECLINED;
    }

    text = ngx_litellm_json_text(v);

    if (ngx_litellm_json_unescape(pool, model, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    name = &d->provider->name;

    if (model->len > name->len + 1 && model->data[name->len] == '/'
        && ngx_memcmp(model->data, name->data, name->len) == 0)
    {
        model->data += name->len + 1;
        model->len -= name->len + 1;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_health_attempt(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_loc_conf_t *lcf,
    ngx_litellm_deployment_t *d, ngx_str_t *model,
    ngx_http_litellm_attempt_t **a)
{
    ngx_int_t             rc;
    ngx_litellm_error_t   e;
    ngx_litellm_call_t   *call;

    call = ngx_http_litellm_health_call(r, lcf, d, model);
    if (call == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&e, sizeof(ngx_litellm_error_t));

    rc = call->format->open(call, &e);

    if (rc != NGX_OK) {
        return (rc == NGX_ERROR) ? NGX_ERROR : NGX_DECLINED;
    }

    *a = ngx_http_litellm_attempt_create(r, ctx, call, d);

    return (*a == NULL) ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ngx_http_litellm_health_probe(ngx_http_litellm_health_t *h,
    ngx_http_litellm_health_item_t *item, ngx_str_t *model)
{
    ngx_int_t                    rc;
    ngx_http_litellm_attempt_t  *a;

    rc = ngx_http_litellm_health_attempt(h->request, h->ctx, h->lcf,
                                         item->deployment, model, &a);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc != NGX_OK) {
        ngx_http_litellm_health_set(item, NGX_HTTP_LITELLM_HEALTH_UNPROBED,
                                    "no test request for this model");
        return NGX_OK;
    }

    a->handler = ngx_http_litellm_health_done;
    a->data = item;

    item->attempt = a;
    item->state = NGX_HTTP_LITELLM_HEALTH_RUNNING;
    h->running++;

    rc = ngx_http_litellm_attempt_start(a);

    if (rc == NGX_DECLINED) {
        ngx_http_litellm_health_done(a);
        return NGX_OK;
    }

    return (rc == NGX_AGAIN) ? NGX_OK : NGX_ERROR;
}


static ngx_litellm_call_t *
ngx_http_litellm_health_call(ngx_http_request_t *r,
    ngx_http_litellm_loc_conf_t *lcf, ngx_litellm_deployment_t *d,
    ngx_str_t *model)
{
    ngx_litellm_out_t    out;
    ngx_litellm_call_t  *call;

    call = ngx_pcalloc(r->pool, sizeof(ngx_litellm_call_t));
    if (call == NULL) {
        return NULL;
    }

    call->pool = r->pool;
    call->log = r->connection->log;
    call->config = lcf->config;
    call->deployment = d;
    call->provider_model = *model;
    call->drop_params = 1;
    call->now = ngx_time();
    ngx_str_set(&call->id, "chatcmpl-health");

    call->op = NGX_LITELLM_OP_CHAT;
    call->format = &ngx_litellm_openai_chat;

    if (d->mode == NGX_LITELLM_MODE_COMPLETION && !d->mock) {
        call->op = NGX_LITELLM_OP_COMPLETIONS;
        call->format = &ngx_litellm_openai_completions;
    }

    if (d->mode == NGX_LITELLM_MODE_EMBEDDING && !d->mock) {
        call->op = NGX_LITELLM_OP_EMBEDDINGS;
        call->format = &ngx_litellm_openai_embeddings;
    }

    if (d->mode == NGX_LITELLM_MODE_RERANK && !d->mock) {
        call->op = NGX_LITELLM_OP_RERANK;
        call->format = &ngx_litellm_rerank_format;
    }

    ngx_litellm_out_init(&out, r->pool);
    out.chunk = 512;

    ngx_http_litellm_health_body(&out, d, call->op, model);

    if (out.failed || ngx_litellm_out_join(&out, &call->body) != NGX_OK) {
        return NULL;
    }

    return call;
}


static void
ngx_http_litellm_health_body(ngx_litellm_out_t *out,
    ngx_litellm_deployment_t *d, ngx_litellm_op_e op, ngx_str_t *model)
{
    ngx_uint_t              i, limit;
    ngx_litellm_default_t  *def;

    ngx_litellm_out_lit(out, "{\"model\":");
    ngx_litellm_out_json(out, model);

    if (op == NGX_LITELLM_OP_EMBEDDINGS) {
        ngx_litellm_out_lit(out, ",\"input\":[\"test from litellm\"]}");
        return;
    }

    if (op == NGX_LITELLM_OP_RERANK) {
        ngx_litellm_out_lit(out, ",\"query\":\"test from litellm\","
                                 "\"documents\":[\"test from litellm\"]}");
        return;
    }

    if (op == NGX_LITELLM_OP_COMPLETIONS) {
        ngx_litellm_out_lit(out, ",\"prompt\":\"test from litellm\"");

    } else {
        ngx_litellm_out_lit(out, ",\"messages\":[{\"role\":\"user\","
                                 "\"content\":\"test from litellm\"}]");
    }

    /* a budget for thinking has to fit into the limit: its own counts then */

    limit = 1;

    if (d->defaults != NULL) {

        def = d->defaults->elts;

        for (i = 0; i < d->defaults->nelts; i++) {
            if (def[i].param == NGX_LITELLM_P_THINKING
                || def[i].param == NGX_LITELLM_P_REASONING_EFFORT)
            {
                limit = 0;
                break;
            }
        }
    }

    if (d->health_tokens) {
        ngx_litellm_out_lit(out, ",\"max_tokens\":");
        ngx_litellm_out_int(out, (int64_t) d->health_tokens);

    } else if (limit) {
        ngx_litellm_out_lit(out, ",\"max_tokens\":"
                                 NGX_HTTP_LITELLM_HEALTH_TOKENS);
    }

    ngx_litellm_out_lit(out, "}");
}


/* the attempt has ended; the wake-up comes by itself */

void
ngx_http_litellm_health_done(ngx_http_litellm_attempt_t *a)
{
    ngx_http_litellm_health_item_t  *item = a->data;

    ngx_http_litellm_probe_t    probe;
    ngx_http_litellm_health_t  *h;

    h = item->health;

    if (item->state != NGX_HTTP_LITELLM_HEALTH_RUNNING || h->closed) {
        return;
    }

    h->running--;
    item->attempt = NULL;

    ngx_http_litellm_health_verdict(a, &probe);

    ngx_http_litellm_health_result(h, item, &probe);

    if (item->deployment->mock) {
        item->timed = 0;
        return;
    }

    ngx_http_litellm_zone_probe_end(h->zone, &item->key, item->since,
                                    h->lcf->health_valid, &probe);
}


void
ngx_http_litellm_health_verdict(ngx_http_litellm_attempt_t *a,
    ngx_http_litellm_probe_t *probe)
{
    ngx_str_t  *text;

    ngx_memzero(probe, sizeof(ngx_http_litellm_probe_t));

    text = &a->error.message;

    probe->known = 1;
    probe->time = ngx_current_msec;
    probe->latency = ngx_current_msec - a->start;
    probe->status = (a->error.class != NGX_LITELLM_NO_ERROR)
                    ? a->error.status : a->status;

    /*
     * Reasoning models may use up all tokens before they say anything, which
     * OpenAI answers with 400: they are alive.
     */

    probe->ok = (a->error.class == NGX_LITELLM_NO_ERROR)
                || (a->status == 400 && text->len
                    && ngx_strlcasestrn(text->data, text->data + text->len,
                                        (u_char *) "output limit was reached",
                                        sizeof("output limit was reached") - 2)
                       != NULL);

    if (!probe->ok) {
        probe->len = ngx_http_litellm_health_cut(text,
                                                 NGX_HTTP_LITELLM_ZONE_TEXT);
        ngx_memcpy(probe->text, text->data, probe->len);
    }
}


void
ngx_http_litellm_health_result(ngx_http_litellm_health_t *h,
    ngx_http_litellm_health_item_t *item, ngx_http_litellm_probe_t *probe)
{
    item->state = probe->ok ? NGX_HTTP_LITELLM_HEALTH_OK
                            : NGX_HTTP_LITELLM_HEALTH_FAILED;
    item->latency = probe->latency;
    item->timed = 1;

    ngx_http_litellm_health_copy(h, item, probe->text, probe->len);
}


void
ngx_http_litellm_health_set(ngx_http_litellm_health_item_t *item,
    ngx_http_litellm_health_e state, const char *text)
{
    item->state = state;
    item->text.data = (u_char *) text;
    item->text.len = ngx_strlen(text);
}


static void
ngx_http_litellm_health_copy(ngx_http_litellm_health_t *h,
    ngx_http_litellm_health_item_t *item, u_char *text, size_t len)
{
    if (len == 0) {
        return;
    }

    item->text.data = ngx_pnalloc(h->request->pool, len);

    /* without memory the result is worth more than its text */

    if (item->text.data != NULL) {
        ngx_memcpy(item->text.data, text, len);
        item->text.len = len;
    }
}


/* as much as fits, not in the middle of a UTF-8 sequence */

static size_t
ngx_http_litellm_health_cut(ngx_str_t *text, size_t max)
{
    size_t  len;

    if (text->len <= max) {
        return text->len;
    }

    len = max;

    while (len && (text->data[len] & 0xc0) == 0x80) {
        len--;
    }

    return len;
}
