
/*
 * The Cohere provider: which of its dialects serves a request, their common
 * wire, and the body of a chat request (POST /v2/chat).  Messages, answers,
 * streams and embeddings have files of their own; rerank is
 * ngx_litellm_rerank.c's, as others speak it too.
 *
 * The API refuses members that it does not know, hence only its own are
 * written, and what the client sends beside OpenAI's.  A member is written at
 * most once.
 */

#include "ngx_litellm_cohere.h"


#define NGX_LITELLM_COHERE_PARAMS                                             \
    (ngx_litellm_param_bit(STREAM)                                            \
     | ngx_litellm_param_bit(STREAM_OPTIONS)                                  \
     | ngx_litellm_param_bit(MAX_TOKENS)                                      \
     | ngx_litellm_param_bit(MAX_COMPLETION_TOKENS)                           \
     | ngx_litellm_param_bit(TEMPERATURE)                                     \
     | ngx_litellm_param_bit(TOP_P)                                           \
     | ngx_litellm_param_bit(TOP_K)                                           \
     | ngx_litellm_param_bit(STOP)                                            \
     | ngx_litellm_param_bit(SEED)                                            \
     | ngx_litellm_param_bit(PRESENCE_PENALTY)                                \
     | ngx_litellm_param_bit(FREQUENCY_PENALTY)                               \
     | ngx_litellm_param_bit(LOGPROBS)                                        \
     | ngx_litellm_param_bit(TOOLS)                                           \
     | ngx_litellm_param_bit(TOOL_CHOICE)                                     \
     | ngx_litellm_param_bit(FUNCTIONS)                                       \
     | ngx_litellm_param_bit(FUNCTION_CALL)                                   \
     | ngx_litellm_param_bit(RESPONSE_FORMAT)                                 \
     | ngx_litellm_param_bit(USER)                                            \
     | ngx_litellm_param_bit(METADATA))

#define NGX_LITELLM_COHERE_REASONING_PARAMS                                   \
    (ngx_litellm_param_bit(REASONING_EFFORT)                                  \
     | ngx_litellm_param_bit(THINKING))


static ngx_int_t ngx_litellm_cohere_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_cohere_root(ngx_str_t *path,
    const char *endpoint, size_t len);
static ngx_uint_t ngx_litellm_cohere_reasons(ngx_litellm_call_t *call);
static ngx_int_t ngx_litellm_cohere_check(ngx_litellm_cohere_t *c);
static ngx_int_t ngx_litellm_cohere_body(ngx_litellm_cohere_t *c);
static void ngx_litellm_cohere_sampling(ngx_litellm_cohere_t *c);
static ngx_int_t ngx_litellm_cohere_stop(ngx_litellm_cohere_t *c);
static ngx_int_t ngx_litellm_cohere_tools(ngx_litellm_cohere_t *c);
static ngx_int_t ngx_litellm_cohere_choice(ngx_litellm_cohere_t *c,
    ngx_uint_t *only);
static void ngx_litellm_cohere_tool(ngx_litellm_cohere_t *c,
    ngx_litellm_tool_t *tool);
static void ngx_litellm_cohere_format(ngx_litellm_cohere_t *c);
static ngx_int_t ngx_litellm_cohere_thinking(ngx_litellm_cohere_t *c);
static void ngx_litellm_cohere_extra(ngx_litellm_cohere_t *c);


const ngx_litellm_dialect_t  ngx_litellm_cohere_dialect = {
    ngx_string("cohere"),
    ngx_litellm_cohere_request,
    ngx_litellm_cohere_response,
    ngx_litellm_cohere_event,
    NULL,
    NULL,
    ngx_litellm_cohere_error,
    NGX_LITELLM_FRAMES_SSE,
    NULL
};


const ngx_litellm_dialect_t *
ngx_litellm_cohere_select(ngx_litellm_call_t *call)
{
    switch (call->op) {

    case NGX_LITELLM_OP_EMBEDDINGS:
        return &ngx_litellm_cohere_embed_dialect;

    case NGX_LITELLM_OP_RERANK:
        return &ngx_litellm_rerank_dialect;

    default:
        return &ngx_litellm_cohere_dialect;
    }
}


static ngx_int_t
ngx_litellm_cohere_request(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire,
    ngx_litellm_error_t *e)
{
    ngx_int_t              rc;
    ngx_litellm_cohere_t  *c;

    c = ngx_pcalloc(call->pool, sizeof(ngx_litellm_cohere_t));
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->call = call;
    c->out = &wire->body;
    c->e = e;

    wire->pass = 0;
    wire->hide_usage = 0;

    /* the client's body lives as long as ours: long texts are not copied */

    if (c->out->ref_min == 0) {
        c->out->ref_min = NGX_LITELLM_COHERE_REF;
    }

    rc = call->format->parse(call, &c->doc, &c->chat, e);
    if (rc != NGX_OK) {
        return rc;
    }

    c->reasoning = ngx_litellm_cohere_reasons(call) ? 1 : 0;

    rc = ngx_litellm_cohere_check(c);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_cohere_body(c);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_litellm_cohere_wire(call, wire, "chat", sizeof("chat") - 1);
}


/*
 * An api_base may be the API's root, with its version or without, or one of
 * its endpoints, as LiteLLM's users have it.  An endpoint that is the one
 * asked for is taken as it is, but for version 1 of chat and embed, which
 * is another dialect; else what is under the same root.
 */

ngx_int_t
ngx_litellm_cohere_wire(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire,
    const char *endpoint, size_t len)
{
    u_char             *p;
    ngx_str_t           path;
    ngx_litellm_url_t  *url;

    url = &call->deployment->url;
    path = url->path;

    wire->path.len = path.len + sizeof("/v2/") - 1 + len + 1 + url->args.len;
    wire->path.data = ngx_pnalloc(call->pool, wire->path.len);

    if (wire->path.data == NULL) {
        return NGX_ERROR;
    }

    p = wire->path.data;

    if (ngx_litellm_cohere_root(&path, endpoint, len) == NGX_OK) {
        p = ngx_cpymem(p, path.data, path.len);

    } else {
        p = ngx_cpymem(p, path.data, path.len);
        p = ngx_cpymem(p, "/v2/", sizeof("/v2/") - 1);
        p = ngx_cpymem(p, endpoint, len);
    }

    if (url->args.len) {
        *p++ = '?';
        p = ngx_cpymem(p, url->args.data, url->args.len);
    }

    wire->path.len = p - wire->path.data;

    return ngx_litellm_wire_bearer(call, wire, ngx_litellm_call_key(call));
}


/* NGX_OK: path is the endpoint; NGX_DECLINED: it was cut to the API's root */

static ngx_int_t
ngx_litellm_cohere_root(ngx_str_t *path, const char *endpoint, size_t len)
{
    size_t      n;
    ngx_str_t   name;
    ngx_uint_t  i, same, first;

    static const ngx_str_t  endpoints[] = {
        ngx_string("chat"),
        ngx_string("embed"),
        ngx_string("rerank")
    };

    while (path->len && path->data[path->len - 1] == '/') {
        path->len--;
    }

    n = path->len;

    while (n && path->data[n - 1] != '/') {
        n--;
    }

    name.data = path->data + n;
    name.len = path->len - n;

    for (i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
        if (n && name.len == endpoints[i].len
            && ngx_memcmp(name.data, endpoints[i].data, name.len) == 0)
        {
            break;
        }
    }

    same = 0;

    if (i < sizeof(endpoints) / sizeof(endpoints[0])) {
        same = (name.len == len && ngx_memcmp(name.data, endpoint, len) == 0);
        n--;

    } else {
        n = path->len;
    }

    first = 0;

    if (n >= 3 && path->data[n - 3] == '/' && path->data[n - 2] == 'v'
        && (path->data[n - 1] == '1' || path->data[n - 1] == '2'))
    {
        first = (path->data[n - 1] == '1');
        n -= 3;
    }

    if (same && (!first || i == 2)) {
        return NGX_OK;
    }

    path->len = n;

    return NGX_DECLINED;
}


/*
 * Models that are in the table without a word of thinking refuse the member;
 * one that is not there may be newer than the table.
 */

static ngx_uint_t
ngx_litellm_cohere_reasons(ngx_litellm_call_t *call)
{
    u_char                     *p;
    ngx_str_t                  *name;
    const ngx_litellm_model_t  *info;

    static ngx_str_t  cohere = ngx_string("cohere");

    name = &call->provider_model;
    p = name->data;

    if (ngx_litellm_find(p, p + name->len, "reasoning",
                         sizeof("reasoning") - 1)
        != NULL)
    {
        return 1;
    }

    info = call->deployment->info;

    if (info == NULL) {
        info = ngx_litellm_model_find(&cohere, name);
    }

    return info == NULL || !(info->flags & NGX_LITELLM_M_KNOWN)
           || (info->flags & NGX_LITELLM_M_REASONING);
}


static ngx_int_t
ngx_litellm_cohere_check(ngx_litellm_cohere_t *c)
{
    int64_t               n;
    uint64_t              supported;
    ngx_int_t             rc;
    ngx_uint_t            i;
    ngx_litellm_json_t  **param;

    param = c->chat.param;

    for (i = 0; i < NGX_LITELLM_P_MAX; i++) {
        if (param[i]) {
            c->present |= (uint64_t) 1 << i;
        }
    }

    if (param[NGX_LITELLM_P_N]
        && ngx_litellm_json_int(param[NGX_LITELLM_P_N], &n) == NGX_OK
        && n == 1)
    {
        c->present &= ~ngx_litellm_param_bit(N);
    }

    supported = NGX_LITELLM_COHERE_PARAMS;

    if (c->reasoning) {
        supported |= NGX_LITELLM_COHERE_REASONING_PARAMS;
    }

    rc = ngx_litellm_params_check(c->call, &c->present, supported, c->e);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!(c->present & (ngx_litellm_param_bit(TOOLS)
                        | ngx_litellm_param_bit(FUNCTIONS))))
    {
        c->chat.ntools = 0;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_cohere_body(ngx_litellm_cohere_t *c)
{
    ngx_int_t            rc;
    ngx_uint_t           i;
    ngx_litellm_json_t  *v;

    ngx_litellm_out_lit(c->out, "{\"model\":");
    ngx_litellm_out_json(c->out, &c->call->provider_model);
    ngx_litellm_out_lit(c->out, ",");

    rc = ngx_litellm_cohere_messages(c);
    if (rc != NGX_OK) {
        return rc;
    }

    if (c->call->stream) {
        ngx_litellm_out_lit(c->out, ",\"stream\":true");
    }

    ngx_litellm_cohere_sampling(c);

    rc = ngx_litellm_cohere_stop(c);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_cohere_tools(c);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_cohere_format(c);

    rc = ngx_litellm_cohere_thinking(c);
    if (rc != NGX_OK) {
        return rc;
    }

    /* what else is present was allowed by allowed_openai_params */

    for (i = 0; i < NGX_LITELLM_P_MAX; i++) {
        v = c->chat.param[i];

        if (v && (c->present & ((uint64_t) 1 << i))
            && !((NGX_LITELLM_COHERE_PARAMS
                  | NGX_LITELLM_COHERE_REASONING_PARAMS)
                 & ((uint64_t) 1 << i)))
        {
            ngx_litellm_out_lit(c->out, ",\"");
            ngx_litellm_out_str(c->out, ngx_litellm_param_name(i));
            ngx_litellm_out_lit(c->out, "\":");
            ngx_litellm_cohere_raw(c->out, v);
        }
    }

    ngx_litellm_cohere_extra(c);
    ngx_litellm_out_lit(c->out, "}");

    return NGX_OK;
}


static void
ngx_litellm_cohere_sampling(ngx_litellm_cohere_t *c)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *v;

    static const struct {
        ngx_str_t    name;
        ngx_uint_t   id;
    } params[] = {
        { ngx_string(",\"temperature\":"), NGX_LITELLM_P_TEMPERATURE },
        { ngx_string(",\"p\":"), NGX_LITELLM_P_TOP_P },
        { ngx_string(",\"k\":"), NGX_LITELLM_P_TOP_K },
        { ngx_string(",\"seed\":"), NGX_LITELLM_P_SEED },
        { ngx_string(",\"presence_penalty\":"),
          NGX_LITELLM_P_PRESENCE_PENALTY },
        { ngx_string(",\"frequency_penalty\":"),
          NGX_LITELLM_P_FREQUENCY_PENALTY },
        { ngx_string(",\"logprobs\":"), NGX_LITELLM_P_LOGPROBS }
    };

    v = ngx_litellm_cohere_param(c, MAX_COMPLETION_TOKENS);

    if (v == NULL) {
        v = ngx_litellm_cohere_param(c, MAX_TOKENS);
    }

    if (v) {
        ngx_litellm_out_lit(c->out, ",\"max_tokens\":");
        ngx_litellm_cohere_raw(c->out, v);
    }

    for (i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
        v = c->chat.param[params[i].id];

        if (v && (c->present & ((uint64_t) 1 << params[i].id))) {
            ngx_litellm_out_str(c->out, &params[i].name);
            ngx_litellm_cohere_raw(c->out, v);
        }
    }
}


/* a list always; as many as OpenAI takes */

static ngx_int_t
ngx_litellm_cohere_stop(ngx_litellm_cohere_t *c)
{
    ngx_int_t            rc;
    ngx_litellm_json_t  *v;
    ngx_litellm_stop_t   stop;

    ngx_litellm_stop_begin(&stop, ngx_litellm_cohere_param(c, STOP), 4);

    while ((rc = ngx_litellm_stop_next(c->call, &stop, &v, c->e)) == NGX_OK) {

        if (c->stop) {
            ngx_litellm_out_lit(c->out, ",");

        } else {
            ngx_litellm_out_lit(c->out, ",\"stop_sequences\":[");
        }

        c->stop = 1;

        ngx_litellm_cohere_raw(c->out, v);
    }

    if (rc != NGX_DONE) {
        return rc;
    }

    if (c->stop) {
        ngx_litellm_out_lit(c->out, "]");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_cohere_tools(ngx_litellm_cohere_t *c)
{
    ngx_int_t            rc;
    ngx_uint_t           i, strict, only;
    ngx_litellm_tool_t  *tool;

    if (c->chat.ntools == 0) {
        return NGX_OK;
    }

    rc = ngx_litellm_cohere_choice(c, &only);
    if (rc != NGX_OK) {
        return rc;
    }

    tool = c->chat.tools;
    strict = 1;

    ngx_litellm_out_lit(c->out, ",\"tools\":[");

    for (i = 0; i < c->chat.ntools; i++) {

        if (tool[i].name.len == 0
            || tool[i].type.len != sizeof("function") - 1
            || ngx_memcmp(tool[i].type.data, "function", tool[i].type.len)
               != 0)
        {
            return ngx_litellm_call_bad(c->call, c->e, "a tool of this type "
                                        "can't be sent to this provider");
        }

        if (only < c->chat.ntools && i != only) {
            continue;
        }

        if (i && only == c->chat.ntools) {
            ngx_litellm_out_lit(c->out, ",");
        }

        ngx_litellm_cohere_tool(c, &tool[i]);

        if (!ngx_litellm_json_is(tool[i].strict, TRUE)) {
            strict = 0;
        }
    }

    ngx_litellm_out_lit(c->out, "]");

    /* OpenAI says it of each tool, Cohere of all of them */

    if (strict) {
        ngx_litellm_out_lit(c->out, ",\"strict_tools\":true");
        c->strict = 1;
    }

    return NGX_OK;
}


/*
 * The API can force a call, but not name the function: then only that one is
 * sent.  *only is its index, or the number of tools: all of them.
 */

static ngx_int_t
ngx_litellm_cohere_choice(ngx_litellm_cohere_t *c, ngx_uint_t *only)
{
    ngx_uint_t            i;
    ngx_litellm_tool_t   *tool;
    ngx_litellm_choice_e  choice;

    *only = c->chat.ntools;
    choice = c->chat.tool_choice;

    if (!(c->present & (ngx_litellm_param_bit(TOOL_CHOICE)
                        | ngx_litellm_param_bit(FUNCTION_CALL))))
    {
        return NGX_OK;
    }

    switch (choice) {

    case NGX_LITELLM_CHOICE_NONE:
        ngx_litellm_out_lit(c->out, ",\"tool_choice\":\"NONE\"");
        return NGX_OK;

    case NGX_LITELLM_CHOICE_NAMED:

        tool = c->chat.tools;

        for (i = 0; i < c->chat.ntools; i++) {
            if (tool[i].name.len == c->chat.tool_name.len
                && ngx_memcmp(tool[i].name.data, c->chat.tool_name.data,
                              tool[i].name.len)
                   == 0)
            {
                break;
            }
        }

        if (i == c->chat.ntools) {
            return ngx_litellm_call_bad(c->call, c->e, "'tool_choice' names "
                                        "a function that is not in 'tools'");
        }

        *only = i;
        break;

    case NGX_LITELLM_CHOICE_REQUIRED:
        break;

    case NGX_LITELLM_CHOICE_OTHER:
        return ngx_litellm_call_bad(c->call, c->e, "this 'tool_choice' can't "
                                    "be sent to this provider");

    default:
        return NGX_OK;
    }

    ngx_litellm_out_lit(c->out, ",\"tool_choice\":\"REQUIRED\"");

    return NGX_OK;
}


static void
ngx_litellm_cohere_tool(ngx_litellm_cohere_t *c, ngx_litellm_tool_t *tool)
{
    ngx_litellm_out_lit(c->out, "{\"type\":\"function\",\"function\":{"
                        "\"name\":\"");
    ngx_litellm_out_str(c->out, &tool->name);
    ngx_litellm_out_lit(c->out, "\"");

    if (tool->description.data) {
        ngx_litellm_out_lit(c->out, ",\"description\":\"");
        ngx_litellm_out_ref(c->out, tool->description.data,
                            tool->description.len);
        ngx_litellm_out_lit(c->out, "\"");
    }

    if (tool->parameters) {
        ngx_litellm_out_lit(c->out, ",\"parameters\":");
        ngx_litellm_cohere_raw(c->out, tool->parameters);
    }

    ngx_litellm_out_lit(c->out, "}}");
}


/* "json_object" with or without a schema is all there is beside text */

static void
ngx_litellm_cohere_format(ngx_litellm_cohere_t *c)
{
    ngx_litellm_json_t  *v, *schema;

    v = ngx_litellm_cohere_param(c, RESPONSE_FORMAT);

    switch (ngx_litellm_response_format(v, &schema)) {

    case NGX_OK:
        break;

    case NGX_DONE:
        ngx_litellm_out_lit(c->out, ",\"response_format\":");
        ngx_litellm_cohere_raw(c->out, v);
        return;

    default:
        return;
    }

    if (schema == NULL
        && ngx_litellm_json_eq(ngx_litellm_json_member(v, "type"),
                               "json_object"))
    {
        /* another of Cohere's own names */

        schema = ngx_litellm_json_member(v, "json_schema");
    }

    ngx_litellm_out_lit(c->out, ",\"response_format\":{\"type\":"
                        "\"json_object\"");

    if (ngx_litellm_json_is(schema, OBJECT)) {
        ngx_litellm_out_lit(c->out, ",\"schema\":");
        ngx_litellm_cohere_raw(c->out, schema);
    }

    ngx_litellm_out_lit(c->out, "}");
}


/* Anthropic's form, which LiteLLM's clients use, or Cohere's own */

static ngx_int_t
ngx_litellm_cohere_thinking(ngx_litellm_cohere_t *c)
{
    ngx_litellm_json_t  *v, *m, *budget;

    v = ngx_litellm_cohere_param(c, THINKING);

    if (v == NULL) {
        v = ngx_litellm_cohere_param(c, REASONING_EFFORT);

        if (v == NULL) {
            return NGX_OK;
        }

        /* the Responses API's {"effort":...,"summary":...} */

        m = ngx_litellm_json_member(v, "effort");
        if (m) {
            v = m;
        }

        if (!ngx_litellm_json_is(v, STRING)) {
            return ngx_litellm_call_bad(c->call, c->e, "'reasoning_effort' "
                                        "must be a string");
        }

        if (ngx_litellm_json_eq(v, "none")
            || ngx_litellm_json_eq(v, "disable"))
        {
            ngx_litellm_out_lit(c->out, ",\"thinking\":{\"type\":"
                                "\"disabled\"}");
        } else {
            ngx_litellm_out_lit(c->out, ",\"thinking\":{\"type\":"
                                "\"enabled\"}");
        }

        return NGX_OK;
    }

    m = ngx_litellm_json_member(v, "type");

    if (!ngx_litellm_json_is(m, STRING)) {
        return ngx_litellm_call_bad(c->call, c->e, "'thinking' must be an "
                                    "object with a 'type'");
    }

    if (ngx_litellm_json_eq(m, "disabled")) {
        ngx_litellm_out_lit(c->out, ",\"thinking\":{\"type\":\"disabled\"}");
        return NGX_OK;
    }

    budget = ngx_litellm_json_member(v, "token_budget");

    if (budget == NULL) {
        budget = ngx_litellm_json_member(v, "budget_tokens");
    }

    ngx_litellm_out_lit(c->out, ",\"thinking\":{\"type\":\"enabled\"");

    if (ngx_litellm_json_is(budget, NUMBER)) {
        ngx_litellm_out_lit(c->out, ",\"token_budget\":");
        ngx_litellm_cohere_raw(c->out, budget);
    }

    ngx_litellm_out_lit(c->out, "}");

    return NGX_OK;
}


/* documents, safety_mode, citation_options ...: Cohere's own members */

static void
ngx_litellm_cohere_extra(ngx_litellm_cohere_t *c)
{
    ngx_uint_t             i;
    ngx_litellm_member_t  *m;

#define ngx_litellm_cohere_is(s)                                              \
    (m[i].key.len == sizeof(s) - 1                                            \
     && ngx_memcmp(m[i].key.data, s, sizeof(s) - 1) == 0)

    m = c->chat.extra.elts;

    for (i = 0; i < c->chat.extra.nelts; i++) {

        if ((c->stop && ngx_litellm_cohere_is("stop_sequences"))
            || (c->strict && ngx_litellm_cohere_is("strict_tools"))
            || (ngx_litellm_cohere_is("p")
                && ngx_litellm_cohere_param(c, TOP_P))
            || (ngx_litellm_cohere_is("k")
                && ngx_litellm_cohere_param(c, TOP_K)))
        {
            continue;
        }

        ngx_litellm_out_lit(c->out, ",\"");
        ngx_litellm_out_str(c->out, &m[i].key);
        ngx_litellm_out_lit(c->out, "\":");
        ngx_litellm_cohere_raw(c->out, m[i].value);
    }
}
