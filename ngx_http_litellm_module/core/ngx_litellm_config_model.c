
/*
 * model_list: each element becomes a deployment (one for each organization if
 * it lists several), in the order of the file.
 *
 * A key of litellm_params is looked for in the element, then in the
 * credential it names, then in router_settings.default_litellm_params.  A key
 * that is nobody's goes upstream as a default member of the body, as LiteLLM
 * sends it.  A deployment whose provider is unknown, not served yet or not to
 * be reached is left out with a warning; one whose variable is not set stays,
 * without credentials.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"


#define NGX_LITELLM_CF_MAPS  3

/* weight in millionths */
#define NGX_LITELLM_CF_WEIGHT_MAX  ((int64_t) 1000000 * 1000000000)


typedef struct {
    ngx_str_t                  name;      /* model_name */
    ngx_litellm_yaml_t        *entry;
    ngx_litellm_yaml_t        *info;      /* model_info */
    ngx_litellm_yaml_t        *maps[NGX_LITELLM_CF_MAPS];
} ngx_litellm_cf_entry_t;


typedef struct {
    ngx_str_node_t             sn;
    ngx_litellm_deployment_t  *deployment;
} ngx_litellm_cf_id_t;


typedef struct {
    const char                *name;
    uint32_t                   flag;
} ngx_litellm_cf_ability_t;


static const ngx_litellm_cf_ability_t  ngx_litellm_cf_abilities[] = {
    { "supports_function_calling", NGX_LITELLM_M_TOOLS },
    { "supports_tool_choice", NGX_LITELLM_M_TOOL_CHOICE },
    { "supports_parallel_function_calling", NGX_LITELLM_M_PARALLEL_TOOLS },
    { "supports_vision", NGX_LITELLM_M_VISION },
    { "supports_response_schema", NGX_LITELLM_M_RESPONSE_SCHEMA },
    { "supports_native_structured_output", NGX_LITELLM_M_NATIVE_SCHEMA },
    { "supports_reasoning", NGX_LITELLM_M_REASONING },
    { "supports_adaptive_thinking", NGX_LITELLM_M_ADAPTIVE },
    { "supports_system_messages", NGX_LITELLM_M_SYSTEM },
    { "supports_pdf_input", NGX_LITELLM_M_PDF },
    { "supports_audio_input", NGX_LITELLM_M_AUDIO_IN },
    { "supports_audio_output", NGX_LITELLM_M_AUDIO_OUT },
    { "supports_web_search", NGX_LITELLM_M_WEB_SEARCH },
    { "supports_assistant_prefill", NGX_LITELLM_M_PREFILL },
    { "supports_prompt_caching", NGX_LITELLM_M_PROMPT_CACHING },
    { NULL, 0 }
};


static const char  ngx_litellm_cf_modes[] =
    "chat\0completion\0embedding\0responses\0rerank\0image_generation\0"
    "audio_transcription\0audio_speech\0moderation\0realtime\0";

/* members that are numbers or bools for every provider */
static const char  ngx_litellm_cf_numbers[] =
    "temperature\0top_p\0top_k\0n\0max_tokens\0max_completion_tokens\0"
    "presence_penalty\0frequency_penalty\0logprobs\0top_logprobs\0seed\0"
    "parallel_tool_calls\0store\0echo\0best_of\0dimensions\0num_ctx\0min_p\0"
    "repetition_penalty\0repeat_penalty\0";


static void ngx_litellm_cf_model(ngx_litellm_cf_t *cf,
    ngx_litellm_yaml_t *entry);
static ngx_int_t ngx_litellm_cf_name(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_entry_t *e);
static void ngx_litellm_cf_maps(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_entry_t *e);
static ngx_litellm_yaml_t *ngx_litellm_cf_param(ngx_litellm_cf_entry_t *e,
    const char *name);
static void ngx_litellm_cf_deployment(ngx_litellm_cf_t *cf,
    ngx_litellm_cf_entry_t *e, ngx_litellm_yaml_t *organization);
static ngx_int_t ngx_litellm_cf_credential(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_yaml_t *v, const char *name,
    ngx_str_t *dst);
static void ngx_litellm_cf_options(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_cf_entry_t *e);
static void ngx_litellm_cf_limits(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_cf_entry_t *e);
static void ngx_litellm_cf_drop(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_cf_entry_t *e);
static void ngx_litellm_cf_headers(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_yaml_t *v, const char *name);
static void ngx_litellm_cf_defaults(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_cf_entry_t *e);
static void ngx_litellm_cf_default(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_yaml_t *key,
    ngx_litellm_yaml_t *value);
static ngx_litellm_json_t *ngx_litellm_cf_node(ngx_litellm_cf_t *cf,
    ngx_str_t *json, ngx_litellm_yaml_t *v);
static ngx_int_t ngx_litellm_cf_provider(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_cf_entry_t *e);
static void ngx_litellm_cf_no_provider(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_yaml_t *v, ngx_str_t *hint);
static void ngx_litellm_cf_mode(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_yaml_t *v);
static void ngx_litellm_cf_info(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_cf_entry_t *e);
static ngx_int_t ngx_litellm_cf_id(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_cf_entry_t *e);
static ngx_uint_t ngx_litellm_cf_control(ngx_str_t *text);


void
ngx_litellm_cf_models(ngx_litellm_cf_t *cf)
{
    ngx_uint_t                i;
    ngx_litellm_yaml_t      **lists;
    ngx_litellm_cf_part_t    *part;
    ngx_litellm_yaml_pair_t  *pair;

    part = ngx_litellm_cf_part(cf, "model_list");

    if (part == NULL) {
        return;
    }

    if (part->value->type == NGX_LITELLM_YAML_MAP
        || (part->value->type == NGX_LITELLM_YAML_SCALAR
            && part->value->kind != NGX_LITELLM_YAML_NULL))
    {
        ngx_litellm_cf_error(cf, part->key, "\"model_list\" must be a list: "
                             "- model_name: ...");
        return;
    }

    lists = part->lists.elts;

    for (i = 0; i < part->lists.nelts; i++) {
        for (pair = lists[i]->first; pair; pair = pair->next) {

            ngx_litellm_cf_model(cf, pair->value);

            if (cf->failed) {
                return;
            }
        }
    }
}


static void
ngx_litellm_cf_model(ngx_litellm_cf_t *cf, ngx_litellm_yaml_t *entry)
{
    ngx_litellm_yaml_t       *params, *model, *org;
    ngx_litellm_yaml_pair_t  *pair;
    ngx_litellm_cf_entry_t    e;

    if (entry->type != NGX_LITELLM_YAML_MAP) {
        ngx_litellm_cf_error(cf, entry, "an element of model_list must be a "
                             "map with model_name and litellm_params");
        return;
    }

    ngx_memzero(&e, sizeof(ngx_litellm_cf_entry_t));

    e.entry = entry;

    ngx_litellm_cf_lint(cf, NGX_LITELLM_CF_ENTRY, entry);

    params = ngx_litellm_yaml_member(entry, "litellm_params");

    if (ngx_litellm_cf_name(cf, &e) != NGX_OK) {
        return;
    }

    if (params == NULL || params->type != NGX_LITELLM_YAML_MAP) {
        ngx_litellm_cf_error(cf, params ? params : entry,
                             "\"%V\": litellm_params %s", &e.name,
                             params ? "must be a map" : "is missing");
        return;
    }

    e.maps[0] = params;

    ngx_litellm_cf_lint(cf, NGX_LITELLM_CF_PARAMS, params);

    e.info = ngx_litellm_yaml_member(entry, "model_info");

    if (e.info != NULL && e.info->type != NGX_LITELLM_YAML_MAP) {

        if (e.info->type != NGX_LITELLM_YAML_SCALAR
            || e.info->kind != NGX_LITELLM_YAML_NULL)
        {
            ngx_litellm_cf_error(cf, e.info, "\"model_info\" must be a map");
            return;
        }

        e.info = NULL;
    }

    ngx_litellm_cf_lint(cf, NGX_LITELLM_CF_INFO, e.info);
    ngx_litellm_cf_maps(cf, &e);

    model = ngx_litellm_cf_param(&e, "model");

    if (model == NULL || (model->type == NGX_LITELLM_YAML_SCALAR
                          && model->text.len == 0))
    {
        ngx_litellm_cf_error(cf, params, "\"%V\": litellm_params.model is "
                             "missing", &e.name);
        return;
    }

    org = ngx_litellm_cf_param(&e, "organization");

    if (org != NULL && org->type == NGX_LITELLM_YAML_LIST && org->count) {
        for (pair = org->first; pair; pair = pair->next) {
            ngx_litellm_cf_deployment(cf, &e, pair->value);
        }

        return;
    }

    ngx_litellm_cf_deployment(cf, &e, org);
}


static ngx_int_t
ngx_litellm_cf_name(ngx_litellm_cf_t *cf, ngx_litellm_cf_entry_t *e)
{
    size_t               i;
    ngx_int_t            rc;
    ngx_str_t            name;
    ngx_uint_t           stars;
    ngx_litellm_yaml_t  *v;

    v = ngx_litellm_yaml_member(e->entry, "model_name");

    rc = ngx_litellm_cf_str(cf, v, "model_name", &e->name);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED && cf->last_unset.len) {
        name = cf->last_unset;
        ngx_litellm_cf_unset(cf, v, &name, "it names a model, which is left "
                             "out");
        return NGX_DECLINED;
    }

    if (rc == NGX_DECLINED || e->name.len == 0) {
        ngx_litellm_cf_error(cf, v ? v : e->entry, "model_name is missing");
        return NGX_ERROR;
    }

    if (ngx_litellm_cf_control(&e->name)) {
        ngx_litellm_cf_error(cf, v, "model_name has a control character");
        return NGX_ERROR;
    }

    stars = 0;

    for (i = 0; i < e->name.len; i++) {
        stars += (e->name.data[i] == '*');
    }

    if (stars > 4) {
        ngx_litellm_cf_error(cf, v, "model_name \"%V\" has more than 4 stars",
                             &e->name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_litellm_cf_maps(ngx_litellm_cf_t *cf, ngx_litellm_cf_entry_t *e)
{
    ngx_str_t                 name, other;
    ngx_litellm_yaml_t       *v, *values;
    ngx_litellm_yaml_pair_t  *pair;

    e->maps[2] = cf->default_params;

    v = ngx_litellm_yaml_member(e->maps[0], "litellm_credential_name");

    if (v == NULL || ngx_litellm_cf_str(cf, v, "litellm_credential_name",
                                        &name) != NGX_OK)
    {
        return;
    }

    if (cf->credentials != NULL
        && cf->credentials->type == NGX_LITELLM_YAML_LIST)
    {
        for (pair = cf->credentials->first; pair; pair = pair->next) {

            if (ngx_litellm_cf_str(cf,
                        ngx_litellm_yaml_member(pair->value,
                                                "credential_name"),
                        "credential_name", &other) != NGX_OK
                || other.len != name.len
                || ngx_memcmp(other.data, name.data, name.len) != 0)
            {
                continue;
            }

            values = ngx_litellm_yaml_member(pair->value,
                                             "credential_values");

            if (values != NULL && values->type == NGX_LITELLM_YAML_MAP) {
                e->maps[1] = values;
                return;
            }
        }
    }

    ngx_litellm_cf_warn(cf, v, "no credential_list element has the "
                        "credential_name \"%V\"", &name);
}


/* NULL for an absent or null value */

static ngx_litellm_yaml_t *
ngx_litellm_cf_param(ngx_litellm_cf_entry_t *e, const char *name)
{
    size_t               len;
    ngx_uint_t           i;
    ngx_litellm_yaml_t  *v;

    len = ngx_strlen(name);

    for (i = 0; i < NGX_LITELLM_CF_MAPS; i++) {
        v = ngx_litellm_yaml_get(e->maps[i], name, len);

        if (v != NULL && (v->type != NGX_LITELLM_YAML_SCALAR
                          || v->kind != NGX_LITELLM_YAML_NULL))
        {
            return v;
        }
    }

    return NULL;
}


static void
ngx_litellm_cf_deployment(ngx_litellm_cf_t *cf, ngx_litellm_cf_entry_t *e,
    ngx_litellm_yaml_t *organization)
{
    ngx_str_t                   name;
    ngx_litellm_yaml_t         *v;
    ngx_litellm_deployment_t   *d, **item;

    d = ngx_pcalloc(cf->pool, sizeof(ngx_litellm_deployment_t));
    if (d == NULL) {
        cf->failed = 1;
        return;
    }

    d->group = e->name;
    d->file = *e->entry->file;
    d->line = e->entry->line;
    d->num_retries = -1;
    d->order = NGX_MAX_INT_T_VALUE;
    d->weight = -1;
    d->rpm = -1;
    d->tpm = -1;
    d->drop_params = NGX_CONF_UNSET;

    v = ngx_litellm_cf_param(e, "model");

    switch (ngx_litellm_cf_str(cf, v, "model", &d->full_model)) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        name = cf->last_unset;

        if (name.len) {
            ngx_litellm_cf_unset(cf, v, &name, "it names a model, which is "
                                 "left out");
        }

        (void) ngx_litellm_cf_set_add(cf, &cf->left_out, &d->group);
        return;

    default:
        return;
    }

    if (ngx_litellm_cf_control(&d->full_model) || d->full_model.len == 0) {
        ngx_litellm_cf_error(cf, v, "\"model\" is empty or has a control "
                             "character");
        return;
    }

    v = ngx_litellm_cf_param(e, "mock_response");

    if (v != NULL) {
        d->mock = (ngx_litellm_cf_str(cf, v, "mock_response",
                                      &d->mock_response) == NGX_OK);
    }

    ngx_litellm_cf_options(cf, d, e);

    if (organization != NULL) {
        (void) ngx_litellm_cf_credential(cf, d, organization, "organization",
                                         &d->organization);
    }

    ngx_litellm_cf_limits(cf, d, e);
    ngx_litellm_cf_drop(cf, d, e);
    ngx_litellm_cf_headers(cf, d, ngx_litellm_cf_param(e, "extra_headers"),
                           "extra_headers");
    ngx_litellm_cf_headers(cf, d, ngx_litellm_cf_param(e, "headers"),
                           "headers");
    ngx_litellm_cf_defaults(cf, d, e);

    if (e->info != NULL) {
        if (ngx_litellm_cf_json(cf, e->info, NGX_LITELLM_CF_RAW,
                                &d->model_info) == NGX_ERROR)
        {
            return;
        }

    } else {
        ngx_str_set(&d->model_info, "{}");
    }

    ngx_litellm_cf_mode(cf, d, ngx_litellm_yaml_member(e->info, "mode"));

    if (cf->failed || ngx_litellm_cf_provider(cf, d, e) != NGX_OK) {
        (void) ngx_litellm_cf_set_add(cf, &cf->left_out, &d->group);
        return;
    }

    ngx_litellm_cf_info(cf, d, e);

    if (ngx_litellm_cf_id(cf, d, e) != NGX_OK) {
        return;
    }

    d->index = cf->conf->deployments.nelts;

    item = ngx_array_push(&cf->conf->deployments);
    if (item == NULL) {
        cf->failed = 1;
        return;
    }

    *item = d;

    if (ngx_litellm_cf_group(cf, d) != NGX_OK) {
        cf->failed = 1;
    }
}


/* a text that the provider needs: an unset variable puts the deployment off */

static ngx_int_t
ngx_litellm_cf_credential(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_yaml_t *v, const char *name, ngx_str_t *dst)
{
    ngx_int_t  rc;
    ngx_str_t  var;

    rc = ngx_litellm_cf_str(cf, v, name, dst);

    if (rc == NGX_DECLINED && cf->last_unset.len && !d->mock) {
        var = cf->last_unset;

        ngx_litellm_cf_unset(cf, v, &var, "deployments that need it are "
                             "without credentials");

        d->no_credentials = 1;
        d->missing_env.len = var.len;
        d->missing_env.data = ngx_pstrdup(cf->pool, &var);

        if (d->missing_env.data == NULL) {
            cf->failed = 1;
            return NGX_ERROR;
        }
    }

    if (rc == NGX_OK && ngx_litellm_cf_control(dst)) {
        ngx_litellm_cf_error(cf, v, "\"%s\" has a line break or another "
                             "control character", name);
        return NGX_ERROR;
    }

    return rc;
}


static void
ngx_litellm_cf_options(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_cf_entry_t *e)
{
    ngx_litellm_yaml_t  *v;

    (void) ngx_litellm_cf_str(cf,
                              ngx_litellm_cf_param(e, "custom_llm_provider"),
                              "custom_llm_provider", &d->custom_provider);

    (void) ngx_litellm_cf_credential(cf, d,
                                     ngx_litellm_cf_param(e, "api_key"),
                                     "api_key", &d->api_key);

    v = ngx_litellm_cf_param(e, "api_base");

    if (v == NULL) {
        v = ngx_litellm_cf_param(e, "base_url");
    }

    (void) ngx_litellm_cf_credential(cf, d, v, "api_base", &d->api_base);

    (void) ngx_litellm_cf_credential(cf, d,
                                     ngx_litellm_cf_param(e, "api_version"),
                                     "api_version", &d->api_version);

    (void) ngx_litellm_cf_msec(cf, ngx_litellm_cf_param(e, "timeout"),
                               "timeout", &d->timeout);
    (void) ngx_litellm_cf_msec(cf, ngx_litellm_cf_param(e, "stream_timeout"),
                               "stream_timeout", &d->stream_timeout);
}


static void
ngx_litellm_cf_limits(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_cf_entry_t *e)
{
    int64_t              n;
    ngx_litellm_yaml_t  *v;

    if (ngx_litellm_cf_int(cf, ngx_litellm_cf_param(e, "num_retries"),
                           "num_retries", 0, 1000, &n) == NGX_OK)
    {
        d->num_retries = (ngx_int_t) n;
    }

    v = ngx_litellm_cf_param(e, "order");

    if (v == NULL) {
        v = ngx_litellm_yaml_member(e->info, "order");
    }

    if (ngx_litellm_cf_int(cf, v, "order", -1000000, 1000000, &n) == NGX_OK) {
        d->order = (ngx_int_t) n;
    }

    (void) ngx_litellm_cf_fixed(cf, ngx_litellm_cf_param(e, "weight"),
                                "weight", 6, NGX_LITELLM_CF_WEIGHT_MAX,
                                &d->weight);

    v = ngx_litellm_cf_param(e, "rpm");

    if (v == NULL) {
        v = ngx_litellm_yaml_member(e->entry, "rpm");
    }

    (void) ngx_litellm_cf_fixed(cf, v, "rpm", 0, INT64_MAX, &d->rpm);

    v = ngx_litellm_cf_param(e, "tpm");

    if (v == NULL) {
        v = ngx_litellm_yaml_member(e->entry, "tpm");
    }

    (void) ngx_litellm_cf_fixed(cf, v, "tpm", 0, INT64_MAX, &d->tpm);
}


static void
ngx_litellm_cf_drop(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_cf_entry_t *e)
{
    ngx_litellm_yaml_t  *v;

    v = ngx_litellm_cf_param(e, "drop_params");

    if (v != NULL && v->type == NGX_LITELLM_YAML_LIST) {

        ngx_litellm_cf_warn(cf, v, "\"drop_params\" is true or false; the "
                            "list is taken as additional_drop_params");

        (void) ngx_litellm_cf_strings(cf, v, "drop_params", &d->drop);

    } else {
        (void) ngx_litellm_cf_flag(cf, v, "drop_params", &d->drop_params);
    }

    (void) ngx_litellm_cf_strings(cf,
                           ngx_litellm_cf_param(e, "additional_drop_params"),
                           "additional_drop_params", &d->drop);
    (void) ngx_litellm_cf_strings(cf,
                           ngx_litellm_cf_param(e, "allowed_openai_params"),
                           "allowed_openai_params", &d->allow);
}


static void
ngx_litellm_cf_headers(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_yaml_t *v, const char *name)
{
    size_t                    i;
    u_char                    c;
    ngx_str_t                 value, *key;
    ngx_uint_t                n;
    ngx_keyval_t             *kv;
    ngx_litellm_yaml_pair_t  *pair;

    if (v == NULL) {
        return;
    }

    if (v->type != NGX_LITELLM_YAML_MAP) {
        ngx_litellm_cf_error(cf, v, "\"%s\" must be a map of names and "
                             "values", name);
        return;
    }

    if (v->count > 100) {
        ngx_litellm_cf_error(cf, v, "\"%s\" has more than 100 headers", name);
        return;
    }

    if (d->headers == NULL) {
        d->headers = ngx_array_create(cf->pool, 4, sizeof(ngx_keyval_t));
        if (d->headers == NULL) {
            cf->failed = 1;
            return;
        }
    }

    for (pair = v->first; pair; pair = pair->next) {
        key = &pair->key->text;

        for (i = 0; i < key->len; i++) {
            c = key->data[i];

            if (c <= ' ' || c >= 0x7f
                || ngx_strchr("()<>@,;:\\\"/[]?={}", c) != NULL)
            {
                break;
            }
        }

        if (key->len == 0 || i < key->len) {
            ngx_litellm_cf_error(cf, pair->key, "\"%V\" is not the name of a "
                                 "header", key);
            continue;
        }

        if (ngx_litellm_cf_credential(cf, d, pair->value,
                                      (char *) key->data, &value)
            != NGX_OK)
        {
            continue;
        }

        /* extra_headers before headers */

        kv = d->headers->elts;

        for (n = 0; n < d->headers->nelts; n++) {
            if (kv[n].key.len == key->len
                && ngx_strncasecmp(kv[n].key.data, key->data, key->len) == 0)
            {
                break;
            }
        }

        if (n < d->headers->nelts) {
            continue;
        }

        kv = ngx_array_push(d->headers);

        if (kv == NULL) {
            cf->failed = 1;
            return;
        }

        kv->value = value;
        kv->key.len = key->len;
        kv->key.data = ngx_pstrdup(cf->pool, key);

        if (kv->key.data == NULL) {
            cf->failed = 1;
            return;
        }
    }
}


static void
ngx_litellm_cf_defaults(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_cf_entry_t *e)
{
    ngx_str_t                *key;
    ngx_uint_t                i, j;
    ngx_litellm_yaml_t       *extra;
    ngx_litellm_cf_status_e   status;
    ngx_litellm_yaml_pair_t  *pair;

    extra = ngx_litellm_cf_param(e, "extra_body");

    if (extra != NULL) {

        if (extra->type != NGX_LITELLM_YAML_MAP) {
            ngx_litellm_cf_error(cf, extra, "\"extra_body\" must be a map");
            return;
        }

        for (pair = extra->first; pair; pair = pair->next) {
            ngx_litellm_cf_default(cf, d, pair->key, pair->value);
        }
    }

    for (i = 0; i < NGX_LITELLM_CF_MAPS; i++) {

        if (e->maps[i] == NULL || e->maps[i]->type != NGX_LITELLM_YAML_MAP) {
            continue;
        }

        for (pair = e->maps[i]->first; pair; pair = pair->next) {
            key = &pair->key->text;

            status = ngx_litellm_cf_key(NGX_LITELLM_CF_PARAMS, key);

            if (status != NGX_LITELLM_CF_BODY
                && status != NGX_LITELLM_CF_UNKNOWN)
            {
                continue;
            }

            if (pair->value->type == NGX_LITELLM_YAML_SCALAR
                && pair->value->kind == NGX_LITELLM_YAML_NULL)
            {
                continue;
            }

            if (ngx_litellm_yaml_get(extra, key->data, key->len) != NULL) {
                continue;
            }

            for (j = 0; j < i; j++) {
                if (ngx_litellm_yaml_get(e->maps[j], key->data, key->len)) {
                    break;
                }
            }

            if (j == i) {
                ngx_litellm_cf_default(cf, d, pair->key, pair->value);
            }
        }
    }
}


static void
ngx_litellm_cf_default(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_yaml_t *key, ngx_litellm_yaml_t *value)
{
    size_t                  n;
    ngx_int_t               rc;
    ngx_str_t               json, name;
    ngx_uint_t              flags;
    const char             *p;
    ngx_litellm_default_t  *item;

    flags = 0;

    for (p = ngx_litellm_cf_numbers; *p; p += n + 1) {
        n = ngx_strlen(p);

        if (n == key->text.len && ngx_memcmp(p, key->text.data, n) == 0) {
            flags = NGX_LITELLM_CF_NUMBERS;
            break;
        }
    }

    rc = ngx_litellm_cf_json(cf, value, flags, &json);

    if (rc == NGX_DECLINED) {
        name = cf->last_unset;
        ngx_litellm_cf_unset(cf, value, &name, "members of requests made of "
                             "it are left out");
        return;
    }

    if (rc != NGX_OK) {
        return;
    }

    if (d->defaults == NULL) {
        d->defaults = ngx_array_create(cf->pool, 4,
                                       sizeof(ngx_litellm_default_t));
        if (d->defaults == NULL) {
            cf->failed = 1;
            return;
        }
    }

    if (ngx_litellm_cf_json_string(cf, &key->text, &name) != NGX_OK) {
        return;
    }

    item = ngx_array_push(d->defaults);
    if (item == NULL) {
        cf->failed = 1;
        return;
    }

    /* a J-string: without the quotes */

    item->key.data = name.data + 1;
    item->key.len = name.len - 2;
    item->param = -1;
    item->value = ngx_litellm_cf_node(cf, &json, value);

    if (item->value == NULL) {
        d->defaults->nelts--;
    }
}


/* the nodes of a member's JSON text */

static ngx_litellm_json_t *
ngx_litellm_cf_node(ngx_litellm_cf_t *cf, ngx_str_t *json,
    ngx_litellm_yaml_t *v)
{
    ngx_int_t            rc;
    ngx_litellm_json_t  *nodes, *root;

    rc = ngx_litellm_json_parse(&cf->doc, json->data, json->len);

    if (rc == NGX_DECLINED) {
        ngx_litellm_cf_error(cf, v, "cannot be sent as JSON: %s",
                             cf->doc.error);
        return NULL;
    }

    if (rc != NGX_OK) {
        cf->failed = 1;
        return NULL;
    }

    root = cf->doc.root;

    nodes = ngx_palloc(cf->pool, root->next * sizeof(ngx_litellm_json_t));
    if (nodes == NULL) {
        cf->failed = 1;
        return NULL;
    }

    ngx_memcpy(nodes, root, root->next * sizeof(ngx_litellm_json_t));

    return nodes;
}


static ngx_int_t
ngx_litellm_cf_provider(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_cf_entry_t *e)
{
    ngx_int_t            rc;
    ngx_str_t            hint;
    const char          *why;
    ngx_uint_t           missing;
    ngx_litellm_yaml_t  *v;

    v = ngx_litellm_cf_param(e, "model");
    ngx_str_null(&hint);
    missing = d->no_credentials;

    rc = cf->caller->provider(&cf->env, cf->pool, d, &hint);

    if (rc == NGX_ERROR) {
        cf->failed = 1;
        return NGX_ERROR;
    }

    if (rc == NGX_ABORT) {
        ngx_litellm_cf_warn(cf, v, "\"%V\": the provider \"%V\" is not "
                            "served yet by this module: this deployment is "
                            "left out", &d->group, &hint);
        return NGX_DECLINED;
    }

    if (rc == NGX_DECLINED) {
        ngx_litellm_cf_no_provider(cf, d, v, &hint);
        return NGX_DECLINED;
    }

    if (d->no_credentials && !missing) {
        ngx_litellm_cf_unset(cf, v, &d->missing_env, "deployments without an "
                             "api_key that need it are without credentials");
    }

    if (d->mock && d->api_base.len == 0) {
        return NGX_OK;
    }

    v = ngx_litellm_cf_param(e, "api_base");

    if (v == NULL) {
        v = ngx_litellm_cf_param(e, "base_url");
    }

    if (v == NULL) {
        v = ngx_litellm_cf_param(e, "model");
    }

    if (d->api_base.len == 0) {
        ngx_litellm_cf_warn(cf, v, "\"%V\": this provider needs an api_base: "
                            "this deployment is left out", &d->group);
        return NGX_DECLINED;
    }

    rc = ngx_litellm_url_parse(cf->pool, &d->api_base, &d->url, &why);

    if (rc == NGX_ERROR) {
        cf->failed = 1;
        return NGX_ERROR;
    }

    if (rc != NGX_OK && !d->mock) {

        /* the value may come from the environment or hold a password */

        ngx_litellm_cf_warn(cf, v, "\"%V\": api_base %s: this deployment is "
                            "left out", &d->group, why);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static void
ngx_litellm_cf_no_provider(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_yaml_t *v, ngx_str_t *hint)
{
    u_char     *p;
    ngx_str_t   prefix;

    prefix = d->custom_provider;

    if (prefix.len == 0) {
        p = ngx_strlchr(d->full_model.data,
                        d->full_model.data + d->full_model.len, '/');

        if (p == NULL) {
            ngx_litellm_cf_warn(cf, v, "\"%V\": the provider of a model "
                                "without a prefix is not known: write "
                                "PROVIDER/MODEL, or openai/MODEL with an "
                                "api_base for a server of your own; this "
                                "deployment is left out", &d->group);
            return;
        }

        prefix.data = d->full_model.data;
        prefix.len = p - prefix.data;
    }

    if (hint->len) {
        ngx_litellm_cf_warn(cf, v, "\"%V\": unknown provider \"%V\", did you "
                            "mean \"%V\"? (for a server of your own: "
                            "openai/MODEL with an api_base); this deployment "
                            "is left out", &d->group, &prefix, hint);
        return;
    }

    ngx_litellm_cf_warn(cf, v, "\"%V\": unknown provider \"%V\"; for a server "
                        "of your own write openai/MODEL with an api_base; "
                        "this deployment is left out", &d->group, &prefix);
}


static void
ngx_litellm_cf_mode(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_yaml_t *v)
{
    size_t        n;
    ngx_str_t     text, near;
    ngx_uint_t    mode;
    const char   *p;

    if (v == NULL || v->type != NGX_LITELLM_YAML_SCALAR
        || ngx_litellm_cf_str(cf, v, "mode", &text) != NGX_OK)
    {
        return;
    }

    mode = NGX_LITELLM_MODE_CHAT;
    ngx_str_null(&near);

    if (ngx_litellm_cf_is(&text, "tts")) {
        ngx_str_set(&near, "audio_speech");

    } else if (ngx_litellm_cf_is(&text, "stt")) {
        ngx_str_set(&near, "audio_transcription");

    } else if (ngx_litellm_cf_is(&text, "image")) {
        ngx_str_set(&near, "image_generation");
    }

    for (p = ngx_litellm_cf_modes; *p; p += n + 1, mode++) {
        n = ngx_strlen(p);

        if (n == text.len && ngx_memcmp(p, text.data, n) == 0) {
            d->mode = mode;
            return;
        }

        if (near.len == 0
            && ngx_litellm_cf_distance(&text, (u_char *) p, n, 2) <= 2)
        {
            near.data = (u_char *) p;
            near.len = n;
        }
    }

    if (near.len) {
        ngx_litellm_cf_warn(cf, v, "\"%V\": unknown mode \"%V\", did you "
                            "mean \"%V\"?", &d->group, &text, &near);
        return;
    }

    /* batch, ocr, video_generation ... */

    d->mode = NGX_LITELLM_MODE_OTHER;
}


/* base_model, limits and supports_... of model_info stand above the table */

static void
ngx_litellm_cf_info(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_cf_entry_t *e)
{
    u_char                          *p;
    int64_t                          n;
    ngx_str_t                        name, provider;
    ngx_uint_t                       changed;
    ngx_litellm_yaml_t              *v;
    ngx_litellm_model_t              row, *copy;
    const ngx_litellm_model_t       *base;
    const ngx_litellm_cf_ability_t  *a;

    v = ngx_litellm_yaml_member(e->info, "base_model");

    if (v == NULL) {
        v = ngx_litellm_cf_param(e, "base_model");
    }

    if (v != NULL && ngx_litellm_cf_str(cf, v, "base_model", &name) == NGX_OK)
    {
        ngx_str_null(&provider);

        base = ngx_litellm_model_find(&provider, &name);
        p = ngx_strlchr(name.data, name.data + name.len, '/');

        if (base == NULL && p != NULL) {
            provider.data = name.data;
            provider.len = p - name.data;
            name.data = p + 1;
            name.len -= provider.len + 1;

            base = ngx_litellm_model_find(&provider, &name);
        }

        if (base != NULL) {
            d->info = base;

            if (d->mode == NGX_LITELLM_MODE_UNKNOWN) {
                d->mode = base->mode;
            }
        }
    }

    if (e->info == NULL) {
        return;
    }

    if (d->info != NULL) {
        row = *d->info;

    } else {
        ngx_memzero(&row, sizeof(ngx_litellm_model_t));
        row.name = (char *) d->model.data;
        row.provider = "";
        row.mode = d->mode;
    }

    changed = 0;

    v = ngx_litellm_yaml_member(e->info, "max_output_tokens");

    if (v == NULL) {
        v = ngx_litellm_yaml_member(e->info, "max_tokens");
    }

    if (v != NULL && v->type == NGX_LITELLM_YAML_SCALAR
        && ngx_litellm_yaml_kind(&v->text) == NGX_LITELLM_YAML_INT
        && ngx_litellm_yaml_fixed(&v->text, NGX_LITELLM_YAML_INT, 0, &n)
           == NGX_OK
        && n > 0 && n <= UINT32_MAX)
    {
        row.max_output = (uint32_t) n;
        changed = 1;
    }

    v = ngx_litellm_yaml_member(e->info, "max_input_tokens");

    if (v != NULL && v->type == NGX_LITELLM_YAML_SCALAR
        && ngx_litellm_yaml_kind(&v->text) == NGX_LITELLM_YAML_INT
        && ngx_litellm_yaml_fixed(&v->text, NGX_LITELLM_YAML_INT, 0, &n)
           == NGX_OK
        && n > 0 && n <= UINT32_MAX)
    {
        row.max_input = (uint32_t) n;
        changed = 1;
    }

    for (a = ngx_litellm_cf_abilities; a->name; a++) {
        v = ngx_litellm_yaml_get(e->info, a->name, ngx_strlen(a->name));

        if (v == NULL || v->type != NGX_LITELLM_YAML_SCALAR
            || ngx_litellm_yaml_kind(&v->text) != NGX_LITELLM_YAML_BOOL)
        {
            continue;
        }

        if (ngx_litellm_yaml_true(&v->text)) {
            row.flags |= a->flag;
        } else {
            row.flags &= ~a->flag;
        }

        changed = 1;
    }

    if (!changed) {
        return;
    }

    copy = ngx_palloc(cf->pool, sizeof(ngx_litellm_model_t));
    if (copy == NULL) {
        cf->failed = 1;
        return;
    }

    *copy = row;
    d->info = copy;
}


static ngx_int_t
ngx_litellm_cf_id(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_cf_entry_t *e)
{
    uint32_t              hash;
    ngx_int_t             rc;
    ngx_uint_t            salt, given;
    ngx_litellm_yaml_t   *v;
    ngx_litellm_cf_id_t  *id;

    v = ngx_litellm_yaml_member(e->info, "id");

    rc = ngx_litellm_cf_str(cf, v, "model_info.id", &d->id);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    given = (rc == NGX_OK && d->id.len != 0);

    if (given && ngx_litellm_cf_control(&d->id)) {
        ngx_litellm_cf_error(cf, v, "model_info.id has a control character");
        return NGX_ERROR;
    }

    for (salt = 0; /* void */ ; salt++) {

        /* the index keeps a thousand equal deployments from a thousand tries */

        if (!given
            && ngx_litellm_cf_digest(cf, &d->group, e->maps[0],
                                     salt ? cf->conf->deployments.nelts + salt
                                          : 0,
                                     &d->id)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        hash = ngx_crc32_long(d->id.data, d->id.len);

        id = (ngx_litellm_cf_id_t *)
                 ngx_str_rbtree_lookup(&cf->ids, &d->id, hash);

        if (id == NULL) {
            break;
        }

        if (given && id->deployment->line == d->line
            && id->deployment->file.data == d->file.data)
        {
            /* the same element for another organization */

            given = 0;
            continue;
        }

        if (given) {
            ngx_litellm_cf_error(cf, v, "model_info.id \"%V\" is used by the "
                                 "deployment of %V:%ui too", &d->id,
                                 &id->deployment->file,
                                 id->deployment->line);
            return NGX_ERROR;
        }
    }

    id = ngx_palloc(cf->temp, sizeof(ngx_litellm_cf_id_t));
    if (id == NULL) {
        cf->failed = 1;
        return NGX_ERROR;
    }

    id->sn.str = d->id;
    id->sn.node.key = hash;
    id->deployment = d;

    ngx_rbtree_insert(&cf->ids, &id->sn.node);

    return NGX_OK;
}


static ngx_uint_t
ngx_litellm_cf_control(ngx_str_t *text)
{
    size_t  i;

    for (i = 0; i < text->len; i++) {
        if (text->data[i] < 0x20 || text->data[i] == 0x7f) {
            return 1;
        }
    }

    return 0;
}
