
/*
 * What of a request to Ollama is not its messages: which parameters are sent,
 * "options" (the model's), "format" (the form of the answer), "think", and the
 * members that are nobody's.  Called once for a request, between the two ends
 * of its body.
 *
 * Ollama knows some members at the top level; all else that a client or a
 * deployment has beside OpenAI's goes into "options", where model parameters
 * such as num_ctx belong.  A name is written once: OpenAI's parameter counts
 * before a foreign member of Ollama's name, that before one inside of an
 * "options" that the client wrote itself.
 */

#include "ngx_litellm_ollama.h"


/* members of "options" that are compared with each other */
#define NGX_LITELLM_OLLAMA_OPTIONS  64


#define NGX_LITELLM_OLLAMA_TEXT_PARAMS                                        \
    (ngx_litellm_param_bit(STREAM)                                            \
     | ngx_litellm_param_bit(STREAM_OPTIONS)                                  \
     | ngx_litellm_param_bit(MAX_TOKENS)                                      \
     | ngx_litellm_param_bit(MAX_COMPLETION_TOKENS)                           \
     | ngx_litellm_param_bit(TEMPERATURE)                                     \
     | ngx_litellm_param_bit(TOP_P)                                           \
     | ngx_litellm_param_bit(TOP_K)                                           \
     | ngx_litellm_param_bit(SEED)                                            \
     | ngx_litellm_param_bit(STOP)                                            \
     | ngx_litellm_param_bit(PRESENCE_PENALTY)                                \
     | ngx_litellm_param_bit(FREQUENCY_PENALTY)                               \
     | ngx_litellm_param_bit(RESPONSE_FORMAT)                                 \
     | ngx_litellm_param_bit(REASONING_EFFORT)                                \
     | ngx_litellm_param_bit(THINKING)                                        \
     | ngx_litellm_param_bit(USER)                                            \
     | ngx_litellm_param_bit(METADATA))

#define NGX_LITELLM_OLLAMA_CHAT_PARAMS                                        \
    (NGX_LITELLM_OLLAMA_TEXT_PARAMS                                           \
     | ngx_litellm_param_bit(TOOLS)                                           \
     | ngx_litellm_param_bit(TOOL_CHOICE)                                     \
     | ngx_litellm_param_bit(FUNCTIONS)                                       \
     | ngx_litellm_param_bit(FUNCTION_CALL))

#define NGX_LITELLM_OLLAMA_GENERATE_PARAMS                                    \
    (NGX_LITELLM_OLLAMA_TEXT_PARAMS                                           \
     | ngx_litellm_param_bit(SUFFIX))

/* base64 is made of the numbers by the client's format */

#define NGX_LITELLM_OLLAMA_EMBED_PARAMS                                       \
    (ngx_litellm_param_bit(DIMENSIONS)                                        \
     | ngx_litellm_param_bit(ENCODING_FORMAT)                                 \
     | ngx_litellm_param_bit(USER)                                            \
     | ngx_litellm_param_bit(METADATA))

#define NGX_LITELLM_OLLAMA_ALL_PARAMS                                         \
    (NGX_LITELLM_OLLAMA_CHAT_PARAMS                                           \
     | NGX_LITELLM_OLLAMA_GENERATE_PARAMS                                     \
     | NGX_LITELLM_OLLAMA_EMBED_PARAMS)


/* where a member stands beside "options" */
#define NGX_LITELLM_OLLAMA_AT_CHAT      0x01
#define NGX_LITELLM_OLLAMA_AT_GENERATE  0x02
#define NGX_LITELLM_OLLAMA_AT_EMBED     0x04
#define NGX_LITELLM_OLLAMA_AT_TEXT      0x03
#define NGX_LITELLM_OLLAMA_AT_ALL       0x07

/* written already */
#define NGX_LITELLM_OLLAMA_W_FORMAT     0x01
#define NGX_LITELLM_OLLAMA_W_THINK      0x02
#define NGX_LITELLM_OLLAMA_W_SUFFIX     0x04


typedef struct {
    ngx_litellm_ollama_t  *o;
    ngx_str_t              names[NGX_LITELLM_OLLAMA_OPTIONS];
    ngx_uint_t             n;
    ngx_uint_t             written;
} ngx_litellm_ollama_options_t;


static ngx_uint_t ngx_litellm_ollama_format(ngx_litellm_ollama_t *o);
static ngx_uint_t ngx_litellm_ollama_think(ngx_litellm_ollama_t *o);
static ngx_int_t ngx_litellm_ollama_options(ngx_litellm_ollama_t *o);
static ngx_int_t ngx_litellm_ollama_named_options(
    ngx_litellm_ollama_options_t *p);
static ngx_int_t ngx_litellm_ollama_option(ngx_litellm_ollama_options_t *p,
    ngx_str_t *name, ngx_litellm_json_t *v);
static void ngx_litellm_ollama_key(ngx_litellm_ollama_options_t *p,
    ngx_str_t *name);
static ngx_int_t ngx_litellm_ollama_stop(ngx_litellm_ollama_options_t *p);
static ngx_int_t ngx_litellm_ollama_own(ngx_litellm_ollama_options_t *p,
    ngx_litellm_json_t *options);
static ngx_uint_t ngx_litellm_ollama_top(ngx_litellm_ollama_t *o,
    ngx_str_t *name, ngx_uint_t *written);
static ngx_uint_t ngx_litellm_ollama_is_options(ngx_litellm_member_t *m);


ngx_int_t
ngx_litellm_ollama_params(ngx_litellm_ollama_t *o)
{
    uint64_t    supported;
    ngx_int_t   rc;
    ngx_uint_t  i;

    for (i = 0; i < NGX_LITELLM_P_MAX; i++) {
        if (o->chat.param[i]) {
            o->present |= (uint64_t) 1 << i;
        }
    }

    switch (o->call->op) {

    case NGX_LITELLM_OP_EMBEDDINGS:
        supported = NGX_LITELLM_OLLAMA_EMBED_PARAMS;
        break;

    case NGX_LITELLM_OP_COMPLETIONS:
        supported = NGX_LITELLM_OLLAMA_GENERATE_PARAMS;
        break;

    default: /* NGX_LITELLM_OP_CHAT */
        supported = NGX_LITELLM_OLLAMA_CHAT_PARAMS;
    }

    rc = ngx_litellm_params_check(o->call, &o->present, supported, o->e);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!(o->present & (ngx_litellm_param_bit(TOOLS)
                        | ngx_litellm_param_bit(FUNCTIONS))))
    {
        o->chat.ntools = 0;
    }

    return NGX_OK;
}


ngx_int_t
ngx_litellm_ollama_members(ngx_litellm_ollama_t *o)
{
    ngx_uint_t             i, written;
    ngx_litellm_json_t    *v;
    ngx_litellm_member_t  *m;

    written = 0;

    if (o->call->op != NGX_LITELLM_OP_EMBEDDINGS) {

        if (ngx_litellm_ollama_format(o)) {
            written |= NGX_LITELLM_OLLAMA_W_FORMAT;
        }

        if (ngx_litellm_ollama_think(o)) {
            written |= NGX_LITELLM_OLLAMA_W_THINK;
        }
    }

    v = o->generate ? ngx_litellm_ollama_param(o, SUFFIX) : NULL;

    if (v) {
        ngx_litellm_out_lit(o->out, ",\"suffix\":");
        ngx_litellm_ollama_raw(o->out, v);
        written |= NGX_LITELLM_OLLAMA_W_SUFFIX;
    }

    m = o->chat.extra.elts;

    for (i = 0; i < o->chat.extra.nelts; i++) {

        if (ngx_litellm_ollama_top(o, &m[i].key, &written)) {
            ngx_litellm_out_lit(o->out, ",\"");
            ngx_litellm_out_str(o->out, &m[i].key);
            ngx_litellm_out_lit(o->out, "\":");
            ngx_litellm_ollama_raw(o->out, m[i].value);
        }
    }

    return ngx_litellm_ollama_options(o);
}


/* Ollama takes "json" or a schema itself */

static ngx_uint_t
ngx_litellm_ollama_format(ngx_litellm_ollama_t *o)
{
    ngx_litellm_json_t  *v, *schema;

    v = ngx_litellm_ollama_param(o, RESPONSE_FORMAT);

    if (ngx_litellm_response_format(v, &schema) != NGX_OK) {
        return 0;
    }

    ngx_litellm_out_lit(o->out, ",\"format\":");

    if (ngx_litellm_json_is(schema, OBJECT)) {
        ngx_litellm_ollama_raw(o->out, schema);

    } else {
        ngx_litellm_out_lit(o->out, "\"json\"");
    }

    return 1;
}


/*
 * A switch, but for gpt-oss, which has levels and can't be turned off (API
 * reference, "Thinking").
 */

static ngx_uint_t
ngx_litellm_ollama_think(ngx_litellm_ollama_t *o)
{
    ngx_str_t           *model;
    ngx_litellm_json_t  *v, *m;

    v = ngx_litellm_ollama_param(o, THINKING);

    if (v) {
        m = ngx_litellm_json_member(v, "type");

        if (!ngx_litellm_json_is(m, STRING)) {
            return 0;
        }

        if (ngx_litellm_json_eq(m, "disabled")) {
            ngx_litellm_out_lit(o->out, ",\"think\":false");

        } else {
            ngx_litellm_out_lit(o->out, ",\"think\":true");
        }

        return 1;
    }

    v = ngx_litellm_ollama_param(o, REASONING_EFFORT);

    /* the Responses API's {"effort":...,"summary":...} */

    m = ngx_litellm_json_member(v, "effort");

    if (m) {
        v = m;
    }

    if (!ngx_litellm_json_is(v, STRING)) {
        return 0;
    }

    model = &o->call->provider_model;

    if (ngx_litellm_find(model->data, model->data + model->len, "gpt-oss",
                         sizeof("gpt-oss") - 1)
        != NULL)
    {
        if (ngx_litellm_json_eq(v, "low")
            || ngx_litellm_json_eq(v, "medium")
            || ngx_litellm_json_eq(v, "high"))
        {
            ngx_litellm_out_lit(o->out, ",\"think\":");
            ngx_litellm_ollama_raw(o->out, v);
            return 1;
        }

        if (ngx_litellm_json_eq(v, "none")
            || ngx_litellm_json_eq(v, "minimal"))
        {
            ngx_litellm_out_lit(o->out, ",\"think\":\"low\"");

        } else {
            ngx_litellm_out_lit(o->out, ",\"think\":\"high\"");
        }

        return 1;
    }

    if (ngx_litellm_json_eq(v, "none") || ngx_litellm_json_eq(v, "minimal")) {
        ngx_litellm_out_lit(o->out, ",\"think\":false");

    } else {
        ngx_litellm_out_lit(o->out, ",\"think\":true");
    }

    return 1;
}


static ngx_int_t
ngx_litellm_ollama_options(ngx_litellm_ollama_t *o)
{
    ngx_int_t                      rc;
    ngx_uint_t                     i;
    ngx_litellm_json_t            *v;
    ngx_litellm_member_t          *m;
    ngx_litellm_ollama_options_t   p;

    p.o = o;
    p.n = 0;
    p.written = 0;

    if (o->call->op != NGX_LITELLM_OP_EMBEDDINGS) {

        rc = ngx_litellm_ollama_named_options(&p);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    /* what else is present was allowed by allowed_openai_params */

    for (i = 0; i < NGX_LITELLM_P_MAX; i++) {

        v = o->chat.param[i];

        if (v && (o->present & ((uint64_t) 1 << i))
            && !(NGX_LITELLM_OLLAMA_ALL_PARAMS & ((uint64_t) 1 << i)))
        {
            rc = ngx_litellm_ollama_option(&p, ngx_litellm_param_name(i), v);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    m = o->chat.extra.elts;

    for (i = 0; i < o->chat.extra.nelts; i++) {

        if (ngx_litellm_ollama_top(o, &m[i].key, NULL)
            || ngx_litellm_ollama_is_options(&m[i]))
        {
            continue;
        }

        rc = ngx_litellm_ollama_option(&p, &m[i].key, m[i].value);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    for (i = 0; i < o->chat.extra.nelts; i++) {

        if (ngx_litellm_ollama_is_options(&m[i])) {
            rc = ngx_litellm_ollama_own(&p, m[i].value);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    if (p.written) {
        ngx_litellm_out_lit(o->out, "}");
    }

    return NGX_OK;
}


/* OpenAI's parameters under Ollama's names */

static ngx_int_t
ngx_litellm_ollama_named_options(ngx_litellm_ollama_options_t *p)
{
    ngx_int_t              rc;
    ngx_str_t              name;
    ngx_uint_t             i;
    ngx_litellm_json_t    *v;
    ngx_litellm_ollama_t  *o;

    static const struct {
        ngx_uint_t   id;
        ngx_str_t    name;
    } params[] = {
        { NGX_LITELLM_P_MAX_COMPLETION_TOKENS, ngx_string("num_predict") },
        { NGX_LITELLM_P_MAX_TOKENS, ngx_string("num_predict") },
        { NGX_LITELLM_P_TEMPERATURE, ngx_string("temperature") },
        { NGX_LITELLM_P_TOP_P, ngx_string("top_p") },
        { NGX_LITELLM_P_TOP_K, ngx_string("top_k") },
        { NGX_LITELLM_P_SEED, ngx_string("seed") },
        { NGX_LITELLM_P_FREQUENCY_PENALTY, ngx_string("frequency_penalty") },
        { NGX_LITELLM_P_PRESENCE_PENALTY, ngx_string("presence_penalty") }
    };

    o = p->o;

    for (i = 0; i < sizeof(params) / sizeof(params[0]); i++) {

        v = o->chat.param[params[i].id];

        if (v && (o->present & ((uint64_t) 1 << params[i].id))) {
            name = params[i].name;

            rc = ngx_litellm_ollama_option(p, &name, v);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    return ngx_litellm_ollama_stop(p);
}


/* nothing for a name that was written before */

static ngx_int_t
ngx_litellm_ollama_option(ngx_litellm_ollama_options_t *p, ngx_str_t *name,
    ngx_litellm_json_t *v)
{
    ngx_uint_t  i;

    for (i = 0; i < p->n; i++) {
        if (p->names[i].len == name->len
            && ngx_memcmp(p->names[i].data, name->data, name->len) == 0)
        {
            return NGX_OK;
        }
    }

    if (p->n == NGX_LITELLM_OLLAMA_OPTIONS) {
        return ngx_litellm_call_bad(p->o->call, p->o->e, "too many "
                                    "parameters that are not OpenAI's");
    }

    ngx_litellm_ollama_key(p, name);
    ngx_litellm_ollama_raw(p->o->out, v);

    return NGX_OK;
}


static void
ngx_litellm_ollama_key(ngx_litellm_ollama_options_t *p, ngx_str_t *name)
{
    p->names[p->n++] = *name;

    if (p->written++) {
        ngx_litellm_out_lit(p->o->out, ",\"");

    } else {
        ngx_litellm_out_lit(p->o->out, ",\"options\":{\"");
    }

    ngx_litellm_out_str(p->o->out, name);
    ngx_litellm_out_lit(p->o->out, "\":");
}


/* an array always (api/types.go); four, as in OpenAI's API */

static ngx_int_t
ngx_litellm_ollama_stop(ngx_litellm_ollama_options_t *p)
{
    ngx_int_t            rc;
    ngx_str_t            name;
    ngx_uint_t           n;
    ngx_litellm_json_t  *v;
    ngx_litellm_stop_t   stop;

    n = 0;

    ngx_litellm_stop_begin(&stop, ngx_litellm_ollama_param(p->o, STOP), 4);

    while ((rc = ngx_litellm_stop_next(p->o->call, &stop, &v, p->o->e))
           == NGX_OK)
    {
        if (n++ == 0) {
            ngx_str_set(&name, "stop");
            ngx_litellm_ollama_key(p, &name);
            ngx_litellm_out_lit(p->o->out, "[");

        } else {
            ngx_litellm_out_lit(p->o->out, ",");
        }

        ngx_litellm_ollama_raw(p->o->out, v);
    }

    if (rc != NGX_DONE) {
        return rc;
    }

    if (n) {
        ngx_litellm_out_lit(p->o->out, "]");
    }

    return NGX_OK;
}


/* an "options" of the client's own, in Ollama's form */

static ngx_int_t
ngx_litellm_ollama_own(ngx_litellm_ollama_options_t *p,
    ngx_litellm_json_t *options)
{
    ngx_int_t            rc;
    ngx_str_t            name;
    ngx_uint_t           i;
    ngx_litellm_json_t  *key;

    key = options + 1;

    for (i = 0; i < options->count; i++) {

        if (!((key->flags | key[1].flags) & NGX_LITELLM_JSON_DROPPED)
            && key[1].type != NGX_LITELLM_JSON_NULL)
        {
            name = ngx_litellm_json_text(key);

            rc = ngx_litellm_ollama_option(p, &name, key + 1);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        key = ngx_litellm_json_next(key + 1);
    }

    return NGX_OK;
}


/*
 * True for a member that stands at the top level and, with written, was not
 * written yet.
 */

static ngx_uint_t
ngx_litellm_ollama_top(ngx_litellm_ollama_t *o, ngx_str_t *name,
    ngx_uint_t *written)
{
    ngx_uint_t  i, at;

    static const struct {
        ngx_str_t    name;
        ngx_uint_t   at;
        ngx_uint_t   written;
    } members[] = {
        { ngx_string("keep_alive"), NGX_LITELLM_OLLAMA_AT_ALL, 0 },
        { ngx_string("format"), NGX_LITELLM_OLLAMA_AT_TEXT,
          NGX_LITELLM_OLLAMA_W_FORMAT },
        { ngx_string("think"), NGX_LITELLM_OLLAMA_AT_TEXT,
          NGX_LITELLM_OLLAMA_W_THINK },
        { ngx_string("truncate"), NGX_LITELLM_OLLAMA_AT_ALL, 0 },
        { ngx_string("shift"), NGX_LITELLM_OLLAMA_AT_TEXT, 0 },
        { ngx_string("suffix"), NGX_LITELLM_OLLAMA_AT_GENERATE,
          NGX_LITELLM_OLLAMA_W_SUFFIX },
        { ngx_string("system"), NGX_LITELLM_OLLAMA_AT_GENERATE, 0 },
        { ngx_string("template"), NGX_LITELLM_OLLAMA_AT_GENERATE, 0 },
        { ngx_string("images"), NGX_LITELLM_OLLAMA_AT_GENERATE, 0 },
        { ngx_string("context"), NGX_LITELLM_OLLAMA_AT_GENERATE, 0 },
        { ngx_string("raw"), NGX_LITELLM_OLLAMA_AT_GENERATE, 0 }
    };

    switch (o->call->op) {

    case NGX_LITELLM_OP_EMBEDDINGS:
        at = NGX_LITELLM_OLLAMA_AT_EMBED;
        break;

    case NGX_LITELLM_OP_COMPLETIONS:
        at = NGX_LITELLM_OLLAMA_AT_GENERATE;
        break;

    default: /* NGX_LITELLM_OP_CHAT */
        at = NGX_LITELLM_OLLAMA_AT_CHAT;
    }

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {

        if ((members[i].at & at) == 0
            || members[i].name.len != name->len
            || ngx_memcmp(members[i].name.data, name->data, name->len) != 0)
        {
            continue;
        }

        if (written == NULL) {
            return 1;
        }

        if (*written & members[i].written) {
            return 0;
        }

        *written |= members[i].written;

        return 1;
    }

    return 0;
}


static ngx_uint_t
ngx_litellm_ollama_is_options(ngx_litellm_member_t *m)
{
    return m->key.len == sizeof("options") - 1
           && ngx_memcmp(m->key.data, "options", sizeof("options") - 1) == 0
           && m->value->type == NGX_LITELLM_JSON_OBJECT;
}
