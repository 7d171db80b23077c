
/*
 * What may be fetched for a client: URLs in every odd spelling, addresses of
 * IANA's special registries, allow and deny, Location.
 */

#include "unit.h"

#include <arpa/inet.h>
#include "ngx_litellm_guard.h"


static const struct {
    const char  *text;
    const char  *host;        /* NULL: refused */
    const char  *authority;
    const char  *target;
} urls[] = {
    { "http://files.test/a.png", "files.test", "files.test", "/a.png" },
    { "HTTPS://Files.Test/A.png", "files.test", "files.test", "/A.png" },
    { "https://files.test", "files.test", "files.test", "/" },
    { "https://files.test/", "files.test", "files.test", "/" },
    { "https://files.test/a/", "files.test", "files.test", "/a/" },
    { "https://files.test?a=b", "files.test", "files.test", "/?a=b" },
    { "https://files.test#x", "files.test", "files.test", "/" },
    { "https://files.test/a?b=c/d#e?f", "files.test", "files.test",
      "/a?b=c/d" },
    { "http://files.test:80/x", "files.test", "files.test", "/x" },
    { "http://files.test:443/x", "files.test", "files.test:443", "/x" },
    { "http://files.test./x", "files.test", "files.test", "/x" },
    { "http://files.test.:443/x", "files.test", "files.test:443", "/x" },
    { "http://a/b c", "a", "a", "/b%20c" },
    { "http://a/\xc3\xa9", "a", "a", "/%C3%A9" },
    { "http://a/{b}|^`\"<>\\", "a", "a",
      "/%7Bb%7D%7C%5E%60%22%3C%3E%5C" },
    { "http://a/%41@b:c", "a", "a", "/%41@b:c" },
    { "http://a/http://127.0.0.1/", "a", "a", "/http://127.0.0.1/" },
    { "http://192.0.2.1/x", "192.0.2.1", "192.0.2.1", "/x" },
    { "http://0.0.0.0/x", "0.0.0.0", "0.0.0.0", "/x" },
    { "http://127.0.0.1./x", "127.0.0.1", "127.0.0.1", "/x" },
    { "http://[2001:DB8::1]/x", "2001:db8::1", "[2001:db8::1]", "/x" },
    { "http://[::ffff:127.0.0.1]/x", "::ffff:127.0.0.1",
      "[::ffff:127.0.0.1]", "/x" },
    { "http://1.2.3.com/x", "1.2.3.com", "1.2.3.com", "/x" },
    { "http://0x7f.test/x", "0x7f.test", "0x7f.test", "/x" },
    { "http://face/x", "face", "face", "/x" },

    { "", NULL, NULL, NULL },
    { "http://", NULL, NULL, NULL },
    { "http:///x", NULL, NULL, NULL },
    { "http://./x", NULL, NULL, NULL },
    { "ftp://a/x", NULL, NULL, NULL },
    { "file:///etc/passwd", NULL, NULL, NULL },
    { "gopher://a/", NULL, NULL, NULL },
    { "//a/x", NULL, NULL, NULL },
    { " http://a/", NULL, NULL, NULL },
    { "http://user@a/x", NULL, NULL, NULL },
    { "http://user:pass@a/x", NULL, NULL, NULL },
    { "http://a\\@b/x", NULL, NULL, NULL },
    { "http://a\\b/x", NULL, NULL, NULL },
    { "http://a b/x", NULL, NULL, NULL },
    { "http://a%2eb/x", NULL, NULL, NULL },
    { "http://\xc3\xa9/x", NULL, NULL, NULL },
    { "http://a/x\r\nHost: b", NULL, NULL, NULL },
    { "http://a/x\x7f", NULL, NULL, NULL },
    { "http://a/\tx", NULL, NULL, NULL },
    { "http://a:0/", NULL, NULL, NULL },
    { "http://a:22/", NULL, NULL, NULL },
    { "http://a:8080/", NULL, NULL, NULL },
    { "http://a:65616/", NULL, NULL, NULL },      /* 80, cut to 16 bits */
    { "http://0x7f.1/", NULL, NULL, NULL },
    { "http://0x7f000001/", NULL, NULL, NULL },
    { "http://0X7F000001/", NULL, NULL, NULL },
    { "http://0x/", NULL, NULL, NULL },
    { "http://2130706433/", NULL, NULL, NULL },
    { "http://0177.0.0.1/", NULL, NULL, NULL },
    { "http://127.0.0.01/", NULL, NULL, NULL },
    { "http://127.1/", NULL, NULL, NULL },
    { "http://127.0.0.1.1/", NULL, NULL, NULL },
    { "http://127.0.0.256/", NULL, NULL, NULL },
    { "http://127.0.0.1../", NULL, NULL, NULL },
    { "http://a.0/", NULL, NULL, NULL },
    { "http://a.0x1/", NULL, NULL, NULL },
    { "http://[127.0.0.1]/", NULL, NULL, NULL },
    { "http://[::1%25lo]/", NULL, NULL, NULL },
    { "http://[::1%lo]/", NULL, NULL, NULL },
    { "http://[::1/", NULL, NULL, NULL },
    { "http://[::1]a/", NULL, NULL, NULL },
    { "http://[1:2:3:4:5:6:7:8:9]/", NULL, NULL, NULL },
    { "http://[:]/", NULL, NULL, NULL },
    { "http://[::ffff:127..0.]/", NULL, NULL, NULL },
    { "http://[::ffff:127.0.0.01]/", NULL, NULL, NULL },
};


/* an address; allowed by default, with "private", with 2 CIDRs denied */

static const struct {
    const char  *text;
    int          plain;
    int          private;
    int          denied;
} addrs[] = {
    { "8.8.8.8", 1, 1, 0 },
    { "8.8.4.4", 1, 1, 1 },
    { "1.0.0.1", 1, 1, 1 },
    { "9.255.255.255", 1, 1, 1 },
    { "11.0.0.0", 1, 1, 1 },
    { "100.63.255.255", 1, 1, 1 },
    { "100.128.0.0", 1, 1, 1 },
    { "126.255.255.255", 1, 1, 1 },
    { "128.0.0.0", 1, 1, 1 },
    { "172.15.255.255", 1, 1, 1 },
    { "172.32.0.0", 1, 1, 1 },
    { "192.0.1.1", 1, 1, 1 },
    { "223.255.255.255", 1, 1, 1 },

    { "0.0.0.0", 0, 0, 0 },
    { "0.1.2.3", 0, 0, 0 },
    { "10.0.0.0", 0, 1, 0 },
    { "10.255.255.255", 0, 1, 0 },
    { "100.64.0.0", 0, 1, 0 },
    { "100.127.255.255", 0, 1, 0 },
    { "127.0.0.1", 0, 1, 0 },
    { "127.255.255.255", 0, 1, 0 },
    { "169.254.0.0", 0, 0, 0 },
    { "169.254.169.254", 0, 0, 0 },
    { "172.16.0.0", 0, 1, 0 },
    { "172.31.255.255", 0, 1, 0 },
    { "192.0.0.170", 0, 0, 0 },
    { "192.0.2.1", 0, 0, 0 },
    { "192.88.99.1", 0, 0, 0 },
    { "192.168.255.255", 0, 1, 0 },
    { "198.18.0.1", 0, 0, 0 },
    { "198.19.255.255", 0, 0, 0 },
    { "198.51.100.1", 0, 0, 0 },
    { "203.0.113.1", 0, 0, 0 },
    { "224.0.0.1", 0, 0, 0 },
    { "239.255.255.255", 0, 0, 0 },
    { "240.0.0.1", 0, 0, 0 },
    { "255.255.255.255", 0, 0, 0 },

#if (NGX_HAVE_INET6)
    { "2606:4700::1111", 1, 1, 1 },
    { "2001:4860:4860::8888", 1, 1, 0 },
    { "2001:200::1", 1, 1, 1 },
    { "3fff:1000::1", 1, 1, 1 },

    { "::", 0, 0, 0 },
    { "::1", 0, 1, 0 },
    { "::127.0.0.1", 0, 0, 0 },
    { "::8.8.4.4", 0, 0, 0 },
    { "::ffff:8.8.4.4", 1, 1, 1 },
    { "::ffff:8.8.8.8", 1, 1, 0 },
    { "::ffff:127.0.0.1", 0, 1, 0 },
    { "::ffff:169.254.169.254", 0, 0, 0 },
    { "::ffff:0:127.0.0.1", 0, 0, 0 },
    { "64:ff9b::8.8.4.4", 1, 1, 1 },
    { "64:ff9b::8.8.8.8", 1, 1, 0 },
    { "64:ff9b::127.0.0.1", 0, 1, 0 },
    { "64:ff9b::a9fe:a9fe", 0, 0, 0 },
    { "64:ff9b:1::8.8.4.4", 0, 0, 0 },
    { "2002:0808:0404::1", 1, 1, 1 },
    { "2002:0808:0808::1", 1, 1, 0 },
    { "2002:7f00:1::1", 0, 1, 0 },
    { "2002:a9fe:a9fe::1", 0, 0, 0 },
    { "100::1", 0, 0, 0 },
    { "2001::1", 0, 0, 0 },
    { "2001:0:4136:e378:8000:63bf:3fff:fdd2", 0, 0, 0 },
    { "2001:10::1", 0, 0, 0 },
    { "2001:20::1", 0, 0, 0 },
    { "2001:1ff::1", 0, 0, 0 },
    { "2001:db8::1", 0, 0, 0 },
    { "3fff::1", 0, 0, 0 },
    { "4000::1", 0, 0, 0 },
    { "5f00::1", 0, 0, 0 },
    { "fc00::1", 0, 1, 0 },
    { "fdff::1", 0, 1, 0 },
    { "fe80::1", 0, 0, 0 },
    { "fec0::1", 0, 0, 0 },
    { "ff02::1", 0, 0, 0 },
#endif
};


static const struct {
    const char  *base;
    const char  *location;
    const char  *text;
} locations[] = {
    { "https://a/b/c?d", "https://x/y", "https://x/y" },
    { "https://a/b/c?d", "file:///etc/passwd", "file:///etc/passwd" },
    { "https://a/b/c?d", "//x/y", "https://x/y" },
    { "http://a:443/b/c?d", "/y?z", "http://a:443/y?z" },
    { "https://a/b/c?d/e", "y", "https://a/b/y" },
    { "https://a/b/c?d", "?e", "https://a/b/c?e" },
    { "https://a", "y", "https://a/y" },
    { "http://a/b", "../y", "http://a/../y" },
    { "http://a/b/c", "y:z", "y:z" },
    { "http://a/b/c", "y/z:1", "http://a/b/y/z:1" },
    { "http://a/b/c", "", "http://a/b/" },
    { "http://[2001:db8::1]:443/b", "/c", "http://[2001:db8::1]:443/c" },
};


static ngx_array_t *cidrs(const char *one, const char *two);
static ngx_int_t ask(ngx_litellm_guard_t *g, const char *text);
static void test_urls(void);
static void test_addresses(void);
static void test_locations(void);
static void test_settings(void);


void
unit_main(void)
{
    test_urls();
    test_addresses();
    test_locations();
    test_settings();
}


static void
test_urls(void)
{
    u_char                *p;
    size_t                 i;
    ngx_int_t              rc;
    ngx_str_t              text;
    in_port_t             *port;
    const char            *why;
    ngx_litellm_guard_t    g;
    ngx_litellm_target_t   t;

    ngx_memzero(&g, sizeof(g));

    for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        unit_case("url %s", urls[i].text);

        text = unit_str(urls[i].text);
        why = NULL;

        rc = ngx_litellm_guard_url(&g, unit_pool, &text, &t, &why);

        if (urls[i].host == NULL) {
            CHECK_INT(rc, NGX_DECLINED);
            CHECK(why != NULL);
            continue;
        }

        if (!CHECK_INT(rc, NGX_OK)) {
            continue;
        }

        CHECK_STR(&t.url.host, urls[i].host);
        CHECK_STR(&t.url.authority, urls[i].authority);
        CHECK_STR(&t.target, urls[i].target);
    }

    unit_case("a NUL");
    text = unit_mem("http://a/\0b", 11);
    CHECK_INT(ngx_litellm_guard_url(&g, unit_pool, &text, &t, &why),
              NGX_DECLINED);

    unit_case("a long URL");
    text.len = 8193;
    text.data = ngx_pnalloc(unit_pool, text.len);
    p = ngx_cpymem(text.data, "http://a/", 9);
    ngx_memset(p, 'x', text.len - 9);
    CHECK_INT(ngx_litellm_guard_url(&g, unit_pool, &text, &t, &why),
              NGX_DECLINED);
    text.len--;
    CHECK_INT(ngx_litellm_guard_url(&g, unit_pool, &text, &t, &why), NGX_OK);

    unit_case("ports");
    g.ports = ngx_array_create(unit_pool, 1, sizeof(in_port_t));
    port = ngx_array_push(g.ports);
    *port = 8080;
    text = unit_str("http://a:8080/");
    CHECK_INT(ngx_litellm_guard_url(&g, unit_pool, &text, &t, &why), NGX_OK);
    text = unit_str("http://a/");
    CHECK_INT(ngx_litellm_guard_url(&g, unit_pool, &text, &t, &why),
              NGX_DECLINED);
}


static ngx_array_t *
cidrs(const char *one, const char *two)
{
    ngx_str_t     text;
    ngx_array_t  *a;

    a = ngx_array_create(unit_pool, 1, sizeof(ngx_cidr_t));

    text = unit_str(one);
    CHECK_INT(ngx_litellm_guard_add(a, &text), NGX_OK);

    if (two) {
        text = unit_str(two);
        CHECK_INT(ngx_litellm_guard_add(a, &text), NGX_OK);
    }

    return a;
}


static ngx_int_t
ask(ngx_litellm_guard_t *g, const char *text)
{
    struct sockaddr_in   sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  sin6;
#endif

    ngx_memzero(&sin, sizeof(sin));
    sin.sin_family = AF_INET;

    if (inet_pton(AF_INET, text, &sin.sin_addr) == 1) {
        return ngx_litellm_guard_address(g, (struct sockaddr *) &sin);
    }

#if (NGX_HAVE_INET6)
    ngx_memzero(&sin6, sizeof(sin6));
    sin6.sin6_family = AF_INET6;

    if (inet_pton(AF_INET6, text, &sin6.sin6_addr) == 1) {
        return ngx_litellm_guard_address(g, (struct sockaddr *) &sin6);
    }
#endif

    return NGX_ERROR;
}


static void
test_addresses(void)
{
    size_t               i;
    struct sockaddr      sa;
    ngx_litellm_guard_t  plain, private, denied;

    for (i = 0; i < sizeof(addrs) / sizeof(addrs[0]); i++) {
        unit_case("address %s", addrs[i].text);

        ngx_memzero(&plain, sizeof(plain));
        ngx_memzero(&private, sizeof(private));
        ngx_memzero(&denied, sizeof(denied));

        private.allow = cidrs("private", NULL);
        denied.deny = cidrs("8.8.8.0/24",
#if (NGX_HAVE_INET6)
                            "2001:4860::/32"
#else
                            NULL
#endif
                            );

        CHECK_INT(ask(&plain, addrs[i].text),
                  addrs[i].plain ? NGX_OK : NGX_DECLINED);
        CHECK_INT(ask(&private, addrs[i].text),
                  addrs[i].private ? NGX_OK : NGX_DECLINED);
        CHECK_INT(ask(&denied, addrs[i].text),
                  addrs[i].denied ? NGX_OK : NGX_DECLINED);
    }

    unit_case("deny counts first");
    plain.allow = cidrs("10.0.0.0/8", NULL);
    plain.deny = cidrs("10.0.0.1", NULL);
    CHECK_INT(ask(&plain, "10.0.0.2"), NGX_OK);
    CHECK_INT(ask(&plain, "10.0.0.1"), NGX_DECLINED);

#if (NGX_HAVE_INET6)
    CHECK_INT(ask(&plain, "::ffff:10.0.0.1"), NGX_DECLINED);
    CHECK_INT(ask(&plain, "64:ff9b::10.0.0.1"), NGX_DECLINED);
    CHECK_INT(ask(&plain, "2002:0a00:0001::1"), NGX_DECLINED);

    plain.allow = cidrs("::/0", NULL);
    CHECK_INT(ask(&plain, "fe80::1"), NGX_OK);
    CHECK_INT(ask(&plain, "64:ff9b::10.0.0.1"), NGX_DECLINED);
    CHECK_INT(ask(&plain, "::ffff:10.0.0.2"), NGX_DECLINED);
#endif

    unit_case("other families");
    ngx_memzero(&plain, sizeof(plain));
    sa.sa_family = AF_UNIX;
    CHECK_INT(ngx_litellm_guard_address(&plain, &sa), NGX_DECLINED);
}


static void
test_locations(void)
{
    size_t                 i;
    ngx_str_t              text, location;
    const char            *why;
    ngx_litellm_guard_t    g;
    ngx_litellm_target_t   t;

    ngx_memzero(&g, sizeof(g));

    for (i = 0; i < sizeof(locations) / sizeof(locations[0]); i++) {
        unit_case("location %s of %s", locations[i].location,
                  locations[i].base);

        text = unit_str(locations[i].base);
        CHECK_INT(ngx_litellm_guard_url(&g, unit_pool, &text, &t, &why),
                  NGX_OK);

        location = unit_str(locations[i].location);
        CHECK_INT(ngx_litellm_guard_location(unit_pool, &t, &location, &text),
                  NGX_OK);
        CHECK_STR(&text, locations[i].text);
    }
}


static void
test_settings(void)
{
    size_t        i;
    ngx_str_t     text;
    ngx_array_t  *a;

    static const char  *bad[] = {
        "", "Private", "all", "x", "10.0.0.0/33", "10.0.0", "localhost",
        "::/129"
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        unit_case("setting %s", bad[i]);

        a = ngx_array_create(unit_pool, 1, sizeof(ngx_cidr_t));
        text = unit_str(bad[i]);

        if (text.len) {
            CHECK_INT(ngx_litellm_guard_add(a, &text), NGX_DECLINED);
        }
    }

    unit_case("a network with bits of a host");
    a = cidrs("10.1.2.3/8", NULL);
    CHECK_INT(a->nelts, 1);
}
