
/*
 * Lookup in the table of models (ngx_litellm_models_table.h, made by
 * ngx_litellm_models.pl).  Used at configuration time, for every name of a
 * wildcard group, and by the dialects; nothing is allocated.
 *
 * The table is sorted bytewise by name, then by provider.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_models.h"
#include "ngx_litellm_models_table.h"


#define NGX_LITELLM_MODELS                                                    \
    (sizeof(ngx_litellm_models) / sizeof(ngx_litellm_models[0]))


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


static const ngx_litellm_model_t *ngx_litellm_model_exact(ngx_str_t *provider,
    u_char *name, size_t len);
static ngx_int_t ngx_litellm_model_cmp(const char *entry, u_char *name,
    size_t len);


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


static const ngx_litellm_model_t *
ngx_litellm_model_exact(ngx_str_t *provider, u_char *name, size_t len)
{
    ngx_int_t                   rc;
    ngx_uint_t                  lo, hi, mid;
    const ngx_litellm_model_t  *model;

    lo = 0;
    hi = NGX_LITELLM_MODELS;

    while (lo < hi) {
        mid = lo + (hi - lo) / 2;

        if (ngx_litellm_model_cmp(ngx_litellm_models[mid].name, name, len)
            < 0)
        {
            lo = mid + 1;

        } else {
            hi = mid;
        }
    }

    for ( /* void */ ; lo < NGX_LITELLM_MODELS; lo++) {
        model = &ngx_litellm_models[lo];

        if (ngx_litellm_model_cmp(model->name, name, len) != 0) {
            return NULL;
        }

        if (provider->len == 0) {
            if (model->flags & NGX_LITELLM_M_BARE) {
                return model;
            }

            continue;
        }

        rc = ngx_litellm_model_cmp(model->provider, provider->data,
                                   provider->len);
        if (rc == 0) {
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


/* bytewise, like the order of the table; name may hold anything */

static ngx_int_t
ngx_litellm_model_cmp(const char *entry, u_char *name, size_t len)
{
    u_char  c;
    size_t  i;

    for (i = 0; i < len; i++) {
        c = (u_char) entry[i];

        if (c == '\0' || c < name[i]) {
            return -1;
        }

        if (c > name[i]) {
            return 1;
        }
    }

    return entry[len] ? 1 : 0;
}
