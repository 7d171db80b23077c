
/*
 * What the dialects of embeddings share that are not OpenAI's: the request in
 * the neutral form, and vectors of an answer.  A vector stays the provider's
 * bytes; it is looked at so that a client never gets anything else than
 * numbers or base64.
 */

#include "ngx_litellm_array.h"
#include "ngx_litellm_provider.h"
#include "ngx_litellm_format.h"


#define NGX_LITELLM_EMBED_PARAMS                                              \
    (ngx_litellm_param_bit(USER)                                              \
     | ngx_litellm_param_bit(DIMENSIONS)                                      \
     | ngx_litellm_param_bit(ENCODING_FORMAT))


static ngx_uint_t ngx_litellm_embed_numbers(ngx_litellm_json_t *v);
static ngx_uint_t ngx_litellm_embed_inputs(ngx_litellm_call_t *call);


ngx_int_t
ngx_litellm_embed_parse(ngx_litellm_call_t *call, ngx_litellm_json_doc_t *doc,
    ngx_litellm_chat_t *chat, uint64_t supported, uint64_t *present,
    ngx_litellm_error_t *e)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    rc = call->format->parse(call, doc, chat, e);
    if (rc != NGX_OK) {
        return rc;
    }

    /* defaults of a deployment may be meant for its chat */

    *present = 0;

    for (i = 0; i < NGX_LITELLM_P_MAX; i++) {
        if (chat->param[i]
            && (((NGX_LITELLM_EMBED_PARAMS | call->present) >> i) & 1))
        {
            *present |= (uint64_t) 1 << i;
        }
    }

    rc = ngx_litellm_params_check(call, present, supported
                                       | ngx_litellm_param_bit(USER)
                                       | ngx_litellm_param_bit(ENCODING_FORMAT),
                                  e);
    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; i < chat->ninputs; i++) {
        if (chat->inputs[i]->type != NGX_LITELLM_JSON_STRING) {
            return ngx_litellm_call_bad(call, e, "this provider takes texts "
                                        "in 'input', no tokens");
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_litellm_embed_vector(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer, ngx_litellm_json_t *v)
{
    ngx_str_t  *s;

    if (!ngx_litellm_json_is(v, STRING)
        && !(ngx_litellm_json_is(v, ARRAY) && v->count
             && ngx_litellm_embed_numbers(v)))
    {
        return NGX_DECLINED;
    }

    s = ngx_litellm_array_push(&answer->vectors, call->pool, 4,
                               sizeof(ngx_str_t));
    if (s == NULL) {
        return NGX_ERROR;
    }

    s->data = v->start;
    s->len = v->len;

    return NGX_OK;
}


/*
 * An array of valid JSON that has only these bytes is one of numbers.  They
 * need no nodes, which would be millions in a large answer.
 */

static ngx_uint_t
ngx_litellm_embed_numbers(ngx_litellm_json_t *v)
{
    u_char  c, *p, *last;

    last = v->start + v->len - 1;

    for (p = v->start + 1; p < last; p++) {
        c = *p;

        if ((c < '0' || c > '9') && c != '.' && c != ',' && c != '-'
            && c != '+' && (c | 0x20) != 'e' && c > ' ')
        {
            return 0;
        }
    }

    return 1;
}


ngx_int_t
ngx_litellm_embed_vectors(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer, ngx_litellm_json_t *list)
{
    ngx_int_t            rc;
    ngx_uint_t           i, n;
    ngx_litellm_json_t  *v;

    if (!ngx_litellm_json_is(list, ARRAY) || list->count == 0) {
        return NGX_DECLINED;
    }

    n = list->count;
    v = list + 1;

    for (i = 0; i < n; i++, v = ngx_litellm_json_next(v)) {
        rc = ngx_litellm_embed_vector(call, answer, v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_litellm_embed_complete(ngx_litellm_call_t *call,
    ngx_litellm_answer_t *answer, int64_t tokens, ngx_litellm_error_t *e)
{
    if (answer->vectors.nelts != ngx_litellm_embed_inputs(call)) {
        return ngx_litellm_call_broken(call, e, "the provider's answer has "
                                       "not one embedding for each input");
    }

    ngx_litellm_embed_usage(answer, tokens);

    return NGX_OK;
}


/* how many there were in the request: a list of numbers is one */

static ngx_uint_t
ngx_litellm_embed_inputs(ngx_litellm_call_t *call)
{
    u_char              *p;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(call->top.root, "input");

    if (!ngx_litellm_json_is(v, ARRAY)) {
        return 1;
    }

    /* its elements have no nodes; what begins one is seen, the JSON is valid */

    for (p = v->start + 1; *p <= ' '; p++) { /* void */ }

    return (*p == '"' || *p == '[') ? v->count : 1;
}


void
ngx_litellm_embed_usage(ngx_litellm_answer_t *answer, int64_t tokens)
{
    if (tokens < 0) {
        return;
    }

    answer->usage.known = 1;
    answer->usage.prompt = tokens;
    answer->usage.completion = 0;
    answer->usage.total = tokens;
}
