
/*
 * The small part of nginx's process that its core files want to link with, and
 * the functions of fuzz.h.
 */

#include "fuzz.h"


ngx_log_t              fuzz_log;
volatile ngx_cycle_t  *ngx_cycle;
ngx_pid_t              ngx_pid;

static ngx_cycle_t     fuzz_cycle;


int LLVMFuzzerInitialize(int *argc, char ***argv);


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    ngx_pagesize = 4096;
    ngx_cacheline_size = 64;
    ngx_pid = getpid();

    fuzz_cycle.log = &fuzz_log;
    ngx_cycle = &fuzz_cycle;

    return 0;
}


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
}


void
ngx_debug_point(void)
{
    abort();
}


ngx_pool_t *
fuzz_pool(void)
{
    ngx_pool_t  *pool;

    pool = ngx_create_pool(4096, &fuzz_log);
    if (pool == NULL) {
        abort();
    }

    return pool;
}


ngx_str_t
fuzz_copy(ngx_pool_t *pool, const void *p, size_t len)
{
    ngx_str_t  s;

    s.len = len;
    s.data = ngx_palloc(pool, len ? len : 1);
    if (s.data == NULL) {
        abort();
    }

    ngx_memcpy(s.data, p, len);

    return s;
}
