
/*
 * The messages and tools of a request in the form of Ollama's chat API: one
 * text in "content", pictures beside it as base64, calls with their arguments
 * as an object, results by the name of their function.
 *
 * Everything is written straight into the request's body; texts are copied as
 * they came.  A picture that is given by URL is fetched by the gateway, if the
 * operator allows it: the server takes no URLs.
 */

#include "ngx_litellm_ollama.h"


/* calls that are looked at for the name of one result */
#define NGX_LITELLM_OLLAMA_LOOK  128


typedef struct {
    ngx_litellm_ollama_t     *o;
    ngx_litellm_message_t    *calls;     /* the last message that has some */
    ngx_uint_t                call;      /* the one to be answered next */
} ngx_litellm_ollama_turns_t;


static ngx_int_t ngx_litellm_ollama_message(ngx_litellm_ollama_turns_t *t,
    ngx_litellm_message_t *msg);
static void ngx_litellm_ollama_content(ngx_litellm_ollama_t *o,
    ngx_litellm_message_t *msg);
static void ngx_litellm_ollama_thinking(ngx_litellm_ollama_t *o,
    ngx_litellm_message_t *msg);
static ngx_int_t ngx_litellm_ollama_images(ngx_litellm_ollama_t *o,
    ngx_litellm_message_t *msg);
static ngx_int_t ngx_litellm_ollama_image(ngx_litellm_ollama_t *o,
    ngx_litellm_part_t *part, ngx_str_t *data);
static ngx_int_t ngx_litellm_ollama_calls(ngx_litellm_ollama_t *o,
    ngx_litellm_message_t *msg);
static void ngx_litellm_ollama_result(ngx_litellm_ollama_turns_t *t,
    ngx_litellm_message_t *msg);
static ngx_uint_t ngx_litellm_ollama_named(ngx_litellm_ollama_t *o);
static ngx_int_t ngx_litellm_ollama_tool(ngx_litellm_ollama_t *o,
    ngx_litellm_tool_t *tool);


ngx_int_t
ngx_litellm_ollama_messages(ngx_litellm_ollama_t *o)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i;
    ngx_litellm_ollama_turns_t   t;

    ngx_memzero(&t, sizeof(ngx_litellm_ollama_turns_t));
    t.o = o;

    ngx_litellm_out_lit(o->out, ",\"messages\":[");

    for (i = 0; i < o->chat.nmessages; i++) {

        if (i) {
            ngx_litellm_out_lit(o->out, ",");
        }

        rc = ngx_litellm_ollama_message(&t, &o->chat.messages[i]);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_litellm_out_lit(o->out, "]");

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_ollama_message(ngx_litellm_ollama_turns_t *t,
    ngx_litellm_message_t *msg)
{
    ngx_int_t              rc;
    ngx_litellm_ollama_t  *o;

    o = t->o;

    switch (msg->role) {

    case NGX_LITELLM_ROLE_SYSTEM:
    case NGX_LITELLM_ROLE_DEVELOPER:
        ngx_litellm_out_lit(o->out, "{\"role\":\"system\"");
        break;

    case NGX_LITELLM_ROLE_ASSISTANT:
        ngx_litellm_out_lit(o->out, "{\"role\":\"assistant\"");
        break;

    case NGX_LITELLM_ROLE_TOOL:
    case NGX_LITELLM_ROLE_FUNCTION:
        ngx_litellm_out_lit(o->out, "{\"role\":\"tool\"");
        break;

    default: /* NGX_LITELLM_ROLE_USER */
        ngx_litellm_out_lit(o->out, "{\"role\":\"user\"");
    }

    ngx_litellm_ollama_content(o, msg);

    rc = ngx_litellm_ollama_images(o, msg);
    if (rc != NGX_OK) {
        return rc;
    }

    if (msg->role == NGX_LITELLM_ROLE_ASSISTANT) {

        ngx_litellm_ollama_thinking(o, msg);

        rc = ngx_litellm_ollama_calls(o, msg);
        if (rc != NGX_OK) {
            return rc;
        }

        if (msg->ncalls) {
            t->calls = msg;
            t->call = 0;
        }

    } else if (msg->role == NGX_LITELLM_ROLE_TOOL
               || msg->role == NGX_LITELLM_ROLE_FUNCTION)
    {
        ngx_litellm_ollama_result(t, msg);
    }

    ngx_litellm_out_lit(o->out, "}");

    return NGX_OK;
}


/* always there, even empty: LiteLLM's form, which old servers need */

static void
ngx_litellm_ollama_content(ngx_litellm_ollama_t *o,
    ngx_litellm_message_t *msg)
{
    ngx_uint_t           i;
    ngx_litellm_part_t  *part;

    ngx_litellm_out_lit(o->out, ",\"content\":\"");

    part = msg->parts;

    for (i = 0; i < msg->nparts; i++) {

        if (part[i].type == NGX_LITELLM_PART_TEXT
            || part[i].type == NGX_LITELLM_PART_REFUSAL)
        {
            ngx_litellm_out_ref(o->out, part[i].text.data, part[i].text.len);
        }
    }

    ngx_litellm_out_lit(o->out, "\"");
}


/* a model that thinks between calls is given its thoughts again */

static void
ngx_litellm_ollama_thinking(ngx_litellm_ollama_t *o,
    ngx_litellm_message_t *msg)
{
    ngx_uint_t           i, n;
    ngx_litellm_part_t  *part;

    if (msg->reasoning.len) {
        ngx_litellm_out_lit(o->out, ",\"thinking\":\"");
        ngx_litellm_out_ref(o->out, msg->reasoning.data, msg->reasoning.len);
        ngx_litellm_out_lit(o->out, "\"");
        return;
    }

    n = 0;
    part = msg->parts;

    for (i = 0; i < msg->nparts; i++) {

        if (part[i].type != NGX_LITELLM_PART_THINKING
            || part[i].text.len == 0)
        {
            continue;
        }

        if (n++ == 0) {
            ngx_litellm_out_lit(o->out, ",\"thinking\":\"");
        }

        ngx_litellm_out_ref(o->out, part[i].text.data, part[i].text.len);
    }

    if (n) {
        ngx_litellm_out_lit(o->out, "\"");
    }
}


static ngx_int_t
ngx_litellm_ollama_images(ngx_litellm_ollama_t *o, ngx_litellm_message_t *msg)
{
    ngx_int_t            rc;
    ngx_str_t            data;
    ngx_uint_t           i, n;
    ngx_litellm_part_t  *part;

    n = 0;
    part = msg->parts;

    for (i = 0; i < msg->nparts; i++) {

        switch (part[i].type) {

        case NGX_LITELLM_PART_IMAGE:
        case NGX_LITELLM_PART_FILE:
            break;

        case NGX_LITELLM_PART_AUDIO:
        case NGX_LITELLM_PART_OTHER:
            return ngx_litellm_call_bad(o->call, o->e, "this provider takes "
                                        "texts and images only");

        default:
            continue;
        }

        rc = ngx_litellm_ollama_image(o, &part[i], &data);

        if (rc == NGX_AGAIN) {

            /* the others may be asked for at the same time */

            o->waiting = 1;
            continue;
        }

        if (rc != NGX_OK) {
            return rc;
        }

        if (n++) {
            ngx_litellm_out_lit(o->out, ",\"");

        } else {
            ngx_litellm_out_lit(o->out, ",\"images\":[\"");
        }

        ngx_litellm_out_ref(o->out, data.data, data.len);
        ngx_litellm_out_lit(o->out, "\"");
    }

    if (n) {
        ngx_litellm_out_lit(o->out, "]");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_ollama_image(ngx_litellm_ollama_t *o, ngx_litellm_part_t *part,
    ngx_str_t *data)
{
    ngx_int_t  rc;
    ngx_str_t  media;

    media = part->media;
    *data = part->data;

    if (part->url.len > 5
        && ngx_strncasecmp(part->url.data, (u_char *) "data:", 5) == 0)
    {
        return ngx_litellm_call_bad(o->call, o->e, "a data: URL must be in "
                                    "base64");
    }

    if (part->url.len) {
        rc = ngx_litellm_fetch(o->call, &part->url, &media, data, o->e);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (data->len == 0
        || (part->type == NGX_LITELLM_PART_FILE
            && (media.len <= 6
                || ngx_strncasecmp(media.data, (u_char *) "image/", 6) != 0)))
    {
        return ngx_litellm_call_bad(o->call, o->e, "this provider takes texts "
                                    "and images only");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_ollama_calls(ngx_litellm_ollama_t *o, ngx_litellm_message_t *msg)
{
    ngx_int_t                 rc;
    ngx_str_t                 json;
    ngx_uint_t                i;
    ngx_litellm_tool_call_t  *tc;

    if (msg->ncalls == 0) {
        return NGX_OK;
    }

    ngx_litellm_out_lit(o->out, ",\"tool_calls\":[");

    for (i = 0; i < msg->ncalls; i++) {

        tc = &msg->calls[i];

        if (tc->name.len == 0) {
            return ngx_litellm_call_bad(o->call, o->e, "only calls of "
                                        "functions can be sent to this "
                                        "provider");
        }

        rc = ngx_litellm_call_input(o->call, tc, &json, o->e);
        if (rc != NGX_OK) {
            return rc;
        }

        if (i) {
            ngx_litellm_out_lit(o->out, ",");
        }

        ngx_litellm_out_lit(o->out, "{");

        if (tc->id.len) {
            ngx_litellm_out_lit(o->out, "\"id\":\"");
            ngx_litellm_out_str(o->out, &tc->id);
            ngx_litellm_out_lit(o->out, "\",");
        }

        ngx_litellm_out_lit(o->out, "\"function\":{\"name\":\"");
        ngx_litellm_out_str(o->out, &tc->name);
        ngx_litellm_out_lit(o->out, "\",\"arguments\":");
        ngx_litellm_out_ref(o->out, json.data, json.len);
        ngx_litellm_out_lit(o->out, "}}");
    }

    ngx_litellm_out_lit(o->out, "]");

    return NGX_OK;
}


/*
 * Results mostly come in the order of their calls: the search begins behind
 * the last one found.
 */

static void
ngx_litellm_ollama_result(ngx_litellm_ollama_turns_t *t,
    ngx_litellm_message_t *msg)
{
    ngx_str_t                 name;
    ngx_uint_t                i, k, n;
    ngx_litellm_out_t        *out;
    ngx_litellm_tool_call_t  *tc;

    out = t->o->out;
    name = msg->name;

    n = (t->calls && msg->call_id.len) ? t->calls->ncalls : 0;

    for (i = 0; i < n && i < NGX_LITELLM_OLLAMA_LOOK; i++) {

        k = (t->call + i) % n;
        tc = &t->calls->calls[k];

        if (tc->id.len == msg->call_id.len
            && ngx_memcmp(tc->id.data, msg->call_id.data, tc->id.len) == 0)
        {
            name = tc->name;
            t->call = k + 1;
            break;
        }
    }

    if (name.len) {
        ngx_litellm_out_lit(out, ",\"tool_name\":\"");
        ngx_litellm_out_str(out, &name);
        ngx_litellm_out_lit(out, "\"");
    }

    if (msg->call_id.len) {
        ngx_litellm_out_lit(out, ",\"tool_call_id\":\"");
        ngx_litellm_out_str(out, &msg->call_id);
        ngx_litellm_out_lit(out, "\"");
    }
}


/*
 * The API has no tool_choice.  Without tools the model can call none; with the
 * one tool that was named it can call no other.  "required" is a wish that
 * nothing can be done about, as in LiteLLM.
 */

ngx_int_t
ngx_litellm_ollama_tools(ngx_litellm_ollama_t *o)
{
    ngx_int_t            rc;
    ngx_uint_t           i, n, named;
    ngx_litellm_tool_t  *tool;

    if (o->chat.ntools == 0
        || o->chat.tool_choice == NGX_LITELLM_CHOICE_NONE)
    {
        return NGX_OK;
    }

    named = ngx_litellm_ollama_named(o);
    tool = o->chat.tools;

    for (i = 0, n = 0; i < o->chat.ntools; i++) {

        if (named
            && (tool[i].name.len != o->chat.tool_name.len
                || ngx_memcmp(tool[i].name.data, o->chat.tool_name.data,
                              tool[i].name.len)
                   != 0))
        {
            continue;
        }

        if (n++) {
            ngx_litellm_out_lit(o->out, ",");

        } else {
            ngx_litellm_out_lit(o->out, ",\"tools\":[");
        }

        rc = ngx_litellm_ollama_tool(o, &tool[i]);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_litellm_out_lit(o->out, "]");

    return NGX_OK;
}


/* true if the choice is one of the tools */

static ngx_uint_t
ngx_litellm_ollama_named(ngx_litellm_ollama_t *o)
{
    ngx_uint_t           i;
    ngx_litellm_tool_t  *tool;

    if (o->chat.tool_choice != NGX_LITELLM_CHOICE_NAMED) {
        return 0;
    }

    tool = o->chat.tools;

    for (i = 0; i < o->chat.ntools; i++) {
        if (tool[i].name.len == o->chat.tool_name.len
            && ngx_memcmp(tool[i].name.data, o->chat.tool_name.data,
                          tool[i].name.len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* the function's members as they came, those that were dropped left out */

static ngx_int_t
ngx_litellm_ollama_tool(ngx_litellm_ollama_t *o, ngx_litellm_tool_t *tool)
{
    ngx_uint_t           i, n;
    ngx_litellm_json_t  *fn, *key;

    fn = ngx_litellm_json_member(tool->node, "function");

    if (fn == NULL && o->chat.param[NGX_LITELLM_P_TOOLS] == NULL) {

        /* an element of the older "functions" */

        fn = tool->node;
    }

    if (!ngx_litellm_json_is(fn, OBJECT)
        || tool->type.len != sizeof("function") - 1
        || ngx_memcmp(tool->type.data, "function", tool->type.len) != 0)
    {
        return ngx_litellm_call_bad(o->call, o->e, "a tool of this type can't "
                                    "be sent to this provider");
    }

    ngx_litellm_out_lit(o->out, "{\"type\":\"function\",\"function\":{");

    key = fn + 1;

    for (i = 0, n = 0; i < fn->count; i++) {

        if (!((key->flags | key[1].flags) & NGX_LITELLM_JSON_DROPPED)) {

            if (n++) {
                ngx_litellm_out_lit(o->out, ",");
            }

            ngx_litellm_ollama_raw(o->out, key);
            ngx_litellm_out_lit(o->out, ":");
            ngx_litellm_ollama_raw(o->out, key + 1);
        }

        key = ngx_litellm_json_next(key + 1);
    }

    ngx_litellm_out_lit(o->out, "}}");

    return NGX_OK;
}
