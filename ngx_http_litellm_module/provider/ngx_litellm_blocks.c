
/*
 * Blocks of a whole answer in the neutral form, for dialects' response(): text
 * and what it cites, reasoning, calls of tools (Anthropic, Bedrock), and
 * OpenAI's form of a citation for all.
 *
 * Texts stay ranges of the body; only a call's input is made new, as JSON text
 * in a string.
 */

#include "ngx_litellm_array.h"
#include "ngx_litellm_dialect.h"


static ngx_uint_t ngx_litellm_blocks_chars(ngx_str_t *text);


void
ngx_litellm_blocks_init(ngx_litellm_blocks_t *b, ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer)
{
    ngx_memzero(b, sizeof(ngx_litellm_blocks_t));

    b->call = call;
    b->answer = answer;
    b->json = ngx_litellm_call_wants(call, NGX_LITELLM_P_RESPONSE_FORMAT) ? 1
                                                                          : 0;
}


ngx_int_t
ngx_litellm_blocks_text(ngx_litellm_blocks_t *b, ngx_litellm_json_t *v)
{
    ngx_str_t  *s;

    s = ngx_array_push(&b->answer->text);
    if (s == NULL) {
        return NGX_ERROR;
    }

    *s = ngx_litellm_json_text(v);
    b->answer->has_text = 1;
    b->chars += ngx_litellm_blocks_chars(s);

    return NGX_OK;
}


ngx_int_t
ngx_litellm_blocks_citations(ngx_litellm_blocks_t *b,
    ngx_litellm_json_t *list)
{
    ngx_str_t  *s;

    s = ngx_litellm_array_push(&b->answer->citations, b->call->pool, 2,
                               sizeof(ngx_str_t));
    if (s == NULL) {
        return NGX_ERROR;
    }

    s->data = list->start;
    s->len = list->len;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_blocks_cite(ngx_litellm_blocks_t *b, ngx_litellm_json_t *url,
    ngx_litellm_json_t *title, ngx_uint_t start)
{
    u_char     *p;
    size_t      len;
    ngx_str_t  *s;

    if (!ngx_litellm_json_is(url, STRING)) {
        return NGX_OK;
    }

    len = NGX_LITELLM_CITATION_LEN + url->len + (title ? title->len : 0);

    s = ngx_array_push(&b->answer->annotations);
    p = ngx_pnalloc(b->call->pool, len);

    if (s == NULL || p == NULL) {
        return NGX_ERROR;
    }

    s->data = p;
    s->len = ngx_litellm_citation_write(p, url, title, start, b->chars) - p;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_blocks_reasoning(ngx_litellm_blocks_t *b, ngx_litellm_json_t *text)
{
    ngx_str_t  *s;

    if (!ngx_litellm_json_is(text, STRING)) {
        return NGX_OK;
    }

    s = ngx_array_push(&b->answer->reasoning);
    if (s == NULL) {
        return NGX_ERROR;
    }

    *s = ngx_litellm_json_text(text);
    b->thought += s->len;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_blocks_thinking(ngx_litellm_blocks_t *b, ngx_litellm_json_t *text,
    ngx_litellm_json_t *signature)
{
    ngx_litellm_part_t  *part;

    part = ngx_array_push(&b->answer->thinking);
    if (part == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(part, sizeof(ngx_litellm_part_t));
    part->type = NGX_LITELLM_PART_THINKING;

    if (ngx_litellm_json_is(signature, STRING)) {
        part->signature = ngx_litellm_json_text(signature);
    }

    if (ngx_litellm_json_is(text, STRING)) {
        part->text = ngx_litellm_json_text(text);
    }

    return NGX_OK;
}


ngx_int_t
ngx_litellm_blocks_redacted(ngx_litellm_blocks_t *b, ngx_litellm_json_t *data)
{
    ngx_litellm_part_t  *part;

    if (!ngx_litellm_json_is(data, STRING)) {
        return NGX_OK;
    }

    part = ngx_array_push(&b->answer->thinking);
    if (part == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(part, sizeof(ngx_litellm_part_t));
    part->type = NGX_LITELLM_PART_REDACTED;
    part->data = ngx_litellm_json_text(data);

    return NGX_OK;
}


ngx_int_t
ngx_litellm_blocks_call(ngx_litellm_blocks_t *b, ngx_litellm_json_t *v,
    ngx_litellm_json_t *id, ngx_litellm_json_t *name,
    ngx_litellm_json_t *input)
{
    ngx_str_t                *s, arguments;
    ngx_litellm_tool_call_t  *tc;

    if (!ngx_litellm_json_is(id, STRING)
        || !ngx_litellm_json_is(name, STRING))
    {
        return NGX_OK;
    }

    if (!ngx_litellm_json_is(input, OBJECT)) {
        ngx_str_set(&arguments, "{}");

    } else if (ngx_litellm_call_arguments(b->call->pool, input, &arguments)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (b->json && ngx_litellm_json_eq(name, NGX_LITELLM_JSON_TOOL)) {
        s = ngx_array_push(&b->answer->text);
        if (s == NULL) {
            return NGX_ERROR;
        }

        *s = arguments;
        b->answer->has_text = 1;

        return NGX_OK;
    }

    if (b->answer->calls.nelts == NGX_LITELLM_BLOCK_CALLS) {
        return NGX_DECLINED;
    }

    tc = ngx_array_push(&b->answer->calls);
    if (tc == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(tc, sizeof(ngx_litellm_tool_call_t));

    tc->id = ngx_litellm_json_text(id);
    tc->name = ngx_litellm_json_text(name);
    tc->arguments = arguments;
    tc->node = v;

    return ngx_litellm_names_restore(b->call, &b->names, &tc->name);
}


u_char *
ngx_litellm_citation_write(u_char *p, ngx_litellm_json_t *url,
    ngx_litellm_json_t *title, int64_t start, int64_t end)
{
    p = ngx_sprintf(p, "{\"type\":\"url_citation\",\"url_citation\":{"
                    "\"start_index\":%L,\"end_index\":%L,\"title\":",
                    start, end);

    if (ngx_litellm_json_is(title, STRING)) {
        p = ngx_cpymem(p, title->start, title->len);

    } else {
        *p++ = '"';
        *p++ = '"';
    }

    p = ngx_cpymem(p, ",\"url\":", sizeof(",\"url\":") - 1);
    p = ngx_cpymem(p, url->start, url->len);

    return ngx_cpymem(p, "}}", 2);
}


/* characters of a J-string */

static ngx_uint_t
ngx_litellm_blocks_chars(ngx_str_t *text)
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
