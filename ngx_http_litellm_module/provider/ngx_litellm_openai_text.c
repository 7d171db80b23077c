
/*
 * Legacy completions read into the neutral form: events of a stream and whole
 * answers of the "text_completion" form.  Called for the cache of answers
 * (format/ngx_litellm_gather.c, .._replay.c), of streams that pass and of what
 * was stored; the tap has looked at the former for errors.
 *
 * Texts are ranges of the JSON, as everywhere.
 */

#include "ngx_litellm_openai_dialect.h"
#include "ngx_litellm_openai_text.h"


static ngx_int_t ngx_litellm_text_index(ngx_litellm_json_t *choice,
    ngx_uint_t *index);
static ngx_int_t ngx_litellm_text_choice(ngx_litellm_answer_t *a,
    ngx_litellm_json_t *choice);


ngx_int_t
ngx_litellm_openai_text_event(ngx_litellm_stream_t *st, ngx_str_t *data)
{
    ngx_int_t             rc;
    ngx_uint_t            i, n;
    ngx_litellm_json_t   *list, *choice, *v;
    ngx_litellm_event_t   ev;

    rc = ngx_litellm_json_parse(&st->doc, data->data, data->len);

    if (rc != NGX_OK) {
        return rc;
    }

    if (st->state == NULL) {
        st->state = st;

        rc = ngx_litellm_emit_start(st,
                               ngx_litellm_json_member(st->doc.root, "id"),
                               ngx_litellm_json_member(st->doc.root, "model"));
        if (rc != NGX_OK) {
            return rc;
        }
    }

    list = ngx_litellm_json_member(st->doc.root, "choices");

    if (!ngx_litellm_json_is(list, ARRAY)) {
        return NGX_OK;
    }

    choice = list + 1;

    for (i = 0; i < list->count; i++, choice = ngx_litellm_json_next(choice)) {

        if (ngx_litellm_text_index(choice, &n) != NGX_OK) {
            return NGX_DECLINED;
        }

        rc = ngx_litellm_emit_choice(st, NGX_LITELLM_EV_TEXT,
                                     ngx_litellm_json_member(choice, "text"),
                                     n, 0);
        if (rc != NGX_OK) {
            return rc;
        }

        v = ngx_litellm_json_member(choice, "finish_reason");

        if (!ngx_litellm_json_is(v, STRING) || v->len == 2) {
            continue;
        }

        ngx_memzero(&ev, sizeof(ngx_litellm_event_t));
        ev.type = NGX_LITELLM_EV_FINISH;
        ev.choice = n;
        ev.finish = ngx_litellm_openai_finish(v, 0);

        rc = st->emit(st->data, &ev);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_text_index(ngx_litellm_json_t *choice, ngx_uint_t *index)
{
    int64_t              n;
    ngx_litellm_json_t  *v;

    *index = 0;

    v = ngx_litellm_json_member(choice, "index");

    if (v == NULL) {
        return NGX_OK;
    }

    if (!ngx_litellm_json_is(v, NUMBER)
        || ngx_litellm_json_int(v, &n) != NGX_OK
        || n < 0 || n >= NGX_LITELLM_CHOICES)
    {
        return NGX_DECLINED;
    }

    *index = (ngx_uint_t) n;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_openai_text_answer(ngx_litellm_call_t *call, ngx_str_t *body,
    ngx_litellm_answer_t *answer)
{
    ngx_int_t                rc;
    ngx_uint_t               i;
    ngx_litellm_json_t      *list, *choice, *v;
    ngx_litellm_answer_t    *a;
    ngx_litellm_json_doc_t   doc;

    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));
    doc.pool = call->pool;

    rc = ngx_litellm_json_parse(&doc, body->data, body->len);

    if (rc != NGX_OK) {
        return rc;
    }

    list = ngx_litellm_json_member(doc.root, "choices");

    if (!ngx_litellm_json_is(list, ARRAY) || list->count == 0
        || list->count > NGX_LITELLM_CHOICES)
    {
        return NGX_DECLINED;
    }

    a = answer;
    choice = list + 1;

    for (i = 0; i < list->count; i++, choice = ngx_litellm_json_next(choice)) {

        if (i) {
            a = ngx_litellm_answer_choice(answer, call->pool);
            if (a == NULL) {
                return NGX_ERROR;
            }
        }

        rc = ngx_litellm_text_choice(a, choice);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    v = ngx_litellm_json_member(doc.root, "id");

    if (ngx_litellm_json_is(v, STRING)) {
        answer->id = ngx_litellm_json_text(v);
    }

    v = ngx_litellm_json_member(doc.root, "model");

    if (ngx_litellm_json_is(v, STRING)) {
        answer->model = ngx_litellm_json_text(v);
    }

    v = ngx_litellm_json_member(doc.root, "usage");

    if (ngx_litellm_json_is(v, OBJECT)) {
        ngx_litellm_openai_usage_facts(v, &answer->usage);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_litellm_text_choice(ngx_litellm_answer_t *a, ngx_litellm_json_t *choice)
{
    ngx_str_t           *s;
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_member(choice, "text");

    if (!ngx_litellm_json_is(v, STRING)
        || ngx_litellm_text_index(choice, &a->index) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    s = ngx_array_push(&a->text);
    if (s == NULL) {
        return NGX_ERROR;
    }

    *s = ngx_litellm_json_text(v);

    a->has_text = 1;
    a->finish = ngx_litellm_openai_finish(
                      ngx_litellm_json_member(choice, "finish_reason"), 0);

    return NGX_OK;
}
