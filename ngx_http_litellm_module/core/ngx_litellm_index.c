
/*
 * A hash of the names of a table: ngx_litellm_models.c and
 * ngx_litellm_price_find.c have one each.  Filled once in a process, most often
 * in the master while it reads the configuration, so that workers share it.
 * Nothing is allocated.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_index.h"


static void ngx_litellm_index_fill(ngx_litellm_index_t *index);


ngx_uint_t
ngx_litellm_index_find(ngx_litellm_index_t *index, u_char *name, size_t len)
{
    uint32_t     hash;
    ngx_uint_t   row;
    const char  *entry;

    if (!index->filled) {
        ngx_litellm_index_fill(index);
    }

    hash = ngx_murmur_hash2(name, len);

    for ( ;; ) {
        row = index->slots[hash & (index->nslots - 1)];

        if (row == 0) {
            return index->rows;
        }

        entry = index->name(row - 1);

        if (ngx_strlen(entry) == len && ngx_memcmp(entry, name, len) == 0) {
            return row - 1;
        }

        hash++;
    }
}


/* rows of one name are next to each other, the first one counts */

static void
ngx_litellm_index_fill(ngx_litellm_index_t *index)
{
    uint32_t     hash;
    ngx_uint_t   row;
    const char  *entry;

    for (row = 0; row < index->rows; row++) {

        entry = index->name(row);

        if (row && ngx_strcmp(entry, index->name(row - 1)) == 0) {
            continue;
        }

        hash = ngx_murmur_hash2((u_char *) entry, ngx_strlen(entry));

        while (index->slots[hash & (index->nslots - 1)]) {
            hash++;
        }

        index->slots[hash & (index->nslots - 1)] = (uint16_t) (row + 1);
    }

    index->filled = 1;
}
