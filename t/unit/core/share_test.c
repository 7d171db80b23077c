
/*
 * What other gateways have counted: sums of what is of now, whatever a server
 * sends.
 */

#include "unit.h"

#include "ngx_litellm_share.h"


#define MAX  NGX_LITELLM_MONEY_MAX

/* ten seconds ago */
#define W    "1000000"


/* of one account, at 1,010,000 ms: window, period's end, fields */

typedef struct {
    uint64_t              window;
    int64_t               age;
    int64_t               requests;
    int64_t               tokens;
    int64_t               inflight;
    int64_t               spend;
    int64_t               ends;
    int64_t               reserved;
} want_t;


static const struct {
    const char           *elts[6];
    ngx_int_t             rc;
    want_t                want;
} cases[] = {
    { { "0", "0" }, NGX_OK, { 0, 0, 0, 0, 0, 0, 0, 0 } },
    { { W, "7" }, NGX_OK, { 1000000, 10000, 0, 0, 0, 0, 7, 0 } },

    /* two of this window and period */

    { { W, "0", "1 " W " 2 30 1 5 100 0 1009000",
        "9 " W " 3 40 2 7 -20 0 1009999" },
      NGX_OK, { 1000000, 10000, 5, 70, 3, 92, 0, 12 } },

    /* of another window, another period */

    { { W, "0", "1 999999 2 30 1 5 100 0 1009000" },
      NGX_OK, { 1000000, 10000, 0, 0, 1, 105, 0, 5 } },
    { { W, "8", "1 " W " 2 30 1 5 100 0 1009000" },
      NGX_OK, { 1000000, 10000, 2, 30, 1, 5, 8, 5 } },
    { { "0", "0", "1 0 2 30 1 5 100 0 1009000" },
      NGX_OK, { 0, 0, 0, 0, 1, 105, 0, 5 } },

    /* not heard of for long: nothing is in flight; spent it is */

    { { W, "0", "1 " W " 2 30 1 5 100 0 890000" },
      NGX_OK, { 1000000, 10000, 2, 30, 0, 100, 0, 0 } },
    { { W, "0", "1 " W " 2 30 1 5 100 0 890001" },
      NGX_OK, { 1000000, 10000, 2, 30, 1, 105, 0, 5 } },

    /* below 0: only what was spent may be */

    { { W, "0", "1 " W " -2 -30 -1 -5 100 0 1009000" },
      NGX_OK, { 1000000, 10000, 0, 0, 0, 100, 0, 0 } },
    { { "-5", "-5" }, NGX_OK, { 0, 0, 0, 0, 0, 0, 0, 0 } },
    { { "1010001", "0" }, NGX_OK, { 1010001, 0, 0, 0, 0, 0, 0, 0 } },

    /* a later version may have more to say */

    { { W, "0", "1 " W " 2 30 1 5 100 0 1009000 more" },
      NGX_OK, { 1000000, 10000, 2, 30, 1, 105, 0, 5 } },

    /* what is no text of a gateway is as if it were not there */

    { { W, "0", "1 " W " 2 30 1 5 100 0", "1 " W " 2 30 1 5 100 0 1009000",
        "" },
      NGX_OK, { 1000000, 10000, 2, 30, 1, 105, 0, 5 } },
    { { W, "0", "x", "1  " W, "99999999999999999999 1 1 1 1 1 1 1 1", "- 1" },
      NGX_OK, { 1000000, 10000, 0, 0, 0, 0, 0, 0 } },

    /* no overflow */

    { { W, "0", "1 " W " 922337203685477579 922337203685477579 "
        "922337203685477579 922337203685477579 922337203685477579 0 1009000",
        "1 " W " 5 5 5 9223372036854775799 9223372036854775799 0 1009000" },
      NGX_OK, { 1000000, 10000, 922337203685477584LL, 922337203685477584LL,
                922337203685477584LL, MAX, 0, MAX } },
    { { W, "0", "1 0 0 0 0 0 -9223372036854775799 0 0",
        "1 0 0 0 0 0 -9223372036854775799 0 0" },
      NGX_OK, { 1000000, 10000, 0, 0, 0, -MAX, 0, 0 } },
    { { W, "0", "1 " W " 2 30 1 5 100 0 -9223372036854775799" },
      NGX_OK, { 1000000, 10000, 2, 30, 0, 100, 0, 0 } },

    { { W }, NGX_ERROR, { 0, 0, 0, 0, 0, 0, 0, 0 } },
    { { NULL }, NGX_ERROR, { 0, 0, 0, 0, 0, 0, 0, 0 } },
    { { "x", "0" }, NGX_ERROR, { 0, 0, 0, 0, 0, 0, 0, 0 } },
    { { "0", "" }, NGX_ERROR, { 0, 0, 0, 0, 0, 0, 0, 0 } },
    { { "0", "-" }, NGX_ERROR, { 0, 0, 0, 0, 0, 0, 0, 0 } },
    { { "0", "1:" }, NGX_ERROR, { 0, 0, 0, 0, 0, 0, 0, 0 } },
};


static ngx_litellm_share_data_t  data;


static ngx_litellm_resp_t *
value(ngx_litellm_resp_e type, const char *text, ngx_uint_t nelts)
{
    ngx_litellm_resp_t  *v;

    v = ngx_pcalloc(unit_pool, sizeof(ngx_litellm_resp_t));

    v->type = type;
    v->nelts = nelts;
    v->elts = ngx_pcalloc(unit_pool, (nelts + 1)
                                     * sizeof(ngx_litellm_resp_t *));

    if (text != NULL) {
        v->text = unit_str(text);
    }

    return v;
}


static ngx_litellm_resp_t *
answer(const char *const *elts)
{
    ngx_uint_t           n;
    ngx_litellm_resp_t  *list, *reply;

    for (n = 0; n < 6 && elts[n]; n++) { /* void */ }

    list = value(NGX_LITELLM_RESP_LIST, NULL, n);

    while (n--) {
        list->elts[n] = value(NGX_LITELLM_RESP_STRING, elts[n], 0);
    }

    reply = value(NGX_LITELLM_RESP_LIST, NULL, 2);
    reply->elts[0] = value(NGX_LITELLM_RESP_STRING, "1010000 5 6 7", 0);
    reply->elts[1] = list;

    return reply;
}


static void
test_cases(void)
{
    ngx_uint_t            i;
    ngx_litellm_share_t   share;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("%d: %s", (int) i, cases[i].elts[2] ? cases[i].elts[2]
                                                      : "none");

        CHECK_INT(ngx_litellm_share_read(answer(cases[i].elts), &data, &share,
                                         1),
                  cases[i].rc);

        if (cases[i].rc != NGX_OK) {
            continue;
        }

        CHECK_INT(data.now, 1010000);
        CHECK_INT(data.data, 5);
        CHECK_INT(data.lost, 6);
        CHECK_INT(data.calls, 7);

        CHECK_INT(share.window, cases[i].want.window);
        CHECK_INT(share.age, cases[i].want.age);
        CHECK_INT(share.requests, cases[i].want.requests);
        CHECK_INT(share.tokens, cases[i].want.tokens);
        CHECK_INT(share.inflight, cases[i].want.inflight);
        CHECK_INT(share.spend, cases[i].want.spend);
        CHECK_INT(share.ends, cases[i].want.ends);
        CHECK_INT(share.reserved, cases[i].want.reserved);
    }
}


static void
test_other(void)
{
    ngx_litellm_resp_t   *r;
    ngx_litellm_share_t   share[2];

    static const char *const  elts[6] = { "0", "0", "1 1 1 1 1 1 1 1 1" };

    unit_case("another reply");

    CHECK_INT(ngx_litellm_share_read(answer(elts), &data, share, 2), NGX_ERROR);
    CHECK_INT(ngx_litellm_share_read(answer(elts), &data, share, 0), NGX_ERROR);

    r = value(NGX_LITELLM_RESP_ERROR, "ERR", 0);
    CHECK_INT(ngx_litellm_share_read(r, &data, share, 1), NGX_ERROR);

    r = value(NGX_LITELLM_RESP_NIL, NULL, 0);
    CHECK_INT(ngx_litellm_share_read(r, &data, share, 1), NGX_ERROR);

    r = value(NGX_LITELLM_RESP_LIST, NULL, 0);
    CHECK_INT(ngx_litellm_share_read(r, &data, share, 0), NGX_ERROR);

    r = answer(elts);
    r->elts[0] = value(NGX_LITELLM_RESP_STRING, "1010000 5 6", 0);
    CHECK_INT(ngx_litellm_share_read(r, &data, share, 1), NGX_ERROR);

    r = answer(elts);
    r->elts[0] = value(NGX_LITELLM_RESP_STRING, "-1 -5 -6 -7", 0);
    CHECK_INT(ngx_litellm_share_read(r, &data, share, 1), NGX_OK);
    CHECK_INT(data.now | data.data | data.lost | data.calls, 0);

    r = answer(elts);
    r->elts[0] = value(NGX_LITELLM_RESP_INTEGER, NULL, 0);
    CHECK_INT(ngx_litellm_share_read(r, &data, share, 1), NGX_ERROR);

    r = answer(elts);
    r->elts[1] = value(NGX_LITELLM_RESP_NIL, NULL, 0);
    CHECK_INT(ngx_litellm_share_read(r, &data, share, 1), NGX_ERROR);

    r = answer(elts);
    r->elts[1]->elts[2] = value(NGX_LITELLM_RESP_NIL, NULL, 0);
    CHECK_INT(ngx_litellm_share_read(r, &data, share, 1), NGX_ERROR);
}


/* what we have told ourselves; it is no other's */

static void
test_own(void)
{
    ngx_uint_t            i;
    ngx_litellm_share_t   share;

    static const struct {
        const char           *elts[6];
        ngx_litellm_share_t   want;
    } own[] = {
        { { W, "0", "own 1 " W " 2 30 1 5 100 7 1009000 77 88",
            "1 " W " 2 30 1 5 100 0 1009000" },
          { 0, 0, 2, 0, 0, 0, 0, 0, 1, 1000000, 2, 30, 100, 7, 77, 88 } },
        { { W, "0", "own 1 " W " 2 30 1 5 100 7 1009000" },
          { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1000000, 2, 30, 100, 7, 0, 0 } },
        { { W, "0", "own 1 -1 -2 -30 1 5 -100 7 1009000 77 88" },
          { 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, -100, 7, 77, 88 } },
        { { W, "0", "own 1 " W " 2" },
          { 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0 } },
        { { W, "0", "own x" },
          { 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0 } },
        { { W, "0", "own " },
          { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 } },
    };

    for (i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        unit_case("%s", own[i].elts[2]);

        CHECK_INT(ngx_litellm_share_read(answer(own[i].elts), &data, &share, 1),
                  NGX_OK);
        CHECK_INT(share.requests, own[i].want.requests);
        CHECK_INT(share.own, own[i].want.own);
        CHECK_INT(share.own_window, own[i].want.own_window);
        CHECK_INT(share.own_requests, own[i].want.own_requests);
        CHECK_INT(share.own_tokens, own[i].want.own_tokens);
        CHECK_INT(share.own_spend, own[i].want.own_spend);
        CHECK_INT(share.own_ends, own[i].want.own_ends);
        CHECK_INT(share.own_serial, own[i].want.own_serial);
        CHECK_INT(share.own_boot, own[i].want.own_boot);
    }
}


void
unit_main(void)
{
    test_cases();
    test_own();
    test_other();
}
