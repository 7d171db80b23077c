
/*
 * A request of another client dialect as one of OpenAI's chat completions; so
 * are legacy completions for a provider that has chat only (Q_AS_CHAT).
 *
 * The neutral form is written as a plain body of the dialect, and that body
 * then goes the way of a client's own (ngx_litellm_openai_body.c), so that
 * what a model or a variant asks for is said in one place.  The call that goes
 * that way is a copy: the client's own body and parameters stay as they are.
 *
 * Texts keep their bytes.  What OpenAI has no form for is refused; messages are
 * written by ngx_litellm_openai_messages.c.
 */

#include "ngx_litellm_openai_translate.h"
#include "ngx_litellm_format.h"


/* texts from this length on are not copied into the body */
#define NGX_LITELLM_TRANSLATE_REF  4096

/* budgets of tokens at which one level of effort becomes the next */
#define NGX_LITELLM_TRANSLATE_HIGH    10000
#define NGX_LITELLM_TRANSLATE_MEDIUM  5000


static ngx_int_t ngx_litellm_translate_completion(ngx_litellm_call_t *call,
    ngx_litellm_translate_t *t);
static ngx_int_t ngx_litellm_translate_write(ngx_litellm_translate_t *t);
static ngx_int_t ngx_litellm_translate_tools(ngx_litellm_translate_t *t);
static ngx_int_t ngx_litellm_translate_choice(ngx_litellm_translate_t *t);
static void ngx_litellm_translate_params(ngx_litellm_translate_t *t);
static void ngx_litellm_translate_thinking(ngx_litellm_translate_t *t);
static ngx_uint_t ngx_litellm_translate_neutral(ngx_litellm_json_t *v,
    ngx_uint_t id);
static ngx_int_t ngx_litellm_translate_members(ngx_litellm_call_t *call,
    ngx_str_t *body, ngx_litellm_error_t *e);


/* parameters that are written in a form of their own, or are not chat's */
#define NGX_LITELLM_TRANSLATE_OWN                                             \
    (ngx_litellm_param_bit(TOOLS) | ngx_litellm_param_bit(TOOL_CHOICE)        \
     | ngx_litellm_param_bit(FUNCTIONS)                                       \
     | ngx_litellm_param_bit(FUNCTION_CALL)                                   \
     | ngx_litellm_param_bit(STREAM) | ngx_litellm_param_bit(STREAM_OPTIONS)  \
     | ngx_litellm_param_bit(METADATA))

/* parameters of legacy completions that chat has not */
#define NGX_LITELLM_TRANSLATE_COMPLETION                                      \
    (ngx_litellm_param_bit(SUFFIX) | ngx_litellm_param_bit(ECHO)              \
     | ngx_litellm_param_bit(BEST_OF) | ngx_litellm_param_bit(LOGPROBS))


ngx_uint_t
ngx_litellm_openai_translates(ngx_litellm_call_t *call)
{
    if (call->format == NULL) {

        /* the gateway's own requests are OpenAI's */

        return 0;
    }

    if (call->format->same != &ngx_litellm_openai_dialect) {
        return 1;
    }

    return call->op == NGX_LITELLM_OP_COMPLETIONS
           && (call->deployment->provider->quirks & NGX_LITELLM_Q_AS_CHAT);
}


ngx_int_t
ngx_litellm_openai_translate(ngx_litellm_call_t *call,
    ngx_litellm_call_t *chat, ngx_litellm_error_t *e)
{
    ngx_int_t                 rc;
    ngx_str_t                 body;
    ngx_uint_t                quirks;
    ngx_litellm_json_doc_t    doc;
    ngx_litellm_translate_t   t;

    if (call->format->parse == NULL
        || (call->op != NGX_LITELLM_OP_CHAT
            && call->op != NGX_LITELLM_OP_COMPLETIONS))
    {
        return ngx_litellm_call_bad(call, e, "this provider does not serve "
                                    "such requests");
    }

    ngx_memzero(&t, sizeof(ngx_litellm_translate_t));
    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    rc = call->format->parse(call, &doc, &t.chat, e);
    if (rc != NGX_OK) {
        return rc;
    }

    quirks = call->deployment->provider->quirks;

    t.call = call;
    t.e = e;
    t.cache = (quirks & NGX_LITELLM_Q_CACHE_CONTROL) ? 1 : 0;
    t.details = (quirks & NGX_LITELLM_Q_DETAILS) ? 1 : 0;
    t.foreign = (call->format->same != &ngx_litellm_openai_dialect) ? 1 : 0;

    ngx_litellm_out_init(&t.out, call->pool);
    t.out.ref_min = NGX_LITELLM_TRANSLATE_REF;

    if (ngx_array_init(&t.images, call->pool, 2, sizeof(ngx_litellm_part_t *))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (call->op == NGX_LITELLM_OP_COMPLETIONS) {
        rc = ngx_litellm_translate_completion(call, &t);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_litellm_translate_write(&t);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_litellm_out_join(&t.out, &body) != NGX_OK) {
        return NGX_ERROR;
    }

    *chat = *call;
    chat->op = NGX_LITELLM_OP_CHAT;

    return ngx_litellm_translate_members(chat, &body, e);
}


/* what only completions have is refused, or dropped, unless it says nothing */

static ngx_int_t
ngx_litellm_translate_completion(ngx_litellm_call_t *call,
    ngx_litellm_translate_t *t)
{
    uint64_t    present, bit;
    ngx_int_t   rc;
    ngx_uint_t  i;

    present = 0;

    for (i = 0; i < NGX_LITELLM_P_MAX; i++) {
        bit = (uint64_t) 1 << i;

        if (!(NGX_LITELLM_TRANSLATE_COMPLETION & bit)
            || t->chat.param[i] == NULL)
        {
            continue;
        }

        if (ngx_litellm_translate_neutral(t->chat.param[i], i)) {
            t->chat.param[i] = NULL;

        } else {
            present |= bit;
        }
    }

    rc = ngx_litellm_params_check(call, &present,
                                  ~NGX_LITELLM_TRANSLATE_COMPLETION, t->e);
    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; i < NGX_LITELLM_P_MAX; i++) {
        bit = (uint64_t) 1 << i;

        if ((NGX_LITELLM_TRANSLATE_COMPLETION & bit) && !(present & bit)) {
            t->chat.param[i] = NULL;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_litellm_translate_neutral(ngx_litellm_json_t *v, ngx_uint_t id)
{
    int64_t  n;

    switch (v->type) {

    case NGX_LITELLM_JSON_FALSE:
        return id == NGX_LITELLM_P_ECHO || id == NGX_LITELLM_P_LOGPROBS;

    case NGX_LITELLM_JSON_STRING:
        return id == NGX_LITELLM_P_SUFFIX && v->len == 2;

    case NGX_LITELLM_JSON_NUMBER:
        return id == NGX_LITELLM_P_BEST_OF
               && ngx_litellm_json_int(v, &n) == NGX_OK && n == 1;

    default:
        return 0;
    }
}


static ngx_int_t
ngx_litellm_translate_write(ngx_litellm_translate_t *t)
{
    ngx_int_t              rc;
    ngx_uint_t             i;
    ngx_litellm_member_t  *m;

    ngx_litellm_out_lit(&t->out, "{\"model\":");
    ngx_litellm_out_json(&t->out, &t->call->provider_model);
    ngx_litellm_out_lit(&t->out, ",\"messages\":[");

    rc = ngx_litellm_translate_messages(t);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_out_lit(&t->out, "]");

    rc = ngx_litellm_translate_tools(t);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_translate_params(t);

    if (t->call->stream) {
        ngx_litellm_out_lit(&t->out, ",\"stream\":true");

        if (t->call->include_usage) {
            ngx_litellm_out_lit(&t->out, ",\"stream_options\":"
                                "{\"include_usage\":true}");
        }
    }

    m = t->chat.extra.elts;

    for (i = 0; i < t->chat.extra.nelts; i++) {
        ngx_litellm_out_lit(&t->out, ",\"");
        ngx_litellm_out_str(&t->out, &m[i].key);
        ngx_litellm_out_lit(&t->out, "\":");
        ngx_litellm_translate_raw(t, m[i].value);
    }

    ngx_litellm_out_lit(&t->out, "}");

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_translate_tools(ngx_litellm_translate_t *t)
{
    ngx_uint_t           i;
    ngx_litellm_tool_t  *tool;

    for (i = 0; i < t->chat.ntools; i++) {
        tool = &t->chat.tools[i];

        if (i) {
            ngx_litellm_out_lit(&t->out, ",");

        } else {
            ngx_litellm_out_lit(&t->out, ",\"tools\":[");
        }

        if (tool->type.len != sizeof("function") - 1
            || ngx_memcmp(tool->type.data, "function", tool->type.len) != 0)
        {
            if (t->foreign || tool->node == NULL) {
                return ngx_litellm_call_bad(t->call, t->e, "a tool of this "
                                            "type can't be sent to this "
                                            "provider");
            }

            ngx_litellm_translate_raw(t, tool->node);
            continue;
        }

        ngx_litellm_out_lit(&t->out, "{\"type\":\"function\","
                            "\"function\":{\"name\":\"");
        ngx_litellm_out_str(&t->out, &tool->name);
        ngx_litellm_out_lit(&t->out, "\"");

        if (tool->description.len) {
            ngx_litellm_translate_string(t, "description",
                                         &tool->description);
        }

        if (tool->parameters) {
            ngx_litellm_out_lit(&t->out, ",\"parameters\":");
            ngx_litellm_translate_raw(t, tool->parameters);
        }

        if (tool->strict) {
            ngx_litellm_out_lit(&t->out, ",\"strict\":");
            ngx_litellm_translate_raw(t, tool->strict);
        }

        ngx_litellm_out_lit(&t->out, "}");

        if (tool->cache_control && t->cache) {
            ngx_litellm_out_lit(&t->out, ",\"cache_control\":");
            ngx_litellm_translate_raw(t, tool->cache_control);
        }

        ngx_litellm_out_lit(&t->out, "}");
    }

    if (t->chat.ntools) {
        ngx_litellm_out_lit(&t->out, "]");
    }

    return ngx_litellm_translate_choice(t);
}


static ngx_int_t
ngx_litellm_translate_choice(ngx_litellm_translate_t *t)
{
    ngx_litellm_json_t  *v;

    switch (t->chat.tool_choice) {

    case NGX_LITELLM_CHOICE_UNSET:
        break;

    case NGX_LITELLM_CHOICE_AUTO:
        ngx_litellm_out_lit(&t->out, ",\"tool_choice\":\"auto\"");
        break;

    case NGX_LITELLM_CHOICE_NONE:
        ngx_litellm_out_lit(&t->out, ",\"tool_choice\":\"none\"");
        break;

    case NGX_LITELLM_CHOICE_REQUIRED:
        ngx_litellm_out_lit(&t->out, ",\"tool_choice\":\"required\"");
        break;

    case NGX_LITELLM_CHOICE_NAMED:
        ngx_litellm_out_lit(&t->out, ",\"tool_choice\":{\"type\":"
                            "\"function\",\"function\":{\"name\":\"");
        ngx_litellm_out_str(&t->out, &t->chat.tool_name);
        ngx_litellm_out_lit(&t->out, "\"}}");
        break;

    case NGX_LITELLM_CHOICE_OTHER:
        v = t->chat.param[NGX_LITELLM_P_TOOL_CHOICE];

        if (t->foreign || v == NULL) {
            return ngx_litellm_call_bad(t->call, t->e, "this 'tool_choice' "
                                        "can't be sent to this provider");
        }

        ngx_litellm_out_lit(&t->out, ",\"tool_choice\":");
        ngx_litellm_translate_raw(t, v);
    }

    return NGX_OK;
}


static void
ngx_litellm_translate_params(ngx_litellm_translate_t *t)
{
    ngx_uint_t  i;

    if (t->foreign) {
        ngx_litellm_translate_thinking(t);
    }

    for (i = 0; i < NGX_LITELLM_P_MAX; i++) {

        if (t->chat.param[i] == NULL
            || (NGX_LITELLM_TRANSLATE_OWN & ((uint64_t) 1 << i)))
        {
            continue;
        }

        ngx_litellm_out_lit(&t->out, ",\"");
        ngx_litellm_out_str(&t->out, ngx_litellm_param_name(i));
        ngx_litellm_out_lit(&t->out, "\":");
        ngx_litellm_translate_raw(t, t->chat.param[i]);
    }
}


/*
 * Anthropic's thinking: passed on where the provider is known to take it, a
 * level of effort elsewhere.
 */

static void
ngx_litellm_translate_thinking(ngx_litellm_translate_t *t)
{
    int64_t                       budget;
    ngx_litellm_json_t           *v, *type;
    const ngx_litellm_variant_t  *variant;

    v = t->chat.param[NGX_LITELLM_P_THINKING];
    variant = t->call->deployment->provider->variant;

    if (v == NULL
        || (variant && variant->supported
            && (variant->supported(t->call)
                & ngx_litellm_param_bit(THINKING))))
    {
        return;
    }

    t->chat.param[NGX_LITELLM_P_THINKING] = NULL;

    type = ngx_litellm_json_member(v, "type");

    if (t->chat.param[NGX_LITELLM_P_REASONING_EFFORT] != NULL
        || !ngx_litellm_json_is(type, STRING)
        || ngx_litellm_json_eq(type, "disabled"))
    {
        return;
    }

    if (ngx_litellm_json_int(ngx_litellm_json_member(v, "budget_tokens"),
                             &budget)
        != NGX_OK)
    {
        budget = NGX_LITELLM_TRANSLATE_MEDIUM;
    }

    if (budget >= NGX_LITELLM_TRANSLATE_HIGH) {
        ngx_litellm_out_lit(&t->out, ",\"reasoning_effort\":\"high\"");

    } else if (budget >= NGX_LITELLM_TRANSLATE_MEDIUM) {
        ngx_litellm_out_lit(&t->out, ",\"reasoning_effort\":\"medium\"");

    } else {
        ngx_litellm_out_lit(&t->out, ",\"reasoning_effort\":\"low\"");
    }
}


/* what a format's open() finds in a client's body; this one is ours */

static ngx_int_t
ngx_litellm_translate_members(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_error_t *e)
{
    ngx_int_t                   rc;
    ngx_str_t                   name, key;
    ngx_uint_t                  i;
    ngx_litellm_json_t         *k, *v;
    ngx_litellm_member_t       *m;
    const ngx_litellm_param_t  *param;

    call->body = *body;
    call->model_node = NULL;
    call->present = 0;
    call->duplicates = 0;
    call->parts = 0;

    ngx_memzero(call->param, sizeof(call->param));
    ngx_memzero(&call->top, sizeof(ngx_litellm_json_doc_t));

    call->top.pool = call->pool;
    call->top.keep = 2;

    ngx_str_set(&call->top.whole, "stream_options");

    if (ngx_array_init(&call->extra, call->pool, 4,
                       sizeof(ngx_litellm_member_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_litellm_json_parse(&call->top, body->data, body->len);

    if (rc == NGX_DECLINED) {

        /* a level or two more than the client's */

        return ngx_litellm_call_bad(call, e, "the body is nested too deep");
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    k = call->top.root + 1;

    for (i = 0; i < call->top.root->count; i++, k = ngx_litellm_json_next(v)) {
        v = k + 1;
        key = ngx_litellm_json_text(k);

        if (ngx_litellm_json_unescape(call->pool, &name, &key) != NGX_OK) {
            return NGX_ERROR;
        }

        param = ngx_litellm_param_find(name.data, name.len);

        if (param != NULL && param->kind == NGX_LITELLM_PARAM_BODY) {

            if (param->id == NGX_LITELLM_BODY_MODEL) {
                call->model_node = v;
            }

            continue;
        }

        if (param != NULL && param->kind == NGX_LITELLM_PARAM_OPENAI) {
            call->param[param->id] = v;

            if (v->type != NGX_LITELLM_JSON_NULL) {
                call->present |= (uint64_t) 1 << param->id;
            }

            continue;
        }

        m = ngx_array_push(&call->extra);
        if (m == NULL) {
            return NGX_ERROR;
        }

        m->key = name;
        m->value = v;
    }

    return NGX_OK;
}
