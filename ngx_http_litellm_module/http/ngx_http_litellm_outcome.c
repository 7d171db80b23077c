
/*
 * What became of a request: sums over its attempts, its times, its error, and
 * the line of the error log that tells of one that failed.  Called by the
 * variables, and by the handler where an error is final.
 *
 * Attempts are linked from the last one backwards, so their starts descend.
 * Two of them run at a time at most (hedging).  What was fetched for the client
 * is among them and does not count.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_cost.h"
#include "ngx_http_litellm_outcome.h"


/* of a line: bytes, and attempts that are told one by one */
#define NGX_HTTP_LITELLM_OUTCOME_LINE   1400
#define NGX_HTTP_LITELLM_OUTCOME_SHOWN  6

/* bytes of a name, and of the id of a deployment */
#define NGX_HTTP_LITELLM_OUTCOME_NAME   48
#define NGX_HTTP_LITELLM_OUTCOME_ID     64


static ngx_msec_t ngx_http_litellm_outcome_end(ngx_http_litellm_attempt_t *a);
static u_char *ngx_http_litellm_outcome_name(u_char *p, u_char *last,
    ngx_str_t *name, size_t max);
static u_char *ngx_http_litellm_outcome_head(u_char *p, u_char *last,
    ngx_http_litellm_ctx_t *ctx);
static u_char *ngx_http_litellm_outcome_attempts(u_char *p, u_char *last,
    ngx_http_litellm_ctx_t *ctx);


ngx_int_t
ngx_http_litellm_outcome_usage(ngx_http_litellm_ctx_t *ctx,
    ngx_litellm_usage_t *usage)
{
    ngx_litellm_cost_t           cost;
    ngx_litellm_usage_t          u;
    ngx_http_litellm_attempt_t  *a;

    ngx_memzero(usage, sizeof(ngx_litellm_usage_t));

    if (ctx->attempts == 0) {
        return NGX_DECLINED;
    }

    for (a = ctx->begun; a && a->charged; a = a->before) { /* void */ }

    if (a == NULL) {

        /* all have ended, and were added up then */

        usage->known = ctx->spent.known;
        usage->estimated = ctx->spent.estimated;
        usage->prompt = ctx->spent.prompt;
        usage->completion = ctx->spent.completion;
        usage->cached = ctx->spent.cached;
        usage->reasoning = ctx->spent.reasoning;
        usage->total = usage->prompt + usage->completion;

        return NGX_OK;
    }

    for (a = ctx->begun; a; a = a->before) {

        (void) ngx_http_litellm_cost(a, &cost, &u);

        usage->known |= u.known;
        usage->estimated |= u.estimated;
        usage->prompt += ngx_max(u.prompt, 0);
        usage->completion += ngx_max(u.completion, 0);
        usage->cached += ngx_max(u.cached, 0);
        usage->reasoning += ngx_max(u.reasoning, 0);
    }

    usage->total = usage->prompt + usage->completion;

    return NGX_OK;
}


static ngx_msec_t
ngx_http_litellm_outcome_end(ngx_http_litellm_attempt_t *a)
{
    return a->charged ? a->end : ngx_current_msec;
}


ngx_int_t
ngx_http_litellm_outcome_times(ngx_http_litellm_ctx_t *ctx,
    ngx_msec_t *upstream, ngx_msec_t *overhead)
{
    ngx_msec_t                   busy, end, low, high, last;
    ngx_http_litellm_attempt_t  *a;

    busy = 0;
    low = 0;
    high = 0;
    last = 0;

    for (a = ctx->begun; a; a = a->before) {

        if (a->raw) {
            continue;
        }

        end = ngx_http_litellm_outcome_end(a);

        if (last == 0) {
            busy = end - a->start;
            high = end;
            last = end;

        } else if ((ngx_msec_int_t) (end - low) <= 0) {
            busy += end - a->start;
            high = end;

        } else {

            /* it ran beside the one after it */

            busy += low - a->start;

            if ((ngx_msec_int_t) (end - high) > 0) {
                busy += end - high;
                high = end;
            }
        }

        low = a->start;

        if ((ngx_msec_int_t) (end - last) > 0) {
            last = end;
        }
    }

    if (last == 0) {
        return NGX_DECLINED;
    }

    *upstream = busy;
    *overhead = last - ctx->start - busy;

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_outcome_ttft(ngx_http_litellm_ctx_t *ctx, ngx_msec_t *ttft)
{
    ngx_int_t                    rc;
    ngx_http_litellm_attempt_t  *a;

    rc = NGX_DECLINED;

    for (a = ctx->begun; a; a = a->before) {
        if (a->committed) {
            *ttft = a->start + a->first - ctx->start;
            rc = NGX_OK;
        }
    }

    return rc;
}


ngx_litellm_class_e
ngx_http_litellm_outcome_class(ngx_http_litellm_ctx_t *ctx)
{
    ngx_http_litellm_attempt_t  *a;

    a = ctx->attempt;

    if (a == NULL) {
        return ctx->error.class;
    }

    if (a->error.class == NGX_LITELLM_NO_ERROR
        && (a->done || a->committed))
    {
        return NGX_LITELLM_NO_ERROR;
    }

    if (ctx->error.class != NGX_LITELLM_NO_ERROR) {
        return ctx->error.class;
    }

    return a->error.class;
}


void
ngx_http_litellm_outcome_log(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_litellm_error_t *e)
{
    u_char      *p, *last, line[NGX_HTTP_LITELLM_OUTCOME_LINE];
    ngx_uint_t   level, status;

    status = e->status ? e->status : NGX_HTTP_INTERNAL_SERVER_ERROR;
    level = (status >= 500) ? NGX_LOG_WARN : NGX_LOG_INFO;

    if (r->connection->log->log_level < level) {
        return;
    }

    p = line;
    last = line + NGX_HTTP_LITELLM_OUTCOME_LINE;

    p = ngx_http_litellm_outcome_head(p, last, ctx);
    p = ngx_slprintf(p, last, " failed%s: %V, status %ui, ",
                     ctx->header_sent ? " in its stream" : "",
                     ngx_litellm_error_class(e->class), status);
    p = ngx_http_litellm_outcome_attempts(p, last, ctx);

    ngx_log_error(level, r->connection->log, 0, "litellm: %*s",
                  (size_t) (p - line), line);
}


/*
 * Its header was not good: the model has not been read.  The type tells an
 * unknown key from an expired or blocked one; the message, which may have parts
 * of the key, is not for a log.
 */

void
ngx_http_litellm_outcome_refused(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_str_t             type;
    ngx_uint_t            level;
    ngx_litellm_error_t  *e;

    e = &ctx->error;
    level = (e->status >= 500) ? NGX_LOG_WARN : NGX_LOG_INFO;

    ngx_litellm_error_type(e, &type);

    ngx_log_error(level, r->connection->log, 0,
                  "litellm: request refused: %V, status %ui, %V",
                  ngx_litellm_error_class(e->class), e->status, &type);
}


/* called by the request's cleanup: its attempts have been given up before */

void
ngx_http_litellm_outcome_left(ngx_http_litellm_ctx_t *ctx)
{
    u_char            *p, *last, line[NGX_HTTP_LITELLM_OUTCOME_LINE];
    ngx_connection_t  *c;

    c = ctx->request->connection;

    if (ctx->ended || ctx->detached != NULL
        || c->log->log_level < NGX_LOG_INFO
        || (ctx->request->headers_out.status != NGX_HTTP_CLIENT_CLOSED_REQUEST
            && !ctx->header_sent))
    {
        return;
    }

    p = line;
    last = line + NGX_HTTP_LITELLM_OUTCOME_LINE;

    p = ngx_http_litellm_outcome_head(p, last, ctx);
    p = ngx_slprintf(p, last, " was left by its client%s, ",
                     ctx->header_sent ? " in its stream" : "");
    p = ngx_http_litellm_outcome_attempts(p, last, ctx);

    ngx_log_error(NGX_LOG_INFO, c->log, 0, "litellm: %*s",
                  (size_t) (p - line), line);
}


static u_char *
ngx_http_litellm_outcome_head(u_char *p, u_char *last,
    ngx_http_litellm_ctx_t *ctx)
{
    p = ngx_slprintf(p, last, "request %V for \"", &ctx->call_id);
    p = ngx_http_litellm_outcome_name(p, last, &ctx->call.model,
                                      NGX_HTTP_LITELLM_OUTCOME_NAME);

    return ngx_slprintf(p, last, "\"");
}


/* a client may have written it: no line may be made of it */

static u_char *
ngx_http_litellm_outcome_name(u_char *p, u_char *last, ngx_str_t *name,
    size_t max)
{
    size_t  i, len;

    len = ngx_min(name->len, max);
    len = ngx_min(len, (size_t) (last - p));

    for (i = 0; i < len; i++) {
        *p++ = (name->data[i] < 0x20 || name->data[i] == 0x7f
                || name->data[i] == '"')
               ? '?' : name->data[i];
    }

    return (len < name->len) ? ngx_slprintf(p, last, "...") : p;
}


/* the first one and the last ones, in their order */

static u_char *
ngx_http_litellm_outcome_attempts(u_char *p, u_char *last,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_uint_t                   i, n;
    ngx_http_litellm_attempt_t  *a, *told[NGX_HTTP_LITELLM_OUTCOME_SHOWN];

    n = 0;

    for (a = ctx->begun; a; a = a->before) {

        if (a->raw) {
            continue;
        }

        if (n == NGX_HTTP_LITELLM_OUTCOME_SHOWN) {

            /* the oldest one that was seen so far is not shown */

            n--;
        }

        told[n++] = a;
    }

    if (n == 0) {
        return ngx_slprintf(p, last, "nobody was asked");
    }

    p = ngx_slprintf(p, last, "%ui attempt%s", ctx->attempts,
                     (ctx->attempts == 1) ? "" : "s");

    for (i = n; i-- > 0; /* void */ ) {

        a = told[i];

        p = ngx_slprintf(p, last, "%s%ui at \"",
                         (i + 1 == n) ? ": "
                         : (told[i + 1]->number + 1 != a->number) ? " ... "
                         : ", ",
                         a->number);
        p = ngx_http_litellm_outcome_name(p, last, &a->deployment->id,
                                          NGX_HTTP_LITELLM_OUTCOME_ID);
        p = ngx_slprintf(p, last, "\" of \"");
        p = ngx_http_litellm_outcome_name(p, last, &a->deployment->group,
                                          NGX_HTTP_LITELLM_OUTCOME_NAME);
        p = ngx_slprintf(p, last, "\" ");

        if (a->error.class != NGX_LITELLM_NO_ERROR) {
            p = ngx_slprintf(p, last, "%V %ui",
                             ngx_litellm_error_class(a->error.class),
                             a->error.status);

        } else {
            p = ngx_slprintf(p, last, a->left ? "not ended" : "no error");
        }

        p = ngx_slprintf(p, last, " %M ms",
                         ngx_http_litellm_outcome_end(a) - a->start);
    }

    return p;
}
