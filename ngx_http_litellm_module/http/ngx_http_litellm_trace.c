
/*
 * The trace that a client's request belongs to, told to its provider: the
 * headers traceparent and tracestate (W3C Trace Context).  They are taken from
 * the client's request when it is sent on, so that a tracing module of nginx
 * has put its own span there by then.  Called for each exchange of an attempt.
 *
 * What is no traceparent does not go out, nor does the state that comes with
 * it.
 */

#include "ngx_http_litellm.h"


/* "00-" trace "-" parent "-" flags */
#define NGX_HTTP_LITELLM_TRACE_LEN    55

/* lines of tracestate, and bytes of one */
#define NGX_HTTP_LITELLM_TRACE_LINES  8
#define NGX_HTTP_LITELLM_TRACE_STATE  1024


static ngx_int_t ngx_http_litellm_trace_find(ngx_http_request_t *r,
    ngx_str_t *parent, ngx_str_t *states, ngx_uint_t *n);
static ngx_uint_t ngx_http_litellm_trace_parent(ngx_str_t *value);
static ngx_uint_t ngx_http_litellm_trace_hex(u_char *p, size_t len,
    ngx_uint_t zero);
static ngx_uint_t ngx_http_litellm_trace_state(ngx_str_t *value);
static ngx_int_t ngx_http_litellm_trace_push(ngx_array_t *headers,
    ngx_str_t *key, ngx_str_t *value);


ngx_int_t
ngx_http_litellm_trace(ngx_http_litellm_attempt_t *a, ngx_array_t **headers)
{
    ngx_str_t                     parent, *key,
                                  states[NGX_HTTP_LITELLM_TRACE_LINES];
    ngx_uint_t                    i, n;
    ngx_http_litellm_loc_conf_t  *lcf;

    static ngx_str_t  names[] = {
        ngx_string("traceparent"),
        ngx_string("tracestate")
    };

    *headers = NULL;

    lcf = ngx_http_get_module_loc_conf(a->parent, ngx_http_litellm_module);

    if (a->raw
        || !((lcf->trace_context != NGX_CONF_UNSET)
             ? lcf->trace_context : a->call->config->forward_traceparent)
        || ngx_http_litellm_trace_find(a->parent, &parent, states, &n)
           != NGX_OK)
    {
        return NGX_OK;
    }

    *headers = ngx_array_create(a->ctx->pool, 1 + n, sizeof(ngx_keyval_t));
    if (*headers == NULL) {
        return NGX_ERROR;
    }

    key = names;

    if (ngx_http_litellm_trace_push(*headers, key++, &parent) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        if (ngx_http_litellm_trace_push(*headers, key, &states[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* NGX_DECLINED: the request has none, or no good one, or two of them */

static ngx_int_t
ngx_http_litellm_trace_find(ngx_http_request_t *r, ngx_str_t *parent,
    ngx_str_t *states, ngx_uint_t *n)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    ngx_str_null(parent);
    *n = 0;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {

            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].hash == 0) {
            continue;
        }

        if (h[i].key.len == sizeof("traceparent") - 1
            && ngx_strncasecmp(h[i].key.data, (u_char *) "traceparent",
                               sizeof("traceparent") - 1)
               == 0)
        {
            if (parent->data != NULL
                || !ngx_http_litellm_trace_parent(&h[i].value))
            {
                return NGX_DECLINED;
            }

            *parent = h[i].value;

        } else if (h[i].key.len == sizeof("tracestate") - 1
                   && *n < NGX_HTTP_LITELLM_TRACE_LINES
                   && ngx_strncasecmp(h[i].key.data, (u_char *) "tracestate",
                                      sizeof("tracestate") - 1)
                      == 0
                   && ngx_http_litellm_trace_state(&h[i].value))
        {
            states[(*n)++] = h[i].value;
        }
    }

    return parent->data ? NGX_OK : NGX_DECLINED;
}


static ngx_uint_t
ngx_http_litellm_trace_parent(ngx_str_t *value)
{
    u_char  *p;

    p = value->data;

    if (value->len < NGX_HTTP_LITELLM_TRACE_LEN
        || p[2] != '-' || p[35] != '-' || p[52] != '-'
        || !ngx_http_litellm_trace_hex(p, 2, 1)
        || !ngx_http_litellm_trace_hex(p + 3, 32, 0)
        || !ngx_http_litellm_trace_hex(p + 36, 16, 0)
        || !ngx_http_litellm_trace_hex(p + 53, 2, 1)
        || (p[0] == 'f' && p[1] == 'f'))
    {
        return 0;
    }

    if (value->len == NGX_HTTP_LITELLM_TRACE_LEN) {
        return 1;
    }

    /* a version to come may have more behind a dash */

    return (p[0] != '0' || p[1] != '0')
           && p[NGX_HTTP_LITELLM_TRACE_LEN] == '-'
           && ngx_http_litellm_trace_state(value);
}


/* lower case; zero: may it be nothing but zeros? */

static ngx_uint_t
ngx_http_litellm_trace_hex(u_char *p, size_t len, ngx_uint_t zero)
{
    size_t  i;

    for (i = 0; i < len; i++) {

        if (p[i] >= '1' && p[i] <= '9') {
            zero = 1;

        } else if (p[i] >= 'a' && p[i] <= 'f') {
            zero = 1;

        } else if (p[i] != '0') {
            return 0;
        }
    }

    return zero;
}


static ngx_uint_t
ngx_http_litellm_trace_state(ngx_str_t *value)
{
    size_t  i;

    if (value->len == 0 || value->len > NGX_HTTP_LITELLM_TRACE_STATE) {
        return 0;
    }

    for (i = 0; i < value->len; i++) {
        if ((value->data[i] < 0x20 && value->data[i] != '\t')
            || value->data[i] > 0x7e)
        {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_http_litellm_trace_push(ngx_array_t *headers, ngx_str_t *key,
    ngx_str_t *value)
{
    ngx_keyval_t  *h;

    h = ngx_array_push(headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->key = *key;
    h->value = *value;

    return NGX_OK;
}
