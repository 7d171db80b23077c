
/*
 * Bodies that were hits before: what is found again is what reading them once
 * more would find, names are told apart by all that they depend on, bounds.
 */

#include "../provider/openai_call.h"
#include "ngx_litellm_cache_known.h"


#define SECRET  0x0123456789abcdefULL


typedef struct {
    ngx_litellm_op_e    op;
    ngx_uint_t          flags;
    const char         *group;
    const char         *namespace;
    const char         *scope;
} known_what_t;


static const known_what_t  known_what = {
    NGX_LITELLM_OP_CHAT, 0, "gpt", "", ""
};

static ngx_litellm_cache_known_t  *known;
static ngx_litellm_cache_seen_t    seen;


static ngx_litellm_cache_seen_t *
known_seen(ngx_str_t *body)
{
    ngx_memzero(&seen, sizeof(seen));
    seen.hash = ngx_litellm_cache_known_hash(known, body);

    return &seen;
}


/* a body at an address of its own, opened; what is known of it is used */

static ngx_int_t
known_open(openai_call_t *c, ngx_litellm_op_e op, const ngx_str_t *body)
{
    ngx_int_t  rc;

    openai_call(c, op, "m", unit_mem(body->data, body->len));
    c->call.format = &ngx_litellm_openai_chat;

    rc = ngx_litellm_cache_known_read(known, known_seen(&c->call.body),
                                      &c->call);

    CHECK_INT(c->call.known, rc == NGX_OK);
    CHECK_INT(openai_open(c), NGX_OK);

    return rc;
}


static ngx_int_t
known_key(openai_call_t *c, const known_what_t *what,
    u_char key[NGX_LITELLM_CACHE_KEY])
{
    ngx_str_t  group, namespace, scope;

    group = openai_str(what->group);
    namespace = openai_str(what->namespace);
    scope = openai_str(what->scope);

    c->call.op = what->op;

    return ngx_litellm_cache_known_key(known, known_seen(&c->call.body),
                  &c->call, &group, &namespace, &scope, what->flags, key);
}


/* as a hit with the key that it has */

static void
known_add(openai_call_t *c, const known_what_t *what,
    u_char key[NGX_LITELLM_CACHE_KEY])
{
    ngx_str_t  group, namespace, scope;

    group = openai_str(what->group);
    namespace = openai_str(what->namespace);
    scope = openai_str(what->scope);

    c->call.op = what->op;

    CHECK_INT(ngx_litellm_cache_key(&c->call, &group, &namespace, &scope,
                                    what->flags, key),
              NGX_OK);

    ngx_litellm_cache_known_add(known, known_seen(&c->call.body),
                  &c->call, &group, &namespace, &scope, what->flags, key);
}


static void
known_same_nodes(openai_call_t *one, openai_call_t *two)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *a, *b;

    CHECK_INT(two->call.top.nodes, one->call.top.nodes);

    if (two->call.top.nodes != one->call.top.nodes) {
        return;
    }

    for (i = 0; i < one->call.top.nodes; i++) {
        a = &one->call.top.root[i];
        b = &two->call.top.root[i];

        CHECKF(a->start - one->call.body.data == b->start
                                                 - two->call.body.data
               && a->len == b->len && a->next == b->next
               && a->count == b->count && a->type == b->type
               && a->flags == b->flags,
               "node %d", (int) i);
    }
}


static ngx_int_t
known_node(openai_call_t *c, ngx_litellm_json_t *v)
{
    return v ? v - c->call.top.root : -1;
}


/* all that open() finds */

static void
known_same_open(openai_call_t *one, openai_call_t *two)
{
    ngx_uint_t  i;

    CHECK_INT(two->call.parts, one->call.parts);
    CHECK_INT(two->call.stream, one->call.stream);
    CHECK_INT(two->call.include_usage, one->call.include_usage);
    CHECK_INT(two->call.duplicates, one->call.duplicates);
    CHECK_INT(two->call.present, one->call.present);
    CHECK_INT(two->call.extra.nelts, one->call.extra.nelts);
    CHECK_INT(two->call.control.nelts, one->call.control.nelts);
    CHECK_MEM(&two->call.model, one->call.model.data, one->call.model.len);

    CHECK_INT(known_node(two, two->call.model_node),
              known_node(one, one->call.model_node));

    for (i = 0; i < NGX_LITELLM_P_MAX; i++) {
        CHECKF(known_node(two, two->call.param[i])
               == known_node(one, one->call.param[i]),
               "parameter %d", (int) i);
    }
}


static void
test_same(void)
{
    u_char         key[NGX_LITELLM_CACHE_KEY], again[NGX_LITELLM_CACHE_KEY];
    ngx_str_t      body;
    ngx_uint_t     i, j;
    openai_call_t  one, two, other;

    static const struct {
        const char  *body;
        int          opened;    /* it has nothing but parameters */
    } cases[] = {
        { "{\"model\":\"m\",\"messages\":[]}", 1 },
        { " { \"messages\" : [ {\"role\":\"user\",\"content\":\"a\\nb\"} ] } ", 1 },
        { "{\"model\":\"m\",\"messages\":[],\"stream\":true,\"stream_options\":"
            "{\"include_usage\":true}}", 1 },
        { "{\"messages\":[],\"stream\":true,\"stream_options\":null,"
            "\"metadata\":{\"a\":1},\"user\":\"u\",\"n\":1,\"model\":null,"
            "\"tools\":[{}],\"prompt_cache_retention\":\"24h\"}", 1 },
        { "{\"messages\":[],\"\\u0074op_p\":1,\"stop\":null}", 1 },
        { "{\"messages\":[{\"content\":[{\"type\":\"image_url\",\"image_url\":"
            "{\"url\":\"http://x\"}}]}],\"seed\":1,\"seed\":2}", 0 },
        { "{\"messages\":[],\"own\":1,\"own\":{\"a\":[2]},\"timeout\":3,"
            "\"cache\":{\"namespace\":\"n\"},\"\\u0074op_p\":null}", 0 },
        { "{\"messages\":[],\"own\":1}", 0 },
        { "{\"messages\":[],\"timeout\":1}", 0 },
        { "{\"messages\":[],\"weight\":1}", 0 },
        { "{\"model\":\"\\u006d\",\"messages\":[]}", 0 },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unit_case("%s", cases[i].body);

        known = ngx_litellm_cache_known_create(65536, SECRET, &unit_log);
        body = openai_str(cases[i].body);

        CHECK_INT(known_open(&one, NGX_LITELLM_OP_CHAT, &body), NGX_DECLINED);
        CHECK_INT(known_key(&one, &known_what, again), NGX_DECLINED);

        known_add(&one, &known_what, key);

        CHECK_INT(known_open(&two, NGX_LITELLM_OP_CHAT, &body), NGX_OK);

        known_same_nodes(&one, &two);
        known_same_open(&one, &two);

        CHECK_INT(two.call.opened, cases[i].opened);

        CHECK_INT(known_key(&two, &known_what, again), NGX_OK);
        CHECK(ngx_memcmp(key, again, NGX_LITELLM_CACHE_KEY) == 0);

        /* one byte is another */

        for (j = 0; j < body.len; j++) {
            openai_call(&other, NGX_LITELLM_OP_CHAT, "m",
                        unit_mem(body.data, body.len));

            other.call.body.data[j] ^= 1;

            CHECK_INT(ngx_litellm_cache_known_read(known,
                          known_seen(&other.call.body), &other.call),
                      NGX_DECLINED);
        }

        /* the same hash is not enough */

        openai_call(&other, NGX_LITELLM_OP_CHAT, "m",
                    unit_mem(body.data, body.len));
        other.call.body.data[body.len / 2] ^= 1;

        CHECK_INT(ngx_litellm_cache_known_read(known, known_seen(&body),
                                               &other.call),
                  NGX_DECLINED);

        ngx_litellm_cache_known_free(known);
    }
}


/* what open() found counts for the API that it was opened for */

static void
test_opened(void)
{
    u_char         key[NGX_LITELLM_CACHE_KEY];
    ngx_str_t      body;
    openai_call_t  c;

    unit_case("opened");

    body = openai_str("{\"model\":\"m\",\"messages\":[],\"stream\":true}");
    known = ngx_litellm_cache_known_create(65536, SECRET, &unit_log);

    CHECK_INT(known_open(&c, NGX_LITELLM_OP_CHAT, &body), NGX_DECLINED);
    known_add(&c, &known_what, key);

    CHECK_INT(known_open(&c, NGX_LITELLM_OP_CHAT, &body), NGX_OK);
    CHECK(c.call.opened);

    /* there is no prompt */

    openai_call(&c, NGX_LITELLM_OP_COMPLETIONS, "m",
                unit_mem(body.data, body.len));
    c.call.format = &ngx_litellm_openai_completions;

    CHECK_INT(ngx_litellm_cache_known_read(known, known_seen(&body), &c.call),
              NGX_OK);
    CHECK(!c.call.opened);
    CHECK_INT(openai_open(&c), NGX_DECLINED);

    /* the model of a path wins, here as there */

    openai_call(&c, NGX_LITELLM_OP_CHAT, "m", unit_mem(body.data, body.len));
    c.call.format = &ngx_litellm_openai_chat;
    c.call.model = openai_str("path");

    CHECK_INT(ngx_litellm_cache_known_read(known, known_seen(&body), &c.call),
              NGX_OK);
    CHECK(c.call.opened);
    CHECK_STR(&c.call.model, "path");

    ngx_litellm_cache_known_free(known);
}


/* between the two looks others come and go */

static void
test_seen(void)
{
    u_char                     key[NGX_LITELLM_CACHE_KEY];
    u_char                     again[NGX_LITELLM_CACHE_KEY];
    ngx_str_t                  body, other, group, none;
    openai_call_t              c, d;
    ngx_litellm_cache_seen_t   s;

    unit_case("seen");

    body = openai_str("{\"messages\":[1]}");
    other = openai_str("{\"messages\":[2]}");
    group = openai_str("gpt");
    ngx_str_null(&none);

    known = ngx_litellm_cache_known_create(65536, SECRET, &unit_log);

    (void) known_open(&c, NGX_LITELLM_OP_CHAT, &body);
    known_add(&c, &known_what, key);

    CHECK_INT(known_open(&c, NGX_LITELLM_OP_CHAT, &body), NGX_OK);
    s = seen;

    CHECK_INT(ngx_litellm_cache_known_key(known, &s, &c.call, &group, &none,
                                          &none, 0, again),
              NGX_OK);
    CHECK(ngx_memcmp(key, again, NGX_LITELLM_CACHE_KEY) == 0);

    /* one of the same hash pushes it out: its memory is gone */

    (void) known_open(&d, NGX_LITELLM_OP_CHAT, &other);

    seen.hash = s.hash;
    ngx_litellm_cache_known_add(known, &seen, &d.call, &group, &none, &none,
                                0, key);

    CHECK_INT(ngx_litellm_cache_known_key(known, &s, &c.call, &group, &none,
                                          &none, 0, again),
              NGX_DECLINED);

    ngx_litellm_cache_known_free(known);
}


static void
test_names(void)
{
    char           group[32], large[256];
    u_char         key[NGX_LITELLM_CACHE_KEY], again[NGX_LITELLM_CACHE_KEY];
    ngx_str_t      body;
    ngx_uint_t     i;
    known_what_t   what;
    openai_call_t  c;

    static const known_what_t  others[] = {
        { NGX_LITELLM_OP_CHAT, 0, "gpt2", "", "" },
        { NGX_LITELLM_OP_CHAT, 0, "", "gpt", "" },
        { NGX_LITELLM_OP_CHAT, 0, "", "", "gpt" },
        { NGX_LITELLM_OP_CHAT, 0, "gp", "t", "" },
        { NGX_LITELLM_OP_CHAT, 0, "gpt", "a", "" },
        { NGX_LITELLM_OP_CHAT, 0, "gpt", "", "a" },
        { NGX_LITELLM_OP_CHAT, NGX_LITELLM_CACHE_USER, "gpt", "", "" },
        { NGX_LITELLM_OP_COMPLETIONS, 0, "gpt", "", "" },
    };

    unit_case("names");

    body = openai_str("{\"messages\":[]}");
    known = ngx_litellm_cache_known_create(65536, SECRET, &unit_log);

    (void) known_open(&c, NGX_LITELLM_OP_CHAT, &body);
    known_add(&c, &known_what, key);

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        CHECKF(known_key(&c, &others[i], again) == NGX_DECLINED, "%d",
               (int) i);
    }

    /* four of them; then the first one goes */

    what = known_what;
    what.group = group;

    for (i = 0; i < 3; i++) {
        snprintf(group, sizeof(group), "group%d", (int) i);
        known_add(&c, &what, key);
        CHECK_INT(known_key(&c, &what, again), NGX_OK);
        CHECK(ngx_memcmp(key, again, NGX_LITELLM_CACHE_KEY) == 0);
    }

    CHECK_INT(known_key(&c, &known_what, again), NGX_OK);

    snprintf(group, sizeof(group), "one more");
    known_add(&c, &what, key);

    CHECK_INT(known_key(&c, &what, again), NGX_OK);
    CHECK_INT(known_key(&c, &known_what, again), NGX_DECLINED);

    /* what is too long to be compared is not known */

    ngx_memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    what.group = large;

    known_add(&c, &what, key);
    CHECK_INT(known_key(&c, &what, again), NGX_DECLINED);

    /* up to there the places are compared, too */

    for (i = 255; i; i--) {
        large[i] = '\0';
        known_add(&c, &what, key);

        if (known_key(&c, &what, again) == NGX_OK) {
            break;
        }
    }

    CHECKF(i > 160 && i < 190, "%d", (int) i);

    ngx_litellm_cache_known_free(known);
}


static void
test_bounds(void)
{
    u_char         key[NGX_LITELLM_CACHE_KEY];
    ngx_str_t      body[40], large;
    ngx_uint_t     i, n;
    openai_call_t  c;

    unit_case("bounds");

    known = ngx_litellm_cache_known_create(65536, SECRET, &unit_log);

    /* 40 bodies of 4 KB in 64 KB; the first one is asked for all the time */

    for (i = 0; i < 40; i++) {
        body[i].len = 4096;
        body[i].data = ngx_pnalloc(unit_keep, 4096);

        ngx_memset(body[i].data, ' ', 4096);
        ngx_sprintf(body[i].data, "{\"messages\":[%ui]}", i);

        (void) known_open(&c, NGX_LITELLM_OP_CHAT, &body[i]);
        known_add(&c, &known_what, key);

        CHECK_INT(known_open(&c, NGX_LITELLM_OP_CHAT, &body[0]), NGX_OK);
    }

    for (i = 0, n = 0; i < 40; i++) {
        if (known_open(&c, NGX_LITELLM_OP_CHAT, &body[i]) == NGX_OK) {
            n++;
            CHECK(i == 0 || i > 24);
        }
    }

    CHECKF(n >= 10 && n <= 15, "%d are known", (int) n);

    /* too large for all of it, too large for one, too many nodes */

    large.len = 65536;
    large.data = ngx_pnalloc(unit_keep, NGX_LITELLM_CACHE_KNOWN_BODY + 1);
    ngx_memset(large.data, ' ', NGX_LITELLM_CACHE_KNOWN_BODY + 1);
    ngx_memcpy(large.data, "{\"messages\":[]}", 15);

    (void) known_open(&c, NGX_LITELLM_OP_CHAT, &large);
    known_add(&c, &known_what, key);
    CHECK_INT(known_open(&c, NGX_LITELLM_OP_CHAT, &large), NGX_DECLINED);
    CHECK_INT(known_open(&c, NGX_LITELLM_OP_CHAT, &body[0]), NGX_OK);

    ngx_litellm_cache_known_free(known);

    known = ngx_litellm_cache_known_create(1048576, SECRET, &unit_log);

    large.len = NGX_LITELLM_CACHE_KNOWN_BODY + 1;

    (void) known_open(&c, NGX_LITELLM_OP_CHAT, &large);
    known_add(&c, &known_what, key);
    CHECK_INT(known_open(&c, NGX_LITELLM_OP_CHAT, &large), NGX_DECLINED);

    large.len--;

    (void) known_open(&c, NGX_LITELLM_OP_CHAT, &large);
    known_add(&c, &known_what, key);
    CHECK_INT(known_open(&c, NGX_LITELLM_OP_CHAT, &large), NGX_OK);

    large.len = ngx_sprintf(large.data, "{\"messages\":[]") - large.data;

    for (i = 0; i < NGX_LITELLM_CACHE_KNOWN_NODES / 2; i++) {
        large.len = ngx_sprintf(large.data + large.len, ",\"own%ui\":1", i)
                    - large.data;
    }

    large.data[large.len++] = '}';

    (void) known_open(&c, NGX_LITELLM_OP_CHAT, &large);
    known_add(&c, &known_what, key);
    CHECK_INT(known_open(&c, NGX_LITELLM_OP_CHAT, &large), NGX_DECLINED);

    ngx_litellm_cache_known_free(known);
}


void
unit_main(void)
{
    test_same();
    test_opened();
    test_seen();
    test_names();
    test_bounds();
}
