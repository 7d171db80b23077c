
/*
 * Which deployments of a group a request's tags and its User-Agent lead to
 * (LiteLLM, tag_based_routing.py).  Asked by ngx_http_litellm_pick.c: the rule
 * once for each group that is tried, then each deployment by it.
 *
 * Tags of the request: a deployment must have one of them, or all of them
 * without tag_filtering_match_any, or a tag_regex that matches.  Without such
 * tags: a tag_regex that matches; else "default", if a deployment of the group
 * has that tag.  A tag that no deployment has leads nowhere: it is not taken
 * for no tag, unless a tag_routing_prefix tells which tags are for routing.
 *
 * A pattern is the operator's, what it is matched with is anybody's: the text
 * is short, the work of the engine is bounded, and each pattern is tried at
 * most once in a request.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_pick.h"


/* of User-Agent, for patterns */
#define NGX_HTTP_LITELLM_MAX_AGENT  1024

/* verbs that bound a match, understood by both generations of PCRE */
#define NGX_HTTP_LITELLM_LIMITS                                               \
    "(*LIMIT_MATCH=100000)(*LIMIT_RECURSION=5000)"


static ngx_uint_t ngx_http_litellm_pick_constraints(
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_deployment_t *d);
static ngx_uint_t ngx_http_litellm_pick_named(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_deployment_t *d);
static ngx_uint_t ngx_http_litellm_pick_by_regex(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_deployment_t *d);
static uint64_t ngx_http_litellm_pick_matches(ngx_http_litellm_ctx_t *ctx,
    uint64_t mask);
static ngx_uint_t ngx_http_litellm_pick_any(ngx_http_litellm_ctx_t *ctx);
static ngx_uint_t ngx_http_litellm_pick_has(ngx_litellm_deployment_t *d,
    u_char *tag, size_t len);


ngx_int_t
ngx_http_litellm_tag_regex(ngx_conf_t *cf, ngx_litellm_config_t *config)
{
#if (NGX_PCRE)
    u_char                    errstr[NGX_MAX_CONF_ERRSTR];
    ngx_regex_compile_t       rc;
#endif
    ngx_uint_t                i;
    ngx_litellm_tag_regex_t  *re;

    if (config->tag_regex == NULL) {
        return NGX_OK;
    }

    re = config->tag_regex->elts;

    for (i = 0; i < config->tag_regex->nelts; i++) {

#if (NGX_PCRE)

        ngx_memzero(&rc, sizeof(ngx_regex_compile_t));

        rc.pattern.len = sizeof(NGX_HTTP_LITELLM_LIMITS) - 1
                         + re[i].pattern.len;
        rc.pattern.data = ngx_pnalloc(cf->pool, rc.pattern.len + 1);

        if (rc.pattern.data == NULL) {
            return NGX_ERROR;
        }

        *ngx_sprintf(rc.pattern.data, NGX_HTTP_LITELLM_LIMITS "%V",
                     &re[i].pattern) = '\0';

        rc.pool = cf->pool;
        rc.err.len = NGX_MAX_CONF_ERRSTR;
        rc.err.data = errstr;

        if (ngx_regex_compile(&rc) != NGX_OK) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "%V:%ui: \"tag_regex\" must be a regular "
                          "expression: %V", &re[i].file, re[i].line,
                          &rc.err);
            return NGX_ERROR;
        }

        re[i].http = rc.regex;

#else

        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "%V:%ui: this nginx is built without PCRE: "
                      "\"tag_regex\" matches nothing", &re[i].file,
                      re[i].line);

#endif
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_pick_agent(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    u_char            *p;
    size_t             len;
    ngx_table_elt_t   *agent;

    agent = r->headers_in.user_agent;

    if (ctx->call.config->tag_regex == NULL || agent == NULL
        || agent->value.len == 0)
    {
        return NGX_OK;
    }

    len = ngx_min(agent->value.len, NGX_HTTP_LITELLM_MAX_AGENT);

    p = ngx_pnalloc(r->pool, sizeof("User-Agent: ") - 1 + len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->agent.data = p;

    p = ngx_cpymem(p, "User-Agent: ", sizeof("User-Agent: ") - 1);
    p = ngx_cpymem(p, agent->value.data, len);

    ctx->agent.len = p - ctx->agent.data;

    return NGX_OK;
}


void
ngx_http_litellm_pick_rule(ngx_http_litellm_ctx_t *ctx)
{
    ngx_uint_t               i, n[3];
    ngx_litellm_plan_t      *plan;
    ngx_http_litellm_tag_t  *tag;

    plan = ctx->plan;
    ctx->tag_rule = NGX_HTTP_LITELLM_TAGS_ALL;
    ctx->any_tags = 0;

    if (!plan->tag_filtering) {
        return;
    }

    ngx_memzero(n, sizeof(n));

    if (ctx->tags != NULL) {
        tag = ctx->tags->elts;

        for (i = 0; i < ctx->tags->nelts; i++) {

            tag[i].foreign = tag[i].kind == NGX_HTTP_LITELLM_TAG_PLAIN
                             && plan->tags != NULL && !tag[i].routing
                             && !ngx_litellm_plan_has_tag(plan,
                                                          tag[i].name.data,
                                                          tag[i].name.len);

            if (!tag[i].foreign) {
                n[tag[i].kind]++;
            }
        }
    }

    if (n[NGX_HTTP_LITELLM_TAG_PLAIN]) {
        ctx->tag_rule = NGX_HTTP_LITELLM_TAGS_NAMED;

    } else if (n[NGX_HTTP_LITELLM_TAG_MUST]) {
        ctx->tag_rule = NGX_HTTP_LITELLM_TAGS_CONSTRAINTS;

    } else if (plan->tag_regex && ctx->agent.len) {

        ctx->tag_rule = NGX_HTTP_LITELLM_TAGS_REGEX;

        if (!ngx_http_litellm_pick_matches(ctx, plan->tag_regex)
            || !ngx_http_litellm_pick_any(ctx))
        {
            ctx->tag_rule = NGX_HTTP_LITELLM_TAGS_DEFAULT;
        }

    } else if (plan->default_tag) {
        ctx->tag_rule = NGX_HTTP_LITELLM_TAGS_DEFAULT;

    } else if (n[NGX_HTTP_LITELLM_TAG_NOT]) {
        ctx->tag_rule = NGX_HTTP_LITELLM_TAGS_CONSTRAINTS;
    }

    /* model_info.allow_fail_open: what leads nowhere does not count */

    if (plan->tag_fail_open && !ngx_http_litellm_pick_any(ctx)) {
        ctx->any_tags = 1;
        ctx->tag_rule = plan->default_tag ? NGX_HTTP_LITELLM_TAGS_DEFAULT
                                          : NGX_HTTP_LITELLM_TAGS_ALL;
    }
}


/* does the rule lead to anybody? */

static ngx_uint_t
ngx_http_litellm_pick_any(ngx_http_litellm_ctx_t *ctx)
{
    ngx_uint_t                  i;
    ngx_litellm_deployment_t  **d;

    d = ctx->candidates->elts;

    for (i = 0; i < ctx->candidates->nelts; i++) {
        if (ngx_litellm_plan_callable(d[i])
            && ngx_http_litellm_pick_tagged(ctx, d[i]))
        {
            return 1;
        }
    }

    return 0;
}


ngx_uint_t
ngx_http_litellm_pick_tagged(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_deployment_t *d)
{
    if (ctx->tag_rule == NGX_HTTP_LITELLM_TAGS_ALL) {
        return 1;
    }

    if (ctx->tags != NULL && !ctx->any_tags
        && !ngx_http_litellm_pick_constraints(ctx, d))
    {
        return 0;
    }

    switch (ctx->tag_rule) {

    case NGX_HTTP_LITELLM_TAGS_DEFAULT:
        return ngx_http_litellm_pick_has(d, (u_char *) "default",
                                         sizeof("default") - 1);

    case NGX_HTTP_LITELLM_TAGS_REGEX:
        return ngx_http_litellm_pick_by_regex(ctx, d);

    case NGX_HTTP_LITELLM_TAGS_NAMED:
        return ngx_http_litellm_pick_named(ctx, d)
               || ngx_http_litellm_pick_by_regex(ctx, d);

    default: /* NGX_HTTP_LITELLM_TAGS_CONSTRAINTS */
        return 1;
    }
}


static ngx_uint_t
ngx_http_litellm_pick_constraints(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_deployment_t *d)
{
    ngx_uint_t               i;
    ngx_http_litellm_tag_t  *tag;

    tag = ctx->tags->elts;

    for (i = 0; i < ctx->tags->nelts; i++) {

        if (tag[i].kind != NGX_HTTP_LITELLM_TAG_PLAIN
            && ngx_http_litellm_pick_has(d, tag[i].name.data, tag[i].name.len)
               != (tag[i].kind == NGX_HTTP_LITELLM_TAG_MUST))
        {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_http_litellm_pick_named(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_deployment_t *d)
{
    ngx_uint_t               i, any;
    ngx_http_litellm_tag_t  *tag;

    any = (ctx->call.config->tag_match_any == 1);
    tag = ctx->tags->elts;

    for (i = 0; i < ctx->tags->nelts; i++) {

        if (tag[i].kind == NGX_HTTP_LITELLM_TAG_PLAIN && !tag[i].foreign
            && ngx_http_litellm_pick_has(d, tag[i].name.data, tag[i].name.len)
               == any)
        {
            return any;
        }
    }

    return !any;
}


/* where all tags are asked for, a pattern does not stand for those of one that
   has tags */

static ngx_uint_t
ngx_http_litellm_pick_by_regex(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_deployment_t *d)
{
    if (d->tag_regex == 0 || ctx->agent.len == 0
        || (ctx->call.config->tag_match_any != 1 && d->tags != NULL
            && d->tags->nelts))
    {
        return 0;
    }

    return ngx_http_litellm_pick_matches(ctx, d->tag_regex) != 0;
}


/* those of the mask that the request's agent matches */

static uint64_t
ngx_http_litellm_pick_matches(ngx_http_litellm_ctx_t *ctx, uint64_t mask)
{
#if (NGX_PCRE)
    uint64_t                  bit;
    ngx_uint_t                i;
    ngx_litellm_tag_regex_t  *re;

    re = ctx->call.config->tag_regex->elts;

    for (i = 0; i < ctx->call.config->tag_regex->nelts; i++) {

        bit = (uint64_t) 1 << i;

        if (!(mask & bit) || ((ctx->matched | ctx->unmatched) & bit)) {
            continue;
        }

        /* a match that was too much work is none, as any other failure */

        if (ngx_regex_exec((ngx_regex_t *) re[i].http, &ctx->agent, NULL, 0)
            >= 0)
        {
            ctx->matched |= bit;

        } else {
            ctx->unmatched |= bit;
        }
    }
#endif

    return ctx->matched & mask;
}


static ngx_uint_t
ngx_http_litellm_pick_has(ngx_litellm_deployment_t *d, u_char *tag,
    size_t len)
{
    ngx_str_t   *own;
    ngx_uint_t   i;

    if (d->tags == NULL) {
        return 0;
    }

    own = d->tags->elts;

    for (i = 0; i < d->tags->nelts; i++) {
        if (own[i].len == len && ngx_memcmp(own[i].data, tag, len) == 0) {
            return 1;
        }
    }

    return 0;
}
