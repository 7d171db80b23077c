
/*
 * Structured output (response_format json_schema) for models that have tools
 * but no schemas: the schema becomes the parameters of a tool that has to be
 * called, and the arguments of that call are the content of the answer, as in
 * LiteLLM.  Called by the variants of such providers, for requests by edit(),
 * for answers by answer().
 *
 * A client that has tools of its own beside the schema keeps them; the model
 * must then call one of them or give its answer.  A call of that name is ours
 * only if the client asked for a response_format.
 */

#include "ngx_litellm_openai_dialect.h"


#define NGX_LITELLM_SCHEMA_TOOL     "json_tool_call"

/* choices of one stream that are looked at */
#define NGX_LITELLM_SCHEMA_CHOICES  NGX_LITELLM_CHOICES

#define NGX_LITELLM_SCHEMA_HEAD                                               \
    "{\"type\":\"function\",\"function\":{\"name\":\"" NGX_LITELLM_SCHEMA_TOOL\
    "\",\"parameters\":"
#define NGX_LITELLM_SCHEMA_TAIL     "}}"
#define NGX_LITELLM_SCHEMA_CHOICE                                             \
    "{\"type\":\"function\",\"function\":{\"name\":\"" NGX_LITELLM_SCHEMA_TOOL\
    "\"}}"


/* of a stream, for each choice */
typedef struct {
    int64_t      index[NGX_LITELLM_SCHEMA_CHOICES];   /* of our call; -1 */
    ngx_uint_t   others[NGX_LITELLM_SCHEMA_CHOICES];  /* calls of others */
} ngx_litellm_schema_t;


static ngx_litellm_json_t *ngx_litellm_schema_of(ngx_litellm_json_t *format);
static ngx_int_t ngx_litellm_schema_format(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_array_t *adds, ngx_str_t *schema);
static ngx_int_t ngx_litellm_schema_put(ngx_litellm_call_t *call,
    ngx_array_t *adds, const char *name, ngx_str_t *value);
static ngx_int_t ngx_litellm_schema_choice(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_array_t *adds, ngx_uint_t alone);
static ngx_int_t ngx_litellm_schema_tool(ngx_litellm_call_t *call,
    ngx_str_t *schema, ngx_uint_t array, ngx_str_t *tool);
static ngx_uint_t ngx_litellm_schema_message(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *message, ngx_uint_t *changed);
static ngx_litellm_schema_t *ngx_litellm_schema_state(
    ngx_litellm_call_t *call, ngx_litellm_facts_t *facts);
static ngx_uint_t ngx_litellm_schema_delta(ngx_litellm_splice_t *sp,
    ngx_litellm_schema_t *state, ngx_uint_t choice,
    ngx_litellm_json_t *delta);
static void ngx_litellm_schema_content(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *message, ngx_litellm_json_t *calls,
    ngx_litellm_json_t *arguments, ngx_uint_t others);
static ngx_litellm_json_t *ngx_litellm_schema_arguments(
    ngx_litellm_json_t *call);


ngx_int_t
ngx_litellm_schema_edit(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
    ngx_litellm_splice_t *sp, ngx_array_t *adds)
{
    u_char              *end;
    ngx_int_t            rc;
    ngx_str_t            schema, tool;
    ngx_uint_t           alone;
    ngx_litellm_add_t   *add;
    ngx_litellm_json_t  *tools;

    rc = ngx_litellm_schema_format(call, root, adds, &schema);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : rc;
    }

    tools = ngx_litellm_json_member(root, "tools");
    alone = 1;

    if (ngx_litellm_json_is(tools, ARRAY) && tools->count) {

        if (ngx_litellm_schema_tool(call, &schema, 0, &tool) != NGX_OK) {
            return NGX_ERROR;
        }

        end = tools->start + tools->len - 1;

        ngx_litellm_splice_lit(sp, end, end, ",");
        ngx_litellm_splice_replace(sp, end, end, tool.data, tool.len);

        alone = 0;

    } else {

        if (tools != NULL) {
            tools->flags |= NGX_LITELLM_JSON_DROPPED;
        }

        add = ngx_litellm_openai_added(adds, "tools", sizeof("tools") - 1);

        if (add != NULL) {
            ngx_litellm_openai_unput(adds, add);
        }

        if (ngx_litellm_schema_tool(call, &schema, 1, &tool) != NGX_OK
            || ngx_litellm_schema_put(call, adds, "tools", &tool) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_litellm_schema_choice(call, root, adds, alone);
}


/* takes the response_format out; NGX_DECLINED: it has no schema */

static ngx_int_t
ngx_litellm_schema_format(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
    ngx_array_t *adds, ngx_str_t *schema)
{
    ngx_int_t                rc;
    ngx_litellm_add_t       *add;
    ngx_litellm_json_t      *format, *v;
    ngx_litellm_json_doc_t   doc;

    format = ngx_litellm_json_member(root, "response_format");

    if (format != NULL) {
        v = ngx_litellm_schema_of(format);

        if (v == NULL) {
            return NGX_DECLINED;
        }

        format->flags |= NGX_LITELLM_JSON_DROPPED;

        schema->data = v->start;
        schema->len = v->len;

        return NGX_OK;
    }

    add = ngx_litellm_openai_added(adds, "response_format",
                                   sizeof("response_format") - 1);
    if (add == NULL) {
        return NGX_DECLINED;
    }

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = call->pool;

    rc = ngx_litellm_json_parse(&doc, add->value.data, add->value.len);

    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_litellm_schema_of(doc.root);

    if (v == NULL) {
        return NGX_DECLINED;
    }

    schema->data = v->start;
    schema->len = v->len;

    ngx_litellm_openai_unput(adds, add);

    return NGX_OK;
}


static ngx_litellm_json_t *
ngx_litellm_schema_of(ngx_litellm_json_t *format)
{
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(format, "type");

    if (!ngx_litellm_json_is(v, STRING)
        || !ngx_litellm_json_eq(v, "json_schema"))
    {
        return NULL;
    }

    v = ngx_litellm_json_member(ngx_litellm_json_member(format, "json_schema"),
                                "schema");

    return ngx_litellm_json_is(v, OBJECT) ? v : NULL;
}


/* alone: the model has no other tools */

static ngx_int_t
ngx_litellm_schema_choice(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
    ngx_array_t *adds, ngx_uint_t alone)
{
    ngx_str_t            choice;
    ngx_litellm_add_t   *add;
    ngx_litellm_json_t  *v;

    ngx_str_set(&choice, NGX_LITELLM_SCHEMA_CHOICE);

    v = ngx_litellm_json_member(root, "tool_choice");

    if (!alone) {

        /* one of its own that the client wants to be called */

        if (ngx_litellm_json_is(v, OBJECT)
            || (ngx_litellm_json_is(v, STRING)
                && ngx_litellm_json_eq(v, "required")))
        {
            return NGX_OK;
        }

        if (!ngx_litellm_json_is(v, STRING)
            || !ngx_litellm_json_eq(v, "none"))
        {
            ngx_str_set(&choice, "\"required\"");
        }
    }

    if (v != NULL) {
        v->flags |= NGX_LITELLM_JSON_DROPPED;
    }

    add = ngx_litellm_openai_added(adds, "tool_choice",
                                   sizeof("tool_choice") - 1);
    if (add != NULL) {
        ngx_litellm_openai_unput(adds, add);
    }

    return ngx_litellm_schema_put(call, adds, "tool_choice", &choice);
}


static ngx_int_t
ngx_litellm_schema_put(ngx_litellm_call_t *call, ngx_array_t *adds,
    const char *name, ngx_str_t *value)
{
    ngx_str_t  key;

    key.data = (u_char *) name;
    key.len = ngx_strlen(name);

    return ngx_litellm_openai_put(call->pool, adds, &key, &key, value);
}


static ngx_int_t
ngx_litellm_schema_tool(ngx_litellm_call_t *call, ngx_str_t *schema,
    ngx_uint_t array, ngx_str_t *tool)
{
    u_char  *p;

    tool->len = sizeof(NGX_LITELLM_SCHEMA_HEAD) - 1 + schema->len
                + sizeof(NGX_LITELLM_SCHEMA_TAIL) - 1 + (array ? 2 : 0);

    p = ngx_pnalloc(call->pool, tool->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    tool->data = p;

    if (array) {
        *p++ = '[';
    }

    p = ngx_cpymem(p, NGX_LITELLM_SCHEMA_HEAD,
                   sizeof(NGX_LITELLM_SCHEMA_HEAD) - 1);
    p = ngx_cpymem(p, schema->data, schema->len);
    p = ngx_cpymem(p, NGX_LITELLM_SCHEMA_TAIL,
                   sizeof(NGX_LITELLM_SCHEMA_TAIL) - 1);

    if (array) {
        *p = ']';
    }

    return NGX_OK;
}


ngx_int_t
ngx_litellm_schema_answer(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
    ngx_litellm_splice_t *sp, ngx_litellm_facts_t *facts, ngx_uint_t stream,
    ngx_uint_t *changed)
{
    int64_t                n;
    ngx_uint_t             i, done;
    ngx_litellm_json_t    *choices, *c, *v;
    ngx_litellm_schema_t  *state;

    if (ngx_litellm_openai_value(call, NGX_LITELLM_P_RESPONSE_FORMAT) == NULL)
    {
        return NGX_OK;
    }

    choices = ngx_litellm_json_member(root, "choices");

    if (!ngx_litellm_json_is(choices, ARRAY)) {
        return NGX_OK;
    }

    state = NULL;

    if (stream) {
        state = ngx_litellm_schema_state(call, facts);
        if (state == NULL) {
            return NGX_ERROR;
        }
    }

    c = choices + 1;

    for (i = 0; i < choices->count; i++, c = ngx_litellm_json_next(c)) {

        if (stream) {
            v = ngx_litellm_json_member(c, "index");
            n = 0;

            if (v != NULL && ngx_litellm_json_int(v, &n) != NGX_OK) {
                continue;
            }

            if (n < 0 || n >= NGX_LITELLM_SCHEMA_CHOICES) {
                continue;
            }

            v = ngx_litellm_json_member(c, "delta");

            if (ngx_litellm_json_is(v, OBJECT)
                && ngx_litellm_schema_delta(sp, state, n, v))
            {
                *changed = 1;
            }

            done = (state->index[n] >= 0 && !state->others[n]);

        } else {
            v = ngx_litellm_json_member(c, "message");

            done = ngx_litellm_json_is(v, OBJECT)
                   && ngx_litellm_schema_message(sp, v, changed);
        }

        if (!done) {
            continue;
        }

        /* to the client it is an ordinary answer */

        v = ngx_litellm_json_member(c, "finish_reason");

        if (ngx_litellm_json_is(v, STRING)
            && ngx_litellm_json_eq(v, "tool_calls"))
        {
            ngx_litellm_splice_lit(sp, v->start, v->start + v->len,
                                   "\"stop\"");
            facts->finish = NGX_LITELLM_FINISH_STOP;
            *changed = 1;
        }
    }

    return NGX_OK;
}


/* true: the choice has our call and no other one */

static ngx_uint_t
ngx_litellm_schema_message(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *message, ngx_uint_t *changed)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *calls, *c, *name, *arguments;

    calls = ngx_litellm_json_member(message, "tool_calls");

    if (!ngx_litellm_json_is(calls, ARRAY)) {
        return 0;
    }

    c = calls + 1;

    for (i = 0; i < calls->count; i++, c = ngx_litellm_json_next(c)) {
        arguments = ngx_litellm_schema_arguments(c);
        name = ngx_litellm_json_member(ngx_litellm_json_member(c, "function"),
                                       "name");

        if (arguments == NULL || !ngx_litellm_json_is(name, STRING)
            || !ngx_litellm_json_eq(name, NGX_LITELLM_SCHEMA_TOOL))
        {
            continue;
        }

        c->flags |= NGX_LITELLM_JSON_DROPPED;
        *changed = 1;

        ngx_litellm_schema_content(sp, message, calls, arguments,
                                   calls->count - 1);

        return calls->count == 1;
    }

    return 0;
}


static ngx_litellm_schema_t *
ngx_litellm_schema_state(ngx_litellm_call_t *call, ngx_litellm_facts_t *facts)
{
    ngx_uint_t             i;
    ngx_litellm_schema_t  *state;

    if (facts->state != NULL) {
        return facts->state;
    }

    state = ngx_pcalloc(call->pool, sizeof(ngx_litellm_schema_t));

    if (state != NULL) {
        for (i = 0; i < NGX_LITELLM_SCHEMA_CHOICES; i++) {
            state->index[i] = -1;
        }

        facts->state = state;
    }

    return state;
}


static ngx_uint_t
ngx_litellm_schema_delta(ngx_litellm_splice_t *sp, ngx_litellm_schema_t *state,
    ngx_uint_t choice, ngx_litellm_json_t *delta)
{
    int64_t              n;
    ngx_uint_t           i, others;
    ngx_litellm_json_t  *calls, *c, *v, *arguments;

    calls = ngx_litellm_json_member(delta, "tool_calls");

    if (!ngx_litellm_json_is(calls, ARRAY)) {
        return 0;
    }

    arguments = NULL;
    others = 0;
    c = calls + 1;

    for (i = 0; i < calls->count; i++, c = ngx_litellm_json_next(c)) {

        v = ngx_litellm_json_member(c, "index");
        n = 0;

        if (v != NULL && (ngx_litellm_json_int(v, &n) != NGX_OK || n < 0)) {
            n = 0;
        }

        v = ngx_litellm_json_member(ngx_litellm_json_member(c, "function"),
                                    "name");

        if (ngx_litellm_json_is(v, STRING)
            && ngx_litellm_json_eq(v, NGX_LITELLM_SCHEMA_TOOL)
            && state->index[choice] < 0)
        {
            state->index[choice] = n;
        }

        if (state->index[choice] != n) {
            others++;
            continue;
        }

        c->flags |= NGX_LITELLM_JSON_DROPPED;

        if (arguments == NULL) {
            arguments = ngx_litellm_schema_arguments(c);
        }
    }

    state->others[choice] |= (others > 0);

    if (others == calls->count) {
        return 0;
    }

    ngx_litellm_schema_content(sp, delta, calls, arguments, others);

    return 1;
}


/* the arguments in place of the content, without the calls that are DROPPED */

static void
ngx_litellm_schema_content(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *message, ngx_litellm_json_t *calls,
    ngx_litellm_json_t *arguments, ngx_uint_t others)
{
    ngx_litellm_add_t    add;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(message, "content");

    if (v != NULL) {
        v->flags |= NGX_LITELLM_JSON_DROPPED;
    }

    if (others) {
        ngx_litellm_splice_array(sp, calls);

    } else {
        calls->flags |= NGX_LITELLM_JSON_DROPPED;
    }

    ngx_str_set(&add.name, "content");
    add.key = add.name;
    ngx_str_set(&add.value, "\"\"");

    if (arguments != NULL) {
        add.value.data = arguments->start;
        add.value.len = arguments->len;
    }

    ngx_litellm_splice_object(sp, message, &add, 1);
}


static ngx_litellm_json_t *
ngx_litellm_schema_arguments(ngx_litellm_json_t *call)
{
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(ngx_litellm_json_member(call, "function"),
                                "arguments");

    return ngx_litellm_json_is(v, STRING) ? v : NULL;
}
