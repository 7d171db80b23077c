
/*
 * What dialects share about a call: which of them serves it, headers of the
 * wire, ids and arguments of tool calls, counts of tokens, and errors that are
 * not a provider's.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_md5.h>
#include "ngx_litellm_provider.h"


#define NGX_LITELLM_TOOL_ID  (sizeof("call_") - 1 + 24)


static ngx_int_t ngx_litellm_call_error(ngx_litellm_call_t *call,
    ngx_litellm_error_t *e, ngx_litellm_class_e class, ngx_uint_t status,
    const char *text);


const ngx_litellm_dialect_t *
ngx_litellm_provider_dialect(ngx_litellm_call_t *call)
{
    const ngx_litellm_provider_t  *row;

    row = call->deployment->provider;

    if (row->select) {
        return row->select(call);
    }

    switch (call->op) {

    case NGX_LITELLM_OP_RERANK:
        return NULL;

    case NGX_LITELLM_OP_EMBEDDINGS:
        return (row->quirks & NGX_LITELLM_Q_NO_EMBEDDINGS) ? NULL
                                                           : row->dialect;

    default:
        return (row->quirks & NGX_LITELLM_Q_NO_CHAT) ? NULL : row->dialect;
    }
}


ngx_int_t
ngx_litellm_call_tool_id(ngx_litellm_call_t *call, ngx_uint_t n,
    ngx_str_t *id)
{
    u_char      *p, hex[32];
    u_char       digest[16];
    uint32_t     k;
    ngx_md5_t    md5;

    p = ngx_pnalloc(call->pool, NGX_LITELLM_TOOL_ID);
    if (p == NULL) {
        return NGX_ERROR;
    }

    k = (uint32_t) n;

    ngx_md5_init(&md5);
    ngx_md5_update(&md5, call->id.data, call->id.len);
    ngx_md5_update(&md5, &k, sizeof(uint32_t));
    ngx_md5_final(digest, &md5);

    (void) ngx_hex_dump(hex, digest, 16);

    id->data = p;
    id->len = NGX_LITELLM_TOOL_ID;

    p = ngx_cpymem(p, "call_", sizeof("call_") - 1);
    ngx_memcpy(p, hex, 24);

    return NGX_OK;
}


ngx_uint_t
ngx_litellm_call_wants(ngx_litellm_call_t *call, ngx_litellm_param_e param)
{
    ngx_uint_t              i;
    ngx_litellm_default_t  *d;

    if (call->param[param]) {
        return 1;
    }

    if (call->deployment == NULL || call->deployment->defaults == NULL) {
        return 0;
    }

    d = call->deployment->defaults->elts;

    for (i = 0; i < call->deployment->defaults->nelts; i++) {
        if (d[i].param == (ngx_int_t) param) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_litellm_wire_header(ngx_litellm_wire_t *wire, const char *key, size_t len,
    ngx_str_t *value)
{
    ngx_keyval_t  *h;

    h = ngx_array_push(&wire->headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->key.data = (u_char *) key;
    h->key.len = len;
    h->value = *value;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_wire_path(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire,
    const char *path, size_t len)
{
    u_char             *p;
    ngx_litellm_url_t  *url;

    url = &call->deployment->url;

    if (url->path.len >= len
        && ngx_memcmp(url->path.data + url->path.len - len, path, len) == 0)
    {
        len = 0;
    }

    p = ngx_pnalloc(call->pool, url->path.len + len + 1 + url->args.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    wire->path.data = p;

    p = ngx_cpymem(p, url->path.data, url->path.len);
    p = ngx_cpymem(p, path, len);

    if (url->args.len) {
        *p++ = '?';
        p = ngx_cpymem(p, url->args.data, url->args.len);
    }

    wire->path.len = p - wire->path.data;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_wire_bearer(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire,
    ngx_str_t *key)
{
    u_char     *p;
    ngx_str_t   value;

    if (key->len == 0) {
        return NGX_OK;
    }

    value.len = sizeof("Bearer ") - 1 + key->len;

    p = ngx_pnalloc(call->pool, value.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;

    p = ngx_cpymem(p, "Bearer ", sizeof("Bearer ") - 1);
    ngx_memcpy(p, key->data, key->len);

    return ngx_litellm_wire_header(wire, "Authorization",
                                   sizeof("Authorization") - 1, &value);
}


ngx_uint_t
ngx_litellm_call_blank(ngx_str_t *text)
{
    u_char  *p, *last;

    p = text->data;
    last = p + text->len;

    while (p < last) {

        if (*p == ' ') {
            p++;
            continue;
        }

        if (*p != '\\') {
            return 0;
        }

        /* J-strings are valid: something follows */

        if (p[1] == 'n' || p[1] == 'r' || p[1] == 't' || p[1] == 'f') {
            p += 2;
            continue;
        }

        if (p[1] == 'u' && last - p >= 6
            && (ngx_strncasecmp(p, (u_char *) "\\u0020", 6) == 0
                || ngx_strncasecmp(p, (u_char *) "\\u0009", 6) == 0
                || ngx_strncasecmp(p, (u_char *) "\\u000a", 6) == 0
                || ngx_strncasecmp(p, (u_char *) "\\u000b", 6) == 0
                || ngx_strncasecmp(p, (u_char *) "\\u000c", 6) == 0
                || ngx_strncasecmp(p, (u_char *) "\\u000d", 6) == 0))
        {
            p += 6;
            continue;
        }

        return 0;
    }

    return 1;
}


ngx_int_t
ngx_litellm_call_arguments(ngx_pool_t *pool, ngx_litellm_json_t *v,
    ngx_str_t *dst)
{
    u_char  *p, *last;
    size_t   len;

    len = v->len;
    last = v->start + v->len;

    for (p = v->start; p < last; p++) {
        if (*p == '"' || *p == '\\' || *p < 0x20) {
            len++;
        }
    }

    dst->data = ngx_pnalloc(pool, len);
    if (dst->data == NULL) {
        return NGX_ERROR;
    }

    dst->len = ngx_litellm_call_quote(dst->data, v);

    return NGX_OK;
}


size_t
ngx_litellm_call_quote(u_char *dst, ngx_litellm_json_t *v)
{
    u_char  *p, *src, *last;

    p = dst;
    src = v->start;
    last = src + v->len;

    /* of control characters only white space stands in valid JSON */

    for ( /* void */ ; src < last; src++) {

        switch (*src) {

        case '"':
        case '\\':
            *p++ = '\\';
            *p++ = *src;
            break;

        case '\n':
            *p++ = '\\';
            *p++ = 'n';
            break;

        case '\r':
            *p++ = '\\';
            *p++ = 'r';
            break;

        case '\t':
            *p++ = '\\';
            *p++ = 't';
            break;

        default:
            *p++ = *src;
        }
    }

    return p - dst;
}


ngx_int_t
ngx_litellm_call_input(ngx_litellm_call_t *call, ngx_litellm_tool_call_t *tc,
    ngx_str_t *json, ngx_litellm_error_t *e)
{
    ngx_int_t               rc;
    ngx_litellm_json_doc_t  doc;

    if (ngx_litellm_call_blank(&tc->arguments)) {
        ngx_str_set(json, "{}");
        return NGX_OK;
    }

    if (ngx_litellm_json_unescape(call->pool, json, &tc->arguments)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = call->pool;
    doc.keep = 1;

    rc = ngx_litellm_json_parse(&doc, json->data, json->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK && doc.root->type == NGX_LITELLM_JSON_NULL) {
        ngx_str_set(json, "{}");
        return NGX_OK;
    }

    if (rc != NGX_OK || doc.root->type != NGX_LITELLM_JSON_OBJECT) {
        return ngx_litellm_call_bad(call, e, "the arguments of a tool call in "
                                    "the history are not a JSON object");
    }

    json->data = doc.root->start;
    json->len = doc.root->len;

    return NGX_OK;
}


int64_t
ngx_litellm_call_count(ngx_litellm_json_t *v, const char *name,
    size_t len, int64_t old)
{
    int64_t              n;
    ngx_litellm_json_t  *m;

    m = ngx_litellm_json_get(v, name, len);

    if (!ngx_litellm_json_is(m, NUMBER)
        || ngx_litellm_json_int(m, &n) != NGX_OK
        || n < 0 || n > (int64_t) 1 << 48)
    {
        return old;
    }

    return n;
}


ngx_int_t
ngx_litellm_call_bad(ngx_litellm_call_t *call, ngx_litellm_error_t *e,
    const char *text)
{
    return ngx_litellm_call_error(call, e, NGX_LITELLM_BAD_REQUEST, 400, text);
}


ngx_int_t
ngx_litellm_call_broken(ngx_litellm_call_t *call, ngx_litellm_error_t *e,
    const char *text)
{
    return ngx_litellm_call_error(call, e, NGX_LITELLM_API_CONNECTION, 502,
                                  text);
}


static ngx_int_t
ngx_litellm_call_error(ngx_litellm_call_t *call, ngx_litellm_error_t *e,
    ngx_litellm_class_e class, ngx_uint_t status, const char *text)
{
    ngx_str_t  s;

    s.data = (u_char *) text;
    s.len = ngx_strlen(text);

    ngx_memzero(e, sizeof(ngx_litellm_error_t));

    return ngx_litellm_error_set(call, e, class, status, &s) == NGX_OK
           ? NGX_DECLINED : NGX_ERROR;
}
