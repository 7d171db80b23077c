
/*
 * A price map in LiteLLM's form (litellm_price_map): models by name, each with
 * the rates that ngx_litellm_price_read.c finds in its entry.  Runs at
 * configuration time; the text is bounded and may hold anything, and what is
 * kept of it is copied.
 *
 * ngx_litellm_prices.pl makes the table by the same rules.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_json.h"
#include "ngx_litellm_price_rates.h"


#define NGX_LITELLM_PRICES_SIZE   (64 * 1024 * 1024)
#define NGX_LITELLM_PRICES_NODES  4000000
#define NGX_LITELLM_PRICES_POOL   (64 * 1024)


typedef struct {
    ngx_str_t                    name;
    ngx_str_t                    provider;
    const ngx_litellm_price_t   *price;
    ngx_uint_t                   bare;       /* without the provider's prefix */
    ngx_uint_t                   index;
} ngx_litellm_prices_row_t;


struct ngx_litellm_prices_s {
    ngx_litellm_prices_row_t    *rows;       /* by name and provider */
    ngx_uint_t                   n;
};


static ngx_int_t ngx_litellm_prices_rows(ngx_pool_t *pool,
    ngx_litellm_json_t *root, ngx_litellm_prices_t *prices,
    ngx_uint_t *skipped);
static ngx_int_t ngx_litellm_prices_name(ngx_pool_t *pool,
    ngx_litellm_json_t *key, ngx_litellm_json_t *value,
    ngx_litellm_prices_row_t *row);
static int ngx_libc_cdecl ngx_litellm_prices_cmp(const void *one,
    const void *two);
static ngx_int_t ngx_litellm_prices_compare(const ngx_litellm_prices_row_t *a,
    ngx_str_t *name, ngx_str_t *provider);


ngx_int_t
ngx_litellm_prices_read(ngx_pool_t *pool, ngx_str_t *text,
    ngx_litellm_prices_t **prices, ngx_uint_t *skipped, ngx_str_t *why)
{
    u_char                  *p;
    ngx_int_t                rc;
    ngx_pool_t              *temp;
    ngx_uint_t               line;
    ngx_litellm_prices_t    *list;
    ngx_litellm_json_doc_t   doc;

    *skipped = 0;

    if (text->len > NGX_LITELLM_PRICES_SIZE) {
        ngx_str_set(why, "the price map is over 64 megabytes");
        return NGX_DECLINED;
    }

    list = ngx_pcalloc(pool, sizeof(ngx_litellm_prices_t));
    if (list == NULL) {
        return NGX_ERROR;
    }

    temp = ngx_create_pool(NGX_LITELLM_PRICES_POOL, pool->log);
    if (temp == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = temp;
    doc.max_nodes = NGX_LITELLM_PRICES_NODES;

    rc = ngx_litellm_json_parse(&doc, text->data, text->len);

    if (rc == NGX_DECLINED) {
        line = 1;

        for (p = text->data; p < text->data + doc.offset; p++) {
            line += (*p == LF);
        }

        rc = ngx_litellm_price_why(pool, why, "line %ui: %s", line, doc.error);

    } else if (rc == NGX_OK && doc.root->type != NGX_LITELLM_JSON_OBJECT) {
        ngx_str_set(why, "the price map is not a JSON object");
        rc = NGX_DECLINED;

    } else if (rc == NGX_OK) {
        rc = ngx_litellm_prices_rows(pool, doc.root, list, skipped);

        if (rc == NGX_OK && list->n == 0) {
            ngx_str_set(why, "there is no model with a price in it");
            rc = NGX_DECLINED;
        }
    }

    ngx_destroy_pool(temp);

    *prices = list;

    return rc;
}


static ngx_int_t
ngx_litellm_prices_rows(ngx_pool_t *pool, ngx_litellm_json_t *root,
    ngx_litellm_prices_t *prices, ngx_uint_t *skipped)
{
    ngx_int_t                  rc;
    ngx_uint_t                 i, n;
    ngx_litellm_json_t        *key, *v;
    ngx_litellm_price_list_t   list;
    ngx_litellm_prices_row_t  *row;

    if (root->count == 0) {
        return NGX_OK;
    }

    row = ngx_palloc(pool, root->count * sizeof(ngx_litellm_prices_row_t));
    if (row == NULL) {
        return NGX_ERROR;
    }

    prices->rows = row;

    key = root + 1;
    n = 0;

    for (i = 0; i < root->count; i++, key = ngx_litellm_json_next(v)) {

        v = key + 1;

        if (ngx_litellm_json_eq(key, "sample_spec")
            || ngx_litellm_json_eq(key, "fallback_generalizations"))
        {
            /* of LiteLLM's own map: words about it */

            continue;
        }

        rc = ngx_litellm_prices_name(pool, key, v, &row[n]);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED) {
            (*skipped)++;
            continue;
        }

        list.n = 0;
        list.reached = (row[n].provider.len == sizeof("xai") - 1
                        && ngx_memcmp(row[n].provider.data, "xai", 3) == 0);
        list.bad = NULL;
        list.full = 0;

        ngx_litellm_price_model(&list, v);

        if (list.bad != NULL || list.full) {
            (*skipped)++;
            continue;
        }

        if (list.n == 0) {

            /* a model without a price: nothing is wrong with it */

            continue;
        }

        row[n].price = ngx_litellm_price_make(pool, &list);
        if (row[n].price == NULL) {
            return NGX_ERROR;
        }

        row[n].index = i;
        n++;
    }

    ngx_qsort(row, n, sizeof(ngx_litellm_prices_row_t),
              ngx_litellm_prices_cmp);

    /* of equal ones the first is the one that counts */

    prices->n = 0;

    for (i = 0; i < n; i++) {
        if (prices->n == 0
            || ngx_litellm_prices_compare(&row[prices->n - 1], &row[i].name,
                                          &row[i].provider)
               != 0)
        {
            row[prices->n++] = row[i];
        }
    }

    return NGX_OK;
}


/* NGX_DECLINED: no model */

static ngx_int_t
ngx_litellm_prices_name(ngx_pool_t *pool, ngx_litellm_json_t *key,
    ngx_litellm_json_t *value, ngx_litellm_prices_row_t *row)
{
    ngx_str_t            name, full, provider;
    ngx_uint_t           i;
    ngx_litellm_json_t  *v;

    if (value->type != NGX_LITELLM_JSON_OBJECT
        || (key->flags & NGX_LITELLM_JSON_ESCAPED))
    {
        return NGX_DECLINED;
    }

    v = ngx_litellm_json_member(value, "litellm_provider");

    if (!ngx_litellm_json_is(v, STRING) || v->len == 2) {
        return NGX_DECLINED;
    }

    full = ngx_litellm_json_text(v);

    for (i = 0; i < full.len; i++) {
        if (full.data[i] <= ' ' || full.data[i] == '\\'
            || full.data[i] == '/')
        {
            return NGX_DECLINED;
        }
    }

    provider = full;
    ngx_litellm_price_provider(&provider);

    name = ngx_litellm_json_text(key);
    row->bare = 1;

    for (i = 0; i < 2; i++) {

        if (name.len > full.len && name.data[full.len] == '/'
            && ngx_memcmp(name.data, full.data, full.len) == 0)
        {
            name.data += full.len + 1;
            name.len -= full.len + 1;
            row->bare = 0;
            break;
        }

        full = provider;
    }

    row->name.len = name.len;
    row->name.data = ngx_pstrdup(pool, &name);

    row->provider.len = provider.len;
    row->provider.data = ngx_pstrdup(pool, &provider);

    if (row->name.data == NULL || row->provider.data == NULL) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* a name with the provider's prefix before one without, a later one before an
   earlier one */

static int ngx_libc_cdecl
ngx_litellm_prices_cmp(const void *one, const void *two)
{
    ngx_int_t                 rc;
    ngx_litellm_prices_row_t  *a, *b;

    a = (ngx_litellm_prices_row_t *) one;
    b = (ngx_litellm_prices_row_t *) two;

    rc = ngx_litellm_prices_compare(a, &b->name, &b->provider);

    if (rc != 0) {
        return (int) rc;
    }

    if (a->bare != b->bare) {
        return (a->bare < b->bare) ? -1 : 1;
    }

    return (a->index > b->index) ? -1 : 1;
}


static ngx_int_t
ngx_litellm_prices_compare(const ngx_litellm_prices_row_t *a,
    ngx_str_t *name, ngx_str_t *provider)
{
    ngx_int_t  rc;

    rc = ngx_litellm_json_order(&a->name, name);

    return (rc != 0) ? rc : ngx_litellm_json_order(&a->provider, provider);
}


const ngx_litellm_price_t *
ngx_litellm_prices_row(ngx_litellm_prices_t *prices, ngx_str_t *provider,
    ngx_str_t *name)
{
    ngx_int_t   rc;
    ngx_uint_t  lo, hi, mid;

    lo = 0;
    hi = prices->n;

    while (lo < hi) {
        mid = lo + (hi - lo) / 2;

        rc = ngx_litellm_prices_compare(&prices->rows[mid], name, provider);

        if (rc == 0) {
            return prices->rows[mid].price;
        }

        if (rc < 0) {
            lo = mid + 1;

        } else {
            hi = mid;
        }
    }

    return NULL;
}
