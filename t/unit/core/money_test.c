
/* Amounts of money: texts in and out, hostile ones, sums that saturate. */

#include "unit.h"

#include "ngx_litellm_money.h"


#define BAD  ((int64_t) -1)


static const struct {
    const char  *text;
    int64_t      money;
} texts[] = {
    { "0", 0 },
    { "0.0", 0 },
    { "-0", BAD },
    { "1", NGX_LITELLM_DOLLAR },
    { "+1", NGX_LITELLM_DOLLAR },
    { "1.", NGX_LITELLM_DOLLAR },
    { ".5", NGX_LITELLM_DOLLAR / 2 },
    { "12.5", 12500000000000LL },
    { "1.5e-06", 1500000 },
    { "1.5E-6", 1500000 },
    { "0.0000015", 1500000 },
    { "15e-7", 1500000 },
    { "3e-7", 300000 },
    { "1e+2", 100 * NGX_LITELLM_DOLLAR },
    { "000000000000000000000000001", NGX_LITELLM_DOLLAR },
    { "0.000000000001", 1 },
    { "0.0000000000005", 1 },
    { "0.00000000000049999999999999999999999", 0 },
    { "0.0000000000015", 2 },
    { "0.0000000000014999", 1 },
    { "1.0000000000005", NGX_LITELLM_DOLLAR + 1 },
    { "0.000015000020000000002", 15000020 },
    { "0.0002833333333333333", 283333333 },
    { "0.99999999999999999999999999", NGX_LITELLM_DOLLAR },

    /* the bound of 63 bits */
    { "9223372.036854775807", NGX_LITELLM_MONEY_MAX },
    { "9223372.0368547758074", NGX_LITELLM_MONEY_MAX },
    { "9223372.0368547758075", BAD },
    { "9223372.036854775808", BAD },
    { "9223372036854775807e-12", NGX_LITELLM_MONEY_MAX },
    { "9223372036854775807000000e-18", NGX_LITELLM_MONEY_MAX },
    { "9999999999999999999e-12", BAD },
    { "10000000", BAD },
    { "99999999999999999999999999999999", BAD },

    /* exponents */
    { "1e999999999999999999999999", BAD },
    { "1e-999999999999999999999999", 0 },
    { "0e999999999999999999999999", 0 },
    { "1e-12", 1 },
    { "1e-13", 0 },
    { "5e-13", 1 },
    { "9999999999999999999e-32", 0 },
    { "9999999999999999999e-31", 1 },
    { "1e9223372036854775808", BAD },

    /* no numbers */
    { "", BAD },
    { "+", BAD },
    { ".", BAD },
    { "e5", BAD },
    { "1e", BAD },
    { "1e+", BAD },
    { "1e5x", BAD },
    { "1.5.5", BAD },
    { " 1", BAD },
    { "1 ", BAD },
    { "1_000", BAD },
    { "0x10", BAD },
    { "-1", BAD },
    { "--1", BAD },
    { "nan", BAD },
    { "inf", BAD },
    { "$1", BAD },
};


static const struct {
    int64_t      money;
    const char  *text;
} prints[] = {
    { 0, "0" },
    { 1, "0.000000000001" },
    { 1500000, "0.0000015" },
    { NGX_LITELLM_DOLLAR, "1" },
    { 12500000000000LL, "12.5" },
    { 10 * NGX_LITELLM_DOLLAR, "10" },
    { NGX_LITELLM_DOLLAR + 1, "1.000000000001" },
    { NGX_LITELLM_MONEY_MAX, "9223372.036854775807" },
    { -1, "0" },
};


static void
test_long_texts(void)
{
    int64_t    money;
    ngx_str_t  text;

    unit_case("a million digits");

    text.len = 1000000;
    text.data = ngx_pnalloc(unit_pool, text.len);

    if (!CHECK(text.data != NULL)) {
        return;
    }

    ngx_memset(text.data, '0', text.len);
    CHECK_INT(ngx_litellm_money_parse(&text, &money), NGX_OK);
    CHECK_INT(money, 0);

    /* 0.000...: the digits that count come late, and are put right */

    text.data[1] = '.';
    ngx_memcpy(text.data + text.len - 8, "2e999986", 8);
    CHECK_INT(ngx_litellm_money_parse(&text, &money), NGX_OK);
    CHECK_INT(money, 20000000);

    ngx_memset(text.data, '7', text.len);
    CHECK_INT(ngx_litellm_money_parse(&text, &money), NGX_DECLINED);

    ngx_memcpy(text.data + text.len - 8, "e-999992", 8);
    CHECK_INT(ngx_litellm_money_parse(&text, &money), NGX_OK);
    CHECK_INT(money, 777777777778LL);
}


static void
test_round_trip(void)
{
    u_char      buf[NGX_LITELLM_MONEY_LEN];
    int64_t     money, back;
    uint64_t    seed;
    ngx_str_t   text;
    ngx_uint_t  i;

    seed = 0x9e3779b97f4a7c15ULL;

    unit_case("what is printed is read back");

    for (i = 0; i < 10000; i++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        money = (int64_t) (seed >> (1 + i % 60));

        text.data = buf;
        text.len = ngx_litellm_money_print(buf, money) - buf;

        if (!CHECK(text.len <= NGX_LITELLM_MONEY_LEN)
            || !CHECK_INT(ngx_litellm_money_parse(&text, &back), NGX_OK)
            || !CHECK_INT(back, money))
        {
            return;
        }
    }
}


void
unit_main(void)
{
    u_char      buf[NGX_LITELLM_MONEY_LEN];
    int64_t     money;
    ngx_int_t   rc;
    ngx_str_t   text;
    ngx_uint_t  i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        unit_case("\"%s\"", texts[i].text);

        text = unit_str(texts[i].text);
        money = 0;

        rc = ngx_litellm_money_parse(&text, &money);

        if (texts[i].money == BAD) {
            CHECK_INT(rc, NGX_DECLINED);
            continue;
        }

        CHECK_INT(rc, NGX_OK);
        CHECK_INT(money, texts[i].money);
    }

    for (i = 0; i < sizeof(prints) / sizeof(prints[0]); i++) {
        unit_case("print %s", prints[i].text);

        text.data = buf;
        text.len = ngx_litellm_money_print(buf, prints[i].money) - buf;

        CHECK_STR(&text, prints[i].text);
    }

    test_long_texts();
    test_round_trip();

    unit_case("sums saturate");

    CHECK_INT(ngx_litellm_money_add(1, 2), 3);
    CHECK_INT(ngx_litellm_money_add(NGX_LITELLM_MONEY_MAX, 0),
              NGX_LITELLM_MONEY_MAX);
    CHECK_INT(ngx_litellm_money_add(NGX_LITELLM_MONEY_MAX - 1, 2),
              NGX_LITELLM_MONEY_MAX);
    CHECK_INT(ngx_litellm_money_times(1500000, 2000000), 3000000000000LL);
    CHECK_INT(ngx_litellm_money_times(0, NGX_LITELLM_MONEY_MAX), 0);
    CHECK_INT(ngx_litellm_money_times(NGX_LITELLM_MONEY_MAX, -1), 0);
    CHECK_INT(ngx_litellm_money_times(NGX_LITELLM_MONEY_MAX, 2),
              NGX_LITELLM_MONEY_MAX);
    CHECK_INT(ngx_litellm_money_times(1, NGX_LITELLM_MONEY_MAX),
              NGX_LITELLM_MONEY_MAX);
}
