
/*
 * Messages of another client dialect as OpenAI's: a part of the request that
 * ngx_litellm_openai_translate.c writes.
 *
 * Texts keep their bytes.  What OpenAI has no form for is refused, or moved:
 * images of a tool's result into a user message behind the results.
 */

#include "ngx_litellm_openai_translate.h"


static ngx_int_t ngx_litellm_translate_message(ngx_litellm_translate_t *t,
    ngx_litellm_message_t *msg);
static void ngx_litellm_translate_begin(ngx_litellm_translate_t *t);
static void ngx_litellm_translate_assistant(ngx_litellm_translate_t *t,
    ngx_litellm_message_t *msg);
static void ngx_litellm_translate_details(ngx_litellm_translate_t *t,
    ngx_litellm_message_t *msg);
static ngx_int_t ngx_litellm_translate_content(ngx_litellm_translate_t *t,
    ngx_litellm_message_t *msg);
static ngx_int_t ngx_litellm_translate_part(ngx_litellm_translate_t *t,
    ngx_litellm_part_t *part, ngx_litellm_json_t *cache);
static void ngx_litellm_translate_file(ngx_litellm_translate_t *t,
    ngx_litellm_part_t *part);
static void ngx_litellm_translate_source(ngx_litellm_translate_t *t,
    ngx_litellm_part_t *part);
static ngx_int_t ngx_litellm_translate_images(ngx_litellm_translate_t *t);


ngx_int_t
ngx_litellm_translate_messages(ngx_litellm_translate_t *t)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    for (i = 0; i < t->chat.nmessages; i++) {
        rc = ngx_litellm_translate_message(t, &t->chat.messages[i]);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_litellm_translate_images(t);
}


static ngx_int_t
ngx_litellm_translate_message(ngx_litellm_translate_t *t,
    ngx_litellm_message_t *msg)
{
    ngx_int_t   rc;
    ngx_uint_t  tool;

    tool = msg->role == NGX_LITELLM_ROLE_TOOL
           || (msg->role == NGX_LITELLM_ROLE_FUNCTION && msg->call_id.len);

    if (!tool) {
        rc = ngx_litellm_translate_images(t);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_litellm_translate_begin(t);

    switch (msg->role) {

    case NGX_LITELLM_ROLE_SYSTEM:
    case NGX_LITELLM_ROLE_DEVELOPER:

        /* a word that every compatible server knows */

        ngx_litellm_out_lit(&t->out, "{\"role\":\"system\"");
        break;

    case NGX_LITELLM_ROLE_USER:
        ngx_litellm_out_lit(&t->out, "{\"role\":\"user\"");
        break;

    case NGX_LITELLM_ROLE_ASSISTANT:
        ngx_litellm_out_lit(&t->out, "{\"role\":\"assistant\"");
        break;

    default: /* NGX_LITELLM_ROLE_TOOL, NGX_LITELLM_ROLE_FUNCTION */

        if (tool) {
            ngx_litellm_out_lit(&t->out, "{\"role\":\"tool\"");
            ngx_litellm_translate_string(t, "tool_call_id", &msg->call_id);

        } else {
            ngx_litellm_out_lit(&t->out, "{\"role\":\"function\"");
        }
    }

    if (msg->name.len && !tool) {
        ngx_litellm_translate_string(t, "name", &msg->name);
    }

    rc = ngx_litellm_translate_content(t, msg);
    if (rc != NGX_OK) {
        return rc;
    }

    if (msg->role == NGX_LITELLM_ROLE_ASSISTANT) {
        ngx_litellm_translate_assistant(t, msg);
    }

    ngx_litellm_out_lit(&t->out, "}");

    return NGX_OK;
}


static void
ngx_litellm_translate_begin(ngx_litellm_translate_t *t)
{
    if (t->messages++) {
        ngx_litellm_out_lit(&t->out, ",");
    }
}


/* calls and reasoning of an earlier answer */

static void
ngx_litellm_translate_assistant(ngx_litellm_translate_t *t,
    ngx_litellm_message_t *msg)
{
    ngx_uint_t                i, n;
    ngx_litellm_tool_call_t  *tc;

    for (i = 0; i < msg->ncalls; i++) {
        tc = &msg->calls[i];

        if (i) {
            ngx_litellm_out_lit(&t->out, ",{\"id\":\"");

        } else {
            ngx_litellm_out_lit(&t->out, ",\"tool_calls\":[{\"id\":\"");
        }

        ngx_litellm_out_str(&t->out, &tc->id);
        ngx_litellm_out_lit(&t->out, "\",\"type\":\"function\","
                            "\"function\":{\"name\":\"");
        ngx_litellm_out_str(&t->out, &tc->name);
        ngx_litellm_out_lit(&t->out, "\",\"arguments\":\"");

        if (tc->arguments.len) {
            ngx_litellm_out_ref(&t->out, tc->arguments.data,
                                tc->arguments.len);

        } else {
            ngx_litellm_out_lit(&t->out, "{}");
        }

        ngx_litellm_out_lit(&t->out, "\"}}");
    }

    if (msg->ncalls) {
        ngx_litellm_out_lit(&t->out, "]");
    }

    if (t->details) {
        ngx_litellm_translate_details(t, msg);
        return;
    }

    if (t->call->deployment->provider == &ngx_litellm_providers[0]) {

        /* OpenAI's own chat takes no reasoning back */

        return;
    }

    if (msg->reasoning.len) {
        ngx_litellm_translate_string(t, "reasoning_content", &msg->reasoning);
        return;
    }

    for (i = 0, n = 0; i < msg->nparts; i++) {

        if (msg->parts[i].type != NGX_LITELLM_PART_THINKING
            || msg->parts[i].text.len == 0)
        {
            continue;
        }

        if (n++ == 0) {
            ngx_litellm_out_lit(&t->out, ",\"reasoning_content\":\"");
        }

        ngx_litellm_out_ref(&t->out, msg->parts[i].text.data,
                            msg->parts[i].text.len);
    }

    if (n) {
        ngx_litellm_out_lit(&t->out, "\"");
    }
}


/* OpenRouter's form of signed and of encrypted reasoning */

static void
ngx_litellm_translate_details(ngx_litellm_translate_t *t,
    ngx_litellm_message_t *msg)
{
    ngx_uint_t           i, n;
    ngx_litellm_part_t  *part;

    for (i = 0, n = 0; i < msg->nparts; i++) {
        part = &msg->parts[i];

        if (part->type != NGX_LITELLM_PART_THINKING
            && part->type != NGX_LITELLM_PART_REDACTED)
        {
            continue;
        }

        if (n++) {
            ngx_litellm_out_lit(&t->out, ",");

        } else {
            ngx_litellm_out_lit(&t->out, ",\"reasoning_details\":[");
        }

        if (part->type == NGX_LITELLM_PART_REDACTED) {
            ngx_litellm_out_lit(&t->out, "{\"type\":\"reasoning.encrypted\"");
            ngx_litellm_translate_string(t, "data", &part->data);

        } else {
            ngx_litellm_out_lit(&t->out, "{\"type\":\"reasoning.text\"");
            ngx_litellm_translate_string(t, "text", &part->text);

            if (part->signature.len) {
                ngx_litellm_translate_string(t, "signature",
                                             &part->signature);
            }
        }

        ngx_litellm_out_lit(&t->out, ",\"index\":");
        ngx_litellm_out_int(&t->out, n - 1);
        ngx_litellm_out_lit(&t->out, "}");
    }

    if (n) {
        ngx_litellm_out_lit(&t->out, "]");

    } else if (msg->reasoning.len) {
        ngx_litellm_translate_string(t, "reasoning", &msg->reasoning);
    }
}


/* a string for one text, else a list of parts */

static ngx_int_t
ngx_litellm_translate_content(ngx_litellm_translate_t *t,
    ngx_litellm_message_t *msg)
{
    ngx_int_t             rc;
    ngx_uint_t            i, n, last, tool;
    ngx_litellm_part_t   *part, *text, **image;
    ngx_litellm_json_t   *cache;

    tool = msg->role == NGX_LITELLM_ROLE_TOOL
           || msg->role == NGX_LITELLM_ROLE_FUNCTION;

    text = NULL;
    last = 0;

    for (i = 0, n = 0; i < msg->nparts; i++) {
        part = &msg->parts[i];

        switch (part->type) {

        case NGX_LITELLM_PART_THINKING:
        case NGX_LITELLM_PART_REDACTED:
            continue;

        case NGX_LITELLM_PART_TEXT:
            text = part;
            break;

        case NGX_LITELLM_PART_IMAGE:
        case NGX_LITELLM_PART_FILE:

            if (tool) {
                image = ngx_array_push(&t->images);
                if (image == NULL) {
                    return NGX_ERROR;
                }

                *image = part;
                continue;
            }

            break;

        default:
            break;
        }

        n++;
        last = i;
    }

    if (n == 0) {
        if (msg->ncalls || msg->null_content) {
            ngx_litellm_out_lit(&t->out, ",\"content\":null");

        } else {
            ngx_litellm_out_lit(&t->out, ",\"content\":\"\"");
        }

        return NGX_OK;
    }

    if (n == 1 && text != NULL
        && !(t->cache && (text->cache_control || msg->cache_control)))
    {
        ngx_litellm_translate_string(t, "content", &text->text);
        return NGX_OK;
    }

    ngx_litellm_out_lit(&t->out, ",\"content\":[");

    for (i = 0, n = 0; i < msg->nparts; i++) {
        part = &msg->parts[i];

        if (part->type == NGX_LITELLM_PART_THINKING
            || part->type == NGX_LITELLM_PART_REDACTED
            || (tool && (part->type == NGX_LITELLM_PART_IMAGE
                         || part->type == NGX_LITELLM_PART_FILE)))
        {
            continue;
        }

        if (n++) {
            ngx_litellm_out_lit(&t->out, ",");
        }

        cache = part->cache_control;

        if (cache == NULL && i == last) {
            cache = msg->cache_control;
        }

        rc = ngx_litellm_translate_part(t, part, cache);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_litellm_out_lit(&t->out, "]");

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_translate_part(ngx_litellm_translate_t *t,
    ngx_litellm_part_t *part, ngx_litellm_json_t *cache)
{
    switch (part->type) {

    case NGX_LITELLM_PART_TEXT:
        ngx_litellm_out_lit(&t->out, "{\"type\":\"text\"");
        ngx_litellm_translate_string(t, "text", &part->text);
        break;

    case NGX_LITELLM_PART_REFUSAL:
        ngx_litellm_out_lit(&t->out, "{\"type\":\"refusal\"");
        ngx_litellm_translate_string(t, "refusal", &part->text);
        break;

    case NGX_LITELLM_PART_IMAGE:
        ngx_litellm_out_lit(&t->out, "{\"type\":\"image_url\","
                            "\"image_url\":{\"url\":\"");
        ngx_litellm_translate_source(t, part);
        ngx_litellm_out_lit(&t->out, "\"");

        if (part->detail.len) {
            ngx_litellm_translate_string(t, "detail", &part->detail);
        }

        ngx_litellm_out_lit(&t->out, "}");
        break;

    case NGX_LITELLM_PART_AUDIO:
        ngx_litellm_out_lit(&t->out, "{\"type\":\"input_audio\","
                            "\"input_audio\":{\"data\":\"");
        ngx_litellm_out_ref(&t->out, part->data.data, part->data.len);
        ngx_litellm_out_lit(&t->out, "\"");
        ngx_litellm_translate_string(t, "format", &part->media);
        ngx_litellm_out_lit(&t->out, "}");
        break;

    case NGX_LITELLM_PART_FILE:
        ngx_litellm_translate_file(t, part);
        break;

    default: /* NGX_LITELLM_PART_OTHER */

        if (t->foreign || part->node == NULL) {
            return ngx_litellm_call_bad(t->call, t->e, "a content block of "
                                        "this type can't be sent to this "
                                        "provider");
        }

        ngx_litellm_translate_raw(t, part->node);

        return NGX_OK;
    }

    if (cache && t->cache) {
        ngx_litellm_out_lit(&t->out, ",\"cache_control\":");
        ngx_litellm_translate_raw(t, cache);
    }

    ngx_litellm_out_lit(&t->out, "}");

    return NGX_OK;
}


static void
ngx_litellm_translate_file(ngx_litellm_translate_t *t,
    ngx_litellm_part_t *part)
{
    static ngx_str_t  nameless = ngx_string("my_file.pdf");

    ngx_litellm_out_lit(&t->out, "{\"type\":\"file\",\"file\":{");

    if (part->file_id.len) {
        ngx_litellm_out_lit(&t->out, "\"file_id\":\"");
        ngx_litellm_out_str(&t->out, &part->file_id);
        ngx_litellm_out_lit(&t->out, "\"}");
        return;
    }

    ngx_litellm_out_lit(&t->out, "\"file_data\":\"");
    ngx_litellm_translate_source(t, part);
    ngx_litellm_out_lit(&t->out, "\"");

    ngx_litellm_translate_string(t, "filename",
                                 part->name.len ? &part->name : &nameless);
    ngx_litellm_out_lit(&t->out, "}");
}


/* a URL, or bytes as a data: URL */

static void
ngx_litellm_translate_source(ngx_litellm_translate_t *t,
    ngx_litellm_part_t *part)
{
    if (part->data.len == 0) {
        ngx_litellm_out_ref(&t->out, part->url.data, part->url.len);
        return;
    }

    ngx_litellm_out_lit(&t->out, "data:");
    ngx_litellm_out_str(&t->out, &part->media);
    ngx_litellm_out_lit(&t->out, ";base64,");
    ngx_litellm_out_ref(&t->out, part->data.data, part->data.len);
}


/* OpenAI's tool messages hold texts only */

static ngx_int_t
ngx_litellm_translate_images(ngx_litellm_translate_t *t)
{
    ngx_int_t             rc;
    ngx_uint_t            i;
    ngx_litellm_part_t  **image;

    if (t->images.nelts == 0) {
        return NGX_OK;
    }

    ngx_litellm_translate_begin(t);
    ngx_litellm_out_lit(&t->out, "{\"role\":\"user\",\"content\":[{\"type\":"
                        "\"text\",\"text\":\"Media of the tool results "
                        "above:\"}");

    image = t->images.elts;

    for (i = 0; i < t->images.nelts; i++) {
        ngx_litellm_out_lit(&t->out, ",");

        rc = ngx_litellm_translate_part(t, image[i], image[i]->cache_control);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_litellm_out_lit(&t->out, "]}");
    t->images.nelts = 0;

    return NGX_OK;
}


void
ngx_litellm_translate_string(ngx_litellm_translate_t *t, const char *name,
    ngx_str_t *text)
{
    ngx_litellm_out_lit(&t->out, ",\"");
    ngx_litellm_out_copy(&t->out, name, ngx_strlen(name));
    ngx_litellm_out_lit(&t->out, "\":\"");
    ngx_litellm_out_ref(&t->out, text->data, text->len);
    ngx_litellm_out_lit(&t->out, "\"");
}
