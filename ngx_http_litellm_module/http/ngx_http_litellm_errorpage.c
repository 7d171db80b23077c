
/*
 * nginx's own error pages in a location with "litellm" as the JSON error that
 * clients of the API can read: refusals of the access phase, a body over the
 * limit, limit_req, "return 503;", failures of nginx itself.
 *
 * What counts is that nginx generated the page: only its special response
 * sets r->err_status and leaves "text/html" or no type at all.  Answers of this
 * module (ctx->responded), of error_page (another location, or one that ran a
 * handler) and of "return 403 text" are left alone.  Status and header lines
 * stay as they are.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_outcome.h"
#include "ngx_litellm_openai.h"


typedef struct {
    ngx_uint_t    status;
    ngx_str_t     type;       /* empty: by status */
    ngx_str_t     param;
    ngx_str_t     message;
} ngx_http_litellm_page_t;


static ngx_int_t ngx_http_litellm_errorpage_header_filter(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_litellm_errorpage_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_uint_t ngx_http_litellm_errorpage_test(ngx_http_request_t *r);
static ngx_int_t ngx_http_litellm_errorpage_write(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx);
static ngx_int_t ngx_http_litellm_errorpage_text(ngx_http_request_t *r,
    ngx_litellm_error_t *e);
static ngx_int_t ngx_http_litellm_errorpage_too_large(ngx_http_request_t *r,
    ngx_str_t *message);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


static ngx_http_litellm_page_t  ngx_http_litellm_pages[] = {

    { 400, ngx_null_string, ngx_null_string,
      ngx_string("Bad request") },

    /* LiteLLM's refusals say "None" here, a string */

    { 401, ngx_string("auth_error"), ngx_string("None"),
      ngx_string("Authentication Error, No valid credentials passed in.") },

    { 403, ngx_string("auth_error"), ngx_string("None"),
      ngx_string("Authentication Error, Access to this route is not "
                 "allowed.") },

    { 404, ngx_null_string, ngx_null_string,
      ngx_string("Not Found") },

    { 405, ngx_null_string, ngx_null_string,
      ngx_string("Method Not Allowed") },

    { 408, ngx_string("timeout_error"), ngx_null_string,
      ngx_string("The request was not received in time") },

    { 411, ngx_null_string, ngx_null_string,
      ngx_string("The request has no Content-Length") },

    { 414, ngx_null_string, ngx_null_string,
      ngx_string("The request's URI is too long") },

    { 415, ngx_null_string, ngx_null_string,
      ngx_string("Unsupported media type") },

    { 429, ngx_string("throttling_error"), ngx_null_string,
      ngx_string("Too many requests") },

    { 500, ngx_null_string, ngx_null_string,
      ngx_string("Internal server error") },

    { 501, ngx_null_string, ngx_null_string,
      ngx_string("Not implemented") },

    { 502, ngx_null_string, ngx_null_string,
      ngx_string("Bad gateway") },

    { 503, ngx_null_string, ngx_null_string,
      ngx_string("Service unavailable") },

    { 504, ngx_string("timeout_error"), ngx_null_string,
      ngx_string("Gateway timeout") },

    { 507, ngx_null_string, ngx_null_string,
      ngx_string("Insufficient storage") }
};


static ngx_str_t  ngx_http_litellm_page_4xx =
    ngx_string("The request was refused");

static ngx_str_t  ngx_http_litellm_page_5xx =
    ngx_string("The request could not be served");


static ngx_int_t
ngx_http_litellm_errorpage_header_filter(ngx_http_request_t *r)
{
    ngx_http_litellm_ctx_t  *ctx;

    if (!ngx_http_litellm_errorpage_test(r)) {
        return ngx_http_next_header_filter(r);
    }

    /* a refusal before every handler: there is no context yet */

    ctx = ngx_http_litellm_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_litellm_errorpage_write(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.charset.len = 0;

    ngx_http_clear_content_length(r);
    r->headers_out.content_length_n = ctx->page.len;

    return ngx_http_next_header_filter(r);
}


static ngx_int_t
ngx_http_litellm_errorpage_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_buf_t               *b;
    ngx_uint_t               last;
    ngx_chain_t             *cl, out;
    ngx_http_litellm_ctx_t  *ctx;

    if (in == NULL || r != r->main) {
        return ngx_http_next_body_filter(r, in);
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_litellm_module);

    if (ctx == NULL || ctx->page.len == 0) {
        return ngx_http_next_body_filter(r, in);
    }

    last = 0;

    for (cl = in; cl; cl = cl->next) {

        if (cl->buf->last_buf) {
            last = 1;
        }

        cl->buf->pos = cl->buf->last;
        cl->buf->file_pos = cl->buf->file_last;
    }

    if (ctx->page_sent && !last) {
        return NGX_OK;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    if (!ctx->page_sent) {
        b->memory = 1;
        b->pos = ctx->page.data;
        b->last = ctx->page.data + ctx->page.len;

        ctx->page_sent = 1;
    }

    b->last_buf = last;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_next_body_filter(r, &out);
}


static ngx_uint_t
ngx_http_litellm_errorpage_test(ngx_http_request_t *r)
{
    ngx_str_t                    *type;
    ngx_http_litellm_ctx_t       *ctx;
    ngx_http_litellm_loc_conf_t  *lcf;

    if (r != r->main || r->err_status < NGX_HTTP_BAD_REQUEST) {
        return 0;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);

    if (!lcf->enable) {
        return 0;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_litellm_module);

    if (ctx != NULL && ctx->responded) {
        return 0;
    }

    /* proxy_pass of an "if" in the location, or the like */

    if (r->upstream != NULL) {
        return 0;
    }

    /* statuses for which nginx has no page come without a type */

    type = &r->headers_out.content_type;

    if (type->len == 0) {
        return r->headers_out.content_length_n == 0;
    }

    return type->len == sizeof("text/html") - 1
           && ngx_strncmp(type->data, "text/html", sizeof("text/html") - 1)
              == 0;
}


static ngx_int_t
ngx_http_litellm_errorpage_write(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_uint_t                 status;
    ngx_litellm_out_t          out;
    ngx_litellm_error_t        e;
    ngx_http_core_loc_conf_t  *clcf;

    status = r->headers_out.status;

    if (ctx->error.class != NGX_LITELLM_NO_ERROR
        && ctx->error.status == status)
    {
        e = ctx->error;

        clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

        if (clcf->satisfy == NGX_HTTP_SATISFY_ANY) {

            /* another module might have let it in: told of only now */

            ngx_http_litellm_outcome_refused(r, ctx);
        }

    } else {
        ngx_memzero(&e, sizeof(ngx_litellm_error_t));

        e.status = status;
        e.class = ngx_litellm_error_status(status);

        if (ngx_http_litellm_errorpage_text(r, &e) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ngx_litellm_out_init(&out, r->pool);
    out.chunk = 512 + e.message.len;

    ngx_litellm_openai_error(&out, &e, 0);

    if (out.failed) {
        return NGX_ERROR;
    }

    return ngx_litellm_out_join(&out, &ctx->page);
}


static ngx_int_t
ngx_http_litellm_errorpage_text(ngx_http_request_t *r, ngx_litellm_error_t *e)
{
    ngx_uint_t                i;
    ngx_http_litellm_page_t  *page;

    if (e->status == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE) {
        return ngx_http_litellm_errorpage_too_large(r, &e->message);
    }

    page = ngx_http_litellm_pages;

    for (i = 0;
         i < sizeof(ngx_http_litellm_pages) / sizeof(ngx_http_litellm_page_t);
         i++)
    {
        if (page[i].status == e->status) {
            e->type = page[i].type;
            e->param = page[i].param;
            e->message = page[i].message;
            return NGX_OK;
        }
    }

    e->message = (e->status < 500) ? ngx_http_litellm_page_4xx
                                   : ngx_http_litellm_page_5xx;

    return NGX_OK;
}


/* LiteLLM's words, with the limit as nginx applies it */

static ngx_int_t
ngx_http_litellm_errorpage_too_large(ngx_http_request_t *r, ngx_str_t *message)
{
    u_char                    *p;
    off_t                      max;
    const char                *unit;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    max = clcf->client_max_body_size;

    /* no limit here: "return 413;" or another module's refusal */

    if (max == 0) {
        ngx_str_set(message, "Request size is too large.");
        return NGX_OK;
    }

    unit = "bytes";

    if (max % (1024 * 1024) == 0) {
        max /= 1024 * 1024;
        unit = "MB";

    } else if (max % 1024 == 0) {
        max /= 1024;
        unit = "KB";
    }

    p = ngx_pnalloc(r->pool,
                    sizeof("Request size is too large. Max size is  bytes")
                    + NGX_OFF_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    message->data = p;
    message->len = ngx_sprintf(p, "Request size is too large. "
                               "Max size is %O %s", max, unit)
                   - p;

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_errorpage_init(ngx_conf_t *cf)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_litellm_errorpage_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_litellm_errorpage_body_filter;

    return NGX_OK;
}
