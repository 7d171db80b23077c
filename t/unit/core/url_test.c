
/* Addresses of api_base: what is taken apart, what is refused. */

#include "unit.h"

#include "ngx_litellm_config.h"


static const struct {
    const char  *text;
    const char  *host;        /* NULL: refused */
    int          port;
    int          tls;
    const char  *authority;
    const char  *path;
    const char  *args;
} cases[] = {
    { "https://api.openai.com/v1", "api.openai.com", 443, 1,
      "api.openai.com", "/v1", "" },
    { "https://api.openai.com/v1/", "api.openai.com", 443, 1,
      "api.openai.com", "/v1", "" },
    { "https://api.openai.com", "api.openai.com", 443, 1, "api.openai.com",
      "", "" },
    { "https://api.openai.com///", "api.openai.com", 443, 1,
      "api.openai.com", "", "" },
    { "http://localhost:11434", "localhost", 11434, 0, "localhost:11434",
      "", "" },
    { "http://LocalHost:80/", "localhost", 80, 0, "localhost", "", "" },
    { "HTTPS://x:8443/a/b//", "x", 8443, 1, "x:8443", "/a/b", "" },
    { "http://my_vllm:8000/v1", "my_vllm", 8000, 0, "my_vllm:8000", "/v1",
      "" },
    { "http://10.0.0.1:1", "10.0.0.1", 1, 0, "10.0.0.1:1", "", "" },
    { "http://[::1]:8000/v1", "::1", 8000, 0, "[::1]:8000", "/v1", "" },
    { "https://[FE80::1]", "fe80::1", 443, 1, "[fe80::1]", "", "" },
    { "https://x/v1?api-version=2024&a=b", "x", 443, 1, "x", "/v1",
      "api-version=2024&a=b" },
    { "https://x?a=b", "x", 443, 1, "x", "", "a=b" },
    { "https://x/v1/?", "x", 443, 1, "x", "/v1", "" },
    { "https://x/v1#frag", "x", 443, 1, "x", "/v1", "" },
    { "https://x/%7Ba%7D", "x", 443, 1, "x", "/%7Ba%7D", "" },
    { "http://svc.ns.svc.cluster.local:4000/v1",
      "svc.ns.svc.cluster.local", 4000, 0,
      "svc.ns.svc.cluster.local:4000", "/v1", "" },

    { "", NULL, 0, 0, NULL, NULL, NULL },
    { "http://", NULL, 0, 0, NULL, NULL, NULL },
    { "https:///v1", NULL, 0, 0, NULL, NULL, NULL },
    { "localhost:8000", NULL, 0, 0, NULL, NULL, NULL },
    { "ftp://x", NULL, 0, 0, NULL, NULL, NULL },
    { "${BASE}", NULL, 0, 0, NULL, NULL, NULL },
    { "https://${HOST}/v1", NULL, 0, 0, NULL, NULL, NULL },
    { "https://user:pass@x/v1", NULL, 0, 0, NULL, NULL, NULL },
    { "http://x:0", NULL, 0, 0, NULL, NULL, NULL },
    { "http://x:65536", NULL, 0, 0, NULL, NULL, NULL },
    { "http://x:", NULL, 0, 0, NULL, NULL, NULL },
    { "http://x:8a", NULL, 0, 0, NULL, NULL, NULL },
    { "http://x:99999999999999999999", NULL, 0, 0, NULL, NULL, NULL },
    { "http://[::1", NULL, 0, 0, NULL, NULL, NULL },
    { "http://[]", NULL, 0, 0, NULL, NULL, NULL },
    { "http://[::g]", NULL, 0, 0, NULL, NULL, NULL },
    { "http://[::1]x", NULL, 0, 0, NULL, NULL, NULL },
    { "http://a..b", NULL, 0, 0, NULL, NULL, NULL },
    { "http://.a", NULL, 0, 0, NULL, NULL, NULL },
    { "http://a b", NULL, 0, 0, NULL, NULL, NULL },
    { "http://a/b c", NULL, 0, 0, NULL, NULL, NULL },
    { "http://a/\r\nX: y", NULL, 0, 0, NULL, NULL, NULL },
    { "http://a\\b", NULL, 0, 0, NULL, NULL, NULL },
    { "http://{name}/v1", NULL, 0, 0, NULL, NULL, NULL },
    { "http://a/{deployment}", NULL, 0, 0, NULL, NULL, NULL },
    { "http://\xc3\xa9/v1", NULL, 0, 0, NULL, NULL, NULL },
};


void
unit_main(void)
{
    size_t              i;
    ngx_int_t           rc;
    ngx_str_t           text;
    const char         *why;
    ngx_litellm_url_t   url;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("url %s", cases[i].text);

        text = unit_str(cases[i].text);
        why = NULL;

        rc = ngx_litellm_url_parse(unit_pool, &text, &url, &why);

        if (cases[i].host == NULL) {
            CHECK_INT(rc, NGX_DECLINED);
            CHECK(why != NULL);
            continue;
        }

        if (!CHECK_INT(rc, NGX_OK)) {
            continue;
        }

        CHECK_STR(&url.host, cases[i].host);
        CHECK_INT(url.port, cases[i].port);
        CHECK_INT(url.tls, cases[i].tls);
        CHECK_STR(&url.authority, cases[i].authority);
        CHECK_STR(&url.path, cases[i].path);
        CHECK_STR(&url.args, cases[i].args);
    }
}
