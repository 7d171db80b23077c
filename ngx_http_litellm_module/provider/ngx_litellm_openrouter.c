
/*
 * OpenRouter, a variant of the OpenAI dialect (OpenRouter's API reference,
 * reasoning tokens, prompt caching, errors, app attribution).
 *
 * Its own members (provider, transforms, models, route, reasoning) pass as
 * they are, in the history too.  cache_control belongs to a part of a content
 * here, so that of a message moves into its last part.  Reasoning goes by
 * LiteLLM's name to the client; reasoning_details, which may be signed, stay.
 * A failure of the provider behind it comes with a good status: as a choice
 * with an error, or within a stream.  Usage, with the cost, comes in any case
 * and reaches the client of a stream only if it was asked for.
 */

#include "ngx_litellm_openai_dialect.h"


#define NGX_LITELLM_OPENROUTER_COST  64      /* bytes of a number */


typedef struct {
    ngx_str_t    site;                       /* HTTP-Referer */
    ngx_str_t    app;                        /* X-Title */
} ngx_litellm_openrouter_t;


static uint64_t ngx_litellm_openrouter_supported(ngx_litellm_call_t *call);
static ngx_int_t ngx_litellm_openrouter_headers(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire);
static ngx_uint_t ngx_litellm_openrouter_wants(ngx_litellm_call_t *call);
static ngx_int_t ngx_litellm_openrouter_edit(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp, ngx_array_t *adds,
    uint64_t *present, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_openrouter_thinking(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_array_t *adds);
static void ngx_litellm_openrouter_cache(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *message);
static ngx_int_t ngx_litellm_openrouter_answer(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp,
    ngx_litellm_facts_t *facts, ngx_uint_t stream, ngx_uint_t *changed);
static ngx_int_t ngx_litellm_openrouter_failed(ngx_litellm_call_t *call,
    ngx_litellm_json_t *choice, ngx_litellm_facts_t *facts);
static ngx_int_t ngx_litellm_openrouter_cost(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_facts_t *facts);


const ngx_litellm_variant_t  ngx_litellm_openrouter_variant = {
    ngx_litellm_openrouter_supported,
    NULL,
    ngx_litellm_openrouter_headers,
    ngx_litellm_openrouter_edit,
    ngx_litellm_openrouter_wants,
    ngx_litellm_openrouter_answer,
    NULL,
    ngx_string("\"reasoning\" \"error\" \"usage\"")
};


/* who asks, in OpenRouter's rankings: LiteLLM's variables */

ngx_int_t
ngx_litellm_openrouter_setup(ngx_litellm_config_env_t *env, ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, ngx_str_t *why)
{
    ngx_litellm_openrouter_t  *own;

    static const ngx_str_t  site = ngx_string("OR_SITE_URL");
    static const ngx_str_t  app = ngx_string("OR_APP_NAME");

    own = ngx_pcalloc(pool, sizeof(ngx_litellm_openrouter_t));
    if (own == NULL) {
        return NGX_ERROR;
    }

    if (ngx_litellm_provider_variable(env, pool, &site, &own->site)
        == NGX_ERROR
        || ngx_litellm_provider_variable(env, pool, &app, &own->app)
           == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    d->own = own;

    return NGX_OK;
}


static uint64_t
ngx_litellm_openrouter_supported(ngx_litellm_call_t *call)
{
    return ~(uint64_t) 0;
}


static ngx_int_t
ngx_litellm_openrouter_headers(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire)
{
    ngx_litellm_openrouter_t  *own;

    if (ngx_litellm_openai_headers(call, wire) != NGX_OK) {
        return NGX_ERROR;
    }

    own = call->deployment->own;

    if (own == NULL) {
        return NGX_OK;
    }

    if (own->site.len
        && ngx_litellm_wire_header(wire, "HTTP-Referer",
                                   sizeof("HTTP-Referer") - 1, &own->site)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (own->app.len
        && ngx_litellm_wire_header(wire, "X-Title", sizeof("X-Title") - 1,
                                   &own->app)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_litellm_openrouter_wants(ngx_litellm_call_t *call)
{
    return call->op == NGX_LITELLM_OP_CHAT
           && (ngx_litellm_openai_value(call, NGX_LITELLM_P_THINKING) != NULL
               || ngx_litellm_openai_mentions(call, "\"developer\" "
                                              "\"cache_control\""));
}


static ngx_int_t
ngx_litellm_openrouter_edit(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp, ngx_array_t *adds,
    uint64_t *present, ngx_litellm_error_t *e)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *messages, *message;

    if (call->op != NGX_LITELLM_OP_CHAT) {
        return NGX_OK;
    }

    ngx_litellm_openai_roles(sp, root);

    messages = ngx_litellm_json_member(root, "messages");

    if (ngx_litellm_json_is(messages, ARRAY)) {
        message = messages + 1;

        for (i = 0; i < messages->count; i++) {
            ngx_litellm_openrouter_cache(sp, message);
            message = ngx_litellm_json_next(message);
        }
    }

    return ngx_litellm_openrouter_thinking(call, root, adds);
}


/* Anthropic's thinking is OpenRouter's reasoning */

static ngx_int_t
ngx_litellm_openrouter_thinking(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_array_t *adds)
{
    u_char              *p;
    size_t               len;
    ngx_str_t            name, value;
    ngx_litellm_json_t  *v, *type, *budget;

    v = ngx_litellm_json_member(root, "thinking");

    if (v == NULL) {

        /* of the deployment; of the client's only root has the members */

        v = ngx_litellm_openai_value(call, NGX_LITELLM_P_THINKING);
    }

    if (v == NULL) {
        return NGX_OK;
    }

    ngx_litellm_openai_leave(root, adds, "thinking");

    ngx_str_set(&name, "reasoning");

    type = ngx_litellm_json_member(v, "type");

    if (!ngx_litellm_json_is(type, STRING)
        || ngx_litellm_json_member(root, "reasoning") != NULL
        || ngx_litellm_json_member(root, "reasoning_effort") != NULL
        || ngx_litellm_openai_added(adds, (char *) name.data, name.len)
           != NULL)
    {
        return NGX_OK;
    }

    budget = ngx_litellm_json_member(v, "budget_tokens");

    if (ngx_litellm_json_eq(type, "disabled")) {
        ngx_str_set(&value, "{\"enabled\":false}");

    } else if (!ngx_litellm_json_is(budget, NUMBER)) {
        ngx_str_set(&value, "{\"enabled\":true}");

    } else {
        len = sizeof("{\"max_tokens\":}") - 1 + budget->len;

        p = ngx_pnalloc(call->pool, len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        value.data = p;
        value.len = len;

        p = ngx_cpymem(p, "{\"max_tokens\":", sizeof("{\"max_tokens\":") - 1);
        p = ngx_cpymem(p, budget->start, budget->len);
        *p = '}';
    }

    return ngx_litellm_openai_put(call->pool, adds, &name, &name, &value);
}


/* a mark of the whole message is one of its last part */

static void
ngx_litellm_openrouter_cache(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *message)
{
    u_char              *end;
    ngx_uint_t           i;
    ngx_litellm_json_t  *cache, *content, *part;

    cache = ngx_litellm_json_member(message, "cache_control");

    if (cache == NULL) {
        return;
    }

    content = ngx_litellm_json_member(message, "content");

    if (ngx_litellm_json_is(content, STRING)) {
        end = content->start + content->len;

        ngx_litellm_splice_lit(sp, content->start, content->start,
                               "[{\"type\":\"text\",\"text\":");
        ngx_litellm_splice_lit(sp, end, end, ",\"cache_control\":");
        ngx_litellm_splice_replace(sp, end, end, cache->start, cache->len);
        ngx_litellm_splice_lit(sp, end, end, "}]");

    } else if (ngx_litellm_json_is(content, ARRAY) && content->count) {
        part = content + 1;

        for (i = 1; i < content->count; i++) {
            part = ngx_litellm_json_next(part);
        }

        if (part->type == NGX_LITELLM_JSON_OBJECT && part->count
            && ngx_litellm_json_member(part, "cache_control") == NULL)
        {
            end = part->start + part->len - 1;

            ngx_litellm_splice_lit(sp, end, end, ",\"cache_control\":");
            ngx_litellm_splice_replace(sp, end, end, cache->start,
                                       cache->len);
        }
    }

    ngx_litellm_openai_take(message, cache);
}


static ngx_int_t
ngx_litellm_openrouter_answer(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp,
    ngx_litellm_facts_t *facts, ngx_uint_t stream, ngx_uint_t *changed)
{
    ngx_int_t            rc;
    ngx_uint_t           i;
    ngx_litellm_json_t  *choices, *choice;

    if (ngx_litellm_openrouter_cost(call, root, facts) != NGX_OK) {
        return NGX_ERROR;
    }

    choices = ngx_litellm_json_member(root, "choices");

    if (!ngx_litellm_json_is(choices, ARRAY)) {
        return NGX_OK;
    }

    choice = choices + 1;

    for (i = 0; i < choices->count; i++) {
        rc = ngx_litellm_openrouter_failed(call, choice, facts);
        if (rc != NGX_OK) {
            return rc;
        }

        *changed |= ngx_litellm_openai_reasoning_key(sp, choice, "reasoning",
                                                     sizeof("reasoning") - 1);
        choice = ngx_litellm_json_next(choice);
    }

    return stream ? ngx_litellm_openai_mended_usage(call, root, sp, changed)
                  : NGX_OK;
}


/* the provider behind failed: the choice says how, in the form of an error */

static ngx_int_t
ngx_litellm_openrouter_failed(ngx_litellm_call_t *call,
    ngx_litellm_json_t *choice, ngx_litellm_facts_t *facts)
{
    u_char              *p;
    ngx_str_t            text;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(choice, "error");

    if (!ngx_litellm_json_is(v, OBJECT) || v->count == 0) {
        return NGX_OK;
    }

    text.len = sizeof("{\"error\":}") - 1 + v->len;

    text.data = ngx_pnalloc(call->pool, text.len);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(text.data, "{\"error\":", sizeof("{\"error\":") - 1);
    p = ngx_cpymem(p, v->start, v->len);
    *p = '}';

    facts->failed = 1;
    ngx_litellm_error_openai(call, 200, &text, &facts->error);

    return NGX_DECLINED;
}


/* what the call cost, in credits: for the gateway's own accounts */

static ngx_int_t
ngx_litellm_openrouter_cost(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_facts_t *facts)
{
    ngx_str_t            *cost;
    ngx_litellm_json_t   *v;

    v = ngx_litellm_json_member(ngx_litellm_json_member(root, "usage"),
                                "cost");

    if (!ngx_litellm_json_is(v, NUMBER)
        || v->len > NGX_LITELLM_OPENROUTER_COST || !facts->usage.known)
    {
        return NGX_OK;
    }

    cost = &facts->usage.cost;

    if (cost->data == NULL) {
        cost->data = ngx_pnalloc(call->pool, NGX_LITELLM_OPENROUTER_COST);
        if (cost->data == NULL) {
            return NGX_ERROR;
        }
    }

    ngx_memcpy(cost->data, v->start, v->len);
    cost->len = v->len;

    return NGX_OK;
}
