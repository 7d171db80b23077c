
/*
 * Answers that are kept: "cache" and "cache_params" of litellm_settings, the
 * guide's "cache" at the top level, "cache_responses" and "caching_groups" of
 * router_settings, and what a deployment says of itself.
 *
 * Whatever type of cache the file names, answers are kept in shared memory,
 * found by what was asked for; those of type redis in a Redis, too, if one is
 * known.  A type that LiteLLM has beyond that is told.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"


/* LiteLLM's, in seconds and bytes */
#define NGX_LITELLM_CF_CACHE_TTL        600
#define NGX_LITELLM_CF_CACHE_REDIS_TTL  60
#define NGX_LITELLM_CF_CACHE_SIZE       (1024 * 1024)

/* of a text or a time that nobody means */
#define NGX_LITELLM_CF_CACHE_NAME       256
#define NGX_LITELLM_CF_CACHE_TTL_MAX    (366 * 86400)

#define NGX_LITELLM_CF_CACHE_OPS                                              \
    (NGX_LITELLM_CACHE_CHAT|NGX_LITELLM_CACHE_COMPLETIONS                     \
     |NGX_LITELLM_CACHE_EMBEDDINGS|NGX_LITELLM_CACHE_RERANK)


/* where cache_params are looked for: the first one that has a key */
typedef struct {
    ngx_litellm_yaml_t  *maps[3];
    ngx_uint_t           n;
    ngx_litellm_yaml_t  *type;      /* a text in the place of true; or NULL */
} ngx_litellm_cf_cache_t;


typedef struct {
    const char          *word;
    ngx_uint_t           bits;
} ngx_litellm_cf_word_t;


static void ngx_litellm_cf_cache_switch(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_cache_t *in, ngx_litellm_yaml_t *v);
static void ngx_litellm_cf_cache_routed(ngx_litellm_cf_t *cf);
static void ngx_litellm_cf_cache_groups(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v);
static ngx_litellm_yaml_t *ngx_litellm_cf_cache_key(
    ngx_litellm_cf_cache_t *in, const char *name);
static void ngx_litellm_cf_cache_type(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v);
static void ngx_litellm_cf_cache_params(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_cache_t *in);
static void ngx_litellm_cf_cache_times(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_cache_t *in);
static void ngx_litellm_cf_cache_ttl(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v, const char *name, ngx_int_t *ttl);
static void ngx_litellm_cf_cache_mode(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v);
static void ngx_litellm_cf_cache_size(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v);
static void ngx_litellm_cf_cache_words(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v, const char *name,
    const ngx_litellm_cf_word_t *words, const char *expected,
    ngx_uint_t *bits);
static ngx_uint_t ngx_litellm_cf_cache_off(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v, const char *name);


static const ngx_litellm_cf_word_t  ngx_litellm_cf_cache_calls[] = {
    { "completion", NGX_LITELLM_CACHE_CHAT },
    { "acompletion", NGX_LITELLM_CACHE_CHAT },
    { "text_completion", NGX_LITELLM_CACHE_COMPLETIONS },
    { "atext_completion", NGX_LITELLM_CACHE_COMPLETIONS },
    { "embedding", NGX_LITELLM_CACHE_EMBEDDINGS },
    { "aembedding", NGX_LITELLM_CACHE_EMBEDDINGS },
    { "rerank", NGX_LITELLM_CACHE_RERANK },
    { "arerank", NGX_LITELLM_CACHE_RERANK },

    /* LiteLLM's, of requests that are not served here */

    { "transcription", 0 },
    { "atranscription", 0 },
    { "responses", 0 },
    { "aresponses", 0 },
    { "anthropic_messages", 0 },
    { NULL, 0 }
};


static const ngx_litellm_cf_word_t  ngx_litellm_cf_cache_scopes[] = {
    { "none", 0 },
    { "key", NGX_LITELLM_CACHE_BY_KEY },
    { "team", NGX_LITELLM_CACHE_BY_TEAM },
    { "user", NGX_LITELLM_CACHE_BY_USER },
    { "end_user", NGX_LITELLM_CACHE_BY_END_USER },
    { NULL, 0 }
};


void
ngx_litellm_config_cache_init(ngx_litellm_cache_t *c)
{
    ngx_memzero(c, sizeof(ngx_litellm_cache_t));

    c->ops = NGX_LITELLM_CF_CACHE_OPS;
    c->ttl = NGX_LITELLM_CF_CACHE_TTL;
    c->redis_ttl = NGX_LITELLM_CF_CACHE_REDIS_TTL;
    c->max_messages = -1;
    c->max_temperature = -1;
    c->max_size = NGX_LITELLM_CF_CACHE_SIZE;
}


ngx_uint_t
ngx_litellm_config_cached(ngx_litellm_cache_t *c, ngx_array_t *deployments,
    ngx_int_t *ttl)
{
    ngx_uint_t                  i;
    ngx_litellm_deployment_t  **d;

    if (!c->by_model) {
        return 1;
    }

    d = deployments->elts;

    for (i = 0; i < deployments->nelts; i++) {

        if (d[i]->cache_off) {
            return 0;
        }

        if (d[i]->cache_ttl != -1 && d[i]->cache_ttl < *ttl) {
            *ttl = d[i]->cache_ttl;
        }
    }

    return 1;
}


ngx_str_t *
ngx_litellm_config_caching_group(ngx_litellm_cache_t *c, ngx_str_t *group)
{
    ngx_str_t     *name;
    ngx_uint_t     i, j;
    ngx_array_t  **names;

    if (c->groups == NULL) {
        return group;
    }

    names = c->groups->elts;

    for (i = 0; i < c->groups->nelts; i++) {
        name = names[i]->elts;

        for (j = 0; j < names[i]->nelts; j++) {
            if (name[j].len == group->len
                && ngx_memcmp(name[j].data, group->data, group->len) == 0)
            {
                return &name[0];
            }
        }
    }

    return group;
}


/* words of litellm_cache_scope, too; NGX_DECLINED: none of them */

ngx_int_t
ngx_litellm_config_cache_scope(ngx_str_t *word, ngx_uint_t *scope)
{
    const ngx_litellm_cf_word_t  *w;

    for (w = ngx_litellm_cf_cache_scopes; w->word; w++) {

        if (ngx_strlen(w->word) == word->len
            && ngx_memcmp(w->word, word->data, word->len) == 0)
        {
            *scope |= w->bits;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


void
ngx_litellm_cf_cache(ngx_litellm_cf_t *cf)
{
    ngx_litellm_yaml_t      *litellm, *v;
    ngx_litellm_cf_cache_t   in;

    litellm = ngx_litellm_cf_section(cf, "litellm_settings");

    ngx_litellm_config_cache_init(&cf->conf->cache);

    ngx_memzero(&in, sizeof(ngx_litellm_cf_cache_t));

    v = ngx_litellm_yaml_member(litellm, "cache_params");

    if (v != NULL && v->type == NGX_LITELLM_YAML_MAP) {
        in.maps[in.n++] = v;

    } else if (v != NULL && (v->type != NGX_LITELLM_YAML_SCALAR
                             || v->kind != NGX_LITELLM_YAML_NULL))
    {
        ngx_litellm_cf_error(cf, v, "\"cache_params\" must be a map");
    }

    ngx_litellm_cf_cache_switch(cf, &in, ngx_litellm_cf_section(cf, "cache"));
    ngx_litellm_cf_cache_switch(cf, &in,
                                ngx_litellm_yaml_member(litellm, "cache"));

    ngx_litellm_cf_cache_params(cf, &in);
    ngx_litellm_cf_cache_times(cf, &in);
    ngx_litellm_cf_cache_routed(cf);
}


/*
 * The router's own word stands above: false is off, and true is on without a
 * cache of litellm_settings: in memory, or in the Redis that the router names.
 */

static void
ngx_litellm_cf_cache_routed(ngx_litellm_cf_t *cf)
{
    ngx_flag_t            flag;
    ngx_litellm_yaml_t   *router, *v;
    ngx_litellm_cache_t  *c;

    c = &cf->conf->cache;
    router = ngx_litellm_cf_section(cf, "router_settings");

    ngx_litellm_cf_cache_groups(cf,
                          ngx_litellm_yaml_member(router, "caching_groups"));

    v = ngx_litellm_yaml_member(router, "cache_responses");

    if (ngx_litellm_cf_flag(cf, v, "cache_responses", &flag) != NGX_OK) {
        return;
    }

    if (!flag && c->enable) {
        ngx_litellm_cf_warn(cf, v, "answers are not kept: \"cache_responses\" "
                            "is false");
        c->enable = 0;
        c->redis = 0;
        c->redis_named = 0;
    }

    if (flag && !c->enable) {
        c->enable = 1;
        c->routed = 1;
        c->redis = ngx_litellm_yaml_member(router, "redis_url") != NULL
                   || ngx_litellm_yaml_member(router, "redis_host") != NULL;
    }
}


/* lists of names; each list's members share answers */

static void
ngx_litellm_cf_cache_groups(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v)
{
    ngx_array_t               *names, **group;
    ngx_litellm_yaml_t        *list;
    ngx_litellm_cache_t       *c;
    ngx_litellm_yaml_pair_t   *pair;

    if (v == NULL || (v->type == NGX_LITELLM_YAML_SCALAR
                      && v->kind == NGX_LITELLM_YAML_NULL))
    {
        return;
    }

    if (v->type != NGX_LITELLM_YAML_LIST) {
        ngx_litellm_cf_error(cf, v, "\"caching_groups\" must be a list of "
                             "lists of model names");
        return;
    }

    c = &cf->conf->cache;

    for (pair = v->first; pair; pair = pair->next) {
        list = pair->value;
        names = NULL;

        if (list->type != NGX_LITELLM_YAML_LIST) {
            ngx_litellm_cf_error(cf, list, "\"caching_groups\" must be a list "
                                 "of lists of model names");
            return;
        }

        if (ngx_litellm_cf_strings(cf, list, "caching_groups", &names)
            != NGX_OK
            || names == NULL)
        {
            continue;
        }

        if (c->groups == NULL) {
            c->groups = ngx_array_create(cf->pool, 4, sizeof(ngx_array_t *));
        }

        group = c->groups ? ngx_array_push(c->groups) : NULL;

        if (group == NULL) {
            cf->failed = 1;
            return;
        }

        *group = names;
    }
}


/* true, false, a map of parameters; or a text: its type */

static void
ngx_litellm_cf_cache_switch(ngx_litellm_cf_t *cf, ngx_litellm_cf_cache_t *in,
    ngx_litellm_yaml_t *v)
{
    ngx_int_t                 rc;
    ngx_str_t                 text;
    ngx_litellm_yaml_kind_e   kind;

    if (v != NULL && v->type == NGX_LITELLM_YAML_MAP) {
        in->maps[in->n++] = v;
        cf->conf->cache.enable = 1;
        return;
    }

    rc = ngx_litellm_cf_text(cf, v, &text, &kind);

    if (rc == NGX_OK && kind == NGX_LITELLM_YAML_STRING && text.len > 1
        && ngx_litellm_yaml_kind(&text) == NGX_LITELLM_YAML_STRING)
    {
        ngx_litellm_cf_warn(cf, v, "\"cache\" is true or false; the kind of "
                            "cache is cache_params.type");

        cf->conf->cache.enable = 1;
        in->type = v;

        return;
    }

    (void) ngx_litellm_cf_flag(cf, v, "cache", &cf->conf->cache.enable);
}


/* NULL for an absent or null value */

static ngx_litellm_yaml_t *
ngx_litellm_cf_cache_key(ngx_litellm_cf_cache_t *in, const char *name)
{
    ngx_uint_t           i;
    ngx_litellm_yaml_t  *v;

    for (i = 0; i < in->n; i++) {
        v = ngx_litellm_yaml_get(in->maps[i], name, ngx_strlen(name));

        if (v != NULL && (v->type != NGX_LITELLM_YAML_SCALAR
                          || v->kind != NGX_LITELLM_YAML_NULL))
        {
            return v;
        }
    }

    return NULL;
}


static void
ngx_litellm_cf_cache_type(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v)
{
    ngx_str_t             type;
    ngx_litellm_cache_t  *c;

    c = &cf->conf->cache;

    if (ngx_litellm_cf_str(cf, v, "type", &type) != NGX_OK) {
        return;
    }

    if (ngx_litellm_cf_is(&type, "local")) {
        c->redis = 0;
        return;
    }

    if (ngx_litellm_cf_is(&type, "redis")
        || ngx_litellm_cf_is(&type, "valkey"))
    {
        c->redis = 1;
        c->redis_named = 1;
        return;
    }

    c->redis = 0;

    if (c->enable) {
        ngx_litellm_cf_warn(cf, v, "caches of type \"%V\" are not served: "
                            "answers are kept in memory, for requests that "
                            "are the same", ngx_litellm_cf_shown(v, &type));
    }
}


static void
ngx_litellm_cf_cache_params(ngx_litellm_cf_t *cf, ngx_litellm_cf_cache_t *in)
{
    int64_t               n;
    ngx_litellm_yaml_t   *v;
    ngx_litellm_cache_t  *c;

    c = &cf->conf->cache;

    /* no type is redis, as in LiteLLM */

    c->redis = c->enable ? 1 : 0;

    v = ngx_litellm_cf_cache_key(in, "type");

    ngx_litellm_cf_cache_type(cf, v ? v : in->type);

    ngx_litellm_cf_cache_mode(cf, ngx_litellm_cf_cache_key(in, "mode"));
    ngx_litellm_cf_cache_size(cf, ngx_litellm_cf_cache_key(in, "max_size"));

    ngx_litellm_cf_cache_words(cf,
                     ngx_litellm_cf_cache_key(in, "supported_call_types"),
                     "supported_call_types", ngx_litellm_cf_cache_calls,
                     "completion, text_completion, embedding or rerank",
                     &c->ops);
    ngx_litellm_cf_cache_words(cf, ngx_litellm_cf_cache_key(in, "scope"),
                     "scope", ngx_litellm_cf_cache_scopes,
                     "none, key, team, user or end_user", &c->scope);

    (void) ngx_litellm_cf_flag(cf, ngx_litellm_cf_cache_key(in, "by_user"),
                               "by_user", &c->user);

    v = ngx_litellm_cf_cache_key(in, "namespace");

    if (ngx_litellm_cf_str(cf, v, "namespace", &c->namespace) == NGX_OK
        && (c->namespace.len > NGX_LITELLM_CF_CACHE_NAME
            || ngx_litellm_cf_control(&c->namespace)))
    {
        ngx_litellm_cf_error(cf, v, "\"namespace\" must be a text of at most "
                             "256 bytes, without control characters");
    }

    if (ngx_litellm_cf_int(cf, ngx_litellm_cf_cache_key(in, "max_messages"),
                           "max_messages", 0, 1000000, &n)
        == NGX_OK)
    {
        c->max_messages = (ngx_int_t) n;
    }

    if (ngx_litellm_cf_fixed(cf,
                             ngx_litellm_cf_cache_key(in, "max_temperature"),
                             "max_temperature", 6, 100000000, &n)
        == NGX_OK)
    {
        c->max_temperature = n;
    }
}


/* what is said of one place counts before what is said of both */

static void
ngx_litellm_cf_cache_times(ngx_litellm_cf_t *cf, ngx_litellm_cf_cache_t *in)
{
    ngx_int_t             ttl;
    ngx_litellm_yaml_t   *litellm;
    ngx_litellm_cache_t  *c;

    c = &cf->conf->cache;
    litellm = ngx_litellm_cf_section(cf, "litellm_settings");

    ngx_litellm_cf_cache_ttl(cf,
                     ngx_litellm_yaml_member(litellm, "default_in_memory_ttl"),
                     "default_in_memory_ttl", &c->ttl);
    ngx_litellm_cf_cache_ttl(cf,
                     ngx_litellm_yaml_member(litellm, "default_redis_ttl"),
                     "default_redis_ttl", &c->redis_ttl);

    ttl = 0;

    ngx_litellm_cf_cache_ttl(cf, ngx_litellm_cf_cache_key(in, "ttl"), "ttl",
                             &ttl);

    if (ttl) {
        c->ttl = ttl;
        c->redis_ttl = ttl;
    }

    ngx_litellm_cf_cache_ttl(cf,
                     ngx_litellm_cf_cache_key(in, "default_in_memory_ttl"),
                     "default_in_memory_ttl", &c->ttl);
    ngx_litellm_cf_cache_ttl(cf,
                     ngx_litellm_cf_cache_key(in, "default_in_redis_ttl"),
                     "default_in_redis_ttl", &c->redis_ttl);
}


static void
ngx_litellm_cf_cache_ttl(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    const char *name, ngx_int_t *ttl)
{
    int64_t  n;

    if (ngx_litellm_cf_fixed(cf, v, name, 3, INT64_MAX, &n)
        != NGX_OK)
    {
        return;
    }

    if (n < 1000) {
        ngx_litellm_cf_error(cf, v, "\"%s\" must be a second or more", name);
        return;
    }

    *ttl = (ngx_int_t) ngx_min(n / 1000, NGX_LITELLM_CF_CACHE_TTL_MAX);
}


static void
ngx_litellm_cf_cache_mode(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v)
{
    ngx_str_t  mode;

    if (ngx_litellm_cf_str(cf, v, "mode", &mode) != NGX_OK) {
        return;
    }

    if (ngx_litellm_cf_is(&mode, "default_on")) {
        cf->conf->cache.default_off = 0;

    } else if (ngx_litellm_cf_is(&mode, "default_off")) {
        cf->conf->cache.default_off = 1;

    } else {
        ngx_litellm_cf_error(cf, v, "\"mode\" must be default_on or "
                             "default_off");
    }
}


/* bytes, or a size as nginx has them */

static void
ngx_litellm_cf_cache_size(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v)
{
    ssize_t    size;
    ngx_str_t  text;

    if (ngx_litellm_cf_str(cf, v, "max_size", &text) != NGX_OK) {
        return;
    }

    size = ngx_parse_size(&text);

    if (size == NGX_ERROR || size == 0) {
        ngx_litellm_cf_error(cf, v, "\"max_size\" must be a size like 65536, "
                             "64k or 1m");
        return;
    }

    cf->conf->cache.max_size = size;
}


/* a word, or a list of them */

static void
ngx_litellm_cf_cache_words(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    const char *name, const ngx_litellm_cf_word_t *words,
    const char *expected, ngx_uint_t *bits)
{
    ngx_str_t                    *text;
    ngx_uint_t                    i;
    ngx_array_t                  *list;
    const ngx_litellm_cf_word_t  *w;

    list = NULL;

    if (v == NULL || ngx_litellm_cf_strings(cf, v, name, &list) != NGX_OK) {
        return;
    }

    *bits = 0;

    if (list == NULL) {
        return;
    }

    text = list->elts;

    for (i = 0; i < list->nelts; i++) {

        for (w = words; w->word; w++) {
            if (ngx_strlen(w->word) == text[i].len
                && ngx_memcmp(w->word, text[i].data, text[i].len) == 0)
            {
                break;
            }
        }

        if (w->word == NULL) {
            ngx_litellm_cf_error(cf, v, "\"%s\" has \"%V\", expected %s",
                                 name, ngx_litellm_cf_shown(v, &text[i]),
                                 expected);
            return;
        }

        *bits |= w->bits;
    }
}


/*
 * Of a deployment: "cache" in model_info or litellm_params, false or a map of
 * controls, and LiteLLM's "caching".  Answers are looked for before one of the
 * deployments is picked, so what one says holds for its group.
 */

void
ngx_litellm_cf_cache_deployment(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_cf_entry_t *e)
{
    ngx_flag_t           flag;
    ngx_uint_t           i;
    ngx_litellm_yaml_t  *v;

    flag = 1;

    (void) ngx_litellm_cf_flag(cf, ngx_litellm_cf_param(e, "caching"),
                               "caching", &flag);

    d->cache_off = !flag;

    for (i = 0; i < 2; i++) {

        v = i ? ngx_litellm_yaml_member(e->info, "cache")
              : ngx_litellm_cf_param(e, "cache");

        if (v == NULL) {
            continue;
        }

        if (v->type == NGX_LITELLM_YAML_MAP) {

            if (ngx_litellm_cf_cache_off(cf, v, "no-cache")
                || ngx_litellm_cf_cache_off(cf, v, "no-store"))
            {
                d->cache_off = 1;
            }

            ngx_litellm_cf_cache_ttl(cf, ngx_litellm_yaml_member(v, "ttl"),
                                     "ttl", &d->cache_ttl);
            continue;
        }

        flag = 1;

        (void) ngx_litellm_cf_flag(cf, v, "cache", &flag);

        if (!flag) {
            d->cache_off = 1;
        }
    }

    if (d->cache_off || d->cache_ttl != -1) {
        cf->conf->cache.by_model = 1;
    }
}


static ngx_uint_t
ngx_litellm_cf_cache_off(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    const char *name)
{
    ngx_flag_t  flag;

    flag = 0;

    (void) ngx_litellm_cf_flag(cf, ngx_litellm_yaml_get(v, name,
                                                        ngx_strlen(name)),
                               name, &flag);

    return flag;
}
