
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


typedef struct {
    ngx_str_t    head;         /* up to the delta's first member */
    ngx_str_t    text;         /* head and the name of the text */
    ngx_str_t    tail;         /* behind the text */
    unsigned     completion:1;
    unsigned     functions:1;
} ngx_litellm_openai_chunk_t;


static ngx_litellm_openai_chunk_t *ngx_litellm_openai_chunk(
    ngx_litellm_writer_t *w, ngx_litellm_out_t *out);
static void ngx_litellm_openai_begin(ngx_litellm_writer_t *w,
    ngx_litellm_out_t *out, ngx_litellm_openai_chunk_t *c);
static void ngx_litellm_openai_text(ngx_litellm_writer_t *w,
    ngx_litellm_out_t *out, ngx_litellm_openai_chunk_t *c, ngx_str_t *text);
static void ngx_litellm_openai_reasoning(ngx_litellm_writer_t *w,
    ngx_litellm_out_t *out, ngx_litellm_openai_chunk_t *c,
    ngx_litellm_event_t *ev);
static void ngx_litellm_openai_tool_call(ngx_litellm_writer_t *w,
    ngx_litellm_out_t *out, ngx_litellm_openai_chunk_t *c,
    ngx_litellm_event_t *ev);
static void ngx_litellm_openai_finish(ngx_litellm_writer_t *w,
    ngx_litellm_out_t *out, ngx_litellm_openai_chunk_t *c);
static void ngx_litellm_openai_end(ngx_litellm_writer_t *w,
    ngx_litellm_out_t *out, ngx_litellm_openai_chunk_t *c);
static void ngx_litellm_openai_answer_head(ngx_litellm_call_t *call,
    ngx_litellm_out_t *out, const char *object);
static void ngx_litellm_openai_completion(ngx_litellm_call_t *call,
    ngx_litellm_out_t *out, ngx_litellm_answer_t *answer);
static void ngx_litellm_openai_message(ngx_litellm_call_t *call,
    ngx_litellm_out_t *out, ngx_litellm_answer_t *answer);
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

    if (c == NULL) {
        c = ngx_litellm_openai_chunk(w, out);
        if (c == NULL) {
            out->failed = 1;
            return;
        }
    }

    switch (ev->type) {

    case NGX_LITELLM_EV_TEXT:

        if (w->role_sent) {
            ngx_litellm_out_str(out, &c->text);
            ngx_litellm_out_str(out, &ev->text);
            ngx_litellm_out_str(out, &c->tail);
            return;
        }

        ngx_litellm_openai_text(w, out, c, &ev->text);
        return;

    case NGX_LITELLM_EV_REASONING:
    case NGX_LITELLM_EV_SIGNATURE:
    case NGX_LITELLM_EV_REDACTED:
    case NGX_LITELLM_EV_REFUSAL:
    case NGX_LITELLM_EV_ANNOTATION:
    case NGX_LITELLM_EV_IMAGE:
    case NGX_LITELLM_EV_SPECIFIC:

        if (!c->completion) {
            ngx_litellm_openai_reasoning(w, out, c, ev);
        }

        return;

    case NGX_LITELLM_EV_CALL:
        w->calls++;

        /* fall through */

    case NGX_LITELLM_EV_ARGUMENTS:

        if (!c->completion) {
            ngx_litellm_openai_tool_call(w, out, c, ev);
        }

        return;

    case NGX_LITELLM_EV_FINISH:
        w->finish = ev->finish;
        return;

    case NGX_LITELLM_EV_USAGE:
        w->usage = *ev->usage;
        return;

    case NGX_LITELLM_EV_ERROR:
        ngx_litellm_openai_error(out, ev->error, 1);
        return;

    case NGX_LITELLM_EV_END:
        ngx_litellm_openai_end(w, out, c);
        return;

    case NGX_LITELLM_EV_START:
        return;
    }
}


static ngx_litellm_openai_chunk_t *
ngx_litellm_openai_chunk(ngx_litellm_writer_t *w, ngx_litellm_out_t *out)
{
    ngx_litellm_out_t            o;
    ngx_litellm_call_t          *call;
    ngx_litellm_openai_chunk_t  *c;

    call = w->call;

    c = ngx_pcalloc(call->pool, sizeof(ngx_litellm_openai_chunk_t));
    if (c == NULL) {
        return NULL;
    }

    c->completion = (call->op == NGX_LITELLM_OP_COMPLETIONS);
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
                            "\"choices\":[{\"index\":0,\"text\":\"");
        ngx_str_set(&c->tail,
                    "\",\"logprobs\":null,\"finish_reason\":null}]}\n\n");

    } else {
        ngx_litellm_out_lit(&o, "\",\"object\":\"chat.completion.chunk\","
                            "\"choices\":[{\"index\":0,\"delta\":{"
                            "\"content\":\"");
        ngx_str_set(&c->tail, "\"}}]}\n\n");
    }

    if (o.failed || ngx_litellm_out_join(&o, &c->text) != NGX_OK) {
        return NULL;
    }

    c->head = c->text;

    if (!c->completion) {
        c->head.len -= sizeof("\"content\":\"") - 1;
    }

    w->state = c;

    return c;
}


/* the head of a chunk; the stream's first delta has the role */

static void
ngx_litellm_openai_begin(ngx_litellm_writer_t *w, ngx_litellm_out_t *out,
    ngx_litellm_openai_chunk_t *c)
{
    ngx_litellm_out_str(out, &c->head);

    if (!w->role_sent && !c->completion) {
        w->role_sent = 1;
        ngx_litellm_out_lit(out, "\"role\":\"assistant\",");
    }
}


static void
ngx_litellm_openai_text(ngx_litellm_writer_t *w, ngx_litellm_out_t *out,
    ngx_litellm_openai_chunk_t *c, ngx_str_t *text)
{
    ngx_litellm_openai_begin(w, out, c);

    if (c->completion) {
        w->role_sent = 1;

    } else {
        ngx_litellm_out_lit(out, "\"content\":\"");
    }

    ngx_litellm_out_str(out, text);
    ngx_litellm_out_str(out, &c->tail);
}


static void
ngx_litellm_openai_reasoning(ngx_litellm_writer_t *w, ngx_litellm_out_t *out,
    ngx_litellm_openai_chunk_t *c, ngx_litellm_event_t *ev)
{
    ngx_litellm_openai_begin(w, out, c);

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

    default: /* NGX_LITELLM_EV_ANNOTATION */

        if (ev->index) {
            ngx_litellm_out_lit(out, "\"provider_specific_fields\":{"
                                "\"citation\":");
            ngx_litellm_out_str(out, &ev->text);
            ngx_litellm_out_lit(out, "}");
            break;
        }

        ngx_litellm_out_lit(out, "\"annotations\":[");
        ngx_litellm_out_str(out, &ev->text);
        ngx_litellm_out_lit(out, "]");
        break;
    }

    ngx_litellm_openai_end_delta(out);
}


static void
ngx_litellm_openai_tool_call(ngx_litellm_writer_t *w, ngx_litellm_out_t *out,
    ngx_litellm_openai_chunk_t *c, ngx_litellm_event_t *ev)
{
    if (c->functions) {

        /* function_call has room for one call only */

        if (ev->index > 0) {
            return;
        }

        ngx_litellm_openai_begin(w, out, c);
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

    ngx_litellm_openai_begin(w, out, c);
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
ngx_litellm_openai_finish(ngx_litellm_writer_t *w, ngx_litellm_out_t *out,
    ngx_litellm_openai_chunk_t *c)
{
    ngx_litellm_finish_e  finish;

    if (w->finish_sent) {
        return;
    }

    w->finish_sent = 1;

    finish = w->finish;

    if (finish == NGX_LITELLM_FINISH_NONE) {
        finish = NGX_LITELLM_FINISH_STOP;
    }

    if (w->calls && finish == NGX_LITELLM_FINISH_STOP) {
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

    if (!w->role_sent) {
        ngx_litellm_openai_begin(w, out, c);
        ngx_litellm_out_lit(out, "\"content\":\"\"");
        ngx_litellm_openai_end_delta(out);
    }

    ngx_litellm_out_str(out, &c->head);
    ngx_litellm_out_lit(out, "},\"finish_reason\":\"");
    ngx_litellm_out_str(out, ngx_litellm_finish_name(finish));
    ngx_litellm_out_lit(out, "\"}]}\n\n");
}


static void
ngx_litellm_openai_end(ngx_litellm_writer_t *w, ngx_litellm_out_t *out,
    ngx_litellm_openai_chunk_t *c)
{
    ngx_litellm_openai_finish(w, out, c);

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

    if (u->reasoning >= 0 || u->audio_out >= 0) {
        ngx_litellm_out_lit(out, ",\"completion_tokens_details\":{"
                            "\"reasoning_tokens\":");
        ngx_litellm_out_int(out, ngx_max(u->reasoning, 0));

        if (u->audio_out >= 0) {
            ngx_litellm_out_lit(out, ",\"audio_tokens\":");
            ngx_litellm_out_int(out, u->audio_out);
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

    ngx_litellm_out_lit(out, "}");
}


void
ngx_litellm_openai_answer(ngx_litellm_call_t *call, ngx_litellm_out_t *out,
    ngx_litellm_answer_t *answer)
{
    if (call->op == NGX_LITELLM_OP_COMPLETIONS) {
        ngx_litellm_openai_completion(call, out, answer);

    } else {
        ngx_litellm_openai_message(call, out, answer);
    }

    if (answer->usage.known) {
        ngx_litellm_out_lit(out, ",");
        ngx_litellm_openai_usage(out, &answer->usage);
    }

    ngx_litellm_out_lit(out, "}");
}


static void
ngx_litellm_openai_answer_head(ngx_litellm_call_t *call,
    ngx_litellm_out_t *out, const char *object)
{
    ngx_litellm_out_lit(out, "{\"id\":");
    ngx_litellm_out_json(out, &call->id);
    ngx_litellm_out_lit(out, ",\"created\":");
    ngx_litellm_out_int(out, call->now);
    ngx_litellm_out_lit(out, ",\"model\":");
    ngx_litellm_out_json(out, &call->model);
    ngx_litellm_out_lit(out, ",\"object\":\"");
    ngx_litellm_out_copy(out, object, ngx_strlen(object));
    ngx_litellm_out_lit(out, "\",\"choices\":[{\"finish_reason\":\"");
}


static void
ngx_litellm_openai_completion(ngx_litellm_call_t *call,
    ngx_litellm_out_t *out, ngx_litellm_answer_t *answer)
{
    ngx_litellm_finish_e  finish;

    finish = answer->finish ? answer->finish : NGX_LITELLM_FINISH_STOP;

    ngx_litellm_openai_answer_head(call, out, "text_completion");
    ngx_litellm_out_str(out, ngx_litellm_finish_name(finish));
    ngx_litellm_out_lit(out, "\",\"index\":0,\"logprobs\":null,\"text\":\"");
    ngx_litellm_openai_pieces(out, &answer->text);
    ngx_litellm_out_lit(out, "\"}]");
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

    ngx_litellm_openai_answer_head(call, out, "chat.completion");
    ngx_litellm_out_str(out, ngx_litellm_finish_name(finish));
    ngx_litellm_out_lit(out, "\",\"index\":0,\"message\":{\"content\":");

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

    if (answer->thinking.nelts) {
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

    if (answer->citations.nelts) {
        ngx_litellm_out_lit(out, ",\"provider_specific_fields\":{"
                            "\"citations\":[");
        ngx_litellm_openai_list(out, &answer->citations);
        ngx_litellm_out_lit(out, "]}");
    }

    ngx_litellm_out_lit(out, "}}]");
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
