
/*
 * Names of tools for providers that take [a-zA-Z0-9_-]{1,64} only (Anthropic,
 * Bedrock).  What does not fit becomes "_" and a checksum of the whole name is
 * put behind it, so that the mapping needs no table and is the same in the
 * history, in tool_choice and in the answer.  There the client's own name is
 * found again among its tools, which are parsed once for an answer, and only
 * if a name comes that can be a mapped one.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_provider.h"


#define NGX_LITELLM_TOOL_NAME  64

#define ngx_litellm_names_fits(c)                                             \
    (((c) >= 'a' && (c) <= 'z') || ((c) >= 'A' && (c) <= 'Z')                 \
     || ((c) >= '0' && (c) <= '9') || (c) == '_' || (c) == '-')


static ngx_int_t ngx_litellm_names_tools(ngx_litellm_call_t *call,
    ngx_litellm_names_t *names);


ngx_int_t
ngx_litellm_tool_name(ngx_pool_t *pool, ngx_str_t *name, ngx_str_t *dst)
{
    u_char      c, *p;
    size_t      len;
    ngx_str_t   text;
    ngx_uint_t  i;

    *dst = *name;

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if (!ngx_litellm_names_fits(c)) {
            break;
        }
    }

    if (i == name->len && name->len <= NGX_LITELLM_TOOL_NAME) {
        return NGX_OK;
    }

    if (ngx_litellm_json_unescape(pool, &text, name) != NGX_OK) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(pool, NGX_LITELLM_TOOL_NAME + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    len = ngx_min(text.len, NGX_LITELLM_TOOL_NAME - 9);

    for (i = 0; i < len; i++) {
        c = text.data[i];

        p[i] = ngx_litellm_names_fits(c) ? c : '_';
    }

    dst->data = p;
    dst->len = ngx_sprintf(p + len, "_%08xD",
                           ngx_crc32_long(text.data, text.len))
               - p;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_tool_id(ngx_pool_t *pool, ngx_litellm_out_t *out, ngx_str_t *id)
{
    u_char      c;
    ngx_str_t   text;
    ngx_uint_t  i;

    for (i = 0; i < id->len; i++) {
        if (!ngx_litellm_names_fits(id->data[i])) {
            break;
        }
    }

    if (i == id->len) {
        ngx_litellm_out_str(out, id);
        return NGX_OK;
    }

    if (ngx_litellm_json_unescape(pool, &text, id) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < text.len; i++) {
        c = text.data[i];

        if (ngx_litellm_names_fits(c)) {
            ngx_litellm_out_copy(out, &c, 1);

        } else if ((c & 0xc0) != 0x80) {
            ngx_litellm_out_lit(out, "_");
        }
    }

    return NGX_OK;
}


/* only a name with a checksum at its end can be one that was mapped */

ngx_int_t
ngx_litellm_names_restore(ngx_litellm_call_t *call,
    ngx_litellm_names_t *names, ngx_str_t *name)
{
    u_char               c;
    ngx_str_t            own, mapped;
    ngx_uint_t           i;
    ngx_litellm_json_t  *v, *m;

    if (name->len < 9 || name->data[name->len - 9] != '_') {
        return NGX_OK;
    }

    for (i = name->len - 8; i < name->len; i++) {
        c = name->data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return NGX_OK;
        }
    }

    if (!names->parsed
        && ngx_litellm_names_tools(call, names) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!ngx_litellm_json_is(names->tools, ARRAY)) {
        return NGX_OK;
    }

    v = names->tools + 1;

    for (i = 0; i < names->tools->count; i++, v = ngx_litellm_json_next(v)) {

        m = ngx_litellm_json_member(v, "function");
        m = ngx_litellm_json_member(m ? m : v, "name");

        if (!ngx_litellm_json_is(m, STRING)) {
            continue;
        }

        own = ngx_litellm_json_text(m);

        if (ngx_litellm_tool_name(call->pool, &own, &mapped) != NGX_OK) {
            return NGX_ERROR;
        }

        if (mapped.len == name->len
            && ngx_memcmp(mapped.data, name->data, name->len) == 0)
        {
            *name = own;
            return NGX_OK;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_names_tools(ngx_litellm_call_t *call,
    ngx_litellm_names_t *names)
{
    ngx_uint_t               i;
    ngx_str_t                text;
    ngx_litellm_json_t      *v;
    ngx_litellm_json_doc_t   doc;
    ngx_litellm_default_t   *d;

    names->parsed = 1;
    names->tools = NULL;

    v = call->param[NGX_LITELLM_P_TOOLS];

    if (v == NULL) {
        v = call->param[NGX_LITELLM_P_FUNCTIONS];
    }

    ngx_str_null(&text);

    if (v) {
        text.data = v->start;
        text.len = v->len;

    } else if (call->deployment->defaults) {
        d = call->deployment->defaults->elts;

        for (i = 0; i < call->deployment->defaults->nelts; i++) {
            if (d[i].param == NGX_LITELLM_P_TOOLS) {
                text.data = d[i].value->start;
                text.len = d[i].value->len;
            }
        }
    }

    if (text.len == 0) {
        return NGX_OK;
    }

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = call->pool;

    switch (ngx_litellm_json_parse(&doc, text.data, text.len)) {

    case NGX_OK:
        names->tools = doc.root;
        return NGX_OK;

    case NGX_DECLINED:
        return NGX_OK;

    default:
        return NGX_ERROR;
    }
}
