
/*
 * Replicate's predictions, looked at until they have ended or their stream can
 * be read.
 *
 * The addresses that a prediction carries are the provider's word and get no
 * key: the next look is by the prediction's id below our own api_base, and of
 * urls.stream the path is taken if its host is the one that the deployment was
 * set up with.  Looks are bounded in number; the attempt's own time bounds
 * them too.
 *
 * Each look shows the whole output so far.  In a streamed call what is new in
 * it is emitted, by the count of bytes emitted before.  Nothing is allocated
 * for a look but what the JSON reader keeps and uses again.
 */

#include "ngx_litellm_replicate.h"


#define NGX_LITELLM_REPLICATE_ID     64      /* longest id */
#define NGX_LITELLM_REPLICATE_URL    512     /* longest path of a stream */


/* from look to look: wire->state */

typedef struct {
    ngx_litellm_json_doc_t   doc;
    ngx_str_t                path;
    ngx_str_t                key;       /* value of "Authorization" */
    ngx_uint_t               looks;
    size_t                   sent;      /* bytes of the output */
    unsigned                 started:1;
} ngx_litellm_replicate_looks_t;


static ngx_litellm_replicate_looks_t *ngx_litellm_replicate_looks(
    ngx_litellm_call_t *call, ngx_litellm_wire_t *wire);
static ngx_int_t ngx_litellm_replicate_address(ngx_litellm_call_t *call,
    ngx_litellm_replicate_looks_t *l, ngx_litellm_json_t *id,
    ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_replicate_look(ngx_litellm_wire_t *wire,
    ngx_litellm_replicate_looks_t *l, ngx_uint_t stream);
static ngx_int_t ngx_litellm_replicate_streams(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_replicate_looks_t *l,
    ngx_litellm_json_t *root);
static ngx_uint_t ngx_litellm_replicate_stream_path(ngx_litellm_call_t *call,
    ngx_litellm_json_t *v, ngx_str_t *path);
static ngx_int_t ngx_litellm_replicate_news(ngx_litellm_replicate_looks_t *l,
    ngx_litellm_stream_t *st, ngx_litellm_json_t *root);
static ngx_int_t ngx_litellm_replicate_piece(ngx_litellm_replicate_looks_t *l,
    ngx_litellm_stream_t *st, ngx_litellm_json_t *v, size_t *seen);
static size_t ngx_litellm_replicate_whole(ngx_str_t *text, size_t n);


ngx_int_t
ngx_litellm_replicate_follow(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_str_t *body, ngx_litellm_stream_t *st,
    ngx_litellm_error_t *e)
{
    ngx_int_t                        rc;
    ngx_str_t                        text;
    ngx_litellm_json_t              *root;
    ngx_litellm_replicate_looks_t   *l;
    ngx_litellm_replicate_status_e   status;

    l = ngx_litellm_replicate_looks(call, wire);
    if (l == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_litellm_json_parse(&l->doc, body->data, body->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    root = (rc == NGX_OK) ? l->doc.root : NULL;
    status = ngx_litellm_replicate_status(root);

    if (status == NGX_LITELLM_REPLICATE_INVALID) {
        return ngx_litellm_call_broken(call, e, "the provider's answer is not "
                                       "a prediction");
    }

    if (st != NULL) {

        /* what it had before it failed is the client's, too */

        rc = ngx_litellm_replicate_news(l, st, root);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (status == NGX_LITELLM_REPLICATE_FAILED
        || status == NGX_LITELLM_REPLICATE_CANCELED)
    {
        return ngx_litellm_replicate_failure(call, root, status, e);
    }

    if (status == NGX_LITELLM_REPLICATE_SUCCEEDED) {
        return st ? ngx_litellm_replicate_ended(st, root) : NGX_OK;
    }

    if (l->looks == 0 && st != NULL) {

        rc = ngx_litellm_replicate_streams(call, wire, l, root);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    if (l->looks++ == NGX_LITELLM_REPLICATE_POLLS) {

        ngx_str_set(&text, "the prediction did not end");
        ngx_memzero(e, sizeof(ngx_litellm_error_t));

        return ngx_litellm_error_set(call, e, NGX_LITELLM_TIMEOUT, 408, &text)
               == NGX_OK ? NGX_DECLINED : NGX_ERROR;
    }

    if (l->path.len == 0) {
        rc = ngx_litellm_replicate_address(call, l,
                                           ngx_litellm_json_member(root, "id"),
                                           e);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_litellm_replicate_look(wire, l, st != NULL);
}


/* the output's elements are as deep as it goes */

static ngx_litellm_replicate_looks_t *
ngx_litellm_replicate_looks(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire)
{
    ngx_str_t                      *key;
    ngx_litellm_replicate_looks_t  *l;

    l = wire->state;

    if (l != NULL) {
        return l;
    }

    l = ngx_pcalloc(call->pool, sizeof(ngx_litellm_replicate_looks_t));
    if (l == NULL) {
        return NULL;
    }

    l->doc.pool = call->pool;
    l->doc.keep = 3;

    key = ngx_litellm_call_key(call);

    if (key->len) {
        l->key.data = ngx_pnalloc(call->pool, sizeof("Bearer ") - 1
                                              + key->len);
        if (l->key.data == NULL) {
            return NULL;
        }

        l->key.len = ngx_sprintf(l->key.data, "Bearer %V", key) - l->key.data;
    }

    wire->state = l;

    return l;
}


/* below api_base, wherever the prediction says it is */

static ngx_int_t
ngx_litellm_replicate_address(ngx_litellm_call_t *call,
    ngx_litellm_replicate_looks_t *l, ngx_litellm_json_t *id,
    ngx_litellm_error_t *e)
{
    u_char              *p, c;
    u_char               path[sizeof("/predictions/")
                              + NGX_LITELLM_REPLICATE_ID];
    ngx_str_t            text;
    ngx_uint_t           i;
    ngx_litellm_wire_t   wire;

    ngx_str_null(&text);

    if (ngx_litellm_json_is(id, STRING)) {
        text = ngx_litellm_json_text(id);
    }

    for (i = 0; i < text.len && i < NGX_LITELLM_REPLICATE_ID; i++) {
        c = text.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '-' || c == '_'))
        {
            break;
        }
    }

    if (text.len == 0 || i < text.len) {
        return ngx_litellm_call_broken(call, e, "the provider's prediction "
                                       "has no id");
    }

    p = ngx_cpymem(path, "/predictions/", sizeof("/predictions/") - 1);
    p = ngx_cpymem(p, text.data, text.len);

    if (ngx_litellm_wire_path(call, &wire, (char *) path, p - path)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    l->path = wire.path;

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_replicate_look(ngx_litellm_wire_t *wire,
    ngx_litellm_replicate_looks_t *l, ngx_uint_t stream)
{
    ngx_str_set(&wire->method, "GET");

    wire->path = l->path;
    wire->delay = NGX_LITELLM_REPLICATE_DELAY;
    wire->whole = stream ? 1 : 0;
    wire->alt = 0;

    if (l->key.len
        && ngx_litellm_wire_header(wire, "Authorization",
                                   sizeof("Authorization") - 1, &l->key)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


/* NGX_DECLINED: it has to be looked at */

static ngx_int_t
ngx_litellm_replicate_streams(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_replicate_looks_t *l,
    ngx_litellm_json_t *root)
{
    ngx_str_t            path, accept;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(ngx_litellm_json_member(root, "urls"),
                                "stream");

    if (!ngx_litellm_replicate_stream_path(call, v, &path)) {
        return NGX_DECLINED;
    }

    wire->path.data = ngx_pstrdup(call->pool, &path);
    if (wire->path.data == NULL) {
        return NGX_ERROR;
    }

    wire->path.len = path.len;

    ngx_str_set(&wire->method, "GET");
    ngx_str_set(&accept, "text/event-stream");

    wire->delay = 0;
    wire->whole = 0;
    wire->alt = 1;

    if (ngx_litellm_wire_header(wire, "Accept", sizeof("Accept") - 1, &accept)
        != NGX_OK
        || (l->key.len
            && ngx_litellm_wire_header(wire, "Authorization",
                                       sizeof("Authorization") - 1, &l->key)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


/* true for an URL of the host that streams may come from */

static ngx_uint_t
ngx_litellm_replicate_stream_path(ngx_litellm_call_t *call,
    ngx_litellm_json_t *v, ngx_str_t *path)
{
    u_char             *p, *last;
    ngx_str_t           url;
    ngx_litellm_url_t  *alt;

    alt = &call->deployment->alt;

    if (alt->host.len == 0 || !ngx_litellm_json_is(v, STRING)) {
        return 0;
    }

    url = ngx_litellm_json_text(v);

    if (url.len <= sizeof("https://") - 1 + alt->authority.len
        || url.len > NGX_LITELLM_REPLICATE_URL
        || ngx_strncmp(url.data, "https://", sizeof("https://") - 1) != 0)
    {
        return 0;
    }

    p = url.data + sizeof("https://") - 1;
    last = url.data + url.len;

    if (ngx_strncmp(p, alt->authority.data, alt->authority.len) != 0) {
        return 0;
    }

    p += alt->authority.len;

    if (*p != '/') {
        return 0;
    }

    path->data = p;
    path->len = last - p;

    /* escapes of the J-string, and what can't stand in a request line */

    for ( /* void */ ; p < last; p++) {
        if (*p <= ' ' || *p >= 0x7f || *p == '\\' || *p == '#') {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_litellm_replicate_news(ngx_litellm_replicate_looks_t *l,
    ngx_litellm_stream_t *st, ngx_litellm_json_t *root)
{
    size_t               seen;
    ngx_int_t            rc;
    ngx_uint_t           i, n;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(root, "output");

    if (!l->started) {
        l->started = 1;

        rc = ngx_litellm_emit_start(st,
                                    ngx_litellm_json_member(root, "id"),
                                    ngx_litellm_json_member(root, "model"));
        if (rc != NGX_OK) {
            return rc;
        }
    }

    seen = 0;

    if (!ngx_litellm_json_is(v, ARRAY)) {
        return ngx_litellm_replicate_piece(l, st, v, &seen);
    }

    n = v->count;
    v++;

    for (i = 0; i < n; i++) {

        rc = ngx_litellm_replicate_piece(l, st, v, &seen);
        if (rc != NGX_OK) {
            return rc;
        }

        v = ngx_litellm_json_next(v);
    }

    return NGX_OK;
}


/* seen: bytes of the output before this piece of it */

static ngx_int_t
ngx_litellm_replicate_piece(ngx_litellm_replicate_looks_t *l,
    ngx_litellm_stream_t *st, ngx_litellm_json_t *v, size_t *seen)
{
    size_t     n;
    ngx_str_t  text;

    if (!ngx_litellm_json_is(v, STRING)) {
        return NGX_OK;
    }

    text = ngx_litellm_json_text(v);
    n = (l->sent > *seen) ? l->sent - *seen : 0;

    *seen += text.len;

    if (text.len <= n) {
        return NGX_OK;
    }

    if (n) {

        /* an output that was changed must not leave half an escape */

        n = ngx_litellm_replicate_whole(&text, n);

        text.data += n;
        text.len -= n;
    }

    l->sent = *seen;

    return text.len ? ngx_litellm_emit_text(st, NGX_LITELLM_EV_TEXT, &text)
                    : NGX_OK;
}


/* the first end of a character at n or behind it */

static size_t
ngx_litellm_replicate_whole(ngx_str_t *text, size_t n)
{
    u_char  *p, *last;

    p = text->data;
    last = p + text->len;

    while (p < text->data + n) {

        if (*p == '\\') {
            p += (p[1] == 'u') ? 6 : 2;

        } else {
            p++;
        }
    }

    while (p < last && (*p & 0xc0) == 0x80) {
        p++;
    }

    return p - text->data;
}
