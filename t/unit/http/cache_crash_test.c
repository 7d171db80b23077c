
/*
 * The cache zone among processes: many that write, read, delete and flush at
 * once see whole values only, large ones are not starved by small ones, and of
 * one that is killed, at whatever instruction, nothing stays behind: no lock,
 * no pin, no block, no half of a change.
 */

#include "unit.h"
#include "cache_zone.h"
#include "shm_step.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>


#define WORKERS  4
#define ROUNDS   4000
#define KILLS    60
#define KEYS     200
#define NOW      1700000000
#define LATER    (NOW + 600)


/* what processes tell each other */
typedef struct {
    ngx_atomic_t   puts;
    ngx_atomic_t   declined;
    ngx_atomic_t   hits;
    ngx_atomic_t   misses;
    ngx_atomic_t   wrong;
    ngx_atomic_t   kept;        /* found again right behind its commit */
    ngx_atomic_t   stop;

    /* of the flood, by size: 1 KB, 8 KB, 64 KB, 1 MB */
    ngx_atomic_t   tried[4];
    ngx_atomic_t   stored[4];
    ngx_atomic_t   found[4];
    ngx_atomic_t   usec[4];     /* in create() */
    ngx_atomic_t   most[4];
} shared_t;


static ngx_shm_zone_t  *zone;
static shared_t        *shared;


static void
start(size_t size)
{
    if (zone != NULL) {
        cache_zone_free(zone);
    }

    ngx_pid = getpid();
    shm_clock(5000000, NOW);

    zone = cache_zone(size);
    ngx_memzero((void *) shared, sizeof(shared_t));
}


static void
whole(void)
{
    const char  *wrong;

    ngx_http_litellm_cache_bury(zone->data);

    wrong = cache_wrong(zone, 0);

    CHECKF(wrong == NULL, "%s", wrong);
}


static uint64_t
next(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;

    return *x;
}


/* a value says of which key it is */

static void
look(uint64_t n, ngx_http_litellm_cache_handle_t *h)
{
    u_char  small[2048];
    u_char  key[NGX_HTTP_LITELLM_CACHE_KEY];

    cache_key(key, n);

    /* every second one is copied at once, if it may be */

    if (ngx_http_litellm_cache_fetch(zone, key, h, small,
                                     (n & 1) ? sizeof(small) : 0)
        != NGX_OK)
    {
        (void) ngx_atomic_fetch_add(&shared->misses, 1);
        return;
    }

    if ((uint64_t) h->meta.cost >> 40 != n) {
        (void) ngx_atomic_fetch_add(&shared->wrong, 1);
    }

    if (h->entry == 0) {

        if (!cache_same_small(h, small)) {
            (void) ngx_atomic_fetch_add(&shared->wrong, 1);
        }

        (void) ngx_atomic_fetch_add(&shared->hits, 1);
    }
}


static void
use(ngx_http_litellm_cache_handle_t *h)
{
    if (h->entry == 0) {
        return;
    }

    if (!cache_same(zone, h)) {
        (void) ngx_atomic_fetch_add(&shared->wrong, 1);
    }

    (void) ngx_atomic_fetch_add(&shared->hits, 1);

    ngx_http_litellm_cache_close(zone, h);
}


static void
work(ngx_uint_t index, ngx_uint_t forever)
{
    size_t                           len;
    u_char                           key[NGX_HTTP_LITELLM_CACHE_KEY];
    uint64_t                         x, k;
    ngx_uint_t                       n, i;
    ngx_http_litellm_cache_handle_t  h[3];

    cache_worker(zone, index);

    x = 88172645463325252ULL + index + ((uint64_t) getpid() << 20);
    ngx_memzero(h, sizeof(h));

    for (n = 0; (forever || n < ROUNDS) && !shared->stop; n++) {
        next(&x);

        k = (x >> 8) % KEYS;
        i = (x >> 20) % 3;

        switch ((x >> 32) % 16) {

        case 0:
            cache_key(key, k);
            (void) ngx_http_litellm_cache_delete(zone, key);
            break;

        case 1:
            if (n % 64 == 0) {
                (void) ngx_http_litellm_cache_flush(zone);
            }

            ngx_http_litellm_cache_bury(zone->data);
            break;

        case 2: case 3: case 4: case 5:
            len = (x >> 40) % ((x >> 36) % 4 == 0 ? 200000 : 5000);

            if (cache_put(zone, k, (k << 40) + (x >> 24), len,
                          (x >> 50) % 8 ? LATER : NOW)
                != NGX_OK)
            {
                (void) ngx_atomic_fetch_add(&shared->declined, 1);
            }

            (void) ngx_atomic_fetch_add(&shared->puts, 1);
            break;

        default:

            /* opened now, read at some other time */

            use(&h[i]);
            look(k, &h[i]);
        }
    }

    for (i = 0; i < 3; i++) {
        use(&h[i]);
    }

    ngx_http_litellm_cache_part(zone->data);
}


static pid_t
begin(ngx_uint_t index, ngx_uint_t forever)
{
    pid_t  pid;

    pid = fork();

    if (pid == 0) {
        work(index, forever);
        _exit(0);
    }

    return pid;
}


static void
ended(pid_t pid)
{
    int  status;

    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}


static void
exact(void)
{
    pid_t       pids[WORKERS];
    ngx_uint_t  i;

    unit_case("workers at once see whole values");

    start(2 << 20);

    for (i = 0; i < WORKERS; i++) {
        pids[i] = begin(i + 1, 0);
    }

    for (i = 0; i < WORKERS; i++) {
        ended(pids[i]);
    }

    CHECKF(shared->hits > 1000 && shared->misses > 100 && shared->puts > 1000,
           "%d hits, %d misses, %d puts", (int) shared->hits,
           (int) shared->misses, (int) shared->puts);
    CHECK_INT(shared->wrong, 0);
    CHECK_INT(shared->declined, 0);
    CHECK(cache_stat(zone).evicted > 0);

    whole();
}


static ngx_uint_t
usec(void)
{
    struct timeval  tv;

    gettimeofday(&tv, NULL);

    return (ngx_uint_t) tv.tv_sec * 1000000 + tv.tv_usec;
}


/*
 * Of each hundred values 80 have 1 KB, 14 have 8 KB, 5 have 64 KB and one has
 * a megabyte, and the zone is full nearly from the start.
 */

static void
flood(ngx_uint_t index)
{
    u_char                          *buf, key[NGX_HTTP_LITELLM_CACHE_KEY];
    uint64_t                         x;
    ngx_uint_t                       n, size, us;
    ngx_http_litellm_cache_handle_t  h;

    static const size_t  lens[] = { 1024, 8192, 65536, 1048576 };

    cache_worker(zone, index);

    x = 88172645463325252ULL + index;
    buf = malloc(lens[3]);

    if (buf == NULL) {
        _exit(1);
    }

    ngx_memset(buf, index, lens[3]);

    for (n = 0; n < ROUNDS; n++) {
        size = next(&x) % 100;
        size = (size < 80) ? 0 : (size < 94) ? 1 : (size < 99) ? 2 : 3;

        ngx_memzero(&h, sizeof(h));
        h.meta.len = lens[size];
        h.meta.expires = LATER;

        (void) ngx_atomic_fetch_add(&shared->tried[size], 1);

        us = usec();

        if (ngx_http_litellm_cache_create(zone, &h) != NGX_OK) {
            continue;
        }

        us = usec() - us;

        (void) ngx_atomic_fetch_add(&shared->usec[size], us);

        if (us > shared->most[size]) {
            shared->most[size] = us;
        }

        ngx_http_litellm_cache_write(zone, &h, buf, lens[size]);

        cache_key(key, (index << 32) + n);
        ngx_http_litellm_cache_commit(zone, key, &h);
        ngx_http_litellm_cache_close(zone, &h);

        (void) ngx_atomic_fetch_add(&shared->stored[size], 1);

        if (ngx_http_litellm_cache_open(zone, key, &h) == NGX_OK) {
            (void) ngx_atomic_fetch_add(&shared->found[size], 1);
            ngx_http_litellm_cache_close(zone, &h);
        }
    }

    ngx_http_litellm_cache_part(zone->data);
}


static void
mixed(void)
{
    pid_t                          pids[WORKERS];
    ngx_uint_t                     i;
    ngx_http_litellm_cache_stat_t  stat;

    unit_case("a flood of small values and large ones");

    start(16 << 20);

    for (i = 0; i < WORKERS; i++) {
        pids[i] = fork();

        if (pids[i] == 0) {
            flood(i + 1);
            _exit(0);
        }
    }

    for (i = 0; i < WORKERS; i++) {
        ended(pids[i]);
    }

    for (i = 0; i < 4; i++) {
        printf("# %7d bytes: %5d tried, %5d stored, %5d found, room made in "
               "%d us, %d at most\n",
               (int) (i == 0 ? 1024 : i == 1 ? 8192 : i == 2 ? 65536 : 1048576),
               (int) shared->tried[i], (int) shared->stored[i],
               (int) shared->found[i],
               (int) (shared->usec[i] / (shared->stored[i] + 1)),
               (int) shared->most[i]);

        CHECK_INT(shared->stored[i], shared->tried[i]);

        /* all but what is behind 16 MB of others' before it was looked for */

        CHECKF(shared->found[i] >= shared->stored[i] * 9 / 10,
               "%d found of %d", (int) shared->found[i],
               (int) shared->stored[i]);
    }

    stat = cache_stat(zone);

    printf("# 16 MB: %d blocks, %d free, %d entries, %d evicted\n",
           (int) stat.blocks, (int) stat.free, (int) stat.entries,
           (int) stat.evicted);

    CHECK(shared->tried[3] > 50);
    CHECK(stat.free < stat.blocks / 8);
    CHECK(stat.blocks * 2048 > (16 << 20) / 100 * 98);
    CHECK(stat.evicted > 1000);

    whole();
}


/* what the master does: it unlocks and starts another one */

static void
killed(void)
{
    pid_t       pids[WORKERS];
    siginfo_t   info;
    ngx_uint_t  i, k;

    unit_case("workers killed under load");

    start(2 << 20);

    for (i = 0; i < WORKERS; i++) {
        pids[i] = begin(i + 1, 1);
    }

    for (k = 0; k < KILLS; k++) {
        usleep(2000 + (k * 7919) % 3000);

        i = k % WORKERS;
        kill(pids[i], SIGKILL);

        CHECK_INT(waitid(P_PID, pids[i], &info, WEXITED), 0);
        shm_unlock(zone, pids[i]);

        pids[i] = begin(i + 1, 1);
    }

    shared->stop = 1;

    for (i = 0; i < WORKERS; i++) {
        ended(pids[i]);
    }

    CHECKF(shared->hits > 100, "%d hits", (int) shared->hits);
    CHECK_INT(shared->wrong, 0);

    whole();

    for (i = 0; i < KEYS; i++) {
        CHECK(cache_get(zone, i) != NGX_ERROR);
    }

    CHECK_INT(cache_put(zone, 1, 1, 200000, LATER), NGX_OK);
    CHECK_INT(cache_get(zone, 1), NGX_OK);
}


/*
 * All that changes the zone once, in a process that is traced: a value is read,
 * another one takes the place of its older one, with room made for it in two
 * steps; one is deleted, one is over, and then all are flushed.  Then it makes
 * an answer and is done, makes one that others need not wait for, and makes a
 * third one when it looks for those whose makers are dead.
 */

#define OLD    (FIRST + 5 * 2048)
#define NEW    (FIRST + 79 * 2048)
#define FIRST  (NGX_HTTP_LITELLM_CACHE_BLOCK - NGX_HTTP_LITELLM_CACHE_HEAD)

/* who makes what: keys, and how long others would wait */
#define MADE    11
#define OPENED  12
#define DEAD    13
#define AGE     60000


static void
fill(void)
{
    ngx_uint_t                     i;
    ngx_http_litellm_cache_stat_t  stat;

    (void) ngx_http_litellm_cache_flush(zone);

    (void) cache_put(zone, 4, 4, OLD, NOW + 5);
    (void) cache_put(zone, 5, 5, FIRST + 19 * 2048, LATER);

    stat = cache_stat(zone);

    /* few and large ones: each instruction of a flush is one more step here */

    for (i = 0; i < (stat.free - 40) / 100; i++) {
        (void) cache_put(zone, 100 + i, 100 + i, FIRST + 99 * 2048, LATER);
    }

    (void) cache_put(zone, 1, 1, OLD, LATER);
    (void) cache_put(zone, 2, 2, OLD, LATER);
    (void) cache_put(zone, 3, 3, OLD, LATER);

    (void) cache_get(zone, 4);
}


static void
prepare(void)
{
    shared->kept = 0;

    cache_worker(zone, 9);
}


static void
traced(void)
{
    u_char                           key[NGX_HTTP_LITELLM_CACHE_KEY];
    ngx_http_litellm_cache_lead_t    lead;
    ngx_http_litellm_cache_handle_t  h, again;

    ngx_memzero(&h, sizeof(h));

    cache_key(key, 1);
    (void) ngx_http_litellm_cache_open(zone, key, &again);

    h.meta.len = NEW;
    h.meta.expires = LATER;

    (void) ngx_http_litellm_cache_create(zone, &h);

    /* as if it were written: that is nobody else's */

    h.done = NEW;

    cache_key(key, 2);
    ngx_http_litellm_cache_commit(zone, key, &h);

    shared->kept = 1;

    ngx_http_litellm_cache_close(zone, &h);

    cache_key(key, 3);
    (void) ngx_http_litellm_cache_delete(zone, key);

    shared->kept = 2;

    cache_key(key, 1);
    (void) ngx_http_litellm_cache_delete(zone, key);
    ngx_http_litellm_cache_close(zone, &again);

    shm_clock(ngx_current_msec, NOW + 5);

    cache_key(key, 4);
    (void) ngx_http_litellm_cache_open(zone, key, &h);

    shared->kept = 3;

    ngx_http_litellm_cache_flush(zone);

    shared->kept = 4;

    cache_key(key, MADE);
    (void) ngx_http_litellm_cache_lead(zone, key, 0, AGE, -1, &lead);
    shared->kept = 5;
    ngx_http_litellm_cache_lead_end(zone, &lead, 0);

    /* in the place of the first one */

    shared->kept = 6;
    cache_key(key, OPENED);
    (void) ngx_http_litellm_cache_lead(zone, key, 1, AGE, -1, &lead);
    shared->kept = 7;
    ngx_http_litellm_cache_lead_end(zone, &lead, 1);

    shared->kept = 8;
    cache_key(key, MADE);
    (void) ngx_http_litellm_cache_lead(zone, key, 0, AGE, -1, &lead);
    ngx_http_litellm_cache_bury(zone->data);

    shared->kept = 9;
}


static ngx_uint_t
ended_all(void)
{
    return shared->kept == 9;
}


/* one that is dead makes something */

static void
mourn(void)
{
    int                            status;
    pid_t                          pid;
    u_char                         key[NGX_HTTP_LITELLM_CACHE_KEY];
    ngx_http_litellm_cache_lead_t  l;

    pid = fork();

    if (pid == 0) {
        cache_worker(zone, 7);
        cache_key(key, DEAD);
        (void) ngx_http_litellm_cache_lead(zone, key, 0, AGE, -1, &l);
        _exit(0);
    }

    CHECK_INT(waitpid(pid, &status, 0), pid);
}


static ngx_uint_t
there(uint64_t n, size_t *len)
{
    u_char                           key[NGX_HTTP_LITELLM_CACHE_KEY];
    ngx_uint_t                       yes;
    ngx_http_litellm_cache_handle_t  h;

    cache_key(key, n);

    yes = (ngx_http_litellm_cache_open(zone, key, &h) == NGX_OK);

    *len = yes ? h.meta.len : 0;

    if (yes && *len != NEW && !cache_same(zone, &h)) {
        yes = 2;
    }

    ngx_http_litellm_cache_close(zone, &h);

    return yes;
}


/* what checks may change: all but the bytes of values */

static void
copy(u_char *to, ngx_uint_t back)
{
    size_t                        n;
    u_char                       *p;
    uint32_t                      i;
    ngx_http_litellm_cache_t     *c;
    ngx_http_litellm_cache_sh_t  *sh;

    c = zone->data;
    sh = c->sh;
    p = zone->shm.addr;
    n = sh->data - p;

    ngx_memcpy(back ? p : to, back ? to : p, n);

    for (i = 1; i <= sh->nblocks; i++) {
        to += n;
        p = ngx_http_litellm_cache_data(sh, i);
        n = NGX_HTTP_LITELLM_CACHE_HEAD;

        ngx_memcpy(back ? p : to, back ? to : p, n);
    }
}


static void
dead(pid_t pid, pid_t number)
{
    uint32_t                      i;
    ngx_http_litellm_cache_sh_t  *sh;

    sh = ((ngx_http_litellm_cache_t *) zone->data)->sh;

    for (i = 1; i <= sh->made; i++) {
        if (sh->pins[i].pid == (uint32_t) pid) {
            sh->pins[i].pid = number;
        }
    }

    for (i = 1; i <= sh->begun; i++) {
        if (sh->makings[i].pid == (uint32_t) pid) {
            sh->makings[i].pid = number;
        }
    }

    for (i = 0; i < sh->undo; i++) {
        if (sh->journal[i].was == (uint32_t) pid) {
            sh->journal[i].was = number;
        }
    }
}


/* nobody waits for one that is dead */

static const char *
made(ngx_uint_t kept)
{
    u_char                         key[NGX_HTTP_LITELLM_CACHE_KEY];
    uint32_t                       i;
    ngx_uint_t                     n, opened;
    ngx_http_litellm_lead_e        state;
    ngx_http_litellm_cache_t      *c;
    ngx_http_litellm_cache_lead_t  l;

    c = zone->data;

    cache_key(key, OPENED);
    state = ngx_http_litellm_cache_led(zone, key, AGE);
    opened = (state == NGX_HTTP_LITELLM_LEAD_OPEN);

    if ((!opened && state != NGX_HTTP_LITELLM_LEAD_TAKEN)
        || (kept < 7 && opened) || (kept > 7 && !opened))
    {
        return "what others need not wait for";
    }

    cache_key(key, MADE);

    if (ngx_http_litellm_cache_lead(zone, key, 0, AGE, -1, &l)
        != NGX_HTTP_LITELLM_LEAD_TAKEN)
    {
        return "a dead one leads";
    }

    ngx_http_litellm_cache_lead_end(zone, &l, 0);

    cache_key(key, DEAD);

    if (ngx_http_litellm_cache_led(zone, key, AGE)
        != NGX_HTTP_LITELLM_LEAD_TAKEN)
    {
        return "another dead one leads";
    }

    /* all but the one that is opened are free */

    for (n = 0, i = c->sh->making; i != 0; i = c->sh->makings[i].chain) {
        n++;
    }

    return (n + opened == c->sh->begun) ? cache_wrong(zone, 0)
                                        : "a record that is not given back";
}


static int
whole_at(ngx_uint_t at)
{
    size_t       len[4];
    ngx_uint_t   a, b, c, kept;
    const char  *wrong;

    kept = shared->kept;

    ngx_http_litellm_cache_bury(zone->data);

    wrong = cache_wrong(zone, 0);

    a = there(1, &len[0]);
    b = there(2, &len[1]);
    c = there(3, &len[2]);

    if (wrong == NULL) {
        wrong = made(kept);
    }

    if (wrong != NULL
        || (kept < 2 && !(a == 1 && len[0] == OLD))
        || (kept == 0 && !(b == 1 && (len[1] == OLD || len[1] == NEW)))
        || (kept == 1 && !(b == 1 && len[1] == NEW))
        || (kept == 0 && !(c == 1 && len[2] == OLD))
        || (kept == 2 && c != 0) || a == 2 || b == 2 || c == 2
        || (kept == 3 && b != 0 && len[1] != NEW))
    {
        return CHECKF(0, "%d instructions, step %d: %s, %d %d %d, %d bytes",
                      (int) at, (int) kept, wrong ? wrong : "lost", (int) a,
                      (int) b, (int) c, (int) len[1]);
    }

    return 1;
}


/* has the last instruction stored anything that others see? */

static ngx_uint_t
changed(void)
{
    uint32_t                     *place, now;
    ngx_uint_t                    yes;
    ngx_http_litellm_cache_sh_t  *sh;

    static uint32_t                     last;
    static ngx_http_litellm_cache_sh_t  was;

    sh = ((ngx_http_litellm_cache_t *) zone->data)->sh;

    place = sh->undo ? sh->journal[sh->undo - 1].place : NULL;
    now = place ? *place : 0;

    yes = (now != last
           || ngx_memcmp(sh, &was, sizeof(ngx_http_litellm_cache_sh_t)) != 0);

    last = now;
    was = *sh;

    return yes;
}


/* without the lock nothing changes but a value's bytes */

static ngx_uint_t
skip(pid_t pid, ngx_uint_t at)
{
    ngx_uint_t        locked;
    ngx_slab_pool_t  *pool;

    pool = (ngx_slab_pool_t *) zone->shm.addr;
    locked = (*pool->mutex.lock == (ngx_atomic_uint_t) pid);

    return !changed() && at % (locked ? 64 : 512);
}


static void
again(void)
{
    /* what was opened is so for a moment */

    shm_clock(ngx_current_msec + 2000, NOW);

    whole();
    fill();
    whole();
    mourn();
}


static void
everywhere(void)
{
    shm_step_t  step;
    ngx_uint_t  cuts, n;

    unit_case("killed at any instruction");

    start(2 << 20);

    ngx_memzero(&step, sizeof(shm_step_t));

    step.zone = zone;
    step.prepare = prepare;
    step.traced = traced;
    step.ended = ended_all;
    step.again = again;
    step.skip = skip;
    step.dead = dead;
    step.whole = whole_at;
    step.copy = copy;

    cuts = shm_step(&step, &n);

    if (cuts) {
        CHECKF(cuts > 300, "%d instructions", (int) cuts);
        whole();
    }
}


/* its number is that of a process that lives for long */

static void
reused(void)
{
    int                              status;
    pid_t                            pid;
    u_char                           key[NGX_HTTP_LITELLM_CACHE_KEY];
    ngx_http_litellm_cache_t        *c;
    ngx_http_litellm_cache_handle_t  h;

    unit_case("a dead worker whose number is somebody's");

    start(1 << 20);

    (void) cache_put(zone, 1, 1, 5000, LATER);
    cache_key(key, 1);

    pid = fork();

    if (pid == 0) {
        cache_worker(zone, 5);
        (void) ngx_http_litellm_cache_open(zone, key, &h);

        c = zone->data;
        c->sh->pins[h.pin].pid = getppid();
        _exit(0);
    }

    CHECK_INT(waitpid(pid, &status, 0), pid);

    /* for this process it is its own */

    ngx_http_litellm_cache_bury(zone->data);
    CHECK(cache_wrong(zone, 1) == NULL);

    /* the next one of that index */

    pid = fork();

    if (pid == 0) {
        cache_worker(zone, 5);
        _exit(0);
    }

    CHECK_INT(waitpid(pid, &status, 0), pid);
    whole();

    unit_case("a worker that gets the number of a dead one");

    CHECK_INT(ngx_http_litellm_cache_open(zone, key, &h), NGX_OK);
    CHECK(cache_wrong(zone, 1) == NULL);

    cache_worker(zone, 3);
    whole();
}


void
unit_main(void)
{
    shared = mmap(NULL, sizeof(shared_t), PROT_READ|PROT_WRITE,
                  MAP_ANON|MAP_SHARED, -1, 0);

    if (!CHECK(shared != MAP_FAILED)) {
        return;
    }

    exact();
    mixed();
    killed();
    reused();
    everywhere();

    cache_zone_free(zone);
}
