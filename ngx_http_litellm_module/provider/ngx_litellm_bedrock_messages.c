
/*
 * The messages of a request in the form of Bedrock's Converse API.
 *
 * System and developer messages, wherever they stand, are hoisted into
 * "system".  The rest become turns that alternate between user and assistant:
 * messages of one side are merged, tool results belong to the user's side.
 * Blank texts, which Converse refuses, are left out; a turn is begun by its
 * first block, so that one without any leaves no trace.  A cachePoint is a
 * block of its own behind what it marks.
 *
 * Everything is written straight into the request's body; texts are copied as
 * they came.
 */

#include "ngx_litellm_bedrock.h"


/* toolUseId: [a-zA-Z0-9_-]{1,64} */
#define NGX_LITELLM_BEDROCK_ID_LEN  64


typedef struct {
    ngx_litellm_bedrock_t    *b;
    ngx_litellm_out_t        *out;
    ngx_litellm_turns_t       turns;
} ngx_litellm_bedrock_turn_t;


static ngx_int_t ngx_litellm_bedrock_system(ngx_litellm_bedrock_t *b);
static ngx_int_t ngx_litellm_bedrock_user(ngx_litellm_bedrock_turn_t *t,
    ngx_litellm_message_t *msg);
static ngx_int_t ngx_litellm_bedrock_assistant(ngx_litellm_bedrock_turn_t *t,
    ngx_litellm_message_t *msg);
static void ngx_litellm_bedrock_thought(ngx_litellm_bedrock_turn_t *t,
    ngx_litellm_part_t *part);
static ngx_int_t ngx_litellm_bedrock_tool_use(ngx_litellm_bedrock_turn_t *t,
    ngx_litellm_tool_call_t *tc);
static ngx_int_t ngx_litellm_bedrock_result(ngx_litellm_bedrock_turn_t *t,
    ngx_litellm_message_t *msg);
static ngx_int_t ngx_litellm_bedrock_result_text(
    ngx_litellm_bedrock_turn_t *t, ngx_litellm_message_t *msg);
static ngx_int_t ngx_litellm_bedrock_part(ngx_litellm_bedrock_turn_t *t,
    ngx_litellm_role_e role, ngx_litellm_part_t *part, ngx_uint_t *n);
static void ngx_litellm_bedrock_text(ngx_litellm_out_t *out,
    ngx_str_t *text);
static ngx_litellm_json_t *ngx_litellm_bedrock_guarded(
    ngx_litellm_part_t *part);
static ngx_int_t ngx_litellm_bedrock_id(ngx_litellm_bedrock_t *b,
    ngx_str_t *id);


ngx_int_t
ngx_litellm_bedrock_messages(ngx_litellm_bedrock_t *b)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i;
    ngx_litellm_message_t       *msg;
    ngx_litellm_bedrock_turn_t   t;

    ngx_memzero(&t, sizeof(ngx_litellm_bedrock_turn_t));
    t.b = b;
    t.out = b->a.out;
    t.turns.out = b->a.out;

    ngx_litellm_out_lit(t.out, "\"messages\":[");

    msg = b->a.chat.messages;

    for (i = 0; i < b->a.chat.nmessages; i++) {

        switch (msg[i].role) {

        case NGX_LITELLM_ROLE_SYSTEM:
        case NGX_LITELLM_ROLE_DEVELOPER:
            continue;

        case NGX_LITELLM_ROLE_ASSISTANT:
            rc = ngx_litellm_bedrock_assistant(&t, &msg[i]);
            break;

        case NGX_LITELLM_ROLE_TOOL:
        case NGX_LITELLM_ROLE_FUNCTION:
            rc = b->no_tools ? ngx_litellm_bedrock_result_text(&t, &msg[i])
                             : ngx_litellm_bedrock_result(&t, &msg[i]);
            break;

        default: /* NGX_LITELLM_ROLE_USER */
            rc = ngx_litellm_bedrock_user(&t, &msg[i]);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (t.turns.n == 0 && !b->waiting) {

        if (b->a.call->config == NULL
            || b->a.call->config->modify_params != 1)
        {
            return ngx_litellm_bedrock_bad(b, "at least one message that is "
                                           "not a system message and has "
                                           "content is needed");
        }

        ngx_litellm_turns_role(&t.turns, NGX_LITELLM_ROLE_USER);
        ngx_litellm_out_lit(t.out, "{\"text\":\"Please continue.\"}");
    }

    ngx_litellm_turns_close(&t.turns);
    ngx_litellm_out_lit(t.out, "]");

    return ngx_litellm_bedrock_system(b);
}


static ngx_int_t
ngx_litellm_bedrock_system(ngx_litellm_bedrock_t *b)
{
    ngx_int_t              rc;
    ngx_str_t             *text;
    ngx_uint_t             n;
    ngx_litellm_out_t     *out;
    ngx_litellm_json_t    *cache;
    ngx_litellm_system_t   system;

    n = 0;
    out = b->a.out;
    ngx_memzero(&system, sizeof(ngx_litellm_system_t));

    while ((rc = ngx_litellm_system_next(b->a.call, &b->a.chat, &system, &text,
                                         &cache, b->a.e))
           == NGX_OK)
    {
        if (ngx_litellm_call_blank(text)) {
            continue;
        }

        if (n++) {
            ngx_litellm_out_lit(out, ",");

        } else {
            ngx_litellm_out_lit(out, ",\"system\":[");
        }

        ngx_litellm_bedrock_text(out, text);
        ngx_litellm_bedrock_cache(b, cache);
    }

    if (rc != NGX_DONE) {
        return rc;
    }

    if (n) {
        ngx_litellm_out_lit(out, "]");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_bedrock_user(ngx_litellm_bedrock_turn_t *t,
    ngx_litellm_message_t *msg)
{
    ngx_int_t            rc;
    ngx_uint_t           i, n;
    ngx_litellm_json_t  *cache;

    for (i = 0; i < msg->nparts; i++) {
        n = 0;

        rc = ngx_litellm_bedrock_part(t, NGX_LITELLM_ROLE_USER,
                                      &msg->parts[i], &n);
        if (rc != NGX_OK) {
            return rc;
        }

        cache = msg->parts[i].cache_control;

        if (cache == NULL && i == msg->nparts - 1) {
            cache = msg->cache_control;
        }

        if (n) {
            ngx_litellm_bedrock_cache(t->b, cache);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_bedrock_assistant(ngx_litellm_bedrock_turn_t *t,
    ngx_litellm_message_t *msg)
{
    ngx_int_t            rc;
    ngx_uint_t           i, n;
    ngx_litellm_part_t  *part;
    ngx_litellm_json_t  *cache;

    for (i = 0; i < msg->nparts; i++) {
        part = &msg->parts[i];

        if (part->type == NGX_LITELLM_PART_THINKING
            || part->type == NGX_LITELLM_PART_REDACTED)
        {
            ngx_litellm_bedrock_thought(t, part);
            continue;
        }

        n = 0;

        rc = ngx_litellm_bedrock_part(t, NGX_LITELLM_ROLE_ASSISTANT, part,
                                      &n);
        if (rc != NGX_OK) {
            return rc;
        }

        cache = part->cache_control;

        if (cache == NULL && i == msg->nparts - 1 && msg->ncalls == 0) {
            cache = msg->cache_control;
        }

        if (n) {
            ngx_litellm_bedrock_cache(t->b, cache);
        }
    }

    for (i = 0; i < msg->ncalls; i++) {
        rc = ngx_litellm_bedrock_tool_use(t, &msg->calls[i]);
        if (rc != NGX_OK) {
            return rc;
        }

        cache = msg->calls[i].cache_control;

        if (cache == NULL && i == msg->ncalls - 1) {
            cache = msg->cache_control;
        }

        ngx_litellm_bedrock_cache(t->b, cache);
    }

    return NGX_OK;
}


/* without a signature it is another provider's reasoning, and refused */

static void
ngx_litellm_bedrock_thought(ngx_litellm_bedrock_turn_t *t,
    ngx_litellm_part_t *part)
{
    if (part->type == NGX_LITELLM_PART_REDACTED) {

        if (part->data.len) {
            ngx_litellm_turns_role(&t->turns, NGX_LITELLM_ROLE_ASSISTANT);
            ngx_litellm_out_lit(t->out, "{\"reasoningContent\":"
                                "{\"redactedContent\":\"");
            ngx_litellm_out_ref(t->out, part->data.data, part->data.len);
            ngx_litellm_out_lit(t->out, "\"}}");
        }

        return;
    }

    if (part->signature.len) {
        ngx_litellm_turns_role(&t->turns, NGX_LITELLM_ROLE_ASSISTANT);
        ngx_litellm_out_lit(t->out, "{\"reasoningContent\":"
                            "{\"reasoningText\":{\"text\":\"");
        ngx_litellm_out_ref(t->out, part->text.data, part->text.len);
        ngx_litellm_out_lit(t->out, "\",\"signature\":\"");
        ngx_litellm_out_ref(t->out, part->signature.data,
                            part->signature.len);
        ngx_litellm_out_lit(t->out, "\"}}}");
    }
}


static ngx_int_t
ngx_litellm_bedrock_tool_use(ngx_litellm_bedrock_turn_t *t,
    ngx_litellm_tool_call_t *tc)
{
    ngx_int_t   rc;
    ngx_str_t   name, json;

    if (tc->name.len == 0) {
        return ngx_litellm_bedrock_bad(t->b, "only calls of functions can be "
                                       "sent to this provider");
    }

    if (t->b->no_tools) {
        ngx_litellm_turns_role(&t->turns, NGX_LITELLM_ROLE_ASSISTANT);
        ngx_litellm_out_lit(t->out, "{\"text\":\"[tool call ");
        ngx_litellm_out_str(t->out, &tc->name);
        ngx_litellm_out_lit(t->out, ": ");
        ngx_litellm_out_ref(t->out, tc->arguments.data, tc->arguments.len);
        ngx_litellm_out_lit(t->out, "]\"}");
        return NGX_OK;
    }

    if (tc->id.len == 0) {
        return ngx_litellm_bedrock_bad(t->b, "a tool call must have an 'id'");
    }

    rc = ngx_litellm_call_input(t->b->a.call, tc, &json, t->b->a.e);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_litellm_tool_name(t->b->a.call->pool, &tc->name, &name)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_litellm_turns_role(&t->turns, NGX_LITELLM_ROLE_ASSISTANT);
    ngx_litellm_out_lit(t->out, "{\"toolUse\":{\"toolUseId\":\"");

    if (ngx_litellm_bedrock_id(t->b, &tc->id) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_litellm_out_lit(t->out, "\",\"name\":\"");
    ngx_litellm_out_str(t->out, &name);
    ngx_litellm_out_lit(t->out, "\",\"input\":");
    ngx_litellm_out_ref(t->out, json.data, json.len);
    ngx_litellm_out_lit(t->out, "}}");

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_bedrock_result(ngx_litellm_bedrock_turn_t *t,
    ngx_litellm_message_t *msg)
{
    ngx_int_t                     rc;
    ngx_uint_t                    i, n;
    ngx_litellm_json_t           *cache;
    ngx_litellm_part_t           *part;
    ngx_litellm_bedrock_media_t   media;

    if (msg->call_id.len == 0) {
        return ngx_litellm_bedrock_bad(t->b, "a tool message must have a "
                                       "'tool_call_id'");
    }

    cache = msg->cache_control;

    ngx_litellm_turns_role(&t->turns, NGX_LITELLM_ROLE_USER);
    ngx_litellm_out_lit(t->out, "{\"toolResult\":{\"toolUseId\":\"");

    if (ngx_litellm_bedrock_id(t->b, &msg->call_id) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_litellm_out_lit(t->out, "\",\"content\":[");

    for (i = 0, n = 0; i < msg->nparts; i++) {
        part = &msg->parts[i];

        if (part->cache_control) {
            cache = part->cache_control;
        }

        switch (part->type) {

        case NGX_LITELLM_PART_TEXT:
        case NGX_LITELLM_PART_REFUSAL:

            if (ngx_litellm_call_blank(&part->text)) {
                continue;
            }

            if (n++) {
                ngx_litellm_out_lit(t->out, ",");
            }

            ngx_litellm_bedrock_text(t->out, &part->text);
            continue;

        case NGX_LITELLM_PART_IMAGE:
        case NGX_LITELLM_PART_FILE:

            rc = ngx_litellm_bedrock_media(t->b, part, &media);

            if (rc == NGX_AGAIN) {
                t->b->waiting = 1;
                continue;
            }

            if (rc != NGX_OK) {
                return rc;
            }

            if (n++) {
                ngx_litellm_out_lit(t->out, ",");
            }

            ngx_litellm_bedrock_media_write(t->b, &media);
            continue;

        default:
            return ngx_litellm_bedrock_bad(t->b, "a content part of this type "
                                           "can't be a tool's result");
        }
    }

    ngx_litellm_out_lit(t->out, "]}}");

    ngx_litellm_bedrock_cache(t->b, cache);

    return NGX_OK;
}


/* a result among no tools: what it says, media as blocks of the turn */

static ngx_int_t
ngx_litellm_bedrock_result_text(ngx_litellm_bedrock_turn_t *t,
    ngx_litellm_message_t *msg)
{
    ngx_int_t            rc;
    ngx_uint_t           i, n;
    ngx_litellm_part_t  *part;

    ngx_litellm_turns_role(&t->turns, NGX_LITELLM_ROLE_USER);
    ngx_litellm_out_lit(t->out, "{\"text\":\"[tool result for ");

    if (msg->call_id.len) {
        ngx_litellm_out_str(t->out, &msg->call_id);

    } else {
        ngx_litellm_out_str(t->out, &msg->name);
    }

    ngx_litellm_out_lit(t->out, ": ");

    for (i = 0; i < msg->nparts; i++) {
        part = &msg->parts[i];

        if (part->type == NGX_LITELLM_PART_TEXT) {
            ngx_litellm_out_ref(t->out, part->text.data, part->text.len);
        }
    }

    ngx_litellm_out_lit(t->out, "]\"}");

    for (i = 0; i < msg->nparts; i++) {
        part = &msg->parts[i];

        if (part->type == NGX_LITELLM_PART_TEXT) {
            continue;
        }

        rc = ngx_litellm_bedrock_part(t, NGX_LITELLM_ROLE_USER, part, &n);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_litellm_bedrock_cache(t->b, msg->cache_control);

    return NGX_OK;
}


/* *n is set to 1 if a block was written */

static ngx_int_t
ngx_litellm_bedrock_part(ngx_litellm_bedrock_turn_t *t,
    ngx_litellm_role_e role, ngx_litellm_part_t *part, ngx_uint_t *n)
{
    ngx_int_t                     rc;
    ngx_litellm_json_t           *v;
    ngx_litellm_bedrock_media_t   media;

    switch (part->type) {

    case NGX_LITELLM_PART_TEXT:
    case NGX_LITELLM_PART_REFUSAL:

        if (ngx_litellm_call_blank(&part->text)) {
            return NGX_OK;
        }

        ngx_litellm_turns_role(&t->turns, role);
        ngx_litellm_bedrock_text(t->out, &part->text);
        break;

    case NGX_LITELLM_PART_IMAGE:
    case NGX_LITELLM_PART_FILE:

        rc = ngx_litellm_bedrock_media(t->b, part, &media);

        if (rc == NGX_AGAIN) {
            t->b->waiting = 1;
            return NGX_OK;
        }

        if (rc != NGX_OK) {
            return rc;
        }

        ngx_litellm_turns_role(&t->turns, role);
        ngx_litellm_bedrock_media_write(t->b, &media);
        break;

    case NGX_LITELLM_PART_AUDIO:
        return ngx_litellm_bedrock_bad(t->b, "audio can't be sent to this "
                                       "provider");

    default:
        v = ngx_litellm_bedrock_guarded(part);

        if (v == NULL) {
            return ngx_litellm_bedrock_bad(t->b, "a content part of this type "
                                           "can't be sent to this provider");
        }

        ngx_litellm_turns_role(&t->turns, role);
        ngx_litellm_out_lit(t->out, "{\"guardContent\":{\"text\":{\"text\":");
        ngx_litellm_anthropic_raw(t->out, v);
        ngx_litellm_out_lit(t->out, "}}}");
    }

    *n = 1;

    return NGX_OK;
}


/* LiteLLM's {"type": "guarded_text", "text": ...}: what a guardrail looks at */

static ngx_litellm_json_t *
ngx_litellm_bedrock_guarded(ngx_litellm_part_t *part)
{
    ngx_litellm_json_t  *v;

    if (part->type != NGX_LITELLM_PART_OTHER
        || part->text.len != sizeof("guarded_text") - 1
        || ngx_memcmp(part->text.data, "guarded_text", part->text.len) != 0)
    {
        return NULL;
    }

    v = ngx_litellm_json_member(part->node, "text");

    return ngx_litellm_json_is(v, STRING) ? v : NULL;
}


static void
ngx_litellm_bedrock_text(ngx_litellm_out_t *out, ngx_str_t *text)
{
    ngx_litellm_out_lit(out, "{\"text\":\"");
    ngx_litellm_out_ref(out, text->data, text->len);
    ngx_litellm_out_lit(out, "\"}");
}


/* models that have no cache refuse the mark; the hour is Claude 4.5's */

void
ngx_litellm_bedrock_cache(ngx_litellm_bedrock_t *b, ngx_litellm_json_t *cache)
{
    ngx_litellm_json_t  *ttl;

    if (cache == NULL || !b->cache) {
        return;
    }

    ttl = ngx_litellm_json_member(cache, "ttl");

    if (ngx_litellm_json_is(ttl, STRING)
        && ngx_litellm_json_eq(ttl, "1h")
        && b->family == NGX_LITELLM_BEDROCK_CLAUDE
        && (b->a.flags & NGX_LITELLM_M_NATIVE_SCHEMA))
    {
        ngx_litellm_out_lit(b->a.out, ",{\"cachePoint\":{\"type\":\"default\","
                            "\"ttl\":\"1h\"}}");
        return;
    }

    ngx_litellm_out_lit(b->a.out, ",{\"cachePoint\":{\"type\":\"default\"}}");
}


/* what is too long is shortened as a name is */

static ngx_int_t
ngx_litellm_bedrock_id(ngx_litellm_bedrock_t *b, ngx_str_t *id)
{
    ngx_str_t  text;

    if (id->len > NGX_LITELLM_BEDROCK_ID_LEN) {

        if (ngx_litellm_tool_name(b->a.call->pool, id, &text) != NGX_OK) {
            return NGX_ERROR;
        }

        ngx_litellm_out_str(b->a.out, &text);
        return NGX_OK;
    }

    return ngx_litellm_tool_id(b->a.call->pool, b->a.out, id);
}
