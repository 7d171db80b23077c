
/*
 * What a prediction of Replicate's says: its status, its output as an answer,
 * its counts, and why it failed; and the errors of the API itself.
 *
 * The output of a language model is a text or an array of pieces of one;
 * anything else is not the answer to a chat.
 */

#include "ngx_litellm_replicate.h"


#define NGX_LITELLM_REPLICATE_ERROR  4096    /* of an error's text */


static ngx_uint_t ngx_litellm_replicate_is_output(ngx_litellm_json_t *v);


ngx_litellm_replicate_status_e
ngx_litellm_replicate_status(ngx_litellm_json_t *root)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *v;

    static const struct {
        ngx_str_t                        name;
        ngx_litellm_replicate_status_e   status;
    } names[] = {
        { ngx_string("processing"), NGX_LITELLM_REPLICATE_RUNNING },
        { ngx_string("starting"), NGX_LITELLM_REPLICATE_RUNNING },
        { ngx_string("queued"), NGX_LITELLM_REPLICATE_RUNNING },
        { ngx_string("succeeded"), NGX_LITELLM_REPLICATE_SUCCEEDED },
        { ngx_string("successful"), NGX_LITELLM_REPLICATE_SUCCEEDED },
        { ngx_string("failed"), NGX_LITELLM_REPLICATE_FAILED },
        { ngx_string("canceled"), NGX_LITELLM_REPLICATE_CANCELED },
        { ngx_string("aborted"), NGX_LITELLM_REPLICATE_CANCELED }
    };

    v = ngx_litellm_json_member(root, "status");

    if (!ngx_litellm_json_is(v, STRING)) {
        return NGX_LITELLM_REPLICATE_INVALID;
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (ngx_litellm_json_equal(v, (char *) names[i].name.data,
                                   names[i].name.len))
        {
            return names[i].status;
        }
    }

    return NGX_LITELLM_REPLICATE_INVALID;
}


/* of a prediction that succeeded */

ngx_int_t
ngx_litellm_replicate_response(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_answer_t *answer, ngx_litellm_error_t *e)
{
    ngx_int_t                        rc;
    ngx_str_t                       *s;
    ngx_uint_t                       n;
    ngx_litellm_json_t              *root, *v;
    ngx_litellm_json_doc_t           doc;
    ngx_litellm_replicate_status_e   status;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = call->pool;
    doc.keep = 3;

    rc = ngx_litellm_json_parse(&doc, body->data, body->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    root = (rc == NGX_OK) ? doc.root : NULL;
    status = ngx_litellm_replicate_status(root);

    if (status == NGX_LITELLM_REPLICATE_FAILED
        || status == NGX_LITELLM_REPLICATE_CANCELED)
    {
        return ngx_litellm_replicate_failure(call, root, status, e);
    }

    v = ngx_litellm_json_member(root, "output");

    if (status != NGX_LITELLM_REPLICATE_SUCCEEDED
        || !ngx_litellm_replicate_is_output(v))
    {
        return ngx_litellm_call_broken(call, e, "the provider's answer is not "
                                       "a prediction with a text");
    }

    n = 1;

    if (v->type == NGX_LITELLM_JSON_ARRAY) {
        n = v->count;
        v++;
    }

    for ( /* void */ ; n; n--, v = ngx_litellm_json_next(v)) {

        if (!ngx_litellm_json_is(v, STRING)) {
            continue;
        }

        s = ngx_array_push(&answer->text);
        if (s == NULL) {
            return NGX_ERROR;
        }

        *s = ngx_litellm_json_text(v);
    }

    answer->has_text = 1;
    answer->finish = NGX_LITELLM_FINISH_STOP;

    v = ngx_litellm_json_member(root, "id");

    if (ngx_litellm_json_is(v, STRING)) {
        answer->id = ngx_litellm_json_text(v);
    }

    v = ngx_litellm_json_member(root, "model");

    if (ngx_litellm_json_is(v, STRING)) {
        answer->model = ngx_litellm_json_text(v);
    }

    ngx_litellm_replicate_usage(root, &answer->usage);

    return NGX_OK;
}


/* a text, pieces of one, or nothing at all */

static ngx_uint_t
ngx_litellm_replicate_is_output(ngx_litellm_json_t *v)
{
    ngx_uint_t           i, n;
    ngx_litellm_json_t  *piece;

    if (v == NULL || v->type == NGX_LITELLM_JSON_NULL
        || v->type == NGX_LITELLM_JSON_STRING)
    {
        return v != NULL;
    }

    if (v->type != NGX_LITELLM_JSON_ARRAY) {
        return 0;
    }

    n = v->count;
    piece = v + 1;

    for (i = 0; i < n; i++) {

        if (piece->type != NGX_LITELLM_JSON_STRING) {
            return 0;
        }

        piece = ngx_litellm_json_next(piece);
    }

    return 1;
}


/* some models count, the API itself does not */

void
ngx_litellm_replicate_usage(ngx_litellm_json_t *root, ngx_litellm_usage_t *u)
{
    int64_t              prompt, completion;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(root, "metrics");

    prompt = ngx_litellm_call_tokens(v, "input_token_count", -1);
    completion = ngx_litellm_call_tokens(v, "output_token_count", -1);

    if (prompt < 0 && completion < 0) {
        return;
    }

    u->known = 1;
    u->prompt = ngx_max(prompt, 0);
    u->completion = ngx_max(completion, 0);
    u->total = u->prompt + u->completion;
}


/* NGX_DECLINED, or NGX_ERROR */

ngx_int_t
ngx_litellm_replicate_failure(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_replicate_status_e status,
    ngx_litellm_error_t *e)
{
    ngx_str_t            text, j;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(root, "error");

    if (ngx_litellm_json_is(v, STRING) && v->len > 2) {
        j = ngx_litellm_json_text(v);

        if (ngx_litellm_json_unescape(call->pool, &text, &j) != NGX_OK) {
            return NGX_ERROR;
        }

    } else if (status == NGX_LITELLM_REPLICATE_CANCELED) {
        ngx_str_set(&text, "the prediction was canceled");

    } else {
        ngx_str_set(&text, "the prediction failed");
    }

    return ngx_litellm_replicate_classify(call, &text, e);
}


/*
 * What failed has no status of HTTP: words of the text, and the codes that
 * Replicate's own servers of language models put before it (E1...: the user's
 * fault), decide who is to blame.
 */

ngx_int_t
ngx_litellm_replicate_classify(ngx_litellm_call_t *call, ngx_str_t *text,
    ngx_litellm_error_t *e)
{
    ngx_str_t            s;
    ngx_uint_t           i, status;
    ngx_litellm_class_e  class;

    static const struct {
        const char           *word;
        ngx_litellm_class_e   class;
    } rules[] = {
        { "nsfw", NGX_LITELLM_CONTENT_POLICY },
        { "flagged as sensitive", NGX_LITELLM_CONTENT_POLICY },
        { "input is too long", NGX_LITELLM_CONTEXT_WINDOW },
        { "prompt length exceeds", NGX_LITELLM_CONTEXT_WINDOW },
        { "E1002", NGX_LITELLM_CONTEXT_WINDOW }
    };

    s = *text;
    s.len = ngx_min(s.len, NGX_LITELLM_REPLICATE_ERROR);

    class = NGX_LITELLM_INTERNAL_SERVER;
    status = 500;

    if (s.len >= 5 && s.data[0] == 'E' && s.data[1] == '1'
        && s.data[2] >= '0' && s.data[2] <= '9'
        && s.data[3] >= '0' && s.data[3] <= '9'
        && s.data[4] >= '0' && s.data[4] <= '9')
    {
        class = NGX_LITELLM_BAD_REQUEST;
        status = 400;
    }

    for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (ngx_litellm_replicate_has(&s, rules[i].word)) {
            class = rules[i].class;
            status = 400;
            break;
        }
    }

    ngx_memzero(e, sizeof(ngx_litellm_error_t));

    return ngx_litellm_error_set(call, e, class, status, text) == NGX_OK
           ? NGX_DECLINED : NGX_ERROR;
}


/* {"title":...,"detail":...,"status":...} */

void
ngx_litellm_replicate_error(ngx_litellm_call_t *call, ngx_uint_t status,
    ngx_str_t *body, ngx_litellm_error_t *e)
{
    const ngx_litellm_error_rule_t  *rule;

    static const ngx_litellm_error_rule_t  rules[] = {
        { "incorrect authentication token", NULL,
          NGX_LITELLM_AUTHENTICATION, 401 },
        { "input is too long", NULL, NGX_LITELLM_CONTEXT_WINDOW, 400 },
        { "request was throttled", NULL, NGX_LITELLM_RATE_LIMIT, 429 },
        { NULL, NULL, 0, 0 }
    };

    ngx_memzero(e, sizeof(ngx_litellm_error_t));

    rule = ngx_litellm_error_rule(body, rules);

    if (rule
        && ngx_litellm_error_set(call, e, rule->class, rule->status, body)
           == NGX_OK)
    {
        return;
    }

    ngx_litellm_error_openai(call, status, body, e);

    if (status == 422 && e->class == NGX_LITELLM_BAD_REQUEST) {

        /* an input that the model's schema refuses */

        (void) ngx_litellm_error_set(call, e, NGX_LITELLM_UNPROCESSABLE, 422,
                                     body);
    }
}
