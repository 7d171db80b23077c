
/*
 * What groups are: GET /model_group/info.  Limits of a group's deployments add
 * up, of sizes and prices the largest counts: LiteLLM's rules.
 */

#include "ngx_http_litellm_info.h"


/* of a group, told by name */
#define NGX_HTTP_LITELLM_INFO_PROVIDERS  32


/* what the deployments of a group are together */
typedef struct {
    int64_t                  rpm;
    int64_t                  tpm;
    int64_t                  price[2];   /* of a token in, and of one out */
    const ngx_str_t         *key[2];
    uint32_t                 flags;
    uint32_t                 max_input;
    uint32_t                 max_output;
    ngx_str_t               *mode;
} ngx_http_litellm_info_sum_t;


static void ngx_http_litellm_info_alias(ngx_http_litellm_info_t *info,
    ngx_litellm_alias_t *alias);
static void ngx_http_litellm_info_group(ngx_http_litellm_info_t *info,
    ngx_str_t *name, ngx_array_t *deployments);
static void ngx_http_litellm_info_sums(ngx_http_litellm_info_t *info,
    ngx_array_t *deployments);
static void ngx_http_litellm_info_providers(ngx_litellm_out_t *out,
    ngx_array_t *deployments);
static void ngx_http_litellm_info_totals(ngx_litellm_out_t *out,
    ngx_http_litellm_info_sum_t *sum);


ngx_int_t
ngx_http_litellm_group_info(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t                 rc;
    ngx_uint_t                i, k;
    ngx_array_t              *lists[2];
    ngx_litellm_alias_t      *alias;
    ngx_litellm_group_t     **group;
    ngx_http_litellm_info_t   info;

    rc = ngx_http_litellm_info_open(&info, r, ctx);

    if (rc != NGX_OK
        || (rc = ngx_http_litellm_info_arg(r, "model_group", &info.name))
           != NGX_OK)
    {
        return rc;
    }

    ngx_litellm_out_lit(&info.out, "{\"data\":[");

    lists[0] = &info.config->groups;
    lists[1] = &info.config->directs;

    for (k = 0; k < 2; k++) {
        group = lists[k]->elts;

        for (i = 0; i < lists[k]->nelts; i++) {
            if (!group[i]->hidden) {
                ngx_http_litellm_info_group(&info, &group[i]->name,
                                            &group[i]->deployments);
            }
        }
    }

    alias = info.config->aliases.elts;

    for (i = 0; i < info.config->aliases.nelts; i++) {

        if (alias[i].hidden
            || ngx_litellm_config_group(info.config, &alias[i].name) != NULL)
        {
            continue;
        }

        group = &alias[i].group;

        if (*group != NULL) {
            ngx_http_litellm_info_group(&info, &alias[i].name,
                                        &(*group)->deployments);

        } else {
            ngx_http_litellm_info_alias(&info, &alias[i]);
        }
    }

    ngx_litellm_out_lit(&info.out, "]}");

    return ngx_http_litellm_send_body(r, ctx, NULL, NGX_HTTP_OK, &info.out);
}


/* an alias of one group */

static void
ngx_http_litellm_info_alias(ngx_http_litellm_info_t *info,
    ngx_litellm_alias_t *alias)
{
    ngx_litellm_group_t  *group;

    if (alias->targets.nelts != 1) {
        return;
    }

    group = ngx_litellm_config_group(info->config, alias->targets.elts);

    if (group != NULL) {
        ngx_http_litellm_info_group(info, &alias->name, &group->deployments);
    }
}


static void
ngx_http_litellm_info_group(ngx_http_litellm_info_t *info, ngx_str_t *name,
    ngx_array_t *deployments)
{
    if ((info->name.len
         && (info->name.len != name->len
             || ngx_memcmp(info->name.data, name->data, name->len) != 0))
        || !ngx_http_litellm_who_allows(info->ctx, info->config, name))
    {
        return;
    }

    if (info->n++) {
        ngx_litellm_out_lit(&info->out, ",");
    }

    ngx_litellm_out_lit(&info->out, "{\"model_group\":");
    ngx_litellm_out_json(&info->out, name);

    ngx_http_litellm_info_sums(info, deployments);

    ngx_litellm_out_lit(&info->out, "}");
}


/* limits add up, of sizes and prices the largest counts: LiteLLM's rules */

static void
ngx_http_litellm_info_sums(ngx_http_litellm_info_t *info,
    ngx_array_t *deployments)
{
    int64_t                      money;
    ngx_uint_t                   i, k;
    ngx_litellm_deployment_t   **d;
    ngx_http_litellm_info_sum_t  sum;

    ngx_memzero(&sum, sizeof(ngx_http_litellm_info_sum_t));

    sum.rpm = -1;
    sum.tpm = -1;
    sum.price[0] = -1;
    sum.price[1] = -1;
    sum.mode = ngx_http_litellm_mode_name(NGX_LITELLM_MODE_UNKNOWN);

    d = deployments->elts;

    for (i = 0; i < deployments->nelts; i++) {

        if (d[i]->rpm >= 0) {
            sum.rpm = ngx_max(sum.rpm, 0) + d[i]->rpm;
        }

        if (d[i]->tpm >= 0) {
            sum.tpm = ngx_max(sum.tpm, 0) + d[i]->tpm;
        }

        for (k = 0; k < 2; k++) {
            if (ngx_litellm_price_plain(d[i]->price, k, &sum.key[k], &money)
                == NGX_OK)
            {
                sum.price[k] = ngx_max(sum.price[k], money);
            }
        }

        if (sum.mode->len == 0) {
            sum.mode = ngx_http_litellm_mode_name(d[i]->mode);
        }

        if (d[i]->info != NULL) {
            sum.flags |= d[i]->info->flags;
            sum.max_input = ngx_max(sum.max_input, d[i]->info->max_input);
            sum.max_output = ngx_max(sum.max_output, d[i]->info->max_output);
        }
    }

    if (sum.mode->len == 0) {

        /* LiteLLM's clients leave out a group that is no chat's */

        sum.mode = ngx_http_litellm_mode_name(NGX_LITELLM_MODE_CHAT);
    }

    ngx_http_litellm_info_providers(&info->out, deployments);
    ngx_http_litellm_info_totals(&info->out, &sum);
}


/* each one once */

static void
ngx_http_litellm_info_providers(ngx_litellm_out_t *out,
    ngx_array_t *deployments)
{
    ngx_uint_t                     i, k, n;
    ngx_litellm_deployment_t     **d;
    const ngx_litellm_provider_t  *seen[NGX_HTTP_LITELLM_INFO_PROVIDERS];

    n = 0;
    d = deployments->elts;

    ngx_litellm_out_lit(out, ",\"providers\":[");

    for (i = 0; i < deployments->nelts; i++) {

        for (k = 0; k < n && seen[k] != d[i]->provider; k++) { /* void */ }

        if (d[i]->provider == NULL || k < n
            || n == NGX_HTTP_LITELLM_INFO_PROVIDERS)
        {
            continue;
        }

        if (n) {
            ngx_litellm_out_lit(out, ",");
        }

        seen[n++] = d[i]->provider;

        ngx_litellm_out_json(out, (ngx_str_t *) &d[i]->provider->name);
    }

    ngx_litellm_out_lit(out, "]");
}


static void
ngx_http_litellm_info_totals(ngx_litellm_out_t *out,
    ngx_http_litellm_info_sum_t *sum)
{
    ngx_uint_t  i;

    if (sum->max_input) {
        ngx_http_litellm_info_int(out, "max_input_tokens", sum->max_input);
    }

    if (sum->max_output) {
        ngx_http_litellm_info_int(out, "max_output_tokens", sum->max_output);
    }

    for (i = 0; i < 2; i++) {
        if (sum->price[i] >= 0) {
            ngx_http_litellm_info_money(out, sum->key[i], sum->price[i]);
        }
    }

    ngx_http_litellm_info_text(out, "mode", sum->mode);
    ngx_http_litellm_info_int(out, "tpm", sum->tpm);
    ngx_http_litellm_info_int(out, "rpm", sum->rpm);

    for (i = 0; i < NGX_HTTP_LITELLM_GROUP_ABILITIES; i++) {
        ngx_http_litellm_info_ability(out, &ngx_http_litellm_abilities[i],
                                      sum->flags);
    }
}
