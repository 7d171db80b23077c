
/*
 * The OpenAI dialect on any bytes: requests, answers and errors, events of a
 * stream (a line each).  See fuzz_dialect.h and fuzz_tap.h for what must hold;
 * beyond that, a body that was taken comes out for the provider's model,
 * without members that are the gateway's and without a parameter twice.
 *
 * The first two bytes say what the rest is and how the deployment is set.
 */

#include "fuzz_tap.h"


static const char  fuzz_text[] =
    "{\"model\":\"m\",\"messages\":[],\"prompt\":\"\",\"input\":\"\"}";


static void
fuzz_set(fuzz_call_t *f, ngx_pool_t *pool, const uint8_t *how,
    ngx_str_t *body)
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

    fuzz_call(f, pool, "openai", models[how[1] & 3],
              ((how[0] >> 2) & 3) % 3, body);

    f->call.drop_params = (how[1] >> 2) & 1;
    f->call.ask_usage = (how[1] >> 3) & 1;
    f->config.allow_mock_testing = (how[1] >> 4) & 1;

    if (how[1] & 0x20) {
        f->deployment.defaults = ngx_array_create(pool, 3,
                                              sizeof(ngx_litellm_default_t));

        for (i = 0; i < 3; i++) {
            v = ngx_pcalloc(pool, sizeof(ngx_litellm_json_t));
            v->start = (u_char *) defaults[i].value;
            v->len = ngx_strlen(defaults[i].value);
            v->type = i < 2 ? NGX_LITELLM_JSON_NUMBER
                            : NGX_LITELLM_JSON_OBJECT;

            d = ngx_array_push(f->deployment.defaults);
            d->key.data = (u_char *) defaults[i].key;
            d->key.len = ngx_strlen(defaults[i].key);
            d->value = v;
            d->param = defaults[i].param;
        }
    }

    if (how[1] & 0x40) {
        f->deployment.drop = ngx_array_create(pool, 4, sizeof(ngx_str_t));

        for (i = 0; i < 4; i++) {
            s = ngx_array_push(f->deployment.drop);
            s->data = (u_char *) drop[i];
            s->len = ngx_strlen(drop[i]);
        }
    }
}


static void
fuzz_members(fuzz_call_t *f, ngx_pool_t *pool, ngx_litellm_json_t *root)
{
    uint64_t                    seen;
    ngx_str_t                   text, name;
    ngx_uint_t                  i;
    ngx_litellm_json_t         *key, *model;
    const ngx_litellm_param_t  *p;

    model = ngx_litellm_json_member(root, "model");

    FUZZ_ASSERT(model != NULL);
    FUZZ_ASSERT(ngx_litellm_json_equal(model,
                                       (char *) f->call.provider_model.data,
                                       f->call.provider_model.len));

    key = root + 1;
    seen = 0;

    for (i = 0; i < root->count; i++) {
        text = ngx_litellm_json_text(key);

        FUZZ_ASSERT(ngx_litellm_json_unescape(pool, &name, &text) == NGX_OK);

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


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t            input, body;
    ngx_pool_t          *pool;
    fuzz_call_t          f;
    ngx_litellm_json_t  *root;
    ngx_litellm_wire_t   wire;

    if (size < 2) {
        return 0;
    }

    pool = fuzz_pool();

    input = fuzz_copy(pool, data + 2, size - 2);
    body = fuzz_body(data[0] & 2, &input, fuzz_text);

    fuzz_set(&f, pool, data, &body);

    if (!fuzz_open(&f, pool)) {
        ngx_destroy_pool(pool);
        return 0;
    }

    switch (data[0] & 3) {

    case 2:
        fuzz_tap(&f, pool, &input);
        fuzz_error(&f, pool, 400 + input.len % 200, &input);
        break;

    case 3:
        fuzz_tap_stream(&f, pool, &input, LF);
        break;

    default:
        root = fuzz_request(&f, pool, &wire, NULL);

        if (root != NULL) {
            FUZZ_ASSERT(!wire.hide_usage
                        || (f.call.stream && !f.call.include_usage));
            fuzz_members(&f, pool, root);
        }
    }

    ngx_destroy_pool(pool);

    return 0;
}
