
/*
 * RS256 by OpenSSL's EVP interface.  Called by ngx_litellm_credential.c: the
 * key once, at configuration time, the signature whenever a token is asked
 * for.  OpenSSL's queue of errors is left empty: nginx reads it after its own
 * TLS calls.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include "ngx_litellm_jwt.h"


#define NGX_LITELLM_JWT_MIN_BITS  2048    /* RFC 7518, 3.3 */
#define NGX_LITELLM_JWT_MAX_BITS  16384


static int ngx_litellm_jwt_no_password(char *buf, int size, int rwflag,
    void *data);
static void ngx_litellm_jwt_free(void *data);


ngx_int_t
ngx_litellm_jwt_key(ngx_pool_t *pool, ngx_str_t *pem, void **key,
    const char **why)
{
    int                  bits;
    BIO                 *bio;
    EVP_PKEY            *pkey;
    ngx_pool_cleanup_t  *cln;

    if (pem->len > 65536) {
        *why = "is too long for a private key";
        return NGX_DECLINED;
    }

    cln = ngx_pool_cleanup_add(pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    bio = BIO_new_mem_buf(pem->data, (int) pem->len);
    if (bio == NULL) {
        ERR_clear_error();
        return NGX_ERROR;
    }

    pkey = PEM_read_bio_PrivateKey(bio, NULL, ngx_litellm_jwt_no_password,
                                   NULL);
    BIO_free(bio);
    ERR_clear_error();

    if (pkey == NULL) {
        *why = "holds no private key that OpenSSL can read";
        return NGX_DECLINED;
    }

    cln->handler = ngx_litellm_jwt_free;
    cln->data = pkey;

    if (EVP_PKEY_base_id(pkey) != EVP_PKEY_RSA) {
        *why = "holds no RSA key";
        return NGX_DECLINED;
    }

    bits = EVP_PKEY_bits(pkey);

    if (bits < NGX_LITELLM_JWT_MIN_BITS || bits > NGX_LITELLM_JWT_MAX_BITS) {
        *why = "holds an RSA key of less than 2048 or more than 16384 bits";
        return NGX_DECLINED;
    }

    *key = pkey;

    return NGX_OK;
}


/* OpenSSL would ask for it on the terminal */

static int
ngx_litellm_jwt_no_password(char *buf, int size, int rwflag, void *data)
{
    return -1;
}


static void
ngx_litellm_jwt_free(void *data)
{
    EVP_PKEY_free(data);
}


ngx_int_t
ngx_litellm_jwt_sign(ngx_pool_t *pool, void *key, ngx_str_t *header,
    ngx_str_t *claims, ngx_str_t *jwt)
{
    int          signed_ok;
    size_t       len;
    ngx_str_t    text, part;
    EVP_MD_CTX  *ctx;

    len = EVP_PKEY_size(key);

    text.data = ngx_pnalloc(pool, ngx_base64_encoded_length(header->len) + 1
                                  + ngx_base64_encoded_length(claims->len) + 1
                                  + ngx_base64_encoded_length(len));
    part.data = ngx_pnalloc(pool, len);

    if (text.data == NULL || part.data == NULL) {
        return NGX_ERROR;
    }

    jwt->data = text.data;

    ngx_encode_base64url(&text, header);
    text.data += text.len;
    *text.data++ = '.';

    ngx_encode_base64url(&text, claims);
    text.data += text.len;

    jwt->len = text.data - jwt->data;

    ctx = EVP_MD_CTX_new();
    if (ctx == NULL) {
        ERR_clear_error();
        return NGX_ERROR;
    }

    signed_ok = EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1
                && EVP_DigestSign(ctx, part.data, &len, jwt->data, jwt->len)
                   == 1;

    EVP_MD_CTX_free(ctx);
    ERR_clear_error();

    if (!signed_ok) {
        return NGX_ERROR;
    }

    *text.data++ = '.';
    part.len = len;

    ngx_encode_base64url(&text, &part);

    jwt->len = text.data + text.len - jwt->data;

    return NGX_OK;
}
