
/*
 * Metrics' directives, their zone over reloads, what the configurations say of
 * labels, and workers: each has a place in the zone where it tells that it is
 * alive and how late its event loop is.
 */

#include "ngx_http_litellm_metrics.h"


#define NGX_HTTP_LITELLM_METRICS_SIZE   (8 * 1024 * 1024)
#define NGX_HTTP_LITELLM_METRICS_MIN    (256 * 1024)

/* of the zone, for each deployment, so that half of it is left */
#define NGX_HTTP_LITELLM_METRICS_ENTRY  4096

#define NGX_HTTP_LITELLM_METRICS_TICK   500


static ngx_int_t ngx_http_litellm_metrics_add(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf, ngx_str_t *name, size_t size);
static ngx_int_t ngx_http_litellm_metrics_zone_init(ngx_shm_zone_t *zone,
    void *data);
static ngx_int_t ngx_http_litellm_metrics_settings(ngx_conf_t *cf,
    ngx_http_litellm_metrics_conf_t *mc, ngx_litellm_config_t *config);
static ngx_int_t ngx_http_litellm_metrics_twins(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf);
static int ngx_libc_cdecl ngx_http_litellm_metrics_compare(const void *one,
    const void *two);
static ngx_int_t ngx_http_litellm_metrics_order(ngx_str_t *a, ngx_str_t *b);
static void ngx_http_litellm_metrics_tick(ngx_event_t *ev);


ngx_http_litellm_row_worker_t  *ngx_http_litellm_metrics_self;

/* what tells the zone from those of other directives */
static ngx_uint_t   ngx_http_litellm_metrics_tag;

/* of this worker */
static ngx_event_t  ngx_http_litellm_metrics_event;
static ngx_msec_t   ngx_http_litellm_metrics_due;


char *
ngx_http_litellm_metrics_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_litellm_main_conf_t *mcf = conf;

    u_char     *p;
    ssize_t     size;
    ngx_str_t  *value, name, s;

    if (mcf->metrics != NULL || mcf->metrics_off) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        mcf->metrics_off = 1;
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value[1].data, "zone=", 5) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\", expected "
                           "\"zone=name:size\" or \"off\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    name.data = value[1].data + 5;

    p = (u_char *) ngx_strchr(name.data, ':');

    if (p == NULL || p == name.data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone \"%V\", expected "
                           "\"zone=name:size\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    name.len = p - name.data;

    s.data = p + 1;
    s.len = value[1].data + value[1].len - s.data;

    size = ngx_parse_size(&s);

    if (size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone size \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (size < NGX_HTTP_LITELLM_METRICS_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is too small, expected 256k at least",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    return (ngx_http_litellm_metrics_add(cf, mcf, &name, size) == NGX_OK)
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
ngx_http_litellm_metrics_location(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler == ngx_http_litellm_metrics_handler) {
        return "is duplicate";
    }

    clcf->handler = ngx_http_litellm_metrics_handler;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_litellm_metrics_add(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf, ngx_str_t *name, size_t size)
{
    ngx_shm_zone_t                   *zone;
    ngx_http_litellm_metrics_conf_t  *mc;

    mc = ngx_pcalloc(cf->pool, sizeof(ngx_http_litellm_metrics_conf_t));
    if (mc == NULL) {
        return NGX_ERROR;
    }

    mc->m.known = ngx_pcalloc(cf->pool, NGX_HTTP_LITELLM_METRICS_KNOWN
                                        * sizeof(ngx_http_litellm_known_t));
    if (mc->m.known == NULL) {
        return NGX_ERROR;
    }

    zone = ngx_shared_memory_add(cf, name, size,
                                 &ngx_http_litellm_metrics_tag);
    if (zone == NULL) {
        return NGX_ERROR;
    }

    zone->init = ngx_http_litellm_metrics_zone_init;
    zone->data = mc;

    mc->zone = zone;
    mcf->metrics = mc;

    return NGX_OK;
}


static ngx_int_t
ngx_http_litellm_metrics_zone_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_http_litellm_metrics_conf_t *old = data;

    ngx_http_litellm_metrics_conf_t  *mc;

    mc = zone->data;

    mc->m.shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (old || zone->shm.exists) {

        if (ngx_http_litellm_metrics_adopt(&mc->m) == NGX_OK) {
            return NGX_OK;
        }

        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "litellm_metrics_zone \"%V\" was made by another "
                      "version of the module: give it another name, or "
                      "restart nginx", &zone->shm.name);
        return NGX_ERROR;
    }

    if (ngx_http_litellm_metrics_make(&mc->m) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "litellm_metrics_zone \"%V\" is too small; make it "
                      "larger", &zone->shm.name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * Labels are of the zone, which all configurations share: what one of them
 * leaves out is left out.
 */

ngx_int_t
ngx_http_litellm_metrics_init(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf)
{
    size_t                            size;
    ngx_uint_t                        i, n;
    ngx_http_litellm_file_t          *file;
    ngx_http_litellm_metrics_conf_t  *mc;

    static ngx_str_t  name = ngx_string("litellm_metrics");

    if (mcf->metrics_off) {
        return NGX_OK;
    }

    file = mcf->files.elts;

    if (mcf->metrics == NULL) {

        for (i = 0, n = 0; i < mcf->files.nelts; i++) {
            if (file[i].config != NULL) {
                n += file[i].config->deployments.nelts;
            }
        }

        size = NGX_HTTP_LITELLM_METRICS_SIZE;

        while (size / NGX_HTTP_LITELLM_METRICS_ENTRY < n) {
            size *= 2;
        }

        if (ngx_http_litellm_metrics_add(cf, mcf, &name, size) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    mc = mcf->metrics;
    mc->max = NGX_MAX_INT32_VALUE;

    if (ngx_array_init(&mc->no_metrics, cf->pool, 1, sizeof(ngx_str_t))
        != NGX_OK
        || ngx_array_init(&mc->shown, cf->pool, 1,
                          sizeof(ngx_litellm_metrics_shown_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < mcf->files.nelts; i++) {
        if (file[i].config != NULL
            && ngx_http_litellm_metrics_settings(cf, mc, file[i].config)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_http_litellm_metrics_twins(cf, mcf);
}


static ngx_int_t
ngx_http_litellm_metrics_settings(ngx_conf_t *cf,
    ngx_http_litellm_metrics_conf_t *mc, ngx_litellm_config_t *config)
{
    ngx_str_t                 *name, *to, *label;
    ngx_uint_t                 i, n;
    ngx_litellm_metrics_t     *m;

    m = &config->metrics;

    if (m->end_user) {
        mc->end_user = 1;
    }

    if (m->max && m->max < mc->max) {
        mc->max = m->max;
    }

    name = m->no_metrics ? m->no_metrics->elts : NULL;

    for (i = 0; m->no_metrics && i < m->no_metrics->nelts; i++) {

        if (!ngx_http_litellm_metrics_known(&name[i])) {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "%V: prometheus_exclude_metrics: there is no metric "
                          "\"%V\" here", &config->file, &name[i]);
            continue;
        }

        to = ngx_array_push(&mc->no_metrics);
        if (to == NULL) {
            return NGX_ERROR;
        }

        *to = name[i];
    }

    name = m->no_labels ? m->no_labels->elts : NULL;

    for (i = 0; m->no_labels && i < m->no_labels->nelts; i++) {

        for (n = 0; n < NGX_HTTP_LITELLM_L_SCOPE; n++) {

            label = ngx_http_litellm_metrics_label(n);

            if (label->len == name[i].len
                && ngx_memcmp(label->data, name[i].data, label->len) == 0)
            {
                mc->no_labels |= (ngx_uint_t) 1 << n;
                break;
            }
        }

        if (n == NGX_HTTP_LITELLM_L_SCOPE) {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "%V: prometheus_exclude_labels: no metric has a "
                          "label \"%V\" here", &config->file, &name[i]);
        }
    }

    return ngx_http_litellm_metrics_filter(cf, mc, config);
}


/*
 * Two files may have the same deployment, and each has a state of its own.
 * Prometheus takes one value of one name only: that of the first file.
 */

static ngx_int_t
ngx_http_litellm_metrics_twins(ngx_conf_t *cf,
    ngx_http_litellm_main_conf_t *mcf)
{
    ngx_uint_t                   i, j;
    ngx_array_t                  all;
    ngx_litellm_config_t        *config;
    ngx_http_litellm_file_t     *file;
    ngx_litellm_deployment_t   **d, **to;

    if (mcf->files.nelts < 2) {
        return NGX_OK;
    }

    if (ngx_array_init(&all, cf->temp_pool, 64, sizeof(void *)) != NGX_OK) {
        return NGX_ERROR;
    }

    file = mcf->files.elts;

    for (i = 0; i < mcf->files.nelts; i++) {

        config = file[i].config;

        if (config == NULL) {
            continue;
        }

        d = config->deployments.elts;

        for (j = 0; j < config->deployments.nelts; j++) {
            to = ngx_array_push(&all);
            if (to == NULL) {
                return NGX_ERROR;
            }

            *to = d[j];
        }
    }

    ngx_qsort(all.elts, all.nelts, sizeof(void *),
              ngx_http_litellm_metrics_compare);

    d = all.elts;

    for (i = 1; i < all.nelts; i++) {
        if (ngx_http_litellm_metrics_compare(&d[i - 1], &d[i]) == 0) {
            d[i]->twin = 1;
        }
    }

    return NGX_OK;
}


/* what they are told apart by */

static int ngx_libc_cdecl
ngx_http_litellm_metrics_compare(const void *one, const void *two)
{
    ngx_litellm_deployment_t  *a = *(ngx_litellm_deployment_t **) one;
    ngx_litellm_deployment_t  *b = *(ngx_litellm_deployment_t **) two;

    ngx_int_t  rc;

    rc = ngx_http_litellm_metrics_order(&a->id, &b->id);

    if (rc == 0) {
        rc = ngx_http_litellm_metrics_order(&a->group, &b->group);
    }

    if (rc == 0) {
        rc = ngx_http_litellm_metrics_order(&a->full_model, &b->full_model);
    }

    if (rc == 0) {
        rc = ngx_http_litellm_metrics_order(&a->url.authority,
                                            &b->url.authority);
    }

    if (rc == 0) {
        rc = ngx_http_litellm_metrics_order(&a->url.path, &b->url.path);
    }

    return (int) rc;
}


static ngx_int_t
ngx_http_litellm_metrics_order(ngx_str_t *a, ngx_str_t *b)
{
    if (a->len != b->len) {
        return (a->len < b->len) ? -1 : 1;
    }

    return ngx_memcmp(a->data, b->data, a->len);
}


void
ngx_http_litellm_metrics_enter(ngx_cycle_t *cycle)
{
    ngx_event_t                    *ev;
    ngx_http_litellm_main_conf_t   *mcf;
    ngx_http_litellm_row_worker_t  *w;

    ngx_http_litellm_metrics_self = NULL;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_litellm_module);

    if (mcf == NULL || mcf->metrics == NULL) {
        return;
    }

    w = &mcf->metrics->m.sh->workers[ngx_worker
                                     % NGX_HTTP_LITELLM_METRICS_WORKERS];

    w->pid = (ngx_atomic_uint_t) ngx_pid;
    w->beat = (ngx_atomic_uint_t) ngx_current_msec;

    ngx_http_litellm_metrics_self =
        ngx_http_litellm_metrics_claim(&mcf->metrics->m,
                                       ngx_worker
                                       % NGX_HTTP_LITELLM_METRICS_WORKERS);

    ngx_http_litellm_bounds_set(&mcf->metrics->m,
                                mcf->metrics->nbounds ? mcf->metrics->bounds
                                                      : NULL,
                                mcf->metrics->nbounds);

    ev = &ngx_http_litellm_metrics_event;

    ev->handler = ngx_http_litellm_metrics_tick;
    ev->data = w;
    ev->log = cycle->log;
    ev->cancelable = 1;

    /* what the master has done before it began this worker is no lag */

    ngx_time_update();

    ngx_http_litellm_metrics_due = ngx_current_msec
                                   + NGX_HTTP_LITELLM_METRICS_TICK;

    ngx_add_timer(ev, NGX_HTTP_LITELLM_METRICS_TICK);
}


static void
ngx_http_litellm_metrics_tick(ngx_event_t *ev)
{
    ngx_http_litellm_row_worker_t *w = ev->data;

    ngx_msec_int_t  late;

    late = (ngx_msec_int_t) (ngx_current_msec - ngx_http_litellm_metrics_due);

    ngx_http_litellm_histogram_observe(&w->lag, ngx_http_litellm_bounds_fine,
                                       (uint64_t) ngx_max(late, 0) * 1000);

    if (w->pid == (ngx_atomic_uint_t) ngx_pid) {
        w->beat = (ngx_atomic_uint_t) ngx_current_msec;
    }

    ngx_http_litellm_metrics_due = ngx_current_msec
                                   + NGX_HTTP_LITELLM_METRICS_TICK;

    ngx_add_timer(ev, NGX_HTTP_LITELLM_METRICS_TICK);
}


void
ngx_http_litellm_metrics_leave(ngx_cycle_t *cycle)
{
    ngx_http_litellm_main_conf_t   *mcf;
    ngx_http_litellm_row_worker_t  *w;

    if (ngx_http_litellm_metrics_self == NULL) {
        return;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_litellm_module);

    if (ngx_http_litellm_metrics_event.timer_set) {
        ngx_del_timer(&ngx_http_litellm_metrics_event);
    }

    ngx_http_litellm_metrics_self =
        ngx_http_litellm_metrics_unclaim(&mcf->metrics->m,
                                         ngx_http_litellm_metrics_self);

    w = ngx_http_litellm_metrics_event.data;

    /* the next one of this place may be at work already */

    (void) ngx_atomic_cmp_set(&w->pid, (ngx_atomic_uint_t) ngx_pid, 0);
}
