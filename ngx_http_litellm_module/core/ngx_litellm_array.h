
/*
 * Arrays that most answers and requests have nothing for: zeroed at first, and
 * given memory with their first element.
 */

#ifndef _NGX_LITELLM_ARRAY_H_INCLUDED_
#define _NGX_LITELLM_ARRAY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* a new element, of an array for n of that size at first; NULL: no memory */

static ngx_inline void *
ngx_litellm_array_push(ngx_array_t *a, ngx_pool_t *pool, ngx_uint_t n,
    size_t size)
{
    if (a->elts == NULL && ngx_array_init(a, pool, n, size) != NGX_OK) {
        return NULL;
    }

    return ngx_array_push(a);
}


#endif /* _NGX_LITELLM_ARRAY_H_INCLUDED_ */
