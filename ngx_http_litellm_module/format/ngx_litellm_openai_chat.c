
/*
 * OpenAI's chat completions as a client dialect: the vtable, and the messages
 * of a request as the neutral form.  The parameters are read by
 * ngx_litellm_openai_params.c, answers are written by
 * ngx_litellm_openai_write.c, the first look at a request is
 * ngx_litellm_openai_open.c's.
 *
 * Called once for an attempt at a provider of another dialect.  Every text
 * stays a range of the body.  Memory is taken after an array's elements were
 * seen to be objects with members, so that it is bounded by the body's size.
 */

#include "ngx_litellm_openai.h"


typedef struct {
    ngx_litellm_call_t   *call;
    ngx_litellm_error_t  *e;
    ngx_litellm_part_t   *part;       /* the next free one */
    ngx_str_t             call_id;    /* of the last function_call */
    ngx_uint_t            index;      /* of the message */
} ngx_litellm_openai_reader_t;


static ngx_int_t ngx_litellm_openai_chat_parse(ngx_litellm_call_t *call,
    ngx_litellm_json_doc_t *doc, ngx_litellm_chat_t *chat,
    ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_openai_count(ngx_litellm_json_t *messages,
    ngx_uint_t *parts, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_openai_message(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *v, ngx_litellm_message_t *msg);
static ngx_int_t ngx_litellm_openai_role(ngx_litellm_json_t *v,
    ngx_litellm_role_e *role);
static ngx_int_t ngx_litellm_openai_content(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *v, ngx_litellm_message_t *msg);
static ngx_int_t ngx_litellm_openai_thinking(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *v, ngx_litellm_message_t *msg);
static ngx_int_t ngx_litellm_openai_part(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *v, ngx_litellm_part_t *part);
static ngx_str_t ngx_litellm_openai_string(ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_openai_audio(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *v, ngx_litellm_part_t *part);
static ngx_int_t ngx_litellm_openai_image(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *v, ngx_litellm_part_t *part);
static ngx_int_t ngx_litellm_openai_file(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *v, ngx_litellm_part_t *part);
static void ngx_litellm_openai_data_url(ngx_litellm_part_t *part,
    ngx_str_t *url);
static ngx_int_t ngx_litellm_openai_calls(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *v, ngx_litellm_message_t *msg);
static ngx_int_t ngx_litellm_openai_call(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *v, ngx_litellm_json_t *fn,
    ngx_litellm_tool_call_t *tc);
static ngx_int_t ngx_litellm_openai_function_call(
    ngx_litellm_openai_reader_t *r, ngx_litellm_json_t *v,
    ngx_litellm_message_t *msg);


const ngx_litellm_format_t  ngx_litellm_openai_chat = {
    ngx_string("openai_chat"),
    &ngx_litellm_openai_dialect,
    ngx_litellm_openai_open,
    ngx_litellm_openai_chat_parse,
    ngx_litellm_openai_answer,
    ngx_litellm_openai_event,
    ngx_litellm_openai_error
};


static ngx_int_t
ngx_litellm_openai_chat_parse(ngx_litellm_call_t *call,
    ngx_litellm_json_doc_t *doc, ngx_litellm_chat_t *chat,
    ngx_litellm_error_t *e)
{
    ngx_int_t                     rc;
    ngx_uint_t                    i, parts = 0;
    ngx_litellm_json_t           *root, *messages, *v;
    ngx_litellm_openai_reader_t   r;

    rc = ngx_litellm_openai_params(call, doc, chat, &root, e);
    if (rc != NGX_OK) {
        return rc;
    }

    messages = ngx_litellm_json_member(root, "messages");

    if (!ngx_litellm_json_is(messages, ARRAY) || messages->count == 0) {
        return ngx_litellm_openai_bad(e, "'messages' must be a non-empty "
                                      "array", "messages");
    }

    rc = ngx_litellm_openai_count(messages, &parts, e);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(&r, sizeof(ngx_litellm_openai_reader_t));
    r.call = call;
    r.e = e;

    chat->nmessages = messages->count;
    chat->messages = ngx_pcalloc(call->pool, messages->count
                                             * sizeof(ngx_litellm_message_t));
    r.part = ngx_pcalloc(call->pool,
                         (parts + 1) * sizeof(ngx_litellm_part_t));

    if (chat->messages == NULL || r.part == NULL) {
        return NGX_ERROR;
    }

    v = messages + 1;

    for (i = 0; i < messages->count; i++) {
        r.index = i;

        rc = ngx_litellm_openai_message(&r, v, &chat->messages[i]);
        if (rc != NGX_OK) {
            return rc;
        }

        v = ngx_litellm_json_next(v);
    }

    return NGX_OK;
}


/*
 * How many parts there can be at most.  All of them are objects with a type
 * and something else, five nodes at least: that bounds what is allocated.
 */

static ngx_int_t
ngx_litellm_openai_count(ngx_litellm_json_t *messages, ngx_uint_t *parts,
    ngx_litellm_error_t *e)
{
    ngx_uint_t           i, j, k, n;
    ngx_litellm_json_t  *v, *list[2], *part;

    static const ngx_str_t  names[] = {
        ngx_string("content"),
        ngx_string("thinking_blocks")
    };

    n = 0;
    v = messages + 1;

    for (i = 0; i < messages->count; i++) {

        if (v->type != NGX_LITELLM_JSON_OBJECT || v->count == 0) {
            return ngx_litellm_openai_bad(e, "a message must be an object "
                                          "with a 'role'", "messages");
        }

        ngx_litellm_openai_pick(v, names, list, 2);

        for (k = 0; k < 2; k++) {

            if (!ngx_litellm_json_is(list[k], ARRAY)) {
                n++;
                continue;
            }

            part = list[k] + 1;

            for (j = 0; j < list[k]->count; j++) {

                if (part->type != NGX_LITELLM_JSON_OBJECT
                    || part->count < 2)
                {
                    return ngx_litellm_openai_bad(e, "a content part must be "
                                                  "an object with a 'type' "
                                                  "and its value",
                                                  "messages");
                }

                n++;
                part = ngx_litellm_json_next(part);
            }
        }

        v = ngx_litellm_json_next(v);
    }

    *parts = n;

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_openai_message(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *v, ngx_litellm_message_t *msg)
{
    enum {
        ROLE = 0, CONTENT, NAME, CALLS, CALL_ID, FUNCTION_CALL, THINKING,
        REASONING, REFUSAL, CACHE, MEMBERS
    };

    ngx_int_t            rc;
    ngx_litellm_json_t  *m[MEMBERS];

    static const ngx_str_t  names[] = {
        ngx_string("role"),
        ngx_string("content"),
        ngx_string("name"),
        ngx_string("tool_calls"),
        ngx_string("tool_call_id"),
        ngx_string("function_call"),
        ngx_string("thinking_blocks"),
        ngx_string("reasoning_content"),
        ngx_string("refusal"),
        ngx_string("cache_control")
    };

    ngx_litellm_openai_pick(v, names, m, MEMBERS);

    msg->node = v;
    msg->cache_control = m[CACHE];

    if (ngx_litellm_openai_role(m[ROLE], &msg->role) != NGX_OK) {
        return ngx_litellm_openai_bad(r->e, "'role' of a message must be "
                                      "\"system\", \"developer\", \"user\", "
                                      "\"assistant\", \"tool\" or "
                                      "\"function\"", "messages");
    }

    msg->name = ngx_litellm_openai_string(m[NAME]);
    msg->call_id = ngx_litellm_openai_string(m[CALL_ID]);
    msg->reasoning = ngx_litellm_openai_string(m[REASONING]);

    if (msg->role == NGX_LITELLM_ROLE_FUNCTION) {
        msg->call_id = r->call_id;
    }

    msg->parts = r->part;

    if (ngx_litellm_json_is(m[THINKING], ARRAY)
        && msg->role == NGX_LITELLM_ROLE_ASSISTANT)
    {
        rc = ngx_litellm_openai_thinking(r, m[THINKING], msg);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (m[CONTENT] == NULL) {
        msg->null_content = 1;

        if (ngx_litellm_json_is(m[REFUSAL], STRING)) {
            r->part->type = NGX_LITELLM_PART_REFUSAL;
            r->part->text = ngx_litellm_json_text(m[REFUSAL]);
            r->part++;
            msg->nparts++;
        }

    } else {
        rc = ngx_litellm_openai_content(r, m[CONTENT], msg);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (msg->role != NGX_LITELLM_ROLE_ASSISTANT) {
        return NGX_OK;
    }

    if (m[CALLS]) {
        return ngx_litellm_openai_calls(r, m[CALLS], msg);
    }

    if (m[FUNCTION_CALL]) {
        return ngx_litellm_openai_function_call(r, m[FUNCTION_CALL], msg);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_openai_role(ngx_litellm_json_t *v, ngx_litellm_role_e *role)
{
    ngx_uint_t  i;

    static const struct {
        ngx_str_t           name;
        ngx_litellm_role_e  role;
    } roles[] = {
        { ngx_string("user"), NGX_LITELLM_ROLE_USER },
        { ngx_string("assistant"), NGX_LITELLM_ROLE_ASSISTANT },
        { ngx_string("tool"), NGX_LITELLM_ROLE_TOOL },
        { ngx_string("system"), NGX_LITELLM_ROLE_SYSTEM },
        { ngx_string("developer"), NGX_LITELLM_ROLE_DEVELOPER },
        { ngx_string("function"), NGX_LITELLM_ROLE_FUNCTION }
    };

    if (!ngx_litellm_json_is(v, STRING)) {
        return NGX_DECLINED;
    }

    for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (ngx_litellm_json_equal(v, (char *) roles[i].name.data,
                                   roles[i].name.len))
        {
            *role = roles[i].role;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_litellm_openai_content(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *v, ngx_litellm_message_t *msg)
{
    ngx_int_t            rc;
    ngx_uint_t           i;
    ngx_litellm_json_t  *p;

    if (v->type == NGX_LITELLM_JSON_STRING) {
        msg->string_content = 1;
        r->part->type = NGX_LITELLM_PART_TEXT;
        r->part->text = ngx_litellm_json_text(v);
        r->part++;
        msg->nparts++;
        return NGX_OK;
    }

    if (v->type != NGX_LITELLM_JSON_ARRAY) {
        return ngx_litellm_openai_bad(r->e, "'content' of a message must be "
                                      "a string or an array of parts",
                                      "messages");
    }

    p = v + 1;

    for (i = 0; i < v->count; i++) {
        rc = ngx_litellm_openai_part(r, p, r->part);
        if (rc != NGX_OK) {
            return rc;
        }

        r->part++;
        msg->nparts++;
        p = ngx_litellm_json_next(p);
    }

    return NGX_OK;
}


/* LiteLLM's place for signed reasoning: it stands before all else */

static ngx_int_t
ngx_litellm_openai_thinking(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *v, ngx_litellm_message_t *msg)
{
    ngx_int_t            rc;
    ngx_uint_t           i;
    ngx_litellm_json_t  *p;

    p = v + 1;

    for (i = 0; i < v->count; i++) {
        rc = ngx_litellm_openai_part(r, p, r->part);
        if (rc != NGX_OK) {
            return rc;
        }

        if (r->part->type == NGX_LITELLM_PART_THINKING
            || r->part->type == NGX_LITELLM_PART_REDACTED)
        {
            r->part++;
            msg->nparts++;

        } else {
            ngx_memzero(r->part, sizeof(ngx_litellm_part_t));
        }

        p = ngx_litellm_json_next(p);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_openai_part(ngx_litellm_openai_reader_t *r, ngx_litellm_json_t *v,
    ngx_litellm_part_t *part)
{
    enum {
        TYPE = 0, TEXT, IMAGE, FILE_PART, AUDIO, REFUSAL, THINKING, SIGNATURE,
        DATA, CACHE, MEMBERS
    };

    ngx_litellm_json_t  *m[MEMBERS], *type, *data;

    static const ngx_str_t  names[] = {
        ngx_string("type"),
        ngx_string("text"),
        ngx_string("image_url"),
        ngx_string("file"),
        ngx_string("input_audio"),
        ngx_string("refusal"),
        ngx_string("thinking"),
        ngx_string("signature"),
        ngx_string("data"),
        ngx_string("cache_control")
    };

    ngx_litellm_openai_pick(v, names, m, MEMBERS);

    part->node = v;
    part->cache_control = m[CACHE];

    type = m[TYPE];

    if (!ngx_litellm_json_is(type, STRING)) {
        return ngx_litellm_openai_bad(r->e, "a content part must have a "
                                      "'type'", "messages");
    }

    if (ngx_litellm_json_eq(type, "text")
        || ngx_litellm_json_eq(type, "refusal"))
    {
        part->type = NGX_LITELLM_PART_TEXT;
        data = m[TEXT];

        if (ngx_litellm_json_eq(type, "refusal")) {
            part->type = NGX_LITELLM_PART_REFUSAL;
            data = m[REFUSAL];
        }

        if (!ngx_litellm_json_is(data, STRING)) {
            return ngx_litellm_openai_bad(r->e, "a text part must have a "
                                          "'text' that is a string",
                                          "messages");
        }

        part->text = ngx_litellm_json_text(data);

        return NGX_OK;
    }

    if (ngx_litellm_json_eq(type, "image_url")) {
        return ngx_litellm_openai_image(r, m[IMAGE], part);
    }

    if (ngx_litellm_json_eq(type, "file")) {
        return ngx_litellm_openai_file(r, m[FILE_PART], part);
    }

    if (ngx_litellm_json_eq(type, "input_audio")) {
        return ngx_litellm_openai_audio(r, m[AUDIO], part);
    }

    if (ngx_litellm_json_eq(type, "thinking")) {
        part->type = NGX_LITELLM_PART_THINKING;
        part->text = ngx_litellm_openai_string(m[THINKING]);
        part->signature = ngx_litellm_openai_string(m[SIGNATURE]);
        return NGX_OK;
    }

    if (ngx_litellm_json_eq(type, "redacted_thinking")) {
        part->type = NGX_LITELLM_PART_REDACTED;
        part->data = ngx_litellm_openai_string(m[DATA]);
        return NGX_OK;
    }

    part->type = NGX_LITELLM_PART_OTHER;
    part->text = ngx_litellm_json_text(type);

    return NGX_OK;
}


/* the J-string of a string, empty for anything else */

static ngx_str_t
ngx_litellm_openai_string(ngx_litellm_json_t *v)
{
    ngx_str_t  s;

    if (ngx_litellm_json_is(v, STRING)) {
        return ngx_litellm_json_text(v);
    }

    ngx_str_null(&s);

    return s;
}


static ngx_int_t
ngx_litellm_openai_audio(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *v, ngx_litellm_part_t *part)
{
    ngx_litellm_json_t  *data;

    part->type = NGX_LITELLM_PART_AUDIO;
    part->media = ngx_litellm_openai_string(ngx_litellm_json_member(v,
                                                                "format"));
    data = ngx_litellm_json_member(v, "data");

    if (!ngx_litellm_json_is(data, STRING)) {
        return ngx_litellm_openai_bad(r->e, "'input_audio' must have 'data' "
                                      "and 'format'", "messages");
    }

    return ngx_litellm_openai_plain(r->call->pool, data, &part->data);
}


static ngx_int_t
ngx_litellm_openai_image(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *v, ngx_litellm_part_t *part)
{
    ngx_str_t            url;
    ngx_litellm_json_t  *u, *detail, *format;

    part->type = NGX_LITELLM_PART_IMAGE;

    u = v;

    if (ngx_litellm_json_is(v, OBJECT)) {
        u = ngx_litellm_json_member(v, "url");
        detail = ngx_litellm_json_member(v, "detail");
        format = ngx_litellm_json_member(v, "format");

        if (ngx_litellm_json_is(detail, STRING)) {
            part->detail = ngx_litellm_json_text(detail);
        }

        if (ngx_litellm_json_is(format, STRING)
            && ngx_litellm_openai_plain(r->call->pool, format, &part->media)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (!ngx_litellm_json_is(u, STRING) || u->len == 2) {
        return ngx_litellm_openai_bad(r->e, "'image_url' must have a 'url'",
                                      "messages");
    }

    if (ngx_litellm_openai_plain(r->call->pool, u, &url) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_litellm_openai_data_url(part, &url);

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_openai_file(ngx_litellm_openai_reader_t *r, ngx_litellm_json_t *v,
    ngx_litellm_part_t *part)
{
    enum { ID = 0, DATA, NAME, FORMAT, MEMBERS };

    ngx_str_t            data;
    ngx_litellm_json_t  *m[MEMBERS];

    static const ngx_str_t  names[] = {
        ngx_string("file_id"),
        ngx_string("file_data"),
        ngx_string("filename"),
        ngx_string("format")
    };

    part->type = NGX_LITELLM_PART_FILE;

    if (!ngx_litellm_json_is(v, OBJECT)) {
        return ngx_litellm_openai_bad(r->e, "'file' must be an object",
                                      "messages");
    }

    ngx_litellm_openai_pick(v, names, m, MEMBERS);

    if (ngx_litellm_json_is(m[NAME], STRING)) {
        part->name = ngx_litellm_json_text(m[NAME]);
    }

    if (ngx_litellm_json_is(m[FORMAT], STRING)
        && ngx_litellm_openai_plain(r->call->pool, m[FORMAT], &part->media)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_litellm_json_is(m[DATA], STRING) && m[DATA]->len > 2) {

        if (ngx_litellm_openai_plain(r->call->pool, m[DATA], &data)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_litellm_openai_data_url(part, &data);

        /* base64 without its "data:": seen in the wild */

        if (part->url.len && ngx_strlchr(data.data, data.data + data.len, ':')
                             == NULL)
        {
            part->data = part->url;
            ngx_str_null(&part->url);
        }

        return NGX_OK;
    }

    if (!ngx_litellm_json_is(m[ID], STRING) || m[ID]->len == 2) {
        return ngx_litellm_openai_bad(r->e, "'file' must have 'file_data' or "
                                      "'file_id'", "messages");
    }

    if (ngx_litellm_openai_plain(r->call->pool, m[ID], &data) != NGX_OK) {
        return NGX_ERROR;
    }

    if ((data.len > 8 && ngx_strncmp(data.data, "https://", 8) == 0)
        || (data.len > 7 && ngx_strncmp(data.data, "http://", 7) == 0)
        || (data.len > 5 && ngx_strncmp(data.data, "data:", 5) == 0))
    {
        ngx_litellm_openai_data_url(part, &data);

    } else {
        part->file_id = data;
    }

    return NGX_OK;
}


/* sets media and data of a base64 data: URL, else url (RFC 2397) */

static void
ngx_litellm_openai_data_url(ngx_litellm_part_t *part, ngx_str_t *url)
{
    u_char  *p, *last, *comma;

    p = url->data;
    last = p + url->len;

    if (url->len < 5 || ngx_strncasecmp(p, (u_char *) "data:", 5) != 0) {
        part->url = *url;
        return;
    }

    p += 5;

    /* a media type is short: the comma is not looked for in the data */

    comma = ngx_strlchr(p, p + ngx_min(last - p, 256), ',');

    if (comma == NULL || comma - p < 7
        || ngx_strncasecmp(comma - 7, (u_char *) ";base64", 7) != 0)
    {
        part->url = *url;
        return;
    }

    part->data.data = comma + 1;
    part->data.len = last - (comma + 1);

    last = ngx_strlchr(p, comma, ';');

    if (last > p) {
        part->media.data = p;
        part->media.len = last - p;
    }
}


static ngx_int_t
ngx_litellm_openai_calls(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *v, ngx_litellm_message_t *msg)
{
    ngx_int_t            rc;
    ngx_uint_t           i;
    ngx_litellm_json_t  *p, *fn;

    if (v->type != NGX_LITELLM_JSON_ARRAY) {
        return ngx_litellm_openai_bad(r->e, "'tool_calls' must be an array",
                                      "messages");
    }

    if (v->count == 0) {
        return NGX_OK;
    }

    p = v + 1;

    for (i = 0; i < v->count; i++) {
        if (p->type != NGX_LITELLM_JSON_OBJECT || p->count == 0) {
            return ngx_litellm_openai_bad(r->e, "an element of 'tool_calls' "
                                          "must be an object with a "
                                          "'function'", "messages");
        }

        p = ngx_litellm_json_next(p);
    }

    msg->calls = ngx_pcalloc(r->call->pool,
                             v->count * sizeof(ngx_litellm_tool_call_t));
    if (msg->calls == NULL) {
        return NGX_ERROR;
    }

    msg->ncalls = v->count;

    p = v + 1;

    for (i = 0; i < v->count; i++) {
        fn = ngx_litellm_json_member(p, "function");

        rc = ngx_litellm_openai_call(r, p, fn, &msg->calls[i]);
        if (rc != NGX_OK) {
            return rc;
        }

        p = ngx_litellm_json_next(p);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_openai_call(ngx_litellm_openai_reader_t *r, ngx_litellm_json_t *v,
    ngx_litellm_json_t *fn, ngx_litellm_tool_call_t *tc)
{
    enum { ID = 0, CACHE };
    enum { NAME = 0, ARGUMENTS };

    ngx_litellm_json_t  *m[2], *f[2];

    static const ngx_str_t  outer[] = {
        ngx_string("id"),
        ngx_string("cache_control")
    };

    static const ngx_str_t  inner[] = {
        ngx_string("name"),
        ngx_string("arguments")
    };

    tc->node = v;

    ngx_litellm_openai_pick(v, outer, m, 2);

    if (ngx_litellm_json_is(m[ID], STRING)) {
        tc->id = ngx_litellm_json_text(m[ID]);
    }

    tc->cache_control = m[CACHE];

    if (!ngx_litellm_json_is(fn, OBJECT)) {

        /* a custom tool's call: only some providers can take it */

        return NGX_OK;
    }

    ngx_litellm_openai_pick(fn, inner, f, 2);

    if (!ngx_litellm_json_is(f[NAME], STRING) || f[NAME]->len == 2) {
        return ngx_litellm_openai_bad(r->e, "a tool call must have the name "
                                      "of its function", "messages");
    }

    tc->name = ngx_litellm_json_text(f[NAME]);

    if (f[ARGUMENTS]) {

        if (f[ARGUMENTS]->type != NGX_LITELLM_JSON_STRING) {
            return ngx_litellm_openai_bad(r->e, "'arguments' of a tool call "
                                          "must be a string", "messages");
        }

        tc->arguments = ngx_litellm_json_text(f[ARGUMENTS]);
    }

    return NGX_OK;
}


/*
 * OpenAI's form before tool calls has no ids: one is made of the message's
 * place, and the message of role "function" that follows is its result.
 */

static ngx_int_t
ngx_litellm_openai_function_call(ngx_litellm_openai_reader_t *r,
    ngx_litellm_json_t *v, ngx_litellm_message_t *msg)
{
    u_char  *p;

    if (v->type != NGX_LITELLM_JSON_OBJECT) {
        return ngx_litellm_openai_bad(r->e, "'function_call' of a message "
                                      "must be an object", "messages");
    }

    msg->calls = ngx_pcalloc(r->call->pool, sizeof(ngx_litellm_tool_call_t));
    p = ngx_pnalloc(r->call->pool, sizeof("call_function_") + NGX_INT_T_LEN);

    if (msg->calls == NULL || p == NULL) {
        return NGX_ERROR;
    }

    msg->ncalls = 1;

    r->call_id.data = p;
    r->call_id.len = ngx_sprintf(p, "call_function_%ui", r->index) - p;

    if (ngx_litellm_openai_call(r, v, v, msg->calls) != NGX_OK) {
        return NGX_DECLINED;
    }

    msg->calls->id = r->call_id;

    return NGX_OK;
}
