
/*
 * Any bytes as a URL of a client, and the line behind it as a Location: what
 * is accepted goes into a request line and a Host header as it is, so nothing
 * but a plain host, a port and printable characters may come out, and it means
 * the same when it is read again.
 */

#include "fuzz.h"

#include "ngx_litellm_guard.h"


static void
fuzz_target(ngx_litellm_target_t *t)
{
    u_char      c;
    size_t      i;

    FUZZ_ASSERT(t->url.host.len && t->url.authority.len);
    FUZZ_ASSERT(t->url.port == 80 || t->url.port == 443);
    FUZZ_ASSERT(t->target.len && t->target.data[0] == '/');

    for (i = 0; i < t->target.len; i++) {
        c = t->target.data[i];
        FUZZ_ASSERT(c > ' ' && c < 0x7f && c != '#' && c != '\\');
    }

    for (i = 0; i < t->url.host.len; i++) {
        c = t->url.host.data[i];
        FUZZ_ASSERT((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
                    || c == '-' || c == '_' || c == '.' || c == ':');
    }

    FUZZ_ASSERT(t->url.host.data[t->url.host.len - 1] != '.');

    for (i = 0; i < t->url.authority.len; i++) {
        c = t->url.authority.data[i];
        FUZZ_ASSERT(c > ' ' && c < 0x7f && c != '@' && c != '/' && c != '\\');
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                *p;
    ngx_str_t              text, url, location;
    ngx_pool_t            *pool;
    const char            *why;
    ngx_litellm_guard_t    g;
    ngx_litellm_target_t   t, again;

    pool = fuzz_pool();

    ngx_memzero(&g, sizeof(ngx_litellm_guard_t));

    p = memchr(data, '\n', size);

    url = fuzz_copy(pool, data, p ? (size_t) (p - data) : size);

    if (ngx_litellm_guard_url(&g, pool, &url, &t, &why) != NGX_OK) {
        FUZZ_ASSERT(why != NULL);
        ngx_destroy_pool(pool);
        return 0;
    }

    fuzz_target(&t);

    ngx_str_null(&location);

    if (p != NULL) {
        p++;
        location = fuzz_copy(pool, p, size - (p - data));
    }

    /* its own target is a Location that leads to itself */

    FUZZ_ASSERT(t.target.len > 1 && t.target.data[1] == '/'
                ? 1
                : ngx_litellm_guard_location(pool, &t, &t.target, &text)
                  == NGX_OK);

    if (t.target.len == 1 || t.target.data[1] != '/') {
        FUZZ_ASSERT(ngx_litellm_guard_url(&g, pool, &text, &again, &why)
                    == NGX_OK || text.len > 8192);

        if (text.len <= 8192) {
            FUZZ_ASSERT(again.url.port == t.url.port
                        && again.url.tls == t.url.tls
                        && again.url.host.len == t.url.host.len
                        && ngx_memcmp(again.url.host.data, t.url.host.data,
                                      t.url.host.len)
                           == 0
                        && again.target.len == t.target.len
                        && ngx_memcmp(again.target.data, t.target.data,
                                      t.target.len)
                           == 0);
        }
    }

    FUZZ_ASSERT(ngx_litellm_guard_location(pool, &t, &location, &text)
                == NGX_OK);

    if (ngx_litellm_guard_url(&g, pool, &text, &again, &why) == NGX_OK) {
        fuzz_target(&again);
    }

    ngx_destroy_pool(pool);

    return 0;
}
