
/*
 * The hash by which bodies are found that were hits before
 * (ngx_litellm_cache_known.h): of one process, never written anywhere.  Keyed,
 * and fast rather than strong: what it finds is compared as a whole, so that
 * who makes two bodies of one hash has them push each other out, and no more.
 */

#ifndef _NGX_LITELLM_CACHE_HASH_H_INCLUDED_
#define _NGX_LITELLM_CACHE_HASH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* the same for the same bytes in one process: by what the processor has */
uint64_t ngx_litellm_cache_hash(uint64_t secret, const u_char *p, size_t len);

/* for every processor: tests hold both to the same rules */
uint64_t ngx_litellm_cache_hash_plain(uint64_t secret, const u_char *p,
    size_t len);


#endif /* _NGX_LITELLM_CACHE_HASH_H_INCLUDED_ */
