
/*
 * Bodies that were hits of the cache before: one that comes again byte for byte
 * need not be read, brought into its canonical form and hashed once more.  What
 * is kept is what the reader found (the nodes of the top level) and what the
 * request was called, by all that a name depends on besides the body; and, of a
 * body that has nothing but parameters, what format->open() found among these.
 *
 * Bounded in bytes, the one used longest ago goes first.  Bodies are compared
 * as a whole: the hash only finds them, whoever makes two of one hash has them
 * push each other out.  Nothing of it is handed out, what is asked for is
 * copied.  For one process.
 */

#ifndef _NGX_LITELLM_CACHE_KNOWN_H_INCLUDED_
#define _NGX_LITELLM_CACHE_KNOWN_H_INCLUDED_


#include "ngx_litellm_cache_key.h"


/* larger bodies are not known, nor those with more nodes */
#define NGX_LITELLM_CACHE_KNOWN_BODY   131072
#define NGX_LITELLM_CACHE_KNOWN_NODES  256


typedef struct ngx_litellm_cache_known_s  ngx_litellm_cache_known_t;
typedef struct ngx_litellm_cache_record_s  ngx_litellm_cache_record_t;

/* a body that was looked for: what is found once need not be compared again */
typedef struct {
    uint64_t                      hash;
    ngx_litellm_cache_record_t   *record;    /* NULL: it was not there */
    ngx_uint_t                    dropped;   /* it still is if this is as it
                                                was */
} ngx_litellm_cache_seen_t;


/* size: bytes of all of them; secret: for the hash.  NULL: no memory */
ngx_litellm_cache_known_t *ngx_litellm_cache_known_create(size_t size,
    uint64_t secret, ngx_log_t *log);
void ngx_litellm_cache_known_free(ngx_litellm_cache_known_t *known);

uint64_t ngx_litellm_cache_known_hash(ngx_litellm_cache_known_t *known,
    ngx_str_t *body);

/*
 * Before format->open(), with seen->hash: call->top and call->parts as the
 * reader left them, and call->known set; if call->opened is, too, all that
 * format->open() would find is there.  NGX_OK; NGX_DECLINED: it is not known;
 * NGX_ERROR.
 */
ngx_int_t ngx_litellm_cache_known_read(ngx_litellm_cache_known_t *known,
    ngx_litellm_cache_seen_t *seen, ngx_litellm_call_t *call);

/* as ngx_litellm_cache_key(); NGX_DECLINED: it is not known */
ngx_int_t ngx_litellm_cache_known_key(ngx_litellm_cache_known_t *known,
    ngx_litellm_cache_seen_t *seen, ngx_litellm_call_t *call,
    ngx_str_t *group, ngx_str_t *namespace, ngx_str_t *scope,
    ngx_uint_t flags, u_char key[NGX_LITELLM_CACHE_KEY]);

/* the key of a hit; call as format->open() left it */
void ngx_litellm_cache_known_add(ngx_litellm_cache_known_t *known,
    ngx_litellm_cache_seen_t *seen, ngx_litellm_call_t *call,
    ngx_str_t *group, ngx_str_t *namespace, ngx_str_t *scope,
    ngx_uint_t flags, const u_char key[NGX_LITELLM_CACHE_KEY]);


#endif /* _NGX_LITELLM_CACHE_KNOWN_H_INCLUDED_ */
