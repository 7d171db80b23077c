
/*
 * The store and processes that are killed: whatever the instruction, each change
 * was made as a whole or not at all, all that was made is found by id and by
 * alias, others are told of it, and no memory is lost but what nginx's slab pool
 * gave or took at that moment (the pool itself can't be repaired: there it is
 * not looked).
 */

#include "unit.h"
#include "store_zone.h"
#include "shm_step.h"

#include <sys/mman.h>


#define NOW     1700000000
#define OTHERS  12


/* what processes tell each other */
typedef struct {
    ngx_uint_t   step;          /* of the traced one */
    ngx_uint_t   slab;          /* it is in the slab pool's code */
    ngx_int_t    live;          /* what the pool gave and has not back */
    ngx_uint_t   wrong;
} shared_t;


typedef struct {
    const char  *id;
    ngx_uint_t   step;          /* that changes it */
    ngx_uint_t   before;        /* the record's number, 0: none */
    ngx_uint_t   after;
    const char  *alias;         /* then; NULL: none */
} expected_t;


static ngx_shm_zone_t  *zone;
static shared_t        *shared;
static ngx_int_t        base;
static shm_step_t       step_by_step;


/* what each step of traced() does; a record may be changed more than once */

static const expected_t  expected[] = {
    { "a", 1, 11, 12, "alias-a-new" },
    { "new", 2, 0, 21, "alias-new" },
    { "b", 3, 31, 0, NULL },
    { "b", 4, 0, 32, "alias-b" },
    { "c", 6, 41, 42, "alias-c" },
    { "d", 7, 51, 0, NULL },
    { "taken", 8, 0, 61, NULL },
    { "e", 10, 71, 0, NULL },
    { "f", 11, 81, 0, NULL },
    { "told", 0, 91, 91, "alias-told" },
    { NULL, 0, 0, 0, NULL }
};


void *__real_ngx_slab_alloc_locked(ngx_slab_pool_t *pool, size_t size);
void *__real_ngx_slab_calloc_locked(ngx_slab_pool_t *pool, size_t size);
void __real_ngx_slab_free_locked(ngx_slab_pool_t *pool, void *p);
void *__wrap_ngx_slab_alloc_locked(ngx_slab_pool_t *pool, size_t size);
void *__wrap_ngx_slab_calloc_locked(ngx_slab_pool_t *pool, size_t size);
void __wrap_ngx_slab_free_locked(ngx_slab_pool_t *pool, void *p);


void *
__wrap_ngx_slab_alloc_locked(ngx_slab_pool_t *pool, size_t size)
{
    void  *p;

    shared->slab = 1;
    p = __real_ngx_slab_alloc_locked(pool, size);
    shared->live += (p != NULL);
    shared->slab = 0;

    return p;
}


void *
__wrap_ngx_slab_calloc_locked(ngx_slab_pool_t *pool, size_t size)
{
    void  *p;

    shared->slab = 1;
    p = __real_ngx_slab_calloc_locked(pool, size);
    shared->live += (p != NULL);
    shared->slab = 0;

    return p;
}


void
__wrap_ngx_slab_free_locked(ngx_slab_pool_t *pool, void *p)
{
    shared->slab = 1;
    __real_ngx_slab_free_locked(pool, p);
    shared->live--;
    shared->slab = 0;
}


/* of another gateway, and later than all that is here; n 0: a deletion */

static void
take(const char *id, ngx_uint_t n, const char *alias)
{
    u_char                         buf[256];
    ngx_http_litellm_store_item_t  item;

    ngx_memzero(&item, sizeof(item));

    item.kind = NGX_LITELLM_KEY;
    item.id.data = (u_char *) id;
    item.id.len = ngx_strlen(id);
    item.mark.stamp = (uint64_t) (NOW + 1000) * 1000000 + n;
    item.mark.born = n ? 1 : item.mark.stamp;

    if (n) {
        item.json = store_json(buf, alias, n);
        item.mark.born = item.mark.stamp;
    }

    (void) ngx_http_litellm_store_take(zone, &item, 1);
}


/* what others have is older: they are to be told */

static void
look(const char *id)
{
    u_char                         buf[64];
    ngx_http_litellm_store_item_t  item;

    ngx_memzero(&item, sizeof(item));

    item.kind = NGX_LITELLM_KEY;
    item.id.data = (u_char *) id;
    item.id.len = ngx_strlen(id);
    item.mark.stamp = 1;
    item.mark.born = 1;
    item.json = store_json(buf, NULL, 1);

    (void) ngx_http_litellm_store_look(zone, &item, 1);
}


static void
tell(ngx_uint_t n)
{
    ngx_pool_t                     *pool;
    ngx_http_litellm_store_item_t   item;

    pool = ngx_create_pool(1024, ngx_cycle->log);

    if (pool != NULL) {

        while (n--
               && ngx_http_litellm_store_changed(zone, pool, 0, &item)
                  == NGX_OK)
        {
            ngx_http_litellm_store_told(zone, &item, 1);
        }

        ngx_destroy_pool(pool);
    }
}


static void
fill(void)
{
    char        id[32];
    ngx_uint_t  i;

    if (zone != NULL) {
        store_zone_free(zone);
    }

    ngx_pid = getpid();
    shm_clock(5000000, NOW);

    ngx_memzero(shared, sizeof(shared_t));

    zone = store_zone(128 * 1024);
    base = shared->live;
    step_by_step.zone = zone;

    ngx_http_litellm_store_share(zone, 1);

    for (i = 0; i < OTHERS; i++) {
        (void) ngx_sprintf((u_char *) id, "other-%ui%Z", i);
        (void) store_put(zone, id, i % 2 ? id : NULL, i + 1, 0);
    }

    (void) store_put(zone, "a", "alias-a", 11, 0);
    (void) store_put(zone, "told", "alias-told", 91, 0);
    (void) store_put(zone, "b", "alias-b", 31, 0);

    tell(100);

    (void) store_put(zone, "c", "alias-c", 41, 0);
    (void) store_put(zone, "d", "alias-d", 51, 0);
    (void) store_put(zone, "e", "alias-e", 71, 0);
    (void) store_put(zone, "f", "alias-f", 81, 0);
}


static void
prepare(void)
{
    ngx_pid = getpid();
    shared->step = 0;
}


static void
traced(void)
{
    ngx_str_t                      id;
    ngx_http_litellm_store_walk_t  walk;

    shared->step = 1;
    (void) store_put(zone, "a", "alias-a-new", 12, 0);
    shared->step = 2;
    (void) store_put(zone, "new", "alias-new", 21, NGX_HTTP_LITELLM_STORE_NEW);
    shared->step = 3;
    (void) store_delete(zone, "b");
    shared->step = 4;
    (void) store_put(zone, "b", "alias-b", 32, 0);

    /* those that are told are taken out of the chain, one by one */

    shared->step = 5;
    tell(3);

    shared->step = 6;
    take("c", 42, "alias-c");
    shared->step = 7;
    take("d", 0, NULL);
    shared->step = 8;
    take("taken", 61, NULL);

    shared->step = 9;
    ngx_str_set(&id, "told");
    ngx_http_litellm_store_retell(zone, NGX_LITELLM_KEY, &id, NULL);

    look("other-1");

    shared->step = 10;
    ngx_str_set(&id, "e");
    ngx_http_litellm_store_remove(zone, NGX_LITELLM_KEY, &id);

    shared->step = 11;
    ngx_http_litellm_store_share(zone, 0);
    (void) store_delete(zone, "f");

    shared->step = 12;
    tell(100);

    shared->step = 13;
    ngx_memzero(&walk, sizeof(walk));
    ngx_http_litellm_store_sweep(zone, &walk, NOW + 10000);

    shared->step = 14;
}


static ngx_uint_t
ended(void)
{
    return shared->step == 14;
}


static ngx_uint_t
skip(pid_t pid, ngx_uint_t at)
{
    ngx_slab_pool_t  *pool;

    pool = (ngx_slab_pool_t *) zone->shm.addr;

    if (shared->slab) {
        return 1;
    }

    /* without the lock nothing changes */

    return *pool->mutex.lock != (ngx_atomic_uint_t) pid && at % 512;
}


/* the lock is all that it has */

static void
dead(pid_t pid, pid_t number)
{
}


static const char *
wrong_records(ngx_uint_t step)
{
    char               buf[256];
    ngx_uint_t         n, may;
    const expected_t  *e, *next;

    for (e = expected; e->id != NULL; e++) {

        next = (e[1].id != NULL && ngx_strcmp(e->id, e[1].id) == 0) ? &e[1]
                                                                    : NULL;
        if (next != NULL && step >= next->step) {
            continue;
        }

        if (e != expected && ngx_strcmp(e->id, e[-1].id) == 0
            && step < e->step)
        {
            continue;
        }

        n = store_get(zone, e->id);
        may = (step == e->step) ? 2 : (step > e->step);

        if (!(may != 0 && n == e->after) && !(may != 1 && n == e->before)) {
            return e->id;
        }

        if (n == e->after && e->alias != NULL
            && ngx_strcmp(store_alias(zone, e->alias, buf), e->id) != 0)
        {
            return e->alias;
        }
    }

    return NULL;
}


/* what was changed here, others are told of, until they were */

static const char *
wrong_changes(ngx_uint_t step)
{
    ngx_str_t                       id;
    ngx_http_litellm_store_t       *store;
    ngx_http_litellm_store_node_t  *n;

    static ngx_str_t  untold = ngx_string("told");

    store = zone->data;

    if (step <= 5) {
        ngx_str_set(&id, "c");
        n = ngx_http_litellm_store_any_locked(store, NGX_LITELLM_KEY, &id);

        if (n == NULL || !n->changed) {
            return "c is not told of";
        }
    }

    ngx_str_set(&id, "a");
    n = ngx_http_litellm_store_any_locked(store, NGX_LITELLM_KEY, &id);

    if (n == NULL
        || (step <= 4 && n->changed != (store_get(zone, "a") == 12)))
    {
        return "a is not told of";
    }

    n = ngx_http_litellm_store_any_locked(store, NGX_LITELLM_KEY, &untold);

    if (n == NULL || (step < 9 && n->changed)
        || ((step == 10 || step == 11) && !n->changed))
    {
        return "what was told is not told of again";
    }

    return NULL;
}


static int
whole(ngx_uint_t at)
{
    shared_t     was;
    ngx_int_t    lost;
    ngx_uint_t   step, again;
    const char  *wrong;

    was = *shared;
    step = shared->step;

    wrong = store_wrong(zone);

    /* one piece, at the most: a process is killed once */

    lost = shared->live - base - (ngx_int_t) store_pieces(zone);

    if (wrong == NULL && (lost < 0 || lost > 1)) {
        wrong = (lost < 0) ? "memory was freed twice" : "memory is lost";
    }

    if (wrong == NULL) {
        wrong = wrong_records(step);
    }

    if (wrong == NULL) {
        wrong = wrong_changes(step);
    }

    /* and it goes on */

    for (again = 0; wrong == NULL && again < 2; again++) {

        if (store_put(zone, "again", "alias-again", 1 + again, 0) != NGX_OK
            || store_put(zone, "a", "alias-again", 1, 0) != NGX_ABORT
            || store_delete(zone, "again") != NGX_OK
            || store_delete(zone, "other-3") != NGX_OK
            || store_put(zone, "other-3", "other-3", 4, 0) != NGX_OK)
        {
            wrong = "it does not go on";
        }

        tell(2);
    }

    if (wrong == NULL) {
        wrong = store_wrong(zone);
    }

    shared->wrong += (lost != 0);
    was.wrong = shared->wrong;
    *shared = was;

    return (wrong == NULL)
           ? 1
           : CHECKF(0, "%d instructions, step %d: %s", (int) at, (int) step,
                    wrong);
}


static void
again(void)
{
    const char  *wrong;

    wrong = store_wrong(zone);

    CHECKF(wrong == NULL, "%s", wrong);
    CHECK_INT(shared->live - base, store_pieces(zone));

    fill();

    CHECK(whole(0));
    fill();
}


static void
everywhere(void)
{
    shm_step_t  *s;
    ngx_uint_t   cuts, n;

    unit_case("killed at any instruction");

    fill();

    s = &step_by_step;

    s->prepare = prepare;
    s->traced = traced;
    s->ended = ended;
    s->again = again;
    s->skip = skip;
    s->dead = dead;
    s->whole = whole;

    cuts = shm_step(s, &n);

    if (cuts) {
        CHECKF(cuts > 500, "%d instructions", (int) cuts);

        /* one who is killed seldom loses anything at all */

        CHECKF(shared->wrong < cuts / 20, "lost in %d of %d",
               (int) shared->wrong, (int) cuts);
        CHECK(whole(n));
    }
}


void
unit_main(void)
{
    shared = mmap(NULL, sizeof(shared_t), PROT_READ|PROT_WRITE,
                  MAP_ANON|MAP_SHARED, -1, 0);

    if (!CHECK(shared != MAP_FAILED)) {
        return;
    }

    everywhere();

    store_zone_free(zone);
}
