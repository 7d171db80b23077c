
/*
 * Where principals come from: files of keys and variables, by directives; and
 * one of them by its id.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_store.h"


char *
ngx_http_litellm_keys(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_litellm_loc_conf_t *lcf = conf;

    ngx_str_t   *value, *file, *list;
    ngx_uint_t   i;

    value = cf->args->elts;

    if (lcf->keys == NGX_CONF_UNSET_PTR) {
        lcf->keys = ngx_array_create(cf->pool, 1, sizeof(ngx_str_t));
        if (lcf->keys == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    list = lcf->keys->elts;

    for (i = 0; i < lcf->keys->nelts; i++) {
        if (list[i].len == value[1].len
            && ngx_strncmp(list[i].data, value[1].data, value[1].len) == 0)
        {
            return "is duplicate";
        }
    }

    file = ngx_array_push(lcf->keys);
    if (file == NULL) {
        return NGX_CONF_ERROR;
    }

    *file = value[1];

    return NGX_CONF_OK;
}


/* litellm_principal key|team|user|end_user value [required] */

char *
ngx_http_litellm_principal(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_litellm_loc_conf_t *lcf = conf;

    ngx_str_t                          *value;
    ngx_uint_t                          i;
    ngx_http_litellm_source_t          *source;
    ngx_http_compile_complex_value_t    ccv;

    static ngx_str_t  names[NGX_LITELLM_PRINCIPALS] = {
        ngx_string("key"),
        ngx_string("team"),
        ngx_string("user"),
        ngx_string("end_user")
    };

    value = cf->args->elts;

    for (i = 0; i < NGX_LITELLM_PRINCIPALS; i++) {
        if (value[1].len == names[i].len
            && ngx_strncmp(value[1].data, names[i].data, names[i].len) == 0)
        {
            break;
        }
    }

    if (i == NGX_LITELLM_PRINCIPALS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is none of key, team, user and end_user",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    source = &lcf->sources[i];

    if (source->value != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    source->required = 0;

    if (cf->args->nelts == 4) {

        if (value[3].len != sizeof("required") - 1
            || ngx_strncmp(value[3].data, "required", value[3].len) != 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[3]);
            return NGX_CONF_ERROR;
        }

        source->required = 1;
    }

    source->value = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (source->value == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[2];
    ccv.complex_value = source->value;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


void
ngx_http_litellm_merge_principals(ngx_http_litellm_loc_conf_t *conf,
    ngx_http_litellm_loc_conf_t *prev)
{
    ngx_uint_t  i;

    ngx_conf_merge_ptr_value(conf->keys, prev->keys, NULL);

    conf->by_variable = 0;

    for (i = 0; i < NGX_LITELLM_PRINCIPALS; i++) {

        if (conf->sources[i].value == NGX_CONF_UNSET_PTR) {
            conf->sources[i] = prev->sources[i];
        }

        if (conf->sources[i].value == NGX_CONF_UNSET_PTR) {
            conf->sources[i].value = NULL;
        }

        /* the end user is no credential */

        if (conf->sources[i].value != NULL && i != NGX_LITELLM_END_USER) {
            conf->by_variable = 1;
        }
    }
}


ngx_litellm_principal_t *
ngx_http_litellm_principal_find(ngx_shm_zone_t *zone,
    ngx_litellm_principals_t *configured, ngx_litellm_principal_e kind,
    ngx_str_t *id)
{
    ngx_litellm_principal_t  *p;

    p = ngx_litellm_principals_find(configured, id);

    return p ? p : ngx_http_litellm_store_find(zone, kind, id);
}
