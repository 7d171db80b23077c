
/*
 * The walk over fallback groups, and the error in the end.  Depth first: a
 * fallback that fails has its own fallbacks tried before its siblings.  Each
 * group is tried once in a request, so cycles end; the depth is bounded by
 * max_fallbacks.
 */

#include "ngx_http_litellm.h"


#define NGX_HTTP_LITELLM_MAX_NOTE     2000


static ngx_array_t *ngx_http_litellm_route_targets(ngx_http_litellm_ctx_t
    *ctx, ngx_litellm_error_t *e);
static ngx_int_t ngx_http_litellm_route_final(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *last);


/* NGX_OK: ctx->group is another one; NGX_DECLINED: ctx->error is final */

ngx_int_t
ngx_http_litellm_route_fallback(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *e)
{
    ngx_int_t                  rc;
    ngx_str_t                 *name, *tried;
    ngx_uint_t                 i;
    ngx_array_t               *targets;
    ngx_litellm_error_t        last;
    ngx_http_litellm_frame_t  *frame;
    ngx_http_litellm_trail_t  *trail;

    trail = ngx_http_litellm_route_trail(ctx);
    if (trail == NULL) {
        return NGX_ERROR;
    }

    last = *e;

    if (ctx->fallbacks == 0) {
        trail->first_error = last;
    }

    targets = ngx_http_litellm_route_targets(ctx, &last);

    if (targets != NULL
        && (ngx_int_t) trail->frames.nelts
           < (ctx->max_fallbacks >= 0 ? ctx->max_fallbacks
                                      : ctx->call.config->max_fallbacks))
    {
        if (trail->frames.elts == NULL
            && ngx_array_init(&trail->frames, r->pool, 2,
                              sizeof(ngx_http_litellm_frame_t))
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        frame = ngx_array_push(&trail->frames);
        if (frame == NULL) {
            return NGX_ERROR;
        }

        frame->targets = targets;
        frame->next = 0;
    }

    while (trail->frames.nelts) {

        frame = (ngx_http_litellm_frame_t *) trail->frames.elts
                + trail->frames.nelts - 1;

        if (frame->next == frame->targets->nelts) {
            trail->frames.nelts--;
            continue;
        }

        name = (ngx_str_t *) frame->targets->elts + frame->next++;

        tried = trail->tried.elts;

        for (i = 0; i < trail->tried.nelts; i++) {
            if (tried[i].len == name->len
                && ngx_memcmp(tried[i].data, name->data, name->len) == 0)
            {
                break;
            }
        }

        if (i < trail->tried.nelts || !ngx_http_litellm_route_name(name)) {
            continue;
        }

        if (!ngx_http_litellm_who_allows(ctx, ctx->call.config, name)) {
            ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                          "litellm: no fallback to \"%V\": it is not allowed "
                          "to who asks", name);
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


/*
 * An answer that ended with content_filter: where the group has a fallback for
 * that it counts as refused.
 */

ngx_uint_t
ngx_http_litellm_route_filtered(ngx_http_litellm_attempt_t *a)
{
    ngx_litellm_error_t      e;
    ngx_litellm_config_t    *config;
    ngx_http_litellm_ctx_t  *ctx;

    ctx = a->ctx;
    config = ctx->call.config;

    if (a->facts.finish != NGX_LITELLM_FINISH_CONTENT_FILTER
        || a->committed || ctx->detached != NULL || config == NULL
        || (!config->has_content_policy_fallbacks
            && ctx->own_tables[NGX_HTTP_LITELLM_POLICY] == NULL))
    {
        return 0;
    }

    ngx_memzero(&e, sizeof(ngx_litellm_error_t));
    e.class = NGX_LITELLM_CONTENT_POLICY;

    if (ngx_http_litellm_route_targets(ctx, &e) == NULL) {
        return 0;
    }

    ngx_http_litellm_attempt_fail(a, NGX_LITELLM_CONTENT_POLICY, 400,
                                  "the answer was stopped by the provider's "
                                  "content filter");
    return 1;
}


static ngx_array_t *
ngx_http_litellm_route_targets(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_error_t *e)
{
    ngx_array_t             *table, **own;
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

    own = ctx->own_tables;

    if (e->class == NGX_LITELLM_CONTEXT_WINDOW
        && (own[NGX_HTTP_LITELLM_WINDOW]
            || config->has_context_window_fallbacks))
    {
        table = own[NGX_HTTP_LITELLM_WINDOW]
                ? own[NGX_HTTP_LITELLM_WINDOW]
                : &config->context_window_fallbacks;

    } else if (e->class == NGX_LITELLM_CONTENT_POLICY
               && (own[NGX_HTTP_LITELLM_POLICY]
                   || config->has_content_policy_fallbacks))
    {
        table = own[NGX_HTTP_LITELLM_POLICY]
                ? own[NGX_HTTP_LITELLM_POLICY]
                : &config->content_policy_fallbacks;

    } else {
        table = own[NGX_HTTP_LITELLM_GENERAL]
                ? own[NGX_HTTP_LITELLM_GENERAL] : &config->fallbacks;
    }

    fallback = ngx_litellm_config_fallback(table, &ctx->group);

    return fallback ? &fallback->targets : NULL;
}


/* the first group's error, with what became of it */

static ngx_int_t
ngx_http_litellm_route_final(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *last)
{
    u_char                    *p;
    size_t                     len;
    ngx_str_t                  note, text, message, *tried;
    ngx_uint_t                 i;
    ngx_http_litellm_trail_t  *trail;

    trail = ctx->trail;
    ctx->error = trail->first_error;

    if (!ctx->call.config->expose_router_debug) {
        return NGX_DECLINED;
    }

    tried = trail->tried.elts;

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

    for (i = 1; i < trail->tried.nelts; i++) {
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

        for (i = 1; i < trail->tried.nelts; i++) {
            p = ngx_sprintf(p, "%s%V", i > 1 ? ", " : " ", &tried[i]);
        }

        p = ngx_sprintf(p, ". The last one answered: %V", &text);
    }

    ctx->error.message.len = p - ctx->error.message.data;

    return NGX_DECLINED;
}
