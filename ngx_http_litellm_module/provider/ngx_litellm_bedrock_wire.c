
/*
 * Bedrock on the wire: which deployment may be served and with what (setup, at
 * configuration time), the path with the model's id, and the credentials of a
 * request: a SigV4 signature or a bearer key.
 *
 * Only static keys are here.  What needs a service to be asked first (roles,
 * profiles, web identity, an instance's own role) is refused while the
 * configuration is read.
 */

#include "ngx_litellm_bedrock.h"


/* LiteLLM's default, and the one of the row's address */
#define NGX_LITELLM_BEDROCK_REGION  "us-west-2"

#define NGX_LITELLM_BEDROCK_REGIONS                                           \
    "AWS_REGION_NAME AWS_REGION AWS_DEFAULT_REGION"


#define ngx_litellm_bedrock_begins_with(s, text)                              \
    ((s)->len >= sizeof(text) - 1                                             \
     && ngx_memcmp((s)->data, text, sizeof(text) - 1) == 0)


static ngx_int_t ngx_litellm_bedrock_refused(ngx_litellm_deployment_t *d,
    ngx_str_t *why);
static ngx_int_t ngx_litellm_bedrock_region(ngx_litellm_config_env_t *env,
    ngx_pool_t *pool, ngx_litellm_deployment_t *d, ngx_str_t *region,
    ngx_str_t *why);
static ngx_int_t ngx_litellm_bedrock_keys(ngx_litellm_config_env_t *env,
    ngx_pool_t *pool, ngx_litellm_deployment_t *d,
    ngx_litellm_sigv4_key_t *key, ngx_str_t *why);
static ngx_int_t ngx_litellm_bedrock_hide(ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, ngx_str_t *token);
static ngx_int_t ngx_litellm_bedrock_address(ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, ngx_str_t *region, const char *before,
    const char *after);
static ngx_uint_t ngx_litellm_bedrock_default_base(
    ngx_litellm_deployment_t *d);
static size_t ngx_litellm_bedrock_is_region(u_char *p, u_char *last);
static void ngx_litellm_bedrock_arn(ngx_str_t *arn, ngx_str_t *region);


ngx_int_t
ngx_litellm_bedrock_setup(ngx_litellm_config_env_t *env, ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, ngx_str_t *why)
{
    ngx_int_t                   rc;
    ngx_str_t                  *text, bare, region;
    ngx_litellm_bedrock_own_t  *own;

    own = ngx_pcalloc(pool, sizeof(ngx_litellm_bedrock_own_t));
    if (own == NULL) {
        return NGX_ERROR;
    }

    d->own = own;

    rc = ngx_litellm_bedrock_refused(d, why);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_bedrock_model(&d->model, &bare, &region);

    if (d->info == NULL) {
        d->info = ngx_litellm_bedrock_info(&bare);

        if (d->info != NULL && d->mode == NGX_LITELLM_MODE_UNKNOWN) {
            d->mode = d->info->mode;
        }
    }

    text = ngx_litellm_setting(d, "model_id");
    if (text != NULL) {
        own->model_id = *text;
    }

    ngx_str_set(&own->key.service, "bedrock");

    rc = ngx_litellm_bedrock_region(env, pool, d, &own->key.region, why);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_litellm_bedrock_default_base(d)) {
        rc = ngx_litellm_provider_setting(env, pool, d,
                                          "aws_bedrock_runtime_endpoint",
                                          "AWS_BEDROCK_RUNTIME_ENDPOINT",
                                          &d->api_base);
        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED
            && ngx_litellm_bedrock_address(pool, d, &own->key.region,
                                           "https://bedrock-runtime.",
                                           "amazonaws.com")
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_strlchr(d->api_base.data, d->api_base.data + d->api_base.len, '?')
        != NULL)
    {
        ngx_str_set(why, "aws_bedrock_runtime_endpoint must have no query");
        return NGX_DECLINED;
    }

    return ngx_litellm_bedrock_keys(env, pool, d, &own->key, why);
}


/* OpenAI's wire at an address of its own in each region */

ngx_int_t
ngx_litellm_bedrock_mantle_setup(ngx_litellm_config_env_t *env,
    ngx_pool_t *pool, ngx_litellm_deployment_t *d, ngx_str_t *why)
{
    ngx_int_t  rc;
    ngx_str_t  region;

    rc = ngx_litellm_bedrock_region(env, pool, d, &region, why);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_litellm_bedrock_default_base(d)
        && ngx_litellm_bedrock_address(pool, d, &region,
                                       "https://bedrock-mantle.", "api.aws/v1")
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_bedrock_refused(ngx_litellm_deployment_t *d, ngx_str_t *why)
{
    ngx_uint_t  i;

    static const struct {
        const char  *name;
        ngx_str_t    why;
    } settings[] = {
        { "aws_role_name",
          ngx_string("aws_role_name: roles are not assumed here, give "
                     "aws_access_key_id and aws_secret_access_key (and "
                     "aws_session_token), or an api_key of Bedrock") },
        { "aws_web_identity_token",
          ngx_string("aws_web_identity_token: web identities are not exchanged "
                     "here, give aws_access_key_id and aws_secret_access_key, "
                     "or an api_key of Bedrock") },
        { "aws_profile_name",
          ngx_string("aws_profile_name: profiles are not read here, give "
                     "aws_access_key_id and aws_secret_access_key, or an "
                     "api_key of Bedrock") }
    };

    for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        if (ngx_litellm_config_setting(d, settings[i].name,
                                       ngx_strlen(settings[i].name))
            != NULL)
        {
            *why = settings[i].why;
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


/*
 * The deployment's own word, then the model's, then the environment.  The name
 * becomes a part of a host name and of the signature.
 */

static ngx_int_t
ngx_litellm_bedrock_region(ngx_litellm_config_env_t *env, ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, ngx_str_t *region, ngx_str_t *why)
{
    u_char      c;
    ngx_int_t   rc;
    ngx_str_t  *text, bare;
    ngx_uint_t  i;

    static ngx_str_t  variables = ngx_string(NGX_LITELLM_BEDROCK_REGIONS);

    text = ngx_litellm_setting(d, "aws_region_name");

    if (text == NULL) {
        text = ngx_litellm_setting(d, "region_name");
    }

    if (text != NULL) {
        *region = *text;

    } else {
        ngx_litellm_bedrock_model(&d->model, &bare, region);

        text = ngx_litellm_setting(d, "model_id");

        if (region->len == 0 && text != NULL) {
            ngx_litellm_bedrock_model(text, &bare, region);
        }
    }

    if (region->len == 0) {
        rc = ngx_litellm_provider_variable(env, pool, &variables, region);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED) {
            ngx_str_set(region, NGX_LITELLM_BEDROCK_REGION);
        }
    }

    for (i = 0; i < region->len; i++) {
        c = region->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            break;
        }
    }

    if (i < region->len || region->len > 32) {
        ngx_str_set(why, "aws_region_name must be the name of a region like "
                    "\"us-east-1\"");
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/*
 * A pair of keys of the deployment, or an api_key; else a bearer of the
 * environment, or a pair of it.  A session's token belongs to its pair.
 */

static ngx_int_t
ngx_litellm_bedrock_keys(ngx_litellm_config_env_t *env, ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, ngx_litellm_sigv4_key_t *key, ngx_str_t *why)
{
    ngx_int_t   rc;
    ngx_str_t  *id, *secret, *token, bearer;

    static ngx_str_t  bearers = ngx_string("AWS_BEARER_TOKEN_BEDROCK");
    static ngx_str_t  ids = ngx_string("AWS_ACCESS_KEY_ID");
    static ngx_str_t  secrets = ngx_string("AWS_SECRET_ACCESS_KEY");
    static ngx_str_t  tokens = ngx_string("AWS_SESSION_TOKEN");

    id = ngx_litellm_setting(d, "aws_access_key_id");
    secret = ngx_litellm_setting(d, "aws_secret_access_key");

    if (d->no_credentials
        && d->missing_env.data == d->provider->keys.data)
    {
        /* without a bearer there may be a pair of keys */

        d->no_credentials = 0;
    }

    if (d->api_key.len) {

        if (id == NULL || secret == NULL) {
            return NGX_OK;
        }

        /* what the file says counts more than the environment's bearer */

        rc = ngx_litellm_provider_variable(env, pool, &bearers, &bearer);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED || bearer.len != d->api_key.len
            || ngx_memcmp(bearer.data, d->api_key.data, bearer.len) != 0)
        {
            return NGX_OK;
        }

        ngx_str_null(&d->api_key);
    }

    if (id != NULL && secret != NULL) {
        key->key_id = *id;
        key->secret = *secret;

        /* a token that is not set is none: keys that last have none */

        d->no_credentials = 0;

        token = ngx_litellm_setting(d, "aws_session_token");
        if (token != NULL) {
            key->token = *token;
        }

        return NGX_OK;
    }

    if (d->no_credentials) {

        /* a variable that the file names is not set, which was told */

        return NGX_OK;
    }

    if (id != NULL || secret != NULL) {
        ngx_str_set(why, "aws_access_key_id and aws_secret_access_key belong "
                    "together");
        return NGX_DECLINED;
    }

    rc = ngx_litellm_provider_variable(env, pool, &ids, &key->key_id);

    if (rc == NGX_OK) {
        rc = ngx_litellm_provider_variable(env, pool, &secrets, &key->secret);
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        d->no_credentials = 1;
        d->missing_env = key->key_id.len ? secrets : ids;

        ngx_str_null(&key->key_id);

        return NGX_OK;
    }

    rc = ngx_litellm_provider_variable(env, pool, &tokens, &key->token);

    if (rc == NGX_OK) {
        rc = ngx_litellm_bedrock_hide(pool, d, &key->token);
    }

    return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
}


/* sent in clear, so kept out of errors, for which it must be a setting */

static ngx_int_t
ngx_litellm_bedrock_hide(ngx_pool_t *pool, ngx_litellm_deployment_t *d,
    ngx_str_t *token)
{
    ngx_keyval_t  *kv;

    if (d->settings == NULL) {
        d->settings = ngx_array_create(pool, 1, sizeof(ngx_keyval_t));
        if (d->settings == NULL) {
            return NGX_ERROR;
        }
    }

    kv = ngx_array_push(d->settings);
    if (kv == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&kv->key, "aws_session_token");
    kv->value = *token;

    return NGX_OK;
}


/* true if the address is the row's, which is of one region */

static ngx_uint_t
ngx_litellm_bedrock_default_base(ngx_litellm_deployment_t *d)
{
    return d->api_base.len == 0
           || d->api_base.data == d->provider->base.data;
}


/* https://bedrock-runtime.REGION.amazonaws.com; China has its own domain */

static ngx_int_t
ngx_litellm_bedrock_address(ngx_pool_t *pool, ngx_litellm_deployment_t *d,
    ngx_str_t *region, const char *before, const char *after)
{
    u_char      *p;
    size_t       len;
    const char  *china;

    china = ngx_litellm_bedrock_begins_with(region, "cn-")
            && ngx_strncmp(after, "amazonaws.", 10) == 0 ? ".cn" : "";

    len = ngx_strlen(before) + region->len + 1 + ngx_strlen(after)
          + ngx_strlen(china);

    p = ngx_pnalloc(pool, len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    d->api_base.data = p;
    d->api_base.len = len;

    (void) ngx_sprintf(p, "%s%V.%s%s%Z", before, region, after, china);

    return NGX_OK;
}


const ngx_litellm_dialect_t *
ngx_litellm_bedrock_select(ngx_litellm_call_t *call)
{
    switch (call->op) {

    case NGX_LITELLM_OP_CHAT:
    case NGX_LITELLM_OP_COMPLETIONS:
        return &ngx_litellm_bedrock_dialect;

    case NGX_LITELLM_OP_EMBEDDINGS:
        return &ngx_litellm_bedrock_embed_dialect;

    default:
        return NULL;
    }
}


void
ngx_litellm_bedrock_model(ngx_str_t *name, ngx_str_t *bare, ngx_str_t *region)
{
    u_char      *p, *last;
    size_t       n;
    ngx_uint_t   i;

    static const ngx_str_t  words[] = {
        ngx_string("bedrock/"),
        ngx_string("converse/"),
        ngx_string("converse_like/"),
        ngx_string("invoke/"),
        ngx_string("1-month-commitment/"),
        ngx_string("6-month-commitment/")
    };

    *bare = *name;
    ngx_str_null(region);

    last = name->data + name->len;

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {

        if (bare->len > words[i].len
            && ngx_memcmp(bare->data, words[i].data, words[i].len) == 0)
        {
            bare->data += words[i].len;
            bare->len -= words[i].len;
            i = (ngx_uint_t) -1;
            continue;
        }

        n = ngx_litellm_bedrock_is_region(bare->data, last);

        if (n && region->len == 0) {
            region->data = bare->data;
            region->len = n - 1;

            bare->data += n;
            bare->len -= n;
            i = (ngx_uint_t) -1;
        }
    }

    /* "llama/arn:aws:bedrock:...": how LiteLLM names what was imported */

    p = bare->data;

    if (!ngx_litellm_bedrock_begins_with(bare, "arn:")) {
        p = ngx_litellm_find(bare->data, last, "/arn:", 5);

        if (p == NULL) {
            return;
        }

        p++;
    }

    bare->data = p;
    bare->len = last - p;

    if (region->len == 0) {
        ngx_litellm_bedrock_arn(bare, region);
    }
}


/* the length of "us-east-1/", "us-gov-west-1/" with the slash; 0: no region */

static size_t
ngx_litellm_bedrock_is_region(u_char *p, u_char *last)
{
    u_char      *start;
    ngx_uint_t   dashes;

    start = p;
    dashes = 0;

    for ( /* void */ ; p < last && *p != '/'; p++) {

        if (*p == '-') {
            dashes++;
            continue;
        }

        if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9'))) {
            return 0;
        }
    }

    if (p == last || last - p < 2 || dashes < 2 || dashes > 3
        || p - start > 16 || p[-1] < '0' || p[-1] > '9' || start[2] != '-')
    {
        return 0;
    }

    return p + 1 - start;
}


/* arn:partition:service:REGION:account:resource */

static void
ngx_litellm_bedrock_arn(ngx_str_t *arn, ngx_str_t *region)
{
    u_char      *p, *last, *start;
    ngx_uint_t   n;

    start = arn->data;
    last = start + arn->len;
    n = 0;

    for (p = start; p < last; p++) {

        if (*p != ':') {
            continue;
        }

        if (++n == 4) {
            region->data = start;
            region->len = p - start;
            return;
        }

        start = p + 1;
    }
}


const ngx_litellm_model_t *
ngx_litellm_bedrock_info(ngx_str_t *bare)
{
    u_char                     *p, *last;
    ngx_str_t                   name;
    const ngx_litellm_model_t  *info;

    static ngx_str_t  provider = ngx_string("bedrock");

    name = *bare;
    last = name.data + name.len;

    /* .../foundation-model/ID, .../inference-profile/ID name it too */

    if (ngx_litellm_bedrock_begins_with(&name, "arn:")) {
        for (p = last; p > name.data && p[-1] != '/'; p--) { /* void */ }

        name.data = p;
        name.len = last - p;
    }

    info = ngx_litellm_model_find(&provider, &name);
    if (info != NULL) {
        return info;
    }

    /* "eu.anthropic.claude...": an inference profile over regions */

    p = ngx_strlchr(name.data, last, '.');

    if (p == NULL || p - name.data > 8) {
        return NULL;
    }

    name.data = p + 1;
    name.len = last - name.data;

    return ngx_litellm_model_find(&provider, &name);
}


/*
 * One segment of the path, whatever is in the id: "/" of an ARN is "%2F", and
 * the signature is over the path as it is sent.
 */

ngx_int_t
ngx_litellm_bedrock_path(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire,
    ngx_str_t *model, const char *action, ngx_litellm_error_t *e)
{
    u_char                     *p, *src, *last;
    ngx_str_t                  *base, id;
    ngx_litellm_bedrock_own_t  *own;

    static u_char  hex[] = "0123456789ABCDEF";

    own = call->deployment->own;
    base = &call->deployment->url.path;
    id = (own && own->model_id.len) ? own->model_id : *model;

    if (id.len == 0 || id.len > 2048
        || (id.data[0] == '.' && id.len <= 2 && id.data[id.len - 1] == '.'))
    {
        return ngx_litellm_call_bad(call, e, "this is no model of Bedrock");
    }

    p = ngx_pnalloc(call->pool, base->len + sizeof("/model/") + 3 * id.len
                                + ngx_strlen(action));
    if (p == NULL) {
        return NGX_ERROR;
    }

    wire->path.data = p;

    p = ngx_cpymem(p, base->data, base->len);
    p = ngx_cpymem(p, "/model/", sizeof("/model/") - 1);

    src = id.data;
    last = src + id.len;

    for ( /* void */ ; src < last; src++) {

        if ((*src >= 'a' && *src <= 'z') || (*src >= 'A' && *src <= 'Z')
            || (*src >= '0' && *src <= '9') || *src == '-' || *src == '_'
            || *src == '.' || *src == '~')
        {
            *p++ = *src;
            continue;
        }

        *p++ = '%';
        *p++ = hex[*src >> 4];
        *p++ = hex[*src & 0xf];
    }

    p = ngx_cpymem(p, action, ngx_strlen(action));

    wire->path.len = p - wire->path.data;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_bedrock_sign(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire)
{
    ngx_str_t                   date, authorization;
    ngx_litellm_sigv4_t         rq;
    ngx_litellm_bedrock_own_t  *own;

    own = call->deployment->own;

    if (wire->body.failed) {
        return NGX_ERROR;
    }

    if (own == NULL || own->key.key_id.len == 0) {
        return ngx_litellm_wire_bearer(call, wire, ngx_litellm_call_key(call));
    }

    ngx_memzero(&rq, sizeof(ngx_litellm_sigv4_t));

    ngx_str_set(&rq.method, "POST");
    rq.path = wire->path;
    rq.host = call->deployment->url.authority;
    rq.body = wire->body.first;
    rq.now = call->sent ? call->sent : call->now;

    if (ngx_litellm_sigv4_sign(call->pool, &own->key, &rq, &date,
                               &authorization)
        != NGX_OK
        || ngx_litellm_wire_header(wire, "X-Amz-Date",
                                   sizeof("X-Amz-Date") - 1, &date)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (own->key.token.len
        && ngx_litellm_wire_header(wire, "X-Amz-Security-Token",
                                   sizeof("X-Amz-Security-Token") - 1,
                                   &own->key.token)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_litellm_wire_header(wire, "Authorization",
                                   sizeof("Authorization") - 1,
                                   &authorization);
}
