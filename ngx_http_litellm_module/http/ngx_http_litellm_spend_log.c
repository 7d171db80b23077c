
/*
 * $litellm_spend_log: what a request to a model was and took, as a JSON object
 * on one line, with the members of LiteLLM's StandardLoggingPayload that a
 * gateway knows.  It is made when a log asks for it: nginx's access log writes
 * it, buffered as configured.
 *
 * Names may come from clients: they are escaped and cut.  Prompts, answers and
 * messages of errors are in it only if litellm_log_content asks for them.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_cache.h"
#include "ngx_http_litellm_cost.h"
#include "ngx_http_litellm_outcome.h"
#include "ngx_http_litellm_pick.h"


/* bytes of a name, and tags */
#define NGX_HTTP_LITELLM_SPEND_NAME  512
#define NGX_HTTP_LITELLM_SPEND_TAGS  32


/* it was answered by what another request has asked for */
#define ngx_http_litellm_spend_kept(ctx)                                      \
    ((ctx)->cache != NULL                                                     \
     && (ctx)->cache->status >= NGX_HTTP_LITELLM_CACHE_HIT)

/* lit: the member's name with its comma and colon */
#define ngx_http_litellm_spend_text(out, name, text)                          \
    ngx_litellm_out_lit(out, ",\"" name "\":");                               \
    ngx_http_litellm_spend_name(out, text)

#define ngx_http_litellm_spend_int(out, name, n)                              \
    ngx_litellm_out_lit(out, ",\"" name "\":");                               \
    ngx_litellm_out_int(out, n)


static void ngx_http_litellm_spend_write(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_out_t *out);
static void ngx_http_litellm_spend_times(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_out_t *out);
static void ngx_http_litellm_spend_time(ngx_litellm_out_t *out, uint64_t ms);
static void ngx_http_litellm_spend_model(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_out_t *out);
static void ngx_http_litellm_spend_usage(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_out_t *out, ngx_litellm_usage_t *usage);
static void ngx_http_litellm_spend_cache(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_out_t *out);
static void ngx_http_litellm_spend_client(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_out_t *out);
static void ngx_http_litellm_spend_metadata(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_out_t *out, ngx_litellm_usage_t *usage);
static void ngx_http_litellm_spend_error(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_out_t *out, ngx_litellm_class_e class);
static void ngx_http_litellm_spend_name(ngx_litellm_out_t *out,
    const ngx_str_t *text);


static ngx_str_t  ngx_http_litellm_spend_types[] = {
    ngx_string("acompletion"),
    ngx_string("atext_completion"),
    ngx_string("aembedding"),
    ngx_string("arerank")
};


ngx_int_t
ngx_http_litellm_spend_log(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                text;
    ngx_litellm_out_t        out;
    ngx_http_litellm_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_litellm_module);

    if (ctx == NULL || ctx->role.attempt || ctx->api == NULL
        || ctx->api->format == NULL)
    {
        v->not_found = 1;
        return NGX_OK;
    }

    ngx_litellm_out_init(&out, r->pool);
    out.chunk = 2048;

    ngx_http_litellm_spend_write(ctx, &out);

    if (ngx_litellm_out_join(&out, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    v->data = text.data;
    v->len = text.len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static void
ngx_http_litellm_spend_write(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_out_t *out)
{
    int64_t              cost;
    u_char               money[NGX_LITELLM_MONEY_LEN];
    ngx_uint_t           status;
    ngx_litellm_class_e  class;
    ngx_litellm_usage_t  usage;

    class = ngx_http_litellm_outcome_class(ctx);
    status = ctx->request->headers_out.status;

    ngx_litellm_out_lit(out, "{\"id\":");
    ngx_http_litellm_spend_name(out, &ctx->call_id);
    ngx_http_litellm_spend_text(out, "call_type",
                              &ngx_http_litellm_spend_types[ctx->call.op]);

    ngx_litellm_out_lit(out, ",\"stream\":");

    if (ctx->call.stream) {
        ngx_litellm_out_lit(out, "true");

    } else {
        ngx_litellm_out_lit(out, "false");
    }

    ngx_litellm_out_lit(out, ",\"status\":");

    if (class == NGX_LITELLM_NO_ERROR && status == NGX_HTTP_OK) {
        ngx_litellm_out_lit(out, "\"success\"");

    } else {
        ngx_litellm_out_lit(out, "\"failure\"");
    }

    ngx_http_litellm_spend_int(out, "status_code", status);

    ngx_litellm_out_lit(out, ",\"response_cost\":");

    if (ngx_http_litellm_cost_sum(ctx, &cost) != NGX_OK && cost == 0
        && !ngx_http_litellm_spend_kept(ctx))
    {
        ngx_litellm_out_lit(out, "null");

    } else {
        ngx_litellm_out_copy(out, money,
                             ngx_litellm_money_print(money, cost) - money);
    }

    ngx_http_litellm_spend_usage(ctx, out, &usage);
    ngx_http_litellm_spend_times(ctx, out);
    ngx_http_litellm_spend_model(ctx, out);
    ngx_http_litellm_spend_cache(ctx, out);
    ngx_http_litellm_spend_client(ctx, out);
    ngx_http_litellm_spend_metadata(ctx, out, &usage);
    ngx_http_litellm_spend_error(ctx, out, class);

    ngx_litellm_out_lit(out, ",\"messages\":");
    ngx_http_litellm_content_request(ctx, out);
    ngx_litellm_out_lit(out, ",\"response\":");
    ngx_http_litellm_content_response(ctx, out);

    ngx_litellm_out_lit(out, "}");
}


static void
ngx_http_litellm_spend_usage(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_out_t *out, ngx_litellm_usage_t *usage)
{
    /* of nothing that was asked it is zero */

    (void) ngx_http_litellm_outcome_usage(ctx, usage);

    ngx_http_litellm_spend_int(out, "prompt_tokens", usage->prompt);
    ngx_http_litellm_spend_int(out, "completion_tokens", usage->completion);
    ngx_http_litellm_spend_int(out, "total_tokens", usage->total);
}


/* seconds since 1970 */

static void
ngx_http_litellm_spend_times(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_out_t *out)
{
    uint64_t             start, end, begun;
    ngx_time_t          *tp;
    ngx_msec_t           ttft;
    ngx_http_request_t  *r;

    r = ctx->request;
    tp = ngx_timeofday();

    start = (uint64_t) r->start_sec * 1000 + r->start_msec;
    end = (uint64_t) tp->sec * 1000 + tp->msec;

    ngx_litellm_out_lit(out, ",\"startTime\":");
    ngx_http_litellm_spend_time(out, start);
    ngx_litellm_out_lit(out, ",\"endTime\":");
    ngx_http_litellm_spend_time(out, end);
    ngx_litellm_out_lit(out, ",\"completionStartTime\":");

    if (ngx_http_litellm_outcome_ttft(ctx, &ttft) == NGX_OK) {
        begun = end - (ngx_current_msec - (ctx->start + ttft));
        ngx_http_litellm_spend_time(out, begun);

    } else {
        ngx_litellm_out_lit(out, "null");
    }

    ngx_litellm_out_lit(out, ",\"response_time\":");
    ngx_http_litellm_spend_time(out, (end > start) ? end - start : 0);
}


static void
ngx_http_litellm_spend_time(ngx_litellm_out_t *out, uint64_t ms)
{
    u_char  buf[NGX_INT64_LEN + 4];

    ngx_litellm_out_copy(out, buf,
                         ngx_sprintf(buf, "%uL.%03uL", ms / 1000, ms % 1000)
                         - buf);
}


static void
ngx_http_litellm_spend_model(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_out_t *out)
{
    ngx_str_t                    none, base;
    ngx_litellm_deployment_t    *d;
    ngx_http_litellm_attempt_t  *a;

    ngx_str_null(&none);

    a = ctx->attempt;
    d = a ? a->deployment : NULL;

    ngx_http_litellm_spend_text(out, "model",
                                a ? &a->call->provider_model
                                  : &ctx->call.model);
    ngx_http_litellm_spend_text(out, "requested_model", &ctx->call.model);
    ngx_http_litellm_spend_text(out, "model_group", &ctx->group);
    ngx_http_litellm_spend_text(out, "model_id", d ? &d->id : &none);
    ngx_http_litellm_spend_text(out, "custom_llm_provider",
                                (d && d->provider) ? &d->provider->name
                                                   : &none);

    /* without a user and a query */

    ngx_litellm_out_lit(out, ",\"api_base\":\"");

    if (d != NULL && d->url.host.len) {
        base = d->url.path;

        if (d->url.tls) {
            ngx_litellm_out_lit(out, "https://");

        } else {
            ngx_litellm_out_lit(out, "http://");
        }

        ngx_litellm_out_escape(out, d->url.authority.data,
                               d->url.authority.len);
        ngx_litellm_out_escape(out, base.data, base.len);
    }

    ngx_litellm_out_lit(out, "\"");

    ngx_http_litellm_spend_int(out, "attempts", ctx->attempts);
    ngx_http_litellm_spend_int(out, "fallbacks", ctx->fallbacks);
}


static void
ngx_http_litellm_spend_cache(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_out_t *out)
{
    u_char  key[2 * NGX_LITELLM_CACHE_KEY];
    u_char  money[NGX_LITELLM_MONEY_LEN];

    if (!ngx_http_litellm_spend_kept(ctx)) {
        ngx_litellm_out_lit(out, ",\"cache_hit\":false,\"cache_key\":null"
                                 ",\"saved_cache_cost\":0");
        return;
    }

    ngx_litellm_out_lit(out, ",\"cache_hit\":true,\"cache_key\":\"");
    ngx_litellm_out_copy(out, key, ngx_hex_dump(key, ctx->cache->key,
                                                NGX_LITELLM_CACHE_KEY) - key);
    ngx_litellm_out_lit(out, "\",\"saved_cache_cost\":");
    ngx_litellm_out_copy(out, money,
                         ngx_litellm_money_print(money,
                                             ngx_max(ctx->cache->saved, 0))
                         - money);
}


static void
ngx_http_litellm_spend_client(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_out_t *out)
{
    ngx_str_t                none;
    ngx_uint_t               i, n;
    ngx_table_elt_t         *agent;
    ngx_http_litellm_tag_t  *tag;

    ngx_str_null(&none);

    agent = ctx->request->headers_in.user_agent;

    ngx_http_litellm_spend_text(out, "end_user", &ctx->who.end_user_id);
    ngx_http_litellm_spend_text(out, "requester_ip_address",
                                &ctx->request->connection->addr_text);
    ngx_http_litellm_spend_text(out, "user_agent",
                                agent ? &agent->value : &none);

    ngx_litellm_out_lit(out, ",\"request_tags\":[");

    if (ctx->tags != NULL) {
        tag = ctx->tags->elts;
        n = ngx_min(ctx->tags->nelts, NGX_HTTP_LITELLM_SPEND_TAGS);

        for (i = 0; i < n; i++) {

            if (i) {
                ngx_litellm_out_lit(out, ",");
            }

            ngx_http_litellm_spend_name(out, &tag[i].name);
        }
    }

    ngx_litellm_out_lit(out, "]");
}


static void
ngx_http_litellm_spend_metadata(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_out_t *out, ngx_litellm_usage_t *usage)
{
    ngx_str_t                none, hash;
    ngx_http_litellm_who_t  *who;

    ngx_str_null(&none);

    who = &ctx->who;
    hash = none;

    if (who->key != NULL) {
        hash = who->key->id;

    } else if (who->master) {
        ngx_str_set(&hash, "litellm_proxy_master_key");
    }

    ngx_litellm_out_lit(out, ",\"metadata\":{\"user_api_key_hash\":");
    ngx_http_litellm_spend_name(out, &hash);
    ngx_http_litellm_spend_text(out, "user_api_key_alias",
                                who->key ? &who->key->alias : &none);
    ngx_http_litellm_spend_text(out, "user_api_key_team_id", &who->team_id);
    ngx_http_litellm_spend_text(out, "user_api_key_team_alias",
                                who->team ? &who->team->alias : &none);
    ngx_http_litellm_spend_text(out, "user_api_key_user_id", &who->user_id);
    ngx_http_litellm_spend_text(out, "user_api_key_end_user_id",
                                &who->end_user_id);

    ngx_litellm_out_lit(out, ",\"usage_object\":{\"cached_tokens\":");
    ngx_litellm_out_int(out, usage->cached);
    ngx_http_litellm_spend_int(out, "reasoning_tokens", usage->reasoning);

    if (usage->estimated) {
        ngx_litellm_out_lit(out, ",\"estimated\":true");
    }

    ngx_litellm_out_lit(out, "}}");
}


static void
ngx_http_litellm_spend_error(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_out_t *out, ngx_litellm_class_e class)
{
    ngx_litellm_error_t  *e;

    if (class == NGX_LITELLM_NO_ERROR) {
        ngx_litellm_out_lit(out, ",\"error_str\":null"
                                 ",\"error_information\":null");
        return;
    }

    e = (ctx->error.class != NGX_LITELLM_NO_ERROR || ctx->attempt == NULL)
        ? &ctx->error : &ctx->attempt->error;

    ngx_litellm_out_lit(out, ",\"error_str\":");
    ngx_http_litellm_content_error(ctx, out, &e->message);

    ngx_litellm_out_lit(out, ",\"error_information\":{\"error_code\":\"");
    ngx_litellm_out_int(out, (int64_t) e->status);
    ngx_litellm_out_lit(out, "\"");
    ngx_http_litellm_spend_text(out, "error_class",
                                ngx_litellm_error_class(class));
    ngx_litellm_out_lit(out, "}");
}


/* null without one */

static void
ngx_http_litellm_spend_name(ngx_litellm_out_t *out, const ngx_str_t *text)
{
    ngx_str_t  part;

    if (text->len == 0) {
        ngx_litellm_out_lit(out, "null");
        return;
    }

    part = *text;

    if (part.len > NGX_HTTP_LITELLM_SPEND_NAME) {
        part.len = NGX_HTTP_LITELLM_SPEND_NAME;

        /* not in the middle of a UTF-8 sequence */

        while (part.len && (part.data[part.len] & 0xc0) == 0x80) {
            part.len--;
        }
    }

    ngx_litellm_out_json(out, &part);
}
