
/*
 * JSON schemas for Anthropic's structured outputs and strict tools, which take
 * a part of JSON Schema (Claude docs, structured outputs, "JSON Schema
 * limitations"): every object must have additionalProperties false, and most
 * limits of numbers, strings and arrays are refused.  Such a limit is taken
 * out and told to the model in the description instead, as the provider's own
 * SDKs do.
 *
 * Recursion is bounded by the JSON reader's bound of nesting.
 */

#include "ngx_litellm_anthropic.h"


#define NGX_LITELLM_SCHEMA_NOTES  8


typedef enum {
    NGX_LITELLM_SCHEMA_RAW = 0,      /* a value: copied */
    NGX_LITELLM_SCHEMA_ONE,          /* a schema, or an array of schemas */
    NGX_LITELLM_SCHEMA_MAP,          /* name -> schema */
    NGX_LITELLM_SCHEMA_LIMIT,        /* not understood by the provider */
    NGX_LITELLM_SCHEMA_MIN_ITEMS,    /* understood if 0 or 1 */
    NGX_LITELLM_SCHEMA_FORMAT,
    NGX_LITELLM_SCHEMA_DESCRIPTION,
    NGX_LITELLM_SCHEMA_ADDITIONAL
} ngx_litellm_schema_e;


typedef struct {
    ngx_str_t              name;
    ngx_litellm_schema_e   kind;
} ngx_litellm_schema_word_t;


static void ngx_litellm_schema_object(ngx_litellm_out_t *out,
    ngx_litellm_json_t *v);
static void ngx_litellm_schema_value(ngx_litellm_out_t *out,
    ngx_litellm_json_t *v);
static void ngx_litellm_schema_map(ngx_litellm_out_t *out,
    ngx_litellm_json_t *v);
static ngx_uint_t ngx_litellm_schema_is_object(ngx_litellm_json_t *v);
static ngx_litellm_schema_e ngx_litellm_schema_kind(ngx_litellm_json_t *key,
    ngx_litellm_json_t *value);
static void ngx_litellm_schema_notes(ngx_litellm_out_t *out,
    ngx_litellm_json_t **notes, ngx_uint_t n);


static const ngx_litellm_schema_word_t  ngx_litellm_schema_words[] = {
    { ngx_string("properties"), NGX_LITELLM_SCHEMA_MAP },
    { ngx_string("$defs"), NGX_LITELLM_SCHEMA_MAP },
    { ngx_string("definitions"), NGX_LITELLM_SCHEMA_MAP },
    { ngx_string("items"), NGX_LITELLM_SCHEMA_ONE },
    { ngx_string("prefixItems"), NGX_LITELLM_SCHEMA_ONE },
    { ngx_string("anyOf"), NGX_LITELLM_SCHEMA_ONE },
    { ngx_string("allOf"), NGX_LITELLM_SCHEMA_ONE },
    { ngx_string("oneOf"), NGX_LITELLM_SCHEMA_ONE },
    { ngx_string("not"), NGX_LITELLM_SCHEMA_ONE },
    { ngx_string("minimum"), NGX_LITELLM_SCHEMA_LIMIT },
    { ngx_string("maximum"), NGX_LITELLM_SCHEMA_LIMIT },
    { ngx_string("exclusiveMinimum"), NGX_LITELLM_SCHEMA_LIMIT },
    { ngx_string("exclusiveMaximum"), NGX_LITELLM_SCHEMA_LIMIT },
    { ngx_string("multipleOf"), NGX_LITELLM_SCHEMA_LIMIT },
    { ngx_string("minLength"), NGX_LITELLM_SCHEMA_LIMIT },
    { ngx_string("maxLength"), NGX_LITELLM_SCHEMA_LIMIT },
    { ngx_string("maxItems"), NGX_LITELLM_SCHEMA_LIMIT },
    { ngx_string("uniqueItems"), NGX_LITELLM_SCHEMA_LIMIT },
    { ngx_string("minProperties"), NGX_LITELLM_SCHEMA_LIMIT },
    { ngx_string("maxProperties"), NGX_LITELLM_SCHEMA_LIMIT },
    { ngx_string("minItems"), NGX_LITELLM_SCHEMA_MIN_ITEMS },
    { ngx_string("format"), NGX_LITELLM_SCHEMA_FORMAT },
    { ngx_string("description"), NGX_LITELLM_SCHEMA_DESCRIPTION },
    { ngx_string("additionalProperties"), NGX_LITELLM_SCHEMA_ADDITIONAL }
};


static const ngx_str_t  ngx_litellm_schema_formats[] = {
    ngx_string("date-time"),
    ngx_string("time"),
    ngx_string("date"),
    ngx_string("duration"),
    ngx_string("email"),
    ngx_string("hostname"),
    ngx_string("uri"),
    ngx_string("ipv4"),
    ngx_string("ipv6"),
    ngx_string("uuid")
};


void
ngx_litellm_anthropic_schema(ngx_litellm_out_t *out,
    ngx_litellm_json_t *schema)
{
    ngx_litellm_schema_value(out, schema);
}


static void
ngx_litellm_schema_value(ngx_litellm_out_t *out, ngx_litellm_json_t *v)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *p;

    if (v->type == NGX_LITELLM_JSON_OBJECT) {
        ngx_litellm_schema_object(out, v);
        return;
    }

    if (v->type != NGX_LITELLM_JSON_ARRAY) {
        ngx_litellm_anthropic_raw(out, v);
        return;
    }

    ngx_litellm_out_lit(out, "[");
    p = v + 1;

    for (i = 0; i < v->count; i++) {
        if (i) {
            ngx_litellm_out_lit(out, ",");
        }

        ngx_litellm_schema_value(out, p);
        p = ngx_litellm_json_next(p);
    }

    ngx_litellm_out_lit(out, "]");
}


static void
ngx_litellm_schema_map(ngx_litellm_out_t *out, ngx_litellm_json_t *v)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *key;

    if (v->type != NGX_LITELLM_JSON_OBJECT) {
        ngx_litellm_anthropic_raw(out, v);
        return;
    }

    ngx_litellm_out_lit(out, "{");
    key = v + 1;

    for (i = 0; i < v->count; i++) {
        if (i) {
            ngx_litellm_out_lit(out, ",");
        }

        ngx_litellm_anthropic_raw(out, key);
        ngx_litellm_out_lit(out, ":");
        ngx_litellm_schema_value(out, key + 1);
        key = ngx_litellm_json_next(key + 1);
    }

    ngx_litellm_out_lit(out, "}");
}


static void
ngx_litellm_schema_object(ngx_litellm_out_t *out, ngx_litellm_json_t *v)
{
    ngx_str_t              text;
    ngx_uint_t             i, n, written, closed;
    ngx_litellm_json_t    *key, *description, *notes[NGX_LITELLM_SCHEMA_NOTES];
    ngx_litellm_schema_e   kind;

    closed = ngx_litellm_schema_is_object(v);
    description = NULL;
    written = 0;
    n = 0;

    ngx_litellm_out_lit(out, "{");

    key = v + 1;

    for (i = 0; i < v->count; i++, key = ngx_litellm_json_next(key + 1)) {

        kind = ngx_litellm_schema_kind(key, key + 1);

        if (kind == NGX_LITELLM_SCHEMA_LIMIT) {
            if (n < NGX_LITELLM_SCHEMA_NOTES) {
                notes[n++] = key;
            }

            continue;
        }

        if (kind == NGX_LITELLM_SCHEMA_DESCRIPTION) {
            description = key + 1;
            continue;
        }

        if (kind == NGX_LITELLM_SCHEMA_ADDITIONAL) {
            if (closed) {
                continue;
            }

            kind = NGX_LITELLM_SCHEMA_ONE;
        }

        if (written++) {
            ngx_litellm_out_lit(out, ",");
        }

        ngx_litellm_anthropic_raw(out, key);
        ngx_litellm_out_lit(out, ":");

        if (kind == NGX_LITELLM_SCHEMA_MAP) {
            ngx_litellm_schema_map(out, key + 1);

        } else if (kind == NGX_LITELLM_SCHEMA_ONE) {
            ngx_litellm_schema_value(out, key + 1);

        } else {
            ngx_litellm_anthropic_raw(out, key + 1);
        }
    }

    if (description || n) {
        if (written++) {
            ngx_litellm_out_lit(out, ",");
        }

        ngx_litellm_out_lit(out, "\"description\":\"");

        if (description) {
            text = ngx_litellm_json_text(description);
            ngx_litellm_out_ref(out, text.data, text.len);
        }

        if (description && n) {
            ngx_litellm_out_lit(out, " ");
        }

        ngx_litellm_schema_notes(out, notes, n);
        ngx_litellm_out_lit(out, "\"");
    }

    if (closed) {
        if (written) {
            ngx_litellm_out_lit(out, ",");
        }

        ngx_litellm_out_lit(out, "\"additionalProperties\":false");
    }

    ngx_litellm_out_lit(out, "}");
}


static ngx_uint_t
ngx_litellm_schema_is_object(ngx_litellm_json_t *v)
{
    ngx_uint_t           i;
    ngx_litellm_json_t  *type, *p;

    type = ngx_litellm_json_member(v, "type");

    if (ngx_litellm_json_is(type, STRING)) {
        return ngx_litellm_json_eq(type, "object");
    }

    if (ngx_litellm_json_is(type, ARRAY)) {
        p = type + 1;

        for (i = 0; i < type->count; i++) {
            if (ngx_litellm_json_is(p, STRING)
                && ngx_litellm_json_eq(p, "object"))
            {
                return 1;
            }

            p = ngx_litellm_json_next(p);
        }

        return 0;
    }

    return ngx_litellm_json_is(ngx_litellm_json_member(v, "properties"),
                               OBJECT);
}


static ngx_litellm_schema_e
ngx_litellm_schema_kind(ngx_litellm_json_t *key, ngx_litellm_json_t *value)
{
    ngx_uint_t                        i, n;
    const ngx_litellm_schema_word_t  *w;

    w = ngx_litellm_schema_words;
    n = sizeof(ngx_litellm_schema_words) / sizeof(ngx_litellm_schema_words[0]);

    for (i = 0; i < n; i++) {
        if (key->len == w[i].name.len + 2
            && ngx_memcmp(key->start + 1, w[i].name.data, w[i].name.len) == 0)
        {
            break;
        }
    }

    if (i == n) {
        return NGX_LITELLM_SCHEMA_RAW;
    }

    switch (w[i].kind) {

    case NGX_LITELLM_SCHEMA_MIN_ITEMS:
        if (value->len == 1 && (*value->start == '0' || *value->start == '1'))
        {
            return NGX_LITELLM_SCHEMA_RAW;
        }

        return NGX_LITELLM_SCHEMA_LIMIT;

    case NGX_LITELLM_SCHEMA_FORMAT:

        if (value->type != NGX_LITELLM_JSON_STRING) {
            return NGX_LITELLM_SCHEMA_RAW;
        }

        n = sizeof(ngx_litellm_schema_formats)
            / sizeof(ngx_litellm_schema_formats[0]);

        for (i = 0; i < n; i++) {
            if (ngx_litellm_json_equal(value,
                            (char *) ngx_litellm_schema_formats[i].data,
                            ngx_litellm_schema_formats[i].len))
            {
                return NGX_LITELLM_SCHEMA_RAW;
            }
        }

        return NGX_LITELLM_SCHEMA_LIMIT;

    case NGX_LITELLM_SCHEMA_DESCRIPTION:

        if (value->type != NGX_LITELLM_JSON_STRING) {
            return NGX_LITELLM_SCHEMA_RAW;
        }

        return NGX_LITELLM_SCHEMA_DESCRIPTION;

    default:
        return w[i].kind;
    }
}


/* {minimum: 1, maxLength: 20}; numbers and words only, nothing nested */

static void
ngx_litellm_schema_notes(ngx_litellm_out_t *out, ngx_litellm_json_t **notes,
    ngx_uint_t n)
{
    ngx_str_t            text;
    ngx_uint_t           i;
    ngx_litellm_json_t  *value;

    for (i = 0; i < n; i++) {

        if (i) {
            ngx_litellm_out_lit(out, ", ");

        } else {
            ngx_litellm_out_lit(out, "{");
        }

        text = ngx_litellm_json_text(notes[i]);
        ngx_litellm_out_str(out, &text);
        ngx_litellm_out_lit(out, ": ");

        value = notes[i] + 1;

        if (value->type == NGX_LITELLM_JSON_STRING) {
            text = ngx_litellm_json_text(value);
            ngx_litellm_out_str(out, &text);

        } else if (value->type == NGX_LITELLM_JSON_ARRAY
                   || value->type == NGX_LITELLM_JSON_OBJECT)
        {
            ngx_litellm_out_lit(out, "...");

        } else {
            ngx_litellm_anthropic_raw(out, value);
        }
    }

    if (n) {
        ngx_litellm_out_lit(out, "}");
    }
}
