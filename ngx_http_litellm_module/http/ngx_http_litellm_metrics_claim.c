
/*
 * Limits of those who ask, as rows: written by ngx_http_litellm_metrics_record.c
 * when a request is over, read by ngx_http_litellm_metrics_limit.c, which tells
 * what is left of them.  Only limits that LiteLLM has metrics for have rows.
 */

#include "ngx_http_litellm_metrics.h"
#include "ngx_http_litellm_bill.h"


#define ngx_http_litellm_metrics_set(to, value)                               \
    if ((to) != (value)) {                                                    \
        (to) = (value);                                                       \
    }


static ngx_http_litellm_row_t *ngx_http_litellm_metrics_limit_row(
    ngx_http_litellm_metrics_conf_t *mc, ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_claim_t *claim);
static ngx_int_t ngx_http_litellm_metrics_limit_labels(
    ngx_http_litellm_metrics_conf_t *mc, ngx_http_litellm_ctx_t *ctx,
    ngx_http_litellm_claim_t *c, ngx_http_litellm_values_t *v);


/*
 * Limits of those who ask are kept as they are, so that what is left of them
 * can be told whenever somebody wants to know.
 */

void
ngx_http_litellm_metrics_limits(ngx_http_litellm_metrics_conf_t *mc,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_uint_t                     i;
    ngx_http_litellm_row_t        *row;
    ngx_http_litellm_claim_t      *claim;
    ngx_http_litellm_row_limit_t  *c;

    for (i = 0; i < ctx->bill->rv.n; i++) {

        claim = &ctx->bill->rv.claims[i];

        if ((claim->rpm < 0 && claim->tpm < 0 && claim->parallel < 0
             && claim->budget < 0)
            || claim->name.len > sizeof(c->name))
        {
            continue;
        }

        row = ngx_http_litellm_metrics_limit_row(mc, ctx, claim);

        if (row == NULL || row->other) {
            continue;
        }

        c = ngx_http_litellm_row_counters(row);

        /* what all workers read is not written for nothing */

        ngx_http_litellm_metrics_set(c->scope, (int64_t) claim->scope);
        ngx_http_litellm_metrics_set(c->rpm, claim->rpm);
        ngx_http_litellm_metrics_set(c->tpm, claim->tpm);
        ngx_http_litellm_metrics_set(c->parallel, claim->parallel);
        ngx_http_litellm_metrics_set(c->budget, claim->budget);

        /* a word each, and of one account the name is always the same */

        if (c->len == 0) {
            ngx_memcpy(c->name, claim->name.data, claim->name.len);
            ngx_memory_barrier();
            c->len = (uint16_t) claim->name.len;
        }
    }
}


/* NULL: none is kept of limits of that kind */

static ngx_http_litellm_row_t *
ngx_http_litellm_metrics_limit_row(ngx_http_litellm_metrics_conf_t *mc,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_claim_t *claim)
{
    ngx_http_litellm_row_t     *row;
    ngx_http_litellm_known_t   *known;
    ngx_http_litellm_values_t   v;

    known = NULL;

    switch (claim->scope) {

    case NGX_HTTP_LITELLM_OF_KEY:
    case NGX_HTTP_LITELLM_OF_TEAM:
    case NGX_HTTP_LITELLM_OF_USER:

        /* labels of who asks say all of it, and these begin the row's */

        known = ngx_http_litellm_metrics_beside(ctx);

        if (known != NULL && known->beside[claim->scope] != NULL) {
            return known->beside[claim->scope];
        }

        break;

    default:
        break;
    }

    if (ngx_http_litellm_metrics_limit_labels(mc, ctx, claim, &v) != NGX_OK) {
        return NULL;
    }

    row = ngx_http_litellm_metrics_row_for(&mc->m, NGX_HTTP_LITELLM_ROW_LIMIT,
                                           &v, mc->max, NULL);

    /* its own place may be that of the other one */

    if (known != NULL && known->row == ctx->usage && !row->other) {
        known->beside[claim->scope] = row;
    }

    return row;
}


/* NGX_DECLINED: LiteLLM tells nothing of limits of that kind */

static ngx_int_t
ngx_http_litellm_metrics_limit_labels(ngx_http_litellm_metrics_conf_t *mc,
    ngx_http_litellm_ctx_t *ctx, ngx_http_litellm_claim_t *claim,
    ngx_http_litellm_values_t *v)
{
    ngx_str_t  end_user, user, model;

    ngx_str_null(&end_user);
    ngx_str_null(&user);
    ngx_str_null(&model);

    ngx_http_litellm_values_init(v);

    switch (claim->scope) {

    case NGX_HTTP_LITELLM_OF_KEY:
    case NGX_HTTP_LITELLM_OF_TEAM:
        break;

    case NGX_HTTP_LITELLM_OF_USER:
        user = ctx->who.user_id;
        break;

    case NGX_HTTP_LITELLM_OF_END_USER:

        if (!mc->end_user) {
            return NGX_DECLINED;
        }

        end_user = ctx->who.end_user_id;
        break;

    case NGX_HTTP_LITELLM_OF_KEY_MODEL:

        /* "key:group" */

        if (ctx->who.key == NULL
            || claim->name.len <= ctx->who.key->id.len + 1)
        {
            return NGX_DECLINED;
        }

        model.data = claim->name.data + ctx->who.key->id.len + 1;
        model.len = claim->name.len - ctx->who.key->id.len - 1;
        break;

    default:
        return NGX_DECLINED;
    }

    ngx_http_litellm_values_add(v, ngx_http_litellm_scope_name(claim->scope));
    ngx_http_litellm_metrics_value(mc, v, NGX_HTTP_LITELLM_L_END_USER,
                                   &end_user);

    if (claim->scope == NGX_HTTP_LITELLM_OF_TEAM) {
        ngx_http_litellm_values_add(v, NULL);
        ngx_http_litellm_values_add(v, NULL);
        ngx_http_litellm_metrics_value(mc, v, NGX_HTTP_LITELLM_L_TEAM,
                                       &ctx->who.team_id);
        ngx_http_litellm_metrics_value(mc, v, NGX_HTTP_LITELLM_L_TEAM_ALIAS,
                                       ctx->who.team ? &ctx->who.team->alias
                                                     : NULL);

    } else if (claim->scope == NGX_HTTP_LITELLM_OF_KEY
               || claim->scope == NGX_HTTP_LITELLM_OF_KEY_MODEL)
    {
        ngx_http_litellm_metrics_value(mc, v, NGX_HTTP_LITELLM_L_KEY,
                                       &ctx->who.key->id);
        ngx_http_litellm_metrics_value(mc, v, NGX_HTTP_LITELLM_L_KEY_ALIAS,
                                       &ctx->who.key->alias);
        ngx_http_litellm_values_add(v, NULL);
        ngx_http_litellm_values_add(v, NULL);

    } else {
        ngx_http_litellm_values_add(v, NULL);
        ngx_http_litellm_values_add(v, NULL);
        ngx_http_litellm_values_add(v, NULL);
        ngx_http_litellm_values_add(v, NULL);
    }

    ngx_http_litellm_metrics_value(mc, v, NGX_HTTP_LITELLM_L_USER, &user);
    ngx_http_litellm_metrics_value(mc, v, NGX_HTTP_LITELLM_L_MODEL, &model);

    return NGX_OK;
}
