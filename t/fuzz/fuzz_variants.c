
/*
 * Variants of the OpenAI dialect (Azure, Mistral, Groq, DeepSeek) on any
 * bytes: requests, answers, errors, events of a stream.  The first two bytes
 * say which provider, what the rest is, and what the client asked for.
 *
 * What comes out is JSON, the same each time; an event that was changed is one
 * line of JSON, or several with whole events between; an error has no key.
 */

#include "fuzz.h"

#include "ngx_litellm_azure.h"
#include "ngx_litellm_openai.h"


#define FUZZ_KEY  "key-fuzz-0123"


typedef struct {
    ngx_litellm_deployment_t   deployment;
    ngx_litellm_config_t       config;
    ngx_litellm_call_t         call;
} fuzz_call_t;


static const char  fuzz_schema[] =
    "{\"model\":\"m\",\"messages\":[],\"stream\":true,\"stream_options\":"
    "{\"include_usage\":true},\"response_format\":{\"type\":\"json_schema\"}}";


static ngx_int_t
fuzz_env(void *data, ngx_str_t *name, ngx_str_t *value)
{
    return NGX_DECLINED;
}


static void
fuzz_set(ngx_pool_t *pool, fuzz_call_t *c, const uint8_t *how)
{
    const char                *error;
    ngx_str_t                  why;
    ngx_litellm_config_env_t   env;

    static struct {
        const char  *model;
        const char  *base;
        const char  *version;
    } rows[] = {
        { "azure/tide", "https://a.openai.azure.com", "2024-10-21" },
        { "azure/gpt-35-turbo", "https://a.openai.azure.com/openai",
          "2023-05-15" },
        { "azure/o_series/x", "https://a.openai.azure.com/openai/v1", "v1" },
        { "azure_ai/Phi-4", "https://a.services.ai.azure.com", "" },
        { "mistral/mistral-large-latest", "", "" },
        { "mistral/magistral-medium-2509", "", "" },
        { "groq/heron", "", "" },
        { "deepseek/deepseek-chat", "", "" }
    };

    ngx_memzero(c, sizeof(fuzz_call_t));
    ngx_memzero(&env, sizeof(ngx_litellm_config_env_t));

    env.env = fuzz_env;

#define fuzz_text(s, text)                                                    \
    (s).data = (u_char *) text;                                               \
    (s).len = ngx_strlen(text)

    fuzz_text(c->deployment.full_model, rows[how[0] & 7].model);
    fuzz_text(c->deployment.api_base, rows[how[0] & 7].base);
    fuzz_text(c->deployment.api_version, rows[how[0] & 7].version);
    ngx_str_set(&c->deployment.api_key, FUZZ_KEY);

    FUZZ_ASSERT(ngx_litellm_provider_detect(&env, pool, &c->deployment, &why)
                == NGX_OK);
    FUZZ_ASSERT(ngx_litellm_url_parse(pool, &c->deployment.api_base,
                                      &c->deployment.url, &error)
                == NGX_OK);

    c->call.pool = pool;
    c->call.log = &fuzz_log;
    c->call.op = ((how[1] >> 2) & 3) % 3;
    c->call.config = &c->config;
    c->call.deployment = &c->deployment;
    c->call.provider_model = c->deployment.model;
    c->call.drop_params = (how[1] >> 4) & 1;
    c->call.ask_usage = (how[1] >> 5) & 1;
}


static void
fuzz_json(ngx_pool_t *pool, u_char *p, size_t len)
{
    ngx_litellm_json_doc_t  doc;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = pool;

    FUZZ_ASSERT(ngx_litellm_json_parse(&doc, p, len) == NGX_OK);
    FUZZ_ASSERT(doc.root->type == NGX_LITELLM_JSON_OBJECT);
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

    if (e->specific.len) {
        FUZZ_ASSERT(ngx_litellm_find(e->specific.data,
                                     e->specific.data + e->specific.len,
                                     FUZZ_KEY, sizeof(FUZZ_KEY) - 1)
                    == NULL);
        FUZZ_ASSERT(memchr(e->specific.data, LF, e->specific.len) == NULL);
    }
}


static void
fuzz_request(fuzz_call_t *c, ngx_str_t *body)
{
    ngx_int_t             rc;
    ngx_str_t             out[2];
    ngx_uint_t            i;
    ngx_litellm_wire_t    wire;
    ngx_litellm_error_t   e;

    ngx_memzero(&e, sizeof(ngx_litellm_error_t));

    c->call.body = *body;

    if (ngx_litellm_openai_open(&c->call, &e) != NGX_OK) {
        return;
    }

    for (i = 0; i < 2; i++) {
        ngx_memzero(&wire, sizeof(ngx_litellm_wire_t));
        ngx_litellm_out_init(&wire.body, c->call.pool);

        rc = ngx_litellm_openai_dialect.request(&c->call, &wire, &e);

        FUZZ_ASSERT(rc == NGX_OK || rc == NGX_DECLINED);

        if (rc == NGX_DECLINED) {
            fuzz_error(&e);
            return;
        }

        FUZZ_ASSERT(ngx_litellm_out_join(&wire.body, &out[i]) == NGX_OK);
        FUZZ_ASSERT(wire.path.len && wire.path.data[0] == '/');

        fuzz_json(c->call.pool, out[i].data, out[i].len);
    }

    FUZZ_ASSERT(out[0].len == out[1].len
                && ngx_memcmp(out[0].data, out[1].data, out[0].len) == 0);
}


static void
fuzz_answer(fuzz_call_t *c, ngx_str_t *body)
{
    ngx_int_t             rc;
    ngx_litellm_error_t   e;
    ngx_litellm_facts_t   facts;

    ngx_memzero(&facts, sizeof(ngx_litellm_facts_t));

    rc = ngx_litellm_openai_dialect.tap(&c->call, body, &facts);

    FUZZ_ASSERT(rc == NGX_OK || rc == NGX_DECLINED);

    if (rc == NGX_DECLINED) {
        fuzz_error(&facts.error);

    } else if (facts.data.data != NULL) {
        fuzz_json(c->call.pool, facts.data.data, facts.data.len);
    }

    ngx_memzero(&e, sizeof(ngx_litellm_error_t));
    ngx_litellm_openai_dialect.error(&c->call, 400 + body->len % 200, body,
                                     &e);
    fuzz_error(&e);
}


/* an event, or whole ones behind one another */

static void
fuzz_lines(ngx_pool_t *pool, ngx_str_t *data)
{
    u_char  *p, *last, *end;

    p = data->data;
    last = p + data->len;

    for ( ;; ) {
        end = ngx_litellm_find(p, last, "\n\ndata: ", 8);

        FUZZ_ASSERT(memchr(p, LF, (end ? end : last) - p) == NULL);
        FUZZ_ASSERT(memchr(p, CR, (end ? end : last) - p) == NULL);

        fuzz_json(pool, p, (end ? end : last) - p);

        if (end == NULL) {
            return;
        }

        p = end + 8;
    }
}


/* a NUL ends an event, so that they may have lines */

static void
fuzz_events(fuzz_call_t *c, const uint8_t *data, size_t size)
{
    size_t                   n;
    ngx_int_t                rc;
    ngx_str_t                line;
    ngx_litellm_facts_t      facts;
    ngx_litellm_json_doc_t   doc;

    ngx_memzero(&facts, sizeof(ngx_litellm_facts_t));
    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = c->call.pool;

    while (size) {

        for (n = 0; n < size && data[n] != '\0'; n++) { /* void */ }

        line = fuzz_copy(c->call.pool, data, n);

        rc = ngx_litellm_openai_dialect.tap_event(&c->call, &doc, &line,
                                                  &facts);

        FUZZ_ASSERT(rc == NGX_OK || rc == NGX_DECLINED);

        if (facts.failed) {
            fuzz_error(&facts.error);
            return;
        }

        if (rc == NGX_OK && facts.data.data != NULL) {
            fuzz_lines(c->call.pool, &facts.data);
        }

        n = ngx_min(n + 1, size);
        data += n;
        size -= n;
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t             body;
    ngx_pool_t           *pool;
    fuzz_call_t           c;
    ngx_litellm_error_t   e;

    if (size < 2) {
        return 0;
    }

    pool = fuzz_pool();

    fuzz_set(pool, &c, data);

    if (data[1] & 0x40) {
        c.call.op = NGX_LITELLM_OP_CHAT;
        ngx_str_set(&c.call.body, fuzz_schema);
        (void) ngx_litellm_openai_open(&c.call, &e);
    }

    switch (data[1] & 3) {

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
