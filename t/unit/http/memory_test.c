
/*
 * Memory of requests that is kept for the next one: the last one given back is
 * taken first, what is kept is bounded, cleanups run, one exchange at a time
 * has the buffer.  The test has the file's own copy: built for a sanitizer it
 * keeps nothing by itself.
 */

#include "unit.h"
#include <ngx_http.h>

#define NGX_HTTP_LITELLM_MEMORY_KEPT  3

#include "../../../ngx_http_litellm_module/http/ngx_http_litellm_memory.c"


static ngx_log_t         request_log;
static ngx_connection_t  connection;
static ngx_uint_t        cleaned;


static ngx_http_litellm_memory_t *
take(ngx_http_request_t *r)
{
    ngx_memzero(r, sizeof(ngx_http_request_t));

    request_log = unit_log;
    connection.log = &request_log;

    r->connection = &connection;
    r->pool = ngx_create_pool(1024, &request_log);

    return ngx_http_litellm_memory(r);
}


static void
clean(void *data)
{
    cleaned++;
}


static void
add_block(ngx_pool_t *pool)
{
    ngx_pool_t  *block;

    block = ngx_memalign(NGX_POOL_ALIGNMENT, 1024, &unit_log);

    ngx_memzero(block, sizeof(ngx_pool_t));

    while (pool->d.next) {
        pool = pool->d.next;
    }

    pool->d.next = block;
}


static void
test_again(void)
{
    u_char                     *p;
    ngx_buf_t                   b;
    ngx_http_request_t          r[2];
    ngx_http_litellm_memory_t  *m[2];

    unit_case("the last one given back is the first one taken");

    m[0] = take(&r[0]);
    m[1] = take(&r[1]);

    CHECK(m[0] != NULL && m[1] != NULL && m[0] != m[1]);
    CHECK(m[0]->pool != m[1]->pool);

    ngx_destroy_pool(r[0].pool);
    ngx_destroy_pool(r[1].pool);

    CHECK_INT(ngx_http_litellm_memory_nkept, 2);
    CHECK(m[1]->pool->log == ngx_cycle->log);

    CHECK(take(&r[0]) == m[1]);
    CHECK(m[1]->pool->log == &request_log);
    CHECK(take(&r[1]) == m[0]);
    CHECK_INT(ngx_http_litellm_memory_nkept, 0);

    unit_case("a pool is empty when it is taken again");

    p = ngx_palloc(m[1]->pool, 100000);
    CHECK(p != NULL && m[1]->pool->large != NULL);

    ngx_destroy_pool(r[0].pool);

    CHECK(m[1]->pool->large == NULL);

    unit_case("the buffer is that of one exchange");

    take(&r[0]);

    ngx_memzero(&b, sizeof(ngx_buf_t));

    CHECK_INT(ngx_http_litellm_memory_buffer(NULL, &b, 4096), NGX_DECLINED);
    CHECK_INT(ngx_http_litellm_memory_buffer(m[1], &b, 8193), NGX_DECLINED);
    CHECK(b.start == NULL);

    CHECK_INT(ngx_http_litellm_memory_buffer(m[1], &b, 4096), NGX_OK);
    CHECK_INT(b.end - b.start, 4096);
    CHECK(b.pos == b.start && b.last == b.start && b.temporary);
    ngx_memset(b.start, 'x', 4096);
    p = b.start;

    CHECK_INT(ngx_http_litellm_memory_buffer(m[1], &b, 4096), NGX_DECLINED);

    ngx_destroy_pool(r[0].pool);
    CHECK(take(&r[0]) == m[1]);

    CHECK_INT(ngx_http_litellm_memory_buffer(m[1], &b, 1024), NGX_OK);
    CHECK(b.start == p);
    CHECK_INT(b.end - b.start, 1024);

    ngx_destroy_pool(r[0].pool);
    CHECK(take(&r[0]) == m[1]);

    CHECK_INT(ngx_http_litellm_memory_buffer(m[1], &b, 8192), NGX_OK);
    ngx_memset(b.start, 'x', 8192);

    ngx_destroy_pool(r[0].pool);
    ngx_destroy_pool(r[1].pool);
}


static void
test_bounds(void)
{
    ngx_uint_t           i;
    ngx_pool_cleanup_t  *cln;
    ngx_http_request_t   r[5];

    unit_case("so many are kept");

    for (i = 0; i < 5; i++) {
        CHECK(take(&r[i]) != NULL);
    }

    for (i = 0; i < 5; i++) {
        ngx_destroy_pool(r[i].pool);
    }

    CHECK_INT(ngx_http_litellm_memory_nkept, 3);

    unit_case("two blocks are kept, three are not");

    add_block(take(&r[0])->pool);
    ngx_destroy_pool(r[0].pool);

    CHECK_INT(ngx_http_litellm_memory_nkept, 3);

    add_block(take(&r[0])->pool);
    ngx_destroy_pool(r[0].pool);

    CHECK_INT(ngx_http_litellm_memory_nkept, 2);

    unit_case("cleanups run once");

    for (i = 0; i < 2; i++) {
        cln = ngx_pool_cleanup_add(take(&r[0])->pool, 0);
        cln->handler = clean;

        /* one that was not filled in */

        cln = ngx_pool_cleanup_add(ngx_http_litellm_memory(&r[0])->pool, 0);
        CHECK(cln != NULL);

        ngx_destroy_pool(r[0].pool);

        CHECK_INT(cleaned, i + 1);
    }
}


void
unit_main(void)
{
    ngx_http_litellm_memory_t  *m;

    test_again();
    test_bounds();

    while (ngx_http_litellm_memory_kept != NULL) {
        m = ngx_http_litellm_memory_kept;
        ngx_http_litellm_memory_kept = m->next;

        ngx_destroy_pool(m->pool);
        ngx_free(m->buffer);
        ngx_free(m);
    }
}
