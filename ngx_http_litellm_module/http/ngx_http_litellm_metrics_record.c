
/*
 * What is counted, and when: an attempt when it is charged, a client's request
 * when it is over (from its cleanup, behind those of its attempts), a request
 * that was refused before its body was read in the log phase.  Nothing here
 * fails, waits or takes a lock, but for the first time that a row is wanted.
 *
 * Labels are bounded: a model's name is what the client wrote only if it was
 * answered, or is a name of the configuration.
 */

#include "ngx_http_litellm_metrics.h"
#include "ngx_http_litellm_bill.h"
#include "ngx_http_litellm_cache.h"
#include "ngx_http_litellm_cost.h"
#include "ngx_http_litellm_outcome.h"


#define NGX_HTTP_LITELLM_CLIENT_LEFT  NGX_HTTP_CLIENT_CLOSED_REQUEST

/* it had an answer that was there, or another request's */
#define ngx_http_litellm_metrics_kept(ctx)                                    \
    ((ctx)->cache != NULL                                                     \
     && (ctx)->cache->status >= NGX_HTTP_LITELLM_CACHE_HIT)

/* labels of who asks, which begin the rows of a request */
#define NGX_HTTP_LITELLM_LABELS_WHO   7

/* labels of a request's row that its row of usage has, too */
#define NGX_HTTP_LITELLM_LABELS_ENDED  (NGX_HTTP_LITELLM_LABELS_WHO + 3)


/* what a request ended with */
typedef struct {
    ngx_uint_t                      status;
    ngx_litellm_class_e             class;
    ngx_litellm_deployment_t       *d;           /* NULL: none was asked */
    unsigned                        left:1;      /* the client did not wait */
} ngx_http_litellm_ending_t;


static void ngx_http_litellm_metrics_usage(
    ngx_http_litellm_metrics_conf_t *mc, ngx_http_litellm_attempt_t *a,
    ngx_litellm_usage_t *usage, ngx_litellm_cost_t *cost, ngx_uint_t good);
static ngx_http_litellm_row_t *ngx_http_litellm_metrics_usage_row(
    ngx_http_litellm_metrics_conf_t *mc, ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_deployment_t *d, ngx_uint_t good,
    ngx_http_litellm_known_t **known);
static void ngx_http_litellm_metrics_who(ngx_http_litellm_metrics_conf_t *mc,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_values_t *v);
static void ngx_http_litellm_metrics_same(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_row_t *row);
static void ngx_http_litellm_metrics_key(ngx_http_litellm_metrics_conf_t *mc,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_values_t *v);
static void ngx_http_litellm_metrics_place(
    ngx_http_litellm_metrics_conf_t *mc, ngx_litellm_deployment_t *d,
    ngx_http_litellm_values_t *v);
static void ngx_http_litellm_metrics_ending(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_ending_t *e);
static void ngx_http_litellm_metrics_ended(
    ngx_http_litellm_metrics_conf_t *mc, ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_ending_t *e);
static ngx_http_litellm_row_t *ngx_http_litellm_metrics_ended_row(
    ngx_http_litellm_metrics_conf_t *mc, ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_ending_t *e);
static void ngx_http_litellm_metrics_answered(
    ngx_http_litellm_metrics_conf_t *mc, ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_ending_t *e);
static void ngx_http_litellm_metrics_both(ngx_http_litellm_histogram_t *row,
    ngx_http_litellm_histogram_t *own, const uint32_t *bounds, uint64_t us);
static ngx_str_t *ngx_http_litellm_metrics_model(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_deployment_t *d, ngx_uint_t good);
static void ngx_http_litellm_metrics_exception(ngx_litellm_deployment_t *d,
    ngx_litellm_class_e class, u_char *buf, ngx_str_t *name);
static void ngx_http_litellm_metrics_fallback(
    ngx_http_litellm_metrics_conf_t *mc, ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_ending_t *e);


void
ngx_http_litellm_metrics_attempt(ngx_http_litellm_attempt_t *a,
    ngx_uint_t given_up)
{
    uint64_t                            us, n;
    ngx_uint_t                          good;
    ngx_litellm_cost_t                  cost;
    ngx_litellm_usage_t                 usage;
    ngx_http_litellm_row_t             *row;
    ngx_http_litellm_main_conf_t       *mcf;
    ngx_http_litellm_row_deployment_t  *c;

    mcf = ngx_http_get_module_main_conf(a->parent, ngx_http_litellm_module);

    /* files that were fetched, and checks of ours, are nobody's requests */

    if (mcf->metrics == NULL || a->raw || a->ctx->detached != NULL) {
        return;
    }

    row = ngx_http_litellm_metrics_row_of(mcf->metrics, a->deployment, 1);
    c = ngx_http_litellm_row_counters(row);

    good = 0;

    if (given_up) {
        ngx_http_litellm_counter_add(&c->cancelled, 1);

    } else if (a->error.class != NGX_LITELLM_NO_ERROR) {
        ngx_http_litellm_counter_add(&c->failures[a->error.class], 1);

    } else {
        ngx_http_litellm_counter_add(&c->successes, 1);
        good = 1;
    }

    if (ngx_http_litellm_metrics_self != NULL) {
        ngx_http_litellm_total_add(&ngx_http_litellm_metrics_self->attempts,
                                   1);
    }

    if (a->committed) {
        ngx_http_litellm_histogram_observe(&c->ttft,
                                           ngx_http_litellm_bounds_coarse,
                                           (uint64_t) a->first * 1000);
    }

    (void) ngx_http_litellm_cost(a, &cost, &usage);

    if (usage.known) {
        ngx_http_litellm_counter_add(&c->prompt, ngx_max(usage.prompt, 0));
        ngx_http_litellm_counter_add(&c->completion,
                                     ngx_max(usage.completion, 0));
        ngx_http_litellm_counter_add(&c->spend, cost.total);
        ngx_http_litellm_counter_add(&c->estimated, usage.estimated);
    }

    if (good) {
        us = (uint64_t) (a->end - a->start) * 1000;

        ngx_http_litellm_histogram_observe(&c->latency,
                                           ngx_http_litellm_bounds_coarse,
                                           us);

        if (usage.completion > 0) {
            n = (uint64_t) usage.completion;

            ngx_http_litellm_histogram_observe(&c->per_token,
                                               ngx_http_litellm_bounds_fine,
                                               us / n);

            if (a->committed && n > 1) {
                us -= ngx_min(us, (uint64_t) a->first * 1000);

                ngx_http_litellm_histogram_observe(&c->gap,
                                                 ngx_http_litellm_bounds_fine,
                                                 us / (n - 1));
            }
        }
    }

    if (good || usage.known) {
        ngx_http_litellm_metrics_usage(mcf->metrics, a, &usage, &cost, good);
    }
}


/* who has used how much of which model */

static void
ngx_http_litellm_metrics_usage(ngx_http_litellm_metrics_conf_t *mc,
    ngx_http_litellm_attempt_t *a, ngx_litellm_usage_t *usage,
    ngx_litellm_cost_t *cost, ngx_uint_t good)
{
    ngx_http_litellm_row_t        *row;
    ngx_http_litellm_known_t      *known;
    ngx_http_litellm_row_usage_t  *u;
    ngx_http_litellm_row_worker_t *w;

    row = ngx_http_litellm_metrics_usage_row(mc, a->ctx, a->deployment, good,
                                             &known);
    u = ngx_http_litellm_row_counters(row);

    if (good) {
        a->ctx->usage = row;
        a->ctx->usage_of = a->deployment;
        a->ctx->beside = known;
    }

    ngx_http_litellm_counter_add(&u->prompt, ngx_max(usage->prompt, 0));
    ngx_http_litellm_counter_add(&u->completion,
                                 ngx_max(usage->completion, 0));

#define ngx_http_litellm_metrics_some(field)                                  \
    if (usage->field > 0) {                                                   \
        ngx_http_litellm_counter_add(&u->field, usage->field);                \
    }

    ngx_http_litellm_metrics_some(cached);
    ngx_http_litellm_metrics_some(cache_write);
    ngx_http_litellm_metrics_some(audio_in);
    ngx_http_litellm_metrics_some(reasoning);
    ngx_http_litellm_metrics_some(audio_out);

#undef ngx_http_litellm_metrics_some

    if (cost->total > 0) {
        ngx_http_litellm_counter_add(&u->spend, cost->total);

    } else if (good) {
        ngx_http_litellm_counter_add(&u->free, 1);
    }

    if (!a->priced) {
        ngx_http_litellm_counter_add(&u->unpriced, 1);
    }

    w = ngx_http_litellm_metrics_self;

    if (w != NULL) {
        ngx_http_litellm_total_add(&w->prompt, ngx_max(usage->prompt, 0));
        ngx_http_litellm_total_add(&w->completion,
                                   ngx_max(usage->completion, 0));
        ngx_http_litellm_total_add(&w->spend, cost->total);

        if (!a->priced) {
            ngx_http_litellm_total_add(&w->unpriced, 1);
        }
    }
}


static ngx_http_litellm_row_t *
ngx_http_litellm_metrics_usage_row(ngx_http_litellm_metrics_conf_t *mc,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_deployment_t *d, ngx_uint_t good,
    ngx_http_litellm_known_t **known)
{
    ngx_http_litellm_row_t     *row;
    ngx_http_litellm_values_t   v;

    ngx_http_litellm_values_init(&v);

    ngx_http_litellm_metrics_who(mc, ctx, &v);
    ngx_http_litellm_metrics_value(mc, &v, NGX_HTTP_LITELLM_L_REQUESTED_MODEL,
                                   ngx_http_litellm_metrics_model(ctx, d,
                                                                  good));

    if (d == NULL) {

        /* an answer that was kept */

        ngx_http_litellm_values_add(&v, NULL);
        ngx_http_litellm_metrics_value(mc, &v, NGX_HTTP_LITELLM_L_MODEL_GROUP,
                                       &ctx->group);
        ngx_http_litellm_values_add(&v, NULL);
        ngx_http_litellm_values_add(&v, NULL);
        ngx_http_litellm_values_add(&v, NULL);
        ngx_http_litellm_values_add(&v, NULL);

    } else {
        ngx_http_litellm_metrics_value(mc, &v, NGX_HTTP_LITELLM_L_MODEL,
                                       good ? &ctx->call.provider_model
                                            : &d->model);
        ngx_http_litellm_metrics_place(mc, d, &v);
    }

    row = ngx_http_litellm_metrics_row_for(&mc->m, NGX_HTTP_LITELLM_ROW_USAGE,
                                           &v, mc->max, known);
    ngx_http_litellm_metrics_same(ctx, row);

    return row;
}


ngx_http_litellm_known_t *
ngx_http_litellm_metrics_beside(ngx_http_litellm_ctx_t *ctx)
{
    ngx_http_litellm_known_t  *known;

    known = ctx->beside;

    return (known != NULL && known->row == ctx->usage) ? known : NULL;
}


static void
ngx_http_litellm_metrics_who(ngx_http_litellm_metrics_conf_t *mc,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_values_t *v)
{
    ngx_http_litellm_who_t  *who;

    /* lengths of empty labels */

    static u_char  nobody[NGX_HTTP_LITELLM_LABELS_WHO];

    /* the beginning of all rows of a request that have it */

    if (ctx->labels.len) {
        ngx_http_litellm_values_run(v, ctx->labels.data, ctx->labels.len);
        return;
    }

    who = &ctx->who;

    if (who->key == NULL && !who->master && who->team_id.len == 0
        && who->team == NULL && who->user_id.len == 0 && who->user == NULL
        && (who->end_user_id.len == 0 || !mc->end_user))
    {
        /* where there are no keys this is everybody */

        ngx_http_litellm_values_run(v, nobody, sizeof(nobody));
        return;
    }

    ngx_http_litellm_metrics_value(mc, v, NGX_HTTP_LITELLM_L_END_USER,
                                   mc->end_user ? &who->end_user_id : NULL);

    ngx_http_litellm_metrics_key(mc, ctx, v);

    ngx_http_litellm_metrics_value(mc, v, NGX_HTTP_LITELLM_L_USER,
                                   &who->user_id);
    ngx_http_litellm_metrics_value(mc, v, NGX_HTTP_LITELLM_L_USER_EMAIL,
                                   who->user ? &who->user->alias : NULL);
}


/* rows stay, so the next row of the request takes the beginning of this one */

static void
ngx_http_litellm_metrics_same(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_row_t *row)
{
    if (ctx->labels.len || row->other) {
        return;
    }

    ctx->labels.data = row->labels;
    ctx->labels.len = ngx_http_litellm_row_offset(row,
                                                 NGX_HTTP_LITELLM_LABELS_WHO);
}


/* the key and its team */

static void
ngx_http_litellm_metrics_key(ngx_http_litellm_metrics_conf_t *mc,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_values_t *v)
{
    ngx_http_litellm_who_t  *who;

    static ngx_str_t  master = ngx_string("litellm_proxy_master_key");

    who = &ctx->who;

    ngx_http_litellm_metrics_value(mc, v, NGX_HTTP_LITELLM_L_KEY,
                                   who->key ? &who->key->id
                                   : who->master ? &master : NULL);
    ngx_http_litellm_metrics_value(mc, v, NGX_HTTP_LITELLM_L_KEY_ALIAS,
                                   who->key ? &who->key->alias : NULL);
    ngx_http_litellm_metrics_value(mc, v, NGX_HTTP_LITELLM_L_TEAM,
                                   &who->team_id);
    ngx_http_litellm_metrics_value(mc, v, NGX_HTTP_LITELLM_L_TEAM_ALIAS,
                                   who->team ? &who->team->alias : NULL);
}


/* as ngx_http_litellm_labels_place: those of its row, if it has one */

static void
ngx_http_litellm_metrics_place(ngx_http_litellm_metrics_conf_t *mc,
    ngx_litellm_deployment_t *d, ngx_http_litellm_values_t *v)
{
    ngx_str_t                base;
    ngx_http_litellm_row_t  *row;

    /* it is read when this has returned, and before the next one begins */

    static u_char            buf[NGX_HTTP_LITELLM_METRICS_VALUE];

    row = d->metrics;

    if (row != NULL) {
        ngx_http_litellm_values_run(v, row->labels, row->len);
        return;
    }

    ngx_http_litellm_metrics_base(d, buf, &base);

    ngx_http_litellm_metrics_value(mc, v, NGX_HTTP_LITELLM_L_MODEL_GROUP,
                                   &d->group);
    ngx_http_litellm_metrics_value(mc, v,
                                   NGX_HTTP_LITELLM_L_LITELLM_MODEL_NAME,
                                   &d->full_model);
    ngx_http_litellm_metrics_value(mc, v, NGX_HTTP_LITELLM_L_MODEL_ID, &d->id);
    ngx_http_litellm_metrics_value(mc, v, NGX_HTTP_LITELLM_L_API_BASE, &base);
    ngx_http_litellm_metrics_value(mc, v, NGX_HTTP_LITELLM_L_API_PROVIDER,
                                   d->provider ? &d->provider->name : NULL);
}


ngx_http_litellm_row_t *
ngx_http_litellm_metrics_row_of(ngx_http_litellm_metrics_conf_t *mc,
    ngx_litellm_deployment_t *d, ngx_uint_t make)
{
    ngx_http_litellm_row_t     *row;
    ngx_http_litellm_values_t   v;

    if (d->metrics != NULL) {
        return d->metrics;
    }

    ngx_http_litellm_values_init(&v);
    ngx_http_litellm_metrics_place(mc, d, &v);

    row = make ? ngx_http_litellm_metrics_row_for(&mc->m,
                                              NGX_HTTP_LITELLM_ROW_DEPLOYMENT,
                                              &v, mc->max, NULL)
               : ngx_http_litellm_metrics_row_known(&mc->m,
                                              NGX_HTTP_LITELLM_ROW_DEPLOYMENT,
                                              &v);

    if (row != NULL && !row->other) {
        d->metrics = row;
    }

    return row;
}


void
ngx_http_litellm_metrics_cooled(ngx_litellm_deployment_t *d,
    ngx_litellm_class_e class)
{
    ngx_http_litellm_row_t             *row;
    ngx_http_litellm_main_conf_t       *mcf;
    ngx_http_litellm_row_deployment_t  *c;

    mcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                              ngx_http_litellm_module);

    if (mcf == NULL || mcf->metrics == NULL) {
        return;
    }

    row = ngx_http_litellm_metrics_row_of(mcf->metrics, d, 1);
    c = ngx_http_litellm_row_counters(row);

    ngx_http_litellm_counter_add(&c->cooled[class], 1);
}


void
ngx_http_litellm_metrics_request(ngx_http_litellm_ctx_t *ctx)
{
    ngx_http_litellm_known_t      *known;
    ngx_http_litellm_ending_t      ending;
    ngx_http_litellm_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(ctx->request, ngx_http_litellm_module);

    if (mcf->metrics == NULL || ctx->counted || ctx->detached != NULL) {
        return;
    }

    ctx->counted = 1;

    ngx_http_litellm_metrics_ending(ctx, &ending);

    if (ctx->attempt == NULL && ngx_http_litellm_metrics_kept(ctx)
        && ending.status < NGX_HTTP_BAD_REQUEST)
    {
        /* its row first: the other one is remembered beside it */

        ctx->usage = ngx_http_litellm_metrics_usage_row(mcf->metrics, ctx,
                                                        NULL, 1, &known);
        ctx->usage_of = NULL;
        ctx->beside = known;
    }

    ngx_http_litellm_metrics_ended(mcf->metrics, ctx, &ending);
    ngx_http_litellm_metrics_answered(mcf->metrics, ctx, &ending);

    if (ctx->fallbacks) {
        ngx_http_litellm_metrics_fallback(mcf->metrics, ctx, &ending);
    }

    if (ctx->bill != NULL) {
        ngx_http_litellm_metrics_limits(mcf->metrics, ctx);
    }
}


ngx_int_t
ngx_http_litellm_metrics_log(ngx_http_request_t *r)
{
    ngx_http_litellm_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_litellm_module);

    if (ctx != NULL && ctx->role.attempt == NULL
        && ctx->api != NULL && ctx->api->format != NULL
        && ctx->call_id.len == 0
        && (r->method & ctx->api->methods))
    {
        ngx_http_litellm_metrics_request(ctx);
    }

    return NGX_OK;
}


/*
 * A stream that breaks has status 200, and one whose client leaves too: here
 * it is what it would have been without the header that was sent before.
 */

static void
ngx_http_litellm_metrics_ending(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_ending_t *e)
{
    ngx_http_request_t          *r;
    ngx_http_litellm_attempt_t  *a;

    r = ctx->request;
    a = ctx->attempt;

    ngx_memzero(e, sizeof(ngx_http_litellm_ending_t));

    e->d = a ? a->deployment : NULL;
    e->status = r->headers_out.status;
    e->class = ngx_http_litellm_outcome_class(ctx);

    if ((a != NULL && a->left)
        || e->status == NGX_HTTP_CLIENT_CLOSED_REQUEST)
    {
        e->left = 1;
    }

    if (e->left) {
        e->status = NGX_HTTP_LITELLM_CLIENT_LEFT;
        e->class = NGX_LITELLM_NO_ERROR;
        return;
    }

    if (e->class != NGX_LITELLM_NO_ERROR && ctx->header_sent
        && e->status < NGX_HTTP_BAD_REQUEST)
    {
        e->status = (a != NULL && a->error.class != NGX_LITELLM_NO_ERROR)
                    ? a->error.status : ctx->error.status;
    }

    if (e->status == 0) {
        e->status = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
}


static void
ngx_http_litellm_metrics_ended(ngx_http_litellm_metrics_conf_t *mc,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_ending_t *e)
{
    ngx_uint_t                      good;
    ngx_http_litellm_row_worker_t  *w;
    ngx_http_litellm_row_request_t *c;

    good = (e->status < NGX_HTTP_BAD_REQUEST);

    c = ngx_http_litellm_row_counters(
                             ngx_http_litellm_metrics_ended_row(mc, ctx, e));

    ngx_http_litellm_counter_add(&c->requests, 1);

    if (!good) {
        ngx_http_litellm_counter_add(&c->failed, 1);
    }

    w = ngx_http_litellm_metrics_self;

    if (w == NULL) {
        return;
    }

    ngx_http_litellm_total_add(&w->requests, 1);

    if (e->left) {
        ngx_http_litellm_total_add(&w->cancelled, 1);

    } else if (e->class != NGX_LITELLM_NO_ERROR) {
        ngx_http_litellm_total_add(&w->failures[e->class], 1);

    } else if (!good) {
        ngx_http_litellm_total_add(&w->refused, 1);
    }

    if (ctx->fallbacks) {
        ngx_http_litellm_total_add(&w->fallbacks, ctx->fallbacks);
    }
}


/*
 * Labels of who asked, for what, and who has answered are in the row of usage,
 * too, so that beside it only those of the end are compared.
 */

static ngx_http_litellm_row_t *
ngx_http_litellm_metrics_ended_row(ngx_http_litellm_metrics_conf_t *mc,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_ending_t *e)
{
    u_char                      status[NGX_INT_T_LEN];
    u_char                      class[NGX_HTTP_LITELLM_METRICS_VALUE];
    ngx_str_t                   value;
    ngx_uint_t                  i, good;
    ngx_http_litellm_row_t     *row;
    ngx_http_litellm_known_t   *known;
    ngx_http_litellm_values_t   v, end;

    good = (e->status < NGX_HTTP_BAD_REQUEST);

    ngx_http_litellm_values_init(&end);

    /* what is between the slashes may be a model's name */

    ngx_http_litellm_metrics_value(mc, &end, NGX_HTTP_LITELLM_L_ROUTE,
                                   ctx->path_model.len ? &ctx->api->path
                                                       : &ctx->path);

    value.data = status;
    value.len = ngx_litellm_out_digits(status, e->status) - status;

    ngx_http_litellm_metrics_value(mc, &end, NGX_HTTP_LITELLM_L_STATUS,
                                   &value);

    ngx_http_litellm_metrics_exception(e->d, e->class, class, &value);
    ngx_http_litellm_metrics_value(mc, &end, NGX_HTTP_LITELLM_L_CLASS, &value);

    known = (good && e->d == ctx->usage_of)
            ? ngx_http_litellm_metrics_beside(ctx) : NULL;

    if (known != NULL && known->beside[0] != NULL
        && ngx_http_litellm_values_same(&end, known->beside[0], known->end))
    {
        return known->beside[0];
    }

    ngx_http_litellm_values_init(&v);

    ngx_http_litellm_metrics_who(mc, ctx, &v);
    ngx_http_litellm_metrics_value(mc, &v, NGX_HTTP_LITELLM_L_REQUESTED_MODEL,
                                   ngx_http_litellm_metrics_model(ctx, e->d,
                                                                  good));
    ngx_http_litellm_metrics_value(mc, &v, NGX_HTTP_LITELLM_L_MODEL_ID,
                                   e->d ? &e->d->id : NULL);
    ngx_http_litellm_metrics_value(mc, &v, NGX_HTTP_LITELLM_L_API_PROVIDER,
                                   (e->d && e->d->provider)
                                   ? &e->d->provider->name : NULL);

    for (i = 0; i < end.n; i++) {
        v.value[v.n++] = end.value[i];
    }

    row = ngx_http_litellm_metrics_row_for(&mc->m,
                                           NGX_HTTP_LITELLM_ROW_REQUEST, &v,
                                           mc->max, NULL);

    /* its own place may be that of the other one */

    if (known != NULL && known->row == ctx->usage && !row->other) {
        known->beside[0] = row;
        known->end = ngx_http_litellm_row_offset(row,
                                         NGX_HTTP_LITELLM_LABELS_ENDED);
    }

    return row;
}


/* of a request that came as far as a model, or an answer that was kept */

static void
ngx_http_litellm_metrics_answered(ngx_http_litellm_metrics_conf_t *mc,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_ending_t *e)
{
    uint64_t                        total;
    ngx_msec_t                      upstream, overhead, ttft;
    ngx_uint_t                      good, hit, miss;
    ngx_http_litellm_row_t         *row;
    ngx_http_litellm_row_usage_t   *u;
    ngx_http_litellm_row_worker_t  *w;

    good = (e->status < NGX_HTTP_BAD_REQUEST);
    hit = (ctx->cache != NULL
           && ctx->cache->status == NGX_HTTP_LITELLM_CACHE_HIT);
    miss = (ctx->cache != NULL
            && (ctx->cache->status == NGX_HTTP_LITELLM_CACHE_MISS
                || ctx->cache->status == NGX_HTTP_LITELLM_CACHE_EXPIRED));

    if (e->d == NULL && !ngx_http_litellm_metrics_kept(ctx)) {
        return;
    }

    row = ctx->usage;

    if (row == NULL || !good) {
        row = ngx_http_litellm_metrics_usage_row(mc, ctx, e->d, good, NULL);
    }

    u = ngx_http_litellm_row_counters(row);

    w = ngx_http_litellm_metrics_self;

    if (hit || miss) {
        ngx_http_litellm_counter_add(hit ? &u->hits : &u->misses, 1);

        if (w != NULL) {
            ngx_http_litellm_total_add(hit ? &w->hits : &w->misses, 1);
        }
    }

    if (!good) {
        ngx_http_litellm_counter_add(&u->failed, 1);
        return;
    }

    ngx_http_litellm_counter_add(&u->requests, 1);

    total = (uint64_t) (ngx_current_msec - ctx->start) * 1000;

    ngx_http_litellm_metrics_both(&u->total, w ? &w->total : NULL,
                                  ngx_http_litellm_bounds_coarse, total);

    if (ngx_http_litellm_outcome_ttft(ctx, &ttft) == NGX_OK) {
        ngx_http_litellm_metrics_both(&u->ttft, w ? &w->ttft : NULL,
                                      ngx_http_litellm_bounds_coarse,
                                      (uint64_t) ttft * 1000);
    }

    if (ngx_http_litellm_outcome_times(ctx, &upstream, &overhead) != NGX_OK) {
        return;
    }

    ngx_http_litellm_histogram_observe(&u->upstream,
                                       ngx_http_litellm_bounds_coarse,
                                       (uint64_t) upstream * 1000);

    ngx_http_litellm_metrics_both(&u->overhead, w ? &w->overhead : NULL,
                                  ngx_http_litellm_bounds_fine,
                                  (uint64_t) overhead * 1000);
}


/* in a row, and in the totals of this process, if there are any */

static void
ngx_http_litellm_metrics_both(ngx_http_litellm_histogram_t *row,
    ngx_http_litellm_histogram_t *own, const uint32_t *bounds, uint64_t us)
{
    ngx_uint_t  i;

    i = ngx_http_litellm_histogram_place(bounds, us);

    ngx_http_litellm_counter_add(&row->n[i], 1);
    ngx_http_litellm_counter_add(&row->sum, us);

    if (own != NULL) {
        ngx_http_litellm_total_add(&own->n[i], 1);
        ngx_http_litellm_total_add(&own->sum, us);
    }
}


/*
 * The name that was asked for.  LiteLLM's word for one that nobody knows is
 * "other"; what a wildcard stands for is told when somebody has answered to it.
 */

static ngx_str_t *
ngx_http_litellm_metrics_model(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_deployment_t *d, ngx_uint_t good)
{
    ngx_str_t             *model;
    ngx_litellm_config_t  *config;

    static ngx_str_t  other = ngx_string("other");

    model = &ctx->call.model;

    if (model->len == 0 || good) {
        return model;
    }

    config = ctx->call.config;

    if (config != NULL
        && (ngx_litellm_config_group(config, model) != NULL
            || ngx_litellm_config_alias(config, model) != NULL))
    {
        return model;
    }

    if (d != NULL
        && ngx_strlchr(d->group.data, d->group.data + d->group.len, '*'))
    {
        return &d->group;
    }

    return &other;
}


/* "Openai.RateLimitError", as LiteLLM has it; buf: of a label's value */

static void
ngx_http_litellm_metrics_exception(ngx_litellm_deployment_t *d,
    ngx_litellm_class_e class, u_char *buf, ngx_str_t *name)
{
    u_char  *last;

    if (class == NGX_LITELLM_NO_ERROR) {
        ngx_str_null(name);
        return;
    }

    if (d == NULL || d->provider == NULL || d->provider->name.len == 0) {
        *name = *ngx_litellm_error_class(class);
        return;
    }

    last = buf + NGX_HTTP_LITELLM_METRICS_VALUE;

    name->data = buf;
    name->len = ngx_slprintf(buf, last, "%V.%V", &d->provider->name,
                             ngx_litellm_error_class(class))
                - buf;

    *buf = ngx_toupper(*buf);
}


/*
 * From the group that was asked for to each that was tried behind it: the last
 * one has answered or not, those between have not.
 */

static void
ngx_http_litellm_metrics_fallback(ngx_http_litellm_metrics_conf_t *mc,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_ending_t *e)
{
    u_char                            status[NGX_INT_T_LEN];
    u_char                            class[NGX_HTTP_LITELLM_METRICS_VALUE];
    size_t                            who;
    ngx_str_t                         value, exception, *tried;
    ngx_uint_t                        i, good;
    ngx_litellm_error_t              *error;
    ngx_litellm_config_t             *config;
    ngx_http_litellm_row_t           *row;
    ngx_litellm_deployment_t         *d;
    ngx_http_litellm_values_t         v;
    ngx_http_litellm_attempt_t       *a, *first;
    ngx_http_litellm_row_fallback_t  *c;

    if (ctx->trail == NULL) {
        return;
    }

    error = &ctx->trail->first_error;
    config = ctx->call.config;
    first = NULL;

    for (a = ctx->begun; a; a = a->before) {
        if (!a->raw) {
            first = a;
        }
    }

    d = (first != NULL && first->error.class == error->class)
        ? first->deployment : NULL;

    ngx_http_litellm_values_init(&v);

    ngx_http_litellm_metrics_key(mc, ctx, &v);
    ngx_http_litellm_metrics_value(mc, &v, NGX_HTTP_LITELLM_L_REQUESTED_MODEL,
                                   ngx_http_litellm_metrics_model(ctx, d, 0));
    who = v.n;

    value.data = status;
    value.len = ngx_sprintf(status, "%ui", error->status) - status;

    ngx_http_litellm_metrics_exception(d, error->class, class, &exception);

    tried = ctx->trail->tried.elts;

    for (i = 1; i < ctx->trail->tried.nelts; i++) {

        if (ngx_litellm_config_group(config, &tried[i]) == NULL
            && ngx_litellm_config_alias(config, &tried[i]) == NULL)
        {
            /* a client's own name: of a wildcard, or of nothing */

            continue;
        }

        v.n = who;

        ngx_http_litellm_metrics_value(mc, &v,
                                       NGX_HTTP_LITELLM_L_FALLBACK_MODEL,
                                       &tried[i]);
        ngx_http_litellm_metrics_value(mc, &v, NGX_HTTP_LITELLM_L_STATUS,
                                       &value);
        ngx_http_litellm_metrics_value(mc, &v, NGX_HTTP_LITELLM_L_CLASS,
                                       &exception);

        row = ngx_http_litellm_metrics_row_for(&mc->m,
                                               NGX_HTTP_LITELLM_ROW_FALLBACK,
                                               &v, mc->max, NULL);
        c = ngx_http_litellm_row_counters(row);

        good = (e->status < NGX_HTTP_BAD_REQUEST
                && i + 1 == ctx->trail->tried.nelts);

        ngx_http_litellm_counter_add(good ? &c->successes : &c->failures, 1);
    }
}
