
/* The list of URLs that dialects want as bytes, and what types they have. */

#include "unit.h"

#include "ngx_litellm_provider.h"


static const struct {
    const char  *type;
    const char  *body;
    const char  *media;
} types[] = {
    { "image/png", "x", "image/png" },
    { "IMAGE/Png", "x", "image/png" },
    { "image/png; charset=x", "x", "image/png" },
    { "image/png;charset=x", "x", "image/png" },
    { "image/svg+xml", "x", "image/svg+xml" },
    { "application/vnd.x-y.z", "x", "application/vnd.x-y.z" },
    { "", "x", "" },
    { "", "\x89PNG\r\n\x1a\n", "image/png" },
    { "application/octet-stream", "\xff\xd8\xff\xe0", "image/jpeg" },
    { "Binary/Octet-Stream; x", "GIF89a", "image/gif" },
    { "octet-stream", "RIFF1234WEBPVP8", "image/webp" },
    { "application/octet-stream", "%PDF-1.7", "application/pdf" },
    { "application/octet-stream", "\x89PN", "" },
    { "application/octet-stream", "RIFF1234WEB", "" },
    { "image", "x", "" },
    { "image/png/x", "x", "" },
    { "image/p\"ng", "x", "" },
    { "image/p\\ng", "x", "" },
    { "image/p\xc3\xa9", "x", "" },
    { "ima ge/png", "x", "" },
    { "image/png,x", "x", "" },
};


static ngx_litellm_config_t       config;
static ngx_litellm_deployment_t   deployment;
static ngx_litellm_provider_t     provider = { .name = ngx_string("test") };


static void test_types(void);
static void test_list(void);
static void new_call(ngx_litellm_call_t *call);


void
unit_main(void)
{
    test_types();
    test_list();
}


static void
test_types(void)
{
    size_t               i;
    ngx_str_t            type, body;
    ngx_litellm_fetch_t  f;

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        unit_case("type %s", types[i].type);

        ngx_memzero(&f, sizeof(f));

        type = unit_str(types[i].type);
        body = unit_str(types[i].body);

        CHECK_INT(ngx_litellm_fetch_media(unit_pool, &f, &type, &body),
                  NGX_OK);
        CHECK_STR(&f.media, types[i].media);
    }

    unit_case("a long type");
    ngx_memzero(&f, sizeof(f));
    type.len = 4096;
    type.data = ngx_pnalloc(unit_pool, type.len);
    ngx_memset(type.data, 'x', type.len);
    type.data[5] = '/';
    CHECK_INT(ngx_litellm_fetch_media(unit_pool, &f, &type, &body), NGX_OK);
    CHECK_INT(f.media.len, 0);
}


static void
new_call(ngx_litellm_call_t *call)
{
    ngx_memzero(call, sizeof(*call));

    deployment.provider = &provider;

    call->pool = unit_pool;
    call->log = &unit_log;
    call->config = &config;
    call->deployment = &deployment;
}


static void
test_list(void)
{
    ngx_str_t             url, media, data;
    ngx_uint_t            i;
    ngx_litellm_call_t    call;
    ngx_litellm_error_t   e;
    ngx_litellm_fetch_t  *f;

    unit_case("off");
    new_call(&call);
    url = unit_str("http://a/b");
    CHECK_INT(ngx_litellm_fetch(&call, &url, &media, &data, &e),
              NGX_DECLINED);
    CHECK_INT(e.status, 400);
    CHECK(call.fetches == NULL);

    unit_case("on");
    new_call(&call);
    call.may_fetch = 1;
    url = unit_str("http:\\/\\/a\\/b");
    CHECK_INT(ngx_litellm_fetch(&call, &url, &media, &data, &e), NGX_AGAIN);
    url = unit_str("http://a/b");
    CHECK_INT(ngx_litellm_fetch(&call, &url, &media, &data, &e), NGX_AGAIN);
    CHECK_INT(call.fetches->nelts, 1);
    f = call.fetches->elts;
    CHECK_STR(&f->url, "http://a/b");

    f->done = 1;
    ngx_str_set(&f->media, "image/png");
    ngx_str_set(&f->data, "eA==");
    CHECK_INT(ngx_litellm_fetch(&call, &url, &media, &data, &e), NGX_OK);
    CHECK_STR(&media, "image/png");
    CHECK_STR(&data, "eA==");

    f->error = "it is gone";
    CHECK_INT(ngx_litellm_fetch(&call, &url, &media, &data, &e),
              NGX_DECLINED);
    CHECK_INT(e.status, 400);
    CHECK(ngx_strnstr(e.message.data, "it is gone", e.message.len) != NULL);

    unit_case("too many");
    new_call(&call);
    call.may_fetch = 1;

    for (i = 0; i < 33; i++) {
        url.data = ngx_pnalloc(unit_pool, 32);
        url.len = ngx_sprintf(url.data, "http://a/%ui", i) - url.data;

        CHECK_INT(ngx_litellm_fetch(&call, &url, &media, &data, &e),
                  i < 32 ? NGX_AGAIN : NGX_DECLINED);
    }

    CHECK_INT(call.fetches->nelts, 32);
}
