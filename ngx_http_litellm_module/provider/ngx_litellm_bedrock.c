
/*
 * The Bedrock provider dialect: a request in the neutral form becomes one of
 * the Converse API, or of ConverseStream, which takes the same body.  This file
 * owns the vtable and the order of the body's members; wire and credentials,
 * parameters, messages, media, tools, answers and streams have files of their
 * own.
 *
 * What Converse has no member for goes below additionalModelRequestFields,
 * which AWS puts into the model's own request: Claude's thinking, top_k, and
 * whatever the client sends beside OpenAI's parameters.  No member is written
 * twice.
 */

#include "ngx_litellm_bedrock.h"


/* texts from this length on are sent from where they are */
#define NGX_LITELLM_BEDROCK_REF     4096

/* members of the client's own additionalModelRequestFields */
#define NGX_LITELLM_BEDROCK_FIELDS  64

/* members that are made here, at most */
#define NGX_LITELLM_BEDROCK_MADE    8


typedef struct {
    ngx_litellm_out_t    *out;
    ngx_litellm_json_t   *own;      /* the client's object; NULL: none */
    ngx_uint_t            n;        /* written so far */
    ngx_str_t             made[NGX_LITELLM_BEDROCK_MADE];  /* names of those
                                                              made here */
    ngx_uint_t            nmade;
} ngx_litellm_bedrock_fields_t;


static ngx_int_t ngx_litellm_bedrock_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_bedrock_body(ngx_litellm_bedrock_t *b);
static ngx_int_t ngx_litellm_bedrock_inference(ngx_litellm_bedrock_t *b);
static ngx_int_t ngx_litellm_bedrock_stop(ngx_litellm_bedrock_t *b,
    ngx_uint_t *n);
static ngx_int_t ngx_litellm_bedrock_fields(ngx_litellm_bedrock_t *b);
static ngx_int_t ngx_litellm_bedrock_own_fields(ngx_litellm_bedrock_t *b,
    ngx_litellm_bedrock_fields_t *f);
static void ngx_litellm_bedrock_claude_fields(ngx_litellm_bedrock_t *b,
    ngx_litellm_bedrock_fields_t *f);
static void ngx_litellm_bedrock_family_fields(ngx_litellm_bedrock_t *b,
    ngx_litellm_bedrock_fields_t *f);
static ngx_uint_t ngx_litellm_bedrock_field(ngx_litellm_bedrock_fields_t *f,
    const char *name, size_t len);
static ngx_uint_t ngx_litellm_bedrock_make(ngx_litellm_bedrock_fields_t *f,
    const char *name, size_t len);
static void ngx_litellm_bedrock_comma(ngx_litellm_out_t *out, ngx_uint_t *n);
static ngx_int_t ngx_litellm_bedrock_output(ngx_litellm_bedrock_t *b);
static void ngx_litellm_bedrock_tier(ngx_litellm_bedrock_t *b);
static void ngx_litellm_bedrock_members(ngx_litellm_bedrock_t *b);
static ngx_uint_t ngx_litellm_bedrock_is_member(ngx_str_t *key);


/* of a Converse request; outputConfig and serviceTier only if not made here */

static const ngx_str_t  ngx_litellm_bedrock_converse_members[] = {
    ngx_string("guardrailConfig"),
    ngx_string("performanceConfig"),
    ngx_string("requestMetadata"),
    ngx_string("promptVariables"),
    ngx_string("additionalModelResponseFieldPaths"),
    ngx_string("outputConfig"),
    ngx_string("serviceTier")
};


const ngx_litellm_dialect_t  ngx_litellm_bedrock_dialect = {
    ngx_string("bedrock"),
    ngx_litellm_bedrock_request,
    ngx_litellm_bedrock_response,
    ngx_litellm_bedrock_event,
    NULL,
    NULL,
    ngx_litellm_bedrock_error,
    NGX_LITELLM_FRAMES_AWS,
    NULL
};


static ngx_int_t
ngx_litellm_bedrock_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e)
{
    ngx_int_t               rc;
    ngx_str_t               region;
    ngx_litellm_bedrock_t  *b;

    b = ngx_pcalloc(call->pool, sizeof(ngx_litellm_bedrock_t));
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->a.call = call;
    b->a.wire = wire;
    b->a.out = &wire->body;
    b->a.e = e;

    wire->pass = 0;
    wire->hide_usage = 0;

    /* the client's body lives as long as ours: long texts are not copied */

    if (b->a.out->ref_min == 0) {
        b->a.out->ref_min = NGX_LITELLM_BEDROCK_REF;
    }

    ngx_litellm_bedrock_model(&call->provider_model, &b->model, &region);

    rc = call->format->parse(call, &b->a.doc, &b->a.chat, e);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_bedrock_params(b);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_bedrock_body(b);
    if (rc != NGX_OK) {
        return rc;
    }

    if (b->waiting) {
        return NGX_AGAIN;
    }

    rc = ngx_litellm_bedrock_path(call, wire, &b->model,
                                  call->stream ? "/converse-stream"
                                               : "/converse", e);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_litellm_bedrock_sign(call, wire);
}


static ngx_int_t
ngx_litellm_bedrock_body(ngx_litellm_bedrock_t *b)
{
    ngx_int_t  rc;

    ngx_litellm_out_lit(b->a.out, "{");

    rc = ngx_litellm_bedrock_messages(b);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_bedrock_inference(b);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_bedrock_tools(b);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_bedrock_fields(b);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_litellm_bedrock_output(b) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_litellm_bedrock_tier(b);
    ngx_litellm_bedrock_members(b);

    ngx_litellm_out_lit(b->a.out, "}");

    return NGX_OK;
}


static void
ngx_litellm_bedrock_comma(ngx_litellm_out_t *out, ngx_uint_t *n)
{
    if ((*n)++) {
        ngx_litellm_out_lit(out, ",");
    }
}


/* OpenAI's temperature goes to 2, Converse's to 1 */

static ngx_int_t
ngx_litellm_bedrock_inference(ngx_litellm_bedrock_t *b)
{
    int64_t              scaled;
    ngx_int_t            rc;
    ngx_uint_t           n;
    ngx_litellm_out_t   *out;
    ngx_litellm_json_t  *v;

    out = b->a.out;
    n = 0;

    ngx_litellm_out_lit(out, ",\"inferenceConfig\":{");

    v = ngx_litellm_bedrock_param(b, MAX_COMPLETION_TOKENS);
    if (v == NULL) {
        v = ngx_litellm_bedrock_param(b, MAX_TOKENS);
    }

    if (v) {
        ngx_litellm_bedrock_comma(out, &n);
        ngx_litellm_out_lit(out, "\"maxTokens\":");
        ngx_litellm_anthropic_raw(out, v);

    } else if (b->a.budget > 0) {
        ngx_litellm_bedrock_comma(out, &n);
        ngx_litellm_out_lit(out, "\"maxTokens\":");
        ngx_litellm_out_int(out, ngx_min(b->a.budget, NGX_MAX_INT32_VALUE)
                                 + NGX_LITELLM_ANTHROPIC_MAX_TOKENS);
    }

    v = ngx_litellm_bedrock_param(b, TEMPERATURE);

    if (v) {
        ngx_litellm_bedrock_comma(out, &n);
        ngx_litellm_out_lit(out, "\"temperature\":");

        if (ngx_litellm_json_is(v, NUMBER)
            && ngx_litellm_json_fixed(v, 3, &scaled) == NGX_OK
            && scaled > 1000)
        {
            ngx_litellm_out_lit(out, "1");

        } else {
            ngx_litellm_anthropic_raw(out, v);
        }
    }

    v = ngx_litellm_bedrock_param(b, TOP_P);

    if (v) {
        ngx_litellm_bedrock_comma(out, &n);
        ngx_litellm_out_lit(out, "\"topP\":");
        ngx_litellm_anthropic_raw(out, v);
    }

    rc = ngx_litellm_bedrock_stop(b, &n);

    ngx_litellm_out_lit(out, "}");

    return rc;
}


/* OpenAI takes four; models refuse white space, drop_params takes it out */

static ngx_int_t
ngx_litellm_bedrock_stop(ngx_litellm_bedrock_t *b, ngx_uint_t *n)
{
    ngx_int_t            rc;
    ngx_str_t            text;
    ngx_uint_t           written;
    ngx_litellm_out_t   *out;
    ngx_litellm_json_t  *v;
    ngx_litellm_stop_t   stop;

    out = b->a.out;
    written = 0;

    ngx_litellm_stop_begin(&stop, ngx_litellm_bedrock_param(b, STOP), 4);

    while ((rc = ngx_litellm_stop_next(b->a.call, &stop, &v, b->a.e))
           == NGX_OK)
    {
        text = ngx_litellm_json_text(v);

        if (b->a.call->drop_params && ngx_litellm_call_blank(&text)) {
            continue;
        }

        if (written++) {
            ngx_litellm_out_lit(out, ",");

        } else {
            ngx_litellm_bedrock_comma(out, n);
            ngx_litellm_out_lit(out, "\"stopSequences\":[");
        }

        ngx_litellm_anthropic_raw(out, v);
    }

    if (rc != NGX_DONE) {
        return rc;
    }

    if (written) {
        ngx_litellm_out_lit(out, "]");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_bedrock_fields(ngx_litellm_bedrock_t *b)
{
    ngx_uint_t                     i;
    ngx_litellm_json_t            *v;
    ngx_litellm_member_t          *m;
    ngx_litellm_bedrock_fields_t   f;

    f.out = b->a.out;
    f.own = NULL;
    f.n = 0;
    f.nmade = 0;

    m = b->a.chat.extra.elts;

    for (i = 0; i < b->a.chat.extra.nelts; i++) {
        if (m[i].key.len == sizeof("additionalModelRequestFields") - 1
            && ngx_memcmp(m[i].key.data, "additionalModelRequestFields",
                          m[i].key.len) == 0)
        {
            f.own = m[i].value;
        }
    }

    if (f.own != NULL
        && (f.own->type != NGX_LITELLM_JSON_OBJECT
            || f.own->count > NGX_LITELLM_BEDROCK_FIELDS))
    {
        return ngx_litellm_bedrock_bad(b, "'additionalModelRequestFields' must "
                                       "be an object with at most 64 members");
    }

    if (b->family == NGX_LITELLM_BEDROCK_CLAUDE) {
        ngx_litellm_bedrock_claude_fields(b, &f);

    } else {
        ngx_litellm_bedrock_family_fields(b, &f);
    }

    /* what else is present was allowed by allowed_openai_params */

    for (i = 0; i < NGX_LITELLM_P_MAX; i++) {
        v = b->a.chat.param[i];

        if (v && (b->a.present & ((uint64_t) 1 << i))
            && !(NGX_LITELLM_ANTHROPIC_ALL_PARAMS & ((uint64_t) 1 << i))
            && i != NGX_LITELLM_P_SERVICE_TIER
            && ngx_litellm_bedrock_field(&f,
                                   (char *) ngx_litellm_param_name(i)->data,
                                   ngx_litellm_param_name(i)->len))
        {
            ngx_litellm_anthropic_raw(f.out, v);
        }
    }

    for (i = 0; i < b->a.chat.extra.nelts; i++) {

        if (m[i].value != f.own && !ngx_litellm_bedrock_is_member(&m[i].key)
            && ngx_litellm_bedrock_field(&f, (char *) m[i].key.data,
                                         m[i].key.len))
        {
            ngx_litellm_anthropic_raw(f.out, m[i].value);
        }
    }

    if (f.own != NULL
        && ngx_litellm_bedrock_own_fields(b, &f) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (f.n) {
        ngx_litellm_out_lit(f.out, "}");
    }

    return NGX_OK;
}


/* the client's own object; of one name the last one counts */

static ngx_int_t
ngx_litellm_bedrock_own_fields(ngx_litellm_bedrock_t *b,
    ngx_litellm_bedrock_fields_t *f)
{
    ngx_str_t            name, text;
    ngx_uint_t           i;
    ngx_litellm_json_t  *key;

    key = f->own + 1;

    for (i = 0; i < f->own->count; i++, key = ngx_litellm_json_next(key + 1)) {
        text = ngx_litellm_json_text(key);

        if (ngx_litellm_json_unescape(b->a.call->pool, &name, &text)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (ngx_litellm_json_get(f->own, (char *) name.data, name.len)
            == key + 1)
        {
            (void) ngx_litellm_bedrock_field(f, NULL, 0);
            ngx_litellm_anthropic_raw(f->out, key);
            ngx_litellm_out_lit(f->out, ":");
            ngx_litellm_anthropic_raw(f->out, key + 1);
        }
    }

    return NGX_OK;
}


/*
 * Begins a member; name NULL: what stands before one.  False if it was made
 * here, or the client has it in an object of its own, which counts.
 */

static ngx_uint_t
ngx_litellm_bedrock_field(ngx_litellm_bedrock_fields_t *f, const char *name,
    size_t len)
{
    ngx_uint_t  i;

    if (name && f->own && ngx_litellm_json_get(f->own, name, len)) {
        return 0;
    }

    for (i = 0; name && i < f->nmade; i++) {
        if (f->made[i].len == len
            && ngx_memcmp(f->made[i].data, name, len) == 0)
        {
            return 0;
        }
    }

    if (f->n++) {
        ngx_litellm_out_lit(f->out, ",");

    } else {
        ngx_litellm_out_lit(f->out, ",\"additionalModelRequestFields\":{");
    }

    if (name) {
        ngx_litellm_out_lit(f->out, "\"");
        ngx_litellm_out_copy(f->out, name, len);
        ngx_litellm_out_lit(f->out, "\":");
    }

    return 1;
}


static ngx_uint_t
ngx_litellm_bedrock_make(ngx_litellm_bedrock_fields_t *f, const char *name,
    size_t len)
{
    if (!ngx_litellm_bedrock_field(f, name, len)) {
        return 0;
    }

    f->made[f->nmade].data = (u_char *) name;
    f->made[f->nmade].len = len;
    f->nmade++;

    return 1;
}

#define ngx_litellm_bedrock_field_lit(f, name)                                \
    ngx_litellm_bedrock_make(f, name, sizeof(name) - 1)


/* members of the Messages API */

static void
ngx_litellm_bedrock_claude_fields(ngx_litellm_bedrock_t *b,
    ngx_litellm_bedrock_fields_t *f)
{
    ngx_litellm_json_t  *v;

    v = ngx_litellm_bedrock_param(b, TOP_K);

    if (v && ngx_litellm_bedrock_field_lit(f, "top_k")) {
        ngx_litellm_anthropic_raw(f->out, v);
    }

    if (b->a.think != NGX_LITELLM_ANTHROPIC_THINK_UNSET
        && ngx_litellm_bedrock_field_lit(f, "thinking"))
    {
        switch (b->a.think) {

        case NGX_LITELLM_ANTHROPIC_THINK_AS_IS:
            ngx_litellm_anthropic_raw(f->out,
                                  b->a.chat.param[NGX_LITELLM_P_THINKING]);
            break;

        case NGX_LITELLM_ANTHROPIC_THINK_BUDGET:
            ngx_litellm_out_lit(f->out, "{\"type\":\"enabled\","
                                "\"budget_tokens\":");
            ngx_litellm_out_int(f->out, b->a.budget);
            ngx_litellm_out_lit(f->out, "}");
            break;

        case NGX_LITELLM_ANTHROPIC_THINK_ADAPTIVE:
            ngx_litellm_out_lit(f->out, "{\"type\":\"adaptive\"}");
            break;

        default: /* NGX_LITELLM_ANTHROPIC_THINK_SUMMARY */
            ngx_litellm_out_lit(f->out, "{\"type\":\"adaptive\","
                                "\"display\":\"summarized\"}");
        }
    }

    if (b->a.effort && ngx_litellm_bedrock_field_lit(f, "output_config")) {
        ngx_litellm_out_lit(f->out, "{\"effort\":\"");
        ngx_litellm_out_copy(f->out, b->a.effort, ngx_strlen(b->a.effort));
        ngx_litellm_out_lit(f->out, "\"}");
    }

    v = ngx_litellm_bedrock_param(b, PARALLEL_TOOL_CALLS);

    if (b->no_tools || !ngx_litellm_json_is(v, FALSE)
        || !ngx_litellm_bedrock_field_lit(f, "tool_choice"))
    {
        return;
    }

    /* the kind of choice is toolConfig's if it has one */

    if (b->a.chat.tool_choice == NGX_LITELLM_CHOICE_UNSET && !b->a.json_tool) {
        ngx_litellm_out_lit(f->out, "{\"type\":\"auto\","
                            "\"disable_parallel_tool_use\":true}");

    } else {
        ngx_litellm_out_lit(f->out, "{\"disable_parallel_tool_use\":true}");
    }
}


static void
ngx_litellm_bedrock_family_fields(ngx_litellm_bedrock_t *b,
    ngx_litellm_bedrock_fields_t *f)
{
    ngx_litellm_json_t  *v;

    v = ngx_litellm_bedrock_param(b, TOP_K);

    if (v && (b->family == NGX_LITELLM_BEDROCK_NOVA
              || b->family == NGX_LITELLM_BEDROCK_NOVA_2))
    {
        if (ngx_litellm_bedrock_field_lit(f, "inferenceConfig")) {
            ngx_litellm_out_lit(f->out, "{\"topK\":");
            ngx_litellm_anthropic_raw(f->out, v);
            ngx_litellm_out_lit(f->out, "}");
        }

    } else if (v && ngx_litellm_bedrock_field_lit(f, "top_k")) {
        ngx_litellm_anthropic_raw(f->out, v);
    }

    v = ngx_litellm_bedrock_param(b, THINKING);

    if (v && ngx_litellm_bedrock_field_lit(f, "thinking")) {
        ngx_litellm_anthropic_raw(f->out, v);
    }

    if (b->effort == NULL) {
        return;
    }

    if (b->family == NGX_LITELLM_BEDROCK_NOVA_2) {
        if (ngx_litellm_bedrock_field_lit(f, "reasoningConfig")) {
            ngx_litellm_out_lit(f->out, "{\"type\":\"enabled\","
                                "\"maxReasoningEffort\":\"");
            ngx_litellm_out_copy(f->out, b->effort, ngx_strlen(b->effort));
            ngx_litellm_out_lit(f->out, "\"}");
        }

    } else if (ngx_litellm_bedrock_field_lit(f, "reasoning_effort")) {
        ngx_litellm_out_lit(f->out, "\"");
        ngx_litellm_out_copy(f->out, b->effort, ngx_strlen(b->effort));
        ngx_litellm_out_lit(f->out, "\"");
    }
}


/* JsonSchemaDefinition: the schema is a JSON text in a string */

static ngx_int_t
ngx_litellm_bedrock_output(ngx_litellm_bedrock_t *b)
{
    ngx_str_t            text, schema;
    ngx_litellm_out_t   *out, tmp;
    ngx_litellm_json_t  *format, *v, node;

    if (b->a.schema == NULL || b->a.json_tool) {
        return NGX_OK;
    }

    out = b->a.out;

    ngx_litellm_out_init(&tmp, b->a.call->pool);
    ngx_litellm_anthropic_schema(&tmp, b->a.schema);

    if (ngx_litellm_out_join(&tmp, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(&node, sizeof(ngx_litellm_json_t));
    node.start = text.data;
    node.len = text.len;

    if (ngx_litellm_call_arguments(b->a.call->pool, &node, &schema)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_litellm_out_lit(out, ",\"outputConfig\":{\"textFormat\":{\"type\":"
                        "\"json_schema\",\"structure\":{\"jsonSchema\":"
                        "{\"schema\":\"");
    ngx_litellm_out_str(out, &schema);
    ngx_litellm_out_lit(out, "\"");

    format = ngx_litellm_json_member(b->a.chat.param[
                                             NGX_LITELLM_P_RESPONSE_FORMAT],
                                     "json_schema");

    v = ngx_litellm_json_member(format, "name");

    if (ngx_litellm_json_is(v, STRING) && v->len > 2) {
        ngx_litellm_out_lit(out, ",\"name\":");
        ngx_litellm_anthropic_raw(out, v);
    }

    v = ngx_litellm_json_member(format, "description");

    if (ngx_litellm_json_is(v, STRING) && v->len > 2) {
        ngx_litellm_out_lit(out, ",\"description\":");
        ngx_litellm_anthropic_raw(out, v);
    }

    ngx_litellm_out_lit(out, "}}}}");

    return NGX_OK;
}


/* Converse knows no "auto" */

static void
ngx_litellm_bedrock_tier(ngx_litellm_bedrock_t *b)
{
    ngx_litellm_json_t  *v;

    v = ngx_litellm_bedrock_param(b, SERVICE_TIER);

    if (!ngx_litellm_json_is(v, STRING)) {
        return;
    }

    ngx_litellm_out_lit(b->a.out, ",\"serviceTier\":{\"type\":");

    if (ngx_litellm_json_eq(v, "auto")) {
        ngx_litellm_out_lit(b->a.out, "\"default\"}");
        return;
    }

    ngx_litellm_anthropic_raw(b->a.out, v);
    ngx_litellm_out_lit(b->a.out, "}");
}


static ngx_uint_t
ngx_litellm_bedrock_is_member(ngx_str_t *key)
{
    ngx_uint_t        i, n;
    const ngx_str_t  *name;

    name = ngx_litellm_bedrock_converse_members;
    n = sizeof(ngx_litellm_bedrock_converse_members) / sizeof(ngx_str_t);

    for (i = 0; i < n; i++) {
        if (key->len == name[i].len
            && ngx_memcmp(key->data, name[i].data, key->len) == 0)
        {
            return i + 1;
        }
    }

    return 0;
}


static void
ngx_litellm_bedrock_members(ngx_litellm_bedrock_t *b)
{
    ngx_uint_t             i, n, paths;
    ngx_litellm_member_t  *m;

    m = b->a.chat.extra.elts;
    paths = 0;

    for (i = 0; i < b->a.chat.extra.nelts; i++) {
        n = ngx_litellm_bedrock_is_member(&m[i].key);

        if (n == 0
            || (n == 6 && b->a.schema && !b->a.json_tool)
            || (n == 7
                && ngx_litellm_json_is(ngx_litellm_bedrock_param(b,
                                                                SERVICE_TIER),
                                       STRING)))
        {
            continue;
        }

        paths |= (n == 5);

        ngx_litellm_out_lit(b->a.out, ",\"");
        ngx_litellm_out_str(b->a.out, &m[i].key);
        ngx_litellm_out_lit(b->a.out, "\":");
        ngx_litellm_anthropic_raw(b->a.out, m[i].value);
    }

    /* how much of the output was thinking; ignored by models without it */

    if (b->a.think != NGX_LITELLM_ANTHROPIC_THINK_UNSET && !paths) {
        ngx_litellm_out_lit(b->a.out, ",\"additionalModelResponseFieldPaths\":"
                            "[\"/usage/output_tokens_details\"]");
    }
}
