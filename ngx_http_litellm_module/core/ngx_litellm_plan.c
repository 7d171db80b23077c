
/*
 * Plans of groups, and the choices from them: see ngx_litellm_plan.h.  Plans
 * are made by ngx_litellm_config_strategy.c, choices by
 * ngx_http_litellm_pick.c.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_plan.h"


/* fraction bits of a logarithm */
#define NGX_LITELLM_PLAN_FRACTION  24


typedef struct {
    ngx_litellm_deployment_t  *deployment;
    uint64_t                   key;
    ngx_uint_t                 index;
} ngx_litellm_plan_sort_t;


static int ngx_libc_cdecl ngx_litellm_plan_cmp(const void *one,
    const void *two);
static ngx_int_t ngx_litellm_plan_level(ngx_pool_t *pool, ngx_pool_t *temp,
    ngx_litellm_level_t *level, ngx_uint_t equal);
static ngx_int_t ngx_litellm_plan_weights(ngx_pool_t *pool,
    ngx_litellm_level_t *level);
static ngx_int_t ngx_litellm_plan_prices(ngx_pool_t *pool, ngx_pool_t *temp,
    ngx_litellm_level_t *level);
static ngx_int_t ngx_litellm_plan_tags(ngx_litellm_plan_t *plan,
    ngx_pool_t *pool, ngx_litellm_config_t *conf);
static int ngx_libc_cdecl ngx_litellm_plan_tag_cmp(const void *one,
    const void *two);
static ngx_int_t ngx_litellm_plan_compare(ngx_str_t *tag, u_char *other,
    size_t len);
static uint64_t ngx_litellm_plan_weight(ngx_litellm_level_t *level,
    ngx_litellm_deployment_t *d, ngx_uint_t kind);
static ngx_uint_t ngx_litellm_plan_draw(ngx_litellm_level_t *level,
    uint64_t random);
static ngx_litellm_deployment_t *ngx_litellm_plan_scan(
    ngx_litellm_level_t *level, ngx_litellm_choice_t *c, ngx_uint_t strict);
static ngx_uint_t ngx_litellm_plan_gather(ngx_litellm_level_t *level,
    ngx_litellm_choice_t *c, ngx_litellm_deployment_t **found,
    uint64_t *rank);
static ngx_litellm_deployment_t *ngx_litellm_plan_probe(
    ngx_litellm_level_t *level, ngx_litellm_choice_t *c, uint64_t key);
static uint64_t ngx_litellm_plan_random(ngx_litellm_choice_t *c);
static uint64_t ngx_litellm_plan_log(uint64_t u);


ngx_uint_t
ngx_litellm_plan_callable(ngx_litellm_deployment_t *d)
{
    return !d->no_credentials && !d->blocked
           && (d->mock || (d->provider != NULL && d->url.host.len));
}


ngx_litellm_plan_t *
ngx_litellm_plan_create(ngx_pool_t *pool, ngx_pool_t *temp,
    ngx_litellm_config_t *conf, ngx_array_t *deployments, ngx_int_t *rank)
{
    ngx_int_t                   order;
    ngx_uint_t                  i, n, size;
    ngx_litellm_plan_t         *plan;
    ngx_litellm_level_t        *level;
    ngx_litellm_plan_sort_t    *sort;
    ngx_litellm_deployment_t  **d, **list;

    size = ngx_max(deployments->nelts, 1);

    plan = ngx_pcalloc(pool, sizeof(ngx_litellm_plan_t));
    list = ngx_palloc(pool, size * sizeof(ngx_litellm_deployment_t *));
    sort = ngx_palloc(temp, size * sizeof(ngx_litellm_plan_sort_t));

    if (plan == NULL || list == NULL || sort == NULL
        || ngx_array_init(&plan->levels, pool, 1, sizeof(ngx_litellm_level_t))
           != NGX_OK)
    {
        return NULL;
    }

    plan->deployments = deployments;
    plan->routing = &conf->routing;

    d = deployments->elts;
    n = 0;

    for (i = 0; i < deployments->nelts; i++) {

        if (ngx_litellm_plan_callable(d[i])) {
            order = rank ? rank[i] : d[i]->order;

            sort[n].deployment = d[i];
            sort[n].key = (uint64_t) order ^ ((uint64_t) 1 << 63);
            sort[n].index = i;
            n++;
        }
    }

    qsort(sort, n, sizeof(ngx_litellm_plan_sort_t), ngx_litellm_plan_cmp);

    level = NULL;

    for (i = 0; i < n; i++) {
        list[i] = sort[i].deployment;
        order = rank ? rank[sort[i].index] : list[i]->order;

        if (level == NULL || level->order != order) {
            level = ngx_array_push(&plan->levels);
            if (level == NULL) {
                return NULL;
            }

            ngx_memzero(level, sizeof(ngx_litellm_level_t));

            level->order = order;
            level->list = &list[i];
        }

        level->n++;
    }

    (void) ngx_pfree(temp, sort);

    level = plan->levels.elts;

    for (i = 0; i < plan->levels.nelts; i++) {
        if (ngx_litellm_plan_level(pool, temp, &level[i], rank != NULL)
            != NGX_OK)
        {
            return NULL;
        }
    }

    if (ngx_litellm_plan_tags(plan, pool, conf) != NGX_OK) {
        return NULL;
    }

    return plan;
}


static int ngx_libc_cdecl
ngx_litellm_plan_cmp(const void *one, const void *two)
{
    const ngx_litellm_plan_sort_t  *a = one, *b = two;

    if (a->key != b->key) {
        return (a->key < b->key) ? -1 : 1;
    }

    return (a->index < b->index) ? -1 : 1;
}


static ngx_int_t
ngx_litellm_plan_level(ngx_pool_t *pool, ngx_pool_t *temp,
    ngx_litellm_level_t *level, ngx_uint_t equal)
{
    ngx_uint_t  i;

    level->hash = ngx_palloc(pool, level->n * sizeof(uint64_t));
    if (level->hash == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < level->n; i++) {
        level->hash[i] = ngx_litellm_plan_hash(0, &level->list[i]->id);
    }

    if (equal) {
        level->kind = NGX_LITELLM_BY_NOTHING;

    } else if (ngx_litellm_plan_weights(pool, level) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_litellm_plan_prices(pool, temp, level);
}


static ngx_int_t
ngx_litellm_plan_weights(ngx_pool_t *pool, ngx_litellm_level_t *level)
{
    uint64_t    w, sum, max;
    ngx_uint_t  i, kind;

    max = 0;

    for (kind = 0; kind < NGX_LITELLM_BY_NOTHING; kind++) {

        for (i = 0; i < level->n; i++) {
            w = ngx_litellm_plan_weight(level, level->list[i], kind);
            max = ngx_max(max, w);
        }

        if (max) {
            break;
        }
    }

    level->kind = kind;

    /* any of the weights may be summed up, so all must fit */

    max = 1;

    for (kind = 0; kind < NGX_LITELLM_BY_NOTHING; kind++) {
        for (i = 0; i < level->n; i++) {
            w = ngx_litellm_plan_weight(level, level->list[i], kind);
            max = ngx_max(max, w);
        }
    }

    while ((max >> level->shift) + 1 > ((uint64_t) 1 << 62) / level->n) {
        level->shift++;
    }

    if (level->kind == NGX_LITELLM_BY_NOTHING) {
        return NGX_OK;
    }

    level->sum = ngx_palloc(pool, level->n * sizeof(uint64_t));
    if (level->sum == NULL) {
        return NGX_ERROR;
    }

    sum = 0;

    for (i = 0; i < level->n; i++) {
        sum += ngx_litellm_plan_weight(level, level->list[i], level->kind);
        level->sum[i] = sum;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_plan_prices(ngx_pool_t *pool, ngx_pool_t *temp,
    ngx_litellm_level_t *level)
{
    ngx_uint_t                i;
    ngx_litellm_plan_sort_t  *sort;

    level->cheap = ngx_palloc(pool,
                              level->n * sizeof(ngx_litellm_deployment_t *));
    level->run = ngx_palloc(pool, level->n * sizeof(ngx_uint_t));
    sort = ngx_palloc(temp, level->n * sizeof(ngx_litellm_plan_sort_t));

    if (level->cheap == NULL || level->run == NULL || sort == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < level->n; i++) {
        sort[i].deployment = level->list[i];
        sort[i].key = ngx_litellm_plan_cost(level->list[i]);
        sort[i].index = i;
    }

    qsort(sort, level->n, sizeof(ngx_litellm_plan_sort_t),
          ngx_litellm_plan_cmp);

    for (i = level->n; i-- > 0; /* void */) {
        level->cheap[i] = sort[i].deployment;
        level->run[i] = (i + 1 < level->n && sort[i + 1].key == sort[i].key)
                        ? level->run[i + 1] : i + 1;
    }

    (void) ngx_pfree(temp, sort);

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_plan_tags(ngx_litellm_plan_t *plan, ngx_pool_t *pool,
    ngx_litellm_config_t *conf)
{
    ngx_str_t                  *tag, *known;
    ngx_uint_t                  i, j;
    ngx_litellm_deployment_t  **d;

    plan->tag_filtering = (conf->tag_filtering == 1);

    if (conf->tag_prefix.len) {
        plan->tags = ngx_array_create(pool, 4, sizeof(ngx_str_t));
        if (plan->tags == NULL) {
            return NGX_ERROR;
        }
    }

    d = plan->deployments->elts;

    for (i = 0; i < plan->deployments->nelts; i++) {

        if (d[i]->tag_filtering != NGX_CONF_UNSET) {
            plan->tag_filtering = (d[i]->tag_filtering == 1);
        }

        if (d[i]->tag_fail_open) {
            plan->tag_fail_open = 1;
        }

        plan->tag_regex |= d[i]->tag_regex;

        if (d[i]->tags == NULL) {
            continue;
        }

        tag = d[i]->tags->elts;

        for (j = 0; j < d[i]->tags->nelts; j++) {

            if (plan->tags != NULL) {
                known = ngx_array_push(plan->tags);
                if (known == NULL) {
                    return NGX_ERROR;
                }

                *known = tag[j];
            }

            if (tag[j].len == sizeof("default") - 1
                && ngx_memcmp(tag[j].data, "default", tag[j].len) == 0)
            {
                plan->default_tag = 1;
            }
        }
    }

    if (plan->tags != NULL) {
        qsort(plan->tags->elts, plan->tags->nelts, sizeof(ngx_str_t),
              ngx_litellm_plan_tag_cmp);
    }

    return NGX_OK;
}


static int ngx_libc_cdecl
ngx_litellm_plan_tag_cmp(const void *one, const void *two)
{
    ngx_str_t  *a = (ngx_str_t *) one, *b = (ngx_str_t *) two;

    return (int) ngx_litellm_plan_compare(a, b->data, b->len);
}


static ngx_int_t
ngx_litellm_plan_compare(ngx_str_t *tag, u_char *other, size_t len)
{
    if (tag->len != len) {
        return (tag->len < len) ? -1 : 1;
    }

    return ngx_memcmp(tag->data, other, len);
}


ngx_uint_t
ngx_litellm_plan_has_tag(ngx_litellm_plan_t *plan, u_char *tag, size_t len)
{
    ngx_int_t   rc;
    ngx_str_t  *known;
    ngx_uint_t  left, right, middle;

    known = plan->tags->elts;
    left = 0;
    right = plan->tags->nelts;

    while (left < right) {
        middle = left + (right - left) / 2;

        rc = ngx_litellm_plan_compare(&known[middle], tag, len);

        if (rc == 0) {
            return 1;
        }

        if (rc < 0) {
            left = middle + 1;

        } else {
            right = middle;
        }
    }

    return 0;
}


uint64_t
ngx_litellm_plan_cost(ngx_litellm_deployment_t *d)
{
    int64_t  rank;

    rank = ngx_litellm_price_rank(d->price);

    return (rank == NGX_LITELLM_MONEY_UNKNOWN) ? NGX_LITELLM_NO_COST
                                               : (uint64_t) rank;
}


/* 0 for a weight that is not given; one that is given is not shifted to 0 */

static uint64_t
ngx_litellm_plan_weight(ngx_litellm_level_t *level,
    ngx_litellm_deployment_t *d, ngx_uint_t kind)
{
    int64_t  w;

    switch (kind) {

    case NGX_LITELLM_BY_WEIGHT:
        w = d->weight;
        break;

    case NGX_LITELLM_BY_RPM:
        w = d->rpm;
        break;

    case NGX_LITELLM_BY_TPM:
        w = d->tpm;
        break;

    default:
        return 1;
    }

    if (w <= 0) {
        return 0;
    }

    return ngx_max((uint64_t) w >> level->shift, 1);
}


/* the index that a random number stands for */

static ngx_uint_t
ngx_litellm_plan_draw(ngx_litellm_level_t *level, uint64_t random)
{
    ngx_uint_t  left, right, middle;

    if (level->sum == NULL) {
        return (ngx_uint_t) (random % level->n);
    }

    random %= level->sum[level->n - 1];

    /* the first one whose sum is above it */

    left = 0;
    right = level->n - 1;

    while (left < right) {
        middle = left + (right - left) / 2;

        if (level->sum[middle] > random) {
            right = middle;

        } else {
            left = middle + 1;
        }
    }

    return left;
}


ngx_litellm_deployment_t *
ngx_litellm_plan_weighted(ngx_litellm_level_t *level, ngx_litellm_choice_t *c,
    ngx_uint_t strict)
{
    ngx_uint_t                 i, draws;
    ngx_litellm_deployment_t  *d;

    if (level->n == 1) {
        d = level->list[0];
        return c->usable(c->data, d) ? d : NULL;
    }

    /*
     * Draws that are thrown away leave the shares of the others as they are,
     * and the scan has the same ones.
     */

    draws = (level->n > NGX_LITELLM_PLAN_EXACT) ? NGX_LITELLM_PLAN_DRAWS : 2;

    for (i = 0; i < draws; i++) {
        d = level->list[ngx_litellm_plan_draw(level,
                                              ngx_litellm_plan_random(c))];

        if (c->usable(c->data, d)) {
            return d;
        }
    }

    return ngx_litellm_plan_scan(level, c, strict);
}


/* all of them once: one is kept with the share that it has of those seen */

static ngx_litellm_deployment_t *
ngx_litellm_plan_scan(ngx_litellm_level_t *level, ngx_litellm_choice_t *c,
    ngx_uint_t strict)
{
    uint64_t                   w, sum[NGX_LITELLM_BY_NOTHING + 1];
    ngx_uint_t                 i, kind;
    ngx_litellm_deployment_t  *d, *kept[NGX_LITELLM_BY_NOTHING + 1];

    ngx_memzero(sum, sizeof(sum));
    ngx_memzero(kept, sizeof(kept));

    for (i = 0; i < level->n; i++) {
        d = level->list[i];

        if (!c->usable(c->data, d)) {
            continue;
        }

        for (kind = level->kind; kind <= NGX_LITELLM_BY_NOTHING; kind++) {
            w = ngx_litellm_plan_weight(level, d, kind);

            if (w) {
                sum[kind] += w;

                if (ngx_litellm_plan_random(c) % sum[kind] < w) {
                    kept[kind] = d;
                }
            }

            if (strict) {
                break;
            }
        }
    }

    for (kind = level->kind; kind <= NGX_LITELLM_BY_NOTHING; kind++) {
        if (kept[kind] != NULL) {
            return kept[kind];
        }
    }

    return NULL;
}


ngx_litellm_deployment_t *
ngx_litellm_plan_lowest(ngx_litellm_level_t *level, ngx_litellm_choice_t *c,
    int64_t buffer)
{
    uint64_t                   lowest, bound, rank[NGX_LITELLM_PLAN_EXACT];
    ngx_uint_t                 i, n, m;
    ngx_litellm_deployment_t  *found[NGX_LITELLM_PLAN_EXACT];

    n = ngx_litellm_plan_gather(level, c, found, rank);

    if (n == 0) {
        return NULL;
    }

    lowest = rank[0];

    for (i = 1; i < n; i++) {
        lowest = ngx_min(lowest, rank[i]);
    }

    bound = lowest;

    if (buffer > 0) {
        bound += lowest / 1000000 * buffer
                 + lowest % 1000000 * buffer / 1000000;
    }

    m = 0;

    for (i = 0; i < n; i++) {
        if (rank[i] <= bound) {
            found[m++] = found[i];
        }
    }

    return found[ngx_litellm_plan_random(c) % m];
}


static ngx_uint_t
ngx_litellm_plan_gather(ngx_litellm_level_t *level, ngx_litellm_choice_t *c,
    ngx_litellm_deployment_t **found, uint64_t *rank)
{
    ngx_uint_t                 i, n, max, at;
    ngx_litellm_deployment_t  *d;

    n = 0;
    at = 0;
    max = NGX_LITELLM_PLAN_EXACT;

    if (level->n > NGX_LITELLM_PLAN_EXACT) {
        max = NGX_LITELLM_PLAN_SAMPLE;

        for (i = 0; i < NGX_LITELLM_PLAN_DRAWS && n < max; i++) {
            d = level->list[ngx_litellm_plan_random(c) % level->n];

            if (c->usable(c->data, d)) {
                found[n++] = d;
            }
        }

        at = ngx_litellm_plan_random(c) % level->n;
    }

    if (n == 0) {

        /* all of a small group, else the next ones that are usable */

        for (i = 0; i < level->n && n < max; i++) {
            d = level->list[(at + i) % level->n];

            if (c->usable(c->data, d)) {
                found[n++] = d;
            }
        }
    }

    for (i = 0; i < n; i++) {
        rank[i] = c->rank(c->data, found[i]);
    }

    return n;
}


ngx_litellm_deployment_t *
ngx_litellm_plan_cheapest(ngx_litellm_level_t *level, ngx_litellm_choice_t *c)
{
    ngx_uint_t                 start, end, i, n, at;
    ngx_litellm_deployment_t  *d;

    for (start = 0; start < level->n; start = end) {

        end = level->run[start];
        n = end - start;
        at = 0;

        for (i = 0; i < NGX_LITELLM_PLAN_DRAWS; i++) {
            at = ngx_litellm_plan_random(c) % n;
            d = level->cheap[start + at];

            if (c->usable(c->data, d)) {
                return d;
            }

            if (n == 1) {
                break;
            }
        }

        for (i = 1; i < n; i++) {
            d = level->cheap[start + (at + i) % n];

            if (c->usable(c->data, d)) {
                return d;
            }
        }
    }

    return NULL;
}


ngx_litellm_deployment_t *
ngx_litellm_plan_hashed(ngx_litellm_level_t *level, ngx_litellm_choice_t *c,
    uint64_t key)
{
    double                     score, best;
    uint64_t                   w, mix;
    ngx_uint_t                 i, found;
    ngx_litellm_deployment_t  *d, *winner;

    key = ngx_litellm_plan_mix(key);

    if (level->n > NGX_LITELLM_PLAN_EXACT) {
        return ngx_litellm_plan_probe(level, c, key);
    }

    winner = NULL;
    best = 0;
    found = 0;

    for (i = 0; i < level->n; i++) {
        d = level->list[i];
        w = ngx_litellm_plan_weight(level, d, level->kind);

        if (w == 0 && found) {
            continue;
        }

        mix = ngx_litellm_plan_mix(key ^ level->hash[i]);

        if (level->sum == NULL) {
            score = (double) ~mix;

        } else {

            /* exponentially distributed: the lowest one wins by its weight */

            score = (double) ngx_litellm_plan_log(mix)
                    / (double) (w ? w : 1);
        }

        if (winner != NULL && score >= best && !(w && !found)) {
            continue;
        }

        if (c->usable(c->data, d)) {
            winner = d;
            best = score;
            found = (w != 0);
        }
    }

    return winner;
}


/* draws that follow from the key instead of chance */

static ngx_litellm_deployment_t *
ngx_litellm_plan_probe(ngx_litellm_level_t *level, ngx_litellm_choice_t *c,
    uint64_t key)
{
    ngx_uint_t                 i;
    ngx_litellm_deployment_t  *d;

    for (i = 0; i < NGX_LITELLM_PLAN_DRAWS; i++) {
        d = level->list[ngx_litellm_plan_draw(level,
                                              ngx_litellm_plan_mix(key + i))];

        if (c->usable(c->data, d)) {
            return d;
        }
    }

    for (i = 0; i < level->n; i++) {
        d = level->list[(key % level->n + i) % level->n];

        if (c->usable(c->data, d)) {
            return d;
        }
    }

    return NULL;
}


/* SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
   generators", 2014) */

static uint64_t
ngx_litellm_plan_random(ngx_litellm_choice_t *c)
{
    c->random += 0x9e3779b97f4a7c15ULL;

    return ngx_litellm_plan_mix(c->random);
}


uint64_t
ngx_litellm_plan_mix(uint64_t n)
{
    n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9ULL;
    n = (n ^ (n >> 27)) * 0x94d049bb133111ebULL;

    return n ^ (n >> 31);
}


/* FNV-1a, mixed: texts that differ in little are far apart */

uint64_t
ngx_litellm_plan_hash(uint64_t hash, ngx_str_t *text)
{
    size_t  i;

    hash ^= 0xcbf29ce484222325ULL;

    for (i = 0; i < text->len; i++) {
        hash = (hash ^ text->data[i]) * 0x100000001b3ULL;
    }

    return ngx_litellm_plan_mix(hash ^ text->len);
}


/* -log2(u / 2^64) in 2^-NGX_LITELLM_PLAN_FRACTION, by repeated squaring: a
   math library is not always there */

static uint64_t
ngx_litellm_plan_log(uint64_t u)
{
    uint64_t    m, log;
    ngx_uint_t  i, bits;

    u |= 1;

    for (bits = 63; !(u >> 63); bits--) {
        u <<= 1;
    }

    log = bits;
    m = u >> 32;

    for (i = 0; i < NGX_LITELLM_PLAN_FRACTION; i++) {
        m = (m * m) >> 31;
        log <<= 1;

        if (m >> 32) {
            m >>= 1;
            log |= 1;
        }
    }

    return ((uint64_t) 64 << NGX_LITELLM_PLAN_FRACTION) - log;
}
