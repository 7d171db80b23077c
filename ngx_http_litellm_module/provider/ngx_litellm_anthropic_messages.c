
/*
 * The messages of a request in the form of Anthropic's Messages API.
 *
 * System and developer messages, wherever they stand, are hoisted into
 * "system".  The rest become turns that alternate between user and assistant:
 * messages of one side are merged, tool results belong to the user's side.
 * Empty texts, which the API refuses, are left out; a turn is begun by its
 * first block, so that one without any leaves no trace.
 *
 * Everything is written straight into the request's body; texts are copied as
 * they came.
 */

#include "ngx_litellm_anthropic.h"


typedef struct {
    ngx_litellm_anthropic_t  *a;
    ngx_litellm_out_t        *out;
    ngx_litellm_turns_t       turns;
} ngx_litellm_anthropic_turn_t;


static ngx_int_t ngx_litellm_anthropic_system(ngx_litellm_anthropic_t *a,
    ngx_uint_t *written);
static ngx_int_t ngx_litellm_anthropic_user(ngx_litellm_anthropic_turn_t *t,
    ngx_litellm_message_t *msg);
static ngx_int_t ngx_litellm_anthropic_assistant(
    ngx_litellm_anthropic_turn_t *t, ngx_litellm_message_t *msg,
    ngx_uint_t last);
static ngx_int_t ngx_litellm_anthropic_tool_use(
    ngx_litellm_anthropic_turn_t *t, ngx_litellm_tool_call_t *tc);
static ngx_int_t ngx_litellm_anthropic_result(ngx_litellm_anthropic_turn_t *t,
    ngx_litellm_message_t *msg);
static ngx_int_t ngx_litellm_anthropic_part(ngx_litellm_anthropic_t *a,
    ngx_litellm_part_t *part, ngx_litellm_json_t *cache);
static void ngx_litellm_anthropic_text(ngx_litellm_out_t *out,
    ngx_str_t *text, ngx_litellm_json_t *cache);
static void ngx_litellm_anthropic_trim(ngx_str_t *text);


ngx_int_t
ngx_litellm_anthropic_messages(ngx_litellm_anthropic_t *a, ngx_uint_t *system)
{
    ngx_int_t                      rc;
    ngx_uint_t                     i, last;
    ngx_litellm_message_t         *msg;
    ngx_litellm_anthropic_turn_t   t;

    msg = a->chat.messages;
    last = 0;

    for (i = 0; i < a->chat.nmessages; i++) {
        if (msg[i].role != NGX_LITELLM_ROLE_SYSTEM
            && msg[i].role != NGX_LITELLM_ROLE_DEVELOPER)
        {
            last = i;
        }
    }

    ngx_memzero(&t, sizeof(ngx_litellm_anthropic_turn_t));
    t.a = a;
    t.out = a->out;
    t.turns.out = a->out;

    ngx_litellm_out_lit(a->out, "\"messages\":[");

    for (i = 0; i < a->chat.nmessages; i++) {

        switch (msg[i].role) {

        case NGX_LITELLM_ROLE_SYSTEM:
        case NGX_LITELLM_ROLE_DEVELOPER:
            continue;

        case NGX_LITELLM_ROLE_ASSISTANT:
            rc = ngx_litellm_anthropic_assistant(&t, &msg[i], i == last);
            break;

        case NGX_LITELLM_ROLE_TOOL:
        case NGX_LITELLM_ROLE_FUNCTION:
            rc = ngx_litellm_anthropic_result(&t, &msg[i]);
            break;

        default: /* NGX_LITELLM_ROLE_USER */
            rc = ngx_litellm_anthropic_user(&t, &msg[i]);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (t.turns.n == 0) {

        if (a->call->config == NULL || a->call->config->modify_params != 1) {
            return ngx_litellm_anthropic_bad(a, "at least one message that is "
                                             "not a system message and has "
                                             "content is needed");
        }

        ngx_litellm_turns_role(&t.turns, NGX_LITELLM_ROLE_USER);
        ngx_litellm_out_lit(a->out, "{\"type\":\"text\",\"text\":"
                            "\"Please continue.\"}");
    }

    ngx_litellm_turns_close(&t.turns);
    ngx_litellm_out_lit(a->out, "]");

    return ngx_litellm_anthropic_system(a, system);
}


static ngx_int_t
ngx_litellm_anthropic_system(ngx_litellm_anthropic_t *a, ngx_uint_t *written)
{
    ngx_int_t              rc;
    ngx_str_t             *text;
    ngx_uint_t             n;
    ngx_litellm_json_t    *cache;
    ngx_litellm_system_t   system;

    n = 0;
    ngx_memzero(&system, sizeof(ngx_litellm_system_t));

    while ((rc = ngx_litellm_system_next(a->call, &a->chat, &system, &text,
                                         &cache, a->e))
           == NGX_OK)
    {
        if (ngx_litellm_call_blank(text)) {
            continue;
        }

        if (n++) {
            ngx_litellm_out_lit(a->out, ",");

        } else {
            ngx_litellm_out_lit(a->out, ",\"system\":[");
        }

        ngx_litellm_anthropic_text(a->out, text, cache);
    }

    if (rc != NGX_DONE) {
        return rc;
    }

    if (n) {
        ngx_litellm_out_lit(a->out, "]");
    }

    *written = n;

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_anthropic_user(ngx_litellm_anthropic_turn_t *t,
    ngx_litellm_message_t *msg)
{
    ngx_int_t            rc;
    ngx_uint_t           i;
    ngx_litellm_part_t  *part;
    ngx_litellm_json_t  *cache;

    if (msg->null_content) {
        return ngx_litellm_anthropic_bad(t->a, "a user message must have "
                                         "'content'");
    }

    part = msg->parts;

    for (i = 0; i < msg->nparts; i++) {

        if (part[i].type == NGX_LITELLM_PART_TEXT
            && ngx_litellm_call_blank(&part[i].text))
        {
            continue;
        }

        cache = part[i].cache_control;

        if (cache == NULL && i == msg->nparts - 1) {
            cache = msg->cache_control;
        }

        ngx_litellm_turns_role(&t->turns, NGX_LITELLM_ROLE_USER);

        rc = ngx_litellm_anthropic_part(t->a, &part[i], cache);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_anthropic_assistant(ngx_litellm_anthropic_turn_t *t,
    ngx_litellm_message_t *msg, ngx_uint_t last)
{
    ngx_int_t            rc;
    ngx_str_t            text;
    ngx_uint_t           i;
    ngx_litellm_part_t  *part;
    ngx_litellm_json_t  *cache;

    part = msg->parts;

    for (i = 0; i < msg->nparts; i++) {

        cache = part[i].cache_control;

        if (cache == NULL && i == msg->nparts - 1 && msg->ncalls == 0) {
            cache = msg->cache_control;
        }

        switch (part[i].type) {

        case NGX_LITELLM_PART_TEXT:
        case NGX_LITELLM_PART_REFUSAL:

            text = part[i].text;

            if (ngx_litellm_call_blank(&text)) {
                continue;
            }

            /* the API refuses a prefill that ends with white space */

            if (last && i == msg->nparts - 1 && msg->ncalls == 0) {
                ngx_litellm_anthropic_trim(&text);
            }

            ngx_litellm_turns_role(&t->turns, NGX_LITELLM_ROLE_ASSISTANT);
            ngx_litellm_anthropic_text(t->out, &text, cache);
            continue;

        case NGX_LITELLM_PART_THINKING:

            /* another provider's reasoning: the API takes only its own */

            if (part[i].signature.len == 0) {
                continue;
            }

            ngx_litellm_turns_role(&t->turns, NGX_LITELLM_ROLE_ASSISTANT);
            ngx_litellm_out_lit(t->out, "{\"type\":\"thinking\","
                                "\"thinking\":\"");
            ngx_litellm_out_ref(t->out, part[i].text.data, part[i].text.len);
            ngx_litellm_out_lit(t->out, "\",\"signature\":\"");
            ngx_litellm_out_ref(t->out, part[i].signature.data,
                                part[i].signature.len);
            ngx_litellm_out_lit(t->out, "\"}");
            continue;

        case NGX_LITELLM_PART_REDACTED:

            if (part[i].data.len == 0) {
                continue;
            }

            ngx_litellm_turns_role(&t->turns, NGX_LITELLM_ROLE_ASSISTANT);
            ngx_litellm_out_lit(t->out, "{\"type\":\"redacted_thinking\","
                                "\"data\":\"");
            ngx_litellm_out_ref(t->out, part[i].data.data, part[i].data.len);
            ngx_litellm_out_lit(t->out, "\"}");
            continue;

        default:
            ngx_litellm_turns_role(&t->turns, NGX_LITELLM_ROLE_ASSISTANT);

            rc = ngx_litellm_anthropic_part(t->a, &part[i], cache);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    for (i = 0; i < msg->ncalls; i++) {
        rc = ngx_litellm_anthropic_tool_use(t, &msg->calls[i]);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_anthropic_tool_use(ngx_litellm_anthropic_turn_t *t,
    ngx_litellm_tool_call_t *tc)
{
    ngx_int_t  rc;
    ngx_str_t  name, json;

    /* a search that the provider ran itself: LiteLLM showed it as a call */

    if (tc->id.len > 9 && ngx_strncmp(tc->id.data, "srvtoolu_", 9) == 0) {
        return NGX_OK;
    }

    if (tc->name.len == 0) {
        return ngx_litellm_anthropic_bad(t->a, "only calls of functions can "
                                         "be sent to this provider");
    }

    if (tc->id.len == 0) {
        return ngx_litellm_anthropic_bad(t->a, "a tool call must have an "
                                         "'id'");
    }

    rc = ngx_litellm_call_input(t->a->call, tc, &json, t->a->e);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_litellm_tool_name(t->a->call->pool, &tc->name, &name)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_litellm_turns_role(&t->turns, NGX_LITELLM_ROLE_ASSISTANT);
    ngx_litellm_out_lit(t->out, "{\"type\":\"tool_use\",\"id\":\"");

    if (ngx_litellm_tool_id(t->a->call->pool, t->out, &tc->id) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_litellm_out_lit(t->out, "\",\"name\":\"");
    ngx_litellm_out_str(t->out, &name);
    ngx_litellm_out_lit(t->out, "\",\"input\":");

    ngx_litellm_out_ref(t->out, json.data, json.len);

    ngx_litellm_anthropic_cache(t->out, tc->cache_control);
    ngx_litellm_out_lit(t->out, "}");

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_anthropic_result(ngx_litellm_anthropic_turn_t *t,
    ngx_litellm_message_t *msg)
{
    ngx_int_t            rc;
    ngx_uint_t           i, n;
    ngx_litellm_json_t  *cache;

    if (msg->call_id.len > 9
        && ngx_strncmp(msg->call_id.data, "srvtoolu_", 9) == 0)
    {
        return NGX_OK;
    }

    if (msg->call_id.len == 0) {
        return ngx_litellm_anthropic_bad(t->a, "a tool message must have a "
                                         "'tool_call_id'");
    }

    cache = msg->cache_control;

    ngx_litellm_turns_role(&t->turns, NGX_LITELLM_ROLE_USER);
    ngx_litellm_out_lit(t->out, "{\"type\":\"tool_result\","
                        "\"tool_use_id\":\"");

    if (ngx_litellm_tool_id(t->a->call->pool, t->out, &msg->call_id)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (msg->string_content) {
        ngx_litellm_out_lit(t->out, "\",\"content\":\"");
        ngx_litellm_out_ref(t->out, msg->parts->text.data,
                            msg->parts->text.len);
        ngx_litellm_out_lit(t->out, "\"");

    } else {
        ngx_litellm_out_lit(t->out, "\",\"content\":[");

        for (i = 0, n = 0; i < msg->nparts; i++) {

            if (msg->parts[i].cache_control) {
                cache = msg->parts[i].cache_control;
            }

            if (msg->parts[i].type == NGX_LITELLM_PART_TEXT
                && ngx_litellm_call_blank(&msg->parts[i].text))
            {
                continue;
            }

            if (n++) {
                ngx_litellm_out_lit(t->out, ",");
            }

            rc = ngx_litellm_anthropic_part(t->a, &msg->parts[i], NULL);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        ngx_litellm_out_lit(t->out, "]");
    }

    ngx_litellm_anthropic_cache(t->out, cache);
    ngx_litellm_out_lit(t->out, "}");

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_anthropic_part(ngx_litellm_anthropic_t *a,
    ngx_litellm_part_t *part, ngx_litellm_json_t *cache)
{
    ngx_uint_t  i;

    /* blocks of the Messages API itself, sent on as they are */

    static const ngx_str_t  blocks[] = {
        ngx_string("document"),
        ngx_string("image"),
        ngx_string("container_upload"),
        ngx_string("search_result"),
        ngx_string("tool_result"),
        ngx_string("tool_use"),
        ngx_string("server_tool_use"),
        ngx_string("web_search_tool_result"),
        ngx_string("web_fetch_tool_result"),
        ngx_string("mcp_tool_use"),
        ngx_string("mcp_tool_result")
    };

    switch (part->type) {

    case NGX_LITELLM_PART_TEXT:
    case NGX_LITELLM_PART_REFUSAL:
        ngx_litellm_anthropic_text(a->out, &part->text, cache);
        return NGX_OK;

    case NGX_LITELLM_PART_IMAGE:
    case NGX_LITELLM_PART_FILE:
        return ngx_litellm_anthropic_media(a, part, cache);

    case NGX_LITELLM_PART_OTHER:

        for (i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
            if (part->text.len == blocks[i].len
                && ngx_memcmp(part->text.data, blocks[i].data, blocks[i].len)
                   == 0)
            {
                ngx_litellm_anthropic_raw(a->out, part->node);
                return NGX_OK;
            }
        }

        break;

    case NGX_LITELLM_PART_AUDIO:
        return ngx_litellm_anthropic_bad(a, "this provider's models take no "
                                         "audio");

    default:
        break;
    }

    return ngx_litellm_anthropic_bad(a, "a content part of this type can't be "
                                     "sent to this provider");
}


static void
ngx_litellm_anthropic_text(ngx_litellm_out_t *out, ngx_str_t *text,
    ngx_litellm_json_t *cache)
{
    ngx_litellm_out_lit(out, "{\"type\":\"text\",\"text\":\"");
    ngx_litellm_out_ref(out, text->data, text->len);
    ngx_litellm_out_lit(out, "\"");
    ngx_litellm_anthropic_cache(out, cache);
    ngx_litellm_out_lit(out, "}");
}


void
ngx_litellm_anthropic_cache(ngx_litellm_out_t *out, ngx_litellm_json_t *cache)
{
    if (cache) {
        ngx_litellm_out_lit(out, ",\"cache_control\":");
        ngx_litellm_anthropic_raw(out, cache);
    }
}


/* white space at the end; a backslash counts only if it is not escaped */

static void
ngx_litellm_anthropic_trim(ngx_str_t *text)
{
    u_char      c, *p;
    ngx_uint_t  n;

    while (text->len) {
        p = text->data + text->len - 1;
        c = *p;

        if (c == ' ') {
            text->len--;
            continue;
        }

        if (c != 'n' && c != 'r' && c != 't' && c != 'f') {
            return;
        }

        for (n = 0; p > text->data && p[-1] == '\\'; n++) {
            p--;
        }

        if (n % 2 == 0) {
            return;
        }

        text->len -= 2;
    }
}
