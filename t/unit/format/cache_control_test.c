
/*
 * What a request says of the cache, what its key says, and which requests are
 * kept.
 */

#include "../provider/openai_call.h"
#include "ngx_litellm_cache_key.h"


#define M  "\"messages\":[]"


static ngx_int_t
control(openai_call_t *c, const char *more, ngx_litellm_principal_t *key,
    ngx_litellm_cache_control_t *out)
{
    char  text[1024];

    snprintf(text, sizeof(text), "{" M "%s%s}", *more ? "," : "", more);

    openai_call(c, NGX_LITELLM_OP_CHAT, "m", unit_str(text));

    CHECKF(openai_open(c) == NGX_OK, "%s", text);

    return ngx_litellm_cache_control(&c->call, key, out, &c->error);
}


static void
test_controls(void)
{
    ngx_uint_t                    i;
    openai_call_t                 c;
    ngx_litellm_cache_control_t   k;

    static const struct {
        const char  *body;
        ngx_int_t    ttl;
        ngx_int_t    max_age;
        const char  *namespace;
        const char  *flags;
    } cases[] = {
        { "", -1, -1, "", "" },
        { "\"cache\":null", -1, -1, "", "" },
        { "\"cache\":{}", -1, -1, "", "" },
        { "\"cache\":{\"no-cache\":true}", -1, -1, "", "c" },
        { "\"cache\":{\"no-store\":true}", -1, -1, "", "s" },
        { "\"cache\":{\"use-cache\":true}", -1, -1, "", "u" },
        { "\"cache\":{\"no\\u002dstore\":true}", -1, -1, "", "s" },
        { "\"cache\":{\"no-cache\":false,\"no-store\":false,"
          "\"use-cache\":false}", -1, -1, "", "" },
        { "\"cache\":{\"no-store\":true,\"no-store\":false}", -1, -1, "", "" },
        { "\"cache\":{\"ttl\":3.5,\"s-maxage\":0}", 3, 0, "", "" },
        { "\"cache\":{\"ttl\":0,\"s-max-age\":6e1}", 0, 60, "", "" },
        { "\"cache\":{\"ttl\":1e300}", 366 * 86400, -1, "", "" },
        { "\"cache\":{\"ttl\":null,\"namespace\":null}", -1, -1, "", "" },
        { "\"cache\":{\"namespace\":\"a\\u0062\"}", -1, -1, "ab", "" },
        { "\"cache\":true", -1, -1, "", "u" },
        { "\"cache\":false", -1, -1, "", "cs" },
        { "\"caching\":false", -1, -1, "", "cs" },
        { "\"caching\":true", -1, -1, "", "" },
        { "\"caching\":null", -1, -1, "", "" }
    };

    static const char *const  wrong[][2] = {
        { "\"cache\":[]", "must be an object" },
        { "\"cache\":\"no-cache\"", "must be an object" },
        { "\"cache\":1", "must be an object" },
        { "\"cache\":{\"no_store\":true}", "none of no-cache, no-store" },
        { "\"cache\":{\"\":true}", "none of no-cache, no-store" },
        { "\"cache\":{\"no-store\":1}", "must be true or false" },
        { "\"cache\":{\"no-cache\":\"true\"}", "must be true or false" },
        { "\"cache\":{\"use-cache\":{}}", "must be true or false" },
        { "\"cache\":{\"ttl\":-1}", "numbers of seconds" },
        { "\"cache\":{\"ttl\":\"1\"}", "numbers of seconds" },
        { "\"cache\":{\"s-maxage\":true}", "numbers of seconds" },
        { "\"cache\":{\"namespace\":1}", "must be a text" },
        { "\"cache\":{\"namespace\":\"a\\u000ab\"}", "control characters" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("%s", cases[i].body);

        CHECK_INT(control(&c, cases[i].body, NULL, &k), NGX_OK);
        CHECK_INT(k.ttl, cases[i].ttl);
        CHECK_INT(k.max_age, cases[i].max_age);
        CHECK_STR(&k.namespace, cases[i].namespace);
        CHECK_INT(k.no_cache, strchr(cases[i].flags, 'c') != NULL);
        CHECK_INT(k.no_store, strchr(cases[i].flags, 's') != NULL);
        CHECK_INT(k.use_cache, strchr(cases[i].flags, 'u') != NULL);
    }

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        unit_case("%s", wrong[i][0]);

        CHECK_INT(control(&c, wrong[i][0], NULL, &k), NGX_DECLINED);
        CHECK_INT(c.error.status, 400);
        CHECK_STR(&c.error.param, "cache");
        CHECKF(ngx_strnstr(c.error.message.data, (char *) wrong[i][1],
                           c.error.message.len) != NULL,
               "message is %.*s", (int) c.error.message.len,
               c.error.message.data);
    }
}


static void
test_keys(void)
{
    ngx_str_t                     json, why, *refused;
    openai_call_t                 c;
    ngx_litellm_principal_t       p;
    ngx_litellm_cache_control_t   k;

    unit_case("allowed_cache_controls");

    ngx_memzero(&p, sizeof(p));
    json = unit_str("{\"key\":\"sk-0123456789abcdef\",\"allowed_cache_controls"
                    "\":[\"ttl\",\"no-cache\"]}");

    CHECK_INT(ngx_litellm_principal_read(unit_pool, NGX_LITELLM_KEY, &json, &p,
                                         &why),
              NGX_OK);

    /* c's body is of another pool's life: one case for all of it */

#define control(body)                                                         \
    (openai_call(&c, NGX_LITELLM_OP_CHAT, "m",                                \
                 unit_str("{" M ",\"cache\":" body "}")),                     \
     (void) openai_open(&c),                                                  \
     ngx_litellm_cache_control(&c.call, &p, &k, &c.error))

    CHECK_INT(control("{\"ttl\":3,\"no-cache\":true}"), NGX_OK);
    CHECK_INT(k.ttl, 3);
    CHECK_INT(control("{\"no-store\":true}"), NGX_DECLINED);
    CHECK_INT(c.error.status, 403);
    refused = &c.error.message;
    CHECK_STR(refused, "Not allowed to set no-store as a cache control. "
              "Contact admin to change permissions.");
    CHECK_INT(control("true"), NGX_DECLINED);
    CHECK_INT(control("false"), NGX_OK);

    unit_case("metadata.cache");

    ngx_memzero(&p, sizeof(p));
    json = unit_str("{\"key\":\"sk-0123456789abcdef\",\"metadata\":{\"cache\":"
                    "{\"no-store\":true,\"ttl\":5}}}");

    CHECK_INT(ngx_litellm_principal_read(unit_pool, NGX_LITELLM_KEY, &json, &p,
                                         &why),
              NGX_OK);

    CHECK_INT(control("{\"no-cache\":true,\"ttl\":9}"), NGX_OK);
    CHECK_INT(k.ttl, 5);
    CHECK_INT(k.no_cache, 0);
    CHECK_INT(k.no_store, 1);

    unit_case("metadata.cache that nobody understands keeps nothing");

    ngx_memzero(&p, sizeof(p));
    json = unit_str("{\"key\":\"sk-0123456789abcdef\",\"metadata\":{\"cache\":"
                    "{\"no_store\":true}}}");

    CHECK_INT(ngx_litellm_principal_read(unit_pool, NGX_LITELLM_KEY, &json, &p,
                                         &why),
              NGX_OK);

    CHECK_INT(control("{\"use-cache\":true}"), NGX_OK);
    CHECK_INT(k.no_cache, 1);
    CHECK_INT(k.no_store, 1);
    CHECK_INT(k.use_cache, 0);

#undef control

    unit_case("metadata.cache that is no object");

    ngx_memzero(&p, sizeof(p));
    json = unit_str("{\"key\":\"sk-0123456789abcdef\",\"metadata\":{\"cache\":"
                    "true}}");

    CHECK_INT(ngx_litellm_principal_read(unit_pool, NGX_LITELLM_KEY, &json, &p,
                                         &why),
              NGX_DECLINED);
}


static void
test_able(void)
{
    ngx_uint_t                    i;
    openai_call_t                 c;
    ngx_litellm_cache_t           conf;
    ngx_litellm_cache_control_t   k;

    static const struct {
        ngx_litellm_op_e   op;
        const char        *body;
        ngx_uint_t         ops;
        ngx_flag_t         off;
        ngx_int_t          messages;
        int64_t            temperature;
        ngx_uint_t         able;
    } cases[] = {
        { 0, "{" M "}", 1, 0, -1, -1, 1 },
        { 0, "{" M "}", 14, 0, -1, -1, 0 },
        { NGX_LITELLM_OP_EMBEDDINGS, "{\"input\":\"a\"}", 4, 0, -1, -1, 1 },
        { NGX_LITELLM_OP_EMBEDDINGS, "{\"input\":\"a\"}", 11, 0, -1, -1, 0 },
        { NGX_LITELLM_OP_EMBEDDINGS, "{\"input\":\"a\"}", 15, 0, 0, 0, 1 },
        { NGX_LITELLM_OP_COMPLETIONS, "{\"prompt\":\"a\"}", 2, 0, 0, -1, 1 },
        { 0, "{" M "}", 15, 1, -1, -1, 0 },
        { 0, "{" M ",\"cache\":{\"use-cache\":true}}", 15, 1, -1, -1, 1 },
        { 0, "{" M "}", 15, 0, 0, -1, 1 },
        { 0, "{\"messages\":[{},{}]}", 15, 0, 1, -1, 0 },
        { 0, "{\"messages\":[{},{}]}", 15, 0, 2, -1, 1 },
        { 0, "{" M "}", 15, 0, -1, 500000, 0 },
        { 0, "{" M ",\"temperature\":null}", 15, 0, -1, 500000, 0 },
        { 0, "{" M "}", 15, 0, -1, 1000000, 1 },
        { 0, "{" M ",\"temperature\":0}", 15, 0, -1, 0, 1 },
        { 0, "{" M ",\"temperature\":0.5}", 15, 0, -1, 500000, 1 },
        { 0, "{" M ",\"temperature\":0.51}", 15, 0, -1, 500000, 0 },
        { 0, "{" M ",\"temperature\":1e99}", 15, 0, -1, 500000, 0 },
        { 0, "{" M ",\"temperature\":\"0\"}", 15, 0, -1, 500000, 0 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("%s (%d)", cases[i].body, (int) i);

        ngx_litellm_config_cache_init(&conf);

        conf.ops = cases[i].ops;
        conf.default_off = cases[i].off;
        conf.max_messages = cases[i].messages;
        conf.max_temperature = cases[i].temperature;

        openai_call(&c, cases[i].op, "m", unit_str(cases[i].body));

        CHECK_INT(openai_open(&c), NGX_OK);
        CHECK_INT(ngx_litellm_cache_control(&c.call, NULL, &k, &c.error),
                  NGX_OK);
        CHECK_INT(ngx_litellm_cache_able(&conf, &c.call, &k), cases[i].able);
    }
}


void
unit_main(void)
{
    test_controls();
    test_keys();
    test_able();
}
