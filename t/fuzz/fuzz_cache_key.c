
/*
 * A body as a cache key: written anew with other blanks, escapes, another order
 * of members and numbers in another form it has the same key; with one value
 * changed it has another one.  Controls of the body are read, too.  The first
 * byte chooses what is done with it.
 */

#include "fuzz.h"

#include "ngx_litellm_cache_key.h"


#define DEEP  40


typedef struct {
    u_char      *p;
    u_char      *last;
    uint32_t     seed;
    ngx_uint_t   full;
} fuzz_writer_t;


static uint32_t
fuzz_random(fuzz_writer_t *w)
{
    w->seed = w->seed * 1664525 + 1013904223;

    return w->seed >> 16;
}


static void
fuzz_put(fuzz_writer_t *w, const void *data, size_t len)
{
    if ((size_t) (w->last - w->p) < len) {
        w->full = 1;
        return;
    }

    w->p = ngx_cpymem(w->p, data, len);
}


static void
fuzz_blank(fuzz_writer_t *w)
{
    fuzz_put(w, " \n\t\r", fuzz_random(w) % 5);
}


/* some plain letters become escapes */

static void
fuzz_text(fuzz_writer_t *w, ngx_litellm_json_t *v)
{
    u_char      *p, *last, buf[8];
    ngx_uint_t   n;

    fuzz_put(w, "\"", 1);

    p = v->start + 1;
    last = v->start + v->len - 1;

    while (p < last) {

        if (*p == '\\') {
            n = (p[1] == 'u') ? 6 : 2;
            fuzz_put(w, p, n);
            p += n;
            continue;
        }

        if (*p < 0x80 && fuzz_random(w) % 4 == 0) {
            (void) ngx_sprintf(buf, "\\u%04xd", (int) *p++);
            fuzz_put(w, buf, 6);
            continue;
        }

        fuzz_put(w, p++, 1);
    }

    fuzz_put(w, "\"", 1);
}


/* the point of a number moved behind its end */

static void
fuzz_number(fuzz_writer_t *w, ngx_litellm_json_t *v)
{
    u_char      *p;
    ngx_uint_t   i;

    static const char *const  tails[] = { "", "e0", "E+00", ".0", ".000e-0" };

    fuzz_put(w, v->start, v->len);

    for (p = v->start, i = 0; i < v->len; i++) {
        if (p[i] == '.' || p[i] == 'e' || p[i] == 'E') {
            return;
        }
    }

    i = fuzz_random(w) % 5;
    fuzz_put(w, tails[i], ngx_strlen(tails[i]));
}


/* members from the last to the first, if none of them comes again */

static void
fuzz_value(fuzz_writer_t *w, ngx_litellm_json_t *v, ngx_uint_t depth,
    ngx_uint_t turn)
{
    uint32_t              i, k;
    ngx_litellm_json_t   *c, *keys[16];

    fuzz_blank(w);

    switch (v->type) {

    case NGX_LITELLM_JSON_STRING:
        fuzz_text(w, v);
        break;

    case NGX_LITELLM_JSON_NUMBER:
        fuzz_number(w, v);
        break;

    case NGX_LITELLM_JSON_ARRAY:

        if (depth == DEEP) {
            fuzz_put(w, v->start, v->len);
            break;
        }

        fuzz_put(w, "[", 1);

        for (i = 0, c = v + 1; i < v->count; i++) {
            fuzz_put(w, ",", i ? 1 : 0);
            fuzz_value(w, c, depth + 1, turn);
            c = ngx_litellm_json_next(c);
        }

        fuzz_blank(w);
        fuzz_put(w, "]", 1);
        break;

    case NGX_LITELLM_JSON_OBJECT:

        if (depth == DEEP || v->count > 16) {
            fuzz_put(w, v->start, v->len);
            break;
        }

        for (i = 0, c = v + 1; i < v->count; i++) {
            keys[i] = c;
            c = ngx_litellm_json_next(c + 1);
        }

        fuzz_put(w, "{", 1);

        for (i = 0; i < v->count; i++) {
            k = turn ? v->count - 1 - i : i;

            fuzz_put(w, ",", i ? 1 : 0);
            fuzz_blank(w);
            fuzz_text(w, keys[k]);
            fuzz_blank(w);
            fuzz_put(w, ":", 1);
            fuzz_value(w, keys[k] + 1, depth + 1, turn);
        }

        fuzz_blank(w);
        fuzz_put(w, "}", 1);
        break;

    default:
        fuzz_put(w, v->start, v->len);
    }

    fuzz_blank(w);
}


/* the same name twice in one object, or half of a pair: the order counts */

static ngx_uint_t
fuzz_once(ngx_pool_t *pool, ngx_litellm_json_doc_t *doc)
{
    uint32_t              i, j;
    ngx_str_t             a, b;
    ngx_uint_t            k;
    ngx_litellm_json_t   *v, *c, *d;

    for (k = 0; k < doc->nodes; k++) {
        v = &doc->root[k];

        if (v->flags & NGX_LITELLM_JSON_SURROGATE) {
            return 0;
        }

        if (v->type != NGX_LITELLM_JSON_OBJECT || v->count > 16) {
            continue;
        }

        for (i = 0, c = v + 1; i < v->count; i++) {

            a = ngx_litellm_json_text(c);
            FUZZ_ASSERT(ngx_litellm_json_unescape(pool, &a, &a) == NGX_OK);

            d = ngx_litellm_json_next(c + 1);

            for (j = i + 1; j < v->count; j++) {
                b = ngx_litellm_json_text(d);
                FUZZ_ASSERT(ngx_litellm_json_unescape(pool, &b, &b) == NGX_OK);

                if (a.len == b.len && memcmp(a.data, b.data, a.len) == 0) {
                    return 0;
                }

                d = ngx_litellm_json_next(d + 1);
            }

            c = ngx_litellm_json_next(c + 1);
        }
    }

    return 1;
}


static ngx_int_t
fuzz_key(ngx_pool_t *pool, ngx_str_t *body, u_char key[NGX_LITELLM_CACHE_KEY])
{
    ngx_str_t             group, none;
    ngx_litellm_call_t    call;

    ngx_memzero(&call, sizeof(ngx_litellm_call_t));
    ngx_str_set(&group, "gpt");
    ngx_str_null(&none);

    call.pool = pool;
    call.log = &fuzz_log;
    call.op = NGX_LITELLM_OP_CHAT;
    call.format = &ngx_litellm_openai_chat;
    call.body = *body;

    return ngx_litellm_cache_key(&call, &group, &none, &none, 0, key);
}


static void
fuzz_control(ngx_pool_t *pool, ngx_str_t *body)
{
    ngx_int_t                     rc;
    ngx_litellm_call_t            call;
    ngx_litellm_cache_t           conf;
    ngx_litellm_error_t           e;
    ngx_litellm_cache_control_t   c;

    ngx_memzero(&call, sizeof(ngx_litellm_call_t));
    ngx_memzero(&e, sizeof(ngx_litellm_error_t));

    call.pool = pool;
    call.log = &fuzz_log;
    call.op = NGX_LITELLM_OP_CHAT;
    call.format = &ngx_litellm_openai_chat;
    call.body = *body;

    if (call.format->open(&call, &e) != NGX_OK) {
        return;
    }

    rc = ngx_litellm_cache_control(&call, NULL, &c, &e);

    FUZZ_ASSERT(rc == NGX_OK || (rc == NGX_DECLINED && e.status == 400));

    if (rc != NGX_OK) {
        return;
    }

    FUZZ_ASSERT(c.ttl >= -1 && c.ttl <= NGX_LITELLM_CACHE_TTL_MAX);
    FUZZ_ASSERT(c.max_age >= -1 && c.max_age <= NGX_LITELLM_CACHE_TTL_MAX);
    FUZZ_ASSERT(c.namespace.len <= NGX_LITELLM_CACHE_NAMESPACE);

    ngx_litellm_config_cache_init(&conf);

    conf.max_messages = 3;
    conf.max_temperature = 500000;

    (void) ngx_litellm_cache_able(&conf, &call, &c);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                   one[NGX_LITELLM_CACHE_KEY];
    u_char                   two[NGX_LITELLM_CACHE_KEY], *buf;
    ngx_int_t                rc;
    ngx_str_t                text, again;
    ngx_pool_t              *pool;
    fuzz_writer_t            w;
    ngx_litellm_json_doc_t   doc;

    if (size < 2) {
        return 0;
    }

    pool = fuzz_pool();
    text = fuzz_copy(pool, data + 1, size - 1);

    fuzz_control(pool, &text);

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = pool;

    rc = ngx_litellm_json_parse(&doc, text.data, text.len);

    if (rc == NGX_OK && doc.root->type == NGX_LITELLM_JSON_OBJECT) {

        rc = fuzz_key(pool, &text, one);
        FUZZ_ASSERT(rc == NGX_OK || rc == NGX_DECLINED);

        buf = ngx_palloc(pool, text.len * 16 + 64);
        FUZZ_ASSERT(buf != NULL);

        w.p = buf;
        w.last = buf + text.len * 16 + 64;
        w.seed = data[0];
        w.full = 0;

        fuzz_value(&w, doc.root, 0, fuzz_once(pool, &doc));

        again = fuzz_copy(pool, buf, w.p - buf);

        if (!w.full && fuzz_once(pool, &doc)) {
            FUZZ_ASSERT(fuzz_key(pool, &again, two) == rc);
            FUZZ_ASSERT(rc != NGX_OK
                        || memcmp(one, two, NGX_LITELLM_CACHE_KEY) == 0);
        }
    }

    ngx_destroy_pool(pool);

    return 0;
}
