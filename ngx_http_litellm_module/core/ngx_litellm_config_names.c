
/*
 * Deployments by other names than their group's: model_info.id, and
 * litellm_params.model as it is written.  LiteLLM's router takes both where a
 * model is asked for, behind the names of groups.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"


static int ngx_libc_cdecl ngx_litellm_cf_cmp_id(const void *one,
    const void *two);
static int ngx_libc_cdecl ngx_litellm_cf_cmp_model(const void *one,
    const void *two);
static ngx_litellm_deployment_t **ngx_litellm_config_named(
    ngx_array_t *sorted, size_t offset, ngx_str_t *name, ngx_uint_t *n);
static ngx_int_t ngx_litellm_config_compare(ngx_str_t *a, ngx_str_t *b);


ngx_int_t
ngx_litellm_cf_sort_deployments(ngx_litellm_cf_t *cf)
{
    ngx_uint_t                  i, n;
    ngx_litellm_config_t       *conf;
    ngx_litellm_deployment_t  **d, **id, **model;

    conf = cf->conf;
    n = conf->deployments.nelts;

    if (ngx_array_init(&conf->by_id, cf->pool, n + 1, sizeof(void *))
        != NGX_OK
        || ngx_array_init(&conf->by_model, cf->pool, n + 1, sizeof(void *))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    d = conf->deployments.elts;

    for (i = 0; i < n; i++) {

        if (ngx_strlchr(d[i]->full_model.data,
                        d[i]->full_model.data + d[i]->full_model.len, '*'))
        {
            continue;
        }

        id = ngx_array_push(&conf->by_id);
        model = ngx_array_push(&conf->by_model);

        if (id == NULL || model == NULL) {
            return NGX_ERROR;
        }

        *id = d[i];
        *model = d[i];
    }

    qsort(conf->by_id.elts, conf->by_id.nelts, sizeof(void *),
          ngx_litellm_cf_cmp_id);
    qsort(conf->by_model.elts, conf->by_model.nelts, sizeof(void *),
          ngx_litellm_cf_cmp_model);

    return NGX_OK;
}


static int ngx_libc_cdecl
ngx_litellm_cf_cmp_id(const void *one, const void *two)
{
    ngx_litellm_deployment_t  *a = *(ngx_litellm_deployment_t **) one;
    ngx_litellm_deployment_t  *b = *(ngx_litellm_deployment_t **) two;

    return (int) ngx_litellm_config_compare(&a->id, &b->id);
}


static int ngx_libc_cdecl
ngx_litellm_cf_cmp_model(const void *one, const void *two)
{
    ngx_int_t                  rc;
    ngx_litellm_deployment_t  *a = *(ngx_litellm_deployment_t **) one;
    ngx_litellm_deployment_t  *b = *(ngx_litellm_deployment_t **) two;

    rc = ngx_litellm_config_compare(&a->full_model, &b->full_model);

    if (rc == 0) {
        rc = (a->index < b->index) ? -1 : (a->index > b->index);
    }

    return (int) rc;
}


ngx_litellm_deployment_t **
ngx_litellm_config_by_id(ngx_litellm_config_t *conf, ngx_str_t *name,
    ngx_uint_t *n)
{
    return ngx_litellm_config_named(&conf->by_id,
                                    offsetof(ngx_litellm_deployment_t, id),
                                    name, n);
}


ngx_litellm_deployment_t **
ngx_litellm_config_by_model(ngx_litellm_config_t *conf, ngx_str_t *name,
    ngx_uint_t *n)
{
    return ngx_litellm_config_named(&conf->by_model,
                              offsetof(ngx_litellm_deployment_t, full_model),
                              name, n);
}


static ngx_litellm_deployment_t **
ngx_litellm_config_named(ngx_array_t *sorted, size_t offset, ngx_str_t *name,
    ngx_uint_t *n)
{
    ngx_uint_t                  left, right, middle;
    ngx_litellm_deployment_t  **d;

    d = sorted->elts;
    left = 0;
    right = sorted->nelts;

#define ngx_litellm_config_text(i)                                            \
    ((ngx_str_t *) ((u_char *) d[i] + offset))

    while (left < right) {
        middle = left + (right - left) / 2;

        if (ngx_litellm_config_compare(ngx_litellm_config_text(middle), name)
            < 0)
        {
            left = middle + 1;

        } else {
            right = middle;
        }
    }

    for (*n = 0; left + *n < sorted->nelts; (*n)++) {
        if (ngx_litellm_config_compare(ngx_litellm_config_text(left + *n),
                                       name)
            != 0)
        {
            break;
        }
    }

#undef ngx_litellm_config_text

    return *n ? &d[left] : NULL;
}


static ngx_int_t
ngx_litellm_config_compare(ngx_str_t *a, ngx_str_t *b)
{
    if (a->len != b->len) {
        return (a->len < b->len) ? -1 : 1;
    }

    return ngx_memcmp(a->data, b->data, a->len);
}
