
/*
 * Tools and tool_choice of a request in the form of Google's generateContent:
 * functions become one list of declarations; Google's own tools (search, code
 * execution, ...) stand beside it, each in an object of its own.
 */

#include "ngx_litellm_gemini.h"


typedef struct {
    ngx_litellm_gemini_t  *g;
    ngx_litellm_out_t     *out;
    ngx_uint_t             n;          /* tools written so far */
    unsigned               search:1;
} ngx_litellm_gemini_tools_t;


static void ngx_litellm_gemini_element(ngx_litellm_gemini_tools_t *l);
static ngx_int_t ngx_litellm_gemini_functions(ngx_litellm_gemini_tools_t *l,
    ngx_uint_t *found);
static ngx_int_t ngx_litellm_gemini_function(ngx_litellm_gemini_tools_t *l,
    ngx_litellm_tool_t *tool);
static ngx_int_t ngx_litellm_gemini_hosted(ngx_litellm_gemini_tools_t *l,
    ngx_litellm_tool_t *tool);
static ngx_uint_t ngx_litellm_gemini_is_function(ngx_litellm_tool_t *tool);
static ngx_int_t ngx_litellm_gemini_choice(ngx_litellm_gemini_t *g);
static ngx_uint_t ngx_litellm_gemini_word(ngx_str_t *s,
    const ngx_str_t *word);


ngx_int_t
ngx_litellm_gemini_tools(ngx_litellm_gemini_t *g)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i, functions;
    ngx_litellm_json_t          *search;
    ngx_litellm_gemini_tools_t   l;

    ngx_memzero(&l, sizeof(ngx_litellm_gemini_tools_t));
    l.g = g;
    l.out = g->out;

    rc = ngx_litellm_gemini_functions(&l, &functions);
    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; i < g->chat.ntools; i++) {

        if (ngx_litellm_gemini_is_function(&g->chat.tools[i])) {
            continue;
        }

        rc = ngx_litellm_gemini_hosted(&l, &g->chat.tools[i]);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    search = ngx_litellm_gemini_param(g, WEB_SEARCH_OPTIONS);

    if (ngx_litellm_json_is(search, OBJECT) && !l.search) {
        ngx_litellm_gemini_element(&l);
        ngx_litellm_out_lit(l.out, "{\"googleSearch\":{}}");
    }

    if (l.n) {
        ngx_litellm_out_lit(l.out, "]");
    }

    /* a choice is one among functions */

    if (!functions) {
        return NGX_OK;
    }

    return ngx_litellm_gemini_choice(g);
}


static void
ngx_litellm_gemini_element(ngx_litellm_gemini_tools_t *l)
{
    if (l->n++) {
        ngx_litellm_out_lit(l->out, ",");

    } else {
        ngx_litellm_out_lit(l->out, ",\"tools\":[");
    }
}


static ngx_int_t
ngx_litellm_gemini_functions(ngx_litellm_gemini_tools_t *l,
    ngx_uint_t *found)
{
    ngx_int_t            rc;
    ngx_uint_t           i, n;
    ngx_litellm_tool_t  *tool;

    tool = l->g->chat.tools;

    for (i = 0, n = 0; i < l->g->chat.ntools; i++) {

        if (!ngx_litellm_gemini_is_function(&tool[i])) {
            continue;
        }

        if (n++) {
            ngx_litellm_out_lit(l->out, ",");

        } else {
            ngx_litellm_gemini_element(l);
            ngx_litellm_out_lit(l->out, "{\"functionDeclarations\":[");
        }

        rc = ngx_litellm_gemini_function(l, &tool[i]);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (n) {
        ngx_litellm_out_lit(l->out, "]}");
    }

    *found = n;

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_gemini_function(ngx_litellm_gemini_tools_t *l,
    ngx_litellm_tool_t *tool)
{
    ngx_int_t            rc;
    ngx_litellm_json_t  *v, *properties;

    ngx_litellm_out_lit(l->out, "{\"name\":\"");
    ngx_litellm_out_str(l->out, &tool->name);
    ngx_litellm_out_lit(l->out, "\"");

    if (tool->description.len) {
        ngx_litellm_out_lit(l->out, ",\"description\":\"");
        ngx_litellm_out_ref(l->out, tool->description.data,
                            tool->description.len);
        ngx_litellm_out_lit(l->out, "\"");
    }

    /* an object without properties is refused; no parameters say the same */

    v = tool->parameters;
    properties = ngx_litellm_json_member(v, "properties");

    if (v && v->count
        && ((ngx_litellm_json_is(properties, OBJECT) && properties->count)
            || ngx_litellm_json_member(v, "$ref")
            || ngx_litellm_json_member(v, "allOf")
            || ngx_litellm_json_member(v, "anyOf")
            || ngx_litellm_json_member(v, "oneOf")))
    {
        ngx_litellm_out_lit(l->out, ",\"parameters\":");

        rc = ngx_litellm_gemini_schema(l->g, v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_litellm_out_lit(l->out, "}");

    return NGX_OK;
}


/*
 * A tool of Google's: {"googleSearch": {...}} in its spelling or with "_", or
 * a tool of OpenAI's that has a like.
 */

static ngx_int_t
ngx_litellm_gemini_hosted(ngx_litellm_gemini_tools_t *l,
    ngx_litellm_tool_t *tool)
{
    ngx_uint_t           i, j, found;
    ngx_str_t            key;
    ngx_litellm_json_t  *v, *value;

    static const struct {
        ngx_str_t   camel;
        ngx_str_t   snake;
    } own[] = {
        { ngx_string("googleSearch"), ngx_string("google_search") },
        { ngx_string("googleSearchRetrieval"),
          ngx_string("google_search_retrieval") },
        { ngx_string("enterpriseWebSearch"),
          ngx_string("enterprise_web_search") },
        { ngx_string("codeExecution"), ngx_string("code_execution") },
        { ngx_string("urlContext"), ngx_string("url_context") },
        { ngx_string("googleMaps"), ngx_string("google_maps") },
        { ngx_string("computerUse"), ngx_string("computer_use") },
        { ngx_string("fileSearch"), ngx_string("file_search") },
        { ngx_string("retrieval"), ngx_string("retrieval") }
    };

    static const struct {
        ngx_str_t    type;
        ngx_uint_t   own;
    } likes[] = {
        { ngx_string("web_search"), 0 },
        { ngx_string("web_search_preview"), 0 },
        { ngx_string("code_interpreter"), 3 },
        { ngx_string("url_context"), 4 }
    };

    found = 0;
    v = tool->node + 1;

    for (i = 0; i < tool->node->count; i++, v = ngx_litellm_json_next(value)) {
        value = v + 1;

        if (value->type != NGX_LITELLM_JSON_OBJECT
            && value->type != NGX_LITELLM_JSON_NULL)
        {
            continue;
        }

        key = ngx_litellm_json_text(v);

        for (j = 0; j < sizeof(own) / sizeof(own[0]); j++) {

            if (!ngx_litellm_gemini_word(&key, &own[j].camel)
                && !ngx_litellm_gemini_word(&key, &own[j].snake))
            {
                continue;
            }

            found = 1;

            if (j == 0 && l->search) {
                break;
            }

            l->search |= (j == 0);

            ngx_litellm_gemini_element(l);
            ngx_litellm_out_lit(l->out, "{\"");
            ngx_litellm_out_str(l->out, &own[j].camel);
            ngx_litellm_out_lit(l->out, "\":");

            if (value->type == NGX_LITELLM_JSON_OBJECT) {
                ngx_litellm_gemini_raw(l->out, value);

            } else {
                ngx_litellm_out_lit(l->out, "{}");
            }

            ngx_litellm_out_lit(l->out, "}");
            break;
        }
    }

    if (found) {
        return NGX_OK;
    }

    for (i = 0; i < sizeof(likes) / sizeof(likes[0]); i++) {

        if (!ngx_litellm_gemini_word(&tool->type, &likes[i].type)) {
            continue;
        }

        if (likes[i].own == 0 && l->search) {
            return NGX_OK;
        }

        l->search |= (likes[i].own == 0);

        ngx_litellm_gemini_element(l);
        ngx_litellm_out_lit(l->out, "{\"");
        ngx_litellm_out_str(l->out, &own[likes[i].own].camel);
        ngx_litellm_out_lit(l->out, "\":{}}");

        return NGX_OK;
    }

    return ngx_litellm_gemini_bad(l->g, "a tool of this type can't be sent to "
                                  "this provider");
}


static ngx_uint_t
ngx_litellm_gemini_is_function(ngx_litellm_tool_t *tool)
{
    static const ngx_str_t  function = ngx_string("function");

    return tool->name.len && ngx_litellm_gemini_word(&tool->type, &function);
}


static ngx_int_t
ngx_litellm_gemini_choice(ngx_litellm_gemini_t *g)
{
    ngx_litellm_choice_e  choice;

    choice = NGX_LITELLM_CHOICE_UNSET;

    if (ngx_litellm_gemini_has(g, TOOL_CHOICE)
        || ngx_litellm_gemini_has(g, FUNCTION_CALL))
    {
        choice = g->chat.tool_choice;
    }

    if (choice == NGX_LITELLM_CHOICE_UNSET) {
        return NGX_OK;
    }

    if (choice == NGX_LITELLM_CHOICE_OTHER) {
        return ngx_litellm_gemini_bad(g, "this form of 'tool_choice' can't be "
                                      "sent to this provider");
    }

    g->written |= NGX_LITELLM_GEMINI_W_CHOICE;

    ngx_litellm_out_lit(g->out, ",\"toolConfig\":{\"functionCallingConfig\":"
                        "{\"mode\":");

    switch (choice) {

    case NGX_LITELLM_CHOICE_NONE:
        ngx_litellm_out_lit(g->out, "\"NONE\"");
        break;

    case NGX_LITELLM_CHOICE_REQUIRED:
        ngx_litellm_out_lit(g->out, "\"ANY\"");
        break;

    case NGX_LITELLM_CHOICE_NAMED:
        ngx_litellm_out_lit(g->out, "\"ANY\",\"allowedFunctionNames\":[\"");
        ngx_litellm_out_str(g->out, &g->chat.tool_name);
        ngx_litellm_out_lit(g->out, "\"]");
        break;

    default: /* NGX_LITELLM_CHOICE_AUTO */
        ngx_litellm_out_lit(g->out, "\"AUTO\"");
    }

    ngx_litellm_out_lit(g->out, "}}");

    return NGX_OK;
}


static ngx_uint_t
ngx_litellm_gemini_word(ngx_str_t *s, const ngx_str_t *word)
{
    return s->len == word->len
           && ngx_memcmp(s->data, word->data, word->len) == 0;
}
