
/*
 * Voyage AI, a variant of the OpenAI dialect for embeddings (Voyage API
 * reference, "Text embeddings"): the size of a vector has another name, floats
 * are what comes when no encoding is asked for, and members that it does not
 * know are refused.  Its rerank is ngx_litellm_rerank.c's.
 */

#include "ngx_litellm_openai_dialect.h"


static uint64_t ngx_litellm_voyage_supported(ngx_litellm_call_t *call);
static ngx_uint_t ngx_litellm_voyage_wants(ngx_litellm_call_t *call);
static ngx_int_t ngx_litellm_voyage_edit(ngx_litellm_call_t *call,
    ngx_litellm_json_t *root, ngx_litellm_splice_t *sp, ngx_array_t *adds,
    uint64_t *present, ngx_litellm_error_t *e);


const ngx_litellm_variant_t  ngx_litellm_voyage_variant = {
    ngx_litellm_voyage_supported,
    NULL,
    NULL,
    ngx_litellm_voyage_edit,
    ngx_litellm_voyage_wants,
    NULL,
    NULL,
    ngx_null_string
};


static uint64_t
ngx_litellm_voyage_supported(ngx_litellm_call_t *call)
{
    return ngx_litellm_param_bit(DIMENSIONS)
           | ngx_litellm_param_bit(ENCODING_FORMAT);
}


static ngx_uint_t
ngx_litellm_voyage_wants(ngx_litellm_call_t *call)
{
    return ngx_litellm_openai_value(call, NGX_LITELLM_P_DIMENSIONS) != NULL
           || ngx_litellm_openai_value(call, NGX_LITELLM_P_ENCODING_FORMAT)
              != NULL
           || ngx_litellm_openai_value(call, NGX_LITELLM_P_USER) != NULL;
}


static ngx_int_t
ngx_litellm_voyage_edit(ngx_litellm_call_t *call, ngx_litellm_json_t *root,
    ngx_litellm_splice_t *sp, ngx_array_t *adds, uint64_t *present,
    ngx_litellm_error_t *e)
{
    ngx_litellm_add_t   *add;
    ngx_litellm_json_t  *v;

    static ngx_str_t  size = ngx_string("output_dimension");

    ngx_litellm_openai_leave(root, adds, "user");

    v = ngx_litellm_openai_value(call, NGX_LITELLM_P_ENCODING_FORMAT);

    if (ngx_litellm_json_is(v, STRING) && ngx_litellm_json_eq(v, "float")) {
        ngx_litellm_openai_leave(root, adds, "encoding_format");
    }

    v = ngx_litellm_json_member(root, "dimensions");

    if (v != NULL && !(v->flags & NGX_LITELLM_JSON_DROPPED)) {
        v--;
        ngx_litellm_splice_string(sp, v->start, v->start + v->len, &size);
        return NGX_OK;
    }

    add = ngx_litellm_openai_added(adds, "dimensions",
                                   sizeof("dimensions") - 1);

    if (add != NULL) {
        add->name = size;
        add->key = size;
    }

    return NGX_OK;
}
