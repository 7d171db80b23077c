
/*
 * What the gateway reads from answers of the OpenAI dialect that pass to the
 * client untouched: usage, finish reason, the provider's id, and whether it is
 * an answer at all.  Called once for a whole body and for each event of a
 * stream.
 *
 * An ordinary event of a stream costs one short search and no parse: keys are
 * looked for with their quotes, which can't be mistaken for text of the
 * model, where quotes are escaped.  What is found that way is only believed as
 * far as its next bytes go; usage and errors are read from a parse.
 */

#include "ngx_litellm_openai_dialect.h"
#include "ngx_litellm_scan.h"


#define NGX_LITELLM_OPENAI_ID   128

#define NGX_LITELLM_OPENAI_OWN  64

/* bytes of the shortest key looked for, with the shortest value: "usage":{} */
#define NGX_LITELLM_OPENAI_KEY  10


typedef struct {
    ngx_litellm_json_t  *id;
    ngx_litellm_json_t  *data;
    ngx_litellm_json_t  *choices;
    ngx_litellm_json_t  *usage;
    ngx_litellm_json_t  *error;
    ngx_litellm_json_t  *tier;
} ngx_litellm_openai_top_t;


typedef struct ngx_litellm_openai_count_s  ngx_litellm_openai_count_t;

struct ngx_litellm_openai_count_s {
    ngx_str_t                          name;
    size_t                             offset;     /* in the usage */
    const ngx_litellm_openai_count_t  *details;    /* of an object */
};


static void ngx_litellm_openai_top(ngx_litellm_json_t *root,
    ngx_litellm_openai_top_t *top);
static void ngx_litellm_openai_top_escaped(ngx_litellm_json_t *key,
    ngx_litellm_openai_top_t *top);
static void ngx_litellm_openai_tier(ngx_litellm_json_t *v,
    ngx_litellm_usage_t *u);
static ngx_int_t ngx_litellm_openai_error_facts(ngx_litellm_call_t *call,
    ngx_str_t *text, ngx_litellm_facts_t *facts);
static ngx_uint_t ngx_litellm_openai_is_error(ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_openai_id(ngx_litellm_call_t *call,
    ngx_litellm_json_t *v, ngx_litellm_facts_t *facts);
static u_char *ngx_litellm_openai_find(u_char *p, u_char *last,
    const char *key, size_t len, const char *first);
static u_char *ngx_litellm_openai_behind(u_char *p, u_char *last,
    const char *key, size_t len, const char *first);
static u_char *ngx_litellm_openai_space(u_char *p, u_char *last);
static void ngx_litellm_openai_tap_finish(u_char *p, u_char *last,
    ngx_litellm_facts_t *facts);
static ngx_int_t ngx_litellm_openai_tap_data(ngx_litellm_call_t *call,
    ngx_litellm_json_doc_t *doc, ngx_str_t *data, ngx_litellm_facts_t *facts);
static ngx_int_t ngx_litellm_openai_tap_parse(ngx_litellm_call_t *call,
    ngx_litellm_json_doc_t *doc, ngx_str_t *data, ngx_litellm_facts_t *facts);
static void ngx_litellm_openai_counts(ngx_litellm_json_t *object,
    const ngx_litellm_openai_count_t *counts, ngx_litellm_usage_t *u);
static ngx_uint_t ngx_litellm_openai_bare(ngx_litellm_json_t *choices);
static ngx_uint_t ngx_litellm_openai_has_content(ngx_litellm_json_t *choices);
static ngx_uint_t ngx_litellm_openai_empty(ngx_litellm_json_t *v);


#define ngx_litellm_openai_tokens(name, field)                                \
    { ngx_string(name), offsetof(ngx_litellm_usage_t, field), NULL }

static const ngx_litellm_openai_count_t  ngx_litellm_openai_prompt_counts[] = {
    ngx_litellm_openai_tokens("cached_tokens", cached),
    ngx_litellm_openai_tokens("cache_write_tokens", cache_write),
    ngx_litellm_openai_tokens("audio_tokens", audio_in),
    { ngx_null_string, 0, NULL }
};

static const ngx_litellm_openai_count_t  ngx_litellm_openai_output_counts[] = {
    ngx_litellm_openai_tokens("reasoning_tokens", reasoning),
    ngx_litellm_openai_tokens("audio_tokens", audio_out),
    { ngx_null_string, 0, NULL }
};

static const ngx_litellm_openai_count_t  ngx_litellm_openai_usage_counts[] = {
    ngx_litellm_openai_tokens("prompt_tokens", prompt),
    ngx_litellm_openai_tokens("completion_tokens", completion),
    ngx_litellm_openai_tokens("total_tokens", total),
    { ngx_string("prompt_tokens_details"), 0,
      ngx_litellm_openai_prompt_counts },
    { ngx_string("completion_tokens_details"), 0,
      ngx_litellm_openai_output_counts },
    { ngx_null_string, 0, NULL }
};


ngx_int_t
ngx_litellm_openai_tap(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_facts_t *facts)
{
    u_char                    *p, *end;
    ngx_int_t                  rc;
    ngx_litellm_json_t        *list, nodes[NGX_LITELLM_OPENAI_OWN];
    ngx_litellm_json_doc_t     doc;
    ngx_litellm_json_watch_t   watch;
    ngx_litellm_openai_top_t   top;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = call->pool;
    doc.keep = 2;
    ngx_str_set(&doc.whole, "usage");

    ngx_str_set(&watch.name, "finish_reason");
    doc.watch = &watch;
    doc.nwatch = 1;

    /* the nodes of most answers, so that they cost no allocation */
    doc.mem = nodes;
    doc.nalloc = NGX_LITELLM_OPENAI_OWN;

    rc = ngx_litellm_json_parse(&doc, body->data, body->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

#define ngx_litellm_openai_bad_answer(s)                                      \
    ngx_litellm_openai_no_answer(call, facts, s, sizeof(s) - 1)

    if (rc == NGX_DECLINED) {
        return ngx_litellm_openai_bad_answer("the answer is not JSON");
    }

    if (doc.root->type != NGX_LITELLM_JSON_OBJECT) {
        return ngx_litellm_openai_bad_answer("the answer is not an object");
    }

    ngx_litellm_openai_top(doc.root, &top);

    if (ngx_litellm_openai_is_error(top.error)) {
        return ngx_litellm_openai_error_facts(call, body, facts);
    }

    list = (call->op == NGX_LITELLM_OP_EMBEDDINGS) ? top.data : top.choices;

    if (!ngx_litellm_json_is(list, ARRAY)) {
        return ngx_litellm_openai_bad_answer("the answer has no choices");
    }

    facts->content = 1;

    if (ngx_litellm_openai_id(call, top.id, facts) != NGX_OK) {
        return NGX_ERROR;
    }

    p = list->start;
    end = p + list->len;

    if (watch.found > p && watch.found < end) {
        ngx_litellm_openai_tap_finish(watch.found, end, facts);

    } else if (watch.found != NULL) {
        ngx_litellm_openai_tap_finish(p, end, facts);
    }

    if (ngx_litellm_json_is(top.usage, OBJECT)) {
        ngx_litellm_openai_usage_facts(top.usage, &facts->usage);
        ngx_litellm_openai_tier(top.tier, &facts->usage);
    }

    if (call->deployment->provider->variant != NULL) {
        return ngx_litellm_openai_changed(call, body, NULL, facts);
    }

    return NGX_OK;
}


/* the members that matter, in one walk; the last one of a name counts */

static void
ngx_litellm_openai_top(ngx_litellm_json_t *root, ngx_litellm_openai_top_t *top)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *key, *v;

    ngx_memzero(top, sizeof(ngx_litellm_openai_top_t));

    key = root + 1;

    for (i = 0; i < root->count; i++, key = ngx_litellm_json_next(v)) {

        v = key + 1;

        if (key->flags & NGX_LITELLM_JSON_ESCAPED) {
            ngx_litellm_openai_top_escaped(key, top);
            continue;
        }

#define ngx_litellm_openai_name(s)                                            \
    (ngx_memcmp(key->start + 1, s, sizeof(s) - 1) == 0)

        switch (key->len - 2) {

        case 2:
            if (ngx_litellm_openai_name("id")) {
                top->id = v;
            }

            break;

        case 4:
            if (ngx_litellm_openai_name("data")) {
                top->data = v;
            }

            break;

        case 5:
            if (ngx_litellm_openai_name("usage")) {
                top->usage = v;

            } else if (ngx_litellm_openai_name("error")) {
                top->error = v;
            }

            break;

        case 7:
            if (ngx_litellm_openai_name("choices")) {
                top->choices = v;
            }

            break;

        case 12:
            if (ngx_litellm_openai_name("service_tier")) {
                top->tier = v;
            }

            break;
        }
    }
}


/* nobody writes such names; they must mean the same to us as to the client */

static void
ngx_litellm_openai_top_escaped(ngx_litellm_json_t *key,
    ngx_litellm_openai_top_t *top)
{
    if (ngx_litellm_json_eq(key, "id")) {
        top->id = key + 1;

    } else if (ngx_litellm_json_eq(key, "data")) {
        top->data = key + 1;

    } else if (ngx_litellm_json_eq(key, "usage")) {
        top->usage = key + 1;

    } else if (ngx_litellm_json_eq(key, "error")) {
        top->error = key + 1;

    } else if (ngx_litellm_json_eq(key, "choices")) {
        top->choices = key + 1;

    } else if (ngx_litellm_json_eq(key, "service_tier")) {
        top->tier = key + 1;
    }
}


static void
ngx_litellm_openai_tier(ngx_litellm_json_t *v, ngx_litellm_usage_t *u)
{
    if (ngx_litellm_json_is(v, STRING)) {
        u->tier = ngx_litellm_tier(v->start + 1, v->len - 2);
    }
}


/*
 * Events before the commit point may have to be parsed to see whether there is
 * content in them.  The form of the others is the client's business, but an
 * event that was cut off, the only damage seen in practice, is told from its
 * ends: it must not look like a good stream to the gateway.
 */

ngx_int_t
ngx_litellm_openai_tap_event(ngx_litellm_call_t *call,
    ngx_litellm_json_doc_t *doc, ngx_str_t *data, ngx_litellm_facts_t *facts)
{
    ngx_int_t  rc;

    rc = ngx_litellm_openai_tap_data(call, doc, data, facts);

    if (rc != NGX_OK || call->deployment->provider->variant == NULL
        || facts->failed || facts->end)
    {
        return rc;
    }

    return ngx_litellm_openai_changed(call, data, doc, facts);
}


static ngx_int_t
ngx_litellm_openai_tap_data(ngx_litellm_call_t *call,
    ngx_litellm_json_doc_t *doc, ngx_str_t *data, ngx_litellm_facts_t *facts)
{
    u_char     *p, *last, *found;
    ngx_str_t   text;

    facts->usage_only = 0;
    ngx_str_null(&facts->data);

    p = data->data;
    last = p + data->len;

    p = ngx_litellm_openai_space(p, last);

    while (p < last && (last[-1] == ' ' || last[-1] == '\t' || last[-1] == LF
                        || last[-1] == CR))
    {
        last--;
    }

    if (p == last) {
        return NGX_DECLINED;
    }

    if (*p == '[' && last - p == sizeof("[DONE]") - 1
        && ngx_memcmp(p, "[DONE]", sizeof("[DONE]") - 1) == 0)
    {
        facts->end = 1;
        return NGX_OK;
    }

    text.data = p;
    text.len = last - p;

    if (*p != '{' || last[-1] != '}') {
        return ngx_litellm_openai_tap_parse(call, doc, &text, facts);
    }

#define ngx_litellm_openai_key(s, first)                                      \
    ngx_litellm_openai_find(p, last, s, sizeof(s) - 1, first)
#define ngx_litellm_openai_at(s, first)                                       \
    ngx_litellm_openai_behind(p, last, s, sizeof(s) - 1, first)

    if (!facts->content) {

        /* most first events with content are simple enough */

        found = facts->provider_id.len
                ? ngx_litellm_openai_key("\"content\"", "\"") : NULL;

        if (found == NULL || found[1] == '"') {
            return ngx_litellm_openai_tap_parse(call, doc, &text, facts);
        }

        facts->content = 1;
    }

    /* not "key":null, which most events have */

#define ngx_litellm_openai_not_null(s)                                        \
    (last - p < (ssize_t) sizeof(s) || p[sizeof(s) - 1] != 'n'                \
     || ngx_memcmp(p, s, sizeof(s) - 1) != 0)

    for ( ;; p++) {

        /* all keys looked for begin with one of three letters */

        p = ngx_litellm_scan_quoted(p, last);

        if (last - p < NGX_LITELLM_OPENAI_KEY) {
            return NGX_OK;
        }

        switch (p[1]) {

        case 'u':
            if (ngx_litellm_openai_not_null("\"usage\":")
                && ngx_litellm_openai_at("\"usage\"", "{") != NULL)
            {
                return ngx_litellm_openai_tap_parse(call, doc, &text, facts);
            }

            break;

        case 'e':
            if (ngx_litellm_openai_not_null("\"error\":")
                && ngx_litellm_openai_at("\"error\"", "{\"") != NULL)
            {
                return ngx_litellm_openai_tap_parse(call, doc, &text, facts);
            }

            break;

        default:
            if (ngx_litellm_openai_not_null("\"finish_reason\":")
                && ngx_litellm_openai_at("\"finish_reason\"", "\"") != NULL)
            {
                ngx_litellm_openai_tap_finish(p, last, facts);
            }
        }
    }
}


/*
 * The first byte of the value, if p is at that key and the value begins with
 * one of the bytes of "first".
 */

static u_char *
ngx_litellm_openai_behind(u_char *p, u_char *last, const char *key, size_t len,
    const char *first)
{
    if ((size_t) (last - p) <= len || ngx_memcmp(p, key, len) != 0) {
        return NULL;
    }

    p = ngx_litellm_openai_space(p + len, last);

    if (p == last || *p != ':') {
        return NULL;
    }

    p = ngx_litellm_openai_space(p + 1, last);

    return (p < last && ngx_strchr(first, *p) != NULL) ? p : NULL;
}


static u_char *
ngx_litellm_openai_space(u_char *p, u_char *last)
{
    while (p < last && (*p == ' ' || *p == '\t' || *p == LF || *p == CR)) {
        p++;
    }

    return p;
}


static ngx_int_t
ngx_litellm_openai_tap_parse(ngx_litellm_call_t *call,
    ngx_litellm_json_doc_t *doc, ngx_str_t *data, ngx_litellm_facts_t *facts)
{
    ngx_int_t                  rc;
    ngx_litellm_json_t        *choices;
    ngx_litellm_openai_top_t   top;

    doc->keep = 0;

    rc = ngx_litellm_json_parse(doc, data->data, data->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED || doc->root->type != NGX_LITELLM_JSON_OBJECT) {
        facts->failed = 1;

        (void) ngx_litellm_openai_no_answer(call, facts,
                                    "an event of the stream is not JSON",
                                    sizeof("an event of the stream is not JSON")
                                    - 1);
        return NGX_OK;
    }

    ngx_litellm_openai_top(doc->root, &top);

    if (ngx_litellm_openai_is_error(top.error)) {
        facts->failed = 1;
        rc = ngx_litellm_openai_error_facts(call, data, facts);

        return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
    }

    if (ngx_litellm_openai_id(call, top.id, facts) != NGX_OK) {
        return NGX_ERROR;
    }

    choices = top.choices;

    if (ngx_litellm_json_is(top.usage, OBJECT)) {
        ngx_litellm_openai_usage_facts(top.usage, &facts->usage);
        ngx_litellm_openai_tier(top.tier, &facts->usage);
        facts->usage_only = ngx_litellm_openai_bare(choices);
    }

    if (ngx_litellm_json_is(choices, ARRAY)) {

        if (!facts->content) {
            facts->content = ngx_litellm_openai_has_content(choices);
        }

        ngx_litellm_openai_tap_finish(choices->start,
                                      choices->start + choices->len, facts);
    }

    return NGX_OK;
}


/* a good status with something else than an answer: 502 (RFC 9110, 15.6.3) */

ngx_int_t
ngx_litellm_openai_no_answer(ngx_litellm_call_t *call,
    ngx_litellm_facts_t *facts, const char *why, size_t len)
{
    ngx_str_t  text;

    text.data = (u_char *) why;
    text.len = len;

    ngx_str_null(&facts->error.type);
    ngx_str_null(&facts->error.param);
    ngx_str_null(&facts->error.code);

    if (ngx_litellm_error_set(call, &facts->error, NGX_LITELLM_BAD_GATEWAY,
                              502, &text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_litellm_openai_error_facts(ngx_litellm_call_t *call, ngx_str_t *text,
    ngx_litellm_facts_t *facts)
{
    ngx_litellm_openai_dialect.error(call, 200, text, &facts->error);

    return NGX_DECLINED;
}


/* {"error": null} and the like are no errors */

static ngx_uint_t
ngx_litellm_openai_is_error(ngx_litellm_json_t *v)
{
    return (ngx_litellm_json_is(v, OBJECT) && v->count)
           || (ngx_litellm_json_is(v, STRING) && v->len > 2);
}


/* the first one seen; an event's bytes do not last, so it is copied */

static ngx_int_t
ngx_litellm_openai_id(ngx_litellm_call_t *call, ngx_litellm_json_t *v,
    ngx_litellm_facts_t *facts)
{
    ngx_str_t  text;

    if (facts->provider_id.len || !ngx_litellm_json_is(v, STRING)
        || v->len > NGX_LITELLM_OPENAI_ID)
    {
        return NGX_OK;
    }

    text = ngx_litellm_json_text(v);

    if (text.len == 0) {
        return NGX_OK;
    }

    facts->provider_id.data = ngx_pstrdup(call->pool, &text);
    if (facts->provider_id.data == NULL) {
        return NGX_ERROR;
    }

    facts->provider_id.len = text.len;

    return NGX_OK;
}


/*
 * The first place where key has a value that begins with one of the bytes of
 * "first"; NULL without one, else the value's first byte.
 */

static u_char *
ngx_litellm_openai_find(u_char *p, u_char *last, const char *key, size_t len,
    const char *first)
{
    u_char  *value;

    for ( ;; ) {
        p = ngx_litellm_find(p, last, key, len);

        if (p == NULL) {
            return NULL;
        }

        value = ngx_litellm_openai_behind(p, last, key, len, first);

        if (value != NULL) {
            return value;
        }

        p += len;
    }
}


/* the first finish reason in [p, last); none of its letters need escapes */

static void
ngx_litellm_openai_tap_finish(u_char *p, u_char *last,
    ngx_litellm_facts_t *facts)
{
    size_t   len;
    u_char  *end;

    if (facts->finish != NGX_LITELLM_FINISH_NONE) {
        return;
    }

    p = ngx_litellm_openai_key("\"finish_reason\"", "\"");

    if (p == NULL) {
        return;
    }

    end = ngx_strlchr(++p, last, '"');

    if (end == NULL) {
        return;
    }

    len = end - p;

#define ngx_litellm_openai_word(s)                                            \
    (len == sizeof(s) - 1 && ngx_memcmp(p, s, sizeof(s) - 1) == 0)

    if (ngx_litellm_openai_word("length")) {
        facts->finish = NGX_LITELLM_FINISH_LENGTH;

    } else if (ngx_litellm_openai_word("tool_calls")) {
        facts->finish = NGX_LITELLM_FINISH_TOOL_CALLS;

    } else if (ngx_litellm_openai_word("content_filter")) {
        facts->finish = NGX_LITELLM_FINISH_CONTENT_FILTER;

    } else if (ngx_litellm_openai_word("function_call")) {
        facts->finish = NGX_LITELLM_FINISH_FUNCTION_CALL;

    } else if (len) {
        facts->finish = NGX_LITELLM_FINISH_STOP;
    }
}


/* a later usage object of a stream replaces what it names */

void
ngx_litellm_openai_usage_facts(ngx_litellm_json_t *v, ngx_litellm_usage_t *u)
{
    if (!u->known) {
        ngx_litellm_usage_init(u);
    }

    ngx_litellm_openai_counts(v, ngx_litellm_openai_usage_counts, u);

    if (u->prompt >= 0 || u->completion >= 0 || u->total >= 0) {
        u->known = 1;
    }
}


/* one walk over the members; the table of the details has no further ones */

static void
ngx_litellm_openai_counts(ngx_litellm_json_t *object,
    const ngx_litellm_openai_count_t *counts, ngx_litellm_usage_t *u)
{
    int64_t                            n;
    ngx_uint_t                         i;
    ngx_litellm_json_t                *key, *v;
    const ngx_litellm_openai_count_t  *c;

    if (object->flags & NGX_LITELLM_JSON_SKIPPED) {
        return;
    }

    key = object + 1;

    for (i = 0; i < object->count; i++, key = ngx_litellm_json_next(v)) {

        v = key + 1;

        for (c = counts; c->name.len; c++) {

            if (key->flags & NGX_LITELLM_JSON_ESCAPED) {

                if (!ngx_litellm_json_equal(key, (char *) c->name.data,
                                            c->name.len))
                {
                    continue;
                }

            } else if (c->name.len + 2 != key->len
                       || ngx_memcmp(key->start + 1, c->name.data,
                                     c->name.len) != 0)
            {
                continue;
            }

            if (c->details) {
                if (v->type == NGX_LITELLM_JSON_OBJECT) {
                    ngx_litellm_openai_counts(v, c->details, u);
                }

            } else if (v->type == NGX_LITELLM_JSON_NUMBER
                       && ngx_litellm_json_int(v, &n) == NGX_OK && n >= 0)
            {
                *(int64_t *) ((u_char *) u + c->offset) = n;
            }

            break;
        }
    }
}


/*
 * No choices, as OpenAI has it beside the usage, or LiteLLM's form of it: one
 * choice with an empty delta and no finish reason.
 */

static ngx_uint_t
ngx_litellm_openai_bare(ngx_litellm_json_t *choices)
{
    ngx_litellm_json_t  *v;

    if (!ngx_litellm_json_is(choices, ARRAY)) {
        return 0;
    }

    if (choices->count == 0) {
        return 1;
    }

    if (choices->count > 1) {
        return 0;
    }

    v = ngx_litellm_json_member(choices + 1, "finish_reason");

    if (v != NULL && v->type != NGX_LITELLM_JSON_NULL) {
        return 0;
    }

    v = ngx_litellm_json_member(choices + 1, "delta");

    return ngx_litellm_json_is(v, OBJECT) && v->count == 0;
}


/*
 * Anything in a delta that is not empty, but the role, which says nothing, and
 * LiteLLM's own fields; the text of a completion.
 */

static ngx_uint_t
ngx_litellm_openai_has_content(ngx_litellm_json_t *choices)
{
    ngx_uint_t           i, j;
    ngx_litellm_json_t  *choice, *delta, *key, *v;

    choice = choices + 1;

    for (i = 0; i < choices->count; i++) {

        if (!ngx_litellm_openai_empty(ngx_litellm_json_member(choice, "text")))
        {
            return 1;
        }

        delta = ngx_litellm_json_member(choice, "delta");
        choice = ngx_litellm_json_next(choice);

        if (!ngx_litellm_json_is(delta, OBJECT)) {
            continue;
        }

        key = delta + 1;

        for (j = 0; j < delta->count; j++) {
            v = ngx_litellm_json_next(key);

            if (!ngx_litellm_openai_empty(v)
                && !ngx_litellm_json_eq(key, "role")
                && !ngx_litellm_json_eq(key, "provider_specific_fields"))
            {
                return 1;
            }

            key = ngx_litellm_json_next(v);
        }
    }

    return 0;
}


static ngx_uint_t
ngx_litellm_openai_empty(ngx_litellm_json_t *v)
{
    if (v == NULL) {
        return 1;
    }

    switch (v->type) {

    case NGX_LITELLM_JSON_STRING:
        return v->len == 2;

    case NGX_LITELLM_JSON_ARRAY:
    case NGX_LITELLM_JSON_OBJECT:
        return v->count == 0;

    case NGX_LITELLM_JSON_TRUE:
    case NGX_LITELLM_JSON_NUMBER:
        return 0;

    default:
        return 1;
    }
}
