
/*
 * Replicate's predictions: looked at until they have ended, read as a stream,
 * and turned into answers and errors.
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
#define NGX_LITELLM_REPLICATE_ERROR  4096    /* of an error's text */
#define NGX_LITELLM_REPLICATE_KEEP   16384   /* memory kept for escapes */


typedef enum {
    NGX_LITELLM_REPLICATE_INVALID = 0,
    NGX_LITELLM_REPLICATE_RUNNING,
    NGX_LITELLM_REPLICATE_SUCCEEDED,
    NGX_LITELLM_REPLICATE_FAILED,
    NGX_LITELLM_REPLICATE_CANCELED
} ngx_litellm_replicate_status_e;


/* from look to look: wire->state */

typedef struct {
    ngx_litellm_json_doc_t   doc;
    ngx_str_t                path;
    ngx_str_t                key;       /* value of "Authorization" */
    ngx_uint_t               looks;
    size_t                   sent;      /* bytes of the output */
    unsigned                 started:1;
} ngx_litellm_replicate_looks_t;


/* of one event stream: st->state */

typedef struct {
    ngx_litellm_out_t        out;       /* makes a J-string of a text */
    ngx_chain_t              link;
    ngx_buf_t                buf;
    u_char                  *start;
    size_t                   alloc;
    unsigned                 started:1;
    unsigned                 failed:1;
} ngx_litellm_replicate_stream_t;


static ngx_litellm_replicate_status_e ngx_litellm_replicate_status(
    ngx_litellm_json_t *root);
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
static ngx_int_t ngx_litellm_replicate_news(ngx_litellm_replicate_looks_t *l,
    ngx_litellm_stream_t *st, ngx_litellm_json_t *root);
static ngx_int_t ngx_litellm_replicate_piece(ngx_litellm_replicate_looks_t *l,
    ngx_litellm_stream_t *st, ngx_litellm_json_t *v, size_t *seen);
static size_t ngx_litellm_replicate_whole(ngx_str_t *text, size_t n);
static ngx_int_t ngx_litellm_replicate_ended(ngx_litellm_stream_t *st,
    ngx_litellm_json_t *root);
static ngx_int_t ngx_litellm_replicate_start(ngx_litellm_stream_t *st,
    ngx_litellm_json_t *root);
static ngx_int_t ngx_litellm_replicate_emit(ngx_litellm_stream_t *st,
    ngx_litellm_event_e type, ngx_str_t *text);
static ngx_uint_t ngx_litellm_replicate_is_output(ngx_litellm_json_t *v);
static void ngx_litellm_replicate_usage(ngx_litellm_json_t *root,
    ngx_litellm_usage_t *u);
static ngx_int_t ngx_litellm_replicate_failure(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_replicate_status_e status,
    ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_replicate_classify(ngx_litellm_call_t *call,
    ngx_str_t *text, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_replicate_output(ngx_litellm_stream_t *st,
    ngx_litellm_replicate_stream_t *s, ngx_str_t *data);
static ngx_int_t ngx_litellm_replicate_done(ngx_litellm_stream_t *st,
    ngx_litellm_replicate_stream_t *s, ngx_str_t *data);
static ngx_int_t ngx_litellm_replicate_fail(ngx_litellm_stream_t *st,
    ngx_litellm_replicate_stream_t *s, ngx_str_t *data);
static ngx_chain_t *ngx_litellm_replicate_more(ngx_litellm_out_t *out,
    size_t wanted);


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


static ngx_litellm_replicate_status_e
ngx_litellm_replicate_status(ngx_litellm_json_t *root)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *v;

    static const struct {
        ngx_str_t                        name;
        ngx_litellm_replicate_status_e   status;
    } names[] = {
        { ngx_string("processing"), NGX_LITELLM_REPLICATE_RUNNING },
        { ngx_string("starting"), NGX_LITELLM_REPLICATE_RUNNING },
        { ngx_string("queued"), NGX_LITELLM_REPLICATE_RUNNING },
        { ngx_string("succeeded"), NGX_LITELLM_REPLICATE_SUCCEEDED },
        { ngx_string("successful"), NGX_LITELLM_REPLICATE_SUCCEEDED },
        { ngx_string("failed"), NGX_LITELLM_REPLICATE_FAILED },
        { ngx_string("canceled"), NGX_LITELLM_REPLICATE_CANCELED },
        { ngx_string("aborted"), NGX_LITELLM_REPLICATE_CANCELED }
    };

    v = ngx_litellm_json_member(root, "status");

    if (!ngx_litellm_json_is(v, STRING)) {
        return NGX_LITELLM_REPLICATE_INVALID;
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (ngx_litellm_json_equal(v, (char *) names[i].name.data,
                                   names[i].name.len))
        {
            return names[i].status;
        }
    }

    return NGX_LITELLM_REPLICATE_INVALID;
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
    u_char      *p, c, path[sizeof("/predictions/") + NGX_LITELLM_REPLICATE_ID];
    ngx_str_t    text;
    ngx_uint_t   i;

    ngx_litellm_wire_t  wire;

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
    u_char             *p, *last;
    ngx_str_t           url, accept;
    ngx_litellm_url_t  *alt;
    ngx_litellm_json_t *v;

    alt = &call->deployment->alt;

    v = ngx_litellm_json_member(ngx_litellm_json_member(root, "urls"),
                                "stream");

    if (alt->host.len == 0 || !ngx_litellm_json_is(v, STRING)) {
        return NGX_DECLINED;
    }

    url = ngx_litellm_json_text(v);

    if (url.len <= sizeof("https://") - 1 + alt->authority.len
        || url.len > NGX_LITELLM_REPLICATE_URL
        || ngx_strncmp(url.data, "https://", sizeof("https://") - 1) != 0)
    {
        return NGX_DECLINED;
    }

    p = url.data + sizeof("https://") - 1;
    last = url.data + url.len;

    if (ngx_strncmp(p, alt->authority.data, alt->authority.len) != 0) {
        return NGX_DECLINED;
    }

    p += alt->authority.len;

    if (*p != '/') {
        return NGX_DECLINED;
    }

    url.data = p;
    url.len = last - p;

    /* a J-string: escapes, and what can't stand in a request line */

    for ( /* void */ ; p < last; p++) {
        if (*p <= ' ' || *p >= 0x7f || *p == '\\' || *p == '#') {
            return NGX_DECLINED;
        }
    }

    wire->path.data = ngx_pstrdup(call->pool, &url);
    if (wire->path.data == NULL) {
        return NGX_ERROR;
    }

    wire->path.len = url.len;

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

        rc = ngx_litellm_replicate_start(st, root);
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

    return text.len ? ngx_litellm_replicate_emit(st, NGX_LITELLM_EV_TEXT,
                                                 &text)
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


static ngx_int_t
ngx_litellm_replicate_ended(ngx_litellm_stream_t *st,
    ngx_litellm_json_t *root)
{
    ngx_int_t             rc;
    ngx_litellm_event_t   ev;
    ngx_litellm_usage_t   usage;

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = NGX_LITELLM_EV_FINISH;
    ev.finish = NGX_LITELLM_FINISH_STOP;

    rc = st->emit(st->data, &ev);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_usage_init(&usage);
    ngx_litellm_replicate_usage(root, &usage);

    if (usage.known) {
        ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
        ev.type = NGX_LITELLM_EV_USAGE;
        ev.usage = &usage;

        rc = st->emit(st->data, &ev);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_litellm_replicate_emit(st, NGX_LITELLM_EV_END, NULL);
}


static ngx_int_t
ngx_litellm_replicate_start(ngx_litellm_stream_t *st,
    ngx_litellm_json_t *root)
{
    ngx_litellm_json_t   *v;
    ngx_litellm_event_t   ev;

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = NGX_LITELLM_EV_START;

    v = ngx_litellm_json_member(root, "id");

    if (ngx_litellm_json_is(v, STRING)) {
        ev.id = ngx_litellm_json_text(v);
    }

    v = ngx_litellm_json_member(root, "model");

    if (ngx_litellm_json_is(v, STRING)) {
        ev.text = ngx_litellm_json_text(v);
    }

    return st->emit(st->data, &ev);
}


static ngx_int_t
ngx_litellm_replicate_emit(ngx_litellm_stream_t *st, ngx_litellm_event_e type,
    ngx_str_t *text)
{
    ngx_litellm_event_t  ev;

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = type;

    if (text) {
        ev.text = *text;
    }

    return st->emit(st->data, &ev);
}


/* of a prediction that succeeded */

ngx_int_t
ngx_litellm_replicate_response(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_answer_t *answer, ngx_litellm_error_t *e)
{
    ngx_int_t                        rc;
    ngx_str_t                       *s;
    ngx_uint_t                       n;
    ngx_litellm_json_t              *root, *v;
    ngx_litellm_json_doc_t           doc;
    ngx_litellm_replicate_status_e   status;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = call->pool;
    doc.keep = 3;

    rc = ngx_litellm_json_parse(&doc, body->data, body->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    root = (rc == NGX_OK) ? doc.root : NULL;
    status = ngx_litellm_replicate_status(root);

    if (status == NGX_LITELLM_REPLICATE_FAILED
        || status == NGX_LITELLM_REPLICATE_CANCELED)
    {
        return ngx_litellm_replicate_failure(call, root, status, e);
    }

    v = ngx_litellm_json_member(root, "output");

    if (status != NGX_LITELLM_REPLICATE_SUCCEEDED
        || !ngx_litellm_replicate_is_output(v))
    {
        return ngx_litellm_call_broken(call, e, "the provider's answer is not "
                                       "a prediction with a text");
    }

    n = 1;

    if (v->type == NGX_LITELLM_JSON_ARRAY) {
        n = v->count;
        v++;
    }

    for ( /* void */ ; n; n--, v = ngx_litellm_json_next(v)) {

        if (!ngx_litellm_json_is(v, STRING)) {
            continue;
        }

        s = ngx_array_push(&answer->text);
        if (s == NULL) {
            return NGX_ERROR;
        }

        *s = ngx_litellm_json_text(v);
    }

    answer->has_text = 1;
    answer->finish = NGX_LITELLM_FINISH_STOP;

    v = ngx_litellm_json_member(root, "id");

    if (ngx_litellm_json_is(v, STRING)) {
        answer->id = ngx_litellm_json_text(v);
    }

    v = ngx_litellm_json_member(root, "model");

    if (ngx_litellm_json_is(v, STRING)) {
        answer->model = ngx_litellm_json_text(v);
    }

    ngx_litellm_replicate_usage(root, &answer->usage);

    return NGX_OK;
}


/* a text, pieces of one, or nothing at all */

static ngx_uint_t
ngx_litellm_replicate_is_output(ngx_litellm_json_t *v)
{
    ngx_uint_t           i, n;
    ngx_litellm_json_t  *piece;

    if (v == NULL || v->type == NGX_LITELLM_JSON_NULL
        || v->type == NGX_LITELLM_JSON_STRING)
    {
        return v != NULL;
    }

    if (v->type != NGX_LITELLM_JSON_ARRAY) {
        return 0;
    }

    n = v->count;
    piece = v + 1;

    for (i = 0; i < n; i++) {

        if (piece->type != NGX_LITELLM_JSON_STRING) {
            return 0;
        }

        piece = ngx_litellm_json_next(piece);
    }

    return 1;
}


/* some models count, the API itself does not */

static void
ngx_litellm_replicate_usage(ngx_litellm_json_t *root, ngx_litellm_usage_t *u)
{
    int64_t              prompt, completion;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(root, "metrics");

    prompt = ngx_litellm_call_tokens(v, "input_token_count", -1);
    completion = ngx_litellm_call_tokens(v, "output_token_count", -1);

    if (prompt < 0 && completion < 0) {
        return;
    }

    u->known = 1;
    u->prompt = ngx_max(prompt, 0);
    u->completion = ngx_max(completion, 0);
    u->total = u->prompt + u->completion;
}


/* NGX_DECLINED, or NGX_ERROR */

static ngx_int_t
ngx_litellm_replicate_failure(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_replicate_status_e status,
    ngx_litellm_error_t *e)
{
    ngx_str_t            text, j;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(root, "error");

    if (ngx_litellm_json_is(v, STRING) && v->len > 2) {
        j = ngx_litellm_json_text(v);

        if (ngx_litellm_json_unescape(call->pool, &text, &j) != NGX_OK) {
            return NGX_ERROR;
        }

    } else if (status == NGX_LITELLM_REPLICATE_CANCELED) {
        ngx_str_set(&text, "the prediction was canceled");

    } else {
        ngx_str_set(&text, "the prediction failed");
    }

    return ngx_litellm_replicate_classify(call, &text, e);
}


/*
 * What failed has no status of HTTP: words of the text, and the codes that
 * Replicate's own servers of language models put before it (E1...: the user's
 * fault), decide who is to blame.
 */

static ngx_int_t
ngx_litellm_replicate_classify(ngx_litellm_call_t *call, ngx_str_t *text,
    ngx_litellm_error_t *e)
{
    ngx_str_t            s;
    ngx_uint_t           i, status;
    ngx_litellm_class_e  class;

    static const struct {
        const char           *word;
        ngx_litellm_class_e   class;
    } rules[] = {
        { "nsfw", NGX_LITELLM_CONTENT_POLICY },
        { "flagged as sensitive", NGX_LITELLM_CONTENT_POLICY },
        { "input is too long", NGX_LITELLM_CONTEXT_WINDOW },
        { "prompt length exceeds", NGX_LITELLM_CONTEXT_WINDOW },
        { "E1002", NGX_LITELLM_CONTEXT_WINDOW }
    };

    s = *text;
    s.len = ngx_min(s.len, NGX_LITELLM_REPLICATE_ERROR);

    class = NGX_LITELLM_INTERNAL_SERVER;
    status = 500;

    if (s.len >= 5 && s.data[0] == 'E' && s.data[1] == '1'
        && s.data[2] >= '0' && s.data[2] <= '9'
        && s.data[3] >= '0' && s.data[3] <= '9'
        && s.data[4] >= '0' && s.data[4] <= '9')
    {
        class = NGX_LITELLM_BAD_REQUEST;
        status = 400;
    }

    for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (ngx_litellm_replicate_has(&s, rules[i].word)) {
            class = rules[i].class;
            status = 400;
            break;
        }
    }

    ngx_memzero(e, sizeof(ngx_litellm_error_t));

    return ngx_litellm_error_set(call, e, class, status, text) == NGX_OK
           ? NGX_DECLINED : NGX_ERROR;
}


/*
 * An event of urls.stream: "output" is text as it is, "error" and "done" are
 * JSON; "logs" and what is not known are skipped.
 */

ngx_int_t
ngx_litellm_replicate_event(ngx_litellm_stream_t *st, ngx_str_t *name,
    ngx_str_t *data)
{
    ngx_litellm_replicate_stream_t  *s;

    s = st->state;

    if (s == NULL) {
        s = ngx_pcalloc(st->pool, sizeof(ngx_litellm_replicate_stream_t));
        if (s == NULL) {
            return NGX_ERROR;
        }

        if (st->doc.pool == NULL) {
            st->doc.pool = st->pool;
        }

        st->state = s;
    }

    if (s->failed) {
        return NGX_OK;
    }

    switch (name->len) {

    case 4:
        if (ngx_memcmp(name->data, "done", 4) == 0) {
            return ngx_litellm_replicate_done(st, s, data);
        }

        break;

    case 5:
        if (ngx_memcmp(name->data, "error", 5) == 0) {
            return ngx_litellm_replicate_fail(st, s, data);
        }

        break;

    case 6:
        if (ngx_memcmp(name->data, "output", 6) == 0 && data->len) {
            return ngx_litellm_replicate_output(st, s, data);
        }

        break;

    default:
        break;
    }

    return NGX_OK;
}


/* a control character is six bytes as an escape, nothing is more */

static ngx_int_t
ngx_litellm_replicate_output(ngx_litellm_stream_t *st,
    ngx_litellm_replicate_stream_t *s, ngx_str_t *data)
{
    size_t      len;
    ngx_int_t   rc;
    ngx_str_t   text;

    len = 6 * data->len;

    if (len > s->alloc) {

        if (s->start) {
            (void) ngx_pfree(st->pool, s->start);
        }

        s->alloc = 0;
        s->start = ngx_palloc(st->pool, ngx_max(len, 1024));

        if (s->start == NULL) {
            return NGX_ERROR;
        }

        s->alloc = ngx_max(len, 1024);
    }

    ngx_litellm_out_init(&s->out, st->pool);
    s->out.more = ngx_litellm_replicate_more;
    s->out.data = s;

    ngx_litellm_out_escape(&s->out, data->data, data->len);

    if (s->out.failed) {
        return NGX_ERROR;
    }

    text.data = s->buf.pos;
    text.len = s->buf.last - s->buf.pos;

    rc = ngx_litellm_replicate_emit(st, NGX_LITELLM_EV_TEXT, &text);

    if (s->alloc > NGX_LITELLM_REPLICATE_KEEP) {
        (void) ngx_pfree(st->pool, s->start);
        s->start = NULL;
        s->alloc = 0;
    }

    return rc;
}


/* once for an event: all of it has room */

static ngx_chain_t *
ngx_litellm_replicate_more(ngx_litellm_out_t *out, size_t wanted)
{
    ngx_litellm_replicate_stream_t  *s;

    s = out->data;

    if (out->first != NULL) {
        return NULL;
    }

    ngx_memzero(&s->buf, sizeof(ngx_buf_t));

    s->buf.start = s->start;
    s->buf.pos = s->start;
    s->buf.last = s->start;
    s->buf.end = s->start + s->alloc;
    s->buf.temporary = 1;

    s->link.buf = &s->buf;
    s->link.next = NULL;

    return &s->link;
}


static ngx_int_t
ngx_litellm_replicate_done(ngx_litellm_stream_t *st,
    ngx_litellm_replicate_stream_t *s, ngx_str_t *data)
{
    ngx_int_t            rc;
    ngx_str_t            text;
    ngx_litellm_json_t  *v;

    rc = ngx_litellm_json_parse(&st->doc, data->data, data->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    v = (rc == NGX_OK) ? ngx_litellm_json_member(st->doc.root, "reason")
                       : NULL;

    if (!ngx_litellm_json_is(v, STRING)) {
        return ngx_litellm_replicate_ended(st, NULL);
    }

    if (ngx_litellm_json_eq(v, "canceled")) {
        ngx_str_set(&text, "the prediction was canceled");

    } else if (ngx_litellm_json_eq(v, "error")) {
        ngx_str_set(&text, "the prediction failed");

    } else {
        return ngx_litellm_replicate_ended(st, NULL);
    }

    return ngx_litellm_replicate_fail(st, s, &text);
}


static ngx_int_t
ngx_litellm_replicate_fail(ngx_litellm_stream_t *st,
    ngx_litellm_replicate_stream_t *s, ngx_str_t *data)
{
    ngx_int_t             rc;
    ngx_str_t             text, j;
    ngx_litellm_json_t   *v;
    ngx_litellm_error_t   e;
    ngx_litellm_event_t   ev;

    s->failed = 1;
    text = *data;

    rc = ngx_litellm_json_parse(&st->doc, data->data, data->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK) {
        v = ngx_litellm_json_member(st->doc.root, "detail");

        if (ngx_litellm_json_is(v, STRING) && v->len > 2) {
            j = ngx_litellm_json_text(v);

            if (ngx_litellm_json_unescape(st->pool, &text, &j) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    if (ngx_litellm_replicate_classify(st->call, &text, &e) != NGX_DECLINED) {
        return NGX_ERROR;
    }

    ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
    ev.type = NGX_LITELLM_EV_ERROR;
    ev.error = &e;

    return st->emit(st->data, &ev);
}


/* {"title":...,"detail":...,"status":...} */

void
ngx_litellm_replicate_error(ngx_litellm_call_t *call, ngx_uint_t status,
    ngx_str_t *body, ngx_litellm_error_t *e)
{
    ngx_str_t   text;
    ngx_uint_t  i;

    static const struct {
        const char           *word;
        ngx_litellm_class_e   class;
        ngx_uint_t            status;
    } rules[] = {
        { "incorrect authentication token", NGX_LITELLM_AUTHENTICATION, 401 },
        { "input is too long", NGX_LITELLM_CONTEXT_WINDOW, 400 },
        { "request was throttled", NGX_LITELLM_RATE_LIMIT, 429 }
    };

    ngx_memzero(e, sizeof(ngx_litellm_error_t));

    text = *body;
    text.len = ngx_min(text.len, NGX_LITELLM_REPLICATE_ERROR);

    for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (ngx_litellm_replicate_has(&text, rules[i].word)
            && ngx_litellm_error_set(call, e, rules[i].class, rules[i].status,
                                     body)
               == NGX_OK)
        {
            return;
        }
    }

    ngx_litellm_error_openai(call, status, body, e);

    if (status == 422 && e->class == NGX_LITELLM_BAD_REQUEST) {

        /* an input that the model's schema refuses */

        (void) ngx_litellm_error_set(call, e, NGX_LITELLM_UNPROCESSABLE, 422,
                                     body);
    }
}
