
/*
 * Models that the file does not list: "provider/model" and the names that
 * everybody knows, for the providers whose keys are in the environment.  They
 * are wildcard groups like those of a file, looked at when nothing of the file
 * takes a name; so nothing behind them knows of them.
 *
 * Which there are is the provider layer's (ngx_litellm_config_env_t.direct).
 * A name that is tried and has no credentials is passed over without a word.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"


static void ngx_litellm_cf_direct_tell(ngx_litellm_cf_t *cf);
static ngx_uint_t ngx_litellm_cf_direct_wanted(ngx_litellm_cf_t *cf);
static ngx_int_t ngx_litellm_cf_direct_add(ngx_litellm_cf_t *cf,
    ngx_litellm_deployment_t *d);


void
ngx_litellm_cf_direct(ngx_litellm_cf_t *cf)
{
    ngx_int_t                  rc;
    ngx_uint_t                 n;
    const char                *why;
    ngx_litellm_deployment_t  *d;

    if (cf->caller->direct == NULL || !ngx_litellm_cf_direct_wanted(cf)) {
        return;
    }

    cf->conf->direct = 1;

    d = NULL;

    for (n = 0; /* void */ ; n++) {

        if (d == NULL) {
            d = ngx_palloc(cf->pool, sizeof(ngx_litellm_deployment_t));
            if (d == NULL) {
                cf->failed = 1;
                return;
            }
        }

        ngx_litellm_cf_deployment_init(d);

        rc = cf->caller->direct(&cf->env, cf->pool, n, d);

        if (rc == NGX_DONE) {
            break;
        }

        if (rc == NGX_OK && d->api_base.len) {
            rc = ngx_litellm_url_parse(cf->pool, &d->api_base, &d->url, &why);

            if (rc == NGX_OK) {
                rc = ngx_litellm_cf_direct_add(cf, d);
                d = NULL;
            }
        }

        if (rc == NGX_ERROR) {
            cf->failed = 1;
            return;
        }
    }

    ngx_litellm_cf_direct_tell(cf);
}


/* what an open door leads to */

static void
ngx_litellm_cf_direct_tell(ngx_litellm_cf_t *cf)
{
    u_char                *p, *last, buf[800];
    ngx_str_t              list;
    ngx_uint_t             i;
    ngx_litellm_group_t  **group;

    p = buf;
    last = buf + sizeof(buf);

    group = cf->conf->directs.elts;

    for (i = 0; i < cf->conf->directs.nelts; i++) {

        if (group[i]->hidden) {
            continue;
        }

        p = ngx_slprintf(p, last, " %V", &group[i]->name);
    }

    list.data = buf;
    list.len = p - buf;

    if (list.len == 0) {
        ngx_litellm_cf_warn(cf, NULL, "no provider's key is in the "
                            "environment: no model is served by its name "
                            "alone");
        return;
    }

    ngx_litellm_cf_diag(cf, NGX_LITELLM_DIAG_NOTICE, NULL, "models that no "
                        "file lists are served by the keys of the "
                        "environment:%V", &list);
}


static ngx_uint_t
ngx_litellm_cf_direct_wanted(ngx_litellm_cf_t *cf)
{
    ngx_uint_t              i;
    ngx_litellm_yaml_t    **lists;
    ngx_litellm_cf_part_t  *part;

    if (cf->caller->direct_mode != NGX_LITELLM_DIRECT_AUTO) {
        return cf->caller->direct_mode == NGX_LITELLM_DIRECT_ON;
    }

    part = ngx_litellm_cf_part(cf, "model_list");

    if (part != NULL) {
        lists = part->lists.elts;

        for (i = 0; i < part->lists.nelts; i++) {
            if (lists[i]->first != NULL) {
                return 0;
            }
        }
    }

    /* one of the environment is a .env file's, which has the keys too */

    return ngx_litellm_yaml_member(ngx_litellm_cf_section(cf,
                                                          "general_settings"),
                                   "master_key")
           == NULL;
}


static ngx_int_t
ngx_litellm_cf_direct_add(ngx_litellm_cf_t *cf, ngx_litellm_deployment_t *d)
{
    ngx_litellm_group_t       *group, **gp;
    ngx_litellm_config_t      *conf;
    ngx_litellm_deployment_t **dp;

    conf = cf->conf;

    d->file = conf->file;
    ngx_str_set(&d->model_info, "{}");

    d->id.len = sizeof("direct ") - 1 + d->group.len;
    d->id.data = ngx_pnalloc(cf->pool, d->id.len);
    if (d->id.data == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(d->id.data, "direct %V", &d->group);

    group = ngx_pcalloc(cf->pool, sizeof(ngx_litellm_group_t));
    if (group == NULL
        || ngx_array_init(&group->deployments, cf->pool, 1, sizeof(void *))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    group->name = d->group;
    group->wildcard = 1;

    /* "openai/..." is listed, names that lead to it are not */

    group->hidden = (d->group.len < 2
                     || d->group.data[d->group.len - 2] != '/');

    dp = ngx_array_push(&group->deployments);
    if (dp == NULL) {
        return NGX_ERROR;
    }

    *dp = d;

    d->index = conf->deployments.nelts;

    dp = ngx_array_push(&conf->deployments);
    if (dp == NULL) {
        return NGX_ERROR;
    }

    *dp = d;

    gp = ngx_array_push(&conf->directs);
    if (gp == NULL) {
        return NGX_ERROR;
    }

    *gp = group;

    return NGX_OK;
}
