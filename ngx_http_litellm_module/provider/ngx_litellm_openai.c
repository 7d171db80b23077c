
/*
 * The OpenAI provider dialect, spoken by OpenAI and by every compatible
 * server: chat/completions, completions and embeddings.
 *
 * Only clients of the same dialect are served here (wire->pass): their bytes
 * go through with a few edits (ngx_litellm_openai_body.c) and the answer's
 * bytes are only looked at (ngx_litellm_openai_tap.c).
 */

#include "ngx_litellm_openai_dialect.h"


static ngx_int_t ngx_litellm_openai_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_openai_path(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire);
static ngx_int_t ngx_litellm_openai_headers(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire);


const ngx_litellm_dialect_t  ngx_litellm_openai_dialect = {
    ngx_string("openai"),
    ngx_litellm_openai_request,
    NULL,                               /* no client of another dialect has */
    NULL,                               /* a translator from this one */
    ngx_litellm_openai_tap,
    ngx_litellm_openai_tap_event,
    ngx_litellm_error_openai,
    NGX_LITELLM_FRAMES_SSE,
    NULL
};


static ngx_int_t
ngx_litellm_openai_request(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire,
    ngx_litellm_error_t *e)
{
    wire->pass = 1;
    wire->hide_usage = 0;

    if (ngx_litellm_openai_path(call, wire) != NGX_OK
        || ngx_litellm_openai_headers(call, wire) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_litellm_openai_body(call, wire, e);
}


/*
 * api_base and what is called below it.  An api_base that names the endpoint
 * already, as some guides have it, is taken as it is.
 */

static ngx_int_t
ngx_litellm_openai_path(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire)
{
    u_char             *p;
    size_t              len;
    ngx_str_t           path;
    ngx_litellm_url_t  *url;

    switch (call->op) {

    case NGX_LITELLM_OP_CHAT:
        ngx_str_set(&path, "/chat/completions");
        break;

    case NGX_LITELLM_OP_COMPLETIONS:
        ngx_str_set(&path, "/completions");
        break;

    default: /* NGX_LITELLM_OP_EMBEDDINGS */
        ngx_str_set(&path, "/embeddings");
    }

    url = &call->deployment->url;

    if (url->path.len >= path.len
        && ngx_memcmp(url->path.data + url->path.len - path.len, path.data,
                      path.len)
           == 0)
    {
        path.len = 0;
    }

    len = url->path.len + path.len;

    if (url->args.len) {
        len += 1 + url->args.len;
    }

    p = ngx_pnalloc(call->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    wire->path.data = p;
    wire->path.len = len;

    p = ngx_cpymem(p, url->path.data, url->path.len);
    p = ngx_cpymem(p, path.data, path.len);

    if (url->args.len) {
        *p++ = '?';
        ngx_memcpy(p, url->args.data, url->args.len);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_openai_headers(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire)
{
    u_char        *p;
    size_t         len;
    ngx_str_t     *key, *organization;
    ngx_keyval_t  *h;

    if (wire->headers.elts == NULL
        && ngx_array_init(&wire->headers, call->pool, 4, sizeof(ngx_keyval_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    key = &call->deployment->api_key;

    if (key->len) {
        h = ngx_array_push(&wire->headers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        len = sizeof("Bearer ") - 1 + key->len;

        p = ngx_pnalloc(call->pool, len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        ngx_str_set(&h->key, "Authorization");
        h->value.data = p;
        h->value.len = len;

        p = ngx_cpymem(p, "Bearer ", sizeof("Bearer ") - 1);
        ngx_memcpy(p, key->data, key->len);
    }

    organization = &call->deployment->organization;

    if (organization->len) {
        h = ngx_array_push(&wire->headers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        ngx_str_set(&h->key, "OpenAI-Organization");
        h->value = *organization;
    }

    return NGX_OK;
}
