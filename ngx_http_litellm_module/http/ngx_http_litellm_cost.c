
/*
 * What attempts cost: the price of a deployment (found when the configuration
 * was read, or for a wildcard's model here) and what the attempt's answer
 * tells, or lets be seen, of its use.
 *
 * Called by ngx_http_litellm_attempt.c when an attempt begins and when it is
 * settled, by whoever admits requests, by headers, variables and the access
 * log.  Nothing here waits or is shared; a request's attempts are linked, and
 * each is charged once.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_cost.h"
#include "ngx_litellm_plan.h"


/* bytes of a token, where there is no better word for it */
#define NGX_HTTP_LITELLM_TOKEN_BYTES  4

/* bytes of a whole answer that are not its text */
#define NGX_HTTP_LITELLM_ANSWER_HEAD  256

/* models without a price that are told of, by each worker */
#define NGX_HTTP_LITELLM_TOLD         256


static const ngx_litellm_price_t *ngx_http_litellm_cost_price(
    ngx_litellm_config_t *config, ngx_litellm_deployment_t *d,
    ngx_str_t *model);
static ngx_litellm_terms_t *ngx_http_litellm_cost_terms(
    ngx_litellm_config_t *config, ngx_litellm_deployment_t *d);
static ngx_uint_t ngx_http_litellm_cost_answered(
    ngx_http_litellm_attempt_t *a);
static ngx_uint_t ngx_http_litellm_cost_unheard(
    ngx_http_litellm_attempt_t *a);
static void ngx_http_litellm_cost_usage(ngx_http_litellm_attempt_t *a,
    ngx_litellm_usage_t *usage);
static int64_t ngx_http_litellm_cost_heard(ngx_http_litellm_attempt_t *a);
static void ngx_http_litellm_cost_done(ngx_http_litellm_attempt_t *a,
    ngx_litellm_usage_t *usage, ngx_litellm_done_t *done);
static ngx_litellm_json_t *ngx_http_litellm_cost_tier(
    ngx_litellm_call_t *call, ngx_litellm_deployment_t *d);
static void ngx_http_litellm_cost_options(ngx_litellm_call_t *call,
    ngx_litellm_deployment_t *d, ngx_litellm_done_t *done);
static void ngx_http_litellm_cost_wanted(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_deployment_t *d, ngx_litellm_done_t *done);
static void ngx_http_litellm_cost_unknown(ngx_http_litellm_attempt_t *a);


ngx_uint_t  ngx_http_litellm_cost_unpriced;

static uint32_t  ngx_http_litellm_cost_told[NGX_HTTP_LITELLM_TOLD];


void
ngx_http_litellm_cost_open(ngx_http_litellm_attempt_t *a)
{
    a->before = a->ctx->begun;
    a->ctx->begun = a;

    a->price = ngx_http_litellm_cost_price(a->call->config, a->deployment,
                                           &a->call->provider_model);
}


static const ngx_litellm_price_t *
ngx_http_litellm_cost_price(ngx_litellm_config_t *config,
    ngx_litellm_deployment_t *d, ngx_str_t *model)
{
    if (d->price != NULL
        || ngx_strlchr(d->model.data, d->model.data + d->model.len, '*')
           == NULL)
    {
        return d->price;
    }

    return ngx_litellm_provider_price(config->prices, d, model, 0);
}


static ngx_litellm_terms_t *
ngx_http_litellm_cost_terms(ngx_litellm_config_t *config,
    ngx_litellm_deployment_t *d)
{
    return d->provider ? ngx_litellm_terms_of(config->terms,
                                              &d->provider->name)
                       : NULL;
}


void
ngx_http_litellm_cost_charge(ngx_http_litellm_attempt_t *a,
    ngx_litellm_usage_t *usage)
{
    ngx_int_t  rc;

    rc = ngx_http_litellm_cost(a, &a->cost, usage);

    a->charged = 1;
    a->priced = (rc == NGX_OK);

    if (!a->priced) {
        ngx_http_litellm_cost_unknown(a);
    }
}


ngx_int_t
ngx_http_litellm_cost(ngx_http_litellm_attempt_t *a, ngx_litellm_cost_t *cost,
    ngx_litellm_usage_t *usage)
{
    ngx_litellm_done_t  done;

    ngx_memzero(cost, sizeof(ngx_litellm_cost_t));
    ngx_litellm_usage_init(usage);

    if (!ngx_http_litellm_cost_answered(a)) {
        return NGX_OK;
    }

    ngx_http_litellm_cost_usage(a, usage);

    if (a->charged) {
        *cost = a->cost;
        return a->priced ? NGX_OK : NGX_DECLINED;
    }

    ngx_http_litellm_cost_done(a, usage, &done);

    if (ngx_litellm_price_cost(a->price, &done, cost) != NGX_OK) {
        return NGX_DECLINED;
    }

    ngx_litellm_terms_apply(ngx_http_litellm_cost_terms(a->call->config,
                                                        a->deployment),
                            cost);

    return NGX_OK;
}


/* was there work that the provider may ask money for? */

static ngx_uint_t
ngx_http_litellm_cost_answered(ngx_http_litellm_attempt_t *a)
{
    if (a->raw) {

        /* a file that was fetched */

        return 0;
    }

    if (a->deployment->mock) {
        return a->done && a->error.class == NGX_LITELLM_NO_ERROR;
    }

    return a->facts.usage.known || (a->status >= 200 && a->status < 300)
           || ngx_http_litellm_cost_unheard(a);
}


/*
 * Nobody waited for the answer: the provider has the whole request and works
 * on, for a client that left, one that was answered by another deployment, or
 * beyond our patience.  A connection that failed says that it does not.
 */

static ngx_uint_t
ngx_http_litellm_cost_unheard(ngx_http_litellm_attempt_t *a)
{
    ngx_http_upstream_t  *u;

    if (a->status || a->said) {
        return 0;
    }

    if (!a->given_up && a->error.class != NGX_LITELLM_NO_ERROR
        && a->error.class != NGX_LITELLM_TIMEOUT)
    {
        return 0;
    }

    if (a->taken) {
        return 1;
    }

    u = a->request ? a->request->upstream : NULL;

    return u != NULL && u->request_body_sent;
}


/*
 * What the provider says, and what it could not say any more: of a stream that
 * did not come to its end the first words may be all that was counted.
 */

static void
ngx_http_litellm_cost_usage(ngx_http_litellm_attempt_t *a,
    ngx_litellm_usage_t *usage)
{
    *usage = a->facts.usage;

    if (usage->known && (!a->call->stream || a->complete)) {
        return;
    }

    usage->known = 1;
    usage->estimated = 1;

    if (usage->prompt < 0) {
        usage->prompt = (int64_t) ngx_min(a->ctx->tokens,
                                          (uint64_t) NGX_MAX_INT32_VALUE);
    }

    usage->completion = ngx_max(usage->completion,
                                ngx_http_litellm_cost_heard(a));
    usage->total = usage->prompt + usage->completion;
}


/*
 * Tokens of what was seen of an answer without a usage.  Events that pass are
 * not looked into: the shortest one of the stream is about what each has
 * around its text, and a provider sends at least a token with each.
 */

static int64_t
ngx_http_litellm_cost_heard(ngx_http_litellm_attempt_t *a)
{
    uint64_t                   n;
    ngx_http_litellm_heard_t  *h;

    h = &a->heard;

    if (h->events) {
        n = (h->bytes - (uint64_t) h->events * h->least)
            / NGX_HTTP_LITELLM_TOKEN_BYTES;

        n = ngx_max(n, h->events);

    } else if (h->bytes) {
        n = (h->bytes + NGX_HTTP_LITELLM_TOKEN_BYTES - 1)
            / NGX_HTTP_LITELLM_TOKEN_BYTES;

    } else if (!a->call->stream && a->size > NGX_HTTP_LITELLM_ANSWER_HEAD
               && (a->call->op == NGX_LITELLM_OP_CHAT
                   || a->call->op == NGX_LITELLM_OP_COMPLETIONS))
    {
        n = (a->size - NGX_HTTP_LITELLM_ANSWER_HEAD)
            / NGX_HTTP_LITELLM_TOKEN_BYTES;

    } else {
        n = 0;
    }

    return (int64_t) ngx_min(n, (uint64_t) NGX_MAX_INT32_VALUE);
}


static void
ngx_http_litellm_cost_done(ngx_http_litellm_attempt_t *a,
    ngx_litellm_usage_t *usage, ngx_litellm_done_t *done)
{
    ngx_litellm_deployment_t  *d;

    d = a->deployment;

    ngx_memzero(done, sizeof(ngx_litellm_done_t));

    done->usage = usage;
    done->duration = ngx_current_msec - a->start;
    done->now = ngx_time();
    done->regional = d->price_regional;
    done->eu = d->price_eu;
    done->us = d->price_us;

    /* who has prices of their own does not pay the provider's list */

    done->reported = !d->own_price;

    if (a->call->op == NGX_LITELLM_OP_RERANK) {
        done->queries = ngx_max(usage->searches, 1);

    } else if (usage->searches > 0) {
        done->searches = usage->searches;
    }

    ngx_http_litellm_cost_options(a->call, d, done);
}


/* of the client, else the deployment's; NULL: nobody says one */

static ngx_litellm_json_t *
ngx_http_litellm_cost_tier(ngx_litellm_call_t *call,
    ngx_litellm_deployment_t *d)
{
    ngx_uint_t              i;
    ngx_litellm_json_t     *v;
    ngx_litellm_default_t  *def;

    v = call->param[NGX_LITELLM_P_SERVICE_TIER];

    if (v == NULL && d->defaults != NULL) {

        def = d->defaults->elts;

        for (i = 0; i < d->defaults->nelts; i++) {
            if (def[i].param == NGX_LITELLM_P_SERVICE_TIER) {
                v = def[i].value;
            }
        }
    }

    return v;
}


/* options of a request that have a price */

static void
ngx_http_litellm_cost_options(ngx_litellm_call_t *call,
    ngx_litellm_deployment_t *d, ngx_litellm_done_t *done)
{
    u_char                *last;
    ngx_uint_t             i;
    ngx_litellm_json_t    *v;
    ngx_litellm_member_t  *m;

    v = ngx_http_litellm_cost_tier(call, d);

    if (ngx_litellm_json_is(v, STRING)) {
        done->asked = ngx_litellm_tier(v->start + 1, v->len - 2);
    }

    v = call->param[NGX_LITELLM_P_WEB_SEARCH_OPTIONS];

    if (ngx_litellm_json_is(v, OBJECT)) {
        last = v->start + v->len;

        if (ngx_litellm_find(v->start, last, "\"low\"", 5) != NULL) {
            done->search_size = 1;

        } else if (ngx_litellm_find(v->start, last, "\"high\"", 6) != NULL) {
            done->search_size = 2;
        }

        /* a model that was given the option has searched once, if nobody
           counts */

        if (done->usage == NULL || done->usage->searches < 0) {
            done->searches = 1;
        }
    }

    m = call->extra.elts;

    for (i = 0; i < call->extra.nelts; i++) {

        if (m[i].key.len == sizeof("inference_geo") - 1
            && ngx_memcmp(m[i].key.data, "inference_geo", m[i].key.len) == 0)
        {
            done->geo_us = ngx_litellm_json_is(m[i].value, STRING)
                           && ngx_litellm_json_eq(m[i].value, "us");

        } else if (m[i].key.len == sizeof("speed") - 1
                   && ngx_memcmp(m[i].key.data, "speed", m[i].key.len) == 0)
        {
            done->fast = ngx_litellm_json_is(m[i].value, STRING)
                         && ngx_litellm_json_eq(m[i].value, "fast");
        }
    }
}


/* once for each model, and not for more than a table holds */

static void
ngx_http_litellm_cost_unknown(ngx_http_litellm_attempt_t *a)
{
    uint32_t   hash, *slot;
    ngx_str_t  name;

    ngx_http_litellm_cost_unpriced++;

    name = a->call->provider_model;

    /* a worker knows a deployment by its place in memory */

    hash = (uint32_t) ngx_litellm_plan_mix((uintptr_t) a->deployment)
           ^ ngx_murmur_hash2(name.data, name.len);
    hash += !hash;

    slot = &ngx_http_litellm_cost_told[hash % NGX_HTTP_LITELLM_TOLD];

    if (*slot) {
        return;
    }

    *slot = hash;

    ngx_log_error(NGX_LOG_NOTICE, a->parent->connection->log, 0,
                  "litellm: no price is known of \"%V\" of deployment \"%V\": "
                  "what it does is counted as 0",
                  &name, &a->deployment->id);
}


ngx_int_t
ngx_http_litellm_cost_sum(ngx_http_litellm_ctx_t *ctx, int64_t *sum)
{
    ngx_int_t                    rc;
    ngx_litellm_cost_t           cost;
    ngx_litellm_usage_t          usage;
    ngx_http_litellm_attempt_t  *a;

    *sum = 0;
    rc = NGX_OK;

    for (a = ctx->begun; a; a = a->before) {

        if (a->charged) {
            *sum = ngx_litellm_money_add(*sum, a->cost.total);

            if (!a->priced) {
                rc = NGX_DECLINED;
            }

            continue;
        }

        if (ngx_http_litellm_cost(a, &cost, &usage) != NGX_OK) {
            rc = NGX_DECLINED;
        }

        *sum = ngx_litellm_money_add(*sum, cost.total);
    }

    return rc;
}


ngx_int_t
ngx_http_litellm_cost_bound(ngx_http_litellm_ctx_t *ctx,
    ngx_array_t *deployments, int64_t prompt, int64_t completion,
    int64_t *bound)
{
    ngx_int_t                    rc;
    ngx_str_t                    model;
    ngx_uint_t                   i, gratis;
    ngx_litellm_cost_t           cost;
    ngx_litellm_done_t           done;
    ngx_litellm_deployment_t   **d;
    const ngx_litellm_price_t   *price;

    *bound = 0;
    rc = NGX_OK;
    gratis = 1;

    d = deployments->elts;

    for (i = 0; i < deployments->nelts; i++) {

        price = d[i]->price;

        if (price == NULL) {

            if (ngx_litellm_config_model(ctx->call.pool, d[i], &ctx->group,
                                         ctx->captured, ctx->ncaptured, &model)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            price = ngx_http_litellm_cost_price(ctx->call.config, d[i],
                                                &model);
        }

        if (price == NULL) {
            rc = NGX_DECLINED;
            continue;
        }

        ngx_http_litellm_cost_wanted(ctx, d[i], &done);

        cost.total = ngx_litellm_price_bound(price, &done, prompt, completion);
        ngx_litellm_terms_apply(ngx_http_litellm_cost_terms(ctx->call.config,
                                                            d[i]),
                                &cost);

        *bound = ngx_max(*bound, cost.total);

        if (cost.total == 0 && gratis) {
            gratis = ngx_litellm_price_free(price);
        }
    }

    return (rc == NGX_OK && *bound == 0 && !gratis) ? NGX_DONE : rc;
}


/* what a request says of its price before it is sent */

static void
ngx_http_litellm_cost_wanted(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_deployment_t *d, ngx_litellm_done_t *done)
{
    ngx_litellm_json_t  *v;

    ngx_memzero(done, sizeof(ngx_litellm_done_t));

    done->regional = d->price_regional;
    done->eu = d->price_eu;
    done->us = d->price_us;

    ngx_http_litellm_cost_options(&ctx->call, d, done);

    v = ngx_http_litellm_cost_tier(&ctx->call, d);

    if (v != NULL && v->type != NGX_LITELLM_JSON_NULL
        && done->asked == NGX_LITELLM_TIER_UNKNOWN
        && !(v->type == NGX_LITELLM_JSON_STRING
             && ngx_litellm_json_eq(v, "auto")))
    {
        done->asked = NGX_LITELLM_TIERS;
    }
}


ngx_int_t
ngx_http_litellm_cost_headers(ngx_http_request_t *r,
    ngx_http_litellm_attempt_t *a)
{
    ngx_str_t             value;
    ngx_litellm_cost_t   *c;
    ngx_litellm_terms_t  *terms;

    if (r->headers_out.status >= NGX_HTTP_SPECIAL_RESPONSE) {
        ngx_str_set(&value, "0");

        return ngx_http_litellm_add_header(r, "x-litellm-response-cost",
                                     sizeof("x-litellm-response-cost") - 1,
                                     &value);
    }

    if (!a->charged || !a->priced || a->call->stream) {
        return NGX_OK;
    }

    c = &a->cost;

#define ngx_http_litellm_cost_part(name, money)                               \
    if (ngx_http_litellm_add_money(r, "x-litellm-response-cost" name,         \
                                   sizeof("x-litellm-response-cost" name) - 1,\
                                   money)                                     \
        != NGX_OK)                                                            \
    {                                                                         \
        return NGX_ERROR;                                                     \
    }

    ngx_http_litellm_cost_part("", c->total);
    ngx_http_litellm_cost_part("-original", c->original);

    if (c->discount) {
        ngx_http_litellm_cost_part("-discount-amount", c->discount);
    }

    if (c->margin) {
        ngx_http_litellm_cost_part("-margin-amount", c->margin);

        /* a share, whatever its name says */

        terms = ngx_http_litellm_cost_terms(a->call->config, a->deployment);

        ngx_http_litellm_cost_part("-margin-percent",
                                   terms->margin
                                   * (NGX_LITELLM_DOLLAR
                                      / NGX_LITELLM_SHARE));
    }

    if (c->original && c->input == 0 && c->output == 0 && c->tools == 0) {

        /* the provider's sum has no parts */

        return NGX_OK;
    }

    ngx_http_litellm_cost_part("-input", c->input);
    ngx_http_litellm_cost_part("-output", c->output);

    if (c->cache_read) {
        ngx_http_litellm_cost_part("-cache-read", c->cache_read);
    }

    if (c->cache_write) {
        ngx_http_litellm_cost_part("-cache-creation", c->cache_write);
    }

    if (c->reasoning) {
        ngx_http_litellm_cost_part("-reasoning", c->reasoning);
    }

    if (c->tools) {
        ngx_http_litellm_cost_part("-tool-usage", c->tools);
    }

    return NGX_OK;
}


char *
ngx_http_litellm_price_map(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_litellm_main_conf_t *mcf = conf;

    ngx_int_t    rc;
    ngx_str_t   *value, text, why;
    ngx_conf_t   temp;
    ngx_uint_t   skipped;

    if (mcf->prices != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_str_null(&why);

    /* the text is not kept */

    temp = *cf;
    temp.pool = cf->temp_pool;

    if (ngx_http_litellm_read_file(&temp, &value[1], &text, &why) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "price map \"%V\": %V",
                           &value[1], &why);
        return NGX_CONF_ERROR;
    }

    rc = ngx_litellm_prices_read(cf->pool, &text, &mcf->prices, &skipped,
                                 &why);

    if (rc == NGX_DECLINED) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "price map \"%V\": %V",
                           &value[1], &why);
    }

    if (rc != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (skipped) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0, "price map \"%V\": %ui "
                           "entries are passed over: they are no models, or "
                           "have prices that are no numbers of 0 or more",
                           &value[1], skipped);
    }

    return NGX_CONF_OK;
}
