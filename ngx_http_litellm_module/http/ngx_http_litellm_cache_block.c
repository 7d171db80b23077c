
/*
 * Blocks of the cache zone: how the zone is cut, chains of blocks that are free
 * or a value's, the bytes in them, and the lock with what undoes a change that
 * was cut.
 *
 * Free blocks are one chain, and so are those of a value: any free blocks will
 * do for it, wherever they are, and giving them back joins two chains, however
 * long they are.  Bytes are copied without the lock: the caller has the entry
 * pinned, and nobody changes the chain of one that is.
 */

#include "ngx_http_litellm_cache_block.h"
#include <openssl/rand.h>


/* changes with the layout of what is in the zone */
#define NGX_HTTP_LITELLM_CACHE_LAYOUT   2

#define NGX_HTTP_LITELLM_CACHE_MINPINS  64
#define NGX_HTTP_LITELLM_CACHE_MAXPINS  65536

/* answers that are made at a time */
#define NGX_HTTP_LITELLM_CACHE_MINLEADS  64
#define NGX_HTTP_LITELLM_CACHE_MAXLEADS  16384


static size_t ngx_http_litellm_cache_cut(ngx_http_litellm_cache_sh_t *sh,
    u_char *area, size_t n);
static size_t ngx_http_litellm_cache_piece(
    ngx_http_litellm_cache_handle_t *h, size_t len);
static void ngx_http_litellm_cache_step(ngx_http_litellm_cache_t *c,
    ngx_http_litellm_cache_handle_t *h, size_t n);


ngx_int_t
ngx_http_litellm_cache_make(ngx_http_litellm_cache_t *c)
{
    size_t                        size, low, high, n;
    u_char                       *area;
    ngx_http_litellm_cache_sh_t  *sh;

    sh = ngx_slab_calloc(c->shpool, sizeof(ngx_http_litellm_cache_sh_t));
    if (sh == NULL) {
        return NGX_ERROR;
    }

    /* all that the slab pool still has, in one piece */

    size = c->shpool->pfree * ngx_pagesize;

    area = ngx_slab_alloc(c->shpool, size);
    if (area == NULL) {
        return NGX_ERROR;
    }

    /* as many blocks as there is room for */

    low = 0;
    high = ngx_min(size / NGX_HTTP_LITELLM_CACHE_BLOCK, 0x7fffffff);

    while (low < high) {
        n = high - (high - low) / 2;

        if (ngx_http_litellm_cache_cut(sh, area, n) <= size) {
            low = n;

        } else {
            high = n - 1;
        }
    }

    if (low < NGX_HTTP_LITELLM_CACHE_PART) {
        return NGX_ERROR;
    }

    (void) ngx_http_litellm_cache_cut(sh, area, low);

    ngx_memzero(sh->buckets, ((size_t) sh->mask + 1) * sizeof(uint32_t));
    ngx_memzero(sh->making_buckets,
                ((size_t) sh->making_mask + 1) * sizeof(uint32_t));

    for (n = 1; n < low; n++) {
        sh->links[n] = n + 1;
    }

    sh->links[low] = 0;

    sh->free = 1;
    sh->nfree = low;
    sh->epoch = 1;

    if (RAND_bytes((u_char *) sh->secret, sizeof(sh->secret)) != 1) {
        return NGX_ERROR;
    }

    sh->layout = NGX_HTTP_LITELLM_CACHE_LAYOUT;
    sh->entry = sizeof(ngx_http_litellm_cache_entry_t);

    c->sh = sh;
    c->shpool->data = sh;

    return ngx_http_litellm_cache_adopt(c);
}


/* bytes that n blocks take with what belongs to them */

static size_t
ngx_http_litellm_cache_cut(ngx_http_litellm_cache_sh_t *sh, u_char *area,
    size_t n)
{
    u_char  *p;
    size_t   buckets, making;

    buckets = 1;

    while (buckets < n) {
        buckets *= 2;
    }

    sh->nblocks = n;
    sh->mask = buckets - 1;
    sh->npins = ngx_min(ngx_max(n / 4, NGX_HTTP_LITELLM_CACHE_MINPINS),
                        NGX_HTTP_LITELLM_CACHE_MAXPINS);

    sh->nmakings = ngx_min(ngx_max(n / 8, NGX_HTTP_LITELLM_CACHE_MINLEADS),
                           NGX_HTTP_LITELLM_CACHE_MAXLEADS);

    making = 1;

    while (making < sh->nmakings) {
        making *= 2;
    }

    sh->making_mask = making - 1;

    p = area;

    sh->links = (uint32_t *) p;
    p += (n + 1) * sizeof(uint32_t);

    sh->buckets = (uint32_t *) p;
    p += buckets * sizeof(uint32_t);

    /* counted from 1, as blocks are */

    sh->pins = (ngx_http_litellm_cache_pin_t *) p;
    p += ((size_t) sh->npins + 1) * sizeof(ngx_http_litellm_cache_pin_t);

    sh->making_buckets = (uint32_t *) p;
    p += making * sizeof(uint32_t);

    sh->makings = (ngx_http_litellm_cache_making_t *) p;
    p += ((size_t) sh->nmakings + 1)
         * sizeof(ngx_http_litellm_cache_making_t);

    p = ngx_align_ptr(p, 64);

    sh->data = p;
    p += n * NGX_HTTP_LITELLM_CACHE_BLOCK;

    return p - area;
}


ngx_int_t
ngx_http_litellm_cache_adopt(ngx_http_litellm_cache_t *c)
{
    if (c->sh->layout != NGX_HTTP_LITELLM_CACHE_LAYOUT
        || c->sh->entry != sizeof(ngx_http_litellm_cache_entry_t))
    {
        return NGX_DECLINED;
    }

    c->generation = ngx_atomic_fetch_add(&c->sh->generation, 1) + 1;

    return NGX_OK;
}


void
ngx_http_litellm_cache_lock(ngx_http_litellm_cache_t *c)
{
    ngx_shmtx_lock(&c->shpool->mutex);

    /* its last holder was killed; one that is killed here is undone, too */

    if (c->sh->undo) {
        ngx_http_litellm_cache_undo(c->sh);
    }
}


void
ngx_http_litellm_cache_undo(ngx_http_litellm_cache_sh_t *sh)
{
    ngx_uint_t                      n;
    ngx_http_litellm_cache_undo_t  *undo;

    for (n = sh->undo; n; n--) {
        undo = &sh->journal[n - 1];
        *undo->place = undo->was;
    }

    ngx_http_litellm_cache_end(sh);
}


void
ngx_http_litellm_cache_unlock(ngx_http_litellm_cache_t *c)
{
    ngx_http_litellm_cache_end(c->sh);

    ngx_shmtx_unlock(&c->shpool->mutex);
}


ngx_uint_t
ngx_http_litellm_cache_take_locked(ngx_http_litellm_cache_sh_t *sh,
    ngx_uint_t n, uint32_t *first, uint32_t *last)
{
    uint32_t    block;
    ngx_uint_t  i;

    n = ngx_min(n, sh->nfree);

    if (n == 0) {
        return 0;
    }

    block = sh->free;
    *first = block;

    for (i = 1; i < n; i++) {
        block = sh->links[block];
    }

    *last = block;

    ngx_http_litellm_cache_set(sh, &sh->free, sh->links[block]);
    ngx_http_litellm_cache_set(sh, &sh->nfree, sh->nfree - n);
    ngx_http_litellm_cache_set(sh, &sh->links[block], 0);

    return n;
}


void
ngx_http_litellm_cache_give_locked(ngx_http_litellm_cache_sh_t *sh,
    uint32_t entry)
{
    ngx_http_litellm_cache_entry_t  *e;

    e = ngx_http_litellm_cache_entry(sh, entry);

    ngx_http_litellm_cache_set(sh, &sh->links[e->last], sh->free);
    ngx_http_litellm_cache_set(sh, &sh->free, entry);
    ngx_http_litellm_cache_set(sh, &sh->nfree, sh->nfree + e->blocks);
}


size_t
ngx_http_litellm_cache_blocks(size_t len)
{
    size_t  room;

    room = NGX_HTTP_LITELLM_CACHE_BLOCK - NGX_HTTP_LITELLM_CACHE_HEAD;

    if (len <= room) {
        return 1;
    }

    len -= room;

    return 1 + len / NGX_HTTP_LITELLM_CACHE_BLOCK
           + (len % NGX_HTTP_LITELLM_CACHE_BLOCK != 0);
}


size_t
ngx_http_litellm_cache_read(ngx_shm_zone_t *zone,
    ngx_http_litellm_cache_handle_t *h, u_char *buf, size_t len)
{
    size_t                     n;
    u_char                    *p;
    ngx_http_litellm_cache_t  *c;

    c = zone->data;
    p = buf;

    if (h->entry == 0) {
        return 0;
    }

    while ((n = ngx_http_litellm_cache_piece(h, len)) != 0) {

        p = ngx_cpymem(p, ngx_http_litellm_cache_data(c->sh, h->block)
                          + h->offset, n);
        len -= n;

        ngx_http_litellm_cache_step(c, h, n);
    }

    return p - buf;
}


void
ngx_http_litellm_cache_write(ngx_shm_zone_t *zone,
    ngx_http_litellm_cache_handle_t *h, const u_char *buf, size_t len)
{
    size_t                     n;
    ngx_http_litellm_cache_t  *c;

    c = zone->data;

    if (h->entry == 0) {
        return;
    }

    while ((n = ngx_http_litellm_cache_piece(h, len)) != 0) {

        if (h->block == 0) {
            return;
        }

        ngx_memcpy(ngx_http_litellm_cache_data(c->sh, h->block) + h->offset,
                   buf, n);
        buf += n;
        len -= n;

        ngx_http_litellm_cache_step(c, h, n);
    }
}


/* bytes of the value that are in this block and are asked for */

static size_t
ngx_http_litellm_cache_piece(ngx_http_litellm_cache_handle_t *h, size_t len)
{
    len = ngx_min(len, h->meta.len - h->done);

    return ngx_min(len, NGX_HTTP_LITELLM_CACHE_BLOCK - h->offset);
}


static void
ngx_http_litellm_cache_step(ngx_http_litellm_cache_t *c,
    ngx_http_litellm_cache_handle_t *h, size_t n)
{
    h->done += n;
    h->offset += n;

    if (h->offset == NGX_HTTP_LITELLM_CACHE_BLOCK && h->done < h->meta.len) {
        h->block = c->sh->links[h->block];
        h->offset = 0;
    }
}
