
/*
 * Records of keys, teams, users and end users that several gateways share: what
 * the management API of one makes, changes or deletes is at the others within
 * two intervals.
 *
 * In Redis: a hash of all records, those that were deleted too, each with its
 * mark (ngx_http_litellm_store.h), which alone decides who wins; and a log, a
 * sorted set of their names by the number of the change.  A gateway that has
 * read the log to its end knows all; one that was away reads on where it was.
 * Names of deleted records are in a third one, by time, and go after a week.
 *
 * One script writes what has changed here, if its mark is the higher one, and
 * reads the log on, each turn of the leader (ngx_http_litellm_redis_share.c):
 * so much at most, and at once again if there is more.  After an outage, and
 * when Redis turns out to hold other data than before, all is read anew (a
 * pass), and what is here and not there is written again; or it was deleted, if
 * we have missed the end of deletions of these same data.
 *
 * All that comes from Redis may be of any content: it is read as records of the
 * state file are.  The script bounds what a value can have.
 */

#include "ngx_http_litellm_redis.h"
#include "ngx_http_litellm_zone.h"
#include "ngx_litellm_told.h"
#include <openssl/rand.h>
#include <ngx_sha1.h>


/* of one turn: records that are written, and of each kind of reading */
#define NGX_HTTP_LITELLM_RECORDS_BATCH    64
#define NGX_HTTP_LITELLM_RECORDS_PAGE     128
#define NGX_HTTP_LITELLM_RECORDS_BYTES    (256 * 1024)

/* steps over our own records in a turn of a pass */
#define NGX_HTTP_LITELLM_RECORDS_OWN      8

/* deletions are remembered so long: in Redis, here; s */
#define NGX_HTTP_LITELLM_RECORDS_KEPT     (7 * 86400)
#define NGX_HTTP_LITELLM_RECORDS_BURIED   86400

#define NGX_HTTP_LITELLM_RECORDS_ARGS     8
#define NGX_HTTP_LITELLM_RECORDS_SHA      40


#if (NGX_LITELLM_HAVE_HIREDIS)


static ngx_uint_t ngx_http_litellm_records_lost(
    ngx_http_litellm_redis_records_t *sh,
    ngx_http_litellm_redis_conn_t *conn);
static void ngx_http_litellm_records_pass(
    ngx_http_litellm_redis_records_t *sh, ngx_uint_t missed);
static ngx_int_t ngx_http_litellm_records_send(ngx_http_litellm_redis_t *redis,
    ngx_http_litellm_redis_records_t *sh);
static ngx_int_t ngx_http_litellm_records_changes(ngx_str_t *argv,
    ngx_uint_t *argc);
static ngx_int_t ngx_http_litellm_records_change(ngx_str_t *argv,
    ngx_uint_t *argc, ngx_http_litellm_store_item_t *item);
static void ngx_http_litellm_records_done(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply);
static ngx_int_t ngx_http_litellm_records_error(ngx_litellm_resp_t *reply);
static ngx_int_t ngx_http_litellm_records_reply(
    ngx_http_litellm_redis_records_t *sh, ngx_litellm_resp_t *reply);
static ngx_int_t ngx_http_litellm_records_where(
    ngx_http_litellm_redis_records_t *sh, ngx_litellm_resp_t *reply,
    uint64_t *seq);
static ngx_int_t ngx_http_litellm_records_told(
    ngx_http_litellm_redis_records_t *sh, ngx_litellm_resp_t *list);
static ngx_int_t ngx_http_litellm_records_page(ngx_litellm_resp_t *list,
    uint64_t *next);
static void ngx_http_litellm_records_own(ngx_http_litellm_redis_records_t *sh);


/* of this worker */
static struct {
    ngx_http_litellm_redis_t           *redis;
    ngx_shm_zone_t                     *zone;
    ngx_http_litellm_redis_command_t   *cmd;
    ngx_pool_t                         *pool;      /* of the turn */
    ngx_uint_t                          lives;     /* of the connection */
    ngx_uint_t                          loaded;    /* Redis has the script */
    ngx_uint_t                          n;         /* written in this turn */
    ngx_uint_t                          more;      /* ... and not all */
    ngx_uint_t                          pass;      /* that own is of */
    ngx_http_litellm_store_walk_t       own;
    ngx_http_litellm_store_walk_t       swept;
    u_char                              sha[NGX_HTTP_LITELLM_RECORDS_SHA];
    u_char                              id[NGX_HTTP_LITELLM_REDIS_ID];
    ngx_http_litellm_store_item_t
                              items[NGX_HTTP_LITELLM_RECORDS_BATCH];
} ngx_http_litellm_records;


/*
 * KEYS: the hash, the log, names of what was deleted by time.  ARGV: an id for
 * new data; the highest mark; s that deletions are kept; where we are in the
 * log (-1: nowhere); entries of a page; of a pass, where it is (-1: there is
 * none) and its end (-1: not known yet); bytes; then names and values to write.
 *
 * Returns the data's id; its last number; that of the last deletion that was
 * forgotten; for each value 1: it is there, else what is there in its place,
 * or 0 if there were too many bytes; a page of the log and one of the pass:
 * where the next begins, then names and values ('': none, 0: too large).
 *
 * A log that is lost is made anew from the hash.
 */
static ngx_str_t  ngx_http_litellm_records_script = ngx_string(
    "if redis.replicate_commands then redis.replicate_commands() end\n"
    "local call,H,L,D=redis.call,KEYS[1],KEYS[2],KEYS[3]\n"
    "local function is(k,t)\n"
    " local n=call('TYPE',k).ok\n"
    " if n~=t and n~='none' then call('DEL',k) end\n"
    "end\n"
    "is(H,'hash') is(L,'zset') is(D,'zset')\n"
    "local now=tonumber(call('TIME')[1])\n"
    "local top,left=tonumber(ARGV[2]),tonumber(ARGV[8])\n"
    "local function f(n) return string.format('%.0f',n) end\n"
    "local function get(k)\n"
    " local n=call('HSTRLEN',H,k)\n"
    " if n>65600 then return 0 end\n"
    " return n>0 and call('HGET',H,k) or ''\n"
    "end\n"
    "local function gone(v) return string.match(v,'^%d+ %d+ $') end\n"
    "local function mark(v)\n"
    " local b,s=string.match(v,'^(%d+) (%d+) ')\n"
    " b,s=tonumber(b),tonumber(s)\n"
    " if not b or not s or b>top or s>top then return 0,0 end\n"
    " return b,s\n"
    "end\n"
    "local id=call('HGET',H,'id')\n"
    "local seq=tonumber(call('HGET',H,'seq'))\n"
    "local purged=tonumber(call('HGET',H,'purged'))\n"
    "if not id or #id~=16 or not purged or not seq or seq<0\n"
    " or seq>2^52 or seq%1~=0 then\n"
    " id,seq,purged=ARGV[1],0,0\n"
    " call('DEL',L,D)\n"
    " call('HMSET',H,'id',id,'seq','0','purged','0')\n"
    "end\n"
    "local was=seq\n"
    "if call('EXISTS',L)==0 and call('HLEN',H)>3 then\n"
    " for _,k in ipairs(call('HKEYS',H)) do\n"
    "  if string.find(k,':',1,true) then\n"
    "   seq=seq+1\n"
    "   call('ZADD',L,f(seq),k)\n"
    "   if gone(get(k)) then call('ZADD',D,f(now),k) end\n"
    "  end\n"
    " end\n"
    "end\n"
    "local old=f(now-tonumber(ARGV[3]))\n"
    "for _,k in ipairs(call('ZRANGEBYSCORE',D,'-inf',old,'LIMIT',0,16)) do\n"
    " if gone(get(k)) then\n"
    "  purged=math.max(purged,tonumber(call('ZSCORE',L,k)) or 0)\n"
    "  call('HSET',H,'purged',f(purged))\n"
    "  call('HDEL',H,k)\n"
    "  call('ZREM',L,k)\n"
    " end\n"
    " call('ZREM',D,k)\n"
    "end\n"
    "local own=seq\n"
    "local told={}\n"
    "for i=9,#ARGV,2 do\n"
    " local k,v=ARGV[i],ARGV[i+1]\n"
    " local c=get(k)\n"
    " local b,s=mark(v)\n"
    " local cb,cs=mark(c)\n"
    " if b>cb or (b==cb and s>cs) then\n"
    "  seq=seq+1\n"
    "  call('HSET',H,k,v)\n"
    "  call('ZADD',L,f(seq),k)\n"
    "  if gone(v) then call('ZADD',D,f(now),k) else call('ZREM',D,k) end\n"
    "  c=1\n"
    " elseif c==v then c=1\n"
    " elseif left<0 then c=0\n"
    " else left=left-#c end\n"
    " told[#told+1]=c\n"
    "end\n"
    "if seq~=was then call('HSET',H,'seq',f(seq)) end\n"
    "local function page(from,to,next)\n"
    " if from<0 then return {f(next)} end\n"
    " local r={f(next)}\n"
    " local l=call('ZRANGEBYSCORE',L,'('..f(from),f(to),'WITHSCORES',\n"
    "  'LIMIT',0,ARGV[5])\n"
    " for i=1,#l,2 do\n"
    "  local v=get(l[i])\n"
    "  r[#r+1]=l[i]\n"
    "  r[#r+1]=v\n"
    "  left=left-(v==0 and 0 or #v)-#l[i]\n"
    "  if (left<0 and i+2<=#l) or i+1==2*tonumber(ARGV[5]) then\n"
    "   r[1]=f(math.min(math.ceil(tonumber(l[i+1])),next))\n"
    "   break\n"
    "  end\n"
    " end\n"
    " return r\n"
    "end\n"
    "local to=tonumber(ARGV[7])\n"
    "if to<0 then to=own end\n"
    "return {id,f(seq),f(purged),told,page(tonumber(ARGV[4]),own,seq),\n"
    " page(tonumber(ARGV[6]),to,to)}\n");


void
ngx_http_litellm_redis_records_enter(ngx_http_litellm_redis_t *redis,
    ngx_shm_zone_t *zone)
{
    u_char      hash[20];
    ngx_sha1_t  sha1;

    ngx_memzero(&ngx_http_litellm_records, sizeof(ngx_http_litellm_records));

    ngx_http_litellm_store_share(zone, redis->keys);

    if (!redis->keys) {
        return;
    }

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, ngx_http_litellm_records_script.data,
                    ngx_http_litellm_records_script.len);
    ngx_sha1_final(hash, &sha1);

    (void) ngx_hex_dump(ngx_http_litellm_records.sha, hash, sizeof(hash));

    ngx_http_litellm_records.redis = redis;
    ngx_http_litellm_records.zone = zone;

    ngx_http_litellm_redis_take_enter(redis, zone);
}


void
ngx_http_litellm_redis_records_leave(void)
{
    ngx_http_litellm_records.redis = NULL;
}


/* a turn of the leader */

void
ngx_http_litellm_redis_records_turn(void)
{
    ngx_http_litellm_redis_t          *redis;
    ngx_http_litellm_redis_conn_t     *conn;
    ngx_http_litellm_redis_records_t  *sh;

    redis = ngx_http_litellm_records.redis;

    if (redis == NULL || ngx_http_litellm_records.cmd != NULL) {
        return;
    }

    conn = redis->conn;
    sh = &redis->sh->records;

    if (conn->waiting || (conn->failures && !conn->up)) {
        return;
    }

    if (ngx_http_litellm_records_lost(sh, conn)) {
        ngx_http_litellm_records_pass(sh, sh->pass_on && sh->missed);
    }

    if (!sh->pass_on && ngx_http_litellm_redis_take_again()) {
        ngx_http_litellm_records_pass(sh, 0);
    }

    ngx_http_litellm_store_sweep(ngx_http_litellm_records.zone,
                                 &ngx_http_litellm_records.swept,
                                 ngx_time()
                                 - NGX_HTTP_LITELLM_RECORDS_BURIED);

    if (ngx_http_litellm_records_send(redis, sh) != NGX_OK
        && ngx_http_litellm_records.pool != NULL)
    {
        ngx_destroy_pool(ngx_http_litellm_records.pool);
        ngx_http_litellm_records.pool = NULL;
    }
}


/* Redis was gone, or a worker has found it so: it may have other data now */

static ngx_uint_t
ngx_http_litellm_records_lost(ngx_http_litellm_redis_records_t *sh,
    ngx_http_litellm_redis_conn_t *conn)
{
    ngx_uint_t  lost, outages;

    outages = conn->redis->sh->outages;
    lost = (sh->outages != outages);

    sh->outages = outages;

    if (ngx_http_litellm_records.lives != conn->lives) {

        /* the first one of this worker is no other than that before it */

        if (ngx_http_litellm_records.lives != 0) {
            lost = 1;
        }

        ngx_http_litellm_records.lives = conn->lives;
        ngx_http_litellm_records.loaded = 0;
    }

    return lost;
}


/* missed: of these data deletions may have been forgotten that we never saw */

static void
ngx_http_litellm_records_pass(ngx_http_litellm_redis_records_t *sh,
    ngx_uint_t missed)
{
    sh->pass_on = 0;
    ngx_memory_barrier();

    sh->missed = missed;
    sh->pass_at = 0;
    sh->pass_end = NGX_HTTP_LITELLM_RECORDS_UNKNOWN;
    sh->pass++;

    ngx_memory_barrier();
    sh->pass_on = 1;
}


static ngx_int_t
ngx_http_litellm_records_send(ngx_http_litellm_redis_t *redis,
    ngx_http_litellm_redis_records_t *sh)
{
    u_char      *p;
    uint64_t     top;
    ngx_str_t   *argv, ns;
    ngx_uint_t   i, n;

    static const char  *suffix[] = { "", ":log", ":gone" };

    ngx_http_litellm_records.pool = ngx_create_pool(16384, ngx_cycle->log);
    if (ngx_http_litellm_records.pool == NULL) {
        return NGX_ERROR;
    }

    ns = redis->conf.name_space;
    n = 6 + NGX_HTTP_LITELLM_RECORDS_ARGS + 2 * NGX_HTTP_LITELLM_RECORDS_BATCH;

    argv = ngx_palloc(ngx_http_litellm_records.pool, n * sizeof(ngx_str_t));
    p = ngx_pnalloc(ngx_http_litellm_records.pool,
                    3 * (ns.len + sizeof("{:litellm}:records:gone"))
                    + NGX_HTTP_LITELLM_RECORDS_ARGS * NGX_INT64_LEN);

    if (argv == NULL || p == NULL
        || RAND_bytes(ngx_http_litellm_records.id, NGX_HTTP_LITELLM_REDIS_ID)
           != 1)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_HTTP_LITELLM_REDIS_ID; i++) {
        ngx_http_litellm_records.id[i] = "0123456789abcdef"
                                        [ngx_http_litellm_records.id[i] & 0xf];
    }

    if (ngx_http_litellm_records.loaded) {
        ngx_str_set(&argv[0], "EVALSHA");
        argv[1].data = ngx_http_litellm_records.sha;
        argv[1].len = NGX_HTTP_LITELLM_RECORDS_SHA;

    } else {
        ngx_str_set(&argv[0], "EVAL");
        argv[1] = ngx_http_litellm_records_script;
    }

    ngx_str_set(&argv[2], "3");

    for (n = 3, i = 0; i < 3; i++, n++) {
        argv[n].data = p;
        p = ns.len ? ngx_sprintf(p, "{%V:litellm}:records%s", &ns, suffix[i])
                   : ngx_sprintf(p, "{litellm}:records%s", suffix[i]);
        argv[n].len = p - argv[n].data;
    }

    top = ngx_http_litellm_redis_take_top();

#define ngx_http_litellm_records_add(value)                                   \
    argv[n].data = p;                                                         \
    p = ngx_sprintf(p, "%L", (int64_t) (value));                              \
    argv[n].len = p - argv[n].data;                                           \
    n++

    argv[n].data = ngx_http_litellm_records.id;
    argv[n++].len = NGX_HTTP_LITELLM_REDIS_ID;

    ngx_http_litellm_records_add(top);
    ngx_http_litellm_records_add(NGX_HTTP_LITELLM_RECORDS_KEPT);
    ngx_http_litellm_records_add(sh->known ? (int64_t) sh->cursor : -1);
    ngx_http_litellm_records_add(NGX_HTTP_LITELLM_RECORDS_PAGE);
    ngx_http_litellm_records_add(sh->pass_on ? (int64_t) sh->pass_at : -1);
    ngx_http_litellm_records_add(sh->pass_end);
    ngx_http_litellm_records_add(NGX_HTTP_LITELLM_RECORDS_BYTES);

#undef ngx_http_litellm_records_add

    if (ngx_http_litellm_records_changes(argv, &n) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_litellm_records.cmd = ngx_http_litellm_redis_command(redis, argv,
                                        n, ngx_http_litellm_records_done,
                                        NULL, redis->timeout);

    if (ngx_http_litellm_records.cmd == NULL) {
        return NGX_DECLINED;
    }

    ngx_http_litellm_records.cmd->timer.cancelable = 1;

    return NGX_OK;
}


/* what has changed here: each stays changed until it was told */

static ngx_int_t
ngx_http_litellm_records_changes(ngx_str_t *argv, ngx_uint_t *argc)
{
    size_t                          bytes;
    ngx_int_t                       rc;
    ngx_http_litellm_store_item_t  *item;

    ngx_http_litellm_records.n = 0;
    ngx_http_litellm_records.more = 1;

    bytes = 0;

    while (ngx_http_litellm_records.n < NGX_HTTP_LITELLM_RECORDS_BATCH
           && bytes < NGX_HTTP_LITELLM_RECORDS_BYTES)
    {
        item = &ngx_http_litellm_records.items[ngx_http_litellm_records.n];

        rc = ngx_http_litellm_store_changed(ngx_http_litellm_records.zone,
                                            ngx_http_litellm_records.pool,
                                            ngx_http_litellm_records.n, item);

        if (rc == NGX_DONE || rc == NGX_AGAIN) {
            ngx_http_litellm_records.more = (rc == NGX_AGAIN);
            return NGX_OK;
        }

        if (rc != NGX_OK
            || ngx_http_litellm_records_change(argv, argc, item) != NGX_OK)
        {
            return NGX_ERROR;
        }

        bytes += item->json.len + item->id.len;
        ngx_http_litellm_records.n++;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_records_change(ngx_str_t *argv, ngx_uint_t *argc,
    ngx_http_litellm_store_item_t *item)
{
    ngx_litellm_told_t   told;

    told.kind = item->kind;
    told.id = item->id;
    told.json = item->json;
    told.born = item->mark.born;
    told.stamp = item->mark.stamp;

    argv += *argc;
    *argc += 2;

    if (ngx_litellm_told_name(ngx_http_litellm_records.pool, &told, &argv[0])
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_litellm_told_write(ngx_http_litellm_records.pool, &told,
                                  &argv[1]);
}


static void
ngx_http_litellm_records_done(void *data, ngx_int_t rc,
    ngx_litellm_resp_t *reply)
{
    ngx_http_litellm_redis_records_t  *sh;

    ngx_http_litellm_records.cmd = NULL;

    if (ngx_http_litellm_records.redis != NULL && rc == NGX_OK) {
        sh = &ngx_http_litellm_records.redis->sh->records;

        rc = ngx_http_litellm_records_reply(sh, reply);

        if (rc == NGX_AGAIN) {
            ngx_http_litellm_redis_share_again();
        }
    }

    ngx_destroy_pool(ngx_http_litellm_records.pool);
    ngx_http_litellm_records.pool = NULL;
}


/* NGX_AGAIN: there is more to be done; NGX_OK, NGX_ERROR: not before long */

static ngx_int_t
ngx_http_litellm_records_reply(ngx_http_litellm_redis_records_t *sh,
    ngx_litellm_resp_t *reply)
{
    uint64_t    seq, next;
    ngx_int_t   again;
    ngx_uint_t  read;

    if (reply->type == NGX_LITELLM_RESP_ERROR) {
        return ngx_http_litellm_records_error(reply);
    }

    ngx_http_litellm_records.loaded = 1;

    /* a pass that begins now has no page in this reply */

    read = sh->known ? sh->pass : 0;

    if (reply->type != NGX_LITELLM_RESP_LIST || reply->nelts != 6
        || ngx_http_litellm_records_where(sh, reply, &seq) != NGX_OK
        || ngx_http_litellm_records_told(sh, reply->elts[3]) != NGX_OK)
    {
        goto invalid;
    }

    again = ngx_http_litellm_records.more;

    if (read == 0) {
        return NGX_AGAIN;
    }

    next = seq;

    if (ngx_http_litellm_records_page(reply->elts[4], &next) != NGX_OK) {
        goto invalid;
    }

    sh->cursor = ngx_min(next, seq);
    again |= (sh->cursor != seq);

    if (!sh->pass_on) {
        return again ? NGX_AGAIN : NGX_OK;
    }

    if (read != sh->pass) {
        return NGX_AGAIN;
    }

    if (sh->pass_end == NGX_HTTP_LITELLM_RECORDS_UNKNOWN) {
        sh->pass_end = seq;
    }

    if ((int64_t) sh->pass_at < sh->pass_end) {
        next = sh->pass_end;

        if (ngx_http_litellm_records_page(reply->elts[5], &next) != NGX_OK) {
            goto invalid;
        }

        sh->pass_at = ngx_max(next, sh->pass_at + 1);

        return NGX_AGAIN;
    }

    ngx_http_litellm_records_own(sh);

    return NGX_AGAIN;

invalid:

    ngx_http_litellm_redis_take_bad("sent another reply than our script gives",
                                 NULL);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_litellm_records_error(ngx_litellm_resp_t *reply)
{
    ngx_str_t  why;

    if (ngx_http_litellm_records.loaded && reply->text.len >= 8
        && ngx_strncmp(reply->text.data, "NOSCRIPT", 8) == 0)
    {
        ngx_http_litellm_records.loaded = 0;
        return NGX_AGAIN;
    }

    why.data = reply->text.data;
    why.len = ngx_min(reply->text.len, 120);

    ngx_http_litellm_redis_take_bad("does not run our script", &why);

    return NGX_ERROR;
}


/* which data these are, and how far they go */

static ngx_int_t
ngx_http_litellm_records_where(ngx_http_litellm_redis_records_t *sh,
    ngx_litellm_resp_t *reply, uint64_t *seq)
{
    u_char      *p;
    uint64_t     n[2];
    ngx_str_t   *text;
    ngx_uint_t   i;

    for (i = 0; i < 3; i++) {

        if (reply->elts[i]->type != NGX_LITELLM_RESP_STRING) {
            return NGX_ERROR;
        }

        text = &reply->elts[i]->text;
        p = text->data;

        if (i == 0) {

            if (text->len != NGX_HTTP_LITELLM_REDIS_ID) {
                return NGX_ERROR;
            }

        } else if (ngx_litellm_told_number(&p, p + text->len, &n[i - 1])
                   != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    *seq = n[0];
    text = &reply->elts[0]->text;

    if (!sh->known || ngx_memcmp(sh->id, text->data, text->len) != 0
        || *seq < sh->cursor)
    {
        /* what was told to others may be nowhere now */

        sh->known = 0;
        ngx_memory_barrier();

        ngx_memcpy(sh->id, text->data, NGX_HTTP_LITELLM_REDIS_ID);
        sh->cursor = *seq;
        ngx_http_litellm_records_pass(sh, 0);

        ngx_memory_barrier();
        sh->known = 1;

        return NGX_OK;
    }

    if (n[1] > sh->cursor) {
        ngx_http_litellm_records_pass(sh, 1);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_records_told(ngx_http_litellm_redis_records_t *sh,
    ngx_litellm_resp_t *list)
{
    ngx_str_t                       field;
    ngx_uint_t                      i;
    ngx_litellm_told_t              told;
    ngx_litellm_resp_t             *value;
    ngx_http_litellm_store_item_t  *item, there;

    if (list->type != NGX_LITELLM_RESP_LIST
        || list->nelts != ngx_http_litellm_records.n)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < list->nelts; i++) {
        value = list->elts[i];
        item = &ngx_http_litellm_records.items[i];

        if (value->type == NGX_LITELLM_RESP_INTEGER) {

            if (value->integer == 1) {
                ngx_http_litellm_store_told(ngx_http_litellm_records.zone,
                                            item, sh->pass);
                (void) ngx_atomic_fetch_add(&sh->sent, 1);
            }

            continue;
        }

        if (value->type != NGX_LITELLM_RESP_STRING) {
            return NGX_ERROR;
        }

        told.kind = item->kind;
        told.id = item->id;

        if (ngx_litellm_told_name(ngx_http_litellm_records.pool, &told, &field)
            != NGX_OK)
        {
            return NGX_OK;
        }

        if (ngx_http_litellm_redis_take(&field, value, &there)
            == NGX_DECLINED)
        {
            /* what can't be had must not keep ours back */

            ngx_http_litellm_store_retell(ngx_http_litellm_records.zone,
                                          item->kind, &item->id, &there.mark);
        }
    }

    return NGX_OK;
}


/* *next: where it ends */

static ngx_int_t
ngx_http_litellm_records_page(ngx_litellm_resp_t *list, uint64_t *next)
{
    u_char                         *p;
    ngx_str_t                      *text;
    ngx_uint_t                      i;
    ngx_http_litellm_store_item_t   item;

    if (list->type != NGX_LITELLM_RESP_LIST || list->nelts % 2 != 1
        || list->elts[0]->type != NGX_LITELLM_RESP_STRING)
    {
        return NGX_ERROR;
    }

    text = &list->elts[0]->text;
    p = text->data;

    if (ngx_litellm_told_number(&p, p + text->len, next) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 1; i < list->nelts; i += 2) {

        if (list->elts[i]->type != NGX_LITELLM_RESP_STRING) {
            return NGX_ERROR;
        }

        (void) ngx_http_litellm_redis_take(&list->elts[i]->text,
                                             list->elts[i + 1], &item);
    }

    return NGX_OK;
}


/* the end of a pass: what we have and Redis has not */

static void
ngx_http_litellm_records_own(ngx_http_litellm_redis_records_t *sh)
{
    ngx_int_t                       rc;
    ngx_uint_t                      n;
    ngx_pool_t                     *pool;
    ngx_shm_zone_t                 *zone;
    ngx_http_litellm_store_walk_t  *w;
    ngx_http_litellm_store_item_t   item;

    zone = ngx_http_litellm_records.zone;
    w = &ngx_http_litellm_records.own;

    if (ngx_http_litellm_records.pass != sh->pass) {
        ngx_http_litellm_records.pass = sh->pass;
        ngx_memzero(w, sizeof(ngx_http_litellm_store_walk_t));
    }

    for (n = 0; n < NGX_HTTP_LITELLM_RECORDS_OWN; n++) {

        rc = ngx_http_litellm_store_unseen(zone, w, sh->pass, sh->missed,
                                           &item.mark);
        if (rc == NGX_DONE) {
            sh->pass_on = 0;
            return;
        }

        if (rc != NGX_OK) {
            continue;
        }

        /* its deletion is so old that nobody remembers it */

        pool = ngx_create_pool(4096, ngx_cycle->log);
        if (pool == NULL) {
            return;
        }

        item.kind = w->kind;
        item.id = w->id;
        ngx_str_null(&item.json);

        ngx_http_litellm_redis_take_gone(&item, pool);

        ngx_destroy_pool(pool);
    }
}

#endif
