
/*
 * Values of a record's members as numbers, periods, flags, texts and lists of
 * texts, and the sentence that says what is wrong with one.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_principal_record.h"


static ngx_uint_t ngx_litellm_record_negative(ngx_litellm_json_t *v);


/* of the record, else of the budget that LiteLLM joins to it; not null */

ngx_litellm_json_t *
ngx_litellm_record_get(ngx_litellm_record_t *rd, const char *name)
{
    size_t               len;
    ngx_litellm_json_t  *v;

    len = ngx_strlen(name);
    v = ngx_litellm_json_get(rd->root, name, len);

    if (v != NULL && v->type != NGX_LITELLM_JSON_NULL) {
        return v;
    }

    v = ngx_litellm_json_get(rd->budget, name, len);

    return (v != NULL && v->type != NGX_LITELLM_JSON_NULL) ? v : NULL;
}


/*
 * scale 0: a count, which is a whole number that 63 bits hold; scale 12: an
 * amount of money, saturated.  A number in quotes is one too: that is how a
 * variable of the environment comes.
 */

ngx_int_t
ngx_litellm_record_number(ngx_litellm_record_t *rd, ngx_litellm_json_t *v,
    const char *name, ngx_uint_t scale, int64_t *n)
{
    int64_t    value;
    ngx_int_t  rc;

    if (v == NULL || v->type == NGX_LITELLM_JSON_NULL) {
        return NGX_OK;
    }

    if (v->type == NGX_LITELLM_JSON_STRING
        && !(v->flags & NGX_LITELLM_JSON_ESCAPED))
    {
        rc = ngx_litellm_json_parse(&rd->text, v->start + 1, v->len - 2);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        v = (rc == NGX_OK) ? rd->text.root : v;
    }

    if (v->type == NGX_LITELLM_JSON_NUMBER
        && !ngx_litellm_record_negative(v))
    {
        if (scale == 0) {
            rc = ngx_litellm_json_int(v, &value);

        } else {
            rc = ngx_litellm_json_fixed(v, scale, &value);

            if (rc != NGX_OK) {
                value = NGX_LITELLM_MONEY_MAX;
                rc = NGX_OK;
            }
        }

        if (rc == NGX_OK) {
            *n = value;
            return NGX_OK;
        }
    }

    return ngx_litellm_record_bad(rd, name, scale ? "must be a number of 0 or "
                                  "more" : "must be a whole number of 0 or "
                                  "more, below 2^63");
}


/* below 0 by however little; -0 is not */

static ngx_uint_t
ngx_litellm_record_negative(ngx_litellm_json_t *v)
{
    u_char  *p, *last;

    if (v->start[0] != '-') {
        return 0;
    }

    last = v->start + v->len;

    for (p = v->start; p < last && *p != 'e' && *p != 'E'; p++) {
        if (*p >= '1' && *p <= '9') {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_litellm_record_period(ngx_litellm_record_t *rd, ngx_litellm_json_t *v,
    const char *name, ngx_litellm_budget_t *budget)
{
    ngx_int_t  rc;

    rc = ngx_litellm_record_text(rd, v, name, &budget->duration);
    if (rc != NGX_OK) {
        return rc;
    }

    if (budget->duration.len
        && ngx_litellm_period_parse(&budget->duration, &budget->period)
           != NGX_OK)
    {
        return ngx_litellm_record_bad(rd, name, "must have a duration like "
                                      "30s, 30m, 12h, 30d, 1w or 1mo");
    }

    return NGX_OK;
}


ngx_int_t
ngx_litellm_record_flag(ngx_litellm_record_t *rd, const char *name,
    ngx_uint_t *flag)
{
    ngx_litellm_json_t  *v;

    v = ngx_litellm_json_get(rd->root, name, ngx_strlen(name));

    if (v == NULL || v->type == NGX_LITELLM_JSON_NULL
        || v->type == NGX_LITELLM_JSON_FALSE)
    {
        return NGX_OK;
    }

    if (v->type != NGX_LITELLM_JSON_TRUE) {
        return ngx_litellm_record_bad(rd, name, "must be true or false");
    }

    *flag = 1;

    return NGX_OK;
}


/* a number is taken for a text: ids are often written so */

ngx_int_t
ngx_litellm_record_text(ngx_litellm_record_t *rd, ngx_litellm_json_t *v,
    const char *name, ngx_str_t *dst)
{
    ngx_str_t  text;

    if (v == NULL || v->type == NGX_LITELLM_JSON_NULL) {
        return NGX_OK;
    }

    if (v->type == NGX_LITELLM_JSON_NUMBER) {
        text.data = v->start;
        text.len = v->len;

    } else if (v->type == NGX_LITELLM_JSON_STRING) {
        text = ngx_litellm_json_text(v);

    } else {
        return ngx_litellm_record_bad(rd, name, "must be a text");
    }

    if (text.len > NGX_LITELLM_ID_MAX) {
        return ngx_litellm_record_bad(rd, name, "is longer than 256 bytes");
    }

    return ngx_litellm_json_unescape(rd->pool, dst, &text);
}


/* an empty list is none at all, as in LiteLLM */

ngx_int_t
ngx_litellm_record_strings(ngx_litellm_record_t *rd, ngx_litellm_json_t *v,
    const char *name, ngx_array_t **dst)
{
    ngx_int_t            rc;
    ngx_str_t           *item;
    ngx_uint_t           i;
    ngx_litellm_json_t  *e;

    if (v == NULL || v->type == NGX_LITELLM_JSON_NULL) {
        return NGX_OK;
    }

    if (v->type != NGX_LITELLM_JSON_ARRAY
        || v->count > NGX_LITELLM_ALLOWED_MAX)
    {
        return ngx_litellm_record_bad(rd, name, "must be a list of texts, "
                                      "4096 at most");
    }

    if (v->count == 0) {
        return NGX_OK;
    }

    *dst = ngx_array_create(rd->pool, v->count, sizeof(ngx_str_t));
    if (*dst == NULL) {
        return NGX_ERROR;
    }

    e = v + 1;

    for (i = 0; i < v->count; i++, e = ngx_litellm_json_next(e)) {

        if (e->type != NGX_LITELLM_JSON_STRING) {
            return ngx_litellm_record_bad(rd, name, "must be a list of "
                                          "texts, 4096 at most");
        }

        item = ngx_array_push(*dst);
        if (item == NULL) {
            return NGX_ERROR;
        }

        ngx_str_null(item);

        rc = ngx_litellm_record_text(rd, e, name, item);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_litellm_record_bad(ngx_litellm_record_t *rd, const char *name,
    const char *what)
{
    u_char  *p;
    size_t   len;

    len = ngx_strlen(name) + ngx_strlen(what) + sizeof("\"\" ") - 1;

    p = ngx_pnalloc(rd->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    rd->why->data = p;
    rd->why->len = ngx_sprintf(p, "\"%s\" %s", name, what) - p;

    return NGX_DECLINED;
}
