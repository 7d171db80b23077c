
/*
 * What is served: GET /routes, each path with its methods.  Parts of a path
 * that may be anything are in braces, as LiteLLM has them.
 */

#include "ngx_http_litellm_info.h"
#include "ngx_http_litellm_admin.h"


static void ngx_http_litellm_info_routes(ngx_http_litellm_info_t *info);
static void ngx_http_litellm_info_admin(ngx_http_litellm_info_t *info);
static void ngx_http_litellm_info_path(ngx_http_litellm_info_t *info,
    const char *prefix, const ngx_str_t *path, ngx_uint_t methods);


ngx_int_t
ngx_http_litellm_routes(ngx_http_request_t *r, ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t                rc;
    ngx_http_litellm_info_t  info;

    rc = ngx_http_litellm_info_open(&info, r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_litellm_out_lit(&info.out, "{\"routes\":[");

    ngx_http_litellm_info_routes(&info);

    if (info.config->master_key.len) {
        ngx_http_litellm_info_admin(&info);
    }

    ngx_litellm_out_lit(&info.out, "]}");

    return ngx_http_litellm_send_body(r, ctx, NULL, NGX_HTTP_OK, &info.out);
}


static void
ngx_http_litellm_info_routes(ngx_http_litellm_info_t *info)
{
    const ngx_http_litellm_api_t  *api;

    static ngx_str_t  model = ngx_string("/models/{model_id}");
    static ngx_str_t  rerank = ngx_string("/v2/rerank");

    for (api = ngx_http_litellm_api_list(); api->path.len; api++) {

        ngx_http_litellm_info_path(info, "", &api->path, api->methods);

        if (ngx_strncmp(api->path.data, "/v", 2) != 0
            && ngx_strncmp(api->path.data, "/health", 7) != 0)
        {
            ngx_http_litellm_info_path(info, "/v1", &api->path, api->methods);
        }

        if (api->format != NULL) {
            ngx_http_litellm_info_path(info, "/engines/{model}", &api->path,
                                       api->methods);
            ngx_http_litellm_info_path(info, "/openai/deployments/{model}",
                                       &api->path, api->methods);
        }
    }

    ngx_http_litellm_info_path(info, "", &model, NGX_HTTP_GET);
    ngx_http_litellm_info_path(info, "/v1", &model, NGX_HTTP_GET);
    ngx_http_litellm_info_path(info, "", &rerank, NGX_HTTP_POST);
}


/* the management's; end users have two names there */

static void
ngx_http_litellm_info_admin(ngx_http_litellm_info_t *info)
{
    ngx_str_t         path;
    ngx_uint_t        i, methods;
    const ngx_str_t  *route;

    for (i = 0; /* void */ ; i++) {

        route = ngx_http_litellm_admin_path(i, &methods);

        if (route == NULL) {
            break;
        }

        ngx_http_litellm_info_path(info, "", route, methods);

        if (ngx_strncmp(route->data, "/customer/", 10) == 0) {
            path.data = route->data + sizeof("/customer") - 1;
            path.len = route->len - (sizeof("/customer") - 1);

            ngx_http_litellm_info_path(info, "/end_user", &path, methods);
        }
    }
}


static void
ngx_http_litellm_info_path(ngx_http_litellm_info_t *info, const char *prefix,
    const ngx_str_t *path, ngx_uint_t methods)
{
    u_char             *star, *last;
    ngx_litellm_out_t  *out;

    out = &info->out;

    if (info->n++) {
        ngx_litellm_out_lit(out, ",");
    }

    ngx_litellm_out_lit(out, "{\"path\":\"");
    ngx_litellm_out_copy(out, prefix, ngx_strlen(prefix));

    last = path->data + path->len;
    star = ngx_strlchr(path->data, last, '*');

    if (star == NULL) {
        ngx_litellm_out_str(out, path);

    } else {
        ngx_litellm_out_copy(out, path->data, star - path->data);
        ngx_litellm_out_lit(out, "{key}");
        ngx_litellm_out_copy(out, star + 1, last - (star + 1));
    }

    if (methods & NGX_HTTP_POST) {
        ngx_litellm_out_lit(out, "\",\"methods\":[\"POST\"]}");

    } else {
        ngx_litellm_out_lit(out, "\",\"methods\":[\"GET\",\"HEAD\"]}");
    }
}
