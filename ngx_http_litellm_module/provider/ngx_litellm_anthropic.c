
/*
 * The Anthropic provider dialect: a request in the neutral form becomes one of
 * the Messages API.  This file owns the vtable and the order of the body's
 * members; messages, tools, schemas, headers, answers and streams have files
 * of their own, and so has what must be decided before anything is written
 * (ngx_litellm_anthropic_params.c).
 *
 * The body is written once, from the neutral form into wire->body: no tree in
 * between, numbers and texts keep their bytes.  A member is written at most
 * once, whatever the client or the deployment sends beside OpenAI's.
 */

#include "ngx_litellm_anthropic.h"
#include "ngx_litellm_vertex.h"


static ngx_int_t ngx_litellm_anthropic_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_anthropic_body(ngx_litellm_anthropic_t *a);
static void ngx_litellm_anthropic_max_tokens(ngx_litellm_anthropic_t *a);
static void ngx_litellm_anthropic_sampling(ngx_litellm_anthropic_t *a);
static ngx_int_t ngx_litellm_anthropic_stop(ngx_litellm_anthropic_t *a,
    ngx_uint_t *written);
static ngx_int_t ngx_litellm_anthropic_user(ngx_litellm_anthropic_t *a,
    ngx_uint_t *written);
static ngx_uint_t ngx_litellm_anthropic_personal(ngx_str_t *id);
static void ngx_litellm_anthropic_thinking(ngx_litellm_anthropic_t *a);
static ngx_uint_t ngx_litellm_anthropic_output(ngx_litellm_anthropic_t *a);
static void ngx_litellm_anthropic_extra(ngx_litellm_anthropic_t *a,
    ngx_uint_t written);


/* texts from this length on are sent from where they are */
#define NGX_LITELLM_ANTHROPIC_REF         4096

/* members that are written here and may come as foreign ones, too */
#define NGX_LITELLM_ANTHROPIC_W_SYSTEM    0x01
#define NGX_LITELLM_ANTHROPIC_W_STOP      0x02
#define NGX_LITELLM_ANTHROPIC_W_OUTPUT    0x04
#define NGX_LITELLM_ANTHROPIC_W_MCP       0x08
#define NGX_LITELLM_ANTHROPIC_W_VERSION   0x10


const ngx_litellm_dialect_t  ngx_litellm_anthropic_dialect = {
    ngx_string("anthropic"),
    ngx_litellm_anthropic_request,
    ngx_litellm_anthropic_response,
    ngx_litellm_anthropic_event,
    NULL,
    NULL,
    ngx_litellm_anthropic_error,
    NGX_LITELLM_FRAMES_SSE,
    NULL
};


/* Claude at Vertex AI: the same but for address, headers, two members of the
   body, and Google's errors among the model's */

const ngx_litellm_dialect_t  ngx_litellm_vertex_anthropic_dialect = {
    ngx_string("vertex_anthropic"),
    ngx_litellm_anthropic_request,
    ngx_litellm_anthropic_response,
    ngx_litellm_anthropic_event,
    NULL,
    NULL,
    ngx_litellm_vertex_error,
    NGX_LITELLM_FRAMES_SSE,
    NULL
};


static ngx_int_t
ngx_litellm_anthropic_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e)
{
    ngx_int_t                 rc;
    ngx_litellm_anthropic_t  *a;

    a = ngx_pcalloc(call->pool, sizeof(ngx_litellm_anthropic_t));
    if (a == NULL) {
        return NGX_ERROR;
    }

    a->call = call;
    a->wire = wire;
    a->out = &wire->body;
    a->e = e;
    a->vertex = ngx_litellm_vertex_is(call) ? 1 : 0;

    wire->pass = 0;
    wire->hide_usage = 0;

    /* the client's body lives as long as ours: long texts are not copied */

    if (a->out->ref_min == 0) {
        a->out->ref_min = NGX_LITELLM_ANTHROPIC_REF;
    }

    if (call->op == NGX_LITELLM_OP_EMBEDDINGS || call->format->parse == NULL) {
        return ngx_litellm_anthropic_bad(a, "this provider has chat models "
                                         "only");
    }

    rc = call->format->parse(call, &a->doc, &a->chat, e);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_anthropic_params(a);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_anthropic_body(a);
    if (rc != NGX_OK) {
        return rc;
    }

    if (a->again) {
        return NGX_AGAIN;
    }

    if (ngx_litellm_anthropic_path(a) != NGX_OK
        || ngx_litellm_anthropic_headers(a) != NGX_OK
        || wire->body.failed)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_anthropic_body(ngx_litellm_anthropic_t *a)
{
    ngx_int_t            rc;
    ngx_uint_t           i, n, written;
    ngx_litellm_json_t  *v;

    written = 0;

    /* there the model is in the path, the version in the body */

    if (a->vertex) {
        ngx_litellm_out_lit(a->out, "{\"anthropic_version\":"
                            "\"vertex-2023-10-16\"");
        written |= NGX_LITELLM_ANTHROPIC_W_VERSION;

    } else {
        ngx_litellm_out_lit(a->out, "{\"model\":");
        ngx_litellm_out_json(a->out, &a->call->provider_model);
    }

    ngx_litellm_out_lit(a->out, ",");

    rc = ngx_litellm_anthropic_messages(a, &n);
    if (rc != NGX_OK) {
        return rc;
    }

    if (n) {
        written |= NGX_LITELLM_ANTHROPIC_W_SYSTEM;
    }

    ngx_litellm_anthropic_max_tokens(a);

    if (a->call->stream) {
        ngx_litellm_out_lit(a->out, ",\"stream\":true");
    }

    ngx_litellm_anthropic_sampling(a);

    rc = ngx_litellm_anthropic_stop(a, &n);
    if (rc != NGX_OK) {
        return rc;
    }

    if (n) {
        written |= NGX_LITELLM_ANTHROPIC_W_STOP;
    }

    rc = ngx_litellm_anthropic_tools(a);
    if (rc != NGX_OK) {
        return rc;
    }

    if (a->betas & NGX_LITELLM_ANTHROPIC_B_MCP) {
        written |= NGX_LITELLM_ANTHROPIC_W_MCP;
    }

    ngx_litellm_anthropic_thinking(a);

    if (ngx_litellm_anthropic_output(a)) {
        written |= NGX_LITELLM_ANTHROPIC_W_OUTPUT;
    }

    if (ngx_litellm_anthropic_user(a, &n) != NGX_OK) {
        return NGX_ERROR;
    }

    /* what else is present was allowed by allowed_openai_params */

    for (i = 0; i < NGX_LITELLM_P_MAX; i++) {
        v = a->chat.param[i];

        if (v && (a->present & ((uint64_t) 1 << i))
            && !(NGX_LITELLM_ANTHROPIC_ALL_PARAMS & ((uint64_t) 1 << i)))
        {
            ngx_litellm_out_lit(a->out, ",\"");
            ngx_litellm_out_str(a->out, ngx_litellm_param_name(i));
            ngx_litellm_out_lit(a->out, "\":");
            ngx_litellm_anthropic_raw(a->out, v);
        }
    }

    ngx_litellm_anthropic_extra(a, written);
    ngx_litellm_out_lit(a->out, "}");

    return NGX_OK;
}


static void
ngx_litellm_anthropic_max_tokens(ngx_litellm_anthropic_t *a)
{
    ngx_litellm_json_t  *v;

    ngx_litellm_out_lit(a->out, ",\"max_tokens\":");

    v = ngx_litellm_anthropic_param(a, MAX_COMPLETION_TOKENS);
    if (v == NULL) {
        v = ngx_litellm_anthropic_param(a, MAX_TOKENS);
    }

    if (v) {
        ngx_litellm_anthropic_raw(a->out, v);

    } else if (a->budget > 0) {
        ngx_litellm_out_int(a->out,
                            ngx_min(a->budget, NGX_MAX_INT32_VALUE)
                            + NGX_LITELLM_ANTHROPIC_MAX_TOKENS);

    } else {
        ngx_litellm_out_int(a->out, a->max_output);
    }
}


/* OpenAI's temperature goes to 2, the Messages API's to 1 */

static void
ngx_litellm_anthropic_sampling(ngx_litellm_anthropic_t *a)
{
    int64_t              n;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_anthropic_param(a, TEMPERATURE);

    if (v) {
        ngx_litellm_out_lit(a->out, ",\"temperature\":");

        if (ngx_litellm_json_is(v, NUMBER)
            && ngx_litellm_json_fixed(v, 3, &n) == NGX_OK && n > 1000)
        {
            ngx_litellm_out_lit(a->out, "1");

        } else {
            ngx_litellm_anthropic_raw(a->out, v);
        }
    }

    v = ngx_litellm_anthropic_param(a, TOP_P);

    if (v) {
        ngx_litellm_out_lit(a->out, ",\"top_p\":");
        ngx_litellm_anthropic_raw(a->out, v);
    }

    v = ngx_litellm_anthropic_param(a, TOP_K);

    if (v) {
        ngx_litellm_out_lit(a->out, ",\"top_k\":");
        ngx_litellm_anthropic_raw(a->out, v);
    }
}


/* OpenAI takes four; the API refuses white space, drop_params takes it out */

static ngx_int_t
ngx_litellm_anthropic_stop(ngx_litellm_anthropic_t *a, ngx_uint_t *written)
{
    ngx_int_t            rc;
    ngx_str_t            text;
    ngx_uint_t           n;
    ngx_litellm_json_t  *v;
    ngx_litellm_stop_t   stop;

    n = 0;

    ngx_litellm_stop_begin(&stop, ngx_litellm_anthropic_param(a, STOP), 4);

    while ((rc = ngx_litellm_stop_next(a->call, &stop, &v, a->e)) == NGX_OK) {

        text = ngx_litellm_json_text(v);

        if (a->call->drop_params && ngx_litellm_call_blank(&text)) {
            continue;
        }

        if (n++) {
            ngx_litellm_out_lit(a->out, ",");

        } else {
            ngx_litellm_out_lit(a->out, ",\"stop_sequences\":[");
        }

        ngx_litellm_anthropic_raw(a->out, v);
    }

    *written = n;

    if (rc != NGX_DONE) {
        return rc;
    }

    if (n) {
        ngx_litellm_out_lit(a->out, "]");
    }

    return NGX_OK;
}


/* metadata.user_id; the API asks for no mail addresses or phone numbers */

static ngx_int_t
ngx_litellm_anthropic_user(ngx_litellm_anthropic_t *a, ngx_uint_t *written)
{
    ngx_str_t            text, id;
    ngx_litellm_json_t  *v;

    *written = 0;

    v = ngx_litellm_json_member(ngx_litellm_anthropic_param(a, METADATA),
                                "user_id");

    if (!ngx_litellm_json_is(v, STRING)) {
        v = ngx_litellm_anthropic_param(a, USER);
    }

    if (!ngx_litellm_json_is(v, STRING) || v->len == 2) {
        return NGX_OK;
    }

    text = ngx_litellm_json_text(v);

    if (ngx_litellm_json_unescape(a->call->pool, &id, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_litellm_anthropic_personal(&id)) {
        return NGX_OK;
    }

    ngx_litellm_out_lit(a->out, ",\"metadata\":{\"user_id\":");
    ngx_litellm_anthropic_raw(a->out, v);
    ngx_litellm_out_lit(a->out, "}");

    *written = 1;

    return NGX_OK;
}


static ngx_uint_t
ngx_litellm_anthropic_personal(ngx_str_t *id)
{
    u_char      c, *at, *dot;
    ngx_uint_t  i, digits;

    at = ngx_strlchr(id->data, id->data + id->len, '@');

    if (at > id->data) {
        dot = ngx_strlchr(at, id->data + id->len, '.');

        if (dot && dot - at > 1 && dot < id->data + id->len - 2
            && ngx_strlchr(id->data, id->data + id->len, ' ') == NULL)
        {
            return 1;
        }
    }

    digits = 0;

    for (i = 0; i < id->len; i++) {
        c = id->data[i];

        if (c >= '0' && c <= '9') {
            digits++;

        } else if (c != ' ' && c != '-' && c != '(' && c != ')'
                   && !(c == '+' && i == 0))
        {
            return 0;
        }
    }

    return digits && id->len >= 7;
}


static void
ngx_litellm_anthropic_thinking(ngx_litellm_anthropic_t *a)
{
    switch (a->think) {

    case NGX_LITELLM_ANTHROPIC_THINK_UNSET:
        return;

    case NGX_LITELLM_ANTHROPIC_THINK_AS_IS:
        ngx_litellm_out_lit(a->out, ",\"thinking\":");
        ngx_litellm_anthropic_raw(a->out,
                                  a->chat.param[NGX_LITELLM_P_THINKING]);
        return;

    case NGX_LITELLM_ANTHROPIC_THINK_BUDGET:
        ngx_litellm_out_lit(a->out, ",\"thinking\":{\"type\":\"enabled\","
                            "\"budget_tokens\":");
        ngx_litellm_out_int(a->out, a->budget);
        ngx_litellm_out_lit(a->out, "}");
        return;

    case NGX_LITELLM_ANTHROPIC_THINK_ADAPTIVE:
        ngx_litellm_out_lit(a->out, ",\"thinking\":{\"type\":\"adaptive\"}");
        return;

    case NGX_LITELLM_ANTHROPIC_THINK_SUMMARY:
        ngx_litellm_out_lit(a->out, ",\"thinking\":{\"type\":\"adaptive\","
                            "\"display\":\"summarized\"}");
    }
}


/* output_config: ours, and what the client has of its own in it */

static ngx_uint_t
ngx_litellm_anthropic_output(ngx_litellm_anthropic_t *a)
{
    ngx_uint_t             i, j, n;
    ngx_litellm_json_t    *key, *v;
    ngx_litellm_member_t  *m;

    if (a->effort == NULL && (a->schema == NULL || a->json_tool)) {
        return 0;
    }

    n = 0;

    ngx_litellm_out_lit(a->out, ",\"output_config\":{");

    if (a->effort) {
        ngx_litellm_out_lit(a->out, "\"effort\":\"");
        ngx_litellm_out_copy(a->out, a->effort, ngx_strlen(a->effort));
        ngx_litellm_out_lit(a->out, "\"");
        n++;
    }

    if (a->schema && !a->json_tool) {
        if (n++) {
            ngx_litellm_out_lit(a->out, ",");
        }

        ngx_litellm_out_lit(a->out, "\"format\":{\"type\":\"json_schema\","
                            "\"schema\":");
        ngx_litellm_anthropic_schema(a->out, a->schema);
        ngx_litellm_out_lit(a->out, "}");
    }

    m = a->chat.extra.elts;

    for (i = 0; i < a->chat.extra.nelts; i++) {

        v = m[i].value;

        if (m[i].key.len != sizeof("output_config") - 1
            || ngx_memcmp(m[i].key.data, "output_config", m[i].key.len) != 0
            || v->type != NGX_LITELLM_JSON_OBJECT)
        {
            continue;
        }

        key = v + 1;

        for (j = 0; j < v->count; j++, key = ngx_litellm_json_next(key + 1)) {

            if ((ngx_litellm_json_eq(key, "effort") && a->effort)
                || (ngx_litellm_json_eq(key, "format") && a->schema
                    && !a->json_tool))
            {
                continue;
            }

            ngx_litellm_out_lit(a->out, ",");
            ngx_litellm_anthropic_raw(a->out, key);
            ngx_litellm_out_lit(a->out, ":");
            ngx_litellm_anthropic_raw(a->out, key + 1);
        }
    }

    ngx_litellm_out_lit(a->out, "}");

    return 1;
}


static void
ngx_litellm_anthropic_extra(ngx_litellm_anthropic_t *a, ngx_uint_t written)
{
    ngx_uint_t             i, j, n;
    ngx_litellm_member_t  *m;

    static const struct {
        ngx_str_t    name;
        ngx_uint_t   written;
        ngx_uint_t   beta;
    } members[] = {
        { ngx_string("system"), NGX_LITELLM_ANTHROPIC_W_SYSTEM, 0 },
        { ngx_string("stop_sequences"), NGX_LITELLM_ANTHROPIC_W_STOP, 0 },
        { ngx_string("anthropic_version"), NGX_LITELLM_ANTHROPIC_W_VERSION,
          0 },
        { ngx_string("output_config"), NGX_LITELLM_ANTHROPIC_W_OUTPUT, 0 },
        { ngx_string("mcp_servers"), NGX_LITELLM_ANTHROPIC_W_MCP,
          NGX_LITELLM_ANTHROPIC_B_MCP },
        { ngx_string("output_format"), NGX_LITELLM_ANTHROPIC_W_OUTPUT,
          NGX_LITELLM_ANTHROPIC_B_SCHEMA },
        { ngx_string("context_management"), 0,
          NGX_LITELLM_ANTHROPIC_B_CONTEXT }
    };

    n = sizeof(members) / sizeof(members[0]);
    m = a->chat.extra.elts;

    for (i = 0; i < a->chat.extra.nelts; i++) {

        for (j = 0; j < n; j++) {
            if (m[i].key.len == members[j].name.len
                && ngx_memcmp(m[i].key.data, members[j].name.data,
                              members[j].name.len)
                   == 0)
            {
                break;
            }
        }

        if (j < n) {
            if (written & members[j].written) {
                continue;
            }

            a->betas |= members[j].beta;
        }

        ngx_litellm_out_lit(a->out, ",\"");
        ngx_litellm_out_str(a->out, &m[i].key);
        ngx_litellm_out_lit(a->out, "\":");
        ngx_litellm_anthropic_raw(a->out, m[i].value);
    }
}
