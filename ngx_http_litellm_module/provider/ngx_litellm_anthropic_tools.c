
/*
 * Tools and tool_choice of a request in the form of Anthropic's Messages API:
 * functions, the provider's own tools (sent as they are, with their beta
 * header), MCP servers, web_search_options, and the tool that stands for a
 * JSON answer on models without structured outputs.
 */

#include "ngx_litellm_anthropic.h"


typedef struct {
    ngx_litellm_anthropic_t  *a;
    ngx_litellm_out_t        *out;
    ngx_uint_t                n;        /* written so far */
} ngx_litellm_anthropic_list_t;


typedef struct {
    ngx_str_t    prefix;                /* of a hosted tool's type */
    ngx_uint_t   beta;
} ngx_litellm_anthropic_hosted_t;


static void ngx_litellm_anthropic_element(ngx_litellm_anthropic_list_t *l);
static ngx_int_t ngx_litellm_anthropic_tool(ngx_litellm_anthropic_list_t *l,
    ngx_litellm_tool_t *tool);
static ngx_int_t ngx_litellm_anthropic_hosted(ngx_litellm_anthropic_list_t *l,
    ngx_litellm_tool_t *tool);
static ngx_int_t ngx_litellm_anthropic_function(
    ngx_litellm_anthropic_list_t *l, ngx_litellm_tool_t *tool);
static void ngx_litellm_anthropic_web_search(ngx_litellm_anthropic_list_t *l,
    ngx_litellm_json_t *v);
static void ngx_litellm_anthropic_json_tool(ngx_litellm_anthropic_list_t *l);
static ngx_int_t ngx_litellm_anthropic_mcp(ngx_litellm_anthropic_t *a);
static ngx_int_t ngx_litellm_anthropic_mcp_server(
    ngx_litellm_anthropic_list_t *l, ngx_litellm_tool_t *tool);
static ngx_int_t ngx_litellm_anthropic_choice(ngx_litellm_anthropic_t *a);
static ngx_int_t ngx_litellm_anthropic_own_choice(ngx_litellm_anthropic_t *a);
static ngx_uint_t ngx_litellm_anthropic_json_choice(
    ngx_litellm_anthropic_t *a, ngx_litellm_choice_e *choice);
static ngx_uint_t ngx_litellm_anthropic_is_mcp(ngx_litellm_tool_t *tool);


/* the Messages API's tool types; a prefix says which beta a type needs */

static const ngx_litellm_anthropic_hosted_t  ngx_litellm_anthropic_types[] = {
    { ngx_string("web_search_"), 0 },
    { ngx_string("web_fetch_"), NGX_LITELLM_ANTHROPIC_B_WEB_FETCH },
    { ngx_string("bash_"), 0 },
    { ngx_string("text_editor_"), 0 },
    { ngx_string("code_execution_20250522"),
      NGX_LITELLM_ANTHROPIC_B_CODE_0522 },
    { ngx_string("code_execution_"), NGX_LITELLM_ANTHROPIC_B_CODE_0825 },
    { ngx_string("memory_"), NGX_LITELLM_ANTHROPIC_B_CONTEXT },
    { ngx_string("computer_20241022"), NGX_LITELLM_ANTHROPIC_B_COMPUTER_24 },
    { ngx_string("computer_20250124"), NGX_LITELLM_ANTHROPIC_B_COMPUTER_25 },
    { ngx_string("computer_"), NGX_LITELLM_ANTHROPIC_B_COMPUTER_26 },
    { ngx_string("tool_search_tool_"), NGX_LITELLM_ANTHROPIC_B_TOOL_SEARCH },
    { ngx_string("mcp_toolset"), NGX_LITELLM_ANTHROPIC_B_MCP },
    { ngx_null_string, 0 }
};


/* ,"tools":[...],"mcp_servers":[...],"tool_choice":{...}: what there is */

ngx_int_t
ngx_litellm_anthropic_tools(ngx_litellm_anthropic_t *a)
{
    ngx_int_t                      rc;
    ngx_uint_t                     i, mcp;
    ngx_litellm_json_t            *search;
    ngx_litellm_anthropic_list_t   l;

    l.a = a;
    l.out = a->out;
    l.n = 0;
    mcp = 0;

    if (ngx_litellm_anthropic_has(a, TOOLS)
        || ngx_litellm_anthropic_has(a, FUNCTIONS))
    {
        for (i = 0; i < a->chat.ntools; i++) {

            if (ngx_litellm_anthropic_is_mcp(&a->chat.tools[i])) {
                mcp = 1;
                continue;
            }

            rc = ngx_litellm_anthropic_tool(&l, &a->chat.tools[i]);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    search = ngx_litellm_anthropic_param(a, WEB_SEARCH_OPTIONS);

    if (ngx_litellm_json_is(search, OBJECT)) {
        ngx_litellm_anthropic_web_search(&l, search);
    }

    if (a->json_tool) {
        ngx_litellm_anthropic_json_tool(&l);
    }

    if (a->dummy_tool && l.n == 0) {
        ngx_litellm_anthropic_element(&l);
        ngx_litellm_out_lit(l.out, "{\"name\":\"dummy_tool\",\"description\":"
                            "\"Not to be called.\",\"input_schema\":"
                            "{\"type\":\"object\",\"properties\":{}}}");
    }

    if (l.n) {
        ngx_litellm_out_lit(l.out, "]");
    }

    if (mcp) {
        rc = ngx_litellm_anthropic_mcp(a);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    /* without tools the API refuses a choice among them */

    if (l.n == 0) {
        return NGX_OK;
    }

    return ngx_litellm_anthropic_choice(a);
}


static void
ngx_litellm_anthropic_element(ngx_litellm_anthropic_list_t *l)
{
    if (l->n++) {
        ngx_litellm_out_lit(l->out, ",");

    } else {
        ngx_litellm_out_lit(l->out, ",\"tools\":[");
    }
}


static ngx_int_t
ngx_litellm_anthropic_tool(ngx_litellm_anthropic_list_t *l,
    ngx_litellm_tool_t *tool)
{
    ngx_int_t  rc;

    rc = ngx_litellm_anthropic_hosted(l, tool);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ngx_litellm_json_is(ngx_litellm_json_member(tool->node,
                                                    "input_schema"), OBJECT))
    {
        /* a tool in the Messages API's own form */

        ngx_litellm_anthropic_element(l);
        ngx_litellm_anthropic_raw(l->out, tool->node);
        return NGX_OK;
    }

    if (tool->name.len == 0
        || tool->type.len != sizeof("function") - 1
        || ngx_memcmp(tool->type.data, "function", tool->type.len) != 0)
    {
        return ngx_litellm_anthropic_bad(l->a, "a tool of this type can't be "
                                         "sent to this provider");
    }

    return ngx_litellm_anthropic_function(l, tool);
}


/* NGX_DECLINED: not one of the provider's own */

static ngx_int_t
ngx_litellm_anthropic_hosted(ngx_litellm_anthropic_list_t *l,
    ngx_litellm_tool_t *tool)
{
    ngx_str_t                              name;
    ngx_uint_t                             i;
    ngx_litellm_json_t                    *key;
    const ngx_litellm_anthropic_hosted_t  *h;

    for (h = ngx_litellm_anthropic_types; h->prefix.len; h++) {
        if (tool->type.len >= h->prefix.len
            && ngx_memcmp(tool->type.data, h->prefix.data, h->prefix.len) == 0)
        {
            break;
        }
    }

    if (h->prefix.len == 0) {
        return NGX_DECLINED;
    }

    l->a->betas |= h->beta;

    ngx_litellm_anthropic_element(l);

    if (ngx_litellm_json_member(tool->node, "function") == NULL) {
        ngx_litellm_anthropic_raw(l->out, tool->node);
        return NGX_OK;
    }

    /* LiteLLM's form of a computer tool: its members are "parameters" */

    if (ngx_litellm_tool_name(l->a->call->pool, &tool->name, &name)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_litellm_out_lit(l->out, "{\"type\":\"");
    ngx_litellm_out_str(l->out, &tool->type);
    ngx_litellm_out_lit(l->out, "\",\"name\":\"");
    ngx_litellm_out_str(l->out, &name);
    ngx_litellm_out_lit(l->out, "\"");

    if (tool->parameters) {
        key = tool->parameters + 1;

        for (i = 0; i < tool->parameters->count; i++) {
            if (!ngx_litellm_json_eq(key, "type")
                && !ngx_litellm_json_eq(key, "name"))
            {
                ngx_litellm_out_lit(l->out, ",");
                ngx_litellm_anthropic_raw(l->out, key);
                ngx_litellm_out_lit(l->out, ":");
                ngx_litellm_anthropic_raw(l->out, key + 1);
            }

            key = ngx_litellm_json_next(key + 1);
        }
    }

    ngx_litellm_out_lit(l->out, "}");

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_anthropic_function(ngx_litellm_anthropic_list_t *l,
    ngx_litellm_tool_t *tool)
{
    ngx_str_t            name;
    ngx_uint_t           i, strict;
    ngx_litellm_out_t   *out;
    ngx_litellm_json_t  *v;

    /* members of the Messages API's tools that LiteLLM's users may set */

    static const ngx_str_t  members[] = {
        ngx_string("defer_loading"),
        ngx_string("allowed_callers"),
        ngx_string("input_examples")
    };

    out = l->out;

    if (ngx_litellm_tool_name(l->a->call->pool, &tool->name, &name)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* a guarantee that only models with structured outputs can give */

    strict = ngx_litellm_json_is(tool->strict, TRUE)
             && (l->a->flags & NGX_LITELLM_M_NATIVE_SCHEMA);

    ngx_litellm_anthropic_element(l);

    ngx_litellm_out_lit(out, "{\"type\":\"custom\",\"name\":\"");
    ngx_litellm_out_str(out, &name);
    ngx_litellm_out_lit(out, "\"");

    if (tool->description.len) {
        ngx_litellm_out_lit(out, ",\"description\":\"");
        ngx_litellm_out_ref(out, tool->description.data,
                            tool->description.len);
        ngx_litellm_out_lit(out, "\"");
    }

    ngx_litellm_out_lit(out, ",\"input_schema\":");
    ngx_litellm_anthropic_parameters(l->a, tool->parameters, strict);

    if (strict) {
        ngx_litellm_out_lit(out, ",\"strict\":true");
    }

    if (tool->cache_control) {
        ngx_litellm_out_lit(out, ",\"cache_control\":");
        ngx_litellm_anthropic_raw(out, tool->cache_control);
    }

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        v = ngx_litellm_json_get(tool->node, (char *) members[i].data,
                                 members[i].len);

        if (v == NULL) {
            v = ngx_litellm_json_get(ngx_litellm_json_member(tool->node,
                                                             "function"),
                                     (char *) members[i].data,
                                     members[i].len);
        }

        if (v && v->type != NGX_LITELLM_JSON_NULL) {
            ngx_litellm_out_lit(out, ",\"");
            ngx_litellm_out_str(out, &members[i]);
            ngx_litellm_out_lit(out, "\":");
            ngx_litellm_anthropic_raw(out, v);
            l->a->betas |= NGX_LITELLM_ANTHROPIC_B_TOOL_SEARCH;
        }
    }

    ngx_litellm_out_lit(out, "}");

    return NGX_OK;
}


/*
 * The API needs type "object" at the top.  The schema's name and dialect are
 * no part of what a tool takes.
 */

void
ngx_litellm_anthropic_parameters(ngx_litellm_anthropic_t *a,
    ngx_litellm_json_t *v, ngx_uint_t strict)
{
    ngx_uint_t           i, n, edit;
    ngx_litellm_json_t  *key, *type;

    if (v == NULL || v->count == 0) {
        ngx_litellm_out_lit(a->out,
                            "{\"type\":\"object\",\"properties\":{}");

        if (strict) {
            ngx_litellm_out_lit(a->out, ",\"additionalProperties\":false");
        }

        ngx_litellm_out_lit(a->out, "}");
        return;
    }

    type = ngx_litellm_json_member(v, "type");

    if (strict && ngx_litellm_json_is(type, STRING)) {
        ngx_litellm_anthropic_schema(a->out, v);
        return;
    }

    edit = (type == NULL)
           || ngx_litellm_json_member(v, "$schema")
           || ngx_litellm_json_member(v, "title");

    if (!edit) {
        ngx_litellm_anthropic_raw(a->out, v);
        return;
    }

    ngx_litellm_out_lit(a->out, "{");
    n = 0;

    if (type == NULL) {
        ngx_litellm_out_lit(a->out, "\"type\":\"object\"");
        n++;
    }

    key = v + 1;

    for (i = 0; i < v->count; i++, key = ngx_litellm_json_next(key + 1)) {

        if (ngx_litellm_json_eq(key, "$schema")
            || ngx_litellm_json_eq(key, "title")
            || (key->flags & NGX_LITELLM_JSON_DROPPED))
        {
            continue;
        }

        if (n++) {
            ngx_litellm_out_lit(a->out, ",");
        }

        ngx_litellm_anthropic_raw(a->out, key);
        ngx_litellm_out_lit(a->out, ":");
        ngx_litellm_anthropic_raw(a->out, key + 1);
    }

    ngx_litellm_out_lit(a->out, "}");
}


static void
ngx_litellm_anthropic_web_search(ngx_litellm_anthropic_list_t *l,
    ngx_litellm_json_t *v)
{
    ngx_uint_t           i;
    ngx_litellm_out_t   *out;
    ngx_litellm_json_t  *size, *place, *m;

    static const ngx_str_t  members[] = {
        ngx_string("city"),
        ngx_string("region"),
        ngx_string("country"),
        ngx_string("timezone")
    };

    out = l->out;

    ngx_litellm_anthropic_element(l);
    ngx_litellm_out_lit(out, "{\"type\":\"web_search_20250305\","
                        "\"name\":\"web_search\"");

    size = ngx_litellm_json_member(v, "search_context_size");

    if (ngx_litellm_json_is(size, STRING)) {

        if (ngx_litellm_json_eq(size, "low")) {
            ngx_litellm_out_lit(out, ",\"max_uses\":1");

        } else if (ngx_litellm_json_eq(size, "medium")) {
            ngx_litellm_out_lit(out, ",\"max_uses\":5");

        } else if (ngx_litellm_json_eq(size, "high")) {
            ngx_litellm_out_lit(out, ",\"max_uses\":10");
        }
    }

    place = ngx_litellm_json_member(v, "user_location");
    m = ngx_litellm_json_member(place, "approximate");

    if (ngx_litellm_json_is(m, OBJECT)) {
        place = m;
    }

    if (ngx_litellm_json_is(place, OBJECT)) {
        ngx_litellm_out_lit(out, ",\"user_location\":{\"type\":"
                            "\"approximate\"");

        for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
            m = ngx_litellm_json_get(place, (char *) members[i].data,
                                     members[i].len);

            if (ngx_litellm_json_is(m, STRING)) {
                ngx_litellm_out_lit(out, ",\"");
                ngx_litellm_out_str(out, &members[i]);
                ngx_litellm_out_lit(out, "\":");
                ngx_litellm_anthropic_raw(out, m);
            }
        }

        ngx_litellm_out_lit(out, "}");
    }

    ngx_litellm_out_lit(out, "}");
}


static void
ngx_litellm_anthropic_json_tool(ngx_litellm_anthropic_list_t *l)
{
    ngx_litellm_anthropic_element(l);

    ngx_litellm_out_lit(l->out, "{\"name\":\"" NGX_LITELLM_JSON_TOOL
                        "\",\"description\":\"Gives the answer to the user. "
                        "Call it once, with the whole answer as its input.\","
                        "\"input_schema\":");
    ngx_litellm_anthropic_parameters(l->a, l->a->schema, 0);
    ngx_litellm_out_lit(l->out, "}");
}


static ngx_uint_t
ngx_litellm_anthropic_is_mcp(ngx_litellm_tool_t *tool)
{
    return (tool->type.len == 3
            && (ngx_memcmp(tool->type.data, "mcp", 3) == 0
                || ngx_memcmp(tool->type.data, "url", 3) == 0));
}


static ngx_int_t
ngx_litellm_anthropic_mcp(ngx_litellm_anthropic_t *a)
{
    ngx_int_t                      rc;
    ngx_uint_t                     i;
    ngx_litellm_anthropic_list_t   l;

    l.a = a;
    l.out = a->out;
    l.n = 0;

    ngx_litellm_out_lit(a->out, ",\"mcp_servers\":[");

    for (i = 0; i < a->chat.ntools; i++) {

        if (!ngx_litellm_anthropic_is_mcp(&a->chat.tools[i])) {
            continue;
        }

        rc = ngx_litellm_anthropic_mcp_server(&l, &a->chat.tools[i]);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_litellm_out_lit(a->out, "]");

    a->betas |= NGX_LITELLM_ANTHROPIC_B_MCP;

    return NGX_OK;
}


/* OpenAI's {"type":"mcp","server_url",...}; type "url" is the API's own form */

static ngx_int_t
ngx_litellm_anthropic_mcp_server(ngx_litellm_anthropic_list_t *l,
    ngx_litellm_tool_t *tool)
{
    ngx_str_t            text;
    ngx_litellm_out_t   *out;
    ngx_litellm_json_t  *url, *label, *headers, *token, *allowed;

    out = l->out;

    if (l->n++) {
        ngx_litellm_out_lit(out, ",");
    }

    if (tool->type.data[0] == 'u') {
        ngx_litellm_anthropic_raw(out, tool->node);
        return NGX_OK;
    }

    url = ngx_litellm_json_member(tool->node, "server_url");
    label = ngx_litellm_json_member(tool->node, "server_label");
    headers = ngx_litellm_json_member(tool->node, "headers");
    token = ngx_litellm_json_member(headers, "Authorization");
    allowed = ngx_litellm_json_member(tool->node, "allowed_tools");

    if (!ngx_litellm_json_is(url, STRING)
        || !ngx_litellm_json_is(label, STRING))
    {
        return ngx_litellm_anthropic_bad(l->a, "a tool of type \"mcp\" must "
                                         "have 'server_url' and "
                                         "'server_label'");
    }

    ngx_litellm_out_lit(out, "{\"type\":\"url\",\"url\":");
    ngx_litellm_anthropic_raw(out, url);
    ngx_litellm_out_lit(out, ",\"name\":");
    ngx_litellm_anthropic_raw(out, label);

    if (ngx_litellm_json_is(token, STRING)) {
        text = ngx_litellm_json_text(token);

        if (text.len > 7
            && ngx_strncasecmp(text.data, (u_char *) "bearer ", 7) == 0)
        {
            text.data += 7;
            text.len -= 7;
        }

        ngx_litellm_out_lit(out, ",\"authorization_token\":\"");
        ngx_litellm_out_str(out, &text);
        ngx_litellm_out_lit(out, "\"");
    }

    if (ngx_litellm_json_is(allowed, ARRAY)) {
        ngx_litellm_out_lit(out, ",\"tool_configuration\":{\"enabled\":true,"
                            "\"allowed_tools\":");
        ngx_litellm_anthropic_raw(out, allowed);
        ngx_litellm_out_lit(out, "}");
    }

    ngx_litellm_out_lit(out, "}");

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_anthropic_choice(ngx_litellm_anthropic_t *a)
{
    ngx_str_t              name;
    ngx_uint_t             parallel;
    ngx_litellm_out_t     *out;
    ngx_litellm_json_t    *v;
    ngx_litellm_choice_e   choice;

    out = a->out;
    choice = NGX_LITELLM_CHOICE_UNSET;

    if (ngx_litellm_anthropic_has(a, TOOL_CHOICE)
        || ngx_litellm_anthropic_has(a, FUNCTION_CALL))
    {
        choice = a->chat.tool_choice;
    }

    v = ngx_litellm_anthropic_param(a, PARALLEL_TOOL_CALLS);
    parallel = ngx_litellm_json_is(v, TRUE) || ngx_litellm_json_is(v, FALSE);

    if (choice == NGX_LITELLM_CHOICE_OTHER) {
        return ngx_litellm_anthropic_own_choice(a);
    }

    if (a->json_tool && ngx_litellm_anthropic_json_choice(a, &choice)) {
        return NGX_OK;
    }

    choice = ngx_litellm_anthropic_unforced(a, choice);

    switch (choice) {

    case NGX_LITELLM_CHOICE_NONE:
        ngx_litellm_out_lit(out, ",\"tool_choice\":{\"type\":\"none\"}");
        return NGX_OK;

    case NGX_LITELLM_CHOICE_REQUIRED:
        ngx_litellm_out_lit(out, ",\"tool_choice\":{\"type\":\"any\"");
        break;

    case NGX_LITELLM_CHOICE_NAMED:

        if (ngx_litellm_tool_name(a->call->pool, &a->chat.tool_name, &name)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_litellm_out_lit(out, ",\"tool_choice\":{\"type\":\"tool\","
                            "\"name\":\"");
        ngx_litellm_out_str(out, &name);
        ngx_litellm_out_lit(out, "\"");
        break;

    default:

        if (choice == NGX_LITELLM_CHOICE_UNSET && !parallel) {
            return NGX_OK;
        }

        ngx_litellm_out_lit(out, ",\"tool_choice\":{\"type\":\"auto\"");
    }

    if (parallel) {
        ngx_litellm_out_lit(out, ",\"disable_parallel_tool_use\":");

        if (v->type == NGX_LITELLM_JSON_TRUE) {
            ngx_litellm_out_lit(out, "false");

        } else {
            ngx_litellm_out_lit(out, "true");
        }
    }

    ngx_litellm_out_lit(out, "}");

    return NGX_OK;
}


/* some models take no tool that they must use: with drop_params they may */

ngx_litellm_choice_e
ngx_litellm_anthropic_unforced(ngx_litellm_anthropic_t *a,
    ngx_litellm_choice_e choice)
{
    if ((a->flags & NGX_LITELLM_M_NO_FORCED_TOOL) && a->call->drop_params
        && (choice == NGX_LITELLM_CHOICE_REQUIRED
            || choice == NGX_LITELLM_CHOICE_NAMED))
    {
        return NGX_LITELLM_CHOICE_AUTO;
    }

    return choice;
}


/* a choice in the API's own form */

static ngx_int_t
ngx_litellm_anthropic_own_choice(ngx_litellm_anthropic_t *a)
{
    ngx_litellm_json_t  *v, *type;

    v = a->chat.param[NGX_LITELLM_P_TOOL_CHOICE];
    type = ngx_litellm_json_member(v, "type");

    if (!ngx_litellm_json_is(type, STRING)
        || !(ngx_litellm_json_eq(type, "auto")
             || ngx_litellm_json_eq(type, "any")
             || ngx_litellm_json_eq(type, "none")
             || ngx_litellm_json_eq(type, "tool")))
    {
        return ngx_litellm_anthropic_bad(a, "this form of 'tool_choice' can't "
                                         "be sent to this provider");
    }

    ngx_litellm_out_lit(a->out, ",\"tool_choice\":");
    ngx_litellm_anthropic_raw(a->out, v);

    return NGX_OK;
}


/*
 * The answer must be a call where JSON is asked for by a tool, unless thinking
 * is on, which forbids to force one.  Returns true if the choice is written;
 * among the client's tools and the answer any will do.
 */

static ngx_uint_t
ngx_litellm_anthropic_json_choice(ngx_litellm_anthropic_t *a,
    ngx_litellm_choice_e *choice)
{
    if (a->thinking || *choice == NGX_LITELLM_CHOICE_REQUIRED
        || *choice == NGX_LITELLM_CHOICE_NAMED)
    {
        return 0;
    }

    if (a->chat.ntools && *choice != NGX_LITELLM_CHOICE_NONE) {
        *choice = NGX_LITELLM_CHOICE_REQUIRED;
        return 0;
    }

    ngx_litellm_out_lit(a->out, ",\"tool_choice\":{\"type\":\"tool\","
                        "\"name\":\"" NGX_LITELLM_JSON_TOOL
                        "\"}");

    return 1;
}
