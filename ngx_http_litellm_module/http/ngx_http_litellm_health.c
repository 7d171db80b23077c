
/*
 * GET /health: calls each deployment as a client would and says which of them
 * answer.  Here is what runs when; what a probe is stands in
 * ngx_http_litellm_health_probe.c, the answer in .._health_report.c.
 *
 * What keeps an open gateway from running up a bill: results are shared by all
 * workers through the zone for litellm_health_valid, at most
 * litellm_health_parallel probes run for one answer, a deployment has at most
 * one at a time, and one that its client did not wait for is not repeated
 * sooner than one with a result.  A deployment that is checked in the
 * background (ngx_http_litellm_health_check.c) is not called at all.
 *
 * The parent's write_event_handler is the wake-up: nginx posts the parent when
 * a clone ends.  Everything ends in .._health_cleanup(), also when the client
 * has gone; nginx cancels the clones then.
 */

#include "ngx_http_litellm_health.h"


#define NGX_HTTP_LITELLM_HEALTH_PROBES   1000   /* for one answer */
#define NGX_HTTP_LITELLM_HEALTH_POLL     200    /* ms */


static ngx_http_litellm_health_t *ngx_http_litellm_health_create(
    ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx);
static ngx_int_t ngx_http_litellm_health_select(ngx_http_litellm_health_t *h);
static ngx_uint_t ngx_http_litellm_health_wanted(ngx_litellm_config_t *conf,
    ngx_litellm_deployment_t *d, ngx_uint_t named);
static ngx_int_t ngx_http_litellm_health_arg(ngx_http_request_t *r,
    const char *name, size_t len, ngx_str_t *value);
static ngx_uint_t ngx_http_litellm_health_match(ngx_litellm_deployment_t *d,
    ngx_str_t *model, ngx_litellm_alias_t *alias);
static ngx_int_t ngx_http_litellm_health_run(ngx_http_litellm_health_t *h);
static ngx_int_t ngx_http_litellm_health_open(ngx_http_litellm_health_t *h,
    ngx_http_litellm_health_item_t *item);
static ngx_int_t ngx_http_litellm_health_known(ngx_http_litellm_health_t *h,
    ngx_http_litellm_health_item_t *item);
static void ngx_http_litellm_health_wake(ngx_http_request_t *r);
static void ngx_http_litellm_health_timer(ngx_event_t *ev);
static void ngx_http_litellm_health_expire(ngx_http_litellm_health_t *h);
static void ngx_http_litellm_health_break_off(ngx_http_litellm_health_t *h,
    ngx_http_litellm_health_item_t *item);
static void ngx_http_litellm_health_close(ngx_http_litellm_health_t *h);
static ngx_int_t ngx_http_litellm_health_failed(ngx_http_litellm_health_t *h);
static void ngx_http_litellm_health_cleanup(void *data);


ngx_int_t
ngx_http_litellm_health(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t                   rc;
    ngx_connection_t           *c;
    ngx_http_litellm_health_t  *h;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    h = ngx_http_litellm_health_create(r, ctx);
    if (h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_litellm_health_select(h);

    if (rc == NGX_DECLINED) {
        return ngx_http_litellm_send_error(r, ctx, &ctx->error);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_litellm_health_run(h);

    if (rc != NGX_AGAIN) {
        ngx_http_litellm_health_close(h);

        return (rc == NGX_OK) ? ngx_http_litellm_health_report(h)
                              : ngx_http_litellm_health_failed(h);
    }

    c = r->connection;

    r->main->count++;

    r->write_event_handler = ngx_http_litellm_health_wake;

    if (r->discard_body) {
        return NGX_DONE;
    }

    r->read_event_handler = ngx_http_test_reading;

    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);

    } else if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        r->main->count--;
        ngx_http_litellm_health_close(h);
        return ngx_http_litellm_health_failed(h);
    }

    return NGX_DONE;
}


static ngx_http_litellm_health_t *
ngx_http_litellm_health_create(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_http_cleanup_t            *cln;
    ngx_http_litellm_health_t     *h;
    ngx_http_litellm_main_conf_t  *mcf;

    h = ngx_pcalloc(r->pool, sizeof(ngx_http_litellm_health_t));
    if (h == NULL) {
        return NULL;
    }

    h->request = r;
    h->ctx = ctx;
    h->lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);

    mcf = ngx_http_get_module_main_conf(r, ngx_http_litellm_module);
    h->zone = mcf->zone;

    h->deadline = ngx_current_msec + h->lcf->health_timeout;

    h->timer.handler = ngx_http_litellm_health_timer;
    h->timer.data = h;
    h->timer.log = r->connection->log;

    ctx->health = h;

    /*
     * Not a pool cleanup: this one runs when a request is terminated, before
     * its events can come.
     */

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_litellm_health_cleanup;
    cln->data = h;

    return h;
}


/* all deployments, or those that ?model= or ?model_id= names */

static ngx_int_t
ngx_http_litellm_health_select(ngx_http_litellm_health_t *h)
{
    ngx_str_t                  model, id;
    ngx_uint_t                 i;
    ngx_litellm_alias_t       *alias;
    ngx_litellm_config_t      *conf;
    ngx_litellm_deployment_t  **d;

    conf = h->lcf->config;

    if (ngx_http_litellm_health_arg(h->request, "model", 5, &model) != NGX_OK
        || ngx_http_litellm_health_arg(h->request, "model_id", 8, &id)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    alias = model.len ? ngx_litellm_config_alias(conf, &model) : NULL;

    h->items = ngx_pcalloc(h->request->pool,
                           conf->deployments.nelts
                           * sizeof(ngx_http_litellm_health_item_t) + 1);
    if (h->items == NULL) {
        return NGX_ERROR;
    }

    d = conf->deployments.elts;

    for (i = 0; i < conf->deployments.nelts; i++) {

        if (!ngx_http_litellm_health_wanted(conf, d[i], model.len || id.len)) {
            continue;
        }

        if (model.len
            && !ngx_http_litellm_health_match(d[i], &model, alias))
        {
            continue;
        }

        if (id.len
            && (id.len != d[i]->id.len
                || ngx_memcmp(id.data, d[i]->id.data, id.len) != 0))
        {
            continue;
        }

        h->items[h->n].health = h;
        h->items[h->n].deployment = d[i];
        h->n++;
    }

    if (h->n == 0 && (model.len || id.len)) {
        (void) ngx_http_litellm_refuse(&h->ctx->error, NGX_LITELLM_NOT_FOUND,
                                       404, NULL,
                                       "No deployment of this name");
        ngx_str_set(&h->ctx->error.param, "model");

        return NGX_DECLINED;
    }

    return NGX_OK;
}


/*
 * With checks in the background they are what is told, and of the others those
 * that are asked for by name.
 */

static ngx_uint_t
ngx_http_litellm_health_wanted(ngx_litellm_config_t *conf,
    ngx_litellm_deployment_t *d, ngx_uint_t named)
{
    if (d->unchecked && conf->health.skip_disabled) {
        return 0;
    }

    return d->checked || named || !conf->health.background;
}


static ngx_int_t
ngx_http_litellm_health_arg(ngx_http_request_t *r, const char *name,
    size_t len, ngx_str_t *value)
{
    u_char     *src, *dst;
    ngx_str_t   raw;

    ngx_str_null(value);

    if (ngx_http_arg(r, (u_char *) name, len, &raw) != NGX_OK
        || raw.len == 0)
    {
        return NGX_OK;
    }

    value->data = ngx_pnalloc(r->pool, raw.len);
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    src = raw.data;
    dst = value->data;

    ngx_unescape_uri(&dst, &src, raw.len, NGX_UNESCAPE_URI);

    value->len = dst - value->data;

    return NGX_OK;
}


/* a group, LiteLLM's name of a deployment's model, or an alias */

static ngx_uint_t
ngx_http_litellm_health_match(ngx_litellm_deployment_t *d, ngx_str_t *model,
    ngx_litellm_alias_t *alias)
{
    ngx_str_t   *target;
    ngx_uint_t   i;

    if ((model->len == d->group.len
         && ngx_memcmp(model->data, d->group.data, model->len) == 0)
        || (model->len == d->full_model.len
            && ngx_memcmp(model->data, d->full_model.data, model->len) == 0))
    {
        return 1;
    }

    if (alias == NULL) {
        return 0;
    }

    target = alias->targets.elts;

    for (i = 0; i < alias->targets.nelts; i++) {
        if (target[i].len == d->group.len
            && ngx_memcmp(target[i].data, d->group.data, d->group.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* starts what may be started; NGX_OK: all is known, NGX_AGAIN, NGX_ERROR */

static ngx_int_t
ngx_http_litellm_health_run(ngx_http_litellm_health_t *h)
{
    ngx_uint_t                       i, busy;
    ngx_msec_t                       wait;
    ngx_msec_int_t                   left;
    ngx_http_litellm_health_item_t  *item;

    busy = h->busy;

    for (i = 0; busy && i < h->next; i++) {

        item = &h->items[i];

        if (item->state != NGX_HTTP_LITELLM_HEALTH_BUSY) {
            continue;
        }

        busy--;

        if (h->running == h->lcf->health_parallel) {
            break;
        }

        h->busy--;

        if (ngx_http_litellm_health_open(h, item) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    while (h->next < h->n && h->running < h->lcf->health_parallel) {

        item = &h->items[h->next++];

        if (ngx_http_litellm_health_open(h, item) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (h->next == h->n && h->running == 0 && h->busy == 0) {
        return NGX_OK;
    }

    left = (ngx_msec_int_t) (h->deadline - ngx_current_msec);
    wait = (left > 0) ? (ngx_msec_t) left : 0;

    if (h->busy && wait > NGX_HTTP_LITELLM_HEALTH_POLL) {
        wait = NGX_HTTP_LITELLM_HEALTH_POLL;
    }

    ngx_add_timer(&h->timer, wait);

    return NGX_AGAIN;
}


/* what is known without a call, or what the zone says, or a probe */

static ngx_int_t
ngx_http_litellm_health_open(ngx_http_litellm_health_t *h,
    ngx_http_litellm_health_item_t *item)
{
    ngx_int_t                  rc;
    ngx_str_t                  model;
    const char                *why;
    ngx_http_litellm_probe_t   probe;

    rc = ngx_http_litellm_health_known(h, item);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (item->deployment->check != NULL) {

        ngx_http_litellm_zone_key(item->deployment, &item->key);
        ngx_http_litellm_zone_probe_last(h->zone, &item->key, &probe);

        if (probe.known) {
            ngx_http_litellm_health_result(h, item, &probe);

        } else {
            ngx_http_litellm_health_set(item, NGX_HTTP_LITELLM_HEALTH_UNPROBED,
                                        "its first check has not ended");
        }

        return NGX_OK;
    }

    rc = ngx_http_litellm_health_model(h->request->pool, item->deployment,
                                       &model, &why);

    if (rc == NGX_DECLINED) {
        ngx_http_litellm_health_set(item, NGX_HTTP_LITELLM_HEALTH_UNPROBED,
                                    why);
        return NGX_OK;
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    item->since = ngx_current_msec;

    ngx_http_litellm_zone_key(item->deployment, &item->key);

    rc = ngx_http_litellm_zone_probe_begin(h->zone, &item->key, item->since,
                                           h->lcf->health_valid,
                                           h->lcf->health_timeout, &probe);

    switch (rc) {

    case NGX_DECLINED:
        ngx_http_litellm_health_result(h, item, &probe);
        return NGX_OK;

    case NGX_BUSY:
        item->state = NGX_HTTP_LITELLM_HEALTH_BUSY;
        h->busy++;
        return NGX_OK;

    case NGX_ERROR:
        ngx_http_litellm_health_set(item, NGX_HTTP_LITELLM_HEALTH_UNPROBED,
                                    "\"litellm_zone\" is full");
        return NGX_OK;
    }

    if (h->probes == NGX_HTTP_LITELLM_HEALTH_PROBES) {
        ngx_http_litellm_health_set(item, NGX_HTTP_LITELLM_HEALTH_UNPROBED,
                                    "too many deployments for one answer");
        rc = NGX_OK;

    } else {
        h->probes++;
        rc = ngx_http_litellm_health_probe(h, item, &model);
    }

    if (rc != NGX_OK || item->state == NGX_HTTP_LITELLM_HEALTH_UNPROBED) {

        /* nobody was called: somebody else may */

        ngx_http_litellm_zone_probe_abort(h->zone, &item->key, item->since,
                                          ngx_current_msec, 0);
    }

    return rc;
}


/* NGX_DECLINED: only a call can tell */

static ngx_int_t
ngx_http_litellm_health_known(ngx_http_litellm_health_t *h,
    ngx_http_litellm_health_item_t *item)
{
    u_char                    *p;
    ngx_litellm_deployment_t  *d;

    d = item->deployment;

    if (d->mock) {
        return ngx_http_litellm_health_probe(h, item, &d->model);
    }

    if (d->provider == NULL) {
        ngx_http_litellm_health_set(item, NGX_HTTP_LITELLM_HEALTH_FAILED,
                                    "the provider is not known");
        return NGX_OK;
    }

    if (d->no_credentials) {

        p = ngx_pnalloc(h->request->pool, d->missing_env.len
                        + sizeof("environment variable  is not set"));
        if (p == NULL) {
            return NGX_ERROR;
        }

        item->state = NGX_HTTP_LITELLM_HEALTH_FAILED;
        item->text.data = p;
        item->text.len = ngx_sprintf(p, "environment variable %V is not set",
                                     &d->missing_env)
                         - p;

        return NGX_OK;
    }

    return NGX_DECLINED;
}


static void
ngx_http_litellm_health_wake(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_http_litellm_ctx_t     *ctx;
    ngx_http_litellm_health_t  *h;

    ctx = ngx_http_get_module_ctx(r, ngx_http_litellm_module);

    h = ctx->health;

    if (h->closed) {
        return;
    }

    rc = ngx_http_litellm_health_run(h);

    if (rc == NGX_AGAIN) {
        return;
    }

    ngx_http_litellm_health_close(h);

    rc = (rc == NGX_OK) ? ngx_http_litellm_health_report(h)
                        : ngx_http_litellm_health_failed(h);

    ngx_http_finalize_request(r, rc);
}


static void
ngx_http_litellm_health_timer(ngx_event_t *ev)
{
    ngx_connection_t           *c;
    ngx_http_request_t         *r;
    ngx_http_litellm_health_t  *h;

    h = ev->data;
    r = h->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    if ((ngx_msec_int_t) (h->deadline - ngx_current_msec) <= 0) {
        ngx_http_litellm_health_expire(h);
    }

    ngx_http_litellm_health_wake(r);

    ngx_http_run_posted_requests(c);
}


/* the time is over: what is not known now is not known */

static void
ngx_http_litellm_health_expire(ngx_http_litellm_health_t *h)
{
    ngx_uint_t                       i;
    ngx_http_litellm_probe_t         probe;
    ngx_http_litellm_health_item_t  *item;

    for (i = 0; i < h->n; i++) {

        item = &h->items[i];

        switch (item->state) {

        case NGX_HTTP_LITELLM_HEALTH_RUNNING:
            ngx_http_litellm_health_break_off(h, item);
            break;

        case NGX_HTTP_LITELLM_HEALTH_BUSY:

            h->busy--;

            /* the last result, however old, is better than none */

            ngx_http_litellm_zone_probe_last(h->zone, &item->key, &probe);

            if (probe.known) {
                ngx_http_litellm_health_result(h, item, &probe);
                break;
            }

            ngx_http_litellm_health_set(item,
                                        NGX_HTTP_LITELLM_HEALTH_UNPROBED,
                                        "another probe has not ended");
            break;

        case NGX_HTTP_LITELLM_HEALTH_NEW:
            ngx_http_litellm_health_set(item,
                                        NGX_HTTP_LITELLM_HEALTH_UNPROBED,
                                        "\"litellm_health_timeout\" was "
                                        "over before its turn");
            break;

        default:
            break;
        }
    }

    h->next = h->n;
}


/* a probe that began late had no fair chance: nothing is said about it */

static void
ngx_http_litellm_health_break_off(ngx_http_litellm_health_t *h,
    ngx_http_litellm_health_item_t *item)
{
    ngx_http_litellm_attempt_t  *a;

    a = item->attempt;

    if (ngx_current_msec - item->since < h->lcf->health_timeout / 2) {

        h->running--;

        ngx_http_litellm_health_set(item, NGX_HTTP_LITELLM_HEALTH_UNPROBED,
                                    "\"litellm_health_timeout\" was over "
                                    "before it answered");

        ngx_http_litellm_zone_probe_abort(h->zone, &item->key, item->since,
                                          ngx_current_msec,
                                          h->lcf->health_valid);
    }

    ngx_http_litellm_attempt_cancel(a, NGX_LITELLM_TIMEOUT, "timed out");

    /* one without a clone yet is cancelled without a word */

    ngx_http_litellm_health_done(a);
}


/* no event comes back here after this */

static void
ngx_http_litellm_health_close(ngx_http_litellm_health_t *h)
{
    h->closed = 1;

    if (h->timer.timer_set) {
        ngx_del_timer(&h->timer);
    }
}


/* an error page would wait for the clones that run: the connection is closed */

static ngx_int_t
ngx_http_litellm_health_failed(ngx_http_litellm_health_t *h)
{
    return h->running ? NGX_ERROR : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/* the request ends: with its answer, or because the client has gone */

static void
ngx_http_litellm_health_cleanup(void *data)
{
    ngx_http_litellm_health_t *h = data;

    ngx_uint_t                       i;
    ngx_http_litellm_health_item_t  *item;

    ngx_http_litellm_health_close(h);

    for (i = 0; h->running && i < h->n; i++) {

        item = &h->items[i];

        if (item->state != NGX_HTTP_LITELLM_HEALTH_RUNNING) {
            continue;
        }

        h->running--;

        if (!item->deployment->mock) {
            ngx_http_litellm_zone_probe_abort(h->zone, &item->key,
                                              item->since, ngx_current_msec,
                                              h->lcf->health_valid);
        }
    }
}
