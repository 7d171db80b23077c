
/*
 * A stream that several clients of one worker get as it comes.  The leader's
 * request sends to its own client as if it was alone; the bytes of each event
 * are also put into a feed, from which followers send at their own pace.
 *
 * A feed is a list of pages.  As long as somebody may begin to follow, all of
 * it is kept; when it is longer than an entry may be nobody may, and pages that
 * all followers have sent are freed.  One that is that far behind the leader is
 * dropped: it holds up nobody, and its client sees that its answer is not
 * whole.  A page counts the followers that have not sent it.
 *
 * A leader whose client leaves goes on for those who follow
 * (ngx_http_litellm_cache_guard.c).  When the last follower leaves, it ends.
 *
 * A follower has a feed until its request is freed, and pages that are on their
 * way to its client are counted until then; feeds outlive their leaders.
 */

#include "ngx_http_litellm_cache_follow.h"
#include "ngx_http_litellm_bill.h"
#include "ngx_http_litellm_cost.h"


#define NGX_HTTP_LITELLM_FEED_PAGE     8000
/* on their way to one client */
#define NGX_HTTP_LITELLM_FEED_PAGES    8


struct ngx_http_litellm_feed_page_s {
    ngx_http_litellm_feed_page_t   *next;
    u_char                         *last;
    ngx_uint_t                      refs;      /* followers before its end */
    u_char                          data[NGX_HTTP_LITELLM_FEED_PAGE];
};


static ngx_litellm_json_t *ngx_http_litellm_feed_options(
    ngx_http_litellm_asker_t *asker);
static ngx_http_litellm_feed_page_t *ngx_http_litellm_feed_page(
    ngx_http_litellm_feed_t *feed);
static void ngx_http_litellm_feed_trim(ngx_http_litellm_feed_t *feed);
static void ngx_http_litellm_feed_drop(ngx_http_litellm_feed_t *feed);
static void ngx_http_litellm_feed_tell(ngx_http_litellm_feed_t *feed);
static void ngx_http_litellm_feed_told(ngx_http_litellm_feed_t *feed,
    ngx_http_litellm_ctx_t *ctx);
static void ngx_http_litellm_feed_unref(ngx_http_litellm_feed_t *feed);
static void ngx_http_litellm_follow_leave(ngx_http_litellm_asker_t *asker);
static void ngx_http_litellm_follow_write(ngx_http_request_t *r);
static void ngx_http_litellm_follow_send(ngx_http_litellm_asker_t *asker);
static ngx_chain_t *ngx_http_litellm_follow_more(
    ngx_http_litellm_asker_t *asker);
static void ngx_http_litellm_follow_sent(ngx_http_litellm_asker_t *asker);
static void ngx_http_litellm_follow_finish(ngx_http_litellm_asker_t *asker);


ngx_int_t
ngx_http_litellm_feed_open(ngx_http_litellm_asker_t *leader)
{
    ngx_litellm_json_t       *v;
    ngx_http_litellm_feed_t  *feed;

    if (!leader->ctx->call.stream) {
        return NGX_OK;
    }

    v = ngx_http_litellm_feed_options(leader);

    if (v != NULL && v->len > NGX_HTTP_LITELLM_FEED_OPTIONS) {
        return NGX_OK;
    }

    feed = ngx_calloc(sizeof(ngx_http_litellm_feed_t), ngx_cycle->log);
    if (feed == NULL) {
        return NGX_ERROR;
    }

    if (v != NULL) {
        ngx_memcpy(feed->options, v->start, v->len);
        feed->noptions = v->len;
    }

    ngx_queue_init(&feed->followers);

    feed->max = leader->ctx->cache->max;
    feed->leader = leader;
    feed->refs = 1;

    leader->feed = feed;

    return NGX_OK;
}


static ngx_litellm_json_t *
ngx_http_litellm_feed_options(ngx_http_litellm_asker_t *asker)
{
    return asker->ctx->call.param[NGX_LITELLM_P_STREAM_OPTIONS];
}


/* what events there are is a matter of stream_options alone: the rest of what
   makes them is in the key */

ngx_uint_t
ngx_http_litellm_follow_able(ngx_http_litellm_asker_t *asker,
    ngx_http_litellm_asker_t *leader)
{
    ngx_litellm_json_t       *v;
    ngx_http_litellm_feed_t  *feed;

    feed = leader ? leader->feed : NULL;

    if (feed == NULL || feed->first == NULL || feed->full || feed->ended
        || !asker->ctx->call.stream
        || asker->request != asker->request->main)
    {
        return 0;
    }

    v = ngx_http_litellm_feed_options(asker);

    if (v == NULL) {
        return feed->noptions == 0;
    }

    return v->len == feed->noptions
           && ngx_memcmp(v->start, feed->options, v->len) == 0;
}


/* as a hit: nothing was taken but the request itself */

ngx_int_t
ngx_http_litellm_follow(ngx_http_litellm_asker_t *asker,
    ngx_http_litellm_asker_t *leader)
{
    ngx_int_t                      rc;
    ngx_http_request_t            *r;
    ngx_http_litellm_ctx_t        *ctx;
    ngx_http_litellm_feed_t       *feed;
    ngx_http_litellm_feed_page_t  *page;

    if (!ngx_http_litellm_follow_able(asker, leader)) {
        return NGX_DECLINED;
    }

    r = asker->request;
    ctx = asker->ctx;
    feed = leader->feed;

    ctx->cache->status = NGX_HTTP_LITELLM_CACHE_COALESCED;
    ngx_http_litellm_cache_coalesced(ctx->cache->zone);

    ngx_http_litellm_bill_settle(ctx);

    asker->feed = feed;
    asker->following = 1;
    asker->page = feed->first;
    asker->last = feed->first;
    asker->pos = feed->first->data;

    feed->refs++;
    feed->nfollowers++;
    ngx_queue_insert_tail(&feed->followers, &asker->queue);

    for (page = feed->first; page; page = page->next) {
        page->refs++;
    }

    ctx->ended = 1;

    r->write_event_handler = ngx_http_litellm_follow_write;

    rc = ngx_http_litellm_send_header(r, ctx, NULL, NGX_HTTP_OK, -1);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        ngx_http_finalize_request(r, rc);
        return NGX_DONE;
    }

    ngx_http_litellm_follow_send(asker);

    return NGX_DONE;
}


void
ngx_http_litellm_feed_chain(ngx_http_litellm_ctx_t *ctx, ngx_chain_t *cl)
{
    for ( /* void */ ; cl; cl = cl->next) {
        ngx_http_litellm_feed_data(ctx, cl->buf->pos,
                                   cl->buf->last - cl->buf->pos);
    }
}


void
ngx_http_litellm_feed_data(ngx_http_litellm_ctx_t *ctx, u_char *p, size_t len)
{
    size_t                         n;
    ngx_uint_t                     first;
    ngx_http_litellm_feed_t       *feed;
    ngx_http_litellm_asker_t      *leader;
    ngx_http_litellm_feed_page_t  *page;

    leader = ctx->cache ? ctx->cache->asker : NULL;

    if (leader == NULL || leader->feed == NULL || len == 0) {
        return;
    }

    feed = leader->feed;

    if (feed->ended || (feed->full && feed->nfollowers == 0)) {
        return;
    }

    first = (feed->first == NULL);

    while (len) {
        page = feed->last;

        if (page == NULL
            || page->last == page->data + NGX_HTTP_LITELLM_FEED_PAGE)
        {
            page = ngx_http_litellm_feed_page(feed);

            if (page == NULL) {
                feed->full = 1;
                feed->cut = 1;
                feed->ended = 1;
                break;
            }
        }

        n = ngx_min(len, (size_t) (page->data + NGX_HTTP_LITELLM_FEED_PAGE
                                   - page->last));

        page->last = ngx_cpymem(page->last, p, n);

        p += n;
        len -= n;
    }

    if (feed->kept > feed->max) {
        feed->full = 1;

        ngx_http_litellm_feed_trim(feed);

        if (feed->kept > feed->max && !feed->ended) {
            ngx_http_litellm_feed_drop(feed);
        }
    }

    ngx_http_litellm_feed_tell(feed);

    if (first) {
        ngx_http_litellm_flight_streams(leader);
    }
}


static ngx_http_litellm_feed_page_t *
ngx_http_litellm_feed_page(ngx_http_litellm_feed_t *feed)
{
    ngx_http_litellm_feed_page_t  *page;

    page = ngx_alloc(sizeof(ngx_http_litellm_feed_page_t), ngx_cycle->log);
    if (page == NULL) {
        return NULL;
    }

    page->next = NULL;
    page->last = page->data;
    page->refs = feed->nfollowers;

    if (feed->last != NULL) {
        feed->last->next = page;

    } else {
        feed->first = page;
    }

    feed->last = page;
    feed->kept += NGX_HTTP_LITELLM_FEED_PAGE;

    return page;
}


/* nobody begins any more: what all have sent goes */

static void
ngx_http_litellm_feed_trim(ngx_http_litellm_feed_t *feed)
{
    ngx_http_litellm_feed_page_t  *page;

    while (feed->first != feed->last && feed->first->refs == 0) {
        page = feed->first;

        feed->first = page->next;
        feed->kept -= NGX_HTTP_LITELLM_FEED_PAGE;

        ngx_free(page);
    }

}


/* those who hold back too much; by their events: this is the leader's filter */

static void
ngx_http_litellm_feed_drop(ngx_http_litellm_feed_t *feed)
{
    ngx_queue_t               *q;
    ngx_http_litellm_asker_t  *asker;

    for (q = ngx_queue_head(&feed->followers);
         q != ngx_queue_sentinel(&feed->followers);
         q = ngx_queue_next(q))
    {
        asker = ngx_queue_data(q, ngx_http_litellm_asker_t, queue);

        if (asker->page == feed->first) {
            asker->slow = 1;
        }
    }
}


static void
ngx_http_litellm_feed_tell(ngx_http_litellm_feed_t *feed)
{
    ngx_queue_t               *q;
    ngx_http_litellm_asker_t  *asker;

    for (q = ngx_queue_head(&feed->followers);
         q != ngx_queue_sentinel(&feed->followers);
         q = ngx_queue_next(q))
    {
        asker = ngx_queue_data(q, ngx_http_litellm_asker_t, queue);

        ngx_post_event(&asker->event, &ngx_posted_events);
    }
}


void
ngx_http_litellm_feed_end(ngx_http_litellm_ctx_t *ctx)
{
    ngx_http_litellm_feed_t   *feed;
    ngx_http_litellm_asker_t  *leader;

    leader = ctx->cache ? ctx->cache->asker : NULL;
    feed = leader ? leader->feed : NULL;

    if (feed == NULL || feed->leader != leader || feed->ended) {
        return;
    }

    feed->ended = 1;

    ngx_http_litellm_feed_told(feed, ctx);
    ngx_http_litellm_feed_tell(feed);
}


/* for the followers' logs: what the answer says, and what it has cost */

static void
ngx_http_litellm_feed_told(ngx_http_litellm_feed_t *feed,
    ngx_http_litellm_ctx_t *ctx)
{
    int64_t                      cost;
    ngx_queue_t                 *q;
    ngx_litellm_out_t            out;
    ngx_http_litellm_asker_t    *asker;
    ngx_http_litellm_attempt_t  *a;

    a = ctx->attempt;

    if (!a->complete || feed->nfollowers == 0) {
        return;
    }

    (void) ngx_http_litellm_cost_sum(ctx, &cost);

    ngx_litellm_out_init(&out, a->parent->pool);

    for (q = ngx_queue_head(&feed->followers);
         q != ngx_queue_sentinel(&feed->followers);
         q = ngx_queue_next(q))
    {
        asker = ngx_queue_data(q, ngx_http_litellm_asker_t, queue);

        asker->ctx->cache->saved = cost;

        if (!ngx_http_litellm_content_wanted(asker->ctx)) {
            continue;
        }

        if (out.size == 0
            && ngx_http_litellm_capture_answer(a, &out) != NGX_OK)
        {
            out.failed = 1;
        }

        ngx_http_litellm_content_answer(asker->ctx, &out);
    }
}


static void
ngx_http_litellm_feed_unref(ngx_http_litellm_feed_t *feed)
{
    ngx_http_litellm_feed_page_t  *page, *next;

    if (--feed->refs) {
        return;
    }

    for (page = feed->first; page; page = next) {
        next = page->next;
        ngx_free(page);
    }

    ngx_free(feed);
}


void
ngx_http_litellm_follow_cleanup(ngx_http_litellm_asker_t *asker)
{
    ngx_http_litellm_feed_t  *feed;

    feed = asker->feed;

    if (feed == NULL) {
        return;
    }

    if (feed->leader == asker) {

        if (!feed->ended) {
            feed->ended = 1;
            feed->cut = 1;
            ngx_http_litellm_feed_tell(feed);
        }

        feed->leader = NULL;

    } else {
        ngx_http_litellm_follow_leave(asker);
    }

    asker->feed = NULL;
    ngx_http_litellm_feed_unref(feed);
}


static void
ngx_http_litellm_follow_leave(ngx_http_litellm_asker_t *asker)
{
    ngx_http_litellm_feed_t       *feed;
    ngx_http_litellm_feed_page_t  *page;

    feed = asker->feed;

    ngx_queue_remove(&asker->queue);

    asker->following = 0;
    feed->nfollowers--;

    for (page = asker->page; page; page = page->next) {
        page->refs--;
    }

    if (feed->full || feed->ended) {
        ngx_http_litellm_feed_trim(feed);
    }

    if (feed->nfollowers == 0 && feed->leader != NULL
        && feed->leader->orphan)
    {
        ngx_post_event(&feed->leader->event, &ngx_posted_events);
    }
}


void
ngx_http_litellm_follow_event(ngx_http_litellm_asker_t *asker)
{
    ngx_http_request_t  *r;

    r = asker->request;

    if (asker->orphan) {

        if (asker->feed->nfollowers == 0) {
            ngx_http_finalize_request(r, NGX_HTTP_CLIENT_CLOSED_REQUEST);
        }

        return;
    }

    if (asker->slow) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "litellm: client is too slow for the stream that it "
                      "shares");

        r->connection->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    ngx_http_litellm_follow_send(asker);
}


/* as ngx_http_writer() */

static void
ngx_http_litellm_follow_write(ngx_http_request_t *r)
{
    ngx_connection_t        *c;
    ngx_http_litellm_ctx_t  *ctx;

    c = r->connection;
    ctx = ngx_http_get_module_ctx(r, ngx_http_litellm_module);

    if (c->write->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");
        c->timedout = 1;

        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    ngx_http_litellm_follow_send(ctx->cache->asker);
}


/* the request may be gone then */

static void
ngx_http_litellm_follow_send(ngx_http_litellm_asker_t *asker)
{
    ngx_int_t                  rc;
    ngx_chain_t               *out;
    ngx_event_t               *wev;
    ngx_connection_t          *c;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = asker->request;
    c = r->connection;
    wev = c->write;
    out = NULL;

    for ( ;; ) {

        if (asker->busy == NULL && !c->buffered) {

            out = ngx_http_litellm_follow_more(asker);

            if (out == NGX_CHAIN_ERROR) {
                ngx_http_finalize_request(r, NGX_ERROR);
                return;
            }

            if (out == NULL) {
                break;
            }

        } else if (!wev->ready || wev->delayed) {
            break;
        }

        rc = ngx_http_output_filter(r, out);

        if (rc == NGX_ERROR) {
            ngx_http_finalize_request(r, NGX_ERROR);
            return;
        }

        ngx_chain_update_chains(r->pool, &asker->free, &asker->busy, &out,
                                (ngx_buf_tag_t) &ngx_http_litellm_module);

        if (asker->busy != NULL || c->buffered) {
            break;
        }

        ngx_http_litellm_follow_sent(asker);
    }

    if (asker->busy == NULL && !c->buffered && asker->feed->ended) {
        ngx_http_litellm_follow_finish(asker);
        return;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (asker->busy != NULL || c->buffered) {

        if (!wev->delayed) {
            ngx_add_timer(wev, clcf->send_timeout);
        }

    } else if (wev->timer_set && !wev->delayed) {
        ngx_del_timer(wev);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


/* NULL: there is no more yet */

static ngx_chain_t *
ngx_http_litellm_follow_more(ngx_http_litellm_asker_t *asker)
{
    ngx_buf_t                     *b;
    ngx_uint_t                     n;
    ngx_chain_t                   *out, *cl, **ll;
    ngx_http_litellm_feed_page_t  *page;

    out = NULL;
    ll = &out;

    for (n = 0; n < NGX_HTTP_LITELLM_FEED_PAGES; n++) {

        page = asker->last;

        if (asker->pos == page->last) {

            if (page->next == NULL) {
                break;
            }

            asker->last = page->next;
            asker->pos = page->next->data;

            page = page->next;
        }

        cl = ngx_chain_get_free_buf(asker->request->pool, &asker->free);
        if (cl == NULL) {
            return NGX_CHAIN_ERROR;
        }

        b = cl->buf;

        ngx_memzero(b, sizeof(ngx_buf_t));

        b->pos = asker->pos;
        b->last = page->last;
        b->start = b->pos;
        b->end = b->last;
        b->memory = 1;
        b->flush = 1;
        b->tag = (ngx_buf_tag_t) &ngx_http_litellm_module;

        asker->pos = page->last;

        *ll = cl;
        ll = &cl->next;
    }

    return out;
}


/* all that was on its way */

static void
ngx_http_litellm_follow_sent(ngx_http_litellm_asker_t *asker)
{
    while (asker->page != asker->last) {
        asker->page->refs--;
        asker->page = asker->page->next;
    }

    if (asker->feed->full) {
        ngx_http_litellm_feed_trim(asker->feed);
    }
}


static void
ngx_http_litellm_follow_finish(ngx_http_litellm_asker_t *asker)
{
    ngx_int_t             rc;
    ngx_str_t             text;
    ngx_litellm_out_t     out;
    ngx_litellm_error_t   e;
    ngx_http_request_t   *r;

    r = asker->request;
    rc = NGX_OK;

    if (asker->feed->cut) {

        /* without a word its client would take it for the whole */

        ngx_str_set(&text, "the stream was cut");

        (void) ngx_http_litellm_refuse(&e, NGX_LITELLM_API_CONNECTION, 500,
                                       NULL, (char *) text.data);

        ngx_litellm_out_init(&out, r->pool);

        asker->ctx->call.format->error(&out, &e, 1);

        rc = out.failed ? NGX_ERROR : ngx_http_output_filter(r, out.first);
    }

    if (rc != NGX_ERROR) {
        rc = ngx_http_send_special(r, NGX_HTTP_LAST);
    }

    /* the end was told, and seen by a write event before it */

    if (asker->event.posted) {
        ngx_delete_posted_event(&asker->event);
    }

    ngx_http_finalize_request(r, rc);
}
