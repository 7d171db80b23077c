
/*
 * What clients give as URLs, for providers that want bytes: when a dialect's
 * request() has put URLs on call->fetches, they are fetched here and request()
 * is called again.  Off unless litellm_fetch is on.
 *
 * A URL in a prompt is anybody's, the network around a gateway is not: each
 * one, and each Location, is parsed strictly; its host is looked up once; only
 * addresses that core/ngx_litellm_guard.c allows are connected to, and no
 * others can be (ngx_http_litellm_origin_guest.c).  Nothing of the client's
 * request and no credentials are sent.  Bounds: the number of URLs
 * (provider/ngx_litellm_fetch.c), how many at a time, hops, bytes of all that
 * a request fetches, time of each.
 *
 * Each hop is an exchange of the same kind as an attempt's, "raw": it belongs
 * to no deployment, and only its bytes count.  All steps start from the event
 * of the attempt that waits, never inside of a clone's end.
 */

#include "ngx_http_litellm.h"


#define NGX_HTTP_LITELLM_FETCH_PARALLEL  4
#define NGX_HTTP_LITELLM_FETCH_HOPS      4

#define NGX_HTTP_LITELLM_FETCH_AGENT                                          \
    "ngx_http_litellm_module/" NGX_HTTP_LITELLM_VERSION


typedef enum {
    NGX_HTTP_LITELLM_JOB_DUE = 0,      /* its URL is to be fetched */
    NGX_HTTP_LITELLM_JOB_RUNNING,
    NGX_HTTP_LITELLM_JOB_DONE
} ngx_http_litellm_job_e;


typedef struct {
    ngx_http_litellm_attempt_t      *owner;
    ngx_litellm_fetch_t             *fetch;
    ngx_http_litellm_job_e           state;
    ngx_uint_t                       hops;
    ngx_str_t                        text;       /* the URL of this hop */
    ngx_litellm_target_t             target;
    ngx_http_litellm_origin_t       *guest;
    ngx_http_litellm_resolve_t       resolve;
    ngx_http_upstream_conf_t         conf;
    ngx_http_litellm_attempt_t      *exchange;   /* NULL: none under way */
    ngx_event_t                      timer;
} ngx_http_litellm_job_t;


struct ngx_http_litellm_fetching_s {
    ngx_http_litellm_job_t          *jobs;
    ngx_uint_t                       njobs;
};


static ngx_int_t ngx_http_litellm_fetch_step(ngx_http_litellm_attempt_t *a);
static ngx_int_t ngx_http_litellm_job_run(ngx_http_litellm_job_t *job);
static void ngx_http_litellm_job_resolved(ngx_http_litellm_resolve_t *rs,
    ngx_int_t rc);
static ngx_int_t ngx_http_litellm_job_connect(ngx_http_litellm_job_t *job,
    ngx_int_t rc);
static ngx_int_t ngx_http_litellm_job_allowed(void *data,
    struct sockaddr *sa);
static ngx_int_t ngx_http_litellm_job_send(ngx_http_litellm_job_t *job);
static void ngx_http_litellm_job_answer(ngx_http_litellm_attempt_t *ex);
static ngx_uint_t ngx_http_litellm_job_redirect(ngx_http_litellm_job_t *job,
    ngx_http_litellm_attempt_t *ex);
static ngx_str_t *ngx_http_litellm_job_header(ngx_http_litellm_attempt_t *ex,
    const char *name, size_t len);
static const char *ngx_http_litellm_job_bad(ngx_http_litellm_attempt_t *ex);
static ngx_int_t ngx_http_litellm_job_keep(ngx_http_litellm_job_t *job,
    ngx_http_litellm_attempt_t *ex);
static void ngx_http_litellm_job_timeout(ngx_event_t *ev);
static void ngx_http_litellm_job_fail(ngx_http_litellm_job_t *job,
    const char *why);
static void ngx_http_litellm_job_stop(ngx_http_litellm_job_t *job);


ngx_int_t
ngx_http_litellm_fetch(ngx_http_litellm_attempt_t *a)
{
    ngx_uint_t                      i, n;
    ngx_litellm_fetch_t            *f;
    ngx_http_litellm_job_t         *job;
    ngx_http_litellm_fetching_t    *fetching;

    if (a->call->fetches == NULL) {
        return NGX_ERROR;
    }

    f = a->call->fetches->elts;
    n = 0;

    for (i = 0; i < a->call->fetches->nelts; i++) {
        n += !f[i].done;
    }

    if (n == 0) {

        /* all are there: asking once more would go on for ever */

        return NGX_ERROR;
    }

    fetching = ngx_palloc(a->parent->pool,
                          sizeof(ngx_http_litellm_fetching_t));
    if (fetching == NULL) {
        return NGX_ERROR;
    }

    job = ngx_pcalloc(a->parent->pool, n * sizeof(ngx_http_litellm_job_t));
    if (job == NULL) {
        return NGX_ERROR;
    }

    fetching->jobs = job;
    fetching->njobs = n;

    a->fetching = fetching;

    for (i = 0; i < a->call->fetches->nelts; i++) {

        if (f[i].done) {
            continue;
        }

        job->owner = a;
        job->fetch = &f[i];
        job->text = f[i].url;
        job++;
    }

    return ngx_http_litellm_fetch_step(a);
}


/* starts what may start; the last one that ends leads back to request() */

static ngx_int_t
ngx_http_litellm_fetch_step(ngx_http_litellm_attempt_t *a)
{
    ngx_uint_t               i, running;
    ngx_http_litellm_job_t  *job;

    job = a->fetching->jobs;
    running = 0;

    for (i = 0; i < a->fetching->njobs; i++) {
        running += (job[i].state == NGX_HTTP_LITELLM_JOB_RUNNING);
    }

    for (i = 0; i < a->fetching->njobs; i++) {

        if (running == NGX_HTTP_LITELLM_FETCH_PARALLEL) {
            break;
        }

        if (job[i].state != NGX_HTTP_LITELLM_JOB_DUE) {
            continue;
        }

        if (ngx_http_litellm_job_run(&job[i]) == NGX_ERROR) {
            return NGX_ERROR;
        }

        running += (job[i].state == NGX_HTTP_LITELLM_JOB_RUNNING);
    }

    if (running) {
        return NGX_AGAIN;
    }

    a->fetching = NULL;

    return ngx_http_litellm_attempt_request(a);
}


/* a hop: NGX_OK: see its state; NGX_ERROR: no memory */

static ngx_int_t
ngx_http_litellm_job_run(ngx_http_litellm_job_t *job)
{
    ngx_int_t                     rc;
    const char                   *why;
    ngx_http_request_t           *r;
    ngx_http_litellm_loc_conf_t  *lcf;

    r = job->owner->parent;
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_litellm_module);

    job->state = NGX_HTTP_LITELLM_JOB_RUNNING;

    if (job->hops == 0) {
        job->timer.handler = ngx_http_litellm_job_timeout;
        job->timer.data = job;
        job->timer.log = r->connection->log;

        ngx_add_timer(&job->timer, lcf->fetch_timeout);
    }

    rc = ngx_litellm_guard_url(&lcf->fetch_guard, r->pool, &job->text,
                               &job->target, &why);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        ngx_http_litellm_job_fail(job, why);
        return NGX_OK;
    }

    job->guest = ngx_http_litellm_origin_guest(lcf->fetch_host, r->pool,
                                               &job->target.url);
    if (job->guest == NULL) {
        return NGX_ERROR;
    }

    job->resolve.handler = ngx_http_litellm_job_resolved;
    job->resolve.data = job;

    rc = ngx_http_litellm_origin_resolve(job->guest, &job->resolve,
                                         r->connection->log);
    if (rc == NGX_AGAIN) {
        return NGX_OK;
    }

    return ngx_http_litellm_job_connect(job, rc);
}


static void
ngx_http_litellm_job_resolved(ngx_http_litellm_resolve_t *rs, ngx_int_t rc)
{
    ngx_connection_t            *c;
    ngx_http_litellm_job_t      *job;
    ngx_http_litellm_attempt_t  *a;

    job = rs->data;
    a = job->owner;
    c = a->parent->connection;

    ngx_http_set_log_request(c->log, a->parent);

    if (ngx_http_litellm_job_connect(job, rc) == NGX_ERROR) {
        ngx_http_litellm_attempt_resume(a, NGX_ERROR);

    } else if (job->state == NGX_HTTP_LITELLM_JOB_DONE) {
        ngx_http_litellm_attempt_later(a, ngx_http_litellm_fetch_step, 0);
    }

    ngx_http_run_posted_requests(c);
}


/*
 * That a name is not known and that its addresses are not allowed is one text
 * to the client, who learns nothing about names of the network inside.
 */

static ngx_int_t
ngx_http_litellm_job_connect(ngx_http_litellm_job_t *job, ngx_int_t rc)
{
    ngx_http_litellm_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(job->owner->parent,
                                       ngx_http_litellm_module);

    if (rc == NGX_OK) {
        rc = ngx_http_litellm_origin_restrict(job->guest,
                                              ngx_http_litellm_job_allowed,
                                              &lcf->fetch_guard);
        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    if (rc != NGX_OK) {
        ngx_http_litellm_job_fail(job, "its host has no address that is "
                                       "allowed");
        return NGX_OK;
    }

    return ngx_http_litellm_job_send(job);
}


static ngx_int_t
ngx_http_litellm_job_allowed(void *data, struct sockaddr *sa)
{
    return ngx_litellm_guard_address(data, sa);
}


static ngx_int_t
ngx_http_litellm_job_send(ngx_http_litellm_job_t *job)
{
    ngx_str_t                     value;
    ngx_litellm_wire_t           *w;
    ngx_http_litellm_attempt_t   *a, *ex;
    ngx_http_litellm_loc_conf_t  *lcf;

    a = job->owner;
    lcf = ngx_http_get_module_loc_conf(a->parent, ngx_http_litellm_module);

    ex = ngx_http_litellm_attempt_create(a->parent, a->ctx, a->call,
                                         a->deployment);
    if (ex == NULL) {
        return NGX_ERROR;
    }

    job->conf = *lcf->fetch_conf;
    job->conf.upstream = ngx_http_litellm_origin_upstream(job->guest);

    ex->raw = 1;
    ex->endpoint = NULL;
    ex->extra = NULL;
    ex->url = &job->target.url;
    ex->conf = &job->conf;
    ex->handler = ngx_http_litellm_job_answer;
    ex->data = job;

    w = &ex->wire;

    ngx_str_set(&w->method, "GET");
    w->path = job->target.target;
    w->whole = 1;

    ngx_str_set(&value, "*/*");

    if (ngx_litellm_wire_header(w, "Accept", sizeof("Accept") - 1, &value)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&value, NGX_HTTP_LITELLM_FETCH_AGENT);

    if (ngx_litellm_wire_header(w, "User-Agent", sizeof("User-Agent") - 1,
                                &value)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    job->exchange = ex;

    return (ngx_http_litellm_attempt_send(ex) == NGX_AGAIN) ? NGX_OK
                                                            : NGX_ERROR;
}


/* in the post_subrequest handler of the hop's clone */

static void
ngx_http_litellm_job_answer(ngx_http_litellm_attempt_t *ex)
{
    ngx_http_litellm_job_t *job = ex->data;

    const char  *why;

    job->exchange = NULL;

    if (job->state != NGX_HTTP_LITELLM_JOB_RUNNING) {
        return;
    }

    if (!ngx_http_litellm_job_redirect(job, ex)) {

        why = ngx_http_litellm_job_bad(ex);

        if (why == NULL && ngx_http_litellm_job_keep(job, ex) != NGX_OK) {
            why = "no memory";
        }

        if (why != NULL) {
            ngx_http_litellm_job_fail(job, why);
        }
    }

    ngx_http_litellm_attempt_later(job->owner, ngx_http_litellm_fetch_step, 0);
}


/* true: the job has another URL, or has failed */

static ngx_uint_t
ngx_http_litellm_job_redirect(ngx_http_litellm_job_t *job,
    ngx_http_litellm_attempt_t *ex)
{
    ngx_str_t  *location;

    switch (ex->status) {

    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
        break;

    default:
        return 0;
    }

    location = ngx_http_litellm_job_header(ex, "location",
                                           sizeof("location") - 1);
    if (location == NULL || location->len == 0) {
        return 0;
    }

    if (++job->hops == NGX_HTTP_LITELLM_FETCH_HOPS) {
        ngx_http_litellm_job_fail(job, "too many redirects");
        return 1;
    }

    if (ngx_litellm_guard_location(ex->parent->pool, &job->target, location,
                                   &job->text)
        != NGX_OK)
    {
        ngx_http_litellm_job_fail(job, "no memory");
        return 1;
    }

    if (job->target.url.tls
        && (job->text.len < 8
            || ngx_strncasecmp(job->text.data, (u_char *) "https://", 8) != 0))
    {
        ngx_http_litellm_job_fail(job, "a redirect from https to http");
        return 1;
    }

    job->state = NGX_HTTP_LITELLM_JOB_DUE;

    return 1;
}


static ngx_str_t *
ngx_http_litellm_job_header(ngx_http_litellm_attempt_t *ex, const char *name,
    size_t len)
{
    ngx_uint_t                  i;
    ngx_http_litellm_header_t  *h;

    h = ex->headers.elts;

    for (i = 0; i < ex->headers.nelts; i++) {
        if (h[i].key.len == len
            && ngx_strncmp(h[i].lowcase, name, len) == 0)
        {
            return &h[i].value;
        }
    }

    return NULL;
}


/* NULL: it is a whole file */

static const char *
ngx_http_litellm_job_bad(ngx_http_litellm_attempt_t *ex)
{
    ngx_str_t  *coding;

    if (ex->status == 0) {
        return (ex->rc == NGX_HTTP_GATEWAY_TIME_OUT)
               ? "its server did not answer in time"
               : "its server could not be reached or gave no valid answer";
    }

    if (ex->status != NGX_HTTP_OK) {
        return (ex->status >= 500) ? "its server answered with an error"
               : (ex->status == 401 || ex->status == 403)
                 ? "its server did not permit it"
               : (ex->status == 404 || ex->status == 410)
                 ? "its server does not have it"
               : "its server answered with another status than 200";
    }

    if (ex->error.class == NGX_LITELLM_BAD_GATEWAY) {
        return "larger than \"litellm_fetch_max_size\"";
    }

    if (ex->error.class != NGX_LITELLM_NO_ERROR
        || (!ex->body_done
            && (ex->rc != NGX_OK || ex->is_chunked
                || ex->request->upstream->headers_in.content_length_n != -1)))
    {
        return "its server did not send all of it";
    }

    if (ex->size == 0) {
        return "it is empty";
    }

    coding = ngx_http_litellm_job_header(ex, "content-encoding",
                                         sizeof("content-encoding") - 1);

    if (coding != NULL
        && !(coding->len == sizeof("identity") - 1
             && ngx_strncasecmp(coding->data, (u_char *) "identity",
                                sizeof("identity") - 1)
                == 0))
    {
        return "its server sent a content coding that nobody asked for";
    }

    return NULL;
}


static ngx_int_t
ngx_http_litellm_job_keep(ngx_http_litellm_job_t *job,
    ngx_http_litellm_attempt_t *ex)
{
    ngx_str_t             body;
    ngx_pool_t           *pool;
    ngx_litellm_fetch_t  *f;

    f = job->fetch;
    pool = ex->ctx->pool;

    body.data = ex->body;
    body.len = ex->size;

    if (ngx_litellm_fetch_media(pool, f, &ex->content_type, &body)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    f->data.data = ngx_pnalloc(pool, ngx_base64_encoded_length(body.len));
    if (f->data.data == NULL) {
        return NGX_ERROR;
    }

    ngx_encode_base64(&f->data, &body);

    if (ex->alloc) {
        (void) ngx_pfree(pool, ex->body);
        ex->body = NULL;
        ex->size = 0;
        ex->alloc = 0;
    }

    f->done = 1;

    ngx_http_litellm_job_stop(job);

    return NGX_OK;
}


static void
ngx_http_litellm_job_timeout(ngx_event_t *ev)
{
    ngx_connection_t            *c;
    ngx_http_litellm_job_t      *job;
    ngx_http_litellm_attempt_t  *ex;

    job = ev->data;
    c = job->owner->parent->connection;

    ngx_http_set_log_request(c->log, job->owner->parent);

    ex = job->exchange;
    job->exchange = NULL;

    ngx_http_litellm_job_fail(job, "it took longer than "
                                   "\"litellm_fetch_timeout\"");

    if (ex != NULL) {
        ngx_http_litellm_attempt_cancel(ex, NGX_LITELLM_TIMEOUT,
                                        "Request timed out.");
    }

    ngx_http_litellm_attempt_later(job->owner, ngx_http_litellm_fetch_step, 0);

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_litellm_job_fail(ngx_http_litellm_job_t *job, const char *why)
{
    ngx_http_request_t  *r;

    r = job->owner->parent;

    /* the host alone: the rest of a URL may be signed */

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "litellm: a file at \"%V\" was not fetched: %s",
                  &job->target.url.host, why);

    job->fetch->error = why;
    job->fetch->done = 1;

    ngx_http_litellm_job_stop(job);
}


static void
ngx_http_litellm_job_stop(ngx_http_litellm_job_t *job)
{
    job->state = NGX_HTTP_LITELLM_JOB_DONE;

    if (job->timer.timer_set) {
        ngx_del_timer(&job->timer);
    }

    ngx_http_litellm_origin_cancel(&job->resolve);
}


/* timers and lookups; the request may be gone */

void
ngx_http_litellm_fetch_forget(ngx_http_litellm_attempt_t *a)
{
    ngx_uint_t  i;

    if (a->fetching == NULL) {
        return;
    }

    for (i = 0; i < a->fetching->njobs; i++) {
        ngx_http_litellm_job_stop(&a->fetching->jobs[i]);
    }
}


void
ngx_http_litellm_fetch_cancel(ngx_http_litellm_attempt_t *a)
{
    ngx_uint_t                   i;
    ngx_http_litellm_fetching_t  *fetching;
    ngx_http_litellm_attempt_t   *ex;

    fetching = a->fetching;

    if (fetching == NULL) {
        return;
    }

    ngx_http_litellm_fetch_forget(a);

    a->fetching = NULL;

    for (i = 0; i < fetching->njobs; i++) {

        ex = fetching->jobs[i].exchange;
        fetching->jobs[i].exchange = NULL;

        if (ex != NULL) {
            ngx_http_litellm_attempt_cancel(ex, NGX_LITELLM_TIMEOUT,
                                            "Request timed out.");
        }
    }
}
