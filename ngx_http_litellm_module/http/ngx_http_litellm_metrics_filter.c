
/*
 * What "prometheus_metrics_config" leaves of the page: which metrics are on it,
 * and which of their labels.  Lines that differ in labels only that are left
 * out become one: called by ngx_http_litellm_metrics_text.c for each line of a
 * metric that has such labels, until the metric has no more of them.
 *
 * Counters are added up, of some gauges the largest counts.  What is kept is a
 * line for each combination of labels that stay, in a pool of its own that goes
 * with the metric: no more than the zone has rows.
 */

#include "ngx_http_litellm_metrics_text.h"


#define NGX_HTTP_LITELLM_MERGE_POOL  16384


typedef struct {
    ngx_str_node_t                  node;       /* its labels */
    ngx_queue_t                     queue;
    const char                     *suffix;
    ngx_http_litellm_merged_e       kind;
    int64_t                         value;
    ngx_http_litellm_histogram_t    h[1];       /* if it is one */
} ngx_http_litellm_merged_t;


struct ngx_http_litellm_merge_s {
    ngx_pool_t                     *pool;
    ngx_rbtree_t                    tree;
    ngx_rbtree_node_t               sentinel;
    ngx_queue_t                     queue;      /* in the order in which they
                                                   came */
};


static ngx_http_litellm_merge_t *ngx_http_litellm_metrics_merging(
    ngx_http_litellm_page_t *p);
static ngx_int_t ngx_http_litellm_metrics_merged(ngx_http_litellm_page_t *p);
static ngx_http_litellm_merged_t *ngx_http_litellm_metrics_same(
    ngx_http_litellm_page_t *p, ngx_str_t *labels, size_t size);
static ngx_uint_t ngx_http_litellm_metrics_has(ngx_array_t *words,
    ngx_str_t *name);


ngx_int_t
ngx_http_litellm_metrics_shown(ngx_http_litellm_page_t *p,
    ngx_array_t **labels)
{
    ngx_uint_t                    i;
    ngx_litellm_metrics_shown_t  *shown;

    *labels = NULL;

    if (p->mc->shown.nelts == 0) {
        return NGX_OK;
    }

    shown = p->mc->shown.elts;

    for (i = p->mc->shown.nelts; i-- > 0; /* void */) {
        if (ngx_http_litellm_metrics_named((ngx_str_t *) &p->family->name,
                                           &shown[i].word.name))
        {
            *labels = shown[i].labels;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_litellm_metrics_filtered(ngx_http_litellm_page_t *p)
{
    if (p->labels == NULL) {
        return p->family->write(p);
    }

    if (p->merge == NULL) {
        p->merge = ngx_http_litellm_metrics_merging(p);

        if (p->merge == NULL) {
            p->out.failed = 1;
            return NGX_AGAIN;
        }
    }

    if (!p->merged) {

        if (p->family->write(p) == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        p->merged = 1;
    }

    return ngx_http_litellm_metrics_merged(p);
}


static ngx_http_litellm_merge_t *
ngx_http_litellm_metrics_merging(ngx_http_litellm_page_t *p)
{
    ngx_pool_t                *pool;
    ngx_http_litellm_merge_t  *merge;

    pool = ngx_create_pool(NGX_HTTP_LITELLM_MERGE_POOL, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    merge = ngx_palloc(pool, sizeof(ngx_http_litellm_merge_t));
    if (merge == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    merge->pool = pool;

    ngx_rbtree_init(&merge->tree, &merge->sentinel,
                    ngx_str_rbtree_insert_value);
    ngx_queue_init(&merge->queue);

    return merge;
}


void
ngx_http_litellm_metrics_unmerge(ngx_http_litellm_page_t *p)
{
    if (p->merge != NULL) {
        ngx_destroy_pool(p->merge->pool);
        p->merge = NULL;
    }
}


/* what there is by now is written, a slice of it */

static ngx_int_t
ngx_http_litellm_metrics_merged(ngx_http_litellm_page_t *p)
{
    ngx_queue_t                *q;
    ngx_http_litellm_merged_t  *m;

    while (!ngx_queue_empty(&p->merge->queue)) {

        if (ngx_http_litellm_metrics_full(p)) {
            return NGX_AGAIN;
        }

        p->looks--;

        q = ngx_queue_head(&p->merge->queue);
        ngx_queue_remove(q);

        m = ngx_queue_data(q, ngx_http_litellm_merged_t, queue);

        switch (m->kind) {

        case NGX_HTTP_LITELLM_MERGED_COUNT:
            ngx_http_litellm_metrics_line(p, m->suffix, &m->node.str,
                                          (uint64_t) m->value);
            break;

        case NGX_HTTP_LITELLM_MERGED_MONEY:
            ngx_http_litellm_metrics_money(p, &m->node.str, m->value);
            break;

        case NGX_HTTP_LITELLM_MERGED_MILLI:
            ngx_http_litellm_metrics_decimal(p, m->suffix, &m->node.str,
                                             (uint64_t) m->value, 3);
            break;

        case NGX_HTTP_LITELLM_MERGED_MICRO:
            ngx_http_litellm_metrics_decimal(p, m->suffix, &m->node.str,
                                             (uint64_t) m->value, 6);
            break;

        default: /* NGX_HTTP_LITELLM_MERGED_COARSE, NGX_..._FINE */
            ngx_http_litellm_metrics_histogram(p, &m->node.str, m->h,
                                 (m->kind == NGX_HTTP_LITELLM_MERGED_FINE)
                                 ? NGX_HTTP_LITELLM_FINE
                                 : NGX_HTTP_LITELLM_COARSE);
        }
    }

    return NGX_OK;
}


void
ngx_http_litellm_metrics_merge(ngx_http_litellm_page_t *p,
    ngx_http_litellm_merged_e kind, const char *suffix, ngx_str_t *labels,
    int64_t value)
{
    ngx_http_litellm_merged_t  *m;

    m = ngx_http_litellm_metrics_same(p, labels,
                                      offsetof(ngx_http_litellm_merged_t, h));
    if (m == NULL) {
        return;
    }

    if (m->suffix == NULL) {
        m->suffix = suffix;
        m->kind = kind;
        m->value = value;

    } else if (p->family->type == NGX_HTTP_LITELLM_GAUGE
               && p->family->more == NGX_HTTP_LITELLM_LARGEST)
    {
        m->value = ngx_max(m->value, value);

    } else {
        m->value = ngx_http_litellm_ledger_add(m->value, value);
    }
}


void
ngx_http_litellm_metrics_merge_histogram(ngx_http_litellm_page_t *p,
    ngx_str_t *labels, ngx_http_litellm_histogram_t *h,
    ngx_http_litellm_unit_e unit)
{
    ngx_uint_t                  i;
    ngx_http_litellm_merged_t  *m;

    m = ngx_http_litellm_metrics_same(p, labels,
                                      sizeof(ngx_http_litellm_merged_t));
    if (m == NULL) {
        return;
    }

    m->kind = (unit == NGX_HTTP_LITELLM_FINE) ? NGX_HTTP_LITELLM_MERGED_FINE
                                              : NGX_HTTP_LITELLM_MERGED_COARSE;
    m->h->sum += h->sum;

    for (i = 0; i <= NGX_HTTP_LITELLM_METRICS_BOUNDS; i++) {
        m->h->n[i] += *(volatile ngx_http_litellm_counter_t *) &h->n[i];
    }
}


/* the line of these labels, zeroed if it is a new one; NULL: no memory */

static ngx_http_litellm_merged_t *
ngx_http_litellm_metrics_same(ngx_http_litellm_page_t *p, ngx_str_t *labels,
    size_t size)
{
    uint32_t                    hash;
    ngx_str_node_t             *node;
    ngx_http_litellm_merge_t   *merge;
    ngx_http_litellm_merged_t  *m;

    merge = p->merge;
    hash = ngx_crc32_long(labels->data, labels->len);

    node = ngx_str_rbtree_lookup(&merge->tree, labels, hash);

    if (node != NULL) {
        return (ngx_http_litellm_merged_t *) node;
    }

    m = ngx_pcalloc(merge->pool, size);
    if (m == NULL) {
        p->out.failed = 1;
        return NULL;
    }

    m->node.str.len = labels->len;
    m->node.str.data = ngx_pstrdup(merge->pool, labels);

    if (m->node.str.data == NULL) {
        p->out.failed = 1;
        return NULL;
    }

    m->node.node.key = hash;

    ngx_rbtree_insert(&merge->tree, &m->node.node);
    ngx_queue_insert_tail(&merge->queue, &m->queue);

    return m;
}


ngx_uint_t
ngx_http_litellm_metrics_stays(ngx_http_litellm_page_t *p, ngx_str_t *label)
{
    return p->labels == NULL
           || ngx_http_litellm_metrics_has(p->labels, label);
}


static ngx_uint_t
ngx_http_litellm_metrics_has(ngx_array_t *words, ngx_str_t *name)
{
    ngx_uint_t                   i;
    ngx_litellm_metrics_word_t  *word;

    word = words->elts;

    for (i = 0; i < words->nelts; i++) {
        if (word[i].name.len == name->len
            && ngx_memcmp(word[i].name.data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* those of one file, which are of all files together */

ngx_int_t
ngx_http_litellm_metrics_filter(ngx_conf_t *cf,
    ngx_http_litellm_metrics_conf_t *mc, ngx_litellm_config_t *config)
{
    ngx_uint_t                    i, j;
    ngx_litellm_metrics_t        *m;
    ngx_litellm_metrics_word_t   *label;
    ngx_litellm_metrics_shown_t  *shown, *to;

    m = &config->metrics;

#if (NGX_LITELLM_METRICS_BOUNDS != NGX_HTTP_LITELLM_METRICS_BOUNDS)
#error a file may have as many buckets as a histogram
#endif

    if (m->nbounds && mc->nbounds == 0) {
        mc->nbounds = m->nbounds;
        ngx_memcpy(mc->bounds, m->bounds, sizeof(mc->bounds));

    } else if (m->nbounds
               && (m->nbounds != mc->nbounds
                   || ngx_memcmp(mc->bounds, m->bounds, sizeof(mc->bounds))
                      != 0))
    {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "%V: prometheus_latency_buckets: those of another file "
                      "hold", &config->file);
    }

    if (m->shown == NULL) {
        return NGX_OK;
    }

    shown = m->shown->elts;

    for (i = 0; i < m->shown->nelts; i++) {

        to = ngx_array_push(&mc->shown);
        if (to == NULL) {
            return NGX_ERROR;
        }

        *to = shown[i];

        if (!ngx_http_litellm_metrics_known(&shown[i].word.name)) {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "%V:%ui: prometheus_metrics_config: there is no "
                          "metric \"%V\" here", &shown[i].word.file,
                          shown[i].word.line, &shown[i].word.name);
            continue;
        }

        label = shown[i].labels ? shown[i].labels->elts : NULL;

        for (j = 0; label != NULL && j < shown[i].labels->nelts; j++) {
            if (!ngx_http_litellm_metrics_labelled(&shown[i].word.name,
                                                   &label[j].name))
            {
                ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                              "%V:%ui: prometheus_metrics_config: metric "
                              "\"%V\" has no label \"%V\" here",
                              &label[j].file, label[j].line,
                              &shown[i].word.name, &label[j].name);
            }
        }
    }

    return NGX_OK;
}
