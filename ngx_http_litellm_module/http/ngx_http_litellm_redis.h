
/*
 * Redis: one pipelined connection per worker to a server; limits and the cache
 * of answers have one each, so that large values are in nobody's way.  Whoever
 * wants something of it gives a command and a handler; nothing here ever
 * blocks, and nobody waits longer than the time that the command was given.
 *
 *   ngx_http_litellm_redis.c        commands: queue, deadlines, what they get
 *   ngx_http_litellm_redis_conn.c   the connection: name, TLS, login, bytes
 *   ngx_http_litellm_redis_conf.c   directives, the YAML's settings
 *   ngx_http_litellm_redis_share.c  limits and spend of several gateways
 *   ngx_http_litellm_redis_admit.c  a request that asks before it is let in
 *   ngx_http_litellm_redis_records.c  keys, teams and users of several gateways
 *   ngx_http_litellm_redis_take.c   the same: what others have told
 *
 * Built without hiredis there is no connection, and the directive is an error.
 */

#ifndef _NGX_HTTP_LITELLM_REDIS_H_INCLUDED_
#define _NGX_HTTP_LITELLM_REDIS_H_INCLUDED_


#include "ngx_http_litellm.h"
#include "ngx_litellm_resp.h"
#include "ngx_http_litellm_store.h"


/* commands that wait for their turn or for a reply, and their bytes */
#define NGX_HTTP_LITELLM_REDIS_QUEUE   4096
#define NGX_HTTP_LITELLM_REDIS_BYTES   (64 * 1024 * 1024)

#define NGX_HTTP_LITELLM_REDIS_ID      16     /* hex digits */


typedef enum {
    NGX_HTTP_LITELLM_REDIS_OFF = 0,
    NGX_HTTP_LITELLM_REDIS_ASYNC,
    NGX_HTTP_LITELLM_REDIS_EXACT
} ngx_http_litellm_redis_limits_e;


/* who has let a request in, or refused it: ctx->decided */
typedef enum {
    NGX_HTTP_LITELLM_DECIDED_NOT = 0,
    NGX_HTTP_LITELLM_DECIDED_LOCAL,   /* refused before Redis was asked */
    NGX_HTTP_LITELLM_DECIDED_ASYNC,
    NGX_HTTP_LITELLM_DECIDED_EXACT,
    NGX_HTTP_LITELLM_DECIDED_PARTIAL, /* as exact, by a Redis that has lost its
                                         data */
    NGX_HTTP_LITELLM_DECIDED_OPEN,    /* Redis did not say */
    NGX_HTTP_LITELLM_DECIDED_CLOSED,  /* the same */
    NGX_HTTP_LITELLM_DECIDED_WAITS
} ngx_http_litellm_redis_decided_e;


/*
 * Records that several gateways share, in the zone: what we know of those in
 * Redis.  For metrics: read its counters.
 */
typedef struct {
    ngx_atomic_t                  known;      /* id and cursor are */
    u_char                        id[NGX_HTTP_LITELLM_REDIS_ID];
    uint64_t                      cursor;     /* all up to it was taken over */

    ngx_uint_t                    pass;       /* a number, from 1 */
    ngx_uint_t                    pass_on;    /* it is under way */
    uint64_t                      pass_at;
    int64_t                       pass_end;   /* UNKNOWN: the end of the log */
    ngx_uint_t                    missed;     /* what is not there was deleted
                                                 in good order */
    ngx_atomic_uint_t             outages;    /* that were looked at */

    ngx_atomic_t                  sent;       /* changes told to others */
    ngx_atomic_t                  taken;      /* changes of others */
    ngx_atomic_t                  bad;        /* what was no record */
    ngx_atomic_t                  full;       /* no room for it */
} ngx_http_litellm_redis_records_t;

#define NGX_HTTP_LITELLM_RECORDS_UNKNOWN  -1


/* of all workers, in the zone; for metrics: read its counters */
typedef struct {
    ngx_atomic_t                  state;      /* 0: not tried, 1: up, 2: down */
    ngx_atomic_t                  commands;
    ngx_atomic_t                  errors;     /* error replies */
    ngx_atomic_t                  timeouts;
    ngx_atomic_t                  lost;       /* connections, or not made */
    ngx_atomic_t                  micros;     /* waited for replies, in all */

    /* who syncs limits: ngx_http_litellm_redis_share.c */
    ngx_atomic_t                  leader;     /* a process, or 0 */
    ngx_atomic_t                  beat;       /* when it last did */
    u_char                        id[NGX_HTTP_LITELLM_REDIS_ID];
    ngx_atomic_t                  has_id;
    ngx_atomic_t                  useless;    /* answers, but not our script */

    /* which data it had when we last heard of it */
    ngx_atomic_t                  data;       /* 0: we have not */
    ngx_atomic_t                  calls;
    ngx_atomic_t                  data_lost;  /* when older data was */
    ngx_atomic_t                  synced;     /* when counts were last
                                                 exchanged, ms; 0: never */

    ngx_atomic_t                  outages;
    ngx_http_litellm_redis_records_t  records;
} ngx_http_litellm_redis_sh_t;


typedef struct ngx_http_litellm_redis_conn_s  ngx_http_litellm_redis_conn_t;


/* a server: made at configuration time */
struct ngx_http_litellm_redis_s {
    ngx_litellm_redis_t           conf;
    ngx_str_t                     shown;      /* for the log */
    ngx_http_litellm_origin_t    *origin;     /* NULL: a unix socket */
    ngx_sockaddr_t                sockaddr;
    socklen_t                     socklen;
#if (NGX_HTTP_SSL)
    ngx_ssl_t                    *ssl;
#endif
    ngx_msec_t                    timeout;
    ngx_msec_t                    interval;
    ngx_msec_t                    window;     /* of limits */
    ngx_http_litellm_redis_limits_e  limits;
    ngx_flag_t                    fail_closed;
    ngx_flag_t                    keys;       /* records are shared */
    ngx_http_litellm_redis_sh_t  *sh;         /* from init_process on */
    ngx_http_litellm_redis_conn_t *conn;      /* this worker's */
};


typedef struct ngx_http_litellm_redis_command_s
    ngx_http_litellm_redis_command_t;

/*
 * Called once, from the event loop.  NGX_OK: reply, which may be an error of
 * the server's and is gone on return; NGX_BUSY: it took too long; NGX_ERROR:
 * the connection was lost.  In the last two nobody knows whether it was done.
 */
typedef void (*ngx_http_litellm_redis_pt)(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply);


/* ngx_http_litellm_redis.c */

/*
 * NULL: Redis is down, too much waits, or no memory: handler is not called.
 * What is returned is good until the handler was called; argv is copied.
 */
ngx_http_litellm_redis_command_t *ngx_http_litellm_redis_command(
    ngx_http_litellm_redis_t *redis, ngx_str_t *argv, ngx_uint_t argc,
    ngx_http_litellm_redis_pt handler, void *data, ngx_msec_t timeout);
/*
 * How long nothing has come from the server while it had something to say;
 * NGX_TIMER_INFINITE: it is down, commands are refused.
 */
ngx_msec_t ngx_http_litellm_redis_silence(ngx_http_litellm_redis_t *redis);
/* the handler will not be called */
void ngx_http_litellm_redis_cancel(ngx_http_litellm_redis_command_t *cmd);
/* a worker begins, and leaves */
ngx_int_t ngx_http_litellm_redis_enter(ngx_cycle_t *cycle);
void ngx_http_litellm_redis_leave(ngx_cycle_t *cycle);

/* ngx_http_litellm_redis_conf.c */
char *ngx_http_litellm_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_litellm_redis_limits(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
/* when all is read: mcf->redis, or NULL */
ngx_int_t ngx_http_litellm_redis_init(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf);
/* redis->conf is set: where that is */
ngx_int_t ngx_http_litellm_redis_locate(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf, ngx_http_litellm_redis_t *redis);

/* ngx_http_litellm_zone.c */
ngx_http_litellm_redis_sh_t *ngx_http_litellm_zone_redis(ngx_shm_zone_t *zone);

/* ngx_http_litellm_redis_share.c */
void ngx_http_litellm_redis_share_enter(ngx_http_litellm_redis_t *redis,
    ngx_shm_zone_t *zone, ngx_log_t *log);
void ngx_http_litellm_redis_share_leave(void);
/* the leader is to take its turn at once */
void ngx_http_litellm_redis_share_again(void);
/*
 * Counts of accounts to the server and those of others back.  As
 * ngx_http_litellm_redis_command(); the reply is for .._share_others().
 */
ngx_http_litellm_redis_command_t *ngx_http_litellm_redis_share_send(
    ngx_http_litellm_redis_t *redis, ngx_http_litellm_ledger_share_t *shares,
    ngx_uint_t n, ngx_http_litellm_redis_pt handler, void *data);
/*
 * NGX_OK: others[] is filled; NGX_ABORT: it is, and others may not have told
 * theirs since the server has lost its data; NGX_ERROR: that is no reply to it
 */
ngx_int_t ngx_http_litellm_redis_share_others(ngx_litellm_resp_t *reply,
    ngx_http_litellm_redis_t *redis, ngx_http_litellm_ledger_share_t *shares,
    ngx_http_litellm_ledger_others_t *others, ngx_uint_t n);

/*
 * ngx_http_litellm_redis_admit.c: a reservation that stands here is asked for
 * there.  NGX_OK: it stands; NGX_AGAIN: the request will be woken and calls
 * again; NGX_DECLINED: refused, bill->rv says by what, nothing is reserved;
 * NGX_BUSY: fail-closed and no Redis, nothing is reserved; NGX_ERROR.
 */
ngx_int_t ngx_http_litellm_redis_admit(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_bill_t *bill);

/* ngx_http_litellm_redis_records.c */
void ngx_http_litellm_redis_records_enter(ngx_http_litellm_redis_t *redis,
    ngx_shm_zone_t *zone);
void ngx_http_litellm_redis_records_leave(void);
/* of the leader, each interval */
void ngx_http_litellm_redis_records_turn(void);

/* ngx_http_litellm_redis_take.c: of the leader */

void ngx_http_litellm_redis_take_enter(ngx_http_litellm_redis_t *redis,
    ngx_shm_zone_t *zone);
/*
 * One record of Redis.  NGX_OK; NGX_DECLINED: it is none, though it has a mark,
 * which is in item.
 */
ngx_int_t ngx_http_litellm_redis_take(ngx_str_t *field,
    ngx_litellm_resp_t *value, ngx_http_litellm_store_item_t *item);
/* it was deleted elsewhere: its accounts go, too */
void ngx_http_litellm_redis_take_gone(ngx_http_litellm_store_item_t *item,
    ngx_pool_t *pool);
/* the highest mark that can be meant */
uint64_t ngx_http_litellm_redis_take_top(void);
/* once, when it is time to try again what had no room */
ngx_uint_t ngx_http_litellm_redis_take_again(void);
/* what is wrong with Redis or its records (why may be NULL) */
void ngx_http_litellm_redis_take_bad(const char *what, ngx_str_t *why);
/* ngx_http_litellm_redis_conn.c */

struct ngx_http_litellm_redis_command_s {
    ngx_queue_t                   queue;
    ngx_http_litellm_redis_conn_t *conn;
    ngx_http_litellm_redis_pt     handler;    /* NULL: nobody waits */
    void                         *data;
    ngx_event_t                   timer;
    ngx_str_t                     text;
    size_t                        sent;
    ngx_msec_t                    since;
};


struct ngx_http_litellm_redis_conn_s {
    ngx_http_litellm_redis_t     *redis;
    ngx_log_t                    *log;
    ngx_log_t                     quiet;      /* the same, alerts only */
    ngx_pool_t                   *pool;       /* of the connection */
    ngx_peer_connection_t         peer;
    ngx_http_litellm_resolve_t    resolve;
    ngx_litellm_resp_reader_t     reader;
    ngx_queue_t                   commands;   /* in the order of replies */
    ngx_msec_t                    heard;      /* when bytes last came */
    ngx_uint_t                    ncommands;
    size_t                        bytes;
    ngx_event_t                   timer;      /* of the next try, or of this */
    ngx_uint_t                    failures;   /* in a row */
    ngx_uint_t                    lives;      /* how often it was made */
    ngx_uint_t                    turn;       /* of its addresses */
    u_char                       *out;
    size_t                        out_pos;
    size_t                        out_last;
    const char                   *why;        /* it is to be closed */
    ngx_err_t                     err;
    unsigned                      connecting:1;
    unsigned                      connected:1;   /* commands may be sent */
    unsigned                      up:1;          /* it let us in */
    unsigned                      waiting:1;     /* for the next try */
    unsigned                      leaving:1;
};


void ngx_http_litellm_redis_connect(ngx_http_litellm_redis_conn_t *conn);
/* commands have come */
void ngx_http_litellm_redis_flush(ngx_http_litellm_redis_conn_t *conn);
/* all commands are told; tries again after a while */
void ngx_http_litellm_redis_lost(ngx_http_litellm_redis_conn_t *conn,
    const char *why, ngx_err_t err);
void ngx_http_litellm_redis_disconnect(ngx_http_litellm_redis_conn_t *conn);
void ngx_http_litellm_redis_loud(ngx_http_litellm_redis_conn_t *conn);
/* the connection is there: what is to be said first */
void ngx_http_litellm_redis_login(ngx_http_litellm_redis_conn_t *conn);
/* of all commands whose replies have come */
void ngx_http_litellm_redis_reply(ngx_http_litellm_redis_conn_t *conn,
    ngx_litellm_resp_t *reply);


#endif /* _NGX_HTTP_LITELLM_REDIS_H_INCLUDED_ */
