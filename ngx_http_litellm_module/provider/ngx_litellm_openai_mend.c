
/*
 * What compatible servers' answers have otherwise than OpenAI's, put right on
 * the bytes that pass: finish reasons of their own, reasoning between <think>
 * tags, usage that nobody asked for, no id.  Called by variants' answer(); each
 * function does nothing where there is nothing to do and says whether it
 * changed something.
 */

#include "ngx_litellm_openai_dialect.h"


ngx_int_t
ngx_litellm_openai_mended(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
    ngx_litellm_splice_t *sp, ngx_litellm_facts_t *facts, ngx_uint_t stream,
    ngx_uint_t *changed)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *choices, *choice;

    choices = ngx_litellm_json_member(root, "choices");

    if (!ngx_litellm_json_is(choices, ARRAY)) {
        return NGX_OK;
    }

    choice = choices + 1;

    for (i = 0; i < choices->count; i++) {

        *changed |= ngx_litellm_openai_finished(sp, choice, facts);

        if (!stream) {
            *changed |= ngx_litellm_openai_think(sp, choice);
        }

        choice = ngx_litellm_json_next(choice);
    }

    if (!stream) {
        *changed |= ngx_litellm_openai_own_id(call, root, sp);
        return NGX_OK;
    }

    return (call->op == NGX_LITELLM_OP_CHAT)
           ? ngx_litellm_openai_mended_usage(call, root, sp, changed)
           : NGX_OK;
}


/* a word of the server's own becomes one of OpenAI's */

ngx_uint_t
ngx_litellm_openai_finished(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *choice, ngx_litellm_facts_t *facts)
{
    ngx_str_t           *name;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(choice, "finish_reason");

    if (ngx_litellm_openai_native(v).len == 0) {
        return 0;
    }

    facts->finish = ngx_litellm_openai_word(v);

    name = ngx_litellm_finish_name(facts->finish);

    ngx_litellm_splice_replace(sp, v->start + 1, v->start + v->len - 1,
                               name->data, name->len);

    return 1;
}


/*
 * A text that begins with <think>...</think>: what is between becomes
 * reasoning_content, with its line breaks, as LiteLLM has it.
 */

ngx_uint_t
ngx_litellm_openai_think(ngx_litellm_splice_t *sp, ngx_litellm_json_t *choice)
{
    u_char              *start, *last, *end;
    ngx_litellm_json_t  *msg, *v, *r;

#define ngx_litellm_think_open   "<think>"
#define ngx_litellm_think_close  "</think>"

    msg = ngx_litellm_json_member(choice, "message");
    v = ngx_litellm_json_member(msg, "content");

    if (!ngx_litellm_json_is(v, STRING)
        || v->len < sizeof(ngx_litellm_think_open) + 1
        || ngx_memcmp(v->start + 1, ngx_litellm_think_open,
                      sizeof(ngx_litellm_think_open) - 1)
           != 0)
    {
        return 0;
    }

    r = ngx_litellm_json_member(msg, "reasoning_content");

    if (r != NULL && r->type != NGX_LITELLM_JSON_NULL) {
        return 0;
    }

    start = v->start + sizeof(ngx_litellm_think_open);
    last = v->start + v->len - 1;

    end = ngx_litellm_find(start, last, ngx_litellm_think_close,
                           sizeof(ngx_litellm_think_close) - 1);

    if (end == NULL) {
        return 0;
    }

    ngx_litellm_splice_replace(sp, v->start + 1,
                               end + sizeof(ngx_litellm_think_close) - 1,
                               NULL, 0);

    if (r != NULL) {
        ngx_litellm_splice_lit(sp, r->start, r->start, "\"");
        ngx_litellm_splice_replace(sp, r->start, r->start, start,
                                   end - start);
        ngx_litellm_splice_lit(sp, r->start, r->start + r->len, "\"");

    } else {
        last++;

        ngx_litellm_splice_lit(sp, last, last, ",\"reasoning_content\":\"");
        ngx_litellm_splice_replace(sp, last, last, start, end - start);
        ngx_litellm_splice_lit(sp, last, last, "\"");
    }

    return 1;
}


/* an id that says nothing: clients keep answers by it */

ngx_uint_t
ngx_litellm_openai_own_id(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
    ngx_litellm_splice_t *sp)
{
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(root, "id");

    if (!ngx_litellm_json_is(v, STRING) || v->len != 2) {
        return 0;
    }

    ngx_litellm_splice_string(sp, v->start, v->start + 2, &call->id);

    return 1;
}


/*
 * Usage of a stream; NGX_DECLINED: an event of nothing else, which the client
 * did not ask for.
 */

ngx_int_t
ngx_litellm_openai_mended_usage(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp, ngx_uint_t *changed)
{
    ngx_litellm_json_t  *choices;

    choices = ngx_litellm_json_member(root, "choices");

    if (!call->include_usage
        && ngx_litellm_json_is(choices, ARRAY) && choices->count == 0
        && ngx_litellm_json_is(ngx_litellm_json_member(root, "usage"),
                               OBJECT))
    {
        return NGX_DECLINED;
    }

    *changed |= ngx_litellm_openai_stream_usage(call, root, sp);

    return NGX_OK;
}
