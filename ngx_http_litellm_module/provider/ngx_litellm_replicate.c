
/*
 * The Replicate provider dialect: a prediction is created, then looked at
 * until it has ended, or its stream is read.  This file owns the vtable, the
 * setup of a deployment and the creating request; the prompt and the
 * predictions have files of their own.
 *
 * Chat is all there is, and the models have one text as their input: tools and
 * pictures are refused.  An unstreamed request asks the server to wait for the
 * end ("Prefer"), which spares most of the looks.
 */

#include "ngx_litellm_replicate.h"


#define NGX_LITELLM_REPLICATE_REF     4096   /* texts from this length on are
                                                sent from where they are */
#define NGX_LITELLM_REPLICATE_VERSION   64   /* hex digits */
#define NGX_LITELLM_REPLICATE_INPUTS    24   /* that are written here */

#define NGX_LITELLM_REPLICATE_HOST    "https://api.replicate.com"
#define NGX_LITELLM_REPLICATE_STREAM  "https://stream.replicate.com"


/* what the models of the families here have as inputs */

#define NGX_LITELLM_REPLICATE_PARAMS                                          \
    (ngx_litellm_param_bit(STREAM)                                            \
     | ngx_litellm_param_bit(STREAM_OPTIONS)                                  \
     | ngx_litellm_param_bit(MAX_TOKENS)                                      \
     | ngx_litellm_param_bit(MAX_COMPLETION_TOKENS)                           \
     | ngx_litellm_param_bit(TEMPERATURE)                                     \
     | ngx_litellm_param_bit(TOP_P)                                           \
     | ngx_litellm_param_bit(TOP_K)                                           \
     | ngx_litellm_param_bit(STOP)                                            \
     | ngx_litellm_param_bit(SEED)                                            \
     | ngx_litellm_param_bit(PRESENCE_PENALTY)                                \
     | ngx_litellm_param_bit(FREQUENCY_PENALTY)                               \
     | ngx_litellm_param_bit(USER)                                            \
     | ngx_litellm_param_bit(METADATA))


typedef struct {
    ngx_litellm_replicate_t  *r;
    ngx_str_t                 names[NGX_LITELLM_REPLICATE_INPUTS];
    ngx_uint_t                n;
} ngx_litellm_replicate_inputs_t;


static ngx_int_t ngx_litellm_replicate_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_replicate_params(ngx_litellm_replicate_t *r);
static ngx_int_t ngx_litellm_replicate_path(ngx_litellm_replicate_t *r);
static ngx_uint_t ngx_litellm_replicate_hex(ngx_str_t *text);
static ngx_int_t ngx_litellm_replicate_headers(ngx_litellm_replicate_t *r);
static ngx_int_t ngx_litellm_replicate_body(ngx_litellm_replicate_t *r);
static void ngx_litellm_replicate_inputs(ngx_litellm_replicate_inputs_t *in);
static ngx_int_t ngx_litellm_replicate_stop(
    ngx_litellm_replicate_inputs_t *in);
static void ngx_litellm_replicate_input(ngx_litellm_replicate_inputs_t *in,
    const ngx_str_t *name);
static ngx_uint_t ngx_litellm_replicate_written(
    ngx_litellm_replicate_inputs_t *in, ngx_str_t *name);
static void ngx_litellm_replicate_extra(ngx_litellm_replicate_inputs_t *in);
static ngx_litellm_json_t *ngx_litellm_replicate_foreign(
    ngx_litellm_replicate_t *r, const char *name, size_t len);


const ngx_litellm_dialect_t  ngx_litellm_replicate_dialect = {
    ngx_string("replicate"),
    ngx_litellm_replicate_request,
    ngx_litellm_replicate_response,
    ngx_litellm_replicate_event,
    NULL,
    NULL,
    ngx_litellm_replicate_error,
    NGX_LITELLM_FRAMES_SSE,
    ngx_litellm_replicate_follow
};


/*
 * Streams come from a host of their own.  It is known only for Replicate
 * itself: behind another api_base predictions are looked at instead.
 */

ngx_int_t
ngx_litellm_replicate_setup(ngx_litellm_config_env_t *env, ngx_pool_t *pool,
    ngx_litellm_deployment_t *d, ngx_str_t *why)
{
    size_t       len;
    ngx_str_t    stream;
    const char  *error;

    len = sizeof(NGX_LITELLM_REPLICATE_HOST) - 1;

    if (d->api_base.len < len
        || ngx_strncasecmp(d->api_base.data,
                           (u_char *) NGX_LITELLM_REPLICATE_HOST, len)
           != 0
        || (d->api_base.len > len && d->api_base.data[len] != '/'))
    {
        return NGX_OK;
    }

    ngx_str_set(&stream, NGX_LITELLM_REPLICATE_STREAM);

    if (ngx_litellm_url_parse(pool, &stream, &d->alt, &error) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_replicate_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e)
{
    ngx_int_t                rc;
    ngx_litellm_replicate_t  r;

    ngx_memzero(&r, sizeof(ngx_litellm_replicate_t));

    r.call = call;
    r.wire = wire;
    r.out = &wire->body;
    r.e = e;
    r.family = ngx_litellm_replicate_family(&call->provider_model);

    wire->pass = 0;
    wire->hide_usage = 0;
    wire->whole = call->stream;

    /* the client's body lives as long as ours: long texts are not copied */

    if (r.out->ref_min == 0) {
        r.out->ref_min = NGX_LITELLM_REPLICATE_REF;
    }

    rc = call->format->parse(call, &r.doc, &r.chat, e);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_replicate_params(&r);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_replicate_path(&r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_litellm_replicate_headers(&r) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_litellm_replicate_body(&r);
    if (rc != NGX_OK) {
        return rc;
    }

    return wire->body.failed ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_litellm_replicate_params(ngx_litellm_replicate_t *r)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *v;

    for (i = 0; i < NGX_LITELLM_P_MAX; i++) {
        if (r->chat.param[i]) {
            r->present |= (uint64_t) 1 << i;
        }
    }

    /* LiteLLM's setting of a model that has such an input */

    v = ngx_litellm_replicate_foreign(r, "supports_system_prompt",
                                      sizeof("supports_system_prompt") - 1);

    if (ngx_litellm_json_is(v, TRUE)) {

        /* which it puts into a template of its own */

        r->system_prompt = 1;
        r->family = NGX_LITELLM_REPLICATE_PLAIN;
    }

    return ngx_litellm_params_check(r->call, &r->present,
                                    NGX_LITELLM_REPLICATE_PARAMS, r->e);
}


/*
 * "owner/name", "deployments/owner/name", and with the 64 hex digits of a
 * version behind a colon, or those alone, an endpoint of its own.  The name
 * may be the client's (a wildcard), so it is not trusted.
 */

static ngx_int_t
ngx_litellm_replicate_path(ngx_litellm_replicate_t *r)
{
    u_char      *p, *last, *start, *path, c;
    size_t       len;
    ngx_str_t    model;
    ngx_uint_t   n, deployment;

    model = r->call->provider_model;
    last = model.data + model.len;

    p = ngx_strlchr(model.data, last, ':');

    r->version.data = p ? p + 1 : model.data;
    r->version.len = last - r->version.data;

    if (ngx_litellm_replicate_hex(&r->version)) {
        return ngx_litellm_wire_path(r->call, r->wire, "/predictions",
                                     sizeof("/predictions") - 1);
    }

    ngx_str_null(&r->version);

    len = sizeof("deployments/") - 1;

    deployment = model.len > len
                 && ngx_memcmp(model.data, "deployments/", len) == 0;

    if (deployment) {
        model.data += len;
        model.len -= len;
    }

    n = 1;
    start = model.data;

    for (p = model.data; p <= last; p++) {

        c = (p < last) ? *p : '/';

        if (c == '/') {

            if (p == start || *start == '.' || (p < last && n++ == 2)) {
                goto invalid;
            }

            start = p + 1;
            continue;
        }

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
        {
            goto invalid;
        }
    }

    path = ngx_pnalloc(r->call->pool, sizeof("/deployments//predictions") - 1
                                      + model.len);
    if (path == NULL) {
        return NGX_ERROR;
    }

    p = deployment
        ? ngx_cpymem(path, "/deployments/", sizeof("/deployments/") - 1)
        : ngx_cpymem(path, "/models/", sizeof("/models/") - 1);
    p = ngx_cpymem(p, model.data, model.len);
    p = ngx_cpymem(p, "/predictions", sizeof("/predictions") - 1);

    return ngx_litellm_wire_path(r->call, r->wire, (char *) path, p - path);

invalid:

    return ngx_litellm_call_bad(r->call, r->e, "a model of this provider is "
                                "\"owner/name\", \"deployments/owner/name\" "
                                "or a version of 64 hex digits");
}


static ngx_uint_t
ngx_litellm_replicate_hex(ngx_str_t *text)
{
    u_char      c;
    ngx_uint_t  i;

    if (text->len != NGX_LITELLM_REPLICATE_VERSION) {
        return 0;
    }

    for (i = 0; i < text->len; i++) {
        c = text->data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_litellm_replicate_headers(ngx_litellm_replicate_t *r)
{
    ngx_str_t  *key, prefer;

    key = ngx_litellm_call_key(r->call);

    if (ngx_litellm_wire_bearer(r->call, r->wire, key) != NGX_OK) {
        return NGX_ERROR;
    }

    if (r->call->stream) {
        return NGX_OK;
    }

    /* seconds; well below the read timeouts that are in use */

    ngx_str_set(&prefer, "wait=30");

    return ngx_litellm_wire_header(r->wire, "Prefer", sizeof("Prefer") - 1,
                                   &prefer);
}


static ngx_int_t
ngx_litellm_replicate_body(ngx_litellm_replicate_t *r)
{
    ngx_int_t                        rc;
    ngx_str_t                        name;
    ngx_litellm_replicate_inputs_t   in;

    in.r = r;
    in.n = 0;

    ngx_litellm_out_lit(r->out, "{\"input\":{");

    rc = ngx_litellm_replicate_prompt(r);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_str_set(&name, "prompt");
    in.names[in.n++] = name;

    if (r->system_prompt) {
        ngx_str_set(&name, "system_prompt");
        in.names[in.n++] = name;
    }

    ngx_litellm_replicate_inputs(&in);

    rc = ngx_litellm_replicate_stop(&in);
    if (rc != NGX_OK) {
        return rc;
    }

    if (r->family != NGX_LITELLM_REPLICATE_PLAIN
        && ngx_litellm_replicate_foreign(r, "prompt_template",
                                         sizeof("prompt_template") - 1)
           == NULL)
    {
        /* the prompt is wrapped already */

        ngx_str_set(&name, "prompt_template");
        ngx_litellm_replicate_input(&in, &name);
        ngx_litellm_out_lit(r->out, "\"{prompt}\"");
    }

    ngx_litellm_replicate_extra(&in);
    ngx_litellm_out_lit(r->out, "}");

    if (r->version.len) {
        ngx_litellm_out_lit(r->out, ",\"version\":\"");
        ngx_litellm_out_str(r->out, &r->version);
        ngx_litellm_out_lit(r->out, "\"");
    }

    if (r->call->stream && r->call->deployment->alt.host.len) {
        ngx_litellm_out_lit(r->out, ",\"stream\":true");
    }

    ngx_litellm_out_lit(r->out, "}");

    return NGX_OK;
}


/*
 * The limit has another name with other makers' models; for the Llamas
 * max_new_tokens is the one that old and new ones know (cog-triton's schema).
 */

static void
ngx_litellm_replicate_inputs(ngx_litellm_replicate_inputs_t *in)
{
    ngx_str_t                 name;
    ngx_uint_t                i;
    ngx_litellm_json_t       *v;
    ngx_litellm_replicate_t  *r;

    static const struct {
        ngx_uint_t   id;
        ngx_str_t    name;
    } params[] = {
        { NGX_LITELLM_P_TEMPERATURE, ngx_string("temperature") },
        { NGX_LITELLM_P_TOP_P, ngx_string("top_p") },
        { NGX_LITELLM_P_TOP_K, ngx_string("top_k") },
        { NGX_LITELLM_P_SEED, ngx_string("seed") },
        { NGX_LITELLM_P_PRESENCE_PENALTY, ngx_string("presence_penalty") },
        { NGX_LITELLM_P_FREQUENCY_PENALTY, ngx_string("frequency_penalty") }
    };

    static const struct {
        const char  *maker;
        ngx_str_t    name;
    } limits[] = {
        { "openai/", ngx_string("max_completion_tokens") },
        { "google/", ngx_string("max_output_tokens") },
        { "anthropic/", ngx_string("max_tokens") },
        { "deepseek-ai/", ngx_string("max_tokens") }
    };

    r = in->r;

    v = ngx_litellm_replicate_param(r, MAX_COMPLETION_TOKENS);

    if (v == NULL) {
        v = ngx_litellm_replicate_param(r, MAX_TOKENS);
    }

    if (v) {
        ngx_str_set(&name, "max_new_tokens");

        for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
            if (r->call->provider_model.len > ngx_strlen(limits[i].maker)
                && ngx_memcmp(r->call->provider_model.data, limits[i].maker,
                              ngx_strlen(limits[i].maker))
                   == 0)
            {
                name = limits[i].name;
            }
        }

        ngx_litellm_replicate_input(in, &name);
        ngx_litellm_replicate_raw(r->out, v);
    }

    for (i = 0; i < sizeof(params) / sizeof(params[0]); i++) {

        v = r->chat.param[params[i].id];

        if (v && (r->present & ((uint64_t) 1 << params[i].id))) {
            ngx_litellm_replicate_input(in, &params[i].name);
            ngx_litellm_replicate_raw(r->out, v);
        }
    }
}


/* one text, sequences apart by a comma (the models' schema); four of them, as
   in OpenAI's API */

static ngx_int_t
ngx_litellm_replicate_stop(ngx_litellm_replicate_inputs_t *in)
{
    ngx_int_t                 rc;
    ngx_str_t                 name, text;
    ngx_uint_t                n;
    ngx_litellm_json_t       *v;
    ngx_litellm_stop_t        stop;
    ngx_litellm_replicate_t  *r;

    n = 0;
    r = in->r;

    ngx_litellm_stop_begin(&stop, ngx_litellm_replicate_param(r, STOP), 4);

    while ((rc = ngx_litellm_stop_next(r->call, &stop, &v, r->e)) == NGX_OK) {

        if (n++ == 0) {
            ngx_str_set(&name, "stop_sequences");
            ngx_litellm_replicate_input(in, &name);
            ngx_litellm_out_lit(r->out, "\"");

        } else {
            ngx_litellm_out_lit(r->out, ",");
        }

        text = ngx_litellm_json_text(v);
        ngx_litellm_out_str(r->out, &text);
    }

    if (rc != NGX_DONE) {
        return rc;
    }

    if (n) {
        ngx_litellm_out_lit(r->out, "\"");
    }

    return NGX_OK;
}


/* the name of an input; "prompt" stands before all */

static void
ngx_litellm_replicate_input(ngx_litellm_replicate_inputs_t *in,
    const ngx_str_t *name)
{
    in->names[in->n++] = *name;

    ngx_litellm_out_lit(in->r->out, ",\"");
    ngx_litellm_out_str(in->r->out, name);
    ngx_litellm_out_lit(in->r->out, "\":");
}


static ngx_uint_t
ngx_litellm_replicate_written(ngx_litellm_replicate_inputs_t *in,
    ngx_str_t *name)
{
    ngx_uint_t  i;

    for (i = 0; i < in->n; i++) {
        if (in->names[i].len == name->len
            && ngx_memcmp(in->names[i].data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* what is OpenAI's but was allowed by allowed_openai_params, and the rest */

static void
ngx_litellm_replicate_extra(ngx_litellm_replicate_inputs_t *in)
{
    ngx_str_t                *name, own;
    ngx_uint_t                i;
    ngx_litellm_json_t       *v;
    ngx_litellm_member_t     *m;
    ngx_litellm_replicate_t  *r;

    r = in->r;
    m = r->chat.extra.elts;

    ngx_str_set(&own, "supports_system_prompt");

    for (i = 0; i < r->chat.extra.nelts; i++) {

        if (ngx_litellm_replicate_written(in, &m[i].key)
            || (m[i].key.len == own.len
                && ngx_memcmp(m[i].key.data, own.data, own.len) == 0))
        {
            continue;
        }

        ngx_litellm_out_lit(r->out, ",\"");
        ngx_litellm_out_str(r->out, &m[i].key);
        ngx_litellm_out_lit(r->out, "\":");
        ngx_litellm_replicate_raw(r->out, m[i].value);
    }

    /* no foreign member has the name of one of these */

    for (i = 0; i < NGX_LITELLM_P_MAX; i++) {

        v = r->chat.param[i];

        if (v == NULL || !(r->present & ((uint64_t) 1 << i))
            || (NGX_LITELLM_REPLICATE_PARAMS & ((uint64_t) 1 << i)))
        {
            continue;
        }

        name = ngx_litellm_param_name(i);

        ngx_litellm_out_lit(r->out, ",\"");
        ngx_litellm_out_str(r->out, name);
        ngx_litellm_out_lit(r->out, "\":");
        ngx_litellm_replicate_raw(r->out, v);
    }
}


static ngx_litellm_json_t *
ngx_litellm_replicate_foreign(ngx_litellm_replicate_t *r, const char *name,
    size_t len)
{
    ngx_uint_t             i;
    ngx_litellm_member_t  *m;

    m = r->chat.extra.elts;

    for (i = 0; i < r->chat.extra.nelts; i++) {
        if (m[i].key.len == len && ngx_memcmp(m[i].key.data, name, len) == 0) {
            return m[i].value;
        }
    }

    return NULL;
}


ngx_uint_t
ngx_litellm_replicate_has(ngx_str_t *text, const char *word)
{
    size_t  len;

    len = ngx_strlen(word);

    return text->len >= len
           && ngx_strlcasestrn(text->data, text->data + text->len,
                               (u_char *) word, len - 1)
              != NULL;
}
