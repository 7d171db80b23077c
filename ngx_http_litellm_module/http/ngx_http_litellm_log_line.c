
/*
 * $litellm_log: time, client, request, status and the other variables of this
 * module as a JSON object on one line.  It is what nginx makes of them by the
 * log_format "litellm_parts" of conf-examples/log.conf, byte for byte, which
 * takes it several times as long: each variable is got, its value looked through
 * for what has to be escaped, and copied, by calls of their own.
 *
 * Values are got by the variables' own getters, so they are bounded and without
 * control characters; those that are plain are never escaped.
 */

#include "ngx_http_litellm.h"


/* of the request itself */
#define NGX_HTTP_LITELLM_LOG_LINE_OWN  7
#define NGX_HTTP_LITELLM_LOG_LINE_URI  3

#define NGX_HTTP_LITELLM_LOG_LINE_MAX                                         \
    (NGX_HTTP_LITELLM_LOG_LINE_OWN                                            \
     + sizeof(ngx_http_litellm_log_line_members)                              \
       / sizeof(ngx_http_litellm_log_line_members[0]))

/* in front of a member's value, and around its name in that */
#define NGX_HTTP_LITELLM_LOG_LINE_QUOTES  (sizeof("\",\"") - 1)


typedef struct {
    ngx_str_t                   head;
    ngx_uint_t                  plain;
    ngx_http_get_variable_pt    get;    /* of the variable of that name */
    uintptr_t                   data;
} ngx_http_litellm_log_line_t;


static void ngx_http_litellm_log_line_request(ngx_http_request_t *r,
    ngx_str_t *value, u_char *buf);
static size_t ngx_http_litellm_log_line_escaped(ngx_str_t *text);


#define member(name, plain)                                                   \
    { ngx_string("\",\"" name "\":\""), plain, NULL, 0 }

static ngx_http_litellm_log_line_t  ngx_http_litellm_log_line_members[] = {
    member("call_id", 0),
    member("model", 0),
    member("model_group", 0),
    member("provider", 1),
    member("provider_model", 0),
    member("deployment", 0),
    member("key_alias", 0),
    member("key_hash", 1),
    member("user", 0),
    member("team", 0),
    member("end_user", 0),
    member("stream", 1),
    member("finish_reason", 1),
    member("error_class", 1),
    member("prompt_tokens", 1),
    member("completion_tokens", 1),
    member("cached_tokens", 1),
    member("reasoning_tokens", 1),
    member("total_tokens", 1),
    member("usage_estimated", 1),
    member("cost", 1),
    member("attempts", 1),
    member("fallbacks", 1),
    member("ttft", 1),
    member("upstream_time", 1),
    member("overhead_time", 1),
    member("redis", 1),
    member("redis_time", 1),
    member("cache_status", 1),
    member("cache_age", 1)
};

#undef member

static ngx_str_t
    ngx_http_litellm_log_line_own[NGX_HTTP_LITELLM_LOG_LINE_OWN] = {
    ngx_string("{\"time\":\""),
    ngx_string("\",\"remote_addr\":\""),
    ngx_string("\",\"request\":\""),
    ngx_string(" "),
    ngx_string("\",\"status\":\""),
    ngx_string("\",\"bytes_sent\":\""),
    ngx_string("\",\"request_time\":\"")
};


void
ngx_http_litellm_log_line_member(ngx_http_variable_t *var)
{
    size_t                        len;
    ngx_str_t                     name;
    ngx_uint_t                    i;
    ngx_http_litellm_log_line_t  *m;

    len = sizeof("litellm_") - 1;

    for (i = 0; i < NGX_HTTP_LITELLM_LOG_LINE_MAX
                    - NGX_HTTP_LITELLM_LOG_LINE_OWN; i++)
    {
        m = &ngx_http_litellm_log_line_members[i];

        name.data = m->head.data + NGX_HTTP_LITELLM_LOG_LINE_QUOTES;
        name.len = m->head.len - 2 * NGX_HTTP_LITELLM_LOG_LINE_QUOTES;

        if (var->name.len == len + name.len
            && ngx_memcmp(var->name.data + len, name.data, name.len) == 0)
        {
            m->get = var->get_handler;
            m->data = var->data;
        }
    }
}


ngx_int_t
ngx_http_litellm_log_line(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                       *p, buf[3 * NGX_INT64_LEN + 8];
    size_t                        len, more[NGX_HTTP_LITELLM_LOG_LINE_MAX];
    ngx_str_t                     value[NGX_HTTP_LITELLM_LOG_LINE_MAX];
    ngx_uint_t                    i, n;
    const ngx_str_t              *head[NGX_HTTP_LITELLM_LOG_LINE_MAX];
    ngx_http_variable_value_t     one;
    ngx_http_litellm_log_line_t  *m;

    ngx_http_litellm_log_line_request(r, value, buf);

    len = sizeof("\"}") - 1;

    for (i = 0; i < NGX_HTTP_LITELLM_LOG_LINE_OWN; i++) {
        head[i] = &ngx_http_litellm_log_line_own[i];
        more[i] = (i == NGX_HTTP_LITELLM_LOG_LINE_URI)
                  ? ngx_http_litellm_log_line_escaped(&value[i]) : 0;
        len += head[i]->len + value[i].len + more[i];
    }

    for (n = 0; i < NGX_HTTP_LITELLM_LOG_LINE_MAX; n++, i++) {

        ngx_memzero(&one, sizeof(ngx_http_variable_value_t));

        m = &ngx_http_litellm_log_line_members[n];

        if (m->get == NULL) {
            one.not_found = 1;

        } else if (m->get(r, &one, m->data) != NGX_OK) {
            return NGX_ERROR;
        }

        value[i].len = one.not_found ? 0 : one.len;
        value[i].data = one.data;

        head[i] = &m->head;
        more[i] = m->plain ? 0 : ngx_http_litellm_log_line_escaped(&value[i]);

        len += head[i]->len + value[i].len + more[i];
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->data = p;

    for (i = 0; i < NGX_HTTP_LITELLM_LOG_LINE_MAX; i++) {

        p = ngx_cpymem(p, head[i]->data, head[i]->len);

        if (more[i]) {
            p = (u_char *) ngx_escape_json(p, value[i].data, value[i].len);

        } else if (value[i].len) {
            p = ngx_cpymem(p, value[i].data, value[i].len);
        }
    }

    p = ngx_cpymem(p, "\"}", sizeof("\"}") - 1);

    v->len = p - v->data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


/* what nginx's own variables of these names are, in an access log */

static void
ngx_http_litellm_log_line_request(ngx_http_request_t *r, ngx_str_t *value,
    u_char *buf)
{
    u_char          *p;
    ngx_uint_t       status;
    ngx_time_t      *tp;
    ngx_msec_int_t   ms;

    p = buf;

    value[0] = ngx_cached_http_log_iso8601;
    value[1] = r->connection->addr_text;
    value[2] = r->main->method_name;
    value[3] = r->uri;

    status = r->err_status ? r->err_status
             : r->headers_out.status ? r->headers_out.status
             : (r->http_version == NGX_HTTP_VERSION_9) ? 9 : 0;

    value[4].data = p;
    p = (status < 1000) ? ngx_litellm_out_fixed(p, (uint32_t) status, 3)
                        : ngx_litellm_out_digits(p, status);
    value[4].len = p - value[4].data;

    value[5].data = p;
    p = ngx_litellm_out_digits(p, (uint64_t) r->connection->sent);
    value[5].len = p - value[5].data;

    tp = ngx_timeofday();

    ms = (ngx_msec_int_t) ((tp->sec - r->start_sec) * 1000
                           + ((ngx_msec_int_t) tp->msec
                              - (ngx_msec_int_t) r->start_msec));
    ms = ngx_max(ms, 0);

    value[6].data = p;
    p = ngx_litellm_out_digits(p, ms / 1000);
    *p++ = '.';
    p = ngx_litellm_out_fixed(p, (uint32_t) (ms % 1000), 3);
    value[6].len = p - value[6].data;
}


/* bytes that escaping adds: most texts have nothing to be escaped */

static size_t
ngx_http_litellm_log_line_escaped(ngx_str_t *text)
{
    u_char    *p;
    size_t     i, len;
    uint64_t   w, quote, slash, found;

    p = text->data;
    len = text->len;
    found = 0;

    if (len < 8) {

        for (i = 0; i < len; i++) {
            found |= (p[i] < 0x20 || p[i] == '"' || p[i] == '\\');
        }

    } else {

        for (i = 0; i < len; i += 8) {

            /* some bytes of the last one twice */

            ngx_memcpy(&w, p + ngx_min(i, len - 8), 8);

            quote = w ^ 0x2222222222222222ULL;
            slash = w ^ 0x5c5c5c5c5c5c5c5cULL;

            found |= ((w - 0x2020202020202020ULL) & ~w)
                     | ((quote - 0x0101010101010101ULL) & ~quote)
                     | ((slash - 0x0101010101010101ULL) & ~slash);
        }

        found &= 0x8080808080808080ULL;
    }

    return found ? (size_t) ngx_escape_json(NULL, p, len) : 0;
}
