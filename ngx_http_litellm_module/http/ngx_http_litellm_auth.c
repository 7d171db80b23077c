
/*
 * Who asks, as far as the request's header tells: the master key or a virtual
 * key, in any header that LiteLLM's clients put it in.  Runs in the access
 * phase, so that satisfy, allow/deny and auth_basic compose with it, and again
 * in the content phase where no verdict is there (the access phase is not run
 * for subrequests, and an internal redirect forgets the context).
 *
 * Variables that name somebody (litellm_principal) are read in the content
 * phase only: modules that set them may run behind this one.  Where there are
 * any, the access phase lets in who has no good key, the content phase decides.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_admin.h"
#include "ngx_http_litellm_metrics.h"
#include "ngx_http_litellm_outcome.h"


#define NGX_HTTP_LITELLM_AUTH_TEXT  1024


typedef struct {
    ngx_str_t                 own;           /* x-litellm-api-key */
    ngx_str_t                 named;         /* litellm_key_header_name */
    ngx_str_t                 api;
    ngx_str_t                 x;
    ngx_str_t                 goog;
    ngx_str_t                 azure;
} ngx_http_litellm_auth_headers_t;


static ngx_int_t ngx_http_litellm_auth_verdict(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
static ngx_int_t ngx_http_litellm_auth_owners(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_principal_t *key);
static ngx_int_t ngx_http_litellm_auth_route(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_principal_t *p);
static void ngx_http_litellm_auth_header(ngx_table_elt_t *h,
    ngx_str_t *named, ngx_http_litellm_auth_headers_t *headers);
static ngx_uint_t ngx_http_litellm_auth_bearer(ngx_str_t *value);
static ngx_uint_t ngx_http_litellm_same_key(ngx_str_t *a, ngx_str_t *b);


ngx_int_t
ngx_http_litellm_access_handler(ngx_http_request_t *r)
{
    ngx_http_litellm_ctx_t       *ctx;
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_litellm_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);

    if (!lcf->enable || !ngx_http_litellm_auth_needed(lcf->config)) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_litellm_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r->method == NGX_HTTP_OPTIONS) {

        /* a preflight carries no credentials and is told nothing */

        return NGX_DECLINED;
    }

    ctx->api = ngx_http_litellm_api(r, ctx);

    if (ctx->api != NULL && ngx_http_litellm_api_open(r, ctx->api)) {
        return NGX_DECLINED;
    }

    if (ngx_http_litellm_auth(r, ctx, 0) == NGX_OK) {
        return NGX_OK;
    }

    if (lcf->by_variable) {
        return NGX_DECLINED;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->satisfy == NGX_HTTP_SATISFY_ALL) {
        ngx_http_litellm_outcome_refused(r, ctx);
    }

    return ctx->error.status;
}


ngx_int_t
ngx_http_litellm_auth(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx,
    ngx_uint_t in_content)
{
    ngx_int_t                     rc;
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_litellm_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);

    if (!ctx->authorized && ngx_http_litellm_auth_needed(lcf->config)) {

        clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

        if (in_content && r == r->main && !lcf->by_variable
            && clcf->satisfy == NGX_HTTP_SATISFY_ANY)
        {
            /* the access phase has let it in: another module was satisfied */

            ctx->authorized = 1;

            return ngx_http_litellm_who_open(r, ctx);
        }

        rc = ngx_http_litellm_auth_verdict(r, ctx);

        if (rc != NGX_OK && (!in_content || !lcf->by_variable)) {
            return NGX_DECLINED;
        }
    }

    if (in_content) {
        return ngx_http_litellm_who_open(r, ctx);
    }

    return NGX_OK;
}


/* NGX_OK, or NGX_DECLINED with ctx->error */

static ngx_int_t
ngx_http_litellm_auth_verdict(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    u_char                        hash[NGX_LITELLM_KEY_HASH];
    ngx_int_t                     rc;
    ngx_str_t                     key, id;
    ngx_http_litellm_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);

    rc = ngx_http_litellm_auth_key(r, &key);

    if (rc == NGX_DECLINED) {
        return ngx_http_litellm_auth_refuse(r, ctx, 401, "auth_error", NULL,
                               "Authentication Error, No api key passed in.");
    }

    if (rc == NGX_ERROR) {
        return ngx_http_litellm_auth_refuse(r, ctx, 401, "auth_error", NULL,
                               "Authentication Error, Malformed API Key "
                               "passed in. Ensure Key has `Bearer ` prefix.");
    }

    if (lcf->config->master_key.len
        && ngx_http_litellm_same_key(&key, &lcf->config->master_key))
    {
        ngx_memzero(&ctx->error, sizeof(ngx_litellm_error_t));

        ctx->authorized = 1;
        ctx->who.master = 1;
        ctx->who.admin = 1;

        return NGX_OK;
    }

    if (key.len < 3 || ngx_memcmp(key.data, "sk-", 3) != 0) {

        return ngx_http_litellm_auth_refuse(r, ctx, 401, "auth_error", NULL,
                               "Authentication Error, LiteLLM Virtual Key "
                               "expected. Received=%*s****%*s, expected to "
                               "start with 'sk-'.",
                               (size_t) (key.len < 16 ? 0 : 4), key.data,
                               (size_t) (key.len < 16 ? 0 : 4),
                               key.data + key.len - (key.len < 16 ? 0 : 4));
    }

    ngx_litellm_key_hash(&key, hash);

    id.data = hash;
    id.len = sizeof(hash);

    return ngx_http_litellm_auth_id(r, ctx, &id);
}


/* the key of that hash: NGX_OK, NGX_DECLINED with ctx->error */

ngx_int_t
ngx_http_litellm_auth_id(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx,
    ngx_str_t *id)
{
    u_char                         expires[NGX_LITELLM_DATE_LEN];
    u_char                         now[NGX_LITELLM_DATE_LEN];
    ngx_str_t                      key;
    ngx_litellm_principal_t       *p;

    p = ngx_http_litellm_who_find(r, NGX_LITELLM_KEY, id);

    if (p == NULL) {
        ngx_str_set(&key, "key");

        return ngx_http_litellm_auth_refuse(r, ctx, 401,
                               "token_not_found_in_db", &key,
                               "Authentication Error, Invalid proxy server "
                               "token passed. key=%V, not found in db. Create "
                               "key via `/key/generate` call.", id);
    }

    if (p->blocked) {
        return ngx_http_litellm_auth_refuse(r, ctx, 401, "auth_error", NULL,
                               "Authentication Error, Key is blocked. Update "
                               "via `/key/unblock` if you're an admin.");
    }

    if (p->expires && p->expires <= ngx_time()) {

        (void) ngx_litellm_date_print(expires, p->expires);
        (void) ngx_litellm_date_print(now, ngx_time());

        return ngx_http_litellm_auth_refuse(r, ctx, 401, "expired_key",
                               p->name.len ? &p->name : NULL,
                               "Authentication Error - Expired Key. Key "
                               "Expiry time %*s and current time %*s",
                               sizeof(expires), expires, sizeof(now), now);
    }

    if (ngx_http_litellm_auth_owners(r, ctx, p) != NGX_OK
        || ngx_http_litellm_auth_route(r, ctx, p) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ngx_memzero(&ctx->error, sizeof(ngx_litellm_error_t));

    ctx->authorized = 1;

    return NGX_OK;
}


/* its team and its user: their records may be missing */

static ngx_int_t
ngx_http_litellm_auth_owners(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_principal_t *key)
{
    ngx_http_litellm_who_t  *who;

    who = &ctx->who;

    ngx_memzero(who, sizeof(ngx_http_litellm_who_t));

    if (ngx_http_litellm_who_key(r, ctx, key) != NGX_OK) {
        return ngx_http_litellm_auth_refuse(r, ctx, 500, NULL, NULL,
                                            "out of memory");
    }

    if (key->team_id.len
        && ngx_http_litellm_who_team(r, ctx, &key->team_id, key->team)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (key->user_id.len
        && ngx_http_litellm_who_user(r, ctx, &key->user_id) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/*
 * allowed_routes of the key, and what is for admins only unless it is listed
 * there: /health calls all models, /metrics tells of everybody.
 */

static ngx_int_t
ngx_http_litellm_auth_route(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_principal_t *p)
{
    u_char                        *s, *last, buf[512];
    ngx_str_t                     *route;
    ngx_uint_t                     i, groups;
    const ngx_http_litellm_api_t  *api;

    api = ctx->api;

    if (api == NULL) {
        return NGX_OK;
    }

    groups = 0;

    if (api->format != NULL
        || (api->path.len >= sizeof("/models") - 1
            && ngx_memcmp(api->path.data, "/models", sizeof("/models") - 1)
               == 0))
    {
        groups = NGX_LITELLM_ROUTE_LLM;

    } else if (ngx_http_litellm_admin_is(api)) {
        groups = NGX_LITELLM_ROUTE_MANAGEMENT;

        if (!(api->methods & NGX_HTTP_POST)) {
            groups |= NGX_LITELLM_ROUTE_INFO;
        }
    }

    if (ngx_litellm_principal_route(p, &ctx->path, (ngx_str_t *) &api->path,
                                    groups))
    {
        if (p->routes == NULL && !ctx->who.admin
            && (api->handler == ngx_http_litellm_health
                || api->handler == ngx_http_litellm_metrics_api))
        {
            return ngx_http_litellm_auth_refuse(r, ctx, 401, "auth_error",
                               NULL, "Authentication Error, Only proxy admin "
                               "can be used to call this route. Route=%V",
                               &ctx->path);
        }

        return NGX_OK;
    }

    s = buf;
    last = buf + sizeof(buf);
    route = p->routes->elts;

    for (i = 0; i < p->routes->nelts; i++) {
        s = ngx_slprintf(s, last, "%s'%V'", i ? ", " : "", &route[i]);
    }

    return ngx_http_litellm_auth_refuse(r, ctx, 403, "auth_error", NULL,
                               "Virtual key is not allowed to call this "
                               "route. Only allowed to call routes: [%*s]. "
                               "Tried to call route: %V",
                               (size_t) (s - buf), buf, &ctx->path);
}


ngx_int_t
ngx_http_litellm_auth_refuse(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_uint_t status, const char *type,
    ngx_str_t *param, const char *fmt, ...)
{
    u_char     *p, buf[NGX_HTTP_LITELLM_AUTH_TEXT];
    va_list     args;
    ngx_str_t   text;

    (void) ngx_http_litellm_refuse(&ctx->error,
                                   status == 403
                                   ? NGX_LITELLM_PERMISSION_DENIED
                                   : status < 500 ? NGX_LITELLM_AUTHENTICATION
                                   : NGX_LITELLM_INTERNAL_SERVER,
                                   status, type, "Authentication Error");

    va_start(args, fmt);
    p = ngx_vslprintf(buf, buf + sizeof(buf), fmt, args);
    va_end(args);

    text.data = buf;
    text.len = p - buf;

    p = ngx_pstrdup(r->pool, &text);

    if (p != NULL) {
        ctx->error.message.data = p;
        ctx->error.message.len = text.len;
    }

    if (param != NULL) {
        ctx->error.param = *param;

    } else {
        ngx_str_set(&ctx->error.param, "None");
    }

    return NGX_DECLINED;
}


/*
 * LiteLLM's order: its own header (or the one of litellm_key_header_name),
 * Authorization, API-Key, x-api-key, x-goog-api-key and the one of Azure's API
 * management.  NGX_DECLINED: none; NGX_ERROR: an Authorization of another
 * scheme.
 */

ngx_int_t
ngx_http_litellm_auth_key(ngx_http_request_t *r, ngx_str_t *key)
{
    ngx_str_t                        *value;
    ngx_uint_t                        i;
    ngx_list_part_t                  *part;
    ngx_table_elt_t                  *h;
    ngx_http_litellm_loc_conf_t      *lcf;
    ngx_http_litellm_auth_headers_t   headers;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);

    ngx_memzero(&headers, sizeof(ngx_http_litellm_auth_headers_t));

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        ngx_http_litellm_auth_header(&h[i], &lcf->config->key_header,
                                     &headers);
    }

    if (headers.named.len) {
        value = &headers.named;

    } else if (headers.own.len) {
        value = &headers.own;

    } else if (r->headers_in.authorization) {
        value = &r->headers_in.authorization->value;

        if (!ngx_http_litellm_auth_bearer(value)) {
            return NGX_ERROR;
        }

    } else if (headers.api.len) {
        value = &headers.api;

    } else if (headers.x.len) {
        value = &headers.x;

    } else if (headers.goog.len) {
        value = &headers.goog;

    } else if (headers.azure.len) {
        value = &headers.azure;

    } else {
        return NGX_DECLINED;
    }

    *key = *value;

    if (ngx_http_litellm_auth_bearer(key)) {
        key->data += sizeof("Bearer ") - 1;
        key->len -= sizeof("Bearer ") - 1;
    }

    while (key->len && key->data[0] == ' ') {
        key->data++;
        key->len--;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_litellm_auth_bearer(ngx_str_t *value)
{
    size_t  n;

    n = sizeof("Bearer ") - 1;

    /* as clients write it, before anything else that it may look like */

    return value->len > n
           && (ngx_memcmp(value->data, "Bearer ", n) == 0
               || ngx_strncasecmp(value->data, (u_char *) "Bearer ", n) == 0);
}


static void
ngx_http_litellm_auth_header(ngx_table_elt_t *h, ngx_str_t *named,
    ngx_http_litellm_auth_headers_t *headers)
{
    if (h->key.len == named->len && named->len
        && ngx_memcmp(h->lowcase_key, named->data, named->len) == 0)
    {
        headers->named = h->value;
    }

#define ngx_http_litellm_named(s)                                             \
    (ngx_memcmp(h->lowcase_key, s, sizeof(s) - 1) == 0)

    switch (h->key.len) {

    case sizeof("x-litellm-api-key") - 1:
        if (ngx_http_litellm_named("x-litellm-api-key")) {
            headers->own = h->value;
        }

        break;

    case sizeof("x-goog-api-key") - 1:
        if (ngx_http_litellm_named("x-goog-api-key")) {
            headers->goog = h->value;
        }

        break;

    case sizeof("x-api-key") - 1:
        if (ngx_http_litellm_named("x-api-key")) {
            headers->x = h->value;
        }

        break;

    case sizeof("api-key") - 1:
        if (ngx_http_litellm_named("api-key")) {
            headers->api = h->value;
        }

        break;

    case sizeof("ocp-apim-subscription-key") - 1:
        if (ngx_http_litellm_named("ocp-apim-subscription-key")) {
            headers->azure = h->value;
        }

        break;
    }

#undef ngx_http_litellm_named
}


/* in a time that tells nothing but the length of what was sent */

static ngx_uint_t
ngx_http_litellm_same_key(ngx_str_t *a, ngx_str_t *b)
{
    u_char    *p;
    size_t     i;
    uint64_t   diff, x, y;

    diff = (a->len != b->len);

    /* of another length it is other in any case, and compared with itself */

    p = diff ? a->data : b->data;

    for (i = 0; i + sizeof(x) <= a->len; i += sizeof(x)) {
        ngx_memcpy(&x, a->data + i, sizeof(x));
        ngx_memcpy(&y, p + i, sizeof(y));
        diff |= x ^ y;
    }

    for ( /* void */ ; i < a->len; i++) {
        diff |= a->data[i] ^ p[i];
    }

    return diff == 0;
}
