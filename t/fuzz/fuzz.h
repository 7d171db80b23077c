
/*
 * What the fuzz targets share.  A target is one file fuzz_<name>.c with
 * LLVMFuzzerTestOneInput(); t/fuzz/Makefile links it with the pure sources and
 * runs it over t/fuzz/corpus/<name>/.
 */

#ifndef _FUZZ_H_INCLUDED_
#define _FUZZ_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


extern ngx_log_t  fuzz_log;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* a new pool; never NULL */
ngx_pool_t *fuzz_pool(void);

/* a copy of exact size in the pool, so that over-reads are seen */
ngx_str_t fuzz_copy(ngx_pool_t *pool, const void *p, size_t len);

/* a broken property ends the run with the input saved */
#define FUZZ_ASSERT(cond)                                                     \
    do {                                                                      \
        if (!(cond)) {                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);        \
            abort();                                                          \
        }                                                                     \
    } while (0)


#endif /* _FUZZ_H_INCLUDED_ */
