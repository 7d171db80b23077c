
/*
 * Address and headers of a request to Anthropic: the endpoint below api_base,
 * the version, the key, and one anthropic-beta header made of what the body
 * needs (bits set while it was written) and what the operator set.
 */

#include "ngx_litellm_anthropic.h"
#include "ngx_litellm_vertex.h"


/* what Claude has at Vertex AI of those below (Claude docs, "Vertex AI") */
#define NGX_LITELLM_ANTHROPIC_B_VERTEX                                        \
    (NGX_LITELLM_ANTHROPIC_B_TOOL_SEARCH                                      \
     | NGX_LITELLM_ANTHROPIC_B_COMPUTER_24                                    \
     | NGX_LITELLM_ANTHROPIC_B_COMPUTER_25                                    \
     | NGX_LITELLM_ANTHROPIC_B_COMPUTER_26                                    \
     | NGX_LITELLM_ANTHROPIC_B_CONTEXT)


static ngx_int_t ngx_litellm_anthropic_beta(ngx_litellm_anthropic_t *a);
static ngx_int_t ngx_litellm_anthropic_header(ngx_litellm_anthropic_t *a,
    const char *key, ngx_str_t *value);


static const struct {
    ngx_uint_t   bit;
    ngx_str_t    name;
} ngx_litellm_anthropic_betas[] = {
    { NGX_LITELLM_ANTHROPIC_B_TOOL_SEARCH,
      ngx_string("advanced-tool-use-2025-11-20") },
    { NGX_LITELLM_ANTHROPIC_B_CODE_0522,
      ngx_string("code-execution-2025-05-22") },
    { NGX_LITELLM_ANTHROPIC_B_CODE_0825,
      ngx_string("code-execution-2025-08-25") },
    { NGX_LITELLM_ANTHROPIC_B_COMPUTER_24,
      ngx_string("computer-use-2024-10-22") },
    { NGX_LITELLM_ANTHROPIC_B_COMPUTER_25,
      ngx_string("computer-use-2025-01-24") },
    { NGX_LITELLM_ANTHROPIC_B_COMPUTER_26,
      ngx_string("computer-use-2025-11-24") },
    { NGX_LITELLM_ANTHROPIC_B_CONTEXT,
      ngx_string("context-management-2025-06-27") },
    { NGX_LITELLM_ANTHROPIC_B_FILES,
      ngx_string("files-api-2025-04-14") },
    { NGX_LITELLM_ANTHROPIC_B_MCP,
      ngx_string("mcp-client-2025-04-04") },
    { NGX_LITELLM_ANTHROPIC_B_OAUTH,
      ngx_string("oauth-2025-04-20") },
    { NGX_LITELLM_ANTHROPIC_B_SCHEMA,
      ngx_string("structured-outputs-2025-11-13") },
    { NGX_LITELLM_ANTHROPIC_B_WEB_FETCH,
      ngx_string("web-fetch-2025-09-10") }
};


/* Vertex AI's own name for it, not longer than the other */
static const ngx_str_t  ngx_litellm_vertex_tool_search =
    ngx_string("tool-search-tool-2025-10-19");


/* api_base may be the host, end with /v1, or name the endpoint */

ngx_int_t
ngx_litellm_anthropic_path(ngx_litellm_anthropic_t *a)
{
    u_char             *p;
    ngx_str_t           path, tail;
    ngx_litellm_url_t  *url;

    if (a->vertex) {
        return ngx_litellm_vertex_path(a->call, "anthropic",
                                       a->call->stream ? "streamRawPredict"
                                                       : "rawPredict",
                                       "", &a->wire->path);
    }

    url = &a->call->deployment->url;
    path = url->path;

    ngx_str_set(&tail, "/v1/messages");

    if (path.len >= 12
        && ngx_memcmp(path.data + path.len - 12, "/v1/messages", 12) == 0)
    {
        tail.len = 0;

    } else if (path.len >= 3
               && ngx_memcmp(path.data + path.len - 3, "/v1", 3) == 0)
    {
        ngx_str_set(&tail, "/messages");
    }

    p = ngx_pnalloc(a->call->pool, path.len + tail.len + 1 + url->args.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    a->wire->path.data = p;

    p = ngx_cpymem(p, path.data, path.len);
    p = ngx_cpymem(p, tail.data, tail.len);

    if (url->args.len) {
        *p++ = '?';
        p = ngx_cpymem(p, url->args.data, url->args.len);
    }

    a->wire->path.len = p - a->wire->path.data;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_anthropic_headers(ngx_litellm_anthropic_t *a)
{
    u_char            *p;
    ngx_str_t          value, *key;

    if (a->vertex) {

        if (ngx_litellm_vertex_headers(a->call, a->wire) != NGX_OK) {
            return NGX_ERROR;
        }

        a->betas &= NGX_LITELLM_ANTHROPIC_B_VERTEX;

        return ngx_litellm_anthropic_beta(a);
    }

    key = &a->call->deployment->api_key;

    ngx_str_set(&value, "2023-06-01");

    if (ngx_litellm_anthropic_header(a, "anthropic-version", &value)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (a->call->token.len) {

        /* of another cloud that has these models */

        if (ngx_litellm_wire_bearer(a->call, a->wire, &a->call->token)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        return ngx_litellm_anthropic_beta(a);
    }

    /* a token of an account, not a key: another header and a beta */

    if (key->len > 10 && ngx_strncmp(key->data, "sk-ant-oat", 10) == 0) {

        p = ngx_pnalloc(a->call->pool, sizeof("Bearer ") - 1 + key->len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        value.data = p;
        p = ngx_cpymem(p, "Bearer ", sizeof("Bearer ") - 1);
        p = ngx_cpymem(p, key->data, key->len);
        value.len = p - value.data;

        a->betas |= NGX_LITELLM_ANTHROPIC_B_OAUTH;

        if (ngx_litellm_anthropic_header(a, "authorization", &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

    } else if (key->len) {

        if (ngx_litellm_anthropic_header(a, "x-api-key", key) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_litellm_anthropic_beta(a);
}


/* one header for what the body needs and what the operator set */

static ngx_int_t
ngx_litellm_anthropic_beta(ngx_litellm_anthropic_t *a)
{
    u_char           *p;
    size_t            len;
    ngx_str_t         value;
    ngx_uint_t        i, n;
    ngx_array_t      *headers;
    ngx_keyval_t     *h, *own;
    const ngx_str_t  *name;

    if (a->betas == 0) {
        return NGX_OK;
    }

    own = NULL;
    headers = a->call->deployment->headers;

    if (headers) {
        h = headers->elts;

        for (i = 0; i < headers->nelts; i++) {
            if (h[i].key.len == sizeof("anthropic-beta") - 1
                && ngx_strncasecmp(h[i].key.data, (u_char *) "anthropic-beta",
                                   h[i].key.len)
                   == 0)
            {
                own = &h[i];
            }
        }
    }

    n = sizeof(ngx_litellm_anthropic_betas)
        / sizeof(ngx_litellm_anthropic_betas[0]);
    len = own ? own->value.len : 0;

    for (i = 0; i < n; i++) {
        len += ngx_litellm_anthropic_betas[i].name.len + 1;
    }

    p = ngx_pnalloc(a->call->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;

    if (own) {
        p = ngx_cpymem(p, own->value.data, own->value.len);
    }

    for (i = 0; i < n; i++) {

        if (!(a->betas & ngx_litellm_anthropic_betas[i].bit)) {
            continue;
        }

        name = &ngx_litellm_anthropic_betas[i].name;

        if (a->vertex && ngx_litellm_anthropic_betas[i].bit
                         == NGX_LITELLM_ANTHROPIC_B_TOOL_SEARCH)
        {
            name = &ngx_litellm_vertex_tool_search;
        }

        if (own && own->value.len >= name->len
            && ngx_litellm_find(own->value.data,
                                own->value.data + own->value.len,
                                (char *) name->data, name->len))
        {
            continue;
        }

        if (p > value.data) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, name->data, name->len);
    }

    value.len = p - value.data;

    return ngx_litellm_anthropic_header(a, "anthropic-beta", &value);
}


static ngx_int_t
ngx_litellm_anthropic_header(ngx_litellm_anthropic_t *a, const char *key,
    ngx_str_t *value)
{
    ngx_keyval_t  *h;

    h = ngx_array_push(&a->wire->headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->key.data = (u_char *) key;
    h->key.len = ngx_strlen(key);
    h->value = *value;

    return NGX_OK;
}
