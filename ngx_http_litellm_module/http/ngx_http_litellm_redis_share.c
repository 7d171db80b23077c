
/*
 * Limits and spend of several gateways.  An account is a hash in Redis: a field
 * for each gateway, of what that one has counted itself in the window and the
 * period that are now, and fields that say which these are (w, p).  One script
 * writes our fields, if no later version of them is there, and gives back those
 * of the others, for all accounts that it is given at once.
 *
 * All figures are absolute and are added up here, in 64 bits, not by the
 * script, whose numbers are of 53.  A reply that was lost, a worker that was
 * killed, a server that forgot all: the next turn puts it right.
 *
 * One worker of a gateway tells what has changed, each interval: whoever put
 * its number into the zone, as long as it says there that it is alive.
 */

#include "ngx_http_litellm_redis.h"
#include "ngx_http_litellm_zone.h"
#include <openssl/rand.h>


/* accounts of one command */
#define NGX_HTTP_LITELLM_REDIS_BATCH   64
#define NGX_HTTP_LITELLM_REDIS_ARGS    10

/* a leader that is silent for so long is gone */
#define NGX_HTTP_LITELLM_REDIS_SILENT  2000

/* the longest time to the next try of a connection, and how long to tell all */
#define NGX_HTTP_LITELLM_REDIS_BACK    5200
#define NGX_HTTP_LITELLM_REDIS_TELL    1000

/* requests in flight are told again after this, ms; see ngx_litellm_share.h */
#define NGX_HTTP_LITELLM_REDIS_LIVE    20000

/* of an error of the server's, in the log */
#define NGX_HTTP_LITELLM_REDIS_SAID    120

/* accounts that are looked at in a turn for our name, by so many at a time */
#define NGX_HTTP_LITELLM_REDIS_STEPS   128
#define NGX_HTTP_LITELLM_REDIS_ITEMS   16

/* the account that keeps our name over a restart, by the state file */
#define NGX_HTTP_LITELLM_REDIS_NAME    "redis:"


#if (NGX_LITELLM_HAVE_HIREDIS)


static void ngx_http_litellm_redis_share_timer(ngx_event_t *ev);
static ngx_uint_t ngx_http_litellm_redis_share_leads(void);
static ngx_int_t ngx_http_litellm_redis_share_id(void);
static void ngx_http_litellm_redis_share_done(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply);
static ngx_int_t ngx_http_litellm_redis_share_data(
    ngx_http_litellm_redis_t *redis, ngx_litellm_share_data_t *data);
static void ngx_http_litellm_redis_share_refused(
    ngx_http_litellm_redis_t *redis, ngx_litellm_resp_t *reply);


/* of this worker */
static struct {
    ngx_http_litellm_redis_t           *redis;
    ngx_shm_zone_t                     *zone;
    ngx_event_t                         timer;
    ngx_http_litellm_redis_command_t   *cmd;
    ngx_uint_t                          n;
    uint64_t                            cursor;   /* of the search for our
                                                     name */
    ngx_uint_t                          led;      /* it did so last time */
    ngx_uint_t                          lives;    /* of the connection */
    ngx_atomic_uint_t                   data;     /* that all was told to */
    ngx_uint_t                          lost;     /* not all tell it yet */
    ngx_msec_t                          heard;    /* when it was asked last */
    ngx_msec_t                          live;     /* the last walk */
    ngx_http_litellm_ledger_share_t     shares[NGX_HTTP_LITELLM_REDIS_BATCH];
} ngx_http_litellm_redis_sharing;


/*
 * KEYS: which data this is, and accounts.  ARGV: our name, ms of a window, the
 * life of our zone, the data and its calls as we know them; then for each
 * account our version, window, requests, tokens, in flight, reserved, spent,
 * end of the period, the window's number here, and whether what was there
 * before is known.  Returns the time, the data, when older data was lost, and
 * calls; for each account its window, its period's end, and the others' fields.
 *
 * Data is lost if there is other data, or its number of calls is lower than
 * what somebody knows: a server that was emptied, or that is a copy which is
 * behind.  Of the windows that are still known to somebody the one goes on that
 * began first.
 *
 * What we told and do not know any more is not written over: it is given back,
 * to be told again together with the rest.  Figures of a window that were taken
 * before it had ended here, and come late, are not to be believed in either:
 * they are told as those of another window.
 */
static ngx_str_t  ngx_http_litellm_redis_script = ngx_string(
    "if redis.replicate_commands then redis.replicate_commands() end\n"
    "local t=redis.call('TIME')\n"
    "local sec=tonumber(t[1])\n"
    "local now=sec*1000+math.floor(tonumber(t[2])/1000)\n"
    "local me,boot=ARGV[1],ARGV[3]\n"
    "local len=tonumber(ARGV[2])\n"
    "local function f(n) return string.format('%.0f',n) end\n"
    "local d=redis.pcall('GET',KEYS[1])\n"
    "local id,lost,calls=string.match(type(d)=='string' and d or '',\n"
    " '^(%d+) (%d+) (%d+)$')\n"
    "if not id then id,lost,calls=f(now),'0','0' end\n"
    "calls=tonumber(calls)\n"
    "if ARGV[4]~='0' then\n"
    " local known=tonumber(ARGV[5])\n"
    " if ARGV[4]~=id then\n"
    "  if lost=='0' then lost=f(now) end\n"
    " elseif known>calls then\n"
    "  lost,calls=f(now),known\n"
    " end\n"
    "end\n"
    "calls=f(calls+1)\n"
    "redis.call('SET',KEYS[1],id..' '..lost..' '..calls)\n"
    "local out={f(now)..' '..id..' '..lost..' '..calls}\n"
    "for i=2,#KEYS do\n"
    " local k,b=KEYS[i],5+(i-2)*10\n"
    " local h=redis.pcall('HGETALL',k)\n"
    " if h.err then\n"
    "  redis.call('DEL',k)\n"
    "  h={}\n"
    " end\n"
    " local w,p,own=0,nil,nil\n"
    " local r={'',''}\n"
    " for j=1,#h,2 do\n"
    "  if h[j]=='w' then w=tonumber(h[j+1]) or 0\n"
    "  elseif h[j]=='p' then p=tonumber(h[j+1])\n"
    "  elseif h[j]==me then own=h[j+1]\n"
    "  else r[#r+1]=h[j+1] end\n"
    " end\n"
    " local n={}\n"
    " if own then\n"
    "  for x in string.gmatch(own,'%S+') do n[#n+1]=x end\n"
    " end\n"
    " local win=tonumber(ARGV[b+2])\n"
    " local ends=tonumber(ARGV[b+8])\n"
    " if now>=w+len or now<w then w=0 end\n"
    " if win~=0 and now>=win and now<win+len and (w==0 or win<w) then\n"
    "  w=win\n"
    "  redis.call('HSET',k,'w',f(w))\n"
    " end\n"
    " local same=n[11]==boot\n"
    " local v=same and tonumber(n[1]) or 0\n"
    " local new=tonumber(ARGV[b+1])>v\n"
    " local again=w~=0 and tonumber(n[2])==w and n[10]~=ARGV[b+9]\n"
    " local keep=own and ((again and win~=w)\n"
    "  or (not same and ARGV[b+10]=='0'))\n"
    " if win==0 then\n"
    "  if w==0 and (ARGV[b+3]~='0' or ARGV[b+4]~='0') then\n"
    "   w=now\n"
    "   redis.call('HSET',k,'w',f(w))\n"
    "  end\n"
    "  win=w\n"
    " end\n"
    " if p==nil or (p~=0 and p<=sec) or (p==0)~=(ends==0) then\n"
    "  p=ends\n"
    "  redis.call('HSET',k,'p',f(p))\n"
    " end\n"
    " r[1]=f(w)\n"
    " if keep then\n"
    "  r[#r+1]='own '..own\n"
    " elseif new then\n"
    "  redis.call('HSET',k,me,ARGV[b+1]..' '..f(win)..' '..ARGV[b+3]..' '..\n"
    "   ARGV[b+4]..' '..ARGV[b+5]..' '..ARGV[b+6]..' '..ARGV[b+7]..' '..\n"
    "   f(p)..' '..f(now)..' '..ARGV[b+9]..' '..boot)\n"
    "  local ttl=len*2+180000\n"
    "  if ARGV[b+7]~='0' then\n"
    "   if p==0 then ttl=34560000000\n"
    "   elseif p>sec then ttl=math.max(ttl,(p-sec+86400)*1000) end\n"
    "  end\n"
    "  if redis.call('PTTL',k)<ttl then\n"
    "   redis.call('PEXPIRE',k,f(ttl))\n"
    "  end\n"
    " elseif again then\n"
    "  r[1]='0'\n"
    " end\n"
    " r[2]=f(p)\n"
    " out[#out+1]=r\n"
    "end\n"
    "return out\n");


void
ngx_http_litellm_redis_share_enter(ngx_http_litellm_redis_t *redis,
    ngx_shm_zone_t *zone, ngx_log_t *log)
{
    ngx_event_t  *ev;

    ngx_memzero(&ngx_http_litellm_redis_sharing,
                sizeof(ngx_http_litellm_redis_sharing));

    if (redis->limits == NGX_HTTP_LITELLM_REDIS_OFF && !redis->keys) {
        return;
    }

    if (redis->limits != NGX_HTTP_LITELLM_REDIS_OFF
        && ngx_http_litellm_ledger_share_on(zone) != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "litellm: the zone has no room for what is shared "
                      "through Redis; make \"litellm_zone\" larger");
        return;
    }

    ngx_http_litellm_redis_sharing.redis = redis;
    ngx_http_litellm_redis_sharing.zone = zone;

    ev = &ngx_http_litellm_redis_sharing.timer;

    ev->handler = ngx_http_litellm_redis_share_timer;
    ev->data = &ngx_http_litellm_redis_sharing;
    ev->log = log;
    ev->cancelable = 1;

    ngx_add_timer(ev, 1);
}


void
ngx_http_litellm_redis_share_leave(void)
{
    ngx_event_t  *ev;

    ev = &ngx_http_litellm_redis_sharing.timer;

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    if (ngx_http_litellm_redis_sharing.redis != NULL) {
        (void) ngx_atomic_cmp_set(
                          &ngx_http_litellm_redis_sharing.redis->sh->leader,
                          (ngx_atomic_uint_t) ngx_pid, 0);

        ngx_http_litellm_redis_sharing.redis = NULL;
    }
}


static void
ngx_http_litellm_redis_share_timer(ngx_event_t *ev)
{
    ngx_shm_zone_t                 *zone;
    ngx_http_litellm_redis_t       *redis;
    ngx_http_litellm_redis_conn_t  *conn;

    redis = ngx_http_litellm_redis_sharing.redis;
    zone = ngx_http_litellm_redis_sharing.zone;

    if (redis == NULL) {
        return;
    }

    ngx_add_timer(ev, redis->interval);

    if (!ngx_http_litellm_redis_share_leads()) {
        return;
    }

    ngx_http_litellm_redis_records_turn();

    if (redis->limits == NGX_HTTP_LITELLM_REDIS_OFF
        || ngx_http_litellm_redis_share_id() != NGX_OK
        || ngx_http_litellm_redis_sharing.cmd != NULL)
    {
        return;
    }

    conn = redis->conn;

    if (!ngx_http_litellm_redis_sharing.led
        || ngx_http_litellm_redis_sharing.lives != conn->lives
        || ngx_http_litellm_redis_sharing.data != redis->sh->data)
    {
        /* it may have lost what it was told, and so may the leader before */

        ngx_http_litellm_redis_sharing.led = 1;
        ngx_http_litellm_redis_sharing.lives = conn->lives;
        ngx_http_litellm_redis_sharing.data = redis->sh->data;

        ngx_http_litellm_ledger_share_all(zone);
    }

    if (ngx_current_msec - ngx_http_litellm_redis_sharing.live
        > NGX_HTTP_LITELLM_REDIS_LIVE)
    {
        ngx_http_litellm_redis_sharing.live = ngx_current_msec;
        ngx_http_litellm_ledger_share_live(zone);
    }

    /* while it is down nothing is taken out of the ring */

    if (conn->waiting || (conn->failures && !conn->up)) {
        return;
    }

    ngx_http_litellm_redis_sharing.n = ngx_http_litellm_ledger_share_next(zone,
                                        ngx_http_litellm_redis_sharing.shares,
                                        NGX_HTTP_LITELLM_REDIS_BATCH);

    /* that it has lost its data is told to who asks */

    if (ngx_http_litellm_redis_sharing.n == 0
        && ngx_current_msec - ngx_http_litellm_redis_sharing.heard
           < NGX_HTTP_LITELLM_REDIS_TELL)
    {
        if (ngx_http_litellm_ledger_share_more(zone)) {
            ngx_http_litellm_redis_share_again();
        }

        return;
    }

    ngx_http_litellm_redis_sharing.heard = ngx_current_msec;

    ngx_http_litellm_redis_sharing.cmd = ngx_http_litellm_redis_share_send(
                                        redis,
                                        ngx_http_litellm_redis_sharing.shares,
                                        ngx_http_litellm_redis_sharing.n,
                                        ngx_http_litellm_redis_share_done,
                                        NULL);

    if (ngx_http_litellm_redis_sharing.cmd == NULL) {
        ngx_http_litellm_ledger_share_all(zone);
        return;
    }

    ngx_http_litellm_redis_sharing.cmd->timer.cancelable = 1;
}


static ngx_uint_t
ngx_http_litellm_redis_share_leads(void)
{
    ngx_msec_int_t                silent;
    ngx_atomic_uint_t             leader, self;
    ngx_http_litellm_redis_sh_t  *sh;

    sh = ngx_http_litellm_redis_sharing.redis->sh;

    self = (ngx_atomic_uint_t) ngx_pid;
    leader = sh->leader;
    silent = (ngx_msec_int_t) (ngx_current_msec - (ngx_msec_t) sh->beat);

    if (leader == self) {

        if (ngx_exiting && ngx_http_litellm_redis_sharing.led == 1) {

            /* workers of the next configuration first */

            ngx_http_litellm_redis_sharing.led = 2;
            (void) ngx_atomic_cmp_set(&sh->leader, self, 0);

            return 0;
        }

        sh->beat = ngx_current_msec;

        return 1;
    }

    if (leader != 0) {

        if (silent < NGX_HTTP_LITELLM_REDIS_SILENT
            && !ngx_http_litellm_zone_gone((ngx_pid_t) leader))
        {
            goto follow;
        }

    } else if (ngx_exiting && silent < NGX_HTTP_LITELLM_REDIS_SILENT) {
        goto follow;
    }

    if (!ngx_atomic_cmp_set(&sh->leader, leader, self)) {
        goto follow;
    }

    sh->beat = ngx_current_msec;

    ngx_http_litellm_redis_sharing.lives = (ngx_uint_t) -1;

    return 1;

follow:

    if (!ngx_exiting) {
        ngx_http_litellm_redis_sharing.led = 0;
    }

    return 0;
}


/*
 * The gateway's own name: that of the state file, or a new one.  NGX_AGAIN: it
 * is looked for, and may be among very many accounts.
 */

static ngx_int_t
ngx_http_litellm_redis_share_id(void)
{
    u_char                            name[sizeof(NGX_HTTP_LITELLM_REDIS_NAME)
                                           + NGX_HTTP_LITELLM_REDIS_ID];
    ngx_str_t                         text;
    ngx_uint_t                        i, k, n;
    ngx_litellm_period_t              period;
    ngx_http_litellm_redis_sh_t      *sh;
    ngx_http_litellm_ledger_item_t    items[NGX_HTTP_LITELLM_REDIS_ITEMS];
    u_char                            random[NGX_HTTP_LITELLM_REDIS_ID / 2];

    sh = ngx_http_litellm_redis_sharing.redis->sh;

    if (sh->has_id) {
        return NGX_OK;
    }

    text.len = sizeof(NGX_HTTP_LITELLM_REDIS_NAME) - 1;

    for (k = 0; k < NGX_HTTP_LITELLM_REDIS_STEPS; k++) {
        n = ngx_http_litellm_ledger_walk(ngx_http_litellm_redis_sharing.zone,
                                      &ngx_http_litellm_redis_sharing.cursor,
                                      items, NGX_HTTP_LITELLM_REDIS_ITEMS);
        if (n == 0) {
            break;
        }

        for (i = 0; i < n; i++) {

            if (items[i].scope == NGX_HTTP_LITELLM_GATEWAY
                && items[i].len == text.len + NGX_HTTP_LITELLM_REDIS_ID
                && ngx_memcmp(items[i].name, NGX_HTTP_LITELLM_REDIS_NAME,
                              text.len)
                   == 0)
            {
                ngx_memcpy(sh->id, items[i].name + text.len,
                           NGX_HTTP_LITELLM_REDIS_ID);
                sh->has_id = 1;

                return NGX_OK;
            }
        }
    }

    if (k == NGX_HTTP_LITELLM_REDIS_STEPS) {
        ngx_http_litellm_redis_share_again();
        return NGX_AGAIN;
    }

    if (RAND_bytes(random, sizeof(random)) != 1) {
        return NGX_ERROR;
    }

    (void) ngx_hex_dump(sh->id, random, sizeof(random));

    text.data = name;
    text.len = ngx_sprintf(name, NGX_HTTP_LITELLM_REDIS_NAME "%*s",
                           (size_t) NGX_HTTP_LITELLM_REDIS_ID, sh->id)
               - name;

    ngx_memzero(&period, sizeof(ngx_litellm_period_t));
    period.type = NGX_LITELLM_NEVER;

    if (ngx_http_litellm_ledger_write(ngx_http_litellm_redis_sharing.zone,
                                      NGX_HTTP_LITELLM_GATEWAY, &text, 0,
                                      &period, 1)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    sh->has_id = 1;

    return NGX_OK;
}


static void
ngx_http_litellm_redis_share_done(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply)
{
    ngx_shm_zone_t                    *zone;
    ngx_http_litellm_redis_t          *redis;
    ngx_http_litellm_ledger_others_t   others[NGX_HTTP_LITELLM_REDIS_BATCH];

    redis = ngx_http_litellm_redis_sharing.redis;
    zone = ngx_http_litellm_redis_sharing.zone;

    ngx_http_litellm_redis_sharing.cmd = NULL;

    if (redis == NULL) {
        return;
    }

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_redis_share_others(reply, redis,
                                        ngx_http_litellm_redis_sharing.shares,
                                        others,
                                        ngx_http_litellm_redis_sharing.n);
    }

    if (rc != NGX_OK && rc != NGX_ABORT) {
        ngx_http_litellm_ledger_share_all(zone);
        return;
    }

    ngx_http_litellm_ledger_share_merge(zone,
                                        ngx_http_litellm_redis_sharing.shares,
                                        others,
                                        ngx_http_litellm_redis_sharing.n,
                                        rc == NGX_ABORT);

    if (ngx_http_litellm_redis_sharing.lost != (rc == NGX_ABORT)) {

        /* from now on to be told anew; or all that others have is there */

        ngx_http_litellm_redis_sharing.lost = (rc == NGX_ABORT);
        ngx_http_litellm_ledger_share_all(zone);
        return;
    }

    if (ngx_http_litellm_redis_sharing.n == NGX_HTTP_LITELLM_REDIS_BATCH
        || ngx_http_litellm_ledger_share_more(zone))
    {

        ngx_http_litellm_redis_share_again();
    }
}


/* a timer that is set would not be moved by so little */

void
ngx_http_litellm_redis_share_again(void)
{
    ngx_event_t  *ev;

    ev = &ngx_http_litellm_redis_sharing.timer;

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    ngx_add_timer(ev, 1);
}


ngx_http_litellm_redis_command_t *
ngx_http_litellm_redis_share_send(ngx_http_litellm_redis_t *redis,
    ngx_http_litellm_ledger_share_t *shares, ngx_uint_t n,
    ngx_http_litellm_redis_pt handler, void *data)
{
    u_char                            *buf, *p;
    ngx_str_t                         *argv, *scope, ns;
    ngx_uint_t                         i, k, argc;
    ngx_http_litellm_ledger_share_t   *s;
    ngx_http_litellm_redis_command_t  *cmd;

    if (!redis->sh->has_id) {
        return NULL;
    }

    ns = redis->conf.name_space;

    argc = 3 + 1 + n + 5 + n * NGX_HTTP_LITELLM_REDIS_ARGS;

    buf = ngx_alloc(argc * sizeof(ngx_str_t)
                    + (n + 1) * (ns.len + sizeof("{:litellm}::") + 32
                                 + NGX_HTTP_LITELLM_LEDGER_NAME
                                 + NGX_HTTP_LITELLM_REDIS_ARGS * NGX_INT64_LEN)
                    + 5 * NGX_INT64_LEN,
                    ngx_cycle->log);
    if (buf == NULL) {
        return NULL;
    }

    argv = (ngx_str_t *) buf;
    p = buf + argc * sizeof(ngx_str_t);
    k = 0;

#define ngx_http_litellm_redis_add(fmt, value)                                \
    argv[k].data = p;                                                         \
    p = ngx_sprintf(p, fmt, value);                                           \
    argv[k].len = p - argv[k].data;                                           \
    k++

    ngx_str_set(&argv[0], "EVAL");
    argv[1] = ngx_http_litellm_redis_script;
    k = 2;

    ngx_http_litellm_redis_add("%ui", n + 1);

    argv[k].data = p;
    p = ns.len ? ngx_sprintf(p, "{%V:litellm}:data", &ns)
               : ngx_sprintf(p, "{litellm}:data");
    argv[k].len = p - argv[k].data;
    k++;

    for (i = 0; i < n; i++) {
        s = &shares[i];
        scope = ngx_http_litellm_scope_name(s->scope);

        /* one hash tag: all keys of a command are in one slot */

        argv[k].data = p;

        p = ns.len ? ngx_sprintf(p, "{%V:litellm}:%V:", &ns, scope)
                   : ngx_sprintf(p, "{litellm}:%V:", scope);
        p = ngx_cpymem(p, s->name, s->len);

        argv[k].len = p - argv[k].data;
        k++;
    }

    argv[k].data = redis->sh->id;
    argv[k++].len = NGX_HTTP_LITELLM_REDIS_ID;

    ngx_http_litellm_redis_add("%M", redis->window);
    ngx_http_litellm_redis_add("%uL", (uint64_t) (n ? shares[0].boot : 0));

    /* calls after data: a worker that changes them has set them to 0 before */

    ngx_http_litellm_redis_add("%uL", (uint64_t) redis->sh->data);
    ngx_memory_barrier();
    ngx_http_litellm_redis_add("%uL", (uint64_t) redis->sh->calls);

    for (i = 0; i < n; i++) {
        s = &shares[i];

        ngx_http_litellm_redis_add("%uL", s->version);
        ngx_http_litellm_redis_add("%uL", s->window);
        ngx_http_litellm_redis_add("%L", ngx_max(s->requests, 0));
        ngx_http_litellm_redis_add("%L", ngx_max(s->tokens, 0));
        ngx_http_litellm_redis_add("%L", ngx_max(s->inflight, 0));
        ngx_http_litellm_redis_add("%L", s->reserved);
        ngx_http_litellm_redis_add("%L", s->spend);
        ngx_http_litellm_redis_add("%L", s->ends);
        ngx_http_litellm_redis_add("%uL", (uint64_t) s->serial);
        ngx_http_litellm_redis_add("%ui", s->told);
    }

#undef ngx_http_litellm_redis_add

    cmd = ngx_http_litellm_redis_command(redis, argv, k, handler, data,
                                         redis->timeout);

    ngx_free(buf);

    return cmd;
}


ngx_int_t
ngx_http_litellm_redis_share_others(ngx_litellm_resp_t *reply,
    ngx_http_litellm_redis_t *redis, ngx_http_litellm_ledger_share_t *shares,
    ngx_http_litellm_ledger_others_t *others, ngx_uint_t n)
{
    ngx_litellm_share_data_t  data;

    if (ngx_litellm_share_read(reply, &data, others, n) != NGX_OK) {
        ngx_http_litellm_redis_share_refused(redis, reply);
        return NGX_ERROR;
    }

    if (redis->sh->useless
        && ngx_atomic_cmp_set(&redis->sh->useless, 1, 0))
    {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "litellm: Redis \"%V\" runs our script again",
                      &redis->shown);
    }

    return ngx_http_litellm_redis_share_data(redis, &data);
}


/*
 * What others have is known only when each of them has found out that it must
 * be told anew, and has told it.
 */

static ngx_int_t
ngx_http_litellm_redis_share_data(ngx_http_litellm_redis_t *redis,
    ngx_litellm_share_data_t *data)
{
    int64_t                       age;
    ngx_atomic_uint_t             lost, calls;
    ngx_http_litellm_redis_sh_t  *sh;

    sh = redis->sh;
    sh->synced = ngx_current_msec;

    if (sh->data != (ngx_atomic_uint_t) data->data) {

        sh->calls = 0;
        ngx_memory_barrier();
        sh->data = (ngx_atomic_uint_t) data->data;
        ngx_memory_barrier();
    }

    calls = sh->calls;

    if (calls < (ngx_atomic_uint_t) data->calls) {
        (void) ngx_atomic_cmp_set(&sh->calls, calls,
                                  (ngx_atomic_uint_t) data->calls);
    }

    if (data->lost == 0) {
        return NGX_OK;
    }

    age = data->now - data->lost;

    if (age < 0 || age >= (int64_t) (NGX_HTTP_LITELLM_REDIS_BACK
                                     + NGX_HTTP_LITELLM_REDIS_TELL
                                     + redis->timeout + 2 * redis->interval))
    {
        return NGX_OK;
    }

    lost = sh->data_lost;

    if (lost != (ngx_atomic_uint_t) data->lost
        && ngx_atomic_cmp_set(&sh->data_lost, lost,
                              (ngx_atomic_uint_t) data->lost))
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "litellm: Redis \"%V\" has lost data: all gateways tell "
                      "it anew", &redis->shown);
    }

    return NGX_ABORT;
}


/* one line until it is better; what a server says may be anything */

static void
ngx_http_litellm_redis_share_refused(ngx_http_litellm_redis_t *redis,
    ngx_litellm_resp_t *reply)
{
    u_char      text[NGX_HTTP_LITELLM_REDIS_SAID];
    size_t      i, len;
    ngx_uint_t  level;

    level = ngx_atomic_cmp_set(&redis->sh->useless, 0, 1) ? NGX_LOG_ERR
                                                          : NGX_LOG_INFO;

    if (reply->type != NGX_LITELLM_RESP_ERROR) {
        ngx_log_error(level, ngx_cycle->log, 0,
                      "litellm: Redis \"%V\" sent another reply than our "
                      "script gives", &redis->shown);
        return;
    }

    len = ngx_min(reply->text.len, sizeof(text));

    for (i = 0; i < len; i++) {
        text[i] = (reply->text.data[i] < 0x20 || reply->text.data[i] > 0x7e)
                  ? '?' : reply->text.data[i];
    }

    ngx_log_error(level, ngx_cycle->log, 0,
                  "litellm: Redis \"%V\" does not run our script: %*s",
                  &redis->shown, len, text);
}

#endif
