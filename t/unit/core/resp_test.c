
/*
 * Replies of Redis: values of each kind, in one piece and byte by byte; what
 * is no RESP, and what is too much of it; commands as they are sent.
 */

#include "unit.h"

#include "ngx_litellm_resp.h"


#define MAX  65536


/* a reply as text: "+OK", "(+a :1 $b nil)" */

static u_char *
show(u_char *p, ngx_litellm_resp_t *v)
{
    ngx_uint_t  i;

    switch (v->type) {

    case NGX_LITELLM_RESP_NIL:
        return ngx_sprintf(p, "nil");

    case NGX_LITELLM_RESP_INTEGER:
        return ngx_sprintf(p, ":%L", v->integer);

    case NGX_LITELLM_RESP_LIST:
        *p++ = '(';

        for (i = 0; i < v->nelts; i++) {
            if (i) {
                *p++ = ' ';
            }

            p = show(p, v->elts[i]);
        }

        *p++ = ')';
        return p;

    default:
        return ngx_sprintf(p, "%s%V",
                           v->type == NGX_LITELLM_RESP_STATUS ? "+"
                           : v->type == NGX_LITELLM_RESP_ERROR ? "-" : "$",
                           &v->text);
    }
}


static ngx_int_t
read_all(const char *text, size_t len, size_t step, u_char *buf,
    ngx_str_t *got)
{
    size_t                      n;
    u_char                     *p;
    ngx_int_t                   rc;
    ngx_litellm_resp_t         *reply;
    ngx_litellm_resp_reader_t   rd;

    p = buf;
    rc = NGX_AGAIN;

    if (!CHECK(ngx_litellm_resp_open(&rd, MAX, &unit_log) == NGX_OK)) {
        return NGX_ERROR;
    }

    while (len && rc == NGX_AGAIN) {
        n = ngx_min(step, len);

        if (ngx_litellm_resp_feed(&rd, (u_char *) text, n) != NGX_OK) {
            rc = NGX_ERROR;
            break;
        }

        text += n;
        len -= n;

        while ((rc = ngx_litellm_resp_next(&rd, &reply)) == NGX_OK) {
            if (p != buf) {
                *p++ = '|';
            }

            p = show(p, reply);
        }
    }

    ngx_litellm_resp_close(&rd);

    got->data = buf;
    got->len = p - buf;

    return rc;
}


static const struct {
    const char  *text;
    const char  *want;
    ngx_int_t    rc;
} cases[] = {
    { "+OK\r\n", "+OK", NGX_AGAIN },
    { "-ERR no\r\n", "-ERR no", NGX_AGAIN },
    { ":0\r\n:-1\r\n:9223372036854775807\r\n", ":0|:-1|:9223372036854775807",
      NGX_AGAIN },
    { "$3\r\na\nb\r\n$0\r\n\r\n$-1\r\n", "$a\nb|$|nil", NGX_AGAIN },
    { "*0\r\n*-1\r\n", "()|nil", NGX_AGAIN },
    { "*3\r\n$1\r\na\r\n:5\r\n*2\r\n+x\r\n$-1\r\n+PONG\r\n",
      "($a :5 (+x nil))|+PONG", NGX_AGAIN },
    { "+OK\r\n$5\r\nabc", "+OK", NGX_AGAIN },
    { "", "", NGX_AGAIN },

    { "HTTP/1.1 400 Bad Request\r\n\r\n", "", NGX_ERROR },
    { "+OK\r\nhello\r\n", "+OK", NGX_ERROR },
    { ":12x\r\n", "", NGX_ERROR },
    { ":99999999999999999999\r\n", "", NGX_ERROR },
    { "$-2\r\n", "", NGX_ERROR },
    { "*-2\r\n", "", NGX_ERROR },
    { "*2147483647\r\n", "", NGX_ERROR },
    { "*65537\r\n", "", NGX_ERROR },
    { "*2\r\n*65536\r\n", "", NGX_ERROR },
    { "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
      "", NGX_ERROR },

    /* RESP 3, which nobody asked for */

    { "#t\r\n", "", NGX_ERROR },
    { ",1.5\r\n", "", NGX_ERROR },
};


static void
test_cases(void)
{
    u_char      buf[1024];
    size_t      step;
    ngx_int_t   rc;
    ngx_str_t   got;
    ngx_uint_t  i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (step = 1; step < 64; step = step * 3 + 1) {
            unit_case("%.40s by %d", cases[i].text, (int) step);

            rc = read_all(cases[i].text, strlen(cases[i].text), step, buf,
                          &got);

            CHECK_INT(rc, cases[i].rc);
            CHECK_STR(&got, cases[i].want);
        }
    }
}


static void
test_bounds(void)
{
    char       *text;
    u_char      buf[64];
    size_t      n;
    ngx_str_t   got;

    unit_case("a line without an end");

    n = 2 * MAX;
    text = ngx_palloc(unit_keep, n);
    ngx_memset(text, 'a', n);
    text[0] = '+';

    CHECK_INT(read_all(text, n, 1000, buf, &got), NGX_ERROR);

    unit_case("a text that is too long");

    ngx_memset(text, 'a', n);
    ngx_memcpy(text, "$536870912\r\n", 12);

    CHECK_INT(read_all(text, n, 1000, buf, &got), NGX_ERROR);
}


static void
test_format(void)
{
    ngx_str_t  argv[3], text;

    unit_case("a command");

    argv[0] = unit_str("SET");
    argv[1] = unit_mem("a\0b\r\n", 5);
    argv[2] = unit_str("");

    CHECK_INT(ngx_litellm_resp_format(argv, 3, &text), NGX_OK);
    CHECK_MEM(&text, "*3\r\n$3\r\nSET\r\n$5\r\na\0b\r\n\r\n$0\r\n\r\n", 30);

    ngx_litellm_resp_free(&text);
}


void
unit_main(void)
{
    test_cases();
    test_bounds();
    test_format();
}
