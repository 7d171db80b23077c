
/*
 * The connection of a worker to Redis: the name is looked up each time it is
 * made, TLS is verified, bytes go out as they fit and replies are read as they
 * come.  What a hostile server can send is bounded by ngx_litellm_resp.c; all
 * that is not RESP ends the connection.
 *
 * A connection is ended by .._lost() only, from the event loop and never from
 * inside a handler of a command: those set conn->why.
 */

#include "ngx_http_litellm_redis.h"


#if (NGX_LITELLM_HAVE_HIREDIS)


#define NGX_HTTP_LITELLM_REDIS_BUFFER  16384
#define NGX_HTTP_LITELLM_REDIS_REPLY   (64 * 1024 * 1024)

/* reads of one event: others want their turn */
#define NGX_HTTP_LITELLM_REDIS_READS   64


static void ngx_http_litellm_redis_resolved(ngx_http_litellm_resolve_t *rs,
    ngx_int_t rc);
static void ngx_http_litellm_redis_open(ngx_http_litellm_redis_conn_t *conn);
static void ngx_http_litellm_redis_connected(ngx_event_t *ev);
#if (NGX_HTTP_SSL)
static void ngx_http_litellm_redis_handshake(ngx_connection_t *c);
static void ngx_http_litellm_redis_handshaked(ngx_connection_t *c);
static ngx_uint_t ngx_http_litellm_redis_address(ngx_str_t *host);
static ngx_int_t ngx_http_litellm_redis_certified(ngx_connection_t *c,
    ngx_str_t *host);
#endif
static void ngx_http_litellm_redis_begin(ngx_http_litellm_redis_conn_t *conn);
static void ngx_http_litellm_redis_read(ngx_event_t *ev);
static void ngx_http_litellm_redis_write(ngx_event_t *ev);
static void ngx_http_litellm_redis_fill(ngx_http_litellm_redis_conn_t *conn);


void
ngx_http_litellm_redis_connect(ngx_http_litellm_redis_conn_t *conn)
{
    ngx_int_t                  rc;
    ngx_http_litellm_redis_t  *redis;

    redis = conn->redis;

    conn->connecting = 1;
    conn->why = NULL;
    conn->err = 0;

    /* all of it, from the name to the first reply */

    ngx_add_timer(&conn->timer, redis->timeout);

    if (redis->origin == NULL) {
        ngx_http_litellm_redis_open(conn);
        return;
    }

    conn->resolve.handler = ngx_http_litellm_redis_resolved;
    conn->resolve.data = conn;

    rc = ngx_http_litellm_origin_resolve(redis->origin, &conn->resolve,
                                         conn->log);

    if (rc == NGX_OK) {
        ngx_http_litellm_redis_open(conn);

    } else if (rc == NGX_ERROR) {
        conn->why = "has a name that does not resolve";
        ngx_post_event(&conn->timer, &ngx_posted_events);
    }
}


static void
ngx_http_litellm_redis_resolved(ngx_http_litellm_resolve_t *rs, ngx_int_t rc)
{
    ngx_http_litellm_redis_conn_t *conn = rs->data;

    if (rc != NGX_OK) {
        ngx_http_litellm_redis_lost(conn, "has a name that does not resolve",
                                    0);
        return;
    }

    ngx_http_litellm_redis_open(conn);
}


static void
ngx_http_litellm_redis_open(ngx_http_litellm_redis_conn_t *conn)
{
    ngx_err_t                  err;
    ngx_int_t                  rc;
    ngx_connection_t          *c;
    ngx_http_litellm_redis_t  *redis;

    err = 0;
    redis = conn->redis;

    conn->pool = ngx_create_pool(1024, conn->log);
    if (conn->pool == NULL) {
        goto failed;
    }

    conn->out = ngx_palloc(conn->pool, NGX_HTTP_LITELLM_REDIS_BUFFER);

    if (conn->out == NULL
        || ngx_litellm_resp_open(&conn->reader, NGX_HTTP_LITELLM_REDIS_REPLY,
                                 conn->log)
           != NGX_OK)
    {
        goto failed;
    }

    ngx_memzero(&conn->peer, sizeof(ngx_peer_connection_t));

    if (redis->origin == NULL) {
        conn->peer.sockaddr = &redis->sockaddr.sockaddr;
        conn->peer.socklen = redis->socklen;

    } else {

        if (ngx_http_litellm_origin_address(redis->origin, conn->turn++,
                                            &redis->sockaddr,
                                            &conn->peer.socklen)
            != NGX_OK)
        {
            goto failed;
        }

        conn->peer.sockaddr = &redis->sockaddr.sockaddr;
    }

    conn->peer.name = &redis->shown;
    conn->peer.get = ngx_event_get_peer;
    conn->peer.log_error = NGX_ERROR_INFO;
    conn->peer.tries = 1;

    /* nginx tells of each try that fails; we, of the first */

    conn->quiet = *conn->log;
    conn->quiet.log_level = NGX_LOG_ALERT;

    conn->peer.log = &conn->quiet;

    ngx_set_socket_errno(0);

    rc = ngx_event_connect_peer(&conn->peer);

    conn->peer.log = conn->log;

    if (rc == NGX_ERROR || rc == NGX_BUSY || rc == NGX_DECLINED) {
        err = ngx_socket_errno;
        goto failed;
    }

    c = conn->peer.connection;
    c->data = conn;
    c->pool = conn->pool;

    if (conn->failures == 0) {
        ngx_http_litellm_redis_loud(conn);
    }

    c->read->handler = ngx_http_litellm_redis_connected;
    c->write->handler = ngx_http_litellm_redis_connected;

    conn->connecting = 0;

    if (rc == NGX_OK) {
        ngx_post_event(c->write, &ngx_posted_events);
    }

    return;

failed:

    conn->why = "can't be connected to";
    conn->err = err;
    ngx_post_event(&conn->timer, &ngx_posted_events);
}


/* what nginx itself has to say of the connection is heard */

void
ngx_http_litellm_redis_loud(ngx_http_litellm_redis_conn_t *conn)
{
    ngx_connection_t  *c;

    c = conn->peer.connection;

    c->log = conn->log;
    c->read->log = conn->log;
    c->write->log = conn->log;
}


static void
ngx_http_litellm_redis_connected(ngx_event_t *ev)
{
    int                             err;
    socklen_t                       len;
    ngx_connection_t               *c;
    ngx_http_litellm_redis_conn_t  *conn;

    c = ev->data;
    conn = c->data;

    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err) {
        ngx_http_litellm_redis_lost(conn, "can't be connected to", err);
        return;
    }

    if (!c->write->ready) {
        return;
    }

    if (conn->redis->origin != NULL && ngx_tcp_nodelay(c) != NGX_OK) {
        ngx_http_litellm_redis_lost(conn, "can't be connected to", 0);
        return;
    }

#if (NGX_HTTP_SSL)

    if (conn->redis->ssl != NULL) {
        ngx_http_litellm_redis_handshake(c);
        return;
    }

#endif

    ngx_http_litellm_redis_begin(conn);
}


#if (NGX_HTTP_SSL)

static void
ngx_http_litellm_redis_handshake(ngx_connection_t *c)
{
    ngx_int_t                       rc;
    ngx_http_litellm_redis_conn_t  *conn;

    conn = c->data;

    if (ngx_ssl_create_connection(conn->redis->ssl, c,
                                  NGX_SSL_BUFFER|NGX_SSL_CLIENT)
        != NGX_OK)
    {
        ngx_http_litellm_redis_lost(conn, "can't be connected to by TLS", 0);
        return;
    }

    /* an address is no name of SNI (RFC 6066, 3) */

    if (!ngx_http_litellm_redis_address(&conn->redis->conf.host)
        && SSL_set_tlsext_host_name(c->ssl->connection,
                                    (char *) conn->redis->conf.host.data)
           == 0)
    {
        ngx_ssl_error(NGX_LOG_ERR, c->log, 0,
                      "SSL_set_tlsext_host_name() failed");
        ngx_http_litellm_redis_lost(conn, "can't be connected to by TLS", 0);
        return;
    }

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        c->ssl->handler = ngx_http_litellm_redis_handshaked;
        return;
    }

    ngx_http_litellm_redis_handshaked(c);
}


static void
ngx_http_litellm_redis_handshaked(ngx_connection_t *c)
{
    long                            rc;
    ngx_http_litellm_redis_conn_t  *conn;

    conn = c->data;

    if (!c->ssl->handshaked) {
        ngx_http_litellm_redis_lost(conn, "can't be connected to by TLS", 0);
        return;
    }

    if (!conn->redis->conf.insecure) {
        rc = SSL_get_verify_result(c->ssl->connection);

        if (rc != X509_V_OK) {
            ngx_http_litellm_redis_lost(conn, "has a certificate that is not "
                                        "trusted", 0);
            return;
        }

        if (ngx_http_litellm_redis_certified(c, &conn->redis->conf.host)
            != NGX_OK)
        {
            ngx_http_litellm_redis_lost(conn, "has a certificate of another "
                                        "name", 0);
            return;
        }
    }

    ngx_http_litellm_redis_begin(conn);
}


static ngx_uint_t
ngx_http_litellm_redis_address(ngx_str_t *host)
{
    return ngx_inet_addr(host->data, host->len) != INADDR_NONE
           || ngx_strlchr(host->data, host->data + host->len, ':') != NULL;
}


/* ngx_ssl_check_host() knows of names only */

static ngx_int_t
ngx_http_litellm_redis_certified(ngx_connection_t *c, ngx_str_t *host)
{
    int    rc;
    X509  *cert;

    if (!ngx_http_litellm_redis_address(host)) {
        return ngx_ssl_check_host(c, host);
    }

    cert = SSL_get_peer_certificate(c->ssl->connection);
    if (cert == NULL) {
        return NGX_ERROR;
    }

    rc = X509_check_ip_asc(cert, (char *) host->data, 0);

    X509_free(cert);

    return (rc == 1) ? NGX_OK : NGX_ERROR;
}

#endif


static void
ngx_http_litellm_redis_begin(ngx_http_litellm_redis_conn_t *conn)
{
    ngx_connection_t  *c;

    c = conn->peer.connection;

    c->read->handler = ngx_http_litellm_redis_read;
    c->write->handler = ngx_http_litellm_redis_write;

    conn->connected = 1;

    ngx_http_litellm_redis_login(conn);

    if (conn->why != NULL) {
        ngx_http_litellm_redis_lost(conn, conn->why, 0);
        return;
    }

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_http_litellm_redis_lost(conn, "can't be read from", 0);
        return;
    }

    ngx_http_litellm_redis_write(c->write);
}


void
ngx_http_litellm_redis_flush(ngx_http_litellm_redis_conn_t *conn)
{
    if (conn->peer.connection == NULL && !conn->connecting) {
        ngx_http_litellm_redis_connect(conn);
        return;
    }

    /* those of one turn of the event loop go out together */

    if (conn->connected && conn->peer.connection->write->ready) {
        ngx_post_event(conn->peer.connection->write, &ngx_posted_events);
    }
}


static void
ngx_http_litellm_redis_write(ngx_event_t *ev)
{
    ssize_t                         n;
    ngx_connection_t               *c;
    ngx_http_litellm_redis_conn_t  *conn;

    c = ev->data;
    conn = c->data;

    for ( ;; ) {

        if (conn->out_pos == conn->out_last) {
            ngx_http_litellm_redis_fill(conn);

            if (conn->out_last == 0) {
                break;
            }
        }

        n = c->send(c, conn->out + conn->out_pos,
                    conn->out_last - conn->out_pos);

        if (n == NGX_AGAIN || n == 0) {
            break;
        }

        if (n == NGX_ERROR) {
            ngx_http_litellm_redis_lost(conn, "has closed the connection", 0);
            return;
        }

        conn->out_pos += n;
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        ngx_http_litellm_redis_lost(conn, "can't be written to", 0);
    }
}


/* as much as fits of the commands that were not sent */

static void
ngx_http_litellm_redis_fill(ngx_http_litellm_redis_conn_t *conn)
{
    size_t                             n;
    ngx_queue_t                       *q;
    ngx_http_litellm_redis_command_t  *cmd;

    conn->out_pos = 0;
    conn->out_last = 0;

    /* from the end: all before one that was sent were sent */

    for (q = ngx_queue_last(&conn->commands);
         q != ngx_queue_sentinel(&conn->commands);
         q = ngx_queue_prev(q))
    {
        cmd = ngx_queue_data(q, ngx_http_litellm_redis_command_t, queue);

        if (cmd->sent == cmd->text.len) {
            break;
        }
    }

    for (q = ngx_queue_next(q);
         q != ngx_queue_sentinel(&conn->commands)
         && conn->out_last < NGX_HTTP_LITELLM_REDIS_BUFFER;
         q = ngx_queue_next(q))
    {
        cmd = ngx_queue_data(q, ngx_http_litellm_redis_command_t, queue);

        n = ngx_min(cmd->text.len - cmd->sent,
                    NGX_HTTP_LITELLM_REDIS_BUFFER - conn->out_last);

        ngx_memcpy(conn->out + conn->out_last, cmd->text.data + cmd->sent, n);

        cmd->sent += n;
        conn->out_last += n;
    }
}


static void
ngx_http_litellm_redis_read(ngx_event_t *ev)
{
    ssize_t                         n;
    ngx_int_t                       rc;
    ngx_uint_t                      reads;
    ngx_connection_t               *c;
    ngx_litellm_resp_t             *reply;
    ngx_http_litellm_redis_conn_t  *conn;
    u_char                          buf[NGX_HTTP_LITELLM_REDIS_BUFFER];

    c = ev->data;
    conn = c->data;

    for (reads = 0; reads < NGX_HTTP_LITELLM_REDIS_READS; reads++) {

        n = c->recv(c, buf, sizeof(buf));

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == NGX_ERROR || n == 0) {
            ngx_http_litellm_redis_lost(conn, "has closed the connection", 0);
            return;
        }

        conn->heard = ngx_current_msec;

        if (ngx_litellm_resp_feed(&conn->reader, buf, (size_t) n) != NGX_OK) {
            ngx_http_litellm_redis_lost(conn, "sent more than is read", 0);
            return;
        }

        for ( ;; ) {
            rc = ngx_litellm_resp_next(&conn->reader, &reply);

            if (rc == NGX_AGAIN) {
                break;
            }

            if (rc != NGX_OK) {
                ngx_http_litellm_redis_lost(conn, "sent what is no reply", 0);
                return;
            }

            ngx_http_litellm_redis_reply(conn, reply);

            if (conn->why != NULL) {
                ngx_http_litellm_redis_lost(conn, conn->why, 0);
                return;
            }
        }
    }

    if (reads == NGX_HTTP_LITELLM_REDIS_READS) {
        ngx_post_event(c->read, &ngx_posted_next_events);
    }

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_http_litellm_redis_lost(conn, "can't be read from", 0);
    }
}


void
ngx_http_litellm_redis_disconnect(ngx_http_litellm_redis_conn_t *conn)
{
    ngx_connection_t  *c;

    ngx_http_litellm_origin_cancel(&conn->resolve);

    if (conn->timer.timer_set) {
        ngx_del_timer(&conn->timer);
    }

    if (conn->timer.posted) {
        ngx_delete_posted_event(&conn->timer);
    }

    c = conn->peer.connection;

    if (c != NULL) {

#if (NGX_HTTP_SSL)

        if (c->ssl) {
            c->ssl->no_wait_shutdown = 1;
            c->ssl->no_send_shutdown = 1;
            (void) ngx_ssl_shutdown(c);
        }

#endif

        ngx_close_connection(c);
        conn->peer.connection = NULL;
    }

    ngx_litellm_resp_close(&conn->reader);

    if (conn->pool != NULL) {
        ngx_destroy_pool(conn->pool);
        conn->pool = NULL;
    }

    conn->out = NULL;
    conn->out_pos = 0;
    conn->out_last = 0;
    conn->connecting = 0;
    conn->connected = 0;
    conn->up = 0;
}

#endif
