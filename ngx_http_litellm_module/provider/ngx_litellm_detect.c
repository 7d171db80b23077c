
/*
 * Which row of the table a deployment means, and what the file left to the
 * environment.
 *
 * ngx_litellm_provider_detect() is called for each deployment while the
 * configuration is read (ngx_litellm_config_env_t.provider), never later.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_provider.h"


typedef struct {
    ngx_str_t    found;
    ngx_str_t    meant;
} ngx_litellm_provider_hint_t;


/* prefixes that mean a row of another name */
static const ngx_litellm_provider_hint_t  ngx_litellm_provider_aliases[] = {
    { ngx_string("text-completion-openai"), ngx_string("openai") },
    { ngx_null_string, ngx_null_string }
};


/* LiteLLM has them; words with one blank between */
static const char  ngx_litellm_providers_later[] =
    "sagemaker sagemaker_chat "
    "text-completion-codestral watsonx watsonx_text deepgram "
    "elevenlabs triton petals github_copilot chatgpt "
    "text-completion-inception gigachat soniox manus langgraph "
    "snowflake oci sap aleph_alpha nlp_cloud predibase palm bytez "
    "topaz recraft runwayml stability fal_ai black_forest_labs "
    "aws_polly auto_router";


static const ngx_litellm_provider_hint_t  ngx_litellm_provider_hints[] = {
    { ngx_string("google"), ngx_string("gemini") },
    { ngx_string("googleai"), ngx_string("gemini") },
    { ngx_string("google_ai"), ngx_string("gemini") },
    { ngx_string("google-ai"), ngx_string("gemini") },
    { ngx_string("google_ai_studio"), ngx_string("gemini") },
    { ngx_string("vertex"), ngx_string("vertex_ai") },
    { ngx_string("vertexai"), ngx_string("vertex_ai") },
    { ngx_string("together"), ngx_string("together_ai") },
    { ngx_string("togetherai"), ngx_string("together_ai") },
    { ngx_string("nvidia"), ngx_string("nvidia_nim") },
    { ngx_string("nim"), ngx_string("nvidia_nim") },
    { ngx_string("zhipu"), ngx_string("zai") },
    { ngx_string("zhipuai"), ngx_string("zai") },
    { ngx_string("z-ai"), ngx_string("zai") },
    { ngx_string("glm"), ngx_string("zai") },
    { ngx_string("grok"), ngx_string("xai") },
    { ngx_string("x-ai"), ngx_string("xai") },
    { ngx_string("claude"), ngx_string("anthropic") },
    { ngx_string("gpt"), ngx_string("openai") },
    { ngx_string("chat_gpt"), ngx_string("openai") },
    { ngx_string("aws"), ngx_string("bedrock") },
    { ngx_string("amazon"), ngx_string("bedrock") },
    { ngx_string("azure_openai"), ngx_string("azure") },
    { ngx_string("fireworks"), ngx_string("fireworks_ai") },
    { ngx_string("hf"), ngx_string("huggingface") },
    { ngx_string("mistralai"), ngx_string("mistral") },
    { ngx_string("moonshotai"), ngx_string("moonshot") },
    { ngx_string("deepseek-ai"), ngx_string("deepseek") },
    { ngx_string("qwen"), ngx_string("dashscope") },
    { ngx_string("alibaba"), ngx_string("dashscope") },
    { ngx_string("lmstudio"), ngx_string("lm_studio") },
    { ngx_string("lm-studio"), ngx_string("lm_studio") },
    { ngx_string("vllm_hosted"), ngx_string("hosted_vllm") },
    { ngx_string("sglang"), ngx_string("openai") },
    { ngx_string("llamacpp"), ngx_string("openai") },
    { ngx_string("llama.cpp"), ngx_string("openai") },
    { ngx_string("llama_cpp"), ngx_string("openai") },
    { ngx_string("localai"), ngx_string("openai") },
    { ngx_string("local"), ngx_string("openai") },
    { ngx_string("custom"), ngx_string("openai") },
    { ngx_null_string, ngx_null_string }
};


static ngx_int_t ngx_litellm_provider_choose(ngx_litellm_deployment_t *d,
    ngx_str_t *name, ngx_str_t *hint);
static ngx_int_t ngx_litellm_provider_bare(ngx_litellm_deployment_t *d,
    ngx_str_t *name);
static const ngx_litellm_provider_t *ngx_litellm_provider_host(
    ngx_str_t *base);
static void ngx_litellm_provider_nearest(ngx_str_t *name, ngx_str_t *hint);
static ngx_uint_t ngx_litellm_provider_close(ngx_str_t *name,
    const u_char *word, size_t len);
static ngx_uint_t ngx_litellm_provider_later(ngx_str_t *name);
static ngx_int_t ngx_litellm_provider_access(ngx_litellm_config_env_t *env,
    ngx_pool_t *pool, ngx_litellm_deployment_t *d, ngx_str_t *why);


const ngx_litellm_provider_t *
ngx_litellm_provider_find(ngx_str_t *name)
{
    ngx_str_t                           key;
    const ngx_litellm_provider_t       *p;
    const ngx_litellm_provider_hint_t  *a;

    key = *name;

    for (a = ngx_litellm_provider_aliases; a->found.len; a++) {
        if (a->found.len == key.len
            && ngx_memcmp(a->found.data, key.data, key.len) == 0)
        {
            key = a->meant;
            break;
        }
    }

    for (p = ngx_litellm_providers; p->name.len; p++) {
        if (p->name.len == key.len
            && ngx_memcmp(p->name.data, key.data, key.len) == 0)
        {
            return p;
        }
    }

    return NULL;
}


ngx_int_t
ngx_litellm_provider_detect(ngx_litellm_config_env_t *env, ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, ngx_str_t *hint)
{
    ngx_int_t                   rc;
    ngx_str_t                   name;
    ngx_uint_t                  i;
    ngx_litellm_default_t      *def;
    const ngx_litellm_param_t  *param;

    ngx_str_null(hint);
    ngx_str_null(&name);

    rc = ngx_litellm_provider_choose(d, &name, hint);

    if (rc != NGX_OK) {

        if (rc != NGX_ABORT || !d->mock) {
            return rc;
        }

        /* a mock_response is answered here, whoever is imitated */

        d->provider = &ngx_litellm_providers[0];
    }

    if (name.len == sizeof("text-completion-openai") - 1
        && d->mode == NGX_LITELLM_MODE_UNKNOWN)
    {
        d->mode = NGX_LITELLM_MODE_COMPLETION;
    }

    if (d->info == NULL) {
        d->info = ngx_litellm_model_find((ngx_str_t *) &d->provider->name,
                                         &d->model);
    }

    if (d->mode == NGX_LITELLM_MODE_UNKNOWN && d->info != NULL) {
        d->mode = d->info->mode;
    }

    if (d->defaults != NULL) {
        def = d->defaults->elts;

        for (i = 0; i < d->defaults->nelts; i++) {
            param = ngx_litellm_param_find(def[i].key.data, def[i].key.len);

            def[i].param = (param != NULL
                            && param->kind == NGX_LITELLM_PARAM_OPENAI)
                           ? param->id : -1;
        }
    }

    return ngx_litellm_provider_access(env, pool, d, hint);
}


/*
 * LiteLLM's order: custom_llm_provider, the prefix, the host of api_base, the
 * table of models.  Sets d->provider and d->model; *name is the provider's
 * name as it was found.
 */

static ngx_int_t
ngx_litellm_provider_choose(ngx_litellm_deployment_t *d, ngx_str_t *name,
    ngx_str_t *hint)
{
    u_char     *p, *last;
    ngx_int_t   rc;
    ngx_str_t   bare;

    d->model = d->full_model;

    p = d->full_model.data;
    last = p + d->full_model.len;
    p = ngx_strlchr(p, last, '/');

    if (d->custom_provider.len) {
        *name = d->custom_provider;

        /* "model: openai/x" may name it a second time */

        if (p != NULL && (size_t) (p - d->full_model.data) == name->len
            && ngx_memcmp(d->full_model.data, name->data, name->len) == 0)
        {
            d->model.data = p + 1;
            d->model.len = last - p - 1;
        }

    } else if (p != NULL) {
        name->data = d->full_model.data;
        name->len = p - name->data;

        d->model.data = p + 1;
        d->model.len = last - p - 1;
    }

    if (name->len) {
        d->provider = ngx_litellm_provider_find(name);

        if (d->provider != NULL) {
            return NGX_OK;
        }

        if (ngx_litellm_provider_later(name)) {
            *hint = *name;
            return NGX_ABORT;
        }
    }

    /* "org/name" is a whole name for a known host or in the table */

    if (d->custom_provider.len == 0) {
        bare = d->full_model;
        d->model = bare;

        d->provider = ngx_litellm_provider_host(&d->api_base);

        if (d->provider != NULL) {
            return NGX_OK;
        }

        rc = ngx_litellm_provider_bare(d, hint);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    if (name->len) {
        ngx_litellm_provider_nearest(name, hint);
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_litellm_provider_bare(ngx_litellm_deployment_t *d, ngx_str_t *hint)
{
    ngx_str_t    name;
    const char  *provider;

    /*
     * "*" alone is any provider's model by its name, which is not known here:
     * OpenAI's, as of names without a prefix most are.
     */

    if (d->full_model.len == 1 && d->full_model.data[0] == '*') {
        d->provider = &ngx_litellm_providers[0];
        return NGX_OK;
    }

    provider = ngx_litellm_model_provider(&d->full_model);

    if (provider == NULL) {
        return NGX_DECLINED;
    }

    name.data = (u_char *) provider;
    name.len = ngx_strlen(provider);

    d->provider = ngx_litellm_provider_find(&name);

    if (d->provider == NULL) {
        *hint = name;
        return NGX_ABORT;
    }

    return NGX_OK;
}


/* the row whose own address has the host of base */

static const ngx_litellm_provider_t *
ngx_litellm_provider_host(ngx_str_t *base)
{
    size_t                         len;
    u_char                        *start, *p, *last;
    const ngx_litellm_provider_t  *row;

    if (base->len < 9 || ngx_strncasecmp(base->data, (u_char *) "https://", 8)
                         != 0)
    {
        return NULL;
    }

    start = base->data + 8;
    last = base->data + base->len;

    for (p = start; p < last && *p != '/' && *p != ':'; p++) { /* void */ }

    len = p - start;

    for (row = ngx_litellm_providers; row->name.len; row++) {

        if (row->base.len < 8 + len
            || ngx_strncmp(row->base.data, "https://", 8) != 0
            || ngx_strncasecmp(row->base.data + 8, start, len) != 0)
        {
            continue;
        }

        if (row->base.len == 8 + len || row->base.data[8 + len] == '/') {
            return row;
        }
    }

    return NULL;
}


static void
ngx_litellm_provider_nearest(ngx_str_t *name, ngx_str_t *hint)
{
    const char                         *p, *end;
    const ngx_litellm_provider_t       *row;
    const ngx_litellm_provider_hint_t  *h;

    for (h = ngx_litellm_provider_hints; h->found.len; h++) {
        if (h->found.len == name->len
            && ngx_strncasecmp(h->found.data, name->data, name->len) == 0)
        {
            *hint = h->meant;
            return;
        }
    }

    for (row = ngx_litellm_providers; row->name.len; row++) {
        if (ngx_litellm_provider_close(name, row->name.data, row->name.len)) {
            *hint = row->name;
            return;
        }
    }

    for (p = ngx_litellm_providers_later; *p; p = *end ? end + 1 : end) {

        for (end = p; *end && *end != ' '; end++) { /* void */ }

        if (ngx_litellm_provider_close(name, (u_char *) p, end - p)) {
            hint->data = (u_char *) p;
            hint->len = end - p;
            return;
        }
    }
}


/*
 * The same letters whatever their case and "-", "_" between them, or one
 * letter wrong, missing or too many, or two of them swapped.
 */

static ngx_uint_t
ngx_litellm_provider_close(ngx_str_t *name, const u_char *word, size_t len)
{
    u_char      a, b;
    size_t      i, j;
    ngx_uint_t  wrong;

    if (name->len > 64) {
        return 0;
    }

    i = 0;
    j = 0;
    wrong = 0;

    for ( ;; ) {

        while (i < name->len && (name->data[i] == '-'
                                 || name->data[i] == '_'))
        {
            i++;
        }

        while (j < len && (word[j] == '-' || word[j] == '_')) {
            j++;
        }

        if (i == name->len || j == len) {
            break;
        }

        a = ngx_tolower(name->data[i]);
        b = ngx_tolower(word[j]);

        if (a == b) {
            i++;
            j++;
            continue;
        }

        if (wrong++ || len < 5) {
            return 0;
        }

        if (i + 1 < name->len && j + 1 < len
            && ngx_tolower(name->data[i + 1]) == b
            && ngx_tolower(word[j + 1]) == a)
        {
            i += 2;
            j += 2;

        } else if (i + 1 < name->len && ngx_tolower(name->data[i + 1]) == b) {
            i++;

        } else if (j + 1 < len && ngx_tolower(word[j + 1]) == a) {
            j++;

        } else {
            i++;
            j++;
        }
    }

    wrong += (name->len - i) + (len - j);

    return wrong == 0 || (wrong == 1 && len >= 5);
}


static ngx_uint_t
ngx_litellm_provider_later(ngx_str_t *name)
{
    const char  *p, *end;

    for (p = ngx_litellm_providers_later; *p; p = *end ? end + 1 : end) {

        for (end = p; *end && *end != ' '; end++) { /* void */ }

        if ((size_t) (end - p) == name->len
            && ngx_memcmp(p, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* key, address and organization that the file left to the environment */

static ngx_int_t
ngx_litellm_provider_access(ngx_litellm_config_env_t *env, ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, ngx_str_t *why)
{
    u_char                        *p;
    ngx_int_t                      rc;
    ngx_str_t                      organization;
    ngx_uint_t                     own;
    const ngx_litellm_provider_t  *row;

    row = d->provider;
    own = 0;

    if (d->api_base.len == 0) {
        rc = ngx_litellm_provider_variable(env, pool, &row->bases,
                                           &d->api_base);
        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED) {
            d->api_base = row->base;
            own = 1;
        }
    }

    if (d->mock) {
        return NGX_OK;
    }

    if (d->api_key.len == 0 && !d->no_credentials) {
        rc = ngx_litellm_provider_variable(env, pool, &row->keys,
                                           &d->api_key);
        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        /* a server of one's own may want no key */

        if (rc == NGX_DECLINED && !(row->quirks & NGX_LITELLM_Q_NO_KEY)
            && (own || ngx_litellm_provider_host(&d->api_base) == row))
        {
            d->no_credentials = 1;
            d->missing_env = row->keys;

            p = ngx_strlchr(row->keys.data, row->keys.data + row->keys.len,
                            ' ');
            if (p != NULL) {
                d->missing_env.len = p - row->keys.data;
            }
        }
    }

    if (d->organization.len == 0 && row == &ngx_litellm_providers[0]) {
        ngx_str_set(&organization, "OPENAI_ORGANIZATION");

        rc = ngx_litellm_provider_variable(env, pool, &organization,
                                           &d->organization);
        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    if (row->setup == NULL) {
        return NGX_OK;
    }

    rc = row->setup(env, pool, d, why);

    return (rc == NGX_DECLINED) ? NGX_BUSY : rc;
}


ngx_int_t
ngx_litellm_provider_variable(ngx_litellm_config_env_t *env, ngx_pool_t *pool,
    const ngx_str_t *names, ngx_str_t *value)
{
    size_t      i;
    u_char     *p, *last, *end;
    ngx_str_t   name, text;

    p = names->data;
    last = p + names->len;

    for ( /* void */ ; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, ' ');

        if (end == NULL) {
            end = last;
        }

        name.data = p;
        name.len = end - p;

        if (env->env(env->data, &name, &text) != NGX_OK) {
            continue;
        }

        while (text.len && text.data[text.len - 1] <= ' ') {
            text.len--;
        }

        for (i = 0; i < text.len; i++) {
            if (text.data[i] < 0x20 || text.data[i] == 0x7f) {
                break;
            }
        }

        /* what can't be a header's value is no key */

        if (text.len == 0 || i < text.len) {
            continue;
        }

        value->data = ngx_pnalloc(pool, text.len + 1);
        if (value->data == NULL) {
            return NGX_ERROR;
        }

        *ngx_cpymem(value->data, text.data, text.len) = '\0';
        value->len = text.len;

        return NGX_OK;
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_litellm_provider_setting(ngx_litellm_config_env_t *env, ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, const char *name, const char *variables,
    ngx_str_t *value)
{
    ngx_str_t  *text, names;

    text = ngx_litellm_config_setting(d, name, ngx_strlen(name));

    if (text != NULL) {
        *value = *text;
        return NGX_OK;
    }

    names.data = (u_char *) variables;
    names.len = ngx_strlen(variables);

    return ngx_litellm_provider_variable(env, pool, &names, value);
}
