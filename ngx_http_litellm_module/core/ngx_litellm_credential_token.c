
/*
 * The exchange of a credential for a token: what is sent to its endpoint, and
 * what is made of the answer.  Answers come from the network and are trusted in
 * nothing: bounded, and what of them is told to others has neither control
 * characters nor anything that looks like a secret.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_credential.h"
#include "ngx_litellm_json.h"
#include "ngx_litellm_jwt.h"


#define NGX_LITELLM_MAX_TOKEN     16384
#define NGX_LITELLM_MAX_LIFETIME  86400
#define NGX_LITELLM_NO_LIFETIME   300     /* the answer does not say */
#define NGX_LITELLM_MAX_WHY       300
#define NGX_LITELLM_MAX_WORD      48      /* longer ones may be secrets */


static ngx_int_t ngx_litellm_credential_assertion(ngx_litellm_credential_t *c,
    ngx_pool_t *pool, time_t now, ngx_str_t *jwt);
static void ngx_litellm_credential_form(ngx_litellm_out_t *out,
    const char *name, ngx_str_t *value);
static ngx_int_t ngx_litellm_credential_token(ngx_pool_t *pool,
    ngx_litellm_json_t *root, ngx_str_t *token, time_t *lifetime,
    ngx_str_t *why);
static ngx_int_t ngx_litellm_credential_refused(ngx_litellm_credential_t *c,
    ngx_pool_t *pool, ngx_uint_t status, ngx_litellm_json_t *root,
    ngx_str_t *why);
static u_char *ngx_litellm_credential_say(ngx_litellm_credential_t *c,
    ngx_pool_t *pool, u_char *p, u_char *last, ngx_litellm_json_t *v);
static ngx_uint_t ngx_litellm_credential_secret(ngx_litellm_credential_t *c,
    ngx_str_t *text);


ngx_int_t
ngx_litellm_credential_path(ngx_litellm_credential_t *c, ngx_pool_t *pool,
    ngx_str_t *path)
{
    u_char  *p;

    p = ngx_pnalloc(pool, c->url.path.len + c->url.args.len + 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    path->data = p;

    if (c->url.path.len) {
        p = ngx_cpymem(p, c->url.path.data, c->url.path.len);

    } else {
        *p++ = '/';
    }

    if (c->url.args.len) {
        *p++ = '?';
        p = ngx_cpymem(p, c->url.args.data, c->url.args.len);
    }

    path->len = p - path->data;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_credential_request(ngx_litellm_credential_t *c, ngx_pool_t *pool,
    time_t now, ngx_str_t *body)
{
    ngx_str_t          jwt;
    ngx_litellm_out_t  out;

    ngx_litellm_out_init(&out, pool);

    switch (c->type) {

    case NGX_LITELLM_CREDENTIAL_GOOGLE:

        if (ngx_litellm_credential_assertion(c, pool, now, &jwt) != NGX_OK) {
            return NGX_ERROR;
        }

        ngx_litellm_out_lit(&out, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3A"
                                  "grant-type%3Ajwt-bearer");
        ngx_litellm_credential_form(&out, "&assertion=", &jwt);

        break;

    case NGX_LITELLM_CREDENTIAL_GOOGLE_USER:

        ngx_litellm_out_lit(&out, "grant_type=refresh_token");
        ngx_litellm_credential_form(&out, "&client_id=", &c->client_id);
        ngx_litellm_credential_form(&out, "&client_secret=", &c->secret);
        ngx_litellm_credential_form(&out, "&refresh_token=", &c->refresh);

        break;

    default: /* NGX_LITELLM_CREDENTIAL_ENTRA */

        ngx_litellm_out_lit(&out, "grant_type=client_credentials");
        ngx_litellm_credential_form(&out, "&client_id=", &c->client_id);
        ngx_litellm_credential_form(&out, "&client_secret=", &c->secret);
        ngx_litellm_credential_form(&out, "&scope=", &c->scope);

        break;
    }

    return ngx_litellm_out_join(&out, body);
}


/* Google: "Using OAuth 2.0 for Server to Server Applications" */

static ngx_int_t
ngx_litellm_credential_assertion(ngx_litellm_credential_t *c,
    ngx_pool_t *pool, time_t now, ngx_str_t *jwt)
{
    ngx_str_t          header, claims;
    ngx_litellm_out_t  out;

    ngx_litellm_out_init(&out, pool);
    ngx_litellm_out_lit(&out, "{\"alg\":\"RS256\",\"typ\":\"JWT\"");

    if (c->key_id.len) {
        ngx_litellm_out_lit(&out, ",\"kid\":");
        ngx_litellm_out_json(&out, &c->key_id);
    }

    ngx_litellm_out_lit(&out, "}");

    if (ngx_litellm_out_join(&out, &header) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_litellm_out_init(&out, pool);
    ngx_litellm_out_lit(&out, "{\"iss\":");
    ngx_litellm_out_json(&out, &c->client_id);
    ngx_litellm_out_lit(&out, ",\"scope\":");
    ngx_litellm_out_json(&out, &c->scope);
    ngx_litellm_out_lit(&out, ",\"aud\":");
    ngx_litellm_out_json(&out, &c->audience);
    ngx_litellm_out_lit(&out, ",\"iat\":");
    ngx_litellm_out_int(&out, now);
    ngx_litellm_out_lit(&out, ",\"exp\":");
    ngx_litellm_out_int(&out, (int64_t) now + 3600);
    ngx_litellm_out_lit(&out, "}");

    if (ngx_litellm_out_join(&out, &claims) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_litellm_jwt_sign(pool, c->key, &header, &claims, jwt);
}


static void
ngx_litellm_credential_form(ngx_litellm_out_t *out, const char *name,
    ngx_str_t *value)
{
    u_char               escaped[3];
    size_t               i;
    static const u_char  hex[] = "0123456789ABCDEF";

    ngx_litellm_out_copy(out, name, ngx_strlen(name));

    escaped[0] = '%';

    for (i = 0; i < value->len; i++) {

        if (isalnum(value->data[i]) || value->data[i] == '-'
            || value->data[i] == '.' || value->data[i] == '_'
            || value->data[i] == '~')
        {
            ngx_litellm_out_copy(out, &value->data[i], 1);
            continue;
        }

        escaped[1] = hex[value->data[i] >> 4];
        escaped[2] = hex[value->data[i] & 0xf];

        ngx_litellm_out_copy(out, escaped, 3);
    }
}


ngx_int_t
ngx_litellm_credential_answer(ngx_litellm_credential_t *c, ngx_pool_t *pool,
    ngx_uint_t status, ngx_str_t *body, ngx_str_t *token, time_t *lifetime,
    ngx_str_t *why)
{
    ngx_int_t               rc;
    ngx_litellm_json_t     *root;
    ngx_litellm_json_doc_t  doc;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = pool;
    doc.keep = 2;
    doc.max_depth = 16;
    doc.max_nodes = 200;

    rc = ngx_litellm_json_parse(&doc, body->data, body->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    root = (rc == NGX_OK && ngx_litellm_json_is(doc.root, OBJECT)) ? doc.root
                                                                   : NULL;

    if (status != 200) {
        return ngx_litellm_credential_refused(c, pool, status, root, why);
    }

    if (root == NULL) {
        ngx_str_set(why, "the token endpoint's answer is no JSON object");
        return NGX_DECLINED;
    }

    return ngx_litellm_credential_token(pool, root, token, lifetime, why);
}


static ngx_int_t
ngx_litellm_credential_token(ngx_pool_t *pool, ngx_litellm_json_t *root,
    ngx_str_t *token, time_t *lifetime, ngx_str_t *why)
{
    size_t               i;
    int64_t              n;
    ngx_str_t            text;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(root, "token_type");

    if (ngx_litellm_json_is(v, STRING)
        && (v->len != sizeof("\"Bearer\"") - 1
            || ngx_strncasecmp(v->start, (u_char *) "\"Bearer\"", v->len)
               != 0))
    {
        ngx_str_set(why, "the token endpoint gave a token that is no bearer "
                         "token");
        return NGX_DECLINED;
    }

    v = ngx_litellm_json_member(root, "access_token");

    if (!ngx_litellm_json_is(v, STRING) || v->len <= 2) {
        ngx_str_set(why, "the token endpoint's answer has no access_token");
        return NGX_DECLINED;
    }

    text = ngx_litellm_json_text(v);

    if (ngx_litellm_json_unescape(pool, &text, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < text.len; i++) {
        if (text.data[i] <= 0x20 || text.data[i] >= 0x7f) {
            break;
        }
    }

    if (i < text.len || text.len > NGX_LITELLM_MAX_TOKEN) {
        ngx_str_set(why, "the token endpoint gave a token that no header can "
                         "hold");
        return NGX_DECLINED;
    }

    n = NGX_LITELLM_NO_LIFETIME;

    v = ngx_litellm_json_member(root, "expires_in");

    if (ngx_litellm_json_is(v, STRING)) {

        /* older endpoints of Entra write it so */

        n = ngx_atoi(v->start + 1, v->len - 2);

    } else if (ngx_litellm_json_is(v, NUMBER)
               && ngx_litellm_json_fixed(v, 0, &n) != NGX_OK)
    {
        n = -1;
    }

    if (n <= 0) {
        ngx_str_set(why, "the token endpoint gave a token with no lifetime");
        return NGX_DECLINED;
    }

    token->data = ngx_pstrdup(pool, &text);
    if (token->data == NULL) {
        return NGX_ERROR;
    }

    token->len = text.len;
    *lifetime = (time_t) ngx_min(n, NGX_LITELLM_MAX_LIFETIME);

    return NGX_OK;
}


/* error and error_description (RFC 6749, 5.2) */

static ngx_int_t
ngx_litellm_credential_refused(ngx_litellm_credential_t *c, ngx_pool_t *pool,
    ngx_uint_t status, ngx_litellm_json_t *root, ngx_str_t *why)
{
    u_char  *p, *last;

    p = ngx_pnalloc(pool, NGX_LITELLM_MAX_WHY);
    if (p == NULL) {
        return NGX_ERROR;
    }

    why->data = p;
    last = p + NGX_LITELLM_MAX_WHY;

    p = ngx_slprintf(p, last, "the token endpoint answered %ui", status);

    if (root != NULL) {
        p = ngx_litellm_credential_say(c, pool, p, last,
                                ngx_litellm_json_member(root, "error"));
        p = ngx_litellm_credential_say(c, pool, p, last,
                          ngx_litellm_json_member(root, "error_description"));
    }

    why->len = p - why->data;

    return NGX_DECLINED;
}


/* ": " and the text word by word, without what may be a secret */

static u_char *
ngx_litellm_credential_say(ngx_litellm_credential_t *c, ngx_pool_t *pool,
    u_char *p, u_char *last, ngx_litellm_json_t *v)
{
    u_char      *q, *end, *word;
    size_t       len;
    ngx_str_t    text;
    const char  *blank;

    if (!ngx_litellm_json_is(v, STRING)) {
        return p;
    }

    text = ngx_litellm_json_text(v);

    if (ngx_litellm_json_unescape(pool, &text, &text) != NGX_OK
        || ngx_litellm_credential_secret(c, &text))
    {
        return p;
    }

    q = text.data;
    end = q + text.len;
    blank = ": ";

    while (q < end) {

        while (q < end && (*q <= 0x20 || *q >= 0x7f)) {
            q++;
        }

        for (word = q; q < end && *q > 0x20 && *q < 0x7f; q++) { /* void */ }

        len = q - word;

        if (len == 0) {
            break;
        }

        if (len > NGX_LITELLM_MAX_WORD) {
            word = (u_char *) "***";
            len = 3;
        }

        if ((size_t) (last - p) < ngx_strlen(blank) + len) {
            break;
        }

        p = ngx_cpymem(p, blank, ngx_strlen(blank));
        p = ngx_cpymem(p, word, len);

        blank = " ";
    }

    return p;
}


/* a text that has our secret in it, whatever else it says */

static ngx_uint_t
ngx_litellm_credential_secret(ngx_litellm_credential_t *c, ngx_str_t *text)
{
    size_t      i;
    ngx_str_t  *s;
    ngx_uint_t  n;

    for (n = 0; n < 2; n++) {

        s = n ? &c->refresh : &c->secret;

        for (i = 0; s->len && s->len <= text->len - i; i++) {
            if (ngx_memcmp(text->data + i, s->data, s->len) == 0) {
                return 1;
            }
        }
    }

    return 0;
}
