
/*
 * The list of URLs that dialects want as bytes (ngx_litellm_provider.h).  Who
 * fetches them is http/ngx_http_litellm_fetch.c; here is what a dialect sees.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_provider.h"


/* of one request */
#define NGX_LITELLM_FETCHES  32


static ngx_int_t ngx_litellm_fetch_failed(ngx_litellm_call_t *call,
    ngx_litellm_error_t *e, const char *why);


ngx_int_t
ngx_litellm_fetch(ngx_litellm_call_t *call, ngx_str_t *url, ngx_str_t *media,
    ngx_str_t *data, ngx_litellm_error_t *e)
{
    ngx_str_t             text;
    ngx_uint_t            i;
    ngx_litellm_fetch_t  *f;

    if (!call->may_fetch) {
        return ngx_litellm_call_bad(call, e, "this provider takes images and "
                                    "files as data: URLs only; fetching them "
                                    "from URLs is off (litellm_fetch)");
    }

    if (ngx_litellm_json_unescape(call->pool, &text, url) != NGX_OK) {
        return NGX_ERROR;
    }

    if (call->fetches == NULL) {
        call->fetches = ngx_array_create(call->pool, 2,
                                         sizeof(ngx_litellm_fetch_t));
        if (call->fetches == NULL) {
            return NGX_ERROR;
        }
    }

    f = call->fetches->elts;

    for (i = 0; i < call->fetches->nelts; i++) {

        if (f[i].url.len != text.len
            || ngx_memcmp(f[i].url.data, text.data, text.len) != 0)
        {
            continue;
        }

        if (!f[i].done) {
            return NGX_AGAIN;
        }

        if (f[i].error != NULL) {
            return ngx_litellm_fetch_failed(call, e, f[i].error);
        }

        *media = f[i].media;
        *data = f[i].data;

        return NGX_OK;
    }

    if (call->fetches->nelts == NGX_LITELLM_FETCHES) {
        return ngx_litellm_fetch_failed(call, e, "more than 32 URLs in one "
                                        "request");
    }

    f = ngx_array_push(call->fetches);
    if (f == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(f, sizeof(ngx_litellm_fetch_t));

    f->url = text;

    return NGX_AGAIN;
}


/* LiteLLM's ImageFetchError is a 400, too */

static ngx_int_t
ngx_litellm_fetch_failed(ngx_litellm_call_t *call, ngx_litellm_error_t *e,
    const char *why)
{
    u_char     *p;
    ngx_str_t   text;

    text.len = sizeof("Unable to fetch an image or file: ") - 1
               + ngx_strlen(why);

    p = ngx_pnalloc(call->pool, text.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text.data = p;
    (void) ngx_sprintf(p, "Unable to fetch an image or file: %s%Z", why);

    return ngx_litellm_call_bad(call, e, (char *) text.data);
}
