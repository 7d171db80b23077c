
/*
 * Credentials for the three exchanges of a secret for a token: Microsoft
 * Entra's client credentials (OAuth 2.0, RFC 6749 section 4.4), Google's service
 * accounts (an assertion signed by the account's key, RFC 7523) and Google's
 * authorized_user (a refresh token, RFC 6749 section 6).  They come from the
 * operator and are checked once; the exchange itself is another file's:
 * ngx_litellm_credential_token.c.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/evp.h>
#include "ngx_litellm_credential.h"
#include "ngx_litellm_json.h"
#include "ngx_litellm_jwt.h"


#define NGX_LITELLM_ENTRA_AUTHORITY  "https://login.microsoftonline.com"
#define NGX_LITELLM_ENTRA_SCOPE                                               \
    "https://cognitiveservices.azure.com/.default"
#define NGX_LITELLM_GOOGLE_TOKEN_URI "https://oauth2.googleapis.com/token"
#define NGX_LITELLM_GOOGLE_SCOPE                                              \
    "https://www.googleapis.com/auth/cloud-platform"

#define NGX_LITELLM_MAX_FIELD     4096    /* of a credential */


static ngx_litellm_credential_t *ngx_litellm_credential_create(
    ngx_pool_t *pool, ngx_litellm_credential_e type);
static ngx_int_t ngx_litellm_credential_copy(ngx_pool_t *pool,
    ngx_str_t *dst, ngx_str_t *src, const char *name, ngx_str_t *why);
static ngx_int_t ngx_litellm_credential_finish(ngx_pool_t *pool,
    ngx_litellm_credential_t *c, ngx_str_t *url, const char *name,
    ngx_str_t *why);
static ngx_int_t ngx_litellm_credential_digest(ngx_pool_t *pool,
    ngx_litellm_credential_t *c, ngx_str_t *url);
static ngx_int_t ngx_litellm_credential_account(ngx_pool_t *pool,
    ngx_litellm_json_t *root, ngx_litellm_credential_t *c, ngx_str_t *why);
static ngx_int_t ngx_litellm_credential_user(ngx_pool_t *pool,
    ngx_litellm_json_t *root, ngx_litellm_credential_t *c, ngx_str_t *why);
static ngx_int_t ngx_litellm_credential_field(ngx_pool_t *pool,
    ngx_litellm_json_t *root, const char *name, ngx_uint_t needed,
    ngx_str_t *dst, ngx_str_t *why);


ngx_int_t
ngx_litellm_credential_entra(ngx_pool_t *pool, ngx_str_t *authority,
    ngx_str_t *tenant, ngx_str_t *client_id, ngx_str_t *secret,
    ngx_str_t *scope, ngx_litellm_credential_t **cp, ngx_str_t *why)
{
    u_char                    *p;
    size_t                     i;
    ngx_int_t                  rc;
    ngx_str_t                  base, url, name;
    ngx_litellm_credential_t  *c;

    if (tenant->len == 0 || client_id->len == 0 || secret->len == 0) {
        ngx_str_set(why, "tenant_id, client_id and client_secret belong "
                         "together, one is empty");
        return NGX_DECLINED;
    }

    for (i = 0; i < tenant->len; i++) {
        if (!isalnum(tenant->data[i]) && tenant->data[i] != '-'
            && tenant->data[i] != '.' && tenant->data[i] != '_')
        {
            break;
        }
    }

    if (i < tenant->len || tenant->len > 255 || tenant->data[0] == '.') {
        ngx_str_set(why, "tenant_id must be an id or a domain name");
        return NGX_DECLINED;
    }

    c = ngx_litellm_credential_create(pool, NGX_LITELLM_CREDENTIAL_ENTRA);
    if (c == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&c->scope, NGX_LITELLM_ENTRA_SCOPE);

    rc = ngx_litellm_credential_copy(pool, &c->client_id, client_id,
                                     "client_id", why);

    if (rc == NGX_OK) {
        rc = ngx_litellm_credential_copy(pool, &c->secret, secret,
                                         "client_secret", why);
    }

    if (rc == NGX_OK && scope != NULL && scope->len) {
        rc = ngx_litellm_credential_copy(pool, &c->scope, scope,
                                         "azure_scope", why);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_str_set(&base, NGX_LITELLM_ENTRA_AUTHORITY);

    if (authority != NULL && authority->len) {
        base = *authority;
    }

    while (base.len && base.data[base.len - 1] == '/') {
        base.len--;
    }

    name.len = sizeof("entra /") - 1 + tenant->len + c->client_id.len;
    name.data = ngx_pnalloc(pool, name.len);

    url.len = sizeof("https:////oauth2/v2.0/token") + base.len + tenant->len;
    url.data = ngx_pnalloc(pool, url.len);

    if (name.data == NULL || url.data == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(name.data, "entra %V/%V", tenant, &c->client_id);
    c->name = name;

    /* AZURE_AUTHORITY_HOST is written without a scheme too */

    p = url.data;

    if (ngx_strlchr(base.data, base.data + base.len, ':') == NULL) {
        p = ngx_cpymem(p, "https://", sizeof("https://") - 1);
    }

    p = ngx_sprintf(p, "%V/%V/oauth2/v2.0/token", &base, tenant);
    url.len = p - url.data;

    rc = ngx_litellm_credential_finish(pool, c, &url,
                                       "the authority of the token", why);
    if (rc != NGX_OK) {
        return rc;
    }

    *cp = c;

    return NGX_OK;
}


static ngx_litellm_credential_t *
ngx_litellm_credential_create(ngx_pool_t *pool, ngx_litellm_credential_e type)
{
    ngx_litellm_credential_t  *c;

    c = ngx_pcalloc(pool, sizeof(ngx_litellm_credential_t));
    if (c == NULL) {
        return NULL;
    }

    c->type = type;

    return c;
}


static ngx_int_t
ngx_litellm_credential_copy(ngx_pool_t *pool, ngx_str_t *dst, ngx_str_t *src,
    const char *name, ngx_str_t *why)
{
    size_t  i;

    for (i = 0; i < src->len; i++) {
        if (src->data[i] < 0x20 || src->data[i] == 0x7f) {
            break;
        }
    }

    if (i < src->len || src->len > NGX_LITELLM_MAX_FIELD) {
        why->data = ngx_pnalloc(pool, ngx_strlen(name) + 64);
        if (why->data == NULL) {
            return NGX_ERROR;
        }

        why->len = ngx_sprintf(why->data, "%s %s", name, (i < src->len)
                               ? "has a control character"
                               : "is longer than 4096 bytes")
                   - why->data;

        return NGX_DECLINED;
    }

    dst->data = ngx_pstrdup(pool, src);
    if (dst->data == NULL) {
        return NGX_ERROR;
    }

    dst->len = src->len;

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_credential_finish(ngx_pool_t *pool, ngx_litellm_credential_t *c,
    ngx_str_t *url, const char *name, ngx_str_t *why)
{
    ngx_int_t    rc;
    const char  *reason;

    rc = ngx_litellm_url_parse(pool, url, &c->url, &reason);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        why->data = ngx_pnalloc(pool, ngx_strlen(name) + 1
                                      + ngx_strlen(reason));
        if (why->data == NULL) {
            return NGX_ERROR;
        }

        why->len = ngx_sprintf(why->data, "%s %s", name, reason) - why->data;

        return NGX_DECLINED;
    }

    return ngx_litellm_credential_digest(pool, c, url);
}


/* lengths between the texts: no two credentials make the same bytes */

static ngx_int_t
ngx_litellm_credential_digest(ngx_pool_t *pool, ngx_litellm_credential_t *c,
    ngx_str_t *url)
{
    ngx_str_t           text;
    ngx_uint_t          i;
    ngx_litellm_out_t   out;
    const ngx_str_t    *field[8];

    field[0] = url;
    field[1] = &c->client_id;
    field[2] = &c->secret;
    field[3] = &c->refresh;
    field[4] = &c->scope;
    field[5] = &c->audience;
    field[6] = &c->key_id;
    field[7] = &c->project;

    ngx_litellm_out_init(&out, pool);
    ngx_litellm_out_int(&out, c->type);

    for (i = 0; i < sizeof(field) / sizeof(field[0]); i++) {
        ngx_litellm_out_lit(&out, " ");
        ngx_litellm_out_int(&out, field[i]->len);
        ngx_litellm_out_lit(&out, ":");
        ngx_litellm_out_str(&out, field[i]);
    }

    if (ngx_litellm_out_join(&out, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    c->digest.len = EVP_MD_size(EVP_sha256());
    c->digest.data = ngx_pnalloc(pool, c->digest.len);

    if (c->digest.data == NULL
        || EVP_Digest(text.data, text.len, c->digest.data, NULL, EVP_sha256(),
                      NULL)
           != 1)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_litellm_credential_google(ngx_pool_t *pool, ngx_str_t *text,
    ngx_litellm_credential_t **cp, ngx_str_t *why)
{
    ngx_int_t                  rc;
    ngx_str_t                  uri;
    ngx_litellm_json_t        *type;
    ngx_litellm_json_doc_t     doc;
    ngx_litellm_credential_t  *c;

    if (text->len > 65536) {
        ngx_str_set(why, "the credentials are longer than 64 KB");
        return NGX_DECLINED;
    }

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = pool;
    doc.keep = 2;
    doc.max_nodes = 200;

    rc = ngx_litellm_json_parse(&doc, text->data, text->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc != NGX_OK || !ngx_litellm_json_is(doc.root, OBJECT)) {
        ngx_str_set(why, "the credentials are no JSON object");
        return NGX_DECLINED;
    }

    type = ngx_litellm_json_member(doc.root, "type");

    if (!ngx_litellm_json_is(type, STRING)) {
        ngx_str_set(why, "the credentials have no \"type\"");
        return NGX_DECLINED;
    }

    c = ngx_litellm_credential_create(pool, NGX_LITELLM_CREDENTIAL_GOOGLE);
    if (c == NULL) {
        return NGX_ERROR;
    }

    if (ngx_litellm_json_eq(type, "service_account")) {
        rc = ngx_litellm_credential_account(pool, doc.root, c, why);

    } else if (ngx_litellm_json_eq(type, "authorized_user")) {
        rc = ngx_litellm_credential_user(pool, doc.root, c, why);

    } else {
        ngx_str_set(why, "the credentials' \"type\" must be "
                         "\"service_account\" or \"authorized_user\"");
        rc = NGX_DECLINED;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_str_set(&uri, NGX_LITELLM_GOOGLE_TOKEN_URI);

    rc = ngx_litellm_credential_field(pool, doc.root, "token_uri", 0, &uri,
                                      why);
    if (rc != NGX_OK) {
        return rc;
    }

    c->audience = uri;

    rc = ngx_litellm_credential_finish(pool, c, &uri, "\"token_uri\"", why);

    if (rc == NGX_OK) {
        *cp = c;
    }

    return rc;
}


static ngx_int_t
ngx_litellm_credential_account(ngx_pool_t *pool, ngx_litellm_json_t *root,
    ngx_litellm_credential_t *c, ngx_str_t *why)
{
    u_char              *p;
    ngx_int_t            rc;
    ngx_str_t            pem, name;
    const char          *reason;
    ngx_litellm_json_t  *v;

    rc = ngx_litellm_credential_field(pool, root, "client_email", 1,
                                      &c->client_id, why);

    if (rc == NGX_OK) {
        rc = ngx_litellm_credential_field(pool, root, "private_key_id", 0,
                                          &c->key_id, why);
    }

    if (rc == NGX_OK) {
        rc = ngx_litellm_credential_field(pool, root, "project_id", 0,
                                          &c->project, why);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_str_set(&c->scope, NGX_LITELLM_GOOGLE_SCOPE);

    v = ngx_litellm_json_member(root, "private_key");

    if (!ngx_litellm_json_is(v, STRING)) {
        ngx_str_set(why, "the credentials have no \"private_key\"");
        return NGX_DECLINED;
    }

    pem = ngx_litellm_json_text(v);

    if (ngx_litellm_json_unescape(pool, &pem, &pem) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_litellm_jwt_key(pool, &pem, &c->key, &reason);

    if (rc == NGX_DECLINED) {
        why->data = ngx_pnalloc(pool, sizeof("\"private_key\" ")
                                      + ngx_strlen(reason));
        if (why->data == NULL) {
            return NGX_ERROR;
        }

        why->len = ngx_sprintf(why->data, "\"private_key\" %s", reason)
                   - why->data;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    c->secret.len = pem.len;
    c->secret.data = ngx_pstrdup(pool, &pem);

    name.len = sizeof("google ") - 1 + c->client_id.len;
    name.data = ngx_pnalloc(pool, name.len);

    if (c->secret.data == NULL || name.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(name.data, "google ", sizeof("google ") - 1);
    ngx_memcpy(p, c->client_id.data, c->client_id.len);

    c->name = name;

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_credential_user(ngx_pool_t *pool, ngx_litellm_json_t *root,
    ngx_litellm_credential_t *c, ngx_str_t *why)
{
    ngx_int_t  rc;

    c->type = NGX_LITELLM_CREDENTIAL_GOOGLE_USER;

    rc = ngx_litellm_credential_field(pool, root, "client_id", 1,
                                      &c->client_id, why);

    if (rc == NGX_OK) {
        rc = ngx_litellm_credential_field(pool, root, "client_secret", 1,
                                          &c->secret, why);
    }

    if (rc == NGX_OK) {
        rc = ngx_litellm_credential_field(pool, root, "refresh_token", 1,
                                          &c->refresh, why);
    }

    if (rc == NGX_OK) {
        rc = ngx_litellm_credential_field(pool, root, "quota_project_id", 0,
                                          &c->project, why);
    }

    ngx_str_set(&c->name, "google authorized_user");

    return rc;
}


/* a member's text; without one *dst stays as it is */

static ngx_int_t
ngx_litellm_credential_field(ngx_pool_t *pool, ngx_litellm_json_t *root,
    const char *name, ngx_uint_t needed, ngx_str_t *dst, ngx_str_t *why)
{
    ngx_str_t            text;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_get(root, name, ngx_strlen(name));

    if (ngx_litellm_json_is(v, STRING) && v->len > 2) {
        text = ngx_litellm_json_text(v);

        if (ngx_litellm_json_unescape(pool, &text, &text) != NGX_OK) {
            return NGX_ERROR;
        }

        return ngx_litellm_credential_copy(pool, dst, &text, name, why);
    }

    if (!needed) {
        return NGX_OK;
    }

    why->data = ngx_pnalloc(pool, sizeof("the credentials have no \"\"")
                                  + ngx_strlen(name));
    if (why->data == NULL) {
        return NGX_ERROR;
    }

    why->len = ngx_sprintf(why->data, "the credentials have no \"%s\"", name)
               - why->data;

    return NGX_DECLINED;
}
