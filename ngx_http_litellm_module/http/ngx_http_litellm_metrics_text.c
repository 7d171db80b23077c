
/*
 * Prometheus's text format 0.0.4: pages in slices, and lines.  A family's lines
 * stand together, so that rows are walked over for each family; a slice is
 * bounded in bytes and in rows looked at, and the next one goes on.  What a
 * family has is written by its own function (ngx_http_litellm_metrics_family.c,
 * and the three of gauges), by the functions for lines here.
 */

#include "ngx_http_litellm_metrics_text.h"


static void ngx_http_litellm_metrics_head(ngx_http_litellm_page_t *p);
static ngx_uint_t ngx_http_litellm_metrics_hidden(ngx_http_litellm_page_t *p);


/* in the order of the page */
static const ngx_http_litellm_family_t  *const  ngx_http_litellm_tables[] = {
    ngx_http_litellm_families,
    ngx_http_litellm_limit_gauges,
    ngx_http_litellm_store_gauges,
    ngx_http_litellm_gauges,
    NULL
};


ngx_uint_t
ngx_http_litellm_metrics_known(ngx_str_t *name)
{
    ngx_uint_t                        i;
    const ngx_http_litellm_family_t  *f;

    for (i = 0; ngx_http_litellm_tables[i] != NULL; i++) {
        for (f = ngx_http_litellm_tables[i]; f->name.len; f++) {
            if (ngx_http_litellm_metrics_named((ngx_str_t *) &f->name, name)) {
                return 1;
            }
        }
    }

    return 0;
}


ngx_uint_t
ngx_http_litellm_metrics_named(ngx_str_t *family, ngx_str_t *name)
{
    if (family->len < name->len
        || ngx_memcmp(family->data, name->data, name->len) != 0)
    {
        return 0;
    }

    return family->len == name->len
           || (family->len == name->len + sizeof("_total") - 1
               && ngx_memcmp(family->data + name->len, "_total",
                             sizeof("_total") - 1)
                  == 0);
}


static ngx_uint_t
ngx_http_litellm_metrics_hidden(ngx_http_litellm_page_t *p)
{
    ngx_str_t   *name;
    ngx_uint_t   i;

    if (ngx_http_litellm_metrics_shown(p, &p->labels) != NGX_OK) {
        return 1;
    }

    name = p->mc->no_metrics.elts;

    for (i = 0; i < p->mc->no_metrics.nelts; i++) {
        if (ngx_http_litellm_metrics_named((ngx_str_t *) &p->family->name,
                                           &name[i]))
        {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_litellm_metrics_slice(ngx_http_litellm_page_t *p)
{
    if (p->family == NULL) {
        p->family = ngx_http_litellm_tables[0];
    }

    p->looks = NGX_HTTP_LITELLM_METRICS_LOOKS;

    for ( ;; ) {

        if (p->family->name.len == 0) {

            if (ngx_http_litellm_tables[p->table + 1] == NULL) {
                return NGX_OK;
            }

            p->family = ngx_http_litellm_tables[++p->table];
        }

        if (ngx_http_litellm_metrics_full(p)) {
            return NGX_AGAIN;
        }

        if (!p->begun) {
            p->begun = 1;
            p->hidden = ngx_http_litellm_metrics_hidden(p);
        }

        if (!p->hidden && ngx_http_litellm_metrics_filtered(p) == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        ngx_http_litellm_metrics_unmerge(p);

        p->family++;

        p->begun = 0;
        p->labels = NULL;
        p->merged = 0;
        p->headed = 0;
        p->at = 0;
        p->i = 0;
        p->j = 0;
        p->cursor = 0;
        p->sum = 0;
    }
}


/* a family without a line has no head */

static void
ngx_http_litellm_metrics_head(ngx_http_litellm_page_t *p)
{
    ngx_str_t                         type;
    const ngx_http_litellm_family_t  *f;

    static ngx_str_t  types[] = {
        ngx_string("counter"),
        ngx_string("gauge"),
        ngx_string("histogram")
    };

    if (p->headed) {
        return;
    }

    p->headed = 1;

    f = p->family;
    type = types[f->type];

    ngx_litellm_out_lit(&p->out, "# HELP ");
    ngx_litellm_out_str(&p->out, &f->name);
    ngx_litellm_out_lit(&p->out, " ");
    ngx_litellm_out_copy(&p->out, f->help, ngx_strlen(f->help));
    ngx_litellm_out_lit(&p->out, "\n# TYPE ");
    ngx_litellm_out_str(&p->out, &f->name);
    ngx_litellm_out_lit(&p->out, " ");
    ngx_litellm_out_str(&p->out, &type);
    ngx_litellm_out_lit(&p->out, "\n");
}


ngx_int_t
ngx_http_litellm_metrics_row_labels(ngx_http_litellm_page_t *p,
    ngx_http_litellm_row_t *row, ngx_uint_t only, u_char *buf,
    ngx_str_t *labels)
{
    u_char                          *end, *last, *v, *v_last;
    ngx_str_t                        value, *name;
    ngx_uint_t                       i, n;
    const ngx_http_litellm_label_e  *label;

    static ngx_str_t  none = ngx_string("None");

    if (row->other && p->mc->m.sh->lost[row->kind] == 0) {

        /* nobody had to share it */

        return NGX_DECLINED;
    }

    label = ngx_http_litellm_metrics_labels(row->kind, &n);

    last = buf + NGX_HTTP_LITELLM_METRICS_LINE - 1;
    end = buf;

    v = row->labels;
    v_last = v + row->len;

    for (i = 0; i < n; i++) {

        if (row->other) {
            ngx_str_set(&value, "other");

        } else if (v < v_last) {
            value.len = *v++;
            value.data = v;
            v += value.len;

        } else {
            ngx_str_null(&value);
        }

        if (!(only & ((ngx_uint_t) 1 << label[i]))) {
            continue;
        }

        if (p->mc->no_labels & ((ngx_uint_t) 1 << label[i])) {

            if (value.len && !row->other) {

                /* of before the last reload */

                return NGX_DECLINED;
            }

            continue;
        }

        name = ngx_http_litellm_metrics_label(label[i]);

        if (label[i] == NGX_HTTP_LITELLM_L_STATUS
            && (row->kind == NGX_HTTP_LITELLM_ROW_FALLBACK
                || p->family->more == NGX_HTTP_LITELLM_OF_EXCEPTION))
        {
            name = &ngx_http_litellm_exception_status;
        }

        end = ngx_http_litellm_metrics_pair(p, buf, last, end, name,
                                            value.len ? &value : &none);
    }

    if (end == buf) {
        *end++ = '{';
    }

    *end++ = '}';

    labels->data = buf;
    labels->len = end - buf;

    return NGX_OK;
}


u_char *
ngx_http_litellm_metrics_pair(ngx_http_litellm_page_t *p, u_char *buf,
    u_char *last, u_char *end, ngx_str_t *name, ngx_str_t *value)
{
    size_t  i;

    if ((size_t) (last - end) < name->len + 2 * value->len + 5
        || !ngx_http_litellm_metrics_stays(p, name))
    {
        return end;
    }

    if (end == buf) {
        *end++ = '{';

    } else if (end > buf + 1) {
        *end++ = ',';
    }

    end = ngx_cpymem(end, name->data, name->len);
    *end++ = '=';
    *end++ = '"';

    for (i = 0; i < value->len; i++) {

        if (value->data[i] == '"' || value->data[i] == '\\') {
            *end++ = '\\';

        } else if (value->data[i] == '\n') {
            *end++ = '\\';
            *end++ = 'n';
            continue;
        }

        *end++ = value->data[i];
    }

    *end++ = '"';

    return end;
}


void
ngx_http_litellm_metrics_line(ngx_http_litellm_page_t *p, const char *suffix,
    ngx_str_t *labels, uint64_t n)
{
    u_char  *end, buf[NGX_INT64_LEN + 1];

    if (ngx_http_litellm_metrics_merges(p)) {
        ngx_http_litellm_metrics_merge(p, NGX_HTTP_LITELLM_MERGED_COUNT,
                                       suffix, labels, (int64_t) n);
        return;
    }

    ngx_http_litellm_metrics_head(p);

    ngx_litellm_out_str(&p->out, &p->family->name);
    ngx_litellm_out_copy(&p->out, suffix, ngx_strlen(suffix));

    if (labels->len > 2) {
        ngx_litellm_out_str(&p->out, labels);
    }

    ngx_litellm_out_lit(&p->out, " ");

    end = ngx_litellm_out_digits(buf, n);
    *end++ = '\n';

    ngx_litellm_out_copy(&p->out, buf, end - buf);
}


void
ngx_http_litellm_metrics_money(ngx_http_litellm_page_t *p, ngx_str_t *labels,
    int64_t money)
{
    u_char  *end, buf[NGX_LITELLM_MONEY_LEN + 2];

    if (ngx_http_litellm_metrics_merges(p)) {
        ngx_http_litellm_metrics_merge(p, NGX_HTTP_LITELLM_MERGED_MONEY, "",
                                       labels, money);
        return;
    }

    ngx_http_litellm_metrics_head(p);

    ngx_litellm_out_str(&p->out, &p->family->name);

    if (labels->len > 2) {
        ngx_litellm_out_str(&p->out, labels);
    }

    ngx_litellm_out_lit(&p->out, " ");

    end = buf;

    if (money < 0) {

        /* more was spent than there was */

        *end++ = '-';
        money = -money;
    }

    end = ngx_litellm_money_print(end, money);
    *end++ = '\n';

    ngx_litellm_out_copy(&p->out, buf, end - buf);
}


void
ngx_http_litellm_metrics_decimal(ngx_http_litellm_page_t *p,
    const char *suffix, ngx_str_t *labels, uint64_t n, ngx_uint_t digits)
{
    u_char  *end, buf[2 * NGX_INT64_LEN];

    if (ngx_http_litellm_metrics_merges(p)) {
        ngx_http_litellm_metrics_merge(p, (digits == 3)
                                          ? NGX_HTTP_LITELLM_MERGED_MILLI
                                          : NGX_HTTP_LITELLM_MERGED_MICRO,
                                       suffix, labels, (int64_t) n);
        return;
    }

    ngx_http_litellm_metrics_head(p);

    ngx_litellm_out_str(&p->out, &p->family->name);
    ngx_litellm_out_copy(&p->out, suffix, ngx_strlen(suffix));

    if (labels->len > 2) {
        ngx_litellm_out_str(&p->out, labels);
    }

    if (digits == 3) {
        end = ngx_sprintf(buf, " %uL.%03uL\n", n / 1000, n % 1000);

    } else {
        end = ngx_sprintf(buf, " %uL.%06uL\n", n / 1000000, n % 1000000);
    }

    ngx_litellm_out_copy(&p->out, buf, end - buf);
}


/* each bucket has what is in those below */

void
ngx_http_litellm_metrics_histogram(ngx_http_litellm_page_t *p,
    ngx_str_t *labels, ngx_http_litellm_histogram_t *h,
    ngx_http_litellm_unit_e unit)
{
    u_char          *end, le[sizeof(",le=\"1000.000001\"}") + 8];
    uint64_t         n, counts[NGX_HTTP_LITELLM_METRICS_BOUNDS + 1];
    ngx_str_t        common;
    ngx_uint_t       i;
    const uint32_t  *bounds;

    if (ngx_http_litellm_metrics_merges(p)) {
        ngx_http_litellm_metrics_merge_histogram(p, labels, h, unit);
        return;
    }

    n = 0;

    /* once, so that what follows agrees with itself */

    for (i = 0; i <= NGX_HTTP_LITELLM_METRICS_BOUNDS; i++) {
        n += *(volatile ngx_http_litellm_counter_t *) &h->n[i];
        counts[i] = n;
    }

    if (n == 0) {
        return;
    }

    bounds = (unit == NGX_HTTP_LITELLM_FINE) ? ngx_http_litellm_bounds_fine
                                             : ngx_http_litellm_bounds_coarse;

    /* without the brace */

    common.data = labels->data;
    common.len = labels->len - 1;

    ngx_http_litellm_metrics_head(p);

    for (i = 0; i <= NGX_HTTP_LITELLM_METRICS_BOUNDS; i++) {

        if (i < NGX_HTTP_LITELLM_METRICS_BOUNDS
            && bounds[i] == NGX_HTTP_LITELLM_NO_BOUND)
        {
            continue;
        }

        ngx_litellm_out_str(&p->out, &p->family->name);
        ngx_litellm_out_lit(&p->out, "_bucket");
        ngx_litellm_out_str(&p->out, &common);

        end = le;

        if (common.len > 1) {
            *end++ = ',';
        }

        if (i == NGX_HTTP_LITELLM_METRICS_BOUNDS) {
            end = ngx_sprintf(end, "le=\"+Inf\"} ");

        } else if (bounds[i] % 1000000 == 0) {
            end = ngx_sprintf(end, "le=\"%uD.0\"} ", bounds[i] / 1000000);

        } else {
            end = ngx_sprintf(end, "le=\"0.%06uD", bounds[i] % 1000000);

            if (bounds[i] > 1000000) {
                end = le + (common.len > 1);
                end = ngx_sprintf(end, "le=\"%uD.%06uD", bounds[i] / 1000000,
                                  bounds[i] % 1000000);
            }

            while (end[-1] == '0') {
                end--;
            }

            end = ngx_sprintf(end, "\"} ");
        }

        ngx_litellm_out_copy(&p->out, le, end - le);

        ngx_litellm_out_int(&p->out, (int64_t) counts[i]);
        ngx_litellm_out_lit(&p->out, "\n");
    }

    ngx_http_litellm_metrics_decimal(p, "_sum", labels, h->sum, 6);
    ngx_http_litellm_metrics_line(p, "_count", labels, n);
}
