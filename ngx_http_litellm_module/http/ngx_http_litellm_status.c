
/*
 * "litellm_status": the page, and the JSON that it asks for ("?format=json" of
 * the same location).  The page is a constant and the same for everybody, so
 * what has to be kept from others is the JSON only: by what nginx has for it
 * (allow, auth_basic, auth_request ...), and with "key" by the master key of
 * the location's configuration, too.
 *
 * No context of the module is made for these requests: they are none of a
 * gateway's.  A client that leaves takes its turns with it: the event is the
 * request's.
 */

#include "ngx_http_litellm_status.h"
#include "ngx_http_litellm_status_page.h"
#include "ngx_http_litellm_turn.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>


/* of the parameter that searches */
#define NGX_HTTP_LITELLM_STATUS_SEARCH  128


static ngx_int_t ngx_http_litellm_status_allowed(ngx_http_request_t *r,
    ngx_http_litellm_loc_conf_t *lcf);
static ngx_int_t ngx_http_litellm_status_refuse(ngx_http_request_t *r);
static ngx_int_t ngx_http_litellm_status_page(ngx_http_request_t *r);
static ngx_int_t ngx_http_litellm_status_open(ngx_http_request_t *r,
    ngx_http_litellm_loc_conf_t *lcf);
static ngx_int_t ngx_http_litellm_status_search(ngx_http_request_t *r,
    ngx_str_t *search);
static void ngx_http_litellm_status_turn(ngx_event_t *ev);
static ngx_int_t ngx_http_litellm_status_end(ngx_http_litellm_status_t *st);
static void ngx_http_litellm_status_cleanup(void *data);
static ngx_int_t ngx_http_litellm_status_header(ngx_http_request_t *r,
    const char *name, const char *value);
static ngx_int_t ngx_http_litellm_status_policy(ngx_conf_t *cf,
    ngx_str_t *policy);
static u_char *ngx_http_litellm_status_hash(u_char *p, const char *first,
    const char *last);


static const ngx_http_litellm_status_pt  ngx_http_litellm_status_steps[] = {
    ngx_http_litellm_status_deployments,
    ngx_http_litellm_status_groups,
    ngx_http_litellm_status_walk,
    ngx_http_litellm_status_head,
    ngx_http_litellm_status_rows,
    ngx_http_litellm_status_tail,
    NULL
};


char *
ngx_http_litellm_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_litellm_loc_conf_t *lcf = conf;

    ngx_str_t                     *value;
    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_litellm_main_conf_t  *mcf;

    if (lcf->status != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    lcf->status = NGX_HTTP_LITELLM_STATUS_ON;

    if (cf->args->nelts == 2) {
        value = cf->args->elts;

        if (value[1].len != 3 || ngx_strncmp(value[1].data, "key", 3) != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[1]);
            return NGX_CONF_ERROR;
        }

        lcf->status = NGX_HTTP_LITELLM_STATUS_KEY;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_litellm_module);

    if (mcf->status_policy.len == 0
        && ngx_http_litellm_status_policy(cf, &mcf->status_policy) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_litellm_status_handler;

    return NGX_CONF_OK;
}


/*
 * What the page may do: run its own script, use its own style, ask the server
 * that it came from.
 */

static ngx_int_t
ngx_http_litellm_status_policy(ngx_conf_t *cf, ngx_str_t *policy)
{
    u_char  *p;

    static const char  start[] = "default-src 'none'; script-src ";
    static const char  end[] = "; connect-src 'self'; img-src data:; "
                               "base-uri 'none'; form-action 'none'; "
                               "frame-ancestors 'none'";

    p = ngx_pnalloc(cf->pool, sizeof(start) + sizeof("; style-src ")
                              + 2 * (sizeof("'sha256-'") + 44) + sizeof(end));
    if (p == NULL) {
        return NGX_ERROR;
    }

    policy->data = p;

    p = ngx_cpymem(p, start, sizeof(start) - 1);
    p = ngx_http_litellm_status_hash(p, "<script>", "</script>");
    p = ngx_cpymem(p, "; style-src ", sizeof("; style-src ") - 1);
    p = ngx_http_litellm_status_hash(p, "<style>", "</style>");
    p = ngx_cpymem(p, end, sizeof(end) - 1);

    policy->len = p - policy->data;
    *p = '\0';

    return NGX_OK;
}


/* of what is between two tags of the page, as CSP wants it */

static u_char *
ngx_http_litellm_status_hash(u_char *p, const char *first, const char *last)
{
    u_char      *start, *end, digest[EVP_MAX_MD_SIZE];
    ngx_str_t    src, dst;

    start = (u_char *) ngx_strstr(ngx_http_litellm_status_html, first)
            + ngx_strlen(first);
    end = (u_char *) ngx_strstr(start, last);

    (void) EVP_Digest(start, end - start, digest, NULL, EVP_sha256(), NULL);

    p = ngx_cpymem(p, "'sha256-", sizeof("'sha256-") - 1);

    src.data = digest;
    src.len = 32;
    dst.data = p;

    ngx_encode_base64(&dst, &src);

    p += dst.len;
    *p++ = '\'';

    return p;
}


ngx_int_t
ngx_http_litellm_status_handler(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_str_t                     format;
    ngx_http_litellm_loc_conf_t  *lcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_arg(r, (u_char *) "format", sizeof("format") - 1, &format)
        != NGX_OK
        || format.len != sizeof("json") - 1
        || ngx_strncasecmp(format.data, (u_char *) "json", format.len) != 0)
    {
        return ngx_http_litellm_status_page(r);
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);

    if (ngx_http_litellm_status_allowed(r, lcf) != NGX_OK) {
        return ngx_http_litellm_status_refuse(r);
    }

    return ngx_http_litellm_status_open(r, lcf);
}


static ngx_int_t
ngx_http_litellm_status_allowed(ngx_http_request_t *r,
    ngx_http_litellm_loc_conf_t *lcf)
{
    u_char     one[NGX_LITELLM_KEY_HASH], two[NGX_LITELLM_KEY_HASH];
    ngx_str_t  key;

    if (lcf->status != NGX_HTTP_LITELLM_STATUS_KEY) {
        return NGX_OK;
    }

    if (ngx_http_litellm_auth_key(r, &key) != NGX_OK) {
        return NGX_DECLINED;
    }

    /* of the same length, however long the keys are */

    ngx_litellm_key_hash(&key, one);
    ngx_litellm_key_hash(&lcf->config->master_key, two);

    return (CRYPTO_memcmp(one, two, sizeof(one)) == 0) ? NGX_OK
                                                       : NGX_DECLINED;
}


static ngx_int_t
ngx_http_litellm_status_refuse(ngx_http_request_t *r)
{
    ngx_int_t          rc;
    ngx_buf_t         *b;
    ngx_litellm_out_t  out;

    ngx_litellm_out_init(&out, r->pool);
    ngx_litellm_out_lit(&out, "{\"error\":{\"message\":\"The master key is "
                              "needed.\",\"type\":\"auth_error\",\"param\":"
                              "null,\"code\":\"401\"}}");

    if (out.failed
        || ngx_http_litellm_status_header(r, "Cache-Control", "no-store")
           != NGX_OK
        || ngx_http_litellm_status_header(r, "WWW-Authenticate", "Bearer")
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_UNAUTHORIZED;
    r->headers_out.content_length_n = out.size;
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = out.first->buf;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    return ngx_http_output_filter(r, out.first);
}


static ngx_int_t
ngx_http_litellm_status_page(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_buf_t                     *b;
    ngx_chain_t                    out;
    ngx_http_litellm_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_litellm_module);

    if (ngx_http_litellm_status_header(r, "Content-Security-Policy",
                                       (char *) mcf->status_policy.data)
        != NGX_OK
        || ngx_http_litellm_status_header(r, "Cache-Control", "no-cache")
           != NGX_OK
        || ngx_http_litellm_status_header(r, "Referrer-Policy", "no-referrer")
           != NGX_OK
        || ngx_http_litellm_status_header(r, "X-Content-Type-Options",
                                          "nosniff")
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = sizeof(ngx_http_litellm_status_html) - 1;
    ngx_str_set(&r->headers_out.content_type, "text/html");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    ngx_str_set(&r->headers_out.charset, "utf-8");

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = (u_char *) ngx_http_litellm_status_html;
    b->last = b->pos + sizeof(ngx_http_litellm_status_html) - 1;
    b->memory = 1;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_int_t
ngx_http_litellm_status_open(ngx_http_request_t *r,
    ngx_http_litellm_loc_conf_t *lcf)
{
    ngx_pool_cleanup_t         *cln;
    ngx_http_litellm_status_t  *st;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_litellm_status_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    st = cln->data;
    ngx_memzero(st, sizeof(ngx_http_litellm_status_t));

    cln->handler = ngx_http_litellm_status_cleanup;

    st->request = r;
    st->pool = r->pool;
    st->mcf = ngx_http_get_module_main_conf(r, ngx_http_litellm_module);
    st->config = (lcf->status == NGX_HTTP_LITELLM_STATUS_KEY) ? lcf->config
                                                              : NULL;
    st->event.handler = ngx_http_litellm_status_turn;
    st->event.data = st;
    st->event.log = r->connection->log;

    st->bad.max = NGX_HTTP_LITELLM_STATUS_BAD;
    st->top.max = NGX_HTTP_LITELLM_STATUS_TOP;

    st->bad.items = ngx_palloc(r->pool, (st->bad.max + st->top.max)
                                    * sizeof(ngx_http_litellm_status_item_t));
    if (st->bad.items == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    st->top.items = st->bad.items + st->bad.max;

    if (ngx_array_init(&st->groups, r->pool, 4,
                       sizeof(ngx_http_litellm_status_group_t))
        != NGX_OK
        || ngx_array_init(&st->partly, r->pool, 4,
                          sizeof(ngx_http_litellm_status_group_t))
           != NGX_OK
        || ngx_http_litellm_status_search(r, &st->search) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_litellm_out_init(&st->out, r->pool);
    st->out.chunk = 16384;

    r->main->count++;
    r->read_event_handler = ngx_http_test_reading;

    ngx_http_litellm_turn_begin(&st->event);

    return NGX_DONE;
}


static ngx_int_t
ngx_http_litellm_status_search(ngx_http_request_t *r, ngx_str_t *search)
{
    u_char     *src, *dst;
    ngx_str_t   raw;

    if (ngx_http_arg(r, (u_char *) "search", sizeof("search") - 1, &raw)
        != NGX_OK)
    {
        return NGX_OK;
    }

    raw.len = ngx_min(raw.len, 3 * NGX_HTTP_LITELLM_STATUS_SEARCH);

    dst = ngx_pnalloc(r->pool, ngx_max(raw.len, 1));
    if (dst == NULL) {
        return NGX_ERROR;
    }

    search->data = dst;
    src = raw.data;

    ngx_unescape_uri(&dst, &src, raw.len, 0);

    search->len = ngx_min(dst - search->data, NGX_HTTP_LITELLM_STATUS_SEARCH);
    ngx_strlow(search->data, search->data, search->len);

    return NGX_OK;
}


/* one step, or a part of it */

static void
ngx_http_litellm_status_turn(ngx_event_t *ev)
{
    ngx_http_litellm_status_t *st = ev->data;

    ngx_int_t            rc;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = st->request;
    c = r->connection;

    ngx_http_litellm_turn_end(ev);

    ngx_http_set_log_request(c->log, r);

    rc = ngx_http_litellm_status_steps[st->step](st);

    if (rc == NGX_OK) {
        st->step++;
        st->file = 0;
        st->list = 0;
        st->index = 0;
        st->member = 0;

        if (ngx_http_litellm_status_steps[st->step] != NULL) {
            rc = NGX_AGAIN;
        }
    }

    if (rc == NGX_AGAIN) {
        ngx_http_litellm_turn_begin(&st->event);
        return;
    }

    rc = (rc == NGX_OK && !st->out.failed)
         ? ngx_http_litellm_status_end(st) : NGX_HTTP_INTERNAL_SERVER_ERROR;

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_http_litellm_status_end(ngx_http_litellm_status_t *st)
{
    ngx_int_t            rc;
    ngx_chain_t         *cl;
    ngx_http_request_t  *r;

    r = st->request;

    if (ngx_http_litellm_status_header(r, "Cache-Control", "no-store")
        != NGX_OK
        || ngx_http_litellm_status_header(r, "X-Content-Type-Options",
                                          "nosniff")
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = st->out.size;
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    for (cl = st->out.first; cl->next; cl = cl->next) { /* void */ }

    cl->buf->last_buf = (r == r->main) ? 1 : 0;
    cl->buf->last_in_chain = 1;

    return ngx_http_output_filter(r, st->out.first);
}


static void
ngx_http_litellm_status_cleanup(void *data)
{
    ngx_http_litellm_status_t *st = data;

    ngx_http_litellm_turn_end(&st->event);
}


/* value: a constant, or as long-lived as the configuration */

static ngx_int_t
ngx_http_litellm_status_header(ngx_http_request_t *r, const char *name,
    const char *value)
{
    ngx_str_t  v;

    v.data = (u_char *) value;
    v.len = ngx_strlen(value);

    return ngx_http_litellm_add_header(r, name, ngx_strlen(name), &v);
}


/* files that are read twice, with other keys, are one configuration here */

ngx_litellm_config_t *
ngx_http_litellm_status_config(ngx_http_litellm_status_t *st)
{
    ngx_uint_t                i;
    ngx_http_litellm_file_t  *file;

    file = st->mcf->files.elts;

    for ( /* void */ ; st->file < st->mcf->files.nelts; st->file++) {

        if (st->config != NULL) {

            if (file[st->file].config == st->config) {
                return st->config;
            }

            continue;
        }

        for (i = 0; i < st->file; i++) {
            if (file[i].path.len == file[st->file].path.len
                && ngx_strncmp(file[i].path.data, file[st->file].path.data,
                               file[i].path.len)
                   == 0)
            {
                break;
            }
        }

        if (i == st->file) {
            return file[st->file].config;
        }
    }

    return NULL;
}
