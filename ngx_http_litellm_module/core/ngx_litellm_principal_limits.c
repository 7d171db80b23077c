
/*
 * The limits and budgets of a record: its own, those of single models, those
 * that a team gives each of its users.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_litellm_principal_record.h"


static ngx_int_t ngx_litellm_record_models(ngx_litellm_record_t *rd,
    const char *name, ngx_uint_t kind);
static ngx_int_t ngx_litellm_record_model_budget(ngx_litellm_record_t *rd,
    const char *name, ngx_litellm_json_t *v, ngx_litellm_budget_t *budget);
static ngx_litellm_model_limit_t *ngx_litellm_record_model(
    ngx_litellm_record_t *rd, ngx_str_t *model);


ngx_int_t
ngx_litellm_record_limits(ngx_litellm_record_t *rd)
{
    ngx_int_t                 rc;
    ngx_litellm_limits_t     *l;

    l = &rd->p->limits;

#define ngx_litellm_limit(s, scale, dst)                                      \
    ngx_litellm_record_number(rd, ngx_litellm_record_get(rd, s), s, scale, dst)

    rc = ngx_litellm_limit("rpm_limit", 0, &l->rpm);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_limit("tpm_limit", 0, &l->tpm);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_limit("max_parallel_requests", 0, &l->parallel);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_limit("max_budget", 12, &l->budget.max);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_limit("soft_budget", 12, &l->soft);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_litellm_record_period(rd,
                            ngx_litellm_record_get(rd, "budget_duration"),
                            "budget_duration", &l->budget);
}


/* a team's, for each of its users */

ngx_int_t
ngx_litellm_record_members(ngx_litellm_record_t *rd)
{
    ngx_int_t             rc;
    ngx_litellm_limits_t  l;

    if (rd->p->kind != NGX_LITELLM_TEAM) {
        return NGX_OK;
    }

    l = rd->p->limits;
    l.rpm = -1;
    l.tpm = -1;
    l.parallel = -1;
    l.soft = -1;

    ngx_memzero(&l.budget, sizeof(ngx_litellm_budget_t));
    l.budget.max = -1;

    rc = ngx_litellm_limit("team_member_rpm_limit", 0, &l.rpm);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_limit("team_member_tpm_limit", 0, &l.tpm);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_limit("team_member_budget", 12, &l.budget.max);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_record_period(rd,
                        ngx_litellm_record_get(rd,
                                               "team_member_budget_duration"),
                        "team_member_budget_duration", &l.budget);
    if (rc != NGX_OK) {
        return rc;
    }

#undef ngx_litellm_limit

    if (l.rpm < 0 && l.tpm < 0 && l.budget.max < 0) {
        return NGX_OK;
    }

    rd->p->members = ngx_palloc(rd->pool, sizeof(ngx_litellm_limits_t));
    if (rd->p->members == NULL) {
        return NGX_ERROR;
    }

    *rd->p->members = l;

    return NGX_OK;
}


ngx_int_t
ngx_litellm_record_budgets(ngx_litellm_record_t *rd)
{
    ngx_int_t              rc;
    ngx_uint_t             i;
    ngx_litellm_json_t    *list, *v, *max;
    ngx_litellm_budget_t  *b;

    list = ngx_litellm_record_get(rd, "budget_limits");

    if (list != NULL) {

        if (list->type != NGX_LITELLM_JSON_ARRAY || list->count > 8) {
            return ngx_litellm_record_bad(rd, "budget_limits", "must be a "
                               "list of {budget_duration, max_budget}, 8 at "
                               "most");
        }

        v = list + 1;

        for (i = 0; i < list->count; i++, v = ngx_litellm_json_next(v)) {

            if (rd->p->limits.budgets == NULL) {
                rd->p->limits.budgets = ngx_array_create(rd->pool,
                                                list->count,
                                                sizeof(ngx_litellm_budget_t));
                if (rd->p->limits.budgets == NULL) {
                    return NGX_ERROR;
                }
            }

            b = ngx_array_push(rd->p->limits.budgets);
            if (b == NULL) {
                return NGX_ERROR;
            }

            ngx_memzero(b, sizeof(ngx_litellm_budget_t));
            b->max = -1;

            max = ngx_litellm_json_member(v, "max_budget");

            rc = ngx_litellm_record_number(rd, max, "budget_limits", 12,
                                           &b->max);

            if (rc == NGX_OK) {
                rc = ngx_litellm_record_period(rd,
                               ngx_litellm_json_member(v, "budget_duration"),
                               "budget_limits", b);
            }

            if (rc != NGX_OK) {
                return rc;
            }

            if (b->max < 0 || b->duration.len == 0) {
                return ngx_litellm_record_bad(rd, "budget_limits", "must be a "
                               "list of {budget_duration, max_budget}, 8 at "
                               "most");
            }
        }
    }

    rc = ngx_litellm_record_models(rd, "model_rpm_limit", 0);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_litellm_record_models(rd, "model_tpm_limit", 1);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_litellm_record_models(rd, "model_max_budget", 2);
}


/* {model: limit}; of rpm and tpm also in metadata, where LiteLLM keeps them */

static ngx_int_t
ngx_litellm_record_models(ngx_litellm_record_t *rd, const char *name,
    ngx_uint_t kind)
{
    ngx_int_t                   rc;
    ngx_str_t                   model;
    ngx_uint_t                  i;
    ngx_litellm_json_t         *map, *k, *v;
    ngx_litellm_model_limit_t  *m;

    map = ngx_litellm_record_get(rd, name);

    if (map == NULL && kind != 2) {
        map = ngx_litellm_json_get(rd->metadata, name, ngx_strlen(name));
    }

    if (map == NULL || map->type == NGX_LITELLM_JSON_NULL) {
        return NGX_OK;
    }

    if (map->type != NGX_LITELLM_JSON_OBJECT) {
        return ngx_litellm_record_bad(rd, name, "must be an object of models "
                                      "and limits");
    }

    k = map + 1;

    for (i = 0; i < map->count; i++) {

        v = ngx_litellm_json_next(k);

        ngx_str_null(&model);

        rc = ngx_litellm_record_text(rd, k, name, &model);
        if (rc != NGX_OK) {
            return rc;
        }

        m = ngx_litellm_record_model(rd, &model);

        if (m == NULL) {
            return (rd->why->len == sizeof("no memory") - 1)
                   ? NGX_ERROR : NGX_DECLINED;
        }

        if (kind == 2) {
            rc = ngx_litellm_record_model_budget(rd, name, v, &m->budget);

        } else {
            rc = ngx_litellm_record_number(rd, v, name, 0,
                                           kind ? &m->tpm : &m->rpm);
        }

        if (rc != NGX_OK) {
            return rc;
        }

        k = ngx_litellm_json_next(v);
    }

    return NGX_OK;
}


/* dollars, or {budget_limit, time_period}, or {max_budget, budget_duration} */

static ngx_int_t
ngx_litellm_record_model_budget(ngx_litellm_record_t *rd, const char *name,
    ngx_litellm_json_t *v, ngx_litellm_budget_t *budget)
{
    ngx_int_t            rc;
    ngx_litellm_json_t  *max, *duration;

    if (v->type != NGX_LITELLM_JSON_OBJECT) {
        return ngx_litellm_record_number(rd, v, name, 12, &budget->max);
    }

    max = ngx_litellm_json_member(v, "budget_limit");

    if (max == NULL) {
        max = ngx_litellm_json_member(v, "max_budget");
    }

    duration = ngx_litellm_json_member(v, "time_period");

    if (duration == NULL) {
        duration = ngx_litellm_json_member(v, "budget_duration");
    }

    if (max == NULL) {
        return ngx_litellm_record_bad(rd, name, "must have a budget_limit "
                                      "for each model");
    }

    rc = ngx_litellm_record_number(rd, max, name, 12, &budget->max);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_litellm_record_period(rd, duration, name, budget);
}


/* NULL: no memory, or *why */

static ngx_litellm_model_limit_t *
ngx_litellm_record_model(ngx_litellm_record_t *rd, ngx_str_t *model)
{
    ngx_uint_t                  i;
    ngx_array_t                *list;
    ngx_litellm_model_limit_t  *m;

    list = rd->p->limits.models;

    if (list == NULL) {
        list = ngx_array_create(rd->pool, 1,
                                sizeof(ngx_litellm_model_limit_t));
        if (list == NULL) {
            return NULL;
        }

        rd->p->limits.models = list;
    }

    m = list->elts;

    for (i = 0; i < list->nelts; i++) {
        if (m[i].model.len == model->len
            && ngx_memcmp(m[i].model.data, model->data, model->len) == 0)
        {
            return &m[i];
        }
    }

    if (list->nelts == NGX_LITELLM_PER_MODEL) {
        ngx_str_set(rd->why, "limits of more than 256 models");
        return NULL;
    }

    m = ngx_array_push(list);
    if (m == NULL) {
        return NULL;
    }

    ngx_memzero(m, sizeof(ngx_litellm_model_limit_t));

    m->model = *model;
    m->rpm = -1;
    m->tpm = -1;
    m->budget.max = -1;

    return m;
}
