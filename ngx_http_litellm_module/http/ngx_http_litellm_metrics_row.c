
/*
 * A row of counters found by what its labels are made of.  Called for each
 * request and attempt by ngx_http_litellm_metrics_record.c: to make the labels,
 * hash them and look them up costs more than all counters that are added to.
 *
 * Each worker remembers rows in a table, one for each of its places.  What is
 * found there counts only if the row's labels, which never change, are these
 * values byte for byte, so nothing in the table can be out of date: whatever
 * differs (a value that had to be cut or cleaned, too) goes the long way.
 * Rows of "other" are not remembered: what is counted there is itself counted.
 */

#include "ngx_http_litellm_metrics_zone.h"


static ngx_uint_t ngx_http_litellm_values_place(ngx_http_litellm_row_e kind,
    ngx_http_litellm_values_t *v);
static void ngx_http_litellm_values_labels(ngx_http_litellm_values_t *v,
    ngx_http_litellm_labels_t *l);


ngx_http_litellm_row_t *
ngx_http_litellm_metrics_row_for(ngx_http_litellm_metrics_t *m,
    ngx_http_litellm_row_e kind, ngx_http_litellm_values_t *v, ngx_uint_t max,
    ngx_http_litellm_known_t **known)
{
    ngx_http_litellm_row_t     *row;
    ngx_http_litellm_known_t   *k;
    ngx_http_litellm_labels_t   l;

    k = NULL;

    if (m->known != NULL) {
        k = &m->known[ngx_http_litellm_values_place(kind, v)];
    }

    if (known != NULL) {
        *known = k;
    }

    if (k != NULL && k->row != NULL && k->row->kind == kind
        && ngx_http_litellm_values_same(v, k->row, 0))
    {
        return k->row;
    }

    ngx_http_litellm_values_labels(v, &l);

    row = ngx_http_litellm_metrics_row(m, kind, &l, max);

    if (row->other) {

        if (known != NULL) {
            *known = NULL;
        }

    } else if (k != NULL) {
        ngx_memzero(k, sizeof(ngx_http_litellm_known_t));
        k->row = row;
    }

    return row;
}


ngx_http_litellm_row_t *
ngx_http_litellm_metrics_row_known(ngx_http_litellm_metrics_t *m,
    ngx_http_litellm_row_e kind, ngx_http_litellm_values_t *v)
{
    ngx_http_litellm_labels_t  l;

    ngx_http_litellm_values_labels(v, &l);

    return ngx_http_litellm_metrics_find(m, kind, &l);
}


/*
 * A few bytes of each value: those that differ are at the end, more often.
 * Most rows have some labels that are empty.
 */

static ngx_uint_t
ngx_http_litellm_values_place(ngx_http_litellm_row_e kind,
    ngx_http_litellm_values_t *v)
{
    uint64_t                   h, w;
    ngx_uint_t                 i;
    ngx_http_litellm_value_t  *p;

    h = kind;

    for (i = 0; i < v->n; i++) {

        p = &v->value[i];

        w = p->len;

        if (w == 0) {
            continue;
        }

        if (p->whole) {

            /* of a row: the same place each time */

            w += (uintptr_t) p->data;

        } else if (p->len >= 8) {
            ngx_memcpy(&w, p->data + p->len - 8, 8);

        } else {
            w += (uint64_t) p->data[p->len - 1] << 8
                 | (uint64_t) p->data[0] << 16;
        }

        h = (h ^ w) * 0x9e3779b97f4a7c15ULL;
    }

    return (ngx_uint_t) (h >> 32) & (NGX_HTTP_LITELLM_METRICS_KNOWN - 1);
}


/* a dozen short ones for each request: a call for each costs more than they */

static ngx_inline ngx_uint_t
ngx_http_litellm_bytes_same(u_char *a, u_char *b, size_t n)
{
    uint32_t  s, t, v, w;
    uint64_t  x, y, k, l;

    if (n > 16) {
        return ngx_memcmp(a, b, n) == 0;
    }

    if (n >= 8) {
        ngx_memcpy(&x, a, 8);
        ngx_memcpy(&y, b, 8);
        ngx_memcpy(&k, a + n - 8, 8);
        ngx_memcpy(&l, b + n - 8, 8);

        return ((x ^ y) | (k ^ l)) == 0;
    }

    if (n >= 4) {
        ngx_memcpy(&s, a, 4);
        ngx_memcpy(&t, b, 4);
        ngx_memcpy(&v, a + n - 4, 4);
        ngx_memcpy(&w, b + n - 4, 4);

        return ((s ^ t) | (v ^ w)) == 0;
    }

    while (n--) {
        if (a[n] != b[n]) {
            return 0;
        }
    }

    return 1;
}


ngx_uint_t
ngx_http_litellm_values_same(ngx_http_litellm_values_t *v,
    ngx_http_litellm_row_t *row, size_t from)
{
    u_char                    *p, *last;
    ngx_uint_t                 i;
    ngx_http_litellm_value_t  *value;

    p = row->labels + from;
    last = row->labels + row->len;

    for (i = 0; i < v->n; i++) {

        value = &v->value[i];

        if (value->len == 0) {

            if (p == last || *p++ != 0) {
                return 0;
            }

            continue;
        }

        if (value->whole) {

            if ((size_t) (last - p) < value->len
                || ngx_memcmp(p, value->data, value->len) != 0)
            {
                return 0;
            }

            p += value->len;
            continue;
        }

        if (p == last || *p != value->len
            || !ngx_http_litellm_bytes_same(p + 1, value->data, value->len))
        {
            return 0;
        }

        p += 1 + value->len;
    }

    return p == last;
}


static void
ngx_http_litellm_values_labels(ngx_http_litellm_values_t *v,
    ngx_http_litellm_labels_t *l)
{
    ngx_str_t                  s;
    ngx_uint_t                 i;
    ngx_http_litellm_value_t  *value;

    ngx_http_litellm_labels_init(l);

    for (i = 0; i < v->n; i++) {

        value = &v->value[i];

        if (value->whole) {
            ngx_memcpy(l->buf + l->len, value->data, value->len);
            l->len += value->len;
            continue;
        }

        s.len = value->len;
        s.data = value->data;

        ngx_http_litellm_labels_add(l, &s);
    }
}
