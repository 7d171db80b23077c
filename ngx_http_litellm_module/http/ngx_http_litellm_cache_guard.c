
/*
 * Leaders of streams that others follow, whose own clients leave or take
 * nothing any more: such a request goes on, like one with
 * proxy_ignore_client_abort.  Its connection stays, nothing is sent by it, and
 * the engine's handlers for it are ours ("guarded").
 *
 * That is begun outside of the engine, or in its input filter, which calls
 * ngx_http_litellm_feed_guard(); in both places nothing of the engine holds a
 * buffer of the client's.  Ended by ngx_http_litellm_cache_follow.c, when the
 * last follower has left.
 */

#include "ngx_http_litellm_cache_follow.h"

#if (NGX_HAVE_EPOLLRDHUP)
#include <poll.h>
#endif


static void ngx_http_litellm_guard_read(ngx_http_request_t *sr);
static void ngx_http_litellm_guard_write(ngx_http_request_t *sr);
static ngx_uint_t ngx_http_litellm_guard_gone(ngx_http_request_t *r);
static void ngx_http_litellm_guard_leave(ngx_http_litellm_asker_t *leader,
    ngx_http_request_t *sr);


/*
 * For a stream that is to go on with another provider: until that one says
 * something, where ngx_http_litellm_feed_guard() looks, a client that leaves is
 * not noticed.
 */

ngx_uint_t
ngx_http_litellm_feed_needed(ngx_http_litellm_ctx_t *ctx)
{
    ngx_http_litellm_feed_t   *feed;
    ngx_http_litellm_asker_t  *leader;

    leader = ctx->cache ? ctx->cache->asker : NULL;
    feed = leader ? leader->feed : NULL;

    return feed != NULL && feed->leader == leader && !feed->ended
           && (leader->orphan || feed->nfollowers);
}


void
ngx_http_litellm_feed_guard(ngx_http_litellm_attempt_t *a)
{
    ngx_http_request_t        *sr;
    ngx_http_litellm_feed_t   *feed;
    ngx_http_litellm_asker_t  *leader;

    leader = a->ctx->cache ? a->ctx->cache->asker : NULL;
    feed = leader ? leader->feed : NULL;

    if (feed == NULL || feed->leader != leader || !a->committed) {
        return;
    }

    sr = a->request;

    if (leader->guarded != sr) {
        leader->guarded = sr;
        leader->read = sr->read_event_handler;
        leader->write = sr->write_event_handler;

        sr->read_event_handler = ngx_http_litellm_guard_read;
        sr->write_event_handler = ngx_http_litellm_guard_write;
    }

    if (leader->orphan) {
        sr->header_only = 1;

    } else if (feed->nfollowers && ngx_http_litellm_guard_gone(sr)) {

        /* before the engine writes to a connection that is none */

        ngx_http_litellm_guard_leave(leader, sr);
    }
}


static void
ngx_http_litellm_guard_read(ngx_http_request_t *sr)
{
    ngx_http_litellm_asker_t    *leader;
    ngx_http_litellm_attempt_t  *a;

    a = ngx_http_get_module_ctx(sr, ngx_http_litellm_module);
    leader = a->ctx->cache->asker;

    if (leader->orphan) {
        return;
    }

    if (leader->feed->nfollowers && !leader->feed->ended
        && ngx_http_litellm_guard_gone(sr))
    {
        ngx_http_litellm_guard_leave(leader, sr);
        leader->write(sr);
        return;
    }

    leader->read(sr);
}


static void
ngx_http_litellm_guard_write(ngx_http_request_t *sr)
{
    ngx_event_t                 *wev;
    ngx_http_litellm_asker_t    *leader;
    ngx_http_litellm_attempt_t  *a;

    a = ngx_http_get_module_ctx(sr, ngx_http_litellm_module);
    leader = a->ctx->cache->asker;

    if (leader->orphan) {
        return;
    }

    wev = sr->connection->write;

    if (leader->feed->nfollowers && !leader->feed->ended
        && (wev->timedout || ngx_http_litellm_guard_gone(sr)))
    {
        ngx_http_litellm_guard_leave(leader, sr);
    }

    leader->write(sr);
}


/* as ngx_http_upstream_check_broken_connection() tells it */

static ngx_uint_t
ngx_http_litellm_guard_gone(ngx_http_request_t *r)
{
    int                n;
    char               buf[1];
    ngx_event_t       *rev;
    ngx_connection_t  *c;
#if (NGX_HAVE_EPOLLRDHUP)
    struct pollfd      pfd;
#endif

    c = r->connection;
    rev = c->read;

    if (c->error || c->close) {
        return 1;
    }

    if (r->http_version >= NGX_HTTP_VERSION_20) {

        /*
         * Of a connection that others use too, or one without a socket.  The
         * streams of HTTP/2 have that of their connection, which the engine
         * may write to before it has seen the end of it behind what is to be
         * read; that is not ours to take.
         */

#if (NGX_HAVE_EPOLLRDHUP)

        if (r->http_version == NGX_HTTP_VERSION_20) {
            pfd.fd = c->fd;
            pfd.events = POLLRDHUP;
            pfd.revents = 0;

            return poll(&pfd, 1, 0) == 1;
        }

#endif

        return 0;
    }

#if (NGX_HAVE_KQUEUE)

    if (ngx_event_flags & NGX_USE_KQUEUE_EVENT) {
        return rev->pending_eof;
    }

#endif

#if (NGX_HAVE_EPOLLRDHUP)

    if ((ngx_event_flags & NGX_USE_EPOLL_EVENT) && ngx_use_epoll_rdhup
        && rev->pending_eof)
    {
        return 1;
    }

#endif

    n = recv(c->fd, buf, 1, MSG_PEEK);

    return n == 0 || (n == -1 && ngx_socket_errno != NGX_EAGAIN);
}


/*
 * The client has left, or takes nothing any more.  What was on its way to it is
 * done with, for the engine and for the filters: neither has anything to send,
 * and none of them is called for this request again.
 */

static void
ngx_http_litellm_guard_leave(ngx_http_litellm_asker_t *leader,
    ngx_http_request_t *sr)
{
    ngx_chain_t          *cl;
    ngx_event_t          *wev;
    ngx_connection_t     *c;
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = leader->request;
    c = r->connection;
    u = sr->upstream;
    wev = c->write;

    ngx_log_error(NGX_LOG_INFO, c->log, 0,
                  "litellm: client has left a stream that %ui others share",
                  leader->feed->nfollowers);

    leader->orphan = 1;

    for (cl = u->busy_bufs; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
    }

    ngx_chain_update_chains(sr->pool, &u->free_bufs, &u->busy_bufs,
                            &u->out_bufs, u->output.tag);

    r->out = NULL;
    r->buffered = 0;
    sr->buffered = 0;
    sr->header_only = 1;

    /* the engine takes an error of the connection for the end of all */

    c->error = 0;
    c->buffered = 0;
    wev->timedout = 0;
    wev->delayed = 0;
    wev->ready = 1;

    if (wev->timer_set) {
        ngx_del_timer(wev);
    }
}
