
/*
 * The one reader of records: what the YAML says of a key, what the management
 * API is given and what the state file holds become the same struct.
 *
 * A record that is kept has no key in it: "key" becomes "token" and "key_name"
 * before anything points into it.  Texts of the struct are ranges of that
 * copy where they have no escapes.  Members that a gateway can't honour are
 * kept in the text and not looked at.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_date.h"
#include "ngx_litellm_principal.h"


#define NGX_LITELLM_RECORD_DEPTH  32
#define NGX_LITELLM_RECORD_NODES  16384

/* of a key: a hundred years */
#define NGX_LITELLM_LIFETIME_MAX  (36500LL * 86400)


typedef struct {
    ngx_pool_t                *pool;
    ngx_pool_t                *temp;
    ngx_litellm_principal_t   *p;
    ngx_litellm_json_t        *root;
    ngx_litellm_json_t        *budget;     /* litellm_budget_table; NULL */
    ngx_litellm_json_t        *metadata;   /* NULL */
    ngx_litellm_json_doc_t     doc;
    ngx_litellm_json_doc_t     text;       /* of numbers in quotes */
    ngx_str_t                 *why;
} ngx_litellm_record_t;


typedef struct {
    const char                *name;
    size_t                     offset;
} ngx_litellm_record_limit_t;


static ngx_int_t ngx_litellm_record_read(ngx_litellm_record_t *rd,
    ngx_str_t *json);
static ngx_int_t ngx_litellm_record_parse(ngx_litellm_record_t *rd,
    ngx_str_t *json);
static ngx_int_t ngx_litellm_record_keep(ngx_litellm_record_t *rd,
    ngx_str_t *json);
static ngx_int_t ngx_litellm_record_id(ngx_litellm_record_t *rd);
static ngx_int_t ngx_litellm_record_token(ngx_litellm_record_t *rd);
static ngx_int_t ngx_litellm_record_texts(ngx_litellm_record_t *rd);
static ngx_int_t ngx_litellm_record_lists(ngx_litellm_record_t *rd);
static ngx_int_t ngx_litellm_record_cache(ngx_litellm_record_t *rd);
static ngx_int_t ngx_litellm_record_aliases(ngx_litellm_record_t *rd,
    const char *name);
static ngx_int_t ngx_litellm_record_times(ngx_litellm_record_t *rd);
static ngx_int_t ngx_litellm_record_limits(ngx_litellm_record_t *rd);
static ngx_int_t ngx_litellm_record_members(ngx_litellm_record_t *rd);
static ngx_int_t ngx_litellm_record_budgets(ngx_litellm_record_t *rd);
static ngx_int_t ngx_litellm_record_models(ngx_litellm_record_t *rd,
    const char *name, ngx_uint_t kind);
static ngx_int_t ngx_litellm_record_model_budget(ngx_litellm_record_t *rd,
    const char *name, ngx_litellm_json_t *v, ngx_litellm_budget_t *budget);
static ngx_litellm_model_limit_t *ngx_litellm_record_model(
    ngx_litellm_record_t *rd, ngx_str_t *model);
static ngx_litellm_json_t *ngx_litellm_record_get(ngx_litellm_record_t *rd,
    const char *name);
static ngx_int_t ngx_litellm_record_number(ngx_litellm_record_t *rd,
    ngx_litellm_json_t *v, const char *name, ngx_uint_t scale, int64_t *n);
static ngx_uint_t ngx_litellm_record_negative(ngx_litellm_json_t *v);
static ngx_int_t ngx_litellm_record_period(ngx_litellm_record_t *rd,
    ngx_litellm_json_t *v, const char *name, ngx_litellm_budget_t *budget);
static ngx_int_t ngx_litellm_record_flag(ngx_litellm_record_t *rd,
    const char *name, ngx_uint_t *flag);
static ngx_int_t ngx_litellm_record_text(ngx_litellm_record_t *rd,
    ngx_litellm_json_t *v, const char *name, ngx_str_t *dst);
static ngx_int_t ngx_litellm_record_strings(ngx_litellm_record_t *rd,
    ngx_litellm_json_t *v, const char *name, ngx_array_t **dst);
static ngx_int_t ngx_litellm_record_bad(ngx_litellm_record_t *rd,
    const char *name, const char *what);


ngx_int_t
ngx_litellm_principal_read(ngx_pool_t *pool, ngx_litellm_principal_e kind,
    ngx_str_t *json, ngx_litellm_principal_t *p, ngx_str_t *why)
{
    ngx_int_t             rc;
    ngx_litellm_record_t  rd;

    ngx_memzero(&rd, sizeof(ngx_litellm_record_t));
    ngx_memzero(p, sizeof(ngx_litellm_principal_t));
    ngx_str_set(why, "no memory");

    rd.pool = pool;
    rd.p = p;
    rd.why = why;

    p->kind = kind;
    p->limits.rpm = -1;
    p->limits.tpm = -1;
    p->limits.parallel = -1;
    p->limits.budget.max = -1;
    p->limits.soft = -1;

    rd.temp = ngx_create_pool(4096, pool->log);
    if (rd.temp == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_litellm_record_read(&rd, json);

    ngx_destroy_pool(rd.temp);

    return rc;
}


ngx_int_t
ngx_litellm_key_lifetime(ngx_str_t *text, int64_t *seconds)
{
    size_t      i;
    int64_t     n, unit;
    ngx_uint_t  u;

    static const struct {
        const char  *name;
        int64_t      seconds;
    } units[] = {
        { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 },
        { "w", 7 * 86400 }, { "mo", 30 * 86400 }
    };

    n = 0;
    unit = 0;

    for (i = 0; i < text->len; i++) {

        if (text->data[i] < '0' || text->data[i] > '9') {
            break;
        }

        n = n * 10 + (text->data[i] - '0');

        if (n > NGX_LITELLM_LIFETIME_MAX) {
            return NGX_DECLINED;
        }
    }

    for (u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
        if (text->len - i == ngx_strlen(units[u].name)
            && ngx_memcmp(text->data + i, units[u].name, text->len - i) == 0)
        {
            unit = units[u].seconds;
        }
    }

    if (n == 0 || unit == 0 || n > NGX_LITELLM_LIFETIME_MAX / unit) {
        return NGX_DECLINED;
    }

    *seconds = n * unit;

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_record_read(ngx_litellm_record_t *rd, ngx_str_t *json)
{
    ngx_int_t             rc;
    ngx_uint_t            i;
    ngx_litellm_json_t   *v;

    static ngx_int_t (*parts[])(ngx_litellm_record_t *rd) = {
        ngx_litellm_record_id,
        ngx_litellm_record_texts,
        ngx_litellm_record_lists,
        ngx_litellm_record_times,
        ngx_litellm_record_limits,
        ngx_litellm_record_members,
        ngx_litellm_record_budgets
    };

    rd->doc.pool = rd->temp;
    rd->doc.max_depth = NGX_LITELLM_RECORD_DEPTH;
    rd->doc.max_nodes = NGX_LITELLM_RECORD_NODES;
    rd->text = rd->doc;

    rc = ngx_litellm_record_parse(rd, json);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_record_keep(rd, json);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_record_parse(rd, &rd->p->json);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_litellm_json_member(rd->root, "metadata");

    if (ngx_litellm_json_is(v, OBJECT)) {
        rd->metadata = v;
        rd->p->metadata.data = v->start;
        rd->p->metadata.len = v->len;

    } else if (v != NULL && v->type != NGX_LITELLM_JSON_NULL) {
        return ngx_litellm_record_bad(rd, "metadata", "must be an object");
    }

    v = ngx_litellm_json_member(rd->root, "litellm_budget_table");

    if (ngx_litellm_json_is(v, OBJECT)) {
        rd->budget = v;
    }

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        rc = parts[i](rd);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_record_parse(ngx_litellm_record_t *rd, ngx_str_t *json)
{
    ngx_int_t  rc;

    if (json->len > NGX_LITELLM_RECORD_MAX) {
        ngx_str_set(rd->why, "the record is longer than 64k");
        return NGX_DECLINED;
    }

    rc = ngx_litellm_json_parse(&rd->doc, json->data, json->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        rd->why->data = (u_char *) rd->doc.error;
        rd->why->len = ngx_strlen(rd->doc.error);
        return NGX_DECLINED;
    }

    if (rd->doc.root->type != NGX_LITELLM_JSON_OBJECT) {
        ngx_str_set(rd->why, "a record must be an object");
        return NGX_DECLINED;
    }

    rd->root = rd->doc.root;

    return NGX_OK;
}


/* the copy that stays: the key itself is not in it */

static ngx_int_t
ngx_litellm_record_keep(ngx_litellm_record_t *rd, ngx_str_t *json)
{
    u_char               *p, hash[NGX_LITELLM_KEY_HASH];
    ngx_str_t             key, name, text;
    ngx_uint_t            i;
    ngx_litellm_json_t   *k, *v;

    v = (rd->p->kind == NGX_LITELLM_KEY)
        ? ngx_litellm_json_member(rd->root, "key") : NULL;

    if (v != NULL && v->type == NGX_LITELLM_JSON_NULL) {
        v = NULL;
    }

    p = ngx_pnalloc(rd->pool, json->len + 2 * NGX_LITELLM_KEY_HASH);
    if (p == NULL) {
        return NGX_ERROR;
    }

    rd->p->json.data = p;

    if (v == NULL) {
        ngx_memcpy(p, rd->root->start, rd->root->len);
        rd->p->json.len = rd->root->len;
        return NGX_OK;
    }

    if (v->type != NGX_LITELLM_JSON_STRING) {
        return ngx_litellm_record_bad(rd, "key", "must be a text");
    }

    text = ngx_litellm_json_text(v);

    if (ngx_litellm_json_unescape(rd->temp, &key, &text) != NGX_OK
        || ngx_litellm_key_name(rd->temp, &key, &name) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (key.len < 4 || ngx_memcmp(key.data, "sk-", 3) != 0) {
        return ngx_litellm_record_bad(rd, "key", "must begin with sk-");
    }

    for (i = 3; i < key.len; i++) {
        if (key.data[i] <= ' ' || key.data[i] >= 0x7f || key.data[i] == '"'
            || key.data[i] == '\\')
        {
            return ngx_litellm_record_bad(rd, "key", "must be of printable "
                                          "ASCII characters without blanks, "
                                          "quotes and backslashes");
        }
    }

    ngx_litellm_key_hash(&key, hash);

    p = ngx_cpymem(p, "{\"token\":\"", sizeof("{\"token\":\"") - 1);
    p = ngx_cpymem(p, hash, NGX_LITELLM_KEY_HASH);
    p = ngx_sprintf(p, "\",\"key_name\":\"%V\"", &name);

    k = rd->root + 1;

    for (i = 0; i < rd->root->count; i++) {

        v = ngx_litellm_json_next(k);

        if (!ngx_litellm_json_eq(k, "key")
            && !ngx_litellm_json_eq(k, "key_hash")
            && !ngx_litellm_json_eq(k, "token")
            && !ngx_litellm_json_eq(k, "key_name"))
        {
            *p++ = ',';
            p = ngx_cpymem(p, k->start, k->len);
            *p++ = ':';
            p = ngx_cpymem(p, v->start, v->len);
        }

        k = ngx_litellm_json_next(v);
    }

    *p++ = '}';

    rd->p->json.len = p - rd->p->json.data;

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_record_id(ngx_litellm_record_t *rd)
{
    size_t                i;
    ngx_int_t             rc;
    ngx_uint_t            n;
    ngx_litellm_json_t   *v;

    static const char *names[NGX_LITELLM_PRINCIPALS][4] = {
        { "token", "key_hash", NULL, NULL },
        { "team_id", NULL, NULL, NULL },
        { "user_id", NULL, NULL, NULL },
        { "user_id", "end_user_id", "customer_id", NULL }
    };

    for (n = 0; names[rd->p->kind][n]; n++) {
        v = ngx_litellm_json_get(rd->root, names[rd->p->kind][n],
                                 ngx_strlen(names[rd->p->kind][n]));

        rc = ngx_litellm_record_text(rd, v, names[rd->p->kind][n],
                                     &rd->p->id);
        if (rc != NGX_OK) {
            return rc;
        }

        if (rd->p->id.len) {
            break;
        }
    }

    if (rd->p->kind == NGX_LITELLM_KEY) {
        return ngx_litellm_record_token(rd);
    }

    if (rd->p->id.len == 0) {
        return ngx_litellm_record_bad(rd, names[rd->p->kind][0],
                                      "is missing");
    }

    for (i = 0; i < rd->p->id.len; i++) {
        if (rd->p->id.data[i] < ' ' || rd->p->id.data[i] == 0x7f) {
            return ngx_litellm_record_bad(rd, names[rd->p->kind][0],
                                          "has control characters in it");
        }
    }

    return NGX_OK;
}


/* in lower case, whoever wrote it */

static ngx_int_t
ngx_litellm_record_token(ngx_litellm_record_t *rd)
{
    u_char     *p, c;
    size_t      i;
    ngx_str_t  *id;

    id = &rd->p->id;

    if (id->len == 0) {
        return ngx_litellm_record_bad(rd, "key", "is missing (or \"token\", "
                                      "its SHA-256)");
    }

    p = id->data;

    for (i = 0; i < id->len; i++) {
        c = p[i] | 0x20;

        if (!((p[i] >= '0' && p[i] <= '9') || (c >= 'a' && c <= 'f'))) {
            break;
        }
    }

    if (id->len != NGX_LITELLM_KEY_HASH || i < id->len) {
        return ngx_litellm_record_bad(rd, "token", "must be the 64 hex digits "
                                      "of the key's SHA-256");
    }

    ngx_strlow(p, p, id->len);

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_record_texts(ngx_litellm_record_t *rd)
{
    ngx_str_t                 role;
    ngx_int_t                 rc;
    ngx_uint_t                i, flag;
    ngx_litellm_json_t       *v;
    ngx_litellm_principal_t  *p;

    static const struct {
        const char                *name;
        ngx_litellm_principal_e    kind;      /* PRINCIPALS: all */
        size_t                     offset;
    } texts[] = {
        { "key_name", NGX_LITELLM_KEY,
          offsetof(ngx_litellm_principal_t, name) },
        { "key_alias", NGX_LITELLM_KEY,
          offsetof(ngx_litellm_principal_t, alias) },
        { "team_alias", NGX_LITELLM_TEAM,
          offsetof(ngx_litellm_principal_t, alias) },
        { "user_alias", NGX_LITELLM_USER,
          offsetof(ngx_litellm_principal_t, alias) },
        { "user_email", NGX_LITELLM_USER,
          offsetof(ngx_litellm_principal_t, alias) },
        { "alias", NGX_LITELLM_END_USER,
          offsetof(ngx_litellm_principal_t, alias) },
        { "user_id", NGX_LITELLM_KEY,
          offsetof(ngx_litellm_principal_t, user_id) },
        { "team_id", NGX_LITELLM_KEY,
          offsetof(ngx_litellm_principal_t, team_id) }
    };

    p = rd->p;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {

        if (texts[i].kind != p->kind) {
            continue;
        }

        v = ngx_litellm_json_get(rd->root, texts[i].name,
                                 ngx_strlen(texts[i].name));

        rc = ngx_litellm_record_text(rd, v, texts[i].name,
                              (ngx_str_t *) ((char *) p + texts[i].offset));
        if (rc != NGX_OK) {
            return rc;
        }
    }

    flag = 0;

    rc = ngx_litellm_record_flag(rd, "blocked", &flag);
    if (rc != NGX_OK) {
        return rc;
    }

    p->blocked = flag;

    if (p->kind != NGX_LITELLM_USER) {
        return NGX_OK;
    }

    ngx_str_null(&role);

    rc = ngx_litellm_record_text(rd, ngx_litellm_json_member(rd->root,
                                                             "user_role"),
                                 "user_role", &role);
    if (rc != NGX_OK) {
        return rc;
    }

    p->is_admin = (role.len == sizeof("proxy_admin") - 1
                   && ngx_memcmp(role.data, "proxy_admin", role.len) == 0);

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_record_lists(ngx_litellm_record_t *rd)
{
    ngx_int_t                 rc;
    ngx_str_t                *m;
    ngx_uint_t                i;
    ngx_litellm_json_t       *v;
    ngx_litellm_principal_t  *p;

    p = rd->p;

    rc = ngx_litellm_record_strings(rd, ngx_litellm_json_member(rd->root,
                                                                "models"),
                                    "models", &p->models);
    if (rc != NGX_OK) {
        return rc;
    }

    if (p->models != NULL) {
        m = p->models->elts;

        for (i = 0; i < p->models->nelts; i++) {
            if (m[i].len == sizeof("all-team-models") - 1
                && ngx_memcmp(m[i].data, "all-team-models", m[i].len) == 0)
            {
                p->team_models = 1;
            }
        }
    }

    rc = ngx_litellm_record_strings(rd,
                       ngx_litellm_json_member(rd->root, "allowed_routes"),
                       "allowed_routes", &p->routes);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_litellm_json_member(rd->root, "tags");

    if (v == NULL || v->type == NGX_LITELLM_JSON_NULL) {
        v = ngx_litellm_json_member(rd->metadata, "tags");
    }

    rc = ngx_litellm_record_strings(rd, v, "tags", &p->tags);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_record_cache(rd);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_record_aliases(rd, "aliases");
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_litellm_record_aliases(rd, "model_aliases");
}


/* of a key: what its requests may say of the cache, and what it says itself */

static ngx_int_t
ngx_litellm_record_cache(ngx_litellm_record_t *rd)
{
    ngx_litellm_json_t  *v;

    if (rd->p->kind != NGX_LITELLM_KEY) {
        return NGX_OK;
    }

    v = ngx_litellm_json_member(rd->metadata, "cache");

    if (v != NULL && v->type != NGX_LITELLM_JSON_NULL) {

        if (v->type != NGX_LITELLM_JSON_OBJECT) {
            return ngx_litellm_record_bad(rd, "metadata.cache", "must be an "
                                          "object of cache controls");
        }

        rd->p->cache.data = v->start;
        rd->p->cache.len = v->len;
    }

    return ngx_litellm_record_strings(rd,
                 ngx_litellm_json_member(rd->root, "allowed_cache_controls"),
                 "allowed_cache_controls", &rd->p->cache_controls);
}


static ngx_int_t
ngx_litellm_record_aliases(ngx_litellm_record_t *rd, const char *name)
{
    ngx_int_t            rc;
    ngx_uint_t           i;
    ngx_keyval_t        *kv;
    ngx_litellm_json_t  *map, *k, *v;

    map = ngx_litellm_json_get(rd->root, name, ngx_strlen(name));

    if (map == NULL || map->type == NGX_LITELLM_JSON_NULL) {
        return NGX_OK;
    }

    if (map->type != NGX_LITELLM_JSON_OBJECT
        || map->count > NGX_LITELLM_PER_MODEL)
    {
        return ngx_litellm_record_bad(rd, name, "must be an object of names "
                                      "and models, 256 at most");
    }

    if (map->count == 0) {
        return NGX_OK;
    }

    if (rd->p->aliases == NULL) {
        rd->p->aliases = ngx_array_create(rd->pool, map->count,
                                          sizeof(ngx_keyval_t));
        if (rd->p->aliases == NULL) {
            return NGX_ERROR;
        }
    }

    k = map + 1;

    for (i = 0; i < map->count; i++) {

        v = ngx_litellm_json_next(k);

        if (v->type == NGX_LITELLM_JSON_STRING && v->len > 2) {

            kv = ngx_array_push(rd->p->aliases);
            if (kv == NULL) {
                return NGX_ERROR;
            }

            rc = ngx_litellm_record_text(rd, k, name, &kv->key);

            if (rc == NGX_OK) {
                rc = ngx_litellm_record_text(rd, v, name, &kv->value);
            }

            if (rc != NGX_OK) {
                return rc;
            }

        } else {
            return ngx_litellm_record_bad(rd, name, "must be an object of "
                                          "names and models, 256 at most");
        }

        k = ngx_litellm_json_next(v);
    }

    return NGX_OK;
}


/* "duration" counts from created_at: a file has no other beginning */

static ngx_int_t
ngx_litellm_record_times(ngx_litellm_record_t *rd)
{
    time_t               *t;
    int64_t               seconds;
    ngx_int_t             rc;
    ngx_str_t             text;
    ngx_uint_t            i;
    ngx_litellm_json_t   *v;

    static const char *names[] = { "created_at", "expires" };

    for (i = 0; i < 2; i++) {

        v = ngx_litellm_json_get(rd->root, names[i], ngx_strlen(names[i]));
        t = i ? &rd->p->expires : &rd->p->created;

        ngx_str_null(&text);

        rc = ngx_litellm_record_text(rd, v, names[i], &text);
        if (rc != NGX_OK) {
            return rc;
        }

        if (text.len && ngx_litellm_date_parse(&text, t) != NGX_OK) {
            return ngx_litellm_record_bad(rd, names[i], "must be a date like "
                                          "2027-01-31T00:00:00Z");
        }
    }

    ngx_str_null(&text);

    rc = ngx_litellm_record_text(rd, ngx_litellm_json_member(rd->root,
                                                             "duration"),
                                 "duration", &text);
    if (rc != NGX_OK) {
        return rc;
    }

    if (text.len == 0) {
        return NGX_OK;
    }

    if (ngx_litellm_key_lifetime(&text, &seconds) != NGX_OK) {
        return ngx_litellm_record_bad(rd, "duration", "must be a duration "
                                      "like 30s, 30m, 12h, 30d, 1w or 1mo");
    }

    if (rd->p->expires) {
        return NGX_OK;
    }

    if (rd->p->created == 0) {
        return ngx_litellm_record_bad(rd, "duration", "counts from "
                              "\"created_at\", which is not there; or write "
                              "\"expires\"");
    }

    rd->p->expires = rd->p->created + (time_t) seconds;

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_record_limits(ngx_litellm_record_t *rd)
{
    ngx_int_t                 rc;
    ngx_litellm_limits_t     *l;

    l = &rd->p->limits;

#define ngx_litellm_limit(s, scale, dst)                                      \
    ngx_litellm_record_number(rd, ngx_litellm_record_get(rd, s), s, scale, dst)

    rc = ngx_litellm_limit("rpm_limit", 0, &l->rpm);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_limit("tpm_limit", 0, &l->tpm);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_limit("max_parallel_requests", 0, &l->parallel);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_limit("max_budget", 12, &l->budget.max);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_limit("soft_budget", 12, &l->soft);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_litellm_record_period(rd,
                            ngx_litellm_record_get(rd, "budget_duration"),
                            "budget_duration", &l->budget);
}


/* a team's, for each of its users */

static ngx_int_t
ngx_litellm_record_members(ngx_litellm_record_t *rd)
{
    ngx_int_t             rc;
    ngx_litellm_limits_t  l;

    if (rd->p->kind != NGX_LITELLM_TEAM) {
        return NGX_OK;
    }

    l = rd->p->limits;
    l.rpm = -1;
    l.tpm = -1;
    l.parallel = -1;
    l.soft = -1;

    ngx_memzero(&l.budget, sizeof(ngx_litellm_budget_t));
    l.budget.max = -1;

    rc = ngx_litellm_limit("team_member_rpm_limit", 0, &l.rpm);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_limit("team_member_tpm_limit", 0, &l.tpm);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_limit("team_member_budget", 12, &l.budget.max);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_record_period(rd,
                        ngx_litellm_record_get(rd,
                                               "team_member_budget_duration"),
                        "team_member_budget_duration", &l.budget);
    if (rc != NGX_OK) {
        return rc;
    }

#undef ngx_litellm_limit

    if (l.rpm < 0 && l.tpm < 0 && l.budget.max < 0) {
        return NGX_OK;
    }

    rd->p->members = ngx_palloc(rd->pool, sizeof(ngx_litellm_limits_t));
    if (rd->p->members == NULL) {
        return NGX_ERROR;
    }

    *rd->p->members = l;

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_record_budgets(ngx_litellm_record_t *rd)
{
    ngx_int_t              rc;
    ngx_uint_t             i;
    ngx_litellm_json_t    *list, *v, *max;
    ngx_litellm_budget_t  *b;

    list = ngx_litellm_record_get(rd, "budget_limits");

    if (list != NULL) {

        if (list->type != NGX_LITELLM_JSON_ARRAY || list->count > 8) {
            return ngx_litellm_record_bad(rd, "budget_limits", "must be a "
                               "list of {budget_duration, max_budget}, 8 at "
                               "most");
        }

        v = list + 1;

        for (i = 0; i < list->count; i++, v = ngx_litellm_json_next(v)) {

            if (rd->p->limits.budgets == NULL) {
                rd->p->limits.budgets = ngx_array_create(rd->pool,
                                                list->count,
                                                sizeof(ngx_litellm_budget_t));
                if (rd->p->limits.budgets == NULL) {
                    return NGX_ERROR;
                }
            }

            b = ngx_array_push(rd->p->limits.budgets);
            if (b == NULL) {
                return NGX_ERROR;
            }

            ngx_memzero(b, sizeof(ngx_litellm_budget_t));
            b->max = -1;

            max = ngx_litellm_json_member(v, "max_budget");

            rc = ngx_litellm_record_number(rd, max, "budget_limits", 12,
                                           &b->max);

            if (rc == NGX_OK) {
                rc = ngx_litellm_record_period(rd,
                               ngx_litellm_json_member(v, "budget_duration"),
                               "budget_limits", b);
            }

            if (rc != NGX_OK) {
                return rc;
            }

            if (b->max < 0 || b->duration.len == 0) {
                return ngx_litellm_record_bad(rd, "budget_limits", "must be a "
                               "list of {budget_duration, max_budget}, 8 at "
                               "most");
            }
        }
    }

    rc = ngx_litellm_record_models(rd, "model_rpm_limit", 0);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_record_models(rd, "model_tpm_limit", 1);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_litellm_record_models(rd, "model_max_budget", 2);
}


/* {model: limit}; of rpm and tpm also in metadata, where LiteLLM keeps them */

static ngx_int_t
ngx_litellm_record_models(ngx_litellm_record_t *rd, const char *name,
    ngx_uint_t kind)
{
    ngx_int_t                   rc;
    ngx_str_t                   model;
    ngx_uint_t                  i;
    ngx_litellm_json_t         *map, *k, *v;
    ngx_litellm_model_limit_t  *m;

    map = ngx_litellm_record_get(rd, name);

    if (map == NULL && kind != 2) {
        map = ngx_litellm_json_get(rd->metadata, name, ngx_strlen(name));
    }

    if (map == NULL || map->type == NGX_LITELLM_JSON_NULL) {
        return NGX_OK;
    }

    if (map->type != NGX_LITELLM_JSON_OBJECT) {
        return ngx_litellm_record_bad(rd, name, "must be an object of models "
                                      "and limits");
    }

    k = map + 1;

    for (i = 0; i < map->count; i++) {

        v = ngx_litellm_json_next(k);

        ngx_str_null(&model);

        rc = ngx_litellm_record_text(rd, k, name, &model);
        if (rc != NGX_OK) {
            return rc;
        }

        m = ngx_litellm_record_model(rd, &model);

        if (m == NULL) {
            return (rd->why->len == sizeof("no memory") - 1)
                   ? NGX_ERROR : NGX_DECLINED;
        }

        if (kind == 2) {
            rc = ngx_litellm_record_model_budget(rd, name, v, &m->budget);

        } else {
            rc = ngx_litellm_record_number(rd, v, name, 0,
                                           kind ? &m->tpm : &m->rpm);
        }

        if (rc != NGX_OK) {
            return rc;
        }

        k = ngx_litellm_json_next(v);
    }

    return NGX_OK;
}


/* dollars, or {budget_limit, time_period}, or {max_budget, budget_duration} */

static ngx_int_t
ngx_litellm_record_model_budget(ngx_litellm_record_t *rd, const char *name,
    ngx_litellm_json_t *v, ngx_litellm_budget_t *budget)
{
    ngx_int_t            rc;
    ngx_litellm_json_t  *max, *duration;

    if (v->type != NGX_LITELLM_JSON_OBJECT) {
        return ngx_litellm_record_number(rd, v, name, 12, &budget->max);
    }

    max = ngx_litellm_json_member(v, "budget_limit");

    if (max == NULL) {
        max = ngx_litellm_json_member(v, "max_budget");
    }

    duration = ngx_litellm_json_member(v, "time_period");

    if (duration == NULL) {
        duration = ngx_litellm_json_member(v, "budget_duration");
    }

    if (max == NULL) {
        return ngx_litellm_record_bad(rd, name, "must have a budget_limit "
                                      "for each model");
    }

    rc = ngx_litellm_record_number(rd, max, name, 12, &budget->max);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_litellm_record_period(rd, duration, name, budget);
}


/* NULL: no memory, or *why */

static ngx_litellm_model_limit_t *
ngx_litellm_record_model(ngx_litellm_record_t *rd, ngx_str_t *model)
{
    ngx_uint_t                  i;
    ngx_array_t                *list;
    ngx_litellm_model_limit_t  *m;

    list = rd->p->limits.models;

    if (list == NULL) {
        list = ngx_array_create(rd->pool, 1,
                                sizeof(ngx_litellm_model_limit_t));
        if (list == NULL) {
            return NULL;
        }

        rd->p->limits.models = list;
    }

    m = list->elts;

    for (i = 0; i < list->nelts; i++) {
        if (m[i].model.len == model->len
            && ngx_memcmp(m[i].model.data, model->data, model->len) == 0)
        {
            return &m[i];
        }
    }

    if (list->nelts == NGX_LITELLM_PER_MODEL) {
        ngx_str_set(rd->why, "limits of more than 256 models");
        return NULL;
    }

    m = ngx_array_push(list);
    if (m == NULL) {
        return NULL;
    }

    ngx_memzero(m, sizeof(ngx_litellm_model_limit_t));

    m->model = *model;
    m->rpm = -1;
    m->tpm = -1;
    m->budget.max = -1;

    return m;
}


/* of the record, else of the budget that LiteLLM joins to it; not null */

static ngx_litellm_json_t *
ngx_litellm_record_get(ngx_litellm_record_t *rd, const char *name)
{
    size_t               len;
    ngx_litellm_json_t  *v;

    len = ngx_strlen(name);
    v = ngx_litellm_json_get(rd->root, name, len);

    if (v != NULL && v->type != NGX_LITELLM_JSON_NULL) {
        return v;
    }

    v = ngx_litellm_json_get(rd->budget, name, len);

    return (v != NULL && v->type != NGX_LITELLM_JSON_NULL) ? v : NULL;
}


/*
 * scale 0: a count, which is a whole number that 63 bits hold; scale 12: an
 * amount of money, saturated.  A number in quotes is one too: that is how a
 * variable of the environment comes.
 */

static ngx_int_t
ngx_litellm_record_number(ngx_litellm_record_t *rd, ngx_litellm_json_t *v,
    const char *name, ngx_uint_t scale, int64_t *n)
{
    int64_t    value;
    ngx_int_t  rc;

    if (v == NULL || v->type == NGX_LITELLM_JSON_NULL) {
        return NGX_OK;
    }

    if (v->type == NGX_LITELLM_JSON_STRING
        && !(v->flags & NGX_LITELLM_JSON_ESCAPED))
    {
        rc = ngx_litellm_json_parse(&rd->text, v->start + 1, v->len - 2);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        v = (rc == NGX_OK) ? rd->text.root : v;
    }

    if (v->type == NGX_LITELLM_JSON_NUMBER
        && !ngx_litellm_record_negative(v))
    {
        if (scale == 0) {
            rc = ngx_litellm_json_int(v, &value);

        } else {
            rc = ngx_litellm_json_fixed(v, scale, &value);

            if (rc != NGX_OK) {
                value = NGX_LITELLM_MONEY_MAX;
                rc = NGX_OK;
            }
        }

        if (rc == NGX_OK) {
            *n = value;
            return NGX_OK;
        }
    }

    return ngx_litellm_record_bad(rd, name, scale ? "must be a number of 0 or "
                                  "more" : "must be a whole number of 0 or "
                                  "more, below 2^63");
}


/* below 0 by however little; -0 is not */

static ngx_uint_t
ngx_litellm_record_negative(ngx_litellm_json_t *v)
{
    u_char  *p, *last;

    if (v->start[0] != '-') {
        return 0;
    }

    last = v->start + v->len;

    for (p = v->start; p < last && *p != 'e' && *p != 'E'; p++) {
        if (*p >= '1' && *p <= '9') {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_litellm_record_period(ngx_litellm_record_t *rd, ngx_litellm_json_t *v,
    const char *name, ngx_litellm_budget_t *budget)
{
    ngx_int_t  rc;

    rc = ngx_litellm_record_text(rd, v, name, &budget->duration);
    if (rc != NGX_OK) {
        return rc;
    }

    if (budget->duration.len
        && ngx_litellm_period_parse(&budget->duration, &budget->period)
           != NGX_OK)
    {
        return ngx_litellm_record_bad(rd, name, "must have a duration like "
                                      "30s, 30m, 12h, 30d, 1w or 1mo");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_record_flag(ngx_litellm_record_t *rd, const char *name,
    ngx_uint_t *flag)
{
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_get(rd->root, name, ngx_strlen(name));

    if (v == NULL || v->type == NGX_LITELLM_JSON_NULL
        || v->type == NGX_LITELLM_JSON_FALSE)
    {
        return NGX_OK;
    }

    if (v->type != NGX_LITELLM_JSON_TRUE) {
        return ngx_litellm_record_bad(rd, name, "must be true or false");
    }

    *flag = 1;

    return NGX_OK;
}


/* a number is taken for a text: ids are often written so */

static ngx_int_t
ngx_litellm_record_text(ngx_litellm_record_t *rd, ngx_litellm_json_t *v,
    const char *name, ngx_str_t *dst)
{
    ngx_str_t  text;

    if (v == NULL || v->type == NGX_LITELLM_JSON_NULL) {
        return NGX_OK;
    }

    if (v->type == NGX_LITELLM_JSON_NUMBER) {
        text.data = v->start;
        text.len = v->len;

    } else if (v->type == NGX_LITELLM_JSON_STRING) {
        text = ngx_litellm_json_text(v);

    } else {
        return ngx_litellm_record_bad(rd, name, "must be a text");
    }

    if (text.len > NGX_LITELLM_ID_MAX) {
        return ngx_litellm_record_bad(rd, name, "is longer than 256 bytes");
    }

    return ngx_litellm_json_unescape(rd->pool, dst, &text);
}


/* an empty list is none at all, as in LiteLLM */

static ngx_int_t
ngx_litellm_record_strings(ngx_litellm_record_t *rd, ngx_litellm_json_t *v,
    const char *name, ngx_array_t **dst)
{
    ngx_int_t            rc;
    ngx_str_t           *item;
    ngx_uint_t           i;
    ngx_litellm_json_t  *e;

    if (v == NULL || v->type == NGX_LITELLM_JSON_NULL) {
        return NGX_OK;
    }

    if (v->type != NGX_LITELLM_JSON_ARRAY
        || v->count > NGX_LITELLM_ALLOWED_MAX)
    {
        return ngx_litellm_record_bad(rd, name, "must be a list of texts, "
                                      "4096 at most");
    }

    if (v->count == 0) {
        return NGX_OK;
    }

    *dst = ngx_array_create(rd->pool, v->count, sizeof(ngx_str_t));
    if (*dst == NULL) {
        return NGX_ERROR;
    }

    e = v + 1;

    for (i = 0; i < v->count; i++, e = ngx_litellm_json_next(e)) {

        if (e->type != NGX_LITELLM_JSON_STRING) {
            return ngx_litellm_record_bad(rd, name, "must be a list of "
                                          "texts, 4096 at most");
        }

        item = ngx_array_push(*dst);
        if (item == NULL) {
            return NGX_ERROR;
        }

        ngx_str_null(item);

        rc = ngx_litellm_record_text(rd, e, name, item);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_record_bad(ngx_litellm_record_t *rd, const char *name,
    const char *what)
{
    u_char  *p;
    size_t   len;

    len = ngx_strlen(name) + ngx_strlen(what) + sizeof("\"\" ") - 1;

    p = ngx_pnalloc(rd->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    rd->why->data = p;
    rd->why->len = ngx_sprintf(p, "\"%s\" %s", name, what) - p;

    return NGX_DECLINED;
}
