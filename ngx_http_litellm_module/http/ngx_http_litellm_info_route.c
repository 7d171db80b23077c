
/*
 * What is served: GET /routes, each path with its methods.
 */

#include "ngx_http_litellm_info.h"


static void ngx_http_litellm_info_path(ngx_litellm_out_t *out,
    const char *prefix, const ngx_http_litellm_api_t *api, ngx_uint_t first);


ngx_int_t
ngx_http_litellm_routes(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t                      rc;
    ngx_uint_t                     n;
    ngx_http_litellm_info_t        info;
    const ngx_http_litellm_api_t  *api;

    rc = ngx_http_litellm_info_open(&info, r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_out_lit(&info.out, "{\"routes\":[");

    n = 0;

    for (api = ngx_http_litellm_api_list(); api->path.len; api++) {

        ngx_http_litellm_info_path(&info.out, "", api, n++ == 0);

        if (ngx_strncmp(api->path.data, "/v", 2) != 0
            && ngx_strncmp(api->path.data, "/health", 7) != 0)
        {
            ngx_http_litellm_info_path(&info.out, "/v1", api, 0);
        }

        if (api->format != NULL) {
            ngx_http_litellm_info_path(&info.out, "/engines/{model}", api, 0);
            ngx_http_litellm_info_path(&info.out,
                                       "/openai/deployments/{model}", api, 0);
        }
    }

    ngx_litellm_out_lit(&info.out, "]}");

    return ngx_http_litellm_send_body(r, ctx, NULL, NGX_HTTP_OK, &info.out);
}


static void
ngx_http_litellm_info_path(ngx_litellm_out_t *out, const char *prefix,
    const ngx_http_litellm_api_t *api, ngx_uint_t first)
{
    if (!first) {
        ngx_litellm_out_lit(out, ",");
    }

    ngx_litellm_out_lit(out, "{\"path\":\"");
    ngx_litellm_out_copy(out, prefix, ngx_strlen(prefix));
    ngx_litellm_out_str(out, &api->path);

    if (api->methods & NGX_HTTP_POST) {
        ngx_litellm_out_lit(out, "\",\"methods\":[\"POST\"]}");

    } else {
        ngx_litellm_out_lit(out, "\",\"methods\":[\"GET\",\"HEAD\"]}");
    }
}
