
/*
 * What may be fetched for a client who names it: which URLs, and which
 * addresses their hosts may have.  A gateway stands in a private network, and
 * a URL in a prompt is anybody's: so only global unicast addresses, by http
 * and https, at the usual ports, unless the operator says otherwise.
 *
 * The address that is connected to must be one that was asked about here:
 * checking a name and then looking it up again would check nothing.
 */

#ifndef _NGX_LITELLM_GUARD_H_INCLUDED_
#define _NGX_LITELLM_GUARD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config.h"


typedef struct {
    ngx_array_t         *allow;     /* ngx_cidr_t; NULL: nothing more */
    ngx_array_t         *deny;      /* ngx_cidr_t; counts first */
    ngx_array_t         *ports;     /* in_port_t; NULL: 80 and 443 */
} ngx_litellm_guard_t;


typedef struct {
    ngx_litellm_url_t    url;       /* host without a last dot, an IPv6
                                       address without brackets; its path and
                                       arguments are not used */
    ngx_str_t            target;    /* of the request line */
} ngx_litellm_target_t;


/*
 * "private" (what RFC 1918, 4193 and 6598 say, and loopback; never link-local
 * addresses, where clouds keep credentials), or a CIDR.  NGX_DECLINED: neither;
 * NGX_ERROR: no memory.
 */
ngx_int_t ngx_litellm_guard_add(ngx_array_t *cidrs, ngx_str_t *text);

/*
 * A URL as a client or a Location has it (any bytes).  NGX_DECLINED with *why,
 * a text for the client; NGX_ERROR: no memory.
 */
ngx_int_t ngx_litellm_guard_url(ngx_litellm_guard_t *g, ngx_pool_t *pool,
    ngx_str_t *text, ngx_litellm_target_t *t, const char **why);

/* a Location against the target that it came from; the result is in *text */
ngx_int_t ngx_litellm_guard_location(ngx_pool_t *pool, ngx_litellm_target_t *t,
    ngx_str_t *location, ngx_str_t *text);

/* NGX_OK or NGX_DECLINED */
ngx_int_t ngx_litellm_guard_address(ngx_litellm_guard_t *g,
    struct sockaddr *sa);


#endif /* _NGX_LITELLM_GUARD_H_INCLUDED_ */
