
/* Credentials: what is asked, what is taken for an answer, what is told. */

#include "unit.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include "ngx_litellm_credential.h"
#include "ngx_litellm_jwt.h"


#define SECRET   "aB8Q~sEcReT.value-0123456789_abcdefgh"
#define REFRESH  "1//0gRefresh"


static char  *pem_rsa, *pem_short, *pem_ec;


static char *
pem(int type, int bits)
{
    BIO           *bio;
    char          *text, *copy;
    long           len;
    EVP_PKEY      *key;
    EVP_PKEY_CTX  *ctx;

    key = NULL;
    ctx = EVP_PKEY_CTX_new_id(type, NULL);

    CHECK(EVP_PKEY_keygen_init(ctx) == 1);

    if (bits) {
        CHECK(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, bits) == 1);
    }

    CHECK(EVP_PKEY_keygen(ctx, &key) == 1);

    bio = BIO_new(BIO_s_mem());
    CHECK(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);

    len = BIO_get_mem_data(bio, &text);
    copy = ngx_pcalloc(unit_keep, len + 1);
    ngx_memcpy(copy, text, len);

    BIO_free(bio);
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(ctx);

    return copy;
}


/* a key file; NULL leaves a member out */

static ngx_str_t
file(const char *type, const char *mail, const char *key, const char *uri)
{
    u_char      *p;
    ngx_str_t    s;
    const char  *q;

    s.data = ngx_pnalloc(unit_pool, 20000);
    p = ngx_sprintf(s.data, "{\"type\":\"%s\",\"project_id\":\"proj-1\"", type);

    if (mail) {
        p = ngx_sprintf(p, ",\"client_email\":\"%s\"", mail);
    }

    if (uri) {
        p = ngx_sprintf(p, ",\"token_uri\":\"%s\"", uri);
    }

    if (key) {
        p = ngx_sprintf(p, ",\"private_key_id\":\"kid-1\",\"private_key\":\"");

        for (q = key; *q; q++) {
            if (*q == '\n') {
                *p++ = '\\';
                *p++ = 'n';
                continue;
            }

            *p++ = *q;
        }

        *p++ = '"';
    }

    *p++ = '}';
    s.len = p - s.data;

    return unit_mem(s.data, s.len);
}


static ngx_litellm_credential_t *
entra(const char *authority, const char *tenant, const char *id,
    const char *secret, const char *scope, ngx_str_t *why)
{
    ngx_int_t                  rc;
    ngx_str_t                  a, t, i, s, sc;
    ngx_litellm_credential_t  *c;

    a = unit_str(authority);
    t = unit_str(tenant);
    i = unit_str(id);
    s = unit_str(secret);
    sc = unit_str(scope);

    c = NULL;
    rc = ngx_litellm_credential_entra(unit_pool, &a, &t, &i, &s, &sc, &c,
                                      why);
    CHECK_INT(rc, c ? NGX_OK : NGX_DECLINED);

    return c;
}


static ngx_litellm_credential_t *
google(ngx_str_t text, ngx_str_t *why)
{
    ngx_int_t                  rc;
    ngx_litellm_credential_t  *c;

    c = NULL;
    rc = ngx_litellm_credential_google(unit_pool, &text, &c, why);
    CHECK_INT(rc, c ? NGX_OK : NGX_DECLINED);

    return c;
}


static void
test_entra(void)
{
    ngx_str_t                  why, path, body;
    ngx_litellm_credential_t  *c, *d;

    unit_case("entra");

    c = entra("", "11111111-2222", "client", SECRET, "", &why);

    if (!CHECK(c != NULL)) {
        return;
    }

    CHECK_STR(&c->name, "entra 11111111-2222/client");
    CHECK_STR(&c->url.host, "login.microsoftonline.com");
    CHECK_INT(c->url.port, 443);

    CHECK_INT(ngx_litellm_credential_path(c, unit_pool, &path), NGX_OK);
    CHECK_STR(&path, "/11111111-2222/oauth2/v2.0/token");

    CHECK_INT(ngx_litellm_credential_request(c, unit_pool, 1, &body), NGX_OK);
    CHECK_STR(&body, "grant_type=client_credentials&client_id=client"
              "&client_secret=" SECRET "&scope=https%3A%2F%2F"
              "cognitiveservices.azure.com%2F.default");

    d = entra("", "11111111-2222", "client", SECRET, "", &why);
    CHECK(d != NULL);
    CHECK_MEM(&d->digest, c->digest.data, c->digest.len);

    d = entra("", "11111111-2222", "clien", "t" SECRET, "", &why);
    CHECK(d != NULL && ngx_memcmp(d->digest.data, c->digest.data, 32) != 0);

    unit_case("entra: authority and scope");

    c = entra("http://127.0.0.1:8080/x/", "example.com", "c d", "a&b=c+%",
              "api://x/.default", &why);

    if (!CHECK(c != NULL)) {
        return;
    }

    CHECK_INT(c->url.port, 8080);
    CHECK_INT(ngx_litellm_credential_path(c, unit_pool, &path), NGX_OK);
    CHECK_STR(&path, "/x/example.com/oauth2/v2.0/token");
    CHECK_INT(ngx_litellm_credential_request(c, unit_pool, 1, &body), NGX_OK);
    CHECK_STR(&body, "grant_type=client_credentials&client_id=c%20d"
              "&client_secret=a%26b%3Dc%2B%25&scope=api%3A%2F%2Fx%2F.default");

    c = entra("login.microsoftonline.us", "t", "c", "s", "", &why);
    CHECK(c != NULL && c->url.tls);
    CHECK(c != NULL && c->url.host.len
                       == sizeof("login.microsoftonline.us") - 1);
}


static void
test_entra_refused(void)
{
    ngx_str_t  why;

    unit_case("entra: an empty part");
    CHECK(entra("", "t", "c", "", "", &why) == NULL);
    CHECK_STR(&why, "tenant_id, client_id and client_secret belong together, "
              "one is empty");

    unit_case("entra: a tenant that is a path");
    CHECK(entra("", "../t", "c", "s", "", &why) == NULL);
    CHECK(entra("", "..", "c", "s", "", &why) == NULL);
    CHECK(entra("", "a/b", "c", "s", "", &why) == NULL);
    CHECK_STR(&why, "tenant_id must be an id or a domain name");

    unit_case("entra: control characters");
    CHECK(entra("", "t", "c\r\nx", "s", "", &why) == NULL);
    CHECK_STR(&why, "client_id has a control character");

    unit_case("entra: an authority that is none");
    CHECK(entra("ftp://x", "t", "c", SECRET, "", &why) == NULL);
    CHECK_STR(&why, "the authority of the token must begin with \"http://\" "
              "or \"https://\"");
}


/* header, claims and signature of an assertion */

static void
verify(ngx_litellm_credential_t *c, ngx_str_t *jwt, const char *claims)
{
    u_char      *p, *dot[2];
    ngx_str_t    part, text;
    EVP_MD_CTX  *ctx;

    p = jwt->data;
    dot[0] = ngx_strlchr(p, p + jwt->len, '.');

    if (!CHECK(dot[0] != NULL)) {
        return;
    }

    dot[1] = ngx_strlchr(dot[0] + 1, p + jwt->len, '.');

    if (!CHECK(dot[1] != NULL)) {
        return;
    }

    text.data = ngx_pnalloc(unit_pool, jwt->len);

    part.data = p;
    part.len = dot[0] - p;
    CHECK_INT(ngx_decode_base64url(&text, &part), NGX_OK);
    CHECK_STR(&text, "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"kid-1\"}");

    part.data = dot[0] + 1;
    part.len = dot[1] - part.data;
    CHECK_INT(ngx_decode_base64url(&text, &part), NGX_OK);
    CHECK_STR(&text, claims);

    part.data = dot[1] + 1;
    part.len = p + jwt->len - part.data;
    CHECK_INT(ngx_decode_base64url(&text, &part), NGX_OK);

    ctx = EVP_MD_CTX_new();
    CHECK(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, c->key) == 1);
    CHECK(EVP_DigestVerify(ctx, text.data, text.len, p, dot[1] - p) == 1);
    EVP_MD_CTX_free(ctx);
}


static void
test_google(void)
{
    ngx_str_t                  why, path, body, jwt;
    const char                *prefix;
    ngx_litellm_credential_t  *c;

    unit_case("google: service account");

    c = google(file("service_account", "a\\u0040b.example", pem_rsa, NULL),
               &why);

    if (!CHECK(c != NULL)) {
        return;
    }

    CHECK_STR(&c->name, "google a@b.example");
    CHECK_STR(&c->project, "proj-1");
    CHECK_STR(&c->url.host, "oauth2.googleapis.com");
    CHECK_INT(ngx_litellm_credential_path(c, unit_pool, &path), NGX_OK);
    CHECK_STR(&path, "/token");

    CHECK_INT(ngx_litellm_credential_request(c, unit_pool, 1700000000, &body),
              NGX_OK);

    prefix = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
             "&assertion=";

    if (!CHECK(body.len > ngx_strlen(prefix)
               && ngx_memcmp(body.data, prefix, ngx_strlen(prefix)) == 0))
    {
        return;
    }

    jwt.data = body.data + ngx_strlen(prefix);
    jwt.len = body.len - ngx_strlen(prefix);

    verify(c, &jwt, "{\"iss\":\"a@b.example\",\"scope\":"
           "\"https://www.googleapis.com/auth/cloud-platform\",\"aud\":"
           "\"https://oauth2.googleapis.com/token\",\"iat\":1700000000,"
           "\"exp\":1700003600}");

    unit_case("google: an address of its own");

    c = google(file("service_account", "m", pem_rsa, "http://127.0.0.1:1"),
               &why);

    if (CHECK(c != NULL)) {
        CHECK_INT(ngx_litellm_credential_path(c, unit_pool, &path), NGX_OK);
        CHECK_STR(&path, "/");
        CHECK_STR(&c->audience, "http://127.0.0.1:1");
    }

    unit_case("google: authorized_user");

    c = google(unit_str("{\"type\":\"authorized_user\",\"client_id\":\"i\","
                        "\"client_secret\":\"" SECRET "\","
                        "\"refresh_token\":\"" REFRESH "\","
                        "\"quota_project_id\":\"q\"}"), &why);

    if (CHECK(c != NULL)) {
        CHECK_INT(ngx_litellm_credential_request(c, unit_pool, 1, &body),
                  NGX_OK);
        CHECK_STR(&body, "grant_type=refresh_token&client_id=i"
                  "&client_secret=" SECRET
                  "&refresh_token=1%2F%2F0gRefresh");
        CHECK_STR(&c->project, "q");
    }
}


static void
test_google_refused(void)
{
    size_t     i;
    ngx_str_t  why;

    static const struct {
        const char  *text;
        const char  *why;
    } bad[] = {
        { "", "the credentials are no JSON object" },
        { "[]", "the credentials are no JSON object" },
        { "/path/of/a/file.json", "the credentials are no JSON object" },
        { "{}", "the credentials have no \"type\"" },
        { "{\"type\":\"external_account\"}", "the credentials' \"type\" must "
          "be \"service_account\" or \"authorized_user\"" },
        { "{\"type\":\"service_account\"}",
          "the credentials have no \"client_email\"" },
        { "{\"type\":\"service_account\",\"client_email\":\"x\"}",
          "the credentials have no \"private_key\"" },
        { "{\"type\":\"service_account\",\"client_email\":\"x\\ny\"}",
          "client_email has a control character" },
        { "{\"type\":\"service_account\",\"client_email\":\"x\","
          "\"private_key\":\"" SECRET "\"}",
          "\"private_key\" holds no private key that OpenSSL can read" },
        { "{\"type\":\"authorized_user\",\"client_id\":\"x\","
          "\"client_secret\":\"" SECRET "\"}",
          "the credentials have no \"refresh_token\"" },
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        unit_case("google: %s", bad[i].text);
        CHECK(google(unit_str(bad[i].text), &why) == NULL);
        CHECK_STR(&why, bad[i].why);
    }

    unit_case("google: other keys");
    CHECK(google(file("service_account", "m", pem_ec, NULL), &why) == NULL);
    CHECK_STR(&why, "\"private_key\" holds no RSA key");
    CHECK(google(file("service_account", "m", pem_short, NULL), &why)
          == NULL);
    CHECK_STR(&why, "\"private_key\" holds an RSA key of less than 2048 or "
              "more than 16384 bits");

    unit_case("google: a bad address");
    CHECK(google(file("service_account", "m", pem_rsa, "https://u:p@x/"),
                 &why) == NULL);
    CHECK_STR(&why, "\"token_uri\" must not hold a user name or password");
}


static void
test_answers(void)
{
    size_t                     i;
    time_t                     life;
    ngx_int_t                  rc;
    ngx_str_t                  why, body, token;
    ngx_litellm_credential_t  *c;

    static const struct {
        ngx_uint_t   status;
        const char  *body;
        const char  *token;         /* NULL: refused */
        long         life;
        const char  *why;
    } cases[] = {
        { 200, "{\"token_type\":\"Bearer\",\"expires_in\":3599,"
               "\"ext_expires_in\":3599,\"access_token\":\"ey.J\"}",
          "ey.J", 3599, NULL },
        { 200, "{\"access_token\":\"ya29.c....\",\"expires_in\":\"3600\","
               "\"token_type\":\"bearer\"}", "ya29.c....", 3600, NULL },
        { 200, "{\"access_token\":\"a\\/b\"}", "a/b", 300, NULL },
        { 200, "{\"access_token\":\"a\",\"expires_in\":3599.9}",
          "a", 3599, NULL },
        { 200, "{\"access_token\":\"a\",\"expires_in\":99999999999}",
          "a", 86400, NULL },

        { 200, "", NULL, 0, "the token endpoint's answer is no JSON object" },
        { 200, "<html>", NULL, 0,
          "the token endpoint's answer is no JSON object" },
        { 200, "[1]", NULL, 0,
          "the token endpoint's answer is no JSON object" },
        { 200, "{}", NULL, 0,
          "the token endpoint's answer has no access_token" },
        { 200, "{\"access_token\":\"\"}", NULL, 0,
          "the token endpoint's answer has no access_token" },
        { 200, "{\"access_token\":7}", NULL, 0,
          "the token endpoint's answer has no access_token" },
        { 200, "{\"access_token\":\"a\\r\\nX: y\"}", NULL, 0,
          "the token endpoint gave a token that no header can hold" },
        { 200, "{\"access_token\":\"a b\"}", NULL, 0,
          "the token endpoint gave a token that no header can hold" },
        { 200, "{\"access_token\":\"\\u00e9\"}", NULL, 0,
          "the token endpoint gave a token that no header can hold" },
        { 200, "{\"access_token\":\"a\",\"token_type\":\"mac\"}", NULL, 0,
          "the token endpoint gave a token that is no bearer token" },
        { 200, "{\"access_token\":\"a\",\"expires_in\":0}", NULL, 0,
          "the token endpoint gave a token with no lifetime" },
        { 200, "{\"access_token\":\"a\",\"expires_in\":-1}", NULL, 0,
          "the token endpoint gave a token with no lifetime" },
        { 200, "{\"access_token\":\"a\",\"expires_in\":1e99}", NULL, 0,
          "the token endpoint gave a token with no lifetime" },
        { 200, "{\"access_token\":\"a\",\"expires_in\":\"soon\"}", NULL, 0,
          "the token endpoint gave a token with no lifetime" },

        { 401, "{\"error\":\"invalid_client\",\"error_description\":"
               "\"AADSTS7000215: Invalid client\\r\\nTrace ID: 1\"}",
          NULL, 0, "the token endpoint answered 401: invalid_client: "
          "AADSTS7000215: Invalid client Trace ID: 1" },
        { 503, "", NULL, 0, "the token endpoint answered 503" },
        { 302, "moved", NULL, 0, "the token endpoint answered 302" },
        { 400, "{\"error\":{\"message\":\"x\"}}", NULL, 0,
          "the token endpoint answered 400" },
        { 400, "{\"error\":\"e\",\"error_description\":\"your secret "
               SECRET " is bad\"}", NULL, 0,
          "the token endpoint answered 400: e" },
        { 400, "{\"error\":\"x" REFRESH "\"}", NULL, 0,
          "the token endpoint answered 400" },
        { 400, "{\"error\":\"bad eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9"
               ".eyJpc3MiOiJhIn0.c2ln here\"}", NULL, 0,
          "the token endpoint answered 400: bad *** here" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("answer %d %s", (int) cases[i].status, cases[i].body);

        c = google(unit_str("{\"type\":\"authorized_user\",\"client_id\":"
                            "\"i\",\"client_secret\":\"" SECRET "\","
                            "\"refresh_token\":\"" REFRESH "\"}"), &why);

        if (!CHECK(c != NULL)) {
            return;
        }

        body = unit_str(cases[i].body);

        rc = ngx_litellm_credential_answer(c, unit_pool, cases[i].status,
                                           &body, &token, &life, &why);

        if (cases[i].token == NULL) {
            CHECK_INT(rc, NGX_DECLINED);
            CHECK_STR(&why, cases[i].why);
            continue;
        }

        if (CHECK_INT(rc, NGX_OK)) {
            CHECK_STR(&token, cases[i].token);
            CHECK_INT(life, cases[i].life);
        }
    }
}


/* however long an answer is, what is told of it is short */

static void
test_long(void)
{
    size_t                     i;
    time_t                     life;
    ngx_str_t                  why, body, token;
    ngx_litellm_credential_t  *c;

    unit_case("a long description");

    c = entra("", "t", "c", SECRET, "", &why);

    if (!CHECK(c != NULL)) {
        return;
    }

    body.data = ngx_pnalloc(unit_pool, 60000);
    body.len = ngx_sprintf(body.data, "{\"error\":\"") - body.data;

    for (i = 0; i < 20000; i++) {
        body.data[body.len++] = 'w';
        body.data[body.len++] = ' ';
    }

    body.len = ngx_sprintf(body.data + body.len, "\"}") - body.data;
    body = unit_mem(body.data, body.len);

    CHECK_INT(ngx_litellm_credential_answer(c, unit_pool, 400, &body, &token,
                                            &life, &why),
              NGX_DECLINED);
    CHECK(why.len > 250 && why.len <= 300);

    unit_case("a long token");

    body.data = ngx_pnalloc(unit_pool, 60000);
    body.len = ngx_sprintf(body.data, "{\"access_token\":\"") - body.data;

    for (i = 0; i < 20000; i++) {
        body.data[body.len++] = 'w';
    }

    body.len = ngx_sprintf(body.data + body.len, "\"}") - body.data;
    body = unit_mem(body.data, body.len);

    CHECK_INT(ngx_litellm_credential_answer(c, unit_pool, 200, &body, &token,
                                            &life, &why),
              NGX_DECLINED);
    CHECK_STR(&why, "the token endpoint gave a token that no header can hold");
}


void
unit_main(void)
{
    unit_case("keys");

    pem_rsa = pem(EVP_PKEY_RSA, 2048);
    pem_short = pem(EVP_PKEY_RSA, 1024);
    pem_ec = pem(EVP_PKEY_ED25519, 0);

    test_entra();
    test_entra_refused();
    test_google();
    test_google_refused();
    test_answers();
    test_long();
}
