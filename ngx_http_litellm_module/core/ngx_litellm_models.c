
/*
 * Lookup in the table of models (ngx_litellm_models_table.h, made by
 * ngx_litellm_models.pl).  Used at configuration time, for every name of a
 * wildcard group, and by the dialects; nothing is allocated.
 *
 * The table is sorted bytewise by name, then by provider.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_index.h"
#include "ngx_litellm_models.h"
#include "ngx_litellm_models_table.h"


#define NGX_LITELLM_MODELS                                                    \
    (sizeof(ngx_litellm_models) / sizeof(ngx_litellm_models[0]))

#define NGX_LITELLM_MODEL_SLOTS  8192


typedef struct {
    ngx_str_t    prefix;
    const char  *provider;
} ngx_litellm_family_t;


static const ngx_litellm_family_t  ngx_litellm_families[] = {
    { ngx_string("claude-"), "anthropic" },
    { ngx_string("gpt-oss"), NULL },          /* open weights: anybody's */
    { ngx_string("gpt-"), "openai" },
    { ngx_string("chatgpt-"), "openai" },
    { ngx_string("codex-"), "openai" },
    { ngx_string("ft:gpt-"), "openai" },
    { ngx_string("ft:o"), "openai" },
    { ngx_string("ft:davinci-"), "openai" },
    { ngx_string("ft:babbage-"), "openai" },
    { ngx_string("o1-"), "openai" },
    { ngx_string("o3-"), "openai" },
    { ngx_string("o4-"), "openai" },
    { ngx_string("text-embedding-3"), "openai" },
    { ngx_string("text-embedding-ada"), "openai" },
    { ngx_string("dall-e-"), "openai" },
    { ngx_string("whisper-"), "openai" },
    { ngx_string("tts-1"), "openai" },
    { ngx_string("omni-moderation-"), "openai" },
    { ngx_null_string, NULL }
};


static const char *ngx_litellm_model_name(ngx_uint_t row);
static const ngx_litellm_model_t *ngx_litellm_model_exact(ngx_str_t *provider,
    u_char *name, size_t len);
static ngx_uint_t ngx_litellm_model_is(const char *entry, u_char *name,
    size_t len);


ngx_litellm_index_fits(NGX_LITELLM_MODELS, NGX_LITELLM_MODEL_SLOTS);

static uint16_t  ngx_litellm_model_slots[NGX_LITELLM_MODEL_SLOTS];

static ngx_litellm_index_t  ngx_litellm_model_index = {
    ngx_litellm_model_name,
    NGX_LITELLM_MODELS,
    ngx_litellm_model_slots,
    NGX_LITELLM_MODEL_SLOTS,
    0
};


const ngx_litellm_model_t *
ngx_litellm_model_find(ngx_str_t *provider, ngx_str_t *name)
{
    u_char                     *p, *last;
    const ngx_litellm_model_t  *model;

    model = ngx_litellm_model_exact(provider, name->data, name->len);

    if (model != NULL || name->len < 4
        || ngx_strncmp(name->data, "ft:", 3) != 0)
    {
        return model;
    }

    last = name->data + name->len;
    p = ngx_strlchr(name->data + 3, last, ':');

    if (p == NULL) {
        p = last;
    }

    /* the map has some base models under "ft:" too, with their own limits */

    model = ngx_litellm_model_exact(provider, name->data, p - name->data);
    if (model != NULL) {
        return model;
    }

    return ngx_litellm_model_exact(provider, name->data + 3,
                                   p - name->data - 3);
}


static const char *
ngx_litellm_model_name(ngx_uint_t row)
{
    return ngx_litellm_models[row].name;
}


static const ngx_litellm_model_t *
ngx_litellm_model_exact(ngx_str_t *provider, u_char *name, size_t len)
{
    ngx_uint_t                  i, first;
    const ngx_litellm_model_t  *model;

    first = ngx_litellm_index_find(&ngx_litellm_model_index, name, len);

    for (i = first; i < NGX_LITELLM_MODELS; i++) {
        model = &ngx_litellm_models[i];

        if (i != first && !ngx_litellm_model_is(model->name, name, len)) {
            return NULL;
        }

        if (provider->len == 0) {
            if (model->flags & NGX_LITELLM_M_BARE) {
                return model;
            }

            continue;
        }

        if (ngx_litellm_model_is(model->provider, provider->data,
                                 provider->len))
        {
            return model;
        }
    }

    return NULL;
}


const char *
ngx_litellm_model_provider(ngx_str_t *name)
{
    ngx_str_t                    any;
    const ngx_litellm_model_t   *model;
    const ngx_litellm_family_t  *f;

    ngx_str_null(&any);

    model = ngx_litellm_model_find(&any, name);
    if (model != NULL) {
        return model->provider;
    }

    for (f = ngx_litellm_families; f->prefix.len; f++) {
        if (name->len >= f->prefix.len
            && ngx_memcmp(name->data, f->prefix.data, f->prefix.len) == 0)
        {
            return f->provider;
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_litellm_model_is(const char *entry, u_char *name, size_t len)
{
    return ngx_strlen(entry) == len && ngx_memcmp(entry, name, len) == 0;
}
