
/*
 * The page that Prometheus asks for: /metrics of "litellm", where a key may be
 * asked for, and "litellm_metrics", where nginx alone says who may come.  And
 * what others may read of counters.
 *
 * The page is written a slice at a time, each in a pool of its own, and the
 * next one is begun when the client has taken it, in another turn of the event
 * loop: neither many labels nor a slow reader hold a worker up, or its memory.
 */

#include "ngx_http_litellm_metrics_text.h"
#include "ngx_http_litellm_turn.h"
#include "ngx_http_litellm_zone.h"


#define NGX_HTTP_LITELLM_METRICS_POOL  1024


typedef struct {
    ngx_http_request_t       *request;
    ngx_http_litellm_page_t   page;
    ngx_pool_t               *pool;        /* of the slice; NULL: none */
    ngx_chain_t              *out;         /* the slice: on its way */
    ngx_event_t               event;       /* the next one is due */
    unsigned                  last:1;      /* nothing follows */
} ngx_http_litellm_metrics_reader_t;


static ngx_int_t ngx_http_litellm_metrics_serve(ngx_http_request_t *r);
static void ngx_http_litellm_metrics_cleanup(void *data);
static void ngx_http_litellm_metrics_event_handler(ngx_event_t *ev);
static void ngx_http_litellm_metrics_write(ngx_http_request_t *r);
static ngx_int_t ngx_http_litellm_metrics_turn(
    ngx_http_litellm_metrics_reader_t *rd);
static void ngx_http_litellm_metrics_append(ngx_chain_t **chain,
    ngx_chain_t *cl);
static ngx_int_t ngx_http_litellm_metrics_sent(
    ngx_http_litellm_metrics_reader_t *rd);


ngx_int_t
ngx_http_litellm_metrics_api(ngx_http_request_t *r,
    ngx_http_litellm_ctx_t *ctx)
{
    ngx_int_t                      rc;
    ngx_http_litellm_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_litellm_module);

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (mcf->metrics == NULL) {
        (void) ngx_http_litellm_refuse(&ctx->error, NGX_LITELLM_NOT_FOUND,
                                       404, "invalid_request_error",
                                       "Not Found");

        return ngx_http_litellm_send_error(r, ctx, &ctx->error);
    }

    return ngx_http_litellm_metrics_serve(r);
}


/* of a location with "litellm_metrics" */

ngx_int_t
ngx_http_litellm_metrics_handler(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_http_litellm_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_litellm_module);

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (mcf->metrics == NULL || mcf->zone == NULL) {
        return NGX_HTTP_NOT_FOUND;
    }

    return ngx_http_litellm_metrics_serve(r);
}


static ngx_int_t
ngx_http_litellm_metrics_serve(ngx_http_request_t *r)
{
    ngx_int_t                           rc;
    ngx_pool_cleanup_t                 *cln;
    ngx_http_litellm_main_conf_t       *mcf;
    ngx_http_litellm_metrics_reader_t  *rd;

    cln = ngx_pool_cleanup_add(r->pool,
                               sizeof(ngx_http_litellm_metrics_reader_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rd = cln->data;
    cln->handler = ngx_http_litellm_metrics_cleanup;

    ngx_memzero(rd, sizeof(ngx_http_litellm_metrics_reader_t));

    mcf = ngx_http_get_module_main_conf(r, ngx_http_litellm_module);

    rd->request = r;
    rd->page.mcf = mcf;
    rd->page.mc = mcf->metrics;

    rd->event.handler = ngx_http_litellm_metrics_event_handler;
    rd->event.data = rd;
    rd->event.log = r->connection->log;

    r->headers_out.status = NGX_HTTP_OK;
    ngx_str_set(&r->headers_out.content_type,
                "text/plain; version=0.0.4; charset=utf-8");
    r->headers_out.content_type_len = sizeof("text/plain") - 1;
    r->headers_out.content_type_lowcase = NULL;

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_litellm_metrics_write;

    rc = ngx_http_litellm_metrics_turn(rd);

    if (rc == NGX_DONE) {
        r->main->count++;
    }

    return rc;
}


static void
ngx_http_litellm_metrics_cleanup(void *data)
{
    ngx_http_litellm_metrics_reader_t *rd = data;

    ngx_http_litellm_turn_end(&rd->event);

    ngx_http_litellm_metrics_unmerge(&rd->page);

    if (rd->pool != NULL) {
        ngx_destroy_pool(rd->pool);
        rd->pool = NULL;
    }
}


static void
ngx_http_litellm_metrics_event_handler(ngx_event_t *ev)
{
    ngx_http_litellm_metrics_reader_t *rd = ev->data;

    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = rd->request->connection;

    ngx_http_litellm_turn_end(ev);

    ngx_http_set_log_request(c->log, rd->request);

    rc = ngx_http_litellm_metrics_turn(rd);

    if (rc != NGX_DONE) {
        ngx_http_finalize_request(rd->request, rc);
    }

    ngx_http_run_posted_requests(c);
}


/* the client has taken something, or was too slow */

static void
ngx_http_litellm_metrics_write(ngx_http_request_t *r)
{
    ngx_int_t                           rc;
    ngx_event_t                        *wev;
    ngx_connection_t                   *c;
    ngx_pool_cleanup_t                 *cln;
    ngx_http_core_loc_conf_t           *clcf;
    ngx_http_litellm_metrics_reader_t  *rd;

    c = r->connection;
    wev = c->write;

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");
        c->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_litellm_metrics_cleanup) {
            break;
        }
    }

    if (cln == NULL) {
        return;
    }

    rd = cln->data;

    if (rd->out == NULL && !rd->last) {

        /* its next slice is due anyway */

        return;
    }

    if (ngx_http_output_filter(r, NULL) == NGX_ERROR) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    rc = ngx_http_litellm_metrics_sent(rd);

    if (rc != NGX_AGAIN) {

        if (wev->timer_set) {
            ngx_del_timer(wev);
        }

        if (rc != NGX_DONE) {
            ngx_http_finalize_request(r, rc);
        }

        return;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


/* NGX_OK: all of it was written; NGX_DONE: it goes on later; NGX_ERROR */

static ngx_int_t
ngx_http_litellm_metrics_turn(ngx_http_litellm_metrics_reader_t *rd)
{
    ngx_int_t                  rc;
    ngx_buf_t                 *b;
    ngx_event_t               *wev;
    ngx_chain_t               *cl;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = rd->request;

    rd->pool = ngx_create_pool(NGX_HTTP_LITELLM_METRICS_POOL,
                               r->connection->log);
    if (rd->pool == NULL) {
        return NGX_ERROR;
    }

    ngx_litellm_out_init(&rd->page.out, rd->pool);
    rd->page.out.chunk = 16 * 1024;

    rc = ngx_http_litellm_metrics_slice(&rd->page);

    if (rd->page.out.failed) {
        return NGX_ERROR;
    }

    rd->last = (rc == NGX_OK);
    rd->out = ngx_litellm_out_take(&rd->page.out);

    if (rd->last) {

        /* behind all of it */

        b = ngx_calloc_buf(rd->pool);
        cl = ngx_alloc_chain_link(rd->pool);

        if (b == NULL || cl == NULL) {
            return NGX_ERROR;
        }

        b->last_buf = (r == r->main);
        b->last_in_chain = 1;
        b->sync = !b->last_buf;

        cl->buf = b;
        cl->next = NULL;

        ngx_http_litellm_metrics_append(&rd->out, cl);

    } else if (rd->out != NULL) {

        for (cl = rd->out; cl->next; cl = cl->next) { /* void */ }

        cl->buf->flush = 1;
    }

    if (rd->out != NULL && ngx_http_output_filter(r, rd->out) == NGX_ERROR) {
        return NGX_ERROR;
    }

    rc = ngx_http_litellm_metrics_sent(rd);

    if (rc != NGX_AGAIN) {
        return rc;
    }

    wev = r->connection->write;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_DONE;
}


static void
ngx_http_litellm_metrics_append(ngx_chain_t **chain, ngx_chain_t *cl)
{
    while (*chain) {
        chain = &(*chain)->next;
    }

    *chain = cl;
}


/*
 * NGX_AGAIN: some of the slice is not sent yet; NGX_OK: nginx sends the end of
 * the page by itself; NGX_DONE: the next slice is due.
 */

static ngx_int_t
ngx_http_litellm_metrics_sent(ngx_http_litellm_metrics_reader_t *rd)
{
    ngx_chain_t  *cl;

    if (rd->last) {
        return NGX_OK;
    }

    for (cl = rd->out; cl; cl = cl->next) {
        if (ngx_buf_size(cl->buf) != 0) {
            return NGX_AGAIN;
        }
    }

    rd->out = NULL;

    ngx_destroy_pool(rd->pool);
    rd->pool = NULL;

    ngx_http_litellm_turn_begin(&rd->event);

    return NGX_DONE;
}


ngx_int_t
ngx_http_litellm_metrics_of(ngx_http_litellm_main_conf_t *mcf,
    ngx_litellm_deployment_t *d, ngx_http_litellm_metrics_of_t *of)
{
    ngx_http_litellm_row_t  *row;

    row = (mcf->metrics != NULL)
          ? ngx_http_litellm_metrics_row_of(mcf->metrics, d, 0) : NULL;

    if (row == NULL) {
        ngx_memzero(of, sizeof(ngx_http_litellm_metrics_of_t));
        return NGX_DECLINED;
    }

    *of = *(ngx_http_litellm_row_deployment_t *)
          ngx_http_litellm_row_counters(row);

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_metrics_sum(ngx_http_litellm_main_conf_t *mcf,
    ngx_http_litellm_metrics_sum_t *sum)
{
    ngx_uint_t                   i, n;
    ngx_http_litellm_counter_t  *to, *from;

    ngx_memzero(sum, sizeof(ngx_http_litellm_metrics_sum_t));

    if (mcf->metrics == NULL) {
        return NGX_DECLINED;
    }

    /* all of it is counters, up to the process */

    for (i = 0; i <= NGX_HTTP_LITELLM_METRICS_WORKERS; i++) {

        to = (ngx_http_litellm_counter_t *) sum;
        from = (ngx_http_litellm_counter_t *)
               &mcf->metrics->m.sh->workers[i];

        for (n = 0;
             n < offsetof(ngx_http_litellm_row_worker_t, pid)
                 / sizeof(ngx_http_litellm_counter_t);
             n++)
        {
            to[n] += from[n];
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_litellm_metrics_worker(ngx_http_litellm_main_conf_t *mcf,
    ngx_uint_t i, ngx_http_litellm_metrics_sum_t *worker)
{
    ngx_pid_t                       pid;
    ngx_http_litellm_row_worker_t  *w;

    if (mcf->metrics == NULL) {
        return NGX_DECLINED;
    }

    w = &mcf->metrics->m.sh->workers[i];

    pid = (ngx_pid_t) w->pid;

    if (pid == 0
        || (pid != ngx_pid && ngx_http_litellm_zone_gone(pid)))
    {
        return NGX_DECLINED;
    }

    *worker = *w;

    return NGX_OK;
}
