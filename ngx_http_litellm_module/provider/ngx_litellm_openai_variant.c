
/*
 * What the variants of the OpenAI dialect share: edits of a request that more
 * than one provider needs, and the way of an answer through variant->answer().
 *
 * Called by the body (ngx_litellm_openai_nested.c) and the tap for providers
 * with a variant or a quirk; all others never come here.  An answer is parsed
 * only if one of the variant's marks is in it.  In a stream the memory of
 * edits and of the changed event is kept from event to event.
 */

#include "ngx_litellm_openai_dialect.h"


typedef struct {
    ngx_litellm_splice_t    splice;
    ngx_str_t               buf;
} ngx_litellm_openai_change_t;


static void ngx_litellm_openai_join(ngx_litellm_splice_t *sp,
    ngx_litellm_json_t *content);
static void ngx_litellm_openai_line(ngx_str_t *text);
static ngx_uint_t ngx_litellm_openai_marked(
    const ngx_litellm_variant_t *variant, ngx_str_t *text);


ngx_int_t
ngx_litellm_openai_put(ngx_pool_t *pool, ngx_array_t *adds, ngx_str_t *name,
    ngx_str_t *key, ngx_str_t *value)
{
    ngx_litellm_add_t  *add;

    if (adds->elts == NULL
        && ngx_array_init(adds, pool, 4, sizeof(ngx_litellm_add_t)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    add = ngx_array_push(adds);
    if (add == NULL) {
        return NGX_ERROR;
    }

    add->name = *name;
    add->key = *key;
    add->value = *value;

    return NGX_OK;
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

static void
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

    if (variant->answer == NULL || !ngx_litellm_openai_marked(variant, text)) {
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

        if (rc == NGX_OK && doc != NULL) {
            ngx_litellm_openai_line(&facts->data);
        }
    }

    if (doc == NULL) {
        (void) ngx_pfree(call->pool, own.mem);
    }

    return rc;
}


/* an event may have come in several lines, which are white space in JSON */

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
ngx_litellm_openai_marked(const ngx_litellm_variant_t *variant,
    ngx_str_t *text)
{
    u_char  *p, *end, *last;

    if (variant->marks.len == 0) {
        return 1;
    }

    p = variant->marks.data;
    last = p + variant->marks.len;

    for ( /* void */ ; p < last; p = end + 1) {

        for (end = p; end < last && *end != ' '; end++) { /* void */ }

        if (ngx_litellm_find(text->data, text->data + text->len, (char *) p,
                             end - p)
            != NULL)
        {
            return 1;
        }
    }

    return 0;
}
