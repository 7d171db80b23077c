
/* A keyed hash of 64 bits, or of 128, for tables whose names come from clients. */

#ifndef _NGX_LITELLM_SIPHASH_H_INCLUDED_
#define _NGX_LITELLM_SIPHASH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* SipHash-2-4; more: bytes that go before the text, in one word of 8 bytes */
uint64_t ngx_litellm_siphash(const uint64_t key[2], uint64_t more,
    const u_char *p, size_t len);

/* the same of 128 bits, as its authors have it */
void ngx_litellm_siphash_128(const uint64_t key[2], const u_char *p,
    size_t len, uint64_t hash[2]);


#endif /* _NGX_LITELLM_SIPHASH_H_INCLUDED_ */
