
/*
 * Configurations: which Redis is meant.
 */

#include "core/config_env.h"


#define G(more)  M("x", "model: openai/x, api_key: SECRET")                   \
                 "general_settings: {master_key: sk-SECRET-123456" more "}\n"
#define NONE     "nothing is shared"


/* what is read of one file, with variables, in one line */

typedef struct {
    const char  *yaml;
    const char  *vars[6];
    const char  *want;       /* "": none */
} which_t;


static const which_t  which[] = {

    /* nobody asks for one: the variables are for others */

    { G(""), { "REDIS_HOST=env", "REDIS_PASSWORD=SECRET" }, "" },
    { X "litellm_settings: {cache: false}\n", { "REDIS_HOST=env" }, "" },
    { X "litellm_settings: {cache_params: {type: local, host: h}}\n",
      { "REDIS_HOST=env" }, "" },
    { X "litellm_settings: {cache_params: {ttl: 5}}\n", { "REDIS_HOST=env" },
      "" },
    { X "router_settings: {num_retries: 1}\n", { "REDIS_HOST=env" }, "" },

    /* each place */

    { G(", coordination_redis: {host: a}"), { NULL }, "a:6379/0" },
    { G(", coordination_redis: {url: 'redis://u:SECRET@a:7/2'}"), { NULL },
      "u:SECRET@a:7/2" },
    { X "litellm_settings: {cache_params: {type: redis, host: b, port: 1, "
      "password: SECRET, username: u, db: 4, namespace: ns}}\n", { NULL },
      "u:SECRET@b:1/4 ns=ns" },
    { X "litellm_settings: {cache_params: {type: valkey, host: b}}\n",
      { NULL }, "b:6379/0" },
    { X "litellm_settings: {cache: {type: redis, host: b}}\n", { NULL },
      "b:6379/0" },
    { X "cache: {type: redis, host: b, ttl: 3600}\n", { NULL }, "b:6379/0" },
    { X "cache: {type: 'redis', ttl: 3600}\n", { "REDIS_HOST=env" },
      "env:6379/0" },
    { X "cache: redis\n", { "REDIS_HOST=env" }, "env:6379/0" },
    { X "cache: true\n", { "REDIS_HOST=env" }, "env:6379/0" },
    { X "litellm_settings: {cache: true}\n",
      { "REDIS_URL=rediss://:SECRET@env:8/1" }, ":SECRET@env:8/1 tls" },
    { X "litellm_settings: {cache: true, cache_params: {host: b}}\n",
      { NULL }, "b:6379/0" },
    { X "litellm_settings: {cache: true}\n", { NULL }, "" },
    { X "router_settings: {redis_host: c, redis_port: 5, redis_db: 6, "
      "redis_password: SECRET}\n", { NULL }, ":SECRET@c:5/6" },
    { X "router_settings: {redis_url: 'unix:/r.sock', redis_ssl: false}\n",
      { NULL }, "/r.sock/0" },
    { X "router_settings: {redis_host: c}\n", { "REDIS_PASSWORD=SECRET",
      "REDIS_PORT=9" }, ":SECRET@c:9/0" },

    /* the first of them counts, and what it leaves open is not the next's */

    { G(", coordination_redis: {host: a}") "litellm_settings: {cache_params: "
      "{type: redis, host: b, port: 1, password: SECRET}}\n"
      "router_settings: {redis_host: c, redis_db: 3}\n", { NULL },
      "a:6379/0" },
    { X "litellm_settings: {cache_params: {type: redis, host: b}}\n"
      "cache: {type: redis, host: d}\n"
      "router_settings: {redis_host: c}\n", { NULL }, "b:6379/0" },

    /* the file counts before the variables */

    { G(", coordination_redis: {host: a, port: 1, password: SECRET1, "
      "username: u, ssl: false, db: 1}"), { "REDIS_URL=redis://env:9/9",
      "REDIS_PORT=3", "REDIS_PASSWORD=SECRET2", "REDIS_USERNAME=v",
      "REDIS_SSL=true" }, "u:SECRET1@a:1/1" },
    { G(", coordination_redis: {host: a}"), { "REDIS_HOST=env",
      "REDIS_PORT=3", "REDIS_PASSWORD=SECRET2", "REDIS_USERNAME=v",
      "REDIS_SSL=True" }, "v:SECRET2@a:3/0 tls" },
    { G(", coordination_redis: {password: SECRET1}"), {
      "REDIS_URL=redis://v:SECRET2@env:9/9" }, "v:SECRET2@env:9/9" },
    { G(", coordination_redis: {port: 5}"), { "REDIS_HOST=env" },
      "env:5/0" },
    { G(", coordination_redis: {host: a}"), { "REDIS_SSL=false" },
      "a:6379/0" },
    { G(", coordination_redis: {host: os.environ/OURS, password: "
      "os.environ/PW}"), { "OURS=env2", "PW=SECRET", "REDIS_HOST=env" },
      ":SECRET@env2:6379/0" },
    { G(", coordination_redis: {url: 'redis://a', host: b, port: 7}"),
      { NULL }, "a:7/0" },

    /* TLS */

    { G(", coordination_redis: {host: a, ssl: true, ssl_ca_certs: /ca, "
      "ssl_certfile: /crt, ssl_keyfile: /key}"), { NULL },
      "a:6379/0 tls ca=/ca cert=/crt key=/key" },
    { G(", coordination_redis: {url: 'rediss://a', ssl_cert_reqs: none}"),
      { NULL }, "a:6379/0 tls insecure" },
    { G(", coordination_redis: {host: a, password: 12345}"), { NULL },
      ":12345@a:6379/0" },
};


static const say_t  says[] = {
    { G(", coordination_redis: {}"), NGX_OK, { "W c.yaml:", NONE } },
    { X "cache: {type: redis, ttl: 5}\n", NGX_OK, { "W c.yaml:", NONE } },
    { X "litellm_settings:\n  cache_params:\n    type: redis\n", NGX_OK,
      { "W c.yaml:", NONE } },
    { X "cache: true\n", NGX_OK, { "!" NONE } },

    { G(", coordination_redis:\n {url: 'redis://:SECRET@'}"), NGX_ERROR,
      { "E c.yaml:5", "has no host" } },
    { G(", coordination_redis:\n {url: 'http://SECRET'}"), NGX_ERROR,
      { "E c.yaml:5", "must be redis://" } },
    { G(", coordination_redis:\n {host: 'redis://SECRET'}"), NGX_ERROR,
      { "E c.yaml:5", "\"host\" must be a name or an address" } },
    { X "router_settings:\n  redis_host: 'redis://SECRET'\n", NGX_ERROR,
      { "E c.yaml:6", "\"redis_host\" must be", "\"redis_url\"" } },
    { G(", coordination_redis:\n {host: a,\n port: 65536}"), NGX_ERROR,
      { "E c.yaml:6", "port" } },
    { G(", coordination_redis: {host: a, port: x}"), NGX_ERROR,
      { "E c.yaml:", "port" } },
    { G(", coordination_redis: {host: a, db: -1}"), NGX_ERROR,
      { "E c.yaml:", "db" } },
    { G(", coordination_redis: {host: a, ssl: maybe}"), NGX_ERROR,
      { "E c.yaml:", "\"ssl\" must be true or false" } },
    { G(", coordination_redis: {host: a, password: [SECRET]}"), NGX_ERROR,
      { "E c.yaml:", "password" } },
    { G(", coordination_redis: {host: {a: SECRET}}"), NGX_ERROR,
      { "E c.yaml:", "host" } },
    { NULL, 0, { NULL } }
};


static const struct {
    const char  *vars[3];
    const char  *say;
} wrong[] = {
    { { "REDIS_URL=redis://:SECRET@h:x" }, "the address in REDIS_URL has" },
    { { "REDIS_HOST=redis://SECRET" }, "REDIS_HOST must be a name" },
    { { "REDIS_HOST=h", "REDIS_PORT=tcp://10.0.0.1:SECRET" },
      "REDIS_PORT must be 1 to 65535" },
    { { "REDIS_HOST=h", "REDIS_PORT=0" }, "REDIS_PORT must be 1 to 65535" },
};


static void
set(const char *const *list, ngx_uint_t n)
{
    ngx_uint_t  i;

    ngx_memzero(vars, sizeof(vars));

    for (i = 0; i < n && list[i]; i++) {
        vars[i] = list[i];
    }
}


static void
test_which(void)
{
    u_char                buf[512], *p;
    ngx_str_t             got;
    ngx_uint_t            i;
    ngx_litellm_redis_t  *r;

    for (i = 0; i < sizeof(which) / sizeof(which[0]); i++) {
        unit_case("which %d: %.200s", (int) i, which[i].yaml);

        set(which[i].vars, 6);

        if (!CHECKF(load(which[i].yaml) == NGX_OK, "%s", said)) {
            continue;
        }

        r = &conf->redis;
        p = buf;

        if (r->username.len || r->password.len) {
            p = ngx_sprintf(p, "%V", &r->username);

            if (r->password.len) {
                p = ngx_sprintf(p, ":%V", &r->password);
            }

            p = ngx_sprintf(p, "@");
        }

        if (r->host.len) {
            p = ngx_sprintf(p, "%V:%ui", &r->host, (ngx_uint_t) r->port);
        }

        if (ngx_litellm_redis_known(r)) {
            p = ngx_sprintf(p, "%V/%ui%s%s", &r->path, r->db,
                            r->tls ? " tls" : "",
                            r->insecure ? " insecure" : "");
        }

        if (r->ca.len) {
            p = ngx_sprintf(p, " ca=%V cert=%V key=%V", &r->ca, &r->cert,
                            &r->key);
        }

        if (r->name_space.len) {
            p = ngx_sprintf(p, " ns=%V", &r->name_space);
        }

        got.data = buf;
        got.len = p - buf;

        CHECK_STR(&got, which[i].want);
    }

    set(NULL, 0);
}


static void
test_wrong(void)
{
    ngx_uint_t  i;

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        unit_case("wrong %s", wrong[i].vars[0]);

        set(wrong[i].vars, 3);

        CHECK_INT(load(X "cache: {type: redis}\n"), NGX_ERROR);
        CHECKF(has(wrong[i].say) && has("E c.yaml"), "%s", said);
    }

    set(NULL, 0);
}


void
unit_main(void)
{
    test_which();
    test_says(says);
    test_wrong();
}
