
/*
 * The name of a request in the cache: one walk over its nodes, written in a
 * canonical form into SHA-256.  Called before a deployment is chosen, for each
 * request whose answer may be kept.
 *
 * The form can be read in one way only, so that two requests never are one: a
 * value begins with a letter that says what it is, texts end with a byte that
 * no UTF-8 text has.  A text with half of a surrogate pair has no characters
 * and is taken as it was written.
 *
 * The walk is as deep as the reader lets a text be.  Members are sorted in one
 * array for all objects, used as a stack: n members take n log n steps.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/evp.h>
#include "ngx_litellm_cache_key.h"
#include "ngx_litellm_unescape.h"


/* bytes gathered before they are hashed: a call for each would cost more */
#define NGX_LITELLM_CACHE_CHUNK  512

/* up to so many members are sorted by insertion */
#define NGX_LITELLM_CACHE_FEW    12

#define NGX_LITELLM_CACHE_END    0xff         /* of a text or a number */

/* an exponent beyond it is not reckoned with */
#define NGX_LITELLM_CACHE_EXP    1000000000000LL


/* which members of a value are left out */
typedef enum {
    NGX_LITELLM_CACHE_ALL = 0,
    NGX_LITELLM_CACHE_BODY,          /* those that change no answer, null */
    NGX_LITELLM_CACHE_MESSAGES,      /* null ones of the objects in it */
    NGX_LITELLM_CACHE_MESSAGE        /* null ones */
} ngx_litellm_cache_kind_e;


typedef struct {
    ngx_str_t                    name;        /* unescaped, but for raw */
    ngx_litellm_json_t          *value;
    uint32_t                     index;       /* of members of one name the
                                                 last one counts */
    uint32_t                     raw;         /* with half of a pair */
} ngx_litellm_cache_member_t;


typedef struct {
    EVP_MD_CTX                  *md;
    ngx_pool_t                  *pool;
    ngx_uint_t                   flags;       /* of a key */
    ngx_litellm_cache_member_t  *members;     /* a stack */
    ngx_uint_t                   nmembers;
    unsigned                     failed:1;    /* no memory */
    unsigned                     testing:1;   /* a test switch was seen */
    size_t                       len;
    u_char                       buf[NGX_LITELLM_CACHE_CHUNK];
} ngx_litellm_cache_hash_t;


static ngx_int_t ngx_litellm_cache_hash_init(ngx_litellm_cache_hash_t *h,
    ngx_pool_t *pool, ngx_litellm_json_t *root, ngx_uint_t nodes);
static const EVP_MD *ngx_litellm_cache_sha256(void);
static ngx_int_t ngx_litellm_cache_hash_done(ngx_litellm_cache_hash_t *h,
    u_char key[NGX_LITELLM_CACHE_KEY]);
static void ngx_litellm_cache_write(ngx_litellm_cache_hash_t *h,
    const void *data, size_t len);
static void ngx_litellm_cache_counted(ngx_litellm_cache_hash_t *h,
    ngx_str_t *s);
static void ngx_litellm_cache_value(ngx_litellm_cache_hash_t *h,
    ngx_litellm_json_t *v, ngx_litellm_cache_kind_e kind);
static void ngx_litellm_cache_array(ngx_litellm_cache_hash_t *h,
    ngx_litellm_json_t *v, ngx_litellm_cache_kind_e kind);
static void ngx_litellm_cache_object(ngx_litellm_cache_hash_t *h,
    ngx_litellm_json_t *v, ngx_litellm_cache_kind_e kind);
static ngx_uint_t ngx_litellm_cache_members(ngx_litellm_cache_hash_t *h,
    ngx_litellm_json_t *v, ngx_litellm_cache_member_t *m);
static void ngx_litellm_cache_sort(ngx_litellm_cache_member_t *m,
    ngx_uint_t n);
static int ngx_libc_cdecl ngx_litellm_cache_compare(const void *one,
    const void *two);
static ngx_uint_t ngx_litellm_cache_skip(ngx_litellm_cache_hash_t *h,
    ngx_litellm_cache_member_t *m);
static void ngx_litellm_cache_string(ngx_litellm_cache_hash_t *h,
    ngx_litellm_json_t *v);
static void ngx_litellm_cache_number(ngx_litellm_cache_hash_t *h,
    ngx_litellm_json_t *v);


static ngx_inline void
ngx_litellm_cache_byte(ngx_litellm_cache_hash_t *h, u_char c)
{
    if (h->len < NGX_LITELLM_CACHE_CHUNK) {
        h->buf[h->len++] = c;
        return;
    }

    ngx_litellm_cache_write(h, &c, 1);
}


ngx_int_t
ngx_litellm_cache_key(ngx_litellm_call_t *call, ngx_str_t *group,
    ngx_str_t *namespace, ngx_str_t *scope, ngx_uint_t flags,
    u_char key[NGX_LITELLM_CACHE_KEY])
{
    u_char                     head[3];
    ngx_int_t                  rc;
    ngx_litellm_json_doc_t     doc;
    ngx_litellm_cache_hash_t   h;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = call->pool;

    rc = ngx_litellm_json_parse(&doc, call->body.data, call->body.len);

    if (rc == NGX_OK) {
        rc = ngx_litellm_cache_hash_init(&h, call->pool, doc.root, doc.nodes);
    }

    if (rc != NGX_OK) {
        goto done;
    }

    h.flags = flags;

    /* '1': a form that is not this one begins otherwise */

    head[0] = '1';
    head[1] = (u_char) call->op;
    head[2] = (u_char) (flags & NGX_LITELLM_CACHE_NO_INPUT);

    ngx_litellm_cache_write(&h, head, sizeof(head));
    ngx_litellm_cache_counted(&h, (ngx_str_t *) &call->format->name);
    ngx_litellm_cache_counted(&h, group);
    ngx_litellm_cache_counted(&h, namespace);
    ngx_litellm_cache_counted(&h, scope);

    ngx_litellm_cache_value(&h, doc.root, NGX_LITELLM_CACHE_BODY);

    rc = ngx_litellm_cache_hash_done(&h, key);

done:

    /* those of a long conversation are many: not for as long as it takes */

    if (doc.mem) {
        (void) ngx_pfree(call->pool, doc.mem);
    }

    return rc;
}


ngx_int_t
ngx_litellm_cache_item(ngx_pool_t *pool,
    const u_char base[NGX_LITELLM_CACHE_KEY], ngx_litellm_json_t *item,
    u_char key[NGX_LITELLM_CACHE_KEY])
{
    ngx_litellm_cache_hash_t  h;

    if (ngx_litellm_cache_hash_init(&h, pool, item, item->next) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_litellm_cache_write(&h, "i", 1);
    ngx_litellm_cache_write(&h, base, NGX_LITELLM_CACHE_KEY);
    ngx_litellm_cache_value(&h, item, NGX_LITELLM_CACHE_ALL);

    return ngx_litellm_cache_hash_done(&h, key);
}


static ngx_int_t
ngx_litellm_cache_hash_init(ngx_litellm_cache_hash_t *h, ngx_pool_t *pool,
    ngx_litellm_json_t *root, ngx_uint_t nodes)
{
    ngx_uint_t  i, n;

    h->pool = pool;
    h->flags = 0;
    h->members = NULL;
    h->nmembers = 0;
    h->failed = 0;
    h->testing = 0;
    h->len = 0;

    for (i = 0, n = 0; i < nodes; i++) {
        if (root[i].type == NGX_LITELLM_JSON_OBJECT) {
            n += root[i].count;
        }
    }

    if (n) {
        h->members = ngx_palloc(pool, n * sizeof(ngx_litellm_cache_member_t));
        if (h->members == NULL) {
            return NGX_ERROR;
        }
    }

    h->md = EVP_MD_CTX_new();

    if (h->md != NULL
        && EVP_DigestInit_ex(h->md, ngx_litellm_cache_sha256(), NULL) == 1)
    {
        return NGX_OK;
    }

    EVP_MD_CTX_free(h->md);

    return NGX_ERROR;
}


/* OpenSSL 3 looks for what EVP_sha256() stands for each time it is begun with */

static const EVP_MD *
ngx_litellm_cache_sha256(void)
{
#if (OPENSSL_VERSION_NUMBER >= 0x30000000L)

    static EVP_MD  *md;

    if (md == NULL) {
        md = EVP_MD_fetch(NULL, "SHA256", NULL);
    }

    if (md != NULL) {
        return md;
    }

#endif

    return EVP_sha256();
}


static ngx_int_t
ngx_litellm_cache_hash_done(ngx_litellm_cache_hash_t *h,
    u_char key[NGX_LITELLM_CACHE_KEY])
{
    unsigned  len;

    if (EVP_DigestUpdate(h->md, h->buf, h->len) != 1
        || EVP_DigestFinal_ex(h->md, key, &len) != 1)
    {
        h->failed = 1;
    }

    EVP_MD_CTX_free(h->md);

    if (h->members) {
        (void) ngx_pfree(h->pool, h->members);
    }

    if (h->failed) {
        return NGX_ERROR;
    }

    return h->testing ? NGX_DECLINED : NGX_OK;
}


static void
ngx_litellm_cache_write(ngx_litellm_cache_hash_t *h, const void *data,
    size_t len)
{
    if (len > NGX_LITELLM_CACHE_CHUNK - h->len) {

        if (EVP_DigestUpdate(h->md, h->buf, h->len) != 1) {
            h->failed = 1;
        }

        h->len = 0;

        if (len > NGX_LITELLM_CACHE_CHUNK) {

            if (EVP_DigestUpdate(h->md, data, len) != 1) {
                h->failed = 1;
            }

            return;
        }
    }

    ngx_memcpy(h->buf + h->len, data, len);
    h->len += len;
}


/* any bytes */

static void
ngx_litellm_cache_counted(ngx_litellm_cache_hash_t *h, ngx_str_t *s)
{
    size_t      len;
    ngx_uint_t  i;

    for (i = 0, len = s->len; i < 8; i++, len >>= 8) {
        ngx_litellm_cache_byte(h, (u_char) len);
    }

    ngx_litellm_cache_write(h, s->data, s->len);
}


static void
ngx_litellm_cache_value(ngx_litellm_cache_hash_t *h, ngx_litellm_json_t *v,
    ngx_litellm_cache_kind_e kind)
{
    switch (v->type) {

    case NGX_LITELLM_JSON_OBJECT:
        ngx_litellm_cache_object(h, v, kind);
        return;

    case NGX_LITELLM_JSON_ARRAY:
        ngx_litellm_cache_array(h, v, kind);
        return;

    case NGX_LITELLM_JSON_STRING:
        ngx_litellm_cache_string(h, v);
        return;

    case NGX_LITELLM_JSON_NUMBER:
        ngx_litellm_cache_number(h, v);
        return;

    case NGX_LITELLM_JSON_TRUE:
        ngx_litellm_cache_byte(h, 't');
        return;

    case NGX_LITELLM_JSON_FALSE:
        ngx_litellm_cache_byte(h, 'f');
        return;

    default: /* NGX_LITELLM_JSON_NULL */
        ngx_litellm_cache_byte(h, 'n');
        return;
    }
}


static void
ngx_litellm_cache_array(ngx_litellm_cache_hash_t *h, ngx_litellm_json_t *v,
    ngx_litellm_cache_kind_e kind)
{
    uint32_t                   i;
    ngx_litellm_json_t        *item;
    ngx_litellm_cache_kind_e   inner;

    inner = (kind == NGX_LITELLM_CACHE_MESSAGES) ? NGX_LITELLM_CACHE_MESSAGE
                                                 : NGX_LITELLM_CACHE_ALL;

    ngx_litellm_cache_byte(h, '[');

    item = v + 1;

    for (i = 0; i < v->count; i++) {
        ngx_litellm_cache_value(h, item, inner);
        item = ngx_litellm_json_next(item);
    }

    ngx_litellm_cache_byte(h, ']');
}


static void
ngx_litellm_cache_object(ngx_litellm_cache_hash_t *h, ngx_litellm_json_t *v,
    ngx_litellm_cache_kind_e kind)
{
    ngx_uint_t                   i, n;
    ngx_litellm_cache_kind_e     inner;
    ngx_litellm_cache_member_t  *m;

    m = h->members + h->nmembers;

    n = ngx_litellm_cache_members(h, v, m);

    h->nmembers += n;

    ngx_litellm_cache_byte(h, '{');

    for (i = 0; i < n; i++) {

        if (m[i].value->type == NGX_LITELLM_JSON_NULL
            && (kind == NGX_LITELLM_CACHE_BODY
                || kind == NGX_LITELLM_CACHE_MESSAGE))
        {
            continue;
        }

        inner = NGX_LITELLM_CACHE_ALL;

        if (kind == NGX_LITELLM_CACHE_BODY) {

            if (ngx_litellm_cache_skip(h, &m[i])) {
                continue;
            }

            if (m[i].name.len == sizeof("messages") - 1
                && ngx_memcmp(m[i].name.data, "messages", m[i].name.len) == 0)
            {
                inner = NGX_LITELLM_CACHE_MESSAGES;
            }
        }

        ngx_litellm_cache_byte(h, m[i].raw ? 'S' : 's');
        ngx_litellm_cache_write(h, m[i].name.data, m[i].name.len);
        ngx_litellm_cache_byte(h, NGX_LITELLM_CACHE_END);

        ngx_litellm_cache_value(h, m[i].value, inner);
    }

    ngx_litellm_cache_byte(h, '}');

    h->nmembers -= n;
}


/* in order, each name once */

static ngx_uint_t
ngx_litellm_cache_members(ngx_litellm_cache_hash_t *h, ngx_litellm_json_t *v,
    ngx_litellm_cache_member_t *m)
{
    uint32_t             i;
    ngx_str_t            text;
    ngx_uint_t           n;
    ngx_litellm_json_t  *key;

    key = v + 1;

    for (i = 0; i < v->count; i++) {

        text = ngx_litellm_json_text(key);

        m[i].name = text;
        m[i].value = ngx_litellm_json_next(key);
        m[i].index = i;
        m[i].raw = ((key->flags & NGX_LITELLM_JSON_SURROGATE) != 0);

        if ((key->flags & NGX_LITELLM_JSON_ESCAPED) && !m[i].raw
            && ngx_litellm_json_unescape(h->pool, &m[i].name, &text)
               != NGX_OK)
        {
            h->failed = 1;
            return 0;
        }

        key = ngx_litellm_json_next(m[i].value);
    }

    if (v->count < 2) {
        return v->count;
    }

    ngx_litellm_cache_sort(m, v->count);

    for (i = 1, n = 0; i < v->count; i++) {

        if (m[i].raw != m[n].raw
            || ngx_litellm_json_order(&m[i].name, &m[n].name) != 0)
        {
            n++;
        }

        m[n] = m[i];
    }

    return n + 1;
}


static void
ngx_litellm_cache_sort(ngx_litellm_cache_member_t *m, ngx_uint_t n)
{
    ngx_uint_t                  i, j;
    ngx_litellm_cache_member_t  t;

    if (n > NGX_LITELLM_CACHE_FEW) {
        ngx_qsort(m, n, sizeof(ngx_litellm_cache_member_t),
                  ngx_litellm_cache_compare);
        return;
    }

    for (i = 1; i < n; i++) {
        t = m[i];

        for (j = i; j && ngx_litellm_cache_compare(&m[j - 1], &t) > 0; j--) {
            m[j] = m[j - 1];
        }

        m[j] = t;
    }
}


static int ngx_libc_cdecl
ngx_litellm_cache_compare(const void *one, const void *two)
{
    ngx_int_t                          rc;
    const ngx_litellm_cache_member_t  *a, *b;

    a = one;
    b = two;

    if (a->raw != b->raw) {
        return a->raw ? 1 : -1;
    }

    rc = ngx_litellm_json_order(&a->name, &b->name);

    if (rc != 0) {
        return rc < 0 ? -1 : 1;
    }

    return a->index < b->index ? -1 : 1;
}


/* members of the body that the answer does not depend on */

static ngx_uint_t
ngx_litellm_cache_skip(ngx_litellm_cache_hash_t *h,
    ngx_litellm_cache_member_t *m)
{
    const ngx_litellm_param_t  *p;

    p = m->raw ? NULL : ngx_litellm_param_find(m->name.data, m->name.len);

    if (p == NULL) {
        return 0;
    }

    switch (p->kind) {

    case NGX_LITELLM_PARAM_OPENAI:

        switch (p->id) {

        case NGX_LITELLM_P_STREAM:
        case NGX_LITELLM_P_STREAM_OPTIONS:
        case NGX_LITELLM_P_METADATA:
        case NGX_LITELLM_P_PROMPT_CACHE_KEY:
        case NGX_LITELLM_P_PROMPT_CACHE_RETENTION:
            return 1;

        case NGX_LITELLM_P_USER:
        case NGX_LITELLM_P_SAFETY_IDENTIFIER:
            return !(h->flags & NGX_LITELLM_CACHE_USER);

        default:
            return 0;
        }

    case NGX_LITELLM_PARAM_BODY:
        return p->id == NGX_LITELLM_BODY_MODEL
               || (p->id == NGX_LITELLM_BODY_INPUT
                   && (h->flags & NGX_LITELLM_CACHE_NO_INPUT));

    case NGX_LITELLM_PARAM_CONTROL:

        if (p->id == NGX_LITELLM_CONTROL_MOCK) {
            h->testing = 1;
        }

        return p->id == NGX_LITELLM_CONTROL_SERVING;

    default:

        /* refused before, or dropped */

        return 1;
    }
}


static void
ngx_litellm_cache_string(ngx_litellm_cache_hash_t *h, ngx_litellm_json_t *v)
{
    u_char  *p, *last, *next, buf[NGX_LITELLM_UNESCAPE_MAX];

    p = v->start + 1;
    last = v->start + v->len - 1;

    if (v->flags & NGX_LITELLM_JSON_SURROGATE) {
        ngx_litellm_cache_byte(h, 'S');
        ngx_litellm_cache_write(h, p, last - p);
        ngx_litellm_cache_byte(h, NGX_LITELLM_CACHE_END);
        return;
    }

    ngx_litellm_cache_byte(h, 's');

    while (p < last) {

        if (*p == '\\') {
            next = p;
            ngx_litellm_cache_write(h, buf,
                                    ngx_litellm_unescape_one(&next, last,
                                                             buf));
            p = next;
            continue;
        }

        next = (v->flags & NGX_LITELLM_JSON_ESCAPED)
               ? memchr(p, '\\', last - p) : NULL;

        if (next == NULL) {
            next = last;
        }

        ngx_litellm_cache_write(h, p, next - p);
        p = next;
    }

    ngx_litellm_cache_byte(h, NGX_LITELLM_CACHE_END);
}


/*
 * The digits between the first and the last that are no zeros, and the power
 * of ten they are to be multiplied with: the value, exactly.
 */

static void
ngx_litellm_cache_number(ngx_litellm_cache_hash_t *h, ngx_litellm_json_t *v)
{
    u_char   *p, *last, *end, *point, *first, *final, minus, buf[32];
    int64_t   exp;

    p = v->start;
    end = p + v->len;
    first = NULL;
    final = NULL;
    point = NULL;

    minus = (*p == '-');
    p += minus;

    for (last = p; last < end && (*last | 0x20) != 'e'; last++) {

        if (*last == '.') {
            point = last;

        } else if (*last != '0') {
            final = last;

            if (first == NULL) {
                first = last;
            }
        }
    }

    if (first == NULL) {
        ngx_litellm_cache_write(h, "d0\xff", 3);
        return;
    }

    exp = 0;

    if (last < end) {
        p = last + 1;

        if (*p == '+' || *p == '-') {
            p++;
        }

        for ( /* void */ ; p < end && exp < NGX_LITELLM_CACHE_EXP; p++) {
            exp = exp * 10 + (*p - '0');
        }

        if (p < end || exp >= NGX_LITELLM_CACHE_EXP) {
            ngx_litellm_cache_byte(h, 'D');
            ngx_litellm_cache_write(h, v->start, v->len);
            ngx_litellm_cache_byte(h, NGX_LITELLM_CACHE_END);
            return;
        }

        if (last[1] == '-') {
            exp = -exp;
        }
    }

    /* the place of the last digit, seen from the point */

    if (point == NULL) {
        exp += last - 1 - final;

    } else if (final < point) {
        exp += point - 1 - final;

    } else {
        exp -= final - point;
    }

    ngx_litellm_cache_write(h, minus ? "d-" : "d", minus ? 2 : 1);

    if (point && first < point && final > point) {
        ngx_litellm_cache_write(h, first, point - first);
        ngx_litellm_cache_write(h, point + 1, final - point);

    } else {
        ngx_litellm_cache_write(h, first, final - first + 1);
    }

    if (exp) {
        ngx_litellm_cache_write(h, buf, ngx_sprintf(buf, "e%L", exp) - buf);
    }

    ngx_litellm_cache_byte(h, NGX_LITELLM_CACHE_END);
}
