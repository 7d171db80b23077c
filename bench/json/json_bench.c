
/*
 * What the pure readers cost, one core, warm caches: the JSON reader with only
 * the top level kept (the same-dialect path), with everything kept (the
 * translated path) and without vector instructions, beside yajl with empty
 * callbacks; then the event stream decoder and ngx_litellm_find().
 *
 *   json_bench [file...]      files are measured besides the built-in texts
 *
 * bench/json/run.sh builds and runs it.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include <stdio.h>
#include <time.h>
#include <yajl/yajl_parse.h>

#include "ngx_litellm_json.h"
#include "ngx_litellm_sse.h"


#define BENCH_TIME    0.2       /* seconds for one figure */
#define BENCH_ROUNDS  3         /* the best one counts */


typedef uint64_t (*bench_pt)(u_char *text, size_t len);


volatile ngx_cycle_t  *ngx_cycle;

static ngx_log_t                log;
static ngx_pool_t              *pool;
static ngx_litellm_json_doc_t   doc;
static ngx_litellm_sse_t        sse;


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *l, ngx_err_t err,
    const char *fmt, ...)
{
}


static double
bench_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);

    return ts.tv_sec + ts.tv_nsec / 1e9;
}


static uint64_t
bench_parse(u_char *text, size_t len, ngx_uint_t keep, ngx_uint_t plain)
{
    ngx_int_t  rc;

    doc.keep = keep;

    rc = plain ? ngx_litellm_json_parse_plain(&doc, text, len)
               : ngx_litellm_json_parse(&doc, text, len);

    if (rc != NGX_OK) {
        fprintf(stderr, "not json: %s at %zu\n",
                doc.error ? doc.error : "no memory", doc.offset);
        exit(1);
    }

    return doc.nodes;
}


static uint64_t
bench_top(u_char *text, size_t len)
{
    return bench_parse(text, len, 2, 0);
}


static uint64_t
bench_all(u_char *text, size_t len)
{
    return bench_parse(text, len, 0, 0);
}


static uint64_t
bench_plain(u_char *text, size_t len)
{
    return bench_parse(text, len, 2, 1);
}


static int bench_null(void *c) { (*(uint64_t *) c)++; return 1; }
static int bench_bool(void *c, int b) { return bench_null(c); }
static int bench_start(void *c) { return bench_null(c); }
static int bench_bytes(void *c, const unsigned char *s, size_t n)
    { return bench_null(c); }
static int bench_number(void *c, const char *s, size_t n)
    { return bench_null(c); }


static uint64_t
bench_yajl(u_char *text, size_t len)
{
    uint64_t     n;
    yajl_handle  h;

    static yajl_callbacks  cb = {
        bench_null, bench_bool, NULL, NULL, bench_number, bench_bytes,
        bench_start, bench_bytes, bench_start, bench_start, bench_start
    };

    n = 0;
    h = yajl_alloc(&cb, NULL, &n);

    if (yajl_parse(h, text, len) != yajl_status_ok
        || yajl_complete_parse(h) != yajl_status_ok)
    {
        fprintf(stderr, "yajl refuses the text\n");
        exit(1);
    }

    yajl_free(h);

    return n;
}


static uint64_t
bench_sse(u_char *text, size_t len)
{
    u_char                   *p;
    uint64_t                  n;
    ngx_litellm_sse_event_t   ev;

    n = 0;
    p = text;

    while (ngx_litellm_sse_next(&sse, &p, text + len, &ev) == NGX_OK) {
        n += ev.data.len;
    }

    return n;
}


static uint64_t
bench_find(u_char *text, size_t len)
{
    return ngx_litellm_find(text, text + len, "\"usage\":{", 9) != NULL;
}


static void
bench(const char *what, const char *how, bench_pt func, u_char *text,
    size_t len, ngx_uint_t parts)
{
    double             start, time, best;
    ngx_uint_t         i, r, n;
    volatile uint64_t  sink;

    sink = func(text, len);
    best = 0;
    n = 1;

    for (r = 0; r < BENCH_ROUNDS; /* void */ ) {
        start = bench_now();

        for (i = 0; i < n; i++) {
            sink += func(text, len);
        }

        time = bench_now() - start;

        if (time < BENCH_TIME / 2) {
            n *= 2;
            continue;
        }

        time /= n;
        r++;

        if (best == 0 || time < best) {
            best = time;
        }
    }

    (void) sink;

    printf("%-16s %9zu bytes  %-12s %9.3f us %8.0f MB/s\n", what, len, how,
           best * 1e6 / parts, len / best / 1e6);
}


static void
bench_json(const char *what, u_char *text, size_t len)
{
    bench(what, "keep 2", bench_top, text, len, 1);
    bench(what, "keep all", bench_all, text, len, 1);
    bench(what, "plain keep 2", bench_plain, text, len, 1);
    bench(what, "yajl", bench_yajl, text, len, 1);
}


static size_t
bench_body(char *buf, size_t size, const char *line)
{
    char  *p;

    p = buf + sprintf(buf, "{\"model\":\"gpt-4o\",\"messages\":["
            "{\"role\":\"system\",\"content\":\"Read the log and say what "
            "went wrong; quote \\\"file:line\\\".\\nBe short.\"},"
            "{\"role\":\"user\",\"content\":\"");

    while ((size_t) (p - buf) < size) {
        p += sprintf(p, "%s", line);
    }

    p += sprintf(p, "\"}],\"temperature\":0.7,\"max_tokens\":512,"
            "\"stop\":[\"END\"],\"tools\":[{\"type\":\"function\","
            "\"function\":{\"name\":\"get_file\",\"description\":\"Reads one "
            "file\",\"parameters\":{\"type\":\"object\",\"properties\":{"
            "\"path\":{\"type\":\"string\"},\"from\":{\"type\":\"integer\"},"
            "\"to\":{\"type\":\"integer\"}},\"required\":[\"path\"]}}}],"
            "\"stream\":true,\"user\":\"user-1234\"}");

    return p - buf;
}


static void
bench_file(const char *name)
{
    FILE    *f;
    size_t   len;
    u_char  *text;

    f = fopen(name, "rb");
    if (f == NULL) {
        perror(name);
        exit(1);
    }

    text = malloc(64 * 1024 * 1024);
    len = fread(text, 1, 64 * 1024 * 1024, f);
    fclose(f);

    bench_json(name, text, len);

    free(text);
}


int
main(int argc, char **argv)
{
    int         i;
    char       *buf, *p;
    size_t      len;

    static char  event[] =
        "{\"id\":\"chatcmpl-A1b2C3d4E5f6G7h8I9j0\","
        "\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
        "\"model\":\"gpt-4o-2024-08-06\",\"system_fingerprint\":\"fp_1\","
        "\"choices\":[{\"index\":0,\"delta\":{\"content\":\" gateway\"},"
        "\"logprobs\":null,\"finish_reason\":null}]}";

    static char  line[] =
        "2024-05-01T12:00:03Z worker 7: upstream timed out (110) while "
        "reading the response header from upstream\\n";

    static char  asia[] = "\xe6\x9d\xb1\xe4\xba\xac\xe9\x83\xbd ";

    ngx_pagesize = 4096;

    pool = ngx_create_pool(16384, &log);
    buf = malloc(1024 * 1024 + 4096);

    if (pool == NULL || buf == NULL) {
        return 1;
    }

    doc.pool = pool;
    sse.pool = pool;

    bench_json("chat 2 KB", (u_char *) buf, bench_body(buf, 1500, line));
    bench_json("chat 100 KB", (u_char *) buf, bench_body(buf, 100000, line));
    bench_json("chat 100 KB asia", (u_char *) buf,
               bench_body(buf, 100000, asia));

    memset(buf, 'a', 1024 * 1024);
    buf[0] = '"';
    buf[1024 * 1024 - 1] = '"';
    bench_json("string 1 MB", (u_char *) buf, 1024 * 1024);

    p = buf;

    for (i = 0; i < 5000; i++) {
        p += sprintf(p, "%c{\"id\": %d, \"ok\": true, \"w\": [0.25, -1e3]}",
                     i ? ',' : '[', i);
    }

    *p++ = ']';
    bench_json("structure", (u_char *) buf, p - buf);

    bench_json("event", (u_char *) event, sizeof(event) - 1);
    bench("event", "find", bench_find, (u_char *) event, sizeof(event) - 1, 1);

    len = 0;

    for (i = 0; i < 100; i++) {
        len += sprintf(buf + len, "data: %s\n\n", event);
    }

    bench("stream event", "sse", bench_sse, (u_char *) buf, len, 100);

    for (i = 1; i < argc; i++) {
        bench_file(argv[i]);
    }

    return 0;
}
