
/*
 * Answers, stream chunks and errors in OpenAI's form, for chat and for legacy
 * completions (call->op tells them apart).  Fields beside OpenAI's own are
 * LiteLLM's: reasoning_content, thinking_blocks, and the cache counts at the
 * top of usage.
 *
 * A stream's chunks have one head and a few tails that never change: they are
 * made at the first event, so that a text delta is three copies.  All texts of
 * answers and events are J-strings and go between quotes as they are.
 */

#include "ngx_litellm_openai.h"


typedef struct ngx_litellm_openai_chunk_s  ngx_litellm_openai_chunk_t;

/* one for each choice of a stream, in the order they were first seen */
struct ngx_litellm_openai_chunk_s {
    ngx_litellm_openai_chunk_t  *next;
    ngx_uint_t                   choice;
    ngx_str_t                    head;     /* up to the delta's first member */
    ngx_str_t                    text;     /* head and the name of the text */
    ngx_str_t                    tail;     /* behind the text */
    ngx_litellm_finish_e         finish;
    unsigned                     completion:1;
    unsigned                     functions:1;
    unsigned                     role_sent:1;
    unsigned                     finish_sent:1;
    unsigned                     calls:1;  /* there was a tool call */
};


static ngx_litellm_openai_chunk_t *ngx_litellm_openai_choice(
    ngx_litellm_writer_t *w, ngx_uint_t choice);
static ngx_litellm_openai_chunk_t *ngx_litellm_openai_chunk(
    ngx_litellm_writer_t *w, ngx_uint_t choice);
static void ngx_litellm_openai_begin(ngx_litellm_out_t *out,
    ngx_litellm_openai_chunk_t *c);
static void ngx_litellm_openai_text(ngx_litellm_out_t *out,
    ngx_litellm_openai_chunk_t *c, ngx_str_t *text);
static void ngx_litellm_openai_delta(ngx_litellm_out_t *out,
    ngx_litellm_openai_chunk_t *c, ngx_litellm_event_t *ev);
static void ngx_litellm_openai_tool_call(ngx_litellm_out_t *out,
    ngx_litellm_openai_chunk_t *c, ngx_litellm_event_t *ev);
static void ngx_litellm_openai_finish(ngx_litellm_out_t *out,
    ngx_litellm_openai_chunk_t *c);
static void ngx_litellm_openai_end(ngx_litellm_writer_t *w,
    ngx_litellm_out_t *out, ngx_litellm_openai_chunk_t *c);
static void ngx_litellm_openai_completion(ngx_litellm_out_t *out,
    ngx_litellm_answer_t *answer);
static void ngx_litellm_openai_message(ngx_litellm_call_t *call,
    ngx_litellm_out_t *out, ngx_litellm_answer_t *answer);
static void ngx_litellm_openai_images(ngx_litellm_out_t *out,
    ngx_array_t *images);
static void ngx_litellm_openai_image(ngx_litellm_out_t *out, ngx_str_t *url,
    ngx_uint_t index);
static void ngx_litellm_openai_specific(ngx_litellm_out_t *out,
    ngx_litellm_answer_t *answer);
static void ngx_litellm_openai_pieces(ngx_litellm_out_t *out,
    ngx_array_t *pieces);
static void ngx_litellm_openai_list(ngx_litellm_out_t *out,
    ngx_array_t *values);
static void ngx_litellm_openai_blocks(ngx_litellm_out_t *out,
    ngx_array_t *thinking);
static void ngx_litellm_openai_answer_calls(ngx_litellm_call_t *call,
    ngx_litellm_out_t *out, ngx_array_t *calls);


#define ngx_litellm_openai_end_delta(out)                                     \
    ngx_litellm_out_lit(out, "}}]}\n\n")


void
ngx_litellm_openai_event(ngx_litellm_writer_t *w, ngx_litellm_out_t *out,
    ngx_litellm_event_t *ev)
{
    ngx_litellm_openai_chunk_t  *c;

    c = w->state;

    if (c == NULL || c->choice != ev->choice) {

        c = ngx_litellm_openai_choice(w, ev->choice);

        if (c == NULL) {
            out->failed = 1;
            return;
        }
    }

    switch (ev->type) {

    case NGX_LITELLM_EV_TEXT:

        if (c->role_sent) {
            ngx_litellm_out_str(out, &c->text);
            ngx_litellm_out_str(out, &ev->text);
            ngx_litellm_out_str(out, &c->tail);
            return;
        }

        ngx_litellm_openai_text(out, c, &ev->text);
        return;

    case NGX_LITELLM_EV_REASONING:
    case NGX_LITELLM_EV_SIGNATURE:
    case NGX_LITELLM_EV_REDACTED:
    case NGX_LITELLM_EV_REFUSAL:
    case NGX_LITELLM_EV_ANNOTATION:
    case NGX_LITELLM_EV_IMAGE:
    case NGX_LITELLM_EV_SPECIFIC:

        if (!c->completion) {
            ngx_litellm_openai_delta(out, c, ev);
        }

        return;

    case NGX_LITELLM_EV_CALL:
        c->calls = 1;

        /* fall through */

    case NGX_LITELLM_EV_ARGUMENTS:

        if (!c->completion) {
            ngx_litellm_openai_tool_call(out, c, ev);
        }

        return;

    case NGX_LITELLM_EV_FINISH:
        c->finish = ev->finish;
        return;

    case NGX_LITELLM_EV_USAGE:
        w->usage = *ev->usage;
        return;

    case NGX_LITELLM_EV_ERROR:
        ngx_litellm_openai_error(out, ev->error, 1);
        return;

    case NGX_LITELLM_EV_END:
        ngx_litellm_openai_end(w, out, w->state);
        return;

    case NGX_LITELLM_EV_START:
        return;
    }
}


/* NULL: no memory, or a choice over the bound */

static ngx_litellm_openai_chunk_t *
ngx_litellm_openai_choice(ngx_litellm_writer_t *w, ngx_uint_t choice)
{
    ngx_litellm_openai_chunk_t  *c, *last;

    if (choice >= NGX_LITELLM_CHOICES) {
        return NULL;
    }

    last = NULL;

    for (c = w->state; c; c = c->next) {

        if (c->choice == choice) {
            return c;
        }

        last = c;
    }

    c = ngx_litellm_openai_chunk(w, choice);

    if (c == NULL) {
        return NULL;
    }

    if (last != NULL) {
        last->next = c;

    } else {
        w->state = c;
    }

    return c;
}


static ngx_litellm_openai_chunk_t *
ngx_litellm_openai_chunk(ngx_litellm_writer_t *w, ngx_uint_t choice)
{
    ngx_litellm_out_t            o;
    ngx_litellm_call_t          *call;
    ngx_litellm_openai_chunk_t  *c;

    call = w->call;

    c = ngx_pcalloc(call->pool, sizeof(ngx_litellm_openai_chunk_t));
    if (c == NULL) {
        return NULL;
    }

    c->choice = choice;
    c->completion = (call->op == NGX_LITELLM_OP_COMPLETIONS);
    c->role_sent = w->started;
    c->functions = ngx_litellm_openai_functions(call) ? 1 : 0;

    ngx_litellm_out_init(&o, call->pool);

    ngx_litellm_out_lit(&o, "data: {\"id\":\"");

    if (w->id.len) {
        ngx_litellm_out_str(&o, &w->id);

    } else {
        ngx_litellm_out_escape(&o, call->id.data, call->id.len);
    }

    ngx_litellm_out_lit(&o, "\",\"created\":");
    ngx_litellm_out_int(&o, call->now);
    ngx_litellm_out_lit(&o, ",\"model\":\"");

    if (w->model.len) {
        ngx_litellm_out_str(&o, &w->model);

    } else {
        ngx_litellm_out_escape(&o, call->model.data, call->model.len);
    }

    if (c->completion) {
        ngx_litellm_out_lit(&o, "\",\"object\":\"text_completion\","
                            "\"choices\":[{\"index\":");
        ngx_litellm_out_int(&o, choice);
        ngx_litellm_out_lit(&o, ",\"text\":\"");
        ngx_str_set(&c->tail,
                    "\",\"logprobs\":null,\"finish_reason\":null}]}\n\n");

    } else {
        ngx_litellm_out_lit(&o, "\",\"object\":\"chat.completion.chunk\","
                            "\"choices\":[{\"index\":");
        ngx_litellm_out_int(&o, choice);
        ngx_litellm_out_lit(&o, ",\"delta\":{\"content\":\"");
        ngx_str_set(&c->tail, "\"}}]}\n\n");
    }

    if (o.failed || ngx_litellm_out_join(&o, &c->text) != NGX_OK) {
        return NULL;
    }

    c->head = c->text;

    if (!c->completion) {
        c->head.len -= sizeof("\"content\":\"") - 1;
    }

    return c;
}


/* the head of a chunk; a choice's first delta has the role */

static void
ngx_litellm_openai_begin(ngx_litellm_out_t *out,
    ngx_litellm_openai_chunk_t *c)
{
    ngx_litellm_out_str(out, &c->head);

    if (!c->role_sent && !c->completion) {
        c->role_sent = 1;
        ngx_litellm_out_lit(out, "\"role\":\"assistant\",");
    }
}


static void
ngx_litellm_openai_text(ngx_litellm_out_t *out,
    ngx_litellm_openai_chunk_t *c, ngx_str_t *text)
{
    ngx_litellm_openai_begin(out, c);

    if (c->completion) {
        c->role_sent = 1;

    } else {
        ngx_litellm_out_lit(out, "\"content\":\"");
    }

    ngx_litellm_out_str(out, text);
    ngx_litellm_out_str(out, &c->tail);
}


static void
ngx_litellm_openai_delta(ngx_litellm_out_t *out,
    ngx_litellm_openai_chunk_t *c, ngx_litellm_event_t *ev)
{
    ngx_litellm_openai_begin(out, c);

    switch (ev->type) {

    case NGX_LITELLM_EV_REASONING:
        ngx_litellm_out_lit(out, "\"reasoning_content\":\"");
        ngx_litellm_out_str(out, &ev->text);

        if (ev->index) {
            ngx_litellm_out_lit(out, "\",\"thinking_blocks\":[{\"type\":"
                                "\"thinking\",\"thinking\":\"");
            ngx_litellm_out_str(out, &ev->text);
            ngx_litellm_out_lit(out, "\"}]");

        } else {
            ngx_litellm_out_lit(out, "\"");
        }

        break;

    case NGX_LITELLM_EV_SIGNATURE:
        ngx_litellm_out_lit(out, "\"reasoning_content\":\"\","
                            "\"thinking_blocks\":[{\"type\":\"thinking\","
                            "\"thinking\":\"\",\"signature\":\"");
        ngx_litellm_out_str(out, &ev->text);
        ngx_litellm_out_lit(out, "\"}]");
        break;

    case NGX_LITELLM_EV_REDACTED:
        ngx_litellm_out_lit(out, "\"thinking_blocks\":[{\"type\":"
                            "\"redacted_thinking\",\"data\":\"");
        ngx_litellm_out_str(out, &ev->text);
        ngx_litellm_out_lit(out, "\"}]");
        break;

    case NGX_LITELLM_EV_REFUSAL:
        ngx_litellm_out_lit(out, "\"refusal\":\"");
        ngx_litellm_out_str(out, &ev->text);
        ngx_litellm_out_lit(out, "\"");
        break;

    case NGX_LITELLM_EV_IMAGE:
        ngx_litellm_out_lit(out, "\"images\":[");
        ngx_litellm_openai_image(out, &ev->text, ev->index);
        ngx_litellm_out_lit(out, "]");
        break;

    case NGX_LITELLM_EV_SPECIFIC:
        ngx_litellm_out_lit(out, "\"provider_specific_fields\":{\"");
        ngx_litellm_out_str(out, &ev->name);
        ngx_litellm_out_lit(out, "\":");
        ngx_litellm_out_line(out, &ev->text);
        ngx_litellm_out_lit(out, "}");
        break;

    default: /* NGX_LITELLM_EV_ANNOTATION */

        if (ev->index) {
            ngx_litellm_out_lit(out, "\"provider_specific_fields\":{"
                                "\"citation\":");
            ngx_litellm_out_line(out, &ev->text);
            ngx_litellm_out_lit(out, "}");
            break;
        }

        ngx_litellm_out_lit(out, "\"annotations\":[");
        ngx_litellm_out_line(out, &ev->text);
        ngx_litellm_out_lit(out, "]");
        break;
    }

    ngx_litellm_openai_end_delta(out);
}


static void
ngx_litellm_openai_tool_call(ngx_litellm_out_t *out,
    ngx_litellm_openai_chunk_t *c, ngx_litellm_event_t *ev)
{
    if (c->functions) {

        /* function_call has room for one call only */

        if (ev->index > 0) {
            return;
        }

        ngx_litellm_openai_begin(out, c);
        ngx_litellm_out_lit(out, "\"function_call\":{");

        if (ev->type == NGX_LITELLM_EV_CALL) {
            ngx_litellm_out_lit(out, "\"name\":\"");
            ngx_litellm_out_str(out, &ev->name);
            ngx_litellm_out_lit(out, "\",");
        }

        ngx_litellm_out_lit(out, "\"arguments\":\"");
        ngx_litellm_out_str(out, &ev->text);
        ngx_litellm_out_lit(out, "\"}");
        ngx_litellm_openai_end_delta(out);
        return;
    }

    ngx_litellm_openai_begin(out, c);
    ngx_litellm_out_lit(out, "\"tool_calls\":[{\"index\":");
    ngx_litellm_out_int(out, ev->index);

    if (ev->type == NGX_LITELLM_EV_CALL) {
        ngx_litellm_out_lit(out, ",\"id\":\"");
        ngx_litellm_out_str(out, &ev->id);
        ngx_litellm_out_lit(out, "\",\"type\":\"function\",\"function\":{"
                            "\"name\":\"");
        ngx_litellm_out_str(out, &ev->name);
        ngx_litellm_out_lit(out, "\",\"arguments\":\"");

    } else {
        ngx_litellm_out_lit(out, ",\"type\":\"function\",\"function\":{"
                            "\"arguments\":\"");
    }

    ngx_litellm_out_str(out, &ev->text);
    ngx_litellm_out_lit(out, "\"}}]");
    ngx_litellm_openai_end_delta(out);
}


/* once, with an empty delta; the role goes before it in an empty answer */

static void
ngx_litellm_openai_finish(ngx_litellm_out_t *out,
    ngx_litellm_openai_chunk_t *c)
{
    ngx_litellm_finish_e  finish;

    if (c->finish_sent) {
        return;
    }

    c->finish_sent = 1;

    finish = c->finish;

    if (finish == NGX_LITELLM_FINISH_NONE) {
        finish = NGX_LITELLM_FINISH_STOP;
    }

    if (c->calls && finish == NGX_LITELLM_FINISH_STOP) {
        finish = NGX_LITELLM_FINISH_TOOL_CALLS;
    }

    if (c->functions && finish == NGX_LITELLM_FINISH_TOOL_CALLS) {
        finish = NGX_LITELLM_FINISH_FUNCTION_CALL;
    }

    if (c->completion) {
        ngx_litellm_out_str(out, &c->head);
        ngx_litellm_out_lit(out, "\",\"logprobs\":null,\"finish_reason\":\"");
        ngx_litellm_out_str(out, ngx_litellm_finish_name(finish));
        ngx_litellm_out_lit(out, "\"}]}\n\n");
        return;
    }

    if (!c->role_sent) {
        ngx_litellm_openai_begin(out, c);
        ngx_litellm_out_lit(out, "\"content\":\"\"");
        ngx_litellm_openai_end_delta(out);
    }

    ngx_litellm_out_str(out, &c->head);
    ngx_litellm_out_lit(out, "},\"finish_reason\":\"");
    ngx_litellm_out_str(out, ngx_litellm_finish_name(finish));
    ngx_litellm_out_lit(out, "\"}]}\n\n");
}


/* c is the first choice */

static void
ngx_litellm_openai_end(ngx_litellm_writer_t *w, ngx_litellm_out_t *out,
    ngx_litellm_openai_chunk_t *c)
{
    ngx_litellm_openai_chunk_t  *next;

    for (next = c; next; next = next->next) {
        ngx_litellm_openai_finish(out, next);
    }

    if (w->call->include_usage && w->usage.known) {
        ngx_litellm_out_str(out, &c->head);

        if (c->completion) {
            ngx_litellm_out_lit(out, "\"}],");

        } else {
            ngx_litellm_out_lit(out, "}}],");
        }

        ngx_litellm_openai_usage(out, &w->usage);
        ngx_litellm_out_lit(out, "}\n\n");
    }

    ngx_litellm_out_lit(out, "data: [DONE]\n\n");
}


void
ngx_litellm_openai_error(ngx_litellm_out_t *out, ngx_litellm_error_t *e,
    ngx_uint_t stream)
{
    ngx_str_t  type;

    if (stream) {
        ngx_litellm_out_lit(out, "data: ");
    }

    ngx_litellm_error_type(e, &type);

    ngx_litellm_out_lit(out, "{\"error\":{\"message\":");
    ngx_litellm_out_json(out, &e->message);
    ngx_litellm_out_lit(out, ",\"type\":");
    ngx_litellm_out_json(out, &type);
    ngx_litellm_out_lit(out, ",\"param\":");

    if (e->param.len) {
        ngx_litellm_out_json(out, &e->param);

    } else {
        ngx_litellm_out_lit(out, "null");
    }

    ngx_litellm_out_lit(out, ",\"code\":");

    if (e->code.len) {
        ngx_litellm_out_json(out, &e->code);

    } else {
        ngx_litellm_out_lit(out, "\"");
        ngx_litellm_out_int(out, e->status);
        ngx_litellm_out_lit(out, "\"");
    }

    if (e->specific.len) {
        ngx_litellm_out_lit(out, ",\"provider_specific_fields\":");
        ngx_litellm_out_line(out, &e->specific);
    }

    ngx_litellm_out_lit(out, "}}");

    if (stream) {
        ngx_litellm_out_lit(out, "\n\n");
    }
}


void
ngx_litellm_openai_usage(ngx_litellm_out_t *out, ngx_litellm_usage_t *u)
{
    int64_t  prompt, completion;

    prompt = ngx_max(u->prompt, 0);
    completion = ngx_max(u->completion, 0);

    ngx_litellm_out_lit(out, "\"usage\":{\"completion_tokens\":");
    ngx_litellm_out_int(out, completion);
    ngx_litellm_out_lit(out, ",\"prompt_tokens\":");
    ngx_litellm_out_int(out, prompt);
    ngx_litellm_out_lit(out, ",\"total_tokens\":");
    ngx_litellm_out_int(out, u->total >= 0 ? u->total : prompt + completion);

    if (u->reasoning >= 0 || u->audio_out >= 0 || u->image_out >= 0) {
        ngx_litellm_out_lit(out, ",\"completion_tokens_details\":{"
                            "\"reasoning_tokens\":");
        ngx_litellm_out_int(out, ngx_max(u->reasoning, 0));

        if (u->audio_out >= 0) {
            ngx_litellm_out_lit(out, ",\"audio_tokens\":");
            ngx_litellm_out_int(out, u->audio_out);
        }

        if (u->image_out >= 0) {
            ngx_litellm_out_lit(out, ",\"image_tokens\":");
            ngx_litellm_out_int(out, u->image_out);
        }

        ngx_litellm_out_lit(out, "}");
    }

    if (u->cached >= 0 || u->cache_write >= 0 || u->audio_in >= 0) {
        ngx_litellm_out_lit(out, ",\"prompt_tokens_details\":{"
                            "\"cached_tokens\":");
        ngx_litellm_out_int(out, ngx_max(u->cached, 0));

        if (u->cache_write >= 0) {
            ngx_litellm_out_lit(out, ",\"cache_write_tokens\":");
            ngx_litellm_out_int(out, u->cache_write);
            ngx_litellm_out_lit(out, ",\"cache_creation_tokens\":");
            ngx_litellm_out_int(out, u->cache_write);
        }

        if (u->audio_in >= 0) {
            ngx_litellm_out_lit(out, ",\"audio_tokens\":");
            ngx_litellm_out_int(out, u->audio_in);
        }

        ngx_litellm_out_lit(out, "}");
    }

    if (u->cache_write >= 0) {
        ngx_litellm_out_lit(out, ",\"cache_creation_input_tokens\":");
        ngx_litellm_out_int(out, u->cache_write);
        ngx_litellm_out_lit(out, ",\"cache_read_input_tokens\":");
        ngx_litellm_out_int(out, ngx_max(u->cached, 0));
    }

    if (u->cost.len) {
        ngx_litellm_out_lit(out, ",\"cost\":");
        ngx_litellm_out_str(out, &u->cost);
    }

    ngx_litellm_out_lit(out, "}");
}


void
ngx_litellm_openai_answer(ngx_litellm_call_t *call, ngx_litellm_out_t *out,
    ngx_litellm_answer_t *answer)
{
    ngx_uint_t             completion;
    ngx_litellm_answer_t  *choice;

    completion = (call->op == NGX_LITELLM_OP_COMPLETIONS);

    ngx_litellm_out_lit(out, "{\"id\":");
    ngx_litellm_out_json(out, &call->id);
    ngx_litellm_out_lit(out, ",\"created\":");
    ngx_litellm_out_int(out, call->now);
    ngx_litellm_out_lit(out, ",\"model\":");
    ngx_litellm_out_json(out, &call->model);

    if (completion) {
        ngx_litellm_out_lit(out, ",\"object\":\"text_completion\"");

    } else {
        ngx_litellm_out_lit(out, ",\"object\":\"chat.completion\"");
    }

    ngx_litellm_out_lit(out, ",\"choices\":[");

    for (choice = answer; choice; choice = choice->next) {

        if (choice != answer) {
            ngx_litellm_out_lit(out, ",");
        }

        if (completion) {
            ngx_litellm_openai_completion(out, choice);

        } else {
            ngx_litellm_openai_message(call, out, choice);
        }
    }

    ngx_litellm_out_lit(out, "]");

    if (answer->usage.known) {
        ngx_litellm_out_lit(out, ",");
        ngx_litellm_openai_usage(out, &answer->usage);
    }

    ngx_litellm_out_lit(out, "}");
}


static void
ngx_litellm_openai_completion(ngx_litellm_out_t *out,
    ngx_litellm_answer_t *answer)
{
    ngx_litellm_finish_e  finish;

    finish = answer->finish ? answer->finish : NGX_LITELLM_FINISH_STOP;

    ngx_litellm_out_lit(out, "{\"finish_reason\":\"");
    ngx_litellm_out_str(out, ngx_litellm_finish_name(finish));
    ngx_litellm_out_lit(out, "\",\"index\":");
    ngx_litellm_out_int(out, answer->index);
    ngx_litellm_out_lit(out, ",\"logprobs\":null,\"text\":\"");
    ngx_litellm_openai_pieces(out, &answer->text);
    ngx_litellm_out_lit(out, "\"}");
}


static void
ngx_litellm_openai_message(ngx_litellm_call_t *call, ngx_litellm_out_t *out,
    ngx_litellm_answer_t *answer)
{
    ngx_litellm_finish_e  finish;

    finish = answer->finish ? answer->finish : NGX_LITELLM_FINISH_STOP;

    if (answer->calls.nelts) {

        if (finish == NGX_LITELLM_FINISH_STOP) {
            finish = NGX_LITELLM_FINISH_TOOL_CALLS;
        }

        if (finish == NGX_LITELLM_FINISH_TOOL_CALLS
            && ngx_litellm_openai_functions(call))
        {
            finish = NGX_LITELLM_FINISH_FUNCTION_CALL;
        }
    }

    ngx_litellm_out_lit(out, "{\"finish_reason\":\"");
    ngx_litellm_out_str(out, ngx_litellm_finish_name(finish));
    ngx_litellm_out_lit(out, "\",\"index\":");
    ngx_litellm_out_int(out, answer->index);
    ngx_litellm_out_lit(out, ",\"message\":{\"content\":");

    if (answer->has_text) {
        ngx_litellm_out_lit(out, "\"");
        ngx_litellm_openai_pieces(out, &answer->text);
        ngx_litellm_out_lit(out, "\"");

    } else {
        ngx_litellm_out_lit(out, "null");
    }

    ngx_litellm_out_lit(out, ",\"role\":\"assistant\"");

    if (answer->calls.nelts) {
        ngx_litellm_openai_answer_calls(call, out, &answer->calls);
    }

    if (answer->reasoning.nelts) {
        ngx_litellm_out_lit(out, ",\"reasoning_content\":\"");
        ngx_litellm_openai_pieces(out, &answer->reasoning);
        ngx_litellm_out_lit(out, "\"");
    }

    if (answer->thinking.nelts || answer->has_thinking) {
        ngx_litellm_openai_blocks(out, &answer->thinking);
    }

    if (answer->refusal.len) {
        ngx_litellm_out_lit(out, ",\"refusal\":\"");
        ngx_litellm_out_str(out, &answer->refusal);
        ngx_litellm_out_lit(out, "\"");
    }

    if (answer->annotations.nelts) {
        ngx_litellm_out_lit(out, ",\"annotations\":[");
        ngx_litellm_openai_list(out, &answer->annotations);
        ngx_litellm_out_lit(out, "]");
    }

    if (answer->images.nelts) {
        ngx_litellm_openai_images(out, &answer->images);
    }

    if (answer->audio.len) {
        ngx_litellm_out_lit(out, ",\"audio\":");
        ngx_litellm_out_ref(out, answer->audio.data, answer->audio.len);
    }

    if (answer->citations.nelts || answer->specific.nelts) {
        ngx_litellm_openai_specific(out, answer);
    }

    ngx_litellm_out_lit(out, "}");

    if (answer->native_finish.len) {
        ngx_litellm_out_lit(out, ",\"provider_specific_fields\":{"
                            "\"native_finish_reason\":\"");
        ngx_litellm_out_str(out, &answer->native_finish);
        ngx_litellm_out_lit(out, "\"}");
    }

    ngx_litellm_out_lit(out, "}");
}


static void
ngx_litellm_openai_images(ngx_litellm_out_t *out, ngx_array_t *images)
{
    ngx_str_t   *url;
    ngx_uint_t   i;

    url = images->elts;

    ngx_litellm_out_lit(out, ",\"images\":[");

    for (i = 0; i < images->nelts; i++) {

        if (i) {
            ngx_litellm_out_lit(out, ",");
        }

        ngx_litellm_openai_image(out, &url[i], i);
    }

    ngx_litellm_out_lit(out, "]");
}


static void
ngx_litellm_openai_image(ngx_litellm_out_t *out, ngx_str_t *url,
    ngx_uint_t index)
{
    ngx_litellm_out_lit(out, "{\"image_url\":{\"url\":\"");
    ngx_litellm_out_ref(out, url->data, url->len);
    ngx_litellm_out_lit(out, "\",\"detail\":\"auto\"},\"index\":");
    ngx_litellm_out_int(out, index);
    ngx_litellm_out_lit(out, ",\"type\":\"image_url\"}");
}


static void
ngx_litellm_openai_specific(ngx_litellm_out_t *out,
    ngx_litellm_answer_t *answer)
{
    ngx_uint_t     i;
    ngx_keyval_t  *kv;

    ngx_litellm_out_lit(out, ",\"provider_specific_fields\":{");

    if (answer->citations.nelts) {
        ngx_litellm_out_lit(out, "\"citations\":[");
        ngx_litellm_openai_list(out, &answer->citations);
        ngx_litellm_out_lit(out, "]");
    }

    kv = answer->specific.elts;

    for (i = 0; i < answer->specific.nelts; i++) {

        if (i || answer->citations.nelts) {
            ngx_litellm_out_lit(out, ",");
        }

        ngx_litellm_out_lit(out, "\"");
        ngx_litellm_out_str(out, &kv[i].key);
        ngx_litellm_out_lit(out, "\":");
        ngx_litellm_out_ref(out, kv[i].value.data, kv[i].value.len);
    }

    ngx_litellm_out_lit(out, "}");
}


static void
ngx_litellm_openai_pieces(ngx_litellm_out_t *out, ngx_array_t *pieces)
{
    ngx_str_t   *s;
    ngx_uint_t   i;

    s = pieces->elts;

    for (i = 0; i < pieces->nelts; i++) {
        ngx_litellm_out_ref(out, s[i].data, s[i].len);
    }
}


/* JSON values with commas between */

static void
ngx_litellm_openai_list(ngx_litellm_out_t *out, ngx_array_t *values)
{
    ngx_str_t   *s;
    ngx_uint_t   i;

    s = values->elts;

    for (i = 0; i < values->nelts; i++) {
        if (i) {
            ngx_litellm_out_lit(out, ",");
        }

        ngx_litellm_out_str(out, &s[i]);
    }
}


static void
ngx_litellm_openai_blocks(ngx_litellm_out_t *out, ngx_array_t *thinking)
{
    ngx_uint_t           i;
    ngx_litellm_part_t  *part;

    ngx_litellm_out_lit(out, ",\"thinking_blocks\":[");
    part = thinking->elts;

    for (i = 0; i < thinking->nelts; i++) {
        if (i) {
            ngx_litellm_out_lit(out, ",");
        }

        if (part[i].type == NGX_LITELLM_PART_REDACTED) {
            ngx_litellm_out_lit(out, "{\"type\":\"redacted_thinking\","
                                "\"data\":\"");
            ngx_litellm_out_str(out, &part[i].data);
            ngx_litellm_out_lit(out, "\"}");
            continue;
        }

        ngx_litellm_out_lit(out, "{\"type\":\"thinking\",\"thinking\":\"");
        ngx_litellm_out_str(out, &part[i].text);

        if (part[i].signature.len) {
            ngx_litellm_out_lit(out, "\",\"signature\":\"");
            ngx_litellm_out_str(out, &part[i].signature);
        }

        ngx_litellm_out_lit(out, "\"}");
    }

    ngx_litellm_out_lit(out, "]");
}


static void
ngx_litellm_openai_answer_calls(ngx_litellm_call_t *call,
    ngx_litellm_out_t *out, ngx_array_t *calls)
{
    ngx_uint_t                i;
    ngx_litellm_tool_call_t  *tc;

    tc = calls->elts;

    if (ngx_litellm_openai_functions(call)) {
        ngx_litellm_out_lit(out, ",\"function_call\":{\"arguments\":\"");
        ngx_litellm_out_str(out, &tc->arguments);
        ngx_litellm_out_lit(out, "\",\"name\":\"");
        ngx_litellm_out_str(out, &tc->name);
        ngx_litellm_out_lit(out, "\"}");
        return;
    }

    ngx_litellm_out_lit(out, ",\"tool_calls\":[");

    for (i = 0; i < calls->nelts; i++) {
        if (i) {
            ngx_litellm_out_lit(out, ",");
        }

        ngx_litellm_out_lit(out, "{\"index\":");
        ngx_litellm_out_int(out, i);
        ngx_litellm_out_lit(out, ",\"function\":{\"arguments\":\"");
        ngx_litellm_out_ref(out, tc[i].arguments.data, tc[i].arguments.len);
        ngx_litellm_out_lit(out, "\",\"name\":\"");
        ngx_litellm_out_str(out, &tc[i].name);
        ngx_litellm_out_lit(out, "\"},\"id\":\"");
        ngx_litellm_out_str(out, &tc[i].id);
        ngx_litellm_out_lit(out, "\",\"type\":\"function\"}");
    }

    ngx_litellm_out_lit(out, "]");
}
