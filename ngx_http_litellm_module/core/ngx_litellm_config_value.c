
/*
 * Values of the configuration: os.environ/NAME, coercion by key, JSON text.
 *
 * A reference to the environment is replaced first and the result coerced
 * then, so a number may come out of a variable or stand in quotes.  What was
 * read from the environment never gets into a message, and neither does any
 * value of a key that could be a secret: messages name keys, not values.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/sha.h>
#include "ngx_litellm_config_read.h"


#define NGX_LITELLM_CF_ENVIRON  "os.environ/"


static ngx_int_t ngx_litellm_cf_number(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v, ngx_uint_t scale, int64_t *n);
static void ngx_litellm_cf_put(ngx_litellm_cf_t *cf, const void *p,
    size_t len);
static void ngx_litellm_cf_put_string(ngx_litellm_cf_t *cf, ngx_str_t *text);
static ngx_int_t ngx_litellm_cf_put_scalar(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v, ngx_uint_t flags);
static ngx_int_t ngx_litellm_cf_put_node(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *v, ngx_uint_t flags, ngx_uint_t depth);
static ngx_int_t ngx_litellm_cf_put_done(ngx_litellm_cf_t *cf,
    ngx_str_t *dst);


ngx_int_t
ngx_litellm_cf_reference(ngx_str_t *text, ngx_str_t *name)
{
    size_t  n;

    n = sizeof(NGX_LITELLM_CF_ENVIRON) - 1;

    if (text->len <= n
        || ngx_memcmp(text->data, NGX_LITELLM_CF_ENVIRON, n) != 0)
    {
        return NGX_DECLINED;
    }

    name->data = text->data + n;
    name->len = text->len - n;

    return NGX_OK;
}


ngx_str_t *
ngx_litellm_cf_shown(ngx_litellm_yaml_t *v, ngx_str_t *text)
{
    ngx_str_t  name;

    if (v != NULL && v->type == NGX_LITELLM_YAML_SCALAR
        && ngx_litellm_cf_reference(&v->text, &name) == NGX_OK)
    {
        return &v->text;
    }

    return text;
}


ngx_int_t
ngx_litellm_cf_env(void *data, ngx_str_t *name, ngx_str_t *value)
{
    ngx_litellm_cf_t  *cf = data;

    ngx_int_t            rc;
    ngx_str_t            other, *item;
    ngx_litellm_yaml_t  *v;

    v = ngx_litellm_yaml_get(cf->variables, name->data, name->len);

    if (v != NULL && v->type == NGX_LITELLM_YAML_SCALAR
        && v->kind != NGX_LITELLM_YAML_NULL)
    {
        if (ngx_litellm_cf_reference(&v->text, &other) != NGX_OK) {
            *value = v->text;
            return value->len ? NGX_OK : NGX_DECLINED;
        }

        name = &other;
    }

    rc = ngx_litellm_cf_set_add(cf, &cf->names, name);

    if (rc == NGX_OK) {
        item = ngx_array_push(&cf->conf->env_names);
        if (item == NULL) {
            cf->failed = 1;
            return NGX_DECLINED;
        }

        item->len = name->len;
        item->data = ngx_pstrdup(cf->pool, name);

        if (item->data == NULL) {
            cf->conf->env_names.nelts--;
            cf->failed = 1;
            return NGX_DECLINED;
        }
    }

    rc = cf->caller->env(cf->caller->data, name, value);

    /* a variable that is set to nothing is not set for a credential */

    return (rc == NGX_OK && value->len == 0) ? NGX_DECLINED : rc;
}


/* the caller's, for who was given our env() */

ngx_int_t
ngx_litellm_cf_read(void *data, ngx_str_t *path, ngx_str_t *text,
    ngx_str_t *why)
{
    ngx_litellm_cf_t  *cf = data;

    return cf->caller->read(cf->caller->data, path, text, why);
}


ngx_int_t
ngx_litellm_cf_set_add(ngx_litellm_cf_t *cf, ngx_rbtree_t *set,
    ngx_str_t *name)
{
    uint32_t         hash;
    ngx_str_node_t  *node;

    hash = ngx_crc32_long(name->data, name->len);

    if (ngx_str_rbtree_lookup(set, name, hash) != NULL) {
        return NGX_DECLINED;
    }

    node = ngx_palloc(cf->temp, sizeof(ngx_str_node_t));
    if (node == NULL) {
        cf->failed = 1;
        return NGX_ERROR;
    }

    node->node.key = hash;
    node->str = *name;

    ngx_rbtree_insert(set, &node->node);

    return NGX_OK;
}


ngx_uint_t
ngx_litellm_cf_set_has(ngx_rbtree_t *set, ngx_str_t *name)
{
    return ngx_str_rbtree_lookup(set, name,
                                 ngx_crc32_long(name->data, name->len))
           != NULL;
}


void
ngx_litellm_cf_unset(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    ngx_str_t *name, const char *effect)
{
    if (ngx_litellm_cf_set_add(cf, &cf->unset, name) == NGX_OK) {
        ngx_litellm_cf_warn(cf, v, "the variable \"%V\" is not set: %s", name,
                            effect);
    }
}


ngx_int_t
ngx_litellm_cf_text(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    ngx_str_t *text, ngx_litellm_yaml_kind_e *kind)
{
    ngx_str_t  name;

    ngx_str_null(&cf->last_unset);

    if (v == NULL) {
        return NGX_DECLINED;
    }

    if (v->type != NGX_LITELLM_YAML_SCALAR) {
        return NGX_ERROR;
    }

    if (v->kind == NGX_LITELLM_YAML_NULL) {
        return NGX_DECLINED;
    }

    if (ngx_litellm_cf_reference(&v->text, &name) != NGX_OK) {
        *text = v->text;
        *kind = v->kind;
        return NGX_OK;
    }

    if (ngx_litellm_cf_env(cf, &name, text) != NGX_OK) {
        cf->last_unset = name;
        return NGX_DECLINED;
    }

    *kind = ngx_litellm_yaml_kind(text);

    return NGX_OK;
}


ngx_int_t
ngx_litellm_cf_str(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    const char *name, ngx_str_t *dst)
{
    u_char                   *p;
    ngx_int_t                 rc;
    ngx_str_t                 text;
    ngx_litellm_yaml_kind_e   kind;

    rc = ngx_litellm_cf_text(cf, v, &text, &kind);

    if (rc == NGX_ERROR) {
        ngx_litellm_cf_error(cf, v, "\"%s\" must be a text", name);
        return NGX_ERROR;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    /* a block scalar or a file put in a variable ends with a line end */

    while (text.len && (text.data[text.len - 1] == LF
                        || text.data[text.len - 1] == CR))
    {
        text.len--;
    }

    p = ngx_pnalloc(cf->pool, text.len + 1);
    if (p == NULL) {
        cf->failed = 1;
        return NGX_ERROR;
    }

    dst->data = p;
    dst->len = text.len;

    p = ngx_cpymem(p, text.data, text.len);
    *p = '\0';

    return NGX_OK;
}


ngx_int_t
ngx_litellm_cf_flag(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    const char *name, ngx_flag_t *dst)
{
    ngx_int_t                rc;
    ngx_str_t                text;
    ngx_litellm_yaml_kind_e  kind;

    rc = ngx_litellm_cf_text(cf, v, &text, &kind);

    if (rc == NGX_DECLINED) {
        return rc;
    }

    if (rc == NGX_OK && kind == NGX_LITELLM_YAML_STRING) {
        kind = ngx_litellm_yaml_kind(&text);
    }

    if (rc == NGX_OK && kind == NGX_LITELLM_YAML_BOOL) {
        *dst = ngx_litellm_yaml_true(&text);
        return NGX_OK;
    }

    if (rc == NGX_OK && text.len == 1
        && (text.data[0] == '0' || text.data[0] == '1'))
    {
        *dst = (text.data[0] == '1');
        return NGX_OK;
    }

    ngx_litellm_cf_error(cf, v, "\"%s\" must be true or false", name);

    return NGX_ERROR;
}


static ngx_int_t
ngx_litellm_cf_number(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    ngx_uint_t scale, int64_t *n)
{
    ngx_int_t                rc;
    ngx_str_t                text;
    ngx_litellm_yaml_kind_e  kind;

    rc = ngx_litellm_cf_text(cf, v, &text, &kind);

    if (rc != NGX_OK) {
        return rc;
    }

    while (text.len && (*text.data == ' ' || *text.data == '\t')) {
        text.data++;
        text.len--;
    }

    while (text.len && text.data[text.len - 1] <= ' ') {
        text.len--;
    }

    kind = ngx_litellm_yaml_kind(&text);

    if ((kind != NGX_LITELLM_YAML_INT && kind != NGX_LITELLM_YAML_FLOAT)
        || ngx_litellm_yaml_fixed(&text, kind, scale, n) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_litellm_cf_int(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    const char *name, int64_t min, int64_t max, int64_t *dst)
{
    int64_t    n;
    ngx_int_t  rc;

    rc = ngx_litellm_cf_number(cf, v, 3, &n);

    if (rc == NGX_DECLINED) {
        return rc;
    }

    if (rc == NGX_ERROR || n % 1000 != 0 || n / 1000 < min || n / 1000 > max) {
        ngx_litellm_cf_error(cf, v,
                             "\"%s\" must be a whole number from %L to %L",
                             name, min, max);
        return NGX_ERROR;
    }

    *dst = n / 1000;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_cf_fixed(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    const char *name, ngx_uint_t scale, int64_t max, int64_t *dst)
{
    int64_t    n;
    ngx_int_t  rc;

    rc = ngx_litellm_cf_number(cf, v, scale, &n);

    if (rc == NGX_DECLINED) {
        return rc;
    }

    if (rc == NGX_ERROR || n < 0 || n > max) {
        ngx_litellm_cf_error(cf, v, "\"%s\" must be a number of 0 or more",
                             name);
        return NGX_ERROR;
    }

    *dst = n;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_cf_msec(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    const char *name, ngx_msec_t *dst)
{
    int64_t    n;
    ngx_int_t  rc;

    rc = ngx_litellm_cf_number(cf, v, 3, &n);

    if (rc == NGX_DECLINED) {
        return rc;
    }

    if (rc == NGX_ERROR || n < 0) {
        ngx_litellm_cf_error(cf, v, "\"%s\" must be a number of seconds",
                             name);
        return NGX_ERROR;
    }

    /* timers of nginx compare with a difference of 31 bits */

    *dst = (ngx_msec_t) ngx_min(n, 0x7fffffff);

    return NGX_OK;
}


ngx_int_t
ngx_litellm_cf_strings(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    const char *name, ngx_array_t **dst)
{
    ngx_int_t                 rc;
    ngx_str_t                 text, *item;
    ngx_litellm_yaml_t       *value;
    ngx_litellm_yaml_pair_t  *pair, one;

    if (v == NULL || (v->type == NGX_LITELLM_YAML_SCALAR
                      && v->kind == NGX_LITELLM_YAML_NULL))
    {
        return NGX_DECLINED;
    }

    if (v->type == NGX_LITELLM_YAML_MAP) {
        ngx_litellm_cf_error(cf, v, "\"%s\" must be a list of texts", name);
        return NGX_ERROR;
    }

    if (*dst == NULL) {
        *dst = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
        if (*dst == NULL) {
            cf->failed = 1;
            return NGX_ERROR;
        }
    }

    if (v->type == NGX_LITELLM_YAML_SCALAR) {
        one.next = NULL;
        one.value = v;
        pair = &one;

    } else {
        pair = v->first;
    }

    for ( /* void */ ; pair; pair = pair->next) {
        value = pair->value;

        rc = ngx_litellm_cf_str(cf, value, name, &text);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED || text.len == 0) {
            continue;
        }

        item = ngx_array_push(*dst);
        if (item == NULL) {
            cf->failed = 1;
            return NGX_ERROR;
        }

        *item = text;
    }

    return NGX_OK;
}


static void
ngx_litellm_cf_put(ngx_litellm_cf_t *cf, const void *p, size_t len)
{
    u_char  *data;
    size_t   size;

    if (cf->failed) {
        return;
    }

    if (len > cf->json_size - cf->json_len) {
        size = ngx_max(cf->json_size * 2, cf->json_len + len);
        size = ngx_max(size, 1024);

        data = ngx_pnalloc(cf->temp, size);
        if (data == NULL) {
            cf->failed = 1;
            return;
        }

        if (cf->json_len) {
            ngx_memcpy(data, cf->json, cf->json_len);
        }

        if (cf->json != NULL) {
            (void) ngx_pfree(cf->temp, cf->json);
        }

        cf->json = data;
        cf->json_size = size;
    }

    ngx_memcpy(cf->json + cf->json_len, p, len);
    cf->json_len += len;
}


/* libyaml gives valid UTF-8, the environment may not: such bytes become '?' */

static void
ngx_litellm_cf_put_string(ngx_litellm_cf_t *cf, ngx_str_t *text)
{
    u_char    *p, *last, *start, *next;
    uint32_t   cp;
    size_t     n;
    u_char     buf[8];

    ngx_litellm_cf_put(cf, "\"", 1);

    p = text->data;
    last = p + text->len;
    start = p;

    while (p < last) {

        if (*p < 0x80 && *p >= 0x20 && *p != '"' && *p != '\\') {
            p++;
            continue;
        }

        next = p;
        cp = 0;

        if (*p >= 0x80) {
            cp = ngx_utf8_decode(&next, last - p);

            if (cp <= 0x10ffff && (cp < 0xd800 || cp > 0xdfff)) {
                p = next;
                continue;
            }
        }

        ngx_litellm_cf_put(cf, start, p - start);

        if (*p >= 0x80) {
            buf[0] = '?';
            n = 1;

        } else {
            n = (u_char *) ngx_escape_json(buf, p, 1) - buf;
        }

        ngx_litellm_cf_put(cf, buf, n);

        start = ++p;
    }

    ngx_litellm_cf_put(cf, start, p - start);
    ngx_litellm_cf_put(cf, "\"", 1);
}


static ngx_int_t
ngx_litellm_cf_put_scalar(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    ngx_uint_t flags)
{
    u_char                   *buf;
    size_t                    n;
    ngx_int_t                 rc;
    ngx_str_t                 text;
    ngx_litellm_yaml_kind_e   kind;

    if (flags & NGX_LITELLM_CF_RAW) {
        text = v->text;
        kind = v->kind;

    } else {
        rc = ngx_litellm_cf_text(cf, v, &text, &kind);

        if (rc == NGX_DECLINED) {
            if (cf->last_unset.len) {
                return NGX_DECLINED;
            }

            kind = NGX_LITELLM_YAML_NULL;
            ngx_str_null(&text);

        } else if (text.data != v->text.data
                   && kind != NGX_LITELLM_YAML_BOOL)
        {
            /* LiteLLM makes a bool of such a variable, nothing else */

            kind = NGX_LITELLM_YAML_STRING;
        }
    }

    if (kind == NGX_LITELLM_YAML_STRING && (flags & NGX_LITELLM_CF_NUMBERS)) {
        kind = ngx_litellm_yaml_kind(&text);

        if (kind == NGX_LITELLM_YAML_NULL) {
            kind = NGX_LITELLM_YAML_STRING;
        }
    }

    switch (kind) {

    case NGX_LITELLM_YAML_NULL:
        ngx_litellm_cf_put(cf, "null", 4);
        return NGX_OK;

    case NGX_LITELLM_YAML_BOOL:
        if (ngx_litellm_yaml_true(&text)) {
            ngx_litellm_cf_put(cf, "true", 4);
        } else {
            ngx_litellm_cf_put(cf, "false", 5);
        }

        return NGX_OK;

    case NGX_LITELLM_YAML_INT:
    case NGX_LITELLM_YAML_FLOAT:

        buf = ngx_pnalloc(cf->temp, text.len + 24);
        if (buf == NULL) {
            cf->failed = 1;
            return NGX_OK;
        }

        n = ngx_litellm_yaml_number(&text, kind, buf);

        if (n) {
            ngx_litellm_cf_put(cf, buf, n);
            return NGX_OK;
        }

        /* fall through */

    default:
        ngx_litellm_cf_put_string(cf, &text);
        return NGX_OK;
    }
}


/* recursion: a tree is at most NGX_LITELLM_YAML_DEPTH deep */

static ngx_int_t
ngx_litellm_cf_put_node(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    ngx_uint_t flags, ngx_uint_t depth)
{
    u_char                    brackets[2];
    ngx_int_t                 rc;
    ngx_litellm_yaml_pair_t  *pair;

    if (v->type == NGX_LITELLM_YAML_SCALAR) {
        return ngx_litellm_cf_put_scalar(cf, v, flags);
    }

    /* aliases can nest finished trees deeper than the text is */

    if (depth > NGX_LITELLM_YAML_DEPTH) {
        ngx_litellm_cf_put(cf, "null", 4);
        return NGX_OK;
    }

    brackets[0] = (v->type == NGX_LITELLM_YAML_MAP) ? '{' : '[';
    brackets[1] = (v->type == NGX_LITELLM_YAML_MAP) ? '}' : ']';

    flags &= ~NGX_LITELLM_CF_NUMBERS;

    ngx_litellm_cf_put(cf, &brackets[0], 1);

    for (pair = v->first; pair; pair = pair->next) {

        if (pair->key) {
            ngx_litellm_cf_put_string(cf, &pair->key->text);
            ngx_litellm_cf_put(cf, ":", 1);
        }

        rc = ngx_litellm_cf_put_node(cf, pair->value, flags, depth + 1);

        if (rc != NGX_OK) {

            /* as LiteLLM has it: an unset variable inside is null */

            ngx_litellm_cf_unset(cf, pair->value, &cf->last_unset,
                                 "null is used for it");
            ngx_litellm_cf_put(cf, "null", 4);
        }

        if (pair->next) {
            ngx_litellm_cf_put(cf, ",", 1);
        }
    }

    ngx_litellm_cf_put(cf, &brackets[1], 1);

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_cf_put_done(ngx_litellm_cf_t *cf, ngx_str_t *dst)
{
    if (cf->failed) {
        return NGX_ERROR;
    }

    dst->data = ngx_pnalloc(cf->pool, cf->json_len + 1);
    if (dst->data == NULL) {
        cf->failed = 1;
        return NGX_ERROR;
    }

    ngx_memcpy(dst->data, cf->json, cf->json_len);
    dst->len = cf->json_len;
    dst->data[dst->len] = '\0';

    return NGX_OK;
}


ngx_int_t
ngx_litellm_cf_json(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    ngx_uint_t flags, ngx_str_t *dst)
{
    cf->json_len = 0;

    if (ngx_litellm_cf_put_node(cf, v, flags, 0) != NGX_OK) {
        return NGX_DECLINED;
    }

    return ngx_litellm_cf_put_done(cf, dst);
}


ngx_int_t
ngx_litellm_cf_json_temp(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *v,
    ngx_str_t *dst)
{
    cf->json_len = 0;

    (void) ngx_litellm_cf_put_node(cf, v, 0, 0);

    if (cf->failed) {
        return NGX_ERROR;
    }

    dst->data = cf->json;
    dst->len = cf->json_len;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_cf_json_string(ngx_litellm_cf_t *cf, ngx_str_t *text,
    ngx_str_t *dst)
{
    cf->json_len = 0;

    ngx_litellm_cf_put_string(cf, text);

    return ngx_litellm_cf_put_done(cf, dst);
}


ngx_int_t
ngx_litellm_cf_digest(ngx_litellm_cf_t *cf, ngx_str_t *name,
    ngx_litellm_yaml_t *v, ngx_uint_t salt, ngx_str_t *dst)
{
    u_char  md[SHA256_DIGEST_LENGTH], buf[NGX_INT_T_LEN + 1];

    cf->json_len = 0;

    ngx_litellm_cf_put(cf, name->data, name->len);
    (void) ngx_litellm_cf_put_node(cf, v, NGX_LITELLM_CF_RAW, 0);

    if (salt) {
        ngx_litellm_cf_put(cf, buf, ngx_sprintf(buf, " %ui", salt) - buf);
    }

    if (cf->failed) {
        return NGX_ERROR;
    }

    SHA256(cf->json, cf->json_len, md);

    dst->len = sizeof(md) * 2;
    dst->data = ngx_pnalloc(cf->pool, dst->len + 1);

    if (dst->data == NULL) {
        cf->failed = 1;
        return NGX_ERROR;
    }

    *ngx_hex_dump(dst->data, md, sizeof(md)) = '\0';

    return NGX_OK;
}
