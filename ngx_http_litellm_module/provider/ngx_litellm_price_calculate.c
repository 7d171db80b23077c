
/*
 * The arithmetic of LiteLLM's /spend/calculate (proxy/spend_tracking/
 * spend_management_endpoints.py): what a prompt or an answer would cost.  For
 * the management API; nothing is booked.
 */

#include "ngx_litellm_openai_dialect.h"


/* bytes of a token of a prompt that was not sent */
#define NGX_LITELLM_TOKEN_BYTES  4


static const ngx_litellm_price_t *ngx_litellm_calculate_price(
    ngx_litellm_config_t *config, ngx_str_t *model,
    ngx_litellm_terms_t **terms);
static ngx_int_t ngx_litellm_calculate_bad(ngx_litellm_error_t *e,
    const char *text);


ngx_int_t
ngx_litellm_price_calculate(ngx_pool_t *pool, ngx_litellm_config_t *config,
    ngx_str_t *body, time_t now, ngx_litellm_cost_t *cost,
    ngx_litellm_error_t *e)
{
    ngx_int_t                   rc;
    ngx_str_t                   name, model;
    ngx_litellm_json_t         *v, *answer, *messages, *usage;
    ngx_litellm_done_t          done;
    ngx_litellm_usage_t         u;
    ngx_litellm_json_doc_t      doc;
    ngx_litellm_terms_t        *terms;
    const ngx_litellm_price_t  *price;

    ngx_memzero(cost, sizeof(ngx_litellm_cost_t));
    ngx_memzero(&doc, sizeof(ngx_litellm_json_doc_t));

    doc.pool = pool;

    rc = ngx_litellm_json_parse(&doc, body->data, body->len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED || doc.root->type != NGX_LITELLM_JSON_OBJECT) {
        return ngx_litellm_calculate_bad(e, "the body is not a JSON "
                                         "object");
    }

    answer = ngx_litellm_json_member(doc.root, "completion_response");
    messages = ngx_litellm_json_member(doc.root, "messages");
    usage = NULL;

    v = ngx_litellm_json_member(doc.root, "model");

    if (ngx_litellm_json_is(answer, OBJECT)) {
        usage = ngx_litellm_json_member(answer, "usage");

        if (!ngx_litellm_json_is(v, STRING)) {
            v = ngx_litellm_json_member(answer, "model");
        }

    } else if (!ngx_litellm_json_is(messages, ARRAY)) {
        return ngx_litellm_calculate_bad(e, "Bad Request - Either "
                        "'model' and 'messages' or 'completion_response' "
                        "must be provided");
    }

    if (!ngx_litellm_json_is(v, STRING)) {
        return ngx_litellm_calculate_bad(e, "Bad Request - model must "
                                         "be provided");
    }

    name = ngx_litellm_json_text(v);

    if (ngx_litellm_json_unescape(pool, &model, &name) != NGX_OK) {
        return NGX_ERROR;
    }

    price = ngx_litellm_calculate_price(config, &model, &terms);

    ngx_litellm_usage_init(&u);
    ngx_memzero(&done, sizeof(ngx_litellm_done_t));

    done.usage = &u;
    done.now = now;

    if (ngx_litellm_json_is(usage, OBJECT)) {
        ngx_litellm_openai_usage_facts(usage, &u);

        v = ngx_litellm_json_member(answer, "service_tier");

        if (ngx_litellm_json_is(v, STRING)) {
            u.tier = ngx_litellm_tier(v->start + 1, v->len - 2);
        }

    } else if (messages != NULL) {
        u.prompt = messages->len / NGX_LITELLM_TOKEN_BYTES;
    }

    if (ngx_litellm_price_cost(price, &done, cost) != NGX_OK) {
        return ngx_litellm_calculate_bad(e, "no price is known of this "
                                         "model");
    }

    ngx_litellm_terms_apply(terms, cost);

    return NGX_OK;
}


/* a group's first deployment with a price, "provider/model", a known name */

static const ngx_litellm_price_t *
ngx_litellm_calculate_price(ngx_litellm_config_t *config,
    ngx_str_t *model, ngx_litellm_terms_t **terms)
{
    u_char                     *p, *last;
    ngx_str_t                   name, provider;
    ngx_uint_t                  i;
    const char                 *known;
    ngx_litellm_group_t        *group;
    ngx_litellm_deployment_t  **d;

    *terms = NULL;

    group = ngx_litellm_config_group(config, model);

    if (group != NULL) {
        d = group->deployments.elts;

        for (i = 0; i < group->deployments.nelts; i++) {
            if (d[i]->price != NULL) {
                *terms = ngx_litellm_terms_of(config->terms,
                                              &d[i]->provider->name);
                return d[i]->price;
            }
        }
    }

    last = model->data + model->len;
    p = ngx_strlchr(model->data, last, '/');

    if (p != NULL) {
        provider.data = model->data;
        provider.len = p - model->data;
        name.data = p + 1;
        name.len = last - name.data;

    } else {
        known = ngx_litellm_model_provider(model);

        if (known == NULL) {
            return NULL;
        }

        provider.data = (u_char *) known;
        provider.len = ngx_strlen(known);
        name = *model;
    }

    *terms = ngx_litellm_terms_of(config->terms, &provider);

    return ngx_litellm_price_find(config->prices, &provider, &name);
}


static ngx_int_t
ngx_litellm_calculate_bad(ngx_litellm_error_t *e, const char *text)
{
    ngx_memzero(e, sizeof(ngx_litellm_error_t));

    e->class = NGX_LITELLM_BAD_REQUEST;
    e->status = 400;

    ngx_str_set(&e->type, "invalid_request_error");

    e->message.data = (u_char *) text;
    e->message.len = ngx_strlen(text);

    return NGX_DECLINED;
}
