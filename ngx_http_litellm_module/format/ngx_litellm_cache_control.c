
/*
 * What a request says of the cache: "cache" and "caching" of its body, or
 * "cache" in the metadata of the key that it is made with, by LiteLLM's names.
 * And which requests the configuration wants to be kept at all.
 *
 * A control that is misspelt would keep an answer that nobody was to keep, so
 * nothing is passed over in silence.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_cache_key.h"
#include "ngx_litellm_openai.h"


/* what providers take a temperature for that is not said; millionths */
#define NGX_LITELLM_CACHE_TEMPERATURE  1000000


typedef enum {
    NGX_LITELLM_CACHE_NO_CACHE = 0,
    NGX_LITELLM_CACHE_NO_STORE,
    NGX_LITELLM_CACHE_USE,
    NGX_LITELLM_CACHE_TTL,
    NGX_LITELLM_CACHE_MAX_AGE,
    NGX_LITELLM_CACHE_NAMED
} ngx_litellm_cache_word_e;


static ngx_int_t ngx_litellm_cache_body(ngx_litellm_call_t *call,
    ngx_array_t *allowed, ngx_litellm_cache_control_t *c,
    ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_cache_own(ngx_litellm_call_t *call,
    ngx_str_t *json, ngx_litellm_cache_control_t *c, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_cache_controls(ngx_litellm_call_t *call,
    ngx_str_t *json, ngx_array_t *allowed, ngx_litellm_cache_control_t *c,
    ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_cache_control_one(ngx_litellm_call_t *call,
    ngx_litellm_json_t *key, ngx_array_t *allowed,
    ngx_litellm_cache_control_t *c, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_cache_allowed(ngx_litellm_call_t *call,
    const ngx_str_t *name, ngx_array_t *allowed, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_cache_flag(ngx_litellm_json_t *v,
    ngx_uint_t *flag, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_cache_seconds(ngx_litellm_json_t *v,
    ngx_int_t *seconds, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_cache_name(ngx_litellm_call_t *call,
    ngx_litellm_json_t *v, ngx_str_t *name, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_cache_bad(ngx_litellm_error_t *e,
    const char *message);


static const struct {
    ngx_str_t                  name;
    ngx_litellm_cache_word_e   word;
} ngx_litellm_cache_words[] = {
    { ngx_string("no-cache"), NGX_LITELLM_CACHE_NO_CACHE },
    { ngx_string("no-store"), NGX_LITELLM_CACHE_NO_STORE },
    { ngx_string("use-cache"), NGX_LITELLM_CACHE_USE },
    { ngx_string("ttl"), NGX_LITELLM_CACHE_TTL },
    { ngx_string("s-maxage"), NGX_LITELLM_CACHE_MAX_AGE },
    { ngx_string("s-max-age"), NGX_LITELLM_CACHE_MAX_AGE },
    { ngx_string("namespace"), NGX_LITELLM_CACHE_NAMED }
};

#define NGX_LITELLM_CACHE_WORDS                                               \
    (sizeof(ngx_litellm_cache_words) / sizeof(ngx_litellm_cache_words[0]))


ngx_int_t
ngx_litellm_cache_control(ngx_litellm_call_t *call,
    ngx_litellm_principal_t *key, ngx_litellm_cache_control_t *c,
    ngx_litellm_error_t *e)
{
    ngx_int_t  rc;

    ngx_memzero(c, sizeof(ngx_litellm_cache_control_t));

    c->ttl = -1;
    c->max_age = -1;

    rc = ngx_litellm_cache_body(call, key ? key->cache_controls : NULL, c, e);

    if (rc != NGX_OK || key == NULL || key->cache.len == 0) {
        return rc;
    }

    return ngx_litellm_cache_own(call, &key->cache, c, e);
}


static ngx_int_t
ngx_litellm_cache_body(ngx_litellm_call_t *call, ngx_array_t *allowed,
    ngx_litellm_cache_control_t *c, ngx_litellm_error_t *e)
{
    ngx_int_t              rc;
    ngx_str_t              json;
    ngx_uint_t             i, off;
    ngx_litellm_json_t    *v;
    ngx_litellm_member_t  *m;

    static const ngx_str_t  no_cache = ngx_string("no-cache");
    static const ngx_str_t  use_cache = ngx_string("use-cache");

    m = call->control.elts;
    off = 0;

    for (i = 0; i < call->control.nelts; i++) {

        v = m[i].value;

        if (m[i].key.len == sizeof("caching") - 1
            && ngx_memcmp(m[i].key.data, "caching", m[i].key.len) == 0)
        {
            off |= (v->type == NGX_LITELLM_JSON_FALSE);
            continue;
        }

        if (m[i].key.len != sizeof("cache") - 1
            || ngx_memcmp(m[i].key.data, "cache", m[i].key.len) != 0)
        {
            continue;
        }

        switch (v->type) {

        case NGX_LITELLM_JSON_NULL:
            break;

        case NGX_LITELLM_JSON_TRUE:
            c->use_cache = 1;

            rc = ngx_litellm_cache_allowed(call, &use_cache, allowed, e);
            if (rc != NGX_OK) {
                return rc;
            }

            break;

        case NGX_LITELLM_JSON_FALSE:
            off = 1;
            break;

        default:
            json.data = v->start;
            json.len = v->len;

            rc = ngx_litellm_cache_controls(call, &json, allowed, c, e);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    if (off) {
        c->no_cache = 1;
        c->no_store = 1;

        return ngx_litellm_cache_allowed(call, &no_cache, allowed, e);
    }

    return NGX_OK;
}


/* the key's, which the client can't be blamed for */

static ngx_int_t
ngx_litellm_cache_own(ngx_litellm_call_t *call, ngx_str_t *json,
    ngx_litellm_cache_control_t *c, ngx_litellm_error_t *e)
{
    ngx_int_t                     rc;
    ngx_litellm_cache_control_t   own;

    own.ttl = -1;
    own.max_age = -1;
    ngx_str_null(&own.namespace);
    own.no_cache = 0;
    own.no_store = 0;
    own.use_cache = 0;

    rc = ngx_litellm_cache_controls(call, json, NULL, &own, e);

    if (rc == NGX_DECLINED) {

        /* nobody knows what was meant: the least that can be kept */

        ngx_memzero(e, sizeof(ngx_litellm_error_t));

        own.no_cache = 1;
        own.no_store = 1;
        rc = NGX_OK;
    }

    *c = own;

    return rc;
}


static ngx_int_t
ngx_litellm_cache_controls(ngx_litellm_call_t *call, ngx_str_t *json,
    ngx_array_t *allowed, ngx_litellm_cache_control_t *c,
    ngx_litellm_error_t *e)
{
    ngx_int_t                rc;
    ngx_uint_t               i;
    ngx_litellm_json_t      *key;
    ngx_litellm_json_doc_t   doc;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = call->pool;
    doc.keep = 2;
    doc.max_nodes = 64;

    rc = ngx_litellm_json_parse(&doc, json->data, json->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc != NGX_OK || doc.root->type != NGX_LITELLM_JSON_OBJECT) {
        return ngx_litellm_cache_bad(e, "cache must be an object, true or "
                                     "false");
    }

    key = doc.root + 1;

    for (i = 0; i < doc.root->count; i++) {

        rc = ngx_litellm_cache_control_one(call, key, allowed, c, e);
        if (rc != NGX_OK) {
            return rc;
        }

        key = ngx_litellm_json_next(key + 1);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_cache_control_one(ngx_litellm_call_t *call,
    ngx_litellm_json_t *key, ngx_array_t *allowed,
    ngx_litellm_cache_control_t *c, ngx_litellm_error_t *e)
{
    ngx_int_t            rc;
    ngx_uint_t           i, flag;
    const ngx_str_t     *name;
    ngx_litellm_json_t  *v;

    for (i = 0; i < NGX_LITELLM_CACHE_WORDS; i++) {

        name = &ngx_litellm_cache_words[i].name;

        if (ngx_litellm_json_equal(key, (char *) name->data, name->len)) {
            break;
        }
    }

    if (i == NGX_LITELLM_CACHE_WORDS) {
        return ngx_litellm_cache_bad(e, "cache has a member that is none of "
                                     "no-cache, no-store, use-cache, ttl, "
                                     "s-maxage and namespace");
    }

    rc = ngx_litellm_cache_allowed(call, name, allowed, e);
    if (rc != NGX_OK) {
        return rc;
    }

    v = key + 1;

    if (v->type == NGX_LITELLM_JSON_NULL) {
        return NGX_OK;
    }

    switch (ngx_litellm_cache_words[i].word) {

    case NGX_LITELLM_CACHE_TTL:
        return ngx_litellm_cache_seconds(v, &c->ttl, e);

    case NGX_LITELLM_CACHE_MAX_AGE:
        return ngx_litellm_cache_seconds(v, &c->max_age, e);

    case NGX_LITELLM_CACHE_NAMED:
        return ngx_litellm_cache_name(call, v, &c->namespace, e);

    default:
        break;
    }

    flag = 0;

    rc = ngx_litellm_cache_flag(v, &flag, e);
    if (rc != NGX_OK) {
        return rc;
    }

    switch (ngx_litellm_cache_words[i].word) {

    case NGX_LITELLM_CACHE_NO_CACHE:
        c->no_cache = flag;
        break;

    case NGX_LITELLM_CACHE_NO_STORE:
        c->no_store = flag;
        break;

    default: /* NGX_LITELLM_CACHE_USE */
        c->use_cache = flag;
    }

    return NGX_OK;
}


/* an empty list allows all, as in LiteLLM */

static ngx_int_t
ngx_litellm_cache_allowed(ngx_litellm_call_t *call, const ngx_str_t *name,
    ngx_array_t *allowed, ngx_litellm_error_t *e)
{
    u_char      *p;
    size_t       len;
    ngx_str_t   *word;
    ngx_uint_t   i;

    if (allowed == NULL || allowed->nelts == 0) {
        return NGX_OK;
    }

    word = allowed->elts;

    for (i = 0; i < allowed->nelts; i++) {
        if (word[i].len == name->len
            && ngx_memcmp(word[i].data, name->data, name->len) == 0)
        {
            return NGX_OK;
        }
    }

    len = sizeof("Not allowed to set  as a cache control. Contact admin to "
                 "change permissions.") - 1 + name->len;

    p = ngx_pnalloc(call->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_litellm_cache_bad(e, "");

    e->class = NGX_LITELLM_PERMISSION_DENIED;
    e->status = 403;
    ngx_str_set(&e->type, "None");
    e->message.data = p;
    e->message.len = ngx_snprintf(p, len, "Not allowed to set %V as a cache "
                                  "control. Contact admin to change "
                                  "permissions.", name)
                     - p;

    return NGX_DECLINED;
}


static ngx_int_t
ngx_litellm_cache_flag(ngx_litellm_json_t *v, ngx_uint_t *flag,
    ngx_litellm_error_t *e)
{
    if (v->type != NGX_LITELLM_JSON_TRUE && v->type != NGX_LITELLM_JSON_FALSE)
    {
        return ngx_litellm_cache_bad(e, "no-cache, no-store and use-cache of "
                                     "cache must be true or false");
    }

    *flag = (v->type == NGX_LITELLM_JSON_TRUE);

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_cache_seconds(ngx_litellm_json_t *v, ngx_int_t *seconds,
    ngx_litellm_error_t *e)
{
    int64_t  n;

    if (v->type != NGX_LITELLM_JSON_NUMBER || v->start[0] == '-') {
        return ngx_litellm_cache_bad(e, "ttl and s-maxage of cache must be "
                                     "numbers of seconds, 0 or more");
    }

    /* what does not fit is a very long time */

    if (ngx_litellm_json_fixed(v, 0, &n) != NGX_OK
        || n > NGX_LITELLM_CACHE_TTL_MAX)
    {
        n = NGX_LITELLM_CACHE_TTL_MAX;
    }

    *seconds = (ngx_int_t) n;

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_cache_name(ngx_litellm_call_t *call, ngx_litellm_json_t *v,
    ngx_str_t *name, ngx_litellm_error_t *e)
{
    size_t     i;
    ngx_str_t  text;

    if (v->type != NGX_LITELLM_JSON_STRING) {
        return ngx_litellm_cache_bad(e, "namespace of cache must be a text");
    }

    text = ngx_litellm_json_text(v);

    if (ngx_litellm_json_unescape(call->pool, name, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < name->len; i++) {
        if (name->data[i] < 0x20 || name->data[i] == 0x7f) {
            break;
        }
    }

    if (i < name->len || name->len > NGX_LITELLM_CACHE_NAMESPACE) {
        return ngx_litellm_cache_bad(e, "namespace of cache must be a text of "
                                     "at most 256 bytes, without control "
                                     "characters");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_cache_bad(ngx_litellm_error_t *e, const char *message)
{
    return ngx_litellm_openai_bad(e, message, "cache");
}


ngx_uint_t
ngx_litellm_cache_able(ngx_litellm_cache_t *conf, ngx_litellm_call_t *call,
    ngx_litellm_cache_control_t *c)
{
    int64_t              n;
    ngx_litellm_json_t  *v;

    if (!(conf->ops & ((ngx_uint_t) 1 << call->op))
        || (conf->default_off && !c->use_cache))
    {
        return 0;
    }

    if (conf->max_messages != -1) {
        v = ngx_litellm_json_member(call->top.root, "messages");

        if (v != NULL && v->count > (ngx_uint_t) conf->max_messages) {
            return 0;
        }
    }

    if (conf->max_temperature == -1
        || call->op == NGX_LITELLM_OP_EMBEDDINGS
        || call->op == NGX_LITELLM_OP_RERANK)
    {
        return 1;
    }

    v = call->param[NGX_LITELLM_P_TEMPERATURE];

    if (v == NULL || v->type == NGX_LITELLM_JSON_NULL) {
        n = NGX_LITELLM_CACHE_TEMPERATURE;

    } else if (ngx_litellm_json_fixed(v, 6, &n) != NGX_OK) {
        return 0;
    }

    return n <= conf->max_temperature;
}
