
/*
 * What is being written for Prometheus: a page, a slice at a time.
 *
 * A family is all that has one name; its function writes what fits into the
 * slice and returns NGX_OK when there is no more of it, else NGX_AGAIN.  Where
 * it stands is in the page, zeroed for each family.
 */

#ifndef _NGX_HTTP_LITELLM_METRICS_TEXT_H_INCLUDED_
#define _NGX_HTTP_LITELLM_METRICS_TEXT_H_INCLUDED_


#include "ngx_http_litellm_metrics.h"
#include "ngx_http_litellm_ledger.h"


/* of a slice: bytes, and things looked at */
#define NGX_HTTP_LITELLM_METRICS_BYTES  (64 * 1024)
#define NGX_HTTP_LITELLM_METRICS_LOOKS  1024

/* bytes of the labels of a line: names, and values that are all escaped */
#define NGX_HTTP_LITELLM_METRICS_LINE                                         \
    (NGX_HTTP_LITELLM_METRICS_LABELS                                          \
     * (2 * NGX_HTTP_LITELLM_METRICS_VALUE + 32))


typedef struct ngx_http_litellm_family_s  ngx_http_litellm_family_t;
typedef struct ngx_http_litellm_merge_s   ngx_http_litellm_merge_t;

typedef struct {
    ngx_http_litellm_main_conf_t     *mcf;
    ngx_http_litellm_metrics_conf_t  *mc;
    ngx_uint_t                        table;
    const ngx_http_litellm_family_t  *family;   /* in it */
    ngx_litellm_out_t                 out;
    ngx_uint_t                        looks;    /* left in this slice */

    /* of the family */
    ngx_uint_t                        begun;    /* the next two are known */
    ngx_uint_t                        hidden;
    ngx_array_t                      *labels;   /* those that stay; NULL: all */
    ngx_http_litellm_merge_t         *merge;    /* if some don't */
    ngx_uint_t                        merged;   /* all lines are in it */
    ngx_uint_t                        headed;   /* HELP and TYPE are there */
    size_t                            at;
    ngx_uint_t                        i;
    ngx_uint_t                        j;
    uint64_t                          cursor;
    uint64_t                          sum;

    /* of all accounts, by scope: looked at once */
    ngx_uint_t                        walked;
    uint64_t                          accounts[NGX_HTTP_LITELLM_SCOPES];
    int64_t                           reserved[NGX_HTTP_LITELLM_SCOPES];
    int64_t                           inflight[NGX_HTTP_LITELLM_SCOPES];
} ngx_http_litellm_page_t;


typedef enum {
    NGX_HTTP_LITELLM_COUNTER = 0,
    NGX_HTTP_LITELLM_GAUGE,
    NGX_HTTP_LITELLM_HISTOGRAM
} ngx_http_litellm_family_e;

/* of a counter's "more": the status of a request is its exception's */
#define NGX_HTTP_LITELLM_OF_EXCEPTION  1

/* of a gauge's "more": of several the largest counts, not their sum */
#define NGX_HTTP_LITELLM_LARGEST  1

typedef enum {
    NGX_HTTP_LITELLM_UNIT = 0,           /* as it is */
    NGX_HTTP_LITELLM_DOLLARS,
    NGX_HTTP_LITELLM_COARSE,             /* of a histogram: its bounds */
    NGX_HTTP_LITELLM_FINE
} ngx_http_litellm_unit_e;


struct ngx_http_litellm_family_s {
    ngx_str_t                         name;     /* of a counter, with _total */
    const char                       *help;
    ngx_http_litellm_family_e         type;
    ngx_int_t                       (*write)(ngx_http_litellm_page_t *p);
    ngx_http_litellm_unit_e           unit;
    ngx_uint_t                        row;      /* ..._row_e */
    size_t                            offset;   /* in it, or the function's */
    size_t                            more;     /* the function's own */
};


/* ngx_http_litellm_metrics_text.c */

/* NGX_OK: all is written; NGX_AGAIN: the slice is full */
ngx_int_t ngx_http_litellm_metrics_slice(ngx_http_litellm_page_t *p);

/* a line: labels are "" or {...}, what stands between the name and them */
void ngx_http_litellm_metrics_line(ngx_http_litellm_page_t *p,
    const char *suffix, ngx_str_t *labels, uint64_t n);
void ngx_http_litellm_metrics_money(ngx_http_litellm_page_t *p,
    ngx_str_t *labels, int64_t money);
/* thousandths, or millionths */
void ngx_http_litellm_metrics_decimal(ngx_http_litellm_page_t *p,
    const char *suffix, ngx_str_t *labels, uint64_t n, ngx_uint_t digits);
void ngx_http_litellm_metrics_histogram(ngx_http_litellm_page_t *p,
    ngx_str_t *labels, ngx_http_litellm_histogram_t *h,
    ngx_http_litellm_unit_e unit);
/*
 * name="value", a comma before it if it is not the first in buf: the end.
 * Nothing of a label that is left out.
 */
u_char *ngx_http_litellm_metrics_pair(ngx_http_litellm_page_t *p, u_char *buf,
    u_char *last, u_char *end, ngx_str_t *name, ngx_str_t *value);
/* is it this family's?  A counter may be told with its "_total" or without */
ngx_uint_t ngx_http_litellm_metrics_named(ngx_str_t *family, ngx_str_t *name);
/* the labels of a row, of those in only (bits); NGX_DECLINED: one of them is
   left out now, and has a value */
ngx_int_t ngx_http_litellm_metrics_row_labels(ngx_http_litellm_page_t *p,
    ngx_http_litellm_row_t *row, ngx_uint_t only, u_char *buf,
    ngx_str_t *labels);

/* is there room and time for more in this slice? */
#define ngx_http_litellm_metrics_full(p)                                      \
    ((p)->looks == 0 || (p)->out.size >= NGX_HTTP_LITELLM_METRICS_BYTES)


/* ngx_http_litellm_metrics_family.c: counters of rows; ends with an empty
   name */
extern const ngx_http_litellm_family_t  ngx_http_litellm_families[];

/* ngx_http_litellm_metrics_label.c: in place of "status_code" */
extern ngx_str_t  ngx_http_litellm_exception_status;


/*
 * Families that are looked up: ngx_http_litellm_metrics_limit.c, .._store.c and
 * .._gauge.c have a table each, which ends with an empty name.
 */

#define ngx_http_litellm_g(name, help, type, write, id)                       \
    { ngx_string(name), help, NGX_HTTP_LITELLM_##type,                        \
      ngx_http_litellm_gauge_##write, NGX_HTTP_LITELLM_UNIT, 0,               \
      id, 0 }

/* of several that become one the largest counts */
#define ngx_http_litellm_g_largest(name, help, write, id)                     \
    { ngx_string(name), help, NGX_HTTP_LITELLM_GAUGE,                         \
      ngx_http_litellm_gauge_##write, NGX_HTTP_LITELLM_UNIT, 0,               \
      id, NGX_HTTP_LITELLM_LARGEST }

extern const ngx_http_litellm_family_t  ngx_http_litellm_limit_gauges[];
extern const ngx_http_litellm_family_t  ngx_http_litellm_store_gauges[];
extern const ngx_http_litellm_family_t  ngx_http_litellm_gauges[];

/* ngx_http_litellm_metrics_gauge.c */

/* "{}" */
extern ngx_str_t  ngx_http_litellm_gauge_none;

/* {name="value"}; buf: of a line's labels */
void ngx_http_litellm_gauge_label(ngx_http_litellm_page_t *p, u_char *buf,
    ngx_str_t *labels, const char *name, ngx_str_t *value);


/* ngx_http_litellm_metrics_filter.c */

typedef enum {
    NGX_HTTP_LITELLM_MERGED_COUNT = 0,
    NGX_HTTP_LITELLM_MERGED_MONEY,
    NGX_HTTP_LITELLM_MERGED_MILLI,
    NGX_HTTP_LITELLM_MERGED_MICRO,
    NGX_HTTP_LITELLM_MERGED_COARSE,
    NGX_HTTP_LITELLM_MERGED_FINE
} ngx_http_litellm_merged_e;

/* of the family that begins, with the labels that stay (NULL: all);
   NGX_DECLINED: it is not shown */
ngx_int_t ngx_http_litellm_metrics_shown(ngx_http_litellm_page_t *p,
    ngx_array_t **labels);
/* its lines: as ..._family_s.write() */
ngx_int_t ngx_http_litellm_metrics_filtered(ngx_http_litellm_page_t *p);
/* a line of a family with p->merge, before p->merged */
void ngx_http_litellm_metrics_merge(ngx_http_litellm_page_t *p,
    ngx_http_litellm_merged_e kind, const char *suffix, ngx_str_t *labels,
    int64_t value);
void ngx_http_litellm_metrics_merge_histogram(ngx_http_litellm_page_t *p,
    ngx_str_t *labels, ngx_http_litellm_histogram_t *h,
    ngx_http_litellm_unit_e unit);
/* its end, or the page's: p->merge is freed */
void ngx_http_litellm_metrics_unmerge(ngx_http_litellm_page_t *p);
ngx_uint_t ngx_http_litellm_metrics_stays(ngx_http_litellm_page_t *p,
    ngx_str_t *label);

#define ngx_http_litellm_metrics_merges(p)  ((p)->merge != NULL && !(p)->merged)


#endif /* _NGX_HTTP_LITELLM_METRICS_TEXT_H_INCLUDED_ */
