
/*
 * Which deployment is called next: from the model's name to a group, from the
 * group to a deployment, and after a failure to a retry, the next order level,
 * a fallback group or the final error.  Rules: litellm.md 3; where we differ is
 * in docs/differences.md.
 *
 * Fallbacks are walked depth first: a fallback that fails has its own
 * fallbacks tried before its siblings.  Each group is tried once in a request,
 * so cycles end; the depth is bounded by max_fallbacks.
 */

#include "ngx_http_litellm.h"


#define NGX_HTTP_LITELLM_MAX_TARGETS  32
#define NGX_HTTP_LITELLM_MAX_NOTE     2000


typedef struct {
    ngx_array_t   *targets;      /* ngx_str_t */
    ngx_uint_t     next;
} ngx_http_litellm_frame_t;


static ngx_int_t ngx_http_litellm_route_control(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
static ngx_int_t ngx_http_litellm_route_headers(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
static ngx_int_t ngx_http_litellm_route_fallbacks(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_json_t *value);
static ngx_int_t ngx_http_litellm_route_group(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_str_t *name);
static ngx_int_t ngx_http_litellm_route_alias(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_alias_t *alias);
static ngx_litellm_deployment_t *ngx_http_litellm_route_choose(
    ngx_http_litellm_ctx_t *ctx, ngx_uint_t refused);
static ngx_uint_t ngx_http_litellm_route_usable(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_deployment_t *d, ngx_uint_t refused);
static ngx_uint_t ngx_http_litellm_route_retryable(
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *e);
static ngx_msec_t ngx_http_litellm_route_delay(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_error_t *e, ngx_int_t retries);
static ngx_uint_t ngx_http_litellm_route_next_order(
    ngx_http_litellm_ctx_t *ctx);
static ngx_int_t ngx_http_litellm_route_fallback(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *e);
static ngx_array_t *ngx_http_litellm_route_targets(
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *e);
static ngx_int_t ngx_http_litellm_route_final(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *last);


ngx_int_t
ngx_http_litellm_route_open(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ngx_array_init(&ctx->refused, r->pool, 4,
                       sizeof(ngx_litellm_deployment_t *))
        != NGX_OK
        || ngx_array_init(&ctx->tried, r->pool, 4, sizeof(ngx_str_t))
           != NGX_OK
        || ngx_array_init(&ctx->frames, r->pool, 2,
                          sizeof(ngx_http_litellm_frame_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_litellm_route_headers(r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_litellm_route_control(r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_litellm_route_group(r, ctx, &ctx->call.model);

    if (rc == NGX_DECLINED) {
        ctx->group = ctx->call.model;
        return ngx_http_litellm_route_fallback(r, ctx, &ctx->error);
    }

    return rc;
}


static ngx_int_t
ngx_http_litellm_route_bad(ngx_http_litellm_ctx_t *ctx, const char *message,
    ngx_str_t *param)
{
    (void) ngx_http_litellm_refuse(&ctx->error, NGX_LITELLM_BAD_REQUEST, 400,
                                   "invalid_request_error", message);

    ctx->error.param = *param;

    return NGX_DECLINED;
}


/* members of the body that steer the gateway: the body wins over headers */

static ngx_int_t
ngx_http_litellm_route_control(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    int64_t                n;
    ngx_int_t              rc;
    ngx_uint_t             i;
    ngx_litellm_json_t    *v;
    ngx_litellm_member_t  *m;

    m = ctx->call.control.elts;

    for (i = 0; i < ctx->call.control.nelts; i++) {

        v = m[i].value;

        if (v->type == NGX_LITELLM_JSON_NULL) {
            continue;
        }

#define ngx_http_litellm_key(s)                                               \
    (m[i].key.len == sizeof(s) - 1                                            \
     && ngx_memcmp(m[i].key.data, s, sizeof(s) - 1) == 0)

        if (ngx_http_litellm_key("num_retries")) {

            if (ngx_litellm_json_int(v, &n) != NGX_OK || n < 0 || n > 100) {
                return ngx_http_litellm_route_bad(ctx,
                    "num_retries must be an integer from 0 to 100",
                    &m[i].key);
            }

            ctx->num_retries = (ngx_int_t) n;

        } else if (ngx_http_litellm_key("timeout")
                   || ngx_http_litellm_key("request_timeout")
                   || ngx_http_litellm_key("stream_timeout"))
        {
            if (ngx_litellm_json_fixed(v, 3, &n) != NGX_OK || n < 0
                || n > 86400 * 1000)
            {
                return ngx_http_litellm_route_bad(ctx,
                    "a timeout must be a number of seconds", &m[i].key);
            }

            if (m[i].key.data[0] == 's') {
                ctx->stream_timeout = (ngx_msec_t) n;

            } else {
                ctx->timeout = (ngx_msec_t) n;
            }

        } else if (ngx_http_litellm_key("drop_params")) {
            ctx->drop_params = (v->type == NGX_LITELLM_JSON_TRUE);

        } else if (ngx_http_litellm_key("disable_fallbacks")) {
            ctx->no_fallbacks = (v->type == NGX_LITELLM_JSON_TRUE);

        } else if (ngx_http_litellm_key("fallbacks")) {

            rc = ngx_http_litellm_route_fallbacks(r, ctx, v);

            if (rc != NGX_OK) {
                return rc;
            }
        }

#undef ngx_http_litellm_key
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_route_headers(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t         n;
    ngx_uint_t        i;
    ngx_str_t         param;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len <= sizeof("x-litellm-") - 1
            || ngx_strncmp(h[i].lowcase_key, "x-litellm-",
                           sizeof("x-litellm-") - 1)
               != 0)
        {
            continue;
        }

        param = h[i].key;

#define ngx_http_litellm_named(s)                                             \
    (h[i].key.len == sizeof(s) - 1                                            \
     && ngx_memcmp(h[i].lowcase_key, s, sizeof(s) - 1) == 0)

        if (ngx_http_litellm_named("x-litellm-num-retries")) {

            n = ngx_atoi(h[i].value.data, h[i].value.len);

            if (n == NGX_ERROR || n > 100) {
                return ngx_http_litellm_route_bad(ctx,
                    "x-litellm-num-retries must be an integer from 0 to 100",
                    &param);
            }

            ctx->num_retries = n;

        } else if (ngx_http_litellm_named("x-litellm-timeout")
                   || ngx_http_litellm_named("x-litellm-stream-timeout"))
        {
            n = ngx_atofp(h[i].value.data, h[i].value.len, 3);

            if (n == NGX_ERROR || n > 86400 * 1000) {
                return ngx_http_litellm_route_bad(ctx,
                    "a timeout must be a number of seconds", &param);
            }

            if (ngx_http_litellm_named("x-litellm-timeout")) {
                ctx->timeout = (ngx_msec_t) n;

            } else {
                ctx->stream_timeout = (ngx_msec_t) n;
            }
        }

#undef ngx_http_litellm_named
    }

    return NGX_OK;
}


/*
 * The client's own list: names, {"model": name}, or LiteLLM's standard form
 * [{"group": [names]}].
 */

static ngx_int_t
ngx_http_litellm_route_fallbacks(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_json_t *value)
{
    ngx_str_t                *name, s, param;
    ngx_uint_t                i, j;
    ngx_litellm_json_t       *item, *key, *list, *v;
    ngx_litellm_json_doc_t    doc;

    ngx_str_set(&param, "fallbacks");

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = r->pool;

    if (ngx_litellm_json_parse(&doc, value->start, value->len) != NGX_OK
        || doc.root->type != NGX_LITELLM_JSON_ARRAY)
    {
        return ngx_http_litellm_route_bad(ctx,
                     "fallbacks must be a list of model names", &param);
    }

    ctx->own_fallbacks = ngx_array_create(r->pool, 4, sizeof(ngx_str_t));
    if (ctx->own_fallbacks == NULL) {
        return NGX_ERROR;
    }

    item = doc.root + 1;

    for (i = 0; i < doc.root->count; i++, item = ngx_litellm_json_next(item)) {

        list = NULL;
        v = item;

        if (item->type == NGX_LITELLM_JSON_OBJECT && item->count == 1) {
            key = item + 1;
            v = ngx_litellm_json_next(key);

            if (v->type == NGX_LITELLM_JSON_ARRAY) {
                list = v;

                s = ngx_litellm_json_text(key);

                if (!(s.len == 1 && s.data[0] == '*')
                    && !ngx_litellm_json_equal(key,
                                               (char *) ctx->call.model.data,
                                               ctx->call.model.len))
                {
                    continue;
                }

            } else if (!ngx_litellm_json_eq(key, "model")) {
                v = NULL;
            }
        }

        for (j = 0; j < (list ? list->count : 1); j++) {

            if (list) {
                v = j ? ngx_litellm_json_next(v) : list + 1;
            }

            if (!ngx_litellm_json_is(v, STRING)
                || ctx->own_fallbacks->nelts == NGX_HTTP_LITELLM_MAX_TARGETS)
            {
                return ngx_http_litellm_route_bad(ctx,
                     "fallbacks must be a list of at most 32 model names",
                     &param);
            }

            name = ngx_array_push(ctx->own_fallbacks);
            if (name == NULL) {
                return NGX_ERROR;
            }

            s = ngx_litellm_json_text(v);

            if (ngx_litellm_json_unescape(r->pool, name, &s) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/* alias, group, wildcard; NGX_DECLINED: nobody answers to that name */

static ngx_int_t
ngx_http_litellm_route_group(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_str_t *name)
{
    u_char                *p;
    ngx_str_t             *tried, text;
    ngx_litellm_alias_t   *alias;
    ngx_litellm_group_t   *group;

    tried = ngx_array_push(&ctx->tried);
    if (tried == NULL) {
        return NGX_ERROR;
    }

    *tried = *name;

    ctx->group = *name;
    ctx->candidates = NULL;
    ctx->ncaptured = 0;
    ctx->retries = 0;
    ctx->order_set = 0;
    ctx->refused.nelts = 0;

    alias = ngx_litellm_config_alias(ctx->call.config, name);

    if (alias != NULL) {

        if (alias->targets.nelts > 1) {
            return ngx_http_litellm_route_alias(r, ctx, alias);
        }

        if (alias->targets.nelts == 1) {
            name = alias->targets.elts;
            ctx->group = *name;
        }
    }

    group = ngx_litellm_config_group(ctx->call.config, name);

    if (group == NULL) {
        group = ngx_litellm_config_pattern(ctx->call.config, name,
                                           ctx->captured, &ctx->ncaptured);
    }

    if (group != NULL) {
        ctx->candidates = &group->deployments;
        (void) ngx_http_litellm_route_next_order(ctx);
        return NGX_OK;
    }

    text.len = sizeof("litellm.BadRequestError: You passed in model=. There "
                      "are no healthy deployments for this model") - 1
               + name->len;

    text.data = ngx_pnalloc(r->pool, text.len);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(text.data, "litellm.BadRequestError: You passed in "
                    "model=%V. There are no healthy deployments for this "
                    "model", name);
    text.len = p - text.data;

    (void) ngx_http_litellm_refuse(&ctx->error, NGX_LITELLM_BAD_REQUEST, 400,
                                   "invalid_request_error", "");

    ctx->error.message = text;

    return NGX_DECLINED;
}


/* an alias over several groups: all their deployments */

static ngx_int_t
ngx_http_litellm_route_alias(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_alias_t *alias)
{
    ngx_str_t                  *name;
    ngx_uint_t                  i, j;
    ngx_litellm_group_t        *group;
    ngx_litellm_deployment_t  **from, **to;

    ctx->candidates = ngx_array_create(r->pool, 4,
                                       sizeof(ngx_litellm_deployment_t *));
    if (ctx->candidates == NULL) {
        return NGX_ERROR;
    }

    name = alias->targets.elts;

    for (i = 0; i < alias->targets.nelts; i++) {

        group = ngx_litellm_config_group(ctx->call.config, &name[i]);

        if (group == NULL) {
            continue;
        }

        from = group->deployments.elts;

        for (j = 0; j < group->deployments.nelts; j++) {

            to = ngx_array_push(ctx->candidates);
            if (to == NULL) {
                return NGX_ERROR;
            }

            *to = from[j];
        }
    }

    (void) ngx_http_litellm_route_next_order(ctx);

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_route_pick(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_deployment_t **d)
{
    ngx_int_t                   rc;
    ngx_str_t                   text;
    ngx_uint_t                  i;
    ngx_litellm_error_t         e;
    ngx_litellm_deployment_t  **all;

    for ( ;; ) {

        *d = ngx_http_litellm_route_choose(ctx, 0);

        if (*d == NULL) {

            /* each has refused already: better again than not at all */

            *d = ngx_http_litellm_route_choose(ctx, 1);
        }

        if (*d != NULL) {
            return NGX_OK;
        }

        /* nothing in this group can be called: why? */

        ngx_memzero(&e, sizeof(ngx_litellm_error_t));

        e.class = NGX_LITELLM_AUTHENTICATION;
        e.status = 401;
        ngx_str_set(&e.type, "authentication_error");
        ngx_str_set(&e.message, "litellm.AuthenticationError: the model has "
                                "no deployment that can be called");

        all = ctx->candidates->elts;

        for (i = 0; i < ctx->candidates->nelts; i++) {

            if (!all[i]->no_credentials || all[i]->missing_env.len == 0) {
                continue;
            }

            text.len = sizeof("litellm.AuthenticationError: no credentials: "
                              "the environment variable  is not set") - 1
                       + all[i]->missing_env.len;

            text.data = ngx_pnalloc(r->pool, text.len);
            if (text.data == NULL) {
                return NGX_ERROR;
            }

            (void) ngx_sprintf(text.data, "litellm.AuthenticationError: no "
                               "credentials: the environment variable %V is "
                               "not set", &all[i]->missing_env);
            e.message = text;

            break;
        }

        rc = ngx_http_litellm_route_fallback(r, ctx, &e);

        if (rc != NGX_OK) {
            return rc;
        }
    }
}


/* simple-shuffle: weighted by the first of weight, rpm, tpm that is given */

static ngx_litellm_deployment_t *
ngx_http_litellm_route_choose(ngx_http_litellm_ctx_t *ctx, ngx_uint_t refused)
{
    int64_t                     w, sum[3], max[3];
    uint64_t                    at;
    ngx_uint_t                  i, k, n;
    ngx_litellm_deployment_t  **d, *last;

#define ngx_http_litellm_weight(d, k)                                         \
    ((k) == 0 ? (d)->weight : (k) == 1 ? (d)->rpm : (d)->tpm)

    d = ctx->candidates->elts;

    if (ctx->candidates->nelts == 1) {
        return ngx_http_litellm_route_usable(ctx, d[0], refused) ? d[0]
                                                                 : NULL;
    }

    ngx_memzero(sum, sizeof(sum));
    ngx_memzero(max, sizeof(max));
    n = 0;

    for (i = 0; i < ctx->candidates->nelts; i++) {

        if (!ngx_http_litellm_route_usable(ctx, d[i], refused)) {
            continue;
        }

        n++;

        for (k = 0; k < 3; k++) {
            w = ngx_http_litellm_weight(d[i], k);

            if (w > 0) {
                sum[k] += w;
                max[k] = ngx_max(max[k], w);
            }
        }
    }

    if (n == 0) {
        return NULL;
    }

    for (k = 0; k < 3 && max[k] <= 0; k++) { /* void */ }

    at = ((uint64_t) ngx_random() << 31) ^ (uint64_t) ngx_random();
    at %= (uint64_t) (k < 3 ? sum[k] : (int64_t) n);

    last = NULL;

    for (i = 0; i < ctx->candidates->nelts; i++) {

        if (!ngx_http_litellm_route_usable(ctx, d[i], refused)) {
            continue;
        }

        w = (k < 3) ? ngx_http_litellm_weight(d[i], k) : 1;

        if (w <= 0) {
            continue;
        }

        last = d[i];

        if (at < (uint64_t) w) {
            break;
        }

        at -= w;
    }

#undef ngx_http_litellm_weight

    return last;
}


static ngx_uint_t
ngx_http_litellm_route_usable(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_deployment_t *d, ngx_uint_t refused)
{
    ngx_uint_t                  i;
    ngx_litellm_deployment_t  **r;

    if (d->no_credentials || (!d->mock && (d->provider == NULL
                                           || d->http == NULL))
        || d->order != ctx->order)
    {
        return 0;
    }

    if (refused) {
        return 1;
    }

    r = ctx->refused.elts;

    for (i = 0; i < ctx->refused.nelts; i++) {
        if (r[i] == d) {
            return 0;
        }
    }

    return 1;
}


/*
 * The lowest level of order, or the next one above the current: true if there
 * is one.  Deployments without "order" come last.
 */

static ngx_uint_t
ngx_http_litellm_route_next_order(ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t                   now, best;
    ngx_uint_t                  i, found;
    ngx_litellm_deployment_t  **d;

    now = ctx->order;
    best = NGX_MAX_INT_T_VALUE;
    found = 0;

    d = ctx->candidates->elts;

    for (i = 0; i < ctx->candidates->nelts; i++) {

        if (d[i]->no_credentials || (!d[i]->mock && d[i]->http == NULL)
            || (ctx->order_set && d[i]->order <= now))
        {
            continue;
        }

        best = ngx_min(best, d[i]->order);
        found = 1;
    }

    if (found) {
        ctx->order = best;
        ctx->order_set = 1;
    }

    return found;
}


ngx_int_t
ngx_http_litellm_route_failed(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_attempt_t *a,
    ngx_msec_t *delay)
{
    ngx_int_t                   max;
    ngx_litellm_error_t        *e;
    ngx_litellm_deployment_t  **d;

    *delay = 0;
    e = &a->error;

    max = (ctx->num_retries >= 0) ? ctx->num_retries
          : (a->deployment->num_retries >= 0) ? a->deployment->num_retries
          : ctx->call.config->num_retries;

    if (e->status < 500 && e->status != 408 && e->status != 409
        && e->status != 429)
    {
        d = ngx_array_push(&ctx->refused);
        if (d == NULL) {
            return NGX_ERROR;
        }

        *d = a->deployment;
    }

    if (ctx->retries < max && ngx_http_litellm_route_retryable(ctx, e)) {
        *delay = ngx_http_litellm_route_delay(ctx, e, ctx->retries);
        ctx->retries++;
        return NGX_OK;
    }

    if (e->class != NGX_LITELLM_CONTEXT_WINDOW
        && e->class != NGX_LITELLM_CONTENT_POLICY
        && ctx->candidates->nelts > 1
        && ngx_http_litellm_route_next_order(ctx))
    {
        ctx->retries = 0;
        return NGX_OK;
    }

    return ngx_http_litellm_route_fallback(r, ctx, e);
}


static ngx_uint_t
ngx_http_litellm_route_retryable(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_error_t *e)
{
    switch (e->class) {

    case NGX_LITELLM_CONTEXT_WINDOW:
    case NGX_LITELLM_CONTENT_POLICY:
    case NGX_LITELLM_UNSUPPORTED_PARAMS:
    case NGX_LITELLM_NOT_FOUND:
        return 0;

    default:
        break;
    }

    switch (e->status) {

    case 408:
    case 409:
    case 429:
        return 1;

    case 401:
    case 403:
        return ngx_http_litellm_route_choose(ctx, 0) != NULL;

    default:
        return e->status >= 500;
    }
}


/*
 * No wait where another deployment can take over; else the provider's
 * Retry-After, else 0.5 s doubled with each retry up to 8 s; with jitter.
 */

static ngx_msec_t
ngx_http_litellm_route_delay(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_error_t *e, ngx_int_t retries)
{
    ngx_msec_t  delay;

    if (ctx->candidates->nelts > 1) {
        return 0;
    }

    if (e->retry_after > 0 && e->retry_after <= 60000) {
        return e->retry_after + ngx_random() % 250;
    }

    delay = 500;

    while (retries-- > 0 && delay < 8000) {
        delay *= 2;
    }

    delay = ngx_max(delay, ctx->call.config->retry_after);

    return ngx_min(delay, 8000) + ngx_random() % 750;
}


/* NGX_OK: ctx->group is another one; NGX_DECLINED: ctx->error is final */

static ngx_int_t
ngx_http_litellm_route_fallback(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *e)
{
    ngx_int_t                  rc;
    ngx_str_t                 *name, *tried;
    ngx_uint_t                 i;
    ngx_array_t               *targets;
    ngx_litellm_error_t        last;
    ngx_http_litellm_frame_t  *frame;

    last = *e;

    if (ctx->fallbacks == 0) {
        ctx->first_error = last;
    }

    targets = ngx_http_litellm_route_targets(ctx, &last);

    if (targets != NULL
        && (ngx_int_t) ctx->frames.nelts < ctx->call.config->max_fallbacks)
    {
        frame = ngx_array_push(&ctx->frames);
        if (frame == NULL) {
            return NGX_ERROR;
        }

        frame->targets = targets;
        frame->next = 0;
    }

    while (ctx->frames.nelts) {

        frame = (ngx_http_litellm_frame_t *) ctx->frames.elts
                + ctx->frames.nelts - 1;

        if (frame->next == frame->targets->nelts) {
            ctx->frames.nelts--;
            continue;
        }

        name = (ngx_str_t *) frame->targets->elts + frame->next++;

        tried = ctx->tried.elts;

        for (i = 0; i < ctx->tried.nelts; i++) {
            if (tried[i].len == name->len
                && ngx_memcmp(tried[i].data, name->data, name->len) == 0)
            {
                break;
            }
        }

        if (i < ctx->tried.nelts) {
            continue;
        }

        rc = ngx_http_litellm_route_group(r, ctx, name);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_OK) {
            ctx->fallbacks++;

            ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                          "litellm: falling back from \"%V\" to \"%V\"",
                          &ctx->call.model, name);
            return NGX_OK;
        }
    }

    return ngx_http_litellm_route_final(r, ctx, &last);
}


static ngx_array_t *
ngx_http_litellm_route_targets(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_error_t *e)
{
    ngx_array_t             *table;
    ngx_litellm_config_t    *config;
    ngx_litellm_fallback_t  *fallback;

    config = ctx->call.config;

    if (ctx->no_fallbacks) {
        return NULL;
    }

    if (ctx->own_fallbacks != NULL) {

        /* the client's list is walked once, whatever happens in it */

        return ctx->fallbacks ? NULL : ctx->own_fallbacks;
    }

    table = &config->fallbacks;

    if (e->class == NGX_LITELLM_CONTEXT_WINDOW
        && config->has_context_window_fallbacks)
    {
        table = &config->context_window_fallbacks;

    } else if (e->class == NGX_LITELLM_CONTENT_POLICY
               && config->has_content_policy_fallbacks)
    {
        table = &config->content_policy_fallbacks;
    }

    fallback = ngx_litellm_config_fallback(table, &ctx->group);

    return fallback ? &fallback->targets : NULL;
}


/* the first group's error, with what became of it */

static ngx_int_t
ngx_http_litellm_route_final(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *last)
{
    u_char      *p;
    size_t       len;
    ngx_str_t    note, text, message;
    ngx_uint_t   i;
    ngx_str_t   *tried;

    ctx->error = ctx->first_error;

    if (!ctx->call.config->expose_router_debug) {
        return NGX_DECLINED;
    }

    tried = ctx->tried.elts;

    if (ctx->fallbacks == 0) {
        ngx_str_set(&note, " failed with the error above. No fallback was "
                           "attempted.");
        ngx_str_null(&text);

    } else {
        ngx_str_set(&note, " failed with the error above. Fallbacks tried:");
        text = last->message;
        text.len = ngx_min(text.len, NGX_HTTP_LITELLM_MAX_NOTE);
    }

    len = ctx->error.message.len + sizeof("\n\nLiteLLM: model group ''") - 1
          + ctx->call.model.len + note.len
          + sizeof(". The last one answered: ") - 1 + text.len;

    for (i = 1; i < ctx->tried.nelts; i++) {
        len += tried[i].len + 2;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    message = ctx->error.message;
    ctx->error.message.data = p;

    p = ngx_cpymem(p, message.data, message.len);
    p = ngx_sprintf(p, "\n\nLiteLLM: model group '%V'%V",
                    &ctx->call.model, &note);

    if (ctx->fallbacks) {

        for (i = 1; i < ctx->tried.nelts; i++) {
            p = ngx_sprintf(p, "%s%V", i > 1 ? ", " : " ", &tried[i]);
        }

        p = ngx_sprintf(p, ". The last one answered: %V", &text);
    }

    ctx->error.message.len = p - ctx->error.message.data;

    return NGX_DECLINED;
}
