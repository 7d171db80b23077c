
/*
 * The address of an api_base: http or https, host, port, path.  Called for
 * every deployment at configuration time; the text may be anything (a
 * placeholder, a template, a password), so it is never part of a message.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config.h"


static const char *ngx_litellm_url_host(u_char *p, u_char *last,
    ngx_litellm_url_t *url, u_char *dst);
static ngx_uint_t ngx_litellm_url_path_char(u_char c);


ngx_int_t
ngx_litellm_url_parse(ngx_pool_t *pool, ngx_str_t *text,
    ngx_litellm_url_t *url, const char **why)
{
    u_char      *p, *last, *host, *end, *q, *buf;
    ngx_uint_t   port;

    ngx_memzero(url, sizeof(ngx_litellm_url_t));

    p = text->data;
    last = p + text->len;

    if (text->len > 8 && ngx_strncasecmp(p, (u_char *) "https://", 8) == 0) {
        p += 8;
        url->tls = 1;
        port = 443;

    } else if (text->len > 7
               && ngx_strncasecmp(p, (u_char *) "http://", 7) == 0)
    {
        p += 7;
        port = 80;

    } else {
        *why = "must begin with \"http://\" or \"https://\"";
        return NGX_DECLINED;
    }

    url->port = (in_port_t) port;
    host = p;

    while (p < last && *p != '/' && *p != '?' && *p != '#') {
        if (*p == '@') {
            *why = "must not hold a user name or password";
            return NGX_DECLINED;
        }

        p++;
    }

    end = p;

    for (q = p; q < last; q++) {
        if (!ngx_litellm_url_path_char(*q)) {
            *why = "has a character that a URL does not have";
            return NGX_DECLINED;
        }

        if (*q == '#') {
            last = q;
            break;
        }
    }

    /* host, authority, path and arguments, a NUL behind each */

    buf = ngx_pnalloc(pool, (end - host) * 2 + (last - end) + 16);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    *why = ngx_litellm_url_host(host, end, url, buf);
    if (*why) {
        return NGX_DECLINED;
    }

    buf += url->host.len;
    *buf++ = '\0';

    url->authority.data = buf;

    if (*host == '[') {
        buf = ngx_sprintf(buf, "[%V]", &url->host);
    } else {
        buf = ngx_cpymem(buf, url->host.data, url->host.len);
    }

    if (url->port != port) {
        buf = ngx_sprintf(buf, ":%d", (int) url->port);
    }

    url->authority.len = buf - url->authority.data;
    *buf++ = '\0';

    for (q = p; q < last && *q != '?'; q++) { /* void */ }

    end = q;

    while (end > p && end[-1] == '/') {
        end--;
    }

    url->path.data = buf;
    url->path.len = end - p;
    buf = ngx_cpymem(buf, p, end - p);
    *buf++ = '\0';

    if (q < last) {
        url->args.data = buf;
        url->args.len = last - q - 1;
        buf = ngx_cpymem(buf, q + 1, last - q - 1);
        *buf = '\0';
    }

    return NGX_OK;
}


/* host and port into dst; returns what is wrong, or NULL */

static const char *
ngx_litellm_url_host(u_char *p, u_char *last, ngx_litellm_url_t *url,
    u_char *dst)
{
    u_char      c, *start;
    ngx_int_t   port;
    ngx_uint_t  v6;

    start = p;
    v6 = (p < last && *p == '[');
    url->host.data = dst;

    if (v6) {
        for (p++; p < last && *p != ']'; p++) {
            c = ngx_tolower(*p);

            if (!isxdigit(c) && c != ':' && c != '.') {
                return "has an invalid IPv6 address";
            }

            *dst++ = c;
        }

        if (p == last || dst - url->host.data < 2) {
            return "has an invalid IPv6 address";
        }

        p++;

    } else {
        for ( /* void */ ; p < last && *p != ':'; p++) {
            c = ngx_tolower(*p);

            if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')
                && c != '-' && c != '_' && c != '.')
            {
                return "has an invalid host name";
            }

            if (c == '.' && (p == start || p[-1] == '.')) {
                return "has an invalid host name";
            }

            *dst++ = c;
        }
    }

    url->host.len = dst - url->host.data;

    if (url->host.len == 0) {
        return "has no host name";
    }

    if (url->host.len > 255) {
        return "has an invalid host name";
    }

    if (p == last) {
        return NULL;
    }

    if (*p != ':') {
        return "has an invalid host name";
    }

    port = ngx_atoi(p + 1, last - p - 1);

    if (port < 1 || port > 65535) {
        return "has an invalid port";
    }

    url->port = (in_port_t) port;
    url->port_given = 1;

    return NULL;
}


static ngx_uint_t
ngx_litellm_url_path_char(u_char c)
{
    if (c <= ' ' || c >= 0x7f) {
        return 0;
    }

    return c != '"' && c != '<' && c != '>' && c != '\\' && c != '^'
           && c != '`' && c != '{' && c != '|' && c != '}';
}
