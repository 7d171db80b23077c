
/* Addresses of a Redis: what is taken apart, what is refused. */

#include "unit.h"

#include "ngx_litellm_redis.h"


static const struct {
    const char  *text;
    const char  *host;        /* NULL: refused, or a path */
    int          port;
    int          tls;
    int          db;
    const char  *username;
    const char  *password;
    const char  *path;        /* NULL: none */
} cases[] = {
    { "localhost", "localhost", 0, 0, 0, "", "", NULL },
    { "redis:6380", "redis", 6380, 0, 0, "", "", NULL },
    { "10.0.0.1:1", "10.0.0.1", 1, 0, 0, "", "", NULL },
    { "[::1]:7000", "::1", 7000, 0, 0, "", "", NULL },
    { "[fe80::1]", "fe80::1", 0, 0, 0, "", "", NULL },
    { "redis://h", "h", 0, 0, 0, "", "", NULL },
    { "redis://h/", "h", 0, 0, 0, "", "", NULL },
    { "REDIS://h:1/15", "h", 1, 0, 15, "", "", NULL },
    { "rediss://h:6379", "h", 6379, 1, 0, "", "", NULL },
    { "rediss://[::1]:6379/2", "::1", 6379, 1, 2, "", "", NULL },
    { "redis://:pw@h", "h", 0, 0, 0, "", "pw", NULL },
    { "redis://user@h", "h", 0, 0, 0, "user", "", NULL },
    { "redis://user:pw@h:1/3", "h", 1, 0, 3, "user", "pw", NULL },
    { "redis://u%40:p%3A%40%2f%25@h", "h", 0, 0, 0, "u@", "p:@/%", NULL },
    { "redis://u:p@ss@h", "h", 0, 0, 0, "u", "p@ss", NULL },
    { "redis://u:a:b@h", "h", 0, 0, 0, "u", "a:b", NULL },
    { "redis://:p/w@h", "h", 0, 0, 0, "", "p/w", NULL },
    { "redis://h?db=4", "h", 0, 0, 4, "", "", NULL },
    { "redis://h/1?db=4&x=y", "h", 0, 0, 4, "", "", NULL },
    { "redis://h?ssl_cert_reqs=none&db=4", "h", 0, 0, 4, "", "", NULL },
    { "unix:/run/redis.sock", NULL, 0, 0, 0, "", "", "/run/redis.sock" },
    { "unix:///run/r%20s", NULL, 0, 0, 0, "", "", "/run/r s" },
    { "unix:///run/r?db=2", NULL, 0, 0, 2, "", "", "/run/r" },

    { "", NULL, 0, 0, 0, NULL, NULL, NULL },
    { "redis://", NULL, 0, 0, 0, NULL, NULL, NULL },
    { "redis://:pw@", NULL, 0, 0, 0, NULL, NULL, NULL },
    { "redis://:1", NULL, 0, 0, 0, NULL, NULL, NULL },
    { "redis://h:", NULL, 0, 0, 0, NULL, NULL, NULL },
    { "redis://h:0", NULL, 0, 0, 0, NULL, NULL, NULL },
    { "redis://h:65536", NULL, 0, 0, 0, NULL, NULL, NULL },
    { "redis://h:6x", NULL, 0, 0, 0, NULL, NULL, NULL },
    { "redis://h:99999999999999999999", NULL, 0, 0, 0, NULL, NULL, NULL },
    { "redis://h/x", NULL, 0, 0, 0, NULL, NULL, NULL },
    { "redis://h/65536", NULL, 0, 0, 0, NULL, NULL, NULL },
    { "redis://h/1/2", NULL, 0, 0, 0, NULL, NULL, NULL },
    { "redis://h?db=x", NULL, 0, 0, 0, NULL, NULL, NULL },
    { "redis://h?db=99999999999999999999", NULL, 0, 0, 0, NULL, NULL, NULL },
    { "redis://[::1", NULL, 0, 0, 0, NULL, NULL, NULL },
    { "redis://[]", NULL, 0, 0, 0, NULL, NULL, NULL },
    { "redis://[::1]x", NULL, 0, 0, 0, NULL, NULL, NULL },
    { "http://h", NULL, 0, 0, 0, NULL, NULL, NULL },
    { "h/1", NULL, 0, 0, 0, NULL, NULL, NULL },
    { "user@h", NULL, 0, 0, 0, NULL, NULL, NULL },
    { "unix:", NULL, 0, 0, 0, NULL, NULL, NULL },
    { "unix://run", NULL, 0, 0, 0, NULL, NULL, NULL },
    { "redis://h\nx", NULL, 0, 0, 0, NULL, NULL, NULL },
    { "redis://a b", NULL, 0, 0, 0, NULL, NULL, NULL },
    { "redis://h\x7f", NULL, 0, 0, 0, NULL, NULL, NULL },
};


static void
test_cases(void)
{
    ngx_int_t             rc;
    ngx_str_t             text;
    ngx_uint_t            i;
    const char           *why;
    ngx_litellm_redis_t   redis;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("%s", cases[i].text);

        text = unit_str(cases[i].text);
        ngx_memzero(&redis, sizeof(redis));
        why = NULL;

        rc = ngx_litellm_redis_url(unit_pool, &text, &redis, &why);

        if (cases[i].username == NULL) {
            CHECK_INT(rc, NGX_DECLINED);
            CHECK(why != NULL && *why != '\0');
            continue;
        }

        CHECK_INT(rc, NGX_OK);
        CHECK_STR(&redis.host, cases[i].host ? cases[i].host : "");
        CHECK_STR(&redis.path, cases[i].path ? cases[i].path : "");
        CHECK_INT(redis.port, cases[i].port);
        CHECK_INT(redis.tls, cases[i].tls);
        CHECK_INT(redis.db, cases[i].db);
        CHECK_STR(&redis.username, cases[i].username);
        CHECK_STR(&redis.password, cases[i].password);
        CHECK_INT(ngx_litellm_redis_known(&redis), 1);
    }
}


/* what an address does not say stays */

static void
test_kept(void)
{
    ngx_str_t             text;
    const char           *why;
    ngx_litellm_redis_t   redis;

    unit_case("what is not said");

    ngx_memzero(&redis, sizeof(redis));
    redis.port = 7;
    redis.db = 3;
    ngx_str_set(&redis.password, "there");

    text = unit_str("redis://h");
    CHECK_INT(ngx_litellm_redis_url(unit_pool, &text, &redis, &why), NGX_OK);
    CHECK_INT(redis.port, 7);
    CHECK_INT(redis.db, 3);
    CHECK_STR(&redis.password, "there");
}


void
unit_main(void)
{
    test_cases();
    test_kept();
}
