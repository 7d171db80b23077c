
/*
 * A conversation as the one text that Replicate's language models take.  The
 * family of a model, known by its name, has a template; the other models wrap
 * the text themselves and get the contents only.
 *
 * A template of ours replaces the model's own: its input prompt_template is
 * set to nothing but the prompt, or it would be wrapped twice.  Contents are
 * J-strings and go into the J-string of the prompt as they are, but for white
 * space at their ends.
 */

#include "ngx_litellm_replicate.h"


typedef struct {
    ngx_str_t    begin;          /* of the whole prompt */
    ngx_str_t    system;         /* before a message ... */
    ngx_str_t    system_end;     /* ... and behind it */
    ngx_str_t    user;
    ngx_str_t    user_end;
    ngx_str_t    assistant;
    ngx_str_t    assistant_end;
    ngx_str_t    tool;
    ngx_str_t    tool_end;
    ngx_str_t    again;          /* before a system message behind an answer */
    ngx_str_t    end;
    unsigned     trim:1;
} ngx_litellm_replicate_template_t;


/* Meta, "Llama 3 prompt formats"; the header's name is the role's */

#define NGX_LITELLM_REPLICATE_HEADER(role)                                    \
    ngx_string("<|start_header_id|>" role "<|end_header_id|>\\n\\n")


/* LiteLLM's forms, see prompt_templates/factory.py */

static const ngx_litellm_replicate_template_t
    ngx_litellm_replicate_templates[] =
{
    /* NGX_LITELLM_REPLICATE_PLAIN: a blank between, see below */
    { ngx_null_string, ngx_null_string, ngx_null_string, ngx_null_string,
      ngx_null_string, ngx_null_string, ngx_null_string, ngx_null_string,
      ngx_null_string, ngx_null_string, ngx_null_string, 0 },

    /* NGX_LITELLM_REPLICATE_LLAMA3 */
    { ngx_string("<|begin_of_text|>"),
      NGX_LITELLM_REPLICATE_HEADER("system"), ngx_string("<|eot_id|>"),
      NGX_LITELLM_REPLICATE_HEADER("user"), ngx_string("<|eot_id|>"),
      NGX_LITELLM_REPLICATE_HEADER("assistant"), ngx_string("<|eot_id|>"),
      NGX_LITELLM_REPLICATE_HEADER("tool"), ngx_string("<|eot_id|>"),
      ngx_null_string,
      NGX_LITELLM_REPLICATE_HEADER("assistant"), 1 },

    /* NGX_LITELLM_REPLICATE_LLAMA2 */
    { ngx_string("<s>"),
      ngx_string("[INST] <<SYS>>\\n"), ngx_string("\\n<</SYS>>\\n [/INST]\\n"),
      ngx_string("[INST] "), ngx_string(" [/INST]\\n"),
      ngx_null_string, ngx_string("\\n</s>"),
      ngx_string("[INST] "), ngx_string(" [/INST]\\n"),
      ngx_string("<s>"),
      ngx_null_string, 0 },

    /* NGX_LITELLM_REPLICATE_MISTRAL */
    { ngx_string("<s>"),
      ngx_string("[INST] \\n"), ngx_string(" [/INST]\\n"),
      ngx_string("[INST] "), ngx_string(" [/INST]\\n"),
      ngx_string(" "), ngx_string("</s> "),
      ngx_string("[INST] "), ngx_string(" [/INST]\\n"),
      ngx_null_string,
      ngx_null_string, 0 }
};


static ngx_int_t ngx_litellm_replicate_check(ngx_litellm_replicate_t *r);
static void ngx_litellm_replicate_system(ngx_litellm_replicate_t *r);
static void ngx_litellm_replicate_message(ngx_litellm_replicate_t *r,
    const ngx_litellm_replicate_template_t *t, ngx_litellm_message_t *msg);
static void ngx_litellm_replicate_content(ngx_litellm_replicate_t *r,
    ngx_litellm_message_t *msg, ngx_uint_t trim);
static size_t ngx_litellm_replicate_space(u_char *p, u_char *last);
static void ngx_litellm_replicate_trim(ngx_str_t *text);


ngx_litellm_replicate_family_e
ngx_litellm_replicate_family(ngx_str_t *model)
{
    ngx_uint_t  instruct;

    instruct = ngx_litellm_replicate_has(model, "instruct");

    if (ngx_litellm_replicate_has(model, "llama-3") && instruct) {
        return NGX_LITELLM_REPLICATE_LLAMA3;
    }

    if (ngx_litellm_replicate_has(model, "llama-2")
        && ngx_litellm_replicate_has(model, "chat"))
    {
        return NGX_LITELLM_REPLICATE_LLAMA2;
    }

    if ((ngx_litellm_replicate_has(model, "mistral")
         || ngx_litellm_replicate_has(model, "mixtral"))
        && instruct)
    {
        return NGX_LITELLM_REPLICATE_MISTRAL;
    }

    return NGX_LITELLM_REPLICATE_PLAIN;
}


ngx_int_t
ngx_litellm_replicate_prompt(ngx_litellm_replicate_t *r)
{
    ngx_int_t                                rc;
    ngx_uint_t                               i, n, open;
    ngx_litellm_message_t                   *msg;
    const ngx_litellm_replicate_template_t  *t;

    rc = ngx_litellm_replicate_check(r);
    if (rc != NGX_OK) {
        return rc;
    }

    t = &ngx_litellm_replicate_templates[r->family];
    msg = r->chat.messages;
    open = 1;

    ngx_litellm_out_lit(r->out, "\"prompt\":\"");
    ngx_litellm_out_str(r->out, &t->begin);

    for (i = 0, n = 0; i < r->chat.nmessages; i++) {

        switch (msg[i].role) {

        case NGX_LITELLM_ROLE_SYSTEM:
        case NGX_LITELLM_ROLE_DEVELOPER:

            if (r->system_prompt) {
                continue;
            }

            if (!open) {
                ngx_litellm_out_str(r->out, &t->again);
                open = 1;
            }

            break;

        case NGX_LITELLM_ROLE_ASSISTANT:
            open = 0;
            break;

        default:
            break;
        }

        if (n++ && r->family == NGX_LITELLM_REPLICATE_PLAIN) {
            ngx_litellm_out_lit(r->out, " ");
        }

        ngx_litellm_replicate_message(r, t, &msg[i]);
    }

    ngx_litellm_out_str(r->out, &t->end);
    ngx_litellm_out_lit(r->out, "\"");

    if (r->system_prompt) {
        ngx_litellm_replicate_system(r);
    }

    return NGX_OK;
}


/* what a text can't hold is refused, not lost */

static ngx_int_t
ngx_litellm_replicate_check(ngx_litellm_replicate_t *r)
{
    ngx_uint_t              i, j;
    ngx_litellm_message_t  *msg;

    msg = r->chat.messages;

    for (i = 0; i < r->chat.nmessages; i++) {

        for (j = 0; j < msg[i].nparts; j++) {

            switch (msg[i].parts[j].type) {

            case NGX_LITELLM_PART_IMAGE:
            case NGX_LITELLM_PART_FILE:
            case NGX_LITELLM_PART_AUDIO:
            case NGX_LITELLM_PART_OTHER:
                return ngx_litellm_call_bad(r->call, r->e, "this provider "
                                            "takes texts only");

            default:
                break;
            }
        }
    }

    return NGX_OK;
}


static void
ngx_litellm_replicate_system(ngx_litellm_replicate_t *r)
{
    ngx_uint_t              i, n;
    ngx_litellm_message_t  *msg;

    n = 0;
    msg = r->chat.messages;

    for (i = 0; i < r->chat.nmessages; i++) {

        if (msg[i].role != NGX_LITELLM_ROLE_SYSTEM
            && msg[i].role != NGX_LITELLM_ROLE_DEVELOPER)
        {
            continue;
        }

        if (n++) {
            ngx_litellm_out_lit(r->out, "\\n");

        } else {
            ngx_litellm_out_lit(r->out, ",\"system_prompt\":\"");
        }

        ngx_litellm_replicate_content(r, &msg[i], 0);
    }

    if (n) {
        ngx_litellm_out_lit(r->out, "\"");

    } else {
        r->system_prompt = 0;
    }
}


static void
ngx_litellm_replicate_message(ngx_litellm_replicate_t *r,
    const ngx_litellm_replicate_template_t *t, ngx_litellm_message_t *msg)
{
    const ngx_str_t  *begin, *end;

    switch (msg->role) {

    case NGX_LITELLM_ROLE_SYSTEM:
    case NGX_LITELLM_ROLE_DEVELOPER:
        begin = &t->system;
        end = &t->system_end;
        break;

    case NGX_LITELLM_ROLE_ASSISTANT:
        begin = &t->assistant;
        end = &t->assistant_end;
        break;

    case NGX_LITELLM_ROLE_TOOL:
    case NGX_LITELLM_ROLE_FUNCTION:
        begin = &t->tool;
        end = &t->tool_end;
        break;

    default: /* NGX_LITELLM_ROLE_USER */
        begin = &t->user;
        end = &t->user_end;
    }

    ngx_litellm_out_str(r->out, begin);
    ngx_litellm_replicate_content(r, msg, t->trim);
    ngx_litellm_out_str(r->out, end);
}


static void
ngx_litellm_replicate_content(ngx_litellm_replicate_t *r,
    ngx_litellm_message_t *msg, ngx_uint_t trim)
{
    size_t               n;
    ngx_str_t            text;
    ngx_uint_t           i, last, begun;
    ngx_litellm_part_t  *part;

    part = msg->parts;
    last = 0;

    for (i = 0; i < msg->nparts; i++) {

        if (part[i].type == NGX_LITELLM_PART_TEXT
            || part[i].type == NGX_LITELLM_PART_REFUSAL)
        {
            text = part[i].text;
            ngx_litellm_replicate_trim(&text);

            if (text.len) {
                last = i;
            }
        }
    }

    begun = !trim;

    for (i = 0; i < msg->nparts; i++) {

        if (part[i].type != NGX_LITELLM_PART_TEXT
            && part[i].type != NGX_LITELLM_PART_REFUSAL)
        {
            continue;
        }

        text = part[i].text;

        if (trim && i >= last) {
            ngx_litellm_replicate_trim(&text);
        }

        while (!begun && text.len) {

            n = ngx_litellm_replicate_space(text.data, text.data + text.len);

            if (n == 0) {
                begun = 1;
            }

            text.data += n;
            text.len -= n;
        }

        ngx_litellm_out_ref(r->out, text.data, text.len);
    }
}


/* the length of one character of white space at p; 0: it is none */

static size_t
ngx_litellm_replicate_space(u_char *p, u_char *last)
{
    if (*p == ' ') {
        return 1;
    }

    if (*p != '\\' || last - p < 2) {
        return 0;
    }

    if (p[1] == 'n' || p[1] == 'r' || p[1] == 't' || p[1] == 'f') {
        return 2;
    }

    if (last - p < 6) {
        return 0;
    }

    if (ngx_strncasecmp(p, (u_char *) "\\u0020", 6) == 0
        || ngx_strncasecmp(p, (u_char *) "\\u0009", 6) == 0
        || ngx_strncasecmp(p, (u_char *) "\\u000a", 6) == 0
        || ngx_strncasecmp(p, (u_char *) "\\u000b", 6) == 0
        || ngx_strncasecmp(p, (u_char *) "\\u000c", 6) == 0
        || ngx_strncasecmp(p, (u_char *) "\\u000d", 6) == 0)
    {
        return 6;
    }

    return 0;
}


/* at the end; what looks like an escape there may be one's second half */

static void
ngx_litellm_replicate_trim(ngx_str_t *text)
{
    size_t       n;
    u_char      *p, *last;
    ngx_uint_t   slashes;

    while (text->len) {

        last = text->data + text->len;

        if (last[-1] == ' ') {
            text->len--;
            continue;
        }

        for (n = 2; n <= 6; n += 4) {

            if (text->len < n) {
                return;
            }

            if (ngx_litellm_replicate_space(last - n, last) == n) {
                break;
            }
        }

        if (n > 6) {
            return;
        }

        p = last - n;

        for (slashes = 0; p > text->data && p[-1] == '\\'; p--) {
            slashes++;
        }

        if (slashes % 2) {
            return;
        }

        text->len -= n;
    }
}
