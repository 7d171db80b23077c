
/*
 * The ledger among processes: many that reserve and settle at once are exact
 * to the last unit, and of one that is killed, at whatever instruction, nothing
 * stays behind: no lock, no reservation, no half of a section.
 */

#include "unit.h"
#include "ledger_zone.h"
#include "shm_step.h"

#include <sys/mman.h>
#include <sys/wait.h>


#define WORKERS   4
#define ROUNDS    3000
#define KILLS     60
#define RPM       4000
#define PARALLEL  7


/* what processes tell each other */
typedef struct {
    ngx_atomic_t   admitted;
    ngx_atomic_t   refused;
    ngx_atomic_t   flying;
    ngx_atomic_t   over;
    ngx_atomic_t   wrong;
    ngx_atomic_t   meant;       /* money, before it is settled */
    ngx_atomic_t   spent;       /* and behind it */
    ngx_atomic_t   stop;
} shared_t;


static ngx_shm_zone_t  *zone;
static shared_t        *shared;


#define NOW  1700000000


static void
start(void)
{
    if (zone != NULL) {
        ledger_zone_free(zone);
    }

    ngx_pid = getpid();
    ledger_clock(5000000, NOW);

    zone = ledger_zone(128 * 1024);
    ngx_memzero((void *) shared, sizeof(shared_t));
}


static void
ask(ngx_http_litellm_reservation_t *rv, ngx_uint_t n)
{
    ngx_memzero(rv, sizeof(ngx_http_litellm_reservation_t));

    ledger_claim(rv, NGX_HTTP_LITELLM_GATEWAY, "")->rpm = RPM;
    ledger_claim(rv, NGX_HTTP_LITELLM_OF_KEY, (n % 3) ? "one" : "two")
        ->parallel = PARALLEL;
    ledger_claim(rv, NGX_HTTP_LITELLM_OF_TEAM, "team");

    rv->tokens = 1000;
    rv->cost = 100000;
}


/* each limit is held to by what processes say of it themselves */

static void
work(ngx_uint_t index, ngx_uint_t forever)
{
    ngx_uint_t                      i, n;
    uint64_t                        x;
    ngx_atomic_uint_t               now;
    ngx_http_litellm_reservation_t  rv[3];

    ledger_worker(zone, 1, index);

    x = 88172645463325252ULL + index;
    ngx_memzero(rv, sizeof(rv));

    for (n = 0; (forever || n < ROUNDS) && !shared->stop; n++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;

        i = x % 3;

        if (rv[i].slot != NULL) {
            (void) ngx_atomic_fetch_add(&shared->flying, -1);
            (void) ngx_atomic_fetch_add(&shared->meant, x % 1000);

            ngx_http_litellm_ledger_settle(zone, &rv[i], x % 2000, x % 1000,
                                           1);

            (void) ngx_atomic_fetch_add(&shared->spent, x % 1000);
            continue;
        }

        ask(&rv[i], 1);

        if (forever) {
            rv[i].claims[0].rpm = -1;
        }

        switch (ngx_http_litellm_ledger_reserve(zone, &rv[i], 0)) {

        case NGX_OK:
            (void) ngx_atomic_fetch_add(&shared->admitted, 1);
            now = ngx_atomic_fetch_add(&shared->flying, 1) + 1;

            if (now > PARALLEL && !forever) {
                (void) ngx_atomic_fetch_add(&shared->over, 1);
            }

            break;

        case NGX_DECLINED:
            (void) ngx_atomic_fetch_add(&shared->refused, 1);
            break;

        default:
            (void) ngx_atomic_fetch_add(&shared->wrong, 1);
        }

        if (n % 7 == 0) {
            ngx_http_litellm_ledger_bury(zone);
        }
    }

    for (i = 0; i < 3; i++) {
        (void) ngx_atomic_fetch_add(&shared->flying, -(rv[i].slot != NULL));
        ngx_http_litellm_ledger_settle(zone, &rv[i], 0, 0, 1);
    }

    ngx_http_litellm_ledger_leave(zone);
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
empty(void)
{
    ngx_uint_t                  i;
    ngx_http_litellm_account_t  a;

    static const struct {
        ngx_http_litellm_scope_e   scope;
        const char                *name;
    } all[] = {
        { NGX_HTTP_LITELLM_GATEWAY, "" },
        { NGX_HTTP_LITELLM_OF_KEY, "one" },
        { NGX_HTTP_LITELLM_OF_KEY, "two" },
        { NGX_HTTP_LITELLM_OF_TEAM, "team" },
    };

    for (i = 0; i < 4; i++) {
        a = ledger_account(zone, all[i].scope, all[i].name);

        CHECK_INT(a.inflight, 0);
        CHECK_INT(a.reserved, 0);
    }
}


static void
exact(void)
{
    int                         status;
    pid_t                       pids[WORKERS];
    ngx_uint_t                  i;
    ngx_http_litellm_account_t  a;

    unit_case("workers at once: never one over the limit");

    start();

    for (i = 0; i < WORKERS; i++) {
        pids[i] = begin(i + 1, 0);
    }

    for (i = 0; i < WORKERS; i++) {
        CHECK_INT(waitpid(pids[i], &status, 0), pids[i]);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }

    a = ledger_account(zone, NGX_HTTP_LITELLM_GATEWAY, "");

    CHECKF(shared->admitted <= RPM && shared->admitted > 100, "%d admitted",
           (int) shared->admitted);
    CHECK(shared->refused > 0);
    CHECK_INT(shared->over, 0);
    CHECK_INT(shared->wrong, 0);
    CHECK_INT(shared->flying, 0);
    CHECK_INT(a.requests, shared->admitted);
    CHECK_INT(a.spend, shared->spent);
    CHECK_INT(a.total, shared->spent);

    empty();
}


/* what the master does: it unlocks and starts another one */

static void
killed(void)
{
    int                         status;
    pid_t                       pids[WORKERS];
    siginfo_t                   info;
    ngx_uint_t                  i, k;
    ngx_http_litellm_account_t  a;

    unit_case("workers killed under load");

    start();

    for (i = 0; i < WORKERS; i++) {
        pids[i] = begin(i + 1, 1);
    }

    for (k = 0; k < KILLS; k++) {
        usleep(2000 + (k * 7919) % 3000);

        i = k % WORKERS;
        kill(pids[i], SIGKILL);

        CHECK_INT(waitid(P_PID, pids[i], &info, WEXITED), 0);
        ledger_unlock(zone, pids[i]);

        pids[i] = begin(i + 1, 1);
    }

    shared->stop = 1;

    for (i = 0; i < WORKERS; i++) {
        CHECK_INT(waitpid(pids[i], &status, 0), pids[i]);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }

    ngx_http_litellm_ledger_bury(zone);

    a = ledger_account(zone, NGX_HTTP_LITELLM_OF_TEAM, "team");

    CHECKF(shared->admitted > 100, "%d admitted", (int) shared->admitted);
    CHECK_INT(shared->wrong, 0);

    /* one that was killed may have settled and not said so, or not yet */

    CHECKF(a.spend >= (int64_t) shared->spent
           && a.spend <= (int64_t) shared->meant,
           "spend %lld of %lld to %lld", (long long) a.spend,
           (long long) shared->spent, (long long) shared->meant);

    CHECKF(a.requests >= (int64_t) shared->admitted
           && a.requests <= (int64_t) shared->admitted + KILLS,
           "%lld requests, %lld admitted", (long long) a.requests,
           (long long) shared->admitted);

    empty();
}


/*
 * A reservation of four accounts, two of them new, then its settlement, in a
 * process that is traced and killed behind a number of instructions.
 */

static ngx_http_litellm_reservation_t  asked;


static void
prepare(void)
{
    shared->admitted = 0;
    shared->spent = 0;

    ledger_worker(zone, 1, 9);

    ask(&asked, 1);
    ledger_claim(&asked, NGX_HTTP_LITELLM_OF_USER, "new");
    asked.claims[0].rpm = -1;
}


static void
traced(void)
{
    ngx_http_litellm_ledger_reserve(zone, &asked, 0);

    shared->admitted = 1;

    ngx_http_litellm_ledger_settle(zone, &asked, 5, 7, 1);

    shared->spent = 1;
}


static ngx_uint_t
ended(void)
{
    return shared->spent;
}


static int
whole(const char *when, ngx_uint_t at)
{
    ngx_uint_t                        i, n;
    ngx_str_t                         name;
    ngx_http_litellm_account_t        a, b, c;
    ngx_http_litellm_ledger_t        *l;
    ngx_http_litellm_ledger_entry_t  *e;
    ngx_http_litellm_reservation_t    rv;

    static ngx_uint_t  entries, slots;
    ngx_uint_t         spare;

    ngx_http_litellm_ledger_piece_t  *piece;

    ngx_http_litellm_ledger_bury(zone);

    a = ledger_account(zone, NGX_HTTP_LITELLM_GATEWAY, "");
    b = ledger_account(zone, NGX_HTTP_LITELLM_OF_TEAM, "team");
    c = ledger_account(zone, NGX_HTTP_LITELLM_OF_USER, "new");

    if (a.inflight || b.inflight || c.inflight || a.reserved || b.reserved
        || c.reserved || a.spend != b.spend || a.requests != b.requests
        || a.tokens != b.tokens || (c.spend != 0 && c.spend != 7)
        || (shared->spent && c.spend != 7)
        || (at != 0 && shared->admitted && c.requests != 1))
    {
        return CHECKF(0, "%s, %d instructions: in flight %lld %lld %lld, "
                      "reserved %lld %lld %lld, spend %lld %lld %lld, "
                      "requests %lld %lld %lld", when, (int) at,
                      (long long) a.inflight, (long long) b.inflight,
                      (long long) c.inflight, (long long) a.reserved,
                      (long long) b.reserved, (long long) c.reserved,
                      (long long) a.spend, (long long) b.spend,
                      (long long) c.spend, (long long) a.requests,
                      (long long) b.requests, (long long) c.requests);
    }

    /* no entry and no piece is lost */

    ngx_str_set(&name, "new");
    ngx_http_litellm_ledger_forget(zone, NGX_HTTP_LITELLM_OF_USER, &name);

    l = ngx_http_litellm_zone_ledger(zone);

    for (n = 0, e = l->free; e != NULL; e = e->next) {
        n++;
    }

    for (i = 0; i <= l->mask; i++) {
        for (e = l->chains[i]; e != NULL; e = e->next) {
            n++;
        }
    }

    for (spare = 0, piece = l->spare; piece != NULL; piece = piece->next) {
        spare++;
    }

    if (at == 0) {
        entries = n;
        slots = spare;

    } else if (n != entries || spare != slots) {
        return CHECKF(0, "%s, %d instructions: %d entries of %d, %d pieces "
                      "of %d", when, (int) at, (int) n, (int) entries,
                      (int) spare, (int) slots);
    }

    ask(&rv, 1);
    rv.claims[0].rpm = -1;

    if (ngx_http_litellm_ledger_reserve(zone, &rv, 0) != NGX_OK) {
        return CHECKF(0, "%s, %d instructions: refused", when, (int) at);
    }

    ngx_http_litellm_ledger_settle(zone, &rv, 0, 0, 1);

    return 1;
}


static int
whole_at(ngx_uint_t at)
{
    return whole("cut", at);
}


static void
again(void)
{
    (void) whole("first", 0);
}


static void
dead(pid_t pid, pid_t number)
{
    ngx_http_litellm_ledger_worker_t  *w;

    for (w = ngx_http_litellm_zone_ledger(zone)->workers; w; w = w->next) {
        if (w->pid == pid) {
            w->pid = number;
        }
    }
}


static void
everywhere(void)
{
    shm_step_t  step;
    ngx_uint_t  n;

    unit_case("killed at any instruction");

    start();

    /* what is made once is made: pages, and this process's own slots */

    (void) whole("before", 0);

    ngx_memzero(&step, sizeof(shm_step_t));

    step.zone = zone;
    step.prepare = prepare;
    step.traced = traced;
    step.ended = ended;
    step.again = again;
    step.dead = dead;
    step.whole = whole_at;

    if (shm_step(&step, &n)) {
        CHECKF(n > 1000, "%d instructions", (int) n);
        (void) whole("killed", n);
    }
}


/* nginx starts one worker of an index at a time; its number may be used again */

static void
reused(void)
{
    int                             status;
    pid_t                           pid;
    ngx_http_litellm_reservation_t  rv;

    unit_case("a dead worker whose number is somebody's");

    start();

    pid = fork();

    if (pid == 0) {
        ledger_worker(zone, 1, 5);

        /* the number of a process that lives for long */

        ngx_pid = getppid();
        ngx_http_litellm_zone_ledger(zone)->workers->pid = getppid();

        ask(&rv, 1);
        ngx_http_litellm_ledger_reserve(zone, &rv, 0);
        _exit(0);
    }

    CHECK_INT(waitpid(pid, &status, 0), pid);

    pid = fork();

    if (pid == 0) {
        ngx_pid = getpid();
        ngx_http_litellm_ledger_bury(zone);
        shared->admitted = ledger_account(zone, NGX_HTTP_LITELLM_OF_TEAM,
                                          "team").inflight;

        ledger_worker(zone, 1, 5);
        shared->spent = ledger_account(zone, NGX_HTTP_LITELLM_OF_TEAM,
                                       "team").inflight;

        ngx_http_litellm_ledger_leave(zone);
        _exit(0);
    }

    CHECK_INT(waitpid(pid, &status, 0), pid);

    CHECK_INT(shared->admitted, 1);
    CHECK_INT(shared->spent, 0);
    empty();

    unit_case("a worker that leaves with requests under way");

    ask(&rv, 1);
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_OK);
    ngx_http_litellm_ledger_leave(zone);
    empty();

    /* and then they end */

    ngx_http_litellm_ledger_settle(zone, &rv, 1, 1, 1);
    empty();
    CHECK_INT(ledger_account(zone, NGX_HTTP_LITELLM_OF_TEAM, "team").spend, 0);
    CHECK_INT(ngx_http_litellm_ledger_reserve(zone, &rv, 0), NGX_BUSY);
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
    killed();
    reused();
    everywhere();

    ledger_zone_free(zone);
}
