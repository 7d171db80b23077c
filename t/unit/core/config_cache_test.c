
/*
 * Configurations: answers that are kept.
 */

#include "core/config_env.h"


#define C  K "litellm_settings: {cache: true, cache_params: "


static ngx_litellm_cache_t *
cached(const char *more)
{
    char  text[2048];

    snprintf(text, sizeof(text), M("x", "model: openai/x, api_key: SECRET")
             "%s\n", more);

    CHECKF(load(text) == NGX_OK, "%s: %s", more, said);

    return &conf->cache;
}


static void
test_defaults(void)
{
    ngx_litellm_cache_t  *c;

    unit_case("without a word, and with one");

    c = cached(K);
    CHECK_INT(c->enable, 0);
    CHECK_INT(c->ops, NGX_LITELLM_CACHE_CHAT|NGX_LITELLM_CACHE_COMPLETIONS
                      |NGX_LITELLM_CACHE_EMBEDDINGS|NGX_LITELLM_CACHE_RERANK);
    CHECK_INT(c->ops, (1 << NGX_LITELLM_OP_CHAT)
                      | (1 << NGX_LITELLM_OP_COMPLETIONS)
                      | (1 << NGX_LITELLM_OP_EMBEDDINGS)
                      | (1 << NGX_LITELLM_OP_RERANK));
    CHECK_INT(c->ttl, 600);
    CHECK_INT(c->redis_ttl, 60);
    CHECK_INT(c->max_messages, -1);
    CHECK_INT(c->max_temperature, -1);
    CHECK_INT(c->max_size, 1024 * 1024);
    CHECK_INT(c->scope, 0);
    CHECK_INT(c->user, 0);
    CHECK_INT(c->by_model, 0);

    CHECK_INT(cached(K "litellm_settings: {cache: true}")->enable, 1);
    CHECK_INT(conf->cache.redis, 1);
    CHECK_INT(cached(K "litellm_settings: {cache: false}")->enable, 0);
    CHECK_INT(cached(K "litellm_settings: {cache_params: {ttl: 9}}")->enable,
              0);
    CHECK_INT(cached(K "cache: true")->enable, 1);
    CHECK_INT(cached(K "cache: true\nlitellm_settings: {cache: false}")
              ->enable, 0);
    CHECK(!has("c.yaml"));
}


static void
test_params(void)
{
    ngx_litellm_cache_t  *c;

    unit_case("cache_params");

    c = cached(C "{type: local, ttl: 3600, namespace: ns, mode: default_off, "
               "supported_call_types: [acompletion, embedding, responses], "
               "max_messages: 4, scope: [team, end_user], by_user: true, "
               "max_temperature: 0.5, max_size: 64k}}");
    CHECK_INT(c->enable, 1);
    CHECK_INT(c->redis, 0);
    CHECK_INT(c->ttl, 3600);
    CHECK_INT(c->redis_ttl, 3600);
    CHECK_STR(&c->namespace, "ns");
    CHECK_INT(c->default_off, 1);
    CHECK_INT(c->ops, NGX_LITELLM_CACHE_CHAT|NGX_LITELLM_CACHE_EMBEDDINGS);
    CHECK_INT(c->max_messages, 4);
    CHECK_INT(c->scope,
              NGX_LITELLM_CACHE_BY_TEAM|NGX_LITELLM_CACHE_BY_END_USER);
    CHECK_INT(c->user, 1);
    CHECK_INT(c->max_temperature, 500000);
    CHECK_INT(c->max_size, 65536);
    CHECK(!has("c.yaml"));

    c = cached(C "{type: redis, host: h, port: 6379, password: SECRET, "
               "default_in_memory_ttl: 5, default_in_redis_ttl: 7.9, "
               "ttl: 9, max_messages: null, scope: key}, "
               "default_redis_ttl: 1000}");
    CHECK_INT(c->redis, 1);
    CHECK_INT(c->ttl, 5);
    CHECK_INT(c->redis_ttl, 7);
    CHECK_INT(c->max_messages, -1);
    CHECK_INT(c->scope, NGX_LITELLM_CACHE_BY_KEY);
    CHECK(!has("c.yaml"));

    c = cached(K "litellm_settings: {cache: true, default_in_memory_ttl: 11, "
               "default_redis_ttl: 12, cache_params: {supported_call_types: "
               "[]}}");
    CHECK_INT(c->ttl, 11);
    CHECK_INT(c->redis_ttl, 12);
    CHECK_INT(c->ops, 0);

    /* the guide's form; and LiteLLM's keys before it */

    c = cached(K "cache: {type: redis, ttl: 3600}");
    CHECK_INT(c->enable, 1);
    CHECK_INT(c->redis, 1);
    CHECK_INT(c->ttl, 3600);
    CHECK(has("a Redis is asked for"));

    c = cached(K "cache: {ttl: 3600, mode: default_off}\n"
               "litellm_settings: {cache_params: {ttl: 5}}");
    CHECK_INT(c->enable, 1);
    CHECK_INT(c->ttl, 5);
    CHECK_INT(c->default_off, 1);

    c = cached(K "litellm_settings: {cache: {ttl: 8}}");
    CHECK_INT(c->enable, 1);
    CHECK_INT(c->ttl, 8);

    c = cached(C "{ttl: 1e12}}");
    CHECK(c->ttl >= 86400 && c->ttl <= 366 * 86400);
}


/* router_settings: its own word stands above */

static void
test_routed(void)
{
    ngx_str_t             name;
    ngx_litellm_cache_t  *c;

    unit_case("cache_responses, caching_groups");

#define R  K "router_settings: {"

    c = cached(R "cache_responses: true}");
    CHECK_INT(c->enable, 1);
    CHECK_INT(c->redis, 0);
    CHECK_INT(c->ttl, 600);
    CHECK(!has("c.yaml"));

    c = cached(R "cache_responses: true, redis_host: h, redis_port: 1}");
    CHECK_INT(c->enable, 1);
    CHECK_INT(c->redis, 1);
    CHECK_INT(conf->cache_redis.host.len, 0);
    CHECK_STR(&conf->redis.host, "h");

    c = cached(R "cache_responses: true}\nlitellm_settings: {cache: true, "
               "cache_params: {type: redis, host: h, ttl: 5}}");
    CHECK_INT(c->enable, 1);
    CHECK_INT(c->redis, 1);
    CHECK_INT(c->ttl, 5);

    c = cached(R "cache_responses: false}\nlitellm_settings: {cache: true}");
    CHECK_INT(c->enable, 0);
    CHECK_INT(c->redis, 0);
    CHECK(has("answers are not kept: \"cache_responses\" is false"));

    CHECK_INT(cached(R "cache_responses: false}")->enable, 0);
    CHECK(!has("c.yaml"));
    CHECK_INT(cached(R "cache_responses: null}\ncache: true")->enable, 1);

    c = cached(R "caching_groups: [[x, y], [a, b, c], []]}\ncache: true");
    CHECK(!has("c.yaml"));

    ngx_str_set(&name, "y");
    CHECK_STR(ngx_litellm_config_caching_group(c, &name), "x");
    ngx_str_set(&name, "x");
    CHECK_STR(ngx_litellm_config_caching_group(c, &name), "x");
    ngx_str_set(&name, "c");
    CHECK_STR(ngx_litellm_config_caching_group(c, &name), "a");
    ngx_str_set(&name, "xy");
    CHECK_STR(ngx_litellm_config_caching_group(c, &name), "xy");

    CHECK_INT(load(M("x", "model: openai/x, api_key: k")
                   R "caching_groups: [x, y]}\n"), NGX_ERROR);
    CHECK(has("\"caching_groups\" must be a list of lists"));
    CHECK_INT(load(M("x", "model: openai/x, api_key: k")
                   R "caching_groups: x}\n"), NGX_ERROR);
    CHECK_INT(load(M("x", "model: openai/x, api_key: k")
                   R "cache_responses: 7}\n"), NGX_ERROR);

    (void) cached(R "cache_kwargs: {namespace: x}}");
    CHECK(has("cache_kwargs"));
}


/* each key that LiteLLM has for a cache is read, or told by its name */

static void
test_keys(void)
{
    char         text[256];
    ngx_uint_t   i;

    static const struct {
        const char  *key;
        const char  *value;
        ngx_uint_t   told;
    } keys[] = {
        { "type", "redis", 0 }, { "host", "h", 0 }, { "port", "1", 0 },
        { "username", "u", 0 }, { "password", "p", 0 },
        { "url", "redis://h:1", 0 }, { "db", "1", 0 }, { "ssl", "true", 0 },
        { "ssl_ca_certs", "/c", 0 }, { "ssl_cert_reqs", "none", 0 },
        { "namespace", "n", 0 }, { "ttl", "5", 0 },
        { "default_in_memory_ttl", "5", 0 },
        { "default_in_redis_ttl", "5", 0 }, { "mode", "default_on", 0 },
        { "supported_call_types", "[completion]", 0 },
        { "max_messages", "4", 0 }, { "scope", "key", 0 },
        { "by_user", "true", 0 }, { "max_temperature", "1", 0 },
        { "max_size", "1m", 0 }, { "max_connections", "10", 0 },
        { "socket_timeout", "5", 0 }, { "redis_flush_size", "5", 0 },

        { "redis_startup_nodes", "[{host: h, port: 1}]", 1 },
        { "sentinel_nodes", "[[h, 1]]", 1 }, { "service_name", "m", 1 },
        { "sentinel_password", "p", 1 }, { "ssl_check_hostname", "false", 1 },
        { "gcp_service_account", "a", 1 }, { "gcp_ssl_ca_certs", "/c", 1 },
        { "similarity_threshold", "0.8", 1 },
        { "redis_semantic_cache_embedding_model", "m", 1 },
        { "redis_semantic_cache_index_name", "m", 1 },
        { "semantic_cache_scope", "key", 1 },
        { "semantic_cache_embedding_timeout", "5", 1 },
        { "qdrant_api_base", "b", 1 }, { "qdrant_api_key", "b", 1 },
        { "qdrant_collection_name", "b", 1 },
        { "qdrant_quantization_config", "binary", 1 },
        { "qdrant_semantic_cache_embedding_model", "b", 1 },
        { "s3_bucket_name", "b", 1 }, { "s3_region_name", "b", 1 },
        { "s3_endpoint_url", "b", 1 }, { "s3_path", "b", 1 },
        { "gcs_bucket_name", "b", 1 }, { "gcs_path_service_account", "b", 1 },
        { "gcs_path", "b", 1 }, { "azure_account_url", "b", 1 },
        { "azure_blob_container", "b", 1 }, { "disk_cache_dir", "/d", 1 }
    };

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        unit_case("cache_params: %s", keys[i].key);

        snprintf(text, sizeof(text), C "{host: h, %s: %s}}", keys[i].key,
                 keys[i].value);

        if (ngx_strcmp(keys[i].key, "host") == 0) {
            snprintf(text, sizeof(text), C "{host: h}}");
        }

        (void) cached(text);

        if (!keys[i].told) {
            CHECKF(!has("c.yaml"), "%s", said);
            continue;
        }

        CHECKF(has(keys[i].key) && !has("is not read"), "%s", said);
    }
}


static void
test_told(void)
{
    ngx_uint_t  i;
    char        text[1024];

    static const char *const  wrong[][2] = {
        { "{ttl: 0}", "\"ttl\" must be a second or more" },
        { "{ttl: -1}", "\"ttl\" must be a number" },
        { "{ttl: soon}", "\"ttl\" must be a number" },
        { "{mode: sometimes}", "\"mode\" must be default_on or default_off" },
        { "{supported_call_types: [chat]}",
          "\"supported_call_types\" has \"chat\", expected completion" },
        { "{supported_call_types: {a: b}}", "must be a list" },
        { "{scope: [key, all]}", "\"scope\" has \"all\", expected none, key" },
        { "{max_messages: -1}", "\"max_messages\" must be a whole number" },
        { "{max_temperature: -1}", "\"max_temperature\" must be a number" },
        { "{max_size: much}", "\"max_size\" must be a size" },
        { "{max_size: 0}", "\"max_size\" must be a size" },
        { "{namespace: \"a\\tb\"}", "without control characters" },
        { "{by_user: perhaps}", "\"by_user\" must be true or false" },
        { "[]", "\"cache_params\" must be a map" }
    };

    unit_case("what is wrong");

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {

        snprintf(text, sizeof(text),
                 M("x", "model: openai/x, api_key: SECRET") C "%s}\n",
                 wrong[i][0]);

        CHECKF(load(text) == NGX_ERROR && has(wrong[i][1]), "%s: %s",
               wrong[i][0], said);
    }

    unit_case("what is not served");

    (void) cached(C "{type: redis-semantic, similarity_threshold: 0.8}}");
    CHECK(has("caches of type \"redis-semantic\" are not served: answers are "
              "kept in memory"));
    CHECK_INT(conf->cache.redis, 0);

    (void) cached(K "litellm_settings: {cache_params: {type: disk}}");
    CHECK(!has("not served"));

    (void) cached(K "litellm_settings: {cache: redis}");
    CHECK(has("\"cache\" is true or false; the kind of cache is "
              "cache_params.type"));
    CHECK_INT(conf->cache.enable, 1);
    CHECK_INT(conf->cache.redis, 1);

    (void) cached(C "{typ: local, redis_url: SECRET}}");
    CHECK(has("\"typ\" is not read in cache_params"));
    CHECK(has("\"redis_url\" is not read in cache_params; did you mean "
              "\"url\"?"));
}


static void
test_models(void)
{
    ngx_int_t             ttl;
    ngx_uint_t            i;
    ngx_litellm_group_t  *group;
    ngx_str_t             name;

    static const struct {
        const char  *name;
        ngx_uint_t   kept;
        ngx_int_t    ttl;
    } cases[] = {
        { "a", 1, 100 }, { "b", 0, 0 }, { "c", 0, 0 }, { "d", 0, 0 },
        { "e", 1, 30 }, { "f", 1, 100 }, { "g", 0, 0 }
    };

    unit_case("deployments");

    CHECK_INT(load("model_list:\n"
        "- {model_name: a, litellm_params: {model: openai/x, api_key: k}}\n"
        "- {model_name: b, litellm_params: {model: openai/x, api_key: k}, "
            "model_info: {cache: false}}\n"
        "- {model_name: c, litellm_params: {model: openai/x, api_key: k, "
            "cache: {no-store: true}}}\n"
        "- {model_name: d, litellm_params: {model: openai/x, api_key: k, "
            "caching: false}}\n"
        "- {model_name: e, litellm_params: {model: openai/x, api_key: k, "
            "cache: {ttl: 30}}}\n"
        "- {model_name: e, litellm_params: {model: openai/y, api_key: k}, "
            "model_info: {cache: {ttl: 60}}}\n"
        "- {model_name: f, litellm_params: {model: openai/x, api_key: k}, "
            "model_info: {cache: {ttl: 900, no-cache: false}}}\n"
        "- {model_name: g, litellm_params: {model: openai/x, api_key: k}}\n"
        "- {model_name: g, litellm_params: {model: openai/y, api_key: k}, "
            "model_info: {cache: false}}\n"
        K), NGX_OK);

    CHECK_INT(conf->cache.by_model, 1);

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        name.data = (u_char *) cases[i].name;
        name.len = ngx_strlen(name.data);

        group = ngx_litellm_config_group(conf, &name);

        if (!CHECK(group != NULL)) {
            continue;
        }

        ttl = 100;

        CHECKF(ngx_litellm_config_cached(&conf->cache, &group->deployments,
                                         &ttl)
               == cases[i].kept, "%s", cases[i].name);

        if (cases[i].kept) {
            CHECKF(ttl == cases[i].ttl, "%s: %d", cases[i].name, (int) ttl);
        }
    }

    /* none of it goes to a provider */

    for (i = 0; i < conf->deployments.nelts; i++) {
        CHECK(dep(i)->defaults == NULL || dep(i)->defaults->nelts == 0);
    }
}


void
unit_main(void)
{
    test_defaults();
    test_params();
    test_routed();
    test_keys();
    test_told();
    test_models();
}
