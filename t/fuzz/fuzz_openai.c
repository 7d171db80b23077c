
/*
 * The OpenAI dialect on any bytes: requests (open, request), answers and
 * errors, events of a stream.  The first two bytes say what the rest is and
 * how the deployment is set.
 *
 * A body that was taken must come out as JSON for the provider's model,
 * without members that are the gateway's, without a parameter twice, and the
 * same each time.  An error's message must not hold the key.
 */

#include "fuzz.h"

#include "ngx_litellm_openai.h"


#define FUZZ_KEY  "sk-fuzz-key"


typedef struct {
    ngx_litellm_provider_t      provider;
    ngx_litellm_deployment_t    deployment;
    ngx_litellm_config_t        config;
    ngx_litellm_call_t          call;
} fuzz_call_t;


static void
fuzz_set(ngx_pool_t *pool, fuzz_call_t *c, const uint8_t *how)
{
    ngx_str_t               *s;
    ngx_uint_t               i;
    ngx_litellm_json_t      *v;
    ngx_litellm_default_t   *d;

    static const char  *models[] = { "gpt-4o", "o4-mini", "gpt-5", "heron" };

    static const struct {
        const char  *key;
        const char  *value;
        ngx_int_t    param;
    } defaults[] = {
        { "max_tokens", "7", NGX_LITELLM_P_MAX_TOKENS },
        { "temperature", "0.5", NGX_LITELLM_P_TEMPERATURE },
        { "x", "{\"y\":1}", -1 }
    };

    static const char  *drop[] = { "seed", "x", "messages[*].name", "a.b" };

    ngx_memzero(c, sizeof(fuzz_call_t));

    ngx_str_set(&c->provider.name, "openai");
    ngx_str_set(&c->provider.exception, "OpenAIException");
    c->provider.dialect = &ngx_litellm_openai_dialect;

    c->deployment.provider = &c->provider;
    c->deployment.model.data = (u_char *) models[how[1] & 3];
    c->deployment.model.len = ngx_strlen(models[how[1] & 3]);
    c->deployment.info = ngx_litellm_model_find(&c->provider.name,
                                                &c->deployment.model);
    ngx_str_set(&c->deployment.api_key, FUZZ_KEY);

    c->call.pool = pool;
    c->call.log = &fuzz_log;
    c->call.op = ((how[0] >> 2) & 3) % 3;
    c->call.config = &c->config;
    c->call.deployment = &c->deployment;
    c->call.provider_model = c->deployment.model;
    c->call.drop_params = (how[1] >> 2) & 1;
    c->call.ask_usage = (how[1] >> 3) & 1;
    c->config.allow_mock_testing = (how[1] >> 4) & 1;

    if (how[1] & 0x20) {
        c->deployment.defaults = ngx_array_create(pool, 3,
                                              sizeof(ngx_litellm_default_t));

        for (i = 0; i < 3; i++) {
            v = ngx_pcalloc(pool, sizeof(ngx_litellm_json_t));
            v->start = (u_char *) defaults[i].value;
            v->len = ngx_strlen(defaults[i].value);
            v->type = i < 2 ? NGX_LITELLM_JSON_NUMBER
                            : NGX_LITELLM_JSON_OBJECT;

            d = ngx_array_push(c->deployment.defaults);
            d->key.data = (u_char *) defaults[i].key;
            d->key.len = ngx_strlen(defaults[i].key);
            d->value = v;
            d->param = defaults[i].param;
        }
    }

    if (how[1] & 0x40) {
        c->deployment.drop = ngx_array_create(pool, 4, sizeof(ngx_str_t));

        for (i = 0; i < 4; i++) {
            s = ngx_array_push(c->deployment.drop);
            s->data = (u_char *) drop[i];
            s->len = ngx_strlen(drop[i]);
        }
    }
}


static void
fuzz_body(fuzz_call_t *c, ngx_str_t *body)
{
    uint64_t                    seen;
    ngx_str_t                   text, name;
    ngx_uint_t                  i;
    ngx_litellm_json_t         *key, *model;
    ngx_litellm_json_doc_t      doc;
    const ngx_litellm_param_t  *p;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = c->call.pool;

    FUZZ_ASSERT(ngx_litellm_json_parse(&doc, body->data, body->len)
                == NGX_OK);
    FUZZ_ASSERT(doc.root->type == NGX_LITELLM_JSON_OBJECT);

    model = ngx_litellm_json_member(doc.root, "model");

    FUZZ_ASSERT(model != NULL);
    FUZZ_ASSERT(ngx_litellm_json_equal(model,
                                       (char *) c->call.provider_model.data,
                                       c->call.provider_model.len));

    key = doc.root + 1;
    seen = 0;

    for (i = 0; i < doc.root->count; i++) {
        text = ngx_litellm_json_text(key);

        FUZZ_ASSERT(ngx_litellm_json_unescape(c->call.pool, &name, &text)
                    == NGX_OK);

        p = ngx_litellm_param_find(name.data, name.len);

        if (p != NULL) {
            FUZZ_ASSERT(p->kind == NGX_LITELLM_PARAM_OPENAI
                        || p->kind == NGX_LITELLM_PARAM_BODY);

            if (p->kind == NGX_LITELLM_PARAM_OPENAI) {
                FUZZ_ASSERT(!(seen & ((uint64_t) 1 << p->id)));
                seen |= (uint64_t) 1 << p->id;
            }
        }

        key = ngx_litellm_json_next(ngx_litellm_json_next(key));
    }
}


static void
fuzz_request(fuzz_call_t *c, ngx_str_t *body)
{
    ngx_int_t             rc;
    ngx_str_t             first, second;
    ngx_litellm_wire_t    wire;
    ngx_litellm_error_t   e;

    ngx_memzero(&e, sizeof(ngx_litellm_error_t));

    c->call.body = *body;

    rc = ngx_litellm_openai_open(&c->call, &e);

    FUZZ_ASSERT(rc == NGX_OK || rc == NGX_DECLINED);

    if (rc == NGX_DECLINED) {
        FUZZ_ASSERT(e.class != NGX_LITELLM_NO_ERROR && e.status >= 400
                    && e.message.len);
        return;
    }

    ngx_memzero(&wire, sizeof(ngx_litellm_wire_t));
    ngx_litellm_out_init(&wire.body, c->call.pool);

    rc = ngx_litellm_openai_dialect.request(&c->call, &wire, &e);

    FUZZ_ASSERT(rc == NGX_OK || rc == NGX_DECLINED);

    if (rc == NGX_DECLINED) {
        FUZZ_ASSERT(e.class != NGX_LITELLM_NO_ERROR && e.status >= 400
                    && e.message.len);
        return;
    }

    FUZZ_ASSERT(ngx_litellm_out_join(&wire.body, &first) == NGX_OK);
    FUZZ_ASSERT((off_t) first.len == wire.body.size);
    FUZZ_ASSERT(!wire.hide_usage || (c->call.stream
                                     && !c->call.include_usage));

    fuzz_body(c, &first);

    ngx_memzero(&wire, sizeof(ngx_litellm_wire_t));
    ngx_litellm_out_init(&wire.body, c->call.pool);

    FUZZ_ASSERT(ngx_litellm_openai_dialect.request(&c->call, &wire, &e)
                == NGX_OK);
    FUZZ_ASSERT(ngx_litellm_out_join(&wire.body, &second) == NGX_OK);
    FUZZ_ASSERT(first.len == second.len
                && ngx_memcmp(first.data, second.data, first.len) == 0);
}


static void
fuzz_error(ngx_litellm_error_t *e)
{
    FUZZ_ASSERT(e->class != NGX_LITELLM_NO_ERROR);
    FUZZ_ASSERT(e->status >= 400 && e->status < 600);
    FUZZ_ASSERT(e->message.len && e->message.len < 8192);
    FUZZ_ASSERT(ngx_litellm_find(e->message.data,
                                 e->message.data + e->message.len, FUZZ_KEY,
                                 sizeof(FUZZ_KEY) - 1)
                == NULL);
}


static void
fuzz_answer(fuzz_call_t *c, ngx_str_t *body)
{
    ngx_int_t             rc;
    ngx_litellm_error_t   e;
    ngx_litellm_facts_t   facts;

    ngx_memzero(&facts, sizeof(ngx_litellm_facts_t));
    ngx_litellm_usage_init(&facts.usage);

    rc = ngx_litellm_openai_dialect.tap(&c->call, body, &facts);

    FUZZ_ASSERT(rc == NGX_OK || rc == NGX_DECLINED);

    if (rc == NGX_DECLINED) {
        fuzz_error(&facts.error);
    }

    ngx_memzero(&e, sizeof(ngx_litellm_error_t));
    ngx_litellm_openai_dialect.error(&c->call, 400 + body->len % 200, body,
                                     &e);
    fuzz_error(&e);
}


/* each line is an event */

static void
fuzz_events(fuzz_call_t *c, const uint8_t *data, size_t size)
{
    size_t                   n;
    ngx_int_t                rc;
    ngx_str_t                line;
    ngx_uint_t               content;
    ngx_litellm_facts_t      facts;
    ngx_litellm_json_doc_t   doc;

    ngx_memzero(&facts, sizeof(ngx_litellm_facts_t));
    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    ngx_litellm_usage_init(&facts.usage);

    doc.pool = c->call.pool;

    while (size) {

        for (n = 0; n < size && data[n] != LF; n++) { /* void */ }

        line = fuzz_copy(c->call.pool, data, n);
        content = facts.content;

        rc = ngx_litellm_openai_dialect.tap_event(&c->call, &doc, &line,
                                                  &facts);

        FUZZ_ASSERT(rc == NGX_OK || rc == NGX_DECLINED);
        FUZZ_ASSERT(facts.content >= content);

        ngx_memset(line.data, '"', line.len);

        if (facts.failed) {
            fuzz_error(&facts.error);
            return;
        }

        n = ngx_min(n + 1, size);
        data += n;
        size -= n;
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t     body;
    ngx_pool_t   *pool;
    fuzz_call_t   c;

    if (size < 2) {
        return 0;
    }

    pool = fuzz_pool();

    fuzz_set(pool, &c, data);

    switch (data[0] & 3) {

    case 2:
        body = fuzz_copy(pool, data + 2, size - 2);
        fuzz_answer(&c, &body);
        break;

    case 3:
        fuzz_events(&c, data + 2, size - 2);
        break;

    default:
        body = fuzz_copy(pool, data + 2, size - 2);
        fuzz_request(&c, &body);
    }

    ngx_destroy_pool(pool);

    return 0;
}
