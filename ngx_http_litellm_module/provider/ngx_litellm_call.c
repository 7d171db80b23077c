
/*
 * What dialects share about a call: which of them serves it, headers of the
 * wire, ids of tool calls, and errors that are not a provider's.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_md5.h>
#include "ngx_litellm_provider.h"


#define NGX_LITELLM_TOOL_ID  (sizeof("call_") - 1 + 24)


const ngx_litellm_dialect_t *
ngx_litellm_provider_dialect(ngx_litellm_call_t *call)
{
    const ngx_litellm_provider_t  *row;

    row = call->deployment->provider;

    return row->select ? row->select(call) : row->dialect;
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


ngx_int_t
ngx_litellm_call_bad(ngx_litellm_call_t *call, ngx_litellm_error_t *e,
    const char *text)
{
    ngx_str_t  s;

    s.data = (u_char *) text;
    s.len = ngx_strlen(text);

    ngx_memzero(e, sizeof(ngx_litellm_error_t));

    if (ngx_litellm_error_set(call, e, NGX_LITELLM_BAD_REQUEST, 400, &s)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_litellm_call_broken(ngx_litellm_call_t *call, ngx_litellm_error_t *e,
    const char *text)
{
    ngx_str_t  s;

    s.data = (u_char *) text;
    s.len = ngx_strlen(text);

    ngx_memzero(e, sizeof(ngx_litellm_error_t));

    if (ngx_litellm_error_set(call, e, NGX_LITELLM_API_CONNECTION, 502, &s)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_DECLINED;
}
