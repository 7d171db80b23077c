
/*
 * Names of what accounts are of: in metrics, messages and the state file, which
 * are LiteLLM's where it has them.  The order is that of the scopes in
 * ngx_http_litellm_ledger.h.
 */

#include "ngx_http_litellm_ledger.h"


static ngx_str_t  ngx_http_litellm_scope_names[] = {
    ngx_string("gateway"),
    ngx_string("api_key"),
    ngx_string("user"),
    ngx_string("team"),
    ngx_string("team_member"),
    ngx_string("end_user"),
    ngx_string("model_per_key"),
    ngx_string("model_per_team"),
    ngx_string("model_per_user"),
    ngx_string("tag"),
    ngx_string("model"),
    ngx_string("provider"),
    ngx_string("deployment"),
    ngx_string("period"),
    ngx_null_string
};


ngx_str_t *
ngx_http_litellm_scope_name(ngx_http_litellm_scope_e scope)
{
    return &ngx_http_litellm_scope_names[ngx_min(scope,
                                                 NGX_HTTP_LITELLM_SCOPES)];
}
