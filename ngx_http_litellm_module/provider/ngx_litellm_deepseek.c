
/*
 * DeepSeek, a variant of the OpenAI dialect (DeepSeek API reference, chat;
 * its guides to thinking mode, JSON output and prefix completion): contents
 * are one text, thinking is on or off, JSON has no schema, no role
 * "developer"; a prefix to be gone on with is known below /beta.
 */

#include "ngx_litellm_openai_dialect.h"


static uint64_t ngx_litellm_deepseek_supported(ngx_litellm_call_t *call);
static ngx_uint_t ngx_litellm_deepseek_beta(ngx_litellm_call_t *call);
static ngx_uint_t ngx_litellm_deepseek_wants(ngx_litellm_call_t *call);
static ngx_int_t ngx_litellm_deepseek_edit(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp, ngx_array_t *adds,
    uint64_t *present, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_deepseek_thinking(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp, ngx_array_t *adds);
static void ngx_litellm_deepseek_format(ngx_litellm_json_t *root,
    ngx_litellm_splice_t *sp, ngx_array_t *adds);
static ngx_int_t ngx_litellm_deepseek_answer(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp,
    ngx_litellm_facts_t *facts, ngx_uint_t stream, ngx_uint_t *changed);


const ngx_litellm_variant_t  ngx_litellm_deepseek_variant = {
    ngx_litellm_deepseek_supported,
    NULL,
    NULL,
    ngx_litellm_deepseek_edit,
    ngx_litellm_deepseek_wants,
    ngx_litellm_deepseek_answer,
    NULL,
    ngx_string("prompt_cache_hit_tokens insufficient_system_resource"
               " ~\"usage\"")
};


static uint64_t
ngx_litellm_deepseek_supported(ngx_litellm_call_t *call)
{
    return ~(uint64_t) 0;
}


static ngx_uint_t
ngx_litellm_deepseek_beta(ngx_litellm_call_t *call)
{
    ngx_str_t  *path;

    path = &call->deployment->url.path;

    return path->len >= sizeof("/beta") - 1
           && ngx_memcmp(path->data + path->len - (sizeof("/beta") - 1),
                         "/beta", sizeof("/beta") - 1)
              == 0;
}


static ngx_uint_t
ngx_litellm_deepseek_wants(ngx_litellm_call_t *call)
{
    if (call->op != NGX_LITELLM_OP_CHAT) {
        return 0;
    }

    return ngx_litellm_openai_value(call, NGX_LITELLM_P_REASONING_EFFORT)
           != NULL
           || ngx_litellm_openai_value(call, NGX_LITELLM_P_USER) != NULL
           || ngx_litellm_openai_value(call, NGX_LITELLM_P_THINKING) != NULL
           || ngx_litellm_openai_value(call, NGX_LITELLM_P_RESPONSE_FORMAT)
              != NULL
           || ngx_litellm_openai_mentions(call, "\"developer\" \"assistant\"");
}


static ngx_int_t
ngx_litellm_deepseek_edit(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
    ngx_litellm_splice_t *sp, ngx_array_t *adds, uint64_t *present,
    ngx_litellm_error_t *e)
{
    if (call->op != NGX_LITELLM_OP_CHAT) {
        return NGX_OK;
    }

    ngx_litellm_openai_leave(root, adds, "user");
    ngx_litellm_openai_roles(sp, root);

    if (ngx_litellm_deepseek_beta(call)) {
        ngx_litellm_openai_prefix(sp, root);
    }

    ngx_litellm_deepseek_format(root, sp, adds);

    return ngx_litellm_deepseek_thinking(call, root, sp, adds);
}


/* {"type": "enabled"} or "disabled": there are no budgets and no levels */

static ngx_int_t
ngx_litellm_deepseek_thinking(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp, ngx_array_t *adds)
{
    ngx_str_t            key, value;
    ngx_uint_t           off;
    ngx_litellm_add_t   *add;
    ngx_litellm_json_t  *effort, *thinking, *v;

    effort = ngx_litellm_json_member(root, "reasoning_effort");
    thinking = ngx_litellm_json_member(root, "thinking");

    v = ngx_litellm_json_member(thinking, "budget_tokens");

    if (v != NULL) {
        ngx_litellm_openai_take(thinking, v);
    }

    off = 0;

    if (effort != NULL) {
        off = ngx_litellm_json_is(effort, STRING)
              && ngx_litellm_json_eq(effort, "none");

        effort->flags |= NGX_LITELLM_JSON_DROPPED;

        if (effort->type == NGX_LITELLM_JSON_NULL) {
            return NGX_OK;
        }
    }

    add = ngx_litellm_openai_added(adds, "reasoning_effort",
                                   sizeof("reasoning_effort") - 1);

    if (add != NULL) {
        off = (add->value.len == sizeof("\"none\"") - 1
               && ngx_memcmp(add->value.data, "\"none\"", add->value.len)
                  == 0);

        ngx_litellm_openai_unput(adds, add);

    } else if (effort == NULL) {
        return NGX_OK;
    }

    if (thinking != NULL
        || ngx_litellm_openai_added(adds, "thinking", sizeof("thinking") - 1)
           != NULL)
    {
        return NGX_OK;
    }

    ngx_str_set(&key, "thinking");

    if (off) {
        ngx_str_set(&value, "{\"type\":\"disabled\"}");

    } else {
        ngx_str_set(&value, "{\"type\":\"enabled\"}");
    }

    return ngx_litellm_openai_put(call->pool, adds, &key, &key, &value);
}


/* a schema is refused; JSON is what is left of it */

static void
ngx_litellm_deepseek_format(ngx_litellm_json_t *root,
    ngx_litellm_splice_t *sp, ngx_array_t *adds)
{
    ngx_litellm_add_t   *add;
    ngx_litellm_json_t  *format, *type;

    format = ngx_litellm_json_member(root, "response_format");
    type = ngx_litellm_json_member(format, "type");

    if (ngx_litellm_json_is(type, STRING)
        && ngx_litellm_json_eq(type, "json_schema"))
    {
        ngx_litellm_splice_lit(sp, format->start, format->start + format->len,
                               "{\"type\":\"json_object\"}");
        return;
    }

    add = ngx_litellm_openai_added(adds, "response_format",
                                   sizeof("response_format") - 1);

    if (add != NULL
        && ngx_litellm_find(add->value.data, add->value.data + add->value.len,
                            "\"json_schema\"", sizeof("\"json_schema\"") - 1)
           != NULL)
    {
        ngx_str_set(&add->value, "{\"type\":\"json_object\"}");
    }
}


static ngx_int_t
ngx_litellm_deepseek_answer(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
    ngx_litellm_splice_t *sp, ngx_litellm_facts_t *facts, ngx_uint_t stream,
    ngx_uint_t *changed)
{
    u_char              *end;
    int64_t              n;
    ngx_uint_t           i;
    ngx_litellm_json_t  *choices, *c, *usage, *v;

    usage = ngx_litellm_json_member(root, "usage");
    v = ngx_litellm_json_member(usage, "prompt_cache_hit_tokens");

    if (ngx_litellm_json_is(v, NUMBER)
        && ngx_litellm_json_int(v, &n) == NGX_OK && n >= 0
        && ngx_litellm_json_member(usage, "prompt_tokens_details") == NULL)
    {
        facts->usage.cached = n;

        if (!stream) {

            /* in OpenAI's words too */

            end = v->start + v->len;

            ngx_litellm_splice_lit(sp, end, end,
                                   ",\"prompt_tokens_details\":"
                                   "{\"cached_tokens\":");
            ngx_litellm_splice_replace(sp, end, end, v->start, v->len);
            ngx_litellm_splice_lit(sp, end, end, "}");

            *changed = 1;
        }
    }

    if (stream && ngx_litellm_openai_stream_usage(call, root, sp)) {
        *changed = 1;
    }

    choices = ngx_litellm_json_member(root, "choices");

    if (!ngx_litellm_json_is(choices, ARRAY)) {
        return NGX_OK;
    }

    c = choices + 1;

    for (i = 0; i < choices->count; i++, c = ngx_litellm_json_next(c)) {
        v = ngx_litellm_json_member(c, "finish_reason");

        if (ngx_litellm_json_is(v, STRING)
            && ngx_litellm_json_eq(v, "insufficient_system_resource"))
        {
            ngx_litellm_splice_lit(sp, v->start, v->start + v->len,
                                   "\"length\"");
            facts->finish = NGX_LITELLM_FINISH_LENGTH;
            *changed = 1;
        }
    }

    return NGX_OK;
}
