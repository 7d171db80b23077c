
/*
 * Who asks: the master key, in any header that LiteLLM's clients put it in.
 * Runs in the access phase, so that satisfy, allow/deny and auth_basic compose
 * with it, and again in the content phase where no verdict is there (the
 * access phase is not run for subrequests, and an internal redirect forgets
 * the context).
 */

#include "ngx_http_litellm.h"


static ngx_uint_t ngx_http_litellm_same_key(ngx_str_t *a, ngx_str_t *b);


ngx_int_t
ngx_http_litellm_access_handler(ngx_http_request_t *r)
{
    ngx_http_litellm_ctx_t       *ctx;
    ngx_http_litellm_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);

    if (!lcf->enable || lcf->config->master_key.len == 0) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_litellm_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r->method == NGX_HTTP_OPTIONS) {

        /* a preflight carries no credentials and is told nothing */

        return NGX_DECLINED;
    }

    ctx->api = ngx_http_litellm_api(r, ctx);

    if (ctx->api != NULL && ctx->api->open) {
        return NGX_DECLINED;
    }

    if (ngx_http_litellm_auth(r, ctx, 0) == NGX_OK) {
        return NGX_OK;
    }

    return ctx->error.status;
}


ngx_int_t
ngx_http_litellm_auth(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx,
    ngx_uint_t in_content)
{
    ngx_int_t                     rc;
    ngx_str_t                     key;
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_litellm_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);

    if (lcf->config->master_key.len == 0 || ctx->authorized) {
        return NGX_OK;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (in_content && r == r->main && clcf->satisfy == NGX_HTTP_SATISFY_ANY) {

        /* the access phase has let it in: another module was satisfied */

        return NGX_OK;
    }

    rc = ngx_http_litellm_auth_key(r, &key);

    if (rc == NGX_OK
        && ngx_http_litellm_same_key(&key, &lcf->config->master_key))
    {
        ngx_memzero(&ctx->error, sizeof(ngx_litellm_error_t));
        ctx->authorized = 1;
        return NGX_OK;
    }

    if (rc == NGX_DECLINED) {
        (void) ngx_http_litellm_refuse(&ctx->error,
                            NGX_LITELLM_AUTHENTICATION, 401, "auth_error",
                            "Authentication Error, No api key passed in.");
        ngx_str_set(&ctx->error.param, "None");

    } else if (rc == NGX_ERROR) {
        (void) ngx_http_litellm_refuse(&ctx->error,
                            NGX_LITELLM_AUTHENTICATION, 401, "auth_error",
                            "Authentication Error, Malformed API Key passed "
                            "in. Ensure Key has `Bearer ` prefix.");
        ngx_str_set(&ctx->error.param, "None");

    } else {
        (void) ngx_http_litellm_refuse(&ctx->error,
                            NGX_LITELLM_AUTHENTICATION, 401,
                            "token_not_found_in_db",
                            "Authentication Error, Invalid proxy server token "
                            "passed.");
        ngx_str_set(&ctx->error.param, "key");
    }

    return NGX_DECLINED;
}


/*
 * LiteLLM's order: x-litellm-api-key, Authorization, API-Key, x-api-key.
 * NGX_DECLINED: none; NGX_ERROR: an Authorization of another scheme.
 */

ngx_int_t
ngx_http_litellm_auth_key(ngx_http_request_t *r, ngx_str_t *key)
{
    ngx_str_t        *value, own, api, x;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    ngx_str_null(&own);
    ngx_str_null(&api);
    ngx_str_null(&x);

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        switch (h[i].key.len) {

        case sizeof("x-litellm-api-key") - 1:
            if (ngx_strncmp(h[i].lowcase_key, "x-litellm-api-key",
                            h[i].key.len)
                == 0)
            {
                own = h[i].value;
            }

            break;

        case sizeof("x-api-key") - 1:
            if (ngx_strncmp(h[i].lowcase_key, "x-api-key", h[i].key.len)
                == 0)
            {
                x = h[i].value;
            }

            break;

        case sizeof("api-key") - 1:
            if (ngx_strncmp(h[i].lowcase_key, "api-key", h[i].key.len) == 0) {
                api = h[i].value;
            }

            break;
        }
    }

    if (own.len) {
        value = &own;

    } else if (r->headers_in.authorization) {
        value = &r->headers_in.authorization->value;

        if (value->len < sizeof("Bearer ")
            || ngx_strncasecmp(value->data, (u_char *) "Bearer ",
                               sizeof("Bearer ") - 1)
               != 0)
        {
            return NGX_ERROR;
        }

    } else if (api.len) {
        value = &api;

    } else if (x.len) {
        value = &x;

    } else {
        return NGX_DECLINED;
    }

    *key = *value;

    if (key->len >= sizeof("Bearer ")
        && ngx_strncasecmp(key->data, (u_char *) "Bearer ",
                           sizeof("Bearer ") - 1)
           == 0)
    {
        key->data += sizeof("Bearer ") - 1;
        key->len -= sizeof("Bearer ") - 1;
    }

    while (key->len && key->data[0] == ' ') {
        key->data++;
        key->len--;
    }

    return NGX_OK;
}


/* in a time that tells nothing but the length of what was sent */

static ngx_uint_t
ngx_http_litellm_same_key(ngx_str_t *a, ngx_str_t *b)
{
    size_t      i;
    ngx_uint_t  diff;

    diff = (a->len != b->len);

    for (i = 0; i < a->len; i++) {
        diff |= a->data[i] ^ b->data[i % b->len];
    }

    return diff == 0;
}
