
/*
 * litellm_params and model_info of one deployment: credentials, times, limits,
 * headers, what is dropped, default members of the body, and what is said of
 * the model.  Called by ngx_litellm_config_model.c.
 *
 * A key that is nobody's is a member of the body; which keys are somebody's
 * is in ngx_litellm_config_keys.h.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"


/*
 * Bound of a weight (in millionths), rpm or tpm: those of a group are added
 * up, which must not overflow.
 */
#define NGX_LITELLM_CF_WEIGHT_MAX  ((int64_t) 1000000 * 1000000000)


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


static ngx_int_t ngx_litellm_cf_credential(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_yaml_t *v, const char *name,
    ngx_str_t *dst);
static void ngx_litellm_cf_options(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_cf_entry_t *e);
static void ngx_litellm_cf_settings(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_cf_entry_t *e);
static void ngx_litellm_cf_limits(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_cf_entry_t *e);
static void ngx_litellm_cf_drop(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_cf_entry_t *e);
static ngx_uint_t ngx_litellm_cf_own_header(ngx_str_t *name);
static void ngx_litellm_cf_headers(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_yaml_t *v, const char *name);
static void ngx_litellm_cf_defaults(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_cf_entry_t *e);
static void ngx_litellm_cf_default(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d, ngx_litellm_yaml_t *key,
    ngx_litellm_yaml_t *value);
static ngx_litellm_json_t *ngx_litellm_cf_node(ngx_litellm_cf_t *cf,
    ngx_str_t *json, ngx_litellm_yaml_t *v);


void
ngx_litellm_cf_params(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_cf_entry_t *e, ngx_litellm_yaml_t *organization)
{
    ngx_litellm_cf_options(cf, d, e);

    if (organization != NULL) {
        (void) ngx_litellm_cf_credential(cf, d, organization, "organization",
                                         &d->organization);
    }

    ngx_litellm_cf_settings(cf, d, e);
    ngx_litellm_cf_limits(cf, d, e);
    ngx_litellm_cf_cooldown(cf, d, e);
    ngx_litellm_cf_choice_params(cf, d, e);
    ngx_litellm_cf_own_budget(cf, d, e);
    ngx_litellm_cf_drop(cf, d, e);
    ngx_litellm_cf_headers(cf, d, ngx_litellm_cf_param(e, "extra_headers"),
                           "extra_headers");
    ngx_litellm_cf_headers(cf, d, ngx_litellm_cf_param(e, "headers"),
                           "headers");
    ngx_litellm_cf_defaults(cf, d, e);
}


/* NULL for an absent or null value */

ngx_litellm_yaml_t *
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

    /* the JSON of a key file may have lines; it is never sent as it is */

    if (rc == NGX_OK && ngx_litellm_cf_control(dst)
        && !(dst->data[0] == '{'
             && (ngx_strcmp(name, "vertex_credentials") == 0
                 || ngx_strcmp(name, "vertex_ai_credentials") == 0)))
    {
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
    ngx_flag_t           allowed;
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

    if (ngx_litellm_cf_msec(cf, ngx_litellm_cf_param(e, "keepalive_seconds"),
                            "keepalive_seconds", &d->stream_keepalive)
        == NGX_OK)
    {
        d->keepalive_off = (d->stream_keepalive == 0);
    }

    allowed = 0;

    (void) ngx_litellm_cf_flag(cf,
                   ngx_litellm_cf_param(e, "allow_client_keepalive_override"),
                   "allow_client_keepalive_override", &allowed);
    d->keepalive_override = (allowed == 1);
}


/* what a provider's setup() will read, see ngx_litellm_provider.h */

static void
ngx_litellm_cf_settings(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_cf_entry_t *e)
{
    ngx_int_t                 rc;
    ngx_str_t                *key, value;
    ngx_uint_t                i;
    ngx_keyval_t             *kv;
    ngx_litellm_yaml_t       *v;
    ngx_litellm_yaml_pair_t  *pair;

    for (i = 0; i < NGX_LITELLM_CF_MAPS; i++) {

        if (e->maps[i] == NULL
            || e->maps[i]->type != NGX_LITELLM_YAML_MAP)
        {
            continue;
        }

        for (pair = e->maps[i]->first; pair; pair = pair->next) {
            key = &pair->key->text;

            if (!ngx_litellm_cf_is_setting(key)
                || ngx_litellm_config_setting(d, (char *) key->data,
                                              key->len)
                   != NULL)
            {
                continue;
            }

            v = pair->value;

            if (v->type == NGX_LITELLM_YAML_SCALAR) {
                rc = ngx_litellm_cf_credential(cf, d, v, (char *) key->data,
                                               &value);
            } else {
                rc = ngx_litellm_cf_json(cf, v, 0, &value);
            }

            if (rc != NGX_OK) {
                continue;
            }

            if (d->settings == NULL) {
                d->settings = ngx_array_create(cf->pool, 4,
                                               sizeof(ngx_keyval_t));
            }

            kv = d->settings ? ngx_array_push(d->settings) : NULL;

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
}


ngx_str_t *
ngx_litellm_config_setting(ngx_litellm_deployment_t *d, const char *name,
    size_t len)
{
    ngx_uint_t     i;
    ngx_keyval_t  *kv;

    if (d->settings == NULL) {
        return NULL;
    }

    kv = d->settings->elts;

    for (i = 0; i < d->settings->nelts; i++) {
        if (kv[i].key.len == len && kv[i].value.len
            && ngx_memcmp(kv[i].key.data, name, len) == 0)
        {
            return &kv[i].value;
        }
    }

    return NULL;
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
    d->rpm = ngx_min(d->rpm, NGX_LITELLM_CF_WEIGHT_MAX);

    v = ngx_litellm_cf_param(e, "tpm");

    if (v == NULL) {
        v = ngx_litellm_yaml_member(e->entry, "tpm");
    }

    (void) ngx_litellm_cf_fixed(cf, v, "tpm", 0, INT64_MAX, &d->tpm);
    d->tpm = ngx_min(d->tpm, NGX_LITELLM_CF_WEIGHT_MAX);
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

        if (ngx_litellm_cf_own_header(key)) {

            /* what is sent anyway may be said again */

            if (key->len == sizeof("Content-Type") - 1
                && value.len == sizeof("application/json") - 1
                && ngx_strncasecmp(value.data, (u_char *) "application/json",
                                   value.len)
                   == 0)
            {
                continue;
            }

            ngx_litellm_cf_error(cf, pair->key, "\"%V\" can't be set by "
                                 "\"%s\": this header is the gateway's own",
                                 key, name);
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


/* headers of the connection and of the body: a second one splits requests */

static ngx_uint_t
ngx_litellm_cf_own_header(ngx_str_t *name)
{
    ngx_str_t  *own;

    static ngx_str_t  names[] = {
        ngx_string("Host"),
        ngx_string("Content-Type"),
        ngx_string("Content-Length"),
        ngx_string("Content-Encoding"),
        ngx_string("Transfer-Encoding"),
        ngx_string("Accept-Encoding"),
        ngx_string("Connection"),
        ngx_string("Proxy-Connection"),
        ngx_string("Keep-Alive"),
        ngx_string("TE"),
        ngx_string("Trailer"),
        ngx_string("Upgrade"),
        ngx_string("Expect"),
        ngx_null_string
    };

    for (own = names; own->len; own++) {
        if (own->len == name->len
            && ngx_strncasecmp(own->data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
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


void
ngx_litellm_cf_mode(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_cf_entry_t *e)
{
    size_t               n;
    ngx_str_t            text, near;
    ngx_uint_t           mode;
    const char          *p;
    ngx_litellm_yaml_t  *v;

    v = ngx_litellm_yaml_member(e->info, "mode");

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
                            "mean \"%V\"?", &e->shown,
                            ngx_litellm_cf_shown(v, &text), &near);
        return;
    }

    /* batch, ocr, video_generation ... */

    d->mode = NGX_LITELLM_MODE_OTHER;
}


/* base_model, limits and supports_... of model_info stand above the table */

void
ngx_litellm_cf_info(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d,
    ngx_litellm_cf_entry_t *e)
{
    u_char                          *p;
    int64_t                          n;
    ngx_str_t                        name, provider;
    ngx_flag_t                       flag;
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

    (void) ngx_litellm_cf_strings(cf,
                      ngx_litellm_yaml_member(e->info, "access_groups"),
                      "access_groups", &d->access);

    flag = 0;

    (void) ngx_litellm_cf_flag(cf, ngx_litellm_yaml_member(e->info, "blocked"),
                               "blocked", &flag);
    d->blocked = (flag == 1);

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


ngx_uint_t
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
