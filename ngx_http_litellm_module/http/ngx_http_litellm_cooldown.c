
/*
 * Which failures keep a deployment away from requests, and for how long.  The
 * rules are LiteLLM's (router_utils/cooldown_handlers.py) with two made right:
 * failed connections count, and one failure never takes the only deployment of
 * a group away (docs/differences.md).
 *
 * A cooldown that is over leaves the deployment half open: until one call was
 * good (ngx_http_litellm_state_end()) a further failure renews it at once.
 */

#include "ngx_http_litellm.h"
#include "ngx_http_litellm_state.h"
#include "ngx_http_litellm_metrics.h"


/* the rules without a policy: failures of this minute */
#define NGX_HTTP_LITELLM_FEW    5       /* more than half failed */
#define NGX_HTTP_LITELLM_MANY   1000    /* all failed */

/* a cooldown is never longer */
#define NGX_HTTP_LITELLM_DAY    86400000

/* when it is not known how long somebody else's probe takes */
#define NGX_HTTP_LITELLM_SOON   1000


static ngx_msec_t ngx_http_litellm_cooldown_time(ngx_litellm_config_t *config,
    ngx_litellm_deployment_t *d, ngx_litellm_error_t *error);
static ngx_uint_t ngx_http_litellm_cooldown_due(ngx_litellm_config_t *config,
    ngx_litellm_deployment_t *d, ngx_litellm_error_t *error,
    ngx_uint_t group);
static ngx_uint_t ngx_http_litellm_cooldown_rate(ngx_http_litellm_state_t *s,
    ngx_litellm_error_t *error, ngx_uint_t group);
static ngx_uint_t ngx_http_litellm_cooldown_policy(
    ngx_litellm_policy_t *policy, ngx_http_litellm_state_t *s,
    ngx_litellm_error_t *error, ngx_uint_t *due);
static uint64_t ngx_http_litellm_cooldown_fails(ngx_http_litellm_state_t *s);


void
ngx_http_litellm_cooldown(ngx_litellm_config_t *config,
    ngx_litellm_deployment_t *d, ngx_litellm_error_t *error, ngx_uint_t group)
{
    ngx_msec_t                 time, now;
    ngx_atomic_uint_t          old, until;
    ngx_http_litellm_state_t  *s;

    s = d->state;

    if (s == NULL || config->disable_cooldowns == 1
        || error->class == NGX_LITELLM_NO_ERROR)
    {
        return;
    }

    /* one model of a wildcard says nothing about the others */

    if (ngx_strlchr(d->model.data, d->model.data + d->model.len, '*')) {
        return;
    }

    time = ngx_http_litellm_cooldown_time(config, d, error);

    if (time == 0
        || !ngx_http_litellm_cooldown_due(config, d, error, group))
    {
        return;
    }

    now = ngx_current_msec;

    until = (ngx_atomic_uint_t) (now + time);
    until = until ? until : 1;

    for ( ;; ) {
        old = s->until;

        if (old != 0 && (ngx_msec_int_t) (old - until) >= 0) {
            return;
        }

        if (ngx_atomic_cmp_set(&s->until, old, until)) {
            break;
        }
    }

    s->cause = (ngx_atomic_uint_t) error->status << 8 | error->class;

    ngx_http_litellm_metrics_cooled(d, error->class);

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "litellm: deployment \"%V\" of \"%V\" is cooled down for "
                  "%M ms: %V, status %ui", &d->id, &d->group, time,
                  ngx_litellm_error_class(error->class), error->status);
}


static ngx_msec_t
ngx_http_litellm_cooldown_time(ngx_litellm_config_t *config,
    ngx_litellm_deployment_t *d, ngx_litellm_error_t *error)
{
    ngx_msec_t  time;

    time = (d->cooldown_time >= 0) ? (ngx_msec_t) d->cooldown_time
           : error->retry_after ? error->retry_after
           : config->cooldown_time;

    return ngx_min(time, NGX_HTTP_LITELLM_DAY);
}


static ngx_uint_t
ngx_http_litellm_cooldown_due(ngx_litellm_config_t *config,
    ngx_litellm_deployment_t *d, ngx_litellm_error_t *error, ngx_uint_t group)
{
    ngx_uint_t                 due;
    ngx_http_litellm_state_t  *s;

    s = d->state;

    /* a deployment's own rules decide alone, about any class they name */

    if (ngx_http_litellm_cooldown_policy(d->allowed_fails_policy, s, error,
                                         &due))
    {
        return due;
    }

    if (!ngx_http_litellm_cooldown_counts(error)) {
        return 0;
    }

    /* half open, and it has failed again */

    if (s->until != 0
        && (ngx_msec_int_t) (s->until - ngx_current_msec) <= 0)
    {
        return 1;
    }

    if (d->allowed_fails >= 0 && group > 1) {
        return ngx_http_litellm_cooldown_fails(s)
               > (uint64_t) d->allowed_fails;
    }

    if (d->allowed_fails_policy != NULL) {
        return 0;
    }

    if (ngx_http_litellm_cooldown_policy(config->allowed_fails_policy, s,
                                         error, &due))
    {
        return due;
    }

    if (config->allowed_fails >= 0 && group > 1) {
        return ngx_http_litellm_cooldown_fails(s)
               > (uint64_t) config->allowed_fails;
    }

    return ngx_http_litellm_cooldown_rate(s, error, group);
}


/* is there a word about this class?  Then *due is what it says */

static ngx_uint_t
ngx_http_litellm_cooldown_policy(ngx_litellm_policy_t *policy,
    ngx_http_litellm_state_t *s, ngx_litellm_error_t *error, ngx_uint_t *due)
{
    if (policy == NULL || policy->n[error->class] < 0) {
        return 0;
    }

    *due = ngx_http_litellm_state_count(&s->fails[error->class])
           > (uint64_t) policy->n[error->class];

    return 1;
}


static uint64_t
ngx_http_litellm_cooldown_fails(ngx_http_litellm_state_t *s)
{
    return ngx_http_litellm_state_count(&s->failures);
}


static ngx_uint_t
ngx_http_litellm_cooldown_rate(ngx_http_litellm_state_t *s,
    ngx_litellm_error_t *error, ngx_uint_t group)
{
    uint64_t  good, bad;

    good = ngx_http_litellm_state_count(&s->successes);
    bad = ngx_http_litellm_cooldown_fails(s);

    if (good == 0 && bad >= NGX_HTTP_LITELLM_MANY) {
        return 1;
    }

    if (group < 2) {
        return 0;
    }

    switch (error->status) {

    case 401:
    case 402:
    case 404:
    case 429:
        return 1;

    default:
        return good + bad >= NGX_HTTP_LITELLM_FEW && bad > good;
    }
}


/* the client's mistakes are not the deployment's */

ngx_uint_t
ngx_http_litellm_cooldown_counts(ngx_litellm_error_t *error)
{
    switch (error->class) {

    case NGX_LITELLM_CONTEXT_WINDOW:
    case NGX_LITELLM_CONTENT_POLICY:
    case NGX_LITELLM_UNSUPPORTED_PARAMS:
        return 0;

    default:
        break;
    }

    switch (error->status) {

    case 401:
    case 402:
    case 404:
    case 408:
    case 429:
        return 1;

    default:
        return error->status < 400 || error->status >= 500;
    }
}


ngx_msec_t
ngx_http_litellm_cooldown_left(ngx_litellm_deployment_t *d)
{
    ngx_msec_int_t             left;
    ngx_atomic_uint_t          until;
    ngx_http_litellm_state_t  *s;

    s = d->state;

    if (s == NULL) {
        return 0;
    }

    until = s->until;

    if (until == 0) {
        return 0;
    }

    left = (ngx_msec_int_t) (until - ngx_current_msec);

    if (left > 0) {
        return (ngx_msec_t) left;
    }

    return (s->probe != 0) ? NGX_HTTP_LITELLM_SOON : 0;
}
