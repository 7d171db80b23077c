
/*
 * The list of URLs that dialects want as bytes (ngx_litellm_provider.h).  Who
 * fetches them is http/ngx_http_litellm_fetch.c; here is what a dialect sees.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_provider.h"


/* of one request */
#define NGX_LITELLM_FETCHES  32


typedef struct {
    const char  *bytes;
    size_t       len;
    size_t       at;
    ngx_str_t    media;
} ngx_litellm_fetch_magic_t;


static ngx_int_t ngx_litellm_fetch_failed(ngx_litellm_call_t *call,
    ngx_litellm_error_t *e, const char *why);


/* what providers take, by its first bytes */

static ngx_litellm_fetch_magic_t  ngx_litellm_fetch_magic[] = {
    { "\x89PNG\r\n", 6, 0, ngx_string("image/png") },
    { "\xff\xd8\xff", 3, 0, ngx_string("image/jpeg") },
    { "GIF8", 4, 0, ngx_string("image/gif") },
    { "WEBP", 4, 8, ngx_string("image/webp") },
    { "%PDF-", 5, 0, ngx_string("application/pdf") },
    { NULL, 0, 0, ngx_null_string }
};


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


ngx_int_t
ngx_litellm_fetch_media(ngx_pool_t *pool, ngx_litellm_fetch_t *f,
    ngx_str_t *type, ngx_str_t *body)
{
    u_char      c, *p;
    size_t      len;
    ngx_uint_t  i, slash;

    slash = 0;

    for (len = 0; len < type->len; len++) {
        c = type->data[len];

        if (c == '/') {
            slash++;
            continue;
        }

        /* RFC 6838's characters: nothing that JSON would escape */

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z')
            && !(c >= '0' && c <= '9')
            && (c == '\0' || ngx_strchr("!#$&-^_.+", c) == NULL))
        {
            break;
        }
    }

    if (slash != 1 || len > 127
        || (len < type->len && type->data[len] != ';'
            && type->data[len] != ' ' && type->data[len] != '\t'))
    {
        len = 0;
    }

    if (len >= sizeof("octet-stream")
        && ngx_strncasecmp(type->data + len - (sizeof("octet-stream") - 1),
                           (u_char *) "octet-stream",
                           sizeof("octet-stream") - 1)
           == 0)
    {
        len = 0;
    }

    if (len != 0) {
        p = ngx_pnalloc(pool, len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        ngx_strlow(p, type->data, len);

        f->media.data = p;
        f->media.len = len;

        return NGX_OK;
    }

    for (i = 0; ngx_litellm_fetch_magic[i].len; i++) {

        len = ngx_litellm_fetch_magic[i].len;

        if (body->len >= ngx_litellm_fetch_magic[i].at + len
            && ngx_memcmp(body->data + ngx_litellm_fetch_magic[i].at,
                          ngx_litellm_fetch_magic[i].bytes, len)
               == 0)
        {
            f->media = ngx_litellm_fetch_magic[i].media;
            break;
        }
    }

    return NGX_OK;
}
