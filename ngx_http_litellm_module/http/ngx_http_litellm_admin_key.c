
/*
 * /key/...: one virtual key.  A key is shown once, to who has it made; what is
 * kept of it is its SHA-256 ("token", its id) and its end.  Wherever a client
 * names a key it may give the key itself or the token.
 */

#include "ngx_http_litellm_admin.h"
#include <openssl/crypto.h>
#include <openssl/rand.h>


#define NGX_HTTP_LITELLM_KEY_BYTES   16      /* 128 bits: 22 characters */
#define NGX_HTTP_LITELLM_KEY_MIN     8
#define NGX_HTTP_LITELLM_KEY_MAX     256


static ngx_int_t ngx_http_litellm_admin_key_service(
    ngx_http_litellm_admin_t *a, ngx_array_t *own);
static ngx_int_t ngx_http_litellm_admin_key_make(ngx_http_litellm_admin_t *a,
    const char *name, ngx_str_t *key);
static ngx_int_t ngx_http_litellm_admin_key_random(
    ngx_http_litellm_admin_t *a, ngx_str_t *key);
static ngx_int_t ngx_http_litellm_admin_key_named(ngx_http_litellm_admin_t *a,
    ngx_str_t *id);
static ngx_int_t ngx_http_litellm_admin_key_token(ngx_http_litellm_admin_t *a,
    ngx_array_t *own, ngx_str_t *key, ngx_str_t *id);
static ngx_int_t ngx_http_litellm_admin_key_type(ngx_http_litellm_admin_t *a,
    ngx_array_t *own);
static ngx_int_t ngx_http_litellm_admin_key_expires(
    ngx_http_litellm_admin_t *a, ngx_array_t *own);
static ngx_int_t ngx_http_litellm_admin_key_set_blocked(
    ngx_http_litellm_admin_t *a, ngx_str_t *blocked);


ngx_int_t
ngx_http_litellm_admin_key_generate(ngx_http_litellm_admin_t *a)
{
    ngx_int_t    rc;
    ngx_str_t    key, id, json, front;
    ngx_array_t  own;

    if (ngx_array_init(&own, a->pool, 8, sizeof(ngx_http_litellm_member_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_litellm_admin_key_service(a, &own);

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_admin_grant_key(a, 1);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_admin_key_create(a, &own, &key, &id, &json);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_litellm_admin_key_front(a, &key, &id, &front) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_litellm_admin_show(a, NGX_LITELLM_KEY, &id, &json, &front);
}


/* a service account's key is its team's, and nobody's else */

static ngx_int_t
ngx_http_litellm_admin_key_service(ngx_http_litellm_admin_t *a,
    ngx_array_t *own)
{
    ngx_str_t  *path, team;

    static ngx_str_t  null = ngx_string("null");

    path = &a->ctx->path;

    if (ngx_litellm_find(path->data, path->data + path->len,
                         "/service-account/",
                         sizeof("/service-account/") - 1)
        == NULL)
    {
        return NGX_OK;
    }

    if (ngx_http_litellm_admin_text(a, "team_id", &team) != NGX_OK) {
        return ngx_http_litellm_admin_fail(a, 400, "team_id is required for "
                                           "service account keys. Please "
                                           "specify `team_id` in the request "
                                           "body.");
    }

    return ngx_http_litellm_admin_member(own, "user_id", &null);
}


ngx_int_t
ngx_http_litellm_admin_key_create(ngx_http_litellm_admin_t *a,
    ngx_array_t *own, ngx_str_t *key, ngx_str_t *id, ngx_str_t *json)
{
    int64_t    spend;
    ngx_int_t  rc;

    spend = -1;
    ngx_str_null(id);

    rc = ngx_http_litellm_admin_key_unique(a, id);

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_admin_key_make(a, "key", key);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_admin_key_type(a, own);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_admin_key_expires(a, own);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_admin_spend(a, "spend", &spend);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_litellm_admin_key_id(a, key, id) != NGX_OK
        || ngx_http_litellm_admin_key_token(a, own, key, id) != NGX_OK
        || ngx_http_litellm_admin_stamp(a, own, 1) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_litellm_admin_save(a, NGX_LITELLM_KEY, id, 1, own,
                                       ngx_max(spend, 0), json);
}


/* the body's own one, or a random one */

static ngx_int_t
ngx_http_litellm_admin_key_make(ngx_http_litellm_admin_t *a, const char *name,
    ngx_str_t *key)
{
    ngx_int_t     rc;
    ngx_str_t    *master;
    ngx_uint_t    i;

    rc = ngx_http_litellm_admin_text(a, name, key);

    if (rc == NGX_DECLINED) {
        return ngx_http_litellm_admin_key_random(a, key);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (key->len < NGX_HTTP_LITELLM_KEY_MIN
        || key->len > NGX_HTTP_LITELLM_KEY_MAX
        || ngx_strncmp(key->data, "sk-", 3) != 0)
    {
        return ngx_http_litellm_admin_fail(a, 400, "\"%s\" must begin with sk- "
                                           "and have %d to %d characters",
                                           name, NGX_HTTP_LITELLM_KEY_MIN,
                                           NGX_HTTP_LITELLM_KEY_MAX);
    }

    for (i = 0; i < key->len; i++) {

        if (key->data[i] <= ' ' || key->data[i] >= 0x7f
            || key->data[i] == '"' || key->data[i] == '\\')
        {
            return ngx_http_litellm_admin_fail(a, 400, "\"%s\" must be of "
                                               "printable ASCII characters "
                                               "without blanks, quotes and "
                                               "backslashes", name);
        }
    }

    master = &a->config->master_key;

    if (key->len == master->len
        && CRYPTO_memcmp(key->data, master->data, key->len) == 0)
    {
        return ngx_http_litellm_admin_fail(a, 400, "\"%s\" is the master key",
                                           name);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_admin_key_random(ngx_http_litellm_admin_t *a, ngx_str_t *key)
{
    u_char     bytes[NGX_HTTP_LITELLM_KEY_BYTES];
    ngx_str_t  src, dst;

    if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
        ngx_log_error(NGX_LOG_ERR, a->log, 0,
                      "litellm: RAND_bytes() failed, no key was made");
        return NGX_ERROR;
    }

    key->data = ngx_pnalloc(a->pool, sizeof("sk-") - 1
                            + ngx_base64_encoded_length(sizeof(bytes)));
    if (key->data == NULL) {
        return NGX_ERROR;
    }

    src.data = bytes;
    src.len = sizeof(bytes);
    dst.data = ngx_cpymem(key->data, "sk-", sizeof("sk-") - 1);

    ngx_encode_base64url(&dst, &src);

    key->len = sizeof("sk-") - 1 + dst.len;

    ngx_explicit_memzero(bytes, sizeof(bytes));

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_admin_key_id(ngx_http_litellm_admin_t *a, ngx_str_t *key,
    ngx_str_t *id)
{
    id->len = NGX_LITELLM_KEY_HASH;
    id->data = ngx_pnalloc(a->pool, NGX_LITELLM_KEY_HASH);
    if (id->data == NULL) {
        return NGX_ERROR;
    }

    if (key->len == NGX_LITELLM_KEY_HASH
        && ngx_strncmp(key->data, "sk-", 3) != 0)
    {
        ngx_strlow(id->data, key->data, key->len);
        return NGX_OK;
    }

    ngx_litellm_key_hash(key, id->data);

    return NGX_OK;
}


/* the key that the path or the body names; NGX_DECLINED with the error */

static ngx_int_t
ngx_http_litellm_admin_key_named(ngx_http_litellm_admin_t *a, ngx_str_t *id)
{
    ngx_int_t  rc;
    ngx_str_t  key;

    key = a->argument;

    if (key.len == 0) {
        rc = ngx_http_litellm_admin_text(a, "key", &key);

        if (rc == NGX_DECLINED) {
            return ngx_http_litellm_admin_fail(a, 400, "\"key\" is missing");
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_http_litellm_admin_key_id(a, &key, id);
}


/* what a record has of the key itself */

static ngx_int_t
ngx_http_litellm_admin_key_token(ngx_http_litellm_admin_t *a,
    ngx_array_t *own, ngx_str_t *key, ngx_str_t *id)
{
    ngx_str_t  name;

    if (ngx_litellm_key_name(a->pool, key, &name) != NGX_OK
        || ngx_http_litellm_admin_quote(a, own, "token", id) != NGX_OK
        || ngx_http_litellm_admin_quote(a, own, "key_name", &name) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* "key_type" of the body as "allowed_routes" */

static ngx_int_t
ngx_http_litellm_admin_key_type(ngx_http_litellm_admin_t *a, ngx_array_t *own)
{
    ngx_int_t   rc;
    ngx_str_t   type;
    ngx_uint_t  i;

    static struct {
        ngx_str_t  name;
        ngx_str_t  routes;
    } types[] = {
        { ngx_string("default"), ngx_null_string },
        { ngx_string("llm_api"), ngx_string("[\"llm_api_routes\"]") },
        { ngx_string("management"), ngx_string("[\"management_routes\"]") },
        { ngx_string("read_only"), ngx_string("[\"info_routes\"]") }
    };

    rc = ngx_http_litellm_admin_text(a, "key_type", &type);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : rc;
    }

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {

        if (type.len == types[i].name.len
            && ngx_memcmp(type.data, types[i].name.data, type.len) == 0)
        {
            return types[i].routes.len
                   ? ngx_http_litellm_admin_member(own, "allowed_routes",
                                                   &types[i].routes)
                   : NGX_OK;
        }
    }

    return ngx_http_litellm_admin_fail(a, 400, "\"key_type\" must be default, "
                                       "llm_api, management or read_only");
}


/* "duration" of the body as "expires" */

static ngx_int_t
ngx_http_litellm_admin_key_expires(ngx_http_litellm_admin_t *a,
    ngx_array_t *own)
{
    u_char               buf[NGX_LITELLM_DATE_LEN];
    int64_t              seconds;
    ngx_int_t            rc;
    ngx_str_t            text, date;
    ngx_litellm_json_t  *v;

    static ngx_str_t  null = ngx_string("null");

    v = ngx_litellm_json_member(a->body, "duration");

    if (v == NULL) {
        return NGX_OK;
    }

    if (v->type == NGX_LITELLM_JSON_NULL) {

        /* of a record that is there: never, as LiteLLM has it */

        return ngx_litellm_json_member(a->body, "expires")
               ? NGX_OK : ngx_http_litellm_admin_member(own, "expires", &null);
    }

    rc = ngx_http_litellm_admin_text(a, "duration", &text);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK && text.len == 2
        && ngx_strncmp(text.data, "-1", 2) == 0)
    {
        /* LiteLLM's word for never */

        return ngx_http_litellm_admin_member(own, "expires", &null);
    }

    if (rc != NGX_OK || ngx_litellm_key_lifetime(&text, &seconds) != NGX_OK) {
        return ngx_http_litellm_admin_fail(a, 400, "\"duration\" must be like "
                                           "\"30s\", \"30m\", \"12h\" or "
                                           "\"30d\"");
    }

    date.data = buf;
    date.len = ngx_litellm_date_print(buf, ngx_time() + (time_t) seconds)
               - buf;

    return ngx_http_litellm_admin_quote(a, own, "expires", &date);
}


ngx_int_t
ngx_http_litellm_admin_key_front(ngx_http_litellm_admin_t *a, ngx_str_t *key,
    ngx_str_t *id, ngx_str_t *front)
{
    ngx_litellm_out_t  out;

    ngx_litellm_out_init(&out, a->pool);

    ngx_litellm_out_lit(&out, "\"key\":");
    ngx_litellm_out_json(&out, key);
    ngx_litellm_out_lit(&out, ",\"token_id\":");
    ngx_litellm_out_json(&out, id);
    ngx_litellm_out_lit(&out, ",");

    return ngx_litellm_out_join(&out, front);
}


ngx_int_t
ngx_http_litellm_admin_key_update(ngx_http_litellm_admin_t *a)
{
    int64_t      spend;
    ngx_int_t    rc;
    ngx_str_t    id, json, front;
    ngx_array_t  own;

    if (ngx_array_init(&own, a->pool, 4, sizeof(ngx_http_litellm_member_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    spend = -1;
    rc = ngx_http_litellm_admin_key_named(a, &id);

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_admin_key_unique(a, &id);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_admin_grant_key(a, 0);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_admin_key_expires(a, &own);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_admin_spend(a, "spend", &spend);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_litellm_admin_stamp(a, &own, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_litellm_admin_save(a, NGX_LITELLM_KEY, &id, 0, &own, spend,
                                     &json);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_litellm_admin_key_front(a, &id, &id, &front) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_litellm_admin_show(a, NGX_LITELLM_KEY, &id, &json, &front);
}


/* a key may ask for its own record */

ngx_int_t
ngx_http_litellm_admin_key_info(ngx_http_litellm_admin_t *a)
{
    ngx_int_t                rc;
    ngx_str_t                id, json, none, key;
    ngx_http_litellm_who_t  *who;

    who = &a->ctx->who;

    rc = ngx_http_litellm_admin_text(a, "key", &key);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK) {
        if (ngx_http_litellm_admin_key_id(a, &key, &id) != NGX_OK) {
            return NGX_ERROR;
        }

    } else if (who->key != NULL) {
        id = who->key->id;

    } else {
        return ngx_http_litellm_admin_fail(a, 400, "\"key\" is missing");
    }

    if (!who->admin
        && (id.len != who->key->id.len
            || ngx_memcmp(id.data, who->key->id.data, id.len) != 0))
    {
        return ngx_http_litellm_admin_fail(a, 403, "You are not allowed to "
                                           "access this key's info");
    }

    rc = ngx_http_litellm_admin_find(a, NGX_LITELLM_KEY, &id, &json);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_out_lit(&a->out, "{\"key\":");
    ngx_litellm_out_json(&a->out, &id);
    ngx_litellm_out_lit(&a->out, ",\"info\":");

    ngx_str_null(&none);

    rc = ngx_http_litellm_admin_show(a, NGX_LITELLM_KEY, &id, &json, &none);

    ngx_litellm_out_lit(&a->out, "}");

    return rc;
}


ngx_int_t
ngx_http_litellm_admin_key_block(ngx_http_litellm_admin_t *a)
{
    static ngx_str_t  yes = ngx_string("true");

    return ngx_http_litellm_admin_key_set_blocked(a, &yes);
}


ngx_int_t
ngx_http_litellm_admin_key_unblock(ngx_http_litellm_admin_t *a)
{
    static ngx_str_t  no = ngx_string("false");

    return ngx_http_litellm_admin_key_set_blocked(a, &no);
}


static ngx_int_t
ngx_http_litellm_admin_key_set_blocked(ngx_http_litellm_admin_t *a,
    ngx_str_t *blocked)
{
    ngx_int_t    rc;
    ngx_str_t    id, json, none;
    ngx_array_t  own;

    rc = ngx_http_litellm_admin_key_named(a, &id);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_array_init(&own, a->pool, 4, sizeof(ngx_http_litellm_member_t))
        != NGX_OK
        || ngx_http_litellm_admin_member(&own, "blocked", blocked) != NGX_OK
        || ngx_http_litellm_admin_stamp(a, &own, 0) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* nothing else of the body counts */

    a->body = NULL;

    rc = ngx_http_litellm_admin_save(a, NGX_LITELLM_KEY, &id, 0, &own, -1,
                                     &json);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_str_null(&none);

    return ngx_http_litellm_admin_show(a, NGX_LITELLM_KEY, &id, &json, &none);
}


ngx_int_t
ngx_http_litellm_admin_key_regenerate(ngx_http_litellm_admin_t *a)
{
    int64_t      spend;
    ngx_int_t    rc;
    ngx_str_t    from, key, id, json, front;
    ngx_array_t  own;

    if (ngx_array_init(&own, a->pool, 8, sizeof(ngx_http_litellm_member_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    spend = -1;
    rc = ngx_http_litellm_admin_key_named(a, &from);

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_admin_key_unique(a, &from);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_admin_grant_key(a, 0);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_admin_key_make(a, "new_key", &key);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_admin_key_expires(a, &own);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_admin_spend(a, "spend", &spend);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_litellm_admin_key_id(a, &key, &id) != NGX_OK
        || ngx_http_litellm_admin_key_token(a, &own, &key, &id) != NGX_OK
        || ngx_http_litellm_admin_stamp(a, &own, 0) != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_litellm_admin_move(a, NGX_LITELLM_KEY, &from, &id, &own,
                                     spend, &json);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_litellm_admin_key_front(a, &key, &id, &front) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_litellm_admin_show(a, NGX_LITELLM_KEY, &id, &json, &front);
}


/* the spend of a key of the configuration may be set too */

ngx_int_t
ngx_http_litellm_admin_key_reset(ngx_http_litellm_admin_t *a)
{
    int64_t                      spend, before;
    ngx_int_t                    rc;
    ngx_str_t                    id, json, why;
    ngx_uint_t                   stored;
    ngx_litellm_principal_t      p;
    ngx_http_litellm_account_t   account;

    spend = -1;
    rc = ngx_http_litellm_admin_key_named(a, &id);

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_admin_find(a, NGX_LITELLM_KEY, &id, &json);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_admin_spend(a, "reset_to", &spend);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    spend = ngx_max(spend, 0);

    (void) ngx_http_litellm_ledger_read(a->zone, NGX_HTTP_LITELLM_OF_KEY, &id,
                                        &account);
    before = account.spend;

    if (spend > before) {
        return ngx_http_litellm_admin_fail(a, 400, "\"reset_to\" must not be "
                                           "above what the key has spent");
    }

    if (ngx_litellm_principal_read(a->pool, NGX_LITELLM_KEY, &json, &p, &why)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    stored = (ngx_litellm_principals_find(
                               &a->config->principals[NGX_LITELLM_KEY], &id)
              == NULL);

    if (ngx_http_litellm_ledger_write(a->zone, NGX_HTTP_LITELLM_OF_KEY, &id,
                                      spend, &p.limits.budget.period, stored)
        != NGX_OK)
    {
        return ngx_http_litellm_admin_fail(a, 507, "The gateway has no memory "
                                           "left for this key's account");
    }

    ngx_litellm_out_lit(&a->out, "{\"key_hash\":");
    ngx_litellm_out_json(&a->out, &id);
    ngx_litellm_out_lit(&a->out, ",\"spend\":");
    ngx_http_litellm_admin_money(&a->out, spend);
    ngx_litellm_out_lit(&a->out, ",\"previous_spend\":");
    ngx_http_litellm_admin_money(&a->out, before);
    ngx_litellm_out_lit(&a->out, "}");

    return NGX_OK;
}
