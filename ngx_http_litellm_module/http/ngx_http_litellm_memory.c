
/*
 * A request needs some 12 KB for what the module makes of it (context, attempt
 * and its clone, nodes of JSON, what is sent to the provider, values of headers)
 * and 8 KB for the answer.  Of r->pool these would be three more blocks and a
 * large piece, to be had from malloc() and given back to it each time, and more
 * blocks to be looked through by every small allocation.  So they are a pool of
 * their own, which is emptied when r->pool is destroyed, and kept by the worker
 * for the next request.
 *
 * A buffer for the answer is lent when the answer begins, so that requests that
 * wait for their provider have none.
 *
 * What must hold: the cleanup that gives it back is the first one that the
 * module adds to r->pool, so that it runs behind all others of the module.
 * What is kept is bounded: so many pools, of a few blocks each, no large
 * pieces, and as many buffers.  With AddressSanitizer nothing is kept: what is
 * used too late would be some other request's, and not be seen.
 *
 * Called by ngx_http_litellm_handler.c for a context, and by .._upstream.c.
 */

#include "ngx_http_litellm_memory.h"


#define NGX_HTTP_LITELLM_MEMORY_BLOCK   16384

/* of one pool that is kept */
#define NGX_HTTP_LITELLM_MEMORY_BLOCKS  2

/* what is larger is the engine's business */
#define NGX_HTTP_LITELLM_MEMORY_BUFFER  8192

#if (__SANITIZE_ADDRESS__)
#define NGX_HTTP_LITELLM_MEMORY_ASAN    1

#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NGX_HTTP_LITELLM_MEMORY_ASAN    1
#endif
#endif

#ifndef NGX_HTTP_LITELLM_MEMORY_KEPT
#if (NGX_HTTP_LITELLM_MEMORY_ASAN)
#define NGX_HTTP_LITELLM_MEMORY_KEPT    0
#else
#define NGX_HTTP_LITELLM_MEMORY_KEPT    64
#endif
#endif


static ngx_http_litellm_memory_t *ngx_http_litellm_memory_create(
    ngx_log_t *log);
static void ngx_http_litellm_memory_cleanup(void *data);
static ngx_uint_t ngx_http_litellm_memory_large(ngx_pool_t *pool);
static void ngx_http_litellm_memory_buffer_back(u_char *p);


/* of this worker; the last one given back is the first one taken: it is still
   in the processor's cache */

static ngx_http_litellm_memory_t  *ngx_http_litellm_memory_kept;
static ngx_uint_t                  ngx_http_litellm_memory_nkept;

/* each has the address of the next one at its start */

static u_char      *ngx_http_litellm_memory_buffers;
static ngx_uint_t   ngx_http_litellm_memory_nbuffers;


ngx_http_litellm_memory_t *
ngx_http_litellm_memory(ngx_http_request_t *r)
{
    ngx_log_t                  *log;
    ngx_pool_cleanup_t         *cln;
    ngx_http_litellm_memory_t  *m;

    log = r->connection->log;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    m = ngx_http_litellm_memory_kept;

    if (m != NULL) {
        ngx_http_litellm_memory_kept = m->next;
        ngx_http_litellm_memory_nkept--;

        m->pool->log = log;

    } else {
        m = ngx_http_litellm_memory_create(log);
        if (m == NULL) {
            return NULL;
        }
    }

    cln->handler = ngx_http_litellm_memory_cleanup;
    cln->data = m;

    return m;
}


static ngx_http_litellm_memory_t *
ngx_http_litellm_memory_create(ngx_log_t *log)
{
    ngx_http_litellm_memory_t  *m;

    m = ngx_calloc(sizeof(ngx_http_litellm_memory_t), log);
    if (m == NULL) {
        return NULL;
    }

    m->pool = ngx_create_pool(NGX_HTTP_LITELLM_MEMORY_BLOCK, log);
    if (m->pool == NULL) {
        ngx_free(m);
        return NULL;
    }

    return m;
}


static void
ngx_http_litellm_memory_cleanup(void *data)
{
    ngx_http_litellm_memory_t *m = data;

    ngx_pool_cleanup_t  *cln;

    for (cln = m->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler) {
            cln->handler(cln->data);
        }
    }

    m->pool->cleanup = NULL;

    if (m->buffer != NULL) {
        ngx_http_litellm_memory_buffer_back(m->buffer);
        m->buffer = NULL;
    }

    if (ngx_http_litellm_memory_nkept == NGX_HTTP_LITELLM_MEMORY_KEPT
        || ngx_http_litellm_memory_large(m->pool))
    {
        ngx_destroy_pool(m->pool);
        ngx_free(m);
        return;
    }

    ngx_reset_pool(m->pool);

    m->pool->log = ngx_cycle->log;

    m->next = ngx_http_litellm_memory_kept;
    ngx_http_litellm_memory_kept = m;
    ngx_http_litellm_memory_nkept++;
}


static ngx_uint_t
ngx_http_litellm_memory_large(ngx_pool_t *pool)
{
    ngx_uint_t  n;

    for (n = 0; pool; pool = pool->d.next) {
        n++;
    }

    return n > NGX_HTTP_LITELLM_MEMORY_BLOCKS;
}


ngx_int_t
ngx_http_litellm_memory_buffer(ngx_http_litellm_memory_t *m, ngx_buf_t *b,
    size_t size)
{
    u_char  *p;

    if (m == NULL || m->buffer != NULL
        || size > NGX_HTTP_LITELLM_MEMORY_BUFFER)
    {
        return NGX_DECLINED;
    }

    p = ngx_http_litellm_memory_buffers;

    if (p != NULL) {
        ngx_memcpy(&ngx_http_litellm_memory_buffers, p, sizeof(u_char *));
        ngx_http_litellm_memory_nbuffers--;

    } else {
        p = ngx_alloc(NGX_HTTP_LITELLM_MEMORY_BUFFER, m->pool->log);
        if (p == NULL) {
            return NGX_DECLINED;
        }
    }

    m->buffer = p;

    b->start = p;
    b->pos = p;
    b->last = p;
    b->end = p + size;
    b->temporary = 1;

    return NGX_OK;
}


static void
ngx_http_litellm_memory_buffer_back(u_char *p)
{
    if (ngx_http_litellm_memory_nbuffers == NGX_HTTP_LITELLM_MEMORY_KEPT) {
        ngx_free(p);
        return;
    }

    ngx_memcpy(p, &ngx_http_litellm_memory_buffers, sizeof(u_char *));

    ngx_http_litellm_memory_buffers = p;
    ngx_http_litellm_memory_nbuffers++;
}
