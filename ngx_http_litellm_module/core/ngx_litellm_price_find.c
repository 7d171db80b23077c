
/*
 * Prices by name: the table (ngx_litellm_prices_table.h, made by
 * ngx_litellm_prices.pl) and the names under which LiteLLM looks a model up.
 * Called while the configuration is read, and for names that a wildcard let
 * through; nothing is allocated.
 *
 * The table has no pointers, so that it costs nothing when the module is
 * loaded; it is sorted bytewise by name, then by provider.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_index.h"
#include "ngx_litellm_price_rates.h"
#include "ngx_litellm_prices_table.h"


#define NGX_LITELLM_PRICE_MODELS                                              \
    (sizeof(ngx_litellm_price_models) / sizeof(ngx_litellm_price_models[0]))

#define NGX_LITELLM_PRICE_SLOTS  8192

/* of a name of Bedrock: what stands before its slashes is looked behind */
#define NGX_LITELLM_PRICE_PARTS  8


typedef const ngx_litellm_price_t *(*ngx_litellm_price_row_pt)(
    ngx_litellm_prices_t *prices, ngx_str_t *provider, ngx_str_t *name);


typedef struct {
    ngx_litellm_price_t  price;
    ngx_litellm_rate_t   rate[2];
} ngx_litellm_price_nothing_t;


static const ngx_litellm_price_t *ngx_litellm_price_names(
    ngx_litellm_price_row_pt row, ngx_litellm_prices_t *prices,
    ngx_str_t *provider, ngx_str_t *model);
static const ngx_litellm_price_t *ngx_litellm_price_bedrock(
    ngx_litellm_price_row_pt row, ngx_litellm_prices_t *prices,
    ngx_str_t *provider, ngx_str_t *model);
static const ngx_litellm_price_t *ngx_litellm_price_google(
    ngx_litellm_price_row_pt row, ngx_litellm_prices_t *prices,
    ngx_str_t *provider, ngx_str_t *model);
static const ngx_litellm_price_t *ngx_litellm_price_packed_row(
    ngx_litellm_prices_t *prices, ngx_str_t *provider, ngx_str_t *name);
static const char *ngx_litellm_price_row_name(ngx_uint_t row);
static ngx_uint_t ngx_litellm_price_same(const char *entry, ngx_str_t *name);


ngx_litellm_index_fits(NGX_LITELLM_PRICE_MODELS, NGX_LITELLM_PRICE_SLOTS);

static uint16_t  ngx_litellm_price_slots[NGX_LITELLM_PRICE_SLOTS];

static ngx_litellm_index_t  ngx_litellm_price_index = {
    ngx_litellm_price_row_name,
    NGX_LITELLM_PRICE_MODELS,
    ngx_litellm_price_slots,
    NGX_LITELLM_PRICE_SLOTS,
    0
};


/* models on one's own machine, as LiteLLM has them: two rates of 0 */

static const ngx_litellm_price_nothing_t  ngx_litellm_price_nothing = {
    { 0, 2, 1, 0 },
    { { 0, 0, NGX_LITELLM_RATE_IN, 0, 0 },
      { 0, 0, NGX_LITELLM_RATE_OUT, 0, 0 } }
};


#define ngx_litellm_price_is(s, lit)                                          \
    ((s)->len == sizeof(lit) - 1                                              \
     && ngx_memcmp((s)->data, lit, sizeof(lit) - 1) == 0)

#define ngx_litellm_price_begins(s, lit)                                      \
    ((s)->len > sizeof(lit) - 1                                               \
     && ngx_memcmp((s)->data, lit, sizeof(lit) - 1) == 0)


const ngx_litellm_price_t *
ngx_litellm_price_find(ngx_litellm_prices_t *prices, ngx_str_t *provider,
    ngx_str_t *model)
{
    ngx_str_t                   name;
    const ngx_litellm_price_t  *price;

    name = *provider;

    ngx_litellm_price_provider(&name);

    if (ngx_litellm_price_is(&name, "ollama_chat")) {
        name.len = sizeof("ollama") - 1;

    } else if (ngx_litellm_price_is(&name, "ai21_chat")) {
        name.len = sizeof("ai21") - 1;

    } else if (ngx_litellm_price_is(&name, "azure_text")) {
        name.len = sizeof("azure") - 1;

    } else if (ngx_litellm_price_is(&name, "vertex_ai_beta")) {
        name.len = sizeof("vertex_ai") - 1;
    }

    if (prices != NULL) {
        price = ngx_litellm_price_names(ngx_litellm_prices_row, prices, &name,
                                        model);
        if (price != NULL) {
            return price;
        }
    }

    price = ngx_litellm_price_names(ngx_litellm_price_packed_row, NULL, &name,
                                    model);
    if (price != NULL) {
        return price;
    }

    if (ngx_litellm_price_is(&name, "ollama")) {
        return &ngx_litellm_price_nothing.price;
    }

    return NULL;
}


/* the name itself, then what LiteLLM makes of it */

static const ngx_litellm_price_t *
ngx_litellm_price_names(ngx_litellm_price_row_pt row,
    ngx_litellm_prices_t *prices, ngx_str_t *provider, ngx_str_t *model)
{
    u_char                     *p;
    ngx_str_t                   name;
    const ngx_litellm_price_t  *price;

    price = row(prices, provider, model);

    if (price != NULL) {
        return price;
    }

    if (ngx_litellm_price_is(provider, "bedrock")) {
        return ngx_litellm_price_bedrock(row, prices, provider, model);
    }

    if (ngx_litellm_price_is(provider, "vertex_ai")
        || ngx_litellm_price_is(provider, "gemini"))
    {
        return ngx_litellm_price_google(row, prices, provider, model);
    }

    /* "ft:gpt-4o-2024-08-06:org::id": what is tuned has a price of its own */

    if (ngx_litellm_price_begins(model, "ft:")) {
        p = ngx_strlchr(model->data + 3, model->data + model->len, ':');

        if (p != NULL) {
            name.data = model->data;
            name.len = p - model->data;

            return row(prices, provider, &name);
        }
    }

    return NULL;
}


/* "converse/us.anthropic.claude-...", "us-west-2/anthropic.claude-..." */

static const ngx_litellm_price_t *
ngx_litellm_price_bedrock(ngx_litellm_price_row_pt row,
    ngx_litellm_prices_t *prices, ngx_str_t *provider, ngx_str_t *model)
{
    u_char                     *p, *last;
    ngx_str_t                   name;
    ngx_uint_t                  i, parts;
    const ngx_litellm_price_t  *price;

    static const ngx_str_t  areas[] = {
        ngx_string("us."), ngx_string("eu."), ngx_string("apac."),
        ngx_string("ap."), ngx_string("jp."), ngx_string("au."),
        ngx_string("ca."), ngx_string("sa."), ngx_string("me."),
        ngx_string("af."), ngx_string("us-gov."), ngx_string("global.")
    };

    name = *model;
    last = name.data + name.len;

    for (parts = 0; parts < NGX_LITELLM_PRICE_PARTS; parts++) {

        for (i = 0; i < sizeof(areas) / sizeof(areas[0]); i++) {

            if (name.len > areas[i].len
                && ngx_memcmp(name.data, areas[i].data, areas[i].len) == 0)
            {
                name.data += areas[i].len;
                name.len -= areas[i].len;

                price = row(prices, provider, &name);

                if (price != NULL) {
                    return price;
                }

                break;
            }
        }

        p = ngx_strlchr(name.data, last, '/');

        if (p == NULL) {
            return NULL;
        }

        name.data = p + 1;
        name.len = last - name.data;

        price = row(prices, provider, &name);

        if (price != NULL) {
            return price;
        }
    }

    return NULL;
}


/* "gemini-2.0-flash-001", "claude-sonnet-4@20250514" */

static const ngx_litellm_price_t *
ngx_litellm_price_google(ngx_litellm_price_row_pt row,
    ngx_litellm_prices_t *prices, ngx_str_t *provider, ngx_str_t *model)
{
    u_char                     *p, *last;
    size_t                      n;
    ngx_str_t                   name;
    const ngx_litellm_price_t  *price;

    name = *model;
    last = name.data + name.len;

    for (n = 0; n < name.len && n < 3; n++) {
        if (last[-1 - (ssize_t) n] < '0' || last[-1 - (ssize_t) n] > '9') {
            break;
        }
    }

    if (n == 3 && name.len > 4 && last[-4] == '-') {
        name.len -= 4;

        price = row(prices, provider, &name);

        if (price != NULL) {
            return price;
        }
    }

    p = ngx_strlchr(model->data, last, '@');

    if (p == NULL) {
        return NULL;
    }

    name.len = p - name.data;

    return row(prices, provider, &name);
}


static const ngx_litellm_price_t *
ngx_litellm_price_packed_row(ngx_litellm_prices_t *prices,
    ngx_str_t *provider, ngx_str_t *name)
{
    ngx_uint_t                        i, first;
    const ngx_litellm_price_model_t  *m;

    first = ngx_litellm_index_find(&ngx_litellm_price_index, name->data,
                                   name->len);

    for (i = first; i < NGX_LITELLM_PRICE_MODELS; i++) {
        m = &ngx_litellm_price_models[i];

        if (i != first
            && !ngx_litellm_price_same(ngx_litellm_price_row_name(i), name))
        {
            return NULL;
        }

        if (ngx_litellm_price_same(ngx_litellm_price_providers_text
                                   + ngx_litellm_price_providers[m->provider],
                                   provider))
        {
            return &ngx_litellm_price_sets[m->set];
        }
    }

    return NULL;
}


static const char *
ngx_litellm_price_row_name(ngx_uint_t row)
{
    return ngx_litellm_price_names_text + ngx_litellm_price_models[row].name;
}


static ngx_uint_t
ngx_litellm_price_same(const char *entry, ngx_str_t *name)
{
    return ngx_strlen(entry) == name->len
           && ngx_memcmp(entry, name->data, name->len) == 0;
}


void
ngx_litellm_price_rate(const ngx_litellm_price_t *price, ngx_uint_t i,
    ngx_litellm_rate_t *rate)
{
    const ngx_litellm_price_mod_t     *mod;
    const ngx_litellm_price_packed_t  *packed;

    if (price->own) {
        *rate = ((const ngx_litellm_rate_t *) (price + 1))[i];
        return;
    }

    packed = &ngx_litellm_price_packed[price->first + i];
    mod = &ngx_litellm_price_mods[packed->mod];

    rate->value = ngx_litellm_price_values[packed->value];
    rate->above = mod->above;
    rate->what = packed->what;
    rate->tier = mod->tier;
    rate->kind = mod->kind;
}


/* as ngx_litellm_map.pm has it */

void
ngx_litellm_price_provider(ngx_str_t *provider)
{
    if (ngx_litellm_price_begins(provider, "vertex_ai-")) {
        provider->len = sizeof("vertex_ai") - 1;

    } else if (ngx_litellm_price_begins(provider, "fireworks_ai-")) {
        provider->len = sizeof("fireworks_ai") - 1;

    } else if (ngx_litellm_price_is(provider, "text-completion-openai")) {
        ngx_str_set(provider, "openai");

    } else if (ngx_litellm_price_is(provider, "bedrock_converse")) {
        provider->len = sizeof("bedrock") - 1;

    } else if (ngx_litellm_price_is(provider, "cohere_chat")) {
        provider->len = sizeof("cohere") - 1;
    }
}
