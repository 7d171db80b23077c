
/*
 * Values of the cache in Redis: what is written is read again, and nothing
 * else is: each bit of one turned, each length of it, another key and another
 * kind are noticed, as is what has the right sum and is no answer.
 */

#include "unit.h"

#include "ngx_litellm_cache_value.h"


static u_char  key[NGX_LITELLM_CACHE_KEY] = "0123456789abcdefghijklmnopqrstu";


static ngx_str_t
written(ngx_uint_t kind, const char *body, ngx_int_t rc)
{
    u_char                     *p;
    ngx_str_t                   s;
    ngx_litellm_cache_value_t   v;

    ngx_memzero(&v, sizeof(ngx_litellm_cache_value_t));

    v.kind = kind;
    v.stored = 1700000000;
    v.ttl = 60;
    v.cost = -5;
    v.body = unit_str(body);

    s.len = NGX_LITELLM_CACHE_VALUE_HEAD + v.body.len;
    s.data = p = ngx_pnalloc(unit_pool, s.len);

    CHECK_INT(ngx_litellm_cache_value_write(&v, key, p), rc);

    ngx_memcpy(p + NGX_LITELLM_CACHE_VALUE_HEAD, v.body.data, v.body.len);

    return s;
}


static ngx_int_t
reads(ngx_str_t *s, ngx_uint_t kind)
{
    ngx_str_t                   copy;
    ngx_litellm_cache_value_t   v;

    copy = unit_mem(s->data, s->len);

    return ngx_litellm_cache_value_read(unit_pool, &copy, key, kind, &v);
}


static void
test_kinds(void)
{
    ngx_str_t                   s;
    ngx_uint_t                  i;
    ngx_litellm_cache_value_t   v;

    static const struct {
        ngx_uint_t   kind;
        const char  *body;
        ngx_int_t    rc;
    } cases[] = {
        { NGX_LITELLM_OP_CHAT, "{\"choices\":[{}]}", NGX_OK },
        { NGX_LITELLM_OP_CHAT, " {\"a\":{\"b\":[1]},\"choices\":[1,2]} ",
          NGX_OK },
        { NGX_LITELLM_OP_COMPLETIONS, "{\"choices\":[{}]}", NGX_OK },
        { NGX_LITELLM_OP_EMBEDDINGS, "{\"data\":[{}]}", NGX_OK },
        { NGX_LITELLM_OP_RERANK, "{\"results\":[{}]}", NGX_OK },
        { NGX_LITELLM_CACHE_VALUE_ITEM, "{\"data\":[{}]}", NGX_OK },
        { NGX_LITELLM_CACHE_VALUE_ITEM, "anything", NGX_OK },
        { NGX_LITELLM_CACHE_VALUE_ITEM, "", NGX_DECLINED },
        { NGX_LITELLM_OP_CHAT, "{\"choices\":[]}", NGX_DECLINED },
        { NGX_LITELLM_OP_CHAT, "{\"choices\":{\"a\":1}}", NGX_DECLINED },
        { NGX_LITELLM_OP_CHAT, "{\"data\":[{}]}", NGX_DECLINED },
        { NGX_LITELLM_OP_EMBEDDINGS, "{\"choices\":[{}]}", NGX_DECLINED },
        { NGX_LITELLM_OP_CHAT, "{\"choices\":[{}]", NGX_DECLINED },
        { NGX_LITELLM_OP_CHAT, "{\"choices\":[{}]}}", NGX_DECLINED },
        { NGX_LITELLM_OP_CHAT, "[{\"choices\":[{}]}]", NGX_DECLINED },
        { NGX_LITELLM_OP_CHAT, "null", NGX_DECLINED },
        { NGX_LITELLM_OP_CHAT, "x", NGX_DECLINED },
        { NGX_LITELLM_OP_CHAT, "", NGX_DECLINED },
        { 4, "{\"choices\":[{}]}", NGX_DECLINED },
        { 0xffffffff, "{\"choices\":[{}]}", NGX_DECLINED },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("%s", cases[i].body);

        s = written(cases[i].kind, cases[i].body, NGX_OK);
        CHECK_INT(reads(&s, cases[i].kind), cases[i].rc);

        if (cases[i].rc != NGX_OK) {
            continue;
        }

        CHECK_INT(ngx_litellm_cache_value_read(unit_pool, &s, key,
                                               cases[i].kind, &v), NGX_OK);
        CHECK_INT(v.kind, cases[i].kind);
        CHECK_INT(v.stored, 1700000000);
        CHECK_INT(v.ttl, 60);
        CHECK_INT(v.cost, -5);
        CHECK_STR(&v.body, cases[i].body);
    }
}


static void
test_broken(void)
{
    u_char      c;
    size_t      i, len;
    ngx_str_t   s;
    ngx_uint_t  bit;

    unit_case("broken");

    s = written(NGX_LITELLM_OP_CHAT, "{\"choices\":[{}]}", NGX_OK);
    len = s.len;

    for (i = 0; i < len; i++) {

        for (bit = 0; bit < 8; bit++) {
            c = s.data[i];
            s.data[i] ^= 1 << bit;
            CHECKF(reads(&s, NGX_LITELLM_OP_CHAT) == NGX_DECLINED,
                   "bit %d of byte %d", (int) bit, (int) i);
            s.data[i] = c;
        }

        s.len = i;
        CHECKF(reads(&s, NGX_LITELLM_OP_CHAT) == NGX_DECLINED, "cut at %d",
               (int) i);
        s.len = len;
    }

    CHECK_INT(reads(&s, NGX_LITELLM_OP_CHAT), NGX_OK);
    CHECK_INT(reads(&s, NGX_LITELLM_OP_COMPLETIONS), NGX_DECLINED);

    key[5] ^= 1;
    CHECK_INT(reads(&s, NGX_LITELLM_OP_CHAT), NGX_DECLINED);
    key[5] ^= 1;
}


static void
test_bounds(void)
{
    u_char                     head[NGX_LITELLM_CACHE_VALUE_HEAD];
    ngx_litellm_cache_value_t  v;

    unit_case("bounds");

    ngx_memzero(&v, sizeof(ngx_litellm_cache_value_t));

    v.body = unit_str("{}");

    CHECK_INT(ngx_litellm_cache_value_write(&v, key, head), NGX_ERROR);
    v.ttl = NGX_LITELLM_CACHE_TTL_MAX;
    CHECK_INT(ngx_litellm_cache_value_write(&v, key, head), NGX_OK);
    v.ttl++;
    CHECK_INT(ngx_litellm_cache_value_write(&v, key, head), NGX_ERROR);
    v.ttl = 1;
    v.body.len = (size_t) 0x100000000;
    CHECK_INT(ngx_litellm_cache_value_write(&v, key, head), NGX_ERROR);
}


void
unit_main(void)
{
    test_kinds();
    test_broken();
    test_bounds();
}
