
/*
 * The generation of what is kept in Redis: a number in the names of all
 * entries.  Who empties the cache raises it; nobody asks for the old names any
 * more, whatever happens to them.  Each worker looks once a second, and one
 * that sees a new number empties its gateway's memory, too.  So what was kept
 * is forgotten everywhere within a second and the time of a reply.
 *
 * The number only grows, so that an old reply is known from a new one: it is
 * raised to the time of the clock, or by one.  A Redis that has lost it is told
 * of it again.  Entries of old generations are deleted in slices by the worker
 * that raised it; what it does not come to goes by its time to live.
 */

#include "ngx_http_litellm_cache_redis.h"


ngx_http_litellm_cache_there_t  ngx_http_litellm_cache_there;


#if (NGX_LITELLM_HAVE_HIREDIS)


#define NGX_HTTP_LITELLM_CACHE_POLL   1000

/* of a sweep: names that are looked at with one command, and its time-out */
#define NGX_HTTP_LITELLM_CACHE_SWEEP  "500"
#define NGX_HTTP_LITELLM_CACHE_SWEPT  1000
#define NGX_HTTP_LITELLM_CACHE_PAUSE  20


typedef struct {
    ngx_http_litellm_redis_command_t  *cmd;
    ngx_event_t                        timer;
    ngx_str_t                          pattern;
    ngx_str_t                          cursor;
    u_char                             buf[NGX_INT64_LEN];
    unsigned                           again:1;
} ngx_http_litellm_cache_sweep_t;


static ngx_http_litellm_redis_command_t *ngx_http_litellm_cache_raise(
    ngx_atomic_uint_t to, ngx_uint_t by, ngx_http_litellm_redis_pt handler,
    void *data);
static ngx_int_t ngx_http_litellm_cache_raised(ngx_litellm_resp_t *reply,
    ngx_atomic_uint_t *generation);
static void ngx_http_litellm_cache_follow(ngx_atomic_uint_t generation);
static void ngx_http_litellm_cache_poll(ngx_event_t *ev);
static void ngx_http_litellm_cache_polled(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply);
static ngx_int_t ngx_http_litellm_cache_pattern(ngx_pool_t *pool,
    ngx_str_t *prefix, ngx_str_t *pattern);
static void ngx_http_litellm_cache_sweep_begin(void);
static void ngx_http_litellm_cache_sweep(ngx_event_t *ev);
static void ngx_http_litellm_cache_scanned(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply);
static void ngx_http_litellm_cache_swept(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply);
static ngx_uint_t ngx_http_litellm_cache_old(ngx_str_t *name);


static ngx_connection_t                  ngx_http_litellm_cache_dumb;
static ngx_event_t                       ngx_http_litellm_cache_poll_event;
static ngx_http_litellm_redis_command_t *ngx_http_litellm_cache_poll_cmd;
static ngx_http_litellm_cache_sweep_t    ngx_http_litellm_cache_sweeping;


/*
 * KEYS: the generation's name.  ARGV: what it is at least, and what it is more
 * than it was.  Returns it.
 */
static ngx_str_t  ngx_http_litellm_cache_script = ngx_string(
    "if redis.replicate_commands then redis.replicate_commands() end\n"
    "local v=redis.pcall('GET',KEYS[1])\n"
    "local g=type(v)=='string' and string.match(v,'^%d+$') and tonumber(v)\n"
    "if not g or g>4503599627370496 then g=0 end\n"
    "local n=math.max(tonumber(ARGV[1]),g+tonumber(ARGV[2]))\n"
    "local s=string.format('%.0f',n)\n"
    "if n~=g then redis.call('SET',KEYS[1],s) end\n"
    "return s\n");


ngx_int_t
ngx_http_litellm_cache_redis_enter(ngx_http_litellm_main_conf_t *mcf,
    ngx_cycle_t *cycle)
{
    u_char                          *p;
    ngx_str_t                       *ns;
    ngx_event_t                     *ev;
    ngx_http_litellm_cache_sweep_t  *sweep;
    ngx_http_litellm_cache_there_t  *there;

    there = &ngx_http_litellm_cache_there;

    ns = &mcf->cache_redis->conf.name_space;

    p = ngx_pnalloc(cycle->pool, ns->len + sizeof("{:litellm}:cache:"));
    if (p == NULL) {
        return NGX_ERROR;
    }

    there->prefix.data = p;

    p = ns->len ? ngx_sprintf(p, "{%V:litellm}:cache:", ns)
                : ngx_sprintf(p, "{litellm}:cache:");

    there->prefix.len = p - there->prefix.data;

    sweep = &ngx_http_litellm_cache_sweeping;

    ngx_memzero(sweep, sizeof(ngx_http_litellm_cache_sweep_t));

    if (ngx_http_litellm_cache_pattern(cycle->pool, &there->prefix,
                                       &sweep->pattern)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    sweep->timer.handler = ngx_http_litellm_cache_sweep;
    sweep->timer.data = &ngx_http_litellm_cache_dumb;
    sweep->timer.log = cycle->log;
    sweep->timer.cancelable = 1;

    there->redis = mcf->cache_redis;
    there->sh = ngx_http_litellm_zone_cache_redis(mcf->zone);
    there->mcf = mcf;

    /* the log of timers wants a descriptor */

    ngx_http_litellm_cache_dumb.fd = (ngx_socket_t) -1;

    ev = &ngx_http_litellm_cache_poll_event;

    ngx_memzero(ev, sizeof(ngx_event_t));

    ev->handler = ngx_http_litellm_cache_poll;
    ev->data = &ngx_http_litellm_cache_dumb;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_http_litellm_cache_poll_cmd = NULL;

    ngx_add_timer(ev, 1);

    return NGX_OK;
}


void
ngx_http_litellm_cache_redis_leave(void)
{
    ngx_http_litellm_cache_sweep_t  *sweep;

    sweep = &ngx_http_litellm_cache_sweeping;

    if (ngx_http_litellm_cache_poll_event.timer_set) {
        ngx_del_timer(&ngx_http_litellm_cache_poll_event);
    }

    if (sweep->timer.timer_set) {
        ngx_del_timer(&sweep->timer);
    }

    if (ngx_http_litellm_cache_poll_cmd != NULL) {
        ngx_http_litellm_redis_cancel(ngx_http_litellm_cache_poll_cmd);
        ngx_http_litellm_cache_poll_cmd = NULL;
    }

    if (sweep->cmd != NULL) {
        ngx_http_litellm_redis_cancel(sweep->cmd);
        sweep->cmd = NULL;
    }

    ngx_http_litellm_cache_there.redis = NULL;
}


static ngx_http_litellm_redis_command_t *
ngx_http_litellm_cache_raise(ngx_atomic_uint_t to, ngx_uint_t by,
    ngx_http_litellm_redis_pt handler, void *data)
{
    u_char                             min[NGX_INT64_LEN], more[2];
    ngx_str_t                          argv[6], *prefix;
    ngx_http_litellm_redis_t          *redis;
    ngx_http_litellm_redis_command_t  *cmd;

    redis = ngx_http_litellm_cache_there.redis;
    prefix = &ngx_http_litellm_cache_there.prefix;

    ngx_str_set(&argv[0], "EVAL");
    argv[1] = ngx_http_litellm_cache_script;
    ngx_str_set(&argv[2], "1");

    argv[3].len = prefix->len + sizeof("generation") - 1;
    argv[3].data = ngx_alloc(argv[3].len, ngx_cycle->log);
    if (argv[3].data == NULL) {
        return NULL;
    }

    (void) ngx_sprintf(argv[3].data, "%Vgeneration", prefix);

    argv[4].data = min;
    argv[4].len = ngx_sprintf(min, "%uA", to) - min;
    argv[5].data = more;
    argv[5].len = ngx_sprintf(more, "%ui", by) - more;

    cmd = ngx_http_litellm_redis_command(redis, argv, 6, handler, data,
                                         redis->timeout);

    ngx_free(argv[3].data);

    return cmd;
}


static ngx_int_t
ngx_http_litellm_cache_raised(ngx_litellm_resp_t *reply,
    ngx_atomic_uint_t *generation)
{
    ngx_int_t  n;

    if (reply->type != NGX_LITELLM_RESP_STRING) {

        if (reply->type == NGX_LITELLM_RESP_ERROR) {
            ngx_http_litellm_cache_redis_refused(reply);
        }

        return NGX_ERROR;
    }

    n = ngx_atoi(reply->text.data, reply->text.len);

    if (n == NGX_ERROR) {
        return NGX_ERROR;
    }

    *generation = (ngx_atomic_uint_t) n;

    return NGX_OK;
}


/*
 * Memory first, then the number: a worker that dies between the two leaves it
 * to the next one.
 */

static void
ngx_http_litellm_cache_follow(ngx_atomic_uint_t generation)
{
    ngx_uint_t                           i;
    ngx_array_t                         *zones;
    ngx_atomic_uint_t                    was;
    ngx_shm_zone_t                     **zone;
    ngx_http_litellm_cache_redis_sh_t   *sh;

    sh = ngx_http_litellm_cache_there.sh;
    zones = &ngx_http_litellm_cache_there.mcf->cache_zones;
    zone = zones->elts;

    for ( ;; ) {
        was = sh->generation;

        if (generation <= was) {
            break;
        }

        for (i = 0; i < zones->nelts; i++) {
            (void) ngx_http_litellm_cache_flush(zone[i]);
        }

        if (ngx_atomic_cmp_set(&sh->generation, was, generation)) {
            break;
        }
    }

    sh->known = 1;
}


static void
ngx_http_litellm_cache_poll(ngx_event_t *ev)
{
    ngx_http_litellm_redis_command_t  *cmd;

    ngx_add_timer(ev, NGX_HTTP_LITELLM_CACHE_POLL);

    if (ngx_http_litellm_cache_poll_cmd != NULL) {
        return;
    }

    cmd = ngx_http_litellm_cache_raise(
                                  ngx_http_litellm_cache_there.sh->generation,
                                  0, ngx_http_litellm_cache_polled, NULL);

    if (cmd != NULL) {
        cmd->timer.cancelable = 1;
        ngx_http_litellm_cache_poll_cmd = cmd;
    }
}


static void
ngx_http_litellm_cache_polled(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply)
{
    ngx_atomic_uint_t  generation;

    ngx_http_litellm_cache_poll_cmd = NULL;

    if (rc == NGX_OK
        && ngx_http_litellm_cache_raised(reply, &generation) == NGX_OK)
    {
        ngx_http_litellm_cache_follow(generation);
    }
}


ngx_http_litellm_redis_command_t *
ngx_http_litellm_cache_redis_flush(ngx_http_litellm_redis_pt handler,
    void *data)
{
    uint64_t            now;
    ngx_time_t         *tp;
    ngx_atomic_uint_t   next;

    if (ngx_http_litellm_cache_there.redis == NULL) {
        return NULL;
    }

    tp = ngx_timeofday();
    now = (uint64_t) tp->sec * 1000 + tp->msec;

    next = ngx_http_litellm_cache_there.sh->generation + 1;

    return ngx_http_litellm_cache_raise(ngx_max(now, next), 1, handler, data);
}


ngx_int_t
ngx_http_litellm_cache_redis_flushed(ngx_litellm_resp_t *reply)
{
    ngx_atomic_uint_t  generation;

    if (ngx_http_litellm_cache_raised(reply, &generation) != NGX_OK
        || generation <= ngx_http_litellm_cache_there.sh->generation)
    {
        return NGX_ERROR;
    }

    ngx_http_litellm_cache_follow(generation);
    ngx_http_litellm_cache_sweep_begin();

    return NGX_OK;
}


/* all names of ours, as SCAN takes them */

static ngx_int_t
ngx_http_litellm_cache_pattern(ngx_pool_t *pool, ngx_str_t *prefix,
    ngx_str_t *pattern)
{
    u_char  *p, *s, *last;

    p = ngx_pnalloc(pool, 2 * prefix->len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    pattern->data = p;
    last = prefix->data + prefix->len;

    for (s = prefix->data; s < last; s++) {

        if (*s == '*' || *s == '?' || *s == '[' || *s == ']' || *s == '^'
            || *s == '-' || *s == '\\')
        {
            *p++ = '\\';
        }

        *p++ = *s;
    }

    *p++ = '*';

    pattern->len = p - pattern->data;

    return NGX_OK;
}


static void
ngx_http_litellm_cache_sweep_begin(void)
{
    ngx_http_litellm_cache_sweep_t  *sweep;

    sweep = &ngx_http_litellm_cache_sweeping;

    if (sweep->cmd != NULL || sweep->timer.timer_set) {
        sweep->again = 1;
        return;
    }

    ngx_str_set(&sweep->cursor, "0");

    ngx_add_timer(&sweep->timer, NGX_HTTP_LITELLM_CACHE_PAUSE);
}


static void
ngx_http_litellm_cache_sweep(ngx_event_t *ev)
{
    ngx_str_t                        argv[6];
    ngx_http_litellm_cache_sweep_t  *sweep;

    sweep = &ngx_http_litellm_cache_sweeping;

    ngx_str_set(&argv[0], "SCAN");
    argv[1] = sweep->cursor;
    ngx_str_set(&argv[2], "MATCH");
    argv[3] = sweep->pattern;
    ngx_str_set(&argv[4], "COUNT");
    ngx_str_set(&argv[5], NGX_HTTP_LITELLM_CACHE_SWEEP);

    sweep->cmd = ngx_http_litellm_redis_command(
                                           ngx_http_litellm_cache_there.redis,
                                           argv, 6,
                                           ngx_http_litellm_cache_scanned,
                                           sweep,
                                           NGX_HTTP_LITELLM_CACHE_SWEPT);

    if (sweep->cmd != NULL) {
        sweep->cmd->timer.cancelable = 1;
    }
}


static void
ngx_http_litellm_cache_scanned(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply)
{
    ngx_http_litellm_cache_sweep_t *sweep = data;

    size_t                len;
    ngx_str_t            *argv;
    ngx_uint_t            i, n;
    ngx_litellm_resp_t   *cursor, *names;

    sweep->cmd = NULL;

    if (rc != NGX_OK || reply->type != NGX_LITELLM_RESP_LIST
        || reply->nelts != 2)
    {
        return;
    }

    cursor = reply->elts[0];
    names = reply->elts[1];

    len = cursor->text.len;

    if (cursor->type != NGX_LITELLM_RESP_STRING || len == 0
        || len > sizeof(sweep->buf) || names->type != NGX_LITELLM_RESP_LIST)
    {
        return;
    }

    ngx_memcpy(sweep->buf, cursor->text.data, len);

    sweep->cursor.data = sweep->buf;
    sweep->cursor.len = len;

    argv = ngx_alloc((names->nelts + 1) * sizeof(ngx_str_t), ngx_cycle->log);
    if (argv == NULL) {
        return;
    }

    ngx_str_set(&argv[0], "DEL");

    for (i = 0, n = 1; i < names->nelts; i++) {

        if (names->elts[i]->type == NGX_LITELLM_RESP_STRING
            && ngx_http_litellm_cache_old(&names->elts[i]->text))
        {
            argv[n++] = names->elts[i]->text;
        }
    }

    if (n == 1) {
        ngx_http_litellm_cache_swept(sweep, NGX_OK, NULL);

    } else {
        sweep->cmd = ngx_http_litellm_redis_command(
                                           ngx_http_litellm_cache_there.redis,
                                           argv, n,
                                           ngx_http_litellm_cache_swept,
                                           sweep,
                                           NGX_HTTP_LITELLM_CACHE_SWEPT);

        if (sweep->cmd != NULL) {
            sweep->cmd->timer.cancelable = 1;
        }
    }

    ngx_free(argv);
}


static void
ngx_http_litellm_cache_swept(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply)
{
    ngx_http_litellm_cache_sweep_t *sweep = data;

    sweep->cmd = NULL;

    if (rc != NGX_OK) {
        return;
    }

    if (sweep->cursor.len == 1 && sweep->cursor.data[0] == '0') {

        if (!sweep->again) {
            return;
        }

        sweep->again = 0;
    }

    ngx_add_timer(&sweep->timer, NGX_HTTP_LITELLM_CACHE_PAUSE);
}


/* an entry of a generation that is over */

static ngx_uint_t
ngx_http_litellm_cache_old(ngx_str_t *name)
{
    u_char      *p, *last, *colon;
    ngx_int_t    n;
    ngx_str_t   *prefix;

    prefix = &ngx_http_litellm_cache_there.prefix;

    if (name->len <= prefix->len
        || ngx_memcmp(name->data, prefix->data, prefix->len) != 0)
    {
        return 0;
    }

    p = name->data + prefix->len;
    last = name->data + name->len;

    colon = ngx_strlchr(p, last, ':');

    if (colon == NULL || last - colon != 1 + 2 * NGX_LITELLM_CACHE_KEY) {
        return 0;
    }

    n = ngx_atoi(p, colon - p);

    return n != NGX_ERROR
           && (ngx_atomic_uint_t) n
              < ngx_http_litellm_cache_there.sh->generation;
}

#endif


ngx_int_t
ngx_http_litellm_cache_redis_stat(ngx_http_litellm_main_conf_t *mcf,
    ngx_http_litellm_cache_redis_stat_t *stat)
{
    ngx_http_litellm_cache_redis_sh_t  *sh;

    if (mcf->cache_redis == NULL || mcf->zone == NULL) {
        return NGX_DECLINED;
    }

    sh = ngx_http_litellm_zone_cache_redis(mcf->zone);

    stat->state = sh->redis.state;
    stat->hits = sh->hits;
    stat->misses = sh->misses;
    stat->bad = sh->bad;
    stat->late = sh->late;
    stat->skipped = sh->skipped;
    stat->errors = sh->errors;
    stat->stored = sh->stored;
    stat->dropped = sh->dropped;

    return NGX_OK;
}
