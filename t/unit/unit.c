
/*
 * Counting, reporting and the small part of nginx's process that its core
 * files want to link with: a log that keeps quiet unless UNIT_LOG is set in
 * the environment, and an empty cycle.
 *
 * The last line on the standard output is "ok NAME (N checks)" or
 * "not ok NAME (N checks, M failed)": t/unit/run.sh adds them up.
 */

#include "unit.h"

#include <dirent.h>
#include <stdarg.h>


#define UNIT_REPORTS  20        /* failed checks printed in full */


ngx_log_t             unit_log;
ngx_pool_t           *unit_pool;
ngx_pool_t           *unit_keep;

volatile ngx_cycle_t *ngx_cycle;
ngx_pid_t             ngx_pid;

static ngx_cycle_t    unit_cycle;
static unsigned long  unit_checks;
static unsigned long  unit_failed;
static char           unit_name[256];
static int            unit_verbose;


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    u_char   buf[NGX_MAX_ERROR_STR], *p;
    va_list  args;

    if (!unit_verbose) {
        return;
    }

    va_start(args, fmt);
    p = ngx_vslprintf(buf, buf + sizeof(buf), fmt, args);
    va_end(args);

    fprintf(stderr, "# log %lu: %.*s\n", (unsigned long) level,
            (int) (p - buf), (char *) buf);
}


void
ngx_debug_point(void)
{
    abort();
}


static void
unit_report(const char *file, int line)
{
    fprintf(stderr, "# %s:%d: failed", file, line);

    if (unit_name[0]) {
        fprintf(stderr, " [%s]", unit_name);
    }

    fprintf(stderr, ": ");
}


/* counts a check; true if its failure is to be printed */
static int
unit_count(int cond)
{
    unit_checks++;

    if (cond) {
        return 0;
    }

    unit_failed++;

    if (unit_failed == UNIT_REPORTS + 1) {
        fprintf(stderr, "# more failures are counted, not printed\n");
    }

    return unit_failed <= UNIT_REPORTS;
}


int
unit_check(int cond, const char *file, int line, const char *fmt, ...)
{
    va_list  args;

    if (unit_count(cond)) {
        unit_report(file, line);

        va_start(args, fmt);
        vfprintf(stderr, fmt, args);
        va_end(args);

        fprintf(stderr, "\n");
    }

    return cond;
}


int
unit_check_int(long long got, long long want, const char *file, int line,
    const char *expr)
{
    if (unit_count(got == want)) {
        unit_report(file, line);
        fprintf(stderr, "%s is %lld, not %lld\n", expr, got, want);
    }

    return got == want;
}


static void
unit_print(const char *what, const u_char *p, size_t len)
{
    size_t  i;

    fprintf(stderr, "#   %s (%lu): \"", what, (unsigned long) len);

    for (i = 0; i < len && i < 2000; i++) {
        if (p[i] == '\n') {
            fprintf(stderr, "\\n");

        } else if (p[i] < 0x20 || p[i] == 0x7f) {
            fprintf(stderr, "\\x%02x", p[i]);

        } else {
            fputc(p[i], stderr);
        }
    }

    fprintf(stderr, i < len ? "\"...\n" : "\"\n");
}


int
unit_check_str(const ngx_str_t *got, const void *want, size_t len,
    const char *file, int line, const char *expr)
{
    int  equal;

    equal = got->len == len
            && (len == 0 || memcmp(got->data, want, len) == 0);

    if (unit_count(equal)) {
        unit_report(file, line);
        fprintf(stderr, "%s\n", expr);
        unit_print("got ", got->data, got->len);
        unit_print("want", want, len);
    }

    return equal;
}


void
unit_case(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    vsnprintf(unit_name, sizeof(unit_name), fmt, args);
    va_end(args);

    if (unit_pool) {
        ngx_destroy_pool(unit_pool);
    }

    unit_pool = ngx_create_pool(4096, &unit_log);
    if (unit_pool == NULL) {
        abort();
    }
}


ngx_str_t
unit_mem(const void *p, size_t len)
{
    ngx_str_t  s;

    s.len = len;
    s.data = ngx_palloc(unit_pool, len ? len : 1);
    if (s.data == NULL) {
        abort();
    }

    ngx_memcpy(s.data, p, len);

    return s;
}


ngx_str_t
unit_str(const char *text)
{
    return unit_mem(text, ngx_strlen(text));
}


static void
unit_path(const char *path, char *buf, size_t size)
{
    const char  *data;

    data = getenv("UNIT_DATA");

    if (path[0] == '/') {
        snprintf(buf, size, "%s", path);

    } else {
        snprintf(buf, size, "%s/%s", data ? data : "t/data", path);
    }
}


ngx_int_t
unit_file(const char *path, ngx_str_t *text)
{
    char    buf[4096];
    long    size;
    FILE   *f;

    unit_path(path, buf, sizeof(buf));

    f = fopen(buf, "rb");
    if (f == NULL) {
        return NGX_DECLINED;
    }

    if (fseek(f, 0, SEEK_END) != 0
        || (size = ftell(f)) < 0
        || fseek(f, 0, SEEK_SET) != 0)
    {
        fclose(f);
        return NGX_DECLINED;
    }

    text->len = size;
    text->data = ngx_palloc(unit_keep, size ? size : 1);

    if (text->data == NULL || fread(text->data, 1, size, f) != (size_t) size) {
        fclose(f);
        return NGX_DECLINED;
    }

    fclose(f);

    return NGX_OK;
}


static int
unit_dir_cmp(const void *one, const void *two)
{
    const ngx_str_t  *a = one, *b = two;

    return strcmp((char *) a->data, (char *) b->data);
}


ngx_array_t *
unit_dir(const char *path)
{
    DIR            *d;
    char            buf[4096];
    size_t          len;
    ngx_str_t      *s;
    ngx_array_t    *a;
    struct dirent  *e;

    unit_path(path, buf, sizeof(buf));

    d = opendir(buf);
    if (d == NULL) {
        return NULL;
    }

    a = ngx_array_create(unit_keep, 16, sizeof(ngx_str_t));
    if (a == NULL) {
        abort();
    }

    while ((e = readdir(d)) != NULL) {
        if (e->d_name[0] == '.') {
            continue;
        }

        len = ngx_strlen(e->d_name);

        s = ngx_array_push(a);
        if (s == NULL) {
            abort();
        }

        s->len = len;
        s->data = ngx_palloc(unit_keep, len + 1);
        if (s->data == NULL) {
            abort();
        }

        ngx_memcpy(s->data, e->d_name, len + 1);
    }

    closedir(d);

    if (a->nelts) {
        qsort(a->elts, a->nelts, sizeof(ngx_str_t), unit_dir_cmp);
    }

    return a;
}


ngx_int_t
unit_env(const char *const *vars, ngx_uint_t max, const ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_uint_t  i;

    for (i = 0; i < max && vars[i]; i++) {
        if (ngx_strncmp(vars[i], name->data, name->len) == 0
            && vars[i][name->len] == '=')
        {
            *value = unit_str(vars[i] + name->len + 1);
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


ngx_str_t
unit_chain(ngx_chain_t *cl)
{
    u_char       *p;
    ngx_str_t     s;
    ngx_chain_t  *ln;

    s.len = 0;

    for (ln = cl; ln; ln = ln->next) {
        s.len += ln->buf->last - ln->buf->pos;
    }

    s.data = ngx_palloc(unit_pool, s.len ? s.len : 1);
    if (s.data == NULL) {
        abort();
    }

    p = s.data;

    for (ln = cl; ln; ln = ln->next) {
        p = ngx_cpymem(p, ln->buf->pos, ln->buf->last - ln->buf->pos);
    }

    return s;
}


int
main(int argc, char **argv)
{
    const char  *name;

    name = strrchr(argv[0], '/');
    name = name ? name + 1 : argv[0];

    unit_verbose = getenv("UNIT_LOG") != NULL;
    unit_log.log_level = unit_verbose ? NGX_LOG_DEBUG_ALL : NGX_LOG_EMERG;

    ngx_pagesize = 4096;
    ngx_cacheline_size = 64;
    ngx_pid = getpid();

    unit_keep = ngx_create_pool(4096, &unit_log);
    if (unit_keep == NULL) {
        abort();
    }

    unit_cycle.log = &unit_log;
    unit_cycle.pool = unit_keep;
    ngx_cycle = &unit_cycle;

    unit_case("%s", "");
    unit_main();

    ngx_destroy_pool(unit_pool);
    ngx_destroy_pool(unit_keep);

    if (unit_checks == 0) {
        printf("not ok %s (0 checks, 1 failed)\n", name);
        return 1;
    }

    if (unit_failed) {
        printf("not ok %s (%lu checks, %lu failed)\n", name, unit_checks,
               unit_failed);
        return 1;
    }

    printf("ok %s (%lu checks)\n", name, unit_checks);

    return 0;
}
