
/*
 * Turns of a request whose messages must alternate between two sides
 * (Anthropic, Bedrock, Gemini): messages of one side are merged into one turn.
 *
 * A turn is begun by its first block, so that one without any leaves no trace,
 * and ends where a block of another kind comes.  Blocks are written by the
 * dialect.  System messages are no turns: they are walked over by themselves.
 */

#include "ngx_litellm_dialect.h"


ngx_uint_t
ngx_litellm_turns_block(ngx_litellm_turns_t *t, ngx_uint_t kind,
    const ngx_str_t *head)
{
    if (t->open && t->kind == kind) {
        ngx_litellm_out_lit(t->out, ",");
        return 0;
    }

    ngx_litellm_turns_close(t);

    if (t->n++) {
        ngx_litellm_out_lit(t->out, ",");
    }

    t->open = 1;
    t->kind = kind;

    ngx_litellm_out_copy(t->out, head->data, head->len);

    return 1;
}


void
ngx_litellm_turns_role(ngx_litellm_turns_t *t, ngx_litellm_role_e role)
{
    static const ngx_str_t  heads[] = {
        ngx_string("{\"role\":\"user\",\"content\":["),
        ngx_string("{\"role\":\"assistant\",\"content\":[")
    };

    (void) ngx_litellm_turns_block(t, role,
                                   &heads[role != NGX_LITELLM_ROLE_USER]);
}


void
ngx_litellm_turns_close(ngx_litellm_turns_t *t)
{
    if (t->open) {
        ngx_litellm_out_lit(t->out, "]}");
        t->open = 0;
    }
}


ngx_int_t
ngx_litellm_system_next(ngx_litellm_call_t *call, ngx_litellm_chat_t *chat,
    ngx_litellm_system_t *system, ngx_str_t **text, ngx_litellm_json_t **cache,
    ngx_litellm_error_t *e)
{
    ngx_litellm_part_t     *part;
    ngx_litellm_message_t  *msg;

    for ( /* void */ ; system->message < chat->nmessages; system->message++) {

        msg = &chat->messages[system->message];

        if ((msg->role != NGX_LITELLM_ROLE_SYSTEM
             && msg->role != NGX_LITELLM_ROLE_DEVELOPER)
            || system->part == msg->nparts)
        {
            system->part = 0;
            continue;
        }

        part = &msg->parts[system->part++];

        if (part->type != NGX_LITELLM_PART_TEXT) {
            return ngx_litellm_call_bad(call, e, "a system message can hold "
                                        "text only");
        }

        *text = &part->text;
        *cache = part->cache_control;

        if (*cache == NULL && system->part == msg->nparts) {
            *cache = msg->cache_control;
        }

        return NGX_OK;
    }

    return NGX_DONE;
}
