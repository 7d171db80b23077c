
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
    NGX_LITELLM_SHARE_NUMBERS
};


static ngx_int_t ngx_litellm_share_account(ngx_litellm_resp_t *list,
    int64_t now, ngx_litellm_share_t *share);
static ngx_int_t ngx_litellm_share_numbers(ngx_litellm_resp_t *text,
    int64_t *f, ngx_uint_t n);
static void ngx_litellm_share_count(ngx_litellm_share_t *share, int64_t *f,
    int64_t now);


ngx_int_t
ngx_litellm_share_read(ngx_litellm_resp_t *reply, ngx_litellm_share_t *shares,
    ngx_uint_t n)
{
    int64_t     now;
    ngx_uint_t  i;

    if (reply->type != NGX_LITELLM_RESP_LIST || reply->nelts != n + 1
        || ngx_litellm_share_numbers(reply->elts[0], &now, 1) != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        if (ngx_litellm_share_account(reply->elts[i + 1], now, &shares[i])
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
    ngx_uint_t   i;

    ngx_memzero(share, sizeof(ngx_litellm_share_t));

    if (list->type != NGX_LITELLM_RESP_LIST || list->nelts < 2
        || ngx_litellm_share_numbers(list->elts[0], &window, 1) != NGX_OK
        || ngx_litellm_share_numbers(list->elts[1], &ends, 1) != NGX_OK)
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

        /* a text that is none of ours must not stop all the others */

        if (ngx_litellm_share_numbers(list->elts[i], f,
                                      NGX_LITELLM_SHARE_NUMBERS)
            == NGX_OK)
        {
            ngx_litellm_share_count(share, f, now);
        }
    }

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
        share->spend = ngx_litellm_share_add(share->spend,
                                 ngx_max(f[NGX_LITELLM_SHARE_RESERVED], 0));
    }
}


/* at least so many, a space between; within what money can be */

static ngx_int_t
ngx_litellm_share_numbers(ngx_litellm_resp_t *text, int64_t *f, ngx_uint_t n)
{
    u_char      *p, *last;
    int64_t      value;
    ngx_uint_t   i, minus;

    if (text->type != NGX_LITELLM_RESP_STRING) {
        return NGX_ERROR;
    }

    p = text->text.data;
    last = p + text->text.len;

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
