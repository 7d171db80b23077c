
/*
 * The management API's frame: which path is which function, who may call it,
 * the request's body and query, answers and errors in LiteLLM's shapes.
 *
 * It is there only where a master key is configured, and for who has that key
 * (or a key of a user whose role is proxy_admin); a key may ask for its own
 * record.  A key that a client sends in the request line is blanked there
 * before anything else: that line goes to logs.
 */

#include "ngx_http_litellm_admin.h"


typedef struct {
    ngx_str_t                   path;
    ngx_uint_t                  methods;
    ngx_http_litellm_admin_pt   handler;
    ngx_litellm_principal_e     kind;
    unsigned                    own:1;       /* of any key, for itself */
} ngx_http_litellm_admin_route_t;


static const ngx_http_litellm_admin_route_t *ngx_http_litellm_admin_route(
    ngx_str_t *path, ngx_str_t *argument);
static ngx_int_t ngx_http_litellm_admin_allowed(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, const ngx_http_litellm_admin_route_t *route);
static void ngx_http_litellm_admin_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_litellm_admin_body(ngx_http_litellm_admin_t *a);
static void ngx_http_litellm_admin_run(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
static ngx_uint_t ngx_http_litellm_admin_secret(ngx_str_t *value);
static void ngx_http_litellm_admin_blank(ngx_str_t *text, ngx_str_t *secret);


#define NGX_HTTP_LITELLM_READ  (NGX_HTTP_GET|NGX_HTTP_HEAD)

#define ngx_http_litellm_get(path, f, kind)                                   \
    { ngx_string(path), NGX_HTTP_LITELLM_READ, ngx_http_litellm_admin_##f,    \
      NGX_LITELLM_##kind, 0 }

#define ngx_http_litellm_set(path, f, kind)                                   \
    { ngx_string(path), NGX_HTTP_POST, ngx_http_litellm_admin_##f,            \
      NGX_LITELLM_##kind, 0 }


static const ngx_http_litellm_admin_route_t  ngx_http_litellm_admin_routes[] = {

    { ngx_string("/key/info"), NGX_HTTP_LITELLM_READ,
      ngx_http_litellm_admin_key_info, NGX_LITELLM_KEY, 1 },

    { ngx_string("/spend/calculate"), NGX_HTTP_POST,
      ngx_http_litellm_admin_spend_calculate, NGX_LITELLM_KEY, 1 },

    ngx_http_litellm_set("/key/generate", key_generate, KEY),
    ngx_http_litellm_set("/key/service-account/generate", key_generate, KEY),
    ngx_http_litellm_set("/key/update", key_update, KEY),
    ngx_http_litellm_set("/key/delete", key_delete, KEY),
    ngx_http_litellm_set("/key/block", key_block, KEY),
    ngx_http_litellm_set("/key/unblock", key_unblock, KEY),
    ngx_http_litellm_set("/key/regenerate", key_regenerate, KEY),
    ngx_http_litellm_set("/key/*/regenerate", key_regenerate, KEY),
    ngx_http_litellm_set("/key/*/reset_spend", key_reset, KEY),
    ngx_http_litellm_set("/v2/key/info", key_infos, KEY),
    ngx_http_litellm_get("/key/list", key_list, KEY),
    ngx_http_litellm_get("/key/aliases", key_aliases, KEY),

    ngx_http_litellm_set("/team/new", owner_new, TEAM),
    ngx_http_litellm_set("/team/update", owner_update, TEAM),
    ngx_http_litellm_set("/team/delete", owner_delete, TEAM),
    ngx_http_litellm_set("/team/block", owner_block, TEAM),
    ngx_http_litellm_set("/team/unblock", owner_unblock, TEAM),
    ngx_http_litellm_get("/team/info", owner_info, TEAM),
    ngx_http_litellm_get("/team/list", owner_list, TEAM),

    ngx_http_litellm_set("/user/new", owner_new, USER),
    ngx_http_litellm_set("/user/update", owner_update, USER),
    ngx_http_litellm_set("/user/delete", owner_delete, USER),
    ngx_http_litellm_get("/user/info", owner_info, USER),
    ngx_http_litellm_get("/user/list", owner_list, USER),

    ngx_http_litellm_set("/customer/new", owner_new, END_USER),
    ngx_http_litellm_set("/customer/update", owner_update, END_USER),
    ngx_http_litellm_set("/customer/delete", owner_delete, END_USER),
    ngx_http_litellm_set("/customer/block", owner_block, END_USER),
    ngx_http_litellm_set("/customer/unblock", owner_unblock, END_USER),
    ngx_http_litellm_get("/customer/info", owner_info, END_USER),
    ngx_http_litellm_get("/customer/list", owner_list, END_USER),

    ngx_http_litellm_get("/spend/keys", spend_list, KEY),
    ngx_http_litellm_get("/spend/users", spend_list, USER),
    ngx_http_litellm_get("/global/spend", spend_global, KEY),
    ngx_http_litellm_get("/global/spend/keys", spend_top, KEY),
    ngx_http_litellm_get("/provider/budgets", spend_providers, KEY),

    { ngx_null_string, 0, NULL, NGX_LITELLM_KEY, 0 }
};

#undef ngx_http_litellm_get
#undef ngx_http_litellm_set


/* what the table of ngx_http_litellm_api.c gives for all of them */

static const ngx_http_litellm_api_t  ngx_http_litellm_admin_read = {
    ngx_string("/management"), NGX_HTTP_LITELLM_READ, ngx_http_litellm_admin,
    NULL, 0, 0
};

static const ngx_http_litellm_api_t  ngx_http_litellm_admin_write = {
    ngx_string("/management"), NGX_HTTP_POST, ngx_http_litellm_admin, NULL, 0,
    0
};


const ngx_http_litellm_api_t *
ngx_http_litellm_admin_api(ngx_str_t *path)
{
    ngx_str_t                              argument;
    const ngx_http_litellm_admin_route_t  *route;

    route = ngx_http_litellm_admin_route(path, &argument);

    if (route == NULL) {
        return NULL;
    }

    return (route->methods & NGX_HTTP_POST) ? &ngx_http_litellm_admin_write
                                            : &ngx_http_litellm_admin_read;
}


const ngx_str_t *
ngx_http_litellm_admin_path(ngx_uint_t i, ngx_uint_t *methods)
{
    if (i >= sizeof(ngx_http_litellm_admin_routes)
             / sizeof(ngx_http_litellm_admin_route_t) - 1)
    {
        return NULL;
    }

    *methods = ngx_http_litellm_admin_routes[i].methods;

    return &ngx_http_litellm_admin_routes[i].path;
}


ngx_uint_t
ngx_http_litellm_admin_is(const ngx_http_litellm_api_t *api)
{
    return api->handler == ngx_http_litellm_admin;
}


/* a star stands for one part of the path; /end_user is /customer */

static const ngx_http_litellm_admin_route_t *
ngx_http_litellm_admin_route(ngx_str_t *path, ngx_str_t *argument)
{
    u_char                                *star, *p, *last;
    size_t                                 len, tail;
    ngx_str_t                              rest, name;
    const ngx_http_litellm_admin_route_t  *route;

    ngx_str_null(argument);
    ngx_str_null(&rest);

    if (path->len > sizeof("/end_user/") - 1
        && ngx_memcmp(path->data, "/end_user/", sizeof("/end_user/") - 1) == 0)
    {
        rest.data = path->data + sizeof("/end_user") - 1;
        rest.len = path->len - (sizeof("/end_user") - 1);
    }

    for (route = ngx_http_litellm_admin_routes; route->path.len; route++) {

        star = ngx_strlchr(route->path.data,
                           route->path.data + route->path.len, '*');

        if (star == NULL) {
            if (route->path.len == path->len
                && ngx_memcmp(route->path.data, path->data, path->len) == 0)
            {
                return route;
            }

            name.data = route->path.data + sizeof("/customer") - 1;
            name.len = route->path.len - (sizeof("/customer") - 1);

            if (rest.len && route->kind == NGX_LITELLM_END_USER
                && name.len == rest.len
                && ngx_memcmp(name.data, rest.data, rest.len) == 0)
            {
                return route;
            }

            continue;
        }

        len = star - route->path.data;
        tail = route->path.len - len - 1;

        if (path->len <= len + tail
            || ngx_memcmp(route->path.data, path->data, len) != 0)
        {
            continue;
        }

        p = path->data + len;
        last = path->data + path->len - tail;

        if (ngx_strlchr(p, last, '/') == NULL
            && ngx_memcmp(last, star + 1, tail) == 0)
        {
            argument->data = p;
            argument->len = last - p;
            return route;
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_litellm_admin(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t                              rc;
    ngx_str_t                              argument;
    const ngx_http_litellm_admin_route_t  *route;

    route = ngx_http_litellm_admin_route(&ctx->path, &argument);

    if (ngx_http_litellm_admin_allowed(r, ctx, route) != NGX_OK) {

        if (ngx_http_discard_request_body(r) != NGX_OK) {
            r->keepalive = 0;
        }

        return ngx_http_litellm_send_error(r, ctx, &ctx->error);
    }

    if (!(route->methods & NGX_HTTP_POST)) {

        rc = ngx_http_discard_request_body(r);

        if (rc != NGX_OK) {
            return rc;
        }

        r->main->count++;
        ngx_http_litellm_admin_run(r, ctx);

        return NGX_DONE;
    }

    if (r->headers_in.content_length_n > NGX_HTTP_LITELLM_ADMIN_BODY) {
        (void) ngx_http_litellm_refuse(&ctx->error, NGX_LITELLM_BAD_REQUEST,
                                       413, "invalid_request_error",
                                       "The body is too large");

        if (ngx_http_discard_request_body(r) != NGX_OK) {
            r->keepalive = 0;
        }

        return ngx_http_litellm_send_error(r, ctx, &ctx->error);
    }

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r,
                                         ngx_http_litellm_admin_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


static ngx_int_t
ngx_http_litellm_admin_allowed(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, const ngx_http_litellm_admin_route_t *route)
{
    ngx_str_t                    *user;
    ngx_http_litellm_loc_conf_t  *lcf;

    static ngx_str_t  unknown = ngx_string("unknown");

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);

    if (lcf->config->master_key.len == 0) {
        return ngx_http_litellm_auth_refuse(r, ctx, 403, "auth_error", NULL,
                               "Authentication Error, the management API is "
                               "closed: general_settings.master_key is not "
                               "set.");
    }

    if (ctx->who.admin || (route->own && ctx->who.key != NULL)) {
        return NGX_OK;
    }

    user = ctx->who.user_id.len ? &ctx->who.user_id : &unknown;

    return ngx_http_litellm_auth_refuse(r, ctx, 401, "auth_error", NULL,
                               "Authentication Error, Only proxy admin can be "
                               "used to generate, delete, update info for new "
                               "keys/users/teams. Route=%V. Your "
                               "role=unknown. Your user_id=%V",
                               &ctx->path, user);
}


static void
ngx_http_litellm_admin_body_handler(ngx_http_request_t *r)
{
    ngx_http_litellm_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_litellm_module);

    ngx_http_litellm_admin_run(r, ctx);
}


static void
ngx_http_litellm_admin_run(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t                              rc;
    ngx_http_litellm_admin_t              *a;
    ngx_http_litellm_loc_conf_t           *lcf;
    ngx_http_litellm_main_conf_t          *mcf;
    const ngx_http_litellm_admin_route_t  *route;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);
    mcf = ngx_http_get_module_main_conf(r, ngx_http_litellm_module);

    a = ngx_pcalloc(r->pool, sizeof(ngx_http_litellm_admin_t));
    if (a == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    a->request = r;
    a->ctx = ctx;
    a->pool = r->pool;
    a->log = r->connection->log;
    a->zone = mcf->zone;
    a->config = lcf->config;
    a->doc.pool = r->pool;

    ngx_litellm_out_init(&a->out, r->pool);

    route = ngx_http_litellm_admin_route(&ctx->path, &a->argument);

    a->kind = route->kind;

    /* who only looks may leave; a change that was begun is made */

    r->read_event_handler = (route->methods & NGX_HTTP_POST)
                            ? ngx_http_block_reading : ngx_http_test_reading;

    rc = NGX_OK;

    if (route->methods & NGX_HTTP_POST) {
        rc = ngx_http_litellm_admin_body(a);
    }

    if (rc == NGX_OK) {
        rc = route->handler(a);
    }

    ngx_http_litellm_admin_end(a, rc);
}


void
ngx_http_litellm_admin_end(ngx_http_litellm_admin_t *a, ngx_int_t rc)
{
    ngx_http_request_t      *r;
    ngx_http_litellm_ctx_t  *ctx;

    r = a->request;
    ctx = a->ctx;

    if (rc == NGX_AGAIN) {
        return;
    }

    if (rc == NGX_OK && !a->out.failed) {

        /* of what was looked for on the way and not found */

        ngx_memzero(&ctx->error, sizeof(ngx_litellm_error_t));

        rc = ngx_http_litellm_send_body(r, ctx, NULL, NGX_HTTP_OK, &a->out);

    } else if (rc == NGX_DECLINED) {
        rc = ngx_http_litellm_send_error(r, ctx, &ctx->error);

    } else {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_finalize_request(r, rc);
}


/* an object, or nothing at all */

static ngx_int_t
ngx_http_litellm_admin_body(ngx_http_litellm_admin_t *a)
{
    ngx_int_t  rc;

    if (ngx_http_litellm_join(a->request, &a->text) != NGX_OK) {
        return NGX_ERROR;
    }

    if (a->text.len > NGX_HTTP_LITELLM_ADMIN_BODY) {
        return ngx_http_litellm_admin_fail(a, 413, "The body is too large");
    }

    if (a->text.len == 0) {
        return NGX_OK;
    }

    rc = ngx_litellm_json_parse(&a->doc, a->text.data, a->text.len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_litellm_admin_fail(a, 400,
                                           "Invalid JSON payload: %s at byte "
                                           "%uz", a->doc.error,
                                           a->doc.offset);
    }

    if (a->doc.root->type != NGX_LITELLM_JSON_OBJECT) {
        return ngx_http_litellm_admin_fail(a, 400,
                                           "The body must be a JSON object");
    }

    if (a->doc.root->count > NGX_HTTP_LITELLM_ADMIN_NAMES) {
        return ngx_http_litellm_admin_fail(a, 400,
                                           "The body has more than %d members",
                                           NGX_HTTP_LITELLM_ADMIN_NAMES);
    }

    a->body = a->doc.root;

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_admin_fail(ngx_http_litellm_admin_t *a, ngx_uint_t status,
    const char *fmt, ...)
{
    u_char      *p;
    va_list      args;
    u_char       text[NGX_MAX_ERROR_STR];
    ngx_str_t    message;
    const char  *type;

    va_start(args, fmt);
    p = ngx_vslprintf(text, text + sizeof(text), fmt, args);
    va_end(args);

    message.len = p - text;
    message.data = ngx_pnalloc(a->pool, ngx_max(message.len, 1));
    if (message.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(message.data, text, message.len);

    switch (status) {

    case 403:
        type = "auth_error";
        break;

    case 404:
        type = "not_found_error";
        break;

    default:
        type = (status < 500) ? "bad_request_error" : "internal_server_error";
    }

    (void) ngx_http_litellm_refuse(&a->ctx->error,
                                   ngx_litellm_error_status(status), status,
                                   type, "");
    a->ctx->error.message = message;

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_litellm_admin_text(ngx_http_litellm_admin_t *a, const char *name,
    ngx_str_t *value)
{
    u_char              *dst, *src;
    ngx_int_t            rc;
    ngx_str_t            text;
    ngx_litellm_json_t  *v;

    ngx_str_null(value);

    if (a->request->method == NGX_HTTP_POST) {

        v = ngx_litellm_json_get(a->body, name, ngx_strlen(name));

        if (ngx_litellm_json_is(v, NUMBER)) {
            value->data = v->start;
            value->len = v->len;
            return NGX_OK;
        }

        if (!ngx_litellm_json_is(v, STRING)) {
            return NGX_DECLINED;
        }

        text = ngx_litellm_json_text(v);

        rc = ngx_litellm_json_unescape(a->pool, value, &text);

        return (rc == NGX_OK && value->len == 0) ? NGX_DECLINED : rc;
    }

    if (ngx_http_arg(a->request, (u_char *) name, ngx_strlen(name), value)
        != NGX_OK
        || value->len == 0)
    {
        ngx_str_null(value);
        return NGX_DECLINED;
    }

    src = value->data;

    dst = ngx_pnalloc(a->pool, value->len);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    value->data = dst;

    for (text.len = value->len; text.len; text.len--, src++) {
        *dst++ = (*src == '+') ? ' ' : *src;
    }

    src = value->data;
    dst = value->data;

    ngx_unescape_uri(&dst, &src, value->len, 0);
    value->len = dst - value->data;

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_admin_number(ngx_http_litellm_admin_t *a, const char *name,
    ngx_int_t min, ngx_int_t max, ngx_int_t old, ngx_int_t *n)
{
    ngx_str_t  value;

    *n = old;

    if (ngx_http_arg(a->request, (u_char *) name, ngx_strlen(name), &value)
        != NGX_OK)
    {
        return NGX_OK;
    }

    *n = ngx_atoi(value.data, value.len);

    if (*n == NGX_ERROR || *n < min || *n > max) {
        return ngx_http_litellm_admin_fail(a, 422,
                                           "\"%s\" must be a number from %i "
                                           "to %i", name, min, max);
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_litellm_admin_flag(ngx_http_litellm_admin_t *a, const char *name)
{
    ngx_str_t  value;

    if (ngx_http_arg(a->request, (u_char *) name, ngx_strlen(name), &value)
        != NGX_OK)
    {
        return 0;
    }

    return (value.len == 1 && value.data[0] == '1')
           || (value.len == 4
               && ngx_strncasecmp(value.data, (u_char *) "true", 4) == 0);
}


ngx_int_t
ngx_http_litellm_admin_texts(ngx_http_litellm_admin_t *a, const char *name,
    ngx_array_t *values)
{
    ngx_str_t           *value, text;
    ngx_uint_t           i, n;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_get(a->body, name, ngx_strlen(name));
    n = 1;

    if (v == NULL || v->type == NGX_LITELLM_JSON_NULL) {
        return NGX_OK;
    }

    if (v->type == NGX_LITELLM_JSON_ARRAY) {
        n = v->count;
        v++;
    }

    if (n > NGX_HTTP_LITELLM_ADMIN_NAMES) {
        return ngx_http_litellm_admin_fail(a, 400, "\"%s\" has more than %d "
                                           "members", name,
                                           NGX_HTTP_LITELLM_ADMIN_NAMES);
    }

    for (i = 0; i < n; i++, v = ngx_litellm_json_next(v)) {

        if (v->type != NGX_LITELLM_JSON_STRING) {
            return ngx_http_litellm_admin_fail(a, 400, "\"%s\" must be a "
                                               "list of texts", name);
        }

        value = ngx_array_push(values);
        if (value == NULL) {
            return NGX_ERROR;
        }

        text = ngx_litellm_json_text(v);

        if (ngx_litellm_json_unescape(a->pool, value, &text) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * Keys in the request line: /key/{key}/..., ?key=.  They are blanked there and
 * stay where the request is looked at.
 */

ngx_int_t
ngx_http_litellm_admin_hide(ngx_http_request_t *r, ngx_str_t *path)
{
    size_t      offset;
    ngx_str_t   secrets[2];
    ngx_uint_t  i;

    (void) ngx_http_litellm_admin_route(path, &secrets[0]);

    if (ngx_http_arg(r, (u_char *) "key", sizeof("key") - 1, &secrets[1])
        != NGX_OK)
    {
        ngx_str_null(&secrets[1]);
    }

    for (i = 0; i < 2; i++) {

        if (!ngx_http_litellm_admin_secret(&secrets[i])
            || ngx_litellm_find(r->request_line.data,
                                r->request_line.data + r->request_line.len,
                                (char *) secrets[i].data, secrets[i].len)
               == NULL)
        {
            continue;
        }

        secrets[i].data = ngx_pstrdup(r->pool, &secrets[i]);
        if (secrets[i].data == NULL) {
            return NGX_ERROR;
        }

        /* the path and the query are often parts of that line */

        offset = path->data - r->uri.data;

        r->uri.data = ngx_pstrdup(r->pool, &r->uri);
        if (r->uri.data == NULL) {
            return NGX_ERROR;
        }

        path->data = r->uri.data + offset;

        if (r->args.len) {
            r->args.data = ngx_pstrdup(r->pool, &r->args);
            if (r->args.data == NULL) {
                return NGX_ERROR;
            }
        }

        ngx_http_litellm_admin_blank(&r->request_line, &secrets[i]);
        ngx_http_litellm_admin_blank(&r->unparsed_uri, &secrets[i]);
    }

    return NGX_OK;
}


/* a token is none, nor is what is too short for a key */

static ngx_uint_t
ngx_http_litellm_admin_secret(ngx_str_t *value)
{
    return value->len >= 8
           && (value->len != NGX_LITELLM_KEY_HASH
               || ngx_memcmp(value->data, "sk-", 3) == 0);
}


/* all but the end: that is how keys are told apart where they are shown */

static void
ngx_http_litellm_admin_blank(ngx_str_t *text, ngx_str_t *secret)
{
    u_char  *p, *last;

    p = text->data;
    last = p + text->len;

    while (p != NULL && (size_t) (last - p) >= secret->len) {

        p = ngx_litellm_find(p, last, (char *) secret->data, secret->len);

        if (p != NULL) {
            ngx_memset(p, '*', secret->len - 4);
            p += secret->len;
        }
    }
}
