
/*
 * The body of a streamed answer on its way to the client.  Called with the
 * bytes of the upstream's buffer, without transfer coding.
 *
 * Commit point (architecture 5): nothing is sent before the first event that
 * holds content; until then events are kept in its out, and an attempt that
 * fails leaves no trace.  After it, whatever whole events a piece holds go out
 * with that piece.
 *
 * PASS: the provider speaks the client's dialect: event bytes are sent as they
 * came, from the upstream's buffer; only an event that the gateway asked for
 * itself (usage) is left out.  TRANSLATE: the body is cut into events as
 * dialect->frames says, the dialect emits neutral events and the client's
 * format writes them into pages that are reused.  A slow client keeps the
 * buffers busy, and the engine stops reading.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_cost.h"
#include "ngx_http_litellm_cache_follow.h"


#define NGX_HTTP_LITELLM_PAGE  4096


static ngx_int_t ngx_http_litellm_pass(ngx_http_litellm_attempt_t *a,
    u_char *p, u_char *last);
static ngx_int_t ngx_http_litellm_pass_event(ngx_http_litellm_attempt_t *a,
    ngx_litellm_sse_event_t *ev);
static void ngx_http_litellm_pass_data(ngx_http_litellm_attempt_t *a);
static ngx_int_t ngx_http_litellm_translate(ngx_http_litellm_attempt_t *a,
    u_char *p, u_char *last);
static ngx_int_t ngx_http_litellm_frame(ngx_http_litellm_attempt_t *a,
    u_char **pos, u_char *last, ngx_litellm_sse_event_t *ev);
static ngx_int_t ngx_http_litellm_frame_last(ngx_http_litellm_attempt_t *a,
    ngx_litellm_sse_event_t *ev);
static ngx_int_t ngx_http_litellm_frame_event(ngx_http_litellm_attempt_t *a,
    ngx_litellm_sse_event_t *ev);
static ngx_int_t ngx_http_litellm_emit(void *data, ngx_litellm_event_t *ev);
static ngx_int_t ngx_http_litellm_last_whole(ngx_http_litellm_attempt_t *a,
    ngx_litellm_sse_event_t *ev);
static ngx_int_t ngx_http_litellm_commit(ngx_http_litellm_attempt_t *a);
static ngx_int_t ngx_http_litellm_flush(ngx_http_litellm_attempt_t *a);
static ngx_int_t ngx_http_litellm_flush_range(ngx_http_litellm_attempt_t *a,
    u_char *start, u_char *end);
static ngx_chain_t *ngx_http_litellm_page(ngx_litellm_out_t *out,
    size_t wanted);
static ngx_chain_t *ngx_http_litellm_free_buf(ngx_chain_t **ll,
    ngx_uint_t memory);
static ngx_int_t ngx_http_litellm_unreadable(ngx_http_litellm_attempt_t *a);


ngx_http_litellm_stream_t *
ngx_http_litellm_stream_create(ngx_http_litellm_attempt_t *a)
{
    a->stream = ngx_pcalloc(a->ctx->pool, sizeof(ngx_http_litellm_stream_t));
    if (a->stream != NULL) {
        ngx_litellm_out_init(&a->stream->out, a->ctx->pool);
    }

    return a->stream;
}


ngx_int_t
ngx_http_litellm_stream_init(ngx_http_litellm_attempt_t *a)
{
    ngx_http_request_t           *r;
    ngx_litellm_call_t           *call;
    ngx_http_litellm_loc_conf_t  *lcf;

    r = a->request;
    call = a->call;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);

    if (a->stream != NULL) {

        /* a further exchange: what was decoded so far stays */

        ngx_memzero(&a->stream->sse, sizeof(ngx_litellm_sse_t));
        ngx_memzero(&a->stream->frames, sizeof(ngx_litellm_frames_t));

    } else if (ngx_http_litellm_stream_create(a) == NULL) {
        return NGX_ERROR;
    }

    a->stream->sse.pool = r->pool;
    a->stream->sse.max = lcf->max_event_size;

    a->stream->frames.pool = r->pool;
    a->stream->frames.max = lcf->max_event_size;

    if (a->stream->decoder.call != NULL) {
        return NGX_OK;
    }

    if (ngx_http_litellm_continue_open(a) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_litellm_capture_open(a);

    a->stream->doc.pool = r->pool;

    a->stream->out.more = ngx_http_litellm_page;
    a->stream->out.data = a;

    if (a->mode == NGX_HTTP_LITELLM_PASS) {

        /* a provider's keep-alive comments keep the client's side alive too */

        a->stream->sse.comments = 1;

        return NGX_OK;
    }

    call->deployment = a->deployment;

    a->stream->decoder.call = call;
    a->stream->decoder.pool = r->pool;
    a->stream->decoder.doc.pool = r->pool;
    a->stream->decoder.emit = ngx_http_litellm_emit;
    a->stream->decoder.data = a;

    if (a->stream->writer.call == NULL) {
        a->stream->writer.call = call;
        a->stream->writer.id = call->id;

        ngx_litellm_usage_init(&a->stream->writer.usage);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_stream_bytes(ngx_http_litellm_attempt_t *a, u_char *p,
    u_char *last)
{
    ngx_int_t  rc;

    if (a->complete || a->error.class != NGX_LITELLM_NO_ERROR) {

        /* behind the end: nothing for the client */

        return NGX_OK;
    }

    a->call->deployment = a->deployment;

    ngx_http_litellm_feed_guard(a);

    rc = (a->mode == NGX_HTTP_LITELLM_PASS)
         ? ngx_http_litellm_pass(a, p, last)
         : ngx_http_litellm_translate(a, p, last);

    ngx_http_litellm_feed_guard(a);

    if (a->error.class != NGX_LITELLM_NO_ERROR) {

        /* what comes behind an error is not waited for */

        a->request->upstream->length = 0;

    } else if (a->complete && rc == NGX_OK && a == a->ctx->attempt) {

        /* there before the client has seen the end */

        if (a->capture != NULL) {

            if (a->ctx->cache != NULL) {
                ngx_http_litellm_cache_stream(a);
            }

            ngx_http_litellm_content_stream(a);
        }

        ngx_http_litellm_feed_end(a->ctx);

        ngx_http_litellm_linger(a->parent, a->ctx);
    }

    return rc;
}


static ngx_int_t
ngx_http_litellm_pass(ngx_http_litellm_attempt_t *a, u_char *p, u_char *last)
{
    u_char                   *start, *end;
    ngx_int_t                 rc;
    ngx_litellm_sse_event_t   ev;

    /* [start, end): events in the buffer that are to be sent */

    start = NULL;
    end = NULL;

    for ( ;; ) {

        rc = ngx_litellm_sse_next(&a->stream->sse, &p, last, &ev);

        if (rc != NGX_OK) {
            break;
        }

        rc = ngx_http_litellm_pass_event(a, &ev);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED || ev.raw.len == 0 || !a->committed
            || a->facts.data.data != NULL)
        {

            if (ngx_http_litellm_flush_range(a, start, end) != NGX_OK) {
                return NGX_ERROR;
            }

            start = NULL;
            end = NULL;
        }

        if (rc == NGX_DECLINED) {
            continue;
        }

        if (a->facts.data.data != NULL && ev.data.data != NULL) {
            ngx_http_litellm_pass_data(a);

        } else if (ev.raw.len == 0) {
            ngx_litellm_out_str(&a->stream->out, &a->stream->sse.held);

        } else if (!a->committed) {
            ngx_litellm_out_str(&a->stream->out, &ev.raw);

        } else {

            if (start == NULL) {
                start = ev.raw.data;
            }

            end = ev.raw.data + ev.raw.len;
        }

        if (a->complete || a->error.class != NGX_LITELLM_NO_ERROR) {
            break;
        }
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (ngx_http_litellm_flush_range(a, start, end) != NGX_OK) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_litellm_unreadable(a);
    }

    return ngx_http_litellm_flush(a);
}


/* NGX_OK: send it; NGX_DECLINED: not for the client */

static ngx_int_t
ngx_http_litellm_pass_event(ngx_http_litellm_attempt_t *a,
    ngx_litellm_sse_event_t *ev)
{
    ngx_int_t                     rc;
    ngx_http_litellm_loc_conf_t  *lcf;

    if (ev->data.data == NULL) {
        return a->committed ? NGX_OK : NGX_DECLINED;
    }

    rc = a->dialect->tap_event(a->call, &a->stream->doc, &ev->data,
                               &a->facts);
    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED && !a->facts.failed) {
        return NGX_DECLINED;
    }

    if (a->facts.failed) {

        /* the parent tells the client, if another attempt doesn't help */

        a->error = a->facts.error;
        return NGX_DECLINED;
    }

    if (!a->committed && !a->facts.content
        && ngx_http_litellm_route_filtered(a))
    {
        return NGX_DECLINED;
    }

    if (a->facts.end) {
        a->complete = 1;

    } else if (a->facts.content && !a->facts.usage_only) {
        ngx_http_litellm_heard_event(&a->heard, ev->data.len);
    }

    ngx_http_litellm_pulse_heard(a->ctx);

    if (a->cont != NULL
        && ngx_http_litellm_continue_data(a, ev) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (a->capture != NULL) {
        ngx_http_litellm_capture_data(a, ev);
    }

    if (a->committed) {
        return (a->facts.usage_only && a->wire.hide_usage) ? NGX_DECLINED
                                                           : NGX_OK;
    }

    lcf = ngx_http_get_module_loc_conf(a->request, ngx_http_litellm_module);

    if (a->facts.content || a->facts.end
        || a->stream->out.size > (off_t) lcf->hold_size)
    {
        if (ngx_http_litellm_commit(a) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return (a->facts.usage_only && a->wire.hide_usage) ? NGX_DECLINED
                                                       : NGX_OK;
}


/* an event that the dialect wrote anew */

static void
ngx_http_litellm_pass_data(ngx_http_litellm_attempt_t *a)
{
    ngx_litellm_out_lit(&a->stream->out, "data: ");
    ngx_litellm_out_str(&a->stream->out, &a->facts.data);
    ngx_litellm_out_lit(&a->stream->out, "\n\n");
}


static ngx_int_t
ngx_http_litellm_translate(ngx_http_litellm_attempt_t *a, u_char *p,
    u_char *last)
{
    ngx_int_t                rc;
    ngx_litellm_sse_event_t  ev;

    for ( ;; ) {

        rc = ngx_http_litellm_frame(a, &p, last, &ev);

        if (rc != NGX_OK) {
            break;
        }

        if (ngx_http_litellm_frame_event(a, &ev) != NGX_OK) {
            return NGX_ERROR;
        }

        if (a->complete || a->error.class != NGX_LITELLM_NO_ERROR) {
            break;
        }
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_litellm_unreadable(a);
    }

    return ngx_http_litellm_flush(a);
}


static ngx_int_t
ngx_http_litellm_frame(ngx_http_litellm_attempt_t *a, u_char **pos,
    u_char *last, ngx_litellm_sse_event_t *ev)
{
    switch (a->dialect->frames) {

    case NGX_LITELLM_FRAMES_LINES:
        return ngx_litellm_lines_next(&a->stream->frames, pos, last, ev);

    case NGX_LITELLM_FRAMES_AWS:
        return ngx_litellm_aws_next(&a->stream->frames, pos, last, ev);

    default:
        return ngx_litellm_sse_next(&a->stream->sse, pos, last, ev);
    }
}


static ngx_int_t
ngx_http_litellm_frame_last(ngx_http_litellm_attempt_t *a,
    ngx_litellm_sse_event_t *ev)
{
    if (a->mode == NGX_HTTP_LITELLM_PASS) {
        return ngx_litellm_sse_last(&a->stream->sse, ev);
    }

    switch (a->dialect->frames) {

    case NGX_LITELLM_FRAMES_LINES:
        return ngx_litellm_lines_last(&a->stream->frames, ev);

    case NGX_LITELLM_FRAMES_AWS:
        return ngx_litellm_aws_last(&a->stream->frames, ev);

    default:
        return ngx_litellm_sse_last(&a->stream->sse, ev);
    }
}


static ngx_int_t
ngx_http_litellm_frame_event(ngx_http_litellm_attempt_t *a,
    ngx_litellm_sse_event_t *ev)
{
    ngx_litellm_stream_t  *st;

    st = &a->stream->decoder;

    st->exception = a->stream->frames.exception;
    st->message = a->stream->frames.message;

    return a->dialect->event(st, &ev->name, &ev->data);
}


static ngx_int_t
ngx_http_litellm_emit(void *data, ngx_litellm_event_t *ev)
{
    ngx_http_litellm_attempt_t *a = data;

    ngx_int_t                     rc;
    ngx_litellm_event_t           changed;
    ngx_http_litellm_loc_conf_t  *lcf;

    ngx_http_litellm_pulse_heard(a->ctx);

    if (!a->committed && a->error.class != NGX_LITELLM_NO_ERROR) {
        return NGX_OK;
    }

    switch (ev->type) {

    case NGX_LITELLM_EV_ERROR:

        /* told to the client, or to nobody, by the parent */

        a->error = *ev->error;
        return NGX_OK;

    case NGX_LITELLM_EV_USAGE:
        a->facts.usage = *ev->usage;
        break;

    case NGX_LITELLM_EV_FINISH:
        a->facts.finish = ev->finish;

        if (ngx_http_litellm_route_filtered(a)) {
            return NGX_OK;
        }

        break;

    case NGX_LITELLM_EV_END:
        a->complete = 1;
        break;

    case NGX_LITELLM_EV_TEXT:
    case NGX_LITELLM_EV_REASONING:
    case NGX_LITELLM_EV_REFUSAL:
    case NGX_LITELLM_EV_ARGUMENTS:
        a->heard.bytes += ev->text.len;
        break;

    default:
        break;
    }

    if (a->cont != NULL) {
        changed = *ev;
        ev = &changed;

        rc = ngx_http_litellm_continue_event(a, ev);

        if (rc != NGX_OK) {
            return (rc == NGX_DECLINED) ? NGX_OK : rc;
        }
    }

    if (!a->committed) {

        lcf = ngx_http_get_module_loc_conf(a->parent,
                                           ngx_http_litellm_module);

        if (ngx_litellm_event_is_content(ev->type)
            || ev->type == NGX_LITELLM_EV_END
            || a->stream->out.size > (off_t) lcf->hold_size)
        {
            if (ngx_http_litellm_commit(a) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    if (a->capture != NULL) {
        ngx_http_litellm_capture_event(a, ev);
    }

    a->call->format->event(&a->stream->writer, &a->stream->out, ev);

    return NGX_OK;
}


/* from here on the answer is this attempt's */

static ngx_int_t
ngx_http_litellm_commit(ngx_http_litellm_attempt_t *a)
{
    ngx_int_t  rc;

    a->committed = 1;
    a->first = ngx_max(ngx_current_msec - a->start, 1);

    a->ctx->cont = a->cont;

    if (ngx_http_litellm_hedge_commit(a) != NGX_OK) {
        return NGX_ERROR;
    }

    if (a->ctx->header_sent) {

        /* behind comments, or what another attempt began */

        ngx_http_litellm_pulse_commit(a->ctx);

        return NGX_OK;
    }

    ngx_http_litellm_no_rate(a->parent);

    rc = ngx_http_litellm_send_header(a->parent, a->ctx, a, NGX_HTTP_OK, -1);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_litellm_pulse_commit(a->ctx);

    return NGX_OK;
}


/* what was written goes to the engine, behind what it has already */

static ngx_int_t
ngx_http_litellm_flush(ngx_http_litellm_attempt_t *a)
{
    ngx_chain_t          *cl, **ll;
    ngx_http_upstream_t  *u;

    if (a->stream->out.failed) {
        return NGX_ERROR;
    }

    if (!a->committed) {
        return NGX_OK;
    }

    cl = ngx_litellm_out_take(&a->stream->out);
    if (cl == NULL) {
        return NGX_OK;
    }

    ngx_http_litellm_pulse_sent(a->ctx);
    ngx_http_litellm_feed_chain(a->ctx, cl);

    u = a->request->upstream;

    if (ngx_http_litellm_feed_orphan(a->ctx)) {
        for (ll = &u->free_bufs; *ll; ll = &(*ll)->next) { /* void */ }

        *ll = cl;

        return NGX_OK;
    }

    if (u->out_bufs == NULL) {
        u->out_bufs = cl;

    } else {
        a->stream->tail->next = cl;
    }

    for ( /* void */ ; cl; cl = cl->next) {
        cl->buf->flush = 1;
        a->stream->tail = cl;
    }

    return NGX_OK;
}


/* bytes that stay in the upstream's buffer until they are sent */

static ngx_int_t
ngx_http_litellm_flush_range(ngx_http_litellm_attempt_t *a, u_char *start,
    u_char *end)
{
    ngx_buf_t            *b;
    ngx_chain_t          *cl;
    ngx_http_upstream_t  *u;

    /* what was copied before comes first */

    if (ngx_http_litellm_flush(a) != NGX_OK) {
        return NGX_ERROR;
    }

    if (start == NULL) {
        return NGX_OK;
    }

    ngx_http_litellm_pulse_sent(a->ctx);
    ngx_http_litellm_feed_data(a->ctx, start, end - start);

    if (ngx_http_litellm_feed_orphan(a->ctx)) {
        return NGX_OK;
    }

    u = a->request->upstream;

    /*
     * Between two ranges of one read is only what is done with (the sizes of
     * chunks, events left out): moving the bytes up costs much less than a
     * link of its own, from here through all filters to writev().
     */

    if (u->out_bufs != NULL && a->stream->tail->buf->memory) {
        b = a->stream->tail->buf;

        ngx_memmove(b->last, start, end - start);
        b->last += end - start;

        return NGX_OK;
    }

    cl = ngx_http_litellm_free_buf(&u->free_bufs, 1);

    if (cl == NULL) {
        cl = ngx_alloc_chain_link(a->request->pool);
        if (cl == NULL) {
            return NGX_ERROR;
        }

        cl->buf = ngx_calloc_buf(a->request->pool);
        if (cl->buf == NULL) {
            return NGX_ERROR;
        }
    }

    b = cl->buf;

    b->pos = start;
    b->last = end;
    b->memory = 1;
    b->flush = 1;
    b->tag = u->output.tag;

    cl->next = NULL;

    if (u->out_bufs == NULL) {
        u->out_bufs = cl;

    } else {
        a->stream->tail->next = cl;
    }

    a->stream->tail = cl;

    return NGX_OK;
}


/* ngx_litellm_out_t's source of buffers */

static ngx_chain_t *
ngx_http_litellm_page(ngx_litellm_out_t *out, size_t wanted)
{
    ngx_http_litellm_attempt_t *a = out->data;

    ngx_buf_t            *b;
    ngx_chain_t          *cl;
    ngx_http_upstream_t  *u;

    cl = NULL;

    /* between two exchanges, and behind the last one, there is no clone */

    if (a->request != NULL && a->request->upstream != NULL) {
        u = a->request->upstream;
        cl = ngx_http_litellm_free_buf(&u->free_bufs, 0);
    }

    if (cl == NULL) {
        cl = ngx_http_litellm_free_buf(&a->stream->free, 0);
    }

    if (cl == NULL) {

        cl = ngx_alloc_chain_link(a->ctx->pool);
        if (cl == NULL) {
            return NULL;
        }

        cl->buf = ngx_create_temp_buf(a->ctx->pool, NGX_HTTP_LITELLM_PAGE);
        if (cl->buf == NULL) {
            return NULL;
        }
    }

    b = cl->buf;

    b->pos = b->start;
    b->last = b->start;
    b->tag = (ngx_buf_tag_t) &ngx_http_litellm_module;

    cl->next = NULL;

    return cl;
}


/*
 * Sent buffers come back to u->free_bufs: pages with memory of their own, and
 * bufs that only pointed into the upstream's buffer.
 */

static ngx_chain_t *
ngx_http_litellm_free_buf(ngx_chain_t **ll, ngx_uint_t memory)
{
    ngx_chain_t  *cl;

    for ( /* void */ ; *ll; ll = &(*ll)->next) {

        cl = *ll;

        if (cl->buf->memory == memory) {
            *ll = cl->next;
            return cl;
        }
    }

    return NULL;
}


/* an event that is too long, or damaged: nothing behind it can be trusted */

static ngx_int_t
ngx_http_litellm_unreadable(ngx_http_litellm_attempt_t *a)
{
    if (a->stream->frames.broken) {
        ngx_log_error(NGX_LOG_ERR, a->request->connection->log, 0,
                      "litellm: provider sent a damaged event");

        ngx_http_litellm_attempt_fail(a, NGX_LITELLM_API_CONNECTION, 502,
                                      "the provider sent a damaged event");
        return NGX_ERROR;
    }

    ngx_log_error(NGX_LOG_ERR, a->request->connection->log, 0,
                  "litellm: provider sent an event over "
                  "\"litellm_max_event_size\"");

    ngx_http_litellm_attempt_fail(a, NGX_LITELLM_BAD_GATEWAY, 502,
                                  "the provider sent an oversized event");

    return NGX_ERROR;
}


/*
 * In the post_subrequest handler: the engine takes no more buffers, what is
 * written now stays in its out for the parent.
 */

ngx_int_t
ngx_http_litellm_stream_end(ngx_http_litellm_attempt_t *a)
{
    ngx_int_t                 rc, left;
    ngx_litellm_event_t       end;
    ngx_litellm_sse_event_t   ev;

    left = NGX_DONE;

    if (!a->complete && a->error.class == NGX_LITELLM_NO_ERROR) {
        left = ngx_http_litellm_frame_last(a, &ev);
    }

    if (left == NGX_OK) {
        a->call->deployment = a->deployment;

        if (a->mode == NGX_HTTP_LITELLM_TRANSLATE) {
            if (ngx_http_litellm_frame_event(a, &ev) != NGX_OK) {
                return NGX_ERROR;
            }

        } else {
            rc = ngx_http_litellm_last_whole(a, &ev);

            if (rc == NGX_OK) {
                rc = ngx_http_litellm_pass_event(a, &ev);

            } else if (rc == NGX_DECLINED) {
                left = NGX_DECLINED;
            }

            if (rc == NGX_ERROR) {
                return NGX_ERROR;
            }

            if (rc == NGX_OK && a->facts.data.data != NULL) {
                ngx_http_litellm_pass_data(a);

            } else if (rc == NGX_OK) {

                /* with the empty line that was missing */

                ngx_litellm_out_str(&a->stream->out, &a->stream->sse.held);
                ngx_litellm_out_lit(&a->stream->out, "\n\n");
            }
        }
    }

    if (a->stream->out.failed) {
        return NGX_ERROR;
    }

    if (a->complete || a->error.class != NGX_LITELLM_NO_ERROR) {
        return NGX_OK;
    }

    if (a->facts.finish != NGX_LITELLM_FINISH_NONE && left != NGX_DECLINED) {

        /* the answer is whole, its end mark is missing: some servers do so */

        ngx_memzero(&end, sizeof(ngx_litellm_event_t));
        end.type = NGX_LITELLM_EV_END;

        if (a->mode == NGX_HTTP_LITELLM_TRANSLATE) {
            return ngx_http_litellm_emit(a, &end);
        }

        if (!a->committed && ngx_http_litellm_commit(a) != NGX_OK) {
            return NGX_ERROR;
        }

        a->complete = 1;
        ngx_litellm_out_lit(&a->stream->out, "data: [DONE]\n\n");

        return a->stream->out.failed ? NGX_ERROR : NGX_OK;
    }

    ngx_http_litellm_attempt_fail(a, NGX_LITELLM_API_CONNECTION, 500,
                                  "the provider's stream ended early");

    return NGX_OK;
}


/*
 * The event that the end of the stream has ended.  It may be cut off behind any
 * brace, which a look at its ends does not show: it is parsed.  NGX_DECLINED:
 * half of an event is none.
 */

static ngx_int_t
ngx_http_litellm_last_whole(ngx_http_litellm_attempt_t *a,
    ngx_litellm_sse_event_t *ev)
{
    ngx_litellm_json_doc_t  *doc;

    if (ev->data.len == 0 || ev->data.data[0] != '{') {
        return NGX_OK;
    }

    doc = &a->stream->doc;
    doc->keep = 0;

    return ngx_litellm_json_parse(doc, ev->data.data, ev->data.len);
}


/*
 * What the client has not got yet: the engine does not send what it took from
 * a read that has failed in the end.
 */

ngx_int_t
ngx_http_litellm_stream_rest(ngx_http_litellm_attempt_t *a)
{
    ngx_chain_t          *cl, *out;
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = a->parent;
    u = a->request ? a->request->upstream : NULL;

    if (u != NULL && u->out_bufs != NULL) {

        out = u->out_bufs;
        u->out_bufs = NULL;

        if (ngx_http_output_filter(r, out) == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    out = ngx_litellm_out_take(&a->stream->out);

    if (out == NULL) {
        return NGX_OK;
    }

    ngx_http_litellm_feed_chain(a->ctx, out);

    if (ngx_http_litellm_feed_orphan(a->ctx)) {
        return NGX_OK;
    }

    for (cl = out; cl; cl = cl->next) {
        cl->buf->flush = 1;
    }

    return (ngx_http_output_filter(r, out) == NGX_ERROR) ? NGX_ERROR : NGX_OK;
}
