
/*
 * Access groups: names in the model_info of entries, by which keys and teams may
 * use the groups that have them.  Called by ngx_litellm_config_principal.c
 * before it looks at what keys name.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_config_read.h"


static void ngx_litellm_cf_access_add(ngx_litellm_cf_t *cf,
    ngx_litellm_group_t *group, ngx_array_t *names);


/* model_info.access_groups: a key that names one may use the group */

void
ngx_litellm_cf_access(ngx_litellm_cf_t *cf)
{
    ngx_uint_t                  i, j;
    ngx_litellm_group_t       **group;
    ngx_litellm_deployment_t  **d;

    group = cf->conf->groups.elts;

    for (i = 0; i < cf->conf->groups.nelts; i++) {

        d = group[i]->deployments.elts;

        for (j = 0; j < group[i]->deployments.nelts; j++) {
            if (d[j]->access != NULL) {
                ngx_litellm_cf_access_add(cf, group[i], d[j]->access);
            }
        }
    }
}


static void
ngx_litellm_cf_access_add(ngx_litellm_cf_t *cf, ngx_litellm_group_t *group,
    ngx_array_t *names)
{
    ngx_str_t   *name, *known, *item;
    ngx_uint_t   i, j;

    if (group->access == NULL) {
        group->access = ngx_array_create(cf->pool, names->nelts,
                                         sizeof(ngx_str_t));
        if (group->access == NULL) {
            cf->failed = 1;
            return;
        }
    }

    name = names->elts;

    for (i = 0; i < names->nelts; i++) {

        known = group->access->elts;

        for (j = 0; j < group->access->nelts; j++) {
            if (known[j].len == name[i].len
                && ngx_memcmp(known[j].data, name[i].data, name[i].len) == 0)
            {
                break;
            }
        }

        if (j < group->access->nelts) {
            continue;
        }

        item = ngx_array_push(group->access);
        if (item == NULL) {
            cf->failed = 1;
            return;
        }

        *item = name[i];
    }
}
