
/*
 * Tools and tool_choice of a request in the form of Bedrock's Converse API, and
 * the tool that stands for a JSON answer on models without structured outputs.
 */

#include "ngx_litellm_bedrock.h"


static ngx_int_t ngx_litellm_bedrock_tool(ngx_litellm_bedrock_t *b,
    ngx_litellm_tool_t *tool, ngx_uint_t *n);
static void ngx_litellm_bedrock_schema(ngx_litellm_bedrock_t *b,
    ngx_litellm_json_t *v);
static ngx_uint_t ngx_litellm_bedrock_keeps(ngx_litellm_bedrock_t *b,
    ngx_litellm_json_t *key);
static void ngx_litellm_bedrock_begin(ngx_litellm_bedrock_t *b,
    ngx_uint_t *n);
static ngx_int_t ngx_litellm_bedrock_choice(ngx_litellm_bedrock_t *b,
    ngx_uint_t tools);
static ngx_int_t ngx_litellm_bedrock_own_choice(ngx_litellm_bedrock_t *b);


ngx_int_t
ngx_litellm_bedrock_tools(ngx_litellm_bedrock_t *b)
{
    ngx_int_t           rc;
    ngx_uint_t          i, n, tools;
    ngx_litellm_out_t  *out;

    if (b->no_tools) {
        return NGX_OK;
    }

    out = b->a.out;
    n = 0;

    if (b->a.chat.tool_choice != NGX_LITELLM_CHOICE_NONE) {
        for (i = 0; i < b->a.chat.ntools; i++) {
            rc = ngx_litellm_bedrock_tool(b, &b->a.chat.tools[i], &n);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    tools = n;

    if (b->a.json_tool) {
        ngx_litellm_bedrock_begin(b, &n);
        ngx_litellm_out_lit(out, "{\"toolSpec\":{\"name\":\""
                            NGX_LITELLM_JSON_TOOL
                            "\",\"description\":\"Gives the answer to the "
                            "user. Call it once, with the whole answer as its "
                            "input.\",\"inputSchema\":{\"json\":");
        ngx_litellm_bedrock_schema(b, b->a.schema);
        ngx_litellm_out_lit(out, "}}}");
    }

    if (b->a.dummy_tool && n == 0) {
        ngx_litellm_bedrock_begin(b, &n);
        ngx_litellm_out_lit(out, "{\"toolSpec\":{\"name\":\"dummy_tool\","
                            "\"description\":\"Not to be called.\","
                            "\"inputSchema\":{\"json\":{\"type\":\"object\","
                            "\"properties\":{}}}}}");
    }

    if (n == 0) {
        return NGX_OK;
    }

    ngx_litellm_out_lit(out, "]");

    rc = ngx_litellm_bedrock_choice(b, tools);

    ngx_litellm_out_lit(out, "}");

    return rc;
}


static void
ngx_litellm_bedrock_begin(ngx_litellm_bedrock_t *b, ngx_uint_t *n)
{
    if ((*n)++) {
        ngx_litellm_out_lit(b->a.out, ",");

    } else {
        ngx_litellm_out_lit(b->a.out, ",\"toolConfig\":{\"tools\":[");
    }
}


static ngx_int_t
ngx_litellm_bedrock_tool(ngx_litellm_bedrock_t *b, ngx_litellm_tool_t *tool,
    ngx_uint_t *n)
{
    ngx_str_t           name;
    ngx_uint_t          strict;
    ngx_litellm_out_t  *out;

    if (tool->name.len == 0
        || tool->type.len != sizeof("function") - 1
        || ngx_memcmp(tool->type.data, "function", tool->type.len) != 0)
    {
        return ngx_litellm_bedrock_bad(b, "a tool of this type can't be sent "
                                       "to this provider");
    }

    if (ngx_litellm_tool_name(b->a.call->pool, &tool->name, &name) != NGX_OK) {
        return NGX_ERROR;
    }

    /* a guarantee that only models with structured outputs can give */

    strict = ngx_litellm_json_is(tool->strict, TRUE)
             && (b->a.flags & NGX_LITELLM_M_NATIVE_SCHEMA);

    out = b->a.out;

    ngx_litellm_bedrock_begin(b, n);
    ngx_litellm_out_lit(out, "{\"toolSpec\":{\"name\":\"");
    ngx_litellm_out_str(out, &name);
    ngx_litellm_out_lit(out, "\"");

    /* at least one character, says the API */

    if (tool->description.len) {
        ngx_litellm_out_lit(out, ",\"description\":\"");
        ngx_litellm_out_ref(out, tool->description.data,
                            tool->description.len);
        ngx_litellm_out_lit(out, "\"");
    }

    ngx_litellm_out_lit(out, ",\"inputSchema\":{\"json\":");

    if (strict) {
        ngx_litellm_anthropic_parameters(&b->a, tool->parameters, 1);

    } else {
        ngx_litellm_bedrock_schema(b, tool->parameters);
    }

    ngx_litellm_out_lit(out, "}");

    if (strict) {
        ngx_litellm_out_lit(out, ",\"strict\":true");
    }

    ngx_litellm_out_lit(out, "}}");

    ngx_litellm_bedrock_cache(b, tool->cache_control);

    return NGX_OK;
}


/*
 * At the top stand type, properties and required, whether the client has them
 * or not: these three are what all models take.
 */

static void
ngx_litellm_bedrock_schema(ngx_litellm_bedrock_t *b, ngx_litellm_json_t *v)
{
    ngx_uint_t           i, n, type, properties, required;
    ngx_litellm_out_t   *out;
    ngx_litellm_json_t  *key;

    out = b->a.out;
    type = 0;
    properties = 0;
    required = 0;
    n = 0;

    ngx_litellm_out_lit(out, "{");

    if (ngx_litellm_json_is(v, OBJECT)) {
        key = v + 1;

        for (i = 0; i < v->count; i++, key = ngx_litellm_json_next(key + 1)) {

            if ((key->flags & NGX_LITELLM_JSON_DROPPED)
                || !ngx_litellm_bedrock_keeps(b, key))
            {
                continue;
            }

            type |= ngx_litellm_json_eq(key, "type");
            properties |= ngx_litellm_json_eq(key, "properties");
            required |= ngx_litellm_json_eq(key, "required");

            if (n++) {
                ngx_litellm_out_lit(out, ",");
            }

            ngx_litellm_anthropic_raw(out, key);
            ngx_litellm_out_lit(out, ":");
            ngx_litellm_anthropic_raw(out, key + 1);
        }
    }

    if (!type) {
        if (n) {
            ngx_litellm_out_lit(out, ",");
        }

        ngx_litellm_out_lit(out, "\"type\":\"object\"");
    }

    if (!properties) {
        ngx_litellm_out_lit(out, ",\"properties\":{}");
    }

    if (!required) {
        ngx_litellm_out_lit(out, ",\"required\":[]");
    }

    ngx_litellm_out_lit(out, "}");
}


/*
 * The schema's name and dialect are no part of what a tool takes.  Nova's guide
 * has errors for what stands beside the three; definitions are kept, without
 * them a reference to one means nothing.
 */

static ngx_uint_t
ngx_litellm_bedrock_keeps(ngx_litellm_bedrock_t *b, ngx_litellm_json_t *key)
{
    if (b->family == NGX_LITELLM_BEDROCK_NOVA
        || b->family == NGX_LITELLM_BEDROCK_NOVA_2)
    {
        return ngx_litellm_json_eq(key, "type")
               || ngx_litellm_json_eq(key, "properties")
               || ngx_litellm_json_eq(key, "required")
               || ngx_litellm_json_eq(key, "$defs")
               || ngx_litellm_json_eq(key, "definitions");
    }

    return !ngx_litellm_json_eq(key, "$schema")
           && !ngx_litellm_json_eq(key, "title");
}


/*
 * The answer must be a call where JSON is asked for by a tool, unless thinking
 * is on, which forbids to force one, or the model takes no choice at all.
 */

static ngx_int_t
ngx_litellm_bedrock_choice(ngx_litellm_bedrock_t *b, ngx_uint_t tools)
{
    ngx_str_t              name;
    ngx_litellm_out_t     *out;
    ngx_litellm_choice_e   choice;

    out = b->a.out;
    choice = b->a.chat.tool_choice;

    if (choice == NGX_LITELLM_CHOICE_OTHER) {
        return ngx_litellm_bedrock_own_choice(b);
    }

    if (b->a.json_tool && !b->a.thinking
        && choice != NGX_LITELLM_CHOICE_NAMED
        && (b->a.flags & NGX_LITELLM_M_TOOL_CHOICE))
    {
        if (tools == 0) {
            ngx_litellm_out_lit(out, ",\"toolChoice\":{\"tool\":{\"name\":\""
                                NGX_LITELLM_JSON_TOOL "\"}}");
            return NGX_OK;
        }

        choice = NGX_LITELLM_CHOICE_REQUIRED;
    }

    choice = ngx_litellm_anthropic_unforced(&b->a, choice);

    switch (choice) {

    case NGX_LITELLM_CHOICE_AUTO:
        ngx_litellm_out_lit(out, ",\"toolChoice\":{\"auto\":{}}");
        return NGX_OK;

    case NGX_LITELLM_CHOICE_REQUIRED:
        ngx_litellm_out_lit(out, ",\"toolChoice\":{\"any\":{}}");
        return NGX_OK;

    case NGX_LITELLM_CHOICE_NAMED:

        if (ngx_litellm_tool_name(b->a.call->pool, &b->a.chat.tool_name,
                                  &name)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_litellm_out_lit(out, ",\"toolChoice\":{\"tool\":{\"name\":\"");
        ngx_litellm_out_str(out, &name);
        ngx_litellm_out_lit(out, "\"}}");
        return NGX_OK;

    default:
        return NGX_OK;
    }
}


/* a choice in Converse's own form */

static ngx_int_t
ngx_litellm_bedrock_own_choice(ngx_litellm_bedrock_t *b)
{
    ngx_litellm_json_t  *v;

    v = b->a.chat.param[NGX_LITELLM_P_TOOL_CHOICE];

    if (!ngx_litellm_json_is(v, OBJECT) || v->count != 1
        || !(ngx_litellm_json_is(ngx_litellm_json_member(v, "auto"), OBJECT)
             || ngx_litellm_json_is(ngx_litellm_json_member(v, "any"), OBJECT)
             || ngx_litellm_json_is(ngx_litellm_json_member(v, "tool"),
                                    OBJECT)))
    {
        return ngx_litellm_bedrock_bad(b, "this form of 'tool_choice' can't "
                                       "be sent to this provider");
    }

    ngx_litellm_out_lit(b->a.out, ",\"toolChoice\":");
    ngx_litellm_anthropic_raw(b->a.out, v);

    return NGX_OK;
}
