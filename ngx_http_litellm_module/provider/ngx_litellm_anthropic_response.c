
/*
 * A whole answer of Anthropic's Messages API in the neutral form, and the
 * meaning of stop reasons, usage and citations, which streams share
 * (ngx_litellm_anthropic_stream.c).
 *
 * Texts stay ranges of the body; only a call's input is made new, as JSON text
 * in a string.  Tools that the provider runs itself (server_tool_use and the
 * results) are not the client's calls and are left out.
 */

#include "ngx_litellm_anthropic.h"


typedef struct {
    ngx_litellm_call_t             *call;
    ngx_litellm_answer_t           *answer;
    ngx_litellm_names_t             names;
    ngx_uint_t                      chars;     /* of the text so far */
    size_t                          thought;   /* bytes of thinking */
    unsigned                        json:1;    /* JSON was asked for */
} ngx_litellm_anthropic_reader_t;


static ngx_int_t ngx_litellm_anthropic_invalid(ngx_litellm_call_t *call,
    ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_anthropic_content(
    ngx_litellm_anthropic_reader_t *r, ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_anthropic_answer_text(
    ngx_litellm_anthropic_reader_t *r, ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_anthropic_citation(
    ngx_litellm_anthropic_reader_t *r, ngx_litellm_json_t *v,
    ngx_uint_t start, ngx_uint_t end);
static ngx_int_t ngx_litellm_anthropic_answer_thinking(
    ngx_litellm_anthropic_reader_t *r, ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_anthropic_answer_call(
    ngx_litellm_anthropic_reader_t *r, ngx_litellm_json_t *v);
static ngx_uint_t ngx_litellm_anthropic_chars(ngx_str_t *text);


ngx_int_t
ngx_litellm_anthropic_response(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_answer_t *answer, ngx_litellm_error_t *e)
{
    ngx_int_t                        rc;
    ngx_uint_t                       i;
    ngx_litellm_json_t              *root, *content, *v;
    ngx_litellm_json_doc_t           doc;
    ngx_litellm_anthropic_reader_t   r;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = call->pool;

    rc = ngx_litellm_json_parse(&doc, body->data, body->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED || doc.root->type != NGX_LITELLM_JSON_OBJECT) {
        return ngx_litellm_anthropic_invalid(call, e);
    }

    root = doc.root;

    v = ngx_litellm_json_member(root, "error");

    if (ngx_litellm_json_is(v, OBJECT)) {
        v = ngx_litellm_json_member(v, "type");

        ngx_litellm_anthropic_error(call, ngx_litellm_anthropic_status(v),
                                    body, e);
        return NGX_DECLINED;
    }

    content = ngx_litellm_json_member(root, "content");

    if (!ngx_litellm_json_is(content, ARRAY)) {
        return ngx_litellm_anthropic_invalid(call, e);
    }

    v = ngx_litellm_json_member(root, "id");

    if (ngx_litellm_json_is(v, STRING)) {
        answer->id = ngx_litellm_json_text(v);
    }

    v = ngx_litellm_json_member(root, "model");

    if (ngx_litellm_json_is(v, STRING)) {
        answer->model = ngx_litellm_json_text(v);
    }

    ngx_memzero(&r, sizeof(ngx_litellm_anthropic_reader_t));
    r.call = call;
    r.answer = answer;
    r.json = ngx_litellm_anthropic_wants_json(call) ? 1 : 0;

    v = content + 1;

    for (i = 0; i < content->count; i++) {

        if (v->type == NGX_LITELLM_JSON_OBJECT
            && ngx_litellm_anthropic_content(&r, v) != NGX_OK)
        {
            return NGX_ERROR;
        }

        v = ngx_litellm_json_next(v);
    }

    v = ngx_litellm_json_member(root, "stop_reason");

    answer->finish = ngx_litellm_anthropic_finish(v);

    if (ngx_litellm_json_is(v, STRING)
        && answer->finish == NGX_LITELLM_FINISH_STOP
        && !ngx_litellm_json_eq(v, "end_turn")
        && !ngx_litellm_json_eq(v, "stop_sequence"))
    {
        /* pause_turn and the like have no name of their own in OpenAI's */

        answer->native_finish = ngx_litellm_json_text(v);
    }

    if (answer->finish == NGX_LITELLM_FINISH_TOOL_CALLS
        && answer->calls.nelts == 0)
    {
        answer->finish = NGX_LITELLM_FINISH_STOP;
    }

    ngx_litellm_anthropic_usage(ngx_litellm_json_member(root, "usage"),
                                r.thought, &answer->usage);

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_anthropic_invalid(ngx_litellm_call_t *call,
    ngx_litellm_error_t *e)
{
    ngx_str_t  text;

    ngx_str_set(&text, "the provider's answer is not a message");
    ngx_memzero(e, sizeof(ngx_litellm_error_t));

    return ngx_litellm_error_set(call, e, NGX_LITELLM_BAD_GATEWAY, 502, &text)
           == NGX_OK ? NGX_DECLINED : NGX_ERROR;
}


static ngx_int_t
ngx_litellm_anthropic_content(ngx_litellm_anthropic_reader_t *r,
    ngx_litellm_json_t *v)
{
    ngx_litellm_json_t  *type;

    type = ngx_litellm_json_member(v, "type");

    if (!ngx_litellm_json_is(type, STRING)) {
        return NGX_OK;
    }

    if (ngx_litellm_json_eq(type, "text")) {
        return ngx_litellm_anthropic_answer_text(r, v);
    }

    if (ngx_litellm_json_eq(type, "tool_use")) {
        return ngx_litellm_anthropic_answer_call(r, v);
    }

    if (ngx_litellm_json_eq(type, "thinking")
        || ngx_litellm_json_eq(type, "redacted_thinking"))
    {
        return ngx_litellm_anthropic_answer_thinking(r, v);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_anthropic_answer_text(ngx_litellm_anthropic_reader_t *r,
    ngx_litellm_json_t *v)
{
    ngx_str_t            text, *s;
    ngx_uint_t           i, start;
    ngx_litellm_json_t  *m, *c;

    m = ngx_litellm_json_member(v, "text");

    if (!ngx_litellm_json_is(m, STRING)) {
        return NGX_OK;
    }

    text = ngx_litellm_json_text(m);

    s = ngx_array_push(&r->answer->text);
    if (s == NULL) {
        return NGX_ERROR;
    }

    *s = text;
    r->answer->has_text = 1;

    start = r->chars;
    r->chars += ngx_litellm_anthropic_chars(&text);

    m = ngx_litellm_json_member(v, "citations");

    if (!ngx_litellm_json_is(m, ARRAY) || m->count == 0) {
        return NGX_OK;
    }

    if (r->answer->citations.elts == NULL
        && ngx_array_init(&r->answer->citations, r->call->pool, 2,
                          sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    s = ngx_array_push(&r->answer->citations);
    if (s == NULL) {
        return NGX_ERROR;
    }

    s->data = m->start;
    s->len = m->len;

    c = m + 1;

    for (i = 0; i < m->count; i++) {

        if (c->type == NGX_LITELLM_JSON_OBJECT
            && ngx_litellm_anthropic_citation(r, c, start, r->chars)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        c = ngx_litellm_json_next(c);
    }

    return NGX_OK;
}


/* OpenAI's url_citation of a page; start and end are characters of content */

static ngx_int_t
ngx_litellm_anthropic_citation(ngx_litellm_anthropic_reader_t *r,
    ngx_litellm_json_t *v, ngx_uint_t start, ngx_uint_t end)
{
    u_char              *p;
    size_t               len;
    ngx_str_t           *dst;
    ngx_litellm_json_t  *url, *title, none;

    url = ngx_litellm_json_member(v, "url");
    title = ngx_litellm_json_member(v, "title");

    if (!ngx_litellm_json_is(url, STRING)) {
        return NGX_OK;
    }

    if (!ngx_litellm_json_is(title, STRING)) {
        none.start = (u_char *) "\"\"";
        none.len = 2;
        title = &none;
    }

    len = sizeof("{\"type\":\"url_citation\",\"url_citation\":{"
                 "\"start_index\":,\"end_index\":,\"title\":,\"url\":}}")
          + 2 * NGX_INT_T_LEN + title->len + url->len;

    dst = ngx_array_push(&r->answer->annotations);
    p = ngx_pnalloc(r->call->pool, len);

    if (dst == NULL || p == NULL) {
        return NGX_ERROR;
    }

    dst->data = p;

    p = ngx_sprintf(p, "{\"type\":\"url_citation\",\"url_citation\":{"
                    "\"start_index\":%ui,\"end_index\":%ui,\"title\":",
                    start, end);
    p = ngx_cpymem(p, title->start, title->len);
    p = ngx_cpymem(p, ",\"url\":", sizeof(",\"url\":") - 1);
    p = ngx_cpymem(p, url->start, url->len);
    p = ngx_cpymem(p, "}}", 2);

    dst->len = p - dst->data;

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_anthropic_answer_thinking(ngx_litellm_anthropic_reader_t *r,
    ngx_litellm_json_t *v)
{
    ngx_str_t           *s;
    ngx_litellm_json_t  *text, *signature, *data;
    ngx_litellm_part_t  *part;

    part = ngx_array_push(&r->answer->thinking);
    if (part == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(part, sizeof(ngx_litellm_part_t));

    text = ngx_litellm_json_member(v, "thinking");
    signature = ngx_litellm_json_member(v, "signature");
    data = ngx_litellm_json_member(v, "data");

    if (ngx_litellm_json_is(data, STRING)) {
        part->type = NGX_LITELLM_PART_REDACTED;
        part->data = ngx_litellm_json_text(data);
        return NGX_OK;
    }

    part->type = NGX_LITELLM_PART_THINKING;

    if (ngx_litellm_json_is(signature, STRING)) {
        part->signature = ngx_litellm_json_text(signature);
    }

    if (ngx_litellm_json_is(text, STRING)) {
        part->text = ngx_litellm_json_text(text);
        r->thought += part->text.len;

        s = ngx_array_push(&r->answer->reasoning);
        if (s == NULL) {
            return NGX_ERROR;
        }

        *s = part->text;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_anthropic_answer_call(ngx_litellm_anthropic_reader_t *r,
    ngx_litellm_json_t *v)
{
    ngx_str_t                *s, arguments;
    ngx_litellm_json_t       *id, *name, *input;
    ngx_litellm_tool_call_t  *tc;

    id = ngx_litellm_json_member(v, "id");
    name = ngx_litellm_json_member(v, "name");
    input = ngx_litellm_json_member(v, "input");

    if (!ngx_litellm_json_is(id, STRING)
        || !ngx_litellm_json_is(name, STRING))
    {
        return NGX_OK;
    }

    if (!ngx_litellm_json_is(input, OBJECT)) {
        ngx_str_set(&arguments, "{}");

    } else if (ngx_litellm_call_arguments(r->call->pool, input, &arguments)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (r->json
        && ngx_litellm_json_eq(name, NGX_LITELLM_ANTHROPIC_JSON_TOOL))
    {
        s = ngx_array_push(&r->answer->text);
        if (s == NULL) {
            return NGX_ERROR;
        }

        *s = arguments;
        r->answer->has_text = 1;

        return NGX_OK;
    }

    tc = ngx_array_push(&r->answer->calls);
    if (tc == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(tc, sizeof(ngx_litellm_tool_call_t));

    tc->id = ngx_litellm_json_text(id);
    tc->name = ngx_litellm_json_text(name);
    tc->arguments = arguments;
    tc->node = v;

    return ngx_litellm_names_restore(r->call, &r->names, &tc->name);
}


/*
 * Claude docs, "Handling stop reasons".  What cut an answer short is "length",
 * which LiteLLM does not know of model_context_window_exceeded.
 */

ngx_litellm_finish_e
ngx_litellm_anthropic_finish(ngx_litellm_json_t *reason)
{
    ngx_uint_t  i;

    static const struct {
        ngx_str_t              name;
        ngx_litellm_finish_e   finish;
    } reasons[] = {
        { ngx_string("end_turn"), NGX_LITELLM_FINISH_STOP },
        { ngx_string("stop_sequence"), NGX_LITELLM_FINISH_STOP },
        { ngx_string("pause_turn"), NGX_LITELLM_FINISH_STOP },
        { ngx_string("tool_use"), NGX_LITELLM_FINISH_TOOL_CALLS },
        { ngx_string("max_tokens"), NGX_LITELLM_FINISH_LENGTH },
        { ngx_string("compaction"), NGX_LITELLM_FINISH_LENGTH },
        { ngx_string("model_context_window_exceeded"),
          NGX_LITELLM_FINISH_LENGTH },
        { ngx_string("refusal"), NGX_LITELLM_FINISH_CONTENT_FILTER }
    };

    if (!ngx_litellm_json_is(reason, STRING)) {
        return NGX_LITELLM_FINISH_STOP;
    }

    for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (ngx_litellm_json_equal(reason, (char *) reasons[i].name.data,
                                   reasons[i].name.len))
        {
            return reasons[i].finish;
        }
    }

    return NGX_LITELLM_FINISH_STOP;
}


/*
 * A stream says the input at its start and the output at its end, newer models
 * say all again there: what a later object has counts, the rest stays.
 * u->prompt holds all input; its parts that are not said are zero.
 */

void
ngx_litellm_anthropic_usage(ngx_litellm_json_t *v, size_t thought,
    ngx_litellm_usage_t *u)
{
    int64_t  fresh, cached, written;

    if (!ngx_litellm_json_is(v, OBJECT)) {
        return;
    }

    u->known = 1;

    fresh = 0;

    if (u->prompt >= 0) {
        fresh = u->prompt - ngx_max(u->cached, 0)
                - ngx_max(u->cache_write, 0);
    }

    cached = ngx_litellm_call_tokens(v, "cache_read_input_tokens", u->cached);
    written = ngx_litellm_call_tokens(v, "cache_creation_input_tokens",
                                      u->cache_write);
    fresh = ngx_litellm_call_tokens(v, "input_tokens", fresh);

    u->cached = ngx_max(cached, 0);
    u->cache_write = ngx_max(written, 0);
    u->prompt = fresh + u->cached + u->cache_write;

    u->completion = ngx_litellm_call_tokens(v, "output_tokens",
                                            ngx_max(u->completion, 0));

    /* the API counts thinking within the output and says no number of its own:
       like LiteLLM an estimate, of four bytes a token */

    u->reasoning = ngx_min((int64_t) (thought + 3) / 4, u->completion);

    u->total = u->prompt + u->completion;
}


ngx_uint_t
ngx_litellm_anthropic_wants_json(ngx_litellm_call_t *call)
{
    ngx_uint_t              i;
    ngx_litellm_default_t  *d;

    if (call->param[NGX_LITELLM_P_RESPONSE_FORMAT]) {
        return 1;
    }

    if (call->deployment == NULL || call->deployment->defaults == NULL) {
        return 0;
    }

    d = call->deployment->defaults->elts;

    for (i = 0; i < call->deployment->defaults->nelts; i++) {
        if (d[i].param == NGX_LITELLM_P_RESPONSE_FORMAT) {
            return 1;
        }
    }

    return 0;
}


/* characters of a J-string */

static ngx_uint_t
ngx_litellm_anthropic_chars(ngx_str_t *text)
{
    u_char      *p, *last;
    ngx_uint_t   n;

    n = 0;
    p = text->data;
    last = p + text->len;

    while (p < last) {

        if (*p == '\\' && last - p >= 2) {

            if (p[1] != 'u' || last - p < 6) {
                p += 2;
                n++;
                continue;
            }

            /* the low half of a pair belongs to the high one */

            if ((p[2] | 0x20) != 'd' || (p[3] | 0x20) < 'c') {
                n++;
            }

            p += 6;
            continue;
        }

        if ((*p & 0xc0) != 0x80) {
            n++;
        }

        p++;
    }

    return n;
}
