
/*
 * Signature Version 4.  The first cases are those of AWS's published test
 * suite (aws-sig-v4-test-suite: key AKIDEXAMPLE, service "service") that have
 * no query; the others were computed by an implementation of their own.
 */

#include "unit.h"
#include "ngx_litellm_sigv4.h"


typedef struct {
    const char  *name;
    const char  *method;
    const char  *path;
    const char  *type;
    const char  *body;
    const char  *token;
    const char  *headers;
    const char  *signature;
} case_t;


#define TOKEN                                                                 \
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKW"\
    "HGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4"\
    "IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE"\
    "8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yj"\
    "c8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="

static const case_t  cases[] = {

    { "get-vanilla", "GET", "/", "", "", "", "host;x-amz-date",
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },

    { "post-vanilla", "POST", "/", "", "", "", "host;x-amz-date",
      "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },

    { "get-unreserved", "GET",
      "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
      "", "", "", "host;x-amz-date",
      "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f" },

    { "get-utf8", "GET", "/\xe1\x88\xb4", "", "", "", "host;x-amz-date",
      "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85" },

    { "post-x-www-form-urlencoded", "POST", "/",
      "application/x-www-form-urlencoded", "Param1=value1", "",
      "content-type;host;x-amz-date",
      "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a" },

    { "post-sts-header-before", "POST", "/", "", "", TOKEN,
      "host;x-amz-date;x-amz-security-token",
      "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead" }
};


/* a body in buffers of n bytes */

static ngx_chain_t *
chain(const char *text, size_t n)
{
    size_t         len;
    ngx_buf_t     *b;
    ngx_str_t      piece;
    ngx_chain_t   *first, **last;

    first = NULL;
    last = &first;

    for (len = strlen(text); len; len -= n, text += n) {
        n = ngx_min(n, len);
        piece = unit_mem(text, n);

        b = ngx_calloc_buf(unit_pool);
        b->memory = 1;
        b->pos = piece.data;
        b->last = piece.data + n;

        *last = ngx_alloc_chain_link(unit_pool);
        (*last)->buf = b;
        (*last)->next = NULL;
        last = &(*last)->next;
    }

    return first;
}


static void
sign(const case_t *c, const char *region, const char *service,
    const char *host, size_t piece, ngx_str_t *date, ngx_str_t *value)
{
    ngx_litellm_sigv4_t      rq;
    ngx_litellm_sigv4_key_t  key;

    key.key_id = unit_str("AKIDEXAMPLE");
    key.secret = unit_str("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    key.token = unit_str(c->token);
    key.region = unit_str(region);
    key.service = unit_str(service);

    rq.method = unit_str(c->method);
    rq.path = unit_str(c->path);
    rq.host = unit_str(host);
    rq.type = unit_str(c->type);
    rq.body = chain(c->body, piece);
    rq.now = 1440938160;

    CHECK(ngx_litellm_sigv4_sign(unit_pool, &key, &rq, date, value)
          == NGX_OK);
}


static void
test_published(void)
{
    size_t         piece;
    u_char         want[1024];
    ngx_str_t      date, value;
    ngx_uint_t     i;
    const case_t  *c;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        c = &cases[i];

        for (piece = 1; piece < 15; piece++) {
            unit_case("%s, buffers of %d", c->name, (int) piece);

            sign(c, "us-east-1", "service", "example.amazonaws.com", piece,
                 &date, &value);

            CHECK_STR(&date, "20150830T123600Z");

            snprintf((char *) want, sizeof(want), "AWS4-HMAC-SHA256 "
                     "Credential=AKIDEXAMPLE/20150830/us-east-1/service/"
                     "aws4_request, SignedHeaders=%s, Signature=%s",
                     c->headers, c->signature);

            CHECK_STR(&value, (char *) want);
        }
    }
}


/* a path that is encoded already, a port in the Host header */

static void
test_bedrock(void)
{
    ngx_str_t  date, value;

    static const case_t  c = {
        "bedrock", "POST", "/model/us.anthropic.claude-v1%3A0/converse",
        "application/json", "{\"messages\":[]}", "", "", ""
    };

    unit_case("encoded path");

    sign(&c, "eu-central-1", "bedrock", "127.0.0.1:8080", 7, &date, &value);

    CHECK_STR(&value, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/"
              "eu-central-1/bedrock/aws4_request, SignedHeaders=content-type;"
              "host;x-amz-date, Signature="
          "37b9fe1b11e25b1d51d024308a9d5faae5ccfde2b287a241fdcd76d323a04445");
}


void
unit_main(void)
{
    test_published();
    test_bedrock();
}
