
/*
 * Token endpoints may answer anything, and key files hold anything.  A token
 * that is taken fits into a header; what is told of an answer is short, has no
 * control characters and nothing of a secret.
 *
 * The first byte says what the input is.
 */

#include "fuzz.h"

#include "ngx_litellm_credential.h"


#define FUZZ_SECRET   "s3cret-value-of-fuzz"
#define FUZZ_REFRESH  "1//refresh-of-fuzz"


static void fuzz_answer(ngx_pool_t *pool, ngx_uint_t status, ngx_str_t *body);
static void fuzz_file(ngx_pool_t *pool, ngx_str_t *text);
static void fuzz_told(ngx_str_t *why);
static ngx_uint_t fuzz_has(ngx_str_t *text, const char *s);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t    text;
    ngx_pool_t  *pool;

    static const ngx_uint_t  statuses[] = { 200, 400, 401, 503 };

    if (size == 0) {
        return 0;
    }

    pool = fuzz_pool();
    text = fuzz_copy(pool, data + 1, size - 1);

    if (data[0] & 4) {
        fuzz_file(pool, &text);

    } else {
        fuzz_answer(pool, statuses[data[0] & 3], &text);
    }

    ngx_destroy_pool(pool);

    return 0;
}


static void
fuzz_answer(ngx_pool_t *pool, ngx_uint_t status, ngx_str_t *body)
{
    size_t                     i;
    time_t                     lifetime;
    ngx_int_t                  rc;
    ngx_str_t                  file, token, why;
    ngx_litellm_credential_t  *c;

    ngx_str_set(&file, "{\"type\":\"authorized_user\",\"client_id\":\"i\","
                "\"client_secret\":\"" FUZZ_SECRET "\","
                "\"refresh_token\":\"" FUZZ_REFRESH "\"}");

    rc = ngx_litellm_credential_google(pool, &file, &c, &why);

    FUZZ_ASSERT(rc == NGX_OK);

    rc = ngx_litellm_credential_answer(c, pool, status, body, &token,
                                       &lifetime, &why);

    if (rc == NGX_DECLINED) {
        fuzz_told(&why);
        return;
    }

    FUZZ_ASSERT(rc == NGX_OK && status == 200);
    FUZZ_ASSERT(token.len > 0 && token.len <= 16384);
    FUZZ_ASSERT(lifetime > 0 && lifetime <= 86400);

    for (i = 0; i < token.len; i++) {
        FUZZ_ASSERT(token.data[i] > 0x20 && token.data[i] < 0x7f);
    }
}


static void
fuzz_file(ngx_pool_t *pool, ngx_str_t *text)
{
    size_t                     i;
    ngx_int_t                  rc;
    ngx_str_t                  why, path, body;
    ngx_litellm_credential_t  *c;

    rc = ngx_litellm_credential_google(pool, text, &c, &why);

    if (rc == NGX_DECLINED) {
        fuzz_told(&why);
        return;
    }

    FUZZ_ASSERT(rc == NGX_OK);
    FUZZ_ASSERT(ngx_litellm_credential_path(c, pool, &path) == NGX_OK);
    FUZZ_ASSERT(path.len && path.data[0] == '/');
    FUZZ_ASSERT(ngx_litellm_credential_request(c, pool, 1, &body) == NGX_OK);

    for (i = 0; i < body.len; i++) {
        FUZZ_ASSERT(body.data[i] > 0x20 && body.data[i] < 0x7f);
    }
}


static void
fuzz_told(ngx_str_t *why)
{
    size_t  i;

    FUZZ_ASSERT(why->len && why->len <= 300);

    for (i = 0; i < why->len; i++) {
        FUZZ_ASSERT(why->data[i] >= 0x20 && why->data[i] < 0x7f);
    }

    FUZZ_ASSERT(!fuzz_has(why, FUZZ_SECRET));
    FUZZ_ASSERT(!fuzz_has(why, FUZZ_REFRESH));
}


static ngx_uint_t
fuzz_has(ngx_str_t *text, const char *s)
{
    size_t  i, len;

    len = ngx_strlen(s);

    for (i = 0; i + len <= text->len; i++) {
        if (ngx_memcmp(text->data + i, s, len) == 0) {
            return 1;
        }
    }

    return 0;
}
