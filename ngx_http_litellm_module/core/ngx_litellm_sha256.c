
/*
 * SHA-256 by a context that each process keeps.  SHA256() of OpenSSL 3 looks
 * its algorithm up by name each time, and makes and frees a context: twice the
 * instructions of the hash of a short text.
 *
 * The context is made by the first call, in the master more often than not; a
 * worker has its copy of it, as of all memory.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include "ngx_litellm_sha256.h"


static EVP_MD_CTX *ngx_litellm_sha256_init(void);


void
ngx_litellm_sha256(const u_char *p, size_t len,
    u_char md[NGX_LITELLM_SHA256_LEN])
{
    EVP_MD_CTX         *ctx;

    static EVP_MD_CTX  *kept;

    if (kept == NULL) {
        kept = ngx_litellm_sha256_init();
    }

    ctx = kept;

    /* the algorithm is the one before */

    if (ctx == NULL
        || EVP_DigestInit_ex(ctx, NULL, NULL) != 1
        || EVP_DigestUpdate(ctx, p, len) != 1
        || EVP_DigestFinal_ex(ctx, md, NULL) != 1)
    {
        SHA256(p, len, md);
    }
}


static EVP_MD_CTX *
ngx_litellm_sha256_init(void)
{
    EVP_MD_CTX  *ctx;

    ctx = EVP_MD_CTX_new();

    if (ctx == NULL) {
        return NULL;
    }

    if (EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(ctx);
        return NULL;
    }

    return ctx;
}
