
/*
 * Names of what accounts are of: in metrics, messages and the state file, which
 * are LiteLLM's where it has them.  The order is that of the scopes in
 * ngx_http_litellm_ledger.h.
 */

#include "ngx_http_litellm_ledger.h"


#define ngx_http_litellm_scope_rows(row)                                      \
    row("gateway")                                                            \
    row("api_key")                                                            \
    row("user")                                                               \
    row("team")                                                               \
    row("team_member")                                                        \
    row("end_user")                                                           \
    row("model_per_key")                                                      \
    row("model_per_team")                                                     \
    row("model_per_user")                                                     \
    row("tag")                                                                \
    row("model")                                                              \
    row("provider")                                                           \
    row("deployment")                                                         \
    row("period")


#define ngx_http_litellm_scope_row(name)  ngx_string(name),

static ngx_str_t  ngx_http_litellm_scope_names[] = {
    ngx_http_litellm_scope_rows(ngx_http_litellm_scope_row)
    ngx_null_string
};


#define ngx_http_litellm_scope_left_row(name)                                 \
    {                                                                         \
        ngx_string("x-ratelimit-" name "-limit-requests"),                    \
        ngx_string("x-ratelimit-" name "-remaining-requests"),                \
        ngx_string("x-ratelimit-" name "-limit-tokens"),                      \
        ngx_string("x-ratelimit-" name "-remaining-tokens"),                  \
        ngx_string("x-ratelimit-" name "-limit-max_parallel_requests"),       \
        ngx_string("x-ratelimit-" name "-remaining-max_parallel_requests")    \
    },

static ngx_str_t  ngx_http_litellm_scope_lefts[][6] = {
    ngx_http_litellm_scope_rows(ngx_http_litellm_scope_left_row)
};


ngx_str_t *
ngx_http_litellm_scope_name(ngx_http_litellm_scope_e scope)
{
    return &ngx_http_litellm_scope_names[ngx_min(scope,
                                                 NGX_HTTP_LITELLM_SCOPES)];
}


ngx_str_t *
ngx_http_litellm_scope_headers(ngx_http_litellm_scope_e scope)
{
    return ngx_http_litellm_scope_lefts[scope];
}
