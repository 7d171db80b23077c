
/*
 * Counters of all workers in a shared zone.  A row is one combination of
 * labels, with all counters and histograms that have these labels: it is made
 * once, under the slab mutex, never moves and is never freed, and is found by
 * its labels without a lock; counters are added to atomically.
 *
 * Rows are cut from one arena in the order in which they come; a table of
 * places, open addressed, names those that are whole.  A process may be killed
 * at any instruction: what was not put into the table by its one store is room
 * that is lost, and nothing else.  When the arena or a kind is full, what has
 * no row of its own is counted in the kind's last one, of labels "other".
 */

#ifndef _NGX_HTTP_LITELLM_METRICS_ZONE_H_INCLUDED_
#define _NGX_HTTP_LITELLM_METRICS_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_error.h"


#define NGX_HTTP_LITELLM_METRICS_BOUNDS   17    /* of a histogram */
#define NGX_HTTP_LITELLM_METRICS_LABELS   16    /* of a row, at most */
#define NGX_HTTP_LITELLM_METRICS_VALUE    128   /* bytes of a label's value */
#define NGX_HTTP_LITELLM_METRICS_WORKERS  64
#define NGX_HTTP_LITELLM_METRICS_KNOWN    1024  /* places where a worker
                                                   remembers rows: 2^n */
#define NGX_HTTP_LITELLM_METRICS_BESIDE   8     /* rows beside each of these */


typedef uint64_t  ngx_http_litellm_counter_t;


typedef struct {
    ngx_http_litellm_counter_t  sum;            /* us */
    ngx_http_litellm_counter_t  n[NGX_HTTP_LITELLM_METRICS_BOUNDS + 1];
                                                /* each in one; the last one is
                                                   above all bounds */
} ngx_http_litellm_histogram_t;


typedef enum {
    NGX_HTTP_LITELLM_ROW_REQUEST = 0,
    NGX_HTTP_LITELLM_ROW_USAGE,
    NGX_HTTP_LITELLM_ROW_DEPLOYMENT,
    NGX_HTTP_LITELLM_ROW_FALLBACK,
    NGX_HTTP_LITELLM_ROW_LIMIT,
    NGX_HTTP_LITELLM_ROW_KINDS
} ngx_http_litellm_row_e;


/* what rows of these kinds count */

typedef struct {
    ngx_http_litellm_counter_t  requests;
    ngx_http_litellm_counter_t  failed;         /* of these */
} ngx_http_litellm_row_request_t;


typedef struct {
    ngx_http_litellm_counter_t  requests;       /* that were answered */
    ngx_http_litellm_counter_t  failed;         /* that were not */
    ngx_http_litellm_counter_t  spend;          /* 10^-12 dollars */
    ngx_http_litellm_counter_t  free;           /* answers that cost nothing */
    ngx_http_litellm_counter_t  unpriced;       /* ... for want of a price */
    ngx_http_litellm_counter_t  prompt;
    ngx_http_litellm_counter_t  completion;
    ngx_http_litellm_counter_t  cached;         /* of prompt */
    ngx_http_litellm_counter_t  cache_write;    /* of prompt */
    ngx_http_litellm_counter_t  audio_in;       /* of prompt */
    ngx_http_litellm_counter_t  reasoning;      /* of completion */
    ngx_http_litellm_counter_t  audio_out;      /* of completion */
    ngx_http_litellm_counter_t  hits;           /* of the gateway's cache */
    ngx_http_litellm_counter_t  misses;
    ngx_http_litellm_histogram_t  total;
    ngx_http_litellm_histogram_t  upstream;
    ngx_http_litellm_histogram_t  ttft;
    ngx_http_litellm_histogram_t  overhead;     /* fine */
} ngx_http_litellm_row_usage_t;


typedef struct {
    ngx_http_litellm_counter_t  successes;
    ngx_http_litellm_counter_t  cancelled;      /* given up before the end */
    ngx_http_litellm_counter_t  failures[NGX_LITELLM_CLASSES];
    ngx_http_litellm_counter_t  cooled[NGX_LITELLM_CLASSES];
    ngx_http_litellm_counter_t  prompt;         /* tokens */
    ngx_http_litellm_counter_t  completion;
    ngx_http_litellm_counter_t  spend;          /* 10^-12 dollars */
    ngx_http_litellm_counter_t  estimated;      /* attempts, of the last three */
    ngx_http_litellm_histogram_t  latency;      /* of successes */
    ngx_http_litellm_histogram_t  ttft;         /* of streams */
    ngx_http_litellm_histogram_t  per_token;    /* fine: latency by output
                                                   tokens */
    ngx_http_litellm_histogram_t  gap;          /* fine: between two tokens of
                                                   a stream, its mean */
} ngx_http_litellm_row_deployment_t;


typedef struct {
    ngx_http_litellm_counter_t  successes;
    ngx_http_litellm_counter_t  failures;
} ngx_http_litellm_row_fallback_t;


/* limits of somebody, as they were when they were last looked at; -1: none */
typedef struct {
    int64_t                     scope;          /* of the ledger */
    int64_t                     rpm;
    int64_t                     tpm;
    int64_t                     parallel;
    int64_t                     budget;
    uint16_t                    len;            /* of the account's name */
    u_char                      name[126];
} ngx_http_litellm_row_limit_t;


typedef struct {
    uint64_t                    hash;
    uint32_t                    size;           /* of all of it */
    uint32_t                    place;          /* where the table names it */
    uint32_t                    counters;       /* where they begin */
    uint16_t                    len;            /* of labels */
    u_char                      kind;
    u_char                      other;
    u_char                      labels[1];      /* a byte of length before each
                                                   value */
} ngx_http_litellm_row_t;


/* labels of a row on their way: in the order of the kind's names */
typedef struct {
    size_t                      len;
    u_char                      buf[NGX_HTTP_LITELLM_METRICS_LABELS
                                    * (NGX_HTTP_LITELLM_METRICS_VALUE + 1)
                                    + 8];
} ngx_http_litellm_labels_t;


/*
 * A row that was found, and others that follow from its labels; whose they are
 * is the caller's to know.  They count as long as row is the one that was found
 * here: a place is given to another row, with none beside it, at any time.
 */
typedef struct {
    ngx_http_litellm_row_t     *row;
    ngx_http_litellm_row_t     *beside[NGX_HTTP_LITELLM_METRICS_BESIDE];
    size_t                      end;            /* of what beside[0] has in
                                                   common with row */
} ngx_http_litellm_known_t;


/* what a label is made of */
typedef struct {
    u_char                     *data;
    size_t                      len;
    ngx_uint_t                  whole;          /* true: labels of a row, as they
                                                   are there */
} ngx_http_litellm_value_t;

typedef struct {
    ngx_uint_t                  n;
    ngx_http_litellm_value_t    value[NGX_HTTP_LITELLM_METRICS_LABELS];
} ngx_http_litellm_values_t;


/*
 * Totals up to overhead are some process's, which adds to them alone, and is not
 * this place's worker where an old one has not left yet.  What is below is of
 * one place in nginx's list of workers.  A killed one's counts stay.
 */
typedef struct {
    ngx_http_litellm_counter_t  requests;       /* of clients, for models */
    ngx_http_litellm_counter_t  cancelled;      /* clients that left */
    ngx_http_litellm_counter_t  failures[NGX_LITELLM_CLASSES];
    ngx_http_litellm_counter_t  refused;        /* without a class */
    ngx_http_litellm_counter_t  attempts;
    ngx_http_litellm_counter_t  fallbacks;
    ngx_http_litellm_counter_t  hits;
    ngx_http_litellm_counter_t  misses;
    ngx_http_litellm_counter_t  prompt;
    ngx_http_litellm_counter_t  completion;
    ngx_http_litellm_counter_t  spend;
    ngx_http_litellm_counter_t  unpriced;
    ngx_http_litellm_histogram_t  total;        /* answered */
    ngx_http_litellm_histogram_t  ttft;
    ngx_http_litellm_histogram_t  overhead;     /* fine */

    ngx_http_litellm_histogram_t  lag;          /* fine: of its event loop */
    ngx_atomic_t                pid;
    ngx_atomic_t                beat;           /* ngx_current_msec */
    ngx_atomic_t                owner;          /* of the totals; 0: nobody */
} ngx_http_litellm_row_worker_t;


typedef struct {
    ngx_uint_t                  layout;
    uint64_t                    seed;
    uint32_t                   *places;         /* of rows, in units of the
                                                   arena; 0: none */
    ngx_uint_t                  mask;
    u_char                     *arena;
    size_t                      size;
    size_t                      used;
    ngx_uint_t                  nrows[NGX_HTTP_LITELLM_ROW_KINDS];
    ngx_http_litellm_row_t     *other[NGX_HTTP_LITELLM_ROW_KINDS];
    ngx_http_litellm_counter_t  lost[NGX_HTTP_LITELLM_ROW_KINDS];
                                                /* counted in "other" */
    uint32_t                    bounds[NGX_HTTP_LITELLM_METRICS_BOUNDS];
                                                /* of coarse histograms */
    ngx_http_litellm_row_worker_t  workers[NGX_HTTP_LITELLM_METRICS_WORKERS
                                           + 1];
                                                /* the last one: totals of those
                                                   without any of their own */
} ngx_http_litellm_metrics_sh_t;


typedef struct {
    ngx_slab_pool_t                *shpool;
    ngx_http_litellm_metrics_sh_t  *sh;
    ngx_http_litellm_known_t       *known;      /* this process's; NULL: none */
} ngx_http_litellm_metrics_t;


/* in a new zone: NGX_ERROR: it is too small */
ngx_int_t ngx_http_litellm_metrics_make(ngx_http_litellm_metrics_t *m);
/* of a zone that is there: NGX_ERROR: of another layout */
ngx_int_t ngx_http_litellm_metrics_adopt(ngx_http_litellm_metrics_t *m);

/* labels one after the other; empty or NULL: "None" when printed */
#define ngx_http_litellm_labels_init(l)  (l)->len = 0
void ngx_http_litellm_labels_add(ngx_http_litellm_labels_t *l,
    const ngx_str_t *value);

/*
 * The row of these labels, made if need be and if there are fewer than max of
 * its kind; else that of "other" (never NULL).
 */
ngx_http_litellm_row_t *ngx_http_litellm_metrics_row(
    ngx_http_litellm_metrics_t *m, ngx_http_litellm_row_e kind,
    ngx_http_litellm_labels_t *l, ngx_uint_t max);
/* NULL: there is none */
ngx_http_litellm_row_t *ngx_http_litellm_metrics_find(
    ngx_http_litellm_metrics_t *m, ngx_http_litellm_row_e kind,
    ngx_http_litellm_labels_t *l);

/*
 * ngx_http_litellm_metrics_row.c: the same by values, which are read here and
 * now.  A run is labels that are in a row, or made as such.  known may be NULL;
 * *known: where the row is remembered, NULL: nowhere.
 */
ngx_http_litellm_row_t *ngx_http_litellm_metrics_row_for(
    ngx_http_litellm_metrics_t *m, ngx_http_litellm_row_e kind,
    ngx_http_litellm_values_t *v, ngx_uint_t max,
    ngx_http_litellm_known_t **known);
/* are these the row's labels, from that byte of them on? */
ngx_uint_t ngx_http_litellm_values_same(ngx_http_litellm_values_t *v,
    ngx_http_litellm_row_t *row, size_t from);
/* NULL: there is none */
ngx_http_litellm_row_t *ngx_http_litellm_metrics_row_known(
    ngx_http_litellm_metrics_t *m, ngx_http_litellm_row_e kind,
    ngx_http_litellm_values_t *v);

#define ngx_http_litellm_values_init(v)  (v)->n = 0

static ngx_inline void
ngx_http_litellm_values_add(ngx_http_litellm_values_t *v,
    const ngx_str_t *value)
{
    ngx_http_litellm_value_t  *p;

    p = &v->value[v->n++];

    p->data = value ? value->data : NULL;
    p->len = value ? value->len : 0;
    p->whole = 0;
}

static ngx_inline void
ngx_http_litellm_values_run(ngx_http_litellm_values_t *v, u_char *data,
    size_t len)
{
    ngx_http_litellm_value_t  *p;

    p = &v->value[v->n++];

    p->data = data;
    p->len = len;
    p->whole = 1;
}

/*
 * All rows of a kind, in the order in which they came: *at 0 first; looks at
 * *n of the arena's at most and takes them off.  NULL: *n is used up, or the
 * end (*n is not 0).
 */
ngx_http_litellm_row_t *ngx_http_litellm_metrics_next(
    ngx_http_litellm_metrics_t *m, ngx_http_litellm_row_e kind, size_t *at,
    ngx_uint_t *n);

static ngx_inline void *
ngx_http_litellm_row_counters(ngx_http_litellm_row_t *row)
{
    return (u_char *) row + row->counters;
}

/* where the i-th label of a row begins */
size_t ngx_http_litellm_row_offset(ngx_http_litellm_row_t *row, ngx_uint_t i);
/* the i-th label of a row; an empty one if it was not known */
void ngx_http_litellm_row_label(ngx_http_litellm_row_t *row, ngx_uint_t i,
    ngx_str_t *value);


/*
 * Upper bounds in us, ascending, ..._NO_BOUND behind the last one; fine: from
 * half a ms on.  Coarse ones may be a configuration's own.
 */
#define NGX_HTTP_LITELLM_NO_BOUND  0xffffffff

extern const uint32_t  ngx_http_litellm_bounds_fine[
                                            NGX_HTTP_LITELLM_METRICS_BOUNDS];
extern uint32_t  ngx_http_litellm_bounds_coarse[
                                            NGX_HTTP_LITELLM_METRICS_BOUNDS];

/* how many there are */
ngx_uint_t ngx_http_litellm_bounds_count(const uint32_t *bounds);
/* of a worker that begins: bounds of coarse histograms; these begin anew if
   they have counted with others.  NULL: those that there are by default */
void ngx_http_litellm_bounds_set(ngx_http_litellm_metrics_t *m,
    const uint32_t *bounds, ngx_uint_t n);

/* in which of h->n it is counted */
ngx_uint_t ngx_http_litellm_histogram_place(const uint32_t *bounds,
    uint64_t us);
void ngx_http_litellm_histogram_observe(ngx_http_litellm_histogram_t *h,
    const uint32_t *bounds, uint64_t us);


/* one word that several processes add to; 64 bits wherever it can be had */

static ngx_inline void
ngx_http_litellm_counter_add(ngx_http_litellm_counter_t *p, uint64_t n)
{
    /* what was too short to be measured, and what costs nothing */

    if (n == 0) {
        return;
    }

#if (NGX_PTR_SIZE == 8 || defined __GCC_HAVE_SYNC_COMPARE_AND_SWAP_8)
    (void) __sync_fetch_and_add(p, n);
#else
    *p += n;
#endif
}


/*
 * Totals for this process, those of place i if they can be had; others if an
 * old worker has them, and the last ones, together with others, if there are
 * no more.  unclaim gives them back, and returns the last ones.
 */
ngx_http_litellm_row_worker_t *ngx_http_litellm_metrics_claim(
    ngx_http_litellm_metrics_t *m, ngx_uint_t i);
ngx_http_litellm_row_worker_t *ngx_http_litellm_metrics_unclaim(
    ngx_http_litellm_metrics_t *m, ngx_http_litellm_row_worker_t *w);

/* are those of this process its own? */
extern ngx_uint_t  ngx_http_litellm_metrics_alone;

/*
 * To what was claimed.  A lock is most of what a counter costs, and there are
 * many of them in each request.
 */

static ngx_inline void
ngx_http_litellm_total_add(ngx_http_litellm_counter_t *p, uint64_t n)
{
    if (ngx_http_litellm_metrics_alone) {
        *(volatile ngx_http_litellm_counter_t *) p = *p + n;
        return;
    }

    ngx_http_litellm_counter_add(p, n);
}


#endif /* _NGX_HTTP_LITELLM_METRICS_ZONE_H_INCLUDED_ */
