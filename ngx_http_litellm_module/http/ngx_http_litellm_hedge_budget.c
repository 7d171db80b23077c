
/*
 * When a second deployment is tried, and for how many requests at most: the
 * directive, the delay by a deployment's own latencies, the budget.
 *
 * The budget is one word in the zone that all workers share: the debt.  Each
 * request that may be hedged pays a part of one hedge off, each hedge adds a
 * whole one, as long as the debt stays within the burst.  So of n requests at
 * most n times the share, and the burst, are hedged.  No lock: one
 * compare-and-swap, and a worker that dies holds nothing.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_hedge.h"


/* a hedge's price; hundredths of a percent of it are a request's share */
#define NGX_HTTP_LITELLM_HEDGE_PRICE  10000

/* a percentile of less than that is none */
#define NGX_HTTP_LITELLM_HEDGE_KNOWN  NGX_HTTP_LITELLM_SAMPLES


static char *ngx_http_litellm_hedge_parameter(ngx_conf_t *cf,
    ngx_litellm_hedge_t *h, ngx_str_t *value);
static ngx_uint_t ngx_http_litellm_hedge_value(ngx_str_t *value,
    const char *name, size_t len, ngx_str_t *s);
static ngx_int_t ngx_http_litellm_hedge_percent(ngx_str_t *s,
    ngx_uint_t scale);


#define ngx_http_litellm_hedge_is(value, name, s)                             \
    ngx_http_litellm_hedge_value(value, name "=", sizeof(name), s)


char *
ngx_http_litellm_hedge(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_litellm_loc_conf_t *lcf = conf;

    char                 *rv;
    ngx_str_t            *value;
    ngx_uint_t            i;
    const char           *wrong;
    ngx_litellm_hedge_t  *h;

    if (lcf->hedge != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    h = ngx_palloc(cf->pool, sizeof(ngx_litellm_hedge_t));
    if (h == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_litellm_config_hedge_init(h);

    lcf->hedge = h;

    value = cf->args->elts;

    if (cf->args->nelts == 2 && value[1].len == 3
        && ngx_strncmp(value[1].data, "off", 3) == 0)
    {
        h->enable = 0;
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        rv = ngx_http_litellm_hedge_parameter(cf, h, &value[i]);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    wrong = ngx_litellm_config_hedge_wrong(h);

    if (wrong != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"litellm_hedge\" %s",
                           wrong);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_litellm_hedge_parameter(ngx_conf_t *cf, ngx_litellm_hedge_t *h,
    ngx_str_t *value)
{
    ngx_int_t  n;
    ngx_str_t  s;

    if (ngx_http_litellm_hedge_is(value, "delay", &s)) {
        n = ngx_parse_time(&s, 0);
        h->delay = (ngx_msec_t) n;

    } else if (ngx_http_litellm_hedge_is(value, "min", &s)) {
        n = ngx_parse_time(&s, 0);
        h->min = (ngx_msec_t) n;

    } else if (ngx_http_litellm_hedge_is(value, "percentile", &s)) {
        n = ngx_http_litellm_hedge_percent(&s, 4);
        h->percentile = (ngx_uint_t) n;

    } else if (ngx_http_litellm_hedge_is(value, "budget", &s)) {
        n = ngx_http_litellm_hedge_percent(&s, 2);
        h->budget = (ngx_uint_t) n;

    } else if (ngx_http_litellm_hedge_is(value, "burst", &s)) {
        n = ngx_atoi(s.data, s.len);
        h->burst = (ngx_uint_t) n;

    } else {
        n = NGX_ERROR;
    }

    if (n == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\", expected \"off\" or "
                           "\"delay=time\", \"percentile=number\", "
                           "\"min=time\", \"budget=percent\", "
                           "\"burst=number\"", value);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_uint_t
ngx_http_litellm_hedge_value(ngx_str_t *value, const char *name, size_t len,
    ngx_str_t *s)
{
    if (value->len < len || ngx_strncmp(value->data, name, len) != 0) {
        return 0;
    }

    s->data = value->data + len;
    s->len = value->len - len;

    return 1;
}


static ngx_int_t
ngx_http_litellm_hedge_percent(ngx_str_t *s, ngx_uint_t scale)
{
    if (s->len && s->data[s->len - 1] == '%') {
        s->len--;
    }

    return ngx_atofp(s->data, s->len, scale);
}


ngx_litellm_hedge_t *
ngx_http_litellm_hedge_conf(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_litellm_hedge_t          *h;
    ngx_http_litellm_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);

    h = lcf->hedge ? lcf->hedge : ctx->call.config->hedge;

    return (h != NULL && h->enable) ? h : NULL;
}


ngx_msec_t
ngx_http_litellm_hedge_delay(ngx_litellm_hedge_t *h,
    ngx_litellm_deployment_t *d, ngx_uint_t stream)
{
    ngx_uint_t                  n;
    ngx_msec_t                  delay;
    ngx_http_litellm_state_t   *s;
    ngx_http_litellm_sample_t  *sample;

    s = d->state;

    if (h->percentile == 0 || s == NULL) {
        return h->delay;
    }

    n = stream ? s->nfirst : s->nwhole;
    sample = stream ? s->first : s->whole;

    if (n < NGX_HTTP_LITELLM_HEDGE_KNOWN) {
        return h->delay;
    }

    delay = ngx_http_litellm_state_percentile(sample, n, h->percentile);
    delay = ngx_max(delay, h->min);

    return ngx_max(delay, 1);
}


void
ngx_http_litellm_hedge_earn(ngx_http_litellm_hedges_t *shared,
    ngx_litellm_hedge_t *h)
{
    ngx_atomic_uint_t  old;

    do {
        old = shared->debt;

        if (old == 0) {
            return;
        }

    } while (!ngx_atomic_cmp_set(&shared->debt, old,
                                 old - ngx_min(old, h->budget)));
}


ngx_int_t
ngx_http_litellm_hedge_spend(ngx_http_litellm_hedges_t *shared,
    ngx_litellm_hedge_t *h)
{
    ngx_atomic_uint_t  old;

    do {
        old = shared->debt;

        if (old + NGX_HTTP_LITELLM_HEDGE_PRICE
            > h->burst * NGX_HTTP_LITELLM_HEDGE_PRICE)
        {
            (void) ngx_atomic_fetch_add(&shared->refused, 1);
            return NGX_DECLINED;
        }

    } while (!ngx_atomic_cmp_set(&shared->debt, old,
                                 old + NGX_HTTP_LITELLM_HEDGE_PRICE));

    return NGX_OK;
}


void
ngx_http_litellm_hedge_refund(ngx_http_litellm_hedges_t *shared)
{
    ngx_atomic_uint_t  old;

    do {
        old = shared->debt;

    } while (!ngx_atomic_cmp_set(&shared->debt, old,
                                 old - ngx_min(old,
                                            NGX_HTTP_LITELLM_HEDGE_PRICE)));
}
