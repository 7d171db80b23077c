
/*
 * Variants of the OpenAI dialect (Azure, Mistral, Groq, DeepSeek), made as the
 * configuration makes them, on any bytes: requests, answers, errors, events of
 * a stream (a NUL ends each, so that they may have lines).  See fuzz_dialect.h
 * and fuzz_tap.h for what must hold.
 *
 * The first two bytes say which provider, what the rest is, and what the
 * client asked for.
 */

#include "fuzz_tap.h"


static const char  fuzz_text[] =
    "{\"model\":\"m\",\"messages\":[],\"prompt\":\"\",\"input\":\"\"}";

static const char  fuzz_schema[] =
    "{\"model\":\"m\",\"messages\":[],\"stream\":true,\"stream_options\":"
    "{\"include_usage\":true},\"response_format\":{\"type\":\"json_schema\"}}";


static ngx_int_t
fuzz_env(void *data, ngx_str_t *name, ngx_str_t *value)
{
    return NGX_DECLINED;
}


static void
fuzz_set(fuzz_call_t *f, ngx_pool_t *pool, const uint8_t *how,
    ngx_str_t *body)
{
    const char                *error;
    ngx_str_t                  why;
    ngx_litellm_op_e           op;
    ngx_litellm_config_env_t   env;

    static struct {
        const char  *provider;
        const char  *model;
        const char  *base;
        const char  *version;
    } rows[] = {
        { "azure", "tide", "https://a.openai.azure.com", "2024-10-21" },
        { "azure", "gpt-35-turbo", "https://a.openai.azure.com/openai",
          "2023-05-15" },
        { "azure", "o_series/x", "https://a.openai.azure.com/openai/v1",
          "v1" },
        { "azure_ai", "Phi-4", "https://a.services.ai.azure.com", "" },
        { "mistral", "mistral-large-latest", "", "" },
        { "mistral", "magistral-medium-2509", "", "" },
        { "groq", "heron", "", "" },
        { "deepseek", "deepseek-chat", "", "" }
    };

    op = (how[1] & 0x40) ? NGX_LITELLM_OP_CHAT : ((how[1] >> 2) & 3) % 3;

    fuzz_call(f, pool, rows[how[0] & 7].provider, rows[how[0] & 7].model, op,
              body);

    ngx_memzero(&env, sizeof(ngx_litellm_config_env_t));

    env.env = fuzz_env;

#define fuzz_set_text(s, text)                                                \
    (s).data = (u_char *) text;                                               \
    (s).len = ngx_strlen(text)

    fuzz_set_text(f->deployment.custom_provider, rows[how[0] & 7].provider);
    fuzz_set_text(f->deployment.full_model, rows[how[0] & 7].model);
    fuzz_set_text(f->deployment.api_base, rows[how[0] & 7].base);
    fuzz_set_text(f->deployment.api_version, rows[how[0] & 7].version);

    FUZZ_ASSERT(ngx_litellm_provider_detect(&env, pool, &f->deployment, &why)
                == NGX_OK);
    FUZZ_ASSERT(ngx_litellm_url_parse(pool, &f->deployment.api_base,
                                      &f->deployment.url, &error)
                == NGX_OK);

    f->call.provider_model = f->deployment.model;
    f->call.drop_params = (how[1] >> 4) & 1;
    f->call.ask_usage = (how[1] >> 5) & 1;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t            input, body;
    ngx_pool_t          *pool;
    fuzz_call_t          f;
    ngx_litellm_wire_t   wire;

    if (size < 2) {
        return 0;
    }

    pool = fuzz_pool();

    input = fuzz_copy(pool, data + 2, size - 2);
    body = fuzz_body(data[1] & 2, &input,
                     (data[1] & 0x40) ? fuzz_schema : fuzz_text);

    fuzz_set(&f, pool, data, &body);

    if (!fuzz_open(&f, pool)) {
        ngx_destroy_pool(pool);
        return 0;
    }

    switch (data[1] & 3) {

    case 2:
        fuzz_tap(&f, pool, &input);
        fuzz_error(&f, pool, 400 + input.len % 200, &input);
        break;

    case 3:
        fuzz_tap_stream(&f, pool, &input, '\0');
        break;

    default:
        (void) fuzz_request(&f, pool, &wire, NULL);
    }

    ngx_destroy_pool(pool);

    return 0;
}
