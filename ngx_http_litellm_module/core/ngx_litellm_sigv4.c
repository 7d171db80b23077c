
/*
 * AWS Signature Version 4.  Caller: the Bedrock dialect, once for a request,
 * when its body is written.
 *
 * The canonical request is hashed piece by piece and never put together: its
 * parts are the method, the path encoded a second time, the signed headers in
 * order and the hash of the body.  Keys derived from the secret are wiped.
 */

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "ngx_litellm_sigv4.h"


#define NGX_LITELLM_SHA256      32
#define NGX_LITELLM_SHA256_HEX  64


static ngx_int_t ngx_litellm_sigv4_body(EVP_MD_CTX *md, ngx_chain_t *body,
    u_char hex[NGX_LITELLM_SHA256_HEX]);
static ngx_int_t ngx_litellm_sigv4_canonical(EVP_MD_CTX *md,
    ngx_litellm_sigv4_key_t *key, ngx_litellm_sigv4_t *rq, ngx_str_t *date,
    ngx_str_t *headers, u_char hex[NGX_LITELLM_SHA256_HEX]);
static void ngx_litellm_sigv4_header(EVP_MD_CTX *md, const char *name,
    ngx_str_t *value);
static void ngx_litellm_sigv4_path(EVP_MD_CTX *md, ngx_str_t *path);
static ngx_int_t ngx_litellm_sigv4_finish(EVP_MD_CTX *md,
    u_char hex[NGX_LITELLM_SHA256_HEX]);
static ngx_int_t ngx_litellm_sigv4_derive(ngx_pool_t *pool,
    ngx_litellm_sigv4_key_t *key, ngx_str_t *day,
    u_char out[NGX_LITELLM_SHA256]);
static ngx_int_t ngx_litellm_sigv4_hmac(u_char *key, size_t len,
    ngx_str_t *text, u_char out[NGX_LITELLM_SHA256]);


ngx_int_t
ngx_litellm_sigv4_sign(ngx_pool_t *pool, ngx_litellm_sigv4_key_t *key,
    ngx_litellm_sigv4_t *rq, ngx_str_t *date, ngx_str_t *authorization)
{
    u_char      *p, hash[NGX_LITELLM_SHA256_HEX];
    u_char       signature[NGX_LITELLM_SHA256], derived[NGX_LITELLM_SHA256];
    size_t       scope;
    ngx_int_t    rc;
    ngx_str_t    headers, text, day;
    struct tm    tm;
    EVP_MD_CTX  *md;

    if (gmtime_r(&rq->now, &tm) == NULL) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(pool, NGX_LITELLM_SIGV4_DATE + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    date->data = p;
    date->len = ngx_sprintf(p, "%04d%02d%02dT%02d%02d%02dZ",
                            tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                            tm.tm_hour, tm.tm_min, tm.tm_sec)
                - p;

    day.data = date->data;
    day.len = 8;

    md = EVP_MD_CTX_new();
    if (md == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_litellm_sigv4_canonical(md, key, rq, date, &headers, hash);

    EVP_MD_CTX_free(md);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    scope = day.len + 1 + key->region.len + 1 + key->service.len
            + sizeof("/aws4_request") - 1;

    p = ngx_pnalloc(pool, sizeof("AWS4-HMAC-SHA256" "\n\n\n")
                          + NGX_LITELLM_SIGV4_DATE + scope
                          + NGX_LITELLM_SHA256_HEX);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text.data = p;

    p = ngx_sprintf(p, "AWS4-HMAC-SHA256\n%V\n%V/%V/%V/aws4_request\n", date,
                    &day, &key->region, &key->service);
    p = ngx_cpymem(p, hash, NGX_LITELLM_SHA256_HEX);

    text.len = p - text.data;

    if (ngx_litellm_sigv4_derive(pool, key, &day, derived) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_litellm_sigv4_hmac(derived, NGX_LITELLM_SHA256, &text,
                                signature);

    OPENSSL_cleanse(derived, NGX_LITELLM_SHA256);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(pool, sizeof("AWS4-HMAC-SHA256 Credential=/, "
                                 "SignedHeaders=, Signature=")
                          + key->key_id.len + scope + headers.len
                          + NGX_LITELLM_SHA256_HEX);
    if (p == NULL) {
        return NGX_ERROR;
    }

    authorization->data = p;

    p = ngx_sprintf(p, "AWS4-HMAC-SHA256 Credential=%V/%V/%V/%V/aws4_request, "
                    "SignedHeaders=%V, Signature=", &key->key_id, &day,
                    &key->region, &key->service, &headers);
    p = ngx_hex_dump(p, signature, NGX_LITELLM_SHA256);

    authorization->len = p - authorization->data;

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_sigv4_canonical(EVP_MD_CTX *md, ngx_litellm_sigv4_key_t *key,
    ngx_litellm_sigv4_t *rq, ngx_str_t *date, ngx_str_t *headers,
    u_char hex[NGX_LITELLM_SHA256_HEX])
{
    u_char  body[NGX_LITELLM_SHA256_HEX];

    if (ngx_litellm_sigv4_body(md, rq->body, body) != NGX_OK
        || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1)
    {
        return NGX_ERROR;
    }

    (void) EVP_DigestUpdate(md, rq->method.data, rq->method.len);
    (void) EVP_DigestUpdate(md, "\n", 1);

    ngx_litellm_sigv4_path(md, &rq->path);

    /* no query */

    (void) EVP_DigestUpdate(md, "\n\n", 2);

    ngx_litellm_sigv4_header(md, "content-type:", &rq->type);
    ngx_litellm_sigv4_header(md, "host:", &rq->host);
    ngx_litellm_sigv4_header(md, "x-amz-date:", date);
    ngx_litellm_sigv4_header(md, "x-amz-security-token:", &key->token);

    if (key->token.len) {
        ngx_str_set(headers,
                    "content-type;host;x-amz-date;x-amz-security-token");

    } else {
        ngx_str_set(headers, "content-type;host;x-amz-date");
    }

    if (rq->type.len == 0) {
        headers->data += sizeof("content-type;") - 1;
        headers->len -= sizeof("content-type;") - 1;
    }

    (void) EVP_DigestUpdate(md, "\n", 1);
    (void) EVP_DigestUpdate(md, headers->data, headers->len);
    (void) EVP_DigestUpdate(md, "\n", 1);
    (void) EVP_DigestUpdate(md, body, NGX_LITELLM_SHA256_HEX);

    return ngx_litellm_sigv4_finish(md, hex);
}


static ngx_int_t
ngx_litellm_sigv4_body(EVP_MD_CTX *md, ngx_chain_t *body,
    u_char hex[NGX_LITELLM_SHA256_HEX])
{
    if (EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1) {
        return NGX_ERROR;
    }

    for ( /* void */ ; body; body = body->next) {
        (void) EVP_DigestUpdate(md, body->buf->pos,
                                body->buf->last - body->buf->pos);
    }

    return ngx_litellm_sigv4_finish(md, hex);
}


static void
ngx_litellm_sigv4_header(EVP_MD_CTX *md, const char *name, ngx_str_t *value)
{
    if (value->len) {
        (void) EVP_DigestUpdate(md, name, ngx_strlen(name));
        (void) EVP_DigestUpdate(md, value->data, value->len);
        (void) EVP_DigestUpdate(md, "\n", 1);
    }
}


/* all but "/" and RFC 3986's unreserved characters is encoded, "%" too */

static void
ngx_litellm_sigv4_path(EVP_MD_CTX *md, ngx_str_t *path)
{
    u_char  c, *p, *start, *last, text[3];

    static u_char  hex[] = "0123456789ABCDEF";

    start = path->data;
    last = start + path->len;

    for (p = start; p < last; p++) {
        c = *p;

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || c == '/' || c == '-' || c == '_'
            || c == '.' || c == '~')
        {
            continue;
        }

        text[0] = '%';
        text[1] = hex[c >> 4];
        text[2] = hex[c & 0xf];

        (void) EVP_DigestUpdate(md, start, p - start);
        (void) EVP_DigestUpdate(md, text, 3);

        start = p + 1;
    }

    (void) EVP_DigestUpdate(md, start, last - start);
}


static ngx_int_t
ngx_litellm_sigv4_finish(EVP_MD_CTX *md, u_char hex[NGX_LITELLM_SHA256_HEX])
{
    u_char        digest[NGX_LITELLM_SHA256];
    unsigned int  len;

    if (EVP_DigestFinal_ex(md, digest, &len) != 1) {
        return NGX_ERROR;
    }

    (void) ngx_hex_dump(hex, digest, NGX_LITELLM_SHA256);

    return NGX_OK;
}


/* the key of a day, a region and a service */

static ngx_int_t
ngx_litellm_sigv4_derive(ngx_pool_t *pool, ngx_litellm_sigv4_key_t *key,
    ngx_str_t *day, u_char out[NGX_LITELLM_SHA256])
{
    u_char     *p;
    size_t      len;
    ngx_int_t   rc;
    ngx_uint_t  i;
    ngx_str_t   parts[4];

    len = sizeof("AWS4") - 1 + key->secret.len;

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(ngx_cpymem(p, "AWS4", 4), key->secret.data, key->secret.len);

    parts[0] = *day;
    parts[1] = key->region;
    parts[2] = key->service;
    ngx_str_set(&parts[3], "aws4_request");

    rc = ngx_litellm_sigv4_hmac(p, len, &parts[0], out);

    OPENSSL_cleanse(p, len);

    for (i = 1; i < 4 && rc == NGX_OK; i++) {
        rc = ngx_litellm_sigv4_hmac(out, NGX_LITELLM_SHA256, &parts[i], out);
    }

    return rc;
}


static ngx_int_t
ngx_litellm_sigv4_hmac(u_char *key, size_t len, ngx_str_t *text,
    u_char out[NGX_LITELLM_SHA256])
{
    u_char        digest[EVP_MAX_MD_SIZE];
    unsigned int  n;

    if (HMAC(EVP_sha256(), key, (int) len, text->data, text->len, digest, &n)
        == NULL)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(out, digest, NGX_LITELLM_SHA256);
    OPENSSL_cleanse(digest, sizeof(digest));

    return NGX_OK;
}
