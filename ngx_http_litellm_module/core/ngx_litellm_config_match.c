
/*
 * The frozen configuration looked up: groups by name, wildcard groups,
 * aliases, fallbacks.  Called for every request, so nothing here allocates
 * but the name of a wildcard's model; and called once to put the groups
 * together and in order.
 *
 * Wildcards are LiteLLM's (pattern_match_deployments.py): a star is any text,
 * the longest that fits for the first star; the pattern with the longest
 * regular expression comes first.  One difference: they match to the end of
 * the name, so that a pattern without a star at its end means what it says.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"


/* what is sorted, with its place: qsort() is not stable */
typedef struct {
    void        *item;
    ngx_str_t    name;
    size_t       len;         /* of the regular expression */
    ngx_uint_t   complexity;
    ngx_uint_t   index;
} ngx_litellm_cf_order_t;


static ngx_int_t ngx_litellm_config_order(ngx_rbtree_node_t *node,
    ngx_rbtree_key_t hash, ngx_str_t *name);
static int ngx_libc_cdecl ngx_litellm_cf_cmp_name(const void *one,
    const void *two);
static int ngx_libc_cdecl ngx_litellm_cf_cmp_pattern(const void *one,
    const void *two);
static ngx_int_t ngx_litellm_cf_sort_patterns(ngx_litellm_cf_t *cf);
static void ngx_litellm_cf_specificity(ngx_litellm_cf_order_t *o);
static ngx_litellm_group_t *ngx_litellm_config_wildcard(ngx_array_t *patterns,
    ngx_str_t *name, ngx_str_t captured[4], ngx_uint_t *ncaptured);
static u_char *ngx_litellm_config_rfind(u_char *start, u_char *last,
    u_char *needle, size_t len);
static ngx_litellm_fallback_t *ngx_litellm_config_source(
    ngx_array_t *fallbacks, u_char *name, size_t len);
static ngx_int_t ngx_litellm_config_cmp(ngx_str_t *a, u_char *b, size_t len);


ngx_int_t
ngx_litellm_cf_group(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d)
{
    ngx_litellm_group_t        *group, **item;
    ngx_litellm_config_t       *conf;
    ngx_litellm_deployment_t  **dp;

    conf = cf->conf;

    group = ngx_litellm_config_group(conf, &d->group);

    if (group == NULL) {
        group = ngx_pcalloc(cf->pool, sizeof(ngx_litellm_group_t));
        if (group == NULL) {
            return NGX_ERROR;
        }

        if (ngx_array_init(&group->deployments, cf->pool, 1, sizeof(void *))
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        group->name = d->group;
        group->wildcard = (ngx_strlchr(d->group.data,
                                       d->group.data + d->group.len, '*')
                           != NULL);
        group->rb.key = ngx_crc32_long(d->group.data, d->group.len);

        ngx_queue_init(&group->queue);
        ngx_rbtree_insert(&conf->tree, &group->rb);

        item = ngx_array_push(&conf->groups);
        if (item == NULL) {
            return NGX_ERROR;
        }

        *item = group;
    }

    dp = ngx_array_push(&group->deployments);
    if (dp == NULL) {
        return NGX_ERROR;
    }

    *dp = d;

    return NGX_OK;
}


/* by hash, then length, then bytes: hashes may be equal */

void
ngx_litellm_cf_insert(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t    **p;
    ngx_litellm_group_t   *group;

    group = ngx_rbtree_data(node, ngx_litellm_group_t, rb);

    for ( ;; ) {
        p = (ngx_litellm_config_order(temp, node->key, &group->name) < 0)
            ? &temp->left : &temp->right;

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}


/* where name with its hash lies: < 0 left of node, 0 at it, > 0 right */

static ngx_int_t
ngx_litellm_config_order(ngx_rbtree_node_t *node, ngx_rbtree_key_t hash,
    ngx_str_t *name)
{
    ngx_litellm_group_t  *group;

    if (hash != node->key) {
        return (hash < node->key) ? -1 : 1;
    }

    group = ngx_rbtree_data(node, ngx_litellm_group_t, rb);

    if (name->len != group->name.len) {
        return (name->len < group->name.len) ? -1 : 1;
    }

    return ngx_memcmp(name->data, group->name.data, name->len);
}


ngx_litellm_group_t *
ngx_litellm_config_group(ngx_litellm_config_t *conf, ngx_str_t *name)
{
    ngx_int_t           rc;
    ngx_rbtree_key_t    hash;
    ngx_rbtree_node_t  *node;

    hash = ngx_crc32_long(name->data, name->len);
    node = conf->tree.root;

    while (node != conf->tree.sentinel) {
        rc = ngx_litellm_config_order(node, hash, name);

        if (rc == 0) {
            return ngx_rbtree_data(node, ngx_litellm_group_t, rb);
        }

        node = (rc < 0) ? node->left : node->right;
    }

    return NULL;
}


ngx_int_t
ngx_litellm_cf_index(ngx_litellm_cf_t *cf)
{
    return ngx_litellm_cf_sort_patterns(cf);
}


static ngx_int_t
ngx_litellm_cf_sort_patterns(ngx_litellm_cf_t *cf)
{
    ngx_uint_t                i, n;
    ngx_litellm_group_t     **groups, **item;
    ngx_litellm_cf_order_t   *order;

    groups = cf->conf->groups.elts;

    order = ngx_palloc(cf->temp, (cf->conf->groups.nelts + 1)
                                 * sizeof(ngx_litellm_cf_order_t));
    if (order == NULL) {
        return NGX_ERROR;
    }

    for (i = 0, n = 0; i < cf->conf->groups.nelts; i++) {

        if (groups[i]->wildcard) {
            order[n].item = groups[i];
            order[n].name = groups[i]->name;
            order[n].index = i;
            ngx_litellm_cf_specificity(&order[n]);
            n++;
        }
    }

    qsort(order, n, sizeof(ngx_litellm_cf_order_t),
          ngx_litellm_cf_cmp_pattern);

    for (i = 0; i < n; i++) {
        item = ngx_array_push(&cf->conf->patterns);
        if (item == NULL) {
            return NGX_ERROR;
        }

        *item = order[i].item;
    }

    return NGX_OK;
}


/* of what Python's re.escape() and "(.*)" for each star would make of it */

static void
ngx_litellm_cf_specificity(ngx_litellm_cf_order_t *o)
{
    u_char  c;
    size_t  i;

    o->len = 0;
    o->complexity = 0;

    for (i = 0; i < o->name.len; i++) {
        c = o->name.data[i];

        if (c == '*') {
            o->len += 4;
            o->complexity += 3;

        } else if (ngx_strchr("()[]{}?+-|^$\\.&~# ", c) != NULL) {
            o->len += 2;
            o->complexity += (ngx_strchr("+?\\^$|()", c) != NULL) ? 2 : 1;

        } else if (c < 0x80 || c >= 0xc0) {
            o->len++;
        }
    }
}


static int ngx_libc_cdecl
ngx_litellm_cf_cmp_pattern(const void *one, const void *two)
{
    const ngx_litellm_cf_order_t  *a = one, *b = two;

    if (a->len != b->len) {
        return (a->len > b->len) ? -1 : 1;
    }

    if (a->complexity != b->complexity) {
        return (a->complexity > b->complexity) ? -1 : 1;
    }

    return (a->index < b->index) ? -1 : 1;
}


static int ngx_libc_cdecl
ngx_litellm_cf_cmp_name(const void *one, const void *two)
{
    ngx_int_t                rc;
    ngx_litellm_cf_order_t  *a, *b;

    a = (ngx_litellm_cf_order_t *) one;
    b = (ngx_litellm_cf_order_t *) two;

    rc = ngx_litellm_config_cmp(&a->name, b->name.data, b->name.len);

    if (rc == 0) {
        return (a->index < b->index) ? -1 : 1;
    }

    return (rc < 0) ? -1 : 1;
}


ngx_int_t
ngx_litellm_cf_sort_fallbacks(ngx_litellm_cf_t *cf, ngx_array_t *fallbacks)
{
    ngx_uint_t               i;
    ngx_litellm_fallback_t  *list, *copy;
    ngx_litellm_cf_order_t  *order;

    list = fallbacks->elts;

    order = ngx_palloc(cf->temp, (fallbacks->nelts + 1)
                                 * sizeof(ngx_litellm_cf_order_t));
    copy = ngx_palloc(cf->temp, (fallbacks->nelts + 1)
                                * sizeof(ngx_litellm_fallback_t));

    if (order == NULL || copy == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < fallbacks->nelts; i++) {
        copy[i] = list[i];
        order[i].item = &copy[i];
        order[i].name = list[i].source;
        order[i].index = i;
    }

    qsort(order, i, sizeof(ngx_litellm_cf_order_t), ngx_litellm_cf_cmp_name);

    for (i = 0; i < fallbacks->nelts; i++) {
        list[i] = *(ngx_litellm_fallback_t *) order[i].item;
    }

    return NGX_OK;
}


ngx_int_t
ngx_litellm_cf_sort_aliases(ngx_litellm_cf_t *cf)
{
    ngx_uint_t                i;
    ngx_array_t              *aliases;
    ngx_litellm_alias_t      *list, **item;
    ngx_litellm_cf_order_t   *order;

    aliases = &cf->conf->aliases;
    list = aliases->elts;

    order = ngx_palloc(cf->temp, (aliases->nelts + 1)
                                 * sizeof(ngx_litellm_cf_order_t));
    if (order == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < aliases->nelts; i++) {
        order[i].item = &list[i];
        order[i].name = list[i].name;
        order[i].index = i;
    }

    qsort(order, i, sizeof(ngx_litellm_cf_order_t), ngx_litellm_cf_cmp_name);

    for (i = 0; i < aliases->nelts; i++) {
        item = ngx_array_push(&cf->conf->alias_index);
        if (item == NULL) {
            return NGX_ERROR;
        }

        *item = order[i].item;
    }

    return NGX_OK;
}


ngx_litellm_group_t *
ngx_litellm_config_pattern(ngx_litellm_config_t *conf, ngx_str_t *name,
    ngx_str_t captured[4], ngx_uint_t *ncaptured)
{
    ngx_litellm_group_t  *group;

    if (name->len > NGX_LITELLM_CONFIG_NAME) {
        return NULL;
    }

    group = ngx_litellm_config_wildcard(&conf->patterns, name, captured,
                                        ncaptured);
    if (group != NULL) {
        return group;
    }

    return ngx_litellm_config_wildcard(&conf->directs, name, captured,
                                       ncaptured);
}


static ngx_litellm_group_t *
ngx_litellm_config_wildcard(ngx_array_t *patterns, ngx_str_t *name,
    ngx_str_t captured[4], ngx_uint_t *ncaptured)
{
    u_char                *p;
    size_t                 len;
    ngx_uint_t             i;
    const char            *provider;
    ngx_litellm_group_t  **groups, *group;

    groups = patterns->elts;

    for (i = 0; i < patterns->nelts; i++) {
        group = groups[i];

        if (ngx_litellm_config_match(group->name.data,
                                     group->name.data + group->name.len,
                                     name, captured, ncaptured))
        {
            return group;
        }
    }

    if (patterns->nelts == 0
        || ngx_strlchr(name->data, name->data + name->len, '/') != NULL)
    {
        return NULL;
    }

    /* "gpt-4o" is asked for and "openai/..." is there */

    provider = ngx_litellm_model_provider(name);

    if (provider == NULL) {
        return NULL;
    }

    len = ngx_strlen(provider);

    for (i = 0; i < patterns->nelts; i++) {
        group = groups[i];
        p = group->name.data;

        if (group->name.len > len && p[len] == '/'
            && ngx_memcmp(p, provider, len) == 0
            && ngx_litellm_config_match(p + len + 1, p + group->name.len,
                                        name, captured, ncaptured))
        {
            return group;
        }
    }

    return NULL;
}


/*
 * From the end: the text behind the last star ends the name, each piece
 * before it is taken at its rightmost place.  That is what a greedy regular
 * expression finds, without its steps back.
 */

ngx_uint_t
ngx_litellm_config_match(u_char *p, u_char *last, ngx_str_t *name,
    ngx_str_t captured[4], ngx_uint_t *ncaptured)
{
    u_char      *start, *end, *star, *piece, *found;
    size_t       len;
    ngx_uint_t   n, i;

    star = ngx_strlchr(p, last, '*');

    if (star == NULL) {
        *ncaptured = 0;
        return (size_t) (last - p) == name->len
               && ngx_memcmp(p, name->data, name->len) == 0;
    }

    len = star - p;

    if (name->len < len || ngx_memcmp(p, name->data, len) != 0) {
        return 0;
    }

    start = name->data + len;
    end = name->data + name->len;

    for (n = 0, i = 0; p < last; p++) {
        n += (*p == '*');
    }

    if (n > 4) {
        return 0;
    }

    *ncaptured = n;

    for (i = n; i > 0; i--) {

        for (piece = last; piece[-1] != '*'; piece--) { /* void */ }

        len = last - piece;

        if (i == n) {
            if ((size_t) (end - start) < len
                || ngx_memcmp(end - len, piece, len) != 0)
            {
                return 0;
            }

            found = end - len;

        } else {
            found = ngx_litellm_config_rfind(start, end, piece, len);
            if (found == NULL) {
                return 0;
            }

            captured[i].data = found + len;
            captured[i].len = end - captured[i].data;
        }

        end = found;
        last = piece - 1;
    }

    captured[0].data = start;
    captured[0].len = end - start;

    return 1;
}


static u_char *
ngx_litellm_config_rfind(u_char *start, u_char *last, u_char *needle,
    size_t len)
{
    u_char  *p;

    if ((size_t) (last - start) < len) {
        return NULL;
    }

    for (p = last - len; p >= start; p--) {
        if (len == 0 || (*p == *needle && ngx_memcmp(p, needle, len) == 0)) {
            return p;
        }
    }

    return NULL;
}


ngx_int_t
ngx_litellm_config_model(ngx_pool_t *pool, ngx_litellm_deployment_t *d,
    ngx_str_t *name, ngx_str_t captured[4], ngx_uint_t ncaptured,
    ngx_str_t *model)
{
    u_char      *p, *dst, *last;
    size_t       len, prefix;
    ngx_uint_t   i, stars;

    stars = 0;
    len = d->model.len;

    for (i = 0; i < d->model.len; i++) {
        stars += (d->model.data[i] == '*');
    }

    if (stars == 0) {
        *model = d->model;
        return NGX_OK;
    }

    if (ncaptured > stars) {
        *model = *name;

        /* the name may hold the provider that is known already */

        prefix = d->full_model.len - d->model.len;

        if (d->full_model.len > d->model.len && name->len > prefix
            && ngx_memcmp(name->data, d->full_model.data, prefix) == 0)
        {
            model->data += prefix;
            model->len -= prefix;
        }

        return NGX_OK;
    }

    for (i = 0; i < ncaptured; i++) {
        len += captured[i].len;
    }

    dst = ngx_pnalloc(pool, len + 1);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    model->data = dst;
    p = d->model.data;
    last = p + d->model.len;

    for (i = 0; p < last; p++) {

        if (*p == '*' && i < ncaptured) {
            dst = ngx_cpymem(dst, captured[i].data, captured[i].len);
            i++;

        } else {
            *dst++ = *p;
        }
    }

    *dst = '\0';
    model->len = dst - model->data;

    return NGX_OK;
}


ngx_litellm_fallback_t *
ngx_litellm_config_fallback(ngx_array_t *fallbacks, ngx_str_t *source)
{
    u_char                  *p;
    ngx_uint_t               i;
    ngx_str_t               *s;
    ngx_litellm_fallback_t  *f;

    if (fallbacks->nelts == 0) {
        return NULL;
    }

    f = ngx_litellm_config_source(fallbacks, source->data, source->len);
    if (f != NULL) {
        return f;
    }

    /* LiteLLM: with the provider's prefix taken off, or put before */

    p = ngx_strlchr(source->data, source->data + source->len, '/');

    if (p != NULL) {
        f = ngx_litellm_config_source(fallbacks, p + 1,
                                      source->data + source->len - p - 1);
        if (f != NULL) {
            return f;
        }

    } else {
        f = fallbacks->elts;

        for (i = 0; i < fallbacks->nelts; i++) {
            s = &f[i].source;

            if (s->len > source->len + 1
                && s->data[s->len - source->len - 1] == '/'
                && ngx_memcmp(s->data + s->len - source->len, source->data,
                              source->len)
                   == 0)
            {
                return &f[i];
            }
        }
    }

    return ngx_litellm_config_source(fallbacks, (u_char *) "*", 1);
}


ngx_array_t *
ngx_litellm_config_fallback_add(ngx_pool_t *pool, ngx_array_t *fallbacks,
    ngx_str_t *source)
{
    ngx_uint_t               n;
    ngx_litellm_fallback_t  *f, new;

    f = ngx_litellm_config_source(fallbacks, source->data, source->len);

    if (f != NULL) {
        return &f->targets;
    }

    new.source = *source;

    if (ngx_array_init(&new.targets, pool, 4, sizeof(ngx_str_t)) != NGX_OK
        || ngx_array_push(fallbacks) == NULL)
    {
        return NULL;
    }

    f = fallbacks->elts;

    for (n = fallbacks->nelts - 1;
         n > 0 && ngx_litellm_config_cmp(&f[n - 1].source, source->data,
                                         source->len) > 0;
         n--)
    {
        f[n] = f[n - 1];
    }

    f[n] = new;

    return &f[n].targets;
}


static ngx_litellm_fallback_t *
ngx_litellm_config_source(ngx_array_t *fallbacks, u_char *name, size_t len)
{
    ngx_uint_t               lo, hi, mid;
    ngx_litellm_fallback_t  *f;

    f = fallbacks->elts;
    lo = 0;
    hi = fallbacks->nelts;

    while (lo < hi) {
        mid = lo + (hi - lo) / 2;

        if (ngx_litellm_config_cmp(&f[mid].source, name, len) < 0) {
            lo = mid + 1;

        } else {
            hi = mid;
        }
    }

    if (lo < fallbacks->nelts
        && ngx_litellm_config_cmp(&f[lo].source, name, len) == 0)
    {
        return &f[lo];
    }

    return NULL;
}


ngx_litellm_alias_t *
ngx_litellm_config_alias(ngx_litellm_config_t *conf, ngx_str_t *name)
{
    ngx_int_t              rc;
    ngx_uint_t             lo, hi, mid;
    ngx_litellm_alias_t  **list;

    list = conf->alias_index.elts;
    lo = 0;
    hi = conf->alias_index.nelts;

    while (lo < hi) {
        mid = lo + (hi - lo) / 2;

        rc = ngx_litellm_config_cmp(&list[mid]->name, name->data, name->len);

        if (rc == 0) {
            return list[mid];
        }

        if (rc < 0) {
            lo = mid + 1;

        } else {
            hi = mid;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_litellm_config_cmp(ngx_str_t *a, u_char *b, size_t len)
{
    ngx_int_t  rc;

    rc = ngx_memcmp(a->data, b, ngx_min(a->len, len));

    if (rc != 0) {
        return rc;
    }

    return (a->len < len) ? -1 : (a->len > len) ? 1 : 0;
}
