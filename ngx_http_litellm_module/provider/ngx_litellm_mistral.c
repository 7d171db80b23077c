
/*
 * Mistral and Codestral, a variant of the OpenAI dialect (Mistral API
 * reference, chat completions and embeddings; guides to reasoning, document
 * understanding and prefixes).
 *
 * Mistral refuses what it does not know: members that OpenAI's clients put
 * into messages are taken out, parts are written in its form, and turns with
 * nothing in them left out.  Its answers have thinking and text as a list of
 * parts, reasons of its own for an end, the usage of a stream in the last
 * event with a choice, and errors in a stream that look like no others.
 */

#include "ngx_litellm_openai_dialect.h"


static uint64_t ngx_litellm_mistral_supported(ngx_litellm_call_t *call);
static ngx_uint_t ngx_litellm_mistral_wants(ngx_litellm_call_t *call);
static ngx_int_t ngx_litellm_mistral_edit(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp, ngx_array_t *adds,
    uint64_t *present, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_mistral_rename(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp, ngx_array_t *adds,
    const char *name, const char *other);
static ngx_int_t ngx_litellm_mistral_effort(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_array_t *adds);
static void ngx_litellm_mistral_messages(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *messages);
static ngx_uint_t ngx_litellm_mistral_empty(ngx_litellm_json_t *message);
static void ngx_litellm_mistral_message(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *message);
static void ngx_litellm_mistral_part(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *part);
static void ngx_litellm_mistral_prediction(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *root);
static void ngx_litellm_mistral_tools(ngx_litellm_json_t *tools);
static ngx_int_t ngx_litellm_mistral_answer(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp,
    ngx_litellm_facts_t *facts, ngx_uint_t stream, ngx_uint_t *changed);
static ngx_uint_t ngx_litellm_mistral_choice(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *choice, ngx_litellm_facts_t *facts);
static ngx_uint_t ngx_litellm_mistral_calls(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *message);
static ngx_uint_t ngx_litellm_mistral_parts(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *message);
static void ngx_litellm_mistral_texts(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *content, ngx_uint_t thinking);
static void ngx_litellm_mistral_text(ngx_litellm_splice_t *sp, u_char *place,
    ngx_litellm_json_t *v);
static ngx_uint_t ngx_litellm_mistral_type(ngx_litellm_json_t *v,
    const char *type);


const ngx_litellm_variant_t  ngx_litellm_mistral_variant = {
    ngx_litellm_mistral_supported,
    NULL,
    NULL,
    ngx_litellm_mistral_edit,
    ngx_litellm_mistral_wants,
    ngx_litellm_mistral_answer,
    NULL,
    ngx_string("\"thinking\" model_length \"error\" \"prefix\""
               " \"tool_calls\" \"embedding\" ~\"usage\"")
};


static uint64_t
ngx_litellm_mistral_supported(ngx_litellm_call_t *call)
{
    uint64_t                    supported;
    const ngx_litellm_model_t  *model;

    if (call->op == NGX_LITELLM_OP_EMBEDDINGS) {
        return ngx_litellm_param_bit(DIMENSIONS)
               | ngx_litellm_param_bit(ENCODING_FORMAT);
    }

    supported = ngx_litellm_param_bit(TEMPERATURE)
                | ngx_litellm_param_bit(TOP_P)
                | ngx_litellm_param_bit(N)
                | ngx_litellm_param_bit(STOP)
                | ngx_litellm_param_bit(MAX_TOKENS)
                | ngx_litellm_param_bit(MAX_COMPLETION_TOKENS)
                | ngx_litellm_param_bit(PRESENCE_PENALTY)
                | ngx_litellm_param_bit(FREQUENCY_PENALTY)
                | ngx_litellm_param_bit(SEED)
                | ngx_litellm_param_bit(TOOLS)
                | ngx_litellm_param_bit(TOOL_CHOICE)
                | ngx_litellm_param_bit(PARALLEL_TOOL_CALLS)
                | ngx_litellm_param_bit(RESPONSE_FORMAT)
                | ngx_litellm_param_bit(REASONING_EFFORT)
                | ngx_litellm_param_bit(PREDICTION)
                | ngx_litellm_param_bit(METADATA)
                | ngx_litellm_param_bit(STREAM);

    model = call->deployment->info;

    if (model != NULL && !(model->flags & NGX_LITELLM_M_REASONING)) {
        supported &= ~ngx_litellm_param_bit(REASONING_EFFORT);
    }

    return supported;
}


static ngx_uint_t
ngx_litellm_mistral_wants(ngx_litellm_call_t *call)
{
    if (call->ask_usage
        || ngx_litellm_openai_value(call, NGX_LITELLM_P_USER) != NULL
        || ngx_litellm_openai_value(call, NGX_LITELLM_P_STREAM_OPTIONS)
           != NULL)
    {
        return 1;
    }

    if (call->op == NGX_LITELLM_OP_EMBEDDINGS) {
        return ngx_litellm_openai_value(call, NGX_LITELLM_P_DIMENSIONS)
               != NULL;
    }

    if (ngx_litellm_openai_value(call, NGX_LITELLM_P_SEED) != NULL
        || ngx_litellm_openai_value(call, NGX_LITELLM_P_REASONING_EFFORT)
           != NULL
        || ngx_litellm_openai_value(call, NGX_LITELLM_P_PREDICTION) != NULL
        || ngx_litellm_openai_value(call, NGX_LITELLM_P_TOOLS) != NULL)
    {
        return 1;
    }

    return ngx_litellm_openai_mentions(call, "\"\" null \"name\" \"assistant\""
                                       " \"developer\" \"cache_control\""
                                       " \"file\"");
}


static ngx_int_t
ngx_litellm_mistral_edit(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
    ngx_litellm_splice_t *sp, ngx_array_t *adds, uint64_t *present,
    ngx_litellm_error_t *e)
{
    ngx_litellm_json_t  *v;

    ngx_litellm_openai_leave(root, adds, "user");

    /* the usage of a stream comes without being asked for */
    ngx_litellm_openai_leave(root, adds, "stream_options");

    if (call->op == NGX_LITELLM_OP_EMBEDDINGS) {
        return ngx_litellm_mistral_rename(call, root, sp, adds, "dimensions",
                                          "output_dimension");
    }

    if (ngx_litellm_mistral_rename(call, root, sp, adds, "seed",
                                   "random_seed")
        != NGX_OK
        || ngx_litellm_mistral_effort(call, root, adds) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_litellm_mistral_prediction(sp, root);

    v = ngx_litellm_json_member(root, "tools");

    if (ngx_litellm_json_is(v, ARRAY)) {
        ngx_litellm_mistral_tools(v);
    }

    v = ngx_litellm_json_member(root, "messages");

    if (ngx_litellm_json_is(v, ARRAY)) {
        ngx_litellm_openai_roles(sp, root);
        ngx_litellm_mistral_messages(sp, v);
        ngx_litellm_openai_prefix(sp, root);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_mistral_rename(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
    ngx_litellm_splice_t *sp, ngx_array_t *adds, const char *name,
    const char *other)
{
    u_char              *p;
    size_t               len;
    ngx_litellm_add_t   *add;
    ngx_litellm_json_t  *v;

    len = ngx_strlen(other);
    v = ngx_litellm_json_get(root, name, ngx_strlen(name));

    if (v != NULL) {

        if (ngx_litellm_json_get(root, other, len) != NULL) {
            v->flags |= NGX_LITELLM_JSON_DROPPED;
            return NGX_OK;
        }

        p = ngx_pnalloc(call->pool, len + 2);
        if (p == NULL) {
            return NGX_ERROR;
        }

        ngx_sprintf(p, "\"%s\"", other);

        v--;
        ngx_litellm_splice_replace(sp, v->start, v->start + v->len, p,
                                   len + 2);
    }

    add = ngx_litellm_openai_added(adds, name, ngx_strlen(name));

    if (add != NULL) {
        add->name.data = (u_char *) other;
        add->name.len = len;
        add->key = add->name;
    }

    return NGX_OK;
}


/*
 * Magistral reasons as it will; Mistral's own prompt for it is asked for by
 * prompt_mode.
 */

static ngx_int_t
ngx_litellm_mistral_effort(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
    ngx_array_t *adds)
{
    ngx_str_t            key, value;
    ngx_uint_t           off;
    ngx_litellm_add_t   *add;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(root, "reasoning_effort");
    off = 0;

    if (v != NULL) {
        off = (v->type == NGX_LITELLM_JSON_NULL)
              || (v->type == NGX_LITELLM_JSON_STRING
                  && ngx_litellm_json_eq(v, "none"));

        v->flags |= NGX_LITELLM_JSON_DROPPED;
    }

    add = ngx_litellm_openai_added(adds, "reasoning_effort",
                                   sizeof("reasoning_effort") - 1);

    if (add != NULL) {
        off = ngx_strncmp(add->value.data, "\"none\"", 6) == 0;
        ngx_litellm_openai_unput(adds, add);

    } else if (v == NULL) {
        return NGX_OK;
    }

    ngx_str_set(&key, "prompt_mode");

    if (off
        || ngx_litellm_json_member(root, "prompt_mode") != NULL
        || ngx_litellm_openai_added(adds, (char *) key.data, key.len) != NULL)
    {
        return NGX_OK;
    }

    ngx_str_set(&value, "\"reasoning\"");

    return ngx_litellm_openai_put(call->pool, adds, &key, &key, &value);
}


static void
ngx_litellm_mistral_messages(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *messages)
{
    ngx_uint_t           i, kept;
    ngx_litellm_json_t  *m;

    kept = 0;
    m = messages + 1;

    for (i = 0; i < messages->count; i++, m = ngx_litellm_json_next(m)) {

        if (m->type != NGX_LITELLM_JSON_OBJECT) {
            kept++;

        } else if (ngx_litellm_mistral_empty(m)
                   && (kept || i + 1 < messages->count))
        {
            ngx_litellm_openai_take(messages, m);

        } else {
            ngx_litellm_mistral_message(sp, m);
            kept++;
        }
    }
}


/* a turn of nothing; the result of a call may be empty */

static ngx_uint_t
ngx_litellm_mistral_empty(ngx_litellm_json_t *message)
{
    ngx_litellm_json_t  *role, *v;

    role = ngx_litellm_json_member(message, "role");

    if (!ngx_litellm_json_is(role, STRING)
        || ngx_litellm_json_eq(role, "tool"))
    {
        return 0;
    }

    v = ngx_litellm_json_member(message, "tool_calls");

    if (ngx_litellm_json_is(v, ARRAY) && v->count) {
        return 0;
    }

    v = ngx_litellm_json_member(message, "content");

    return v == NULL || v->type == NGX_LITELLM_JSON_NULL
           || (v->type == NGX_LITELLM_JSON_STRING && v->len == 2)
           || (v->type == NGX_LITELLM_JSON_ARRAY && v->count == 0);
}


static void
ngx_litellm_mistral_message(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *message)
{
    ngx_uint_t           i, tool;
    ngx_litellm_json_t  *v;

    /* of OpenAI's answers, or LiteLLM's, that clients send back */
    static ngx_str_t  foreign[] = {
        ngx_string("reasoning_content"),
        ngx_string("thinking_blocks"),
        ngx_string("provider_specific_fields"),
        ngx_string("annotations"),
        ngx_string("refusal"),
        ngx_string("audio"),
        ngx_string("images"),
        ngx_string("cache_control"),
        ngx_null_string
    };

    v = ngx_litellm_json_member(message, "role");
    tool = ngx_litellm_json_is(v, STRING) && ngx_litellm_json_eq(v, "tool");

    v = ngx_litellm_json_member(message, "name");

    if (v != NULL && !tool) {
        ngx_litellm_openai_take(message, v);
    }

    v = ngx_litellm_json_member(message, "function_call");

    if (ngx_litellm_json_is(v, NULL)) {
        ngx_litellm_openai_take(message, v);
    }

    for (i = 0; foreign[i].len; i++) {
        v = ngx_litellm_json_get(message, (char *) foreign[i].data,
                                 foreign[i].len);
        if (v != NULL) {
            ngx_litellm_openai_take(message, v);
        }
    }

    v = ngx_litellm_json_member(message, "content");

    if (ngx_litellm_json_is(v, ARRAY)) {
        message = v + 1;

        for (i = 0; i < v->count; i++) {
            ngx_litellm_mistral_part(sp, message);
            message = ngx_litellm_json_next(message);
        }
    }
}


/* OpenAI's file is a document_url with the data, or a file by its id */

static void
ngx_litellm_mistral_part(ngx_litellm_splice_t *sp, ngx_litellm_json_t *part)
{
    u_char              *start, *end;
    ngx_str_t            text;
    ngx_litellm_json_t  *v, *file, *name;

    v = ngx_litellm_json_member(part, "cache_control");

    if (v != NULL) {
        ngx_litellm_openai_take(part, v);
    }

    if (!ngx_litellm_mistral_type(part, "file")) {
        return;
    }

    file = ngx_litellm_json_member(part, "file");
    start = part->start;
    end = start + part->len;

    v = ngx_litellm_json_member(file, "file_data");

    if (ngx_litellm_json_is(v, STRING)) {
        text = ngx_litellm_json_text(v);

        ngx_litellm_splice_lit(sp, start, start, "{\"type\":\"document_url\","
                               "\"document_url\":\"");

        if (text.len < 5 || ngx_strncmp(text.data, "data:", 5) != 0) {
            ngx_litellm_splice_lit(sp, start, start,
                                   "data:application/pdf;base64,");
        }

        ngx_litellm_splice_replace(sp, start, start, text.data, text.len);
        ngx_litellm_splice_lit(sp, start, start, "\"");

        name = ngx_litellm_json_member(file, "filename");

        if (ngx_litellm_json_is(name, STRING)) {
            ngx_litellm_splice_lit(sp, start, start, ",\"document_name\":");
            ngx_litellm_splice_replace(sp, start, start, name->start,
                                       name->len);
        }

    } else {
        v = ngx_litellm_json_member(file, "file_id");

        if (!ngx_litellm_json_is(v, STRING)) {
            return;
        }

        ngx_litellm_splice_lit(sp, start, start,
                               "{\"type\":\"file\",\"file_id\":");
        ngx_litellm_splice_replace(sp, start, start, v->start, v->len);
    }

    ngx_litellm_splice_lit(sp, start, end, "}");
}


/* its content is a text */

static void
ngx_litellm_mistral_prediction(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *root)
{
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(ngx_litellm_json_member(root, "prediction"),
                                "content");

    if (ngx_litellm_json_is(v, ARRAY)) {
        ngx_litellm_openai_join(sp, v);
    }
}


static void
ngx_litellm_mistral_tools(ngx_litellm_json_t *tools)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *tool, *parameters, *v;

    tool = tools + 1;

    for (i = 0; i < tools->count; i++, tool = ngx_litellm_json_next(tool)) {

        v = ngx_litellm_json_member(tool, "cache_control");

        if (v != NULL) {
            ngx_litellm_openai_take(tool, v);
        }

        parameters = ngx_litellm_json_member(
                         ngx_litellm_json_member(tool, "function"),
                         "parameters");

        v = ngx_litellm_json_member(parameters, "$schema");

        if (v != NULL) {
            ngx_litellm_openai_take(parameters, v);
        }

        v = ngx_litellm_json_member(parameters, "$id");

        if (v != NULL) {
            ngx_litellm_openai_take(parameters, v);
        }
    }
}


static ngx_int_t
ngx_litellm_mistral_answer(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
    ngx_litellm_splice_t *sp, ngx_litellm_facts_t *facts, ngx_uint_t stream,
    ngx_uint_t *changed)
{
    ngx_str_t            text;
    ngx_uint_t           i;
    ngx_litellm_json_t  *choices, *c, *v;

    v = ngx_litellm_json_member(root, "object");

    if (ngx_litellm_json_is(v, STRING) && ngx_litellm_json_eq(v, "error")) {
        text.data = root->start;
        text.len = root->len;

        facts->failed = 1;
        ngx_litellm_error_openai(call, 200, &text, &facts->error);

        return NGX_DECLINED;
    }

    if (call->op == NGX_LITELLM_OP_EMBEDDINGS) {
        *changed = ngx_litellm_openai_embed_usage(root, sp);
        return NGX_OK;
    }

    choices = ngx_litellm_json_member(root, "choices");

    if (ngx_litellm_json_is(choices, ARRAY)) {
        c = choices + 1;

        for (i = 0; i < choices->count; i++, c = ngx_litellm_json_next(c)) {
            if (ngx_litellm_mistral_choice(sp, c, facts)) {
                *changed = 1;
            }
        }
    }

    if (stream && ngx_litellm_openai_stream_usage(call, root, sp)) {
        *changed = 1;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_litellm_mistral_choice(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *choice, ngx_litellm_facts_t *facts)
{
    ngx_uint_t           changed;
    ngx_litellm_json_t  *v;

    changed = 0;
    v = ngx_litellm_json_member(choice, "finish_reason");

    if (ngx_litellm_json_is(v, STRING)) {

        if (ngx_litellm_json_eq(v, "model_length")) {

            /* the model's context is used up */

            ngx_litellm_splice_lit(sp, v->start, v->start + v->len,
                                   "\"length\"");
            facts->finish = NGX_LITELLM_FINISH_LENGTH;
            changed = 1;

        } else if (ngx_litellm_json_eq(v, "error")) {
            ngx_litellm_splice_lit(sp, v->start, v->start + v->len,
                                   "\"stop\"");
            changed = 1;
        }
    }

    v = ngx_litellm_json_member(choice, "delta");

    if (v == NULL) {
        v = ngx_litellm_json_member(choice, "message");
    }

    changed |= ngx_litellm_mistral_calls(sp, v);
    changed |= ngx_litellm_mistral_parts(sp, v);

    return changed;
}


/* calls have no type; "prefix" is an echo of the request's */

static ngx_uint_t
ngx_litellm_mistral_calls(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *message)
{
    ngx_uint_t           i, changed;
    ngx_litellm_json_t  *v;

    changed = 0;
    v = ngx_litellm_json_member(message, "prefix");

    if (v != NULL) {
        v->flags |= NGX_LITELLM_JSON_DROPPED;
        ngx_litellm_splice_object(sp, message, NULL, 0);
        changed = 1;
    }

    message = ngx_litellm_json_member(message, "tool_calls");

    if (!ngx_litellm_json_is(message, ARRAY)) {
        return changed;
    }

    v = message + 1;

    for (i = 0; i < message->count; i++, v = ngx_litellm_json_next(v)) {

        if (ngx_litellm_json_member(v, "id") != NULL
            && ngx_litellm_json_member(v, "type") == NULL)
        {
            ngx_litellm_splice_lit(sp, v->start + 1, v->start + 1,
                                   "\"type\":\"function\",");
            changed = 1;
        }
    }

    return changed;
}


/* a list of thinking and text: one text of each */

static ngx_uint_t
ngx_litellm_mistral_parts(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *message)
{
    u_char              *start;
    ngx_uint_t           i, thinks;
    ngx_litellm_json_t  *content, *part;

    content = ngx_litellm_json_member(message, "content");

    if (!ngx_litellm_json_is(content, ARRAY)) {
        return 0;
    }

    start = content->start;
    thinks = 0;
    part = content + 1;

    for (i = 0; i < content->count; i++, part = ngx_litellm_json_next(part)) {
        thinks |= ngx_litellm_mistral_type(part, "thinking");
    }

    ngx_litellm_splice_lit(sp, start, start, "\"");
    ngx_litellm_mistral_texts(sp, content, 0);
    ngx_litellm_splice_lit(sp, start, start, "\"");

    if (thinks) {
        ngx_litellm_splice_lit(sp, start, start, ",\"reasoning_content\":\"");
        ngx_litellm_mistral_texts(sp, content, 1);
        ngx_litellm_splice_lit(sp, start, start, "\"");
    }

    ngx_litellm_splice_replace(sp, start, start + content->len, NULL, 0);

    return 1;
}


static void
ngx_litellm_mistral_texts(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *content, ngx_uint_t thinking)
{
    ngx_uint_t           i, j;
    ngx_litellm_json_t  *part, *list, *piece;

    part = content + 1;

    for (i = 0; i < content->count; i++, part = ngx_litellm_json_next(part)) {

        if (!thinking) {
            if (ngx_litellm_mistral_type(part, "text")) {
                ngx_litellm_mistral_text(sp, content->start,
                                         ngx_litellm_json_member(part,
                                                                 "text"));
            }

            continue;
        }

        if (!ngx_litellm_mistral_type(part, "thinking")) {
            continue;
        }

        list = ngx_litellm_json_member(part, "thinking");

        if (!ngx_litellm_json_is(list, ARRAY)) {
            ngx_litellm_mistral_text(sp, content->start, list);
            continue;
        }

        piece = list + 1;

        for (j = 0; j < list->count; j++) {
            ngx_litellm_mistral_text(sp, content->start,
                                     ngx_litellm_json_member(piece, "text"));
            piece = ngx_litellm_json_next(piece);
        }
    }
}


static void
ngx_litellm_mistral_text(ngx_litellm_splice_t *sp, u_char *place,
    ngx_litellm_json_t *v)
{
    if (ngx_litellm_json_is(v, STRING)) {
        ngx_litellm_splice_replace(sp, place, place, v->start + 1,
                                   v->len - 2);
    }
}


static ngx_uint_t
ngx_litellm_mistral_type(ngx_litellm_json_t *v, const char *type)
{
    v = ngx_litellm_json_member(v, "type");

    return ngx_litellm_json_is(v, STRING)
           && ngx_litellm_json_equal(v, type, ngx_strlen(type));
}
