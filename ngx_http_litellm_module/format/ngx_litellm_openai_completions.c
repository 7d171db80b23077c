
/*
 * OpenAI's legacy completions as a client dialect.  Translated, a prompt is a
 * chat with one user message; answers and stream events have the
 * text_completion form (ngx_litellm_openai_write.c).
 */

#include "ngx_litellm_openai.h"


static ngx_int_t ngx_litellm_openai_completions_parse(
    ngx_litellm_call_t *call, ngx_litellm_json_doc_t *doc,
    ngx_litellm_chat_t *chat, ngx_litellm_error_t *e);


const ngx_litellm_format_t  ngx_litellm_openai_completions = {
    ngx_string("openai_completions"),
    &ngx_litellm_openai_dialect,
    ngx_litellm_openai_open,
    ngx_litellm_openai_completions_parse,
    ngx_litellm_openai_answer,
    ngx_litellm_openai_event,
    ngx_litellm_openai_error
};


static ngx_int_t
ngx_litellm_openai_completions_parse(ngx_litellm_call_t *call,
    ngx_litellm_json_doc_t *doc, ngx_litellm_chat_t *chat,
    ngx_litellm_error_t *e)
{
    ngx_int_t              rc;
    ngx_litellm_json_t    *root, *prompt;
    ngx_litellm_message_t *msg;

    rc = ngx_litellm_openai_params(call, doc, chat, &root, e);
    if (rc != NGX_OK) {
        return rc;
    }

    prompt = ngx_litellm_json_member(root, "prompt");

    if (ngx_litellm_json_is(prompt, ARRAY) && prompt->count == 1) {
        prompt++;
    }

    if (!ngx_litellm_json_is(prompt, STRING)) {
        return ngx_litellm_openai_bad(e, "'prompt' must be a string or an "
                                      "array of one string: several prompts "
                                      "and token arrays can't be sent to this "
                                      "provider", "prompt");
    }

    msg = ngx_pcalloc(call->pool, sizeof(ngx_litellm_message_t)
                                  + sizeof(ngx_litellm_part_t));
    if (msg == NULL) {
        return NGX_ERROR;
    }

    msg->role = NGX_LITELLM_ROLE_USER;
    msg->string_content = 1;
    msg->nparts = 1;
    msg->parts = (ngx_litellm_part_t *) &msg[1];
    msg->parts->type = NGX_LITELLM_PART_TEXT;
    msg->parts->text = ngx_litellm_json_text(prompt);

    chat->messages = msg;
    chat->nmessages = 1;

    return NGX_OK;
}
