
/*
 * The reply of the script that shares accounts: see ngx_litellm_share.h.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_share.h"


/* numbers of a gateway's text, in their order */
enum {
    NGX_LITELLM_SHARE_VERSION = 0,
    NGX_LITELLM_SHARE_WINDOW,
    NGX_LITELLM_SHARE_REQUESTS,
    NGX_LITELLM_SHARE_TOKENS,
    NGX_LITELLM_SHARE_INFLIGHT,
    NGX_LITELLM_SHARE_RESERVED,
    NGX_LITELLM_SHARE_SPEND,
    NGX_LITELLM_SHARE_ENDS,
    NGX_LITELLM_SHARE_WRITTEN,
    NGX_LITELLM_SHARE_NUMBERS,
    NGX_LITELLM_SHARE_SERIAL = NGX_LITELLM_SHARE_NUMBERS,
    NGX_LITELLM_SHARE_BOOT,
    NGX_LITELLM_SHARE_ALL
};


static ngx_int_t ngx_litellm_share_account(ngx_litellm_resp_t *list,
    int64_t now, ngx_litellm_share_t *share);
static ngx_uint_t ngx_litellm_share_is_own(ngx_str_t *text);
static void ngx_litellm_share_own(ngx_litellm_share_t *share,
    ngx_str_t *text);
static ngx_int_t ngx_litellm_share_text(ngx_litellm_resp_t *v, int64_t *f,
    ngx_uint_t n);
static ngx_int_t ngx_litellm_share_numbers(u_char *p, u_char *last,
    int64_t *f, ngx_uint_t n);
static void ngx_litellm_share_count(ngx_litellm_share_t *share, int64_t *f,
    int64_t now);


ngx_int_t
ngx_litellm_share_read(ngx_litellm_resp_t *reply,
    ngx_litellm_share_data_t *data, ngx_litellm_share_t *shares, ngx_uint_t n)
{
    int64_t     f[4];
    ngx_uint_t  i;

    if (reply->type != NGX_LITELLM_RESP_LIST || reply->nelts != n + 1
        || ngx_litellm_share_text(reply->elts[0], f, 4) != NGX_OK)
    {
        return NGX_ERROR;
    }

    data->now = ngx_max(f[0], 0);
    data->data = ngx_max(f[1], 0);
    data->lost = ngx_max(f[2], 0);
    data->calls = ngx_max(f[3], 0);

    for (i = 0; i < n; i++) {
        if (ngx_litellm_share_account(reply->elts[i + 1], data->now,
                                      &shares[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_share_account(ngx_litellm_resp_t *list, int64_t now,
    ngx_litellm_share_t *share)
{
    int64_t      f[NGX_LITELLM_SHARE_NUMBERS], window, ends;
    ngx_str_t   *text;
    ngx_uint_t   i;

    ngx_memzero(share, sizeof(ngx_litellm_share_t));

    if (list->type != NGX_LITELLM_RESP_LIST || list->nelts < 2
        || ngx_litellm_share_text(list->elts[0], &window, 1) != NGX_OK
        || ngx_litellm_share_text(list->elts[1], &ends, 1) != NGX_OK)
    {
        return NGX_ERROR;
    }

    window = ngx_max(window, 0);

    share->window = (uint64_t) window;
    share->age = window ? ngx_max(ngx_litellm_share_add(now, -window), 0) : 0;
    share->ends = ngx_max(ends, 0);

    for (i = 2; i < list->nelts; i++) {

        if (list->elts[i]->type != NGX_LITELLM_RESP_STRING) {
            return NGX_ERROR;
        }

        text = &list->elts[i]->text;

        if (ngx_litellm_share_is_own(text)) {
            ngx_litellm_share_own(share, text);
            continue;
        }

        /* a text that is none of ours must not stop all the others */

        if (ngx_litellm_share_numbers(text->data, text->data + text->len, f,
                                      NGX_LITELLM_SHARE_NUMBERS)
            == NGX_OK)
        {
            ngx_litellm_share_count(share, f, now);
        }
    }

    share->spend = ngx_litellm_share_add(share->spend, share->reserved);

    return NGX_OK;
}


/* as far as it is of what is now */

static void
ngx_litellm_share_count(ngx_litellm_share_t *share, int64_t *f, int64_t now)
{
    if (share->window != 0
        && f[NGX_LITELLM_SHARE_WINDOW] == (int64_t) share->window)
    {
        share->requests = ngx_litellm_share_add(share->requests,
                                 ngx_max(f[NGX_LITELLM_SHARE_REQUESTS], 0));
        share->tokens = ngx_litellm_share_add(share->tokens,
                                 ngx_max(f[NGX_LITELLM_SHARE_TOKENS], 0));
    }

    if (f[NGX_LITELLM_SHARE_ENDS] == share->ends) {
        share->spend = ngx_litellm_share_add(share->spend,
                                             f[NGX_LITELLM_SHARE_SPEND]);
    }

    if (ngx_litellm_share_add(now, -f[NGX_LITELLM_SHARE_WRITTEN])
        < NGX_LITELLM_SHARE_STALE)
    {
        share->inflight = ngx_litellm_share_add(share->inflight,
                                 ngx_max(f[NGX_LITELLM_SHARE_INFLIGHT], 0));
        share->reserved = ngx_litellm_share_add(share->reserved,
                                 ngx_max(f[NGX_LITELLM_SHARE_RESERVED], 0));
    }
}


static ngx_uint_t
ngx_litellm_share_is_own(ngx_str_t *text)
{
    return text->len > sizeof("own ") - 1
           && ngx_memcmp(text->data, "own ", sizeof("own ") - 1) == 0;
}


/* what can't be read is lost, and written anew */

static void
ngx_litellm_share_own(ngx_litellm_share_t *share, ngx_str_t *text)
{
    u_char      *p, *last;
    int64_t      f[NGX_LITELLM_SHARE_ALL];
    ngx_uint_t   n;

    share->own = 1;

    p = text->data + sizeof("own ") - 1;
    last = text->data + text->len;

    ngx_memzero(f, sizeof(f));

    /* a version before this one told less */

    n = NGX_LITELLM_SHARE_ALL;

    if (ngx_litellm_share_numbers(p, last, f, n) != NGX_OK) {

        ngx_memzero(f, sizeof(f));
        n = NGX_LITELLM_SHARE_NUMBERS;

        if (ngx_litellm_share_numbers(p, last, f, n) != NGX_OK) {
            return;
        }
    }

    share->own_window = (uint64_t) ngx_max(f[NGX_LITELLM_SHARE_WINDOW], 0);
    share->own_requests = ngx_max(f[NGX_LITELLM_SHARE_REQUESTS], 0);
    share->own_tokens = ngx_max(f[NGX_LITELLM_SHARE_TOKENS], 0);
    share->own_spend = f[NGX_LITELLM_SHARE_SPEND];
    share->own_ends = f[NGX_LITELLM_SHARE_ENDS];
    share->own_serial = (uint32_t) f[NGX_LITELLM_SHARE_SERIAL];
    share->own_boot = (uint32_t) f[NGX_LITELLM_SHARE_BOOT];
}


static ngx_int_t
ngx_litellm_share_text(ngx_litellm_resp_t *v, int64_t *f, ngx_uint_t n)
{
    if (v->type != NGX_LITELLM_RESP_STRING) {
        return NGX_ERROR;
    }

    return ngx_litellm_share_numbers(v->text.data, v->text.data + v->text.len,
                                     f, n);
}


/* at least so many, a space between; within what money can be */

static ngx_int_t
ngx_litellm_share_numbers(u_char *p, u_char *last, int64_t *f, ngx_uint_t n)
{
    int64_t      value;
    ngx_uint_t   i, minus;

    for (i = 0; i < n; i++) {

        if (i > 0 && (p == last || *p++ != ' ')) {
            return NGX_ERROR;
        }

        minus = (p < last && *p == '-');
        p += minus;

        if (p == last || *p < '0' || *p > '9') {
            return NGX_ERROR;
        }

        for (value = 0; p < last && *p >= '0' && *p <= '9'; p++) {

            if (value > NGX_LITELLM_MONEY_MAX / 10 - 1) {
                return NGX_ERROR;
            }

            value = value * 10 + (*p - '0');
        }

        f[i] = minus ? -value : value;
    }

    return (p == last || *p == ' ') ? NGX_OK : NGX_ERROR;
}
