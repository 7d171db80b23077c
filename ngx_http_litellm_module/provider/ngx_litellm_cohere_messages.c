
/*
 * The messages of a chat request in the form of Cohere's API, version 2.  It
 * is near to OpenAI's: roles are the same but for "developer", texts and
 * images have the same parts, calls and results the same form.  What OpenAI
 * has beside is left out, as the API refuses members it does not know (names,
 * detail of what is not an image, cache_control).
 *
 * A model's reasoning goes back to where it came from: "thinking" parts for
 * models that think, "tool_plan" beside the calls for the others.
 */

#include "ngx_litellm_cohere.h"


static ngx_int_t ngx_litellm_cohere_message(ngx_litellm_cohere_t *c,
    ngx_litellm_message_t *msg);
static ngx_int_t ngx_litellm_cohere_content(ngx_litellm_cohere_t *c,
    ngx_litellm_message_t *msg);
static ngx_uint_t ngx_litellm_cohere_thought(ngx_litellm_cohere_t *c,
    ngx_litellm_message_t *msg);
static ngx_int_t ngx_litellm_cohere_part(ngx_litellm_cohere_t *c,
    ngx_litellm_message_t *msg, ngx_litellm_part_t *part, ngx_uint_t *n);
static void ngx_litellm_cohere_image(ngx_litellm_cohere_t *c,
    ngx_litellm_part_t *part);
static ngx_int_t ngx_litellm_cohere_calls(ngx_litellm_cohere_t *c,
    ngx_litellm_message_t *msg);


ngx_int_t
ngx_litellm_cohere_messages(ngx_litellm_cohere_t *c)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    ngx_litellm_out_lit(c->out, "\"messages\":[");

    for (i = 0; i < c->chat.nmessages; i++) {

        if (i) {
            ngx_litellm_out_lit(c->out, ",");
        }

        rc = ngx_litellm_cohere_message(c, &c->chat.messages[i]);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_litellm_out_lit(c->out, "]");

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_cohere_message(ngx_litellm_cohere_t *c,
    ngx_litellm_message_t *msg)
{
    ngx_int_t  rc;

    switch (msg->role) {

    case NGX_LITELLM_ROLE_SYSTEM:
    case NGX_LITELLM_ROLE_DEVELOPER:
        ngx_litellm_out_lit(c->out, "{\"role\":\"system\"");
        break;

    case NGX_LITELLM_ROLE_USER:
        ngx_litellm_out_lit(c->out, "{\"role\":\"user\"");
        break;

    case NGX_LITELLM_ROLE_ASSISTANT:
        ngx_litellm_out_lit(c->out, "{\"role\":\"assistant\"");
        break;

    case NGX_LITELLM_ROLE_TOOL:

        if (msg->call_id.len == 0) {
            return ngx_litellm_call_bad(c->call, c->e, "a tool message must "
                                        "have a 'tool_call_id'");
        }

        ngx_litellm_out_lit(c->out, "{\"role\":\"tool\","
                            "\"tool_call_id\":\"");
        ngx_litellm_out_str(c->out, &msg->call_id);
        ngx_litellm_out_lit(c->out, "\"");
        break;

    default: /* NGX_LITELLM_ROLE_FUNCTION */
        return ngx_litellm_call_bad(c->call, c->e, "results of role "
                                    "\"function\" can't be sent to this "
                                    "provider: tool calls and messages of "
                                    "role \"tool\" can");
    }

    rc = ngx_litellm_cohere_content(c, msg);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_cohere_calls(c, msg);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_out_lit(c->out, "}");

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_cohere_content(ngx_litellm_cohere_t *c,
    ngx_litellm_message_t *msg)
{
    ngx_int_t            rc;
    ngx_uint_t           i, n;
    ngx_litellm_part_t  *part;

    n = ngx_litellm_cohere_thought(c, msg);
    part = msg->parts;

    if (n == 0 && msg->string_content) {

        /* thinking blocks that are not sent stand before the text */

        part += msg->nparts - 1;

        ngx_litellm_out_lit(c->out, ",\"content\":\"");
        ngx_litellm_out_ref(c->out, part->text.data, part->text.len);
        ngx_litellm_out_lit(c->out, "\"");

        return NGX_OK;
    }

    for (i = 0; i < msg->nparts; i++) {
        rc = ngx_litellm_cohere_part(c, msg, &part[i], &n);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (n) {
        ngx_litellm_out_lit(c->out, "]");

    } else if (!msg->null_content) {
        ngx_litellm_out_lit(c->out, ",\"content\":[]");

    } else if (msg->role == NGX_LITELLM_ROLE_TOOL) {
        ngx_litellm_out_lit(c->out, ",\"content\":\"\"");
    }

    return NGX_OK;
}


/* the list and a part of reasoning in it: 1; nothing: 0 */

static ngx_uint_t
ngx_litellm_cohere_thought(ngx_litellm_cohere_t *c,
    ngx_litellm_message_t *msg)
{
    ngx_uint_t   i;
    ngx_str_t   *text;

    if (msg->role != NGX_LITELLM_ROLE_ASSISTANT || !c->reasoning) {
        return 0;
    }

    text = &msg->reasoning;

    for (i = 0; i < msg->nparts; i++) {
        if (msg->parts[i].type == NGX_LITELLM_PART_THINKING
            && msg->parts[i].text.len)
        {
            text = &msg->parts[i].text;
            break;
        }
    }

    if (text->len == 0) {
        return 0;
    }

    ngx_litellm_out_lit(c->out, ",\"content\":[{\"type\":\"thinking\","
                        "\"thinking\":\"");
    ngx_litellm_out_ref(c->out, text->data, text->len);
    ngx_litellm_out_lit(c->out, "\"}");

    if (i < msg->nparts) {

        /* it was written: once is enough */

        msg->parts[i].text.len = 0;
    }

    return 1;
}


static ngx_int_t
ngx_litellm_cohere_part(ngx_litellm_cohere_t *c, ngx_litellm_message_t *msg,
    ngx_litellm_part_t *part, ngx_uint_t *n)
{
    switch (part->type) {

    case NGX_LITELLM_PART_THINKING:

        if (!c->reasoning || part->text.len == 0) {
            return NGX_OK;
        }

        break;

    case NGX_LITELLM_PART_REDACTED:
        return NGX_OK;

    case NGX_LITELLM_PART_TEXT:
    case NGX_LITELLM_PART_REFUSAL:
    case NGX_LITELLM_PART_IMAGE:
        break;

    case NGX_LITELLM_PART_OTHER:

        /* of a tool's result, in Cohere's own form */

        if (part->text.len == sizeof("document") - 1
            && ngx_memcmp(part->text.data, "document", part->text.len) == 0
            && msg->role == NGX_LITELLM_ROLE_TOOL)
        {
            break;
        }

        /* fall through */

    default:
        return ngx_litellm_call_bad(c->call, c->e, "a content part of this "
                                    "type can't be sent to this provider");
    }

    if ((*n)++) {
        ngx_litellm_out_lit(c->out, ",");

    } else {
        ngx_litellm_out_lit(c->out, ",\"content\":[");
    }

    switch (part->type) {

    case NGX_LITELLM_PART_IMAGE:
        ngx_litellm_cohere_image(c, part);
        return NGX_OK;

    case NGX_LITELLM_PART_OTHER:
        ngx_litellm_cohere_raw(c->out, part->node);
        return NGX_OK;

    case NGX_LITELLM_PART_THINKING:
        ngx_litellm_out_lit(c->out, "{\"type\":\"thinking\",\"thinking\":\"");
        break;

    default:
        ngx_litellm_out_lit(c->out, "{\"type\":\"text\",\"text\":\"");
    }

    ngx_litellm_out_ref(c->out, part->text.data, part->text.len);
    ngx_litellm_out_lit(c->out, "\"}");

    return NGX_OK;
}


/* the API takes URLs of both kinds */

static void
ngx_litellm_cohere_image(ngx_litellm_cohere_t *c, ngx_litellm_part_t *part)
{
    ngx_litellm_out_lit(c->out, "{\"type\":\"image_url\",\"image_url\":{"
                        "\"url\":\"");

    if (part->data.data) {
        ngx_litellm_out_lit(c->out, "data:");
        ngx_litellm_out_str(c->out, &part->media);
        ngx_litellm_out_lit(c->out, ";base64,");
        ngx_litellm_out_ref(c->out, part->data.data, part->data.len);

    } else {
        ngx_litellm_out_ref(c->out, part->url.data, part->url.len);
    }

    ngx_litellm_out_lit(c->out, "\"");

    if (part->detail.len) {
        ngx_litellm_out_lit(c->out, ",\"detail\":\"");
        ngx_litellm_out_str(c->out, &part->detail);
        ngx_litellm_out_lit(c->out, "\"");
    }

    ngx_litellm_out_lit(c->out, "}}");
}


static ngx_int_t
ngx_litellm_cohere_calls(ngx_litellm_cohere_t *c, ngx_litellm_message_t *msg)
{
    ngx_uint_t                i;
    ngx_litellm_tool_call_t  *tc;

    if (msg->ncalls == 0) {
        return NGX_OK;
    }

    if (!c->reasoning && msg->reasoning.len) {
        ngx_litellm_out_lit(c->out, ",\"tool_plan\":\"");
        ngx_litellm_out_ref(c->out, msg->reasoning.data, msg->reasoning.len);
        ngx_litellm_out_lit(c->out, "\"");
    }

    ngx_litellm_out_lit(c->out, ",\"tool_calls\":[");

    for (i = 0; i < msg->ncalls; i++) {
        tc = &msg->calls[i];

        if (tc->name.len == 0 || tc->id.len == 0) {
            return ngx_litellm_call_bad(c->call, c->e, "a tool call must be "
                                        "one of a function and have an 'id'");
        }

        if (i) {
            ngx_litellm_out_lit(c->out, ",");
        }

        ngx_litellm_out_lit(c->out, "{\"id\":\"");
        ngx_litellm_out_str(c->out, &tc->id);
        ngx_litellm_out_lit(c->out, "\",\"type\":\"function\",\"function\":{"
                            "\"name\":\"");
        ngx_litellm_out_str(c->out, &tc->name);
        ngx_litellm_out_lit(c->out, "\",\"arguments\":\"");

        /* the API reads them as JSON */

        if (tc->arguments.len) {
            ngx_litellm_out_ref(c->out, tc->arguments.data,
                                tc->arguments.len);
        } else {
            ngx_litellm_out_lit(c->out, "{}");
        }

        ngx_litellm_out_lit(c->out, "\"}}");
    }

    ngx_litellm_out_lit(c->out, "]");

    return NGX_OK;
}
