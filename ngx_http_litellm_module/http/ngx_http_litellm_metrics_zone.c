
/*
 * Rows of counters in shared memory: made, found, walked over.  Called by
 * ngx_http_litellm_metrics_record.c for each request and attempt, and by
 * whoever shows them.  No nginx of HTTP in here: tests have many processes at
 * it at once, and kill them.
 *
 * A row is filled, then the arena's end moves behind it, then one store into
 * the table of places makes it one that counts: whoever walks over the arena
 * passes over what the table does not name.  The lock is taken by those only
 * who have found that a row is missing and that there is room for it.
 *
 * The hash is not one of cryptography.  Its seed is the zone's own, values are
 * compared, and rows are bounded: who guesses collisions gains a few steps.
 */

#include "ngx_http_litellm_metrics_zone.h"


/* changes with what is in the zone, as do sizes of what is in it */
#define NGX_HTTP_LITELLM_METRICS_LAYOUT                                       \
    (1 << 24 | sizeof(ngx_http_litellm_metrics_sh_t))

#define NGX_HTTP_LITELLM_METRICS_UNIT   64
#define NGX_HTTP_LITELLM_METRICS_LEAST  (64 * 1024)

/* of each byte of a word: the highest bit, and what is below it */
#define NGX_HTTP_LITELLM_METRICS_HIGH   0x8080808080808080ULL
#define NGX_HTTP_LITELLM_METRICS_BLANK  0x2020202020202020ULL


static u_char *ngx_http_litellm_labels_clean(u_char *p, const u_char *s,
    size_t len);
static size_t ngx_http_litellm_labels_utf8(const u_char *p,
    const u_char *last);
static uint64_t ngx_http_litellm_metrics_hash(uint64_t seed,
    ngx_http_litellm_labels_t *l);
static ngx_http_litellm_row_t *ngx_http_litellm_metrics_lookup(
    ngx_http_litellm_metrics_sh_t *sh, ngx_http_litellm_row_e kind,
    ngx_http_litellm_labels_t *l, uint64_t hash);
static ngx_http_litellm_row_t *ngx_http_litellm_metrics_add_locked(
    ngx_http_litellm_metrics_sh_t *sh, ngx_http_litellm_row_e kind,
    ngx_http_litellm_labels_t *l, uint64_t hash, ngx_uint_t other);
static size_t ngx_http_litellm_metrics_size(ngx_http_litellm_row_e kind,
    size_t len);
static ngx_uint_t ngx_http_litellm_metrics_room(
    ngx_http_litellm_metrics_sh_t *sh, ngx_http_litellm_row_e kind,
    size_t len);
static void ngx_http_litellm_bounds_begin(ngx_http_litellm_metrics_t *m);


#define ngx_http_litellm_metrics_at(sh, place)                                \
    ((ngx_http_litellm_row_t *) ((sh)->arena                                  \
              + (size_t) (place) * NGX_HTTP_LITELLM_METRICS_UNIT))

#define ngx_http_litellm_metrics_place(sh, row)                               \
    ((uint32_t) (((u_char *) (row) - (sh)->arena)                             \
                 / NGX_HTTP_LITELLM_METRICS_UNIT))


static const uint32_t  ngx_http_litellm_bounds_default[] = {
    5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2000000,
    5000000, 10000000, 30000000, 60000000, 120000000, 300000000, 420000000,
    600000000
};

/* of this process */
uint32_t  ngx_http_litellm_bounds_coarse[] = {
    5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2000000,
    5000000, 10000000, 30000000, 60000000, 120000000, 300000000, 420000000,
    600000000
};

const uint32_t  ngx_http_litellm_bounds_fine[] = {
    500, 1000, 2000, 5000, 10000, 15000, 20000, 30000, 50000, 75000, 100000,
    250000, 500000, 1000000, 2500000, 10000000, 60000000
};


ngx_uint_t  ngx_http_litellm_metrics_alone;


static const size_t  ngx_http_litellm_metrics_sizes[] = {
    sizeof(ngx_http_litellm_row_request_t),
    sizeof(ngx_http_litellm_row_usage_t),
    sizeof(ngx_http_litellm_row_deployment_t),
    sizeof(ngx_http_litellm_row_fallback_t),
    sizeof(ngx_http_litellm_row_limit_t)
};


ngx_int_t
ngx_http_litellm_metrics_make(ngx_http_litellm_metrics_t *m)
{
    size_t                          size;
    ngx_uint_t                      n;
    ngx_slab_pool_t                *shpool;
    ngx_http_litellm_row_e          kind;
    ngx_http_litellm_labels_t       none;
    ngx_http_litellm_metrics_sh_t  *sh;

    shpool = m->shpool;

    /* what is asked for below is all there is */

    shpool->log_nomem = 0;

    sh = ngx_slab_calloc(shpool, sizeof(ngx_http_litellm_metrics_sh_t));
    if (sh == NULL) {
        return NGX_ERROR;
    }

    size = (size_t) shpool->pfree * ngx_pagesize;

    for (n = 1024; n < size / 128; n *= 2) { /* void */ }

    sh->mask = n - 1;
    sh->places = ngx_slab_calloc(shpool, n * sizeof(uint32_t));

    if (sh->places == NULL || shpool->pfree < 2) {
        return NGX_ERROR;
    }

    size = (size_t) (shpool->pfree - 1) * ngx_pagesize;

    if (size < NGX_HTTP_LITELLM_METRICS_LEAST) {
        return NGX_ERROR;
    }

    sh->arena = ngx_slab_alloc(shpool, size);
    if (sh->arena == NULL) {
        return NGX_ERROR;
    }

    sh->size = ngx_min(size, (size_t) NGX_MAX_INT32_VALUE);
    sh->used = NGX_HTTP_LITELLM_METRICS_UNIT;
    sh->seed = (uint64_t) ngx_random() << 40
               ^ (uint64_t) ngx_random() << 20 ^ (uint64_t) ngx_random();
    sh->layout = NGX_HTTP_LITELLM_METRICS_LAYOUT;

    ngx_memcpy(sh->bounds, ngx_http_litellm_bounds_default,
               sizeof(sh->bounds));

    ngx_http_litellm_labels_init(&none);

    for (kind = 0; kind < NGX_HTTP_LITELLM_ROW_KINDS; kind++) {
        sh->other[kind] = ngx_http_litellm_metrics_add_locked(sh, kind, &none,
                                                         sh->seed + kind, 1);
    }

    shpool->data = sh;
    m->sh = sh;

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_metrics_adopt(ngx_http_litellm_metrics_t *m)
{
    m->sh = m->shpool->data;

    return (m->sh->layout == NGX_HTTP_LITELLM_METRICS_LAYOUT) ? NGX_OK
                                                              : NGX_ERROR;
}


/*
 * What two values are printed as must differ where they do, so all that can't
 * be printed is replaced here.  "None" is what nothing is printed as.
 */

void
ngx_http_litellm_labels_add(ngx_http_litellm_labels_t *l,
    const ngx_str_t *value)
{
    size_t        len, i;
    u_char       *p;
    uint64_t      w, bad;

    p = l->buf + l->len;

    if (value == NULL
        || value->len == 0
        || (value->len == 4 && ngx_memcmp(value->data, "None", 4) == 0))
    {
        *p = 0;
        l->len++;
        return;
    }

    len = ngx_min(value->len, NGX_HTTP_LITELLM_METRICS_VALUE);

    bad = 0;

    for (i = 0; i + 8 <= len; i += 8) {
        ngx_memcpy(&w, value->data + i, 8);
        bad |= w | (w - NGX_HTTP_LITELLM_METRICS_BLANK);
        ngx_memcpy(p + 1 + i, &w, 8);
    }

    for ( /* void */ ; i < len; i++) {
        p[1 + i] = value->data[i];
        bad |= p[1 + i] | (p[1 + i] < 0x20) << 7;
    }

    if (bad & NGX_HTTP_LITELLM_METRICS_HIGH) {
        len = ngx_http_litellm_labels_clean(p + 1, value->data, len) - (p + 1);
    }

    *p = (u_char) len;
    l->len += 1 + len;
}


/* as LiteLLM has it: a line break is a blank, and no carriage returns */

static u_char *
ngx_http_litellm_labels_clean(u_char *p, const u_char *s, size_t len)
{
    size_t         n;
    const u_char  *last;

    last = s + len;

    while (s < last) {

        if (*s < 0x20) {
            *p++ = ' ';
            s++;
            continue;
        }

        if (*s < 0x80) {
            *p++ = *s++;
            continue;
        }

        n = ngx_http_litellm_labels_utf8(s, last);

        if (n == 0) {

            /* also a sequence that was cut at the end */

            *p++ = '?';
            s++;
            continue;
        }

        p = ngx_cpymem(p, s, n);
        s += n;
    }

    return p;
}


/* bytes of a character of more than one; 0: it is none (RFC 3629) */

static size_t
ngx_http_litellm_labels_utf8(const u_char *p, const u_char *last)
{
    size_t      n, i;
    ngx_uint_t  low, high;

    low = 0x80;
    high = 0xbf;

    if (*p >= 0xc2 && *p <= 0xdf) {
        n = 2;

    } else if (*p >= 0xe0 && *p <= 0xef) {
        n = 3;
        low = (*p == 0xe0) ? 0xa0 : 0x80;
        high = (*p == 0xed) ? 0x9f : 0xbf;

    } else if (*p >= 0xf0 && *p <= 0xf4) {
        n = 4;
        low = (*p == 0xf0) ? 0x90 : 0x80;
        high = (*p == 0xf4) ? 0x8f : 0xbf;

    } else {
        return 0;
    }

    if ((size_t) (last - p) < n || p[1] < low || p[1] > high) {
        return 0;
    }

    for (i = 2; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    return n;
}


static uint64_t
ngx_http_litellm_metrics_hash(uint64_t seed, ngx_http_litellm_labels_t *l)
{
    size_t    i;
    uint64_t  h, w;

    ngx_memzero(l->buf + l->len, 8);

    h = seed ^ l->len;

    for (i = 0; i < l->len; i += 8) {
        ngx_memcpy(&w, l->buf + i, 8);

        h = (h ^ w) * 0x9e3779b97f4a7c15ULL;
        h ^= h >> 29;
    }

    return h;
}


static ngx_http_litellm_row_t *
ngx_http_litellm_metrics_lookup(ngx_http_litellm_metrics_sh_t *sh,
    ngx_http_litellm_row_e kind, ngx_http_litellm_labels_t *l, uint64_t hash)
{
    uint32_t                 place;
    ngx_uint_t               i;
    ngx_http_litellm_row_t  *row;

    /* some place is always empty */

    for (i = hash & sh->mask; /* void */ ; i = (i + 1) & sh->mask) {

        place = *(volatile uint32_t *) &sh->places[i];

        if (place == 0) {
            return NULL;
        }

        row = ngx_http_litellm_metrics_at(sh, place);

        if (row->hash == hash && row->kind == kind && row->len == l->len
            && ngx_memcmp(row->labels, l->buf, l->len) == 0)
        {
            return row;
        }
    }
}


ngx_http_litellm_row_t *
ngx_http_litellm_metrics_find(ngx_http_litellm_metrics_t *m,
    ngx_http_litellm_row_e kind, ngx_http_litellm_labels_t *l)
{
    return ngx_http_litellm_metrics_lookup(m->sh, kind, l,
                        ngx_http_litellm_metrics_hash(m->sh->seed + kind, l));
}


ngx_http_litellm_row_t *
ngx_http_litellm_metrics_row(ngx_http_litellm_metrics_t *m,
    ngx_http_litellm_row_e kind, ngx_http_litellm_labels_t *l, ngx_uint_t max)
{
    uint64_t                        hash;
    ngx_http_litellm_row_t         *row;
    ngx_http_litellm_metrics_sh_t  *sh;

    sh = m->sh;
    hash = ngx_http_litellm_metrics_hash(sh->seed + kind, l);

    row = ngx_http_litellm_metrics_lookup(sh, kind, l, hash);

    if (row != NULL) {
        return row;
    }

    if (sh->nrows[kind] < max
        && ngx_http_litellm_metrics_room(sh, kind, l->len))
    {
        ngx_shmtx_lock(&m->shpool->mutex);

        /* somebody may have been faster */

        row = ngx_http_litellm_metrics_lookup(sh, kind, l, hash);

        if (row == NULL && sh->nrows[kind] < max
            && ngx_http_litellm_metrics_room(sh, kind, l->len))
        {
            row = ngx_http_litellm_metrics_add_locked(sh, kind, l, hash, 0);
        }

        ngx_shmtx_unlock(&m->shpool->mutex);
    }

    if (row == NULL) {
        row = sh->other[kind];
        ngx_http_litellm_counter_add(&sh->lost[kind], 1);
    }

    return row;
}


static ngx_http_litellm_row_t *
ngx_http_litellm_metrics_add_locked(ngx_http_litellm_metrics_sh_t *sh,
    ngx_http_litellm_row_e kind, ngx_http_litellm_labels_t *l, uint64_t hash,
    ngx_uint_t other)
{
    size_t                   size;
    ngx_uint_t               i;
    ngx_http_litellm_row_t  *row;

    for (i = hash & sh->mask; sh->places[i]; i = (i + 1) & sh->mask) {
        /* void */
    }

    size = ngx_http_litellm_metrics_size(kind, l->len);

    row = (ngx_http_litellm_row_t *) (sh->arena + sh->used);

    ngx_memzero(row, size);

    row->hash = hash;
    row->size = (uint32_t) size;
    row->place = (uint32_t) i;
    row->counters = (uint32_t)
                    (size - ngx_align(ngx_http_litellm_metrics_sizes[kind],
                                      NGX_HTTP_LITELLM_METRICS_UNIT));
    row->len = (uint16_t) l->len;
    row->kind = (u_char) kind;
    row->other = (u_char) other;

    ngx_memcpy(row->labels, l->buf, l->len);

    ngx_memory_barrier();

    sh->used += size;

    ngx_memory_barrier();

    sh->places[i] = ngx_http_litellm_metrics_place(sh, row);

    if (!other) {
        sh->nrows[kind]++;
    }

    return row;
}


/* labels, and counters in lines of the processor's cache of their own */

static size_t
ngx_http_litellm_metrics_size(ngx_http_litellm_row_e kind, size_t len)
{
    return ngx_align(offsetof(ngx_http_litellm_row_t, labels) + len,
                     NGX_HTTP_LITELLM_METRICS_UNIT)
           + ngx_align(ngx_http_litellm_metrics_sizes[kind],
                       NGX_HTTP_LITELLM_METRICS_UNIT);
}


static ngx_uint_t
ngx_http_litellm_metrics_room(ngx_http_litellm_metrics_sh_t *sh,
    ngx_http_litellm_row_e kind, size_t len)
{
    ngx_uint_t              n;
    ngx_http_litellm_row_e  k;

    n = NGX_HTTP_LITELLM_ROW_KINDS;

    for (k = 0; k < NGX_HTTP_LITELLM_ROW_KINDS; k++) {
        n += sh->nrows[k];
    }

    return n < sh->mask - sh->mask / 4
           && ngx_http_litellm_metrics_size(kind, len) <= sh->size - sh->used;
}


ngx_http_litellm_row_t *
ngx_http_litellm_metrics_next(ngx_http_litellm_metrics_t *m,
    ngx_http_litellm_row_e kind, size_t *at, ngx_uint_t *n)
{
    size_t                          used;
    ngx_http_litellm_row_t         *row;
    ngx_http_litellm_metrics_sh_t  *sh;

    sh = m->sh;
    used = *(volatile size_t *) &sh->used;

    ngx_memory_barrier();

    if (*at == 0) {
        *at = NGX_HTTP_LITELLM_METRICS_UNIT;
    }

    while (*at < used && *n > 0) {

        row = (ngx_http_litellm_row_t *) (sh->arena + *at);

        *at += row->size;
        (*n)--;

        if (row->kind == kind
            && sh->places[row->place]
               == ngx_http_litellm_metrics_place(sh, row))
        {
            return row;
        }
    }

    return NULL;
}


size_t
ngx_http_litellm_row_offset(ngx_http_litellm_row_t *row, ngx_uint_t i)
{
    u_char  *p, *last;

    p = row->labels;
    last = p + row->len;

    while (i-- > 0 && p < last) {
        p += 1 + *p;
    }

    return p - row->labels;
}


void
ngx_http_litellm_row_label(ngx_http_litellm_row_t *row, ngx_uint_t i,
    ngx_str_t *value)
{
    u_char  *p, *last;

    if (row->other) {
        ngx_str_set(value, "other");
        return;
    }

    p = row->labels + ngx_http_litellm_row_offset(row, i);
    last = row->labels + row->len;

    ngx_str_null(value);

    if (p < last) {
        value->data = p + 1;
        value->len = *p;
    }
}


ngx_http_litellm_row_worker_t *
ngx_http_litellm_metrics_claim(ngx_http_litellm_metrics_t *m, ngx_uint_t i)
{
    ngx_pid_t                       pid;
    ngx_uint_t                      n;
    ngx_http_litellm_row_worker_t  *w;

    ngx_http_litellm_metrics_alone = 0;

    /* without a lock only where a word is read as it was written */

    for (n = 0; NGX_PTR_SIZE == 8 && n < NGX_HTTP_LITELLM_METRICS_WORKERS; n++)
    {
        w = &m->sh->workers[(i + n) % NGX_HTTP_LITELLM_METRICS_WORKERS];

        pid = (ngx_pid_t) w->owner;

        if (pid != 0 && pid != ngx_pid
            && !(kill(pid, 0) == -1 && ngx_errno == NGX_ESRCH))
        {
            continue;
        }

        /* what a killed one has counted is gone on with */

        if (ngx_atomic_cmp_set(&w->owner, (ngx_atomic_uint_t) pid,
                               (ngx_atomic_uint_t) ngx_pid))
        {
            ngx_http_litellm_metrics_alone = 1;
            return w;
        }
    }

    return &m->sh->workers[NGX_HTTP_LITELLM_METRICS_WORKERS];
}


ngx_http_litellm_row_worker_t *
ngx_http_litellm_metrics_unclaim(ngx_http_litellm_metrics_t *m,
    ngx_http_litellm_row_worker_t *w)
{
    ngx_http_litellm_metrics_alone = 0;

    (void) ngx_atomic_cmp_set(&w->owner, (ngx_atomic_uint_t) ngx_pid, 0);

    return &m->sh->workers[NGX_HTTP_LITELLM_METRICS_WORKERS];
}


ngx_uint_t
ngx_http_litellm_histogram_place(const uint32_t *bounds, uint64_t us)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_LITELLM_METRICS_BOUNDS; i++) {
        if (us <= bounds[i]) {
            break;
        }
    }

    return i;
}


void
ngx_http_litellm_histogram_observe(ngx_http_litellm_histogram_t *h,
    const uint32_t *bounds, uint64_t us)
{
    ngx_uint_t  i;

    i = ngx_http_litellm_histogram_place(bounds, us);

    ngx_http_litellm_counter_add(&h->n[i], 1);
    ngx_http_litellm_counter_add(&h->sum, us);
}


ngx_uint_t
ngx_http_litellm_bounds_count(const uint32_t *bounds)
{
    ngx_uint_t  n;

    for (n = 0; n < NGX_HTTP_LITELLM_METRICS_BOUNDS; n++) {
        if (bounds[n] == NGX_HTTP_LITELLM_NO_BOUND) {
            break;
        }
    }

    return n;
}


void
ngx_http_litellm_bounds_set(ngx_http_litellm_metrics_t *m,
    const uint32_t *bounds, ngx_uint_t n)
{
    ngx_uint_t                      i, other;
    ngx_http_litellm_metrics_sh_t  *sh;

    sh = m->sh;

    if (bounds == NULL) {
        bounds = ngx_http_litellm_bounds_default;
        n = NGX_HTTP_LITELLM_METRICS_BOUNDS;
    }

    for (i = 0; i < NGX_HTTP_LITELLM_METRICS_BOUNDS; i++) {
        ngx_http_litellm_bounds_coarse[i] = (i < n) ? bounds[i]
                                                 : NGX_HTTP_LITELLM_NO_BOUND;
    }

    /* the first of the workers that have others */

    ngx_shmtx_lock(&m->shpool->mutex);

    other = (ngx_memcmp(sh->bounds, ngx_http_litellm_bounds_coarse,
                        sizeof(sh->bounds))
             != 0);

    if (other) {
        ngx_memcpy(sh->bounds, ngx_http_litellm_bounds_coarse,
                   sizeof(sh->bounds));
    }

    ngx_shmtx_unlock(&m->shpool->mutex);

    if (other) {
        ngx_http_litellm_bounds_begin(m);
    }
}


/* workers that are leaving may still add to them: a few are in another one */

static void
ngx_http_litellm_bounds_begin(ngx_http_litellm_metrics_t *m)
{
    size_t                              at;
    ngx_uint_t                          i, n;
    ngx_http_litellm_row_t             *row;
    ngx_http_litellm_row_usage_t       *u;
    ngx_http_litellm_row_worker_t      *w;
    ngx_http_litellm_row_deployment_t  *d;

    n = NGX_MAX_INT32_VALUE;
    at = 0;

    for ( ;; ) {
        row = ngx_http_litellm_metrics_next(m, NGX_HTTP_LITELLM_ROW_USAGE,
                                            &at, &n);
        if (row == NULL) {
            break;
        }

        u = ngx_http_litellm_row_counters(row);

        ngx_memzero(&u->total, sizeof(ngx_http_litellm_histogram_t));
        ngx_memzero(&u->upstream, sizeof(ngx_http_litellm_histogram_t));
        ngx_memzero(&u->ttft, sizeof(ngx_http_litellm_histogram_t));
    }

    n = NGX_MAX_INT32_VALUE;
    at = 0;

    for ( ;; ) {
        row = ngx_http_litellm_metrics_next(m, NGX_HTTP_LITELLM_ROW_DEPLOYMENT,
                                            &at, &n);
        if (row == NULL) {
            break;
        }

        d = ngx_http_litellm_row_counters(row);

        ngx_memzero(&d->latency, sizeof(ngx_http_litellm_histogram_t));
        ngx_memzero(&d->ttft, sizeof(ngx_http_litellm_histogram_t));
    }

    for (i = 0; i <= NGX_HTTP_LITELLM_METRICS_WORKERS; i++) {
        w = &m->sh->workers[i];

        ngx_memzero(&w->total, sizeof(ngx_http_litellm_histogram_t));
        ngx_memzero(&w->ttft, sizeof(ngx_http_litellm_histogram_t));
    }
}
