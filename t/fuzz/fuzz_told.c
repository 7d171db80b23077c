
/*
 * Any bytes as a record that another gateway has told of through Redis: the
 * first line is its name, the rest its value.  What is read is within its
 * bounds, and written it is the same again; a record that is taken is of the id
 * it is told under, and reads the same from the text that is kept.
 */

#include "fuzz.h"

#include "ngx_litellm_told.h"


/* in microseconds: 2023, and a year ahead of that */
#define FUZZ_TOP  ((uint64_t) (1700000000 + 366 * 86400) * 1000000)


static void
fuzz_again(ngx_pool_t *pool, ngx_litellm_told_t *told)
{
    ngx_str_t           name, value;
    ngx_litellm_told_t  again;

    FUZZ_ASSERT(ngx_litellm_told_name(pool, told, &name) == NGX_OK);
    FUZZ_ASSERT(ngx_litellm_told_write(pool, told, &value) == NGX_OK);
    FUZZ_ASSERT(ngx_litellm_told_read(&name, &value, FUZZ_TOP, &again)
                == NGX_OK);

    FUZZ_ASSERT(again.kind == told->kind && again.born == told->born
                && again.stamp == told->stamp);
    FUZZ_ASSERT(again.id.len == told->id.len
                && memcmp(again.id.data, told->id.data, told->id.len) == 0);
    FUZZ_ASSERT(again.json.len == told->json.len
                && (told->json.len == 0
                    || memcmp(again.json.data, told->json.data,
                              told->json.len) == 0));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                   *p;
    ngx_int_t                 rc;
    ngx_str_t                 text, name, value, why;
    ngx_pool_t               *pool;
    ngx_litellm_told_t        told;
    ngx_litellm_principal_t   principal;

    pool = fuzz_pool();
    text = fuzz_copy(pool, data, size);

    p = size ? memchr(text.data, '\n', size) : NULL;

    name.data = text.data;
    name.len = p ? (size_t) (p - text.data) : size;

    value.data = p ? p + 1 : NULL;
    value.len = p ? size - name.len - 1 : 0;

    rc = ngx_litellm_told_read(&name, p ? &value : NULL, FUZZ_TOP, &told);

    FUZZ_ASSERT(rc == NGX_OK || rc == NGX_DECLINED || rc == NGX_ERROR);

    if (rc != NGX_ERROR) {
        FUZZ_ASSERT((ngx_uint_t) told.kind < NGX_LITELLM_PRINCIPALS);
        FUZZ_ASSERT(told.id.len > 0 && told.id.len <= NGX_LITELLM_ID_MAX);
        FUZZ_ASSERT(told.id.data + told.id.len == name.data + name.len);
    }

    if (rc == NGX_OK) {
        FUZZ_ASSERT(p != NULL);
        FUZZ_ASSERT(told.born > 0 && told.born <= FUZZ_TOP);
        FUZZ_ASSERT(told.stamp > 0 && told.stamp <= FUZZ_TOP);
        FUZZ_ASSERT(told.json.len <= NGX_LITELLM_RECORD_MAX);
        FUZZ_ASSERT(told.json.data + told.json.len == value.data + value.len);

        fuzz_again(pool, &told);

        rc = told.json.len ? ngx_litellm_told_record(pool, &told, &principal,
                                                     &why)
                           : NGX_DECLINED;

        if (rc == NGX_OK) {
            FUZZ_ASSERT(told.json.len > 0
                        && told.json.len <= NGX_LITELLM_RECORD_MAX);

            fuzz_again(pool, &told);

            FUZZ_ASSERT(ngx_litellm_told_record(pool, &told, &principal, &why)
                        == NGX_OK);
            FUZZ_ASSERT(principal.id.len == told.id.len);

        } else {
            FUZZ_ASSERT(rc == NGX_DECLINED);
        }
    }

    ngx_destroy_pool(pool);

    return 0;
}
