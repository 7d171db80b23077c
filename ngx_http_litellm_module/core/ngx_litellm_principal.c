
/*
 * Principals looked at: what one of them may use and which limits it has for
 * a model, and many of them by id.  All of it is called for each request, so
 * nothing here allocates but the building of a set.
 *
 * A set is a table of pointers, at most half full, and another one by alias.
 * An id that is a SHA-256 in hex is its own hash; any other one is hashed with
 * a secret, so that no list of ids can be made that falls into one slot.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/rand.h>
#include "ngx_litellm_config.h"
#include "ngx_litellm_models.h"
#include "ngx_litellm_principal.h"
#include "ngx_litellm_sha256.h"
#include "ngx_litellm_siphash.h"


#define NGX_LITELLM_SLOTS  16

/* keys whose hashes are remembered, and bytes of one */
#define NGX_LITELLM_KEYS_SEEN  256
#define NGX_LITELLM_KEY_SHORT  256

#define ngx_litellm_same(a, b)                                                \
    ((a)->len == (b)->len                                                     \
     && ngx_memcmp((a)->data, (b)->data, (a)->len) == 0)

#define ngx_litellm_principals_text(by, p)                                    \
    ((ngx_str_t *) ((u_char *) (p) + (by)->text))

#define ngx_litellm_principal_is(s, lit)                                      \
    ((s)->len == sizeof(lit) - 1                                              \
     && ngx_memcmp((s)->data, lit, sizeof(lit) - 1) == 0)


typedef struct {
    uint64_t    short_hash[2];
    ngx_uint_t  used;
    u_char      hash[NGX_LITELLM_KEY_HASH];
} ngx_litellm_key_seen_t;


static ngx_uint_t ngx_litellm_principal_wildcard(ngx_str_t *pattern,
    ngx_str_t *name);
static ngx_uint_t ngx_litellm_principal_path(ngx_str_t *entry,
    ngx_str_t *path);
static uint64_t ngx_litellm_principals_hash(
    ngx_litellm_principals_by_t *by, ngx_str_t *id);
static ngx_uint_t ngx_litellm_principals_hex(u_char *p, uint64_t *nibbles);
static ngx_int_t ngx_litellm_principals_put(ngx_pool_t *pool,
    ngx_litellm_principals_by_t *by, ngx_litellm_principal_t *p);
static ngx_int_t ngx_litellm_principals_grow(ngx_pool_t *pool,
    ngx_litellm_principals_by_t *by);
static ngx_litellm_principal_t *ngx_litellm_principals_get(
    ngx_litellm_principals_by_t *by, ngx_str_t *text);
static ngx_litellm_principal_t **ngx_litellm_principals_slot(
    ngx_litellm_principals_by_t *by, ngx_str_t *text);


/*
 * Most requests come with a key that was seen before.  What is remembered of a
 * key is no part of it, but 128 bits of it hashed with a secret of the process
 * (SipHash), which nobody can make another key for.
 */

void
ngx_litellm_key_hash(ngx_str_t *key, u_char hash[NGX_LITELLM_KEY_HASH])
{
    u_char                            md[NGX_LITELLM_SHA256_LEN];
    uint64_t                          h[2];
    ngx_litellm_key_seen_t           *seen;

    static uint64_t                   secret[2];
    static ngx_uint_t                 ready;
    static ngx_litellm_key_seen_t     keys[NGX_LITELLM_KEYS_SEEN];

    seen = NULL;
    h[0] = 0;
    h[1] = 0;

    if (key->len <= NGX_LITELLM_KEY_SHORT
        && (ready || RAND_bytes((u_char *) secret, sizeof(secret)) == 1))
    {
        ready = 1;

        ngx_litellm_siphash_128(secret, key->data, key->len, h);

        seen = &keys[h[0] % NGX_LITELLM_KEYS_SEEN];

        if (seen->used && seen->short_hash[0] == h[0]
            && seen->short_hash[1] == h[1])
        {
            ngx_memcpy(hash, seen->hash, NGX_LITELLM_KEY_HASH);
            return;
        }
    }

    ngx_litellm_sha256(key->data, key->len, md);

    (void) ngx_hex_dump(hash, md, sizeof(md));

    if (seen != NULL) {
        seen->short_hash[0] = h[0];
        seen->short_hash[1] = h[1];
        seen->used = 1;
        ngx_memcpy(seen->hash, hash, NGX_LITELLM_KEY_HASH);
    }
}


ngx_int_t
ngx_litellm_key_name(ngx_pool_t *pool, ngx_str_t *key, ngx_str_t *name)
{
    u_char  *p;

    if (key->len < 12) {
        ngx_str_set(name, "...");
        return NGX_OK;
    }

    p = ngx_pnalloc(pool, sizeof("sk-...abcd") - 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    name->data = p;
    name->len = sizeof("sk-...abcd") - 1;

    p = ngx_cpymem(p, "sk-...", sizeof("sk-...") - 1);
    (void) ngx_cpymem(p, key->data + key->len - 4, 4);

    return NGX_OK;
}


ngx_uint_t
ngx_litellm_principal_allows(ngx_litellm_principal_t *p, ngx_str_t *asked,
    ngx_str_t *group, ngx_array_t *access)
{
    ngx_str_t   *m, *a;
    ngx_uint_t   i, j;

    if (p->models == NULL) {
        return 1;
    }

    m = p->models->elts;

    for (i = 0; i < p->models->nelts; i++) {

        if (ngx_litellm_same(&m[i], asked) || ngx_litellm_same(&m[i], group)
            || ngx_litellm_principal_is(&m[i], "all-proxy-models"))
        {
            return 1;
        }

        if (ngx_litellm_principal_wildcard(&m[i], asked)
            || ngx_litellm_principal_wildcard(&m[i], group))
        {
            return 1;
        }

        if (access == NULL) {
            continue;
        }

        a = access->elts;

        for (j = 0; j < access->nelts; j++) {
            if (ngx_litellm_same(&m[i], &a[j])) {
                return 1;
            }
        }
    }

    return 0;
}


/* "openai/..." takes a bare "gpt-4o" too, as wildcard groups do */

static ngx_uint_t
ngx_litellm_principal_wildcard(ngx_str_t *pattern, ngx_str_t *name)
{
    u_char      *p, *last;
    size_t       len;
    ngx_str_t    captured[4];
    ngx_uint_t   n;
    const char  *provider;

    p = pattern->data;
    last = p + pattern->len;

    if (ngx_strlchr(p, last, '*') == NULL
        || name->len > NGX_LITELLM_CONFIG_NAME)
    {
        return 0;
    }

    if (ngx_litellm_config_match(p, last, name, captured, &n)) {
        return 1;
    }

    if (ngx_strlchr(name->data, name->data + name->len, '/') != NULL) {
        return 0;
    }

    provider = ngx_litellm_model_provider(name);

    if (provider == NULL) {
        return 0;
    }

    len = ngx_strlen(provider);

    return pattern->len > len && p[len] == '/'
           && ngx_memcmp(p, provider, len) == 0
           && ngx_litellm_config_match(p + len + 1, last, name, captured, &n);
}


ngx_uint_t
ngx_litellm_principal_route(ngx_litellm_principal_t *p, ngx_str_t *path,
    ngx_str_t *canonical, ngx_uint_t groups)
{
    ngx_str_t   *r, entry;
    ngx_uint_t   i;

    if (p->routes == NULL) {
        return 1;
    }

    r = p->routes->elts;

    for (i = 0; i < p->routes->nelts; i++) {

        if ((groups & NGX_LITELLM_ROUTE_LLM)
            && (ngx_litellm_principal_is(&r[i], "llm_api_routes")
                || ngx_litellm_principal_is(&r[i], "openai_routes")))
        {
            return 1;
        }

        if ((groups & NGX_LITELLM_ROUTE_MANAGEMENT)
            && ngx_litellm_principal_is(&r[i], "management_routes"))
        {
            return 1;
        }

        if ((groups & NGX_LITELLM_ROUTE_INFO)
            && ngx_litellm_principal_is(&r[i], "info_routes"))
        {
            return 1;
        }

        if (ngx_litellm_principal_path(&r[i], path)
            || ngx_litellm_principal_path(&r[i], canonical))
        {
            return 1;
        }

        if (r[i].len > sizeof("/v1/") - 1
            && ngx_memcmp(r[i].data, "/v1/", sizeof("/v1/") - 1) == 0)
        {
            entry.data = r[i].data + sizeof("/v1") - 1;
            entry.len = r[i].len - (sizeof("/v1") - 1);

            if (ngx_litellm_principal_path(&entry, canonical)) {
                return 1;
            }
        }
    }

    return 0;
}


static ngx_uint_t
ngx_litellm_principal_path(ngx_str_t *entry, ngx_str_t *path)
{
    size_t  len;

    if (entry->len == 0) {
        return 0;
    }

    len = entry->len - 1;

    if (entry->data[len] == '*') {
        return path->len >= len
               && ngx_memcmp(path->data, entry->data, len) == 0;
    }

    return ngx_litellm_same(entry, path);
}


ngx_str_t *
ngx_litellm_principal_alias(ngx_litellm_principal_t *p, ngx_str_t *model)
{
    ngx_uint_t     i;
    ngx_keyval_t  *kv;

    if (p->aliases == NULL) {
        return model;
    }

    kv = p->aliases->elts;

    for (i = 0; i < p->aliases->nelts; i++) {
        if (ngx_litellm_same(&kv[i].key, model)) {
            return &kv[i].value;
        }
    }

    return model;
}


ngx_litellm_model_limit_t *
ngx_litellm_principal_model(ngx_litellm_principal_t *p, ngx_str_t *asked,
    ngx_str_t *group)
{
    ngx_uint_t                  i;
    ngx_litellm_model_limit_t  *m, *found;

    if (p->limits.models == NULL) {
        return NULL;
    }

    found = NULL;
    m = p->limits.models->elts;

    for (i = 0; i < p->limits.models->nelts; i++) {

        if (ngx_litellm_same(&m[i].model, asked)) {
            return &m[i];
        }

        if (ngx_litellm_same(&m[i].model, group)) {
            found = &m[i];
        }
    }

    if (found != NULL) {
        return found;
    }

    for (i = 0; i < p->limits.models->nelts; i++) {
        if (ngx_litellm_principal_wildcard(&m[i].model, asked)
            || ngx_litellm_principal_wildcard(&m[i].model, group))
        {
            return &m[i];
        }
    }

    return NULL;
}


ngx_int_t
ngx_litellm_principals_init(ngx_litellm_principals_t *set, ngx_pool_t *pool)
{
    ngx_memzero(set, sizeof(ngx_litellm_principals_t));

    set->pool = pool;
    set->ids.text = offsetof(ngx_litellm_principal_t, id);
    set->aliases.text = offsetof(ngx_litellm_principal_t, alias);

    if (RAND_bytes((u_char *) set->ids.secret, sizeof(set->ids.secret)) != 1) {
        return NGX_ERROR;
    }

    ngx_memcpy(set->aliases.secret, set->ids.secret, sizeof(set->ids.secret));

    return ngx_array_init(&set->list, pool, 4,
                          sizeof(ngx_litellm_principal_t *));
}


ngx_int_t
ngx_litellm_principals_add(ngx_litellm_principals_t *set,
    ngx_litellm_principal_t *p)
{
    ngx_int_t                  rc;
    ngx_litellm_principal_t  **item;

    rc = ngx_litellm_principals_put(set->pool, &set->ids, p);

    if (rc != NGX_OK) {
        return rc;
    }

    if (p->kind == NGX_LITELLM_KEY && p->alias.len
        && ngx_litellm_principals_put(set->pool, &set->aliases, p)
           == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    item = ngx_array_push(&set->list);
    if (item == NULL) {
        return NGX_ERROR;
    }

    *item = p;

    return NGX_OK;
}


ngx_litellm_principal_t *
ngx_litellm_principals_find(ngx_litellm_principals_t *set, ngx_str_t *id)
{
    return ngx_litellm_principals_get(&set->ids, id);
}


ngx_litellm_principal_t *
ngx_litellm_principals_alias(ngx_litellm_principals_t *set, ngx_str_t *alias)
{
    return ngx_litellm_principals_get(&set->aliases, alias);
}


/* NGX_DECLINED: there is one of that text already */

static ngx_int_t
ngx_litellm_principals_put(ngx_pool_t *pool, ngx_litellm_principals_by_t *by,
    ngx_litellm_principal_t *p)
{
    ngx_litellm_principal_t  **slot;

    if ((by->n + 1) * 2 > by->mask
        && ngx_litellm_principals_grow(pool, by) != NGX_OK)
    {
        return NGX_ERROR;
    }

    slot = ngx_litellm_principals_slot(by, ngx_litellm_principals_text(by, p));

    if (*slot != NULL) {
        return NGX_DECLINED;
    }

    *slot = p;
    by->n++;

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_principals_grow(ngx_pool_t *pool, ngx_litellm_principals_by_t *by)
{
    ngx_uint_t                    i;
    ngx_litellm_principal_t     **slot;
    ngx_litellm_principals_by_t   old;

    old = *by;

    by->mask = old.slots ? old.mask * 2 + 1 : NGX_LITELLM_SLOTS - 1;
    by->slots = ngx_pcalloc(pool, (by->mask + 1) * sizeof(void *));

    if (by->slots == NULL) {
        *by = old;
        return NGX_ERROR;
    }

    if (old.slots == NULL) {
        return NGX_OK;
    }

    for (i = 0; i <= old.mask; i++) {

        if (old.slots[i] != NULL) {
            slot = ngx_litellm_principals_slot(by,
                             ngx_litellm_principals_text(by, old.slots[i]));
            *slot = old.slots[i];
        }
    }

    (void) ngx_pfree(pool, old.slots);

    return NGX_OK;
}


static ngx_litellm_principal_t *
ngx_litellm_principals_get(ngx_litellm_principals_by_t *by, ngx_str_t *text)
{
    return by->slots ? *ngx_litellm_principals_slot(by, text) : NULL;
}


/* where it is, or an empty place for it */

static ngx_litellm_principal_t **
ngx_litellm_principals_slot(ngx_litellm_principals_by_t *by, ngx_str_t *text)
{
    ngx_str_t   *other;
    ngx_uint_t   i;

    i = ngx_litellm_principals_hash(by, text) & by->mask;

    for ( ;; ) {

        if (by->slots[i] == NULL) {
            return &by->slots[i];
        }

        other = ngx_litellm_principals_text(by, by->slots[i]);

        if (ngx_litellm_same(other, text)) {
            return &by->slots[i];
        }

        i = (i + 1) & by->mask;
    }
}


static uint64_t
ngx_litellm_principals_hash(ngx_litellm_principals_by_t *by, ngx_str_t *id)
{
    uint64_t  one, two;

    if (id->len == NGX_LITELLM_KEY_HASH
        && ngx_litellm_principals_hex(id->data, &one)
        && ngx_litellm_principals_hex(id->data + 8, &two))
    {
        return one << 4 | two;
    }

    return ngx_litellm_siphash(by->secret, 0, id->data, id->len);
}


/* the values of eight digits in lower case, one in each byte; 0: they are not */

static ngx_uint_t
ngx_litellm_principals_hex(u_char *p, uint64_t *nibbles)
{
    uint64_t  w, low, letter, bad;

#define ngx_litellm_principals_each(byte)  ((byte) * 0x0101010101010101ULL)

    ngx_memcpy(&w, p, sizeof(w));

    low = w & ngx_litellm_principals_each(0x0f);
    letter = w >> 6 & ngx_litellm_principals_each(0x01);

    /* bit 7: a digit above 9; a letter that is none of the first six */

    bad = (low + ngx_litellm_principals_each(0x76) + letter * 3)
          & ngx_litellm_principals_each(0x80);
    bad |= (letter << 7) & ~(low + ngx_litellm_principals_each(0x7f));

    /* the upper half is 3 of a digit, 6 of a letter */

    bad |= (w - low) ^ (ngx_litellm_principals_each(0x30) + letter * 0x30);

#undef ngx_litellm_principals_each

    *nibbles = low + letter * 9;

    return bad == 0;
}
