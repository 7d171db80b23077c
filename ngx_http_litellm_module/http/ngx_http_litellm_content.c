
/*
 * Prompts and answers for a log: nothing of them is kept unless
 * litellm_log_content asks for it, and all that is goes through redaction.
 * Called where a whole answer is about to be sent and where a stream has ended,
 * and by the spend log.
 *
 * Only what is shown is kept: up to litellm_log_content_size of an answer.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_cache.h"
#include "ngx_litellm_json.h"


/* of a text that is cut: a key that would be cut in two is left out */
#define NGX_HTTP_LITELLM_CONTENT_EDGE  256


static void ngx_http_litellm_content_text(ngx_http_litellm_loc_conf_t *lcf,
    ngx_litellm_out_t *out, ngx_str_t *text);
static void ngx_http_litellm_content_value(ngx_http_litellm_loc_conf_t *lcf,
    ngx_litellm_out_t *out, ngx_str_t *text, ngx_uint_t string);


ngx_uint_t
ngx_http_litellm_content_wanted(ngx_http_litellm_ctx_t *ctx)
{
    ngx_http_litellm_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(ctx->request, ngx_http_litellm_module);

    return (lcf->log_content & NGX_HTTP_LITELLM_LOG_RESPONSE)
           && ctx->content == NULL && ctx->detached == NULL;
}


void
ngx_http_litellm_content_answer(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_out_t *out)
{
    size_t                        n, size;
    u_char                       *p;
    ngx_str_t                    *text;
    ngx_chain_t                  *cl;
    ngx_http_litellm_loc_conf_t  *lcf;

    if (!ngx_http_litellm_content_wanted(ctx) || out->failed
        || out->size <= 0)
    {
        return;
    }

    lcf = ngx_http_get_module_loc_conf(ctx->request, ngx_http_litellm_module);

    /* one byte more says that it was cut */

    n = (size_t) ngx_min(out->size, (off_t) lcf->log_content_size + 1);

    text = ngx_palloc(ctx->request->pool, sizeof(ngx_str_t));
    p = ngx_pnalloc(ctx->request->pool, n);

    if (text == NULL || p == NULL) {
        return;
    }

    text->data = p;
    text->len = n;

    for (cl = out->first; cl && n; cl = cl->next) {
        size = ngx_min(n, (size_t) (cl->buf->last - cl->buf->pos));
        p = ngx_cpymem(p, cl->buf->pos, size);
        n -= size;
    }

    text->len -= n;
    ctx->content = text;
}


void
ngx_http_litellm_content_kept(ngx_http_litellm_ctx_t *ctx, ngx_str_t *body)
{
    ngx_str_t                    *text;
    ngx_http_litellm_loc_conf_t  *lcf;

    if (!ngx_http_litellm_content_wanted(ctx)) {
        return;
    }

    lcf = ngx_http_get_module_loc_conf(ctx->request, ngx_http_litellm_module);

    text = ngx_palloc(ctx->request->pool, sizeof(ngx_str_t));
    if (text == NULL) {
        return;
    }

    text->data = body->data;
    text->len = ngx_min(body->len, lcf->log_content_size + 1);

    ctx->content = text;
}


void
ngx_http_litellm_content_stream(ngx_http_litellm_attempt_t *a)
{
    ngx_litellm_out_t  out;

    if (a->capture == NULL || !a->complete
        || !ngx_http_litellm_content_wanted(a->ctx))
    {
        return;
    }

    ngx_litellm_out_init(&out, a->parent->pool);

    if (ngx_http_litellm_capture_answer(a, &out) == NGX_OK) {
        ngx_http_litellm_content_answer(a->ctx, &out);
    }
}


void
ngx_http_litellm_content_request(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_out_t *out)
{
    ngx_str_t                     text;
    ngx_litellm_json_t           *v, *root;
    ngx_http_litellm_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(ctx->request, ngx_http_litellm_module);

    v = NULL;

    if (lcf->log_content & NGX_HTTP_LITELLM_LOG_REQUEST) {

        root = ctx->call.top.root;

        switch (ctx->call.op) {

        case NGX_LITELLM_OP_CHAT:
            v = ngx_litellm_json_member(root, "messages");
            break;

        case NGX_LITELLM_OP_COMPLETIONS:
            v = ngx_litellm_json_member(root, "prompt");
            break;

        case NGX_LITELLM_OP_EMBEDDINGS:
            v = ngx_litellm_json_member(root, "input");
            break;

        case NGX_LITELLM_OP_RERANK:
            v = ngx_litellm_json_member(root, "query");
            break;
        }
    }

    if (v == NULL) {
        ngx_litellm_out_lit(out, "null");
        return;
    }

    text.data = v->start;
    text.len = v->len;

    ngx_http_litellm_content_text(lcf, out, &text);
}


void
ngx_http_litellm_content_response(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_out_t *out)
{
    ngx_http_litellm_loc_conf_t  *lcf;

    if (ctx->content == NULL) {
        ngx_litellm_out_lit(out, "null");
        return;
    }

    lcf = ngx_http_get_module_loc_conf(ctx->request, ngx_http_litellm_module);

    ngx_http_litellm_content_text(lcf, out, ctx->content);
}


void
ngx_http_litellm_content_error(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_out_t *out, ngx_str_t *message)
{
    ngx_http_litellm_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(ctx->request, ngx_http_litellm_module);

    if (!(lcf->log_content & NGX_HTTP_LITELLM_LOG_RESPONSE)
        || message->len > lcf->log_content_size)
    {
        ngx_litellm_out_lit(out, "null");
        return;
    }

    ngx_http_litellm_content_value(lcf, out, message, 1);
}


/* as it is if it is whole and JSON, else as a string of it */

static void
ngx_http_litellm_content_text(ngx_http_litellm_loc_conf_t *lcf,
    ngx_litellm_out_t *out, ngx_str_t *text)
{
    u_char                  *p;
    ngx_str_t                part;
    ngx_litellm_json_doc_t   doc;

    part = *text;

    if (part.len <= lcf->log_content_size) {

        ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
        doc.pool = out->pool;
        doc.keep = 1;

        ngx_http_litellm_content_value(lcf, out, &part,
                    ngx_litellm_json_parse(&doc, part.data, part.len) != NGX_OK);
        return;
    }

    part.len = lcf->log_content_size;
    p = part.data + part.len;

    while (p > part.data && part.data + part.len - p
                            < NGX_HTTP_LITELLM_CONTENT_EDGE
           && p[-1] != ' ' && p[-1] != '"' && p[-1] != '\\')
    {
        p--;
    }

    part.len = p - part.data;

    ngx_http_litellm_content_value(lcf, out, &part, 1);
}


static void
ngx_http_litellm_content_value(ngx_http_litellm_loc_conf_t *lcf,
    ngx_litellm_out_t *out, ngx_str_t *text, ngx_uint_t string)
{
    ngx_str_t          value;
    ngx_litellm_out_t  quoted;

    value = *text;

    if (string) {
        ngx_litellm_out_init(&quoted, out->pool);
        ngx_litellm_out_json(&quoted, text);

        if (ngx_litellm_out_join(&quoted, &value) != NGX_OK) {
            ngx_litellm_out_lit(out, "null");
            return;
        }
    }

    ngx_litellm_redact(out, &value, lcf->log_redact);
}
