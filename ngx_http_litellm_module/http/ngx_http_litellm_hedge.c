
/*
 * Hedging: when the first content of an attempt has not come in time, another
 * deployment of the group is asked beside it, once in a request.  Whoever has
 * content first answers, the other one is given up.  Until then ctx->attempt
 * is the first one and ctx->hedge->attempt the second; one that fails leaves
 * the other alone with the request, and only the failure of the last one goes
 * on to retries and fallbacks.
 *
 * What must hold:
 *
 * - one clone at most is in the list of active requests (r->postponed), that
 *   of ctx->attempt; the second one's runs in the background, which nothing is
 *   ever sent by, and changes places when it has become the one;
 * - a clone that is given up is in the background before it is cancelled: so
 *   its end neither wakes anybody nor changes who is active;
 * - an attempt is never cancelled from inside of a filter or of another one's
 *   end, but from the parent, which is posted for that.
 *
 * The second has a call of its own: what differs between deployments is in it.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_pick.h"
#include "ngx_http_litellm_hedge.h"


static void ngx_http_litellm_hedge_event(ngx_event_t *ev);
static void ngx_http_litellm_hedge_due(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
static ngx_uint_t ngx_http_litellm_hedge_answering(
    ngx_http_litellm_attempt_t *a);
static ngx_uint_t ngx_http_litellm_hedge_bound(ngx_litellm_call_t *call);
static ngx_int_t ngx_http_litellm_hedge_second(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_deployment_t *d);
static ngx_int_t ngx_http_litellm_hedge_fetches(ngx_litellm_call_t *call);
static void ngx_http_litellm_hedge_timeout(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
static void ngx_http_litellm_hedge_promote(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_attempt_t *a);
static void ngx_http_litellm_hedge_won(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_attempt_t *loser);
static void ngx_http_litellm_hedge_failed(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_attempt_t *a);
static void ngx_http_litellm_hedge_enter(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_attempt_t *a);
static void ngx_http_litellm_hedge_leave(ngx_http_request_t *r,
    ngx_http_litellm_attempt_t *a);
static void ngx_http_litellm_hedge_drop(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_attempt_t *a);
static void ngx_http_litellm_hedge_moved(ngx_http_litellm_attempt_t *a,
    ngx_array_t *states, void *old);


ngx_int_t
ngx_http_litellm_hedge_start(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_litellm_hedge_t           *h;
    ngx_http_litellm_hedging_t    *hg;
    ngx_http_litellm_main_conf_t  *mcf;

    h = ngx_http_litellm_hedge_conf(r, ctx);

    if (h == NULL || ngx_http_litellm_continued(ctx)
        || ngx_http_litellm_route_width(ctx) < 2)
    {
        return NGX_OK;
    }

    hg = ctx->hedge;

    if (hg == NULL) {

        hg = ngx_pcalloc(r->pool, sizeof(ngx_http_litellm_hedging_t));
        if (hg == NULL) {
            return NGX_ERROR;
        }

        mcf = ngx_http_get_module_main_conf(r, ngx_http_litellm_module);

        hg->request = r;
        hg->conf = h;
        hg->shared = ngx_http_litellm_zone_hedges(mcf->zone);

        hg->event.handler = ngx_http_litellm_hedge_event;
        hg->event.data = hg;
        hg->event.log = r->connection->log;

        ctx->hedge = hg;

        ngx_http_litellm_hedge_earn(hg->shared, h);
    }

    if (hg->used) {
        return NGX_OK;
    }

    hg->delay = ngx_http_litellm_hedge_delay(h, ctx->attempt->deployment,
                                             ctx->call.stream);
    if (hg->delay) {
        ngx_add_timer(&hg->event, hg->delay);
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_litellm_hedging(ngx_http_litellm_attempt_t *a)
{
    return a->ctx->hedge != NULL && a->ctx->hedge->attempt == a;
}


static void
ngx_http_litellm_hedge_event(ngx_event_t *ev)
{
    ngx_connection_t            *c;
    ngx_http_request_t          *r;
    ngx_http_litellm_ctx_t      *ctx;
    ngx_http_litellm_hedging_t  *hg;

    hg = ev->data;
    r = hg->request;
    c = r->connection;

    ctx = ngx_http_get_module_ctx(r, ngx_http_litellm_module);

    ngx_http_set_log_request(c->log, r);

    if (hg->attempt != NULL) {
        ngx_http_litellm_hedge_timeout(r, ctx);

    } else if (!ctx->ended) {
        ngx_http_litellm_hedge_due(r, ctx);
    }

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_litellm_hedge_due(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_litellm_config_t        *config;
    ngx_litellm_deployment_t    *d;
    ngx_http_litellm_hedging_t  *hg;
    ngx_http_litellm_attempt_t  *a;

    hg = ctx->hedge;
    a = ctx->attempt;
    config = ctx->call.config;

    if (ctx->backoff || a->done || ngx_http_litellm_hedge_answering(a)
        || ngx_http_litellm_hedge_bound(&ctx->call))
    {
        return;
    }

    if (a->fetching != NULL) {

        /* the client's own files are waited for, not the deployment */

        ngx_add_timer(&hg->event, hg->delay);
        return;
    }

    if (config->max_retries >= 0
        && ctx->attempts > (ngx_uint_t) config->max_retries)
    {
        /* num_retries_per_request */

        return;
    }

    if (ngx_http_litellm_hedge_spend(hg->shared, hg->conf) != NGX_OK) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "litellm: deployment \"%V\" of \"%V\" is silent for "
                      "%M ms, no budget to hedge", &a->deployment->id,
                      &ctx->group, ngx_current_msec - a->start);
        return;
    }

    d = ngx_http_litellm_pick_other(ctx);

    if (d == NULL) {
        ngx_http_litellm_hedge_refund(hg->shared);
        return;
    }

    hg->used = 1;

    (void) ngx_atomic_fetch_add(&hg->shared->hedged, 1);

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "litellm: deployment \"%V\" of \"%V\" is silent for %M ms, "
                  "hedging with \"%V\"", &a->deployment->id, &ctx->group,
                  ngx_current_msec - a->start, &d->id);

    if (ngx_http_litellm_hedge_second(r, ctx, d) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


/* content is on its way already, or an answer in one piece */

static ngx_uint_t
ngx_http_litellm_hedge_answering(ngx_http_litellm_attempt_t *a)
{
    return a->committed
           || (a->status != 0 && a->mode == NGX_HTTP_LITELLM_COLLECT
               && a->dialect->follow == NULL);
}


/*
 * What a provider keeps for its client (a file, a conversation, a cache) is
 * named in the body and is nowhere else: a second deployment would refuse it,
 * or answer something else.  A text that looks like such a name only costs the
 * hedge.
 */

static ngx_uint_t
ngx_http_litellm_hedge_bound(ngx_litellm_call_t *call)
{
    ngx_litellm_json_t  *root;

    root = call->top.root;

    return ngx_litellm_json_member(root, "previous_response_id") != NULL
           || ngx_litellm_json_member(root, "container") != NULL
           || ngx_litellm_json_member(root, "cached_content") != NULL
           || ngx_litellm_json_member(root, "cachedContent") != NULL
           || ngx_litellm_find(call->body.data,
                               call->body.data + call->body.len,
                               "\"file_id\"", sizeof("\"file_id\"") - 1)
              != NULL;
}


static ngx_int_t
ngx_http_litellm_hedge_second(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_deployment_t *d)
{
    ngx_int_t                    rc;
    ngx_msec_t                   left;
    ngx_litellm_call_t          *call;
    ngx_http_litellm_hedging_t  *hg;
    ngx_http_litellm_attempt_t  *a;

    hg = ctx->hedge;

    call = ngx_palloc(r->pool, sizeof(ngx_litellm_call_t));
    if (call == NULL) {
        return NGX_ERROR;
    }

    *call = ctx->call;

    if (ngx_http_litellm_hedge_fetches(call) != NGX_OK
        || ngx_http_litellm_call_prepare(ctx, call, d) != NGX_OK)
    {
        return NGX_ERROR;
    }

    a = ngx_http_litellm_attempt_create(r, ctx, call, d);
    if (a == NULL) {
        return NGX_ERROR;
    }

    a->second = 1;
    a->number = ++ctx->attempts;
    a->lease = ctx->lease;
    ctx->lease.state = NULL;

    a->deposit = ctx->deposit;
    ctx->deposit = NULL;

    hg->attempt = a;

    rc = ngx_http_litellm_attempt_start(a);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        ngx_http_litellm_wake(r);
        return NGX_OK;
    }

    left = ngx_http_litellm_call_limit(ctx, a);

    if (left) {
        ngx_add_timer(&hg->event, left);
    }

    return NGX_OK;
}


/* what was fetched is good for both; the list is not: it may yet grow */

static ngx_int_t
ngx_http_litellm_hedge_fetches(ngx_litellm_call_t *call)
{
    ngx_uint_t            i;
    ngx_array_t          *all;
    ngx_litellm_fetch_t  *f, *copy;

    all = call->fetches;

    if (all == NULL) {
        return NGX_OK;
    }

    call->fetches = ngx_array_create(call->pool, ngx_max(all->nelts, 1),
                                     sizeof(ngx_litellm_fetch_t));
    if (call->fetches == NULL) {
        return NGX_ERROR;
    }

    f = all->elts;

    for (i = 0; i < all->nelts; i++) {

        if (!f[i].done) {
            continue;
        }

        copy = ngx_array_push(call->fetches);
        if (copy == NULL) {
            return NGX_ERROR;
        }

        *copy = f[i];
    }

    return NGX_OK;
}


static void
ngx_http_litellm_hedge_timeout(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_http_litellm_attempt_t  *a;

    a = ctx->hedge->attempt;

    ngx_http_litellm_attempt_cancel(a, NGX_LITELLM_TIMEOUT,
                                    "Request timed out.");

    if (a->request == NULL) {
        ngx_http_litellm_wake(r);
    }
}


/* by the parent: nothing of an attempt is on the stack */

ngx_int_t
ngx_http_litellm_hedge_turn(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_http_litellm_hedging_t  *hg;
    ngx_http_litellm_attempt_t  *a, *b;

    hg = ctx->hedge;

    if (hg == NULL) {
        return NGX_OK;
    }

    if (hg->loser != NULL) {

        /* content has come: ngx_http_litellm_hedge_commit() */

        a = hg->loser;
        hg->loser = NULL;

        ngx_http_litellm_hedge_drop(ctx, a);

        return ctx->attempt->done ? NGX_OK : NGX_AGAIN;
    }

    a = ctx->attempt;
    b = hg->attempt;

    if (b == NULL || (!a->done && !b->done)) {
        return NGX_OK;
    }

    ngx_http_litellm_hedge_stop(ctx);

    if (a->done && a->error.class == NGX_LITELLM_NO_ERROR) {

        /* answers in one piece: the first one's */

        hg->attempt = NULL;

        ngx_http_litellm_hedge_leave(r, b);
        ngx_http_litellm_hedge_drop(ctx, b);

        return NGX_OK;
    }

    if (b->done && b->error.class != NGX_LITELLM_NO_ERROR) {

        hg->attempt = NULL;

        ngx_http_litellm_hedge_failed(ctx, b);

        return NGX_OK;
    }

    ngx_http_litellm_hedge_promote(ctx, b);

    if (b->done) {
        ngx_http_litellm_hedge_won(ctx, a);

        ngx_http_litellm_hedge_leave(r, a);
        ngx_http_litellm_hedge_drop(ctx, a);

        return NGX_OK;
    }

    /* the first one has failed, the second goes on alone */

    ngx_http_litellm_hedge_enter(r, ctx, b);
    ngx_http_litellm_hedge_failed(ctx, a);

    return NGX_AGAIN;
}


/*
 * In a filter of this attempt, or at its end: what it has goes to the client
 * at once, so it must be the active one.  The other one is given up later.
 */

ngx_int_t
ngx_http_litellm_hedge_commit(ngx_http_litellm_attempt_t *a)
{
    ngx_http_request_t          *r;
    ngx_http_litellm_ctx_t      *ctx;
    ngx_http_litellm_hedging_t  *hg;

    r = a->parent;
    ctx = a->ctx;
    hg = ctx->hedge;

    if (hg == NULL) {
        return NGX_OK;
    }

    ngx_http_litellm_hedge_stop(ctx);

    if (hg->attempt == NULL) {
        return NGX_OK;
    }

    hg->loser = (a == hg->attempt) ? ctx->attempt : hg->attempt;

    ngx_http_litellm_hedge_leave(r, hg->loser);

    if (a == hg->attempt) {
        ngx_http_litellm_hedge_promote(ctx, a);
        ngx_http_litellm_hedge_enter(r, ctx, a);
        ngx_http_litellm_hedge_won(ctx, hg->loser);
    }

    hg->attempt = NULL;

    return ngx_http_post_request(r, NULL);
}


void
ngx_http_litellm_hedge_stop(ngx_http_litellm_ctx_t *ctx)
{
    if (ctx->hedge != NULL && ctx->hedge->event.timer_set) {
        ngx_del_timer(&ctx->hedge->event);
    }
}


/* the request is the second one's */

static void
ngx_http_litellm_hedge_promote(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_attempt_t *a)
{
    ctx->hedge->attempt = NULL;
    ctx->attempt = a;
    ctx->call = *a->call;
}


static void
ngx_http_litellm_hedge_won(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_attempt_t *loser)
{
    (void) ngx_atomic_fetch_add(&ctx->hedge->shared->won, 1);

    ngx_log_error(NGX_LOG_INFO, loser->parent->connection->log, 0,
                  "litellm: deployment \"%V\" of \"%V\" answered before "
                  "\"%V\", %M ms after it was asked",
                  &ctx->attempt->deployment->id, &ctx->group,
                  &loser->deployment->id,
                  ngx_current_msec - ctx->attempt->start);
}


/* one of two: the other one goes on, so nothing follows from it but this */

static void
ngx_http_litellm_hedge_failed(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_attempt_t *a)
{
    ngx_http_litellm_attempt_log(a);
    ngx_http_litellm_attempt_settle(a, 0);
    ngx_http_litellm_route_refused(ctx, a);
}


/* as ngx_http_subrequest() does with a clone that is to send */

static void
ngx_http_litellm_hedge_enter(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_attempt_t *a)
{
    ngx_connection_t               *c;
    ngx_http_request_t             *sr;
    ngx_http_postponed_request_t  **p, *link;

    sr = a->request;

    if (sr == NULL) {

        /* its next one will be started as any other */

        return;
    }

    c = r->connection;

    /* what was held back is the engine's flush behind the header */

    sr->background = 0;
    sr->postponed = NULL;

    if (c->data == r && r->postponed == NULL) {
        c->data = sr;
    }

    link = &ctx->hedge->link;

    link->request = sr;
    link->out = NULL;
    link->next = NULL;

    for (p = &r->postponed; *p; p = &(*p)->next) { /* void */ }

    *p = link;
}


static void
ngx_http_litellm_hedge_leave(ngx_http_request_t *r,
    ngx_http_litellm_attempt_t *a)
{
    ngx_http_request_t             *sr;
    ngx_http_postponed_request_t  **p;

    sr = a->request;

    if (sr == NULL) {
        return;
    }

    for (p = &r->postponed; *p; p = &(*p)->next) {
        if ((*p)->request == sr) {
            *p = (*p)->next;
            break;
        }
    }

    if (r->connection->data == sr) {
        r->connection->data = r;
    }

    sr->background = 1;
}


static void
ngx_http_litellm_hedge_drop(ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_attempt_t *a)
{
    ngx_http_request_t  *sr;

    sr = a->request;

    if (!a->second && a->lease.state != NULL) {

        /* or the slow ones would never be in the percentile */

        ngx_http_litellm_state_waited(a->lease.state, a->call->stream,
                                      ngx_current_msec - a->start);
    }

    ngx_http_litellm_attempt_cancel(a, NGX_LITELLM_API_CONNECTION,
                                    "another deployment answered first");

    if (sr != NULL) {

        /* it may have been posted meanwhile */

        sr->write_event_handler = ngx_http_request_empty_handler;
    }

    ngx_http_litellm_attempt_settle(a, 1);
}


/*
 * Each of two engines has a list of its own; behind a zeroed element, which is
 * what nginx puts between requests, its states go to the parent's list.
 */

ngx_int_t
ngx_http_litellm_hedge_states(ngx_http_litellm_ctx_t *ctx,
    ngx_http_request_t *sr)
{
    void                       *old;
    ngx_array_t                *states, *own;
    ngx_http_upstream_state_t  *state;

    states = sr->parent->upstream_states;
    own = sr->upstream_states;

    if (own == NULL || own == states) {
        return NGX_OK;
    }

    old = states->elts;

    state = ngx_array_push_n(states, own->nelts + 1);
    if (state == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(state, sizeof(ngx_http_upstream_state_t));
    ngx_memcpy(state + 1, own->elts,
               own->nelts * sizeof(ngx_http_upstream_state_t));

    if (states->elts != old && ctx->hedge != NULL) {
        ngx_http_litellm_hedge_moved(ctx->attempt, states, old);
        ngx_http_litellm_hedge_moved(ctx->hedge->attempt, states, old);
        ngx_http_litellm_hedge_moved(ctx->hedge->loser, states, old);
    }

    sr->upstream_states = states;

    return NGX_OK;
}


/* an engine that runs writes into the list */

static void
ngx_http_litellm_hedge_moved(ngx_http_litellm_attempt_t *a,
    ngx_array_t *states, void *old)
{
    ngx_http_upstream_t  *u;

    if (a == NULL || a->done || a->request == NULL
        || a->request->upstream_states != states)
    {
        return;
    }

    u = a->request->upstream;

    if (u != NULL && u->state != NULL) {
        u->state = (ngx_http_upstream_state_t *) states->elts
                   + (u->state - (ngx_http_upstream_state_t *) old);
    }
}
