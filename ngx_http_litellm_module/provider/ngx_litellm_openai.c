
/*
 * The OpenAI provider dialect, spoken by OpenAI and by every compatible
 * server: chat/completions, completions and embeddings.
 *
 * A client of the same dialect passes (wire->pass): its bytes go through with
 * a few edits (ngx_litellm_openai_body.c) and the answer's bytes are only
 * looked at (ngx_litellm_openai_tap.c).  For all others there is a translator
 * (ngx_litellm_openai_translate.c).
 */

#include "ngx_litellm_openai_dialect.h"


static ngx_int_t ngx_litellm_openai_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_openai_wire(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e);
static void ngx_litellm_openai_error_body(ngx_litellm_call_t *call,
    ngx_uint_t status, ngx_str_t *body, ngx_litellm_error_t *e);


const ngx_litellm_dialect_t  ngx_litellm_openai_dialect = {
    ngx_string("openai"),
    ngx_litellm_openai_request,
    ngx_litellm_openai_response,
    ngx_litellm_openai_event_data,
    ngx_litellm_openai_tap,
    ngx_litellm_openai_tap_event,
    ngx_litellm_openai_error_body,
    NGX_LITELLM_FRAMES_SSE,
    NULL
};


static ngx_int_t
ngx_litellm_openai_request(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire,
    ngx_litellm_error_t *e)
{
    ngx_int_t            rc;
    ngx_litellm_call_t  *chat;

    if (!ngx_litellm_openai_translates(call)) {
        wire->pass = 1;
        return ngx_litellm_openai_wire(call, wire, e);
    }

    chat = ngx_palloc(call->pool, sizeof(ngx_litellm_call_t));
    if (chat == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_litellm_openai_translate(call, chat, e);

    if (rc == NGX_OK) {
        rc = ngx_litellm_openai_wire(chat, wire, e);

        call->provider_model = chat->provider_model;
        call->fetches = chat->fetches;
    }

    wire->pass = 0;
    wire->hide_usage = 0;

    return rc;
}


static ngx_int_t
ngx_litellm_openai_wire(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire,
    ngx_litellm_error_t *e)
{
    ngx_int_t                     rc;
    const ngx_litellm_variant_t  *variant;

    wire->hide_usage = 0;

    if (wire->headers.elts == NULL
        && ngx_array_init(&wire->headers, call->pool, 4, sizeof(ngx_keyval_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    variant = call->deployment->provider->variant;

    rc = (variant != NULL && variant->path != NULL)
         ? variant->path(call, wire)
         : ngx_litellm_openai_path(call, wire);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    rc = (variant != NULL && variant->headers != NULL)
         ? variant->headers(call, wire)
         : ngx_litellm_openai_headers(call, wire);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_litellm_openai_body(call, wire, e);
}


/*
 * api_base and what is called below it.  An api_base that names the endpoint
 * already, as some guides have it, is taken as it is.
 */

ngx_int_t
ngx_litellm_openai_path(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire)
{
    ngx_str_t  path;

    ngx_litellm_openai_endpoint(call, &path);

    return ngx_litellm_openai_below(call, wire, &path);
}


void
ngx_litellm_openai_endpoint(ngx_litellm_call_t *call, ngx_str_t *path)
{
    switch (call->op) {

    case NGX_LITELLM_OP_CHAT:
        ngx_str_set(path, "/chat/completions");
        break;

    case NGX_LITELLM_OP_COMPLETIONS:
        ngx_str_set(path, "/completions");
        break;

    default: /* NGX_LITELLM_OP_EMBEDDINGS */
        ngx_str_set(path, "/embeddings");
    }
}


ngx_int_t
ngx_litellm_openai_below(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire,
    ngx_str_t *path)
{
    u_char             *p;
    size_t              len, own;
    ngx_litellm_url_t  *url;

    url = &call->deployment->url;
    own = path->len;

    if (url->path.len >= own
        && ngx_memcmp(url->path.data + url->path.len - own, path->data, own)
           == 0)
    {
        own = 0;
    }

    len = url->path.len + own;

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
    p = ngx_cpymem(p, path->data, own);

    if (url->args.len) {
        *p++ = '?';
        ngx_memcpy(p, url->args.data, url->args.len);
    }

    return NGX_OK;
}


ngx_int_t
ngx_litellm_openai_headers(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire)
{
    ngx_str_t  *organization;

    if (ngx_litellm_wire_bearer(call, wire, ngx_litellm_call_key(call))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    organization = &call->deployment->organization;

    if (organization->len) {
        return ngx_litellm_wire_header(wire, "OpenAI-Organization",
                                       sizeof("OpenAI-Organization") - 1,
                                       organization);
    }

    return NGX_OK;
}


static void
ngx_litellm_openai_error_body(ngx_litellm_call_t *call, ngx_uint_t status,
    ngx_str_t *body, ngx_litellm_error_t *e)
{
    const ngx_litellm_variant_t  *variant;

    variant = call->deployment->provider->variant;

    if (variant != NULL && variant->error != NULL) {
        variant->error(call, status, body, e);
        return;
    }

    ngx_litellm_error_openai(call, status, body, e);
}
