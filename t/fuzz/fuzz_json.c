
/*
 * Any bytes as JSON: both engines agree, yajl agrees apart from what
 * t/unit/core/json_test.c names, the nodes lie in the text and nest, and
 * strings and numbers can be read.  The first byte says how deep nodes are
 * kept.
 */

#include "fuzz.h"

#include <yajl/yajl_parse.h>

#include "ngx_litellm_json.h"
#include "ngx_litellm_scan.h"
#include "ngx_litellm_out.h"


static int
fuzz_yajl(ngx_str_t *text)
{
    int          ok;
    yajl_handle  h;

    static yajl_callbacks  none;

    h = yajl_alloc(&none, NULL, NULL);

    ok = yajl_parse(h, text->data, text->len) == yajl_status_ok
         && yajl_complete_parse(h) == yajl_status_ok;

    yajl_free(h);

    return ok;
}


/* a string: unescaped, escaped again, it is a J-string of the same text */

static void
fuzz_string(ngx_pool_t *pool, ngx_litellm_json_t *v)
{
    ngx_str_t           s, plain, again, back;
    ngx_litellm_out_t   out;

    s = ngx_litellm_json_text(v);

    FUZZ_ASSERT(ngx_litellm_json_unescape(pool, &plain, &s) == NGX_OK);
    FUZZ_ASSERT(plain.len <= s.len);
    FUZZ_ASSERT(ngx_litellm_json_equal(v, (char *) plain.data, plain.len));
    FUZZ_ASSERT(!ngx_litellm_json_equal(v, (char *) plain.data,
                                        plain.len + 1)
                || plain.len == s.len);

    ngx_litellm_out_init(&out, pool);
    ngx_litellm_out_escape(&out, plain.data, plain.len);
    FUZZ_ASSERT(ngx_litellm_out_join(&out, &again) == NGX_OK);

    ngx_litellm_out_init(&out, pool);
    out.chunk = 1 + s.len / 3;
    ngx_litellm_out_unescape(&out, again.data, again.len);
    FUZZ_ASSERT(ngx_litellm_out_join(&out, &back) == NGX_OK);

    FUZZ_ASSERT(back.len == plain.len
                && memcmp(back.data, plain.data, plain.len) == 0);
}


static void
fuzz_nodes(ngx_pool_t *pool, ngx_litellm_json_doc_t *doc, ngx_str_t *text)
{
    int64_t              n;
    uint32_t             i, children;
    ngx_uint_t           k;
    ngx_litellm_json_t  *v, *c;

    v = doc->root;

    FUZZ_ASSERT(v->next == doc->nodes);

    for (k = 0; k < doc->nodes; k++) {
        v = &doc->root[k];

        FUZZ_ASSERT(v->start >= text->data);
        FUZZ_ASSERT(v->len > 0);
        FUZZ_ASSERT(v->start + v->len <= text->data + text->len);
        FUZZ_ASSERT(v->next > 0 && k + v->next <= doc->nodes);

        (void) ngx_litellm_json_member(v, "a");
        (void) ngx_litellm_json_int(v, &n);
        (void) ngx_litellm_json_fixed(v, 9, &n);

        if (v->type == NGX_LITELLM_JSON_STRING) {
            FUZZ_ASSERT(v->len >= 2 && v->next == 1);
            FUZZ_ASSERT(v->start[0] == '"' && v->start[v->len - 1] == '"');

            if (k < 50) {
                fuzz_string(pool, v);
            }
        }

        if (v->type < NGX_LITELLM_JSON_ARRAY
            || (v->flags & NGX_LITELLM_JSON_SKIPPED))
        {
            FUZZ_ASSERT(v->next == 1);
            continue;
        }

        children = v->count;

        if (v->type == NGX_LITELLM_JSON_OBJECT) {
            children *= 2;
        }

        c = v + 1;

        for (i = 0; i < children; i++) {
            FUZZ_ASSERT(c->start > v->start);
            FUZZ_ASSERT(c->start + c->len < v->start + v->len);
            c = ngx_litellm_json_next(c);
        }

        FUZZ_ASSERT(c == ngx_litellm_json_next(v));
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                      ok;
    ngx_int_t                rc;
    ngx_str_t                text;
    ngx_pool_t              *pool;
    ngx_litellm_json_doc_t   doc, plain;
    ngx_litellm_json_watch_t  watch[2], plain_watch[2];

    if (size == 0) {
        return 0;
    }

    pool = fuzz_pool();
    text = fuzz_copy(pool, data + 1, size - 1);

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = pool;
    doc.keep = data[0] % 4;

    ngx_str_set(&watch[0].name, "model");
    ngx_str_set(&watch[1].name, "a");
    doc.watch = watch;
    doc.nwatch = 2;

    if (data[0] & 0x40) {
        ngx_str_set(&doc.whole, "messages");
    }

    plain = doc;
    plain.watch = plain_watch;
    ngx_memcpy(plain_watch, watch, sizeof(watch));

    /* a kind of vectors that this processor has */
    (void) ngx_litellm_scan_use((data[0] >> 2) % 3);

    rc = ngx_litellm_json_parse(&doc, text.data, text.len);

    FUZZ_ASSERT(rc == ngx_litellm_json_parse_plain(&plain, text.data,
                                                   text.len));
    FUZZ_ASSERT(rc == NGX_OK || rc == NGX_DECLINED);

    ok = fuzz_yajl(&text);

    if (rc == NGX_OK) {
        FUZZ_ASSERT(ok);
        FUZZ_ASSERT(doc.nodes == plain.nodes);
        FUZZ_ASSERT(watch[0].found == plain_watch[0].found);
        FUZZ_ASSERT(watch[1].found == plain_watch[1].found);

        fuzz_nodes(pool, &doc, &text);

    } else {
        FUZZ_ASSERT(doc.offset <= text.len && doc.offset == plain.offset);
        FUZZ_ASSERT(strcmp(doc.error, plain.error) == 0);

        if (ok) {
            FUZZ_ASSERT(strcmp(doc.error, "invalid utf-8") == 0
                        || strcmp(doc.error, "nested too deep") == 0
                        || text.data[doc.offset] == '\v'
                        || text.data[doc.offset] == '\f'
                        || (text.data[doc.offset] == '"'
                            && strcmp(doc.error, "unexpected text behind the "
                                      "value") == 0));
        }
    }

    ngx_destroy_pool(pool);

    return 0;
}
