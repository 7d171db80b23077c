
/*
 * The Gemini provider dialect: a request in the neutral form becomes one of
 * Google's generateContent.  This file owns the vtable, the order of the
 * body's members, the address and the headers; messages, media, tools, schemas,
 * the generation's settings, answers and streams have files of their own.
 *
 * The body is written once, from the neutral form into wire->body: no tree in
 * between, numbers and texts keep their bytes.  The key goes into a header,
 * never into the URL.  A model's name may be the client's word: all of it but
 * letters, digits and "-._~" is escaped in the path.
 */

#include "ngx_litellm_gemini.h"


/* texts from this length on are sent from where they are */
#define NGX_LITELLM_GEMINI_REF  4096


static ngx_int_t ngx_litellm_gemini_request(ngx_litellm_call_t *call,
    ngx_litellm_wire_t *wire, ngx_litellm_error_t *e);
static ngx_int_t ngx_litellm_gemini_body(ngx_litellm_gemini_t *g);
static ngx_int_t ngx_litellm_gemini_address(ngx_litellm_gemini_t *g);
static ngx_int_t ngx_litellm_gemini_tier(ngx_litellm_gemini_t *g);


const ngx_litellm_dialect_t  ngx_litellm_gemini_dialect = {
    ngx_string("gemini"),
    ngx_litellm_gemini_request,
    ngx_litellm_gemini_response,
    ngx_litellm_gemini_event,
    NULL,
    NULL,
    ngx_litellm_gemini_error,
    NGX_LITELLM_FRAMES_SSE,
    NULL
};


const ngx_litellm_dialect_t *
ngx_litellm_gemini_select(ngx_litellm_call_t *call)
{
    switch (call->op) {

    case NGX_LITELLM_OP_CHAT:
    case NGX_LITELLM_OP_COMPLETIONS:
        return &ngx_litellm_gemini_dialect;

    case NGX_LITELLM_OP_EMBEDDINGS:
        return &ngx_litellm_gemini_embed_dialect;

    default:
        return NULL;
    }
}


static ngx_int_t
ngx_litellm_gemini_request(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire,
    ngx_litellm_error_t *e)
{
    ngx_int_t              rc;
    ngx_litellm_gemini_t  *g;

    g = ngx_pcalloc(call->pool, sizeof(ngx_litellm_gemini_t));
    if (g == NULL) {
        return NGX_ERROR;
    }

    g->call = call;
    g->wire = wire;
    g->out = &wire->body;
    g->e = e;
    g->vertex = ngx_litellm_vertex_is(call) ? 1 : 0;

    wire->pass = 0;
    wire->hide_usage = 0;

    /* the client's body lives as long as ours: long texts are not copied */

    if (g->out->ref_min == 0) {
        g->out->ref_min = NGX_LITELLM_GEMINI_REF;
    }

    if (call->format->parse == NULL) {
        return ngx_litellm_gemini_bad(g, "this model can't answer a request "
                                      "of this kind");
    }

    rc = call->format->parse(call, &g->doc, &g->chat, e);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_gemini_params(g);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_litellm_gemini_address(g) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_litellm_gemini_body(g);
    if (rc != NGX_OK) {
        return rc;
    }

    if (wire->body.failed) {
        return NGX_ERROR;
    }

    return g->fetching ? NGX_AGAIN : NGX_OK;
}


static ngx_int_t
ngx_litellm_gemini_body(ngx_litellm_gemini_t *g)
{
    ngx_int_t  rc;

    ngx_litellm_out_lit(g->out, "{");

    rc = ngx_litellm_gemini_messages(g);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_gemini_tools(g);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_gemini_config(g);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_gemini_tier(g);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_out_lit(g->out, "}");

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_gemini_address(ngx_litellm_gemini_t *g)
{
    const char  *verb;

    verb = g->call->stream ? "streamGenerateContent" : "generateContent";

    if (g->vertex) {
        if (ngx_litellm_vertex_path(g->call, "google", verb,
                                    g->call->stream ? "alt=sse" : "",
                                    &g->wire->path)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        return ngx_litellm_vertex_headers(g->call, g->wire);
    }

    if (ngx_litellm_gemini_path(g->call, verb, &g->wire->path) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_litellm_gemini_headers(g->call, g->wire);
}


ngx_int_t
ngx_litellm_gemini_headers(ngx_litellm_call_t *call, ngx_litellm_wire_t *wire)
{
    ngx_str_t  *key;

    key = ngx_litellm_call_key(call);

    if (key->len == 0) {
        return NGX_OK;
    }

    return ngx_litellm_wire_header(wire, "x-goog-api-key",
                                   sizeof("x-goog-api-key") - 1, key);
}


/*
 * api_base ends with the API's version, as LiteLLM has it; one that is a bare
 * host gets the version, one that names a method already loses it.
 */

ngx_int_t
ngx_litellm_gemini_path(ngx_litellm_call_t *call, const char *verb,
    ngx_str_t *path)
{
    u_char             *p;
    size_t              len;
    ngx_str_t           base, model, prefix, version;
    ngx_litellm_url_t  *url;

    url = &call->deployment->url;
    base = url->path;
    model = call->provider_model;

    ngx_str_null(&version);
    ngx_str_set(&prefix, "/models/");

    if (base.len == 0) {
        ngx_str_set(&version, "/v1beta");
    }

    if (model.len > 7 && ngx_strncmp(model.data, "models/", 7) == 0) {
        model.data += 7;
        model.len -= 7;

    } else if (model.len > 12
               && ngx_strncmp(model.data, "tunedModels/", 12) == 0)
    {
        ngx_str_set(&prefix, "/tunedModels/");
        model.data += 12;
        model.len -= 12;
    }

    len = base.len + version.len + prefix.len + 3 * model.len + 1
          + ngx_strlen(verb) + sizeof("?alt=sse&") - 1 + url->args.len;

    p = ngx_pnalloc(call->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    path->data = p;

    p = ngx_cpymem(p, base.data, base.len);
    p = ngx_cpymem(p, version.data, version.len);
    p = ngx_cpymem(p, prefix.data, prefix.len);
    p = (u_char *) ngx_escape_uri(p, model.data, model.len,
                                  NGX_ESCAPE_URI_COMPONENT);
    *p++ = ':';
    p = ngx_cpymem(p, verb, ngx_strlen(verb));

    if (call->stream) {
        p = ngx_cpymem(p, "?alt=sse", sizeof("?alt=sse") - 1);
    }

    if (url->args.len) {
        *p++ = call->stream ? '&' : '?';
        p = ngx_cpymem(p, url->args.data, url->args.len);
    }

    path->len = p - path->data;

    return NGX_OK;
}


/*
 * OpenAI's "auto" is the project's setting: nothing is said.  The Gemini API
 * has a member for the tier, Vertex AI a header.
 */

static ngx_int_t
ngx_litellm_gemini_tier(ngx_litellm_gemini_t *g)
{
    ngx_str_t            tier;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_gemini_param(g, SERVICE_TIER);

    if (!ngx_litellm_json_is(v, STRING)) {
        return NGX_OK;
    }

    if (ngx_litellm_json_eq(v, "default")) {
        ngx_str_set(&tier, "standard");

    } else if (ngx_litellm_json_eq(v, "flex")) {
        ngx_str_set(&tier, "flex");

    } else if (ngx_litellm_json_eq(v, "priority")) {
        ngx_str_set(&tier, "priority");

    } else {
        return NGX_OK;
    }

    if (!g->vertex) {
        ngx_litellm_out_lit(g->out, ",\"serviceTier\":\"");
        ngx_litellm_out_str(g->out, &tier);
        ngx_litellm_out_lit(g->out, "\"");
        return NGX_OK;
    }

    if (tier.data[0] == 's') {
        return NGX_OK;
    }

    return ngx_litellm_wire_header(g->wire,
                            "X-Vertex-AI-LLM-Shared-Request-Type",
                            sizeof("X-Vertex-AI-LLM-Shared-Request-Type") - 1,
                            &tier);
}
