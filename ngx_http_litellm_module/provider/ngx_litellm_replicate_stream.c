
/*
 * Events of a prediction's stream, and how a stream of either kind ends.
 *
 * The text of an event is not JSON: it is made a J-string in one buffer, used
 * again for every event and given back only after a large one.
 */

#include "ngx_litellm_replicate.h"


#define NGX_LITELLM_REPLICATE_KEEP   16384   /* memory kept for escapes */


/* st->state */

typedef struct {
    ngx_litellm_out_t        out;       /* makes a J-string of a text */
    ngx_chain_t              link;
    ngx_buf_t                buf;
    u_char                  *start;
    size_t                   alloc;
} ngx_litellm_replicate_stream_t;


static ngx_int_t ngx_litellm_replicate_output(ngx_litellm_stream_t *st,
    ngx_litellm_replicate_stream_t *s, ngx_str_t *data);
static ngx_int_t ngx_litellm_replicate_done(ngx_litellm_stream_t *st,
    ngx_str_t *data);
static ngx_int_t ngx_litellm_replicate_fail(ngx_litellm_stream_t *st,
    ngx_str_t *data);
static ngx_chain_t *ngx_litellm_replicate_more(ngx_litellm_out_t *out,
    size_t wanted);


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
        s = ngx_litellm_emit_state(st,
                                   sizeof(ngx_litellm_replicate_stream_t));
        if (s == NULL) {
            return NGX_ERROR;
        }
    }

    switch (name->len) {

    case 4:
        if (ngx_memcmp(name->data, "done", 4) == 0) {
            return ngx_litellm_replicate_done(st, data);
        }

        break;

    case 5:
        if (ngx_memcmp(name->data, "error", 5) == 0) {
            return ngx_litellm_replicate_fail(st, data);
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

    rc = ngx_litellm_emit_text(st, NGX_LITELLM_EV_TEXT, &text);

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
ngx_litellm_replicate_done(ngx_litellm_stream_t *st, ngx_str_t *data)
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

    return ngx_litellm_replicate_fail(st, &text);
}


static ngx_int_t
ngx_litellm_replicate_fail(ngx_litellm_stream_t *st, ngx_str_t *data)
{
    ngx_int_t             rc;
    ngx_str_t             text, j;
    ngx_litellm_json_t   *v;
    ngx_litellm_error_t   e;

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

    return ngx_litellm_emit_error(st, &e);
}


ngx_int_t
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

    rc = ngx_litellm_emit_usage(st, &usage);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_litellm_emit_text(st, NGX_LITELLM_EV_END, NULL);
}
