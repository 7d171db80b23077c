
/*
 * Commands to Redis: each is in the queue of its worker's connection from the
 * call until its reply has come, or the connection is gone; replies come in
 * the order of commands.  A handler is called exactly once, and never before
 * the call that gave it has returned.
 *
 * While Redis is known to be down commands are refused at once; a timer of the
 * connection tries again.  A command that has waited too long is told, and
 * stays in the queue for its reply.  If nothing has come from the server for
 * the time-out of the connection although it had something to say, it is taken
 * to be gone.
 */

#include "ngx_http_litellm_redis.h"
#include "ngx_http_litellm_cache_redis.h"


#if (NGX_LITELLM_HAVE_HIREDIS)


static ngx_uint_t ngx_http_litellm_redis_down(
    ngx_http_litellm_redis_conn_t *conn);
static ngx_msec_t ngx_http_litellm_redis_silent(
    ngx_http_litellm_redis_conn_t *conn);
static ngx_http_litellm_redis_command_t *ngx_http_litellm_redis_make(
    ngx_http_litellm_redis_conn_t *conn, ngx_str_t *argv, ngx_uint_t argc,
    ngx_http_litellm_redis_pt handler, void *data, ngx_msec_t timeout);
static void ngx_http_litellm_redis_tell(ngx_http_litellm_redis_command_t *cmd,
    ngx_int_t rc, ngx_litellm_resp_t *reply);
static void ngx_http_litellm_redis_forget(
    ngx_http_litellm_redis_command_t *cmd);
static void ngx_http_litellm_redis_late(ngx_event_t *ev);
static ngx_int_t ngx_http_litellm_redis_say(
    ngx_http_litellm_redis_conn_t *conn, ngx_str_t *argv, ngx_uint_t argc,
    ngx_http_litellm_redis_pt handler, ngx_queue_t *after);
static void ngx_http_litellm_redis_said(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply);
static void ngx_http_litellm_redis_ignored(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply);
static void ngx_http_litellm_redis_ready(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply);
static void ngx_http_litellm_redis_timer(ngx_event_t *ev);
static ngx_int_t ngx_http_litellm_redis_begin(ngx_cycle_t *cycle,
    ngx_http_litellm_redis_t *redis, ngx_http_litellm_redis_sh_t *sh);
static void ngx_http_litellm_redis_end(ngx_http_litellm_redis_t *redis);


ngx_http_litellm_redis_command_t *
ngx_http_litellm_redis_command(ngx_http_litellm_redis_t *redis,
    ngx_str_t *argv, ngx_uint_t argc, ngx_http_litellm_redis_pt handler,
    void *data, ngx_msec_t timeout)
{
    ngx_http_litellm_redis_conn_t     *conn;
    ngx_http_litellm_redis_command_t  *cmd;

    conn = redis->conn;

    if (ngx_http_litellm_redis_down(conn)) {
        return NULL;
    }

    cmd = ngx_http_litellm_redis_make(conn, argv, argc, handler, data,
                                      timeout);
    if (cmd == NULL) {
        return NULL;
    }

    ngx_queue_insert_tail(&conn->commands, &cmd->queue);

    (void) ngx_atomic_fetch_add(&redis->sh->commands, 1);

    ngx_http_litellm_redis_flush(conn);

    return cmd;
}


static ngx_uint_t
ngx_http_litellm_redis_down(ngx_http_litellm_redis_conn_t *conn)
{
    return conn == NULL || conn->waiting || conn->leaving
           || (conn->failures && !conn->up);
}


ngx_msec_t
ngx_http_litellm_redis_silence(ngx_http_litellm_redis_t *redis)
{
    return ngx_http_litellm_redis_down(redis->conn)
           ? NGX_TIMER_INFINITE
           : ngx_http_litellm_redis_silent(redis->conn);
}


static ngx_msec_t
ngx_http_litellm_redis_silent(ngx_http_litellm_redis_conn_t *conn)
{
    ngx_queue_t                       *q;
    ngx_msec_t                         since;
    ngx_http_litellm_redis_command_t  *cmd;

    if (ngx_queue_empty(&conn->commands)) {
        return 0;
    }

    q = ngx_queue_head(&conn->commands);
    cmd = ngx_queue_data(q, ngx_http_litellm_redis_command_t, queue);

    since = cmd->since;

    if ((ngx_msec_int_t) (conn->heard - since) > 0) {
        since = conn->heard;
    }

    return ngx_current_msec - since;
}


static ngx_http_litellm_redis_command_t *
ngx_http_litellm_redis_make(ngx_http_litellm_redis_conn_t *conn,
    ngx_str_t *argv, ngx_uint_t argc, ngx_http_litellm_redis_pt handler,
    void *data, ngx_msec_t timeout)
{
    ngx_http_litellm_redis_command_t  *cmd;

    if (conn->ncommands >= NGX_HTTP_LITELLM_REDIS_QUEUE
        || conn->bytes >= NGX_HTTP_LITELLM_REDIS_BYTES)
    {
        return NULL;
    }

    cmd = ngx_calloc(sizeof(ngx_http_litellm_redis_command_t), conn->log);
    if (cmd == NULL) {
        return NULL;
    }

    if (ngx_litellm_resp_format(argv, argc, &cmd->text) != NGX_OK) {
        ngx_free(cmd);
        return NULL;
    }

    cmd->conn = conn;
    cmd->handler = handler;
    cmd->data = data;
    cmd->since = ngx_current_msec;

    cmd->timer.handler = ngx_http_litellm_redis_late;
    cmd->timer.data = cmd;
    cmd->timer.log = conn->log;

    ngx_add_timer(&cmd->timer, timeout);

    conn->ncommands++;
    conn->bytes += cmd->text.len;

    return cmd;
}


void
ngx_http_litellm_redis_cancel(ngx_http_litellm_redis_command_t *cmd)
{
    cmd->handler = NULL;
}


static void
ngx_http_litellm_redis_tell(ngx_http_litellm_redis_command_t *cmd,
    ngx_int_t rc, ngx_litellm_resp_t *reply)
{
    ngx_http_litellm_redis_pt  handler;

    handler = cmd->handler;
    cmd->handler = NULL;

    if (handler != NULL) {
        handler(cmd->data, rc, reply);
    }
}


static void
ngx_http_litellm_redis_forget(ngx_http_litellm_redis_command_t *cmd)
{
    if (cmd->timer.timer_set) {
        ngx_del_timer(&cmd->timer);
    }

    cmd->conn->ncommands--;
    cmd->conn->bytes -= cmd->text.len;

    ngx_litellm_resp_free(&cmd->text);
    ngx_free(cmd);
}


static void
ngx_http_litellm_redis_late(ngx_event_t *ev)
{
    ngx_msec_t                         silent, timeout;
    ngx_http_litellm_redis_conn_t     *conn;
    ngx_http_litellm_redis_command_t  *cmd;

    cmd = ev->data;
    conn = cmd->conn;

    if (cmd->handler != NULL) {
        (void) ngx_atomic_fetch_add(&conn->redis->sh->timeouts, 1);
    }

    silent = ngx_http_litellm_redis_silent(conn);
    timeout = conn->redis->timeout;

    if (silent >= timeout) {
        ngx_http_litellm_redis_lost(conn, "does not answer", 0);
        return;
    }

    /* it is looked after until there is a reply */

    ev->cancelable = 1;
    ngx_add_timer(ev, timeout - silent);

    ngx_http_litellm_redis_tell(cmd, NGX_BUSY, NULL);
}


void
ngx_http_litellm_redis_reply(ngx_http_litellm_redis_conn_t *conn,
    ngx_litellm_resp_t *reply)
{
    ngx_queue_t                       *q;
    ngx_http_litellm_redis_command_t  *cmd;

    if (ngx_queue_empty(&conn->commands)) {
        conn->why = "sent what nobody asked for";
        return;
    }

    q = ngx_queue_head(&conn->commands);
    cmd = ngx_queue_data(q, ngx_http_litellm_redis_command_t, queue);

    if (cmd->sent < cmd->text.len) {
        conn->why = "answered before it was asked";
        return;
    }

    ngx_queue_remove(q);

    if (reply->type == NGX_LITELLM_RESP_ERROR) {
        (void) ngx_atomic_fetch_add(&conn->redis->sh->errors, 1);
    }

    (void) ngx_atomic_fetch_add(&conn->redis->sh->micros,
                                (ngx_current_msec - cmd->since) * 1000);

    ngx_http_litellm_redis_tell(cmd, NGX_OK, reply);
    ngx_http_litellm_redis_forget(cmd);
}


void
ngx_http_litellm_redis_lost(ngx_http_litellm_redis_conn_t *conn,
    const char *why, ngx_err_t err)
{
    ngx_queue_t                       *q, told;
    ngx_atomic_t                      *state;
    ngx_http_litellm_redis_command_t  *cmd;

    ngx_http_litellm_redis_disconnect(conn);

    (void) ngx_atomic_fetch_add(&conn->redis->sh->lost, 1);

    state = &conn->redis->sh->state;

    if (!conn->leaving
        && (ngx_atomic_cmp_set(state, 1, 2) || ngx_atomic_cmp_set(state, 0, 2)))
    {
        (void) ngx_atomic_fetch_add(&conn->redis->sh->outages, 1);

        ngx_log_error(NGX_LOG_ERR, conn->log, err,
                      "litellm: Redis \"%V\" %s", &conn->redis->shown, why);

    } else {
        ngx_log_error(NGX_LOG_INFO, conn->log, err,
                      "litellm: Redis \"%V\" %s", &conn->redis->shown, why);
    }

    /* handlers may give commands, which are refused from now on */

    conn->waiting = 1;
    conn->failures++;

    if (!conn->leaving) {
        ngx_add_timer(&conn->timer,
                      ngx_min((ngx_msec_t) 100 << ngx_min(conn->failures, 8),
                              5000)
                      + ngx_http_litellm_random() % 100);
    }

    if (ngx_queue_empty(&conn->commands)) {
        return;
    }

    told = conn->commands;
    told.next->prev = &told;
    told.prev->next = &told;

    ngx_queue_init(&conn->commands);

    while (!ngx_queue_empty(&told)) {
        q = ngx_queue_head(&told);
        ngx_queue_remove(q);

        cmd = ngx_queue_data(q, ngx_http_litellm_redis_command_t, queue);

        ngx_http_litellm_redis_tell(cmd, NGX_ERROR, NULL);
        ngx_http_litellm_redis_forget(cmd);
    }
}


/* AUTH, SELECT, a name for CLIENT LIST, and PING: who answers lets us in */

void
ngx_http_litellm_redis_login(ngx_http_litellm_redis_conn_t *conn)
{
    u_char                db[NGX_INT_T_LEN];
    ngx_str_t             argv[3];
    ngx_uint_t            n;
    ngx_queue_t          *first;
    ngx_litellm_redis_t  *conf;

    conf = &conn->redis->conf;

    /* the replies to these come before those to what waits already */

    first = &conn->commands;

    ngx_str_set(&argv[0], "PING");

    if (ngx_http_litellm_redis_say(conn, argv, 1, ngx_http_litellm_redis_ready,
                                   first)
        != NGX_OK)
    {
        goto failed;
    }

    ngx_str_set(&argv[0], "CLIENT");
    ngx_str_set(&argv[1], "SETNAME");
    ngx_str_set(&argv[2], "nginx-litellm");

    if (ngx_http_litellm_redis_say(conn, argv, 3,
                                   ngx_http_litellm_redis_ignored, first)
        != NGX_OK)
    {
        goto failed;
    }

    if (conf->db) {
        ngx_str_set(&argv[0], "SELECT");
        argv[1].data = db;
        argv[1].len = ngx_sprintf(db, "%ui", conf->db) - db;

        if (ngx_http_litellm_redis_say(conn, argv, 2,
                                       ngx_http_litellm_redis_said, first)
            != NGX_OK)
        {
            goto failed;
        }
    }

    if (conf->password.len) {
        n = 0;
        ngx_str_set(&argv[n], "AUTH");
        n++;

        if (conf->username.len) {
            argv[n++] = conf->username;
        }

        argv[n++] = conf->password;

        if (ngx_http_litellm_redis_say(conn, argv, n,
                                       ngx_http_litellm_redis_said, first)
            != NGX_OK)
        {
            goto failed;
        }
    }

    return;

failed:

    conn->why = "can't be logged in to: no memory";
}


static ngx_int_t
ngx_http_litellm_redis_say(ngx_http_litellm_redis_conn_t *conn,
    ngx_str_t *argv, ngx_uint_t argc, ngx_http_litellm_redis_pt handler,
    ngx_queue_t *after)
{
    ngx_http_litellm_redis_command_t  *cmd;

    cmd = ngx_http_litellm_redis_make(conn, argv, argc, handler, conn,
                                      conn->redis->timeout);
    if (cmd == NULL) {
        return NGX_ERROR;
    }

    cmd->timer.cancelable = 1;

    ngx_queue_insert_after(after, &cmd->queue);

    return NGX_OK;
}


static void
ngx_http_litellm_redis_said(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply)
{
    ngx_http_litellm_redis_conn_t *conn = data;

    if (rc == NGX_OK && reply->type != NGX_LITELLM_RESP_STATUS) {
        conn->why = "refuses our user, password or database";
    }
}


static void
ngx_http_litellm_redis_ignored(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply)
{
}


static void
ngx_http_litellm_redis_ready(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply)
{
    ngx_http_litellm_redis_conn_t *conn = data;

    ngx_atomic_t  *state;

    if (rc != NGX_OK) {
        return;
    }

    if (reply->type != NGX_LITELLM_RESP_STATUS) {

        if (conn->why == NULL) {
            conn->why = (reply->type == NGX_LITELLM_RESP_ERROR)
                        ? "does not let us in" : "speaks another protocol";
        }

        return;
    }

    if (conn->why != NULL) {
        return;
    }

    conn->up = 1;
    conn->lives++;
    conn->failures = 0;

    ngx_http_litellm_redis_loud(conn);

    if (conn->timer.timer_set) {
        ngx_del_timer(&conn->timer);
    }

    state = &conn->redis->sh->state;

    if (ngx_atomic_cmp_set(state, 2, 1)) {
        ngx_log_error(NGX_LOG_NOTICE, conn->log, 0,
                      "litellm: Redis \"%V\" is back", &conn->redis->shown);

    } else {
        (void) ngx_atomic_cmp_set(state, 0, 1);
    }
}


static void
ngx_http_litellm_redis_timer(ngx_event_t *ev)
{
    ngx_http_litellm_redis_conn_t *conn = ev->data;

    if (conn->waiting) {
        conn->waiting = 0;
        ngx_http_litellm_redis_connect(conn);
        return;
    }

    ngx_http_litellm_redis_lost(conn, conn->why ? conn->why
                                      : "can't be connected to in time",
                                conn->err);
}


ngx_int_t
ngx_http_litellm_redis_enter(ngx_cycle_t *cycle)
{
    ngx_http_litellm_main_conf_t        *mcf;
    ngx_http_litellm_cache_redis_sh_t   *sh;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_litellm_module);

    if (mcf == NULL || mcf->zone == NULL) {
        return NGX_OK;
    }

    if (mcf->redis != NULL) {

        if (ngx_http_litellm_redis_begin(cycle, mcf->redis,
                                       ngx_http_litellm_zone_redis(mcf->zone))
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_http_litellm_redis_records_enter(mcf->redis, mcf->zone);
        ngx_http_litellm_redis_share_enter(mcf->redis, mcf->zone, cycle->log);
    }

    if (mcf->cache_redis != NULL) {
        sh = ngx_http_litellm_zone_cache_redis(mcf->zone);

        if (ngx_http_litellm_redis_begin(cycle, mcf->cache_redis, &sh->redis)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        return ngx_http_litellm_cache_redis_enter(mcf, cycle);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_redis_begin(ngx_cycle_t *cycle,
    ngx_http_litellm_redis_t *redis, ngx_http_litellm_redis_sh_t *sh)
{
    ngx_http_litellm_redis_conn_t  *conn;

    conn = ngx_pcalloc(cycle->pool, sizeof(ngx_http_litellm_redis_conn_t));
    if (conn == NULL) {
        return NGX_ERROR;
    }

    conn->redis = redis;
    conn->log = cycle->log;

    conn->timer.handler = ngx_http_litellm_redis_timer;
    conn->timer.data = conn;
    conn->timer.log = cycle->log;
    conn->timer.cancelable = 1;

    ngx_queue_init(&conn->commands);

    redis->sh = sh;
    redis->conn = conn;

    return NGX_OK;
}


void
ngx_http_litellm_redis_leave(ngx_cycle_t *cycle)
{
    ngx_http_litellm_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_litellm_module);

    if (mcf == NULL) {
        return;
    }

    if (mcf->redis != NULL && mcf->redis->conn != NULL) {
        ngx_http_litellm_redis_share_leave();
        ngx_http_litellm_redis_records_leave();
        ngx_http_litellm_redis_end(mcf->redis);
    }

    if (mcf->cache_redis != NULL && mcf->cache_redis->conn != NULL) {
        ngx_http_litellm_cache_redis_leave();
        ngx_http_litellm_redis_end(mcf->cache_redis);
    }
}


static void
ngx_http_litellm_redis_end(ngx_http_litellm_redis_t *redis)
{
    redis->conn->leaving = 1;

    if (redis->conn->timer.timer_set) {
        ngx_del_timer(&redis->conn->timer);
    }

    ngx_http_litellm_redis_lost(redis->conn, "is left", 0);

    redis->conn = NULL;
}


#else


ngx_int_t
ngx_http_litellm_redis_enter(ngx_cycle_t *cycle)
{
    return NGX_OK;
}


void
ngx_http_litellm_redis_leave(ngx_cycle_t *cycle)
{
}

#endif
