
/*
 * Health checks that nobody asks for (general_settings.
 * background_health_checks): a probe of each deployment, the same as that of
 * GET /health, once in an interval, by one of the workers.
 *
 * Who probes: every worker looks at a deployment when its turn comes, and the
 * zone lets one of them do it.  No worker is special, so none is missed when
 * it dies.  A deployment's turn is at a place of the interval of its own,
 * counted on the clock that all workers and their successors share: probes
 * never come all at once, a reload repeats none, and what it adds is probed
 * soon.
 *
 * A probe is an attempt of a detached request.  Its timers hold no worker that
 * leaves; what runs then is given up, and the zone told so.
 *
 * A failure is marked in the deployment's state, which routing asks for by
 * ngx_http_litellm_health_usable() (enable_health_check_routing).  With an
 * allowed_fails_policy failures count for that instead, as those of calls do.
 */

#include "ngx_http_litellm_health.h"
#include "ngx_http_litellm_detached.h"
#include "ngx_http_litellm_state.h"


#define NGX_HTTP_LITELLM_CHECK_FIRST   100     /* ms for each: first round */
#define NGX_HTTP_LITELLM_CHECK_BUSY    1000    /* ms */


typedef struct ngx_http_litellm_checks_s  ngx_http_litellm_checks_t;

/* a deployment's, in this worker */
typedef struct {
    ngx_queue_t                      queue;      /* running, or waiting */
    ngx_http_litellm_checks_t       *checks;
    ngx_litellm_deployment_t        *deployment;
    ngx_http_litellm_zone_key_t      key;
    ngx_str_t                        model;      /* to ask for */
    ngx_msec_t                       timeout;
    ngx_msec_t                       phase;      /* its place in the interval */
    ngx_event_t                      timer;      /* its turn, or the probe's
                                                    time is over */

    ngx_http_litellm_detached_t     *detached;   /* NULL: no probe runs */
    ngx_http_litellm_attempt_t      *attempt;
    ngx_msec_t                       since;

    unsigned                         busy:1;     /* somebody else probed */
    unsigned                         known:1;    /* before this probe */
    unsigned                         ok:1;
} ngx_http_litellm_check_t;


/* those of one configuration */
struct ngx_http_litellm_checks_s {
    ngx_http_litellm_loc_conf_t     *lcf;        /* one that serves it */
    ngx_http_litellm_main_conf_t    *mcf;
    ngx_litellm_health_t            *conf;
    ngx_array_t                      checks;     /* ..._check_t */
    ngx_uint_t                       parallel;   /* in a worker */
    ngx_uint_t                       nrunning;
    ngx_queue_t                      running;
    ngx_queue_t                      waiting;
    unsigned                         full:1;     /* the zone, and it was told */
};


static ngx_int_t ngx_http_litellm_check_add(ngx_conf_t *cf,
    ngx_http_litellm_checks_t *checks, ngx_litellm_deployment_t *d);
static void ngx_http_litellm_checks_cleanup(void *data);
static void ngx_http_litellm_checks_stop(ngx_http_litellm_checks_t *checks);
static void ngx_http_litellm_check_open(ngx_http_litellm_check_t *check);
static void ngx_http_litellm_check_schedule(ngx_http_litellm_check_t *check,
    ngx_msec_t last);
static void ngx_http_litellm_check_timer(ngx_event_t *ev);
static void ngx_http_litellm_check_turn(ngx_http_litellm_check_t *check);
static ngx_int_t ngx_http_litellm_check_probe(ngx_http_litellm_check_t *check);
static void ngx_http_litellm_check_timed_out(ngx_http_litellm_check_t *check);
static void ngx_http_litellm_check_wake(ngx_http_litellm_detached_t *dt);
static void ngx_http_litellm_check_close(ngx_http_litellm_detached_t *dt);
static void ngx_http_litellm_check_done(ngx_http_litellm_check_t *check);
static void ngx_http_litellm_check_mark(ngx_http_litellm_check_t *check,
    ngx_http_litellm_probe_t *probe);
static void ngx_http_litellm_check_count(ngx_http_litellm_check_t *check);
static void ngx_http_litellm_check_tell(ngx_http_litellm_check_t *check,
    ngx_http_litellm_probe_t *probe);
static void ngx_http_litellm_check_give_up(ngx_http_litellm_check_t *check);
static void ngx_http_litellm_check_release(ngx_http_litellm_check_t *check);
static void ngx_http_litellm_check_next(ngx_http_litellm_checks_t *checks);


ngx_int_t
ngx_http_litellm_checks_add(ngx_conf_t *cf, ngx_http_litellm_main_conf_t *mcf,
    ngx_http_litellm_loc_conf_t *lcf)
{
    ngx_uint_t                   i;
    ngx_pool_cleanup_t          *cln;
    ngx_litellm_deployment_t   **d;
    ngx_http_litellm_checks_t   *checks, **cp;

    if (!lcf->config->health.background) {
        return NGX_OK;
    }

    cp = mcf->checks.elts;

    for (i = 0; i < mcf->checks.nelts; i++) {
        if (cp[i]->lcf->config == lcf->config) {
            return NGX_OK;
        }
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    checks = ngx_pcalloc(cf->pool, sizeof(ngx_http_litellm_checks_t));
    if (checks == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_litellm_checks_cleanup;
    cln->data = checks;

    checks->lcf = lcf;
    checks->mcf = mcf;
    checks->conf = &lcf->config->health;

    ngx_queue_init(&checks->running);
    ngx_queue_init(&checks->waiting);

    if (ngx_array_init(&checks->checks, cf->pool,
                       lcf->config->deployments.nelts + 1,
                       sizeof(ngx_http_litellm_check_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    d = lcf->config->deployments.elts;

    for (i = 0; i < lcf->config->deployments.nelts; i++) {
        if (ngx_http_litellm_check_add(cf, checks, d[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    cp = ngx_array_push(&mcf->checks);
    if (cp == NULL) {
        return NGX_ERROR;
    }

    *cp = checks;

    return NGX_OK;
}


/* only those that a call can tell something about */

static ngx_int_t
ngx_http_litellm_check_add(ngx_conf_t *cf, ngx_http_litellm_checks_t *checks,
    ngx_litellm_deployment_t *d)
{
    ngx_int_t                  rc;
    ngx_str_t                  model;
    const char                *why;
    ngx_http_litellm_check_t  *check;

    if (!d->checked || d->mock || d->provider == NULL || d->http == NULL
        || d->no_credentials)
    {
        return NGX_OK;
    }

    rc = ngx_http_litellm_health_model(cf->pool, d, &model, &why);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : NGX_ERROR;
    }

    /* there is room for all: d->check points into the array */

    check = ngx_array_push(&checks->checks);
    if (check == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(check, sizeof(ngx_http_litellm_check_t));

    check->checks = checks;
    check->deployment = d;
    check->model = model;
    check->timeout = d->health_timeout ? d->health_timeout
                                       : checks->lcf->health_timeout;

    ngx_http_litellm_zone_key(d, &check->key);

    d->check = check;

    return NGX_OK;
}


/* the configuration goes, in a process that lives on (master_process off) */

static void
ngx_http_litellm_checks_cleanup(void *data)
{
    ngx_http_litellm_checks_t *checks = data;

    ngx_http_litellm_checks_stop(checks);
}


void
ngx_http_litellm_checks_init(ngx_cycle_t *cycle)
{
    ngx_uint_t                      i, j, parallel;
    ngx_core_conf_t                *ccf;
    ngx_http_litellm_check_t       *check;
    ngx_http_litellm_checks_t     **cp, *checks;
    ngx_http_litellm_main_conf_t   *mcf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_litellm_module);

    if (mcf == NULL) {
        return;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    cp = mcf->checks.elts;

    for (i = 0; i < mcf->checks.nelts; i++) {

        checks = cp[i];
        check = checks->checks.elts;

        parallel = checks->conf->parallel;

        if (parallel == 0) {
            parallel = checks->lcf->health_parallel;
        }

        if (ngx_process == NGX_PROCESS_WORKER && ccf->worker_processes > 1) {
            parallel /= (ngx_uint_t) ccf->worker_processes;
        }

        checks->parallel = ngx_max(parallel, 1);

        for (j = 0; j < checks->checks.nelts; j++) {
            check[j].phase = (ngx_msec_t) ((uint64_t) checks->conf->interval
                                           * j / checks->checks.nelts);
            ngx_http_litellm_check_open(&check[j]);
        }
    }
}


void
ngx_http_litellm_checks_exit(ngx_cycle_t *cycle)
{
    ngx_uint_t                      i;
    ngx_http_litellm_checks_t     **cp;
    ngx_http_litellm_main_conf_t   *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_litellm_module);

    if (mcf == NULL) {
        return;
    }

    cp = mcf->checks.elts;

    for (i = 0; i < mcf->checks.nelts; i++) {
        ngx_http_litellm_checks_stop(cp[i]);
    }
}


static void
ngx_http_litellm_checks_stop(ngx_http_litellm_checks_t *checks)
{
    ngx_uint_t                 i;
    ngx_http_litellm_check_t  *check;

    check = checks->checks.elts;

    for (i = 0; i < checks->checks.nelts; i++) {

        if (check[i].detached != NULL) {
            ngx_http_litellm_check_give_up(&check[i]);
        }

        if (check[i].timer.timer_set) {
            ngx_del_timer(&check[i].timer);
        }
    }
}


/* the first turn in this worker: soon, if there is no result */

static void
ngx_http_litellm_check_open(ngx_http_litellm_check_t *check)
{
    ngx_msec_t                  spread;
    ngx_http_litellm_probe_t    probe;
    ngx_http_litellm_checks_t  *checks;

    checks = check->checks;

    check->timer.handler = ngx_http_litellm_check_timer;
    check->timer.data = check;
    check->timer.log = ngx_cycle->log;
    check->timer.cancelable = 1;

    ngx_http_litellm_zone_probe_last(checks->mcf->zone, &check->key, &probe);

    if (probe.known
        && ngx_current_msec - probe.time < 2 * checks->conf->interval)
    {
        ngx_http_litellm_check_schedule(check, probe.time);
        return;
    }

    spread = ngx_min(checks->checks.nelts * NGX_HTTP_LITELLM_CHECK_FIRST,
                     checks->conf->interval);

    ngx_add_timer(&check->timer, ngx_random() % (spread + 1));
}


/*
 * Its place in the interval, at least half an interval behind the last result.
 * Workers come one after the other, not to wait for the zone's lock together.
 */

static void
ngx_http_litellm_check_schedule(ngx_http_litellm_check_t *check,
    ngx_msec_t last)
{
    ngx_msec_t      due, interval;
    ngx_msec_int_t  delay;

    interval = check->checks->conf->interval;

    due = last + interval / 2;
    due += (check->phase + interval - due % interval) % interval;

    delay = (ngx_msec_int_t) (due - ngx_current_msec);
    delay = ngx_max(delay, 0);

    delay += ngx_random() % (ngx_min(interval / 20, 1000) + 1);

    ngx_add_timer(&check->timer, (ngx_msec_t) delay);
}


static void
ngx_http_litellm_check_timer(ngx_event_t *ev)
{
    ngx_http_litellm_check_t   *check;
    ngx_http_litellm_checks_t  *checks;

    check = ev->data;
    checks = check->checks;

    if (check->detached != NULL) {
        ngx_http_litellm_check_timed_out(check);
        return;
    }

    if (ngx_exiting || ngx_quit || ngx_terminate) {
        return;
    }

    if (checks->nrunning >= checks->parallel) {
        ngx_queue_insert_tail(&checks->waiting, &check->queue);
        return;
    }

    ngx_http_litellm_check_turn(check);

    /* it may have come to nothing: the place is for the next one */

    ngx_http_litellm_check_next(checks);
}


static void
ngx_http_litellm_check_turn(ngx_http_litellm_check_t *check)
{
    ngx_int_t                   rc;
    ngx_msec_t                  valid, delay;
    ngx_http_litellm_probe_t    probe;
    ngx_http_litellm_checks_t  *checks;

    checks = check->checks;

    check->since = ngx_current_msec;

    /* a second more than the probe's own time: its prober is not dead */

    valid = checks->conf->interval;

    if (!check->busy) {

        /* its turn, not a look out of turn */

        valid /= 2;
    }

    check->busy = 0;

    rc = ngx_http_litellm_zone_probe_begin(checks->mcf->zone, &check->key,
                                           check->since, valid,
                                           check->timeout + 1000, &probe);

    if (rc == NGX_DECLINED) {
        ngx_http_litellm_check_schedule(check, probe.time);
        return;
    }

    if (rc == NGX_BUSY) {

        /* whoever probes may leave before there is a result */

        check->busy = 1;

        delay = ngx_max(check->timeout / 8, NGX_HTTP_LITELLM_CHECK_BUSY);
        delay = ngx_min(delay, checks->conf->interval);

        ngx_add_timer(&check->timer, delay + ngx_random() % (delay / 4 + 1));
        return;
    }

    if (rc == NGX_OK) {
        check->known = probe.known;
        check->ok = probe.ok;

        rc = ngx_http_litellm_check_probe(check);

        if (rc == NGX_OK) {
            return;
        }

        ngx_http_litellm_zone_probe_abort(checks->mcf->zone, &check->key,
                                          check->since, ngx_current_msec, 0);

        if (rc == NGX_DECLINED) {

            /* no client's request could be made of it either */

            return;
        }

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "litellm: no memory or no free connection for the "
                      "health check of \"%V\"", &check->deployment->group);

    } else if (rc == NGX_ERROR && !checks->full) {
        checks->full = 1;

        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "litellm: \"litellm_zone\" is full: deployments are "
                      "not checked");
    }

    ngx_http_litellm_check_schedule(check, ngx_current_msec);
}


/* NGX_OK: it runs, or has ended; NGX_DECLINED: there is no such request */

static ngx_int_t
ngx_http_litellm_check_probe(ngx_http_litellm_check_t *check)
{
    ngx_int_t                     rc;
    ngx_http_litellm_checks_t    *checks;
    ngx_http_litellm_detached_t  *dt;

    checks = check->checks;

    dt = ngx_http_litellm_detached_create(checks->lcf);
    if (dt == NULL) {
        return NGX_ERROR;
    }

    dt->wake = ngx_http_litellm_check_wake;
    dt->close = ngx_http_litellm_check_close;
    dt->data = check;
    dt->name = check->deployment->group;
    dt->connection->idle = 1;

    rc = ngx_http_litellm_health_attempt(dt->request, &dt->ctx, checks->lcf,
                                         check->deployment, &check->model,
                                         &check->attempt);

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_attempt_start(check->attempt);

    } else if (rc == NGX_DECLINED) {
        rc = NGX_ABORT;
    }

    if (rc != NGX_AGAIN && rc != NGX_DECLINED) {
        ngx_http_litellm_detached_free(dt);
        return (rc == NGX_ABORT) ? NGX_DECLINED : NGX_ERROR;
    }

    check->detached = dt;

    ngx_queue_insert_tail(&checks->running, &check->queue);
    checks->nrunning++;

    if (rc == NGX_DECLINED) {
        ngx_http_litellm_check_done(check);
        return NGX_OK;
    }

    ngx_add_timer(&check->timer, check->timeout);

    ngx_http_run_posted_requests(dt->connection);

    return NGX_OK;
}


static void
ngx_http_litellm_check_timed_out(ngx_http_litellm_check_t *check)
{
    ngx_connection_t            *c;
    ngx_http_litellm_attempt_t  *a;

    a = check->attempt;
    c = check->detached->connection;

    ngx_http_litellm_attempt_cancel(a, NGX_LITELLM_TIMEOUT, "timed out");

    if (a->request == NULL) {

        /* one without a clone is cancelled without a word */

        ngx_http_litellm_check_done(check);
        return;
    }

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_litellm_check_wake(ngx_http_litellm_detached_t *dt)
{
    ngx_http_litellm_check_t  *check;

    check = dt->data;

    if (check->attempt->done) {
        ngx_http_litellm_check_done(check);
    }
}


static void
ngx_http_litellm_check_close(ngx_http_litellm_detached_t *dt)
{
    ngx_http_litellm_check_give_up(dt->data);
}


static void
ngx_http_litellm_check_done(ngx_http_litellm_check_t *check)
{
    ngx_msec_t                  keep;
    ngx_http_litellm_probe_t    probe;
    ngx_http_litellm_checks_t  *checks;

    checks = check->checks;

    ngx_http_litellm_health_verdict(check->attempt, &probe);

    keep = ngx_max(checks->conf->stale, 2 * checks->conf->interval);

    ngx_http_litellm_zone_probe_end(checks->mcf->zone, &check->key,
                                    check->since, keep, &probe);

    ngx_http_litellm_check_mark(check, &probe);
    ngx_http_litellm_check_tell(check, &probe);
    ngx_http_litellm_check_release(check);
    ngx_http_litellm_check_schedule(check, probe.time);
    ngx_http_litellm_check_next(checks);
}


/* for routing: when it failed */

static void
ngx_http_litellm_check_mark(ngx_http_litellm_check_t *check,
    ngx_http_litellm_probe_t *probe)
{
    ngx_http_litellm_state_t  *state;

    state = check->deployment->state;

    if (state == NULL) {
        return;
    }

    if (probe->ok
        || (check->checks->conf->ignore_transient
            && (probe->status == 408 || probe->status == 429)))
    {
        state->unhealthy = 0;
        return;
    }

    state->unhealthy = ngx_max((ngx_atomic_uint_t) probe->time, 1);

    if (check->checks->conf->routing
        && check->checks->lcf->config->allowed_fails_policy != NULL)
    {
        ngx_http_litellm_check_count(check);
    }
}


static void
ngx_http_litellm_check_count(ngx_http_litellm_check_t *check)
{
    ngx_uint_t                  i, n;
    ngx_litellm_error_t        *error;
    ngx_litellm_group_t        *group;
    ngx_litellm_config_t       *config;
    ngx_litellm_deployment_t   *d, **list;

    d = check->deployment;
    config = check->checks->lcf->config;
    error = &check->attempt->error;

    if (d->state == NULL || error->class == NGX_LITELLM_NO_ERROR) {
        return;
    }

    group = ngx_litellm_config_group(config, &d->group);
    n = 0;

    if (group != NULL) {
        list = group->deployments.elts;

        for (i = 0; i < group->deployments.nelts && n < 2; i++) {
            n += (!list[i]->no_credentials
                  && (list[i]->mock || list[i]->http != NULL));
        }
    }

    ngx_http_litellm_state_failed(d->state, error);

    if (ngx_http_litellm_cooldown_left(d) == 0) {
        ngx_http_litellm_cooldown(config, d, error, n);
    }
}


/* when it changes; the text is as /health tells it */

static void
ngx_http_litellm_check_tell(ngx_http_litellm_check_t *check,
    ngx_http_litellm_probe_t *probe)
{
    ngx_litellm_deployment_t  *d;

    d = check->deployment;

    if (probe->ok) {

        if (check->known && !check->ok) {
            ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                          "litellm: \"%V\" of \"%V\" (%V:%ui) is healthy "
                          "again", &d->full_model, &d->group, &d->file,
                          d->line);
        }

        return;
    }

    if (!check->known || check->ok) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "litellm: \"%V\" of \"%V\" (%V:%ui) does not pass its "
                      "health check", &d->full_model, &d->group, &d->file,
                      d->line);
    }
}


/* the worker leaves: another one may probe at once */

static void
ngx_http_litellm_check_give_up(ngx_http_litellm_check_t *check)
{
    ngx_http_litellm_zone_probe_abort(check->checks->mcf->zone, &check->key,
                                      check->since, ngx_current_msec, 0);

    ngx_http_litellm_check_release(check);
}


static void
ngx_http_litellm_check_release(ngx_http_litellm_check_t *check)
{
    ngx_http_litellm_detached_t  *dt;

    if (check->timer.timer_set) {
        ngx_del_timer(&check->timer);
    }

    ngx_queue_remove(&check->queue);
    check->checks->nrunning--;

    dt = check->detached;

    check->detached = NULL;
    check->attempt->done = 1;
    check->attempt = NULL;

    ngx_http_litellm_detached_free(dt);
}


/* one probe has ended: those whose turn has come meanwhile */

static void
ngx_http_litellm_check_next(ngx_http_litellm_checks_t *checks)
{
    ngx_queue_t               *q;
    ngx_http_litellm_check_t  *check;

    if (ngx_queue_empty(&checks->waiting)
        || checks->nrunning >= checks->parallel)
    {
        return;
    }

    q = ngx_queue_head(&checks->waiting);
    ngx_queue_remove(q);

    check = ngx_queue_data(q, ngx_http_litellm_check_t, queue);

    /* by its timer: a probe may end while it begins, and so might all */

    ngx_add_timer(&check->timer, 0);
}


ngx_uint_t
ngx_http_litellm_health_usable(ngx_litellm_deployment_t *d)
{
    ngx_atomic_uint_t          mark;
    ngx_http_litellm_check_t  *check;
    ngx_http_litellm_state_t  *state;

    check = d->check;
    state = d->state;

    if (check == NULL || state == NULL || !check->checks->conf->routing
        || check->checks->lcf->config->allowed_fails_policy != NULL)
    {
        return 1;
    }

    mark = state->unhealthy;

    return mark == 0
           || (ngx_msec_int_t) (ngx_current_msec - mark)
              >= (ngx_msec_int_t) check->checks->conf->stale;
}


ngx_uint_t
ngx_http_litellm_health_choice(ngx_array_t *deployments)
{
    ngx_uint_t                  i;
    ngx_litellm_deployment_t  **d;

    d = deployments->elts;

    for (i = 0; i < deployments->nelts; i++) {

        if (!d[i]->no_credentials && !d[i]->blocked
            && (d[i]->mock || d[i]->http != NULL)
            && ngx_http_litellm_health_usable(d[i]))
        {
            return 1;
        }
    }

    return 0;
}
