
/*
 * Variables: what is known of a request for access logs, maps and headers.
 * Added before the configuration is read; a getter looks at the request's
 * context and finds nothing ("-" in a log) where it does not know.
 *
 * They are asked for at any time and change nothing: what has not ended yet is
 * told as it stands, so a log line of a client that left has what its request
 * took, whichever log handler runs first.
 *
 * Names may come from clients: without control characters and cut, so that a
 * header may have them, and no log line grows with them.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_cache.h"
#include "ngx_http_litellm_cost.h"
#include "ngx_http_litellm_outcome.h"
#include "ngx_http_litellm_redis.h"


/* bytes of a name */
#define NGX_HTTP_LITELLM_VARIABLE_LEN  512


typedef enum {
    NGX_HTTP_LITELLM_V_CALL_ID = 0,
    NGX_HTTP_LITELLM_V_MODEL,
    NGX_HTTP_LITELLM_V_GROUP,
    NGX_HTTP_LITELLM_V_PROVIDER,
    NGX_HTTP_LITELLM_V_PROVIDER_MODEL,
    NGX_HTTP_LITELLM_V_DEPLOYMENT,
    NGX_HTTP_LITELLM_V_FINISH,
    NGX_HTTP_LITELLM_V_CLASS,
    NGX_HTTP_LITELLM_V_STREAM,

    NGX_HTTP_LITELLM_V_KEY_ALIAS,
    NGX_HTTP_LITELLM_V_KEY_HASH,
    NGX_HTTP_LITELLM_V_USER,
    NGX_HTTP_LITELLM_V_TEAM,
    NGX_HTTP_LITELLM_V_END_USER,

    NGX_HTTP_LITELLM_V_PROMPT,
    NGX_HTTP_LITELLM_V_COMPLETION,
    NGX_HTTP_LITELLM_V_CACHED,
    NGX_HTTP_LITELLM_V_REASONING,
    NGX_HTTP_LITELLM_V_TOTAL,
    NGX_HTTP_LITELLM_V_ESTIMATED,

    NGX_HTTP_LITELLM_V_ATTEMPTS,
    NGX_HTTP_LITELLM_V_FALLBACKS,

    NGX_HTTP_LITELLM_V_TTFT,
    NGX_HTTP_LITELLM_V_UPSTREAM,
    NGX_HTTP_LITELLM_V_OVERHEAD,
    NGX_HTTP_LITELLM_V_REDIS
} ngx_http_litellm_variable_e;


static ngx_http_litellm_ctx_t *ngx_http_litellm_variable_ctx(
    ngx_http_request_t *r);
static ngx_http_litellm_ctx_t *ngx_http_litellm_variable_call(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_litellm_variable_cost(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_litellm_variable_call_text(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static void ngx_http_litellm_variable_attempt_text(
    ngx_http_litellm_attempt_t *a, ngx_str_t *text, uintptr_t data);
static ngx_int_t ngx_http_litellm_variable_who(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_litellm_variable_class(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_litellm_variable_tokens(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_litellm_variable_count(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_litellm_variable_time(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_litellm_variable_redis(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_litellm_variable_waited(
    ngx_http_litellm_ctx_t *ctx, ngx_msec_t *ms);
static ngx_int_t ngx_http_litellm_variable_cache(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_litellm_variable_cache_age(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_litellm_variable_text(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_str_t *text);
static ngx_uint_t ngx_http_litellm_variable_dirty(const u_char *p,
    size_t len);
static ngx_int_t ngx_http_litellm_variable_number(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, int64_t n);


#define ngx_http_litellm_var(name, handler, id)                               \
    { ngx_string("litellm_" name), NULL, ngx_http_litellm_variable_##handler, \
      NGX_HTTP_LITELLM_V_##id, NGX_HTTP_VAR_NOCACHEABLE, 0 }


static ngx_http_variable_t  ngx_http_litellm_vars[] = {

    { ngx_string("litellm_cost"), NULL, ngx_http_litellm_variable_cost, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("litellm_cache_status"), NULL,
      ngx_http_litellm_variable_cache, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("litellm_log"), NULL, ngx_http_litellm_log_line, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },
    { ngx_string("litellm_cache_age"), NULL,
      ngx_http_litellm_variable_cache_age, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("litellm_spend_log"), NULL, ngx_http_litellm_spend_log, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    ngx_http_litellm_var("call_id", call_text, CALL_ID),
    ngx_http_litellm_var("model", call_text, MODEL),
    ngx_http_litellm_var("model_group", call_text, GROUP),
    ngx_http_litellm_var("provider", call_text, PROVIDER),
    ngx_http_litellm_var("provider_model", call_text, PROVIDER_MODEL),
    ngx_http_litellm_var("deployment", call_text, DEPLOYMENT),
    ngx_http_litellm_var("finish_reason", call_text, FINISH),
    ngx_http_litellm_var("stream", call_text, STREAM),
    ngx_http_litellm_var("error_class", class, CLASS),

    ngx_http_litellm_var("key_alias", who, KEY_ALIAS),
    ngx_http_litellm_var("key_hash", who, KEY_HASH),
    ngx_http_litellm_var("user", who, USER),
    ngx_http_litellm_var("team", who, TEAM),
    ngx_http_litellm_var("end_user", who, END_USER),

    ngx_http_litellm_var("prompt_tokens", tokens, PROMPT),
    ngx_http_litellm_var("completion_tokens", tokens, COMPLETION),
    ngx_http_litellm_var("cached_tokens", tokens, CACHED),
    ngx_http_litellm_var("reasoning_tokens", tokens, REASONING),
    ngx_http_litellm_var("total_tokens", tokens, TOTAL),
    ngx_http_litellm_var("usage_estimated", tokens, ESTIMATED),

    ngx_http_litellm_var("attempts", count, ATTEMPTS),
    ngx_http_litellm_var("fallbacks", count, FALLBACKS),

    ngx_http_litellm_var("ttft", time, TTFT),
    ngx_http_litellm_var("upstream_time", time, UPSTREAM),
    ngx_http_litellm_var("overhead_time", time, OVERHEAD),

    { ngx_string("litellm_redis"), NULL, ngx_http_litellm_variable_redis, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    ngx_http_litellm_var("redis_time", time, REDIS),

      ngx_http_null_variable
};


ngx_int_t
ngx_http_litellm_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_litellm_vars; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;

        ngx_http_litellm_log_line_member(v);
    }

    return NGX_OK;
}


/* of a client's request; NULL: it is none, or nothing is known of it yet */

static ngx_http_litellm_ctx_t *
ngx_http_litellm_variable_ctx(ngx_http_request_t *r)
{
    ngx_http_litellm_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_litellm_module);

    if (ctx != NULL && ctx->role.attempt) {
        ctx = ctx->role.attempt->ctx;
    }

    return ctx;
}


/* the same of a request for a model */

static ngx_http_litellm_ctx_t *
ngx_http_litellm_variable_call(ngx_http_request_t *r)
{
    ngx_http_litellm_ctx_t  *ctx;

    ctx = ngx_http_litellm_variable_ctx(r);

    if (ctx == NULL || ctx->api == NULL || ctx->api->format == NULL) {
        return NULL;
    }

    return ctx;
}


/* dollars of all attempts so far; without a price for any of it: nothing */

static ngx_int_t
ngx_http_litellm_variable_cost(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    int64_t                  sum;
    ngx_http_litellm_ctx_t  *ctx;

    ctx = ngx_http_litellm_variable_call(r);

    if (ctx == NULL
        || (ngx_http_litellm_cost_sum(ctx, &sum) != NGX_OK && sum == 0))
    {
        v->not_found = 1;
        return NGX_OK;
    }

    v->data = ngx_pnalloc(r->pool, NGX_LITELLM_MONEY_LEN);
    if (v->data == NULL) {
        return NGX_ERROR;
    }

    v->len = ngx_litellm_money_print(v->data, sum) - v->data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_variable_call_text(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                text;
    ngx_http_litellm_ctx_t  *ctx;

    ngx_str_null(&text);

    ctx = ngx_http_litellm_variable_call(r);

    if (ctx != NULL) {

        switch (data) {

        case NGX_HTTP_LITELLM_V_CALL_ID:
            text = ctx->call_id;
            break;

        case NGX_HTTP_LITELLM_V_MODEL:
            text = ctx->call.model;
            break;

        case NGX_HTTP_LITELLM_V_GROUP:
            text = ctx->group;
            break;

        case NGX_HTTP_LITELLM_V_STREAM:

            /* known when the body was looked at */

            if (ctx->call.config != NULL) {
                text.data = (u_char *) (ctx->call.stream ? "1" : "0");
                text.len = 1;
            }

            break;

        default:
            if (ctx->attempt != NULL) {
                ngx_http_litellm_variable_attempt_text(ctx->attempt, &text,
                                                       data);
            }
        }
    }

    return ngx_http_litellm_variable_text(r, v, &text);
}


static void
ngx_http_litellm_variable_attempt_text(ngx_http_litellm_attempt_t *a,
    ngx_str_t *text, uintptr_t data)
{
    ngx_litellm_finish_e  finish;

    switch (data) {

    case NGX_HTTP_LITELLM_V_PROVIDER:
        if (a->deployment->provider != NULL) {
            *text = a->deployment->provider->name;
        }

        break;

    case NGX_HTTP_LITELLM_V_PROVIDER_MODEL:
        *text = a->call->provider_model;
        break;

    case NGX_HTTP_LITELLM_V_DEPLOYMENT:
        *text = a->deployment->id;
        break;

    default: /* NGX_HTTP_LITELLM_V_FINISH */

        finish = a->facts.finish;

        if (finish == NGX_LITELLM_FINISH_NONE && a->answer != NULL) {
            finish = a->answer->finish;
        }

        *text = *ngx_litellm_finish_name(finish);
    }
}


/* known from the access phase on, but for what the body or a variable says */

static ngx_int_t
ngx_http_litellm_variable_who(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                text;
    ngx_http_litellm_ctx_t  *ctx;
    ngx_http_litellm_who_t  *who;

    ngx_str_null(&text);

    ctx = ngx_http_litellm_variable_ctx(r);

    if (ctx != NULL) {

        who = &ctx->who;

        switch (data) {

        case NGX_HTTP_LITELLM_V_KEY_ALIAS:
            if (who->key != NULL) {
                text = who->key->alias;
            }

            break;

        case NGX_HTTP_LITELLM_V_KEY_HASH:
            if (who->key != NULL) {
                text = who->key->id;

            } else if (who->master) {

                /* LiteLLM's word for it */

                ngx_str_set(&text, "litellm_proxy_master_key");
            }

            break;

        case NGX_HTTP_LITELLM_V_USER:
            text = who->user_id;
            break;

        case NGX_HTTP_LITELLM_V_TEAM:
            text = who->team_id;
            break;

        default: /* NGX_HTTP_LITELLM_V_END_USER */
            text = who->end_user_id;
        }
    }

    return ngx_http_litellm_variable_text(r, v, &text);
}


static ngx_int_t
ngx_http_litellm_variable_class(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                text;
    ngx_litellm_class_e      class;
    ngx_http_litellm_ctx_t  *ctx;

    ngx_str_null(&text);

    ctx = ngx_http_litellm_variable_ctx(r);

    if (ctx != NULL) {
        class = ngx_http_litellm_outcome_class(ctx);

        if (class != NGX_LITELLM_NO_ERROR) {
            text = *ngx_litellm_error_class(class);
        }
    }

    return ngx_http_litellm_variable_text(r, v, &text);
}


static ngx_int_t
ngx_http_litellm_variable_tokens(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    int64_t                  n;
    ngx_litellm_usage_t      usage;
    ngx_http_litellm_ctx_t  *ctx;

    ctx = ngx_http_litellm_variable_call(r);

    if (ctx == NULL
        || ngx_http_litellm_outcome_usage(ctx, &usage) != NGX_OK)
    {
        v->not_found = 1;
        return NGX_OK;
    }

    switch (data) {

    case NGX_HTTP_LITELLM_V_PROMPT:
        n = usage.prompt;
        break;

    case NGX_HTTP_LITELLM_V_COMPLETION:
        n = usage.completion;
        break;

    case NGX_HTTP_LITELLM_V_CACHED:
        n = usage.cached;
        break;

    case NGX_HTTP_LITELLM_V_REASONING:
        n = usage.reasoning;
        break;

    case NGX_HTTP_LITELLM_V_ESTIMATED:
        n = usage.estimated;
        break;

    default: /* NGX_HTTP_LITELLM_V_TOTAL */
        n = usage.total;
    }

    return ngx_http_litellm_variable_number(r, v, n);
}


static ngx_int_t
ngx_http_litellm_variable_count(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_litellm_ctx_t  *ctx;

    ctx = ngx_http_litellm_variable_call(r);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_litellm_variable_number(r, v,
                                     (data == NGX_HTTP_LITELLM_V_ATTEMPTS)
                                     ? ctx->attempts : ctx->fallbacks);
}


/* seconds, as $upstream_response_time */

static ngx_int_t
ngx_http_litellm_variable_time(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                  *p;
    ngx_int_t                rc;
    ngx_msec_t               ms, other;
    ngx_http_litellm_ctx_t  *ctx;

    rc = NGX_DECLINED;
    ms = 0;

    ctx = ngx_http_litellm_variable_call(r);

    if (ctx != NULL) {

        switch (data) {

        case NGX_HTTP_LITELLM_V_TTFT:
            rc = ngx_http_litellm_outcome_ttft(ctx, &ms);
            break;

        case NGX_HTTP_LITELLM_V_UPSTREAM:
            rc = ngx_http_litellm_outcome_times(ctx, &ms, &other);
            break;

        case NGX_HTTP_LITELLM_V_REDIS:
            rc = ngx_http_litellm_variable_waited(ctx, &ms);
            break;

        default: /* NGX_HTTP_LITELLM_V_OVERHEAD */
            rc = ngx_http_litellm_outcome_times(ctx, &other, &ms);
        }
    }

    if (rc != NGX_OK) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_TIME_T_LEN + 4);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->data = p;

    p = ngx_litellm_out_digits(p, ms / 1000);
    *p++ = '.';
    p = ngx_litellm_out_fixed(p, (uint32_t) (ms % 1000), 3);

    v->len = p - v->data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


/* who has let the request in; nothing where limits are not shared */

static ngx_int_t
ngx_http_litellm_variable_redis(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_litellm_ctx_t        *ctx;
    ngx_http_litellm_main_conf_t  *mcf;

    static ngx_str_t  decided[] = {
        ngx_null_string,
        ngx_string("local"),
        ngx_string("async"),
        ngx_string("exact"),
        ngx_string("partial"),
        ngx_string("failopen"),
        ngx_string("failclosed"),
        ngx_string("waiting")
    };

    ctx = ngx_http_litellm_variable_call(r);
    mcf = ngx_http_get_module_main_conf(r, ngx_http_litellm_module);

    if (ctx == NULL || ctx->decided == NGX_HTTP_LITELLM_DECIDED_NOT
        || mcf->redis == NULL
        || mcf->redis->limits == NGX_HTTP_LITELLM_REDIS_OFF)
    {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_litellm_variable_text(r, v, &decided[ctx->decided]);
}


/* ms; NGX_DECLINED: Redis was not asked */

static ngx_int_t
ngx_http_litellm_variable_waited(ngx_http_litellm_ctx_t *ctx, ngx_msec_t *ms)
{
    if (!ctx->redis_asked) {
        return NGX_DECLINED;
    }

    *ms = (ctx->decided == NGX_HTTP_LITELLM_DECIDED_WAITS)
          ? ngx_current_msec - ctx->asked : ctx->waited;

    return NGX_OK;
}


/* HIT, PARTIAL, COALESCED ...; nothing where no cache is configured */

static ngx_int_t
ngx_http_litellm_variable_cache(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_litellm_ctx_t  *ctx;

    static ngx_str_t  names[] = {
        ngx_null_string,
        ngx_string("BYPASS"),
        ngx_string("MISS"),
        ngx_string("EXPIRED"),
        ngx_string("PARTIAL"),
        ngx_string("HIT"),
        ngx_string("COALESCED")
    };

    ctx = ngx_http_litellm_variable_ctx(r);

    if (ctx == NULL || ctx->cache == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_litellm_variable_text(r, v, &names[ctx->cache->status]);
}


static ngx_int_t
ngx_http_litellm_variable_cache_age(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_litellm_ctx_t  *ctx;

    ctx = ngx_http_litellm_variable_ctx(r);

    if (ctx == NULL || ctx->cache == NULL || ctx->cache->stored == 0
        || ctx->cache->status != NGX_HTTP_LITELLM_CACHE_HIT)
    {
        v->not_found = 1;
        return NGX_OK;
    }

    /* the clock may have been set back */

    return ngx_http_litellm_variable_number(r, v,
                             ngx_max(ngx_time() - ctx->cache->stored, 0));
}


static ngx_int_t
ngx_http_litellm_variable_text(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_str_t *text)
{
    size_t   i, len;
    u_char  *p;

    if (text->len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = text->data;
    len = text->len;

    if (len > NGX_HTTP_LITELLM_VARIABLE_LEN) {
        len = NGX_HTTP_LITELLM_VARIABLE_LEN;

        /* not in the middle of a UTF-8 sequence */

        while (len && (p[len] & 0xc0) == 0x80) {
            len--;
        }
    }

    if (ngx_http_litellm_variable_dirty(p, len)) {
        p = ngx_pnalloc(r->pool, len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        for (i = 0; i < len; i++) {
            p[i] = (text->data[i] < 0x20 || text->data[i] == 0x7f)
                   ? '?' : text->data[i];
        }
    }

    v->data = p;
    v->len = len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


/* true if there is a control character: looked for in 8 bytes at once */

static ngx_uint_t
ngx_http_litellm_variable_dirty(const u_char *p, size_t len)
{
    size_t    i;
    uint64_t  w, del, found;

    found = 0;

    if (len >= 8) {

        for (i = 0; i < len; i += 8) {

            /* some bytes of the last one twice */

            ngx_memcpy(&w, p + ngx_min(i, len - 8), 8);

            del = w ^ 0x7f7f7f7f7f7f7f7fULL;

            found |= ((w - 0x2020202020202020ULL) & ~w)
                     | ((del - 0x0101010101010101ULL) & ~del);
        }

        if (!(found & 0x8080808080808080ULL)) {
            return 0;
        }

        /* a byte behind one that is found may be found without a reason */
    }

    for (i = 0; i < len; i++) {
        if (p[i] < 0x20 || p[i] == 0x7f) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_litellm_variable_number(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, int64_t n)
{
    u_char         *p;

    static u_char   digits[] = "0123456789";

    if (n < 10) {
        v->data = &digits[ngx_max(n, 0)];
        v->len = 1;

    } else {
        p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
        if (p == NULL) {
            return NGX_ERROR;
        }

        v->data = p;
        v->len = ngx_litellm_out_digits(p, (uint64_t) n) - p;
    }

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}
