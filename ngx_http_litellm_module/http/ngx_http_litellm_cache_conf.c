
/*
 * The litellm_cache... directives: read, merged as nginx merges, and joined
 * with the YAML's cache_params into what requests of a location use.  And who
 * shares answers with whom, which is a part of each key: principals, variables
 * and what else leads requests of one text to answers of different models.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_cache_zone.h"
#include "ngx_http_litellm_pick.h"


/* where answers are kept if no zone is declared */
#define NGX_HTTP_LITELLM_CACHE_ZONE  (64 * 1024 * 1024)

#define NGX_HTTP_LITELLM_CACHE_VALID  (366 * 86400)

/* an answer takes longer than a page: nginx has 5s */
#define NGX_HTTP_LITELLM_CACHE_LOCK   60000

/* of a scope, without memory for them */
#define NGX_HTTP_LITELLM_CACHE_PARTS  8


/* of a scope: written so that two lists never are one text */
typedef struct {
    u_char      kind;
    ngx_str_t   text;
} ngx_http_litellm_cache_part_t;


static ngx_int_t ngx_http_litellm_cache_words(ngx_conf_t *cf,
    ngx_http_litellm_cache_set_t *set, ngx_str_t *value);
static ngx_shm_zone_t *ngx_http_litellm_cache_default(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf);
static ngx_int_t ngx_http_litellm_cache_share(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf, ngx_http_litellm_cache_set_t *set,
    ngx_http_litellm_cache_conf_t *cc);
static ngx_int_t ngx_http_litellm_cache_principals(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_uint_t scope, ngx_array_t *parts);
static ngx_int_t ngx_http_litellm_cache_values(ngx_http_request_t *r,
    ngx_array_t *values, ngx_array_t *parts);
static ngx_int_t ngx_http_litellm_cache_tags(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_array_t *parts);
static ngx_int_t ngx_http_litellm_cache_part(ngx_http_request_t *r,
    ngx_array_t *parts, u_char kind, ngx_str_t *text);
static ngx_int_t ngx_http_litellm_cache_join(ngx_http_request_t *r,
    ngx_array_t *parts, ngx_str_t *scope);


void
ngx_http_litellm_cache_conf_init(ngx_http_litellm_cache_set_t *set)
{
    set->enable = NGX_CONF_UNSET;
    set->zone = NGX_CONF_UNSET_PTR;
    set->valid = NGX_CONF_UNSET;
    set->max_size = NGX_CONF_UNSET_SIZE;
    set->scope = NGX_CONF_UNSET_PTR;
    set->bypass = NGX_CONF_UNSET_PTR;
    set->no_store = NGX_CONF_UNSET_PTR;
    set->redis = NGX_CONF_UNSET_UINT;
    set->redis_timeout = NGX_CONF_UNSET_MSEC;
    set->lock = NGX_CONF_UNSET;
    set->lock_age = NGX_CONF_UNSET_MSEC;
    set->lock_timeout = NGX_CONF_UNSET_MSEC;
}


/* litellm_cache on | off | zone */

char *
ngx_http_litellm_cache_switch(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_litellm_loc_conf_t *lcf = conf;

    ngx_str_t                     *value;
    ngx_http_litellm_cache_set_t  *set;

    set = &lcf->cache_set;

    if (set->enable != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    set->enable = 1;
    set->zone = NULL;

    if (value[1].len == 2 && ngx_strncmp(value[1].data, "on", 2) == 0) {
        return NGX_CONF_OK;
    }

    if (value[1].len == 3 && ngx_strncmp(value[1].data, "off", 3) == 0) {
        set->enable = 0;
        return NGX_CONF_OK;
    }

    if (value[1].len == 0) {
        return "has an empty name of a zone";
    }

    set->zone = ngx_http_litellm_cache_zone_add(cf, &value[1], 0);

    return set->zone ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* litellm_cache_scope none | [key] [team] [user] [end_user] [string ...] */

char *
ngx_http_litellm_cache_scope_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_litellm_loc_conf_t *lcf = conf;

    ngx_str_t                     *value;
    ngx_uint_t                     i, none;
    ngx_http_litellm_cache_set_t  *set;

    set = &lcf->cache_set;

    if (set->scope != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    set->scope = NULL;
    set->by = 0;

    value = cf->args->elts;
    none = 0;

    for (i = 1; i < cf->args->nelts; i++) {

        if (value[i].len == 4 && ngx_strncmp(value[i].data, "none", 4) == 0) {
            none = 1;
        }

        if (ngx_http_litellm_cache_words(cf, set, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (none && cf->args->nelts > 2) {
        return "has \"none\" beside other parameters";
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_litellm_cache_words(ngx_conf_t *cf,
    ngx_http_litellm_cache_set_t *set, ngx_str_t *value)
{
    ngx_http_complex_value_t          *cv;
    ngx_http_compile_complex_value_t   ccv;

    if (ngx_litellm_config_cache_scope(value, &set->by) == NGX_OK) {
        return NGX_OK;
    }

    if (ngx_http_script_variables_count(value) == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\", expected \"none\", "
                           "\"key\", \"team\", \"user\", \"end_user\" or a "
                           "string with variables", value);
        return NGX_ERROR;
    }

    if (set->scope == NULL) {
        set->scope = ngx_array_create(cf->pool, 2,
                                      sizeof(ngx_http_complex_value_t));
        if (set->scope == NULL) {
            return NGX_ERROR;
        }
    }

    cv = ngx_array_push(set->scope);
    if (cv == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = value;
    ccv.complex_value = cv;

    return ngx_http_compile_complex_value(&ccv);
}


void
ngx_http_litellm_cache_conf_merge(ngx_http_litellm_cache_set_t *conf,
    ngx_http_litellm_cache_set_t *prev)
{
    if (conf->enable == NGX_CONF_UNSET) {
        conf->enable = prev->enable;
        conf->zone = prev->zone;
    }

    ngx_conf_merge_ptr_value(conf->zone, prev->zone, NULL);

    ngx_conf_merge_sec_value(conf->valid, prev->valid, NGX_CONF_UNSET);
    ngx_conf_merge_size_value(conf->max_size, prev->max_size,
                              NGX_CONF_UNSET_SIZE);

    if (conf->scope == NGX_CONF_UNSET_PTR) {
        conf->scope = prev->scope;
        conf->by = prev->by;
    }

    ngx_conf_merge_ptr_value(conf->bypass, prev->bypass, NULL);
    ngx_conf_merge_ptr_value(conf->no_store, prev->no_store, NULL);

    if (conf->redis == NGX_CONF_UNSET_UINT) {
        conf->redis = prev->redis;
        conf->redis_timeout = prev->redis_timeout;
    }

    ngx_conf_merge_value(conf->lock, prev->lock, 0);
    ngx_conf_merge_msec_value(conf->lock_age, prev->lock_age,
                              NGX_HTTP_LITELLM_CACHE_LOCK);
    ngx_conf_merge_msec_value(conf->lock_timeout, prev->lock_timeout,
                              NGX_HTTP_LITELLM_CACHE_LOCK);
}


/* of a location that serves: lcf->cache */

ngx_int_t
ngx_http_litellm_cache_conf_make(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf, ngx_http_litellm_loc_conf_t *lcf)
{
    ngx_litellm_cache_t            *settings;
    ngx_http_litellm_cache_set_t   *set;
    ngx_http_litellm_cache_conf_t  *cc;

    set = &lcf->cache_set;

    if (set->valid != NGX_CONF_UNSET
        && (set->valid == 0 || set->valid > NGX_HTTP_LITELLM_CACHE_VALID))
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"litellm_cache_valid\" must be from 1s to 366d");
        return NGX_ERROR;
    }

    if (set->enable == 0
        || (set->enable == NGX_CONF_UNSET && !lcf->config->cache.enable))
    {
        return NGX_OK;
    }

    cc = ngx_pcalloc(cf->pool, sizeof(ngx_http_litellm_cache_conf_t));
    if (cc == NULL) {
        return NGX_ERROR;
    }

    settings = &cc->settings;

    *settings = lcf->config->cache;
    settings->enable = 1;

    if (set->valid != NGX_CONF_UNSET) {
        settings->ttl = (ngx_int_t) set->valid;
        settings->redis_ttl = (ngx_int_t) set->valid;
    }

    if (set->max_size != NGX_CONF_UNSET_SIZE) {
        settings->max_size = set->max_size;
    }

    if (set->scope != NGX_CONF_UNSET_PTR) {
        settings->scope = set->by;
        cc->scope = set->scope;
    }

    cc->bypass = set->bypass;
    cc->no_store = set->no_store;

    cc->lock = set->lock;
    cc->lock_age = set->lock_age;
    cc->lock_timeout = set->lock_timeout;

    if (set->redis != NGX_HTTP_LITELLM_CACHE_REDIS_ONLY) {
        cc->zone = set->zone ? set->zone
                             : ngx_http_litellm_cache_default(cf, mcf);
        if (cc->zone == NULL) {
            return NGX_ERROR;
        }
    }

    lcf->cache = cc;

    return ngx_http_litellm_cache_share(cf, mcf, set, cc);
}


/* with other gateways; what that is by is known when all is read */

static ngx_int_t
ngx_http_litellm_cache_share(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf, ngx_http_litellm_cache_set_t *set,
    ngx_http_litellm_cache_conf_t *cc)
{
    ngx_uint_t        i;
    ngx_shm_zone_t  **zone;

    cc->redis = (set->redis == NGX_CONF_UNSET_UINT)
                ? cc->settings.redis
                : (set->redis != NGX_HTTP_LITELLM_CACHE_REDIS_OFF);

    cc->redis_timeout = (set->redis_timeout == NGX_CONF_UNSET_MSEC)
                        ? NGX_HTTP_LITELLM_CACHE_REDIS_TIMEOUT
                        : set->redis_timeout;

    if (!cc->redis) {
        return NGX_OK;
    }

    mcf->cache_shared = 1;
    mcf->cache_redis_set |= (set->redis != NGX_CONF_UNSET_UINT);
    mcf->cache_redis_named |= cc->settings.redis_named;

    if (cc->zone == NULL) {
        return NGX_OK;
    }

    zone = mcf->cache_zones.elts;

    for (i = 0; i < mcf->cache_zones.nelts; i++) {
        if (zone[i] == cc->zone) {
            return NGX_OK;
        }
    }

    zone = ngx_array_push(&mcf->cache_zones);
    if (zone == NULL) {
        return NGX_ERROR;
    }

    *zone = cc->zone;

    return NGX_OK;
}


static ngx_shm_zone_t *
ngx_http_litellm_cache_default(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf)
{
    ngx_str_t  name;

    if (mcf->cache_zone == NULL) {
        ngx_str_set(&name, "litellm_cache");

        mcf->cache_zone = ngx_http_litellm_cache_zone_add(cf, &name,
                                                 NGX_HTTP_LITELLM_CACHE_ZONE);
    }

    return mcf->cache_zone;
}


ngx_int_t
ngx_http_litellm_cache_scope(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_cache_conf_t *cc,
    ngx_str_t *scope)
{
    ngx_int_t                      rc;
    ngx_str_t                     *own;
    ngx_array_t                    parts;
    ngx_http_litellm_main_conf_t  *mcf;
    ngx_http_litellm_cache_part_t  first[NGX_HTTP_LITELLM_CACHE_PARTS];

    ngx_str_null(scope);

    /* more than these are in the request's memory */

    parts.elts = first;
    parts.nelts = 0;
    parts.size = sizeof(ngx_http_litellm_cache_part_t);
    parts.nalloc = NGX_HTTP_LITELLM_CACHE_PARTS;
    parts.pool = r->pool;

    /*
     * A request may name a namespace of its own, inside of this one.  Files
     * without a namespace do not share: a group of the same name may be
     * another model.
     */

    own = &cc->settings.namespace;

    if (own->len) {
        rc = ngx_http_litellm_cache_part(r, &parts, 'n', own);

    } else {
        mcf = ngx_http_get_module_main_conf(r, ngx_http_litellm_module);

        rc = (mcf->files.nelts > 1)
             ? ngx_http_litellm_cache_part(r, &parts, 'f',
                                           &ctx->call.config->file)
             : NGX_OK;
    }

    if (rc == NGX_OK && cc->settings.scope) {
        rc = ngx_http_litellm_cache_principals(r, ctx, cc->settings.scope,
                                               &parts);
    }

    if (rc == NGX_OK && cc->scope) {
        rc = ngx_http_litellm_cache_values(r, cc->scope, &parts);
    }

    if (rc == NGX_OK && ctx->tag_rule != NGX_HTTP_LITELLM_TAGS_ALL) {
        rc = ngx_http_litellm_cache_tags(r, ctx, &parts);
    }

    if (rc != NGX_OK || parts.nelts == 0) {
        return rc;
    }

    return ngx_http_litellm_cache_join(r, &parts, scope);
}


/* strangers without a name never share: NGX_DECLINED */

static ngx_int_t
ngx_http_litellm_cache_principals(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_uint_t scope, ngx_array_t *parts)
{
    ngx_str_t                key, *id;
    ngx_uint_t               i;
    ngx_http_litellm_who_t  *who;

    static const struct {
        ngx_uint_t           bit;
        u_char               kind;
    } kinds[] = {
        { NGX_LITELLM_CACHE_BY_KEY, 'k' },
        { NGX_LITELLM_CACHE_BY_TEAM, 't' },
        { NGX_LITELLM_CACHE_BY_USER, 'u' },
        { NGX_LITELLM_CACHE_BY_END_USER, 'e' }
    };

    who = &ctx->who;

    if (who->key) {
        key = who->key->id;

    } else if (who->master) {
        ngx_str_set(&key, "master");

    } else {
        ngx_str_null(&key);
    }

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {

        if (!(scope & kinds[i].bit)) {
            continue;
        }

        switch (kinds[i].bit) {

        case NGX_LITELLM_CACHE_BY_KEY:
            id = &key;
            break;

        case NGX_LITELLM_CACHE_BY_TEAM:
            id = &who->team_id;
            break;

        case NGX_LITELLM_CACHE_BY_USER:
            id = &who->user_id;
            break;

        default: /* NGX_LITELLM_CACHE_BY_END_USER */
            id = &who->end_user_id;
        }

        if (id->len == 0) {
            return NGX_DECLINED;
        }

        if (ngx_http_litellm_cache_part(r, parts, kinds[i].kind, id)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_cache_values(ngx_http_request_t *r, ngx_array_t *values,
    ngx_array_t *parts)
{
    ngx_str_t                  text;
    ngx_uint_t                 i;
    ngx_http_complex_value_t  *cv;

    cv = values->elts;

    for (i = 0; i < values->nelts; i++) {

        if (ngx_http_complex_value(r, &cv[i], &text) != NGX_OK
            || ngx_http_litellm_cache_part(r, parts, 'v', &text) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * What deployments of the group are chosen by: others may be other models.
 * Of patterns those that match are known when they alone lead to somebody;
 * beside tags they are tried later, if at all.
 */

static ngx_int_t
ngx_http_litellm_cache_tags(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_array_t *parts)
{
    u_char                  *p;
    ngx_str_t                text;
    ngx_uint_t               i;
    ngx_http_litellm_tag_t  *tag;

    p = ngx_pnalloc(r->pool, NGX_INT_T_LEN + 1 + 16);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text.data = p;
    p = ngx_sprintf(p, "%ui", (ngx_uint_t) ctx->tag_rule);

    if (ctx->tag_rule == NGX_HTTP_LITELLM_TAGS_REGEX) {
        p = ngx_sprintf(p, ":%016xL", ctx->matched);
    }

    text.len = p - text.data;

    if (ngx_http_litellm_cache_part(r, parts, 'r', &text) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->tag_rule == NGX_HTTP_LITELLM_TAGS_NAMED
        && ctx->plan->tag_regex
        && ngx_http_litellm_cache_part(r, parts, 'a', &ctx->agent) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->tags == NULL) {
        return NGX_OK;
    }

    tag = ctx->tags->elts;

    for (i = 0; i < ctx->tags->nelts; i++) {
        if (!tag[i].foreign
            && ngx_http_litellm_cache_part(r, parts, '0' + tag[i].kind,
                                           &tag[i].name)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_cache_part(ngx_http_request_t *r, ngx_array_t *parts,
    u_char kind, ngx_str_t *text)
{
    ngx_http_litellm_cache_part_t  *part;

    part = ngx_array_push(parts);
    if (part == NULL) {
        return NGX_ERROR;
    }

    part->kind = kind;
    part->text = *text;

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_cache_join(ngx_http_request_t *r, ngx_array_t *parts,
    ngx_str_t *scope)
{
    u_char                         *p;
    size_t                          len;
    ngx_uint_t                      i;
    ngx_http_litellm_cache_part_t  *part;

    part = parts->elts;

    for (i = 0, len = 0; i < parts->nelts; i++) {
        len += 1 + NGX_SIZE_T_LEN + 1 + part[i].text.len;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    scope->data = p;

    for (i = 0; i < parts->nelts; i++) {
        *p++ = part[i].kind;
        p = ngx_litellm_out_digits(p, part[i].text.len);
        *p++ = ':';

        if (part[i].text.len) {
            p = ngx_cpymem(p, part[i].text.data, part[i].text.len);
        }
    }

    scope->len = p - scope->data;

    return NGX_OK;
}
