
/*
 * Errors of providers with OpenAI-like texts, in LiteLLM's classes (reference
 * 7, row "openai + every openai-compatible"): the class decides about retries
 * and fallbacks, the message is what the client reads.  Called for every
 * answer with an error status, for a good status with an error in it, and for
 * error events of streams.
 *
 * Rules by text run before rules by status, as in LiteLLM, over the provider's
 * message, type and code only.  Bodies are hostile: no more than
 * NGX_LITELLM_ERRORS_BODY bytes are read, no more than NGX_LITELLM_ERRORS_TEXT
 * of a text are looked at and told, and the deployment's key is taken out
 * before anything is cut.
 */

#include "ngx_litellm_provider.h"


#define NGX_LITELLM_ERRORS_BODY   65536
#define NGX_LITELLM_ERRORS_TEXT   4096
#define NGX_LITELLM_ERRORS_LOOK   16384     /* of it, for a dialect's rules */
#define NGX_LITELLM_ERRORS_WORD   256       /* of type, param and code */
#define NGX_LITELLM_ERRORS_KEY    4         /* "none" and the like are no
                                               secrets */


typedef struct {
    ngx_str_t      message;
    ngx_str_t      type;
    ngx_str_t      param;
    ngx_str_t      code;
    ngx_uint_t     status;                  /* a number given as code */
} ngx_litellm_errors_body_t;


static ngx_int_t ngx_litellm_errors_read(ngx_litellm_call_t *call,
    ngx_str_t *text, ngx_litellm_errors_body_t *b);
static void ngx_litellm_errors_object(ngx_litellm_call_t *call,
    ngx_litellm_json_t *v, ngx_litellm_errors_body_t *b);
static void ngx_litellm_errors_text(ngx_litellm_call_t *call,
    ngx_litellm_json_t *v, ngx_str_t *s, size_t max);
static void ngx_litellm_errors_classify(ngx_uint_t status,
    ngx_litellm_errors_body_t *b, ngx_litellm_error_t *e);
static ngx_uint_t ngx_litellm_errors_rules(ngx_uint_t status,
    ngx_litellm_errors_body_t *b, ngx_litellm_error_t *e);
static ngx_uint_t ngx_litellm_errors_limited(ngx_uint_t status,
    ngx_litellm_errors_body_t *b);
static ngx_uint_t ngx_litellm_errors_guess(ngx_litellm_errors_body_t *b);
static ngx_uint_t ngx_litellm_errors_has(ngx_litellm_errors_body_t *b,
    const char *word);
static ngx_uint_t ngx_litellm_errors_in(ngx_str_t *s, const char *word);
static void ngx_litellm_errors_cut(ngx_str_t *s, size_t max);
static ngx_uint_t ngx_litellm_errors_next(ngx_litellm_call_t *call,
    ngx_uint_t *i, ngx_str_t **secret);
static ngx_uint_t ngx_litellm_errors_secret(ngx_str_t *name);
static void ngx_litellm_errors_scrub(ngx_litellm_call_t *call, ngx_str_t *s);
static void ngx_litellm_errors_hide(ngx_litellm_call_t *call, ngx_str_t *s,
    ngx_str_t *key);


/* all are compared without regard to case */

static const ngx_litellm_error_rule_t  ngx_litellm_errors_rule[] = {

    { "exceed context limit", NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "this model's maximum context length is", NULL,
      NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "string too long. expected a string with maximum length", NULL,
      NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "model's maximum context limit", NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "is longer than the model's context length", NULL,
      NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "input tokens exceed the configured limit", NULL,
      NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "`inputs` tokens + `max_new_tokens` must be", NULL,
      NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "exceeds the available context size", NULL,
      NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "exceeds the maximum number of tokens allowed", NULL,
      NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "current length is", "while limit is", NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "maximum input length is", "tokens", NGX_LITELLM_CONTEXT_WINDOW, 400 },
    { "context_length_exceeded", NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },

    { "invalid_request_error", "model_not_found", NGX_LITELLM_NOT_FOUND, 404 },

    { "a timeout occurred", NULL, NGX_LITELLM_TIMEOUT, 408 },
    { "request timeout error", NULL, NGX_LITELLM_TIMEOUT, 408 },
    { "request timed out", NULL, NGX_LITELLM_TIMEOUT, 408 },
    { "timed out generating response", NULL, NGX_LITELLM_TIMEOUT, 408 },
    { "the read operation timed out", NULL, NGX_LITELLM_TIMEOUT, 408 },

    { "invalid_request_error", "content_policy_violation",
      NGX_LITELLM_CONTENT_POLICY, 400 },
    { "invalid prompt", "violating our usage policy",
      NGX_LITELLM_CONTENT_POLICY, 400 },
    { "request was rejected as a result of the safety system", NULL,
      NGX_LITELLM_CONTENT_POLICY, 400 },

    { "web server is returning an unknown error", NULL,
      NGX_LITELLM_INTERNAL_SERVER, 500 },
    { "the server had an error processing your request.", NULL,
      NGX_LITELLM_INTERNAL_SERVER, 500 },

    { "request too large", NULL, NGX_LITELLM_RATE_LIMIT, 429 },

    { "mistral api raised a streaming error", NULL, NGX_LITELLM_API, 500 },

    { NULL, NULL, NGX_LITELLM_NO_ERROR, 0 }
};


void
ngx_litellm_error_openai(ngx_litellm_call_t *call, ngx_uint_t status,
    ngx_str_t *body, ngx_litellm_error_t *e)
{
    ngx_str_t                  text;
    ngx_litellm_errors_body_t  b;

    ngx_memzero(&b, sizeof(ngx_litellm_errors_body_t));

    text = *body;
    ngx_litellm_errors_cut(&text, NGX_LITELLM_ERRORS_BODY);

    if (ngx_litellm_errors_read(call, &text, &b) != NGX_OK
        || b.message.len == 0)
    {
        /* what it is, as it came: a proxy's page, a line of text */

        while (text.len && text.data[text.len - 1] <= ' ') {
            text.len--;
        }

        b.message = text;

        ngx_litellm_errors_scrub(call, &b.message);
        ngx_litellm_errors_cut(&b.message, NGX_LITELLM_ERRORS_TEXT);
    }

    ngx_litellm_errors_classify(status, &b, e);

    e->type = b.type;
    e->param = b.param;
    e->code = b.code;

    if (ngx_litellm_error_set(call, e, e->class, e->status, &b.message)
        != NGX_OK)
    {
        ngx_str_set(&e->message, "litellm.APIError: no memory for the "
                    "provider's error");
    }
}


/*
 * {"error": {...}}, [{"error": {...}}], {"error": "..."}, or the members
 * themselves as Mistral, vLLM and FastAPI servers have them.  NGX_DECLINED if
 * there is nothing of that kind.
 */

static ngx_int_t
ngx_litellm_errors_read(ngx_litellm_call_t *call, ngx_str_t *text,
    ngx_litellm_errors_body_t *b)
{
    ngx_litellm_json_t      *root, *v;
    ngx_litellm_json_doc_t   doc;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = call->pool;
    doc.keep = 4;

    if (ngx_litellm_json_parse(&doc, text->data, text->len) != NGX_OK) {
        return NGX_DECLINED;
    }

    root = doc.root;

    if (root->type == NGX_LITELLM_JSON_ARRAY && root->count) {
        root++;
    }

    if (root->type != NGX_LITELLM_JSON_OBJECT) {
        return NGX_DECLINED;
    }

    v = ngx_litellm_json_member(root, "error");

    if (ngx_litellm_json_is(v, OBJECT)) {
        ngx_litellm_errors_object(call, v, b);
        return NGX_OK;
    }

    ngx_litellm_errors_object(call, root, b);

    if (ngx_litellm_json_is(v, STRING) && b->message.len == 0) {
        ngx_litellm_errors_text(call, v, &b->message,
                                NGX_LITELLM_ERRORS_TEXT);
    }

    return NGX_OK;
}


static void
ngx_litellm_errors_object(ngx_litellm_call_t *call, ngx_litellm_json_t *v,
    ngx_litellm_errors_body_t *b)
{
    int64_t              n;
    ngx_litellm_json_t  *code, *message;

    message = ngx_litellm_json_member(v, "message");

    if (message == NULL) {
        message = ngx_litellm_json_member(v, "detail");
    }

    ngx_litellm_errors_text(call, message, &b->message,
                            NGX_LITELLM_ERRORS_TEXT);

    ngx_litellm_errors_text(call, ngx_litellm_json_member(v, "type"),
                            &b->type, NGX_LITELLM_ERRORS_WORD);

    ngx_litellm_errors_text(call, ngx_litellm_json_member(v, "param"),
                            &b->param, NGX_LITELLM_ERRORS_WORD);

    code = ngx_litellm_json_member(v, "code");

    if (ngx_litellm_json_is(code, NUMBER)) {

        if (ngx_litellm_json_int(code, &n) == NGX_OK && n >= 400 && n < 600) {
            b->status = n;
        }

    } else {
        ngx_litellm_errors_text(call, code, &b->code,
                                NGX_LITELLM_ERRORS_WORD);
    }
}


/* UTF-8 of a string; the key is taken out before anything is cut off */

static void
ngx_litellm_errors_text(ngx_litellm_call_t *call, ngx_litellm_json_t *v,
    ngx_str_t *s, size_t max)
{
    ngx_str_t  text;

    if (!ngx_litellm_json_is(v, STRING)) {
        return;
    }

    text = ngx_litellm_json_text(v);

    if (ngx_litellm_json_unescape(call->pool, s, &text) != NGX_OK) {
        ngx_str_null(s);
        return;
    }

    ngx_litellm_errors_scrub(call, s);
    ngx_litellm_errors_cut(s, max);

    if (s->len && s->data == text.data) {

        /* an event's bytes do not last */

        s->data = ngx_pstrdup(call->pool, s);

        if (s->data == NULL) {
            ngx_str_null(s);
        }
    }
}


static void
ngx_litellm_errors_classify(ngx_uint_t status, ngx_litellm_errors_body_t *b,
    ngx_litellm_error_t *e)
{
    if (ngx_litellm_errors_rules(status, b, e)) {
        return;
    }

    if (status == 0) {

        /* no answer at all */

        e->class = NGX_LITELLM_API_CONNECTION;
        e->status = 500;
        return;
    }

    if (status < 400 || status > 599) {

        /* an error inside of a good answer or stream */

        status = b->status ? b->status : ngx_litellm_errors_guess(b);
    }

    e->class = ngx_litellm_error_status(status);
    e->status = status;
}


static ngx_uint_t
ngx_litellm_errors_rules(ngx_uint_t status, ngx_litellm_errors_body_t *b,
    ngx_litellm_error_t *e)
{
    ngx_uint_t                       too_long;
    const ngx_litellm_error_rule_t  *r;

    if (ngx_litellm_errors_limited(status, b)) {
        e->class = NGX_LITELLM_RATE_LIMIT;
        e->status = 429;
        return 1;
    }

    /* the length of a field such as "user", not of the talk */

    too_long = ngx_litellm_errors_has(b, "string_above_max_length")
               || (ngx_litellm_errors_has(b, "invalid 'user'")
                   && ngx_litellm_errors_has(b, "string too long"));

    for (r = ngx_litellm_errors_rule; r->text; r++) {

        if (too_long && r->class == NGX_LITELLM_CONTEXT_WINDOW) {
            continue;
        }

        if (!ngx_litellm_errors_has(b, r->text)
            || (r->other != NULL && !ngx_litellm_errors_has(b, r->other)))
        {
            continue;
        }

        e->class = r->class;
        e->status = r->status;

        if (r->class == NGX_LITELLM_TIMEOUT && status == 504) {
            e->status = 504;
        }

        return 1;
    }

    return 0;
}


static ngx_uint_t
ngx_litellm_errors_limited(ngx_uint_t status, ngx_litellm_errors_body_t *b)
{
    u_char  *p, *last;

    if (status == 429) {
        return 1;
    }

    if (ngx_litellm_errors_has(b, "service tier capacity exceeded")
        || ngx_litellm_errors_has(b, "rate_limit")
        || ngx_litellm_errors_has(b, "rate-limit")
        || ngx_litellm_errors_has(b, "ratelimit"))
    {
        return 1;
    }

    /* any number of blanks between the two words */

    p = b->message.data;
    last = p + b->message.len;

    while (last - p > (ssize_t) sizeof("rate limit") - 2) {

        p = ngx_strlcasestrn(p, last, (u_char *) "rate ",
                             sizeof("rate ") - 1 - 1);
        if (p == NULL) {
            return 0;
        }

        p += sizeof("rate ") - 1;

        while (p < last && (*p == ' ' || *p == '_' || *p == '-')) {
            p++;
        }

        if (last - p >= 5 && ngx_strncasecmp(p, (u_char *) "limit", 5) == 0) {
            return 1;
        }
    }

    return 0;
}


/* for an error without a status */

static ngx_uint_t
ngx_litellm_errors_guess(ngx_litellm_errors_body_t *b)
{
    ngx_uint_t  i;

    static const struct {
        const char   *word;
        ngx_uint_t    status;
    } words[] = {
        { "insufficient_quota", 429 },
        { "invalid_api_key", 401 },
        { "authentication", 401 },
        { "permission", 403 },
        { "not_found", 404 },
        { "overloaded", 503 },
        { "unavailable", 503 },
        { "server_error", 500 },
        { "invalid_request", 400 },
        { NULL, 0 }
    };

    for (i = 0; words[i].word; i++) {
        if ((b->type.len
             && ngx_strlcasestrn(b->type.data, b->type.data + b->type.len,
                                 (u_char *) words[i].word,
                                 ngx_strlen(words[i].word) - 1))
            || (b->code.len
                && ngx_strlcasestrn(b->code.data, b->code.data + b->code.len,
                                    (u_char *) words[i].word,
                                    ngx_strlen(words[i].word) - 1)))
        {
            return words[i].status;
        }
    }

    return 500;
}


static ngx_uint_t
ngx_litellm_errors_has(ngx_litellm_errors_body_t *b, const char *word)
{
    return ngx_litellm_errors_in(&b->message, word)
           || ngx_litellm_errors_in(&b->type, word)
           || ngx_litellm_errors_in(&b->code, word);
}


static ngx_uint_t
ngx_litellm_errors_in(ngx_str_t *s, const char *word)
{
    size_t  len;

    len = ngx_strlen(word);

    return s->len >= len
           && ngx_strlcasestrn(s->data, s->data + s->len, (u_char *) word,
                               len - 1)
              != NULL;
}


const ngx_litellm_error_rule_t *
ngx_litellm_error_rule(ngx_str_t *text, const ngx_litellm_error_rule_t *rules)
{
    ngx_str_t                        s;
    const ngx_litellm_error_rule_t  *r;

    s.data = text->data;
    s.len = ngx_min(text->len, NGX_LITELLM_ERRORS_LOOK);

    for (r = rules; r->text; r++) {
        if (ngx_litellm_errors_in(&s, r->text)
            && (r->other == NULL || ngx_litellm_errors_in(&s, r->other)))
        {
            return r;
        }
    }

    return NULL;
}


ngx_uint_t
ngx_litellm_error_word(ngx_litellm_json_t *v,
    const ngx_litellm_error_word_t *words, ngx_uint_t n)
{
    ngx_uint_t  i;

    if (!ngx_litellm_json_is(v, STRING)) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        if (ngx_litellm_json_equal(v, (char *) words[i].word.data,
                                   words[i].word.len))
        {
            return words[i].status;
        }
    }

    return 0;
}


ngx_int_t
ngx_litellm_error_set(ngx_litellm_call_t *call, ngx_litellm_error_t *e,
    ngx_litellm_class_e class, ngx_uint_t status, ngx_str_t *text)
{
    u_char     *p;
    size_t      len;
    ngx_str_t   s, *name, *exception;

    s = *text;
    ngx_litellm_errors_scrub(call, &s);
    ngx_litellm_errors_cut(&s, NGX_LITELLM_ERRORS_TEXT);

    name = ngx_litellm_error_class(class);
    exception = (ngx_str_t *) &call->deployment->provider->exception;

    len = sizeof("litellm.: ") - 1 + name->len + exception->len
          + sizeof(" - ") - 1 + s.len;

    p = ngx_pnalloc(call->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    e->class = class;
    e->status = status;
    e->message.data = p;
    e->message.len = len;
    ngx_str_null(&e->specific);

    p = ngx_cpymem(p, "litellm.", sizeof("litellm.") - 1);
    p = ngx_cpymem(p, name->data, name->len);
    p = ngx_cpymem(p, ": ", sizeof(": ") - 1);
    p = ngx_cpymem(p, exception->data, exception->len);
    p = ngx_cpymem(p, " - ", sizeof(" - ") - 1);
    ngx_memcpy(p, s.data, s.len);

    return NGX_OK;
}


void
ngx_litellm_error_scrub(ngx_litellm_call_t *call, ngx_litellm_error_t *e)
{
    ngx_litellm_errors_scrub(call, &e->message);
    ngx_litellm_errors_scrub(call, &e->type);
    ngx_litellm_errors_scrub(call, &e->param);
    ngx_litellm_errors_scrub(call, &e->code);
}


static void
ngx_litellm_errors_scrub(ngx_litellm_call_t *call, ngx_str_t *s)
{
    ngx_str_t   *secret;
    ngx_uint_t   i;

    for (i = 0; ngx_litellm_errors_next(call, &i, &secret); i++) {
        ngx_litellm_errors_hide(call, s, secret);
    }
}


size_t
ngx_litellm_error_shortest(ngx_litellm_call_t *call)
{
    size_t       len;
    ngx_str_t   *secret;
    ngx_uint_t   i;

    len = NGX_MAX_SIZE_T_VALUE;

    for (i = 0; ngx_litellm_errors_next(call, &i, &secret); i++) {
        len = ngx_min(len, secret->len);
    }

    return len;
}


ngx_uint_t
ngx_litellm_error_tells(ngx_litellm_call_t *call, ngx_str_t *s)
{
    ngx_str_t   *secret;
    ngx_uint_t   i;

    for (i = 0; ngx_litellm_errors_next(call, &i, &secret); i++) {
        if (secret->len <= s->len
            && ngx_litellm_find(s->data, s->data + s->len,
                                (char *) secret->data, secret->len)
               != NULL)
        {
            return 1;
        }
    }

    return 0;
}


/*
 * The i-th or a later secret of the deployment: its key, its token, what
 * settings hold.  0: there is none.
 */

static ngx_uint_t
ngx_litellm_errors_next(ngx_litellm_call_t *call, ngx_uint_t *i,
    ngx_str_t **secret)
{
    ngx_uint_t                 n;
    ngx_keyval_t              *setting;
    ngx_litellm_deployment_t  *d;

    d = call->deployment;
    n = d->settings ? d->settings->nelts : 0;
    setting = d->settings ? d->settings->elts : NULL;

    for ( /* void */ ; *i < n + 2; (*i)++) {

        if (*i == 0) {
            *secret = &d->api_key;

        } else if (*i == 1) {
            *secret = &call->token;

        } else if (ngx_litellm_errors_secret(&setting[*i - 2].key)) {
            *secret = &setting[*i - 2].value;

        } else {
            continue;
        }

        if ((*secret)->len >= NGX_LITELLM_ERRORS_KEY) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_litellm_errors_secret(ngx_str_t *name)
{
    u_char  *p, *last;

    p = name->data;
    last = p + name->len;

    return ngx_litellm_find(p, last, "secret", 6) != NULL
           || ngx_litellm_find(p, last, "token", 5) != NULL
           || ngx_litellm_find(p, last, "password", 8) != NULL
           || ngx_litellm_find(p, last, "key", 3) != NULL;
}


/* s becomes a copy without the key; empty if there is no memory for it */

static void
ngx_litellm_errors_hide(ngx_litellm_call_t *call, ngx_str_t *s,
    ngx_str_t *key)
{
    u_char  *p, *q, *last, *dst;

    if (s->len < key->len) {
        return;
    }

    p = s->data;
    last = p + s->len;

    q = ngx_litellm_find(p, last, (char *) key->data, key->len);

    if (q == NULL) {
        return;
    }

    /* the mark is no longer than a key */

    dst = ngx_pnalloc(call->pool, s->len);
    if (dst == NULL) {
        ngx_str_null(s);
        return;
    }

    s->data = dst;

    while (q != NULL) {
        dst = ngx_cpymem(dst, p, q - p);
        dst = ngx_cpymem(dst, "***", 3);

        p = q + key->len;
        q = ngx_litellm_find(p, last, (char *) key->data, key->len);
    }

    dst = ngx_cpymem(dst, p, last - p);

    s->len = dst - s->data;
}


/* not inside of a character */

static void
ngx_litellm_errors_cut(ngx_str_t *s, size_t max)
{
    if (s->len <= max) {
        return;
    }

    while (max && (s->data[max] & 0xc0) == 0x80) {
        max--;
    }

    s->len = max;
}
