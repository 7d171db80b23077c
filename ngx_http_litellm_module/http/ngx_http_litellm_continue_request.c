
/*
 * The request that goes on with a stream that was cut: the client's own with
 * the text so far as a last assistant message, and which deployments may get
 * it.  Called by routing and by the step that tries a deployment.
 *
 * The client's body is taken apart once; each request is made of that and of
 * the text, and opened anew, so that dialects see nothing unusual.
 */

#include "ngx_http_litellm_continue.h"


static ngx_uint_t ngx_http_litellm_continue_plain(
    ngx_http_litellm_ctx_t *ctx);
static ngx_uint_t ngx_http_litellm_continue_last_is_user(
    ngx_litellm_json_t *messages);
static ngx_uint_t ngx_http_litellm_continue_default(
    ngx_litellm_deployment_t *d, ngx_int_t param);
static ngx_uint_t ngx_http_litellm_continue_row(ngx_litellm_deployment_t *d,
    const char *name, size_t len);


#define ngx_http_litellm_continue_is(d, s)                                    \
    ngx_http_litellm_continue_row(d, s, sizeof(s) - 1)


/* the client's request up to its last message: once, when a stream was cut */

ngx_int_t
ngx_http_litellm_continue_split(ngx_http_litellm_ctx_t *ctx)
{
    u_char                       *p;
    ngx_int_t                     rc;
    ngx_uint_t                    i;
    ngx_litellm_json_t           *key, *v, *messages;
    ngx_litellm_call_t           *call;
    ngx_litellm_json_doc_t        doc;
    ngx_http_litellm_continue_t  *c;

    c = ctx->cont;
    call = &ctx->call;

    if (call->duplicates || !ngx_http_litellm_continue_plain(ctx)) {
        return NGX_DECLINED;
    }

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = call->pool;
    doc.keep = 2;
    ngx_str_set(&doc.whole, "messages");

    rc = ngx_litellm_json_parse(&doc, call->body.data, call->body.len);

    if (rc != NGX_OK) {
        return rc;
    }

    messages = ngx_litellm_json_member(doc.root, "messages");

    if (!ngx_http_litellm_continue_last_is_user(messages)) {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(call->pool, call->body.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    c->before.data = p;
    *p++ = '{';

    key = doc.root + 1;

    for (i = 0; i < doc.root->count; i++, key = ngx_litellm_json_next(v)) {

        v = key + 1;

        /* the reasoning is done, and APIs refuse it with such a message */

        if (v == messages || ngx_litellm_json_eq(key, "reasoning_effort")
            || ngx_litellm_json_eq(key, "thinking")
            || ngx_litellm_json_eq(key, "reasoning"))
        {
            continue;
        }

        p = ngx_cpymem(p, key->start, v->start + v->len - key->start);
        *p++ = ',';
    }

    p = ngx_cpymem(p, "\"messages\":", sizeof("\"messages\":") - 1);
    p = ngx_cpymem(p, messages->start, messages->len - 1);

    c->before.len = p - c->before.data;
    c->body = call->body;

    return NGX_OK;
}


/* one choice, of text, in no form that must hold for the whole of it */

static ngx_uint_t
ngx_http_litellm_continue_plain(ngx_http_litellm_ctx_t *ctx)
{
    int64_t                    n;
    ngx_litellm_json_t        *v;
    ngx_litellm_call_t        *call;
    ngx_litellm_deployment_t  *d;

    call = &ctx->call;
    d = ctx->attempt->deployment;

    v = call->param[NGX_LITELLM_P_N];

    if (v != NULL && v->type != NGX_LITELLM_JSON_NULL
        && (ngx_litellm_json_int(v, &n) != NGX_OK || n != 1))
    {
        return 0;
    }

    v = call->param[NGX_LITELLM_P_LOGPROBS];

    if (v != NULL && v->type == NGX_LITELLM_JSON_TRUE) {
        return 0;
    }

    return !(call->present & (ngx_litellm_param_bit(RESPONSE_FORMAT)
                              | ngx_litellm_param_bit(MODALITIES)
                              | ngx_litellm_param_bit(AUDIO)))
           && !ngx_http_litellm_continue_default(d,
                                            NGX_LITELLM_P_RESPONSE_FORMAT);
}


/* an assistant's is the client's own prefix: two of them are no dialogue */

static ngx_uint_t
ngx_http_litellm_continue_last_is_user(ngx_litellm_json_t *messages)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *m, *role;

    if (!ngx_litellm_json_is(messages, ARRAY) || messages->count == 0) {
        return 0;
    }

    m = messages + 1;

    for (i = 1; i < messages->count; i++) {
        m = ngx_litellm_json_next(m);
    }

    role = ngx_litellm_json_member(m, "role");

    return ngx_litellm_json_is(role, STRING)
           && !ngx_litellm_json_eq(role, "assistant");
}


/* a wait for a deployment that can't go on would be for nothing */

ngx_uint_t
ngx_http_litellm_continue_any(ngx_http_litellm_ctx_t *ctx)
{
    ngx_uint_t                  i;
    ngx_litellm_deployment_t  **d;

    d = ctx->candidates->elts;

    for (i = 0; i < ctx->candidates->nelts; i++) {
        if (ngx_http_litellm_continue_able(ctx, d[i])) {
            return 1;
        }
    }

    return 0;
}


ngx_uint_t
ngx_http_litellm_continue_able(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_deployment_t *d)
{
    ngx_str_t                   model;
    const ngx_litellm_model_t  *info;

    if (!ngx_http_litellm_continued(ctx)) {
        return 1;
    }

    if (d->mock) {
        return 0;
    }

    if (ctx->cont->trim == 0) {

        /* it begins anew */

        return 1;
    }

    info = d->info;

    if (info == NULL && d->provider != NULL
        && ngx_litellm_config_model(ctx->call.pool, d, &ctx->group,
                                    ctx->captured, ctx->ncaptured, &model)
           == NGX_OK)
    {
        /* a wildcard's */

        info = ngx_litellm_model_find((ngx_str_t *) &d->provider->name,
                                      &model);
    }

    return info != NULL
           && (info->flags & NGX_LITELLM_M_PREFILL)
           && !(info->flags & NGX_LITELLM_M_NO_PREFILL)
           && !ngx_http_litellm_continue_default(d, NGX_LITELLM_P_THINKING)
           && !ngx_http_litellm_continue_default(d,
                                            NGX_LITELLM_P_REASONING_EFFORT)
           && !ngx_http_litellm_continue_default(d,
                                            NGX_LITELLM_P_RESPONSE_FORMAT);
}


static ngx_uint_t
ngx_http_litellm_continue_default(ngx_litellm_deployment_t *d,
    ngx_int_t param)
{
    ngx_uint_t              i;
    ngx_litellm_default_t  *def;

    if (d->defaults == NULL) {
        return 0;
    }

    def = d->defaults->elts;

    for (i = 0; i < d->defaults->nelts; i++) {
        if (def[i].param == param) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_litellm_continue_row(ngx_litellm_deployment_t *d, const char *name,
    size_t len)
{
    return d->provider != NULL && d->provider->name.len == len
           && ngx_memcmp(d->provider->name.data, name, len) == 0;
}


ngx_int_t
ngx_http_litellm_continue_request(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_deployment_t *d)
{
    u_char                       *p;
    size_t                        len;
    ngx_str_t                     text;
    ngx_litellm_call_t           *call;
    ngx_http_litellm_continue_t  *c;

    static ngx_str_t  head = ngx_string(",{\"role\":\"assistant\","
                                        "\"content\":\"");
    static ngx_str_t  tail = ngx_string("\"}]");
    static ngx_str_t  vllm = ngx_string(",\"continue_final_message\":true,"
                                        "\"add_generation_prompt\":false");

    c = ctx->cont;
    call = &ctx->call;

    call->body = c->body;

    ngx_str_null(&c->echo);
    c->echoed = 0;
    c->skip = c->trim;

    if (c->trim) {

        if (ngx_http_litellm_continue_is(d, "mistral")) {
            text.data = c->text;
            text.len = c->trim;

            if (ngx_litellm_json_unescape(r->pool, &c->echo, &text) != NGX_OK)
            {
                return NGX_ERROR;
            }
        }

        len = c->before.len + head.len + c->trim + tail.len + vllm.len + 1;

        p = ngx_pnalloc(r->pool, len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        call->body.data = p;

        p = ngx_cpymem(p, c->before.data, c->before.len);
        p = ngx_cpymem(p, head.data, head.len);
        p = ngx_cpymem(p, c->text, c->trim);
        p = ngx_cpymem(p, tail.data, tail.len);

        if (ngx_http_litellm_continue_is(d, "hosted_vllm")
            || ngx_http_litellm_continue_is(d, "vllm"))
        {
            /* its own way to say that the last message is not whole */

            p = ngx_cpymem(p, vllm.data, vllm.len);
        }

        *p++ = '}';

        call->body.len = p - call->body.data;
    }

    call->model = ctx->path_model;

    if (call->format->open(call, &ctx->error) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->path_model.len) {
        call->model = ctx->path_model;
    }

    return NGX_OK;
}
