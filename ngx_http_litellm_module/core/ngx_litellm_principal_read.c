
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
#include "ngx_litellm_principal_record.h"


#define NGX_LITELLM_RECORD_DEPTH  32
#define NGX_LITELLM_RECORD_NODES  16384

/* of a key: a hundred years */
#define NGX_LITELLM_LIFETIME_MAX  (36500LL * 86400)


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
