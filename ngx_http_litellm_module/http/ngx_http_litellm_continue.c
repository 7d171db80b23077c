
/*
 * Streams that were cut behind the commit point and go on with another
 * deployment (architecture 5).  Only where the operator asks for it.
 *
 * The text that went out is kept, as a J-string and up to a bound, while the
 * stream runs: events that pass are decoded for it a second time, translated
 * ones come by here anyway.  When the stream is cut, routing chooses among the
 * deployments whose models take a last assistant message as the beginning of
 * their answer, and gets the client's request with the text as that message.
 * Its stream is always translated: for the client it is one answer, with the
 * id, the model and the role of the first one.
 *
 * Not everything can be gone on with: see ngx_http_litellm_continue_note() for
 * the stream's side; the request's, and who may go on, is in
 * ngx_http_litellm_continue_request.c.  Reasoning is the first model's: a
 * stream cut before its text begins anew, one cut in the text goes on without.
 */

#include "ngx_http_litellm_continue.h"


#define NGX_HTTP_LITELLM_CONTINUE_WORD    256      /* id, model */
#define NGX_HTTP_LITELLM_CONTINUE_TOKENS  ((int64_t) 1 << 48)


static ngx_int_t ngx_http_litellm_continue_collect(void *data,
    ngx_litellm_event_t *ev);
static ngx_int_t ngx_http_litellm_continue_word(ngx_pool_t *pool,
    ngx_str_t *dst, ngx_str_t *src);
static ngx_int_t ngx_http_litellm_continue_note(
    ngx_http_litellm_attempt_t *a, ngx_litellm_event_t *ev);
static ngx_int_t ngx_http_litellm_continue_append(
    ngx_http_litellm_attempt_t *a, ngx_str_t *text);
static void ngx_http_litellm_continue_fix(ngx_http_litellm_attempt_t *a);
static ngx_int_t ngx_http_litellm_continue_echo(
    ngx_http_litellm_attempt_t *a, ngx_str_t *text);
static void ngx_http_litellm_continue_skip(ngx_http_litellm_continue_t *c,
    ngx_str_t *text);
static void ngx_http_litellm_continue_add(ngx_litellm_usage_t *sum,
    ngx_litellm_usage_t *u);
static int64_t ngx_http_litellm_continue_total(ngx_litellm_usage_t *u);
static void ngx_http_litellm_continue_count(int64_t *sum, int64_t n);
static void ngx_http_litellm_continue_trim(ngx_http_litellm_continue_t *c);


ngx_int_t
ngx_http_litellm_continue_open(ngx_http_litellm_attempt_t *a)
{
    ngx_flag_t                    on;
    ngx_http_litellm_ctx_t       *ctx;
    ngx_http_litellm_continue_t  *c;
    ngx_http_litellm_loc_conf_t  *lcf;

    ctx = a->ctx;
    c = ctx->cont;

    if (c != NULL && a->second && !c->resumed) {

        /* that of the attempt beside this one */

        c = a->cont;
    }

    lcf = ngx_http_get_module_loc_conf(a->parent, ngx_http_litellm_module);

    if (c == NULL) {

        on = (lcf->stream_continue != NGX_CONF_UNSET)
             ? lcf->stream_continue
             : ctx->call.config->stream_continue;

        if (on != 1 || (a->call != &ctx->call && !a->second)
            || ctx->call.format != &ngx_litellm_openai_chat)
        {
            return NGX_OK;
        }

        c = ngx_pcalloc(a->parent->pool, sizeof(ngx_http_litellm_continue_t));
        if (c == NULL) {
            return NGX_ERROR;
        }

        c->max = lcf->stream_continue_size;
        ngx_litellm_usage_init(&c->usage);

        if (!a->second) {
            ctx->cont = c;
        }
    }

    a->cont = c;

    /* what an attempt left that failed before its commit */

    c->fixed = 0;
    c->block = 0;

    if (c->resumed) {
        a->stream->writer = c->writer;
        return NGX_OK;
    }

    c->len = 0;

    ngx_str_null(&c->id);
    ngx_str_null(&c->model);

    ngx_memzero(&c->decoder, sizeof(ngx_litellm_stream_t));

    c->decoder.call = a->call;
    c->decoder.pool = a->parent->pool;
    c->decoder.doc.pool = a->parent->pool;
    c->decoder.emit = ngx_http_litellm_continue_collect;
    c->decoder.data = a;

    return NGX_OK;
}


ngx_uint_t
ngx_http_litellm_continued(ngx_http_litellm_ctx_t *ctx)
{
    return ctx->cont != NULL && ctx->cont->resumed;
}


ngx_litellm_error_t *
ngx_http_litellm_continue_error(ngx_http_litellm_ctx_t *ctx)
{
    return ngx_http_litellm_continued(ctx) ? &ctx->cont->error : NULL;
}


ngx_int_t
ngx_http_litellm_continue_data(ngx_http_litellm_attempt_t *a,
    ngx_litellm_sse_event_t *ev)
{
    ngx_http_litellm_continue_t  *c;

    c = a->cont;

    if (c->fixed || a->facts.end) {
        return NGX_OK;
    }

    return a->dialect->event(&c->decoder, &ev->name, &ev->data);
}


static ngx_int_t
ngx_http_litellm_continue_collect(void *data, ngx_litellm_event_t *ev)
{
    ngx_http_litellm_attempt_t *a = data;

    ngx_http_litellm_continue_t  *c;

    c = a->cont;

    if (ev->type != NGX_LITELLM_EV_START) {
        return ngx_http_litellm_continue_note(a, ev);
    }

    if (ngx_http_litellm_continue_word(a->parent->pool, &c->id, &ev->id)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_litellm_continue_word(a->parent->pool, &c->model,
                                          &ev->text);
}


static ngx_int_t
ngx_http_litellm_continue_word(ngx_pool_t *pool, ngx_str_t *dst,
    ngx_str_t *src)
{
    if (src->len == 0 || src->len > NGX_HTTP_LITELLM_CONTINUE_WORD) {
        return NGX_OK;
    }

    dst->data = ngx_pstrdup(pool, src);
    if (dst->data == NULL) {
        return NGX_ERROR;
    }

    dst->len = src->len;

    return NGX_OK;
}


/*
 * What the client has, or that it can't be gone on with: a tool call, whose
 * arguments nobody can be made to end; a second choice; what is no text; an
 * answer that is whole.
 */

static ngx_int_t
ngx_http_litellm_continue_note(ngx_http_litellm_attempt_t *a,
    ngx_litellm_event_t *ev)
{
    ngx_http_litellm_continue_t  *c;

    c = a->cont;

    if (c->fixed) {
        return NGX_OK;
    }

    switch (ev->type) {

    case NGX_LITELLM_EV_TEXT:
        c->block = 0;

        if (ev->choice == 0) {
            return ngx_http_litellm_continue_append(a, &ev->text);
        }

        break;

    case NGX_LITELLM_EV_REASONING:
        c->block = ev->index ? 1 : 0;
        return NGX_OK;

    case NGX_LITELLM_EV_SIGNATURE:
        c->block = 0;
        return NGX_OK;

    case NGX_LITELLM_EV_REFUSAL:
    case NGX_LITELLM_EV_CALL:
    case NGX_LITELLM_EV_ARGUMENTS:
    case NGX_LITELLM_EV_IMAGE:
    case NGX_LITELLM_EV_FINISH:
        break;

    default:
        return NGX_OK;
    }

    ngx_http_litellm_continue_fix(a);

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_continue_append(ngx_http_litellm_attempt_t *a,
    ngx_str_t *text)
{
    size_t                        want;
    u_char                       *p;
    ngx_http_litellm_continue_t  *c;

    c = a->cont;

    if (text->len == 0) {
        return NGX_OK;
    }

    if (text->len > c->max - c->len) {
        ngx_log_error(NGX_LOG_INFO, a->parent->connection->log, 0,
                      "litellm: stream is over "
                      "\"litellm_stream_continue_size\"");

        ngx_http_litellm_continue_fix(a);
        return NGX_OK;
    }

    if (text->len > c->alloc - c->len) {

        want = ngx_max(c->alloc * 2, 4096);
        want = ngx_min(ngx_max(want, c->len + text->len), c->max);

        p = ngx_pnalloc(a->parent->pool, want);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (c->alloc) {
            ngx_memcpy(p, c->text, c->len);
            (void) ngx_pfree(a->parent->pool, c->text);
        }

        c->text = p;
        c->alloc = want;
    }

    ngx_memcpy(c->text + c->len, text->data, text->len);
    c->len += text->len;

    return NGX_OK;
}


static void
ngx_http_litellm_continue_fix(ngx_http_litellm_attempt_t *a)
{
    ngx_http_litellm_continue_t  *c;

    c = a->cont;

    c->fixed = 1;

    if (c->resumed) {

        /* this attempt may still fail before its commit */

        return;
    }

    if (c->alloc) {
        (void) ngx_pfree(a->parent->pool, c->text);
    }

    c->text = NULL;
    c->len = 0;
    c->alloc = 0;
}


ngx_int_t
ngx_http_litellm_continue_event(ngx_http_litellm_attempt_t *a,
    ngx_litellm_event_t *ev)
{
    ngx_http_litellm_continue_t  *c;

    c = a->cont;

    if (!c->resumed) {
        return ngx_http_litellm_continue_note(a, ev);
    }

    switch (ev->type) {

    case NGX_LITELLM_EV_TEXT:

        if (c->echoed < c->echo.len && ev->choice == 0
            && ngx_http_litellm_continue_echo(a, &ev->text) != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (ev->text.len == 0) {
            return NGX_DECLINED;
        }

        if (c->skip < c->skip_end && ev->choice == 0) {
            ngx_http_litellm_continue_skip(c, &ev->text);

            if (ev->text.len == 0) {
                return NGX_DECLINED;
            }
        }

        break;

    case NGX_LITELLM_EV_REASONING:
    case NGX_LITELLM_EV_SIGNATURE:
    case NGX_LITELLM_EV_REDACTED:

        /* the client has begun to read the answer */

        if (c->trim) {
            return NGX_DECLINED;
        }

        break;

    case NGX_LITELLM_EV_USAGE:
        c->sum = c->usage;
        ngx_http_litellm_continue_add(&c->sum, ev->usage);

        ev->usage = &c->sum;

        return NGX_OK;

    default:
        break;
    }

    return ngx_http_litellm_continue_note(a, ev);
}


/*
 * Mistral's API says the message that it goes on with once more, before what
 * is new.  The two may be escaped in different ways, so UTF-8 is compared.
 * What does not go on as an echo was none.
 */

static ngx_int_t
ngx_http_litellm_continue_echo(ngx_http_litellm_attempt_t *a, ngx_str_t *text)
{
    size_t                        n, held;
    ngx_str_t                     s;
    ngx_litellm_out_t             out;
    ngx_http_litellm_continue_t  *c;

    c = a->cont;

    if (ngx_litellm_json_unescape(a->parent->pool, &s, text) != NGX_OK) {
        return NGX_ERROR;
    }

    held = c->echoed;
    n = ngx_min(s.len, c->echo.len - held);

    if (ngx_memcmp(s.data, c->echo.data + held, n) == 0) {

        c->echoed += n;

        s.data += n;
        s.len -= n;
        held = 0;

    } else {
        c->echoed = c->echo.len;
    }

    if (held + s.len == 0) {
        text->len = 0;
        return NGX_OK;
    }

    ngx_litellm_out_init(&out, a->parent->pool);

    ngx_litellm_out_escape(&out, c->echo.data, held);
    ngx_litellm_out_escape(&out, s.data, s.len);

    return ngx_litellm_out_join(&out, text);
}


/* white space that went out already, and was not part of the request */

static void
ngx_http_litellm_continue_skip(ngx_http_litellm_continue_t *c,
    ngx_str_t *text)
{
    u_char  *p;
    size_t   n;

    while (text->len && c->skip < c->skip_end) {

        p = c->text + c->skip;
        n = (*p == '\\') ? 2 : 1;

        if (text->len < n || ngx_memcmp(text->data, p, n) != 0) {
            c->skip = c->skip_end;
            return;
        }

        text->data += n;
        text->len -= n;

        c->skip += n;
    }
}


/* a cost is a number of the provider's own: two of them are not told */

static void
ngx_http_litellm_continue_add(ngx_litellm_usage_t *sum,
    ngx_litellm_usage_t *u)
{
    int64_t  total;

    if (!u->known) {
        return;
    }

    if (!sum->known) {
        *sum = *u;
        return;
    }

    total = ngx_http_litellm_continue_total(u);
    sum->total = ngx_http_litellm_continue_total(sum);

    ngx_http_litellm_continue_count(&sum->prompt, u->prompt);
    ngx_http_litellm_continue_count(&sum->completion, u->completion);
    ngx_http_litellm_continue_count(&sum->total, total);
    ngx_http_litellm_continue_count(&sum->cached, u->cached);
    ngx_http_litellm_continue_count(&sum->cache_write, u->cache_write);
    ngx_http_litellm_continue_count(&sum->cache_write_1h, u->cache_write_1h);
    ngx_http_litellm_continue_count(&sum->searches, u->searches);
    ngx_http_litellm_continue_count(&sum->reasoning, u->reasoning);
    ngx_http_litellm_continue_count(&sum->audio_in, u->audio_in);
    ngx_http_litellm_continue_count(&sum->audio_out, u->audio_out);
    ngx_http_litellm_continue_count(&sum->image_out, u->image_out);

    ngx_str_null(&sum->cost);
}


static int64_t
ngx_http_litellm_continue_total(ngx_litellm_usage_t *u)
{
    int64_t  total;

    if (u->total >= 0) {
        return u->total;
    }

    total = 0;

    ngx_http_litellm_continue_count(&total, u->prompt);
    ngx_http_litellm_continue_count(&total, u->completion);

    return total;
}


/* providers' numbers are anything: what is absurd is not added up */

static void
ngx_http_litellm_continue_count(int64_t *sum, int64_t n)
{
    if (n < 0 || n > NGX_HTTP_LITELLM_CONTINUE_TOKENS) {
        return;
    }

    *sum = (*sum < 0 || *sum > NGX_HTTP_LITELLM_CONTINUE_TOKENS) ? n
                                                                 : *sum + n;
}


ngx_int_t
ngx_http_litellm_continue_cut(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_attempt_t *a)
{
    ngx_int_t                     rc;
    ngx_litellm_error_t          *e;
    ngx_http_litellm_continue_t  *c;

    c = ctx->cont;
    e = &a->error;

    if (c == NULL || c->fixed || c->block || a->stream == NULL
        || a->facts.finish != NGX_LITELLM_FINISH_NONE
        || e->class == NGX_LITELLM_CONTEXT_WINDOW
        || e->class == NGX_LITELLM_CONTENT_POLICY
        || (e->status < 500 && e->status != 408 && e->status != 409
            && e->status != 429))
    {
        return NGX_DECLINED;
    }

    if (c->body.data == NULL) {
        rc = ngx_http_litellm_continue_split(ctx);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ngx_http_litellm_stream_rest(a) != NGX_OK) {
        return NGX_ERROR;
    }

    if (a->mode == NGX_HTTP_LITELLM_PASS) {
        c->writer.call = &ctx->call;
        c->writer.id = c->id;
        c->writer.model = c->model;
        c->writer.started = 1;

        ngx_litellm_usage_init(&c->writer.usage);

    } else {
        c->writer = a->stream->writer;
    }

    ngx_http_litellm_continue_add(&c->usage, &a->facts.usage);
    ngx_http_litellm_continue_trim(c);

    c->resumed = 1;
    c->error = *e;

    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "litellm: stream of deployment \"%V\" of \"%V\" was cut "
                  "behind %uz bytes of text", &a->deployment->id, &ctx->group,
                  c->len);

    return NGX_OK;
}


/* providers refuse a message with white space at its end, or stumble */

static void
ngx_http_litellm_continue_trim(ngx_http_litellm_continue_t *c)
{
    u_char  *p, *last, *end;

    p = c->text;
    last = p + c->len;
    end = p;

    while (p < last) {

        if (*p == ' ') {
            p++;
            continue;
        }

        if (*p == '\\') {
            p++;

            if (p < last && (*p == 'n' || *p == 'r' || *p == 't')) {
                p++;
                continue;
            }

            if (p == last) {
                break;
            }
        }

        end = ++p;
    }

    c->trim = end - c->text;

    c->skip = c->trim;
    c->skip_end = c->len;
}
