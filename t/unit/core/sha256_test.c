
/* SHA-256 by the kept context: examples of FIPS 180-4, and many in a row. */

#include "unit.h"
#include "ngx_litellm_sha256.h"

#include <openssl/sha.h>


static void test_examples(void);
static void test_lengths(void);


void
unit_main(void)
{
    test_examples();
    test_lengths();
}


static void
digest_is(const char *text, const char *want)
{
    u_char     md[NGX_LITELLM_SHA256_LEN], hex[2 * NGX_LITELLM_SHA256_LEN];
    ngx_str_t  got;

    ngx_litellm_sha256((u_char *) text, ngx_strlen(text), md);

    got.data = hex;
    got.len = ngx_hex_dump(hex, md, sizeof(md)) - hex;

    CHECK_STR(&got, want);
}


static void
test_examples(void)
{
    unit_case("examples");

    digest_is("abc", "ba7816bf8f01cfea414140de5dae2223"
                     "b00361a396177a9cb410ff61f20015ad");
    digest_is("", "e3b0c44298fc1c149afbf4c8996fb924"
                  "27ae41e4649b934ca495991b7852b855");
    digest_is("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
              "248d6a61d20638b8e5c026930c3e6039"
              "a33ce45964ff2167f6ecedd419db06c1");
}


static void
test_lengths(void)
{
    u_char  text[300], md[NGX_LITELLM_SHA256_LEN], want[SHA256_DIGEST_LENGTH];
    size_t  n;

    unit_case("all lengths");

    for (n = 0; n < sizeof(text); n++) {
        text[n] = (u_char) (n * 37);

        ngx_litellm_sha256(text, n, md);
        SHA256(text, n, want);

        CHECK(ngx_memcmp(md, want, sizeof(md)) == 0);
    }
}
