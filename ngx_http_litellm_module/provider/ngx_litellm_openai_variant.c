
/*
 * What the variants of the OpenAI dialect share: edits of a request that more
 * than one provider needs, and the way of an answer through variant->answer().
 *
 * Called by the body (ngx_litellm_openai_nested.c) and the tap for providers
 * with a variant or a quirk; all others never come here.  An answer is parsed
 * only if one of the variant's marks is in it.  In a stream the memory of
 * edits and of the changed event is kept from event to event.
 */

#include "ngx_litellm_array.h"
#include "ngx_litellm_openai_dialect.h"


typedef struct {
    ngx_litellm_splice_t    splice;
    ngx_str_t               buf;
} ngx_litellm_openai_change_t;


static void ngx_litellm_openai_usage_event(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *root, ngx_litellm_json_t *usage);
static ngx_uint_t ngx_litellm_openai_details(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *usage, u_char *place);
static void ngx_litellm_openai_line(ngx_str_t *text);
static ngx_uint_t ngx_litellm_openai_marked(const ngx_str_t *marks,
    ngx_str_t *text, ngx_uint_t stream);


ngx_int_t
ngx_litellm_openai_put(ngx_pool_t *pool, ngx_array_t *adds, ngx_str_t *name,
    ngx_str_t *key, ngx_str_t *value)
{
    ngx_litellm_add_t  *add;

    add = ngx_litellm_array_push(adds, pool, 4, sizeof(ngx_litellm_add_t));
    if (add == NULL) {
        return NGX_ERROR;
    }

    add->name = *name;
    add->key = *key;
    add->value = *value;

    return NGX_OK;
}


void
ngx_litellm_openai_unput(ngx_array_t *adds, ngx_litellm_add_t *add)
{
    ngx_litellm_add_t  *last;

    last = (ngx_litellm_add_t *) adds->elts + adds->nelts;

    ngx_memmove(add, add + 1, (u_char *) last - (u_char *) (add + 1));
    adds->nelts--;
}


ngx_litellm_add_t *
ngx_litellm_openai_added(ngx_array_t *adds, const char *name, size_t len)
{
    ngx_uint_t          i;
    ngx_litellm_add_t  *add;

    add = adds->elts;

    for (i = 0; i < adds->nelts; i++) {
        if (add[i].name.len == len
            && ngx_memcmp(add[i].name.data, name, len) == 0)
        {
            return &add[i];
        }
    }

    return NULL;
}


void
ngx_litellm_openai_texts(ngx_litellm_splice_t *sp, ngx_litellm_json_t *root)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *messages, *message, *content;

    messages = ngx_litellm_json_member(root, "messages");

    if (!ngx_litellm_json_is(messages, ARRAY)) {
        return;
    }

    message = messages + 1;

    for (i = 0; i < messages->count; i++) {
        content = ngx_litellm_json_member(message, "content");

        if (ngx_litellm_json_is(content, ARRAY)) {
            ngx_litellm_openai_join(sp, content);
        }

        message = ngx_litellm_json_next(message);
    }
}


/* what stands between the texts goes, quotes too; their escapes stay */

void
ngx_litellm_openai_join(ngx_litellm_splice_t *sp, ngx_litellm_json_t *content)
{
    u_char              *end;
    ngx_uint_t           i;
    ngx_litellm_json_t  *part, *text, *type;

    part = content + 1;

    for (i = 0; i < content->count; i++) {
        type = ngx_litellm_json_member(part, "type");

        if (!ngx_litellm_json_is(type, STRING)
            || !ngx_litellm_json_eq(type, "text")
            || !ngx_litellm_json_is(ngx_litellm_json_member(part, "text"),
                                    STRING))
        {
            return;
        }

        part = ngx_litellm_json_next(part);
    }

    end = content->start;
    part = content + 1;

    for (i = 0; i < content->count; i++) {
        text = ngx_litellm_json_member(part, "text");

        if (i == 0) {
            ngx_litellm_splice_lit(sp, end, text->start + 1, "\"");

        } else {
            ngx_litellm_splice_replace(sp, end, text->start + 1, NULL, 0);
        }

        end = text->start + text->len - 1;
        part = ngx_litellm_json_next(part);
    }

    if (content->count) {
        ngx_litellm_splice_lit(sp, end, content->start + content->len, "\"");

    } else {
        ngx_litellm_splice_lit(sp, end, content->start + content->len,
                               "\"\"");
    }
}


void
ngx_litellm_openai_roles(ngx_litellm_splice_t *sp, ngx_litellm_json_t *root)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *messages, *message, *role;

    messages = ngx_litellm_json_member(root, "messages");

    if (!ngx_litellm_json_is(messages, ARRAY)) {
        return;
    }

    message = messages + 1;

    for (i = 0; i < messages->count; i++) {
        role = ngx_litellm_json_member(message, "role");

        if (ngx_litellm_json_is(role, STRING)
            && ngx_litellm_json_eq(role, "developer"))
        {
            ngx_litellm_splice_lit(sp, role->start, role->start + role->len,
                                   "\"system\"");
        }

        message = ngx_litellm_json_next(message);
    }
}


void
ngx_litellm_openai_prefix(ngx_litellm_splice_t *sp, ngx_litellm_json_t *root)
{
    u_char              *end;
    ngx_uint_t           i;
    ngx_litellm_json_t  *messages, *message, *last, *v;

    messages = ngx_litellm_json_member(root, "messages");

    if (!ngx_litellm_json_is(messages, ARRAY) || messages->count == 0) {
        return;
    }

    message = messages + 1;
    last = NULL;

    for (i = 0; i < messages->count; i++) {

        if (!(message->flags & NGX_LITELLM_JSON_DROPPED)) {
            last = message;
        }

        message = ngx_litellm_json_next(message);
    }

    v = ngx_litellm_json_member(last, "role");

    if (!ngx_litellm_json_is(v, STRING)
        || !ngx_litellm_json_eq(v, "assistant")
        || !ngx_litellm_json_is(ngx_litellm_json_member(last, "content"),
                                STRING)
        || ngx_litellm_json_member(last, "prefix") != NULL
        || ngx_litellm_json_member(last, "tool_calls") != NULL)
    {
        return;
    }

    /* behind the role, which stays */

    end = v->start + v->len;
    ngx_litellm_splice_lit(sp, end, end, ",\"prefix\":true");
}


ngx_uint_t
ngx_litellm_openai_mentions(ngx_litellm_call_t *call, const char *words)
{
    ngx_str_t  s;

    s.data = (u_char *) words;
    s.len = ngx_strlen(words);

    return ngx_litellm_openai_marked(&s, &call->body, 0);
}


ngx_uint_t
ngx_litellm_openai_reasoning_key(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *choice, const char *name, size_t len)
{
    ngx_litellm_json_t  *m, *v;

    m = ngx_litellm_json_member(choice, "delta");

    if (m == NULL) {
        m = ngx_litellm_json_member(choice, "message");
    }

    v = ngx_litellm_json_get(m, name, len);

    if (!ngx_litellm_json_is(v, STRING)
        || ngx_litellm_json_member(m, "reasoning_content") != NULL)
    {
        return 0;
    }

    v--;

    ngx_litellm_splice_lit(sp, v->start, v->start + v->len,
                           "\"reasoning_content\"");
    return 1;
}


ngx_uint_t
ngx_litellm_openai_stream_usage(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp)
{
    u_char              *end;
    ngx_litellm_json_t  *usage, *choices;

    usage = ngx_litellm_json_member(root, "usage");
    choices = ngx_litellm_json_member(root, "choices");

    if (!ngx_litellm_json_is(usage, OBJECT)
        || !ngx_litellm_json_is(choices, ARRAY))
    {
        return 0;
    }

    if (choices->count == 0) {
        end = usage->start + usage->len - 1;

        return ngx_litellm_openai_details(sp, usage, end);
    }

    if (call->include_usage) {
        ngx_litellm_openai_usage_event(sp, root, usage);
    }

    usage->flags |= NGX_LITELLM_JSON_DROPPED;
    ngx_litellm_splice_object(sp, root, NULL, 0);

    return 1;
}


/* an event behind this one */

static void
ngx_litellm_openai_usage_event(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *root, ngx_litellm_json_t *usage)
{
    u_char              *end;
    ngx_uint_t           i;
    ngx_litellm_json_t  *v;

    static struct {
        const char   *name;
        const char   *key;
    } members[] = {
        { "id", "\"id\":" },
        { "created", "\"created\":" },
        { "model", "\"model\":" },
        { NULL, NULL }
    };

    end = sp->text.data + sp->text.len;

    ngx_litellm_splice_lit(sp, end, end, "\n\ndata: {");

    for (i = 0; members[i].name; i++) {
        v = ngx_litellm_json_get(root, members[i].name,
                                 ngx_strlen(members[i].name));

        if (v == NULL || v->type == NGX_LITELLM_JSON_ARRAY
            || v->type == NGX_LITELLM_JSON_OBJECT)
        {
            continue;
        }

        ngx_litellm_splice_replace(sp, end, end, (u_char *) members[i].key,
                                   ngx_strlen(members[i].key));
        ngx_litellm_splice_replace(sp, end, end, v->start, v->len);
        ngx_litellm_splice_lit(sp, end, end, ",");
    }

    ngx_litellm_splice_lit(sp, end, end,
                           "\"object\":\"chat.completion.chunk\","
                           "\"choices\":[],\"usage\":");
    ngx_litellm_splice_replace(sp, end, end, usage->start, usage->len - 1);
    (void) ngx_litellm_openai_details(sp, usage, end);
    ngx_litellm_splice_lit(sp, end, end, "}}");
}


/* into usage, at a place behind its last member */

static ngx_uint_t
ngx_litellm_openai_details(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *usage, u_char *place)
{
    ngx_uint_t           changed;
    ngx_litellm_json_t  *v;

    changed = 0;

    v = ngx_litellm_json_member(usage, "prompt_cache_hit_tokens");

    if (ngx_litellm_json_is(v, NUMBER)
        && ngx_litellm_json_member(usage, "prompt_tokens_details") == NULL)
    {
        ngx_litellm_splice_lit(sp, place, place,
                               ",\"prompt_tokens_details\":"
                               "{\"cached_tokens\":");
        ngx_litellm_splice_replace(sp, place, place, v->start, v->len);
        ngx_litellm_splice_lit(sp, place, place, "}");

        changed = 1;
    }

    v = ngx_litellm_json_member(usage, "completion_tokens");

    if (ngx_litellm_json_is(v, NUMBER)
        && ngx_litellm_json_member(usage, "completion_tokens_details")
           == NULL)
    {
        ngx_litellm_splice_lit(sp, place, place,
                               ",\"completion_tokens_details\":"
                               "{\"reasoning_tokens\":0,\"text_tokens\":");
        ngx_litellm_splice_replace(sp, place, place, v->start, v->len);
        ngx_litellm_splice_lit(sp, place, place, "}");

        changed = 1;
    }

    return changed;
}


ngx_uint_t
ngx_litellm_openai_embed_usage(ngx_litellm_json_t *root,
    ngx_litellm_splice_t *sp)
{
    u_char              *p;
    ngx_litellm_json_t  *usage;

    usage = ngx_litellm_json_member(root, "usage");

    if (!ngx_litellm_json_is(usage, OBJECT) || usage->count == 0
        || ngx_litellm_json_member(usage, "completion_tokens") != NULL)
    {
        return 0;
    }

    p = usage->start + 1;
    ngx_litellm_splice_lit(sp, p, p, "\"completion_tokens\":0,");

    return 1;
}


void
ngx_litellm_openai_leave(ngx_litellm_json_t *root, ngx_array_t *adds,
    const char *name)
{
    ngx_litellm_add_t   *add;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_get(root, name, ngx_strlen(name));

    if (v != NULL) {
        v->flags |= NGX_LITELLM_JSON_DROPPED;
    }

    add = ngx_litellm_openai_added(adds, name, ngx_strlen(name));

    if (add != NULL) {
        ngx_litellm_openai_unput(adds, add);
    }
}


ngx_int_t
ngx_litellm_openai_changed(ngx_litellm_call_t *call, ngx_str_t *text,
    ngx_litellm_json_doc_t *doc, ngx_litellm_facts_t *facts)
{
    ngx_int_t                     rc;
    ngx_uint_t                    changed;
    ngx_litellm_json_doc_t        own;
    const ngx_litellm_variant_t  *variant;
    ngx_litellm_openai_change_t  *ch;

    variant = call->deployment->provider->variant;

    if (variant->answer == NULL
        || !ngx_litellm_openai_marked(&variant->marks, text, doc != NULL))
    {
        return NGX_OK;
    }

    ch = facts->tap;

    if (ch == NULL) {
        ch = ngx_pcalloc(call->pool, sizeof(ngx_litellm_openai_change_t));
        if (ch == NULL) {
            return NGX_ERROR;
        }

        ngx_litellm_splice_init(&ch->splice, call->pool, text);
        facts->tap = ch;

    } else {
        ngx_litellm_splice_reuse(&ch->splice, text);
    }

    if (doc == NULL) {
        ngx_memzero(&own, sizeof(ngx_litellm_json_doc_t));
        own.pool = call->pool;

        if (call->op == NGX_LITELLM_OP_EMBEDDINGS) {

            /* not the numbers */

            own.keep = 2;
            ngx_str_set(&own.whole, "usage");
        }

    } else {
        ngx_litellm_openai_line(text);
    }

    rc = ngx_litellm_json_parse(doc ? doc : &own, text->data, text->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED
        || (doc ? doc : &own)->root->type != NGX_LITELLM_JSON_OBJECT)
    {
        facts->failed = 1;

        return ngx_litellm_openai_no_answer(call, facts,
                           "the answer is not JSON that can be read",
                           sizeof("the answer is not JSON that can be read")
                           - 1);
    }

    changed = 0;

    rc = variant->answer(call, (doc ? doc : &own)->root, &ch->splice, facts,
                         doc != NULL, &changed);

    if (rc == NGX_OK && changed) {
        rc = ngx_litellm_splice_text(&ch->splice, &ch->buf, &facts->data);
    }

    if (doc == NULL) {
        (void) ngx_pfree(call->pool, own.mem);
    }

    return rc;
}


/*
 * An event that came in several lines was joined by its reader, in memory of
 * its own; ends of lines are white space in JSON.
 */

static void
ngx_litellm_openai_line(ngx_str_t *text)
{
    u_char  *p, *last;

    last = text->data + text->len;

    for (p = text->data; p < last; p++) {
        if (*p == LF || *p == CR) {
            *p = ' ';
        }
    }
}


static ngx_uint_t
ngx_litellm_openai_marked(const ngx_str_t *marks, ngx_str_t *text,
    ngx_uint_t stream)
{
    u_char  *p, *end, *last;

    if (marks->len == 0) {
        return 1;
    }

    p = marks->data;
    last = p + marks->len;

    for ( /* void */ ; p < last; p = end + 1) {

        for (end = p; end < last && *end != ' '; end++) { /* void */ }

        if (*p == '~') {

            if (!stream) {
                continue;
            }

            p++;
        }

        if (ngx_litellm_find(text->data, text->data + text->len, (char *) p,
                             end - p)
            != NULL)
        {
            return 1;
        }
    }

    return 0;
}
