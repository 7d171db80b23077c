
/*
 * Where a name is in a table that was made beforehand, sorted by name: a hash
 * of its rows, filled when the first name is looked for.  Tables of thousands
 * of models are looked into with each request of a wildcard's.
 *
 * The slots are the caller's (static, zeroed), a power of 2 and more than
 * twice the rows; the table never changes, so whoever chooses names can't make
 * the walk from slot to slot longer than the table itself has made it.
 */

#ifndef _NGX_LITELLM_INDEX_H_INCLUDED_
#define _NGX_LITELLM_INDEX_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    const char  *(*name)(ngx_uint_t row);
    ngx_uint_t     rows;         /* at most 65534 */
    uint16_t      *slots;
    ngx_uint_t     nslots;
    ngx_uint_t     filled;
} ngx_litellm_index_t;


/* a table that has grown over its slots does not compile */
#define ngx_litellm_index_fits(rows, nslots)                                  \
    typedef char  ngx_litellm_index_fits_t[(rows) * 2 < (nslots)              \
                                           && (rows) < 65535 ? 1 : -1]

/* the first row of that name; index->rows: there is none */
ngx_uint_t ngx_litellm_index_find(ngx_litellm_index_t *index, u_char *name,
    size_t len);


#endif /* _NGX_LITELLM_INDEX_H_INCLUDED_ */
