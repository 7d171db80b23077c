
/*
 * The clone's side of an attempt: an nginx upstream with this deployment's
 * request, headers and body reader.  nginx's engine does connections,
 * time-outs, TLS and next_upstream; here are its hooks.  What the bytes mean is in
 * ngx_http_litellm_stream.c, what follows from the end of the attempt in
 * ngx_http_litellm_attempt.c.
 *
 * The provider's headers stay in a list of our own: in u->headers_in.headers
 * nginx would obey some of them (X-Accel-*) and copy the rest to the clone for
 * nobody.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_cache_follow.h"


#define NGX_HTTP_LITELLM_MAX_HEADERS  200

/* Anthropic's "overloaded_error" */
#define NGX_HTTP_LITELLM_OVERLOADED   529


#define ngx_http_litellm_type_is(a, type)                                     \
    ngx_http_litellm_typed(a, type, sizeof(type) - 1)


static ngx_int_t ngx_http_litellm_create_request(ngx_http_request_t *r);
static size_t ngx_http_litellm_headers_len(ngx_array_t *headers);
static u_char *ngx_http_litellm_headers(u_char *p, ngx_array_t *headers,
    ngx_array_t *other, ngx_uint_t dialect);
static ngx_int_t ngx_http_litellm_reinit_request(ngx_http_request_t *r);
static ngx_int_t ngx_http_litellm_process_status_line(ngx_http_request_t *r);
static ngx_int_t ngx_http_litellm_process_header(ngx_http_request_t *r);
static ngx_int_t ngx_http_litellm_parse_header(ngx_http_request_t *r,
    ngx_http_litellm_attempt_t *a);
static ngx_int_t ngx_http_litellm_header_done(ngx_http_request_t *r,
    ngx_http_litellm_attempt_t *a);
static ngx_uint_t ngx_http_litellm_streamed(ngx_http_litellm_attempt_t *a);
static ngx_uint_t ngx_http_litellm_typed(ngx_http_litellm_attempt_t *a,
    const char *type, size_t len);
static ngx_int_t ngx_http_litellm_input_filter_init(void *data);
static ngx_int_t ngx_http_litellm_discard_filter(void *data, ssize_t bytes);
static ngx_int_t ngx_http_litellm_input_filter(void *data, ssize_t bytes);
static ngx_int_t ngx_http_litellm_chunked_filter(void *data, ssize_t bytes);
static ngx_int_t ngx_http_litellm_collect(ngx_http_litellm_attempt_t *a,
    u_char *p, u_char *last);
static ngx_int_t ngx_http_litellm_body_bytes(ngx_http_litellm_attempt_t *a,
    u_char *p, u_char *last);
static void ngx_http_litellm_read_answer(ngx_http_request_t *r,
    ngx_http_upstream_t *u);
static void ngx_http_litellm_abort_request(ngx_http_request_t *r);
static void ngx_http_litellm_finalize_request(ngx_http_request_t *r,
    ngx_int_t rc);


ngx_int_t
ngx_http_litellm_upstream_handler(ngx_http_request_t *r,
    ngx_http_litellm_attempt_t *a)
{
    u_char               *p;
    ngx_http_upstream_t  *u;

    if (a->done) {

        /* cancelled before it ran */

        return NGX_OK;
    }

    if (ngx_http_upstream_create(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    u = r->upstream;

    u->conf = a->conf;

    if (ngx_http_litellm_feed_needed(a->ctx)) {

        /* the engine must not look for a client that has left, or may: others
           have a part of this answer */

        u->conf = ngx_palloc(r->pool, sizeof(ngx_http_upstream_conf_t));
        if (u->conf == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        *u->conf = *a->conf;
        u->conf->ignore_client_abort = 1;
    }

    u->output.tag = (ngx_buf_tag_t) &ngx_http_litellm_module;

    u->method = a->wire.method;

    if (u->method.len == 0) {
        ngx_str_set(&u->method, "POST");
    }

    u->uri = a->wire.path;

    if (a->raw) {

        /* for the log, where a client's query may be a signature */

        p = ngx_strlchr(u->uri.data, u->uri.data + u->uri.len, '?');

        if (p != NULL) {
            u->uri.len = p - u->uri.data;
        }
    }

    /* flags that are not set were cleared by create(): u->buffering, too */

    if (a->url->tls) {
        u->ssl = 1;
        ngx_str_set(&u->schema, "https://");

    } else {
        ngx_str_set(&u->schema, "http://");
    }

    u->create_request = ngx_http_litellm_create_request;
    u->reinit_request = ngx_http_litellm_reinit_request;
    u->process_header = ngx_http_litellm_process_status_line;
    u->abort_request = ngx_http_litellm_abort_request;
    u->finalize_request = ngx_http_litellm_finalize_request;

    u->input_filter_init = ngx_http_litellm_input_filter_init;
    u->input_filter = ngx_http_litellm_input_filter;
    u->input_filter_ctx = a;

    u->accel = 1;

    r->main->count++;
    ngx_http_upstream_init(r);

    if (u->read_event_handler != NULL) {
        a->read = u->read_event_handler;
        u->read_event_handler = ngx_http_litellm_read_answer;
    }

    return NGX_DONE;
}


/*
 * The answer begins: only now it needs a buffer, and the one that was given
 * back last is still in the processor's cache.  With a buffer the engine makes
 * no list of headers either: ours are elsewhere, and an empty one is as good.
 */

static void
ngx_http_litellm_read_answer(ngx_http_request_t *r, ngx_http_upstream_t *u)
{
    ngx_http_litellm_attempt_t  *a;

    a = ngx_http_get_module_ctx(r, ngx_http_litellm_module);

    u->read_event_handler = a->read;

    if (u->buffer.start == NULL
        && ngx_http_litellm_memory_buffer(a->ctx->memory, &u->buffer,
                                          u->conf->buffer_size)
           == NGX_OK)
    {
        u->buffer.tag = u->output.tag;
    }

    u->read_event_handler(r, u);
}


/* the header block in one buffer, the body as dialect->request() made it */

static ngx_int_t
ngx_http_litellm_create_request(ngx_http_request_t *r)
{
    u_char                      *p;
    size_t                       len;
    ngx_buf_t                   *b;
    ngx_str_t                   *method;
    ngx_uint_t                   get;
    ngx_array_t                 *trace;
    ngx_chain_t                 *cl, *body;
    ngx_litellm_wire_t          *w;
    ngx_http_litellm_attempt_t  *a;

    a = ngx_http_get_module_ctx(r, ngx_http_litellm_module);
    w = &a->wire;

    method = &r->upstream->method;
    get = (method->len == 3 && ngx_memcmp(method->data, "GET", 3) == 0);

    if (ngx_http_litellm_trace(a, &trace) != NGX_OK) {
        return NGX_ERROR;
    }

    len = method->len + sizeof("  HTTP/1.1" CRLF) - 1 + w->path.len
          + sizeof("Host: " CRLF) - 1 + a->url->authority.len
          + sizeof("Content-Type: application/json" CRLF) - 1 + w->type.len
          + sizeof("Accept-Encoding: identity" CRLF) - 1
          + sizeof("Content-Length: " CRLF CRLF) - 1 + NGX_OFF_T_LEN
          + ngx_http_litellm_headers_len(&w->headers)
          + ngx_http_litellm_headers_len(trace)
          + ngx_http_litellm_headers_len(a->extra);

    b = ngx_create_temp_buf(a->ctx->pool, len);
    if (b == NULL) {
        return NGX_ERROR;
    }

    cl = ngx_alloc_chain_link(a->ctx->pool);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf = b;

    p = ngx_cpymem(b->last, method->data, method->len);
    *p++ = ' ';
    p = ngx_cpymem(p, w->path.data, w->path.len);
    p = ngx_cpymem(p, " HTTP/1.1" CRLF "Host: ",
                   sizeof(" HTTP/1.1" CRLF "Host: ") - 1);
    p = ngx_cpymem(p, a->url->authority.data, a->url->authority.len);
    p = ngx_cpymem(p, CRLF "Accept-Encoding: identity" CRLF,
                   sizeof(CRLF "Accept-Encoding: identity" CRLF) - 1);

    if (w->type.len) {
        p = ngx_sprintf(p, "Content-Type: %V" CRLF, &w->type);

    } else if (!get) {
        p = ngx_cpymem(p, "Content-Type: application/json" CRLF,
                       sizeof("Content-Type: application/json" CRLF) - 1);
    }

    p = ngx_http_litellm_headers(p, &w->headers, a->extra, 1);
    p = ngx_http_litellm_headers(p, trace, a->extra, 1);
    p = ngx_http_litellm_headers(p, a->extra, &w->headers, 0);

    if (!get) {
        p = ngx_cpymem(p, "Content-Length: ", sizeof("Content-Length: ") - 1);
        p = ngx_litellm_out_digits(p, (uint64_t) w->body.size);
        *p++ = CR; *p++ = LF;
    }

    *p++ = CR; *p++ = LF;
    b->last = p;

    /*
     * The engine sends r->upstream->request_bufs and may send them again from
     * each buf's start: the buffers of the body are ours alone.
     */

    cl->next = w->body.first;
    r->upstream->request_bufs = cl;

    for (body = cl; body->next; body = body->next) { /* void */ }

    body->buf->last_buf = 0;

    /*
     * TLS buffers what it is to write: on a kept-alive connection nothing else
     * would ever bring the rest out, its write event has come long ago.
     */

    body->buf->flush = 1;

    return NGX_OK;
}


static size_t
ngx_http_litellm_headers_len(ngx_array_t *headers)
{
    size_t         len;
    ngx_uint_t     i;
    ngx_keyval_t  *h;

    len = 0;

    if (headers != NULL) {
        h = headers->elts;

        for (i = 0; i < headers->nelts; i++) {
            len += h[i].key.len + sizeof(": " CRLF) - 1 + h[i].value.len;
        }
    }

    return len;
}


/*
 * What the dialect sends and what the operator adds (extra_headers): of one
 * name the operator's counts, but for anthropic-beta, which the dialect has
 * put together from both.
 */

static u_char *
ngx_http_litellm_headers(u_char *p, ngx_array_t *headers, ngx_array_t *other,
    ngx_uint_t dialect)
{
    ngx_uint_t     i, j, beta;
    ngx_keyval_t  *h, *o;

    if (headers == NULL) {
        return p;
    }

    h = headers->elts;

    for (i = 0; i < headers->nelts; i++) {

        if (other != NULL) {

            beta = (h[i].key.len == sizeof("anthropic-beta") - 1
                    && ngx_strncasecmp(h[i].key.data,
                                       (u_char *) "anthropic-beta",
                                       sizeof("anthropic-beta") - 1)
                       == 0);

            o = other->elts;

            for (j = 0; j < other->nelts; j++) {
                if (o[j].key.len == h[i].key.len
                    && ngx_strncasecmp(o[j].key.data, h[i].key.data,
                                       h[i].key.len)
                       == 0)
                {
                    break;
                }
            }

            if (j < other->nelts && beta != dialect) {
                continue;
            }
        }

        p = ngx_cpymem(p, h[i].key.data, h[i].key.len);
        *p++ = ':';
        *p++ = ' ';
        p = ngx_cpymem(p, h[i].value.data, h[i].value.len);
        *p++ = CR;
        *p++ = LF;
    }

    return p;
}


/* the same request goes to another address of the group */

static ngx_int_t
ngx_http_litellm_reinit_request(ngx_http_request_t *r)
{
    ngx_http_litellm_attempt_t  *a;

    a = ngx_http_get_module_ctx(r, ngx_http_litellm_module);

    if (a->status) {

        /* the next one may say nothing at all */

        a->said = a->status;
        a->said_after = ngx_http_litellm_attempt_retry_after(a);
    }

    ngx_memzero(&a->status_line, sizeof(ngx_http_status_t));
    ngx_memzero(&a->chunked, sizeof(ngx_http_chunked_t));

    a->status = 0;
    a->headers.nelts = 0;
    a->is_chunked = 0;
    ngx_str_null(&a->content_type);

    r->state = 0;
    r->upstream->process_header = ngx_http_litellm_process_status_line;
    r->upstream->input_filter = ngx_http_litellm_input_filter;

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_process_status_line(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_http_upstream_t         *u;
    ngx_http_litellm_attempt_t  *a;

    a = ngx_http_get_module_ctx(r, ngx_http_litellm_module);
    u = r->upstream;

    rc = ngx_http_parse_status_line(r, &u->buffer, &a->status_line);

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "litellm: provider sent no valid HTTP/1.x header");
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    if (u->state && u->state->status == 0) {
        u->state->status = a->status_line.code;
    }

    u->headers_in.status_n = a->status_line.code;

    if (a->status_line.code == NGX_HTTP_LITELLM_OVERLOADED) {

        /* for next_upstream, whose list has no word for it */

        u->headers_in.status_n = NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    if (a->status_line.http_version < NGX_HTTP_VERSION_11) {
        u->headers_in.connection_close = 1;
    }

    u->process_header = ngx_http_litellm_process_header;

    return ngx_http_litellm_process_header(r);
}


static ngx_int_t
ngx_http_litellm_process_header(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_http_upstream_t         *u;
    ngx_http_litellm_attempt_t  *a;

    a = ngx_http_get_module_ctx(r, ngx_http_litellm_module);
    u = r->upstream;

    for ( ;; ) {

        rc = ngx_http_parse_header_line(r, &u->buffer, 1);

        if (rc == NGX_OK) {

            rc = ngx_http_litellm_parse_header(r, a);

            if (rc != NGX_OK) {
                return rc;
            }

            continue;
        }

        if (rc == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        if (rc == NGX_HTTP_PARSE_HEADER_DONE) {

            if (a->status_line.code >= 100 && a->status_line.code < 200) {

                /* 100, 103: the answer's own header follows */

                if (u->state) {
                    u->state->status = 0;
                }

                (void) ngx_http_litellm_reinit_request(r);

                return ngx_http_litellm_process_status_line(r);
            }

            return ngx_http_litellm_header_done(r, a);
        }

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "litellm: provider sent an invalid header line");

        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }
}


/* one line: kept for llm_provider-*, and obeyed where it frames the body */

static ngx_int_t
ngx_http_litellm_parse_header(ngx_http_request_t *r,
    ngx_http_litellm_attempt_t *a)
{
    u_char                     *p, *name;
    size_t                      klen, vlen;
    ngx_http_upstream_t        *u;
    ngx_http_litellm_header_t  *h;

    if (r->invalid_header) {
        return NGX_OK;
    }

    u = r->upstream;

    klen = r->header_name_end - r->header_name_start;
    vlen = r->header_end - r->header_start;

    if (a->headers.nelts == NGX_HTTP_LITELLM_MAX_HEADERS) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "litellm: provider sent too many header lines");
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    h = ngx_array_push(&a->headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(a->ctx->pool, klen + 1 + vlen + 1 + NGX_HTTP_LITELLM_NAMED_LEN
                             + klen);
    if (p == NULL) {
        return NGX_ERROR;
    }

    h->key.len = klen;
    h->key.data = p;
    p = ngx_cpymem(p, r->header_name_start, klen);
    *p++ = '\0';

    h->value.len = vlen;
    h->value.data = p;
    p = ngx_cpymem(p, r->header_start, vlen);
    *p++ = '\0';

    h->lowcase = ngx_cpymem(p, NGX_HTTP_LITELLM_NAMED,
                            NGX_HTTP_LITELLM_NAMED_LEN);

    if (klen == r->lowcase_index) {
        ngx_memcpy(h->lowcase, r->lowcase_header, klen);

    } else {
        ngx_strlow(h->lowcase, h->key.data, klen);
    }

    if (klen != r->lowcase_index) {

        /* longer than all that are obeyed */

        return NGX_OK;
    }

    /* what was just copied could not be had back at once */

    name = r->lowcase_header;

    switch (klen) {

    case sizeof("connection") - 1:
        if (ngx_strncmp(name, "connection", klen) == 0
            && ngx_strlcasestrn(h->value.data, h->value.data + vlen,
                                (u_char *) "close", 5 - 1)
               != NULL)
        {
            u->headers_in.connection_close = 1;
        }

        break;

    case sizeof("content-type") - 1:
        if (ngx_strncmp(name, "content-type", klen) == 0) {
            a->content_type.data = h->value.data;
            a->content_type.len = vlen;
        }

        break;

    case sizeof("content-length") - 1:
        if (ngx_strncmp(name, "content-length", klen) == 0) {

            if (u->headers_in.content_length_n != -1) {
                ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                              "litellm: provider sent two lengths");
                return NGX_HTTP_UPSTREAM_INVALID_HEADER;
            }

            u->headers_in.content_length_n = ngx_atoof(h->value.data, vlen);

            if (u->headers_in.content_length_n == NGX_ERROR) {
                ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                              "litellm: provider sent an invalid length");
                return NGX_HTTP_UPSTREAM_INVALID_HEADER;
            }
        }

        break;

    case sizeof("transfer-encoding") - 1:
        if (ngx_strncmp(name, "transfer-encoding", klen) == 0) {

            if (vlen != 7
                || ngx_strncasecmp(h->value.data, (u_char *) "chunked", 7)
                   != 0)
            {
                ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                              "litellm: provider sent an unknown "
                              "transfer encoding");
                return NGX_HTTP_UPSTREAM_INVALID_HEADER;
            }

            a->is_chunked = 1;
        }

        break;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_header_done(ngx_http_request_t *r,
    ngx_http_litellm_attempt_t *a)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (a->is_chunked && u->headers_in.content_length_n != -1) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "litellm: provider sent a length beside chunks");
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    a->status = a->status_line.code;

    u->headers_in.chunked = a->is_chunked;

    return NGX_OK;
}


/* is this answer read event by event? */

static ngx_uint_t
ngx_http_litellm_streamed(ngx_http_litellm_attempt_t *a)
{
    if (!a->call->stream || a->wire.whole || a->status < 200
        || a->status >= 300)
    {
        return 0;
    }

    if (a->wire.pass) {
        return !ngx_http_litellm_type_is(a, "application/json");
    }

    switch (a->dialect->frames) {

    case NGX_LITELLM_FRAMES_LINES:

        /* servers call it x-ndjson, json or text/plain */

        return 1;

    case NGX_LITELLM_FRAMES_AWS:
        return ngx_http_litellm_type_is(a,
                                        "application/vnd.amazon.eventstream");

    default:
        return !ngx_http_litellm_type_is(a, "application/json");
    }
}


static ngx_uint_t
ngx_http_litellm_typed(ngx_http_litellm_attempt_t *a, const char *type,
    size_t len)
{
    return a->content_type.len >= len
           && ngx_strncasecmp(a->content_type.data, (u_char *) type, len) == 0;
}


static ngx_int_t
ngx_http_litellm_input_filter_init(void *data)
{
    ngx_http_litellm_attempt_t *a = data;

    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = a->request;
    u = r->upstream;

    a->mode = NGX_HTTP_LITELLM_COLLECT;

    if (ngx_http_litellm_streamed(a)) {
        a->mode = a->wire.pass ? NGX_HTTP_LITELLM_PASS
                               : NGX_HTTP_LITELLM_TRANSLATE;

        if (ngx_http_litellm_stream_init(a) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    /* the end of the answer is written by the parent */

    r->header_only = 1;

    if (a->status == NGX_HTTP_NO_CONTENT
        || a->status == NGX_HTTP_NOT_MODIFIED)
    {
        u->length = 0;
        u->keepalive = !u->headers_in.connection_close;
        a->body_done = 1;

    } else if (a->raw && a->status != NGX_HTTP_OK) {

        /* nobody looks at the page that says why */

        u->input_filter = ngx_http_litellm_discard_filter;
        u->length = 0;

    } else if (a->is_chunked) {
        u->input_filter = ngx_http_litellm_chunked_filter;
        u->length = -1;

    } else {
        u->length = u->headers_in.content_length_n;

        if (u->length == 0) {
            u->keepalive = !u->headers_in.connection_close;
            a->body_done = 1;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_discard_filter(void *data, ssize_t bytes)
{
    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_input_filter(void *data, ssize_t bytes)
{
    ngx_http_litellm_attempt_t *a = data;

    u_char               *p;
    ngx_http_upstream_t  *u;

    u = a->request->upstream;

    p = u->buffer.last;
    u->buffer.last += bytes;

    if (u->length == -1) {
        return ngx_http_litellm_body_bytes(a, p, p + bytes);
    }

    if (u->length == 0) {
        ngx_log_error(NGX_LOG_WARN, a->request->connection->log, 0,
                      "litellm: provider sent more than its length");
        u->keepalive = 0;
        return NGX_OK;
    }

    if (bytes > u->length) {
        ngx_log_error(NGX_LOG_WARN, a->request->connection->log, 0,
                      "litellm: provider sent more than its length");
        bytes = (ssize_t) u->length;
        u->headers_in.connection_close = 1;
    }

    u->length -= bytes;

    if (u->length == 0) {
        u->keepalive = !u->headers_in.connection_close;
        a->body_done = 1;
    }

    return ngx_http_litellm_body_bytes(a, p, p + bytes);
}


static ngx_int_t
ngx_http_litellm_chunked_filter(void *data, ssize_t bytes)
{
    ngx_http_litellm_attempt_t *a = data;

    u_char               *p;
    ngx_buf_t             b;
    ngx_int_t             rc;
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = a->request;
    u = r->upstream;

    ngx_memzero(&b, sizeof(ngx_buf_t));

    b.pos = u->buffer.last;
    b.last = b.pos + bytes;

    u->buffer.last = b.last;

    if (a->body_done) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "litellm: provider sent data after the last chunk");
        u->keepalive = 0;
        return NGX_OK;
    }

    for ( ;; ) {

        rc = ngx_http_litellm_parse_chunked(r, &b, &a->chunked);

        if (rc == NGX_OK) {

            /* a chunk's data, or a part of it */

            p = b.pos;

            if ((off_t) (b.last - b.pos) >= a->chunked.size) {
                b.pos += (size_t) a->chunked.size;
                a->chunked.size = 0;

            } else {
                a->chunked.size -= b.last - b.pos;
                b.pos = b.last;
            }

            if (ngx_http_litellm_body_bytes(a, p, b.pos) != NGX_OK) {
                return NGX_ERROR;
            }

            continue;
        }

        if (rc == NGX_DONE) {

            u->length = 0;
            u->keepalive = !u->headers_in.connection_close;
            a->body_done = 1;

            if (b.pos != b.last) {
                ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                              "litellm: provider sent data after the last "
                              "chunk");
                u->keepalive = 0;
            }

            return NGX_OK;
        }

        if (rc == NGX_AGAIN) {
            return NGX_OK;
        }

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "litellm: provider sent invalid chunks");

        if (a->complete) {

            /* the engine would not send what it has of this read */

            u->length = 0;
            u->keepalive = 0;

            return NGX_OK;
        }

        ngx_http_litellm_attempt_fail(a, NGX_LITELLM_API_CONNECTION, 502,
                                      "the provider sent invalid chunks");

        return NGX_ERROR;
    }
}


static ngx_int_t
ngx_http_litellm_body_bytes(ngx_http_litellm_attempt_t *a, u_char *p,
    u_char *last)
{
    if (a->deadline && !a->complete
        && (ngx_msec_int_t) (a->deadline - ngx_current_msec) < 0)
    {
        ngx_http_litellm_attempt_fail(a, NGX_LITELLM_TIMEOUT, 408,
                                      "Request timed out.");
        return NGX_ERROR;
    }

    if (a->mode == NGX_HTTP_LITELLM_COLLECT) {
        return ngx_http_litellm_collect(a, p, last);
    }

    return ngx_http_litellm_stream_bytes(a, p, last);
}


/* a body in one piece: exactly as long as announced, or growing by doubling */

static ngx_int_t
ngx_http_litellm_collect(ngx_http_litellm_attempt_t *a, u_char *p,
    u_char *last)
{
    u_char                       *body;
    size_t                        n, max, want;
    ngx_http_request_t           *r;
    ngx_http_litellm_loc_conf_t  *lcf;

    r = a->request;
    n = last - p;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);

    max = a->max ? a->max : lcf->max_response_size;

    if (a->raw) {

        /* one bound for all that a request fetches */

        max = a->size + lcf->fetch_max_size - a->ctx->fetched;

        if (n > max - a->size) {
            ngx_http_litellm_attempt_fail(a, NGX_LITELLM_BAD_GATEWAY, 502,
                                          "the file is too large");
            return NGX_ERROR;
        }

        a->ctx->fetched += n;
    }

    if (a->size == 0 && a->body_done && !a->is_chunked) {

        /* all of it came in one read, and none comes behind it */

        a->body = p;
        a->size = n;

        return NGX_OK;
    }

    if (n > a->alloc - a->size) {

        if (n > max - ngx_min(max, a->size)) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "litellm: provider's answer is over %s",
                          a->max ? "its bound"
                                 : "\"litellm_max_response_size\"");

            ngx_http_litellm_attempt_fail(a, NGX_LITELLM_BAD_GATEWAY, 502,
                                   "the provider's answer is too large");
            return NGX_ERROR;
        }

        want = a->size + n;

        if (a->size == 0 && r->upstream->headers_in.content_length_n > 0
            && r->upstream->headers_in.content_length_n <= (off_t) max)
        {
            want = (size_t) r->upstream->headers_in.content_length_n;

        } else {
            want = ngx_min(ngx_max(want, a->alloc * 2), max);
            want = ngx_max(want, 4096);
        }

        want = ngx_max(want, a->size + n);

        body = ngx_pnalloc(r->pool, want);
        if (body == NULL) {
            return NGX_ERROR;
        }

        if (a->size) {
            ngx_memcpy(body, a->body, a->size);
            (void) ngx_pfree(r->pool, a->body);
        }

        a->body = body;
        a->alloc = want;
    }

    ngx_memcpy(a->body + a->size, p, n);
    a->size += n;

    return NGX_OK;
}


static void
ngx_http_litellm_abort_request(ngx_http_request_t *r)
{
    return;
}


static void
ngx_http_litellm_finalize_request(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_http_litellm_attempt_t  *a;

    a = ngx_http_get_module_ctx(r, ngx_http_litellm_module);

    a->rc = rc;
}
