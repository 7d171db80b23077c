
/*
 * The unit tests' harness.  A test program is one file <layer>/<name>_test.c
 * that defines unit_main(); t/unit/Makefile links it with every pure source of
 * the module (core, format, provider) and with the few files of nginx's core
 * that those need.  Every check is counted; a failed one prints file, line and
 * the current case and the program goes on.
 *
 * unit_pool is made anew for each unit_case(), so that memory errors are seen
 * by the sanitizer close to where they are made: what must live longer comes
 * from unit_keep.
 */

#ifndef _UNIT_H_INCLUDED_
#define _UNIT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


extern ngx_log_t   unit_log;
extern ngx_pool_t  *unit_pool;      /* until the next unit_case() */
extern ngx_pool_t  *unit_keep;      /* until the end */


/* every test program has one */
void unit_main(void);


/* names the checks that follow; a new unit_pool */
void unit_case(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

/* all return cond, so that a test can skip what depends on it */
int unit_check(int cond, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
int unit_check_str(const ngx_str_t *got, const void *want, size_t len,
    const char *file, int line, const char *expr);
int unit_check_int(long long got, long long want, const char *file, int line,
    const char *expr);

#define CHECK(cond)                                                           \
    unit_check(!!(cond), __FILE__, __LINE__, "%s", #cond)

/* CHECK with a message of one's own: CHECKF(a == b, "offset %d", i) */
#define CHECKF(cond, ...)                                                     \
    unit_check(!!(cond), __FILE__, __LINE__, __VA_ARGS__)

#define CHECK_INT(got, want)                                                  \
    unit_check_int((long long) (got), (long long) (want), __FILE__, __LINE__, \
                   #got)

/* got is an ngx_str_t *, want a NUL-terminated text */
#define CHECK_STR(got, want)                                                  \
    unit_check_str(got, want, ngx_strlen(want), __FILE__, __LINE__, #got)

/* the same for bytes that may hold NULs */
#define CHECK_MEM(got, want, len)                                             \
    unit_check_str(got, want, len, __FILE__, __LINE__, #got)


/* a text as ngx_str_t, in memory of its exact size: over-reads are seen */
ngx_str_t unit_str(const char *text);
ngx_str_t unit_mem(const void *p, size_t len);

/*
 * A file below t/data (UNIT_DATA in the environment says where that is), or
 * any file by an absolute path.  NGX_DECLINED if it is not there.
 */
ngx_int_t unit_file(const char *path, ngx_str_t *text);

/*
 * Names of the entries of a directory below t/data, sorted, without dot files:
 * an array of ngx_str_t, NUL-terminated; NULL if there is no such directory.
 */
ngx_array_t *unit_dir(const char *path);

/*
 * A variable of an environment made up of at most max texts "NAME=value", NULL
 * behind the last one.  NGX_DECLINED: it is not set.
 */
ngx_int_t unit_env(const char *const *vars, ngx_uint_t max,
    const ngx_str_t *name, ngx_str_t *value);

/* the bytes of a chain as one text */
ngx_str_t unit_chain(ngx_chain_t *cl);


#endif /* _UNIT_H_INCLUDED_ */
